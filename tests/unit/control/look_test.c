/* status, list, show, check: what is there, in the contract's words. */
#include "fixture.h"

#include "leadrelay/json.h"

#include <string.h>

static const cJSON *member(const cJSON *object, const char *name)
{
	const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);

	if (!found)
		fail_msg("there is no %s", name);
	return found;
}

static void status_accounts_for_every_delivery(void **state)
{
	struct fixture *f = *state;
	struct accepted first = accept_lead(f, "ada@example.com");
	const cJSON *crm, *sum;

	accept_lead(f, "grace@example.com");
	settle(f, f->ids[CRM], first.deliveries[CRM], DELIVERY_REFUSE, REASON_INVALID);
	settle(f, f->ids[ARCHIVE], first.deliveries[ARCHIVE], DELIVERY_ACCEPT,
		REASON_NONE);
	ask(f, "{\"command\":\"status\"}");
	sum = member(f->done, "accounting");
	assert_int_equal(json_integer(sum, "accepted", -1), 4);
	assert_int_equal(json_integer(sum, "pending", -1), 2);
	assert_int_equal(json_integer(sum, "dead", -1), 1);
	assert_int_equal(json_integer(sum, "delivered", -1), 1);
	assert_int_equal(json_integer(sum, "difference", -1), 0);
	assert_string_equal(json_string(f->done, "state"), "stopped");
	assert_string_equal(json_string(f->done, "version"), "9.9");
	assert_true(cJSON_IsNull(member(f->done, "uptime_s")));
	crm = cJSON_GetArrayItem(member(f->done, "destinations"), 0);
	if (strcmp(json_string(crm, "name"), "crm") != 0)
		crm = crm->next;
	assert_string_equal(json_string(crm, "kind"), "dynamics365");
	assert_string_equal(json_string(crm, "state"), "open");
	assert_true(cJSON_IsNull(member(crm, "reason")));
	assert_int_equal(json_integer(crm, "pending", -1), 1);
	assert_int_equal(json_integer(crm, "oldest_pending_s", -1), 1);
	assert_int_equal(json_integer(member(f->done, "notifications"), "sent", -1), 0);
}

static const char *listed_email(struct fixture *f, int at)
{
	return json_string(cJSON_GetArrayItem(f->items, at), "email");
}

static void list_is_newest_first_and_limited(void **state)
{
	struct fixture *f = *state;
	const cJSON *delivery;

	accept_lead(f, "one@example.com");
	accept_lead(f, "two@example.com");
	accept_lead(f, "three@example.com");
	ask(f, "{\"command\":\"list\",\"limit\":2}");
	assert_int_equal(done_number(f, "listed"), 2);
	assert_int_equal(cJSON_GetArraySize(f->items), 2);
	assert_string_equal(listed_email(f, 0), "three@example.com");
	assert_string_equal(listed_email(f, 1), "two@example.com");
	assert_int_equal(
		cJSON_GetArraySize(member(cJSON_GetArrayItem(f->items, 0), "deliveries")),
		2);
	delivery = cJSON_GetArrayItem(
		member(cJSON_GetArrayItem(f->items, 0), "deliveries"), 0);
	assert_string_equal(json_string(delivery, "state"), "pending");
	ask(f, "{\"command\":\"list\",\"limit\":0}");
	assert_int_equal(done_number(f, "listed"), 3);
}

static void list_goes_on_where_it_paused(void **state)
{
	struct fixture *f = *state;
	char *paused;

	accept_lead(f, "one@example.com");
	accept_lead(f, "two@example.com");
	accept_lead(f, "three@example.com");
	f->pause_after = 2;
	ask(f, "{\"command\":\"list\"}");
	assert_non_null(f->paused);
	assert_int_equal(cJSON_GetArraySize(f->items), 2);
	paused = cJSON_PrintUnformatted(f->paused);
	f->pause_after = -1;
	accept_lead(f, "newer@example.com");
	ask(f, "{\"command\":\"list\",\"go_on\":%s}", paused);
	cJSON_free(paused);
	assert_int_equal(cJSON_GetArraySize(f->items), 1);
	assert_string_equal(listed_email(f, 0), "one@example.com");
	assert_int_equal(done_number(f, "listed"), 3);
}

