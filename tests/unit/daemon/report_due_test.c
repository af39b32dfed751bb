/* When reports are made, for what time, and under which name, on a virtual clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "reports.h"

#include "leadrelay/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MINUTE ((int64_t)60 * 1000)
#define HOUR (60 * MINUTE)

#define MAIL (1u << REPORT_BY_MAIL)
#define FOLDER (1u << REPORT_INTO_FOLDER)

static struct zone *paris;
static char name[] = "daily", directory[] = "/srv/reports", address[] = "a@contoso.com";
static char *addresses[] = {address};

static int load_zone(void **state)
{
	struct err err;

	(void)state;
	return zone_load(&paris, NULL, "Europe/Paris", &err) == ERR_OK ? 0 : -1;
}

static int drop_zone(void **state)
{
	(void)state;
	zone_destroy(paris);
	return 0;
}

static int64_t instant(const char *text)
{
	int64_t at;

	assert_int_equal(time_parse(text, &at), 0);
	return at;
}

static struct report_settings settings(enum schedule_every every, int minute, bool both)
{
	return (struct report_settings){.name = name,
		.every = every,
		.at_minute = minute,
		.to = {addresses, 1},
		.directory = both ? directory : NULL};
}

static void a_new_report_begins_with_what_comes(void **state)
{
	struct report_settings daily = settings(EVERY_DAY, 420, true);
	struct report_made made = {{REPORT_NEVER, REPORT_NEVER}};
	struct report_due due =
		report_due(&daily, paris, &made, instant("2026-11-22T12:00:00Z"));

	(void)state;
	assert_int_equal(due.begin, MAIL | FOLDER);
	assert_int_equal(due.outlets, 0);
	assert_true(due.at == instant("2026-11-22T06:00:00Z"));
	made = (struct report_made){{due.at, due.at}};
	due = report_due(&daily, paris, &made, instant("2026-11-23T05:59:59Z"));
	assert_int_equal(due.begin | due.outlets, 0);
	due = report_due(&daily, paris, &made, instant("2026-11-23T06:00:00Z"));
	assert_int_equal(due.outlets, MAIL | FOLDER);
	assert_true(due.since == instant("2026-11-22T06:00:00Z"));
}

static void a_downtime_is_made_up_for_by_one_report(void **state)
{
	struct report_settings daily = settings(EVERY_DAY, 420, false);
	struct report_made made = {{instant("2026-11-18T06:00:00Z"), REPORT_NEVER}};
	struct report_due due =
		report_due(&daily, paris, &made, instant("2026-11-22T12:00:00Z"));

	(void)state;
	assert_int_equal(due.outlets, MAIL);
	assert_int_equal(due.begin, 0); /* no folder is wanted */
	assert_true(due.since == instant("2026-11-18T06:00:00Z"));
	assert_true(due.at == instant("2026-11-22T06:00:00Z"));
	made.at[REPORT_BY_MAIL] = due.at;
	due = report_due(&daily, paris, &made, instant("2026-11-22T12:00:00Z"));
	assert_int_equal(due.outlets, 0);
	/* away from the configuration for a year: only its own period */
	made.at[REPORT_BY_MAIL] = instant("2025-11-22T06:00:00Z");
	due = report_due(&daily, paris, &made, instant("2026-11-22T12:00:00Z"));
	assert_true(due.since == instant("2026-11-21T06:00:00Z"));
}

static void an_outlet_that_failed_is_made_by_itself(void **state)
{
	struct report_settings daily = settings(EVERY_DAY, 420, true);
	struct report_made made = {
		{instant("2026-11-22T06:00:00Z"), instant("2026-11-21T06:00:00Z")}};
	struct report_due due =
		report_due(&daily, paris, &made, instant("2026-11-22T06:01:00Z"));

	(void)state;
	assert_int_equal(due.outlets, FOLDER);
	assert_true(due.since == instant("2026-11-21T06:00:00Z"));
}

