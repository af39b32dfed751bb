/*
 * prune: retention. Rows past their age are removed and go on being counted, in the same
 * transaction; what is removed is overwritten (secure_delete).
 *
 *   1. settled deliveries, with their attempts
 *   2. leads that have no delivery any more, with their raw bytes and notifications
 *   3. quarantined bodies, and those discarded as such
 *   4. settled mails, with their attempts
 *   5. attempts of what stays
 *
 * A lead stays while a delivery or a notification of it is there that is not settled, and
 * while leads of the same array need its raw bytes. A batch stops when it has removed
 * about max rows; a crash between two leaves the rest for the next.
 */
#include "leadrelay/fault.h"
#include "mailing.h"

#include <stdlib.h>

#define MAX_ROWS 5000

struct pruning {
	struct db *db;
	struct job_prune *job;
	int64_t *ids; /* room for max */
	int left;     /* rows that may still go */
};

/* Up to what is left of ids that stmt tells; stmt's parameter n is the limit. */
static enum err_code read_ids(
	struct pruning *pruning, sqlite3_stmt *stmt, int n, int *count, struct err *err)
{
	enum db_row row;

	*count = 0;
	sqlite3_bind_int(stmt, n, pruning->left > 0 ? pruning->left : 0);
	while ((row = db_next(pruning->db, stmt, err)) == DB_ROW)
		pruning->ids[(*count)++] = sqlite3_column_int64(stmt, 0);
	return row == DB_ERROR ? err->code : ERR_OK;
}

/* A statement that removes rows by one number. *removed may be NULL. */
static enum err_code erase(struct pruning *pruning, enum sql id, int64_t key,
	int64_t *removed, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(pruning->db, id);
	enum err_code code;
	int count;

	sqlite3_bind_int64(stmt, 1, key);
	code = db_run(pruning->db, stmt, err);
	if (code != ERR_OK)
		return err_wrap(err, "removing what is past its age");
	count = sqlite3_changes(pruning->db->sqlite);
	pruning->left -= count;
	if (removed)
		*removed += count;
	return ERR_OK;
}

/* ---- deliveries ---- */

static enum err_code prune_delivery(
	struct pruning *pruning, int64_t id, enum delivery_state state, struct err *err)
{
	struct db *db = pruning->db;
	sqlite3_stmt *stmt = db_stmt(db, SQL_PRUNE_DELIVERY_GET);
	int64_t destination = 0;
	int64_t lead = 0;
	int64_t others = 0;
	enum err_code code = ERR_OK;

	sqlite3_bind_int64(stmt, 1, id);
	if (db_next(db, stmt, err) != DB_ROW)
		return err_set(err, ERR_STALE, "delivery %lld is gone", (long long)id);
	destination = sqlite3_column_int64(stmt, 0);
	lead = sqlite3_column_int64(stmt, 1);
	sqlite3_reset(stmt);
	code = erase(pruning, SQL_PRUNE_ATTEMPTS_OF, id, &pruning->job->attempts, err);
	if (code == ERR_OK)
		code = erase(
			pruning, SQL_PRUNE_DELIVERY, id, &pruning->job->deliveries, err);
	if (code != ERR_OK)
		return code;
	tally_prune(&db->tally, destination, state);
	stmt = db_stmt(db, SQL_PRUNE_OTHERS);
	sqlite3_bind_int64(stmt, 1, lead);
	code = db_int(db, stmt, 0, &others, err);
	return code == ERR_OK && others == 0 ? idle_add(db, lead, 0, err) : code;
}

static enum err_code prune_deliveries(struct pruning *pruning, enum delivery_state state,
	int64_t age_ms, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(pruning->db, SQL_PRUNE_DELIVERIES);
	enum err_code code;
	int count;

	if (age_ms <= 0 || pruning->left <= 0)
		return ERR_OK;
	sqlite3_bind_int(stmt, 1, (int)state);
	sqlite3_bind_int64(stmt, 2, pruning->job->now - age_ms);
	code = read_ids(pruning, stmt, 3, &count, err);
	for (int i = 0; i < count && code == ERR_OK && pruning->left > 0; i++)
		code = prune_delivery(pruning, pruning->ids[i], state, err);
	return code;
}

/* ---- mails ---- */

static enum err_code prune_mail(struct pruning *pruning, int64_t id, struct err *err)
{
	struct db *db = pruning->db;
	struct mail_brief mail = {0};
	int64_t destination = 0;
	enum err_code code = mail_get(db, id, &mail, err);

