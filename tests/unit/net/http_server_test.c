/* The HTTP server on loopback, byte by byte: framing, limits, deadlines, suspension. */
#include "leadrelay/clock.h"
#include "leadrelay/http_server.h"
#include "raw_client.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/resource.h>

#define WAITING_MAX 512

struct fixture {
	uv_loop_t loop;
	struct http_server *server;
	struct intake_settings settings;
	char *listen[2];
	char *trusted[1];
	struct raw_client client;
	struct inbound *waiting[WAITING_MAX]; /* requests to /later, not yet answered */
	int waiting_count;
	int heads, bodies, answered, last_status;
	char seen[256]; /* client and query parts the last head() saw */
	uv_idle_t later;
	bool exempt;
};

/* ---- the handler ---- */

static void on_head(void *ctx, struct inbound *in)
{
	struct fixture *f = ctx;
	const char *token = inbound_query(in, "token");

	f->heads++;
	snprintf(f->seen, sizeof(f->seen), "%s %s %s %s", inbound_method(in),
		inbound_path(in), inbound_client(in), token ? token : "-");
	if (f->exempt)
		inbound_exempt_rate(in);
	if (strcmp(inbound_path(in), "/refuse") == 0)
		inbound_problem(in, 401, "a token is missing");
	if (strcmp(inbound_path(in), "/small") == 0)
		inbound_limit_body(in, 4);
}

static void answer_all(uv_idle_t *idle)
{
	struct fixture *f = idle->data;

	uv_idle_stop(idle);
	for (int i = 0; i < f->waiting_count; i++)
		inbound_reply(f->waiting[i], 202, "application/json", "{}", 2);
	f->waiting_count = 0;
}

static void on_body(void *ctx, struct inbound *in)
{
	struct fixture *f = ctx;
	size_t len;
	char *body = inbound_body(in, &len);

	f->bodies++;
	if (strncmp(inbound_path(in), "/later", 6) == 0) {
		f->waiting[f->waiting_count++] = in;
		if (strcmp(inbound_path(in), "/later") == 0)
			uv_idle_start(&f->later, answer_all);
		return;
	}
	assert_int_equal(body[len], 0);
	inbound_header_add(in, "X-Bad", "a\r\nb");
	inbound_header_add(in, "X-Good", "yes");
	inbound_reply(in, 200, "text/plain", body, len);
}

static void on_answered(void *ctx, const char *path, int status, int64_t duration_us)
{
	struct fixture *f = ctx;

	(void)path;
	assert_true(duration_us >= 0);
	f->answered++;
	f->last_status = status;
}

/* ---- set-up ---- */

static void start(struct fixture *f)
{
	struct http_server_options options = {.loop = &f->loop,
		.clock = &clock_system,
		.settings = &f->settings,
		.handler = {on_head, on_body, on_answered, f}};
	struct err err;

	if (http_server_create(&f->server, &options, &err) != ERR_OK)
		fail_msg("%s", err.text);
}

static int set_up(void **state)
{
	static char any[] = "127.0.0.1:0", proxy[] = "127.0.0.0/8";
	struct fixture *f = calloc(1, sizeof(*f));

	uv_loop_init(&f->loop);
	uv_idle_init(&f->loop, &f->later);
	f->later.data = f;
	f->listen[0] = any;
	f->trusted[0] = proxy;
	f->settings = (struct intake_settings){.listen = {f->listen, 1},
		.max_body = 1000,
		.max_memory = 100000,
		.max_connections = 50,
		.max_connections_per_address = 40,
		.rate_per_address = 1000,
		.request_timeout_ms = 5000};
	*state = f;
	return 0;
}

static void connect_one(struct fixture *f)
{
	if (!f->server)
		start(f);
	raw_connect(&f->client, &f->loop, http_server_address(f->server, 0));
}

