#include "fixture.h"

#include <stdlib.h>
#include <string.h>

static void delivered_is_counted_and_has_its_history(void **state)
{
	struct fixture *f = *state;
	struct job_settle job = {.delivery = add_lead(f, "1"),
		.destination = f->crm,
		.event = DELIVERY_ACCEPT,
		.outcome = OUTCOME_ALREADY_THERE,
		.remote_id = strdup("0042"),
		.now = f->wall,
		.exchange_count = 2};

	job.exchanges = calloc(2, sizeof(job.exchanges[0]));
	job.exchanges[0] = (struct settled_exchange){.at = NOW,
		.outcome = OUTCOME_REFUSED,
		.http_status = 412,
		.error = strdup("there is one")};
	job.exchanges[1] = (struct settled_exchange){
		.at = NOW + 1, .outcome = OUTCOME_ALREADY_THERE, .http_status = 200};
	job_settle_prepare(&job);
	call(f, &job.job);
	assert_int_equal(job.state, DELIVERY_DELIVERED);
	job_settle_finish(&job);
	expect_counts(f, f->crm, 0, 0, 1, 0, 0);
	assert_int_equal(query(f, "SELECT count(*) FROM attempt"), 2);
	assert_int_equal(query(f, "SELECT http_status FROM attempt WHERE n = 1"), 412);
	assert_int_equal(query(f, "SELECT remote_id = '0042' AND settled_at > 0 AND"
				  " attempts = 0 FROM delivery"),
		1);
}

static void a_retry_waits_and_counts(void **state)
{
	struct fixture *f = *state;
	int64_t id = add_lead(f, "1");

	assert_int_equal(settle(f, id, DELIVERY_RETRY, NOW + 5000), DELIVERY_PENDING);
	assert_int_equal(settle_with(f, id, DELIVERY_RETRY, OUTCOME_THROTTLED,
				 REASON_THROTTLED, NOW + 9000),
		DELIVERY_PENDING);
	expect_counts(f, f->crm, 1, 0, 0, 0, 0);
	assert_int_equal(query(f, "SELECT attempts FROM delivery"), 1);
	assert_int_equal(query(f, "SELECT due_at FROM delivery"), NOW + 9000);
	assert_int_equal(query(f, "SELECT settled_at IS NULL FROM delivery"), 1);
	assert_int_equal(query(f, "SELECT count(*) FROM attempt"), 2);
}

static void a_refusal_is_dead(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(settle(f, add_lead(f, "1"), DELIVERY_REFUSE, 0), DELIVERY_DEAD);
	expect_counts(f, f->crm, 0, 0, 0, 1, 0);
}

static void discarded_meanwhile(struct fixture *f, int64_t id, enum delivery_event event)
{
	struct job_transition job = {.event = event, .now = f->wall, .max = 10};
	int64_t lead = id; /* one delivery per lead here */

	job.selection.leads = &lead;
	job.selection.lead_count = 1;
	job_transition_prepare(&job);
	call(f, &job.job);
	assert_int_equal(job.changed, 1);
	job_transition_finish(&job);
}

static void what_was_held_meanwhile_stays_held_unless_it_was_delivered(void **state)
{
	struct fixture *f = *state;
	int64_t id = add_lead(f, "1");

	discarded_meanwhile(f, id, DELIVERY_HOLD);
	assert_int_equal(settle(f, id, DELIVERY_RETRY, NOW + 1), DELIVERY_HELD);
	assert_int_equal(settle(f, id, DELIVERY_REFUSE, 0), DELIVERY_HELD);
	assert_int_equal(query(f, "SELECT count(*) FROM attempt"), 2);
	assert_int_equal(settle(f, id, DELIVERY_ACCEPT, 0), DELIVERY_DELIVERED);
	expect_counts(f, f->crm, 0, 0, 1, 0, 0);
}

static void what_was_discarded_meanwhile_is_delivered_when_it_was(void **state)
{
	struct fixture *f = *state;
	int64_t id = add_lead(f, "1");

	discarded_meanwhile(f, id, DELIVERY_DISCARD);
	expect_counts(f, f->crm, 0, 0, 0, 0, 1);
	assert_int_equal(settle(f, id, DELIVERY_REFUSE, 0), DELIVERY_DISCARDED);
	assert_int_equal(settle(f, id, DELIVERY_ACCEPT, 0), DELIVERY_DELIVERED);
	expect_counts(f, f->crm, 0, 0, 1, 0, 0);
}

