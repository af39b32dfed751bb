/*
 * replay, hold, release, discard. With filters it counts first and asks, where somebody
 * can be asked: the count and the change are two requests, so that no lock waits for an
 * answer.
 */
#include "leadctl.h"

#include "leadrelay/control.h"
#include "leadrelay/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *command;
	const char *asks; /* "Replay" */
	const char *done; /* "replayed" */
} words[] = {
	{"replay", "Replay", "replayed"},
	{"hold", "Hold", "held back"},
	{"release", "Release", "released"},
	{"discard", "Discard", "discarded"},
};

static size_t find_words(const char *command)
{
	size_t i = 0;

	while (strcmp(words[i].command, command) != 0)
		i++;
	return i;
}

/* ---- the request ---- */

/* Each --set field=value; an empty value removes the field. */
static int add_set(struct cli *cli, cJSON *request, const struct arguments *args)
{
	cJSON *set = NULL;

	for (size_t i = 0; i < args->given_count; i++) {
		const char *value = args->given[i].value, *equals;
		char *name;

		if (strcmp(args->given[i].rule->name, "set") != 0)
			continue;
		equals = strchr(value, '=');
		if (!equals || equals == value)
			return cli_usage(cli, "--set: field=value is what it takes");
		set = set ? set : cJSON_AddObjectToObject(request, "set");
		name = strndup(value, (size_t)(equals - value));
		cJSON_DeleteItemFromObjectCaseSensitive(set, name);
		if (equals[1])
			cJSON_AddStringToObject(set, name, equals + 1);
		else
			cJSON_AddNullToObject(set, name);
		free(name);
	}
	return EXIT_DONE;
}

static int add_parts(struct cli *cli, cJSON *request, const struct arguments *args)
{
	const char *to = arguments_value(args, "to");
	int status;

	if (args->word_count > 1)
		cJSON_AddItemToObject(request, "ids",
			cJSON_CreateStringArray(
				args->words + 1, (int)(args->word_count - 1)));
	if (to)
		cJSON_AddStringToObject(request, "to", to);
	cJSON_AddBoolToObject(request, "again", arguments_has(args, "again"));
	status = request_add_filters(cli, request, args);
	return status == EXIT_DONE ? add_set(cli, request, args) : status;
}

/* ---- the answer ---- */

static void take_refused(void *ctx, const cJSON *item)
{
	struct cli *cli = ctx;
	const char *id = json_string(item, "id"), *why = json_string(item, "refused");

	if (id && why)
		cli_warn(cli, "%s: %s", id, why);
}

static void add_reasons(struct cli *cli, const cJSON *done)
{
	const cJSON *reasons = cJSON_GetObjectItemCaseSensitive(done, "by_reason"),
		    *reason;
	char text[COUNT_TEXT_SIZE];

	cJSON_ArrayForEach (reason, reasons) {
		buf_addf(&cli->out, "  %12s %s\n",
			count_text(json_integer(reasons, reason->string, 0), text),
			strcmp(reason->string, "none") == 0 ? "without a reason"
							    : reason->string);
	}
}

static void print_counts(
	struct cli *cli, const cJSON *request, const cJSON *done, const char *verb)
{
	const char *state = json_string(request, "state");
	bool bodies = state && strcmp(state, "quarantined") == 0;
	long long changed = json_integer(done, "changed", 0);
	long long refused = json_integer(done, "refused", 0);
	bool dry_run = json_bool(done, "dry_run", false);

	if (dry_run) {
		out_count(cli, json_integer(done, "matched", 0),
			bodies ? "body matches" : "delivery matches",
			bodies ? "bodies match" : "deliveries match");
		buf_adds(&cli->out, ", nothing was changed\n");
		add_reasons(cli, done);
		return;
	}
	out_count(cli, changed, bodies ? "body" : "delivery",
		bodies ? "bodies" : "deliveries");
	buf_addf(&cli->out, " %s", verb);
	if (refused) {
		buf_adds(&cli->out, ", ");
		out_count(cli, refused, "left as it is", "left as they are");
	}
	buf_addc(&cli->out, '\n');
}

static int ask_once(struct cli *cli, const cJSON *request, bool dry_run, const char *verb,
	cJSON **done_out)
{
	struct answers answers = {
		.item = take_refused, .ctx = cli, .progress = dry_run ? NULL : verb};
	cJSON *copy = cJSON_Duplicate(request, true);
	int status;

	cJSON_AddBoolToObject(copy, "dry_run", dry_run);
	status = cli_ask(cli, copy, &answers);
	*done_out = answers.done;
	return status;
}

/* ---- asking first ---- */

static bool said_yes(void)
{
	char line[64];

	return fgets(line, sizeof(line), stdin) && (*line == 'y' || *line == 'Y');
}

/* EXIT_DONE: go on. */
static int confirm(struct cli *cli, const cJSON *request, size_t word)
{
	char text[COUNT_TEXT_SIZE];
	long long matched;
	cJSON *count;
	int status;

	if (!cli->asks)
		return cli_usage(cli,
			"%s with filters asks first, and here is nobody to ask: --dry-run counts, "
			"--yes goes ahead",
			words[word].command);
	status = ask_once(cli, request, true, NULL, &count);
	if (status != EXIT_DONE)
		return status;
	matched = json_integer(count, "matched", 0);
	cJSON_Delete(count);
	if (matched == 0)
		return EXIT_DONE;
	fprintf(stderr, "%s %s %s? [y/N] ", words[word].asks, count_text(matched, text),
		matched == 1 ? "delivery" : "deliveries");
	if (said_yes())
		return EXIT_DONE;
	cli_warn(cli, "nothing was changed");
	return EXIT_FAILED;
}

static int change(struct cli *cli, const cJSON *request, bool dry_run, size_t word)
{
	cJSON *done;
	int status = ask_once(cli, request, dry_run, words[word].done, &done);

	if (status != EXIT_DONE)
		return status;
	if (cli->json)
		cli_print_json(cli, done);
	else
		print_counts(cli, request, done, words[word].done);
	if (json_integer(done, "refused", 0) > 0)
		status = EXIT_FAILED;
	cJSON_Delete(done);
	return status;
}

int cmd_change(struct cli *cli, const struct arguments *args)
{
	size_t word = find_words(args->words[0]);
	cJSON *request = request_create(args->words[0]);
	bool dry_run = arguments_has(args, "dry-run");
	bool filters = args->word_count == 1;
	struct err err;
	int status = add_parts(cli, request, args);

	if (status == EXIT_DONE &&
		control_check_request(request, cli->now, &err) != ERR_OK)
		status = cli_usage(cli, "%s", err.text);
	if (status == EXIT_DONE && filters && !dry_run && !arguments_has(args, "yes"))
		status = confirm(cli, request, word);
	if (status == EXIT_DONE)
		status = change(cli, request, dry_run, word);
	cJSON_Delete(request);
	return status;
}
