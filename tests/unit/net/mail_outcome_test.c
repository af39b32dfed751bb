#include "leadrelay/mail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static char user[] = "relay", url[] = "smtp://mail.contoso.com:587";
static struct smtp_settings password_server = {
	.url = url, .auth = SMTP_AUTH_PLAIN, .username = user};
static struct smtp_settings token_server = {
	.url = url, .auth = SMTP_AUTH_XOAUTH2, .username = user};

static struct outcome of(enum mail_stage stage, int code, const char *enhanced)
{
	struct mail_answer answer = {.stage = stage, .code = code};

	snprintf(answer.enhanced, sizeof(answer.enhanced), "%s", enhanced);
	return mail_outcome(&answer, &password_server);
}

static void a_5xx_means_what_its_stage_says(void **state)
{
	(void)state;
	for (int stage = MAIL_GREETING; stage <= MAIL_SENDER; stage++)
		assert_int_equal(
			of((enum mail_stage)stage, 550, "").kind, OUTCOME_ENVIRONMENT);
	for (int stage = MAIL_RECIPIENT; stage <= MAIL_END; stage++)
		assert_int_equal(
			of((enum mail_stage)stage, 550, "").kind, OUTCOME_REFUSED);
	assert_int_equal(of(MAIL_RECIPIENT, 530, "5.7.0").kind, OUTCOME_ENVIRONMENT);
	assert_int_equal(of(MAIL_RECIPIENT, 550, "5.1.1").reason, REASON_INVALID);
	assert_int_equal(of(MAIL_END, 554, "5.7.1").reason, REASON_FORBIDDEN);
	assert_int_equal(of(MAIL_END, 552, "5.3.4").reason, REASON_TOO_LARGE);
	assert_int_equal(of(MAIL_END, 552, "").reason, REASON_TOO_LARGE);
	assert_int_equal(of(MAIL_RECIPIENT, 552, "5.2.2").reason, REASON_INVALID);
}

static void a_4xx_is_tried_again(void **state)
{
	(void)state;
	for (int stage = MAIL_GREETING; stage < MAIL_STAGES; stage++)
		assert_int_equal(of((enum mail_stage)stage, 451, "").kind, OUTCOME_RETRY);
	assert_false(of(MAIL_RECIPIENT, 450, "4.2.0").destination);
	assert_true(of(MAIL_RECIPIENT, 421, "4.7.0").destination);
	assert_true(of(MAIL_END, 452, "4.3.1").destination);
	assert_true(of(MAIL_SENDER, 451, "").destination);
}

static void only_a_refused_password_needs_a_person(void **state)
{
	struct mail_answer answer = {
		.stage = MAIL_AUTH, .code = 535, .credentials = true};
	struct outcome outcome = mail_outcome(&answer, &password_server);

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_UNAUTHORIZED);
	assert_true(outcome.needs_person);
	outcome = mail_outcome(&answer, &token_server);
	assert_int_equal(outcome.kind, OUTCOME_UNAUTHORIZED);
	assert_false(outcome.needs_person);
	answer = (struct mail_answer){.stage = MAIL_AUTH, .denied = true};
	assert_int_equal(mail_outcome(&answer, &token_server).kind, OUTCOME_UNAUTHORIZED);
	assert_int_equal(of(MAIL_AUTH, 504, "5.5.4").kind, OUTCOME_ENVIRONMENT);
}

static void without_a_reply_it_depends_on_what_was_sent(void **state)
{
	struct mail_answer answer = {
		.stage = MAIL_END, .failure = HTTP_RESET, .sent = true};

	(void)state;
	assert_int_equal(mail_outcome(&answer, &password_server).kind, OUTCOME_UNKNOWN);
	answer.sent = false;
	assert_int_equal(mail_outcome(&answer, &password_server).kind, OUTCOME_RETRY);
	assert_int_equal(mail_outcome(&answer, &password_server).reason, REASON_RESET);
	answer = (struct mail_answer){.stage = MAIL_TLS, .lacking = true};
	assert_int_equal(
		mail_outcome(&answer, &password_server).kind, OUTCOME_ENVIRONMENT);
	answer = (struct mail_answer){.stage = MAIL_CONNECT, .failure = HTTP_CANCELLED};
	assert_false(mail_outcome(&answer, &password_server).destination);
}

