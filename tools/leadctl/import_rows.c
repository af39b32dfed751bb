/* From the file to the outbox, row by row; and what came of it, in words. */
#include "importing.h"

#include "leadrelay/clock.h"
#include "leadrelay/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_FIRST 50
#define BATCH_LEAST 10
#define BATCH_FULL (256 * 1024) /* bytes, packed */
/* Longer, and fresh leads would wait; much shorter, and commits cost more than rows. */
#define BATCH_MS 10
#define SHOW_EVERY_MS 200
#define TEXT_SHOWN 200

/* ---- progress ---- */

static int64_t now_mono(void)
{
	return clock_mono(&clock_system);
}

static void add_bar(struct buf *out, int percent)
{
	buf_addc(out, '[');
	for (int i = 0; i < 20; i++)
		buf_addc(out, i * 5 < percent ? '#' : '.');
	buf_addf(out, "] %d%%", percent);
}

static void show_progress(struct importing *importing)
{
	int64_t now = now_mono(), size = importing->file.size;
	int64_t ms = now - importing->begun_at, at;
	struct buf text = BUF_INIT;
	char count[COUNT_TEXT_SIZE];

	if (!importing->cli->progress || now - importing->shown_at < SHOW_EVERY_MS)
		return;
	importing->shown_at = now;
	at = csv_bytes(importing->reader);
	if (size > 0) {
		add_bar(&text, (int)(at < size ? at * 100 / size : 100));
		buf_addc(&text, ' ');
	}
	buf_addf(&text, "%s rows", count_text(importing->rows, count));
	if (ms > 1000)
		buf_addf(&text, ", %s/s", count_text(importing->rows * 1000 / ms, count));
	if (ms > 1000 && at > 0 && at < size) {
		char left[DURATION_TEXT_SIZE];

		duration_human((size - at) * ms / at / 1000 * 1000, left);
		buf_addf(&text, ", %s left", left);
	}
	progress_show(importing->cli, "%s", buf_str(&text));
	buf_finish(&text);
}

/* ---- the ledger ---- */

static cJSON *ask_for(const struct importing *importing, const char *action)
{
	cJSON *request = request_create("import");

	cJSON_AddStringToObject(request, "action", action);
	cJSON_AddStringToObject(request, "source", importing->source->name);
	cJSON_AddNumberToObject(request, "import", (double)importing->import);
	cJSON_AddNumberToObject(request, "run", (double)importing->run);
	return request;
}

static void take_state(struct importing *importing, const cJSON *done)
{
	importing->taken = json_integer(done, "taken", 0);
	importing->accepted = json_integer(done, "accepted", 0);
	importing->duplicate = json_integer(done, "duplicate", 0);
	importing->refused =
		json_integer(done, "rejected", 0) + json_integer(done, "erased", 0);
}

static int fail(struct importing *importing, int status, const struct err *err)
{
	cli_warn(importing->cli, "%s", err->text);
	if (importing->import && importing->file.regular)
		cli_warn(importing->cli,
			"what was taken is kept: the same command goes on from there");
	else if (importing->import)
		cli_warn(importing->cli,
			"what was taken is kept: import all of it again, rows taken before "
			"are recognised");
	return status;
}

/* Who the file is: its bytes, and how they are read. */
static void identity(const struct importing *importing, struct buf *hex)
{
	struct sha256_running *running = sha256_begin();
	const struct pair_list *lists[] = {
		&importing->map, &importing->source->map, &importing->source->set};
	const char *encoding = importing->options.encoding;
	char delimiter = csv_delimiter(importing->reader);
	uint8_t digest[SHA256_SIZE];

	sha256_add(running, importing->file.digest, sizeof(importing->file.digest));
	sha256_add(running, &delimiter, 1);
	if (encoding)
		sha256_add(running, encoding, strlen(encoding));
	for (size_t i = 0; i < sizeof(lists) / sizeof(*lists); i++) {
		sha256_add(running, "\n", 1);
		for (size_t j = 0; j < lists[i]->count; j++) {
			const struct pair *pair = &lists[i]->items[j];

			sha256_add(running, pair->name, strlen(pair->name) + 1);
			sha256_add(running, pair->value, strlen(pair->value) + 1);
		}
	}
	sha256_end(running, digest);
	hex_add(hex, digest, sizeof(digest));
}

