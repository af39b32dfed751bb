/*
 * Who may ask: tokens (their digests), clients that guess, and the two ways a stranger's
 * page could use an operator's browser: a name of its own that resolves to this machine
 * (the Host header tells), and requests across origins (Origin and Content-Type tell).
 */
#include "room.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WRONG_MAX 10        /* tries of one address */
#define WRONG_SPAN_MS 60000 /* within so long; then it is not heard until it ends */

/* ---- what is configured ---- */

static void free_list(struct text_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct text_list){0};
}

static bool add_text(struct text_list *list, const char *text, size_t len)
{
	list->items[list->count] = strndup(text, len);
	return list->items[list->count] && ++list->count;
}

/* "0.0.0.0:8090" "[::1]:8090": how much of it is the host, without brackets. */
static const char *host_of(const char *text, size_t *len_out)
{
	const char *end;

	if (*text == '[') {
		end = strchr(text, ']');
		if (end && end[1] && end[1] != ':')
			end = NULL;
		*len_out = end ? (size_t)(end - text - 1) : 0;
		return text + 1;
	}
	end = strrchr(text, ':');
	*len_out = end && strchr(text, ':') == end ? (size_t)(end - text) : strlen(text);
	return text;
}

static bool is_loopback(const char *host, size_t len)
{
	static const uint8_t six[16] = {[15] = 1};
	uint8_t address[16];
	char text[64];

	if (len >= sizeof(text))
		return false;
	memcpy(text, host, len);
	text[len] = '\0';
	if (inet_pton(AF_INET, text, address) == 1)
		return address[0] == 127;
	if (inet_pton(AF_INET6, text, address) == 1)
		return memcmp(address, six, sizeof(six)) == 0;
	return strcasecmp(text, "localhost") == 0;
}

static bool copy_hosts(const struct admin_settings *settings, struct text_list *out)
{
	const struct text_list *listen = &settings->server.listen;
	const struct text_list *hosts = &settings->hosts;

	out->items = calloc(listen->count + hosts->count + 1, sizeof(*out->items));
	if (!out->items)
		return false;
	for (size_t i = 0; i < listen->count; i++) {
		size_t len;
		const char *host = host_of(listen->items[i], &len);

		if (!add_text(out, host, len))
			return false;
	}
	for (size_t i = 0; i < hosts->count; i++)
		if (!add_text(out, hosts->items[i], strlen(hosts->items[i])))
			return false;
	return true;
}

static bool all_here(const struct text_list *listen)
{
	for (size_t i = 0; i < listen->count; i++) {
		size_t len;
		const char *host = host_of(listen->items[i], &len);

		if (!is_loopback(host, len))
			return false;
	}
	return true;
}

enum err_code guard_make(
	struct guard *out, const struct admin_settings *settings, struct err *err)
{
	const struct secret *tokens = &settings->tokens;

	*out = (struct guard){.here_only = all_here(&settings->server.listen)};
	if (!copy_hosts(settings, &out->hosts)) {
		free_list(&out->hosts);
		return err_set(err, ERR_NOMEM, "out of memory");
	}
	for (size_t i = 0; i < tokens->count && i < GUARD_TOKENS_MAX; i++)
		sha256(tokens->values[i], strlen(tokens->values[i]),
			out->tokens[out->token_count++]);
	return ERR_OK;
}

bool guard_same_tokens(const struct guard *a, const struct guard *b)
{
	return a->token_count == b->token_count &&
	       memcmp(a->tokens, b->tokens, sizeof(a->tokens)) == 0;
}

void guard_finish(struct guard *guard)
{
	free_list(&guard->hosts);
	explicit_bzero(guard->tokens, sizeof(guard->tokens));
}

/* ---- tokens ---- */

bool guard_knows(const struct guard *guard, const char *token)
{
	uint8_t digest[SHA256_SIZE];
	bool known = false;

	sha256(token, strlen(token), digest);
	for (size_t i = 0; i < guard->token_count; i++)
		known |= equal_constant_time(guard->tokens[i], digest, SHA256_SIZE);
	return known;
}

const char *guard_bearer(const char *authorization)
{
	static const char scheme[] = "Bearer ";
	size_t len = sizeof(scheme) - 1;

	if (!authorization || strncasecmp(authorization, scheme, len) != 0)
		return NULL;
	authorization += len;
	return authorization + strspn(authorization, " ");
}

static const struct guard_client *find_client(
	const struct guard *guard, const char *client)
{
	for (size_t i = 0; i < GUARD_CLIENTS; i++)
		if (guard->clients[i].wrong &&
			strcmp(guard->clients[i].name, client) == 0)
			return &guard->clients[i];
	return NULL;
}

int guard_locked(const struct guard *guard, const char *client, int64_t now)
{
	const struct guard_client *known = find_client(guard, client);
	int64_t left = known ? known->since + WRONG_SPAN_MS - now : 0;

	if (!known || known->wrong < WRONG_MAX || left <= 0)
		return 0;
	return (int)((left + 999) / 1000);
}

void guard_wrong(struct guard *guard, const char *client, int64_t now)
{
	struct guard_client *known = (struct guard_client *)find_client(guard, client);

	if (!known) { /* in place of the one that began first */
		known = &guard->clients[0];
		for (size_t i = 1; i < GUARD_CLIENTS; i++)
			if (guard->clients[i].since < known->since)
				known = &guard->clients[i];
		*known = (struct guard_client){.since = now};
		snprintf(known->name, sizeof(known->name), "%s", client);
	}
	if (now - known->since >= WRONG_SPAN_MS) {
		known->since = now;
		known->wrong = 0;
	}
	known->wrong++;
}

/* ---- browsers ---- */

bool guard_host(const struct guard *guard, const char *host)
{
	const char *name;
	size_t len;

	if (!guard->here_only) /* a token is asked for, which a stranger's page lacks */
		return true;
	if (!host)
		return true; /* no browser */
	name = host_of(host, &len);
	if (is_loopback(name, len))
		return true;
	for (size_t i = 0; i < guard->hosts.count; i++)
		if (strlen(guard->hosts.items[i]) == len &&
			strncasecmp(guard->hosts.items[i], name, len) == 0)
			return true;
	return false;
}

/* Without the port that goes without saying, so that a proxy may add or drop it. */
static size_t without_default_port(const char *host, size_t len)
{
	static const char *const ports[] = {":80", ":443"};

	for (size_t i = 0; i < 2; i++) {
		size_t size = strlen(ports[i]);

		if (len > size && strncmp(host + len - size, ports[i], size) == 0)
			return len - size;
	}
	return len;
}

bool guard_origin(const char *origin, const char *host)
{
	const char *at;
	size_t len, host_len;

	if (!origin)
		return true;
	at = strstr(origin, "://");
	if (!at || !host)
		return false;
	at += 3;
	len = without_default_port(at, strlen(at));
	host_len = without_default_port(host, strlen(host));
	return len == host_len && strncasecmp(at, host, len) == 0;
}

bool guard_is_json(const char *content_type)
{
	static const char json[] = "application/json";
	size_t len = sizeof(json) - 1;

	if (!content_type || strncasecmp(content_type, json, len) != 0)
		return false;
	content_type += len + strspn(content_type + len, " \t");
	return *content_type == '\0' || *content_type == ';';
}
