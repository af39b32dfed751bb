/*
 * Insert first, look when the unique index objects: one seek for the common case, and no
 * moment between a look and an insert.
 */
#include "job.h"

#include <string.h>

static void bind(sqlite3_stmt *stmt, const struct fingerprint *mine, bool all)
{
	sqlite3_bind_int(stmt, 1, (int)mine->kind);
	sqlite3_bind_int64(stmt, 2, mine->source);
	db_bind_blob(stmt, 3, mine->hash, sizeof(mine->hash));
	if (!all)
		return;
	sqlite3_bind_int64(stmt, 4, mine->lead);
	sqlite3_bind_int64(stmt, 5, mine->leads);
	db_bind_blob(stmt, 6, mine->body_hash, sizeof(mine->body_hash));
	sqlite3_bind_int64(stmt, 7, mine->expires_at);
}

static enum err_code add(
	struct db *db, const struct fingerprint *mine, bool *added, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_FINGERPRINT_ADD);
	enum err_code code;

	bind(stmt, mine, true);
	code = db_run(db, stmt, err);
	*added = code == ERR_OK && sqlite3_changes(db->sqlite) == 1;
	return code;
}

static enum err_code get(struct db *db, const struct fingerprint *mine,
	struct fingerprint *out, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_FINGERPRINT_GET);
	enum db_row row;

	bind(stmt, mine, false);
	row = db_next(db, stmt, err);
	if (row == DB_ERROR)
		return err->code;
	if (row == DB_DONE)
		return err_set(err, ERR_BUG, "a fingerprint that is and is not there");
	*out = *mine;
	out->lead = sqlite3_column_int64(stmt, 0);
	out->leads = sqlite3_column_int64(stmt, 1);
	memset(out->body_hash, 0, sizeof(out->body_hash));
	if (sqlite3_column_bytes(stmt, 2) == sizeof(out->body_hash))
		memcpy(out->body_hash, sqlite3_column_blob(stmt, 2),
			sizeof(out->body_hash));
	out->expires_at = sqlite3_column_int64(stmt, 3);
	sqlite3_reset(stmt);
	return ERR_OK;
}

enum err_code fingerprint_put(
	struct db *db, const struct fingerprint *mine, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_FINGERPRINT_TAKE);

	bind(stmt, mine, true);
	return db_run_one(db, stmt, err);
}

/* Whether its leads are all still there, and one of them can have repeats. */
static enum err_code standing(struct db *db, const struct fingerprint *first, bool *there,
	bool *repeatable, struct err *err)
{
	*there = first->leads > 0;
	*repeatable = false;
	for (int64_t i = 0; i < first->leads && *there; i++) {
		sqlite3_stmt *stmt = db_stmt(db, SQL_REPEAT_OF);
		enum db_row row;

		sqlite3_bind_int64(stmt, 1, first->lead + i);
		row = db_next(db, stmt, err);
		if (row == DB_ERROR)
			return err->code;
		if (row == DB_ROW)
			*repeatable |= sqlite3_column_int(stmt, 1) != 0;
		else
			*there = false;
		sqlite3_reset(stmt);
	}
	return ERR_OK;
}

enum err_code fingerprint_take(struct db *db, struct fingerprint *mine, int64_t now,
	enum fingerprint_found *out, struct err *err)
{
	struct fingerprint first = {0};
	bool added;
	bool there = false;
	bool repeatable = false;
	enum err_code code = add(db, mine, &added, err);

	*out = FINGERPRINT_NEW;
	if (code != ERR_OK || added)
		return code;
	code = get(db, mine, &first, err);
	if (code == ERR_OK)
		code = standing(db, &first, &there, &repeatable, err);
	if (code != ERR_OK)
		return code;
	if (first.expires_at <= now || !there ||
		(mine->kind == FINGERPRINT_CONTENT && !repeatable))
		return fingerprint_put(db, mine, err);
	if (memcmp(first.body_hash, mine->body_hash, sizeof(first.body_hash)) != 0) {
		*out = FINGERPRINT_OTHER;
		return ERR_OK;
	}
	*out = FINGERPRINT_SAME;
	mine->lead = first.lead;
	mine->leads = first.leads;
	mine->expires_at = first.expires_at;
	return ERR_OK;
}
