/* The HTTP server behind TLS, asked by the HTTP client on the same loop. */
#include "leadrelay/clock.h"
#include "leadrelay/http_client.h"
#include "leadrelay/http_server.h"
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
	struct http_server *server;
	struct http_client *client;
	struct intake_settings settings;
	struct route_settings route;
	struct http_exchange exchange;
	struct authority authority;
	char directory[64], ca[96], certificate[96], key[96];
	char *listen[1];
	struct inbound *waiting;
	int done;
};

static void on_head(void *ctx, struct inbound *in)
{
	(void)ctx;
	(void)in;
}

static void on_body(void *ctx, struct inbound *in)
{
	struct fixture *f = ctx;
	size_t len;
	char *body = inbound_body(in, &len);

	if (strcmp(inbound_path(in), "/later") == 0)
		f->waiting = in;
	else
		inbound_reply(in, 200, "text/plain", body, len);
}

static void on_done(struct http_exchange *exchange)
{
	struct fixture *f = exchange->owner;

	f->done++;
}

static void write_certificate(struct fixture *f, long until)
{
	struct authority leaf =
		make_certificate(&f->authority, "IP:127.0.0.1", -2 * DAY, until);

	write_pem(&leaf, f->certificate, f->key);
	authority_free(&leaf);
}

static int set_up(void **state)
{
	static char any[] = "127.0.0.1:0";
	struct fixture *f = calloc(1, sizeof(*f));
	struct err err;

	uv_loop_init(&f->loop);
	snprintf(f->directory, sizeof(f->directory), "/tmp/leadrelay-tls-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->ca, sizeof(f->ca), "%s/ca", f->directory);
	snprintf(f->certificate, sizeof(f->certificate), "%s/crt", f->directory);
	snprintf(f->key, sizeof(f->key), "%s/key", f->directory);
	f->authority = make_certificate(NULL, NULL, -DAY, 10 * DAY);
	write_pem(&f->authority, f->ca, NULL);
	write_certificate(f, 5 * DAY);
	f->listen[0] = any;
	f->settings = (struct intake_settings){.listen = {f->listen, 1},
		.tls_certificate = f->certificate,
		.tls_key = f->key,
		.max_body = 300000,
		.max_memory = 1000000,
		.max_connections = 50,
		.max_connections_per_address = 40,
		.rate_per_address = 1000,
		.request_timeout_ms = 5000};
	f->route = (struct route_settings){
		.timeout_ms = 5000, .allow_private = true, .ca_file = f->ca};
	assert_int_equal(
		http_client_create(&f->client, &f->loop, &clock_system, &err), ERR_OK);
	*state = f;
	return 0;
}

static enum err_code start(struct fixture *f, struct err *err)
{
	struct http_server_options options = {.loop = &f->loop,
		.clock = &clock_system,
		.settings = &f->settings,
		.handler = {on_head, on_body, NULL, f}};

	return http_server_create(&f->server, &options, err);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	unlink(f->ca);
	unlink(f->certificate);
	unlink(f->key);
	rmdir(f->directory);
	authority_free(&f->authority);
	http_exchange_finish(&f->exchange);
	http_client_close(f->client, NULL, NULL);
	if (f->server)
		http_server_close(f->server, NULL, NULL);
	uv_run(&f->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&f->loop), 0);
	free(f);
	return 0;
}

static void send_body(struct fixture *f, const char *path, size_t len)
{
	struct transport transport = http_client_transport(f->client);

	http_exchange_finish(&f->exchange);
	f->exchange =
		(struct http_exchange){.route = &f->route, .done = on_done, .owner = f};
	f->exchange.request.method = "POST";
	f->exchange.request.has_body = true;
	buf_addf(&f->exchange.request.url, "https://%s%s",
		http_server_address(f->server, 0), path);
	for (size_t i = 0; i < len; i++)
		buf_addc(&f->exchange.request.body, (char)('a' + i % 26));
	f->done = 0;
	transport.send(transport.ctx, &f->exchange);
}