static int begin(struct importing *importing)
{
	cJSON *request = ask_for(importing, "begin"), *done;
	struct buf hex = BUF_INIT;
	struct err err;
	int status;

	identity(importing, &hex);
	cJSON_AddStringToObject(request, "file", buf_str(&hex));
	buf_finish(&hex);
	status = sender_call(importing->sender, request, &done, &err);
	if (status != EXIT_DONE)
		return fail(importing, status, &err);
	importing->import = json_integer(done, "import", 0);
	importing->run = json_integer(done, "run", 0);
	take_state(importing, done);
	importing->resumed = importing->taken > 0;
	cJSON_Delete(done);
	return EXIT_DONE;
}

static int end(struct importing *importing)
{
	struct err err;
	cJSON *done;
	int status =
		sender_call(importing->sender, ask_for(importing, "end"), &done, &err);

	if (status != EXIT_DONE)
		return fail(importing, status, &err);
	take_state(importing, done);
	cJSON_Delete(done);
	return EXIT_DONE;
}

/* ---- batches ---- */

struct memory { /* a record to be read once more */
	const char *bytes;
	size_t len;
};

static ssize_t read_memory(void *ctx, char *out, size_t size)
{
	struct memory *memory = ctx;
	size_t len = memory->len < size ? memory->len : size;

	memcpy(out, memory->bytes, len);
	memory->bytes += len;
	memory->len -= len;
	return (ssize_t)len;
}

/* The outbox refused it: the person asked to be forgotten. */
static void add_erased(struct importing *importing, const struct import_batch *batch,
	const struct import_place *place)
{
	const char *encoding = csv_encoding(importing->reader);
	struct csv_options options = {csv_delimiter(importing->reader), encoding};
	struct memory memory = {batch->packed.data + place->raw_at, place->raw_len};
	struct csv_record record = {0};
	struct csv_reader *reader;
	struct err err;

	if (csv_raw_is_utf8(importing->reader))
		options.encoding = "UTF-8";
	if (csv_open(&reader, read_memory, &memory, &options, &err) != ERR_OK)
		return;
	if (csv_next(reader, &record, &err) == 1) {
		record.line = place->line;
		problems_add(&importing->problems, &record, 0,
			"this person asked to be forgotten and is not brought back; a fresh "
			"lead of theirs by HTTP would be taken");
	}
	csv_close(reader);
}

static void adapt(struct importing *importing, size_t count, int64_t took_ms)
{
	size_t rows = importing->batch_rows;

	if (took_ms > BATCH_MS + BATCH_MS / 4)
		rows = rows * BATCH_MS / (size_t)took_ms;
	else if (count >= rows && took_ms < BATCH_MS - BATCH_MS / 4)
		rows += rows / 2;
	rows = rows < BATCH_LEAST ? BATCH_LEAST : rows;
	importing->batch_rows = rows < IMPORT_BATCH_ROWS ? rows : IMPORT_BATCH_ROWS;
}

static int take_answer(
	struct importing *importing, const struct import_batch *batch, const cJSON *done)
{
	const cJSON *row;
	struct err err;

	if (json_bool(done, "stale", false)) {
		err_set(&err, ERR_STALE,
			"another import of this file ended and was begun again meanwhile");
		return fail(importing, EXIT_FAILED, &err);
	}
	take_state(importing, done);
	adapt(importing, batch->count, json_integer(done, "took_ms", 0));
	cJSON_ArrayForEach (row, cJSON_GetObjectItemCaseSensitive(done, "refused")) {
		int64_t number = row->valuestring ? strtoll(row->valuestring, NULL, 10)
						  : (int64_t)row->valuedouble;
		int64_t at = number - batch->first;

		if (at >= 0 && at < (int64_t)batch->count)
			add_erased(importing, batch, &batch->places[at]);
	}
	return EXIT_DONE;
}

