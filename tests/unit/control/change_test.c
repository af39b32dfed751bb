/* replay, hold, release, discard: what becomes what, and what is refused. */
#include "fixture.h"

#include "leadrelay/json.h"

#include <string.h>

static void a_pending_lead_is_held_and_released(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_lead(f, "ada@example.com");

	ask(f, "{\"command\":\"hold\",\"ids\":[\"%s\"]}", lead.text);
	assert_int_equal(done_number(f, "changed"), 2);
	assert_int_equal(done_number(f, "refused"), 0);
	assert_string_equal(delivery_state(f, lead.text, "crm"), "held");
	ask(f, "{\"command\":\"release\",\"ids\":[\"%s\"]}", lead.text);
	assert_int_equal(done_number(f, "changed"), 2);
	assert_string_equal(delivery_state(f, lead.text, "archive"), "pending");
}

static void one_destination_of_a_lead_can_be_held(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_lead(f, "ada@example.com");

	ask(f, "{\"command\":\"hold\",\"ids\":[\"%s\"],\"destination\":\"crm\"}",
		lead.text);
	assert_int_equal(done_number(f, "changed"), 1);
	assert_string_equal(delivery_state(f, lead.text, "crm"), "held");
	assert_string_equal(delivery_state(f, lead.text, "archive"), "pending");
}

static void a_dead_delivery_is_replayed_and_its_sibling_left_alone(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_lead(f, "ada@example.com");

	settle(f, f->ids[CRM], lead.deliveries[CRM], DELIVERY_REFUSE, REASON_INVALID);
	settle(f, f->ids[ARCHIVE], lead.deliveries[ARCHIVE], DELIVERY_ACCEPT,
		REASON_NONE);
	ask(f, "{\"command\":\"replay\",\"ids\":[\"%s\"]}", lead.text);
	assert_int_equal(done_number(f, "matched"), 1);
	assert_int_equal(done_number(f, "changed"), 1);
	assert_int_equal(done_number(f, "refused"), 0);
	assert_string_equal(delivery_state(f, lead.text, "crm"), "pending");
	assert_string_equal(delivery_state(f, lead.text, "archive"), "delivered");
}

static void a_delivered_lead_is_refused_without_again(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_lead(f, "ada@example.com");

	settle(f, f->ids[CRM], lead.deliveries[CRM], DELIVERY_ACCEPT, REASON_NONE);
	settle(f, f->ids[ARCHIVE], lead.deliveries[ARCHIVE], DELIVERY_ACCEPT,
		REASON_NONE);
	ask(f, "{\"command\":\"replay\",\"ids\":[\"%s\"]}", lead.text);
	assert_int_equal(done_number(f, "changed"), 0);
	assert_int_equal(done_number(f, "refused"), 2);
	assert_non_null(json_string(cJSON_GetArrayItem(f->items, 0), "refused"));
	ask(f, "{\"command\":\"replay\",\"again\":true,\"ids\":[\"%s\"]}", lead.text);
	assert_int_equal(done_number(f, "changed"), 2);
}

static void set_corrects_a_field(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_lead(f, "ada@example.com");

	settle(f, f->ids[CRM], lead.deliveries[CRM], DELIVERY_REFUSE, REASON_INVALID);
	ask(f, "{\"command\":\"replay\",\"ids\":[\"%s\"],\"set\":{\"last_name\":\"King\"}}",
		lead.text);
	assert_int_equal(done_number(f, "changed"), 1);
	ask(f, "{\"command\":\"show\",\"id\":\"%s\"}", lead.text);
	assert_string_equal(
		json_string(cJSON_GetObjectItem(f->done, "fields"), "last_name"), "King");
	ask(f, "{\"command\":\"replay\",\"ids\":[\"%s\"],\"set\":{\"surname\":\"King\"}}",
		lead.text);
	assert_failed(f, 2);
}

