/*
 * A request of the API as a control request. Both a query and a body are held against the
 * route's table: a name that is not in it, twice the same name, a value of another kind
 * are refused.
 */
#include "leadrelay/json.h"
#include "room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define IDS_MAX 10000

static const struct param *find_param(const struct api_route *route, const char *name)
{
	for (const struct param *param = route->params; param && param->name; param++)
		if (strcmp(param->name, name) == 0)
			return param;
	return NULL;
}

static enum err_code refuse_unknown(const struct api_route *route, struct err *err)
{
	struct buf known = BUF_INIT;

	for (const struct param *param = route->params; param && param->name; param++)
		buf_addf(&known, "%s%s", known.len ? ", " : "", param->name);
	err_set(err, ERR_INVALID,
		known.len ? "a parameter is unknown here; this path takes %s"
			  : "this path takes no parameters%s",
		buf_str(&known));
	buf_finish(&known);
	return ERR_INVALID;
}

static enum err_code no_memory(struct err *err)
{
	return err_set(err, ERR_NOMEM, "out of memory");
}

static enum err_code add(cJSON *request, const char *name, cJSON *item, struct err *err)
{
	if (item && cJSON_AddItemToObject(request, name, item))
		return ERR_OK;
	cJSON_Delete(item);
	return no_memory(err);
}

/* ---- values ---- */

static enum err_code add_number(
	cJSON *request, const struct param *param, const char *text, struct err *err)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || end == text || *end || *text < '0' || *text > '9' ||
		value < param->min || value > param->max)
		return err_set(err, ERR_INVALID,
			"%s: a whole number from %lld to %lld is what it takes",
			param->name, (long long)param->min, (long long)param->max);
	return add(request, param->name, cJSON_CreateNumber((double)value), err);
}

static enum err_code check_ids(
	const struct param *param, const cJSON *value, struct err *err)
{
	const cJSON *id;
	int count = cJSON_IsArray(value) ? cJSON_GetArraySize(value) : 0;
	bool texts = true;

	if (count > 0 && count <= IDS_MAX)
		cJSON_ArrayForEach (id, value)
			texts = texts && cJSON_IsString(id);
	else
		texts = false;
	return texts ? ERR_OK
		     : err_set(err, ERR_INVALID,
			       "%s: an array of 1 to %d ids is what it takes",
			       param->name, IDS_MAX);
}

static enum err_code check_kind(
	const struct param *param, const cJSON *value, struct err *err)
{
	switch (param->kind) {
	case PARAM_TEXT:
		return cJSON_IsString(value)
			       ? ERR_OK
			       : err_set(err, ERR_INVALID, "%s: not a text", param->name);
	case PARAM_FLAG:
		return cJSON_IsBool(value) ? ERR_OK
					   : err_set(err, ERR_INVALID,
						     "%s: true or false is what it takes",
						     param->name);
	case PARAM_SET:
		return cJSON_IsObject(value)
			       ? ERR_OK
			       : err_set(err, ERR_INVALID,
					 "%s: an object of fields and texts is what it takes",
					 param->name);
	case PARAM_IDS:
		return check_ids(param, value, err);
	case PARAM_NUMBER: /* of queries only */
		break;
	}
	return err_set(err, ERR_INVALID, "%s: not a value it takes", param->name);
}

/* What an error may quote, and JSON may hold. (A body is checked when it is read.) */
static enum err_code check_text(const char *name, const char *text, struct err *err)
{
	if (utf8_valid(text, strlen(text)))
		return ERR_OK;
	return err_set(err, ERR_INVALID, "%s: not UTF-8", name);
}

/* ---- where they come from ---- */

static enum err_code take_query(
	const struct api_asked *asked, cJSON *request, struct err *err)
{
	for (size_t i = 0; i < asked->query_count; i++) {
		const struct api_query *one = &asked->query[i];
		const struct param *param = find_param(asked->route, one->name);
		enum err_code code;

		if (!param)
			return refuse_unknown(asked->route, err);
		if (cJSON_HasObjectItem(request, param->name))
			return err_set(err, ERR_INVALID, "%s: given twice", param->name);
		code = check_text(param->name, one->value, err);
		if (code != ERR_OK)
			return code;
		code = param->kind == PARAM_NUMBER
			       ? add_number(request, param, one->value, err)
			       : add(request, param->name, cJSON_CreateString(one->value),
					 err);
		if (code != ERR_OK)
			return code;
	}
	return ERR_OK;
}

