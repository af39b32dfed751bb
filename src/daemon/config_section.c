/* Walks the tables of config_keys.c over the document. */
#include "config_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALLOWED_SIZE 512

/* ---- keys that are not in the table ---- */

static size_t smallest(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* How many characters must be changed, added or left out to make a of b. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[65];
	size_t len = strlen(b);

	if (len > 64 || strlen(a) > 64)
		return 64;
	for (size_t i = 0; i <= len; i++)
		row[i] = i;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= len; j++) {
			size_t above = row[j];

			row[j] = smallest(row[j] + 1, row[j - 1] + 1,
				diagonal + (a[i - 1] != b[j - 1]));
			diagonal = above;
		}
	}
	return row[len];
}

static bool kind_has(const struct key *key, const struct section_kind *kind)
{
	if (kind && key->own && kind->destination)
		return destination_key_find(kind->destination, key->name) != NULL;
	return !kind || !key->kinds || (key->kinds & kind->bit);
}

static bool of_some_kinds(const struct key *key)
{
	return key->kinds || key->own;
}

static bool is_required(const struct key *key, const struct section_kind *kind)
{
	if (kind && key->own && kind->destination)
		return destination_key_find(kind->destination, key->name)->required;
	return key->required;
}

/* "client_secret", or "client_secret_file" for the second form of a secret. */
static const char *form_of(const struct key *key, bool file, char out[64])
{
	snprintf(out, 64, "%s%s", key->name, file ? "_file" : "");
	return out;
}

static const struct key *find_key(const struct key *keys, const char *name)
{
	char form[64];

	for (; keys->name; keys++)
		if (strcmp(keys->name, name) == 0 ||
			(keys->secret && strcmp(form_of(keys, true, form), name) == 0))
			return keys;
	return NULL;
}

static void nearest_key(const struct key *keys, const struct section_kind *kind,
	const char *name, char out[64])
{
	size_t best = strlen(name) / 3 + 2;
	char form[64];

	*out = '\0';
	for (; keys->name; keys++) {
		if (!kind_has(keys, kind))
			continue;
		for (int file = 0; file <= (keys->secret ? 1 : 0); file++) {
			size_t distance =
				edit_distance(name, form_of(keys, file != 0, form));

			if (distance >= best)
				continue;
			best = distance;
			memcpy(out, form, sizeof(form));
		}
	}
}

static void unknown_key(struct reading *in, const struct key *keys,
	const struct section_kind *kind, int line, const char *name)
{
	struct buf all = BUF_INIT;
	char near[64];
	const char *separator = "known here: ";

	for (const struct key *key = keys; key->name; key++) {
		if (!kind_has(key, kind))
			continue;
		buf_addf(&all, "%s%s%s", separator, key->name,
			key->secret ? " (or as a file, _file)" : "");
		separator = ", ";
	}
	nearest_key(keys, kind, name, near);
	if (*near)
		problem(in, line, buf_str(&all), "unknown key, did you mean %s?", near);
	else
		problem(in, line, buf_str(&all), "unknown key");
	buf_finish(&all);
}

static void check_names(struct reading *in, const struct key *keys,
	const yaml_node_t *node, const struct section_kind *kind)
{
	mapping_check(in, node);
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
		pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *at = node_at(in, pair->key);
		const char *name = at->type == YAML_SCALAR_NODE
					   ? (const char *)at->data.scalar.value
					   : "";
		const struct key *key = find_key(keys, name);
		size_t before;

		if (!*name || strcmp(name, "<<") == 0 ||
			(kind && kind->bit == KIND_UNUSABLE))
			continue;
		before = path_push(in, name);
		if (!key)
			unknown_key(in, keys, kind, node_line(at), name);
		else if (!kind_has(key, kind))
			problem(in, node_line(at), "remove it", "not a key of %s %s",
				kind->key, kind->name);
		path_pop(in, before);
	}
}

/* ---- keys that are ---- */

static void read_absent(struct reading *in, const struct key *key, int line, void *target)
{
	char allowed[ALLOWED_SIZE];

	if (key->required)
		problem(in, line, key_allowed(key, allowed, sizeof(allowed)), "missing");
	else if (key->fallback)
		key->scalar(in, key, line, key->fallback, target);
	else if (key->node == take_inner)
		key->node(in, key, line, NULL, target);
}

static void read_key(struct reading *in, const struct key *key, int line,
	yaml_node_t *section, void *target, bool tell_missing)
{
	char allowed[ALLOWED_SIZE];
	int at = line;
	yaml_node_t *node = mapping_find(in, section, key->name, &at);
	size_t before;
	char *text;

	if (key->secret) {
		take_secret(in, key, line, section, target);
		return;
	}
	before = path_push(in, key->name);
	if (!node) {
		if (tell_missing || !key->required)
			read_absent(in, key, line, target);
	} else if (key->node) {
		key->node(in, key, at, node, target);
	} else {
		key_allowed(key, allowed, sizeof(allowed));
		text = scalar_text(in, at, node, allowed);
		if (text)
			key->scalar(in, key, at, text, target);
	}
	path_pop(in, before);
}

