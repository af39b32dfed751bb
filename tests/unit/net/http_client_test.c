/* The HTTP client against a scripted peer on loopback. */
#include "leadrelay/clock.h"
#include "leadrelay/delivery.h"
#include "leadrelay/http_client.h"
#include "peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <uv.h>

struct fixture {
	uv_loop_t loop;
	struct http_client *client;
	struct transport transport;
	struct route_settings route;
	struct http_exchange exchange;
	int done;
	bool inside; /* send() or cancel() is running */
};

static void on_done(struct http_exchange *exchange)
{
	struct fixture *f = exchange->owner;

	assert_false(f->inside);
	f->done++;
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err;

	uv_loop_init(&f->loop);
	assert_int_equal(
		http_client_create(&f->client, &f->loop, &clock_system, &err), ERR_OK);
	f->transport = http_client_transport(f->client);
	f->route = (struct route_settings){.timeout_ms = 5000, .allow_private = true};
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	http_exchange_finish(&f->exchange);
	http_client_close(f->client, NULL, NULL);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	free(f);
	return 0;
}

static void prepare(struct fixture *f, struct http_exchange *exchange, const char *method,
	const char *url, const char *body)
{
	http_exchange_finish(exchange);
	*exchange =
		(struct http_exchange){.route = &f->route, .done = on_done, .owner = f};
	exchange->request.method = method;
	buf_adds(&exchange->request.url, url);
	if (body) {
		exchange->request.has_body = true;
		buf_adds(&exchange->request.body, body);
		http_request_header(
			&exchange->request, "Content-Type", "application/json");
	}
}

static void send_it(struct fixture *f, struct http_exchange *exchange)
{
	f->inside = true;
	f->transport.send(f->transport.ctx, exchange);
	f->inside = false;
}

static void wait_done(struct fixture *f, int count)
{
	while (f->done < count)
		uv_run(&f->loop, UV_RUN_ONCE);
}

static const struct http_answer *ask_url(
	struct fixture *f, const char *method, const char *url, const char *body)
{
	int before = f->done;

	prepare(f, &f->exchange, method, url, body);
	send_it(f, &f->exchange);
	wait_done(f, before + 1);
	return &f->exchange.answer;
}

static const struct http_answer *ask(
	struct fixture *f, int port, const char *method, const char *body)
{
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/api/leads?secret=hush", port);
	return ask_url(f, method, url, body);
}

/* ---- what goes well ---- */

static void serve_created(struct peer *peer, int fd)
{
	while (peer_read_request(peer, fd) > 0)
		peer_say(fd, "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n"
			     "X-Twice: one\r\nx-twice:  two \r\n\r\n{}");
}

static void the_answer_has_status_headers_and_body(void **state)
{
	struct fixture *f = *state;
	const struct http_answer *answer;
	struct peer peer;
	char value[16];

	peer_start(&peer, serve_created, 1);
	answer = ask(f, peer.port, "POST", "{\"a\":1}");
	assert_int_equal(answer->failure, HTTP_FINE);
	assert_int_equal(answer->status, 201);
	assert_true(answer->sent);
	assert_string_equal(buf_str(&answer->body), "{}");
	assert_string_equal(
		http_answer_header(answer, "X-TWICE", value, sizeof(value)), "two");
	assert_null(http_answer_header(answer, "X-Twic", value, sizeof(value)));
	assert_string_equal(answer->address, "127.0.0.1");
	http_client_forget_connections(f->client);
	peer_stop(&peer);
	assert_non_null(strstr(peer.request, "POST /api/leads?secret=hush HTTP/1.1\r\n"));
	assert_non_null(strstr(peer.request, "Content-Type: application/json\r\n"));
	assert_null(strstr(peer.request, "Expect"));
	assert_null(strstr(peer.request, "Accept-Encoding"));
	assert_non_null(strstr(peer.request, "\r\n\r\n{\"a\":1}"));
}

