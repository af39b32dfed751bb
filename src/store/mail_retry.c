/*
 * mail_retry: dead mails, and those a restore held, pending again, in batches. A digest
 * goes again as it was: the same leads under the same Message-ID.
 */
#include "mailing.h"

#include <stdlib.h>

#define MAX_ROWS 5000

/* Behind `after`, as many as there is room for. */
static enum err_code read_state(struct db *db, const struct job_mails_retry *job,
	enum delivery_state state, int64_t after, int64_t *ids, int *count,
	struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, job->lead ? SQL_MAIL_DEAD_OF : SQL_MAIL_DEAD);
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, after);
	sqlite3_bind_int(stmt, 2, job->max);
	sqlite3_bind_int(stmt, 4, (int)state);
	if (job->lead)
		sqlite3_bind_int64(stmt, 3, job->lead);
	while ((row = db_next(db, stmt, err)) == DB_ROW)
		ids[(*count)++] = sqlite3_column_int64(stmt, 0);
	return row == DB_ERROR ? err->code : ERR_OK;
}

/* What a restore held comes first; then what died, behind `after`. *next: where the next
 * page begins. */
static enum err_code read_page(struct db *db, const struct job_mails_retry *job,
	int64_t *ids, int *count, int64_t *next, struct err *err)
{
	enum err_code code = read_state(db, job, DELIVERY_HELD, 0, ids, count, err);

	*next = job->after;
	if (code != ERR_OK || *count > 0) /* they are held no longer then */
		return code;
	code = read_state(db, job, DELIVERY_DEAD, job->after, ids, count, err);
	*next = *count == job->max ? ids[*count - 1] : -1;
	return code;
}

struct dead {
	int kind;
	enum delivery_state state;
	int64_t carrier; /* 0: a mail of its own */
	bool there;
};

static enum err_code read_dead(
	struct db *db, int64_t id, struct dead *out, struct err *err)
{
	struct mail_brief mail = {0};
	struct err gone;
	enum err_code code = mail_get(db, id, &mail, &gone);

	*out = (struct dead){0};
	if (code == ERR_STALE)
		return ERR_OK;
	if (code != ERR_OK)
		return err_set(err, code, "%s", gone.text);
	*out = (struct dead){.kind = mail.kind,
		.state = mail.state,
		.carrier = mail.carrier,
		.there = mail.state == DELIVERY_DEAD || mail.state == DELIVERY_HELD};
	return ERR_OK;
}

/* The carrier may have gone with its lead: this one carries the others on. */
static enum err_code carry_on(
	struct db *db, int64_t id, struct dead *dead, struct err *err)
{
	sqlite3_stmt *stmt;
	struct dead carrier;
	enum err_code code = read_dead(db, dead->carrier, &carrier, err);

	if (code != ERR_OK || carrier.there)
		return code;
	stmt = db_stmt(db, SQL_MAIL_CARRY);
	sqlite3_bind_int64(stmt, 1, dead->carrier);
	sqlite3_bind_int64(stmt, 2, id);
	dead->carrier = id;
	return db_run(db, stmt, err);
}

static enum err_code retry(struct db *db, struct job_mails_retry *job,
	int64_t destination, int64_t id, struct err *err)
{
	struct dead dead;
	sqlite3_stmt *stmt;
	int64_t open_ms;
	int64_t count;
	enum err_code code = read_dead(db, id, &dead, err);

	if (code == ERR_OK && dead.there && dead.carrier != 0)
		code = carry_on(db, id, &dead, err);
	if (code == ERR_OK)
		code = db_open_ms(db, destination, job->now, &open_ms, err);
	if (code != ERR_OK || !dead.there)
		return code;
	stmt = db_stmt(db, dead.carrier ? SQL_MAIL_RETRY_ALL : SQL_MAIL_RETRY);
	sqlite3_bind_int64(stmt, 1, dead.carrier ? dead.carrier : id);
	sqlite3_bind_int64(stmt, 2, job->now);
	sqlite3_bind_int64(stmt, 3, open_ms);
	sqlite3_bind_int(stmt, 4, (int)dead.state);
	code = db_run(db, stmt, err);
	if (code != ERR_OK)
		return err_wrap(err, "putting a mail back");
	count = sqlite3_changes(db->sqlite);
	job->changed += count;
	tally_mail_move(
		&db->tally, destination, dead.kind, dead.state, DELIVERY_PENDING, count);
	return ERR_OK;
}

static enum err_code retry_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_mails_retry *job = JOB_OF(job_mails_retry, base);
	int64_t destination = 0;
	int64_t *ids;
	int count = 0;
	enum err_code code;

	job->changed = 0;
	job->next = -1;
	if (job->max <= 0 || job->max > MAX_ROWS || job->after < 0)
		return err_set(err, ERR_INVALID, "a batch of %d rows", job->max);
	code = mail_destination(db, &destination, err);
	if (code != ERR_OK || destination == 0)
		return code;
	ids = calloc((size_t)job->max, sizeof(ids[0]));
	if (!ids)
		return err_set(err, ERR_NOMEM, "putting mails back: out of memory");
	code = read_page(db, job, ids, &count, &job->next, err);
	for (int i = 0; i < count && code == ERR_OK; i++)
		code = retry(db, job, destination, ids[i], err);
	free(ids);
	return code;
}

/* Not before: a batch that failed, or is run again, starts where it started. */
static void move_on(struct store_job *base)
{
	struct job_mails_retry *job = JOB_OF(job_mails_retry, base);

	job->after = job->next;
}

void job_mails_retry_prepare(struct job_mails_retry *job)
{
	job->job.run = retry_run;
	job->job.committed = move_on;
}