static enum err_code take_body(
	const struct api_asked *asked, cJSON *request, struct err *err)
{
	const cJSON *member;

	if (asked->query_count > 0)
		return err_set(err, ERR_INVALID,
			"this path takes its parameters in a JSON body, not in the query");
	if (asked->body && !cJSON_IsObject(asked->body))
		return err_set(err, ERR_INVALID, "the body is not a JSON object");
	cJSON_ArrayForEach (member, asked->body) {
		const struct param *param = find_param(asked->route, member->string);
		enum err_code code;

		if (!param)
			return refuse_unknown(asked->route, err);
		code = check_kind(param, member, err);
		if (code == ERR_OK)
			code = add(
				request, param->name, cJSON_Duplicate(member, true), err);
		if (code != ERR_OK)
			return code;
	}
	return ERR_OK;
}

/* ---- what is not the command's ---- */

/* Takes name out of the request; NULL: it is not there. */
static cJSON *take_out(cJSON *request, const char *name)
{
	return cJSON_DetachItemFromObjectCaseSensitive(request, name);
}

static enum err_code take_personal(const struct api_asked *asked, cJSON *request,
	struct api_wish *wish, struct err *err)
{
	cJSON *personal = take_out(request, "personal");
	bool show =
		cJSON_IsString(personal) && strcmp(personal->valuestring, "show") == 0;
	bool odd = personal && !show;

	cJSON_Delete(personal);
	if (odd)
		return err_set(err, ERR_INVALID, "personal: show is what it takes");
	wish->show_personal = show;
	if (asked->route->personal && !asked->route->raw && !show)
		return add(request, "masked", cJSON_CreateTrue(), err);
	return ERR_OK;
}

static enum err_code take_format(cJSON *request, struct api_wish *wish, struct err *err)
{
	static const struct {
		const char *name, *type, *file;
	} formats[] = {
		{"json", NULL, NULL},
		{"html", "text/html; charset=utf-8", "report.html"},
		{"csv", "text/csv; charset=utf-8", "report.csv"},
		{"text", "text/plain; charset=utf-8", "report.txt"},
	};
	cJSON *format = take_out(request, "format");
	const char *name = cJSON_IsString(format) ? format->valuestring : "json";
	size_t i = 0;

	while (i < 4 && strcmp(formats[i].name, name) != 0)
		i++;
	cJSON_Delete(format);
	if (i == 4)
		return err_set(err, ERR_INVALID,
			"format: json, html, csv or text is what it takes");
	wish->type = formats[i].type;
	wish->file = formats[i].file;
	return add(request, "format", cJSON_CreateString(formats[i].name), err);
}

/* Many leads at once are changed by somebody who says that he means it. */
static enum err_code take_yes(cJSON *request, struct err *err)
{
	cJSON *yes = take_out(request, "yes");
	bool meant = cJSON_IsTrue(yes);

	cJSON_Delete(yes);
	if (cJSON_HasObjectItem(request, "ids") || meant ||
		json_bool(request, "dry_run", false))
		return ERR_OK;
	return err_set(err, ERR_INVALID,
		"filters may match many leads: \"dry_run\": true counts them, \"yes\": true "
		"goes ahead");
}

static enum err_code take_wish(const struct api_asked *asked, cJSON *request,
	struct api_wish *wish, struct err *err)
{
	enum err_code code = take_personal(asked, request, wish, err);

	if (code == ERR_OK && find_param(asked->route, "format"))
		code = take_format(request, wish, err);
	if (code == ERR_OK && asked->route->filters)
		code = take_yes(request, err);
	return code;
}

static enum err_code add_fixed(
	const struct api_asked *asked, cJSON *request, struct err *err)
{
	const struct api_route *route = asked->route;
	enum err_code code = add(request, "command",
		cJSON_CreateString(route->command ? route->command : ""), err);

	if (code == ERR_OK && route->action)
		code = add(request, "action", cJSON_CreateString(route->action), err);
	if (code == ERR_OK && route->part)
		code = check_text(route->part, asked->part, err);
	if (code == ERR_OK && route->part)
		code = add(request, route->part, cJSON_CreateString(asked->part), err);
	if (code == ERR_OK && route->raw)
		code = add(request, "raw", cJSON_CreateTrue(), err);
	return code;
}

enum err_code api_request(const struct api_asked *asked, cJSON **out,
	struct api_wish *wish, struct err *err)
{
	cJSON *request = cJSON_CreateObject();
	bool get = strcmp(asked->route->method, "GET") == 0;
	enum err_code code;

	*wish = (struct api_wish){0};
	if (!request)
		return no_memory(err);
	code = add_fixed(asked, request, err);
	if (code == ERR_OK)
		code = get ? take_query(asked, request, err)
			   : take_body(asked, request, err);
	if (code == ERR_OK)
		code = take_wish(asked, request, wish, err);
	if (code == ERR_OK)
		*out = request;
	else
		cJSON_Delete(request);
	return code;
}
