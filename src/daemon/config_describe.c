/* Every key of leadrelay.yaml in words, from the tables it is read by. */
#include "config_read.h"

#include <stdio.h>
#include <string.h>

#define ALLOWED_SIZE 512
#define DEPTH_MAX 4

struct telling {
	void (*one)(void *ctx, const struct config_key *key);
	void *ctx;
	char path[CONFIG_PATH_MAX];
};

static void add_kind(struct config_key *out, const char *name, bool required)
{
	if (out->kind_count == CONFIG_KINDS_MAX)
		return;
	out->kinds[out->kind_count].name = name;
	out->kinds[out->kind_count++].required = required;
}

/* Of the kinds whose bits a key of sources or of auth has. */
static void add_chosen(
	struct config_key *out, const struct key *key, const struct choice *choices)
{
	for (; choices->name; choices++)
		if (key->kinds & 1u << choices->value)
			add_kind(out, choices->name, key->required);
}

static void add_destinations(struct config_key *out, const struct key *key)
{
	for (int i = 0; i < destination_kind_count; i++) {
		const struct destination_key *own =
			destination_key_find(destination_kinds[i], key->name);

		if (own && kind_can_be_chosen(destination_kinds[i]->name))
			add_kind(out, destination_kinds[i]->name, own->required);
	}
}

static bool is_required(const struct config_key *told, const struct key *key)
{
	bool all = told->kind_count > 0;

	for (size_t i = 0; i < told->kind_count; i++)
		all = all && told->kinds[i].required;
	return key->own ? all : key->required;
}

static void tell_key(struct telling *in, const struct key *keys, const struct key *key)
{
	char allowed[ALLOWED_SIZE];
	struct config_key told = {
		.path = in->path,
		.fallback = key->fallback ? key->fallback : key->otherwise,
		.allowed = key_allowed(key, allowed, sizeof(allowed)),
		.secret = key->secret,
	};

	if (key->own)
		add_destinations(&told, key);
	else if (key->kinds)
		add_chosen(&told, key, keys == auth_keys ? auth_methods : source_kinds);
	told.required = is_required(&told, key);
	in->one(in->ctx, &told);
}

static void tell_section(struct telling *in, const struct key *keys, int depth)
{
	size_t before = strlen(in->path);

	for (const struct key *key = keys; key->name && depth < DEPTH_MAX; key++) {
		snprintf(in->path + before, sizeof(in->path) - before, "%s%s%s",
			before ? "." : "", key->name, key->is_list ? "[]" : "");
		if (key->keys)
			tell_section(in, key->keys, depth + 1);
		else
			tell_key(in, keys, key);
	}
	in->path[before] = '\0';
}

void config_keys_tell(void (*one)(void *ctx, const struct config_key *key), void *ctx)
{
	struct telling in = {.one = one, .ctx = ctx};

	tell_section(&in, config_keys, 0);
}
