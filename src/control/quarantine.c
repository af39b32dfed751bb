/*
 * A quarantined lead: replay makes it a lead and gives it the deliveries its source
 * routes it to; discard ends it.
 */
#include "room.h"

#include "leadrelay/config.h"
#include "leadrelay/json.h"
#include "leadrelay/route.h"

#include <stdlib.h>

/* The lead as it will be: what came in, with --set applied. */
static enum err_code with_set(
	struct lead *out, const struct lead *from, const cJSON *set, struct err *err)
{
	const cJSON *field;

	if (lead_copy(out, from, err) != ERR_OK)
		return err->code;
	cJSON_ArrayForEach (field, set) {
		enum lead_field at = (enum lead_field)lead_field_find(field->string);

		if (lead_set(out, at, cJSON_GetStringValue(field), err) != ERR_OK) {
			lead_finish(out);
			return err->code;
		}
	}
	return ERR_OK;
}

/* What its source demands of a lead (contract 5). */
static enum err_code check_whole(
	const struct lead *lead, const struct source_settings *source, struct err *err)
{
	char id[UUID_TEXT_SIZE];

	if (lead_identifies(lead) ||
		(source && source->kind == SOURCE_MARKETPLACE && lead_has_interest(lead)))
		return ERR_OK;
	uuid_text(&lead->id, id);
	return err_set(err, ERR_INVALID,
		"lead %s names nobody yet; `leadctl show %s --raw` shows what came in, and "
		"`leadctl replay %s --set last_name=... --set email=...` completes it",
		id, id, id);
}

struct plan { /* the destinations of one lead */
	int64_t *ids;
	size_t count;
};

static enum err_code plan_add(
	struct run *run, struct plan *plan, const char *name, struct err *err)
{
	int64_t id = reader_destination(run->control->reader, name);

	if (!id)
		return err_set(err, ERR_CONFIG,
			"destination %s is new in the configuration: start leadrelayd (or let it "
			"reload) first",
			name);
	plan->ids[plan->count++] = id;
	return ERR_OK;
}

static enum err_code plan_route(struct run *run, const struct lead *lead,
	const struct source_settings *source, struct plan *plan, struct err *err)
{
	const struct config *config = run->control->config;

	for (size_t i = 0; i < source->destinations.count; i++) {
		const char *name = source->destinations.items[i];
		const struct destination_settings *to = config_destination(config, name);

		if (to && route_matches(to->when, to->when_count, lead) &&
			plan_add(run, plan, name, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

static enum err_code plan_for(struct change *change, const struct lead *lead,
	const struct source_settings *source, struct plan *plan, struct err *err)
{
	size_t room = source ? source->destinations.count + 1 : 1;

	plan->ids = calloc(room, sizeof(*plan->ids));
	if (!plan->ids)
		return err_set(err, ERR_NOMEM, "out of memory");
	if (change->to_name)
		return plan_add(change->run, plan, change->to_name, err);
	if (!source)
		return err_set(err, ERR_CONFIG,
			"source %s is not in the configuration any more: say where the lead goes "
			"with --to DESTINATION",
			lead->source);
	return plan_route(change->run, lead, source, plan, err);
}

static enum err_code run_one(struct change *change, const struct lead_row *row,
	const struct plan *plan, struct err *err)
{
	struct selection selection = {
		.states = SELECT_QUARANTINED, .leads = &row->seq, .lead_count = 1};
	struct change single = *change;
	int64_t after = 0;
	enum err_code code;

	single.to = 0; /* it is the whole route already */
	code = change_batches(&single, &selection, plan->ids, plan->count, &after, err);
	change->totals = single.totals;
	return code;
}

enum err_code change_quarantined(
	struct change *change, const struct lead_row *row, struct err *err)
{
	const struct config *config = change->run->control->config;
	const struct source_settings *source = config_source(config, row->lead.source);
	struct plan plan = {0};
	struct lead whole = LEAD_INIT;
	enum err_code code;

	if (change->event == DELIVERY_DISCARD)
		return run_one(change, row, &plan, err);
	if (with_set(&whole, &row->lead, change->set, err) != ERR_OK)
		return err->code;
	code = check_whole(&whole, source, err);
	if (code == ERR_OK)
		code = plan_for(change, &whole, source, &plan, err);
	if (code == ERR_OK)
		code = run_one(change, row, &plan, err);
	free(plan.ids);
	lead_finish(&whole);
	return code;
}
