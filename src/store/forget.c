/*
 * forget: a person is erased from the rows; the counters stay.
 *
 * What waits becomes discarded and is removed like what retention removes: counted as
 * discarded and as pruned. An attempt under way meets a delivery that is gone, and what
 * it brings (the remote's words may quote the person) is dropped with it.
 */
#include "leadrelay/forget.h"

#include "leadrelay/buf.h"
#include "leadrelay/fault.h"
#include "leadrelay/text.h"
#include "mailing.h"
#include "match.h"
#include "person.h"
#include "reading.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LEADS_SLICE 2000
#define TEXTS_SLICE 5000
#define FINGERPRINTS_SLICE 1000
#define END_BUSY_MS 50

/* As instr(lower(...)) looks for it. */
static char *lowered(const char *email)
{
	char *copy = strdup(email);

	for (char *at = copy; at && *at; at++)
		*at = (char)tolower((unsigned char)*at);
	return copy;
}

/* "erasing:<hash>": there while an erasure is under way. */
static enum err_code note_key(
	struct db *db, const char *email, struct buf *out, struct err *err)
{
	uint8_t hash[MATCH_LONG];
	enum err_code code =
		match_hash_of(db, MATCH_TOMBSTONE, email, hash, sizeof(hash), err);

	if (code != ERR_OK)
		return code;
	buf_adds(out, "erasing:");
	hex_add(out, hash, sizeof(hash));
	return buf_ok(out) ? ERR_OK : err_set(err, ERR_NOMEM, "out of memory");
}

/* ---- one lead ---- */

static enum err_code run_id(struct db *db, enum sql id, int64_t key, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, id);

	sqlite3_bind_int64(stmt, 1, key);
	return db_run(db, stmt, err);
}

static bool is_settled(enum delivery_state state)
{
	return state == DELIVERY_DELIVERED || state == DELIVERY_DISCARDED;
}

struct some { /* rows of one lead: it has few */
	int64_t id, destination;
	enum delivery_state state;
};

/* *rows is the caller's to free. */
static enum err_code read_deliveries(
	struct db *db, int64_t lead, struct some **rows, size_t *count, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_LEAD_DELIVERIES);
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, lead);
	while ((row = db_next(db, stmt, err)) == DB_ROW) {
		struct some *more = realloc(*rows, (*count + 1) * sizeof(**rows));

		if (!more) {
			sqlite3_reset(stmt);
			return err_set(err, ERR_NOMEM, "erasing: out of memory");
		}
		*rows = more;
		more[(*count)++] = (struct some){.id = sqlite3_column_int64(stmt, 0),
			.destination = sqlite3_column_int64(stmt, 1),
			.state = (enum delivery_state)sqlite3_column_int(stmt, 2)};
	}
	return row == DB_ERROR ? err->code : ERR_OK;
}

static enum err_code erase_deliveries(struct db *db, int64_t lead, struct err *err)
{
	struct some *rows = NULL;
	size_t count = 0;
	enum err_code code = read_deliveries(db, lead, &rows, &count, err);

	for (size_t i = 0; i < count && code == ERR_OK; i++) {
		enum delivery_state state = rows[i].state;

		code = run_id(db, SQL_PRUNE_ATTEMPTS_OF, rows[i].id, err);
		if (code == ERR_OK)
			code = run_id(db, SQL_PRUNE_DELIVERY, rows[i].id, err);
		if (code == ERR_OK && !is_settled(state)) {
			tally_move(&db->tally, rows[i].destination, state,
				DELIVERY_DISCARDED);
			state = DELIVERY_DISCARDED;
		}
		if (code == ERR_OK)
			tally_prune(&db->tally, rows[i].destination, state);
	}
	free(rows);
	return code;
}

/* The digest it carries goes on without it, carried by another of its mails. */
static enum err_code hand_over(struct db *db, int64_t id, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_FORGET_NEXT_CARRIER);
	int64_t next = 0;
	enum err_code code;

	sqlite3_bind_int64(stmt, 1, id);
	code = db_int(db, stmt, 0, &next, err);
	if (code != ERR_OK || next == 0)
		return code;
	stmt = db_stmt(db, SQL_FORGET_TAKE_OVER);
	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int64(stmt, 2, next);
	code = db_run(db, stmt, err);
	if (code != ERR_OK)
		return code;
	stmt = db_stmt(db, SQL_MAIL_CARRY);
	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int64(stmt, 2, next);
	return db_run(db, stmt, err);
}

