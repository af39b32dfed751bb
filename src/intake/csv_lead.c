/* A record to a lead, by the rules of every other source. */
#include "csv_heading.h"

#include "leadrelay/buf.h"
#include "leadrelay/clock.h"
#include "leadrelay/csv.h"
#include "leadrelay/json.h"
#include "leadrelay/text.h"
#include "parse.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 60 /* characters of a value in a problem */

struct reading { /* one record becoming a lead */
	const struct csv_columns *columns;
	const struct csv_record *record;
	struct parsed parsed; /* only its problem */
	struct parsing parsing;
	struct csv_lead *out;
	bool test;
};

static bool refuse(struct csv_lead *out, size_t column, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static bool refuse(struct csv_lead *out, size_t column, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(out->problem, sizeof(out->problem), fmt, args);
	va_end(args);
	out->column = column;
	lead_finish(&out->lead);
	out->lead = LEAD_INIT;
	out->id_given = out->time_given = false;
	return false;
}

static bool refuse_value(
	struct csv_lead *out, size_t column, const char *value, const char *why)
{
	size_t len = utf16_prefix(value, SHOWN_MAX);
	struct buf shown = BUF_INIT;

	text_escape(&shown, value, len);
	refuse(out, column, "\"%s%s\" %s", buf_str(&shown), value[len] ? "..." : "", why);
	buf_finish(&shown);
	return false;
}

/* ---- cells ---- */

static bool take_time(struct reading *reading, size_t i, const char *text)
{
	const char *wrong = csv_time_parse(text, &reading->out->lead.received_at);
	int64_t at = reading->out->lead.received_at;

	if (!wrong && at < 0)
		wrong = "is before 1970: the time a lead came is expected";
	if (!wrong && reading->columns->latest && at > reading->columns->latest)
		wrong = "lies in the future: the time a lead came is expected";
	if (wrong)
		return refuse_value(reading->out, i + 1, text, wrong);
	reading->out->time_given = true;
	return true;
}

static bool take_id(struct reading *reading, size_t i, const char *text)
{
	if (!uuid_parse(text, &reading->out->lead.id))
		return refuse_value(reading->out, i + 1, text,
			"is no id: a UUID as `leadctl export` writes it is");
	reading->out->id_given = true;
	return true;
}

static bool take_test(struct reading *reading, size_t i, const char *text)
{
	bool yes = strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0;

	if (!yes && strcasecmp(text, "false") != 0 && strcmp(text, "0") != 0)
		return refuse_value(
			reading->out, i + 1, text, "is neither true nor false");
	reading->test = yes;
	return true;
}

/* The object that text is; NULL: it is none. */
static cJSON *read_object(const char *text)
{
	cJSON *value;
	struct err err;

	if (json_read(text, strlen(text), &value, &err) != ERR_OK)
		return NULL;
	if (cJSON_IsObject(value))
		return value;
	cJSON_Delete(value);
	return NULL;
}

static bool take_extra_json(struct reading *reading, size_t i, const char *text)
{
	struct lead *lead = &reading->out->lead;
	cJSON *object = read_object(text), *member, *next;

	if (!object)
		return refuse_value(reading->out, i + 1, text,
			"is not a JSON object, which this column of an export is");
	if (!lead->extra) {
		lead->extra = object;
		return true;
	}
	for (member = object->child; member; member = next) {
		next = member->next;
		cJSON_AddItemToObject(lead->extra, member->string,
			cJSON_DetachItemViaPointer(object, member));
	}
	cJSON_Delete(object);
	return true;
}

static bool take_text(struct reading *reading, size_t i, const char *text)
{
	const struct csv_column *column = &reading->columns->items[i];
	int field = column->meaning == CSV_FIELD ? (int)column->field : -1;

	if (normalise_put(&reading->parsing, field, column->heading, text))
		return true;
	return refuse(reading->out, i + 1, "%s", reading->parsed.problem);
}

/* The person's members go where their own names say, those no field takes to
 * extra.CustomerInfo. */
static bool take_customer(struct reading *reading, size_t i, const char *text)
{
	cJSON *person = read_object(text), *nested = NULL;
	bool fine;

	if (!person)
		return refuse_value(reading->out, i + 1, text,
			"is not a JSON object such as {\"FirstName\":\"Ana\",...}");
	fine = normalise_members(&reading->parsing, person, &nested);
	cJSON_Delete(person);
	if (nested && !normalise_nested(&reading->parsing,
			      reading->columns->items[i].heading, nested))
		fine = false;
	return fine || refuse(reading->out, i + 1, "%s", reading->parsed.problem);
}

/* ---- rows of a rejects file ---- */

#define MARK_SIZE 48

/* Of the cells in front of _line and _reason, those missing as empty ones (FNV-1a). */
static void make_mark(const struct csv_columns *columns, const struct csv_record *record,
	char out[MARK_SIZE])
{
	size_t count = record->count ? record->count : 1;
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < columns->count; i++) {
		enum csv_meaning meaning = columns->items[i].meaning;
		const char *text = i < count ? record->cells[i] : "";

		if (meaning == CSV_REASON ||
			strcmp(columns->items[i].heading, "_line") == 0)
			continue;
		do
			hash = (hash ^ (unsigned char)*text) * 16777619u;
		while (*text++);
	}
	snprintf(out, MARK_SIZE, " (until corrected: %08" PRIx32 ")", hash);
}

