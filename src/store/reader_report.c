/*
 * reader_report: the rows of a period, page by page. Where a page ended the next begins:
 * at the same instant, behind the last key.
 */
#include "reading.h"

#include "leadrelay/figures.h"

#include <stdlib.h>

#define PAGE 1000

struct cursor { /* behind this row */
	int64_t at;
	int64_t key;   /* 0: none yet */
	int64_t key_n; /* attempts: the second part */
	int rows;      /* of the page */
};

struct walk {
	struct reader *reader;
	int64_t until;
	const struct figures_sink *sink;
	int64_t *destinations; /* of one lead; grows */
	size_t room;
};

static void bind_page(sqlite3_stmt *stmt, const struct walk *walk, struct cursor *cursor)
{
	sqlite3_bind_int64(stmt, 1, cursor->at);
	sqlite3_bind_int64(stmt, 2, walk->until);
	sqlite3_bind_int64(stmt, 3, cursor->key);
	sqlite3_bind_int(stmt, 4, PAGE);
	cursor->rows = 0;
}

/* ---- leads ---- */

static enum err_code read_destinations_of(
	struct walk *walk, int64_t seq, struct figure_lead *lead, struct err *err)
{
	struct db *db = walk->reader->db;
	sqlite3_stmt *stmt = db_stmt(db, SQL_FIGURES_DELIVERIES);
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, seq);
	while ((row = db_next(db, stmt, err)) == DB_ROW) {
		if (lead->destination_count == walk->room) {
			size_t room = walk->room * 2 + 8;
			int64_t *more = realloc(walk->destinations, room * sizeof(*more));

			if (!more) {
				sqlite3_reset(stmt);
				return err_set(err, ERR_NOMEM, "out of memory");
			}
			walk->destinations = more;
			walk->room = room;
		}
		walk->destinations[lead->destination_count++] =
			sqlite3_column_int64(stmt, 0);
	}
	lead->destinations = walk->destinations;
	return row == DB_ERROR ? err->code : ERR_OK;
}

static enum err_code page_of_leads(
	struct walk *walk, struct cursor *cursor, struct err *err)
{
	struct db *db = walk->reader->db;
	sqlite3_stmt *stmt = db_stmt(db, SQL_FIGURES_LEADS);
	enum err_code code = ERR_OK;
	enum db_row row = DB_DONE;

	bind_page(stmt, walk, cursor);
	while (code == ERR_OK && (row = db_next(db, stmt, err)) == DB_ROW) {
		struct figure_lead lead = {.received_at = sqlite3_column_int64(stmt, 1),
			.source = sqlite3_column_int64(stmt, 2),
			.quarantined = sqlite3_column_int(stmt, 3) != LEAD_KEPT,
			.test = sqlite3_column_int(stmt, 4) != 0,
			.duplicates = sqlite3_column_int64(stmt, 5)};

		cursor->key = sqlite3_column_int64(stmt, 0);
		cursor->at = lead.received_at;
		cursor->rows++;
		code = read_destinations_of(walk, cursor->key, &lead, err);
		if (code == ERR_OK)
			walk->sink->lead(walk->sink->ctx, &lead);
	}
	sqlite3_reset(stmt);
	return row == DB_ERROR ? err->code : code;
}

/* ---- deliveries that ended ---- */

static enum err_code page_of_ended(struct walk *walk, struct cursor *cursor,
	enum delivery_state state, struct err *err)
{
	struct db *db = walk->reader->db;
	sqlite3_stmt *stmt = db_stmt(db, SQL_FIGURES_ENDED);
	enum db_row row;

	bind_page(stmt, walk, cursor);
	sqlite3_bind_int(stmt, 5, (int)state);
	while ((row = db_next(db, stmt, err)) == DB_ROW) {
		struct figure_ended ended = {.settled_at = sqlite3_column_int64(stmt, 1),
			.destination = sqlite3_column_int64(stmt, 2),
			.state = (enum delivery_state)sqlite3_column_int(stmt, 3),
			.reason = (enum reason)sqlite3_column_int(stmt, 4),
			.received_at = sqlite3_column_int64(stmt, 5)};

		cursor->key = sqlite3_column_int64(stmt, 0);
		cursor->at = ended.settled_at;
		cursor->rows++;
		walk->sink->ended(walk->sink->ctx, &ended);
	}
	return row == DB_ERROR ? err->code : ERR_OK;
}

