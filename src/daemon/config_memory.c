#include "config_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
	struct block *next;
	size_t size;
	max_align_t data[];
};

struct memory {
	struct block *blocks;
	struct watched *watched;
	bool failed;
};

struct memory *memory_create(void)
{
	return calloc(1, sizeof(struct memory));
}

void memory_destroy(struct memory *memory)
{
	struct block *block;

	if (!memory)
		return;
	while ((block = memory->blocks) != NULL) {
		memory->blocks = block->next;
		explicit_bzero(
			block->data, block->size); /* any of them may be a secret */
		free(block);
	}
	free(memory);
}

void *memory_alloc(struct memory *memory, size_t size)
{
	struct block *block = calloc(1, sizeof(*block) + size);

	if (!block) {
		memory->failed = true;
		return NULL;
	}
	block->size = size;
	block->next = memory->blocks;
	memory->blocks = block;
	return block->data;
}

char *memory_text(struct memory *memory, const char *text, size_t len)
{
	char *copy = memory_alloc(memory, len + 1);

	if (copy)
		memcpy(copy, text, len);
	return copy;
}

void memory_fail(struct memory *memory)
{
	memory->failed = true;
}

bool memory_ok(const struct memory *memory)
{
	return !memory->failed;
}

struct watched *memory_watched(const struct memory *memory)
{
	return memory->watched;
}

void memory_watch(struct memory *memory, const char *path, const char *bytes, size_t len)
{
	struct watched *watched = memory_alloc(memory, sizeof(*watched));

	if (!watched)
		return;
	watched->path = memory_text(memory, path, strlen(path));
	sha256(bytes, len, watched->digest);
	watched->next = memory->watched;
	memory->watched = watched;
}
