#include "moment.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_clock(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t wall_now(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t steady_now(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

static struct tm utc(int64_t at)
{
	time_t seconds = (time_t)(at / 1000);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	return tm;
}

void moment_iso(char out[MOMENT_SIZE], int64_t at)
{
	struct tm tm = utc(at);
	size_t len = strftime(out, MOMENT_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);

	snprintf(out + len, MOMENT_SIZE - len, ".%03dZ", (int)(at % 1000));
}

void moment_odata(char out[MOMENT_SIZE], int64_t at)
{
	struct tm tm = utc(at);

	strftime(out, MOMENT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void moment_azure(char out[MOMENT_SIZE], int64_t at)
{
	struct tm tm = utc(at);

	strftime(out, MOMENT_SIZE, "%Y-%m-%d %H:%M:%SZ", &tm);
}

void moment_http(
	char out[MOMENT_SIZE], int64_t at) /* names are English: no locale is set */
{
	struct tm tm = utc(at);

	strftime(out, MOMENT_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}
