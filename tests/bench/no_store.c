/*
 * no_store -p PORT: leadrelay's own server with the store removed. What accepting costs
 * before anything is made durable.
 *
 * Fair, because it is the real http_server and the real parser, with the real answer; a
 * lead that could be read is answered 202 at once and forgotten. Ends with SIGTERM.
 */
#include "bench.h"
#include "leadrelay/clock.h"
#include "leadrelay/http_server.h"
#include "leadrelay/intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

static char name[] = "marketplace";
static struct source_settings source = {.name = name, .kind = SOURCE_MARKETPLACE};
static struct uuid last_id;
static struct http_server *server;
static uv_signal_t end;

static void on_head(void *ctx, struct inbound *in)
{
	(void)ctx;
	inbound_exempt_rate(in);
}

static void on_body(void *ctx, struct inbound *in)
{
	char answer[96], id[UUID_TEXT_SIZE];
	struct parsed parsed;
	const char *body;
	size_t len;
	int said;

	(void)ctx;
	body = inbound_body(in, &len);
	intake_parse(&source, inbound_header(in, "Content-Type"), body, len, &parsed);
	if (parsed.status != 0) {
		inbound_problem(in, parsed.status, parsed.problem);
	} else {
		last_id = uuid_v7(clock_wall(&clock_system), &entropy_system, &last_id);
		said = snprintf(answer, sizeof(answer),
			"{\"id\":\"%s\",\"status\":\"accepted\"}\n",
			uuid_text(&last_id, id));
		inbound_reply(in, 202, "application/json", answer, (size_t)said);
	}
	parsed_finish(&parsed);
}

static void on_end(uv_signal_t *handle, int number)
{
	(void)number;
	http_server_close(server, NULL, NULL);
	uv_close((uv_handle_t *)handle, NULL);
}

int main(int argc, char **argv)
{
	char address[32], *listen = address;
	struct intake_settings settings = {.listen = {&listen, 1},
		.max_body = 1 << 20,
		.max_memory = 64 << 20,
		.max_connections = 2000,
		.max_connections_per_address = 2000,
		.rate_per_address = 1000000,
		.request_timeout_ms = 10000};
	struct http_server_options options = {.loop = uv_default_loop(),
		.clock = &clock_system,
		.settings = &settings,
		.handler = {.head = on_head, .body = on_body}};
	int64_t port = 0;
	struct err err;
	int option;

	while ((option = getopt(argc, argv, "p:")) != -1) {
		if (option != 'p')
			return 2;
		port = bench_number('p', optarg, 1, 65535);
	}
	if (port == 0)
		bench_fail("-p PORT is needed");
	snprintf(address, sizeof(address), "127.0.0.1:%d", (int)port);
	if (http_server_create(&server, &options, &err) != ERR_OK)
		bench_fail("%s", err.text);
	uv_signal_init(uv_default_loop(), &end);
	uv_signal_start(&end, on_end, SIGTERM);
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
	return 0;
}
