/*
 * One request through libmicrohttpd's callback, which comes
 *
 * 1. when the request line was read (inbound_begin: the target, untouched);
 * 2. when the head was read: framing, sizes, then the caller's head(), then the rate;
 * 3. for each piece of the body;
 * 4. when the body was read: the caller's body(). Without an answer yet the request is
 *    parked: suspended as soon as MHD_run returned. (Not in the callback: a connection
 *    that was suspended there is read first when it resumes, and one whose sender had
 *    shut down its side would lose its answer.)
 * 5. after the resume, to pick up the answer.
 *
 * A refusal in 2 is answered at once and the connection closed, unless the body is small
 * or absent: then it is read and forgotten, and the connection can be kept.
 */
#include "leadrelay/clock.h"
#include "leadrelay/text.h"
#include "server.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- 1: the target ---- */

static struct connection *connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

void *inbound_begin(void *cls, const char *target, struct MHD_Connection *mhd)
{
	struct engine *engine = cls;
	struct connection *connection = connection_of(mhd);
	struct inbound *in = calloc(1, sizeof(*in));

	if (!in || !connection)
		goto fail;
	in->target = strdup(target);
	if (!in->target)
		goto fail;
	in->target_end = target + strlen(target) + 1;
	in->server = engine->server;
	in->connection = connection;
	in->mhd = mhd;
	in->limit = engine->server->limits.max_body;
	connection->in = in;
	if (connection->phase == PHASE_FRESH || connection->phase == PHASE_IDLE)
		connection_enter(connection, PHASE_READING);
	return in;
fail:
	free(in);
	return NULL;
}

/* "http://host/path" means "/path" (RFC 9112 3.2.2). */
static const char *without_authority(const char *target)
{
	static const char *const schemes[] = {"http://", "https://"};

	for (size_t i = 0; i < 2; i++) {
		size_t len = strlen(schemes[i]);

		if (strncasecmp(target, schemes[i], len) == 0) {
			const char *path = target + len + strcspn(target + len, "/?");

			return *path == '/' ? path : "/";
		}
	}
	return target;
}

static bool has_blank(const char *target)
{
	for (; *target; target++) {
		if ((unsigned char)*target <= ' ' || *target == 0x7f)
			return true;
	}
	return false;
}

/* Splits the target into decoded path and raw query; false: it has none. */
static bool read_target(struct inbound *in)
{
	const char *start = without_authority(in->target);
	size_t len = strcspn(start, "?");
	char *path;
	long decoded;

	if (has_blank(start) || strchr(start, '#') ||
		(start[0] != '/' && strcmp(start, "*") != 0))
		return false;
	path = strndup(start, len);
	if (!path)
		return false;
	decoded = url_decode(path, len, false);
	if (decoded < 0 || memchr(path, 0, (size_t)decoded)) {
		free(path);
		return false;
	}
	in->path = path;
	if (start >= in->target && start <= in->target + strlen(in->target) &&
		start[len] == '?')
		in->query = in->target + (start - in->target) + len + 1;
	return true;
}

/* ---- 2: the head ---- */

static enum MHD_Result collect_field(
	void *cls, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct head *head = cls;

	(void)kind;
	if (head->count <= HEAD_FIELDS_MAX)
		head->fields[head->count++] =
			(struct head_field){name, value ? value : ""};
	return MHD_YES;
}

static void join_forwarded(const struct head *head, struct buf *out)
{
	for (size_t i = 0; i < head->count; i++) {
		if (strcasecmp(head->fields[i].name, "X-Forwarded-For") == 0) {
			buf_adds(out, out->len > 0 ? ", " : "");
			buf_adds(out, head->fields[i].value);
		}
	}
}

static struct address find_client(struct inbound *in, const struct head *head)
{
	struct buf forwarded = BUF_INIT;
	struct address client;