static void filters_select(void **state)
{
	struct fixture *f = *state;
	struct accepted first = accept_lead(f, "Ada@Example.com");

	accept_lead(f, "grace@example.com");
	accept_quarantined(f, "Paris");
	settle(f, f->ids[CRM], first.deliveries[CRM], DELIVERY_REFUSE, REASON_INVALID);
	ask(f, "{\"command\":\"list\"}");
	assert_int_equal(done_number(f, "listed"), 3);
	ask(f, "{\"command\":\"list\",\"state\":\"dead\",\"destination\":\"crm\","
	       "\"reason\":\"invalid\",\"since\":\"2h\"}");
	assert_int_equal(done_number(f, "listed"), 1);
	ask(f, "{\"command\":\"list\",\"state\":\"dead\",\"destination\":\"archive\"}");
	assert_int_equal(done_number(f, "listed"), 0);
	ask(f, "{\"command\":\"list\",\"email\":\"ada@example.COM\"}");
	assert_int_equal(done_number(f, "listed"), 1);
	ask(f, "{\"command\":\"list\",\"until\":\"2026-01-01T00:00:00Z\"}");
	assert_int_equal(done_number(f, "listed"), 0);
	ask(f, "{\"command\":\"list\",\"state\":\"quarantined\"}");
	assert_int_equal(done_number(f, "listed"), 1);
	assert_int_equal(
		cJSON_GetArraySize(member(cJSON_GetArrayItem(f->items, 0), "deliveries")),
		0);
}

static void wrong_filters_are_told_apart(void **state)
{
	struct fixture *f = *state;

	ask(f, "{\"command\":\"list\",\"state\":\"gone\"}");
	assert_failed(f, 2);
	ask(f, "{\"command\":\"list\",\"reason\":\"inval\"}");
	assert_failed(f, 2);
	ask(f, "{\"command\":\"list\",\"since\":\"yesterday\"}");
	assert_failed(f, 2);
	ask(f, "{\"command\":\"list\",\"destination\":\"nowhere\"}");
	assert_failed(f, 4);
	ask(f, "{\"command\":\"list\",\"source\":\"nowhere\"}");
	assert_failed(f, 4);
	ask(f, "{\"command\":\"fly\"}");
	assert_failed(f, 2);
}

static void show_tells_the_whole_story(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_lead(f, "ada@example.com");
	const cJSON *delivery, *attempt;

	settle(f, f->ids[CRM], lead.deliveries[CRM], DELIVERY_REFUSE, REASON_INVALID);
	ask(f, "{\"command\":\"show\",\"id\":\"%s\"}", lead.text + 24);
	assert_null(f->error);
	assert_string_equal(json_string(f->done, "id"), lead.text);
	assert_string_equal(
		json_string(member(f->done, "fields"), "email"), "ada@example.com");
	assert_int_equal(json_integer(f->done, "duplicates", -1), 0);
	assert_true(cJSON_IsObject(member(f->done, "extra")));
	assert_true(cJSON_IsArray(member(f->done, "notifications")));
	cJSON_ArrayForEach (delivery, member(f->done, "deliveries")) {
		if (strcmp(json_string(delivery, "destination"), "crm") == 0)
			break;
	}
	assert_non_null(delivery);
	assert_string_equal(json_string(delivery, "reason"), "invalid");
	assert_string_equal(json_string(delivery, "error"), "the CRM said no");
	assert_true(cJSON_IsNull(member(delivery, "delivered_at")));
	attempt = cJSON_GetArrayItem(member(delivery, "history"), 0);
	assert_string_equal(json_string(attempt, "outcome"), "refused");
	assert_int_equal(json_integer(attempt, "http_status", -1), 400);
	assert_int_equal(json_integer(attempt, "duration_ms", -1), 12);
}

static void export_is_oldest_first_and_whole(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_lead(f, "ada@example.com");
	const cJSON *item, *delivery;

	settle(f, f->ids[CRM], lead.deliveries[CRM], DELIVERY_REFUSE, REASON_INVALID);
	accept_quarantined(f, "Paris");
	accept_lead(f, "grace@example.com");
	ask(f, "{\"command\":\"export\"}");
	assert_int_equal(done_number(f, "exported"), 2);
	assert_int_equal(done_number(f, "left_out"), 1);
	assert_string_equal(listed_email(f, 0), "ada@example.com");
	assert_string_equal(listed_email(f, 1), "grace@example.com");
	item = cJSON_GetArrayItem(f->items, 0);
	assert_string_equal(
		json_string(member(item, "fields"), "email"), "ada@example.com");
	assert_true(cJSON_IsObject(member(item, "extra")));
	assert_int_equal(json_integer(item, "duplicates", -1), 0);
	assert_true(cJSON_IsArray(member(item, "notifications")));
	delivery = cJSON_GetArrayItem(member(item, "deliveries"), 0);
	assert_true(cJSON_IsNull(member(delivery, "remote_id")));
	assert_false(cJSON_HasObjectItem(delivery, "history"));
	ask(f, "{\"command\":\"export\",\"story\":false,\"limit\":1}");
	assert_int_equal(done_number(f, "exported"), 1);
	item = cJSON_GetArrayItem(f->items, 0);
	assert_string_equal(
		json_string(member(item, "fields"), "email"), "ada@example.com");
	assert_true(cJSON_IsObject(member(item, "extra")));
	assert_false(cJSON_HasObjectItem(item, "notifications"));
	ask(f, "{\"command\":\"export\",\"state\":\"quarantined\"}");
	assert_int_equal(done_number(f, "exported"), 1);
	assert_int_equal(done_number(f, "left_out"), 0);
	ask(f, "{\"command\":\"export\",\"state\":\"dead\",\"since\":\"1h\"}");
	assert_int_equal(done_number(f, "exported"), 1);
	ask(f, "{\"command\":\"export\",\"source\":\"nowhere\"}");
	assert_failed(f, 4);
}

