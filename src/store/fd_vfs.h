/*
 * fd_vfs: an open file as a database. SQLite reads and writes it by its descriptor, never
 * by a name: whoever opened it may have had rights that this process gave up since. One
 * file, no journal, no WAL, no locks: for files that nobody else has. Internal to the
 * store.
 */
#ifndef STORE_FD_VFS_H
#define STORE_FD_VFS_H

#include <stdbool.h>

#define FD_VFS "leadrelay-fd"
#define FD_VFS_NAME_SIZE 32

/* Once is enough, more do no harm. False: out of memory. */
bool fd_vfs_register(void);
/* What to open on that VFS. The descriptor stays the caller's to close. Returns out. */
char *fd_vfs_name(int fd, char out[FD_VFS_NAME_SIZE]);

#endif
