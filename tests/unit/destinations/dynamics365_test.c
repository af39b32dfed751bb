/*
 * Whole tasks of the dynamics365 destination, one answer after another: what is sent, and
 * what it ends in.
 */
#include "support.h"

#include "leadrelay/destination.h"
#include "leadrelay/token.h"

#include <stdio.h>

#define BASE "https://contoso.crm4.dynamics.com/api/data/v9.2"
#define OTHER_ID "11111111-2222-3333-4444-555555555555"
#define ERROR(code, words) "{\"error\":{\"code\":\"" code "\",\"message\":\"" words "\"}}"
#define NOT_THERE ERROR("0x80040217", "Entity 'lead' With Id = x Does Not Exist")

struct fixture {
	struct destination_settings settings;
	struct destination *destination;
	struct lead lead;
	struct task task;
	enum step_kind step;
};

static void get_token(struct fixture *f)
{
	struct http_request request = {0};
	struct outcome outcome;
	struct http_answer answer = make_answer(
		200, NULL, "{\"access_token\":\"tok-en\",\"expires_in\":3600}");
	struct token *token = destination_token(f->destination);

	assert_true(token_wanted(token, NOW));
	assert_int_equal(token_request(token, &request, NOW, NULL), ERR_OK);
	http_request_finish(&request);
	assert_int_equal(token_answer(token, &answer, NOW, &outcome), TOKEN_GOT);
	finish_answer(&answer);
}

static void setup_with(struct fixture *f, enum duplicates_policy duplicates)
{
	static char name[] = "crm", kind[] = "dynamics365", id[] = "client";
	static char url[] = "https://contoso.crm4.dynamics.com/main.aspx",
		    dir[] = "tenant";
	static char secret[] = "the-secret";

	*f = (struct fixture){
		.settings = {.name = name,
			.kind = kind,
			.url = url,
			.duplicates = duplicates,
			.auth = {.method = AUTH_AZURE_AD,
				.directory_id = dir,
				.client_id = id,
				.client_secret = {.values = {secret}, .count = 1},
				.token_version = 2}}};
	assert_int_equal(
		destination_create(&f->destination, &f->settings, &sevens, NULL), ERR_OK);
	f->lead = make_lead();
	set_field(&f->lead, FIELD_LAST_NAME, "Silva");
	set_field(&f->lead, FIELD_EMAIL, "o'ana+x@example.com");
	get_token(f);
}

static void setup(struct fixture *f)
{
	setup_with(f, DUPLICATES_CREATE);
}

static void teardown(struct fixture *f)
{
	task_finish(&f->task);
	lead_finish(&f->lead);
	destination_destroy(f->destination);
}

static void begin(struct fixture *f, enum task_purpose purpose)
{
	f->task.purpose = purpose;
	f->task.lead =
		purpose == TASK_PROBE || purpose == TASK_PRIVILEGE ? NULL : &f->lead;
	f->step = task_begin(f->destination, &f->task, NOW);
}

static void expect_sent(struct fixture *f, const char *method, const char *url)
{
	assert_int_equal(f->step, STEP_SEND);
	assert_string_equal(f->task.request.method, method);
	assert_string_equal(buf_str(&f->task.request.url), url);
}

static void expect_header(struct fixture *f, const char *line)
{
	assert_non_null(strstr(buf_str(&f->task.request.headers), line));
}

/* The caller takes the request, as the relay does, and answers it. */
static void reply_with(
	struct fixture *f, long status, const char *headers, const char *body)
{
	struct http_answer answer = make_answer(status, headers, body);

	assert_int_equal(f->step, STEP_SEND);
	http_request_finish(&f->task.request);
	f->task.request = (struct http_request){0};
	f->step = task_next(f->destination, &f->task, &answer, NOW);
	finish_answer(&answer);
}

static void reply(struct fixture *f, long status, const char *body)
{
	reply_with(f, status, NULL, body);
}

