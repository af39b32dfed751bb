#include "db.h"

#include "leadrelay/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS 2000
#define READER_STEPS 4000 /* virtual machine steps between looks at the clock */

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

static bool prepare(struct db *db, enum sql id)
{
	if (!db->stmts[id])
		sqlite3_prepare_v3(db->sqlite, sql_text[id], -1,
			SQLITE_PREPARE_PERSISTENT, &db->stmts[id], NULL);
	return db->stmts[id] != NULL;
}

sqlite3_stmt *db_stmt(struct db *db, enum sql id)
{
	if (!prepare(db, id)) {
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

/* ---- opening ---- */

/* secure_delete first: what an earlier, interrupted run freed is overwritten, too. */
static const char writer_pragmas[] = "PRAGMA secure_delete = ON;"
				     "PRAGMA trusted_schema = OFF;"
				     "PRAGMA cell_size_check = ON;"
				     "PRAGMA foreign_keys = ON;"
				     "PRAGMA temp_store = MEMORY;"
				     "PRAGMA mmap_size = 0;"
				     "PRAGMA cache_size = -8192;"
				     "PRAGMA synchronous = FULL;"
				     "PRAGMA wal_autocheckpoint = 0;";
static const char reader_pragmas[] = "PRAGMA trusted_schema = OFF;"
				     "PRAGMA cell_size_check = ON;"
				     "PRAGMA query_only = ON;"
				     "PRAGMA temp_store = MEMORY;"
				     "PRAGMA mmap_size = 0;"
				     "PRAGMA cache_size = -4096;"
				     "PRAGMA wal_autocheckpoint = 0;";

static enum err_code pragma_text(
	struct db *db, const char *sql, char *out, size_t size, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db->sqlite, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW) {
		db_error(db, err);
		sqlite3_finalize(stmt);
		return err_wrap(err, "%s", sql);
	}
	db_copy_text(stmt, 0, out, size);
	sqlite3_finalize(stmt);
	return ERR_OK;
}

static const struct {
	const char *sql;
	const char *want;
} must_read_back[] = {
	{"PRAGMA journal_mode = WAL", "wal"},
	{"PRAGMA journal_mode", "wal"},
	{"PRAGMA synchronous", "2"},
	{"PRAGMA secure_delete", "1"},
	{"PRAGMA foreign_keys", "1"},
	{"PRAGMA wal_autocheckpoint", "0"},
};

/* A setting that silently did not take would break a promise as silently. */
static enum err_code verify_pragmas(struct db *db, struct err *err)
{
	char got[32];

	for (size_t i = 0; i < sizeof(must_read_back) / sizeof(must_read_back[0]); i++) {
		enum err_code code =
			pragma_text(db, must_read_back[i].sql, got, sizeof(got), err);

		if (code != ERR_OK)
			return code;
		if (strcmp(got, must_read_back[i].want) != 0)
			return err_set(err, ERR_IO,
				"%s gives \"%s\" where \"%s\" is needed; is the file system one that"
				" SQLite's WAL works on (local, with shared memory)?",
				must_read_back[i].sql, got, must_read_back[i].want);
	}
	return ERR_OK;
}

#define OTHER_FILE \
	"this is not an outbox of leadrelay; nothing was changed. Move the file away, or name" \
	" another state_dir"

/* Reads only. Whether the file is ours (or new and empty) and not from the future. */
static enum err_code recognise(struct db *db, struct err *err)
{
	char application[32];
	char objects[32];
	enum err_code code;

	code = pragma_text(
		db, "SELECT count(*) FROM sqlite_schema", objects, sizeof(objects), err);
	if (code == ERR_OK)
		code = pragma_text(db, "PRAGMA application_id", application,
			sizeof(application), err);
	if (code != ERR_OK)
		return code;
	if (strtol(application, NULL, 10) == DB_APPLICATION_ID)
		return ERR_OK;
	if (strcmp(application, "0") != 0 || strcmp(objects, "0") != 0)
		return err_set(err, ERR_INVALID, OTHER_FILE);
	return ERR_OK;
}

static int cut_off(void *arg)
{
	struct db *db = arg;

	if (db->stop && db->stop(db->stop_ctx))
		return 1;
	return db->deadline_at != 0 && clock_mono(db->clock) >= db->deadline_at;
}

static int note_wal_pages(void *arg, sqlite3 *sqlite, const char *name, int pages)
{
	struct db *db = arg;

	(void)sqlite;
	(void)name;
	db->wal_pages = pages;
	return SQLITE_OK;
}

/* SQLite gives -wal and -shm the mode of the database file, whatever the umask. */
static enum err_code make_private(const char *path, bool create, struct err *err)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	int fd = open(
		path, O_RDWR | (create ? O_CREAT : 0) | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;

	if (fd < 0)
		return err_errno(err, errno, "opening %s", path);
	close(fd);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char name[4200];

		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		if (stat(name, &st) != 0 || (st.st_mode & 07777) == 0600)
			continue;
		if (chmod(name, 0600) != 0)
			return err_errno(err, errno,
				"%s has mode %04o and cannot be made 0600", name,
				(unsigned)st.st_mode & 07777);
		log_warn("file made private", "file", name, NULL);
	}
	return ERR_OK;
}

