/* The list that `reconcile` makes: a table with a summary, or one JSON document. */
#include "reconciling.h"
#include "table.h"

#include "leadrelay/clock.h"

#include <inttypes.h>
#include <string.h>

#define TABLE_PAGE 200

/* ---- JSON ---- */

static void add_text(cJSON *object, const char *name, const char *text)
{
	if (text)
		cJSON_AddStringToObject(object, name, text);
	else
		cJSON_AddNullToObject(object, name);
}

static cJSON *row_json(const struct told_row *row)
{
	cJSON *object = cJSON_CreateObject();
	char time[TIME_TEXT_SIZE];
	int64_t at = row->lead.received_at;

	cJSON_AddNumberToObject(object, "line", (double)row->line);
	add_text(object, "email", row->lead.fields[FIELD_EMAIL]);
	add_text(object, "offer_title", row->lead.fields[FIELD_OFFER_TITLE]);
	add_text(object, "created_at", at ? time_text(at, time) : NULL);
	add_text(object, "status", row->status);
	add_text(object, "id", row->id);
	return object;
}

static void print_json(struct reconciling *list)
{
	cJSON *document = cJSON_CreateObject(), *leads;

	cJSON_AddNumberToObject(document, "rows", (double)list->rows);
	cJSON_AddNumberToObject(document, "matched", (double)list->matched);
	cJSON_AddNumberToObject(document, "missing", (double)list->missing);
	cJSON_AddNumberToObject(document, "unknown", (double)list->unknown);
	cJSON_AddNumberToObject(document, "imported", (double)list->imported);
	leads = cJSON_AddArrayToObject(document, "leads");
	for (size_t i = 0; i < list->told_count; i++)
		cJSON_AddItemToArray(leads, row_json(&list->told[i]));
	cli_print_json(list->cli, document);
	cJSON_Delete(document);
}

/* ---- words ---- */

static enum colour row_colour(const struct told_row *row)
{
	if (strcmp(row->status, "missing") == 0)
		return RED;
	if (strcmp(row->status, "imported") == 0)
		return GREEN;
	return state_colour(row->status);
}

static void print_table(struct reconciling *list)
{
	static const struct column columns[] = {{"LINE", 0, true}, {"CREATED", 0, false},
		{"E-MAIL", 40, false}, {"OFFER", 32, false}, {"STATUS", 0, false},
		{"LEAD", 0, false}, {NULL, 0, false}};
	struct table table;

	table_init(&table, columns, "");
	for (size_t i = 0; i < list->told_count; i++) {
		const struct told_row *row = &list->told[i];
		char time[TIME_TEXT_SIZE], moment[AGE_TEXT_SIZE] = "";

		if (row->lead.received_at)
			moment_text(time_text(row->lead.received_at, time), moment);
		table_add_count(&table, row->line, PLAIN);
		table_add(&table, moment, PLAIN);
		table_add(&table, row->lead.fields[FIELD_EMAIL], PLAIN);
		table_add(&table, row->lead.fields[FIELD_OFFER_TITLE], PLAIN);
		table_add(&table, row->status, row_colour(row));
		table_add(&table, row->id, PLAIN);
		if (table_rows(&table) == TABLE_PAGE) {
			table_flush(&table, list->cli);
			cli_flush_full(list->cli);
		}
	}
	table_flush(&table, list->cli);
	table_finish(&table);
	if (list->told_count)
		buf_addc(&list->cli->out, '\n');
}

static void print_part(
	struct reconciling *list, int64_t count, const char *one, const char *many)
{
	if (count == 0)
		return;
	buf_adds(&list->cli->out, "  ");
	out_count(list->cli, count, one, many);
	buf_addc(&list->cli->out, '\n');
}

static void print_matched(struct reconciling *list)
{
	static const char *const states[] = {"dead", "quarantined", "held", "pending"};
	const char *before = " (";

	buf_adds(&list->cli->out, "  ");
	out_count(list->cli, list->matched, "is here", "are here");
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
		int64_t count = reconcile_count(list, states[i]);

		if (count == 0)
			continue;
		buf_addf(&list->cli->out, "%s%" PRId64 " %s", before, count, states[i]);
		before = ", ";
	}
	buf_addf(&list->cli->out, "%s\n", *before == ',' ? ")" : "");
}

static void print_missing(struct reconciling *list)
{
	print_part(list, list->imported, "was never seen and is taken in now, recovered",
		"were never seen and are taken in now, recovered");
	print_part(list, list->missing - list->imported,
		"is missing: Microsoft has it and this relay never saw it",
		"are missing: Microsoft has them and this relay never saw them");
	if (list->missing > list->imported && !list->import)
		buf_addf(&list->cli->out,
			"      what to do: `leadctl reconcile %s --import` takes in what is "
			"missing\n",
			strcmp(list->file, "-") == 0 ? "FILE" : list->file);
}

static void print_unknown(struct reconciling *list)
{
	char moment[AGE_TEXT_SIZE];

	print_part(list, list->unknown,
		"is unknown: nobody can tell, and it is never imported",
		"are unknown: nobody can tell, and they are never imported");
	if (list->unknown == list->unreadable)
		return;
	if (*list->remembers_since)
		buf_addf(&list->cli->out,
			"      (no e-mail, no time, a person who was erased, or older than %s, "
			"since when\n      this relay remembers)\n",
			moment_text(list->remembers_since, moment));
	else
		buf_adds(&list->cli->out,
			"      (this relay remembers nothing yet: it has never run)\n");
}

static void print_words(struct reconciling *list)
{
	print_table(list);
	out_count(list->cli, list->rows, "row", "rows");
	buf_adds(&list->cli->out, ":\n");
	print_matched(list);
	print_missing(list);
	print_unknown(list);
}

void reconcile_print(struct reconciling *list)
{
	if (list->cli->json)
		print_json(list);
	else
		print_words(list);
}
