/* What Microsoft posts, and its relatives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "parsing.h"

static int parse(struct given *g, const char *body)
{
	g->source.kind = SOURCE_MARKETPLACE;
	return parse_text(g, "application/json; charset=utf-8", body);
}

static void the_documented_lead_is_read(void **state)
{
	struct given *g = *state;

	assert_int_equal(
		parse(g, "{\"UserDetails\":{\"FirstName\":\"Ana\",\"LastName\":\"Silva\","
			 "\"Email\":\"ana@example.com\",\"Phone\":\"16175550100\","
			 "\"Country\":\"US\",\"Company\":\"Fabrikam\",\"Title\":\"CTO\"},"
			 "\"LeadSource\":\"AzureMarketplace\",\"ActionCode\":\"INS\","
			 "\"OfferTitle\":\"Contoso Backup\",\"Description\":\"a demo\"}"),
		0);
	expect_field(g, 0, FIELD_FIRST_NAME, "Ana");
	expect_field(g, 0, FIELD_LAST_NAME, "Silva");
	expect_field(g, 0, FIELD_EMAIL, "ana@example.com");
	expect_field(g, 0, FIELD_PHONE, "16175550100");
	expect_field(g, 0, FIELD_COUNTRY, "US");
	expect_field(g, 0, FIELD_COMPANY, "Fabrikam");
	expect_field(g, 0, FIELD_TITLE, "CTO");
	expect_field(g, 0, FIELD_LEAD_SOURCE, "AzureMarketplace");
	expect_field(g, 0, FIELD_ACTION_CODE, "INS");
	expect_field(g, 0, FIELD_OFFER_TITLE, "Contoso Backup");
	expect_field(g, 0, FIELD_DESCRIPTION, "a demo");
	expect_extra(g, 0, "");
	assert_false(g->parsed.leads[0].test);
}

static void any_key_casing_does(void **state)
{
	struct given *g = *state;

	assert_int_equal(parse(g, "{\"userDetails\":{\"firstName\":\"Ana\",\"LASTNAME\":"
				  "\"Silva\",\"e_mail\":\"x\",\"email\":\"a@b.c\"},"
				  "\"leadsource\":\"S\",\"action_code\":\"PLT\"}"),
		0);
	expect_field(g, 0, FIELD_FIRST_NAME, "Ana");
	expect_field(g, 0, FIELD_LAST_NAME, "Silva");
	expect_field(g, 0, FIELD_EMAIL, "x");
	expect_field(g, 0, FIELD_ACTION_CODE, "PLT");
	expect_extra(g, 0, "{\"userDetails\":{\"email\":\"a@b.c\"}}");
}

static void a_flat_lead_is_read(void **state)
{
	struct given *g = *state;

	assert_int_equal(parse(g, "{\"FirstName\":\"Ana\",\"Email\":\"a@b.c\","
				  "\"OfferDisplayName\":\"O\",\"ProductId\":42}"),
		0);
	expect_field(g, 0, FIELD_FIRST_NAME, "Ana");
	expect_field(g, 0, FIELD_OFFER_TITLE, "O");
	expect_field(g, 0, FIELD_PRODUCT_ID, "42");
}

static void customer_info_may_be_text(void **state)
{
	struct given *g = *state;

	assert_int_equal(parse(g, "{\"PartitionKey\":\"p\",\"CustomerInfo\":"
				  "\"{\\\"FirstName\\\":\\\"Ana\\\",\\\"Age\\\":7,"
				  "\\\"Email\\\":\\\"a@b.c\\\"}\",\"LeadSource\":"
				  "\"AzureMarketplace-INS|contoso.back-up.v2\"}"),
		0);
	expect_field(g, 0, FIELD_FIRST_NAME, "Ana");
	expect_field(g, 0, FIELD_LEAD_SOURCE, "AzureMarketplace");
	expect_field(g, 0, FIELD_ACTION_CODE, "INS");
	expect_field(g, 0, FIELD_OFFER_ID, "contoso.back-up.v2");
	expect_extra(g, 0, "{\"PartitionKey\":\"p\",\"CustomerInfo\":{\"Age\":7}}");
}

static void unreadable_customer_info_is_kept(void **state)
{
	struct given *g = *state;

	assert_int_equal(
		parse(g, "{\"CustomerInfo\":\"{oops\",\"ActionCode\":\"INS\"}"), 0);
	expect_extra(g, 0, "{\"CustomerInfo\":\"{oops\"}");
	assert_int_equal(parse(g, "{\"UserDetails\":[1],\"ActionCode\":\"INS\"}"), 0);
	expect_extra(g, 0, "{\"UserDetails\":[1]}");
	assert_int_equal(parse(g, "{\"UserDetails\":null,\"ActionCode\":\"INS\"}"), 0);
	expect_extra(g, 0, "");
}

static void unknown_keys_keep_value_and_type(void **state)
{
	struct given *g = *state;

	assert_int_equal(parse(g, "{\"UserDetails\":{\"Email\":\"a@b.c\",\"Nick\":\"N\"},"
				  "\"Big\":12345678901234567890.10,\"E\":1e400,\"Z\":-0,"
				  "\"Flag\":true,\"None\":null,\"List\":[1,{\"a\":2}]}"),
		0);
	expect_extra(g, 0,
		"{\"UserDetails\":{\"Nick\":\"N\"},\"Big\":12345678901234567890.10,"
		"\"E\":1e400,\"Z\":-0,\"Flag\":true,\"None\":null,"
		"\"List\":[1,{\"a\":2}]}");
}

static void an_offer_a_source_or_an_action_is_enough(void **state)
{
	struct given *g = *state;

	assert_int_equal(parse(g, "{\"OfferTitle\":\"O\"}"), 0);
	assert_int_equal(parse(g, "{\"LeadSource\":\"S\",\"UserDetails\":{}}"), 0);
	assert_int_equal(parse(g, "{\"ActionCode\":\"DNC\"}"), 0);
	assert_true(lead_do_not_contact(&g->parsed.leads[0]));
	assert_int_equal(parse(g, "{\"Email\":\"a@b.c\"}"), 0);
	assert_int_equal(parse(g, "{\"Description\":\"hi\"}"), 422);
	assert_int_equal(parse(g, "{}"), 422);
	assert_int_equal(parse(g, "{\"OfferTitle\":\"  \"}"), 422);
	assert_int_equal(parse(g, "{\"LeadSource\":\"|o\"}"), 0);
	assert_int_equal(parse(g, "{\"LeadSource\":\" |\"}"), 422);
}

static void the_test_lead_is_marked(void **state)
{
	struct given *g = *state;

	assert_int_equal(
		parse(g,
			"{\"userDetails\":{\"firstName\":\"MSFT_TEST_636573304831318844\","
			"\"lastName\":\"MSFT_TEST_636573304831318844\","
			"\"email\":\"MSFT_TEST_636573304831318844@test.com\","
			"\"phone\":\"1234567890\",\"country\":\"US\","
			"\"company\":\"MSFT_TEST_636573304831318844\","
			"\"title\":\"MSFT_TEST_636573304831318844\"},"
			"\"leadSource\":\"AzureMarketplace\",\"actionCode\":\"INS\","
			"\"offerTitle\":\"Contoso Test\","
			"\"description\":\"MSFT_TEST_636573304831318844\"}"),
		0);
	assert_true(g->parsed.leads[0].test);
}

/* As the FAQ prints it: the comma after OfferTitle's value is missing. */
static void the_faq_s_broken_sample_is_400_and_leaves_no_lead(void **state)
{
	struct given *g = *state;

	assert_int_equal(parse(g, "{\"userDetails\":{\"firstName\":\"MSFT_TEST_6365\"},"
				  "\"leadSource\":\"AzureMarketplace\","
				  "\"offerTitle\":\"Contoso Test\" "
				  "\"description\":\"MSFT_TEST_6365\"}"),
		400);
	assert_int_equal(g->parsed.count, 0);
	assert_non_null(strstr(g->parsed.problem, "JSON"));
	assert_null(strstr(g->parsed.problem, "MSFT_TEST"));
}