static void a_header_value_cannot_add_a_line(void **state)
{
	struct http_request request = {0};

	(void)state;
	http_request_header(&request, "If-Match", "a\r\nEvil: yes");
	assert_string_equal(buf_str(&request.headers), "If-Match: a  Evil: yes\n");
	http_request_finish(&request);
	http_request_header(&request, "A",
		"12345678\t234567\x7f"
		"1234\x1f"
		"5678"
		"caf\xc3\xa9\n");
	assert_string_equal(buf_str(&request.headers), "A: 12345678\t234567 1234 5678"
						       "caf\xc3\xa9 \n");
	http_request_finish(&request);
}

static void methods_without_a_body_send_none(void **state)
{
	struct fixture *f = *state;
	struct peer peer;

	peer_start(&peer, serve_created, 1);
	assert_int_equal(ask(f, peer.port, "DELETE", NULL)->status, 201);
	http_client_forget_connections(f->client);
	peer_stop(&peer);
	assert_memory_equal(peer.request, "DELETE ", 7);
	assert_null(strstr(peer.request, "Content-"));
}

static void an_empty_body_is_a_body(void **state)
{
	struct fixture *f = *state;
	struct peer peer;

	peer_start(&peer, serve_created, 1);
	assert_int_equal(ask(f, peer.port, "PATCH", "")->status, 201);
	http_client_forget_connections(f->client);
	peer_stop(&peer);
	assert_memory_equal(peer.request, "PATCH ", 6);
	assert_non_null(strstr(peer.request, "Content-Length: 0\r\n"));
}

static void connections_are_kept_until_forgotten(void **state)
{
	struct fixture *f = *state;
	struct peer peer;

	peer_start(&peer, serve_created, 2);
	assert_int_equal(ask(f, peer.port, "POST", "{}")->status, 201);
	assert_int_equal(ask(f, peer.port, "POST", "{}")->status, 201);
	http_client_forget_connections(f->client); /* the peer serves its second */
	assert_int_equal(ask(f, peer.port, "POST", "{}")->status, 201);
	http_client_forget_connections(f->client);
	peer_stop(&peer);
}

static void serve_one_then_close_on_the_next(struct peer *peer, int fd)
{
	static int connection;

	peer_read_request(peer, fd);
	peer_say(fd, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
	if (connection++ == 0)
		peer_read_request(peer, fd); /* and no word */
}

static void a_kept_connection_that_died_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct peer peer;

	peer_start(&peer, serve_one_then_close_on_the_next, 2);
	assert_int_equal(ask(f, peer.port, "POST", "{\"n\":1}")->status, 201);
	assert_int_equal(ask(f, peer.port, "POST", "{\"n\":2}")->status, 201);
	assert_true(f->exchange.answer.sent);
	peer_stop(&peer);
	assert_non_null(strstr(peer.request, "{\"n\":2}"));
}

static void serve_redirect(struct peer *peer, int fd)
{
	peer_read_request(peer, fd);
	peer_say(fd, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
		     "Content-Length: 0\r\nConnection: close\r\n\r\n");
}

static void redirects_are_not_followed(void **state)
{
	struct fixture *f = *state;
	struct peer peer;

	peer_start(&peer, serve_redirect, 1);
	assert_int_equal(ask(f, peer.port, "GET", NULL)->status, 302);
	peer_stop(&peer);
}

static void the_environment_names_no_proxy(void **state)
{
	struct fixture *f = *state;
	struct peer peer;

	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	peer_start(&peer, serve_created, 1);
	assert_int_equal(ask(f, peer.port, "POST", "{}")->status, 201);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	http_client_forget_connections(f->client);
	peer_stop(&peer);
}

static void many_at_once_all_come_back(void **state)
{
	struct fixture *f = *state;
	struct http_exchange *many = calloc(300, sizeof(*many));
	char url[64];
	int fd, port;

	fd = peer_listen(&port);
	close(fd); /* nobody listens: each is refused at once */
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", port);
	for (int i = 0; i < 300; i++) {
		prepare(f, &many[i], "POST", url, "{}");
		send_it(f, &many[i]);
	}
	assert_int_equal(f->done, 0);
	wait_done(f, 300);
	for (int i = 0; i < 300; i++) {
		assert_int_equal(many[i].answer.failure, HTTP_CONNECT);
		http_exchange_finish(&many[i]);
	}
	free(many);
}