static void set_goes_with_filters_and_keeps_to_them(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_lead(f, "ada@example.com");
	struct accepted other = accept_lead(f, "grace@example.com");

	settle(f, f->ids[CRM], lead.deliveries[CRM], DELIVERY_REFUSE, REASON_INVALID);
	settle(f, f->ids[ARCHIVE], lead.deliveries[ARCHIVE], DELIVERY_REFUSE,
		REASON_PLUGIN);
	settle(f, f->ids[CRM], other.deliveries[CRM], DELIVERY_ACCEPT, REASON_NONE);
	ask(f, "{\"command\":\"replay\",\"reason\":\"invalid\",\"again\":true,"
	       "\"set\":{\"city\":\"Rome\"}}");
	assert_int_equal(done_number(f, "matched"), 1);
	assert_int_equal(done_number(f, "changed"), 1);
	assert_string_equal(delivery_state(f, lead.text, "crm"), "pending");
	assert_string_equal(delivery_state(f, lead.text, "archive"), "dead");
	assert_string_equal(delivery_state(f, other.text, "crm"), "delivered");
	ask(f, "{\"command\":\"show\",\"id\":\"%s\"}", lead.text);
	assert_string_equal(
		json_string(cJSON_GetObjectItem(f->done, "fields"), "city"), "Rome");
}

static void one_unknown_id_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_lead(f, "ada@example.com");

	ask(f, "{\"command\":\"hold\",\"ids\":[\"%s\",\"ffffffffffff\"]}", lead.text);
	assert_failed(f, 4);
	assert_string_equal(delivery_state(f, lead.text, "crm"), "pending");
}

static void a_lead_named_twice_is_one_lead(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_lead(f, "ada@example.com");

	ask(f, "{\"command\":\"hold\",\"ids\":[\"%s\",\"%s\"]}", lead.text,
		lead.text + 24);
	assert_int_equal(done_number(f, "changed"), 2);
	assert_int_equal(done_number(f, "refused"), 0);
}

static void to_makes_a_delivery_where_there_is_none(void **state)
{
	struct fixture *f = *state;
	char id[UUID_TEXT_SIZE];

	accept_many(f, 1);
	ask(f, "{\"command\":\"list\"}");
	strcpy(id, json_string(cJSON_GetArrayItem(f->items, 0), "id"));
	assert_string_equal(delivery_state(f, id, "archive"), "none");
	ask(f, "{\"command\":\"replay\",\"ids\":[\"%s\"],\"to\":\"archive\"}", id);
	assert_int_equal(done_number(f, "changed"), 1);
	assert_string_equal(delivery_state(f, id, "archive"), "pending");
	assert_string_equal(delivery_state(f, id, "crm"), "pending");
	ask(f, "{\"command\":\"replay\",\"ids\":[\"%s\"],\"to\":\"archive\"}", id);
	assert_int_equal(done_number(f, "refused"), 1);
	accept_many(f, 1);
	ask(f, "{\"command\":\"replay\",\"state\":\"pending\",\"destination\":\"crm\","
	       "\"to\":\"archive\"}");
	assert_int_equal(done_number(f, "changed"), 1);
	ask(f, "{\"command\":\"replay\",\"ids\":[\"%s\"],\"to\":\"nowhere\"}", id);
	assert_failed(f, 4);
}

/* A destination added later gets its past: leads of every state elsewhere, since then. */
static void to_with_a_time_gives_a_new_destination_its_past(void **state)
{
	struct fixture *f = *state;
	struct accepted lead;
	char since[TIME_TEXT_SIZE];

	accept_many(f, 2);
	f->now += 60000;
	time_text(f->now, since);
	f->now += 60000;
	accept_many(f, 2);
	lead = accept_lead(f, "ada@example.com"); /* there already */
	settle(f, f->ids[CRM], lead.deliveries[CRM], DELIVERY_ACCEPT, REASON_NONE);
	lead = accept_lead(f, "grace@example.com");
	settle(f, f->ids[CRM], lead.deliveries[CRM], DELIVERY_REFUSE, REASON_INVALID);
	ask(f, "{\"command\":\"replay\",\"since\":\"%s\",\"to\":\"archive\"}", since);
	assert_int_equal(done_number(f, "matched"), 2); /* two have it */
	assert_int_equal(done_number(f, "changed"), 2);
	assert_int_equal(done_number(f, "refused"), 0);
	ask(f, "{\"command\":\"replay\",\"to\":\"archive\",\"state\":\"pending\"}");
	assert_int_equal(done_number(f, "changed"), 2); /* those before */
	ask(f, "{\"command\":\"replay\",\"to\":\"archive\",\"state\":\"pending\"}");
	assert_int_equal(done_number(f, "matched"), 0);
}

