/*
 * columns: what a lead row may hold, and the refusals Dataverse gives for what it may
 * not.
 *
 * The table is the lead's of a fresh environment; an organisation's own columns, and
 * other lengths or choices of the standard ones, are declared as "name:type[:limit]".
 */
#ifndef REHEARSAL_COLUMNS_H
#define REHEARSAL_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

enum column_type {
	COLUMN_STRING,
	COLUMN_EMAIL,
	COLUMN_MEMO,
	COLUMN_CHOICE,
	COLUMN_BOOL,
	COLUMN_INT,
	COLUMN_DECIMAL,
	COLUMN_DATE,
	COLUMN_DATETIME,
	COLUMN_GUID,
	COLUMN_LOOKUP,   /* only as name@odata.bind */
	COLUMN_READONLY, /* the system's */
};

struct column {
	const char *name;
	enum column_type type;
	int max; /* UTF-16 units; 0: none */
	const char
		*choices; /* "1-10,100000000"; of a lookup the entity sets it may name */
};

struct declared_column {
	struct column column;
	char *name, *choices; /* own what column points to */
	struct declared_column *next;
};

/* Why a body was refused; message is the caller's to free. */
struct refusal {
	int status;
	const char *code;
	char *message;
};

/* "new_campaigncode:string:100" or "leadsourcecode:choice:1-10,100000000". Adds to *list,
 * in front of one of the same name. False: not understood. */
bool columns_declare(struct declared_column **list, const char *declaration);
void columns_free(struct declared_column *list);

const struct column *columns_find(
	const struct declared_column *declared, const char *name);

/* The next standard column; NULL after the last. Start with NULL. */
const struct column *columns_next(const struct column *column);

/* Checks a create's or update's body. False: *refusal tells what Dataverse would. */
bool columns_check(const struct declared_column *declared, const cJSON *body,
	struct refusal *refusal);

const char *column_type_name(enum column_type type);

#endif
