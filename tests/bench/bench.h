/*
 * bench: what the yardsticks share: time, a number from the command line, files, figures.
 * A yardstick prints one line of JSON for tools/bench. Errors end the program.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

/* "NAME: text" on stderr, exit 1. */
__attribute__((noreturn, format(printf, 1, 2))) void bench_fail(const char *fmt, ...);
double bench_now(void); /* monotonic, seconds */
/* The value of option -x; outside [min, max] the program ends. */
int64_t bench_number(int option, const char *text, int64_t min, int64_t max);
/* A whole file, with a NUL behind it; the caller's to free. */
char *bench_file(const char *path, size_t *len_out);
double bench_quantile(double *values, size_t count, double q); /* sorts */

/* A run of # in the text of a lead stands for its number: this many digits. */
#define BENCH_DIGITS 12
/* Where they begin; a text without them ends the program. */
char *bench_number_place(char *lead);
void bench_set_number(char *place, int64_t n);

#endif
