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

static void slow(struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	(void)r;
	(void)asked;
	reply->latency_ms = 300;
}

static void two_hundred_reloads_under_load_lose_nothing(void **state)
{
	(void)state;
	rig.answer = slow;
	rig.tokens = true;
	for (int i = 0; i < 200; i++) {
		accept_many(2);
		rig_configure(&rig, 1, 1 + i % 16);
		rig_run(&rig, 70);
	}
	rig_run(&rig, 60000);
	for (int i = 0; i < 400; i++)
		assert_int_equal(rig.seen[i], 1);
	assert_int_equal(rig.sent[0], 400);
	assert_int_equal(
		rig.released, 201); /* each old set once, and "none" at the start */
}

static void the_old_set_is_released_with_its_last_user(void **state)
{
	(void)state;
	rig.answer = slow;
	accept_many(1);
	rig_run(&rig, 10);
	assert_int_equal(rig.released, 1);
	rig_configure(&rig, 1, 16);
	assert_int_equal(rig.released, 1);
	rig_run(&rig, 1000);
	assert_int_equal(rig.released, 2);
}

static void a_bad_configuration_changes_nothing(void **state)
{
	struct destination_row row;
	struct relay_destination list = {.row = &row};
	struct destination_settings bad;
	struct err err;

	(void)state;
	row = rig_row(&rig, 0);
	bad = rig.settings[0];
	bad.kind = (char *)"nonsense";
	list.settings = &bad;
	assert_int_equal(
		relay_configure(rig.relay, &rig.retry, &list, 1, NULL, NULL, NULL, &err),
		ERR_CONFIG);
	accept_many(5);
	rig_run(&rig, 1000);
	assert_int_equal(rig_row(&rig, 0).delivered, 5);
}

static int open_two(void **state)
{
	(void)state;
	rig_open(&rig, 2, 0);
	return 0;
}

static void a_destination_that_is_removed_finishes_and_comes_back(void **state)
{
	struct relay_status status;
	int sent;

	(void)state;
	rig.answer = slow;
	for (int i = 0; i < 30; i++)
		rig_accept(&rig, 2, true);
	rig_run(&rig, 100);
	rig_configure(&rig, 1, 16);
	sent = rig.sent[1];
	assert_true(sent > 0);
	rig_run(&rig, 60000);
	assert_int_equal(rig.sent[1], sent);
	assert_int_equal(rig_row(&rig, 1).delivered, sent);
	assert_int_equal(rig_row(&rig, 1).health.reason, REASON_REMOVED);
	assert_false(relay_status(rig.relay, "d1", &status));
	rig_configure(&rig, 2, 16);
	rig_run(&rig, 60000);
	assert_int_equal(rig_row(&rig, 1).delivered, 30);
	assert_int_equal(rig_row(&rig, 0).delivered, 30);
	assert_int_equal(rig_status(&rig, 1).health.state, HEALTH_OPEN);
}

/* ---- drain and restart ---- */

static void on_idle(void *ctx)
{
	*(bool *)ctx = true;
}

static void drain_waits_for_what_is_under_way(void **state)
{
	bool idle = false;

	(void)state;
	rig.answer = slow;
	accept_many(50);
	rig_run(&rig, 100);
	relay_drain(rig.relay, 10000, on_idle, &idle);
	rig_run(&rig, 100);
	assert_false(idle);
	rig_run(&rig, 300);
	assert_true(idle);
	assert_int_equal(rig.cancelled, 0);
	assert_int_equal(rig_row(&rig, 0).delivered, rig.sent[0]);
	relay_destroy(rig.relay);
	rig.relay = NULL;
}

static void hang(struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	(void)r;
	(void)asked;
	reply->status = RIG_HANG;
}

static void drain_cancels_at_its_deadline_and_records_nothing(void **state)
{
	bool idle = false;

	(void)state;
	rig.answer = hang;
	accept_many(3);
	rig_run(&rig, 100);
	relay_drain(rig.relay, 5000, on_idle, &idle);
	rig_run(&rig, 4999);
	assert_false(idle);
	rig_run(&rig, 10);
	assert_true(idle);
	assert_int_equal(rig.cancelled, 3);
	relay_destroy(rig.relay);
	rig.answer = NULL;
	rig_start(&rig);
	rig_configure(&rig, 1, 16);
	rig_run(&rig, 1000);
	assert_int_equal(rig_row(&rig, 0).delivered, 3);
}

static void an_idle_relay_drains_at_once(void **state)
{
	bool idle = false;

	(void)state;
	rig_run(&rig, 1000);
	relay_drain(rig.relay, 5000, on_idle, &idle);
	assert_true(idle);
	relay_destroy(rig.relay);
	rig.relay = NULL;
}

static void drain_does_not_wait_for_a_store_that_is_stuck_beyond_its_deadline(
	void **state)
{
	bool idle = false;

	(void)state;
	accept_many(30);
	rig_run(&rig, 60);
	rig.store_stuck = true;
	rig_run(&rig, 1000);
	relay_drain(rig.relay, 5000, on_idle, &idle);
	rig_run(&rig, 6000);
	rig.store_stuck = false; /* what the store has will be answered */
	rig_run(&rig, 100);
	assert_true(idle);
	relay_destroy(rig.relay);
	rig.relay = NULL;
}

#define TEST(name, opened) cmocka_unit_test_setup_teardown(name, opened, close_it)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(two_hundred_reloads_under_load_lose_nothing, open_one),
		TEST(the_old_set_is_released_with_its_last_user, open_one),
		TEST(a_bad_configuration_changes_nothing, open_one),
		TEST(a_destination_that_is_removed_finishes_and_comes_back, open_two),
		TEST(drain_waits_for_what_is_under_way, open_one),
		TEST(drain_cancels_at_its_deadline_and_records_nothing, open_one),
		TEST(an_idle_relay_drains_at_once, open_one),
		TEST(drain_does_not_wait_for_a_store_that_is_stuck_beyond_its_deadline,
			open_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
