#include "contents.h"

#include "rows.h"

#include <stdlib.h>
#include <string.h>

#define ENOUGH 65536 /* in memory only, before they go into the index */
#define ROOM_MIN 1024

struct hash {
	uint8_t bytes[MATCH_LONG];
};

struct contents {
	struct hash *slots; /* a set, open addressing; all zero: nobody's */
	size_t room;        /* a power of two */
	size_t count;
	struct hash *sorted; /* on their way into the index; NULL: none */
	size_t sorted_count;
	size_t settled;    /* of them */
	int64_t sorted_to; /* the log's end when they were sorted */
	int64_t until;     /* the log up to here is in the index */
	bool imports;      /* somebody is importing, or was and did not end */
};

static enum err_code no_memory(struct err *err)
{
	return err_set(err, ERR_NOMEM, "importing: out of memory");
}

/* ---- the set ---- */

static bool nobodys(const struct hash *hash)
{
	static const struct hash none;

	return memcmp(hash, &none, sizeof(none)) == 0;
}

/* Where hash is, or would be. */
static struct hash *find(const struct contents *contents, const struct hash *hash)
{
	size_t at;

	memcpy(&at, hash->bytes, sizeof(at));
	for (;; at++) {
		struct hash *slot = &contents->slots[at & (contents->room - 1)];

		if (nobodys(slot) || memcmp(slot, hash, sizeof(*slot)) == 0)
			return slot;
	}
}

static bool grow(struct contents *contents)
{
	struct contents larger = *contents;

	larger.room = contents->room ? 2 * contents->room : ROOM_MIN;
	larger.slots = calloc(larger.room, sizeof(larger.slots[0]));
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < contents->room; i++)
		if (!nobodys(&contents->slots[i]))
			*find(&larger, &contents->slots[i]) = contents->slots[i];
	free(contents->slots);
	*contents = larger;
	return true;
}

static bool add(struct contents *contents, const struct hash *hash)
{
	struct hash *slot;

	if (2 * contents->count >= contents->room && !grow(contents))
		return false;
	slot = find(contents, hash);
	contents->count += nobodys(slot);
	*slot = *hash;
	return true;
}

/* ---- the log ---- */

static enum err_code read_log(struct db *db, struct contents *contents, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_CONTENTS);
	enum err_code code = ERR_OK;
	enum db_row row;
	struct hash hash;

	sqlite3_bind_int64(stmt, 1, contents->until);
	while ((row = db_next(db, stmt, err)) == DB_ROW && code == ERR_OK) {
		if (sqlite3_column_bytes(stmt, 0) != MATCH_LONG)
			continue;
		memcpy(hash.bytes, sqlite3_column_blob(stmt, 0), MATCH_LONG);
		if (!add(contents, &hash))
			code = no_memory(err);
	}
	if (row == DB_ERROR)
		return err->code;
	sqlite3_reset(stmt);
	return code;
}

static void contents_free(struct contents *contents)
{
	free(contents->slots);
	free(contents->sorted);
	free(contents);
}

/* Reads what is in no index, where it is not known. */
static enum err_code ready(struct db *db, struct err *err)
{
	struct contents *contents;
	sqlite3_stmt *stmt;
	enum err_code code;

	if (db->contents)
		return ERR_OK;
	contents = calloc(1, sizeof(*contents));
	if (!contents || !grow(contents)) {
		free(contents);
		return no_memory(err);
	}
	stmt = db_stmt(db, SQL_META_GET);
	db_bind_text(stmt, 1, "imported_until");
	code = db_int(db, stmt, 0, &contents->until, err);
	if (code == ERR_OK)
		code = read_log(db, contents, err);
	if (code == ERR_OK)
		db->contents = contents;
	else
		contents_free(contents);
	return code;
}

void contents_forget(struct db *db)
{
	if (db->contents)
		contents_free(db->contents);
	db->contents = NULL;
}

/* ---- asking ---- */

static int by_bytes(const void *a, const void *b)
{
	return memcmp(a, b, MATCH_LONG);
}

