/*
 * The life of leadrelayd:
 *
 *   take the lock, open the store, learn names and boot record, wire relay, intake,
 *   server and control socket together, say READY; run; and, told to stop, go through the
 *   phases of stop.c. A start that fails goes through them too, with what there is.
 */
#include "daemon.h"

#include "leadrelay/buf.h"
#include "leadrelay/log.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOCK_WAIT_MS 10000

/* ---- the seams ---- */

struct worker_job {
	uv_work_t request;
	void (*work)(void *ctx);
	void (*done)(void *ctx);
	void *ctx;
};

static void run_work(uv_work_t *request)
{
	struct worker_job *job = request->data;

	job->work(job->ctx);
}

static void work_done(uv_work_t *request, int status)
{
	struct worker_job *job = request->data;

	(void)status; /* nothing is ever cancelled */
	job->done(job->ctx);
	free(job);
}

static void worker_run(
	void *worker, void (*work)(void *ctx), void (*done)(void *ctx), void *ctx)
{
	struct daemon *daemon = worker;
	struct worker_job *job = malloc(sizeof(*job));

	if (!job)
		abort(); /* a step that can neither run nor fail; the store is safe */
	*job = (struct worker_job){.work = work, .done = done, .ctx = ctx};
	job->request.data = job;
	uv_queue_work(&daemon->loop, &job->request, run_work, work_done);
}

static void tick_relay(struct daemon *daemon);

static void on_relay_timer(uv_timer_t *timer)
{
	tick_relay(timer->data);
}

/* An idle handle rather than a timer of 0 ms: libuv 1.44 would run a timer that is
 * started again from within itself for ever, before it looks at any socket. */
static void on_relay_soon(uv_idle_t *idle)
{
	uv_idle_stop(idle);
	tick_relay(idle->data);
}

static void tick_relay(struct daemon *daemon)
{
	int64_t next, now;

	/* before anything is judged by the wall clock: a pause would end with its jump */
	housekeeping_look_at_clock(daemon);
	next = relay_tick(daemon->relay);
	now = clock_mono(daemon->clock);
	if (next == INT64_MAX)
		uv_timer_stop(&daemon->relay_timer);
	else
		uv_timer_start(&daemon->relay_timer, on_relay_timer,
			next > now ? (uint64_t)(next - now) : 1, 0);
}

static void wake_relay(void *ctx)
{
	struct daemon *daemon = ctx;

	if (daemon->phase < PHASE_CLOSING)
		uv_idle_start(&daemon->relay_soon, on_relay_soon);
}

static void accepted(
	void *ctx, int64_t destination, int64_t delivery, struct claimed *claimed)
{
	struct daemon *daemon = ctx;

	if (claimed)
		relay_fresh_lead(daemon->relay, destination, claimed);
	else
		relay_fresh(daemon->relay, destination, delivery);
}

static void settled(void *ctx, const struct relay_settled *what)
{
	metrics_settled(ctx, what);
	feed_settled(ctx, what);
}

static void answered(void *ctx, const char *source, int status, int64_t duration_us)
{
	metrics_answered(ctx, source, status, duration_us);
}

/* ---- HTTP: /in/ is the intake's ---- */

static void http_head(void *ctx, struct inbound *in)
{
	struct daemon *daemon = ctx;

	if (strncmp(inbound_path(in), "/in/", 4) == 0)
		daemon->intake_handler.head(daemon->intake_handler.ctx, in);
	else
		inbound_problem(
			in, 404, "leads are posted to /in/ and the name of a source");
}

static void http_body(void *ctx, struct inbound *in)
{
	struct daemon *daemon = ctx;

	daemon->intake_handler.body(daemon->intake_handler.ctx, in);
}

static void http_answered(void *ctx, const char *path, int status, int64_t duration_us)
{
	struct daemon *daemon = ctx;

	if (daemon->intake_handler.answered)
		daemon->intake_handler.answered(
			daemon->intake_handler.ctx, path, status, duration_us);
}

/* ---- signals ---- */

static void on_signal(uv_signal_t *handle, int number)
{
	struct daemon *daemon = handle->data;

	if (number == SIGHUP) {
		daemon_reload(daemon, "SIGHUP");
	} else if (daemon->phase == PHASE_RUNNING) {
		log_info("stopping", "cause", number == SIGTERM ? "SIGTERM" : "SIGINT",
			NULL);
		daemon_stop(daemon);
	}
}

static enum err_code start_handles(struct daemon *daemon, struct err *err)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	uv_timer_t *timers[] = {&daemon->relay_timer, &daemon->second_timer,
		&daemon->watchdog_timer, &daemon->stop_timer};

	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++) {
		uv_timer_init(&daemon->loop, timers[i]);
		timers[i]->data = daemon;
	}
	uv_idle_init(&daemon->loop, &daemon->relay_soon);
	daemon->relay_soon.data = daemon;
	for (int i = 0; i < 3; i++) {
		uv_signal_init(&daemon->loop, &daemon->signals[i]);
		daemon->signals[i].data = daemon;
	}
	daemon->has_handles = true;
	for (int i = 0; i < 3; i++)
		if (uv_signal_start(&daemon->signals[i], on_signal, numbers[i]) != 0)
			return err_set(err, ERR_IO, "cannot listen to signals");
	return crossing_start(daemon, err);
}

