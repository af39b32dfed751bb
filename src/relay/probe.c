/*
 * The cheap questions: whether a parked destination answers again (or one that is backing
 * off while no lead waits), and whether leads may be made at all when one was forbidden.
 */
#include "room.h"

/* A kind without a cheap read is asked by one waiting lead right away. */
static void pass_unasked(struct lane *lane, int64_t now)
{
	const struct outcome passed = {.kind = OUTCOME_DELIVERED, .wait_ms = -1};
	const struct was was = lane_was(lane);

	lane_changed(lane, was,
		health_outcome(&lane->health, &lane->edition->rule, &passed, 0,
			lane->health.epoch, now, lane->relay->options.entropy),
		&passed, false);
	relay_wake(lane->relay);
}

void probe_start(struct lane *lane, int64_t now)
{
	unsigned supported = lane->edition->destination->base.kind->purposes;

	lane->none_waiting = false;
	if (supported & (1u << TASK_PROBE))
		attempt_ask(lane, TASK_PROBE, NULL, now);
	else
		pass_unasked(lane, now);
}

static bool concerns_all(enum outcome_kind kind)
{
	return kind == OUTCOME_FORBIDDEN || kind == OUTCOME_UNAUTHORIZED ||
	       kind == OUTCOME_ENVIRONMENT;
}

static void inquiry_over(struct attempt *attempt)
{
	const struct outcome *outcome = &attempt->task->outcome;
	int change = HEALTH_SAME;

	if (concerns_all(outcome->kind))
		change = judge(attempt, outcome, 0, true);
	settle_after_inquiry(attempt->about, change);
}

void probe_outcome(struct attempt *attempt)
{
	struct lane *lane = attempt->lane;
	struct relay *relay = lane->relay;

	if (attempt->about) {
		inquiry_over(attempt);
	} else {
		lane->probe = NULL;
		judge(attempt, &attempt->task->outcome, 0, false);
	}
	attempt_free(attempt);
	lane_reap(lane);
	relay_wake(relay);
	relay_ended(relay);
}
