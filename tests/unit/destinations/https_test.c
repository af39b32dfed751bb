#include "support.h"

#include "leadrelay/destination.h"
#include "leadrelay/text.h"

#include <stdlib.h>

#define BASE64 "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define SECRET "whsec_" BASE64

struct fixture {
	struct destination_settings settings;
	char *secrets[2];
	struct pair headers[4];
	struct destination *destination;
	struct lead lead;
};

static enum err_code make(struct fixture *f, struct err *err)
{
	return destination_create(&f->destination, &f->settings, &sevens, err);
}

static void prepare(struct fixture *f)
{
	static char name[] = "hook", kind[] = "https";
	static char url[] = "https://partner.example/leads?sig=query-secret&v=1";

	*f = (struct fixture){0};
	f->settings =
		(struct destination_settings){.name = name, .kind = kind, .url = url};
	f->settings.headers.items = f->headers;
	f->lead = make_lead();
	set_field(&f->lead, FIELD_LAST_NAME, "Silva");
	set_field(&f->lead, FIELD_EMAIL, "ana@contoso.com");
}

static void setup(struct fixture *f)
{
	prepare(f);
	assert_int_equal(make(f, NULL), ERR_OK);
}

static void teardown(struct fixture *f)
{
	lead_finish(&f->lead);
	destination_destroy(f->destination);
}

static void add_secret(struct fixture *f, const char *text)
{
	f->settings.secret.values[f->settings.secret.count++] = (char *)text;
}

static void add_header(struct fixture *f, const char *name, const char *value)
{
	f->headers[f->settings.headers.count++] = (struct pair)PAIR(name, value, false);
}

/* The task after one answer, whose history the caller may look at; to task_finish. */
static struct task answered(struct fixture *f, struct http_answer *answer)
{
	struct task task = {.purpose = TASK_DELIVER, .lead = &f->lead};

	assert_int_equal(task_begin(f->destination, &task, NOW), STEP_SEND);
	http_request_finish(&task.request);
	assert_int_equal(task_next(f->destination, &task, answer, NOW + 5), STEP_DONE);
	assert_int_equal(task.record_count, 1);
	assert_int_equal(task.records[0].outcome, task.outcome.kind);
	assert_int_equal(task.records[0].http_status, task.outcome.http_status);
	finish_answer(answer);
	return task;
}

static struct outcome outcome_of(
	struct fixture *f, long status, const char *headers, const char *body)
{
	struct http_answer answer = make_answer(status, headers, body);
	struct task task = answered(f, &answer);

	task_finish(&task);
	return task.outcome;
}

/* ---- the request ---- */

static void begin(struct fixture *f, struct task *task)
{
	*task = (struct task){.purpose = TASK_DELIVER, .lead = &f->lead};
	assert_int_equal(task_begin(f->destination, task, NOW + 999), STEP_SEND);
}

static void assert_header(const struct task *task, const char *line)
{
	struct buf whole = BUF_INIT;

	buf_addf(&whole, "\n%s", buf_str(&task->request.headers));
	if (!strstr(buf_str(&whole), line))
		fail_msg("expected \"%s\" in %s", line, buf_str(&whole));
	buf_finish(&whole);
}

static void a_lead_is_one_document_under_its_key(void **state)
{
	struct fixture f;
	struct task task;
	cJSON *json;

	(void)state;
	setup(&f);
	begin(&f, &task);
	assert_string_equal(task.request.method, "POST");
	assert_true(task.request.has_body);
	assert_string_equal(buf_str(&task.request.url), f.settings.url);
	assert_header(&task, "\nIdempotency-Key: " LEAD_ID "\n");
	assert_header(&task, "\nContent-Type: application/json\n");
	assert_null(strstr(buf_str(&task.request.headers), "webhook-"));
	json = cJSON_Parse(buf_str(&task.request.body));
	assert_string_equal(
		cJSON_GetStringValue(cJSON_GetObjectItem(json, "id")), LEAD_ID);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(
				    cJSON_GetObjectItem(json, "fields"), "last_name")),
		"Silva");
	cJSON_Delete(json);
	task_finish(&task);
	teardown(&f);
}

