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

static int answer_status; /* to deliveries */
static int probe_status;
static int token_status;

static void scripted(
	struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	(void)r;
	if (strcmp(asked->what, "deliver") == 0)
		reply->status = answer_status;
	else if (strcmp(asked->what, "token") == 0)
		reply->status = token_status;
	else
		reply->status = probe_status;
}

static void script(int deliver, int probe)
{
	answer_status = deliver;
	probe_status = probe;
	token_status = 200;
	rig.answer = scripted;
}

static int open_with_tokens(void **state)
{
	(void)state;
	rig_open(&rig, 1, 0);
	rig.tokens = true;
	rig_configure(&rig, 1, 16);
	return 0;
}

/* ---- credentials, rights, environment ---- */

static void a_refused_credential_parks_and_costs_no_lead_anything(void **state)
{
	struct relay_event parked;

	(void)state;
	script(401, 401);
	accept_many(50);
	rig_run(&rig, 4 * 3600000);
	assert_int_equal(rig_row(&rig, 0).pending, 50);
	assert_int_equal(rig_events(&rig, RELAY_PARKED), 1);
	parked = rig.events[0];
	assert_int_equal(parked.reason, REASON_UNAUTHORIZED);
	assert_int_equal(parked.waiting, 50);
	assert_true(rig.sent[0] <= 16);
	assert_in_range(rig.probes_asked, 15, 16); /* every 15 minutes */
	script(201, 201);
	rig_run(&rig, 900000 + 60000);
	assert_int_equal(rig_row(&rig, 0).delivered, 50);
	assert_int_equal(rig_events(&rig, RELAY_RESUMED), 1);
	assert_int_equal(rig_events(&rig, RELAY_DEAD), 0);
}

static int tried[64];

static void count_tried(
	struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	scripted(r, asked, reply);
	if (asked->number >= 0 && strcmp(asked->what, "deliver") == 0)
		tried[asked->number]++;
}

static void a_parked_destination_tries_a_different_lead_each_time(void **state)
{
	int most = 0;

	(void)state;
	memset(tried, 0, sizeof(tried));
	script(507, 201);
	accept_many(40);
	rig_run(&rig, 10000);
	assert_int_equal(rig_events(&rig, RELAY_PARKED), 1);
	rig.answer = count_tried;
	rig_run(&rig, 30 * 900000);
	for (int i = 0; i < 40; i++)
		most = tried[i] > most ? tried[i] : most;
	assert_int_equal(most, 1);
	assert_int_equal(rig_row(&rig, 0).pending, 40);
	assert_int_equal(rig_events(&rig, RELAY_PARKED), 1);
	assert_int_equal(rig_events(&rig, RELAY_RESUMED), 0);
}

static void a_probe_that_passes_with_nothing_waiting_opens(void **state)
{
	(void)state;
	script(401, 201);
	accept_many(1);
	rig_run(&rig, 1000);
	rig.answer = NULL;
	relay_run(rig.relay, true);
	rig_run(&rig, 900000);
	assert_int_equal(rig_row(&rig, 0).delivered, 1);
	assert_int_equal(rig_status(&rig, 0).health.state, HEALTH_OPEN);
	script(400, 201);
	accept_many(1);
	rig_run(&rig, 1000);
	script(507, 507);
	accept_many(1);
	rig_run(&rig, 1000);
	assert_int_equal(rig_status(&rig, 0).health.state, HEALTH_PARKED);
}

static void the_first_forbidden_lead_is_dead_the_next_brings_it_back(void **state)
{
	(void)state;
	script(403, 201);
	accept_many(1);
	rig_run(&rig, 1000);
	assert_int_equal(rig_row(&rig, 0).dead, 1);
	assert_int_equal(rig_events(&rig, RELAY_DEAD), 1);
	assert_int_equal(rig_status(&rig, 0).health.state, HEALTH_OPEN);
	accept_many(1);
	rig_run(&rig, 1000);
	assert_int_equal(rig_row(&rig, 0).dead, 0);
	assert_int_equal(rig_row(&rig, 0).pending, 2);
	assert_int_equal(rig_events(&rig, RELAY_PARKED), 1);
	script(201, 201);
	rig_run(&rig, 900000 + 10000);
	assert_int_equal(rig_row(&rig, 0).delivered, 2);
}

static void a_wave_of_forbidden_kills_nobody(void **state)
{
	(void)state;
	script(403, 201);
	accept_many(30);
	rig_run(&rig, 10000);
	assert_int_equal(rig_row(&rig, 0).pending, 30);
	assert_int_equal(rig_events(&rig, RELAY_PARKED), 1);
	script(201, 201);
	rig_run(&rig, 900000 + 10000);
	assert_int_equal(rig_row(&rig, 0).delivered, 30);
}

static void a_failed_privilege_probe_parks_and_spares_the_lead(void **state)
{
	(void)state;
	script(403, 403);
	accept_many(1);
	rig_run(&rig, 10000);
	assert_int_equal(rig_row(&rig, 0).pending, 1);
	assert_int_equal(rig_status(&rig, 0).health.state, HEALTH_PARKED);
	assert_int_equal(rig_status(&rig, 0).health.reason, REASON_FORBIDDEN);
	assert_int_equal(rig_events(&rig, RELAY_DEAD), 0);
	assert_int_equal(rig_events(&rig, RELAY_PARKED), 1);
}

static void other_leads_between_end_the_row(void **state)
{
	(void)state;
	for (int i = 0; i < 5; i++) {
		script(403, 201);
		accept_many(1);
		rig_run(&rig, 1000);
		script(201, 201);
		accept_many(1);
		rig_run(&rig, 1000);
	}
	assert_int_equal(rig_row(&rig, 0).dead, 5);
	assert_int_equal(rig_row(&rig, 0).delivered, 5);
	assert_int_equal(rig_events(&rig, RELAY_PARKED), 0);
}

