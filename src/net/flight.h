/*
 * flight: one exchange under way: a libcurl easy handle, set up from a request and read
 * out into an answer. http_client.c moves flights through libcurl's multi interface; this
 * room's other files never see the loop. Loop thread.
 */
#ifndef LEADRELAY_NET_FLIGHT_H
#define LEADRELAY_NET_FLIGHT_H

#include "leadrelay/http_client.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

struct pool;

enum flight_stage {
	FLIGHT_FREE,
	FLIGHT_WAITING,  /* sent to us, not yet to libcurl */
	FLIGHT_RUNNING,  /* libcurl has it */
	FLIGHT_FINISHED, /* the answer is ready, done() is due */
};

struct flight {
	CURL *easy; /* kept for the next exchange */
	struct http_client *client;
	struct http_exchange *exchange;
	struct pool *pool; /* whose multi handle runs it */
	struct flight *prev, *next;
	enum flight_stage stage;
	int64_t started_at; /* mono */
	int requests;       /* how often a request was about to leave on a connection */
	bool refused_private;
	bool too_large;           /* the answer went over a limit */
	struct buf head;          /* the request's header lines, cut at their ends */
	struct curl_slist *lines; /* into head; room for line_max */
	size_t line_count, line_max;
	struct buf
		lasting; /* names the options that the easy handle keeps; empty: none */
	struct buf name; /* memory for the next name */
	char words[CURL_ERROR_SIZE]; /* libcurl's */
};

/* Fills the easy handle (made when there is none). false: no memory, or a value libcurl
 * refuses; the answer says so. */
bool flight_prepare(struct flight *flight);
/* Reads status, failure, sent, address and the sentence out of the easy handle. */
void flight_conclude(struct flight *flight, CURLcode code);
/* Forgets the exchange (header copies are wiped); the easy handle can be used again, and
 * keeps the options that an exchange of the same kind would set again. */
void flight_reset(struct flight *flight);
void flight_free(struct flight *flight);

/* http_client.c: libcurl was given a socket for a connection, and closes one. arg: the
 * flight's client. */
void flight_opened(struct flight *flight, curl_socket_t fd);
int flight_close_socket(void *arg, curl_socket_t fd);

/* http_failure.c: which failure it was and the sentence about it. */
/* A proxy that answered CONNECT with something else than 2xx: what it said; 0: none. */
long failure_proxy_status(const struct flight *flight);
/* By the code alone: -1 when it says nothing of a connection. */
int failure_of_code(CURLcode code);
/* Why a certificate was not accepted, in words; NULL: nothing known beyond libcurl's own
 * words. */
const char *failure_tls_cause(CURL *easy, const char *words);
/* The other side refused our client certificate: it has acted on nothing. */
bool failure_certificate_refused(const struct flight *flight, CURLcode code);
enum http_failure failure_of(const struct flight *flight, CURLcode code, bool sent);
void failure_describe(const struct flight *flight, CURLcode code,
	enum http_failure failure, bool sent, char *out, size_t size);

#endif
