#include "rows.h"

#include "leadrelay/buf.h"
#include "mailing.h"
#include "match.h"

#include <stdlib.h>
#include <string.h>

#define ROW_BYTES 512 /* of a lead's rows, beside its texts, roughly */

/* ---- the lead ---- */

enum err_code last_seq_ask(struct db *db, struct err *err)
{
	if (db->last_seq >= 0)
		return ERR_OK;
	return db_int(db, db_stmt(db, SQL_LAST_SEQ), 0, &db->last_seq, err);
}

enum err_code lead_texts(
	const struct lead *lead, char **fields, char **extra, struct err *err)
{
	char *extra_text = lead->extra ? cJSON_PrintUnformatted(lead->extra) : NULL;
	struct buf fields_text = BUF_INIT;

	buf_reserve(&fields_text, ROW_BYTES);
	lead_fields_add(lead, &fields_text);
	if (!buf_ok(&fields_text) || (lead->extra && !extra_text)) {
		buf_finish(&fields_text);
		cJSON_free(extra_text);
		return err_set(err, ERR_NOMEM, "storing a lead: out of memory");
	}
	*fields = buf_take(&fields_text);
	*extra = extra_text;
	return ERR_OK;
}

static int64_t lead_time(const struct keeping *keeping, const struct lead *lead)
{
	return lead->received_at ? lead->received_at : keeping->now;
}

static enum err_code lead_add(struct db *db, const struct keeping *keeping,
	const struct lead *lead, const struct lead_raw *raw, int64_t seq, struct err *err)
{
	sqlite3_stmt *stmt;
	char *fields;
	char *extra;
	enum err_code code = lead_texts(lead, &fields, &extra, err);

	if (code != ERR_OK)
		return code;
	stmt = db_stmt(db, SQL_LEAD_ADD);
	sqlite3_bind_int64(stmt, 1, seq);
	db_bind_blob(stmt, 2, lead->id.bytes, sizeof(lead->id.bytes));
	sqlite3_bind_int64(stmt, 3, keeping->source);
	sqlite3_bind_int64(stmt, 4, lead_time(keeping, lead));
	sqlite3_bind_int(stmt, 5, keeping->quarantine ? LEAD_QUARANTINED : LEAD_KEPT);
	sqlite3_bind_int(stmt, 6, lead->test);
	db_bind_text(stmt, 7, lead->fields[FIELD_EMAIL]);
	db_bind_text(stmt, 8, lead->fields[FIELD_COMPANY]);
	db_bind_text(stmt, 9, keeping->quarantine);
	db_bind_text(stmt, 10, fields);
	db_bind_text(stmt, 11, extra);
	if (raw->of != 0)
		sqlite3_bind_int64(stmt, 12, raw->of);
	else if (raw->bytes)
		db_bind_blob(stmt, 13, raw->bytes, raw->len);
	code = db_run(db, stmt, err);
	db->leads++;
	db->bytes += strlen(fields) + (extra ? strlen(extra) : 0) + raw->len + ROW_BYTES;
	free(fields);
	cJSON_free(extra);
	return code == ERR_OK ? ERR_OK : err_wrap(err, "storing a lead");
}

