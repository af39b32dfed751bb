/* The json kind: one object with canonical names, or an array of up to 1,000. */
#include "leadrelay/json.h"
#include "parse.h"

#include <string.h>

static bool is_json_type(const char *content_type)
{
	char type[128];
	size_t len;

	media_type(content_type, type, sizeof(type));
	len = strlen(type);
	return !content_type || *content_type == 0 ||
	       strcmp(type, "application/json") == 0 || strcmp(type, "text/json") == 0 ||
	       (len > 5 && strcmp(type + len - 5, "+json") == 0);
}

static bool take_item(struct parsing *parsing, cJSON *object)
{
	if (!cJSON_IsObject(object)) {
		if (parsing->index > 0)
			return parse_fail(parsing->out, 400, "item %zu is not an object",
				parsing->index);
		return parse_fail(
			parsing->out, 400, "neither a JSON object nor an array of them");
	}
	return normalise_members(parsing, object, &parsing->lead->extra) &&
	       normalise_finish(parsing);
}

static bool take_array(struct parsing *parsing, cJSON *array)
{
	struct parsed *out = parsing->out;
	cJSON *item, *next;
	int count = cJSON_GetArraySize(array);

	out->array = true;
	if (count == 0)
		return parse_fail(out, 422, "the array is empty");
	if (count > ARRAY_MAX)
		return parse_fail(out, 413, "more than 1,000 leads in one request");
	if (!parse_leads(out, (size_t)count))
		return false;
	for (item = array->child; item; item = next) {
		next = item->next;
		parsing->lead = &out->leads[parsing->index++];
		if (!take_item(parsing, item))
			return false;
	}
	return true;
}

void parse_json(const struct source_settings *source, const char *content_type,
	const char *body, size_t len, struct parsed *out)
{
	struct parsing parsing = {.source = source, .out = out};
	cJSON *value = NULL;
	struct err err;

	if (!is_json_type(content_type)) {
		parse_fail(out, 415, "this source takes application/json");
		return;
	}
	if (json_read(body, len, &value, &err) != ERR_OK) {
		parse_unreadable(out, &err);
		return;
	}
	if (cJSON_IsArray(value)) {
		take_array(&parsing, value);
	} else if (parse_leads(out, 1)) {
		parsing.lead = &out->leads[0];
		take_item(&parsing, value);
	}
	cJSON_Delete(value);
}
