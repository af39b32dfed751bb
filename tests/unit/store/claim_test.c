#include "fixture.h"

#include <stdlib.h>
#include <string.h>

static void claim(struct fixture *f, struct job_claim *job, enum claim_kind kind, int max)
{
	job->kind = kind;
	job->destination = f->crm;
	job->now = f->wall;
	job->max = max;
	job_claim_prepare(job);
	call(f, &job->job);
}

static void a_claim_brings_what_is_needed_to_send(void **state)
{
	struct fixture *f = *state;
	struct job_claim job = {0};
	struct accept accept;

	accept_init(f, &accept, "body");
	accept.lead.lead.extra = cJSON_Parse("{\"colour\":\"red\"}");
	call(f, &accept.job.job);
	claim(f, &job, CLAIM_UNTRIED, 10);
	assert_int_equal(job.count, 1);
	assert_true(job.exhausted);
	assert_int_equal(job.items[0].delivery, accept.lead.deliveries[0]);
	assert_int_equal(job.items[0].attempts, 0);
	assert_true(uuid_equal(&job.items[0].lead.id, &accept.lead.id));
	assert_string_equal(job.items[0].lead.source, "web");
	assert_string_equal(job.items[0].lead.fields[FIELD_EMAIL], "jane@example.com");
	assert_string_equal(
		cJSON_GetObjectItem(job.items[0].lead.extra, "colour")->valuestring,
		"red");
	assert_int_equal(job.items[0].lead.received_at, f->wall);
	accept_finish(&accept);
	job_claim_finish(&job);
}

static void untried_ones_come_oldest_first_and_go_on_after_the_last(void **state)
{
	struct fixture *f = *state;
	struct job_claim job = {0};
	int64_t first = add_lead(f, "1");
	int64_t second = add_lead(f, "2");
	int64_t third;

	f->wall += 1;
	third = add_lead(f, "3");
	claim(f, &job, CLAIM_UNTRIED, 1);
	assert_int_equal(job.items[0].delivery, first);
	assert_false(job.exhausted);
	job.after_due = job.items[0].due_at;
	job.after_id = first;
	claim(f, &job, CLAIM_UNTRIED, 5);
	assert_int_equal(job.count, 2);
	assert_int_equal(job.items[0].delivery, second);
	assert_int_equal(job.items[1].delivery, third);
	assert_true(job.exhausted);
	job_claim_finish(&job);
}

static void tried_ones_wait_until_they_are_due(void **state)
{
	struct fixture *f = *state;
	struct job_claim job = {0};
	int64_t late = add_lead(f, "1");
	int64_t soon = add_lead(f, "2");
	int64_t parked = add_lead(f, "3");

	settle(f, late, DELIVERY_RETRY, NOW + 2000);
	settle(f, soon, DELIVERY_RETRY, NOW + 1000);
	settle_with(f, parked, DELIVERY_RETRY, OUTCOME_UNAUTHORIZED, REASON_UNAUTHORIZED,
		NOW + 1500);
	f->wall = NOW + 999;
	claim(f, &job, CLAIM_TRIED, 5);
	assert_int_equal(job.count, 0);
	assert_int_equal(job.next_due_at, NOW + 1000);
	f->wall = NOW + 2000;
	claim(f, &job, CLAIM_TRIED, 5);
	assert_int_equal(job.count, 3);
	assert_int_equal(job.items[0].delivery, soon);
	assert_int_equal(job.items[1].delivery, parked);
	assert_int_equal(job.items[2].delivery, late);
	assert_int_equal(job.items[0].attempts, 1);
	assert_int_equal(job.items[0].last_outcome, OUTCOME_RETRY);
	assert_int_equal(job.items[1].attempts, 0);
	assert_int_equal(job.next_due_at, 0);
	claim(f, &job, CLAIM_UNTRIED, 5);
	assert_int_equal(job.count, 0);
	job_claim_finish(&job);
}

static void probes_go_round(void **state)
{
	struct fixture *f = *state;
	struct job_claim job = {0};
	int64_t ids[3] = {add_lead(f, "1"), add_lead(f, "2"), add_lead(f, "3")};

	settle(f, ids[1], DELIVERY_RETRY, NOW + 100000);
	for (int i = 0; i < 7; i++) {
		static const int order[] = {0, 2, 1};

		claim(f, &job, CLAIM_WAITING, 1);
		assert_int_equal(job.count, 1);
		assert_int_equal(job.items[0].delivery, ids[order[i % 3]]);
		job.after_due = job.items[0].due_at;
		job.after_id = job.items[0].delivery;
	}
	claim(f, &job, CLAIM_WAITING, 5);
	assert_int_equal(job.count, 3);
	job_claim_finish(&job);
}

static void ids_are_claimed_only_while_pending(void **state)
{
	struct fixture *f = *state;
	struct job_claim job = {0};
	int64_t ids[3] = {add_lead(f, "1"), add_lead(f, "2"), 12345};

	settle(f, ids[0], DELIVERY_ACCEPT, 0);
	job.ids = ids;
	job.id_count = 3;
	claim(f, &job, CLAIM_IDS, 3);
	assert_int_equal(job.count, 1);
	assert_int_equal(job.items[0].delivery, ids[1]);
	job_claim_finish(&job);
}

static void memory_bounds_a_claim_but_never_to_nothing(void **state)
{
	struct fixture *f = *state;
	struct job_claim job = {.max_bytes = 1};

	add_lead(f, "1");
	add_lead(f, "2");
	claim(f, &job, CLAIM_UNTRIED, 10);
	assert_int_equal(job.count, 1);
	assert_false(job.exhausted);
	job_claim_finish(&job);
}

static void one_unreadable_lead_stops_nobody(void **state)
{
	struct fixture *f = *state;
	struct job_claim job = {0};
	int64_t second;

	add_lead(f, "1");
	second = add_lead(f, "2");
	execute(f, "UPDATE lead SET fields = 'no JSON' WHERE seq = 1");
	claim(f, &job, CLAIM_UNTRIED, 10);
	assert_int_equal(job.count, 1);
	assert_int_equal(job.items[0].delivery, second);
	job_claim_finish(&job);
}

static void another_destination_has_its_own_queue(void **state)
{
	struct fixture *f = *state;
	struct job_claim job = {.destination = f->archive,
		.kind = CLAIM_UNTRIED,
		.now = f->wall,
		.max = 10};

	add_lead(f, "1");
	job_claim_prepare(&job);
	call(f, &job.job);
	assert_int_equal(job.count, 0);
	assert_true(job.exhausted);
	job_claim_finish(&job);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_claim_brings_what_is_needed_to_send),
		TEST(untried_ones_come_oldest_first_and_go_on_after_the_last),
		TEST(tried_ones_wait_until_they_are_due),
		TEST(probes_go_round),
		TEST(ids_are_claimed_only_while_pending),
		TEST(memory_bounds_a_claim_but_never_to_nothing),
		TEST(one_unreadable_lead_stops_nobody),
		TEST(another_destination_has_its_own_queue),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