/* Minute by minute over a change of the clocks: how many, and no gap between them. */
static int count_over(enum schedule_every every, const char *from, const char *to)
{
	struct report_settings report = settings(every, 150, false); /* 02:30 */
	struct report_made made = {{REPORT_NEVER, REPORT_NEVER}};
	int count = 0;

	for (int64_t now = instant(from); now < instant(to); now += MINUTE) {
		struct report_due due = report_due(&report, paris, &made, now);

		if (due.outlets) {
			assert_true(due.since == made.at[REPORT_BY_MAIL]);
			assert_true(now == due.at);
			count++;
		}
		if (due.outlets | due.begin)
			made.at[REPORT_BY_MAIL] = due.at;
	}
	return count;
}

static void changes_of_the_clocks_neither_skip_nor_double(void **state)
{
	(void)state;
	assert_int_equal(
		count_over(EVERY_DAY, "2026-03-27T12:00:00Z", "2026-03-31T12:00:00Z"), 4);
	assert_int_equal(
		count_over(EVERY_DAY, "2026-10-23T12:00:00Z", "2026-10-27T12:00:00Z"), 4);
	assert_int_equal(
		count_over(EVERY_HOUR, "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"),
		24);
	assert_int_equal(
		count_over(EVERY_HOUR, "2026-03-28T12:00:00Z", "2026-03-29T12:00:00Z"),
		24);
}

static void a_clock_that_went_back_makes_nothing_twice(void **state)
{
	struct report_settings hourly = settings(EVERY_HOUR, 0, false);
	struct report_made made = {{instant("2026-11-22T09:00:00Z"), REPORT_NEVER}};

	(void)state;
	for (int64_t now = instant("2026-11-22T05:00:00Z");
		now < instant("2026-11-22T10:00:00Z"); now += MINUTE)
		assert_int_equal(report_due(&hourly, paris, &made, now).outlets, 0);
}

static void names_are_local_and_distinct(void **state)
{
	char text[160];

	(void)state;
	report_file_name(
		text, sizeof(text), name, instant("2026-11-22T06:00:00Z"), paris, "html");
	assert_string_equal(text, "daily-2026-11-22T0700.html");
	report_file_name(
		text, sizeof(text), name, instant("2026-10-25T00:30:00Z"), paris, "csv");
	assert_string_equal(text, "daily-2026-10-25T0230.csv");
	report_file_name(
		text, sizeof(text), name, instant("2026-10-25T01:30:00Z"), paris, "csv");
	assert_string_equal(text, "daily-2026-10-25T0230-2.csv");
	report_outlet_name(text, name, REPORT_BY_MAIL);
	assert_string_equal(text, "daily");
	report_outlet_name(text, name, REPORT_INTO_FOLDER);
	assert_string_equal(text, "daily (directory)");
}

static void a_file_is_whole_or_not_there(void **state)
{
	char folder[] = "/tmp/leadrelay-report-XXXXXX", path[128], line[16] = "";
	struct buf bytes = BUF_INIT;
	struct stat st;
	struct err err;
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/a.txt", folder);
	buf_adds(&bytes, "figures\n");
	umask(077);
	assert_int_equal(report_file_write(folder, "a.txt", &bytes, &err), ERR_OK);
	assert_int_equal(report_file_write(folder, "a.txt", &bytes, &err), ERR_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	file = fopen(path, "r");
	assert_non_null(fgets(line, sizeof(line), file));
	fclose(file);
	assert_string_equal(line, "figures\n");
	unlink(path);
	assert_int_equal(rmdir(folder), 0); /* nothing else was left in it */
	assert_int_not_equal(report_file_write(folder, "a.txt", &bytes, &err), ERR_OK);
	assert_non_null(strstr(err.text, folder));
	buf_finish(&bytes);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_report_begins_with_what_comes),
		cmocka_unit_test(a_downtime_is_made_up_for_by_one_report),
		cmocka_unit_test(an_outlet_that_failed_is_made_by_itself),
		cmocka_unit_test(changes_of_the_clocks_neither_skip_nor_double),
		cmocka_unit_test(a_clock_that_went_back_makes_nothing_twice),
		cmocka_unit_test(names_are_local_and_distinct),
		cmocka_unit_test(a_file_is_whole_or_not_there),
	};

	return cmocka_run_group_tests(tests, load_zone, drop_zone);
}
