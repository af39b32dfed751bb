/*
 * carve: the rows of a database file that SQLite does not open any more, page by page,
 * without SQLite. Internal to the store.
 *
 * What a page belongs to is told by the schema and the tree as far as they can be read,
 * else by the shape of its rows (the tables are STRICT, so types tell). Newest versions
 * of pages come from the WAL: of every transaction whose commit is in it, before and
 * behind damage (wal.h).
 */
#ifndef STORE_CARVE_H
#define STORE_CARVE_H

#include "leadrelay/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CARVE_COLUMNS 40

enum carve_type { CARVE_NULL, CARVE_INT, CARVE_REAL, CARVE_TEXT, CARVE_BLOB };
struct carve_value {
	enum carve_type type;
	int64_t number; /* of a REAL: its bits */
	const uint8_t *bytes;
	size_t len;
};
struct carve_row {
	bool has_rowid;
	int64_t rowid;
	struct carve_value values[CARVE_COLUMNS];
	int count;
};

struct carve_table { /* what is looked for */
	const char *name;
	bool without_rowid;
};

struct carve_options {
	int fd, wal_fd; /* wal_fd -1: none */
	const struct carve_table *tables;
	int table_count;
	/* Which table a row of an orphaned page is of; -1: none. */
	int (*guess)(void *ctx, const struct carve_row *row);
	/* False: it is not a row of that table: lost. */
	bool (*take)(void *ctx, int table, const struct carve_row *row);
	bool (*go_on)(void *ctx, int64_t page, int64_t pages);
	void *ctx;
};
struct carved {
	int64_t pages;   /* of the file */
	int64_t orphans; /* pages that no tree led to, read by their shape */
	int64_t lost;    /* rows and pages that made no sense */
	int64_t mended;  /* frames of the WAL with a byte that was put right */
	/* pages whose newest version stands in a damaged frame: their rows are older than
	 * they could be, or may be wrong */
	int64_t uncertain;
};
enum err_code carve(
	const struct carve_options *options, struct carved *out, struct err *err);

#endif
