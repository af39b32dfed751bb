#include "columns.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static const struct column standard[] = {
	{"leadid", COLUMN_GUID, 0, NULL},
	{"subject", COLUMN_STRING, 300, NULL},
	{"salutation", COLUMN_STRING, 100, NULL},
	{"firstname", COLUMN_STRING, 50, NULL},
	{"middlename", COLUMN_STRING, 50, NULL},
	{"lastname", COLUMN_STRING, 50, NULL},
	{"fullname", COLUMN_READONLY, 0, NULL},
	{"companyname", COLUMN_STRING, 100, NULL},
	{"jobtitle", COLUMN_STRING, 100, NULL},
	{"emailaddress1", COLUMN_EMAIL, 100, NULL},
	{"emailaddress2", COLUMN_EMAIL, 100, NULL},
	{"emailaddress3", COLUMN_EMAIL, 100, NULL},
	{"telephone1", COLUMN_STRING, 50, NULL},
	{"telephone2", COLUMN_STRING, 50, NULL},
	{"telephone3", COLUMN_STRING, 50, NULL},
	{"mobilephone", COLUMN_STRING, 20, NULL},
	{"fax", COLUMN_STRING, 50, NULL},
	{"address1_line1", COLUMN_STRING, 250, NULL},
	{"address1_line2", COLUMN_STRING, 250, NULL},
	{"address1_line3", COLUMN_STRING, 250, NULL},
	{"address1_city", COLUMN_STRING, 80, NULL},
	{"address1_stateorprovince", COLUMN_STRING, 50, NULL},
	{"address1_postalcode", COLUMN_STRING, 20, NULL},
	{"address1_country", COLUMN_STRING, 80, NULL},
	{"websiteurl", COLUMN_STRING, 200, NULL},
	{"description", COLUMN_MEMO, 2000, NULL},
	{"leadsourcecode", COLUMN_CHOICE, 0, "1-10"},
	{"leadqualitycode", COLUMN_CHOICE, 0, "1-3"},
	{"industrycode", COLUMN_CHOICE, 0, "1-33"},
	{"statecode", COLUMN_CHOICE, 0, "0-2"},
	{"statuscode", COLUMN_CHOICE, 0, "1-7"},
	{"donotemail", COLUMN_BOOL, 0, NULL},
	{"donotbulkemail", COLUMN_BOOL, 0, NULL},
	{"donotphone", COLUMN_BOOL, 0, NULL},
	{"donotpostalmail", COLUMN_BOOL, 0, NULL},
	{"donotfax", COLUMN_BOOL, 0, NULL},
	{"donotsendmm", COLUMN_BOOL, 0, NULL},
	{"msdyn_gdproptout", COLUMN_BOOL, 0, NULL},
	{"preferredcontactmethodcode", COLUMN_CHOICE, 0, "1-5"},
	{"overriddencreatedon", COLUMN_DATE, 0, NULL},
	{"importsequencenumber", COLUMN_INT, 0, NULL},
	{"campaignid", COLUMN_LOOKUP, 0, "campaigns"},
	{"ownerid", COLUMN_LOOKUP, 0, "systemusers,teams"},
	{"parentaccountid", COLUMN_LOOKUP, 0, "accounts"},
	{"transactioncurrencyid", COLUMN_LOOKUP, 0, "transactioncurrencies"},
	{"createdon", COLUMN_READONLY, 0, NULL},
	{"modifiedon", COLUMN_READONLY, 0, NULL},
	{"versionnumber", COLUMN_READONLY, 0, NULL},
};

enum { STANDARD = sizeof(standard) / sizeof(standard[0]) };

static const char *const type_names[] = {
	[COLUMN_STRING] = "string",
	[COLUMN_EMAIL] = "email",
	[COLUMN_MEMO] = "memo",
	[COLUMN_CHOICE] = "choice",
	[COLUMN_BOOL] = "bool",
	[COLUMN_INT] = "int",
	[COLUMN_DECIMAL] = "decimal",
	[COLUMN_DATE] = "date",
	[COLUMN_DATETIME] = "datetime",
	[COLUMN_GUID] = "guid",
	[COLUMN_LOOKUP] = "lookup",
	[COLUMN_READONLY] = "readonly",
};

const char *column_type_name(enum column_type type)
{
	return type_names[type];
}

