/* Values that are lists or blocks of free keys. */
#include "config_read.h"

#include "leadrelay/json.h"
#include "leadrelay/mailbox.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LIST_MAX 1000

static void append(struct reading *in, struct text_list *list, const char *text)
{
	char **items = memory_alloc(in->memory, (list->count + 1) * sizeof(*items));

	if (!items)
		return;
	if (list->count > 0)
		memcpy(items, list->items, list->count * sizeof(*items));
	items[list->count] = memory_text(in->memory, text, strlen(text));
	list->items = items;
	if (items[list->count])
		list->count++;
}

static bool holds(const struct text_list *list, const char *text, bool nocase)
{
	for (size_t i = 0; i < list->count; i++)
		if ((nocase ? strcasecmp : strcmp)(list->items[i], text) == 0)
			return true;
	return false;
}

typedef void item_reader(struct reading *in, const struct key *key, int line,
	const char *text, struct text_list *list);

/* "a" or ["a", "b"]. */
static void read_list(struct reading *in, const struct key *key, int line,
	yaml_node_t *node, struct text_list *list, item_reader *item)
{
	char *text;

	if (node->type == YAML_SCALAR_NODE) {
		text = scalar_text(in, line, node, key->allowed);
		if (text)
			item(in, key, line, text, list);
		return;
	}
	if (node->type != YAML_SEQUENCE_NODE) {
		problem(in, line, key->allowed, "a block of keys where a list belongs");
		return;
	}
	if (node->data.sequence.items.top - node->data.sequence.items.start > LIST_MAX) {
		problem(in, line, key->allowed, "a list of more than %d", LIST_MAX);
		return;
	}
	for (yaml_node_item_t *at = node->data.sequence.items.start;
		at < node->data.sequence.items.top; at++) {
		const yaml_node_t *value = node_at(in, *at);

		text = scalar_text(in, node_line(value), value, key->allowed);
		if (text)
			item(in, key, node_line(value), text, list);
	}
	if (key->min > 0 &&
		node->data.sequence.items.top == node->data.sequence.items.start)
		problem(in, line, key->allowed, "an empty list");
}

static void refuse_item(struct reading *in, const struct key *key, int line,
	const char *text, const char *wrong)
{
	char shown[QUOTED_SIZE];

	problem(in, line, key->allowed, "%s %s", quoted(text, shown), wrong);
}

static void listen_item(struct reading *in, const struct key *key, int line,
	const char *text, struct text_list *list)
{
	char host[64];
	char plain[80];
	int port;

	if (!listen_split(text, host, &port)) {
		refuse_item(in, key, line, text, "is not an address to listen on");
		return;
	}
	if (strcasecmp(host, "localhost") == 0) {
		snprintf(plain, sizeof(plain), "127.0.0.1:%d", port);
		text = plain;
	}
	if (port != 0 && holds(list, text, true))
		refuse_item(in, key, line, text, "stands twice");
	else
		append(in, list, text);
}

void take_listen(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target)
{
	read_list(in, key, line, node, target, listen_item);
}

static void network_item(struct reading *in, const struct key *key, int line,
	const char *text, struct text_list *list)
{
	if (network_valid(text))
		append(in, list, text);
	else
		refuse_item(in, key, line, text, "is not an address or network");
}

void take_networks(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target)
{
	read_list(in, key, line, node, target, network_item);
}

static void name_item(struct reading *in, const struct key *key, int line,
	const char *text, struct text_list *list)
{
	if (holds(list, text, false))
		refuse_item(in, key, line, text, "stands twice");
	else
		append(in, list, text);
}

void take_names(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target)
{
	read_list(in, key, line, node, target, name_item);
}

/* Without a port: it is the name that tells a browser's page from another's. */
static void host_item(struct reading *in, const struct key *key, int line,
	const char *text, struct text_list *list)
{
	if (!hostname_valid(text))
		refuse_item(in, key, line, text, "is not the name of a host");
	else if (holds(list, text, true))
		refuse_item(in, key, line, text, "stands twice");
	else
		append(in, list, text);
}

void take_hosts(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target)
{
	read_list(in, key, line, node, target, host_item);
}

static void origin_item(struct reading *in, const struct key *key, int line,
	const char *text, struct text_list *list)
{
	struct url_parts url;

	if (strcmp(text, "*") != 0 &&
		(!url_split(text, &url) || *url.path || url.has_query || url.has_user ||
			(strcmp(url.scheme, "https") != 0 &&
				strcmp(url.scheme, "http") != 0)))
		refuse_item(in, key, line, text, "is not an origin");
	else
		append(in, list, text);
}

void take_origins(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target)
{
	read_list(in, key, line, node, target, origin_item);
}

/* One text may hold several, separated by semicolons, as the marketplace form takes them.
 * What is kept are the bare addresses. */
