/*
 * db_open: a connection as the promises need it: pragmas set and read back, the file
 * recognised before anything is written to it, migrated, every statement prepared.
 */
#include "contents.h"
#include "db.h"
#include "leadrelay/log.h"
#include "match.h"
#include "wal.h"
#include "wal_batch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READER_STEPS 4000 /* virtual machine steps between looks at the clock */

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
#define OTHER_COPY "this is not an outbox of leadrelay, and no backup of one"
/* Each is given the name of the damaged file. */
#define DAMAGED_FILE \
	"the file is damaged or no database; nothing was changed. Bring a backup back" \
	" (`leadctl restore BACKUP`), or what can still be read (`leadctl salvage %s`); the" \
	" files that are there are kept"
#define DAMAGED_COPY \
	"it is damaged or no database. Take another backup, or bring back what can still be" \
	" read of it (`leadctl salvage %s`, then restore what that writes)"
#define DAMAGED_WAL \
	"nothing was changed. Bring back what stands before and behind the damage (`leadctl" \
	" salvage %s`), or a backup (`leadctl restore BACKUP`); the files that are there are" \
	" kept"
#define DAMAGED_COPY_WAL \
	"bring back what stands before and behind the damage (`leadctl salvage %s`, then" \
	" restore what that writes), or take another backup"

/* Reads only. Whether the file is ours (or new and empty) and not from the future. */
static enum err_code recognise(struct db *db, bool copy, struct err *err)
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
		return err_set(err, ERR_INVALID, copy ? OTHER_COPY : OTHER_FILE);
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
		if (!db_prepare(db, id))
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
		code = recognise(db, options->name != NULL, err);
	if (code == ERR_OK)
		code = migrate(db, err);
	if (code == ERR_OK)
		code = verify_pragmas(db, err);
	if (code == ERR_OK)
		code = db_exec(db, sql, err);
	if (code != ERR_OK)
		return code;
	sqlite3_wal_hook(db->sqlite, note_wal_pages, db);
	/* before the statements: a changed option has all of them prepared anew */
	sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
	code = prepare_all(db, err);
	if (code != ERR_OK) /* closing changes nothing */
		sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return code;
}

static enum err_code set_up_reader(struct db *db, struct err *err)
{
	enum err_code code = db_exec(db, reader_pragmas, err);

	if (code == ERR_OK)
		code = recognise(db, false, err);
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
	const char *vfs = options->readonly ? options->vfs : wal_batch_over(options->vfs);

	if (!vfs && !options->readonly)
		return err_set(err, ERR_NOMEM, "out of memory");

	if (options->create && options->vfs)
		flags |= SQLITE_OPEN_CREATE;

	if (sqlite3_open_v2(options->path, &db->sqlite,
		    flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE |
			    SQLITE_OPEN_EXRESCODE,
		    vfs) != SQLITE_OK)
		return db->sqlite ? db_error(db, err)
				  : err_set(err, ERR_NOMEM, "out of memory");
	sqlite3_busy_timeout(db->sqlite, DB_BUSY_MS);
	/* until all is well: closing changes nothing */
	sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_db_config(db->sqlite, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (options->as_it_is)
		code = db_exec(db, reader_pragmas, err);
	else
		code = options->readonly ? set_up_reader(db, err)
					 : set_up_writer(db, options, err);
	if (code == ERR_CORRUPT)
		return options->name ? err_wrap(err, DAMAGED_COPY, options->name)
				     : err_wrap(err, DAMAGED_FILE, options->path);
	return code;
}

/* Before SQLite sees it: opening overwrites what stands behind the damage. */
static enum err_code check_wal(const struct db_options *options, struct err *err)
{
	enum err_code code = wal_check(options->path, options->name, options->vfs, err);

	if (code == ERR_CORRUPT && options->name)
		err_set(err, code, "%s; " DAMAGED_COPY_WAL, err->text, options->name);
	else if (code == ERR_CORRUPT)
		err_set(err, code, "%s; " DAMAGED_WAL, err->text, options->path);
	return code;
}

/* SQLite's statistics of memory take a lock in every allocation, and nobody reads them.
 */
static void set_up_sqlite(void)
{
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

enum err_code db_open(struct db **out, const struct db_options *options, struct err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct db *db;
	enum err_code code = ERR_OK;
	struct err mine;

	pthread_once(&once, set_up_sqlite);
	if (!options->readonly && !options->vfs) /* a VFS has files of its own kind */
		code = make_private(options->path, options->create, err);
	if (code != ERR_OK)
		return code;
	db = calloc(1, sizeof(*db));
	if (!db)
		return err_set(
			err, ERR_NOMEM, "opening %s: out of memory", options->path);
	db->clock = options->clock;
	db->last_seq = -1;
	db->mail_destination = -1;
	if (!options->readonly && !options->as_it_is)
		code = check_wal(options, &mine);
	if (code == ERR_OK)
		code = open_sqlite(db, options, &mine);
	if (code != ERR_OK) {
		db_close(db);
		return err_set(err, code, "opening %s: %s",
			options->name ? options->name : options->path, mine.text);
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
	match_free(db->match);
	contents_forget(db);
	free(db->known);
	free(db);
}
