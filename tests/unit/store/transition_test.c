#include "fixture.h"

#include <stdlib.h>
#include <string.h>

static void run(struct fixture *f, struct job_transition *job, enum delivery_event event)
{
	job->event = event;
	job->now = f->wall;
	if (job->max == 0)
		job->max = 100;
	job_transition_prepare(job);
	call(f, &job->job);
}

static void one(struct fixture *f, int64_t seq, enum delivery_event event,
	int64_t changed, int64_t refused)
{
	struct job_transition job = {.selection = {.leads = &seq, .lead_count = 1}};

	run(f, &job, event);
	assert_int_equal(job.changed, changed);
	assert_int_equal(job.refused, refused);
	assert_int_equal(job.after, -1);
	job_transition_finish(&job);
}

static void hold_release_discard_replay_follow_the_table(void **state)
{
	struct fixture *f = *state;
	int64_t id = add_lead(f, "1");

	one(f, 1, DELIVERY_RELEASE, 0, 1);
	one(f, 1, DELIVERY_HOLD, 1, 0);
	expect_counts(f, f->crm, 0, 1, 0, 0, 0);
	one(f, 1, DELIVERY_REPLAY, 0, 1);
	one(f, 1, DELIVERY_RELEASE, 1, 0);
	expect_counts(f, f->crm, 1, 0, 0, 0, 0);
	settle(f, id, DELIVERY_REFUSE, 0);
	one(f, 1, DELIVERY_HOLD, 0, 1);
	one(f, 1, DELIVERY_REPLAY, 1, 0);
	expect_counts(f, f->crm, 1, 0, 0, 0, 0);
	settle(f, id, DELIVERY_ACCEPT, 0);
	one(f, 1, DELIVERY_REPLAY, 0, 1);
	one(f, 1, DELIVERY_DISCARD, 0, 1);
	one(f, 1, DELIVERY_REPLAY_AGAIN, 1, 0);
	one(f, 1, DELIVERY_DISCARD, 1, 0);
	expect_counts(f, f->crm, 0, 0, 0, 0, 1);
	one(f, 1, DELIVERY_REPLAY_AGAIN, 0, 1);
}

static void a_replay_starts_attempts_and_age_anew_and_is_due_now(void **state)
{
	struct fixture *f = *state;
	int64_t id = add_lead(f, "1");
	int64_t seq = 1;
	struct job_transition job = {.selection = {.leads = &seq, .lead_count = 1}};

	settle(f, id, DELIVERY_RETRY, NOW + 100);
	settle(f, id, DELIVERY_REFUSE, 0);
	f->wall += 5000; /* the destination was open meanwhile */
	run(f, &job, DELIVERY_REPLAY);
	assert_int_equal(job.pending_count, 1);
	assert_int_equal(job.pending[0].delivery, id);
	assert_int_equal(job.pending[0].destination, f->crm);
	assert_int_equal(
		query(f, "SELECT attempts = 0 AND few = 0 AND reason = 0 AND"
			 " age_from = 5000 AND settled_at IS NULL FROM delivery"),
		1);
	assert_int_equal(query(f, "SELECT due_at FROM delivery"), f->wall);
	assert_int_equal(query(f, "SELECT count(*) FROM attempt"), 2);
	job_transition_finish(&job);
}

static void of_a_lead_at_two_destinations_the_dead_one_is_replayed(void **state)
{
	struct fixture *f = *state;
	struct accept accept;

	accept_init(f, &accept, "body");
	accept_to(&accept, 2, f->crm, f->archive);
	call(f, &accept.job.job);
	settle(f, accept.lead.deliveries[0], DELIVERY_REFUSE, 0);
	accept_finish(&accept);
	one(f, 1, DELIVERY_REPLAY, 1, 0);
	expect_counts(f, f->crm, 1, 0, 0, 0, 0);
}

static void a_filter_goes_through_in_batches(void **state)
{
	struct fixture *f = *state;
	struct job_transition job = {
		.selection = {.states = 1u << DELIVERY_PENDING}, .max = 3};
	int64_t changed = 0;
	int batches = 0;

	for (int i = 0; i < 10; i++)
		add_lead(f, "x");
	do {
		run(f, &job, DELIVERY_HOLD);
		changed += job.changed;
		batches++;
	} while (job.after != -1);
	assert_int_equal(changed, 10);
	assert_true(batches >= 4);
	expect_counts(f, f->crm, 0, 10, 0, 0, 0);
	job_transition_finish(&job);
}

