/*
 * backup: the outbox as one complete file.
 *
 *   1. a read transaction of our own fixes one committed state
 *   2. SQLite's backup copies its pages, some megabytes at a time: the transaction keeps
 *      them from changing under it, whatever the store commits meanwhile
 *   3. the copy is made a database without a WAL, and synced
 *   4. it is read again: integrity_check, then counters against rows
 *
 * Until 2 ends the store can write but cannot cut its WAL.
 */
#include "fd_vfs.h"
#include "leadrelay/fault.h"
#include "leadrelay/keep.h"
#include "leadrelay/text.h"
#include "reading.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STEP_PAGES 1000
#define PIECE (256 * 1024)
#define FORMAT_AT 18 /* in the file's head: two bytes, 2: with a WAL, 1: without */

struct copy {
	const struct keep_progress *progress;
	int fd;
	char name[FD_VFS_NAME_SIZE];
};

static enum err_code going_on(const struct keep_progress *progress, const char *step,
	int64_t done, int64_t total, struct err *err)
{
	if (!progress || !progress->go_on ||
		progress->go_on(progress->ctx, step, done, total))
		return ERR_OK;
	return err_set(err, ERR_TIMEOUT, "%s: stopped", step);
}

/* ---- the copy ---- */

static enum err_code copy_error(sqlite3 *to, int rc, struct err *err)
{
	int code = rc & 0xff;

	if (code == SQLITE_FULL)
		return err_set(err, ERR_FULL, "no space left for the copy");
	if (code == SQLITE_NOMEM)
		return err_set(err, ERR_NOMEM, "copying: out of memory");
	return err_set(err,
		code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? ERR_CORRUPT : ERR_IO,
		"copying: %s (SQLite %d)", sqlite3_errmsg(to), rc);
}

static enum err_code copy_pages(
	const struct copy *copy, sqlite3 *from, sqlite3 *to, struct err *err)
{
	sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
	enum err_code code = ERR_OK;
	int rc = SQLITE_OK;

	if (!backup)
		return copy_error(to, sqlite3_errcode(to), err);
	while (rc == SQLITE_OK && code == ERR_OK) {
		rc = sqlite3_backup_step(backup, STEP_PAGES);
		FAULT_POINT("backup.mid_step");
		code = going_on(copy->progress, "copying",
			(int64_t)(sqlite3_backup_pagecount(backup) -
				  sqlite3_backup_remaining(backup)) *
				4096,
			(int64_t)sqlite3_backup_pagecount(backup) * 4096, err);
	}
	sqlite3_backup_finish(backup);
	if (code == ERR_OK && rc != SQLITE_DONE)
		code = copy_error(to, rc, err);
	return code;
}

static enum err_code copy_database(
	const struct copy *copy, sqlite3 *from, struct err *err)
{
	static const char plain[] = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF";
	enum err_code code;
	sqlite3 *to = NULL;
	int rc = sqlite3_open_v2(
		copy->name, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, FD_VFS);

	if (rc == SQLITE_OK)
		rc = sqlite3_exec(to, plain, NULL, NULL, NULL);
	code = rc == SQLITE_OK ? copy_pages(copy, from, to, err)
			       : copy_error(to, rc, err);
	sqlite3_close(to);
	return code;
}

/* One state, whatever is committed meanwhile. */
static enum err_code copy_snapshot(
	const struct copy *copy, struct reader *reader, struct err *err)
{
	int64_t leads;
	enum err_code code = reading_begin(reader, err);

	if (code == ERR_OK)
		code = db_int(reader->db, db_stmt(reader->db, SQL_LEADS), 0, &leads, err);
	if (code == ERR_OK) {
		reader->db->deadline_at = 0;
		code = copy_database(copy, reader->db->sqlite, err);
	}
	return reading_end(reader, code, err);
}

static enum err_code finish_file(int fd, struct err *err)
{
	static const char without_wal[2] = {1, 1};

	if (pwrite(fd, without_wal, sizeof(without_wal), FORMAT_AT) !=
			sizeof(without_wal) ||
		fsync(fd) != 0)
		return err_errno(err, errno, "writing the copy");
	return ERR_OK;
}

/* ---- reading it again ---- */

static void note_first(void *ctx, const char *text)
{
	char *first = ctx;

	if (!*first)
		snprintf(first, sizeof(((struct kept_file *)0)->difference), "%s", text);
}

static enum err_code verify(const struct copy *copy, const struct clock *clock,
	struct kept_file *out, struct err *err)
{
	char damage[sizeof(out->difference)] = "";
	struct reader *reader;
	enum err_code code = reading_open(&reader, copy->name, FD_VFS, clock, err);

	if (code != ERR_OK)
		return err_wrap(err, "reading the copy");
	code = reading_check_file(reader, note_first, damage, err);
	if (code == ERR_OK && *damage)
		code = err_set(err, ERR_CORRUPT, "%s", damage);
	if (code == ERR_OK)
		code = going_on(copy->progress, "counting", 0, 0, err);
	if (code == ERR_OK)
		code = reading_check_counts(reader, note_first, out->difference, err);
	if (code == ERR_OK)
		code = reading_begin(reader, err);
	if (code == ERR_OK)
		code = reading_end(reader,
			db_int(reader->db, db_stmt(reader->db, SQL_LEADS), 0, &out->leads,
				err),
			err);
	reader_close(reader);
	return code == ERR_OK ? ERR_OK : err_wrap(err, "checking the copy");
}

static enum err_code digest(
	const struct copy *copy, struct kept_file *out, struct err *err)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	enum err_code code = ERR_OK;
	static char piece[PIECE];
	ssize_t got = 1;

	out->bytes = 0;
	if (!context || !EVP_DigestInit_ex(context, EVP_sha256(), NULL))
		code = err_set(err, ERR_NOMEM, "SHA-256: out of memory");
	while (code == ERR_OK && got > 0) {
		got = pread(copy->fd, piece, sizeof(piece), out->bytes);
		if (got < 0)
			code = err_errno(err, errno, "reading the copy");
		else if (!EVP_DigestUpdate(context, piece, (size_t)got))
			code = err_set(err, ERR_NOMEM, "SHA-256: out of memory");
		out->bytes += got > 0 ? got : 0;
	}
	if (code == ERR_OK && !EVP_DigestFinal_ex(context, out->sha256, NULL))
		code = err_set(err, ERR_NOMEM, "SHA-256: out of memory");
	EVP_MD_CTX_free(context);
	return code;
}

enum err_code store_backup(const char *state_dir, const struct clock *clock, int fd,
	const struct keep_progress *progress, struct kept_file *out, struct err *err)
{
	struct copy copy = {.progress = progress, .fd = fd};
	struct kept_file file = {0};
	struct reader *reader;
	enum err_code code;
	struct err mine;

	if (!fd_vfs_register())
		return err_set(err, ERR_NOMEM, "copying: out of memory");
	fd_vfs_name(fd, copy.name);
	if (ftruncate(fd, 0) != 0) /* what an earlier try left */
		return err_errno(err, errno, "emptying the copy");
	code = reader_open(&reader, state_dir, clock, &mine);
	if (code != ERR_OK)
		return err_set(err, code, "%s", mine.text);
	code = copy_snapshot(&copy, reader, &mine);
	reader_close(reader);
	if (code == ERR_OK)
		code = finish_file(fd, &mine);
	if (code == ERR_OK)
		code = verify(&copy, clock, &file, &mine);
	if (code == ERR_OK)
		code = digest(&copy, &file, &mine);
	if (code != ERR_OK)
		return err_set(err, code, "%s", mine.text);
	*out = file;
	return ERR_OK;
}
