#include "fixture.h"

#include <stdlib.h>
#include <string.h>

static struct accept_lead submit(struct fixture *f, const char *body, bool content,
	const char *key, enum accept_result *result)
{
	struct accept accept;
	struct accept_lead out;

	accept_init(f, &accept, body);
	accept.job.check_content = content;
	accept.job.dedupe_window_ms = 10 * MINUTE;
	accept.job.idempotency_key = key;
	call(f, &accept.job.job);
	*result = accept.job.result;
	out = accept.lead;
	accept_finish(&accept);
	out.deliveries = NULL;
	return out;
}

static void expect_source(
	struct fixture *f, int64_t accepted, int64_t duplicates, int64_t quarantined)
{
	assert_int_equal(
		query(f, "SELECT accepted FROM source WHERE name='web'"), accepted);
	assert_int_equal(
		query(f, "SELECT duplicates FROM source WHERE name='web'"), duplicates);
	assert_int_equal(
		query(f, "SELECT quarantined FROM source WHERE name='web'"), quarantined);
	assert_int_equal(query(f, "SELECT requests FROM source WHERE name='web'"),
		accepted + duplicates + quarantined);
}

static void a_lead_is_kept_with_its_deliveries(void **state)
{
	struct fixture *f = *state;
	struct accept accept;

	accept_init(f, &accept, "{\"email\":\"jane@example.com\"}");
	accept_to(&accept, 2, f->crm, f->archive);
	accept.lead.lead.test = true;
	call(f, &accept.job.job);
	assert_int_equal(accept.job.result, ACCEPT_NEW);
	assert_int_equal(accept.lead.result, ACCEPT_NEW);
	assert_true(uuid_equal(&accept.lead.id, &accept.lead.lead.id));
	assert_true(accept.lead.deliveries[0] > 0);
	assert_true(accept.lead.deliveries[1] > accept.lead.deliveries[0]);
	accept_finish(&accept);
	expect_counts(f, f->crm, 1, 0, 0, 0, 0);
	expect_counts(f, f->archive, 1, 0, 0, 0, 0);
	expect_source(f, 1, 0, 0);
	assert_int_equal(query(f, "SELECT test FROM source WHERE name='web'"), 1);
	assert_int_equal(query(f, "SELECT length(raw) FROM lead"), 28);
}

static void a_lead_without_destinations_is_kept(void **state)
{
	struct fixture *f = *state;
	struct accept accept;

	accept_init(f, &accept, "x");
	accept_to(&accept, 0);
	call(f, &accept.job.job);
	assert_int_equal(accept.job.result, ACCEPT_NEW);
	accept_finish(&accept);
	expect_source(f, 1, 0, 0);
	assert_int_equal(query(f, "SELECT count(*) FROM delivery"), 0);
}

static void a_repeat_inside_the_window_gets_the_first_id(void **state)
{
	struct fixture *f = *state;
	enum accept_result result;
	struct uuid first = submit(f, "body", true, NULL, &result).id;
	struct accept_lead again;

	assert_int_equal(result, ACCEPT_NEW);
	f->wall += 10 * MINUTE - 1;
	again = submit(f, "body", true, NULL, &result);
	assert_int_equal(result, ACCEPT_DUPLICATE);
	assert_true(uuid_equal(&again.id, &first));
	expect_source(f, 1, 1, 0);
	expect_counts(f, f->crm, 1, 0, 0, 0, 0);
	assert_int_equal(query(f, "SELECT duplicates FROM lead"), 1);
}

static void a_repeat_outside_the_window_is_a_lead(void **state)
{
	struct fixture *f = *state;
	enum accept_result result;

	submit(f, "body", true, NULL, &result);
	f->wall += 10 * MINUTE;
	submit(f, "body", true, NULL, &result);
	assert_int_equal(result, ACCEPT_NEW);
	submit(f, "body", true, NULL, &result);
	assert_int_equal(result, ACCEPT_DUPLICATE);
	expect_source(f, 2, 1, 0);
}

static void the_same_body_from_another_source_is_a_lead(void **state)
{
	struct fixture *f = *state;
	enum accept_result result;
	struct accept accept;

	submit(f, "body", true, NULL, &result);
	accept_init(f, &accept, "body");
	accept.job.source = f->shop;
	accept.job.check_content = true;
	accept.job.dedupe_window_ms = 10 * MINUTE;
	call(f, &accept.job.job);
	assert_int_equal(accept.job.result, ACCEPT_NEW);
	accept_finish(&accept);
}

static void a_body_that_names_nobody_has_no_repeats(void **state)
{
	struct fixture *f = *state;
	enum accept_result result;

	submit(f, "body", false, NULL, &result);
	submit(f, "body", false, NULL, &result);
	assert_int_equal(result, ACCEPT_NEW);
	expect_source(f, 2, 0, 0);
}