static void map_set_method_and_headers_apply(void **state)
{
	static struct pair map[] = {PAIR("last_name", "nom", false)};
	static struct pair set[] = {PAIR("origin", "relay", false)};
	static char put[] = "PUT";
	struct fixture f;
	struct task task;

	(void)state;
	prepare(&f);
	f.settings.method = put;
	f.settings.map = (struct pair_list){map, 1};
	f.settings.set = (struct pair_list){set, 1};
	add_header(&f, "X-Tenant", "contoso");
	add_header(&f, "content-type", "application/vnd.lead+json");
	assert_int_equal(make(&f, NULL), ERR_OK);
	begin(&f, &task);
	assert_string_equal(task.request.method, "PUT");
	assert_header(&task, "\nX-Tenant: contoso\n");
	assert_header(&task, "\ncontent-type: application/vnd.lead+json\n");
	assert_null(strstr(buf_str(&task.request.headers), "application/json"));
	assert_non_null(strstr(buf_str(&task.request.body),
		"\"fields\":{\"nom\":\"Silva\",\"email\":\"ana@contoso.com\","
		"\"origin\":\"relay\"}"));
	task_finish(&task);
	teardown(&f);
}

/* The value of a header line. The caller's to free. */
static char *header_value(const struct task *task, const char *name)
{
	const char *at = strstr(buf_str(&task->request.headers), name);

	assert_non_null(at);
	at += strlen(name) + 2;
	return strndup(at, strcspn(at, "\n"));
}

static void a_secret_signs_what_is_sent_with_the_time_of_the_attempt(void **state)
{
	struct fixture f;
	struct task task;
	struct buf content = BUF_INIT, key = BUF_INIT, expected = BUF_INIT;
	uint8_t digest[SHA256_SIZE];
	char *signature;

	(void)state;
	prepare(&f);
	add_secret(&f, "another secret of some length");
	add_secret(&f, SECRET);
	assert_int_equal(make(&f, NULL), ERR_OK);
	begin(&f, &task);
	assert_header(&task, "\nwebhook-id: " LEAD_ID "\n");
	assert_header(&task, "\nwebhook-timestamp: 1767225600\n");
	assert_header(&task, "\nIdempotency-Key: " LEAD_ID "\n");
	buf_addf(&content, LEAD_ID ".1767225600.%s", buf_str(&task.request.body));
	base64_decode(&key, BASE64, strlen(BASE64));
	hmac_sha256(key.data, key.len, content.data, content.len, digest);
	base64_add(&expected, digest, sizeof(digest));
	signature = header_value(&task, "webhook-signature");
	assert_string_equal(strstr(signature, " v1,") + 4, buf_str(&expected));
	free(signature);
	buf_finish(&content);
	buf_finish(&key);
	buf_finish(&expected);
	task_finish(&task);
	teardown(&f);
}

/* ---- answers ---- */

