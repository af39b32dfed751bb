#include "support.h"

#include "dynamics_errors.h"

#include <stdio.h>

struct code_example {
	uint32_t code;
	enum verdict verdict;
	enum outcome_kind kind;
	enum reason reason;
};

#define FORBIDDEN VERDICT_FORBIDDEN, OUTCOME_FORBIDDEN, REASON_FORBIDDEN
#define THROTTLED VERDICT_THROTTLED, OUTCOME_THROTTLED, REASON_THROTTLED
#define UNAUTHORIZED VERDICT_UNAUTHORIZED, OUTCOME_UNAUTHORIZED, REASON_UNAUTHORIZED
#define TICKET VERDICT_TOKEN, OUTCOME_UNAUTHORIZED, REASON_UNAUTHORIZED
#define ENVIRONMENT VERDICT_ENVIRONMENT, OUTCOME_ENVIRONMENT, REASON_ENVIRONMENT
#define RETRY VERDICT_RETRY, OUTCOME_RETRY, REASON_SERVER_ERROR
#define SLOW VERDICT_RETRY, OUTCOME_RETRY, REASON_TIMEOUT
#define PLUGIN_SLOW VERDICT_FEW, OUTCOME_RETRY, REASON_PLUGIN
#define INVALID VERDICT_REFUSED, OUTCOME_REFUSED, REASON_INVALID

static const struct code_example code_examples[] = {
	{0x80072321, THROTTLED},
	{0x80072322, THROTTLED},
	{0x80072326, THROTTLED},
	{0x8005F103, THROTTLED},
	{0x80044150, RETRY},
	{0x80044151, SLOW},
	{0x8004A001, RETRY},
	{0x8004ED47, SLOW},
	{0x80044339, RETRY},
	{0x80048543, RETRY},
	{0x80040216, VERDICT_FEW, OUTCOME_RETRY, REASON_SERVER_ERROR},
	{0x80044171, PLUGIN_SLOW},
	{0x80044172, PLUGIN_SLOW},
	{0x80044173, PLUGIN_SLOW},
	{0x80081111, PLUGIN_SLOW},
	{0x80081116, PLUGIN_SLOW},
	{0x80072560, UNAUTHORIZED},
	{0x80040225, UNAUTHORIZED},
	{0x8004A112, UNAUTHORIZED},
	{0x8004A100, TICKET},
	{0x8004A101, TICKET},
	{0x8004A102, TICKET},
	{0x8004A103, TICKET},
	{0x80044302, TICKET},
	{0x80040220, FORBIDDEN},
	{0x80042F09, FORBIDDEN},
	{0x8004F502, FORBIDDEN},
	{0x80048306, FORBIDDEN},
	{0x80040256, FORBIDDEN},
	{0x80040231, FORBIDDEN},
	{0x8004020D, FORBIDDEN},
	{0x80040277, FORBIDDEN},
	{0x8004D24B, FORBIDDEN},
	{0x8004A104, ENVIRONMENT},
	{0x80072325, ENVIRONMENT},
	{0x8004B057, ENVIRONMENT},
	{0x80044331, VERDICT_TOO_LONG, OUTCOME_REFUSED, REASON_INVALID},
	{0x80073001, VERDICT_TOO_LONG, OUTCOME_REFUSED, REASON_INVALID},
	{0x8004431A, VERDICT_BAD_CHOICE, OUTCOME_REFUSED, REASON_INVALID},
	{0x80044192, VERDICT_BAD_EMAIL, OUTCOME_REFUSED, REASON_INVALID},
	{0x80040237, VERDICT_DUPLICATE_KEY, OUTCOME_REFUSED, REASON_PLUGIN},
	{0x80040333, VERDICT_DUPLICATE_RULE, OUTCOME_REFUSED, REASON_DUPLICATE_RULE},
	{0x80060892, VERDICT_DUPLICATE_RULE, OUTCOME_REFUSED, REASON_DUPLICATE_RULE},
	{0x80040203, INVALID},
	{0x80040200, INVALID},
	{0x8004432F, INVALID},
	{0x8006088A, INVALID},
	{0x80040265, VERDICT_REFUSED, OUTCOME_REFUSED, REASON_PLUGIN},
	{0x8004418A, VERDICT_REFUSED, OUTCOME_REFUSED, REASON_TOO_LARGE},
};

