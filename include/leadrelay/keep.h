/*
 * keep: the outbox as a file that can be put away and brought back: backup, restore,
 * salvage.
 *
 * Blocking; in leadctl, never in the daemon. Files of the user's are handed over as
 * descriptors, opened with the user's rights; those of state_dir are opened here.
 */
#ifndef LEADRELAY_KEEP_H
#define LEADRELAY_KEEP_H

#include "leadrelay/clock.h"
#include "leadrelay/err.h"

#include <stdbool.h>
#include <stdint.h>

/* Asked often; bytes done and in all. False ends the work: ERR_TIMEOUT. */
struct keep_progress {
	bool (*go_on)(void *ctx, const char *step, int64_t done, int64_t total);
	void *ctx;
};

struct kept_file {
	int64_t leads;
	int64_t bytes;
	uint8_t sha256[32];
	/* the counters disagree with the rows, in the outbox as in the file: the first
	 * such sentence; "" */
	char difference[512];
};

/* Copies the outbox as it is committed now into fd, emptied first, open for reading and
 * writing: one snapshot, read while others write, in one complete database that needs no
 * WAL. Synced, then read again: SQLite's integrity_check and the accounting. Whoever
 * holds the lock has the outbox open. The WAL cannot start over until the copy is
 * made. ERR_CORRUPT: the outbox, and so its copy, is damaged. */
enum err_code store_backup(const char *state_dir, const struct clock *clock, int fd,
	const struct keep_progress *progress, struct kept_file *out, struct err *err);

#endif
