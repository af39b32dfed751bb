/*
 * The relay in its box: the rooms wired as the daemon wires them, with the store run
 * inline. A crash cuts the disk first; what the rooms do on their way down after that
 * reaches nobody.
 */
#include "sim.h"

#include "leadrelay/destination.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JUMP_MS HOUR
#define STEP_MS (10 * SECOND)

/* ---- one configuration ---- */

struct generation {
	struct config config;
	struct destination_settings destinations[DESTINATIONS];
	struct source_settings sources[SOURCES];
	struct intake_source intake[SOURCES];
	struct intake_destination routes[SOURCES][DESTINATIONS];
	char *route_names[SOURCES][DESTINATIONS];
	int users; /* intake, relay */
};

static char *const names[DESTINATIONS] = {
	(char *)"crm", (char *)"second", (char *)"archive"};
static char *const source_names[SOURCES] = {(char *)"marketplace", (char *)"website"};
static const unsigned source_routes[SOURCES] = {
	1u << CRM | 1u << ARCHIVE, 1u << CRM | 1u << SECOND_CRM};

static void crm_settings(struct destination_settings *settings, int destination)
{
	settings->url = destination == CRM ? (char *)"https://crm.test"
					   : (char *)"https://second.test";
	settings->auth = (struct auth_settings){.method = AUTH_AZURE_AD,
		.directory_id = names[destination],
		.client_id = (char *)"client",
		.client_secret = {.values = {(char *)"s3cret"}, .count = 1},
		.authority = (char *)"https://login.test",
		.token_version = 2};
	settings->duplicates = DUPLICATES_CREATE;
}

static void destination_settings(const struct sim *sim, int destination, int concurrency,
	struct destination_settings *settings)
{
	*settings = (struct destination_settings){.name = names[destination],
		.kind = (char *)(destination == ARCHIVE ? "file" : "dynamics365"),
		.max_concurrency = concurrency,
		.probe_interval_ms = sim->profile.probe_interval_ms,
		.route = {.timeout_ms = MINUTE}};
	if (destination == SECOND_CRM && sim->profile.hook) {
		settings->kind = (char *)"https";
		settings->url = (char *)"https://second.test/hook";
	} else if (destination == ARCHIVE)
		settings->path = (char *)"in/archive.jsonl";
	else
		crm_settings(settings, destination);
}

static void source_settings(
	struct generation *generation, int source, unsigned configured)
{
	struct source_settings *settings = &generation->sources[source];
	struct text_list *list = &settings->destinations;

	*settings = (struct source_settings){.name = source_names[source],
		.kind = source == 0 ? SOURCE_MARKETPLACE : SOURCE_JSON,
		.tokens = {.values = {(char *)"0123456789abcdef"}, .count = 1},
		.dedupe_window_ms = 10 * MINUTE,
		.on_invalid = source == 0 ? ON_INVALID_QUARANTINE : ON_INVALID_REJECT};
	list->items = generation->route_names[source];
	for (int d = 0; d < DESTINATIONS; d++)
		if (source_routes[source] & configured & (1u << d))
			list->items[list->count++] = names[d];
	generation->intake[source] = (struct intake_source){.settings = settings,
		.destinations = generation->routes[source],
		.destination_count = list->count};
}

static struct generation *generation_make(
	const struct sim *sim, unsigned configured, int concurrency)
{
	struct generation *generation = calloc(1, sizeof(*generation));
	size_t count = 0;

	if (!generation)
		abort();
	for (int d = 0; d < DESTINATIONS; d++)
		if (configured & (1u << d))
			destination_settings(
				sim, d, concurrency, &generation->destinations[count++]);
	for (int s = 0; s < SOURCES; s++)
		source_settings(generation, s, configured);
	generation->config = (struct config){.sources = generation->sources,
		.source_count = SOURCES,
		.destinations = generation->destinations,
		.destination_count = count,
		.retry = sim->profile.retry,
		.retention = sim->profile.retention};
	generation->users = 2;
	return generation;
}

static void generation_drop(void *ctx)
{
	struct generation *generation = ctx;

	if (generation && --generation->users == 0)
		free(generation);
}

/* ---- the store's part of it ---- */

