/*
 * store: the outbox on disk (SQLite) and the one thread that writes it.
 *
 * Promise: a job whose done() sees ERR_OK is committed and synced (WAL,
 * synchronous=FULL). Jobs submitted while a commit was syncing become the next
 * transaction together; each runs in its own savepoint, so a bad one rolls back alone.
 * When the commit fails, every job of the batch hears so, the connection is closed and
 * reopened, and nothing is accepted until a marker row was committed; what the failed
 * batch wrote may still turn up (it is then counted like any other).
 *
 * One process, one writing connection, which also does every checkpoint (SQLite's
 * WAL-reset race needs two). The header speaks in the relay's words; SQL stays inside.
 *
 * Threads: store_open/close: the owner, blocking. store_submit, store_call: any thread.
 * run: store thread. done: loop thread.
 */
#ifndef LEADRELAY_STORE_H
#define LEADRELAY_STORE_H

#include "leadrelay/delivery.h"
#include "leadrelay/err.h"
#include "leadrelay/health.h"
#include "leadrelay/histogram.h"
#include "leadrelay/lead.h"
#include "leadrelay/uuid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock;
struct db;
struct entropy;
struct store;
struct uv_loop_s;

/* ---- the lock (state_dir/lock): who may write ---- */

struct store_lock;
enum lock_role {
	LOCK_DAEMON, /* says it wants the lock, waits up to wait_ms for a leadctl to hand
			it over; another daemon: ERR_LOCKED at once */
	LOCK_TOOL,   /* tries once (ERR_LOCKED with "daemon" or "tool" in the text); gives
			up at once when a daemon wants it */
};
/* Creates state_dir (0700) for LOCK_DAEMON when its parent exists; checks that mode and
 * owner are ours. */
enum err_code store_lock_take(struct store_lock **out, const char *state_dir,
	enum lock_role role, int64_t wait_ms, struct err *err);
bool store_lock_wanted(const struct store_lock
		*lock); /* a daemon is waiting: finish the batch, close, release */
void store_lock_release(struct store_lock *lock); /* NULL is fine */

/* ---- facts ---- */

int store_schema_newest(void);          /* the schema this program writes */
const char *store_sqlite_version(void); /* of the library at run time: "3.40.1" */
int store_sqlite_number(void);          /* 3040001 */

/* ---- life ---- */

struct store_options {
	const char *state_dir;
	const struct clock *clock;
	const struct entropy *entropy;
	const char *vfs;     /* NULL: SQLite's default; a test brings its own */
	int64_t wal_ceiling; /* bytes; 0: 64 MiB */
	int64_t max_waiting; /* jobs that wait before ERR_BUSY; 0: 20000 */
	/* Called on the loop thread at each change between working and failing. NULL: not
	 * told. */
	void (*on_health)(void *ctx, bool working, const char *text);
	void *ctx;
};

/* Opens or creates outbox.db (0600), recovers the WAL, migrates, verifies WAL,
 * synchronous=FULL, secure_delete, foreign keys, integrity of the counters' shape. A
 * newer schema, a foreign file, a damaged one: an error that says what to do; nothing is
 * changed. */
enum err_code store_open(
	struct store **out, const struct store_options *options, struct err *err);
/* Starts the store thread; done() callbacks come on loop. Without it, store_call runs
 * jobs inline. */
enum err_code store_start(struct store *store, struct uv_loop_s *loop, struct err *err);
/* Finishes what is queued, checkpoints, stops the thread; then submits are refused;
 * stopped() on the loop when its handles are closed. */
void store_stop(struct store *store, void (*stopped)(void *ctx), void *ctx);
void store_close(struct store *store); /* after store_stop, or without a thread;
					  checkpoints and truncates the WAL */
bool store_working(
	const struct store *store); /* false: failing; intake answers 503. Any thread. */
int64_t store_waiting(const struct store *store); /* jobs queued. Any thread. */
/* How often the thread came round (a batch, a checkpoint, a try to come back): it goes on
 * as long as this grows. Any thread. */
