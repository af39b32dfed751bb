#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "leadrelay/clock.h"
#include "leadrelay/health.h"

#include <string.h>

#define START 1000000
#define INTERVAL 900000

static void half_fill(void *ctx, void *out, size_t len)
{
	uint64_t half = UINT64_C(1) << 63;

	(void)ctx;
	memset(out, 0, len);
	memcpy(out, &half, len < sizeof(half) ? len : sizeof(half));
}

static const struct entropy entropy = {.fill = half_fill};
static const struct health_rule rule = {
	.retry = {.first_ms = 5000, .longest_ms = 3600000, .factor = 2},
	.probe_interval_ms = INTERVAL,
	.max_concurrency = 8};

static const struct outcome delivered = {.kind = OUTCOME_DELIVERED, .wait_ms = -1};
static const struct outcome refused = {.kind = OUTCOME_REFUSED, .wait_ms = -1};
static const struct outcome down = {.kind = OUTCOME_RETRY,
	.reason = REASON_CONNECT,
	.destination = true,
	.wait_ms = -1,
	.error = "connection refused"};
static const struct outcome own_retry = {.kind = OUTCOME_RETRY, .wait_ms = -1};
static const struct outcome throttled = {
	.kind = OUTCOME_THROTTLED, .reason = REASON_THROTTLED, .wait_ms = 300000};
static const struct outcome unauthorized = {.kind = OUTCOME_UNAUTHORIZED,
	.reason = REASON_UNAUTHORIZED,
	.wait_ms = -1,
	.error = "invalid client secret"};
static const struct outcome wrong_password = {.kind = OUTCOME_UNAUTHORIZED,
	.reason = REASON_UNAUTHORIZED,
	.needs_person = true,
	.wait_ms = -1};
static const struct outcome forbidden = {
	.kind = OUTCOME_FORBIDDEN, .reason = REASON_FORBIDDEN, .wait_ms = -1};
static const struct outcome full = {
	.kind = OUTCOME_ENVIRONMENT, .reason = REASON_ENVIRONMENT, .wait_ms = -1};

static struct health fresh(void)
{
	struct health health;

	health_init(&health, &rule, START);
	return health;
}

/* An outcome of what began in the present state. */
static int hear(struct health *health, const struct outcome *outcome, int64_t delivery,
	int64_t now)
{
	return health_outcome(
		health, &rule, outcome, delivery, health->epoch, now, &entropy);
}

static struct health after_outage(int64_t at)
{
	struct health health = fresh();

	for (int i = 0; i < 3; i++)
		hear(&health, &down, i + 1, at);
	return health;
}

static void three_failures_in_a_row_back_off(void **state)
{
	struct health health = fresh();

	(void)state;
	assert_int_equal(hear(&health, &down, 1, START), HEALTH_SAME);
	assert_int_equal(hear(&health, &down, 2, START), HEALTH_SAME);
	assert_int_equal(hear(&health, &delivered, 3, START), HEALTH_SAME);
	assert_int_equal(hear(&health, &down, 1, START), HEALTH_SAME);
	assert_int_equal(hear(&health, &down, 2, START), HEALTH_SAME);
	assert_int_equal(hear(&health, &down, 3, START), HEALTH_CHANGED);
	assert_int_equal(health.state, HEALTH_BACKING_OFF);
	assert_int_equal(health.reason, REASON_CONNECT);
	assert_string_equal(health.error, "connection refused");
}

static void a_leads_own_retries_do_not_back_off(void **state)
{
	struct health health = fresh();

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(hear(&health, &own_retry, 1, START), HEALTH_SAME);
}

static void a_long_outage_is_noticed_to_end_within_the_probe_interval(void **state)
{
	struct health health = after_outage(START);

	(void)state;
	for (int i = 0; i < 20; i++) /* the retry rule alone would say half an hour */
		hear(&health, &down, i + 1, START);
	assert_int_equal(health.next_at, START + INTERVAL);
}

