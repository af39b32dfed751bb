/*
 * wal: the frames of SQLite's write-ahead log, read without SQLite. Internal to the
 * store.
 *
 * SQLite takes the first frame that is not whole for the end of the log, and forgets what
 * stands behind it. Behind a power cut that is right: the last transaction was not synced
 * and may have arrived with holes, in any order. But a transaction is begun only when the
 * one before it was synced, so a frame that follows a commit proves that this commit was
 * on the disk, whole: if it is not whole now, something damaged the log, and what stands
 * behind is somebody's.
 *
 * The checksum of a frame begins with that of the frame before it, so "follows" can be
 * told even if one of the two is damaged. It also tells which single byte has changed,
 * and to what it was, in most cases.
 */
#ifndef STORE_WAL_H
#define STORE_WAL_H

#include "leadrelay/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wal_read { WAL_READ, WAL_END, WAL_FAILED };
struct wal_source {
	/* All of len bytes from at on, or WAL_END. */
	enum wal_read (*read)(void *ctx, void *out, size_t len, int64_t at);
	void *ctx;
};

enum wal_sound {
	WAL_WHOLE,
	WAL_MENDED, /* one byte has changed, and it is known which */
	WAL_DAMAGED,
};
struct wal_frame {
	int64_t at; /* of its page, in the file */
	uint32_t page;
	uint32_t commit; /* 0: its transaction goes on */
	enum wal_sound sound;
	bool head_sure;    /* page and commit are what was written */
	int64_t mended_at; /* MENDED: the byte of the file that is to be mended_with */
	uint8_t mended_with;
};
struct wal_found {
	int64_t stops_at; /* where SQLite stops reading; -1: at the end of the file */
	bool damaged;     /* not because the log ends there: more was committed behind */
};

/* Every frame of the log's own generation, whole or not, in the order of the file.
 * take may be NULL. ERR_IO: the source failed. */
enum err_code wal_walk(const struct wal_source *source,
	void (*take)(void *ctx, const struct wal_frame *frame), void *ctx,
	struct wal_found *out, struct err *err);

/* The log of the database at path (called name in errors; NULL: path), as the VFS (NULL:
 * the default one) has it. Nobody writes meanwhile. ERR_CORRUPT: damaged; SQLite must not
 * open it, for it would begin to overwrite what stands behind the damage. */
enum err_code wal_check(
	const char *path, const char *name, const char *vfs, struct err *err);

#endif
