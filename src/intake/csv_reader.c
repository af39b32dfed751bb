/*
 * Bytes to records. libcsv gets the file line by line, so that a record's end, its bytes
 * and its line are known without looking over its shoulder; it is strict, and where it
 * objects the record is given up (see csv.h) or the quote taken for a character.
 */
#include "leadrelay/csv.h"

#include "csv_encoding.h"

#include "leadrelay/buf.h"
#include "leadrelay/text.h"

#include <csv.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK (64 * 1024)
#define STRICT (CSV_STRICT | CSV_STRICT_FINI)
#define SHOWN_MAX 60 /* bytes of a value in a problem */

struct cell {
	size_t from, len; /* in reader->bytes */
};

struct csv_reader {
	csv_read read;
	void *ctx;
	struct csv_parser parser;
	struct encoding encoding;
	bool decided; /* the encoding */
	bool ended;   /* no more comes */
	int read_errno;
	struct buf in;   /* from the record at hand on; older bytes until the next read */
	size_t start;    /* of the record at hand */
	size_t at;       /* what the parser had ends here */
	int64_t line;    /* of start */
	int64_t line_at; /* of at */
	int64_t received; /* bytes of the file */
	/* the record at hand */
	struct buf bytes; /* its cells as they are in the file */
	struct cell *found;
	size_t found_count, found_room;
	bool complete, failed;
	struct buf text; /* its cells as they are handed out */
	char **cells;
	size_t cells_room;
	char problem[512];
};

/* ---- reading ---- */

static void drop_old(struct csv_reader *reader)
{
	size_t old = reader->start;

	if (old == 0)
		return;
	memmove(reader->in.data, reader->in.data + old, reader->in.len - old);
	reader->in.len -= old;
	reader->start = 0;
	reader->at -= old;
}

static ssize_t read_some(struct csv_reader *reader, char *out)
{
	ssize_t got = reader->read(reader->ctx, out, CHUNK);

	if (got < 0)
		reader->read_errno = errno;
	if (got <= 0)
		reader->ended = true;
	else
		reader->received += got;
	return got > 0 ? got : 0;
}

static void refill(struct csv_reader *reader)
{
	drop_old(reader);
	if (!buf_reserve(&reader->in, CHUNK))
		return;
	if (reader->encoding.way == ENCODING_STREAM) {
		char chunk[CHUNK];
		ssize_t got = read_some(reader, chunk);

		encoding_stream(&reader->encoding, &reader->in, chunk, (size_t)got,
			reader->ended);
		return;
	}
	reader->in.len += (size_t)read_some(reader, reader->in.data + reader->in.len);
}

/* The line at `at` with its end. False: there is none, or (len_out is not 0) it is longer
 * than a record may be. */
static bool find_line(struct csv_reader *reader, size_t *len_out)
{
	size_t len = 0;

	for (;;) {
		const char *from = reader->in.data + reader->at;
		size_t there = reader->in.len - reader->at;

		while (len < there && from[len] != '\n' && from[len] != '\r')
			len++;
		if (len < there && (from[len] == '\n' || len + 1 < there)) {
			*len_out = len + 1 + (from[len] == '\r' && from[len + 1] == '\n');
			return true;
		}
		*len_out = there;
		if (reader->ended || reader->in.failed)
			return there > 0;
		if (len > CSV_RECORD_MAX)
			return false;
		refill(reader);
	}
}

/* ---- libcsv ---- */

static void take_cell(void *bytes, size_t len, void *ctx)
{
	struct csv_reader *reader = ctx;

	if (reader->found_count == reader->found_room) {
		size_t room = reader->found_room ? 2 * reader->found_room : 64;
		struct cell *grown = realloc(reader->found, room * sizeof(*grown));

		if (!grown) {
			reader->failed = true;
			return;
		}
		reader->found = grown;
		reader->found_room = room;
	}
	reader->found[reader->found_count++] = (struct cell){reader->bytes.len, len};
	buf_add(&reader->bytes, bytes, len);
}

static void take_end(int last, void *ctx)
{
	struct csv_reader *reader = ctx;

	(void)last;
	reader->complete = true;
}

