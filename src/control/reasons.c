/* reasons: what the dead letters died of: a line for each destination and reason, with
 * the newest one's words. */
#include "room.h"

#include <stdlib.h>

static cJSON *newest_error(struct run *run, const struct reason_row *row)
{
	struct lead_row lead;
	struct buf text = BUF_INIT;
	cJSON *item = NULL;

	if (!row->error || !wants_mask(run))
		return row->error ? cJSON_CreateString(row->error) : cJSON_CreateNull();
	if (reader_show(run->control->reader, row->lead, &lead, NULL) != ERR_OK)
		return cJSON_CreateNull(); /* it went meanwhile */
	mask_text(&text, row->error, &lead.lead);
	if (buf_ok(&text))
		item = cJSON_CreateString(buf_str(&text));
	buf_finish(&text);
	lead_row_finish(&lead);
	return item;
}

static bool tell(struct run *run, const char *destination, const struct reason_row *row)
{
	cJSON *item = cJSON_CreateObject();

	json_add_text(item, "destination", destination);
	json_add_text(item, "reason", row->reason ? reason_name(row->reason) : NULL);
	json_add_int(item, "count", row->count);
	json_add_time(item, "newest_at", row->newest_at);
	json_add_item(item, "error", newest_error(run, row));
	return answer_item(run, item);
}

static enum err_code tell_destination(
	struct run *run, const struct destination_row *destination, struct err *err)
{
	struct reason_row *rows;
	size_t count;
	enum err_code code =
		reader_reasons(run->control->reader, destination->id, &rows, &count, err);

	if (code != ERR_OK)
		return err_wrap(err, "reading the dead letters");
	for (size_t i = 0; i < count && !run->gone; i++)
		tell(run, destination->name, &rows[i]);
	reasons_free(rows, count);
	return ERR_OK;
}

void run_reasons(struct run *run)
{
	struct destination_row *rows;
	enum err_code code;
	size_t count = 0;
	struct err err;

	code = reader_destinations(run->control->reader, &rows, &count, &err);
	if (code != ERR_OK) {
		answer_error(run, &err);
		return;
	}
	for (size_t i = 0; code == ERR_OK && i < count && run_goes_on(run); i++)
		if (rows[i].dead > 0)
			code = tell_destination(run, &rows[i], &err);
	free(rows);
	if (code != ERR_OK)
		answer_error(run, &err);
	else if (!run_goes_on(run))
		answer_paused(run, cJSON_CreateObject());
	else
		answer_done(run, cJSON_CreateObject());
}
