/*
 * What headings are called: contract 10's synonyms, and their relatives from Partner
 * Center, Dynamics, LinkedIn and HubSpot.
 */
#include "csv_heading.h"

#include "parse.h"

#include <string.h>

/* Folded; sorted by field, not by name: there are few. */
static const struct {
	const char *folded;
	enum lead_field field;
} names[] = {
	{"firstname", FIELD_FIRST_NAME},
	{"givenname", FIELD_FIRST_NAME},
	{"prenom", FIELD_FIRST_NAME},
	{"lastname", FIELD_LAST_NAME},
	{"surname", FIELD_LAST_NAME},
	{"familyname", FIELD_LAST_NAME},
	{"nom", FIELD_LAST_NAME},
	{"nomdefamille", FIELD_LAST_NAME},
	{"fullname", FIELD_FULL_NAME},
	{"name", FIELD_FULL_NAME},
	{"contact", FIELD_FULL_NAME},
	{"contactname", FIELD_FULL_NAME},
	{"nomcomplet", FIELD_FULL_NAME},
	{"email", FIELD_EMAIL},
	{"emailaddress", FIELD_EMAIL},
	{"emailaddress1", FIELD_EMAIL},
	{"adresseemail", FIELD_EMAIL},
	{"adressemail", FIELD_EMAIL},
	{"courriel", FIELD_EMAIL},
	{"phone", FIELD_PHONE},
	{"phonenumber", FIELD_PHONE},
	{"telephone", FIELD_PHONE},
	{"telephone1", FIELD_PHONE},
	{"businessphone", FIELD_PHONE},
	{"numerodetelephone", FIELD_PHONE},
	{"mobile", FIELD_MOBILE},
	{"mobilephone", FIELD_MOBILE},
	{"mobilephonenumber", FIELD_MOBILE},
	{"portable", FIELD_MOBILE},
	{"telephoneportable", FIELD_MOBILE},
	{"company", FIELD_COMPANY},
	{"companyname", FIELD_COMPANY},
	{"organization", FIELD_COMPANY},
	{"organisation", FIELD_COMPANY},
	{"societe", FIELD_COMPANY},
	{"entreprise", FIELD_COMPANY},
	{"title", FIELD_TITLE},
	{"jobtitle", FIELD_TITLE},
	{"position", FIELD_TITLE},
	{"fonction", FIELD_TITLE},
	{"poste", FIELD_TITLE},
	{"country", FIELD_COUNTRY},
	{"country/region", FIELD_COUNTRY},
	{"address1country", FIELD_COUNTRY},
	{"pays", FIELD_COUNTRY},
	{"region", FIELD_REGION},
	{"state", FIELD_REGION},
	{"state/region", FIELD_REGION},
	{"state/province", FIELD_REGION},
	{"province", FIELD_REGION},
	{"address1stateorprovince", FIELD_REGION},
	{"city", FIELD_CITY},
	{"ville", FIELD_CITY},
	{"address1city", FIELD_CITY},
	{"postalcode", FIELD_POSTAL_CODE},
	{"zip", FIELD_POSTAL_CODE},
	{"zipcode", FIELD_POSTAL_CODE},
	{"zip/postalcode", FIELD_POSTAL_CODE},
	{"codepostal", FIELD_POSTAL_CODE},
	{"address1postalcode", FIELD_POSTAL_CODE},
	{"street", FIELD_STREET},
	{"address", FIELD_STREET},
	{"streetaddress", FIELD_STREET},
	{"adresse", FIELD_STREET},
	{"address1line1", FIELD_STREET},
	{"website", FIELD_WEBSITE},
	{"websiteurl", FIELD_WEBSITE},
	{"siteweb", FIELD_WEBSITE},
	{"offertitle", FIELD_OFFER_TITLE},
	{"offer", FIELD_OFFER_TITLE},
	{"offername", FIELD_OFFER_TITLE},
	{"offerdisplayname", FIELD_OFFER_TITLE},
	{"offre", FIELD_OFFER_TITLE},
	{"offerid", FIELD_OFFER_ID},
	{"productid", FIELD_PRODUCT_ID},
	{"actioncode", FIELD_ACTION_CODE},
	{"action", FIELD_ACTION_CODE},
	{"leadsource", FIELD_LEAD_SOURCE},
	{"source", FIELD_LEAD_SOURCE},
	{"campaign", FIELD_CAMPAIGN},
	{"campagne", FIELD_CAMPAIGN},
	{"description", FIELD_DESCRIPTION},
	{"notes", FIELD_DESCRIPTION},
	{"comment", FIELD_DESCRIPTION},
	{"comments", FIELD_DESCRIPTION},
	{"commentaire", FIELD_DESCRIPTION},
	{"commentaires", FIELD_DESCRIPTION},
};

