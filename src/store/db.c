#include "db.h"

#include "contents.h"
#include "leadrelay/fault.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

/* ---- what SQLite says, in our words ---- */

static enum err_code code_of(sqlite3 *sqlite, int extended)
{
	int system = sqlite ? sqlite3_system_errno(sqlite) : 0;

	switch (extended & 0xff) {
	case SQLITE_FULL:
		return ERR_FULL;
	case SQLITE_NOMEM:
		return ERR_NOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ERR_CORRUPT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ERR_BUSY;
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return ERR_DENIED;
	case SQLITE_INTERRUPT:
		return ERR_TIMEOUT;
	case SQLITE_CONSTRAINT:
		return ERR_INVALID;
	case SQLITE_IOERR:
		if (extended == SQLITE_IOERR_NOMEM)
			return ERR_NOMEM;
		return system == ENOSPC || system == EDQUOT ? ERR_FULL : ERR_IO;
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_PROTOCOL:
		return system == ENOSPC || system == EDQUOT ? ERR_FULL : ERR_IO;
	}
	return ERR_BUG;
}

/* The job's own mistake, or a reader cut off: the connection is as good as before. */
static bool is_local(enum err_code code)
{
	return code == ERR_INVALID || code == ERR_TIMEOUT || code == ERR_BUG;
}

enum err_code db_error(struct db *db, struct err *err)
{
	int extended = sqlite3_extended_errcode(db->sqlite);
	enum err_code code = code_of(db->sqlite, extended);
	const char *text =
		code == ERR_TIMEOUT ? "cut off after 5 s" : sqlite3_errmsg(db->sqlite);
	struct err mine;

	err_set(&mine, code, "%s (SQLite %d)", text, extended);
	if (!is_local(code) && !db->broken) {
		db->broken = true;
		db->why_broken = mine;
	}
	return err_set(err, code, "%s", mine.text);
}

/* ---- statements ---- */

bool db_prepare(struct db *db, enum sql id)
{
	if (!db->stmts[id])
		sqlite3_prepare_v3(db->sqlite, sql_text[id], -1,
			SQLITE_PREPARE_PERSISTENT, &db->stmts[id], NULL);
	return db->stmts[id] != NULL;
}

sqlite3_stmt *db_stmt(struct db *db, enum sql id)
{
	if (!db_prepare(db, id)) {
		struct err err;

		db_error(db, &err);
		return NULL;
	}
	sqlite3_reset(db->stmts[id]);
	sqlite3_clear_bindings(db->stmts[id]);
	return db->stmts[id];
}

enum db_row db_next(struct db *db, sqlite3_stmt *stmt, struct err *err)
{
	int rc;

	if (!stmt) {
		db_error(db, err);
		return DB_ERROR;
	}
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		return DB_ROW;
	if (rc == SQLITE_DONE) {
		sqlite3_reset(stmt);
		return DB_DONE;
	}
	db_error(db, err);
	sqlite3_reset(stmt);
	return DB_ERROR;
}

enum err_code db_run(struct db *db, sqlite3_stmt *stmt, struct err *err)
{
	enum db_row row;

	do
		row = db_next(db, stmt, err);
	while (row == DB_ROW);
	return row == DB_DONE ? ERR_OK : err->code;
}

enum err_code db_run_one(struct db *db, sqlite3_stmt *stmt, struct err *err)
{
	enum err_code code = db_run(db, stmt, err);

	if (code == ERR_OK && sqlite3_changes(db->sqlite) != 1)
		code = err_set(err, ERR_STALE, "the row is not there any more");
	return code;
}

enum err_code db_exec(struct db *db, const char *sql, struct err *err)
{
	if (sqlite3_exec(db->sqlite, sql, NULL, NULL, NULL) != SQLITE_OK)
		return db_error(db, err);
	return ERR_OK;
}

enum err_code db_int(struct db *db, sqlite3_stmt *stmt, int64_t fallback, int64_t *out,
	struct err *err)
{
	enum db_row row = db_next(db, stmt, err);

