#include "key.h"

#include "leadrelay/token.h"

#define RESOURCE "https://contoso.crm4.dynamics.com"

static char secret_one[] = "s~cr/t+=one";
static char secret_two[] = "second-secret";
static char secret_file[] = "/etc/leadrelay/crm.secret";

static struct auth_settings secret_auth(size_t secrets)
{
	return (struct auth_settings){.method = AUTH_AZURE_AD,
		.client_secret = {.values = {secret_one, secret_two},
			.count = secrets,
			.file = secret_file},
		.token_version = 2};
}

struct fixture {
	struct auth_settings auth;
	struct token *token;
	char tenant[16], client[16];
};

static void setup(struct fixture *f, struct auth_settings auth)
{
	f->auth = auth;
	f->auth.directory_id = strcpy(f->tenant, "tenant");
	f->auth.client_id = strcpy(f->client, "client");
	assert_int_equal(
		token_create(&f->token, &f->auth, RESOURCE, &sevens, NULL), ERR_OK);
}

static void teardown(struct fixture *f)
{
	token_destroy(f->token);
}

static void ask(struct fixture *f, const char *url, const char *body)
{
	struct http_request request = {0};

	assert_int_equal(token_request(f->token, &request, NOW, NULL), ERR_OK);
	assert_true(request.secret && request.has_body);
	assert_string_equal(request.method, "POST");
	assert_non_null(strstr(buf_str(&request.headers),
		"Content-Type: application/x-www-form-urlencoded\n"));
	if (url)
		assert_string_equal(buf_str(&request.url), url);
	if (body)
		assert_string_equal(buf_str(&request.body), body);
	http_request_finish(&request);
}

static enum token_result hear_at(struct fixture *f, int64_t now, long status,
	const char *headers, const char *body, struct outcome *outcome)
{
	struct http_answer answer = make_answer(status, headers, body);
	enum token_result result = token_answer(f->token, &answer, now, outcome);

	finish_answer(&answer);
	return result;
}

static enum token_result hear(
	struct fixture *f, long status, const char *body, struct outcome *outcome)
{
	return hear_at(f, NOW, status, NULL, body, outcome);
}

#define GOOD \
	"{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"abc.def-1\"}"
#define EXPIRED \
	"{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000222: The " \
	"provided client secret keys are expired.\\r\\nTrace ID: t-1\\r\\n\"," \
	"\"error_codes\":[7000222],\"trace_id\":\"t-1\",\"correlation_id\":\"c-1\"}"

static void version_2_asks_for_a_scope(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, secret_auth(1));
	assert_true(token_wanted(f.token, NOW));
	ask(&f, "https://login.microsoftonline.com/tenant/oauth2/v2.0/token",
		"grant_type=client_credentials&client_id=client&client_secret=s%7Ecr%2Ft"
		"%2B%3Done&scope=https%3A%2F%2Fcontoso.crm4.dynamics.com%2F.default");
	assert_true(token_fetching(f.token));
	assert_false(token_wanted(f.token, NOW));
	teardown(&f);
}

static void version_1_asks_for_a_resource(void **state)
{
	struct fixture f;
	struct auth_settings auth = secret_auth(1);
	char authority[] = "http://127.0.0.1:9/";

	(void)state;
	auth.token_version = 1;
	auth.authority = authority;
	setup(&f, auth);
	ask(&f, "http://127.0.0.1:9/tenant/oauth2/token",
		"grant_type=client_credentials&client_id=client&client_secret=s%7Ecr%2Ft"
		"%2B%3Done&resource=https%3A%2F%2Fcontoso.crm4.dynamics.com");
	teardown(&f);
}

static void a_token_url_is_taken_as_it_is(void **state)
{
	struct fixture f;
	struct auth_settings auth = secret_auth(1);
	char url[] = "https://sts.contoso.com/adfs/oauth2/token";

	(void)state;
	auth.token_url = url;
	setup(&f, auth);
	ask(&f, url, NULL);
	teardown(&f);
}

