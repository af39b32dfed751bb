/*
 * daemon: the parts of leadrelayd and what they share. Private to the program.
 *
 * Threads: the loop thread runs everything here but what is said otherwise; the store has
 * its own; each operator's connection has one (control_socket.c), the API two
 * (admin.h); files are read on libuv's workers. What belongs to the loop is touched by
 * the loop only: a control thread crosses over (crossing.c) and waits.
 */
#ifndef LEADRELAY_DAEMON_DAEMON_H
#define LEADRELAY_DAEMON_DAEMON_H

#include "leadrelay/admin.h"
#include "leadrelay/clock.h"
#include "leadrelay/config.h"
#include "leadrelay/control.h"
#include "leadrelay/err.h"
#include "leadrelay/http_client.h"
#include "leadrelay/http_server.h"
#include "leadrelay/intake.h"
#include "leadrelay/mail.h"
#include "leadrelay/mails.h"
#include "leadrelay/relay.h"
#include "leadrelay/samples.h"
#include "leadrelay/store.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#ifndef LEADRELAY_VERSION
#define LEADRELAY_VERSION "unknown"
#endif

/* A configuration in use, with what was made of it. Counted: the daemon, the relay, the
 * intake, a look at the secret files and a running operator's request each hold it. */
struct generation {
	struct config *config;
	struct secret_watch *watch;
	struct intake_source *sources;                  /* with the store's ids */
	struct intake_destination *source_destinations; /* what sources point into */
	struct zone **zones;                            /* of the reports, parallel */
	int64_t mail_id; /* the store's, of MAIL_DESTINATION; 0: it has none */
	atomic_int holders;
};
/* Takes config; freed even on failure. Held once. */
enum err_code generation_create(
	struct generation **out, struct config *config, struct err *err);
struct generation *generation_hold(struct generation *generation);
void generation_release(void *generation); /* any thread; NULL is fine */

/* What the store knows of the names of a configuration. */
struct names {
	struct job_names job;
	struct job_destinations rows;
	struct generation *generation; /* held */
	struct daemon *daemon;
	void (*done)(struct names *names, enum err_code code, const struct err *err);
};

/* How far stopping has come. */
enum phase {
	PHASE_RUNNING,
	PHASE_ANSWERING, /* accepts nothing more; what is in is answered */
	PHASE_DRAINING,  /* attempts under way are settled */
	PHASE_RECORDING, /* the clean end goes to the store */
	PHASE_STORING,   /* the store finishes its queue and checkpoints */
	PHASE_CLOSING,   /* handles of the loop */
	PHASE_GONE,
};

/* What has to finish before the next phase; bits of daemon.unfinished. */
enum unfinished {
	UNFINISHED_REQUESTS = 1 << 0,
	UNFINISHED_CONTROL = 1 << 1,
	UNFINISHED_RELOAD = 1 << 2,
	UNFINISHED_DELIVERIES = 1 << 3,
	UNFINISHED_RECORD = 1 << 4,
	UNFINISHED_EXPIRY = 1 << 5,
	UNFINISHED_STORE = 1 << 6,
	UNFINISHED_SERVER = 1 << 7,
	UNFINISHED_CLIENT = 1 << 8,
	UNFINISHED_WATCHDOG = 1 << 9, /* the store's sign of life */
	UNFINISHED_MAILER = 1 << 10,
	UNFINISHED_ALERTS = 1 << 11,
	UNFINISHED_REPORT = 1 << 12,
	UNFINISHED_PRUNE = 1 << 13,
	UNFINISHED_SAMPLE = 1 << 14,
	UNFINISHED_ADMIN = 1 << 15,
	UNFINISHED_METRICS = 1 << 16,
};

#define CONTROL_SERVED 8
#define CONTROL_CONNECTIONS 16 /* those beyond CONTROL_SERVED are told to try again */

struct daemon {
	const struct clock *clock;
	const struct entropy *entropy;
	uv_loop_t loop;
	enum phase phase;
	unsigned unfinished;
	int exit_code;
	struct generation *generation; /* changed under mutex, by the loop */

	struct store_lock *lock;
	struct store *store;
	bool store_started;
	int64_t boot_id;
	atomic_bool intake_only;
	int64_t started_at; /* mono */
	struct http_client *client;
	struct mail_client *mailer;
	struct relay *relay;
	struct intake *intake;
	struct http_server_handler intake_handler;
	struct http_server *server;
	struct admin *admin;

