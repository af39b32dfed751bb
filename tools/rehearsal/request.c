/* request: the reading half of http.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "http.h"

struct reader {
	struct request *req;
	struct wire *wire;
	struct text *input;
	int *status;
	const char **why;
};

static enum http_read bad(struct reader *r, int status, const char *why)
{
	*r->status = status;
	*r->why = why;
	return HTTP_BAD;
}

static void consume(struct text *input, size_t len)
{
	memmove(input->data, input->data + len, input->len - len);
	input->len -= len;
	input->data[input->len] = '\0';
}

static bool read_more(struct reader *r)
{
	char data[16384];
	ssize_t got = wire_read(r->wire, data, sizeof(data));

	if (got <= 0)
		return false;
	text_add(r->input, data, (size_t)got);
	return true;
}

static bool token_char(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(const char *words)
{
	if (!*words)
		return false;
	while (token_char(*words))
		words++;
	return !*words;
}

static bool clean_value(const char *value)
{
	for (; *value; value++)
		if (((unsigned char)*value < 0x20 && *value != '\t') || *value == 0x7f)
			return false;
	return true;
}

static enum http_read parse_request_line(struct reader *r, char *line)
{
	struct request *req = r->req;
	char *target = strchr(line, ' ');
	char *version = target ? strchr(target + 1, ' ') : NULL;
	char *question;

	if (!version)
		return bad(r, 400, "the request line is not METHOD TARGET VERSION");
	*target++ = '\0';
	*version++ = '\0';
	req->http_1_0 = strcmp(version, "HTTP/1.0") == 0;
	if (!req->http_1_0 && strcmp(version, "HTTP/1.1") != 0)
		return bad(r, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
	if (!is_token(line) || target[0] != '/' || !clean_value(target))
		return bad(r, 400, "bad method or target");
	req->method = line;
	req->target = target;
	req->path = need_copy(target);
	question = strchr(req->path, '?');
	if (question)
		*question++ = '\0';
	req->query = question ? question : "";
	return HTTP_READ;
}

static enum http_read parse_header(struct reader *r, char *line)
{
	struct request *req = r->req;
	char *value = strchr(line, ':');
	size_t len;

	if (!value)
		return bad(r, 400, "a header line has no colon");
	*value++ = '\0';
	value += strspn(value, " \t");
	len = strlen(value);
	while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
		value[--len] = '\0';
	if (!is_token(line) || !clean_value(value))
		return bad(r, 400, "bad header name or value");
	if (req->header_count == HTTP_HEADERS_MAX)
		return bad(r, 431, "too many headers");
	req->headers[req->header_count++] = (struct header){line, value};
	return HTTP_READ;
}

static int header_occurrences(const struct request *req, const char *name)
{
	int count = 0;

	for (int i = 0; i < req->header_count; i++)
		count += strcasecmp(req->headers[i].name, name) == 0;
	return count;
}

static enum http_read parse_length(struct reader *r, const char *value)
{
	size_t length = 0;

	if (!*value)
		return bad(r, 400, "empty Content-Length");
	for (; *value; value++) {
		if (!isdigit((unsigned char)*value))
			return bad(r, 400, "bad Content-Length");
		length = length * 10 + (size_t)(*value - '0');
		if (length > HTTP_BODY_MAX)
			return bad(r, 413, "the body is too large");
	}
	r->req->content_length = length;
	return HTTP_READ;
}

/* What the headers say about the body and the connection. */
static enum http_read parse_framing(struct reader *r)
{
	struct request *req = r->req;
	const char *length = request_header(req, "Content-Length");
	const char *coding = request_header(req, "Transfer-Encoding");
	const char *connection = request_header(req, "Connection");
	const char *expect = request_header(req, "Expect");

	if (header_occurrences(req, "Content-Length") > 1 || (length && coding))
		return bad(r, 400, "ambiguous framing");
	if (header_occurrences(req, "Host") !=
		(req->http_1_0 ? header_occurrences(req, "Host") : 1))
		return bad(r, 400, "exactly one Host header is needed");
	if (coding && strcasecmp(coding, "chunked") != 0)
		return bad(r, 501, "only chunked transfer encoding is known");
	req->chunked = coding != NULL;
	req->continue_expected = expect && strcasecmp(expect, "100-continue") == 0;
	req->keep_alive =
		!req->http_1_0 && !(connection && strcasestr(connection, "close"));
	return length ? parse_length(r, length) : HTTP_READ;
}

