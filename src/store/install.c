#include "install.h"

#include "leadrelay/clock.h"
#include "leadrelay/fault.h"
#include "leadrelay/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static enum err_code open_dir(const char *state_dir, int *out, struct err *err)
{
	*out = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *out >= 0 ? ERR_OK : err_errno(err, errno, "opening %s", state_dir);
}

/* Of the new file's own time: the same name again after a crash. */
static void aside_name(const struct stat *ready, char *out, size_t size)
{
	char when[32];
	struct tm tm;

	gmtime_r(&ready->st_mtim.tv_sec, &tm);
	strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(out, size, "outbox.db.aside-%s-%06ld", when,
		ready->st_mtim.tv_nsec / 1000);
}

/* *there: it was there and is renamed. */
static enum err_code move(
	int dir, const char *from, const char *to, bool *there, struct err *err)
{
	*there = renameat(dir, from, dir, to) == 0;
	if (*there || errno == ENOENT)
		return ERR_OK;
	return err_errno(err, errno, "renaming %s", from);
}

static enum err_code set_aside(int dir, const char *name, bool *there, struct err *err)
{
	char wal[128];
	bool had_wal;
	enum err_code code;

	snprintf(wal, sizeof(wal), "%s-wal", name);
	code = move(dir, "outbox.db-wal", wal, &had_wal, err);
	if (code == ERR_OK)
		unlinkat(dir, "outbox.db-shm", 0); /* made of the WAL */
	FAULT_POINT("install.wal_aside");
	if (code == ERR_OK)
		code = move(dir, "outbox.db", name, there, err);
	FAULT_POINT("install.aside");
	return code;
}

static enum err_code finish(
	int dir, const struct stat *ready, char *aside, size_t size, struct err *err)
{
	char name[96];
	bool there = false;
	bool moved;
	enum err_code code;
	struct stat st;

	aside_name(ready, name, sizeof(name));
	code = set_aside(dir, name, &there, err);
	if (code == ERR_OK)
		code = move(dir, INSTALL_READY, "outbox.db", &moved, err);
	if (code == ERR_OK && fsync(dir) != 0)
		code = err_errno(err, errno, "syncing state_dir");
	if (code != ERR_OK)
		return code;
	if (!there && fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		*name = '\0'; /* nor before a crash */
	snprintf(aside, size, "%s", name);
	log_info("outbox installed", "aside", name, NULL);
	return ERR_OK;
}

enum err_code install_finish(
	const char *state_dir, char *aside, size_t size, struct err *err)
{
	struct stat ready;
	enum err_code code;
	struct err mine;
	int dir;

	snprintf(aside, size, "%s", "");
	if (open_dir(state_dir, &dir, &mine) != ERR_OK)
		return ERR_OK; /* whoever opens the outbox says so better */
	code = ERR_OK;
	if (fstatat(dir, INSTALL_READY, &ready, AT_SYMLINK_NOFOLLOW) == 0)
		code = finish(dir, &ready, aside, size, &mine);
	close(dir);
	return code == ERR_OK
		       ? ERR_OK
		       : err_set(err, code, "ending an interrupted restore in %s: %s",
				 state_dir, mine.text);
}

static enum err_code sync_file(int dir, const char *name, struct err *err)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	enum err_code code = ERR_OK;

	if (fd < 0 || fsync(fd) != 0)
		code = err_errno(err, errno, "syncing %s", name);
	if (fd >= 0)
		close(fd);
	return code;
}

enum err_code install(const char *state_dir, char *aside, size_t size, struct err *err)
{
	enum err_code code;
	bool there;
	int dir;

	code = open_dir(state_dir, &dir, err);
	if (code != ERR_OK)
		return code;
	code = sync_file(dir, INSTALL_MAKING, err);
	if (code == ERR_OK)
		code = move(dir, INSTALL_MAKING, INSTALL_READY, &there, err);
	if (code == ERR_OK && fsync(dir) != 0)
		code = err_errno(err, errno, "syncing %s", state_dir);
	close(dir);
	FAULT_POINT("install.ready");
	return code == ERR_OK ? install_finish(state_dir, aside, size, err) : code;
}
