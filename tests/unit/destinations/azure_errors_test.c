/* Every code and status of the table service, and in what they end. */
#include "support.h"

#include "azure_errors.h"

#include <stdio.h>

static const struct azure_account by_key = {.endpoint = (char *)"https://x"};
static const struct azure_account by_sas = {
	.sas = (char *)"sv=1&sp=a&sig=S3cr3t%2FS1gnature", .sas_expires_at = NOW - 1};

static struct azure_reading read_answer(long status, const char *headers,
	const char *body, const struct azure_account *account)
{
	struct http_answer answer = make_answer(status, headers, body);
	struct azure_reading reading;

	azure_read(&reading, &answer, "adding the lead", true, account, NOW);
	finish_answer(&answer);
	azure_reading_finish(&reading);
	return reading;
}

static struct azure_reading read_code(long status, const char *code)
{
	char body[256];

	snprintf(body, sizeof(body),
		"{\"odata.error\":{\"code\":\"%s\",\"message\":{\"lang\":\"en-US\","
		"\"value\":\"Its words.\\nRequestId:1\"}}}",
		code);
	return read_answer(status, NULL, body, &by_key);
}

static void the_reference_is_kept_to(void **state)
{
	static const struct {
		const char *code;
		long status;
		enum outcome_kind kind;
		enum azure_verdict verdict;
	} rows[] = {
		{"EntityAlreadyExists", 409, OUTCOME_ALREADY_THERE, AZURE_EXISTS},
		{"TableAlreadyExists", 409, OUTCOME_ALREADY_THERE, AZURE_TABLE_EXISTS},
		{"ServerBusy", 503, OUTCOME_RETRY, AZURE_RETRY},
		{"OperationTimedOut", 500, OUTCOME_RETRY, AZURE_RETRY},
		{"InternalError", 500, OUTCOME_RETRY, AZURE_RETRY},
		{"TableBeingDeleted", 409, OUTCOME_RETRY, AZURE_RETRY},
		{"TableNotFound", 404, OUTCOME_ENVIRONMENT, AZURE_NO_TABLE},
		{"AuthenticationFailed", 403, OUTCOME_UNAUTHORIZED, AZURE_UNAUTHORIZED},
		{"AuthorizationFailure", 403, OUTCOME_UNAUTHORIZED, AZURE_UNAUTHORIZED},
		{"InvalidAuthenticationInfo", 400, OUTCOME_UNAUTHORIZED,
			AZURE_UNAUTHORIZED},
		{"NoAuthenticationInformation", 401, OUTCOME_UNAUTHORIZED,
			AZURE_UNAUTHORIZED},
		{"AuthorizationPermissionMismatch", 403, OUTCOME_UNAUTHORIZED,
			AZURE_FORBIDDEN},
		{"AuthorizationProtocolMismatch", 403, OUTCOME_UNAUTHORIZED,
			AZURE_FORBIDDEN},
		{"AuthorizationServiceMismatch", 403, OUTCOME_UNAUTHORIZED,
			AZURE_FORBIDDEN},
		{"AuthorizationSourceIPMismatch", 403, OUTCOME_UNAUTHORIZED,
			AZURE_FORBIDDEN},
		{"AuthorizationResourceTypeMismatch", 403, OUTCOME_UNAUTHORIZED,
			AZURE_FORBIDDEN},
		{"InsufficientAccountPermissions", 403, OUTCOME_UNAUTHORIZED,
			AZURE_FORBIDDEN},
		{"AccountIsDisabled", 403, OUTCOME_ENVIRONMENT, AZURE_ENVIRONMENT},
		{"PropertyValueTooLarge", 400, OUTCOME_REFUSED, AZURE_TOO_LARGE},
		{"EntityTooLarge", 400, OUTCOME_REFUSED, AZURE_TOO_LARGE},
		{"RequestBodyTooLarge", 413, OUTCOME_REFUSED, AZURE_TOO_LARGE},
		{"InvalidInput", 400, OUTCOME_REFUSED, AZURE_REFUSED},
		{"PropertyNameInvalid", 400, OUTCOME_REFUSED, AZURE_REFUSED},
		{"PropertyNameTooLong", 400, OUTCOME_REFUSED, AZURE_REFUSED},
		{"TooManyProperties", 400, OUTCOME_REFUSED, AZURE_REFUSED},
		{"DuplicatePropertiesSpecified", 400, OUTCOME_REFUSED, AZURE_REFUSED},
		{"InvalidValueType", 400, OUTCOME_REFUSED, AZURE_REFUSED},
		{"PropertiesNeedValue", 400, OUTCOME_REFUSED, AZURE_REFUSED},
		{"InvalidResourceName", 400, OUTCOME_REFUSED, AZURE_REFUSED},
		{"JsonFormatNotSupported", 415, OUTCOME_REFUSED, AZURE_REFUSED},
		{"AtomFormatNotSupported", 415, OUTCOME_REFUSED, AZURE_REFUSED},
		{"NotImplemented", 501, OUTCOME_REFUSED, AZURE_REFUSED},
		/* without a known code the status decides */
		{"", 400, OUTCOME_REFUSED, AZURE_REFUSED},
		{"", 401, OUTCOME_UNAUTHORIZED, AZURE_UNAUTHORIZED},
		{"", 403, OUTCOME_UNAUTHORIZED, AZURE_UNAUTHORIZED},
		{"", 404, OUTCOME_ENVIRONMENT, AZURE_NOT_FOUND},
		{"", 407, OUTCOME_ENVIRONMENT, AZURE_ENVIRONMENT},
		{"", 408, OUTCOME_RETRY, AZURE_RETRY},
		{"", 429, OUTCOME_THROTTLED, AZURE_THROTTLED},
		{"NewWord", 500, OUTCOME_RETRY, AZURE_RETRY},
		{"", 502, OUTCOME_RETRY, AZURE_RETRY},
		{"", 504, OUTCOME_RETRY, AZURE_RETRY},
		{"", 301, OUTCOME_ENVIRONMENT, AZURE_ENVIRONMENT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct azure_reading reading = read_code(rows[i].status, rows[i].code);
		bool fine = outcome_is_success(rows[i].kind);

		if (reading.verdict != rows[i].verdict ||
			reading.outcome.kind != rows[i].kind)
			fail_msg("%s %ld: %d %s", rows[i].code, rows[i].status,
				(int)reading.verdict, outcome_name(reading.outcome.kind));
		assert_int_equal(
			reading.outcome.destination, rows[i].kind == OUTCOME_RETRY);
		assert_int_equal(*reading.outcome.error == '\0', fine);
		if (!fine && rows[i].verdict != AZURE_NO_TABLE)
			assert_true(*reading.outcome.remedy != '\0');
	}
}

static void the_words_are_the_services_own(void **state)
{
	struct azure_reading reading = read_code(400, "InvalidInput");

	(void)state;
	assert_string_equal(reading.outcome.error,
		"adding the lead: HTTP 400: Its words. RequestId:1 (InvalidInput)");
	reading = read_answer(403, NULL,
		"<?xml version=\"1.0\"?><error xmlns=\"http://x\"><code>"
		"AuthenticationFailed</code><message xml:lang=\"en-US\">No.</message></error>",
		&by_key);
	assert_string_equal(reading.outcome.error,
		"adding the lead: HTTP 403: No. (AuthenticationFailed)");
	reading = read_answer(403, NULL,
		"<m:error><m:code>AccountIsDisabled</m:code><m:message>Off.</m:message>"
		"</m:error>",
		&by_key);
	assert_int_equal(reading.verdict, AZURE_ENVIRONMENT);
	reading = read_answer(409, "x-ms-error-code: EntityAlreadyExists\n", "", &by_key);
	assert_int_equal(reading.verdict, AZURE_EXISTS);
	reading = read_answer(
		403, NULL, "<html><title>Proxy</title><code>x</code></html>", &by_key);
	assert_string_equal(reading.outcome.error,
		"adding the lead: HTTP 403: an HTML page, \"Proxy\"");
}

static void broken_bodies_do_no_harm(void **state)
{
	static const char *const bodies[] = {"", "{", "[]", "\"x\"",
		"{\"odata.error\":7}", "{\"odata.error\":{\"code\":7,\"message\":[]}}",
		"<", "<>", "<code", "<code>", "<code>x", "<:code>x</:code>",
		"<a:", "null"};

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
		assert_int_equal(
			read_answer(503, NULL, bodies[i], &by_key).verdict, AZURE_RETRY);
}

static void retry_after_is_honoured(void **state)
{
	struct azure_reading reading =
		read_answer(503, "Retry-After: 7\n", NULL, &by_key);

	(void)state;
	assert_int_equal(reading.outcome.kind, OUTCOME_THROTTLED);
	assert_int_equal(reading.outcome.wait_ms, 7000);
	reading = read_answer(500, "Retry-After: 3\n", NULL, &by_key);
	assert_int_equal(reading.outcome.kind, OUTCOME_RETRY);
	assert_int_equal(reading.outcome.wait_ms, 3000);
}

#define REFUSED "{\"odata.error\":{\"code\":\"AuthenticationFailed\"}}"

static void a_clock_that_is_off_is_named(void **state)
{
	struct azure_reading reading = read_answer(
		403, "Date: Wed, 31 Dec 2025 21:00:00 GMT\n", REFUSED, &by_key);

	(void)state;
	assert_non_null(strstr(reading.outcome.error,
		"this machine's clock is 3h ahead of the service's"));
	assert_non_null(strstr(reading.outcome.remedy, "clock right"));
	reading = read_answer(
		403, "Date: Thu, 01 Jan 2026 00:20:00 GMT\n", REFUSED, &by_key);
	assert_non_null(strstr(reading.outcome.error, "20m behind"));
	reading = read_answer(
		403, "Date: Thu, 01 Jan 2026 00:01:00 GMT\n", REFUSED, &by_key);
	assert_null(strstr(reading.outcome.error, "clock"));
	assert_non_null(strstr(reading.outcome.remedy, "Access keys"));
}

static void a_sas_that_is_over_is_named_and_no_signature_is_quoted(void **state)
{
	struct azure_reading reading = read_answer(403, NULL,
		"{\"odata.error\":{\"code\":\"AuthenticationFailed\",\"message\":{\"value\":"
		"\"sv=1&sp=a&sig=S3cr3t%2FS1gnature or S3cr3t\\/S1gnature\"}}}",
		&by_sas);

	(void)state;
	assert_non_null(strstr(
		reading.outcome.error, "the SAS expired at 2025-12-31T23:59:59.999Z"));
	assert_null(strstr(reading.outcome.error, "S3cr3t"));
	assert_non_null(strstr(reading.outcome.remedy, "new SAS"));
	reading = read_answer(500, NULL, "no JSON: sig=S3cr3t%2FS1gnature", &by_sas);
	assert_string_equal(
		reading.outcome.error, "adding the lead: HTTP 500: no JSON: sig=***");
	reading = read_answer(
		500, "x-ms-error-code: sig=S3cr3t%2FS1gnature\n", "", &by_sas);
	assert_null(strstr(reading.outcome.error, "S3cr3t"));
	reading = read_answer(500,
		"x-ms-error-code: 0123456789012345678901234567890123456789012345sig=S3cr3t%2FS1gnature\n",
		"", &by_sas); /* too long for a code: not cut either */
	assert_null(strstr(reading.outcome.error, "S3cr3t"));
}

static void no_answer_is_unknown_once_it_was_sent(void **state)
{
	struct http_answer answer = make_failure(HTTP_TIMEOUT, true);
	struct azure_reading reading;

	(void)state;
	azure_read(&reading, &answer, "adding the lead", true, &by_key, NOW);
	assert_int_equal(reading.verdict, AZURE_FAILED);
	assert_int_equal(reading.outcome.kind, OUTCOME_UNKNOWN);
	azure_reading_finish(&reading);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_reference_is_kept_to),
		cmocka_unit_test(the_words_are_the_services_own),
		cmocka_unit_test(broken_bodies_do_no_harm),
		cmocka_unit_test(retry_after_is_honoured),
		cmocka_unit_test(a_clock_that_is_off_is_named),
		cmocka_unit_test(a_sas_that_is_over_is_named_and_no_signature_is_quoted),
		cmocka_unit_test(no_answer_is_unknown_once_it_was_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
