#include "leadrelay/lead.h"

#include "leadrelay/buf.h"
#include "leadrelay/clock.h"
#include "leadrelay/json.h"
#include "leadrelay/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TEST_MARKER "MSFT_TEST"

static const char *const field_names[FIELD_COUNT] = {
	[FIELD_FIRST_NAME] = "first_name",
	[FIELD_LAST_NAME] = "last_name",
	[FIELD_FULL_NAME] = "full_name",
	[FIELD_EMAIL] = "email",
	[FIELD_PHONE] = "phone",
	[FIELD_MOBILE] = "mobile",
	[FIELD_COMPANY] = "company",
	[FIELD_TITLE] = "title",
	[FIELD_COUNTRY] = "country",
	[FIELD_REGION] = "region",
	[FIELD_CITY] = "city",
	[FIELD_POSTAL_CODE] = "postal_code",
	[FIELD_STREET] = "street",
	[FIELD_WEBSITE] = "website",
	[FIELD_OFFER_TITLE] = "offer_title",
	[FIELD_OFFER_ID] = "offer_id",
	[FIELD_PRODUCT_ID] = "product_id",
	[FIELD_ACTION_CODE] = "action_code",
	[FIELD_LEAD_SOURCE] = "lead_source",
	[FIELD_CAMPAIGN] = "campaign",
	[FIELD_DESCRIPTION] = "description",
};

const char *lead_field_name(enum lead_field field)
{
	return field_names[field];
}

int lead_field_find(const char *name)
{
	for (int i = 0; i < FIELD_COUNT; i++)
		if (strcmp(field_names[i], name) == 0)
			return i;
	return -1;
}

void lead_finish(struct lead *lead)
{
	for (int i = 0; i < FIELD_COUNT; i++)
		free(lead->fields[i]);
	free(lead->source);
	cJSON_Delete(lead->extra);
	*lead = LEAD_INIT;
}

static bool copy_text(char **out, const char *text)
{
	if (!text)
		return true;
	*out = strdup(text);
	return *out != NULL;
}

enum err_code lead_copy(struct lead *out, const struct lead *from, struct err *err)
{
	struct lead copy = {
		.id = from->id, .received_at = from->received_at, .test = from->test};
	bool ok = copy_text(&copy.source, from->source);

	for (int i = 0; i < FIELD_COUNT; i++)
		ok = ok && copy_text(&copy.fields[i], from->fields[i]);
	if (ok && from->extra) {
		copy.extra = cJSON_Duplicate(from->extra, true);
		ok = copy.extra != NULL;
	}
	if (!ok) {
		lead_finish(&copy);
		return err_set(err, ERR_NOMEM, "copying a lead: out of memory");
	}
	*out = copy;
	return ERR_OK;
}

/* ---- white space: Unicode's, as text_blank knows it ---- */

/* The bytes of the character that ends at end, none of them before text. */
static size_t last_length(const char *text, const char *end)
{
	const char *at = end - 1;

	while (at > text && ((unsigned char)*at & 0xC0) == 0x80)
		at--;
	return (size_t)(end - at);
}

static size_t first_length(const char *text, const char *end)
{
	const char *at = text + 1;

	while (at < end && ((unsigned char)*at & 0xC0) == 0x80)
		at++;
	return (size_t)(at - text);
}

static bool char_blank(const char *at, size_t len)
{
	char one[8] = {0};

	if (len == 1 && (unsigned char)*at > ' ') /* what most texts begin and end with */
		return false;
	if (len >= sizeof(one))
		return false;
	memcpy(one, at, len);
	return text_blank(one);
}

/* The part of text[0..len) without white space around it. */
static const char *trimmed(const char *text, size_t len, size_t *len_out)
{
	const char *end = text + len;

	while (text < end && char_blank(text, first_length(text, end)))
		text += first_length(text, end);
	while (text < end &&
		char_blank(end - last_length(text, end), last_length(text, end)))
		end -= last_length(text, end);
	*len_out = (size_t)(end - text);
	return text;
}

static enum err_code set_part(struct lead *lead, enum lead_field field, const char *text,
	size_t len, struct err *err)
{
	char *copy = NULL;

	text = trimmed(text, len, &len);
	if (len > 0) {
		copy = strndup(text, len);
		if (!copy)
			return err_set(err, ERR_NOMEM, "field %s: out of memory",
				field_names[field]);
	}
	free(lead->fields[field]);
	lead->fields[field] = copy;
	return ERR_OK;
}

