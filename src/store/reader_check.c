/*
 * reader_check: counters against rows, and SQLite's own check of the file.
 *
 * What retention removed has no rows and goes on being counted: the count begins with it.
 * Rows are counted in ranges of keys, each range in a read transaction of its own, while
 * the store goes on working. So a counter is compared only if it read the same before and
 * after the count, and what disagrees or moved is counted again, a few times.
 */
#include "job.h"
#include "reading.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLICE 200000    /* rows counted in one transaction, */
#define SLICE_LEAST 500 /* fewer where a disk is too slow for that */
#define ROUNDS 3
#define COLUMNS 8

struct line { /* a destination or a source: its counters, and its rows counted */
	int64_t id;
	char name[128];
	int64_t counter[COLUMNS];
	int64_t pruned[COLUMNS]; /* of counter: without rows any more */
	int64_t counted[COLUMNS];
};
struct lines {
	struct line *items;
	size_t count;
};

struct check {
	struct reader *reader;
	void (*problem)(void *ctx, const char *text);
	void *ctx;
	int64_t last_delivery;
	int64_t last_lead;
	int64_t last_attempt;
	int64_t last_mail;
	int64_t last_mail_attempt;
	int64_t last_import;
	int64_t last_match;
	int64_t found; /* orphans of one kind */
};

static __attribute__((format(printf, 2, 3))) void tell(
	struct check *check, const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	check->problem(check->ctx, text);
}

/* ---- counters ---- */

static enum err_code read_lines(
	struct check *check, enum sql id, int columns, struct lines *out, struct err *err)
{
	struct reader *reader = check->reader;
	enum db_row row = DB_DONE;
	enum err_code code = reading_begin(reader, err);
	sqlite3_stmt *stmt;

	*out = (struct lines){0};
	if (code != ERR_OK)
		return reading_end(reader, code, err);
	stmt = db_stmt(reader->db, id);
	while ((row = db_next(reader->db, stmt, err)) == DB_ROW) {
		struct line *more =
			realloc(out->items, (out->count + 1) * sizeof(out->items[0]));

		if (!more) {
			sqlite3_reset(stmt);
			code = err_set(err, ERR_NOMEM, "out of memory");
			break;
		}
		out->items = more;
		more += out->count++;
		memset(more, 0, sizeof(*more));
		more->id = sqlite3_column_int64(stmt, 0);
		db_copy_text(stmt, 1, more->name, sizeof(more->name));
		for (int i = 0; i < columns; i++) {
			more->counter[i] = sqlite3_column_int64(stmt, i + 2);
			more->pruned[i] = sqlite3_column_int64(stmt, columns + i + 2);
			more->counted[i] = more->pruned[i];
		}
	}
	if (row == DB_ERROR)
		code = err->code;
	return reading_end(reader, code, err);
}

static struct line *find_line(struct lines *lines, int64_t id)
{
	for (size_t i = 0; i < lines->count; i++)
		if (lines->items[i].id == id)
			return &lines->items[i];
	return NULL;
}

/* ---- rows ---- */

typedef void (*count_row)(struct check *check, struct lines *lines, sqlite3_stmt *stmt);

/* *counted: some of it was, so that it must not be counted again. */
static enum err_code count_slice(struct check *check, enum sql id, int64_t from,
	int64_t to, count_row count, struct lines *lines, bool *counted, struct err *err)
{
	struct reader *reader = check->reader;
	enum db_row row = DB_DONE;
	enum err_code code = reading_begin(reader, err);

	*counted = false;
	if (code == ERR_OK) {
		sqlite3_stmt *stmt = db_stmt(reader->db, id);

		sqlite3_bind_int64(stmt, 1, from);
		sqlite3_bind_int64(stmt, 2, to);
		while ((row = db_next(reader->db, stmt, err)) == DB_ROW) {
			count(check, lines, stmt);
			*counted = true;
		}
		if (row == DB_ERROR)
			code = err->code;
	}
	return reading_end(reader, code, err);
}

static enum err_code count_all(struct check *check, enum sql id, int64_t last,
	count_row count, struct lines *lines, struct err *err)
{
	int64_t slice = SLICE, from = 0;
	enum err_code code = ERR_OK;
	bool counted;

	while (from < last && code == ERR_OK) {
		int64_t to = from + slice < last ? from + slice : last;

		code = count_slice(check, id, from, to, count, lines, &counted, err);
		if (code == ERR_TIMEOUT && !counted && slice > SLICE_LEAST) {
			slice /= 4;
			code = ERR_OK;
		} else {
			from = to;
		}
	}
	return code;
}

