/*
 * spread: how long things took: half of them, 95 % of them, the slowest. Bounded memory
 * whatever the number: values of at least 512 ms share a slot with those within 0.4 % of
 * them, and a slot answers with the mean of its values.
 */
#ifndef REPORT_SPREAD_H
#define REPORT_SPREAD_H

#include <stdint.h>

#define SPREAD_FINE_BITS 8
#define SPREAD_SLOTS ((64 - SPREAD_FINE_BITS) << SPREAD_FINE_BITS)

struct spread {
	int64_t count;
	int64_t max_ms;
	struct {
		int64_t count, sum_ms;
	} slots[SPREAD_SLOTS];
};

void spread_add(struct spread *spread, int64_t took_ms); /* below 0: 0 */
/* The value that percent of all do not exceed (nearest rank); 0 when there is none. */
int64_t spread_ms(const struct spread *spread, int percent);

#endif
