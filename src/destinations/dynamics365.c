/*
 * dynamics365: leads into Dataverse's lead table, by its Web API.
 *
 * The happy path is one request: POST leads, with our id as leadid, answered 204. It
 * needs no right but to create. A repeat is answered "duplicate key", which counts as
 * delivered once it is sure that our id is meant.
 *
 * Failures: 401 gets one new token. What is too long, no choice or no e-mail is mended
 * and sent once more. A duplicate rule's refusal is first held against our own id (an
 * earlier attempt may have arrived), then given to the policy. Everything else is in the
 * tables of dynamics_errors.c. A crash anywhere repeats the POST with the same id.
 */
#include "dynamics.h"

#include "answer.h"
#include "dynamics_url.h"
#include "kinds.h"
#include "words.h"

#include "leadrelay/token.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define API_VERSION "v9.2"

static struct dynamics *of(struct destination *destination)
{
	return (struct dynamics *)destination;
}

static enum err_code check_columns(
	const struct pair_list *pairs, const char *key, bool by_value, struct err *err)
{
	for (size_t i = 0; i < pairs->count; i++) {
		const struct pair *pair = &pairs->items[i];
		const char *column = by_value ? pair->value : pair->name;

		if (!column_name_allowed(column))
			return err_set(err, ERR_CONFIG,
				"%s: %s is no column that can be written", key, column);
	}
	return ERR_OK;
}

static enum err_code make_api(
	struct dynamics *dynamics, const char *base, struct err *err)
{
	const char *version = dynamics->base.settings->api_version;
	struct buf api = BUF_INIT;
	size_t digits;

	version = version ? version : API_VERSION;
	version += version[0] == 'v' || version[0] == 'V';
	digits = strspn(version, "0123456789.");
	if (!isdigit((unsigned char)version[0]) || version[digits] != '\0')
		return err_set(err, ERR_CONFIG,
			"api_version: not a version such as " API_VERSION);
	buf_addf(&api, "%s/api/data/v%s", base, version);
	dynamics->api = buf_take(&api);
	return dynamics->api ? ERR_OK : err_set(err, ERR_NOMEM, "out of memory");
}

static void destroy(struct destination *destination)
{
	struct dynamics *dynamics = of(destination);

	free(dynamics->origin);
	free(dynamics->api);
	free(dynamics);
}

static enum err_code configure(struct dynamics *dynamics, struct err *err)
{
	const struct destination_settings *settings = dynamics->base.settings;
	char *base = NULL;
	enum err_code code;

	if (settings->auth.method == AUTH_NONE)
		return err_set(err, ERR_CONFIG,
			"auth: missing; azure_ad, azure_ad_certificate or office365");
	code = check_columns(&settings->map, "map", true, err);
	if (code == ERR_OK)
		code = check_columns(&settings->set, "set", false, err);
	if (code == ERR_OK)
		code = dynamics_url_parse(settings->url, settings->route.allow_plain,
			&dynamics->origin, &base, err);
	if (code == ERR_OK)
		code = make_api(dynamics, base, err);
	free(base);
	if (code == ERR_OK)
		code = token_create(&dynamics->base.token, &settings->auth,
			dynamics->origin, dynamics->entropy, err);
	return code;
}

static enum err_code create(struct destination **out,
	const struct destination_settings *settings, const struct entropy *entropy,
	struct err *err)
{
	struct dynamics *dynamics = calloc(1, sizeof(*dynamics));
	enum err_code code;

	if (!dynamics)
		return err_set(err, ERR_NOMEM, "out of memory");
	dynamics->base = (struct destination_base){
		.kind = &destination_dynamics365, .settings = settings};
	dynamics->entropy = entropy;
	code = configure(dynamics, err);
	if (code != ERR_OK)
		destroy((struct destination *)dynamics);
	else
		*out = (struct destination *)dynamics;
	return code;
}

static enum step_kind send(struct dynamics *dynamics, struct task *task)
{
	struct http_request *request = &task->request;