/* ---- what goes wrong ---- */

static void a_refused_connection_says_so(void **state)
{
	struct fixture *f = *state;
	const struct http_answer *answer;
	char expected[96];
	int port;

	close(peer_listen(&port));
	answer = ask(f, port, "POST", "{}");
	assert_int_equal(answer->failure, HTTP_CONNECT);
	assert_int_equal(http_failure_reason(answer->failure), REASON_CONNECT);
	assert_false(answer->sent);
	assert_int_equal(answer->status, 0);
	snprintf(expected, sizeof(expected),
		"connecting to 127.0.0.1:%d: Connection refused", port);
	assert_string_equal(answer->error, expected);
}

static void an_unknown_host_is_dns(void **state)
{
	struct fixture *f = *state;
	const struct http_answer *answer =
		ask_url(f, "GET", "http://nowhere.invalid/?secret=hush", NULL);

	assert_int_equal(answer->failure, HTTP_DNS);
	assert_false(answer->sent);
	assert_non_null(strstr(answer->error, "resolving nowhere.invalid"));
	assert_null(strstr(answer->error, "hush"));
}

static void serve_reset_after_body(struct peer *peer, int fd)
{
	peer_read_request(peer, fd);
	peer_reset_on_close(fd);
}

static void a_reset_after_the_body_counts_as_sent(void **state)
{
	struct fixture *f = *state;
	const struct http_answer *answer;
	struct peer peer;

	peer_start(&peer, serve_reset_after_body, 1);
	answer = ask(f, peer.port, "POST", "{\"lead\":1}");
	assert_int_equal(answer->failure, HTTP_RESET);
	assert_true(answer->sent);
	assert_int_equal(answer->status, 0);
	assert_null(strstr(answer->error, "hush"));
	peer_stop(&peer);
}

static void serve_silence(struct peer *peer, int fd)
{
	peer_read_request(peer, fd);
	peer_read_request(peer, fd); /* until the client gives up */
}

static void no_answer_in_time_is_a_sent_timeout(void **state)
{
	struct fixture *f = *state;
	const struct http_answer *answer;
	struct peer peer;

	peer_start(&peer, serve_silence, 1);
	f->route.timeout_ms = 50;
	answer = ask(f, peer.port, "POST", "{}");
	assert_int_equal(answer->failure, HTTP_TIMEOUT);
	assert_true(answer->sent);
	assert_non_null(strstr(answer->error, "waiting for the answer"));
	peer_stop(&peer);
}

static void serve_half_an_answer(struct peer *peer, int fd)
{
	peer_read_request(peer, fd);
	peer_say(fd, "HTTP/1.1 204 No Content\r\n\r\n");
	(void)peer;
}

static void serve_cut_body(struct peer *peer, int fd)
{
	peer_read_request(peer, fd);
	peer_say(fd, "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nhalf");
}

static void a_status_stays_true_when_the_body_is_cut(void **state)
{
	struct fixture *f = *state;
	const struct http_answer *answer;
	struct peer peer;

	peer_start(&peer, serve_cut_body, 1);
	answer = ask(f, peer.port, "POST", "{}");
	assert_int_equal(answer->failure, HTTP_RESET);
	assert_int_equal(answer->status, 201);
	assert_string_equal(buf_str(&answer->body), "half");
	peer_stop(&peer);
}

static void a_close_behind_204_is_fine(void **state)
{
	struct fixture *f = *state;
	const struct http_answer *answer;
	struct peer peer;

	peer_start(&peer, serve_half_an_answer, 1);
	answer = ask(f, peer.port, "POST", "{}");
	assert_int_equal(answer->failure, HTTP_FINE);
	assert_int_equal(answer->status, 204);
	peer_stop(&peer);
}

static void serve_noise(struct peer *peer, int fd)
{
	peer_read_request(peer, fd);
	peer_say(fd, "SSH-2.0-OpenSSH_9.2\r\n");
}