static void backing_off_asks_one_at_a_time_and_later_each_time(void **state)
{
	struct health health = after_outage(START);
	int64_t now = START, ceiling = 5000;

	(void)state;
	for (int i = 0; i < 8; i++) {
		int64_t wait_ms = health.next_at - now;

		assert_int_equal(health_allowance(&health, health.next_at - 1), 0);
		assert_int_equal(health_allowance(&health, health.next_at), 1);
		assert_int_equal(health_next_at(&health, now), health.next_at);
		assert_in_range(wait_ms, 1, ceiling);
		ceiling *= 2;
		now = health.next_at;
		assert_int_equal(hear(&health, &down, 9, now), HEALTH_CHANGED);
	}
}

static void stragglers_of_the_outage_do_not_lengthen_it(void **state)
{
	struct health health = after_outage(START);
	unsigned before = health.epoch - 1;
	int64_t next_at = health.next_at;

	(void)state;
	for (int i = 0; i < 13; i++)
		assert_int_equal(health_outcome(&health, &rule, &down, 20 + i, before,
					 next_at + 1, &entropy),
			HEALTH_SAME);
	assert_int_equal(health.next_at, next_at);
}

static void success_opens_with_a_ramp(void **state)
{
	struct health health = after_outage(START);
	int sent = 0;

	(void)state;
	assert_int_equal(hear(&health, &delivered, 1, START + 9000),
		HEALTH_CHANGED | HEALTH_OPENED);
	assert_int_equal(health_allowance(&health, START + 9000), 1);
	for (int limit = 1; limit < 8; limit++)
		for (int i = 0; i < limit; i++, sent++) {
			assert_int_equal(health.limit, limit);
			hear(&health, &delivered, 1, START + 9000);
		}
	for (int i = 0; i < 100; i++)
		hear(&health, &delivered, 1, START + 9000);
	assert_int_equal(health.limit, 8);
	assert_int_equal(sent, 28);
}

static void any_answer_to_the_probe_opens(void **state)
{
	struct health health = after_outage(START);

	(void)state;
	assert_int_equal(
		hear(&health, &refused, 1, START + 9000), HEALTH_CHANGED | HEALTH_OPENED);
}

static void the_hint_is_a_ceiling(void **state)
{
	struct health health = fresh();
	struct outcome hinted = delivered;

	(void)state;
	hinted.dop_hint = 2;
	hear(&health, &hinted, 1, START);
	for (int i = 0; i < 50; i++)
		hear(&health, &delivered, 1, START);
	assert_int_equal(health.limit, 2);
	hinted.dop_hint = 50;
	for (int i = 0; i < 50; i++)
		hear(&health, &hinted, 1, START);
	assert_int_equal(health.limit, 8);
}

static void throttling_asks_nothing_until_its_time_to_the_millisecond(void **state)
{
	struct health health = fresh();

	(void)state;
	health.limit = 8;
	assert_int_equal(hear(&health, &throttled, 1, START), HEALTH_CHANGED);
	assert_int_equal(health.state, HEALTH_THROTTLED);
	assert_int_equal(health_tick(&health, START + 299999), HEALTH_SAME);
	assert_int_equal(health_allowance(&health, START + 299999), 0);
	assert_int_equal(health_next_at(&health, START), START + 300000);
	assert_int_equal(
		health_tick(&health, START + 300000), HEALTH_CHANGED | HEALTH_OPENED);
	assert_int_equal(health_allowance(&health, START + 300000), 4);
}

static void a_wave_of_429_halves_once(void **state)
{
	struct health health = fresh();
	struct outcome longer = throttled;
	unsigned epoch = health.epoch;

	(void)state;
	health.limit = 8;
	for (int i = 0; i < 8; i++)
		health_outcome(&health, &rule, &throttled, i + 1, epoch, START, &entropy);
	assert_int_equal(health.limit, 4);
	longer.wait_ms = 400000;
	assert_int_equal(
		health_outcome(&health, &rule, &longer, 9, epoch, START, &entropy),
		HEALTH_CHANGED);
	assert_int_equal(health.next_at, START + 400000);
}

