/*
 * reconcile: somebody else's list of leads against what this relay ever took in.
 *
 *   e-mail, offer, time of each row --reader_match--> the lead that agrees --> its state
 *
 * Changes nothing, and answers only when all is known: a pause begins anew.
 */
#include "room.h"

#include "leadrelay/batches.h"
#include "leadrelay/json.h"
#include "leadrelay/text.h"

#include <stdlib.h>

#define ROWS_MAX 10000 /* per request; a request is small anyhow */

/* A row's state in words; NULL: it is here and well, or was and is gone since. */
struct verdict {
	const char *status;
	struct uuid id; /* of the lead that agrees */
	bool has_id;
};

struct reconciling {
	struct run *run;
	struct match_row *rows;
	struct verdict *verdicts;
	size_t count;
	int64_t first_at; /* since when the relay remembers; 0: it does not */
	int64_t matched, missing, unknown;
};

static const cJSON *rows_of(const cJSON *request)
{
	return cJSON_GetObjectItemCaseSensitive(request, "rows");
}

enum err_code check_reconcile(const cJSON *request, int64_t now, struct err *err)
{
	const cJSON *rows = rows_of(request), *row;

	(void)now;
	if (!cJSON_IsArray(rows) || cJSON_GetArraySize(rows) > ROWS_MAX)
		return err_set(err, ERR_INVALID,
			"reconcile: a list of up to %d rows is what it takes", ROWS_MAX);
	cJSON_ArrayForEach (row, rows) {
		if (!cJSON_IsObject(row))
			return err_set(err, ERR_INVALID,
				"reconcile: each row is an object: email, offer_title, at");
	}
	return ERR_OK;
}

static enum err_code read_rows(struct reconciling *list, struct err *err)
{
	const cJSON *rows = rows_of(list->run->request), *row;
	size_t count = (size_t)cJSON_GetArraySize(rows);

	list->rows = calloc(count + 1, sizeof(list->rows[0]));
	list->verdicts = calloc(count + 1, sizeof(list->verdicts[0]));
	if (!list->rows || !list->verdicts)
		return err_set(err, ERR_NOMEM, "out of memory");
	cJSON_ArrayForEach (row, rows) {
		list->rows[list->count++] =
			(struct match_row){.email = json_string(row, "email"),
				.offer_title = json_string(row, "offer_title"),
				.at = json_integer(row, "at", 0)};
	}
	return ERR_OK;
}

/* ---- verdicts ---- */

/* The state that most wants somebody's attention. */
static const char *state_of(const struct lead_row *lead)
{
	static const enum delivery_state states[] = {
		DELIVERY_DEAD, DELIVERY_HELD, DELIVERY_PENDING};

	if (lead->quarantined)
		return lead->discarded ? NULL : "quarantined";
	for (size_t s = 0; s < sizeof(states) / sizeof(*states); s++)
		for (size_t i = 0; i < lead->delivery_count; i++)
			if (lead->deliveries[i].state == states[s])
				return delivery_state_name(states[s]);
	return NULL;
}

static enum err_code judge_matched(struct reconciling *list, size_t i, struct err *err)
{
	struct verdict *verdict = &list->verdicts[i];
	struct lead_row lead;
	enum err_code code =
		reader_show(list->run->control->reader, list->rows[i].seq, &lead, err);

	list->matched++;
	if (code == ERR_NOT_FOUND) /* pruned, or erased: it was here */
		return ERR_OK;
	if (code != ERR_OK)
		return code;
	*verdict = (struct verdict){
		.status = state_of(&lead), .id = lead.lead.id, .has_id = true};
	lead_row_finish(&lead);
	return ERR_OK;
}

/* What the relay does not know: it is missing only where the relay would know. */
static void judge_unmatched(struct reconciling *list, size_t i)
{
	const struct match_row *row = &list->rows[i];
	struct verdict *verdict = &list->verdicts[i];
	bool remembered = list->first_at != 0 && row->at >= list->first_at;

	if (!row->erased && remembered && !text_blank(row->email)) {
		verdict->status = "missing";
		list->missing++;
	} else {
		verdict->status = row->erased ? "erased" : "unknown";
		list->unknown++;
	}
}

static enum err_code judge(struct reconciling *list, struct err *err)
{
	struct reader *reader = list->run->control->reader;
	enum err_code code =
		reader_match(reader, list->rows, list->count, &list->first_at, err);

	for (size_t i = 0; i < list->count && code == ERR_OK; i++) {
		if (!run_goes_on(list->run))
			code = err_set(err, ERR_TIMEOUT, "stopped");
		else if (list->rows[i].seq)
			code = judge_matched(list, i, err);
		else
			judge_unmatched(list, i);
	}
	return code;
}

/* ---- answers ---- */

static void answer_rows(struct reconciling *list)
{
	char id[UUID_TEXT_SIZE];

	for (size_t i = 0; i < list->count && !list->run->gone; i++) {
		const struct verdict *verdict = &list->verdicts[i];
		cJSON *item;

		if (!verdict->status)
			continue;
		item = cJSON_CreateObject();
		json_add_int(item, "row", (int64_t)i);
		json_add_text(item, "status", verdict->status);
		json_add_text(
			item, "id", verdict->has_id ? uuid_text(&verdict->id, id) : NULL);
		answer_item(list->run, item);
	}
}

static cJSON *counts_json(const struct reconciling *list)
{
	cJSON *object = cJSON_CreateObject();

	json_add_int(object, "rows", (int64_t)list->count);
	json_add_int(object, "matched", list->matched);
	json_add_int(object, "missing", list->missing);
	json_add_int(object, "unknown", list->unknown);
	json_add_time(object, "remembers_since", list->first_at);
	return object;
}

void run_reconcile(struct run *run)
{
	struct reconciling list = {.run = run};
	struct err err;
	enum err_code code = read_rows(&list, &err);
	bool stopped = false;

	if (code == ERR_OK) {
		run_read_long(run);
		code = judge(&list, &err);
		stopped = run_was_stopped(run, code);
	}
	if (stopped) {
		answer_paused(run, cJSON_CreateObject());
	} else if (code != ERR_OK) {
		answer_error(run, &err);
	} else {
		answer_rows(&list);
		answer_done(run, counts_json(&list));
	}
	free(list.rows);
	free(list.verdicts);
}
