/*
 * reader: its own read-only connection. Every call is one or more short transactions,
 * each with a deadline; a connection that met a storage error is opened anew at the next
 * call.
 */
#include "leadrelay/reader.h"

#include "pick.h"
#include "reading.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 200
#define FIND_SLICE 50000
#define FIND_MIN 6
#define FIND_MAX \
	6 /* matches looked for: five are told, the sixth says there are more \
	   */

/* ---- the connection ---- */

static enum err_code connect(struct reader *reader, struct err *err)
{
	struct db_options options = {
		.path = reader->path, .clock = reader->clock, .readonly = true};

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

enum err_code reader_open(struct reader **out, const char *state_dir,
	const struct clock *clock, struct err *err)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	struct err mine;

	if (!reader || asprintf(&reader->path, "%s/outbox.db", state_dir) < 0) {
		free(reader);
		return err_set(err, ERR_NOMEM, "opening the store: out of memory");
	}
	reader->clock = clock;
	if (connect(reader, &mine) != ERR_OK) {
		reader_close(reader);
		return err_set(err, mine.code, "%s", mine.text);
	}
	*out = reader;
	return ERR_OK;
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

enum err_code reader_destinations(struct reader *reader, struct destination_row **out,
	size_t *count_out, struct err *err)
{
	struct err mine;
	enum err_code code = reading_begin(reader, &mine);

	if (code == ERR_OK)
		code = read_destinations(reader->db, out, count_out, &mine);
	if (reading_end(reader, code, &mine) != ERR_OK)
		return err_set(err, code, "%s", mine.text);
	return ERR_OK;
}

static void read_source(sqlite3_stmt *stmt, struct source_row *row)
{
	*row = (struct source_row){.id = sqlite3_column_int64(stmt, 0),
		.configured = sqlite3_column_int(stmt, 2) != 0,
		.accepted = sqlite3_column_int64(stmt, 3),
		.duplicates = sqlite3_column_int64(stmt, 4),
		.quarantined = sqlite3_column_int64(stmt, 5),
		.rejected = sqlite3_column_int64(stmt, 6),
		.test = sqlite3_column_int64(stmt, 7),
		.requests = sqlite3_column_int64(stmt, 8),
		.last_at = sqlite3_column_int64(stmt, 9)};
	db_copy_text(stmt, 1, row->name, sizeof(row->name));
}

static enum err_code read_sources(
	struct db *db, struct source_row **rows, size_t *count, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_SOURCES);
	enum db_row row;

	while ((row = db_next(db, stmt, err)) == DB_ROW) {
		struct source_row *more =
			realloc(*rows, (*count + 1) * sizeof((*rows)[0]));

		if (!more) {
			sqlite3_reset(stmt);
			return err_set(err, ERR_NOMEM, "out of memory");
		}
		*rows = more;
		read_source(stmt, &more[(*count)++]);
	}
	return row == DB_DONE ? ERR_OK : err->code;
}

