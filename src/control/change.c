/*
 * replay, hold, release, discard: by ids, or by the filters of list.
 *
 * By ids all of them are resolved before anything changes. A lead's deliveries that the
 * event is allowed for are changed, the others left alone; a lead without any such
 * delivery is refused, with a sentence. By filters only deliveries in an allowed state
 * are looked at, unless a state is named.
 */
#include "room.h"

#include "leadrelay/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *command;
	enum delivery_event event;
} events[] = {
	{"replay", DELIVERY_REPLAY},
	{"hold", DELIVERY_HOLD},
	{"release", DELIVERY_RELEASE},
	{"discard", DELIVERY_DISCARD},
};

static enum delivery_event requested_event(const cJSON *request)
{
	const char *command = json_string(request, "command");
	size_t i = 0;

	while (strcmp(events[i].command, command) !=
		0) /* the caller found it in a table */
		i++;
	if (events[i].event == DELIVERY_REPLAY && json_bool(request, "again", false))
		return DELIVERY_REPLAY_AGAIN;
	return events[i].event;
}

static unsigned allowed_states(enum delivery_event event)
{
	unsigned states = 0;

	for (int state = DELIVERY_NONE + 1; state < DELIVERY_STATES; state++)
		if (delivery_next((enum delivery_state)state, event) != DELIVERY_NONE)
			states |= 1u << state;
	return states;
}

static bool is_replay(enum delivery_event event)
{
	return event == DELIVERY_REPLAY || event == DELIVERY_REPLAY_AGAIN;
}

static const cJSON *requested_ids(const cJSON *request)
{
	return cJSON_GetObjectItemCaseSensitive(request, "ids");
}

/* ---- what can be refused by looking at the request alone ---- */

enum err_code change_check_set(const cJSON *set, struct err *err)
{
	const cJSON *field;

	cJSON_ArrayForEach (field, set) {
		if (lead_field_find(field->string) < 0)
			return err_set(err, ERR_INVALID,
				"set: there is no field \"%s\"; the canonical names are those that "
				"`leadctl replay --help` lists",
				field->string);
		if (!cJSON_IsString(field) && !cJSON_IsNull(field))
			return err_set(
				err, ERR_INVALID, "set: %s is not a text", field->string);
	}
	return ERR_OK;
}

static enum err_code check_replay_parts(const cJSON *request, struct err *err)
{
	const cJSON *set = cJSON_GetObjectItemCaseSensitive(request, "set");
	const char *only = set ? "set" : json_string(request, "to") ? "to" : "again";

	if (!is_replay(requested_event(request)) &&
		(set || json_string(request, "to") || json_bool(request, "again", false)))
		return err_set(err, ERR_INVALID, "--%s goes with replay only", only);
	return change_check_set(set, err);
}

enum err_code change_check_request(const cJSON *request, int64_t now, struct err *err)
{
	const char *command = json_string(request, "command");
	const cJSON *ids = requested_ids(request), *id;
	struct filter filter;

	if (filter_parse(request, now, &filter, err) != ERR_OK ||
		check_replay_parts(request, err) != ERR_OK)
		return err->code;
	if (!ids && !filter.given)
		return err_set(err, ERR_INVALID,
			"%s: which leads? give their ids, or filters such as --destination NAME",
			command);
	if (ids && (filter.source || filter.selection.states || filter.selection.reason ||
			   filter.selection.since || filter.selection.until ||
			   filter.selection.email))
		return err_set(err, ERR_INVALID,
			"%s: ids or filters, not both; only --destination goes with ids",
			command);
	cJSON_ArrayForEach (id, ids) {
		if (!cJSON_IsString(id))
			return err_set(err, ERR_INVALID, "%s: an id is a text", command);
	}
	if (ids && cJSON_GetArraySize(ids) == 0)
		return err_set(err, ERR_INVALID, "%s: no ids", command);
	return ERR_OK;
}

/* ---- batches ---- */

static void add_totals(struct totals *totals, const struct job_transition *job)
{
	totals->matched += job->matched;
	totals->changed += job->dry_run ? 0 : job->changed;
	totals->refused += job->refused;
	for (int reason = 0; reason < REASON_COUNT; reason++)
		totals->by_reason[reason] += job->by_reason[reason];
}

static void tell_relay(struct change *change, const struct job_transition *job)
{
	const struct control_live *live = change->run->control->live;
	int64_t destination = job->to ? 0 : job->selection.destination;

	if (live && !change->dry_run && job->changed)
		live->changed(live->ctx, destination);
}

