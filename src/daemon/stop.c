/*
 * The end of leadrelayd, in phases: each begins something, and the next one is entered
 * when nothing of it is unfinished any more. daemon_stopped() is the one place that
 * knows.
 *
 *   ANSWERING   accept nothing more; requests that are in are answered
 *   DRAINING    attempts under way are settled
 *   RECORDING   the clean end goes into the store
 *   STORING     the store finishes its queue and checkpoints
 *   CLOSING     connections
 *   GONE        the loop's handles; uv_run returns
 *
 * Whatever hangs, the process ends within 10 s: nothing accepted is lost by that, and an
 * attempt that was cut off is repeated.
 */
#include "daemon.h"

#include "leadrelay/buf.h"
#include "leadrelay/log.h"

#include <unistd.h>

#define REQUESTS_MS 2500 /* of the 10 s that stopping may last */
#define DELIVERIES_MS 4000
#define CONTROL_MS 3000
#define STOP_MS 9000

static void requests_idle(void *ctx)
{
	daemon_stopped(ctx, UNFINISHED_REQUESTS);
}

static void admin_idle(void *ctx)
{
	daemon_stopped(ctx, UNFINISHED_ADMIN);
}

static void begin_answering(struct daemon *daemon)
{
	/* both first: what is idle already says so from within */
	if (daemon->server)
		daemon->unfinished |= UNFINISHED_REQUESTS;
	if (daemon->crossing_async.data)
		daemon->unfinished |= UNFINISHED_CONTROL;
	if (daemon->admin)
		daemon->unfinished |= UNFINISHED_ADMIN;
	notify("STOPPING=1\nSTATUS=finishing what is under way");
	control_socket_stop(daemon);
	if (daemon->server)
		http_server_drain(daemon->server, REQUESTS_MS, requests_idle, daemon);
	if (daemon->admin)
		admin_drain(daemon->admin, REQUESTS_MS, admin_idle, daemon);
}

static void deliveries_idle(void *ctx)
{
	daemon_stopped(ctx, UNFINISHED_DELIVERIES);
}

static void begin_draining(struct daemon *daemon)
{
	if (!daemon->relay)
		return;
	daemon->unfinished |= UNFINISHED_DELIVERIES;
	relay_drain(daemon->relay, DELIVERIES_MS, deliveries_idle, daemon);
}

static void end_recorded(struct store_job *job)
{
	struct daemon *daemon =
		(struct daemon *)((char *)job - offsetof(struct daemon, boot_end));

	if (job->code != ERR_OK)
		log_warn("clean end not recorded", "cause", job->err.text, NULL);
	daemon_stopped(daemon, UNFINISHED_RECORD);
}

static void begin_recording(struct daemon *daemon)
{
	struct job_boot_end *job = &daemon->boot_end;
	struct err err;

	housekeeping_stop(daemon);
	if (!daemon->store_started || !daemon->boot_id)
		return;
	if (daemon->intake)
		intake_tick(daemon->intake, clock_wall(daemon->clock));
	job_boot_end_prepare(job);
	job->boot_id = daemon->boot_id;
	job->now = clock_wall(daemon->clock);
	job->job.done = end_recorded;
	if (store_submit(daemon->store, &job->job, &err) == ERR_OK)
		daemon->unfinished |= UNFINISHED_RECORD;
	else
		log_warn("clean end not recorded", "cause", err.text, NULL);
}

static void store_stopped(void *ctx)
{
	daemon_stopped(ctx, UNFINISHED_STORE);
}

static void begin_storing(struct daemon *daemon)
{
	if (!daemon->store_started)
		return;
	daemon->unfinished |= UNFINISHED_STORE;
	store_stop(daemon->store, store_stopped, daemon);
}

static void server_closed(void *ctx)
{
	daemon_stopped(ctx, UNFINISHED_SERVER);
}

static void admin_closed(void *ctx)
{
	daemon_stopped(ctx, UNFINISHED_ADMIN);
}

static void client_closed(void *ctx)
{
	daemon_stopped(ctx, UNFINISHED_CLIENT);
}

static void mailer_closed(void *ctx)
{
	daemon_stopped(ctx, UNFINISHED_MAILER);
}

static void begin_closing(struct daemon *daemon)
{
	/* all first: what is closed already says so from within */
	if (daemon->server)
		daemon->unfinished |= UNFINISHED_SERVER;
	if (daemon->client)
		daemon->unfinished |= UNFINISHED_CLIENT;
	if (daemon->mailer)
		daemon->unfinished |= UNFINISHED_MAILER;
	if (daemon->admin && !daemon->control_left_behind)
		daemon->unfinished |= UNFINISHED_ADMIN;
	relay_destroy(daemon->relay);
	if (daemon->server)
		http_server_close(daemon->server, server_closed, daemon);
	if (daemon->client)
		http_client_close(daemon->client, client_closed, daemon);
	if (daemon->mailer)
		mail_client_close(daemon->mailer, mailer_closed, daemon);
	if (daemon->admin && !daemon->control_left_behind)
		admin_close(daemon->admin, admin_closed, daemon);
}

