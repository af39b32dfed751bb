#include "leadrelay/schedule.h"

#include <stddef.h>
#include <string.h>

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

static const char *const names[EVERY_COUNT] = {
	[EVERY_SUNDAY] = "sunday",
	[EVERY_MONDAY] = "monday",
	[EVERY_TUESDAY] = "tuesday",
	[EVERY_WEDNESDAY] = "wednesday",
	[EVERY_THURSDAY] = "thursday",
	[EVERY_FRIDAY] = "friday",
	[EVERY_SATURDAY] = "saturday",
	[EVERY_HOUR] = "hour",
	[EVERY_DAY] = "day",
	[EVERY_MONTH] = "month",
};

const char *schedule_every_name(enum schedule_every every)
{
	return names[every];
}

int schedule_every_find(const char *name)
{
	for (int i = 0; i < EVERY_COUNT; i++) {
		if (strcmp(names[i], name) == 0)
			return i;
	}
	return -1;
}

static int two_digits(const char *text, int max)
{
	int value;

	if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9')
		return -1;
	value = (text[0] - '0') * 10 + (text[1] - '0');
	return value <= max ? value : -1;
}

int schedule_at_parse(const char *text)
{
	int hours, minutes;

	if (strlen(text) != 5 || text[2] != ':')
		return -1;
	hours = two_digits(text, 23);
	minutes = two_digits(text + 3, 59);
	return hours < 0 || minutes < 0 ? -1 : hours * 60 + minutes;
}

static int64_t floor_to(int64_t value, int64_t unit)
{
	int64_t rest = value % unit;

	return value - (rest < 0 ? rest + unit : rest);
}

/* ---- days ---- */

/* March-based reckoning would find the day of the month; only its first is asked for:
 * the days from 1970 on which a month begins. */
static bool is_first_of_month(int64_t day)
{
	int64_t z = day + 719468; /* days since 0000-03-01 */
	int64_t of_era = z - (z >= 0 ? z : z - 146096) / 146097 * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t month = (5 * of_year + 2) / 153; /* 0: March */

	return of_year == (153 * month + 2) / 5;
}

static bool is_due_day(const struct schedule *schedule, int64_t local_midnight)
{
	int64_t day = local_midnight / DAY_MS - (local_midnight % DAY_MS < 0);

	if (schedule->every == EVERY_DAY)
		return true;
	if (schedule->every == EVERY_MONTH)
		return is_first_of_month(day);
	return (day % 7 + 7 + 4) % 7 == (int64_t)schedule->every;
}

static int64_t due_on(const struct schedule *schedule, int64_t local_midnight)
{
	return zone_instant(
		schedule->zone, local_midnight + schedule->at_minute * MINUTE_MS);
}

/* From two days before, forward: dates where the clock crosses midnight are no special
 * case. */
static int64_t next_day(const struct schedule *schedule, int64_t after)
{
	int64_t day = floor_to(zone_local(schedule->zone, after), DAY_MS) - 2 * DAY_MS;

	for (;; day += DAY_MS) {
		int64_t due;

		if (!is_due_day(schedule, day))
			continue;
		due = due_on(schedule, day);
		if (due > after)
			return due;
	}
}

static int64_t last_day(const struct schedule *schedule, int64_t at)
{
	int64_t day = floor_to(zone_local(schedule->zone, at), DAY_MS) + 2 * DAY_MS;

	for (;; day -= DAY_MS) {
		int64_t due;

		if (!is_due_day(schedule, day))
			continue;
		due = due_on(schedule, day);
		if (due <= at)
			return due;
	}
}

/* ---- hours ---- */

/* The last instant at or before at that would show the minute, did the clock not change.
 */
static int64_t minute_before(
	const struct schedule *schedule, const struct zone_span *span, int64_t at)
{
	int64_t minute = schedule->at_minute % 60 * MINUTE_MS;

	return floor_to(at + span->offset_ms - minute, HOUR_MS) + minute -
	       span->offset_ms;
}

static int64_t next_hour(const struct schedule *schedule, int64_t after)
{
	struct zone_span span = zone_span_at(schedule->zone, after);
	int64_t due = minute_before(schedule, &span, after) + HOUR_MS;

	while (due >= span.end) {
		int64_t change = span.end;

		span = zone_span_at(schedule->zone, change);
		due = minute_before(schedule, &span, change - 1) + HOUR_MS;
	}
	return due;
}

static int64_t last_hour(const struct schedule *schedule, int64_t at)
{
	struct zone_span span = zone_span_at(schedule->zone, at);
	int64_t due = minute_before(schedule, &span, at);

	while (due < span.start) {
		int64_t before = span.start - 1;

		span = zone_span_at(schedule->zone, before);
		due = minute_before(schedule, &span, before);
	}
	return due;
}

/* ---- all ---- */

int64_t schedule_next(const struct schedule *schedule, int64_t after)
{
	return schedule->every == EVERY_HOUR ? next_hour(schedule, after)
					     : next_day(schedule, after);
}

int64_t schedule_last(const struct schedule *schedule, int64_t at)
{
	return schedule->every == EVERY_HOUR ? last_hour(schedule, at)
					     : last_day(schedule, at);
}

struct period schedule_period(const struct schedule *schedule, int64_t due)
{
	return (struct period){.since = schedule_last(schedule, due - 1), .until = due};
}
