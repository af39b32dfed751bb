/*
 * chance: what a seed decides. One generator (splitmix64) per part of the simulation, so
 * that more questions in one part do not change the answers in another.
 */
#ifndef SIM_CHANCE_H
#define SIM_CHANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chance {
	uint64_t state;
};

static inline uint64_t chance_next(struct chance *chance)
{
	uint64_t z = chance->state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static inline struct chance chance_of(uint64_t seed, uint64_t part)
{
	struct chance chance = {seed * 0x2545f4914f6cdd1du + part};

	chance_next(&chance);
	return chance;
}

/* Uniform in [0, below). */
static inline int64_t chance_below(struct chance *chance, int64_t below)
{
	return below > 0 ? (int64_t)(chance_next(chance) % (uint64_t)below) : 0;
}

/* Uniform in [from, to]. */
static inline int64_t chance_between(struct chance *chance, int64_t from, int64_t to)
{
	return from + chance_below(chance, to - from + 1);
}

static inline bool chance_percent(struct chance *chance, int percent)
{
	return chance_below(chance, 100) < percent;
}

static inline void chance_fill(struct chance *chance, void *out, size_t len)
{
	for (size_t i = 0; i < len; i++)
		((uint8_t *)out)[i] = (uint8_t)(chance_next(chance) >> 32);
}

#endif
