/*
 * mail_claim: a mail with what is needed to write it: its lead or leads, or the words of
 * its notice. A digest is frozen here: one UPDATE gives all of its window to the mail
 * that is claimed, in the claim's own transaction; a crash before the commit leaves the
 * window as it was, one after it the same mail for every attempt to come.
 */
#include "leadrelay/log.h"
#include "mailing.h"
#include "queue.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- what it is made of ---- */

static void attachment_finish(struct mail_attachment *attachment)
{
	free(attachment->type);
	free(attachment->name);
	free(attachment->content_id);
	free(attachment->bytes);
}

void mail_item_free(struct mail_item *item)
{
	if (!item)
		return;
	for (size_t i = 0; i < item->lead_count; i++)
		lead_finish(&item->leads[i]);
	for (size_t i = 0; i < item->attachment_count; i++)
		attachment_finish(&item->attachments[i]);
	free(item->leads);
	free(item->attachments);
	free(item->contact);
	free(item->message_id);
	free(item->subject);
	free(item->text);
	free(item->html);
	free(item);
}

static enum err_code out_of_memory(struct err *err)
{
	return err_set(err, ERR_NOMEM, "claiming a mail: out of memory");
}

/* ---- leads ---- */

static int by_received_at(const void *a, const void *b)
{
	const struct lead *left = a;
	const struct lead *right = b;

	return (left->received_at > right->received_at) -
	       (left->received_at < right->received_at);
}

/* One that is unreadable is left out and told: it stops no other. */
static enum err_code take_lead(struct mail_item *item, sqlite3_stmt *stmt, int64_t id,
	int64_t *bytes, struct err *err)
{
	struct lead *leads =
		realloc(item->leads, (item->lead_count + 1) * sizeof(leads[0]));
	char number[LOG_NUMBER_SIZE];
	enum err_code code;

	if (!leads)
		return out_of_memory(err);
	item->leads = leads;
	leads[item->lead_count] = LEAD_INIT;
	code = lead_read(stmt, 0, &leads[item->lead_count], err);
	if (code == ERR_CORRUPT) {
		log_error(
			"lead unreadable, it is left out of its notification; see leadctl"
			" check",
			"mail", log_num(id, number), NULL);
		return ERR_OK;
	}
	if (code == ERR_OK)
		item->lead_count++;
	*bytes += sqlite3_column_bytes(stmt, 4) + sqlite3_column_bytes(stmt, 5);
	return code;
}

static enum err_code load_leads(struct db *db, struct mail_item *item, int64_t id,
	bool digest, int64_t *bytes, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, digest ? SQL_MAIL_LEADS : SQL_MAIL_LEAD);
	enum err_code code = ERR_OK;
	enum db_row row = DB_DONE;

	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int(stmt, 2, MAIL_DIGEST_MAX);
	while (code == ERR_OK && (row = db_next(db, stmt, err)) == DB_ROW)
		code = take_lead(item, stmt, id, bytes, err);
	sqlite3_reset(stmt);
	if (row == DB_ERROR)
		code = err->code;
	if (item->lead_count > 1)
		qsort(item->leads, item->lead_count, sizeof(item->leads[0]),
			by_received_at);
	return code;
}

static enum err_code load_digest(struct db *db, struct mail_item *item, int64_t id,
	int64_t *bytes, struct err *err)
{
	sqlite3_stmt *stmt;
	int64_t all = 0;
	enum err_code code = load_leads(db, item, id, true, bytes, err);

	if (code != ERR_OK)
		return code;
	stmt = db_stmt(db, SQL_MAIL_COUNT);
	sqlite3_bind_int64(stmt, 1, id);
	code = db_int(db, stmt, 0, &all, err);
	item->left_out = all > MAIL_DIGEST_MAX ? all - MAIL_DIGEST_MAX : 0;
	return code;
}

/* ---- notices ---- */

static enum err_code read_attachment(
	sqlite3_stmt *stmt, struct mail_attachment *out, struct err *err)
{
	size_t len = (size_t)sqlite3_column_bytes(stmt, 3);
	const void *bytes = sqlite3_column_blob(stmt, 3);
	enum err_code code;

	*out = (struct mail_attachment){.len = len, .bytes = malloc(len + 1)};
	if (!out->bytes)
		return out_of_memory(err);
	if (len > 0)
		memcpy(out->bytes, bytes, len);
	out->bytes[len] = '\0';
	code = db_text(stmt, 0, &out->type, err);
	if (code == ERR_OK)
		code = db_text(stmt, 1, &out->name, err);
	return code == ERR_OK ? db_text(stmt, 2, &out->content_id, err) : code;
}

static enum err_code load_attachments(struct db *db, struct mail_item *item,
	int64_t notice, int64_t *bytes, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_MAIL_ATTACHMENTS);
	enum err_code code = ERR_OK;
	enum db_row row = DB_DONE;

	sqlite3_bind_int64(stmt, 1, notice);
	while (code == ERR_OK && (row = db_next(db, stmt, err)) == DB_ROW) {
		struct mail_attachment *more = realloc(item->attachments,
			(item->attachment_count + 1) * sizeof(more[0]));

		if (!more) {
			code = out_of_memory(err);
			break;
		}
		item->attachments = more;
		code = read_attachment(stmt, &more[item->attachment_count++], err);
		*bytes += sqlite3_column_bytes(stmt, 3);
	}
	sqlite3_reset(stmt);
	return row == DB_ERROR ? err->code : code;
}

