/* list: leads newest first, each once with all its deliveries. */
#include "room.h"

#include "leadrelay/clock.h"
#include "leadrelay/json.h"

#define LIST_LIMIT 50

static const char *text_or_null(const char *text)
{
	return text && *text ? text : NULL;
}

static cJSON *delivery_json(const struct delivery_row *row)
{
	cJSON *object = cJSON_CreateObject();

	json_add_text(object, "destination", row->destination);
	json_add_text(object, "state", delivery_state_name(row->state));
	json_add_int(object, "attempts", row->attempts);
	json_add_time(object, "next_attempt_at",
		row->state == DELIVERY_PENDING ? row->next_attempt_at : 0);
	json_add_text(object, "reason", text_or_null(reason_name(row->reason)));
	json_add_text(object, "error", row->error);
	return object;
}

/* Only of a quarantined lead: that it is one, and why it is not a lead yet. */
static void add_quarantine(cJSON *object, const struct lead_row *row)
{
	if (!row->quarantined)
		return;
	json_add_bool(object, "quarantined", true);
	json_add_bool(object, "discarded", row->discarded);
	json_add_text(object, "problem", row->problem);
}

cJSON *lead_json(const struct lead_row *row)
{
	cJSON *object = cJSON_CreateObject(), *deliveries;
	char id[UUID_TEXT_SIZE];

	json_add_text(object, "id", uuid_text(&row->lead.id, id));
	json_add_text(object, "source", row->lead.source);
	json_add_time(object, "received_at", row->lead.received_at);
	json_add_bool(object, "test", row->lead.test);
	json_add_text(object, "email", row->lead.fields[FIELD_EMAIL]);
	json_add_text(object, "company", row->lead.fields[FIELD_COMPANY]);
	deliveries = json_add_array(object, "deliveries");
	for (size_t i = 0; i < row->delivery_count; i++)
		json_add_to(deliveries, delivery_json(&row->deliveries[i]));
	add_quarantine(object, row);
	return object;
}

struct listing {
	struct run *run;
	int64_t limit;  /* 0: all */
	int64_t before; /* go on with leads older than this seq; 0: from the newest */
	int64_t listed;
	int64_t last; /* seq */
	bool paused;
};

static bool list_one(void *ctx, const struct lead_row *row)
{
	struct listing *listing = ctx;
	cJSON *item;

	if (listing->before && row->seq >= listing->before)
		return run_goes_on(listing->run);
	item = lead_json(row);
	if (wants_mask(listing->run))
		mask_lead(item, &row->lead);
	if (!answer_item(listing->run, item))
		return false;
	listing->last = row->seq;
	if (++listing->listed == listing->limit)
		return false;
	listing->paused = !run_goes_on(listing->run);
	return !listing->paused;
}

static cJSON *listing_json(const struct listing *listing)
{
	cJSON *object = cJSON_CreateObject();

	json_add_int(object, "listed", listing->listed);
	if (listing->paused)
		json_add_int(object, "after", listing->last);
	return object;
}

/* "before": the lead that the previous page ended with. */
static enum err_code add_before(
	struct run *run, struct selection *selection, struct err *err)
{
	const char *before = json_string(run->request, "before");

	return before ? lead_find(run, before, &selection->before, err) : ERR_OK;
}

void run_list(struct run *run)
{
	const cJSON *before = cJSON_GetObjectItemCaseSensitive(run->request, "go_on");
	struct listing listing = {.run = run,
		.limit = json_integer(run->request, "limit", LIST_LIMIT),
		.before = json_integer(before, "after", 0),
		.last = json_integer(before, "after", 0),
		.listed = json_integer(before, "listed", 0)};
	/* Those listed before are read again and passed over: a page is cheap. */
	int64_t at_most = listing.before ? 0 : listing.limit;
	struct filter filter;
	enum err_code code;
	struct err err;

	code = filter_take(run, &filter, &err);
	if (code == ERR_OK)
		code = add_before(run, &filter.selection, &err);
	if (code == ERR_OK) {
		run_read_long(run);
		code = reader_list(run->control->reader, &filter.selection, at_most,
			list_one, &listing, &err);
		listing.paused |= run_was_stopped(run, code);
	}
	answer_end(run, listing.paused ? ERR_OK : code, &err, listing_json(&listing),
		listing.paused);
}