static void export_goes_on_where_it_paused(void **state)
{
	struct fixture *f = *state;
	char *paused;

	accept_quarantined(f, "Paris");
	accept_lead(f, "one@example.com");
	accept_lead(f, "two@example.com");
	accept_lead(f, "three@example.com");
	f->pause_after = 2;
	ask(f, "{\"command\":\"export\",\"limit\":3}");
	assert_non_null(f->paused);
	assert_int_equal(cJSON_GetArraySize(f->items), 2);
	paused = cJSON_PrintUnformatted(f->paused);
	f->pause_after = -1;
	accept_lead(f, "newer@example.com");
	ask(f, "{\"command\":\"export\",\"limit\":3,\"go_on\":%s}", paused);
	cJSON_free(paused);
	assert_int_equal(cJSON_GetArraySize(f->items), 1);
	assert_string_equal(listed_email(f, 0), "three@example.com");
	assert_int_equal(done_number(f, "exported"), 3);
	assert_int_equal(done_number(f, "left_out"), 1);
}

static void show_raw_gives_the_bytes(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_lead(f, "ada@example.com");

	ask(f, "{\"command\":\"show\",\"raw\":true,\"id\":\"%s\"}", lead.text);
	assert_non_null(f->done);
	assert_string_equal(json_string(cJSON_GetArrayItem(f->items, 0), "raw"),
		"eyJDb21wYW55IjoiXHUwMGU5In0=");
}

static void ids_that_name_no_lead_are_4(void **state)
{
	struct fixture *f = *state;

	accept_lead(f, "ada@example.com");
	accept_lead(f, "grace@example.com");
	ask(f, "{\"command\":\"show\",\"id\":\"ffffffffffff\"}");
	assert_failed(f, 4);
	ask(f, "{\"command\":\"show\",\"id\":\"not-an-id\"}");
	assert_failed(f, 4);
	ask(f, "{\"command\":\"show\",\"id\":\"019900\"}"); /* both begin so */
	assert_failed(f, 4);
	ask(f, "{\"command\":\"show\"}");
	assert_failed(f, 2);
}

static void check_finds_a_whole_outbox_whole(void **state)
{
	struct fixture *f = *state;

	accept_lead(f, "ada@example.com");
	ask(f, "{\"command\":\"check\"}");
	assert_true(cJSON_IsTrue(member(f->done, "ok")));
	assert_string_equal(json_string(f->done, "integrity"), "ok");
	assert_int_equal(cJSON_GetArraySize(member(f->done, "problems")), 0);
	assert_int_equal(json_integer(member(f->done, "accounting"), "accepted", -1), 2);
}

static void a_long_check_makes_way(void **state)
{
	struct fixture *f = *state;

	accept_many(f, 2000);
	f->pause_after = 0;
	ask(f, "{\"command\":\"check\"}");
	assert_non_null(f->paused);
	f->pause_after = -1;
	ask(f, "{\"command\":\"check\"}");
	assert_true(cJSON_IsTrue(member(f->done, "ok")));
}

#define LOOK_TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOK_TEST(status_accounts_for_every_delivery),
		LOOK_TEST(list_is_newest_first_and_limited),
		LOOK_TEST(list_goes_on_where_it_paused),
		LOOK_TEST(filters_select),
		LOOK_TEST(wrong_filters_are_told_apart),
		LOOK_TEST(show_tells_the_whole_story),
		LOOK_TEST(export_is_oldest_first_and_whole),
		LOOK_TEST(export_goes_on_where_it_paused),
		LOOK_TEST(show_raw_gives_the_bytes),
		LOOK_TEST(ids_that_name_no_lead_are_4),
		LOOK_TEST(check_finds_a_whole_outbox_whole),
		LOOK_TEST(a_long_check_makes_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
