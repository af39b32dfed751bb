#include "support.h"

#include "dynamics_columns.h"

#include "leadrelay/text.h"

#include <stdio.h>
#include <stdlib.h>

static const struct column_repairs no_repairs;

static void check_row(const struct lead *lead,
	const struct destination_settings *settings, const struct column_repairs *repairs,
	bool update, const char *expected)
{
	cJSON *row = columns_of_lead(lead, settings, repairs, update);
	char *text = cJSON_PrintUnformatted(row);
	struct buf written = BUF_INIT;

	assert_string_equal(text, expected);
	columns_add(&written, lead, settings, repairs, update);
	assert_string_equal(buf_str(&written), expected);
	buf_finish(&written);
	cJSON_free(text);
	cJSON_Delete(row);
}

static void check(const struct lead *lead, const char *expected)
{
	struct destination_settings settings = {0};
	struct buf row = BUF_INIT;

	buf_addf(&row, "{\"leadid\":\"" LEAD_ID "\",%s}", expected);
	check_row(lead, &settings, &no_repairs, false, buf_str(&row));
	buf_finish(&row);
}

static char *column(const struct lead *lead, const struct destination_settings *settings,
	const char *name)
{
	cJSON *row = columns_of_lead(lead, settings, &no_repairs, false);
	const char *text =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(row, name));
	char *copy = text ? strdup(text) : NULL;

	cJSON_Delete(row);
	return copy;
}

static void check_column(const struct lead *lead,
	const struct destination_settings *settings, const char *name,
	const char *expected)
{
	char *text = column(lead, settings, name);

	if (expected)
		assert_string_equal(text, expected);
	else
		assert_null(text);
	free(text);
}

static struct lead marketplace_lead(void)
{
	struct lead lead = make_lead();

	set_field(&lead, FIELD_FIRST_NAME, "Ana");
	set_field(&lead, FIELD_LAST_NAME, "Silva");
	set_field(&lead, FIELD_EMAIL, "ana@example.com");
	set_field(&lead, FIELD_PHONE, "16175550100");
	set_field(&lead, FIELD_COUNTRY, "US");
	set_field(&lead, FIELD_COMPANY, "Fabrikam");
	set_field(&lead, FIELD_TITLE, "CTO");
	set_field(&lead, FIELD_LEAD_SOURCE, "AzureMarketplace");
	set_field(&lead, FIELD_ACTION_CODE, "INS");
	set_field(&lead, FIELD_OFFER_TITLE, "Contoso Backup");
	set_field(&lead, FIELD_DESCRIPTION, "asked for a demo");
	return lead;
}

#define MARKETPLACE \
	"\"subject\":\"Contoso Backup (INS)\",\"firstname\":\"Ana\"," \
	"\"lastname\":\"Silva\",\"companyname\":\"Fabrikam\",\"jobtitle\":\"CTO\"," \
	"\"emailaddress1\":\"ana@example.com\",\"telephone1\":\"16175550100\"," \
	"\"address1_country\":\"US\",\"description\":\"asked for a demo\""

static void a_marketplace_lead_has_these_columns(void **state)
{
	struct lead lead = marketplace_lead();

	(void)state;
	check(&lead, MARKETPLACE);
	lead_finish(&lead);
}

static void a_lead_with_every_field_loses_none(void **state)
{
	struct lead lead = make_lead();

	(void)state;
	for (int i = 0; i < FIELD_COUNT; i++)
		set_field(&lead, (enum lead_field)i, lead_field_name((enum lead_field)i));
	set_extra(&lead, "{\"budget\":\"10k\",\"tags\":[1,\"x\"],\"none\":null,"
			 "\"two\\nlines\":\"a\\nb\",\"yes\":true}");
	check(&lead, "\"subject\":\"offer_title (action_code)\","
		     "\"firstname\":\"first_name\",\"lastname\":\"last_name\","
		     "\"companyname\":\"company\",\"jobtitle\":\"title\","
		     "\"emailaddress1\":\"email\",\"telephone1\":\"phone\","
		     "\"mobilephone\":\"mobile\",\"address1_country\":\"country\","
		     "\"address1_stateorprovince\":\"region\","
		     "\"address1_city\":\"city\",\"address1_postalcode\":\"postal_code\","
		     "\"address1_line1\":\"street\",\"websiteurl\":\"website\","
		     "\"description\":\"description\\noffer_id: offer_id\\n"
		     "product_id: product_id\\ncampaign: campaign\\nbudget: 10k\\n"
		     "tags: [1,\\\"x\\\"]\\ntwo lines: a b\\nyes: true\"");
	lead_finish(&lead);
}

