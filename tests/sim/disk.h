/*
 * disk: files in memory behind an SQLite VFS, with everything a disk does wrong.
 *
 * Each file has what programs see (the page cache) and what is on the platter. A write
 * changes the first; a sync brings it to the second. A power cut leaves the platter and a
 * part of what was not synced: nothing, all, a beginning, or any pieces of 512 bytes or
 * 4 KiB in any order. A name made or removed lasts when a directory sync followed, as
 * SQLite does it. After a failed sync its writes are never written again (the kernel
 * calls those pages clean), and what programs see may at any time fall back to the
 * platter.
 *
 * disk_cut and a countdown to it are a crash in the middle of whatever goes on: from that
 * moment every call fails, until disk_restart brings back what survived.
 *
 * One disk at a time (SQLite's VFS is the process's); registered as the default VFS, so
 * that readers find it, too. One thread.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include "chance.h"

#define DISK_VFS "sim"

enum disk_cut {
	DISK_KILL,  /* the process ends: what was written stays */
	DISK_POWER, /* the machine ends */
};

struct disk_trouble { /* what goes wrong from here on; zero: nothing */
	bool full;    /* no file grows any more */
	int full_in;  /* so many bytes more may be written first */
	int write_in; /* the n-th write from now fails; 0: none */
	int sync_in;  /* the n-th sync */
	int read_in;  /* the n-th read */
	bool lasting; /* those go on failing */
};

struct disk; /* opaque */

struct disk *disk_create(uint64_t seed);
void disk_destroy(struct disk *disk); /* all files are closed */
void disk_trouble(struct disk *disk, struct disk_trouble trouble);
/* The crash happens at the n-th write, sync, truncation or deletion from now; 0: never.
 */
void disk_cut_in(struct disk *disk, int calls, enum disk_cut how);
void disk_cut(struct disk *disk, enum disk_cut how);
bool disk_is_cut(const struct disk *disk);
/* All files are closed: what survived is there again, and the trouble is over. */
void disk_restart(struct disk *disk);

struct disk_counts {
	int64_t writes, syncs, lost, torn, failed;
};
/* Whether any file, seen or on the platter, has text in it. */
bool disk_holds(const struct disk *disk, const char *text);
/* What is there, for the story: names and sizes, seen and on the platter. */
void disk_describe(const struct disk *disk, char *out, size_t size);
struct disk_counts disk_counts(const struct disk *disk);

#endif
