/* Zones from bytes made here; the system's are compared with date in
 * tests/integration/schedule. */
#include "leadrelay/buf.h"
#include "leadrelay/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void add_be(struct buf *out, int64_t value, int bytes)
{
	while (bytes-- > 0)
		buf_addc(out, (char)((uint64_t)value >> (8 * bytes) & 0xff));
}

static void add_header(struct buf *out, char version, int times, int types, int leaps)
{
	buf_adds(out, "TZif");
	buf_addc(out, version);
	for (int i = 0; i < 15; i++)
		buf_addc(out, '\0');
	add_be(out, 0, 4);
	add_be(out, 0, 4);
	add_be(out, leaps, 4);
	add_be(out, times, 4);
	add_be(out, types, 4);
	add_be(out, 4, 4);
}

static void add_type(struct buf *out, int offset)
{
	add_be(out, offset, 4);
	add_be(out, 0, 2);
}

/* UTC+1 until 1000, UTC+2 from then on, then the rule. */
static struct buf file_with(const char *footer)
{
	struct buf out = BUF_INIT;

	add_header(&out, '2', 0, 1, 0);
	add_type(&out, 0);
	buf_add(&out, "AAA", 4);
	add_header(&out, '2', 1, 2, 0);
	add_be(&out, 1000, 8);
	buf_addc(&out, 1);
	add_type(&out, 3600);
	add_type(&out, 7200);
	buf_add(&out, "AAA", 4);
	buf_addf(&out, "\n%s\n", footer);
	return out;
}

static struct zone *zone_with(const char *footer)
{
	struct buf bytes = file_with(footer);
	struct zone *zone = NULL;
	struct err err;

	assert_int_equal(zone_parse(&zone, bytes.data, bytes.len, &err), ERR_OK);
	buf_finish(&bytes);
	return zone;
}

static void the_table_says_the_offset(void **state)
{
	struct zone *zone = zone_with("");

	(void)state;
	assert_int_equal(zone_local(zone, 999999), 999999 + 3600000);
	assert_int_equal(zone_local(zone, 1000000), 1000000 + 7200000);
	assert_int_equal(zone_local(zone, -1), 3600000 - 1);
	assert_int_equal(zone_local(zone, -1000), 3600000 - 1000);
	assert_true(zone_span_at(zone, 0).start == INT64_MIN);
	assert_true(zone_span_at(zone, INT64_MIN).end == 1000000);
	assert_true(zone_span_at(zone, 0).end == 1000000);
	assert_true(zone_span_at(zone, 1000000).end == INT64_MAX);
	zone_destroy(zone);
}

static int64_t at(int64_t days, int64_t hours)
{
	return (days * 24 + hours) * 3600000;
}

#define D2050_01_01 29220

static void the_rule_goes_on_after_the_table(void **state)
{
	/* 2050: March 27 and October 30 are the last Sundays. */
	struct zone *zone = zone_with("CET-1CEST,M3.5.0,M10.5.0/3");
	int64_t march = at(D2050_01_01 + 85, 1), october = at(D2050_01_01 + 302, 1);

	(void)state;
	assert_int_equal(zone_span_at(zone, march - 1).offset_ms, 3600000);
	assert_int_equal(zone_span_at(zone, march).offset_ms, 7200000);
	assert_int_equal(zone_span_at(zone, march).start, march);
	assert_int_equal(zone_span_at(zone, march).end, october);
	assert_int_equal(zone_span_at(zone, october).offset_ms, 3600000);
	zone_destroy(zone);
}

