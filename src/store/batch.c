/*
 * A job that fails before it wrote anything fails alone. One that fails later has the
 * whole transaction rolled back and run again with a savepoint per job: savepoints cost
 * every job a copy of each page it touches, and such a job is a rare thing.
 */
#include "batch.h"

#include "leadrelay/fault.h"

#define BATCH_BYTES ((size_t)8 << 20)

void job_list_append(struct job_list *list, struct store_job *job)
{
	job->next = NULL;
	if (list->tail)
		list->tail->next = job;
	else
		list->head = job;
	list->tail = job;
}

void job_list_append_all(struct job_list *list, struct job_list *more)
{
	if (!more->head)
		return;
	if (list->tail)
		list->tail->next = more->head;
	else
		list->head = more->head;
	list->tail = more->tail;
	*more = (struct job_list){0};
}

void job_list_cut(struct job_list *list, struct store_job *job, struct job_list *rest)
{
	struct store_job *last = NULL;

	for (struct store_job *it = list->head; it != job; it = it->next)
		last = it;
	*rest = (struct job_list){.head = job, .tail = list->tail};
	list->tail = last;
	if (last)
		last->next = NULL;
	else
		list->head = NULL;
}

void job_list_fail(struct job_list *list, const struct err *err)
{
	for (struct store_job *job = list->head; job; job = job->next) {
		job->code = err->code;
		job->err = *err;
	}
}

/* ---- one transaction ---- */

static enum err_code end_job(
	struct db *db, struct store_job *job, enum err_code code, struct err *err)
{
	job->code = code;
	if (code != ERR_OK)
		tally_drop(&db->tally);
	else if (!tally_keep(&db->tally))
		return err_set(err, ERR_NOMEM, "counting: out of memory");
	if (!db->broken)
		return ERR_OK;
	*err = db->why_broken;
	return err->code;
}

/* *dirty: a job failed after it had written. rest: what did not fit. */
static enum err_code run_plain(struct db *db, struct job_list *batch,
	struct job_list *rest, bool *dirty, struct err *err)
{
	for (struct store_job *job = batch->head; job; job = job->next) {
		int64_t before = sqlite3_total_changes64(db->sqlite);
		enum err_code code;

		if (db->bytes >= BATCH_BYTES) {
			job_list_cut(batch, job, rest);
			break;
		}
		job->err = (struct err){0};
		code = job->run(job, db, &job->err);
		*dirty = code != ERR_OK && !db->broken &&
			 sqlite3_total_changes64(db->sqlite) != before;
		if (*dirty)
			return ERR_OK;
		code = end_job(db, job, code, err);
		if (code != ERR_OK)
			return code;
	}
	return ERR_OK;
}

static enum err_code run_in_savepoint(
	struct db *db, struct store_job *job, struct err *err)
{
	enum err_code code = db_exec(db, "SAVEPOINT job", err);
	enum err_code own;

	if (code != ERR_OK)
		return code;
	job->err = (struct err){0};
	own = job->run(job, db, &job->err);
	if (own != ERR_OK && !db->broken) {
		code = db_exec(db, "ROLLBACK TO job", err);
		db_forget(db);
	}
	if (code == ERR_OK)
		code = end_job(db, job, own, err);
	if (code == ERR_OK)
		code = db_write_tally(db, err);
	return code == ERR_OK ? db_exec(db, "RELEASE job", err) : code;
}

static enum err_code run_carefully(struct db *db, struct job_list *batch, struct err *err)
{
	enum err_code code = ERR_OK;

	for (struct store_job *job = batch->head; job && code == ERR_OK; job = job->next)
		code = run_in_savepoint(db, job, err);
	return code;
}

static enum err_code commit(struct db *db, struct err *err)
{
	enum err_code code;

	if (db->marks & DB_ACCEPTED)
		FAULT_POINT("intake.before_commit");
	if (db->marks & DB_SETTLED)
		FAULT_POINT("mark.before_commit");
	code = db_commit(db, err);
	if (code != ERR_OK)
		return code;
	if (db->marks & DB_SETTLED)
		FAULT_POINT("mark.after_commit");
	if (db->marks & DB_DIED)
		FAULT_POINT("dead.marked_before_mail");
	return ERR_OK;
}

enum err_code run_in_one_transaction(
	struct db *db, struct job_list *batch, struct job_list *rest, struct err *err)
{
	bool dirty = false;
	enum err_code code = db_begin(db, err);

	if (code == ERR_OK)
		code = run_plain(db, batch, rest, &dirty, err);
	if (code == ERR_OK && dirty) {
		db_rollback(db);
		code = db_begin(db, err);
		if (code == ERR_OK)
			code = run_carefully(db, batch, err);
	}
	if (code == ERR_OK)
		code = commit(db, err);
	if (code != ERR_OK)
		db_rollback(db);
	return code;
}
