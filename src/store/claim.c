/*
 * claim: in two steps. First ids, from the partial index over what waits; then, row by
 * row, what is needed to send, until max_bytes is reached. Nothing is marked: who is in
 * flight is the relay's memory. (Of mails, a digest is frozen: mail_claim.c.)
 */
#include "job.h"
#include "leadrelay/log.h"
#include "mailing.h"
#include "queue.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct pick { /* where a delivery stands in its queue */
	int64_t due_at;
	int64_t id;
};
struct picks {
	struct pick *items;
	size_t count;
	size_t room;
};

/* Where a destination's work is queued. */
struct shelf {
	enum sql same, later, next_due;
	enum queue last;
	bool mails;
};
static const struct shelf of_deliveries = {
	SQL_CLAIM_SAME, SQL_CLAIM_LATER, SQL_CLAIM_NEXT_DUE, QUEUE_DESTINATION, false};
static const struct shelf of_mails = {
	SQL_MAIL_SAME, SQL_MAIL_LATER, SQL_MAIL_NEXT_DUE, QUEUE_DIGEST, true};

/* Once claim_run has asked for the destination of mails. */
static const struct shelf *shelf_of(const struct db *db, const struct job_claim *job)
{
	return job->destination == db->mail_destination ? &of_mails : &of_deliveries;
}

static int compare(const void *a, const void *b)
{
	const struct pick *left = a;
	const struct pick *right = b;

	if (left->due_at != right->due_at)
		return left->due_at < right->due_at ? -1 : 1;
	return (left->id > right->id) - (left->id < right->id);
}

static enum err_code take_rows(
	struct db *db, sqlite3_stmt *stmt, struct picks *picks, struct err *err)
{
	enum db_row row;

	while ((row = db_next(db, stmt, err)) == DB_ROW) {
		if (picks->count == picks->room) {
			sqlite3_reset(stmt);
			return err_set(err, ERR_BUG, "a claim with too many rows");
		}
		picks->items[picks->count++] =
			(struct pick){.id = sqlite3_column_int64(stmt, 0),
				.due_at = sqlite3_column_int64(stmt, 1)};
	}
	return row == DB_DONE ? ERR_OK : err->code;
}

/* Up to max of one queue after (due_at, id), due at `until`. */
static enum err_code pick_queue(struct db *db, const struct job_claim *job,
	enum queue queue, struct pick after, int64_t until, struct picks *picks,
	struct err *err)
{
	const struct shelf *shelf = shelf_of(db, job);
	size_t before = picks->count;
	sqlite3_stmt *stmt = db_stmt(db, shelf->same);
	enum err_code code;

	sqlite3_bind_int64(stmt, 1, job->destination);
	sqlite3_bind_int(stmt, 2, (int)queue);
	sqlite3_bind_int64(stmt, 3, after.due_at);
	sqlite3_bind_int64(stmt, 4, after.id);
	sqlite3_bind_int(stmt, 5, after.due_at <= until ? job->max : 0);
	code = take_rows(db, stmt, picks, err);
	if (code != ERR_OK)
		return code;
	stmt = db_stmt(db, shelf->later);
	sqlite3_bind_int64(stmt, 1, job->destination);
	sqlite3_bind_int(stmt, 2, (int)queue);
	sqlite3_bind_int64(stmt, 3, after.due_at);
	sqlite3_bind_int64(stmt, 4, until);
	sqlite3_bind_int(stmt, 5, job->max - (int)(picks->count - before));
	return take_rows(db, stmt, picks, err);
}

/* An open window is nobody's to close. */
static enum err_code pick_queues(struct db *db, const struct job_claim *job,
	enum queue first, enum queue last, struct pick after, int64_t until,
	struct picks *picks, struct err *err)
{
	enum err_code code = ERR_OK;

	for (enum queue queue = first; queue <= last && code == ERR_OK; queue++)
		code = pick_queue(db, job, queue, after,
			queue == QUEUE_DIGEST && until > job->now ? job->now : until,
			picks, err);
	if (picks->count > 1)
		qsort(picks->items, picks->count, sizeof(picks->items[0]), compare);
	return code;
}