static void the_last_name_is_never_empty(void **state)
{
	struct destination_settings settings = {0};
	struct lead lead = make_lead();

	(void)state;
	set_field(&lead, FIELD_EMAIL, "x@example.com");
	check(&lead, "\"subject\":\"x@example.com\",\"lastname\":\"(unknown)\","
		     "\"emailaddress1\":\"x@example.com\"");
	set_field(&lead, FIELD_COMPANY, "Fabrikam");
	check_column(&lead, &settings, "lastname", "Fabrikam");
	check_column(&lead, &settings, "subject", "Fabrikam");
	set_field(&lead, FIELD_FULL_NAME, "Ana  Maria Silva");
	check_column(&lead, &settings, "firstname", "Ana  Maria");
	check_column(&lead, &settings, "lastname", "Silva");
	set_field(&lead, FIELD_FULL_NAME, "Plato");
	check_column(&lead, &settings, "firstname", NULL);
	check_column(&lead, &settings, "lastname", "Plato");
	set_field(&lead, FIELD_LAST_NAME, "Real");
	check_column(&lead, &settings, "lastname", "Real");
	lead_finish(&lead);
}

static void the_subject_without_an_offer_is_the_company_or_the_name(void **state)
{
	struct destination_settings settings = {0};
	struct lead lead = make_lead();

	(void)state;
	set_field(&lead, FIELD_FIRST_NAME, "Ana");
	set_field(&lead, FIELD_LAST_NAME, "Silva");
	set_field(&lead, FIELD_ACTION_CODE, "INS");
	check_column(&lead, &settings, "subject", "Ana Silva");
	set_field(&lead, FIELD_COMPANY, "Fabrikam");
	check_column(&lead, &settings, "subject", "Fabrikam");
	set_field(&lead, FIELD_OFFER_TITLE, "Backup");
	check_column(&lead, &settings, "subject", "Backup (INS)");
	set_field(&lead, FIELD_ACTION_CODE, NULL);
	check_column(&lead, &settings, "subject", "Backup");
	lead_finish(&lead);
}

static struct pair maps[] = {PAIR("campaign", "new_campaigncode", false),
	PAIR("email", "emailaddress2", false), PAIR("lead_source", "description", false)};
static struct pair sets[] = {PAIR("leadsourcecode", "8", true),
	PAIR("companyname", "Always", false), PAIR("donotemail", "false", true),
	PAIR("campaignid@odata.bind", "/campaigns(1)", false)};

static void map_and_set_come_first(void **state)
{
	struct destination_settings settings = {.map = {maps, 2}, .set = {sets, 2}};
	struct lead lead = marketplace_lead();

	(void)state;
	set_field(&lead, FIELD_CAMPAIGN, "spring");
	set_extra(&lead, "{\"budget\":\"10k\"}");
	check_row(&lead, &settings, &no_repairs, false,
		"{\"leadid\":\"" LEAD_ID "\",\"leadsourcecode\":8,"
		"\"companyname\":\"Always\",\"new_campaigncode\":\"spring\","
		"\"emailaddress2\":\"ana@example.com\","
		"\"subject\":\"Contoso Backup (INS)\",\"firstname\":\"Ana\","
		"\"lastname\":\"Silva\",\"jobtitle\":\"CTO\","
		"\"telephone1\":\"16175550100\",\"address1_country\":\"US\","
		"\"description\":\"asked for a demo\\ncompany: Fabrikam\\nbudget: 10k\"}");
	assert_string_equal(columns_email_name(&settings), "emailaddress2");
	lead_finish(&lead);
}

static void what_is_mapped_to_description_stands_before_the_lines(void **state)
{
	struct destination_settings settings = {.map = {maps, 3}};
	struct lead lead = marketplace_lead();

	(void)state;
	set_field(&lead, FIELD_OFFER_ID, "contoso.backup-1");
	check_column(&lead, &settings, "description",
		"AzureMarketplace\nasked for a demo\noffer_id: contoso.backup-1");
	lead_finish(&lead);
}