static void what_is_not_http_is_protocol(void **state)
{
	struct fixture *f = *state;
	const struct http_answer *answer;
	struct peer peer;

	peer_start(&peer, serve_noise, 1);
	answer = ask(f, peer.port, "POST", "{}");
	assert_int_equal(answer->failure, HTTP_PROTOCOL);
	assert_int_equal(answer->status, 0);
	assert_true(answer->sent);
	peer_stop(&peer);
}

static void serve_bad_chunks(struct peer *peer, int fd)
{
	peer_read_request(peer, fd);
	peer_say(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx");
}

static void bad_chunks_are_protocol(void **state)
{
	struct fixture *f = *state;
	const struct http_answer *answer;
	struct peer peer;

	peer_start(&peer, serve_bad_chunks, 1);
	answer = ask(f, peer.port, "POST", "{}");
	assert_int_equal(answer->failure, HTTP_PROTOCOL);
	assert_int_equal(answer->status, 200);
	peer_stop(&peer);
}

static void serve_endless(struct peer *peer, int fd, const char *start)
{
	char block[4097];

	memset(block, 'a', sizeof(block));
	block[4096] = 0;
	memcpy(block, "X-More: ", 8);
	memcpy(block + 4094, "\r\n", 2);
	peer_read_request(peer, fd);
	peer_say(fd, start);
	while (send(fd, block, 4096, MSG_NOSIGNAL) > 0)
		;
}

static void serve_endless_body(struct peer *peer, int fd)
{
	serve_endless(peer, fd, "HTTP/1.1 200 OK\r\n\r\n");
}

static void serve_endless_headers(struct peer *peer, int fd)
{
	serve_endless(peer, fd, "HTTP/1.1 200 OK\r\n");
}

static void an_endless_answer_is_cut_off(void **state)
{
	struct fixture *f = *state;
	const struct http_answer *answer;
	struct peer peer;

	peer_start(&peer, serve_endless_body, 1);
	answer = ask(f, peer.port, "POST", "{}");
	assert_int_equal(answer->failure, HTTP_PROTOCOL);
	assert_int_equal(answer->status, 200);
	assert_true(answer->body.len <= HTTP_BODY_MAX);
	peer_stop(&peer);
	peer_start(&peer, serve_endless_headers, 1);
	answer = ask(f, peer.port, "POST", "{}");
	assert_int_equal(answer->failure, HTTP_PROTOCOL);
	assert_non_null(strstr(answer->error, "larger than allowed"));
	peer_stop(&peer);
}

static void serve_continue_then_nothing(struct peer *peer, int fd)
{
	peer_read_request(peer, fd);
	peer_say(fd, "HTTP/1.1 100 Continue\r\n\r\n");
}

static void an_interim_status_is_none(void **state)
{
	struct fixture *f = *state;
	const struct http_answer *answer;
	struct peer peer;

	peer_start(&peer, serve_continue_then_nothing, 1);
	answer = ask(f, peer.port, "POST", "{}");
	assert_int_equal(answer->failure, HTTP_RESET);
	assert_int_equal(answer->status, 0);
	peer_stop(&peer);
}

static void private_addresses_are_refused_before_connecting(void **state)
{
	struct fixture *f = *state;
	static const char *const urls[] = {"http://127.0.0.1:%d/",
		"http://[::ffff:127.0.0.1]:%d/", "http://localhost:%d/",
		"http://169.254.169.254:%d/", "http://2130706433:%d/",
		"http://0x7f.1:%d/", "http://127.1:%d/", "http://0.0.0.0:%d/",
		"http://10.0.0.1:%d/", "http://100.64.0.1:%d/", "http://[::1]:%d/",
		"http://[fd00::1]:%d/", "http://[64:ff9b::a9fe:a9fe]:%d/"};
	char url[64];

	f->route.allow_private = false;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		const struct http_answer *answer;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(url, sizeof(url), urls[i], 9);
#pragma GCC diagnostic pop
		answer = ask_url(f, "POST", url, "{}");
		assert_int_equal(answer->failure, HTTP_PRIVATE);
		assert_int_equal(http_failure_reason(HTTP_PRIVATE), REASON_CONNECT);
		assert_false(answer->sent);
	}
}