enum err_code node_call(struct sim *sim, struct store_job *job, struct err *err)
{
	while (store_step(sim->node.store) > 0)
		;
	return store_call(sim->node.store, job, err);
}

static int destination_of(const char *name)
{
	for (int d = 0; d < DESTINATIONS; d++)
		if (strcmp(names[d], name) == 0)
			return d;
	return -1;
}

static enum err_code enter_names(
	struct sim *sim, const struct generation *generation, struct err *err)
{
	struct store_name sources[SOURCES], destinations[DESTINATIONS];
	struct job_names job = {.sources = sources,
		.source_count = SOURCES,
		.destinations = destinations,
		.destination_count = generation->config.destination_count,
		.now = sim_wall(sim)};
	enum err_code code;

	for (int s = 0; s < SOURCES; s++)
		sources[s] = (struct store_name){.name = source_names[s]};
	for (size_t i = 0; i < job.destination_count; i++) {
		const struct destination_settings *settings =
			&generation->destinations[i];

		destinations[i] = (struct store_name){.name = settings->name,
			.kind = settings->kind,
			.keeps_key = destination_kind_find(settings->kind)->keeps_key};
	}
	job_names_prepare(&job);
	code = node_call(sim, &job.job, err);
	for (size_t i = 0; code == ERR_OK && i < job.destination_count; i++)
		sim->node.ids[destination_of(destinations[i].name)] = destinations[i].id;
	for (int s = 0; code == ERR_OK && s < SOURCES; s++) {
		struct intake_source *source =
			(struct intake_source *)&generation->intake[s];

		source->id = sources[s].id;
		for (size_t i = 0; i < source->destination_count; i++)
			source->destinations[i].id = sim->node.ids[destination_of(
				source->settings->destinations.items[i])];
	}
	job_names_finish(&job);
	return code;
}

static enum err_code deliver_to(
	struct sim *sim, struct generation *generation, struct err *err)
{
	struct relay_destination list[DESTINATIONS];
	struct job_destinations rows = {0};
	size_t count = generation->config.destination_count;
	enum err_code code;

	job_destinations_prepare(&rows);
	code = node_call(sim, &rows.job, err);
	for (size_t i = 0; code == ERR_OK && i < count; i++) {
		list[i] = (struct relay_destination){
			.settings = &generation->destinations[i]};
		for (size_t r = 0; r < rows.count; r++)
			if (strcmp(rows.rows[r].name, list[i].settings->name) == 0)
				list[i].row = &rows.rows[r];
	}
	if (code == ERR_OK)
		code = relay_configure(sim->node.relay, &generation->config.retry, list,
			count, NULL, generation_drop, sim->node.generation, err);
	job_destinations_finish(&rows);
	return code;
}

static enum err_code configure(
	struct sim *sim, unsigned configured, int concurrency, struct err *err)
{
	struct generation *generation = generation_make(sim, configured, concurrency);
	enum err_code code = enter_names(sim, generation, err);

	if (code == ERR_OK)
		code = deliver_to(sim, generation, err);
	if (code != ERR_OK) {
		free(generation);
		return code;
	}
	intake_configure(sim->node.intake, generation->intake, SOURCES, NULL,
		generation_drop, sim->node.generation);
	sim->node.generation = generation;
	sim->node.configured = configured;
	return ERR_OK;
}

void node_reload(struct sim *sim, unsigned configured, int concurrency)
{
	unsigned back = configured & ~sim->node.configured;
	struct err err = {.text = ""}, other;
	enum err_code code = configure(sim, configured, concurrency, &err);

	sim->disturbed_at = sim->mono;
	/* as the daemon does: once more when nothing comes any more, or as it was */
	enter_names(sim, sim->node.generation, &other);
	tell(sim, "reload: destinations %x, %d at once: %s", configured, concurrency,
		code == ERR_OK ? "done" : err.text);
	for (int d = 0; code == ERR_OK && d < DESTINATIONS; d++)
		if (back & (1u << d)) { /* it is opened, whatever it was */
			sim->peers[d].closed_until = 0;
			sim->peers[d].orders_parked_at = 0;
		}
}

/* ---- neighbours ---- */

static void on_wake(void *ctx)
{
	((struct sim *)ctx)->node.woken = true;
}

