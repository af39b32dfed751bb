#include "leadrelay/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define UNTOUCHED INT64_C(-4711)

struct pair {
	const char *text;
	int64_t value;
};

static void durations_are_digits_and_one_unit(void **state)
{
	static const struct pair cases[] = {{"0s", 0}, {"0ms", 0}, {"500ms", 500},
		{"30s", 30000}, {"5m", 300000}, {"2h", 7200000}, {"7d", 604800000},
		{"007d", 604800000}, {"9223372036854775807ms", INT64_MAX},
		{"9223372036854775s", INT64_C(9223372036854775000)},
		{"106751991167d", INT64_C(9223372036828800000)}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t ms = UNTOUCHED;

		if (duration_parse(cases[i].text, &ms) != 0 || ms != cases[i].value)
			fail_msg("%s: got %" PRId64, cases[i].text, ms);
	}
}

static void other_durations_are_refused(void **state)
{
	static const char *const texts[] = {"", "5", "m", "ms", "-5m", "+5m", " 5m",
		"5m ", "5 m", "5M", "5S", "5min", "1.5h", "1h30m", "5mm", "5w", "0x5m",
		"9223372036854775808ms", "9223372036854776s", "106751991168d",
		"99999999999999999999999999s", "\xd9\xa3m"};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		int64_t ms = UNTOUCHED;

		if (duration_parse(texts[i], &ms) != -1 || ms != UNTOUCHED)
			fail_msg("%s: got %" PRId64, texts[i], ms);
	}
}

static void a_duration_is_written_in_its_largest_whole_unit(void **state)
{
	static const struct pair cases[] = {{"0s", 0}, {"1ms", 1}, {"999ms", 999},
		{"1s", 1000}, {"1001ms", 1001}, {"90s", 90000}, {"1m", 60000},
		{"90m", 5400000}, {"2h", 7200000}, {"36h", 129600000},
		{"14d", 1209600000}, {"-5m", -300000},
		{"9223372036854775807ms", INT64_MAX},
		{"-9223372036854775808ms", INT64_MIN}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[DURATION_TEXT_SIZE];
		int64_t back = UNTOUCHED;

		assert_ptr_equal(duration_text(cases[i].value, text), text);
		assert_string_equal(text, cases[i].text);
		if (cases[i].value >= 0) {
			assert_int_equal(duration_parse(text, &back), 0);
			assert_int_equal(back, cases[i].value);
		}
	}
}

static void people_read_two_units(void **state)
{
	static const struct pair cases[] = {{"0s", 0}, {"1ms", 1}, {"350ms", 350},
		{"1s", 1000}, {"3s", 3999}, {"59s", 59999}, {"1m", 60000},
		{"1m 01s", 61000}, {"4m 10s", 250000}, {"5m", 300999},
		{"59m 59s", 3599999}, {"1h", 3600000}, {"2h 05m", 7500000},
		{"23h 59m", 86399999}, {"1d", 86400000}, {"6d 3h", 529200000},
		{"7d", 604800000}, {"7d 23h", 691199999}, {"106751991167d 7h", INT64_MAX},
		{"-3s", -3000}, {"-350ms", -350}, {"-4m 10s", -250000},
		{"-106751991167d 7h", INT64_MIN}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[DURATION_TEXT_SIZE];

		assert_ptr_equal(duration_human(cases[i].value, text), text);
		assert_string_equal(text, cases[i].text);
	}
}

static void sizes_are_digits_and_one_unit(void **state)
{
	static const struct pair cases[] = {{"0", 0}, {"512", 512}, {"512B", 512},
		{"1KiB", 1024}, {"64KiB", 65536}, {"256KiB", 262144}, {"10MiB", 10485760},
		{"1GiB", 1073741824}, {"8589934591GiB", INT64_C(9223372035781033984)},
		{"9223372036854775807", INT64_MAX}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int64_t bytes = UNTOUCHED;

		if (size_parse(cases[i].text, &bytes) != 0 || bytes != cases[i].value)
			fail_msg("%s: got %" PRId64, cases[i].text, bytes);
	}
}

static void other_sizes_are_refused(void **state)
{
	static const char *const texts[] = {"", "B", "KiB", "1KB", "1K", "1kib", "1 KiB",
		"-1", "1.5MiB", "1MiBB", "1e3", " 1", "1 ", "8589934592GiB",
		"9223372036854775808"};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		int64_t bytes = UNTOUCHED;

		if (size_parse(texts[i], &bytes) != -1 || bytes != UNTOUCHED)
			fail_msg("%s: got %" PRId64, texts[i], bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_digits_and_one_unit),
		cmocka_unit_test(other_durations_are_refused),
		cmocka_unit_test(a_duration_is_written_in_its_largest_whole_unit),
		cmocka_unit_test(people_read_two_units),
		cmocka_unit_test(sizes_are_digits_and_one_unit),
		cmocka_unit_test(other_sizes_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
