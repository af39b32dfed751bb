#include "bench.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void bench_fail(const char *fmt, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

double bench_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int64_t bench_number(int option, const char *text, int64_t min, int64_t max)
{
	char *end;
	long long number;

	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno != 0 || *end || end == text || number < min || number > max)
		bench_fail("-%c takes a number from %lld to %lld", option, (long long)min,
			(long long)max);
	return number;
}

char *bench_file(const char *path, size_t *len_out)
{
	size_t len = 0, size = 64 * 1024;
	char *text = malloc(size);
	FILE *file = fopen(path, "re");

	if (!file || !text)
		bench_fail("%s: %s", path, strerror(errno));
	for (size_t got; (got = fread(text + len, 1, size - 1 - len, file)) > 0;) {
		len += got;
		if (len < size - 1)
			continue;
		text = realloc(text, size *= 2);
		if (!text)
			bench_fail("out of memory");
	}
	if (ferror(file))
		bench_fail("%s cannot be read", path);
	fclose(file);
	text[len] = 0;
	if (len_out)
		*len_out = len;
	return text;
}

static int by_size(const void *a, const void *b)
{
	double one = *(const double *)a;
	double two = *(const double *)b;

	return (one > two) - (one < two);
}

double bench_quantile(double *values, size_t count, double q)
{
	if (count == 0)
		return 0;
	qsort(values, count, sizeof(values[0]), by_size);
	return values[(size_t)((double)(count - 1) * q + 0.5)];
}

char *bench_number_place(char *lead)
{
	char *place = strstr(lead, "############");

	if (!place)
		bench_fail(
			"the lead has no place for its number: %d times #", BENCH_DIGITS);
	return place;
}

void bench_set_number(char *place, int64_t n)
{
	for (int i = BENCH_DIGITS - 1; i >= 0; i--, n /= 10)
		place[i] = (char)('0' + n % 10);
}
