/* reader_reasons: what dead deliveries died of, by destination. */
#include "reading.h"

#include <stdlib.h>

struct gathering {
	struct reason_row *rows;
	size_t count;
};

static enum err_code add_row(
	struct gathering *in, int64_t destination, sqlite3_stmt *stmt, struct err *err)
{
	struct reason_row *more = realloc(in->rows, (in->count + 1) * sizeof(more[0]));

	if (!more)
		return err_set(err, ERR_NOMEM, "out of memory");
	in->rows = more;
	more[in->count] = (struct reason_row){.destination = destination,
		.reason = (enum reason)sqlite3_column_int(stmt, 0),
		.count = sqlite3_column_int64(stmt, 1),
		.newest_at = sqlite3_column_int64(stmt, 2),
		.lead = sqlite3_column_int64(stmt, 3)};
	return db_text(stmt, 4, &more[in->count++].error, err);
}

static enum err_code read_destination(
	struct db *db, int64_t destination, struct gathering *in, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_DEAD_REASONS);
	enum err_code code = ERR_OK;
	enum db_row row = DB_DONE;

	sqlite3_bind_int64(stmt, 1, destination);
	while (code == ERR_OK && (row = db_next(db, stmt, err)) == DB_ROW)
		code = add_row(in, destination, stmt, err);
	sqlite3_reset(stmt);
	return code == ERR_OK && row == DB_ERROR ? err->code : code;
}

enum err_code reader_reasons(struct reader *reader, int64_t destination,
	struct reason_row **out, size_t *count_out, struct err *err)
{
	struct gathering in = {0};
	struct err mine;
	enum err_code code = reading_begin(reader, &mine);

	if (code == ERR_OK)
		code = read_destination(reader->db, destination, &in, &mine);
	if (reading_end(reader, code, &mine) != ERR_OK) {
		reasons_free(in.rows, in.count);
		return err_set(err, code, "%s", mine.text);
	}
	*out = in.rows;
	*count_out = in.count;
	return ERR_OK;
}

void reasons_free(struct reason_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(rows[i].error);
	free(rows);
}