static void every_status_has_its_meaning(void **state)
{
	static const struct {
		long status;
		const char *headers;
		enum outcome_kind kind;
		enum reason reason;
		bool destination;
		int64_t wait_ms;
	} cases[] = {
		{200, NULL, OUTCOME_DELIVERED, REASON_NONE, false, -1},
		{201, NULL, OUTCOME_DELIVERED, REASON_NONE, false, -1},
		{202, NULL, OUTCOME_DELIVERED, REASON_NONE, false, -1},
		{204, NULL, OUTCOME_DELIVERED, REASON_NONE, false, -1},
		{299, NULL, OUTCOME_DELIVERED, REASON_NONE, false, -1},
		{301, "Location: https://x.example/\n", OUTCOME_REFUSED,
			REASON_ENVIRONMENT, false, -1},
		{302, NULL, OUTCOME_REFUSED, REASON_ENVIRONMENT, false, -1},
		{304, NULL, OUTCOME_REFUSED, REASON_ENVIRONMENT, false, -1},
		{307, NULL, OUTCOME_REFUSED, REASON_ENVIRONMENT, false, -1},
		{308, NULL, OUTCOME_REFUSED, REASON_ENVIRONMENT, false, -1},
		{400, NULL, OUTCOME_REFUSED, REASON_INVALID, false, -1},
		{401, NULL, OUTCOME_UNAUTHORIZED, REASON_UNAUTHORIZED, false, -1},
		{403, NULL, OUTCOME_UNAUTHORIZED, REASON_FORBIDDEN, false, -1},
		{404, NULL, OUTCOME_REFUSED, REASON_ENVIRONMENT, false, -1},
		{405, NULL, OUTCOME_REFUSED, REASON_ENVIRONMENT, false, -1},
		{407, NULL, OUTCOME_ENVIRONMENT, REASON_ENVIRONMENT, false, -1},
		{408, NULL, OUTCOME_RETRY, REASON_TIMEOUT, true, -1},
		{409, NULL, OUTCOME_REFUSED, REASON_INVALID, false, -1},
		{410, NULL, OUTCOME_ENVIRONMENT, REASON_GONE, false, -1},
		{413, NULL, OUTCOME_REFUSED, REASON_TOO_LARGE, false, -1},
		{422, NULL, OUTCOME_REFUSED, REASON_INVALID, false, -1},
		{425, NULL, OUTCOME_RETRY, REASON_SERVER_ERROR, false, -1},
		{429, NULL, OUTCOME_RETRY, REASON_THROTTLED, true, -1},
		{429, "Retry-After: soon\n", OUTCOME_RETRY, REASON_THROTTLED, true, -1},
		{429, "Retry-After: 7\n", OUTCOME_THROTTLED, REASON_THROTTLED, false,
			7000},
		{451, NULL, OUTCOME_REFUSED, REASON_INVALID, false, -1},
		{495, NULL, OUTCOME_UNAUTHORIZED, REASON_TLS, false, -1},
		{500, NULL, OUTCOME_RETRY, REASON_SERVER_ERROR, true, -1},
		{500, "Retry-After: 7\n", OUTCOME_RETRY, REASON_SERVER_ERROR, true, 7000},
		{501, NULL, OUTCOME_RETRY, REASON_SERVER_ERROR, true, -1},
		{502, NULL, OUTCOME_RETRY, REASON_SERVER_ERROR, true, -1},
		{503, NULL, OUTCOME_RETRY, REASON_SERVER_ERROR, true, -1},
		{503, "Retry-After: Thu, 01 Jan 2026 00:01:00 GMT\n", OUTCOME_THROTTLED,
			REASON_THROTTLED, false, 60000 - 5},
		{504, NULL, OUTCOME_RETRY, REASON_TIMEOUT, true, -1},
		{507, NULL, OUTCOME_RETRY, REASON_SERVER_ERROR, true, -1},
		{599, NULL, OUTCOME_RETRY, REASON_SERVER_ERROR, true, -1},
		{700, NULL, OUTCOME_REFUSED, REASON_PROTOCOL, false, -1},
	};
	struct fixture f;

	(void)state;
	setup(&f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct outcome outcome =
			outcome_of(&f, cases[i].status, cases[i].headers, "");

		if (outcome.kind != cases[i].kind || outcome.reason != cases[i].reason ||
			outcome.destination != cases[i].destination ||
			outcome.wait_ms != cases[i].wait_ms ||
			outcome.http_status != cases[i].status)
			fail_msg("%ld %s: %s %s %d %lld", cases[i].status,
				cases[i].headers ? cases[i].headers : "",
				outcome_name(outcome.kind), reason_name(outcome.reason),
				outcome.destination, (long long)outcome.wait_ms);
		if (!outcome_is_success(outcome.kind) &&
			(!*outcome.error || !*outcome.remedy))
			fail_msg("%ld: without cause or remedy", cases[i].status);
	}
	teardown(&f);
}

