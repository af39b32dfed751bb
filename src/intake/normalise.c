/* Incoming names and values to canonical fields and extra. */
#include "leadrelay/csv.h"
#include "leadrelay/json.h"
#include "leadrelay/text.h"
#include "parse.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NUMBER_DIGITS_MAX 15
#define FOLDED_MAX 40

bool name_fold(const char *name, char *out, size_t size)
{
	size_t len = 0;

	for (; *name; name++) {
		char c = *name >= 'A' && *name <= 'Z' ? (char)(*name + 32) : *name;

		if (c == '_' || c == '-' || c == ' ')
			continue;
		if (len + 1 >= size)
			return false;
		out[len++] = c;
	}
	out[len] = 0;
	return len > 0;
}

/* ---- where a name belongs ---- */

static const char *mapped(const struct source_settings *source, const char *name)
{
	bool any_case = source->kind == SOURCE_MARKETPLACE;

	for (size_t i = 0; i < source->map.count; i++) {
		const struct pair *pair = &source->map.items[i];

		if (any_case ? strcasecmp(pair->name, name) == 0
			     : strcmp(pair->name, name) == 0)
			return pair->value;
	}
	return NULL;
}

/* The field, or -1. */
static int field_of(const struct source_settings *source, const char *name)
{
	const char *renamed = mapped(source, name);
	char folded[FOLDED_MAX];

	if (renamed)
		return lead_field_find(renamed);
	if (source->kind == SOURCE_CSV)
		return csv_heading_field(name);
	if (source->kind != SOURCE_MARKETPLACE)
		return lead_field_find(name);
	return name_fold(name, folded, sizeof(folded)) ? marketplace_field(folded) : -1;
}

/* Takes item. Without a look-up: the names of one JSON object differ, and there may be
 * tens of thousands. */
static bool add_extra(
	struct parsing *parsing, cJSON **extra, const char *name, cJSON *item)
{
	if (!*extra)
		*extra = cJSON_CreateObject();
	if (*extra && item && cJSON_AddItemToObject(*extra, name, item))
		return true;
	cJSON_Delete(item);
	return parse_no_memory(parsing->out);
}

/* A repeated name becomes an array: nothing is lost. Takes item. */
static bool add_again(struct parsing *parsing, const char *name, cJSON *item)
{
	cJSON **extra = &parsing->lead->extra;
	cJSON *there = cJSON_GetObjectItemCaseSensitive(*extra, name), *list;

	if (!there)
		return add_extra(parsing, extra, name, item);
	list = cJSON_IsArray(there) ? there : cJSON_CreateArray();
	if (!list || !item) {
		cJSON_Delete(item);
		return parse_no_memory(parsing->out);
	}
	if (list != there)
		cJSON_AddItemToArray(list, cJSON_DetachItemViaPointer(*extra, there));
	cJSON_AddItemToArray(list, item);
	return list == there || add_extra(parsing, extra, name, list);
}

static bool set_field(struct parsing *parsing, int field, const char *text)
{
	struct err err;

	if (lead_set(parsing->lead, (enum lead_field)field, text, &err) != ERR_OK)
		return parse_no_memory(parsing->out);
	return true;
}

/* ---- JSON ---- */

static bool wrong_type(struct parsing *parsing, int field, const char *what)
{
	const char *name = lead_field_name((enum lead_field)field);

	if (parsing->index > 0)
		return parse_fail(parsing->out, 422, "item %zu: %s: %s", parsing->index,
			name, what);
	return parse_fail(parsing->out, 422, "%s: %s", name, what);
}

static bool is_short_number(const char *text)
{
	size_t digits = 0;

	for (; *text; text++)
		digits += *text >= '0' && *text <= '9';
	return digits <= NUMBER_DIGITS_MAX;
}

/* The text of a value for a canonical field; NULL with true: it is absent. */
static bool text_of(
	struct parsing *parsing, int field, const cJSON *value, const char **text)
{
	*text = NULL;
	if (cJSON_IsNull(value))
		return true;
	if (cJSON_IsString(value)) {
		*text = value->valuestring;
		return true;
	}
	if (!json_is_number(value))
		return wrong_type(parsing, field, "must be a text");
	*text = json_number(value);
	if (!*text || !is_short_number(*text))
		return wrong_type(parsing, field,
			"a number of more than 15 digits; send it as a text");
	return true;
}

