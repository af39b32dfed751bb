/*
 * lock: who may write. Two locks on one file, both released by the kernel when their
 * holder ends, however it ends:
 *
 *   flock on the whole file      held while the store is open: the right to write
 *   OFD lock on byte 1           held by a daemon from its start: "I have it or want it"
 *
 * A daemon takes byte 1 first; when that is taken there is another daemon. Then it waits
 * for the flock. A leadctl looks at byte 1 before and, by store_lock_wanted, during its
 * work, and makes way.
 */
#include "leadrelay/log.h"
#include "leadrelay/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define POLL_MS 20

struct store_lock {
	int fd;
};

static struct flock wish(short type)
{
	return (struct flock){
		.l_type = type, .l_whence = SEEK_SET, .l_start = 1, .l_len = 1};
}

/* ---- the directory ---- */

static enum err_code create_dir(const char *path, enum lock_role role, struct err *err)
{
	if (role != LOCK_DAEMON)
		return err_set(err, ERR_NOT_FOUND,
			"state_dir %s does not exist; start leadrelayd once, or correct state_dir",
			path);
	if (mkdir(path, 0700) != 0)
		return err_errno(err, errno,
			"creating state_dir %s (its parent must exist and be writable)",
			path);
	log_info("state_dir created", "path", path, NULL);
	return ERR_OK;
}

static enum err_code check_dir(const char *path, enum lock_role role, struct err *err)
{
	struct stat st;
	enum err_code code = ERR_OK;

	if (stat(path, &st) != 0) {
		if (errno != ENOENT)
			return err_errno(err, errno, "state_dir %s", path);
		code = create_dir(path, role, err);
		if (code == ERR_OK && stat(path, &st) != 0)
			code = err_errno(err, errno, "state_dir %s", path);
		if (code != ERR_OK)
			return code;
	}
	if (!S_ISDIR(st.st_mode))
		return err_set(err, ERR_CONFIG,
			"state_dir %s is not a directory; name one that is", path);
	if (st.st_uid != geteuid())
		return err_set(err, ERR_DENIED,
			"state_dir %s belongs to user %u and this runs as user %u; run as its"
			" owner, or chown -R it",
			path, (unsigned)st.st_uid, (unsigned)geteuid());
	if ((st.st_mode & 07777) == 0700)
		return ERR_OK;
	if (chmod(path, 0700) != 0)
		return err_errno(err, errno,
			"state_dir %s has mode %04o; make it 0700 (chmod 700)", path,
			(unsigned)st.st_mode & 07777);
	log_warn("state_dir made private", "path", path, NULL);
	return ERR_OK;
}

static enum err_code open_file(const char *state_dir, int *fd_out, struct err *err)
{
	char path[4200];
	struct stat st;
	int fd;

	if (snprintf(path, sizeof(path), "%s/lock", state_dir) >= (int)sizeof(path))
		return err_set(err, ERR_CONFIG, "state_dir is too long a path");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(err, errno, "opening %s", path);
	if (fstat(fd, &st) != 0 ||
		((st.st_mode & 07777) != 0600 && fchmod(fd, 0600) != 0)) {
		err_errno(err, errno, "%s needs mode 0600", path);
		close(fd);
		return err->code;
	}
	*fd_out = fd;
	return ERR_OK;
}

/* ---- the two locks ---- */

static enum err_code say_wish(int fd, struct err *err)
{
	struct flock lock = wish(F_WRLCK);

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return ERR_OK;
	if (errno == EAGAIN || errno == EACCES)
		return err_set(err, ERR_LOCKED,
			"another daemon (leadrelayd) already runs on this state_dir; stop it first");
	return err_errno(err, errno, "locking state_dir");
}

bool store_lock_wanted(const struct store_lock *lock)
{
	struct flock other = wish(F_WRLCK);

	return fcntl(lock->fd, F_OFD_GETLK, &other) == 0 && other.l_type != F_UNLCK;
}

static bool try_flock(int fd)
{
	int rc;

	do
		rc = flock(fd, LOCK_EX | LOCK_NB);
	while (rc != 0 && errno == EINTR);
	return rc == 0;
}

static enum err_code take_as_daemon(
	const struct store_lock *lock, int64_t wait_ms, struct err *err)
{
	const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
	enum err_code code = say_wish(lock->fd, err);

	for (int64_t waited = 0; code == ERR_OK && !try_flock(lock->fd);
		waited += POLL_MS) {
		if (waited >= wait_ms)
			return err_set(err, ERR_LOCKED,
				"a tool (leadctl) holds the store and did not make way; wait for it, or"
				" end it");
		nanosleep(&pause, NULL);
	}
	return code;
}

static enum err_code take_as_tool(const struct store_lock *lock, struct err *err)
{
	if (store_lock_wanted(lock))
		return err_set(err, ERR_LOCKED, "a daemon (leadrelayd) holds the store");
	if (!try_flock(lock->fd))
		return err_set(err, ERR_LOCKED,
			"another tool (leadctl) holds the store; wait for it, or end it");
	if (store_lock_wanted(lock)) /* it came between the two */
		return err_set(err, ERR_LOCKED, "a daemon (leadrelayd) wants the store");
	return ERR_OK;
}

enum err_code store_lock_take(struct store_lock **out, const char *state_dir,
	enum lock_role role, int64_t wait_ms, struct err *err)
{
	struct store_lock *lock;
	enum err_code code;
	struct err mine;

	code = check_dir(state_dir, role, &mine);
	if (code != ERR_OK)
		return err_set(err, code, "%s", mine.text);
	lock = calloc(1, sizeof(*lock));
	if (!lock)
		return err_set(err, ERR_NOMEM, "locking state_dir: out of memory");
	lock->fd = -1;
	code = open_file(state_dir, &lock->fd, &mine);
	if (code == ERR_OK)
		code = role == LOCK_DAEMON ? take_as_daemon(lock, wait_ms, &mine)
					   : take_as_tool(lock, &mine);
	if (code != ERR_OK) {
		store_lock_release(lock);
		return err_set(err, code, "%s", mine.text);
	}
	*out = lock;
	return ERR_OK;
}

void store_lock_release(struct store_lock *lock)
{
	if (!lock)
		return;
	if (lock->fd >= 0) {
		struct flock nothing = wish(F_UNLCK);

		/* not left to close: a child that was forked meanwhile has the file too
		 */
		fcntl(lock->fd, F_OFD_SETLK, &nothing);
		flock(lock->fd, LOCK_UN);
		close(lock->fd);
	}
	free(lock);
}