static void forget_record(struct csv_reader *reader)
{
	csv_set_opts(&reader->parser, 0); /* else an open quote makes fini refuse */
	csv_fini(&reader->parser, NULL, NULL, NULL);
	csv_set_opts(&reader->parser, STRICT);
	reader->found_count = 0;
	reader->complete = false;
	buf_clear(&reader->bytes);
	buf_clear(&reader->text);
	reader->problem[0] = '\0';
}

static size_t parse(struct csv_reader *reader, const char *from, size_t len)
{
	return csv_parse(&reader->parser, from, len, take_cell, take_end, reader);
}

/* False: something stands behind a closing quote. */
static bool feed(struct csv_reader *reader, const char *from, size_t len)
{
	while (len > 0) {
		size_t done = parse(reader, from, len);

		from += done;
		len -= done;
		if (len == 0)
			break;
		if (csv_error(&reader->parser) != CSV_EPARSE) {
			reader->failed = true;
			break;
		}
		if (reader->parser.quoted)
			return false;
		csv_set_opts(&reader->parser, 0); /* a quote within a cell without */
		parse(reader, from++, 1);
		csv_set_opts(&reader->parser, STRICT);
		len--;
	}
	return true;
}

/* ---- a record's end ---- */

/* whole: no character is cut by the end. */
static void decide_encoding(
	struct csv_reader *reader, const char *bytes, size_t len, bool whole)
{
	struct err err;

	if (reader->decided || all_ascii(bytes, len))
		return;
	reader->decided = true;
	if (!(whole ? utf8_valid(bytes, len) : utf8_begins(bytes, len)) &&
		encoding_init(&reader->encoding, "windows-1252", &err) != ERR_OK)
		reader->failed = true;
}

/* What stands around the byte that is wrong, to be shown. */
static void add_around(struct buf *out, const struct csv_reader *reader,
	const struct cell *cell, long wrong)
{
	const char *bytes = reader->bytes.data + cell->from;
	size_t from = wrong > SHOWN_MAX / 2 ? (size_t)wrong - SHOWN_MAX / 2 : 0;

	while (from > 0 && (bytes[from] & 0xc0) == 0x80)
		from--;
	text_escape(out, bytes + from,
		cell->len - from < SHOWN_MAX ? cell->len - from : SHOWN_MAX);
}

static void say_nul(struct csv_reader *reader, const struct cell *cell, long wrong)
{
	struct buf shown = BUF_INIT;

	add_around(&shown, reader, cell, wrong);
	snprintf(reader->problem, sizeof(reader->problem),
		"\"%s\" holds a NUL, which no text has; a file in UTF-16 without a byte order "
		"mark needs --encoding UTF-16LE",
		buf_str(&shown));
	buf_finish(&shown);
}

static void say_invalid(struct csv_reader *reader, const struct cell *cell, long wrong)
{
	bool utf8 = reader->encoding.way == ENCODING_UTF8;
	struct buf shown = BUF_INIT;

	add_around(&shown, reader, cell, wrong);
	snprintf(reader->problem, sizeof(reader->problem),
		"\"%s\" is not %s, as which the file is read%s", buf_str(&shown),
		reader->encoding.name,
		utf8 ? "; save all of it as UTF-8, or say --encoding windows-1252"
		     : "; save it as UTF-8, or say --encoding");
	buf_finish(&shown);
}

static void say_problem(struct csv_reader *reader, struct csv_record *out, size_t column,
	const char *text)
{
	if (out->problem)
		return;
	if (text)
		snprintf(reader->problem, sizeof(reader->problem), "%s", text);
	out->problem = reader->problem;
	out->column = column;
}

