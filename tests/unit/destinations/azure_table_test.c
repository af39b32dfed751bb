/* Whole tasks of the azure_table destination, one answer after another. */
#include "support.h"

#include "leadrelay/destination.h"

#include <stdio.h>

#define BASE "https://myaccount.table.core.windows.net"
#define ENTITY "/MarketplaceLeads(PartitionKey='2026-01-01',RowKey='" LEAD_ID "')"
#define ERROR(code) \
	"{\"odata.error\":{\"code\":\"" code "\",\"message\":{\"value\":\"Words.\"}}}"

struct fixture {
	struct destination_settings settings;
	struct destination *destination;
	struct lead lead;
	struct task task;
	enum step_kind step;
};

static char name[] = "table", kind[] = "azure_table", url[] = BASE "/";
static char by_key[] = "AccountName=myaccount;AccountKey="
		       "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
static char by_sas[] = "?sv=2019-02-02&sp=a&sig=S3cr3tS1gnature";

static void setup_with(struct fixture *f, bool sas)
{
	*f = (struct fixture){.settings = {.name = name, .kind = kind}};
	if (sas) {
		f->settings.url = url;
		f->settings.sas = (struct secret){.values = {by_sas}, .count = 1};
	} else {
		f->settings.connection_string =
			(struct secret){.values = {by_key}, .count = 1};
	}
	assert_int_equal(
		destination_create(&f->destination, &f->settings, &sevens, NULL), ERR_OK);
	f->lead = make_lead();
	set_field(&f->lead, FIELD_LAST_NAME, "Silva");
}

static void setup(struct fixture *f)
{
	setup_with(f, false);
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
	f->task.lead = purpose == TASK_PROBE ? NULL : &f->lead;
	f->step = task_begin(f->destination, &f->task, NOW);
}

static void expect_sent(struct fixture *f, const char *method, const char *address)
{
	assert_int_equal(f->step, STEP_SEND);
	assert_string_equal(f->task.request.method, method);
	assert_string_equal(buf_str(&f->task.request.url), address);
}

static void expect_header(struct fixture *f, const char *line)
{
	if (!strstr(buf_str(&f->task.request.headers), line))
		fail_msg("no %s in %s", line, buf_str(&f->task.request.headers));
}

static void reply_answer(struct fixture *f, struct http_answer answer)
{
	assert_int_equal(f->step, STEP_SEND);
	http_request_finish(&f->task.request);
	f->task.request = (struct http_request){0};
	f->step = task_next(f->destination, &f->task, &answer, NOW);
	finish_answer(&answer);
}

static void reply(struct fixture *f, long status, const char *body)
{
	reply_answer(f, make_answer(status, NULL, body));
}

static void expect_done(struct fixture *f, enum outcome_kind outcome, enum reason reason)
{
	assert_int_equal(f->step, STEP_DONE);
	if (f->task.outcome.kind != outcome || f->task.outcome.reason != reason)
		fail_msg("%s %s: %s", outcome_name(f->task.outcome.kind),
			reason_name(f->task.outcome.reason), f->task.outcome.error);
}

static void a_lead_is_one_signed_insert(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	begin(&f, TASK_DELIVER);
	expect_sent(&f, "POST", BASE "/MarketplaceLeads");
	expect_header(&f, "x-ms-date: Thu, 01 Jan 2026 00:00:00 GMT\n");
	expect_header(&f, "Authorization: SharedKey myaccount:");
	expect_header(&f, "x-ms-version: 2019-02-02\n");
	expect_header(&f, "Accept: application/json;odata=nometadata\n");
	expect_header(&f, "Content-Type: application/json\n");
	expect_header(&f, "Prefer: return-no-content\n");
	expect_header(&f, "DataServiceVersion: 3.0\n");
	expect_header(&f, "MaxDataServiceVersion: 3.0;NetFx\n");
	expect_header(&f, "x-ms-client-request-id: " LEAD_ID "\n");
	assert_non_null(strstr(buf_str(&f.task.request.body), "\"RowKey\":\"" LEAD_ID));
	reply(&f, 204, NULL);
	expect_done(&f, OUTCOME_DELIVERED, REASON_NONE);
	assert_string_equal(f.task.outcome.remote_id, "2026-01-01/" LEAD_ID);
	assert_string_equal(f.task.outcome.error, "");
	assert_int_equal(f.task.record_count, 1);
	teardown(&f);
}

static void a_sas_stands_in_the_address_and_nothing_is_signed(void **state)
{
	struct fixture f;

	(void)state;
	setup_with(&f, true);
	begin(&f, TASK_DELIVER);
	expect_sent(&f, "POST",
		BASE "/MarketplaceLeads?sv=2019-02-02&sp=a&sig=S3cr3tS1gnature");
	assert_null(strstr(buf_str(&f.task.request.headers), "Authorization"));
	reply(&f, 201, "{}");
	expect_done(&f, OUTCOME_DELIVERED, REASON_NONE);
	teardown(&f);
}

