/* A lead to the marketplace's columns, and what does not fit. */
#include "support.h"

#include "azure_entity.h"

#include "leadrelay/json.h"
#include "leadrelay/text.h"

#include <stdio.h>
#include <stdlib.h>

static const struct pair_list none = {0};

struct made {
	struct azure_entity entity;
	cJSON *json;
};

static struct made make(const struct lead *lead, const struct pair_list *map,
	const struct pair_list *set, size_t text_max)
{
	struct made made;

	assert_true(azure_entity_make(&made.entity, lead, map, set, text_max));
	assert_null(strchr(buf_str(&made.entity.json), '\n'));
	assert_int_equal(json_read(buf_str(&made.entity.json), made.entity.json.len,
				 &made.json, NULL),
		ERR_OK);
	return made;
}

static void finish(struct made *made)
{
	cJSON_Delete(made->json);
	azure_entity_finish(&made->entity);
}

static void expect(const struct made *made, const char *column, const char *text)
{
	const char *value = json_string(made->json, column);

	if (!text)
		assert_null(cJSON_GetObjectItemCaseSensitive(made->json, column));
	else if (!value || strcmp(value, text) != 0)
		fail_msg("%s: %s instead of %s", column, value ? value : "nothing", text);
}

static char *repeat(const char *text, size_t count)
{
	struct buf out = BUF_INIT;

	while (count-- > 0)
		buf_adds(&out, text);
	return buf_take(&out);
}

static struct lead whole_lead(void)
{
	struct lead lead = make_lead();

	set_field(&lead, FIELD_FIRST_NAME, "Ana");
	set_field(&lead, FIELD_LAST_NAME, "Silva");
	set_field(&lead, FIELD_EMAIL, "ana@example.com");
	set_field(&lead, FIELD_PHONE, "16175550100");
	set_field(&lead, FIELD_COUNTRY, "US");
	set_field(&lead, FIELD_COMPANY, "Fab\"rikam");
	set_field(&lead, FIELD_TITLE, "CTO");
	set_field(&lead, FIELD_LEAD_SOURCE, "AzureMarketplace");
	set_field(&lead, FIELD_ACTION_CODE, "INS");
	set_field(&lead, FIELD_OFFER_TITLE, "Contoso Backup");
	set_field(&lead, FIELD_PRODUCT_ID, "contoso-backup");
	set_field(&lead, FIELD_DESCRIPTION, "asked for\na demo");
	return lead;
}

static void the_marketplaces_columns_are_filled(void **state)
{
	struct lead lead = whole_lead();
	struct made made = make(&lead, &none, &none, AZURE_TEXT_MAX);

	(void)state;
	expect(&made, "PartitionKey", "2026-01-01");
	expect(&made, "RowKey", LEAD_ID);
	expect(&made, "CustomerInfo",
		"{\"FirstName\":\"Ana\",\"LastName\":\"Silva\",\"Email\":\"ana@example.com\","
		"\"Phone\":\"16175550100\",\"Country\":\"US\",\"Company\":\"Fab\\\"rikam\","
		"\"Title\":\"CTO\"}");
	expect(&made, "LeadSource", "AzureMarketplace");
	expect(&made, "ActionCode", "INS");
	expect(&made, "OfferDisplayName", "Contoso Backup");
	expect(&made, "ProductId", "contoso-backup");
	expect(&made, "CreatedTime", "2026-01-01T00:00:00.000Z");
	expect(&made, "Description", "asked for\na demo");
	expect(&made, "Source", "marketplace");
	expect(&made, "Extra", NULL);
	expect(&made, "Test", NULL);
	assert_int_equal(cJSON_GetArraySize(made.json), 10);
	assert_int_equal(made.entity.cut.len, 0);
	finish(&made);
	lead_finish(&lead);
}

