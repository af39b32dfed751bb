/*
 * The operator: orders at random moments, through the same room that leadctl and the
 * control socket use. One row per order.
 */
#include "sim.h"

#include "leadrelay/json.h"
#include "leadrelay/uuid.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- asking ---- */

static bool keep_answer(void *ctx, cJSON *answer)
{
	cJSON **kept = ctx;

	if (cJSON_GetObjectItemCaseSensitive(answer, "done") ||
		cJSON_GetObjectItemCaseSensitive(answer, "error")) {
		cJSON_Delete(*kept);
		*kept = answer;
	} else {
		cJSON_Delete(answer);
	}
	return true;
}

cJSON *operate_ask(struct sim *sim, cJSON *request)
{
	struct control_options control;
	cJSON *answer = NULL;

	while (store_step(sim->node.store) > 0)
		;
	if (node_reader(sim)) {
		control = node_control(sim);
		control_execute(&control, request, keep_answer, NULL, &answer);
	}
	node_reader_done(sim);
	sim->disturbed_at = sim->mono;
	cJSON_Delete(request);
	return answer;
}

/* Whether it was done. */
static __attribute__((format(printf, 2, 3))) bool order(
	struct sim *sim, const char *fmt, ...)
{
	const cJSON *error;
	char text[512];
	va_list args;
	cJSON *request, *answer;
	bool done;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	request = cJSON_Parse(text);
	if (!request)
		abort();
	answer = operate_ask(sim, request);
	done = cJSON_GetObjectItemCaseSensitive(answer, "done") != NULL;
	error = cJSON_GetObjectItemCaseSensitive(answer, "error");
	tell(sim, "order %s: %s", text,
		done    ? "done"
		: error ? json_string(error, "text")
			: "no answer");
	cJSON_Delete(answer);
	return done;
}

static struct known *some_lead(struct sim *sim)
{
	int from = sim->known_count > 20 && chance_percent(&sim->order_chance, 70)
			   ? sim->known_count - 20
			   : 0;

	return sim->known_count == 0
		       ? NULL
		       : &sim->known[from + chance_below(&sim->order_chance,
						    sim->known_count - from)];
}

static const char *id_of(const struct known *known, char out[UUID_TEXT_SIZE])
{
	return uuid_text(&known->id, out);
}

static void excuse(struct known *known)
{
	for (int d = 0; d < DESTINATIONS; d++) {
		known->to[d].succeeded = false;
		known->to[d].few = 0;
	}
}

/* ---- orders ---- */

static void hold(struct sim *sim)
{
	struct known *known = some_lead(sim);
	char id[UUID_TEXT_SIZE];

	if (!known)
		return;
	for (int d = 0; d < DESTINATIONS; d++)
		known->to[d].may_hold = true;
	order(sim, "{\"command\":\"hold\",\"ids\":[\"%s\"]}", id_of(known, id));
	oracle_look(sim, known);
}

static void hold_all(struct sim *sim)
{
	int destination = (int)chance_below(&sim->order_chance, DESTINATIONS);

	sim->held_all[destination] = true; /* leads nobody has heard of, too */
	order(sim, "{\"command\":\"hold\",\"destination\":\"%s\"}",
		destination_name(destination));
	oracle_sweep(sim, false);
}

static void release(struct sim *sim)
{
	struct known *known = some_lead(sim);
	char id[UUID_TEXT_SIZE];

	if (!known)
		return;
	order(sim, "{\"command\":\"release\",\"ids\":[\"%s\"]}", id_of(known, id));
	oracle_look(sim, known);
}

static void release_all(struct sim *sim)
{
	for (int i = 0; i < sim->known_count; i++)
		for (int d = 0; d < DESTINATIONS; d++)
			sim->known[i].to[d].stopped_at =
				0; /* until the sweep says else */
	order(sim, "{\"command\":\"release\",\"state\":\"held\"}");
	oracle_sweep(sim, false);
}

static void discard(struct sim *sim)
{
	struct known *known = some_lead(sim);
	char id[UUID_TEXT_SIZE];

	if (!known)
		return;
	for (int d = 0; d < DESTINATIONS; d++)
		known->to[d].may_discard = true;
	order(sim, "{\"command\":\"discard\",\"ids\":[\"%s\"]}", id_of(known, id));
	oracle_look(sim, known);
}

