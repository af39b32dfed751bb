/*
 * export: leads to standard output, as CSV or JSON Lines. What is written is either whole
 * or told to be cut short: a disk that is full and a reader that went away end in exit 1.
 */
#include "leadctl.h"

#include "leadrelay/json.h"
#include "leadrelay/lead.h"
#include "leadrelay/text.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_EVERY 1000

struct exporting {
	struct cli *cli;
	bool csv;
	char delimiter;
	int64_t count;
};

static const cJSON *member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

/* ---- CSV ---- */

/* In a file every character is data; a terminal would obey some of them. */
static void add_cell(struct exporting *export, const char *text)
{
	struct buf clean = BUF_INIT;

	if (text && export->cli->terminal) {
		text_escape(&clean, text, strlen(text));
		text = buf_str(&clean);
	}
	csv_add_guarded(&export->cli->out, text ? text : "");
	buf_finish(&clean);
}

static void add_next(struct exporting *export, const char *text)
{
	buf_addc(&export->cli->out, export->delimiter);
	add_cell(export, text);
}

static void add_extra(struct exporting *export, const cJSON *extra)
{
	char *text = extra && extra->child ? cJSON_PrintUnformatted(extra) : NULL;

	add_next(export, text);
	free(text);
}

static void add_deliveries(struct exporting *export, const cJSON *deliveries)
{
	struct buf text = BUF_INIT;
	const cJSON *delivery;

	cJSON_ArrayForEach (delivery, deliveries) {
		buf_addf(&text, "%s%s:%s", text.len ? " " : "",
			json_string(delivery, "destination"),
			json_string(delivery, "state"));
	}
	add_next(export, buf_str(&text));
	buf_finish(&text);
}

static void add_titles(struct exporting *export)
{
	static const char *const before[] = {"received_at", "source", "test"};
	static const char *const after[] = {"extra", "deliveries"};

	add_cell(export, "id");
	for (size_t i = 0; i < sizeof(before) / sizeof(*before); i++)
		add_next(export, before[i]);
	for (int i = 0; i < FIELD_COUNT; i++)
		add_next(export, lead_field_name(i));
	for (size_t i = 0; i < sizeof(after) / sizeof(*after); i++)
		add_next(export, after[i]);
	buf_adds(&export->cli->out, "\r\n");
}

static void add_row(struct exporting *export, const cJSON *lead)
{
	const cJSON *fields = member(lead, "fields");

	add_cell(export, json_string(lead, "id"));
	add_next(export, json_string(lead, "received_at"));
	add_next(export, json_string(lead, "source"));
	add_next(export, json_bool(lead, "test", false) ? "true" : "false");
	for (int i = 0; i < FIELD_COUNT; i++)
		add_next(export, json_string(fields, lead_field_name(i)));
	add_extra(export, member(lead, "extra"));
	add_deliveries(export, member(lead, "deliveries"));
	buf_adds(&export->cli->out, "\r\n");
	cli_flush_full(export->cli);
}

static void take_lead(void *ctx, const cJSON *lead)
{
	struct exporting *export = ctx;
	char text[COUNT_TEXT_SIZE];

	if (export->csv)
		add_row(export, lead);
	else
		cli_print_json(export->cli, lead);
	if (++export->count % PROGRESS_EVERY == 0 && !export->cli->terminal)
		progress_show(export->cli, "%s leads exported",
			count_text(export->count, text));
}

/* ---- the command line ---- */

static int read_format(struct exporting *export, const struct arguments *args)
{
	const char *format = arguments_value(args, "format");
	bool jsonl = format && strcmp(format, "jsonl") == 0;

	if (format && !jsonl && strcmp(format, "csv") != 0)
		return cli_usage(export->cli,
			"--format: \"%s\" is not a format of export; csv or jsonl",
			format);
	if (export->cli->json && format && !jsonl)
		return cli_usage(export->cli,
			"--json is JSON Lines, --format csv is not: which is it to be?");
	export->csv = !jsonl && !export->cli->json;
	return EXIT_DONE;
}

static int read_delimiter(struct exporting *export, const struct arguments *args)
{
	const char *text = arguments_value(args, "delimiter");

	export->delimiter = ',';
	if (!text)
		return EXIT_DONE;
	if (!export->csv)
		return cli_usage(export->cli, "--delimiter is for CSV");
	if (strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0)
		text = "\t";
	if (strlen(text) != 1 || !strchr(",;\t", *text))
		return cli_usage(export->cli,
			"--delimiter: \"%s\" is none that import knows again; , ; or tab",
			text);
	export->delimiter = *text;
	return EXIT_DONE;
}

static int read_arguments(
	struct exporting *export, const struct arguments *args, cJSON *request)
{
	int status = EXIT_DONE;

	if (args->word_count > 1)
		return cli_usage(export->cli,
			"export takes filters, no words, and writes to standard output: `leadctl "
			"export > %s`",
			args->words[1]);
	status = read_format(export, args);
	if (status == EXIT_DONE)
		status = read_delimiter(export, args);
	if (status == EXIT_DONE)
		status = request_add_filters(export->cli, request, args);
	if (status == EXIT_DONE)
		status = request_add_limit(export->cli, request, args);
	cJSON_AddBoolToObject(request, "story", !export->csv);
	return status;
}

static void tell_left_out(struct cli *cli, const cJSON *done)
{
	long long left_out = json_integer(done, "left_out", 0);
	char text[COUNT_TEXT_SIZE];

	if (left_out > 0)
		cli_warn(cli,
			"%s quarantined %s left out; --state quarantined exports %s",
			count_text(left_out, text),
			left_out == 1 ? "body was" : "bodies were",
			left_out == 1 ? "it" : "them");
}

int cmd_export(struct cli *cli, const struct arguments *args)
{
	struct exporting export = {.cli = cli};
	struct answers answers = {.item = take_lead, .ctx = &export};
	cJSON *request = request_create("export");
	int status = read_arguments(&export, args, request);

	if (status != EXIT_DONE) {
		cJSON_Delete(request);
		return status;
	}
	signal(SIGPIPE, SIG_IGN);
	cli->whole = true;
	if (export.csv)
		add_titles(&export);
	status = cli_ask(cli, request, &answers);
	if (status == EXIT_DONE) {
		cli_flush(cli);
		tell_left_out(cli, answers.done);
	} else if (export.count == 0) {
		buf_clear(
			&cli->out); /* a heading without leads would look like success */
	}
	cJSON_Delete(answers.done);
	return status;
}
