#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "leadrelay/clock.h"
#include "leadrelay/delivery.h"

#include <string.h>

static void xorshift_fill(void *ctx, void *out, size_t len)
{
	uint64_t *state = ctx;
	uint8_t *bytes = out;

	for (size_t i = 0; i < len; i++) {
		*state ^= *state << 13;
		*state ^= *state >> 7;
		*state ^= *state << 17;
		bytes[i] = (uint8_t)(*state >> 32);
	}
}

static uint64_t seed = 20261122;
static const struct entropy entropy = {.fill = xorshift_fill, .ctx = &seed};
static const struct retry_rule rule = {.first_ms = 5000,
	.longest_ms = 3600000,
	.give_up_after_ms = 1209600000,
	.factor = 2};

static void delays_lie_in_the_published_range(void **state)
{
	static const int64_t ceilings[] = {5000, 10000, 20000, 40000, 80000, 160000,
		320000, 640000, 1280000, 2560000, 3600000, 3600000};

	(void)state;
	for (int failures = 1; failures <= 12; failures++)
		for (int i = 0; i < 200; i++) {
			int64_t delay = retry_delay(&rule, failures, &entropy);

			assert_in_range(delay, 1, ceilings[failures - 1]);
		}
}

/* Kolmogorov-Smirnov over ten buckets: 1.63 / sqrt(n) is p = 0.01. */
static void jitter_is_uniform(void **state)
{
	enum { COUNT = 10000 };
	int buckets[10] = {0}, sum = 0;

	(void)state;
	for (int i = 0; i < COUNT; i++)
		buckets[retry_delay(&rule, 5, &entropy) * 10 / 80001]++;
	for (int i = 0; i < 10; i++) {
		sum += buckets[i];
		assert_in_range(sum, (i + 1) * 1000 - 163, (i + 1) * 1000 + 163);
	}
}

static void no_count_and_no_rule_overflows(void **state)
{
	struct retry_rule flat = {.first_ms = 50, .longest_ms = 3600000, .factor = 1};
	struct retry_rule nothing = {.factor = 2};

	(void)state;
	assert_in_range(retry_delay(&rule, INT32_MAX, &entropy), 1, 3600000);
	assert_in_range(retry_delay(&rule, 0, &entropy), 1, 5000);
	assert_in_range(retry_delay(&flat, INT32_MAX, &entropy), 1, 50);
	assert_int_equal(retry_delay(&nothing, 3, &entropy), 1);
}

static void retry_after_reads_seconds_and_dates(void **state)
{
	const int64_t now = 1795350868000; /* Sun, 22 Nov 2026 12:34:28 GMT */

	(void)state;
	assert_int_equal(retry_after_parse("300", now), 300000);
	assert_int_equal(retry_after_parse(" 7 ", now), 7000);
	assert_int_equal(retry_after_parse("0", now), 0);
	assert_int_equal(retry_after_parse("Sun, 22 Nov 2026 12:35:28 GMT", now), 60000);
}

static void absurd_waits_are_capped_and_unusable_ones_refused(void **state)
{
	const int64_t now = 1795350868000;

	(void)state;
	assert_int_equal(retry_after_parse("315360000", now), RETRY_AFTER_MAX_MS);
	assert_int_equal(
		retry_after_parse("99999999999999999999999999", now), RETRY_AFTER_MAX_MS);
	assert_int_equal(retry_after_parse("Sun, 22 Nov 2036 12:35:28 GMT", now),
		RETRY_AFTER_MAX_MS);
	assert_int_equal(retry_after_parse("-5", now), -1);
	assert_int_equal(retry_after_parse("1.5", now), -1);
	assert_int_equal(retry_after_parse("", now), -1);
	assert_int_equal(retry_after_parse("soon", now), -1);
	assert_int_equal(retry_after_parse("Sun, 22 Nov 2020 12:35:28 GMT", now), -1);
	assert_int_equal(retry_after_parse(NULL, now), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_lie_in_the_published_range),
		cmocka_unit_test(jitter_is_uniform),
		cmocka_unit_test(no_count_and_no_rule_overflows),
		cmocka_unit_test(retry_after_reads_seconds_and_dates),
		cmocka_unit_test(absurd_waits_are_capped_and_unusable_ones_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