static enum err_code erase_mail(struct db *db, int64_t id, struct err *err)
{
	struct mail_brief mail = {0};
	int64_t destination = 0;
	enum err_code code = mail_get(db, id, &mail, err);

	if (code == ERR_OK)
		code = mail_destination(db, &destination, err);
	if (code == ERR_OK && mail.carrier == id)
		code = hand_over(db, id, err);
	if (code == ERR_OK)
		code = run_id(db, SQL_PRUNE_MAIL_ATTEMPTS_OF, id, err);
	if (code == ERR_OK)
		code = run_id(db, SQL_PRUNE_MAIL, id, err);
	if (code != ERR_OK)
		return code;
	if (!is_settled(mail.state)) {
		tally_mail_move(&db->tally, destination, mail.kind, mail.state,
			DELIVERY_DISCARDED, 1);
		mail.state = DELIVERY_DISCARDED;
	}
	tally_mail_prune(&db->tally, destination, mail.kind, mail.state);
	return ERR_OK;
}

static enum err_code erase_mails(
	struct db *db, int64_t lead, int64_t *notifications, struct err *err)
{
	enum err_code code;
	int64_t id = 0;

	do {
		sqlite3_stmt *stmt = db_stmt(db, SQL_PRUNE_MAIL_OF);

		sqlite3_bind_int64(stmt, 1, lead);
		code = db_int(db, stmt, 0, &id, err);
		if (code == ERR_OK && id != 0) {
			code = erase_mail(db, id, err);
			(*notifications)++;
		}
	} while (code == ERR_OK && id != 0);
	return code;
}

static void count_lead(struct db *db, int64_t source, enum lead_state state, bool test)
{
	struct tally *tally = &db->tally;

	if (state == LEAD_KEPT) {
		tally_count(tally, source, TALLY_PRUNED_ACCEPTED, 1);
		tally_count(tally, source, TALLY_PRUNED_TEST, test);
		return;
	}
	tally_count(tally, source, TALLY_PRUNED_QUARANTINED, 1);
	if (state == LEAD_QUARANTINED)
		tally_count(tally, source, TALLY_WAITING, -1);
}

enum err_code person_erase_lead(
	struct db *db, int64_t seq, int64_t *notifications, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_PRUNE_LEAD_GET);
	enum lead_state state;
	enum err_code code;
	enum db_row row;
	int64_t source;
	bool test;

	sqlite3_bind_int64(stmt, 1, seq);
	row = db_next(db, stmt, err);
	if (row != DB_ROW)
		return row == DB_ERROR ? err->code : ERR_OK;
	source = sqlite3_column_int64(stmt, 0);
	state = (enum lead_state)sqlite3_column_int(stmt, 1);
	test = sqlite3_column_int(stmt, 2) != 0;
	sqlite3_reset(stmt);
	code = erase_deliveries(db, seq, err);
	if (code == ERR_OK)
		code = erase_mails(db, seq, notifications, err);
	if (code == ERR_OK) /* the array it came in names it, too */
		code = run_id(db, SQL_FORGET_ARRAY, seq, err);
	if (code == ERR_OK)
		code = idle_end(db, seq, err);
	if (code == ERR_OK)
		code = run_id(db, SQL_PRUNE_LEAD, seq, err);
	if (code == ERR_OK)
		count_lead(db, source, state, test);
	return code;
}

/* ---- another's lead that names the address ---- */

static enum err_code write_blanked(struct db *db, int64_t seq, const struct lead *lead,
	const char *email, struct err *err)
{
	sqlite3_stmt *stmt;
	char *fields;
	char *extra;
	enum err_code code = lead_texts(lead, &fields, &extra, err);

	if (code != ERR_OK)
		return code;
	if (extra && person_named(extra, strlen(extra), email)) { /* a key's name */
		cJSON_free(extra);
		extra = NULL;
	}
	stmt = db_stmt(db, SQL_FORGET_BLANK);
	sqlite3_bind_int64(stmt, 1, seq);
	db_bind_text(stmt, 2, fields);
	db_bind_text(stmt, 3, extra);
	db_bind_text(stmt, 4, lead->fields[FIELD_EMAIL]);
	db_bind_text(stmt, 5, lead->fields[FIELD_COMPANY]);
	code = db_run_one(db, stmt, err);
	cJSON_free(fields);
	cJSON_free(extra);
	return code;
}