static void what_is_no_object_is_400(void **state)
{
	static const char *const bodies[] = {"[]", "[{\"Email\":\"a@b.c\"}]", "\"x\"",
		"1", "null", "{", "{\"a\":1}}", "{\"a\":1,\"a\":2}",
		"{\"Email\":\"a\\u0000b\"}", "{\"Email\":\"\\ud800\"}",
		"{\"Email\":\"\xff\"}", "a=b&c=d", "  \r\n", ""};
	struct given *g = *state;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		if (parse(g, bodies[i]) != 400)
			fail_msg("%s: %d", bodies[i], g->parsed.status);
	}
}

static void deep_nesting_is_400(void **state)
{
	struct given *g = *state;
	char deep[256] = "{\"OfferTitle\":\"O\",\"a\":";
	size_t len = strlen(deep);

	memset(deep + len, '[', 40);
	memset(deep + len + 40, ']', 40);
	strcpy(deep + len + 80, "}");
	assert_int_equal(parse(g, deep), 400);
}

static void a_bom_and_any_type_are_taken(void **state)
{
	struct given *g = *state;

	g->source.kind = SOURCE_MARKETPLACE;
	assert_int_equal(parse_text(g, NULL, "\xef\xbb\xbf{\"OfferTitle\":\"O\"}"), 0);
	assert_int_equal(parse_text(g, "text/plain", "{\"OfferTitle\":\"O\"}"), 0);
	assert_int_equal(
		parse_text(g, "application/x-www-form-urlencoded",
			"{\"OfferTitle\":\"\xc3\xa9t\xc3\xa9 \xf0\x9f\x98\x80\"}"),
		0);
	expect_field(g, 0, FIELD_OFFER_TITLE, "\xc3\xa9t\xc3\xa9 \xf0\x9f\x98\x80");
}

