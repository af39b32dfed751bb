/*
 * fault_wire: the faults below HTTP. Each gets the answer the request earned as bytes and
 * spoils it on its way.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bomb.h"
#include "faults.h"
#include "moment.h"

enum { MUCH = 256 << 20 };

enum ending send_nothing(const struct fault *fault, struct exchange *x,
	const struct text *bytes, size_t head, int *status)
{
	(void)fault;
	(void)x;
	(void)bytes;
	(void)head;
	*status = 0;
	return END_RESET;
}

enum ending send_hang(const struct fault *fault, struct exchange *x,
	const struct text *bytes, size_t head, int *status)
{
	(void)bytes;
	(void)head;
	wire_wait_gone(x->wire, (int64_t)fault_number(fault, "ms", 600000));
	*status = 0;
	return END_RESET;
}

enum ending send_mid_headers(const struct fault *fault, struct exchange *x,
	const struct text *bytes, size_t head, int *status)
{
	(void)fault;
	(void)status;
	wire_write(x->wire, bytes->data, head / 2);
	crm_sleep(x->crm, 20); /* an RST at once might overtake what was sent */
	return END_RESET;
}

/* The head of an answer that promises a body even where the real one has none. */
static void write_promise(struct exchange *x, const char *framing)
{
	struct text start = {0};

	text_printf(&start,
		"HTTP/1.1 %d %s\r\nContent-Type: application/json; odata.metadata=minimal\r\n%s\r\n",
		x->reply.status == 204 ? 201 : x->reply.status,
		http_reason(x->reply.status == 204 ? 201 : x->reply.status), framing);
	wire_write(x->wire, start.data, start.len);
	text_free(&start);
}

static void write_half_a_body(struct exchange *x)
{
	static const char half[] = "{\"@odata.context\":\"";

	write_promise(x, "Content-Length: 1000\r\n");
	wire_write(x->wire, half, sizeof(half) - 1);
	crm_sleep(x->crm, 20);
}

enum ending send_mid_body(const struct fault *fault, struct exchange *x,
	const struct text *bytes, size_t head, int *status)
{
	(void)fault;
	(void)bytes;
	(void)head;
	(void)status;
	write_half_a_body(x);
	return END_RESET;
}

enum ending send_truncated_body(const struct fault *fault, struct exchange *x,
	const struct text *bytes, size_t head, int *status)
{
	(void)fault;
	(void)bytes;
	(void)head;
	(void)status;
	write_half_a_body(x);
	return END_CLOSE;
}

enum ending send_slowly(const struct fault *fault, struct exchange *x,
	const struct text *bytes, size_t head, int *status)
{
	double rate = fault_number(fault, "bytes_per_second", 10);
	int64_t pause = rate >= 1000   ? 1
			: rate > 0.001 ? (int64_t)(1000 / rate)
				       : 1000000;
	size_t step = rate >= 1000 ? (size_t)(rate / 1000) : 1;

	(void)head;
	(void)status;
	for (size_t at = 0; at < bytes->len; at += step) {
		size_t len = bytes->len - at < step ? bytes->len - at : step;

		if (atomic_load(&x->crm->stopping) ||
			!wire_write(x->wire, bytes->data + at, len))
			return END_RESET;
		crm_sleep(x->crm, pause);
	}
	return x->req->keep_alive ? END_KEEP : END_CLOSE;
}

enum ending send_truncated_chunks(const struct fault *fault, struct exchange *x,
	const struct text *bytes, size_t head, int *status)
{
	static const char chunk[] = "13\r\n{\"@odata.context\":\"\r\n40\r\nhalf of it";

	(void)fault;
	(void)bytes;
	(void)head;
	(void)status;
	write_promise(x, "Transfer-Encoding: chunked\r\n");
	wire_write(x->wire, chunk, sizeof(chunk) - 1);
	return END_CLOSE;
}

enum ending send_garbage_after(const struct fault *fault, struct exchange *x,
	const struct text *bytes, size_t head, int *status)
{
	struct text all = {0};

	(void)fault;
	(void)head;
	(void)status;
	text_add(&all, bytes->data, bytes->len);
	text_puts(&all, "\r\n\r\nHTTP/1.1 200 OK\r\nthis was never asked for\r\n");
	wire_write(x->wire, all.data, all.len);
	text_free(&all);
	return x->req->keep_alive ? END_KEEP : END_CLOSE;
}

enum ending send_bad_status_line(const struct fault *fault, struct exchange *x,
	const struct text *bytes, size_t head, int *status)
{
	static const char line[] = "HTTQ/9.x OK maybe\r\nContent-Length: 0\r\n\r\n";

	(void)fault;
	(void)bytes;
	(void)head;
	*status = 0;
	wire_write(x->wire, line, sizeof(line) - 1);
	return END_CLOSE;
}

static bool go_on(struct exchange *x, const char *data, size_t len)
{
	return !atomic_load(&x->crm->stopping) && wire_write(x->wire, data, len);
}

enum ending send_endless_headers(const struct fault *fault, struct exchange *x,
	const struct text *bytes, size_t head, int *status)
{
	int64_t left = (int64_t)fault_number(fault, "bytes", MUCH);
	char line[1024];

	(void)bytes;
	(void)head;
	memset(line, 'x', sizeof(line));
	memcpy(line, "X-More: ", 8);
	memcpy(line + sizeof(line) - 2, "\r\n", 2);
	if (!go_on(x, "HTTP/1.1 200 OK\r\n", 17))
		*status = 0;
	for (; left > 0; left -= (int64_t)sizeof(line))
		if (!go_on(x, line, sizeof(line)))
			return END_RESET;
	return END_CLOSE;
}

enum ending send_endless_body(const struct fault *fault, struct exchange *x,
	const struct text *bytes, size_t head, int *status)
{
	int64_t left = (int64_t)fault_number(fault, "bytes", MUCH);
	struct text chunk = {0};

	(void)bytes;
	(void)head;
	(void)status;
	write_promise(x, "Transfer-Encoding: chunked\r\n");
	text_puts(&chunk, "2000\r\n");
	for (int i = 0; i < 0x2000 / 8; i++)
		text_puts(&chunk, "[[[[[[[[");
	text_puts(&chunk, "\r\n");
	while (left > 0 && go_on(x, chunk.data, chunk.len))
		left -= 0x2000;
	text_free(&chunk);
	return left > 0 ? END_RESET : END_CLOSE;
}

static bool put_piece(const void *data, int len, void *arg)
{
	struct exchange *x = arg;
	char size[16];
	int size_len = snprintf(size, sizeof(size), "%x\r\n", (unsigned)len);

	return go_on(x, size, (size_t)size_len) &&
	       wire_write(x->wire, data, (size_t)len) && wire_write(x->wire, "\r\n", 2);
}

enum ending send_gzip_bomb(const struct fault *fault, struct exchange *x,
	const struct text *bytes, size_t head, int *status)
{
	(void)bytes;
	(void)head;
	(void)status;
	write_promise(x, "Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n");
	if (!bomb_write((int64_t)fault_number(fault, "bytes", MUCH), put_piece, x))
		return END_RESET;
	wire_write(x->wire, "0\r\n\r\n", 5);
	return x->req->keep_alive ? END_KEEP : END_CLOSE;
}

enum ending send_stale(const struct fault *fault, struct exchange *x,
	const struct text *bytes, size_t head, int *status)
{
	(void)fault;
	(void)head;
	(void)status;
	wire_write(x->wire, bytes->data, bytes->len);
	return END_STALE;
}