/* ---- the start ---- */

static enum err_code open_store(struct daemon *daemon, struct err *err)
{
	const char *state_dir = daemon->generation->config->state_dir;
	struct store_options options = {
		.state_dir = state_dir,
		.clock = daemon->clock,
		.entropy = daemon->entropy,
		.on_health = event_store,
		.ctx = daemon,
	};
	enum err_code code =
		store_lock_take(&daemon->lock, state_dir, LOCK_DAEMON, LOCK_WAIT_MS, err);

	if (code == ERR_OK)
		code = control_socket_bind(daemon, state_dir, err);
	if (code == ERR_OK)
		code = store_open(&daemon->store, &options, err);
	return code;
}

/* How the last times ended; and this time begins. */
static enum err_code record_boot(struct daemon *daemon, struct err *err)
{
	struct job_boot job = {0};
	enum err_code code;

	job_boot_prepare(&job);
	job.now = clock_wall(daemon->clock);
	code = store_call(daemon->store, &job.job, err);
	if (code != ERR_OK)
		return code;
	daemon->boot_id = job.boot_id;
	daemon->intake_only = job.intake_only;
	return ERR_OK;
}

static enum err_code start_relay(
	struct daemon *daemon, struct names *names, struct err *err)
{
	struct relay_options options = {
		.store = daemon->store,
		.transport = http_client_transport(daemon->client),
		.mail = mail_client_transport(daemon->mailer),
		.worker = {worker_run, daemon},
		.clock = daemon->clock,
		.entropy = daemon->entropy,
		.wake = wake_relay,
		.event = event_relay,
		.settled = settled,
		.ctx = daemon,
	};
	enum err_code code = relay_create(&daemon->relay, &options, err);

	if (code != ERR_OK)
		return code;
	relay_run(daemon->relay, !daemon->intake_only);
	code = names_deliver(names, NULL, err);
	if (code == ERR_OK) {
		generation_hold(daemon->generation);
		daemon->relay_holds = true;
	}
	return code;
}

static enum err_code start_intake(struct daemon *daemon, struct err *err)
{
	struct intake_options options = {
		.store = daemon->store,
		.clock = daemon->clock,
		.entropy = daemon->entropy,
		.accepted = accepted,
		.wrong_token = event_wrong_token,
		.quarantined = event_quarantined,
		.answered = answered,
		.took = feed_took,
		.ctx = daemon,
	};
	struct intake_mail mail;
	enum err_code code = intake_create(&daemon->intake, &options, err);

	if (code != ERR_OK)
		return code;
	generation_hold(daemon->generation);
	daemon->intake_holds = true;
	intake_configure(daemon->intake, daemon->generation->sources,
		daemon->generation->config->source_count,
		generation_mail(daemon->generation, &mail), generation_release, NULL);
	daemon->intake_handler = intake_handler(daemon->intake);
	return ERR_OK;
}

static enum err_code start_server(struct daemon *daemon, struct err *err)
{
	struct http_server_options options = {
		.loop = &daemon->loop,
		.clock = daemon->clock,
		.settings = &daemon->generation->config->intake,
		.handler = {http_head, http_body, http_answered, daemon},
	};

	return http_server_create(&daemon->server, &options, err);
}

/* The store still runs its jobs inline here: its thread starts last. */
static enum err_code learn_names(
	struct daemon *daemon, struct names *names, struct err *err)
{
	enum err_code code = names_prepare(names, daemon, daemon->generation, err);

	if (code != ERR_OK)
		return code;
	code = store_call(daemon->store, &names->job.job, err);
	if (code == ERR_OK)
		code = store_call(daemon->store, &names->rows.job, err);
	if (code == ERR_OK)
		code = names_route(names, err);
	if (code == ERR_OK)
		names_tell_removed(names);
	else
		names_finish(names);
	return code;
}

static enum err_code start_parts(
	struct daemon *daemon, struct names *names, struct err *err)
{
	enum err_code code = store_start(daemon->store, &daemon->loop, err);

	if (code != ERR_OK)
		return code;
	daemon->store_started = true;
	metrics_start(daemon);
	code = http_client_create(&daemon->client, &daemon->loop, daemon->clock, err);
	if (code == ERR_OK)
		code = mail_client_create(&daemon->mailer, &daemon->loop, daemon->clock,
			MAIL_CONCURRENCY, err);
	if (code == ERR_OK)
		code = start_relay(daemon, names, err);
	if (code == ERR_OK)
		code = start_intake(daemon, err);
	if (code == ERR_OK)
		code = start_server(daemon, err);
	if (code == ERR_OK)
		code = admin_part_start(daemon, err);
	if (code == ERR_OK)
		code = control_socket_start(daemon, err);
	return code;
}

