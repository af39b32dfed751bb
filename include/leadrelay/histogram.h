/*
 * histogram: how often a value fell between fixed bounds, for metrics. Plain memory: it
 * may be copied as a whole. Not thread-safe: its owner's.
 */
#ifndef LEADRELAY_HISTOGRAM_H
#define LEADRELAY_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BOUNDS 16

struct histogram {
	const double *bounds; /* ascending; borrowed, a constant */
	size_t bound_count;   /* up to HISTOGRAM_BOUNDS */
	/* values at most bounds[i] and above the one before; the last: above all */
	uint64_t counts[HISTOGRAM_BOUNDS + 1];
	double sum;
};

/* From a constant array of bounds. */
#define HISTOGRAM_INIT(array) \
	((struct histogram){ \
		.bounds = (array), .bound_count = sizeof(array) / sizeof((array)[0])})
void histogram_add(struct histogram *histogram, double value);
uint64_t histogram_count(const struct histogram *histogram); /* of all values */

#endif
