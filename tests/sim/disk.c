#include "disk.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#define SHM_LOCKS SQLITE_SHM_NLOCK

struct bytes {
	uint8_t *data;
	int64_t size, room;
};

struct change { /* written, not synced */
	int64_t at;
	int64_t len; /* -1: cut to at */
	struct change *prev, *next;
	uint8_t data[];
};

struct shm {
	uint8_t *regions[64];
	int count;
	int users;
	int shared[SHM_LOCKS];
	bool taken[SHM_LOCKS];
};

struct file {
	char name[160];
	struct bytes seen; /* by programs */
	struct bytes kept; /* on the platter */
	struct change *changes;
	bool linked;     /* its name is there */
	bool entry_kept; /* and lasts; without linked: its removal does not last yet */
	int handles;
	int sharers;    /* SHARED or more */
	void *reserved; /* handle */
	void *exclusive;
	struct shm shm;
	struct file *prev, *next;
};

struct handle {
	sqlite3_file base;
	struct file *file;
	int level;
	bool journal; /* its first sync is one of the folder, too */
	bool has_shm;
	unsigned shm_shared, shm_taken;
};

struct disk {
	struct file *files;
	struct file *survivors; /* after the cut */
	struct chance chance;
	struct disk_trouble trouble;
	struct disk_counts counts;
	int64_t growth; /* bytes files grew since the trouble began */
	int cut_in;
	enum disk_cut cut_how;
	bool cut;
};

static struct disk *the_disk;

/* ---- bytes ---- */

static void bytes_reserve(struct bytes *bytes, int64_t size)
{
	if (size <= bytes->room)
		return;
	bytes->room = size < 65536 ? 65536 : size + size / 2;
	bytes->data = realloc(bytes->data, (size_t)bytes->room);
	if (!bytes->data)
		abort();
}

static void bytes_resize(struct bytes *bytes, int64_t size)
{
	bytes_reserve(bytes, size);
	if (size > bytes->size)
		memset(bytes->data + bytes->size, 0, (size_t)(size - bytes->size));
	bytes->size = size;
}

static void bytes_write(struct bytes *bytes, const void *data, int64_t len, int64_t at)
{
	if (at + len > bytes->size)
		bytes_resize(bytes, at + len);
	memcpy(bytes->data + at, data, (size_t)len);
}

static void bytes_copy(struct bytes *to, const struct bytes *from)
{
	to->size = 0;
	bytes_resize(to, from->size);
	if (from->size > 0)
		memcpy(to->data, from->data, (size_t)from->size);
}

/* ---- files ---- */

static void change_apply(struct bytes *bytes, const struct change *change)
{
	if (change->len < 0)
		bytes_resize(bytes, change->at < bytes->size ? change->at : bytes->size);
	else
		bytes_write(bytes, change->data, change->len, change->at);
}

static void changes_forget(struct file *file)
{
	struct change *change, *next;

	DL_FOREACH_SAFE(file->changes, change, next)
	free(change);
	file->changes = NULL;
}

static void changes_keep(struct file *file)
{
	struct change *change;

	DL_FOREACH (file->changes, change)
		change_apply(&file->kept, change);
	changes_forget(file);
}

static void shm_forget(struct shm *shm)
{
	for (int i = 0; i < shm->count; i++)
		free(shm->regions[i]);
	memset(shm, 0, sizeof(*shm));
}

static void file_free(struct file *file)
{
	changes_forget(file);
	shm_forget(&file->shm);
	free(file->seen.data);
	free(file->kept.data);
	free(file);
}

static struct file *file_find(struct disk *disk, const char *name)
{
	struct file *file;

	DL_FOREACH (disk->files, file)
		if (file->linked && strcmp(file->name, name) == 0)
			return file;
	return NULL;
}

static struct file *file_create(struct disk *disk, const char *name)
{
	struct file *file = calloc(1, sizeof(*file));

	if (!file)
		abort();
	snprintf(file->name, sizeof(file->name), "%s", name);
	file->linked = true;
	DL_APPEND(disk->files, file);
	return file;
}

