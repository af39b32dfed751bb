/*
 * settle: what became of an attempt. State by the table of transitions, compare-and-swap;
 * a row per exchange; the counters; the destination's health; all in one transaction.
 *
 * A crash before the commit leaves the delivery as it was: it is sent again with the same
 * key. A hold or a discard that came meanwhile wins over a retry or a refusal, and loses
 * to a delivery (the destination has it).
 */
#include "job.h"
#include "mailing.h"
#include "queue.h"

#include <inttypes.h>
#include <stdlib.h>

static bool is_transport(enum reason reason)
{
	return reason == REASON_DNS || reason == REASON_CONNECT || reason == REASON_TLS ||
	       reason == REASON_TIMEOUT || reason == REASON_RESET ||
	       reason == REASON_SERVER_ERROR || reason == REASON_THROTTLED;
}

/* What cost no attempt, and what any lead would have met, waits for the destination. */
static enum queue queue_of(const struct job_settle *job)
{
	return !job->counts || is_transport(job->reason) ? QUEUE_DESTINATION
							 : QUEUE_RETRY;
}

static enum err_code get(struct db *db, const struct job_settle *job,
	enum delivery_state *state, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_SETTLE_GET);
	int64_t destination;
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, job->delivery);
	row = db_next(db, stmt, err);
	if (row == DB_ERROR)
		return err->code;
	if (row == DB_DONE)
		return err_set(
			err, ERR_STALE, "delivery %" PRId64 " is gone", job->delivery);
	destination = sqlite3_column_int64(stmt, 0);
	*state = (enum delivery_state)sqlite3_column_int(stmt, 1);
	sqlite3_reset(stmt);
	if (destination != job->destination)
		return err_set(err, ERR_INVALID,
			"delivery %" PRId64 " belongs to another destination",
			job->delivery);
	return ERR_OK;
}

static enum err_code move(struct db *db, const struct job_settle *job,
	enum delivery_state from, enum delivery_state to, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_SETTLE);
	enum err_code code;

	sqlite3_bind_int64(stmt, 1, job->delivery);
	sqlite3_bind_int(stmt, 2, (int)from);
	sqlite3_bind_int(stmt, 3, (int)to);
	sqlite3_bind_int(stmt, 4, (int)queue_of(job));
	sqlite3_bind_int64(stmt, 5, to == DELIVERY_PENDING ? job->due_at : job->now);
	sqlite3_bind_int(stmt, 6, job->counts);
	sqlite3_bind_int(stmt, 7, job->few);
	sqlite3_bind_int(stmt, 8, (int)job->outcome);
	sqlite3_bind_int(stmt, 9, (int)job->reason);
	db_bind_text(stmt, 10, job->error);
	db_bind_text(stmt, 11, job->remote_id);
	if (to != DELIVERY_PENDING)
		sqlite3_bind_int64(stmt, 12, job->now);
	code = db_run_one(db, stmt, err);
	if (code != ERR_OK)
		return err_wrap(err, "settling delivery %" PRId64, job->delivery);
	if (from != to)
		tally_move(&db->tally, job->destination, from, to);
	if (to == DELIVERY_DEAD)
		db->marks |= DB_DIED;
	return ERR_OK;
}

/* The row went its own way meanwhile; what the attempt taught is kept with it. */
static enum err_code remember(struct db *db, const struct job_settle *job,
	enum delivery_state state, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_SETTLE_LATE);

	sqlite3_bind_int64(stmt, 1, job->delivery);
	sqlite3_bind_int(stmt, 2, (int)state);
	sqlite3_bind_int(stmt, 3, job->counts);
	sqlite3_bind_int(stmt, 4, job->few);
	sqlite3_bind_int(stmt, 5, (int)job->outcome);
	return db_run_one(db, stmt, err);
}

static enum err_code add_attempt(struct db *db, enum sql id, int64_t delivery,
	const struct settled_exchange *exchange, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, id);

	sqlite3_bind_int64(stmt, 1, delivery);
	sqlite3_bind_int64(stmt, 2, exchange->at);
	sqlite3_bind_int64(stmt, 3, exchange->duration_ms);
	sqlite3_bind_int(stmt, 4, (int)exchange->outcome);
	sqlite3_bind_int(stmt, 5, (int)exchange->reason);
	sqlite3_bind_int(stmt, 6, exchange->http_status);
	db_bind_text(stmt, 7, exchange->error);
	return db_run(db, stmt, err);
}

