#include "mention.h"

#include "leadrelay/forget.h"
#include "person.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LEADS_SLICE 1000
#define TEXTS_SLICE 5000
#define ERASED_AT_ONCE 200

struct found { /* an address whose owner is forgotten, as a text has it */
	char *address;
	int64_t *leads;
	size_t count, room;
	bool in_texts;
};

struct hunt {
	struct db *db;
	const struct mention_key *keys;
	size_t key_count;
	struct found *found;
	size_t count;
	int64_t lead; /* whose text is being read; 0: no lead's */
	enum err_code code;
	struct err *err;
};

/* ---- looking ---- */

static int by_hash(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct mention_key));
}

static bool is_forgotten(struct hunt *hunt, const char *address)
{
	struct mention_key key = {0};

	hunt->code = match_hash_of(hunt->db, MATCH_TOMBSTONE, address, key.hash,
		sizeof(key.hash), hunt->err);
	return hunt->code == ERR_OK &&
	       bsearch(&key, hunt->keys, hunt->key_count, sizeof(key), by_hash) != NULL;
}

static struct found *find_or_add(struct hunt *hunt, const char *address)
{
	struct found *more;

	for (size_t i = 0; i < hunt->count; i++)
		if (strcasecmp(hunt->found[i].address, address) == 0)
			return &hunt->found[i];
	more = realloc(hunt->found, (hunt->count + 1) * sizeof(*more));
	if (!more)
		return NULL;
	hunt->found = more;
	more[hunt->count] = (struct found){.address = strdup(address)};
	return more[hunt->count].address ? &more[hunt->count++] : NULL;
}

static bool note_lead(struct found *found, int64_t lead)
{
	int64_t *more;

	if (found->count > 0 && found->leads[found->count - 1] == lead)
		return true;
	if (found->count == found->room) {
		more = realloc(found->leads, (2 * found->room + 8) * sizeof(*more));
		if (!more)
			return false;
		found->leads = more;
		found->room = 2 * found->room + 8;
	}
	found->leads[found->count++] = lead;
	return true;
}

/* One that looks like an address. */
static bool on_address(void *ctx, const char *address)
{
	struct hunt *hunt = ctx;
	struct found *found;

	if (!is_forgotten(hunt, address))
		return hunt->code == ERR_OK;
	found = find_or_add(hunt, address);
	if (found && hunt->lead == 0)
		found->in_texts = true;
	if (!found || (hunt->lead != 0 && !note_lead(found, hunt->lead)))
		hunt->code = err_set(hunt->err, ERR_NOMEM, "erasing: out of memory");
	return hunt->code == ERR_OK;
}

static void look_at_columns(struct hunt *hunt, sqlite3_stmt *stmt, int first)
{
	for (int column = first;
		column < sqlite3_column_count(stmt) && hunt->code == ERR_OK; column++)
		person_addresses(sqlite3_column_blob(stmt, column),
			(size_t)sqlite3_column_bytes(stmt, column), on_address, hunt);
}

/* Rows (from, to]; of leads the first column is their seq. */
static enum err_code look_at_slice(
	struct hunt *hunt, enum sql id, int64_t from, int64_t to, struct err *err)
{
	bool of_leads = id == SQL_MENTION_LEADS;
	sqlite3_stmt *stmt = db_stmt(hunt->db, id);
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, from);
	sqlite3_bind_int64(stmt, 2, to);
	while ((row = db_next(hunt->db, stmt, err)) == DB_ROW) {
		hunt->lead = of_leads ? sqlite3_column_int64(stmt, 0) : 0;
		look_at_columns(hunt, stmt, of_leads ? 1 : 0);
		if (hunt->code != ERR_OK) {
			sqlite3_reset(stmt);
			return hunt->code;
		}
	}
	return row == DB_ERROR ? err->code : ERR_OK;
}