static struct dynamics_reading read_answer(
	long status, const char *headers, const char *body)
{
	struct http_answer answer = make_answer(status, headers, body);
	struct dynamics_reading reading;

	dynamics_read(
		&reading, &answer, "creating the lead", true, "the-access-token", NOW);
	finish_answer(&answer);
	return reading;
}

static void check_code(const struct code_example *example, long status, const char *code)
{
	char body[256];
	struct dynamics_reading reading;

	snprintf(body, sizeof(body), "{\"error\":{\"code\":%s,\"message\":\"words\"}}",
		code);
	reading = read_answer(status, NULL, body);
	assert_int_equal(reading.code, example->code);
	assert_int_equal(reading.verdict, example->verdict);
	assert_int_equal(reading.outcome.kind, example->kind);
	assert_int_equal(reading.outcome.reason, example->reason);
	assert_int_equal(reading.outcome.few, example->verdict == VERDICT_FEW);
	assert_int_equal(reading.outcome.destination,
		example->kind == OUTCOME_RETRY && example->reason != REASON_PLUGIN &&
			status >= 500);
	assert_true(strlen(reading.outcome.remedy) > 10);
	dynamics_reading_finish(&reading);
}

static void every_known_code_is_classified_however_it_is_written(void **state)
{
	static const long statuses[] = {400, 403, 412, 500};

	(void)state;
	for (size_t i = 0; i < sizeof(code_examples) / sizeof(code_examples[0]); i++)
		for (size_t j = 0; j < sizeof(statuses) / sizeof(statuses[0]); j++) {
			const struct code_example *example = &code_examples[i];
			char code[32];

			snprintf(code, sizeof(code), "\"0x%08x\"", example->code);
			check_code(example, statuses[j], code);
			snprintf(code, sizeof(code), "\"0X%08X\"", example->code);
			check_code(example, statuses[j], code);
			snprintf(code, sizeof(code), "\"%d\"", (int32_t)example->code);
			check_code(example, statuses[j], code);
			snprintf(code, sizeof(code), "%d", (int32_t)example->code);
			check_code(example, statuses[j], code);
			snprintf(code, sizeof(code), "\"%u\"", example->code);
			check_code(example, statuses[j], code);
		}
}

struct status_example {
	long status;
	const char *body;
	enum verdict verdict;
	enum outcome_kind kind;
	enum reason reason;
	bool few;
	bool destination;
};

#define ODATA "{\"error\":{\"code\":\"0x80099999\",\"message\":\"words\"}}"
#define NO_CODE "{\"error\":{\"code\":\"\",\"message\":\"words\"}}"

static const struct status_example status_examples[] = {
	{200, "", VERDICT_DONE, OUTCOME_DELIVERED, REASON_NONE, false, false},
	{302, "", ENVIRONMENT, false, false},
	{307, "<html>", ENVIRONMENT, false, false},
	{400, "", INVALID, false, false},
	{400, ODATA, INVALID, false, false},
	{400, "<html><title>Blocked</title>", INVALID, false, false},
	{401, ODATA, TICKET, false, false},
	{401, "", TICKET, false, false},
	{403, "<html>firewall", FORBIDDEN, false, false},
	{403, NO_CODE, FORBIDDEN, false, false},
	{404, "", ENVIRONMENT, false, false},
	{404, ODATA, ENVIRONMENT, false, false},
	{405, "", INVALID, false, false},
	{407, "", ENVIRONMENT, false, false},
	{408, "", SLOW, false, true},
	{410, "", VERDICT_ENVIRONMENT, OUTCOME_ENVIRONMENT, REASON_GONE, false, false},
	{412, NO_CODE, VERDICT_DUPLICATE_KEY, OUTCOME_REFUSED, REASON_DUPLICATE_RULE,
		false, false},
	{412, "", VERDICT_DUPLICATE_KEY, OUTCOME_REFUSED, REASON_DUPLICATE_RULE, false,
		false},
	{413, "", VERDICT_REFUSED, OUTCOME_REFUSED, REASON_TOO_LARGE, false, false},
	{415, "", INVALID, false, false},
	{429, ODATA, THROTTLED, false, false},
	{429, "", THROTTLED, false, false},
	{500, ODATA, VERDICT_FEW, OUTCOME_RETRY, REASON_SERVER_ERROR, true, true},
	{500, "<html>", RETRY, false, true},
	{500, "", RETRY, false, true},
	{501, "", VERDICT_REFUSED, OUTCOME_REFUSED, REASON_PROTOCOL, false, false},
	{502, "<html>", RETRY, false, true},
	{503, "", RETRY, false, true},
	{504, "", SLOW, false, true},
	{507, "", ENVIRONMENT, false, false},
	{600, "", VERDICT_FEW, OUTCOME_RETRY, REASON_PROTOCOL, true, true},
	{500, "{\"error\":{\"message\":\"Database 'x' (40613) is not available\"}}",
		RETRY, false, true},
	{400, "{\"error\":{\"message\":\"Sql Number: 1205 deadlock\"}}", RETRY, false,
		false},
	{403, "{\"error\":{\"code\":7}}trailing", FORBIDDEN, false, false},
};