static void what_the_marketplace_has_no_column_for_travels_too(void **state)
{
	struct lead lead = make_lead();
	struct made made;

	(void)state;
	set_field(&lead, FIELD_OFFER_ID, "contoso.backup");
	set_field(&lead, FIELD_CAMPAIGN, "spring");
	set_field(&lead, FIELD_CITY, "Lisboa");
	set_extra(&lead, "{\"budget\":12.50,\"tags\":[\"a\"]}");
	lead.test = true;
	made = make(&lead, &none, &none, AZURE_TEXT_MAX);
	expect(&made, "OfferId", "contoso.backup");
	expect(&made, "Campaign", "spring");
	expect(&made, "CustomerInfo", "{\"City\":\"Lisboa\"}");
	assert_non_null(strstr(json_string(made.json, "Extra"), "\"tags\":[\"a\"]"));
	assert_true(cJSON_IsTrue(cJSON_GetObjectItem(made.json, "Test")));
	finish(&made);
	lead_finish(&lead);
}

static void map_gives_a_field_its_own_column_and_set_adds(void **state)
{
	static struct pair maps[] = {PAIR("email", "Email", false),
		PAIR("description", "Notes", false), PAIR("city", "ActionCode", false)};
	static struct pair sets[] = {PAIR("Region", "EMEA", false),
		PAIR("Score", "8", true), PAIR("Big", "3000000000", true),
		PAIR("Hot", "true", true), PAIR("Rate", "1.5", true),
		PAIR("LeadSource", "fixed", false)};
	struct pair_list map = {maps, 3}, set = {sets, 6};
	struct lead lead = whole_lead();
	struct made made = make(&lead, &map, &set, AZURE_TEXT_MAX);
	const char *info = json_string(made.json, "CustomerInfo");

	(void)state;
	expect(&made, "Email", "ana@example.com");
	assert_null(strstr(info, "ana@example.com"));
	expect(&made, "Notes", "asked for\na demo");
	expect(&made, "Description", NULL);
	expect(&made, "ActionCode", "INS"); /* the lead has no city */
	expect(&made, "Region", "EMEA");
	expect(&made, "LeadSource", "fixed");
	assert_non_null(strstr(buf_str(&made.entity.json), "\"Score\":8"));
	assert_non_null(strstr(buf_str(&made.entity.json), "\"Rate\":1.5"));
	assert_non_null(strstr(buf_str(&made.entity.json), "\"Hot\":true"));
	expect(&made, "Big", "3000000000");
	expect(&made, "Big@odata.type", "Edm.Int64");
	finish(&made);
	lead_finish(&lead);
}

static void a_text_is_cut_at_64_kib_of_utf16_and_named(void **state)
{
	struct lead lead = make_lead();
	char *fits = repeat("x", AZURE_TEXT_MAX);
	char *beyond = repeat("\xf0\x9f\x98\x80", AZURE_TEXT_MAX / 2 + 1);
	struct made made;

	(void)state;
	set_field(&lead, FIELD_DESCRIPTION, fits);
	set_field(&lead, FIELD_CAMPAIGN, beyond);
	made = make(&lead, &none, &none, AZURE_TEXT_MAX);
	expect(&made, "Description", fits);
	assert_int_equal(
		utf16_length(json_string(made.json, "Campaign")), AZURE_TEXT_MAX);
	assert_string_equal(buf_str(&made.entity.cut), "Campaign");
	finish(&made);
	lead_finish(&lead);
	free(fits);
	free(beyond);
}