static void a_repeat_is_already_there(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	begin(&f, TASK_DELIVER);
	reply(&f, 409, ERROR("EntityAlreadyExists"));
	expect_done(&f, OUTCOME_ALREADY_THERE, REASON_NONE);
	assert_string_equal(f.task.outcome.remote_id, "2026-01-01/" LEAD_ID);
	teardown(&f);
}

static void a_missing_table_is_created(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	begin(&f, TASK_DELIVER);
	reply(&f, 404, ERROR("TableNotFound"));
	expect_sent(&f, "POST", BASE "/Tables");
	assert_string_equal(
		buf_str(&f.task.request.body), "{\"TableName\":\"MarketplaceLeads\"}");
	reply(&f, 409, ERROR("TableAlreadyExists")); /* another attempt was faster */
	expect_sent(&f, "POST", BASE "/MarketplaceLeads");
	reply(&f, 204, NULL);
	expect_done(&f, OUTCOME_DELIVERED, REASON_NONE);
	assert_int_equal(f.task.record_count, 3);
	teardown(&f);

	setup(&f);
	begin(&f, TASK_DELIVER);
	reply(&f, 404, ERROR("TableNotFound"));
	reply(&f, 201, NULL);
	reply(&f, 404, ERROR("TableNotFound"));
	expect_done(&f, OUTCOME_RETRY, REASON_SERVER_ERROR);
	assert_true(f.task.outcome.destination);
	teardown(&f);
}

static void a_table_that_may_not_be_created_parks(void **state)
{
	struct fixture f;

	(void)state;
	setup_with(&f, true);
	begin(&f, TASK_DELIVER);
	reply(&f, 404, ERROR("TableNotFound"));
	reply(&f, 403, ERROR("AuthorizationPermissionMismatch"));
	expect_done(&f, OUTCOME_ENVIRONMENT, REASON_ENVIRONMENT);
	assert_non_null(strstr(f.task.outcome.error,
		"the table MarketplaceLeads does not exist, and this SAS may not create it"));
	assert_non_null(strstr(f.task.outcome.remedy, "create the table"));
	teardown(&f);

	setup(&f);
	begin(&f, TASK_DELIVER);
	reply(&f, 404, ERROR("TableNotFound"));
	reply(&f, 409, ERROR("TableBeingDeleted"));
	expect_done(&f, OUTCOME_RETRY, REASON_SERVER_ERROR);
	teardown(&f);
}

static void what_is_too_large_is_cut_once(void **state)
{
	struct fixture f;
	char text[6001];

	(void)state;
	memset(text, 'x', 6000);
	text[6000] = '\0';
	setup(&f);
	set_field(&f.lead, FIELD_DESCRIPTION, text);
	begin(&f, TASK_DELIVER);
	reply(&f, 400, ERROR("PropertyValueTooLarge"));
	expect_sent(&f, "POST", BASE "/MarketplaceLeads");
	assert_true(f.task.request.body.len < 6000);
	reply(&f, 204, NULL);
	expect_done(&f, OUTCOME_DELIVERED, REASON_NONE);
	assert_string_equal(
		f.task.outcome.error, "cut to what an entity holds: Description");
	teardown(&f);

	setup(&f);
	begin(&f, TASK_DELIVER);
	reply(&f, 413, ERROR("RequestBodyTooLarge"));
	reply(&f, 400, ERROR("EntityTooLarge"));
	expect_done(&f, OUTCOME_REFUSED, REASON_TOO_LARGE);
	teardown(&f);
}

static void an_answer_that_is_not_the_services_is_tried_a_few_times(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	begin(&f, TASK_DELIVER);
	reply(&f, 200, "<html><title>Welcome</title>");
	expect_done(&f, OUTCOME_RETRY, REASON_PROTOCOL);
	assert_true(f.task.outcome.few);
	teardown(&f);

	setup_with(&f, true);
	begin(&f, TASK_DELIVER);
	reply(&f, 200, "you sent sig=S3cr3tS1gnature");
	assert_null(strstr(f.task.outcome.error, "S3cr3t"));
	teardown(&f);
}

static void an_edited_lead_is_asked_for_first(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	f.task.ask_first = true;
	begin(&f, TASK_DELIVER);
	expect_sent(&f, "GET", BASE ENTITY "?$select=RowKey");
	reply(&f, 200, "{}");
	expect_done(&f, OUTCOME_ALREADY_THERE, REASON_NONE);
	teardown(&f);

	setup(&f);
	f.task.ask_first = true;
	begin(&f, TASK_DELIVER);
	reply(&f, 404, ERROR("ResourceNotFound"));
	expect_sent(&f, "POST", BASE "/MarketplaceLeads");
	reply(&f, 204, NULL);
	expect_done(&f, OUTCOME_DELIVERED, REASON_NONE);
	teardown(&f);
}

