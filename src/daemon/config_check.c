/* Rules between keys: what one value says about another. */
#include "config_read.h"

#include "leadrelay/clock.h"
#include "leadrelay/destination.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DAY_MS ((int64_t)24 * 3600 * 1000)

static int line_of(
	struct reading *in, const yaml_node_t *node, const char *name, int otherwise)
{
	mapping_find(in, node, name, &otherwise);
	return otherwise;
}

void key_problem(struct reading *in, const yaml_node_t *node, int line, const char *name,
	const char *allowed, const char *wrong)
{
	size_t before = path_push(in, name);

	problem(in, line_of(in, node, name, line), allowed, "%s", wrong);
	path_pop(in, before);
}

/* When it expires; 0 after a problem, told of the key `name`. */
static int64_t certificate_pair_problem(struct reading *in, const yaml_node_t *node,
	int line, const char *name, const char *certificate, const char *key)
{
	int64_t expires = 0;
	struct err err;

	if (certificate_pair_check(certificate, key, &expires, &err) == ERR_OK)
		return expires;
	key_problem(in, node, line, name,
		"a PEM certificate and the private key that belongs to it", err.text);
	return 0;
}

static int64_t certificate_check(struct reading *in, const yaml_node_t *node, int line,
	const char *certificate, const char *key)
{
	return certificate_pair_problem(in, node, line, "certificate", certificate, key);
}

static void warn_certificate(
	struct reading *in, const char *certificate, int64_t expires_at)
{
	int64_t left = expires_at - clock_wall(&clock_system);

	if (!expires_at || left > 30 * DAY_MS)
		return;
	if (left <= 0)
		warning(in, "the certificate %s has expired: replace it", certificate);
	else
		warning(in, "the certificate %s expires in %" PRId64 " days: replace it",
			certificate, left / DAY_MS);
}

bool all_loopback(const struct text_list *listen)
{
	char host[64];
	int port;

	for (size_t i = 0; i < listen->count; i++)
		if (listen_split(listen->items[i], host, &port) &&
			!host_is_loopback(host))
			return false;
	return true;
}

bool check_tls(struct reading *in, int line, const yaml_node_t *node,
	const struct intake_settings *settings)
{
	const yaml_node_t *tls = mapping_find(in, node, "tls", &line);
	size_t before;

	if (!tls)
		return false;
	before = path_push(in, "tls");
	warn_certificate(in, settings->tls_certificate,
		certificate_check(
			in, tls, line, settings->tls_certificate, settings->tls_key));
	path_pop(in, before);
	return true;
}

void check_intake(struct reading *in, int line, yaml_node_t *node, void *target)
{
	const struct intake_settings *intake = target;

	if (intake->max_memory < intake->max_body)
		key_problem(in, node, line, "max_memory", "at least max_body",
			"smaller than max_body, so that no body of that size fits");
	if (!check_tls(in, line, node, intake) && !intake->allow_plain &&
		!all_loopback(&intake->listen))
		key_problem(in, node, line, "listen",
			"give tls: { certificate, key }, listen on 127.0.0.1 behind a proxy, or set allow_plain: true",
			"plain HTTP on an address other machines reach");
}

void check_retry(struct reading *in, int line, yaml_node_t *node, void *target)
{
	const struct retry_rule *retry = target;

	if (retry->longest_ms < retry->first_ms)
		key_problem(in, node, line, "longest", "at least retry.first",
			"shorter than the first wait");
}

/* ---- auth ---- */

static bool directory_valid(const struct auth_settings *auth)
{
	if (guid_valid(auth->directory_id))
		return true;
	if (auth->method == AUTH_OFFICE365 &&
		strcmp(auth->directory_id, "organizations") == 0)
		return true;
	return strchr(auth->directory_id, '.') && hostname_valid(auth->directory_id);
}

static void check_directory(
	struct reading *in, int line, yaml_node_t *node, struct auth_settings *auth)
{
	static const char allowed[] = "a GUID such as "
				      "12345678-0000-0000-0000-000000000000, or a domain "
				      "of the directory";

