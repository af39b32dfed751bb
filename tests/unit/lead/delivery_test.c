#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "leadrelay/delivery.h"

/* The picture in delivery.h, written out a second time: "" is "not allowed". */
static const struct {
	enum delivery_state from;
	const char *to[DELIVERY_EVENTS]; /* accept retry refuse hold release discard
					    replay again */
} table[] = {
	{DELIVERY_NONE, {"", "", "", "", "", "", "", ""}},
	{DELIVERY_PENDING,
		{"delivered", "pending", "dead", "held", "", "discarded", "", ""}},
	{DELIVERY_HELD, {"delivered", "", "", "", "pending", "discarded", "", ""}},
	{DELIVERY_DELIVERED, {"", "", "", "", "", "", "", "pending"}},
	{DELIVERY_DEAD, {"delivered", "", "", "", "", "discarded", "pending", "pending"}},
	{DELIVERY_DISCARDED, {"delivered", "", "", "", "", "", "", ""}},
};

static void every_transition_is_the_one_of_the_picture(void **state)
{
	(void)state;
	assert_int_equal(sizeof(table) / sizeof(table[0]), DELIVERY_STATES);
	for (int i = 0; i < DELIVERY_STATES; i++)
		for (int event = 0; event < DELIVERY_EVENTS; event++)
			assert_string_equal(
				delivery_state_name(delivery_next(
					table[i].from, (enum delivery_event)event)),
				table[i].to[event]);
}

static void a_state_of_another_version_goes_nowhere(void **state)
{
	(void)state;
	assert_int_equal(
		delivery_next((enum delivery_state)77, DELIVERY_RETRY), DELIVERY_NONE);
	assert_string_equal(delivery_state_name((enum delivery_state)77), "");
	assert_string_equal(reason_name((enum reason) - 1), "");
}

static void names_find_back_what_they_name(void **state)
{
	(void)state;
	for (int i = 1; i < DELIVERY_STATES; i++)
		assert_int_equal(
			delivery_state_find(delivery_state_name((enum delivery_state)i)),
			i);
	for (int i = 1; i < REASON_COUNT; i++)
		assert_int_equal(reason_find(reason_name((enum reason)i)), i);
	for (int i = 1; i < OUTCOME_COUNT; i++)
		assert_true(*outcome_name((enum outcome_kind)i));
	assert_int_equal(delivery_state_find("gone"), -1);
	assert_int_equal(delivery_state_find(""), -1);
	assert_int_equal(reason_find("none"), -1);
}

static void only_what_is_not_the_destinations_fault_is_counted(void **state)
{
	(void)state;
	assert_true(outcome_counts(OUTCOME_DELIVERED));
	assert_true(outcome_counts(OUTCOME_RETRY));
	assert_true(outcome_counts(OUTCOME_UNKNOWN));
	assert_true(outcome_counts(OUTCOME_REFUSED));
	assert_false(outcome_counts(OUTCOME_THROTTLED));
	assert_false(outcome_counts(OUTCOME_UNAUTHORIZED));
	assert_false(outcome_counts(OUTCOME_FORBIDDEN));
	assert_false(outcome_counts(OUTCOME_ENVIRONMENT));
}

static void four_outcomes_are_success(void **state)
{
	int successes = 0;

	(void)state;
	for (int i = 0; i < OUTCOME_COUNT; i++)
		successes += outcome_is_success((enum outcome_kind)i);
	assert_int_equal(successes, 4);
	assert_true(outcome_is_success(OUTCOME_SKIPPED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_transition_is_the_one_of_the_picture),
		cmocka_unit_test(a_state_of_another_version_goes_nowhere),
		cmocka_unit_test(names_find_back_what_they_name),
		cmocka_unit_test(only_what_is_not_the_destinations_fault_is_counted),
		cmocka_unit_test(four_outcomes_are_success),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
