/* What is shown of persons to somebody who did not ask to see them; what dead letters
 * died of; and pages of a list. */
#include "fixture.h"

#include "leadrelay/buf.h"
#include "leadrelay/json.h"

#include <stdlib.h>
#include <string.h>

#include "../../../src/control/room.h"

static void assert_masked(const struct lead *lead, const char *text, const char *expected)
{
	struct buf out = BUF_INIT;

	mask_text(&out, text, lead);
	assert_string_equal(buf_str(&out), expected);
	buf_finish(&out);
}

static void addresses_are_masked_wherever_they_stand(void **state)
{
	(void)state;
	assert_masked(NULL, "", "");
	assert_masked(NULL, "no address", "no address");
	assert_masked(NULL, "<ana.silva@example.com>: no such mailbox",
		"<a***@example.com>: no such mailbox");
	assert_masked(NULL, "ana@example.com,bea@example.org",
		"a***@example.com,b***@example.org");
	assert_masked(NULL, "ana@example.com.", "a***@example.com.");
	assert_masked(NULL, "@ a@ @b x@y", "@ a@ @b x***@y");
	assert_masked(NULL, "\xc3\xa9va@example.com", "\xc3\xa9***@example.com");
}

static void what_the_remote_quotes_of_a_lead_is_masked(void **state)
{
	struct lead lead = {.extra = cJSON_Parse("{\"shoe\":\"size 44\",\"n\":7}")};

	(void)state;
	lead.fields[FIELD_FIRST_NAME] = strdup("Ana");
	lead.fields[FIELD_LAST_NAME] = strdup("Silva");
	lead.fields[FIELD_PHONE] = strdup("+1 (617) 555-0100");
	lead.fields[FIELD_COMPANY] = strdup("Fabrikam");
	lead.fields[FIELD_TITLE] = strdup("VP");
	assert_masked(&lead, "a contact SILVA, ana of Fabrikam exists",
		"a contact ***, *** of Fabrikam exists");
	assert_masked(&lead, "telephone1: '+1 (617) 555-0100'", "telephone1: '***'");
	assert_masked(&lead, "a banana, Anas VP", "a banana, Anas VP");
	assert_masked(&lead, "size 44 is unknown", "*** is unknown");
	assert_masked(&lead, "ana@silva.example", "a***@silva.example");
	lead_finish(&lead);
}

static const cJSON *masked_lead(struct fixture *f, const char *email)
{
	accept_lead(f, email);
	ask(f, "{\"command\":\"list\",\"limit\":1,\"masked\":true}");
	return cJSON_GetArrayItem(f->items, 0);
}

static void a_list_shows_no_person_unless_asked_to(void **state)
{
	struct fixture *f = *state;
	const cJSON *item = masked_lead(f, "ada@example.com");

	assert_string_equal(json_string(item, "email"), "a***@example.com");
	item = masked_lead(f, "not an address");
	assert_string_equal(json_string(item, "email"), "***");
	ask(f, "{\"command\":\"list\",\"limit\":1}");
	item = cJSON_GetArrayItem(f->items, 0);
	assert_string_equal(json_string(item, "email"), "not an address");
}

static void a_story_shows_no_person_either(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_lead(f, "ada@example.com");
	char *text;

	settle(f, f->ids[CRM], lead.deliveries[CRM], DELIVERY_REFUSE, REASON_INVALID);
	ask(f, "{\"command\":\"show\",\"id\":\"%s\",\"masked\":true}", lead.text);
	text = cJSON_PrintUnformatted(f->done);
	assert_null(strstr(text, "ada@"));
	assert_non_null(strstr(text, "a***@example.com"));
	assert_non_null(strstr(text, "the CRM said no"));
	cJSON_free(text);
	ask(f, "{\"command\":\"show\",\"id\":\"%s\"}", lead.text);
	assert_string_equal(json_string(f->done, "email"), "ada@example.com");
}

