#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct rig rig;

static int open_one(void **state)
{
	(void)state;
	rig_open(&rig, 1, 0);
	return 0;
}

static int open_many(void **state)
{
	(void)state;
	rig_open(&rig, 8, 0);
	return 0;
}

static int close_it(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static void what_is_accepted_is_delivered_once(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		rig_accept(&rig, 1, true);
	rig_run(&rig, 60000);
	for (int i = 0; i < 100; i++)
		assert_int_equal(rig.seen[i], 1);
	assert_int_equal(rig_row(&rig, 0).delivered, 100);
	assert_int_equal(rig_status(&rig, 0).in_flight, 0);
	assert_int_equal(rig_status(&rig, 0).window, 0);
}

static void a_fresh_lead_needs_no_polling(void **state)
{
	(void)state;
	rig_run(&rig, 5000);
	rig_accept(&rig, 1, true);
	rig_run(&rig, 51);
	assert_int_equal(rig.seen[0], 1);
}

static void a_backlog_is_found_without_being_told(void **state)
{
	(void)state;
	for (int i = 0; i < 500; i++)
		rig_accept(&rig, 1, false);
	rig_run(&rig, 60000);
	assert_int_equal(rig_row(&rig, 0).delivered, 500);
	assert_int_equal(rig.sent[0], 500);
	assert_true(rig.most_at_once[0] <= 16);
}

static void slow_at_four(
	struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	(void)r;
	(void)asked;
	reply->latency_ms = 1000;
}

static void a_fresh_lead_waits_for_no_backlog(void **state)
{
	(void)state;
	rig.answer = slow_at_four;
	for (int i = 0; i < 700; i++)
		rig_accept(&rig, 1, false);
	rig_run(&rig, 10000);
	rig_accept(&rig, 1, true);
	rig_run(&rig, 4000);
	assert_int_equal(rig.seen[700], 1);
	assert_true(rig_row(&rig, 0).pending > 300);
}

/* Rows change behind the relay's back, again and again (a replay, an erasure): what waits
 * is claimed anew, and the fresh lead is still a fresh one. */
static void a_fresh_lead_stays_one(void **state)
{
	(void)state;
	rig.answer = slow_at_four;
	for (int i = 0; i < 700; i++)
		rig_accept(&rig, 1, false);
	rig_run(&rig, 10000);
	rig_accept(&rig, 1, true);
	for (int i = 0; i < 40; i++) {
		relay_refresh(rig.relay, rig.ids[0]);
		rig_run(&rig, 100);
	}
	assert_int_equal(rig.seen[700], 1);
	assert_true(rig_row(&rig, 0).pending > 300);
}

/* ... also while its claim is under way. */
static void a_fresh_lead_stays_one_while_claimed(void **state)
{
	(void)state;
	rig.answer = slow_at_four;
	for (int i = 0; i < 700; i++)
		rig_accept(&rig, 1, false);
	rig_run(&rig, 10000);
	rig.store_stuck = true;
	rig_accept(&rig, 1, true);
	rig_run(&rig, 100);
	relay_refresh(rig.relay, rig.ids[0]);
	rig.store_stuck = false;
	rig_run(&rig, 4000);
	assert_int_equal(rig.seen[700], 1);
	assert_true(rig_row(&rig, 0).pending > 300);
}

/* All but the newest hundred fail for themselves, again and again. */
static void old_ones_fail(
	struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	(void)r;
	reply->latency_ms = 200;
	if (asked->number < 500)
		reply->status = 409;
}

static void retries_leave_half_to_the_never_tried(void **state)
{
	int before;

	(void)state;
	rig.answer = old_ones_fail;
	rig.retry.first_ms = 1;
	rig.retry.longest_ms = 1; /* always due again */
	rig_configure(&rig, 1, 16);
	for (int i = 0; i < 500; i++)
		rig_accept(&rig, 1, false);
	rig_run(&rig, 60000);
	for (int i = 0; i < 100; i++)
		rig_accept(&rig, 1, false);
	before = rig.sent[0];
	while (rig_row(&rig, 0).delivered < 100)
		rig_run(&rig, 100);
	assert_in_range(rig.sent[0] - before, 100, 100 + 100 + 250);
}

static void hang_first(
	struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	(void)r;
	if (asked->destination[1] == '0')
		reply->status = RIG_HANG;
}

static void a_destination_that_hangs_slows_no_other(void **state)
{
	int64_t needed_ms[2];

	(void)state;
	for (int round = 0; round < 2; round++) {
		int64_t start = rig.mono;

		rig.answer = round == 1 ? hang_first : NULL;
		for (int i = 0; i < 300; i++)
			rig_accept(&rig, 8, true);
		while (rig_row(&rig, 7).pending > 0 || rig_row(&rig, 3).pending > 0)
			rig_run(&rig, 10);
		needed_ms[round] = rig.mono - start;
	}
	assert_true(rig_row(&rig, 0).pending > 200);
	assert_true(
		needed_ms[1] <= needed_ms[0]); /* the ramp of the first round is behind */
}

static void dop_two(struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	(void)asked;
	reply->dop_hint = r->sent[0] > 100 ? 2 : 0;
}

static void the_hint_bounds_how_many_at_once(void **state)
{
	(void)state;
	rig.answer = dop_two;
	for (int i = 0; i < 200; i++)
		rig_accept(&rig, 1, true);
	rig_run(&rig, 60000);
	rig.most_at_once[0] = 0;
	for (int i = 0; i < 200; i++)
		rig_accept(&rig, 1, true);
	rig_run(&rig, 60000);
	assert_int_equal(rig.most_at_once[0], 2);
	assert_int_equal(rig_row(&rig, 0).delivered, 400);
}

static void nothing_leaves_in_intake_only_mode(void **state)
{
	(void)state;
	relay_run(rig.relay, false);
	rig_accept(&rig, 1, true);
	rig_run(&rig, 100000);
	assert_int_equal(rig.sent[0], 0);
	relay_run(rig.relay, true);
	rig_run(&rig, 100);
	assert_int_equal(rig.seen[0], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_is_accepted_is_delivered_once, open_one, close_it),
		cmocka_unit_test_setup_teardown(
			a_fresh_lead_needs_no_polling, open_one, close_it),
		cmocka_unit_test_setup_teardown(
			a_backlog_is_found_without_being_told, open_one, close_it),
		cmocka_unit_test_setup_teardown(
			a_fresh_lead_waits_for_no_backlog, open_one, close_it),
		cmocka_unit_test_setup_teardown(
			a_fresh_lead_stays_one, open_one, close_it),
		cmocka_unit_test_setup_teardown(
			a_fresh_lead_stays_one_while_claimed, open_one, close_it),
		cmocka_unit_test_setup_teardown(
			retries_leave_half_to_the_never_tried, open_one, close_it),
		cmocka_unit_test_setup_teardown(
			a_destination_that_hangs_slows_no_other, open_many, close_it),
		cmocka_unit_test_setup_teardown(
			the_hint_bounds_how_many_at_once, open_one, close_it),
		cmocka_unit_test_setup_teardown(
			nothing_leaves_in_intake_only_mode, open_one, close_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
