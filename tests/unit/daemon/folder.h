/* A folder of its own for a test that needs files. */
#ifndef LEADRELAY_TESTS_DAEMON_FOLDER_H
#define LEADRELAY_TESTS_DAEMON_FOLDER_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static inline void folder_make(void)
{
	snprintf(folder, sizeof(folder), "/tmp/leadrelay-config-XXXXXX");
	if (!mkdtemp(folder))
		abort();
}

static inline const char *in_folder(const char *name, char out[256])
{
	snprintf(out, 256, "%s/%s", folder, name);
	return out;
}

static inline void put_file(const char *name, const char *text, size_t len, mode_t mode)
{
	char path[256];
	int fd;

	unlink(in_folder(name, path));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len || fchmod(fd, mode) != 0)
		abort();
	close(fd);
}

static inline void folder_remove(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	if (system(command) != 0)
		abort();
}

#endif
