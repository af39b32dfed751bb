/*
 * The table of commands, and how answers are said.
 *
 *   request --check (pure)--> command --items, progress--> emit ... one last done, paused
 * or error
 */
#include "room.h"

#include "leadrelay/clock.h"
#include "leadrelay/json.h"
#include "leadrelay/text.h"

#include <string.h>

/* A part of the request's answer was left out for want of memory. One request at a time
 * and thread. */
static _Thread_local bool json_short;

struct command {
	const char *name;
	void (*run)(struct run *run);
	enum err_code (*check)(const cJSON *request, int64_t now, struct err *err);
};

static enum err_code check_filters(const cJSON *request, int64_t now, struct err *err)
{
	struct filter filter;

	return filter_parse(request, now, &filter, err);
}

static enum err_code check_show(const cJSON *request, int64_t now, struct err *err)
{
	(void)now;
	if (!json_string(request, "id"))
		return err_set(err, ERR_INVALID, "show: which lead? give its id");
	return ERR_OK;
}

static enum err_code check_destinations(
	const cJSON *request, int64_t now, struct err *err)
{
	const char *action = json_string(request, "action");
	bool park = action && strcmp(action, "park") == 0;

	(void)now;
	if (action && !park && strcmp(action, "resume") != 0)
		return err_set(err, ERR_INVALID,
			"destinations: \"%s\" is not something to do; park or resume",
			action);
	if (action && text_blank(json_string(request, "name")))
		return err_set(err, ERR_INVALID,
			"destinations %s: which one? give its name", action);
	if (park && text_blank(json_string(request, "why")))
		return err_set(err, ERR_INVALID,
			"destinations park: --why TEXT is missing: it tells your colleagues "
			"why leads are waiting");
	return ERR_OK;
}

static const struct command commands[] = {
	{"status", run_status, NULL},
	{"list", run_list, check_filters},
	{"export", run_export, check_filters},
	{"show", run_show, check_show},
	{"reasons", run_reasons, NULL},
	{"replay", run_change, change_check_request},
	{"hold", run_change, change_check_request},
	{"release", run_change, change_check_request},
	{"discard", run_change, change_check_request},
	{"destinations", run_destinations, check_destinations},
	{"resume", run_resume, NULL},
	{"check", run_check, NULL},
	{"report", run_report, check_report},
	{"notifications", run_notifications, check_notifications},
	{"prune", run_prune, NULL},
	{"forget", run_forget, check_forget},
	{"import", run_import, check_import},
	{"reconcile", run_reconcile, check_reconcile},
	{"activity", run_activity, check_activity},
	{"shape", run_shape, NULL},
	{"tail", run_tail, check_tail},
};

