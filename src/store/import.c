/*
 * import: a file's rows become leads, each once, and the ledger says how far it came.
 *
 *   1. of a batch, the rows the ledger has already are skipped
 *   2. each other row is refused, a duplicate, or a lead with all that hangs on it
 *   3. the ledger is moved behind the last row, in the same transaction
 *
 * A crash before the commit leaves the ledger where it was: the same rows come again. One
 * after it leaves it behind them: they are skipped.
 */
#include "contents.h"
#include "leadrelay/fault.h"
#include "rows.h"

#include <inttypes.h>
#include <string.h>

struct importing { /* one batch */
	struct db *db;
	struct job_import_rows *job;
	struct keeping keeping;
	bool tombstones; /* there are any */
	struct import_state state;
};

/* ---- the ledger ---- */

static void read_state(sqlite3_stmt *stmt, struct import_state *out)
{
	*out = (struct import_state){.id = sqlite3_column_int64(stmt, 0),
		.run = sqlite3_column_int64(stmt, 1),
		.finished = sqlite3_column_type(stmt, 2) != SQLITE_NULL,
		.taken = sqlite3_column_int64(stmt, 3),
		.accepted = sqlite3_column_int64(stmt, 4),
		.duplicates = sqlite3_column_int64(stmt, 5),
		.erased = sqlite3_column_int64(stmt, 6),
		.rejected = sqlite3_column_int64(stmt, 7)};
}

/* The one row of stmt; ERR_NOT_FOUND: none. */
static enum err_code state_of(
	struct db *db, sqlite3_stmt *stmt, struct import_state *out, struct err *err)
{
	enum db_row row = db_next(db, stmt, err);

	if (row == DB_ERROR)
		return err->code;
	if (row == DB_DONE)
		return err_set(err, ERR_NOT_FOUND, "there is no such import");
	read_state(stmt, out);
	sqlite3_reset(stmt);
	return ERR_OK;
}

static enum err_code get_state(
	struct db *db, int64_t import, struct import_state *out, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_IMPORT_GET);

	sqlite3_bind_int64(stmt, 1, import);
	return state_of(db, stmt, out, err);
}

static enum err_code put_state(
	struct db *db, const struct import_state *state, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_IMPORT_PUT);

	sqlite3_bind_int64(stmt, 1, state->id);
	sqlite3_bind_int64(stmt, 2, state->run);
	sqlite3_bind_int64(stmt, 3, state->taken);
	sqlite3_bind_int64(stmt, 4, state->accepted);
	sqlite3_bind_int64(stmt, 5, state->duplicates);
	sqlite3_bind_int64(stmt, 6, state->erased);
	sqlite3_bind_int64(stmt, 7, state->rejected);
	return db_run_one(db, stmt, err);
}

/* ---- begin ---- */

static enum err_code find_or_add(
	struct db *db, struct job_import_begin *job, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_IMPORT_BEGIN);
	enum err_code code;

	sqlite3_bind_int64(stmt, 1, job->source);
	db_bind_blob(stmt, 2, job->file, sizeof(job->file));
	sqlite3_bind_int64(stmt, 3, job->now);
	code = db_run(db, stmt, err);
	if (code != ERR_OK)
		return code;
	stmt = db_stmt(db, SQL_IMPORT_FIND);
	sqlite3_bind_int64(stmt, 1, job->source);
	db_bind_blob(stmt, 2, job->file, sizeof(job->file));
	return state_of(db, stmt, &job->state, err);
}

/* The rows of older runs in import_repeat are nobody's any more; import_sweep. */
static enum err_code begin_anew(
	struct db *db, struct job_import_begin *job, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_IMPORT_ANEW);
	enum err_code code;

	sqlite3_bind_int64(stmt, 1, job->state.id);
	sqlite3_bind_int64(stmt, 2, job->now);
	code = db_run_one(db, stmt, err);
	return code == ERR_OK ? get_state(db, job->state.id, &job->state, err) : code;
}

static enum err_code begin_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_import_begin *job = JOB_OF(job_import_begin, base);
	enum err_code code = find_or_add(db, job, err);

	if (code == ERR_OK && job->state.finished)
		code = begin_anew(db, job, err);
	return code == ERR_OK ? ERR_OK : err_wrap(err, "beginning an import");
}

void job_import_begin_prepare(struct job_import_begin *job)
{
	job->job.run = begin_run;
	job->job.committed = NULL;
}

/* ---- what a row is ---- */

static enum err_code ask(struct db *db, sqlite3_stmt *stmt, bool *out, struct err *err)
{
	int64_t value = 0;
	enum err_code code = db_int(db, stmt, 0, &value, err);

	*out = value != 0;
	return code;
}

static enum err_code is_erased(
	struct importing *importing, const struct lead *lead, bool *out, struct err *err)
{
	const char *email = lead->fields[FIELD_EMAIL];
	uint8_t hash[MATCH_LONG];
	sqlite3_stmt *stmt;
	enum err_code code;

