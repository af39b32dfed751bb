/* destinations park and resume, resume: offline on the stored health, live by the relay.
 */
#include "fixture.h"

#include "leadrelay/json.h"

#include <string.h>

static const cJSON *destination(struct fixture *f, const char *name)
{
	const cJSON *one;

	ask(f, "{\"command\":\"destinations\"}");
	cJSON_ArrayForEach (one, cJSON_GetObjectItem(f->done, "destinations")) {
		if (strcmp(json_string(one, "name"), name) == 0)
			return one;
	}
	fail_msg("there is no %s", name);
	return NULL;
}

static void offline_it_is_parked_and_resumed(void **state)
{
	struct fixture *f = *state;
	const cJSON *crm;

	ask(f, "{\"command\":\"destinations\",\"action\":\"park\",\"name\":\"crm\","
	       "\"why\":\"migration\"}");
	assert_string_equal(json_string(f->done, "state"), "parked");
	crm = destination(f, "crm");
	assert_string_equal(json_string(crm, "state"), "parked");
	assert_string_equal(json_string(crm, "reason"), "operator");
	assert_non_null(strstr(json_string(crm, "error"), "migration"));
	assert_string_equal(json_string(destination(f, "archive"), "state"), "open");
	ask(f, "{\"command\":\"destinations\",\"action\":\"resume\",\"name\":\"crm\"}");
	assert_null(f->error);
	assert_string_equal(json_string(destination(f, "crm"), "state"), "open");
	ask(f, "{\"command\":\"destinations\",\"action\":\"resume\",\"name\":\"crm\"}");
	assert_failed(f, 1);
}

static void mistakes_are_told_apart(void **state)
{
	struct fixture *f = *state;

	ask(f, "{\"command\":\"destinations\",\"action\":\"park\",\"name\":\"crm\"}");
	assert_failed(f, 2);
	ask(f, "{\"command\":\"destinations\",\"action\":\"paint\",\"name\":\"crm\"}");
	assert_failed(f, 2);
	ask(f, "{\"command\":\"destinations\",\"action\":\"resume\"}");
	assert_failed(f, 2);
	ask(f, "{\"command\":\"destinations\",\"action\":\"park\",\"name\":\"nowhere\","
	       "\"why\":\"x\"}");
	assert_failed(f, 4);
}

static void resume_needs_no_daemon(void **state)
{
	struct fixture *f = *state;

	ask(f, "{\"command\":\"resume\"}");
	assert_null(f->error);
	assert_true(cJSON_IsFalse(cJSON_GetObjectItem(f->done, "intake_only")));
}

/* ---- with a daemon ---- */

struct daemon {
	char parked[32];
	const char *why;
	int64_t changed;
	int changes;
};

static bool live_status(void *ctx, const char *name, struct relay_status *out)
{
	(void)ctx;
	if (strcmp(name, "crm") != 0)
		return false;
	*out = (struct relay_status){
		.in_flight = 3, .credential_expires_at = 1825027200000};
	out->health.state = HEALTH_THROTTLED;
	out->health.reason = REASON_THROTTLED;
	out->health.next_at = START + 60000;
	return true;
}

static void live_changed(void *ctx, int64_t id)
{
	struct daemon *daemon = ctx;

	daemon->changed = id;
	daemon->changes++;
}

static void live_park(void *ctx, const char *name, const char *why, struct err *err_out)
{
	struct daemon *daemon = ctx;

	if (strcmp(name, "crm") != 0) {
		err_set(err_out, ERR_NOT_FOUND, "no destination of that name");
		return;
	}
	strcpy(daemon->parked, name);
	daemon->why = why ? "parked" : "resumed";
}

static void live_resume(void *ctx, struct err *err_out)
{
	(void)ctx;
	err_set(err_out, ERR_STALE, "it delivers already");
}

static int64_t live_uptime(void *ctx)
{
	(void)ctx;
	return 90500;
}

static bool live_intake_only(void *ctx)
{
	(void)ctx;
	return false;
}

static void a_daemon_speaks_for_its_destinations(void **state)
{
	struct fixture *f = *state;
	struct daemon daemon = {.changes = 0};
	const struct control_live live = {.status = live_status,
		.changed = live_changed,
		.came = live_changed,
		.park = live_park,
		.resume_delivery = live_resume,
		.uptime_ms = live_uptime,
		.intake_only = live_intake_only,
		.ctx = &daemon};
	struct accepted lead = accept_lead(f, "ada@example.com");
	const cJSON *crm;

	f->options.live = &live;
	crm = destination(f, "crm");
	assert_string_equal(json_string(crm, "state"), "throttled");
	assert_int_equal(json_integer(crm, "in_flight", -1), 3);
	assert_string_equal(json_string(crm, "credential_expires"), "2027-11-01");
	assert_non_null(json_string(crm, "next_attempt_at"));
	ask(f, "{\"command\":\"status\"}");
	assert_string_equal(json_string(f->done, "state"), "running");
	assert_int_equal(done_number(f, "uptime_s"), 90);
	ask(f, "{\"command\":\"hold\",\"ids\":[\"%s\"]}", lead.text);
	assert_int_equal(daemon.changes, 1);
	ask(f, "{\"command\":\"destinations\",\"action\":\"park\",\"name\":\"crm\","
	       "\"why\":\"x\"}");
	assert_string_equal(daemon.parked, "crm");
	assert_string_equal(daemon.why, "parked");
	ask(f, "{\"command\":\"destinations\",\"action\":\"resume\",\"name\":\"none\"}");
	assert_failed(f, 4);
	ask(f, "{\"command\":\"resume\"}");
	assert_failed(f, 1);
}

#define DESTINATIONS_TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DESTINATIONS_TEST(offline_it_is_parked_and_resumed),
		DESTINATIONS_TEST(mistakes_are_told_apart),
		DESTINATIONS_TEST(resume_needs_no_daemon),
		DESTINATIONS_TEST(a_daemon_speaks_for_its_destinations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
