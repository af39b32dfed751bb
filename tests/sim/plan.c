/*
 * What a seed brings. Postings gather around the moments when something goes wrong.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>

#define TROUBLES_MAX 64

/* ---- what goes wrong ---- */

static void clear_up(struct sim *sim, int64_t destination)
{
	sim->disturbed_at = sim->mono;
	peer_weather(sim, (int)destination, CLEAR, 0);
}

static void archive_away(struct sim *sim, bool away)
{
	if (sim->box_away == away)
		return;
	if (rename(away ? "in" : "away", away ? "away" : "in") != 0)
		abort();
	sim->box_away = away;
	sim->disturbed_at = sim->mono;
	tell(sim, "the archive's folder is %s", away ? "gone" : "back");
}

static void archive_back(struct sim *sim, int64_t unused)
{
	(void)unused;
	archive_away(sim, false);
}

static int64_t some_while(struct chance *chance)
{
	switch (chance_below(chance, 4)) {
	case 0:
		return chance_between(chance, SECOND, 5 * MINUTE);
	case 1:
		return chance_between(chance, MINUTE, 2 * HOUR);
	case 2:
		return chance_between(chance, HOUR, 12 * HOUR);
	}
	return chance_between(chance, 6 * HOUR, 4 * DAY);
}

static void bad_weather(struct sim *sim, int64_t unused)
{
	static const int percents[] = {100, 100, 60, 25};
	struct chance *chance = &sim->net;
	int destination = (int)chance_below(chance, DESTINATIONS);

	(void)unused;
	if (sim->quiet)
		return;
	sim->disturbed_at = sim->mono;
	if (destination == ARCHIVE) {
		archive_away(sim, true);
		sim_later(sim, some_while(chance), archive_back, 0);
		return;
	}
	peer_weather(sim, destination,
		(enum weather)chance_between(chance, DOWN, WEATHERS - 1),
		percents[chance_below(chance, 4)]);
	sim_later(sim, some_while(chance), clear_up, destination);
}

static void step_clock(struct sim *sim, int64_t unused)
{
	static const int64_t steps[] = {HOUR, DAY, 5 * MINUTE, 20 * SECOND};
	int64_t by = steps[chance_below(&sim->node_chance, 4)];

	(void)unused;
	if (sim->quiet)
		return;
	sim->disturbed_at = sim->mono;
	if (chance_percent(&sim->node_chance, 50))
		by = -by;
	sim->wall_offset += by;
	sim->jumped_ms += by < 0 ? -by : by;
	if (by > 0) /* set back, a pause only lasts longer */
		oracle_clock_stepped(sim);
	if (!sim->node.up && by < 0)
		sim->set_back_down_ms -= by;
	sim->tallies.jumps++;
	tell(sim, "the clock steps by %lld s", (long long)(by / SECOND));
}

static void crash(struct sim *sim, int64_t unused)
{
	struct chance *chance = &sim->node_chance;
	enum disk_cut how = chance_percent(chance, 65) ? DISK_POWER : DISK_KILL;

	(void)unused;
	if (sim->quiet)
		return;
	sim->disturbed_at = sim->mono;
	sim->tallies.power_cuts += how == DISK_POWER;
	post_plan(sim, chance_between(chance, 0, 2 * SECOND));
	switch (chance_below(chance, 5)) {
	case 0:
		node_crash(sim, how);
		break;
	case 1:
	case 2:
		sim->node.crash_steps = (int)chance_between(chance, 1, 60);
		sim->node.crash_how = how;
		break;
	default:
		disk_cut_in(sim->disk, (int)chance_between(chance, 1, 60), how);
	}
	if (chance_percent(chance, 15)) /* and soon again */
		sim_later(sim, chance_between(chance, SECOND, 3 * MINUTE), crash, 0);
}

static void cut_power(struct sim *sim, int64_t unused)
{
	(void)unused;
	if (sim->quiet)
		return;
	sim->disturbed_at = sim->mono;
	node_crash(sim, DISK_POWER);
}

static void end_disk_trouble(struct sim *sim, int64_t unused)
{
	(void)unused;
	disk_trouble(sim->disk, (struct disk_trouble){0});
	sim->disturbed_at = sim->mono;
	tell(sim, "the disk is well");
}

/* Postings, for what it does to them; and what such a disk forgets, a power cut shows. */
static void test_disk(struct sim *sim)
{
	struct chance *chance = &sim->node_chance;

	for (int i = 0; i < 2; i++)
		post_plan(sim, chance_between(chance, 0, 3 * SECOND));
	if (!chance_percent(chance, 60))
		return;
	for (int i = 0; i < 2; i++)
		post_plan(sim, chance_between(chance, 5 * SECOND, 30 * SECOND));
	sim_later(sim, chance_between(chance, 20 * SECOND, MINUTE), cut_power, 0);
}