/* The batch under way is answered. */
static int land(struct importing *importing)
{
	struct import_batch *batch = importing->flying;
	cJSON *done = NULL;
	struct err err;
	int status;

	if (!batch)
		return EXIT_DONE;
	importing->flying = NULL;
	status = sender_wait(importing->sender, &done, &err);
	status = status == EXIT_DONE ? take_answer(importing, batch, done)
				     : fail(importing, status, &err);
	cJSON_Delete(done);
	return status;
}

static cJSON *batch_request(
	const struct importing *importing, const struct import_batch *batch)
{
	cJSON *request = ask_for(importing, "rows");
	struct buf text = BUF_INIT;

	base64_add(&text, batch->packed.data, batch->packed.len);
	cJSON_AddNumberToObject(request, "first", (double)batch->first);
	cJSON_AddNumberToObject(request, "count", (double)batch->count);
	cJSON_AddStringToObject(request, "rows", buf_str(&text));
	cJSON_AddBoolToObject(request, "notify", importing->notify);
	if (!buf_ok(&text) || !buf_ok(&batch->packed)) {
		cJSON_Delete(request);
		request = NULL;
	}
	buf_finish(&text);
	return request;
}

static int launch(struct importing *importing)
{
	struct import_batch *batch = importing->filling;
	cJSON *request;
	struct err err;
	int status = land(importing);

	if (status != EXIT_DONE || batch->count == 0)
		return status;
	request = batch_request(importing, batch);
	if (!request) {
		err_set(&err, ERR_NOMEM, "out of memory");
		return fail(importing, EXIT_FAILED, &err);
	}
	sender_start(importing->sender, request);
	importing->sent += (int64_t)batch->count;
	importing->flying = batch;
	importing->filling = &importing->batches[batch == importing->batches];
	buf_clear(&importing->filling->packed);
	importing->filling->count = 0;
	return EXIT_DONE;
}

/* ---- rows ---- */

/* lead NULL: rejected. False: too large to be a lead. */
static bool add_row(struct importing *importing, const struct csv_record *record,
	struct csv_lead *lead)
{
	struct import_batch *batch = importing->filling;
	size_t before = batch->packed.len;
	struct import_row row = {.rejected = !lead};

	if (lead) {
		if (!lead->id_given)
			lead->lead.id = uuid_v7(clock_wall(&clock_system),
				&entropy_system, &importing->last_id);
		row.id_given = lead->id_given;
		row.time_given = lead->time_given;
		row.item.lead = lead->lead;
		row.raw = record->raw;
		row.raw_len = record->raw_len;
	}
	import_pack(&batch->packed, &row);
	if (batch->packed.len - before > IMPORT_BATCH_BYTES) {
		batch->packed.len = before;
		return false;
	}
	if (batch->count == 0)
		batch->first = importing->rows;
	batch->places[batch->count++] = (struct import_place){.line = record->line,
		.raw_at = batch->packed.len - row.raw_len - 1,
		.raw_len = row.raw_len};
	return true;
}

/* True: it may be stored. */
static bool read_row(struct importing *importing, const struct csv_record *record,
	struct csv_lead *lead)
{
	importing->rows++;
	if (csv_lead_read(importing->columns, record, lead))
		return true;
	problems_add(&importing->problems, record, lead->column, lead->problem);
	return false;
}

static int take_row(struct importing *importing, const struct csv_record *record)
{
	struct csv_lead lead;
	bool valid = read_row(importing, record, &lead);
	bool full;

	if (importing->rows <= importing->taken && importing->sent == 0) {
		lead_finish(&lead.lead);
		return EXIT_DONE;
	}
	if (importing->resumed && !importing->resumed_at_line)
		importing->resumed_at_line = record->line;
	if (!add_row(importing, record, valid ? &lead : NULL)) {
		problems_add(&importing->problems, record, 0,
			"more than 2 MiB as a lead; a lead's row is shorter");
		add_row(importing, record, NULL);
	}
	lead_finish(&lead.lead);
	full = importing->filling->count >= importing->batch_rows ||
	       importing->filling->packed.len >= BATCH_FULL;
	return full ? launch(importing) : EXIT_DONE;
}

static int read_failed(struct importing *importing, const struct err *err)
{
	struct err told;

	err_set(&told, err->code, "%s: %s", importing->file.name, err->text);
	return fail(importing, EXIT_FAILED, &told);
}

