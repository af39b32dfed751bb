/* Alerts and reports: once per transition, once per due instant; and what they watch. */
#include "fixture.h"
#include "leadrelay/mails.h"

#include <stdlib.h>
#include <string.h>

static const char *const people[] = {"ops@contoso.com", "boss@contoso.com"};

static bool alert(struct fixture *f, const char *key, bool raise, int64_t told)
{
	struct job_notice job = {.kind = MAIL_ALERT,
		.recipients = people,
		.recipient_count = 2,
		.subject = "parked",
		.text = "crm is parked",
		.key = key,
		.raise = raise,
		.told = told,
		.now = f->wall};

	job_notice_prepare(&job);
	call(f, &job.job);
	assert_int_equal(job.sent, job.first_mail != 0);
	return job.sent;
}

static bool report(struct fixture *f, int64_t due_at)
{
	struct mail_attachment attachment = {.type = (char *)"text/csv",
		.name = (char *)"a.csv",
		.bytes = (char *)"1,2",
		.len = 3};
	struct job_notice job = {.kind = MAIL_REPORT,
		.recipients = people,
		.recipient_count = 2,
		.subject = "daily",
		.text = "all is well",
		.html = "<p>all is well",
		.attachments = &attachment,
		.attachment_count = 1,
		.report = "daily",
		.due_at = due_at,
		.now = f->wall};

	job_notice_prepare(&job);
	call(f, &job.job);
	return job.sent;
}

static void an_alert_is_told_once_per_transition(void **state)
{
	struct fixture *f = *state;
	struct job_alerts job = {0};

	assert_false(alert(f, "parked:crm", false, 0));
	assert_true(alert(f, "parked:crm", true, 1));
	assert_false(alert(f, "parked:crm", true, 1));
	f->wall += MINUTE;
	assert_true(alert(f, "parked:crm", true, 2));
	assert_true(alert(f, "dead:crm", true, 1));
	assert_int_equal(query(f, "SELECT count(*) FROM mail WHERE kind = 2"), 6);
	fixture_close(f);
	fixture_open(f);
	assert_false(alert(f, "parked:crm", true, 2));
	job_alerts_prepare(&job);
	call(f, &job.job);
	assert_int_equal(job.alert_count, 2);
	assert_string_equal(job.alerts[1].key, "parked:crm");
	assert_int_equal(job.alerts[1].since, NOW);
	assert_int_equal(job.alerts[1].told, 2);
	job_alerts_finish(&job);
	assert_true(alert(f, "parked:crm", false, 0));
	assert_false(alert(f, "parked:crm", false, 0));
	assert_int_equal(query(f, "SELECT count(*) FROM alert"), 1);
}

static void a_report_is_made_once(void **state)
{
	struct fixture *f = *state;
	struct job_alerts job = {0};

	assert_true(report(f, NOW));
	assert_false(report(f, NOW));
	assert_false(report(f, NOW - 1));
	assert_true(report(f, NOW + 1));
	job_alerts_prepare(&job);
	call(f, &job.job);
	assert_int_equal(job.report_count, 1);
	assert_string_equal(job.reports[0].name, "daily");
	assert_int_equal(job.reports[0].due_at, NOW + 1);
	job_alerts_finish(&job);
	assert_int_equal(query(f, "SELECT count(*) FROM mail WHERE kind = 3"), 4);
	assert_int_equal(query(f, "SELECT count(*) FROM notice"), 2);
}

static void without_recipients_only_the_fact_is_stored(void **state)
{
	struct fixture *f = *state;
	struct job_notice job = {
		.kind = MAIL_ALERT, .key = "silence", .raise = true, .now = f->wall};

	job_notice_prepare(&job);
	call(f, &job.job);
	assert_true(job.sent);
	assert_int_equal(job.first_mail, 0);
	call(f, &job.job);
	assert_false(job.sent);
	assert_int_equal(query(f, "SELECT count(*) FROM alert"), 1);
	assert_int_equal(query(f, "SELECT count(*) FROM mail"), 0);
}