static void replay(struct sim *sim)
{
	struct known *known = some_lead(sim);
	char id[UUID_TEXT_SIZE];

	if (!known)
		return;
	for (int d = 0; d < DESTINATIONS; d++)
		known->to[d].few = 0;
	order(sim, "{\"command\":\"replay\",\"ids\":[\"%s\"]}", id_of(known, id));
	oracle_look(sim, known);
}

static void replay_dead(struct sim *sim)
{
	for (int i = 0; i < sim->known_count; i++)
		for (int d = 0; d < DESTINATIONS; d++)
			sim->known[i].to[d].few = 0;
	order(sim, "{\"command\":\"replay\",\"state\":\"dead\"}");
	oracle_sweep(sim, false);
}

static void replay_again(struct sim *sim)
{
	struct known *known = some_lead(sim);
	char id[UUID_TEXT_SIZE];

	if (!known)
		return;
	excuse(known);
	order(sim, "{\"command\":\"replay\",\"ids\":[\"%s\"],\"again\":true}",
		id_of(known, id));
	for (int d = 0; d < DESTINATIONS; d++)
		known->to[d].creates++; /* the archive may have it once more */
	oracle_look(sim, known);
}

/* What quarantine holds becomes a lead by it. */
static void replay_mended(struct sim *sim)
{
	struct known *known = some_lead(sim);
	char id[UUID_TEXT_SIZE];

	if (!known)
		return;
	excuse(known);
	if (known->quarantined)
		order(sim,
			"{\"command\":\"replay\",\"ids\":[\"%s\"],\"set\":{\"last_name\":\"Q\","
			"\"email\":\"u%d.0@example.com\"}}",
			id_of(known, id), known->body);
	else
		order(sim,
			"{\"command\":\"replay\",\"ids\":[\"%s\"],\"set\":{\"city\":\"Porto\"}}",
			id_of(known, id));
	oracle_look(sim, known);
}

static void replay_to(struct sim *sim)
{
	struct known *known = some_lead(sim);
	int destination = (int)chance_below(&sim->order_chance, DESTINATIONS);
	char id[UUID_TEXT_SIZE];

	if (!known)
		return;
	known->to[destination].succeeded = false; /* a pruned delivery is made anew */
	known->to[destination].creates++;
	order(sim, "{\"command\":\"replay\",\"ids\":[\"%s\"],\"to\":\"%s\"}",
		id_of(known, id), destination_name(destination));
	oracle_look(sim, known);
}

/* Nothing of the address is left, wherever it stood; the sender may come again by itself.
 */
static void forget(struct sim *sim)
{
	struct known *one = some_lead(sim);
	int body = one ? one->body : -1, part = one ? one->part : -1;
	char email[48];
	bool done;

	if (!one || one->quarantined)
		return;
	for (int i = 0; i < sim->known_count; i++) {
		struct known *known = &sim->known[i];

		known->forgotten |= known->body == body && known->part == part;
		for (int d = 0; d < DESTINATIONS; d++)
			known->to[d].may_discard |= known->forgotten;
	}
	snprintf(email, sizeof(email), "u%d.%d@example.com", body, part);
	done = order(sim, "{\"command\":\"forget\",\"email\":\"%s\"}", email);
	if (done && node_alive(sim) && disk_holds(sim->disk, email))
		violation(sim,
			"posting %d was forgotten, and a file still has the address",
			body);
	for (int i = 0; done && i < sim->known_count; i++)
		for (int d = 0; d < DESTINATIONS && sim->known[i].forgotten; d++)
			if (sim->known[i].to[d].stopped_at == 0)
				sim->known[i].to[d].stopped_at = sim->mono;
}

static void park(struct sim *sim)
{
	int destination = (int)chance_below(&sim->order_chance, DESTINATIONS);

	sim->peers[destination].ever_parked = true;
	if (order(sim,
		    "{\"command\":\"destinations\",\"action\":\"park\",\"name\":\"%s\","
		    "\"why\":\"looking\"}",
		    destination_name(destination)))
		sim->peers[destination].orders_parked_at = sim->mono;
}