static void expect_done(struct fixture *f, enum outcome_kind kind, enum reason reason)
{
	assert_int_equal(f->step, STEP_DONE);
	assert_int_equal(f->task.outcome.kind, kind);
	assert_int_equal(f->task.outcome.reason, reason);
}

static void a_lead_is_created_under_its_own_id(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	begin(&f, TASK_DELIVER);
	expect_sent(&f, "POST", BASE "/leads");
	expect_header(&f, "Authorization: Bearer tok-en\n");
	expect_header(&f, "Accept: application/json\n");
	expect_header(&f, "Content-Type: application/json; charset=utf-8\n");
	expect_header(&f, "OData-Version: 4.0\n");
	expect_header(&f, "OData-MaxVersion: 4.0\n");
	expect_header(&f, "x-ms-client-request-id: " LEAD_ID "\n");
	expect_header(&f, "MSCRM.SuppressDuplicateDetection: true\n");
	assert_true(f.task.request.has_body);
	assert_non_null(
		strstr(buf_str(&f.task.request.body), "\"leadid\":\"" LEAD_ID "\""));
	reply_with(&f, 204,
		"OData-EntityId: " BASE "/leads(" LEAD_ID ")\nx-ms-dop-hint: 7\n", "");
	expect_done(&f, OUTCOME_DELIVERED, REASON_NONE);
	assert_string_equal(f.task.outcome.remote_id, LEAD_ID);
	assert_int_equal(f.task.outcome.dop_hint, 7);
	assert_int_equal(f.task.record_count, 1);
	assert_int_equal(f.task.records[0].outcome, OUTCOME_DELIVERED);
	assert_int_equal(f.task.records[0].duration_ms, 5);
	assert_int_equal(f.task.records[0].at, NOW - 5);
	teardown(&f);
}

static void another_success_is_tried_a_few_times(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	begin(&f, TASK_DELIVER);
	reply(&f, 200, "<html><title>Welcome, Bearer tok-en</title>");
	expect_done(&f, OUTCOME_RETRY, REASON_PROTOCOL);
	assert_true(f.task.outcome.few);
	assert_non_null(strstr(f.task.outcome.error, "Welcome, Bearer ***"));
	teardown(&f);
}

static void a_token_is_waited_for_and_renewed_once(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	token_forget(destination_token(f.destination));
	begin(&f, TASK_DELIVER);
	assert_int_equal(f.step, STEP_TOKEN);
	get_token(&f);
	f.step = task_next(f.destination, &f.task, NULL, NOW);
	expect_sent(&f, "POST", BASE "/leads");
	reply(&f, 401, "");
	assert_int_equal(f.step, STEP_TOKEN);
	assert_null(token_authorization(destination_token(f.destination)));
	get_token(&f);
	f.step = task_next(f.destination, &f.task, NULL, NOW);
	reply(&f, 401, "");
	expect_done(&f, OUTCOME_UNAUTHORIZED, REASON_UNAUTHORIZED);
	assert_int_equal(f.task.record_count, 2);
	teardown(&f);
}

static void a_duplicate_that_names_our_key_is_delivered(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	begin(&f, TASK_DELIVER);
	reply(&f, 412,
		"{\"error\":{\"code\":\"0x80040237\",\"message\":\"Cannot insert duplicate "
		"key.\",\"@x\":\"Violation of PRIMARY KEY constraint 'PK_LeadBase'\"}}");
	expect_done(&f, OUTCOME_ALREADY_THERE, REASON_NONE);
	assert_string_equal(f.task.outcome.remote_id, LEAD_ID);
	teardown(&f);
}

static void a_duplicate_is_proved_by_reading_our_id(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	begin(&f, TASK_DELIVER);
	reply(&f, 412, ERROR("0x80040237", "A record with matching key values exists."));
	expect_sent(&f, "GET", BASE "/leads(" LEAD_ID ")?$select=leadid");
	expect_header(&f, "If-None-Match: null\n");
	assert_false(f.task.request.has_body);
	reply(&f, 200, "{\"leadid\":\"" LEAD_ID "\"}");
	expect_done(&f, OUTCOME_ALREADY_THERE, REASON_NONE);
	teardown(&f);
}