static void a_dry_run_counts_by_reason_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct job_transition job = {
		.selection = {.states = 1u << DELIVERY_DEAD}, .dry_run = true};

	settle_with(
		f, add_lead(f, "1"), DELIVERY_REFUSE, OUTCOME_REFUSED, REASON_INVALID, 0);
	settle_with(
		f, add_lead(f, "2"), DELIVERY_REFUSE, OUTCOME_REFUSED, REASON_INVALID, 0);
	settle_with(
		f, add_lead(f, "3"), DELIVERY_REFUSE, OUTCOME_REFUSED, REASON_PLUGIN, 0);
	run(f, &job, DELIVERY_REPLAY);
	assert_int_equal(job.matched, 3);
	assert_int_equal(job.changed, 3);
	assert_int_equal(job.by_reason[REASON_INVALID], 2);
	assert_int_equal(job.by_reason[REASON_PLUGIN], 1);
	assert_int_equal(job.pending_count, 0);
	expect_counts(f, f->crm, 0, 0, 0, 3, 0);
	job_transition_finish(&job);
}

static void filters_select_by_reason_source_time_and_email(void **state)
{
	struct fixture *f = *state;
	struct {
		struct selection selection;
		int64_t matched;
	} cases[] = {
		{{.reason = REASON_PLUGIN}, 1},
		{{.reason = REASON_GONE}, 0},
		{{.source = f->web}, 2},
		{{.source = f->shop}, 0},
		{{.destination = f->crm}, 2},
		{{.destination = f->archive}, 0},
		{{.since = NOW + 1}, 1},
		{{.until = NOW + 1}, 1},
		{{.until = NOW}, 0},
		{{.email = "JANE@example.COM"}, 2},
		{{.email = "joe@example.com"}, 0},
		{{.states = 1u << DELIVERY_DEAD, .email = "jane@example.com"}, 2},
		{{.states = 1u << DELIVERY_DEAD, .since = NOW + 1}, 1},
		{{.states = 1u << DELIVERY_DELIVERED}, 0},
	};

	settle(f, add_lead(f, "1"), DELIVERY_REFUSE, 0);
	f->wall++;
	settle_with(
		f, add_lead(f, "2"), DELIVERY_REFUSE, OUTCOME_REFUSED, REASON_INVALID, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct job_transition job = {
			.selection = cases[i].selection, .dry_run = true};

		run(f, &job, DELIVERY_REPLAY);
		assert_int_equal(job.matched, cases[i].matched);
		job_transition_finish(&job);
	}
}

static void set_edits_the_lead_and_marks_it_edited(void **state)
{
	struct fixture *f = *state;
	int64_t seq = 1;
	cJSON *set =
		cJSON_Parse("{\"email\":\"joe@example.com\",\"company\":\"Contoso\"}");
	struct job_transition job = {
		.selection = {.leads = &seq, .lead_count = 1}, .set = set};

	settle(f, add_lead(f, "1"), DELIVERY_REFUSE, 0);
	run(f, &job, DELIVERY_REPLAY);
	assert_int_equal(job.changed, 1);
	assert_int_equal(
		query(f, "SELECT email = 'joe@example.com' AND company = 'Contoso'"
			 " AND fields LIKE '%joe@example.com%' FROM lead"),
		1);
	assert_int_equal(query(f, "SELECT edited FROM delivery"), 1);
	job_transition_finish(&job);
	cJSON_Delete(set);
	settle(f, 1, DELIVERY_RETRY, NOW + 1);
	assert_int_equal(query(f, "SELECT edited FROM delivery"), 0);
}

static void an_unknown_field_is_refused_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	int64_t seq = 1;
	cJSON *set = cJSON_Parse("{\"shoe_size\":\"45\"}");
	struct job_transition job = {.selection = {.leads = &seq, .lead_count = 1},
		.set = set,
		.event = DELIVERY_REPLAY,
		.now = NOW,
		.max = 5};
	struct err err;

	settle(f, add_lead(f, "1"), DELIVERY_REFUSE, 0);
	job_transition_prepare(&job);
	assert_int_equal(store_call(f->store, &job.job, &err), ERR_INVALID);
	assert_non_null(strstr(err.text, "shoe_size"));
	expect_counts(f, f->crm, 0, 0, 0, 1, 0);
	job_transition_finish(&job);
	cJSON_Delete(set);
}

