/*
 * The lines a control request answers with, as one HTTP answer. leadctl's exit status
 * says which: usage 400, no such thing 404, failed 409; stopping, or somebody else has
 * the store, 503.
 */
#include "leadrelay/json.h"
#include "room.h"

#include <string.h>

static int status_of(const cJSON *error)
{
	if (json_bool(error, "again", false))
		return 503;
	switch (json_integer(error, "code", 1)) {
	case 2:
		return 400;
	case 4:
		return 404;
	case 5:
		return 503;
	}
	return 409;
}

static const char *title_of(int status)
{
	switch (status) {
	case 400:
		return "Bad Request";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 409:
		return "Conflict";
	}
	return "Service Unavailable";
}

void api_refuse(struct api_answer *answer, int status, const char *detail)
{
	buf_clear(&answer->body);
	buf_addf(&answer->body,
		"{\"title\":\"%s\",\"status\":%d,\"detail\":", title_of(status), status);
	json_text_add(&answer->body, detail);
	buf_adds(&answer->body, "}\n");
	answer->status = status;
	answer->type = "application/problem+json";
}

/* A piece of a lead's bytes. */
static void take_raw(struct api_answer *answer, const cJSON *item)
{
	const char *text = json_string(item, "raw");

	if (text && !base64_decode(&answer->body, text, strlen(text)))
		answer->failed = true;
}

static void take_item(struct api_answer *answer, cJSON *item)
{
	if (answer->route->raw) {
		take_raw(answer, item);
		cJSON_Delete(item);
		return;
	}
	if (!answer->items)
		answer->items = cJSON_CreateArray();
	if (!answer->items || !cJSON_AddItemToArray(answer->items, item)) {
		cJSON_Delete(item);
		answer->failed = true;
	}
}

bool api_take(struct api_answer *answer, cJSON *line)
{
	cJSON *item = cJSON_DetachItemFromObjectCaseSensitive(line, "item");
	cJSON *done = cJSON_DetachItemFromObjectCaseSensitive(line, "done");
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(line, "error");
	const char *text = json_string(error, "text");

	if (item) {
		take_item(answer, item);
	} else if (done) {
		cJSON_Delete(answer->done);
		answer->done = done;
		answer->status = 200;
	} else if (error) {
		api_refuse(answer, status_of(error), text ? text : "it failed");
	} else if (cJSON_HasObjectItem(line, "paused")) {
		api_refuse(answer, 503, "leadrelayd is stopping; try again");
	}
	cJSON_Delete(line);
	return !answer->failed;
}

/* ---- the end ---- */

static void print(struct api_answer *answer, const cJSON *document)
{
	char *text = cJSON_PrintUnformatted(document);

	answer->type = "application/json";
	if (text)
		buf_addf(&answer->body, "%s\n", text);
	else
		answer->failed = true;
	cJSON_free(text);
}

/* {"leads":[...]}: with what else was done beside it, but for a count of that name. */
static void add_list(struct api_answer *answer)
{
	cJSON *items = answer->items ? answer->items : cJSON_CreateArray();

	answer->items = NULL;
	cJSON_DeleteItemFromObjectCaseSensitive(answer->done, answer->route->list);
	if (!items || !cJSON_AddItemToObject(answer->done, answer->route->list, items)) {
		cJSON_Delete(items);
		answer->failed = true;
	}
}

static void print_picked(struct api_answer *answer)
{
	cJSON *document = cJSON_CreateObject();
	cJSON *part = cJSON_DetachItemFromObjectCaseSensitive(
		answer->done, answer->route->pick);

	if (document && part &&
		cJSON_AddItemToObject(document, answer->route->pick, part)) {
		print(answer, document);
	} else {
		cJSON_Delete(part);
		answer->failed = true;
	}
	cJSON_Delete(document);
}

static void write_body(struct api_answer *answer)
{
	const char *text = json_string(answer->done, "text");

	if (answer->route->raw) {
		answer->type = "application/octet-stream";
	} else if (answer->wish.type && text) {
		answer->type = answer->wish.type;
		buf_adds(&answer->body, text);
	} else if (answer->route->pick) {
		print_picked(answer);
	} else {
		if (answer->route->list)
			add_list(answer);
		if (!answer->failed)
			print(answer, answer->done);
	}
}

void api_finish(struct api_answer *answer)
{
	if (answer->status == 200 && !answer->failed)
		write_body(answer);
	if (answer->status == 0 || answer->failed || !buf_ok(&answer->body))
		api_refuse(answer, 503, "the answer is incomplete: out of memory");
}

void api_answer_free(struct api_answer *answer)
{
	cJSON_Delete(answer->items);
	cJSON_Delete(answer->done);
	buf_finish(&answer->body);
}
