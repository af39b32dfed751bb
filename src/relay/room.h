/*
 * The relay's own parts, shared between the files of this room. Loop thread only.
 *
 * A lane is one destination's memory: its health, the window of deliveries that wait
 * their turn, and what is under way. An edition is the destination under one set of
 * settings: what is under way keeps the edition it began with, so that a reload disturbs
 * nothing.
 *
 *   claim (window.c) -> entry waits in a stream -> attempt (attempt.c) -> verdict, settle
 *   (settle.c) -> the store has it: entry forgotten, or back in a stream when it is due
 *
 * Every delivery in memory, waiting or under way, is in lane->known, so that no claim
 * brings it a second time. It leaves only when the store has committed its outcome: a
 * store that fails makes the relay wait, and nothing is sent twice by one process.
 */
#ifndef RELAY_ROOM_H
#define RELAY_ROOM_H

#include "leadrelay/clock.h"
#include "leadrelay/relay.h"
#include "leadrelay/token.h"

#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#include <utlist.h>

#define RESCAN_MS 30000         /* a look at the outbox that no notification asked for */
#define STORE_RETRY_MIN_MS 50   /* a store that said no is asked again after this, */
#define STORE_RETRY_MAX_MS 1000 /* doubled up to this */
#define SOON_MS 1000 /* before looking again for what is under way or took no memory */
#define FRESH_RING 256
#define SPARE_TASKS_MAX 64
#define FRESH_ROOM 1024
#define WINDOW_BYTES (2 * 1024 * 1024)

struct lane;
struct attempt;

struct set { /* the destinations of one configuration */
	struct retry_rule retry;
	int users; /* its editions, and the relay while it is the current one */
	void (*released)(void *ctx); /* NULL: nobody waits for it */
	void *ctx;
};

struct edition {
	struct destination *destination;
	const struct destination_settings *settings;
	const struct mail_settings *mail; /* of the lane for mails; else NULL */
	struct health_rule rule;
	struct set *set;
	int users; /* the lane while current, attempts, the fetch */

	struct fetch *fetch;       /* one at a time; NULL: none under way */
	int64_t token_quiet_until; /* mono: no early refresh before, after one that failed
				    */
	struct attempt *token_waiters;
};

struct fetch { /* a token on its way */
	struct http_exchange exchange;
	struct lane *lane;
	struct edition *edition;
	unsigned epoch;
	struct fetch *prev, *next; /* relay->fetches */
};

struct entry { /* a delivery in memory */
	struct claimed claimed;
	size_t bytes;
	struct entry *prev, *next; /* in its stream while it waits */
	UT_hash_handle hh;         /* lane->known, by claimed.delivery */
};

enum stream_kind { STREAM_FRESH, STREAM_UNTRIED, STREAM_TRIED, STREAMS };

struct stream { /* one source of the window: deliveries waiting their turn, and how far it
		   was read */
	struct entry *waiting;
	int count;
	int64_t after_due, after_id;
	int64_t scan_at; /* wall: when claiming is worth a try; INT64_MAX: not by time */
};

struct claim { /* one question to the outbox; at most one per stream, and one for a
		  closed destination's single lead */
	struct job_claim job;
	struct lane *lane;
	int stream; /* STREAMS: the single lead */
	bool busy;
	unsigned window_epoch;
	int64_t ids[FRESH_RING];
};

struct attempt { /* one exchange of words with a destination: a delivery, or a probe */
	struct lane *lane;
	struct edition *edition;
	struct entry *entry; /* NULL: a probe */
	struct task *task;   /* until the verdict */
	struct http_exchange exchange;
	unsigned epoch;                /* the lane's health when it began */
	struct mail_exchange *mailing; /* STEP_MAIL under way; owned */
	bool sending;                  /* exchange is under way */
	struct attempt *about; /* TASK_PRIVILEGE: the attempt that met `forbidden` */
	struct job_settle settle;
	bool submitted;
	char remedy[256];
	struct attempt *prev, *next;             /* relay->attempts */
	struct attempt *token_prev, *token_next; /* edition->token_waiters */
};

struct was { /* a lane's health before something happened to it */
	enum health_state state;
	enum reason reason;
};

struct lane {
	struct relay *relay;
	int64_t id;
	char name[128];
	struct edition
		*edition; /* NULL: no longer configured; what is under way finishes */
	struct health health;

	struct stream streams[STREAMS];
	struct claim claims[STREAMS + 1];
	struct entry *known;
	struct entry *candidate; /* the single lead of a closed destination */
	bool none_waiting;       /* the last look for one found nothing at all */
	int64_t candidate_at;    /* wall: not looked for before */
	int64_t candidate_after_due, candidate_after_id;
	int64_t sweep_until;   /* wall: after the clock was set back, what was due by then
				  is   due; 0: no */
	unsigned window_epoch; /* counts emptyings: a claim from before is old news */
	size_t bytes;
	int turn;
	int64_t fresh[FRESH_RING]; /* ids; a ring, oldest at fresh_head */
	int fresh_head, fresh_count;

	int in_flight; /* from begin to outcome */
	int in_epoch;  /* of them begun in the present state */
	unsigned epoch_seen;
	int settling; /* from outcome to commit */
	int fetches;
	struct attempt *probe; /* TASK_PROBE under way */

	struct job_health store_health;
	bool health_busy, health_dirty, health_wake;

	struct lane *prev, *next;
};