/* destination, state, rows */
static void count_deliveries(struct check *check, struct lines *lines, sqlite3_stmt *stmt)
{
	struct line *line = find_line(lines, sqlite3_column_int64(stmt, 0));
	int state = sqlite3_column_int(stmt, 1);
	int64_t rows = sqlite3_column_int64(stmt, 2);

	if (!line) {
		tell(check, "%" PRId64 " deliveries belong to no destination", rows);
		return;
	}
	line->counted[0] += rows;
	line->counted[state] += rows;
}

/* source, state, rows, of them tests; as SQL_CHECK_SOURCES orders its counters */
static void count_leads(struct check *check, struct lines *lines, sqlite3_stmt *stmt)
{
	struct line *line = find_line(lines, sqlite3_column_int64(stmt, 0));
	int state = sqlite3_column_int(stmt, 1);
	int64_t rows = sqlite3_column_int64(stmt, 2);

	if (!line) {
		tell(check, "%" PRId64 " leads belong to no source", rows);
	} else if (state == LEAD_KEPT) {
		line->counted[1] += rows;
		line->counted[5] += sqlite3_column_int64(stmt, 3);
	} else {
		line->counted[3] += rows;
		line->counted[4] += state == LEAD_QUARANTINED ? rows : 0;
	}
}

/* kind, state, rows; the line 0 is all of them */
static void count_mails(struct check *check, struct lines *lines, sqlite3_stmt *stmt)
{
	const int64_t ids[] = {0, sqlite3_column_int64(stmt, 0)};
	int state = sqlite3_column_int(stmt, 1);
	int64_t rows = sqlite3_column_int64(stmt, 2);

	for (int i = 0; i < 2; i++) {
		struct line *line = find_line(lines, ids[i]);

		if (!line) {
			tell(check, "%" PRId64 " mails are counted nowhere", rows);
			continue;
		}
		line->counted[0] += rows;
		line->counted[state] += rows;
	}
}

/* ---- the comparison ---- */

struct table { /* of counters, and how its rows are counted */
	const char *what;
	enum sql counters;
	enum sql rows;
	int columns;
	count_row count;
	const char *names[COLUMNS]; /* NULL: a counter that no row stands for */
};

static const struct table tables[] = {
	{"destination", SQL_CHECK_COUNTERS, SQL_CHECK_DELIVERIES, DELIVERY_STATES,
		count_deliveries,
		{"accepted", "pending", "held", "delivered", "dead", "discarded"}},
	{"source", SQL_CHECK_SOURCES, SQL_CHECK_LEADS, 6, count_leads,
		{NULL, "accepted", NULL, "quarantined", "waiting quarantined", "test"}},
	{"mails", SQL_CHECK_MAIL_KINDS, SQL_CHECK_MAILS, DELIVERY_STATES, count_mails,
		{"accepted", "pending", "held", "delivered", "dead", "discarded"}},
};

static void compare_line(
	struct check *check, const struct table *table, const struct line *line)
{
	for (int i = 0; i < table->columns; i++)
		if (table->names[i] && line->counter[i] != line->counted[i])
			tell(check,
				"%s %s: %s is counted %" PRId64 " and there are %" PRId64,
				table->what, line->name, table->names[i],
				line->counter[i], line->counted[i]);
}

/* The two sums every user can check for himself. */
static void check_sums(
	struct check *check, const struct table *table, const struct line *line)
{
	const int64_t *c = line->counter;

	if (table->counters != SQL_CHECK_SOURCES &&
		c[0] != c[1] + c[2] + c[3] + c[4] + c[5])
		tell(check,
			"%s %s: accepted %" PRId64 " is not pending %" PRId64
			" + held %" PRId64 " + delivered %" PRId64 " + dead %" PRId64
			" + discarded %" PRId64,
			table->what, line->name, c[0], c[1], c[2], c[3], c[4], c[5]);
	if (table->counters == SQL_CHECK_SOURCES && c[0] != c[1] + c[2] + c[3])
		tell(check,
			"source %s: answered %" PRId64 " is not accepted %" PRId64
			" + duplicates %" PRId64 " + quarantined %" PRId64,
			line->name, c[0], c[1], c[2], c[3]);
}