static cJSON *totals_json(const struct change *change)
{
	const struct totals *totals = &change->totals;
	cJSON *object = cJSON_CreateObject(), *by_reason;

	json_add_int(object, "matched", totals->matched);
	json_add_int(object, "changed", totals->changed);
	json_add_int(object, "refused", totals->refused);
	json_add_bool(object, "dry_run", change->dry_run);
	by_reason = json_add_object(object, "by_reason");
	for (int reason = 0; reason < REASON_COUNT; reason++) {
		const char *name = reason_name((enum reason)reason);

		if (totals->by_reason[reason])
			json_add_int(by_reason, *name ? name : "none",
				totals->by_reason[reason]);
	}
	return object;
}

/* The totals of the part done before a pause. */
static void take_up_totals(struct change *change, const cJSON *go_on)
{
	const cJSON *by_reason = cJSON_GetObjectItemCaseSensitive(go_on, "by_reason");
	struct totals *totals = &change->totals;

	totals->matched = json_integer(go_on, "matched", 0);
	totals->changed = json_integer(go_on, "changed", 0);
	totals->refused = json_integer(go_on, "refused", 0);
	for (int reason = 0; reason < REASON_COUNT; reason++) {
		const char *name = reason_name((enum reason)reason);

		totals->by_reason[reason] =
			json_integer(by_reason, *name ? name : "none", 0);
	}
}

static enum err_code run_batch(struct change *change, struct job_transition *job,
	int64_t *after, struct err *err)
{
	enum err_code code;

	job_transition_prepare(job);
	code = store_call(change->run->control->store, &job->job, err);
	if (code == ERR_OK) {
		add_totals(&change->totals, job);
		tell_relay(change, job);
		*after = job->after;
	}
	job_transition_finish(job);
	return code;
}

enum err_code change_batches(struct change *change, const struct selection *selection,
	const int64_t *route, size_t route_count, int64_t *after, struct err *err)
{
	do {
		struct job_transition job = {.selection = *selection,
			.event = change->event,
			.dry_run = change->dry_run,
			.set = change->set,
			.to = change->to,
			.route = route,
			.route_count = route_count,
			.now = change->run->now,
			.max = CONTROL_BATCH,
			.after = *after};

		if (run_batch(change, &job, after, err) != ERR_OK)
			return err->code;
		if (*after >= 0)
			answer_progress(change->run, totals_json(change));
	} while (*after >= 0 && run_goes_on(change->run));
	return ERR_OK;
}

/* ---- by ids ---- */

void change_refuse(struct change *change, const struct lead *lead, int64_t deliveries,
	const char *why)
{
	cJSON *item = cJSON_CreateObject();
	char id[UUID_TEXT_SIZE];

	change->totals.matched += deliveries;
	change->totals.refused += deliveries;
	json_add_text(item, "id", uuid_text(&lead->id, id));
	json_add_text(item, "refused", why);
	answer_item(change->run, item);
}

/* "only a pending delivery can be held" */
static const char *rule_sentence(enum delivery_event event)
{
	switch (event) {
	case DELIVERY_HOLD:
		return "only a pending delivery can be held";
	case DELIVERY_RELEASE:
		return "only a held delivery can be released";
	case DELIVERY_DISCARD:
		return "only a pending, held or dead delivery can be discarded";
	case DELIVERY_REPLAY:
		return "only a dead delivery can be replayed; --again repeats a delivered one";
	case DELIVERY_REPLAY_AGAIN:
		return "only a dead or a delivered delivery can be replayed";
	case DELIVERY_ACCEPT:
	case DELIVERY_RETRY:
	case DELIVERY_REFUSE:
	case DELIVERY_EVENTS:
		break;
	}
	return "not something an operator does";
}

static void refuse_lead(
	struct change *change, const struct lead_row *row, const char *destination)
{
	struct buf why = BUF_INIT;
	int64_t count = 0;

	for (size_t i = 0; i < row->delivery_count; i++) {
		const struct delivery_row *delivery = &row->deliveries[i];

		if (destination && strcmp(destination, delivery->destination) != 0)
			continue;
		buf_addf(&why, "%s%s is %s", count++ ? ", " : "", delivery->destination,
			delivery_state_name(delivery->state));
	}
	if (count == 0)
		buf_adds(&why,
			destination ? "it has no delivery there" : "it has no delivery");
	buf_addf(&why, ": %s", rule_sentence(change->event));
	change_refuse(change, &row->lead, count ? count : 1, buf_str(&why));
	buf_finish(&why);
}

