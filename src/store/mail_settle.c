/*
 * mail_settle: what became of the attempt to send a mail; of a digest, for all that its
 * carrier carries. Rules, history and counters as for deliveries (settle.c).
 */
#include "mailing.h"

#include <inttypes.h>

/* Those it carries go where it went. *count: how many, itself among them. */
static enum err_code follow(struct db *db, const struct job_settle *job, int64_t id,
	enum delivery_state from, enum delivery_state to, int64_t *count, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_MAIL_FOLLOW);
	enum err_code code;

	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int(stmt, 2, (int)from);
	sqlite3_bind_int(stmt, 3, (int)to);
	if (to != DELIVERY_PENDING)
		sqlite3_bind_int64(stmt, 4, job->now);
	sqlite3_bind_int(stmt, 5, (int)job->outcome);
	sqlite3_bind_int(stmt, 6, (int)job->reason);
	code = db_run(db, stmt, err);
	if (code == ERR_OK)
		*count += sqlite3_changes(db->sqlite);
	return code;
}

static enum err_code move(struct db *db, const struct job_settle *job, int queue,
	const struct mail_brief *facts, enum delivery_state to, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_MAIL_SETTLE);
	int64_t count = 1;
	enum err_code code;

	sqlite3_bind_int64(stmt, 1, job->delivery);
	sqlite3_bind_int(stmt, 2, (int)facts->state);
	sqlite3_bind_int(stmt, 3, (int)to);
	sqlite3_bind_int(stmt, 4, queue);
	sqlite3_bind_int64(stmt, 5, to == DELIVERY_PENDING ? job->due_at : job->now);
	sqlite3_bind_int(stmt, 6, job->counts);
	sqlite3_bind_int(stmt, 7, job->few);
	sqlite3_bind_int(stmt, 8, (int)job->outcome);
	sqlite3_bind_int(stmt, 9, (int)job->reason);
	db_bind_text(stmt, 10, job->error);
	if (to != DELIVERY_PENDING)
		sqlite3_bind_int64(stmt, 11, job->now);
	code = db_run_one(db, stmt, err);
	if (code == ERR_OK && facts->carrier == job->delivery && to != facts->state)
		code = follow(db, job, job->delivery, facts->state, to, &count, err);
	if (code != ERR_OK)
		return err_wrap(err, "settling mail %" PRId64, job->delivery);
	if (to != facts->state)
		tally_mail_move(&db->tally, job->destination, facts->kind, facts->state,
			to, count);
	return ERR_OK;
}

static enum err_code remember(struct db *db, const struct job_settle *job,
	enum delivery_state state, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_MAIL_SETTLE_LATE);

	sqlite3_bind_int64(stmt, 1, job->delivery);
	sqlite3_bind_int(stmt, 2, (int)state);
	sqlite3_bind_int(stmt, 3, job->counts);
	sqlite3_bind_int(stmt, 4, job->few);
	sqlite3_bind_int(stmt, 5, (int)job->outcome);
	return db_run_one(db, stmt, err);
}

/* The mail that died by the first of two `forbidden`. */
static enum err_code revive(struct db *db, const struct job_settle *job, struct err *err)
{
	struct mail_brief facts = {0};
	int64_t count = 1;
	sqlite3_stmt *stmt;
	enum err_code code = mail_get(db, job->revive, &facts, err);

	if (code != ERR_OK)
		return code == ERR_STALE ? ERR_OK : code;
	stmt = db_stmt(db, SQL_MAIL_REVIVE);
	sqlite3_bind_int64(stmt, 1, job->revive);
	sqlite3_bind_int64(stmt, 2, job->now);
	code = db_run(db, stmt, err);
	if (code != ERR_OK || sqlite3_changes(db->sqlite) == 0)
		return code;
	if (facts.carrier == job->revive)
		code = follow(db, job, job->revive, DELIVERY_DEAD, DELIVERY_PENDING,
			&count, err);
	tally_mail_move(&db->tally, job->destination, facts.kind, DELIVERY_DEAD,
		DELIVERY_PENDING, count);
	return code;
}

enum err_code mail_settle(
	struct db *db, struct job_settle *job, int queue, struct err *err)
{
	struct mail_brief facts = {0};
	enum delivery_state to;
	enum err_code code = mail_get(db, job->delivery, &facts, err);

	if (code != ERR_OK)
		return code;
	to = delivery_next(facts.state, job->event);
	job->state = to == DELIVERY_NONE ? facts.state : to;
	if (to == DELIVERY_NONE)
		code = remember(db, job, facts.state, err);
	else
		code = move(db, job, queue, &facts, to, err);
	if (code == ERR_OK && job->revive != 0)
		code = revive(db, job, err);
	return code;
}
