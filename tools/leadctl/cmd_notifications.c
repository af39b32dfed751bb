/* notifications: the mails about new leads; and prune, what retention takes. */
#include "table.h"

#include "leadrelay/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_PAGE 200
#define ID_SHOWN 12 /* as `list` shows ids */

static const struct column columns[] = {{"LEAD", 0, false}, {"TO", 40, false},
	{"STATE", 0, false}, {"ATTEMPTS", 0, true}, {"SENT", 0, false},
	{"NEXT ATTEMPT", 0, false}, {"WORDS", 80, false}, {NULL, 0, false}};

struct listing {
	struct cli *cli;
	struct table table;
};

static void add_row(struct listing *listing, const cJSON *item)
{
	struct table *table = &listing->table;
	const char *id = json_string(item, "lead_id");
	const char *state = json_string(item, "state");
	size_t len = id ? strlen(id) : 0;
	char sent[AGE_TEXT_SIZE], next[AGE_TEXT_SIZE];

	table_add(table, len > ID_SHOWN ? id + len - ID_SHOWN : id, PLAIN);
	table_add(table, json_string(item, "to"), PLAIN);
	table_add(table, state, state_colour(state));
	table_add_count(table, json_integer(item, "attempts", 0), PLAIN);
	table_add(table, moment_text(json_string(item, "sent_at"), sent), PLAIN);
	table_add(table, moment_text(json_string(item, "next_attempt_at"), next), PLAIN);
	table_add(table, json_string(item, "error"), PLAIN);
	if (table_rows(table) == TABLE_PAGE) {
		table_flush(table, listing->cli);
		cli_flush_full(listing->cli);
	}
}

static void take_notification(void *ctx, const cJSON *item)
{
	struct listing *listing = ctx;

	if (listing->cli->json)
		cli_print_json(listing->cli, item);
	else
		add_row(listing, item);
}

static int list(struct cli *cli, cJSON *request, const struct arguments *args)
{
	struct listing listing = {.cli = cli};
	struct answers answers = {.item = take_notification, .ctx = &listing};
	long long listed;
	int status;

	table_init(&listing.table, columns, "");
	status = cli_ask(cli, request, &answers);
	table_flush(&listing.table, cli);
	table_finish(&listing.table);
	listed = json_integer(answers.done, "listed", 0);
	if (status == EXIT_DONE && !cli->json && listed == 0)
		buf_adds(&cli->out, "no notifications\n");
	else if (status == EXIT_DONE && !cli->json && listed == 50 &&
		 !arguments_value(args, "limit"))
		cli_warn(cli, "these are the newest 50; --limit 0 lists all");
	cJSON_Delete(answers.done);
	return status;
}

static int retry(struct cli *cli, cJSON *request)
{
	struct answers answers = {0};
	int status = cli_ask(cli, request, &answers);

	if (status != EXIT_DONE)
		return status;
	if (cli->json) {
		cli_print_json(cli, answers.done);
	} else {
		out_count(cli, json_integer(answers.done, "retried", 0),
			"dead notification is sent again\n",
			"dead notifications are sent again\n");
		if (cJSON_IsTrue(cJSON_GetObjectItem(answers.done, "resumed")))
			buf_adds(&cli->out, "mail was parked: it is tried again now\n");
	}
	cJSON_Delete(answers.done);
	return EXIT_DONE;
}

static int add_limit(struct cli *cli, cJSON *request, const char *text)
{
	long long limit;
	char *end;

	errno = 0;
	limit = strtoll(text, &end, 10);
	if (errno || *end || end == text || limit < 0 || limit > 1000000000000)
		return cli_usage(cli,
			"--limit: \"%s\" is not a number of notifications; 0 is all",
			text);
	cJSON_AddNumberToObject(request, "limit", (double)limit);
	return EXIT_DONE;
}

/* Takes request. */
static int refuse(struct cli *cli, cJSON *request, const char *why)
{
	cJSON_Delete(request);
	return cli_usage(cli, "%s", why);
}

int cmd_notifications(struct cli *cli, const struct arguments *args)
{
	const char *action = args->word_count > 1 ? args->words[1] : "list";
	const char *state = arguments_value(args, "state");
	const char *limit = arguments_value(args, "limit");
	cJSON *request = request_create("notifications");
	bool retries = strcmp(action, "retry") == 0;

	cJSON_AddStringToObject(request, "action", action);
	if (retries && (state || limit))
		return refuse(cli, request,
			"notifications retry takes ids of leads, no filters: without any, "
			"all dead ones are sent again");
	if (!retries && args->word_count > 2)
		return refuse(cli, request,
			"notifications list takes --state and --limit, no words");
	if (limit && add_limit(cli, request, limit) != EXIT_DONE) {
		cJSON_Delete(request);
		return EXIT_USAGE;
	}
	if (state)
		cJSON_AddStringToObject(request, "state", state);
	if (retries && args->word_count > 2)
		cJSON_AddItemToObject(request, "ids",
			cJSON_CreateStringArray(
				args->words + 2, (int)(args->word_count - 2)));
	return retries ? retry(cli, request) : list(cli, request, args);
}

/* ---- prune ---- */

static void print_pruned(struct cli *cli, const cJSON *done)
{
	static const struct {
		const char *member, *one, *many;
	} parts[] = {{"leads", "lead", "leads"}, {"deliveries", "delivery", "deliveries"},
		{"attempts", "attempt", "attempts"}, {"mails", "mail", "mails"}};
	int64_t all = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
		all += json_integer(done, parts[i].member, 0);
	if (all == 0) {
		buf_adds(&cli->out, "nothing is past its age (retention:)\n");
		return;
	}
	buf_adds(&cli->out, "removed ");
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		buf_adds(&cli->out, i ? ", " : "");
		out_count(cli, json_integer(done, parts[i].member, 0), parts[i].one,
			parts[i].many);
	}
	buf_adds(&cli->out, "; they stay in every sum\n");
}

int cmd_prune(struct cli *cli, const struct arguments *args)
{
	struct answers answers = {.progress = "leads removed"};
	int status;

	if (args->word_count > 1)
		return cli_usage(cli, "prune takes no arguments: `retention` says what "
				      "goes");
	status = cli_ask(cli, request_create("prune"), &answers);
	if (status != EXIT_DONE)
		return status;
	if (cli->json)
		cli_print_json(cli, answers.done);
	else
		print_pruned(cli, answers.done);
	cJSON_Delete(answers.done);
	return EXIT_DONE;
}
