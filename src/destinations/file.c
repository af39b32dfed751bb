/*
 * file: one JSON line per lead, appended and synced before it counts as delivered.
 *
 * Work, on a worker thread: open (the file may have been rotated away since), lock, a
 * line break first when the last byte is none (a line torn by a crash spoils only
 * itself), the line, fdatasync; once per instance, and when the file was created, its
 * folder is synced too. A write that fails is taken back by truncating, so that the line
 * is there whole or not at all. A crash in between leaves at most one torn last line, and
 * the delivery is repeated.
 */
#include "document.h"
#include "kinds.h"
#include "words.h"

#include "leadrelay/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LOCK_TRIES 50 /* 10 ms apart: only another process can hold it */

struct file {
	struct destination_base base;
	pthread_mutex_t lock; /* one write at a time; guards folder_synced */
	bool folder_synced;
};

static struct file *of(struct destination *destination)
{
	return (struct file *)destination;
}

static enum err_code create(struct destination **out,
	const struct destination_settings *settings, const struct entropy *entropy,
	struct err *err)
{
	struct file *file;

	(void)entropy;
	if (!settings->path || !*settings->path)
		return err_set(err, ERR_CONFIG, "path: missing; the file to append to");
	file = calloc(1, sizeof(*file));
	if (!file)
		return err_set(err, ERR_NOMEM, "out of memory");
	file->base = (struct destination_base){
		.kind = &destination_file, .settings = settings};
	pthread_mutex_init(&file->lock, NULL);
	*out = (struct destination *)file;
	return ERR_OK;
}

static void destroy(struct destination *destination)
{
	struct file *file = of(destination);

	pthread_mutex_destroy(&file->lock);
	free(file);
}

struct opened {
	int fd;
	off_t size; /* before our line */
	bool created;
};

static enum err_code open_for_append(
	const char *path, struct opened *opened, struct err *err)
{
	int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NONBLOCK;
	struct stat stat;

	opened->created = false;
	opened->fd = open(path, flags);
	if (opened->fd < 0 && errno == ENOENT) {
		opened->created = true;
		opened->fd = open(path, flags | O_CREAT, 0600);
	}
	if (opened->fd < 0)
		return err_errno(err, errno, "opening %s", path);
	if (fstat(opened->fd, &stat) == 0 && S_ISREG(stat.st_mode))
		return ERR_OK;
	close(opened->fd);
	return err_set(err, ERR_DENIED, "opening %s: not a regular file", path);
}

/* Against other processes: leadctl validate, or a second destination with this path. */
static enum err_code lock_file(int fd, const char *path, struct err *err)
{
	static const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return ERR_OK;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_errno(err, errno, "locking %s", path);
		nanosleep(&pause, NULL);
	}
	return err_set(err, ERR_BUSY, "locking %s: another process holds it", path);
}

static enum err_code write_all(
	int fd, const char *path, const char *bytes, size_t len, struct err *err)
{
	if (FAULT_FAILS("file.write"))
		return err_errno(err, ENOSPC, "writing %s", path);
	while (len > 0) {
		ssize_t count = write(fd, bytes, len);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return err_errno(err, errno, "writing %s", path);
		bytes += count;
		len -= (size_t)count;
	}
	return ERR_OK;
}

static enum err_code sync_folder(const char *path, struct err *err)
{
	char *copy = strdup(path);
	enum err_code code = ERR_OK;
	int fd;

	if (!copy)
		return err_set(err, ERR_NOMEM, "syncing the folder: out of memory");
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		code = err_errno(err, errno, "syncing the folder of %s", path);
	if (fd >= 0)
		close(fd);
	free(copy);
	return code;
}

static enum err_code sync_all(
	struct file *file, const struct opened *opened, struct err *err)
{
	const char *path = file->base.settings->path;
	enum err_code code;

	FAULT_POINT("file.before_sync");
	if (fdatasync(opened->fd) != 0)
		return err_errno(err, errno, "syncing %s", path);
	if (file->folder_synced && !opened->created)
		return ERR_OK;
	code = sync_folder(path, err);
	file->folder_synced = code == ERR_OK;
	return code;
}