static void parking_does_not_shorten_the_pause_it_falls_into(void **state)
{
	struct health health = fresh();
	struct outcome longer = throttled;
	unsigned epoch = health.epoch;

	(void)state;
	longer.wait_ms = 2 * INTERVAL;
	hear(&health, &longer, 1, START);
	health_outcome(&health, &rule, &unauthorized, 2, epoch, START + 1000, &entropy);
	assert_int_equal(health.state, HEALTH_PARKED);
	assert_false(health_probe_due(&health, START + 2 * INTERVAL - 1));
	assert_true(health_probe_due(&health, START + 2 * INTERVAL));
}

static void a_pause_that_was_asked_for_on_the_way_holds_a_parked_one(void **state)
{
	struct health health = fresh();
	struct outcome longer = throttled;
	unsigned epoch = health.epoch;

	(void)state;
	longer.wait_ms = 2 * INTERVAL;
	hear(&health, &unauthorized, 1, START);
	assert_int_equal(health.state, HEALTH_PARKED);
	health_outcome(&health, &rule, &longer, 2, epoch, START + 1000, &entropy);
	assert_int_equal(health.state, HEALTH_PARKED);
	assert_false(health_probe_due(&health, START + 1000 + 2 * INTERVAL - 1));
	assert_true(health_probe_due(&health, START + 1000 + 2 * INTERVAL));
}

static void without_a_pause_what_was_on_the_way_says_nothing(void **state)
{
	struct health health = fresh();
	struct outcome vague = throttled;
	unsigned epoch = health.epoch;

	(void)state;
	vague.wait_ms = -1;
	hear(&health, &unauthorized, 1, START);
	hear(&health, &delivered, 0, START + INTERVAL);
	assert_true(health.probe_passed);
	assert_int_equal(health_outcome(&health, &rule, &vague, 2, epoch,
				 START + INTERVAL + 1, &entropy),
		HEALTH_SAME);
	assert_true(health.probe_passed);
}

static void throttling_without_a_usable_wait_follows_the_retry_rule(void **state)
{
	struct health health = fresh();
	struct outcome vague = throttled;
	int64_t now = START;

	(void)state;
	vague.wait_ms = -1;
	hear(&health, &vague, 1, now);
	assert_in_range(health.next_at - now, 1, 5000);
	health_tick(&health, now = health.next_at);
	vague.wait_ms = 0;
	hear(&health, &vague, 1, now);
	assert_in_range(health.next_at - now, 1, 10000);
	assert_int_equal(health.throttles, 2);
}

static void a_refused_credential_parks_and_is_asked_every_interval(void **state)
{
	struct health health = fresh();

	(void)state;
	assert_int_equal(hear(&health, &unauthorized, 1, START),
		HEALTH_CHANGED | HEALTH_PARKED_NOW);
	assert_int_equal(health.reason, REASON_UNAUTHORIZED);
	assert_int_equal(health_allowance(&health, START + 10 * INTERVAL), 0);
	assert_false(health_probe_due(&health, START + INTERVAL - 1));
	assert_true(health_probe_due(&health, START + INTERVAL));
	assert_int_equal(hear(&health, &down, 0, START + INTERVAL), HEALTH_CHANGED);
	assert_int_equal(health.reason, REASON_UNAUTHORIZED);
	assert_false(health_probe_due(&health, START + 2 * INTERVAL - 1));
	assert_true(health_probe_due(&health, START + 2 * INTERVAL));
}

static void stragglers_tell_the_operator_nothing_again(void **state)
{
	struct health health = fresh();
	unsigned epoch = health.epoch;

	(void)state;
	hear(&health, &unauthorized, 1, START);
	assert_int_equal(
		health_outcome(&health, &rule, &unauthorized, 2, epoch, START, &entropy),
		HEALTH_SAME);
	assert_int_equal(
		health_outcome(&health, &rule, &delivered, 3, epoch, START, &entropy),
		HEALTH_SAME);
	health_resume(&health, START + 5);
	assert_int_equal(health_outcome(&health, &rule, &unauthorized, 4, epoch,
				 START + 6, &entropy),
		HEALTH_SAME);
	assert_int_equal(health.state, HEALTH_OPEN);
}

