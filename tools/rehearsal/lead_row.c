#include "lead_row.h"

#include <stdlib.h>
#include <string.h>

#include "leads.h"
#include "moment.h"
#include "records.h"

bool leads_id(const char *resource, char out[GUID_SIZE])
{
	const char *id = resource + strlen("leads(");
	size_t len = strlen(id);
	char *inner;
	bool good;

	if (!len || id[len - 1] != ')')
		return false;
	inner = need_copy_of(id, len - 1);
	good = guid_parse(out, inner);
	free(inner);
	return good;
}

const char *lead_text(const cJSON *row, const char *name)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(row, name);

	return cJSON_IsString(value) && *value->valuestring ? value->valuestring : NULL;
}

static void put(cJSON *row, const char *name, cJSON *value)
{
	if (cJSON_GetObjectItemCaseSensitive(row, name))
		cJSON_ReplaceItemInObjectCaseSensitive(row, name, value);
	else
		cJSON_AddItemToObject(row, name, value);
}

/* "/campaigns(guid)" becomes _campaignid_value: guid. */
static void put_bind(cJSON *row, const cJSON *bind)
{
	const char *guid = strchr(bind->valuestring, '(') + 1;
	char *id = need_copy_of(guid, strcspn(guid, ")"));
	struct text name = {0};

	text_printf(&name, "_%.*s_value", (int)strcspn(bind->string, "@"), bind->string);
	put(row, name.data, cJSON_CreateString(id));
	text_free(&name);
	free(id);
}

void lead_put_body(cJSON *row, const cJSON *body)
{
	const cJSON *value;

	cJSON_ArrayForEach (value, body) {
		if (strstr(value->string, "@odata.bind"))
			put_bind(row, value);
		else if (*value->string != '@' && strcmp(value->string, "leadid") != 0)
			put(row, value->string, cJSON_Duplicate(value, true));
	}
}

void lead_put_system(struct crm *crm, cJSON *row, int64_t at)
{
	const char *first = lead_text(row, "firstname"),
		   *last = lead_text(row, "lastname");
	char when[MOMENT_SIZE];
	struct text name = {0};

	text_printf(&name, "%s%s%s", first ? first : "", first && last ? " " : "",
		last ? last : "");
	put(row, "fullname",
		name.len ? cJSON_CreateString(name.data) : cJSON_CreateNull());
	text_free(&name);
	moment_odata(when, at);
	put(row, "modifiedon", cJSON_CreateString(when));
	if (!cJSON_GetObjectItemCaseSensitive(row, "createdon"))
		put(row, "createdon", cJSON_CreateString(when));
	put(row, "versionnumber",
		cJSON_CreateNumber(
			(double)(1000 + atomic_fetch_add(&crm->row_version, 1))));
}

cJSON *lead_new_row(struct crm *crm, const char *id, const cJSON *body, int64_t at)
{
	static const char *const flags[] = {"donotemail", "donotbulkemail", "donotphone",
		"donotpostalmail", "donotfax", "donotsendmm"};
	cJSON *row = cJSON_CreateObject();

	cJSON_AddStringToObject(row, "leadid", id);
	cJSON_AddNumberToObject(row, "statecode", 0);
	cJSON_AddNumberToObject(row, "statuscode", 1);
	cJSON_AddNumberToObject(row, "leadqualitycode", 2);
	cJSON_AddNumberToObject(row, "preferredcontactmethodcode", 1);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		cJSON_AddBoolToObject(row, flags[i], false);
	lead_put_body(row, body);
	lead_put_system(crm, row, at);
	return row;
}

bool leads_seed(struct crm *crm, const cJSON *body, int64_t at, char **why)
{
	const char *named = lead_text(body, "leadid");
	struct refusal refusal;
	char id[GUID_SIZE];
	cJSON *row;
	bool done;

	if (!columns_check(crm->settings.columns, body, &refusal)) {
		*why = refusal.message;
		return false;
	}
	if (!named || !guid_parse(id, named))
		guid_random(id);
	row = lead_new_row(crm, id, body, at);
	done = records_insert(crm->records, id, cJSON_PrintUnformatted(row),
		lead_text(row, "emailaddress1"));
	cJSON_Delete(row);
	if (!done)
		*why = need_copy("there is a record with this leadid");
	return done;
}
