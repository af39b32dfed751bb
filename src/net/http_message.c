/* Requests, answers and exchanges as values: building and reading them. */
#include "leadrelay/delivery.h"
#include "leadrelay/http_client.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

/* Is one of these eight bytes below 0x20, or DEL? */
static bool has_control(const char *bytes)
{
	uint64_t eight, del;

	memcpy(&eight, bytes, sizeof(eight));
	del = eight ^ EACH_BYTE(0x7f);
	return (((eight - EACH_BYTE(0x20)) & ~eight) | ((del - EACH_BYTE(1)) & ~del)) &
	       EACH_BYTE(0x80);
}

static void print_controls(char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			bytes[i] = ' ';
	}
}

/* A line break in a value would be a header of its own: control characters become spaces.
 * By eights, as a token is long. */
static void add_printable(struct buf *out, const char *text)
{
	size_t at = out->len;

	buf_adds(out, text);
	for (; out->len - at >= 8; at += 8)
		if (has_control(out->data + at))
			print_controls(out->data + at, 8);
	if (at < out->len)
		print_controls(out->data + at, out->len - at);
}

void http_request_header(
	struct http_request *request, const char *name, const char *value)
{
	add_printable(&request->headers, name);
	buf_adds(&request->headers, ": ");
	add_printable(&request->headers, value);
	buf_addc(&request->headers, '\n');
}

void http_request_finish(struct http_request *request)
{
	buf_wipe(&request->url);
	buf_wipe(&request->headers);
	buf_wipe(&request->body);
	*request = (struct http_request){0};
}

static const char *trim(const char *from, size_t *len)
{
	while (*len > 0 && (*from == ' ' || *from == '\t')) {
		from++;
		(*len)--;
	}
	while (*len > 0 && strchr(" \t\r", from[*len - 1]))
		(*len)--;
	return from;
}

const char *http_answer_header(
	const struct http_answer *answer, const char *name, char *out, size_t size)
{
	const char *line = buf_str(&answer->headers);
	size_t name_len = strlen(name);
	bool found = false;

	while (*line && size > 0) {
		const char *end = strchrnul(line, '\n');

		if ((size_t)(end - line) > name_len && line[name_len] == ':' &&
			strncasecmp(line, name, name_len) == 0) {
			size_t len = (size_t)(end - line) - name_len - 1;
			const char *value = trim(line + name_len + 1, &len);

			len = len < size ? len : size - 1;
			memcpy(out, value, len);
			out[len] = 0;
			found = true;
		}
		line = *end ? end + 1 : end;
	}
	return found ? out : NULL;
}

enum reason http_failure_reason(enum http_failure failure)
{
	switch (failure) {
	case HTTP_FINE:
	case HTTP_CANCELLED:
		return REASON_NONE;
	case HTTP_DNS:
		return REASON_DNS;
	case HTTP_CONNECT:
	case HTTP_PRIVATE:
		return REASON_CONNECT;
	case HTTP_TLS:
		return REASON_TLS;
	case HTTP_TIMEOUT:
		return REASON_TIMEOUT;
	case HTTP_RESET:
		return REASON_RESET;
	case HTTP_PROTOCOL:
	case HTTP_LOCAL:
		return REASON_PROTOCOL;
	}
	return REASON_NONE;
}

void http_exchange_finish(struct http_exchange *exchange)
{
	http_request_finish(&exchange->request);
	buf_finish(&exchange->answer.headers);
	buf_finish(&exchange->answer.body);
	exchange->answer = (struct http_answer){0};
}
