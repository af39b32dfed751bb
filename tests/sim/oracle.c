/*
 * What must be true, by what was seen from outside: answers to senders, requests at the
 * peers, lines of the archive, orders given.
 *
 *   acknowledged leads are there, or were settled and are past their age: lost = 0
 *   what a destination holds was sent by somebody, once per lead: phantoms = 0
 *   delivered means that the destination has it
 *   dead means that an answer or the give-up rule ended it, discarded and held an order
 *   nothing is sent again after the relay heard that it is there
 *   counters, orphans, integrity: reader_check
 */
#include "sim.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GRACE (30 * MINUTE)       /* what was under way when an order came */
#define UNSTORED_MS (30 * SECOND) /* a slow store takes no longer */
#define UNNOTICED_MS \
	(10 * SECOND) /* nor a step of the clock: a look each 4 s, then it is stored */
#define PROMPT_MS (8 * MINUTE) /* a few before it, and one of them slow */

static int destination_find(const char *name)
{
	for (int d = 0; d < DESTINATIONS; d++)
		if (strcmp(destination_name(d), name) == 0)
			return d;
	return -1;
}

/* ---- on the wire ---- */

/* Nothing has been in the way of known at peer, since long before it came. */
static bool is_free(
	const struct sim *sim, const struct peer *peer, const struct known *known)
{
	return known->at_rest && sim->disturbed_at < known->at &&
	       peer->weather == CLEAR && peer->closed_until < known->at &&
	       !peer->orders_parked_at && !sim->node.intake_only;
}

void oracle_create(struct sim *sim, int destination, struct known *known)
{
	const struct peer *peer = &sim->peers[destination];
	struct fate *fate;

	if (peer->orders_parked_at && sim->mono - peer->orders_parked_at > GRACE)
		violation(sim, "%s gets a lead while the operator has parked it",
			destination_name(destination));
	if (!known) {
		violation(sim, "%s gets a lead that nobody sent",
			destination_name(destination));
		return;
	}
	fate = &known->to[destination];
	if (++fate->under_way > 1)
		violation(sim, "posting %d is sent to %s twice at once", known->body,
			destination_name(destination));
	if (++fate->creates == 1 && is_free(sim, peer, known) &&
		sim->mono - known->at > PROMPT_MS + sim->set_back_down_ms)
		violation(sim, "posting %d waited %" PRId64 " s for %s, for no reason",
			known->body, (sim->mono - known->at) / SECOND,
			destination_name(destination));
	if (fate->succeeded)
		violation(sim,
			"posting %d is sent to %s again, which has told the relay that it is there",
			known->body, destination_name(destination));
	if (fate->stopped_at && sim->mono - fate->stopped_at > GRACE)
		violation(sim, "posting %d is sent to %s, held or discarded as it is",
			known->body, destination_name(destination));
}

void oracle_created(struct known *known, int destination)
{
	known->to[destination].under_way--;
}

/* What it heard a moment ago, or could not write, it does not know any more; and the end
 * of a pause, which is a time of day, is wrong when the clock stepped unseen. */
static void forget_pauses(struct sim *sim)
{
	bool stepped = sim->stepped_at > 0 && sim->mono - sim->stepped_at < UNNOTICED_MS;

	for (int d = 0; d < DESTINATIONS; d++) {
		struct peer *peer = &sim->peers[d];

		if (!sim->node.store_well || stepped ||
			sim->mono - peer->closed_at < UNSTORED_MS)
			peer->closed_until = 0;
	}
}

void oracle_clock_stepped(struct sim *sim)
{
	sim->stepped_at = sim->mono;
	if (!sim->node.up)
		forget_pauses(sim);
}

void oracle_excuse(struct sim *sim)
{
	forget_pauses(sim);
	for (int i = 0; i < sim->known_count; i++)
		for (int d = 0; d < DESTINATIONS; d++)
			sim->known[i].to[d].succeeded = false;
}

/* ---- the archive ---- */

static bool was_sent_unheard(const struct sim *sim, int body)
{
	return body >= 0 && body < sim->body_count && sim->bodies[body].unanswered > 0;
}

struct known *oracle_meet(struct sim *sim, const struct uuid *id, int body, int part)
{
	struct known *known = known_find(sim, id);