static void on_event(void *ctx, const struct relay_event *event)
{
	static const char *const words[] = {
		"parked", "resumed", "has a dead lead", "backs off", "is open", "waits"};

	tell(ctx, "%s %s: %s %s", event->destination, words[event->kind],
		reason_name(event->reason), event->error ? event->error : "");
}

static void on_health(void *ctx, bool working, const char *text)
{
	((struct sim *)ctx)->node.store_well = working;
	tell(ctx, "store %s: %s", working ? "works" : "fails", text);
}

static void on_accepted(
	void *ctx, int64_t destination, int64_t delivery, struct claimed *claimed)
{
	struct sim *sim = ctx;

	if (claimed)
		relay_fresh_lead(sim->node.relay, destination, claimed);
	else
		relay_fresh(sim->node.relay, destination, delivery);
}

/* ---- start ---- */

static enum err_code make_rooms(struct sim *sim, struct err *err)
{
	const struct relay_options relay = {.store = sim->node.store,
		.transport = wire_transport(sim),
		.worker = wire_worker(sim),
		.clock = &sim->clock,
		.entropy = &sim->entropy,
		.wake = on_wake,
		.event = on_event,
		.ctx = sim};
	const struct intake_options intake = {.store = sim->node.store,
		.clock = &sim->clock,
		.entropy = &sim->entropy,
		.accepted = on_accepted,
		.ctx = sim};
	enum err_code code = relay_create(&sim->node.relay, &relay, err);

	return code == ERR_OK ? intake_create(&sim->node.intake, &intake, err) : code;
}

static enum err_code open_store(struct sim *sim, struct err *err)
{
	const struct store_options options = {.state_dir = STATE_DIR,
		.clock = &sim->clock,
		.entropy = &sim->entropy,
		.vfs = DISK_VFS,
		.wal_ceiling = sim->profile.wal_ceiling,
		.on_health = on_health,
		.ctx = sim};

	return store_open(&sim->node.store, &options, err);
}

static enum err_code boot(struct sim *sim, struct err *err)
{
	struct job_boot job = {.now = sim_wall(sim)};
	enum err_code code;

	job_boot_prepare(&job);
	code = node_call(sim, &job.job, err);
	sim->node.boot = job.boot_id;
	sim->node.intake_only = job.intake_only;
	return code;
}

/* Gives back what a start that failed, or a crash, left. */
static void close_all(struct sim *sim)
{
	struct node *node = &sim->node;

	reader_close(node->reader);
	if (node->intake)
		intake_destroy(node->intake);
	relay_destroy(node->relay);
	free(node->generation);
	store_close(node->store);
	node->reader = NULL;
	node->intake = NULL;
	node->relay = NULL;
	node->generation = NULL;
	node->store = NULL;
	node->up = false;
	node->stopping = false;
}

static void on_drained(void *ctx)
{
	((struct sim *)ctx)->node.drained = true;
}

/* The rooms come down on a disk and a network that are not there any more. */
static void come_down(struct sim *sim)
{
	struct node *node = &sim->node;

	if (!node->stopping)
		relay_drain(node->relay, 0, on_drained, sim);
	else
		sim->mono += 10 * SECOND; /* past the deadline it was given */
	for (int i = 0; i < 100000 && !node->drained; i++) {
		wire_drop(sim);
		store_step(node->store);
		if (wire_due(sim))
			wire_step(sim);
		relay_tick(node->relay);
	}
	while (store_waiting(node->store) > 0)
		store_step(node->store);
	while (!wire_empty(sim)) {
		wire_drop(sim);
		wire_step(sim);
	}
	if (!node->drained)
		violation(sim, "the relay does not drain on a dead disk");
}

static enum err_code start(struct sim *sim, struct err *err)
{
	struct node *node = &sim->node;
	enum err_code code = open_store(sim, err);

	if (code == ERR_OK)
		code = boot(sim, err);
	if (code == ERR_OK)
		code = make_rooms(sim, err);
	if (code == ERR_OK)
		code = configure(sim, node->configured, sim->profile.concurrency, err);
	if (code == ERR_OK && sim->profile.reader_stays)
		code = reader_open(&node->reader, STATE_DIR, &sim->clock, err);
	if (code == ERR_OK)
		relay_run(node->relay, !node->intake_only);
	return code;
}

