/* Requests of the API as control requests, their answers as HTTP, and the routes against
 * openapi.yaml. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "leadrelay/json.h"
#include "room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct api_route *route_of(const char *path, char part[PART_SIZE])
{
	const struct api_route *route = api_find(path, part);

	if (!route)
		fail_msg("no route for %s", path);
	return route;
}

static void paths_lead_to_their_route(void **state)
{
	static const char *const nothing[] = {"/", "/api/v1", "/api/v1/",
		"/api/v2/status", "/api/v1/status/", "/api/v1/leads/",
		"/api/v1/leads//raw", "/api/v1/leads/a/b", "/api/v1/destinations//park",
		"/api/v1/destinations/crm/", "/api/v1/destinations/crm/parks"};
	char part[PART_SIZE], path[400];

	(void)state;
	assert_string_equal(route_of("/api/v1/leads", part)->command, "list");
	assert_string_equal(part, "");
	assert_string_equal(route_of("/api/v1/leads/abc", part)->command, "show");
	assert_string_equal(part, "abc");
	assert_true(route_of("/api/v1/leads/abc/raw", part)->raw);
	assert_string_equal(
		route_of("/api/v1/destinations/c r/park", part)->action, "park");
	assert_string_equal(part, "c r");
	for (size_t i = 0; i < sizeof(nothing) / sizeof(*nothing); i++)
		if (api_find(nothing[i], part))
			fail_msg("%s has a route", nothing[i]);
	snprintf(path, sizeof(path), "/api/v1/leads/%0300d", 1);
	assert_null(api_find(path, part));
}

/* ---- requests ---- */

static struct api_wish wish;
static char error[ERR_TEXT_SIZE];

/* The control request as text; error when it is refused. */
static char *request_of(
	const char *path, const char *body, const struct api_query *query, size_t count)
{
	char part[PART_SIZE];
	struct api_asked asked = {.route = route_of(path, part),
		.part = part,
		.query = query,
		.query_count = count};
	static char text[2000];
	cJSON *document = NULL, *request;
	struct err err;

	if (body)
		assert_int_equal(json_read(body, strlen(body), &document, &err), ERR_OK);
	asked.body = document;
	*text = '\0';
	*error = '\0';
	if (api_request(&asked, &request, &wish, &err) == ERR_OK) {
		char *printed = cJSON_PrintUnformatted(request);

		snprintf(text, sizeof(text), "%s", printed);
		cJSON_free(printed);
		cJSON_Delete(request);
	} else {
		assert_int_equal(err.code, ERR_INVALID);
		snprintf(error, sizeof(error), "%s", err.text);
	}
	cJSON_Delete(document);
	return text;
}

static void assert_body(const char *path, const char *body, const char *expected)
{
	const char *text = request_of(path, body, NULL, 0);

	assert_string_equal(error, "");
	assert_string_equal(text, expected);
}

static void refused_body(const char *path, const char *body, const char *word)
{
	request_of(path, body, NULL, 0);
	if (!strstr(error, word))
		fail_msg("%s: \"%s\" without \"%s\"", body, error, word);
}

static void assert_query(
	const char *path, const char *name, const char *value, const char *expected)
{
	struct api_query query = {name, value};

	assert_string_equal(request_of(path, NULL, &query, 1), expected);
}

static void refused_query(
	const char *path, const char *name, const char *value, const char *word)
{
	struct api_query query = {name, value};

	request_of(path, NULL, &query, 1);
	if (!strstr(error, word))
		fail_msg("%s=%s: \"%s\" without \"%s\"", name, value, error, word);
}

static void a_query_becomes_a_control_request(void **state)
{
	struct api_query two[] = {{"state", "dead"}, {"limit", "500"}};
	struct api_query twice[] = {{"state", "dead"}, {"state", "held"}};

	(void)state;
	assert_string_equal(request_of("/api/v1/leads", NULL, two, 2),
		"{\"command\":\"list\",\"state\":\"dead\",\"limit\":500,\"masked\":true}");
	assert_false(wish.show_personal);
	assert_query("/api/v1/leads", "personal", "show", "{\"command\":\"list\"}");
	assert_true(wish.show_personal);
	assert_query("/api/v1/leads/abc/raw", "personal", "show",
		"{\"command\":\"show\",\"id\":\"abc\",\"raw\":true}");
	assert_query("/api/v1/reports", "format", "csv",
		"{\"command\":\"report\",\"format\":\"csv\"}");
	assert_string_equal(wish.type, "text/csv; charset=utf-8");
	assert_query("/api/v1/reports", "name", "daily",
		"{\"command\":\"report\",\"name\":\"daily\",\"format\":\"json\"}");
	assert_null(wish.type);
	request_of("/api/v1/leads", NULL, twice, 2);
	assert_non_null(strstr(error, "given twice"));
	refused_query("/api/v1/leads", "limit", "0", "from 1 to 500");
	refused_query("/api/v1/leads", "limit", "501", "from 1 to 500");
	refused_query("/api/v1/leads", "limit", " 5", "a whole number");
	refused_query("/api/v1/leads", "limit", "99999999999999999999", "a whole number");
	refused_query("/api/v1/leads", "limit", "", "a whole number");
	refused_query("/api/v1/leads", "state", "\xff", "not UTF-8");
	refused_query("/api/v1/leads/\xc3", "personal", "show", "not UTF-8");
	refused_query("/api/v1/leads", "personal", "yes", "show is what it takes");
	refused_query("/api/v1/leads", "stat", "dead", "unknown");
	refused_query("/api/v1/leads", "command", "forget", "unknown");
	refused_query("/api/v1/leads", "masked", "false", "unknown");
	refused_query("/api/v1/status", "a", "b", "takes no parameters");
	refused_query("/api/v1/reports", "format", "xml", "json, html, csv or text");
	refused_query("/api/v1/replay", "destination", "crm", "in a JSON body");
}

