#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "leadrelay/lead.h"

#include "leadrelay/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set(struct lead *lead, enum lead_field field, const char *text)
{
	assert_int_equal(lead_set(lead, field, text, NULL), ERR_OK);
}

/* "source/action/offer" after splitting, "-" for an absent one. */
static void split_is(const char *composite, const char *expected)
{
	struct lead lead = LEAD_INIT;
	char found[200];

	set(&lead, FIELD_LEAD_SOURCE, composite);
	assert_int_equal(lead_split_source(&lead, NULL), ERR_OK);
	snprintf(found, sizeof(found), "%s/%s/%s",
		lead.fields[FIELD_LEAD_SOURCE] ? lead.fields[FIELD_LEAD_SOURCE] : "-",
		lead.fields[FIELD_ACTION_CODE] ? lead.fields[FIELD_ACTION_CODE] : "-",
		lead.fields[FIELD_OFFER_ID] ? lead.fields[FIELD_OFFER_ID] : "-");
	assert_string_equal(found, expected);
	lead_finish(&lead);
}

static void a_composite_source_is_split_at_first_bar_and_first_dash(void **state)
{
	(void)state;
	split_is("AzureMarketplace-INS|checkpoint.check-point-r77-10sg-byol",
		"AzureMarketplace/INS/checkpoint.check-point-r77-10sg-byol");
	split_is("AppSource (SPZA)-PLT | bitnami.openedxcypress",
		"AppSource (SPZA)/PLT/bitnami.openedxcypress");
	split_is("SPZA|docusign.3701c77e", "SPZA/-/docusign.3701c77e");
	split_is("AzurePortal-Create|a.b|c", "AzurePortal/Create/a.b|c");
	split_is("-INS|", "-/INS/-");
}

static void a_source_without_a_bar_stays_whole(void **state)
{
	(void)state;
	split_is("AzureMarketplace", "AzureMarketplace/-/-");
	split_is("Trade-Fair", "Trade-Fair/-/-");
}

static void splitting_keeps_what_is_there(void **state)
{
	struct lead lead = LEAD_INIT;

	(void)state;
	set(&lead, FIELD_LEAD_SOURCE, "AzureMarketplace-INS|contoso.backup");
	set(&lead, FIELD_ACTION_CODE, "DNC");
	set(&lead, FIELD_OFFER_ID, "contoso.other");
	assert_int_equal(lead_split_source(&lead, NULL), ERR_OK);
	assert_string_equal(lead.fields[FIELD_LEAD_SOURCE], "AzureMarketplace");
	assert_string_equal(lead.fields[FIELD_ACTION_CODE], "DNC");
	assert_string_equal(lead.fields[FIELD_OFFER_ID], "contoso.other");
	lead_finish(&lead);
}

static void setting_drops_white_space_around_and_blanks_altogether(void **state)
{
	struct lead lead = LEAD_INIT;

	(void)state;
	set(&lead, FIELD_COMPANY,
		" \t\xC2\xA0"
		"Caf\xC3\xA9 du  Nord\xE2\x80\x83\r\n");
	assert_string_equal(lead.fields[FIELD_COMPANY], "Caf\xC3\xA9 du  Nord");
	set(&lead, FIELD_COMPANY, "\xE3\x80\x80 ");
	assert_null(lead.fields[FIELD_COMPANY]);
	set(&lead, FIELD_COMPANY, "x");
	set(&lead, FIELD_COMPANY, NULL);
	assert_null(lead.fields[FIELD_COMPANY]);
	lead_finish(&lead);
}

static void the_marker_makes_a_test_lead(void **state)
{
	struct lead lead = LEAD_INIT;

	(void)state;
	set(&lead, FIELD_EMAIL, "MSFT_TEST_636573304831318844@test.com");
	lead_mark_test(&lead);
	assert_true(lead.test);
	set(&lead, FIELD_EMAIL, "ana@example.com");
	lead_mark_test(&lead);
	assert_false(lead.test);
	set(&lead, FIELD_DESCRIPTION, "see msft_test_1");
	lead_mark_test(&lead);
	assert_true(lead.test);
	set(&lead, FIELD_DESCRIPTION, "__ MSFT_TES, MS_FT_TEST, SFT_TEST, _MSFT_test?");
	lead_mark_test(&lead);
	assert_true(lead.test);
	set(&lead, FIELD_DESCRIPTION, "FT_TEST __ MSFT_TES, MS_FT_TEST, SFT_TEST, MSFT_");
	lead_mark_test(&lead);
	assert_false(lead.test);
	lead_finish(&lead);
}

