#include "sources.h"

#include <stdlib.h>
#include <string.h>

static void prepare(struct source_entry *entry, const struct intake_source *source)
{
	const struct secret *tokens = &source->settings->tokens;

	*entry = (struct source_entry){.source = *source};
	for (size_t i = 0; i < tokens->count && i < 8; i++) {
		if (tokens->values[i] && tokens->values[i][0])
			sha256(tokens->values[i], strlen(tokens->values[i]),
				entry->tokens[entry->token_count++]);
	}
}

static void carry_over(struct source_entry *to, struct source_entry *from)
{
	to->rejected = from->rejected;
	to->wrong_tokens = from->wrong_tokens;
	to->told_at = from->told_at;
	from->rejected = from->wrong_tokens = 0;
}

struct source_set *source_set_create(
	const struct intake_source *sources, size_t count, struct source_set *old)
{
	struct source_set *set = calloc(1, sizeof(*set));

	if (set)
		set->entries = calloc(count + 1, sizeof(*set->entries));
	if (!set || !set->entries) {
		free(set);
		return NULL;
	}
	set->count = count;
	set->users = 1;
	for (size_t i = 0; i < count; i++) {
		struct source_entry *before =
			source_set_find(old, sources[i].settings->name);

		prepare(&set->entries[i], &sources[i]);
		if (before)
			carry_over(&set->entries[i], before);
	}
	return set;
}

void source_set_release(struct source_set *set)
{
	void (*released)(void *ctx);
	void *ctx;

	if (!set || --set->users > 0)
		return;
	released = set->released;
	ctx = set->ctx;
	free(set->entries);
	free(set);
	if (released)
		released(ctx);
}

struct source_entry *source_set_find(struct source_set *set, const char *name)
{
	for (size_t i = 0; set && i < set->count; i++) {
		if (strcmp(set->entries[i].source.settings->name, name) == 0)
			return &set->entries[i];
	}
	return NULL;
}

bool source_knows_token(const struct source_entry *entry, const char *token)
{
	uint8_t digest[SHA256_SIZE];
	bool known = false;

	sha256(token, strlen(token), digest);
	for (size_t i = 0; i < entry->token_count; i++)
		known |= equal_constant_time(digest, entry->tokens[i], SHA256_SIZE);
	return known;
}