static void resume_one(struct sim *sim, int destination)
{
	sim->peers[destination].orders_parked_at = 0;
	if (order(sim,
		    "{\"command\":\"destinations\",\"action\":\"resume\",\"name\":\"%s\"}",
		    destination_name(destination)))
		sim->peers[destination].closed_until = 0; /* it may be asked at once */
}

static void resume(struct sim *sim)
{
	resume_one(sim, (int)chance_below(&sim->order_chance, DESTINATIONS));
}

static void resume_delivery(struct sim *sim)
{
	order(sim, "{\"command\":\"resume\"}");
}

static void prune(struct sim *sim)
{
	order(sim, "{\"command\":\"prune\"}");
}

static void check(struct sim *sim)
{
	order(sim, "{\"command\":\"check\"}");
	order(sim, "{\"command\":\"status\"}");
}

static void put_back(struct sim *sim, int64_t unused)
{
	(void)unused;
	if (node_alive(sim) && !sim->node.stopping)
		node_reload(sim, (1u << DESTINATIONS) - 1, sim->profile.concurrency);
	else
		sim_later(sim, 10 * MINUTE, put_back, 0);
}

/* Now and then a destination goes, and comes back later. */
static void reload(struct sim *sim)
{
	unsigned all = (1u << DESTINATIONS) - 1;
	unsigned configured = all;

	if (chance_percent(&sim->order_chance, 40)) {
		configured &=
			~(1u << chance_between(&sim->order_chance, SECOND_CRM, ARCHIVE));
		sim_later(sim, chance_between(&sim->order_chance, MINUTE, 2 * DAY),
			put_back, 0);
	}
	node_reload(sim, configured, (int)chance_between(&sim->order_chance, 1, 16));
}

static void restart(struct sim *sim)
{
	node_stop(sim);
}

static const struct {
	const char *name;
	int weight;
	void (*run)(struct sim *sim);
	bool long_winded; /* several transactions: the machine may die in the middle */
} orders[] = {
	{"hold", 6, hold, false},
	{"hold all", 2, hold_all, false},
	{"release", 5, release, false},
	{"release all", 3, release_all, false},
	{"discard", 3, discard, false},
	{"replay", 5, replay, false},
	{"replay dead", 5, replay_dead, true},
	{"replay --again", 4, replay_again, false},
	{"replay --set", 5, replay_mended, false},
	{"replay --to", 3, replay_to, false},
	{"park", 4, park, false},
	{"resume", 6, resume, false},
	{"resume delivery", 3, resume_delivery, false},
	{"prune", 3, prune, true},
	{"forget", 4, forget, true},
	{"import", 8, import_some, true},
	{"backup", 2, import_backup, false},
	{"check", 2, check, false},
	{"reload", 5, reload, false},
	{"restart", 2, restart, false},
};

static void maybe_die_in_it(struct sim *sim)
{
	struct chance *chance = &sim->order_chance;
	enum disk_cut how = chance_percent(chance, 65) ? DISK_POWER : DISK_KILL;

	if (sim->quiet || !chance_percent(chance, 25))
		return;
	sim->tallies.power_cuts += how == DISK_POWER;
	disk_cut_in(sim->disk, (int)chance_between(chance, 1, 40), how);
}

void operate(struct sim *sim, int64_t unused)
{
	int sum = 0, at;
	size_t i = 0;

	(void)unused;
	if (!node_alive(sim) || sim->node.stopping)
		return;
	for (size_t k = 0; k < sizeof(orders) / sizeof(orders[0]); k++)
		sum += orders[k].weight;
	at = (int)chance_below(&sim->order_chance, sum);
	while (at >= orders[i].weight)
		at -= orders[i++].weight;
	sim->tallies.orders++;
	if (orders[i].long_winded)
		maybe_die_in_it(sim);
	orders[i].run(sim);
}

void operate_tidy(struct sim *sim)
{
	node_reload(sim, (1u << DESTINATIONS) - 1, sim->profile.concurrency);
	for (int d = 0; d < DESTINATIONS; d++)
		if (sim->peers[d].ever_parked)
			resume_one(sim, d);
	if (sim->node.intake_only)
		resume_delivery(sim);
}