/* The lead that died by the first of two `forbidden`, unless somebody decided otherwise
 * since. */
static enum err_code revive(struct db *db, const struct job_settle *job, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_REVIVE);
	enum err_code code;

	sqlite3_bind_int64(stmt, 1, job->revive);
	sqlite3_bind_int64(stmt, 2, job->destination);
	sqlite3_bind_int64(stmt, 3, job->now);
	code = db_run(db, stmt, err);
	if (code == ERR_OK && sqlite3_changes(db->sqlite) == 1)
		tally_move(&db->tally, job->destination, DELIVERY_DEAD, DELIVERY_PENDING);
	return code;
}

static enum err_code settle_state(struct db *db, struct job_settle *job, struct err *err)
{
	enum delivery_state from = DELIVERY_NONE;
	enum delivery_state to;
	enum err_code code = get(db, job, &from, err);

	if (code != ERR_OK)
		return code;
	to = delivery_next(from, job->event);
	job->state = to == DELIVERY_NONE ? from : to;
	if (to == DELIVERY_NONE)
		return remember(db, job, from, err);
	return move(db, job, from, to, err);
}

static enum err_code settle_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_settle *job = JOB_OF(job_settle, base);
	bool mail = false;
	enum err_code code;

	if (job->event > DELIVERY_REFUSE || (job->exchange_count > 0 && !job->exchanges))
		return err_set(err, ERR_INVALID, "settling: incomplete job");
	db->marks |= DB_SETTLED;
	code = mail_is_destination(db, job->destination, &mail, err);
	if (code == ERR_OK)
		code = mail ? mail_settle(db, job, (int)queue_of(job), err)
			    : settle_state(db, job, err);
	for (size_t i = 0; i < job->exchange_count && code == ERR_OK; i++)
		code = add_attempt(db, mail ? SQL_MAIL_ATTEMPT_ADD : SQL_ATTEMPT_ADD,
			job->delivery, &job->exchanges[i], err);
	if (code == ERR_OK && job->has_health)
		code = db_put_health(db, job->destination, &job->health, err);
	if (code == ERR_OK && job->revive != 0 && !mail)
		code = revive(db, job, err);
	return code;
}

void job_settle_prepare(struct job_settle *job)
{
	job->job.run = settle_run;
	job->job.committed = NULL;
}

void job_settle_finish(struct job_settle *job)
{
	for (size_t i = 0; i < job->exchange_count; i++)
		free(job->exchanges[i].error);
	free(job->exchanges);
	free(job->error);
	free(job->remote_id);
	job->exchanges = NULL;
	job->exchange_count = 0;
	job->error = NULL;
	job->remote_id = NULL;
}

/* ---- health by itself ---- */

#define WAKE_MAX 2000

static enum err_code wake(struct db *db, struct job_health *job, struct err *err)
{
	sqlite3_stmt *stmt;
	bool mail = false;
	enum err_code code = mail_is_destination(db, job->destination, &mail, err);

	if (code != ERR_OK)
		return code;
	stmt = db_stmt(db, mail ? SQL_MAIL_WAKE : SQL_WAKE);
	sqlite3_bind_int64(stmt, 1, job->destination);
	sqlite3_bind_int64(stmt, 2, job->now);
	sqlite3_bind_int(stmt, 3, WAKE_MAX);
	code = db_run(db, stmt, err);
	if (code == ERR_OK)
		job->woken = sqlite3_changes(db->sqlite);
	job->more = job->woken == WAKE_MAX;
	return code;
}

static enum err_code health_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_health *job = JOB_OF(job_health, base);
	enum err_code code = db_put_health(db, job->destination, &job->health, err);

	job->woken = 0;
	job->more = false;
	if (code == ERR_OK && job->wake)
		code = wake(db, job, err);
	return code;
}

void job_health_prepare(struct job_health *job)
{
	job->job.run = health_run;
	job->job.committed = NULL;
}