static enum err_code load_notice(struct db *db, struct mail_item *item, int64_t notice,
	int64_t *bytes, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_MAIL_NOTICE);
	enum err_code code;
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, notice);
	row = db_next(db, stmt, err);
	if (row != DB_ROW)
		return row == DB_ERROR
			       ? err->code
			       : err_set(err, ERR_CORRUPT, "a mail without words");
	code = db_text(stmt, 0, &item->subject, err);
	if (code == ERR_OK)
		code = db_text(stmt, 1, &item->text, err);
	if (code == ERR_OK)
		code = db_text(stmt, 2, &item->html, err);
	*bytes += sqlite3_column_bytes(stmt, 1) + sqlite3_column_bytes(stmt, 2);
	sqlite3_reset(stmt);
	return code == ERR_OK ? load_attachments(db, item, notice, bytes, err) : code;
}

/* ---- one mail ---- */

struct mail_facts { /* of the row */
	int64_t lead, notice;
	int64_t digest_at;
	int64_t carrier;
	enum queue queue;
};

static enum err_code read_message_id(
	sqlite3_stmt *stmt, struct mail_item *item, struct err *err)
{
	const char *relay = (const char *)sqlite3_column_text(stmt, 14);
	char text[UUID_TEXT_SIZE];
	struct uuid uid;

	if (!db_uuid(stmt, 4, &uid))
		return err_set(err, ERR_CORRUPT, "a mail without an id");
	if (asprintf(&item->message_id, "%s@%s.leadrelay", uuid_text(&uid, text),
		    relay ? relay : "relay") < 0) {
		item->message_id = NULL;
		return out_of_memory(err);
	}
	return ERR_OK;
}

static enum err_code read_row(sqlite3_stmt *stmt, struct claimed *out,
	struct mail_facts *facts, struct err *err)
{
	struct mail_item *item = out->mail;
	enum err_code code;

	item->kind = (enum mail_kind)sqlite3_column_int(stmt, 0);
	item->created_at = sqlite3_column_int64(stmt, 5);
	out->lead_seq = facts->lead = sqlite3_column_int64(stmt, 1);
	facts->notice = sqlite3_column_int64(stmt, 2);
	out->due_at = sqlite3_column_int64(stmt, 6);
	out->attempts = sqlite3_column_int(stmt, 7);
	out->few = sqlite3_column_int(stmt, 8);
	out->age_from = sqlite3_column_int64(stmt, 9);
	out->last_outcome = (enum outcome_kind)sqlite3_column_int(stmt, 10);
	facts->queue = (enum queue)sqlite3_column_int(stmt, 11);
	facts->digest_at = sqlite3_column_int64(stmt, 12);
	facts->carrier = sqlite3_column_int64(stmt, 13);
	code = db_text(stmt, 3, &item->contact, err);
	return code == ERR_OK ? read_message_id(stmt, item, err) : code;
}

static enum err_code freeze(struct db *db, int64_t id, const struct mail_facts *facts,
	const char *contact, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_MAIL_FREEZE);

	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int64(stmt, 2, facts->digest_at);
	db_bind_text(stmt, 3, contact);
	return db_run(db, stmt, err);
}

static enum err_code load_content(struct db *db, const struct claimed *claimed,
	struct mail_facts *facts, int64_t *bytes, struct err *err)
{
	struct mail_item *item = claimed->mail;
	enum err_code code = ERR_OK;

	if (item->kind != MAIL_NOTIFICATION)
		return load_notice(db, item, facts->notice, bytes, err);
	if (facts->queue == QUEUE_DIGEST) {
		code = freeze(db, claimed->delivery, facts, item->contact, err);
		facts->carrier = claimed->delivery;
	}
	if (code == ERR_OK && facts->carrier != 0)
		code = load_digest(db, item, claimed->delivery, bytes, err);
	else if (code == ERR_OK)
		code = load_leads(db, item, claimed->delivery, false, bytes, err);
	if (code == ERR_OK && item->lead_count == 0)
		code = err_set(err, ERR_CORRUPT, "none of its leads can be read");
	return code;
}

static bool not_its_turn(
	const struct claimed *claimed, const struct mail_facts *facts, int64_t now)
{
	return facts->queue == QUEUE_CARRIED ||
	       (facts->queue == QUEUE_DIGEST && claimed->due_at > now);
}

enum err_code mail_load(struct db *db, int64_t id, int64_t now, struct claimed *item,
	int64_t *bytes_out, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_MAIL_LOAD);
	struct mail_facts facts = {0};
	char number[LOG_NUMBER_SIZE];
	int64_t bytes = 1;
	enum err_code code;
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, id);
	row = db_next(db, stmt, err);
	if (row != DB_ROW)
		return row == DB_DONE ? ERR_OK : err->code;
	*item = (struct claimed){
		.delivery = id, .mail = calloc(1, sizeof(struct mail_item))};
	if (!item->mail) {
		sqlite3_reset(stmt);
		return out_of_memory(err);
	}
	code = read_row(stmt, item, &facts, err);
	sqlite3_reset(stmt);
	if (code == ERR_OK && not_its_turn(item, &facts, now))
		bytes = 0;
	else if (code == ERR_OK)
		code = load_content(db, item, &facts, &bytes, err);
	if (code == ERR_CORRUPT && !db->broken) {
		log_error("mail unreadable, it is left out; see leadctl check", "mail",
			log_num(id, number), NULL);
		code = ERR_OK;
		bytes = 0;
	}
	if (code != ERR_OK || bytes == 0)
		claimed_finish(item);
	*bytes_out = code == ERR_OK ? bytes : 0;
	return code;
}
