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

static int asked_of[512];

static void poison(struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	(void)r;
	if (asked->number == 77)
		reply->status = 400;
}

static void one_poisoned_lead_disturbs_nobody(void **state)
{
	(void)state;
	rig.answer = poison;
	accept_many(300);
	rig_run(&rig, 60000);
	assert_int_equal(rig_row(&rig, 0).dead, 1);
	assert_int_equal(rig_row(&rig, 0).delivered, 299);
	assert_int_equal(rig.sent[0], 300);
	assert_int_equal(rig_events(&rig, RELAY_DEAD), 1);
	assert_int_equal(rig.events[0].reason, REASON_INVALID);
}

static void few(struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	(void)r;
	if (asked->number == 0) {
		reply->status = 409;
		reply->few = true;
	}
}

static void retry_few_is_five_exactly(void **state)
{
	(void)state;
	rig.answer = few;
	accept_many(3);
	rig_run(&rig, 86400000);
	assert_int_equal(rig.sent[0], 5 + 2);
	assert_int_equal(rig_row(&rig, 0).dead, 1);
	assert_int_equal(rig.events[0].reason, REASON_PLUGIN);
}

static void what_is_on_disk_is_told_with_its_exchanges(void **state)
{
	(void)state;
	rig.answer = few;
	rig_accept(&rig, 1, true);
	rig_run(&rig, 200); /* asked once or twice: few are five */
	assert_true(rig.exchanges[OUTCOME_RETRY] >= 1);
	rig.answer = NULL;
	rig_run(&rig, 600000);
	assert_int_equal(rig.exchanges[OUTCOME_DELIVERED], 1);
	assert_int_equal(rig.exchanges[OUTCOME_RETRY] + 1, rig.sent[0]);
	assert_true(rig.last_has_lead);
	assert_true(rig.last_age_ms >= 50 && rig.last_age_ms <= 600200);
	assert_int_equal(rig.notified[OUTCOME_DELIVERED], 0);
}

static void never(struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	(void)r;
	(void)asked;
	reply->status = 409;
}

static void a_lead_is_given_up_by_age(void **state)
{
	(void)state;
	rig.answer = never;
	rig.retry.give_up_after_ms = INT64_C(2) * 86400000;
	rig_configure(&rig, 1, 16);
	accept_many(1);
	rig_run(&rig, INT64_C(2) * 86400000);
	assert_int_equal(rig_row(&rig, 0).pending, 1);
	rig_run(&rig, 3600000);
	assert_int_equal(rig_row(&rig, 0).dead, 1);
	assert_int_equal(rig.events[0].reason, REASON_EXPIRED);
}

static void ignore(void *ctx, const struct err *err)
{
	(void)ctx;
	assert_int_equal(err->code, ERR_OK);
}

static void time_spent_parked_is_no_age(void **state)
{
	(void)state;
	rig.answer = never;
	rig.retry.give_up_after_ms = INT64_C(2) * 86400000;
	rig_configure(&rig, 1, 16);
	accept_many(1);
	rig_run(&rig, 86400000);
	relay_park(rig.relay, "d0", "", ignore, NULL);
	rig_run(&rig, INT64_C(10) * 86400000);
	relay_resume(rig.relay, "d0", ignore, NULL);
	rig_run(&rig, 80000000);
	assert_int_equal(rig_row(&rig, 0).pending, 1);
	rig_run(&rig, 10000000);
	assert_int_equal(rig_row(&rig, 0).dead, 1);
}

static void first_time_unknown(
	struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	(void)r;
	if (asked_of[asked->number]++ == 0 && asked->number % 4 == 0)
		reply->status = RIG_UNKNOWN;
}

static void an_unknown_outcome_is_sent_again_with_the_same_key(void **state)
{
	(void)state;
	memset(asked_of, 0, sizeof(asked_of));
	rig.answer = first_time_unknown;
	accept_many(40);
	rig_run(&rig, 60000);
	for (int i = 0; i < 40; i++)
		assert_int_equal(asked_of[i], i % 4 ? 1 : 2);
	assert_int_equal(rig_row(&rig, 0).delivered, 40);
}