static enum http_read parse_head(struct reader *r, char *head)
{
	enum http_read got = HTTP_READ;
	bool first = true;

	while (*head && got == HTTP_READ) {
		char *end = strstr(head, "\r\n");

		if (!end || memchr(head, '\n', (size_t)(end - head)))
			return bad(r, 400, "a line does not end in CR LF");
		*end = '\0';
		got = first ? parse_request_line(r, head) : parse_header(r, head);
		first = false;
		head = end + 2;
	}
	return got == HTTP_READ ? parse_framing(r) : got;
}

enum http_read request_read_head(struct request *req, struct wire *wire,
	struct text *input, int *status, const char **why)
{
	struct reader r = {req, wire, input, status, why};
	const char *end;
	size_t len;

	*req = (struct request){0};
	while (!(end = input->data ? strstr(input->data, "\r\n\r\n") : NULL)) {
		if (input->len > HTTP_HEAD_MAX)
			return bad(&r, 431, "the head is too large");
		if (input->data && strlen(input->data) != input->len)
			return bad(&r, 400, "a NUL in the head");
		if (!read_more(&r))
			return HTTP_GONE;
	}
	len = (size_t)(end - input->data);
	req->head = need_copy_of(input->data, len + 2);
	consume(input, len + 4);
	return parse_head(&r, req->head);
}

static enum http_read read_exactly(struct reader *r, struct text *body, size_t len)
{
	while (r->input->len < len)
		if (!read_more(r))
			return HTTP_GONE;
	text_add(body, r->input->data, len);
	consume(r->input, len);
	return HTTP_READ;
}

static enum http_read read_line(struct reader *r, char *line, size_t size)
{
	const char *end;
	size_t len;

	while (!(end = r->input->data ? strstr(r->input->data, "\r\n") : NULL)) {
		if (r->input->len >= size)
			return bad(r, 400, "a chunk's line is too long");
		if (!read_more(r))
			return HTTP_GONE;
	}
	len = (size_t)(end - r->input->data);
	if (len >= size)
		return bad(r, 400, "a chunk's line is too long");
	memcpy(line, r->input->data, len);
	line[len] = '\0';
	consume(r->input, len + 2);
	return HTTP_READ;
}

static enum http_read read_chunked(struct reader *r, struct text *body)
{
	enum http_read got;
	char line[256];

	while ((got = read_line(r, line, sizeof(line))) == HTTP_READ) {
		size_t digits = strspn(line, "0123456789abcdefABCDEF");
		unsigned long size = strtoul(line, NULL, 16);

		if (!digits || digits > 8 || (line[digits] && line[digits] != ';'))
			return bad(r, 400, "bad chunk size");
		if (body->len + size > HTTP_BODY_MAX)
			return bad(r, 413, "the body is too large");
		if (size)
			got = read_exactly(r, body, size);
		if (got == HTTP_READ)
			got = read_line(r, line, sizeof(line));
		if (got != HTTP_READ)
			return got;
		if (*line)
			return bad(r, 400,
				size ? "a chunk is longer than its size" : "trailers");
		if (!size)
			return HTTP_READ;
	}
	return got;
}

enum http_read request_read_body(struct request *req, struct wire *wire,
	struct text *input, int *status, const char **why)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
	struct reader r = {req, wire, input, status, why};
	struct text body = {0};
	enum http_read got;

	if (req->continue_expected && !wire_write(wire, go_on, sizeof(go_on) - 1))
		return HTTP_GONE;
	text_puts(&body, "");
	got = req->chunked ? read_chunked(&r, &body)
			   : read_exactly(&r, &body, req->content_length);
	req->body = body.data;
	req->body_len = body.len;
	return got;
}

void request_free(struct request *req)
{
	free(req->head);
	free(req->path);
	free(req->body);
	*req = (struct request){0};
}

const char *request_header(const struct request *req, const char *name)
{
	for (int i = 0; i < req->header_count; i++)
		if (strcasecmp(req->headers[i].name, name) == 0)
			return req->headers[i].value;
	return NULL;
}

bool request_is(const struct request *req, const char *type)
{
	const char *value = request_header(req, "Content-Type");
	size_t len = strlen(type);

	return value && strncasecmp(value, type, len) == 0 &&
	       (!value[len] || strchr("; \t", value[len]));
}