static void a_kept_connection_to_a_private_address_is_judged_too(void **state)
{
	struct fixture *f = *state;
	struct peer peer;

	peer_start(&peer, serve_created, 1);
	assert_int_equal(ask(f, peer.port, "POST", "{}")->status, 201);
	f->route.allow_private = false;
	assert_int_equal(ask(f, peer.port, "POST", "{}")->failure, HTTP_PRIVATE);
	http_client_forget_connections(f->client);
	peer_stop(&peer);
}

static void serve_proxy_refusal(struct peer *peer, int fd)
{
	peer_read_request(peer, fd);
	peer_say(fd, "HTTP/1.1 407 Proxy Authentication Required\r\n"
		     "Content-Length: 0\r\nConnection: close\r\n\r\n");
}

static void a_proxy_that_refuses_is_no_answer(void **state)
{
	struct fixture *f = *state;
	const struct http_answer *answer;
	struct peer peer;
	char proxy[64];

	peer_start(&peer, serve_proxy_refusal, 1);
	snprintf(proxy, sizeof(proxy), "http://u:hush@127.0.0.1:%d", peer.port);
	f->route.proxy = proxy;
	answer = ask_url(f, "POST", "https://crm.example/", "{}");
	assert_int_equal(answer->failure, HTTP_CONNECT);
	assert_int_equal(answer->status, 0);
	assert_false(answer->sent);
	assert_non_null(strstr(answer->error, "407"));
	assert_null(strstr(answer->error, "hush"));
	peer_stop(&peer);
	assert_memory_equal(peer.request, "CONNECT crm.example:443 ", 24);
}

static void what_cannot_be_prepared_is_local(void **state)
{
	static char ca_file[] = "/nowhere/ca.pem";
	struct fixture *f = *state;
	const struct http_answer *answer = ask_url(f, "GET", "ftp://example.com/", NULL);

	assert_false(answer->sent);
	assert_int_equal(answer->status, 0);
	assert_int_not_equal(answer->failure, HTTP_FINE);
	f->route.ca_file = ca_file;
	answer = ask_url(f, "GET", "https://127.0.0.1:1/", NULL);
	assert_int_not_equal(answer->failure, HTTP_FINE);
}

static void cancelling_waits_for_done_too(void **state)
{
	struct fixture *f = *state;
	struct peer peer;
	char url[64];

	peer_start(&peer, serve_silence, 2);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", peer.port);
	prepare(f, &f->exchange, "POST", url, "{}");
	send_it(f, &f->exchange);
	f->inside = true;
	f->transport.cancel(f->transport.ctx, &f->exchange);
	f->inside = false;
	wait_done(f, 1);
	assert_int_equal(f->exchange.answer.failure, HTTP_CANCELLED);
	assert_false(f->exchange.answer.sent);
	prepare(f, &f->exchange, "POST", url, "{}");
	send_it(f, &f->exchange);
	for (int i = 0; i < 10 && f->done < 2; i++)
		uv_run(&f->loop, UV_RUN_NOWAIT);
	f->transport.cancel(f->transport.ctx, &f->exchange);
	wait_done(f, 2);
	assert_int_equal(f->exchange.answer.failure, HTTP_CANCELLED);
	peer_stop(&peer);
}

static void connect_only_sends_nothing(void **state)
{
	struct fixture *f = *state;
	struct peer peer;
	char url[64];

	peer_start(&peer, serve_silence, 1);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/", peer.port);
	prepare(f, &f->exchange, "GET", url, NULL);
	f->exchange.connect_only = true;
	send_it(f, &f->exchange);
	wait_done(f, 1);
	assert_int_equal(f->exchange.answer.failure, HTTP_FINE);
	assert_false(f->exchange.answer.sent);
	assert_string_equal(f->exchange.answer.address, "127.0.0.1");
	peer_stop(&peer);
	assert_string_equal(peer.request, "");
}

/* Handles are used again, and keep what they can: one exchange after the other here, so
 * that it is the same handle each time. */