enum err_code lead_set(
	struct lead *lead, enum lead_field field, const char *text, struct err *err)
{
	return set_part(lead, field, text ? text : "", text ? strlen(text) : 0, err);
}

/* ---- what a lead is good for ---- */

static bool has_any(const struct lead *lead, const enum lead_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (lead->fields[fields[i]])
			return true;
	return false;
}

#define HAS_ANY(lead, ...) \
	has_any(lead, (const enum lead_field[]){__VA_ARGS__}, \
		sizeof((const enum lead_field[]){__VA_ARGS__}) / \
			sizeof(enum lead_field))

bool lead_do_not_contact(const struct lead *lead)
{
	const char *action = lead->fields[FIELD_ACTION_CODE];

	return action && strcasecmp(action, "DNC") == 0;
}

bool lead_identifies(const struct lead *lead)
{
	return HAS_ANY(lead, FIELD_FIRST_NAME, FIELD_LAST_NAME, FIELD_FULL_NAME,
		FIELD_EMAIL, FIELD_PHONE, FIELD_MOBILE, FIELD_COMPANY);
}

bool lead_has_interest(const struct lead *lead)
{
	return HAS_ANY(lead, FIELD_OFFER_TITLE, FIELD_OFFER_ID, FIELD_PRODUCT_ID,
		FIELD_ACTION_CODE, FIELD_LEAD_SOURCE);
}

bool lead_names_person(const struct lead *lead)
{
	return HAS_ANY(lead, FIELD_EMAIL, FIELD_PHONE, FIELD_MOBILE);
}

/* Whether text has the marker, in any case. By its underscore, which few texts have:
 * strcasestr costs more than reading the lead. */
static bool has_marker(const char *text)
{
	static const size_t before = sizeof("MSFT") - 1;
	const char *at = text;

	while ((at = strchr(at, '_'))) {
		if ((size_t)(at - text) >= before &&
			strncasecmp(at - before, TEST_MARKER, sizeof(TEST_MARKER) - 1) ==
				0)
			return true;
		at++;
	}
	return false;
}

void lead_mark_test(struct lead *lead)
{
	static const enum lead_field marked[] = {FIELD_EMAIL, FIELD_FIRST_NAME,
		FIELD_LAST_NAME, FIELD_FULL_NAME, FIELD_COMPANY, FIELD_DESCRIPTION};

	lead->test = false;
	for (size_t i = 0; i < sizeof(marked) / sizeof(marked[0]); i++)
		if (lead->fields[marked[i]] && has_marker(lead->fields[marked[i]]))
			lead->test = true;
}

static enum err_code set_missing(struct lead *lead, enum lead_field field,
	const char *text, size_t len, struct err *err)
{
	return lead->fields[field] ? ERR_OK : set_part(lead, field, text, len, err);
}

enum err_code lead_split_source(struct lead *lead, struct err *err)
{
	const char *whole = lead->fields[FIELD_LEAD_SOURCE];
	const char *bar = whole ? strchr(whole, '|') : NULL;
	const char *dash;
	enum err_code code;

	if (!bar)
		return ERR_OK;
	dash = memchr(whole, '-', (size_t)(bar - whole));
	code = set_missing(lead, FIELD_OFFER_ID, bar + 1, strlen(bar + 1), err);
	if (code == ERR_OK && dash)
		code = set_missing(
			lead, FIELD_ACTION_CODE, dash + 1, (size_t)(bar - dash - 1), err);
	if (code != ERR_OK)
		return code;
	return set_part(lead, FIELD_LEAD_SOURCE, whole,
		(size_t)((dash ? dash : bar) - whole), err);
}

/* ---- JSON ---- */

cJSON *lead_fields_json(const struct lead *lead)
{
	cJSON *fields = cJSON_CreateObject();

	for (int i = 0; fields && i < FIELD_COUNT; i++) {
		if (!lead->fields[i])
			continue;
		if (!cJSON_AddStringToObject(fields, field_names[i], lead->fields[i])) {
			cJSON_Delete(fields);
			return NULL;
		}
	}
	return fields;
}

