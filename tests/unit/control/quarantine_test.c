/* A quarantined lead: completed and replayed, or discarded. */
#include "fixture.h"

#include "leadrelay/json.h"

static void what_is_missing_must_be_set(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_quarantined(f, "Paris");

	ask(f, "{\"command\":\"replay\",\"ids\":[\"%s\"]}", lead.text);
	assert_failed(f, 2);
	ask(f, "{\"command\":\"replay\",\"ids\":[\"%s\"],\"set\":{\"last_name\":\"King\"}}",
		lead.text);
	assert_int_equal(done_number(f, "changed"), 1);
	assert_string_equal(delivery_state(f, lead.text, "crm"), "pending");
	assert_string_equal(delivery_state(f, lead.text, "archive"), "pending");
	ask(f, "{\"command\":\"status\"}");
	assert_int_equal(done_number(f, "quarantined"), 0);
	assert_int_equal(
		json_integer(cJSON_GetObjectItem(f->done, "accounting"), "accepted", -1),
		2);
}

static void to_sends_it_to_one_destination(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_quarantined(f, "Paris");

	ask(f,
		"{\"command\":\"replay\",\"ids\":[\"%s\"],\"to\":\"archive\","
		"\"set\":{\"last_name\":\"King\"}}",
		lead.text);
	assert_int_equal(done_number(f, "changed"), 1);
	assert_string_equal(delivery_state(f, lead.text, "crm"), "none");
	assert_string_equal(delivery_state(f, lead.text, "archive"), "pending");
}

static void it_can_be_discarded_but_not_held(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_quarantined(f, "Paris");

	ask(f, "{\"command\":\"hold\",\"ids\":[\"%s\"]}", lead.text);
	assert_int_equal(done_number(f, "refused"), 1);
	ask(f, "{\"command\":\"discard\",\"state\":\"quarantined\"}");
	assert_int_equal(done_number(f, "changed"), 1);
	ask(f, "{\"command\":\"status\"}");
	assert_int_equal(done_number(f, "quarantined"), 0);
	ask(f, "{\"command\":\"replay\",\"ids\":[\"%s\"]}", lead.text);
	assert_int_equal(done_number(f, "refused"), 1);
}

static void many_are_replayed_and_the_incomplete_left(void **state)
{
	struct fixture *f = *state;

	accept_quarantined(f, "Paris");
	accept_quarantined(f, "Rome");
	ask(f, "{\"command\":\"replay\",\"state\":\"quarantined\"}");
	assert_int_equal(done_number(f, "refused"), 2);
	assert_int_equal(done_number(f, "changed"), 0);
}

static void without_a_configuration_it_says_so(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_quarantined(f, "Paris");

	f->options.config = NULL;
	ask(f, "{\"command\":\"replay\",\"ids\":[\"%s\"],\"set\":{\"last_name\":\"King\"}}",
		lead.text);
	assert_failed(f, 2);
}

#define QUARANTINE_TEST(name) \
	cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		QUARANTINE_TEST(what_is_missing_must_be_set),
		QUARANTINE_TEST(to_sends_it_to_one_destination),
		QUARANTINE_TEST(it_can_be_discarded_but_not_held),
		QUARANTINE_TEST(many_are_replayed_and_the_incomplete_left),
		QUARANTINE_TEST(without_a_configuration_it_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
