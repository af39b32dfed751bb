/*
 * http_client: many HTTP exchanges at once, by libcurl's multi socket interface on a
 * libuv loop.
 *
 * Loop thread only; nothing blocks (resolving happens on libcurl's resolver thread).
 * Connections are kept alive and handles reused. HTTP/1.1 unless the route says HTTP/2;
 * TLS 1.2+ with verification always on; redirects never followed; no cookies; no Expect:
 * 100-continue; the proxy only as the route says (the environment is not read). Answers
 * are bounded: headers 64 KiB, body HTTP_BODY_MAX after decoding is off (identity only).
 */
#ifndef LEADRELAY_HTTP_CLIENT_H
#define LEADRELAY_HTTP_CLIENT_H

#include "leadrelay/buf.h"
#include "leadrelay/err.h"
#include "leadrelay/settings.h"

#include <stdbool.h>
#include <stdint.h>

#define HTTP_BODY_MAX (256 * 1024)
#define HTTP_HEADERS_MAX 24

struct clock;

struct http_request { /* what to send; the owner frees it with http_request_finish after
			 done() */
	const char *method; /* static text: "POST" */
	struct buf url;
	struct buf headers; /* complete lines "Name: value\n", one after another */
	struct buf body;
	bool has_body;
	bool secret; /* body holds credentials (a token request): wiped after use */
};
void http_request_header(
	struct http_request *request, const char *name, const char *value);
void http_request_finish(struct http_request *request); /* wipes url, headers and body */

enum http_failure {    /* what kept a status from arriving whole */
	HTTP_FINE = 0, /* status, headers and body are complete */
	HTTP_DNS,
	HTTP_CONNECT, /* refused, unreachable, proxy refused; connecting timed out is
			 HTTP_TIMEOUT with sent == false */
	HTTP_TLS,
	HTTP_TIMEOUT,
	HTTP_RESET,    /* closed or reset after connecting */
	HTTP_PROTOCOL, /* not HTTP, endless headers, body too large, bad chunking */
	HTTP_PRIVATE,  /* the address is private, loopback, link-local or metadata and the
			  route forbids that */
	HTTP_CANCELLED,
	HTTP_LOCAL, /* out of memory, unreadable ca_file or certificate */
};

struct http_answer {
	enum http_failure failure;
	bool sent;       /* some of the request's body (headers, when bodyless) left on a
			    connection that was up: the other side may have acted */
	long status;     /* 0: none arrived. When a status arrived it is the truth even if
			    failure is set (body cut off, HTTP/2 error 92) */
	char error[512]; /* libcurl's or the system's words with host and cause; no
			    secrets, no URL query */
	struct buf headers; /* as received, "Name: value\n" */
	struct buf body;
	int64_t duration_ms;
	long proxy_status;              /* a proxy's refusal to connect us, 0: none */
	char address[64];               /* the peer's address, "" when not connected */
	int64_t certificate_expires_at; /* wall ms of the peer's leaf certificate, 0
					   unknown (filled for connection checks) */
};
/* The last value of a header of the answer, any case, or NULL. Valid until the answer is
 * finished. */
const char *http_answer_header(
	const struct http_answer *answer, const char *name, char *out, size_t size);
/* The reason word for a failure: dns connect tls timeout reset protocol (HTTP_PRIVATE:
 * connect; HTTP_LOCAL: protocol). */
enum reason http_failure_reason(enum http_failure failure);

struct http_exchange {
	struct http_request request;        /* in; kept until done */
	const struct route_settings *route; /* in; borrowed until done */
	bool connect_only; /* in: resolve, connect, TLS, nothing sent (validate) */
	struct http_answer answer;                    /* out */
	void (*done)(struct http_exchange *exchange); /* loop thread; may start others;
							 may free the exchange */
	void *owner;                                  /* the caller's */
	void *state;                                  /* the transport's */
};
void http_exchange_finish(struct http_exchange *exchange); /* frees request and answer */

/* The seam between the relay and the network; a simulation brings its own. */
struct transport {
	void (*send)(void *ctx,
		struct http_exchange
			*exchange); /* done() always comes, never from inside send() */
	void (*cancel)(void *ctx,
		struct http_exchange *
			exchange); /* done() comes with HTTP_CANCELLED, not from inside */
	void *ctx;
};

struct http_client;
struct uv_loop_s;

enum err_code http_client_create(struct http_client **out, struct uv_loop_s *loop,
	const struct clock *clock, struct err *err);
struct transport http_client_transport(struct http_client *client);
/* Connections and TLS files are forgotten (reload, changed CA): running exchanges go on.
 */
void http_client_forget_connections(struct http_client *client);
/* All exchanges must be done. closed() comes when the loop holds nothing of it any more.
 */
void http_client_close(struct http_client *client, void (*closed)(void *ctx), void *ctx);

#endif
