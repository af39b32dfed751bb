/*
 * The strict reader under every JSON of strangers: what it takes is JSON to others too,
 * no text in it hides a NUL, and what is printed of it reads as the same.
 */
#include "fuzz.h"

#include "leadrelay/json.h"

static void require_tree(const cJSON *item, int depth)
{
	REQUIRE(depth <= JSON_DEPTH_MAX ||
		!(cJSON_IsObject(item) || cJSON_IsArray(item)));
	if (item->string)
		require_utf8(item->string);
	if (cJSON_IsString(item))
		require_utf8(item->valuestring);
	REQUIRE(!json_is_number(item) || json_number(item));
	for (const cJSON *child = item->child; child; child = child->next) {
		if (cJSON_IsObject(item)) {
			(void)json_integer(item, child->string, -1);
			(void)json_bool(item, child->string, false);
			REQUIRE(cJSON_GetObjectItemCaseSensitive(item, child->string) ==
				child);
			REQUIRE(json_get_nocase(item, child->string));
		}
		require_tree(child, depth + 1);
	}
}

static void require_same_again(const cJSON *tree)
{
	char *text = cJSON_PrintUnformatted(tree);
	char *text_again;
	cJSON *again = NULL;

	REQUIRE(text && json_read(text, strlen(text), &again, NULL) == ERR_OK);
	text_again = cJSON_PrintUnformatted(again);
	REQUIRE(text_again && strcmp(text, text_again) == 0);
	cJSON_Delete(again);
	cJSON_free(text);
	cJSON_free(text_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {0};
	cJSON *tree = NULL;
	cJSON *other;

	if (json_read((const char *)data, size, &tree, &err) != ERR_OK) {
		REQUIRE(err.code == ERR_INVALID && !tree);
		require_sentence(err.text);
		return 0;
	}
	require_tree(tree, 1);
	require_same_again(tree);
	if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
		data += 3; /* cJSON knows it only before four bytes and more */
		size -= 3;
	}
	other = cJSON_ParseWithLength((const char *)data, size);
	REQUIRE(other);
	cJSON_Delete(other);
	cJSON_Delete(tree);
	return 0;
}