static bool same_text(const char *a, const char *b)
{
	size_t len = strlen(a);

	b += strspn(b, " \t\r\n");
	return strncmp(a, b, len) == 0 && text_blank(b + len);
}

bool normalise_member(
	struct parsing *parsing, cJSON *object, cJSON *member, cJSON **extra)
{
	int field = field_of(parsing->source, member->string);
	const char *text, *there;

	if (field < 0)
		return add_extra(parsing, extra, member->string,
			cJSON_DetachItemViaPointer(object, member));
	if (!text_of(parsing, field, member, &text))
		return false;
	if (!text || text_blank(text))
		return true;
	there = parsing->lead->fields[field];
	if (!there)
		return set_field(parsing, field, text);
	if (same_text(there, text))
		return true;
	return add_extra(parsing, extra, member->string,
		cJSON_DetachItemViaPointer(object, member));
}

bool normalise_members(struct parsing *parsing, cJSON *object, cJSON **extra)
{
	cJSON *member = object->child, *next;

	for (; member; member = next) {
		next = member->next;
		if (!normalise_member(parsing, object, member, extra))
			return false;
	}
	return true;
}

bool normalise_nested(struct parsing *parsing, const char *name, cJSON *nested)
{
	return add_extra(parsing, &parsing->lead->extra, name, nested);
}

/* ---- forms and files ---- */

bool normalise_text(struct parsing *parsing, const char *name, const char *text)
{
	return normalise_put(parsing, field_of(parsing->source, name), name, text);
}

bool normalise_put(struct parsing *parsing, int field, const char *name, const char *text)
{
	if (field >= 0 && text_blank(text))
		return true;
	if (field >= 0 && !parsing->lead->fields[field])
		return set_field(parsing, field, text);
	return add_again(parsing, name, cJSON_CreateString(text));
}

/* ---- at the end ---- */

static bool set_extra_constant(struct parsing *parsing, const struct pair *pair)
{
	cJSON *value = NULL;
	struct err err;

	if (pair->literal &&
		json_read(pair->value, strlen(pair->value), &value, &err) != ERR_OK &&
		err.code == ERR_NOMEM)
		return parse_no_memory(parsing->out);
	if (!value)
		value = cJSON_CreateString(pair->value);
	cJSON_DeleteItemFromObjectCaseSensitive(parsing->lead->extra, pair->name);
	return add_extra(parsing, &parsing->lead->extra, pair->name, value);
}

static bool set_constants(struct parsing *parsing)
{
	const struct pair_list *set = &parsing->source->set;

	for (size_t i = 0; i < set->count; i++) {
		int field = lead_field_find(set->items[i].name);
		bool fine = field >= 0 ? set_field(parsing, field, set->items[i].value)
				       : set_extra_constant(parsing, &set->items[i]);

		if (!fine)
			return false;
	}
	return true;
}

static bool check_identity(struct parsing *parsing)
{
	static const char person[] =
		"nothing says whose lead this is: a name, an e-mail, a phone or a company";
	const struct lead *lead = parsing->lead;

	if (lead_identifies(lead))
		return true;
	if (parsing->source->kind == SOURCE_MARKETPLACE) {
		if (lead_has_interest(lead))
			return true;
		return parse_fail(parsing->out, 422,
			"neither a person nor an offer, a source or an action");
	}
	if (parsing->index > 0)
		return parse_fail(
			parsing->out, 422, "item %zu: %s", parsing->index, person);
	return parse_fail(parsing->out, 422, "%s", person);
}

static bool split_source(struct parsing *parsing)
{
	struct err err;

	return lead_split_source(parsing->lead, &err) == ERR_OK ||
	       parse_no_memory(parsing->out);
}

/* A composite source may hold nothing but its bar. Constants identify nobody: they come
 * after the question, and may be composite, too. */
bool normalise_finish(struct parsing *parsing)
{
	if (!split_source(parsing) || !check_identity(parsing) ||
		!set_constants(parsing) || !split_source(parsing))
		return false;
	lead_mark_test(parsing->lead);
	return true;
}
