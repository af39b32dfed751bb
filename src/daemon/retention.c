/*
 * Rows past their age become counters, a few at a time: a batch a second at most, and
 * none while the store has other work waiting, so that no sender waits for it. After the
 * wall clock jumped by more than an hour nothing is removed for an hour: the next look at
 * the clock may say otherwise, and a row that was removed is gone.
 */
#include "daemon.h"

#include "leadrelay/log.h"

#define BATCH_MAX 200
#define BATCH_PAUSE_MS 1000
#define IDLE_PAUSE_MS (10 * 1000LL)
#define WAITING_MAX 4 /* jobs in the store's queue */

static void tell(const struct job_prune *job)
{
	if (!log_enabled(LOG_LEVEL_DEBUG) ||
		job->deliveries + job->leads + job->attempts + job->mails == 0)
		return;
	log_debug("pruned", "deliveries",
		log_num(job->deliveries, (char[LOG_NUMBER_SIZE]){0}), "leads",
		log_num(job->leads, (char[LOG_NUMBER_SIZE]){0}), "attempts",
		log_num(job->attempts, (char[LOG_NUMBER_SIZE]){0}), "mails",
		log_num(job->mails, (char[LOG_NUMBER_SIZE]){0}), NULL);
}

static void pruned(struct store_job *job)
{
	struct daemon *daemon =
		(struct daemon *)((char *)job - offsetof(struct daemon, prune));
	bool more = job->code == ERR_OK && daemon->prune.more;

	if (job->code == ERR_OK)
		tell(&daemon->prune);
	else
		log_debug("pruning failed", "cause", job->err.text, NULL);
	daemon->prune_at =
		clock_mono(daemon->clock) + (more ? BATCH_PAUSE_MS - 100 : IDLE_PAUSE_MS);
	daemon_stopped(daemon, UNFINISHED_PRUNE);
}

void retention_tick(struct daemon *daemon)
{
	int64_t mono = clock_mono(daemon->clock);
	struct job_prune *job = &daemon->prune;

	if ((daemon->unfinished & UNFINISHED_PRUNE) || mono < daemon->prune_at ||
		mono < daemon->settled_at || store_waiting(daemon->store) > WAITING_MAX)
		return;
	*job = (struct job_prune){.retention = daemon->generation->config->retention,
		.now = clock_wall(daemon->clock),
		.max = BATCH_MAX};
	job_prune_prepare(job);
	job->job.done = pruned;
	if (store_submit(daemon->store, &job->job, NULL) == ERR_OK)
		daemon->unfinished |= UNFINISHED_PRUNE;
}
