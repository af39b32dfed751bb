/*
 * sim: weeks in the life of a relay, decided by one number.
 *
 * The rooms are the real ones (store, intake, relay, destinations, control), wired as
 * src/daemon wires them; around them everything is made up: time, chance, the network and
 * who answers there (peers.c), the disk (disk.c), senders (post.c), the operator
 * (operate.c). The oracle (oracle.c) knows what was acknowledged, what the destinations
 * hold and what was ordered, and compares after every crash, now and then, and at the
 * end.
 *
 *   plan.c    what a seed brings: leads, weather, faults, orders
 *   import.c  files and backups
 *   node.c    the relay: start, stop, crash, reload
 *   wire.c    exchanges and files on their way
 *   run.c     virtual time: one small step after the other, in an order left to chance
 *
 * One thread; the same seed does the same, step by step.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "chance.h"
#include "disk.h"

#include "leadrelay/clock.h"
#include "leadrelay/config.h"
#include "leadrelay/control.h"
#include "leadrelay/intake.h"
#include "leadrelay/mails.h"
#include "leadrelay/reader.h"
#include "leadrelay/relay.h"
#include "leadrelay/store.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

#define DESTINATIONS 3
#define SOURCES 2
#define STATE_DIR "/state" /* on the disk that is made up */
#define PARTS_MAX 4        /* leads of one body */

enum { CRM, SECOND_CRM, ARCHIVE };

struct sim;

/* ---- what is known of a lead, from outside ---- */

struct fate {          /* of one lead at one destination */
	bool expected; /* a delivery was promised */
	int state;     /* last seen in the outbox; 0: never */
	bool settled;  /* was seen delivered, dead or discarded */
	bool may_hold; /* an order may have held it */
	bool may_discard;
	bool may_die;   /* an answer, or an order, may have ended it */
	bool forbidden; /* its last answer was a 403 */
	bool succeeded; /* the relay heard that it is there, and has no excuse since */
	int creates;    /* sent */
	int under_way;  /* of them */
	int few;        /* answers of the kind that is tried five times at most */
	int exchanges;  /* answered, of this lead */
	int lines;      /* archive */
	int64_t stopped_at; /* held or discarded by order (mono); 0: not */
};

struct known {
	struct uuid id;
	int body; /* index of the posting it came by */
	int part;
	bool acked;       /* 2xx named it */
	bool quarantined; /* so far */
	bool at_rest;     /* it came when all was well for long */
	bool forgotten;   /* or meant to be */
	bool seen;
	int64_t at;   /* mono */
	int64_t wall; /* the earliest that the relay may have taken for its coming */
	struct fate to[DESTINATIONS];
};

struct body { /* a posting, and its repeats */
	int source;
	char *text;
	bool keyed;
	bool broken; /* for quarantine */
	int parts;
	int tries; /* left, when no answer comes */
	int unanswered;
	int accepted;       /* answers that called it new */
	int64_t acked_wall; /* of the first of these */
	int64_t sent_wall;  /* the first time; 0: not yet */
	int64_t last_wall;
	int first; /* its lead; -1: none yet */
};

/* ---- peers ---- */

enum weather {
	CLEAR,
	DOWN,
	FLAKY,
	THROTTLING,
	LYING,
	TOKEN_REFUSED,
	TOKEN_DOWN,
	FORBIDDEN,
	FULL,
	PORTAL,
	WEATHERS
};
const char *weather_name(enum weather weather);

struct record {
	struct uuid id;
	int body, part; /* by its columns; -1: they name none */
	struct record *next;
};

struct peer {
	int destination;
	enum weather weather;
	int percent;          /* how often it shows */
	int64_t closed_until; /* mono: it asked for that pause */
	int64_t closed_at;    /* when the relay heard of it */
	struct record *records;
	int record_count;
	int64_t orders_parked_at; /* mono: by the operator, and not resumed; 0: not */
	bool ever_parked;         /* or tried to */
};

