/*
 * delay_proxy -p PORT -t PORT [-d MS] [-m MARK]: a long way to the sink. What comes in on
 * either side leaves on the other MS milliseconds later; so a round trip takes twice
 * that, and nothing else is slower. (Connecting is not delayed: the relay keeps its
 * connections.)
 *
 * For each arrival from the client that holds MARK followed by digits, it prints a line
 * with the microseconds of CLOCK_MONOTONIC, before the delay, and the digits: when that
 * lead left the relay.
 */
#include "bench.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>
#include <uv.h>

#define CHUNK (64 * 1024)

struct chunk { /* on its way */
	uv_write_t write;
	uv_buf_t buf;
	uint64_t due;
	struct chunk *next;
};

struct side {
	uv_tcp_t tcp;
	uv_timer_t timer;    /* of what goes out here */
	struct chunk *queue; /* by due time, as it came */
	struct link *link;
	struct side *other;
};

struct link { /* a client and the sink */
	struct side client, sink;
	uv_connect_t connect;
	bool closing;
	int handles;
};

static uv_loop_t *loop;
static struct sockaddr_in target;
static uint64_t delay_ms = 25;
static const char *mark;

static void send_due(struct side *side);

/* ---- the end ---- */

static void forget(struct side *side)
{
	struct chunk *chunk, *next;

	for (chunk = side->queue; chunk; chunk = next) {
		next = chunk->next;
		free(chunk->buf.base);
		free(chunk);
	}
	side->queue = NULL;
}

static void on_closed(uv_handle_t *handle)
{
	struct side *side = handle->data;
	struct link *link = side->link;

	if (--link->handles > 0)
		return;
	forget(&link->client);
	forget(&link->sink);
	free(link);
}

static void close_side(struct side *side)
{
	uv_close((uv_handle_t *)&side->tcp, on_closed);
	uv_close((uv_handle_t *)&side->timer, on_closed);
}

static void close_link(struct link *link)
{
	if (link->closing)
		return;
	link->closing = true;
	close_side(&link->client);
	close_side(&link->sink);
}

/* ---- the way out ---- */

static void on_written(uv_write_t *write, int status)
{
	struct chunk *chunk = write->data;
	struct side *side = write->handle->data;

	free(chunk->buf.base);
	free(chunk);
	if (status < 0)
		close_link(side->link);
}

static void on_due(uv_timer_t *timer)
{
	send_due(timer->data);
}

static void send_due(struct side *side)
{
	while (side->queue && side->queue->due <= uv_now(loop)) {
		struct chunk *chunk = side->queue;

		LL_DELETE(side->queue, chunk);
		chunk->write.data = chunk;
		if (uv_write(&chunk->write, (uv_stream_t *)&side->tcp, &chunk->buf, 1,
			    on_written) == 0)
			continue;
		free(chunk->buf.base);
		free(chunk);
		close_link(side->link);
		return;
	}
	if (side->queue)
		uv_timer_start(&side->timer, on_due, side->queue->due - uv_now(loop), 0);
}

/* ---- the way in ---- */

static void tell(const char *bytes, size_t len)
{
	const char *found = memmem(bytes, len, mark, strlen(mark));
	const char *digits = found ? found + strlen(mark) : NULL;
	size_t count = 0;

	if (!found)
		return;
	while (digits + count < bytes + len && digits[count] >= '0' &&
		digits[count] <= '9')
		count++;
	printf("%.0f %.*s\n", bench_now() * 1e6, (int)count, digits);
}

static void give_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	(void)handle;
	(void)suggested;
	buf->base = malloc(CHUNK);
	buf->len = buf->base ? CHUNK : 0;
}

static void on_bytes(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
	struct side *side = stream->data;
	struct chunk *chunk;

	if (got <= 0) {
		free(buf->base);
		if (got < 0)
			close_link(side->link);
		return;
	}
	if (mark && side == &side->link->client)
		tell(buf->base, (size_t)got);
	chunk = calloc(1, sizeof(*chunk));
	if (!chunk)
		bench_fail("out of memory");
	uv_update_time(loop);
	chunk->buf = uv_buf_init(buf->base, (unsigned)got);
	chunk->due = uv_now(loop) + delay_ms;
	LL_APPEND(side->other->queue, chunk);
	if (side->other->queue == chunk)
		uv_timer_start(&side->other->timer, on_due, delay_ms, 0);
}

static void on_connected(uv_connect_t *connect, int status)
{
	struct link *link = connect->data;

	if (status < 0) {
		close_link(link);
		return;
	}
	uv_read_start((uv_stream_t *)&link->client.tcp, give_room, on_bytes);
	uv_read_start((uv_stream_t *)&link->sink.tcp, give_room, on_bytes);
}

static void init_side(struct side *side, struct link *link, struct side *other)
{
	side->link = link;
	side->other = other;
	uv_tcp_init(loop, &side->tcp);
	uv_timer_init(loop, &side->timer);
	side->tcp.data = side->timer.data = side;
	link->handles += 2;
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct link *link = calloc(1, sizeof(*link));

	if (status < 0 || !link)
		bench_fail("no connection can be taken");
	init_side(&link->client, link, &link->sink);
	init_side(&link->sink, link, &link->client);
	link->connect.data = link;
	if (uv_accept(listener, (uv_stream_t *)&link->client.tcp) != 0 ||
		uv_tcp_connect(&link->connect, &link->sink.tcp,
			(const struct sockaddr *)&target, on_connected) != 0) {
		close_link(link);
		return;
	}
	uv_tcp_nodelay(&link->client.tcp, 1);
	uv_tcp_nodelay(&link->sink.tcp, 1);
}

int main(int argc, char **argv)
{
	int64_t port = 0, to = 0;
	struct sockaddr_in address;
	uv_tcp_t listener;
	int option;

	while ((option = getopt(argc, argv, "p:t:d:m:")) != -1) {
		if (option == 'p')
			port = bench_number('p', optarg, 1, 65535);
		else if (option == 't')
			to = bench_number('t', optarg, 1, 65535);
		else if (option == 'd')
			delay_ms = (uint64_t)bench_number('d', optarg, 1, 10000);
		else if (option == 'm')
			mark = optarg;
		else
			return 2;
	}
	if (port == 0 || to == 0)
		bench_fail("-p PORT and -t PORT are needed");
	setvbuf(stdout, NULL, _IOLBF, 0);
	loop = uv_default_loop();
	uv_ip4_addr("127.0.0.1", (int)port, &address);
	uv_ip4_addr("127.0.0.1", (int)to, &target);
	uv_tcp_init(loop, &listener);
	if (uv_tcp_bind(&listener, (const struct sockaddr *)&address, 0) != 0 ||
		uv_listen((uv_stream_t *)&listener, 4096, on_connection) != 0)
		bench_fail("port %d cannot be had", (int)port);
	uv_run(loop, UV_RUN_DEFAULT);
	return 0;
}