/* Where the mark of these cells begins in a reason; SIZE_MAX: it has none, or that of
 * other cells. */
static size_t find_mark(const struct csv_columns *columns,
	const struct csv_record *record, const char *reason)
{
	char mark[MARK_SIZE];
	size_t len = strlen(reason), mark_len;

	make_mark(columns, record, mark);
	mark_len = strlen(mark);
	if (len < mark_len || strcmp(reason + len - mark_len, mark) != 0)
		return SIZE_MAX;
	return len - mark_len;
}

static bool is_made_to_fit(
	const struct csv_columns *columns, const struct csv_record *record)
{
	if (record->count < columns->count || record->altered)
		return true;
	for (size_t i = 0; i < columns->count; i++)
		if (columns->items[i].meaning == CSV_REASON)
			return find_mark(columns, record, record->cells[i]) != SIZE_MAX;
	return false;
}

void csv_reason_add(struct buf *out, const struct csv_columns *columns,
	const struct csv_record *record, const char *reason)
{
	struct buf text = BUF_INIT;
	char mark[MARK_SIZE];

	buf_adds(&text, reason);
	if (is_made_to_fit(columns, record)) {
		make_mark(columns, record, mark);
		buf_adds(&text, mark);
	}
	csv_add(out, buf_str(&text));
	buf_finish(&text);
}

static bool take_reason(struct reading *reading, const char *text)
{
	size_t len = find_mark(reading->columns, reading->record, text);

	return len == SIZE_MAX || refuse(reading->out, 0, "%.*s", (int)len, text);
}

static bool take_cell(struct reading *reading, size_t i, const char *text)
{
	if (reading->columns->exported)
		text = csv_unguard(text);
	switch (reading->columns->items[i].meaning) {
	case CSV_FIELD:
	case CSV_EXTRA:
		return take_text(reading, i, text);
	case CSV_CREATED: /* of a second column: kept */
		return reading->out->time_given ? take_text(reading, i, text)
						: take_time(reading, i, text);
	case CSV_RECEIVED_AT:
		return take_time(reading, i, text);
	case CSV_CUSTOMER:
		return take_customer(reading, i, text);
	case CSV_ID:
		return take_id(reading, i, text);
	case CSV_TEST:
		return take_test(reading, i, text);
	case CSV_EXTRA_JSON:
		return take_extra_json(reading, i, text);
	case CSV_REASON:
		return take_reason(reading, text);
	case CSV_IGNORED:
		return true;
	}
	return true;
}

/* ---- records ---- */

static bool check_width(const struct csv_columns *columns,
	const struct csv_record *record, struct csv_lead *out)
{
	size_t count = record->count;

	while (count > columns->count && text_blank(record->cells[count - 1]))
		count--;
	if (count == columns->count)
		return true;
	return refuse(out, 0,
		"%zu cells, where the heading has %zu; a cell that holds the delimiter or a "
		"line end stands in quotes",
		record->count, columns->count);
}

static bool take_cells(struct reading *reading, const struct csv_record *record)
{
	for (size_t i = 0; i < reading->columns->count; i++) {
		const char *text = record->cells[i];

		if (*text && !text_blank(text) && !take_cell(reading, i, text))
			return false;
	}
	return true;
}

bool csv_lead_read(const struct csv_columns *columns, const struct csv_record *record,
	struct csv_lead *out)
{
	struct reading reading = {.columns = columns, .record = record, .out = out};

	memset(out, 0, sizeof(*out));
	if (record->problem)
		return refuse(out, record->column, "%s", record->problem);
	reading.parsing = (struct parsing){
		.source = columns->source, .out = &reading.parsed, .lead = &out->lead};
	if (!check_width(columns, record, out) || !take_cells(&reading, record))
		return false;
	if (!normalise_finish(&reading.parsing))
		return refuse(out, 0, "%s", reading.parsed.problem);
	out->lead.test |= reading.test;
	return true;
}
