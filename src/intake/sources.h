/*
 * sources: the configured sources as intake looks them up: by name and token, with what
 * each still has to report. Loop thread.
 */
#ifndef LEADRELAY_INTAKE_SOURCES_H
#define LEADRELAY_INTAKE_SOURCES_H

#include "leadrelay/intake.h"
#include "leadrelay/text.h"

struct source_entry {
	struct intake_source source;
	uint8_t tokens[8][SHA256_SIZE]; /* digests: equal lengths compare in equal time */
	size_t token_count;
	int64_t rejected;     /* answered 4xx or 5xx, not yet told the store */
	int64_t wrong_tokens; /* not yet told the operator */
	int64_t told_at;      /* wall, of the last wrong-token alert; 0: never */
};

struct source_set { /* one configuration; requests hold on to theirs */
	struct source_entry *entries;
	size_t count;
	struct intake_mail mail; /* destination 0: nobody is told */
	int users;               /* requests, and intake while it is the current one */
	void (*released)(void *ctx);
	void *ctx;
};

/* NULL: out of memory. Counts of sources with the same name are carried over from old
 * (NULL is fine). */
struct source_set *source_set_create(
	const struct intake_source *sources, size_t count, struct source_set *old);
void source_set_release(struct source_set *set); /* NULL is fine */
struct source_entry *source_set_find(struct source_set *set, const char *name);
/* Compares with every token, whichever matched. */
bool source_knows_token(const struct source_entry *entry, const char *token);

#endif