static void decode_cell(struct csv_reader *reader, struct csv_record *out, size_t i)
{
	const struct cell *cell = &reader->found[i];
	char *bytes = reader->bytes.data ? reader->bytes.data + cell->from : NULL;
	const char *nul = cell->len > 0 ? memchr(bytes, '\0', cell->len) : NULL;
	size_t before = reader->text.len;
	long wrong;

	if (nul) {
		if (!out->problem)
			say_nul(reader, cell, nul - bytes);
		say_problem(reader, out, i + 1, NULL);
		for (size_t at = 0; at < cell->len; at++)
			bytes[at] = bytes[at] ? bytes[at] : ' ';
	}
	wrong = encoding_cell(&reader->encoding, &reader->text, bytes, cell->len);
	out->altered |= nul || wrong >= 0;
	if (wrong >= 0 && !out->problem) {
		say_invalid(reader, cell, wrong);
		say_problem(reader, out, i + 1, NULL);
	}
	if (reader->text.len - before > CSV_FIELD_MAX)
		say_problem(reader, out, i + 1,
			"a cell of more than 256 KiB; a lead's text is shorter");
	buf_addc(&reader->text, '\0');
}

static bool make_room(struct csv_reader *reader, size_t count)
{
	char **grown;

	if (count <= reader->cells_room)
		return true;
	grown = realloc(reader->cells, count * sizeof(*grown));
	if (!grown)
		return false;
	reader->cells = grown;
	reader->cells_room = count;
	return true;
}

/* The cells found, as UTF-8. */
static void decode_cells(struct csv_reader *reader, struct csv_record *out)
{
	size_t at = 0;

	if (!make_room(reader, reader->found_count)) {
		reader->failed = true;
		return;
	}
	for (size_t i = 0; i < reader->found_count; i++)
		decode_cell(reader, out, i);
	if (!buf_ok(&reader->text) || !buf_ok(&reader->bytes)) {
		reader->failed = true;
		return;
	}
	for (size_t i = 0; i < reader->found_count; i++) {
		reader->cells[i] = reader->text.data + at;
		at += strlen(reader->cells[i]) + 1;
	}
	out->cells = reader->cells;
	out->count = reader->found_count;
	if (out->count > CSV_COLUMNS_MAX)
		say_problem(
			reader, out, 0, "more than 16,384 cells, which is all Excel has");
}

static size_t without_line_end(const char *bytes, size_t len)
{
	if (len > 0 && bytes[len - 1] == '\n')
		len--;
	if (len > 0 && bytes[len - 1] == '\r')
		len--;
	return len;
}

static void begin_out(struct csv_reader *reader, struct csv_record *out, size_t len)
{
	const char *raw = reader->in.data + reader->start;

	*out = (struct csv_record){
		.line = reader->line, .raw = raw, .raw_len = without_line_end(raw, len)};
	decide_encoding(reader, raw, len, true);
}

static void finish_record(struct csv_reader *reader, struct csv_record *out)
{
	begin_out(reader, out, reader->at - reader->start);
	decode_cells(reader, out);
	reader->start = reader->at;
	reader->line = reader->line_at;
}

/* len bytes at the record's begin are one whole cell: what they mean is not known. */
static void whole_line(struct csv_reader *reader, struct csv_record *out, size_t len)
{
	forget_record(reader);
	begin_out(reader, out, len);
	take_cell((void *)(uintptr_t)out->raw, out->raw_len, reader);
	decode_cells(reader, out);
	out->count = 0;
	out->problem = NULL;
}

/* The record's first line has the problem; reading goes on behind it. */
static void give_up(
	struct csv_reader *reader, struct csv_record *out, const char *problem)
{
	size_t column = reader->found_count + 1, len;

	reader->at = reader->start;
	find_line(reader, &len); /* it was found before */
	whole_line(reader, out, len);
	say_problem(reader, out, column, problem);
	reader->start = reader->at = reader->start + len;
	reader->line_at = ++reader->line;
}

/* A line too long to hold: its begin is handed out, the rest is read over. */
static void skip_line(struct csv_reader *reader, struct csv_record *out)
{
	size_t len;

	whole_line(reader, out, SHOWN_MAX);
	say_problem(reader, out, 0, "a line of more than 1 MiB; a lead's row is shorter");
	reader->start = reader->at = reader->in.len;
	while (!find_line(reader, &len) && len > 0)
		reader->start = reader->at = reader->in.len;
	reader->start = (reader->at += len);
	reader->line_at = ++reader->line;
	out->raw = buf_str(&reader->bytes);
}

/* ---- the way through the file ---- */

