/*
 * reader_find: a lead by its id, or by the beginning or the end of it.
 */
#include "reading.h"

#include <ctype.h>
#include <string.h>

#define FIND_SLICE 50000
#define FIND_MIN 6
#define FIND_MAX \
	6 /* matches looked for: five are told, the sixth says there are more \
	   */

struct match {
	int64_t seq;
	char text[UUID_TEXT_SIZE];
};
struct search {
	char digits[33]; /* what is looked for, without dashes, lower case */
	size_t len;
	struct match matches[FIND_MAX];
	size_t count;
};

static enum err_code read_digits(struct search *search, const char *id, struct err *err)
{
	for (const char *c = id; *c; c++) {
		if (*c == '-')
			continue;
		if (!isxdigit((unsigned char)*c) || search->len == 32)
			return err_set(err, ERR_INVALID,
				"not a lead's id, nor the beginning or end of one: hexadecimal digits"
				" are expected, 32 at most");
		search->digits[search->len++] = (char)tolower((unsigned char)*c);
	}
	if (search->len < FIND_MIN)
		return err_set(err, ERR_INVALID,
			"too short: at least 6 characters of a lead's id are needed");
	return ERR_OK;
}

static uint8_t nibble(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* The lowest (fill 0) or highest (fill 15) id that begins with the digits. */
static void bound(const struct search *search, uint8_t fill, struct uuid *out)
{
	for (size_t i = 0; i < 32; i++) {
		uint8_t value = i < search->len ? nibble(search->digits[i]) : fill;

		if (i % 2 == 0)
			out->bytes[i / 2] = (uint8_t)(value << 4);
		else
			out->bytes[i / 2] |= value;
	}
}

static void digits_of(const struct uuid *id, char out[33])
{
	char text[UUID_TEXT_SIZE];
	size_t at = 0;

	uuid_text(id, text);
	for (const char *c = text; *c; c++)
		if (*c != '-')
			out[at++] = *c;
	out[at] = '\0';
}

static void add_match(struct search *search, int64_t seq, const struct uuid *id)
{
	for (size_t i = 0; i < search->count; i++)
		if (search->matches[i].seq == seq)
			return;
	if (search->count == FIND_MAX)
		return;
	search->matches[search->count].seq = seq;
	uuid_text(id, search->matches[search->count++].text);
}

static enum err_code find_beginning(
	struct reader *reader, struct search *search, struct err *err)
{
	struct uuid lowest;
	struct uuid highest;
	struct uuid id;
	enum db_row row = DB_DONE;
	enum err_code code = reading_begin(reader, err);

	if (code == ERR_OK) {
		sqlite3_stmt *stmt = db_stmt(reader->db, SQL_FIND_RANGE);

		bound(search, 0, &lowest);
		bound(search, 15, &highest);
		db_bind_blob(stmt, 1, lowest.bytes, sizeof(lowest.bytes));
		db_bind_blob(stmt, 2, highest.bytes, sizeof(highest.bytes));
		while ((row = db_next(reader->db, stmt, err)) == DB_ROW)
			if (db_uuid(stmt, 1, &id))
				add_match(search, sqlite3_column_int64(stmt, 0), &id);
		if (row == DB_ERROR)
			code = err->code;
	}
	return reading_end(reader, code, err);
}

/* One slice of the index of ids after *last. */
static enum err_code find_end_slice(struct reader *reader, struct search *search,
	struct uuid *last, int *seen, struct err *err)
{
	char digits[33];
	enum db_row row = DB_DONE;
	enum err_code code = reading_begin(reader, err);
	sqlite3_stmt *stmt;

	*seen = 0;
	if (code != ERR_OK)
		return reading_end(reader, code, err);
	stmt = db_stmt(reader->db, SQL_FIND_END);
	db_bind_blob(stmt, 1, last->bytes, sizeof(last->bytes));
	sqlite3_bind_int(stmt, 2, FIND_SLICE);
	while ((row = db_next(reader->db, stmt, err)) == DB_ROW) {
		struct uuid id;

		(*seen)++;
		if (!db_uuid(stmt, 1, &id))
			continue;
		digits_of(&id, digits);
		if (strcmp(digits + 32 - search->len, search->digits) == 0)
			add_match(search, sqlite3_column_int64(stmt, 0), &id);
		*last = id;
	}
	if (row == DB_ERROR)
		code = err->code;
	return reading_end(reader, code, err);
}

/* The end of an id is random, so all are looked at, in the narrow index of ids. */
static enum err_code find_end(
	struct reader *reader, struct search *search, struct err *err)
{
	struct uuid last = {0};
	enum err_code code;
	int seen;

	do
		code = find_end_slice(reader, search, &last, &seen, err);
	while (code == ERR_OK && seen == FIND_SLICE && search->count < FIND_MAX);
	return code;
}

static enum err_code ambiguous(const struct search *search, struct err *err)
{
	char list[5 * (UUID_TEXT_SIZE + 1) + 1] = "";

	for (size_t i = 0; i < search->count && i < 5; i++) {
		strcat(list, i ? " " : "");
		strcat(list, search->matches[i].text);
	}
	return err_set(err, ERR_AMBIGUOUS, "more than one lead: %s%s", list,
		search->count > 5 ? " ..." : "");
}

enum err_code reader_find(
	struct reader *reader, const char *id, int64_t *seq_out, struct err *err)
{
	struct search search = {0};
	struct err mine;
	enum err_code code = read_digits(&search, id, &mine);

	if (code == ERR_OK)
		code = find_beginning(reader, &search, &mine);
	if (code == ERR_OK && search.len < 32 && search.count < FIND_MAX)
		code = find_end(reader, &search, &mine);
	if (code == ERR_OK && search.count == 0)
		code = err_set(&mine, ERR_NOT_FOUND,
			"no lead has an id that begins or ends"
			" with %s",
			search.digits);
	if (code == ERR_OK && search.count > 1)
		code = ambiguous(&search, &mine);
	if (code != ERR_OK)
		return err_set(err, code, "%s", mine.text);
	*seq_out = search.matches[0].seq;
	return ERR_OK;
}
