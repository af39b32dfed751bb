/* shim: SQLite's own VFS with a disk that can be full or fail. Set from any thread. */
#ifndef STORE_SHIM_H
#define STORE_SHIM_H

#include <stdatomic.h>

enum shim_fault {
	SHIM_NONE,
	SHIM_FULL,  /* every write: no space left */
	SHIM_SYNC,  /* every sync fails, the bytes stay in the cache */
	SHIM_WRITE, /* every write: I/O error */
};
extern atomic_int shim_fault;
extern atomic_int shim_wal_syncs;

#define SHIM_VFS "shim"
void shim_register(void);

#endif
