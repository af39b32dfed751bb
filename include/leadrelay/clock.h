/*
 * clock, entropy: time and chance as values handed down, so that a simulation can own
 * both.
 *
 * wall: milliseconds since 1970 UTC, may jump. mono: milliseconds from an arbitrary
 * start, never goes back; delays and deadlines are measured with it. The system clock
 * reads CLOCK_REALTIME and CLOCK_MONOTONIC through clock_gettime. Thread-safe.
 */
#ifndef LEADRELAY_CLOCK_H
#define LEADRELAY_CLOCK_H

#include <stddef.h>
#include <stdint.h>

struct clock {
	int64_t (*wall)(void *ctx);
	int64_t (*mono)(void *ctx);
	void *ctx;
};

struct entropy {
	void (*fill)(void *ctx, void *out, size_t len); /* cannot fail */
	void *ctx;
};

extern const struct clock clock_system;
extern const struct entropy entropy_system; /* getrandom(2) */

int64_t clock_wall(const struct clock *clock);
int64_t clock_mono(const struct clock *clock);
uint64_t entropy_u64(const struct entropy *entropy);
/* Uniform in [0, below); 0 when below is 0. */
uint64_t entropy_below(const struct entropy *entropy, uint64_t below);

#define TIME_TEXT_SIZE 32
/* RFC 3339, UTC, milliseconds: 2026-11-22T13:14:28.000Z. Outside the years 0000 to 9999
 * it is the nearest instant inside. Returns out. */
char *time_text(int64_t at, char out[TIME_TEXT_SIZE]);
/* RFC 3339 with any offset, fractions optional (beyond milliseconds dropped), a space in
 * place of T allowed. A leap second is the first second of the next day. Returns 0, or -1
 * when it is not one. */
int time_parse(const char *text, int64_t *at_out);
/* "2027-11-01" to the instant it starts (UTC). Returns 0 or -1. */
int date_parse(const char *text, int64_t *at_out);
/* An HTTP date (RFC 9110 5.6.7, all three forms). A year of two digits is 1970 to 2069;
 * the day's name need not fit the date. Returns 0 or -1. */
int http_date_parse(const char *text, int64_t *at_out);

/* "500ms" "30s" "5m" "2h" "7d", "0s"; digits and one unit only. Returns 0 or -1. */
int duration_parse(const char *text, int64_t *ms_out);
#define DURATION_TEXT_SIZE 48
/* The shortest exact form of the same grammar. Returns out. */
char *duration_text(int64_t ms, char out[DURATION_TEXT_SIZE]);
/* For people: "350ms" "3s" "4m 10s" "2h 05m" "6d 3h", a second part of zero left out:
 * "5m" "7d". What is smaller is cut off, not rounded. Returns out. */
char *duration_human(int64_t ms, char out[DURATION_TEXT_SIZE]);
/* "64KiB" "10MiB" "1GiB" "512" or "512B" (bytes); digits and one unit only. Returns 0 or
 * -1. */
int size_parse(const char *text, int64_t *bytes_out);

#endif
