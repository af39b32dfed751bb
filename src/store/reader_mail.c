/*
 * reader_mail: notifications, as people ask for them. What goes with the carrier of its
 * digest has the carrier's attempts and troubles.
 */
#include "mailing.h"
#include "reading.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 200
#define WALK_IDS 20000 /* looked at per page */

void mail_rows_free(struct mail_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(rows[i].to);
		free(rows[i].error);
	}
	free(rows);
}

/* The columns of MAIL_COLUMNS. */
static enum err_code read_mail(sqlite3_stmt *stmt, struct mail_row *out, struct err *err)
{
	enum err_code code;

	*out = (struct mail_row){.id = sqlite3_column_int64(stmt, 0),
		.kind = sqlite3_column_int(stmt, 1),
		.state = (enum delivery_state)sqlite3_column_int(stmt, 4),
		.attempts = sqlite3_column_int(stmt, 5),
		.reason = (enum reason)sqlite3_column_int(stmt, 8)};
	out->has_lead = db_uuid(stmt, 2, &out->lead_id);
	if (out->state == DELIVERY_PENDING)
		out->next_attempt_at = sqlite3_column_int64(stmt, 6);
	if (out->state == DELIVERY_DELIVERED)
		out->sent_at = sqlite3_column_int64(stmt, 7);
	code = db_text(stmt, 3, &out->to, err);
	return code == ERR_OK ? db_text(stmt, 9, &out->error, err) : code;
}

/* ---- of one lead ---- */

static enum err_code read_of(struct db *db, int64_t seq, struct mail_row **rows,
	size_t *count, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_MAILS_OF);
	enum err_code code = ERR_OK;
	enum db_row row = DB_DONE;

	sqlite3_bind_int64(stmt, 1, seq);
	while (code == ERR_OK && (row = db_next(db, stmt, err)) == DB_ROW) {
		struct mail_row *more = realloc(*rows, (*count + 1) * sizeof(more[0]));

		if (!more) {
			code = err_set(err, ERR_NOMEM, "out of memory");
			break;
		}
		*rows = more;
		code = read_mail(stmt, &more[(*count)++], err);
	}
	sqlite3_reset(stmt);
	return code == ERR_OK && row == DB_ERROR ? err->code : code;
}

enum err_code reader_notifications_of(struct reader *reader, int64_t seq,
	struct mail_row **out, size_t *count_out, struct err *err)
{
	struct mail_row *rows = NULL;
	size_t count = 0;
	struct err mine;
	enum err_code code = reading_begin(reader, &mine);

	if (code == ERR_OK)
		code = read_of(reader->db, seq, &rows, &count, &mine);
	if (reading_end(reader, code, &mine) != ERR_OK) {
		mail_rows_free(rows, count);
		return err_set(err, code, "%s", mine.text);
	}
	*out = rows;
	*count_out = count;
	return ERR_OK;
}

/* ---- all ---- */

struct mails {
	struct reader *reader;
	unsigned states;
	int64_t before; /* the next page's ids are lower */
	bool finished;
	int64_t ids[DELIVERY_STATES * PAGE];
	size_t count;
};

static enum err_code take_ids(struct mails *mails, sqlite3_stmt *stmt, struct err *err)
{
	enum db_row row;

	while ((row = db_next(mails->reader->db, stmt, err)) == DB_ROW)
		mails->ids[mails->count++] = sqlite3_column_int64(stmt, 0);
	return row == DB_ERROR ? err->code : ERR_OK;
}

/* A stretch of ids, those of the states asked for. */
static enum err_code walk(struct mails *mails, struct err *err)
{
	struct db *db = mails->reader->db;
	sqlite3_stmt *stmt;
	int64_t from;
	enum err_code code = ERR_OK;

	if (mails->before == INT64_MAX) {
		code = db_int(db, db_stmt(db, SQL_MAIL_LAST), 0, &mails->before, err);
		if (code != ERR_OK)
			return code;
		mails->before++;
	}
	from = mails->before > WALK_IDS ? mails->before - WALK_IDS : 0;
	stmt = db_stmt(db, SQL_MAILS_WALK);
	sqlite3_bind_int64(stmt, 1, mails->before);
	sqlite3_bind_int64(stmt, 2, from);
	sqlite3_bind_int64(stmt, 3, mails->states);
	sqlite3_bind_int(stmt, 4, PAGE);
	code = take_ids(mails, stmt, err);
	mails->before = mails->count == PAGE ? mails->ids[PAGE - 1] : from;
	mails->finished = mails->before <= 1;
	return code;
}

static int descending(const void *a, const void *b)
{
	const int64_t *left = a;
	const int64_t *right = b;

	return (*left < *right) - (*left > *right);
}