static void file_reap(struct disk *disk, struct file *file)
{
	if (file->linked || file->entry_kept || file->handles > 0)
		return;
	DL_DELETE(disk->files, file);
	file_free(file);
}

/* What the directory says now lasts. */
static void sync_names(struct disk *disk)
{
	struct file *file, *next;

	DL_FOREACH_SAFE(disk->files, file, next)
	{
		file->entry_kept = file->linked;
		file_reap(disk, file);
	}
}

/* ---- the cut: what survives ---- */

enum survival { SURVIVES_NOTHING, SURVIVES_ALL, SURVIVES_BEGINNING, SURVIVES_PIECES };

static void keep_pieces(struct disk *disk, struct bytes *bytes,
	const struct change *change, int64_t grain)
{
	int64_t end = change->at + change->len;

	for (int64_t at = change->at; at < end;) {
		int64_t next = (at / grain + 1) * grain;

		next = next < end ? next : end;
		if (chance_percent(&disk->chance, 50))
			bytes_write(
				bytes, change->data + (at - change->at), next - at, at);
		at = next;
	}
	disk->counts.torn++;
}

static void keep_some(struct disk *disk, struct file *file, struct bytes *out)
{
	enum survival how = (enum survival)chance_below(&disk->chance, 4);
	int64_t grain = chance_percent(&disk->chance, 50) ? 512 : 4096;
	struct change *change;
	int64_t count = 0, beginning;

	DL_FOREACH (file->changes, change)
		count++;
	beginning = chance_below(&disk->chance, count + 1);
	DL_FOREACH (file->changes, change) {
		bool last = beginning-- == 0;
		bool torn = change->len >= 0 &&
			    (how == SURVIVES_PIECES ? chance_percent(&disk->chance, 40)
						    : last);

		if (how == SURVIVES_NOTHING ||
			(how == SURVIVES_BEGINNING && beginning < -1))
			disk->counts.lost++;
		else if (how != SURVIVES_ALL && torn)
			keep_pieces(disk, out, change, grain);
		else if (how == SURVIVES_ALL || how == SURVIVES_BEGINNING ||
			 chance_percent(&disk->chance, 50))
			change_apply(out, change);
		else
			disk->counts.lost++;
	}
}

static struct file *survivor_of(struct disk *disk, struct file *file, enum disk_cut how)
{
	struct file *copy = calloc(1, sizeof(*copy));

	if (!copy)
		abort();
	memcpy(copy->name, file->name, sizeof(copy->name));
	copy->linked = true;
	copy->entry_kept = how == DISK_POWER || file->entry_kept;
	bytes_copy(&copy->kept, &file->kept);
	if (how == DISK_POWER) {
		keep_some(disk, file, &copy->kept);
		bytes_copy(&copy->seen, &copy->kept);
	} else {
		bytes_copy(&copy->seen, &file->seen);
	}
	return copy;
}

/* A killed process leaves its writes to the kernel, which goes on with them. */
static void copy_changes(struct file *to, const struct file *from)
{
	struct change *change, *copy;

	DL_FOREACH (from->changes, change) {
		size_t size = sizeof(*copy) + (size_t)(change->len > 0 ? change->len : 0);

		copy = malloc(size);
		if (!copy)
			abort();
		memcpy(copy, change, size);
		DL_APPEND(to->changes, copy);
	}
}

static bool name_survives(struct disk *disk, struct file *file, enum disk_cut how)
{
	if (how == DISK_KILL)
		return file->linked;
	if (file->linked == file->entry_kept)
		return file->linked;
	if (!file->linked) /* removed, and that does not last yet: unless another has it
			    */
		return !file_find(disk, file->name) && chance_percent(&disk->chance, 50);
	return chance_percent(&disk->chance, 50);
}

