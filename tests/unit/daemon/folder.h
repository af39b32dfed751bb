/* A folder of its own for a test that needs files, and the two kinds of destinations the
 * configuration is tested with, so that the test needs no other room. */
#ifndef LEADRELAY_TESTS_DAEMON_FOLDER_H
#define LEADRELAY_TESTS_DAEMON_FOLDER_H

#include "leadrelay/destination.h"

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

static const struct destination_kind dynamics = {.name = "dynamics365"};
static const struct destination_kind to_file = {.name = "file"};
const struct destination_kind *const destination_kinds[] = {&dynamics, &to_file};
const int destination_kind_count = 2;

const struct destination_kind *destination_kind_find(const char *name)
{
	for (int i = 0; i < destination_kind_count; i++)
		if (strcmp(destination_kinds[i]->name, name) == 0)
			return destination_kinds[i];
	return NULL;
}

enum err_code destination_create(struct destination **out,
	const struct destination_settings *settings, const struct entropy *entropy,
	struct err *err)
{
	(void)entropy;
	(void)err;
	*out = calloc(1, sizeof(**out));
	(*out)->base.settings = settings;
	return ERR_OK;
}

void destination_destroy(struct destination *destination)
{
	free(destination);
}

#endif