static void post(struct fixture *f, size_t len)
{
	send_body(f, "/", len);
	while (f->done == 0)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_int_equal(f->exchange.answer.failure, HTTP_FINE);
	assert_int_equal(f->exchange.answer.status, 200);
	assert_int_equal(f->exchange.answer.body.len, len);
	assert_memory_equal(buf_str(&f->exchange.answer.body),
		buf_str(&f->exchange.request.body), len);
}

static void requests_go_through_tls(void **state)
{
	struct fixture *f = *state;
	struct err err;
	int64_t ends;

	assert_int_equal(start(f, &err), ERR_OK);
	for (int i = 0; i < 3; i++)
		post(f, 20);
	post(f, 200000);
	ends = http_server_certificate_expires_at(f->server) - clock_wall(&clock_system);
	assert_in_range(ends, (5 * DAY - 60) * 1000, (5 * DAY + 60) * 1000);
}

static void a_new_certificate_is_used_and_the_old_connections_go_on(void **state)
{
	struct fixture *f = *state;
	struct err err;

	assert_int_equal(start(f, &err), ERR_OK);
	send_body(f, "/later", 10);
	while (!f->waiting)
		uv_run(&f->loop, UV_RUN_ONCE);
	write_certificate(f, 3 * DAY);
	assert_int_equal(http_server_reload(f->server, &f->settings, &err), ERR_OK);
	assert_true(http_server_certificate_expires_at(f->server) <
		    clock_wall(&clock_system) + (3 * DAY + 60) * 1000);
	inbound_reply(f->waiting, 202, NULL, "", 0);
	while (f->done == 0)
		uv_run(&f->loop, UV_RUN_ONCE);
	assert_int_equal(f->exchange.answer.status, 202);
	http_client_forget_connections(f->client);
	post(f, 20);
}

static void bad_files_are_named_and_change_nothing(void **state)
{
	struct fixture *f = *state;
	struct authority other = make_certificate(NULL, NULL, -DAY, DAY);
	struct err err;

	assert_int_equal(start(f, &err), ERR_OK);
	write_pem(&other, f->certificate, NULL); /* the key is another's */
	assert_int_equal(http_server_reload(f->server, &f->settings, &err), ERR_CONFIG);
	assert_non_null(strstr(err.text, "does not belong"));
	write_certificate(f, -DAY);
	assert_int_equal(http_server_reload(f->server, &f->settings, &err), ERR_CONFIG);
	assert_non_null(strstr(err.text, "has expired"));
	unlink(f->key);
	assert_int_equal(
		http_server_reload(f->server, &f->settings, &err), ERR_NOT_FOUND);
	assert_non_null(strstr(err.text, f->key));
	post(f, 20);
	authority_free(&other);
}

/* Old protocol versions are offered by a client that knows no better. */
static void *offer_tls_1_1(void *arg)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	struct fixture *f = arg;
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	SSL *ssl;
	int shaken;

	in.sin_port = htons(
		(uint16_t)atoi(strrchr(http_server_address(f->server, 0), ':') + 1));
	SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_min_proto_version(ctx, TLS1_1_VERSION);
	SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
	ssl = SSL_new(ctx);
	SSL_set_fd(ssl, fd);
	shaken = connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0 ? SSL_connect(ssl)
								      : 2;
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	close(fd);
	__atomic_store_n(&f->done, shaken == 1 ? 2 : 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

static void tls_1_1_is_refused(void **state)
{
	struct fixture *f = *state;
	uv_timer_t tick; /* the thread does not wake the loop when it is done */
	pthread_t thread;
	struct err err;

	assert_int_equal(start(f, &err), ERR_OK);
	uv_timer_init(&f->loop, &tick);
	uv_timer_start(&tick, on_tick, 1, 1);
	pthread_create(&thread, NULL, offer_tls_1_1, f);
	while (__atomic_load_n(&f->done, __ATOMIC_SEQ_CST) == 0)
		uv_run(&f->loop, UV_RUN_ONCE);
	pthread_join(thread, NULL);
	assert_int_equal(f->done, 1);
	uv_close((uv_handle_t *)&tick, NULL);
	uv_run(&f->loop, UV_RUN_NOWAIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(requests_go_through_tls),
		T(a_new_certificate_is_used_and_the_old_connections_go_on),
		T(bad_files_are_named_and_change_nothing),
		T(tls_1_1_is_refused),
#undef T
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
