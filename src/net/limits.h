/*
 * limits: the server's configured limits, and a token bucket per address in a table of
 * fixed size. Loop thread.
 */
#ifndef LEADRELAY_NET_LIMITS_H
#define LEADRELAY_NET_LIMITS_H

#include "address.h"
#include "leadrelay/settings.h"

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	struct address address;
	int64_t at;     /* mono, when tokens was right; 0: unused */
	int64_t tokens; /* thousandths of a request */
};

struct limits {
	size_t max_body;
	int64_t max_memory;
	int max_connections;
	int max_connections_per_address;
	int rate_per_address;
	int64_t request_timeout_ms;
	struct address_range *trusted;
	size_t trusted_count;
	struct bucket *buckets;
	uint64_t salt; /* so that nobody can aim at another's bucket */
};

/* Takes over the numbers; false: no memory (nothing changed). Keeps the buckets. */
bool limits_set(struct limits *limits, const struct intake_settings *settings);
void limits_finish(struct limits *limits);
/* One request of address at now (mono): false when it is one too many. The whole
 * allowance of a second may come at once. */
bool limits_take(struct limits *limits, const struct address *address, int64_t now);
bool limits_trusts(const struct limits *limits, const struct address *peer);
/* The address the request comes from: the last one of X-Forwarded-For (its header lines
 * joined by commas; NULL: none) that is not a trusted proxy, if peer is one. */
struct address limits_client(
	const struct limits *limits, const struct address *peer, const char *forwarded);

#endif
