/* show: one lead's whole story, or the bytes it came as. */
#include "room.h"

#include "leadrelay/batches.h"
#include "leadrelay/json.h"
#include "leadrelay/text.h"

#include <stdlib.h>

enum err_code lead_find(
	struct run *run, const char *id, int64_t *seq_out, struct err *err)
{
	enum err_code code = reader_find(run->control->reader, id, seq_out, err);

	if (code == ERR_INVALID) /* it cannot be an id: so no lead has it */
		code = err->code = ERR_NOT_FOUND;
	return code;
}

static cJSON *attempt_json(const struct attempt_row *row)
{
	cJSON *object = cJSON_CreateObject();
	const char *reason = reason_name(row->reason);

	json_add_time(object, "at", row->at);
	json_add_text(object, "outcome", outcome_name(row->outcome));
	json_add_text(object, "reason", *reason ? reason : NULL);
	if (row->http_status)
		json_add_int(object, "http_status", row->http_status);
	else
		json_add_text(object, "http_status", NULL);
	json_add_text(object, "error", row->error);
	json_add_int(object, "duration_ms", row->duration_ms);
	return object;
}

static enum err_code add_history(
	struct run *run, cJSON *object, int64_t delivery, struct err *err)
{
	struct attempt_row *rows;
	size_t count;
	cJSON *history;

	if (reader_attempts(run->control->reader, delivery, &rows, &count, err) != ERR_OK)
		return err_wrap(err, "reading the attempts");
	history = json_add_array(object, "history");
	for (size_t i = 0; i < count; i++)
		json_add_to(history, attempt_json(&rows[i]));
	attempts_free(rows, count);
	return ERR_OK;
}

static enum err_code add_story(struct run *run, cJSON *deliveries,
	const struct lead_row *row, bool history, struct err *err)
{
	for (size_t i = 0; i < row->delivery_count; i++) {
		const struct delivery_row *delivery = &row->deliveries[i];
		cJSON *object = cJSON_GetArrayItem(deliveries, (int)i);
		const char *outcome = outcome_name(delivery->outcome);

		json_add_text(object, "outcome",
			delivery->outcome != OUTCOME_NONE ? outcome : NULL);
		json_add_time(object, "delivered_at", delivery->delivered_at);
		json_add_text(object, "remote_id", delivery->remote_id);
		if (history && add_history(run, object, delivery->id, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

static enum err_code add_notifications(
	struct run *run, cJSON *object, int64_t seq, struct err *err)
{
	cJSON *list = json_add_array(object, "notifications");
	struct mail_row *rows;
	size_t count;

	if (reader_notifications_of(run->control->reader, seq, &rows, &count, err) !=
		ERR_OK)
		return err_wrap(err, "reading the notifications");
	for (size_t i = 0; i < count; i++)
		json_add_to(list, notification_json(&rows[i]));
	mail_rows_free(rows, count);
	return ERR_OK;
}

void lead_add_content(cJSON *object, const struct lead *lead)
{
	json_add_item(object, "fields", lead_fields_json(lead));
	json_add_item(object, "extra",
		lead->extra ? cJSON_Duplicate(lead->extra, true) : cJSON_CreateObject());
}

static const char *origin_name(enum lead_origin origin)
{
	switch (origin) {
	case ORIGIN_REQUEST:
		return "request";
	case ORIGIN_IMPORT:
		return "import";
	case ORIGIN_RECOVERED:
		return "recovered";
	}
	return "request";
}

enum err_code lead_story_json(struct run *run, const struct lead_row *row, bool history,
	cJSON **out, struct err *err)
{
	cJSON *object = lead_json(row);
	enum err_code code;

	lead_add_content(object, &row->lead);
	json_add_text(object, "origin",
		origin_name(reader_origin(run->control->reader, row->seq)));
	json_add_int(object, "duplicates", row->duplicates);
	code = add_notifications(run, object, row->seq, err);
	if (code == ERR_OK)
		code = add_story(run,
			cJSON_GetObjectItemCaseSensitive(object, "deliveries"), row,
			history, err);
	if (code == ERR_OK)
		*out = object;
	else
		cJSON_Delete(object);
	return code;
}

static void show_seq(struct run *run, int64_t seq)
{
	struct lead_row row;
	struct err err;
	cJSON *story;

	if (reader_show(run->control->reader, seq, &row, &err) != ERR_OK) {
		answer_error(run, &err);
		return;
	}
	if (lead_story_json(run, &row, true, &story, &err) == ERR_OK) {
		if (wants_mask(run))
			mask_lead(story, &row.lead);
		answer_done(run, story);
	} else {
		answer_error(run, &err);
	}
	lead_row_finish(&row);
}

/* ---- --raw ---- */

#define PIECE (48 * 1024) /* a multiple of 3: pieces join without padding between */

static void show_raw(struct run *run, int64_t seq)
{
	struct buf raw = BUF_INIT, text = BUF_INIT;
	struct err err;

	if (reader_raw(run->control->reader, seq, &raw, &err) != ERR_OK) {
		answer_error(run, &err);
		goto end;
	}
	for (size_t at = 0; at < raw.len && !run->gone; at += PIECE) {
		cJSON *item = cJSON_CreateObject();

		buf_clear(&text);
		base64_add(&text, raw.data + at,
			raw.len - at < PIECE ? raw.len - at : PIECE);
		json_add_text(item, "raw", buf_str(&text));
		answer_item(run, item);
	}
	answer_done(run, cJSON_CreateObject());
end:
	buf_finish(&raw);
	buf_finish(&text);
}

void run_show(struct run *run)
{
	enum err_code code;
	int64_t seq;
	struct err err;

	run_read_long(run);
	code = lead_find(run, json_string(run->request, "id"), &seq, &err);
	if (run_was_stopped(run, code)) {
		answer_paused(run, cJSON_CreateObject());
	} else if (code != ERR_OK) {
		answer_error(run, &err);
	} else if (json_bool(run->request, "raw", false)) {
		show_raw(run, seq);
	} else {
		show_seq(run, seq);
	}
}