	bool relay_holds; /* relay, intake: each holds generation */
	bool intake_holds;

	uv_idle_t relay_soon;
	uv_timer_t relay_timer;
	uv_timer_t second_timer;
	uv_timer_t watchdog_timer;
	uv_timer_t stop_timer;
	uv_signal_t signals[3];
	bool has_handles; /* the above are initialised */

	/* housekeeping.c */
	int64_t clock_offset; /* wall - mono at the last look */
	int64_t seconds;      /* looks so far */
	int64_t settled_at;   /* mono: not before this the clock is trusted again */
	bool watching;        /* a worker looks at the secret files */
	int64_t disk_free, disk_size; /* of state_dir at the last look; size 0: none yet
				       */
	struct job_expire expire;
	struct store_job watchdog_job;
	int64_t store_turns; /* of its thread, at the last sign of life */
	struct job_boot_end boot_end;

	struct alerts *alerts;          /* alerts.c; NULL: not started */
	struct reports *reports;        /* reports.c; likewise */
	struct daemon_metrics *metrics; /* metrics.c; NULL: no memory for it */
	struct job_prune prune;         /* retention.c */
	int64_t prune_at;               /* mono: the next batch */
	struct job_sample sample;       /* samples.c */
	int64_t sample_at;              /* mono: the next one */
	struct feed *feed;              /* feed.c; NULL: no memory for it */

	/* reload.c */
	bool reload_again; /* asked for while one was under way */

	/* control_socket.c, crossing.c: under mutex where threads meet */
	uv_mutex_t mutex;
	uv_cond_t crossed;
	uv_async_t crossing_async;
	struct crossing *crossings;
	bool crossing_closed;
	int control_listener; /* -1: none */
	uv_poll_t control_poll;
	bool has_control_poll;
	int control_fds[CONTROL_CONNECTIONS]; /* -1: free */
	int control_count;
	bool control_left_behind; /* a request outlasts the stop */
};

/* ---- daemon.c, stop.c ---- */

/* Runs until told to stop. Takes config. Returns the exit code; what went wrong has been
 * said on standard error. */
int daemon_run(struct config *config);
void daemon_stop(struct daemon *daemon);
/* Something of daemon->unfinished is finished: the next phase begins when nothing else
 * keeps it. */
void daemon_stopped(struct daemon *daemon, enum unfinished what);

/* ---- names.c ---- */

/* Jobs for the names of generation; names_finish gives them back. */
enum err_code names_prepare(struct names *names, struct daemon *daemon,
	struct generation *generation, struct err *err);
void names_finish(struct names *names);
/* Fills generation with the ids found. */
enum err_code names_route(struct names *names, struct err *err);
/* Hands the destinations with their rows to the relay, mail among them. before: the
 * generation it had. */
enum err_code names_deliver(
	struct names *names, struct generation *before, struct err *err);
void names_tell_removed(const struct names *names);
/* Whom the intake notifies, and when; NULL: nobody. */
const struct intake_mail *generation_mail(
	const struct generation *generation, struct intake_mail *out);

/* ---- reload.c ---- */

/* Reads the configuration again; why: what asked for it. A bad one changes nothing. */
void daemon_reload(struct daemon *daemon, const char *why);

/* ---- housekeeping.c ---- */

void housekeeping_start(struct daemon *daemon);
void housekeeping_stop(struct daemon *daemon);
/* A jump of the wall clock since the last look: waits keep their length. */
void housekeeping_look_at_clock(struct daemon *daemon);

/* ---- control_socket.c ---- */

/* Binds state_dir/control.sock (0600). Before any thread is started: it changes the
 * working folder for a moment, so that a long state_dir fits. */
enum err_code control_socket_bind(
	struct daemon *daemon, const char *state_dir, struct err *err);
enum err_code control_socket_start(struct daemon *daemon, struct err *err);
/* Takes no more; connections are shut down, UNFINISHED_CONTROL ends with the last. */
void control_socket_stop(struct daemon *daemon);
void control_socket_close(struct daemon *daemon, const char *state_dir);

/* ---- crossing.c: control threads on the loop ---- */

