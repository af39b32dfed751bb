/*
 * reader_match: somebody else's list of leads against every lead this relay ever took.
 *
 * The list is sorted by the hash of its e-mails, then the match hashes are read once from
 * end to end, and each looks its e-mail up in the list. Every slice is a read transaction
 * of its own; what is added behind the end that was read first is not looked at.
 */
#include "leadrelay/batches.h"
#include "leadrelay/text.h"
#include "match.h"
#include "reading.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SLICE 50000 /* rows read in one transaction */

struct wanted { /* a row of the list: 32 bytes */
	uint64_t email;
	uint64_t offer;
	int64_t away; /* of the lead in rows[row].seq, in time; -1: none yet */
	uint32_t row;
	bool has_offer;
};

struct matching {
	struct reader *reader;
	struct match_row *rows;
	struct wanted *wanted; /* by e-mail; rows without one are left out */
	size_t count;
};

/* ---- the list ---- */

static enum err_code short_hash(struct db *db, enum match_kind kind, const char *text,
	uint64_t *out, struct err *err)
{
	uint8_t bytes[MATCH_SHORT];
	enum err_code code = match_hash_of(db, kind, text, bytes, sizeof(bytes), err);

	if (code == ERR_OK)
		memcpy(out, bytes, sizeof(*out));
	return code;
}

static enum err_code is_erased(
	struct db *db, const char *email, bool *out, struct err *err)
{
	uint8_t hash[MATCH_LONG];
	int64_t found = 0;
	sqlite3_stmt *stmt;
	enum err_code code =
		match_hash_of(db, MATCH_TOMBSTONE, email, hash, sizeof(hash), err);

	if (code != ERR_OK)
		return code;
	stmt = db_stmt(db, SQL_TOMBSTONE_GET);
	db_bind_blob(stmt, 1, hash, sizeof(hash));
	code = db_int(db, stmt, 0, &found, err);
	*out = found != 0;
	return code;
}

static enum err_code want(struct matching *matching, size_t i, struct err *err)
{
	struct db *db = matching->reader->db;
	struct match_row *row = &matching->rows[i];
	struct wanted *wanted = &matching->wanted[matching->count];
	enum err_code code;

	row->seq = 0;
	row->erased = false;
	if (text_blank(row->email))
		return ERR_OK;
	*wanted = (struct wanted){.away = -1,
		.row = (uint32_t)i,
		.has_offer = !text_blank(row->offer_title)};
	code = short_hash(db, MATCH_EMAIL, row->email, &wanted->email, err);
	if (code == ERR_OK && wanted->has_offer)
		code = short_hash(db, MATCH_OFFER, row->offer_title, &wanted->offer, err);
	if (code == ERR_OK)
		code = is_erased(db, row->email, &row->erased, err);
	if (code == ERR_OK)
		matching->count++;
	return code;
}

static enum err_code want_slice(
	struct matching *matching, size_t from, size_t to, struct err *err)
{
	enum err_code code = reading_begin(matching->reader, err);

	for (size_t i = from; i < to && code == ERR_OK; i++)
		code = want(matching, i, err);
	return reading_end(matching->reader, code, err);
}

static int by_email(const void *a, const void *b)
{
	const struct wanted *one = a;
	const struct wanted *two = b;

	return (one->email > two->email) - (one->email < two->email);
}

static enum err_code read_list(struct matching *matching, size_t count, struct err *err)
{
	enum err_code code = ERR_OK;

	for (size_t from = 0; from < count && code == ERR_OK; from += SLICE)
		code = want_slice(
			matching, from, from + SLICE < count ? from + SLICE : count, err);
	qsort(matching->wanted, matching->count, sizeof(matching->wanted[0]), by_email);
	return code;
}

/* ---- the hashes ---- */

struct seen { /* a lead, as its hashes tell of it */
	int64_t seq;
	int64_t at;
	uint64_t email;
	uint64_t offer;
	bool has_offer;
};