static bool stood_still(const struct line *line, struct lines *after)
{
	const struct line *now = find_line(after, line->id);

	return now && memcmp(now->counter, line->counter, sizeof(line->counter)) == 0 &&
	       memcmp(now->pruned, line->pruned, sizeof(line->pruned)) == 0;
}

static bool agrees(const struct table *table, const struct line *line)
{
	for (int i = 0; i < table->columns; i++)
		if (table->names[i] && line->counter[i] != line->counted[i])
			return false;
	return true;
}

static enum err_code read_ends(struct check *check, struct err *err)
{
	struct reader *reader = check->reader;
	enum db_row row = DB_DONE;
	enum err_code code = reading_begin(reader, err);

	if (code == ERR_OK) {
		sqlite3_stmt *stmt = db_stmt(reader->db, SQL_CHECK_LAST);

		row = db_next(reader->db, stmt, err);
		if (row == DB_ROW) {
			check->last_delivery = sqlite3_column_int64(stmt, 0);
			check->last_lead = sqlite3_column_int64(stmt, 1);
			check->last_attempt = sqlite3_column_int64(stmt, 2);
			check->last_mail = sqlite3_column_int64(stmt, 3);
			check->last_mail_attempt = sqlite3_column_int64(stmt, 4);
			check->last_import = sqlite3_column_int64(stmt, 5);
			check->last_match = sqlite3_column_int64(stmt, 6);
		}
		sqlite3_reset(stmt);
		if (row == DB_ERROR)
			code = err->code;
	}
	return reading_end(reader, code, err);
}

static int64_t last_of(const struct check *check, const struct table *table)
{
	if (table->rows == SQL_CHECK_LEADS)
		return check->last_lead;
	return table->rows == SQL_CHECK_MAILS ? check->last_mail : check->last_delivery;
}

static enum err_code count_round(struct check *check, const struct table *table,
	struct lines *before, struct lines *after, struct err *err)
{
	enum err_code code =
		read_lines(check, table->counters, table->columns, before, err);

	if (code == ERR_OK)
		code = read_ends(check, err);
	if (code == ERR_OK)
		code = count_all(check, table->rows, last_of(check, table), table->count,
			before, err);
	if (code == ERR_OK)
		code = read_lines(check, table->counters, table->columns, after, err);
	return code;
}

static bool all_agree(
	const struct table *table, const struct lines *before, struct lines *after)
{
	for (size_t i = 0; i < before->count; i++)
		if (!stood_still(&before->items[i], after) ||
			!agrees(table, &before->items[i]))
			return false;
	return true;
}

/* On a busy store the counters may never stand still: of the last round, those that did
 * are compared with the rows, the others only with each other. */
static void judge(struct check *check, const struct table *table,
	const struct lines *before, struct lines *after)
{
	for (size_t i = 0; i < before->count; i++) {
		check_sums(check, table, &before->items[i]);
		if (stood_still(&before->items[i], after))
			compare_line(check, table, &before->items[i]);
	}
}

static enum err_code check_table(
	struct check *check, const struct table *table, struct err *err)
{
	enum err_code code = ERR_OK;
	bool done = false;

	for (int round = 1; round <= ROUNDS && code == ERR_OK && !done; round++) {
		struct lines before = {0};
		struct lines after = {0};

		code = count_round(check, table, &before, &after, err);
		if (code == ERR_OK)
			done = all_agree(table, &before, &after);
		if (code == ERR_OK && (done || round == ROUNDS))
			judge(check, table, &before, &after);
		free(before.items);
		free(after.items);
	}
	return code;
}

/* ---- SQLite's own check, a table at a time; it cannot be cut into slices ---- */

static enum err_code check_integrity(
	struct check *check, const char *table, struct err *err)
{
	struct reader *reader = check->reader;
	enum err_code code = reading_begin(reader, err);
	sqlite3_stmt *stmt = NULL;
	enum db_row row = DB_DONE;
	char sql[64];

