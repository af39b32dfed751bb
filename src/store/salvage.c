/*
 * salvage: a new outbox of the rows that a damaged one still has (carve.h).
 *
 *   1. an empty outbox of the newest schema is made in state_dir
 *   2. every row that fits a table goes in; a row that is there already (its key) stays
 *   3. what hangs on nothing any more is dropped, lost sources and destinations are made
 *      anew under the name lost-ID, all counters are made of the rows
 *   4. it is checked, and written out or installed (install.h)
 */
#include "carve.h"
#include "install.h"
#include "leadrelay/buf.h"
#include "leadrelay/fault.h"
#include "leadrelay/keep.h"
#include "reading.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH_ROWS 2000
#define PIECE (256 * 1024)
#define FORMAT_AT 18

/* sqlite_sequence keeps ids from being used twice */
static const struct carve_table tables[] = {{"meta", true}, {"source", false},
	{"destination", false}, {"lead", false}, {"delivery", false}, {"attempt", true},
	{"fingerprint", true}, {"boot", false}, {"notice", false}, {"attachment", false},
	{"mail", false}, {"mail_attempt", true}, {"mail_kind", false}, {"alert", true},
	{"report", true}, {"idle", false}, {"import", false}, {"imported", true},
	{"import_repeat", true}, {"match_hash", false}, {"tombstone", true},
	{"sample", true}};
#define TABLES ((int)(sizeof(tables) / sizeof(tables[0])))
enum { TABLE_META = 0 };

struct column {
	char name[64];
	char type; /* of INTEGER, TEXT, BLOB, ANY: the first letter */
	bool required, has_default;
	int key; /* its place in the primary key, from 1; 0: none */
};
struct shape { /* a table, its columns in the order they are stored in */
	struct column columns[CARVE_COLUMNS];
	int count;
	int alias; /* the column that is the rowid; -1: none */
	int least; /* columns that every row has */
	sqlite3_stmt *insert[CARVE_COLUMNS + 1]; /* by how many columns */
};

struct salvage {
	const struct clock *clock;
	const struct keep_progress *progress;
	struct db *db;
	struct shape shapes[TABLES];
	struct salvaged *out;
	int64_t in_batch;
	enum err_code code; /* of the writing side: ends the work */
	struct err *err;
	bool has_key;
};

/* ---- shapes ---- */

static void read_column(sqlite3_stmt *stmt, struct column *out)
{
	db_copy_text(stmt, 1, out->name, sizeof(out->name));
	out->type = *(const char *)sqlite3_column_text(stmt, 2);
	out->required = sqlite3_column_int(stmt, 3) != 0;
	out->has_default = sqlite3_column_type(stmt, 4) != SQLITE_NULL;
	out->key = sqlite3_column_int(stmt, 5);
}

static int by_key(const void *a, const void *b)
{
	const struct column *left = a;
	const struct column *right = b;

	if ((left->key == 0) != (right->key == 0))
		return left->key == 0 ? 1 : -1;
	return left->key - right->key;
}

static enum err_code read_shape(struct db *db, const struct carve_table *table,
	struct shape *out, struct err *err)
{
	char sql[96];
	sqlite3_stmt *stmt = NULL;
	enum db_row row;
	int keys = 0;

	snprintf(sql, sizeof(sql), "PRAGMA table_info(%s)", table->name);
	sqlite3_prepare_v2(db->sqlite, sql, -1, &stmt, NULL);
	out->alias = -1;
	while ((row = db_next(db, stmt, err)) == DB_ROW && out->count < CARVE_COLUMNS) {
		struct column *column = &out->columns[out->count];

		read_column(stmt, column);
		keys += column->key != 0;
		if (!table->without_rowid && column->key == 1 && column->type == 'I')
			out->alias = out->count;
		out->count++;
	}
	sqlite3_finalize(stmt);
	if (keys > 1)
		out->alias = -1;
	if (table->without_rowid && keys > 1) /* of one kind each: as they stand */
		qsort(out->columns, (size_t)keys, sizeof(out->columns[0]), by_key);
	for (int i = 0; i < out->count; i++)
		if (!out->columns[i].has_default && out->columns[i].required)
			out->least = i + 1;
	return row == DB_ERROR ? err->code : ERR_OK;
}