/* ---- a store that says no ---- */

static int open_narrow(void **state)
{
	(void)state;
	rig_open(&rig, 1, 3);
	return 0;
}

static void a_store_that_takes_little_loses_and_doubles_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++)
		rig_accept(&rig, 1, i % 2);
	rig_run(&rig, 120000);
	assert_int_equal(rig_row(&rig, 0).delivered, 200);
	assert_int_equal(rig.sent[0], 200);
	for (int i = 0; i < 200; i++)
		assert_int_equal(rig.seen[i], 1);
}

static void a_store_that_is_stuck_keeps_outcomes_in_memory(void **state)
{
	int sent;

	(void)state;
	accept_many(50);
	rig_run(&rig, 60);
	rig.store_stuck = true;
	rig_run(&rig, 600000);
	sent = rig.sent[0];
	rig.store_stuck = false;
	rig_run(&rig, 60000);
	assert_int_equal(rig_row(&rig, 0).delivered, 50);
	assert_int_equal(rig.sent[0], 50);
	assert_true(sent <= 50);
}

/* ---- hold and the like, behind the relay's back ---- */

static void transition(enum delivery_event event)
{
	struct job_transition job = {.event = event, .now = rig.wall, .max = 1000};
	struct err err;

	job.selection.destination = rig.ids[0];
	job_transition_prepare(&job);
	assert_int_equal(store_call(rig.store, &job.job, &err), ERR_OK);
	job_transition_finish(&job);
	relay_refresh(rig.relay, rig.ids[0]);
}

static void slow(struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	(void)r;
	(void)asked;
	reply->latency_ms = 1000;
}

static void what_is_held_leaves_the_window(void **state)
{
	int sent;

	(void)state;
	rig.answer = slow;
	accept_many(50);
	rig_run(&rig, 100);
	transition(DELIVERY_HOLD);
	sent = rig.sent[0];
	rig_run(&rig, 60000);
	assert_int_equal(rig.sent[0], sent);
	assert_int_equal(rig_row(&rig, 0).delivered, sent); /* let finish */
	transition(DELIVERY_RELEASE);
	rig_run(&rig, 120000);
	assert_int_equal(rig_row(&rig, 0).delivered, 50);
	assert_int_equal(rig.sent[0], 50);
}

static void replay_during_an_automatic_retry_sends_one_at_a_time(void **state)
{
	(void)state;
	rig.answer = few;
	accept_many(1);
	rig_run(&rig, 86400000);
	assert_int_equal(rig_row(&rig, 0).dead, 1);
	rig.answer = slow;
	transition(DELIVERY_REPLAY);
	transition(DELIVERY_REPLAY);
	rig_run(&rig, 500);
	transition(DELIVERY_REPLAY); /* under way: the rig refuses a second one */
	rig_run(&rig, 60000);
	assert_int_equal(rig.sent[0], 6);
	assert_int_equal(rig_row(&rig, 0).delivered, 1);
}

#define TEST(name, opened) cmocka_unit_test_setup_teardown(name, opened, close_it)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_poisoned_lead_disturbs_nobody, open_one),
		TEST(retry_few_is_five_exactly, open_one),
		TEST(what_is_on_disk_is_told_with_its_exchanges, open_one),
		TEST(a_lead_is_given_up_by_age, open_one),
		TEST(time_spent_parked_is_no_age, open_one),
		TEST(an_unknown_outcome_is_sent_again_with_the_same_key, open_one),
		TEST(a_store_that_takes_little_loses_and_doubles_nothing, open_narrow),
		TEST(a_store_that_is_stuck_keeps_outcomes_in_memory, open_one),
		TEST(what_is_held_leaves_the_window, open_one),
		TEST(replay_during_an_automatic_retry_sends_one_at_a_time, open_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