static void on_server_closed(void *ctx)
{
	struct fixture *f = ctx;

	f->server = NULL;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	if (f->client.loop && !f->client.closed)
		raw_close(&f->client);
	if (f->server)
		http_server_close(f->server, on_server_closed, f);
	answer_all(&f->later); /* answers owed to a closed server only free */
	uv_close((uv_handle_t *)&f->later, NULL);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_null(f->server);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	free(f);
	return 0;
}

/* Sends text, waits for count answers, and gives what came. */
static const char *exchange(struct fixture *f, const char *text, int count)
{
	if (!f->client.loop || f->client.closed)
		connect_one(f);
	buf_clear(&f->client.got);
	raw_say(&f->client, text);
	raw_wait(&f->client, count);
	return buf_str(&f->client.got);
}

static void expect(const char *got, const char *words)
{
	if (!strstr(got, words))
		fail_msg("\"%s\" lacks \"%s\"", got, words);
}

static void expect_refusal(struct fixture *f, const char *request, const char *status)
{
	connect_one(f);
	raw_say(&f->client, request);
	raw_wait_end(&f->client);
	expect(buf_str(&f->client.got), status);
	expect(buf_str(&f->client.got), "Content-Type: application/problem+json\r\n");
	raw_close(&f->client);
}

/* ---- what goes well ---- */

static void a_request_is_answered_and_the_connection_kept(void **state)
{
	struct fixture *f = *state;
	const char *got;

	for (int i = 0; i < 3; i++) {
		got = exchange(f,
			"POST /a%20b?x=1&token=t%2Bu+v HTTP/1.1\r\nHost: x\r\n"
			"Content-Length: 5\r\n\r\nhello",
			1);
		expect(got, "HTTP/1.1 200 OK\r\n");
		expect(got, "X-Good: yes\r\n");
		assert_null(strstr(got, "X-Bad"));
		expect(got, "\r\n\r\nhello");
		assert_string_equal(f->seen, "POST /a b 127.0.0.1 t+u v");
	}
	assert_false(f->client.ended);
	assert_int_equal(f->answered, 3);
	assert_int_equal(f->last_status, 200);
}

static void chunks_make_one_body(void **state)
{
	struct fixture *f = *state;

	expect(exchange(f,
		       "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		       "3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\n\r\n",
		       1),
		"\r\n\r\nabcde");
}

/* Chunks may be read another way by whoever stands in front (an extension with a line
 * feed), so what they think comes next is not believed. */
static void nothing_is_read_behind_chunks(void **state)
{
	struct fixture *f = *state;
	const char *got;

	connect_one(f);
	raw_say(&f->client,
		"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		"3;a\nabc\r\n0\r\n\r\n"
		"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nb");
	raw_wait_end(&f->client);
	got = buf_str(&f->client.got);
	expect(got, "HTTP/1.1 200 OK\r\n");
	expect(got, "Connection: close\r\n");
	assert_int_equal(f->bodies, 1);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	struct fixture *f = *state;
	const char *got = exchange(f,
		"POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na"
		"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nb",
		2);

	expect(got, "HTTP/1.1 202 Accepted\r\n");
	expect(strstr(got, "{}"), "HTTP/1.1 200 OK");
	assert_int_equal(f->bodies, 2);
}

static void an_answer_may_come_later(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++)
		expect(exchange(f,
			       "POST /later HTTP/1.1\r\nHost: x\r\n"
			       "Content-Length: 2\r\n\r\nhi",
			       1),
			"HTTP/1.1 202 Accepted\r\n");
}

