/*
 * csv_encoding: bytes of a file to UTF-8, by iconv of the C library.
 *
 * Two ways: an encoding of single bytes that agrees with ASCII, and UTF-8, leave the file
 * as it is and have each cell converted; any other is converted as it is read, and what
 * is not valid in it becomes the byte 0xFF, which no UTF-8 text has.
 */
#ifndef LEADRELAY_INTAKE_CSV_ENCODING_H
#define LEADRELAY_INTAKE_CSV_ENCODING_H

#include "leadrelay/buf.h"
#include "leadrelay/err.h"

#include <stdbool.h>
#include <stddef.h>

enum encoding_way { ENCODING_UTF8, ENCODING_BYTES, ENCODING_STREAM };

struct encoding {
	char name[32];
	enum encoding_way way;
	/* BYTES: each byte as UTF-8; a length of 0: not valid */
	struct {
		char text[4];
		unsigned char len;
	} table[256];
	void *iconv;   /* STREAM */
	size_t unit;   /* STREAM: bytes that stand together */
	char rest[16]; /* STREAM: the beginning of a character */
	size_t rest_len;
};

/* name: as iconv knows it. ERR_INVALID when it does not. */
enum err_code encoding_init(struct encoding *out, const char *name, struct err *err);
void encoding_finish(struct encoding *encoding);

/* BYTES and UTF8: appends a cell; -1, or the place of the first byte that is not valid
 * (what is not is replaced by U+FFFD). */
long encoding_cell(
	const struct encoding *encoding, struct buf *out, const char *bytes, size_t len);
/* STREAM: appends what the bytes are; end: no more come. */
void encoding_stream(struct encoding *encoding, struct buf *out, const char *bytes,
	size_t len, bool end);

bool all_ascii(const char *bytes, size_t len);
/* Valid, but for a character that the end cuts. */
bool utf8_begins(const char *bytes, size_t len);

#endif
