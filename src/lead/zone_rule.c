#include "zone_rule.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#define DAY 86400

/* ---- reading: a cursor, NULL after the first thing that was wrong ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *read_number(const char *at, int min, int max, int *out)
{
	int value = 0;

	if (!at || !is_digit(*at))
		return NULL;
	for (; is_digit(*at); at++) {
		value = value * 10 + (*at - '0');
		if (value > max)
			return NULL;
	}
	*out = value;
	return value >= min ? at : NULL;
}

static const char *read_char(const char *at, char c)
{
	return at && *at == c ? at + 1 : NULL;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "CET", "<+0330>" */
static const char *skip_name(const char *at)
{
	const char *begin = at;

	if (!at)
		return NULL;
	if (*at == '<') {
		at += strspn(at + 1,
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			      "0123456789+-") +
		      1;
		return *at == '>' && at - begin > 1 ? at + 1 : NULL;
	}
	while (is_letter(*at))
		at++;
	return at - begin >= 3 ? at : NULL;
}

/* [+-]hh[:mm[:ss]] */
static const char *read_time(const char *at, int hours_max, int32_t *out)
{
	int sign = at && *at == '-' ? -1 : 1, hours = 0, minutes = 0, seconds = 0;

	if (at && (*at == '-' || *at == '+'))
		at++;
	at = read_number(at, 0, hours_max, &hours);
	if (at && *at == ':') {
		at = read_number(at + 1, 0, 59, &minutes);
		if (at && *at == ':')
			at = read_number(at + 1, 0, 59, &seconds);
	}
	*out = sign * (hours * 3600 + minutes * 60 + seconds);
	return at;
}

static const char *read_date(const char *at, struct zone_date *out)
{
	*out = (struct zone_date){.time = 2 * 3600};
	at = read_char(at, ',');
	if (at && *at == 'J') {
		out->kind = DAY_JULIAN;
		at = read_number(at + 1, 1, 365, &out->day);
	} else if (at && *at == 'M') {
		out->kind = DAY_WEEKDAY;
		at = read_number(at + 1, 1, 12, &out->month);
		at = read_number(read_char(at, '.'), 1, 5, &out->week);
		at = read_number(read_char(at, '.'), 0, 6, &out->day);
	} else {
		out->kind = DAY_OF_YEAR;
		at = read_number(at, 0, 365, &out->day);
	}
	if (at && *at == '/')
		at = read_time(at + 1, 167, &out->time);
	return at;
}

/* POSIX counts offsets westward. */
bool zone_rule_parse(struct zone_rule *out, const char *text)
{
	struct zone_rule rule = {.present = true};
	const char *at = read_time(skip_name(text), 24, &rule.standard);

	rule.standard = -rule.standard;
	rule.dst = rule.standard + 3600;
	if (at && *at) {
		rule.has_dst = true;
		at = skip_name(at);
		if (at && *at && *at != ',') {
			at = read_time(at, 24, &rule.dst);
			rule.dst = -rule.dst;
		}
		at = read_date(at, &rule.begin);
		at = read_date(at, &rule.end);
	}
	if (!at || *at)
		return false;
	*out = rule;
	return true;
}

/* ---- the changes of a year ---- */

static int64_t days_of(int year, int month, int day)
{
	struct tm tm = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};

	return timegm(&tm) / DAY;
}

static int year_of(int64_t seconds)
{
	time_t at = (time_t)seconds;
	struct tm tm;

	return gmtime_r(&at, &tm) ? tm.tm_year + 1900 : 1970;
}

static int64_t weekday_of_month(int year, const struct zone_date *date)
{
	int64_t first = days_of(year, date->month, 1);
	int64_t next = date->month == 12 ? days_of(year + 1, 1, 1)
					 : days_of(year, date->month + 1, 1);
	int weekday = (int)((first % 7 + 7 + 4) % 7); /* 1970-01-01 was a Thursday */
	int64_t day = first + (date->day - weekday + 7) % 7 + (date->week - 1) * 7;

	while (day >= next) /* week 5: the last one */
		day -= 7;
	return day;
}

/* The instant of a date's local time, with the offset that ends there. */
static int64_t instant_of(const struct zone_date *date, int year, int32_t offset)
{
	int64_t day = 0;

	switch (date->kind) {
	case DAY_JULIAN: /* February 29 is never counted */
		day = days_of(year, 1, 1) + date->day - 1;
		if (date->day >= 60 && days_of(year, 3, 1) - days_of(year, 2, 28) == 2)
			day++;
		break;
	case DAY_OF_YEAR:
		day = days_of(year, 1, 1) + date->day;
		break;
	case DAY_WEEKDAY:
		day = weekday_of_month(year, date);
		break;
	}
	return day * DAY + date->time - offset;
}

/* The changes of the years around (one of them may fall a week into the next year or the
 * one before), in no order: the last one at or before seconds says
 * the offset, the next one ends it. */
struct zone_span zone_rule_span(const struct zone_rule *rule, int64_t seconds)
{
	struct zone_span span = {
		.start = INT64_MIN, .end = INT64_MAX, .offset_ms = rule->standard};
	int year = year_of(seconds);

	if (!rule->has_dst)
		return span;
	for (int y = year - 2; y <= year + 1; y++) {
		int64_t begin = instant_of(&rule->begin, y, rule->standard);
		int64_t end = instant_of(&rule->end, y, rule->dst);

		/* Where summer time ends as it begins (all year), it goes on. */
		if (end <= seconds && end >= span.start) {
			span.start = end;
			span.offset_ms = rule->standard;
		}
		if (begin <= seconds && begin >= span.start) {
			span.start = begin;
			span.offset_ms = rule->dst;
		}
		if (begin > seconds && begin < span.end)
			span.end = begin;
		if (end > seconds && end < span.end)
			span.end = end;
	}
	return span;
}
