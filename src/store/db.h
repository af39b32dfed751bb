/*
 * db: one connection to outbox.db with its prepared statements, and the transaction on
 * it. Internal to the store.
 *
 * A storage error (full, I/O, damage, no memory, a foreign lock) marks the connection
 * broken: nothing more is trusted on it, the batch fails as a whole and the connection is
 * opened anew. What a job did wrong (a constraint) is the job's alone.
 *
 * Inside the store err is never NULL, so that a failing row leads to `return err->code`.
 *
 * Not thread-safe: the writing connection belongs to the store thread (or to the owner,
 * when there is none), a reading one to its reader.
 */
#ifndef STORE_DB_H
#define STORE_DB_H

#include "leadrelay/clock.h"
#include "leadrelay/err.h"
#include "leadrelay/health.h"
#include "leadrelay/uuid.h"
#include "sql.h"
#include "tally.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DB_BUSY_MS 2000 /* how long another connection is waited for */

enum db_mark { /* what a batch holds, for the crash points around its commit */
	DB_ACCEPTED = 1 << 0,
	DB_SETTLED = 1 << 1,
	DB_DIED = 1 << 2,
};

struct known_destination { /* remembered between jobs: what an age starts from */
	int64_t id;
	struct health health;
};

struct contents;
struct match;

struct db {
	sqlite3 *sqlite;
	sqlite3_stmt *stmts[SQL_COUNT];
	bool broken;
	struct err why_broken;
	struct tally tally;
	struct known_destination *known; /* emptied by every rollback */
	size_t known_count;
	int64_t last_seq;          /* of a lead; -1: to be asked */
	int64_t mail_destination;  /* 0: there is none; -1: to be asked */
	struct match *match;       /* match.c's; NULL until the first hash */
	struct contents *contents; /* contents.c's; emptied by every rollback */
	int wal_pages;             /* at the last commit */
	unsigned marks;            /* enum db_mark, of the transaction under way */
	size_t bytes;              /* written by the transaction under way, roughly */
	int leads;                 /* rows of leads written by it */
	int64_t changes;           /* of rows, on this connection before it */
	int64_t commit_ns;         /* how long its COMMIT took; 0: it wrote nothing */
	/* readers: cut off when mono passes deadline_at; 0: never */
	const struct clock *clock;
	int64_t deadline_at;
	bool (*stop)(void *ctx); /* and when this says so; NULL: never */
	void *stop_ctx;
};

struct db_options {
	const char *path;
	const char *name; /* of the file that path is a copy of: for errors; NULL: path */
	const char *vfs;
	const struct clock *clock;
	bool readonly;
	bool as_it_is;     /* reads only, but recovers its WAL; whatever its schema */
	bool create;       /* the file, when there is none */
	int64_t wal_limit; /* bytes the WAL file is cut back to when it starts over */
};

/* The writing connection: pragmas set and read back, migrated, every statement prepared.
 * A reading one: what a reader may. */
enum err_code db_open(struct db **out, const struct db_options *options, struct err *err);
/* Leaves the WAL alone when the connection is broken or a reader's. NULL is fine. */
void db_close(struct db *db);

bool db_prepare(struct db *db, enum sql id);
/* Reset and unbound. NULL (with broken set, or for a reader an error from the next step)
 * when it cannot be prepared. */
sqlite3_stmt *db_stmt(struct db *db, enum sql id);
enum db_row { DB_ROW, DB_DONE, DB_ERROR };
/* On DB_DONE and DB_ERROR the statement is reset. */
enum db_row db_next(struct db *db, sqlite3_stmt *stmt, struct err *err);
/* For statements that yield no rows that matter: steps to the end. */
enum err_code db_run(struct db *db, sqlite3_stmt *stmt, struct err *err);
/* As db_run, and exactly one row must have changed: else ERR_STALE. */
enum err_code db_run_one(struct db *db, sqlite3_stmt *stmt, struct err *err);
enum err_code db_exec(struct db *db, const char *sql, struct err *err);
/* One integer, the first column of the first row; fallback when there is none. */
enum err_code db_int(struct db *db, sqlite3_stmt *stmt, int64_t fallback, int64_t *out,
	struct err *err);
enum err_code db_write_tally(struct db *db, struct err *err); /* what stands so far */
/* What SQLite just said, as an error. */
enum err_code db_error(struct db *db, struct err *err);

void db_bind_text(sqlite3_stmt *stmt, int n, const char *text); /* borrowed; NULL: NULL */
void db_bind_blob(
	sqlite3_stmt *stmt, int n, const void *bytes, size_t len); /* borrowed */
/* A copy of a column's text; NULL for NULL. ERR_NOMEM. */
enum err_code db_text(sqlite3_stmt *stmt, int column, char **out, struct err *err);
/* Into a fixed field, cut between characters. */
void db_copy_text(sqlite3_stmt *stmt, int column, char *out, size_t size);
bool db_uuid(sqlite3_stmt *stmt, int column, struct uuid *out);

/* ---- transactions ---- */

enum err_code db_begin(struct db *db, struct err *err);
enum err_code db_commit(struct db *db, struct err *err); /* writes the tally first */
void db_rollback(struct db *db);
/* After a rollback, whole or to a savepoint: what was remembered is asked anew. */
void db_forget(struct db *db);

/* ---- the WAL ---- */

enum db_checkpoint { DB_CHECKPOINT_PASSIVE, DB_CHECKPOINT_TRUNCATE };
/* Copies committed pages into the database file and syncs it. *left_out (may be NULL):
 * pages a reader keeps in the WAL. */
enum err_code db_checkpoint(
	struct db *db, enum db_checkpoint how, int *left_out, struct err *err);

/* ---- rows that several jobs know ---- */

/* The columns of SQL_DESTINATION_COLUMNS, from first on. */
void db_read_health(sqlite3_stmt *stmt, int first, struct health *out);
/* What the destination's age is at now. ERR_NOT_FOUND: no such destination. */
enum err_code db_open_ms(
	struct db *db, int64_t destination, int64_t now, int64_t *out, struct err *err);
enum err_code db_put_health(
	struct db *db, int64_t destination, const struct health *health, struct err *err);

/* migrate.c: the steps above the schema the file has; each in its own transaction. */
enum err_code migrate(struct db *db, struct err *err);
/* For readers: the schema is the one this program knows. */
enum err_code migrate_check(struct db *db, struct err *err);
#define DB_APPLICATION_ID 0x4c525031 /* "LRP1" */

#endif
