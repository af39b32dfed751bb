/*
 * Everything at once, by the dice: answers of all kinds, a store that is stuck or narrow,
 * reloads, restarts, the operator, the clock. When it is over, whatever was accepted is
 * settled and the destinations are open; the bench itself refuses a lead that is twice on
 * the wire, and accounts that differ.
 *
 * LEADRELAY_SEEDS=FROM-TO runs others than the first dozen.
 */
#include "rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct rig rig;

static int roll(uint64_t *dice, int sides)
{
	*dice = *dice * 6364136223846793005u + 1442695040888963407u;
	return (int)((*dice >> 33) % (unsigned)sides);
}

static void anything(
	struct rig *r, const struct rig_asked *asked, struct rig_reply *reply)
{
	static const int statuses[] = {201, 201, 201, 201, 201, 201, 409, 500, 429, 401,
		507, 403, 400, RIG_UNKNOWN, RIG_REFUSED, RIG_HANG};

	reply->latency_ms = roll(&r->seed, 2000) + 1;
	if (strcmp(asked->what, "token") != 0)
		reply->status = statuses[roll(&r->seed, 16)];
	else if (roll(&r->seed, 10) == 0)
		reply->status = roll(&r->seed, 2) ? 401 : 503;
	if (reply->status == 429)
		reply->retry_after = roll(&r->seed, 60);
	reply->few = roll(&r->seed, 5) == 0;
	reply->dop_hint = roll(&r->seed, 5) == 0 ? roll(&r->seed, 6) : 0;
}

static void ignore(void *ctx, const struct err *err)
{
	(void)ctx;
	(void)err;
}

/* ---- what else may happen ---- */

static void restart(uint64_t *dice)
{
	(void)dice;
	rig_stop(&rig);
	rig_start(&rig);
	rig_configure(&rig, 2, 8);
}

static void reload(uint64_t *dice)
{
	rig.secret_changed = roll(dice, 2);
	rig_configure(&rig, 2, 1 + roll(dice, 8));
}

static void remove_one(uint64_t *dice)
{
	rig_configure(&rig, 1, 4);
	rig_run(&rig, roll(dice, 5000));
	rig_configure(&rig, 2, 4);
}

static void jump(uint64_t *dice)
{
	rig_jump(&rig, roll(dice, 7200000) - 3600000);
}

static void stick(uint64_t *dice)
{
	rig.store_stuck = true;
	rig_run(&rig, roll(dice, 10000));
	rig.store_stuck = false;
}

static void operate(uint64_t *dice)
{
	if (roll(dice, 2))
		relay_park(rig.relay, "d1", "for a while", ignore, NULL);
	else
		relay_resume(rig.relay, roll(dice, 2) ? "d0" : "d1", ignore, NULL);
}

static void refresh(uint64_t *dice)
{
	relay_refresh(rig.relay, roll(dice, 2) ? 0 : rig.ids[0]);
}

static void hold_back(uint64_t *dice)
{
	relay_run(rig.relay, false);
	rig_run(&rig, roll(dice, 5000));
	relay_run(rig.relay, true);
}

static void trouble(uint64_t *dice)
{
	static void (*const kinds[])(uint64_t *) = {restart, reload, remove_one, jump,
		stick, operate, operate, refresh, hold_back};
	const int count = (int)(sizeof(kinds) / sizeof(kinds[0]));
	int kind = roll(dice, 2 * count); /* none, half of the time */

	if (kind < count)
		kinds[kind](dice);
}

static void end_well(unsigned seed)
{
	rig.answer = NULL;
	for (int i = 0; i < 3;
		i++) { /* an order may find the store narrow, or another under way */
		rig_run(&rig, 1000);
		relay_resume(rig.relay, "d1", ignore, NULL);
	}
	rig_run(&rig, INT64_C(3) * 3600000);
	for (int i = 0; i < 2; i++) {
		struct relay_status status = rig_status(&rig, i);
		int64_t pending = rig_row(&rig, i).pending;

		if (pending || status.in_flight || status.window ||
			status.health.state != HEALTH_OPEN)
			fail_msg(
				"seed %u: d%d is %s, %d pending, %d in flight, %d in window",
				seed, i, health_state_name(status.health.state),
				(int)pending, status.in_flight, status.window);
	}
}

static void run_seed(unsigned seed)
{
	uint64_t dice = seed * 7919;

	rig_open(&rig, 2, seed % 2 ? 0 : 4);
	rig.tokens = seed % 3 == 0;
	rig.seed ^= dice;
	rig.answer = anything;
	rig_configure(&rig, 2, 8);
	for (int i = 0; i < 80; i++) {
		for (int count = roll(&dice, 3); count > 0; count--)
			rig_accept(&rig, 2, roll(&dice, 3));
		rig_run(&rig, roll(&dice, 40000));
		trouble(&dice);
	}
	end_well(seed);
	rig_close(&rig);
}

static void after_any_trouble_everything_is_settled(void **state)
{
	const char *seeds = getenv("LEADRELAY_SEEDS");
	unsigned from = 1, to = 12;

	(void)state;
	if (seeds)
		assert_int_equal(sscanf(seeds, "%u-%u", &from, &to), 2);
	for (unsigned seed = from; seed <= to; seed++)
		run_seed(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(after_any_trouble_everything_is_settled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
