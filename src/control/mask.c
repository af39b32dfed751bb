/*
 * Persons, shown so that a colleague knows who is meant and a stranger over his shoulder
 * does not: what a mail with detail: masked shows, and nothing else. The remote's words
 * may quote a lead; what they quote is masked in them.
 */
#include "room.h"

#include "leadrelay/compose.h"
#include "leadrelay/json.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define HIDDEN "***"
#define QUOTE_MIN 3 /* shorter values would be found in any text */

bool wants_mask(const struct run *run)
{
	return json_bool(run->request, "masked", false);
}

/* What says nothing about a person. */
static bool is_plain(enum lead_field field)
{
	static const enum lead_field plain[] = {FIELD_COMPANY, FIELD_COUNTRY,
		FIELD_OFFER_TITLE, FIELD_OFFER_ID, FIELD_PRODUCT_ID, FIELD_ACTION_CODE,
		FIELD_LEAD_SOURCE, FIELD_CAMPAIGN};

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (plain[i] == field)
			return true;
	return false;
}

static void mask_value(struct buf *out, enum lead_field field, const char *value)
{
	if (field == FIELD_EMAIL)
		compose_mask_email(out, value);
	else if (field == FIELD_FIRST_NAME || field == FIELD_LAST_NAME ||
		 field == FIELD_FULL_NAME)
		compose_mask_name(out, value);
	if (out->len == 0)
		buf_adds(out, HIDDEN);
}

/* What cannot be masked for want of memory is not shown, and nothing with it. */
static void replace_item(cJSON *object, const char *name, cJSON *item)
{
	if (item && cJSON_ReplaceItemInObjectCaseSensitive(object, name, item))
		return;
	cJSON_Delete(item);
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	json_add_item(object, name, NULL);
}

static void replace_text(cJSON *object, const char *name, struct buf *text)
{
	replace_item(
		object, name, buf_ok(text) ? cJSON_CreateString(buf_str(text)) : NULL);
	buf_finish(text);
}

/* ---- within texts ---- */

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* How much of text, which begins a word or not, is value, whatever its case; 0: it is
 * another text, or a part of a longer word. */
static size_t quoted_length(const char *text, bool within, const char *value)
{
	size_t len = value ? strlen(value) : 0;

	if (len < QUOTE_MIN || strncasecmp(text, value, len) != 0)
		return 0;
	if ((within && is_word(*text)) || (is_word(value[len - 1]) && is_word(text[len])))
		return 0;
	return len;
}

static size_t quoted_extra(const char *text, bool within, const cJSON *extra)
{
	const cJSON *item;
	size_t longest = 0, len;

	cJSON_ArrayForEach (item, extra) {
		len = cJSON_IsString(item)
			      ? quoted_length(text, within, item->valuestring)
			      : 0;
		longest = len > longest ? len : longest;
	}
	return longest;
}

static size_t quoted_lead(const char *text, bool within, const struct lead *lead)
{
	size_t longest = lead ? quoted_extra(text, within, lead->extra) : 0;

	for (int i = 0; lead && i < FIELD_COUNT; i++) {
		size_t len = is_plain((enum lead_field)i)
				     ? 0
				     : quoted_length(text, within, lead->fields[i]);

		longest = len > longest ? len : longest;
	}
	return longest;
}

static bool is_address_char(char c)
{
	return is_word(c) || (c && strchr(".!#$%&*+-/=?^_{|}~", c));
}

/* An e-mail address at text; 0: none. */
static size_t address_length(const char *text)
{
	size_t local = 0, len;

	while (is_address_char(text[local]))
		local++;
	if (local == 0 || text[local] != '@')
		return 0;
	len = local + 1;
	while (is_word(text[len]) || text[len] == '-' ||
		(text[len] == '.' && is_word(text[len + 1])))
		len++;
	return len > local + 1 ? len : 0;
}

static void add_masked_address(struct buf *out, const char *text, size_t len)
{
	char address[320];
	size_t before = out->len;

	if (len < sizeof(address)) {
		memcpy(address, text, len);
		address[len] = '\0';
		compose_mask_email(out, address);
	}
	if (out->len == before)
		buf_adds(out, HIDDEN);
}

void mask_text(struct buf *out, const char *text, const struct lead *lead)
{
	bool within = false,    /* a word */
		inside = false; /* what could have been an address, and is none */

	while (*text) {
		size_t address = inside ? 0 : address_length(text);
		size_t quoted = address ? 0 : quoted_lead(text, within, lead);

		if (address)
			add_masked_address(out, text, address);
		else if (quoted)
			buf_adds(out, HIDDEN);
		else
			buf_addc(out, *text);
		inside = !address && !quoted && is_address_char(*text);
		within = !address && !quoted && is_word(*text);
		text += address ? address : quoted ? quoted : 1;
	}
}

static void mask_member(cJSON *object, const char *name, const struct lead *lead)
{
	const char *text = json_string(object, name);
	struct buf masked = BUF_INIT;

	if (!text)
		return;
	mask_text(&masked, text, lead);
	replace_text(object, name, &masked);
}

/* ---- whole answers ---- */

static void mask_fields(cJSON *fields, const struct lead *lead)
{
	for (int i = 0; fields && i < FIELD_COUNT; i++) {
		const char *name = lead_field_name((enum lead_field)i);
		struct buf masked = BUF_INIT;

		if (!lead->fields[i] || is_plain((enum lead_field)i) ||
			!cJSON_HasObjectItem(fields, name))
			continue;
		mask_value(&masked, (enum lead_field)i, lead->fields[i]);
		replace_text(fields, name, &masked);
	}
}

/* The names stay: they are the sender's words, not the person's. */
static void mask_extra(cJSON *object)
{
	const cJSON *extra = cJSON_GetObjectItemCaseSensitive(object, "extra"), *item;
	cJSON *hidden;

	if (!extra)
		return;
	hidden = cJSON_CreateObject();
	cJSON_ArrayForEach (item, extra)
		json_add_text(hidden, item->string, HIDDEN);
	replace_item(object, "extra", hidden);
}

static void mask_deliveries(cJSON *deliveries, const struct lead *lead)
{
	cJSON *delivery, *attempt;

	cJSON_ArrayForEach (delivery, deliveries) {
		mask_member(delivery, "error", lead);
		cJSON_ArrayForEach (
			attempt, cJSON_GetObjectItemCaseSensitive(delivery, "history"))
			mask_member(attempt, "error", lead);
	}
}

void mask_notification(cJSON *item, const struct lead *lead)
{
	mask_member(item, "to", NULL);
	mask_member(item, "error", lead);
}

void mask_lead(cJSON *object, const struct lead *lead)
{
	cJSON *notification;
	struct buf masked = BUF_INIT;

	if (json_string(object, "email")) {
		mask_value(&masked, FIELD_EMAIL, json_string(object, "email"));
		replace_text(object, "email", &masked);
	}
	mask_member(object, "problem", lead);
	mask_fields(cJSON_GetObjectItemCaseSensitive(object, "fields"), lead);
	mask_extra(object);
	mask_deliveries(cJSON_GetObjectItemCaseSensitive(object, "deliveries"), lead);
	cJSON_ArrayForEach (
		notification, cJSON_GetObjectItemCaseSensitive(object, "notifications"))
		mask_notification(notification, lead);
}
