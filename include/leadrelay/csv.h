/*
 * csv: files of leads: records, what their headings mean, and leads.
 *
 *   bytes --csv_next--> records --csv_columns_create (the first)--> csv_lead_read-->
 * leads
 *
 * The format is RFC 4180's, read by libcsv, with what people's programs make of it:
 *
 *   encoding    a byte order mark says it (UTF-8, UTF-16). Without one, the first 64 KiB
 *               decide: valid UTF-8 is UTF-8, else it is Windows-1252; all ASCII: the
 *               first record beyond ASCII decides. A later record that is not valid in
 *               what was decided has a problem. NULs in the heading: refused.
 *   delimiter   "sep=;" in the first line, else that of , ; and tab which stands most
 *               often in the heading outside quotes; none: a comma.
 *   lines end   with CRLF, LF or CR; empty ones (blanks only) are no records.
 *   blanks      around a cell without quotes, and outside the quotes, are dropped.
 *   quotes      inside a cell that does not begin with one are characters ('5" disk').
 *               A cell that does begin with one must end with one before the delimiter;
 *               else, or when the quote is never closed, or not within CSV_RECORD_MAX,
 *               the record's first line alone has a problem, and reading goes on with the
 *               line behind it: a lone quote swallows nothing.
 *   limits      CSV_RECORD_MAX, CSV_FIELD_MAX, CSV_COLUMNS_MAX. NULs are a problem.
 *
 * Memory: a few times CSV_RECORD_MAX at most, whatever the file. Pure but for the
 * caller's read; one thread at a time.
 */
#ifndef LEADRELAY_CSV_H
#define LEADRELAY_CSV_H

#include "leadrelay/buf.h"
#include "leadrelay/err.h"
#include "leadrelay/lead.h"
#include "leadrelay/settings.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CSV_RECORD_MAX (1024 * 1024) /* bytes */
#define CSV_FIELD_MAX (256 * 1024)   /* bytes, as UTF-8 */
#define CSV_COLUMNS_MAX 16384        /* as many as Excel has */

/* ---- records ---- */

struct csv_options {
	char delimiter;       /* 0: recognised */
	const char *encoding; /* as iconv calls it; NULL: recognised */
};

/* Up to size bytes to out; 0: the end; -1: errno says why. */
typedef ssize_t (*csv_read)(void *ctx, char *out, size_t size);

struct csv_record {      /* all of it valid until the next csv_next */
	int64_t line;    /* where it begins, from 1 */
	char **cells;    /* UTF-8, NUL-terminated */
	size_t count;    /* 0: its cells cannot be told apart */
	const char *raw; /* as it stands in the file, without the end of its line (a file
			    in UTF-16 or another wide encoding: as UTF-8); cut where it
			    is longer than CSV_RECORD_MAX */
	size_t raw_len;
	const char *problem; /* NULL: none. A sentence */
	size_t column;       /* of the problem, from 1; 0: none of its own */
	bool altered; /* a cell is not what stands in the file: that held a NUL, or bytes
			 that are no text */
};

struct csv_reader;
/* Reads the first bytes. ERR_INVALID: no such encoding, not a usable delimiter. *out is
 * the caller's to csv_close. */
enum err_code csv_open(struct csv_reader **out, csv_read read, void *ctx,
	const struct csv_options *options, struct err *err);
/* The next record, the heading first. 1: out is set; 0: the end; -1: err is set. */
int csv_next(struct csv_reader *reader, struct csv_record *out, struct err *err);
void csv_close(struct csv_reader *reader); /* NULL is fine */

char csv_delimiter(const struct csv_reader *reader);
/* "UTF-8", "windows-1252" ...; until it is decided: "UTF-8". */
const char *csv_encoding(const struct csv_reader *reader);
bool csv_raw_is_utf8(const struct csv_reader *reader); /* a wide encoding: raw is UTF-8 */
int64_t csv_bytes(const struct csv_reader *reader); /* of the file, behind the record */

/* ---- what the columns mean ---- */

enum csv_meaning {
	CSV_FIELD,    /* a canonical field */
	CSV_CREATED,  /* the lead's own time */
	CSV_CUSTOMER, /* CustomerInfo: the person, as JSON text */
	CSV_EXTRA,    /* kept in extra under the column's own heading */
	CSV_IGNORED,  /* _line of a rejects file; see below */
	CSV_REASON,   /* _reason of a rejects file; see csv_reason_add */
	/* of an export of ours: the heading has id, received_at, source and test */
	CSV_ID,
	CSV_RECEIVED_AT,
	CSV_TEST,
	CSV_EXTRA_JSON,
};
struct csv_column {
	char *heading;
	enum csv_meaning meaning;
	enum lead_field field; /* CSV_FIELD */
};
struct csv_columns {
	struct csv_column *items;
	size_t count;
	bool exported; /* an export of ours: its `source` and `deliveries` are ignored,
			  its cells unguarded (csv_unguard), id and received_at kept */
	/* columns that mean what one before them means already, in a sentence each: the
	 * first with a text counts, what the others have is kept in extra */
	struct text_list notes;
	const struct source_settings *source; /* borrowed */
	int64_t latest; /* times beyond it are refused; 0: none is */
};

/* What the heading's columns mean: first by map (--map: heading, and a canonical field,
 * "created" or "extra"), then by source's map, then by contract 10 and its relatives:
 * without case, blanks, '_' and '-' alike, without accents. ERR_INVALID, in words: a
 * problem of the heading, a column of map that is not there, a field that is none, no
 * column that could say whose lead it is. *out is the caller's to csv_columns_destroy;
 * source is borrowed: its map and set apply, its kind says what a lead needs. */
enum err_code csv_columns_create(struct csv_columns **out,
	const struct csv_record *heading, const struct source_settings *source,
	const struct pair_list *map, struct err *err);
void csv_columns_destroy(struct csv_columns *columns); /* NULL is fine */

/* The canonical field a heading means by itself, or -1. */
int csv_heading_field(const char *heading);

/* ---- leads ---- */

#define CSV_PROBLEM_SIZE 512
struct csv_lead {
	struct lead lead; /* the caller's to lead_finish. No source; id and received_at
			     where given */
	bool id_given, time_given;
	char problem[CSV_PROBLEM_SIZE]; /* "": none. Says the value (escaped, cut) and
					   what would be accepted */
	size_t column;                  /* of the problem, from 1; 0: none of its own */
};
/* A record to a lead, by the same rules as what comes over HTTP. False: out->problem says
 * why it is none, and out->lead holds nothing. A record whose cells are not as many as
 * the columns is none (empty ones behind the last column do not count). */
bool csv_lead_read(const struct csv_columns *columns, const struct csv_record *record,
	struct csv_lead *out);

/* Appends what stands under _reason in a rejects file. Where a record's cells do not fit
 * the heading, or hold what no text has, the row has been made to fit: it ends with a
 * mark of the cells as they are, by which csv_lead_read refuses it again until somebody
 * has corrected them. */
void csv_reason_add(struct buf *out, const struct csv_columns *columns,
	const struct csv_record *record, const char *reason);

/* A time as people and programs write it: RFC 3339; 2026-11-22 and 2026/11/22, each with
 * a time of day or without (UTC; am and pm); 22.11.2026 (day first); 22/11/2026 and
 * 11/22/2026 where one of the two is beyond 12 or both are the same. NULL: it is set;
 * else what is wrong, as a part of a sentence. */
const char *csv_time_parse(const char *text, int64_t *at_out);

#endif
