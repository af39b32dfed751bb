/*
 * What a refusal teaches about the columns that were sent: one repair per column, read
 * out of the message's own words, as the Web API says it nowhere else.
 */
#include "dynamics_columns.h"

#include "words.h"

#include "leadrelay/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static struct column_repair *find_repair(
	struct column_repairs *repairs, const char *column)
{
	for (size_t i = 0; i < repairs->count; i++)
		if (strcmp(repairs->items[i].name, column) == 0)
			return &repairs->items[i];
	return NULL;
}

/* One repair per column. */
static bool add_repair(struct column_repairs *repairs, const char *column, size_t limit)
{
	struct column_repair *repair;

	if (find_repair(repairs, column) || repairs->count == COLUMN_REPAIRS_MAX)
		return false;
	repair = &repairs->items[repairs->count++];
	words_put(repair->name, sizeof(repair->name), column);
	repair->limit = limit;
	return true;
}

/* The column that was sent and that message names, first in quotes, then bare; behind it
 * in *rest. */
static const cJSON *find_named(
	const cJSON *columns, const char *message, const char **rest)
{
	const cJSON *column;
	char quoted[COLUMN_NAME_SIZE + 2];

	cJSON_ArrayForEach (column, columns) {
		size_t len = strcspn(column->string, "@");

		if (len + 3 > sizeof(quoted) || strcmp(column->string, "leadid") == 0)
			continue;
		quoted[0] = '\'';
		memcpy(quoted + 1, column->string, len);
		memcpy(quoted + 1 + len, "'", 2);
		*rest = strcasestr(message, quoted);
		if (*rest)
			return column;
	}
	cJSON_ArrayForEach (column, columns) {
		*rest = words_find(message, column->string);
		if (*rest)
			return column;
	}
	return NULL;
}

/* The first whole number behind "maximum", else the last in text; 0: none. */
static size_t number_in(const char *text)
{
	const char *maximum = strcasestr(text, "maximum");
	size_t number = 0;

	for (const char *at = maximum ? maximum : text; *at; at++) {
		if (!isdigit((unsigned char)*at) || isalnum((unsigned char)at[-1]) ||
			at[-1] == '_')
			continue;
		number = (size_t)strtoul(at, NULL, 10);
		if (maximum)
			break;
	}
	return number;
}

bool columns_shorten(
	struct column_repairs *repairs, const cJSON *columns, const char *message)
{
	const char *rest;
	const cJSON *column = find_named(columns, message, &rest);
	const char *text = cJSON_GetStringValue(column);
	size_t sent = text ? utf16_length(text) : 0;
	size_t limit;

	if (sent < 2)
		return false;
	limit = number_in(rest);
	if (limit == 0 || limit >= sent) /* the message does not tell: half of it */
		limit = sent / 2;
	return add_repair(repairs, column->string, limit);
}

/* The first number that set gives, where the message names no column. */
static const char *first_literal(
	const cJSON *columns, const struct destination_settings *settings)
{
	for (size_t i = 0; i < settings->set.count; i++) {
		const struct pair *pair = &settings->set.items[i];

		if (pair->literal && isdigit((unsigned char)pair->value[0]) &&
			cJSON_GetObjectItemCaseSensitive(columns, pair->name))
			return pair->name;
	}
	return NULL;
}

bool columns_drop_choice(struct column_repairs *repairs, const cJSON *columns,
	const struct destination_settings *settings, const char *message)
{
	const char *rest;
	const cJSON *column = find_named(columns, message, &rest);
	const char *name = column ? column->string : first_literal(columns, settings);

	return name && add_repair(repairs, name, 0);
}

bool columns_drop_email(
	struct column_repairs *repairs, const cJSON *columns, const char *message)
{
	static const char *const emails[] = {
		"emailaddress1", "emailaddress2", "emailaddress3"};
	const char *rest;
	const cJSON *column = find_named(columns, message, &rest);

	for (size_t i = 0; !column && i < sizeof(emails) / sizeof(emails[0]); i++)
		column = cJSON_GetObjectItemCaseSensitive(columns, emails[i]);
	return column && add_repair(repairs, column->string, 0);
}
