/*
 * new_file: a file that is there whole or not at all. It is written under
 * NAME.leadctl-partial and gets its name when it is complete and synced; a kill before
 * leaves at most that, and the next one takes it over.
 */
#ifndef LEADCTL_NEW_FILE_H
#define LEADCTL_NEW_FILE_H

#include "leadrelay/err.h"

#include <stdbool.h>

struct new_file {
	int fd; /* empty, 0600, open for reading and writing */
	int dir;
	char *name;    /* within dir */
	char *partial; /* within dir */
	bool force;
};

/* ERR_INVALID: path is there already (and not force), is no file's name, or is one of
 * state_dir's own (the outbox, its WAL, the lock; NULL: not looked at). ERR_LOCKED:
 * somebody else writes it just now. */
enum err_code new_file_begin(struct new_file *out, const char *path, bool force,
	const char *state_dir, struct err *err);
/* Syncs, names, syncs the directory. new_file_end in any case. */
enum err_code new_file_keep(struct new_file *file, struct err *err);
/* Closes; what was not kept is removed. */
void new_file_end(struct new_file *file);

#endif
