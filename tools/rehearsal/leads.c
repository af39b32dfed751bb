/*
 * A create is refused at the first of: privilege; JSON; columns; storage; duplicate rule
 * (when the client asked for detection); key. Note the order of the last two: a client
 * that repeats a committed create with detection on hears of the rule, not of its key, as
 * in life.
 */
#include "leads.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dataverse.h"
#include "journal.h"
#include "lead_row.h"
#include "odata.h"
#include "query.h"
#include "records.h"

static const char json_type[] = "application/json; odata.metadata=minimal";

static bool may(struct exchange *x, int privilege)
{
	const char *name = privilege_names[privilege];

	if (x->crm->settings.privileges[privilege])
		return true;
	return odata_error(x, 403, "0x80040220",
		"Principal user (Id=%s, type=8, roleCount=1, privilegeCount=57, accessMode='4 "
		"Non-interactive') is missing %s privilege "
		"(Id=5eed0000-0000-4000-8000-00000000001%d) on OTC=4 for entity 'lead' "
		"(LocalizedName='Lead'). context.Caller=%s",
		dataverse_user_id, name, privilege, dataverse_user_id);
}

static bool check_body(struct exchange *x)
{
	struct refusal refusal;

	if (!x->body)
		return odata_error(x, 400, "0x80060888",
			"An error occurred while reading the request: the body is not a JSON object "
			"in UTF-8.");
	if (columns_check(x->crm->settings.columns, x->body, &refusal))
		return true;
	odata_error(x, refusal.status, refusal.code, "%s", refusal.message);
	free(refusal.message);
	return false;
}

static bool check_storage(struct exchange *x)
{
	int64_t max = x->crm->settings.max_records;

	if (max < 0 || records_count(x->crm->records) < (size_t)max)
		return true;
	return odata_error(x, 400, "0x80072325",
		"The organization's storage capacity is used up: records can't be created.");
}

static bool check_duplicate_rule(struct exchange *x, const char *except)
{
	const char *suppress = request_header(x->req, "MSCRM.SuppressDuplicateDetection");
	const char *email = lead_text(x->body, "emailaddress1");

	if (!x->crm->settings.duplicate_rule || !suppress || !email ||
		strcasecmp(suppress, "false") != 0 ||
		!records_has_email(x->crm->records, email, except))
		return true;
	journal_duplicate_refused(x->crm->journal);
	return odata_error(x, 500, "0x80040333",
		"A record was not created or updated because a duplicate of the current record "
		"already exists.");
}

static bool exists_already(struct exchange *x, bool by_upsert)
{
	journal_duplicate_refused(x->crm->journal);
	if (by_upsert || !x->crm->settings.name_primary_key)
		return odata_error(x, 412, "0x80040237",
			"A record with matching key values already exists.");
	return odata_error(x, 412, "0x80040237",
		"A record with matching key values already exists. Cannot insert duplicate key: "
		"violation of PRIMARY KEY constraint 'PK_LeadBase'.");
}

static void answer_row(
	struct exchange *x, int status, const cJSON *row, const struct query *query)
{
	char *root = odata_root(x), *text;
	cJSON *out = query_project(query, row);
	struct text body = {0};

	text = cJSON_PrintUnformatted(out);
	text_printf(&body, "{\"@odata.context\":\"%s/$metadata#leads/$entity\",%s", root,
		text + 1);
	reply_text(&x->reply, status, json_type, body.data);
	free(text);
	text_free(&body);
	cJSON_Delete(out);
	free(root);
}

static bool wants_representation(const struct exchange *x)
{
	const char *prefer = request_header(x->req, "Prefer");

	return prefer && strstr(prefer, "return=representation");
}

static void answer_written(
	struct exchange *x, const char *id, const cJSON *row, int status)
{
	struct query all = {0};
	char *root;

	if (row && wants_representation(x)) {
		reply_header(&x->reply, "Preference-Applied", "return=representation");
		answer_row(x, status, row, &all);
		return;
	}
	root = odata_root(x);
	reply_header(&x->reply, "OData-EntityId", "%s/leads(%s)", root, id);
	free(root);
	x->reply.status = 204;
	x->reply.bare = true;
}