static void do_not_contact_sets_the_flags_over_any_constant(void **state)
{
	struct destination_settings settings = {.set = {sets, 3}};
	struct lead lead = make_lead();

	(void)state;
	set_field(&lead, FIELD_LAST_NAME, "Silva");
	set_field(&lead, FIELD_ACTION_CODE, "DNC");
	check_row(&lead, &settings, &no_repairs, false,
		"{\"leadid\":\"" LEAD_ID "\",\"leadsourcecode\":8,"
		"\"companyname\":\"Always\",\"subject\":\"Silva\",\"lastname\":\"Silva\","
		"\"donotemail\":true,\"donotbulkemail\":true,\"donotphone\":true,"
		"\"donotpostalmail\":true,\"donotfax\":true,\"donotsendmm\":true}");
	lead_finish(&lead);
}

static void an_update_brings_neither_id_nor_placeholder(void **state)
{
	struct destination_settings settings = {0};
	struct lead lead = make_lead();

	(void)state;
	set_field(&lead, FIELD_EMAIL, "x@example.com");
	check_row(&lead, &settings, &no_repairs, true,
		"{\"subject\":\"x@example.com\",\"emailaddress1\":\"x@example.com\"}");
	lead_finish(&lead);
}

/* count times text. The caller's to free. */
static char *repeat(const char *text, size_t count)
{
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < count; i++)
		buf_adds(&out, text);
	return buf_take(&out);
}

static void what_is_cut_stands_whole_in_description(void **state)
{
	struct destination_settings settings = {0};
	struct lead lead = make_lead();

	(void)state;
	set_field(&lead, FIELD_LAST_NAME, "Silva");
	set_field(&lead, FIELD_MOBILE, "+33 6 12 34 56 78 ext 1234");
	set_field(&lead, FIELD_DESCRIPTION, "hello");
	check_column(&lead, &settings, "mobilephone", "+33 6 12 34 56 78 ex");
	check_column(&lead, &settings, "description",
		"hello\nmobile: +33 6 12 34 56 78 ext 1234");
	lead_finish(&lead);
}

static void a_pair_of_surrogates_is_never_cut_in_two(void **state)
{
	struct destination_settings settings = {0};
	struct lead lead = make_lead();
	char *name = repeat("\xf0\x9f\x98\x80", 25); /* 50 UTF-16 units */
	char longer[120];

	(void)state;
	set_field(&lead, FIELD_LAST_NAME, name);
	check_column(&lead, &settings, "lastname", name);
	check_column(&lead, &settings, "description", NULL);
	snprintf(longer, sizeof(longer), "x%s", name); /* 51: the last one is left out */
	set_field(&lead, FIELD_LAST_NAME, longer);
	longer[strlen(longer) - 4] = '\0';
	check_column(&lead, &settings, "lastname", longer);
	free(name);
	lead_finish(&lead);
}

static void description_takes_the_lines_that_fit(void **state)
{
	struct destination_settings settings = {0};
	struct lead lead = make_lead();
	char *text = repeat("x", 1975);
	char *description;

	(void)state;
	set_field(&lead, FIELD_LAST_NAME, "Silva");
	set_field(&lead, FIELD_DESCRIPTION, text);
	set_field(&lead, FIELD_OFFER_ID, "much too long for the rest of it");
	set_field(&lead, FIELD_PRODUCT_ID, "12345678901");
	description = column(&lead, &settings, "description");
	assert_int_equal(strlen(description), 1975 + 1 + 23);
	assert_string_equal(description + 1975, "\nproduct_id: 12345678901");
	free(description);
	set_field(&lead, FIELD_PRODUCT_ID, "123456789012");
	description = column(&lead, &settings, "description");
	assert_int_equal(strlen(description), 2000);
	free(description);
	set_field(&lead, FIELD_PRODUCT_ID, "1234567890123");
	check_column(&lead, &settings, "description", text);
	free(text);
	lead_finish(&lead);
}

static void a_long_description_is_cut(void **state)
{
	struct destination_settings settings = {0};
	struct lead lead = make_lead();
	char *text = repeat("x", 2500);

	(void)state;
	set_field(&lead, FIELD_LAST_NAME, "Silva");
	set_field(&lead, FIELD_DESCRIPTION, text);
	text[2000] = '\0';
	check_column(&lead, &settings, "description", text);
	free(text);
	lead_finish(&lead);
}

static struct column_repairs repairs_after(const struct lead *lead, const char *message,
	bool (*repair)(struct column_repairs *, const cJSON *, const char *))
{
	struct destination_settings settings = {0};
	struct column_repairs repairs = {0};
	cJSON *row = columns_of_lead(lead, &settings, &repairs, false);

	repair(&repairs, row, message);
	assert_false(repair(&repairs, row, message)); /* once per column */
	cJSON_Delete(row);
	return repairs;
}

