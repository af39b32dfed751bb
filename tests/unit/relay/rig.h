/*
 * The relay on a bench: a real store run inline, a virtual clock, a network and a kind of
 * destination made of one function, and a record of everything that went out.
 */
#ifndef RELAY_RIG_H
#define RELAY_RIG_H

#include "leadrelay/clock.h"
#include "leadrelay/relay.h"

#include <stdbool.h>
#include <stdint.h>

#define RIG_DESTINATIONS 8
#define RIG_EVENTS 4096
#define RIG_START INT64_C(1795350868000)

enum {                    /* an answer that is no HTTP status */
	RIG_REFUSED = 0,  /* connection refused */
	RIG_UNKNOWN = -1, /* sent, closed without an answer */
	RIG_HANG = -2,    /* nothing for 60 s, then as above */
};

struct rig_asked { /* one request on the wire */
	char destination[32];
	char what[16]; /* deliver probe privilege read token */
	char lead[UUID_TEXT_SIZE];
	int number; /* the lead's, as accepted: from 0; -1: none */
	int64_t at; /* since the start */
};

struct rig_reply {
	int status;
	int64_t latency_ms;
	int retry_after; /* seconds; 0: none */
	bool few;
	int dop_hint;
};

struct rig_mail { /* one mail on the wire */
	char to[64];
	char message_id[96];
	char *message; /* the last one's stays */
	bool check;
	int64_t at; /* since the start */
};

struct rig_wire;

struct rig { /* large: static, not on the stack */
	char dir[64];
	struct store *store;
	struct relay *relay;
	struct worker worker;
	int64_t wall, mono;
	uint64_t seed;
	struct uuid last_id;
	struct retry_rule retry;

	struct destination_settings *settings; /* of the current set */
	struct destination_settings *old[1024];
	int old_count;
	int64_t ids[RIG_DESTINATIONS];
	int64_t source;
	int count; /* destinations */
	bool tokens;
	bool secret_changed;
	struct mail_settings *mail; /* NULL: not configured; of the next rig_configure */
	int64_t mail_id;

	/* default: accepted after 50 ms */
	void (*mail_answer)(
		struct rig *rig, const struct rig_mail *mail, struct mail_answer *answer);
	int64_t mail_latency_ms; /* of the next answer */
	struct rig_letter *letters;

	void (*answer)(
		struct rig *rig, const struct rig_asked *asked, struct rig_reply *reply);
	void *test; /* the test's own */
	struct rig_wire *wire;
	bool woken;
	bool store_stuck; /* the store thread does not come by */

	/* what happened */
	struct relay_event events[RIG_EVENTS];
	int event_count;
	/* what is on disk: exchanges of deliveries, notifications, by outcome */
	int64_t exchanges[OUTCOME_COUNT], notified[OUTCOME_COUNT];
	int64_t last_age_ms; /* of the delivery settled last */
	bool last_has_lead;
	int sent[RIG_DESTINATIONS];      /* deliveries put on the wire */
	int under_way[RIG_DESTINATIONS]; /* now */
	int most_at_once[RIG_DESTINATIONS];
	int tokens_at_once, most_tokens_at_once, tokens_asked, probes_asked;
	struct rig_mail mails[4096]; /* conversations begun */
	int mail_count, mails_under_way, most_mails_at_once;
	int cancelled;
	int released;
	bool idle;
	int *seen; /* by lead number: 2xx answers at destination 0 */
	int accepted;
	struct uuid *leads; /* by number */
};

/* A rig with count destinations d0 d1 ...; every request is answered 201 after 50 ms. */
void rig_open(struct rig *rig, int count, int64_t max_waiting);
void rig_close(struct rig *rig);
/* Creates the relay (again), as a start does: from the store's rows. */
void rig_start(struct rig *rig);
void rig_stop(struct rig *rig); /* without drain: memory is gone, as after a crash */
/* Configures the first count destinations with rig->retry and this many at once. */
void rig_configure(struct rig *rig, int count, int concurrency);
/* One lead to each of the first `destinations` destinations; the relay is told when
 * fresh. */
void rig_accept(struct rig *rig, int destinations, bool fresh);
/* The same to the first destination, with one contact. digest_ms: as job_accept's. */
void rig_accept_telling(struct rig *rig, const char *contact, int64_t digest_ms);
/* Runs until nothing is due before `ms` from now have passed. */
void rig_run(struct rig *rig, int64_t ms);
void rig_jump(
	struct rig *rig, int64_t delta); /* the wall clock only; the relay is told */
void rig_jump_untold(struct rig *rig, int64_t delta);

struct destination_row rig_row(struct rig *rig, int destination);
struct destination_row rig_mail_row(struct rig *rig);
int rig_events(const struct rig *rig, int kind); /* how many of a kind */
struct relay_status rig_status(struct rig *rig, int destination);

#endif
