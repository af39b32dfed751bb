/* The caller's side of a request: what it can ask of it, and the answer. */
#include "leadrelay/fault.h"
#include "leadrelay/json.h"
#include "leadrelay/text.h"
#include "server.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- what was asked ---- */

const char *inbound_method(const struct inbound *in)
{
	return in->method;
}

const char *inbound_path(const struct inbound *in)
{
	return in->path ? in->path : "";
}

const char *inbound_header(const struct inbound *in, const char *name)
{
	return in->mhd ? MHD_lookup_connection_value(in->mhd, MHD_HEADER_KIND, name)
		       : NULL;
}

const char *inbound_client(const struct inbound *in)
{
	return in->client;
}

char *inbound_body(struct inbound *in, size_t *len_out)
{
	static char none[1];

	*len_out = in->body.len;
	return in->body.data ? in->body.data : none;
}

/* One "name=value" of a query, decoded in a copy; "" is NULL in neither. */
static bool decode_part(const char *part, size_t len, struct pair *out)
{
	char *copy = strndup(part, len);
	char *value;
	long name_len, value_len;

	if (!copy)
		return false;
	value = strchrnul(copy, '=');
	if (*value)
		*value++ = 0;
	value = strdup(value);
	name_len = url_decode(copy, strlen(copy), true);
	value_len = value ? url_decode(value, strlen(value), true) : -1;
	if (name_len < 0 || value_len < 0 || memchr(copy, 0, (size_t)name_len) ||
		memchr(value, 0, (size_t)value_len)) {
		free(copy);
		free(value);
		return false;
	}
	*out = (struct pair){.name = copy, .value = value};
	return true;
}

static void decode_query(struct inbound *in)
{
	const char *part = in->query;
	size_t count = 1;

	for (const char *c = part; *c; c++)
		count += *c == '&';
	in->params = calloc(count, sizeof(*in->params));
	while (in->params && *part) {
		size_t len = strcspn(part, "&");

		if (len > 0 && decode_part(part, len, &in->params[in->param_count]))
			in->param_count++;
		part += len + (part[len] == '&');
	}
}

/* The decoded parts are kept with the request: what is asked for once is asked again. */
const char *inbound_query(const struct inbound *in, const char *name)
{
	if (in->query && !in->params)
		decode_query((struct inbound *)in);
	for (size_t i = 0; i < in->param_count; i++) {
		if (in->params[i].name && strcmp(in->params[i].name, name) == 0)
			return in->params[i].value;
	}
	return NULL;
}

bool inbound_query_item(const struct inbound *in, size_t index, const char **name_out,
	const char **value_out)
{
	if (in->query && !in->params)
		decode_query((struct inbound *)in);
	if (index >= in->param_count)
		return false;
	*name_out = in->params[index].name;
	*value_out = in->params[index].value;
	return true;
}

void inbound_limit_body(struct inbound *in, size_t max)
{
	if (max < in->limit)
		in->limit = max;
}

void inbound_exempt_rate(struct inbound *in)
{
	in->exempt = true;
}

void inbound_set_data(struct inbound *in, void *data)
{
	in->data = data;
}

void *inbound_data(const struct inbound *in)
{
	return in->data;
}

/* ---- the answer ---- */

static bool is_line(const char *text)
{
	return !strpbrk(text, "\r\n");
}

void inbound_header_add(struct inbound *in, const char *name, const char *value)
{
	struct reply_header *header;

	if (!is_line(name) || !is_line(value))
		return;
	header = calloc(1, sizeof(*header));
	if (!header)
		return;
	header->name = strdup(name);
	header->value = strdup(value);
	header->next = in->headers;
	in->headers = header;
}

static void free_headers(struct inbound *in)
{
	struct reply_header *header;

	while ((header = in->headers)) {
		in->headers = header->next;
		free(header->name);
		free(header->value);
		free(header);
	}
}

static bool has_reply_header(const struct inbound *in, const char *name)
{
	for (const struct reply_header *h = in->headers; h; h = h->next) {
		if (h->name && strcasecmp(h->name, name) == 0)
			return true;
	}
	return false;
}

static struct MHD_Response *make_response(
	struct inbound *in, const char *content_type, const char *body, size_t len)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		len, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);

	if (!response)
		return NULL;
	if (content_type)
		MHD_add_response_header(response, "Content-Type", content_type);
	for (const struct reply_header *h = in->headers; h; h = h->next) {
		if (h->name && h->value)
			MHD_add_response_header(response, h->name, h->value);
	}
	if (in->must_close || in->server->draining)
		MHD_add_response_header(response, "Connection", "close");
	return response;
}

static void tell_answered(struct inbound *in, int status)
{
	struct http_server *server = in->server;
	uint64_t now = uv_hrtime();
	uint64_t from = in->complete_ns ? in->complete_ns : now;

	if (server->handler.answered)
		server->handler.answered(server->handler.ctx, in->path, status,
			(int64_t)((now - from) / 1000));
}