void node_start(struct sim *sim, int64_t unused)
{
	struct node *node = &sim->node;
	struct err err = {.text = ""};

	(void)unused;
	if (node->up)
		return;
	if (disk_is_cut(sim->disk))
		disk_restart(sim->disk);
	sim->tallies.restarts++;
	node->crash_steps = 0;
	node->clock_offset = sim->wall_offset;
	node->tick_at = sim->mono;
	node->slow_until = node->store_at = 0;
	node->idle_ticks = 0;
	node->settled_at = 0;
	node->drained = false;
	if (start(sim, &err) == ERR_OK) {
		node->up = true;
		node->store_well = true;
		sim->disturbed_at = sim->mono;
		tell(sim, "relay started%s", node->intake_only ? ", intake only" : "");
		if (!disk_is_cut(sim->disk))
			oracle_sweep(sim, true);
		return;
	}
	tell(sim, "relay does not start: %s", err.text);
	if (err.code == ERR_CORRUPT && !disk_is_cut(sim->disk))
		violation(sim, "the store is damaged: %s", err.text);
	if (node->relay)
		come_down(sim);
	close_all(sim);
	sim_later(sim, 5 * SECOND, node_start, 0);
}

/* ---- stop ---- */

void node_stop(struct sim *sim)
{
	if (!node_alive(sim) || sim->node.stopping)
		return;
	tell(sim, "relay stops");
	sim->node.stopping = true;
	sim->node.drained = false;
	relay_drain(sim->node.relay, 8 * SECOND, on_drained, sim);
}

void node_stopped(struct sim *sim)
{
	struct job_boot_end job = {.boot_id = sim->node.boot, .now = sim_wall(sim)};
	struct err err;

	job_boot_end_prepare(&job);
	node_call(sim, &job.job, &err);
	if (disk_is_cut(sim->disk))
		return; /* it crashed over it */
	close_all(sim);
	tell(sim, "relay stopped");
	oracle_excuse(sim);
	sim_later(sim, chance_between(&sim->node_chance, SECOND, 10 * MINUTE), node_start,
		0);
}

/* ---- crash ---- */

void node_crash(struct sim *sim, enum disk_cut how)
{
	if (!sim->node.up)
		return;
	disk_cut(sim->disk, how);
}

void node_bury(struct sim *sim)
{
	struct node *node = &sim->node;
	int64_t mono = sim->mono;
	bool story = sim->story;
	char text[512];

	tell(sim, "CRASH");
	sim->disturbed_at = sim->mono;
	sim->tallies.crashes++;
	sim->crash_count++;
	sim->crashed_at = sim->mono;
	if (!node->stopping)
		node->drained = false;
	sim->story = false;
	come_down(sim);
	sim->story = story;
	sim->mono = mono;
	close_all(sim);
	disk_describe(sim->disk, text, sizeof(text));
	tell(sim, "before: %s", text);
	disk_restart(sim->disk);
	disk_describe(sim->disk, text, sizeof(text));
	tell(sim, "after: %s", text);
	oracle_excuse(sim);
	sim_later(sim,
		chance_percent(&sim->node_chance, 80)
			? chance_between(&sim->node_chance, 1, 10) * SECOND
			: chance_between(&sim->node_chance, 1, 180) * MINUTE,
		node_start, 0);
}

void node_finish(struct sim *sim)
{
	if (!sim->node.up)
		return;
	disk_cut(sim->disk, DISK_KILL);
	node_bury(sim);
}

/* ---- the reader ---- */

bool node_reader(struct sim *sim)
{
	struct err err;

	return node_alive(sim) &&
	       (sim->node.reader || reader_open(&sim->node.reader, STATE_DIR, &sim->clock,
					    &err) == ERR_OK);
}

void node_reader_done(struct sim *sim)
{
	if (sim->profile.reader_stays)
		return;
	reader_close(sim->node.reader);
	sim->node.reader = NULL;
}

/* ---- what comes round ---- */

void node_look_at_clock(struct sim *sim)
{
	struct node *node = &sim->node;
	int64_t delta = sim->wall_offset - node->clock_offset;

	node->clock_offset = sim->wall_offset;
	if (delta > -STEP_MS && delta < STEP_MS)
		return;
	if (delta <= -JUMP_MS || delta >= JUMP_MS)
		node->settled_at = sim->mono + HOUR;
	relay_clock_jumped(node->relay, delta);
}