static void a_notice_is_claimed_with_its_words(void **state)
{
	struct fixture *f = *state;
	struct job_claim job = {.kind = CLAIM_UNTRIED, .now = NOW, .max = 5};
	const struct mail_item *item;

	report(f, NOW);
	job.destination = query(f, "SELECT id FROM destination WHERE name = '(mail)'");
	job_claim_prepare(&job);
	call(f, &job.job);
	assert_int_equal(job.count, 2);
	item = job.items[1].mail;
	assert_int_equal(item->kind, MAIL_REPORT);
	assert_string_equal(item->contact, "boss@contoso.com");
	assert_string_equal(item->subject, "daily");
	assert_string_equal(item->html, "<p>all is well");
	assert_int_equal(item->attachment_count, 1);
	assert_string_equal(item->attachments[0].name, "a.csv");
	assert_null(item->attachments[0].content_id);
	assert_int_equal(item->attachments[0].len, 3);
	assert_memory_equal(item->attachments[0].bytes, "1,2", 3);
	assert_int_equal(item->lead_count, 0);
	job_claim_finish(&job);
}

static void incomplete_ones_are_refused(void **state)
{
	struct fixture *f = *state;
	struct job_notice job = {
		.kind = MAIL_ALERT, .recipients = people, .recipient_count = 1};
	struct err err;

	job_notice_prepare(&job);
	assert_int_equal(store_call(f->store, &job.job, &err), ERR_INVALID);
	job = (struct job_notice){.kind = MAIL_NOTIFICATION};
	job_notice_prepare(&job);
	assert_int_equal(store_call(f->store, &job.job, &err), ERR_INVALID);
}

static void vitals_only_grow(void **state)
{
	struct fixture *f = *state;
	struct job_vitals job = {0};
	struct accept accept;
	int64_t id = add_lead(f, "1");
	struct job_transition replay = {.event = DELIVERY_REPLAY, .now = NOW, .max = 10};

	settle(f, id, DELIVERY_REFUSE, 0);
	job_transition_prepare(&replay);
	call(f, &replay.job);
	job_transition_finish(&replay);
	settle(f, id, DELIVERY_REFUSE, 0);
	f->wall += 5;
	add_lead(f, "2");
	accept_init(f, &accept, "odd");
	accept.job.quarantine = "why";
	call(f, &accept.job.job);
	accept_finish(&accept);
	alert(f, "x", true, 0);
	job_vitals_prepare(&job);
	call(f, &job.job);
	assert_int_equal(job.destination_count, 3);
	assert_string_equal(job.destinations[0].name, "crm");
	assert_int_equal(job.destinations[0].pending, 1);
	assert_int_equal(job.destinations[0].dead, 1);
	assert_int_equal(job.destinations[0].died, 2);
	assert_int_equal(job.destinations[0].oldest_pending_at, NOW + 5);
	assert_string_equal(job.destinations[2].name, MAIL_DESTINATION);
	assert_int_equal(job.destinations[2].pending, 2);
	assert_int_equal(job.quarantined, 1);
	assert_int_equal(job.last_lead_at, NOW + 5);
	assert_int_equal(job.difference, 0);
	call(f, &job.job); /* a job may run again */
	assert_int_equal(job.destination_count, 3);
	job_vitals_finish(&job);
	execute(f, "UPDATE destination SET delivered = 3 WHERE name = 'crm'");
	call(f, &job.job);
	assert_int_equal(job.difference, -3);
	job_vitals_finish(&job);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_alert_is_told_once_per_transition),
		TEST(a_report_is_made_once),
		TEST(without_recipients_only_the_fact_is_stored),
		TEST(a_notice_is_claimed_with_its_words),
		TEST(incomplete_ones_are_refused),
		TEST(vitals_only_grow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