static void many_wait_and_none_is_forgotten(void **state)
{
	struct fixture *f = *state;
	struct raw_client clients[40];

	start(f);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 40; i++) {
			if (round == 0)
				raw_connect(&clients[i], &f->loop,
					http_server_address(f->server, 0));
			buf_clear(&clients[i].got);
			raw_say(&clients[i], "POST /later-on HTTP/1.1\r\nHost: x\r\n"
					     "Content-Length: 2\r\n\r\nhi");
		}
		while (f->waiting_count < 40)
			uv_run(&f->loop, UV_RUN_ONCE);
		uv_idle_start(&f->later, answer_all);
		for (int i = 0; i < 40; i++) {
			raw_wait(&clients[i], 1);
			expect(buf_str(&clients[i].got), "202");
		}
	}
	for (int i = 0; i < 40; i++)
		raw_close(&clients[i]);
}

static void a_half_closed_sender_gets_its_answer(void **state)
{
	struct fixture *f = *state;

	connect_one(f);
	raw_say(&f->client,
		"POST /later HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
	shutdown(f->client.fd, SHUT_WR);
	raw_wait_end(&f->client);
	expect(buf_str(&f->client.got), "HTTP/1.1 202 Accepted\r\n");
}

static void a_vanished_sender_leaves_nothing_behind(void **state)
{
	struct fixture *f = *state;
	struct linger now = {.l_onoff = 1};

	connect_one(f);
	raw_say(&f->client,
		"POST /later-on HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
	while (f->waiting_count < 1)
		uv_run(&f->loop, UV_RUN_ONCE);
	setsockopt(f->client.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	raw_close(&f->client);
	uv_idle_start(&f->later, answer_all);
	while (f->answered < 1)
		uv_run(&f->loop, UV_RUN_ONCE);
	expect(exchange(f, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n", 1), "200 OK");
}

static void closing_with_a_waiting_request_is_safe(void **state)
{
	struct fixture *f = *state;

	connect_one(f);
	raw_say(&f->client,
		"POST /later-on HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
	while (f->waiting_count < 1)
		uv_run(&f->loop, UV_RUN_ONCE);
	http_server_close(f->server, on_server_closed, f);
	while (f->server)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_int_equal(f->waiting_count, 1); /* answered in tear_down: only frees */
}

static void get_and_head_work(void **state)
{
	struct fixture *f = *state;

	expect(exchange(f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1), "200 OK");
	assert_int_equal(f->bodies, 1);
	expect(exchange(f, "GET /x HTTP/1.0\r\n\r\n", 1), "200 OK");
	raw_close(&f->client);
	expect(exchange(
		       f, "GET http://host:1/abs?token=q HTTP/1.1\r\nHost: x\r\n\r\n", 1),
		"200 OK");
	assert_string_equal(f->seen, "GET /abs 127.0.0.1 q");
}

/* ---- refusals ---- */

#define POST "POST /x HTTP/1.1\r\nHost: x\r\n"

static void ambiguous_framing_is_refused_and_closed(void **state)
{
	static const char *const requests[] = {
		POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		POST "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
		POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
		POST "Content-Length: 3\r\ncontent-length: 4\r\n\r\nabcd",
		POST "Host: y\r\nContent-Length: 3\r\n\r\nabc",
		POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		POST "Transfer-Encoding: identity\r\n\r\n",
		POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
		     "0\r\n\r\n",
		POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		POST "Content-Length : 3\r\n\r\nabc",
		POST "X: a\r\n folded: b\r\nContent-Length: 3\r\n\r\nabc",
		POST "X: a\r\n\tContent-Length: 3\r\n\r\nabc",
		POST "X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		POST "X: a\rContent-Length: 3\r\n\r\nabc",
		POST "Content-Length: 3\r\n\nabc",
		POST "Content-Length: 3\n\r\nabc",
		POST "Content-Length: 3\n\nabc",
		"POST /x HTTP/1.1\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
		POST "X: a\x01"
		     "b\r\n\r\n",
		"POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
		"POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST /a b HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST x HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /a%00b HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /a%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
		expect_refusal(f, requests[i], "HTTP/1.1 400 Bad Request\r\n");
	assert_int_equal(f->heads, 0);
	assert_int_equal(f->bodies, 0);
}

static void what_the_library_refuses_itself_is_refused_too(void **state)
{
	static const char *const requests[] = {
		POST "Content-Length: -1\r\n\r\n",
		POST "Content-Length: 99999999999999999999999\r\n\r\n",
		POST "Content-Length: 0x3\r\n\r\nabc",
		POST "Content-Length: 3, 3\r\n\r\nabc",
		POST "Content-Length: \r\n\r\n",
		POST "no colon\r\n\r\n",
		POST "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
		"POST /x\r\nHost: x\r\n\r\n",
		"GARBAGE\r\n\r\n",
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		connect_one(f);
		raw_say(&f->client, requests[i]);
		raw_wait_end(&f->client);
		if (f->client.got.len > 0) /* closing is enough */
			expect(buf_str(&f->client.got), "HTTP/1.1 4");
		raw_close(&f->client);
	}
	assert_int_equal(f->bodies, 0);
}

static void a_nul_in_the_head_is_refused(void **state)
{
	static const char in_value[] = POST "X: a\0b\r\n\r\n";
	static const char in_target[] = "POST /x\0y HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char faked[] = "POST /x\0HTTP/1.1\0HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char hiding[] =
		POST "X: a\0Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde";
	static const struct {
		const char *bytes;
		size_t len;
	} requests[] = {{in_value, sizeof(in_value) - 1},
		{in_target, sizeof(in_target) - 1}, {faked, sizeof(faked) - 1},
		{hiding, sizeof(hiding) - 1}};
	struct fixture *f = *state;

	for (size_t i = 0; i < 4; i++) {
		connect_one(f);
		raw_send(&f->client, requests[i].bytes, requests[i].len);
		raw_wait_end(&f->client);
		expect(buf_str(&f->client.got), "HTTP/1.1 400 Bad Request\r\n");
		raw_close(&f->client);
	}
	assert_int_equal(f->heads, 0);
}

static void long_lines_and_headers_have_their_status(void **state)
{
	struct fixture *f = *state;
	struct buf request = BUF_INIT;

	buf_adds(&request, "GET /");
	for (int i = 0; i < 8 * 1024; i++)
		buf_addc(&request, 'a');
	buf_adds(&request, " HTTP/1.1\r\nHost: x\r\n\r\n");
	expect_refusal(f, buf_str(&request), "HTTP/1.1 414 ");
	buf_clear(&request);
	buf_adds(&request, "GET / HTTP/1.1\r\nHost: x\r\nX: ");
	for (int i = 0; i < 33 * 1024; i++)
		buf_addc(&request, 'a');
	buf_adds(&request, "\r\n\r\n");
	expect_refusal(f, buf_str(&request), "HTTP/1.1 431 ");
	buf_clear(&request);
	buf_adds(&request, "GET / HTTP/1.1\r\nHost: x\r\n");
	for (int i = 0; i < 100; i++)
		buf_addf(&request, "X-%d: y\r\n", i);
	buf_adds(&request, "\r\n");
	expect_refusal(f, buf_str(&request), "HTTP/1.1 431 ");
	buf_clear(&request);
	buf_adds(&request, "GET / HTTP/1.1\r\nHost: x\r\nX: ");
	for (int i = 0; i < 31 * 1024; i++)
		buf_addc(&request, 'a');
	buf_adds(&request, "\r\n\r\n");
	expect(exchange(f, buf_str(&request), 1), "HTTP/1.1 200 OK");
	buf_finish(&request);
}

/* Also behind another request, whose memory it gets. */
static void the_largest_head_is_taken(void **state)
{
	struct fixture *f = *state;
	struct buf request = BUF_INIT;
	size_t line;

	buf_adds(&request, "POST /");
	while (request.len < 8 * 1024 - 11)
		buf_addc(&request, 'a');
	buf_adds(&request, " HTTP/1.1\r\n");
	line = request.len;
	buf_adds(&request, "Host: x\r\nContent-Length: 900\r\n");
	for (int i = 0; i < 98; i++) {
		buf_addf(&request, "X-%02d: ", i);
		for (int c = 0; c < 326; c++)
			buf_addc(&request, 'v');
		buf_adds(&request, "\r\n");
	}
	buf_adds(&request, "\r\n");
	assert_in_range(request.len - line, 32 * 1024 - 200, 32 * 1024);
	for (int i = 0; i < 900; i++)
		buf_addc(&request, 'b');
	expect(exchange(f, POST "Content-Length: 1\r\n\r\nb", 1), "HTTP/1.1 200 OK");
	for (int i = 0; i < 3; i++)
		expect(exchange(f, buf_str(&request), 1), "HTTP/1.1 200 OK");
	assert_int_equal(f->bodies, 4);
	raw_close(&f->client);
	expect(exchange(f, buf_str(&request), 1), "HTTP/1.1 200 OK");
	buf_finish(&request);
}

static void a_large_body_is_413(void **state)
{
	struct fixture *f = *state;

	expect_refusal(f, POST "Content-Length: 1001\r\n\r\n", "HTTP/1.1 413 ");
}

static void a_large_chunked_body_is_413_or_closed(void **state)
{
	struct fixture *f = *state;
	struct buf request = BUF_INIT;

	buf_adds(&request, POST "Transfer-Encoding: chunked\r\n\r\n5dc\r\n");
	for (int i = 0; i < 1500; i++)
		buf_addc(&request, 'a');
	buf_adds(&request, "\r\n0\r\n\r\n");
	expect(exchange(f, buf_str(&request), 1), "HTTP/1.1 413 ");
	buf_finish(&request);
	assert_int_equal(f->bodies, 0);
}

static void the_handler_can_lower_the_limit(void **state)
{
	struct fixture *f = *state;

	expect_refusal(f,
		"POST /small HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
		"HTTP/1.1 413 ");
}

static void a_refused_small_body_keeps_the_connection(void **state)
{
	struct fixture *f = *state;
	const char *got = exchange(f,
		"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
		"GET /x HTTP/1.1\r\nHost: x\r\n\r\n",
		2);

	expect(got, "HTTP/1.1 401 Unauthorized\r\n");
	expect(got, "HTTP/1.1 200 OK\r\n");
	assert_int_equal(f->bodies, 1);
}

static void expect_continue_is_refused_without_the_body(void **state)
{
	struct fixture *f = *state;

	expect_refusal(f,
		"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
		"Expect: 100-continue\r\n\r\n",
		"HTTP/1.1 401 ");
	assert_null(strstr(buf_str(&f->client.got), "100 Continue"));
	connect_one(f);
	raw_say(&f->client, POST "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n");
	raw_wait(&f->client, 1);
	expect(buf_str(&f->client.got), "HTTP/1.1 100 Continue\r\n\r\n");
	raw_say(&f->client, "hello");
	raw_wait(&f->client, 2);
	expect(buf_str(&f->client.got), "\r\n\r\nhello");
}

static void a_refused_large_body_does_not_destroy_the_answer(void **state)
{
	struct fixture *f = *state;
	char block[65536];

	memset(block, 'a', sizeof(block));
	connect_one(f);
	raw_say(&f->client, POST "Content-Length: 600000\r\n\r\n");
	for (int i = 0; i < 9; i++)
		raw_send(&f->client, block, sizeof(block));
	raw_wait(&f->client, 1);
	expect(buf_str(&f->client.got), "HTTP/1.1 413 ");
}

static void compressed_bodies_are_415(void **state)
{
	struct fixture *f = *state;

	expect(exchange(f, POST "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nab",
		       1),
		"HTTP/1.1 415 ");
	expect(exchange(f,
		       POST "Content-Encoding: identity\r\nContent-Length: 2\r\n\r\nab",
		       1),
		"HTTP/1.1 200 OK");
}

/* ---- limits ---- */

static void bodies_beyond_the_memory_are_503(void **state)
{
	struct fixture *f = *state;

	f->settings.max_memory = 100;
	expect(exchange(f, POST "Content-Length: 5\r\n\r\nhello", 1), "200 OK");
	raw_say(&f->client, POST "Content-Length: 900\r\n\r\n");
	for (int i = 0; i < 90; i++)
		raw_say(&f->client, "0123456789");
	buf_clear(&f->client.got);
	raw_wait(&f->client, 1);
	expect(buf_str(&f->client.got), "HTTP/1.1 503 ");
	expect(buf_str(&f->client.got), "Retry-After: ");
	expect(exchange(f, POST "Content-Length: 5\r\n\r\nhello", 1), "200 OK");
}

static void requests_beyond_the_rate_are_429(void **state)
{
	struct fixture *f = *state;

	f->settings.rate_per_address = 2;
	for (int i = 0; i < 2; i++)
		expect(exchange(f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1), "200 OK");
	expect(exchange(f, "GET /refuse HTTP/1.1\r\nHost: x\r\n\r\n", 1),
		"HTTP/1.1 429 ");
	expect(buf_str(&f->client.got), "Retry-After: 1\r\n");
	f->exempt = true;
	expect(exchange(f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1), "200 OK");
}

static void a_trusted_proxy_tells_the_client(void **state)
{
	struct fixture *f = *state;

	f->settings.rate_per_address = 1;
	f->settings.trusted_proxies = (struct text_list){f->trusted, 1};
	expect(exchange(f,
		       "GET / HTTP/1.1\r\nHost: x\r\n"
		       "X-Forwarded-For: 10.9.9.9, 192.0.2.7, 127.0.0.9\r\n\r\n",
		       1),
		"200 OK");
	assert_string_equal(f->seen, "GET / 192.0.2.7 -");
	expect(exchange(f,
		       "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.8\r\n\r\n",
		       1),
		"200 OK");
	expect(exchange(f,
		       "GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.7\r\n\r\n",
		       1),
		"429");
}

static void connections_beyond_the_limit_are_503(void **state)
{
	struct fixture *f = *state;
	struct raw_client first;

	f->settings.max_connections_per_address = 1;
	start(f);
	raw_connect(&first, &f->loop, http_server_address(f->server, 0));
	raw_say(&first, "GET / HT");
	connect_one(f);
	raw_wait_end(&f->client);
	expect(buf_str(&f->client.got), "HTTP/1.1 503 ");
	expect(buf_str(&f->client.got), "Retry-After: ");
	raw_say(&first, "TP/1.1\r\nHost: x\r\n\r\n");
	raw_wait(&first, 1);
	expect(buf_str(&first.got), "200 OK");
	raw_close(&first);
}

static void an_idle_connection_makes_place_for_a_new_one(void **state)
{
	struct fixture *f = *state;
	struct raw_client second;

	f->settings.max_connections = 1;
	expect(exchange(f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1), "200 OK");
	raw_connect(&second, &f->loop, http_server_address(f->server, 0));
	raw_say(&second, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_wait(&second, 1);
	expect(buf_str(&second.got), "200 OK");
	raw_wait_end(&f->client);
	raw_close(&second);
}

static void running_out_of_descriptors_refuses_and_recovers(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, few;
	int next;

	start(f);
	next = open("/dev/null", O_RDONLY);
	close(next);
	getrlimit(RLIMIT_NOFILE, &old);
	connect_one(f); /* takes descriptor `next`; the server finds none */
	few = (struct rlimit){(rlim_t)next + 1, old.rlim_max};
	setrlimit(RLIMIT_NOFILE, &few);
	raw_wait_end(&f->client);
	setrlimit(RLIMIT_NOFILE, &old);
	raw_close(&f->client);
	expect(exchange(f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1), "200 OK");
}

static void connections_leave_descriptors_for_the_rest(void **state)
{
	struct fixture *f = *state;
	struct rlimit old, few;
	int next;

	start(f);
	next = open("/dev/null", O_RDONLY);
	close(next);
	getrlimit(RLIMIT_NOFILE, &old);
	connect_one(f);
	few = (struct rlimit){2 * ((rlim_t)next + 1), old.rlim_max}; /* half is kept */
	setrlimit(RLIMIT_NOFILE, &few);
	raw_wait_end(&f->client);
	setrlimit(RLIMIT_NOFILE, &old);
	expect(buf_str(&f->client.got), "HTTP/1.1 503 ");
	raw_close(&f->client);
	expect(exchange(f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1), "200 OK");
}

/* ---- deadlines ---- */

static void a_trickling_request_ends_at_its_deadline(void **state)
{
	struct fixture *f = *state;

	f->settings.request_timeout_ms = 60;
	f->settings.max_body = f->settings.max_memory = 10000000;
	connect_one(f);
	raw_say(&f->client, POST "Content-Length: 9999999\r\n\r\n");
	while (!f->client.ended) { /* always a byte more */
		send(f->client.fd, "a", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		uv_run(&f->loop, UV_RUN_ONCE);
	}
	assert_int_equal(f->last_status, 408);
	assert_int_equal(f->bodies, 0);
}

static void a_late_head_is_408(void **state)
{
	struct fixture *f = *state;

	f->settings.request_timeout_ms = 40;
	connect_one(f);
	raw_say(&f->client, "POST /x HT");
	raw_wait_end(&f->client);
	expect(buf_str(&f->client.got), "HTTP/1.1 408 ");
	expect(buf_str(&f->client.got), "application/problem+json");
}

static void a_late_second_request_is_ended_too(void **state)
{
	struct fixture *f = *state;

	f->settings.request_timeout_ms = 60;
	expect(exchange(f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1), "200 OK");
	buf_clear(&f->client.got);
	raw_say(&f->client, "GET /");
	raw_wait_end(&f->client);
	expect(buf_str(&f->client.got), "HTTP/1.1 408 ");
}

static void waiting_for_the_caller_has_no_deadline(void **state)
{
	struct fixture *f = *state;
	uint64_t until;

	f->settings.request_timeout_ms = 20;
	connect_one(f);
	raw_say(&f->client,
		"POST /later-on HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
	until = uv_hrtime() + 80 * 1000000u;
	while (uv_hrtime() < until)
		uv_run(&f->loop, UV_RUN_ONCE); /* the sweep wakes it */
	assert_int_equal(f->waiting_count, 1);
	uv_idle_start(&f->later, answer_all);
	raw_wait(&f->client, 1);
	expect(buf_str(&f->client.got), "HTTP/1.1 202 Accepted\r\n");
}

/* ---- life ---- */

static void on_idle(void *ctx)
{
	*(bool *)ctx = true;
}

static void draining_lets_requests_finish(void **state)
{
	struct fixture *f = *state;
	struct raw_client kept;
	bool idle = false;

	start(f);
	raw_connect(&kept, &f->loop, http_server_address(f->server, 0));
	raw_say(&kept, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	raw_wait(&kept, 1);
	connect_one(f);
	raw_say(&f->client,
		"POST /later-on HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
	while (f->waiting_count < 1)
		uv_run(&f->loop, UV_RUN_ONCE);
	http_server_drain(f->server, 5000, on_idle, &idle);
	raw_wait_end(&kept);
	assert_false(idle);
	uv_idle_start(&f->later, answer_all);
	raw_wait_end(&f->client);
	expect(buf_str(&f->client.got), "HTTP/1.1 202 Accepted\r\n");
	expect(buf_str(&f->client.got), "Connection: close\r\n");
	while (!idle)
		uv_run(&f->loop, UV_RUN_ONCE);
	raw_close(&kept);
}

static void reloading_keeps_sockets_and_takes_limits(void **state)
{
	static char any[] = "127.0.0.1:0", other[] = "127.0.0.2:0", bad[] = "nonsense";
	struct fixture *f = *state;
	char before[64];
	struct err err;

	start(f);
	snprintf(before, sizeof(before), "%s", http_server_address(f->server, 0));
	f->listen[0] = any;
	f->listen[1] = other;
	f->settings.listen.count = 2;
	f->settings.max_body = 2;
	assert_int_equal(http_server_reload(f->server, &f->settings, &err), ERR_OK);
	assert_string_equal(http_server_address(f->server, 0), before);
	assert_non_null(strstr(http_server_address(f->server, 1), "127.0.0.2:"));
	expect_refusal(f, POST "Content-Length: 3\r\n\r\nabc", "HTTP/1.1 413 ");
	f->listen[1] = bad;
	assert_int_equal(http_server_reload(f->server, &f->settings, &err), ERR_CONFIG);
	expect(err.text, "nonsense");
	assert_non_null(strstr(http_server_address(f->server, 1), "127.0.0.2:"));
	f->settings.listen.count = 1;
	assert_int_equal(http_server_reload(f->server, &f->settings, &err), ERR_OK);
	assert_null(http_server_address(f->server, 1));
	expect(exchange(f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 1), "200 OK");
}

static void a_taken_address_is_named(void **state)
{
	struct fixture *f = *state;
	struct intake_settings again;
	struct http_server_options options = {
		.loop = &f->loop, .clock = &clock_system, .settings = &again};
	struct http_server *second;
	char taken[64];
	char *list[1] = {taken};
	struct err err;

	start(f);
	snprintf(taken, sizeof(taken), "%s", http_server_address(f->server, 0));
	again = f->settings;
	again.listen = (struct text_list){list, 1};
	assert_int_not_equal(http_server_create(&second, &options, &err), ERR_OK);
	expect(err.text, taken);
	expect(err.text, "Address already in use");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(a_request_is_answered_and_the_connection_kept),
		T(chunks_make_one_body),
		T(nothing_is_read_behind_chunks),
		T(pipelined_requests_are_answered_in_order),
		T(an_answer_may_come_later),
		T(many_wait_and_none_is_forgotten),
		T(a_half_closed_sender_gets_its_answer),
		T(a_vanished_sender_leaves_nothing_behind),
		T(closing_with_a_waiting_request_is_safe),
		T(get_and_head_work),
		T(ambiguous_framing_is_refused_and_closed),
		T(what_the_library_refuses_itself_is_refused_too),
		T(a_nul_in_the_head_is_refused),
		T(long_lines_and_headers_have_their_status),
		T(the_largest_head_is_taken),
		T(a_large_body_is_413),
		T(a_large_chunked_body_is_413_or_closed),
		T(the_handler_can_lower_the_limit),
		T(a_refused_small_body_keeps_the_connection),
		T(expect_continue_is_refused_without_the_body),
		T(a_refused_large_body_does_not_destroy_the_answer),
		T(compressed_bodies_are_415),
		T(bodies_beyond_the_memory_are_503),
		T(requests_beyond_the_rate_are_429),
		T(a_trusted_proxy_tells_the_client),
		T(connections_beyond_the_limit_are_503),
		T(an_idle_connection_makes_place_for_a_new_one),
		T(running_out_of_descriptors_refuses_and_recovers),
		T(connections_leave_descriptors_for_the_rest),
		T(a_trickling_request_ends_at_its_deadline),
		T(a_late_head_is_408),
		T(a_late_second_request_is_ended_too),
		T(waiting_for_the_caller_has_no_deadline),
		T(draining_lets_requests_finish),
		T(reloading_keeps_sockets_and_takes_limits),
		T(a_taken_address_is_named),
#undef T
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