static void an_over_long_column_is_cut_to_what_the_crm_says(void **state)
{
	struct destination_settings settings = {0};
	struct lead lead = make_lead();
	struct column_repairs repairs;

	(void)state;
	set_field(&lead, FIELD_LAST_NAME, "Silva");
	set_field(&lead, FIELD_COMPANY, "A very long company name");
	repairs = repairs_after(&lead,
		"A validation error occurred. The length of the 'companyname' attribute of "
		"the 'lead' entity exceeded the maximum allowed length of '10'.",
		columns_shorten);
	assert_int_equal(repairs.count, 1);
	assert_int_equal(repairs.items[0].limit, 10);
	check_row(&lead, &settings, &repairs, false,
		"{\"leadid\":\"" LEAD_ID "\",\"subject\":\"A very long company name\","
		"\"lastname\":\"Silva\",\"companyname\":\"A very lon\","
		"\"description\":\"company: A very long company name\"}");
	repairs = repairs_after(&lead, "companyname is too long", columns_shorten);
	assert_int_equal(repairs.items[0].limit, 12);
	repairs = repairs_after(&lead, "something is too long", columns_shorten);
	assert_int_equal(repairs.count, 0);
	lead_finish(&lead);
}

static void a_bad_email_moves_to_description(void **state)
{
	struct destination_settings settings = {0};
	struct lead lead = make_lead();
	struct column_repairs repairs;

	(void)state;
	set_field(&lead, FIELD_LAST_NAME, "Silva");
	set_field(&lead, FIELD_EMAIL, "ana at example");
	repairs = repairs_after(&lead, "Invalid e-mail address", columns_drop_email);
	check_row(&lead, &settings, &repairs, false,
		"{\"leadid\":\"" LEAD_ID "\",\"subject\":\"Silva\","
		"\"lastname\":\"Silva\",\"description\":\"email: ana at example\"}");
	lead_finish(&lead);
}

static void a_choice_out_of_range_is_left_out(void **state)
{
	struct destination_settings settings = {.set = {sets, 1}};
	struct lead lead = make_lead();
	struct column_repairs repairs = {0};
	cJSON *row;

	(void)state;
	set_field(&lead, FIELD_LAST_NAME, "Silva");
	row = columns_of_lead(&lead, &settings, &repairs, false);
	assert_true(columns_drop_choice(
		&repairs, row, &settings, "The value 8 of 'leadsourcecode' is outside"));
	repairs.count = 0;
	assert_true(columns_drop_choice(&repairs, row, &settings, "out of range"));
	assert_false(columns_drop_choice(&repairs, row, &settings, "out of range"));
	check_row(&lead, &settings, &repairs, false,
		"{\"leadid\":\"" LEAD_ID "\",\"subject\":\"Silva\","
		"\"lastname\":\"Silva\"}");
	cJSON_Delete(row);
	lead_finish(&lead);
}

static void columns_of_others_cannot_be_written(void **state)
{
	(void)state;
	assert_true(column_name_allowed("new_campaigncode"));
	assert_true(column_name_allowed("campaignid@odata.bind"));
	assert_false(column_name_allowed("leadid"));
	assert_false(column_name_allowed("FullName"));
	assert_false(column_name_allowed("campaignid@odata.type"));
	assert_false(column_name_allowed("two words"));
	assert_false(column_name_allowed("9lives"));
	assert_false(column_name_allowed(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_marketplace_lead_has_these_columns),
		cmocka_unit_test(a_lead_with_every_field_loses_none),
		cmocka_unit_test(the_last_name_is_never_empty),
		cmocka_unit_test(the_subject_without_an_offer_is_the_company_or_the_name),
		cmocka_unit_test(map_and_set_come_first),
		cmocka_unit_test(what_is_mapped_to_description_stands_before_the_lines),
		cmocka_unit_test(do_not_contact_sets_the_flags_over_any_constant),
		cmocka_unit_test(an_update_brings_neither_id_nor_placeholder),
		cmocka_unit_test(what_is_cut_stands_whole_in_description),
		cmocka_unit_test(a_pair_of_surrogates_is_never_cut_in_two),
		cmocka_unit_test(description_takes_the_lines_that_fit),
		cmocka_unit_test(a_long_description_is_cut),
		cmocka_unit_test(an_over_long_column_is_cut_to_what_the_crm_says),
		cmocka_unit_test(a_bad_email_moves_to_description),
		cmocka_unit_test(a_choice_out_of_range_is_left_out),
		cmocka_unit_test(columns_of_others_cannot_be_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
