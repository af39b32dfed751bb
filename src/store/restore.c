/*
 * restore: a backup becomes the outbox.
 *
 *   1. a copy of it in state_dir is opened, migrated, checked and counted: nothing else
 *      was touched so far
 *   2. what the present outbox knows and the backup does not: who asked to be forgotten,
 *      which reports were made
 *   3. forgotten persons are erased again, from others' leads and texts, too; what could
 * be delivered twice, to destinations that keep no key, is held, and so are mails
 *   4. it takes the present one's place, which is kept (install.h)
 */
#include "install.h"
#include "leadrelay/buf.h"
#include "leadrelay/fault.h"
#include "leadrelay/keep.h"
#include "mailing.h"
#include "match.h"
#include "mention.h"
#include "person.h"
#include "reading.h"
#include "wal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE (256 * 1024)
#define BATCH 1000
#define KEY_SCHEMA 3 /* meta.match_key was made with it */
#define VERSION_AT 60
#define MAY_BE_THERE \
	"held by restore: it may have been delivered after the backup was made"

struct restore {
	const char *state_dir;
	const char *name; /* of the backup, as the user has it */
	const struct clock *clock;
	const struct keep_progress *progress;
	int64_t now;
	int schema; /* of the backup */
	char path[4200], present[4200];
	struct db *db;
	struct mention_key *fresh; /* tombstones that the backup had not */
	size_t fresh_count;
	struct restored *out;
};

static enum err_code going_on(
	const struct restore *restore, const char *step, int64_t done, struct err *err)
{
	const struct keep_progress *progress = restore->progress;

	if (!progress || !progress->go_on ||
		progress->go_on(progress->ctx, step, done, 0))
		return ERR_OK;
	return err_set(err, ERR_TIMEOUT, "%s: stopped", step);
}

/* ---- 1: a copy ---- */

static void remove_making(const struct restore *restore)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
	char name[4300];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", restore->path, suffixes[i]);
		unlink(name);
	}
}

static enum err_code write_all(int fd, const char *bytes, size_t len, struct err *err)
{
	while (len > 0) {
		ssize_t put = write(fd, bytes, len);

		if (put < 0 && errno != EINTR)
			return err_errno(err, errno, "copying into state_dir");
		bytes += put > 0 ? put : 0;
		len -= put > 0 ? (size_t)put : 0;
	}
	return ERR_OK;
}

static enum err_code copy_bytes(
	const struct restore *restore, int from, int to, struct err *err)
{
	char *piece = malloc(PIECE);
	enum err_code code = ERR_OK;
	int64_t at = 0;
	ssize_t got = 1;

	if (!piece)
		return err_set(err, ERR_NOMEM, "copying: out of memory");
	while (code == ERR_OK && got > 0) {
		got = pread(from, piece, PIECE, at);
		if (got < 0)
			code = err_errno(err, errno, "reading the backup");
		else
			code = write_all(to, piece, (size_t)got, err);
		at += got > 0 ? got : 0;
		if (code == ERR_OK)
			code = going_on(restore, "copying", at, err);
	}
	free(piece);
	return code;
}

static enum err_code copy_file(
	const struct restore *restore, int from, const char *suffix, struct err *err)
{
	char name[4300];
	enum err_code code;
	int to;

	if (from < 0)
		return ERR_OK;
	snprintf(name, sizeof(name), "%s%s", restore->path, suffix);
	to = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (to < 0)
		return err_errno(err, errno, "creating %s", name);
	code = copy_bytes(restore, from, to, err);
	close(to);
	return code;
}

static enum err_code read_schema(struct restore *restore, int fd, struct err *err)
{
	unsigned char bytes[4];

	if (pread(fd, bytes, sizeof(bytes), VERSION_AT) != sizeof(bytes))
		return err_set(err, ERR_CORRUPT, "%s is no backup: it is too short",
			restore->name);
	restore->schema = (int)((unsigned)bytes[0] << 24 | (unsigned)bytes[1] << 16 |
				(unsigned)bytes[2] << 8 | bytes[3]);
	return ERR_OK;
}

