/*
 * schedule: when reports are due: every hour, day, weekday or month, at a time of day in
 * a zone. Pure; any thread. Instants are milliseconds UTC.
 *
 * A day, week or month has exactly one due instant: a time of day that does not exist
 * (the clock is put forward) is due at the first instant after the gap, one that comes
 * twice is due the first time. An hourly report is due whenever clocks show the minute,
 * so once in every hour that passes, the hour that comes twice included.
 *
 * A report covers the time since the one before it: what happens at the due instant or
 * later belongs to the next one. So the periods leave nothing out and count nothing
 * twice, whatever the clock did; days of 23 and 25 hours are such days.
 */
#ifndef LEADRELAY_SCHEDULE_H
#define LEADRELAY_SCHEDULE_H

#include "leadrelay/err.h"
#include "leadrelay/zone.h"

#include <stdint.h>

enum schedule_every {
	EVERY_SUNDAY, /* the weekdays first, as struct tm counts them */
	EVERY_MONDAY,
	EVERY_TUESDAY,
	EVERY_WEDNESDAY,
	EVERY_THURSDAY,
	EVERY_FRIDAY,
	EVERY_SATURDAY,
	EVERY_HOUR,
	EVERY_DAY,
	EVERY_MONTH, /* its first day */
	EVERY_COUNT
};
const char *schedule_every_name(enum schedule_every every); /* "hour" "monday" */
int schedule_every_find(const char *name);                  /* exact; -1: none */

/* "07:00", "23:59": two digits each, nothing else. Minutes after midnight; -1 when it is
 * not one. */
int schedule_at_parse(const char *text);

struct schedule {
	enum schedule_every every;
	int at_minute;           /* of the day; of EVERY_HOUR only the minute counts */
	const struct zone *zone; /* borrowed */
};

/* The first due instant after the given one. */
int64_t schedule_next(const struct schedule *schedule, int64_t after);
/* The last due instant at or before the given one: what a daemon that was down has to
 * catch up with. */
int64_t schedule_last(const struct schedule *schedule, int64_t at);

struct period { /* [since, until) */
	int64_t since, until;
};
/* Of the report that is due at due. */
struct period schedule_period(const struct schedule *schedule, int64_t due);

#endif