/* ---- things to come ---- */

struct happening {
	int64_t at; /* mono */
	uint64_t order;
	void (*run)(struct sim *sim, int64_t arg);
	int64_t arg;
};

struct wire;    /* wire.c */
struct list;    /* import.c */
struct inbound; /* post.c */
struct generation;

struct node { /* the relay */
	bool up;
	bool stopping;
	bool drained;
	bool intake_only;
	bool woken;
	struct store *store;
	struct relay *relay;
	struct intake *intake;
	struct reader *reader;
	struct generation *generation;
	int64_t boot;
	bool store_well;
	int64_t tick_at;
	int64_t slow_until; /* the store thread does not come by */
	int64_t store_at;   /* a failing store is looked after again */
	int idle_ticks;
	bool nothing_open;
	int64_t clock_offset;
	int64_t settled_at; /* mono: no pruning before */
	int64_t ids[DESTINATIONS];
	int64_t mail_id;
	unsigned configured; /* bits */
	int crash_steps;     /* until a crash; 0: none */
	enum disk_cut crash_how;
};

struct profile { /* what a seed is like */
	int64_t days;
	int bodies;
	int weathers, orders, crashes, disk_troubles, clock_steps, reloads;
	struct retention retention;
	struct retry_rule retry;
	int64_t probe_interval_ms;
	int64_t wal_ceiling;
	int concurrency;
	bool hook;         /* the second CRM is an endpoint of kind https */
	bool reader_stays; /* else it comes and goes, and with it the index of the WAL */
};

struct tallies {
	int64_t steps, crashes, power_cuts, restarts, sweeps, posts, requests, orders,
		jumps;
};

struct sim {
	uint64_t seed;
	bool story;
	bool failed;
	char problem[1024];
	uint64_t digest;
	struct profile profile;
	struct chance plan, net, order_chance, post_chance, node_chance, entropy_chance;

	int64_t mono, wall_offset, wall_max;
	int64_t jumped_ms;        /* all steps of the clock, added up */
	int64_t stepped_at;       /* the last one forward (mono) */
	int64_t set_back_down_ms; /* the clock was set back while no relay ran */
	bool inside;              /* an order goes on while the relay does */
	bool held_all[DESTINATIONS];
	int64_t disturbed_at; /* last fault, order, start (mono) */
	int64_t acks;         /* 2xx that arrived */
	int64_t unheard;      /* postings without one */
	struct clock clock;
	struct entropy entropy;
	struct disk *disk;
	char box[64]; /* folder of the archive */
	bool box_away;
	long box_read;

	struct happening *heap;
	size_t heap_count, heap_room;
	uint64_t heap_order;
	struct wire *wire;
	struct inbound *inbounds;
	struct peer peers[DESTINATIONS];
	struct node node;

	struct known *known;
	int known_count, known_room;
	struct body *bodies;
	int body_count, body_room;
	struct list *lists;
	int list_count;
	bool quiet; /* the faults are over */
	int64_t crashed_at;
	int crash_count;
	struct tallies tallies;
};

/* ---- sim.c ---- */
__attribute__((format(printf, 2, 3))) void tell(struct sim *sim, const char *fmt, ...);
/* The oracle's verdict: the first one counts. */
__attribute__((format(printf, 2, 3))) void violation(
	struct sim *sim, const char *fmt, ...);
int64_t sim_wall(const struct sim *sim);
void sim_later(
	struct sim *sim, int64_t in_ms, void (*run)(struct sim *, int64_t), int64_t arg);
struct known *known_find(struct sim *sim, const struct uuid *id);
struct known *known_add(struct sim *sim, const struct uuid *id, int body, int part);
const char *destination_name(int destination);
/* The relay is there and the machine has not died under it. */
bool node_alive(const struct sim *sim);

/* ---- plan.c ---- */
void plan_profile(struct sim *sim);
void plan_all(struct sim *sim);
void plan_calm(struct sim *sim); /* everything that is wrong ends */

