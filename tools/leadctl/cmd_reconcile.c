/*
 * reconcile: Partner Center's list of leads, read here, against what the relay ever took
 * in.
 *
 *   file --csv_next--> rows --reconcile_ask--> a verdict each --> told
 *                                 missing, with --import --> reconcile_import
 */
#include "csv_arguments.h"
#include "reconciling.h"

#include "leadrelay/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Clocks differ a little; a lead of next week is a mistaken column. */
#define AHEAD_MS (24 * 3600 * INT64_C(1000))
#define COMPLAINTS_MAX 20

/* ---- whose leads they are ---- */

/* What is compared needs no source; what is read without one is Microsoft's. */
static const struct source_settings nobodys = {.kind = SOURCE_MARKETPLACE};

static const struct source_settings *find_source(
	const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->source_count; i++)
		if (strcmp(config->sources[i].name, name) == 0)
			return &config->sources[i];
	return NULL;
}

/* NULL: none, or several. */
static const struct source_settings *only_marketplace(const struct config *config)
{
	const struct source_settings *only = NULL;

	for (size_t i = 0; i < config->source_count; i++) {
		if (config->sources[i].kind != SOURCE_MARKETPLACE)
			continue;
		if (only)
			return NULL;
		only = &config->sources[i];
	}
	return only;
}

static int named_source(struct reconciling *list, const char *name)
{
	list->source = find_source(list->cli->config, name);
	if (!list->source) {
		cli_warn(list->cli, "there is no source \"%s\" in the configuration",
			name);
		return EXIT_NONE;
	}
	if (list->source->kind != SOURCE_MARKETPLACE && list->source->kind != SOURCE_CSV)
		return cli_usage(list->cli,
			"--source %s: what Microsoft has belongs to a source of kind marketplace "
			"or csv",
			name);
	return EXIT_DONE;
}

static int choose_source(struct reconciling *list, const struct arguments *args)
{
	const struct config *config = list->cli->config;
	const char *name = arguments_value(args, "source");

	list->source = &nobodys;
	if (!config && (name || list->import)) {
		cli_warn(list->cli, "--import and --source need a good configuration");
		return EXIT_USAGE;
	}
	if (name)
		return named_source(list, name);
	if (config && only_marketplace(config))
		list->source = only_marketplace(config);
	else if (list->import)
		return cli_usage(list->cli,
			"--import: whose leads are they? --source NAME says it where there is not "
			"exactly one source of kind marketplace");
	return EXIT_DONE;
}

/* ---- the file ---- */

static ssize_t read_some(void *ctx, char *out, size_t size)
{
	const int *fd = ctx;
	ssize_t got;

	do
		got = read(*fd, out, size);
	while (got < 0 && errno == EINTR);
	return got;
}

static void complain(
	struct reconciling *list, int64_t line, size_t column, const char *problem)
{
	const struct csv_columns *columns = list->columns;
	const char *heading = column >= 1 && column <= columns->count
				      ? columns->items[column - 1].heading
				      : NULL;

	if (list->unreadable < COMPLAINTS_MAX)
		cli_warn(list->cli, "%s:%lld: %s%s%s", list->file, (long long)line,
			heading ? heading : "", heading ? ": " : "", problem);
	else if (list->unreadable == COMPLAINTS_MAX)
		cli_warn(list->cli, "%s: and so on", list->file);
}

static int take_record(struct reconciling *list, const struct csv_record *record)
{
	struct csv_lead *row = &list->row;
	int status;

	if (!csv_lead_read(list->columns, record, row)) {
		complain(list, record->line, row->column, row->problem);
		return reconcile_add_unreadable(list, record->line);
	}
	if (!row->time_given)
		row->lead.received_at = 0;
	status = reconcile_add(
		list, record->line, &row->lead, record->raw, record->raw_len);
	lead_finish(&row->lead);
	return status;
}

static int tell_file(struct reconciling *list, struct err *err)
{
	cli_warn(list->cli, "%s: %s", list->file, err->text);
	return EXIT_FAILED;
}

/* Without an e-mail nothing can be matched. */
static bool has_email(const struct csv_columns *columns)
{
	for (size_t i = 0; i < columns->count; i++) {
		const struct csv_column *column = &columns->items[i];

		if (column->meaning == CSV_CUSTOMER ||
			(column->meaning == CSV_FIELD && column->field == FIELD_EMAIL))
			return true;
	}
	return false;
}