static void a_repeat_of_a_dead_lead_is_a_lead_and_takes_over(void **state)
{
	struct fixture *f = *state;
	enum accept_result result;
	struct uuid second;
	struct accept_lead third;

	submit(f, "body", true, NULL, &result);
	settle(f, 1, DELIVERY_REFUSE, 0);
	second = submit(f, "body", true, NULL, &result).id;
	assert_int_equal(result, ACCEPT_NEW);
	third = submit(f, "body", true, NULL, &result);
	assert_int_equal(result, ACCEPT_DUPLICATE);
	assert_true(uuid_equal(&third.id, &second));
	expect_source(f, 2, 1, 0);
}

static void a_repeat_of_a_delivered_lead_is_a_repeat(void **state)
{
	struct fixture *f = *state;
	enum accept_result result;

	submit(f, "body", true, NULL, &result);
	settle(f, 1, DELIVERY_ACCEPT, 0);
	submit(f, "body", true, NULL, &result);
	assert_int_equal(result, ACCEPT_DUPLICATE);
}

static void a_key_with_the_same_body_is_a_repeat_for_7_days(void **state)
{
	struct fixture *f = *state;
	enum accept_result result;
	struct uuid first = submit(f, "body", false, "k1", &result).id;
	struct accept_lead again;

	f->wall += 7 * 24 * 60 * MINUTE - 1;
	again = submit(f, "body", false, "k1", &result);
	assert_int_equal(result, ACCEPT_DUPLICATE);
	assert_true(uuid_equal(&again.id, &first));
	f->wall += 1;
	submit(f, "body", false, "k1", &result);
	assert_int_equal(result, ACCEPT_NEW);
}

static void a_key_repeats_even_a_dead_lead(void **state)
{
	struct fixture *f = *state;
	enum accept_result result;

	submit(f, "body", false, "k1", &result);
	settle(f, 1, DELIVERY_REFUSE, 0);
	submit(f, "body", false, "k1", &result);
	assert_int_equal(result, ACCEPT_DUPLICATE);
}

static void a_key_with_another_body_is_a_conflict(void **state)
{
	struct fixture *f = *state;
	enum accept_result result;

	submit(f, "body", true, "k1", &result);
	submit(f, "other", true, "k1", &result);
	assert_int_equal(result, ACCEPT_CONFLICT);
	expect_source(f, 1, 0, 0);
	assert_int_equal(query(f, "SELECT count(*) FROM lead"), 1);
}

static void a_new_key_for_a_known_body_stands_for_the_first_lead(void **state)
{
	struct fixture *f = *state;
	enum accept_result result;
	struct uuid first = submit(f, "body", true, "k1", &result).id;
	struct accept_lead again;

	submit(f, "body", true, "k2", &result);
	assert_int_equal(result, ACCEPT_DUPLICATE);
	f->wall += 60 * MINUTE; /* past the window, not past the key */
	again = submit(f, "body", true, "k2", &result);
	assert_int_equal(result, ACCEPT_DUPLICATE);
	assert_true(uuid_equal(&again.id, &first));
}

static void fill_array(struct fixture *f, struct job_accept *job,
	struct accept_lead *leads, size_t count, const char *body)
{
	memset(leads, 0, count * sizeof(leads[0]));
	for (size_t i = 0; i < count; i++) {
		leads[i].lead.id = uuid_v7(f->wall, &entropy_system, &f->last_id);
		leads[i].lead.received_at = f->wall;
		leads[i].destinations = &f->crm;
		leads[i].destination_count = 1;
	}
	*job = (struct job_accept){.source = f->web,
		.leads = leads,
		.count = count,
		.raw = body,
		.raw_len = strlen(body),
		.check_content = true,
		.dedupe_window_ms = 10 * MINUTE,
		.now = f->wall};
	job_accept_prepare(job);
}

static void a_repeated_array_answers_all_first_ids(void **state)
{
	struct fixture *f = *state;
	struct accept_lead leads[3];
	struct accept_lead again[3];
	struct job_accept job;

	fill_array(f, &job, leads, 3, "[1,2,3]");
	call(f, &job.job);
	job_accept_finish(&job);
	assert_int_equal(job.result, ACCEPT_NEW);
	fill_array(f, &job, again, 3, "[1,2,3]");
	call(f, &job.job);
	job_accept_finish(&job);
	assert_int_equal(job.result, ACCEPT_DUPLICATE);
	for (size_t i = 0; i < 3; i++)
		assert_true(uuid_equal(&again[i].id, &leads[i].lead.id));
	expect_source(f, 3, 3, 0);
	assert_int_equal(query(f, "SELECT count(*) FROM lead WHERE raw_of = 1"), 2);
	assert_int_equal(query(f, "SELECT count(raw) FROM lead"), 1);
}

static void an_array_is_kept_whole_or_not_at_all(void **state)
{
	struct fixture *f = *state;
	struct accept_lead leads[3];
	struct job_accept job;
	int64_t nowhere = 99;
	struct err err;

	fill_array(f, &job, leads, 3, "[1,2,3]");
	leads[2].destinations = &nowhere;
	assert_int_equal(store_call(f->store, &job.job, &err), ERR_NOT_FOUND);
	job_accept_finish(&job);
	assert_int_equal(query(f, "SELECT count(*) FROM lead"), 0);
	assert_int_equal(query(f, "SELECT count(*) FROM fingerprint"), 0);
	expect_source(f, 0, 0, 0);
	expect_counts(f, f->crm, 0, 0, 0, 0, 0);
}