	if (!auth->directory_id && auth->method == AUTH_OFFICE365)
		auth->directory_id = memory_text(in->memory, "organizations", 13);
	else if (!auth->directory_id && !auth->token_url)
		key_problem(in, NULL, line, "directory_id", allowed, "missing");
	else if (auth->directory_id && !directory_valid(auth))
		key_problem(in, node, line, "directory_id", allowed,
			"not a directory (tenant) id");
	/* AD FS knows client ids that are not GUIDs */
	if (!auth->token_url && !guid_valid(auth->client_id))
		key_problem(in, node, line, "client_id",
			"a GUID such as 23456052-0000-0000-0000-000000000000",
			"not an application (client) id");
}

void check_auth(struct reading *in, int line, yaml_node_t *node, void *target)
{
	struct auth_settings *auth = target;

	if (!memory_ok(in->memory)) /* what is missing is not the file's fault */
		return;
	check_directory(in, line, node, auth);
	if (auth->method == AUTH_AZURE_AD_CERTIFICATE) {
		int64_t expires_at =
			certificate_check(in, node, line, auth->certificate, auth->key);

		if (!auth->expires_at || (expires_at && expires_at < auth->expires_at))
			auth->expires_at = expires_at;
	}
	if (auth->method == AUTH_OFFICE365 && !auth->expires_at &&
		auth->password.changed_at)
		auth->expires_at = (auth->password.changed_at / DAY_MS + 90) * DAY_MS;
}

/* ---- sources and destinations ---- */

void check_source(struct reading *in, int line, yaml_node_t *node,
	const struct source_settings *source)
{
	const struct source_settings *other = in->config->sources;

	if (!memory_ok(in->memory)) /* what is missing is not the file's fault */
		return;
	for (; source->name && other < source; other++)
		if (other->name && strcmp(other->name, source->name) == 0) {
			key_problem(in, node, line, "name", "a name of its own",
				"another source has this name");
			break;
		}
}

/* An environment's page from the address bar: all behind the host is dropped later. */
static bool is_pasted_page(const char *name, const char *host)
{
	static const char cloud[] = ".dynamics.com";
	size_t len = strlen(host), size = sizeof(cloud) - 1;

	return strcmp(name, "url") == 0 && len > size &&
	       strcasecmp(host + len - size, cloud) == 0;
}

/* https, or http where nobody can listen, or where the operator takes the risk. */
static void check_secure(struct reading *in, const yaml_node_t *node, int line,
	const char *name, const char *text, bool allow_plain, bool query)
{
	struct url_parts url;

	if (!text || !url_split(text, &url))
		return;
	if (strcmp(url.scheme, "http") == 0 && !allow_plain &&
		!host_is_loopback(url.host))
		key_problem(in, node, line, name,
			"https://, http:// on loopback, or allow_plain: true beside it",
			"http:// would send secrets and leads in the clear");
	if (url.has_query && !query && !is_pasted_page(name, url.host))
		key_problem(in, node, line, name, "end the address before ? and #",
			"an address with a query or fragment");
}

void check_auth_urls(struct reading *in, const yaml_node_t *node, int line,
	const struct auth_settings *auth, bool allow_plain)
{
	check_secure(in, node, line, "authority", auth->authority, allow_plain, false);
	check_secure(in, node, line, "token_url", auth->token_url, allow_plain, false);
}

static void check_destination_auth(struct reading *in, const yaml_node_t *node, int line,
	const struct destination_settings *destination)
{
	const yaml_node_t *auth = mapping_find(in, node, "auth", &line);
	size_t before = path_push(in, "auth");

	check_auth_urls(
		in, auth, line, &destination->auth, destination->route.allow_plain);
	path_pop(in, before);
}

