#include "leadrelay/health.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define FAILURES_BEFORE_BACKING_OFF 3
#define FIRST_LIMIT 4 /* of a destination nobody complained about yet */

const char *health_state_name(enum health_state state)
{
	switch (state) {
	case HEALTH_OPEN:
		return "open";
	case HEALTH_BACKING_OFF:
		return "backing_off";
	case HEALTH_THROTTLED:
		return "throttled";
	case HEALTH_PARKED:
		return "parked";
	}
	return "";
}

static int at_most(int a, int b)
{
	return a < b ? a : b;
}

static int64_t later_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void set_limit(struct health *health, int limit)
{
	health->limit = limit < 1 ? 1 : at_most(limit, health->max);
	health->successes = 0;
}

/* The only place where the state changes: keeps the account of the time it was open. */
static void enter(struct health *health, enum health_state state, int64_t now)
{
	if (health->state == HEALTH_OPEN)
		health->open_ms += later_of(now - health->since, 0);
	health->state = state;
	health->since = now;
	health->next_at = 0;
	health->probe_passed = false;
	health->asks_itself = false;
	health->epoch++;
}

static void say(struct health *health, enum reason reason, const char *error)
{
	health->reason = reason;
	snprintf(health->error, sizeof(health->error), "%s", error ? error : "");
}

static int open_up(struct health *health, int limit, int64_t now)
{
	enter(health, HEALTH_OPEN, now);
	say(health, REASON_NONE, NULL);
	health->failures = 0;
	set_limit(health, limit);
	return HEALTH_CHANGED | HEALTH_OPENED;
}

void health_init(struct health *health, const struct health_rule *rule, int64_t now)
{
	*health = (struct health){.state = HEALTH_OPEN, .since = now};
	health_configure(health, rule);
}

void health_configure(struct health *health, const struct health_rule *rule)
{
	if (health->configured_max != rule->max_concurrency) {
		health->configured_max = rule->max_concurrency;
		health->max = rule->max_concurrency;
	}
	set_limit(health, health->limit > 0 ? health->limit : FIRST_LIMIT);
}

/* ---- what an answer means, state by state ---- */

struct news { /* one outcome on its way through the machine */
	const struct health_rule *rule;
	const struct outcome *outcome;
	int64_t delivery;
	bool old; /* of something that began before the state last changed */
	int64_t now;
	const struct entropy *entropy;
};

/* The destination heard us and answered about this lead, well or badly. */
static bool answered(const struct outcome *outcome)
{
	return outcome_is_success(outcome->kind) || outcome->kind == OUTCOME_REFUSED ||
	       outcome->kind == OUTCOME_FORBIDDEN ||
	       (outcome->kind == OUTCOME_RETRY && !outcome->destination);
}

static bool is_failure(const struct outcome *outcome)
{
	return outcome->destination &&
	       (outcome->kind == OUTCOME_RETRY || outcome->kind == OUTCOME_UNKNOWN);
}

/* Retry-After to the millisecond; without a usable one the retry rule. Zero is not
 * usable: it would ask again in the same breath, for as long as the other side says it.
 */
static int64_t throttle_wait(struct health *health, const struct news *news)
{
	int64_t wait_ms = news->outcome->wait_ms;

	if (wait_ms <= 0)
		return retry_delay(
			&news->rule->retry, ++health->throttles, news->entropy);
	return wait_ms < RETRY_AFTER_MAX_MS ? wait_ms : RETRY_AFTER_MAX_MS;
}

static int throttle(struct health *health, const struct news *news)
{
	int64_t until = news->now + throttle_wait(health, news);

	if (health->state == HEALTH_THROTTLED) { /* what was in flight hears the same */
		if (until <= health->next_at || news->outcome->wait_ms <= 0)
			return HEALTH_SAME;
		health->next_at = until;
		return HEALTH_CHANGED;
	}
	if (health->state == HEALTH_OPEN)
		set_limit(health, health->limit / 2);
	enter(health, HEALTH_THROTTLED, news->now);
	say(health, REASON_THROTTLED, news->outcome->error);
	health->failures = 0;
	health->next_at = until;
	return HEALTH_CHANGED;
}

static int park(struct health *health, const struct health_rule *rule, enum reason reason,
	const char *why, bool asks_itself, int64_t now)
{
	/* a pause that was asked for is kept to the end, whatever else is wrong */
	int64_t pause_ends_at = health->state == HEALTH_THROTTLED ? health->next_at : now;

	enter(health, HEALTH_PARKED, now);
	say(health, reason, why);
	health->failures = 0;
	health->asks_itself = asks_itself;
	health->next_at = asks_itself
				  ? later_of(now + rule->probe_interval_ms, pause_ends_at)
				  : INT64_MAX;
	set_limit(health, 1);
	return HEALTH_CHANGED | HEALTH_PARKED_NOW;
}

