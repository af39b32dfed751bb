/* destinations: the list, park, resume. */
#include "status_view.h"

#include "leadrelay/json.h"

#include <string.h>

static void print_list(struct cli *cli, const cJSON *done)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(done, "destinations");

	if (cli->json)
		cli_print_json(cli, list);
	else if (cJSON_GetArraySize(list) == 0)
		buf_adds(&cli->out,
			"no destinations yet: leadrelayd enters them at its first "
			"start\n");
	else
		print_destinations(cli, list);
}

static void print_changed(struct cli *cli, const cJSON *done)
{
	const char *state = json_string(done, "state"), *name = json_string(done, "name");
	bool parked = state && strcmp(state, "parked") == 0;
	const char *quote = name && *name == '(' ? "\"" : ""; /* (mail), for a shell */

	if (cli->json)
		cli_print_json(cli, done);
	else if (parked)
		buf_addf(&cli->out,
			"%s is parked: what it gets waits until `leadctl destinations "
			"resume %s%s%s`\n",
			name, quote, name, quote);
	else
		buf_addf(&cli->out, "%s is open again\n", name);
}

/* NULL: the words make no sense. */
static cJSON *build_request(const struct arguments *args)
{
	const char *action = args->word_count > 1 ? args->words[1] : NULL;
	const char *why = arguments_value(args, "why");
	cJSON *request;

	if (args->word_count > 3 || (why && (!action || strcmp(action, "park") != 0)))
		return NULL;
	request = request_create("destinations");
	if (action)
		cJSON_AddStringToObject(request, "action", action);
	if (args->word_count > 2)
		cJSON_AddStringToObject(request, "name", args->words[2]);
	if (why)
		cJSON_AddStringToObject(request, "why", why);
	return request;
}

int cmd_destinations(struct cli *cli, const struct arguments *args)
{
	struct answers answers = {0};
	cJSON *request = build_request(args);
	int status;

	if (!request)
		return cli_usage(cli,
			"destinations, destinations park NAME --why TEXT, or "
			"destinations resume NAME");
	status = cli_ask(cli, request, &answers);
	if (status != EXIT_DONE)
		return status;
	if (args->word_count > 1)
		print_changed(cli, answers.done);
	else
		print_list(cli, answers.done);
	cJSON_Delete(answers.done);
	return EXIT_DONE;
}
