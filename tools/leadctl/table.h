/*
 * table: aligned columns for people. Cells are escaped and measured in terminal columns,
 * not bytes. Rows wait until table_flush, which widens the columns it has to; the titles
 * come once, before the first row. Where a row is wider than the terminal its last cell
 * goes to a line of its own below it.
 */
#ifndef LEADCTL_TABLE_H
#define LEADCTL_TABLE_H

#include "leadctl.h"

#define TABLE_COLUMNS_MAX 12

struct column {
	const char *title; /* NULL ends the list */
	int max;           /* widest, in terminal columns; 0: as wide as it is */
	bool right;        /* numbers */
};

struct table {
	const struct column *columns;
	int count;
	int widths[TABLE_COLUMNS_MAX];
	struct cell *cells; /* count per row, row after row */
	size_t used, room;
	bool titled;
	bool folded; /* the last column stands below */
	const char *indent;
};

void table_init(struct table *table, const struct column *columns, const char *indent);
void table_finish(struct table *table);
/* The next cell; rows follow from the number of columns. text may be NULL. */
void table_add(struct table *table, const char *text, enum colour colour);
void table_add_count(struct table *table, int64_t count, enum colour colour);
size_t table_rows(const struct table *table);
void table_flush(struct table *table, struct cli *cli);

/* Terminal columns of valid UTF-8; control characters must be gone. */
int text_columns(const char *text);
/* Bytes of the longest prefix of text that is at most columns wide. */
size_t text_prefix(const char *text, int columns);

#endif
