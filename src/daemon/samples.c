/*
 * Samples of the counters, at the start and every few minutes: what pictures are drawn
 * from. After the wall clock jumped by more than an hour none is removed for an hour, as
 * in retention.c.
 */
#include "daemon.h"

#include "leadrelay/log.h"

#define AGAIN_MS (10 * 1000LL)

static void sampled(struct store_job *job)
{
	struct daemon *daemon =
		(struct daemon *)((char *)job - offsetof(struct daemon, sample));

	if (job->code != ERR_OK)
		log_debug("no sample was kept", "cause", job->err.text, NULL);
	daemon->sample_at = clock_mono(daemon->clock) +
			    (job->code == ERR_OK ? SAMPLE_EVERY_MS : AGAIN_MS);
	daemon_stopped(daemon, UNFINISHED_SAMPLE);
}

void samples_tick(struct daemon *daemon)
{
	int64_t mono = clock_mono(daemon->clock);
	int64_t wall = clock_wall(daemon->clock);
	struct job_sample *job = &daemon->sample;

	if ((daemon->unfinished & UNFINISHED_SAMPLE) || mono < daemon->sample_at)
		return;
	*job = (struct job_sample){.now = wall,
		.remove_until = mono < daemon->settled_at ? 0 : wall - SAMPLE_KEEP_MS};
	job_sample_prepare(job);
	job->job.done = sampled;
	if (store_submit(daemon->store, &job->job, NULL) == ERR_OK)
		daemon->unfinished |= UNFINISHED_SAMPLE;
}