	if (row == DB_ERROR)
		return err->code;
	*out = fallback;
	if (row == DB_ROW && sqlite3_column_type(stmt, 0) != SQLITE_NULL)
		*out = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return ERR_OK;
}

void db_bind_text(sqlite3_stmt *stmt, int n, const char *text)
{
	sqlite3_bind_text(stmt, n, text, -1, SQLITE_STATIC);
}

void db_bind_blob(sqlite3_stmt *stmt, int n, const void *bytes, size_t len)
{
	sqlite3_bind_blob64(stmt, n, bytes ? bytes : "", len, SQLITE_STATIC);
}

enum err_code db_text(sqlite3_stmt *stmt, int column, char **out, struct err *err)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);
	char *copy = NULL;

	if (text) {
		copy = strdup(text);
		if (!copy)
			return err_set(err, ERR_NOMEM, "reading a row: out of memory");
	}
	*out = copy;
	return ERR_OK;
}

void db_copy_text(sqlite3_stmt *stmt, int column, char *out, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);
	size_t len = text ? strlen(text) : 0;

	if (len >= size) {
		len = size - 1;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	if (len > 0)
		memcpy(out, text, len);
	out[len] = '\0';
}

bool db_uuid(sqlite3_stmt *stmt, int column, struct uuid *out)
{
	const void *bytes = sqlite3_column_blob(stmt, column);

	if (!bytes || sqlite3_column_bytes(stmt, column) != sizeof(out->bytes))
		return false;
	memcpy(out->bytes, bytes, sizeof(out->bytes));
	return true;
}

/* ---- transactions ---- */

enum err_code db_begin(struct db *db, struct err *err)
{
	db->marks = 0;
	db->bytes = 0;
	db->leads = 0;
	db->changes = sqlite3_total_changes64(db->sqlite);
	return db_run(db, db_stmt(db, SQL_BEGIN), err);
}

static enum err_code write_line(
	struct db *db, const struct tally_line *line, struct err *err)
{
	static const enum sql ids[] = {[TALLY_SOURCE] = SQL_TALLY_SOURCE,
		[TALLY_DESTINATION] = SQL_TALLY_DESTINATION,
		[TALLY_MAIL_KIND] = SQL_TALLY_MAIL_KIND};
	int columns = line->of == TALLY_SOURCE ? (int)TALLY_SOURCE_COUNT
					       : (int)TALLY_COLUMN_COUNT;
	sqlite3_stmt *stmt = db_stmt(db, ids[line->of]);

	sqlite3_bind_int64(stmt, 1, line->id);
	for (int i = 0; i < columns; i++)
		sqlite3_bind_int64(stmt, i + 2, line->value[i]);
	return db_run(db, stmt, err);
}

enum err_code db_write_tally(struct db *db, struct err *err)
{
	struct tally_list *batch = &db->tally.batch;

	for (size_t i = 0; i < batch->count; i++) {
		enum err_code code = write_line(db, &batch->lines[i], err);

		if (code != ERR_OK)
			return err_wrap(err, "writing the counters");
	}
	batch->count = 0;
	return ERR_OK;
}

static enum err_code end_transaction(struct db *db, struct err *err)
{
	bool wrote = sqlite3_total_changes64(db->sqlite) != db->changes;
	uint64_t began = uv_hrtime();
	enum err_code code = db_run(db, db_stmt(db, SQL_COMMIT), err);

	db->commit_ns = wrote ? (int64_t)(uv_hrtime() - began) : 0;
	return code;
}

enum err_code db_commit(struct db *db, struct err *err)
{
	enum err_code code = db_write_tally(db, err);

	if (code == ERR_OK && FAULT_FAILS("store.commit"))
		code = err_set(err, ERR_IO, "disk I/O error (injected)");
	return code == ERR_OK ? end_transaction(db, err) : code;
}

void db_forget(struct db *db)
{
	db->known_count = 0;
	db->last_seq = -1;
	db->mail_destination = -1;
	contents_forget(db);
}

void db_rollback(struct db *db)
{
	if (!sqlite3_get_autocommit(db->sqlite))
		sqlite3_exec(db->sqlite, "ROLLBACK", NULL, NULL, NULL);
	tally_clear(&db->tally);
	db_forget(db);
}