enum whose { NOBODYS, OTHERS, OWN };

/* Columns 1 to 5 of SQL_FORGET_GET and SQL_FORGET_LEADS: the e-mail and other texts. */
static bool row_names(sqlite3_stmt *stmt, const char *email)
{
	bool named = false;

	for (int column = 1; column <= 5 && !named; column++)
		named = person_named(sqlite3_column_blob(stmt, column),
			(size_t)sqlite3_column_bytes(stmt, column), email);
	return named;
}

static bool row_is_of(sqlite3_stmt *stmt, const char *email)
{
	const char *own = (const char *)sqlite3_column_text(stmt, 1);

	return own && strcasecmp(own, email) == 0;
}

/* Whose the row of SQL_FORGET_GET is; *lead is filled for OTHERS. */
static enum whose judge(sqlite3_stmt *stmt, const char *email, struct lead *lead,
	enum err_code *code, struct err *err)
{
	bool kept = sqlite3_column_int(stmt, 0) == LEAD_KEPT;
	bool mailed = sqlite3_column_type(stmt, 1) != SQLITE_NULL;

	if (row_is_of(stmt, email))
		return OWN;
	if (!row_names(stmt, email))
		return NOBODYS;
	if (!kept && !mailed) /* a body that could not be read: it may be all of it */
		return OWN;
	*code = lead_from_json(lead, (const char *)sqlite3_column_text(stmt, 2),
		(const char *)sqlite3_column_text(stmt, 3), err);
	return OTHERS;
}

enum err_code person_erase_from(
	struct db *db, struct job_forget *job, int64_t seq, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_FORGET_GET);
	struct lead lead = LEAD_INIT;
	enum whose whose = NOBODYS;
	enum err_code code = ERR_OK;
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, seq);
	row = db_next(db, stmt, err);
	if (row == DB_ERROR)
		return err->code;
	if (row == DB_ROW)
		whose = judge(stmt, job->email, &lead, &code, err);
	sqlite3_reset(stmt);
	if (code == ERR_OK && whose == OTHERS)
		code = person_blank(&lead, job->email, err);
	if (code == ERR_OK && whose == OTHERS)
		code = write_blanked(db, seq, &lead, job->email, err);
	if (code == ERR_OK && whose == OWN)
		code = person_erase_lead(db, seq, &job->notifications, err);
	lead_finish(&lead);
	job->erased += whose == OWN;
	job->blanked += whose == OTHERS;
	return code == ERR_OK ? ERR_OK : err_wrap(err, "erasing a lead");
}

static enum err_code begin(struct db *db, const struct job_forget *job, struct err *err)
{
	struct buf key = BUF_INIT;
	enum err_code code = person_bury(db, job->email, job->now, err);

	if (code == ERR_OK)
		code = note_key(db, job->email, &key, err);
	if (code == ERR_OK) {
		sqlite3_stmt *stmt = db_stmt(db, SQL_META_PUT);

		db_bind_text(stmt, 1, buf_str(&key));
		sqlite3_bind_int64(stmt, 2, job->now);
		code = db_run(db, stmt, err);
	}
	buf_finish(&key);
	return code;
}

static enum err_code forget_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_forget *job = JOB_OF(job_forget, base);
	enum err_code code = begin(db, job, err);

	job->erased = job->blanked = job->notifications = 0;
	for (size_t i = 0; i < job->count && code == ERR_OK; i++) {
		code = person_erase_from(db, job, job->leads[i], err);
		FAULT_POINT("forget.mid_batch");
	}
	return code;
}

void job_forget_prepare(struct job_forget *job)
{
	job->job.run = forget_run;
	job->job.committed = NULL;
}

/* ---- others' texts, and fingerprints ---- */

static const struct {
	enum sql last, blank;
} texts[] = {
	{SQL_FORGET_LAST_DELIVERY, SQL_FORGET_DELIVERIES},
	{SQL_FORGET_LAST_DELIVERY, SQL_FORGET_ATTEMPTS},
	{SQL_MAIL_LAST, SQL_FORGET_MAILS},
	{SQL_MAIL_LAST, SQL_FORGET_MAIL_ATTEMPTS},
	{SQL_FORGET_LAST_NOTICE, SQL_FORGET_NOTICES},
	{SQL_FORGET_LAST_DESTINATION, SQL_FORGET_DESTINATIONS},
};
_Static_assert(sizeof(texts) / sizeof(texts[0]) == PERSON_FINGERPRINTS,
	"fingerprints come behind the texts");