static void prune(struct sim *sim)
{
	struct job_prune job;
	struct err err;

	do {
		job = (struct job_prune){.retention = sim->profile.retention,
			.now = sim_wall(sim),
			.max = 50};
		job_prune_prepare(&job);
		if (node_call(sim, &job.job, &err) != ERR_OK)
			return;
		if (job.deliveries + job.leads + job.mails > 0)
			tell(sim, "pruned %d deliveries, %d leads", (int)job.deliveries,
				(int)job.leads);
	} while (job.more && node_alive(sim));
}

void node_housekeeping(struct sim *sim, int64_t unused)
{
	struct job_expire job = {.now = sim_wall(sim), .max = 100};
	struct err err;

	(void)unused;
	if (node_alive(sim) && !sim->node.stopping) {
		job_expire_prepare(&job);
		node_call(sim, &job.job, &err);
		if (sim->mono >= sim->node.settled_at && node_alive(sim))
			prune(sim);
		intake_tick(sim->node.intake, sim_wall(sim));
	}
	sim_later(sim, chance_between(&sim->node_chance, 8 * HOUR, 30 * HOUR),
		node_housekeeping, 0);
}

/* ---- the operator's way in ---- */

static void live_changed(void *ctx, int64_t destination)
{
	relay_refresh(((struct sim *)ctx)->node.relay, destination);
}

static void live_came(void *ctx, int64_t destination)
{
	relay_fresh(((struct sim *)ctx)->node.relay, destination, 0);
}

struct answer {
	bool there;
	struct err err;
};

static void on_ordered(void *ctx, const struct err *err)
{
	struct answer *answer = ctx;

	answer->there = true;
	if (err)
		answer->err = *err;
}

static void live_park(void *ctx, const char *name, const char *why, struct err *err_out)
{
	struct sim *sim = ctx;
	struct answer answer = {.there = false};

	if (why)
		relay_park(sim->node.relay, name, why, on_ordered, &answer);
	else
		relay_resume(sim->node.relay, name, on_ordered, &answer);
	while (!answer.there)
		store_step(sim->node.store);
	if (answer.err.code != ERR_OK)
		*err_out = answer.err;
}

static void live_resume(void *ctx, struct err *err_out)
{
	struct sim *sim = ctx;
	struct job_boot_end job = {
		.boot_id = sim->node.boot, .resume = true, .now = sim_wall(sim)};

	job_boot_end_prepare(&job);
	if (node_call(sim, &job.job, err_out) != ERR_OK)
		return;
	sim->node.intake_only = false;
	relay_run(sim->node.relay, true);
}

static int64_t live_uptime(void *ctx)
{
	(void)ctx;
	return 0;
}

static bool live_intake_only(void *ctx)
{
	return ((struct sim *)ctx)->node.intake_only;
}

static bool live_status(void *ctx, const char *destination, struct relay_status *out)
{
	return relay_status(((struct sim *)ctx)->node.relay, destination, out);
}

struct asked { /* by an order: is that delivery under way? */
	const struct sim *sim;
	const char *destination;
	int64_t delivery;
};

static bool is_over(void *ctx)
{
	const struct asked *asked = ctx;

	return !relay_under_way(
		asked->sim->node.relay, asked->destination, asked->delivery);
}

/* The order waits for it, and the relay goes on meanwhile. */
static bool live_under_way(void *ctx, const char *destination, int64_t delivery)
{
	struct sim *sim = ctx;
	struct asked asked = {sim, destination, delivery};

	run_inside(sim, 20 * SECOND, is_over, &asked);
	return node_alive(sim) && !is_over(&asked);
}

struct control_options node_control(struct sim *sim)
{
	static struct control_live live;

	live = (struct control_live){.status = live_status,
		.changed = live_changed,
		.came = live_came,
		.under_way = live_under_way,
		.park = live_park,
		.resume_delivery = live_resume,
		.uptime_ms = live_uptime,
		.intake_only = live_intake_only,
		.ctx = sim};
	return (struct control_options){.store = sim->node.store,
		.reader = sim->node.reader,
		.clock = &sim->clock,
		.live = &live,
		.config = &sim->node.generation->config,
		.version = "sim"};
}
