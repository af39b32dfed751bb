/* The internal destination for mails: what it asks for, and what it makes of answers. */
#include "support.h"

#include "leadrelay/compose.h"
#include "leadrelay/destination.h"
#include "leadrelay/mails.h"
#include "leadrelay/token.h"

#include <stdio.h>
#include <stdlib.h>

#define MESSAGE_ID "019b7a1e-0000-7000-8000-000000000009@r.leadrelay"

static char url[] = "smtp://localhost:2525", from[] = "Lead relay <relay@contoso.com>",
	    user[] = "relay", password[] = "s3cret-word", client[] = "client",
	    directory[] = "contoso", secret[] = "another-secret",
	    contact[] = "owner@contoso.com", message_id[] = MESSAGE_ID;

static struct mail_settings plain_settings(void)
{
	struct mail_settings mail = {.configured = true,
		.smtp = {.url = url,
			.auth = SMTP_AUTH_PLAIN,
			.username = user,
			.timeout_ms = 30000},
		.from = from,
		.detail = MAIL_DETAIL_MASKED};

	mail.smtp.password.values[0] = password;
	mail.smtp.password.count = 1;
	return mail;
}

static struct mail_settings token_settings(void)
{
	struct mail_settings mail = plain_settings();

	mail.smtp.auth = SMTP_AUTH_XOAUTH2;
	mail.smtp.password.count = 0;
	mail.smtp.oauth.method = AUTH_AZURE_AD;
	mail.smtp.oauth.client_id = client;
	mail.smtp.oauth.directory_id = directory;
	mail.smtp.oauth.token_version = 2;
	mail.smtp.oauth.client_secret.values[0] = secret;
	mail.smtp.oauth.client_secret.count = 1;
	return mail;
}

static struct fixture {
	struct mail_settings mail;
	struct destination *destination;
	struct lead lead;
	struct mail_item item;
	struct task task;
} f;

static void open_it(struct mail_settings mail)
{
	struct err err = {.text = ""};

	memset(&f, 0, sizeof(f));
	f.mail = mail;
	if (destination_email_create(&f.destination, &f.mail, &sevens, &err) != ERR_OK)
		fail_msg("%s", err.text);
	f.lead = make_lead();
	set_field(&f.lead, FIELD_OFFER_TITLE, "Contoso Backup");
	set_field(&f.lead, FIELD_COMPANY, "東京");
	f.item = (struct mail_item){.kind = MAIL_NOTIFICATION,
		.contact = contact,
		.message_id = message_id,
		.created_at = NOW,
		.leads = &f.lead,
		.lead_count = 1};
	f.task = (struct task){.purpose = TASK_DELIVER, .mail = &f.item};
}

static int open_plain(void **state)
{
	(void)state;
	open_it(plain_settings());
	return 0;
}

static int open_token(void **state)
{
	(void)state;
	open_it(token_settings());
	return 0;
}

static int close_it(void **state)
{
	(void)state;
	task_finish(&f.task);
	destination_destroy(f.destination);
	lead_finish(&f.lead);
	return 0;
}

static struct mail_exchange *take_exchange(void)
{
	struct mail_exchange *exchange = f.task.mail_exchange;

	assert_non_null(exchange);
	f.task.mail_exchange = NULL;
	return exchange;
}

static void drop(struct mail_exchange *exchange)
{
	mail_exchange_finish(exchange);
	free(exchange);
}

static enum step_kind answer(struct mail_answer mail_answer)
{
	return task_mailed(f.destination, &f.task, &mail_answer, NOW + 5);
}

/* The message of a new attempt at the item, the caller's. */
static char *message_at(int64_t now)
{
	struct mail_exchange *exchange;
	char *message;

	task_finish(&f.task);
	f.task = (struct task){.purpose = TASK_DELIVER, .mail = &f.item};
	assert_int_equal(task_begin(f.destination, &f.task, now), STEP_MAIL);
	exchange = take_exchange();
	message = strdup(buf_str(&exchange->message));
	drop(exchange);
	return message;
}

static void get_token(const char *token)
{
	struct http_request request = {0};
	struct outcome outcome;
	struct http_answer got;
	char body[200];

	assert_int_equal(
		token_request(destination_token(f.destination), &request, NOW, NULL),
		ERR_OK);
	assert_non_null(strstr(buf_str(&request.body), "outlook.office365.com"));
	snprintf(body, sizeof(body),
		"{\"token_type\":\"Bearer\",\"access_token\":\"%s\",\"expires_in\":3600}",
		token);
	got = make_answer(200, NULL, body);
	assert_int_equal(
		token_answer(destination_token(f.destination), &got, NOW, &outcome),
		TOKEN_GOT);
	finish_answer(&got);
	http_request_finish(&request);
}