static enum err_code blank_texts(
	struct db *db, struct job_forget_texts *job, const char *email, struct err *err)
{
	int table = job->place.table;
	int64_t last = 0;
	sqlite3_stmt *stmt;
	enum err_code code = db_int(db, db_stmt(db, texts[table].last), 0, &last, err);

	if (code != ERR_OK)
		return code;
	stmt = db_stmt(db, texts[table].blank);
	sqlite3_bind_int64(stmt, 1, job->place.at);
	sqlite3_bind_int64(stmt, 2, job->place.at + TEXTS_SLICE);
	db_bind_text(stmt, 3, email);
	code = db_run(db, stmt, err);
	job->next.at = job->place.at + TEXTS_SLICE;
	if (job->next.at >= last)
		job->next = (struct forget_place){.table = table + 1};
	return code;
}

static void bind_fingerprint(sqlite3_stmt *stmt, const struct forget_place *place)
{
	sqlite3_bind_int64(stmt, 1, place->at);
	sqlite3_bind_int64(stmt, 2, place->source);
	db_bind_blob(stmt, 3, place->hash, sizeof(place->hash));
}

/* Those whose leads are not all there any more recognise nothing. */
static enum err_code read_fingerprints(struct db *db, const struct forget_place *from,
	struct forget_place *rows, bool *gone, int *count, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_FORGET_FINGERPRINTS);
	enum db_row row;

	bind_fingerprint(stmt, from);
	sqlite3_bind_int(stmt, 4, FINGERPRINTS_SLICE);
	while ((row = db_next(db, stmt, err)) == DB_ROW) {
		struct forget_place *place = &rows[*count];

		*place = (struct forget_place){.table = PERSON_FINGERPRINTS,
			.at = sqlite3_column_int64(stmt, 0),
			.source = sqlite3_column_int64(stmt, 1)};
		if (sqlite3_column_bytes(stmt, 2) == sizeof(place->hash))
			memcpy(place->hash, sqlite3_column_blob(stmt, 2),
				sizeof(place->hash));
		gone[(*count)++] = sqlite3_column_int(stmt, 3) != 0;
	}
	return row == DB_ERROR ? err->code : ERR_OK;
}

static enum err_code drop_fingerprints(
	struct db *db, struct job_forget_texts *job, struct err *err)
{
	struct forget_place *rows = calloc(FINGERPRINTS_SLICE, sizeof(*rows));
	bool *gone = calloc(FINGERPRINTS_SLICE, sizeof(*gone));
	enum err_code code = ERR_OK;
	int count = 0;

	if (!rows || !gone)
		code = err_set(err, ERR_NOMEM, "erasing: out of memory");
	if (code == ERR_OK)
		code = read_fingerprints(db, &job->place, rows, gone, &count, err);
	for (int i = 0; i < count && code == ERR_OK; i++) {
		sqlite3_stmt *stmt = gone[i] ? db_stmt(db, SQL_EXPIRE) : NULL;

		if (gone[i]) {
			bind_fingerprint(stmt, &rows[i]);
			code = db_run(db, stmt, err);
		}
	}
	job->more = count == FINGERPRINTS_SLICE;
	if (job->more)
		job->next = rows[count - 1];
	free(rows);
	free(gone);
	return code;
}

enum err_code person_erase_from_texts(
	struct db *db, struct job_forget_texts *job, struct err *err)
{
	char *email = lowered(job->email);
	enum err_code code;

	job->next = job->place;
	job->more = true;
	if (!email)
		return err_set(err, ERR_NOMEM, "erasing: out of memory");
	code = job->place.table < PERSON_FINGERPRINTS ? blank_texts(db, job, email, err)
						      : drop_fingerprints(db, job, err);
	free(email);
	return code;
}

static enum err_code texts_run(struct store_job *base, struct db *db, struct err *err)
{
	return person_erase_from_texts(db, JOB_OF(job_forget_texts, base), err);
}

/* Not before: a batch that failed, or is run again, starts where it started. */
static void move_on(struct store_job *base)
{
	struct job_forget_texts *job = JOB_OF(job_forget_texts, base);

	job->place = job->next;
}

void job_forget_texts_prepare(struct job_forget_texts *job)
{
	job->job.run = texts_run;
	job->job.committed = move_on;
}

/* ---- the WAL ---- */

