/* check and resume. */
#include "leadctl.h"

#include "leadrelay/json.h"

#include <string.h>

static void print_check(struct cli *cli, const cJSON *done, bool ok)
{
	const cJSON *problems = cJSON_GetObjectItemCaseSensitive(done, "problems"),
		    *problem;
	const cJSON *sum = cJSON_GetObjectItemCaseSensitive(done, "accounting");

	cJSON_ArrayForEach (problem, problems) {
		buf_addf(&cli->out, "%sproblem%s  ", colour_start(cli, RED),
			colour_end(cli));
		out_text(cli, cJSON_GetStringValue(problem));
		buf_addc(&cli->out, '\n');
	}
	if (ok) {
		buf_addf(&cli->out, "%sok%s: every counter agrees with the rows, ",
			colour_start(cli, GREEN), colour_end(cli));
		out_count(
			cli, json_integer(sum, "accepted", 0), "delivery", "deliveries");
		buf_adds(&cli->out, " accounted for\n");
	} else {
		buf_adds(&cli->out,
			"keep a copy of the state directory before anything else, "
			"then look at leadrelayd's log\n");
	}
}

int cmd_check(struct cli *cli, const struct arguments *args)
{
	struct answers answers = {0};
	bool ok;
	int status;

	if (args->word_count > 1)
		return cli_usage(cli, "check takes no arguments");
	status = cli_ask(cli, request_create("check"), &answers);
	if (status != EXIT_DONE)
		return status;
	ok = json_bool(answers.done, "ok", false);
	if (cli->json)
		cli_print_json(cli, answers.done);
	else
		print_check(cli, answers.done, ok);
	cJSON_Delete(answers.done);
	return ok ? EXIT_DONE : EXIT_ATTENTION;
}

static void print_resumed(struct cli *cli, const char *state)
{
	bool running = state && strcmp(state, "running") == 0;

	buf_adds(&cli->out, running ? "leadrelayd delivers again\n"
				    : "leadrelayd will deliver when it is started\n");
}

int cmd_resume(struct cli *cli, const struct arguments *args)
{
	struct answers answers = {0};
	int status;

	if (args->word_count > 1)
		return cli_usage(cli,
			"resume takes no arguments; one destination: `leadctl "
			"destinations resume NAME`");
	status = cli_ask(cli, request_create("resume"), &answers);
	if (status != EXIT_DONE)
		return status;
	if (cli->json)
		cli_print_json(cli, answers.done);
	else
		print_resumed(cli, json_string(answers.done, "state"));
	cJSON_Delete(answers.done);
	return EXIT_DONE;
}
