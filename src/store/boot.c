/*
 * boot: how this daemon's runs ended. A run that never said goodbye is found by the next
 * start, which is when its end is dated; three such ends in a row within 10 minutes mean
 * that something kills the daemon, and the next one only takes leads in.
 */
#include "job.h"

#include <string.h>

#define WINDOW_MS (10 * 60 * INT64_C(1000))
#define TOO_MANY 3

static enum err_code get_flag(struct db *db, const char *key, bool *out, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_META_GET);
	int64_t value = 0;
	enum err_code code;

	db_bind_text(stmt, 1, key);
	code = db_int(db, stmt, 0, &value, err);
	*out = value != 0;
	return code;
}

static enum err_code put_flag(
	struct db *db, const char *key, int64_t value, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_META_PUT);

	db_bind_text(stmt, 1, key);
	sqlite3_bind_int64(stmt, 2, value);
	return db_run(db, stmt, err);
}

/* Leads that came before the store's first start with match hashes have none. */
static enum err_code remember_since(struct db *db, int64_t now, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_META_ADD);

	db_bind_text(stmt, 1, "match_since");
	sqlite3_bind_int64(stmt, 2, now);
	return db_run(db, stmt, err);
}

/* Since the last clean end, and no older than the window. */
static enum err_code count_unclean(
	struct db *db, int64_t now, int *count_out, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_BOOT_LAST);
	bool more = true;
	enum db_row row;

	*count_out = 0;
	while ((row = db_next(db, stmt, err)) == DB_ROW) {
		bool clean = sqlite3_column_int(stmt, 0) != 0;

		if (clean || sqlite3_column_int64(stmt, 1) <= now - WINDOW_MS)
			more = false;
		*count_out += more;
	}
	return row == DB_DONE ? ERR_OK : err->code;
}

static enum err_code add_boot(struct db *db, struct job_boot *job, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_BOOT_ADD);
	enum err_code code;

	sqlite3_bind_int64(stmt, 1, job->now);
	code = db_run(db, stmt, err);
	if (code != ERR_OK)
		return code;
	job->boot_id = sqlite3_last_insert_rowid(db->sqlite);
	stmt = db_stmt(db, SQL_BOOT_TRIM);
	sqlite3_bind_int64(stmt, 1, job->boot_id);
	return db_run(db, stmt, err);
}

/* Nothing ages while no daemon runs: the time an open destination was open ends where the
 * last run was seen alive, and begins anew. */
static enum err_code stop_ageing(struct db *db, int64_t now, struct err *err)
{
	sqlite3_stmt *stmt;
	int64_t alive_at = 0;
	enum err_code code = db_int(db, db_stmt(db, SQL_BOOT_ALIVE), 0, &alive_at, err);

	if (code != ERR_OK)
		return code;
	stmt = db_stmt(db, SQL_BOOT_AGE);
	sqlite3_bind_int64(stmt, 1, now);
	sqlite3_bind_int64(stmt, 2, alive_at);
	return db_run(db, stmt, err);
}

static enum err_code close_boots(struct db *db, int64_t now, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_BOOT_FOUND);

	sqlite3_bind_int64(stmt, 1, now);
	return db_run(db, stmt, err);
}

static enum err_code boot_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_boot *job = JOB_OF(job_boot, base);
	enum err_code code = stop_ageing(db, job->now, err);

	if (code == ERR_OK)
		code = close_boots(db, job->now, err);
	if (code == ERR_OK)
		code = count_unclean(db, job->now, &job->unclean_recently, err);
	if (code == ERR_OK && job->unclean_recently >= TOO_MANY)
		code = put_flag(db, "intake_only", 1, err);
	if (code == ERR_OK)
		code = get_flag(db, "intake_only", &job->intake_only, err);
	if (code == ERR_OK)
		code = remember_since(db, job->now, err);
	if (code == ERR_OK)
		code = add_boot(db, job, err);
	return code == ERR_OK ? ERR_OK : err_wrap(err, "noting this start");
}

void job_boot_prepare(struct job_boot *job)
{
	job->job.run = boot_run;
	job->job.committed = NULL;
}

static enum err_code boot_end_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_boot_end *job = JOB_OF(job_boot_end, base);
	sqlite3_stmt *stmt;
	enum err_code code;

	if (job->resume) {
		code = db_run(db, db_stmt(db, SQL_BOOT_FORGIVE), err);
		return code == ERR_OK ? put_flag(db, "intake_only", 0, err) : code;
	}
	stmt = db_stmt(db, SQL_BOOT_END);
	sqlite3_bind_int64(stmt, 1, job->boot_id);
	sqlite3_bind_int64(stmt, 2, job->now);
	return db_run(db, stmt, err);
}

void job_boot_end_prepare(struct job_boot_end *job)
{
	job->job.run = boot_end_run;
	job->job.committed = NULL;
}
