/* report, notifications, prune; mail in status and show. */
#include "fixture.h"

#include "leadrelay/json.h"
#include "leadrelay/mails.h"

#include <string.h>

#define DAY_MS (24 * 3600 * 1000LL)

static const cJSON *member(const cJSON *object, const char *name)
{
	const cJSON *found = cJSON_GetObjectItemCaseSensitive(object, name);

	if (!found)
		fail_msg("there is no %s", name);
	return found;
}

static const cJSON *item(struct fixture *f, int at)
{
	if (f->error)
		fail_msg("%s", json_string(f->error, "text"));
	return cJSON_GetArrayItem(f->items, at);
}

static void assert_done(struct fixture *f)
{
	if (f->error)
		fail_msg("%s", json_string(f->error, "text"));
	assert_non_null(f->done);
}

/* ---- notifications ---- */

static void a_notification_is_listed_and_shown(void **state)
{
	struct fixture *f = *state;
	int64_t mail;
	struct accepted lead =
		accept_notified(f, "ada@example.com", "boss@contoso.com", &mail);
	const cJSON *shown;

	ask(f, "{\"command\":\"notifications\",\"action\":\"list\"}");
	assert_int_equal(done_number(f, "listed"), 1);
	assert_string_equal(json_string(item(f, 0), "lead_id"), lead.text);
	assert_string_equal(json_string(item(f, 0), "to"), "boss@contoso.com");
	assert_string_equal(json_string(item(f, 0), "state"), "pending");
	assert_int_equal(json_integer(item(f, 0), "attempts", -1), 0);
	assert_true(cJSON_IsNull(member(item(f, 0), "sent_at")));
	settle(f, f->mail_id, mail, DELIVERY_ACCEPT, REASON_NONE);
	ask(f, "{\"command\":\"show\",\"id\":\"%s\"}", lead.text);
	assert_done(f);
	shown = cJSON_GetArrayItem(member(f->done, "notifications"), 0);
	assert_string_equal(json_string(shown, "state"), "sent");
	assert_string_equal(json_string(shown, "to"), "boss@contoso.com");
	assert_non_null(json_string(shown, "sent_at"));
	assert_true(cJSON_IsNull(member(shown, "error")));
}

static void dead_notifications_are_sent_again(void **state)
{
	struct fixture *f = *state;
	struct accepted leads[3];
	int64_t mails[3];

	for (int i = 0; i < 3; i++) {
		leads[i] = accept_notified(
			f, "ada@example.com", "boss@contoso.com", &mails[i]);
		settle(f, f->mail_id, mails[i], DELIVERY_REFUSE, REASON_INVALID);
	}
	ask(f, "{\"command\":\"notifications\",\"state\":\"dead\"}");
	assert_int_equal(done_number(f, "listed"), 3);
	assert_string_equal(json_string(item(f, 0), "error"), "the CRM said no");
	ask(f, "{\"command\":\"notifications\",\"action\":\"retry\",\"ids\":[\"%s\"]}",
		leads[1].text);
	assert_int_equal(done_number(f, "retried"), 1);
	ask(f, "{\"command\":\"notifications\",\"state\":\"pending\"}");
	assert_int_equal(done_number(f, "listed"), 1);
	assert_string_equal(json_string(item(f, 0), "lead_id"), leads[1].text);
	ask(f, "{\"command\":\"notifications\",\"action\":\"retry\"}");
	assert_int_equal(done_number(f, "retried"), 2);
	ask(f, "{\"command\":\"notifications\",\"state\":\"dead\"}");
	assert_int_equal(done_number(f, "listed"), 0);
}

static void what_notifications_cannot_do_is_told(void **state)
{
	struct fixture *f = *state;

	ask(f, "{\"command\":\"notifications\",\"action\":\"eat\"}");
	assert_failed(f, 2);
	ask(f, "{\"command\":\"notifications\",\"state\":\"discarded\"}");
	assert_failed(f, 2);
	ask(f, "{\"command\":\"notifications\",\"action\":\"retry\",\"ids\":[\"abcdef12\"]}");
	assert_failed(f, 4);
}

static void a_paused_list_goes_on(void **state)
{
	struct fixture *f = *state;
	int64_t mail;
	char *paused;

	for (int i = 0; i < 3; i++)
		accept_notified(f, "ada@example.com", "boss@contoso.com", &mail);
	f->pause_after = 2;
	ask(f, "{\"command\":\"notifications\"}");
	assert_non_null(f->paused);
	assert_int_equal(cJSON_GetArraySize(f->items), 2);
	paused = cJSON_PrintUnformatted(f->paused);
	f->pause_after = -1;
	ask(f, "{\"command\":\"notifications\",\"go_on\":%s}", paused);
	cJSON_free(paused);
	assert_int_equal(done_number(f, "listed"), 3);
	assert_int_equal(cJSON_GetArraySize(f->items), 1);
}

/* ---- status ---- */