int64_t store_turns(const struct store *store);
struct store_figures {
	struct histogram commit_s;    /* how long each commit took that wrote something */
	struct histogram batch_leads; /* leads in each that holds any */
};
void store_figures(struct store *store, struct store_figures *out); /* any thread */

/* ---- jobs ---- */

struct store_job { /* embedded first in every job below; kept by its owner until done */
	enum err_code (*run)(struct store_job *job, struct db *db,
		struct err *err); /* set by the job's prepare function */
	void (*done)(struct store_job
			*job); /* set by the caller; loop thread; code and err are set */
	/* set by the prepare function, or NULL: called once when the job is on disk,
	 * before done() */
	void (*committed)(struct store_job *job);
	enum err_code code;
	struct err err;
	struct store_job *next;      /* the queue's */
	struct store_waiter *waiter; /* the queue's: who blocks in store_call */
	bool brings_more; /* set by prepare: whoever hears of it sends the next at once */
};

/* Every job starts zeroed; its prepare function sets the parts named above (and nothing
 * else), before or after the caller fills in the rest. finish frees what the job added to
 * itself. A run may happen more than once before the job is done: outputs are set anew
 * each time. */

/* An error (nothing queued, done() never comes): ERR_BUSY when too much is waiting; what
 * the disk said (ERR_FULL, ERR_IO, ...) while the store is failing. */
enum err_code store_submit(struct store *store, struct store_job *job, struct err *err);
/* Runs one job to its commit and waits for it; done is not called. Never from the loop
 * thread while the store thread runs. */
enum err_code store_call(struct store *store, struct store_job *job, struct err *err);
/* Without a thread (a simulation, a test): runs what was submitted as one batch and calls
 * done() here, then maintenance as the thread does when idle. Returns how many were
 * done. */
size_t store_step(struct store *store);

/* -- names: sources and destinations of the configuration, at start and reload -- */

struct store_name {
	const char *name;
	const char *kind; /* destinations */
	bool keeps_key;   /* destinations */
	int64_t id;       /* out */
};
struct job_names {
	struct store_job job;
	struct store_name *sources;
	size_t source_count;
	struct store_name *destinations;
	size_t destination_count;
	bool mail; /* the configuration has mail: the internal destination for mails
		      (mails.h) is configured */
	int64_t now;
	int64_t mail_destination; /* out: its id; 0: mail never was configured */
	/* out: destinations no longer configured that have leads pending or held: now
	 * parked, reason removed */
	char (*removed)[128];
	size_t removed_count; /* the job's to free with job_names_finish */
};
void job_names_prepare(struct job_names *job);
void job_names_finish(struct job_names *job);

struct destination_row { /* what the store knows of a destination */
	int64_t id;
	char name[128];
	char kind[32];
	bool configured;
	bool keeps_key;
	struct health health; /* the stored part */
	int64_t accepted, pending, held, delivered, dead, discarded;
	int64_t oldest_pending_at; /* received_at of the oldest pending; 0: none */
};
struct job_destinations { /* all rows, for the relay's start; the internal one for mails
			     among them */
	struct store_job job;
	struct destination_row *rows; /* out; finish frees */
	size_t count;
};
void job_destinations_prepare(struct job_destinations *job);
void job_destinations_finish(struct job_destinations *job);

/* -- accept: one request's leads, their deliveries, counters and fingerprints, in one
 * transaction -- */

enum accept_result {
	ACCEPT_NEW,
	ACCEPT_DUPLICATE,
	ACCEPT_CONFLICT /* same Idempotency-Key, other body */,
	ACCEPT_QUARANTINED
};

