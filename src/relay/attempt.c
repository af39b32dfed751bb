/*
 * One attempt: the destination says what to do next, this file does it.
 *
 *   task_begin -> STEP_TOKEN (token_wait.c) -> STEP_SEND, STEP_MAIL (the transports)
 *   -> ... -> STEP_DONE
 *
 * Nothing here calls itself again: the transport and the worker answer later, from the
 * loop.
 */
#include "room.h"

#include <stdlib.h>
#include <string.h>

static void carry_out(struct attempt *attempt, enum step_kind step);

/* A task is larger than what malloc has at hand, and one is needed for each delivery. */
struct spare_task {
	struct spare_task *next;
};

static struct task *task_create(struct relay *relay, enum task_purpose purpose)
{
	struct spare_task *spare = relay->spare_tasks;
	struct task *task;

	if (spare) {
		relay->spare_tasks = spare->next;
		relay->spare_count--;
	}
	task = spare ? (struct task *)spare : malloc(sizeof(*task));
	if (!task)
		return NULL;
	memset(task, 0, offsetof(struct task, records));
	task->purpose = purpose;
	return task;
}

static void task_drop(struct attempt *attempt)
{
	struct relay *relay = attempt->lane->relay;
	struct spare_task *spare = (struct spare_task *)attempt->task;

	if (!attempt->task)
		return;
	task_finish(attempt->task);
	attempt->task = NULL;
	if (relay->spare_count >= SPARE_TASKS_MAX) {
		free(spare);
		return;
	}
	spare->next = relay->spare_tasks;
	relay->spare_tasks = spare;
	relay->spare_count++;
}

void attempt_free_spares(struct relay *relay)
{
	struct spare_task *spare, *next;

	for (spare = relay->spare_tasks; spare; spare = next) {
		next = spare->next;
		free(spare);
	}
}

/* Gives everything back; the delivery, if it is still ours, must be out of memory
 * already. */
void attempt_free(struct attempt *attempt)
{
	struct relay *relay = attempt->lane->relay;

	task_drop(attempt);
	http_exchange_finish(&attempt->exchange);
	job_settle_finish(&attempt->settle);
	edition_drop(attempt->edition);
	DL_DELETE(relay->attempts, attempt);
	free(attempt);
}

static struct attempt *attempt_create(
	struct lane *lane, struct entry *entry, enum task_purpose purpose)
{
	struct attempt *attempt = calloc(1, sizeof(*attempt));

	if (!attempt)
		return NULL;
	attempt->task = task_create(lane->relay, purpose);
	if (!attempt->task) {
		free(attempt);
		return NULL;
	}
	job_settle_prepare(&attempt->settle);
	attempt->lane = lane;
	attempt->entry = entry;
	attempt->edition = lane->edition;
	attempt->epoch = lane->health.epoch;
	edition_use(attempt->edition);
	DL_APPEND(lane->relay->attempts, attempt);
	return attempt;
}

void attempt_start(struct lane *lane, struct entry *entry, int64_t now)
{
	struct attempt *attempt = attempt_create(lane, entry, TASK_DELIVER);
	const struct claimed *claimed = &entry->claimed;

	if (!attempt) { /* it is still due: a later look finds it */
		entry_forget(lane, entry);
		return;
	}
	attempt->task->lead = &claimed->lead;
	attempt->task->mail = claimed->mail;
	attempt->task->ask_first =
		claimed->edited && claimed->last_outcome == OUTCOME_UNKNOWN;
	lane->in_flight++;
	lane->in_epoch++;
	carry_out(attempt, task_begin(attempt->edition->destination, attempt->task, now));
}

bool attempt_ask(
	struct lane *lane, enum task_purpose purpose, struct attempt *about, int64_t now)
{
	struct attempt *attempt = attempt_create(lane, NULL, purpose);

	if (!attempt)
		return false;
	attempt->about = about;
	if (about)
		attempt->task->lead = &about->entry->claimed.lead;
	else
		lane->probe = attempt; /* before it can be over */
	carry_out(attempt, task_begin(attempt->edition->destination, attempt->task, now));
	return true;
}

void attempt_landed(struct attempt *attempt)
{
	struct lane *lane = attempt->lane;

	task_drop(attempt);
	if (!attempt->entry)
		return;
	lane->in_flight--;
	if (attempt->epoch == lane->epoch_seen && lane->in_epoch > 0)
		lane->in_epoch--;
}

static void forget_attempt(struct attempt *attempt)
{
	struct lane *lane = attempt->lane;

	if (attempt->task)
		attempt_landed(attempt);
	else if (attempt->entry)
		lane->settling--;
	if (attempt->entry)
		entry_forget(lane, attempt->entry);
	if (lane->probe == attempt)
		lane->probe = NULL;
	attempt_free(attempt);
}

void attempt_abandon(struct attempt *attempt)
{
	struct lane *lane = attempt->lane;
	struct relay *relay = lane->relay;

	if (attempt->about)
		forget_attempt(attempt->about);
	forget_attempt(attempt);
	window_rescan(lane);
	lane_reap(lane);
	relay_wake(relay);
	relay_ended(relay);
}

