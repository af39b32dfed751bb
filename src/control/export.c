/*
 * export: leads oldest first, whole, as a stream. Bodies in quarantine are no leads yet:
 * they come only when --state quarantined asks for them, and are counted otherwise.
 */
#include "room.h"

#include "leadrelay/json.h"

struct exporting {
	struct run *run;
	bool story;       /* all that show has, but the history */
	bool quarantined; /* they are meant */
	int64_t limit;    /* 0: all */
	int64_t exported, left_out;
	int64_t last; /* seq */
	bool paused;
	enum err_code code;
	struct err err;
};

static bool tell_lead(struct exporting *out, const struct lead_row *row)
{
	cJSON *object;

	if (out->story) {
		out->code = lead_story_json(out->run, row, false, &object, &out->err);
		if (out->code != ERR_OK)
			return false;
	} else {
		object = lead_json(row);
		lead_add_content(object, &row->lead);
	}
	out->exported++;
	return answer_item(out->run, object);
}

static bool export_one(void *ctx, const struct lead_row *row)
{
	struct exporting *out = ctx;

	if (row->quarantined && !out->quarantined)
		out->left_out++;
	else if (!tell_lead(out, row))
		return false;
	out->last = row->seq;
	if (out->limit > 0 && out->exported >= out->limit)
		return false;
	out->paused = !run_goes_on(out->run);
	return !out->paused;
}

static cJSON *exporting_json(const struct exporting *out)
{
	cJSON *object = cJSON_CreateObject();

	json_add_int(object, "exported", out->exported);
	json_add_int(object, "left_out", out->left_out);
	if (out->paused)
		json_add_int(object, "after", out->last);
	return object;
}

static enum err_code export_all(
	struct exporting *out, const struct filter *filter, struct err *err)
{
	struct reader *reader = out->run->control->reader;
	enum err_code code;

	run_read_long(out->run);
	code = reader_walk(reader, &filter->selection, out->last, export_one, out, err);
	if (out->code != ERR_OK) {
		code = out->code;
		*err = out->err;
	}
	out->paused |= run_was_stopped(out->run, code);
	return code;
}

void run_export(struct run *run)
{
	const cJSON *before = cJSON_GetObjectItemCaseSensitive(run->request, "go_on");
	struct exporting out = {.run = run,
		.story = json_bool(run->request, "story", true),
		.limit = json_integer(run->request, "limit", 0),
		.exported = json_integer(before, "exported", 0),
		.left_out = json_integer(before, "left_out", 0),
		.last = json_integer(before, "after", 0)};
	struct filter filter;
	enum err_code code;
	struct err err;

	code = filter_take(run, &filter, &err);
	if (code == ERR_OK) {
		out.quarantined = filter.selection.states & SELECT_QUARANTINED;
		code = export_all(&out, &filter, &err);
	}
	answer_end(
		run, out.paused ? ERR_OK : code, &err, exporting_json(&out), out.paused);
}
