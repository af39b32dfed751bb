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

struct salvaged {
	int64_t leads, deliveries, mails, others; /* rows that are in the new outbox */
	/* what the old counters say there was besides */
	int64_t leads_lost, deliveries_lost;
	int64_t undelivered; /* leads kept whose deliveries are lost */
	int64_t orphans;     /* pages read by the shape of their rows */
	int64_t unreadable;  /* rows and pages that made no sense */
	int64_t mended;      /* bytes of the WAL that its checksums put right */
	/* pages of the WAL that were damaged: their rows are older than they were, or may
	 * hold wrong bytes */
	int64_t uncertain;
	bool key_lost;  /* of match hashes and tombstones */
	char aside[96]; /* the damaged outbox, when the new one took its place; "" */
	char difference[512];
};

/* Reads what can be read of the damaged outbox open at fd (wal_fd: its WAL, -1: none)
 * into a new one, without SQLite's help: pages that no tree leads to any more, too.
 * Counters are made of the rows. out_fd: where the new one is written; -1: it takes the
 * place of the outbox of state_dir, which is kept under another name. The damaged file
 * itself is only read. The caller holds the lock. */
enum err_code store_salvage(const char *state_dir, const struct clock *clock, int fd,
	int wal_fd, int out_fd, const struct keep_progress *progress,
	struct salvaged *out, struct err *err);

struct restored {
	int64_t leads;
	int64_t held; /* deliveries to destinations that keep no key */
	int64_t mails_held;
	int64_t again;        /* pending, to destinations that recognise what they have */
	int64_t tombstones;   /* taken over from the outbox that was there */
	int64_t forgotten;    /* leads erased again */
	int64_t others;       /* leads of others that lost a forgotten person's address */
	char aside[96];       /* name in state_dir of the outbox that was there; "" */
	char difference[512]; /* as in kept_file */
	char unread[128]; /* why nothing was taken over from the outbox that was there; ""
			   */
};

/* Makes the backup that the user calls name, open at fd (and at wal_fd, -1: none, the WAL
 * beside it) the outbox of state_dir; what is there is kept under another name. The
 * caller holds the lock. An error: nothing is changed, but the backup may be damaged
 * (ERR_CORRUPT), newer than this program (ERR_INVALID), or the disk full. Killed, it
 * leaves the one outbox or the other. */
enum err_code store_restore(const char *state_dir, const struct clock *clock,
	const char *name, int fd, int wal_fd, const struct keep_progress *progress,
	struct restored *out, struct err *err);

#endif
