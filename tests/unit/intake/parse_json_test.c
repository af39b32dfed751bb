/* The json kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "parsing.h"

static int parse(struct given *g, const char *body)
{
	g->source.kind = SOURCE_JSON;
	return parse_text(g, "application/json", body);
}

static void one_object_is_one_lead(void **state)
{
	struct given *g = *state;

	assert_int_equal(parse(g, " {\"email\":\" a@b.c \",\"phone\":12,\"city\":null,"
				  "\"Email\":\"other\",\"x\":{\"y\":[1.10]}}"),
		0);
	assert_int_equal(g->parsed.count, 1);
	assert_false(g->parsed.array);
	expect_field(g, 0, FIELD_EMAIL, "a@b.c");
	expect_field(g, 0, FIELD_PHONE, "12");
	expect_field(g, 0, FIELD_CITY, NULL);
	expect_extra(g, 0, "{\"Email\":\"other\",\"x\":{\"y\":[1.10]}}");
}

static void an_array_is_many(void **state)
{
	struct given *g = *state;

	assert_int_equal(parse(g, "[{\"email\":\"a@b.c\"},{\"company\":\"C\"}]"), 0);
	assert_true(g->parsed.array);
	assert_int_equal(g->parsed.count, 2);
	expect_field(g, 1, FIELD_COMPANY, "C");
}

static void an_array_is_all_or_nothing(void **state)
{
	struct given *g = *state;

	assert_int_equal(parse(g, "[{\"email\":\"a@b.c\"},{\"city\":\"C\"}]"), 422);
	assert_memory_equal(g->parsed.problem, "item 2: ", 8);
	assert_int_equal(g->parsed.count, 0);
	assert_int_equal(parse(g, "[{\"email\":\"a@b.c\"},{\"email\":false}]"), 422);
	assert_string_equal(g->parsed.problem, "item 2: email: must be a text");
	assert_int_equal(parse(g, "[{\"email\":\"a@b.c\"},7]"), 400);
	assert_int_equal(parse(g, "[]"), 422);
}

static char *array_of(int count)
{
	char *body = malloc((size_t)count * 20 + 3);
	size_t len = 0;

	body[len++] = '[';
	for (int i = 0; i < count; i++)
		len += (size_t)sprintf(
			body + len, "%s{\"email\":\"a@b\"}", i > 0 ? "," : "");
	strcpy(body + len, "]");
	return body;
}

static void an_array_has_up_to_a_thousand(void **state)
{
	struct given *g = *state;
	char *fits = array_of(1000), *large = array_of(1001);

	assert_int_equal(parse(g, fits), 0);
	assert_int_equal(g->parsed.count, 1000);
	assert_int_equal(parse(g, large), 413);
	assert_int_equal(g->parsed.count, 0);
	free(fits);
	free(large);
}

static void somebody_must_be_identified(void **state)
{
	struct given *g = *state;

	assert_int_equal(
		parse(g, "{\"offer_title\":\"O\",\"action_code\":\"INS\"}"), 422);
	assert_int_equal(parse(g, "{\"full_name\":\"A B\"}"), 0);
	assert_int_equal(parse(g, "{\"last_name\":\"B\"}"), 0);
	assert_int_equal(parse(g, "{\"mobile\":\"1\"}"), 0);
	assert_int_equal(parse(g, "{\"company\":\"  \"}"), 422);
}

static void other_types_are_415(void **state)
{
	static const char *const taken[] = {"application/json",
		"Application/JSON; charset=x", "application/ld+json", "text/json", "",
		NULL};
	static const char *const refused[] = {"text/plain", "application/jsonx",
		"application/x-www-form-urlencoded", "multipart/form-data; boundary=x"};
	struct given *g = *state;

	g->source.kind = SOURCE_JSON;
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(parse_text(g, taken[i], "{\"email\":\"a@b.c\"}"), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(parse_text(g, refused[i], "{\"email\":\"a@b.c\"}"), 415);
}

static void incoming_names_are_mapped(void **state)
{
	struct pair map[] = {{(char[]){"surname"}, (char[]){"last_name"}, false}};
	struct given *g = *state;

	g->source.map = (struct pair_list){map, 1};
	assert_int_equal(
		parse(g, "{\"surname\":\"B\",\"last_name\":\"C\",\"Surname\":\"D\"}"), 0);
	expect_field(g, 0, FIELD_LAST_NAME, "B");
	expect_extra(g, 0, "{\"last_name\":\"C\",\"Surname\":\"D\"}");
}

static void what_is_not_json_is_400(void **state)
{
	static const char *const bodies[] = {"", " ", "email=a",
		"{\"email\":\"a\\u0000\"}", "{'email':1}", "{\"email\":NaN}",
		"{\"email\":01}", "7", "\"x\"", "true", "{\"email\":\"a\"} x",
		"{\"email\":\"\xc3\"}"};
	struct given *g = *state;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		if (parse(g, bodies[i]) != 400)
			fail_msg("%s: %d", bodies[i], g->parsed.status);
	}
	g->source.kind = SOURCE_JSON;
	assert_int_equal(parse_bytes(g, NULL, "{\"email\":\"a\0\"}", 14), 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, given_set_up, given_tear_down)
		T(one_object_is_one_lead),
		T(an_array_is_many),
		T(an_array_is_all_or_nothing),
		T(an_array_has_up_to_a_thousand),
		T(somebody_must_be_identified),
		T(other_types_are_415),
		T(incoming_names_are_mapped),
		T(what_is_not_json_is_400),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