static void a_quarantined_body_has_no_deliveries(void **state)
{
	struct fixture *f = *state;
	struct accept accept;

	accept_init(f, &accept, "garbage"); /* its destinations are not looked at */
	accept.job.quarantine = "no JSON";
	call(f, &accept.job.job);
	assert_int_equal(accept.job.result, ACCEPT_QUARANTINED);
	accept_finish(&accept);
	expect_source(f, 0, 0, 1);
	assert_int_equal(query(f, "SELECT waiting FROM source WHERE name='web'"), 1);
}

static void what_is_kept_can_be_recognised_for_ever(void **state)
{
	struct fixture *f = *state;
	struct accept accept;
	struct err err;

	accept_init(f, &accept, "{}");
	assert_int_equal(
		lead_set(&accept.lead.lead, FIELD_OFFER_TITLE, "Suite", &err), ERR_OK);
	call(f, &accept.job.job);
	accept_finish(&accept);
	accept_init(f, &accept, "[]");
	assert_int_equal(lead_set(&accept.lead.lead, FIELD_EMAIL, NULL, &err), ERR_OK);
	accept.lead.lead.received_at = 0;
	accept.job.quarantine = "no JSON";
	call(f, &accept.job.job);
	accept_finish(&accept);
	execute(f, "DELETE FROM delivery; DELETE FROM lead");
	assert_int_equal(
		query(f, "SELECT count(*) FROM match_hash WHERE seq = 1 AND"
			 " length(email) = 8 AND length(offer) = 8 AND origin = 0"),
		1);
	assert_int_equal(
		query(f, "SELECT at FROM match_hash WHERE seq = 2 AND email IS NULL"),
		NOW);
}

static void an_incomplete_job_is_refused(void **state)
{
	struct fixture *f = *state;
	struct accept accept;
	struct err err;

	accept_init(f, &accept, "body");
	accept_to(&accept, 2, f->crm, f->crm);
	assert_int_equal(store_call(f->store, &accept.job.job, &err), ERR_INVALID);
	accept_to(&accept, 1, f->crm);
	accept.job.source = 77;
	assert_int_not_equal(store_call(f->store, &accept.job.job, &err), ERR_OK);
	accept.job.source = f->web;
	accept.job.count = 0;
	assert_int_equal(store_call(f->store, &accept.job.job, &err), ERR_INVALID);
	accept.job.count = 1;
	accept.lead.lead.id = (struct uuid){0};
	assert_int_equal(store_call(f->store, &accept.job.job, &err), ERR_INVALID);
	accept_finish(&accept);
	assert_true(store_working(f->store));
	expect_source(f, 0, 0, 0);
}

static void refusals_are_counted(void **state)
{
	struct fixture *f = *state;
	struct job_rejected job = {.source = f->web, .count = 5};

	job_rejected_prepare(&job);
	call(f, &job.job);
	assert_int_equal(query(f, "SELECT rejected FROM source WHERE name='web'"), 5);
}

static void fingerprints_age_out_in_batches(void **state)
{
	struct fixture *f = *state;
	struct job_expire job = {.max = 2};
	enum accept_result result;

	submit(f, "a", true, NULL, &result);
	submit(f, "b", true, NULL, &result);
	submit(f, "c", true, "key", &result);
	job.now = f->wall + 10 * MINUTE;
	job_expire_prepare(&job);
	call(f, &job.job);
	assert_true(job.more);
	call(f, &job.job);
	assert_false(job.more);
	assert_int_equal(query(f, "SELECT count(*) FROM fingerprint"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_lead_is_kept_with_its_deliveries),
		TEST(a_lead_without_destinations_is_kept),
		TEST(a_repeat_inside_the_window_gets_the_first_id),
		TEST(a_repeat_outside_the_window_is_a_lead),
		TEST(the_same_body_from_another_source_is_a_lead),
		TEST(a_body_that_names_nobody_has_no_repeats),
		TEST(a_repeat_of_a_dead_lead_is_a_lead_and_takes_over),
		TEST(a_repeat_of_a_delivered_lead_is_a_repeat),
		TEST(a_key_with_the_same_body_is_a_repeat_for_7_days),
		TEST(a_key_repeats_even_a_dead_lead),
		TEST(a_key_with_another_body_is_a_conflict),
		TEST(a_new_key_for_a_known_body_stands_for_the_first_lead),
		TEST(a_repeated_array_answers_all_first_ids),
		TEST(an_array_is_kept_whole_or_not_at_all),
		TEST(a_quarantined_body_has_no_deliveries),
		TEST(what_is_kept_can_be_recognised_for_ever),
		TEST(an_incomplete_job_is_refused),
		TEST(refusals_are_counted),
		TEST(fingerprints_age_out_in_batches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
