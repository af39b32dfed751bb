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
	struct buf folded;
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
	buf_wipe(&match->folded);
	explicit_bzero(match->key, sizeof(match->key));
	free(match);
}

/* The key and the kind come first; of what comes out at least half is cut off, so that
 * nothing can be added behind. */
enum err_code match_begin(struct db *db, enum match_kind kind, struct err *err)
{
	enum err_code code = ready(db, err);
	uint8_t head[KEY_SIZE + 1];

	if (code != ERR_OK)
		return code;
	memcpy(head, db->match->key, KEY_SIZE);
	head[KEY_SIZE] = (uint8_t)kind;
	require(EVP_DigestInit_ex(db->match->context, NULL, NULL));
	match_add(db, head, sizeof(head));
	return ERR_OK;
}

void match_add(struct db *db, const void *bytes, size_t len)
{
	require(EVP_DigestUpdate(db->match->context, bytes, len));
}

void match_end(struct db *db, uint8_t *out, size_t len)
{
	uint8_t whole[SHA256_SIZE];

	require(len <= MATCH_LONG && EVP_DigestFinal_ex(db->match->context, whole, NULL));
	memcpy(out, whole, len);
}

enum err_code match_hash_of(struct db *db, enum match_kind kind, const char *text,
	uint8_t *out, size_t len, struct err *err)
{
	enum err_code code = match_begin(db, kind, err);
	struct buf *folded;

	if (code != ERR_OK)
		return code;
	folded = &db->match->folded;
	buf_clear(folded);
	text_fold(folded, text);
	if (!buf_ok(folded))
		return err_set(err, ERR_NOMEM, "out of memory");
	match_add(db, folded->data, folded->len);
	match_end(db, out, len);
	return ERR_OK;
}
