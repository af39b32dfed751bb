#include "match.h"

#include "leadrelay/buf.h"
#include "leadrelay/text.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_SIZE 32

struct match { /* of one connection */
	uint8_t key[KEY_SIZE];
	EVP_MD *md;
	EVP_MD_CTX *context;
	struct buf text; /* what is being hashed */
};

/* A hash that is not there would be stored as if it were. */
static void require(bool done)
{
	if (done)
		return;
	fputs("OpenSSL cannot compute SHA-256: out of memory, or no provider has it\n",
		stderr);
	abort();
}

static enum err_code read_key(struct db *db, uint8_t *key, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_META_GET);
	enum db_row row;

	db_bind_text(stmt, 1, "match_key");
	row = db_next(db, stmt, err);
	if (row == DB_ERROR)
		return err->code;
	if (row == DB_DONE || sqlite3_column_bytes(stmt, 0) != KEY_SIZE) {
		sqlite3_reset(stmt);
		return err_set(err, ERR_CORRUPT,
			"the outbox has lost the key of its match hashes (meta.match_key); put a"
			" copy from before in its place");
	}
	memcpy(key, sqlite3_column_blob(stmt, 0), KEY_SIZE);
	sqlite3_reset(stmt);
	return ERR_OK;
}

static enum err_code ready(struct db *db, struct err *err)
{
	uint8_t key[KEY_SIZE];
	struct match *match;
	enum err_code code;

	if (db->match)
		return ERR_OK;
	code = read_key(db, key, err);
	if (code != ERR_OK)
		return code;
	match = calloc(1, sizeof(*match));
	if (!match)
		return err_set(err, ERR_NOMEM, "out of memory");
	memcpy(match->key, key, sizeof(key));
	match->md = EVP_MD_fetch(NULL, "SHA256", NULL);
	match->context = EVP_MD_CTX_new();
	require(match->md && match->context &&
		EVP_DigestInit_ex(match->context, match->md, NULL));
	db->match = match;
	return ERR_OK;
}

void match_free(struct match *match)
{
	if (!match)
		return;
	EVP_MD_CTX_free(match->context);
	EVP_MD_free(match->md);
	buf_wipe(&match->text);
	explicit_bzero(match->key, sizeof(match->key));
	free(match);
}

/* The key and the kind come first; of what comes out at least half is cut off, so that
 * nothing can be added behind. */
enum err_code match_begin(struct db *db, enum match_kind kind, struct err *err)
{
	enum err_code code = ready(db, err);
	struct buf *text;

	if (code != ERR_OK)
		return code;
	text = &db->match->text;
	buf_clear(text);
	buf_add(text, db->match->key, KEY_SIZE);
	buf_addc(text, (char)kind);
	return ERR_OK;
}

void match_add(struct db *db, const void *bytes, size_t len)
{
	buf_add(&db->match->text, bytes, len);
}

enum err_code match_end(struct db *db, uint8_t *out, size_t len, struct err *err)
{
	struct match *match = db->match;
	uint8_t whole[SHA256_SIZE];

	if (!buf_ok(&match->text))
		return err_set(err, ERR_NOMEM, "out of memory");
	require(len <= MATCH_LONG && EVP_DigestInit_ex(match->context, NULL, NULL) &&
		EVP_DigestUpdate(match->context, match->text.data, match->text.len) &&
		EVP_DigestFinal_ex(match->context, whole, NULL));
	memcpy(out, whole, len);
	return ERR_OK;
}

enum err_code match_hash_of(struct db *db, enum match_kind kind, const char *text,
	uint8_t *out, size_t len, struct err *err)
{
	enum err_code code = match_begin(db, kind, err);

	if (code != ERR_OK)
		return code;
	text_fold(&db->match->text, text);
	return match_end(db, out, len, err);
}

/* ---- a row ---- */

static void add_number(struct db *db, int64_t number)
{
	uint8_t bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)((uint64_t)number >> (8 * i));
	match_add(db, bytes, sizeof(bytes));
}

/* With its NUL: where one text ends and the next begins is part of what is hashed. */
static void add_text(struct db *db, const char *text)
{
	match_add(db, text, strlen(text) + 1);
}

static enum err_code add_value(struct db *db, const cJSON *item, struct err *err)
{
	char *text;

	if (cJSON_IsString(item)) {
		match_add(db, "=", 1);
		add_text(db, item->valuestring);
		return ERR_OK;
	}
	text = cJSON_PrintUnformatted(item);
	if (!text)
		return err_set(err, ERR_NOMEM, "out of memory");
	match_add(db, ":", 1);
	add_text(db, text);
	cJSON_free(text);
	return ERR_OK;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(
		(*(const cJSON *const *)a)->string, (*(const cJSON *const *)b)->string);
}

/* By name: the columns of another file may stand in another order. */
static enum err_code add_extra(struct db *db, const cJSON *extra, struct err *err)
{
	size_t count = (size_t)cJSON_GetArraySize(extra);
	const cJSON **items = calloc(count + 1, sizeof(items[0]));
	enum err_code code = ERR_OK;
	const cJSON *item;
	size_t n = 0;

	if (!items)
		return err_set(err, ERR_NOMEM, "out of memory");
	cJSON_ArrayForEach (item, extra)
		items[n++] = item;
	qsort(items, n, sizeof(items[0]), by_name);
	for (size_t i = 0; i < n && code == ERR_OK; i++) {
		add_text(db, items[i]->string);
		code = add_value(db, items[i], err);
	}
	free(items);
	return code;
}

enum err_code match_content(struct db *db, int64_t source, const struct lead *lead,
	bool with_time, uint8_t out[MATCH_LONG], struct err *err)
{
	enum err_code code = match_begin(db, MATCH_CONTENT, err);

	if (code != ERR_OK)
		return code;
	add_number(db, source);
	add_number(db, with_time ? lead->received_at : 0);
	for (int i = 0; i < FIELD_COUNT; i++)
		if (lead->fields[i]) {
			add_text(db, lead_field_name((enum lead_field)i));
			add_text(db, lead->fields[i]);
		}
	if (lead->extra) {
		match_add(db, "+", 1);
		code = add_extra(db, lead->extra, err);
	}
	return code == ERR_OK ? match_end(db, out, MATCH_LONG, err) : code;
}

enum err_code match_again(
	struct db *db, int64_t n, uint8_t hash[MATCH_LONG], struct err *err)
{
	enum err_code code = match_begin(db, MATCH_AGAIN, err);

	if (code != ERR_OK)
		return code;
	match_add(db, hash, MATCH_LONG);
	add_number(db, n);
	return match_end(db, hash, MATCH_LONG, err);
}
