/* reconcile: a word for each row of somebody else's list that is not simply here. */
#include "fixture.h"

#include "leadrelay/batches.h"
#include "leadrelay/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS (24 * 3600 * INT64_C(1000))

/* The daemon's first start: from now on the relay remembers. */
static void boot(struct fixture *f)
{
	struct job_boot job = {.now = f->now};
	struct err err;

	job_boot_prepare(&job);
	if (store_call(f->store, &job.job, &err) != ERR_OK)
		fail_msg("%s", err.text);
	f->now += 1000;
}

/* "row:status row:status ..." */
static const char *told(struct fixture *f)
{
	static char text[256];
	const cJSON *item;

	text[0] = '\0';
	cJSON_ArrayForEach (item, f->items) {
		char one[64];

		snprintf(one, sizeof(one), "%lld:%s ", json_integer(item, "row", -1),
			json_string(item, "status"));
		strncat(text, one, sizeof(text) - strlen(text) - 1);
	}
	return text;
}

static void assert_counts(struct fixture *f, int matched, int missing, int unknown)
{
	assert_non_null(f->done);
	assert_int_equal(done_number(f, "matched"), matched);
	assert_int_equal(done_number(f, "missing"), missing);
	assert_int_equal(done_number(f, "unknown"), unknown);
	assert_int_equal(done_number(f, "rows"), matched + missing + unknown);
}

static void nothing_is_missing_where_nothing_is_remembered(void **state)
{
	struct fixture *f = *state;

	ask(f, "{\"command\":\"reconcile\",\"rows\":[{\"email\":\"a@example.com\",\"at\":%lld}]}",
		(long long)f->now);
	assert_counts(f, 0, 0, 1);
	assert_string_equal(told(f), "0:unknown ");
	assert_true(cJSON_IsNull(
		cJSON_GetObjectItemCaseSensitive(f->done, "remembers_since")));
}

static void missing_is_what_the_relay_would_know(void **state)
{
	struct fixture *f = *state;
	long long now;

	boot(f);
	accept_lead(f, "here@example.com");
	now = (long long)f->now;
	ask(f,
		"{\"command\":\"reconcile\",\"rows\":["
		"{\"email\":\"never@example.com\",\"at\":%lld},"
		"{\"email\":\"older@example.com\",\"at\":%lld},"
		"{\"email\":\"timeless@example.com\"},"
		"{\"at\":%lld},"
		"{\"email\":\"here@example.com\",\"at\":%lld},"
		"{\"email\":\"here@example.com\",\"at\":%lld}]}",
		now, now - 60000, now, now + 8 * (long long)DAY_MS,
		now - 8 * (long long)DAY_MS);
	assert_counts(f, 0, 2, 4);
	assert_string_equal(
		told(f), "0:missing 1:unknown 2:unknown 3:unknown 4:missing 5:unknown ");
}

static void what_is_here_is_told_by_its_worst_delivery(void **state)
{
	struct fixture *f = *state;
	struct accepted well, dead, held, waiting, discarded;

	boot(f);
	well = accept_lead(f, "well@example.com");
	dead = accept_lead(f, "dead@example.com");
	held = accept_lead(f, "held@example.com");
	waiting = accept_lead(f, "waiting@example.com");
	discarded = accept_lead(f, "discarded@example.com");
	accept_quarantined(f, "Paris");
	for (int i = 0; i < DESTINATIONS; i++)
		settle(f, f->ids[i], well.deliveries[i], DELIVERY_ACCEPT, REASON_NONE);
	settle(f, f->ids[CRM], dead.deliveries[CRM], DELIVERY_REFUSE, REASON_INVALID);
	settle(f, f->ids[ARCHIVE], waiting.deliveries[ARCHIVE], DELIVERY_ACCEPT,
		REASON_NONE);
	ask(f, "{\"command\":\"hold\",\"ids\":[\"%s\"],\"destination\":\"crm\"}",
		held.text);
	ask(f, "{\"command\":\"discard\",\"ids\":[\"%s\"]}", discarded.text);
	ask(f, "{\"command\":\"reconcile\",\"rows\":["
	       "{\"email\":\"WELL@example.com\"},{\"email\":\"dead@example.com\"},"
	       "{\"email\":\"held@example.com\"},{\"email\":\"waiting@example.com\"},"
	       "{\"email\":\"discarded@example.com\"}]}");
	assert_counts(f, 5, 0, 0);
	assert_string_equal(told(f), "1:dead 2:held 3:pending ");
	assert_string_equal(
		json_string(cJSON_GetArrayItem(f->items, 0), "id"), dead.text);
}

static void a_pause_begins_anew(void **state)
{
	struct fixture *f = *state;

	boot(f);
	accept_many(f, 1);
	f->pause_after = 0;
	ask(f, "{\"command\":\"reconcile\",\"rows\":[{\"email\":\"ada@example.com\"}]}");
	assert_non_null(f->paused);
	assert_int_equal(cJSON_GetArraySize(f->items), 0);
	f->pause_after = -1;
	ask(f, "{\"command\":\"reconcile\",\"rows\":[{\"email\":\"ada@example.com\"}]}");
	assert_counts(f, 1, 0, 0);
}

static void a_request_is_a_list_of_rows(void **state)
{
	struct fixture *f = *state;

	ask(f, "{\"command\":\"reconcile\"}");
	assert_failed(f, 2);
	ask(f, "{\"command\":\"reconcile\",\"rows\":[\"ada@example.com\"]}");
	assert_failed(f, 2);
	ask(f, "{\"command\":\"reconcile\",\"rows\":[]}");
	assert_counts(f, 0, 0, 0);
}

static void show_tells_how_a_lead_came(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_lead(f, "ada@example.com");

	ask(f, "{\"command\":\"show\",\"id\":\"%s\"}", lead.text);
	assert_string_equal(json_string(f->done, "origin"), "request");
}

#define RECONCILE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RECONCILE_TEST(nothing_is_missing_where_nothing_is_remembered),
		RECONCILE_TEST(missing_is_what_the_relay_would_know),
		RECONCILE_TEST(what_is_here_is_told_by_its_worst_delivery),
		RECONCILE_TEST(a_pause_begins_anew),
		RECONCILE_TEST(a_request_is_a_list_of_rows),
		RECONCILE_TEST(show_tells_how_a_lead_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