int import_rows(struct importing *importing)
{
	struct csv_record record;
	struct err err;
	int found, status = begin(importing);

	importing->batch_rows = BATCH_FIRST;
	importing->begun_at = now_mono();
	importing->filling = &importing->batches[0];
	if (status != EXIT_DONE)
		return status;
	while (status == EXIT_DONE && !import_interrupted() &&
		(found = csv_next(importing->reader, &record, &err)) != 0) {
		if (import_interrupted()) /* the last record may be cut */
			break;
		status = found < 0 ? read_failed(importing, &err)
				   : take_row(importing, &record);
		show_progress(importing);
	}
	if (status == EXIT_DONE)
		status = launch(importing);
	if (status == EXIT_DONE)
		status = land(importing);
	else if (importing->flying)
		land(importing);
	if (status == EXIT_DONE && !import_interrupted())
		status = end(importing);
	progress_clear(importing->cli);
	return status;
}

/* ---- dry run ---- */

static void add_preview_text(struct buf *out, const char *name, const char *text)
{
	size_t len = utf16_prefix(text, TEXT_SHOWN);

	buf_addf(out, "  %-14s ", name);
	text_escape(out, text, len);
	buf_adds(out, text[len] ? "...\n" : "\n");
}

static void preview_words(struct importing *importing, const struct csv_record *record,
	const struct csv_lead *lead)
{
	struct buf *out = &importing->preview;
	char text[TIME_TEXT_SIZE];

	buf_addf(out, "line %" PRId64 "%s\n", record->line,
		lead->lead.test ? ", a test lead" : "");
	for (int i = 0; i < FIELD_COUNT; i++)
		if (lead->lead.fields[i])
			add_preview_text(out, lead_field_name((enum lead_field)i),
				lead->lead.fields[i]);
	if (lead->lead.extra) {
		char *extra = cJSON_PrintUnformatted(lead->lead.extra);

		add_preview_text(out, "extra", extra ? extra : "");
		cJSON_free(extra);
	}
	if (lead->time_given)
		add_preview_text(
			out, "received_at", time_text(lead->lead.received_at, text));
}

static void preview_json(struct importing *importing, const struct csv_record *record,
	const struct csv_lead *lead)
{
	cJSON *object = cJSON_CreateObject();
	char time[TIME_TEXT_SIZE], *text;

	cJSON_AddNumberToObject(object, "line", (double)record->line);
	if (lead->time_given)
		cJSON_AddStringToObject(
			object, "received_at", time_text(lead->lead.received_at, time));
	cJSON_AddBoolToObject(object, "test", lead->lead.test);
	cJSON_AddItemToObject(object, "fields", lead_fields_json(&lead->lead));
	cJSON_AddItemToObject(object, "extra",
		lead->lead.extra ? cJSON_Duplicate(lead->lead.extra, true)
				 : cJSON_CreateObject());
	text = cJSON_PrintUnformatted(object);
	buf_addf(&importing->preview, "%s%s", importing->preview.len ? "," : "",
		text ? text : "null");
	cJSON_free(text);
	cJSON_Delete(object);
}

int import_rehearse(struct importing *importing)
{
	struct csv_record record;
	struct err err;
	int found = 0;

	importing->begun_at = now_mono();
	while (!import_interrupted() &&
		(found = csv_next(importing->reader, &record, &err)) == 1) {
		struct csv_lead lead;

		if (read_row(importing, &record, &lead)) {
			if (importing->valid++ < IMPORT_PREVIEW)
				(importing->cli->json ? preview_json : preview_words)(
					importing, &record, &lead);
		}
		lead_finish(&lead.lead);
		show_progress(importing);
	}
	progress_clear(importing->cli);
	importing->taken = importing->rows;
	importing->accepted = importing->valid;
	importing->refused = importing->problems.count;
	return found < 0 ? read_failed(importing, &err) : EXIT_DONE;
}

/* ---- what came of it ---- */

static int by_line(const void *a, const void *b)
{
	const struct import_problem *first = a, *second = b;

	return (first->line > second->line) - (first->line < second->line);
}

