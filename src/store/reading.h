/* reading: a reader's inside, for the two files that are the reader. */
#ifndef STORE_READING_H
#define STORE_READING_H

#include "job.h"
#include "leadrelay/reader.h"

#define READER_MS 5000

struct reader {
	char *path;
	const char *vfs; /* NULL: SQLite's own */
	const struct clock *clock;
	struct db *db; /* NULL or broken: opened anew at the next call */
	bool (*stop)(void *ctx);
	void *stop_ctx;
};

/* A file by its path, or one of another VFS; as reader_open. */
enum err_code reading_open(struct reader **out, const char *path, const char *vfs,
	const struct clock *clock, struct err *err);
/* The two halves of reader_check. */
enum err_code reading_check_counts(struct reader *reader,
	void (*problem)(void *ctx, const char *text), void *ctx, struct err *err);
enum err_code reading_check_file(struct reader *reader,
	void (*problem)(void *ctx, const char *text), void *ctx, struct err *err);

/* One short read transaction, cut off after READER_MS. reading_end in any case; it hands
 * code through, with a word about what was being done. */
enum err_code reading_begin(struct reader *reader, struct err *err);
enum err_code reading_end(struct reader *reader, enum err_code code, struct err *err);

/* reader_show.c, inside a transaction. *out is the caller's to lead_row_finish. */
enum err_code reading_row(
	struct db *db, int64_t seq, struct lead_row *out, struct err *err);

#endif
