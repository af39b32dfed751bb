#include "wal_batch.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "leadrelay-batch:"
/* SQLite's own VFS takes at most 0x1ffff bytes in one call. */
#define BATCH_BYTES (120 * 1024)

/* What SQLite gives holds this and, behind it, the other VFS's file. */
struct batch_file {
	sqlite3_file base;
	sqlite3_file *real;
	char *bytes; /* BATCH_BYTES; not written yet */
	int len;
	sqlite3_int64 at; /* where they belong */
};

static struct batch_file *of(sqlite3_file *file)
{
	return (struct batch_file *)(void *)file;
}

static sqlite3_vfs *base_of(sqlite3_vfs *vfs)
{
	return vfs->pAppData;
}

/* What failed is dropped: SQLite rolls back what it belonged to. */
static int hand_on(struct batch_file *file)
{
	int len = file->len;

	file->len = 0;
	if (len == 0)
		return SQLITE_OK;
	return file->real->pMethods->xWrite(file->real, file->bytes, len, file->at);
}

static int batch_close(sqlite3_file *base)
{
	struct batch_file *file = of(base);
	int handed = hand_on(file);
	int closed = file->real->pMethods->xClose(file->real);

	free(file->bytes);
	file->bytes = NULL;
	return handed != SQLITE_OK ? handed : closed;
}

static int batch_read(sqlite3_file *base, void *out, int len, sqlite3_int64 at)
{
	struct batch_file *file = of(base);
	int code = hand_on(file);

	return code == SQLITE_OK ? file->real->pMethods->xRead(file->real, out, len, at)
				 : code;
}

static int batch_write(sqlite3_file *base, const void *from, int len, sqlite3_int64 at)
{
	struct batch_file *file = of(base);
	bool fits = len <= BATCH_BYTES - file->len;
	int code = SQLITE_OK;

	if (file->len > 0 && (!fits || at != file->at + file->len))
		code = hand_on(file);
	if (code != SQLITE_OK)
		return code;
	if (len > BATCH_BYTES)
		return file->real->pMethods->xWrite(file->real, from, len, at);
	if (file->len == 0)
		file->at = at;
	memcpy(file->bytes + file->len, from, (size_t)len);
	file->len += len;
	return SQLITE_OK;
}

static int batch_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	struct batch_file *file = of(base);
	int code = hand_on(file);

	return code == SQLITE_OK ? file->real->pMethods->xTruncate(file->real, size)
				 : code;
}

static int batch_sync(sqlite3_file *base, int flags)
{
	struct batch_file *file = of(base);
	int code = hand_on(file);

	return code == SQLITE_OK ? file->real->pMethods->xSync(file->real, flags) : code;
}

static int batch_size(sqlite3_file *base, sqlite3_int64 *out)
{
	struct batch_file *file = of(base);
	int code = hand_on(file);

	return code == SQLITE_OK ? file->real->pMethods->xFileSize(file->real, out)
				 : code;
}

static int batch_lock(sqlite3_file *base, int level)
{
	return of(base)->real->pMethods->xLock(of(base)->real, level);
}

static int batch_unlock(sqlite3_file *base, int level)
{
	return of(base)->real->pMethods->xUnlock(of(base)->real, level);
}

static int batch_reserved(sqlite3_file *base, int *out)
{
	return of(base)->real->pMethods->xCheckReservedLock(of(base)->real, out);
}

static int batch_control(sqlite3_file *base, int what, void *arg)
{
	return of(base)->real->pMethods->xFileControl(of(base)->real, what, arg);
}

static int batch_sector(sqlite3_file *base)
{
	return of(base)->real->pMethods->xSectorSize(of(base)->real);
}

static int batch_characteristics(sqlite3_file *base)
{
	return of(base)->real->pMethods->xDeviceCharacteristics(of(base)->real);
}

static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = batch_close,
	.xRead = batch_read,
	.xWrite = batch_write,
	.xTruncate = batch_truncate,
	.xSync = batch_sync,
	.xFileSize = batch_size,
	.xLock = batch_lock,
	.xUnlock = batch_unlock,
	.xCheckReservedLock = batch_reserved,
	.xFileControl = batch_control,
	.xSectorSize = batch_sector,
	.xDeviceCharacteristics = batch_characteristics,
};

static int open_file(
	sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *out_flags)
{
	struct batch_file *file = of(base);
	int code;

	if (!(flags & SQLITE_OPEN_WAL))
		return base_of(vfs)->xOpen(base_of(vfs), name, base, flags, out_flags);
	*file = (struct batch_file){.real = (sqlite3_file *)(void *)(file + 1)};
	file->real->pMethods = NULL;
	file->bytes = malloc(BATCH_BYTES);
	if (!file->bytes)
		return SQLITE_NOMEM;
	code = base_of(vfs)->xOpen(base_of(vfs), name, file->real, flags, out_flags);
	if (code == SQLITE_OK) {
		file->base.pMethods = &methods;
		return SQLITE_OK;
	}
	if (file->real->pMethods)
		file->real->pMethods->xClose(file->real);
	free(file->bytes);
	return code;
}

static int delete_file(sqlite3_vfs *vfs, const char *name, int sync)
{
	return base_of(vfs)->xDelete(base_of(vfs), name, sync);
}

static int access_file(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	return base_of(vfs)->xAccess(base_of(vfs), name, flags, out);
}

static int full_name(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	return base_of(vfs)->xFullPathname(base_of(vfs), name, size, out);
}

static int last_error(sqlite3_vfs *vfs, int size, char *out)
{
	return base_of(vfs)->xGetLastError(base_of(vfs), size, out);
}

/* Under the lock. Never freed: connections may use it until the process ends. */
static const char *make(sqlite3_vfs *base, const char *name)
{
	sqlite3_vfs *vfs = malloc(sizeof(*vfs));
	char *own = strdup(name);

	if (!vfs || !own) {
		free(vfs);
		free(own);
		return NULL;
	}
	*vfs = *base; /* time, chance, sleep */
	vfs->szOsFile = (int)sizeof(struct batch_file) + base->szOsFile;
	vfs->pNext = NULL;
	vfs->zName = own;
	vfs->pAppData = base;
	vfs->xOpen = open_file;
	vfs->xDelete = delete_file;
	vfs->xAccess = access_file;
	vfs->xFullPathname = full_name;
	vfs->xGetLastError = last_error;
	if (sqlite3_vfs_register(vfs, 0) == SQLITE_OK)
		return own;
	free(vfs);
	free(own);
	return NULL;
}

const char *wal_batch_over(const char *base)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	sqlite3_vfs *under = sqlite3_vfs_find(base);
	const char *name = NULL;
	sqlite3_vfs *made;
	char wanted[128];

	if (!under)
		return NULL;
	sqlite3_snprintf(sizeof(wanted), wanted, PREFIX "%s", under->zName);
	pthread_mutex_lock(&lock);
	made = sqlite3_vfs_find(wanted);
	name = made ? made->zName : make(under, wanted);
	pthread_mutex_unlock(&lock);
	return name;
}