static void json_text_that_is_too_long_stays_json(void **state)
{
	struct lead lead = make_lead();
	char *long_text = repeat("\"", 20000); /* each is two characters as JSON */
	char *row = repeat("[1],", 9000);
	struct buf extra = BUF_INIT;
	struct made made;
	cJSON *inner = NULL;
	const char *text;

	(void)state;
	set_field(&lead, FIELD_COMPANY, long_text);
	set_field(&lead, FIELD_LAST_NAME, "Silva");
	buf_addf(&extra, "{\"rows\":[%s0],\"note\":\"kept\"}", row);
	set_extra(&lead, buf_str(&extra));
	made = make(&lead, &none, &none, AZURE_TEXT_MAX);
	text = json_string(made.json, "CustomerInfo");
	assert_true(utf16_length(text) <= AZURE_TEXT_MAX);
	assert_int_equal(json_read(text, strlen(text), &inner, NULL), ERR_OK);
	assert_string_equal(json_string(inner, "LastName"), "Silva");
	cJSON_Delete(inner);
	expect(&made, "Extra", "{\"note\":\"kept\"}");
	assert_string_equal(
		buf_str(&made.entity.cut), "CustomerInfo.Company, Extra.rows");
	finish(&made);
	buf_finish(&extra);
	lead_finish(&lead);
	free(long_text);
	free(row);
}

/* 1 MiB as the service counts: 2 bytes a unit. */
static void all_texts_together_fit_an_entity(void **state)
{
	static struct pair maps[FIELD_COUNT];
	static char names[FIELD_COUNT][8];
	struct pair_list map = {maps, FIELD_COUNT};
	struct lead lead = make_lead();
	char *text = repeat("y", AZURE_TEXT_MAX);
	struct made made;

	(void)state;
	for (int i = 0; i < FIELD_COUNT; i++) {
		snprintf(names[i], sizeof(names[i]), "C%d", i);
		maps[i] = (struct pair)PAIR(
			lead_field_name((enum lead_field)i), names[i], false);
		set_field(&lead, (enum lead_field)i, text);
	}
	made = make(&lead, &map, &none, AZURE_TEXT_MAX);
	assert_true(made.entity.json.len < AZURE_ENTITY_MAX / 2);
	assert_int_equal(strlen(json_string(made.json, "C0")), AZURE_TEXT_MAX / 2);
	assert_non_null(strstr(buf_str(&made.entity.cut), "C20"));
	finish(&made);
	lead_finish(&lead);
	free(text);
}

static void check_columns(const char *name, const char *words)
{
	struct pair pair = PAIR("email", name, false);
	struct pair turned = PAIR(name, "x", false);
	struct pair_list one = {&pair, 1}, other = {&turned, 1};
	struct err err = {.code = ERR_OK};

	if (!words) {
		assert_int_equal(azure_columns_check(&one, &other, &err), ERR_OK);
		return;
	}
	assert_int_equal(azure_columns_check(&one, &none, &err), ERR_CONFIG);
	assert_non_null(strstr(err.text, words));
	assert_int_equal(azure_columns_check(&none, &other, &err), ERR_CONFIG);
	assert_non_null(strstr(err.text, words));
}

static void names_that_cannot_be_properties_are_refused(void **state)
{
	static struct pair many[AZURE_PROPERTIES_MAX];
	struct pair_list set = {many, AZURE_PROPERTIES_MAX};

	(void)state;
	check_columns("Email", NULL);
	check_columns("_x9", NULL);
	check_columns("RowKey", "the entity's own");
	check_columns("PartitionKey", "the entity's own");
	check_columns("Timestamp", "the entity's own");
	check_columns("a-b", "letters, digits and _");
	check_columns("owner@odata.bind", "letters, digits and _");
	check_columns("9lives", "begins with a letter");
	for (size_t i = 0; i < set.count; i++)
		many[i] = (struct pair)PAIR("x", "y", false);
	assert_int_equal(azure_columns_check(&none, &set, NULL), ERR_CONFIG);
	set.count -= 12;
	assert_int_equal(azure_columns_check(&none, &set, NULL), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_marketplaces_columns_are_filled),
		cmocka_unit_test(what_the_marketplace_has_no_column_for_travels_too),
		cmocka_unit_test(map_gives_a_field_its_own_column_and_set_adds),
		cmocka_unit_test(a_text_is_cut_at_64_kib_of_utf16_and_named),
		cmocka_unit_test(json_text_that_is_too_long_stays_json),
		cmocka_unit_test(all_texts_together_fit_an_entity),
		cmocka_unit_test(names_that_cannot_be_properties_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