static size_t first_of(const struct matching *matching, uint64_t email)
{
	size_t from = 0;
	size_t to = matching->count;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (matching->wanted[middle].email < email)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

/* The nearest in time; of those equally near, the first that came. */
static void offer_to(
	struct match_row *row, struct wanted *wanted, const struct seen *seen)
{
	int64_t away = 0;

	if (wanted->has_offer && seen->has_offer && wanted->offer != seen->offer)
		return;
	if (row->at != 0 && seen->at != 0)
		away = row->at > seen->at ? row->at - seen->at : seen->at - row->at;
	if (away > MATCH_WINDOW_MS || (wanted->away >= 0 && away >= wanted->away))
		return;
	wanted->away = away;
	row->seq = seen->seq;
}

static void look_up(struct matching *matching, const struct seen *seen)
{
	for (size_t i = first_of(matching, seen->email);
		i < matching->count && matching->wanted[i].email == seen->email; i++) {
		struct wanted *wanted = &matching->wanted[i];

		offer_to(&matching->rows[wanted->row], wanted, seen);
	}
}

static bool read_hash(sqlite3_stmt *stmt, int column, uint64_t *out)
{
	if (sqlite3_column_bytes(stmt, column) != MATCH_SHORT)
		return false;
	memcpy(out, sqlite3_column_blob(stmt, column), sizeof(*out));
	return true;
}

static enum err_code look_up_slice(
	struct matching *matching, int64_t *after, int64_t last, struct err *err)
{
	struct reader *reader = matching->reader;
	enum err_code code = reading_begin(reader, err);
	enum db_row row = DB_DONE;
	int64_t end = last;

	if (code == ERR_OK) {
		sqlite3_stmt *stmt = db_stmt(reader->db, SQL_MATCH_WALK);
		int rows = 0;

		sqlite3_bind_int64(stmt, 1, *after);
		sqlite3_bind_int64(stmt, 2, last);
		sqlite3_bind_int(stmt, 3, SLICE);
		while ((row = db_next(reader->db, stmt, err)) == DB_ROW) {
			struct seen seen = {.seq = sqlite3_column_int64(stmt, 0),
				.at = sqlite3_column_int64(stmt, 1)};

			seen.has_offer = read_hash(stmt, 3, &seen.offer);
			if (read_hash(stmt, 2, &seen.email))
				look_up(matching, &seen);
			if (++rows == SLICE)
				end = seen.seq;
		}
		if (row == DB_ERROR)
			code = err->code;
	}
	*after = end;
	return reading_end(reader, code, err);
}

/* Since when, and up to which lead there are hashes. */
static enum err_code read_bounds(
	struct reader *reader, int64_t *first_at, int64_t *last, struct err *err)
{
	enum err_code code = reading_begin(reader, err);

	if (code == ERR_OK)
		code = db_int(reader->db, db_stmt(reader->db, SQL_MATCH_SINCE), 0,
			first_at, err);
	if (code == ERR_OK)
		code = db_int(
			reader->db, db_stmt(reader->db, SQL_MATCH_LAST), 0, last, err);
	return reading_end(reader, code, err);
}

static enum err_code match_all(
	struct matching *matching, size_t count, int64_t *first_at, struct err *err)
{
	int64_t after = 0;
	int64_t last = 0;
	enum err_code code = read_bounds(matching->reader, first_at, &last, err);

	if (code == ERR_OK)
		code = read_list(matching, count, err);
	while (code == ERR_OK && after < last && matching->count > 0)
		code = look_up_slice(matching, &after, last, err);
	return code;
}

enum err_code reader_match(struct reader *reader, struct match_row *rows, size_t count,
	int64_t *first_at, struct err *err)
{
	struct matching matching = {.reader = reader, .rows = rows};
	enum err_code code;
	struct err mine;

	if (count > UINT32_MAX)
		return err_set(err, ERR_INVALID, "a list of %zu leads", count);
	matching.wanted = calloc(count + 1, sizeof(matching.wanted[0]));
	if (!matching.wanted)
		return err_set(err, ERR_NOMEM, "matching leads: out of memory");
	code = match_all(&matching, count, first_at, &mine);
	free(matching.wanted);
	return code == ERR_OK ? ERR_OK : err_set(err, code, "%s", mine.text);
}

enum lead_origin reader_origin(struct reader *reader, int64_t seq)
{
	int64_t origin = ORIGIN_REQUEST;
	struct err err;
	enum err_code code = reading_begin(reader, &err);

	if (code == ERR_OK) {
		sqlite3_stmt *stmt = db_stmt(reader->db, SQL_MATCH_ORIGIN);

		sqlite3_bind_int64(stmt, 1, seq);
		code = db_int(reader->db, stmt, ORIGIN_REQUEST, &origin, &err);
	}
	reading_end(reader, code, &err);
	return code == ERR_OK ? (enum lead_origin)origin : ORIGIN_REQUEST;
}