	http_request_finish(request);
	*request = (struct http_request){0};
	progress_of(task)->token_generation = token_generation(dynamics->base.token);
	http_request_header(
		request, "Authorization", token_authorization(dynamics->base.token));
	dynamics_build(dynamics, task, request);
	if (buf_ok(&request->url) && buf_ok(&request->headers) && buf_ok(&request->body))
		return STEP_SEND;
	return task_out_of_memory(task);
}

static enum step_kind end_after_too_many(struct task *task)
{
	struct outcome outcome = {.kind = OUTCOME_RETRY,
		.reason = REASON_PROTOCOL,
		.few = true,
		.wait_ms = -1,
		.error =
			"the CRM's answers led nowhere: too many exchanges for one attempt"};

	return task_done(task, &outcome);
}

enum step_kind dynamics_enter(
	struct dynamics *dynamics, struct task *task, enum stage stage, int64_t now)
{
	task->stage = (int)stage;
	if (task->record_count >=
		TASK_EXCHANGES_MAX - 1) /* the last one is on its way in */
		return end_after_too_many(task);
	if (!token_fresh(dynamics->base.token, now))
		return STEP_TOKEN;
	return send(dynamics, task);
}

static enum stage first_stage(const struct dynamics *dynamics, const struct task *task)
{
	switch (task->purpose) {
	case TASK_DELIVER:
		return task->ask_first ? STAGE_ASK_FIRST : STAGE_CREATE;
	case TASK_PRIVILEGE:
		return dynamics->user_id[0] ? STAGE_PRIVILEGE : STAGE_WHO_AM_I;
	case TASK_READ:
		return STAGE_READ;
	case TASK_DELETE:
		return STAGE_DELETE;
	case TASK_PROBE:
	case TASK_PURPOSES:
		break;
	}
	return STAGE_WHO_AM_I;
}

static enum step_kind begin(
	struct destination *destination, struct task *task, int64_t now)
{
	struct dynamics *dynamics = of(destination);

	task->extra = calloc(1, sizeof(struct progress));
	if (!task->extra)
		return task_out_of_memory(task);
	return dynamics_enter(dynamics, task, first_stage(dynamics, task), now);
}

static enum step_kind take_answer(struct dynamics *dynamics, struct task *task,
	const struct http_answer *answer, int64_t now)
{
	struct step step = {
		.dynamics = dynamics, .task = task, .answer = answer, .now = now};
	const char *authorization = token_authorization(dynamics->base.token);
	enum stage stage = (enum stage)task->stage;
	enum step_kind kind;

	dynamics_read(&step.reading, answer, dynamics_stage_words(stage),
		dynamics_stage_writes(stage),
		authorization ? authorization + strlen("Bearer ") : NULL, now);
	kind = dynamics_take(&step);
	task_record(task, &step.reading.outcome, now - answer->duration_ms,
		answer->duration_ms);
	dynamics_reading_finish(&step.reading);
	return kind;
}

static enum step_kind next(struct destination *destination, struct task *task,
	const struct http_answer *answer, int64_t now)
{
	struct dynamics *dynamics = of(destination);
	struct outcome nothing = OUTCOME_INIT;

	if (answer)
		return take_answer(dynamics, task, answer, now);
	if (token_authorization(dynamics->base.token))
		return send(dynamics, task);
	nothing.kind = OUTCOME_RETRY;
	nothing.reason = REASON_UNAUTHORIZED;
	nothing.destination = true;
	words_put(nothing.error, sizeof(nothing.error), "there is no token yet");
	return task_done(task, &nothing);
}

static const struct destination_key keys[] = {
	{"url", true},
	{"api_version", false},
	{"auth", true},
	{"duplicates", false},
	{NULL, false},
};

const struct destination_kind destination_dynamics365 = {
	.name = "dynamics365",
	.keys = keys,
	.keeps_key = true,
	.create = create,
	.destroy = destroy,
	.begin = begin,
	.next = next,
	.work = NULL,
	.purposes = 1u << TASK_DELIVER | 1u << TASK_PROBE | 1u << TASK_PRIVILEGE |
		    1u << TASK_READ | 1u << TASK_DELETE,
};