/* ---- the steps ---- */

static void exchange_done(struct http_exchange *exchange)
{
	struct attempt *attempt = exchange->owner;
	struct http_exchange over = *exchange;
	enum step_kind step;

	attempt->sending = false;
	memset(&attempt->exchange, 0, sizeof(attempt->exchange));
	if (over.answer.failure == HTTP_CANCELLED && over.answer.status == 0) {
		http_exchange_finish(&over);
		attempt_abandon(attempt);
		return;
	}
	step = task_next(attempt->edition->destination, attempt->task, &over.answer,
		relay_now(attempt->lane->relay));
	http_exchange_finish(&over);
	carry_out(attempt, step);
}

static void send_request(struct attempt *attempt)
{
	const struct transport *transport = &attempt->lane->relay->options.transport;

	attempt->exchange = (struct http_exchange){.request = attempt->task->request,
		.route = &attempt->edition->settings->route,
		.done = exchange_done,
		.owner = attempt};
	memset(&attempt->task->request, 0, sizeof(attempt->task->request));
	attempt->sending = true;
	transport->send(transport->ctx, &attempt->exchange);
}

static void mail_done(struct mail_exchange *exchange)
{
	struct attempt *attempt = exchange->owner;
	bool cancelled = exchange->answer.failure == HTTP_CANCELLED;
	enum step_kind step = STEP_DONE;

	attempt->mailing = NULL;
	if (!cancelled)
		step = task_mailed(attempt->edition->destination, attempt->task,
			&exchange->answer, relay_now(attempt->lane->relay));
	mail_exchange_finish(exchange);
	free(exchange);
	if (cancelled)
		attempt_abandon(attempt);
	else
		carry_out(attempt, step);
}

static void send_mail(struct attempt *attempt)
{
	const struct mail_transport *mail = &attempt->lane->relay->options.mail;
	struct mail_exchange *exchange = attempt->task->mail_exchange;

	attempt->task->mail_exchange = NULL;
	attempt->mailing = exchange;
	exchange->done = mail_done;
	exchange->owner = attempt;
	mail->send(mail->ctx, exchange);
}

bool attempt_cancel(struct attempt *attempt)
{
	const struct relay_options *options = &attempt->lane->relay->options;

	if (attempt->sending)
		options->transport.cancel(options->transport.ctx, &attempt->exchange);
	else if (attempt->mailing)
		options->mail.cancel(options->mail.ctx, attempt->mailing);
	else
		return false;
	return true;
}

/* A pause that the destination asked for while this attempt was between two exchanges, or
 * waited for a token: it holds for every request. */
static bool is_paused(const struct attempt *attempt)
{
	const struct lane *lane = attempt->lane;

	return lane->edition && lane->health.state == HEALTH_THROTTLED &&
	       relay_now(lane->relay) < lane->health.next_at;
}

static void end_for_pause(struct attempt *attempt)
{
	const struct outcome outcome = {.kind = OUTCOME_THROTTLED,
		.reason = REASON_THROTTLED,
		.wait_ms = -1,
		.error = "the destination asked for a pause before this was sent"};

	if (attempt->entry) {
		settle_put_back(attempt, &outcome, HEALTH_SAME);
		return;
	}
	if (attempt->about) { /* in doubt for the lead: it is tried again */
		const struct outcome forbidden = attempt->about->task->outcome;

		settle_put_back(attempt->about, &forbidden, HEALTH_SAME);
		attempt->about = NULL;
	}
	attempt_abandon(attempt);
}

/* Worker thread. */
static void work_run(void *ctx)
{
	struct attempt *attempt = ctx;
	struct destination *destination = attempt->edition->destination;

	destination->base.kind->work(destination, attempt->task);
}

static void work_done(void *ctx)
{
	attempt_go_on(ctx);
}

void attempt_go_on(struct attempt *attempt)
{
	carry_out(attempt, task_next(attempt->edition->destination, attempt->task, NULL,
				   relay_now(attempt->lane->relay)));
}

static void carry_out(struct attempt *attempt, enum step_kind step)
{
	const struct relay *relay = attempt->lane->relay;
	const struct worker *worker = &relay->options.worker;

	if (relay->cancelled && step != STEP_DONE) {
		attempt_abandon(attempt);
		return;
	}
	if (step == STEP_SEND && is_paused(attempt)) {
		end_for_pause(attempt);
		return;
	}
	switch (step) {
	case STEP_SEND:
		token_refresh_early(attempt->lane, attempt->edition);
		send_request(attempt);
		return;
	case STEP_TOKEN:
		token_wait(attempt);
		return;
	case STEP_MAIL:
		token_refresh_early(attempt->lane, attempt->edition);
		send_mail(attempt);
		return;
	case STEP_WORK:
		worker->run(worker->worker, work_run, work_done, attempt);
		return;
	case STEP_DONE:
		if (attempt->entry)
			settle_outcome(attempt);
		else
			probe_outcome(attempt);
		return;
	}
}