static enum err_code end_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_forget_end *job = JOB_OF(job_forget_end, base);
	struct buf key = BUF_INIT;
	enum err_code code = ERR_OK;

	job->db = db;
	job->blocked = false;
	if (job->ended)
		code = note_key(db, job->email, &key, err);
	if (job->ended && code == ERR_OK) {
		sqlite3_stmt *stmt = db_stmt(db, SQL_META_REMOVE);

		db_bind_text(stmt, 1, buf_str(&key));
		code = db_run(db, stmt, err);
	}
	buf_finish(&key);
	return code;
}

/* Behind the commit, outside any transaction: nobody waits long for a reader. */
static void cut_wal(struct store_job *base)
{
	struct job_forget_end *job = JOB_OF(job_forget_end, base);
	struct err err;

	if (job->ended)
		return;
	sqlite3_busy_timeout(job->db->sqlite, END_BUSY_MS);
	job->blocked =
		db_checkpoint(job->db, DB_CHECKPOINT_TRUNCATE, NULL, &err) != ERR_OK;
	sqlite3_busy_timeout(job->db->sqlite, DB_BUSY_MS);
}

void job_forget_end_prepare(struct job_forget_end *job)
{
	job->job.run = end_run;
	job->job.committed = cut_wal;
}

/* ---- reading ---- */

struct sight {
	const char *email, *low;
	bool (*each)(void *ctx, int64_t seq, bool own);
	void *ctx;
	bool stopped;
};

static enum err_code look_at_slice(
	struct reader *reader, struct sight *sight, int64_t from, struct err *err)
{
	enum db_row row = DB_DONE;
	enum err_code code = reading_begin(reader, err);

	if (code == ERR_OK) {
		sqlite3_stmt *stmt = db_stmt(reader->db, SQL_FORGET_LEADS);

		sqlite3_bind_int64(stmt, 1, from);
		sqlite3_bind_int64(stmt, 2, from + LEADS_SLICE);
		db_bind_text(stmt, 3, sight->email);
		db_bind_text(stmt, 4, sight->low);
		while (!sight->stopped &&
			(row = db_next(reader->db, stmt, err)) == DB_ROW) {
			bool own = row_is_of(stmt, sight->email);

			if (own || row_names(stmt, sight->email))
				sight->stopped = !sight->each(
					sight->ctx, sqlite3_column_int64(stmt, 0), own);
		}
		sqlite3_reset(stmt);
		if (row == DB_ERROR)
			code = err->code;
	}
	return reading_end(reader, code, err);
}

static enum err_code last_lead(struct reader *reader, int64_t *out, struct err *err)
{
	enum err_code code = reading_begin(reader, err);

	if (code == ERR_OK)
		code = db_int(
			reader->db, db_stmt(reader->db, SQL_LEAD_LAST), 0, out, err);
	return reading_end(reader, code, err);
}

enum err_code reader_person(struct reader *reader, const char *email,
	bool (*each)(void *ctx, int64_t seq, bool own), void *ctx, struct err *err)
{
	char *low = lowered(email);
	struct sight sight = {.email = email, .low = low, .each = each, .ctx = ctx};
	int64_t last = 0;
	struct err mine;
	enum err_code code = low ? last_lead(reader, &last, &mine)
				 : err_set(&mine, ERR_NOMEM, "out of memory");

	for (int64_t from = 0; from < last && code == ERR_OK && !sight.stopped;
		from += LEADS_SLICE)
		code = look_at_slice(reader, &sight, from, &mine);
	free(low);
	return code == ERR_OK ? ERR_OK : err_set(err, code, "%s", mine.text);
}

enum err_code reader_forgetting(
	struct reader *reader, const char *email, bool *out, struct err *err)
{
	struct buf key = BUF_INIT;
	int64_t at = 0;
	struct err mine;
	enum err_code code = reading_begin(reader, &mine);

	if (code == ERR_OK)
		code = note_key(reader->db, email, &key, &mine);
	if (code == ERR_OK) {
		sqlite3_stmt *stmt = db_stmt(reader->db, SQL_META_GET);

		db_bind_text(stmt, 1, buf_str(&key));
		code = db_int(reader->db, stmt, 0, &at, &mine);
	}
	code = reading_end(reader, code, &mine);
	buf_finish(&key);
	if (code != ERR_OK)
		return err_set(err, code, "%s", mine.text);
	*out = at != 0;
	return ERR_OK;
}
