/*
 * Attempts that wait for an access token: one request at a time per destination, and
 * every waiting attempt goes on with its answer.
 *
 * A token that cannot be had is the destination's trouble: the health machine hears of it
 * once, the first of the waiting deliveries records it in its history, and the others go
 * back to the outbox untouched.
 */
#include "room.h"

#include "leadrelay/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_MS \
	30000 /* after an early refresh that failed; the old token still serves */

static struct attempt *next_waiter(struct edition *edition)
{
	struct attempt *attempt = edition->token_waiters;

	if (attempt)
		DL_DELETE2(edition->token_waiters, attempt, token_prev, token_next);
	return attempt;
}

static void go_on(struct edition *edition)
{
	struct attempt *waiting = edition->token_waiters, *attempt;

	edition->token_waiters = NULL; /* who waits again does so for the next one */
	while ((attempt = waiting) != NULL) {
		DL_DELETE2(waiting, attempt, token_prev, token_next);
		attempt_go_on(attempt);
	}
}

static void add_record(struct task *task, const struct outcome *outcome, int64_t now)
{
	struct exchange_record *record = &task->records[TASK_EXCHANGES_MAX - 1];

	if (task->record_count < TASK_EXCHANGES_MAX)
		record = &task->records[task->record_count++];
	*record = (struct exchange_record){.at = now,
		.outcome = outcome->kind,
		.reason = outcome->reason,
		.http_status = outcome->http_status};
	snprintf(record->error, sizeof(record->error), "%s", outcome->error);
}

/* Ends those who wait; the first delivery's settlement stores what changed. */
static void fail_waiters(
	struct edition *edition, const struct outcome *outcome, int change, int64_t now)
{
	struct attempt *attempt;
	bool told = false;

	while ((attempt = next_waiter(edition)) != NULL) {
		struct task *task = attempt->task;

		if (attempt->entry && told) {
			attempt_abandon(attempt);
			continue;
		}
		add_record(task, outcome, now);
		task->outcome = *outcome;
		if (attempt->entry) {
			told = true;
			settle_put_back(attempt, outcome, change);
		} else {
			probe_outcome(attempt);
		}
	}
}

/* A parked destination's cheap read judges for itself: the machine hears of it there. */
static bool probe_waits(const struct lane *lane, const struct edition *edition)
{
	const struct attempt *attempt;

	for (attempt = edition->token_waiters; attempt; attempt = attempt->token_next) {
		if (attempt == lane->probe)
			return true;
	}
	return false;
}

static void fetch_failed(struct lane *lane, struct edition *edition, unsigned epoch,
	const struct outcome *outcome)
{
	struct relay *relay = lane->relay;
	int64_t now = relay_now(relay);
	int change = HEALTH_SAME;
	const struct was was = lane_was(lane);
	bool needed = edition->token_waiters != NULL;

	edition->token_quiet_until = relay_mono(relay) + QUIET_MS;
	if (!needed || lane->edition != edition) {
		fail_waiters(edition, outcome, HEALTH_SAME, now);
		return;
	}
	if (!probe_waits(lane, edition)) {
		change = health_outcome(&lane->health, &edition->rule, outcome, 0, epoch,
			now, relay->options.entropy);
		lane_changed(lane, was, change, outcome, false);
	}
	fail_waiters(edition, outcome, change, now);
}

static bool fetch_start(struct lane *lane, struct edition *edition, struct err *err);

/* The request could not even be made: a certificate that cannot be read, no memory. */
static void no_request(struct lane *lane, struct edition *edition, const struct err *err)
{
	struct outcome outcome = {.kind = OUTCOME_UNAUTHORIZED,
		.reason = REASON_UNAUTHORIZED,
		.wait_ms = -1,
		.remedy = "Check the files under auth of this destination."};

	if (err->code == ERR_NOMEM)
		outcome = (struct outcome){.kind = OUTCOME_RETRY,
			.reason = REASON_PROTOCOL,
			.destination = true,
			.wait_ms = -1};
	snprintf(outcome.error, sizeof(outcome.error), "%s", err->text);
	fetch_failed(lane, edition, lane->health.epoch, &outcome);
}

static void fetch_done(struct http_exchange *exchange)
{
	struct fetch *fetch = exchange->owner;
	struct lane *lane = fetch->lane;
	struct edition *edition = fetch->edition;
	struct relay *relay = lane->relay;
	struct outcome outcome = {.wait_ms = -1};
	struct err err = {.code = ERR_OK};
	enum token_result result = token_answer(destination_token(edition->destination),
		&exchange->answer, relay_now(relay), &outcome);

	edition->fetch = NULL;
	DL_DELETE(relay->fetches, fetch);
	if (relay->cancelled && result != TOKEN_GOT) {
		struct attempt *attempt;

		while ((attempt = next_waiter(edition)) != NULL)
			attempt_abandon(attempt);
	} else if (result == TOKEN_GOT) {
		FAULT_POINT("token.refreshed_before_store");
		go_on(edition);
	} else if (result == TOKEN_FAILED) {
		fetch_failed(lane, edition, fetch->epoch, &outcome);
	} else if (!fetch_start(lane, edition, &err)) {
		no_request(lane, edition, &err);
	}
	lane->fetches--; /* last: until now it kept the lane */
	http_exchange_finish(exchange);
	edition_drop(edition);
	free(fetch);
	lane_reap(lane);
	relay_wake(relay);
	relay_ended(relay);
}

static bool fetch_start(struct lane *lane, struct edition *edition, struct err *err)
{
	struct relay *relay = lane->relay;
	const struct transport *transport = &relay->options.transport;
	struct fetch *fetch = calloc(1, sizeof(*fetch));

	if (!fetch) {
		err_set(err, ERR_NOMEM, "out of memory");
		return false;
	}
	if (token_request(destination_token(edition->destination),
		    &fetch->exchange.request, relay_now(relay), err) != ERR_OK) {
		free(fetch);
		return false;
	}
	fetch->lane = lane;
	fetch->edition = edition;
	fetch->epoch = lane->health.epoch;
	fetch->exchange.route = &edition->settings->route;
	fetch->exchange.done = fetch_done;
	fetch->exchange.owner = fetch;
	edition->fetch = fetch;
	edition_use(edition);
	lane->fetches++;
	DL_APPEND(relay->fetches, fetch);
	transport->send(transport->ctx, &fetch->exchange);
	return true;
}

void token_wait(struct attempt *attempt)
{
	struct edition *edition = attempt->edition;
	struct err err;

	DL_APPEND2(edition->token_waiters, attempt, token_prev, token_next);
	if (!edition->fetch && !fetch_start(attempt->lane, edition, &err))
		no_request(attempt->lane, edition, &err);
}

void token_refresh_early(struct lane *lane, struct edition *edition)
{
	struct token *token = destination_token(edition->destination);
	struct relay *relay = lane->relay;
	struct err err;

	if (!token || edition->fetch || lane->health.state != HEALTH_OPEN ||
		relay_mono(relay) < edition->token_quiet_until ||
		!token_wanted(token, relay_now(relay)))
		return;
	if (!fetch_start(lane, edition, &err))
		edition->token_quiet_until = relay_mono(relay) + QUIET_MS;
}