static void an_accepted_mail_keeps_the_server_s_name_for_it(void **state)
{
	struct mail_answer answer = {.stage = MAIL_END,
		.accepted = true,
		.code = 250,
		.words = "Ok: queued as 4F2A"};
	struct outcome outcome = mail_outcome(&answer, &password_server);

	(void)state;
	assert_int_equal(outcome.kind, OUTCOME_DELIVERED);
	assert_string_equal(outcome.remote_id, "Ok: queued as 4F2A");
	assert_string_equal(outcome.error, "");
}

/* ---- settings ---- */

static const char *checked(struct smtp_settings server)
{
	static struct err err;

	err.text[0] = '\0';
	return smtp_settings_check(&server, &err) == ERR_OK ? "" : err.text;
}

static void settings_must_go_together(void **state)
{
	static char local[] = "smtp://127.0.0.1:25",
		    six[] = "smtp://[::1]:25/me.contoso.com";
	static char tls[] = "smtps://mail.contoso.com",
		    http[] = "http://mail.contoso.com";
	static char ports[][40] = {"smtp://mail.contoso.com:99999",
		"smtp://mail.contoso.com:0",
		"smtp://mail.contoso.com:", "smtp://mail.contoso.com:25x",
		"smtps://[::1]25", "smtp://[::1"};
	static char account[] = "smtp://u:p@mail.contoso.com", secret[] = "x";

	(void)state;
	assert_string_equal(checked((struct smtp_settings){.url = url}), "");
	assert_string_equal(checked((struct smtp_settings){.url = tls}), "");
	assert_string_equal(
		checked((struct smtp_settings){.url = local, .tls = SMTP_TLS_NONE}), "");
	assert_string_equal(
		checked((struct smtp_settings){.url = six, .tls = SMTP_TLS_NONE}), "");
	assert_string_equal(
		checked((struct smtp_settings){
			.url = url, .tls = SMTP_TLS_NONE, .allow_plain = true}),
		"");
	assert_memory_equal(
		checked((struct smtp_settings){.url = url, .tls = SMTP_TLS_NONE}),
		"tls:", 4);
	assert_memory_equal(
		checked((struct smtp_settings){.url = tls, .tls = SMTP_TLS_NONE}),
		"tls:", 4);
	assert_memory_equal(checked((struct smtp_settings){.url = http}), "url:", 4);
	assert_memory_equal(checked((struct smtp_settings){.url = account}), "url:", 4);
	assert_memory_equal(checked((struct smtp_settings){.url = NULL}), "url:", 4);
	for (size_t i = 0; i < sizeof(ports) / sizeof(*ports); i++)
		assert_memory_equal(
			checked((struct smtp_settings){.url = ports[i]}), "url:", 4);
	assert_memory_equal(
		checked((struct smtp_settings){.url = url, .auth = SMTP_AUTH_PLAIN}),
		"username:", 9);
	assert_memory_equal(checked(password_server), "password:", 9);
	assert_memory_equal(checked(token_server), "oauth:", 6);
	assert_memory_equal(checked((struct smtp_settings){.url = url, .username = user}),
		"auth:", 5);
	assert_string_equal(checked((struct smtp_settings){.url = url,
				    .auth = SMTP_AUTH_LOGIN,
				    .username = user,
				    .password = {.values = {secret}, .count = 1}}),
		"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_5xx_means_what_its_stage_says),
		cmocka_unit_test(a_4xx_is_tried_again),
		cmocka_unit_test(only_a_refused_password_needs_a_person),
		cmocka_unit_test(without_a_reply_it_depends_on_what_was_sent),
		cmocka_unit_test(an_accepted_mail_keeps_the_server_s_name_for_it),
		cmocka_unit_test(settings_must_go_together),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