/* What recognises it when the row is gone. */
static enum err_code match_row_add(struct db *db, const struct keeping *keeping,
	const struct lead *lead, const uint8_t *content, int64_t seq, struct err *err)
{
	const char *email = lead->fields[FIELD_EMAIL];
	const char *offer = lead->fields[FIELD_OFFER_TITLE];
	uint8_t email_hash[MATCH_SHORT];
	uint8_t offer_hash[MATCH_SHORT];
	enum err_code code = ERR_OK;
	sqlite3_stmt *stmt;

	if (email)
		code = match_hash_of(
			db, MATCH_EMAIL, email, email_hash, sizeof(email_hash), err);
	if (offer && code == ERR_OK)
		code = match_hash_of(
			db, MATCH_OFFER, offer, offer_hash, sizeof(offer_hash), err);
	if (code != ERR_OK)
		return code;
	stmt = db_stmt(db, SQL_MATCH_ADD);
	sqlite3_bind_int64(stmt, 1, seq);
	sqlite3_bind_int64(stmt, 2, lead_time(keeping, lead));
	sqlite3_bind_int(stmt, 3, (int)keeping->origin);
	if (email)
		db_bind_blob(stmt, 4, email_hash, sizeof(email_hash));
	if (offer)
		db_bind_blob(stmt, 5, offer_hash, sizeof(offer_hash));
	if (keeping->origin != ORIGIN_REQUEST)
		sqlite3_bind_int64(stmt, 6, keeping->now);
	if (content)
		db_bind_blob(stmt, 7, content, MATCH_LONG);
	code = db_run(db, stmt, err);
	return code == ERR_OK ? ERR_OK : err_wrap(err, "storing a match hash");
}

/* ---- what hangs on it ---- */

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

static enum err_code deliveries_add(struct db *db, struct accept_lead *item, int64_t seq,
	int64_t now, struct err *err)
{
	enum err_code code = ERR_OK;

	item->deliveries =
		calloc(item->destination_count + 1, 2 * sizeof(item->deliveries[0]));
	if (!item->deliveries)
		return err_set(err, ERR_NOMEM, "storing a lead: out of memory");
	item->ages = item->deliveries + item->destination_count;
	for (size_t i = 0; i < item->destination_count && code == ERR_OK; i++) {
		code = delivery_add(
			db, seq, item->destinations[i], now, &item->deliveries[i], err);
		if (code == ERR_OK)
			code = db_open_ms(
				db, item->destinations[i], now, &item->ages[i], err);
	}
	return code;
}

/* Windows stand still on the clock: all leads of one belong to the same end. */
static int64_t digest_end(const struct keeping *keeping)
{
	if (keeping->digest_ms <= 0)
		return 0;
	return (keeping->now / keeping->digest_ms + 1) * keeping->digest_ms;
}

static enum err_code notifications_add(struct db *db, const struct keeping *keeping,
	struct accept_lead *item, int64_t seq, struct err *err)
{
	struct new_mail mail = {.kind = MAIL_NOTIFICATION,
		.lead = seq,
		.digest_at = digest_end(keeping),
		.now = keeping->now};
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

static enum err_code work_add(struct db *db, const struct keeping *keeping,
	struct accept_lead *item, int64_t seq, struct err *err)
{
	enum err_code code = deliveries_add(db, item, seq, keeping->now, err);

	if (code == ERR_OK)
		code = notifications_add(db, keeping, item, seq, err);
	if (code == ERR_OK && item->destination_count == 0)
		code = idle_add(db, seq, keeping->now, err);
	return code;
}

/* ---- all of it ---- */

enum err_code lead_keep(struct db *db, const struct keeping *keeping,
	struct accept_lead *item, const struct lead_raw *raw, struct err *err)
{
	int64_t seq = db->last_seq + 1;
	enum err_code code = lead_add(db, keeping, &item->lead, raw, seq, err);

	if (code == ERR_OK)
		code = match_row_add(db, keeping, &item->lead, raw->content, seq, err);
	if (code == ERR_OK && !keeping->quarantine)
		code = work_add(db, keeping, item, seq, err);
	if (code != ERR_OK)
		return code;
	db->last_seq = seq;
	item->result = keeping->quarantine ? ACCEPT_QUARANTINED : ACCEPT_NEW;
	item->id = item->lead.id;
	item->seq = seq;
	return ERR_OK;
}

bool item_unusable(const struct accept_lead *item, bool quarantine)
{
	static const struct uuid none;

	if (uuid_equal(&item->lead.id, &none))
		return true;
	if (quarantine)
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

void item_reset(struct accept_lead *item)
{
	free(item->deliveries);
	item->deliveries = item->ages = NULL;
	free(item->mails);
	item->mails = NULL;
	item->mail_count = 0;
}