static void create(struct exchange *x, const char *id, bool by_upsert)
{
	cJSON *row = lead_new_row(x->crm, id, x->body, x->at);

	if (records_insert(x->crm->records, id, cJSON_PrintUnformatted(row),
		    lead_text(row, "emailaddress1"))) {
		x->committed = x->created = true;
		memcpy(x->leadid, id, GUID_SIZE);
		answer_written(x, id, row, 201);
	} else {
		exists_already(x, by_upsert);
	}
	cJSON_Delete(row);
}

static void post(struct exchange *x)
{
	char id[GUID_SIZE];

	if (!may(x, PRIVILEGE_CREATE) || !check_body(x) || !check_storage(x) ||
		!check_duplicate_rule(x, NULL))
		return;
	if (*x->leadid)
		memcpy(id, x->leadid, GUID_SIZE);
	else
		guid_random(id);
	create(x, id, false);
}

struct found { /* the rows a query found */
	const struct query *query;
	cJSON **rows;
	size_t count, size;
};

static bool collect(const char *id, const char *json, int64_t attempts, void *arg)
{
	struct found *found = arg;
	cJSON *row = cJSON_Parse(json);

	(void)id;
	(void)attempts;
	if (!query_matches(found->query, row)) {
		cJSON_Delete(row);
		return true;
	}
	if (found->count == found->size) {
		found->size = found->size ? found->size * 2 : 16;
		found->rows = reallocarray(found->rows, found->size, sizeof(cJSON *));
		if (!found->rows)
			abort();
	}
	found->rows[found->count++] = row;
	return found->query->order || found->count < (size_t)found->query->top;
}

static int by_order(const void *a, const void *b, void *query)
{
	const cJSON *const *left = a, *const *right = b;

	return query_order(query, *left, *right);
}

static void answer_rows(struct exchange *x, const struct found *found)
{
	char *root = odata_root(x), *text;
	struct text body = {0};

	text_printf(
		&body, "{\"@odata.context\":\"%s/$metadata#leads\",\"value\":[", root);
	for (size_t i = 0; i < found->count && i < (size_t)found->query->top; i++) {
		cJSON *out = query_project(found->query, found->rows[i]);

		text = cJSON_PrintUnformatted(out);
		text_printf(&body, "%s%s", i ? "," : "", text);
		free(text);
		cJSON_Delete(out);
	}
	text_puts(&body, "]}");
	reply_text(&x->reply, 200, json_type, body.data);
	text_free(&body);
	free(root);
}

static void list(struct exchange *x)
{
	struct query query = {0};
	struct found found = {.query = &query};
	const char *email;

	if (may(x, PRIVILEGE_READ) && query_parse(&query, x)) {
		email = query_email(&query);
		if (email)
			records_each_email(x->crm->records, email, collect, &found);
		else
			records_each(x->crm->records, collect, &found);
		if (query.order && found.count)
			qsort_r(found.rows, found.count, sizeof(cJSON *), by_order,
				&query);
		answer_rows(x, &found);
	}
	query_free(&query);
	for (size_t i = 0; i < found.count; i++)
		cJSON_Delete(found.rows[i]);
	free(found.rows);
}

static bool unknown_row(struct exchange *x, const char *id)
{
	return odata_error(x, 404, "0x80040217", "lead With Id = %s Does Not Exist", id);
}

static bool same_version(const cJSON *row, const char *etag)
{
	const cJSON *version = cJSON_GetObjectItemCaseSensitive(row, "versionnumber");
	char ours[64];

	snprintf(ours, sizeof(ours), "W/\"%.0f\"", version ? version->valuedouble : 0);
	return strcmp(ours, etag) == 0;
}

static void get(struct exchange *x, const char *id)
{
	const char *known = request_header(x->req, "If-None-Match");
	struct query query = {0};
	char *json = NULL;
	cJSON *row = NULL;

	if (!may(x, PRIVILEGE_READ) || !query_parse(&query, x))
		goto out;
	json = records_copy(x->crm->records, id);
	row = json ? cJSON_Parse(json) : NULL;
	if (!row) {
		unknown_row(x, id);
	} else if (known && same_version(row, known)) {
		x->reply.status = 304;
		x->reply.bare = true;
	} else {
		answer_row(x, 200, row, &query);
	}
out:
	query_free(&query);
	cJSON_Delete(row);
	free(json);
}

struct change { /* an update under way, for change_row */
	struct exchange *x;
	const char *if_match;
	bool stale;
	cJSON *row;
};