static void status_counts_mails_apart(void **state)
{
	struct fixture *f = *state;
	int64_t first, second;
	const cJSON *counts, *destination;

	accept_notified(f, "ada@example.com", "boss@contoso.com", &first);
	accept_notified(f, "ada@example.com", "boss@contoso.com", &second);
	settle(f, f->mail_id, first, DELIVERY_ACCEPT, REASON_NONE);
	settle(f, f->mail_id, second, DELIVERY_REFUSE, REASON_INVALID);
	ask(f, "{\"command\":\"status\"}");
	assert_done(f);
	counts = member(f->done, "notifications");
	assert_int_equal(json_integer(counts, "sent", -1), 1);
	assert_int_equal(json_integer(counts, "dead", -1), 1);
	assert_int_equal(json_integer(counts, "pending", -1), 0);
	assert_string_equal(json_string(member(f->done, "mail"), "state"), "open");
	assert_int_equal(json_integer(member(f->done, "accounting"), "accepted", -1), 4);
	cJSON_ArrayForEach (destination, member(f->done, "destinations")) {
		assert_string_not_equal(
			json_string(destination, "name"), MAIL_DESTINATION);
	}
}

static void parked_mail_is_told_in_the_servers_words(void **state)
{
	struct fixture *f = *state;
	struct job_health job = {.destination = f->mail_id, .now = f->now};
	const cJSON *mail;
	struct err err;

	job.health = (struct health){
		.state = HEALTH_PARKED, .reason = REASON_UNAUTHORIZED, .since = f->now};
	strcpy(job.health.error, "535 5.7.8 authentication failed");
	job_health_prepare(&job);
	assert_int_equal(store_call(f->store, &job.job, &err), ERR_OK);
	ask(f, "{\"command\":\"status\"}");
	assert_done(f);
	mail = member(f->done, "mail");
	assert_string_equal(json_string(mail, "state"), "parked");
	assert_string_equal(json_string(mail, "reason"), "unauthorized");
	assert_string_equal(
		json_string(mail, "error"), "535 5.7.8 authentication failed");
}

static void mail_is_parked_and_resumed_by_its_name(void **state)
{
	struct fixture *f = *state;

	ask(f, "{\"command\":\"destinations\",\"action\":\"park\",\"name\":\"(mail)\","
	       "\"why\":\"migration\"}");
	assert_done(f);
	ask(f, "{\"command\":\"status\"}");
	assert_string_equal(json_string(member(f->done, "mail"), "state"), "parked");
	assert_string_equal(json_string(member(f->done, "mail"), "error"), "migration");
	ask(f, "{\"command\":\"destinations\",\"action\":\"resume\","
	       "\"name\":\"(mail)\"}");
	assert_done(f);
	ask(f, "{\"command\":\"status\"}");
	assert_string_equal(json_string(member(f->done, "mail"), "state"), "open");
}

static void park_mail(struct fixture *f, enum reason reason)
{
	struct job_health job = {.destination = f->mail_id, .now = f->now};
	struct err err;

	job.health = (struct health){
		.state = HEALTH_PARKED, .reason = reason, .since = f->now};
	job_health_prepare(&job);
	assert_int_equal(store_call(f->store, &job.job, &err), ERR_OK);
}

/* But neither a password that was refused nor what a person parked. */
static void retry_asks_parked_mail_too(void **state)
{
	static const struct {
		enum reason reason;
		const char *then;
	} rows[] = {{REASON_ENVIRONMENT, "open"}, {REASON_UNAUTHORIZED, "parked"},
		{REASON_OPERATOR, "parked"}};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		bool opens = strcmp(rows[i].then, "open") == 0;

		park_mail(f, rows[i].reason);
		ask(f, "{\"command\":\"notifications\",\"action\":\"retry\"}");
		assert_done(f);
		assert_int_equal(cJSON_IsTrue(member(f->done, "resumed")), opens);
		ask(f, "{\"command\":\"status\"}");
		assert_string_equal(
			json_string(member(f->done, "mail"), "state"), rows[i].then);
	}
}

/* No lead goes there, whatever an operator types. */
static void mail_is_no_destination_of_leads(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_lead(f, "ada@example.com");

	ask(f, "{\"command\":\"replay\",\"ids\":[\"%s\"],\"to\":\"(mail)\"}", lead.text);
	assert_failed(f, 4);
	ask(f, "{\"command\":\"list\",\"destination\":\"(mail)\"}");
	assert_failed(f, 4);
}

/* ---- report ---- */

static void a_period_is_reported(void **state)
{
	struct fixture *f = *state;
	struct accepted lead = accept_lead(f, "ada@example.com");
	const cJSON *crm;

	settle(f, f->ids[CRM], lead.deliveries[CRM], DELIVERY_ACCEPT, REASON_NONE);
	f->now += 1000;
	ask(f, "{\"command\":\"report\",\"format\":\"json\"}");
	assert_done(f);
	assert_true(cJSON_IsNull(member(f->done, "name")));
	crm = cJSON_GetArrayItem(member(f->done, "destinations"), 0);
	assert_string_equal(json_string(crm, "name"), "crm");
	assert_int_equal(json_integer(crm, "delivered", -1), 1);
	ask(f, "{\"command\":\"report\",\"since\":\"2h\"}");
	assert_done(f);
	assert_non_null(strstr(json_string(f->done, "text"), "1 delivered"));
	ask(f, "{\"command\":\"report\",\"since\":\"2h\",\"until\":\"1h\","
	       "\"format\":\"json\"}");
	assert_done(f);
	crm = cJSON_GetArrayItem(member(f->done, "destinations"), 0);
	assert_int_equal(json_integer(crm, "delivered", -1), 0);
}

