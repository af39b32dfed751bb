/*
 * Virtual time. At an instant, what can happen happens in an order left to chance: a
 * batch of the store, an answer, a tick of the relay. Then the clock goes on to whatever
 * comes next. Where nothing is under way and nothing waits, the relay's looks at the
 * outbox are spread out, as on a machine that sleeps: else a month would be 86,000 of
 * them.
 */
#include "sim.h"

#include <stdlib.h>

#define IDLE_TICKS 2 /* on time, before they are spread out */
#define LATE_MS (2 * MINUTE)
#define LATEST_OPEN_MS (10 * MINUTE)
#define LATEST_MS (3 * HOUR)
#define STEPS_MAX 2000000

enum step { STEP_STORE, STEP_WIRE, STEP_TICK, STEP_KINDS };

static void set_time(struct sim *sim, int64_t mono)
{
	if (mono > sim->mono)
		sim->mono = mono;
	if (sim_wall(sim) > sim->wall_max)
		sim->wall_max = sim_wall(sim);
}

/* ---- how late a tick may be ---- */

static bool nothing_open(struct sim *sim)
{
	struct job_destinations rows = {0};
	bool open = false;
	struct err err;

	job_destinations_prepare(&rows);
	if (node_call(sim, &rows.job, &err) != ERR_OK)
		open = true;
	for (size_t i = 0; i < rows.count; i++)
		open = open || (rows.rows[i].configured && rows.rows[i].pending > 0);
	job_destinations_finish(&rows);
	return !open;
}

static int64_t lateness(const struct node *node)
{
	int64_t latest = node->nothing_open ? LATEST_MS : LATEST_OPEN_MS;
	int past = node->idle_ticks - IDLE_TICKS;
	int64_t late = past < 0 ? 0 : past > 10 ? latest : LATE_MS << past;

	return late < latest ? late : latest;
}

static int64_t tick_time(const struct sim *sim)
{
	const struct node *node = &sim->node;

	if (node->woken || node->tick_at == INT64_MAX || node->stopping)
		return node->tick_at;
	return node->tick_at + lateness(node);
}

/* ---- steps ---- */

static void tick(struct sim *sim)
{
	struct node *node = &sim->node;

	node->woken = false;
	node_look_at_clock(sim);
	node->tick_at = relay_tick(node->relay);
	if (!wire_empty(sim) || node->tick_at <= sim->mono)
		return;
	if (++node->idle_ticks == IDLE_TICKS + 2)
		node->nothing_open = nothing_open(sim);
}

static void store(struct sim *sim)
{
	store_step(sim->node.store);
	sim->node.store_at = sim->mono + SECOND;
}

static bool store_is_due(const struct sim *sim)
{
	const struct node *node = &sim->node;

	if (sim->mono < node->slow_until)
		return false;
	if (!store_working(node->store))
		return sim->mono >= node->store_at || store_waiting(node->store) > 0;
	return store_waiting(node->store) > 0;
}

static bool step_now(struct sim *sim)
{
	const struct node *node = &sim->node;
	bool due[STEP_KINDS] = {store_is_due(sim), wire_due(sim),
		node->woken || sim->mono >= tick_time(sim)};
	int count = due[0] + due[1] + due[2], nth;

	if (count == 0)
		return false;
	nth = (int)chance_below(&sim->node_chance, count);
	for (int kind = 0; kind < STEP_KINDS; kind++) {
		if (!due[kind] || nth-- > 0)
			continue;
		if (kind == STEP_STORE)
			store(sim);
		else if (kind == STEP_WIRE)
			wire_step(sim);
		else
			tick(sim);
	}
	return true;
}

static void count_to_crash(struct sim *sim)
{
	struct node *node = &sim->node;

	if (node->crash_steps > 0 && --node->crash_steps == 0)
		node_crash(sim, node->crash_how);
}

void run_steps(struct sim *sim)
{
	int steps = 0;

	while (sim->node.up && !sim->failed) {
		if (disk_is_cut(sim->disk)) {
			if (!sim->inside)
				node_bury(sim);
			return;
		}
		if (sim->node.stopping && sim->node.drained && !sim->inside) {
			node_stopped(sim);
			continue;
		}
		if (!step_now(sim))
			return;
		sim->tallies.steps++;
		count_to_crash(sim);
		if (++steps > STEPS_MAX) {
			violation(sim, "the relay never comes to rest");
			return;
		}
	}
}

/* ---- the clock ---- */

static int64_t next_of_node(const struct sim *sim)
{
	const struct node *node = &sim->node;
	int64_t next = wire_next_at(sim), at = tick_time(sim);

	if (!node->up)
		return INT64_MAX;
	next = at < next ? at : next;
	if (!store_working(node->store) || store_waiting(node->store) > 0) {
		at = store_working(node->store) ? 0 : node->store_at;
		at = at > node->slow_until ? at : node->slow_until;
		next = at < next ? at : next;
	}
	return next;
}

static void pop(struct sim *sim, struct happening *out)
{
	struct happening *heap = sim->heap, last;
	size_t i = 0, child;

	*out = heap[0];
	last = heap[--sim->heap_count];
	while ((child = 2 * i + 1) < sim->heap_count) {
		const struct happening *a = &heap[child], *b = &heap[child + 1];

		if (child + 1 < sim->heap_count &&
			(b->at < a->at || (b->at == a->at && b->order < a->order)))
			child++;
		if (last.at < heap[child].at ||
			(last.at == heap[child].at && last.order < heap[child].order))
			break;
		heap[i] = heap[child];
		i = child;
	}
	heap[i] = last;
}

void run_until(struct sim *sim, int64_t mono)
{
	struct happening happening;

	while (!sim->failed) {
		int64_t next;

		run_steps(sim);
		next = next_of_node(sim);
		if (sim->heap_count > 0 && sim->heap[0].at <= next) {
			if (sim->heap[0].at > mono)
				break;
			pop(sim, &happening);
			set_time(sim, happening.at);
			happening.run(sim, happening.arg);
			continue;
		}
		if (next > mono)
			break;
		set_time(sim, next > sim->mono ? next : sim->mono + 1);
	}
	set_time(sim, mono);
}

void run_inside(struct sim *sim, int64_t ms, bool (*over)(void *ctx), void *ctx)
{
	int64_t until = sim->mono + ms;

	sim->inside = true;
	while (node_alive(sim) && !sim->failed && !over(ctx) && sim->mono < until) {
		int64_t next;

		run_steps(sim);
		next = next_of_node(sim);
		next = next > sim->mono ? next : sim->mono + 1;
		set_time(sim, next < until ? next : until);
	}
	sim->inside = false;
}