static void rules_of_every_form(void **state)
{
	static const struct {
		const char *rule;
		int64_t day, hour;
		int offset_s;
	} known[] = {
		{"<+0330>-3:30", 0, 0, 12600}, {"EST5", 0, 0, -18000},
		{"XXX3EDT4,0/0,J365/23", 180, 0, -14400},       /* RFC 8536: always */
		{"AAA0BBB-1,J60/0,J61/0", 58, 12, 0},           /* Feb 28 */
		{"AAA0BBB-1,J60/0,J61/0", 59, 12, 3600},        /* Mar 1 */
		{"AAA0BBB-1,59/0,60/0", 59, 12, 3600},          /* its 60th day */
		{"AAA0BBB-1,M1.1.0/-24,M12.5.6/24", -4, 12, 0}, /* Dec 25, 24:00 */
		{"AAA0BBB-1,M1.1.0/-24,M12.5.6/24", 0, 12, 3600},
		{"AAA6BBB4,0/0,J365/46", 0, 0, -21600}, /* since Jan 2, 2049 */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct zone *zone = zone_with(known[i].rule);
		int64_t when = at(D2050_01_01 + known[i].day, known[i].hour);

		assert_int_equal(
			zone_span_at(zone, when).offset_ms, known[i].offset_s * 1000);
		zone_destroy(zone);
	}
}

static void times_in_a_gap_and_times_that_come_twice(void **state)
{
	struct zone *zone = zone_with("CET-1CEST,M3.5.0,M10.5.0/3");
	int64_t march = at(D2050_01_01 + 85, 1), october = at(D2050_01_01 + 302, 1);

	(void)state;
	/* 02:30 does not exist on March 27; on October 30 it comes twice. */
	assert_int_equal(zone_instant(zone, at(D2050_01_01 + 85, 2) + 1800000), march);
	assert_int_equal(zone_instant(zone, at(D2050_01_01 + 85, 3)), march);
	assert_int_equal(zone_instant(zone, at(D2050_01_01 + 302, 2) + 1800000),
		october - 1800000);
	assert_int_equal(zone_instant(zone, at(D2050_01_01 + 302, 3)), october + 3600000);
	zone_destroy(zone);
}

static void damaged_files_are_refused(void **state)
{
	static const char *const rules[] = {"X<", "CET", "CET-1CEST", "CET-25",
		"CET-1CEST,M13.1.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0",
		"CET-1CEST,M3.5.0,M10.5.0/200", "CET-1CEST,M3.5.0,M10.5.0x",
		"CET-1CEST,J0,J5", "CET-1CEST,366,1", "<C-1", "99999999999"};
	struct buf bytes = file_with("CET-1CEST,M3.5.0,M10.5.0/3");
	struct zone *zone;
	struct err err;

	(void)state;
	for (size_t len = 0; len < bytes.len; len++)
		assert_int_equal(zone_parse(&zone, bytes.data, len, &err), ERR_INVALID);
	buf_finish(&bytes);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		bytes = file_with(rules[i]);
		assert_int_equal(
			zone_parse(&zone, bytes.data, bytes.len, &err), ERR_INVALID);
		buf_finish(&bytes);
	}
}

static void names_stay_below_the_directory(void **state)
{
	static const char *const bad[] = {"", "/etc/passwd", "../passwd", "Europe/../UTC",
		"Europe//Paris", "Europe/", "Europe/Paris/", ".hidden", "Europe\\Paris",
		"Europe/Paris\n", "caf\xc3\xa9"};
	struct zone *zone;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(zone_load(&zone, NULL, bad[i], &err), ERR_INVALID);
	assert_int_equal(zone_load(&zone, NULL, "Europe/Atlantis", &err), ERR_NOT_FOUND);
	assert_int_equal(
		zone_load(&zone, "/nonexistent", "Europe/Paris", &err), ERR_NOT_FOUND);
	assert_int_equal(zone_load(&zone, NULL, "Europe", &err), ERR_INVALID);
	assert_true(zone_name_valid("America/Argentina/Ushuaia"));
	assert_true(zone_name_valid("Etc/GMT+12"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_says_the_offset),
		cmocka_unit_test(the_rule_goes_on_after_the_table),
		cmocka_unit_test(rules_of_every_form),
		cmocka_unit_test(times_in_a_gap_and_times_that_come_twice),
		cmocka_unit_test(damaged_files_are_refused),
		cmocka_unit_test(names_stay_below_the_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
