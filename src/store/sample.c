/*
 * sample: the counters as they stand, kept for pictures; and the reader's side of it.
 */
#include "job.h"
#include "leadrelay/samples.h"
#include "reading.h"

#define REMOVE_MAX 1000

/* ---- the job ---- */

static enum err_code sample_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_sample *job = JOB_OF(job_sample, base);
	enum err_code code = db_write_tally(db, err);
	sqlite3_stmt *stmt;

	job->written = job->removed = 0;
	if (code == ERR_OK) {
		stmt = db_stmt(db, SQL_SAMPLE_ADD);
		sqlite3_bind_int64(stmt, 1, job->now);
		code = db_run(db, stmt, err);
	}
	if (code == ERR_OK)
		job->written = sqlite3_changes(db->sqlite);
	if (code == ERR_OK && job->remove_until > 0) {
		stmt = db_stmt(db, SQL_SAMPLE_REMOVE);
		sqlite3_bind_int64(stmt, 1, job->remove_until);
		sqlite3_bind_int(stmt, 2, REMOVE_MAX);
		code = db_run(db, stmt, err);
		if (code == ERR_OK)
			job->removed = sqlite3_changes(db->sqlite);
	}
	return code == ERR_OK ? ERR_OK : err_wrap(err, "keeping a sample");
}

void job_sample_prepare(struct job_sample *job)
{
	job->job.run = sample_run;
	job->job.committed = NULL;
}

/* ---- samples ---- */

static void read_sample(sqlite3_stmt *stmt, struct sample *out)
{
	*out = (struct sample){.at = sqlite3_column_int64(stmt, 0),
		.destination = sqlite3_column_int64(stmt, 1),
		.accepted = sqlite3_column_int64(stmt, 2),
		.delivered = sqlite3_column_int64(stmt, 3),
		.dead = sqlite3_column_int64(stmt, 4),
		.pending = sqlite3_column_int64(stmt, 5),
		.held = sqlite3_column_int64(stmt, 6),
		.discarded = sqlite3_column_int64(stmt, 7)};
}

enum err_code reader_samples(struct reader *reader, int64_t since, int64_t until,
	bool (*each)(void *ctx, const struct sample *sample), void *ctx, struct err *err)
{
	struct err mine;
	enum err_code code = reading_begin(reader, &mine);

	if (code == ERR_OK) {
		sqlite3_stmt *stmt = db_stmt(reader->db, SQL_SAMPLES);
		enum db_row row;
		bool more = true;

		sqlite3_bind_int64(stmt, 1, since);
		sqlite3_bind_int64(stmt, 2, until);
		while (more && (row = db_next(reader->db, stmt, &mine)) != DB_DONE) {
			struct sample sample;

			if (row == DB_ERROR) {
				code = mine.code;
				break;
			}
			read_sample(stmt, &sample);
			more = each(ctx, &sample);
		}
		sqlite3_reset(stmt);
	}
	if (reading_end(reader, code, &mine) != ERR_OK)
		return err_set(err, code, "%s", mine.text);
	return ERR_OK;
}

/* ---- the shape ---- */

#define MINUTE_MS 60000LL
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

const int64_t shape_up_to_ms[SHAPE_BUCKETS] = {
	5 * MINUTE_MS, HOUR_MS, 6 * HOUR_MS, DAY_MS, 7 * DAY_MS, 30 * DAY_MS, INT64_MAX};

/* The first lead at or behind seq, and when it came. False: there is none, or an error
 * (err->code then). */
static bool lead_from(
	struct db *db, int64_t seq, int64_t *seq_out, int64_t *came_at, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_SHAPE_LEAD);

	sqlite3_bind_int64(stmt, 1, seq);
	if (db_next(db, stmt, err) != DB_ROW)
		return false;
	*seq_out = sqlite3_column_int64(stmt, 0);
	*came_at = sqlite3_column_int64(stmt, 1);
	sqlite3_reset(stmt);
	return true;
}

/* The seq from which on leads came after at: they come in the order of their seqs, so
 * halving finds it in some twenty looks. last is the highest there is. */
static enum err_code find_came_after(
	struct db *db, int64_t at, int64_t last, int64_t *out, struct err *err)
{
	int64_t low = 1;         /* what is before it came at or before at */
	int64_t high = last + 1; /* what is from here on came after at */

	err->code = ERR_OK;
	while (low < high) {
		int64_t middle = low + (high - low) / 2;
		int64_t seq;
		int64_t came_at;

		if (lead_from(db, middle, &seq, &came_at, err) && came_at <= at)
			low = seq + 1;
		else if (err->code == ERR_OK)
			high = middle;
		else
			return err->code;
	}
	*out = low;
	return ERR_OK;
}

/* Of one state, leads from since on and before until. */
static enum err_code count_range(struct db *db, int64_t destination,
	enum delivery_state state, int64_t since, int64_t until, int64_t *out,
	struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_SHAPE_COUNT);

	sqlite3_bind_int64(stmt, 1, destination);
	sqlite3_bind_int(stmt, 2, (int)state);
	sqlite3_bind_int64(stmt, 3, since);
	sqlite3_bind_int64(stmt, 4, until);
	return db_int(db, stmt, 0, out, err);
}

static enum err_code count_bucket(struct db *db, int64_t destination, int64_t since,
	int64_t until, struct shape_bucket *out, struct err *err)
{
	enum err_code code = count_range(
		db, destination, DELIVERY_PENDING, since, until, &out->pending, err);

	if (code == ERR_OK)
		code = count_range(
			db, destination, DELIVERY_HELD, since, until, &out->held, err);
	if (code == ERR_OK)
		code = count_range(
			db, destination, DELIVERY_DEAD, since, until, &out->dead, err);
	return code;
}

static enum err_code read_shape(struct db *db, int64_t destination, int64_t now,
	struct shape *out, struct err *err)
{
	int64_t until = INT64_MAX; /* the bucket before begins there */
	int64_t last = 0;
	enum err_code code = db_int(db, db_stmt(db, SQL_LEAD_LAST), 0, &last, err);

	for (int i = 0; i < SHAPE_BUCKETS && code == ERR_OK; i++) {
		int64_t since = 0;

		if (shape_up_to_ms[i] != INT64_MAX)
			code = find_came_after(
				db, now - shape_up_to_ms[i] - 1, last, &since, err);
		if (code == ERR_OK)
			code = count_bucket(
				db, destination, since, until, &out->buckets[i], err);
		until = since;
	}
	return code;
}

enum err_code reader_shape(struct reader *reader, int64_t destination, int64_t now,
	struct shape *out, struct err *err)
{
	struct shape shape = {0};
	struct err mine;
	enum err_code code = reading_begin(reader, &mine);

	if (code == ERR_OK)
		code = read_shape(reader->db, destination, now, &shape, &mine);
	if (reading_end(reader, code, &mine) != ERR_OK)
		return err_set(err, code, "%s", mine.text);
	*out = shape;
	return ERR_OK;
}
