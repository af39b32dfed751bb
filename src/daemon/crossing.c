/*
 * crossing: what an operator's request wants of the loop thread. The control thread puts
 * a crossing on the list, wakes the loop and waits until it is done; once stopping has
 * begun nobody is let across any more, and who waits is told so.
 */
#include "daemon.h"

#include "leadrelay/log.h"

#include <stdlib.h>
#include <string.h>

struct crossing {
	/* loop thread; ends in crossing_done, at once or later */
	void (*run)(struct daemon *daemon, struct crossing *crossing);
	struct crossing *next;
	struct daemon *daemon;
	bool done;
	bool detached; /* nobody waits: freed when done */
	/* the request and its answer */
	const char *destination;
	const char *why;
	int64_t id;
	struct relay_status *status;
	bool found;
	struct err *err;
	struct err failure;
};

static void crossing_done(struct crossing *crossing)
{
	struct daemon *daemon = crossing->daemon;

	if (crossing->detached) {
		free(crossing);
		return;
	}
	uv_mutex_lock(&daemon->mutex);
	crossing->done = true;
	uv_cond_broadcast(&daemon->crossed);
	uv_mutex_unlock(&daemon->mutex);
}

static struct crossing *take_all(struct daemon *daemon)
{
	struct crossing *list;

	uv_mutex_lock(&daemon->mutex);
	list = daemon->crossings;
	daemon->crossings = NULL;
	uv_mutex_unlock(&daemon->mutex);
	return list;
}

static void on_crossing(uv_async_t *async)
{
	struct daemon *daemon = async->data;
	struct crossing *crossing = take_all(daemon);

	while (crossing) {
		struct crossing *next = crossing->next;

		crossing->run(daemon, crossing);
		crossing = next;
	}
	uv_mutex_lock(&daemon->mutex);
	if (daemon->control_count > 0 || !daemon->crossing_closed) {
		uv_mutex_unlock(&daemon->mutex);
		return;
	}
	uv_mutex_unlock(&daemon->mutex);
	daemon_stopped(daemon, UNFINISHED_CONTROL);
}

static bool queue(struct daemon *daemon, struct crossing *crossing)
{
	struct crossing **end = &daemon->crossings;

	if (daemon->crossing_closed)
		return false;
	crossing->daemon = daemon;
	while (*end)
		end = &(*end)->next;
	*end = crossing;
	uv_async_send(&daemon->crossing_async);
	return true;
}

/* Control thread. False: the daemon is stopping, or has begun to while this waited. */
static bool cross(struct daemon *daemon, struct crossing *crossing)
{
	bool crossed;

	uv_mutex_lock(&daemon->mutex);
	crossed = queue(daemon, crossing);
	while (crossed && !crossing->done)
		uv_cond_wait(&daemon->crossed, &daemon->mutex);
	uv_mutex_unlock(&daemon->mutex);
	return crossed;
}

bool daemon_stopping(struct daemon *daemon)
{
	bool stopping;

	uv_mutex_lock(&daemon->mutex);
	stopping = daemon->crossing_closed;
	uv_mutex_unlock(&daemon->mutex);
	return stopping;
}

enum err_code crossing_start(struct daemon *daemon, struct err *err)
{
	int status = uv_async_init(&daemon->loop, &daemon->crossing_async, on_crossing);

	if (status != 0)
		return err_set(err, ERR_IO, "the loop: %s", uv_strerror(status));
	daemon->crossing_async.data = daemon;
	return ERR_OK;
}

/* What is on the list is still run; the relay answers it also while it drains. */
void crossing_stop(struct daemon *daemon)
{
	uv_mutex_lock(&daemon->mutex);
	daemon->crossing_closed = true;
	uv_mutex_unlock(&daemon->mutex);
	if (daemon->crossing_async.data)
		uv_async_send(&daemon->crossing_async);
}

/* ---- what can be asked ---- */

static void run_status(struct daemon *daemon, struct crossing *crossing)
{
	crossing->found =
		relay_status(daemon->relay, crossing->destination, crossing->status);
	crossing_done(crossing);
}

static bool live_status(void *ctx, const char *destination, struct relay_status *out)
{
	struct crossing crossing = {
		.run = run_status, .destination = destination, .status = out};

	return cross(ctx, &crossing) && crossing.found;
}

static void run_under_way(struct daemon *daemon, struct crossing *crossing)
{
	crossing->found =
		relay_under_way(daemon->relay, crossing->destination, crossing->id);
	crossing_done(crossing);
}