static void note_first(void *ctx, const char *text)
{
	char *first = ctx;

	if (!*first)
		snprintf(first, sizeof(((struct restored *)0)->difference), "%s", text);
}

static enum err_code verify(struct restore *restore, struct err *err)
{
	char damage[sizeof(restore->out->difference)] = "";
	struct reader *reader;
	enum err_code code;

	code = reading_open(&reader, restore->path, NULL, restore->clock, err);
	if (code != ERR_OK)
		return code;
	code = reading_check_file(reader, note_first, damage, err);
	if (code == ERR_OK && *damage)
		code = err_set(err, ERR_CORRUPT, "%s", damage);
	if (code == ERR_OK)
		code = reading_check_counts(
			reader, note_first, restore->out->difference, err);
	reader_close(reader);
	if (code == ERR_CORRUPT)
		err_wrap(err,
			"%s is damaged; take another backup, or bring back what can still be "
			"read of it (`leadctl salvage %s`, then restore what that writes)",
			restore->name, restore->name);
	return code;
}

static enum err_code open_copy(
	struct restore *restore, int fd, int wal_fd, struct err *err)
{
	struct db_options options = {.path = restore->path,
		.name = restore->name,
		.clock = restore->clock,
		.wal_limit = INT64_C(64) << 20};
	enum err_code code = read_schema(restore, fd, err);

	remove_making(restore);
	if (code == ERR_OK)
		code = copy_file(restore, fd, "", err);
	if (code == ERR_OK)
		code = copy_file(restore, wal_fd, "-wal", err);
	if (code == ERR_OK)
		code = db_open(&restore->db, &options, err);
	if (code == ERR_OK)
		code = going_on(restore, "checking", 0, err);
	return code == ERR_OK ? verify(restore, err) : code;
}

/* ---- 2: what the present outbox knows ---- */

/* Younger than all that the backup holds, when the backup knows no such young one. */
static enum err_code note_fresh(
	struct restore *restore, sqlite3_stmt *read, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(restore->db, SQL_TOMBSTONE_AT);
	struct mention_key *more;
	int64_t known = 0;
	enum err_code code;

	if (sqlite3_column_bytes(read, 0) != sizeof(more->hash))
		return ERR_OK;
	db_bind_blob(stmt, 1, sqlite3_column_blob(read, 0), sizeof(more->hash));
	code = db_int(restore->db, stmt, 0, &known, err);
	if (code != ERR_OK || known >= sqlite3_column_int64(read, 1))
		return code;
	more = realloc(restore->fresh, (restore->fresh_count + 1) * sizeof(*more));
	if (!more)
		return err_set(err, ERR_NOMEM, "out of memory");
	restore->fresh = more;
	memcpy(more[restore->fresh_count++].hash, sqlite3_column_blob(read, 0),
		sizeof(more->hash));
	return ERR_OK;
}

static enum err_code put_tombstones(
	struct restore *restore, struct db *from, struct err *err)
{
	sqlite3_stmt *read = db_stmt(from, SQL_TOMBSTONES_ALL);
	enum db_row row;

	while ((row = db_next(from, read, err)) == DB_ROW) {
		sqlite3_stmt *stmt = db_stmt(restore->db, SQL_TOMBSTONE_ADD);
		enum err_code code = note_fresh(restore, read, err);

		db_bind_blob(stmt, 1, sqlite3_column_blob(read, 0),
			(size_t)sqlite3_column_bytes(read, 0));
		sqlite3_bind_int64(stmt, 2, sqlite3_column_int64(read, 1));
		if (code == ERR_OK)
			code = db_run(restore->db, stmt, err);
		if (code != ERR_OK) {
			sqlite3_reset(read);
			return code;
		}
		restore->out->tombstones++;
	}
	return row == DB_ERROR ? err->code : ERR_OK;
}

static enum err_code put_reports(
	struct restore *restore, struct db *from, struct err *err)
{
	sqlite3_stmt *read = db_stmt(from, SQL_REPORTS);
	enum err_code code = ERR_OK;
	enum db_row row;

