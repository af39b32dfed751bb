/*
 * reconciling: a list of leads as Microsoft has it, of which only the rows that need a
 * word are kept. What the files of `reconcile` share.
 */
#ifndef LEADCTL_RECONCILING_H
#define LEADCTL_RECONCILING_H

#include "leadctl.h"

#include "leadrelay/csv.h"
#include "leadrelay/lead.h"

#include <stddef.h>

#define ROWS_ASKED 1000 /* at most, in one request */

struct told_row {
	int64_t line;
	const char *status; /* a word that lasts; NULL: it is here and well */
	char *id;           /* of the lead that agrees; NULL: none */
	struct lead lead;   /* with received_at when the file gives a time */
	char *raw; /* the record as it stands in the file; NULL unless it is missing */
};

struct reconciling {
	struct cli *cli;
	const char *file; /* for messages */
	const struct source_settings *source;
	bool import;
	struct csv_columns *columns;
	struct csv_lead row; /* the one being read */
	/* rows that wait for their verdicts, and those that got one worth telling */
	struct told_row asked[ROWS_ASKED];
	size_t asked_count, asked_bytes;
	struct told_row *told;
	size_t told_count, told_room;
	int64_t rows, matched, missing, unknown, imported;
	int64_t unreadable;       /* of unknown */
	char remembers_since[64]; /* "": it does not */
};

/* Takes lead (a copy of raw, where it is needed). The lists of rows: an exit_status. */
int reconcile_add(struct reconciling *list, int64_t line, struct lead *lead,
	const char *raw, size_t raw_len);
/* A row that no lead could be made of: nobody knows it. */
int reconcile_add_unreadable(struct reconciling *list, int64_t line);
/* Asks for the verdicts still outstanding. */
int reconcile_ask(struct reconciling *list);
void reconcile_finish(struct reconciling *list);

/* Takes the missing rows in; sets their status. An exit_status. */
int reconcile_import(struct reconciling *list);

int64_t reconcile_count(const struct reconciling *list, const char *status);
void reconcile_print(struct reconciling *list);

#endif