static struct auth_settings password_auth(void)
{
	static char user[] = "relay@contoso.com";
	static char password[] = "p&ss word";

	return (struct auth_settings){.method = AUTH_OFFICE365,
		.username = user,
		.password = {.values = {password}, .count = 1},
		.token_version = 2};
}

static void a_password_is_sent_as_a_password_grant(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f, password_auth());
	ask(&f, "https://login.microsoftonline.com/tenant/oauth2/v2.0/token",
		"grant_type=password&client_id=client&username=relay%40contoso.com"
		"&password=p%26ss+word&scope=https%3A%2F%2Fcontoso.crm4.dynamics.com%2F"
		"user_impersonation");
	teardown(&f);
}

static void a_certificate_is_sent_as_an_assertion(void **state)
{
	struct key_files files = make_key_files();
	struct auth_settings auth = {.method = AUTH_AZURE_AD_CERTIFICATE,
		.certificate = files.certificate_path,
		.key = files.key_path,
		.token_version = 2};
	struct fixture f;
	struct http_request request = {0};

	(void)state;
	setup(&f, auth);
	assert_int_equal(token_request(f.token, &request, NOW, NULL), ERR_OK);
	assert_non_null(strstr(buf_str(&request.body),
		"&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A"
		"client-assertion-type%3Ajwt-bearer&client_assertion=ey"));
	assert_null(strstr(buf_str(&request.body), "client_secret"));
	http_request_finish(&request);
	token_forget(f.token); /* reads the files again */
	ask(&f, NULL, NULL);
	teardown(&f);
	remove_key_files(&files);
}

static void a_token_is_kept_until_near_its_end(void **state)
{
	struct fixture f;
	struct outcome outcome;

	(void)state;
	setup(&f, secret_auth(1));
	assert_null(token_authorization(f.token));
	ask(&f, NULL, NULL);
	assert_int_equal(hear(&f, 200, GOOD, &outcome), TOKEN_GOT);
	assert_string_equal(token_authorization(f.token), "Bearer abc.def-1");
	assert_true(token_fresh(f.token, NOW));
	assert_false(token_wanted(f.token, NOW + 3599000 - 3599000 / 10 - 1));
	assert_true(token_wanted(f.token, NOW + 3599000 - 3599000 / 10));
	assert_true(token_fresh(f.token, NOW + 3599000 - 30001));
	assert_false(token_fresh(f.token, NOW + 3599000 - 30000));
	teardown(&f);
}

static void lives_are_read_as_texts_and_bounded(void **state)
{
	static const struct {
		const char *expires_in;
		int64_t life_ms;
	} examples[] = {{"\"3599\"", 3599000}, {"3599", 3599000}, {"-5", 60000},
		{"1", 60000}, {"99999999999", 86400000}, {"\"soon\"", 600000},
		{"null", 600000}, {"1e400", 600000}};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct fixture f;
		struct outcome outcome;
		char body[128];

		setup(&f, secret_auth(1));
		ask(&f, NULL, NULL);
		snprintf(body, sizeof(body), "{\"access_token\":\"a\",\"expires_in\":%s}",
			examples[i].expires_in);
		assert_int_equal(hear(&f, 200, body, &outcome), TOKEN_GOT);
		assert_true(token_fresh(f.token, NOW + examples[i].life_ms - 30001));
		assert_false(token_fresh(f.token, NOW + examples[i].life_ms - 30000));
		assert_true(token_wanted(f.token, NOW + examples[i].life_ms / 2) ||
			    examples[i].life_ms > 600000);
		teardown(&f);
	}
}

