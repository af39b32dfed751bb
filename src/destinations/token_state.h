/*
 * token_state: what token.c (asking) and token_answer.c (understanding) share.
 */
#ifndef DESTINATIONS_TOKEN_STATE_H
#define DESTINATIONS_TOKEN_STATE_H

#include "leadrelay/buf.h"
#include "leadrelay/token.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct assertion;

struct token {
	const struct auth_settings *auth; /* borrowed, as are these two */
	const char *resource;
	const struct entropy *entropy;
	char *url;
	struct assertion *assertion; /* certificate only; NULL: read it again */
	bool fetching;
	struct buf authorization; /* "Bearer ..."; empty: absent */
	int64_t got_at;
	int64_t expires_at;
	unsigned generation;
	size_t secret;  /* which one is used */
	size_t refused; /* how many of them were, since the last answer that ended it */
};

#endif