/* "destination crm: url: what is wrong" at the line of url, or of url_file. */
static void kind_problem(
	struct reading *in, const yaml_node_t *node, int line, const struct err *err)
{
	const char *at = err->code == ERR_NOMEM ? NULL : strstr(err->text, ": ");
	const char *wrong = at ? strstr(at + 2, ": ") : NULL;
	char key[64], file_key[80];
	size_t before;

	if (!wrong || (size_t)(wrong - at - 2) >= sizeof(key)) {
		problem_of(in, line, NULL, err);
		return;
	}
	snprintf(key, sizeof(key), "%.*s", (int)(wrong - at - 2), at + 2);
	snprintf(file_key, sizeof(file_key), "%s_file", key);
	line = line_of(in, node, key, line_of(in, node, file_key, line));
	before = path_push(in, key);
	problem(in, line, NULL, "%s", wrong + 2);
	path_pop(in, before);
}

/* The kind's own word: it reads and checks what only it knows. Its credential may say
 * when it ends. */
static void check_by_kind(struct reading *in, const yaml_node_t *node, int line,
	struct destination_settings *destination)
{
	struct destination *made;
	struct err err;

	if (destination_create(&made, destination, &entropy_system, &err) != ERR_OK) {
		kind_problem(in, node, line, &err);
		return;
	}
	if (!destination->auth.expires_at)
		destination->auth.expires_at = made->base.expires_at;
	destination_destroy(made);
}

/* Both or none, and a pair; its end is the credential's. */
static void check_client_certificate(struct reading *in, const yaml_node_t *node,
	int line, struct destination_settings *destination)
{
	const struct route_settings *route = &destination->route;
	int64_t expires_at;

	if (!route->client_certificate != !route->client_key) {
		key_problem(in, node, line,
			route->client_key ? "client_certificate" : "client_key",
			"both client_certificate and client_key, or neither", "missing");
		return;
	}
	if (!route->client_certificate)
		return;
	expires_at = certificate_pair_problem(in, node, line, "client_certificate",
		route->client_certificate, route->client_key);
	if (!destination->auth.expires_at)
		destination->auth.expires_at = expires_at;
}

/* Power Automate and Azure Functions put their key there. */
static void warn_query(struct reading *in, const struct destination_settings *destination)
{
	bool query = destination_kind_find(destination->kind)->url_query &&
		     destination->url && strchr(destination->url, '?');

	if (query && (in->mode & S_IRWXO))
		warning(in,
			"the url of destination %s has a query, which may hold a secret, and "
			"everybody on this machine can read this file: chmod o= %s",
			destination->name, in->file);
}

void check_destination(struct reading *in, int line, yaml_node_t *node,
	struct destination_settings *destination)
{
	const struct destination_settings *other = in->config->destinations;
	size_t before = in->problem_count;
	struct err err;

	if (!memory_ok(in->memory)) /* what is missing is not the file's fault */
		return;
	for (; other < destination; other++)
		if (other->name && strcmp(other->name, destination->name) == 0) {
			key_problem(in, node, line, "name", "a name of its own",
				"another destination has this name");
			break;
		}
	check_secure(in, node, line, "url", destination->url,
		destination->route.allow_plain,
		destination_kind_find(destination->kind)->url_query);
	check_destination_auth(in, node, line, destination);
	if (destination->route.ca_file &&
		certificate_bundle_check(destination->route.ca_file, &err) != ERR_OK)
		key_problem(in, node, line, "ca_file",
			"a PEM file with the certificates to trust", err.text);
	check_client_certificate(in, node, line, destination);
	if (in->problem_count == before)
		check_by_kind(in, node, line, destination);
	warn_query(in, destination);
}

/* ---- the whole file ---- */

static struct destination_settings *find_destination(
	const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->destination_count; i++)
		if (config->destinations[i].name &&
			strcmp(config->destinations[i].name, name) == 0)
			return &config->destinations[i];
	return NULL;
}

static void destination_names(const struct config *config, struct buf *out)
{
	buf_adds(out, "one of");
	for (size_t i = 0; i < config->destination_count; i++)
		if (config->destinations[i].name)
			buf_addf(out, " %s", config->destinations[i].name);
}

