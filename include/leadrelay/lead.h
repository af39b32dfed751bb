/*
 * lead: what came in, in canonical words, whatever the sender called it.
 *
 * Pure values; any thread. A lead owns its strings; lead_finish frees them. Field texts
 * are valid UTF-8 without U+0000. extra holds what no canonical field took, as a JSON
 * object.
 */
#ifndef LEADRELAY_LEAD_H
#define LEADRELAY_LEAD_H

#include "leadrelay/err.h"
#include "leadrelay/uuid.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

enum lead_field { /* contract: canonical fields; stored by name, so the order may change
		   */
	FIELD_FIRST_NAME,
	FIELD_LAST_NAME,
	FIELD_FULL_NAME,
	FIELD_EMAIL,
	FIELD_PHONE,
	FIELD_MOBILE,
	FIELD_COMPANY,
	FIELD_TITLE,
	FIELD_COUNTRY,
	FIELD_REGION,
	FIELD_CITY,
	FIELD_POSTAL_CODE,
	FIELD_STREET,
	FIELD_WEBSITE,
	FIELD_OFFER_TITLE,
	FIELD_OFFER_ID,
	FIELD_PRODUCT_ID,
	FIELD_ACTION_CODE,
	FIELD_LEAD_SOURCE,
	FIELD_CAMPAIGN,
	FIELD_DESCRIPTION,
	FIELD_COUNT
};

struct lead {
	struct uuid id;
	char *source; /* name of the source */
	int64_t received_at;
	bool test;                 /* carries Microsoft's MSFT_TEST marker */
	char *fields[FIELD_COUNT]; /* NULL: absent; never empty */
	cJSON *extra;              /* object, or NULL: nothing */
};

#define LEAD_INIT ((struct lead){0})

const char *lead_field_name(enum lead_field field);
/* Exact canonical name (snake_case); -1 when it is none. */
int lead_field_find(const char *name);

void lead_finish(struct lead *lead);
enum err_code lead_copy(struct lead *out, const struct lead *from, struct err *err);
/* Copies text; NULL or only white space removes the field. Surrounding white space is
 * dropped. */
enum err_code lead_set(
	struct lead *lead, enum lead_field field, const char *text, struct err *err);

/* action_code DNC: stored and delivered, never contacted, never a notification. */
bool lead_do_not_contact(const struct lead *lead);
/* A person or firm to follow up: a name, an e-mail, a phone or a company. */
bool lead_identifies(const struct lead *lead);
/* An offer, a source or an action: enough for a marketplace lead (.edu buyers come
 * without a person). */
bool lead_has_interest(const struct lead *lead);
/* An e-mail, phone or mobile: what a repeat must name to be recognised by content. */
bool lead_names_person(const struct lead *lead);
/* Sets lead->test from the MSFT_TEST marker in e-mail, names, company or description. */
void lead_mark_test(struct lead *lead);
/* Splits a composite lead_source "Source-Action|publisher.offer" (blanks around the bar
 * allowed) into lead_source, action_code and offer_id: at the first '|', the left part at
 * its first '-'. Fields already present are kept; a text without '|' is left as it is. */
enum err_code lead_split_source(struct lead *lead, struct err *err);

/* {"first_name":...}: the present fields in canonical order. The caller's to
 * cJSON_Delete; NULL when out of memory. */
cJSON *lead_fields_json(const struct lead *lead);
/* The same as text, at once. */
void lead_fields_add(const struct lead *lead, struct buf *out);
/* The reverse, for what the store kept: fills the fields and extra of out, which must
 * hold none yet, and leaves the rest of it alone. Unknown members are ignored. extra may
 * be NULL. */
enum err_code lead_from_json(
	struct lead *out, const char *fields, const char *extra, struct err *err);
/* The canonical document that https posts and file writes:
 * {"id","source","received_at","test","fields":{},"extra":{}}. */
cJSON *lead_document(const struct lead *lead);

#endif
