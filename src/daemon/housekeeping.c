/* What comes round: once a second, and signs of life for the service manager. */
#include "daemon.h"

#include "leadrelay/log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#define STEP_MS (10 * 1000LL)     /* waits are corrected from here on */
#define JUMP_MS (3600 * 1000LL)   /* and this is worth a warning */
#define SETTLE_MS (3600 * 1000LL) /* after such a one nothing is pruned for so long */
#define WATCH_EVERY 4             /* seconds: a change is seen twice within 10 s */
#define EXPIRE_EVERY 60
#define EXPIRE_MAX 1000
#define WARN_EVERY 3600
#define GROUP_EVERY 5

/* ---- the wall clock ---- */

static int64_t offset_now(const struct daemon *daemon)
{
	return clock_wall(daemon->clock) - clock_mono(daemon->clock);
}

/* A slow correction moves the offset along; only a jump between two looks counts. */
void housekeeping_look_at_clock(struct daemon *daemon)
{
	int64_t offset = offset_now(daemon);
	int64_t delta = offset - daemon->clock_offset;
	char length[DURATION_TEXT_SIZE];

	daemon->clock_offset = offset;
	if (delta > -STEP_MS && delta < STEP_MS) {
		relay_clock_slewed(daemon->relay, delta);
		return;
	}
	log_write(delta > -JUMP_MS && delta < JUMP_MS ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
		"wall clock jumped", "by",
		duration_human(delta < 0 ? -delta : delta, length), "direction",
		delta < 0 ? "back" : "forward", "consequence",
		"waits keep their length, no lead is given up for it", NULL);
	if (delta <= -JUMP_MS || delta >= JUMP_MS)
		daemon->settled_at = clock_mono(daemon->clock) + SETTLE_MS;
	relay_clock_jumped(daemon->relay, delta);
}

/* ---- fingerprints past their time ---- */

static void expired(struct store_job *job);

static void expire(struct daemon *daemon)
{
	struct job_expire *job = &daemon->expire;

	if (daemon->unfinished & UNFINISHED_EXPIRY)
		return;
	job_expire_prepare(job);
	job->now = clock_wall(daemon->clock);
	job->max = EXPIRE_MAX;
	job->job.done = expired;
	if (store_submit(daemon->store, &job->job, NULL) == ERR_OK)
		daemon->unfinished |= UNFINISHED_EXPIRY;
}

static void expired(struct store_job *job)
{
	struct daemon *daemon =
		(struct daemon *)((char *)job - offsetof(struct daemon, expire));
	bool more = job->code == ERR_OK && daemon->expire.more;

	if (job->code != ERR_OK)
		log_debug("expiring fingerprints failed", "cause", job->err.text, NULL);
	if (more && daemon->phase == PHASE_RUNNING) {
		daemon->unfinished &= ~(unsigned)UNFINISHED_EXPIRY;
		expire(daemon);
		return;
	}
	daemon_stopped(daemon, UNFINISHED_EXPIRY);
}

/* ---- secret files ---- */

struct look {
	uv_work_t work;
	struct daemon *daemon;
	struct generation *generation; /* held */
	bool changed;
	struct statvfs disk;
	bool disk_known;
};

static void look_at_files(uv_work_t *work)
{
	struct look *look = work->data;

	look->changed = secret_watch_changed(look->generation->watch);
	look->disk_known = statvfs(look->generation->config->state_dir, &look->disk) == 0;
}

static void files_looked_at(uv_work_t *work, int status)
{
	struct look *look = work->data;
	struct daemon *daemon = look->daemon;
	bool current = look->generation == daemon->generation;

	daemon->watching = false;
	if (look->disk_known) {
		daemon->disk_free = (int64_t)(look->disk.f_bavail * look->disk.f_frsize);
		daemon->disk_size = (int64_t)(look->disk.f_blocks * look->disk.f_frsize);
	}
	generation_release(look->generation);
	if (status == 0 && look->changed && current)
		daemon_reload(daemon, "a secret or certificate file has changed");
	free(look);
}

static void watch_files(struct daemon *daemon)
{
	struct look *look;

	if (daemon->watching || (daemon->unfinished & UNFINISHED_RELOAD))
		return;
	look = calloc(1, sizeof(*look));
	if (!look)
		return;
	look->work.data = look;
	look->daemon = daemon;
	look->generation = generation_hold(daemon->generation);
	daemon->watching = true;
	uv_queue_work(&daemon->loop, &look->work, look_at_files, files_looked_at);
}

/* ---- every second ---- */

static void every_second(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;
	int64_t second = daemon->seconds++;

	metrics_tick(daemon);
	if (daemon->phase != PHASE_RUNNING)
		return;
	housekeeping_look_at_clock(daemon);
	if (second % GROUP_EVERY == 0) {
		intake_tick(daemon->intake, clock_wall(daemon->clock));
		events_tick(clock_mono(daemon->clock));
	}
	if (second % WATCH_EVERY == WATCH_EVERY - 1)
		watch_files(daemon);
	if (second % EXPIRE_EVERY == 0)
		expire(daemon);
	alerts_tick(daemon);
	reports_tick(daemon);
	retention_tick(daemon);
	samples_tick(daemon);
	if (second % WARN_EVERY == WARN_EVERY - 1)
		event_expiry(daemon, false);
}

/* ---- signs of life: the loop ran, and the store answered since the last one ---- */

static enum err_code no_work(struct store_job *job, struct db *db, struct err *err)
{
	(void)job;
	(void)db;
	(void)err;
	return ERR_OK;
}

static void tell_alive(struct daemon *daemon)
{
	daemon->store_turns = store_turns(daemon->store);
	notify("WATCHDOG=1");
}

static void store_answered(struct store_job *job)
{
	struct daemon *daemon =
		(struct daemon *)((char *)job - offsetof(struct daemon, watchdog_job));

	tell_alive(daemon); /* also when it could not commit: failing is not hanging */
	daemon_stopped(daemon, UNFINISHED_WATCHDOG);
}

static void ask_store(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;

	if (daemon->phase > PHASE_RECORDING || (daemon->unfinished & UNFINISHED_WATCHDOG))
		return;
	daemon->watchdog_job = (struct store_job){.run = no_work, .done = store_answered};
	if (store_submit(daemon->store, &daemon->watchdog_job, NULL) == ERR_OK)
		daemon->unfinished |= UNFINISHED_WATCHDOG;
	else if (store_turns(daemon->store) != daemon->store_turns)
		tell_alive(daemon); /* it takes nothing at present, and is at work */
}

void housekeeping_start(struct daemon *daemon)
{
	int64_t watchdog_ms = notify_watchdog_ms();

	alerts_start(daemon);
	uv_timer_start(&daemon->second_timer, every_second, 1000, 1000);
	if (watchdog_ms > 0) {
		uint64_t period = (uint64_t)(watchdog_ms / 3 + 1);

		uv_timer_start(&daemon->watchdog_timer, ask_store, period, period);
	}
}

void housekeeping_stop(struct daemon *daemon)
{
	uv_timer_stop(&daemon->second_timer);
	uv_timer_stop(&daemon->watchdog_timer);
}