static int64_t pending_of(const struct names *names)
{
	int64_t pending = 0;

	for (size_t i = 0; i < names->rows.count; i++)
		if (strcmp(names->rows.rows[i].name, MAIL_DESTINATION) != 0)
			pending += names->rows.rows[i].pending;
	return pending;
}

/* The line a person (and a test that listens on port 0) waits for. */
static void say_started(struct daemon *daemon, int64_t pending)
{
	const struct config *config = daemon->generation->config;
	struct buf listen = BUF_INIT, admin = BUF_INIT;

	admin_part_addresses(daemon, &admin);
	for (size_t i = 0; i < config->intake.listen.count; i++)
		buf_addf(&listen, "%s%s", i ? ", " : "",
			http_server_address(daemon->server, i));
	for (size_t i = 0; i < config->warnings.count; i++)
		log_warn("configuration", "warning", config->warnings.items[i], NULL);
	if (daemon->intake_only)
		event_intake_only();
	log_info("started", "version", LEADRELAY_VERSION, "listen", buf_str(&listen),
		"tls", config->intake.tls_certificate ? "yes" : "no", "admin",
		admin.len ? buf_str(&admin) : NULL, "state_dir", config->state_dir,
		"synchronous", "FULL", "sources",
		log_num((int64_t)config->source_count, (char[LOG_NUMBER_SIZE]){0}),
		"destinations",
		log_num((int64_t)config->destination_count, (char[LOG_NUMBER_SIZE]){0}),
		"pending", log_num(pending, (char[LOG_NUMBER_SIZE]){0}), NULL);
	notify("READY=1\nMAINPID=%ld\nSTATUS=%s on %s", (long)getpid(),
		daemon->intake_only ? "accepting only, see leadctl resume"
				    : "accepting and delivering",
		buf_str(&listen));
	buf_finish(&listen);
	buf_finish(&admin);
}

static enum err_code start(struct daemon *daemon, struct err *err)
{
	struct names names;
	enum err_code code;

	daemon->clock_offset = clock_wall(daemon->clock) - clock_mono(daemon->clock);
	code = start_handles(daemon, err);
	if (code == ERR_OK)
		code = open_store(daemon, err);
	if (code == ERR_OK)
		code = record_boot(daemon, err);
	if (code == ERR_OK)
		code = learn_names(daemon, &names, err);
	if (code != ERR_OK)
		return code;
	code = start_parts(daemon, &names, err);
	if (code == ERR_OK) {
		event_expiry(daemon, true); /* the configuration's warnings tell it */
		housekeeping_start(daemon);
		say_started(daemon, pending_of(&names));
		wake_relay(daemon);
	}
	names_finish(&names);
	return code;
}

/* ---- the whole ---- */

static int exit_code_of(enum err_code code)
{
	if (code == ERR_LOCKED)
		return 5;
	return code == ERR_CONFIG ? 2 : 1;
}

static void finish(struct daemon *daemon)
{
	const char *state_dir = daemon->generation->config->state_dir;

	if (daemon->store)
		store_close(daemon->store);
	control_socket_close(daemon, state_dir);
	store_lock_release(daemon->lock);
	events_finish();
	metrics_finish(daemon);
	alerts_finish(daemon);
	reports_finish(daemon);
	if (daemon->relay_holds)
		generation_release(daemon->generation);
	if (daemon->intake_holds)
		generation_release(daemon->generation);
	generation_release(daemon->generation);
	uv_cond_destroy(&daemon->crossed);
	uv_mutex_destroy(&daemon->mutex);
}

static void run(struct daemon *daemon)
{
	struct err err;
	enum err_code code = start(daemon, &err);

	if (code != ERR_OK) {
		daemon->exit_code = exit_code_of(code);
		log_error("cannot start", "cause", err.text, NULL);
		daemon_stop(daemon);
	}
	uv_run(&daemon->loop, UV_RUN_DEFAULT);
	if (code == ERR_OK)
		log_info("stopped", NULL);
}

int daemon_run(struct config *config)
{
	struct daemon daemon = {.clock = &clock_system,
		.entropy = &entropy_system,
		.control_listener = -1};
	struct err err;

	for (int i = 0; i < CONTROL_CONNECTIONS; i++)
		daemon.control_fds[i] = -1;
	daemon.started_at = clock_mono(daemon.clock);
	if (generation_create(&daemon.generation, config, &err) != ERR_OK ||
		uv_loop_init(&daemon.loop) != 0) {
		log_error("cannot start", "cause", "out of memory", NULL);
		return 1;
	}
	uv_mutex_init(&daemon.mutex);
	uv_cond_init(&daemon.crossed);
	feed_start(&daemon);
	run(&daemon);
	uv_loop_close(&daemon.loop);
	finish(&daemon);
	feed_finish(&daemon);
	return daemon.exit_code;
}
