/* What a task leaves behind: its end, its history, its memory. */
#include "kinds.h"
#include "words.h"

#include <stdlib.h>

void task_finish(struct task *task)
{
	http_request_finish(&task->request);
	if (task->mail_exchange)
		mail_exchange_finish(task->mail_exchange);
	free(task->mail_exchange);
	task->mail_exchange = NULL;
	buf_finish(&task->work);
	free(task->extra);
	task->extra = NULL;
}

enum step_kind task_done(struct task *task, const struct outcome *outcome)
{
	task->outcome = *outcome;
	return STEP_DONE;
}

enum step_kind task_out_of_memory(struct task *task)
{
	task->outcome = (struct outcome){.kind = OUTCOME_RETRY,
		.reason = REASON_PROTOCOL,
		.wait_ms = -1,
		.error = "this machine ran out of memory"};
	return STEP_DONE;
}

void task_record(struct task *task, const struct outcome *outcome, int64_t started_at,
	int64_t duration_ms)
{
	struct exchange_record *record;

	if (task->record_count >= TASK_EXCHANGES_MAX)
		return;
	record = &task->records[task->record_count++];
	record->at = started_at;
	record->duration_ms = duration_ms;
	record->outcome = outcome->kind;
	record->reason = outcome->reason;
	record->http_status = outcome->http_status;
	words_put(record->error, sizeof(record->error), outcome->error);
}
