/*
 * relay: moves deliveries from the outbox to their destinations.
 *
 * Loop thread only; nothing blocks. relay_tick(now) does what is due and returns when it
 * wants to be called again; `wake` asks for a tick soon. Per destination: a bounded
 * window in memory (half of it kept for leads never tried), what is in flight, health.
 * After a crash everything unfinished is due again, because one process owns the outbox.
 */
#ifndef LEADRELAY_RELAY_H
#define LEADRELAY_RELAY_H

#include "leadrelay/destination.h"
#include "leadrelay/health.h"
#include "leadrelay/http_client.h"
#include "leadrelay/mail.h"
#include "leadrelay/settings.h"
#include "leadrelay/store.h"

#include <stdbool.h>
#include <stdint.h>

struct clock;
struct entropy;
struct relay;

/* What the operator should know: logged, and later mailed. Texts hold no personal data.
 */
struct relay_event {
	enum {
		RELAY_PARKED,
		RELAY_RESUMED,
		RELAY_DEAD,
		RELAY_BACKING_OFF,
		RELAY_OPEN,
		RELAY_THROTTLED
	} kind;
	const char *destination;
	enum reason reason;
	const char *error;  /* cause; for parked: the remote's words (they speak of the
			       account, not of a lead); "" where words could quote a lead;
			       NULL for RELAY_DEAD */
	const char *remedy; /* may be "" */
	const struct uuid *lead; /* RELAY_DEAD; NULL: a mail that is not about one lead */
	int64_t waiting; /* leads pending at the destination, by the store; -1: not known
			    (it does not answer now, or RELAY_DEAD) */
};

/* An outcome that is on disk, with each exchange that led to it. */
struct relay_settled {
	const char *destination;
	const struct settled_exchange *exchanges;
	size_t exchange_count;
	const struct uuid *lead;   /* NULL: a mail that is not about one lead */
	int64_t accepted_at;       /* when the lead came; 0: a mail */
	int64_t notifications;     /* that a mail stands for; 0: no notification */
	enum outcome_kind outcome; /* the last word */
	enum reason reason;
	enum delivery_state state; /* what became of it */
	int64_t now;               /* wall */
};

/* Runs work(ctx) on a worker thread, then done(ctx) on the loop thread. The seam for
 * STEP_WORK. */
struct worker {
	void (*run)(void *worker, void (*work)(void *ctx), void (*done)(void *ctx),
		void *ctx);
	void *worker;
};

struct relay_options {
	struct store *store;
	struct transport transport;
	struct mail_transport
		mail; /* needed once a relay_configure has mail; else zero */
	struct worker worker;
	const struct clock *clock;
	const struct entropy *entropy;
	void (*wake)(void *ctx); /* relay_tick is wanted soon; any number of times; loop
				    thread */
	void (*event)(void *ctx, const struct relay_event *event);
	void (*settled)(void *ctx, const struct relay_settled *settled); /* may be NULL */
	void *ctx;
};

enum err_code relay_create(
	struct relay **out, const struct relay_options *options, struct err *err);

struct relay_destination { /* one configured destination, with its store row */
	const struct destination_settings
		*settings; /* borrowed until released() for this set was called */
	const struct destination_row *row; /* id and stored health; copied */
	bool secret_changed; /* a reload brought new credentials: a parked one tries again
			      */
};
struct relay_mail { /* mail is configured: the internal destination MAIL_DESTINATION */
	const struct mail_settings *settings; /* borrowed likewise */
	const struct destination_row *row;    /* of MAIL_DESTINATION; copied */
	bool secret_changed;                  /* as above */
};
/* The destinations of a (re)loaded configuration, and mail (NULL: not configured: mails
 * wait). Deliveries under way finish on the old settings; released(ctx) when nothing uses
 * the previous set any more (at once, or later). Fails as a whole, leaving the previous
 * set, when one cannot be created. */
enum err_code relay_configure(struct relay *relay, const struct retry_rule *retry,
	const struct relay_destination *destinations, size_t count,
	const struct relay_mail *mail, void (*released)(void *ctx), void *ctx,
	struct err *err);

/* Deliver or not (intake-only mode). */
void relay_run(struct relay *relay, bool run);
/* A lead was just accepted: its delivery goes to the fresh half of the window. Unknown
 * destinations are ignored. delivery 0: something new is there, which is not known: the
 * outbox is looked at (mails of an alert or a report; notifications). */
void relay_fresh(struct relay *relay, int64_t destination, int64_t delivery);
/* The same with what a claim of it would bring: where there is room it is not read from
 * the outbox again. The relay may take claimed->lead and leaves LEAD_INIT then. */
void relay_fresh_lead(struct relay *relay, int64_t destination, struct claimed *claimed);
/* Rows changed behind the relay's back (hold, release, discard, replay): what waits in
 * the window is claimed anew. 0: all. */
void relay_refresh(struct relay *relay, int64_t destination);
/* Operator: park with a reason in words, resume. ERR_NOT_FOUND; ERR_STALE with a sentence
 * when it makes no sense. Stored before done(ctx, code) comes. */
void relay_park(struct relay *relay, const char *destination, const char *why,
	void (*done)(void *ctx, const struct err *err), void *ctx);
void relay_resume(struct relay *relay, const char *destination,
	void (*done)(void *ctx, const struct err *err), void *ctx);
/* What is due. Returns the monotonic time of the next tick it wants (INT64_MAX: none). */
int64_t relay_tick(struct relay *relay);
/* The wall clock moved by delta ms against the monotonic one since it was last told:
 * jumped, then what waits keeps its length; or was corrected by a little. Until then the
 * relay goes on in the time it knows. */
void relay_clock_jumped(struct relay *relay, int64_t delta);
void relay_clock_slewed(struct relay *relay, int64_t delta);

struct relay_status {         /* of one destination, now */
	struct health health; /* the live one */
	int in_flight;
	int window;
	int64_t credential_expires_at; /* 0: unknown */
};
bool relay_status(
	const struct relay *relay, const char *destination, struct relay_status *out);
/* Whether an attempt on that delivery began and is not settled yet. */
bool relay_under_way(
	const struct relay *relay, const char *destination, int64_t delivery);

/* Starts nothing more; idle(ctx) when the last attempt is settled, at the latest after
 * deadline_ms (then the rest is cancelled: unknown outcomes are not recorded, they are
 * due again). */
void relay_drain(
	struct relay *relay, int64_t deadline_ms, void (*idle)(void *ctx), void *ctx);
void relay_destroy(struct relay *relay); /* after idle */

#endif