static void garbage_is_no_token(void **state)
{
	static const char *const bodies[] = {"", "<html>", "[]", "{}", "null",
		"{\"access_token\":\"\"}", "{\"access_token\":7}",
		"{\"access_token\":\"a\\r\\nX-Evil: 1\"}", "{\"access_token\":\"a b\"}",
		"{\"access_token\":\"caf\xc3\xa9\"}",
		"{\"access_token\":\"a\",\"token_type\":\"mac\"}"};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct fixture f;
		struct outcome outcome;

		setup(&f, secret_auth(1));
		ask(&f, NULL, NULL);
		assert_int_equal(hear(&f, 200, bodies[i], &outcome), TOKEN_FAILED);
		assert_int_equal(outcome.kind, OUTCOME_RETRY);
		assert_int_equal(outcome.reason, REASON_PROTOCOL);
		assert_true(outcome.destination);
		assert_null(token_authorization(f.token));
		assert_true(token_wanted(f.token, NOW));
		teardown(&f);
	}
}

static void a_refusal_tells_microsofts_words_and_the_remedy(void **state)
{
	struct fixture f;
	struct outcome outcome;

	(void)state;
	setup(&f, secret_auth(1));
	ask(&f, NULL, NULL);
	assert_int_equal(hear(&f, 401, EXPIRED, &outcome), TOKEN_FAILED);
	assert_int_equal(outcome.kind, OUTCOME_UNAUTHORIZED);
	assert_int_equal(outcome.reason, REASON_UNAUTHORIZED);
	assert_int_equal(outcome.http_status, 401);
	assert_false(outcome.needs_person);
	assert_string_equal(outcome.error,
		"asking login.microsoftonline.com for a token: HTTP 401: AADSTS7000222: The "
		"provided client secret keys are expired. (trace_id t-1, correlation_id "
		"c-1)");
	assert_string_equal(outcome.remedy,
		"the secret expired: create a new client secret in Entra ID > App "
		"registrations > (the app) > Certificates & secrets and put its value in "
		"/etc/leadrelay/crm.secret");
	teardown(&f);
}

static void the_second_secret_is_tried_and_remembered(void **state)
{
	struct fixture f;
	struct outcome outcome;

	(void)state;
	setup(&f, secret_auth(2));
	ask(&f, NULL, NULL);
	assert_int_equal(hear(&f, 401, EXPIRED, &outcome), TOKEN_AGAIN);
	ask(&f, NULL,
		"grant_type=client_credentials&client_id=client&client_secret=second-secret"
		"&scope=https%3A%2F%2Fcontoso.crm4.dynamics.com%2F.default");
	assert_int_equal(hear(&f, 200, GOOD, &outcome), TOKEN_GOT);
	token_refused(f.token, token_generation(f.token));
	assert_null(token_authorization(f.token));
	ask(&f, NULL,
		"grant_type=client_credentials&client_id=client&client_secret=second-secret"
		"&scope=https%3A%2F%2Fcontoso.crm4.dynamics.com%2F.default");
	assert_int_equal(hear(&f, 401, EXPIRED, &outcome), TOKEN_AGAIN);
	ask(&f, NULL, NULL);
	assert_int_equal(hear(&f, 401, EXPIRED, &outcome), TOKEN_FAILED);
	assert_non_null(strstr(outcome.error, "none of the 2 secrets"));
	teardown(&f);
}

static void only_a_refused_secret_makes_way_for_the_other(void **state)
{
	struct fixture f;
	struct outcome outcome;

	(void)state;
	setup(&f, secret_auth(2));
	ask(&f, NULL, NULL);
	assert_int_equal(hear(&f, 400,
				 "{\"error\":\"unauthorized_client\",\"error_codes\":"
				 "[700016]}",
				 &outcome),
		TOKEN_FAILED);
	assert_int_equal(outcome.kind, OUTCOME_UNAUTHORIZED);
	teardown(&f);
}

