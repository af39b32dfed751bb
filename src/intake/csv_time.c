/* Times as they stand in spreadsheets. */
#include "leadrelay/clock.h"
#include "leadrelay/csv.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DAY_MS ((int64_t)24 * 3600 * 1000)

static const char no_time[] = "is no time: 2026-11-22, 2026-11-22 13:14:28 or "
			      "2026-11-22T13:14:28Z are";

/* Up to most digits at *at; -1: there is none, or one more. */
static int take_number(const char **at, int most, int *digits_out)
{
	int value = 0, digits = 0;

	while (isdigit((unsigned char)**at) && digits < most) {
		value = 10 * value + (*(*at)++ - '0');
		digits++;
	}
	*digits_out = digits;
	return digits == 0 || isdigit((unsigned char)**at) ? -1 : value;
}

struct date {
	int parts[3];
	char mark; /* between them: - / . */
	bool year_first;
};

static bool take_date(const char **at, struct date *out)
{
	for (int i = 0; i < 3; i++) {
		int digits;

		out->parts[i] = take_number(at, 4, &digits);
		if (out->parts[i] < 0)
			return false;
		if (i == 0) {
			out->year_first = digits == 4;
			out->mark = **at;
		}
		if (digits != 4 && (out->year_first ? i == 0 : i == 2))
			return false; /* a year has four */
		if (digits > 2 && (out->year_first ? i != 0 : i != 2))
			return false;
		if (i < 2 && (!out->mark || !strchr("-/.", out->mark) ||
				     *(*at)++ != out->mark))
			return false;
	}
	return true;
}

/* Behind a time of 1 to 12 o'clock. */
static bool take_half(const char **at, int *hour)
{
	const char *from = *at + strspn(*at, " ");
	bool pm = strncasecmp(from, "pm", 2) == 0;

	if (!pm && strncasecmp(from, "am", 2) != 0)
		return true;
	if (*hour < 1 || *hour > 12)
		return false;
	*hour = *hour % 12 + (pm ? 12 : 0);
	*at = from + 2;
	return true;
}

/* Nothing, or [T ]H:MM[:SS[.fff]] [am|pm]: milliseconds of the day; -1: neither. */
static int64_t take_time(const char *at)
{
	int numbers[3] = {0}, count = 0, digits;

	if (*at == '\0')
		return 0;
	if (*at != ' ' && *at != 'T' && *at != ',')
		return -1;
	at += 1 + strspn(at + 1, " ");
	do {
		numbers[count++] = take_number(&at, 2, &digits);
		if (numbers[count - 1] < 0 || (count > 1 && digits != 2))
			return -1;
	} while (count < 3 && *at == ':' && at++);
	if (count == 3 && *at == '.')
		at += 1 + strspn(at + 1, "0123456789");
	if (!take_half(&at, &numbers[0]) || *at || count < 2 || numbers[0] > 23 ||
		numbers[1] > 59 || numbers[2] > 59)
		return -1;
	return ((numbers[0] * (int64_t)60 + numbers[1]) * 60 + numbers[2]) * 1000;
}

/* The two in front of the year: which is the day? NULL: it is said. */
static const char *order(struct date *date)
{
	int first = date->parts[0], second = date->parts[1], year = date->parts[2];
	bool day_first = date->mark == '.' || first > 12;

	if (!day_first && second <= 12 && first != second)
		return "may be day and month or month and day: write 2026-11-22, or leave "
		       "the column to extra with --map COLUMN=extra";
	date->parts[0] = year;
	date->parts[1] = day_first ? second : first;
	date->parts[2] = day_first ? first : second;
	return NULL;
}

const char *csv_time_parse(const char *text, int64_t *at_out)
{
	const char *at = text;
	char iso[40];
	struct date date = {0};
	int64_t day, of_day;

	if (time_parse(text, at_out) == 0)
		return NULL;
	if (!take_date(&at, &date))
		return no_time;
	of_day = take_time(at);
	if (of_day < 0)
		return no_time;
	if (!date.year_first) {
		const char *doubt = order(&date);

		if (doubt)
			return doubt;
	}
	snprintf(iso, sizeof(iso), "%04d-%02d-%02d", date.parts[0], date.parts[1],
		date.parts[2]);
	if (date_parse(iso, &day) != 0)
		return no_time;
	*at_out = day + of_day;
	return NULL;
}