static void contact_item(struct reading *in, const struct key *key, int line,
	const char *text, struct text_list *list)
{
	struct mailbox_list mailboxes;
	struct err err;

	if (mailbox_list_parse(&mailboxes, text, &err) != ERR_OK) {
		problem_of(in, line, key->allowed, &err);
		return;
	}
	for (size_t i = 0; i < mailboxes.count; i++)
		if (!holds(list, mailboxes.items[i].address, true))
			append(in, list, mailboxes.items[i].address);
	mailbox_list_finish(&mailboxes);
}

void take_contacts(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target)
{
	read_list(in, key, line, node, target, contact_item);
}

/* ---- blocks of free keys ---- */

typedef bool name_check(struct reading *in, int line, const char *name);

static const char *node_key(struct reading *in, const yaml_node_pair_t *pair, int *line)
{
	const yaml_node_t *key = node_at(in, pair->key);

	*line = node_line(key);
	return key->type == YAML_SCALAR_NODE ? (const char *)key->data.scalar.value : "";
}

static bool is_mapping(
	struct reading *in, const struct key *key, int line, const yaml_node_t *node)
{
	if (node->type == YAML_MAPPING_NODE) {
		mapping_check(in, node);
		return true;
	}
	problem(in, line, key->allowed, "not a block of keys");
	return false;
}

static void canonical_refused(struct reading *in, int line, const char *name)
{
	struct buf all = BUF_INIT;
	char shown[QUOTED_SIZE];

	buf_adds(&all, "one of");
	for (int i = 0; i < FIELD_COUNT; i++)
		buf_addf(&all, " %s", lead_field_name((enum lead_field)i));
	problem(in, line, buf_str(&all), "%s is not a canonical field",
		quoted(name, shown));
	buf_finish(&all);
}

static bool is_canonical(struct reading *in, int line, const char *name)
{
	if (lead_field_find(name) >= 0)
		return true;
	canonical_refused(in, line, name);
	return false;
}

static bool is_any_name(struct reading *in, int line, const char *name)
{
	(void)in;
	(void)line;
	return *name != '\0'; /* mapping_check has told the empty one */
}

static bool is_column(struct reading *in, int line, const char *name)
{
	static const char characters[] = "abcdefghijklmnopqrstuvwxyz0123456789"
					 "ABCDEFGHIJKLMNOPQRSTUVWXYZ_@.-";
	char shown[QUOTED_SIZE];

	if (strlen(name) <= 128 && (isalpha((unsigned char)*name) || *name == '_') &&
		name[strspn(name, characters)] == '\0')
		return true;
	problem(in, line, "letters, digits, _ and @odata.bind, at most 128",
		"%s cannot be the name of a column", quoted(name, shown));
	return false;
}

static void append_pair(struct reading *in, struct pair_list *list, const char *name,
	char *value, bool literal)
{
	struct pair *items = memory_alloc(in->memory, (list->count + 1) * sizeof(*items));

	if (!items || !value)
		return;
	if (list->count > 0)
		memcpy(items, list->items, list->count * sizeof(*items));
	items[list->count].name = memory_text(in->memory, name, strlen(name));
	items[list->count].value = value;
	items[list->count].literal = literal;
	list->items = items;
	if (items[list->count].name)
		list->count++;
}

/* A JSON number, true or false, written without quotes. */
static bool is_literal(struct reading *in, const yaml_node_t *node, const char *text)
{
	struct err err;
	cJSON *json;
	bool literal;

	if (!node_is_plain(node) || !strchr("-0123456789tf", *text))
		return false;
	if (json_read(text, strlen(text), &json, &err) != ERR_OK) {
		if (err.code == ERR_NOMEM)
			memory_fail(in->memory);
		return false;
	}
	literal = json_is_number(json) || cJSON_IsBool(json);
	cJSON_Delete(json);
	return literal;
}

static void read_pairs(struct reading *in, const struct key *key, int line,
	const yaml_node_t *node, struct pair_list *list, name_check *name_fine,
	name_check *value_fine, bool literals)
{
	if (!is_mapping(in, key, line, node))
		return;
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
		pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *value = node_at(in, pair->value);
		int at;
		const char *name = node_key(in, pair, &at);
		size_t before = path_push(in, name);
		char *text = scalar_text(in, at, value, key->allowed);

		if (name_fine(in, at, name) && text && value_fine(in, at, text))
			append_pair(in, list, name, text,
				literals && is_literal(in, value, text));
		path_pop(in, before);
	}
}

void take_source_map(struct reading *in, const struct key *key, int line,
	yaml_node_t *node, void *target)
{
	read_pairs(in, key, line, node, target, is_any_name, is_canonical, false);
}

void take_source_set(struct reading *in, const struct key *key, int line,
	yaml_node_t *node, void *target)
{
	read_pairs(in, key, line, node, target, is_canonical, is_any_name, false);
}

