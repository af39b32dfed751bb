/*
 * What an outcome means for the delivery and for its destination, and the job that makes
 * it last.
 *
 * Until the store has committed it the delivery stays in memory as under way. A store
 * that says no is asked again, 50 ms to 1 s apart; the outcome is not lost meanwhile and
 * nothing is sent twice. A crash in between repeats the delivery, with the same key.
 */
#include "room.h"

#include "leadrelay/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int judge(struct attempt *attempt, const struct outcome *outcome, int64_t delivery,
	bool stored_elsewhere)
{
	struct lane *lane = attempt->lane;
	const struct was was = lane_was(lane);
	/* what began under other settings says nothing about these */
	unsigned epoch = attempt->edition == lane->edition ? attempt->epoch
							   : lane->health.epoch - 1;
	int change;

	if (!lane->edition)
		return HEALTH_SAME;
	change = health_outcome(&lane->health, &lane->edition->rule, outcome, delivery,
		epoch, relay_now(lane->relay), lane->relay->options.entropy);
	lane_changed(lane, was, change, outcome, stored_elsewhere);
	return change;
}

/* ---- the verdict on the delivery ---- */

static void put_error(struct job_settle *settle, const char *error)
{
	free(settle->error);
	settle->error = *error ? strdup(error) : NULL;
}

static void end(struct job_settle *settle, const struct outcome *outcome)
{
	settle->event = DELIVERY_REFUSE;
	settle->counts = true;
	settle->reason = outcome->reason;
}

static void give_up(
	struct attempt *attempt, const struct outcome *outcome, int64_t age_ms)
{
	struct job_settle *settle = &attempt->settle;
	char span[DURATION_TEXT_SIZE], text[sizeof(outcome->error) + 128];

	end(settle, outcome);
	settle->reason = REASON_EXPIRED;
	snprintf(text, sizeof(text),
		"not delivered after %s of trying, which is more than "
		"retry.give_up_after; the last answer: %s",
		duration_human(age_ms, span), outcome->error);
	put_error(settle, text);
}

/* retry and unknown: later by the retry rule, unless it was enough. */
static void put_off(struct attempt *attempt, const struct outcome *outcome, int64_t now)
{
	const struct claimed *claimed = &attempt->entry->claimed;
	const struct retry_rule *retry = &attempt->edition->rule.retry;
	struct job_settle *settle = &attempt->settle;
	int64_t age_ms = health_open_ms(&attempt->lane->health, now) - claimed->age_from;
	int64_t wait_ms = retry_delay(
		retry, claimed->attempts + 1, attempt->lane->relay->options.entropy);

	/* In an outage the answers are the destination's, whatever they claim: not the
	 * lead's fault. */
	settle->few = outcome->few && (!outcome->destination ||
					      attempt->lane->health.state == HEALTH_OPEN);
	if (settle->few && claimed->few + 1 >= RETRY_FEW_MAX) {
		end(settle, outcome);
	} else if (age_ms >= retry->give_up_after_ms) {
		give_up(attempt, outcome, age_ms);
	} else {
		settle->event = DELIVERY_RETRY;
		settle->counts = true;
		settle->due_at =
			now + (outcome->wait_ms > wait_ms ? outcome->wait_ms : wait_ms);
	}
}

/* Not the lead's fault: due at once, as far as the lead is concerned; the destination's
 * health says when. */
static void put_back(struct job_settle *settle, int64_t now)
{
	settle->event = DELIVERY_RETRY;
	settle->counts = false;
	settle->due_at = now;
}

static void decide(struct attempt *attempt, const struct outcome *outcome,
	bool destinations_fault, int64_t now)
{
	struct job_settle *settle = &attempt->settle;

	if (destinations_fault) {
		put_back(settle, now);
		return;
	}
	switch (outcome->kind) {
	case OUTCOME_DELIVERED:
	case OUTCOME_ALREADY_THERE:
	case OUTCOME_PRESUMED:
	case OUTCOME_SKIPPED:
		settle->event = DELIVERY_ACCEPT;
		settle->counts = true;
		settle->remote_id =
			*outcome->remote_id ? strdup(outcome->remote_id) : NULL;
		return;
	case OUTCOME_NONE: /* a destination that says nothing: as if it had not answered
			    */
	case OUTCOME_RETRY:
	case OUTCOME_UNKNOWN:
		put_off(attempt, outcome, now);
		return;
	case OUTCOME_THROTTLED:
	case OUTCOME_UNAUTHORIZED:
	case OUTCOME_ENVIRONMENT:
		put_back(settle, now);
		return;
	case OUTCOME_FORBIDDEN:
	case OUTCOME_REFUSED:
	case OUTCOME_COUNT:
		end(settle, outcome);
		return;
	}
}

/* ---- the job ---- */

static void add_history(struct job_settle *settle, const struct task *task)
{
	settle->exchanges =
		calloc((size_t)task->record_count + 1, sizeof(*settle->exchanges));
	if (!settle->exchanges)
		return; /* the outcome is worth more than its history */
	for (int i = 0; i < task->record_count; i++) {
		const struct exchange_record *record = &task->records[i];

		settle->exchanges[i] = (struct settled_exchange){.at = record->at,
			.duration_ms = record->duration_ms,
			.outcome = record->outcome,
			.reason = record->reason,
			.http_status = record->http_status,
			.error = *record->error ? strdup(record->error) : NULL};
	}
	settle->exchange_count = (size_t)task->record_count;
}