static enum err_code page_of_delivered(
	struct walk *walk, struct cursor *cursor, struct err *err)
{
	return page_of_ended(walk, cursor, DELIVERY_DELIVERED, err);
}

static enum err_code page_of_dead(
	struct walk *walk, struct cursor *cursor, struct err *err)
{
	return page_of_ended(walk, cursor, DELIVERY_DEAD, err);
}

/* ---- attempts ---- */

static enum err_code page_of_attempts(
	struct walk *walk, struct cursor *cursor, struct err *err)
{
	struct db *db = walk->reader->db;
	sqlite3_stmt *stmt = db_stmt(db, SQL_FIGURES_ATTEMPTS);
	enum db_row row;

	bind_page(stmt, walk, cursor);
	sqlite3_bind_int64(stmt, 5, cursor->key_n);
	while ((row = db_next(db, stmt, err)) == DB_ROW) {
		struct figure_attempt attempt = {.at = sqlite3_column_int64(stmt, 2),
			.destination = sqlite3_column_int64(stmt, 3),
			.again = sqlite3_column_int(stmt, 4) != 0};

		cursor->key = sqlite3_column_int64(stmt, 0);
		cursor->key_n = sqlite3_column_int64(stmt, 1);
		cursor->at = attempt.at;
		cursor->rows++;
		walk->sink->attempt(walk->sink->ctx, &attempt);
	}
	return row == DB_ERROR ? err->code : ERR_OK;
}

/* ---- all pages ---- */

static enum err_code walk_pages(struct walk *walk, int64_t since,
	enum err_code (*page)(struct walk *, struct cursor *, struct err *),
	struct err *err)
{
	struct cursor cursor = {.at = since};
	enum err_code code;

	do {
		code = reading_begin(walk->reader, err);
		if (code == ERR_OK)
			code = page(walk, &cursor, err);
		code = reading_end(walk->reader, code, err);
	} while (code == ERR_OK && cursor.rows == PAGE);
	return code;
}

enum err_code reader_figures(struct reader *reader, int64_t since, int64_t until,
	const struct figures_sink *sink, struct err *err)
{
	static enum err_code (*const pages[])(
		struct walk *, struct cursor *, struct err *) = {
		page_of_leads, page_of_delivered, page_of_dead, page_of_attempts};
	struct walk walk = {.reader = reader, .until = until, .sink = sink};
	enum err_code code = ERR_OK;
	struct err mine;

	for (size_t i = 0; i < sizeof(pages) / sizeof(*pages) && code == ERR_OK; i++)
		code = walk_pages(&walk, since, pages[i], &mine);
	free(walk.destinations);
	return code == ERR_OK ? ERR_OK : err_set(err, code, "%s", mine.text);
}

/* ---- mails ---- */

static enum err_code count_mails(struct db *db, enum delivery_state state, int64_t since,
	int64_t until, int64_t *out, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_FIGURES_MAILS);

	sqlite3_bind_int(stmt, 1, (int)state);
	sqlite3_bind_int64(stmt, 2, since);
	sqlite3_bind_int64(stmt, 3, until);
	return db_int(db, stmt, 0, out, err);
}

enum err_code reader_figures_mails(struct reader *reader, int64_t since, int64_t until,
	struct figure_mails *out, struct err *err)
{
	struct figure_mails counts = {0};
	struct err mine;
	enum err_code code = reading_begin(reader, &mine);

	if (code == ERR_OK)
		code = count_mails(reader->db, DELIVERY_DELIVERED, since, until,
			&counts.sent, &mine);
	if (code == ERR_OK)
		code = count_mails(
			reader->db, DELIVERY_DEAD, since, until, &counts.dead, &mine);
	if (reading_end(reader, code, &mine) != ERR_OK)
		return err_set(err, code, "%s", mine.text);
	*out = counts;
	return ERR_OK;
}
