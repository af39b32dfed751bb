/* Mails go as one more lane of the relay: the real kind `email`, a mail server made of
 * one function. */
#include "rig.h"

#include "leadrelay/compose.h"
#include "leadrelay/mails.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct rig rig;
static char url[] = "smtp://localhost:2525", from[] = "Lead relay <relay@contoso.com>",
	    user[] = "relay", password[] = "s3cret-word", client[] = "client",
	    directory[] = "contoso", authority[] = "https://login.test",
	    secret[] = "another-secret", other[] = "smtp://127.0.0.2";
static struct mail_settings plain = {.configured = true,
	.smtp = {.url = url, .auth = SMTP_AUTH_PLAIN, .username = user},
	.from = from,
	.detail = MAIL_DETAIL_MASKED};

static int open_it(void **state)
{
	(void)state;
	plain.smtp.password.values[0] = password;
	plain.smtp.password.count = 1;
	rig_open(&rig, 1, 0);
	rig.mail = &plain;
	rig_configure(&rig, 1, 16);
	return 0;
}

static int close_it(void **state)
{
	(void)state;
	rig_close(&rig);
	return 0;
}

static struct relay_status mail_status(void)
{
	struct relay_status status = {0};

	assert_true(relay_status(rig.relay, MAIL_DESTINATION, &status));
	return status;
}

static void store_job_done(struct store_job *job)
{
	struct err err = {.text = ""};

	while (store_step(rig.store) > 0)
		;
	if (store_call(rig.store, job, &err) != ERR_OK)
		fail_msg("%s", err.text);
}

/* ---- ---- */

static void a_notification_goes_out_at_once(void **state)
{
	(void)state;
	rig_run(&rig, 5000);
	rig_accept_telling(&rig, "owner@contoso.com", 0);
	rig_run(&rig, 60);
	assert_int_equal(rig.mail_count, 1);
	assert_string_equal(rig.mails[0].to, "owner@contoso.com");
	assert_non_null(strstr(rig.mails[0].message, "Subject: New lead"));
	assert_int_equal(rig_mail_row(&rig).delivered, 1);
	assert_int_equal(rig_row(&rig, 0).delivered, 1);
}

static void many_mails_share_few_conversations(void **state)
{
	(void)state;
	for (int i = 0; i < 300; i++)
		rig_accept_telling(&rig, "owner@contoso.com", 0);
	rig_run(&rig, 60000);
	assert_int_equal(rig.mail_count, 300);
	assert_int_equal(rig_mail_row(&rig).delivered, 300);
	assert_true(rig.most_mails_at_once <= MAIL_CONCURRENCY);
	assert_true(rig.most_mails_at_once > 1);
}

static void a_digest_is_one_mail_at_the_end_of_its_window(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++)
		rig_accept_telling(&rig, "owner@contoso.com", 900000);
	rig_accept_telling(&rig, "boss@contoso.com", 900000);
	rig_run(&rig, 1000);
	assert_int_equal(rig.mail_count, 0);
	rig_run(&rig, 900000 + 100);
	assert_int_equal(rig.mail_count, 2);
	assert_int_equal(rig_mail_row(&rig).delivered, 4);
	assert_int_equal(rig.notified[OUTCOME_DELIVERED], 4);  /* each for itself */
	assert_int_equal(rig.exchanges[OUTCOME_DELIVERED], 4); /* of the leads */
	assert_true(strstr(rig.mails[0].message, "Subject: 3 new leads") ||
		    strstr(rig.mails[1].message, "Subject: 3 new leads"));
}

static void answer_451(
	struct rig *r, const struct rig_mail *mail, struct mail_answer *answer)
{
	(void)mail;
	if (r->mail_count > 1)
		return;
	*answer = (struct mail_answer){.stage = MAIL_RECIPIENT, .code = 451};
}

static void a_put_off_mail_is_sent_again_unchanged(void **state)
{
	(void)state;
	rig.mail_answer = answer_451;
	rig_accept_telling(&rig, "owner@contoso.com", 0);
	rig_run(&rig, 60000);
	assert_int_equal(rig.mail_count, 2);
	assert_string_equal(rig.mails[0].message, rig.mails[1].message);
	assert_int_equal(rig_mail_row(&rig).delivered, 1);
	assert_int_equal(mail_status().health.state, HEALTH_OPEN);
}