struct accept_lead {
	struct lead lead;            /* in; lead.id fixed by the caller */
	const int64_t *destinations; /* in, borrowed: ids, after routing */
	size_t destination_count;
	const char *const
		*contacts; /* in, borrowed: who is notified, distinct without case */
	size_t contact_count;
	/* out */
	enum accept_result result;
	struct uuid id;      /* the lead's, or the first lead's for a duplicate */
	int64_t seq;         /* when new */
	int64_t *deliveries; /* ids parallel to destinations when new; finish frees */
	int64_t *ages;       /* claimed.age_from of each, likewise */
	int64_t *mails; /* ids of its notifications when new, of the internal destination
			   for mails, all due now (none of a digest); finish frees */
	size_t mail_count;
};
struct job_accept {
	struct store_job job;
	int64_t source;            /* id */
	struct accept_lead *leads; /* in and out; the caller's (job_accept_finish frees
				      what the job added) */
	size_t count;
	const char *raw; /* the bytes as received; borrowed until done */
	size_t raw_len;
	bool check_content; /* dedupe by content: the whole body and source, within
			       dedupe_window_ms */
	int64_t dedupe_window_ms;
	const char
		*idempotency_key; /* NULL: none. Remembered 7 days with the body's hash */
	const char *quarantine; /* not NULL: why this body is not a lead yet; count is 1,
				   fields as far as understood */
	int64_t digest_ms; /* notifications wait for the end of their window; 0: at once
			    */
	int64_t now;
	enum accept_result result; /* out, of the request: for an array NEW when any lead
				      is new, DUPLICATE when the body is a repeat */
};
void job_accept_prepare(struct job_accept *job);
void job_accept_finish(struct job_accept *job);

struct job_rejected { /* requests answered 4xx/5xx, counted per source now and then; not
			 durable by promise */
	struct store_job job;
	int64_t source;
	int64_t count;
};
void job_rejected_prepare(struct job_rejected *job);

/* -- claim: take due deliveries, with what is needed to send them. Changes nothing -- */

enum claim_kind {
	CLAIM_IDS,     /* these deliveries, if still pending */
	CLAIM_UNTRIED, /* never tried, oldest first, after (after_due, after_id) */
	CLAIM_TRIED, /* tried before and due at now, earliest due first, after (after_due,
			after_id) */
	CLAIM_WAITING, /* any pending, due or not, after (after_due, after_id), wrapping
			  round by itself: for the single probes of a closed destination
			*/
};
struct claimed {
	int64_t delivery;
	int64_t lead_seq;
	int64_t due_at;
	int attempts;     /* counted by the retry rule so far */
	int few;          /* of them "retry few" */
	int64_t age_from; /* destination's health_open_ms when its give_up_after clock
			     (re)started */
	enum outcome_kind last_outcome;
	bool edited; /* replay --set since the last attempt */
	struct lead lead;
	struct mail_item
		*mail; /* of the destination for mails (mails.h), else NULL; owned */
};
struct job_claim {
	struct store_job job;
	enum claim_kind kind;
	int64_t destination;
	const int64_t *ids; /* CLAIM_IDS */
	size_t id_count;
	int64_t after_due, after_id;
	int64_t now;
	int max;
	int64_t max_bytes;     /* of fields and extra; at least one is returned */
	struct claimed *items; /* out; the caller takes them (sets NULL) or
				  job_claim_finish frees them */
	size_t count;
	bool exhausted;      /* nothing further of that kind */
	int64_t next_due_at; /* CLAIM_TRIED: when the next one becomes due; 0: none
				waiting */
};
void job_claim_prepare(struct job_claim *job);
void job_claim_finish(struct job_claim *job);
void claimed_finish(struct claimed *claimed);

/* -- settle: the outcome of an attempt: state, attempt rows, counters, and the
 * destination's state when it changed -- */