static bool fits_column(
	const struct column *column, const struct carve_value *value, bool alias)
{
	if (alias)
		return value->type == CARVE_NULL;
	switch (value->type) {
	case CARVE_NULL:
		return !column->required && (column->key == 0);
	case CARVE_INT:
		return column->type == 'I' || column->type == 'A';
	case CARVE_TEXT:
		return column->type == 'T' || column->type == 'A';
	case CARVE_BLOB:
		return column->type == 'B' || column->type == 'A';
	case CARVE_REAL:
		return column->type == 'A';
	}
	return false;
}

static bool fits(const struct shape *shape, const struct carve_table *table,
	const struct carve_row *row)
{
	if (row->has_rowid == table->without_rowid || row->count > shape->count ||
		row->count < shape->least)
		return false;
	for (int i = 0; i < row->count; i++)
		if (!fits_column(&shape->columns[i], &row->values[i], i == shape->alias))
			return false;
	return true;
}

/* One table only, and a row with enough to tell it by. */
static int guess(void *ctx, const struct carve_row *row)
{
	struct salvage *salvage = ctx;
	int found = -1;

	if (!row->has_rowid && row->count < 5)
		return -1;
	for (int i = 0; i < TABLES; i++)
		if (fits(&salvage->shapes[i], &tables[i], row)) {
			if (found >= 0)
				return -1;
			found = i;
		}
	return found;
}

/* ---- rows ---- */

static sqlite3_stmt *insert_of(struct salvage *salvage, int table, int count)
{
	struct shape *shape = &salvage->shapes[table];
	const char *names[CARVE_COLUMNS];
	struct buf sql = BUF_INIT;

	if (!shape->insert[count]) {
		for (int i = 0; i < count; i++)
			names[i] = shape->columns[i].name;
		sql_salvage_insert(&sql, tables[table].name, names, count);
		sqlite3_prepare_v2(salvage->db->sqlite, buf_str(&sql), -1,
			&shape->insert[count], NULL);
		buf_finish(&sql);
	}
	return shape->insert[count];
}

static void bind(sqlite3_stmt *stmt, int n, const struct carve_value *value)
{
	double real;

	switch (value->type) {
	case CARVE_NULL:
		return;
	case CARVE_INT:
		sqlite3_bind_int64(stmt, n, value->number);
		return;
	case CARVE_REAL:
		memcpy(&real, &value->number, sizeof(real));
		sqlite3_bind_double(stmt, n, real);
		return;
	case CARVE_TEXT:
		sqlite3_bind_text64(stmt, n, (const char *)value->bytes, value->len,
			SQLITE_STATIC, SQLITE_UTF8);
		return;
	case CARVE_BLOB:
		db_bind_blob(stmt, n, value->bytes, value->len);
		return;
	}
}

static bool write_failed(struct salvage *salvage)
{
	db_error(salvage->db, salvage->err);
	if (salvage->db->broken)
		salvage->code = salvage->err->code;
	return false;
}

static void next_batch(struct salvage *salvage)
{
	if (++salvage->in_batch % BATCH_ROWS != 0)
		return;
	salvage->code = db_exec(salvage->db, "COMMIT; BEGIN", salvage->err);
}

