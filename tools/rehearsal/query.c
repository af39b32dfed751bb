#include "query.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "odata.h"

static const char *const compare_names[] = {"eq", "ne", "gt", "ge", "lt", "le"};

void query_free(struct query *query)
{
	for (int i = 0; i < query->select_count; i++)
		free(query->select[i]);
	for (int i = 0; i < query->term_count; i++) {
		free(query->terms[i].column);
		cJSON_Delete(query->terms[i].literal);
	}
	free(query->order);
	*query = (struct query){0};
}

/* A lookup is read as _name_value. */
static bool known_column(struct exchange *x, const char *name)
{
	const struct column *column = columns_find(x->crm->settings.columns, name);
	size_t len = strlen(name);
	char *inner;

	if (!column && *name == '_' && len > 7 && strcmp(name + len - 6, "_value") == 0) {
		inner = need_copy_of(name + 1, len - 7);
		column = columns_find(x->crm->settings.columns, inner);
		free(inner);
	}
	return column || odata_error(x, 400, "0x80060888",
				 "Could not find a property named '%s' on type "
				 "'Microsoft.Dynamics.CRM.lead'.",
				 name);
}

static bool parse_select(struct query *query, struct exchange *x, const char *words)
{
	while (*words) {
		size_t len = strcspn(words, ",");

		if (query->select_count == QUERY_COLUMNS)
			return odata_error(
				x, 400, "0x80060888", "$select names too many columns.");
		query->select[query->select_count] = need_copy_of(words, len);
		if (!known_column(x, query->select[query->select_count++]))
			return false;
		words += len + (words[len] == ',');
	}
	return true;
}

static bool bad_filter(struct exchange *x, const char *at)
{
	return odata_error(x, 400, "0x80060888",
		"Syntax error in the $filter at '%.20s'. (Comparisons joined by 'and' are played.)",
		at);
}

/* 'It''s' */
static cJSON *string_literal(const char **at)
{
	struct text value = {0};
	cJSON *out = NULL;

	text_puts(&value, "");
	for ((*at)++; **at; (*at)++) {
		if (**at == '\'' && (*at)[1] != '\'')
			break;
		text_add(&value, *at, 1);
		*at += **at == '\'';
	}
	if (**at == '\'') {
		(*at)++;
		out = cJSON_CreateString(value.data);
	}
	text_free(&value);
	return out;
}

static cJSON *bare_literal(const char **at)
{
	size_t len = strcspn(*at, " )");
	char *word = need_copy_of(*at, len), guid[GUID_SIZE], *end;
	double number = strtod(word, &end);
	cJSON *out = NULL;

	*at += len;
	if (guid_parse(guid, word))
		out = cJSON_CreateString(guid);
	else if (len && !*end)
		out = cJSON_CreateNumber(number);
	else if (strcmp(word, "null") == 0)
		out = cJSON_CreateNull();
	else if (strcmp(word, "true") == 0 || strcmp(word, "false") == 0)
		out = cJSON_CreateBool(*word == 't');
	else if (len > 10 && isdigit((unsigned char)*word) && word[4] == '-')
		out = cJSON_CreateString(word); /* a date and time */
	free(word);
	return out;
}

static bool parse_compare(const char **at, enum compare *out)
{
	for (int i = 0; i <= COMPARE_LE; i++) {
		if (strncmp(*at, compare_names[i], 2) != 0 || (*at)[2] != ' ')
			continue;
		*out = (enum compare)i;
		*at += 3;
		return true;
	}
	return false;
}

static bool parse_term(struct query *query, struct exchange *x, const char **at)
{
	struct term *term = &query->terms[query->term_count];
	size_t len = strspn(*at, "abcdefghijklmnopqrstuvwxyz0123456789_");

	if (!len || (*at)[len] != ' ' || query->term_count == QUERY_TERMS)
		return bad_filter(x, *at);
	*term = (struct term){.column = need_copy_of(*at, len)};
	query->term_count++;
	*at += len + 1;
	if (!known_column(x, term->column))
		return false;
	if (!parse_compare(at, &term->compare))
		return bad_filter(x, *at);
	term->literal = **at == '\'' ? string_literal(at) : bare_literal(at);
	return term->literal || bad_filter(x, *at);
}

static bool parse_filter(struct query *query, struct exchange *x, const char *words)
{
	for (;;) {
		if (!parse_term(query, x, &words))
			return false;
		if (!*words)
			return true;
		if (strncmp(words, " and ", 5) != 0)
			return bad_filter(x, words);
		words += 5;
	}
}

static bool parse_order(struct query *query, struct exchange *x, const char *words)
{
	size_t len = strcspn(words, " ");

	query->order = need_copy_of(words, len);
	query->descending = strcmp(words + len, " desc") == 0;
	if (words[len] && !query->descending && strcmp(words + len, " asc") != 0)
		return odata_error(x, 400, "0x80060888", "Syntax error in $orderby.");
	return known_column(x, query->order);
}