/* The line of one name in a source's list of destinations. */
static int line_of_name(struct reading *in, const yaml_node_t *entry, const char *name)
{
	int line = node_line(entry);
	const yaml_node_t *list = mapping_find(in, entry, "destinations", &line);

	if (!list || list->type != YAML_SEQUENCE_NODE)
		return line;
	for (yaml_node_item_t *at = list->data.sequence.items.start;
		at < list->data.sequence.items.top; at++) {
		const yaml_node_t *item = node_at(in, *at);

		if (item->type == YAML_SCALAR_NODE &&
			strcmp((const char *)item->data.scalar.value, name) == 0)
			return node_line(item);
	}
	return line;
}

static void check_routes(struct reading *in, const yaml_node_t *entry,
	const struct source_settings *source)
{
	for (size_t i = 0; i < source->destinations.count; i++) {
		const char *name = source->destinations.items[i];
		struct buf allowed = BUF_INIT;
		char shown[QUOTED_SIZE];

		if (find_destination(in->config, name))
			continue;
		destination_names(in->config, &allowed);
		problem(in, line_of_name(in, entry, name), buf_str(&allowed),
			"%s is not a destination", quoted(name, shown));
		buf_finish(&allowed);
	}
}

static void check_all_routes(struct reading *in)
{
	const yaml_node_t *list = mapping_find(
		in, yaml_document_get_root_node(&in->document), "sources", NULL);

	for (size_t i = 0; i < in->config->source_count; i++) {
		const struct source_settings *source = &in->config->sources[i];
		char path[200];
		size_t before;

		snprintf(path, sizeof(path), "sources.%s.destinations",
			source->name ? source->name : "?");
		before = path_push(in, path);
		check_routes(in, node_at(in, list->data.sequence.items.start[i]), source);
		path_pop(in, before);
	}
}

static bool is_used(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->source_count; i++)
		for (size_t j = 0; j < config->sources[i].destinations.count; j++)
			if (strcmp(config->sources[i].destinations.items[j], name) == 0)
				return true;
	return false;
}

static void warn_expiry(struct reading *in, const char *whose, const char *name,
	const struct auth_settings *auth)
{
	int64_t left = auth->expires_at - clock_wall(&clock_system);

	if (!auth->expires_at || left > 30 * DAY_MS)
		return;
	if (left <= 0)
		warning(in,
			"the credential of %s%s has expired by its date: renew it and set its expires",
			whose, name);
	else
		warning(in,
			"the credential of %s%s expires in %" PRId64 " days: renew it",
			whose, name, left / DAY_MS);
}

static void warn_nobody_told(struct reading *in)
{
	for (size_t i = 0; i < in->config->destination_count; i++)
		if (in->config->destinations[i].contacts.count > 0) {
			warning(in,
				"there are contacts but no mail: block: nobody is notified");
			return;
		}
}

static void check_private(struct reading *in)
{
	size_t before;

	if (!in->wants_private || !(in->mode & ~(mode_t)0640 & 0777))
		return;
	before = path_push(in, in->private_path);
	problem(in, in->private_line,
		"chmod 0600 (or 0640) the file, or give the secret in a file of its own (X_file)",
		"a secret stands in this file and its mode is %04o",
		(unsigned)(in->mode & 0777));
	path_pop(in, before);
}

void check_whole(struct reading *in)
{
	check_private(in);
	check_all_routes(in);
	if (in->problem_count > 0)
		return;
	for (size_t i = 0; i < in->config->destination_count; i++) {
		if (!is_used(in->config, in->config->destinations[i].name))
			warning(in, "no source leads to destination %s",
				in->config->destinations[i].name);
		warn_expiry(in, "destination ", in->config->destinations[i].name,
			&in->config->destinations[i].auth);
	}
	warn_expiry(in, "mail", "", &in->config->mail.smtp.oauth);
	if (!in->config->mail.configured)
		warn_nobody_told(in);
}
