/*
 * http: requests read strictly from a wire, replies built and written to it (HTTP/1.1
 * and 1.0).
 *
 * Written for this program rather than taken from a library because its faults are below
 * what a library lets through: half a header, a status line that is none, a chunk that
 * never ends.
 */
#ifndef REHEARSAL_HTTP_H
#define REHEARSAL_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"
#include "wire.h"

enum { HTTP_HEADERS_MAX = 100, HTTP_HEAD_MAX = 64 << 10, HTTP_BODY_MAX = 8 << 20 };

struct header {
	const char *name, *value;
};

struct request {
	char *head; /* owns what the pointers below point to */
	const char *method, *target;
	char *path;        /* not decoded; the caller of request_free owns nothing */
	const char *query; /* after the question mark, or "" */
	bool http_1_0, keep_alive, chunked, continue_expected;
	size_t content_length;
	struct header headers[HTTP_HEADERS_MAX];
	int header_count;
	char *body; /* terminated; NULL before request_read_body */
	size_t body_len;
};

struct reply {
	int status;
	struct text headers; /* "Name: value\r\n" each */
	struct text body;
	const char *type; /* static; NULL: none is told */
	char code[40];    /* the OData or AADSTS code, for the journal */
	bool bare;        /* neither Content-Length nor body: a 204 or 304 */
};

enum http_read { HTTP_READ, HTTP_GONE, HTTP_BAD };

/* input holds what came in beyond the last request. HTTP_BAD: why is a static sentence
 * and *status what to answer. */
enum http_read request_read_head(struct request *req, struct wire *wire,
	struct text *input, int *status, const char **why);
enum http_read request_read_body(struct request *req, struct wire *wire,
	struct text *input, int *status, const char **why);
void request_free(struct request *req);

const char *request_header(
	const struct request *req, const char *name); /* NULL: absent */
/* Media type of Content-Type equals type, parameters aside. */
bool request_is(const struct request *req, const char *type);

const char *http_reason(int status);

void reply_header(struct reply *reply, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void reply_text(struct reply *reply, int status, const char *type, const char *body);
void reply_clear(struct reply *reply); /* back to nothing said yet */
/* The bytes to send; returns how many of them are the head. */
size_t reply_render(const struct reply *reply, bool keep_alive, struct text *out);

#endif