static int at_end(struct csv_reader *reader, struct csv_record *out)
{
	if (csv_fini(&reader->parser, take_cell, take_end, reader) != 0) {
		char problem[120];

		snprintf(problem, sizeof(problem),
			"the quote that opens in line %" PRId64
			" or behind it is never closed; \"\" is a quote within a cell",
			reader->line);
		give_up(reader, out, problem);
		return 1;
	}
	if (!reader->complete)
		return 0;
	finish_record(reader, out);
	return 1;
}

/* The line just fed was nothing but blanks; not so the last one, which has no end yet. */
static bool is_empty(const struct csv_reader *reader, size_t len)
{
	const char *line = reader->in.data + reader->at - len;

	return reader->found_count == 0 && !reader->parser.quoted &&
	       without_line_end(line, len) < len;
}

static int next_record(struct csv_reader *reader, struct csv_record *out)
{
	size_t len;

	for (;;) {
		bool found = find_line(reader, &len);

		if (!found && len == 0)
			return at_end(reader, out);
		if (!found && reader->at == reader->start) {
			skip_line(reader, out);
			return 1;
		}
		if (!found || reader->at + len - reader->start > CSV_RECORD_MAX) {
			give_up(reader, out,
				"a quote that is not closed within 1 MiB; \"\" is a quote within "
				"a cell");
			return 1;
		}
		if (!feed(reader, reader->in.data + reader->at, len)) {
			give_up(reader, out,
				"behind the quote that ends a cell stands something else than the "
				"delimiter; \"\" is a quote within a cell");
			return 1;
		}
		reader->at += len;
		reader->line_at++;
		if (reader->complete) {
			finish_record(reader, out);
			return 1;
		}
		if (is_empty(reader, len)) {
			reader->start = reader->at;
			reader->line = reader->line_at;
		}
	}
}

int csv_next(struct csv_reader *reader, struct csv_record *out, struct err *err)
{
	int found;

	forget_record(reader);
	found = next_record(reader, out);
	if (reader->failed || reader->in.failed) {
		err_set(err, ERR_NOMEM, "out of memory");
		return -1;
	}
	if (reader->read_errno && found == 0) {
		err_errno(err, reader->read_errno, "reading on from line %" PRId64,
			reader->line);
		return -1;
	}
	return found;
}

/* ---- opening: what the first bytes say ---- */

static const struct {
	const char *bytes;
	size_t len;
	const char *encoding;
} marks[] = {
	{"\xef\xbb\xbf", 3, "UTF-8"},
	{"\xff\xfe", 2, "UTF-16LE"},
	{"\xfe\xff", 2, "UTF-16BE"},
};

static void skip(struct csv_reader *reader, const char *bytes, size_t len)
{
	size_t there = reader->in.len - reader->at;

	if (there < len || memcmp(reader->in.data + reader->at, bytes, len) != 0)
		return;
	reader->at += len;
	reader->start = reader->at;
}

/* What is there already, once more through the converter. */
static void convert_first(struct csv_reader *reader)
{
	struct buf bytes = reader->in;

	reader->in = BUF_INIT;
	encoding_stream(&reader->encoding, &reader->in, bytes.data + reader->at,
		bytes.len - reader->at, reader->ended);
	buf_reserve(&reader->in, 1);
	reader->start = reader->at = 0;
	buf_finish(&bytes);
}

static enum err_code recognise_encoding(
	struct csv_reader *reader, const char *given, struct err *err)
{
	const char *name = given ? given : "UTF-8";

	for (size_t i = 0; !given && i < sizeof(marks) / sizeof(*marks); i++) {
		skip(reader, marks[i].bytes, marks[i].len);
		if (reader->at > 0) {
			name = marks[i].encoding;
			reader->decided = true;
			break;
		}
	}
	if (encoding_init(&reader->encoding, name, err) != ERR_OK)
		return err->code;
	reader->decided |= given != NULL;
	if (reader->encoding.way == ENCODING_STREAM)
		convert_first(reader);
	skip(reader, marks[0].bytes, marks[0].len);
	decide_encoding(reader, reader->in.data + reader->at, reader->in.len - reader->at,
		reader->ended);
	return ERR_OK;
}

