/*
 * samples: what a picture of the outbox is drawn from: the counters of each destination
 * as they stood every few minutes, and what is not delivered by the age of its lead.
 * Numbers and names of destinations, never a lead. The internal destination for mails is
 * not among them.
 *
 * Store room: the job as in store.h, the rest as in reader.h.
 */
#ifndef LEADRELAY_SAMPLES_H
#define LEADRELAY_SAMPLES_H

#include "leadrelay/reader.h"

#define SAMPLE_EVERY_MS (5 * 60 * 1000LL)
#define SAMPLE_KEEP_MS (35 * 24 * 3600 * 1000LL)

/* Writes a sample of each destination that is configured or has leads waiting, and
 * removes those past their age, a thousand at a time. */
struct job_sample {
	struct store_job job;
	int64_t now;
	int64_t remove_until; /* samples at or before it go; 0: none do (the wall clock is
				 not trusted at present) */
	int64_t written;      /* out */
	int64_t removed;      /* out */
};
void job_sample_prepare(struct job_sample *job);

struct sample {
	int64_t destination;
	int64_t at;
	int64_t accepted, delivered, dead, pending, held, discarded; /* as counted then */
};
/* Those of [since, until], oldest first, inside a read transaction; false ends it. */
enum err_code reader_samples(struct reader *reader, int64_t since, int64_t until,
	bool (*each)(void *ctx, const struct sample *sample), void *ctx, struct err *err);

/* Deliveries by the age of their lead (since it came: an imported one since its import),
 * from the index of what is not delivered. A bucket holds what is older than the one
 * before it. */
#define SHAPE_BUCKETS 7
extern const int64_t shape_up_to_ms[SHAPE_BUCKETS]; /* the last: INT64_MAX */
struct shape {
	struct shape_bucket {
		int64_t pending, held, dead;
	} buckets[SHAPE_BUCKETS];
};
/* Costs as much as rows are waiting, held and dead: about 100 ms for a million. */
enum err_code reader_shape(struct reader *reader, int64_t destination, int64_t now,
	struct shape *out, struct err *err);

#endif
