#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static struct rig rig;

static int open_one(void **state)
{
	(void)state;
	rig_open(&rig, 1, 0);
	return 0;
}

static int close_it(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static void accept_many(int count)
{
	for (int i = 0; i < count; i++)
		rig_accept(&rig, 1, true);
}

static int open_two(void **state)
{
	(void)state;
	rig_open(&rig, 2, 0);
	return 0;
}

/* ---- an outage ---- */

static int64_t outage_ends_at; /* since the start */

static void down_until(
	struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	(void)r;
	if (asked->at < outage_ends_at)
		reply->status = RIG_REFUSED;
}

static void an_outage_is_asked_one_at_a_time_and_ends_by_itself(void **state)
{
	(void)state;
	rig.answer = down_until;
	outage_ends_at = INT64_C(86400000);
	accept_many(500);
	rig_run(&rig, 86400000 - 1);
	assert_int_equal(rig_status(&rig, 0).health.state, HEALTH_BACKING_OFF);
	assert_int_equal(rig_events(&rig, RELAY_BACKING_OFF), 1);
	assert_in_range(rig.sent[0], 24, 150); /* within an hour each, jitter halves it */
	rig.most_at_once[0] = 0;
	rig_run(&rig, 3600000 + 60000); /* one longest delay, and the ramp */
	assert_int_equal(rig_row(&rig, 0).delivered, 500);
	assert_int_equal(rig_events(&rig, RELAY_OPEN), 1);
	for (int i = 0; i < 500; i++)
		assert_int_equal(rig.seen[i], 1);
}

static void failing_ones_do_not_wait_for_their_own_delay_once_it_is_over(void **state)
{
	(void)state;
	rig.answer = down_until;
	outage_ends_at = INT64_C(7200000);
	rig.retry.first_ms = 3600000;
	rig_configure(&rig, 1, 16);
	accept_many(4);
	while (rig_status(&rig, 0).health.state != HEALTH_BACKING_OFF)
		rig_run(&rig, 1000);
	while (rig_row(&rig, 0).delivered == 0)
		rig_run(&rig, 1000);
	rig_run(&rig, 2000);
	assert_int_equal(rig_row(&rig, 0).delivered, 4);
}

static void stragglers_do_not_keep_the_probe_waiting(void **state)
{
	(void)state;
	accept_many(200);
	rig_run(&rig, 60000); /* the limit is up */
	rig.answer = down_until;
	outage_ends_at = rig.wall - RIG_START + 1000;
	accept_many(30);
	rig_run(&rig, 1000);
	assert_int_equal(rig_status(&rig, 0).health.state, HEALTH_BACKING_OFF);
	rig_run(&rig, 30000);
	assert_int_equal(rig_row(&rig, 0).delivered, 230);
}

static void backing_off_with_nothing_waiting_asks_the_cheap_way(void **state)
{
	(void)state;
	rig.answer = down_until;
	rig.retry.give_up_after_ms =
		1; /* whoever fails is dead: nothing is left to ask with */
	rig_configure(&rig, 1, 16);
	outage_ends_at = 600000;
	accept_many(3);
	rig_run(&rig, 500000);
	assert_int_equal(rig_row(&rig, 0).dead, 3);
	assert_true(rig.probes_asked > 0);
	rig_run(&rig, 3600000 * 2);
	assert_int_equal(rig_status(&rig, 0).health.state, HEALTH_OPEN);
}

static int64_t last_at, longest_gap;

static void note_gaps(
	struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	down_until(r, asked, reply);
	if (r->sent[0] > 2 && asked->at - last_at > longest_gap)
		longest_gap = asked->at - last_at;
	last_at = asked->at;
}

static void probes_keep_to_the_retry_rule(void **state)
{
	(void)state;
	longest_gap = last_at = 0;
	rig.answer = note_gaps;
	rig.retry.first_ms = 50;
	rig.retry.longest_ms = 200;
	rig_configure(&rig, 1, 16);
	outage_ends_at = 60000;
	accept_many(20);
	rig_run(&rig, 60000);
	assert_in_range(longest_gap, 100, 250); /* an exchange takes 50 */
	assert_in_range(rig.sent[0], 300, 800);
}

/* ---- throttling ---- */

static void throttle_once(
	struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	if (asked->destination[1] != '0')
		return;
	if (r->sent[0] == 10) {
		reply->status = 429;
		reply->retry_after = 300;
		r->test = r;
	}
}

static void retry_after_means_no_request_until_then_for_this_one_only(void **state)
{
	int sent;

	(void)state;
	rig.answer = throttle_once;
	for (int i = 0; i < 30; i++)
		rig_accept(&rig, 2, true);
	while (rig_status(&rig, 0).health.state != HEALTH_THROTTLED)
		rig_run(&rig, 1);
	rig_run(&rig, 100); /* what was under way */
	sent = rig.sent[0];
	rig_run(&rig, 300000 - 102);
	assert_int_equal(rig.sent[0], sent);
	assert_int_equal(rig_row(&rig, 1).delivered, 30);
	rig_run(&rig, 10000);
	assert_int_equal(rig_row(&rig, 0).delivered, 30);
	assert_int_equal(rig_events(&rig, RELAY_THROTTLED), 1);
	assert_int_equal(rig_events(&rig, RELAY_OPEN), 1);
}

/* The second token, ahead of time, cannot be had; the third comes late. The second lead
 * meets the pause meanwhile. */
static void throttle_before_the_token_comes(
	struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	if (strcmp(asked->what, "token") == 0 && r->tokens_asked == 1) {
		reply->status = 500;
	} else if (strcmp(asked->what, "token") == 0 && r->tokens_asked == 2) {
		reply->latency_ms = 40000;
	} else if (asked->number == 1 && !r->test) {
		reply->status = 429;
		reply->retry_after = 300;
		reply->latency_ms = 30000;
		r->test = r;
	}
}

static void who_waits_for_a_token_obeys_the_pause_too(void **state)
{
	(void)state;
	rig.tokens = true;
	rig.answer = throttle_before_the_token_comes;
	rig_configure(&rig, 1, 16);
	accept_many(1);
	rig_run(&rig, 3565000);
	assert_int_equal(rig.sent[0], 1);
	accept_many(1); /* the token is good for it */
	rig_run(&rig, 10000);
	assert_int_equal(rig.sent[0], 2);
	accept_many(1); /* too old for this one */
	rig_run(&rig, 50000);
	assert_int_equal(rig.tokens_asked, 3);
	assert_int_equal(rig.tokens_at_once, 0);
	assert_int_equal(rig_status(&rig, 0).health.state, HEALTH_THROTTLED);
	assert_int_equal(rig.sent[0], 2);
	rig_run(&rig, 260000);
	assert_int_equal(rig.sent[0], 2);
	rig_run(&rig, 60000);
	assert_int_equal(rig_row(&rig, 0).delivered, 3);
}

static void throttling_outlives_a_restart(void **state)
{
	int sent;

	(void)state;
	rig.answer = throttle_once;
	accept_many(30);
	while (rig_status(&rig, 0).health.state != HEALTH_THROTTLED)
		rig_run(&rig, 1);
	rig_run(&rig, 1000);
	sent = rig.sent[0];
	rig_stop(&rig);
	rig_start(&rig);
	rig_configure(&rig, 1, 16);
	rig_run(&rig, 290000);
	assert_int_equal(rig.sent[0], sent);
	rig_run(&rig, 20000);
	assert_int_equal(rig_row(&rig, 0).delivered, 30);
}

/* ---- the wall clock ---- */

static void fail_some(
	struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	(void)r;
	if (asked->number % 2 && asked->at < 1000)
		reply->status = 409;
}

static void a_clock_set_back_a_day_stalls_nobody(void **state)
{
	(void)state;
	rig.answer = fail_some;
	rig_run(&rig, 100);
	accept_many(20);
	rig_run(&rig, 850);
	rig.answer = NULL;
	rig_jump(&rig, -INT64_C(86400000));
	rig_run(&rig, 60000);
	assert_int_equal(rig_row(&rig, 0).delivered, 20);
}

static void a_clock_set_on_ends_no_pause_and_kills_no_lead(void **state)
{
	int sent;

	(void)state;
	rig.answer = throttle_once;
	accept_many(30);
	while (rig_status(&rig, 0).health.state != HEALTH_THROTTLED)
		rig_run(&rig, 1);
	rig_run(&rig, 1000);
	sent = rig.sent[0];
	rig_jump(&rig, INT64_C(30) * 86400000);
	rig_run(&rig, 290000);
	assert_int_equal(rig.sent[0], sent);
	rig_run(&rig, 20000);
	assert_int_equal(rig_row(&rig, 0).delivered, 30);
}

static void refuse_all(
	struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	(void)r;
	(void)asked;
	reply->status = 503;
}

/* The daemon looks at the clock once a second; answers come in between. */
static void a_jump_that_is_told_later_puts_nothing_off_by_a_year(void **state)
{
	(void)state;
	rig.answer = refuse_all;
	accept_many(5);
	rig_run(&rig, 5000);
	rig_jump_untold(&rig, INT64_C(365) * 86400000);
	rig_run(&rig, 3600000); /* asked, and put off, by the new clock or the old */
	relay_clock_jumped(rig.relay, INT64_C(365) * 86400000);
	rig.answer = NULL;
	rig_run(&rig, 2 * 3600000);
	assert_int_equal(rig_row(&rig, 0).delivered, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_outage_is_asked_one_at_a_time_and_ends_by_itself, open_one,
			close_it),
		cmocka_unit_test_setup_teardown(
			failing_ones_do_not_wait_for_their_own_delay_once_it_is_over,
			open_one, close_it),
		cmocka_unit_test_setup_teardown(
			stragglers_do_not_keep_the_probe_waiting, open_one, close_it),
		cmocka_unit_test_setup_teardown(
			backing_off_with_nothing_waiting_asks_the_cheap_way, open_one,
			close_it),
		cmocka_unit_test_setup_teardown(
			probes_keep_to_the_retry_rule, open_one, close_it),
		cmocka_unit_test_setup_teardown(
			retry_after_means_no_request_until_then_for_this_one_only,
			open_two, close_it),
		cmocka_unit_test_setup_teardown(
			who_waits_for_a_token_obeys_the_pause_too, open_one, close_it),
		cmocka_unit_test_setup_teardown(
			throttling_outlives_a_restart, open_one, close_it),
		cmocka_unit_test_setup_teardown(
			a_clock_set_back_a_day_stalls_nobody, open_one, close_it),
		cmocka_unit_test_setup_teardown(
			a_jump_that_is_told_later_puts_nothing_off_by_a_year, open_one,
			close_it),
		cmocka_unit_test_setup_teardown(
			a_clock_set_on_ends_no_pause_and_kills_no_lead, open_one,
			close_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