	while (code == ERR_OK && (row = db_next(from, read, err)) == DB_ROW) {
		sqlite3_stmt *stmt = db_stmt(restore->db, SQL_REPORT_PUT);

		db_bind_text(stmt, 1, (const char *)sqlite3_column_text(read, 0));
		sqlite3_bind_int64(stmt, 2, sqlite3_column_int64(read, 1));
		code = db_run(restore->db, stmt, err);
	}
	sqlite3_reset(read);
	return code;
}

/* The key of the hashes; false: it has none (its schema is older). */
static bool read_key(struct db *db, struct buf *out)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_META_GET);
	struct err err;

	if (!stmt)
		return false;
	db_bind_text(stmt, 1, "match_key");
	if (db_next(db, stmt, &err) != DB_ROW)
		return false;
	buf_add(out, sqlite3_column_blob(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0));
	sqlite3_reset(stmt);
	return buf_ok(out) && out->len > 0;
}

static enum err_code put_key(
	struct restore *restore, const struct buf *key, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(restore->db, SQL_META_PUT);

	db_bind_text(stmt, 1, "match_key");
	db_bind_blob(stmt, 2, key->data, key->len);
	return db_run(restore->db, stmt, err);
}

static void unread(struct restore *restore, const char *why)
{
	snprintf(restore->out->unread, sizeof(restore->out->unread), "%s", why);
}

/* Hashes say something only under the key they were made with. */
static enum err_code merge(struct restore *restore, struct db *from, struct err *err)
{
	struct buf theirs = BUF_INIT;
	struct buf ours = BUF_INIT;
	enum err_code code = ERR_OK;
	bool same;

	if (!read_key(from, &theirs)) { /* older than tombstones: there are none */
		buf_finish(&theirs);
		return ERR_OK;
	}
	read_key(restore->db, &ours);
	same = theirs.len == ours.len && memcmp(theirs.data, ours.data, ours.len) == 0;
	if (!same && restore->schema < KEY_SCHEMA) { /* it was made a moment ago */
		code = put_key(restore, &theirs, err);
		same = true;
	}
	if (code == ERR_OK && same)
		code = put_tombstones(restore, from, err);
	else if (code == ERR_OK)
		unread(restore, "it belongs to another relay");
	if (code == ERR_OK)
		code = put_reports(restore, from, err);
	buf_finish(&theirs);
	buf_finish(&ours);
	return code;
}

/* A present outbox that cannot be read is often why somebody restores. */
static enum err_code learn(struct restore *restore, struct err *err)
{
	struct db_options options = {
		.path = restore->present, .clock = restore->clock, .as_it_is = true};
	struct db *present = NULL;
	enum err_code code;
	struct err why = {0};

	if (access(restore->present, F_OK) != 0)
		return ERR_OK;
	if (db_open(&present, &options, &why) != ERR_OK) {
		unread(restore, "it is damaged");
		return ERR_OK;
	}
	code = db_begin(restore->db, err);
	if (code == ERR_OK)
		code = merge(restore, present, &why);
	if (code != ERR_OK && restore->db->broken) {
		*err = why;
	} else if (code != ERR_OK) {
		db_rollback(restore->db);
		restore->out->tombstones = 0;
		restore->fresh_count = 0;
		unread(restore, "it is damaged");
		code = ERR_OK;
	} else {
		code = db_commit(restore->db, err);
		if (wal_check(restore->present, NULL, NULL, &why) != ERR_OK)
			unread(restore, "its WAL is damaged: only a part was taken over");
	}
	db_close(present);
	return code;
}

/* ---- 3: what must not come back, what must not go twice ---- */

/* Each batch is a transaction; each counts its rows into *rows, 0: it was the last. */
typedef enum err_code (*batch)(struct restore *restore, int64_t *at, struct err *err);

static enum err_code run_batches(struct restore *restore, batch run, struct err *err)
{
	enum err_code code = ERR_OK;

