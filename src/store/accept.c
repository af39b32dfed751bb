/*
 * accept: one request becomes leads, deliveries, counters and fingerprints.
 *
 *   1. its Idempotency-Key is new, or this is a repeat (or a conflict)
 *   2. its body is new within the dedupe window, or this is a repeat
 *   3. a row per lead, per delivery and per notification, the counters
 *
 * A crash before the commit leaves nothing of it; the sender has no answer and repeats.
 */
#include "job.h"
#include "leadrelay/fault.h"
#include "leadrelay/text.h"
#include "rows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KEY_WINDOW_MS (7 * 24 * 3600 * INT64_C(1000))

/* ---- new ---- */

static void count_new(struct tally *tally, const struct job_accept *job)
{
	int64_t test = 0;

	for (size_t i = 0; i < job->count; i++)
		test += job->leads[i].lead.test;
	tally_count(tally, job->source, TALLY_REQUESTS, (int64_t)job->count);
	tally_count(tally, job->source, TALLY_LAST_AT, job->now);
	if (job->quarantine) {
		tally_count(tally, job->source, TALLY_QUARANTINED, (int64_t)job->count);
		tally_count(tally, job->source, TALLY_WAITING, (int64_t)job->count);
		tally_count(tally, job->source, TALLY_QUARANTINES, (int64_t)job->count);
	} else {
		tally_count(tally, job->source, TALLY_ACCEPTED, (int64_t)job->count);
		tally_count(tally, job->source, TALLY_TEST, test);
	}
}

static enum err_code accept_new(struct db *db, struct job_accept *job, struct err *err)
{
	const struct keeping keeping = {.source = job->source,
		.origin = ORIGIN_REQUEST,
		.quarantine = job->quarantine,
		.digest_ms = job->digest_ms,
		.now = job->now};
	struct lead_raw raw = {.bytes = job->raw, .len = job->raw_len};
	enum err_code code = ERR_OK;

	job->result = job->quarantine ? ACCEPT_QUARANTINED : ACCEPT_NEW;
	for (size_t i = 0; i < job->count && code == ERR_OK; i++) {
		code = lead_keep(db, &keeping, &job->leads[i], &raw, err);
		if (i == 0)
			raw = (struct lead_raw){.of = db->last_seq};
	}
	if (code == ERR_OK)
		count_new(&db->tally, job);
	FAULT_POINT("intake.rows_written");
	return code;
}

/* ---- repeats ---- */

static enum err_code repeat_one(
	struct db *db, struct accept_lead *item, int64_t seq, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_REPEAT_OF);
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, seq);
	row = db_next(db, stmt, err);
	if (row == DB_ERROR)
		return err->code;
	if (row == DB_DONE || !db_uuid(stmt, 0, &item->id))
		return err_set(err, ERR_BUG, "lead %" PRId64 " has no id", seq);
	sqlite3_reset(stmt);
	item->result = ACCEPT_DUPLICATE;
	stmt = db_stmt(db, SQL_REPEATED);
	sqlite3_bind_int64(stmt, 1, seq);
	return db_run_one(db, stmt, err);
}

static enum err_code accept_repeat(struct db *db, struct job_accept *job,
	const struct fingerprint *first, struct err *err)
{
	enum err_code code = ERR_OK;

	if (first->leads != (int64_t)job->count)
		return err_set(err, ERR_BUG,
			"one body, read as %" PRId64 " and as %zu leads", first->leads,
			job->count);
	job->result = ACCEPT_DUPLICATE;
	for (size_t i = 0; i < job->count && code == ERR_OK; i++)
		code = repeat_one(db, &job->leads[i], first->lead + (int64_t)i, err);
	tally_count(&db->tally, job->source, TALLY_REQUESTS, (int64_t)job->count);
	tally_count(&db->tally, job->source, TALLY_DUPLICATES, (int64_t)job->count);
	tally_count(&db->tally, job->source, TALLY_LAST_AT, job->now);
	return code;
}

static void accept_conflict(struct job_accept *job)
{
	job->result = ACCEPT_CONFLICT;
	for (size_t i = 0; i < job->count; i++)
		job->leads[i].result = ACCEPT_CONFLICT;
}

