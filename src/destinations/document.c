#include "document.h"

#include "words.h"

#include <string.h>

static const char *renamed(const struct pair_list *map, const char *name)
{
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->items[i].name, name) == 0)
			return map->items[i].value;
	return name;
}

/* Takes item; an earlier one of that name gives way. */
static bool put(cJSON *object, const char *name, cJSON *item)
{
	cJSON_DeleteItemFromObjectCaseSensitive(object, name);
	if (item && cJSON_AddItemToObject(object, name, item))
		return true;
	cJSON_Delete(item);
	return false;
}

static bool rename_all(cJSON *to, cJSON *from, const struct pair_list *map)
{
	while (from->child) {
		cJSON *item = cJSON_DetachItemViaPointer(from, from->child);
		char name[256];

		/* a copy, as adding frees item->string; what a name may be is shorter */
		words_put(name, sizeof(name), renamed(map, item->string));
		if (!put(to, name, item))
			return false;
	}
	return true;
}

static bool set_all(cJSON *fields, const struct pair_list *set)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct pair *pair = &set->items[i];

		if (!put(fields, pair->name,
			    pair->literal ? cJSON_CreateRaw(pair->value)
					  : cJSON_CreateString(pair->value)))
			return false;
	}
	return true;
}

static bool apply(
	cJSON *document, const struct pair_list *map, const struct pair_list *set)
{
	cJSON *fields = cJSON_CreateObject();
	cJSON *old = cJSON_GetObjectItemCaseSensitive(document, "fields");

	if (!fields || !old || !rename_all(fields, old, map) || !set_all(fields, set)) {
		cJSON_Delete(fields);
		return false;
	}
	if (cJSON_ReplaceItemInObjectCaseSensitive(document, "fields", fields))
		return true;
	cJSON_Delete(fields);
	return false;
}

bool document_add(struct buf *out, const struct lead *lead, const struct pair_list *map,
	const struct pair_list *set)
{
	cJSON *document = lead_document(lead);
	char *text = NULL;

	if (document &&
		((map->count == 0 && set->count == 0) || apply(document, map, set)))
		text = cJSON_PrintUnformatted(document);
	cJSON_Delete(document);
	if (!text)
		return false;
	buf_adds(out, text);
	cJSON_free(text);
	return buf_ok(out);
}