	join_forwarded(head, &forwarded);
	client = limits_client(&in->server->limits, &in->connection->peer,
		forwarded.len > 0 ? buf_str(&forwarded) : NULL);
	buf_finish(&forwarded);
	address_text(&client, in->client);
	return client;
}

static bool refuse_by_size(struct inbound *in)
{
	const struct limits *limits = &in->server->limits;

	if (in->framing.has_length && in->framing.length > in->limit) {
		in->must_close = true;
		inbound_problem(in, 413, "the body is larger than this server takes");
		return true;
	}
	if (in->framing.has_body && in->server->body_bytes >= limits->max_memory) {
		inbound_problem(in, 503, "too many bodies are being read; try again");
		return true;
	}
	return false;
}

static bool refuse_by_coding(struct inbound *in)
{
	const char *coding = inbound_header(in, "Content-Encoding");

	if (!coding || *coding == 0 || strcasecmp(coding, "identity") == 0)
		return false;
	inbound_problem(in, 415, "compressed bodies are not taken: send it as it is");
	return true;
}

/* The rate comes after the caller's word, which may exempt the request; over the rate,
 * its answer (that a token is wrong, say) is not told. */
static void judge_rate(struct inbound *in, const struct address *client)
{
	struct http_server *server = in->server;

	if (in->exempt || limits_take(&server->limits, client, clock_mono(server->clock)))
		return;
	if (in->response) {
		MHD_destroy_response(in->response);
		in->response = NULL;
	}
	inbound_problem(in, 429, "too many requests from this address");
}

static void judge_head(struct inbound *in, struct head *head)
{
	struct address client;
	const char *detail;
	int status = framing_check(head, &in->framing, &detail);

	if (status == 0 && !read_target(in)) {
		status = 400;
		detail = "the request target is not a path";
	}
	if (status != 0) {
		in->must_close = true;
		inbound_problem(in, status, detail);
		return;
	}
	client = find_client(in, head);
	in->calling = true;
	in->server->handler.head(in->server->handler.ctx, in);
	in->calling = false;
	judge_rate(in, &client);
	if (!in->response && in->framing.has_body && !refuse_by_coding(in))
		refuse_by_size(in);
}

/* Is the refused body small enough to read it and keep the connection? */
static bool can_swallow(const struct inbound *in)
{
	return !in->must_close && !in->framing.chunked && !in->framing.expects &&
	       in->framing.length <= SWALLOW_MAX;
}

static enum MHD_Result on_head(
	struct inbound *in, const char *method, const char *version)
{
	const union MHD_ConnectionInfo *size =
		MHD_get_connection_info(in->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	struct head head = {.method = method,
		.target = in->target,
		.version = version,
		.target_end = in->target_end,
		.target_len = strlen(in->target),
		.size = size ? size->header_size : 0};

	in->method = strdup(method);
	if (!in->method)
		return MHD_NO;
	MHD_get_connection_values(in->mhd, MHD_HEADER_KIND, collect_field, &head);
	judge_head(in, &head);
	in->stage = STAGE_BODY;
	if (!in->response)
		return MHD_YES;
	in->swallow = can_swallow(in);
	if (in->swallow) /* the answer leaves when the request was read */
		return MHD_YES;
	in->must_close = true;
	return reply_queue(in) ? MHD_YES : MHD_NO;
}

/* ---- 3: the body ---- */

static void give_up_body(struct inbound *in, int status)
{
	in->overflow = status;
	in->server->body_bytes -= (int64_t)in->body.cap;
	buf_finish(&in->body);
}

static void keep_piece(struct inbound *in, const char *data, size_t len)
{
	struct http_server *server = in->server;
	size_t before = in->body.cap;

	if (in->body.len + len > in->limit) {
		give_up_body(in, 413);
		return;
	}
	if (in->body.len == 0 && in->framing.has_length)
		buf_reserve(&in->body, in->framing.length < SWALLOW_MAX
					       ? (size_t)in->framing.length
					       : len);
	buf_add(&in->body, data, len);
	server->body_bytes += (int64_t)in->body.cap - (int64_t)before;
	if (!buf_ok(&in->body) || server->body_bytes > server->limits.max_memory)
		give_up_body(in, 503);
}

/* A body without announced length that goes on and on is cut off. */
static enum MHD_Result on_piece(struct inbound *in, const char *data, size_t len)
{
	if (!in->overflow && !in->swallow) {
		keep_piece(in, data, len);
		return MHD_YES;
	}
	in->swallowed += len;
	return in->swallowed > in->limit + 4 * (size_t)SWALLOW_MAX ? MHD_NO : MHD_YES;
}

/* ---- 4 and 5 ---- */

static void refuse_overflow(struct inbound *in)
{
	if (in->overflow == 413)
		inbound_problem(in, 413, "the body is larger than this server takes");
	else
		inbound_problem(in, 503, "too many bodies are being read; try again");
}

static enum MHD_Result park(struct inbound *in)
{
	struct engine *engine = in->connection->engine;