static void a_duplicate_that_may_not_be_read_is_presumed(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	begin(&f, TASK_DELIVER);
	reply(&f, 500, ERROR("-2147220937", "duplicate"));
	reply(&f, 403, ERROR("0x80040220", "prvReadLead is missing"));
	expect_done(&f, OUTCOME_PRESUMED, REASON_NONE);
	assert_string_equal(f.task.outcome.remote_id, LEAD_ID);
	teardown(&f);
}

static void a_duplicate_of_something_else_is_a_plug_ins_refusal(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	begin(&f, TASK_DELIVER);
	reply(&f, 412,
		ERROR("0x80040237", "this company is on our list; PK_AccountBase"));
	reply(&f, 404, NOT_THERE);
	expect_done(&f, OUTCOME_REFUSED, REASON_PLUGIN);
	assert_non_null(strstr(f.task.outcome.error, "on our list"));
	assert_int_equal(f.task.outcome.http_status, 412);
	teardown(&f);
}

static void a_proof_that_fails_is_asked_again(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	begin(&f, TASK_DELIVER);
	reply(&f, 412, "");
	reply(&f, 503, "");
	expect_done(&f, OUTCOME_RETRY, REASON_SERVER_ERROR);
	teardown(&f);
}

static void begin_duplicate(struct fixture *f, enum duplicates_policy policy)
{
	setup_with(f, policy);
	begin(f, TASK_DELIVER);
	expect_header(f, policy == DUPLICATES_CREATE
				 ? "MSCRM.SuppressDuplicateDetection: true\n"
				 : "MSCRM.SuppressDuplicateDetection: false\n");
	reply(f, 500,
		ERROR("0x80040333", "A record was not created or updated because a "
				    "duplicate of the current record already exists."));
	expect_sent(f, "GET", BASE "/leads(" LEAD_ID ")?$select=leadid");
}

static void a_duplicate_rule_that_met_our_own_record_is_delivered(void **state)
{
	struct fixture f;

	(void)state;
	begin_duplicate(&f, DUPLICATES_SKIP);
	reply(&f, 200, "{}");
	expect_done(&f, OUTCOME_ALREADY_THERE, REASON_NONE);
	teardown(&f);
}

static void under_create_a_duplicate_rule_is_a_refusal(void **state)
{
	struct fixture f;

	(void)state;
	begin_duplicate(&f, DUPLICATES_CREATE);
	reply(&f, 404, NOT_THERE);
	expect_done(&f, OUTCOME_REFUSED, REASON_DUPLICATE_RULE);
	teardown(&f);
}

static void under_skip_a_duplicate_rule_is_skipped(void **state)
{
	struct fixture f;

	(void)state;
	begin_duplicate(&f, DUPLICATES_SKIP);
	reply(&f, 404, NOT_THERE);
	expect_done(&f, OUTCOME_SKIPPED, REASON_DUPLICATE_RULE);
	teardown(&f);
}

static void under_update_the_record_with_the_same_email_is_patched(void **state)
{
	struct fixture f;

	(void)state;
	begin_duplicate(&f, DUPLICATES_UPDATE);
	reply(&f, 404, NOT_THERE);
	expect_sent(&f, "GET",
		BASE
		"/leads?$select=leadid,statecode&$filter=emailaddress1%20eq%20'o''ana"
		"%2Bx%40example.com'&$orderby=createdon%20desc&$top=50");
	reply(&f, 200,
		"{\"value\":[{\"leadid\":\"" LEAD_ID "\",\"statecode\":1},{\"leadid\":"
		"\"" OTHER_ID "\",\"statecode\":0}]}");
	expect_sent(&f, "PATCH", BASE "/leads(" OTHER_ID ")");
	expect_header(&f, "If-Match: *\n");
	assert_null(strstr(buf_str(&f.task.request.body), "leadid"));
	reply(&f, 204, "");
	expect_done(&f, OUTCOME_DELIVERED, REASON_NONE);
	assert_string_equal(f.task.outcome.remote_id, OTHER_ID);
	assert_int_equal(f.task.record_count, 4);
	teardown(&f);
}