static void settle_done(struct store_job *job);

/* Drain's deadline passed and the store says no: attempt is gone. */
static void submit(struct attempt *attempt)
{
	struct lane *lane = attempt->lane;
	struct job_settle *settle = &attempt->settle;

	if (settle->has_health && lane->edition)
		settle->health = lane->health; /* the newest: this may be a second try */
	settle->has_health = settle->has_health && lane->edition;
	attempt->submitted = relay_submit(lane->relay, &settle->job);
	if (attempt->submitted)
		return;
	if (lane->relay->cancelled)
		attempt_abandon(attempt); /* it is due again at the next start */
	else
		lane->relay->stalled = true;
}

static void hand_in(struct attempt *attempt, const struct outcome *outcome,
	bool destinations_fault, int change)
{
	struct lane *lane = attempt->lane;
	struct job_settle *settle = &attempt->settle;
	int64_t now = relay_now(lane->relay);

	settle->job.done = settle_done;
	settle->delivery = attempt->entry->claimed.delivery;
	settle->destination = lane->id;
	settle->outcome = outcome->kind;
	settle->reason = outcome->reason;
	settle->now = now;
	put_error(settle, outcome->error);
	decide(attempt, outcome, destinations_fault, now);
	add_history(settle, attempt->task);
	settle->has_health = settle->has_health || (change & HEALTH_CHANGED);
	if (change & HEALTH_REVIVE_FIRST)
		settle->revive = lane->health.forbidden_delivery;
	snprintf(attempt->remedy, sizeof(attempt->remedy), "%s", outcome->remedy);
	attempt_landed(attempt);
	lane->settling++;
	if (settle->event == DELIVERY_ACCEPT)
		FAULT_POINT("send.2xx_before_mark");
	relay_wake(lane->relay);
	submit(attempt);
}

/* The first `forbidden` may be the lead's own or the destination's: it is asked whether
 * leads may be made at all. */
static bool can_inquire(const struct attempt *attempt)
{
	return attempt->edition->destination->base.kind->purposes &
	       (1u << TASK_PRIVILEGE);
}

static bool is_destinations_fault(
	const struct attempt *attempt, const struct outcome *outcome)
{
	const struct lane *lane = attempt->lane;

	return outcome->kind == OUTCOME_FORBIDDEN &&
	       (attempt->edition != lane->edition ||
		       health_forbidden_is_destination(&lane->health,
			       attempt->entry->claimed.delivery, attempt->epoch));
}

void settle_outcome(struct attempt *attempt)
{
	const struct outcome outcome = attempt->task->outcome;
	struct lane *lane = attempt->lane;
	bool destinations_fault = is_destinations_fault(attempt, &outcome);
	int change = judge(attempt, &outcome, attempt->entry->claimed.delivery, true);

	attempt->settle.has_health =
		change & HEALTH_CHANGED; /* the inquiry may take a while */
	if (outcome.kind == OUTCOME_FORBIDDEN && !destinations_fault &&
		can_inquire(attempt)) {
		if (lane_may_start(lane) && attempt_ask(lane, TASK_PRIVILEGE, attempt,
						    relay_now(lane->relay)))
			return;
		destinations_fault = true; /* in doubt for the lead: it is tried again */
	}
	hand_in(attempt, &outcome, destinations_fault, change);
}

void settle_after_inquiry(struct attempt *attempt, int change)
{
	const struct outcome outcome = attempt->task->outcome;

	hand_in(attempt, &outcome, is_destinations_fault(attempt, &outcome), change);
}

void settle_put_back(struct attempt *attempt, const struct outcome *outcome, int change)
{
	hand_in(attempt, outcome, true, change);
}

/* ---- the store's answer ---- */

static void settled(struct attempt *attempt)
{
	struct lane *lane = attempt->lane;
	const struct job_settle *settle = &attempt->settle;

	if (settle->job.code != ERR_OK) { /* the row moved on or is gone: nothing to do */
		lane->health_dirty = lane->health_dirty || settle->has_health;
		return;
	}
	news_settled(lane, attempt);
	if (settle->event == DELIVERY_RETRY) {
		FAULT_POINT("retry.scheduled");
		window_due(lane, settle->due_at);
	}
	if (settle->event == DELIVERY_REFUSE && settle->state == DELIVERY_DEAD)
		news_dead(lane, attempt);
	if (settle->revive)
		window_rescan(lane);
}

static void settle_done(struct store_job *job)
{
	struct attempt *attempt =
		(struct attempt *)((char *)job - offsetof(struct attempt, settle.job));
	struct lane *lane = attempt->lane;
	struct relay *relay = lane->relay;

	relay_heard(relay, job);
	attempt->submitted = false;
	if (!relay_answered(job->code) && !relay->cancelled) {
		relay->stalled = true;
		return;
	}
	settled(attempt);
	lane->settling--;
	entry_forget(lane, attempt->entry);
	attempt_free(attempt);
	lane_reap(lane);
	relay_wake(relay);
	relay_ended(relay);
}

void settle_stalled(struct relay *relay)
{
	struct attempt *attempt, *next;

	relay->stalled = false;
	for (attempt = relay->attempts; attempt; attempt = next) {
		next = attempt->next;
		bool waits = attempt->entry && !attempt->task && !attempt->submitted;

		if (waits && !relay_store_ready(relay))
			relay->stalled = true;
		else if (waits)
			submit(attempt);
	}
}