static void tell_json(struct importing *importing)
{
	const struct import_problems *problems = &importing->problems;
	cJSON *object = cJSON_CreateObject(), *errors;

	cJSON_AddNumberToObject(object, "rows", (double)importing->taken);
	cJSON_AddNumberToObject(object, "accepted", (double)importing->accepted);
	cJSON_AddNumberToObject(object, "duplicate", (double)importing->duplicate);
	cJSON_AddNumberToObject(object, "rejected", (double)importing->refused);
	if (importing->resumed_at_line)
		cJSON_AddNumberToObject(
			object, "resumed_at_line", (double)importing->resumed_at_line);
	else
		cJSON_AddNullToObject(object, "resumed_at_line");
	cJSON_AddBoolToObject(object, "dry_run", importing->dry_run);
	errors = cJSON_AddArrayToObject(object, "errors");
	for (size_t i = 0; i < problems->shown_count; i++) {
		const struct import_problem *problem = &problems->shown[i];
		cJSON *error = cJSON_CreateObject();

		cJSON_AddNumberToObject(error, "line", (double)problem->line);
		if (problem->column)
			cJSON_AddStringToObject(error, "column", problem->column);
		else
			cJSON_AddNullToObject(error, "column");
		cJSON_AddStringToObject(error, "reason", problem->reason);
		cJSON_AddItemToArray(errors, error);
	}
	if (importing->dry_run) {
		struct buf rows = BUF_INIT;

		buf_addf(&rows, "[%s]", buf_str(&importing->preview));
		cJSON_AddRawToObject(object, "preview", buf_str(&rows));
		buf_finish(&rows);
	}
	cli_print_json(importing->cli, object);
	cJSON_Delete(object);
}

static void tell_problems(struct importing *importing)
{
	struct cli *cli = importing->cli;
	const struct import_problems *problems = &importing->problems;
	char text[COUNT_TEXT_SIZE];

	for (size_t i = 0; i < problems->shown_count; i++) {
		const struct import_problem *problem = &problems->shown[i];

		buf_addf(&cli->out, "line %" PRId64, problem->line);
		if (problem->column) {
			buf_adds(&cli->out, ", ");
			out_text(cli, problem->column);
		}
		buf_addf(&cli->out, ": %s%s%s\n", colour_start(cli, RED), problem->reason,
			colour_end(cli));
	}
	if (problems->count > (int64_t)problems->shown_count)
		buf_addf(&cli->out, "and %s more rejected rows%s\n",
			count_text(
				problems->count - (int64_t)problems->shown_count, text),
			problems->to_file ? "" : "; --rejects FILE writes all of them");
	if (problems->to_file && problems->count) {
		out_text(cli, problems->file_name);
		buf_adds(&cli->out, " has them, to be corrected and imported\n");
	}
}

static void tell_words(struct importing *importing)
{
	struct cli *cli = importing->cli;
	char accepted[COUNT_TEXT_SIZE], duplicate[COUNT_TEXT_SIZE],
		refused[COUNT_TEXT_SIZE];

	if (importing->dry_run) {
		out_count(cli, importing->taken, "row", "rows");
		buf_addf(&cli->out,
			": %s would be taken as new or recognised as duplicates, %s rejected; "
			"nothing was stored\n",
			count_text(importing->accepted, accepted),
			count_text(importing->refused, refused));
		buf_add(&cli->out, importing->preview.data, importing->preview.len);
		tell_problems(importing);
		return;
	}
	if (importing->resumed_at_line)
		buf_addf(&cli->out, "went on at line %" PRId64 ", where it had stopped\n",
			importing->resumed_at_line);
	out_count(cli, importing->taken, "row", "rows");
	buf_addf(&cli->out, ": %s accepted, %s duplicate, %s rejected\n",
		count_text(importing->accepted, accepted),
		count_text(importing->duplicate, duplicate),
		count_text(importing->refused, refused));
	tell_problems(importing);
}

void import_tell(struct importing *importing)
{
	struct import_problems *problems = &importing->problems;

	qsort(problems->shown, problems->shown_count, sizeof(*problems->shown), by_line);
	if (importing->cli->json)
		tell_json(importing);
	else
		tell_words(importing);
}