/* ---- peers.c ---- */
struct reply {
	int64_t latency_ms;
	enum http_failure failure;
	bool sent;
	int status;
	int retry_after;  /* s; -1: none */
	const char *word; /* for the story */
	bool there;       /* the lead is there, it says */
	char body[512];
	struct uuid created;
};
/* What is asked (url and body) is answered; what that does to the peer is done. */
void peer_answer(struct sim *sim, const struct http_exchange *exchange,
	struct reply *reply, int *destination_out, struct known **known_out);
/* The answer reached the relay. */
void peer_heard(
	struct sim *sim, int destination, struct known *known, const struct reply *reply);
void peer_weather(struct sim *sim, int destination, enum weather weather, int percent);
struct record *peer_record(struct sim *sim, int destination, const struct uuid *id);

/* ---- wire.c ---- */
struct transport wire_transport(struct sim *sim);
struct worker wire_worker(struct sim *sim);
bool wire_due(const struct sim *sim);
void wire_step(struct sim *sim); /* one thing that is due */
int64_t wire_next_at(const struct sim *sim);
void wire_drop(struct sim *sim); /* everything under way ends as cancelled */
bool wire_empty(const struct sim *sim);

/* ---- post.c ---- */
void post_plan(struct sim *sim, int64_t in_ms); /* a new posting, and its fate */
int post_file(
	struct sim *sim, int source, int rows); /* one that nobody posts: its index */
void post_finish(struct sim *sim);

/* ---- node.c ---- */
void node_start(struct sim *sim, int64_t unused);
void node_stop(struct sim *sim);
void node_stopped(struct sim *sim); /* after the drain */
void node_crash(struct sim *sim, enum disk_cut how);
void node_bury(struct sim *sim); /* after a crash: nothing of it is left */
void node_reload(struct sim *sim, unsigned configured, int concurrency);
void node_housekeeping(struct sim *sim, int64_t unused);
void node_look_at_clock(struct sim *sim);
enum err_code node_call(struct sim *sim, struct store_job *job, struct err *err);
/* The reader, for a while; false: it cannot be opened now. */
bool node_reader(struct sim *sim);
void node_reader_done(struct sim *sim);
struct control_options node_control(struct sim *sim);
void node_finish(struct sim *sim);

/* ---- operate.c ---- */
void operate(struct sim *sim, int64_t unused); /* an order left to chance */
/* Takes request; the answer (the caller's), with `done` or `error`; NULL: none. */
cJSON *operate_ask(struct sim *sim, cJSON *request);
void operate_tidy(struct sim *sim); /* what a person does when all is well again */

/* ---- import.c ---- */
void import_some(struct sim *sim); /* some rows of some file */
void import_judge(struct sim *sim);
void import_backup(struct sim *sim);

/* ---- oracle.c ---- */
/* All leads as the outbox has them; check: counters, orphans, integrity, too. */
void oracle_sweep(struct sim *sim, bool check);
void oracle_look(struct sim *sim, struct known *known); /* one lead, after an order */
void oracle_end(struct sim *sim);
void oracle_create(struct sim *sim, int destination, struct known *known);
/* A lead that turns up at a destination before its sender heard of it; NULL: a phantom.
 */
struct known *oracle_meet(struct sim *sim, const struct uuid *id, int body, int part);
void oracle_created(struct known *known, int destination); /* answered, or cancelled */
void oracle_excuse(struct sim *sim);            /* what was under way may come again */
void oracle_clock_stepped(struct sim *sim);     /* forward */
int64_t oracle_patience(const struct sim *sim); /* until all must be delivered */

/* ---- run.c ---- */
void run_until(struct sim *sim, int64_t mono);
void run_steps(struct sim *sim); /* all that can happen now */
/* While an order waits: the relay goes on, for so long at most or until over() says so.
 */
void run_inside(struct sim *sim, int64_t ms, bool (*over)(void *ctx), void *ctx);

#endif
