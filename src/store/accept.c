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
#include "mailing.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KEY_WINDOW_MS (7 * 24 * 3600 * INT64_C(1000))

/* ---- rows ---- */

enum err_code lead_texts(
	const struct lead *lead, char **fields, char **extra, struct err *err)
{
	cJSON *json = lead_fields_json(lead);
	char *fields_text = json ? cJSON_PrintUnformatted(json) : NULL;
	char *extra_text = lead->extra ? cJSON_PrintUnformatted(lead->extra) : NULL;

	cJSON_Delete(json);
	if (!fields_text || (lead->extra && !extra_text)) {
		cJSON_free(fields_text);
		cJSON_free(extra_text);
		return err_set(err, ERR_NOMEM, "storing a lead: out of memory");
	}
	*fields = fields_text;
	*extra = extra_text;
	return ERR_OK;
}

enum err_code delivery_add(struct db *db, int64_t lead, int64_t destination, int64_t now,
	int64_t *id_out, struct err *err)
{
	sqlite3_stmt *stmt;
	int64_t open_ms;
	enum err_code code = db_open_ms(db, destination, now, &open_ms, err);

	if (code != ERR_OK)
		return code;
	stmt = db_stmt(db, SQL_DELIVERY_ADD);
	sqlite3_bind_int64(stmt, 1, lead);
	sqlite3_bind_int64(stmt, 2, destination);
	sqlite3_bind_int64(stmt, 3, now);
	sqlite3_bind_int64(stmt, 4, open_ms);
	code = db_run(db, stmt, err);
	if (code != ERR_OK)
		return err_wrap(err, "storing a delivery");
	if (id_out)
		*id_out = sqlite3_last_insert_rowid(db->sqlite);
	tally_new(&db->tally, destination);
	return ERR_OK;
}

enum err_code idle_add(struct db *db, int64_t lead, int64_t since, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_IDLE_ADD);

	sqlite3_bind_int64(stmt, 1, lead);
	sqlite3_bind_int64(stmt, 2, since);
	return db_run(db, stmt, err);
}

enum err_code idle_end(struct db *db, int64_t lead, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_IDLE_END);

	sqlite3_bind_int64(stmt, 1, lead);
	return db_run(db, stmt, err);
}

static enum err_code lead_add(struct db *db, const struct job_accept *job, size_t index,
	int64_t seq, struct err *err)
{
	const struct lead *lead = &job->leads[index].lead;
	sqlite3_stmt *stmt;
	char *fields;
	char *extra;
	enum err_code code = lead_texts(lead, &fields, &extra, err);

	if (code != ERR_OK)
		return code;
	stmt = db_stmt(db, SQL_LEAD_ADD);
	sqlite3_bind_int64(stmt, 1, seq);
	db_bind_blob(stmt, 2, lead->id.bytes, sizeof(lead->id.bytes));
	sqlite3_bind_int64(stmt, 3, job->source);
	sqlite3_bind_int64(stmt, 4, lead->received_at ? lead->received_at : job->now);
	sqlite3_bind_int(stmt, 5, job->quarantine ? LEAD_QUARANTINED : LEAD_KEPT);
	sqlite3_bind_int(stmt, 6, lead->test);
	db_bind_text(stmt, 7, lead->fields[FIELD_EMAIL]);
	db_bind_text(stmt, 8, lead->fields[FIELD_COMPANY]);
	db_bind_text(stmt, 9, job->quarantine);
	db_bind_text(stmt, 10, fields);
	db_bind_text(stmt, 11, extra);
	if (index > 0)
		sqlite3_bind_int64(stmt, 12, seq - (int64_t)index);
	else if (job->raw)
		db_bind_blob(stmt, 13, job->raw, job->raw_len);
	code = db_run(db, stmt, err);
	db->bytes += strlen(fields) + (extra ? strlen(extra) : 0) + 512;
	cJSON_free(fields);
	cJSON_free(extra);
	return code == ERR_OK ? ERR_OK : err_wrap(err, "storing a lead");
}

static enum err_code deliveries_add(struct db *db, struct accept_lead *item, int64_t seq,
	int64_t now, struct err *err)
{
	enum err_code code = ERR_OK;

	free(item->deliveries);
	item->deliveries =
		calloc(item->destination_count + 1, sizeof(item->deliveries[0]));
	if (!item->deliveries)
		return err_set(err, ERR_NOMEM, "storing a lead: out of memory");
	for (size_t i = 0; i < item->destination_count && code == ERR_OK; i++)
		code = delivery_add(
			db, seq, item->destinations[i], now, &item->deliveries[i], err);
	return code;
}