	connection_enter(in->connection, PHASE_WORKING);
	in->next_parked = engine->parking;
	engine->parking = in;
	return MHD_YES;
}

static enum MHD_Result on_complete(struct inbound *in)
{
	in->complete_ns = uv_hrtime();
	in->stage = STAGE_WORKING;
	/* libmicrohttpd takes chunks more freely than RFC 9112 writes them: where
	 * somebody in front reads them another way, the next request is not the one we
	 * would see */
	in->must_close = in->must_close || in->framing.chunked;
	if (in->overflow && !in->response)
		refuse_overflow(in);
	if (!in->response) {
		in->owed = in->calling = true;
		in->server->handler.body(in->server->handler.ctx, in);
		in->calling = false;
	}
	if (in->response)
		return reply_queue(in) ? MHD_YES : MHD_NO;
	return park(in);
}

enum MHD_Result inbound_continue(void *cls, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *data, size_t *len,
	void **context)
{
	struct inbound *in = *context;
	size_t piece = *len;

	(void)cls;
	(void)mhd;
	(void)url;
	if (!in)
		return MHD_NO;
	switch (in->stage) {
	case STAGE_HEAD:
		return on_head(in, method, version);
	case STAGE_BODY:
		*len = 0;
		return piece > 0 ? on_piece(in, data, piece) : on_complete(in);
	case STAGE_WORKING:
		if (in->server->closing)
			return MHD_NO;
		if (in->response)
			return reply_queue(in) ? MHD_YES : MHD_NO;
		return MHD_YES;
	case STAGE_ANSWERED:
		*len = 0;
		return MHD_YES;
	}
	return MHD_NO;
}

/* MHD_run has returned: requests that still wait are suspended now. One whose answer
 * came in between is answered. */
void inbound_park(struct engine *engine)
{
	struct inbound *in;

	while ((in = engine->parking)) {
		engine->parking = in->next_parked;
		in->next_parked = NULL;
		if (in->response) {
			reply_queue(in);
			engine->wake = true;
			continue;
		}
		MHD_suspend_connection(in->mhd);
		in->suspended = true;
	}
}

static void unpark(struct engine *engine, struct inbound *in)
{
	struct inbound **at = &engine->parking;

	while (*at && *at != in)
		at = &(*at)->next_parked;
	if (*at)
		*at = in->next_parked;
}

void inbound_completed(void *cls, struct MHD_Connection *mhd, void **context,
	enum MHD_RequestTerminationCode code)
{
	struct engine *engine = cls;
	struct inbound *in = *context;
	struct connection *connection = connection_of(mhd);

	*context = NULL;
	if (connection && connection->in == in)
		connection->in = NULL;
	if (connection && connection->phase != PHASE_ENDING)
		connection_enter(connection, PHASE_IDLE);
	(void)code;
	if (!in)
		return;
	unpark(engine, in);
	inbound_detach(in);
}