	if (code != ERR_OK)
		return reading_end(reader, code, err);
	reader->db->deadline_at = 0;
	snprintf(sql, sizeof(sql), "PRAGMA integrity_check(%s)", table);
	sqlite3_prepare_v2(reader->db->sqlite, sql, -1, &stmt, NULL);
	while ((row = db_next(reader->db, stmt, err)) == DB_ROW) {
		const char *text = (const char *)sqlite3_column_text(stmt, 0);

		if (text && strcmp(text, "ok") != 0)
			tell(check, "the file is damaged: %s", text);
	}
	sqlite3_finalize(stmt);
	return reading_end(reader, row == DB_ERROR ? err->code : ERR_OK, err);
}

/* ---- rows that hang on nothing ---- */

static const struct orphans { /* rows counted in ranges of a key; there should be none */
	enum sql rows;
	size_t last; /* of struct check: the key's end */
	const char *what;
} orphans[] = {
	{SQL_CHECK_ORPHANS, offsetof(struct check, last_delivery),
		"deliveries belong to no lead"},
	{SQL_CHECK_ATTEMPTS, offsetof(struct check, last_attempt),
		"attempts belong to no delivery"},
	{SQL_CHECK_MAIL_ORPHANS, offsetof(struct check, last_mail),
		"mails belong to no lead and no notice"},
	{SQL_CHECK_MAIL_ATTEMPTS, offsetof(struct check, last_mail_attempt),
		"attempts belong to no mail"},
	{SQL_CHECK_MATCHES, offsetof(struct check, last_lead),
		"leads have no match hash"},
	{SQL_CHECK_CONTENTS, offsetof(struct check, last_match),
		"imported rows are not known as such"},
	{SQL_CHECK_IMPORTS, offsetof(struct check, last_import),
		"imports have taken other than accepted + duplicates + erased + rejected"},
	{SQL_CHECK_REPEATS, offsetof(struct check, last_import),
		"counts of rows belong to no import"},
};

static void count_orphans(struct check *check, struct lines *lines, sqlite3_stmt *stmt)
{
	(void)lines;
	check->found += sqlite3_column_int64(stmt, 0);
}

static enum err_code check_orphans(struct check *check, struct err *err)
{
	enum err_code code = ERR_OK;

	for (size_t i = 0; i < sizeof(orphans) / sizeof(orphans[0]) && code == ERR_OK;
		i++) {
		int64_t last;

		memcpy(&last, (const char *)check + orphans[i].last, sizeof(last));
		check->found = 0;
		code = count_all(check, orphans[i].rows, last, count_orphans, NULL, err);
		if (code == ERR_OK && check->found > 0)
			tell(check, "%" PRId64 " %s", check->found, orphans[i].what);
	}
	return code;
}

static const char *const checked_tables[] = {"meta", "source", "destination", "lead",
	"delivery", "attempt", "fingerprint", "boot", "notice", "attachment", "mail",
	"mail_attempt", "mail_kind", "alert", "report", "idle", "import", "imported",
	"import_repeat", "match_hash", "tombstone"};

enum err_code reading_check_counts(struct reader *reader,
	void (*problem)(void *ctx, const char *text), void *ctx, struct err *err)
{
	struct check check = {.reader = reader, .problem = problem, .ctx = ctx};
	enum err_code code = ERR_OK;
	struct err mine;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && code == ERR_OK; i++)
		code = check_table(&check, &tables[i], &mine);
	if (code == ERR_OK)
		code = check_orphans(&check, &mine);
	return code == ERR_OK ? ERR_OK : err_set(err, code, "%s", mine.text);
}

enum err_code reading_check_file(struct reader *reader,
	void (*problem)(void *ctx, const char *text), void *ctx, struct err *err)
{
	struct check check = {.reader = reader, .problem = problem, .ctx = ctx};
	enum err_code code = ERR_OK;
	struct err mine;

	for (size_t i = 0;
		i < sizeof(checked_tables) / sizeof(checked_tables[0]) && code == ERR_OK;
		i++)
		code = check_integrity(&check, checked_tables[i], &mine);
	return code == ERR_OK ? ERR_OK : err_set(err, code, "%s", mine.text);
}

enum err_code reader_check(struct reader *reader,
	void (*problem)(void *ctx, const char *text), void *ctx, struct err *err)
{
	enum err_code code = reading_check_counts(reader, problem, ctx, err);

	return code == ERR_OK ? reading_check_file(reader, problem, ctx, err) : code;
}