/* ---- ---- */

static void no_configuration_can_name_it(void **state)
{
	(void)state;
	assert_null(destination_kind_find("email"));
	assert_string_equal(f.destination->base.settings->name, MAIL_DESTINATION);
	assert_null(destination_token(f.destination));
}

static void a_notification_becomes_a_message(void **state)
{
	struct mail_exchange *exchange;
	const char *message;

	(void)state;
	assert_int_equal(task_begin(f.destination, &f.task, NOW + 99999), STEP_MAIL);
	exchange = take_exchange();
	message = buf_str(&exchange->message);
	assert_string_equal(buf_str(&exchange->from), "relay@contoso.com");
	assert_string_equal(buf_str(&exchange->to), "owner@contoso.com");
	assert_false(exchange->check_only);
	assert_ptr_equal(exchange->server, &f.mail.smtp);
	assert_non_null(strstr(message, "Subject: New lead: Contoso Backup\r\n"));
	assert_non_null(strstr(message, "Message-ID: <" MESSAGE_ID ">\r\n"));
	assert_non_null(strstr(message, " Jan 2026 00:00:00 +0000\r\n"));
	assert_non_null(strstr(message, "multipart/alternative"));
	drop(exchange);
}

static void every_attempt_sends_the_same_bytes(void **state)
{
	char *first = message_at(NOW), *later = message_at(NOW + 86400000);

	(void)state;
	assert_string_equal(first, later);
	free(first);
	free(later);
}

static void an_alert_goes_as_it_is_stored(void **state)
{
	static char subject[] = "crm is parked", text[] = "12 leads are waiting\n",
		    name[] = "report.csv", type[] = "text/csv; charset=utf-8",
		    bytes[] = "a,b\r\n";
	struct mail_attachment attachment = {
		.type = type, .name = name, .bytes = bytes, .len = 5};
	char *message;

	(void)state;
	f.item.kind = MAIL_ALERT;
	f.item.leads = NULL;
	f.item.lead_count = 0;
	f.item.subject = subject;
	f.item.text = text;
	f.item.attachments = &attachment;
	f.item.attachment_count = 1;
	message = message_at(NOW);
	assert_non_null(strstr(message, "Subject: crm is parked\r\n"));
	assert_non_null(strstr(message, "12 leads are waiting"));
	assert_null(strstr(message, "text/html"));
	assert_non_null(strstr(message, "report.csv"));
	free(message);
}

static void an_impossible_address_is_refused_unsent(void **state)
{
	static char wrong[] = "owner@contoso.com\r\nRCPT TO:<x@y.z>";

	(void)state;
	f.item.contact = wrong;
	assert_int_equal(task_begin(f.destination, &f.task, NOW), STEP_DONE);
	assert_int_equal(f.task.outcome.kind, OUTCOME_REFUSED);
	assert_int_equal(f.task.outcome.reason, REASON_INVALID);
	assert_int_equal(f.task.record_count, 1);
}

