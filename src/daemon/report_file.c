/* A report's files in its folder: never half a file, never two of one name. */
#include "reports.h"

#include "leadrelay/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void report_file_name(char *out, size_t size, const char *name, int64_t due,
	const struct zone *zone, const char *extension)
{
	int64_t local = zone_local(zone, due);
	char text[TIME_TEXT_SIZE]; /* 2026-11-22T07:00:00.000Z */

	time_text(local, text);
	/* the hour that comes twice has two reports */
	snprintf(out, size, "%s-%.13s%.2s%s.%s", name, text, text + 14,
		zone_instant(zone, local) == due ? "" : "-2", extension);
}

static enum err_code write_all(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t written = write(fd, bytes, len);

		if (written < 0 && errno != EINTR)
			return ERR_IO;
		if (written > 0) {
			bytes += written;
			len -= (size_t)written;
		}
	}
	return ERR_OK;
}

/* The new name outlives a power cut only when its folder is synced too. */
static enum err_code sync_folder(const char *directory, struct err *err)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err_code code = ERR_OK;

	if (fd < 0 || fsync(fd) != 0)
		code = err_errno(err, errno, "cannot sync %s", directory);
	if (fd >= 0)
		close(fd);
	return code;
}

enum err_code report_file_write(
	const char *directory, const char *name, const struct buf *bytes, struct err *err)
{
	char path[4400], part[4400];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	snprintf(part, sizeof(part), "%s/.%s.part", directory, name);
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (fd < 0)
		return err_errno(err, errno, "cannot write into %s", directory);
	if (fchmod(fd, 0640) != 0 || write_all(fd, buf_str(bytes), bytes->len) != 0 ||
		fsync(fd) != 0) {
		err_errno(err, errno, "cannot write %s", part);
		close(fd);
		unlink(part);
		return err->code;
	}
	close(fd);
	if (rename(part, path) != 0) {
		err_errno(err, errno, "cannot name %s", path);
		unlink(part);
		return err->code;
	}
	return sync_folder(directory, err);
}
