#include "leadrelay/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)

struct civil { /* a date and time of day in the proleptic Gregorian calendar */
	int year, month, day;
	int hour, minute, second, ms;
};

/* Days from 1970-01-01. Counts years from March, so that the leap day comes last. */
static int64_t days_of(int year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year =
		(153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	int64_t day_of_era =
		year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

/* The inverse of days_of. */
static void civil_of_days(int64_t days, struct civil *out)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t day_of_era = z - era * 146097;
	int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
				      day_of_era / 146096) /
			      365;
	int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month = (5 * day_of_year + 2) / 153; /* from March */

	out->day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
	out->month = (int)(month < 10 ? month + 3 : month - 9);
	out->year = (int)(year_of_era + era * 400 + (out->month <= 2));
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static bool civil_valid(const struct civil *civil)
{
	return civil->month >= 1 && civil->month <= 12 && civil->day >= 1 &&
	       civil->day <= days_in_month(civil->year, civil->month) &&
	       civil->hour <= 23 && civil->minute <= 59 && civil->second <= 60;
}

/* The instant of a valid civil time that is offset_min ahead of UTC. A second 60 counts
 * as the first of the next minute and is only a leap second at the end of a UTC day: else
 * -1. */
static int instant_of(const struct civil *civil, int offset_min, int64_t *at_out)
{
	int64_t minute = days_of(civil->year, civil->month, civil->day) * 1440 +
			 civil->hour * 60 + civil->minute - offset_min;

	if (civil->second == 60 && (minute % 1440 + 1440) % 1440 != 1439)
		return -1;
	*at_out = minute * 60000 + civil->second * INT64_C(1000) + civil->ms;
	return 0;
}

char *time_text(int64_t at, char out[TIME_TEXT_SIZE])
{
	const int64_t first = days_of(0, 1, 1) * DAY_MS;
	const int64_t last = days_of(10000, 1, 1) * DAY_MS - 1;
	int64_t within = at < first ? first : at > last ? last : at;
	int64_t days = (within >= 0 ? within : within - (DAY_MS - 1)) / DAY_MS;
	int ms = (int)(within - days * DAY_MS);
	struct civil civil;

	civil_of_days(days, &civil);
	snprintf(out, TIME_TEXT_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
		(unsigned)civil.year % 10000, (unsigned)civil.month % 100,
		(unsigned)civil.day % 100, (unsigned)ms / 3600000,
		(unsigned)ms / 60000 % 60, (unsigned)ms / 1000 % 60, (unsigned)ms % 1000);
	return out;
}

/* Reading: a cursor that each step moves on, and that is NULL after the first step that
 * failed. */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *read_number(const char *at, int digits, int *out)
{
	int value = 0;

	for (int i = 0; at && i < digits; i++)
		if (is_digit(*at))
			value = value * 10 + (*at++ - '0');
		else
			at = NULL;
	*out = value;
	return at;
}

static const char *read_char(const char *at, const char *one_of)
{
	return at && *at && strchr(one_of, *at) ? at + 1 : NULL;
}

static const char *read_date(const char *at, struct civil *out)
{
	at = read_number(at, 4, &out->year);
	at = read_char(at, "-");
	at = read_number(at, 2, &out->month);
	at = read_char(at, "-");
	return read_number(at, 2, &out->day);
}

static const char *read_time_of_day(const char *at, struct civil *out)
{
	at = read_number(at, 2, &out->hour);
	at = read_char(at, ":");
	at = read_number(at, 2, &out->minute);
	at = read_char(at, ":");
	return read_number(at, 2, &out->second);
}

/* ".123456", or nothing; digits beyond the millisecond are dropped. */
static const char *read_fraction(const char *at, int *ms_out)
{
	int unit = 100;

	*ms_out = 0;
	if (!at || *at != '.')
		return at;
	if (!is_digit(*++at))
		return NULL;
	for (; is_digit(*at); at++, unit /= 10)
		*ms_out += (*at - '0') * unit;
	return at;
}

/* "Z" or "+hh:mm". */
static const char *read_offset(const char *at, int *minutes_out)
{
	int hours;
	int minutes;
	int sign;

	*minutes_out = 0;
	if (!at || *at == 'Z' || *at == 'z')
		return at ? at + 1 : NULL;
	sign = *at == '-' ? -1 : 1;
	at = read_char(at, "+-");
	at = read_number(at, 2, &hours);
	at = read_char(at, ":");
	at = read_number(at, 2, &minutes);
	if (!at || hours > 23 || minutes > 59)
		return NULL;
	*minutes_out = sign * (hours * 60 + minutes);
	return at;
}

int time_parse(const char *text, int64_t *at_out)
{
	struct civil civil = {0};
	int offset_min;
	const char *at;

	at = read_date(text, &civil);
	at = read_char(at, "Tt ");
	at = read_time_of_day(at, &civil);
	at = read_fraction(at, &civil.ms);
	at = read_offset(at, &offset_min);
	if (!at || *at != '\0' || !civil_valid(&civil))
		return -1;
	return instant_of(&civil, offset_min, at_out);
}

int date_parse(const char *text, int64_t *at_out)
{
	struct civil civil = {0};
	const char *at = read_date(text, &civil);

	if (!at || *at != '\0' || !civil_valid(&civil))
		return -1;
	return instant_of(&civil, 0, at_out);
}

static const char *const day_names[] = {
	"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static const char *read_text(const char *at, const char *expected)
{
	size_t len = strlen(expected);

	return at && strncmp(at, expected, len) == 0 ? at + len : NULL;
}

/* A day's name in full or its first three letters, with what must follow it; whether it
 * is the right one for the date is not looked at. */
static const char *read_day_name(const char *at, bool full, const char *follow)
{
	for (size_t i = 0; i < sizeof(day_names) / sizeof(day_names[0]); i++) {
		size_t len = full ? strlen(day_names[i]) : 3;

		if (strncmp(at, day_names[i], len) == 0)
			return read_text(at + len, follow);
	}
	return NULL;
}

static const char *read_month_name(const char *at, int *month_out)
{
	*month_out = 0;
	for (int i = 0; at && i < 12; i++)
		if (strncmp(at, month_names + 3 * i, 3) == 0) {
			*month_out = i + 1;
			return at + 3;
		}
	return NULL;
}

/* Sun, 06 Nov 1994 08:49:37 GMT */
static const char *read_imf_fixdate(const char *at, struct civil *out)
{
	at = read_day_name(at, false, ", ");
	at = read_number(at, 2, &out->day);
	at = read_char(at, " ");
	at = read_month_name(at, &out->month);
	at = read_char(at, " ");
	at = read_number(at, 4, &out->year);
	at = read_char(at, " ");
	at = read_time_of_day(at, out);
	return read_text(at, " GMT");
}

/* Sunday, 06-Nov-94 08:49:37 GMT */
static const char *read_rfc850(const char *at, struct civil *out)
{
	at = read_day_name(at, true, ", ");
	at = read_number(at, 2, &out->day);
	at = read_char(at, "-");
	at = read_month_name(at, &out->month);
	at = read_char(at, "-");
	at = read_number(at, 2, &out->year);
	out->year += out->year >= 70 ? 1900 : 2000;
	at = read_char(at, " ");
	at = read_time_of_day(at, out);
	return read_text(at, " GMT");
}

/* Sun Nov  6 08:49:37 1994 */
static const char *read_asctime(const char *at, struct civil *out)
{
	at = read_day_name(at, false, " ");
	at = read_month_name(at, &out->month);
	at = read_char(at, " ");
	if (at && *at == ' ')
		at = read_number(at + 1, 1, &out->day);
	else
		at = read_number(at, 2, &out->day);
	at = read_char(at, " ");
	at = read_time_of_day(at, out);
	at = read_char(at, " ");
	return read_number(at, 4, &out->year);
}

int http_date_parse(const char *text, int64_t *at_out)
{
	static const char *(*const forms[])(const char *at, struct civil *out) = {
		read_imf_fixdate, read_rfc850, read_asctime};

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct civil civil = {0};
		const char *at = forms[i](text, &civil);

		if (at && *at == '\0' && civil_valid(&civil))
			return instant_of(&civil, 0, at_out);
	}
	return -1;
}