/* Is there anything the event may change? */
static bool lead_allows(
	const struct change *change, const struct lead_row *row, const char *destination)
{
	unsigned allowed = allowed_states(change->event);
	bool has_target = false;

	for (size_t i = 0; i < row->delivery_count; i++) {
		const struct delivery_row *delivery = &row->deliveries[i];

		if (destination && strcmp(destination, delivery->destination) != 0)
			continue;
		has_target = true;
		if (allowed & 1u << delivery->state)
			return true;
	}
	return change->to_name && !has_target;
}

static bool quarantine_allows(enum delivery_event event)
{
	return is_replay(event) || event == DELIVERY_DISCARD;
}

static enum err_code change_lead(struct change *change, const struct filter *filter,
	const struct lead_row *row, struct err *err)
{
	struct selection selection = {.states = allowed_states(change->event),
		.destination = filter->selection.destination,
		.reason = filter->selection.reason,
		.leads = &row->seq,
		.lead_count = 1};
	const char *destination = change->to_name ? change->to_name : filter->destination;
	int64_t after = 0;

	if (filter->selection.states & selection.states)
		selection.states &= filter->selection.states;
	if (row->quarantined && (row->discarded || !quarantine_allows(change->event))) {
		change_refuse(change, &row->lead, 1,
			row->discarded
				? "it was discarded while quarantined"
				: "it is quarantined, without deliveries: it can be "
				  "replayed or discarded");
		return ERR_OK;
	}
	if (row->quarantined)
		return change_quarantined(change, row, err);
	if (!lead_allows(change, row, destination)) {
		refuse_lead(change, row, destination);
		return ERR_OK;
	}
	if (change->to)
		selection.states = 0;
	return change_batches(change, &selection, NULL, 0, &after, err);
}

static enum err_code change_each(struct change *change, const struct filter *filter,
	const int64_t *seqs, size_t count, size_t *at, struct err *err)
{
	while (*at < count && run_goes_on(change->run)) {
		struct lead_row row;
		enum err_code code;

		if (reader_show(change->run->control->reader, seqs[*at], &row, err) !=
			ERR_OK)
			return err->code;
		change->lead = row.lead.id;
		change->one_lead = count == 1;
		code = change_lead(change, filter, &row, err);
		if (code == ERR_INVALID && count > 1) { /* it must not stop the others */
			change_refuse(change, &row.lead, 1, err->text);
			code = ERR_OK;
		}
		lead_row_finish(&row);
		if (code != ERR_OK)
			return code;
		(*at)++;
	}
	return ERR_OK;
}

/* One word for all of it: a thousand leads would push everything else out of sight. */
static void tell_happened(const struct change *change)
{
	static const struct {
		const char *command, *event;
	} words[] = {{"hold", "held"}, {"release", "released"}, {"discard", "discarded"},
		{"replay", "replayed"}};
	const struct control_live *live = change->run->control->live;
	const char *command = json_string(change->run->request, "command");
	const char *destination = json_string(change->run->request, "destination");
	struct control_event event = {.count = change->totals.changed};

	if (!live || !live->happened || change->dry_run || !change->totals.changed)
		return;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(command, words[i].command) == 0)
			event.event = words[i].event;
	event.lead = change->lead;
	event.has_lead = change->one_lead;
	snprintf(event.destination, sizeof(event.destination), "%s",
		change->to_name ? change->to_name
		: destination   ? destination
				: "");
	live->happened(live->ctx, &event);
}

static void answer_change(struct change *change, int64_t after)
{
	cJSON *totals = totals_json(change);

	if (after < 0) {
		tell_happened(change);
		answer_done(change->run, totals);
		return;
	}
	json_add_int(totals, "after", after);
	answer_paused(change->run, totals);
}

static bool is_among(const int64_t *seqs, size_t count, int64_t seq)
{
	for (size_t i = 0; i < count; i++)
		if (seqs[i] == seq)
			return true;
	return false;
}

/* A lead named twice is one lead. */
static enum err_code find_leads(
	struct run *run, const cJSON *ids, int64_t *seqs, size_t *count, struct err *err)
{
	const cJSON *id;
	int64_t seq;

	*count = 0;
	cJSON_ArrayForEach (id, ids) {
		if (lead_find(run, id->valuestring, &seq, err) != ERR_OK)
			return err->code;
		if (!is_among(seqs, *count, seq))
			seqs[(*count)++] = seq;
	}
	return ERR_OK;
}