static void under_update_nobody_with_that_email_is_a_refusal(void **state)
{
	struct fixture f;

	(void)state;
	begin_duplicate(&f, DUPLICATES_UPDATE);
	reply(&f, 404, NOT_THERE);
	reply(&f, 200, "{\"value\":[]}");
	expect_done(&f, OUTCOME_REFUSED, REASON_DUPLICATE_RULE);
	teardown(&f);
}

static void what_is_too_long_is_cut_and_sent_once_more(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	begin(&f, TASK_DELIVER);
	reply(&f, 400,
		ERROR("0x80044331", "The length of the 'lastname' attribute of the "
				    "'lead' entity exceeded the maximum allowed "
				    "length of '3'."));
	expect_sent(&f, "POST", BASE "/leads");
	assert_non_null(strstr(buf_str(&f.task.request.body), "\"lastname\":\"Sil\""));
	reply(&f, 400, ERROR("0x80044192", "not a valid e-mail"));
	assert_null(strstr(buf_str(&f.task.request.body), "emailaddress1"));
	assert_non_null(
		strstr(buf_str(&f.task.request.body), "last_name: Silva\\nemail: "));
	reply(&f, 204, "");
	expect_done(&f, OUTCOME_DELIVERED, REASON_NONE);
	teardown(&f);
}

static void one_repair_per_column(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	begin(&f, TASK_DELIVER);
	reply(&f, 400, ERROR("0x80044331", "'lastname' too long: maximum 3"));
	reply(&f, 400, ERROR("0x80044331", "'lastname' too long: maximum 2"));
	expect_done(&f, OUTCOME_REFUSED, REASON_INVALID);
	teardown(&f);
}

static void an_edited_unknown_lead_is_asked_for_first(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	f.task.ask_first = true;
	begin(&f, TASK_DELIVER);
	expect_sent(&f, "GET", BASE "/leads(" LEAD_ID ")?$select=leadid");
	reply(&f, 404, NOT_THERE);
	expect_sent(&f, "POST", BASE "/leads");
	reply(&f, 204, "");
	expect_done(&f, OUTCOME_DELIVERED, REASON_NONE);
	teardown(&f);
	setup(&f);
	f.task.ask_first = true;
	begin(&f, TASK_DELIVER);
	reply(&f, 200, "{}");
	expect_done(&f, OUTCOME_ALREADY_THERE, REASON_NONE);
	teardown(&f);
}

static void a_missing_record_that_set_names_is_the_environments(void **state)
{
	static struct pair bind = PAIR("campaignid@odata.bind", "/campaigns(1)", false);
	struct fixture f;

	(void)state;
	setup(&f);
	f.settings.set = (struct pair_list){&bind, 1};
	begin(&f, TASK_DELIVER);
	reply(&f, 404, ERROR("0x80040217", "campaign With Id = 1 Does Not Exist"));
	expect_done(&f, OUTCOME_ENVIRONMENT, REASON_ENVIRONMENT);
	teardown(&f);
	setup(&f);
	begin(&f, TASK_DELIVER);
	reply(&f, 404, ERROR("0x80040217", "a plug-in looked for something"));
	expect_done(&f, OUTCOME_REFUSED, REASON_INVALID);
	teardown(&f);
}

static void an_answer_that_never_came_leaves_it_unknown(void **state)
{
	struct http_answer answer = make_failure(HTTP_TIMEOUT, true);
	struct fixture f;

	(void)state;
	setup(&f);
	begin(&f, TASK_DELIVER);
	f.step = task_next(f.destination, &f.task, &answer, NOW);
	expect_done(&f, OUTCOME_UNKNOWN, REASON_TIMEOUT);
	assert_true(f.task.outcome.destination);
	teardown(&f);
	setup(&f);
	begin(&f, TASK_PROBE); /* a read may always be repeated */
	f.step = task_next(f.destination, &f.task, &answer, NOW);
	expect_done(&f, OUTCOME_RETRY, REASON_TIMEOUT);
	teardown(&f);
}