static bool live_under_way(void *ctx, const char *destination, int64_t delivery)
{
	struct crossing crossing = {
		.run = run_under_way, .destination = destination, .id = delivery};

	return cross(ctx, &crossing) && crossing.found;
}

static void run_changed(struct daemon *daemon, struct crossing *crossing)
{
	relay_refresh(daemon->relay, crossing->id);
	crossing_done(crossing);
}

static void run_came(struct daemon *daemon, struct crossing *crossing)
{
	relay_fresh(daemon->relay, crossing->id, 0);
	crossing_done(crossing);
}

static void tell_relay(struct daemon *daemon, int64_t destination,
	void (*run)(struct daemon *daemon, struct crossing *crossing))
{
	struct crossing *crossing = calloc(1, sizeof(*crossing));
	bool queued;

	if (!crossing)
		return; /* the next refill of the window sees it */
	crossing->run = run;
	crossing->detached = true;
	crossing->id = destination;
	uv_mutex_lock(&daemon->mutex);
	queued = queue(daemon, crossing);
	uv_mutex_unlock(&daemon->mutex);
	if (!queued)
		free(crossing);
}

static void live_changed(void *ctx, int64_t destination)
{
	tell_relay(ctx, destination, run_changed);
}

static void live_came(void *ctx, int64_t destination)
{
	tell_relay(ctx, destination, run_came);
}

static void parked_or_resumed(void *ctx, const struct err *err)
{
	struct crossing *crossing = ctx;

	if (err)
		crossing->failure = *err;
	crossing_done(crossing);
}

static void run_park(struct daemon *daemon, struct crossing *crossing)
{
	if (crossing->why)
		relay_park(daemon->relay, crossing->destination, crossing->why,
			parked_or_resumed, crossing);
	else
		relay_resume(daemon->relay, crossing->destination, parked_or_resumed,
			crossing);
}

static void live_park(
	void *ctx, const char *destination, const char *why, struct err *err_out)
{
	struct crossing crossing = {
		.run = run_park, .destination = destination, .why = why};

	if (!cross(ctx, &crossing))
		err_set(err_out, ERR_BUSY, "leadrelayd is stopping; try again");
	else if (crossing.failure.code != ERR_OK)
		*err_out = crossing.failure;
}

static void run_resume(struct daemon *daemon, struct crossing *crossing)
{
	if (daemon->intake_only)
		log_info("delivering again", "cause", "leadctl resume", NULL);
	daemon->intake_only = false;
	relay_run(daemon->relay, true);
	notify("STATUS=accepting and delivering");
	crossing_done(crossing);
}

static void live_resume_delivery(void *ctx, struct err *err_out)
{
	struct daemon *daemon = ctx;
	struct crossing crossing = {.run = run_resume};
	struct job_boot_end job = {0};

	job_boot_end_prepare(&job);
	job.boot_id = daemon->boot_id;
	job.resume = true;
	job.now = clock_wall(daemon->clock);
	if (store_call(daemon->store, &job.job, err_out) != ERR_OK)
		return;
	if (!cross(daemon, &crossing))
		err_set(err_out, ERR_BUSY, "leadrelayd is stopping; try again");
}

static int64_t live_uptime_ms(void *ctx)
{
	const struct daemon *daemon = ctx;

	return clock_mono(daemon->clock) - daemon->started_at;
}

static bool live_intake_only(void *ctx)
{
	const struct daemon *daemon = ctx;

	return daemon->intake_only;
}

/* Of these the loop knows nothing: they have a lock of their own. */
static size_t live_events(void *ctx, int64_t after, int64_t wait_ms,
	struct control_event *out, size_t max, bool *gap_out, int64_t *known_from_out)
{
	struct daemon *daemon = ctx;

	if (!daemon->feed) {
		*gap_out = true;
		*known_from_out = INT64_MAX;
		return 0;
	}
	return feed_read(daemon->feed, after, wait_ms, out, max, gap_out, known_from_out);
}

static int64_t live_last_event(void *ctx)
{
	const struct daemon *daemon = ctx;

	return daemon->feed ? feed_last(daemon->feed) : 0;
}

static void live_happened(void *ctx, const struct control_event *event)
{
	const struct daemon *daemon = ctx;

	feed_add(daemon->feed, event);
}

const struct control_live control_live_daemon = {
	.status = live_status,
	.changed = live_changed,
	.came = live_came,
	.under_way = live_under_way,
	.park = live_park,
	.resume_delivery = live_resume_delivery,
	.uptime_ms = live_uptime_ms,
	.intake_only = live_intake_only,
	.events = live_events,
	.last_event = live_last_event,
	.happened = live_happened,
};