static void a_body_becomes_a_control_request(void **state)
{
	(void)state;
	assert_body("/api/v1/replay", "{\"ids\":[\"abc\"],\"set\":{\"email\":null}}",
		"{\"command\":\"replay\",\"ids\":[\"abc\"],\"set\":{\"email\":null}}");
	assert_body("/api/v1/hold", "{\"destination\":\"crm\",\"dry_run\":true}",
		"{\"command\":\"hold\",\"destination\":\"crm\",\"dry_run\":true}");
	assert_body("/api/v1/hold", "{\"destination\":\"crm\",\"yes\":true}",
		"{\"command\":\"hold\",\"destination\":\"crm\"}");
	assert_body("/api/v1/destinations/crm/park", "{\"why\":\"because\"}",
		"{\"command\":\"destinations\",\"action\":\"park\",\"name\":\"crm\","
		"\"why\":\"because\"}");
	assert_body("/api/v1/destinations/crm/resume", NULL,
		"{\"command\":\"destinations\",\"action\":\"resume\",\"name\":\"crm\"}");
	assert_body("/api/v1/notifications/retry", "{}",
		"{\"command\":\"notifications\",\"action\":\"retry\"}");
}

static void many_leads_are_changed_only_by_who_means_it(void **state)
{
	(void)state;
	refused_body("/api/v1/replay", "{\"destination\":\"crm\"}", "\"yes\": true");
	refused_body("/api/v1/replay", "{}", "\"yes\": true");
	refused_body("/api/v1/replay", NULL, "\"yes\": true");
	refused_body("/api/v1/discard", "{\"state\":\"dead\",\"dry_run\":false}",
		"\"yes\": true");
	refused_body(
		"/api/v1/discard", "{\"state\":\"dead\",\"yes\":false}", "\"yes\": true");
}

static void a_body_of_another_kind_is_refused(void **state)
{
	(void)state;
	refused_body(
		"/api/v1/replay", "{\"destinaton\":\"crm\",\"yes\":true}", "unknown");
	refused_body("/api/v1/hold", "{\"ids\":[\"a\"],\"again\":true}", "unknown");
	refused_body("/api/v1/replay", "{\"ids\":\"a\"}", "an array");
	refused_body("/api/v1/replay", "{\"ids\":[]}", "an array");
	refused_body("/api/v1/replay", "{\"ids\":[1]}", "an array");
	refused_body("/api/v1/replay", "{\"ids\":[\"a\"],\"set\":[]}", "an object");
	refused_body("/api/v1/replay", "{\"ids\":[\"a\"],\"again\":1}", "true or false");
	refused_body("/api/v1/replay", "{\"state\":1,\"yes\":true}", "not a text");
	refused_body("/api/v1/replay", "[]", "not a JSON object");
	refused_body("/api/v1/prune", "{\"a\":1}", "takes no parameters");
	refused_body(
		"/api/v1/destinations/crm/park", "{\"name\":\"archive\"}", "unknown");
}

/* ---- answers ---- */

static struct api_answer begun(const char *path)
{
	char part[PART_SIZE];

	return (struct api_answer){.route = route_of(path, part)};
}

static void take(struct api_answer *answer, const char *line)
{
	assert_true(api_take(answer, cJSON_Parse(line)));
}

static void assert_answer(struct api_answer *answer, int status, const char *body)
{
	api_finish(answer);
	assert_int_equal(answer->status, status);
	if (!strstr(buf_str(&answer->body), body))
		fail_msg("%s without %s", buf_str(&answer->body), body);
	api_answer_free(answer);
}