static const struct command *find_command(const cJSON *request, struct err *err)
{
	const char *name = json_string(request, "command");

	for (size_t i = 0; name && i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	err_set(err, ERR_INVALID, "\"%s\" is not a command this version knows",
		name ? name : "");
	return NULL;
}

enum err_code control_check_request(const cJSON *request, int64_t now, struct err *err)
{
	const struct command *command = find_command(request, err);

	if (!command)
		return ERR_INVALID;
	return command->check ? command->check(request, now, err) : ERR_OK;
}

void control_execute(const struct control_options *control, const cJSON *request,
	control_emit emit, bool (*keep_going)(void *ctx), void *ctx)
{
	struct run run = {.control = control,
		.request = request,
		.emit = emit,
		.keep_going = keep_going,
		.ctx = ctx,
		.now = clock_wall(control->clock)};
	struct err err;

	json_short = false;
	if (control_check_request(request, run.now, &err) != ERR_OK)
		answer_error(&run, &err);
	else
		find_command(request, &err)->run(&run);
}

int control_exit_status(enum err_code code)
{
	switch (code) {
	case ERR_OK:
		return 0;
	case ERR_INVALID:
	case ERR_CONFIG:
		return 2;
	case ERR_NOT_FOUND:
	case ERR_AMBIGUOUS:
		return 4;
	case ERR_LOCKED:
		return 5;
	case ERR_NOMEM:
	case ERR_IO:
	case ERR_FULL:
	case ERR_CORRUPT:
	case ERR_BUSY:
	case ERR_STALE:
	case ERR_DENIED:
	case ERR_TIMEOUT:
	case ERR_REMOTE:
	case ERR_BUG:
		return 1;
	}
	return 1;
}

/* ---- answers ---- */

static bool answer(struct run *run, const char *kind, cJSON *document)
{
	cJSON *line = cJSON_CreateObject();
	bool whole = line && document && cJSON_AddItemToObject(line, kind, document);

	if (!whole)
		cJSON_Delete(document);
	if (run->gone || !whole || json_short) { /* rather none than half an answer */
		cJSON_Delete(line);
		run->gone = true;
		return false;
	}
	run->gone = !run->emit(run->ctx, line);
	return !run->gone;
}

bool answer_item(struct run *run, cJSON *item)
{
	return answer(run, "item", item);
}

void answer_done(struct run *run, cJSON *done)
{
	answer(run, "done", done);
}

void answer_paused(struct run *run, cJSON *paused)
{
	answer(run, "paused", paused);
}

bool answer_progress(struct run *run, cJSON *progress)
{
	return answer(run, "progress", progress);
}

void answer_error(struct run *run, const struct err *err)
{
	cJSON *error = cJSON_CreateObject();

	json_add_int(error, "code", control_exit_status(err->code));
	json_add_text(error, "text", err->text);
	answer(run, "error", error);
}

void answer_end(struct run *run, enum err_code code, const struct err *err, cJSON *totals,
	bool paused)
{
	if (code == ERR_OK && paused) {
		answer_paused(run, totals);
	} else if (code == ERR_OK) {
		answer_done(run, totals);
	} else {
		cJSON_Delete(totals);
		answer_error(run, err);
	}
}

bool run_goes_on(struct run *run)
{
	return !run->gone && (!run->keep_going || run->keep_going(run->ctx));
}

static bool stop_reading(void *ctx)
{
	return !run_goes_on(ctx);
}

void run_read_long(struct run *run)
{
	reader_stop_when(run->control->reader, stop_reading, run);
}

bool run_was_stopped(struct run *run, enum err_code code)
{
	reader_stop_when(run->control->reader, NULL, NULL);
	return code == ERR_TIMEOUT && !run_goes_on(run);
}

/* ---- JSON ---- */

bool json_add_item(cJSON *object, const char *name, cJSON *item)
{
	if (object && item && cJSON_AddItemToObject(object, name, item))
		return true;
	cJSON_Delete(item);
	json_short = true;
	return false;
}

void json_add_to(cJSON *array, cJSON *item)
{
	if (array && item && cJSON_AddItemToArray(array, item))
		return;
	cJSON_Delete(item);
	json_short = true;
}

cJSON *json_add_object(cJSON *object, const char *name)
{
	cJSON *item = cJSON_CreateObject();

	return json_add_item(object, name, item) ? item : NULL;
}

cJSON *json_add_array(cJSON *object, const char *name)
{
	cJSON *item = cJSON_CreateArray();

	return json_add_item(object, name, item) ? item : NULL;
}

void json_add_bool(cJSON *object, const char *name, bool value)
{
	json_add_item(object, name, cJSON_CreateBool(value));
}

void json_add_text(cJSON *object, const char *name, const char *text)
{
	json_add_item(object, name, text ? cJSON_CreateString(text) : cJSON_CreateNull());
}

void json_add_time(cJSON *object, const char *name, int64_t at)
{
	char text[TIME_TEXT_SIZE];

	json_add_text(object, name, at ? time_text(at, text) : NULL);
}

void json_add_int(cJSON *object, const char *name, int64_t value)
{
	json_add_item(object, name, cJSON_CreateNumber((double)value));
}

cJSON *json_accounting(const struct accounting *sum)
{
	cJSON *object = cJSON_CreateObject();

	json_add_int(object, "accepted", sum->accepted);
	json_add_int(object, "pending", sum->pending);
	json_add_int(object, "held", sum->held);
	json_add_int(object, "delivered", sum->delivered);
	json_add_int(object, "dead", sum->dead);
	json_add_int(object, "discarded", sum->discarded);
	json_add_int(object, "difference", sum->difference);
	return object;
}