static void the_answer_becomes_the_outcome(void **state)
{
	static const struct {
		struct mail_answer answer;
		enum outcome_kind kind;
	} table[] = {
		{{.accepted = true, .stage = MAIL_END, .code = 250}, OUTCOME_DELIVERED},
		{{.stage = MAIL_RECIPIENT, .code = 550}, OUTCOME_REFUSED},
		{{.stage = MAIL_RECIPIENT, .code = 451}, OUTCOME_RETRY},
		{{.stage = MAIL_SENDER, .code = 550}, OUTCOME_ENVIRONMENT},
		{{.stage = MAIL_AUTH, .code = 535, .credentials = true},
			OUTCOME_UNAUTHORIZED},
		{{.stage = MAIL_END, .sent = true, .failure = HTTP_RESET},
			OUTCOME_UNKNOWN},
		{{.stage = MAIL_CONNECT, .failure = HTTP_CONNECT}, OUTCOME_RETRY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		free(message_at(NOW));
		assert_int_equal(answer(table[i].answer), STEP_DONE);
		assert_int_equal(f.task.outcome.kind, table[i].kind);
		assert_int_equal(f.task.outcome.http_status, table[i].answer.code);
		assert_int_equal(f.task.record_count, 1);
		assert_int_equal(f.task.records[0].outcome, table[i].kind);
	}
	assert_false(f.task.outcome.needs_person);
}

static void a_refused_password_needs_a_person(void **state)
{
	(void)state;
	free(message_at(NOW));
	answer((struct mail_answer){
		.stage = MAIL_AUTH, .code = 535, .credentials = true});
	assert_true(f.task.outcome.needs_person);
}

static void a_probe_only_checks(void **state)
{
	struct mail_exchange *exchange;

	(void)state;
	f.task = (struct task){.purpose = TASK_PROBE};
	assert_int_equal(task_begin(f.destination, &f.task, NOW), STEP_MAIL);
	exchange = take_exchange();
	assert_true(exchange->check_only);
	assert_int_equal(exchange->message.len, 0);
	drop(exchange);
	assert_int_equal(answer((struct mail_answer){
				 .accepted = true, .stage = MAIL_CHECK, .code = 250}),
		STEP_DONE);
	assert_int_equal(f.task.outcome.kind, OUTCOME_DELIVERED);
}

static void xoauth2_waits_for_its_token(void **state)
{
	struct mail_exchange *exchange;

	(void)state;
	assert_int_equal(task_begin(f.destination, &f.task, NOW), STEP_TOKEN);
	get_token("t1");
	assert_int_equal(task_next(f.destination, &f.task, NULL, NOW), STEP_MAIL);
	exchange = take_exchange();
	assert_string_equal(buf_str(&exchange->bearer), "t1");
	drop(exchange);
}

static void a_refused_token_is_replaced_once(void **state)
{
	const struct mail_answer denied = {.stage = MAIL_AUTH, .denied = true};
	struct mail_exchange *exchange;

	(void)state;
	get_token("t1");
	assert_int_equal(task_begin(f.destination, &f.task, NOW), STEP_MAIL);
	drop(take_exchange());
	assert_int_equal(answer(denied), STEP_TOKEN);
	get_token("t2");
	assert_int_equal(task_next(f.destination, &f.task, NULL, NOW), STEP_MAIL);
	exchange = take_exchange();
	assert_string_equal(buf_str(&exchange->bearer), "t2");
	drop(exchange);
	assert_int_equal(answer(denied), STEP_DONE);
	assert_int_equal(f.task.outcome.kind, OUTCOME_UNAUTHORIZED);
	assert_false(f.task.outcome.needs_person);
	assert_int_equal(f.task.record_count, 2);
	assert_false(token_fresh(destination_token(f.destination), NOW));
}

static void bad_settings_name_their_key(void **state)
{
	static char ftp[] = "ftp://x", nobody[] = "nobody", none[] = "";
	struct mail_settings mail = plain_settings();
	struct destination *destination = NULL;
	struct err err = {.text = ""};

	(void)state;
	mail.smtp.url = ftp;
	assert_int_not_equal(
		destination_email_create(&destination, &mail, &sevens, &err), ERR_OK);
	assert_non_null(strstr(err.text, "mail.smtp: url"));
	mail = plain_settings();
	mail.from = nobody;
	assert_int_not_equal(
		destination_email_create(&destination, &mail, &sevens, &err), ERR_OK);
	assert_non_null(strstr(err.text, "mail.from"));
	mail = token_settings();
	mail.smtp.oauth.client_id = none;
	assert_int_not_equal(
		destination_email_create(&destination, &mail, &sevens, &err), ERR_OK);
	assert_non_null(strstr(err.text, "mail.smtp.oauth"));
}

#define PLAIN(name) cmocka_unit_test_setup_teardown(name, open_plain, close_it)
#define TOKEN(name) cmocka_unit_test_setup_teardown(name, open_token, close_it)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAIN(no_configuration_can_name_it),
		PLAIN(a_notification_becomes_a_message),
		PLAIN(every_attempt_sends_the_same_bytes),
		PLAIN(an_alert_goes_as_it_is_stored),
		PLAIN(an_impossible_address_is_refused_unsent),
		PLAIN(the_answer_becomes_the_outcome),
		PLAIN(a_refused_password_needs_a_person),
		PLAIN(a_probe_only_checks),
		TOKEN(xoauth2_waits_for_its_token),
		TOKEN(a_refused_token_is_replaced_once),
		cmocka_unit_test(bad_settings_name_their_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