static void a_configured_report_has_its_own_period(void **state)
{
	struct fixture *f = *state;

	ask(f, "{\"command\":\"report\",\"name\":\"daily\",\"format\":\"json\"}");
	assert_done(f);
	assert_string_equal(json_string(f->done, "name"), "daily");
	/* START is 2026-11-18 11:06:40 UTC; 07:00 in Paris is 06:00 UTC */
	assert_string_equal(json_string(f->done, "since"), "2026-11-17T06:00:00.000Z");
	assert_string_equal(json_string(f->done, "until"), "2026-11-18T06:00:00.000Z");
	ask(f, "{\"command\":\"report\",\"name\":\"filed\",\"format\":\"json\"}");
	assert_done(f);
	assert_string_equal(json_string(f->done, "since"), "2026-10-01T00:00:00.000Z");
	assert_string_equal(json_string(f->done, "until"), "2026-11-01T00:00:00.000Z");
}

static void a_report_is_queued_as_mails(void **state)
{
	struct fixture *f = *state;
	struct job_claim claim = {
		.kind = CLAIM_UNTRIED, .destination = f->mail_id, .max = 10};
	struct err err;

	ask(f, "{\"command\":\"report\",\"name\":\"daily\",\"send\":true}");
	assert_int_equal(done_number(f, "queued"), 1);
	claim.now = f->now;
	claim.max_bytes = 1 << 20;
	job_claim_prepare(&claim);
	assert_int_equal(store_call(f->store, &claim.job, &err), ERR_OK);
	assert_int_equal(claim.count, 1);
	assert_string_equal(claim.items[0].mail->contact, "boss@contoso.com");
	assert_int_equal(claim.items[0].mail->kind, MAIL_REPORT);
	assert_non_null(strstr(claim.items[0].mail->html, "</html>"));
	assert_int_equal(claim.items[0].mail->attachment_count, 1);
	assert_string_equal(claim.items[0].mail->attachments[0].name,
		"leadrelay-daily-2026-11-18.csv");
	job_claim_finish(&claim);
}

static void reports_that_cannot_be_are_told(void **state)
{
	struct fixture *f = *state;

	ask(f, "{\"command\":\"report\",\"name\":\"weekly\"}");
	assert_failed(f, 4);
	ask(f, "{\"command\":\"report\",\"name\":\"daily\",\"since\":\"2h\"}");
	assert_failed(f, 2);
	ask(f, "{\"command\":\"report\",\"format\":\"pdf\"}");
	assert_failed(f, 2);
	ask(f, "{\"command\":\"report\",\"send\":true}");
	assert_failed(f, 2);
	ask(f, "{\"command\":\"report\",\"name\":\"filed\",\"send\":true}");
	assert_failed(f, 2);
	ask(f, "{\"command\":\"report\",\"since\":\"1h\",\"until\":\"2h\"}");
	assert_failed(f, 2);
}

/* ---- prune ---- */

static void prune_takes_what_is_past_its_age(void **state)
{
	struct fixture *f = *state;
	struct accepted old = accept_lead(f, "old@example.com");

	f->config.retention = (struct retention){.delivered_ms = 90 * DAY_MS};
	for (int i = 0; i < DESTINATIONS; i++)
		settle(f, f->ids[i], old.deliveries[i], DELIVERY_ACCEPT, REASON_NONE);
	ask(f, "{\"command\":\"prune\"}");
	assert_int_equal(done_number(f, "deliveries"), 0);
	f->now += 91 * DAY_MS;
	accept_lead(f, "new@example.com");
	ask(f, "{\"command\":\"prune\"}");
	assert_int_equal(done_number(f, "deliveries"), 2);
	assert_int_equal(done_number(f, "leads"), 1);
	ask(f, "{\"command\":\"check\"}");
	assert_done(f);
	assert_true(json_bool(f->done, "ok", false));
	assert_int_equal(json_integer(member(f->done, "accounting"), "delivered", -1), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_notification_is_listed_and_shown),
		TEST(dead_notifications_are_sent_again),
		TEST(what_notifications_cannot_do_is_told),
		TEST(a_paused_list_goes_on),
		TEST(status_counts_mails_apart),
		TEST(parked_mail_is_told_in_the_servers_words),
		TEST(mail_is_parked_and_resumed_by_its_name),
		TEST(retry_asks_parked_mail_too),
		TEST(mail_is_no_destination_of_leads),
		TEST(a_period_is_reported),
		TEST(a_configured_report_has_its_own_period),
		TEST(a_report_is_queued_as_mails),
		TEST(reports_that_cannot_be_are_told),
		TEST(prune_takes_what_is_past_its_age),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