static void without_a_status_it_is_the_transports_trouble(void **state)
{
	static const struct {
		enum http_failure failure;
		bool sent;
		enum outcome_kind kind;
		enum reason reason;
		bool destination;
	} cases[] = {
		{HTTP_DNS, false, OUTCOME_RETRY, REASON_DNS, true},
		{HTTP_CONNECT, false, OUTCOME_RETRY, REASON_CONNECT, true},
		{HTTP_TLS, false, OUTCOME_RETRY, REASON_TLS, true},
		{HTTP_TIMEOUT, false, OUTCOME_RETRY, REASON_TIMEOUT, true},
		{HTTP_TIMEOUT, true, OUTCOME_UNKNOWN, REASON_TIMEOUT, true},
		{HTTP_RESET, true, OUTCOME_UNKNOWN, REASON_RESET, true},
		{HTTP_PROTOCOL, true, OUTCOME_UNKNOWN, REASON_PROTOCOL, true},
		{HTTP_LOCAL, false, OUTCOME_RETRY, REASON_PROTOCOL, true},
		{HTTP_PRIVATE, false, OUTCOME_ENVIRONMENT, REASON_CONNECT, false},
	};
	struct fixture f;

	(void)state;
	setup(&f);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct http_answer answer = make_failure(cases[i].failure, cases[i].sent);
		struct task task = answered(&f, &answer);

		assert_int_equal(task.outcome.kind, cases[i].kind);
		assert_int_equal(task.outcome.reason, cases[i].reason);
		assert_int_equal(task.outcome.destination, cases[i].destination);
		if (cases[i].failure == HTTP_PRIVATE)
			assert_non_null(strstr(task.outcome.remedy, "allow_private"));
		task_finish(&task);
	}
	teardown(&f);
}

static void a_proxy_that_wants_a_sign_in_parks(void **state)
{
	struct http_answer answer = make_failure(HTTP_CONNECT, false);
	struct fixture f;
	struct task task;

	(void)state;
	setup(&f);
	answer.proxy_status = 407;
	task = answered(&f, &answer);
	assert_int_equal(task.outcome.kind, OUTCOME_ENVIRONMENT);
	assert_non_null(strstr(task.outcome.remedy, "proxy"));
	task_finish(&task);
	teardown(&f);
}

static void a_status_is_the_truth_whatever_becomes_of_the_body(void **state)
{
	struct http_answer answer = make_answer(200, NULL, "{\"id\":\"cut o");
	struct fixture f;
	struct task task;

	(void)state;
	setup(&f);
	answer.failure = HTTP_RESET;
	task = answered(&f, &answer);
	assert_int_equal(task.outcome.kind, OUTCOME_DELIVERED);
	task_finish(&task);
	teardown(&f);
}

static void the_record_an_endpoint_names_is_kept(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	assert_string_equal(
		outcome_of(&f, 201, NULL, "{\"id\":\"rec_17\"}").remote_id, "rec_17");
	assert_string_equal(
		outcome_of(&f, 201, NULL, "{\"id\":12345678901234567890}").remote_id,
		"12345678901234567890");
	assert_string_equal(outcome_of(&f, 201, NULL, "ok").remote_id, "");
	teardown(&f);
}

static void nginx_refusing_our_certificate_is_not_about_the_lead(void **state)
{
	struct fixture f;
	struct outcome outcome;

	(void)state;
	setup(&f);
	outcome = outcome_of(&f, 400, NULL,
		"<html>\r\n<head><title>400 The SSL certificate error</title></head>");
	assert_int_equal(outcome.kind, OUTCOME_UNAUTHORIZED);
	assert_int_equal(outcome.reason, REASON_TLS);
	assert_non_null(strstr(outcome.error, "HTTP 400"));
	assert_non_null(strstr(outcome.error, "The SSL certificate error"));
	assert_non_null(strstr(outcome.remedy, "client_certificate"));
	outcome = outcome_of(
		&f, 400, NULL, "<title>400 No required SSL certificate was sent</title>");
	assert_int_equal(outcome.reason, REASON_TLS);
	teardown(&f);
}

/* ---- words ---- */

static void the_endpoints_own_words_are_told(void **state)
{
	static const char *const bodies[] = {"{\"error\":{\"message\":\"no such list\"}}",
		"{\"message\":\"no such list\"}", "{\"error\":\"no such list\"}",
		"{\"title\":\"Bad\",\"detail\":\"no such list\"}", "no such\n list",
		"<html><title>no such list</title></html>"};
	struct fixture f;

	(void)state;
	setup(&f);
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		assert_non_null(strstr(
			outcome_of(&f, 400, NULL, bodies[i]).error, "no such list"));
	assert_string_equal(
		outcome_of(&f, 302, "Location: https://u:p@x.example/a?token=1\n", "")
			.error,
		"posting the lead: HTTP 302: redirected to https://x.example, and "
		"redirects are not followed");
	teardown(&f);
}