static void a_wrong_type_is_422_and_keeps_the_rest(void **state)
{
	struct given *g = *state;

	assert_int_equal(parse(g, "{\"OfferTitle\":\"O\",\"UserDetails\":{\"Email\":"
				  "\"a@b.c\",\"Phone\":true}}"),
		422);
	assert_string_equal(g->parsed.problem, "phone: must be a text");
	assert_int_equal(g->parsed.count, 1);
	expect_field(g, 0, FIELD_EMAIL, "a@b.c");
	assert_int_equal(parse(g, "{\"OfferTitle\":{}}"), 422);
	assert_int_equal(parse(g, "{\"OfferTitle\":[\"O\"]}"), 422);
}

static void numbers_are_text_up_to_15_digits(void **state)
{
	struct given *g = *state;

	assert_int_equal(parse(g, "{\"Phone\":123456789012345}"), 0);
	expect_field(g, 0, FIELD_PHONE, "123456789012345");
	assert_int_equal(parse(g, "{\"Phone\":-1.50}"), 0);
	expect_field(g, 0, FIELD_PHONE, "-1.50");
	assert_int_equal(parse(g, "{\"Phone\":1234567890123456}"), 422);
	assert_non_null(strstr(g->parsed.problem, "15 digits"));
}

static void map_and_set_apply(void **state)
{
	struct pair map[] = {{(char[]){"Firm"}, (char[]){"company"}, false}};
	struct pair set[] = {{(char[]){"campaign"}, (char[]){"spring"}, false},
		{(char[]){"rank"}, (char[]){"8"}, true},
		{(char[]){"note"}, (char[]){"8"}, false}};
	struct given *g = *state;

	g->source.map = (struct pair_list){map, 1};
	g->source.set = (struct pair_list){set, 3};
	assert_int_equal(parse(g, "{\"UserDetails\":{\"FIRM\":\"F\"},\"note\":1,"
				  "\"Campaign\":\"autumn\"}"),
		0);
	expect_field(g, 0, FIELD_COMPANY, "F");
	expect_field(g, 0, FIELD_CAMPAIGN, "spring");
	expect_extra(g, 0, "{\"rank\":8,\"note\":\"8\"}");
	set[0] = (struct pair){(char[]){"offer_title"}, (char[]){"O"}, false};
	assert_int_equal(parse(g, "{\"x\":1}"), 422); /* constants identify nobody */
}

static void tens_of_thousands_of_keys_are_no_trouble(void **state)
{
	struct given *g = *state;
	size_t len = 0;
	char *body = malloc(600000);

	len += (size_t)sprintf(body, "{\"OfferTitle\":\"O\"");
	for (int i = 0; i < 30000; i++)
		len += (size_t)sprintf(body + len, ",\"k%d\":%d", i, i);
	sprintf(body + len, "}");
	assert_int_equal(parse(g, body), 0);
	assert_int_equal(cJSON_GetArraySize(g->parsed.leads[0].extra), 30000);
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, given_set_up, given_tear_down)
		T(the_documented_lead_is_read),
		T(any_key_casing_does),
		T(a_flat_lead_is_read),
		T(customer_info_may_be_text),
		T(unreadable_customer_info_is_kept),
		T(unknown_keys_keep_value_and_type),
		T(an_offer_a_source_or_an_action_is_enough),
		T(the_test_lead_is_marked),
		T(the_faq_s_broken_sample_is_400_and_leaves_no_lead),
		T(what_is_no_object_is_400),
		T(deep_nesting_is_400),
		T(a_bom_and_any_type_are_taken),
		T(a_wrong_type_is_422_and_keeps_the_rest),
		T(numbers_are_text_up_to_15_digits),
		T(map_and_set_apply),
		T(tens_of_thousands_of_keys_are_no_trouble),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