enum err_code reader_sources(struct reader *reader, struct source_row **out,
	size_t *count_out, struct err *err)
{
	struct source_row *rows = NULL;
	size_t count = 0;
	struct err mine;
	enum err_code code = reading_begin(reader, &mine);

	if (code == ERR_OK)
		code = read_sources(reader->db, &rows, &count, &mine);
	if (reading_end(reader, code, &mine) != ERR_OK) {
		free(rows);
		return err_set(err, code, "%s", mine.text);
	}
	*out = rows;
	*count_out = count;
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

/* ---- find ---- */

struct match {
	int64_t seq;
	char text[UUID_TEXT_SIZE];
};
struct search {
	char digits[33]; /* what is looked for, without dashes, lower case */
	size_t len;
	struct match matches[FIND_MAX];
	size_t count;
};

static enum err_code read_digits(struct search *search, const char *id, struct err *err)
{
	for (const char *c = id; *c; c++) {
		if (*c == '-')
			continue;
		if (!isxdigit((unsigned char)*c) || search->len == 32)
			return err_set(err, ERR_INVALID,
				"not a lead's id, nor the beginning or end of one: hexadecimal digits"
				" are expected, 32 at most");
		search->digits[search->len++] = (char)tolower((unsigned char)*c);
	}
	if (search->len < FIND_MIN)
		return err_set(err, ERR_INVALID,
			"too short: at least 6 characters of a lead's id are needed");
	return ERR_OK;
}

static uint8_t nibble(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* The lowest (fill 0) or highest (fill 15) id that begins with the digits. */
static void bound(const struct search *search, uint8_t fill, struct uuid *out)
{
	for (size_t i = 0; i < 32; i++) {
		uint8_t value = i < search->len ? nibble(search->digits[i]) : fill;

		if (i % 2 == 0)
			out->bytes[i / 2] = (uint8_t)(value << 4);
		else
			out->bytes[i / 2] |= value;
	}
}

static void digits_of(const struct uuid *id, char out[33])
{
	char text[UUID_TEXT_SIZE];
	size_t at = 0;

	uuid_text(id, text);
	for (const char *c = text; *c; c++)
		if (*c != '-')
			out[at++] = *c;
	out[at] = '\0';
}

static void add_match(struct search *search, int64_t seq, const struct uuid *id)
{
	for (size_t i = 0; i < search->count; i++)
		if (search->matches[i].seq == seq)
			return;
	if (search->count == FIND_MAX)
		return;
	search->matches[search->count].seq = seq;
	uuid_text(id, search->matches[search->count++].text);
}

static enum err_code find_beginning(
	struct reader *reader, struct search *search, struct err *err)
{
	struct uuid lowest;
	struct uuid highest;
	struct uuid id;
	enum db_row row = DB_DONE;
	enum err_code code = reading_begin(reader, err);

	if (code == ERR_OK) {
		sqlite3_stmt *stmt = db_stmt(reader->db, SQL_FIND_RANGE);

		bound(search, 0, &lowest);
		bound(search, 15, &highest);
		db_bind_blob(stmt, 1, lowest.bytes, sizeof(lowest.bytes));
		db_bind_blob(stmt, 2, highest.bytes, sizeof(highest.bytes));
		while ((row = db_next(reader->db, stmt, err)) == DB_ROW)
			if (db_uuid(stmt, 1, &id))
				add_match(search, sqlite3_column_int64(stmt, 0), &id);
		if (row == DB_ERROR)
			code = err->code;
	}
	return reading_end(reader, code, err);
}

/* One slice of the index of ids after *last. */
static enum err_code find_end_slice(struct reader *reader, struct search *search,
	struct uuid *last, int *seen, struct err *err)
{
	char digits[33];
	enum db_row row = DB_DONE;
	enum err_code code = reading_begin(reader, err);
	sqlite3_stmt *stmt;

	*seen = 0;
	if (code != ERR_OK)
		return reading_end(reader, code, err);
	stmt = db_stmt(reader->db, SQL_FIND_END);
	db_bind_blob(stmt, 1, last->bytes, sizeof(last->bytes));
	sqlite3_bind_int(stmt, 2, FIND_SLICE);
	while ((row = db_next(reader->db, stmt, err)) == DB_ROW) {
		struct uuid id;

		(*seen)++;
		if (!db_uuid(stmt, 1, &id))
			continue;
		digits_of(&id, digits);
		if (strcmp(digits + 32 - search->len, search->digits) == 0)
			add_match(search, sqlite3_column_int64(stmt, 0), &id);
		*last = id;
	}
	if (row == DB_ERROR)
		code = err->code;
	return reading_end(reader, code, err);
}

/* The end of an id is random, so all are looked at, in the narrow index of ids. */
static enum err_code find_end(
	struct reader *reader, struct search *search, struct err *err)
{
	struct uuid last = {0};
	enum err_code code;
	int seen;

	do
		code = find_end_slice(reader, search, &last, &seen, err);
	while (code == ERR_OK && seen == FIND_SLICE && search->count < FIND_MAX);
	return code;
}

static enum err_code ambiguous(const struct search *search, struct err *err)
{
	char list[5 * (UUID_TEXT_SIZE + 1) + 1] = "";

	for (size_t i = 0; i < search->count && i < 5; i++) {
		strcat(list, i ? " " : "");
		strcat(list, search->matches[i].text);
	}
	return err_set(err, ERR_AMBIGUOUS, "more than one lead: %s%s", list,
		search->count > 5 ? " ..." : "");
}

enum err_code reader_find(
	struct reader *reader, const char *id, int64_t *seq_out, struct err *err)
{
	struct search search = {0};
	struct err mine;
	enum err_code code = read_digits(&search, id, &mine);

	if (code == ERR_OK)
		code = find_beginning(reader, &search, &mine);
	if (code == ERR_OK && search.len < 32 && search.count < FIND_MAX)
		code = find_end(reader, &search, &mine);
	if (code == ERR_OK && search.count == 0)
		code = err_set(&mine, ERR_NOT_FOUND,
			"no lead has an id that begins or ends"
			" with %s",
			search.digits);
	if (code == ERR_OK && search.count > 1)
		code = ambiguous(&search, &mine);
	if (code != ERR_OK)
		return err_set(err, code, "%s", mine.text);
	*seq_out = search.matches[0].seq;
	return ERR_OK;
}

/* ---- one lead ---- */

static enum err_code read_fields(
	sqlite3_stmt *stmt, struct lead_row *row, struct err *err)
{
	const char *fields = (const char *)sqlite3_column_text(stmt, 4);
	const char *extra = (const char *)sqlite3_column_text(stmt, 5);
	enum err_code code = ERR_OK;

	if (fields)
		code = lead_from_json(&row->lead, fields, extra, err);
	if (code != ERR_OK && code != ERR_NOMEM)
		code = ERR_OK; /* a damaged one is shown without its fields */
	return code;
}

static enum err_code read_lead_row(
	struct db *db, int64_t seq, struct lead_row *row, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_SHOW_LEAD);
	enum db_row found;
	enum err_code code;

	sqlite3_bind_int64(stmt, 1, seq);
	found = db_next(db, stmt, err);
	if (found != DB_ROW)
		return found == DB_ERROR ? err->code
					 : err_set(err, ERR_NOT_FOUND, "no such lead");
	row->seq = seq;
	code = read_fields(stmt, row, err);
	db_uuid(stmt, 0, &row->lead.id);
	row->lead.received_at = sqlite3_column_int64(stmt, 2);
	row->lead.test = sqlite3_column_int(stmt, 3) != 0;
	row->duplicates = sqlite3_column_int64(stmt, 6);
	row->quarantined = sqlite3_column_int(stmt, 7) != LEAD_KEPT;
	row->discarded = sqlite3_column_int(stmt, 7) == LEAD_DISCARDED;
	if (code == ERR_OK)
		code = db_text(stmt, 1, &row->lead.source, err);
	if (code == ERR_OK)
		code = db_text(stmt, 8, &row->problem, err);
	sqlite3_reset(stmt);
	return code;
}

static enum err_code read_delivery(
	sqlite3_stmt *stmt, struct delivery_row *row, struct err *err)
{
	enum err_code code;

	memset(row, 0, sizeof(*row));
	row->id = sqlite3_column_int64(stmt, 0);
	db_copy_text(stmt, 1, row->destination, sizeof(row->destination));
	row->state = (enum delivery_state)sqlite3_column_int(stmt, 2);
	row->attempts = sqlite3_column_int(stmt, 3);
	if (row->state == DELIVERY_PENDING)
		row->next_attempt_at = sqlite3_column_int64(stmt, 4);
	row->reason = (enum reason)sqlite3_column_int(stmt, 5);
	if (row->state == DELIVERY_DELIVERED)
		row->delivered_at = sqlite3_column_int64(stmt, 7);
	row->outcome = (enum outcome_kind)sqlite3_column_int(stmt, 9);
	code = db_text(stmt, 6, &row->error, err);
	return code == ERR_OK ? db_text(stmt, 8, &row->remote_id, err) : code;
}

static enum err_code read_delivery_rows(
	struct db *db, struct lead_row *lead, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_SHOW_DELIVERIES);
	enum err_code code = ERR_OK;
	enum db_row row = DB_DONE;

	sqlite3_bind_int64(stmt, 1, lead->seq);
	while (code == ERR_OK && (row = db_next(db, stmt, err)) == DB_ROW) {
		struct delivery_row *more = realloc(
			lead->deliveries, (lead->delivery_count + 1) * sizeof(more[0]));

		if (!more) {
			code = err_set(err, ERR_NOMEM, "out of memory");
			break;
		}
		lead->deliveries = more;
		code = read_delivery(stmt, &more[lead->delivery_count++], err);
	}
	sqlite3_reset(stmt);
	return code == ERR_OK && row == DB_ERROR ? err->code : code;
}