static const struct {
	const char *folded;
	enum csv_meaning meaning;
} others[] = {
	{"created", CSV_CREATED},
	{"createddate", CSV_CREATED},
	{"createdon", CSV_CREATED},
	{"createdtime", CSV_CREATED},
	{"createdat", CSV_CREATED},
	{"createdate", CSV_CREATED},
	{"date", CSV_CREATED},
	{"datedecreation", CSV_CREATED},
	{"customerinfo", CSV_CUSTOMER},
};

/* ---- folding ---- */

/* U+00C0 to U+00FF and the ligature oe without accents; '\0': nothing of the kind. */
static const char *plain_letter(unsigned code)
{
	static const char *const letters[] = {"a", "a", "a", "a", "a", "a", "ae", "c",
		"e", "e", "e", "e", "i", "i", "i", "i", "d", "n", "o", "o", "o", "o", "o",
		NULL, "o", "u", "u", "u", "u", "y", NULL, "ss"};

	if (code == 0x152 || code == 0x153)
		return "oe";
	if (code == 0xff)
		return "y";
	return code >= 0xc0 && code < 0xff ? letters[(code - 0xc0) & 31] : NULL;
}

/* A character of two bytes; NULL: it is kept as it is. */
static const char *plain_pair(unsigned char first, unsigned char second)
{
	unsigned code = (first & 0x1fu) << 6 | (second & 0x3fu);

	if (code == 0xa0 || (code >= 0x300 && code <= 0x36f)) /* blank, loose accents */
		return "";
	return plain_letter(code);
}

void heading_fold(const char *heading, char out[HEADING_FOLDED_MAX])
{
	size_t len = 0;

	while (*heading && len + 4 < HEADING_FOLDED_MAX) {
		unsigned char c = (unsigned char)*heading++;
		const char *plain = NULL;

		if ((c & 0xe0) == 0xc0 && *heading)
			plain = plain_pair(c, (unsigned char)*heading);
		if (plain) {
			heading++;
			while (*plain)
				out[len++] = *plain++;
		} else if (!strchr(" \t\r\n_-", c)) {
			out[len++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
		}
	}
	out[*heading ? 0 : len] = '\0'; /* too long to be known */
}

/* ---- meaning ---- */

static int find_folded(const char *folded)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strcmp(names[i].folded, folded) == 0)
			return (int)names[i].field;
	return -1;
}

int csv_heading_field(const char *heading)
{
	char folded[HEADING_FOLDED_MAX];

	heading_fold(heading, folded);
	return find_folded(folded);
}

bool heading_same(const char *a, const char *b)
{
	char folded_a[HEADING_FOLDED_MAX], folded_b[HEADING_FOLDED_MAX];

	if (strcmp(a, b) == 0)
		return true;
	heading_fold(a, folded_a);
	heading_fold(b, folded_b);
	return *folded_a && strcmp(folded_a, folded_b) == 0;
}

void heading_meaning(const char *heading, struct csv_column *out)
{
	char folded[HEADING_FOLDED_MAX];
	int field;

	heading_fold(heading, folded);
	field = find_folded(folded);
	out->meaning = field >= 0 ? CSV_FIELD : CSV_EXTRA;
	out->field = field >= 0 ? (enum lead_field)field : FIELD_COUNT;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (strcmp(others[i].folded, folded) == 0)
			out->meaning = others[i].meaning;
	if (strcmp(heading, "_line") == 0)
		out->meaning = CSV_IGNORED;
	if (strcmp(heading, "_reason") == 0)
		out->meaning = CSV_REASON;
}

bool meaning_named(const char *name, struct csv_column *out)
{
	int field = lead_field_find(name);

	out->field = field >= 0 ? (enum lead_field)field : FIELD_COUNT;
	out->meaning = CSV_FIELD;
	if (field >= 0)
		return true;
	if (strcmp(name, "created") == 0)
		out->meaning = CSV_CREATED;
	else if (strcmp(name, "extra") == 0)
		out->meaning = CSV_EXTRA;
	else
		return false;
	return true;
}