static void make_fingerprint(struct fingerprint *out, const struct job_accept *job,
	enum fingerprint_kind kind, int64_t lead, const uint8_t body_hash[SHA256_SIZE])
{
	*out = (struct fingerprint){.kind = kind,
		.source = job->source,
		.lead = lead,
		.leads = (int64_t)job->count};
	memcpy(out->body_hash, body_hash, SHA256_SIZE);
	if (kind == FINGERPRINT_KEY) {
		sha256(job->idempotency_key, strlen(job->idempotency_key), out->hash);
		out->expires_at = job->now + KEY_WINDOW_MS;
	} else {
		memcpy(out->hash, body_hash, SHA256_SIZE);
		out->expires_at = job->now + job->dedupe_window_ms;
	}
}

/* Takes the request's fingerprints for the leads to come, or finds whose they are. */
static enum err_code recognise(struct db *db, const struct job_accept *job,
	struct fingerprint *first, enum fingerprint_found *found, struct err *err)
{
	bool content = job->check_content && job->dedupe_window_ms > 0;
	uint8_t body_hash[SHA256_SIZE];
	struct fingerprint key;
	enum err_code code = ERR_OK;

	*found = FINGERPRINT_NEW;
	if (!content && !job->idempotency_key)
		return ERR_OK;
	sha256(job->raw, job->raw_len, body_hash);
	if (job->idempotency_key) {
		make_fingerprint(&key, job, FINGERPRINT_KEY, db->last_seq + 1, body_hash);
		code = fingerprint_take(db, &key, job->now, found, err);
		*first = key;
	}
	if (code != ERR_OK || *found != FINGERPRINT_NEW || !content)
		return code;
	make_fingerprint(first, job, FINGERPRINT_CONTENT, db->last_seq + 1, body_hash);
	code = fingerprint_take(db, first, job->now, found, err);
	if (code != ERR_OK || *found != FINGERPRINT_SAME || !job->idempotency_key)
		return code;
	key.lead = first->lead; /* a new key for a known body: it stands for that one */
	return fingerprint_put(db, &key, err);
}

/* ---- the job ---- */

static bool unusable(const struct job_accept *job)
{
	if (!job->leads || job->count == 0 || (job->quarantine && job->count != 1))
		return true;
	if (!job->raw && (job->raw_len > 0 || job->check_content || job->idempotency_key))
		return true;
	for (size_t i = 0; i < job->count; i++)
		if (item_unusable(&job->leads[i], job->quarantine != NULL))
			return true;
	return false;
}

static enum err_code accept_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_accept *job = JOB_OF(job_accept, base);
	enum fingerprint_found found;
	struct fingerprint first;
	enum err_code code;

	if (unusable(job))
		return err_set(err, ERR_INVALID, "storing a lead: incomplete job");
	for (size_t i = 0; i < job->count; i++)
		item_reset(&job->leads[i]);
	if (!(db->marks & DB_ACCEPTED))
		FAULT_POINT("intake.tx_open");
	db->marks |= DB_ACCEPTED;
	code = last_seq_ask(db, err);
	if (code == ERR_OK)
		code = recognise(db, job, &first, &found, err);
	if (code != ERR_OK)
		return code;
	if (found == FINGERPRINT_SAME)
		return accept_repeat(db, job, &first, err);
	if (found == FINGERPRINT_NEW)
		return accept_new(db, job, err);
	accept_conflict(job);
	return ERR_OK;
}

void job_accept_prepare(struct job_accept *job)
{
	job->job.run = accept_run;
	job->job.brings_more = true;
	job->job.committed = NULL;
}

void job_accept_finish(struct job_accept *job)
{
	for (size_t i = 0; i < job->count; i++)
		item_reset(&job->leads[i]);
}

static enum err_code rejected_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_rejected *job = JOB_OF(job_rejected, base);

	if (job->count < 0)
		return err_set(err, ERR_INVALID, "counting refusals: a negative count");
	tally_count(&db->tally, job->source, TALLY_REJECTED, job->count);
	return ERR_OK;
}

void job_rejected_prepare(struct job_rejected *job)
{
	job->job.run = rejected_run;
	job->job.committed = NULL;
}