static bool parse_top(struct query *query, struct exchange *x, const char *words)
{
	char *end;

	query->top = strtol(words, &end, 10);
	return (*words && !*end && query->top > 0) ||
	       odata_error(x, 400, "0x80060888", "Invalid value '%s' for $top.", words);
}

static const struct {
	const char *name;
	bool (*parse)(struct query *, struct exchange *, const char *);
} options[] = {
	{"$select", parse_select},
	{"$filter", parse_filter},
	{"$orderby", parse_order},
	{"$top", parse_top},
};

enum { OPTIONS = sizeof(options) / sizeof(options[0]) };

static bool parse_option(
	struct query *query, struct exchange *x, const char *at, size_t len)
{
	size_t key_len = strcspn(at, "=&");
	char *key, *value;
	bool good = true, known = false;

	if (!len)
		return true;
	key = percent_decode(at, key_len < len ? key_len : len, true);
	value = key_len < len ? percent_decode(at + key_len + 1, len - key_len - 1, true)
			      : need_copy("");
	for (int i = 0; i < OPTIONS && !known; i++) {
		known = strcmp(options[i].name, key) == 0;
		if (known)
			good = options[i].parse(query, x, value);
	}
	if (!known && *key == '$')
		good = odata_error(x, 400, "0x80060888",
			"The query parameter %s is not supported.", key);
	free(key);
	free(value);
	return good;
}

bool query_parse(struct query *query, struct exchange *x)
{
	const char *at = x->req->query;

	*query = (struct query){.top = 5000};
	while (*at) {
		size_t len = strcspn(at, "&");

		if (!parse_option(query, x, at, len))
			return false;
		at += len + (at[len] == '&');
	}
	return true;
}

/* null first, then false, true, numbers, texts; texts without regard to case, as the
 * database collates. */
static int compare_values(const cJSON *a, const cJSON *b)
{
	bool null_a = !a || cJSON_IsNull(a), null_b = !b || cJSON_IsNull(b);

	if (null_a || null_b)
		return (int)null_b - (int)null_a;
	if (cJSON_IsString(a) && cJSON_IsString(b))
		return strcasecmp(a->valuestring, b->valuestring);
	if (cJSON_IsNumber(a) && cJSON_IsNumber(b))
		return (a->valuedouble > b->valuedouble) -
		       (a->valuedouble < b->valuedouble);
	if (cJSON_IsBool(a) && cJSON_IsBool(b))
		return cJSON_IsTrue(a) - cJSON_IsTrue(b);
	return (a->type > b->type) - (a->type < b->type);
}

static bool holds(const struct term *term, const cJSON *row)
{
	int order = compare_values(
		cJSON_GetObjectItemCaseSensitive(row, term->column), term->literal);

	switch (term->compare) {
	case COMPARE_EQ:
		return order == 0;
	case COMPARE_NE:
		return order != 0;
	case COMPARE_GT:
		return order > 0;
	case COMPARE_GE:
		return order >= 0;
	case COMPARE_LT:
		return order < 0;
	case COMPARE_LE:
		return order <= 0;
	}
	return false;
}

bool query_matches(const struct query *query, const cJSON *row)
{
	for (int i = 0; i < query->term_count; i++)
		if (!holds(&query->terms[i], row))
			return false;
	return true;
}

const char *query_email(const struct query *query)
{
	for (int i = 0; i < query->term_count; i++) {
		const struct term *term = &query->terms[i];

		if (strcmp(term->column, "emailaddress1") == 0 &&
			term->compare == COMPARE_EQ && cJSON_IsString(term->literal))
			return term->literal->valuestring;
	}
	return NULL;
}

int query_order(const struct query *query, const cJSON *a, const cJSON *b)
{
	int order = compare_values(cJSON_GetObjectItemCaseSensitive(a, query->order),
		cJSON_GetObjectItemCaseSensitive(b, query->order));

	return query->descending ? -order : order;
}

static void copy_column(cJSON *out, const cJSON *row, const char *name)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(row, name);

	if (!cJSON_HasObjectItem(out, name))
		cJSON_AddItemToObject(out, name,
			value ? cJSON_Duplicate(value, true) : cJSON_CreateNull());
}

cJSON *query_project(const struct query *query, const cJSON *row)
{
	const cJSON *version = cJSON_GetObjectItemCaseSensitive(row, "versionnumber");
	cJSON *out = cJSON_CreateObject();
	struct text etag = {0};
	const cJSON *value;

	text_printf(&etag, "W/\"%.0f\"", version ? version->valuedouble : 0);
	cJSON_AddStringToObject(out, "@odata.etag", etag.data);
	text_free(&etag);
	for (int i = 0; i < query->select_count; i++)
		copy_column(out, row, query->select[i]);
	if (!query->select_count) {
		cJSON_ArrayForEach (value, row)
			copy_column(out, row, value->string);
		for (const struct column *c = columns_next(NULL); c; c = columns_next(c))
			if (c->type != COLUMN_LOOKUP)
				copy_column(out, row, c->name);
	}
	copy_column(out, row, "leadid"); /* the key always comes along */
	return out;
}