static void health_is_stored_with_the_outcome(void **state)
{
	struct fixture *f = *state;
	struct destination_row row;
	struct job_settle job = {.delivery = add_lead(f, "1"),
		.destination = f->crm,
		.event = DELIVERY_RETRY,
		.outcome = OUTCOME_UNAUTHORIZED,
		.reason = REASON_UNAUTHORIZED,
		.due_at = NOW + 1,
		.now = f->wall,
		.has_health = true,
		.health = {.state = HEALTH_PARKED,
			.reason = REASON_UNAUTHORIZED,
			.since = NOW,
			.next_at = INT64_MAX,
			.failures = 3,
			.open_ms = 777,
			.probe_passed = true,
			.asks_itself = true,
			.forbidden_delivery = 12,
			.error = "the secret has expired"}};

	job_settle_prepare(&job);
	call(f, &job.job);
	destination_get(f, f->crm, &row);
	assert_int_equal(row.health.state, HEALTH_PARKED);
	assert_int_equal(row.health.reason, REASON_UNAUTHORIZED);
	assert_int_equal(row.health.next_at, INT64_MAX);
	assert_int_equal(row.health.failures, 3);
	assert_int_equal(row.health.open_ms, 777);
	assert_true(row.health.probe_passed && row.health.asks_itself);
	assert_int_equal(row.health.forbidden_delivery, 12);
	assert_string_equal(row.health.error, "the secret has expired");
	add_lead(f, "2"); /* its age starts from what the destination now has */
	assert_int_equal(query(f, "SELECT age_from FROM delivery WHERE id = 2"), 777);
}

static void the_first_forbidden_lead_is_put_back(void **state)
{
	struct fixture *f = *state;
	int64_t first = add_lead(f, "1");
	struct job_settle job = {.delivery = add_lead(f, "2"),
		.destination = f->crm,
		.event = DELIVERY_RETRY,
		.outcome = OUTCOME_FORBIDDEN,
		.reason = REASON_FORBIDDEN,
		.due_at = NOW + 1,
		.now = f->wall,
		.revive = first};

	settle_with(f, first, DELIVERY_REFUSE, OUTCOME_FORBIDDEN, REASON_FORBIDDEN, 0);
	expect_counts(f, f->crm, 1, 0, 0, 1, 0);
	job_settle_prepare(&job);
	call(f, &job.job);
	expect_counts(f, f->crm, 2, 0, 0, 0, 0);
	call(f, &job.job); /* pending by now: nothing to put back */
	expect_counts(f, f->crm, 2, 0, 0, 0, 0);
}

static void an_unknown_delivery_is_stale(void **state)
{
	struct fixture *f = *state;
	struct job_settle job = {
		.delivery = 99, .destination = f->crm, .event = DELIVERY_ACCEPT};
	struct err err;

	job_settle_prepare(&job);
	assert_int_equal(store_call(f->store, &job.job, &err), ERR_STALE);
}

static void waking_makes_due_what_waited_for_the_destination(void **state)
{
	struct fixture *f = *state;
	int64_t own = add_lead(f, "1");
	int64_t theirs = add_lead(f, "2");
	struct job_health job = {
		.destination = f->crm, .health = {.state = HEALTH_OPEN}, .wake = true};

	settle(f, own, DELIVERY_RETRY, NOW + 100000);
	settle_with(
		f, theirs, DELIVERY_RETRY, OUTCOME_RETRY, REASON_CONNECT, NOW + 100000);
	job.now = NOW + 5;
	job_health_prepare(&job);
	call(f, &job.job);
	assert_int_equal(job.woken, 1);
	assert_false(job.more);
	assert_int_equal(
		query(f, "SELECT due_at FROM delivery WHERE id = 1"), NOW + 100000);
	assert_int_equal(query(f, "SELECT due_at FROM delivery WHERE id = 2"), NOW + 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(delivered_is_counted_and_has_its_history),
		TEST(a_retry_waits_and_counts),
		TEST(a_refusal_is_dead),
		TEST(what_was_held_meanwhile_stays_held_unless_it_was_delivered),
		TEST(what_was_discarded_meanwhile_is_delivered_when_it_was),
		TEST(health_is_stored_with_the_outcome),
		TEST(the_first_forbidden_lead_is_put_back),
		TEST(an_unknown_delivery_is_stale),
		TEST(waking_makes_due_what_waited_for_the_destination),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
