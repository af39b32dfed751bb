#include "client.h"

#include "leadrelay/clock.h"
#include "leadrelay/control.h"
#include "leadrelay/json.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AGAIN_MS 100
#define LOST_MAX 3
#define SILENT_MS 1000 /* waits shorter than this are not worth a word */

cJSON *request_create(const char *command)
{
	cJSON *request = cJSON_CreateObject();

	cJSON_AddStringToObject(request, "command", command);
	return request;
}

/* ---- answers ---- */

static void show_count(struct ask *ask, const cJSON *progress)
{
	char text[COUNT_TEXT_SIZE];

	if (ask->answers->progress)
		progress_show(ask->cli, "%s %s",
			count_text(json_integer(progress, "changed", 0), text),
			ask->answers->progress);
}

static void take_error(struct ask *ask, const cJSON *error)
{
	const char *text = json_string(error, "text");

	if (!text)
		text = "it failed without a word";
	if (ask->told && json_bool(error, "again", false)) {
		ask->paused = cJSON_CreateObject();
		return;
	}
	if (ask->told)
		err_set(ask->told, ERR_REMOTE, "%s", text);
	else if (!ask->answers->quiet)
		cli_warn(ask->cli, "%s", text);
	ask->status = (int)json_integer(error, "code", EXIT_FAILED);
	ask->finished = true;
}

bool ask_take(struct ask *ask, cJSON *answer)
{
	cJSON *part = answer->child;
	const char *kind = part ? part->string : "";

	ask->answered = true;
	if (strcmp(kind, "item") == 0 && ask->answers->item)
		ask->answers->item(ask->answers->ctx, part);
	else if (strcmp(kind, "progress") == 0)
		show_count(ask, part);
	else if (strcmp(kind, "error") == 0)
		take_error(ask, part);
	else if (strcmp(kind, "paused") == 0)
		ask->paused = cJSON_DetachItemViaPointer(answer, part);
	if (strcmp(kind, "done") == 0) {
		ask->answers->done = cJSON_DetachItemViaPointer(answer, part);
		ask->status = EXIT_DONE;
		ask->finished = true;
	}
	cJSON_Delete(answer);
	return !ask->finished && !ask->paused;
}

/* ---- where ---- */

/* The daemon first; nobody there: here. */
static enum reach ask_somewhere(struct ask *ask, struct err *err)
{
	enum reach reach = ask_daemon(ask, err);

	return reach == REACH_NOBODY ? ask_here(ask, err) : reach;
}

static void go_on_from_pause(struct ask *ask)
{
	cJSON_DeleteItemFromObjectCaseSensitive(ask->request, "go_on");
	cJSON_AddItemToObject(ask->request, "go_on", ask->paused);
	ask->paused = NULL;
}

static void nap(void)
{
	const struct timespec moment = {.tv_nsec = AGAIN_MS * 1000000L};

	nanosleep(&moment, NULL);
}

/* Another one has the outbox: a daemon that starts or ends, or another leadctl. */
static bool wait_turn(struct ask *ask, int64_t since)
{
	int64_t waited_ms = clock_mono(&clock_system) - since;

	if (waited_ms >= CLIENT_PATIENCE_MS)
		return false;
	if (waited_ms >= SILENT_MS)
		progress_show(
			ask->cli, "waiting for the outbox, another process holds it");
	nap();
	return true;
}

static int ask_until_finished(struct ask *ask)
{
	int64_t since = clock_mono(&clock_system);
	struct err err;

	for (;;) {
		switch (ask_somewhere(ask, &err)) {
		case REACH_FINISHED:
			return ask->status;
		case REACH_FAILED:
			return cli_fail(ask->cli, &err);
		case REACH_PAUSED:
			go_on_from_pause(ask);
			since = clock_mono(&clock_system);
			break;
		case REACH_LOST: /* it may have taken 10 s to end */
			if (++ask->lost > LOST_MAX)
				return cli_fail(ask->cli, &err);
			since = clock_mono(&clock_system);
			break;
		case REACH_NOBODY:
		case REACH_LOCKED:
			if (!wait_turn(ask, since)) {
				cli_warn(ask->cli, "%s", err.text);
				return EXIT_HELD;
			}
			break;
		}
	}
}

int cli_ask(struct cli *cli, cJSON *request, struct answers *answers)
{
	struct ask ask = {.cli = cli, .request = request, .answers = answers};
	struct err err;
	int status;

	if (control_check_request(request, cli->now, &err) != ERR_OK)
		status = cli_usage(cli, "%s", err.text);
	else
		status = ask_until_finished(&ask);
	progress_clear(cli);
	cJSON_Delete(ask.request);
	cJSON_Delete(ask.paused);
	return status;
}

cJSON *cli_ask_quietly(struct cli *cli, cJSON *request)
{
	struct answers answers = {.quiet = true};
	struct ask ask = {.cli = cli, .request = request, .answers = &answers};
	struct err err;

	ask_somewhere(&ask, &err);
	cJSON_Delete(ask.request);
	cJSON_Delete(ask.paused);
	return answers.done;
}