static void to_makes_a_delivery_where_there_is_none(void **state)
{
	struct fixture *f = *state;
	int64_t seq = 1;
	struct job_transition job = {
		.selection = {.leads = &seq, .lead_count = 1}, .to = f->archive};

	settle(f, add_lead(f, "1"), DELIVERY_ACCEPT, 0);
	run(f, &job, DELIVERY_REPLAY);
	assert_int_equal(job.changed, 1);
	assert_int_equal(job.pending_count, 1);
	assert_int_equal(job.pending[0].destination, f->archive);
	expect_counts(f, f->archive, 1, 0, 0, 0, 0);
	expect_counts(f, f->crm, 0, 0, 1, 0, 0);
	job.after = 0;
	run(f, &job, DELIVERY_REPLAY);
	assert_int_equal(job.refused, 1); /* pending there already */
	expect_counts(f, f->archive, 1, 0, 0, 0, 0);
	job_transition_finish(&job);
}

static void quarantine(struct fixture *f, bool with_email)
{
	struct accept accept;
	struct err err;

	accept_init(f, &accept, "garbage");
	accept_to(&accept, 0);
	if (!with_email)
		lead_set(&accept.lead.lead, FIELD_EMAIL, NULL, &err);
	accept.job.quarantine = "no JSON";
	call(f, &accept.job.job);
	accept_finish(&accept);
}

static void a_quarantined_body_becomes_a_lead_when_nothing_is_missing(void **state)
{
	struct fixture *f = *state;
	int64_t seq = 1;
	cJSON *set = cJSON_Parse("{\"email\":\"joe@example.com\"}");
	int64_t route[] = {f->crm, f->archive};
	struct job_transition job = {.selection = {.leads = &seq, .lead_count = 1},
		.route = route,
		.route_count = 2,
		.event = DELIVERY_REPLAY,
		.now = NOW,
		.max = 10};
	struct err err;

	quarantine(f, false);
	job_transition_prepare(&job);
	assert_int_equal(store_call(f->store, &job.job, &err), ERR_INVALID);
	assert_non_null(strstr(err.text, "e-mail"));
	job.set = set;
	run(f, &job, DELIVERY_REPLAY);
	assert_int_equal(job.changed, 1);
	assert_int_equal(job.pending_count, 2);
	expect_counts(f, f->crm, 1, 0, 0, 0, 0);
	expect_counts(f, f->archive, 1, 0, 0, 0, 0);
	assert_int_equal(
		query(f, "SELECT accepted = 1 AND quarantined = 0 AND waiting = 0"
			 " AND requests = 1 FROM source WHERE name = 'web'"),
		1);
	job_transition_finish(&job);
	cJSON_Delete(set);
}

static void discard_ends_a_quarantined_body(void **state)
{
	struct fixture *f = *state;
	struct job_transition job = {.selection = {.states = SELECT_QUARANTINED}};

	quarantine(f, true);
	run(f, &job, DELIVERY_DISCARD);
	assert_int_equal(job.changed, 1);
	assert_int_equal(
		query(f, "SELECT quarantined = 1 AND waiting = 0 AND requests = 1"
			 " FROM source WHERE name = 'web'"),
		1);
	job.after = 0;
	run(f, &job, DELIVERY_REPLAY);
	assert_int_equal(job.matched, 0);
	one(f, 1, DELIVERY_REPLAY, 0, 1);
	job_transition_finish(&job);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(hold_release_discard_replay_follow_the_table),
		TEST(a_replay_starts_attempts_and_age_anew_and_is_due_now),
		TEST(of_a_lead_at_two_destinations_the_dead_one_is_replayed),
		TEST(a_filter_goes_through_in_batches),
		TEST(a_dry_run_counts_by_reason_and_changes_nothing),
		TEST(filters_select_by_reason_source_time_and_email),
		TEST(set_edits_the_lead_and_marks_it_edited),
		TEST(an_unknown_field_is_refused_and_changes_nothing),
		TEST(to_makes_a_delivery_where_there_is_none),
		TEST(a_quarantined_body_becomes_a_lead_when_nothing_is_missing),
		TEST(discard_ends_a_quarantined_body),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
