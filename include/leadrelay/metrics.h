/*
 * metrics: what leadrelayd knows of itself, as numbers, and their text for Prometheus.
 *
 * Pure: values in, text out; any thread. No personal data: names of sources and
 * destinations, words and numbers.
 */
#ifndef LEADRELAY_METRICS_H
#define LEADRELAY_METRICS_H

#include "leadrelay/buf.h"
#include "leadrelay/delivery.h"
#include "leadrelay/health.h"
#include "leadrelay/histogram.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct metrics_source {
	const char *name;
	int64_t accepted; /* leads kept, ever */
};
struct metrics_rejected {   /* requests answered 4xx or 5xx since the start */
	const char *source; /* "": none that is known */
	int status;
	int64_t count;
};
struct metrics_destination {
	const char *name;
	int64_t deliveries[DELIVERY_STATES];
	double oldest_pending_s; /* 0: none waits */
	enum health_state state;
	int concurrency; /* how many at once, at present; 0: it is not configured */
	int64_t credential_expires_at; /* wall ms; 0: not known */
	/* since the start */
	int64_t attempts[OUTCOME_COUNT];
	struct histogram delivery_age_s;
};

/* All of it; what it points to is the caller's. */
struct metrics {
	const char *version;
	int64_t started_at; /* wall ms */
	bool store_working; /* false: the counters below are those of the last time it did
			     */
	bool intake_only;
	const struct metrics_source *sources;
	size_t source_count;
	const struct metrics_destination *destinations;
	size_t destination_count;
	int64_t notifications_pending, notifications_dead;
	int64_t quarantined; /* neither replayed nor discarded */
	int64_t difference;  /* of the accounting */
	int64_t file_bytes, wal_bytes;
	/* since the start */
	const struct metrics_rejected *rejected;
	size_t rejected_count;
	int64_t notifications[OUTCOME_COUNT];
	struct histogram intake_s;
	struct histogram commit_s;
	struct histogram batch_leads;
};

#define METRICS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
/* In the text format 0.0.4, families always in the same order. */
void metrics_text(const struct metrics *metrics, struct buf *out);

#endif
