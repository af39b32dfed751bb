#include "leadrelay/histogram.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const double bounds[] = {0.5, 1, 10};

static void a_value_counts_in_one_place(void **state)
{
	struct histogram histogram = HISTOGRAM_INIT(bounds);

	(void)state;
	assert_int_equal(histogram.bound_count, 3);
	histogram_add(&histogram, 0);
	histogram_add(&histogram, 0.5); /* a bound belongs to what is below */
	histogram_add(&histogram, 0.75);
	histogram_add(&histogram, 10.5);
	histogram_add(&histogram, 1e9);
	assert_int_equal(histogram.counts[0], 2);
	assert_int_equal(histogram.counts[1], 1);
	assert_int_equal(histogram.counts[2], 0);
	assert_int_equal(histogram.counts[3], 2);
	assert_int_equal(histogram_count(&histogram), 5);
	assert_true(histogram.sum == 0.5 + 0.75 + 10.5 + 1e9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_counts_in_one_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
