/*
 * reader_show: one lead with its deliveries, attempts and raw bytes.
 */
#include "reading.h"

#include <stdlib.h>
#include <string.h>

static enum err_code read_fields(
	sqlite3_stmt *stmt, struct lead_row *row, struct err *err)
{
	const char *fields = (const char *)sqlite3_column_text(stmt, 4);
	const char *extra = (const char *)sqlite3_column_text(stmt, 5);
	enum err_code code = ERR_OK;

	if (fields)
		code = lead_from_json(&row->lead, fields, extra, err);
	if (code != ERR_OK && code != ERR_NOMEM)
		code = ERR_OK; /* a damaged one is shown without its fields */
	return code;
}

static enum err_code read_lead_row(
	struct db *db, int64_t seq, struct lead_row *row, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_SHOW_LEAD);
	enum db_row found;
	enum err_code code;

	sqlite3_bind_int64(stmt, 1, seq);
	found = db_next(db, stmt, err);
	if (found != DB_ROW)
		return found == DB_ERROR ? err->code
					 : err_set(err, ERR_NOT_FOUND, "no such lead");
	row->seq = seq;
	code = read_fields(stmt, row, err);
	db_uuid(stmt, 0, &row->lead.id);
	row->lead.received_at = sqlite3_column_int64(stmt, 2);
	row->lead.test = sqlite3_column_int(stmt, 3) != 0;
	row->duplicates = sqlite3_column_int64(stmt, 6);
	row->quarantined = sqlite3_column_int(stmt, 7) != LEAD_KEPT;
	row->discarded = sqlite3_column_int(stmt, 7) == LEAD_DISCARDED;
	if (code == ERR_OK)
		code = db_text(stmt, 1, &row->lead.source, err);
	if (code == ERR_OK)
		code = db_text(stmt, 8, &row->problem, err);
	sqlite3_reset(stmt);
	return code;
}

static enum err_code read_delivery(
	sqlite3_stmt *stmt, struct delivery_row *row, struct err *err)
{
	enum err_code code;

	memset(row, 0, sizeof(*row));
	row->id = sqlite3_column_int64(stmt, 0);
	db_copy_text(stmt, 1, row->destination, sizeof(row->destination));
	row->state = (enum delivery_state)sqlite3_column_int(stmt, 2);
	row->attempts = sqlite3_column_int(stmt, 3);
	if (row->state == DELIVERY_PENDING)
		row->next_attempt_at = sqlite3_column_int64(stmt, 4);
	row->reason = (enum reason)sqlite3_column_int(stmt, 5);
	if (row->state == DELIVERY_DELIVERED)
		row->delivered_at = sqlite3_column_int64(stmt, 7);
	row->outcome = (enum outcome_kind)sqlite3_column_int(stmt, 9);
	code = db_text(stmt, 6, &row->error, err);
	return code == ERR_OK ? db_text(stmt, 8, &row->remote_id, err) : code;
}

static enum err_code read_delivery_rows(
	struct db *db, struct lead_row *lead, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_SHOW_DELIVERIES);
	enum err_code code = ERR_OK;
	enum db_row row = DB_DONE;

	sqlite3_bind_int64(stmt, 1, lead->seq);
	while (code == ERR_OK && (row = db_next(db, stmt, err)) == DB_ROW) {
		struct delivery_row *more = realloc(
			lead->deliveries, (lead->delivery_count + 1) * sizeof(more[0]));

		if (!more) {
			code = err_set(err, ERR_NOMEM, "out of memory");
			break;
		}
		lead->deliveries = more;
		code = read_delivery(stmt, &more[lead->delivery_count++], err);
	}
	sqlite3_reset(stmt);
	return code == ERR_OK && row == DB_ERROR ? err->code : code;
}

enum err_code reading_row(
	struct db *db, int64_t seq, struct lead_row *out, struct err *err)
{
	enum err_code code;

	memset(out, 0, sizeof(*out));
	code = read_lead_row(db, seq, out, err);
	if (code == ERR_OK)
		code = read_delivery_rows(db, out, err);
	if (code != ERR_OK)
		lead_row_finish(out);
	return code;
}