	*out = false;
	if (!importing->tombstones || !email)
		return ERR_OK;
	code = match_hash_of(
		importing->db, MATCH_TOMBSTONE, email, hash, sizeof(hash), err);
	if (code != ERR_OK)
		return code;
	stmt = db_stmt(importing->db, SQL_TOMBSTONE_GET);
	db_bind_blob(stmt, 1, hash, sizeof(hash));
	return ask(importing->db, stmt, out, err);
}

static enum err_code id_known(
	struct db *db, const struct uuid *id, bool *out, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_LEAD_KNOWN);

	db_bind_blob(stmt, 1, id->bytes, sizeof(id->bytes));
	return ask(db, stmt, out, err);
}

/* How often this content came in this run, this time counted. */
static enum err_code count_repeat(struct importing *importing,
	const uint8_t hash[MATCH_LONG], int64_t *n, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(importing->db, SQL_IMPORT_REPEAT);
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, importing->state.id);
	sqlite3_bind_int64(stmt, 2, importing->state.run);
	db_bind_blob(stmt, 3, hash, MATCH_LONG);
	row = db_next(importing->db, stmt, err);
	if (row != DB_ROW)
		return row == DB_ERROR ? err->code
				       : err_set(err, ERR_BUG, "a count of nothing");
	*n = sqlite3_column_int64(stmt, 0);
	return db_run(importing->db, stmt, err);
}

/* Of the fields, what else the file has, and its time; a person's row is the same row
 * wherever it stands, another's is its n-th of that kind. */
static enum err_code content_hash(struct importing *importing,
	const struct import_row *row, uint8_t hash[MATCH_LONG], struct err *err)
{
	const struct lead *lead = &row->item.lead;
	int64_t n = 1;
	enum err_code code = match_content(
		importing->db, importing->job->source, lead, row->time_given, hash, err);

	if (code != ERR_OK || lead_names_person(lead))
		return code;
	code = count_repeat(importing, hash, &n, err);
	return code == ERR_OK && n > 1 ? match_again(importing->db, n, hash, err) : code;
}

static enum err_code decide(struct importing *importing, struct import_row *row,
	uint8_t content[MATCH_LONG], struct err *err)
{
	struct db *db = importing->db;
	const struct lead *lead = &row->item.lead;
	bool yes = false;
	enum err_code code = is_erased(importing, lead, &yes, err);

	row->result = IMPORT_ERASED;
	if (code != ERR_OK || yes)
		return code;
	row->result = IMPORT_DUPLICATE;
	if (row->id_given)
		code = id_known(db, &lead->id, &yes, err);
	if (code != ERR_OK || yes)
		return code;
	code = content_hash(importing, row, content, err);
	if (code == ERR_OK)
		code = contents_known(db, content, &yes, err);
	if (code == ERR_OK && !yes)
		row->result = IMPORT_ACCEPTED;
	return code;
}

/* ---- rows ---- */

static enum err_code keep_row(struct importing *importing, struct import_row *row,
	const uint8_t content[MATCH_LONG], struct err *err)
{
	const struct lead_raw raw = {
		.bytes = row->raw, .len = row->raw_len, .content = content};
	enum err_code code =
		lead_keep(importing->db, &importing->keeping, &row->item, &raw, err);

	return code == ERR_OK ? contents_add(importing->db, content, err) : code;
}

static enum err_code take_row(
	struct importing *importing, struct import_row *row, struct err *err)
{
	uint8_t content[MATCH_LONG];
	struct import_state *state = &importing->state;
	enum err_code code;

	state->taken++;
	if (row->rejected) {
		state->rejected++;
		return ERR_OK;
	}
	code = decide(importing, row, content, err);
	if (code == ERR_OK && row->result == IMPORT_ACCEPTED)
		code = keep_row(importing, row, content, err);
	state->accepted += row->result == IMPORT_ACCEPTED;
	state->duplicates += row->result == IMPORT_DUPLICATE;
	state->erased += row->result == IMPORT_ERASED;
	FAULT_POINT("csv.row_k");
	return code == ERR_OK ? ERR_OK : err_wrap(err, "row %" PRId64, row->row);
}

static enum err_code take_rows(struct importing *importing, struct err *err)
{
	struct job_import_rows *job = importing->job;
	enum err_code code = ERR_OK;

	for (size_t i = 0; i < job->count && code == ERR_OK; i++) {
		struct import_row *row = &job->rows[i];

		if (row->row <= importing->state.taken)
			row->result = IMPORT_SKIPPED;
		else
			code = take_row(importing, row, err);
	}
	return code;
}

/* A row that became a lead or is one already counts as a request that was answered, one
 * that was refused as one refused. */
static void count_rows(
	const struct importing *importing, const struct import_state *before)
{
	const struct job_import_rows *job = importing->job;
	const struct import_state *after = &importing->state;
	struct tally *tally = &importing->db->tally;
	int64_t accepted = after->accepted - before->accepted;
	int64_t duplicates = after->duplicates - before->duplicates;
	int64_t test = 0;

	for (size_t i = 0; i < job->count; i++)
		test += !job->rows[i].rejected &&
			job->rows[i].result == IMPORT_ACCEPTED &&
			job->rows[i].item.lead.test;
	tally_count(tally, job->source, TALLY_REQUESTS, accepted + duplicates);
	tally_count(tally, job->source, TALLY_ACCEPTED, accepted);
	tally_count(tally, job->source, TALLY_DUPLICATES, duplicates);
	tally_count(tally, job->source, TALLY_TEST, test);
	tally_count(tally, job->source, TALLY_REJECTED,
		after->erased - before->erased + after->rejected - before->rejected);
	if (accepted + duplicates > 0)
		tally_count(tally, job->source, TALLY_LAST_AT, job->now);
}

