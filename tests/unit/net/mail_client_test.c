/* The queue and its threads, with a server that is not there; conversations are tested
 * against npm's smtp-server (tests/integration/mail). */
#include "leadrelay/clock.h"
#include "leadrelay/mail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <uv.h>

#define MAILS 20

struct fixture {
	uv_loop_t loop;
	struct mail_client *client;
	struct mail_transport transport;
	struct smtp_settings server;
	struct mail_exchange mails[MAILS];
	int done, closed;
	bool inside; /* send() or cancel() is running */
};

static char nobody[] = "smtp://127.0.0.1:1";

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err;

	uv_loop_init(&f->loop);
	assert_int_equal(
		mail_client_create(&f->client, &f->loop, &clock_system, 3, &err), ERR_OK);
	f->transport = mail_client_transport(f->client);
	f->server = (struct smtp_settings){
		.url = nobody, .tls = SMTP_TLS_NONE, .timeout_ms = 2000};
	*state = f;
	return 0;
}

static void on_closed(void *ctx)
{
	struct fixture *f = ctx;

	f->closed++;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < MAILS; i++)
		mail_exchange_finish(&f->mails[i]);
	mail_client_close(f->client, on_closed, f);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(f->closed, 1);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	free(f);
	return 0;
}

static void on_done(struct mail_exchange *exchange)
{
	struct fixture *f = exchange->owner;

	assert_false(f->inside);
	f->done++;
}

static void send_all(struct fixture *f, const char *to)
{
	f->inside = true;
	for (int i = 0; i < MAILS; i++) {
		struct mail_exchange *mail = &f->mails[i];

		mail->server = &f->server;
		mail->done = on_done;
		mail->owner = f;
		buf_adds(&mail->from, "relay@contoso.com");
		buf_adds(&mail->to, to);
		buf_adds(&mail->message, "Subject: x\r\n\r\nx\r\n");
		f->transport.send(f->transport.ctx, mail);
	}
	f->inside = false;
}

static void run_until_done(struct fixture *f)
{
	while (f->done < MAILS)
		uv_run(&f->loop, UV_RUN_ONCE);
}

static void a_client_without_mails_closes(void **state)
{
	(void)state;
}

static void every_mail_is_told_its_end_once(void **state)
{
	struct fixture *f = *state;

	send_all(f, "owner@contoso.com");
	run_until_done(f);
	for (int i = 0; i < MAILS; i++) {
		assert_int_equal(f->mails[i].answer.failure, HTTP_CONNECT);
		assert_false(f->mails[i].answer.sent);
	}
	assert_int_equal(f->done, MAILS);
}

static void waiting_mails_can_be_cancelled(void **state)
{
	struct fixture *f = *state;
	int cancelled = 0;

	send_all(f, "owner@contoso.com");
	f->inside = true;
	for (int i = 0; i < MAILS; i++)
		f->transport.cancel(f->transport.ctx, &f->mails[i]);
	f->inside = false;
	run_until_done(f);
	for (int i = 0; i < MAILS; i++)
		cancelled += f->mails[i].answer.failure == HTTP_CANCELLED;
	assert_true(cancelled >= MAILS - 3); /* three may have been on their way */
}

static void an_envelope_that_is_no_address_is_not_sent(void **state)
{
	struct fixture *f = *state;

	send_all(f, "a@b.cc>\r\nRCPT TO:<x@y.zz");
	run_until_done(f);
	assert_int_equal(f->mails[0].answer.failure, HTTP_LOCAL);
	assert_int_equal(
		mail_outcome(&f->mails[0].answer, &f->server).kind, OUTCOME_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_client_without_mails_closes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			every_mail_is_told_its_end_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			waiting_mails_can_be_cancelled, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			an_envelope_that_is_no_address_is_not_sent, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
