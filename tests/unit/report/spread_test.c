/* Half, 95 % and the slowest: exact where values repeat, within half a percent elsewhere.
 */
#include "spread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void nothing_took_no_time(void **state)
{
	struct spread *spread = calloc(1, sizeof(*spread));

	(void)state;
	assert_int_equal(spread_ms(spread, 50), 0);
	assert_int_equal(spread->max_ms, 0);
	free(spread);
}

static void few_values_are_exact(void **state)
{
	static const int64_t took[] = {60000, 1000, 2000, 4000};
	struct spread *spread = calloc(1, sizeof(*spread));

	(void)state;
	for (size_t i = 0; i < 4; i++)
		spread_add(spread, took[i]);
	assert_int_equal(spread_ms(spread, 50), 2000);
	assert_int_equal(spread_ms(spread, 75), 4000);
	assert_int_equal(spread_ms(spread, 95), 60000);
	assert_int_equal(spread->max_ms, 60000);
	free(spread);
}

static void many_values_are_close(void **state)
{
	struct spread *spread = calloc(1, sizeof(*spread));

	(void)state;
	for (int64_t i = 1; i <= 100000; i++)
		spread_add(spread, i * 37);
	assert_in_range(spread_ms(spread, 50), 50000 * 37 * 0.995, 50000 * 37 * 1.005);
	assert_in_range(spread_ms(spread, 95), 95000 * 37 * 0.995, 95000 * 37 * 1.005);
	free(spread);
}

static void any_value_has_a_slot(void **state)
{
	struct spread *spread = calloc(1, sizeof(*spread));

	(void)state;
	spread_add(spread, -5); /* a clock that was put back */
	assert_int_equal(spread_ms(spread, 50), 0);
	spread_add(spread, INT64_MAX);
	assert_int_equal(spread->max_ms, INT64_MAX);
	assert_int_equal(spread_ms(spread, 95), INT64_MAX);
	free(spread);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_took_no_time),
		cmocka_unit_test(few_values_are_exact),
		cmocka_unit_test(many_values_are_close),
		cmocka_unit_test(any_value_has_a_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