void take_section(struct reading *in, const struct key *keys, int line, yaml_node_t *node,
	void *base, const struct section_kind *kind)
{
	bool usable = !kind || kind->bit != KIND_UNUSABLE;

	if (node && node->type != YAML_MAPPING_NODE) {
		problem(in, line, "keys with values, each on a line of its own",
			"not a block of keys");
		return;
	}
	if (node)
		check_names(in, keys, node, kind);
	for (const struct key *key = keys; key->name; key++) {
		struct key here = *key;

		if (!kind_has(key, kind) || (!usable && key->secret))
			continue;
		here.required = is_required(key, kind);
		read_key(in, &here, line, node, (char *)base + key->offset,
			usable || !of_some_kinds(key));
	}
}

void take_inner(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target)
{
	size_t before = in->problem_count;

	/* an optional section that is absent still has its defaults */
	for (const struct key *inner = key->keys; !node && inner->name; inner++)
		if (inner->required)
			return;
	take_section(in, key->keys, line, node, target, NULL);
	if (node && key->check && in->problem_count == before)
		key->check(in, line, node, target);
}

/* ---- entries ---- */

/* A value looked at before the section is read; NULL without telling why. */
static const char *peek(struct reading *in, const yaml_node_t *node, const char *name)
{
	const yaml_node_t *value = mapping_find(in, node, name, NULL);

	return value && value->type == YAML_SCALAR_NODE
		       ? (const char *)value->data.scalar.value
		       : NULL;
}

/* The same, ${VAR} expanded. */
static const char *peek_expanded(
	struct reading *in, const yaml_node_t *node, const char *name)
{
	const char *raw = peek(in, node, name);
	size_t before = in->problem_count;
	const char *text = raw ? expand(in, 1, raw) : NULL;

	while (in->problem_count > before) /* it is told when the key is read */
		free(in->problems[--in->problem_count].text);
	return text;
}

static struct section_kind kind_of(struct reading *in, const yaml_node_t *node,
	const char *key, const struct choice *choices)
{
	const char *name = peek_expanded(in, node, key);

	for (; name && choices->name; choices++)
		if (strcmp(choices->name, name) == 0 && !choices->later)
			return (struct section_kind){.key = key,
				.name = choices->name,
				.bit = 1u << choices->value};
	return (struct section_kind){.key = key, .name = "", .bit = KIND_UNUSABLE};
}

static struct section_kind destination_kind_of(
	struct reading *in, const yaml_node_t *node)
{
	const struct destination_kind *kind =
		destination_kind_find(peek_expanded(in, node, "kind"));

	return (struct section_kind){.key = "kind",
		.name = kind ? kind->name : "",
		.bit = kind ? 0 : KIND_UNUSABLE,
		.destination = kind};
}

void take_auth(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target)
{
	struct section_kind kind = kind_of(in, node, "method", auth_methods);
	size_t before = in->problem_count;

	take_section(in, key->keys, line, node, target, &kind);
	if (kind.bit != KIND_UNUSABLE && in->problem_count == before)
		check_auth(in, line, node, target);
}

size_t entry_push(struct reading *in, const yaml_node_t *node, int index)
{
	const char *name = peek(in, node, "name");
	char place[128];

	if (name && *name && strlen(name) <= 64)
		snprintf(place, sizeof(place), "%s", name);
	else
		snprintf(place, sizeof(place), "[%d]", index);
	return path_push(in, place);
}

static bool is_entry_list(
	struct reading *in, const struct key *key, int line, const yaml_node_t *node)
{
	if (node->type == YAML_SEQUENCE_NODE &&
		node->data.sequence.items.top > node->data.sequence.items.start)
		return true;
	problem(in, line, key->allowed,
		node->type == YAML_SEQUENCE_NODE ? "an empty list" : "not a list");
	return false;
}

static int entry_count(const yaml_node_t *node)
{
	return (int)(node->data.sequence.items.top - node->data.sequence.items.start);
}

void take_sources(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target)
{
	struct config *config = target;

	if (!is_entry_list(in, key, line, node))
		return;
	config->sources = memory_alloc(
		in->memory, (size_t)entry_count(node) * sizeof(*config->sources));
	for (int i = 0; config->sources && i < entry_count(node); i++) {
		yaml_node_t *entry = node_at(in, node->data.sequence.items.start[i]);
		struct source_settings *source = &config->sources[config->source_count++];
		struct section_kind kind = kind_of(in, entry, "kind", source_kinds);
		size_t before = entry_push(in, entry, i);

		source->on_invalid = kind.bit == 1u << SOURCE_MARKETPLACE
					     ? ON_INVALID_QUARANTINE
					     : ON_INVALID_REJECT;
		take_section(in, key->keys, node_line(entry), entry, source, &kind);
		check_source(in, node_line(entry), entry, source);
		path_pop(in, before);
	}
}

void take_destinations(struct reading *in, const struct key *key, int line,
	yaml_node_t *node, void *target)
{
	struct config *config = target;

	if (!is_entry_list(in, key, line, node))
		return;
	config->destinations = memory_alloc(
		in->memory, (size_t)entry_count(node) * sizeof(*config->destinations));
	for (int i = 0; config->destinations && i < entry_count(node); i++) {
		yaml_node_t *entry = node_at(in, node->data.sequence.items.start[i]);
		struct destination_settings *destination =
			&config->destinations[config->destination_count++];
		struct section_kind kind = destination_kind_of(in, entry);
		size_t before = entry_push(in, entry, i);
		size_t problems = in->problem_count;

		destination->route.allow_private = true;
		take_section(in, key->keys, node_line(entry), entry, destination, &kind);
		if (in->problem_count == problems)
			check_destination(in, node_line(entry), entry, destination);
		path_pop(in, before);
	}
}