static void the_all_clear_needs_a_delivered_lead(void **state)
{
	struct health health = fresh();
	int64_t now = START + INTERVAL;

	(void)state;
	hear(&health, &full, 1, START);
	assert_int_equal(hear(&health, &delivered, 0, now), HEALTH_CHANGED);
	assert_int_equal(health.state, HEALTH_PARKED);
	assert_false(health_probe_due(&health, now));
	assert_int_equal(health_allowance(&health, now), 1);
	assert_int_equal(hear(&health, &full, 7, now), HEALTH_CHANGED);
	assert_int_equal(health_allowance(&health, now), 0);
	hear(&health, &delivered, 0, now += INTERVAL);
	assert_int_equal(
		hear(&health, &delivered, 8, now), HEALTH_CHANGED | HEALTH_OPENED);
	assert_int_equal(health_allowance(&health, now), 1);
}

static void with_nothing_waiting_an_answered_probe_is_enough(void **state)
{
	struct health health = fresh();

	(void)state;
	hear(&health, &full, 1, START);
	assert_int_equal(health_nothing_waiting(&health, START), HEALTH_SAME);
	hear(&health, &delivered, 0, START + INTERVAL);
	assert_int_equal(health_nothing_waiting(&health, START + INTERVAL),
		HEALTH_CHANGED | HEALTH_OPENED);
}

static void a_password_is_never_tried_again_by_itself(void **state)
{
	struct health health = fresh();

	(void)state;
	hear(&health, &wrong_password, 0, START);
	assert_int_equal(health.state, HEALTH_PARKED);
	assert_int_equal(health_next_at(&health, START), INT64_MAX);
	assert_false(health_probe_due(&health, INT64_MAX - 1));
	assert_int_equal(
		health_resume(&health, START + 1), HEALTH_CHANGED | HEALTH_OPENED);
}

static void one_forbidden_lead_parks_nothing_two_different_do(void **state)
{
	struct health health = fresh();

	(void)state;
	assert_false(health_forbidden_is_destination(&health, 1, health.epoch));
	assert_int_equal(hear(&health, &forbidden, 1, START), HEALTH_CHANGED);
	assert_false(health_forbidden_is_destination(&health, 1, health.epoch));
	assert_int_equal(hear(&health, &forbidden, 1, START), HEALTH_SAME);
	assert_true(health_forbidden_is_destination(&health, 2, health.epoch));
	assert_int_equal(hear(&health, &forbidden, 2, START),
		HEALTH_CHANGED | HEALTH_PARKED_NOW | HEALTH_REVIVE_FIRST);
	assert_int_equal(health.forbidden_delivery, 1);
	assert_true(health_forbidden_is_destination(&health, 3, health.epoch));
}

static void a_delivery_between_ends_the_row(void **state)
{
	struct health health = fresh();

	(void)state;
	hear(&health, &forbidden, 1, START);
	hear(&health, &down, 2, START);
	hear(&health, &delivered, 3, START);
	assert_int_equal(hear(&health, &forbidden, 4, START), HEALTH_CHANGED);
	assert_int_equal(health.state, HEALTH_OPEN);
}

static void an_operator_decides_alone(void **state)
{
	struct health health = fresh();

	(void)state;
	assert_int_equal(
		health_park(&health, &rule, REASON_OPERATOR, "moving house", START),
		HEALTH_CHANGED | HEALTH_PARKED_NOW);
	assert_string_equal(health.error, "moving house");
	assert_false(health_probe_due(&health, START + 100 * INTERVAL));
	assert_int_equal(health_outcome(&health, &rule, &delivered, 1, health.epoch,
				 START, &entropy),
		HEALTH_SAME);
	assert_int_equal(
		health_resume(&health, START + 5), HEALTH_CHANGED | HEALTH_OPENED);
	assert_int_equal(health_resume(&health, START + 6), HEALTH_SAME);
}

