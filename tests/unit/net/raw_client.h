/* raw_client: a loopback socket on the test's own loop that sends bytes and collects what
 * comes back. */
#ifndef LEADRELAY_TEST_RAW_CLIENT_H
#define LEADRELAY_TEST_RAW_CLIENT_H

#include "leadrelay/buf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

struct raw_client {
	uv_loop_t *loop;
	uv_poll_t poll;
	int fd;
	struct buf got;
	bool ended; /* the other side closed or reset */
	bool reset;
	bool closed; /* our handle is gone */
};

/* A socket in error is not watched any longer: what is left is read now. */
static inline void raw_on_readable(uv_poll_t *poll, int status, int events)
{
	struct raw_client *client = poll->data;
	char bytes[65536];
	ssize_t got;

	(void)events;
	do {
		got = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (got > 0)
			buf_add(&client->got, bytes, (size_t)got);
	} while (got > 0 && status < 0);
	if (got > 0 || (got < 0 && errno == EAGAIN && status == 0))
		return;
	client->ended = true;
	client->reset = got < 0;
	uv_poll_stop(poll);
}

static inline void raw_connect(struct raw_client *client, uv_loop_t *loop, const char *to)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

	*client = (struct raw_client){.loop = loop};
	in.sin_port = htons((uint16_t)atoi(strrchr(to, ':') + 1));
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(client->fd, (struct sockaddr *)&in, sizeof(in)) != 0)
		abort();
	uv_poll_init(loop, &client->poll, client->fd);
	client->poll.data = client;
	uv_poll_start(&client->poll, UV_READABLE, raw_on_readable);
}

static inline void raw_send(struct raw_client *client, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t put = send(client->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (put < 0 && errno == EAGAIN) {
			uv_run(client->loop, UV_RUN_NOWAIT);
			continue;
		}
		if (put <= 0)
			return;
		bytes += put;
		len -= (size_t)put;
	}
}

static inline void raw_say(struct raw_client *client, const char *text)
{
	raw_send(client, text, strlen(text));
}

/* Runs the loop until count whole answers (heads with Content-Length bodies) arrived, or
 * the end. Interim answers count as well. */
static inline int raw_answers(const struct raw_client *client)
{
	const char *at = buf_str(&client->got), *end, *length;
	int count = 0;

	while ((end = strstr(at, "\r\n\r\n"))) {
		length = strcasestr(at, "\r\nContent-Length:");
		end += 4;
		if (length && length < end)
			end += strtoul(length + 17, NULL, 10);
		if (end > client->got.data + client->got.len)
			break;
		count++;
		at = end;
	}
	return count;
}

static inline void raw_wait(struct raw_client *client, int count)
{
	while (!client->ended && raw_answers(client) < count)
		uv_run(client->loop, UV_RUN_ONCE);
}

static inline void raw_wait_end(struct raw_client *client)
{
	while (!client->ended)
		uv_run(client->loop, UV_RUN_ONCE);
}

static inline void raw_on_closed(uv_handle_t *handle)
{
	struct raw_client *client = handle->data;

	client->closed = true;
}

static inline void raw_close(struct raw_client *client)
{
	uv_close((uv_handle_t *)&client->poll, raw_on_closed);
	while (!client->closed)
		uv_run(client->loop, UV_RUN_ONCE);
	close(client->fd);
	buf_finish(&client->got);
}

#endif
