/* The form kind: urlencoded and multipart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "parsing.h"

#define URLENCODED "application/x-www-form-urlencoded"
#define MULTIPART "multipart/form-data; boundary=xYz"
#define PART(name, text) \
	"--xYz\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" text "\r\n"

static int parse(struct given *g, const char *type, const char *body)
{
	g->source.kind = SOURCE_FORM;
	return parse_text(g, type, body);
}

static void a_urlencoded_form_is_read(void **state)
{
	struct given *g = *state;

	assert_int_equal(
		parse(g, URLENCODED "; charset=UTF-8",
			"first_name=Jos%C3%A9+Mar%C3%ADa&email=a%2Bb%40c.d&&x=&y&city=+"),
		0);
	expect_field(g, 0, FIELD_FIRST_NAME,
		"Jos\xc3\xa9 Mar\xc3\xad"
		"a");
	expect_field(g, 0, FIELD_EMAIL, "a+b@c.d");
	expect_field(g, 0, FIELD_CITY, NULL);
	expect_extra(g, 0, "{\"x\":\"\",\"y\":\"\"}");
}

/* The Web-to-Lead test lead repeats a key. */
static void repeated_keys_are_kept(void **state)
{
	struct given *g = *state;

	assert_int_equal(
		parse(g, URLENCODED,
			"encoding=UTF-8&email=a%40b&encoding=UTF-8&email=c%40d&email=e"),
		0);
	expect_field(g, 0, FIELD_EMAIL, "a@b");
	expect_extra(
		g, 0, "{\"encoding\":[\"UTF-8\",\"UTF-8\"],\"email\":[\"c@d\",\"e\"]}");
}

static void a_composite_source_is_split(void **state)
{
	struct given *g = *state;

	assert_int_equal(
		parse(g, URLENCODED, "lead_source=SPZA-PLT%7Ca.b-c&company=MSFT_TEST_1"),
		0);
	expect_field(g, 0, FIELD_LEAD_SOURCE, "SPZA");
	expect_field(g, 0, FIELD_ACTION_CODE, "PLT");
	expect_field(g, 0, FIELD_OFFER_ID, "a.b-c");
	assert_true(g->parsed.leads[0].test);
}

static void bad_encodings_are_400(void **state)
{
	static const char *const bodies[] = {"email=%", "email=%4", "email=%zz", "%=a",
		"email=%00a", "em%00ail=a", "email=%FF", "em%FFail=a", "email=%C3"};
	struct given *g = *state;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		if (parse(g, URLENCODED, bodies[i]) != 400)
			fail_msg("%s: %d", bodies[i], g->parsed.status);
	}
	assert_int_equal(parse_bytes(g, URLENCODED, "email=a\0b", 9), 400);
	assert_int_equal(parse(g, URLENCODED "; charset=iso-8859-1", "email=a"), 415);
	assert_int_equal(parse(g, "application/json", "{\"email\":\"a\"}"), 415);
	assert_int_equal(parse(g, NULL, "email=a"), 415);
	assert_int_equal(parse(g, URLENCODED, ""), 400);
	assert_int_equal(parse(g, URLENCODED, "{\"email\":\"a\"}"), 422);
}

static void the_honeypot_is_noticed(void **state)
{
	struct given *g = *state;

	g->source.honeypot = (char[]){"website_url"};
	assert_int_equal(parse(g, URLENCODED, "email=a%40b&website_url="), 0);
	assert_false(g->parsed.honeypot);
	assert_int_equal(parse(g, URLENCODED, "email=a%40b&website_url=spam"), 0);
	assert_true(g->parsed.honeypot);
	expect_extra(g, 0, "{\"website_url\":\"spam\"}");
}