static enum err_code prepare_all(struct db *db, struct err *err)
{
	for (enum sql id = 0; id < SQL_COUNT; id++)
		if (!prepare(db, id))
			return db_error(db, err);
	return ERR_OK;
}

static enum err_code set_up_writer(
	struct db *db, const struct db_options *options, struct err *err)
{
	char sql[64];
	enum err_code code;

	snprintf(sql, sizeof(sql), "PRAGMA journal_size_limit = %" PRId64,
		options->wal_limit);
	code = db_exec(db, writer_pragmas, err);
	if (code == ERR_OK)
		code = recognise(db, err);
	if (code == ERR_OK)
		code = migrate(db, err);
	if (code == ERR_OK)
		code = verify_pragmas(db, err);
	if (code == ERR_OK)
		code = db_exec(db, sql, err);
	if (code == ERR_OK)
		code = prepare_all(db, err);
	if (code != ERR_OK)
		return code;
	sqlite3_wal_hook(db->sqlite, note_wal_pages, db);
	sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	return ERR_OK;
}

static enum err_code set_up_reader(struct db *db, struct err *err)
{
	enum err_code code = db_exec(db, reader_pragmas, err);

	if (code == ERR_OK)
		code = recognise(db, err);
	if (code == ERR_OK)
		code = migrate_check(db, err);
	if (code == ERR_OK)
		sqlite3_progress_handler(db->sqlite, READER_STEPS, cut_off, db);
	return code;
}

static enum err_code open_sqlite(
	struct db *db, const struct db_options *options, struct err *err)
{
	enum err_code code;
	int flags = options->readonly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;

	if (sqlite3_open_v2(options->path, &db->sqlite,
		    flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
			    SQLITE_OPEN_EXRESCODE,
		    options->vfs) != SQLITE_OK)
		return db->sqlite ? db_error(db, err)
				  : err_set(err, ERR_NOMEM, "out of memory");
	sqlite3_busy_timeout(db->sqlite, BUSY_MS);
	/* until all is well: closing changes nothing */
	sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	code = options->readonly ? set_up_reader(db, err)
				 : set_up_writer(db, options, err);
	if (code == ERR_CORRUPT)
		return err_wrap(err,
			"the file is damaged or no database; nothing was changed. Restore a backup"
			" (leadctl restore), or read out what can be read (leadctl salvage)");
	return code;
}

enum err_code db_open(struct db **out, const struct db_options *options, struct err *err)
{
	struct db *db;
	enum err_code code = ERR_OK;
	struct err mine;

	if (!options->readonly)
		code = make_private(options->path, options->create, err);
	if (code != ERR_OK)
		return code;
	db = calloc(1, sizeof(*db));
	if (!db)
		return err_set(
			err, ERR_NOMEM, "opening %s: out of memory", options->path);
	db->clock = options->clock;
	db->last_seq = -1;
	code = open_sqlite(db, options, &mine);
	if (code != ERR_OK) {
		db_close(db);
		return err_set(err, code, "opening %s: %s", options->path, mine.text);
	}
	*out = db;
	return ERR_OK;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	if (db->broken)
		sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	for (enum sql id = 0; id < SQL_COUNT; id++)
		sqlite3_finalize(db->stmts[id]);
	sqlite3_close(db->sqlite);
	tally_finish(&db->tally);
	free(db->known);
	free(db);
}

/* ---- transactions ---- */

enum err_code db_begin(struct db *db, struct err *err)
{
	db->marks = 0;
	db->bytes = 0;
	return db_exec(db, "BEGIN IMMEDIATE", err);
}

static enum err_code write_line(
	struct db *db, const struct tally_line *line, struct err *err)
{
	int columns = line->source ? (int)TALLY_SOURCE_COUNT : (int)DELIVERY_STATES;
	sqlite3_stmt *stmt =
		db_stmt(db, line->source ? SQL_TALLY_SOURCE : SQL_TALLY_DESTINATION);

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

enum err_code db_commit(struct db *db, struct err *err)
{
	enum err_code code = db_write_tally(db, err);

	return code == ERR_OK ? db_exec(db, "COMMIT", err) : code;
}

void db_forget(struct db *db)
{
	db->known_count = 0;
	db->last_seq = -1;
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
