#include "dynamics_columns.h"

#include "words.h"

#include "leadrelay/json.h"
#include "leadrelay/text.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define UNKNOWN "(unknown)"
#define NO_LIMIT SIZE_MAX

struct column_length {
	const char *name;
	size_t units;
};

/* Of an organisation that changed nothing. */
static const struct column_length column_lengths[] = {{"subject", 300}, {"firstname", 50},
	{"middlename", 50}, {"lastname", 50}, {"companyname", 100}, {"jobtitle", 100},
	{"salutation", 100}, {"emailaddress1", 100}, {"emailaddress2", 100},
	{"emailaddress3", 100}, {"telephone1", 50}, {"telephone2", 50},
	{"telephone3", 50}, {"mobilephone", 20}, {"fax", 50}, {"address1_country", 80},
	{"address1_city", 80}, {"address1_stateorprovince", 50},
	{"address1_postalcode", 20}, {"address1_line1", 250}, {"address1_line2", 250},
	{"address1_line3", 250}, {"websiteurl", 200}, {"description", 2000}};

struct default_column {
	enum lead_field field;
	const char *column;
};

/* subject, firstname, lastname and description are put together from several fields. */
static const struct default_column default_columns[] = {{FIELD_COMPANY, "companyname"},
	{FIELD_TITLE, "jobtitle"}, {FIELD_EMAIL, "emailaddress1"},
	{FIELD_PHONE, "telephone1"}, {FIELD_MOBILE, "mobilephone"},
	{FIELD_COUNTRY, "address1_country"}, {FIELD_REGION, "address1_stateorprovince"},
	{FIELD_CITY, "address1_city"}, {FIELD_POSTAL_CODE, "address1_postalcode"},
	{FIELD_STREET, "address1_line1"}, {FIELD_WEBSITE, "websiteurl"}};

/* Fields without a column of their own. */
static const enum lead_field line_fields[] = {
	FIELD_OFFER_ID, FIELD_PRODUCT_ID, FIELD_CAMPAIGN};

static const char *const do_not_contact_columns[] = {"donotemail", "donotbulkemail",
	"donotphone", "donotpostalmail", "donotfax", "donotsendmm"};

static const char *const own_columns[] = {
	"leadid", "fullname", "statecode", "createdon", "modifiedon"};

#define OWN_MAX 32 /* columns that neither map nor set names */

struct column {
	const char
		*name; /* borrowed, as text is: of the lead, the settings or the draft */
	const char *text;
	size_t len;
	bool raw; /* text is JSON */
};

/* A row before it is written: nothing is copied until then but what is put together. */
struct draft {
	const struct lead *lead;
	const struct destination_settings *settings;
	const struct column_repairs *repairs;
	bool update;
	char id[UUID_TEXT_SIZE];
	struct column *columns; /* room for all that there can be */
	size_t count;
	struct buf subject;
	struct buf first_name; /* of a full name that was split */
	struct buf description;
	struct buf cut_lines; /* "name: value\n" of what was cut or left out */
};

/* Most names differ in their first letter. */
static bool same(const char *a, const char *b)
{
	return a[0] == b[0] && strcmp(a, b) == 0;
}