extern const struct control_live
	control_live_daemon; /* its ctx is filled by the caller */
enum err_code crossing_start(struct daemon *daemon, struct err *err);
void crossing_stop(struct daemon *daemon);   /* who waits, and who comes, is refused */
bool daemon_stopping(struct daemon *daemon); /* any thread */

/* ---- execute.c: an operator's request, on a thread that is not the loop's ---- */

enum err_code daemon_open_reader(
	struct daemon *daemon, struct reader **out, struct err *err);
void daemon_execute(struct daemon *daemon, struct reader *reader, const cJSON *request,
	control_emit emit, bool (*keep_going)(void *ctx), void *ctx);

/* ---- admin_part.c ---- */

enum err_code admin_part_start(struct daemon *daemon, struct err *err);
/* Where it listens, in words; nothing when it does not. */
void admin_part_addresses(const struct daemon *daemon, struct buf *out);

/* ---- events.c: what the operator reads in the log ---- */

void event_relay(void *daemon, const struct relay_event *event);
void event_wrong_token(void *daemon, const char *source, int64_t count);
void event_quarantined(
	void *daemon, const char *source, const struct uuid *lead, const char *problem);
void event_store(void *daemon, bool working, const char *text);
void event_intake_only(void);
void event_expiry(const struct daemon *daemon, bool silently);
void events_tick(int64_t now_mono); /* what was grouped */
void events_finish(void);

/* ---- alerts.c: what is wrong, by mail ---- */

/* Learns from the store what was told before; looks begin when it has answered. */
void alerts_start(struct daemon *daemon);
void alerts_tick(struct daemon *daemon); /* every second */
void alerts_soon(struct daemon *daemon); /* something happened: look at the next tick */
void alerts_event(struct daemon *daemon, const struct relay_event *event);
void alerts_wrong_token(struct daemon *daemon, const char *source, int64_t count);
void alerts_store(struct daemon *daemon, bool working, const char *cause);
void alerts_finish(struct daemon *daemon); /* nothing of it is under way */

/* ---- reports.c ---- */

void reports_start(struct daemon *daemon, const struct report_row *rows, size_t count);
void reports_tick(struct daemon *daemon); /* every second */
/* Why report cannot be made at present; NULL: nothing is wrong. */
const char *reports_failure(const struct daemon *daemon, const char *report);
void reports_finish(struct daemon *daemon);

/* ---- retention.c ---- */

void retention_tick(struct daemon *daemon); /* every second */

/* ---- samples.c ---- */

void samples_tick(struct daemon *daemon); /* every second */

/* ---- metrics.c ---- */

void metrics_start(struct daemon *daemon);
void metrics_settled(struct daemon *daemon, const struct relay_settled *settled);
/* source NULL: none that is known. */
void metrics_answered(
	struct daemon *daemon, const char *source, int status, int64_t duration_us);
void metrics_tick(struct daemon *daemon); /* every second */
/* Answers GET /metrics, when the store has counted. */
void metrics_scrape(void *daemon, struct inbound *in);
/* Answers GET /readyz. */
void readiness_tell(void *daemon, struct inbound *in);
void metrics_finish(struct daemon *daemon);

/* ---- feed.c: the last events, for tail; any thread ---- */

struct feed;
void feed_start(struct daemon *daemon);
void feed_finish(struct daemon *daemon);
void feed_add(struct feed *feed, const struct control_event *event); /* NULL is fine */
/* control_live's events and last_event. */
size_t feed_read(struct feed *feed, int64_t after, int64_t wait_ms,
	struct control_event *out, size_t max, bool *gap_out, int64_t *known_from_out);
int64_t feed_last(struct feed *feed);
void feed_settled(struct daemon *daemon, const struct relay_settled *settled);
void feed_took(void *daemon, const char *source, const struct uuid *lead,
	enum accept_result result);
void feed_relay(struct daemon *daemon, const struct relay_event *event);

/* ---- notify.c: the service manager ---- */

/* One datagram to $NOTIFY_SOCKET: "READY=1\nSTATUS=..."; nothing without one. */
void notify(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* How often the service manager wants a sign of life; 0: not at all. */
int64_t notify_watchdog_ms(void);

/* ---- process.c ---- */

/* umask, signals, limits, dumpability: once, before threads. */
void process_prepare(int connections);

#endif