static void answer_550(
	struct rig *r, const struct rig_mail *mail, struct mail_answer *answer)
{
	(void)r;
	if (strcmp(mail->to, "gone@contoso.com") == 0)
		*answer = (struct mail_answer){.stage = MAIL_RECIPIENT, .code = 550};
}

static void a_refused_recipient_is_dead_and_told(void **state)
{
	(void)state;
	rig.mail_answer = answer_550;
	rig_accept_telling(&rig, "gone@contoso.com", 0);
	rig_accept_telling(&rig, "owner@contoso.com", 0);
	rig_run(&rig, 60000);
	assert_int_equal(rig.mail_count, 2);
	assert_int_equal(rig_mail_row(&rig).dead, 1);
	assert_int_equal(rig_mail_row(&rig).delivered, 1);
	assert_int_equal(rig_events(&rig, RELAY_DEAD), 1);
	assert_int_equal(rig_row(&rig, 0).delivered, 2);
}

static void answer_535(
	struct rig *r, const struct rig_mail *mail, struct mail_answer *answer)
{
	(void)r;
	(void)mail;
	*answer = (struct mail_answer){
		.stage = MAIL_AUTH, .code = 535, .credentials = true};
}

static void a_refused_password_parks_mail_alone(void **state)
{
	(void)state;
	rig.mail_answer = answer_535;
	for (int i = 0; i < 20; i++)
		rig_accept_telling(&rig, "owner@contoso.com", 0);
	rig_run(&rig, 6 * 3600000);
	assert_int_equal(mail_status().health.state, HEALTH_PARKED);
	assert_int_equal(mail_status().health.reason, REASON_UNAUTHORIZED);
	assert_true(rig.mail_count <= MAIL_CONCURRENCY); /* never tried by itself */
	assert_int_equal(rig_events(&rig, RELAY_PARKED), 1);
	assert_int_equal(rig_mail_row(&rig).pending, 20);
	assert_int_equal(rig_row(&rig, 0).delivered, 20);

	rig.mail_answer = NULL;
	rig.secret_changed = true;
	rig_configure(&rig, 1, 16);
	rig_run(&rig, 60000);
	assert_int_equal(rig_mail_row(&rig).delivered, 20);
	assert_int_equal(rig_events(&rig, RELAY_RESUMED), 1);
}

static void refuse_three(
	struct rig *r, const struct rig_mail *mail, struct mail_answer *answer)
{
	if (r->mail_count > 3)
		return;
	*answer = (struct mail_answer){
		.stage = mail->check ? MAIL_HELLO : MAIL_SENDER, .code = 550};
}

static void a_parked_server_is_checked_and_then_tried(void **state)
{
	(void)state;
	rig.mail_answer = refuse_three;
	rig_accept_telling(&rig, "owner@contoso.com", 0);
	rig_run(&rig, 1000);
	assert_int_equal(mail_status().health.state, HEALTH_PARKED);
	assert_int_equal(rig.mail_count, 1);
	rig_run(&rig, 3600000);
	assert_true(rig.mails[1].check);
	assert_int_equal(rig_mail_row(&rig).delivered, 1);
	assert_int_equal(mail_status().health.state, HEALTH_OPEN);
}

static void another_server_is_asked_at_once(void **state)
{
	struct mail_settings moved = plain;

	(void)state;
	rig.mail_answer = refuse_three;
	rig_accept_telling(&rig, "owner@contoso.com", 0);
	rig_run(&rig, 1000);
	assert_int_equal(mail_status().health.state, HEALTH_PARKED);
	rig.mail_answer = NULL;
	moved.smtp.url = other;
	rig.mail = &moved;
	rig_configure(&rig, 1, 16);
	rig_run(&rig, 1000);
	assert_int_equal(rig_mail_row(&rig).delivered, 1);
	rig.mail = &plain;
	rig_configure(&rig, 1, 16); /* moved goes out of scope */
}

static void answer_nothing(
	struct rig *r, const struct rig_mail *mail, struct mail_answer *answer)
{
	(void)r;
	(void)mail;
	*answer = (struct mail_answer){.stage = MAIL_CONNECT, .failure = HTTP_CONNECT};
}

static void a_server_down_for_days_loses_nothing(void **state)
{
	(void)state;
	rig.mail_answer = answer_nothing;
	for (int i = 0; i < 200; i++)
		rig_accept_telling(&rig, "owner@contoso.com", 0);
	rig_run(&rig, INT64_C(2) * 86400000);
	assert_int_equal(rig_mail_row(&rig).pending, 200);
	assert_int_equal(rig_events(&rig, RELAY_BACKING_OFF), 1);
	assert_true(rig.mail_count < 1000);
	assert_int_equal(rig_row(&rig, 0).delivered, 200);
	rig.mail_answer = NULL;
	rig_run(&rig, 2 * 3600000);
	assert_int_equal(rig_mail_row(&rig).delivered, 200);
}