static bool take(void *ctx, int table, const struct carve_row *row)
{
	struct salvage *salvage = ctx;
	struct shape *shape = &salvage->shapes[table];
	sqlite3_stmt *stmt;
	int rc;

	if (salvage->code != ERR_OK || !fits(shape, &tables[table], row))
		return false;
	stmt = insert_of(salvage, table, row->count);
	if (!stmt)
		return write_failed(salvage);
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	for (int i = 0; i < row->count; i++)
		bind(stmt, i + 1, &row->values[i]);
	if (shape->alias >= 0)
		sqlite3_bind_int64(stmt, shape->alias + 1, row->rowid);
	rc = sqlite3_step(stmt);
	sqlite3_reset(stmt);
	if (rc != SQLITE_DONE)
		return write_failed(salvage);
	if (table == TABLE_META && row->values[0].len == strlen("match_key") &&
		memcmp(row->values[0].bytes, "match_key", row->values[0].len) == 0)
		salvage->has_key = true;
	salvage->out->others += sqlite3_changes(salvage->db->sqlite);
	next_batch(salvage);
	return true;
}

static bool go_on(void *ctx, int64_t page, int64_t pages)
{
	struct salvage *salvage = ctx;
	const struct keep_progress *progress = salvage->progress;

	if (salvage->code != ERR_OK)
		return false;
	return page % 256 != 1 || !progress || !progress->go_on ||
	       progress->go_on(progress->ctx, "reading", page * 4096, pages * 4096);
}

/* ---- the new outbox ---- */

static enum err_code read_rows(
	struct salvage *salvage, int fd, int wal_fd, struct err *err)
{
	const struct carve_options options = {.fd = fd,
		.wal_fd = wal_fd,
		.tables = tables,
		.table_count = TABLES,
		.guess = guess,
		.take = take,
		.go_on = go_on,
		.ctx = salvage};
	struct carved carved = {0};
	enum err_code code = db_exec(salvage->db, sql_salvage_begin, err);

	for (int i = 0; i < TABLES && code == ERR_OK; i++)
		code = read_shape(salvage->db, &tables[i], &salvage->shapes[i], err);
	if (code == ERR_OK)
		code = db_exec(salvage->db, "BEGIN", err);
	if (code == ERR_OK)
		code = carve(&options, &carved, err);
	for (int i = 0; i < TABLES; i++)
		for (int k = 0; k <= CARVE_COLUMNS; k++)
			sqlite3_finalize(salvage->shapes[i].insert[k]);
	salvage->out->orphans = carved.orphans;
	salvage->out->unreadable = carved.lost;
	salvage->out->mended = carved.mended;
	salvage->out->uncertain = carved.uncertain;
	return salvage->code != ERR_OK ? salvage->code : code;
}

static enum err_code read_counts(
	struct db *db, enum sql id, int64_t *out, int count, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, id);
	enum db_row row = db_next(db, stmt, err);

	for (int i = 0; i < count && row == DB_ROW; i++)
		out[i] = sqlite3_column_int64(stmt, i);
	sqlite3_reset(stmt);
	return row == DB_ERROR ? err->code : ERR_OK;
}

static int64_t beyond(int64_t counted, int64_t there)
{
	return counted > there ? counted - there : 0;
}

static enum err_code make_whole(struct salvage *salvage, struct err *err)
{
	struct salvaged *out = salvage->out;
	struct db *db = salvage->db;
	int64_t counted[2] = {0};
	int64_t rows[3] = {0};
	enum err_code code = read_counts(db, SQL_SALVAGE_COUNTED, counted, 2, err);

	if (code == ERR_OK)
		code = read_counts(
			db, SQL_SALVAGE_UNDELIVERED, &out->undelivered, 1, err);
	if (code == ERR_OK)
		code = db_exec(db, sql_salvage_end, err);
	if (code == ERR_OK)
		code = read_counts(db, SQL_SALVAGE_ROWS, rows, 3, err);
	if (code == ERR_OK)
		code = db_exec(db, "COMMIT", err);
	if (code == ERR_OK)
		code = db_checkpoint(db, DB_CHECKPOINT_TRUNCATE, NULL, err);
	out->leads = rows[0];
	out->deliveries = rows[1];
	out->mails = rows[2];
	out->others = beyond(out->others, rows[0] + rows[1] + rows[2]);
	out->leads_lost = beyond(counted[0], rows[0]);
	out->deliveries_lost = beyond(counted[1], rows[1]);
	out->key_lost = !salvage->has_key;
	return code;
}

