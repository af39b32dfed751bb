#include "leadrelay/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define UNTOUCHED INT64_C(-4711)

struct good {
	const char *text;
	int64_t at;
};

static void assert_all_good(int (*parse)(const char *text, int64_t *out),
	const struct good *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int64_t at = UNTOUCHED;

		if (parse(cases[i].text, &at) != 0 || at != cases[i].at)
			fail_msg("%s: got %" PRId64, cases[i].text, at);
	}
}

static void assert_all_bad(int (*parse)(const char *text, int64_t *out),
	const char *const *texts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int64_t at = UNTOUCHED;

		if (parse(texts[i], &at) != -1 || at != UNTOUCHED)
			fail_msg("%s: got %" PRId64, texts[i], at);
	}
}

static void a_time_is_written_as_rfc_3339(void **state)
{
	static const struct good cases[] = {
		{"1970-01-01T00:00:00.000Z", 0},
		{"2026-11-22T13:14:28.000Z", INT64_C(1795353268000)},
		{"1969-12-31T23:59:59.999Z", -1},
		{"1970-01-01T00:00:00.001Z", 1},
		{"2000-02-29T12:30:45.678Z", INT64_C(951827445678)},
		{"2100-03-01T00:00:00.000Z", INT64_C(4107542400000)},
		{"2100-02-28T23:59:59.999Z", INT64_C(4107542399999)},
		{"0000-01-01T00:00:00.000Z", INT64_C(-62167219200000)},
		{"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
		{"0000-01-01T00:00:00.000Z", INT64_MIN},
		{"9999-12-31T23:59:59.999Z", INT64_MAX},
	};
	char text[TIME_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_ptr_equal(time_text(cases[i].at, text), text);
		assert_string_equal(text, cases[i].text);
	}
}

static void it_agrees_with_libc_over_eight_hundred_years(void **state)
{
	char text[TIME_TEXT_SIZE];

	(void)state;
	for (int64_t at = INT64_C(-12000000000000); at < INT64_C(13000000000000);
		at += INT64_C(4321234567)) {
		time_t seconds = (time_t)((at - 999) / 1000);
		struct tm tm;
		char expected[32];
		int64_t back = 0;

		if (at >= 0)
			seconds = (time_t)(at / 1000);
		assert_non_null(gmtime_r(&seconds, &tm));
		strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", &tm);
		time_text(at, text);
		assert_memory_equal(text, expected, 19);
		assert_int_equal(time_parse(text, &back), 0);
		assert_int_equal(back, at);
	}
}

static void a_time_is_read_with_any_offset_and_fraction(void **state)
{
	static const struct good cases[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"1970-01-01t00:00:00z", 0},
		{"1970-01-01 00:00:00Z", 0},
		{"1970-01-01T00:00:00-00:00", 0},
		{"1970-01-01T01:00:00+01:00", 0},
		{"1969-12-31T18:30:00-05:30", 0},
		{"1970-01-01T23:59:00+23:59", 0},
		{"1970-01-01T00:00:00.5Z", 500},
		{"1970-01-01T00:00:00.05Z", 50},
		{"1970-01-01T00:00:00.1239Z", 123},
		{"1970-01-01T00:00:00.000999999999999999999999999999Z", 0},
		{"1969-12-31T23:59:59.9999Z", -1},
		{"2024-02-29T00:00:00Z", INT64_C(1709164800000)},
		{"2000-02-29T00:00:00Z", INT64_C(951782400000)},
		{"2016-12-31T23:59:60Z", INT64_C(1483228800000)},
		{"2016-12-31T23:59:60.25Z", INT64_C(1483228800250)},
		{"2017-01-01T00:59:60+01:00", INT64_C(1483228800000)},
		{"0001-01-01T00:00:00Z", INT64_C(-62135596800000)},
		{"2026-11-22T14:14:28.123+01:00", INT64_C(1795353268123)},
	};

	(void)state;
	assert_all_good(time_parse, cases, COUNT(cases));
}

static void what_is_not_rfc_3339_is_refused(void **state)
{
	static const char *const texts[] = {"", "Z", "2026", "2026-11-22",
		"2026-11-22T13:14:28", "2026-11-22T13:14Z", "2026-11-22T13:14:28.Z",
		"2026-11-22T13:14:28,5Z", "2026-11-22T24:00:00Z", "2026-11-22T13:60:00Z",
		"2026-11-22T13:14:61Z", "2026-11-22T13:14:60Z",
		"2016-12-31T23:59:60+01:00", "2016-12-31T23:58:60Z",
		"2026-00-22T13:14:28Z", "2026-13-22T13:14:28Z", "2026-11-00T13:14:28Z",
		"2026-11-31T13:14:28Z", "2026-02-29T13:14:28Z", "1900-02-29T13:14:28Z",
		"2100-02-29T13:14:28Z", "2026-11-22T13:14:28+0100",
		"2026-11-22T13:14:28+01", "2026-11-22T13:14:28+24:00",
		"2026-11-22T13:14:28+01:60", "2026-11-22T13:14:28Zx",
		"2026-11-22T13:14:28Z ", " 2026-11-22T13:14:28Z", "2026-11-22T13:14:28 Z",
		"26-11-22T13:14:28Z", "12026-11-22T13:14:28Z", "-026-11-22T13:14:28Z",
		"2026-1-22T13:14:28Z", "2026-11-22X13:14:28Z", "2026/11/22T13:14:28Z",
		"2026-11-22T+3:14:28Z", "2026-11-22T13:14:28+-1:00", "20261122T131428Z"};

	(void)state;
	assert_all_bad(time_parse, texts, COUNT(texts));
}

