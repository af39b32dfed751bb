#include "shim.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

atomic_int shim_fault;
atomic_int shim_wal_syncs;

struct shim_file {
	sqlite3_file base;
	int wal;
	sqlite3_file *real; /* behind this struct, in the memory SQLite gave */
};

static sqlite3_vfs shim_vfs;
static sqlite3_vfs *real_vfs;

static sqlite3_file *real(sqlite3_file *file)
{
	return ((struct shim_file *)file)->real;
}

static int shim_close(sqlite3_file *file)
{
	return real(file)->pMethods ? real(file)->pMethods->xClose(real(file))
				    : SQLITE_OK;
}

static int shim_read(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
	return real(file)->pMethods->xRead(real(file), out, len, at);
}

static int shim_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
	switch (atomic_load(&shim_fault)) {
	case SHIM_FULL:
		return SQLITE_FULL;
	case SHIM_WRITE:
		return SQLITE_IOERR_WRITE;
	}
	return real(file)->pMethods->xWrite(real(file), bytes, len, at);
}

static int shim_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	return real(file)->pMethods->xTruncate(real(file), size);
}

static int shim_sync(sqlite3_file *file, int flags)
{
	if (((struct shim_file *)file)->wal)
		atomic_fetch_add(&shim_wal_syncs, 1);
	if (atomic_load(&shim_fault) == SHIM_SYNC)
		return SQLITE_IOERR_FSYNC;
	return real(file)->pMethods->xSync(real(file), flags);
}

static int shim_size(sqlite3_file *file, sqlite3_int64 *out)
{
	return real(file)->pMethods->xFileSize(real(file), out);
}

static int shim_lock(sqlite3_file *file, int level)
{
	return real(file)->pMethods->xLock(real(file), level);
}

static int shim_unlock(sqlite3_file *file, int level)
{
	return real(file)->pMethods->xUnlock(real(file), level);
}

static int shim_reserved(sqlite3_file *file, int *out)
{
	return real(file)->pMethods->xCheckReservedLock(real(file), out);
}

static int shim_control(sqlite3_file *file, int op, void *arg)
{
	return real(file)->pMethods->xFileControl(real(file), op, arg);
}

static int shim_sector(sqlite3_file *file)
{
	return real(file)->pMethods->xSectorSize(real(file));
}

static int shim_device(sqlite3_file *file)
{
	return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int shim_shm_map(
	sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
	return real(file)->pMethods->xShmMap(real(file), page, size, extend, out);
}

static int shim_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}

static void shim_shm_barrier(sqlite3_file *file)
{
	real(file)->pMethods->xShmBarrier(real(file));
}

static int shim_shm_unmap(sqlite3_file *file, int remove)
{
	return real(file)->pMethods->xShmUnmap(real(file), remove);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = shim_close,
	.xRead = shim_read,
	.xWrite = shim_write,
	.xTruncate = shim_truncate,
	.xSync = shim_sync,
	.xFileSize = shim_size,
	.xLock = shim_lock,
	.xUnlock = shim_unlock,
	.xCheckReservedLock = shim_reserved,
	.xFileControl = shim_control,
	.xSectorSize = shim_sector,
	.xDeviceCharacteristics = shim_device,
	.xShmMap = shim_shm_map,
	.xShmLock = shim_shm_lock,
	.xShmBarrier = shim_shm_barrier,
	.xShmUnmap = shim_shm_unmap,
};

static int shim_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file,
	int flags, int *out_flags)
{
	struct shim_file *shim = (struct shim_file *)file;
	int rc;

	(void)vfs;
	shim->real = (sqlite3_file *)(void *)(shim + 1);
	shim->wal = (flags & SQLITE_OPEN_WAL) != 0;
	rc = real_vfs->xOpen(real_vfs, name, shim->real, flags, out_flags);
	file->pMethods = shim->real->pMethods ? &methods : NULL;
	return rc;
}

void shim_register(void)
{
	if (real_vfs)
		return;
	real_vfs = sqlite3_vfs_find(NULL);
	shim_vfs = *real_vfs;
	shim_vfs.zName = SHIM_VFS;
	shim_vfs.szOsFile = (int)sizeof(struct shim_file) + real_vfs->szOsFile;
	shim_vfs.xOpen = shim_open;
	sqlite3_vfs_register(&shim_vfs, 0);
}