static const struct {
	enum unfinished what;
	const char *words;
} unfinished_words[] = {
	{UNFINISHED_REQUESTS, "requests"},
	{UNFINISHED_CONTROL, "leadctl"},
	{UNFINISHED_RELOAD, "a reload"},
	{UNFINISHED_DELIVERIES, "deliveries"},
	{UNFINISHED_RECORD, "the record of the end"},
	{UNFINISHED_EXPIRY, "housekeeping"},
	{UNFINISHED_STORE, "the store"},
	{UNFINISHED_SERVER, "the server's connections"},
	{UNFINISHED_CLIENT, "the client's connections"},
	{UNFINISHED_ALERTS, "alerts"},
	{UNFINISHED_REPORT, "a report"},
	{UNFINISHED_PRUNE, "pruning"},
	{UNFINISHED_SAMPLE, "a sample of the counters"},
	{UNFINISHED_METRICS, "a scrape of the metrics"},
	{UNFINISHED_MAILER, "the mail client's connections"},
	{UNFINISHED_WATCHDOG, "the store's sign of life"},
	{UNFINISHED_ADMIN, "the admin page"},
};

/* Everything accepted is on disk; what hangs is told and left behind. */
static void leave(const struct daemon *daemon)
{
	struct buf words = BUF_INIT;

	for (size_t i = 0; i < sizeof(unfinished_words) / sizeof(unfinished_words[0]);
		i++)
		if (daemon->unfinished & unfinished_words[i].what)
			buf_addf(&words, "%s%s", words.len ? ", " : "",
				unfinished_words[i].words);
	log_warn("stopped without waiting longer", "unfinished", buf_str(&words),
		"consequence", "nothing accepted is lost; attempts are repeated", NULL);
	_exit(daemon->exit_code);
}

static void took_too_long(uv_timer_t *timer)
{
	leave(timer->data);
}

/* A leadctl or a browser that asked for much, or reads slowly, does not keep the end from
 * being recorded. */
static void leave_control(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;

	uv_timer_start(timer, took_too_long, STOP_MS - CONTROL_MS, 0);
	if (daemon->phase != PHASE_ANSWERING)
		return;
	daemon->control_left_behind =
		(daemon->unfinished & (UNFINISHED_CONTROL | UNFINISHED_ADMIN)) != 0;
	daemon->unfinished &= ~(unsigned)UNFINISHED_ADMIN;
	daemon_stopped(daemon, UNFINISHED_CONTROL);
}

static void close_handle(uv_handle_t *handle)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void begin_gone(struct daemon *daemon)
{
	if (daemon->control_left_behind) { /* its thread still uses what would be freed */
		daemon->unfinished |= UNFINISHED_CONTROL;
		leave(daemon);
	}
	if (daemon->intake)
		intake_destroy(daemon->intake);
	if (!daemon->has_handles)
		return;
	close_handle((uv_handle_t *)&daemon->relay_soon);
	close_handle((uv_handle_t *)&daemon->relay_timer);
	close_handle((uv_handle_t *)&daemon->second_timer);
	close_handle((uv_handle_t *)&daemon->watchdog_timer);
	close_handle((uv_handle_t *)&daemon->stop_timer);
	for (int i = 0; i < 3; i++)
		close_handle((uv_handle_t *)&daemon->signals[i]);
	if (daemon->crossing_async.data)
		close_handle((uv_handle_t *)&daemon->crossing_async);
	if (daemon->has_control_poll)
		close_handle((uv_handle_t *)&daemon->control_poll);
}

/* What a phase begins; the next one begins when nothing is unfinished. */
static void (*const begins[])(struct daemon *daemon) = {
	[PHASE_ANSWERING] = begin_answering,
	[PHASE_DRAINING] = begin_draining,
	[PHASE_RECORDING] = begin_recording,
	[PHASE_STORING] = begin_storing,
	[PHASE_CLOSING] = begin_closing,
	[PHASE_GONE] = begin_gone,
};

void daemon_stopped(struct daemon *daemon, enum unfinished what)
{
	daemon->unfinished &= ~(unsigned)what;
	while (daemon->phase != PHASE_RUNNING && daemon->phase != PHASE_GONE &&
		!daemon->unfinished)
		begins[++daemon->phase](daemon);
}

void daemon_stop(struct daemon *daemon)
{
	daemon->phase = PHASE_ANSWERING;
	if (daemon->has_handles)
		uv_timer_start(&daemon->stop_timer, leave_control, CONTROL_MS, 0);
	begin_answering(daemon);
	daemon_stopped(daemon, 0);
}