static void a_date_is_the_instant_it_starts(void **state)
{
	static const struct good good[] = {{"1970-01-01", 0}, {"1970-01-02", 86400000},
		{"1969-12-31", -86400000}, {"2027-11-01", INT64_C(1825027200000)},
		{"2024-02-29", INT64_C(1709164800000)}};
	static const char *const bad[] = {"", "2027-11", "2027-11-1", "2027-11-31",
		"2027-02-29", "2027-11-01T00:00:00Z", "2027-11-01 ", "01-11-2027",
		"2027-00-01", "2027-01-00"};

	(void)state;
	assert_all_good(date_parse, good, COUNT(good));
	assert_all_bad(date_parse, bad, COUNT(bad));
}

static void http_dates_have_three_forms(void **state)
{
	static const struct good cases[] = {
		{"Sun, 06 Nov 1994 08:49:37 GMT",
			INT64_C(784111777000)}, /* RFC 9110 5.6.7 */
		{"Sunday, 06-Nov-94 08:49:37 GMT", INT64_C(784111777000)},
		{"Sun Nov  6 08:49:37 1994", INT64_C(784111777000)},
		{"Wed Nov 16 08:49:37 1994", INT64_C(784975777000)},
		{"Thursday, 01-Jan-70 00:00:00 GMT", 0},
		{"Friday, 31-Dec-99 23:59:59 GMT", INT64_C(946684799000)},
		{"Saturday, 01-Jan-00 00:00:00 GMT", INT64_C(946684800000)},
		{"Tuesday, 31-Dec-69 00:00:00 GMT", INT64_C(3155673600000)},
		{"Thu, 29 Feb 2024 00:00:00 GMT", INT64_C(1709164800000)},
		{"Sat, 31 Dec 2016 23:59:60 GMT", INT64_C(1483228800000)},
		{"Sun, 22 Nov 2026 13:14:28 GMT", INT64_C(1795353268000)},
	};

	(void)state;
	assert_all_good(http_date_parse, cases, COUNT(cases));
}

static void every_month_is_known_to_http(void **state)
{
	static const char *const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
		"Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

	(void)state;
	for (int i = 0; i < 12; i++) {
		char http[] = "Mon, 05 xxx 2026 00:00:00 GMT";
		char date[] = "2026-xx-05";
		int64_t expected;
		int64_t at;

		memcpy(http + 8, names[i], 3);
		date[5] = (char)('0' + (i + 1) / 10);
		date[6] = (char)('0' + (i + 1) % 10);
		assert_int_equal(date_parse(date, &expected), 0);
		assert_int_equal(http_date_parse(http, &at), 0);
		assert_int_equal(at, expected);
	}
}

static void what_is_not_an_http_date_is_refused(void **state)
{
	static const char *const texts[] = {"", "120", "Sun, 06 Nov 1994 08:49:37",
		"Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 +0000",
		"Sun, 06 Nov 1994 08:49:37 GMT ", "Sun, 6 Nov 1994 08:49:37 GMT",
		"Sun 06 Nov 1994 08:49:37 GMT", "Xun, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06 Nov 94 08:49:37 GMT", "Sun, 31 Nov 1994 08:49:37 GMT",
		"Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Noo 1994 08:49:37 GMT",
		"Sun, 06 Nov 1994 24:49:37 GMT", "sun, 06 Nov 1994 08:49:37 GMT",
		"Sun, 06-Nov-94 08:49:37 GMT", "Sunday, 06 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994",
		"Sun Nov  6 08:49:37 1994 GMT", "Sun Nov 06 08:49:60 1994", "Sun",
		"Sunday", "1994-11-06T08:49:37Z"};

	(void)state;
	assert_all_bad(http_date_parse, texts, COUNT(texts));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_time_is_written_as_rfc_3339),
		cmocka_unit_test(it_agrees_with_libc_over_eight_hundred_years),
		cmocka_unit_test(a_time_is_read_with_any_offset_and_fraction),
		cmocka_unit_test(what_is_not_rfc_3339_is_refused),
		cmocka_unit_test(a_date_is_the_instant_it_starts),
		cmocka_unit_test(http_dates_have_three_forms),
		cmocka_unit_test(every_month_is_known_to_http),
		cmocka_unit_test(what_is_not_an_http_date_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
