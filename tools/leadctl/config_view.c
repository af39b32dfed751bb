/* config keys: what may stand in the configuration, from the tables it is read by. */
#include "leadctl.h"

#include <string.h>

struct printing {
	struct cli *cli;
	const char *wanted; /* only keys that begin so; "" for all */
	cJSON *list;        /* NULL: for people */
	size_t count;
};

/* "destinations.auth" is as good as "destinations[].auth". */
static bool begins_with(const char *path, const char *wanted)
{
	while (*wanted) {
		if (*path == *wanted)
			wanted++;
		else if (*path != '[' && *path != ']')
			return false;
		path++;
	}
	return true;
}

/* ---- for people ---- */

static void print_kinds(struct cli *cli, const struct config_key *key, bool required)
{
	const char *separator = " (";

	for (size_t i = 0; i < key->kind_count; i++) {
		if (required && !key->kinds[i].required)
			continue;
		buf_addf(&cli->out, "%s%s", separator, key->kinds[i].name);
		separator = ", ";
	}
	if (*separator == ',')
		buf_addc(&cli->out, ')');
}

static bool required_by_some(const struct config_key *key)
{
	bool some = false;

	for (size_t i = 0; i < key->kind_count; i++)
		some = some || key->kinds[i].required;
	return some && !key->required;
}

static void print_key(struct cli *cli, const struct config_key *key)
{
	const char *last = strrchr(key->path, '.');

	buf_addf(
		&cli->out, "%s%s%s", colour_start(cli, BOLD), key->path, colour_end(cli));
	print_kinds(cli, key, false);
	if (key->required || required_by_some(key))
		buf_adds(&cli->out, ": required");
	else
		buf_addf(&cli->out, ": %s", key->fallback ? key->fallback : "none");
	if (required_by_some(key))
		print_kinds(cli, key, true);
	buf_addf(&cli->out, "\n    %s", key->allowed);
	if (key->secret)
		buf_addf(&cli->out, "; or %s_file: a file with it",
			last ? last + 1 : key->path);
	buf_addc(&cli->out, '\n');
}

/* ---- for scripts ---- */

static void add_kinds(
	cJSON *item, const char *name, const struct config_key *key, bool required)
{
	cJSON *list = cJSON_AddArrayToObject(item, name);

	for (size_t i = 0; i < key->kind_count; i++)
		if (!required || key->kinds[i].required)
			cJSON_AddItemToArray(
				list, cJSON_CreateString(key->kinds[i].name));
}

static cJSON *key_json(const struct config_key *key)
{
	cJSON *item = cJSON_CreateObject();

	cJSON_AddStringToObject(item, "key", key->path);
	cJSON_AddBoolToObject(item, "required", key->required);
	if (key->fallback)
		cJSON_AddStringToObject(item, "default", key->fallback);
	else
		cJSON_AddNullToObject(item, "default");
	cJSON_AddStringToObject(item, "allowed", key->allowed);
	cJSON_AddBoolToObject(item, "secret", key->secret);
	add_kinds(item, "kinds", key, false);
	add_kinds(item, "required_by", key, true);
	return item;
}

static void one_key(void *ctx, const struct config_key *key)
{
	struct printing *printing = ctx;

	if (!begins_with(key->path, printing->wanted))
		return;
	printing->count++;
	if (printing->list)
		cJSON_AddItemToArray(printing->list, key_json(key));
	else
		print_key(printing->cli, key);
}

int config_keys_print(struct cli *cli, const char *wanted)
{
	cJSON *document = cJSON_CreateObject();
	struct printing printing = {.cli = cli, .wanted = wanted};

	if (cli->json)
		printing.list = cJSON_AddArrayToObject(document, "keys");
	config_keys_tell(one_key, &printing);
	if (cli->json && printing.count > 0)
		cli_print_json(cli, document);
	cJSON_Delete(document);
	if (printing.count > 0)
		return EXIT_DONE;
	return cli_usage(
		cli, "no key begins with \"%s\"; `leadctl config keys` has all", wanted);
}
