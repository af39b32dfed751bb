/* config check: what leadrelayd would say of the file, and what a good one leaves behind
 * in the outbox. A bad one is told without touching the store. */
#include "leadctl.h"

#include "leadrelay/json.h"

#include <string.h>
#include <unistd.h>

static cJSON *lines_json(const struct buf *lines, const char *otherwise)
{
	cJSON *list = cJSON_CreateArray();
	const char *line = buf_str(lines);

	if (!*line && otherwise)
		cJSON_AddItemToArray(list, cJSON_CreateString(otherwise));
	while (*line) {
		size_t len = strcspn(line, "\n");
		struct buf one = BUF_INIT;

		buf_add(&one, line, len);
		cJSON_AddItemToArray(list, cJSON_CreateString(buf_str(&one)));
		buf_finish(&one);
		line += len + (line[len] == '\n');
	}
	return list;
}

/* ---- destinations that are gone from the file ---- */

static bool is_configured(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->destination_count; i++)
		if (strcmp(config->destinations[i].name, name) == 0)
			return true;
	return false;
}

static bool has_outbox(const struct cli *cli)
{
	struct buf path = BUF_INIT;
	bool there;

	buf_addf(&path, "%s/outbox.db", cli->state_dir ? cli->state_dir : "");
	there = cli->state_dir && access(buf_str(&path), F_OK) == 0;
	buf_finish(&path);
	return there;
}

static void warn_gone(cJSON *warnings, const char *name, long long waiting)
{
	struct buf text = BUF_INIT;

	buf_addf(&text,
		"destination %s is not in this file and %lld lead%s for it: kept, "
		"parked as removed; put it back, send them elsewhere (leadctl replay "
		"--destination %s --state pending --to OTHER), then discard them here "
		"(leadctl discard --destination %s)",
		name, waiting, waiting == 1 ? " waits" : "s wait", name, name);
	cJSON_AddItemToArray(warnings, cJSON_CreateString(buf_str(&text)));
	buf_finish(&text);
}

/* What the outbox, where there is one that can be asked just now, still has to do for
 * destinations that this file has no longer. */
static void add_gone(struct cli *cli, cJSON *warnings)
{
	cJSON *done = has_outbox(cli)
			      ? cli_ask_quietly(cli, request_create("destinations"))
			      : NULL;
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(done, "destinations"), *item;

	cJSON_ArrayForEach (item, list) {
		const char *name = json_string(item, "name");
		long long waiting =
			json_integer(item, "pending", 0) + json_integer(item, "held", 0);

		if (name && *name != '(' && waiting > 0 &&
			!is_configured(cli->config, name))
			warn_gone(warnings, name, waiting);
	}
	cJSON_Delete(done);
}

/* The caller's to cJSON_Delete. */
static cJSON *all_warnings(struct cli *cli)
{
	cJSON *warnings = cJSON_CreateArray();

	for (size_t i = 0; cli->config && i < cli->config->warnings.count; i++)
		cJSON_AddItemToArray(
			warnings, cJSON_CreateString(cli->config->warnings.items[i]));
	if (cli->config)
		add_gone(cli, warnings);
	return warnings;
}

/* ---- the answer ---- */

static void print_json(struct cli *cli, bool ok, cJSON *problems)
{
	cJSON *document = cJSON_CreateObject();

	cJSON_AddBoolToObject(document, "ok", ok);
	cJSON_AddStringToObject(document, "file", cli->config_file);
	cJSON_AddItemToObject(document, "problems", problems);
	cJSON_AddItemToObject(document, "warnings", all_warnings(cli));
	cli_print_json(cli, document);
	cJSON_Delete(document);
}

static void print_good(struct cli *cli)
{
	const struct config *config = cli->config;

	cJSON *warnings = all_warnings(cli);
	const cJSON *warning;

	cJSON_ArrayForEach (warning, warnings)
		cli_warn(cli, "warning: %s", warning->valuestring);
	cJSON_Delete(warnings);
	buf_addf(&cli->out, "%s is good: ", cli->config_file);
	out_count(cli, (int64_t)config->source_count, "source", "sources");
	buf_adds(&cli->out, ", ");
	out_count(cli, (int64_t)config->destination_count, "destination", "destinations");
	buf_addc(&cli->out, '\n');
}

/* As root: read as the account that runs the daemon, if that is known yet. */
static enum err_code read_as_owner(struct cli *cli, struct err *err)
{
	if (config_state_dir(&cli->state_dir, cli->config_file, err) != ERR_OK) {
		cli->state_dir = NULL;
		return ERR_OK; /* config_load tells it, and where */
	}
	return owner_become(cli->state_dir, err);
}

static int config_check(struct cli *cli)
{
	struct buf problems = BUF_INIT;
	struct err err;
	bool ok;

	if (read_as_owner(cli, &err) != ERR_OK)
		return cli_fail(cli, &err);
	ok = config_load(&cli->config, cli->config_file, &problems, &err) == ERR_OK;
	if (!ok)
		cli->config = NULL;
	if (cli->json)
		print_json(cli, ok, lines_json(&problems, ok ? NULL : err.text));
	else if (ok)
		print_good(cli);
	else
		cli_complain(cli, buf_str(&problems), err.text);
	buf_finish(&problems);
	return ok ? EXIT_DONE : EXIT_USAGE;
}

int cmd_config(struct cli *cli, const struct arguments *args)
{
	const char *what = args->word_count > 1 ? args->words[1] : "";

	if (strcmp(what, "check") == 0 && args->word_count == 2)
		return config_check(cli);
	if (strcmp(what, "keys") == 0 && args->word_count <= 3)
		return config_keys_print(
			cli, args->word_count == 3 ? args->words[2] : "");
	return cli_usage(cli, "config: `config check`, or `config keys [BEGINNING]`");
}