static bool type_of(const char *name, size_t len, enum column_type *out)
{
	for (size_t i = 0; i < sizeof(type_names) / sizeof(type_names[0]); i++) {
		if (strlen(type_names[i]) != len ||
			strncmp(type_names[i], name, len) != 0)
			continue;
		*out = (enum column_type)i;
		return true;
	}
	return false;
}

static bool sized(enum column_type type)
{
	return type == COLUMN_STRING || type == COLUMN_EMAIL || type == COLUMN_MEMO;
}

bool columns_declare(struct declared_column **list, const char *declaration)
{
	const char *type = strchr(declaration, ':');
	const char *limit = type ? strchr(type + 1, ':') : NULL;
	struct declared_column *one;
	enum column_type kind;

	if (!type || type == declaration)
		return false;
	if (!type_of(type + 1, limit ? (size_t)(limit - type - 1) : strlen(type + 1),
		    &kind))
		return false;
	if ((kind == COLUMN_CHOICE || kind == COLUMN_LOOKUP) && !limit)
		return false;
	if (sized(kind) && limit && atoi(limit + 1) <= 0)
		return false;
	one = need(sizeof(*one));
	one->name = need_copy_of(declaration, (size_t)(type - declaration));
	one->choices = limit ? need_copy(limit + 1) : NULL;
	one->column = (struct column){one->name, kind,
		sized(kind) ? (limit ? atoi(limit + 1) : 100) : 0, one->choices};
	one->next = *list;
	*list = one;
	return true;
}

void columns_free(struct declared_column *list)
{
	while (list) {
		struct declared_column *next = list->next;

		free(list->name);
		free(list->choices);
		free(list);
		list = next;
	}
}

const struct column *columns_find(
	const struct declared_column *declared, const char *name)
{
	for (; declared; declared = declared->next)
		if (strcmp(declared->name, name) == 0)
			return &declared->column;
	for (int i = 0; i < STANDARD; i++)
		if (strcmp(standard[i].name, name) == 0)
			return &standard[i];
	return NULL;
}

const struct column *columns_next(const struct column *column)
{
	if (!column)
		return &standard[0];
	return column + 1 < standard + STANDARD ? column + 1 : NULL;
}

__attribute__((format(printf, 4, 5))) static bool refuse(
	struct refusal *refusal, int status, const char *code, const char *fmt, ...)
{
	struct text message = {0};
	va_list args;

	va_start(args, fmt);
	text_vprintf(&message, fmt, args);
	va_end(args);
	*refusal = (struct refusal){status, code, message.data};
	return false;
}

static bool refuse_payload(struct refusal *refusal, const char *inner, const char *name)
{
	return refuse(refusal, 400, "0x80048d19",
		"Error identified in Payload provided by the user for Entity :'leads', For more "
		"information on this error please follow this help link "
		"https://go.microsoft.com/fwlink/?linkid=2195293  ---->  InnerException : "
		"Microsoft.OData.ODataException: %s (property '%s')",
		inner, name);
}

static bool check_text(
	const struct column *column, const cJSON *value, struct refusal *refusal)
{
	if (!cJSON_IsString(value))
		return refuse_payload(refusal,
			"Cannot convert the literal to the expected type 'Edm.String'.",
			column->name);
	if (column->max && utf16_units(value->valuestring) > (size_t)column->max)
		return refuse(refusal, 400, "0x80044331",
			"A validation error occurred.  The length of the '%s' attribute of the 'lead' "
			"entity exceeded the maximum allowed length of '%d'.",
			column->name, column->max);
	return true;
}

static bool looks_like_email(const char *words)
{
	const char *at = strchr(words, '@');

	if (!at || at == words || strchr(at + 1, '@') || !at[1] || at[1] == '.')
		return false;
	if (at[-1] == '.' || words[0] == '.' || strstr(words, ".."))
		return false;
	for (; *words; words++)
		if (isspace((unsigned char)*words) || iscntrl((unsigned char)*words) ||
			strchr("<>()[]\\,;:\"", *words))
			return false;
	return words[-1] != '.';
}

static bool check_email(
	const struct column *column, const cJSON *value, struct refusal *refusal)
{
	if (!check_text(column, value, refusal))
		return false;
	if (*value->valuestring && !looks_like_email(value->valuestring))
		return refuse(refusal, 400, "0x80044192",
			"A validation error occurred. The value of '%s' on record of type 'lead' is "
			"not a valid e-mail address.",
			column->name);
	return true;
}