	for (int64_t at = 0; at >= 0 && code == ERR_OK;) {
		code = db_begin(restore->db, err);
		if (code == ERR_OK)
			code = run(restore, &at, err);
		if (code == ERR_OK && !tally_keep(&restore->db->tally))
			code = err_set(err, ERR_NOMEM, "counting: out of memory");
		if (code == ERR_OK)
			code = db_commit(restore->db, err);
		if (code != ERR_OK)
			db_rollback(restore->db);
		FAULT_POINT("restore.batch");
	}
	return code;
}

static enum err_code last_lead(struct db *db, int64_t *out, struct err *err)
{
	return db_int(db, db_stmt(db, SQL_LEAD_LAST), 0, out, err);
}

/* Those of the slice whose person asked to be forgotten after they came. */
static enum err_code find_forgotten(struct restore *restore, int64_t from, int64_t *seqs,
	size_t *count, struct err *err)
{
	struct db *db = restore->db;
	sqlite3_stmt *stmt = db_stmt(db, SQL_RESTORE_LEADS);
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, from);
	sqlite3_bind_int64(stmt, 2, from + BATCH);
	while ((row = db_next(db, stmt, err)) == DB_ROW) {
		int64_t at = 0;
		enum err_code code = person_forgotten_at(
			db, (const char *)sqlite3_column_text(stmt, 1), &at, err);

		if (code != ERR_OK) {
			sqlite3_reset(stmt);
			return code;
		}
		if (at > sqlite3_column_int64(stmt, 2))
			seqs[(*count)++] = sqlite3_column_int64(stmt, 0);
	}
	return row == DB_ERROR ? err->code : ERR_OK;
}

static enum err_code erase_forgotten(
	struct restore *restore, int64_t *at, struct err *err)
{
	int64_t *seqs = calloc(BATCH, sizeof(*seqs));
	int64_t notifications = 0;
	int64_t last = 0;
	size_t count = 0;
	enum err_code code;

	if (!seqs)
		return err_set(err, ERR_NOMEM, "out of memory");
	code = last_lead(restore->db, &last, err);
	if (code == ERR_OK)
		code = find_forgotten(restore, *at, seqs, &count, err);
	for (size_t i = 0; i < count && code == ERR_OK; i++)
		code = person_erase_lead(restore->db, seqs[i], &notifications, err);
	restore->out->forgotten += (int64_t)count;
	*at = *at + BATCH < last ? *at + BATCH : -1;
	free(seqs);
	return code;
}

static enum err_code erase_mentions(struct restore *restore, struct err *err)
{
	struct mentioned mentioned = {0};
	enum err_code code = going_on(restore, "erasing forgotten persons", 0, err);

	if (code == ERR_OK)
		code = mention_erase(restore->db, restore->fresh, restore->fresh_count,
			&mentioned, err);
	restore->out->forgotten += mentioned.erased;
	restore->out->others = mentioned.others;
	return code;
}

struct waiting {
	int64_t id, destination;
	int kind;
};

static enum err_code read_waiting(
	struct db *db, enum sql id, struct waiting *rows, size_t *count, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, id);
	enum db_row row;

	sqlite3_bind_int(stmt, 1, BATCH);
	while ((row = db_next(db, stmt, err)) == DB_ROW)
		rows[(*count)++] = (struct waiting){.id = sqlite3_column_int64(stmt, 0),
			.destination = sqlite3_column_int64(stmt, 1),
			.kind = sqlite3_column_int(stmt, 1)};
	return row == DB_ERROR ? err->code : ERR_OK;
}

static enum err_code hold(struct db *db, enum sql id, int64_t row, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, id);

	sqlite3_bind_int64(stmt, 1, row);
	sqlite3_bind_int(stmt, 2, REASON_OPERATOR);
	db_bind_text(stmt, 3, MAY_BE_THERE);
	return db_run_one(db, stmt, err);
}

static enum err_code hold_some(
	struct restore *restore, bool mails, int64_t *at, struct err *err)
{
	struct waiting *rows = calloc(BATCH, sizeof(*rows));
	struct db *db = restore->db;
	int64_t mail = 0;
	size_t count = 0;
	enum err_code code;