/* By the retry rule, but no longer than a parked one waits: after a long outage the drain
 * begins within one probe interval. */
static int64_t probe_wait(const struct news *news, int nth)
{
	int64_t wait_ms = retry_delay(&news->rule->retry, nth, news->entropy);

	return wait_ms < news->rule->probe_interval_ms ? wait_ms
						       : news->rule->probe_interval_ms;
}

static int back_off(struct health *health, const struct news *news)
{
	int nth = ++health->failures - FAILURES_BEFORE_BACKING_OFF + 1;

	if (health->state == HEALTH_OPEN) {
		if (nth < 1)
			return HEALTH_SAME;
		enter(health, HEALTH_BACKING_OFF, news->now);
		set_limit(health, 1);
	}
	say(health, news->outcome->reason, news->outcome->error);
	health->next_at = news->now + probe_wait(news, nth);
	return HEALTH_CHANGED;
}

static void note_success(struct health *health)
{
	health->failures = 0;
	health->throttles = 0;
	if (health->limit < health->max && ++health->successes >= health->limit)
		set_limit(health, health->limit + 1);
}

/* A verdict on a lead other than `forbidden` ends a row of them. */
static int note_forbidden(struct health *health, const struct news *news)
{
	const struct outcome *outcome = news->outcome;
	int64_t before = health->forbidden_delivery;

	if (news->delivery == 0)
		return HEALTH_SAME;
	if (outcome_is_success(outcome->kind) || outcome->kind == OUTCOME_REFUSED)
		health->forbidden_delivery = 0;
	else if (outcome->kind == OUTCOME_FORBIDDEN && !news->old) {
		if (before && before != news->delivery)
			return park(health, news->rule, REASON_FORBIDDEN, outcome->error,
				       true, news->now) |
			       HEALTH_REVIVE_FIRST;
		health->forbidden_delivery = news->delivery;
	}
	return health->forbidden_delivery != before ? HEALTH_CHANGED : HEALTH_SAME;
}

static int parks(struct health *health, const struct news *news)
{
	const struct outcome *outcome = news->outcome;
	bool lead_free = outcome->kind == OUTCOME_FORBIDDEN && news->delivery == 0;

	if (news->old || (outcome->kind != OUTCOME_UNAUTHORIZED &&
				 outcome->kind != OUTCOME_ENVIRONMENT && !lead_free))
		return HEALTH_SAME;
	return park(health, news->rule, outcome->reason, outcome->error,
		!outcome->needs_person, news->now);
}

static int outcome_open(struct health *health, const struct news *news)
{
	int change = parks(health, news) | note_forbidden(health, news);

	if (change & HEALTH_PARKED_NOW)
		return change;
	if (news->outcome->kind == OUTCOME_THROTTLED)
		return throttle(health, news);
	if (is_failure(news->outcome))
		return news->old ? HEALTH_SAME : back_off(health, news);
	if (outcome_is_success(news->outcome->kind))
		note_success(health);
	return change;
}

static int outcome_backing_off(struct health *health, const struct news *news)
{
	int change = parks(health, news) | note_forbidden(health, news);

	if (change & HEALTH_PARKED_NOW)
		return change;
	if (news->outcome->kind == OUTCOME_THROTTLED)
		return throttle(health, news);
	if (answered(news->outcome)) {
		health->throttles = 0;
		return open_up(health, 1, news->now);
	}
	return news->old || !is_failure(news->outcome) ? HEALTH_SAME
						       : back_off(health, news);
}

static int outcome_throttled(struct health *health, const struct news *news)
{
	const struct outcome *outcome = news->outcome;

	if (outcome->kind == OUTCOME_THROTTLED)
		return throttle(health, news);
	/* What was in flight is old news only about being reachable: a refused credential
	 * parks. */
	if (outcome->kind == OUTCOME_UNAUTHORIZED || outcome->kind == OUTCOME_ENVIRONMENT)
		return park(health, news->rule, outcome->reason, outcome->error,
			!outcome->needs_person, news->now);
	return note_forbidden(health, news);
}

/* Asked again in another interval; what is wrong now is worth more than what was. */
static int stay_parked(struct health *health, const struct news *news)
{
	const struct outcome *outcome = news->outcome;
	int64_t wait_ms = news->rule->probe_interval_ms;

	if (outcome->kind == OUTCOME_UNAUTHORIZED ||
		outcome->kind == OUTCOME_ENVIRONMENT ||
		outcome->kind == OUTCOME_FORBIDDEN)
		say(health, outcome->reason, outcome->error);
	if (outcome->kind == OUTCOME_THROTTLED)
		wait_ms = later_of(wait_ms, outcome->wait_ms);
	health->probe_passed = false;
	health->asks_itself = !outcome->needs_person;
	health->next_at = outcome->needs_person ? INT64_MAX : news->now + wait_ms;
	return HEALTH_CHANGED;
}