static void bad_disk(struct sim *sim, int64_t unused)
{
	struct chance *chance = &sim->node_chance;
	struct disk_trouble trouble = {.lasting = chance_percent(chance, 50)};
	int kind = (int)chance_below(chance, 5), in = (int)chance_between(chance, 1, 40);
	static const char *const words[] = {"full", "failing writes", "failing syncs",
		"failing syncs", "failing reads"};

	(void)unused;
	if (sim->quiet)
		return;
	sim->disturbed_at = sim->mono;
	switch (kind) {
	case 0:
		trouble.full = true;
		trouble.full_in = (int)chance_below(chance, 200000);
		break;
	case 1:
		trouble.write_in = in;
		break;
	case 4:
		trouble.read_in = in;
		break;
	default:
		trouble.sync_in = 1 + in / 8;
		trouble.lasting = chance_percent(chance, 20);
	}
	test_disk(sim);
	tell(sim, "disk: %s%s", words[kind], trouble.lasting ? ", lasting" : "");
	disk_trouble(sim->disk, trouble);
	/* not long: the store tries each second, and that costs real time */
	sim_later(sim,
		chance_percent(chance, 90) ? chance_between(chance, SECOND, 15 * SECOND)
					   : chance_between(chance, SECOND, 2 * MINUTE),
		end_disk_trouble, 0);
}

static void slow_store(struct sim *sim, int64_t unused)
{
	(void)unused;
	sim->disturbed_at = sim->mono;
	sim->node.slow_until =
		sim->mono + chance_between(&sim->node_chance, 1, 20 * SECOND);
}

static void sweep(struct sim *sim, int64_t unused)
{
	(void)unused;
	oracle_sweep(sim, false);
	sim_later(sim, 3 * DAY, sweep, 0);
}

/* ---- what a seed is like ---- */

void plan_profile(struct sim *sim)
{
	struct chance *chance = &sim->plan;
	struct profile *profile = &sim->profile;
	bool large = chance_percent(chance, 5);

	*profile = (struct profile){.days = chance_between(chance, 30, 34),
		.bodies = (int)(large ? chance_between(chance, 40, 100)
				      : chance_between(chance, 2, 20)),
		.weathers = (int)chance_between(chance, 0, 10),
		.orders = (int)chance_between(chance, 0, 16),
		.crashes = (int)chance_between(chance, 0, 4),
		.disk_troubles = (int)chance_between(chance, 0, 3),
		.clock_steps = chance_percent(chance, 50)
				       ? (int)chance_between(chance, 1, 4)
				       : 0,
		.retention = {.delivered_ms = chance_between(chance, 4, 20) * DAY,
			.dead_ms = chance_between(chance, 4, 20) * DAY,
			.discarded_ms = chance_between(chance, 4, 20) * DAY,
			.quarantined_ms = chance_between(chance, 4, 20) * DAY,
			.attempts_ms = chance_between(chance, 2, 60) * DAY},
		.retry = {.first_ms = 5 * SECOND,
			.longest_ms = HOUR,
			.give_up_after_ms = chance_percent(chance, 20) ? DAY : 14 * DAY,
			.factor = 2},
		.probe_interval_ms = 15 * MINUTE,
		.wal_ceiling = chance_percent(chance, 40) ? 40 * 4120 : 4000 * 4120,
		.reader_stays = chance_percent(chance, 50),
		.hook = chance_percent(chance, 40),
		.concurrency = (int)chance_between(chance, 1, 16)};
}

/* ---- when ---- */

static int64_t moment(struct sim *sim)
{
	return chance_between(&sim->plan, MINUTE, (sim->profile.days - 2) * DAY);
}

static void plan_some(struct sim *sim, int count, void (*run)(struct sim *, int64_t),
	int64_t *times, int *time_count)
{
	for (int i = 0; i < count; i++) {
		int64_t at = moment(sim);

		if (*time_count > 0 && chance_percent(&sim->plan, 40)) /* together */
			at = times[chance_below(&sim->plan, *time_count)] +
			     chance_between(&sim->plan, 0, 20 * MINUTE);
		if (*time_count < TROUBLES_MAX)
			times[(*time_count)++] = at;
		sim_later(sim, at, run, 0);
	}
}

static void plan_postings(struct sim *sim, const int64_t *times, int time_count)
{
	for (int left = sim->profile.bodies; left > 0;) {
		int burst = (int)chance_between(&sim->plan, 1, 6);
		int64_t at = moment(sim);

		if (time_count > 0 && chance_percent(&sim->plan, 75))
			at = times[chance_below(&sim->plan, time_count)] -
			     chance_between(&sim->plan, -5 * MINUTE, MINUTE);
		at = at > 0 ? at : 0;
		for (; burst > 0 && left > 0; burst--, left--)
			post_plan(sim, at + chance_between(&sim->plan, 0, 10 * SECOND));
	}
}

void plan_all(struct sim *sim)
{
	const struct profile *profile = &sim->profile;
	int64_t times[TROUBLES_MAX];
	int count = 0;

	plan_some(sim, profile->weathers, bad_weather, times, &count);
	plan_some(sim, profile->crashes, crash, times, &count);
	plan_some(sim, profile->disk_troubles, bad_disk, times, &count);
	plan_some(sim, profile->clock_steps, step_clock, times, &count);
	plan_some(sim, profile->orders, operate, times, &count);
	plan_some(sim, (int)chance_between(&sim->plan, 0, 6), slow_store, times, &count);
	plan_postings(sim, times, count);
	sim_later(sim, 0, node_start, 0);
	sim_later(sim, HOUR, node_housekeeping, 0);
	sim_later(sim, 2 * DAY, sweep, 0);
}

void plan_calm(struct sim *sim)
{
	sim->quiet = true;
	tell(sim, "from here on nothing goes wrong any more");
	for (int d = 0; d < ARCHIVE; d++)
		peer_weather(sim, d, CLEAR, 0);
	archive_away(sim, false);
	disk_trouble(sim->disk, (struct disk_trouble){0});
	disk_cut_in(sim->disk, 0, DISK_KILL);
	sim->node.crash_steps = 0;
}
