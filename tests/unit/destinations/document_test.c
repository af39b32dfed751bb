#include "support.h"

#include "document.h"

static struct pair maps[] = {PAIR("company", "firm", false),
	PAIR("first_name", "last_name", false), PAIR("last_name", "first_name", false)};
static struct pair sets[] = {PAIR("campaign", "spring", false), PAIR("score", "8", true)};

static void check(const struct lead *lead, struct pair_list map, struct pair_list set,
	const char *fields)
{
	struct buf out = BUF_INIT;
	struct buf expected = BUF_INIT;

	assert_true(document_add(&out, lead, &map, &set));
	buf_adds(&expected, "\"fields\":");
	buf_adds(&expected, fields);
	assert_non_null(strstr(buf_str(&out), buf_str(&expected)));
	assert_null(strchr(buf_str(&out), '\n'));
	assert_non_null(strstr(buf_str(&out), "\"id\":\"" LEAD_ID "\""));
	buf_finish(&out);
	buf_finish(&expected);
}

static void map_renames_and_set_adds(void **state)
{
	struct lead lead = make_lead();
	struct pair_list none = {0};

	(void)state;
	set_field(&lead, FIELD_FIRST_NAME, "Ana");
	set_field(&lead, FIELD_LAST_NAME, "Silva");
	set_field(&lead, FIELD_COMPANY, "Fabrikam");
	check(&lead, none, none,
		"{\"first_name\":\"Ana\",\"last_name\":\"Silva\",\"company\":\"Fabrikam\"}");
	check(&lead, (struct pair_list){maps, 1}, none,
		"{\"first_name\":\"Ana\",\"last_name\":\"Silva\",\"firm\":\"Fabrikam\"}");
	check(&lead, (struct pair_list){maps, 3}, (struct pair_list){sets, 2},
		"{\"last_name\":\"Ana\",\"first_name\":\"Silva\",\"firm\":\"Fabrikam\","
		"\"campaign\":\"spring\",\"score\":8}");
	lead_finish(&lead);
}

static void a_constant_replaces_a_field(void **state)
{
	struct lead lead = make_lead();

	(void)state;
	set_field(&lead, FIELD_CAMPAIGN, "winter\nline");
	check(&lead, (struct pair_list){0}, (struct pair_list){sets, 1},
		"{\"campaign\":\"spring\"}");
	check(&lead, (struct pair_list){0}, (struct pair_list){0},
		"{\"campaign\":\"winter\\nline\"}");
	lead_finish(&lead);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(map_renames_and_set_adds),
		cmocka_unit_test(a_constant_replaces_a_field),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