static bool is_name(const char *name, size_t len)
{
	if (len == 0 || isdigit((unsigned char)name[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '_')
			return false;
	return true;
}

bool column_name_allowed(const char *name)
{
	const char *at = strchr(name, '@');
	size_t len = at ? (size_t)(at - name) : strlen(name);

	for (size_t i = 0; i < sizeof(own_columns) / sizeof(own_columns[0]); i++)
		if (strcasecmp(name, own_columns[i]) == 0)
			return false;
	if (at && strcmp(at, "@odata.bind") != 0)
		return false;
	return is_name(name, len) && strlen(name) < COLUMN_NAME_SIZE;
}

static const char *mapped_to(
	const struct destination_settings *settings, enum lead_field field)
{
	const char *name = lead_field_name(field);

	for (size_t i = 0; i < settings->map.count; i++)
		if (same(settings->map.items[i].name, name))
			return settings->map.items[i].value;
	return NULL;
}

static size_t limit_of(const struct draft *draft, const char *column)
{
	for (size_t i = 0; i < draft->repairs->count; i++)
		if (same(draft->repairs->items[i].name, column))
			return draft->repairs->items[i].limit;
	for (size_t i = 0; i < sizeof(column_lengths) / sizeof(column_lengths[0]); i++)
		if (same(column_lengths[i].name, column))
			return column_lengths[i].units;
	return NO_LIMIT;
}

static bool taken(const struct draft *draft, const char *column)
{
	for (size_t i = 0; i < draft->count; i++)
		if (same(draft->columns[i].name, column))
			return true;
	return false;
}

static void put(
	struct draft *draft, const char *name, const char *text, size_t len, bool raw)
{
	draft->columns[draft->count++] =
		(struct column){.name = name, .text = text, .len = len, .raw = raw};
}

static void take_out(struct draft *draft, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < draft->count; i++)
		if (!same(draft->columns[i].name, name))
			draft->columns[kept++] = draft->columns[i];
	draft->count = kept;
}

/* A line break in a value would make a line of its own. */
static void add_line(struct buf *out, const char *name, const char *value)
{
	words_add(out, name, strlen(name), SIZE_MAX);
	buf_adds(out, ": ");
	words_add(out, value, strlen(value), SIZE_MAX);
	buf_addc(out, '\n');
}

/* Puts text, which stays where it is, into column, cut to its length; what is lost by
 * that goes to description under label. */
static void put_text(
	struct draft *draft, const char *column, const char *label, const char *text)
{
	size_t limit = limit_of(draft, column);
	size_t len = limit == NO_LIMIT ? strlen(text) : utf16_prefix(text, limit);

	if (text[len] != '\0' || limit == 0)
		add_line(&draft->cut_lines, label, text);
	if (len > 0)
		put(draft, column, text, len, false);
}

static void put_set(struct draft *draft)
{
	const struct pair_list *set = &draft->settings->set;

	for (size_t i = 0; i < set->count; i++) {
		const struct pair *pair = &set->items[i];

		if (limit_of(draft, pair->name) == 0 || taken(draft, pair->name))
			continue;
		if (pair->literal)
			put(draft, pair->name, pair->value, strlen(pair->value), true);
		else
			put_text(draft, pair->name, pair->name, pair->value);
	}
}

/* NULL: absent, or no canonical field. */
static const char *value_of(const struct lead *lead, const char *name)
{
	int field = lead_field_find(name);

	return field >= 0 ? lead->fields[field] : NULL;
}

static void put_mapped(struct draft *draft)
{
	const struct pair_list *map = &draft->settings->map;

	for (size_t i = 0; i < map->count; i++) {
		const struct pair *pair = &map->items[i];
		const char *text = value_of(draft->lead, pair->name);

		if (!text || strcmp(pair->value, "description") == 0)
			continue;
		if (taken(draft, pair->value))
			add_line(&draft->cut_lines, pair->name, text);
		else
			put_text(draft, pair->value, pair->name, text);
	}
}

/* What the operator gave the column to something else is still told in description. */
static void put_default(struct draft *draft, enum lead_field field, const char *column)
{
	const char *text = draft->lead->fields[field];

	if (!text || mapped_to(draft->settings, field))
		return;
	if (taken(draft, column))
		add_line(&draft->cut_lines, lead_field_name(field), text);
	else
		put_text(draft, column, lead_field_name(field), text);
}

static void put_defaults(struct draft *draft)
{
	for (size_t i = 0; i < sizeof(default_columns) / sizeof(default_columns[0]); i++)
		put_default(draft, default_columns[i].field, default_columns[i].column);
}

/* "Ana Silva", or the full name, or the one part there is; empty: no name. */
static void add_name(struct buf *out, const struct lead *lead)
{
	const char *first = lead->fields[FIELD_FIRST_NAME];
	const char *last = lead->fields[FIELD_LAST_NAME];

	if (lead->fields[FIELD_FULL_NAME]) {
		buf_adds(out, lead->fields[FIELD_FULL_NAME]);
		return;
	}
	buf_adds(out, first ? first : "");
	if (first && last)
		buf_addc(out, ' ');
	buf_adds(out, last ? last : "");
}

static const char *first_present(
	const struct lead *lead, const enum lead_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (lead->fields[fields[i]])
			return lead->fields[fields[i]];
	return UNKNOWN;
}

static void put_subject(struct draft *draft)
{
	static const enum lead_field others[] = {FIELD_OFFER_ID, FIELD_EMAIL, FIELD_PHONE,
		FIELD_MOBILE, FIELD_LEAD_SOURCE};
	const struct lead *lead = draft->lead;
	struct buf *subject = &draft->subject;

	if (taken(draft, "subject"))
		return;
	if (lead->fields[FIELD_OFFER_TITLE]) {
		buf_adds(subject, lead->fields[FIELD_OFFER_TITLE]);
		if (lead->fields[FIELD_ACTION_CODE])
			buf_addf(subject, " (%s)", lead->fields[FIELD_ACTION_CODE]);
	} else if (lead->fields[FIELD_COMPANY]) {
		buf_adds(subject, lead->fields[FIELD_COMPANY]);
	} else {
		add_name(subject, lead);
	}
	if (subject->len == 0)
		buf_adds(subject,
			first_present(lead, others, sizeof(others) / sizeof(others[0])));
	put_text(draft, "subject", "subject", buf_str(subject));
}

/* A full name alone is split at its last blank. */
static void put_split_name(struct draft *draft, const char *full)
{
	const char *blank = strrchr(full, ' ');
	size_t len = blank ? (size_t)(blank - full) : 0;

	while (len > 0 && full[len - 1] == ' ')
		len--;
	buf_add(&draft->first_name, full, len);
	if (len > 0 && !taken(draft, "firstname") &&
		!draft->lead->fields[FIELD_FIRST_NAME])
		put_text(draft, "firstname", "first_name", buf_str(&draft->first_name));
	put_text(draft, "lastname", "last_name", blank ? blank + 1 : full);
}

static void put_names(struct draft *draft)
{
	const struct lead *lead = draft->lead;
	const char *company = lead->fields[FIELD_COMPANY];

	put_default(draft, FIELD_FIRST_NAME, "firstname");
	put_default(draft, FIELD_LAST_NAME, "lastname");
	if (taken(draft, "lastname"))
		return;
	if (lead->fields[FIELD_LAST_NAME]) /* mapped elsewhere, yet one is needed */
		put_text(draft, "lastname", "last_name", lead->fields[FIELD_LAST_NAME]);
	else if (lead->fields[FIELD_FULL_NAME])
		put_split_name(draft, lead->fields[FIELD_FULL_NAME]);
	else if (!draft->update)
		put_text(draft, "lastname", "last_name", company ? company : UNKNOWN);
}

/* Before set, too: a constant is no consent. */
static void put_flags(struct draft *draft)
{
	size_t count = sizeof(do_not_contact_columns) / sizeof(do_not_contact_columns[0]);

	if (!lead_do_not_contact(draft->lead))
		return;
	for (size_t i = 0; i < count; i++) {
		const char *column = do_not_contact_columns[i];

		take_out(draft, column);
		put(draft, column, "true", strlen("true"), true);
	}
}

static void add_paragraph(struct buf *out, const char *text)
{
	if (out->len > 0)
		buf_addc(out, '\n');
	buf_adds(out, text);
}

/* What the operator mapped to description, else the lead's own. */
static void gather_description(struct draft *draft)
{
	const struct pair_list *map = &draft->settings->map;
	const char *own = draft->lead->fields[FIELD_DESCRIPTION];

	for (size_t i = 0; i < map->count; i++) {
		const char *text = value_of(draft->lead, map->items[i].name);

		if (text && same(map->items[i].value, "description"))
			add_paragraph(&draft->description, text);
	}
	if (own && !mapped_to(draft->settings, FIELD_DESCRIPTION))
		add_paragraph(&draft->description, own);
}

static void add_field_lines(const struct draft *draft, struct buf *lines)
{
	for (size_t i = 0; i < sizeof(line_fields) / sizeof(line_fields[0]); i++) {
		const char *text = draft->lead->fields[line_fields[i]];

		if (text && !mapped_to(draft->settings, line_fields[i]))
			add_line(lines, lead_field_name(line_fields[i]), text);
	}
}

static void add_extra_line(struct buf *lines, const cJSON *item)
{
	const char *text = cJSON_GetStringValue(item);
	char *printed = text ? NULL : cJSON_PrintUnformatted(item);

	if (text || printed)
		add_line(lines, item->string, text ? text : printed);
	else
		lines->failed = true;
	cJSON_free(printed);
}

static void add_extra_lines(const struct draft *draft, struct buf *lines)
{
	const cJSON *item;

	cJSON_ArrayForEach (item, draft->lead->extra)
		if (!cJSON_IsNull(item))
			add_extra_line(lines, item);
}

/* Adds those lines to text that fit into limit units, each whole; a later, shorter one
 * may fit where an earlier did not. */
static void add_fitting_lines(struct buf *text, const struct buf *lines, size_t limit)
{
	const char *line = buf_str(lines);
	size_t used = *line ? utf16_length(buf_str(text)) : 0;

	while (*line) {
		size_t len = strcspn(line, "\n");
		struct buf one = BUF_INIT;
		size_t units;

		if (text->len > 0)
			buf_addc(&one, '\n');
		buf_add(&one, line, len);
		units = utf16_length(buf_str(&one));
		if (limit == NO_LIMIT || used + units <= limit) {
			buf_add(text, buf_str(&one), one.len);
			used += units;
		}
		text->failed |= !buf_ok(&one);
		buf_finish(&one);
		line += len + 1;
	}
}

static void put_description(struct draft *draft)
{
	struct buf *text = &draft->description;
	size_t limit = limit_of(draft, "description");
	struct buf lines = BUF_INIT;

	if (taken(draft, "description")) /* by set: exactly that */
		return;
	gather_description(draft);
	add_field_lines(draft, &lines);
	buf_adds(&lines, buf_str(&draft->cut_lines));
	add_extra_lines(draft, &lines);
	buf_cut(text, utf16_prefix(buf_str(text), limit));
	add_fitting_lines(text, &lines, limit);
	if (text->len > 0)
		put(draft, "description", buf_str(text), text->len, false);
	text->failed |= !buf_ok(&lines);
	buf_finish(&lines);
}

/* False: out of memory. draft_finish in any case. */
static bool draft_make(struct draft *draft)
{
	const struct destination_settings *settings = draft->settings;
	size_t room = settings->map.count + settings->set.count + OWN_MAX;

	draft->columns = malloc(room * sizeof(draft->columns[0]));
	if (!draft->columns)
		return false;
	uuid_text(&draft->lead->id, draft->id);
	if (!draft->update)
		put(draft, "leadid", draft->id, strlen(draft->id), false);
	put_set(draft);
	put_mapped(draft);
	put_subject(draft);
	put_names(draft);
	put_defaults(draft);
	put_flags(draft);
	put_description(draft);
	return buf_ok(&draft->subject) && buf_ok(&draft->first_name) &&
	       buf_ok(&draft->description) && buf_ok(&draft->cut_lines);
}

static void draft_finish(struct draft *draft)
{
	free(draft->columns);
	buf_finish(&draft->subject);
	buf_finish(&draft->first_name);
	buf_finish(&draft->description);
	buf_finish(&draft->cut_lines);
}

void columns_add(struct buf *out, const struct lead *lead,
	const struct destination_settings *settings, const struct column_repairs *repairs,
	bool update)
{
	struct draft draft = {
		.lead = lead, .settings = settings, .repairs = repairs, .update = update};

	if (!draft_make(&draft))
		out->failed = true;
	buf_addc(out, '{');
	for (size_t i = 0; i < draft.count; i++) {
		const struct column *column = &draft.columns[i];

		if (i > 0)
			buf_addc(out, ',');
		json_text_add(out, column->name);
		buf_addc(out, ':');
		if (column->raw)
			buf_add(out, column->text, column->len);
		else
			json_part_add(out, column->text, column->len);
	}
	buf_addc(out, '}');
	draft_finish(&draft);
}

static bool add_item(cJSON *row, const struct column *column)
{
	char *text = strndup(column->text, column->len);
	cJSON *item = NULL;

	if (text)
		item = column->raw ? cJSON_AddRawToObject(row, column->name, text)
				   : cJSON_AddStringToObject(row, column->name, text);
	free(text);
	return item != NULL;
}

cJSON *columns_of_lead(const struct lead *lead,
	const struct destination_settings *settings, const struct column_repairs *repairs,
	bool update)
{
	struct draft draft = {
		.lead = lead, .settings = settings, .repairs = repairs, .update = update};
	cJSON *row = draft_make(&draft) ? cJSON_CreateObject() : NULL;

	for (size_t i = 0; i < draft.count && row; i++)
		if (!add_item(row, &draft.columns[i])) {
			cJSON_Delete(row);
			row = NULL;
		}
	draft_finish(&draft);
	return row;
}

const char *columns_email_name(const struct destination_settings *settings)
{
	const char *column = mapped_to(settings, FIELD_EMAIL);

	return column ? column : "emailaddress1";
}