/* From where the last probe was, round to there again. */
static enum err_code pick_waiting(
	struct db *db, const struct job_claim *job, struct picks *picks, struct err *err)
{
	struct pick after = {job->after_due, job->after_id};
	struct picks round = {.room = QUEUE_COUNT * (size_t)job->max};
	enum queue last = shelf_of(db, job)->last;
	enum err_code code;

	code = pick_queues(db, job, QUEUE_FRESH, last, after, INT64_MAX, picks, err);
	if (code != ERR_OK || picks->count >= (size_t)job->max ||
		(job->after_due == 0 && job->after_id == 0))
		return code;
	round.items = calloc(round.room, sizeof(round.items[0]));
	if (!round.items)
		return err_set(err, ERR_NOMEM, "claiming: out of memory");
	code = pick_queues(db, job, QUEUE_FRESH, last, (struct pick){0}, job->after_due,
		&round, err);
	for (size_t i = 0; i < round.count && picks->count < (size_t)job->max; i++)
		if (compare(&round.items[i], &after) <= 0)
			picks->items[picks->count++] = round.items[i];
	free(round.items);
	return code;
}

static enum err_code pick_ids(const struct job_claim *job, struct picks *picks)
{
	for (size_t i = 0; i < job->id_count; i++)
		picks->items[picks->count++] = (struct pick){.id = job->ids[i]};
	return ERR_OK;
}

static enum err_code next_due(struct db *db, struct job_claim *job, struct err *err)
{
	const struct shelf *shelf = shelf_of(db, job);
	enum err_code code = ERR_OK;

	for (enum queue queue = QUEUE_RETRY; queue <= shelf->last && code == ERR_OK;
		queue++) {
		sqlite3_stmt *stmt = db_stmt(db, shelf->next_due);
		int64_t due_at = 0;

		sqlite3_bind_int64(stmt, 1, job->destination);
		sqlite3_bind_int(stmt, 2, (int)queue);
		sqlite3_bind_int64(stmt, 3, job->now);
		code = db_int(db, stmt, 0, &due_at, err);
		if (due_at > 0 && (job->next_due_at == 0 || due_at < job->next_due_at))
			job->next_due_at = due_at;
	}
	return code;
}

static enum err_code pick(
	struct db *db, struct job_claim *job, struct picks *picks, struct err *err)
{
	struct pick after = {job->after_due, job->after_id};
	enum err_code code;

	switch (job->kind) {
	case CLAIM_IDS:
		return pick_ids(job, picks);
	case CLAIM_UNTRIED:
		return pick_queues(
			db, job, QUEUE_FRESH, QUEUE_FRESH, after, INT64_MAX, picks, err);
	case CLAIM_TRIED:
		code = next_due(db, job, err);
		if (code != ERR_OK)
			return code;
		return pick_queues(db, job, QUEUE_RETRY, shelf_of(db, job)->last, after,
			job->now, picks, err);
	case CLAIM_WAITING:
		return pick_waiting(db, job, picks, err);
	}
	return err_set(err, ERR_INVALID, "claiming: unknown kind");
}

/* ---- what is needed to send ---- */

enum err_code lead_read(sqlite3_stmt *stmt, int first, struct lead *out, struct err *err)
{
	const char *fields = (const char *)sqlite3_column_text(stmt, first + 4);
	const char *extra = (const char *)sqlite3_column_text(stmt, first + 5);
	enum err_code code = ERR_CORRUPT;

	if (fields)
		code = lead_from_json(out, fields, extra, err);
	if (code != ERR_OK)
		return code == ERR_NOMEM ? code : ERR_CORRUPT;
	out->received_at = sqlite3_column_int64(stmt, first + 2);
	out->test = sqlite3_column_int(stmt, first + 3) != 0;
	if (!db_uuid(stmt, first, &out->id))
		code = ERR_CORRUPT;
	else
		code = db_text(stmt, first + 1, &out->source, err);
	if (code != ERR_OK)
		lead_finish(out);
	return code;
}

/* *bytes_out stays 0 when the delivery is not pending any more, or its lead unreadable:
 * one damaged lead stops nobody. */
