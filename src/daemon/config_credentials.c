/* Whether a reload brought a destination new credentials, or another way to it: a parked
 * one then asks again. */
#include "config_read.h"

#include <string.h>

static const struct destination_settings *find(
	const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->destination_count; i++)
		if (strcmp(config->destinations[i].name, name) == 0)
			return &config->destinations[i];
	return NULL;
}

static bool texts_differ(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) != 0 : a != b;
}

static bool secrets_differ(const struct secret *a, const struct secret *b)
{
	if (a->count != b->count)
		return true;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->values[i], b->values[i]) != 0)
			return true;
	return false;
}

static const uint8_t *digest_of(const struct config *config, const char *path)
{
	const struct watched *watched = memory_watched(config->memory);

	while (watched && strcmp(watched->path, path) != 0)
		watched = watched->next;
	return watched ? watched->digest : NULL;
}

static bool files_differ(const struct config *before, const char *a,
	const struct config *after, const char *b)
{
	const uint8_t *old, *new;

	if (texts_differ(a, b) || !a)
		return texts_differ(a, b);
	old = digest_of(before, a);
	new = digest_of(after, b);
	return !old || !new || memcmp(old, new, SHA256_SIZE) != 0;
}

static bool auth_differs(const struct config *before, const struct auth_settings *a,
	const struct config *after, const struct auth_settings *b)
{
	return a->method != b->method || a->token_version != b->token_version ||
	       secrets_differ(&a->client_secret, &b->client_secret) ||
	       secrets_differ(&a->password, &b->password) ||
	       texts_differ(a->directory_id, b->directory_id) ||
	       texts_differ(a->client_id, b->client_id) ||
	       texts_differ(a->username, b->username) ||
	       texts_differ(a->authority, b->authority) ||
	       texts_differ(a->token_url, b->token_url) ||
	       files_differ(before, a->certificate, after, b->certificate) ||
	       files_differ(before, a->key, after, b->key);
}

static bool pairs_differ(const struct pair_list *a, const struct pair_list *b)
{
	if (a->count != b->count)
		return true;
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->items[i].name, b->items[i].name) != 0 ||
			strcmp(a->items[i].value, b->items[i].value) != 0)
			return true;
	return false;
}

/* What lets a connection be made, or refused. */
static bool route_differs(const struct config *before, const struct route_settings *a,
	const struct config *after, const struct route_settings *b)
{
	return a->allow_private != b->allow_private || texts_differ(a->proxy, b->proxy) ||
	       files_differ(before, a->ca_file, after, b->ca_file) ||
	       files_differ(
		       before, a->client_certificate, after, b->client_certificate) ||
	       files_differ(before, a->client_key, after, b->client_key);
}

static bool mail_differs(const struct config *before, const struct config *after)
{
	const struct smtp_settings *a = &before->mail.smtp;
	const struct smtp_settings *b = &after->mail.smtp;

	return before->mail.configured != after->mail.configured || a->auth != b->auth ||
	       a->tls != b->tls || texts_differ(a->url, b->url) ||
	       texts_differ(before->mail.from, after->mail.from) ||
	       texts_differ(a->username, b->username) ||
	       secrets_differ(&a->password, &b->password) ||
	       auth_differs(before, &a->oauth, after, &b->oauth);
}

bool config_credentials_changed(
	const struct config *before, const struct config *after, const char *destination)
{
	const struct destination_settings *old, *new;

	if (strcmp(destination, MAIL_DESTINATION) == 0)
		return mail_differs(before, after);
	old = find(before, destination);
	new = find(after, destination);
	if (!old || !new)
		return old != new;
	return auth_differs(before, &old->auth, after, &new->auth) ||
	       secrets_differ(&old->secret, &new->secret) ||
	       pairs_differ(&old->headers, &new->headers) ||
	       route_differs(before, &old->route, after, &new->route) ||
	       secrets_differ(&old->connection_string, &new->connection_string) ||
	       secrets_differ(&old->sas, &new->sas);
}
