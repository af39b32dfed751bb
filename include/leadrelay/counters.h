/*
 * counters: the outbox in numbers, for metrics: counters and the ends of indexes, as many
 * rows as there are sources and destinations, never a lead. A store job as in store.h.
 */
#ifndef LEADRELAY_COUNTERS_H
#define LEADRELAY_COUNTERS_H

#include "leadrelay/reader.h"

struct job_counters {
	struct store_job job;
	/* out; finish frees. The internal destination for mails is among them */
	struct destination_row *destinations;
	size_t destination_count;
	struct source_row *sources;
	size_t source_count;
	int64_t notifications_pending, notifications_sent, notifications_dead;
	int64_t quarantined; /* neither replayed nor discarded */
	int64_t difference;  /* of the leads' accounting, all destinations */
	int64_t file_bytes;  /* of outbox.db; 0: not known */
	int64_t wal_bytes;   /* of outbox.db-wal */
};
void job_counters_prepare(struct job_counters *job);
void job_counters_finish(struct job_counters *job);

#endif