static void note_first(void *ctx, const char *text)
{
	char *first = ctx;

	if (!*first)
		snprintf(first, sizeof(((struct salvaged *)0)->difference), "%s", text);
}

static enum err_code check(struct salvage *salvage, const char *path, struct err *err)
{
	struct reader *reader;
	enum err_code code = reading_open(&reader, path, NULL, salvage->clock, err);

	if (code != ERR_OK)
		return code;
	code = reading_check_file(reader, note_first, salvage->out->difference, err);
	if (code == ERR_OK)
		code = reading_check_counts(
			reader, note_first, salvage->out->difference, err);
	reader_close(reader);
	return code;
}

static enum err_code write_out(const char *path, int to, struct err *err)
{
	static const char without_wal[2] = {1, 1};
	int from = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char *piece = malloc(PIECE);
	enum err_code code = ERR_OK;
	int64_t at = 0;
	ssize_t got = 1;

	if (from < 0 || !piece || ftruncate(to, 0) != 0)
		code = err_errno(err, errno, "writing the new file");
	while (code == ERR_OK && (got = pread(from, piece, PIECE, at)) > 0) {
		if (pwrite(to, piece, (size_t)got, at) != got)
			code = err_errno(err, errno, "writing the new file");
		at += got;
	}
	if (code == ERR_OK &&
		(got < 0 || pwrite(to, without_wal, 2, FORMAT_AT) != 2 || fsync(to) != 0))
		code = err_errno(err, errno, "writing the new file");
	if (from >= 0)
		close(from);
	free(piece);
	return code;
}

/* The WAL that looking at the finished file made is empty. */
static void remove_beside(const char *path)
{
	static const char *const suffixes[] = {"-wal", "-shm"};
	char name[4300];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
}

static void remove_making(const char *path)
{
	unlink(path);
	remove_beside(path);
}

static enum err_code build(
	struct salvage *salvage, const char *path, int fd, int wal_fd, struct err *err)
{
	const struct db_options options = {.path = path,
		.clock = salvage->clock,
		.create = true,
		.wal_limit = INT64_C(64) << 20};
	enum err_code code;

	remove_making(path);
	code = db_open(&salvage->db, &options, err);
	if (code == ERR_OK)
		code = read_rows(salvage, fd, wal_fd, err);
	FAULT_POINT("salvage.rows");
	if (code == ERR_OK)
		code = make_whole(salvage, err);
	db_close(salvage->db);
	if (code == ERR_OK)
		code = check(salvage, path, err);
	if (code == ERR_OK)
		remove_beside(path);
	return code;
}

enum err_code store_salvage(const char *state_dir, const struct clock *clock, int fd,
	int wal_fd, int out_fd, const struct keep_progress *progress,
	struct salvaged *out, struct err *err)
{
	struct salvaged result = {0};
	struct err mine = {0};
	struct salvage *salvage = calloc(1, sizeof(*salvage));
	char path[4200];
	enum err_code code;

	if (!salvage)
		return err_set(err, ERR_NOMEM, "out of memory");
	*salvage = (struct salvage){
		.clock = clock, .progress = progress, .out = &result, .err = &mine};
	snprintf(path, sizeof(path), "%s/%s", state_dir, INSTALL_MAKING);
	code = build(salvage, path, fd, wal_fd, &mine);
	if (code == ERR_OK && out_fd >= 0)
		code = write_out(path, out_fd, &mine);
	else if (code == ERR_OK)
		code = install(state_dir, result.aside, sizeof(result.aside), &mine);
	if (code != ERR_OK || out_fd >= 0)
		remove_making(path);
	free(salvage);
	if (code != ERR_OK)
		return err_set(err, code, "%s", mine.text);
	*out = result;
	return ERR_OK;
}