enum err_code contents_known(
	struct db *db, const uint8_t hash[MATCH_LONG], bool *out, struct err *err)
{
	enum err_code code = ready(db, err);
	const struct contents *contents = db->contents;
	sqlite3_stmt *stmt;
	int64_t found = 0;
	struct hash key;

	if (code != ERR_OK)
		return code;
	memcpy(key.bytes, hash, MATCH_LONG);
	*out = !nobodys(find(contents, &key)) ||
	       (contents->sorted &&
		       bsearch(&key, contents->sorted, contents->sorted_count,
			       sizeof(key), by_bytes));
	if (*out || contents->until == 0) /* what is in the index is in memory, too */
		return ERR_OK;
	stmt = db_stmt(db, SQL_IMPORTED_GET);
	db_bind_blob(stmt, 1, hash, MATCH_LONG);
	code = db_int(db, stmt, 0, &found, err);
	*out = found != 0;
	return code;
}

enum err_code contents_add(struct db *db, const uint8_t hash[MATCH_LONG], struct err *err)
{
	enum err_code code = ready(db, err);
	struct hash key;

	if (code != ERR_OK)
		return code;
	memcpy(key.bytes, hash, MATCH_LONG);
	db->contents->imports = true;
	return add(db->contents, &key) ? ERR_OK : no_memory(err);
}

/* ---- into the index ---- */

static enum err_code sort(struct db *db, struct err *err)
{
	struct contents *contents = db->contents;
	size_t n = 0;

	contents->sorted = calloc(contents->count, sizeof(contents->sorted[0]));
	if (!contents->sorted)
		return no_memory(err);
	for (size_t i = 0; i < contents->room; i++)
		if (!nobodys(&contents->slots[i]))
			contents->sorted[n++] = contents->slots[i];
	qsort(contents->sorted, n, sizeof(contents->sorted[0]), by_bytes);
	memset(contents->slots, 0, contents->room * sizeof(contents->slots[0]));
	contents->count = 0;
	contents->sorted_count = n;
	contents->settled = 0;
	contents->sorted_to = db->last_seq;
	return ERR_OK;
}

static enum err_code move_until(struct db *db, int64_t until, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_META_PUT);

	db_bind_text(stmt, 1, "imported_until");
	sqlite3_bind_int64(stmt, 2, until);
	db->contents->until = until;
	return db_run(db, stmt, err);
}

static enum err_code settle(struct db *db, size_t max, struct err *err)
{
	struct contents *contents = db->contents;
	enum err_code code = ERR_OK;

	for (; max > 0 && contents->settled < contents->sorted_count && code == ERR_OK;
		max--) {
		sqlite3_stmt *stmt = db_stmt(db, SQL_IMPORTED_ADD);

		db_bind_blob(
			stmt, 1, contents->sorted[contents->settled++].bytes, MATCH_LONG);
		code = db_run(db, stmt, err);
	}
	if (code != ERR_OK || contents->settled < contents->sorted_count)
		return code;
	free(contents->sorted);
	contents->sorted = NULL;
	return move_until(db, contents->sorted_to, err);
}

enum err_code contents_settle(struct db *db, size_t rows, struct err *err)
{
	enum err_code code = ready(db, err);

	if (code == ERR_OK && !db->contents->sorted && db->contents->count >= ENOUGH)
		code = sort(db, err);
	if (code != ERR_OK || !db->contents->sorted)
		return code;
	return settle(db, rows + rows / 4 + 1, err); /* faster than they come */
}

enum err_code contents_settle_all(struct db *db, int max, bool *more, struct err *err)
{
	enum err_code code = last_seq_ask(db, err);
	struct contents *contents;

	*more = false;
	if (code == ERR_OK)
		code = ready(db, err);
	if (code != ERR_OK)
		return code;
	contents = db->contents;
	if (contents->imports) /* which settles as it goes, in larger batches */
		return ERR_OK;
	if (!contents->sorted && contents->count == 0) {
		if (contents->until < db->last_seq)
			code = move_until(db, db->last_seq, err);
		contents_forget(db);
		return code;
	}
	if (!contents->sorted)
		code = sort(db, err);
	if (code == ERR_OK)
		code = settle(db, (size_t)max, err);
	*more = contents->sorted || contents->count > 0;
	return code;
}