	if (code == ERR_OK)
		code = mail_destination(db, &destination, err);
	if (code == ERR_OK)
		code = erase(pruning, SQL_PRUNE_MAIL_ATTEMPTS_OF, id,
			&pruning->job->attempts, err);
	if (code == ERR_OK)
		code = erase(pruning, SQL_PRUNE_MAIL, id, &pruning->job->mails, err);
	if (code != ERR_OK)
		return code;
	tally_mail_prune(&db->tally, destination, mail.kind, mail.state);
	if (mail.notice != 0)
		code = erase(pruning, SQL_PRUNE_ATTACHMENTS, mail.notice, NULL, err);
	return code == ERR_OK && mail.notice != 0
		       ? erase(pruning, SQL_PRUNE_NOTICE, mail.notice, NULL, err)
		       : code;
}

static enum err_code prune_mails(struct pruning *pruning, enum delivery_state state,
	int64_t age_ms, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(pruning->db, SQL_PRUNE_MAILS);
	enum err_code code;
	int count;

	if (age_ms <= 0 || pruning->left <= 0)
		return ERR_OK;
	sqlite3_bind_int(stmt, 1, (int)state);
	sqlite3_bind_int64(stmt, 2, pruning->job->now - age_ms);
	code = read_ids(pruning, stmt, 3, &count, err);
	for (int i = 0; i < count && code == ERR_OK && pruning->left > 0; i++)
		code = prune_mail(pruning, pruning->ids[i], err);
	return code;
}

/* ---- leads ---- */

/* A lead's notifications, all settled: one lead has few. */
static enum err_code prune_mails_of(
	struct pruning *pruning, int64_t lead, struct err *err)
{
	enum err_code code = ERR_OK;
	int64_t id = 0;

	do {
		sqlite3_stmt *stmt = db_stmt(pruning->db, SQL_PRUNE_MAIL_OF);

		sqlite3_bind_int64(stmt, 1, lead);
		code = db_int(pruning->db, stmt, 0, &id, err);
		if (code == ERR_OK && id != 0)
			code = prune_mail(pruning, id, err);
	} while (code == ERR_OK && id != 0);
	return code;
}

static void count_lead(struct pruning *pruning, int64_t source, int state, bool test)
{
	struct tally *tally = &pruning->db->tally;

	if (state == LEAD_KEPT) {
		tally_count(tally, source, TALLY_PRUNED_ACCEPTED, 1);
		tally_count(tally, source, TALLY_PRUNED_TEST, test);
		return;
	}
	tally_count(tally, source, TALLY_PRUNED_QUARANTINED, 1);
	if (state == LEAD_QUARANTINED)
		tally_count(tally, source, TALLY_WAITING, -1);
}

static enum err_code prune_lead(struct pruning *pruning, int64_t seq, struct err *err)
{
	struct db *db = pruning->db;
	sqlite3_stmt *stmt = db_stmt(db, SQL_PRUNE_LEAD_GET);
	int64_t source;
	int state;
	bool test;
	enum err_code code;

	sqlite3_bind_int64(stmt, 1, seq);
	if (db_next(db, stmt, err) != DB_ROW)
		return db->broken ? err->code : idle_end(db, seq, err);
	source = sqlite3_column_int64(stmt, 0);
	state = sqlite3_column_int(stmt, 1);
	test = sqlite3_column_int(stmt, 2) != 0;
	sqlite3_reset(stmt);
	code = prune_mails_of(pruning, seq, err);
	if (code == ERR_OK)
		code = idle_end(db, seq, err);
	if (code == ERR_OK)
		code = erase(pruning, SQL_PRUNE_LEAD, seq, &pruning->job->leads, err);
	if (code == ERR_OK)
		count_lead(pruning, source, state, test);
	return code;
}

static enum err_code prune_leads(struct pruning *pruning, int count, struct err *err)
{
	enum err_code code = ERR_OK;

	for (int i = 0; i < count && code == ERR_OK && pruning->left > 0; i++)
		code = prune_lead(pruning, pruning->ids[i], err);
	return code;
}

static enum err_code prune_idle(struct pruning *pruning, struct err *err)
{
	const struct job_prune *job = pruning->job;
	int64_t age_ms = job->retention.delivered_ms;
	sqlite3_stmt *stmt = db_stmt(pruning->db, SQL_PRUNE_IDLE);
	enum err_code code;
	int count;

	if (pruning->left <= 0)
		return ERR_OK;
	sqlite3_bind_int64(stmt, 1, age_ms > 0 ? job->now - age_ms : 0);
	code = read_ids(pruning, stmt, 2, &count, err);
	return code == ERR_OK ? prune_leads(pruning, count, err) : code;
}