void disk_cut(struct disk *disk, enum disk_cut how)
{
	struct file *file, *copy;

	if (disk->cut)
		return;
	DL_FOREACH (disk->files, file) {
		if (!name_survives(disk, file, how))
			continue;
		copy = survivor_of(disk, file, how);
		if (how == DISK_KILL)
			copy_changes(copy, file);
		DL_APPEND(disk->survivors, copy);
	}
	disk->cut = true;
	disk->cut_in = 0;
}

void disk_restart(struct disk *disk)
{
	struct file *file, *next;

	DL_FOREACH_SAFE(disk->files, file, next)
	{
		if (file->handles > 0)
			abort(); /* somebody forgot to close it */
		file_free(file);
	}
	disk->files = disk->survivors;
	disk->survivors = NULL;
	disk->cut = false;
	disk->trouble = (struct disk_trouble){0};
}

bool disk_is_cut(const struct disk *disk)
{
	return disk->cut;
}

void disk_cut_in(struct disk *disk, int calls, enum disk_cut how)
{
	disk->cut_in = calls;
	disk->cut_how = how;
}

/* Before each call that changes something. */
static void count_to_cut(struct disk *disk)
{
	if (disk->cut_in > 0 && --disk->cut_in == 0)
		disk_cut(disk, disk->cut_how);
}

/* ---- trouble ---- */

void disk_trouble(struct disk *disk, struct disk_trouble trouble)
{
	disk->trouble = trouble;
	disk->growth = 0;
}

/* Programs see what the platter has not got and never will. */
static bool is_gapped(const struct file *file)
{
	int64_t size =
		file->seen.size < file->kept.size ? file->seen.size : file->kept.size;

	return !file->changes &&
	       (file->seen.size != file->kept.size ||
		       (size > 0 && memcmp(file->seen.data, file->kept.data,
					    (size_t)size) != 0));
}

void disk_describe(const struct disk *disk, char *out, size_t size)
{
	const struct file *file;
	size_t len = 0;

	out[0] = '\0';
	DL_FOREACH (disk->files, file)
		if (len < size)
			len += (size_t)snprintf(out + len, size - len, "%s%s %lld/%lld%s",
				len ? ", " : "", file->name, (long long)file->seen.size,
				(long long)file->kept.size,
				file->linked ? is_gapped(file) ? " with gaps" : ""
					     : " removed");
}

struct disk_counts disk_counts(const struct disk *disk)
{
	return disk->counts;
}

static bool bytes_hold(const struct bytes *bytes, const char *text)
{
	return bytes->size > 0 &&
	       memmem(bytes->data, (size_t)bytes->size, text, strlen(text)) != NULL;
}

bool disk_holds(const struct disk *disk, const char *text)
{
	const struct file *file;

	DL_FOREACH (disk->files, file)
		if (bytes_hold(&file->seen, text) || bytes_hold(&file->kept, text))
			return true;
	return false;
}

static bool fails(struct disk *disk, int *in)
{
	if (*in == 0)
		return false;
	if (--*in > 0)
		return false;
	if (disk->trouble.lasting)
		*in = 1;
	disk->counts.failed++;
	return true;
}

/* The pages are called clean now; which of them arrived, nobody knows. What is read of
 * the others may be the old bytes. */
static void fail_sync(struct disk *disk, struct file *file)
{
	bool evicted = chance_percent(&disk->chance, 30);

	keep_some(disk, file, &file->kept);
	changes_forget(file);
	if (evicted)
		bytes_copy(&file->seen, &file->kept);
}

/* ---- SQLite's calls on a file ---- */

static struct handle *of(sqlite3_file *file)
{
	return (struct handle *)file;
}

static int drop_locks(struct handle *handle, int level)
{
	struct file *file = handle->file;

	if (file->exclusive == handle && level < SQLITE_LOCK_EXCLUSIVE)
		file->exclusive = NULL;
	if (file->reserved == handle && level < SQLITE_LOCK_RESERVED)
		file->reserved = NULL;
	if (handle->level > SQLITE_LOCK_NONE && level == SQLITE_LOCK_NONE)
		file->sharers--;
	if (level < handle->level)
		handle->level = level;
	return SQLITE_OK;
}

