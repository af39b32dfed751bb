/*
 * The notify room's own parts: what a mail says of a lead, as rows of a label and a
 * value, and the two ways to write them. Pure.
 *
 * A row's value holds nothing that could pretend to be something else: single_line has
 * removed line ends, control characters and the marks that turn the writing direction.
 */
#ifndef NOTIFY_ROOM_H
#define NOTIFY_ROOM_H

#include "leadrelay/compose.h"

#include <stdbool.h>

#define ROWS_MAX 80
#define VALUE_MAX 8000 /* bytes of one value in a mail; the rest is in leadctl show */

struct row {
	struct buf label;
	struct buf value;
	bool lines; /* value may have several, separated by \n */
};
struct rows {
	struct row items[ROWS_MAX];
	size_t count;
	bool failed; /* memory ran out: something is left out */
};

/* What a mail shows of lead at detail, the most important first. */
void rows_of_lead(struct rows *rows, const struct lead *lead, enum mail_detail detail);
bool rows_ok(const struct rows *rows);
void rows_finish(struct rows *rows);

/* Appends text without control characters and direction marks, line ends as blanks; at
 * most max bytes, whole characters, then "...". */
void words_line(struct buf *out, const char *text, size_t max);
/* The same, but line ends stay (as \n). */
void words_lines(struct buf *out, const char *text, size_t max);
/* Bytes of the character at text, which is not at its end. */
size_t words_width(const char *text);
/* "Z. \xc3\x85." of a person's name; nothing without one. */
void mask_name(struct buf *out, const struct lead *lead);

struct letter { /* a notification before it is written */
	const char *subject;
	const char *opening; /* the first sentence */
	const struct lead *leads;
	size_t count;
	int64_t left_out;
	enum mail_detail detail;
};
void letter_html(struct buf *out, const struct letter *letter);

#endif
