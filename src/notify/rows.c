/* What a mail shows of a lead at each level of detail. */
#include "room.h"

#include "leadrelay/clock.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define EXTRA_MAX 40 /* members of extra; the rest is in leadctl show */

static const char *const labels[FIELD_COUNT] = {
	[FIELD_FIRST_NAME] = "First name",
	[FIELD_LAST_NAME] = "Last name",
	[FIELD_FULL_NAME] = "Name",
	[FIELD_EMAIL] = "E-mail",
	[FIELD_PHONE] = "Phone",
	[FIELD_MOBILE] = "Mobile",
	[FIELD_COMPANY] = "Company",
	[FIELD_TITLE] = "Title",
	[FIELD_COUNTRY] = "Country",
	[FIELD_REGION] = "Region",
	[FIELD_CITY] = "City",
	[FIELD_POSTAL_CODE] = "Postal code",
	[FIELD_STREET] = "Street",
	[FIELD_WEBSITE] = "Website",
	[FIELD_OFFER_TITLE] = "Offer",
	[FIELD_OFFER_ID] = "Offer id",
	[FIELD_PRODUCT_ID] = "Product id",
	[FIELD_ACTION_CODE] = "Action",
	[FIELD_LEAD_SOURCE] = "Lead source",
	[FIELD_CAMPAIGN] = "Campaign",
	[FIELD_DESCRIPTION] = "Description",
};

/* What comes before the rest of the fields when everything is shown. */
static const enum lead_field person[] = {FIELD_COMPANY, FIELD_FULL_NAME, FIELD_FIRST_NAME,
	FIELD_LAST_NAME, FIELD_TITLE, FIELD_EMAIL, FIELD_PHONE, FIELD_MOBILE};
static const enum lead_field rest[] = {FIELD_STREET, FIELD_POSTAL_CODE, FIELD_CITY,
	FIELD_REGION, FIELD_COUNTRY, FIELD_WEBSITE, FIELD_OFFER_ID, FIELD_PRODUCT_ID,
	FIELD_LEAD_SOURCE, FIELD_CAMPAIGN};

static const struct {
	const char *code, *meaning;
} actions[] = {
	{"INS", "took the offer from the marketplace"},
	{"Create", "took the offer in the Azure portal"},
	{"PLT", "wants to be contacted"},
	{"StartTestDrive", "started a test drive"},
	{"DNC", "do not contact"},
};

/* NULL: no room; what does not fit is in leadctl show. */
static struct row *add_row(struct rows *rows, const char *label)
{
	struct row *row;

	if (rows->count == ROWS_MAX)
		return NULL;
	row = &rows->items[rows->count++];
	words_line(&row->label, label, 60);
	return row;
}

static void add(struct rows *rows, const char *label, const char *value)
{
	struct row *row = value && *value ? add_row(rows, label) : NULL;

	if (row)
		words_line(&row->value, value, VALUE_MAX);
}

static void add_lines(struct rows *rows, const char *label, const char *value)
{
	struct row *row = value ? add_row(rows, label) : NULL;

	if (!row)
		return;
	row->lines = true;
	words_lines(&row->value, value, VALUE_MAX);
}

static void add_fields(struct rows *rows, const struct lead *lead,
	const enum lead_field *fields, size_t count)
{
	for (size_t i = 0; i < count; i++)
		add(rows, labels[fields[i]], lead->fields[fields[i]]);
}

static void add_action(struct rows *rows, const char *code)
{
	struct row *row = code ? add_row(rows, labels[FIELD_ACTION_CODE]) : NULL;

	if (!row)
		return;
	words_line(&row->value, code, 100);
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcasecmp(code, actions[i].code) == 0)
			buf_addf(&row->value, " (%s)", actions[i].meaning);
}

static void add_received(struct rows *rows, int64_t at)
{
	char text[TIME_TEXT_SIZE], shown[64];

	time_text(at, text);
	snprintf(shown, sizeof(shown), "%.10s %.8s UTC", text, text + 11);
	add(rows, "Received", shown);
}

static void add_interest(struct rows *rows, const struct lead *lead)
{
	const char *offer = lead->fields[FIELD_OFFER_TITLE];

	add(rows, labels[FIELD_OFFER_TITLE],
		offer ? offer : lead->fields[FIELD_OFFER_ID]);
	add_action(rows, lead->fields[FIELD_ACTION_CODE]);
	add(rows, "Source", lead->source);
	add_received(rows, lead->received_at);
}

static void add_masked(struct rows *rows, const struct lead *lead)
{
	struct buf name = BUF_INIT, email = BUF_INIT;

	mask_name(&name, lead);
	compose_mask_email(&email, lead->fields[FIELD_EMAIL]);
	add(rows, "Company", lead->fields[FIELD_COMPANY]);
	add(rows, "Name", buf_str(&name));
	add(rows, "E-mail", buf_str(&email));
	rows->failed |= !buf_ok(&name) || !buf_ok(&email);
	buf_finish(&name);
	buf_finish(&email);
}

static void add_extra(struct rows *rows, const cJSON *extra)
{
	const cJSON *item = extra ? extra->child : NULL;

	for (int i = 0; item && i < EXTRA_MAX; i++, item = item->next) {
		char *printed = NULL;

		if (cJSON_IsString(item)) {
			add(rows, item->string, item->valuestring);
			continue;
		}
		printed = cJSON_PrintUnformatted(item);
		rows->failed |= !printed;
		add(rows, item->string, printed);
		cJSON_free(printed);
	}
}

void rows_of_lead(struct rows *rows, const struct lead *lead, enum mail_detail detail)
{
	*rows = (struct rows){.count = 0};
	switch (detail) {
	case MAIL_DETAIL_NONE:
		add_interest(rows, lead);
		return;
	case MAIL_DETAIL_MASKED:
		add_masked(rows, lead);
		add_interest(rows, lead);
		return;
	case MAIL_DETAIL_FULL:
		add_fields(rows, lead, person, sizeof(person) / sizeof(person[0]));
		add_interest(rows, lead);
		add_lines(
			rows, labels[FIELD_DESCRIPTION], lead->fields[FIELD_DESCRIPTION]);
		add_fields(rows, lead, rest, sizeof(rest) / sizeof(rest[0]));
		add_extra(rows, lead->extra);
		return;
	}
}

bool rows_ok(const struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		if (!buf_ok(&rows->items[i].label) || !buf_ok(&rows->items[i].value))
			return false;
	return !rows->failed;
}

void rows_finish(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		buf_finish(&rows->items[i].label);
		buf_finish(&rows->items[i].value);
	}
}