static void a_failed_privilege_probe_parks_and_probes(void **state)
{
	struct health health = fresh();

	(void)state;
	health_park(&health, &rule, REASON_FORBIDDEN, "no role", START);
	assert_true(health_probe_due(&health, START + INTERVAL));
}

static void only_open_time_ages(void **state)
{
	struct health health = fresh();

	(void)state;
	assert_int_equal(health_open_ms(&health, START + 1000), 1000);
	hear(&health, &full, 1, START + 2000);
	assert_int_equal(health_open_ms(&health, START + INTERVAL), 2000);
	health_resume(&health, START + 9000);
	assert_int_equal(health_open_ms(&health, START + 9500), 2500);
	assert_int_equal(health_open_ms(&health, START), 2000);
}

static void a_clock_that_jumps_changes_no_wait_and_no_age(void **state)
{
	struct health open = fresh(), gated = fresh();

	(void)state;
	health_clock_jumped(&open, -86400000);
	assert_int_equal(health_open_ms(&open, START - 86400000 + 50), 50);
	hear(&gated, &throttled, 1, START);
	health_clock_jumped(&gated, 86400000);
	assert_int_equal(
		health_next_at(&gated, START + 86400000), START + 86400000 + 300000);
	health_park(&gated, &rule, REASON_OPERATOR, NULL, START);
	health_clock_jumped(&gated, 5);
	assert_int_equal(gated.next_at, INT64_MAX);
}

static void what_the_store_kept_is_completed(void **state)
{
	struct health health = {
		.state = HEALTH_THROTTLED, .since = START, .next_at = START + 50};

	(void)state;
	health_configure(&health, &rule);
	assert_in_range(health.limit, 1, 8);
	assert_int_equal(health_allowance(&health, START), 0);
	assert_true(health_tick(&health, START + 50) & HEALTH_OPENED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_failures_in_a_row_back_off),
		cmocka_unit_test(a_leads_own_retries_do_not_back_off),
		cmocka_unit_test(
			a_long_outage_is_noticed_to_end_within_the_probe_interval),
		cmocka_unit_test(backing_off_asks_one_at_a_time_and_later_each_time),
		cmocka_unit_test(stragglers_of_the_outage_do_not_lengthen_it),
		cmocka_unit_test(success_opens_with_a_ramp),
		cmocka_unit_test(any_answer_to_the_probe_opens),
		cmocka_unit_test(the_hint_is_a_ceiling),
		cmocka_unit_test(
			throttling_asks_nothing_until_its_time_to_the_millisecond),
		cmocka_unit_test(a_wave_of_429_halves_once),
		cmocka_unit_test(parking_does_not_shorten_the_pause_it_falls_into),
		cmocka_unit_test(
			a_pause_that_was_asked_for_on_the_way_holds_a_parked_one),
		cmocka_unit_test(without_a_pause_what_was_on_the_way_says_nothing),
		cmocka_unit_test(throttling_without_a_usable_wait_follows_the_retry_rule),
		cmocka_unit_test(a_refused_credential_parks_and_is_asked_every_interval),
		cmocka_unit_test(stragglers_tell_the_operator_nothing_again),
		cmocka_unit_test(the_all_clear_needs_a_delivered_lead),
		cmocka_unit_test(with_nothing_waiting_an_answered_probe_is_enough),
		cmocka_unit_test(a_password_is_never_tried_again_by_itself),
		cmocka_unit_test(one_forbidden_lead_parks_nothing_two_different_do),
		cmocka_unit_test(a_delivery_between_ends_the_row),
		cmocka_unit_test(an_operator_decides_alone),
		cmocka_unit_test(a_failed_privilege_probe_parks_and_probes),
		cmocka_unit_test(only_open_time_ages),
		cmocka_unit_test(a_clock_that_jumps_changes_no_wait_and_no_age),
		cmocka_unit_test(what_the_store_kept_is_completed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