static void the_next_exchange_carries_nothing_of_the_last(void **state)
{
	struct fixture *f = *state;
	const struct http_answer *answer;
	struct peer peer;
	char url[64];

	peer_start(&peer, serve_created, 1);
	snprintf(url, sizeof(url), "http://127.0.0.1:%d/first", peer.port);
	prepare(f, &f->exchange, "POST", url, "{\"long\":\"0123456789\"}");
	http_request_header(&f->exchange.request, "Authorization", "Bearer 0123456789");
	send_it(f, &f->exchange);
	wait_done(f, 1);
	assert_int_equal(f->exchange.answer.status, 201);

	snprintf(url, sizeof(url), "http://127.0.0.1:%d/second", peer.port);
	assert_int_equal(ask_url(f, "POST", url, "{}")->status, 201);
	assert_memory_equal(peer.request, "POST /second HTTP/1.1\r\n", 23);
	assert_null(strstr(peer.request, "Authorization"));
	assert_string_equal(strstr(peer.request, "\r\n\r\n"), "\r\n\r\n{}");
	answer = ask_url(f, "POST", "http://[::1/", "{}");
	assert_int_not_equal(answer->failure, HTTP_FINE);
	assert_false(answer->sent);
	assert_int_equal(answer->status, 0);
	assert_string_equal(answer->address, "");

	assert_int_equal(ask_url(f, "POST", url, "")->status, 201);
	assert_non_null(strstr(peer.request, "Content-Length: 0\r\n"));
	assert_int_equal(
		ask_url(f, "LINK", url, "[]")->status, 201); /* as long as POST */
	assert_memory_equal(peer.request, "LINK /second HTTP/1.1\r\n", 23);
	assert_int_equal(ask_url(f, "DELETE", url, NULL)->status, 201);
	assert_memory_equal(peer.request, "DELETE /second HTTP/1.1\r\n", 25);
	assert_null(strstr(peer.request, "Content-"));
	http_client_forget_connections(f->client);
	peer_stop(&peer);
}

/* After a reload other settings may lie where the old ones did. */
static void a_handle_follows_its_route(void **state)
{
	struct fixture *f = *state;
	static char nowhere[] = "http://127.0.0.1:1";
	struct peer peer;

	peer_start(&peer, serve_created, 1);
	assert_int_equal(ask(f, peer.port, "POST", "{}")->status, 201);
	f->route.proxy = nowhere;
	assert_int_equal(ask(f, peer.port, "POST", "{}")->failure, HTTP_CONNECT);
	f->route.proxy = NULL;
	assert_int_equal(ask(f, peer.port, "POST", "{}")->status, 201);
	f->route.allow_private = false;
	assert_int_equal(ask(f, peer.port, "POST", "{}")->failure, HTTP_PRIVATE);
	http_client_forget_connections(f->client);
	peer_stop(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(the_answer_has_status_headers_and_body),
		cmocka_unit_test(a_header_value_cannot_add_a_line),
		T(methods_without_a_body_send_none),
		T(an_empty_body_is_a_body),
		T(connections_are_kept_until_forgotten),
		T(a_kept_connection_that_died_is_replaced),
		T(redirects_are_not_followed),
		T(the_environment_names_no_proxy),
		T(many_at_once_all_come_back),
		T(a_refused_connection_says_so),
		T(an_unknown_host_is_dns),
		T(a_reset_after_the_body_counts_as_sent),
		T(no_answer_in_time_is_a_sent_timeout),
		T(a_status_stays_true_when_the_body_is_cut),
		T(a_close_behind_204_is_fine),
		T(what_is_not_http_is_protocol),
		T(bad_chunks_are_protocol),
		T(an_endless_answer_is_cut_off),
		T(an_interim_status_is_none),
		T(private_addresses_are_refused_before_connecting),
		T(a_kept_connection_to_a_private_address_is_judged_too),
		T(a_proxy_that_refuses_is_no_answer),
		T(what_cannot_be_prepared_is_local),
		T(cancelling_waits_for_done_too),
		T(connect_only_sends_nothing),
		T(the_next_exchange_carries_nothing_of_the_last),
		T(a_handle_follows_its_route),
#undef T
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