static void the_probe_is_one_row(void **state)
{
	static const struct {
		long status;
		const char *body;
		enum outcome_kind outcome;
	} rows[] = {
		{200, "{\"value\":[]}", OUTCOME_DELIVERED},
		{404, ERROR("TableNotFound"), OUTCOME_PRESUMED},
		{403, ERROR("AuthorizationPermissionMismatch"), OUTCOME_PRESUMED},
		{403, ERROR("AuthenticationFailed"), OUTCOME_UNAUTHORIZED},
		{503, "", OUTCOME_RETRY},
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		setup(&f);
		begin(&f, TASK_PROBE);
		expect_sent(&f, "GET", BASE "/MarketplaceLeads()?$top=1&$select=RowKey");
		reply(&f, rows[i].status, rows[i].body);
		assert_int_equal(f.step, STEP_DONE);
		assert_int_equal(f.task.outcome.kind, rows[i].outcome);
		teardown(&f);
	}
}

static void a_test_lead_is_read_and_deleted(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	begin(&f, TASK_READ);
	expect_sent(&f, "GET", BASE ENTITY);
	reply(&f, 403, ERROR("AuthorizationPermissionMismatch"));
	expect_done(&f, OUTCOME_PRESUMED, REASON_NONE);
	teardown(&f);

	setup(&f);
	begin(&f, TASK_DELETE);
	expect_sent(&f, "DELETE", BASE ENTITY);
	expect_header(&f, "If-Match: *\n");
	reply(&f, 403, ERROR("AuthorizationPermissionMismatch"));
	expect_done(&f, OUTCOME_FORBIDDEN, REASON_FORBIDDEN);
	teardown(&f);
}

static struct http_answer unknown_host(void)
{
	return make_failure(HTTP_DNS, false);
}

static void an_unknown_host_parks_until_it_was_heard_once(void **state)
{
	struct fixture f;

	(void)state;
	setup(&f);
	begin(&f, TASK_DELIVER);
	reply_answer(&f, unknown_host());
	expect_done(&f, OUTCOME_ENVIRONMENT, REASON_DNS);
	task_finish(&f.task);
	f.task = (struct task){0};
	begin(&f, TASK_DELIVER);
	reply(&f, 503, NULL);
	task_finish(&f.task);
	f.task = (struct task){0};
	begin(&f, TASK_DELIVER);
	reply_answer(&f, unknown_host());
	expect_done(&f, OUTCOME_RETRY, REASON_DNS);
	assert_true(f.task.outcome.destination);
	teardown(&f);
}

static void refused(struct destination_settings *settings, const char *words)
{
	struct destination *destination = NULL;
	struct err err = {.code = ERR_OK};

	settings->name = name;
	settings->kind = kind;
	assert_int_equal(
		destination_create(&destination, settings, &sevens, &err), ERR_CONFIG);
	if (!strstr(err.text, words))
		fail_msg("%s", err.text);
}

static void settings_that_cannot_work_are_refused(void **state)
{
	static char tables[] = "tables", plain[] = "http://contoso.example";
	const struct secret text = {.values = {by_key}, .count = 1};
	const struct secret sas = {.values = {by_sas}, .count = 1};

	(void)state;
	refused(&(struct destination_settings){0}, "connection_string: missing");
	refused(&(struct destination_settings){.url = url}, "sas: missing");
	refused(&(struct destination_settings){.sas = sas}, "url: missing");
	refused(&(struct destination_settings){.connection_string = text, .url = url},
		"connection_string: either");
	refused(&(struct destination_settings){.connection_string = text,
			.table = tables},
		"table: not a table's name");
	refused(&(struct destination_settings){.url = plain, .sas = sas}, "in the clear");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lead_is_one_signed_insert),
		cmocka_unit_test(a_sas_stands_in_the_address_and_nothing_is_signed),
		cmocka_unit_test(a_repeat_is_already_there),
		cmocka_unit_test(a_missing_table_is_created),
		cmocka_unit_test(a_table_that_may_not_be_created_parks),
		cmocka_unit_test(what_is_too_large_is_cut_once),
		cmocka_unit_test(an_answer_that_is_not_the_services_is_tried_a_few_times),
		cmocka_unit_test(an_edited_lead_is_asked_for_first),
		cmocka_unit_test(the_probe_is_one_row),
		cmocka_unit_test(a_test_lead_is_read_and_deleted),
		cmocka_unit_test(an_unknown_host_parks_until_it_was_heard_once),
		cmocka_unit_test(settings_that_cannot_work_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