/* The size, and whether a torn line has to be ended first. */
static enum err_code measure(
	struct opened *opened, const char *path, bool *torn, struct err *err)
{
	struct stat stat;
	char last = '\n';

	if (fstat(opened->fd, &stat) != 0 ||
		(stat.st_size > 0 && pread(opened->fd, &last, 1, stat.st_size - 1) != 1))
		return err_errno(err, errno, "reading %s", path);
	opened->size = stat.st_size;
	*torn = last != '\n';
	return ERR_OK;
}

static enum err_code append(struct file *file, const struct opened *opened, bool torn,
	const struct buf *line, struct err *err)
{
	const char *path = file->base.settings->path;
	enum err_code code = ERR_OK;

	if (torn)
		code = write_all(opened->fd, path, "\n", 1, err);
	if (code == ERR_OK)
		code = write_all(opened->fd, path, line->data, line->len, err);
	if (code == ERR_OK)
		code = sync_all(file, opened, err);
	if (code != ERR_OK && ftruncate(opened->fd, opened->size) != 0)
		err_wrap(err, "a part of the line stays in the file");
	return code;
}

static enum err_code append_line(
	struct file *file, const struct buf *line, struct err *err)
{
	const char *path = file->base.settings->path;
	struct opened opened = {.fd = -1};
	bool torn = false;
	enum err_code code = open_for_append(path, &opened, err);

	if (code != ERR_OK)
		return code;
	code = lock_file(opened.fd, path, err);
	if (code == ERR_OK)
		code = measure(&opened, path, &torn, err);
	if (code == ERR_OK && line->len > 0)
		code = append(file, &opened, torn, line, err);
	close(opened.fd); /* and unlocks */
	return code;
}

/* Worker thread. */
static void work(struct destination *destination, struct task *task)
{
	struct file *file = of(destination);

	pthread_mutex_lock(&file->lock);
	task->work_error.code = ERR_OK;
	append_line(file, &task->work, &task->work_error);
	pthread_mutex_unlock(&file->lock);
}

static enum step_kind begin(
	struct destination *destination, struct task *task, int64_t now)
{
	const struct destination_settings *settings = destination->base.settings;

	task->records[0].at = now;
	if (task->purpose != TASK_DELIVER)
		return STEP_WORK;
	if (!document_add(&task->work, task->lead, &settings->map, &settings->set))
		return task_out_of_memory(task);
	buf_addc(&task->work, '\n');
	return buf_ok(&task->work) ? STEP_WORK : task_out_of_memory(task);
}

/* Space, permissions, paths and broken disks wait for the operator; the rest passes. */
static bool passes(enum err_code code)
{
	return code == ERR_NOMEM || code == ERR_BUSY || code == ERR_TIMEOUT;
}

static void fail(struct outcome *outcome, const struct err *err)
{
	outcome->kind = passes(err->code) ? OUTCOME_RETRY : OUTCOME_ENVIRONMENT;
	outcome->reason = passes(err->code) ? REASON_SERVER_ERROR : REASON_ENVIRONMENT;
	outcome->destination = passes(err->code);
	words_put(outcome->error, sizeof(outcome->error), err->text);
	words_put(outcome->remedy, sizeof(outcome->remedy),
		err->code == ERR_FULL
			? "free space on that file system; writing resumes by itself"
			: "make path a file that leadrelayd's user may write, in a "
			  "folder that exists; writing resumes by itself");
}

static enum step_kind next(struct destination *destination, struct task *task,
	const struct http_answer *answer, int64_t now)
{
	struct outcome outcome = {.kind = OUTCOME_DELIVERED, .wait_ms = -1};
	int64_t started_at = task->records[0].at;

	(void)destination;
	(void)answer;
	if (task->work_error.code != ERR_OK)
		fail(&outcome, &task->work_error);
	task_record(task, &outcome, started_at, now - started_at);
	return task_done(task, &outcome);
}

static const struct destination_key keys[] = {{"path", true}, {NULL, false}};

const struct destination_kind destination_file = {
	.name = "file",
	.keys = keys,
	.keeps_key = false,
	.create = create,
	.destroy = destroy,
	.begin = begin,
	.next = next,
	.work = work,
	.purposes = 1u << TASK_DELIVER | 1u << TASK_PROBE,
};
