/* From a heading to what each column means. */
#include "csv_heading.h"

#include "leadrelay/buf.h"
#include "leadrelay/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 12    /* headings named in a problem */
#define SHOWN_BYTES 200 /* no further one is named behind so many */
#define NOTES_MAX 8
#define NAME_SHOWN 60

static size_t find_exact(const struct csv_columns *columns, const char *heading)
{
	size_t i = 0;

	while (i < columns->count && strcmp(columns->items[i].heading, heading) != 0)
		i++;
	return i;
}

/* ---- an export of ours ---- */

static const struct {
	const char *heading;
	enum csv_meaning meaning;
} export_columns[] = {
	{"id", CSV_ID},
	{"received_at", CSV_RECEIVED_AT},
	{"source", CSV_IGNORED},
	{"test", CSV_TEST},
	{"extra", CSV_EXTRA_JSON},
	{"deliveries", CSV_IGNORED},
};
#define EXPORT_NEEDS 4 /* the first ones make it an export */

static void recognise_export(struct csv_columns *columns)
{
	columns->exported = true;
	for (size_t i = 0; i < EXPORT_NEEDS; i++)
		if (find_exact(columns, export_columns[i].heading) == columns->count)
			columns->exported = false;
	if (!columns->exported)
		return;
	for (size_t i = 0; i < sizeof(export_columns) / sizeof(*export_columns); i++) {
		size_t at = find_exact(columns, export_columns[i].heading);

		if (at < columns->count)
			columns->items[at].meaning = export_columns[i].meaning;
	}
}

/* ---- maps ---- */

/* Of a long one the beginning; what is no text is escaped. */
static void add_name(struct buf *out, const char *name)
{
	size_t len = strlen(name);

	text_escape(out, name, len < NAME_SHOWN ? len : NAME_SHOWN);
}

static void add_headings(struct buf *out, const struct csv_columns *columns)
{
	size_t i;

	for (i = 0; i < columns->count && i < SHOWN_MAX && out->len < SHOWN_BYTES; i++) {
		buf_adds(out, i ? ", " : "");
		add_name(out, columns->items[i].heading);
	}
	if (i < columns->count)
		buf_addf(out, " and %zu more", columns->count - i);
}

/* ends_with: behind the headings. */
static enum err_code refuse_heading(const struct csv_columns *columns, struct err *err,
	const char *what, const char *ends_with)
{
	struct buf names = BUF_INIT;

	add_headings(&names, columns);
	err_set(err, ERR_INVALID, "%s; the heading has: %s%s", what, buf_str(&names),
		ends_with);
	buf_finish(&names);
	return err->code;
}

/* Exactly so called, else likewise. False: there is none. */
static bool map_one(struct csv_columns *columns, const struct pair *pair)
{
	size_t at = find_exact(columns, pair->name);
	struct csv_column meant;

	if (at == columns->count)
		for (at = 0; at < columns->count; at++)
			if (heading_same(columns->items[at].heading, pair->name))
				break;
	if (at == columns->count)
		return false;
	if (meaning_named(pair->value, &meant)) {
		columns->items[at].meaning = meant.meaning;
		columns->items[at].field = meant.field;
	}
	return true;
}

static enum err_code refuse_column(
	const struct csv_columns *columns, const char *name, struct err *err)
{
	struct buf what = BUF_INIT;

	buf_adds(&what, "--map: there is no column \"");
	add_name(&what, name);
	buf_addc(&what, '"');
	refuse_heading(columns, err, buf_str(&what), "");
	buf_finish(&what);
	return err->code;
}

static enum err_code refuse_meaning(const char *name, struct err *err)
{
	struct buf shown = BUF_INIT;

	add_name(&shown, name);
	err_set(err, ERR_INVALID,
		"--map: \"%s\" is no field: a canonical name (`leadctl import --help` lists "
		"them), created, or extra",
		buf_str(&shown));
	buf_finish(&shown);
	return err->code;
}

static enum err_code apply_maps(
	struct csv_columns *columns, const struct pair_list *map, struct err *err)
{
	const struct pair_list *own = &columns->source->map;

	for (size_t i = 0; i < own->count; i++)
		map_one(columns, &own->items[i]); /* other files have that column */
	for (size_t i = 0; map && i < map->count; i++) {
		const struct pair *pair = &map->items[i];
		struct csv_column meant;

		if (!meaning_named(pair->value, &meant))
			return refuse_meaning(pair->value, err);
		if (!map_one(columns, pair))
			return refuse_column(columns, pair->name, err);
	}
	return ERR_OK;
}

/* ---- what is doubtful ---- */

static bool means_same(const struct csv_column *a, const struct csv_column *b)
{
	if (a->meaning != b->meaning)
		return false;
	return a->meaning == CSV_FIELD ? a->field == b->field : a->meaning == CSV_CREATED;
}

