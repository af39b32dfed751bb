/*
 * http_server: libmicrohttpd inside a libuv loop (external epoll: its descriptor in a
 * uv_poll_t, MHD_get_timeout in a timer; suspended while the caller works).
 *
 * Loop thread only. The server owns what libmicrohttpd 0.9.75 lets through or forgets:
 * ambiguous framing (Content-Length with Transfer-Encoding, two Content-Lengths, two
 * Hosts, odd transfer codings: 400 and close), a deadline from the first byte to the last
 * of a request, limits on body (413), line (414), headers (431), memory of all bodies
 * being read (503), connections in all and per address, requests per address and second
 * (429), compressed bodies (415), NUL in headers. All refusals are
 * application/problem+json.
 */
#ifndef LEADRELAY_HTTP_SERVER_H
#define LEADRELAY_HTTP_SERVER_H

#include "leadrelay/err.h"
#include "leadrelay/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock;
struct uv_loop_s;
struct http_server;
struct inbound; /* one request being read, decided or answered */

struct http_server_handler {
	/* The head is complete. Answer now (inbound_reply, e.g. 401, 404, 405), or return
	 * and the body is read. May call inbound_limit_body and inbound_exempt_rate. */
	void (*head)(void *ctx, struct inbound *in);
	/* The body is complete. Answer now, or keep `in` and answer later from the loop
	 * thread: the connection is suspended meanwhile. Exactly one inbound_reply ends
	 * it; `in` is invalid after that. */
	void (*body)(void *ctx, struct inbound *in);
	/* A request was answered (also by the server itself): for counters and logs. path
	 * is NULL before it was read. */
	void (*answered)(void *ctx, const char *path, int status, int64_t duration_us);
	/* The connection ended after body() and before the reply: inbound_reply must
	 * still be called (it is then a no-op that frees). */
	void *ctx;
};

struct http_server_options {
	struct uv_loop_s *loop;
	const struct clock *clock;
	const struct intake_settings
		*settings; /* copied; the TLS files are read at create */
	struct http_server_handler handler;
};

/* Binds and listens on every address, or fails naming the address and the cause (what was
 * begun is then undone by the loop's next turns). */
enum err_code http_server_create(struct http_server **out,
	const struct http_server_options *options, struct err *err);
/* New limits, new certificate (both files read and checked first: on failure the old
 * stay). Listen addresses that stay the same keep their sockets and connections; others
 * are opened, then closed. */
enum err_code http_server_reload(struct http_server *server,
	const struct intake_settings *settings, struct err *err);
/* Stops accepting; requests being read or answered go on. idle() comes when the last one
 * is answered, or after deadline_ms. */
void http_server_drain(struct http_server *server, int64_t deadline_ms,
	void (*idle)(void *ctx), void *ctx);
void http_server_close(struct http_server *server, void (*closed)(void *ctx), void *ctx);
/* The first listening address as bound ("127.0.0.1:39231"), for port 0. */
const char *http_server_address(const struct http_server *server, size_t index);
/* When the certificate in use ends (wall ms), 0 without TLS. */
int64_t http_server_certificate_expires_at(const struct http_server *server);

const char *inbound_method(const struct inbound *in);
const char *inbound_path(const struct inbound *in); /* decoded, without query */
const char *inbound_query(
	const struct inbound *in, const char *name); /* decoded first value or NULL */
/* The same one by one, in their order; false: no more. Both are valid as long as in. */
bool inbound_query_item(const struct inbound *in, size_t index, const char **name_out,
	const char **value_out);
const char *inbound_header(
	const struct inbound *in, const char *name); /* first value or NULL */
const char *inbound_client(
	const struct inbound *in); /* address, X-Forwarded-For of a trusted proxy
				      considered; for limits, not for logs of leads */
char *inbound_body(struct inbound *in,
	size_t *len_out); /* NUL-terminated, changeable, valid until the reply */
/* From head() only: a smaller limit than max_body. */
void inbound_limit_body(struct inbound *in, size_t max);
/* From head() only: this request does not count against rate_per_address (a valid token
 * of a marketplace or json source). The server calls head() before it judges the rate. */
void inbound_exempt_rate(struct inbound *in);
void inbound_header_add(struct inbound *in, const char *name,
	const char *value); /* to the reply; value is copied, checked for CR LF */
/* Queues the answer; body is copied. content_type NULL: none. */
void inbound_reply(struct inbound *in, int status, const char *content_type,
	const char *body, size_t len);
/* problem+json with title (from the status) and detail. */
void inbound_problem(struct inbound *in, int status, const char *detail);
void inbound_set_data(struct inbound *in, void *data);
void *inbound_data(const struct inbound *in);

#endif