/* "sep=;", as Excel writes and takes it. */
static char separator_line(struct csv_reader *reader)
{
	const char *at = reader->in.data + reader->at;
	size_t there = reader->in.len - reader->at, len;

	if (there < 6 || strncasecmp(at, "sep=", 4) != 0 ||
		(at[5] != '\n' && at[5] != '\r'))
		return '\0';
	len = 6 + (there > 6 && at[5] == '\r' && at[6] == '\n');
	reader->start = (reader->at += len);
	reader->line = ++reader->line_at;
	return reader->in.data[reader->at - len + 4];
}

static char most_frequent(const char *text, size_t len)
{
	static const char candidates[] = ",;\t";
	size_t counts[3] = {0}, best = 0;
	bool quoted = false, begun = false;

	for (size_t i = 0; i < len; i++) {
		const char *candidate = text[i] ? strchr(candidates, text[i]) : NULL;
		bool ends = text[i] == '\n' || text[i] == '\r';

		quoted ^= text[i] == '"';
		if (ends && begun && !quoted)
			break;
		begun |= !ends;
		if (candidate && !quoted)
			counts[candidate - candidates]++;
	}
	for (size_t i = 1; i < 3; i++)
		best = counts[i] > counts[best] ? i : best;
	return candidates[best];
}

static bool delimiter_usable(char c)
{
	return c == '\t' || (c > ' ' && c < 0x7f && c != '"' && !(c >= '0' && c <= '9') &&
				    !((c | 32) >= 'a' && (c | 32) <= 'z'));
}

static enum err_code recognise_delimiter(
	struct csv_reader *reader, char given, struct err *err)
{
	char said = separator_line(reader);

	if (!given && delimiter_usable(said))
		given = said;
	if (!given)
		given = most_frequent(
			reader->in.data + reader->at, reader->in.len - reader->at);
	if (!delimiter_usable(given))
		return err_set(err, ERR_INVALID,
			"the delimiter is one character such as , ; | or a tab; not a letter, "
			"digit, blank or quote");
	csv_set_delim(&reader->parser, (unsigned char)given);
	return ERR_OK;
}

enum err_code csv_open(struct csv_reader **out, csv_read read, void *ctx,
	const struct csv_options *options, struct err *err)
{
	struct csv_reader *reader = calloc(1, sizeof(*reader));

	if (!reader || csv_init(&reader->parser, STRICT) != 0) {
		free(reader);
		return err_set(err, ERR_NOMEM, "out of memory");
	}
	reader->read = read;
	reader->ctx = ctx;
	reader->line = reader->line_at = 1;
	csv_set_blk_size(&reader->parser, 4096);
	do
		refill(reader);
	while (!reader->ended && !reader->in.failed && reader->in.len < CHUNK);
	if (reader->read_errno) {
		err_errno(err, reader->read_errno, "reading");
		goto fail;
	}
	if (reader->in.failed) {
		err_set(err, ERR_NOMEM, "out of memory");
		goto fail;
	}
	if (recognise_encoding(reader, options->encoding, err) != ERR_OK ||
		recognise_delimiter(reader, options->delimiter, err) != ERR_OK)
		goto fail;
	*out = reader;
	return ERR_OK;
fail:
	csv_close(reader);
	return err->code;
}

void csv_close(struct csv_reader *reader)
{
	if (!reader)
		return;
	csv_free(&reader->parser);
	encoding_finish(&reader->encoding);
	buf_finish(&reader->in);
	buf_finish(&reader->bytes);
	buf_finish(&reader->text);
	free(reader->found);
	free(reader->cells);
	free(reader);
}

char csv_delimiter(const struct csv_reader *reader)
{
	return (char)csv_get_delim((struct csv_parser *)(uintptr_t)&reader->parser);
}

const char *csv_encoding(const struct csv_reader *reader)
{
	return reader->encoding.name;
}

bool csv_raw_is_utf8(const struct csv_reader *reader)
{
	return reader->encoding.way == ENCODING_STREAM;
}

int64_t csv_bytes(const struct csv_reader *reader)
{
	int64_t waiting = (int64_t)(reader->in.len - reader->at);

	return reader->received > waiting ? reader->received - waiting : 0;
}