static void without_a_known_code_the_status_decides(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(status_examples) / sizeof(status_examples[0]);
		i++) {
		const struct status_example *e = &status_examples[i];
		struct dynamics_reading reading = read_answer(e->status, NULL, e->body);

		assert_int_equal(reading.verdict, e->verdict);
		assert_int_equal(reading.outcome.kind, e->kind);
		assert_int_equal(reading.outcome.reason, e->reason);
		assert_int_equal(reading.outcome.few, e->few);
		assert_int_equal(reading.outcome.destination, e->destination);
		assert_int_equal(reading.outcome.http_status, e->status);
		dynamics_reading_finish(&reading);
	}
}

static void check_wait(
	long status, const char *headers, enum outcome_kind kind, int64_t wait_ms)
{
	struct dynamics_reading reading = read_answer(status, headers, "");

	assert_int_equal(reading.outcome.kind, kind);
	assert_int_equal(reading.outcome.wait_ms, wait_ms);
	dynamics_reading_finish(&reading);
}

static void retry_after_is_obeyed(void **state)
{
	(void)state;
	check_wait(429, "Retry-After: 300\n", OUTCOME_THROTTLED, 300000);
	check_wait(429, "Retry-After: -1\n", OUTCOME_THROTTLED, -1);
	check_wait(429, NULL, OUTCOME_THROTTLED, -1);
	check_wait(503, "retry-after: 5\n", OUTCOME_THROTTLED, 5000);
	check_wait(503, "Retry-After: Thu, 01 Jan 2026 00:01:00 GMT\n", OUTCOME_THROTTLED,
		60000);
	check_wait(503, NULL, OUTCOME_RETRY, -1);
	check_wait(502, "Retry-After: 9\n", OUTCOME_RETRY, 9000);
}

static void codes_that_are_none_are_zero(void **state)
{
	(void)state;
	assert_int_equal(dynamics_code_parse(NULL), 0);
	assert_int_equal(dynamics_code_parse(""), 0);
	assert_int_equal(dynamics_code_parse("0x"), 0);
	assert_int_equal(dynamics_code_parse("0x123456789"), 0);
	assert_int_equal(dynamics_code_parse("InvalidRequest"), 0);
	assert_int_equal(dynamics_code_parse("-99999999999"), 0);
	assert_int_equal(dynamics_code_parse("80040237"), 0x80040237);
	assert_int_equal(dynamics_code_parse("-2147015902"), 0x80072322);
}

static void a_sentence_tells_step_status_words_and_code(void **state)
{
	struct dynamics_reading reading = read_answer(403, "x-ms-dop-hint: 12\n",
		"{\"error\":{\"code\":\"0x80040220\",\"message\":\"missing "
		"prvCreateLead\\r\\nfor the-access-token\"}}");

	(void)state;
	assert_string_equal(reading.outcome.error,
		"creating the lead: HTTP 403: missing prvCreateLead for *** (0x80040220)");
	assert_int_equal(reading.outcome.dop_hint, 12);
	dynamics_reading_finish(&reading);
	reading = read_answer(302, "Location: https://user:pass@login.x/?secret=1\n", "");
	assert_string_equal(reading.outcome.error,
		"creating the lead: HTTP 302: redirected to https://login.x");
	dynamics_reading_finish(&reading);
	reading = read_answer(502, NULL, "<html><head><title>Bad Gateway</title>");
	assert_string_equal(reading.outcome.error,
		"creating the lead: HTTP 502: an HTML page, \"Bad Gateway\"");
	dynamics_reading_finish(&reading);
}