void lead_fields_add(const struct lead *lead, struct buf *out)
{
	const char *before = "{";

	for (int i = 0; i < FIELD_COUNT; i++) {
		if (!lead->fields[i])
			continue;
		buf_adds(out, before);
		json_text_add(out, field_names[i]);
		buf_addc(out, ':');
		json_text_add(out, lead->fields[i]);
		before = ",";
	}
	buf_adds(out, *before == '{' ? "{}" : "}");
}

static enum err_code read_object(
	const char *text, const char *what, cJSON **out, struct err *err)
{
	cJSON *object = NULL;

	if (json_read(text, strlen(text), &object, err) != ERR_OK)
		return err_wrap(err, "stored %s", what);
	if (!cJSON_IsObject(object)) {
		cJSON_Delete(object);
		return err_set(err, ERR_INVALID, "stored %s: not a JSON object", what);
	}
	*out = object;
	return ERR_OK;
}

struct taking {
	struct lead *lead;
	int field; /* the last one taken */
	enum err_code code;
	struct err *err;
};

/* Written in the order of the enum, so that the next field is where the last one was
 * found or behind it. */
static int field_from(int next, const char *name)
{
	while (next < FIELD_COUNT && strcmp(field_names[next], name) != 0)
		next++;
	return next < FIELD_COUNT ? next : lead_field_find(name);
}

static void take_field(void *ctx, const char *name, char *value)
{
	struct taking *taking = ctx;
	int field = field_from(taking->field + 1, name);

	if (field < 0 || taking->code != ERR_OK)
		return;
	taking->field = field;
	taking->code = lead_set(taking->lead, (enum lead_field)field, value, taking->err);
}

/* What is not as we write it, as any document. */
static enum err_code take_any_fields(
	struct taking *taking, const char *text, struct err *err)
{
	const cJSON *item;
	cJSON *json;

	if (read_object(text, "fields", &json, err) != ERR_OK)
		return err->code;
	cJSON_ArrayForEach (item, json)
		take_field(taking, item->string, cJSON_GetStringValue(item));
	cJSON_Delete(json);
	return taking->code;
}

static enum err_code take_fields(struct lead *lead, const char *text, struct err *err)
{
	struct taking taking = {.lead = lead, .field = -1, .code = ERR_OK, .err = err};
	char *copy = strdup(text);
	bool ours;

	if (!copy)
		return err_set(err, ERR_NOMEM, "reading a lead: out of memory");
	ours = json_texts_read(copy, take_field, &taking);
	free(copy);
	if (ours || taking.code != ERR_OK)
		return taking.code;
	lead_finish(lead);
	taking.field = -1;
	return take_any_fields(&taking, text, err);
}

enum err_code lead_from_json(
	struct lead *out, const char *fields, const char *extra, struct err *err)
{
	struct lead lead = LEAD_INIT;
	struct err local;

	if (!err)
		err = &local;
	if (take_fields(&lead, fields, err) != ERR_OK ||
		(extra && read_object(extra, "extra", &lead.extra, err) != ERR_OK)) {
		lead_finish(&lead);
		return err->code;
	}
	if (lead.extra && !lead.extra->child) {
		cJSON_Delete(lead.extra);
		lead.extra = NULL;
	}
	memcpy(out->fields, lead.fields, sizeof(out->fields));
	out->extra = lead.extra;
	return ERR_OK;
}

/* Takes item; false when either is missing or memory is short. */
static bool add_item(cJSON *object, const char *name, cJSON *item)
{
	if (item && cJSON_AddItemToObjectCS(object, name, item))
		return true;
	cJSON_Delete(item);
	return false;
}

cJSON *lead_document(const struct lead *lead)
{
	char id[UUID_TEXT_SIZE], at[TIME_TEXT_SIZE];
	cJSON *document = cJSON_CreateObject();

	if (document &&
		add_item(document, "id", cJSON_CreateString(uuid_text(&lead->id, id))) &&
		add_item(document, "source",
			cJSON_CreateString(lead->source ? lead->source : "")) &&
		add_item(document, "received_at",
			cJSON_CreateString(time_text(lead->received_at, at))) &&
		add_item(document, "test", cJSON_CreateBool(lead->test)) &&
		add_item(document, "fields", lead_fields_json(lead)) &&
		add_item(document, "extra",
			lead->extra ? cJSON_Duplicate(lead->extra, true)
				    : cJSON_CreateObject()))
		return document;
	cJSON_Delete(document);
	return NULL;
}