static void a_probe_asks_who_we_are(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	begin(&f, TASK_PROBE);
	expect_sent(&f, "GET", BASE "/WhoAmI");
	reply(&f, 200, "{\"UserId\":\"" OTHER_ID "\"}");
	expect_done(&f, OUTCOME_DELIVERED, REASON_NONE);
	teardown(&f);
	setup(&f);
	begin(&f, TASK_PROBE);
	reply(&f, 200, "<html>a portal");
	expect_done(&f, OUTCOME_ENVIRONMENT, REASON_ENVIRONMENT);
	teardown(&f);
}

static void ask_privilege(struct fixture *f, long status, const char *body)
{
	setup(f);
	begin(f, TASK_PRIVILEGE);
	expect_sent(f, "GET", BASE "/WhoAmI");
	reply(f, 200, "{\"UserId\":\"" OTHER_ID "\"}");
	expect_sent(f, "GET",
		BASE
		"/systemusers(" OTHER_ID ")/Microsoft.Dynamics.CRM."
		"RetrieveUserPrivilegeByPrivilegeName(PrivilegeName='prvCreateLead')");
	reply(f, status, body);
}

static void the_privilege_is_asked_for_by_name(void **state)
{
	struct fixture f;

	(void)state;
	ask_privilege(&f, 200, "{\"RolePrivileges\":[{\"Depth\":\"Basic\"}]}");
	expect_done(&f, OUTCOME_DELIVERED, REASON_NONE);
	task_finish(&f.task);
	f.task = (struct task){0};
	begin(&f, TASK_PRIVILEGE); /* who we are is known by now */
	assert_non_null(strstr(buf_str(&f.task.request.url), "/systemusers("));
	teardown(&f);
	ask_privilege(&f, 200, "{\"RolePrivileges\":[]}");
	expect_done(&f, OUTCOME_FORBIDDEN, REASON_FORBIDDEN);
	teardown(&f);
	ask_privilege(&f, 403, ERROR("0x80040220", "prvReadUser"));
	expect_done(&f, OUTCOME_PRESUMED, REASON_NONE);
	assert_non_null(strstr(f.task.outcome.error, "cannot be asked"));
	teardown(&f);
	ask_privilege(&f, 404, "");
	expect_done(&f, OUTCOME_PRESUMED, REASON_NONE);
	teardown(&f);
}

static void a_test_lead_is_read_back_and_deleted(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	begin(&f, TASK_READ);
	expect_sent(&f, "GET",
		BASE "/leads(" LEAD_ID ")?$select=leadid,subject,lastname,emailaddress1");
	reply(&f, 200,
		"{\"subject\":\"Silva\",\"lastname\":\"SILVA\","
		"\"emailaddress1\":\"o'ana+x@example.com\"}");
	expect_done(&f, OUTCOME_ALREADY_THERE, REASON_NONE);
	assert_string_equal(f.task.outcome.error, "the CRM changed: lastname");
	teardown(&f);
	setup(&f);
	begin(&f, TASK_READ);
	reply(&f, 404, NOT_THERE);
	expect_done(&f, OUTCOME_REFUSED, REASON_GONE);
	teardown(&f);
	setup(&f);
	begin(&f, TASK_READ);
	reply(&f, 403, ERROR("0x80040220", "prvReadLead"));
	expect_done(&f, OUTCOME_PRESUMED, REASON_NONE);
	teardown(&f);
	setup(&f);
	begin(&f, TASK_DELETE);
	reply(&f, 403, ERROR("0x80040220", "prvDeleteLead"));
	expect_done(&f, OUTCOME_FORBIDDEN, REASON_FORBIDDEN);
	assert_non_null(strstr(f.task.outcome.remedy, "prvDeleteLead"));
	teardown(&f);
	setup(&f);
	begin(&f, TASK_DELETE);
	expect_sent(&f, "DELETE", BASE "/leads(" LEAD_ID ")");
	reply(&f, 204, "");
	expect_done(&f, OUTCOME_DELIVERED, REASON_NONE);
	teardown(&f);
}