	if (!known && was_sent_unheard(sim, body))
		known = known_add(sim, id, body, part);
	return known;
}

static void take_line(struct sim *sim, const char *line)
{
	const char *id_text = strstr(line, "\"id\":\"");
	const char *email = strstr(line, "\"email\":\"u");
	struct known *known;
	char text[UUID_TEXT_SIZE];
	struct uuid id;
	int body = -1, part = 0;

	if (!id_text)
		return;
	snprintf(text, sizeof(text), "%.36s", id_text + 6);
	if (!uuid_parse(text, &id)) {
		violation(sim, "the archive has a line without an id");
		return;
	}
	if (email)
		sscanf(email, "\"email\":\"u%d.%d@", &body, &part);
	known = oracle_meet(sim, &id, body, part);
	if (!known || known->body != body || known->part != part)
		violation(sim, "the archive has a line that is no lead's: %s", line);
	else
		known->to[ARCHIVE].lines++;
}

static void read_archive(struct sim *sim)
{
	char *line = NULL;
	size_t room = 0;
	FILE *file =
		fopen(sim->box_away ? "away/archive.jsonl" : "in/archive.jsonl", "r");

	if (!file)
		return;
	fseek(file, sim->box_read, SEEK_SET);
	while (getline(&line, &room, file) > 0)
		take_line(sim, line);
	sim->box_read = ftell(file);
	free(line);
	fclose(file);
}

/* ---- the outbox ---- */

static bool has_it(struct sim *sim, const struct known *known, int destination)
{
	if (destination == ARCHIVE)
		return known->to[ARCHIVE].lines > 0;
	return peer_record(sim, destination, &known->id) != NULL;
}

static void check_dead(struct sim *sim, const struct known *known, int destination,
	const struct delivery_row *row)
{
	bool gave_up = row->reason == REASON_EXPIRED;
	int64_t age = sim->wall_max - known->wall + sim->jumped_ms;

	if (gave_up && age + HOUR < sim->profile.retry.give_up_after_ms)
		violation(sim, "posting %d was given up at %s after %" PRId64 " h",
			known->body, destination_name(destination), age / HOUR);
	if (!gave_up && !known->to[destination].may_die)
		violation(sim,
			"posting %d is dead at %s (%s: %s), which it has no reason to",
			known->body, destination_name(destination),
			reason_name(row->reason), row->error ? row->error : "");
}

static void check_state(struct sim *sim, struct known *known, int destination,
	const struct delivery_row *row)
{
	struct fate *fate = &known->to[destination];
	const char *name = destination_name(destination);

	switch (row->state) {
	case DELIVERY_DELIVERED:
		if (!has_it(sim, known, destination))
			violation(sim,
				"posting %d is delivered to %s, which has not got it",
				known->body, name);
		break;
	case DELIVERY_DEAD:
		if (fate->state != DELIVERY_DEAD)
			check_dead(sim, known, destination, row);
		break;
	case DELIVERY_HELD:
		if (!fate->may_hold && !sim->held_all[destination])
			violation(sim, "posting %d is held at %s without an order",
				known->body, name);
		break;
	case DELIVERY_DISCARDED:
		if (!fate->may_discard)
			violation(sim, "posting %d is discarded at %s without an order",
				known->body, name);
		break;
	case DELIVERY_PENDING:
		if (fate->state == DELIVERY_DISCARDED)
			violation(sim,
				"posting %d came back at %s after it was discarded",
				known->body, name);
		break;
	case DELIVERY_NONE:
	case DELIVERY_STATES:
		violation(sim, "posting %d has no state at %s", known->body, name);
	}
}

static void take_delivery(
	struct sim *sim, struct known *known, const struct delivery_row *row)
{
	int destination = destination_find(row->destination);
	struct fate *fate;

	if (destination < 0) {
		violation(sim, "a delivery to %s", row->destination);
		return;
	}
	check_state(sim, known, destination, row);
	fate = &known->to[destination];
	fate->state = row->state;
	fate->expected = true;
	fate->settled = row->state == DELIVERY_DELIVERED || row->state == DELIVERY_DEAD ||
			row->state == DELIVERY_DISCARDED;
	fate->succeeded = row->state == DELIVERY_DELIVERED;
	if (row->state != DELIVERY_HELD && row->state != DELIVERY_DISCARDED)
		fate->stopped_at = 0;
	else if (fate->stopped_at == 0)
		fate->stopped_at = sim->mono;
}

