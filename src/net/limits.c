#include "limits.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 8
#define SETS 1024
#define WHOLE 1000 /* thousandths */

bool limits_set(struct limits *limits, const struct intake_settings *settings)
{
	const struct text_list *proxies = &settings->trusted_proxies;
	struct address_range *trusted = calloc(proxies->count + 1, sizeof(*trusted));
	size_t count = 0;

	if (!limits->buckets)
		limits->buckets = calloc(WAYS * SETS, sizeof(*limits->buckets));
	if (!trusted || !limits->buckets) {
		free(trusted);
		return false;
	}
	for (size_t i = 0; i < proxies->count; i++)
		count += address_range_parse(proxies->items[i], &trusted[count]);
	free(limits->trusted);
	limits->trusted = trusted;
	limits->trusted_count = count;
	limits->max_body = (size_t)settings->max_body;
	limits->max_memory = settings->max_memory;
	limits->max_connections = settings->max_connections;
	limits->max_connections_per_address = settings->max_connections_per_address;
	limits->rate_per_address = settings->rate_per_address;
	limits->request_timeout_ms = settings->request_timeout_ms;
	return true;
}

void limits_finish(struct limits *limits)
{
	free(limits->trusted);
	free(limits->buckets);
	*limits = (struct limits){0};
}

static uint64_t hash(const struct limits *limits, const struct address *address)
{
	uint64_t sum = limits->salt ^ (address->v6 ? 0x9e3779b97f4a7c15u : 0);

	for (size_t i = 0; i < 16; i++)
		sum = (sum ^ address->bytes[i]) * 0x100000001b3u;
	return sum ^ (sum >> 29);
}

/* Its bucket, or the one of its set that was unused longest: an address that is seldom
 * seen loses nothing, for its bucket was full again anyway. */
static struct bucket *find(struct limits *limits, const struct address *address)
{
	struct bucket *set = &limits->buckets[hash(limits, address) % SETS * WAYS];
	struct bucket *oldest = set;

	for (size_t i = 0; i < WAYS; i++) {
		if (set[i].at != 0 && address_equal(&set[i].address, address))
			return &set[i];
		if (set[i].at < oldest->at)
			oldest = &set[i];
	}
	*oldest = (struct bucket){.address = *address};
	return oldest;
}

bool limits_take(struct limits *limits, const struct address *address, int64_t now)
{
	struct address key = address_for_limits(address);
	int64_t most = (int64_t)limits->rate_per_address * WHOLE;
	struct bucket *bucket;

	if (limits->rate_per_address <= 0)
		return true;
	bucket = find(limits, &key);
	if (bucket->at == 0 || now - bucket->at >= 1000)
		bucket->tokens = most;
	else
		bucket->tokens += (now - bucket->at) * limits->rate_per_address;
	if (bucket->tokens > most)
		bucket->tokens = most;
	bucket->at = now > 0 ? now : 1;
	if (bucket->tokens < WHOLE)
		return false;
	bucket->tokens -= WHOLE;
	return true;
}

bool limits_trusts(const struct limits *limits, const struct address *peer)
{
	for (size_t i = 0; i < limits->trusted_count; i++) {
		if (address_in_range(peer, &limits->trusted[i]))
			return true;
	}
	return false;
}

/* The last item of a comma-separated list before end, as an address. */
static bool last_item(const char *list, const char **end, struct address *out)
{
	char text[ADDRESS_TEXT_SIZE + 2];
	const char *from, *to = *end;

	while (to > list && strchr(", \t", to[-1]))
		to--;
	from = to;
	while (from > list && !strchr(", \t", from[-1]))
		from--;
	*end = from;
	if (to == from || (size_t)(to - from) >= sizeof(text))
		return false;
	memcpy(text, from, (size_t)(to - from));
	text[to - from] = 0;
	return address_parse(text, out);
}

struct address limits_client(
	const struct limits *limits, const struct address *peer, const char *forwarded)
{
	struct address client = *peer, before;
	const char *end;

	if (!forwarded || !limits_trusts(limits, peer))
		return client;
	end = forwarded + strlen(forwarded);
	while (end > forwarded && last_item(forwarded, &end, &before)) {
		client = before;
		if (!limits_trusts(limits, &client))
			break;
	}
	return client;
}
