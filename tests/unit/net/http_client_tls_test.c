/* The HTTP client's judgement of certificates, in words. */
#include "leadrelay/clock.h"
#include "leadrelay/http_client.h"
#include "tls_peer.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <uv.h>

#define DAY 86400L

struct fixture {
	uv_loop_t loop;
	struct http_client *client;
	struct route_settings route;
	struct http_exchange exchange;
	struct authority authority;
	char ca_file[64];
	bool done;
};

static void on_done(struct http_exchange *exchange)
{
	struct fixture *f = exchange->owner;

	f->done = true;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err;

	uv_loop_init(&f->loop);
	assert_int_equal(
		http_client_create(&f->client, &f->loop, &clock_system, &err), ERR_OK);
	f->authority = make_certificate(NULL, NULL, -DAY, 10 * DAY);
	snprintf(f->ca_file, sizeof(f->ca_file), "/tmp/leadrelay-ca-XXXXXX");
	close(mkstemp(f->ca_file));
	write_pem(&f->authority, f->ca_file, NULL);
	f->route = (struct route_settings){
		.timeout_ms = 5000, .allow_private = true, .ca_file = f->ca_file};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	unlink(f->ca_file);
	authority_free(&f->authority);
	http_exchange_finish(&f->exchange);
	http_client_close(f->client, NULL, NULL);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	free(f);
	return 0;
}

static const struct http_answer *ask(
	struct fixture *f, struct authority *shown, bool connect_only)
{
	struct transport transport = http_client_transport(f->client);
	struct peer peer;

	peer_start(&peer, serve_tls, 1);
	peer.arg = shown; /* before anybody can connect */
	http_exchange_finish(&f->exchange);
	f->exchange = (struct http_exchange){.route = &f->route,
		.done = on_done,
		.owner = f,
		.connect_only = connect_only};
	f->exchange.request.method = "GET";
	buf_addf(&f->exchange.request.url, "https://127.0.0.1:%d/", peer.port);
	f->done = false;
	transport.send(transport.ctx, &f->exchange);
	while (!f->done)
		uv_run(&f->loop, UV_RUN_ONCE);
	http_client_forget_connections(f->client);
	peer_stop(&peer);
	return &f->exchange.answer;
}

static void expect_refusal(struct fixture *f, const struct authority *by,
	const char *names, long until, const char *words)
{
	struct authority leaf = make_certificate(by, names, -2 * DAY, until);
	const struct http_answer *answer = ask(f, &leaf, false);

	assert_int_equal(answer->failure, HTTP_TLS);
	assert_int_equal(answer->status, 0);
	assert_false(answer->sent);
	if (!strstr(answer->error, words))
		fail_msg("\"%s\" lacks \"%s\"", answer->error, words);
	authority_free(&leaf);
}

static void a_trusted_certificate_is_taken(void **state)
{
	struct fixture *f = *state;
	struct authority leaf =
		make_certificate(&f->authority, "IP:127.0.0.1", -DAY, 5 * DAY);
	const struct http_answer *answer = ask(f, &leaf, false);

	assert_int_equal(answer->failure, HTTP_FINE);
	assert_int_equal(answer->status, 200);
	authority_free(&leaf);
}

static void connecting_tells_when_the_certificate_ends(void **state)
{
	struct fixture *f = *state;
	struct authority leaf =
		make_certificate(&f->authority, "IP:127.0.0.1", -DAY, 5 * DAY);
	int64_t now = clock_wall(&clock_system);
	const struct http_answer *answer = ask(f, &leaf, true);

	assert_int_equal(answer->failure, HTTP_FINE);
	assert_false(answer->sent);
	assert_true(answer->certificate_expires_at > now + 5 * DAY * 1000 - 60000);
	assert_true(answer->certificate_expires_at < now + 5 * DAY * 1000 + 60000);
	authority_free(&leaf);
}

static void a_bad_certificate_is_refused_in_words(void **state)
{
	struct fixture *f = *state;
	struct authority stranger = make_certificate(NULL, NULL, -DAY, DAY);

	expect_refusal(f, &f->authority, "IP:127.0.0.1", -DAY, "has expired");
	expect_refusal(f, &f->authority, "DNS:other.example", DAY, "another");
	expect_refusal(f, NULL, "IP:127.0.0.1", DAY, "self-signed");
	f->route.ca_file = NULL;
	expect_refusal(f, &stranger, "IP:127.0.0.1", DAY, "not known here");
	authority_free(&stranger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(a_trusted_certificate_is_taken),
		T(connecting_tells_when_the_certificate_ends),
		T(a_bad_certificate_is_refused_in_words),
#undef T
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