static int sim_shm_unmap(sqlite3_file *base, int remove);

static int sim_close(sqlite3_file *base)
{
	struct handle *handle = of(base);
	struct file *file = handle->file;

	drop_locks(handle, SQLITE_LOCK_NONE);
	sim_shm_unmap(base, 0);
	file->handles--;
	if (file->name[0] == '\0')
		file->linked = false;
	file_reap(the_disk, file);
	return SQLITE_OK;
}

static int sim_read(sqlite3_file *base, void *out, int len, sqlite3_int64 at)
{
	struct file *file = of(base)->file;
	int64_t there = file->seen.size - at;

	if (the_disk->cut || fails(the_disk, &the_disk->trouble.read_in))
		return SQLITE_IOERR_READ;
	if (there >= len) {
		memcpy(out, file->seen.data + at, (size_t)len);
		return SQLITE_OK;
	}
	memset(out, 0, (size_t)len);
	if (there > 0)
		memcpy(out, file->seen.data + at, (size_t)there);
	return SQLITE_IOERR_SHORT_READ;
}

static bool no_room(struct disk *disk, int64_t growth)
{
	if (!disk->trouble.full || growth <= 0)
		return false;
	if (disk->growth + growth > disk->trouble.full_in) {
		disk->counts.failed++;
		return true;
	}
	disk->growth += growth;
	return false;
}

static void add_change(struct file *file, int64_t at, int64_t len, const void *data)
{
	size_t size = len > 0 ? (size_t)len : 0;
	struct change *change = malloc(sizeof(*change) + size);

	if (!change)
		abort();
	change->at = at;
	change->len = len;
	if (size > 0)
		memcpy(change->data, data, size);
	DL_APPEND(file->changes, change);
}

static int sim_write(sqlite3_file *base, const void *data, int len, sqlite3_int64 at)
{
	struct file *file = of(base)->file;

	count_to_cut(the_disk);
	if (the_disk->cut || fails(the_disk, &the_disk->trouble.write_in))
		return SQLITE_IOERR_WRITE;
	if (no_room(the_disk, at + len - file->seen.size))
		return SQLITE_FULL;
	the_disk->counts.writes++;
	bytes_write(&file->seen, data, len, at);
	add_change(file, at, len, data);
	return SQLITE_OK;
}

static int sim_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	struct file *file = of(base)->file;

	count_to_cut(the_disk);
	if (the_disk->cut)
		return SQLITE_IOERR_TRUNCATE;
	bytes_resize(&file->seen, size);
	add_change(file, size, -1, NULL);
	return SQLITE_OK;
}

static int sim_sync(sqlite3_file *base, int flags)
{
	struct handle *handle = of(base);

	(void)flags;
	count_to_cut(the_disk);
	if (the_disk->cut)
		return SQLITE_IOERR_FSYNC;
	if (fails(the_disk, &the_disk->trouble.sync_in)) {
		fail_sync(the_disk, handle->file);
		return SQLITE_IOERR_FSYNC;
	}
	the_disk->counts.syncs++;
	changes_keep(handle->file);
	if (handle->journal)
		sync_names(the_disk);
	handle->journal = false;
	return SQLITE_OK;
}

static int sim_size(sqlite3_file *base, sqlite3_int64 *out)
{
	if (the_disk->cut)
		return SQLITE_IOERR_FSTAT;
	*out = of(base)->file->seen.size;
	return SQLITE_OK;
}

static int sim_lock(sqlite3_file *base, int level)
{
	struct handle *handle = of(base);
	struct file *file = handle->file;

	if (level <= handle->level)
		return SQLITE_OK;
	if (file->exclusive && file->exclusive != handle)
		return SQLITE_BUSY;
	if (level >= SQLITE_LOCK_RESERVED && file->reserved && file->reserved != handle)
		return SQLITE_BUSY;
	if (level == SQLITE_LOCK_EXCLUSIVE && file->sharers > 1)
		return SQLITE_BUSY;
	if (handle->level == SQLITE_LOCK_NONE)
		file->sharers++;
	if (level >= SQLITE_LOCK_RESERVED)
		file->reserved = handle;
	if (level == SQLITE_LOCK_EXCLUSIVE)
		file->exclusive = handle;
	handle->level = level;
	return SQLITE_OK;
}

