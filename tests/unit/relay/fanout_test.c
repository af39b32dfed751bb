/* Several destinations: what one of them goes through is not the others' affair. */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#define MINUTE INT64_C(60000)
#define HOUR (60 * MINUTE)
#define EVERY (3 * MINUTE)
#define LEADS (int)(6 * HOUR / EVERY)
#define DEAD 0 /* d0 */
#define LIVING 1

static struct rig rig;

static int open_two(void **state)
{
	(void)state;
	rig_open(&rig, 2, 0);
	return 0;
}

static int close_it(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

/* What the first destination does with everything, until then. */
static int trouble;
static int64_t trouble_ends_at;

static void trouble_at_the_first(
	struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	(void)r;
	if (strcmp(asked->destination, "d0") == 0 && asked->at < trouble_ends_at)
		reply->status = trouble;
}

static void assert_balanced(int destination, int accepted)
{
	const struct destination_row row = rig_row(&rig, destination);

	assert_int_equal(row.accepted, accepted);
	assert_int_equal(
		row.pending + row.held + row.delivered + row.dead + row.discarded,
		accepted);
}

/* A lead every three minutes: the living one has it within the second, the dead one's
 * pile grows, both balance at every moment. */
static int a_lead_now_and_then(int64_t span_ms)
{
	int accepted = rig.accepted;

	for (int64_t at = 0; at < span_ms; at += EVERY) {
		rig_accept(&rig, 2, true);
		accepted++;
		rig_run(&rig, 1000);
		assert_int_equal(rig_row(&rig, LIVING).delivered, accepted);
		assert_balanced(LIVING, accepted);
		assert_balanced(DEAD, accepted);
		rig_run(&rig, EVERY - 1000);
	}
	return accepted;
}

static void six_hours_of(int status, int max_asked)
{
	int accepted;

	trouble = status;
	trouble_ends_at = 6 * HOUR;
	rig.answer = trouble_at_the_first;
	accepted = a_lead_now_and_then(6 * HOUR);
	assert_int_equal(accepted, LEADS);
	assert_int_equal(rig_row(&rig, DEAD).delivered, 0);
	assert_int_equal(rig_row(&rig, DEAD).pending, LEADS);
	assert_int_equal(rig_row(&rig, DEAD).dead, 0);
	assert_int_not_equal(rig_status(&rig, DEAD).health.state, HEALTH_OPEN);
	assert_int_equal(rig_status(&rig, LIVING).health.state, HEALTH_OPEN);
	assert_in_range(rig.sent[DEAD], 1, max_asked);
	assert_int_equal(rig.sent[LIVING], LEADS); /* each once, none of them again */
	rig_run(&rig, 2 * HOUR);                   /* one longest wait, and the ramp */
	assert_int_equal(rig_row(&rig, DEAD).delivered, LEADS);
	assert_balanced(DEAD, LEADS);
	assert_balanced(LIVING, LEADS);
	for (int i = 0; i < LEADS; i++)
		assert_int_equal(rig.seen[i], 1);
}

static void one_that_cannot_be_reached_costs_the_other_nothing(void **state)
{
	(void)state;
	six_hours_of(RIG_REFUSED, 60);
}

static void one_that_hangs_costs_the_other_nothing(void **state)
{
	(void)state;
	six_hours_of(RIG_HANG, 60);
}

static void one_that_lets_nobody_in_costs_the_other_nothing(void **state)
{
	(void)state;
	six_hours_of(401, 60);
	assert_int_equal(rig_events(&rig, RELAY_PARKED), 1);
}

/* The pile outlives the process, and the one that lives is not held up by it. */
static void a_restart_in_the_middle_changes_nothing(void **state)
{
	int accepted;

	(void)state;
	trouble = RIG_REFUSED;
	trouble_ends_at = 6 * HOUR;
	rig.answer = trouble_at_the_first;
	a_lead_now_and_then(3 * HOUR);
	rig_stop(&rig);
	rig_start(&rig);
	rig_configure(&rig, 2, 16);
	accepted = a_lead_now_and_then(3 * HOUR);
	rig_run(&rig, 2 * HOUR);
	assert_int_equal(rig_row(&rig, DEAD).delivered, accepted);
	assert_int_equal(rig.sent[LIVING], accepted);
	assert_balanced(DEAD, accepted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, open_two, close_it)
		T(one_that_cannot_be_reached_costs_the_other_nothing),
		T(one_that_hangs_costs_the_other_nothing),
		T(one_that_lets_nobody_in_costs_the_other_nothing),
		T(a_restart_in_the_middle_changes_nothing),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
