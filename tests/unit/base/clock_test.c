#include "leadrelay/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <time.h>

static int64_t now_of(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void the_system_clock_is_the_kernels(void **state)
{
	int64_t before = now_of(CLOCK_REALTIME);
	int64_t wall = clock_wall(&clock_system);
	int64_t after = now_of(CLOCK_REALTIME);

	(void)state;
	assert_in_range(wall, before, after);
	before = now_of(CLOCK_MONOTONIC);
	assert_in_range(clock_mono(&clock_system), before, before + 60000);
}

static int64_t read_wall(void *ctx)
{
	return ((const int64_t *)ctx)[0];
}

static int64_t read_mono(void *ctx)
{
	return ((const int64_t *)ctx)[1];
}

static void a_clock_may_be_anybodys(void **state)
{
	int64_t times[] = {1000, 7};
	struct clock clock = {.wall = read_wall, .mono = read_mono, .ctx = times};

	(void)state;
	assert_int_equal(clock_wall(&clock), 1000);
	assert_int_equal(clock_mono(&clock), 7);
	times[0] = 2000;
	assert_int_equal(clock_wall(&clock), 2000);
}

static void the_system_entropy_fills_every_byte(void **state)
{
	uint8_t bytes[700];
	uint8_t seen[700] = {0};

	(void)state;
	for (int round = 0; round < 8; round++) { /* a byte stays 0 in all with 2^-64 */
		memset(bytes, 0, sizeof(bytes));
		entropy_system.fill(entropy_system.ctx, bytes, sizeof(bytes));
		for (size_t i = 0; i < sizeof(bytes); i++)
			seen[i] |= bytes[i];
	}
	for (size_t i = 0; i < sizeof(seen); i++)
		assert_int_not_equal(seen[i], 0);
	assert_true(entropy_u64(&entropy_system) != entropy_u64(&entropy_system));
}

struct script { /* hands out the values, one per call */
	const uint64_t *values;
	size_t used;
};

static void fill_from_script(void *ctx, void *out, size_t len)
{
	struct script *script = ctx;

	assert_int_equal(len, sizeof(uint64_t));
	memcpy(out, &script->values[script->used++], len);
}

static void below_is_in_range_and_unbiased(void **state)
{
	/* 2^64 mod 3 is 1: the value 0 would make 0 come once too often, and is drawn
	 * again. */
	static const uint64_t values[] = {0, 1, 0, 2, 3, UINT64_MAX};
	struct script script = {.values = values};
	struct entropy entropy = {.fill = fill_from_script, .ctx = &script};

	(void)state;
	assert_int_equal(entropy_below(&entropy, 3), 1);
	assert_int_equal(script.used, 2);
	assert_int_equal(entropy_below(&entropy, 3), 2);
	assert_int_equal(script.used, 4);
	assert_int_equal(entropy_below(&entropy, 3), 0);
	assert_int_equal(entropy_below(&entropy, 3), 0); /* 2^64 - 1 = 3 * ... */
	assert_int_equal(entropy_below(&entropy, 0), 0);
	assert_int_equal(script.used, 6);
}

static void below_reaches_every_value(void **state)
{
	unsigned seen = 0;

	(void)state;
	assert_int_equal(entropy_below(&entropy_system, 1), 0);
	for (int i = 0; i < 500; i++) {
		uint64_t value = entropy_below(&entropy_system, 6);

		assert_true(value < 6);
		seen |= 1U << value;
	}
	assert_int_equal(seen, 0x3f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_system_clock_is_the_kernels),
		cmocka_unit_test(a_clock_may_be_anybodys),
		cmocka_unit_test(the_system_entropy_fills_every_byte),
		cmocka_unit_test(below_is_in_range_and_unbiased),
		cmocka_unit_test(below_reaches_every_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