/* In the order of their coming: behind the first that is young all are. */
static enum err_code read_quarantined(struct pruning *pruning, enum lead_state state,
	int64_t until, int *count, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(pruning->db, SQL_PRUNE_QUARANTINED);
	enum db_row row;

	*count = 0;
	sqlite3_bind_int(stmt, 1, (int)state);
	sqlite3_bind_int(stmt, 2, pruning->left);
	while ((row = db_next(pruning->db, stmt, err)) == DB_ROW &&
		sqlite3_column_int64(stmt, 1) <= until)
		pruning->ids[(*count)++] = sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return row == DB_ERROR ? err->code : ERR_OK;
}

static enum err_code prune_quarantined(
	struct pruning *pruning, enum lead_state state, struct err *err)
{
	int64_t age_ms = pruning->job->retention.quarantined_ms;
	enum err_code code;
	int count;

	if (age_ms <= 0 || pruning->left <= 0)
		return ERR_OK;
	code = read_quarantined(pruning, state, pruning->job->now - age_ms, &count, err);
	return code == ERR_OK ? prune_leads(pruning, count, err) : code;
}

/* ---- attempts of what stays ---- */

static enum err_code prune_attempts(struct pruning *pruning, enum sql id, struct err *err)
{
	const struct job_prune *job = pruning->job;
	sqlite3_stmt *stmt = db_stmt(pruning->db, id);
	enum err_code code;
	int count;

	if (job->retention.attempts_ms <= 0 || pruning->left <= 0)
		return ERR_OK;
	sqlite3_bind_int64(stmt, 1, job->now - job->retention.attempts_ms);
	sqlite3_bind_int(stmt, 2, pruning->left);
	code = db_run(pruning->db, stmt, err);
	if (code != ERR_OK)
		return err_wrap(err, "removing old attempts");
	count = sqlite3_changes(pruning->db->sqlite);
	pruning->left -= count;
	pruning->job->attempts += count;
	return ERR_OK;
}

/* ---- the job ---- */

static enum err_code prune_all(struct pruning *pruning, struct err *err)
{
	const struct retention *age = &pruning->job->retention;
	enum err_code code = prune_idle(pruning, err); /* left by the last batch */

	if (code == ERR_OK)
		code = prune_deliveries(
			pruning, DELIVERY_DELIVERED, age->delivered_ms, err);
	if (code == ERR_OK)
		code = prune_deliveries(pruning, DELIVERY_DEAD, age->dead_ms, err);
	if (code == ERR_OK)
		code = prune_deliveries(
			pruning, DELIVERY_DISCARDED, age->discarded_ms, err);
	FAULT_POINT("prune.mid_batch");
	if (code == ERR_OK)
		code = prune_idle(pruning, err);
	if (code == ERR_OK)
		code = prune_quarantined(pruning, LEAD_QUARANTINED, err);
	if (code == ERR_OK)
		code = prune_quarantined(pruning, LEAD_DISCARDED, err);
	if (code == ERR_OK)
		code = prune_mails(pruning, DELIVERY_DELIVERED, age->delivered_ms, err);
	if (code == ERR_OK)
		code = prune_mails(pruning, DELIVERY_DEAD, age->dead_ms, err);
	if (code == ERR_OK)
		code = prune_mails(pruning, DELIVERY_DISCARDED, age->discarded_ms, err);
	if (code == ERR_OK)
		code = prune_attempts(pruning, SQL_PRUNE_ATTEMPTS, err);
	return code == ERR_OK ? prune_attempts(pruning, SQL_PRUNE_MAIL_ATTEMPTS, err)
			      : code;
}

static enum err_code prune_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_prune *job = JOB_OF(job_prune, base);
	struct pruning pruning = {.db = db, .job = job, .left = job->max};
	enum err_code code;

	job->deliveries = job->leads = job->attempts = job->mails = 0;
	job->more = false;
	if (job->max <= 0 || job->max > MAX_ROWS)
		return err_set(err, ERR_INVALID, "a batch of %d rows", job->max);
	pruning.ids = calloc((size_t)job->max, sizeof(pruning.ids[0]));
	if (!pruning.ids)
		return err_set(err, ERR_NOMEM, "pruning: out of memory");
	code = prune_all(&pruning, err);
	job->more = pruning.left <= 0;
	free(pruning.ids);
	return code;
}

void job_prune_prepare(struct job_prune *job)
{
	job->job.run = prune_run;
	job->job.committed = NULL;
}
