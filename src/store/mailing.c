#include "mailing.h"

#include "queue.h"

#include <inttypes.h>

enum err_code mail_destination(struct db *db, int64_t *out, struct err *err)
{
	enum err_code code = ERR_OK;

	if (db->mail_destination < 0)
		code = db_int(db, db_stmt(db, SQL_MAIL_DESTINATION), 0,
			&db->mail_destination, err);
	*out = code == ERR_OK ? db->mail_destination : 0;
	return code;
}

enum err_code mail_destination_made(
	struct db *db, int64_t now, int64_t *out, struct err *err)
{
	enum err_code code = mail_destination(db, out, err);
	sqlite3_stmt *stmt;

	if (code != ERR_OK || *out != 0)
		return code;
	stmt = db_stmt(db, SQL_MAIL_DESTINATION_ADD);
	sqlite3_bind_int64(stmt, 1, now);
	code = db_run(db, stmt, err);
	if (code == ERR_OK)
		*out = db->mail_destination = sqlite3_last_insert_rowid(db->sqlite);
	return code;
}

enum err_code mail_is_destination(
	struct db *db, int64_t destination, bool *out, struct err *err)
{
	int64_t mails;
	enum err_code code = mail_destination(db, &mails, err);

	*out = mails != 0 && mails == destination;
	return code;
}

static void bind_id(sqlite3_stmt *stmt, int n, int64_t id)
{
	if (id != 0)
		sqlite3_bind_int64(stmt, n, id);
}

enum err_code mail_add(
	struct db *db, const struct new_mail *mail, int64_t *id_out, struct err *err)
{
	int64_t destination;
	int64_t open_ms = 0;
	sqlite3_stmt *stmt;
	enum err_code code = mail_destination_made(db, mail->now, &destination, err);

	if (code == ERR_OK)
		code = db_open_ms(db, destination, mail->now, &open_ms, err);
	if (code != ERR_OK)
		return code;
	stmt = db_stmt(db, SQL_MAIL_ADD);
	sqlite3_bind_int(stmt, 1, (int)mail->kind);
	bind_id(stmt, 2, mail->lead);
	bind_id(stmt, 3, mail->notice);
	db_bind_text(stmt, 4, mail->contact);
	sqlite3_bind_int64(stmt, 5, mail->now);
	sqlite3_bind_int(stmt, 6, mail->digest_at ? QUEUE_DIGEST : QUEUE_FRESH);
	sqlite3_bind_int64(stmt, 7, mail->digest_at ? mail->digest_at : mail->now);
	sqlite3_bind_int64(stmt, 8, mail->digest_at);
	sqlite3_bind_int64(stmt, 9, open_ms);
	code = db_run(db, stmt, err);
	if (code != ERR_OK)
		return err_wrap(err, "storing a mail");
	*id_out = sqlite3_last_insert_rowid(db->sqlite);
	tally_mail_new(&db->tally, destination, (int)mail->kind);
	return ERR_OK;
}

enum err_code mail_get(struct db *db, int64_t id, struct mail_brief *out, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_MAIL_GET);
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, id);
	row = db_next(db, stmt, err);
	if (row == DB_ERROR)
		return err->code;
	if (row == DB_DONE)
		return err_set(err, ERR_STALE, "mail %" PRId64 " is gone", id);
	*out = (struct mail_brief){.kind = sqlite3_column_int(stmt, 0),
		.state = (enum delivery_state)sqlite3_column_int(stmt, 1),
		.carrier = sqlite3_column_int64(stmt, 2),
		.notice = sqlite3_column_int64(stmt, 3)};
	sqlite3_reset(stmt);
	return ERR_OK;
}