static const struct {
	enum sql last, texts;
	int64_t slice;
} places[] = {
	{SQL_LEAD_LAST, SQL_MENTION_LEADS, LEADS_SLICE},
	{SQL_FORGET_LAST_DELIVERY, SQL_MENTION_DELIVERIES, TEXTS_SLICE},
	{SQL_FORGET_LAST_DELIVERY, SQL_MENTION_ATTEMPTS, TEXTS_SLICE},
	{SQL_MAIL_LAST, SQL_MENTION_MAILS, TEXTS_SLICE},
	{SQL_MAIL_LAST, SQL_MENTION_MAIL_ATTEMPTS, TEXTS_SLICE},
	{SQL_FORGET_LAST_NOTICE, SQL_MENTION_NOTICES, TEXTS_SLICE},
	{SQL_FORGET_LAST_DESTINATION, SQL_MENTION_DESTINATIONS, TEXTS_SLICE},
};

static enum err_code look_everywhere(struct hunt *hunt, struct err *err)
{
	enum err_code code = ERR_OK;

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && code == ERR_OK;
		i++) {
		int64_t last = 0;

		code = db_int(hunt->db, db_stmt(hunt->db, places[i].last), 0, &last, err);
		for (int64_t at = 0; at < last && code == ERR_OK; at += places[i].slice)
			code = look_at_slice(
				hunt, places[i].texts, at, at + places[i].slice, err);
	}
	return code;
}

/* ---- erasing ---- */

static enum err_code end_batch(struct db *db, enum err_code code, struct err *err)
{
	if (code == ERR_OK && !tally_keep(&db->tally))
		code = err_set(err, ERR_NOMEM, "counting: out of memory");
	if (code == ERR_OK)
		code = db_commit(db, err);
	if (code != ERR_OK)
		db_rollback(db);
	return code;
}

static enum err_code erase_from_leads(
	struct db *db, const struct found *found, struct mentioned *out, struct err *err)
{
	enum err_code code = ERR_OK;

	for (size_t i = 0; i < found->count && code == ERR_OK;) {
		struct job_forget job = {.email = found->address};

		code = db_begin(db, err);
		for (size_t n = 0;
			n < ERASED_AT_ONCE && i < found->count && code == ERR_OK; n++)
			code = person_erase_from(db, &job, found->leads[i++], err);
		code = end_batch(db, code, err);
		out->erased += job.erased;
		out->others += job.blanked;
	}
	return code;
}

static enum err_code erase_from_texts(
	struct db *db, const char *address, int table, struct err *err)
{
	struct job_forget_texts job = {
		.email = address, .place.table = table, .more = true};
	enum err_code code = ERR_OK;

	while (job.more && code == ERR_OK) {
		code = db_begin(db, err);
		if (code == ERR_OK)
			code = person_erase_from_texts(db, &job, err);
		code = end_batch(db, code, err);
		job.place = job.next;
	}
	return code;
}

enum err_code mention_erase(struct db *db, struct mention_key *keys, size_t count,
	struct mentioned *out, struct err *err)
{
	struct hunt hunt = {.db = db, .keys = keys, .key_count = count, .err = err};
	enum err_code code;

	if (count == 0)
		return ERR_OK;
	qsort(keys, count, sizeof(*keys), by_hash);
	code = look_everywhere(&hunt, err);
	for (size_t i = 0; i < hunt.count && code == ERR_OK; i++) {
		code = erase_from_leads(db, &hunt.found[i], out, err);
		if (code == ERR_OK && hunt.found[i].in_texts)
			code = erase_from_texts(db, hunt.found[i].address, 0, err);
	}
	if (code == ERR_OK) /* of leads that are gone */
		code = erase_from_texts(db, "", PERSON_FINGERPRINTS, err);
	for (size_t i = 0; i < hunt.count; i++) {
		free(hunt.found[i].address);
		free(hunt.found[i].leads);
	}
	free(hunt.found);
	return code;
}
