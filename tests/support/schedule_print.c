/*
 * schedule_print: what zone and schedule say, for comparison with other programs.
 *
 *   schedule_print local ZONE FROM TO STEP     "EPOCH LOCAL" a line; LOCAL as the seconds
 *                                              a clock in UTC would have
 *   schedule_print due ZONE EVERY HH:MM FROM TO   every due instant in (FROM, TO]
 *
 * Times are seconds since 1970. `due` fails when next, last and period contradict each
 * other.
 */
#include "leadrelay/schedule.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_local(const struct zone *zone, char **argv)
{
	int64_t to = atoll(argv[1]), step = atoll(argv[2]);

	for (int64_t at = atoll(argv[0]); at <= to; at += step)
		printf("%" PRId64 " %" PRId64 "\n", at,
			zone_local(zone, at * 1000) / 1000);
}

static int contradiction(const char *what, int64_t at)
{
	fprintf(stderr, "schedule_print: %s contradict each other at %" PRId64 "\n", what,
		at);
	return 1;
}

static int print_due(const struct zone *zone, char **argv)
{
	struct schedule schedule = {
		.every = (enum schedule_every)schedule_every_find(argv[0]),
		.at_minute = schedule_at_parse(argv[1]),
		.zone = zone};
	int64_t at = atoll(argv[2]) * 1000, to = atoll(argv[3]) * 1000;
	int64_t before = schedule_last(&schedule, at);

	for (;;) {
		int64_t due = schedule_next(&schedule, at);
		struct period period = schedule_period(&schedule, due);

		if (schedule_last(&schedule, due) != due ||
			schedule_last(&schedule, due - 1) != before ||
			schedule_next(&schedule, due - 1) != due)
			return contradiction("next and last", due);
		if (period.since != before || period.until != due)
			return contradiction("period and last", due);
		if (due > to)
			return 0;
		printf("%" PRId64 "\n", due / 1000);
		at = before = due;
	}
}

int main(int argc, char **argv)
{
	struct zone *zone;
	struct err err;
	int status = 0;

	if (argc < 6 || zone_load(&zone, NULL, argv[2], &err) != ERR_OK) {
		fprintf(stderr, "schedule_print: %s\n",
			argc < 6 ? "arguments" : err.text);
		return 2;
	}
	if (strcmp(argv[1], "local") == 0)
		print_local(zone, argv + 3);
	else if (argc == 7)
		status = print_due(zone, argv + 3);
	zone_destroy(zone);
	return status;
}
