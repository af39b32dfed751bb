/* migrate: the files of schema/, in order, embedded by the build (embed.cmake). */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include <stddef.h>

struct migration {
	int version; /* the number its name starts with: 1, 2, ... without gaps */
	const char *name;
	const char *sql;
};
extern const struct migration migrations[];
extern const size_t migration_count;

#endif