static void endless_refusals_come_to_an_end(void **state)
{
	struct fixture f;
	int exchanges = 0;

	(void)state;
	setup_with(&f, DUPLICATES_UPDATE);
	set_field(&f.lead, FIELD_COMPANY, "Fabrikam");
	set_field(&f.lead, FIELD_FIRST_NAME, "Ana");
	begin(&f, TASK_DELIVER);
	while (f.step != STEP_DONE) {
		static const char *const names[] = {"lastname", "companyname",
			"firstname", "subject", "emailaddress1"};
		char body[256];

		assert_true(exchanges < TASK_EXCHANGES_MAX);
		snprintf(body, sizeof(body), ERROR("0x80044331", "'%s' maximum 2"),
			names[exchanges++ % 5]);
		reply(&f, 400, body);
	}
	expect_done(&f, OUTCOME_REFUSED, REASON_INVALID);
	teardown(&f);
}

static void check_refused(struct destination_settings settings, const char *words)
{
	struct destination *destination = NULL;
	struct err err;

	assert_int_equal(
		destination_create(&destination, &settings, &sevens, &err), ERR_CONFIG);
	assert_null(destination);
	assert_non_null(strstr(err.text, words));
}

static void unusable_settings_are_named(void **state)
{
	static struct pair own = PAIR("leadid", "x", false);
	static char version[] = "latest", plain[] = "http://crm.contoso.com";
	static char kind[] = "sap";
	struct fixture f;
	struct destination_settings settings;

	(void)state;
	setup(&f);
	settings = f.settings;
	settings.set = (struct pair_list){&own, 1};
	check_refused(settings, "destination crm: set: leadid is no column");
	settings = f.settings;
	settings.api_version = version;
	check_refused(settings, "api_version: ");
	settings = f.settings;
	settings.url = plain;
	check_refused(settings, "url: http://");
	settings = f.settings;
	settings.auth.method = AUTH_NONE;
	check_refused(settings, "auth: missing");
	settings = f.settings;
	settings.kind = kind;
	check_refused(settings, "no kind sap");
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lead_is_created_under_its_own_id),
		cmocka_unit_test(another_success_is_tried_a_few_times),
		cmocka_unit_test(a_token_is_waited_for_and_renewed_once),
		cmocka_unit_test(a_duplicate_that_names_our_key_is_delivered),
		cmocka_unit_test(a_duplicate_is_proved_by_reading_our_id),
		cmocka_unit_test(a_duplicate_that_may_not_be_read_is_presumed),
		cmocka_unit_test(a_duplicate_of_something_else_is_a_plug_ins_refusal),
		cmocka_unit_test(a_proof_that_fails_is_asked_again),
		cmocka_unit_test(a_duplicate_rule_that_met_our_own_record_is_delivered),
		cmocka_unit_test(under_create_a_duplicate_rule_is_a_refusal),
		cmocka_unit_test(under_skip_a_duplicate_rule_is_skipped),
		cmocka_unit_test(under_update_the_record_with_the_same_email_is_patched),
		cmocka_unit_test(under_update_nobody_with_that_email_is_a_refusal),
		cmocka_unit_test(what_is_too_long_is_cut_and_sent_once_more),
		cmocka_unit_test(one_repair_per_column),
		cmocka_unit_test(an_edited_unknown_lead_is_asked_for_first),
		cmocka_unit_test(a_missing_record_that_set_names_is_the_environments),
		cmocka_unit_test(an_answer_that_never_came_leaves_it_unknown),
		cmocka_unit_test(a_probe_asks_who_we_are),
		cmocka_unit_test(the_privilege_is_asked_for_by_name),
		cmocka_unit_test(a_test_lead_is_read_back_and_deleted),
		cmocka_unit_test(endless_refusals_come_to_an_end),
		cmocka_unit_test(unusable_settings_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
