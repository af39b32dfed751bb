/* Which secret and TLS files have changed for good since they were read. */
#include "config_read.h"

#include <stdlib.h>
#include <string.h>

struct watched_now {
	char *path;
	uint8_t loaded[SHA256_SIZE]; /* what the configuration holds */
	uint8_t seen[SHA256_SIZE];   /* at the last look */
	uint8_t told[SHA256_SIZE];   /* what a change was reported for, so that a refused
					reload is not repeated for ever */
};

struct secret_watch {
	struct watched_now *files;
	size_t count;
};

static size_t count_files(const struct watched *list)
{
	size_t count = 0;

	for (; list; list = list->next)
		count++;
	return count;
}

enum err_code secret_watch_create(
	struct secret_watch **out, const struct config *config, struct err *err)
{
	const struct watched *list = memory_watched(config->memory);
	struct secret_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return err_set(err, ERR_NOMEM, "watching secrets: out of memory");
	watch->files = calloc(count_files(list) + 1, sizeof(*watch->files));
	for (; watch->files && list; list = list->next) {
		struct watched_now *file = &watch->files[watch->count++];

		file->path = strdup(list->path);
		memcpy(file->loaded, list->digest, SHA256_SIZE);
		memcpy(file->seen, list->digest, SHA256_SIZE);
		memcpy(file->told, list->digest, SHA256_SIZE);
		if (!file->path)
			break;
	}
	if (watch->files && !list) {
		*out = watch;
		return ERR_OK;
	}
	secret_watch_destroy(watch);
	return err_set(err, ERR_NOMEM, "watching secrets: out of memory");
}

/* Empty and unreadable files are somebody's half-done write: not a change. */
static bool look(struct watched_now *file)
{
	uint8_t digest[SHA256_SIZE];
	char *bytes;
	size_t len;
	bool same;

	if (file_read(file->path, 1024 * 1024, &bytes, &len, NULL, NULL) != ERR_OK)
		return false;
	sha256(bytes, len, digest);
	explicit_bzero(bytes, len);
	free(bytes);
	if (len == 0)
		return false;
	same = memcmp(digest, file->seen, SHA256_SIZE) == 0;
	memcpy(file->seen, digest, SHA256_SIZE);
	if (memcmp(digest, file->loaded, SHA256_SIZE) == 0) {
		memcpy(file->told, digest, SHA256_SIZE); /* changed back */
		return false;
	}
	if (!same || memcmp(digest, file->told, SHA256_SIZE) == 0)
		return false;
	memcpy(file->told, digest, SHA256_SIZE);
	return true;
}

bool secret_watch_changed(struct secret_watch *watch)
{
	bool changed = false;

	for (size_t i = 0; i < watch->count; i++)
		changed = look(&watch->files[i]) || changed;
	return changed;
}

void secret_watch_destroy(struct secret_watch *watch)
{
	if (!watch)
		return;
	for (size_t i = 0; i < watch->count; i++)
		free(watch->files[i].path);
	free(watch->files);
	free(watch);
}