void take_destination_map(struct reading *in, const struct key *key, int line,
	yaml_node_t *node, void *target)
{
	const struct pair_list *list = target;

	read_pairs(in, key, line, node, target, is_canonical, is_column, false);
	for (size_t i = 1; i < list->count; i++)
		for (size_t j = 0; j < i; j++)
			if (strcmp(list->items[i].value, list->items[j].value) == 0)
				problem(in, line, "a column of its own for each",
					"%s and %s are both to be %s",
					list->items[j].name, list->items[i].name,
					list->items[i].value);
}

void take_destination_set(struct reading *in, const struct key *key, int line,
	yaml_node_t *node, void *target)
{
	read_pairs(in, key, line, node, target, is_column, is_any_name, true);
}

/* ---- headers ---- */

static bool is_header_name(struct reading *in, int line, const char *name)
{
	static const char characters[] = "abcdefghijklmnopqrstuvwxyz"
					 "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					 "0123456789!#$%&'*+-.^_`|~";
	char shown[QUOTED_SIZE];

	if (*name && strlen(name) <= 128 && name[strspn(name, characters)] == '\0')
		return true;
	problem(in, line, "letters, digits and - at most 128, such as X-Api-Key",
		"%s cannot be the name of a header", quoted(name, shown));
	return false;
}

/* What usually lets somebody in; a value taken whole from ${VAR} does not stand here. */
static bool holds_secret(const char *name, const yaml_node_t *value)
{
	static const char *const words[] = {
		"auth", "cookie", "key", "password", "secret", "signature", "token"};
	const char *raw = value->type == YAML_SCALAR_NODE
				  ? (const char *)value->data.scalar.value
				  : "";
	bool found = false;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		found = found || strcasestr(name, words[i]);
	return found && !is_variable_only(raw);
}

/* NAME_file: the value is the one line of that file. */
static void header_from_file(struct reading *in, const struct key *key, int line,
	yaml_node_t *node, const char *name, size_t len, struct pair_list *list)
{
	const struct key one = {.name = memory_text(in->memory, name, len),
		.allowed = "one line",
		.min = 1,
		.max = 1};
	struct secret secret = {0};

	(void)key;
	if (!one.name || !is_header_name(in, line, one.name))
		return;
	take_secret(in, &one, line, node, &secret);
	if (secret.count == 1)
		append_pair(in, list, one.name, secret.values[0], false);
}

static void header_item(struct reading *in, const struct key *key, int line,
	yaml_node_t *node, const yaml_node_pair_t *pair, struct pair_list *list)
{
	static const char file[] = "_file";
	const size_t tail = sizeof(file) - 1;
	yaml_node_t *value = node_at(in, pair->value);
	const char *name = node_key(in, pair, &line);
	size_t len = strlen(name), before;
	char *text;

	for (size_t i = 0; i < list->count; i++)
		if (strcasecmp(list->items[i].name, name) == 0)
			problem(in, line, key->allowed, "%s stands twice", name);
	if (len > tail && strcmp(name + len - tail, file) == 0) {
		header_from_file(in, key, line, node, name, len - tail, list);
		return;
	}
	before = path_push(in, name);
	text = scalar_text(in, line, value, key->allowed);
	if (is_header_name(in, line, name) && text)
		append_pair(in, list, name, text, false);
	if (holds_secret(name, value))
		want_private(in, line);
	path_pop(in, before);
}

void take_headers(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target)
{
	struct pair_list *list = target;

	if (!is_mapping(in, key, line, node))
		return;
	if (node->data.mapping.pairs.top - node->data.mapping.pairs.start > key->max) {
		problem(in, line, key->allowed, "too many headers");
		return;
	}
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
		pair < node->data.mapping.pairs.top; pair++)
		header_item(in, key, line, node, pair, list);
}

static void pattern_item(struct reading *in, const struct key *key, int line,
	const char *text, struct text_list *list)
{
	(void)key;
	(void)line;
	append(in, list, text);
}

void take_when(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target)
{
	struct destination_settings *destination = target; /* two members: offset 0 */
	size_t max;

	if (!is_mapping(in, key, line, node))
		return;
	max = (size_t)(node->data.mapping.pairs.top - node->data.mapping.pairs.start);
	destination->when =
		memory_alloc(in->memory, (max + 1) * sizeof(*destination->when));
	for (size_t i = 0; destination->when && i < max; i++) {
		yaml_node_pair_t *pair = node->data.mapping.pairs.start + i;
		struct route_rule *rule = &destination->when[destination->when_count];
		struct text_list patterns = {0};
		int at;
		const char *name = node_key(in, pair, &at);
		size_t before = path_push(in, name);

		if (is_canonical(in, at, name)) {
			read_list(in, key, at, node_at(in, pair->value), &patterns,
				pattern_item);
			rule->field = (enum lead_field)lead_field_find(name);
			rule->patterns = patterns.items;
			rule->count = patterns.count;
			destination->when_count++;
		}
		path_pop(in, before);
	}
}
