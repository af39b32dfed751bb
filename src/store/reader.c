/*
 * reader: its own read-only connection. Every call is one or more short transactions,
 * each with a deadline; a connection that met a storage error is opened anew at the next
 * call.
 */
#include "leadrelay/reader.h"

#include "pick.h"
#include "reading.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 200

/* ---- the connection ---- */

static enum err_code connect(struct reader *reader, struct err *err)
{
	struct db_options options = {.path = reader->path,
		.vfs = reader->vfs,
		.clock = reader->clock,
		.readonly = true};

	if (reader->db && !reader->db->broken)
		return ERR_OK;
	db_close(reader->db);
	reader->db = NULL;
	return db_open(&reader->db, &options, err);
}

enum err_code reading_begin(struct reader *reader, struct err *err)
{
	enum err_code code = connect(reader, err);

	if (code != ERR_OK)
		return code;
	reader->db->deadline_at = clock_mono(reader->clock) + READER_MS;
	reader->db->stop = reader->stop;
	reader->db->stop_ctx = reader->stop_ctx;
	return db_exec(reader->db, "BEGIN", err);
}

enum err_code reading_end(struct reader *reader, enum err_code code, struct err *err)
{
	if (!reader->db)
		return code;
	reader->db->deadline_at = 0;
	if (!sqlite3_get_autocommit(reader->db->sqlite))
		sqlite3_exec(reader->db->sqlite, "COMMIT", NULL, NULL, NULL);
	return code == ERR_OK ? ERR_OK : err_wrap(err, "reading the store");
}

enum err_code reading_open(struct reader **out, const char *path, const char *vfs,
	const struct clock *clock, struct err *err)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	struct err mine;

	if (!reader || !(reader->path = strdup(path))) {
		free(reader);
		return err_set(err, ERR_NOMEM, "opening the store: out of memory");
	}
	reader->vfs = vfs;
	reader->clock = clock;
	if (connect(reader, &mine) != ERR_OK) {
		reader_close(reader);
		return err_set(err, mine.code, "%s", mine.text);
	}
	*out = reader;
	return ERR_OK;
}

enum err_code reader_open(struct reader **out, const char *state_dir,
	const struct clock *clock, struct err *err)
{
	enum err_code code;
	char *path;

	if (asprintf(&path, "%s/outbox.db", state_dir) < 0)
		return err_set(err, ERR_NOMEM, "opening the store: out of memory");
	code = reading_open(out, path, NULL, clock, err);
	free(path);
	return code;
}

void reader_close(struct reader *reader)
{
	if (!reader)
		return;
	db_close(reader->db);
	free(reader->path);
	free(reader);
}

void reader_stop_when(struct reader *reader, bool (*stop)(void *ctx), void *ctx)
{
	reader->stop = stop;
	reader->stop_ctx = ctx;
}

/* ---- sources and destinations ---- */

static int64_t id_of(struct reader *reader, enum sql id, const char *name)
{
	int64_t value = 0;
	struct err err;
	enum err_code code = reading_begin(reader, &err);

	if (code == ERR_OK) {
		sqlite3_stmt *stmt = db_stmt(reader->db, id);

		db_bind_text(stmt, 1, name);
		code = db_int(reader->db, stmt, 0, &value, &err);
	}
	reading_end(reader, code, &err);
	return code == ERR_OK ? value : 0;
}

int64_t reader_destination(struct reader *reader, const char *name)
{
	return id_of(reader, SQL_DESTINATION_ID, name);
}

int64_t reader_source(struct reader *reader, const char *name)
{
	return id_of(reader, SQL_SOURCE_ID, name);
}

/* No lead goes to the one for mails, so it is not among those people know. */
static void leave_out_mail(struct destination_row *rows, size_t *count)
{
	size_t kept = 0;

	for (size_t i = 0; i < *count; i++)
		if (!destination_is_mail(&rows[i]))
			rows[kept++] = rows[i];
	*count = kept;
}

