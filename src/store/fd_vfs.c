#include "fd_vfs.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "/fd/"
#define SECTOR 4096

struct fd_file {
	sqlite3_file base;
	int fd;
};

static int fd_of(sqlite3_file *file)
{
	return ((struct fd_file *)(void *)file)->fd;
}

static int leave_open(sqlite3_file *file)
{
	(void)file;
	return SQLITE_OK;
}

static int read_at(sqlite3_file *file, void *out, int len, sqlite3_int64 at)
{
	char *bytes = out;
	int done = 0;

	while (done < len) {
		ssize_t got =
			pread(fd_of(file), bytes + done, (size_t)(len - done), at + done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return SQLITE_IOERR_READ;
		if (got == 0) {
			memset(bytes + done, 0, (size_t)(len - done));
			return SQLITE_IOERR_SHORT_READ;
		}
		done += (int)got;
	}
	return SQLITE_OK;
}

static int write_at(sqlite3_file *file, const void *from, int len, sqlite3_int64 at)
{
	const char *bytes = from;
	int done = 0;

	while (done < len) {
		ssize_t put = pwrite(
			fd_of(file), bytes + done, (size_t)(len - done), at + done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return errno == ENOSPC || errno == EDQUOT ? SQLITE_FULL
								  : SQLITE_IOERR_WRITE;
		done += (int)put;
	}
	return SQLITE_OK;
}

static int truncate_to(sqlite3_file *file, sqlite3_int64 size)
{
	return ftruncate(fd_of(file), size) == 0 ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

static int sync_file(sqlite3_file *file, int flags)
{
	(void)flags;
	return fsync(fd_of(file)) == 0 ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int size_of(sqlite3_file *file, sqlite3_int64 *out)
{
	struct stat st;

	if (fstat(fd_of(file), &st) != 0)
		return SQLITE_IOERR_FSTAT;
	*out = st.st_size;
	return SQLITE_OK;
}

static int no_lock(sqlite3_file *file, int level)
{
	(void)file;
	(void)level;
	return SQLITE_OK;
}

static int nobody_locks(sqlite3_file *file, int *out)
{
	(void)file;
	*out = 0;
	return SQLITE_OK;
}

static int no_control(sqlite3_file *file, int what, void *arg)
{
	(void)file;
	(void)what;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *file)
{
	(void)file;
	return SECTOR;
}

static int characteristics(sqlite3_file *file)
{
	(void)file;
	return 0;
}

static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = leave_open,
	.xRead = read_at,
	.xWrite = write_at,
	.xTruncate = truncate_to,
	.xSync = sync_file,
	.xFileSize = size_of,
	.xLock = no_lock,
	.xUnlock = no_lock,
	.xCheckReservedLock = nobody_locks,
	.xFileControl = no_control,
	.xSectorSize = sector_size,
	.xDeviceCharacteristics = characteristics,
};

/* The database only: what would want a journal beside it is refused. */
static int open_file(
	sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	struct fd_file *mine = (struct fd_file *)(void *)file;

	(void)vfs;
	mine->base.pMethods = NULL;
	if (!name || !(flags & SQLITE_OPEN_MAIN_DB) ||
		strncmp(name, PREFIX, strlen(PREFIX)) != 0)
		return SQLITE_CANTOPEN;
	mine->fd = atoi(name + strlen(PREFIX));
	mine->base.pMethods = &methods;
	if (out_flags)
		*out_flags = flags;
	return SQLITE_OK;
}

static int delete_nothing(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	(void)name;
	(void)sync;
	return SQLITE_OK;
}

static int nothing_there(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	(void)vfs;
	(void)name;
	(void)flags;
	*out = 0;
	return SQLITE_OK;
}

static int same_name(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	(void)vfs;
	sqlite3_snprintf(size, out, "%s", name);
	return SQLITE_OK;
}

bool fd_vfs_register(void)
{
	static sqlite3_vfs vfs;
	sqlite3_vfs *system = sqlite3_vfs_find(NULL);

	if (sqlite3_vfs_find(FD_VFS))
		return true;
	if (!system)
		return false;
	vfs = *system; /* time, chance, sleep */
	vfs.szOsFile = sizeof(struct fd_file);
	vfs.mxPathname = FD_VFS_NAME_SIZE + 16;
	vfs.pNext = NULL;
	vfs.zName = FD_VFS;
	vfs.xOpen = open_file;
	vfs.xDelete = delete_nothing;
	vfs.xAccess = nothing_there;
	vfs.xFullPathname = same_name;
	return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK;
}

char *fd_vfs_name(int fd, char out[FD_VFS_NAME_SIZE])
{
	snprintf(out, FD_VFS_NAME_SIZE, PREFIX "%d", fd);
	return out;
}