static bool whole(const cJSON *value)
{
	return cJSON_IsNumber(value) && value->valuedouble >= -2147483648.0 &&
	       value->valuedouble <= 2147483647.0 &&
	       value->valuedouble == (double)(int32_t)value->valuedouble;
}

static bool check_int(
	const struct column *column, const cJSON *value, struct refusal *refusal)
{
	return whole(value) ||
	       refuse_payload(refusal,
		       "Cannot convert the literal to the expected type 'Edm.Int32'.",
		       column->name);
}

static bool among(const char *choices, long value)
{
	while (*choices) {
		char *end;
		long low = strtol(choices, &end, 10), high = low;

		if (end == choices)
			return false;
		if (*end == '-')
			high = strtol(end + 1, &end, 10);
		if (value >= low && value <= high)
			return true;
		choices = end + (*end == ',');
		if (*end && *end != ',')
			return false;
	}
	return false;
}

static bool check_choice(
	const struct column *column, const cJSON *value, struct refusal *refusal)
{
	if (!check_int(column, value, refusal))
		return false;
	if (!among(column->choices, (long)value->valuedouble))
		return refuse(refusal, 400, "0x8004431A",
			"A validation error occurred. The value %ld of '%s' on record of type 'lead' "
			"is outside the valid range. Accepted Values: %s",
			(long)value->valuedouble, column->name, column->choices);
	return true;
}

static bool check_bool(
	const struct column *column, const cJSON *value, struct refusal *refusal)
{
	return cJSON_IsBool(value) ||
	       refuse_payload(refusal,
		       "Cannot convert the literal to the expected type 'Edm.Boolean'.",
		       column->name);
}

static bool check_decimal(
	const struct column *column, const cJSON *value, struct refusal *refusal)
{
	return cJSON_IsNumber(value) ||
	       refuse_payload(refusal,
		       "Cannot convert the literal to the expected type 'Edm.Decimal'.",
		       column->name);
}

static bool date_like(const char *words, bool with_time)
{
	int year, month, day, hour, minute, second, used = 0;

	if (strlen(words) < 10 ||
		sscanf(words, "%4d-%2d-%2d%n", &year, &month, &day, &used) != 3 ||
		used != 10)
		return false;
	if (month < 1 || month > 12 || day < 1 || day > 31)
		return false;
	if (!with_time)
		return !words[10];
	if (sscanf(words + 10, "T%2d:%2d:%2d%n", &hour, &minute, &second, &used) != 3)
		return false;
	words += 10 + used;
	if (*words == '.')
		words += 1 + strspn(words + 1, "0123456789");
	return hour < 24 && minute < 60 && second < 60 &&
	       (strcmp(words, "Z") == 0 || strlen(words) == 6);
}

static bool check_date(
	const struct column *column, const cJSON *value, struct refusal *refusal)
{
	bool with_time = column->type == COLUMN_DATETIME;

	if (cJSON_IsString(value) &&
		(date_like(value->valuestring, with_time) ||
			(!with_time && date_like(value->valuestring, true))))
		return true;
	return refuse_payload(refusal,
		with_time
			? "Cannot convert the literal to the expected type 'Edm.DateTimeOffset'."
			: "Cannot convert the literal to the expected type 'Edm.Date'.",
		column->name);
}

static bool check_guid(
	const struct column *column, const cJSON *value, struct refusal *refusal)
{
	char guid[GUID_SIZE];

	if (!cJSON_IsString(value) || !guid_parse(guid, value->valuestring))
		return refuse_payload(refusal,
			"Cannot convert the literal to the expected type 'Edm.Guid'.",
			column->name);
	if (strcmp(guid, "00000000-0000-0000-0000-000000000000") == 0)
		return refuse(refusal, 400, "0x80040203",
			"Entity Id must be specified: '%s' is empty.", column->name);
	return true;
}

static bool check_readonly(
	const struct column *column, const cJSON *value, struct refusal *refusal)
{
	(void)value; /* no value would do */
	return refuse(refusal, 400, "0x80040203",
		"The column '%s' of 'lead' cannot be set.", column->name);
}

