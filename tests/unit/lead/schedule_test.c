/* Single days of the rules; three years of them are compared with date in
 * tests/integration/schedule. */
#include "leadrelay/clock.h"
#include "leadrelay/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static int64_t instant(const char *text)
{
	int64_t at;

	assert_int_equal(time_parse(text, &at), 0);
	return at;
}

static void due_after(const char *zone_name, enum schedule_every every, const char *time,
	const char *after, const char *due)
{
	struct schedule schedule = {.every = every, .at_minute = schedule_at_parse(time)};
	char shown[TIME_TEXT_SIZE], wanted[TIME_TEXT_SIZE];
	struct period period;
	struct zone *zone;
	struct err err;
	int64_t next;

	assert_int_equal(zone_load(&zone, NULL, zone_name, &err), ERR_OK);
	schedule.zone = zone;
	next = schedule_next(&schedule, instant(after));
	assert_string_equal(time_text(next, shown), time_text(instant(due), wanted));
	assert_int_equal(schedule_last(&schedule, next), next);
	period = schedule_period(&schedule, next);
	assert_int_equal(period.until, next);
	assert_int_equal(schedule_next(&schedule, period.since), next);
	zone_destroy(zone);
}

static void every_kind_is_due_when_it_says(void **state)
{
	(void)state;
	due_after("Europe/Paris", EVERY_DAY, "07:00", "2026-11-22T05:59:59.999Z",
		"2026-11-22T06:00:00Z");
	due_after("Europe/Paris", EVERY_DAY, "07:00", "2026-11-22T06:00:00Z",
		"2026-11-23T06:00:00Z");
	due_after("Europe/Paris", EVERY_MONDAY, "06:30", "2026-11-22T12:00:00Z",
		"2026-11-23T05:30:00Z");
	due_after("Europe/Paris", EVERY_MONTH, "00:00", "2026-11-22T12:00:00Z",
		"2026-11-30T23:00:00Z");
	due_after("UTC", EVERY_MONTH, "12:00", "2028-02-01T12:00:00Z",
		"2028-03-01T12:00:00Z");
	due_after("Asia/Kathmandu", EVERY_HOUR, "00:10", "2026-11-22T12:00:00Z",
		"2026-11-22T12:25:00Z");
	due_after("Asia/Kathmandu", EVERY_DAY, "07:00", "2026-11-22T12:00:00Z",
		"2026-11-23T01:15:00Z");
	due_after("UTC", EVERY_SUNDAY, "00:00", "1969-12-27T00:00:00Z",
		"1969-12-28T00:00:00Z");
}

static void a_time_that_does_not_exist_is_due_after_the_gap(void **state)
{
	(void)state;
	due_after("Europe/Paris", EVERY_DAY, "02:30", "2026-03-28T12:00:00Z",
		"2026-03-29T01:00:00Z");
	due_after("Europe/Paris", EVERY_SUNDAY, "02:30", "2026-03-28T12:00:00Z",
		"2026-03-29T01:00:00Z");
	due_after("America/Santiago", EVERY_DAY, "00:30", "2026-09-05T12:00:00Z",
		"2026-09-06T04:00:00Z");
}

static void a_time_that_comes_twice_is_due_once(void **state)
{
	(void)state;
	due_after("Europe/Paris", EVERY_DAY, "02:30", "2026-10-24T12:00:00Z",
		"2026-10-25T00:30:00Z");
	due_after("Europe/Paris", EVERY_DAY, "02:30", "2026-10-25T00:30:00Z",
		"2026-10-26T01:30:00Z");
	due_after("America/Santiago", EVERY_DAY, "23:30", "2026-04-04T12:00:00Z",
		"2026-04-05T02:30:00Z");
	due_after("America/Santiago", EVERY_DAY, "23:30", "2026-04-05T02:30:00Z",
		"2026-04-06T03:30:00Z");
}

static void every_hour_that_passes_has_its_report(void **state)
{
	(void)state;
	due_after("Europe/Paris", EVERY_HOUR, "00:30", "2026-10-25T00:30:00Z",
		"2026-10-25T01:30:00Z");
	due_after("Europe/Paris", EVERY_HOUR, "00:30", "2026-03-29T00:30:00Z",
		"2026-03-29T01:30:00Z");
}

static void words_and_times_are_read_strictly(void **state)
{
	static const char *const bad[] = {
		"", "7:00", "07:0", "24:00", "07:60", "07:00 ", "+7:00", "07.00", "0700"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(schedule_at_parse(bad[i]), -1);
	assert_int_equal(schedule_at_parse("00:00"), 0);
	assert_int_equal(schedule_at_parse("23:59"), 23 * 60 + 59);
	for (int i = 0; i < EVERY_COUNT; i++)
		assert_int_equal(
			schedule_every_find(schedule_every_name((enum schedule_every)i)),
			i);
	assert_int_equal(schedule_every_find("Monday"), -1);
	assert_int_equal(schedule_every_find("week"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_due_when_it_says),
		cmocka_unit_test(a_time_that_does_not_exist_is_due_after_the_gap),
		cmocka_unit_test(a_time_that_comes_twice_is_due_once),
		cmocka_unit_test(every_hour_that_passes_has_its_report),
		cmocka_unit_test(words_and_times_are_read_strictly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
