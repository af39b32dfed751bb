#include "new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static enum err_code is_there(const char *name, struct err *err)
{
	return err_set(err, ERR_INVALID,
		"%s is there already and is not overwritten; name another file, or use "
		"--force",
		name);
}

static enum err_code is_no_file(const char *name, const struct stat *st, struct err *err)
{
	return err_set(err, ERR_INVALID,
		"%s is %s, and nothing but a file is replaced; name %s", name,
		S_ISLNK(st->st_mode)   ? "a symbolic link"
		: S_ISDIR(st->st_mode) ? "a folder"
				       : "no file",
		S_ISLNK(st->st_mode) ? "the file that it leads to, or another"
				     : "another file");
}

static enum err_code split(struct new_file *out, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");

	out->name = strdup(slash ? slash + 1 : path);
	if (!folder || !out->name ||
		asprintf(&out->partial, "%s.leadctl-partial", out->name) < 0)
		err_set(err, ERR_NOMEM, "out of memory");
	else if (!*out->name || strcmp(out->name, ".") == 0 ||
		 strcmp(out->name, "..") == 0)
		err_set(err, ERR_INVALID, "\"%s\" is not the name of a file", path);
	else if ((out->dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 &&
		 errno == ENOENT) /* not "no such lead", which ERR_NOT_FOUND ends as */
		err_set(err, ERR_IO,
			"%s: there is no such folder; create it, or name another",
			folder);
	else if (out->dir < 0)
		err_errno(err, errno, "the folder of %s", path);
	free(folder);
	return err->code;
}

/* One of the files that the relay itself lives on: to replace it is to lose leads. */
static bool is_own(const struct new_file *file, const char *state_dir)
{
	static const char *const own[] = {"outbox.db", "lock", "control.sock"};
	struct stat mine, there;

	if (!state_dir || fstat(file->dir, &mine) != 0 || stat(state_dir, &there) != 0 ||
		mine.st_dev != there.st_dev || mine.st_ino != there.st_ino)
		return false;
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (strncmp(file->name, own[i], strlen(own[i])) == 0)
			return true;
	return false;
}

static enum err_code open_partial(struct new_file *out, struct err *err)
{
	struct stat st;

	out->fd = openat(
		out->dir, out->partial, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (out->fd < 0)
		return err_errno(err, errno, "creating %s", out->partial);
	if (flock(out->fd, LOCK_EX | LOCK_NB) != 0)
		return err_set(err, ERR_LOCKED, "%s is being written by another leadctl",
			out->partial);
	if (fstat(out->fd, &st) != 0 || !S_ISREG(st.st_mode) ||
		fchmod(out->fd, 0600) != 0 || ftruncate(out->fd, 0) != 0)
		return err_errno(err, errno, "preparing %s", out->partial);
	return ERR_OK;
}

enum err_code new_file_begin(struct new_file *out, const char *path, bool force,
	const char *state_dir, struct err *err)
{
	struct new_file file = {.fd = -1, .dir = -1, .force = force};
	struct stat st;
	struct err mine = {0};

	if (split(&file, path, &mine) == ERR_OK) {
		if (is_own(&file, state_dir))
			err_set(&mine, ERR_INVALID,
				"%s belongs to the relay itself; name a file elsewhere",
				path);
		else if (fstatat(file.dir, file.name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			open_partial(&file, &mine);
		else if (!S_ISREG(st.st_mode))
			is_no_file(path, &st, &mine);
		else if (!force)
			is_there(path, &mine);
		else
			open_partial(&file, &mine);
	}
	if (mine.code != ERR_OK) {
		if (mine.code == ERR_LOCKED) { /* it is not ours to remove */
			free(file.partial);
			file.partial = NULL;
		}
		new_file_end(&file);
		return err_set(err, mine.code, "%s", mine.text);
	}
	*out = file;
	return ERR_OK;
}

static int put_name(const struct new_file *file)
{
	int rc;

	if (file->force)
		return renameat(file->dir, file->partial, file->dir, file->name);
	rc = renameat2(file->dir, file->partial, file->dir, file->name, RENAME_NOREPLACE);
	if (rc != 0 && (errno == EINVAL || errno == ENOSYS)) { /* not on this one */
		rc = linkat(file->dir, file->partial, file->dir, file->name, 0);
		if (rc == 0)
			unlinkat(file->dir, file->partial, 0);
	}
	return rc;
}

enum err_code new_file_keep(struct new_file *file, struct err *err)
{
	if (fsync(file->fd) != 0)
		return err_errno(err, errno, "writing %s", file->partial);
	if (put_name(file) != 0)
		return errno == EEXIST ? is_there(file->name, err)
				       : err_errno(err, errno, "naming %s", file->name);
	free(file->partial);
	file->partial = NULL;
	if (fsync(file->dir) != 0)
		return err_errno(err, errno, "syncing the folder of %s", file->name);
	return ERR_OK;
}

void new_file_end(struct new_file *file)
{
	if (file->partial && file->dir >= 0 && file->fd >= 0)
		unlinkat(file->dir, file->partial, 0);
	if (file->fd >= 0)
		close(file->fd);
	if (file->dir >= 0)
		close(file->dir);
	free(file->partial);
	free(file->name);
	*file = (struct new_file){.fd = -1, .dir = -1};
}