static void check_failure(
	enum http_failure failure, bool sent, enum outcome_kind kind, enum reason reason)
{
	struct http_answer answer = make_failure(failure, sent);
	struct dynamics_reading reading;

	dynamics_read(&reading, &answer, "creating the lead", true, NULL, NOW);
	assert_int_equal(reading.verdict, VERDICT_FAILED);
	assert_int_equal(reading.outcome.kind, kind);
	assert_int_equal(reading.outcome.reason, reason);
	assert_int_equal(reading.outcome.destination,
		failure != HTTP_CANCELLED && kind != OUTCOME_ENVIRONMENT);
	dynamics_reading_finish(&reading);
}

static void what_was_sent_without_an_answer_is_unknown(void **state)
{
	(void)state;
	check_failure(HTTP_DNS, false, OUTCOME_RETRY, REASON_DNS);
	check_failure(HTTP_CONNECT, false, OUTCOME_RETRY, REASON_CONNECT);
	check_failure(HTTP_TLS, false, OUTCOME_RETRY, REASON_TLS);
	check_failure(HTTP_TIMEOUT, false, OUTCOME_RETRY, REASON_TIMEOUT);
	check_failure(HTTP_TIMEOUT, true, OUTCOME_UNKNOWN, REASON_TIMEOUT);
	check_failure(HTTP_RESET, false, OUTCOME_RETRY, REASON_RESET);
	check_failure(HTTP_RESET, true, OUTCOME_UNKNOWN, REASON_RESET);
	check_failure(HTTP_PROTOCOL, true, OUTCOME_UNKNOWN, REASON_PROTOCOL);
	check_failure(HTTP_CANCELLED, false, OUTCOME_RETRY,
		http_failure_reason(HTTP_CANCELLED));
	check_failure(HTTP_PRIVATE, false, OUTCOME_ENVIRONMENT, REASON_CONNECT);
}

static void a_200_whose_body_broke_off_is_no_answer(void **state)
{
	struct http_answer answer = make_answer(200, NULL, "{");
	struct dynamics_reading reading;

	(void)state;
	answer.failure = HTTP_TIMEOUT;
	answer.sent = true;
	dynamics_read(&reading, &answer, "creating the lead", true, NULL, NOW);
	assert_int_equal(reading.verdict, VERDICT_FAILED);
	assert_int_equal(reading.outcome.kind, OUTCOME_UNKNOWN);
	assert_int_equal(reading.outcome.reason, REASON_TIMEOUT);
	assert_false(reading.outcome.few);
	assert_true(reading.outcome.destination);
	dynamics_reading_finish(&reading);
	finish_answer(&answer);
}

static void a_status_is_the_truth_even_when_the_body_is_cut(void **state)
{
	struct http_answer answer = make_answer(204, NULL, "");
	struct dynamics_reading reading;

	(void)state;
	answer.failure = HTTP_RESET;
	dynamics_read(&reading, &answer, "creating the lead", true, NULL, NOW);
	assert_int_equal(reading.verdict, VERDICT_DONE);
	dynamics_reading_finish(&reading);
	finish_answer(&answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_known_code_is_classified_however_it_is_written),
		cmocka_unit_test(without_a_known_code_the_status_decides),
		cmocka_unit_test(retry_after_is_obeyed),
		cmocka_unit_test(codes_that_are_none_are_zero),
		cmocka_unit_test(a_sentence_tells_step_status_words_and_code),
		cmocka_unit_test(what_was_sent_without_an_answer_is_unknown),
		cmocka_unit_test(a_200_whose_body_broke_off_is_no_answer),
		cmocka_unit_test(a_status_is_the_truth_even_when_the_body_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