/* An answer that cannot be made for want of memory closes the connection: closing is
 * what the sender sees of a relay in trouble either way. */
static void resume(struct inbound *in)
{
	struct engine *engine = in->connection->engine;

	if (in->suspended) {
		in->suspended = false;
		MHD_resume_connection(in->mhd);
	}
	engine_wake(engine);
}

void inbound_reply(struct inbound *in, int status, const char *content_type,
	const char *body, size_t len)
{
	in->owed = false;
	if (!in->connection) { /* it ended meanwhile */
		inbound_free(in);
		return;
	}
	in->status = status;
	in->response = make_response(in, content_type, body, len);
	if (!in->response) {
		connection_end(in->connection);
		in->response = MHD_create_response_from_buffer(
			0, (void *)(uintptr_t) "", MHD_RESPMEM_PERSISTENT);
	}
	if (in->stage == STAGE_WORKING && !in->calling)
		resume(in);
}

static const char *title_of(int status)
{
	const char *title = MHD_get_reason_phrase_for((unsigned)status);

	return title ? title : "Error";
}

static void add_problem(struct buf *out, int status, const char *detail)
{
	buf_addf(out, "{\"title\":\"%s\",\"status\":%d,\"detail\":", title_of(status),
		status);
	json_text_add(out, detail);
	buf_adds(out, "}\n");
}

void inbound_problem(struct inbound *in, int status, const char *detail)
{
	struct buf body = BUF_INIT;

	if (status == 429 && !has_reply_header(in, "Retry-After"))
		inbound_header_add(in, "Retry-After", "1");
	if (status == 503 && !has_reply_header(in, "Retry-After"))
		inbound_header_add(in, "Retry-After", "5");
	add_problem(&body, status, detail);
	inbound_reply(in, status, "application/problem+json", buf_str(&body), body.len);
	buf_finish(&body);
}

void reply_raw(int fd, int status, const char *detail)
{
	struct buf body = BUF_INIT, text = BUF_INIT;

	add_problem(&body, status, detail);
	buf_addf(&text,
		"HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\n"
		"Content-Length: %zu\r\n%sConnection: close\r\n\r\n%s",
		status, title_of(status), body.len,
		status == 503 ? "Retry-After: 5\r\n" : "", buf_str(&body));
	if (buf_ok(&text)) /* if it does not leave: the socket is closed anyway */
		(void)!send(fd, text.data, text.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	buf_finish(&body);
	buf_finish(&text);
}

/* For a crash test: the sender sees the beginning of a success and then nothing. */
static bool break_in_the_middle(struct inbound *in)
{
	static const char half[] = "HTTP/1.1 202 Acce";

	if (in->status / 100 != 2 || !FAULT_FAILS("intake.2xx_half_written"))
		return false;
	(void)!send(in->connection->fd, half, sizeof(half) - 1, MSG_NOSIGNAL);
	return true;
}

/* The rest of an unread body would reset the connection and with it the answer. */
static void linger_after(struct inbound *in)
{
	int fd;

	if (!in->must_close || !in->framing.has_body || in->stage != STAGE_BODY)
		return;
	fd = dup(in->connection->fd);
	if (fd >= 0)
		linger(&in->server->lingering, fd);
}

bool reply_queue(struct inbound *in)
{
	struct MHD_Response *response = in->response;
	enum MHD_Result queued;

	in->response = NULL;
	if (break_in_the_middle(in)) {
		MHD_destroy_response(response);
		return false;
	}
	linger_after(in);
	in->stage = STAGE_ANSWERED;
	if (in->connection->phase != PHASE_ENDING)
		connection_enter(in->connection, PHASE_WRITING);
	queued = MHD_queue_response(in->mhd, (unsigned)in->status, response);
	MHD_destroy_response(response);
	tell_answered(in, in->status);
	return queued == MHD_YES;
}

/* ---- its end ---- */

void inbound_free(struct inbound *in)
{
	free_headers(in);
	for (size_t i = 0; i < in->param_count; i++) {
		free(in->params[i].name);
		free(in->params[i].value);
	}
	free(in->params);
	if (in->response)
		MHD_destroy_response(in->response);
	if (in->target)
		explicit_bzero(in->target, strlen(in->target)); /* may hold a token */
	free(in->target);
	if (in->path)
		explicit_bzero(in->path, strlen(in->path));
	free(in->path);
	free(in->method);
	buf_finish(&in->body);
	free(in);
}

/* The caller may still owe its answer, and holds the request until then; the memory of
 * its body no longer counts. */
void inbound_detach(struct inbound *in)
{
	in->server->body_bytes -= (int64_t)in->body.cap;
	in->connection = NULL;
	in->mhd = NULL;
	in->server = NULL;
	if (!in->owed)
		inbound_free(in);
}