/* A lead whose sender never heard of it: which posting it was. */
static struct known *discover(struct sim *sim, const struct lead_row *row)
{
	const char *email = row->lead.fields[FIELD_EMAIL], *from;
	struct buf raw = BUF_INIT;
	struct known *known = NULL;
	struct err err;
	int body = -1, part = 0;

	if (email)
		sscanf(email, "u%d.%d@", &body, &part);
	else if (reader_raw(sim->node.reader, row->seq, &raw, &err) == ERR_OK &&
		 (from = strstr(buf_str(&raw), "\"u")) != NULL)
		sscanf(from, "\"u%d.%d@", &body, &part);
	buf_finish(&raw);
	if (!was_sent_unheard(sim, body))
		violation(sim, "the outbox has a lead nobody sent (posting %d)", body);
	else
		known = known_add(sim, &row->lead.id, body, part);
	return known;
}

static bool take_row(void *ctx, const struct lead_row *row)
{
	struct sim *sim = ctx;
	struct known *known = known_find(sim, &row->lead.id);

	if (!known)
		known = discover(sim, row);
	if (!known)
		return false;
	known->seen = true;
	known->quarantined = row->quarantined;
	for (size_t i = 0; i < row->delivery_count; i++)
		take_delivery(sim, known, &row->deliveries[i]);
	return !sim->failed;
}

void oracle_look(struct sim *sim, struct known *known)
{
	char text[UUID_TEXT_SIZE];
	struct lead_row row;
	struct err err;
	int64_t seq;

	read_archive(sim);
	if (node_reader(sim) &&
		reader_find(sim->node.reader, uuid_text(&known->id, text), &seq, &err) ==
			ERR_OK &&
		reader_show(sim->node.reader, seq, &row, &err) == ERR_OK) {
		take_row(sim, &row);
		lead_row_finish(&row);
	}
	node_reader_done(sim);
}

/* ---- what is not there any more ---- */

static int64_t least_age(const struct sim *sim)
{
	const struct retention *retention = &sim->profile.retention;
	int64_t least = retention->delivered_ms;

	if (retention->dead_ms < least)
		least = retention->dead_ms;
	if (retention->discarded_ms < least)
		least = retention->discarded_ms;
	return retention->quarantined_ms < least ? retention->quarantined_ms : least;
}

static void check_gone(struct sim *sim, struct known *known)
{
	int64_t age = sim->wall_max - known->wall + sim->jumped_ms + HOUR;

	if (known->forgotten)
		return;
	if (age < least_age(sim))
		violation(sim, "LOST: posting %d was %s and is gone", known->body,
			known->acked ? "acknowledged" : "in the outbox");
	for (int d = 0; d < DESTINATIONS && !known->quarantined; d++)
		if (known->to[d].expected && !known->to[d].settled &&
			!has_it(sim, known, d))
			violation(sim, "LOST: posting %d is gone, and %s never had it",
				known->body, destination_name(d));
}

/* A lead that is there, without a delivery it should have. */
static void check_deliveries(struct sim *sim, struct known *known)
{
	for (int d = 0; d < DESTINATIONS; d++)
		if (known->to[d].expected && known->to[d].state == 0 &&
			!has_it(sim, known, d))
			violation(sim, "LOST: posting %d has no delivery to %s",
				known->body, destination_name(d));
}

/* ---- what the destinations hold ---- */

static void check_records(struct sim *sim, int destination)
{
	for (struct record *record = sim->peers[destination].records; record;
		record = record->next) {
		const struct known *known = known_find(sim, &record->id);

		if (!known)
			violation(sim, "%s holds a record that is no lead's (posting %d)",
				destination_name(destination), record->body);
		else if (record->body != known->body || record->part != known->part)
			violation(sim, "%s holds other words than posting %d",
				destination_name(destination), known->body);
	}
}

/* As many as answers, or the want of them, allow; one, where a key says that it is the
 * same. */
