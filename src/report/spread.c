#include "spread.h"

/* Below 512: the value itself; above: its power of two, then its highest 8 bits behind
 * the first. */
static int slot_of(uint64_t value)
{
	int bits = value ? 64 - __builtin_clzll(value) : 0;
	int shift = bits > SPREAD_FINE_BITS + 1 ? bits - SPREAD_FINE_BITS - 1 : 0;

	return (shift << SPREAD_FINE_BITS) + (int)(value >> shift);
}

void spread_add(struct spread *spread, int64_t took_ms)
{
	int64_t value = took_ms > 0 ? took_ms : 0;
	int slot = slot_of((uint64_t)value);

	spread->count++;
	spread->slots[slot].count++;
	spread->slots[slot].sum_ms += value;
	if (value > spread->max_ms)
		spread->max_ms = value;
}

int64_t spread_ms(const struct spread *spread, int percent)
{
	int64_t rank = (spread->count * percent + 99) / 100, seen = 0;

	for (int i = 0; i < SPREAD_SLOTS && spread->count; i++) {
		seen += spread->slots[i].count;
		if (seen >= rank && spread->slots[i].count)
			return spread->slots[i].sum_ms / spread->slots[i].count;
	}
	return 0;
}