static void a_multipart_form_is_read(void **state)
{
	struct given *g = *state;

	assert_int_equal(
		parse(g, MULTIPART,
			PART("email", "a@b") PART("description", "two\r\nlines & 100%")
				PART("quo%22te", "q") PART("empty", "") "--xYz--\r\n"),
		0);
	expect_field(g, 0, FIELD_EMAIL, "a@b");
	expect_field(g, 0, FIELD_DESCRIPTION, "two\r\nlines & 100%");
	expect_extra(g, 0, "{\"quo\\\"te\":\"q\",\"empty\":\"\"}");
}

static void a_boundary_may_be_quoted_and_have_a_preamble(void **state)
{
	struct given *g = *state;

	assert_int_equal(
		parse(g, "Multipart/Form-Data; charset=utf-8; BOUNDARY=\"x'():Z\"",
			"preamble\r\n--x'():Z  \r\ncontent-disposition:form-data; "
			"filename2=no; name=email\r\nContent-Type: text/plain\r\n\r\na@b"
			"\r\n--x'():Z--"),
		0);
	expect_field(g, 0, FIELD_EMAIL, "a@b");
}

static void files_are_refused(void **state)
{
	struct given *g = *state;

	assert_int_equal(
		parse(g, MULTIPART,
			PART("email", "a@b") "--xYz\r\nContent-Disposition: form-data; "
					     "name=\"cv\"; filename=\"cv.pdf\"\r\n"
					     "Content-Type: application/pdf\r\n\r\n%PDF"
					     "\r\n--xYz--\r\n"),
		415);
	assert_int_equal(
		parse(g, MULTIPART,
			PART("email",
				"a@b") "--xYz\r\nContent-Disposition: form-data; "
				       "name=\"cv\"; filename=\"\"\r\nContent-Type: "
				       "application/octet-stream\r\n\r\n\r\n--xYz--\r\n"),
		0);
	expect_extra(g, 0, "");
}

static void a_malformed_multipart_is_400(void **state)
{
	static const char *const bodies[] = {"email=a", "--xYz", "--xYz\r\n", "--xYz--x",
		"--xYz\r\n\r\nhi\r\n--xYz--", PART("email", "a"),
		PART("email", "a") "--xYz",
		"--xYz\nContent-Disposition: form-data; name=email\n\na\n--xYz--",
		"--xYz\r\nContent-Disposition: form-data; name=\"email\r\n\r\na\r\n--xYz--",
		"--xYz\r\nContent-Disposition: attachment; name=email\r\n\r\na\r\n--xYz--",
		"--xYz\r\nContent-Disposition: form-data\r\n\r\na\r\n--xYz--",
		PART("email", "\xff") "--xYz--"};
	struct given *g = *state;

	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		int status = parse(g, MULTIPART, bodies[i]);

		if (status != 400 && !(status == 422 && i == 3))
			fail_msg("%zu: %s: %d", i, bodies[i], status);
	}
	assert_int_equal(
		parse(g, "multipart/form-data", PART("email", "a") "--xYz--"), 400);
	assert_int_equal(
		parse(g, "multipart/form-data; boundary=", PART("email", "a") "--xYz--"),
		400);
	assert_int_equal(
		parse(g, MULTIPART,
			"--xYz\r\nContent-Disposition: form-data; name=email\r\n"
			"Content-Transfer-Encoding: base64\r\n\r\nYQ==\r\n--xYz--"),
		415);
}

static void too_many_fields_are_413(void **state)
{
	struct given *g = *state;
	char body[4096] = "email=a%40b";
	size_t len = strlen(body);

	for (int i = 0; i < 1000; i++) {
		memcpy(body + len, "&x", 2);
		len += 2;
	}
	body[len] = 0;
	assert_int_equal(parse(g, URLENCODED, body), 413);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, given_set_up, given_tear_down)
		T(a_urlencoded_form_is_read),
		T(repeated_keys_are_kept),
		T(a_composite_source_is_split),
		T(bad_encodings_are_400),
		T(the_honeypot_is_noticed),
		T(a_multipart_form_is_read),
		T(a_boundary_may_be_quoted_and_have_a_preamble),
		T(files_are_refused),
		T(a_malformed_multipart_is_400),
		T(too_many_fields_are_413),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
