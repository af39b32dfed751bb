/*
 * What Microsoft's HTTPS destination posts: one object, its person in UserDetails, any
 * key casing; and its relatives: the same flat, the row of an Azure table with the person
 * as JSON text in CustomerInfo. A key that no field takes goes to extra under its own
 * name, one inside UserDetails to extra.UserDetails (as the sender wrote that key).
 */
#include "leadrelay/json.h"
#include "parse.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *folded;
	enum lead_field field;
} names[] = {
	{"firstname", FIELD_FIRST_NAME},
	{"lastname", FIELD_LAST_NAME},
	{"email", FIELD_EMAIL},
	{"phone", FIELD_PHONE},
	{"country", FIELD_COUNTRY},
	{"company", FIELD_COMPANY},
	{"title", FIELD_TITLE},
	{"leadsource", FIELD_LEAD_SOURCE},
	{"actioncode", FIELD_ACTION_CODE},
	{"offertitle", FIELD_OFFER_TITLE},
	{"description", FIELD_DESCRIPTION},
	{"offerdisplayname", FIELD_OFFER_TITLE},
	{"offerid", FIELD_OFFER_ID},
	{"productid", FIELD_PRODUCT_ID},
	{"fullname", FIELD_FULL_NAME},
	{"mobile", FIELD_MOBILE},
	{"region", FIELD_REGION},
	{"city", FIELD_CITY},
	{"postalcode", FIELD_POSTAL_CODE},
	{"street", FIELD_STREET},
	{"website", FIELD_WEBSITE},
	{"campaign", FIELD_CAMPAIGN},
	/* what relatives of the posting call them */
	{"name", FIELD_FULL_NAME},
	{"emailaddress", FIELD_EMAIL},
	{"telephone", FIELD_PHONE},
	{"phonenumber", FIELD_PHONE},
	{"mobilephone", FIELD_MOBILE},
	{"companyname", FIELD_COMPANY},
	{"jobtitle", FIELD_TITLE},
	{"state", FIELD_REGION},
	{"zip", FIELD_POSTAL_CODE},
	{"zipcode", FIELD_POSTAL_CODE},
	{"offer", FIELD_OFFER_TITLE},
	{"offername", FIELD_OFFER_TITLE},
	{"source", FIELD_LEAD_SOURCE},
	{"action", FIELD_ACTION_CODE},
};

int marketplace_field(const char *folded)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].folded[0] == folded[0] &&
			strcmp(names[i].folded, folded) == 0)
			return (int)names[i].field;
	}
	return -1;
}

static bool is_person(const char *name)
{
	char folded[20];

	return name_fold(name, folded, sizeof(folded)) &&
	       (strcmp(folded, "userdetails") == 0 ||
		       strcmp(folded, "customerinfo") == 0);
}

/* The person as an object: itself, or what its text holds; NULL: neither, or no memory
 * (the status tells). *made is to be deleted. */
static cJSON *open_person(struct parsing *parsing, cJSON *member, cJSON **made)
{
	struct err err;

	*made = NULL;
	if (cJSON_IsObject(member))
		return member;
	if (!cJSON_IsString(member))
		return NULL;
	if (json_read(member->valuestring, strlen(member->valuestring), made, &err) !=
		ERR_OK) {
		if (err.code == ERR_NOMEM)
			parse_no_memory(parsing->out);
		return NULL;
	}
	if (cJSON_IsObject(*made))
		return *made;
	cJSON_Delete(*made);
	*made = NULL;
	return NULL;
}

static bool take_person(struct parsing *parsing, cJSON *object, cJSON *member)
{
	cJSON *made, *nested = NULL;
	cJSON *person = open_person(parsing, member, &made);
	bool fine;

	if (parsing->out->status != 0)
		return false;
	if (!person && cJSON_IsNull(member))
		return true;
	if (!person) /* unreadable: kept as it is */
		return normalise_member(parsing, object, member, &parsing->lead->extra);
	fine = normalise_members(parsing, person, &nested);
	if (nested && !normalise_nested(parsing, member->string, nested))
		fine = false;
	cJSON_Delete(made);
	return fine;
}

static bool take_object(struct parsing *parsing, cJSON *object)
{
	cJSON *member = object->child, *next;
	bool fine = true;

	for (; member && fine; member = next) {
		next = member->next;
		fine = is_person(member->string) ? take_person(parsing, object, member)
						 : normalise_member(parsing, object,
							   member, &parsing->lead->extra);
	}
	return fine;
}

void parse_marketplace(const struct source_settings *source, const char *body, size_t len,
	struct parsed *out)
{
	struct parsing parsing = {.source = source, .out = out};
	cJSON *object = NULL;
	struct err err;

	if (json_read(body, len, &object, &err) != ERR_OK) {
		parse_unreadable(out, &err);
		return;
	}
	if (!cJSON_IsObject(object))
		parse_fail(out, 400, "not a JSON object");
	else if (parse_leads(out, 1)) {
		parsing.lead = &out->leads[0];
		if (take_object(&parsing, object))
			normalise_finish(&parsing);
	}
	cJSON_Delete(object);
}