/* ---- tokens ---- */

static void one_token_is_fetched_for_all(void **state)
{
	(void)state;
	script(201, 201);
	accept_many(100);
	rig_run(&rig, 60000);
	assert_int_equal(rig_row(&rig, 0).delivered, 100);
	assert_int_equal(rig.tokens_asked, 1);
}

static void a_token_is_renewed_before_it_ends_and_one_at_a_time(void **state)
{
	(void)state;
	script(201, 201);
	for (int i = 0; i < 400; i++) {
		accept_many(1);
		rig_run(&rig, 36000); /* four hours in all */
	}
	assert_int_equal(rig_row(&rig, 0).delivered, 400);
	assert_in_range(rig.tokens_asked, 4, 6);
	assert_int_equal(rig.most_tokens_at_once, 1);
}

static void a_token_service_that_is_down_costs_no_lead_an_attempt(void **state)
{
	(void)state;
	script(201, 201);
	token_status = 503;
	accept_many(50);
	rig_run(&rig, 600000);
	assert_int_equal(rig.sent[0], 0);
	assert_int_equal(rig_row(&rig, 0).pending, 50);
	assert_int_equal(rig.most_tokens_at_once, 1);
	assert_in_range(rig.tokens_asked, 3, 20);
	token_status = 200;
	rig_run(&rig, 3600000);
	assert_int_equal(rig_row(&rig, 0).delivered, 50);
}

static void a_refused_secret_parks_until_it_is_changed(void **state)
{
	int asked;

	(void)state;
	script(201, 201);
	token_status = 401;
	accept_many(20);
	rig_run(&rig, 60000);
	assert_int_equal(rig_status(&rig, 0).health.state, HEALTH_PARKED);
	assert_int_equal(rig_status(&rig, 0).health.reason, REASON_UNAUTHORIZED);
	assert_int_equal(rig_events(&rig, RELAY_PARKED), 1);
	asked = rig.tokens_asked;
	rig_run(&rig, 3600000);
	assert_in_range(rig.tokens_asked - asked, 3, 5);
	token_status = 200;
	rig.secret_changed = true;
	rig_configure(&rig, 1, 16);
	rig_run(&rig, 10000);
	assert_int_equal(rig_row(&rig, 0).delivered, 20);
	assert_int_equal(rig_events(&rig, RELAY_RESUMED), 1);
}

/* ---- the operator ---- */

static int answered;
static enum err_code answer_code;

static void on_answer(void *ctx, const struct err *err)
{
	(void)ctx;
	answered++;
	answer_code = err->code;
}

static void an_operator_parks_and_resumes(void **state)
{
	int sent;

	(void)state;
	answered = 0;
	accept_many(5);
	rig_run(&rig, 1000);
	relay_park(rig.relay, "d0", "moving house", on_answer, NULL);
	rig_run(&rig, 10);
	assert_int_equal(answered, 1);
	assert_int_equal(answer_code, ERR_OK);
	assert_int_equal(rig_row(&rig, 0).health.state, HEALTH_PARKED);
	assert_string_equal(rig_row(&rig, 0).health.error, "moving house");
	sent = rig.sent[0];
	accept_many(5);
	rig_run(&rig, 100 * 900000);
	assert_int_equal(rig.sent[0], sent);
	assert_int_equal(rig.probes_asked, 0);
	relay_resume(rig.relay, "d0", on_answer, NULL);
	rig_run(&rig, 1000);
	assert_int_equal(answered, 2);
	assert_int_equal(rig_row(&rig, 0).delivered, 10);
	assert_int_equal(rig_events(&rig, RELAY_PARKED), 1);
	assert_int_equal(rig_events(&rig, RELAY_RESUMED), 1);
}

static void senseless_orders_are_refused_in_words(void **state)
{
	(void)state;
	answered = 0;
	relay_resume(rig.relay, "d0", on_answer, NULL);
	assert_int_equal(answer_code, ERR_STALE);
	relay_resume(rig.relay, "nobody", on_answer, NULL);
	assert_int_equal(answer_code, ERR_NOT_FOUND);
	relay_park(rig.relay, "d0", "a", on_answer, NULL);
	rig_run(&rig, 10);
	relay_park(rig.relay, "d0", "b", on_answer, NULL);
	assert_int_equal(answer_code, ERR_STALE);
	assert_int_equal(answered, 4);
}

#define TEST(name, opened) cmocka_unit_test_setup_teardown(name, opened, close_it)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_refused_credential_parks_and_costs_no_lead_anything, open_one),
		TEST(a_parked_destination_tries_a_different_lead_each_time, open_one),
		TEST(a_probe_that_passes_with_nothing_waiting_opens, open_one),
		TEST(the_first_forbidden_lead_is_dead_the_next_brings_it_back, open_one),
		TEST(a_wave_of_forbidden_kills_nobody, open_one),
		TEST(a_failed_privilege_probe_parks_and_spares_the_lead, open_one),
		TEST(other_leads_between_end_the_row, open_one),
		TEST(one_token_is_fetched_for_all, open_with_tokens),
		TEST(a_token_is_renewed_before_it_ends_and_one_at_a_time,
			open_with_tokens),
		TEST(a_token_service_that_is_down_costs_no_lead_an_attempt,
			open_with_tokens),
		TEST(a_refused_secret_parks_until_it_is_changed, open_with_tokens),
		TEST(an_operator_parks_and_resumes, open_one),
		TEST(senseless_orders_are_refused_in_words, open_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
