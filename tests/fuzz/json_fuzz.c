/*
 * Bodies of a json source: objects and arrays, plain and with map and set. A lead that is
 * posted again as it was understood is understood the same way.
 */
#include "intake_checks.h"

static char *lead_as_body(const struct lead *lead)
{
	cJSON *object = lead_fields_json(lead);
	char *text;

	for (const cJSON *item = lead->extra ? lead->extra->child : NULL; item;
		item = item->next) {
		REQUIRE(!cJSON_GetObjectItemCaseSensitive(object, item->string));
		cJSON_AddItemToObject(object, item->string, cJSON_Duplicate(item, true));
	}
	text = cJSON_PrintUnformatted(object);
	cJSON_Delete(object);
	REQUIRE(text);
	return text;
}

static void require_same_again(
	const struct source_settings *source, const struct lead *lead)
{
	char *body = lead_as_body(lead);
	struct parsed again;

	intake_parse(source, "application/json", body, strlen(body), &again);
	REQUIRE(again.status == 0 && again.count == 1 && !again.array);
	require_same_lead(lead, &again.leads[0]);
	parsed_finish(&again);
	cJSON_free(body);
}

static void parse_plain(const char *body, size_t len)
{
	const struct source_settings source = {.kind = SOURCE_JSON};
	struct parsed parsed;

	intake_parse(&source, "application/json", body, len, &parsed);
	require_parsed(&source, &parsed);
	for (size_t i = 0; parsed.status == 0 && i < parsed.count; i++)
		require_same_again(&source, &parsed.leads[i]);
	parsed_finish(&parsed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char names[][16] = {
		"mail", "email", "who", "last_name", "region", "south"};
	static struct pair map[] = {
		{names[0], names[1], false}, {names[2], names[3], false}};
	static struct pair set[] = {{names[4], names[5], false}};
	const struct source_settings mapped = {
		.kind = SOURCE_JSON, .map = {map, 2}, .set = {set, 1}};

	parse_plain((const char *)data, size);
	parse_and_check(
		&mapped, "application/json; charset=utf-8", (const char *)data, size);
	return 0;
}