static int sim_unlock(sqlite3_file *base, int level)
{
	return drop_locks(of(base), level);
}

static int sim_reserved(sqlite3_file *base, int *out)
{
	*out = of(base)->file->reserved != NULL;
	return SQLITE_OK;
}

static int sim_control(sqlite3_file *base, int op, void *arg)
{
	(void)base;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int sim_sector(sqlite3_file *base)
{
	(void)base;
	return 4096;
}

static int sim_device(sqlite3_file *base)
{
	(void)base;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE; /* as SQLite takes any disk to be */
}

/* ---- shared memory ---- */

static int sim_shm_map(
	sqlite3_file *base, int region, int size, int extend, void volatile **out)
{
	struct handle *handle = of(base);
	struct shm *shm = &handle->file->shm;

	*out = NULL;
	if (the_disk->cut || region >= 64)
		return SQLITE_IOERR_SHMMAP;
	if (!handle->has_shm)
		shm->users++;
	handle->has_shm = true;
	while (extend && shm->count <= region) {
		shm->regions[shm->count] = calloc(1, (size_t)size);
		if (!shm->regions[shm->count])
			return SQLITE_NOMEM;
		shm->count++;
	}
	*out = region < shm->count ? shm->regions[region] : NULL;
	return SQLITE_OK;
}

static int unlock_slots(struct handle *handle, unsigned mask, int offset, int n)
{
	struct shm *shm = &handle->file->shm;

	for (int i = offset; i < offset + n; i++) {
		if (handle->shm_shared & (1u << i))
			shm->shared[i]--;
		if (handle->shm_taken & (1u << i))
			shm->taken[i] = false;
	}
	handle->shm_shared &= ~mask;
	handle->shm_taken &= ~mask;
	return SQLITE_OK;
}

static int sim_shm_lock(sqlite3_file *base, int offset, int n, int flags)
{
	struct handle *handle = of(base);
	struct shm *shm = &handle->file->shm;
	unsigned mask = ((1u << n) - 1) << offset;

	if (flags & SQLITE_SHM_UNLOCK)
		return unlock_slots(handle, mask, offset, n);
	for (int i = offset; i < offset + n; i++) {
		bool mine = handle->shm_shared & (1u << i);
		int others = shm->shared[i] - (mine ? 1 : 0);

		if ((shm->taken[i] && !(handle->shm_taken & (1u << i))) ||
			((flags & SQLITE_SHM_EXCLUSIVE) && others > 0))
			return SQLITE_BUSY;
	}
	for (int i = offset; i < offset + n; i++) {
		if (flags & SQLITE_SHM_EXCLUSIVE)
			shm->taken[i] = true;
		else if (!(handle->shm_shared & (1u << i)))
			shm->shared[i]++;
	}
	if (flags & SQLITE_SHM_EXCLUSIVE)
		handle->shm_taken |= mask;
	else
		handle->shm_shared |= mask;
	return SQLITE_OK;
}

static void sim_shm_barrier(sqlite3_file *base)
{
	(void)base;
}

static int sim_shm_unmap(sqlite3_file *base, int remove)
{
	struct handle *handle = of(base);
	struct shm *shm = &handle->file->shm;

	(void)remove;
	if (!handle->has_shm)
		return SQLITE_OK;
	unlock_slots(handle, (1u << SHM_LOCKS) - 1, 0, SHM_LOCKS);
	handle->has_shm = false;
	if (--shm->users == 0)
		shm_forget(shm); /* the next one starts it anew */
	return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = sim_close,
	.xRead = sim_read,
	.xWrite = sim_write,
	.xTruncate = sim_truncate,
	.xSync = sim_sync,
	.xFileSize = sim_size,
	.xLock = sim_lock,
	.xUnlock = sim_unlock,
	.xCheckReservedLock = sim_reserved,
	.xFileControl = sim_control,
	.xSectorSize = sim_sector,
	.xDeviceCharacteristics = sim_device,
	.xShmMap = sim_shm_map,
	.xShmLock = sim_shm_lock,
	.xShmBarrier = sim_shm_barrier,
	.xShmUnmap = sim_shm_unmap,
};

/* ---- and on the folder ---- */

static int sim_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *base,
	int flags, int *out_flags)
{
	struct handle *handle = of(base);
	struct file *file = name ? file_find(the_disk, name) : NULL;

	(void)vfs;
	memset(handle, 0, sizeof(*handle));
	if (the_disk->cut || (!file && !(flags & SQLITE_OPEN_CREATE)))
		return SQLITE_CANTOPEN;
	if (!file)
		file = file_create(the_disk, name ? name : "");
	/* new or not, as SQLite's own VFS does it */
	handle->journal = (flags & SQLITE_OPEN_CREATE) &&
			  (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL));
	handle->file = file;
	handle->base.pMethods = &methods;
	file->handles++;
	if (out_flags)
		*out_flags = flags;
	return SQLITE_OK;
}