static void a_lead_says_what_it_is_good_for(void **state)
{
	struct lead lead = LEAD_INIT;

	(void)state;
	assert_false(lead_identifies(&lead) || lead_has_interest(&lead) ||
		     lead_names_person(&lead));
	set(&lead, FIELD_OFFER_TITLE, "Backup");
	assert_true(lead_has_interest(&lead));
	assert_false(lead_identifies(&lead));
	set(&lead, FIELD_COMPANY, "Fabrikam");
	assert_true(lead_identifies(&lead));
	assert_false(lead_names_person(&lead));
	set(&lead, FIELD_MOBILE, "+33 6");
	assert_true(lead_names_person(&lead));
	assert_false(lead_do_not_contact(&lead));
	set(&lead, FIELD_ACTION_CODE, "dnc");
	assert_true(lead_do_not_contact(&lead));
	lead_finish(&lead);
}

static void what_is_written_reads_back_the_same(void **state)
{
	struct lead lead = LEAD_INIT, copy;
	struct lead back = {.received_at = 5};
	cJSON *fields;
	char *text;

	(void)state;
	set(&lead, FIELD_FIRST_NAME, "Zo\xC3\xAB");
	set(&lead, FIELD_DESCRIPTION, "line\n\"two\"");
	fields = lead_fields_json(&lead);
	text = cJSON_PrintUnformatted(fields);
	assert_int_equal(
		lead_from_json(&back, text, "{\"n\":12345678901234567890}", NULL),
		ERR_OK);
	assert_string_equal(back.fields[FIELD_DESCRIPTION], "line\n\"two\"");
	assert_int_equal(back.received_at, 5);
	assert_int_equal(lead_copy(&copy, &back, NULL), ERR_OK);
	free(text);
	text = cJSON_PrintUnformatted(copy.extra);
	assert_string_equal(text, "{\"n\":12345678901234567890}");
	free(text);
	cJSON_Delete(fields);
	lead_finish(&copy);
	lead_finish(&back);
	lead_finish(&lead);
}

static void written_at_once_it_is_the_same_text(void **state)
{
	struct lead lead = LEAD_INIT;
	struct buf text = BUF_INIT;
	char *printed;
	cJSON *fields;

	(void)state;
	lead_fields_add(&lead, &text);
	assert_string_equal(buf_str(&text), "{}");
	buf_clear(&text);
	set(&lead, FIELD_LAST_NAME, "\\ \" / \b\f\n\r\t \x01\x1f\x7f Zo\xC3\xAB.");
	set(&lead, FIELD_COMPANY, "\"");
	set(&lead, FIELD_DESCRIPTION, "plain");
	lead_fields_add(&lead, &text);
	fields = lead_fields_json(&lead);
	printed = cJSON_PrintUnformatted(fields);
	assert_string_equal(buf_str(&text), printed);
	cJSON_free(printed);
	cJSON_Delete(fields);
	buf_finish(&text);
	lead_finish(&lead);
}

static void broken_stored_text_is_an_error_and_leaves_out_alone(void **state)
{
	struct lead lead = LEAD_INIT;
	struct err err;

	(void)state;
	assert_int_equal(lead_from_json(&lead, "{\"email\":", NULL, &err), ERR_INVALID);
	assert_int_equal(lead_from_json(&lead, "[]", NULL, &err), ERR_INVALID);
	assert_int_equal(
		lead_from_json(&lead, "{\"email\":\"a\"}", "7", &err), ERR_INVALID);
	assert_null(lead.fields[FIELD_EMAIL]);
}

static void the_document_has_every_part(void **state)
{
	struct lead lead = LEAD_INIT;
	cJSON *document;
	char *text;

	(void)state;
	uuid_parse("0192f7a0-0000-7000-8000-000000000001", &lead.id);
	lead.source = strdup("website");
	lead.received_at = 1795350868000;
	set(&lead, FIELD_LAST_NAME, "Silva");
	document = lead_document(&lead);
	text = cJSON_PrintUnformatted(document);
	assert_string_equal(text,
		"{\"id\":\"0192f7a0-0000-7000-8000-000000000001\","
		"\"source\":\"website\",\"received_at\":\"2026-11-22T12:34:28.000Z\","
		"\"test\":false,\"fields\":{\"last_name\":\"Silva\"},\"extra\":{}}");
	free(text);
	cJSON_Delete(document);
	lead_finish(&lead);
}

static void field_names_find_back(void **state)
{
	(void)state;
	for (int i = 0; i < FIELD_COUNT; i++)
		assert_int_equal(lead_field_find(lead_field_name((enum lead_field)i)), i);
	assert_int_equal(lead_field_find("Email"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_composite_source_is_split_at_first_bar_and_first_dash),
		cmocka_unit_test(a_source_without_a_bar_stays_whole),
		cmocka_unit_test(splitting_keeps_what_is_there),
		cmocka_unit_test(setting_drops_white_space_around_and_blanks_altogether),
		cmocka_unit_test(the_marker_makes_a_test_lead),
		cmocka_unit_test(a_lead_says_what_it_is_good_for),
		cmocka_unit_test(what_is_written_reads_back_the_same),
		cmocka_unit_test(written_at_once_it_is_the_same_text),
		cmocka_unit_test(broken_stored_text_is_an_error_and_leaves_out_alone),
		cmocka_unit_test(the_document_has_every_part),
		cmocka_unit_test(field_names_find_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