static void add_note(struct csv_columns *columns, size_t first, size_t second)
{
	const struct csv_column *column = &columns->items[second];
	struct buf note = BUF_INIT;

	buf_adds(&note, "columns ");
	for (size_t i = 0; i < 2; i++) {
		size_t at = i == 0 ? first : second;

		buf_addf(&note, "%s%zu (", i ? " and " : "", at + 1);
		add_name(&note, columns->items[at].heading);
		buf_addc(&note, ')');
	}
	buf_addf(&note,
		" both mean %s: the first with a text counts, the other is kept in extra",
		column->meaning == CSV_FIELD ? lead_field_name(column->field)
					     : "created");
	columns->notes.items[columns->notes.count] = buf_take(&note);
	columns->notes.count += columns->notes.items[columns->notes.count] != NULL;
}

static bool note_doubles(struct csv_columns *columns)
{
	size_t first[FIELD_COUNT + 1]; /* the last: created */

	for (size_t i = 0; i <= FIELD_COUNT; i++)
		first[i] = columns->count;
	columns->notes.items = calloc(NOTES_MAX, sizeof(*columns->notes.items));
	if (!columns->notes.items)
		return false;
	for (size_t i = 0; i < columns->count; i++) {
		struct csv_column *column = &columns->items[i];
		size_t slot = column->meaning == CSV_FIELD ? column->field : FIELD_COUNT;

		if (column->meaning != CSV_FIELD && column->meaning != CSV_CREATED)
			continue;
		if (first[slot] == columns->count)
			first[slot] = i;
		else if (columns->notes.count < NOTES_MAX &&
			 means_same(&columns->items[first[slot]], column))
			add_note(columns, first[slot], i);
	}
	return true;
}

/* Constants identify nobody (contract 5). */
static bool could_identify(const struct csv_columns *columns)
{
	static const enum lead_field person[] = {FIELD_FIRST_NAME, FIELD_LAST_NAME,
		FIELD_FULL_NAME, FIELD_EMAIL, FIELD_PHONE, FIELD_MOBILE, FIELD_COMPANY};

	for (size_t i = 0; i < columns->count; i++) {
		const struct csv_column *column = &columns->items[i];

		if (column->meaning == CSV_CUSTOMER)
			return true;
		for (size_t j = 0; j < sizeof(person) / sizeof(*person); j++)
			if (column->meaning == CSV_FIELD && column->field == person[j])
				return true;
	}
	return columns->source->kind == SOURCE_MARKETPLACE;
}

/* ---- life ---- */

static bool copy_headings(struct csv_columns *columns, const struct csv_record *heading)
{
	columns->items = calloc(heading->count + 1, sizeof(*columns->items));
	if (!columns->items)
		return false;
	for (size_t i = 0; i < heading->count; i++) {
		const char *text = heading->cells[i];
		struct csv_column *column = &columns->items[i];

		if (*text)
			column->heading = strdup(text);
		else if (asprintf(&column->heading, "column %zu", i + 1) < 0)
			column->heading = NULL;
		if (!column->heading)
			return false;
		columns->count++;
		heading_meaning(column->heading, column);
	}
	return true;
}

static enum err_code fill(struct csv_columns *columns, const struct csv_record *heading,
	const struct pair_list *map, struct err *err)
{
	if (!copy_headings(columns, heading))
		return err_set(err, ERR_NOMEM, "out of memory");
	recognise_export(columns);
	if (apply_maps(columns, map, err) != ERR_OK)
		return err->code;
	if (!note_doubles(columns))
		return err_set(err, ERR_NOMEM, "out of memory");
	if (!could_identify(columns))
		return refuse_heading(columns, err,
			"no column says whose lead a row is: a name, an e-mail, a phone or a "
			"company",
			"; --map COLUMN=FIELD says what a column is, and the first line must be "
			"the heading");
	return ERR_OK;
}

enum err_code csv_columns_create(struct csv_columns **out,
	const struct csv_record *heading, const struct source_settings *source,
	const struct pair_list *map, struct err *err)
{
	struct csv_columns *columns;

	if (heading->problem)
		return err_set(err, ERR_INVALID, "the heading in line %" PRId64 ": %s",
			heading->line, heading->problem);
	columns = calloc(1, sizeof(*columns));
	if (!columns)
		return err_set(err, ERR_NOMEM, "out of memory");
	columns->source = source;
	if (fill(columns, heading, map, err) != ERR_OK) {
		csv_columns_destroy(columns);
		return err->code;
	}
	*out = columns;
	return ERR_OK;
}

void csv_columns_destroy(struct csv_columns *columns)
{
	if (!columns)
		return;
	for (size_t i = 0; i < columns->count; i++)
		free(columns->items[i].heading);
	for (size_t i = 0; i < columns->notes.count; i++)
		free(columns->notes.items[i]);
	free(columns->notes.items);
	free(columns->items);
	free(columns);
}