static void ids_within_the_sentence_are_told_once(void **state)
{
	struct fixture f;
	struct outcome outcome;

	(void)state;
	setup(&f, secret_auth(1));
	ask(&f, NULL, NULL);
	hear(&f, 400,
		"{\"error\":\"invalid_scope\",\"error_description\":\"AADSTS70011: The scope "
		"is bad. Trace ID: t-1 Correlation ID: c-1 Timestamp: x\",\"trace_id\":\"t-1\","
		"\"correlation_id\":\"c-1\"}",
		&outcome);
	assert_string_equal(outcome.error,
		"asking login.microsoftonline.com for a token: HTTP 400: AADSTS70011: The "
		"scope is bad. (trace_id t-1, correlation_id c-1)");
	teardown(&f);
}

static void a_refused_password_needs_a_person(void **state)
{
	struct fixture f;
	struct outcome outcome;

	(void)state;
	setup(&f, password_auth());
	ask(&f, NULL, NULL);
	assert_int_equal(
		hear(&f, 400,
			"{\"error\":\"invalid_grant\",\"error_description\":\"AADSTS50126: "
			"Error validating credentials\"}",
			&outcome),
		TOKEN_FAILED);
	assert_int_equal(outcome.kind, OUTCOME_UNAUTHORIZED);
	assert_true(outcome.needs_person);
	assert_non_null(strstr(outcome.remedy, "auth.password"));
	teardown(&f);
}

struct service_example {
	long status;
	const char *headers;
	const char *body;
	enum outcome_kind kind;
	enum reason reason;
	int64_t wait_ms;
};

static void the_services_own_trouble_is_no_refusal(void **state)
{
	static const struct service_example examples[] = {
		{500, NULL, "{\"error\":\"invalid_client\"}", OUTCOME_RETRY,
			REASON_SERVER_ERROR, -1},
		{503, NULL, "<html><title>down</title>", OUTCOME_RETRY,
			REASON_SERVER_ERROR, -1},
		{503, "Retry-After: 7\n", "", OUTCOME_THROTTLED, REASON_THROTTLED, 7000},
		{429, "Retry-After: 30\n", "", OUTCOME_THROTTLED, REASON_THROTTLED,
			30000},
		{429, "Retry-After: soon\n", "", OUTCOME_THROTTLED, REASON_THROTTLED, -1},
		{400, NULL, "{\"error\":\"temporarily_unavailable\"}", OUTCOME_RETRY,
			REASON_SERVER_ERROR, -1},
		{400, NULL, "{\"error\":\"invalid_grant\",\"error_codes\":[50196]}",
			OUTCOME_THROTTLED, REASON_THROTTLED, 300000},
		{302, "Location: https://u:p@portal.example/login?secret=1\n", "",
			OUTCOME_ENVIRONMENT, REASON_ENVIRONMENT, -1},
		{404, NULL, "", OUTCOME_ENVIRONMENT, REASON_ENVIRONMENT, -1},
		{400, NULL, "{\"error\":\"invalid_resource\",\"error_codes\":[500011]}",
			OUTCOME_ENVIRONMENT, REASON_ENVIRONMENT, -1}};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		const struct service_example *e = &examples[i];
		struct fixture f;
		struct outcome outcome;

		setup(&f, secret_auth(1));
		ask(&f, NULL, NULL);
		assert_int_equal(
			hear_at(&f, NOW, e->status, e->headers, e->body, &outcome),
			TOKEN_FAILED);
		assert_int_equal(outcome.kind, e->kind);
		assert_int_equal(outcome.reason, e->reason);
		assert_int_equal(outcome.wait_ms, e->wait_ms);
		assert_null(strstr(outcome.error, "secret=1"));
		assert_null(strstr(outcome.error, "u:p@"));
		assert_false(token_fetching(f.token));
		teardown(&f);
	}
}