static int sim_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
	struct file *file = file_find(the_disk, name);

	(void)vfs;
	count_to_cut(the_disk);
	if (the_disk->cut)
		return SQLITE_IOERR_DELETE;
	if (!file)
		return SQLITE_IOERR_DELETE_NOENT;
	file->linked = false;
	file_reap(the_disk, file);
	if (sync_folder)
		sync_names(the_disk);
	return SQLITE_OK;
}

static int sim_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	const struct file *file = file_find(the_disk, name);

	(void)vfs;
	if (the_disk->cut)
		return SQLITE_IOERR_ACCESS;
	*out = file && (flags != SQLITE_ACCESS_EXISTS || file->seen.size > 0);
	return SQLITE_OK;
}

static int sim_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	(void)vfs;
	snprintf(out, (size_t)size, "%s", name);
	return SQLITE_OK;
}

static int sim_random(sqlite3_vfs *vfs, int len, char *out)
{
	(void)vfs;
	if (the_disk)
		chance_fill(&the_disk->chance, out, (size_t)len);
	return len;
}

static int sim_sleep(sqlite3_vfs *vfs, int us)
{
	(void)vfs;
	return us;
}

static int sim_time(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
	(void)vfs;
	*out = 0;
	return SQLITE_OK;
}

static int sim_error(sqlite3_vfs *vfs, int size, char *out)
{
	(void)vfs;
	(void)size;
	(void)out;
	return 0;
}

static sqlite3_vfs sim_vfs = {
	.iVersion = 2,
	.szOsFile = sizeof(struct handle),
	.mxPathname = 159,
	.zName = DISK_VFS,
	.xOpen = sim_open,
	.xDelete = sim_delete,
	.xAccess = sim_access,
	.xFullPathname = sim_path,
	.xRandomness = sim_random,
	.xSleep = sim_sleep,
	.xCurrentTimeInt64 = sim_time,
	.xGetLastError = sim_error,
};

struct disk *disk_create(uint64_t seed)
{
	struct disk *disk = calloc(1, sizeof(*disk));

	if (!disk)
		abort();
	disk->chance = chance_of(seed, 1);
	the_disk = disk;
	sqlite3_vfs_register(&sim_vfs, 1);
	sqlite3_randomness(0, NULL); /* seeded anew from sim_random */
	return disk;
}

void disk_destroy(struct disk *disk)
{
	struct file *file, *next;

	DL_FOREACH_SAFE(disk->files, file, next)
	file_free(file);
	DL_FOREACH_SAFE(disk->survivors, file, next)
	file_free(file);
	free(disk);
	the_disk = NULL;
}