static enum err_code read_row(
	struct db *db, int64_t seq, struct lead_row *out, struct err *err)
{
	enum err_code code;

	memset(out, 0, sizeof(*out));
	code = read_lead_row(db, seq, out, err);
	if (code == ERR_OK)
		code = read_delivery_rows(db, out, err);
	if (code != ERR_OK)
		lead_row_finish(out);
	return code;
}

void lead_row_finish(struct lead_row *row)
{
	for (size_t i = 0; i < row->delivery_count; i++) {
		free(row->deliveries[i].error);
		free(row->deliveries[i].remote_id);
	}
	free(row->deliveries);
	free(row->problem);
	lead_finish(&row->lead);
	memset(row, 0, sizeof(*row));
}

enum err_code reader_show(
	struct reader *reader, int64_t seq, struct lead_row *out, struct err *err)
{
	struct lead_row row;
	struct err mine;
	enum err_code code = reading_begin(reader, &mine);

	if (code == ERR_OK)
		code = read_row(reader->db, seq, &row, &mine);
	if (reading_end(reader, code, &mine) != ERR_OK)
		return err_set(err, code, "%s", mine.text);
	*out = row;
	return ERR_OK;
}

/* ---- attempts, raw bytes ---- */

static enum err_code read_attempts(struct db *db, int64_t delivery,
	struct attempt_row **rows, size_t *count, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_SHOW_ATTEMPTS);
	enum err_code code = ERR_OK;
	enum db_row row = DB_DONE;

	sqlite3_bind_int64(stmt, 1, delivery);
	while (code == ERR_OK && (row = db_next(db, stmt, err)) == DB_ROW) {
		struct attempt_row *more =
			realloc(*rows, (*count + 1) * sizeof((*rows)[0]));

		if (!more) {
			code = err_set(err, ERR_NOMEM, "out of memory");
			break;
		}
		*rows = more;
		more[*count] = (struct attempt_row){.at = sqlite3_column_int64(stmt, 0),
			.outcome = (enum outcome_kind)sqlite3_column_int(stmt, 1),
			.reason = (enum reason)sqlite3_column_int(stmt, 2),
			.http_status = sqlite3_column_int(stmt, 3),
			.duration_ms = sqlite3_column_int64(stmt, 4)};
		code = db_text(stmt, 5, &more[(*count)++].error, err);
	}
	sqlite3_reset(stmt);
	return code == ERR_OK && row == DB_ERROR ? err->code : code;
}

