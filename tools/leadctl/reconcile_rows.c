/* Rows, and what the relay says of them, a request per ROWS_ASKED. */
#include "reconciling.h"

#include "leadrelay/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_ASKED (256 * 1024) /* a request has its limit, too */

static void row_finish(struct told_row *row)
{
	lead_finish(&row->lead);
	free(row->id);
	free(row->raw);
	*row = (struct told_row){0};
}

static int no_memory(struct reconciling *list)
{
	cli_warn(list->cli, "%s: out of memory", list->file);
	return EXIT_FAILED;
}

/* Takes row. */
static int tell(struct reconciling *list, struct told_row *row)
{
	if (list->told_count == list->told_room) {
		size_t room = list->told_room ? 2 * list->told_room : 64;
		struct told_row *more = realloc(list->told, room * sizeof(*more));

		if (!more) {
			row_finish(row);
			return no_memory(list);
		}
		list->told = more;
		list->told_room = room;
	}
	list->told[list->told_count++] = *row;
	*row = (struct told_row){0};
	return EXIT_DONE;
}

/* ---- verdicts ---- */

/* The control room's words, as texts that last. */
static const char *status_word(const char *status)
{
	static const char *const words[] = {
		"missing", "unknown", "erased", "dead", "held", "pending", "quarantined"};

	for (size_t i = 0; status && i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(words[i], status) == 0)
			return words[i];
	return NULL;
}

static void take_verdict(void *ctx, const cJSON *item)
{
	struct reconciling *list = ctx;
	long long i = json_integer(item, "row", -1);
	const char *id = json_string(item, "id");
	struct told_row *row;

	if (i < 0 || i >= (long long)list->asked_count)
		return;
	row = &list->asked[i];
	row->status = status_word(json_string(item, "status"));
	free(row->id);
	row->id = id ? strdup(id) : NULL;
}

static cJSON *make_request(const struct reconciling *list)
{
	cJSON *request = request_create("reconcile");
	cJSON *rows = cJSON_AddArrayToObject(request, "rows");

	for (size_t i = 0; i < list->asked_count; i++) {
		const struct lead *lead = &list->asked[i].lead;
		const char *email = lead->fields[FIELD_EMAIL];
		const char *offer = lead->fields[FIELD_OFFER_TITLE];
		cJSON *row = cJSON_CreateObject();

		if (email)
			cJSON_AddStringToObject(row, "email", email);
		if (offer)
			cJSON_AddStringToObject(row, "offer_title", offer);
		if (lead->received_at)
			cJSON_AddNumberToObject(row, "at", (double)lead->received_at);
		cJSON_AddItemToArray(rows, row);
	}
	return request;
}

static void add_counts(struct reconciling *list, const cJSON *done)
{
	const char *since = json_string(done, "remembers_since");

	list->matched += json_integer(done, "matched", 0);
	list->missing += json_integer(done, "missing", 0);
	list->unknown += json_integer(done, "unknown", 0);
	snprintf(list->remembers_since, sizeof(list->remembers_since), "%s",
		since ? since : "");
}

/* What was asked is told, or forgotten. */
static int sort_asked(struct reconciling *list, int status)
{
	for (size_t i = 0; i < list->asked_count; i++) {
		struct told_row *row = &list->asked[i];

		if (status == EXIT_DONE && row->status)
			status = tell(list, row);
		row_finish(row);
	}
	list->asked_count = list->asked_bytes = 0;
	return status;
}

int reconcile_ask(struct reconciling *list)
{
	struct answers answers = {.item = take_verdict, .ctx = list};
	char text[COUNT_TEXT_SIZE];
	int status;

	if (list->asked_count == 0)
		return EXIT_DONE;
	progress_show(list->cli, "comparing row %s", count_text(list->rows, text));
	status = cli_ask(list->cli, make_request(list), &answers);
	if (status == EXIT_DONE)
		add_counts(list, answers.done);
	cJSON_Delete(answers.done);
	return sort_asked(list, status);
}

/* ---- rows ---- */

static size_t text_bytes(const char *text)
{
	return text ? strlen(text) : 0;
}

int reconcile_add(struct reconciling *list, int64_t line, struct lead *lead,
	const char *raw, size_t raw_len)
{
	struct told_row *row = &list->asked[list->asked_count++];

	*row = (struct told_row){.line = line, .lead = *lead};
	*lead = LEAD_INIT;
	if (list->import)
		row->raw = strndup(raw, raw_len);
	list->rows++;
	list->asked_bytes += text_bytes(row->lead.fields[FIELD_EMAIL]) +
			     text_bytes(row->lead.fields[FIELD_OFFER_TITLE]) + 64;
	if (list->import && !row->raw)
		return no_memory(list);
	if (list->asked_count < ROWS_ASKED && list->asked_bytes < BYTES_ASKED)
		return EXIT_DONE;
	return reconcile_ask(list);
}

int reconcile_add_unreadable(struct reconciling *list, int64_t line)
{
	struct lead nobody = LEAD_INIT;

	list->unreadable++;
	return reconcile_add(list, line, &nobody, "", 0);
}

int64_t reconcile_count(const struct reconciling *list, const char *status)
{
	int64_t count = 0;

	for (size_t i = 0; i < list->told_count; i++)
		count += strcmp(list->told[i].status, status) == 0;
	return count;
}

void reconcile_finish(struct reconciling *list)
{
	for (size_t i = 0; i < list->asked_count; i++)
		row_finish(&list->asked[i]);
	for (size_t i = 0; i < list->told_count; i++)
		row_finish(&list->told[i]);
	free(list->told);
	csv_columns_destroy(list->columns);
}
