/* config check: what leadrelayd would say of the file, without touching the store. */
#include "leadctl.h"

#include <string.h>

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

static void print_json(struct cli *cli, bool ok, cJSON *problems)
{
	cJSON *document = cJSON_CreateObject(), *warnings;

	cJSON_AddBoolToObject(document, "ok", ok);
	cJSON_AddStringToObject(document, "file", cli->config_file);
	cJSON_AddItemToObject(document, "problems", problems);
	warnings = cJSON_AddArrayToObject(document, "warnings");
	for (size_t i = 0; ok && i < cli->config->warnings.count; i++)
		cJSON_AddItemToArray(
			warnings, cJSON_CreateString(cli->config->warnings.items[i]));
	cli_print_json(cli, document);
	cJSON_Delete(document);
}

static void print_good(struct cli *cli)
{
	const struct config *config = cli->config;

	for (size_t i = 0; i < config->warnings.count; i++)
		cli_warn(cli, "warning: %s", config->warnings.items[i]);
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

int cmd_config(struct cli *cli, const struct arguments *args)
{
	struct buf problems = BUF_INIT;
	struct err err;
	bool ok;

	if (args->word_count != 2 || strcmp(args->words[1], "check") != 0)
		return cli_usage(
			cli, "config: the one thing to do is `leadctl config check`");
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
