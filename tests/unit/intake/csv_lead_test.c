/* Headings and rows: what a file of leads means. */
#include "leadrelay/buf.h"
#include "leadrelay/clock.h"
#include "leadrelay/csv.h"
#include "leadrelay/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct text {
	const char *at;
};

static ssize_t read_text(void *ctx, char *out, size_t size)
{
	struct text *text = ctx;
	size_t len = strnlen(text->at, size);

	memcpy(out, text->at, len);
	text->at += len;
	return (ssize_t)len;
}

struct fixture {
	struct source_settings source;
	struct pair_list map; /* --map */
	int64_t latest;
	struct err err;
};

static int make(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->source = (struct source_settings){.name = (char *)"fair", .kind = SOURCE_CSV};
	*state = f;
	return 0;
}

static int unmake(void **state)
{
	free(*state);
	return 0;
}

static void describe(struct buf *out, const struct csv_lead *got)
{
	cJSON *document = lead_document(&got->lead);
	char *fields = cJSON_PrintUnformatted(cJSON_GetObjectItem(document, "fields"));
	char *extra = cJSON_PrintUnformatted(cJSON_GetObjectItem(document, "extra"));
	char text[40];

	buf_addf(out, "%s", fields);
	if (got->lead.extra)
		buf_addf(out, " %s", extra);
	if (got->time_given)
		buf_addf(out, " at %s", time_text(got->lead.received_at, text));
	if (got->id_given)
		buf_addf(out, " id %s", uuid_text(&got->lead.id, text));
	if (got->lead.test)
		buf_adds(out, " test");
	free(fields);
	free(extra);
	cJSON_Delete(document);
}

/* A line per row: fields, extra, time, id; or "!COLUMN problem". NULL: the heading was
 * refused, f->err says why. */
static char *leads_of(struct fixture *f, const char *text)
{
	const struct csv_options options = {0};
	struct text file = {text};
	struct csv_columns *columns = NULL;
	struct csv_reader *reader;
	struct csv_record record;
	struct buf out = BUF_INIT;

	assert_int_equal(csv_open(&reader, read_text, &file, &options, &f->err), ERR_OK);
	assert_int_equal(csv_next(reader, &record, &f->err), 1);
	if (csv_columns_create(&columns, &record, &f->source, &f->map, &f->err) ==
		ERR_OK) {
		columns->latest = f->latest;
		for (size_t i = 0; i < columns->notes.count; i++)
			buf_addf(&out, "(%s)\n", columns->notes.items[i]);
		while (csv_next(reader, &record, &f->err) == 1) {
			struct csv_lead got;

			if (csv_lead_read(columns, &record, &got))
				describe(&out, &got);
			else
				buf_addf(&out, "!%zu %s", got.column, got.problem);
			buf_addc(&out, '\n');
			lead_finish(&got.lead);
		}
		buf_addc(&out, '\0');
	}
	csv_columns_destroy(columns);
	csv_close(reader);
	return buf_take(&out);
}

static void expect(struct fixture *f, const char *text, const char *expected)
{
	char *got = leads_of(f, text);

	if (!got || !*got)
		print_error("%s\n", f->err.text);
	assert_string_equal(got ? got : "", expected);
	free(got);
}

static void expect_refused(struct fixture *f, const char *text, const char *part)
{
	char *got = leads_of(f, text);

	if (got && *got)
		fail_msg("not refused: %s", got);
	if (!strstr(f->err.text, part))
		fail_msg("\"%s\" does not have \"%s\"", f->err.text, part);
	if (!utf8_valid(f->err.text, strlen(f->err.text)))
		fail_msg("\"%s\" is not UTF-8", f->err.text);
	free(got);
}

