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

/* ---- client certificates ---- */

struct guest { /* a certificate of ours in files */
	struct authority authority;
	char certificate[64], key[64];
	struct route_settings route;
};

static void guest_make(struct fixture *f, struct guest *guest, const char *name)
{
	guest->authority = make_certificate(&f->authority, name, -DAY, DAY);
	strcpy(guest->certificate, "/tmp/leadrelay-crt-XXXXXX");
	strcpy(guest->key, "/tmp/leadrelay-key-XXXXXX");
	close(mkstemp(guest->certificate));
	close(mkstemp(guest->key));
	write_pem(&guest->authority, guest->certificate, guest->key);
	guest->route = f->route;
	guest->route.client_certificate = guest->certificate;
	guest->route.client_key = guest->key;
}

static void guest_finish(struct guest *guest)
{
	unlink(guest->certificate);
	unlink(guest->key);
	authority_free(&guest->authority);
}

struct party {
	struct guest guests[2];
	struct authority shown;
	struct host host;
	struct peer peer;
};

static void party_open(struct fixture *f, struct party *party, int connections)
{
	guest_make(f, &party->guests[0], "DNS:one.example");
	guest_make(f, &party->guests[1], "DNS:two.example");
	party->shown = make_certificate(&f->authority, "IP:127.0.0.1", -DAY, DAY);
	host_open(&party->host, &party->shown, &f->authority);
	party->host.guests[0] = &party->guests[0].authority;
	party->host.guests[1] = &party->guests[1].authority;
	peer_start(&party->peer, serve_guest, connections);
	party->peer.arg = &party->host; /* before anybody can connect */
}

static void party_close(struct fixture *f, struct party *party)
{
	http_client_forget_connections(f->client);
	uv_run(&f->loop, UV_RUN_NOWAIT);
	peer_stop(&party->peer);
	host_close(&party->host);
	guest_finish(&party->guests[0]);
	guest_finish(&party->guests[1]);
	authority_free(&party->shown);
}

static const struct http_answer *visit(
	struct fixture *f, struct party *party, const struct route_settings *route)
{
	struct transport transport = http_client_transport(f->client);

	http_exchange_finish(&f->exchange);
	f->exchange = (struct http_exchange){.route = route, .done = on_done, .owner = f};
	f->exchange.request.method = "GET";
	buf_addf(&f->exchange.request.url, "https://127.0.0.1:%d/", party->peer.port);
	f->done = false;
	transport.send(transport.ctx, &f->exchange);
	while (!f->done)
		uv_run(&f->loop, UV_RUN_ONCE);
	return &f->exchange.answer;
}

static void expect_known_as(struct fixture *f, struct party *party,
	const struct route_settings *route, const char *letter)
{
	const struct http_answer *answer = visit(f, party, route);

	if (answer->failure != HTTP_FINE)
		fail_msg("%s", answer->error);
	assert_string_equal(buf_str(&answer->body), letter);
}

static void connections_of_different_certificates_are_never_shared(void **state)
{
	struct fixture *f = *state;
	struct party party;

	party_open(f, &party, GUESTS_MAX);
	for (int i = 0; i < 3; i++) {
		expect_known_as(f, &party, &party.guests[0].route, "A");
		expect_known_as(f, &party, &party.guests[1].route, "B");
	}
	assert_int_equal(party.host.count, 2); /* each kept its own */
	party_close(f, &party);
}

/* Neither the kept connection nor its TLS session may introduce us by the old name. */
static void a_renewed_certificate_introduces_itself_anew(void **state)
{
	struct fixture *f = *state;
	struct party party;

	party_open(f, &party, GUESTS_MAX);
	expect_known_as(f, &party, &party.guests[0].route, "A");
	write_pem(&party.guests[1].authority, party.guests[0].certificate,
		party.guests[0].key);
	http_client_forget_connections(f->client);
	expect_known_as(f, &party, &party.guests[0].route, "B");
	party_close(f, &party);
}

static void without_the_right_certificate_it_is_tls_and_nothing_was_sent(void **state)
{
	struct fixture *f = *state;
	struct authority stranger = make_certificate(NULL, NULL, -DAY, DAY);
	struct party party;
	const struct http_answer *answer;

	party_open(f, &party, GUESTS_MAX);
	for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
		SSL_CTX_set_max_proto_version(party.host.ctx, version);
		answer = visit(f, &party, &f->route);
		if (answer->failure != HTTP_TLS ||
			!strstr(answer->error, "client certificate"))
			fail_msg("%d: %s", answer->failure, answer->error);
		assert_false(answer->sent);
	}
	write_pem(&stranger, party.guests[0].certificate, NULL);
	answer = visit(f, &party, &party.guests[0].route); /* another's key */
	assert_int_equal(answer->failure, HTTP_LOCAL);
	write_pem(&stranger, party.guests[0].certificate, party.guests[0].key);
	answer = visit(f, &party, &party.guests[0].route);
	assert_int_equal(answer->failure, HTTP_TLS);
	assert_false(answer->sent);
	party_close(f, &party);
	authority_free(&stranger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(a_trusted_certificate_is_taken),
		T(connecting_tells_when_the_certificate_ends),
		T(a_bad_certificate_is_refused_in_words),
		T(connections_of_different_certificates_are_never_shared),
		T(a_renewed_certificate_introduces_itself_anew),
		T(without_the_right_certificate_it_is_tls_and_nothing_was_sent),
#undef T
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