enum err_code reader_attempts(struct reader *reader, int64_t delivery,
	struct attempt_row **out, size_t *count_out, struct err *err)
{
	struct attempt_row *rows = NULL;
	size_t count = 0;
	struct err mine;
	enum err_code code = reading_begin(reader, &mine);

	if (code == ERR_OK)
		code = read_attempts(reader->db, delivery, &rows, &count, &mine);
	if (reading_end(reader, code, &mine) != ERR_OK) {
		attempts_free(rows, count);
		return err_set(err, code, "%s", mine.text);
	}
	*out = rows;
	*count_out = count;
	return ERR_OK;
}

void attempts_free(struct attempt_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(rows[i].error);
	free(rows);
}

static enum err_code read_raw(
	struct db *db, int64_t seq, struct buf *out, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_RAW);
	enum err_code code = ERR_OK;
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, seq);
	row = db_next(db, stmt, err);
	if (row == DB_ERROR)
		return err->code;
	if (row == DB_DONE || sqlite3_column_type(stmt, 0) == SQLITE_NULL)
		code = err_set(err, ERR_NOT_FOUND,
			"the bytes as received are not there any more");
	else
		buf_add(out, sqlite3_column_blob(stmt, 0),
			(size_t)sqlite3_column_bytes(stmt, 0));
	sqlite3_reset(stmt);
	if (code == ERR_OK && !buf_ok(out))
		code = err_set(err, ERR_NOMEM, "out of memory");
	return code;
}

enum err_code reader_raw(
	struct reader *reader, int64_t seq, struct buf *out, struct err *err)
{
	struct err mine;
	enum err_code code = reading_begin(reader, &mine);

	if (code == ERR_OK)
		code = read_raw(reader->db, seq, out, &mine);
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
	code = read_row(db, seq, &listing->rows[listing->count], err);
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
		picker->until = sqlite3_column_int64(stmt, 0);
		picker->at = sqlite3_column_int64(stmt, 1) + 1;
		picker->finished = sqlite3_column_type(stmt, 0) == SQLITE_NULL;
		sqlite3_reset(stmt);
	}
	return reading_end(reader, row == DB_ERROR ? err->code : ERR_OK, err);
}

enum err_code reader_list(struct reader *reader, const struct selection *selection,
	int64_t limit, bool (*each)(void *ctx, const struct lead_row *row), void *ctx,
	struct err *err)
{
	struct listing *listing = calloc(1, sizeof(*listing));
	struct picker picker;
	struct err mine;
	enum err_code code;

	if (!listing)
		return err_set(err, ERR_NOMEM, "listing leads: out of memory");
	*listing = (struct listing){
		.selection = selection, .limit = limit, .each = each, .ctx = ctx};
	picker_init(&picker, selection, true);
	code = narrow(reader, &picker, &mine);
	while (code == ERR_OK && !picker.finished && !listing->stopped &&
		!is_full(listing)) {
		code = read_page(reader, &picker, listing, &mine);
		tell_page(listing);
	}
	free(listing);
	return code == ERR_OK ? ERR_OK : err_set(err, code, "%s", mine.text);
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