static void what_lets_us_in_is_never_said_back(void **state)
{
	struct fixture f;
	struct outcome outcome;

	(void)state;
	prepare(&f);
	add_header(&f, "Authorization", "Bearer partner-token-1");
	add_header(&f, "X-Api-Key", "api-key-2");
	assert_int_equal(make(&f, NULL), ERR_OK);
	outcome = outcome_of(&f, 400, NULL,
		"partner-token-1, api-key-2 and query-secret are unknown here");
	assert_null(strstr(outcome.error, "partner-token-1"));
	assert_null(strstr(outcome.error, "api-key-2"));
	assert_null(strstr(outcome.error, "query-secret"));
	assert_non_null(strstr(outcome.error, "are unknown here"));
	teardown(&f);
}

static void words_that_quote_the_lead_stay_with_the_lead(void **state)
{
	struct fixture f;
	struct http_answer answer;
	struct task task;

	(void)state;
	setup(&f);
	answer = make_answer(401, NULL, "Ana@Contoso.com may not come in");
	task = answered(&f, &answer);
	assert_null(strcasestr(task.outcome.error, "contoso"));
	assert_non_null(strstr(task.outcome.error, "leadctl show"));
	assert_non_null(strstr(task.records[0].error, "Ana@Contoso.com"));
	task_finish(&task);
	answer = make_answer(503, NULL, "Silva: busy");
	task = answered(&f, &answer);
	assert_null(strstr(task.outcome.error, "Silva"));
	task_finish(&task);
	/* a refusal is this lead's own: its words are what mends it */
	answer = make_answer(422, NULL, "ana@contoso.com is no address");
	task = answered(&f, &answer);
	assert_non_null(strstr(task.outcome.error, "ana@contoso.com"));
	task_finish(&task);
	teardown(&f);
}

/* ---- the configuration ---- */

static void refuse(struct fixture *f, const char *words)
{
	struct err err;

	assert_int_equal(make(f, &err), ERR_CONFIG);
	if (!strstr(err.text, words))
		fail_msg("\"%s\" lacks \"%s\"", err.text, words);
	lead_finish(&f->lead);
}

static void bad_settings_are_refused_by_key(void **state)
{
	static char fragment[] = "https://a.b/#c", blank[] = "https://a.b/a b";
	static char method[] = "GET";
	struct fixture f;

	(void)state;
	prepare(&f);
	f.settings.url = fragment;
	refuse(&f, "destination hook: url: end it before #");
	prepare(&f);
	f.settings.url = blank;
	refuse(&f, "hook: url: ");
	prepare(&f);
	f.settings.method = method;
	refuse(&f, "hook: method: one of POST, PUT, PATCH");
	prepare(&f);
	add_header(&f, "Webhook-Id", "1");
	refuse(&f, "hook: headers: webhook-id is set by leadrelay");
	prepare(&f);
	add_secret(&f, SECRET);
	add_secret(&f, "short");
	refuse(&f, "hook: secret: line 2: a key of 5 bytes; 16 to 256");
}

static void nothing_is_asked_of_it_but_to_take_a_lead(void **state)
{
	const struct destination_kind *kind = destination_kind_find("https");

	(void)state;
	assert_non_null(kind);
	assert_int_equal(kind->purposes, 1u << TASK_DELIVER);
	assert_false(kind->keeps_key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lead_is_one_document_under_its_key),
		cmocka_unit_test(map_set_method_and_headers_apply),
		cmocka_unit_test(
			a_secret_signs_what_is_sent_with_the_time_of_the_attempt),
		cmocka_unit_test(every_status_has_its_meaning),
		cmocka_unit_test(without_a_status_it_is_the_transports_trouble),
		cmocka_unit_test(a_proxy_that_wants_a_sign_in_parks),
		cmocka_unit_test(a_status_is_the_truth_whatever_becomes_of_the_body),
		cmocka_unit_test(the_record_an_endpoint_names_is_kept),
		cmocka_unit_test(nginx_refusing_our_certificate_is_not_about_the_lead),
		cmocka_unit_test(the_endpoints_own_words_are_told),
		cmocka_unit_test(what_lets_us_in_is_never_said_back),
		cmocka_unit_test(words_that_quote_the_lead_stay_with_the_lead),
		cmocka_unit_test(bad_settings_are_refused_by_key),
		cmocka_unit_test(nothing_is_asked_of_it_but_to_take_a_lead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