static int most_leads(const struct sim *sim, const struct body *body)
{
	for (int i = 0; i < sim->known_count; i++)
		if (sim->known[i].forgotten && &sim->bodies[sim->known[i].body] == body)
			return INT_MAX;
	if (body->keyed && body->last_wall - body->sent_wall < 6 * DAY &&
		sim->jumped_ms == 0 && least_age(sim) > 6 * DAY)
		return 1;
	return body->accepted + body->unanswered;
}

static void check_postings(struct sim *sim)
{
	int *count = calloc((size_t)sim->body_count + 1, sizeof(*count));

	for (int i = 0; count && i < sim->known_count; i++)
		if (sim->known[i].part == 0)
			count[sim->known[i].body]++;
	for (int i = 0; count && i < sim->body_count; i++)
		if (count[i] > most_leads(sim, &sim->bodies[i]))
			violation(sim, "posting %d became %d leads", i, count[i]);
	free(count);
}

static void check_requests(struct sim *sim)
{
	struct source_row *rows = NULL;
	int64_t requests = 0;
	struct err err;
	size_t count = 0;

	if (reader_sources(sim->node.reader, &rows, &count, &err) != ERR_OK)
		return;
	for (size_t i = 0; i < count; i++)
		requests += rows[i].requests;
	free(rows);
	if (requests < sim->acks || requests > sim->acks + sim->unheard)
		violation(sim,
			"%" PRId64 " postings were answered 2xx, %" PRId64 " are counted",
			sim->acks, requests);
}

static void on_problem(void *ctx, const char *text)
{
	violation(ctx, "check: %s", text);
}

static enum err_code read_all(struct sim *sim, bool check, struct err *err)
{
	const struct selection all = {.states = 0};
	enum err_code code;

	for (int i = 0; i < sim->known_count; i++)
		sim->known[i].seen = false;
	read_archive(sim);
	code = reader_list(sim->node.reader, &all, 0, take_row, sim, err);
	if (code == ERR_OK && check)
		code = reader_check(sim->node.reader, on_problem, sim, err);
	if (code == ERR_OK && check)
		check_requests(sim);
	return code;
}

static void judge_all(struct sim *sim)
{
	for (int i = 0; i < sim->known_count && !sim->failed; i++)
		if (sim->known[i].seen && !sim->known[i].forgotten)
			check_deliveries(sim, &sim->known[i]);
		else if (!sim->known[i].seen)
			check_gone(sim, &sim->known[i]);
	for (int d = 0; d < ARCHIVE; d++)
		check_records(sim, d);
	check_postings(sim);
	import_judge(sim);
}

void oracle_sweep(struct sim *sim, bool check)
{
	struct err err;

	if (!node_reader(sim))
		return;
	sim->tallies.sweeps++;
	if (read_all(sim, check, &err) == ERR_OK)
		judge_all(sim);
	else
		tell(sim, "the sweep cannot read: %s", err.text);
	node_reader_done(sim);
}

/* ---- the end ---- */

int64_t oracle_patience(const struct sim *sim)
{
	int64_t patience = sim->profile.retry.longest_ms + sim->profile.probe_interval_ms;

	for (int d = 0; d < DESTINATIONS; d++)
		if (sim->peers[d].closed_until - sim->mono > patience)
			patience = sim->peers[d].closed_until - sim->mono;
	return patience + HOUR + sim->set_back_down_ms;
}

static void check_settled(struct sim *sim, const struct known *known)
{
	for (int d = 0; d < DESTINATIONS; d++)
		if (known->to[d].expected && known->seen &&
			known->to[d].state == DELIVERY_PENDING)
			violation(sim,
				"posting %d still waits for %s, and nothing is in the way",
				known->body, destination_name(d));
}

static void check_archive(struct sim *sim, const struct known *known)
{
	const struct fate *fate = &known->to[ARCHIVE];

	if (fate->lines > 1 + sim->crash_count + fate->creates)
		violation(sim, "posting %d is in the archive %d times", known->body,
			fate->lines);
}

void oracle_end(struct sim *sim)
{
	if (!node_alive(sim)) {
		violation(sim, "the relay does not run, and nothing is in the way");
		return;
	}
	oracle_sweep(sim, true);
	for (int i = 0; i < sim->known_count && !sim->failed; i++) {
		check_settled(sim, &sim->known[i]);
		check_archive(sim, &sim->known[i]);
	}
}
