/*
 * A kind of destination in place of the real ones: it asks what the rig's answer function
 * understands, and takes the status for the outcome.
 */
#include "leadrelay/destination.h"
#include "leadrelay/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALL_PURPOSES ((1u << TASK_DELIVER) | (1u << TASK_PROBE) | (1u << TASK_PRIVILEGE))

static const char *const words[TASK_PURPOSES] = {
	[TASK_DELIVER] = "deliver",
	[TASK_PROBE] = "probe",
	[TASK_PRIVILEGE] = "privilege",
	[TASK_READ] = "read",
	[TASK_DELETE] = "delete",
};

static enum step_kind ask(struct destination *destination, struct task *task)
{
	char id[UUID_TEXT_SIZE] = "-";

	if (task->lead)
		uuid_text(&task->lead->id, id);
	task->request.method = "POST";
	buf_addf(&task->request.url, "fake %s %s %s", destination->base.settings->name,
		task->ask_first ? "read" : words[task->purpose], id);
	return STEP_SEND;
}

static enum step_kind begin(
	struct destination *destination, struct task *task, int64_t now)
{
	if (destination->base.token && !token_fresh(destination->base.token, now))
		return STEP_TOKEN;
	return ask(destination, task);
}

static void classify(const struct http_answer *answer, struct outcome *out)
{
	static const struct {
		long status;
		enum outcome_kind kind;
		enum reason reason;
		bool destination;
	} table[] = {
		{201, OUTCOME_DELIVERED, REASON_NONE, false},
		{400, OUTCOME_REFUSED, REASON_INVALID, false},
		{401, OUTCOME_UNAUTHORIZED, REASON_UNAUTHORIZED, false},
		{403, OUTCOME_FORBIDDEN, REASON_FORBIDDEN, false},
		{409, OUTCOME_RETRY, REASON_PLUGIN, false},
		{429, OUTCOME_THROTTLED, REASON_THROTTLED, false},
		{500, OUTCOME_RETRY, REASON_SERVER_ERROR, true},
		{507, OUTCOME_ENVIRONMENT, REASON_ENVIRONMENT, false},
	};
	char text[32];

	*out = (struct outcome){.http_status = (int)answer->status, .wait_ms = -1};
	out->kind = answer->sent ? OUTCOME_UNKNOWN : OUTCOME_RETRY;
	out->reason = http_failure_reason(answer->failure);
	out->destination = answer->status == 0;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].status == answer->status) {
			out->kind = table[i].kind;
			out->reason = table[i].reason;
			out->destination = table[i].destination;
		}
	if (http_answer_header(answer, "Retry-After", text, sizeof(text)))
		out->wait_ms = retry_after_parse(text, 0);
	if (http_answer_header(answer, "X-Dop", text, sizeof(text)))
		out->dop_hint = atoi(text);
	out->few = http_answer_header(answer, "X-Few", text, sizeof(text)) != NULL;
	snprintf(out->error, sizeof(out->error), "status %ld", answer->status);
	if (out->kind == OUTCOME_DELIVERED)
		snprintf(out->remote_id, sizeof(out->remote_id), "r1");
}

static enum step_kind next(struct destination *destination, struct task *task,
	const struct http_answer *answer, int64_t now)
{
	if (!answer)
		return ask(destination, task);
	classify(answer, &task->outcome);
	task->records[task->record_count++] = (struct exchange_record){.at = now,
		.outcome = task->outcome.kind,
		.reason = task->outcome.reason,
		.http_status = task->outcome.http_status};
	return STEP_DONE;
}

static void destroy(struct destination *destination)
{
	free(destination);
}

static const struct destination_kind fake = {.name = "fake",
	.keeps_key = true,
	.destroy = destroy,
	.begin = begin,
	.next = next,
	.purposes = ALL_PURPOSES};

enum err_code destination_create(struct destination **out,
	const struct destination_settings *settings, const struct entropy *entropy,
	struct err *err)
{
	struct destination *destination;

	if (strcmp(settings->kind, "fake") != 0)
		return err_set(err, ERR_CONFIG, "no kind %s", settings->kind);
	destination = calloc(1, sizeof(*destination));
	if (!destination)
		return err_set(err, ERR_NOMEM, "out of memory");
	destination->base.kind = &fake;
	destination->base.settings = settings;
	if (settings->auth.method != AUTH_NONE &&
		token_create(&destination->base.token, &settings->auth, "https://d",
			entropy, err) != ERR_OK) {
		free(destination);
		return err->code;
	}
	*out = destination;
	return ERR_OK;
}

void destination_destroy(struct destination *destination)
{
	struct token *token = destination->base.token;

	destination->base.kind->destroy(destination);
	token_destroy(token);
}

struct token *destination_token(struct destination *destination)
{
	return destination->base.token;
}

enum step_kind task_begin(struct destination *destination, struct task *task, int64_t now)
{
	return destination->base.kind->begin(destination, task, now);
}

enum step_kind task_next(struct destination *destination, struct task *task,
	const struct http_answer *answer, int64_t now)
{
	return destination->base.kind->next(destination, task, answer, now);
}

enum step_kind task_mailed(struct destination *destination, struct task *task,
	const struct mail_answer *answer, int64_t now)
{
	return destination->base.kind->mailed(destination, task, answer, now);
}
