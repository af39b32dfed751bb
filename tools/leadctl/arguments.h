/*
 * arguments: a command line, understood by tables of options.
 *
 * Global options may stand anywhere, a command's own behind its name; "--name value",
 * "--name=value" and "-c value" are the same thing; "--" ends the options; "-" is a word.
 */
#ifndef LEADCTL_ARGUMENTS_H
#define LEADCTL_ARGUMENTS_H

#include "leadrelay/err.h"

#include <stdbool.h>
#include <stddef.h>

struct option_rule {
	const char *name;  /* without dashes; NULL ends a table */
	const char *value; /* what it takes, for help: "NAME"; NULL: a flag; "[=NAME]":
			      only behind =, if at all */
	const char *text;  /* help */
	bool repeats;
	char letter; /* short form; '\0': none */
};

struct given {
	const struct option_rule *rule;
	const char *value; /* NULL: a flag */
};

struct arguments {
	const char **words; /* the command's name first */
	size_t word_count;
	struct given *given;
	size_t given_count;
};

/* own(name) is the table of the command so called, or NULL. Borrows argv. ERR_INVALID
 * with a sentence. *out is the caller's to arguments_finish. */
enum err_code arguments_parse(struct arguments *out, int argc, char **argv,
	const struct option_rule *global,
	const struct option_rule *(*own)(const char *command), struct err *err);
void arguments_finish(struct arguments *args);

bool arguments_has(const struct arguments *args, const char *name);
/* NULL: not given. */
const char *arguments_value(const struct arguments *args, const char *name);

#endif