	if (!rows)
		return err_set(err, ERR_NOMEM, "out of memory");
	code = read_waiting(
		db, mails ? SQL_RESTORE_MAILS : SQL_RESTORE_KEYLESS, rows, &count, err);
	if (code == ERR_OK && mails && count > 0)
		code = mail_destination(db, &mail, err);
	for (size_t i = 0; i < count && code == ERR_OK; i++) {
		code = hold(db, mails ? SQL_RESTORE_HOLD_MAIL : SQL_RESTORE_HOLD,
			rows[i].id, err);
		if (mails)
			tally_mail_move(&db->tally, mail, rows[i].kind, DELIVERY_PENDING,
				DELIVERY_HELD, 1);
		else
			tally_move(&db->tally, rows[i].destination, DELIVERY_PENDING,
				DELIVERY_HELD);
	}
	*(mails ? &restore->out->mails_held : &restore->out->held) += (int64_t)count;
	*at = count == BATCH ? *at + 1 : -1;
	free(rows);
	return code;
}

static enum err_code hold_deliveries(
	struct restore *restore, int64_t *at, struct err *err)
{
	return hold_some(restore, false, at, err);
}

static enum err_code hold_mails(struct restore *restore, int64_t *at, struct err *err)
{
	return hold_some(restore, true, at, err);
}

/* The run that the backup was made under did not crash: it ends here. */
static enum err_code end_boots(struct restore *restore, int64_t *at, struct err *err)
{
	struct db *db = restore->db;
	enum err_code code = db_run(db, db_stmt(db, SQL_RESTORE_BOOTS), err);

	*at = -1;
	if (code == ERR_OK)
		code = db_int(
			db, db_stmt(db, SQL_RESTORE_AGAIN), 0, &restore->out->again, err);
	if (code == ERR_OK)
		code = db_int(db, db_stmt(db, SQL_LEADS), 0, &restore->out->leads, err);
	return code;
}

static enum err_code amend(struct restore *restore, struct err *err)
{
	enum err_code code = learn(restore, err);

	if (code == ERR_OK)
		code = run_batches(restore, erase_forgotten, err);
	if (code == ERR_OK)
		code = erase_mentions(restore, err);
	if (code == ERR_OK)
		code = run_batches(restore, hold_deliveries, err);
	if (code == ERR_OK)
		code = run_batches(restore, hold_mails, err);
	if (code == ERR_OK)
		code = run_batches(restore, end_boots, err);
	if (code == ERR_OK)
		code = db_checkpoint(restore->db, DB_CHECKPOINT_TRUNCATE, NULL, err);
	return code;
}

/* ---- all of it ---- */

enum err_code store_restore(const char *state_dir, const struct clock *clock,
	const char *name, int fd, int wal_fd, const struct keep_progress *progress,
	struct restored *out, struct err *err)
{
	struct restored result = {0};
	struct restore restore = {.state_dir = state_dir,
		.name = name,
		.clock = clock,
		.progress = progress,
		.now = clock_wall(clock),
		.out = &result};
	enum err_code code;
	struct err mine;

	snprintf(restore.path, sizeof(restore.path), "%s/%s", state_dir, INSTALL_MAKING);
	snprintf(restore.present, sizeof(restore.present), "%s/outbox.db", state_dir);
	code = install_finish(state_dir, result.aside, sizeof(result.aside), &mine);
	if (code == ERR_OK)
		code = open_copy(&restore, fd, wal_fd, &mine);
	if (code == ERR_OK)
		code = amend(&restore, &mine);
	db_close(restore.db);
	free(restore.fresh);
	if (code == ERR_OK)
		code = going_on(&restore, "installing", 0, &mine);
	if (code == ERR_OK)
		code = install(state_dir, result.aside, sizeof(result.aside), &mine);
	else
		remove_making(&restore);
	if (code != ERR_OK)
		return err_set(err, code, "%s", mine.text);
	*out = result;
	return ERR_OK;
}