static void answer_late(
	struct rig *r, const struct rig_mail *mail, struct mail_answer *answer)
{
	(void)mail;
	(void)answer;
	r->mail_latency_ms = 600000;
}

static void what_drain_cancels_is_sent_at_the_next_start(void **state)
{
	char first[96];

	(void)state;
	rig.mail_answer = answer_late;
	rig_accept_telling(&rig, "owner@contoso.com", 0);
	rig_run(&rig, 1000);
	assert_int_equal(rig.mail_count, 1);
	snprintf(first, sizeof(first), "%s", rig.mails[0].message_id);
	rig_stop(&rig);
	assert_int_equal(rig.cancelled, 1);
	rig.mail_answer = NULL;
	rig_start(&rig);
	rig_configure(&rig, 1, 16);
	rig_run(&rig, 1000);
	assert_int_equal(rig.mail_count, 2);
	assert_string_equal(rig.mails[1].message_id, first);
	assert_int_equal(rig_mail_row(&rig).delivered, 1);
}

static void without_mail_they_wait(void **state)
{
	(void)state;
	rig.mail = NULL;
	rig_configure(&rig, 1, 16);
	rig_accept_telling(&rig, "owner@contoso.com", 0);
	rig_run(&rig, 3600000);
	assert_int_equal(rig.mail_count, 0);
	rig.mail = &plain;
	rig_configure(&rig, 1, 16);
	rig_run(&rig, 60000);
	assert_int_equal(rig.mail_count, 1);
}

static void an_alert_goes_out_too(void **state)
{
	static const char *const recipients[] = {"ops@contoso.com", "boss@contoso.com"};
	struct job_notice job = {.kind = MAIL_ALERT,
		.recipients = recipients,
		.recipient_count = 2,
		.subject = "crm is parked",
		.text = "12 leads are waiting, none is lost\n",
		.now = rig.wall,
		.key = "parked:crm",
		.raise = true};

	(void)state;
	job_notice_prepare(&job);
	store_job_done(&job.job);
	assert_true(job.sent);
	relay_fresh(rig.relay, rig.mail_id, 0);
	rig_run(&rig, 100);
	assert_int_equal(rig.mail_count, 2);
	assert_non_null(strstr(rig.mails[0].message, "Subject: crm is parked\r\n"));
	assert_int_equal(rig_mail_row(&rig).delivered, 2);
}

static void xoauth2_fetches_one_token(void **state)
{
	struct mail_settings with_token = plain;

	(void)state;
	with_token.smtp.auth = SMTP_AUTH_XOAUTH2;
	with_token.smtp.password.count = 0;
	with_token.smtp.oauth.method = AUTH_AZURE_AD;
	with_token.smtp.oauth.client_id = client;
	with_token.smtp.oauth.directory_id = directory;
	with_token.smtp.oauth.authority = authority;
	with_token.smtp.oauth.token_version = 2;
	with_token.smtp.oauth.client_secret.values[0] = secret;
	with_token.smtp.oauth.client_secret.count = 1;
	rig.mail = &with_token;
	rig_configure(&rig, 1, 16);
	for (int i = 0; i < 20; i++)
		rig_accept_telling(&rig, "owner@contoso.com", 0);
	rig_run(&rig, 60000);
	assert_int_equal(rig.tokens_asked, 1);
	assert_int_equal(rig_mail_row(&rig).delivered, 20);
	rig.mail = &plain;
	rig_configure(&rig, 1, 16);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_it, close_it)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_notification_goes_out_at_once),
		TEST(many_mails_share_few_conversations),
		TEST(a_digest_is_one_mail_at_the_end_of_its_window),
		TEST(a_put_off_mail_is_sent_again_unchanged),
		TEST(a_refused_recipient_is_dead_and_told),
		TEST(a_refused_password_parks_mail_alone),
		TEST(a_parked_server_is_checked_and_then_tried),
		TEST(another_server_is_asked_at_once),
		TEST(a_server_down_for_days_loses_nothing),
		TEST(what_drain_cancels_is_sent_at_the_next_start),
		TEST(without_mail_they_wait),
		TEST(an_alert_goes_out_too),
		TEST(xoauth2_fetches_one_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