static int read_columns(struct reconciling *list, const struct csv_record *heading,
	const struct pair_list *map)
{
	struct err err;

	if (csv_columns_create(&list->columns, heading, list->source, map, &err) !=
		ERR_OK) {
		cli_warn(list->cli, "%s:%lld: %s", list->file, (long long)heading->line,
			err.text);
		return EXIT_USAGE;
	}
	if (!has_email(list->columns)) {
		cli_warn(list->cli,
			"%s:%lld: no column holds e-mail addresses, by which leads are matched; "
			"--map HEADING=email names it",
			list->file, (long long)heading->line);
		return EXIT_USAGE;
	}
	list->columns->latest = list->cli->now + AHEAD_MS;
	for (size_t i = 0; i < list->columns->notes.count; i++)
		cli_warn(list->cli, "%s: %s", list->file, list->columns->notes.items[i]);
	return EXIT_DONE;
}

static int read_records(
	struct reconciling *list, struct csv_reader *reader, const struct pair_list *map)
{
	struct csv_record record;
	struct err err;
	int got = csv_next(reader, &record, &err), status;

	if (got == 0) {
		cli_warn(list->cli, "%s: it is empty", list->file);
		return EXIT_USAGE;
	}
	if (got < 0)
		return tell_file(list, &err);
	status = read_columns(list, &record, map);
	while (status == EXIT_DONE && (got = csv_next(reader, &record, &err)) == 1)
		status = take_record(list, &record);
	if (status == EXIT_DONE && got < 0)
		return tell_file(list, &err);
	return status == EXIT_DONE ? reconcile_ask(list) : status;
}

static int open_file(struct reconciling *list, int *fd_out)
{
	struct err err;

	*fd_out = STDIN_FILENO;
	if (strcmp(list->file, "-") != 0)
		*fd_out = open(list->file, O_RDONLY | O_CLOEXEC);
	if (*fd_out >= 0)
		return EXIT_DONE;
	err_errno(&err, errno, "reading %s", list->file);
	cli_warn(list->cli, "%s", err.text);
	return EXIT_FAILED;
}

static int read_file(struct reconciling *list, const struct csv_options *options,
	const struct pair_list *map)
{
	struct csv_reader *reader;
	struct err err;
	int fd, status = open_file(list, &fd);

	if (status != EXIT_DONE)
		return status;
	if (csv_open(&reader, read_some, &fd, options, &err) == ERR_OK) {
		status = read_records(list, reader, map);
		csv_close(reader);
	} else {
		status = cli_fail(list->cli, &err);
	}
	if (fd != STDIN_FILENO)
		close(fd);
	return status;
}

/* ---- the command ---- */

static int run(struct reconciling *list, const struct arguments *args)
{
	struct csv_options options;
	struct pair_list map;
	int status = csv_arguments_read(list->cli, args, &options, &map);

	if (status == EXIT_DONE)
		status = choose_source(list, args);
	if (status == EXIT_DONE)
		status = read_file(list, &options, &map);
	csv_arguments_finish(&map);
	if (status == EXIT_DONE && list->import)
		status = reconcile_import(list);
	return status;
}

static bool wants_attention(const struct reconciling *list)
{
	return list->missing > list->imported || list->unreadable > 0 ||
	       reconcile_count(list, "dead") > 0 ||
	       reconcile_count(list, "quarantined") > 0;
}

int cmd_reconcile(struct cli *cli, const struct arguments *args)
{
	struct reconciling *list;
	int status;

	if (args->word_count != 2)
		return cli_usage(cli,
			"reconcile: which file? one, as Partner Center's leads page exports it; - "
			"is standard input");
	list = calloc(1, sizeof(*list));
	if (!list)
		return EXIT_FAILED;
	list->cli = cli;
	list->file = args->words[1];
	list->import = arguments_has(args, "import");
	status = run(list, args);
	progress_clear(cli);
	if (status == EXIT_DONE) {
		reconcile_print(list);
		status = wants_attention(list) ? EXIT_ATTENTION : EXIT_DONE;
	}
	reconcile_finish(list);
	free(list);
	return status;
}
