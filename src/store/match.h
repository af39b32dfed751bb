/*
 * match: keyed hashes that recognise an address, an offer or a row without holding it.
 * Internal to the store. The key is the outbox's own (meta.match_key), read once per
 * connection.
 */
#ifndef STORE_MATCH_H
#define STORE_MATCH_H

#include "db.h"
#include "leadrelay/lead.h"

enum match_kind { /* part of what is hashed: never renumber */
	MATCH_EMAIL = 1,
	MATCH_OFFER = 2,
	MATCH_CONTENT = 3,
	MATCH_TOMBSTONE = 4, /* of an e-mail */
	MATCH_AGAIN = 5,     /* of a content's hash and a number */
};
#define MATCH_SHORT 8 /* bytes of an e-mail's, an offer's */
#define MATCH_LONG 16 /* of a content's, a tombstone's */

/* The first len bytes of the hash of text, as text_fold makes it. On a reader's
 * connection inside its transaction. */
enum err_code match_hash_of(struct db *db, enum match_kind kind, const char *text,
	uint8_t *out, size_t len, struct err *err);

/* The same of several parts, as they are: begin, any number of adds, end. */
enum err_code match_begin(struct db *db, enum match_kind kind, struct err *err);
void match_add(struct db *db, const void *bytes, size_t len);
enum err_code match_end(struct db *db, uint8_t *out, size_t len, struct err *err);

/* A row of a file: the source, every field, what else it has (in any order), and its time
 * where the file gives one. */
enum err_code match_content(struct db *db, int64_t source, const struct lead *lead,
	bool with_time, uint8_t out[MATCH_LONG], struct err *err);
/* The n-th row of that content: hash becomes another. */
enum err_code match_again(
	struct db *db, int64_t n, uint8_t hash[MATCH_LONG], struct err *err);

void match_free(struct match *match); /* NULL is fine */

#endif