static bool check_lookup(
	const struct column *column, const cJSON *value, struct refusal *refusal)
{
	(void)value;
	return refuse_payload(refusal,
		"A lookup is set by its navigation property and '@odata.bind', not by value.",
		column->name);
}

typedef bool check(const struct column *, const cJSON *, struct refusal *);
static check *const checks[] = {
	[COLUMN_STRING] = check_text,
	[COLUMN_EMAIL] = check_email,
	[COLUMN_MEMO] = check_text,
	[COLUMN_CHOICE] = check_choice,
	[COLUMN_BOOL] = check_bool,
	[COLUMN_INT] = check_int,
	[COLUMN_DECIMAL] = check_decimal,
	[COLUMN_DATE] = check_date,
	[COLUMN_DATETIME] = check_date,
	[COLUMN_GUID] = check_guid,
	[COLUMN_LOOKUP] = check_lookup,
	[COLUMN_READONLY] = check_readonly,
};

/* value is "/campaigns(guid)" or "campaigns(guid)" of one of the lookup's entity sets. */
static bool bind_is_valid(const struct column *column, const char *value)
{
	char guid[GUID_SIZE], *inner;
	const char *open;
	bool valid = false;

	value += *value == '/';
	open = strchr(value, '(');
	if (!open || value[strlen(value) - 1] != ')')
		return false;
	for (const char *set = column->choices; *set && !valid; set += *set == ',') {
		size_t len = strcspn(set, ",");

		valid = len == (size_t)(open - value) && strncmp(set, value, len) == 0;
		set += len;
	}
	inner = need_copy_of(open + 1, strlen(open) - 2);
	valid = valid && guid_parse(guid, inner);
	free(inner);
	return valid;
}

static bool check_bind(const struct declared_column *declared, const cJSON *value,
	struct refusal *refusal, size_t name_len)
{
	char *name = need_copy_of(value->string, name_len);
	const struct column *column = columns_find(declared, name);

	free(name);
	if (!column || column->type != COLUMN_LOOKUP)
		return refuse_payload(refusal,
			"An undeclared property which only has property annotations in the payload "
			"but no property value was found in the payload.",
			value->string);
	if (!cJSON_IsString(value) || !bind_is_valid(column, value->valuestring))
		return refuse_payload(refusal,
			"Resource not found for the segment of the bind.", value->string);
	return true;
}

static bool check_property(const struct declared_column *declared, const cJSON *value,
	struct refusal *refusal)
{
	const char *bind = strstr(value->string, "@odata.bind");
	const struct column *column;

	if (strcmp(value->string, "@odata.type") == 0) {
		if (cJSON_IsString(value) &&
			strcmp(value->valuestring + (value->valuestring[0] == '#'),
				"Microsoft.Dynamics.CRM.lead") == 0)
			return true;
		return refuse_payload(refusal,
			"A type which is not the lead's was named.", "@odata.type");
	}
	if (bind && strcmp(bind, "@odata.bind") == 0)
		return check_bind(
			declared, value, refusal, (size_t)(bind - value->string));
	column = columns_find(declared, value->string);
	if (!column)
		return refuse(refusal, 400, "0x80048d19",
			"Error identified in Payload provided by the user for Entity :'leads', For more "
			"information on this error please follow this help link "
			"https://go.microsoft.com/fwlink/?linkid=2195293  ---->  InnerException : "
			"Microsoft.Crm.CrmException: Invalid property '%s' was found in entity "
			"'Microsoft.Dynamics.CRM.lead'. ---> Microsoft.OData.ODataException: Does not "
			"support untyped value in non-open type.",
			value->string);
	if (cJSON_IsNull(value) && column->type != COLUMN_GUID &&
		column->type != COLUMN_READONLY)
		return true;
	return checks[column->type](column, value, refusal);
}

static bool repeated(const cJSON *value)
{
	for (const cJSON *later = value->next; later; later = later->next)
		if (strcmp(later->string, value->string) == 0)
			return true;
	return false;
}

bool columns_check(const struct declared_column *declared, const cJSON *body,
	struct refusal *refusal)
{
	const cJSON *value;

	cJSON_ArrayForEach (value, body) {
		if (repeated(value))
			return refuse_payload(refusal,
				"Multiple properties with the same name were found.",
				value->string);
		if (!check_property(declared, value, refusal))
			return false;
	}
	return true;
}