enum err_code reader_destinations(struct reader *reader, struct destination_row **out,
	size_t *count_out, struct err *err)
{
	struct err mine;
	enum err_code code = reading_begin(reader, &mine);

	if (code == ERR_OK)
		code = read_destinations(reader->db, out, count_out, &mine);
	if (reading_end(reader, code, &mine) != ERR_OK)
		return err_set(err, code, "%s", mine.text);
	leave_out_mail(*out, count_out);
	return ERR_OK;
}

enum err_code reader_sources(struct reader *reader, struct source_row **out,
	size_t *count_out, struct err *err)
{
	struct err mine;
	enum err_code code = reading_begin(reader, &mine);

	if (code == ERR_OK)
		code = read_sources(reader->db, out, count_out, &mine);
	if (reading_end(reader, code, &mine) != ERR_OK)
		return err_set(err, code, "%s", mine.text);
	return ERR_OK;
}

enum err_code reader_quarantined(
	struct reader *reader, int64_t *waiting_out, struct err *err)
{
	struct err mine;
	enum err_code code = reading_begin(reader, &mine);

	if (code == ERR_OK)
		code = db_int(reader->db, db_stmt(reader->db, SQL_QUARANTINED), 0,
			waiting_out, &mine);
	if (reading_end(reader, code, &mine) != ERR_OK)
		return err_set(err, code, "%s", mine.text);
	return ERR_OK;
}

/* ---- list ---- */

struct listing {
	const struct selection *selection;
	int64_t limit; /* 0: none */
	int64_t told;
	bool (*each)(void *ctx, const struct lead_row *row);
	void *ctx;
	bool stopped;
	struct lead_row rows[PAGE]; /* of the page under way */
	size_t count;
};

static bool is_full(const struct listing *listing)
{
	return listing->limit > 0 &&
	       listing->told + (int64_t)listing->count >= listing->limit;
}

static enum err_code read_if_selected(
	struct db *db, struct listing *listing, int64_t seq, struct err *err)
{
	struct lead_facts facts;
	bool selected;
	enum err_code code = lead_facts_read(db, seq, &facts, err);

	if (code != ERR_OK)
		return code;
	selected = lead_matches(listing->selection, &facts);
	lead_facts_finish(&facts);
	if (!selected)
		return ERR_OK;
	code = reading_row(db, seq, &listing->rows[listing->count], err);
	if (code == ERR_OK)
		listing->count++;
	return code;
}

static enum err_code read_page(struct reader *reader, struct picker *picker,
	struct listing *listing, struct err *err)
{
	int64_t seqs[PAGE];
	size_t count = 0;
	enum err_code code = reading_begin(reader, err);

	if (code == ERR_OK)
		code = picker_next(picker, reader->db, seqs, PAGE, &count, err);
	for (size_t i = 0; i < count && code == ERR_OK && !is_full(listing); i++)
		code = read_if_selected(reader->db, listing, seqs[i], err);
	return reading_end(reader, code, err);
}

/* Outside the transaction: whoever reads the rows may take his time. */
static void tell_page(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++) {
		if (!listing->stopped)
			listing->stopped =
				!listing->each(listing->ctx, &listing->rows[i]);
		listing->told++;
		lead_row_finish(&listing->rows[i]);
	}
	listing->count = 0;
}

static void set_bounds(struct picker *picker, int64_t first, int64_t last)
{
	if (picker->down) {
		picker->until = first;
		if (picker->at > last + 1)
			picker->at = last + 1;
	} else {
		picker->until = last;
		if (picker->at < first - 1)
			picker->at = first - 1;
		picker->finished = picker->at >= last;
	}
}

/* The stretch of seqs that since and until leave, from the index over received_at. */
static enum err_code narrow(struct reader *reader, struct picker *picker, struct err *err)
{
	const struct selection *selection = picker->selection;
	sqlite3_stmt *stmt;
	enum db_row row;
	enum err_code code;