static void filters_take_only_what_the_change_is_for(void **state)
{
	struct fixture *f = *state;
	struct accepted first = accept_lead(f, "ada@example.com");

	accept_lead(f, "grace@example.com");
	settle(f, f->ids[CRM], first.deliveries[CRM], DELIVERY_REFUSE, REASON_INVALID);
	ask(f, "{\"command\":\"replay\",\"destination\":\"crm\"}");
	assert_int_equal(done_number(f, "matched"), 1);
	assert_int_equal(done_number(f, "changed"), 1);
	ask(f, "{\"command\":\"discard\",\"destination\":\"crm\"}");
	assert_int_equal(done_number(f, "changed"), 2);
	assert_string_equal(delivery_state(f, first.text, "crm"), "discarded");
	assert_string_equal(delivery_state(f, first.text, "archive"), "pending");
}

static void a_state_the_change_is_not_for_is_refused(void **state)
{
	struct fixture *f = *state;

	accept_lead(f, "ada@example.com");
	ask(f, "{\"command\":\"release\",\"state\":\"dead\"}");
	assert_failed(f, 1);
	ask(f, "{\"command\":\"hold\",\"state\":\"quarantined\"}");
	assert_failed(f, 1);
}

static void nothing_named_is_not_everything(void **state)
{
	struct fixture *f = *state;

	ask(f, "{\"command\":\"discard\"}");
	assert_failed(f, 2);
	ask(f, "{\"command\":\"discard\",\"ids\":[]}");
	assert_failed(f, 2);
	ask(f, "{\"command\":\"hold\",\"again\":true,\"state\":\"dead\"}");
	assert_failed(f, 2);
}

static void a_dry_run_counts_by_reason(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_lead(f, "ada@example.com");
	const cJSON *reasons;

	settle(f, f->ids[CRM], lead.deliveries[CRM], DELIVERY_REFUSE, REASON_INVALID);
	settle(f, f->ids[ARCHIVE], lead.deliveries[ARCHIVE], DELIVERY_REFUSE,
		REASON_PLUGIN);
	ask(f, "{\"command\":\"replay\",\"state\":\"dead\",\"dry_run\":true}");
	assert_int_equal(done_number(f, "matched"), 2);
	assert_int_equal(done_number(f, "changed"), 0);
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(f->done, "dry_run")));
	reasons = cJSON_GetObjectItem(f->done, "by_reason");
	assert_int_equal(json_integer(reasons, "invalid", -1), 1);
	assert_int_equal(json_integer(reasons, "plugin", -1), 1);
	assert_string_equal(delivery_state(f, lead.text, "crm"), "dead");
}

static void a_change_goes_on_where_it_paused(void **state)
{
	struct fixture *f = *state;
	char *paused;

	accept_many(f, 600);
	f->pause_after = 0;
	ask(f, "{\"command\":\"hold\",\"destination\":\"crm\"}");
	assert_non_null(f->paused);
	assert_int_equal(json_integer(f->paused, "changed", -1), 500);
	paused = cJSON_PrintUnformatted(f->paused);
	f->pause_after = -1;
	ask(f, "{\"command\":\"hold\",\"destination\":\"crm\",\"go_on\":%s}", paused);
	cJSON_free(paused);
	assert_int_equal(done_number(f, "changed"), 600);
	assert_int_equal(done_number(f, "matched"), 600);
}

#define CHANGE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CHANGE_TEST(a_pending_lead_is_held_and_released),
		CHANGE_TEST(one_destination_of_a_lead_can_be_held),
		CHANGE_TEST(a_dead_delivery_is_replayed_and_its_sibling_left_alone),
		CHANGE_TEST(a_delivered_lead_is_refused_without_again),
		CHANGE_TEST(set_corrects_a_field),
		CHANGE_TEST(set_goes_with_filters_and_keeps_to_them),
		CHANGE_TEST(one_unknown_id_changes_nothing),
		CHANGE_TEST(a_lead_named_twice_is_one_lead),
		CHANGE_TEST(to_makes_a_delivery_where_there_is_none),
		CHANGE_TEST(to_with_a_time_gives_a_new_destination_its_past),
		CHANGE_TEST(filters_take_only_what_the_change_is_for),
		CHANGE_TEST(a_state_the_change_is_not_for_is_refused),
		CHANGE_TEST(nothing_named_is_not_everything),
		CHANGE_TEST(a_dry_run_counts_by_reason),
		CHANGE_TEST(a_change_goes_on_where_it_paused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