static void answers_become_one_document(void **state)
{
	struct api_answer answer = begun("/api/v1/leads");

	(void)state;
	take(&answer, "{\"item\":{\"id\":\"a\"}}");
	take(&answer, "{\"progress\":{}}");
	take(&answer, "{\"item\":{\"id\":\"b\"}}");
	take(&answer, "{\"done\":{\"listed\":2}}");
	assert_answer(&answer, 200,
		"{\"listed\":2,\"leads\":[{\"id\":\"a\"},{\"id\":\"b\"}]}\n");
	answer = begun("/api/v1/leads");
	take(&answer, "{\"done\":{\"listed\":0}}");
	assert_answer(&answer, 200, "{\"listed\":0,\"leads\":[]}\n");
	answer = begun("/api/v1/sources");
	take(&answer, "{\"done\":{\"state\":\"running\",\"sources\":[1]}}");
	assert_answer(&answer, 200, "{\"sources\":[1]}\n");
	answer = begun("/api/v1/leads/a/raw");
	take(&answer, "{\"item\":{\"raw\":\"YWI=\"}}");
	take(&answer, "{\"item\":{\"raw\":\"Yw==\"}}");
	take(&answer, "{\"done\":{}}");
	assert_answer(&answer, 200, "abc");
	answer = begun("/api/v1/reports");
	answer.wish.type = "text/csv";
	take(&answer, "{\"done\":{\"text\":\"a,b\"}}");
	assert_answer(&answer, 200, "a,b");
}

static void refusals_become_problems(void **state)
{
	static const struct {
		const char *line;
		int status;
	} cases[] = {
		{"{\"error\":{\"code\":2,\"text\":\"why\"}}", 400},
		{"{\"error\":{\"code\":4,\"text\":\"why\"}}", 404},
		{"{\"error\":{\"code\":1,\"text\":\"why\"}}", 409},
		{"{\"error\":{\"code\":5,\"text\":\"why\"}}", 503},
		{"{\"error\":{\"code\":1,\"text\":\"why\",\"again\":true}}", 503},
		{"{\"paused\":{\"after\":1}}", 503},
	};
	struct api_answer answer;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		answer = begun("/api/v1/leads");
		take(&answer, "{\"item\":{\"id\":\"a\"}}");
		take(&answer, cases[i].line);
		assert_answer(&answer, cases[i].status, "\"detail\":\"");
	}
	answer = begun("/api/v1/leads"); /* nothing came: for want of memory */
	assert_answer(&answer, 503, "out of memory");
}

/* ---- openapi.yaml ---- */

/* "/leads/{id}" as the table has it. */
static void fold(const char *path, char out[PART_SIZE])
{
	size_t len = 0;

	for (bool hole = false; *path && len + 1 < PART_SIZE; path++) {
		hole = *path == '{' || (hole && *path != '}');
		if (!hole || *path == '{')
			out[len++] = *path;
	}
	out[len] = '\0';
}

static bool is_documented(const char *document, const char *pattern, const char *method)
{
	char path[PART_SIZE], folded[PART_SIZE], wanted[16];

	snprintf(wanted, sizeof(wanted),
		"    %s:", strcmp(method, "GET") == 0 ? "get" : "post");
	for (const char *at = strstr(document, "\n  /api/v1/"); at;
		at = strstr(at + 1, "\n  /api/v1/")) {
		size_t len = strcspn(at + 3, ":");

		snprintf(path, sizeof(path), "%.*s", (int)len, at + 3);
		fold(path + strlen(API_PREFIX), folded);
		if (strcmp(folded, pattern) == 0)
			return strncmp(at + 3 + len + 2, wanted, strlen(wanted)) == 0;
	}
	return false;
}

static void every_route_is_documented(void **state)
{
	const struct page *page = page_find("/api/v1/openapi.yaml");
	char *document;

	(void)state;
	assert_non_null(page);
	document = strndup((const char *)page->bytes, page->len);
	for (size_t i = 0; i < api_route_count; i++)
		if (!is_documented(document, api_routes[i].pattern, api_routes[i].method))
			fail_msg("openapi.yaml lacks %s %s", api_routes[i].method,
				api_routes[i].pattern);
	assert_false(is_documented(document, "/nothing", "GET"));
	assert_false(is_documented(document, "/resume", "GET"));
	free(document);
}

static void the_pages_are_built_in(void **state)
{
	(void)state;
	assert_non_null(page_find("/"));
	assert_non_null(page_find("/login"));
	assert_null(page_find("/index.html"));
	assert_null(page_find("/assets/"));
	for (size_t i = 0; i < admin_page_count; i++) {
		assert_int_equal(strlen(admin_pages[i].etag), 34);
		assert_true(admin_pages[i].len > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_lead_to_their_route),
		cmocka_unit_test(a_query_becomes_a_control_request),
		cmocka_unit_test(a_body_becomes_a_control_request),
		cmocka_unit_test(many_leads_are_changed_only_by_who_means_it),
		cmocka_unit_test(a_body_of_another_kind_is_refused),
		cmocka_unit_test(answers_become_one_document),
		cmocka_unit_test(refusals_become_problems),
		cmocka_unit_test(every_route_is_documented),
		cmocka_unit_test(the_pages_are_built_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