/* What was in flight when it was parked may bring a pause, which is kept. */
static int hear_of_pause(struct health *health, const struct news *news)
{
	int64_t until = news->now + news->outcome->wait_ms;

	if (news->outcome->kind != OUTCOME_THROTTLED || news->outcome->wait_ms <= 0 ||
		until <= health->next_at)
		return HEALTH_SAME;
	health->probe_passed = false;
	health->next_at = until;
	return HEALTH_CHANGED;
}

static int outcome_parked(struct health *health, const struct news *news)
{
	bool success = outcome_is_success(news->outcome->kind);

	if (!health->asks_itself)
		return HEALTH_SAME;
	if (news->old)
		return hear_of_pause(health, news);
	if (success && news->delivery != 0) {
		health->forbidden_delivery = 0;
		return open_up(health, 1, news->now);
	}
	if (!success)
		return stay_parked(health, news);
	health->probe_passed = true;
	health->next_at = 0;
	return HEALTH_CHANGED;
}

int health_outcome(struct health *health, const struct health_rule *rule,
	const struct outcome *outcome, int64_t delivery, unsigned epoch, int64_t now,
	const struct entropy *entropy)
{
	const struct news news = {.rule = rule,
		.outcome = outcome,
		.delivery = delivery,
		.old = epoch != health->epoch,
		.now = now,
		.entropy = entropy};

	if (outcome->dop_hint > 0) {
		health->max = at_most(outcome->dop_hint, health->configured_max);
		if (health->limit > health->max)
			set_limit(health, health->max);
	}
	switch (health->state) {
	case HEALTH_OPEN:
		return outcome_open(health, &news);
	case HEALTH_BACKING_OFF:
		return outcome_backing_off(health, &news);
	case HEALTH_THROTTLED:
		return outcome_throttled(health, &news);
	case HEALTH_PARKED:
		return outcome_parked(health, &news);
	}
	return HEALTH_SAME;
}

bool health_forbidden_is_destination(
	const struct health *health, int64_t delivery, unsigned epoch)
{
	if (health->state == HEALTH_PARKED || epoch != health->epoch)
		return true;
	return health->forbidden_delivery != 0 && health->forbidden_delivery != delivery;
}

/* ---- from outside, and by time ---- */

int health_park(struct health *health, const struct health_rule *rule, enum reason reason,
	const char *why, int64_t now)
{
	return park(health, rule, reason, why,
		reason != REASON_OPERATOR && reason != REASON_REMOVED, now);
}

int health_resume(struct health *health, int64_t now)
{
	if (health->state == HEALTH_OPEN)
		return HEALTH_SAME;
	health->forbidden_delivery = 0;
	return open_up(health, 1, now);
}

int health_nothing_waiting(struct health *health, int64_t now)
{
	if (health->state != HEALTH_PARKED || !health->probe_passed)
		return HEALTH_SAME;
	return health_resume(health, now);
}

int health_allowance(const struct health *health, int64_t now)
{
	switch (health->state) {
	case HEALTH_OPEN:
		return health->limit;
	case HEALTH_BACKING_OFF:
		return now >= health->next_at ? 1 : 0;
	case HEALTH_THROTTLED:
		return 0;
	case HEALTH_PARKED:
		return health->probe_passed && now >= health->next_at ? 1 : 0;
	}
	return 0;
}

bool health_probe_due(const struct health *health, int64_t now)
{
	return health->state == HEALTH_PARKED && health->asks_itself &&
	       !health->probe_passed && now >= health->next_at;
}

int health_tick(struct health *health, int64_t now)
{
	if (health->state != HEALTH_THROTTLED || now < health->next_at)
		return HEALTH_SAME;
	return open_up(health, health->limit, now);
}

int64_t health_next_at(const struct health *health, int64_t now)
{
	if (health->state == HEALTH_OPEN || health->next_at <= now)
		return INT64_MAX;
	return health->next_at;
}

int64_t health_open_ms(const struct health *health, int64_t now)
{
	if (health->state != HEALTH_OPEN)
		return health->open_ms;
	return health->open_ms + later_of(now - health->since, 0);
}

void health_clock_jumped(struct health *health, int64_t delta)
{
	health->since += delta;
	if (health->next_at != 0 && health->next_at != INT64_MAX)
		health->next_at += delta;
}