static void headings_are_known_in_many_spellings(void **state)
{
	static const struct {
		const char *heading;
		enum lead_field field;
	} known[] = {
		{"first_name", FIELD_FIRST_NAME},
		{"First Name", FIELD_FIRST_NAME},
		{"given-name", FIELD_FIRST_NAME},
		{"Pr\xc3\xa9nom", FIELD_FIRST_NAME},
		{"PRE\xcc\x81NOM", FIELD_FIRST_NAME},
		{"nom", FIELD_LAST_NAME},
		{"Nom de famille", FIELD_LAST_NAME},
		{"Family name", FIELD_LAST_NAME},
		{"name", FIELD_FULL_NAME},
		{"Contact", FIELD_FULL_NAME},
		{"Nom complet", FIELD_FULL_NAME},
		{"E-Mail", FIELD_EMAIL},
		{"emailaddress1", FIELD_EMAIL},
		{"Adresse e-mail", FIELD_EMAIL},
		{"courriel", FIELD_EMAIL},
		{"Business Phone", FIELD_PHONE},
		{"T\xc3\xa9l\xc3\xa9phone", FIELD_PHONE},
		{"telephone1", FIELD_PHONE},
		{"Portable", FIELD_MOBILE},
		{"Soci\xc3\xa9t\xc3\xa9", FIELD_COMPANY},
		{"SOCI\xc3\x89T\xc3\x89", FIELD_COMPANY},
		{"companyname", FIELD_COMPANY},
		{"Job Title", FIELD_TITLE},
		{"Poste", FIELD_TITLE},
		{"Country/Region", FIELD_COUNTRY},
		{"address1_country", FIELD_COUNTRY},
		{"Pays", FIELD_COUNTRY},
		{"province", FIELD_REGION},
		{"Code postal", FIELD_POSTAL_CODE},
		{"zip", FIELD_POSTAL_CODE},
		{"Adresse", FIELD_STREET},
		{"Site\xc2\xa0web", FIELD_WEBSITE},
		{"OfferDisplayName", FIELD_OFFER_TITLE},
		{"Offre", FIELD_OFFER_TITLE},
		{"Offer Id", FIELD_OFFER_ID},
		{"ProductId", FIELD_PRODUCT_ID},
		{"Action", FIELD_ACTION_CODE},
		{"LeadSource", FIELD_LEAD_SOURCE},
		{"Source", FIELD_LEAD_SOURCE},
		{"campagne", FIELD_CAMPAIGN},
		{"Commentaires", FIELD_DESCRIPTION},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (csv_heading_field(known[i].heading) != (int)known[i].field)
			fail_msg("%s", known[i].heading);
	for (int field = 0; field < FIELD_COUNT; field++)
		assert_int_equal(
			csv_heading_field(lead_field_name((enum lead_field)field)),
			field);
	assert_int_equal(csv_heading_field("Budget"), -1);
	assert_int_equal(csv_heading_field(""), -1);
}

static void rows_become_leads(void **state)
{
	expect(*state,
		"First Name,Last Name,Email Address,Company,Position,Connected On\n"
		"Ada,Lovelace,ada@example.com,\"Analytical, Ltd\",Countess,\n"
		",,grace@example.com,,,2026\n",
		"{\"first_name\":\"Ada\",\"last_name\":\"Lovelace\",\"email\":"
		"\"ada@example.com\",\"company\":\"Analytical, Ltd\",\"title\":\"Countess\"}\n"
		"{\"email\":\"grace@example.com\"} {\"Connected On\":\"2026\"}\n");
}

static void azure_table_exports_hold_the_person_as_json(void **state)
{
	expect(*state,
		"PartitionKey,RowKey,Timestamp,CustomerInfo,LeadSource,ActionCode,"
		"OfferDisplayName,ProductId,CreatedTime\n"
		"20261122,r1,,\"{\"\"FirstName\"\":\"\"Ana\"\",\"\"Email\"\":\"\"a@example.com\"\","
		"\"\"Fax\"\":12}\",AzureMarketplace-INS|contoso.backup,,Backup,p1,"
		"2026-11-22T10:00:00Z\n",
		"{\"first_name\":\"Ana\",\"email\":\"a@example.com\",\"offer_title\":\"Backup\","
		"\"offer_id\":\"contoso.backup\",\"product_id\":\"p1\",\"action_code\":\"INS\","
		"\"lead_source\":\"AzureMarketplace\"} {\"PartitionKey\":\"20261122\","
		"\"RowKey\":\"r1\",\"CustomerInfo\":{\"Fax\":12}} at 2026-11-22T10:00:00.000Z\n");
	expect(*state, "CustomerInfo\nAna\n",
		"!1 \"Ana\" is not a JSON object such as {\"FirstName\":\"Ana\",...}\n");
}

static void what_names_nobody_is_refused(void **state)
{
	expect(*state, "email,offer\n,Backup\n,\n",
		"!0 nothing says whose lead this is: a name, an e-mail, a phone or a company\n"
		"!0 nothing says whose lead this is: a name, an e-mail, a phone or a "
		"company\n");
}

static void ragged_rows_are_refused(void **state)
{
	expect(*state, "name,phone\nAda\nAda,1,x\nAda,1,,\n",
		"!0 1 cells, where the heading has 2; a cell that holds the delimiter or a line "
		"end stands in quotes\n"
		"!0 3 cells, where the heading has 2; a cell that holds the delimiter or a line "
		"end stands in quotes\n"
		"{\"full_name\":\"Ada\",\"phone\":\"1\"}\n");
}

static void two_columns_of_one_field(void **state)
{
	expect(*state, "name,Phone,Business Phone\nAda,1,2\nBob,,3\nEve,4,4\n",
		"(columns 2 (Phone) and 3 (Business Phone) both mean phone: the first with a "
		"text counts, the other is kept in extra)\n"
		"{\"full_name\":\"Ada\",\"phone\":\"1\"} {\"Business Phone\":\"2\"}\n"
		"{\"full_name\":\"Bob\",\"phone\":\"3\"}\n"
		"{\"full_name\":\"Eve\",\"phone\":\"4\"} {\"Business Phone\":\"4\"}\n");
	expect(*state, "name,x,x\nAda,1,2\n",
		"{\"full_name\":\"Ada\"} {\"x\":[\"1\",\"2\"]}\n");
}

static void maps_come_first(void **state)
{
	struct fixture *f = *state;
	struct pair own[] = {{(char *)"firm", (char *)"company", false},
		{(char *)"absent", (char *)"city", false}};
	struct pair given[] = {{(char *)"When", (char *)"created", false},
		{(char *)"name", (char *)"extra", false},
		{(char *)"who", (char *)"last_name", false}};
	struct pair set[] = {{(char *)"campaign", (char *)"fair", false}};

	f->source.map = (struct pair_list){own, 2};
	f->source.set = (struct pair_list){set, 1};
	f->map = (struct pair_list){given, 3};
	expect(f, "Name,WHO,Firm,when\nx,Ada,ACME,2026-11-22\n",
		"{\"last_name\":\"Ada\",\"company\":\"ACME\",\"campaign\":\"fair\"} "
		"{\"Name\":\"x\"} at 2026-11-22T00:00:00.000Z\n");
	expect_refused(f, "Name,Firm,When\n",
		"there is no column \"who\"; the heading has: "
		"Name, Firm, When");
	given[2].value = (char *)"surname";
	expect_refused(f, "Name,Firm,When,who\n", "\"surname\" is no field");
}

static void a_heading_without_a_person_is_refused(void **state)
{
	struct fixture *f = *state;

	expect_refused(f, "Ada,ada@example.com\n", "no column says whose lead a row is");
	expect_refused(f, "a,\"b\n", "the heading in line 1: the quote");
	for (size_t first = 0; first < 2; first++) { /* wherever the list is cut */
		struct buf heading = BUF_INIT;

		buf_adds(&heading, first ? "x" : "xy");
		for (size_t i = 0; i < 400; i++)
			buf_adds(&heading, i % 20 == 19 ? ",\xc3\xa6" : "\xc3\xa6");
		buf_adds(&heading, "\n");
		expect_refused(f, buf_str(&heading), "--map COLUMN=FIELD");
		buf_finish(&heading);
	}
	f->source.kind = SOURCE_MARKETPLACE;
	expect(f, "offer\nBackup\n", "{\"offer_title\":\"Backup\"}\n");
}

static void an_export_of_ours_comes_back(void **state)
{
	expect(*state,
		"id,received_at,source,test,full_name,phone,lead_source,extra,deliveries\n"
		"01890a5d-ac96-774b-bcce-b302099a8057,2026-11-22T10:00:00.123Z,web,true,Ada,"
		"'+33 1,x,\"{\"\"n\"\":12.50}\",crm:dead\n"
		"x,2026-11-22T10:00:00.123Z,web,true,Ada,,,,\n"
		"01890a5d-ac96-774b-bcce-b302099a8057,,web,maybe,Ada,,,,\n"
		",,web,,Ada,,,[],\n",
		"{\"full_name\":\"Ada\",\"phone\":\"+33 1\",\"lead_source\":\"x\"} {\"n\":12.50} "
		"at 2026-11-22T10:00:00.123Z id 01890a5d-ac96-774b-bcce-b302099a8057 test\n"
		"!1 \"x\" is no id: a UUID as `leadctl export` writes it is\n"
		"!4 \"maybe\" is neither true nor false\n"
		"!8 \"[]\" is not a JSON object, which this column of an export is\n");
	/* some file with an id and a source of its own */
	expect(*state, "id,source,name\n7,web,'=A\n",
		"{\"full_name\":\"'=A\",\"lead_source\":\"web\"} {\"id\":\"7\"}\n");
}

static void a_rejects_file_loses_what_was_added(void **state)
{
	expect(*state, "name,_line,_reason\nAda,7,because\n",
		"{\"full_name\":\"Ada\"}\n");
}

/* The rows of a rejects file as leadctl writes them. */
static void a_row_made_to_fit_waits_for_its_correction(void **state)
{
	struct fixture *f = *state;
	struct csv_column items[] = {{(char *)"name", CSV_FIELD, FIELD_FULL_NAME},
		{(char *)"phone", CSV_FIELD, FIELD_PHONE}};
	const struct csv_columns columns = {.items = items, .count = 2};
	char *cells[] = {(char *)"Ada"};
	const struct csv_record short_one = {.cells = cells, .count = 1};
	struct buf file = BUF_INIT;

	buf_adds(&file, "name,phone,_line,_reason\nAda,,2,");
	csv_reason_add(&file, &columns, &short_one, "1 cells");
	expect(f, buf_str(&file), "!0 1 cells\n");
	memcpy(file.data, "name,phone,_line,_reason\nAdo,", 29);
	expect(f, buf_str(&file), "{\"full_name\":\"Ado\"}\n");
	buf_finish(&file);
}

static void test_leads_are_marked(void **state)
{
	expect(*state, "email\nMSFT_TEST_636573304831318844@test.com\n",
		"{\"email\":\"MSFT_TEST_636573304831318844@test.com\"} test\n");
}

static void problems_show_the_value_cut_and_escaped(void **state)
{
	struct fixture *f = *state;

	f->latest = 1800000000000;
	expect(f, "name,created\nAda,\"a\x1b[31m\nb\"\nAda,2030-01-01\nAda,1969-01-01\n",
		"!2 \"a\\x1b[31m\\nb\" is no time: 2026-11-22, 2026-11-22 13:14:28 or "
		"2026-11-22T13:14:28Z are\n"
		"!2 \"2030-01-01\" lies in the future: the time a lead came is expected\n"
		"!2 \"1969-01-01\" is before 1970: the time a lead came is expected\n");
	expect(f,
		"name,created\nAda,"
		"0123456789012345678901234567890123456789012345678901234567890123456789\n",
		"!2 \"012345678901234567890123456789012345678901234567890123456789...\" is no "
		"time: 2026-11-22, 2026-11-22 13:14:28 or 2026-11-22T13:14:28Z are\n");
}

static void times_people_write(void **state)
{
	static const struct {
		const char *text, *at; /* NULL: none */
	} times[] = {
		{"2026-11-22T10:00:00Z", "2026-11-22T10:00:00.000Z"},
		{"2026-11-22T10:00:00.5+02:00", "2026-11-22T08:00:00.500Z"},
		{"2026-11-22", "2026-11-22T00:00:00.000Z"},
		{"2026/11/22 9:05", "2026-11-22T09:05:00.000Z"},
		{"2026-11-22 13:14:28", "2026-11-22T13:14:28.000Z"},
		{"2026-11-22T13:14:28.123", "2026-11-22T13:14:28.000Z"},
		{"22/11/2026", "2026-11-22T00:00:00.000Z"},
		{"11/22/2026 1:14 PM", "2026-11-22T13:14:00.000Z"},
		{"11/22/2026 12:14:05 AM", "2026-11-22T00:14:05.000Z"},
		{"5/5/2026", "2026-05-05T00:00:00.000Z"},
		{"3.4.2026 7:00", "2026-04-03T07:00:00.000Z"},
		{"03/04/2026", NULL},
		{"22/11/26", NULL},
		{"2026-02-30", NULL},
		{"2026-11-22 25:00", NULL},
		{"2026-11-22 13:00 pm", NULL},
		{"2026-11-22x", NULL},
		{"2026-11/22", NULL},
		{"13/13/2026", NULL},
		{"46348", NULL},
		{"", NULL},
		{"2026-", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		char text[TIME_TEXT_SIZE];
		int64_t at;
		const char *wrong = csv_time_parse(times[i].text, &at);

		if (!times[i].at != (wrong != NULL))
			fail_msg("%s: %s", times[i].text, wrong ? wrong : "taken");
		if (!wrong)
			assert_string_equal(time_text(at, text), times[i].at);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headings_are_known_in_many_spellings),
		cmocka_unit_test_setup_teardown(rows_become_leads, make, unmake),
		cmocka_unit_test_setup_teardown(
			azure_table_exports_hold_the_person_as_json, make, unmake),
		cmocka_unit_test_setup_teardown(
			what_names_nobody_is_refused, make, unmake),
		cmocka_unit_test_setup_teardown(ragged_rows_are_refused, make, unmake),
		cmocka_unit_test_setup_teardown(two_columns_of_one_field, make, unmake),
		cmocka_unit_test_setup_teardown(maps_come_first, make, unmake),
		cmocka_unit_test_setup_teardown(
			a_heading_without_a_person_is_refused, make, unmake),
		cmocka_unit_test_setup_teardown(
			an_export_of_ours_comes_back, make, unmake),
		cmocka_unit_test_setup_teardown(
			a_rejects_file_loses_what_was_added, make, unmake),
		cmocka_unit_test_setup_teardown(
			a_row_made_to_fit_waits_for_its_correction, make, unmake),
		cmocka_unit_test_setup_teardown(test_leads_are_marked, make, unmake),
		cmocka_unit_test_setup_teardown(
			problems_show_the_value_cut_and_escaped, make, unmake),
		cmocka_unit_test(times_people_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