static void notifications_hide_whom_they_went_to(void **state)
{
	struct fixture *f = *state;
	int64_t mail;

	accept_notified(f, "ada@example.com", "owner@contoso.com", &mail);
	ask(f, "{\"command\":\"notifications\",\"action\":\"list\",\"masked\":true}");
	assert_string_equal(
		json_string(cJSON_GetArrayItem(f->items, 0), "to"), "o***@contoso.com");
}

static void dead_letters_are_counted_by_what_they_died_of(void **state)
{
	struct fixture *f = *state;
	struct accepted one = accept_lead(f, "one@example.com");
	struct accepted two = accept_lead(f, "two@example.com");
	struct accepted three = accept_lead(f, "three@example.com");
	const cJSON *item;

	ask(f, "{\"command\":\"reasons\"}");
	assert_int_equal(cJSON_GetArraySize(f->items), 0);
	settle(f, f->ids[CRM], one.deliveries[CRM], DELIVERY_REFUSE, REASON_INVALID);
	settle(f, f->ids[CRM], two.deliveries[CRM], DELIVERY_REFUSE, REASON_INVALID);
	settle(f, f->ids[CRM], three.deliveries[CRM], DELIVERY_REFUSE, REASON_PLUGIN);
	settle(f, f->ids[ARCHIVE], one.deliveries[ARCHIVE], DELIVERY_REFUSE,
		REASON_INVALID);
	ask(f, "{\"command\":\"reasons\",\"masked\":true}");
	assert_non_null(f->done);
	assert_int_equal(cJSON_GetArraySize(f->items), 3);
	item = cJSON_GetArrayItem(f->items, 0);
	if (json_integer(item, "count", 0) != 2)
		item = item->next;
	if (json_integer(item, "count", 0) != 2)
		item = item->next;
	assert_int_equal(json_integer(item, "count", 0), 2);
	assert_string_equal(json_string(item, "destination"), "crm");
	assert_string_equal(json_string(item, "reason"), "invalid");
	assert_string_equal(json_string(item, "error"), "the CRM said no");
	assert_non_null(json_string(item, "newest_at"));
}

static const char *listed(struct fixture *f, int at)
{
	return json_string(cJSON_GetArrayItem(f->items, at), "id");
}

static void a_list_goes_on_behind_a_lead(void **state)
{
	struct fixture *f = *state;
	struct accepted first = accept_lead(f, "one@example.com");
	struct accepted second = accept_lead(f, "two@example.com");
	struct accepted third = accept_lead(f, "three@example.com");

	ask(f, "{\"command\":\"list\",\"limit\":1,\"before\":\"%s\"}", third.text);
	assert_int_equal(cJSON_GetArraySize(f->items), 1);
	assert_string_equal(listed(f, 0), second.text);
	ask(f, "{\"command\":\"list\",\"state\":\"pending\",\"before\":\"%s\"}",
		third.text);
	assert_int_equal(cJSON_GetArraySize(f->items), 2);
	assert_string_equal(listed(f, 1), first.text);
	ask(f, "{\"command\":\"list\",\"since\":\"1h\",\"before\":\"%s\"}", second.text);
	assert_int_equal(cJSON_GetArraySize(f->items), 1);
	assert_string_equal(listed(f, 0), first.text);
	ask(f, "{\"command\":\"list\",\"before\":\"%s\"}", first.text);
	assert_int_equal(cJSON_GetArraySize(f->items), 0);
	ask(f, "{\"command\":\"list\",\"before\":\"ffffffff\"}");
	assert_failed(f, 4);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_masked_wherever_they_stand),
		cmocka_unit_test(what_the_remote_quotes_of_a_lead_is_masked),
		TEST(a_list_shows_no_person_unless_asked_to),
		TEST(a_story_shows_no_person_either),
		TEST(notifications_hide_whom_they_went_to),
		TEST(dead_letters_are_counted_by_what_they_died_of),
		TEST(a_list_goes_on_behind_a_lead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