/* Windows stand still on the clock: all leads of one belong to the same end. */
static int64_t digest_end(const struct job_accept *job)
{
	if (job->digest_ms <= 0)
		return 0;
	return (job->now / job->digest_ms + 1) * job->digest_ms;
}

static enum err_code notifications_add(struct db *db, const struct job_accept *job,
	struct accept_lead *item, int64_t seq, struct err *err)
{
	struct new_mail mail = {.kind = MAIL_NOTIFICATION,
		.lead = seq,
		.digest_at = digest_end(job),
		.now = job->now};
	enum err_code code = ERR_OK;

	if (item->contact_count == 0)
		return ERR_OK;
	item->mails = calloc(item->contact_count, sizeof(item->mails[0]));
	if (!item->mails)
		return err_set(err, ERR_NOMEM, "storing a lead: out of memory");
	for (size_t i = 0; i < item->contact_count && code == ERR_OK; i++) {
		mail.contact = item->contacts[i];
		code = mail_add(db, &mail, &item->mails[i], err);
	}
	if (code == ERR_OK && mail.digest_at == 0)
		item->mail_count = item->contact_count;
	return code;
}

/* What hangs on a lead that is kept. */
static enum err_code work_add(struct db *db, const struct job_accept *job,
	struct accept_lead *item, int64_t seq, struct err *err)
{
	enum err_code code = deliveries_add(db, item, seq, job->now, err);

	if (code == ERR_OK)
		code = notifications_add(db, job, item, seq, err);
	if (code == ERR_OK && item->destination_count == 0)
		code = idle_add(db, seq, job->now, err);
	return code;
}

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
	enum err_code code = ERR_OK;

	job->result = job->quarantine ? ACCEPT_QUARANTINED : ACCEPT_NEW;
	for (size_t i = 0; i < job->count && code == ERR_OK; i++) {
		struct accept_lead *item = &job->leads[i];

		code = lead_add(db, job, i, db->last_seq + 1, err);
		if (code == ERR_OK && !job->quarantine)
			code = work_add(db, job, item, db->last_seq + 1, err);
		db->last_seq++;
		item->result = job->result;
		item->id = item->lead.id;
	}
	if (code == ERR_OK)
		count_new(&db->tally, job);
	db->bytes += job->raw_len;
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

static bool lead_unusable(const struct job_accept *job, const struct accept_lead *item)
{
	static const struct uuid none;

	if (uuid_equal(&item->lead.id, &none))
		return true;
	if (job->quarantine)
		return false;
	if ((item->destination_count > 0 && !item->destinations) ||
		(item->contact_count > 0 && !item->contacts))
		return true;
	for (size_t i = 0; i < item->destination_count; i++)
		for (size_t k = 0; k < i; k++)
			if (item->destinations[i] == item->destinations[k])
				return true;
	return false;
}

static bool unusable(const struct job_accept *job)
{
	if (!job->leads || job->count == 0 || (job->quarantine && job->count != 1))
		return true;
	if (!job->raw && (job->raw_len > 0 || job->check_content || job->idempotency_key))
		return true;
	for (size_t i = 0; i < job->count; i++)
		if (lead_unusable(job, &job->leads[i]))
			return true;
	return false;
}

/* What an earlier run, rolled back since, said. */
static void forget_mails(struct job_accept *job)
{
	for (size_t i = 0; i < job->count; i++) {
		free(job->leads[i].mails);
		job->leads[i].mails = NULL;
		job->leads[i].mail_count = 0;
	}
}

static enum err_code accept_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_accept *job = JOB_OF(job_accept, base);
	enum fingerprint_found found;
	struct fingerprint first;
	enum err_code code = ERR_OK;

	if (unusable(job))
		return err_set(err, ERR_INVALID, "storing a lead: incomplete job");
	forget_mails(job);
	if (!(db->marks & DB_ACCEPTED))
		FAULT_POINT("intake.tx_open");
	db->marks |= DB_ACCEPTED;
	if (db->last_seq < 0)
		code = db_int(db, db_stmt(db, SQL_LAST_SEQ), 0, &db->last_seq, err);
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
	job->job.committed = NULL;
}

void job_accept_finish(struct job_accept *job)
{
	for (size_t i = 0; i < job->count; i++) {
		free(job->leads[i].deliveries);
		job->leads[i].deliveries = NULL;
	}
	forget_mails(job);
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