static enum err_code load(struct db *db, int64_t destination, struct pick pick,
	struct claimed *item, int64_t *bytes_out, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_CLAIM_LOAD);
	char number[LOG_NUMBER_SIZE];
	enum err_code code;
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, pick.id);
	sqlite3_bind_int64(stmt, 2, destination);
	row = db_next(db, stmt, err);
	if (row != DB_ROW)
		return row == DB_DONE ? ERR_OK : err->code;
	*item = (struct claimed){.delivery = pick.id,
		.lead_seq = sqlite3_column_int64(stmt, 0),
		.due_at = sqlite3_column_int64(stmt, 1),
		.attempts = sqlite3_column_int(stmt, 2),
		.few = sqlite3_column_int(stmt, 3),
		.age_from = sqlite3_column_int64(stmt, 4),
		.last_outcome = (enum outcome_kind)sqlite3_column_int(stmt, 5),
		.edited = sqlite3_column_int(stmt, 6) != 0};
	code = lead_read(stmt, 7, &item->lead, err);
	if (code == ERR_OK)
		*bytes_out = 1 + sqlite3_column_bytes(stmt, 11) +
			     sqlite3_column_bytes(stmt, 12);
	else if (code == ERR_CORRUPT) {
		log_error("lead unreadable, its delivery is left out; see leadctl check",
			"delivery", log_num(pick.id, number), NULL);
		code = ERR_OK;
	}
	sqlite3_reset(stmt);
	return code;
}

static enum err_code load_all(
	struct db *db, struct job_claim *job, const struct picks *picks, struct err *err)
{
	enum err_code code = ERR_OK;
	int64_t total = 0;
	size_t i;

	for (i = 0; i < picks->count && job->count < (size_t)job->max; i++) {
		int64_t bytes = 0;

		if (job->max_bytes > 0 && job->count > 0 && total >= job->max_bytes)
			break;
		if (shelf_of(db, job)->mails)
			code = mail_load(db, picks->items[i].id, job->now,
				&job->items[job->count], &bytes, err);
		else
			code = load(db, job->destination, picks->items[i],
				&job->items[job->count], &bytes, err);
		if (code != ERR_OK)
			break;
		if (bytes > 0)
			job->count++;
		total += bytes;
	}
	job->exhausted = i == picks->count &&
			 (job->kind == CLAIM_IDS || picks->count < (size_t)job->max);
	return code;
}

static enum err_code claim_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_claim *job = JOB_OF(job_claim, base);
	struct picks picks = {0};
	int64_t mails;
	enum err_code code = mail_destination(db, &mails, err);

	if (code != ERR_OK)
		return code;
	job_claim_finish(job);
	job->exhausted = false;
	job->next_due_at = 0;
	if (job->kind == CLAIM_IDS && (int64_t)job->id_count > job->max)
		job->max = (int)job->id_count;
	if (job->max <= 0 || job->max > 100000)
		return err_set(err, ERR_INVALID, "claiming: max is %d", job->max);
	picks.room = QUEUE_COUNT * (size_t)job->max;
	picks.items = calloc(picks.room, sizeof(picks.items[0]));
	job->items = calloc((size_t)job->max, sizeof(job->items[0]));
	code = picks.items && job->items
		       ? pick(db, job, &picks, err)
		       : err_set(err, ERR_NOMEM, "claiming: out of memory");
	if (code == ERR_OK)
		code = load_all(db, job, &picks, err);
	free(picks.items);
	if (code != ERR_OK)
		job_claim_finish(job);
	return code;
}

void job_claim_prepare(struct job_claim *job)
{
	job->job.run = claim_run;
	job->job.committed = NULL;
}

void claimed_finish(struct claimed *claimed)
{
	lead_finish(&claimed->lead);
	mail_item_free(claimed->mail);
	claimed->mail = NULL;
}

void job_claim_finish(struct job_claim *job)
{
	for (size_t i = 0; job->items && i < job->count; i++)
		claimed_finish(&job->items[i]);
	free(job->items);
	job->items = NULL;
	job->count = 0;
}