	if (selection->leads || (selection->since == 0 && selection->until == 0))
		return ERR_OK;
	code = reading_begin(reader, err);
	if (code != ERR_OK)
		return reading_end(reader, code, err);
	stmt = db_stmt(reader->db, SQL_LEAD_BOUNDS);
	sqlite3_bind_int64(stmt, 1, selection->since ? selection->since : INT64_MIN);
	sqlite3_bind_int64(stmt, 2, selection->until ? selection->until : INT64_MAX);
	row = db_next(reader->db, stmt, err);
	if (row == DB_ROW) {
		picker->finished = sqlite3_column_type(stmt, 0) == SQLITE_NULL;
		if (!picker->finished)
			set_bounds(picker, sqlite3_column_int64(stmt, 0),
				sqlite3_column_int64(stmt, 1));
		sqlite3_reset(stmt);
	}
	return reading_end(reader, row == DB_ERROR ? err->code : ERR_OK, err);
}

static enum err_code read_pages(struct reader *reader, struct picker *picker,
	struct listing *listing, struct err *err)
{
	struct err mine;
	enum err_code code = narrow(reader, picker, &mine);

	while (code == ERR_OK && !picker->finished && !listing->stopped &&
		!is_full(listing)) {
		code = read_page(reader, picker, listing, &mine);
		tell_page(listing);
	}
	return code == ERR_OK ? ERR_OK : err_set(err, code, "%s", mine.text);
}

enum err_code reader_list(struct reader *reader, const struct selection *selection,
	int64_t limit, bool (*each)(void *ctx, const struct lead_row *row), void *ctx,
	struct err *err)
{
	struct listing *listing = calloc(1, sizeof(*listing));
	struct picker picker;
	enum err_code code;

	if (!listing)
		return err_set(err, ERR_NOMEM, "listing leads: out of memory");
	*listing = (struct listing){
		.selection = selection, .limit = limit, .each = each, .ctx = ctx};
	picker_init(&picker, selection, true);
	if (selection->before && !selection->leads)
		picker.at = selection->before;
	code = read_pages(reader, &picker, listing, err);
	free(listing);
	return code;
}

enum err_code reader_walk(struct reader *reader, const struct selection *selection,
	int64_t after, bool (*each)(void *ctx, const struct lead_row *row), void *ctx,
	struct err *err)
{
	struct listing *listing = calloc(1, sizeof(*listing));
	struct picker picker;
	enum err_code code;

	if (!listing)
		return err_set(err, ERR_NOMEM, "reading leads: out of memory");
	*listing = (struct listing){.selection = selection, .each = each, .ctx = ctx};
	picker_init(&picker, selection, false);
	picker.at = after;
	code = read_pages(reader, &picker, listing, err);
	free(listing);
	return code;
}

/* ---- accounting ---- */

enum err_code reader_accounting(struct reader *reader, int64_t destination,
	struct accounting *out, struct err *err)
{
	struct accounting sum = {0};
	struct err mine;
	enum db_row row = DB_DONE;
	enum err_code code = reading_begin(reader, &mine);

	if (code == ERR_OK) {
		sqlite3_stmt *stmt = db_stmt(reader->db, SQL_ACCOUNTING);

		sqlite3_bind_int64(stmt, 1, destination);
		row = db_next(reader->db, stmt, &mine);
		if (row == DB_ROW)
			sum = (struct accounting){
				.accepted = sqlite3_column_int64(stmt, 0),
				.pending = sqlite3_column_int64(stmt, 1),
				.held = sqlite3_column_int64(stmt, 2),
				.delivered = sqlite3_column_int64(stmt, 3),
				.dead = sqlite3_column_int64(stmt, 4),
				.discarded = sqlite3_column_int64(stmt, 5)};
		if (row == DB_ERROR)
			code = mine.code;
		sqlite3_reset(stmt);
	}
	if (reading_end(reader, code, &mine) != ERR_OK)
		return err_set(err, code, "%s", mine.text);
	sum.difference = sum.accepted - (sum.pending + sum.held + sum.delivered +
						sum.dead + sum.discarded);
	*out = sum;
	return ERR_OK;
}