/* States other than sent are in an index: the highest ids of each, put together. */
static enum err_code pick(struct mails *mails, struct err *err)
{
	enum err_code code = ERR_OK;

	for (int state = DELIVERY_PENDING; state < DELIVERY_STATES && code == ERR_OK;
		state++) {
		sqlite3_stmt *stmt = db_stmt(mails->reader->db, SQL_MAILS_UNSETTLED);

		if (!(mails->states & 1u << state))
			continue;
		sqlite3_bind_int(stmt, 1, state);
		sqlite3_bind_int64(stmt, 2, mails->before);
		sqlite3_bind_int(stmt, 3, PAGE);
		code = take_ids(mails, stmt, err);
	}
	if (mails->count > 1)
		qsort(mails->ids, mails->count, sizeof(mails->ids[0]), descending);
	mails->finished = mails->count == 0;
	if (mails->count > PAGE)
		mails->count = PAGE;
	if (mails->count > 0)
		mails->before = mails->ids[mails->count - 1];
	return code;
}

static enum err_code read_row(
	struct db *db, int64_t id, struct mail_row *rows, size_t *count, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_MAIL_ROW);
	enum err_code code = ERR_OK;
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, id);
	row = db_next(db, stmt, err);
	if (row == DB_ROW)
		code = read_mail(stmt, &rows[(*count)++], err);
	sqlite3_reset(stmt);
	return row == DB_ERROR ? err->code : code;
}

static enum err_code read_page(
	struct mails *mails, struct mail_row *rows, size_t *count, struct err *err)
{
	unsigned sent = 1u << DELIVERY_DELIVERED;
	enum err_code code = reading_begin(mails->reader, err);

	mails->count = 0;
	if (code == ERR_OK)
		code = mails->states == 0 || (mails->states & sent) ? walk(mails, err)
								    : pick(mails, err);
	for (size_t i = 0; i < mails->count && code == ERR_OK; i++)
		code = read_row(mails->reader->db, mails->ids[i], rows, count, err);
	return reading_end(mails->reader, code, err);
}

/* Outside the transaction. False: enough. */
static bool tell(const struct mail_row *rows, size_t count, int64_t *left,
	bool (*each)(void *ctx, const struct mail_row *row), void *ctx)
{
	for (size_t i = 0; i < count; i++)
		if (!each(ctx, &rows[i]) || --*left == 0)
			return false;
	return true;
}

enum err_code reader_notifications(struct reader *reader, unsigned states, int64_t limit,
	bool (*each)(void *ctx, const struct mail_row *row), void *ctx, struct err *err)
{
	struct mails *mails = calloc(1, sizeof(*mails));
	int64_t left = limit > 0 ? limit : INT64_MAX;
	enum err_code code = ERR_OK;
	struct err mine;

	if (!mails)
		return err_set(err, ERR_NOMEM, "listing mails: out of memory");
	*mails = (struct mails){.reader = reader, .states = states, .before = INT64_MAX};
	while (code == ERR_OK && !mails->finished) {
		struct mail_row *rows = calloc(PAGE, sizeof(rows[0]));
		size_t count = 0;

		code = rows ? read_page(mails, rows, &count, &mine)
			    : err_set(&mine, ERR_NOMEM, "listing mails: out of memory");
		if (code == ERR_OK && !tell(rows, count, &left, each, ctx))
			mails->finished = true;
		mail_rows_free(rows, count);
	}
	free(mails);
	return code == ERR_OK ? ERR_OK : err_set(err, code, "%s", mine.text);
}

/* ---- how many ---- */

static enum err_code read_counts(
	struct db *db, struct notification_counts *out, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_NOTIFICATION_COUNTS);
	enum db_row row = db_next(db, stmt, err);

	if (row == DB_ROW) {
		out->pending = sqlite3_column_int64(stmt, 0);
		out->sent = sqlite3_column_int64(stmt, 1);
		out->dead = sqlite3_column_int64(stmt, 2);
		sqlite3_reset(stmt);
	}
	if (row == DB_ERROR)
		return err->code;
	stmt = db_stmt(db, SQL_MAIL_HEALTH);
	row = db_next(db, stmt, err);
	out->configured = row == DB_ROW;
	if (row == DB_ROW) {
		db_read_health(stmt, 0, &out->health);
		sqlite3_reset(stmt);
	}
	return row == DB_ERROR ? err->code : ERR_OK;
}

enum err_code reader_notification_counts(
	struct reader *reader, struct notification_counts *out, struct err *err)
{
	struct err mine;
	enum err_code code = reading_begin(reader, &mine);

	memset(out, 0, sizeof(*out));
	if (code == ERR_OK)
		code = read_counts(reader->db, out, &mine);
	if (reading_end(reader, code, &mine) != ERR_OK)
		return err_set(err, code, "%s", mine.text);
	return ERR_OK;
}