struct settled_exchange {
	int64_t at;
	int64_t duration_ms;
	enum outcome_kind outcome;
	enum reason reason;
	int http_status;
	char *error; /* owned by the job; NULL none */
};
struct job_settle {
	struct store_job job;
	int64_t delivery;
	int64_t destination;
	enum delivery_event event; /* ACCEPT, RETRY or REFUSE; RETRY leaves attempts alone
				      unless counts */
	bool counts;
	bool few;
	enum outcome_kind outcome;
	enum reason reason;
	char *error;     /* owned; NULL none */
	char *remote_id; /* owned; NULL: keep */
	int64_t due_at;  /* RETRY */
	int64_t now;
	struct settled_exchange *exchanges; /* owned */
	size_t exchange_count;
	bool has_health;
	struct health health; /* stored with it */
	int64_t revive; /* delivery that died of the first `forbidden` and is put back to
			   pending; 0: none */
	enum delivery_state state; /* out: its state now */
};
void job_settle_prepare(struct job_settle *job);
void job_settle_finish(struct job_settle *job);

struct job_health { /* a destination's state by itself; wake: every waiting delivery that
		       was put off for the destination's sake is due now */
	struct store_job job;
	int64_t destination;
	struct health health;
	bool wake;
	int64_t now;
	int64_t woken; /* out */
	bool more;     /* out: 2000 were woken and others are left: run it again */
};
void job_health_prepare(struct job_health *job);

/* -- what the operator does: hold, release, discard, replay --
 *
 * Without selection.states those deliveries are meant that the event can move; of leads
 * named in selection.leads of which none can be moved, all are refused. With states, each
 * that the event cannot move is refused. replay makes a delivery due now and starts its
 * attempts and its age anew; release makes it due now and starts its age anew (what was
 * held did not grow old). With `to`, selected leads are matched, not deliveries. */

struct selection {       /* which deliveries (or leads); empty parts do not restrict */
	unsigned states; /* bits 1 << enum delivery_state; plus SELECT_QUARANTINED */
	int64_t destination;  /* id; 0: any */
	int64_t source;       /* id; 0: any */
	int64_t since, until; /* received_at; 0: open. until is exclusive */
	enum reason reason;   /* REASON_NONE: any */
	const char *email;    /* without case */
	const int64_t *leads; /* lead seqs; NULL: not restricted */
	size_t lead_count;
	int64_t before; /* reader_list: leads older than this seq; 0: all */
};
#define SELECT_QUARANTINED (1u << 31)

struct job_transition {
	struct store_job job;
	struct selection selection; /* borrowed texts */
	enum delivery_event event;  /* HOLD RELEASE DISCARD REPLAY REPLAY_AGAIN */
	bool dry_run;
	const cJSON *set; /* replay --set: canonical field -> text (null removes);
			     borrowed; only with selection.leads */
	int64_t to; /* replay --to: make a delivery to this destination where there is
		       none yet; 0: no */
	const int64_t
		*route; /* quarantined replays: destination ids of its source; borrowed */
	size_t route_count;
	int64_t now;
	int max;       /* rows looked at in this batch */
	int64_t after; /* in: 0 at first; out: where the next batch goes on; -1: finished
			*/
	int64_t next;  /* the job's own */
	int64_t matched, changed, refused; /* out: of this batch */
	int64_t by_reason[REASON_COUNT];   /* out */
	struct {
		int64_t delivery, destination;
	} * pending; /* out: deliveries that became pending (capped at max), for the
			relay; finish frees */
	size_t pending_count;
};
void job_transition_prepare(struct job_transition *job);
void job_transition_finish(struct job_transition *job);

/* -- housekeeping -- */

struct job_boot { /* at start: how the last ones ended */
	struct store_job job;
	int64_t now;
	int64_t boot_id;      /* out */
	int unclean_recently; /* out: unclean ends in a row within 10 minutes before now
			       */
	bool intake_only;     /* out: three of them; stays until job_resume */
};
void job_boot_prepare(struct job_boot *job);
struct job_boot_end { /* clean end, or `leadctl resume` (resume = true) */
	struct store_job job;
	int64_t boot_id;
	bool resume;
	int64_t now;
};
void job_boot_end_prepare(struct job_boot_end *job);
struct job_expire { /* fingerprints past their time, in batches */
	struct store_job job;
	int64_t now;
	int max;
	bool more; /* out */
};
void job_expire_prepare(struct job_expire *job);

#endif
