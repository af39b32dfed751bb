/* report: figures of a period, on standard output or by mail. */
#include "leadctl.h"

#include "leadrelay/json.h"

#include <string.h>

static cJSON *build(const struct cli *cli, const struct arguments *args, bool *json_out)
{
	static const char *const texts[] = {"since", "until", "format"};
	cJSON *request = request_create("report");
	const char *format = arguments_value(args, "format");

	*json_out = format ? strcmp(format, "json") == 0 : cli->json;
	if (args->word_count > 1)
		cJSON_AddStringToObject(request, "name", args->words[1]);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		const char *value = arguments_value(args, texts[i]);

		if (value)
			cJSON_AddStringToObject(request, texts[i], value);
	}
	if (arguments_has(args, "send"))
		cJSON_AddBoolToObject(request, "send", true);
	else if (!format && cli->json)
		cJSON_AddStringToObject(request, "format", "json");
	return request;
}

static void print_sent(struct cli *cli, const cJSON *done)
{
	if (cli->json) {
		cli_print_json(cli, done);
		return;
	}
	out_text(cli, json_string(done, "subject"));
	buf_adds(&cli->out, "\nqueued for ");
	out_count(cli, json_integer(done, "queued", 0), "recipient", "recipients");
	buf_adds(&cli->out, "; `leadctl status` tells how mail is\n");
}

int cmd_report(struct cli *cli, const struct arguments *args)
{
	struct answers answers = {0};
	const char *text;
	bool json;
	int status;

	if (args->word_count > 2)
		return cli_usage(cli, "report takes one name, of the configuration");
	status = cli_ask(cli, build(cli, args, &json), &answers);
	if (status != EXIT_DONE)
		return status;
	text = json_string(answers.done, "text");
	if (arguments_has(args, "send"))
		print_sent(cli, answers.done);
	else if (json)
		cli_print_json(cli, answers.done);
	else if (text) /* ours, every byte of it: CSV has its own line ends */
		buf_adds(&cli->out, text);
	cJSON_Delete(answers.done);
	return EXIT_DONE;
}