struct relay {
	struct relay_options options;
	struct set *set; /* the current one; NULL before relay_configure */
	struct lane *lanes;
	struct attempt *attempts;       /* all, until settled */
	struct spare_task *spare_tasks; /* memory for the next ones */
	int spare_count;
	struct fetch *fetches;
	int64_t wall_offset; /* wall minus monotonic clock */
	bool running;
	bool draining;
	bool cancelled;         /* drain's deadline passed */
	int64_t drain_deadline; /* mono */
	void (*idle)(void *ctx);
	void *idle_ctx;
	int jobs;               /* store jobs under way */
	int64_t store_retry_at; /* mono; 0: the store works */
	int64_t store_retry_ms;
	bool stalled; /* settlements wait for store_retry_at */
};

/* Wall time as far as the relay was told: between a jump of the clock and the look that
 * notices it, instants go on in the old time, and all are moved together. */
static inline int64_t relay_now(const struct relay *relay)
{
	return clock_mono(relay->options.clock) + relay->wall_offset;
}

static inline int64_t relay_mono(const struct relay *relay)
{
	return clock_mono(relay->options.clock);
}

static inline struct was lane_was(const struct lane *lane)
{
	return (struct was){lane->health.state, lane->health.reason};
}

/* ---- relay.c ---- */
void relay_wake(struct relay *relay);
/* Something ended: calls idle() when drain waits for it and it was the last. */
void relay_ended(struct relay *relay);
/* store_submit for a job of this room; false (nothing queued) when the store says no. */
bool relay_submit(struct relay *relay, struct store_job *job);
/* Every done() of a job calls it first: keeps account of a failing store. */
void relay_heard(struct relay *relay, const struct store_job *job);
/* The store decided about the job itself; other codes mean that the store is not well. */
bool relay_answered(enum err_code code);
bool relay_store_ready(const struct relay *relay); /* not waiting before asking again */
bool lane_may_start(const struct lane *lane);

/* ---- configure.c ---- */
void edition_use(struct edition *edition);
void edition_drop(struct edition *edition);
void set_drop(struct set *set);
struct lane *lane_find(const struct relay *relay, const char *name);
struct lane *lane_find_id(const struct relay *relay, int64_t id);
/* Frees a lane that is no longer configured once nothing of it is under way. */
void lane_reap(struct lane *lane);
void lane_destroy(struct lane *lane);

/* ---- window.c ---- */
void window_clear(struct lane *lane); /* what waits is claimed anew */
void window_refill(struct lane *lane, int64_t now);
/* The next one by turns, taken out of its stream; NULL: none. */
struct entry *window_next(struct lane *lane);
int window_count(const struct lane *lane);
void window_fresh(struct lane *lane, int64_t delivery);
/* Moves *claimed into the window; false: no room now, or others are before it. */
bool window_take(struct lane *lane, struct claimed *claimed);
/* Something was added; what, is for the outbox to say. */
void window_news(struct lane *lane);
/* A delivery was put off until due_at. */
void window_due(struct lane *lane, int64_t due_at);
void window_rescan(struct lane *lane);
int64_t window_next_at(const struct lane *lane, int64_t now); /* wall */
/* Looks for the single lead of a closed destination. */
void window_seek_candidate(struct lane *lane, int64_t now);
void entry_forget(struct lane *lane, struct entry *entry);

/* ---- attempt.c ---- */
/* Takes entry. */
void attempt_start(struct lane *lane, struct entry *entry, int64_t now);
/* A probe; about: whose `forbidden` it looks into, or NULL. False: out of memory. It may
 * be over already on return. */
bool attempt_ask(
	struct lane *lane, enum task_purpose purpose, struct attempt *about, int64_t now);
void attempt_go_on(struct attempt *attempt); /* the token came */
/* Leaves no trace: the delivery is due as before. */
void attempt_abandon(struct attempt *attempt);
/* Takes back what is on the wire; it ends later. False: nothing is. */
bool attempt_cancel(struct attempt *attempt);
void attempt_free(struct attempt *attempt);
void attempt_free_spares(struct relay *relay);
/* The task is over: no longer in flight, the task's memory is gone. */
void attempt_landed(struct attempt *attempt);

/* ---- token_wait.c ---- */
void token_wait(struct attempt *attempt);
void token_refresh_early(struct lane *lane, struct edition *edition);

/* ---- settle.c ---- */
void settle_outcome(struct attempt *attempt); /* a delivery's task is done */
/* The privilege probe about attempt has its answer; change: what that did to the health.
 */
void settle_after_inquiry(struct attempt *attempt, int change);
/* Ends attempt by outcome, which is the destination's fault and already judged. */
void settle_put_back(struct attempt *attempt, const struct outcome *outcome, int change);
void settle_stalled(struct relay *relay); /* asks the store again */
/* Tells the health machine; delivery 0: of a probe. Returns what changed, done already
 * but for storing it when stored_elsewhere. */
int judge(struct attempt *attempt, const struct outcome *outcome, int64_t delivery,
	bool stored_elsewhere);

/* ---- probe.c ---- */
void probe_start(struct lane *lane, int64_t now);
void probe_outcome(struct attempt *attempt); /* a probe's task is done */

/* ---- news.c ---- */
/* One step of the health machine, done: window, waking, events, storing (unless a
 * settlement carries it). */
void lane_changed(struct lane *lane, struct was was, int change,
	const struct outcome *outcome, bool stored_elsewhere);
void lane_store_health(struct lane *lane);
void news_dead(struct lane *lane, const struct attempt *attempt);
/* The outcome of attempt is on disk. */
void news_settled(struct lane *lane, const struct attempt *attempt);

#endif