void lead_row_finish(struct lead_row *row)
{
	for (size_t i = 0; i < row->delivery_count; i++) {
		free(row->deliveries[i].error);
		free(row->deliveries[i].remote_id);
	}
	free(row->deliveries);
	free(row->problem);
	lead_finish(&row->lead);
	memset(row, 0, sizeof(*row));
}

enum err_code reader_show(
	struct reader *reader, int64_t seq, struct lead_row *out, struct err *err)
{
	struct lead_row row;
	struct err mine;
	enum err_code code = reading_begin(reader, &mine);

	if (code == ERR_OK)
		code = reading_row(reader->db, seq, &row, &mine);
	if (reading_end(reader, code, &mine) != ERR_OK)
		return err_set(err, code, "%s", mine.text);
	*out = row;
	return ERR_OK;
}

/* ---- attempts, raw bytes ---- */

static enum err_code read_attempts(struct db *db, int64_t delivery,
	struct attempt_row **rows, size_t *count, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_SHOW_ATTEMPTS);
	enum err_code code = ERR_OK;
	enum db_row row = DB_DONE;

	sqlite3_bind_int64(stmt, 1, delivery);
	while (code == ERR_OK && (row = db_next(db, stmt, err)) == DB_ROW) {
		struct attempt_row *more =
			realloc(*rows, (*count + 1) * sizeof((*rows)[0]));

		if (!more) {
			code = err_set(err, ERR_NOMEM, "out of memory");
			break;
		}
		*rows = more;
		more[*count] = (struct attempt_row){.at = sqlite3_column_int64(stmt, 0),
			.outcome = (enum outcome_kind)sqlite3_column_int(stmt, 1),
			.reason = (enum reason)sqlite3_column_int(stmt, 2),
			.http_status = sqlite3_column_int(stmt, 3),
			.duration_ms = sqlite3_column_int64(stmt, 4)};
		code = db_text(stmt, 5, &more[(*count)++].error, err);
	}
	sqlite3_reset(stmt);
	return code == ERR_OK && row == DB_ERROR ? err->code : code;
}

enum err_code reader_attempts(struct reader *reader, int64_t delivery,
	struct attempt_row **out, size_t *count_out, struct err *err)
{
	struct attempt_row *rows = NULL;
	size_t count = 0;
	struct err mine;
	enum err_code code = reading_begin(reader, &mine);

	if (code == ERR_OK)
		code = read_attempts(reader->db, delivery, &rows, &count, &mine);
	if (reading_end(reader, code, &mine) != ERR_OK) {
		attempts_free(rows, count);
		return err_set(err, code, "%s", mine.text);
	}
	*out = rows;
	*count_out = count;
	return ERR_OK;
}

void attempts_free(struct attempt_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(rows[i].error);
	free(rows);
}

static enum err_code read_raw(
	struct db *db, int64_t seq, struct buf *out, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_RAW);
	enum err_code code = ERR_OK;
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, seq);
	row = db_next(db, stmt, err);
	if (row == DB_ERROR)
		return err->code;
	if (row == DB_DONE || sqlite3_column_type(stmt, 0) == SQLITE_NULL)
		code = err_set(err, ERR_NOT_FOUND,
			"the bytes as received are not there any more");
	else
		buf_add(out, sqlite3_column_blob(stmt, 0),
			(size_t)sqlite3_column_bytes(stmt, 0));
	sqlite3_reset(stmt);
	if (code == ERR_OK && !buf_ok(out))
		code = err_set(err, ERR_NOMEM, "out of memory");
	return code;
}

enum err_code reader_raw(
	struct reader *reader, int64_t seq, struct buf *out, struct err *err)
{
	struct err mine;
	enum err_code code = reading_begin(reader, &mine);

	if (code == ERR_OK)
		code = read_raw(reader->db, seq, out, &mine);
	if (reading_end(reader, code, &mine) != ERR_OK)
		return err_set(err, code, "%s", mine.text);
	return ERR_OK;
}