static void a_broken_connection_is_tried_again(void **state)
{
	struct fixture f;
	struct outcome outcome;
	struct http_answer answer = make_failure(HTTP_TLS, true);

	(void)state;
	setup(&f, secret_auth(1));
	ask(&f, NULL, NULL);
	assert_int_equal(token_answer(f.token, &answer, NOW, &outcome), TOKEN_FAILED);
	assert_int_equal(outcome.kind, OUTCOME_RETRY); /* asking twice does no harm */
	assert_int_equal(outcome.reason, REASON_TLS);
	assert_true(outcome.destination);
	teardown(&f);
}

static void half_a_token_is_what_the_network_did(void **state)
{
	struct fixture f;
	struct outcome outcome;
	struct http_answer answer = make_answer(200, NULL, "{\"access_tok");

	(void)state;
	answer.failure = HTTP_TIMEOUT;
	setup(&f, secret_auth(1));
	ask(&f, NULL, NULL);
	assert_int_equal(token_answer(f.token, &answer, NOW, &outcome), TOKEN_FAILED);
	assert_int_equal(outcome.kind, OUTCOME_RETRY);
	assert_int_equal(outcome.reason, REASON_TIMEOUT);
	assert_true(outcome.destination);
	finish_answer(&answer);
	teardown(&f);
}

static void an_echoed_secret_is_hidden(void **state)
{
	struct fixture f;
	struct outcome outcome;

	(void)state;
	setup(&f, secret_auth(1));
	ask(&f, NULL, NULL);
	hear(&f, 400, "you sent client_secret=s%7Ecr%2Ft%2B%3Done and s~cr/t+=one",
		&outcome);
	assert_non_null(strstr(outcome.error, "client_secret=*** and ***"));
	teardown(&f);
}

static void a_renewed_token_survives_an_old_refusal(void **state)
{
	struct fixture f;
	struct outcome outcome;
	unsigned old;

	(void)state;
	setup(&f, secret_auth(1));
	ask(&f, NULL, NULL);
	hear(&f, 200, GOOD, &outcome);
	old = token_generation(f.token);
	ask(&f, NULL, NULL);
	hear(&f, 200, GOOD, &outcome);
	token_refused(f.token, old);
	assert_non_null(token_authorization(f.token));
	token_refused(f.token, token_generation(f.token));
	assert_null(token_authorization(f.token));
	teardown(&f);
}

static void missing_settings_are_named(void **state)
{
	struct auth_settings auth = {.method = AUTH_AZURE_AD};
	struct token *token = NULL;
	struct err err;

	(void)state;
	assert_int_equal(
		token_create(&token, &auth, RESOURCE, &sevens, &err), ERR_CONFIG);
	assert_string_equal(err.text, "auth.client_id is missing");
	assert_null(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_2_asks_for_a_scope),
		cmocka_unit_test(version_1_asks_for_a_resource),
		cmocka_unit_test(a_token_url_is_taken_as_it_is),
		cmocka_unit_test(a_password_is_sent_as_a_password_grant),
		cmocka_unit_test(a_certificate_is_sent_as_an_assertion),
		cmocka_unit_test(a_token_is_kept_until_near_its_end),
		cmocka_unit_test(lives_are_read_as_texts_and_bounded),
		cmocka_unit_test(garbage_is_no_token),
		cmocka_unit_test(a_refusal_tells_microsofts_words_and_the_remedy),
		cmocka_unit_test(the_second_secret_is_tried_and_remembered),
		cmocka_unit_test(only_a_refused_secret_makes_way_for_the_other),
		cmocka_unit_test(ids_within_the_sentence_are_told_once),
		cmocka_unit_test(a_refused_password_needs_a_person),
		cmocka_unit_test(the_services_own_trouble_is_no_refusal),
		cmocka_unit_test(a_broken_connection_is_tried_again),
		cmocka_unit_test(half_a_token_is_what_the_network_did),
		cmocka_unit_test(an_echoed_secret_is_hidden),
		cmocka_unit_test(a_renewed_token_survives_an_old_refusal),
		cmocka_unit_test(missing_settings_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