/* ---- the WAL ---- */

enum err_code db_checkpoint(
	struct db *db, enum db_checkpoint how, int *left_out, struct err *err)
{
	int pages = 0;
	int copied = 0;
	int rc = sqlite3_wal_checkpoint_v2(db->sqlite, NULL,
		how == DB_CHECKPOINT_PASSIVE ? SQLITE_CHECKPOINT_PASSIVE
					     : SQLITE_CHECKPOINT_TRUNCATE,
		&pages, &copied);

	if (rc == SQLITE_BUSY)
		return err_set(
			err, ERR_BUSY, "a reader keeps the WAL from starting over");
	if (rc != SQLITE_OK && db_error(db, err) == ERR_FULL)
		db->broken = false; /* nothing was lost: the WAL still has it all */
	if (rc != SQLITE_OK)
		return err->code;
	if (left_out)
		*left_out = pages - copied;
	return ERR_OK;
}

/* ---- rows that several jobs know ---- */

void db_read_health(sqlite3_stmt *stmt, int first, struct health *out)
{
	*out = (struct health){
		.state = (enum health_state)sqlite3_column_int(stmt, first),
		.reason = (enum reason)sqlite3_column_int(stmt, first + 1),
		.since = sqlite3_column_int64(stmt, first + 2),
		.next_at = sqlite3_column_int64(stmt, first + 3),
		.failures = sqlite3_column_int(stmt, first + 4),
		.open_ms = sqlite3_column_int64(stmt, first + 5),
		.probe_passed = sqlite3_column_int(stmt, first + 6) != 0,
		.asks_itself = sqlite3_column_int(stmt, first + 7) != 0,
		.forbidden_delivery = sqlite3_column_int64(stmt, first + 8),
	};
	db_copy_text(stmt, first + 9, out->error, sizeof(out->error));
}

static enum err_code remember(
	struct db *db, int64_t destination, struct health *out, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_HEALTH_GET);
	struct known_destination *known;
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, destination);
	row = db_next(db, stmt, err);
	if (row == DB_ERROR)
		return err->code;
	if (row == DB_DONE)
		return err_set(err, ERR_NOT_FOUND, "there is no destination %" PRId64,
			destination);
	db_read_health(stmt, 0, out);
	sqlite3_reset(stmt);
	known = realloc(db->known, (db->known_count + 1) * sizeof(known[0]));
	if (!known)
		return ERR_OK; /* asked again next time */
	known[db->known_count++] =
		(struct known_destination){.id = destination, .health = *out};
	db->known = known;
	return ERR_OK;
}

enum err_code db_open_ms(
	struct db *db, int64_t destination, int64_t now, int64_t *out, struct err *err)
{
	struct health health;
	enum err_code code;

	for (size_t i = 0; i < db->known_count; i++)
		if (db->known[i].id == destination) {
			*out = health_open_ms(&db->known[i].health, now);
			return ERR_OK;
		}
	code = remember(db, destination, &health, err);
	if (code == ERR_OK)
		*out = health_open_ms(&health, now);
	return code;
}

enum err_code db_put_health(
	struct db *db, int64_t destination, const struct health *health, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_HEALTH_PUT);

	sqlite3_bind_int64(stmt, 1, destination);
	sqlite3_bind_int(stmt, 2, (int)health->state);
	sqlite3_bind_int(stmt, 3, (int)health->reason);
	sqlite3_bind_int64(stmt, 4, health->since);
	sqlite3_bind_int64(stmt, 5, health->next_at);
	sqlite3_bind_int(stmt, 6, health->failures);
	sqlite3_bind_int64(stmt, 7, health->open_ms);
	sqlite3_bind_int(stmt, 8, health->probe_passed);
	sqlite3_bind_int(stmt, 9, health->asks_itself);
	sqlite3_bind_int64(stmt, 10, health->forbidden_delivery);
	db_bind_text(stmt, 11, health->error[0] ? health->error : NULL);
	db->known_count = 0;
	return db_run_one(db, stmt, err);
}