static char *change_row(const char *json, char **email, void *arg)
{
	struct change *change = arg;
	cJSON *row = cJSON_Parse(json);

	if (change->if_match && strcmp(change->if_match, "*") != 0 &&
		!same_version(row, change->if_match)) {
		change->stale = true;
		cJSON_Delete(row);
		return NULL;
	}
	lead_put_body(row, change->x->body);
	lead_put_system(change->x->crm, row, change->x->at);
	if (lead_text(row, "emailaddress1"))
		*email = need_copy(lead_text(row, "emailaddress1"));
	change->row = row;
	return cJSON_PrintUnformatted(row);
}

static bool update(struct exchange *x, const char *id, const char *if_match)
{
	struct change change = {.x = x, .if_match = if_match};
	bool there = records_update(x->crm->records, id, change_row, &change);

	if (change.stale)
		odata_error(x, 412, "0x80060882",
			"The version of the existing record doesn't match the RowVersion property "
			"provided.");
	if (change.row) {
		x->committed = true;
		answer_written(x, id, change.row, 200);
	}
	cJSON_Delete(change.row);
	return there;
}

static void patch(struct exchange *x, const char *id)
{
	const char *if_match = request_header(x->req, "If-Match");
	const char *if_none = request_header(x->req, "If-None-Match");
	const char *named = lead_text(x->body, "leadid");
	bool only_create = if_none && strcmp(if_none, "*") == 0;
	char guid[GUID_SIZE];

	if (!may(x, PRIVILEGE_WRITE) || (!if_match && !may(x, PRIVILEGE_CREATE)) ||
		!check_body(x))
		return;
	if (named && guid_parse(guid, named) && strcmp(guid, id) != 0) {
		odata_error(x, 400, "0x80040203",
			"leadid differs from the key in the address.");
		return;
	}
	if (!check_duplicate_rule(x, id) || (!only_create && update(x, id, if_match)))
		return;
	if (if_match)
		unknown_row(x, id);
	else if (check_storage(x))
		create(x, id, true);
}

static void delete_row(struct exchange *x, const char *id)
{
	if (!may(x, PRIVILEGE_DELETE))
		return;
	if (!records_delete(x->crm->records, id)) {
		unknown_row(x, id);
		return;
	}
	x->committed = true;
	x->reply.status = 204;
	x->reply.bare = true;
}

static void wrong_method(struct exchange *x, const char *allowed)
{
	odata_error(x, 405, "0x80060888",
		"The requested resource does not support http method '%s'.",
		x->req->method);
	reply_header(&x->reply, "Allow", "%s", allowed);
}

void leads_set(struct exchange *x)
{
	if (strcmp(x->req->method, "POST") == 0)
		post(x);
	else if (strcmp(x->req->method, "GET") == 0)
		list(x);
	else
		wrong_method(x, "GET, POST");
}

void leads_row(struct exchange *x)
{
	char id[GUID_SIZE];

	if (!leads_id(x->resource, id))
		odata_error(x, 400, "0x80060888", "Bad Request - Error in query syntax.");
	else if (strcmp(x->req->method, "GET") == 0)
		get(x, id);
	else if (strcmp(x->req->method, "PATCH") == 0)
		patch(x, id);
	else if (strcmp(x->req->method, "DELETE") == 0)
		delete_row(x, id);
	else
		wrong_method(x, "GET, PATCH, DELETE");
}

/* Lengths of the text columns, whatever $select and cast ask for. */
void leads_definition(struct exchange *x)
{
	const struct declared_column *declared = x->crm->settings.columns;
	struct text body = {0};
	const char *separator = "";

	if (strcmp(x->req->method, "GET") != 0) {
		wrong_method(x, "GET");
		return;
	}
	text_puts(&body, "{\"value\":[");
	for (const struct column *c = columns_next(NULL); c; c = columns_next(c)) {
		const struct column *real = columns_find(declared, c->name);

		if (!real->max)
			continue;
		text_printf(&body, "%s{\"LogicalName\":\"%s\",\"MaxLength\":%d}",
			separator, real->name, real->max);
		separator = ",";
	}
	for (; declared; declared = declared->next)
		if (declared->column.max && columns_find(NULL, declared->name) == NULL)
			text_printf(&body, "%s{\"LogicalName\":\"%s\",\"MaxLength\":%d}",
				separator, declared->name, declared->column.max);
	text_puts(&body, "]}");
	reply_text(&x->reply, 200, json_type, body.data);
	text_free(&body);
}