static enum err_code change_by_ids(
	struct change *change, const struct filter *filter, int64_t from, struct err *err)
{
	const cJSON *ids = requested_ids(change->run->request);
	size_t count, at = from > 0 ? (size_t)from : 0;
	int64_t *seqs = calloc((size_t)cJSON_GetArraySize(ids), sizeof(*seqs));
	enum err_code code;

	if (!seqs)
		return err_set(err, ERR_NOMEM, "out of memory");
	code = find_leads(change->run, ids, seqs, &count, err);
	if (code == ERR_OK)
		code = change_each(change, filter, seqs, count, &at, err);
	free(seqs);
	if (code == ERR_OK)
		answer_change(change, at < count ? (int64_t)at : -1);
	return code;
}

/* ---- by filters ---- */

struct pickup { /* leads that match, collected before they change */
	int64_t *seqs;
	size_t count, room;
};

static bool pick_up(void *ctx, const struct lead_row *row)
{
	struct pickup *pickup = ctx;

	if (pickup->count == pickup->room) {
		size_t room = pickup->room ? 2 * pickup->room : 64;
		int64_t *grown = realloc(pickup->seqs, room * sizeof(*grown));

		if (!grown)
			return false;
		pickup->seqs = grown;
		pickup->room = room;
	}
	pickup->seqs[pickup->count++] = row->seq;
	return true;
}

/* Lead by lead; within: what of each. Those changed in an earlier part no longer match:
 * there is no cursor. */
static enum err_code change_each_matching(struct change *change,
	const struct filter *filter, const struct filter *within, struct err *err)
{
	struct pickup pickup = {0};
	size_t at = 0;
	enum err_code code;

	code = reader_list(change->run->control->reader, &filter->selection, 0, pick_up,
		&pickup, err);
	if (code == ERR_OK)
		code = change_each(change, within, pickup.seqs, pickup.count, &at, err);
	free(pickup.seqs);
	if (code == ERR_OK)
		answer_change(change, at < pickup.count ? 0 : -1);
	return code;
}

static enum err_code change_by_filter(
	struct change *change, struct filter *filter, int64_t after, struct err *err)
{
	unsigned allowed = allowed_states(change->event),
		 states = filter->selection.states;
	struct filter none = {0};

	if (states == SELECT_QUARANTINED && quarantine_allows(change->event))
		return change_each_matching(change, filter, &none, err);
	if (states && !(states & allowed) && !change->to) /* to: they stay as they are */
		return err_set(
			err, ERR_STALE, "nothing done: %s", rule_sentence(change->event));
	if (!states && !change->to) /* to: whatever became of them elsewhere */
		filter->selection.states = allowed;
	if (change->set) /* the leads themselves change, one after the other */
		return change_each_matching(change, filter, filter, err);
	if (change_batches(change, &filter->selection, NULL, 0, &after, err) != ERR_OK)
		return err->code;
	answer_change(change, after);
	return ERR_OK;
}

/* Where replay --to sends leads: somebody must be there to deliver them. */
static enum err_code resolve_to(struct change *change, struct err *err)
{
	const struct config *config = change->run->control->config;
	enum err_code code;

	if (!change->to_name)
		return ERR_OK;
	code = destination_resolve(change->run, change->to_name, &change->to, err);
	if (code != ERR_OK)
		return code;
	if (config && !config_destination(config, change->to_name))
		return err_set(err, ERR_NOT_FOUND,
			"%s is not in the configuration any more: nobody would deliver what "
			"is sent there",
			change->to_name);
	if (change->to < 0)
		return err_set(err, ERR_STALE,
			"%s is in the configuration, and no leadrelayd has read it yet: "
			"reload or start it first",
			change->to_name);
	return ERR_OK;
}

void run_change(struct run *run)
{
	const cJSON *go_on = cJSON_GetObjectItemCaseSensitive(run->request, "go_on");
	struct change change = {.run = run,
		.event = requested_event(run->request),
		.dry_run = json_bool(run->request, "dry_run", false),
		.set = cJSON_GetObjectItemCaseSensitive(run->request, "set"),
		.to_name = json_string(run->request, "to")};
	int64_t after = json_integer(go_on, "after", 0);
	struct filter filter;
	enum err_code code;
	struct err err;

	take_up_totals(&change, go_on);
	if (filter_take(run, &filter, &err) != ERR_OK ||
		resolve_to(&change, &err) != ERR_OK) {
		answer_error(run, &err);
		return;
	}
	code = requested_ids(run->request)
		       ? change_by_ids(&change, &filter, after, &err)
		       : change_by_filter(&change, &filter, after, &err);
	if (code != ERR_OK)
		answer_error(run, &err);
}