static enum err_code take_batch(struct importing *importing, struct err *err)
{
	struct import_state before = importing->state;
	enum err_code code = ask(importing->db, db_stmt(importing->db, SQL_TOMBSTONES),
		&importing->tombstones, err);

	if (code == ERR_OK)
		code = last_seq_ask(importing->db, err);
	if (code == ERR_OK)
		code = take_rows(importing, err);
	if (code == ERR_OK)
		code = contents_settle(importing->db, importing->job->count, err);
	if (code == ERR_OK && importing->state.taken > before.taken)
		code = put_state(importing->db, &importing->state, err);
	if (code == ERR_OK)
		count_rows(importing, &before);
	FAULT_POINT("csv.checkpoint");
	return code;
}

static bool rows_unusable(const struct job_import_rows *job)
{
	for (size_t i = 0; i < job->count; i++) {
		const struct import_row *row = &job->rows[i];

		if (row->row != job->rows[0].row + (int64_t)i || row->row < 1 ||
			(!row->rejected && item_unusable(&row->item, false)))
			return true;
	}
	return job->count > 0 && !job->rows;
}

/* What an earlier run, rolled back since, said. */
static void rows_reset(struct job_import_rows *job)
{
	job->stale = false;
	for (size_t i = 0; i < job->count; i++) {
		struct import_row *row = &job->rows[i];

		item_reset(&row->item);
		row->item.id = row->item.lead.id;
		row->item.result = ACCEPT_DUPLICATE;
		row->result = IMPORT_SKIPPED;
	}
}

static enum err_code check_position(const struct importing *importing, struct err *err)
{
	const struct job_import_rows *job = importing->job;
	const struct import_state *state = &importing->state;

	if (job->count == 0)
		return ERR_OK;
	if (job->rows[0].row > state->taken + 1)
		return err_set(err, ERR_INVALID,
			"rows %" PRId64 " to %" PRId64 " are missing", state->taken + 1,
			job->rows[0].row - 1);
	if (state->finished && job->rows[job->count - 1].row > state->taken)
		return err_set(err, ERR_INVALID,
			"the import ended at row %" PRId64 "; begin it anew",
			state->taken);
	return ERR_OK;
}

static enum err_code rows_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_import_rows *job = JOB_OF(job_import_rows, base);
	struct importing importing = {.db = db,
		.job = job,
		.keeping = {.source = job->source,
			.origin = job->origin,
			.digest_ms = job->digest_ms,
			.now = job->now}};
	enum err_code code;

	if (rows_unusable(job))
		return err_set(err, ERR_INVALID, "importing rows: incomplete job");
	rows_reset(job);
	code = get_state(db, job->import, &importing.state, err);
	if (code == ERR_OK && importing.state.run == job->run) {
		code = check_position(&importing, err);
		if (code == ERR_OK)
			code = take_batch(&importing, err);
	} else if (code == ERR_OK) {
		job->stale = true;
	}
	job->state = importing.state;
	return code == ERR_OK ? ERR_OK : err_wrap(err, "importing rows");
}

void job_import_rows_prepare(struct job_import_rows *job)
{
	job->job.run = rows_run;
	job->job.committed = NULL;
}

void job_import_rows_finish(struct job_import_rows *job)
{
	for (size_t i = 0; i < job->count; i++)
		item_reset(&job->rows[i].item);
}

/* ---- end ---- */

enum err_code import_sweep(struct db *db, int max, int *count, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_IMPORT_SWEEP);
	enum err_code code;

	sqlite3_bind_int(stmt, 1, max);
	code = db_run(db, stmt, err);
	*count = code == ERR_OK ? sqlite3_changes(db->sqlite) : 0;
	return code == ERR_OK ? ERR_OK : err_wrap(err, "removing an import's counts");
}

static enum err_code end_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_import_end *job = JOB_OF(job_import_end, base);
	sqlite3_stmt *stmt = db_stmt(db, SQL_IMPORT_END);
	enum err_code code;
	int swept;

	sqlite3_bind_int64(stmt, 1, job->import);
	sqlite3_bind_int64(stmt, 2, job->run);
	sqlite3_bind_int64(stmt, 3, job->now);
	code = db_run(db, stmt, err);
	if (code == ERR_OK)
		code = get_state(db, job->import, &job->state, err);
	if (code == ERR_OK)
		code = import_sweep(db, IMPORT_SWEEP_MAX, &swept, err);
	contents_forget(db);
	FAULT_POINT("csv.finish");
	return code == ERR_OK ? ERR_OK : err_wrap(err, "ending an import");
}

void job_import_end_prepare(struct job_import_end *job)
{
	job->job.run = end_run;
	job->job.committed = NULL;
}
