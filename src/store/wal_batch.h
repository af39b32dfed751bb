/*
 * wal_batch: a VFS over another one that hands the WAL's writes on together.
 *
 * SQLite writes each page of a commit in two pieces, thirty system calls for one lead;
 * here they are one. What was written is in the file before it is synced, read,
 * truncated, measured or closed, so a commit under synchronous=FULL, which ends with a
 * sync, is as durable and as visible as without. A write that fails is told by the call
 * that made it necessary: the sync, and with it the commit.
 *
 * For the writing connection. Only its WAL is touched; all other files are the other
 * VFS's own. Internal to the store.
 */
#ifndef STORE_WAL_BATCH_H
#define STORE_WAL_BATCH_H

/* The name to open with, for a database on the VFS base (NULL: the default one); valid
 * for ever. NULL: no such VFS, or out of memory. Any thread. */
const char *wal_batch_over(const char *base);

#endif
