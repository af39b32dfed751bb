/*
 * contents: which rows were imported before. Internal to the store.
 *
 * Every imported lead's match_hash row holds its content's hash: that is the log, and it
 * grows at its right edge. `imported` is the index of that log up to meta.imported_until.
 * What lies behind is known in memory only, is read again from the log after a rollback
 * or a start, and is put into the index in sorted batches: hashes are random, and each
 * by itself would write a page of the index anew.
 *
 * Like the connection, not thread-safe.
 */
#ifndef STORE_CONTENTS_H
#define STORE_CONTENTS_H

#include "match.h"

enum err_code contents_known(
	struct db *db, const uint8_t hash[MATCH_LONG], bool *out, struct err *err);
/* Once its row in match_hash is written, in the same transaction. */
enum err_code contents_add(
	struct db *db, const uint8_t hash[MATCH_LONG], struct err *err);
/* After a batch of rows: when enough are in memory only, that many go into the index. */
enum err_code contents_settle(struct db *db, size_t rows, struct err *err);
/* While nobody imports: up to max go into the index, however few there are; *more: others
 * are left. */
enum err_code contents_settle_all(struct db *db, int max, bool *more, struct err *err);

void contents_forget(struct db *db); /* the memory; what is committed is read again */

#endif
