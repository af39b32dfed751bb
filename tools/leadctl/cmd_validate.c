/* validate: a line per step, as it happens. */
#include "leadctl.h"
#include "validation_view.h"

#include "leadrelay/clock.h"

#include <inttypes.h>
#include <string.h>

struct report {
	struct cli *cli;
	cJSON *steps; /* the destination's at hand */
};

static void text_or_null(cJSON *object, const char *name, const char *text)
{
	if (*text)
		cJSON_AddStringToObject(object, name, text);
	else
		cJSON_AddNullToObject(object, name);
}

static void keep_step(struct report *report, const struct validation_step *step)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "step", step->step);
	cJSON_AddBoolToObject(object, "ok", step->ok);
	text_or_null(object, "detail", step->detail);
	text_or_null(object, "error", step->error);
	text_or_null(object, "remedy", step->remedy);
	cJSON_AddNumberToObject(object, "duration_ms", (double)step->duration_ms);
	cJSON_AddItemToArray(report->steps, object);
}

void print_step(struct cli *cli, const struct validation_step *step)
{
	char took[DURATION_TEXT_SIZE];

	buf_addf(&cli->out, "  %-10s %s%-6s%s  %6s  ", step->step,
		colour_start(cli, step->ok ? GREEN : RED), step->ok ? "OK" : "FAILED",
		colour_end(cli), duration_human(step->duration_ms, took));
	out_text(cli, step->detail);
	if (*step->error) {
		buf_adds(&cli->out, "\n    cause:  ");
		out_text(cli, step->error);
	}
	if (*step->remedy) {
		buf_adds(&cli->out, "\n    remedy: ");
		out_text(cli, step->remedy);
	}
	buf_addc(&cli->out, '\n');
	cli_flush(cli);
}

static void step_ended(void *ctx, const struct validation_step *step)
{
	struct report *report = ctx;

	progress_clear(report->cli);
	keep_step(report, step);
	if (!report->cli->json)
		print_step(report->cli, step);
}

static void step_begins(void *ctx, const char *step)
{
	struct report *report = ctx;

	progress_show(report->cli, "  %s ...", step);
}

static void tell_remains(struct cli *cli, const struct validation *validation)
{
	char id[UUID_TEXT_SIZE];

	if (validation->created && !validation->removed)
		cli_warn(cli,
			"the test lead \"%s\" stays at %s under the key %s: delete it there",
			VALIDATE_NAME, validation->settings->name,
			uuid_text(&validation->lead_id, id));
	if (validation->untried)
		cli_warn(cli,
			"whether %s takes leads was not tried: only a test lead tells, and "
			"--no-lead keeps it back",
			validation->settings->name);
}

static cJSON *report_json(struct report *report, const struct validation *validation)
{
	cJSON *document = cJSON_CreateObject();

	cJSON_AddStringToObject(document, "destination", validation->settings->name);
	cJSON_AddBoolToObject(document, "ok", validation->ok);
	cJSON_AddItemToObject(document, "steps", report->steps);
	report->steps = NULL;
	return document;
}

/* The caller's to cJSON_Delete; NULL: nothing could be tried, which was told. */
static cJSON *validate_one(
	struct cli *cli, const struct destination_settings *settings, bool lead)
{
	struct report report = {.cli = cli, .steps = cJSON_CreateArray()};
	struct validation validation = {.settings = settings,
		.lead = lead,
		.step = step_ended,
		.trying = step_begins,
		.ctx = &report};
	struct err err;

	if (!cli->json)
		buf_addf(&cli->out, "%s%s%s (%s)\n", colour_start(cli, BOLD),
			settings->name, colour_end(cli), settings->kind);
	if (validate_destination(&validation, &err) != ERR_OK) {
		cli_warn(cli, "%s", err.text);
		cJSON_Delete(report.steps);
		return NULL;
	}
	tell_remains(cli, &validation);
	return report_json(&report, &validation);
}

static int validate_several(struct cli *cli, const char *name, bool lead, cJSON *list)
{
	const struct config *config = cli->config;
	int status = EXIT_DONE;

	for (size_t i = 0; i < config->destination_count; i++) {
		const struct destination_settings *settings = &config->destinations[i];
		cJSON *one;

		if (name && strcmp(settings->name, name) != 0)
			continue;
		one = validate_one(cli, settings, lead);
		if (!one)
			return EXIT_USAGE;
		if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(one, "ok")))
			status = EXIT_ATTENTION;
		cJSON_AddItemToArray(list, one);
	}
	return status;
}

/* One destination: its document. Several: one document around them. */
static void print_reports(struct cli *cli, cJSON *list, bool ok)
{
	cJSON *document;

	if (cJSON_GetArraySize(list) == 1) {
		cli_print_json(cli, cJSON_GetArrayItem(list, 0));
		return;
	}
	document = cJSON_CreateObject();
	cJSON_AddBoolToObject(document, "ok", ok);
	cJSON_AddItemReferenceToObject(document, "destinations", list);
	cli_print_json(cli, document);
	cJSON_Delete(document);
}

int cmd_validate(struct cli *cli, const struct arguments *args)
{
	const char *name = args->word_count > 1 ? args->words[1] : NULL;
	cJSON *list;
	int status;

	if (args->word_count > 2)
		return cli_usage(cli, "validate: one destination, or all without a name");
	list = cJSON_CreateArray();
	status = validate_several(cli, name, !arguments_has(args, "no-lead"), list);
	if (name && cJSON_GetArraySize(list) == 0 && status == EXIT_DONE) {
		cli_warn(cli, "there is no destination \"%s\" in %s", name,
			cli->config_file);
		status = EXIT_NONE;
	} else if (cli->json && status != EXIT_USAGE) {
		print_reports(cli, list, status == EXIT_DONE);
	}
	cJSON_Delete(list);
	return status;
}
