/*
 * The requests of a dynamics365 destination, one function per stage. Reads defeat caches;
 * no cookie is ever kept, as the CRM's limits are per web server.
 */
#include "dynamics.h"

#include "leadrelay/clock.h"
#include "leadrelay/text.h"

#include <string.h>

#define BODY_USUAL 1500 /* bytes: room for most leads at once, as growing copies */

/* The lead's id, so that Microsoft's support finds all attempts by what the operator has
 * at hand; a fresh one where there is no lead. */
static void add_request_id(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	struct uuid id = task->lead ? task->lead->id : uuid_v4(dynamics->entropy);
	char text[UUID_TEXT_SIZE];

	http_request_header(request, "x-ms-client-request-id", uuid_text(&id, text));
}

static void start_request(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	http_request_header(request, "Accept", "application/json");
	http_request_header(request, "OData-Version", "4.0");
	http_request_header(request, "OData-MaxVersion", "4.0");
	add_request_id(dynamics, task, request);
	buf_adds(&request->url, dynamics->api);
}

static void make_read(struct http_request *request)
{
	request->method = "GET";
	http_request_header(request, "If-None-Match", "null"); /* no cached answer */
}

static void add_body(struct dynamics *dynamics, const struct task *task, bool update,
	struct http_request *request)
{
	buf_reserve(&request->body, BODY_USUAL);
	columns_add(&request->body, task->lead, dynamics->base.settings,
		&progress_of(task)->repairs, update);
	request->has_body = true;
	http_request_header(request, "Content-Type", "application/json; charset=utf-8");
}

/* The CRM's duplicate rules are asked only when a policy for their answer was chosen. */
static void build_create(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	bool suppress = dynamics->base.settings->duplicates == DUPLICATES_CREATE;

	request->method = "POST";
	buf_adds(&request->url, "/leads");
	http_request_header(
		request, "MSCRM.SuppressDuplicateDetection", suppress ? "true" : "false");
	add_body(dynamics, task, false, request);
}

static void build_update(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	request->method = "PATCH";
	buf_addf(&request->url, "/leads(%s)", progress_of(task)->found);
	http_request_header(request, "If-Match", "*"); /* never creates */
	http_request_header(request, "MSCRM.SuppressDuplicateDetection", "true");
	add_body(dynamics, task, true, request);
}

static void add_record(const struct task *task, struct http_request *request)
{
	char id[UUID_TEXT_SIZE];

	buf_addf(&request->url, "/leads(%s)", uuid_text(&task->lead->id, id));
}

static void build_ask(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	(void)dynamics;
	make_read(request);
	add_record(task, request);
	buf_adds(&request->url, "?$select=leadid");
}

/* The columns that a create would send, to be compared. */
static void build_read(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	cJSON *columns = columns_of_lead(
		task->lead, dynamics->base.settings, &progress_of(task)->repairs, false);
	const cJSON *column;

	make_read(request);
	add_record(task, request);
	buf_adds(&request->url, "?$select=leadid");
	cJSON_ArrayForEach (column, columns)
		if (cJSON_IsString(column) && !strchr(column->string, '@') &&
			strcmp(column->string, "leadid") != 0)
			buf_addf(&request->url, ",%s", column->string);
	cJSON_Delete(columns);
}

static void build_delete(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	(void)dynamics;
	request->method = "DELETE";
	add_record(task, request);
}

/* An OData literal doubles its quotes; then it is part of a URL. */
static void add_quoted(struct buf *url, const char *text)
{
	for (; *text; text++)
		if (*text == '\'')
			buf_adds(url, "''");
		else
			url_encode(url, text, 1);
}

/* The latest ones; which of them is still open, take_find sees. */
static void build_find(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	make_read(request);
	buf_addf(&request->url, "/leads?$select=leadid,statecode&$filter=%s%%20eq%%20'",
		columns_email_name(dynamics->base.settings));
	add_quoted(&request->url, task->lead->fields[FIELD_EMAIL]);
	buf_adds(&request->url, "'&$orderby=createdon%20desc&$top=50");
}

static void build_who_am_i(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	(void)dynamics;
	(void)task;
	make_read(request);
	buf_adds(&request->url, "/WhoAmI");
}

static void build_privilege(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	(void)task;
	make_read(request);
	buf_addf(&request->url,
		"/systemusers(%s)/Microsoft.Dynamics.CRM."
		"RetrieveUserPrivilegeByPrivilegeName(PrivilegeName='prvCreateLead')",
		dynamics->user_id);
}

void dynamics_build(
	struct dynamics *dynamics, const struct task *task, struct http_request *request)
{
	static void (*const builders[])(
		struct dynamics *, const struct task *, struct http_request *) = {
		[STAGE_CREATE] = build_create,
		[STAGE_ASK_FIRST] = build_ask,
		[STAGE_PROVE_KEY] = build_ask,
		[STAGE_PROVE_RULE] = build_ask,
		[STAGE_FIND] = build_find,
		[STAGE_UPDATE] = build_update,
		[STAGE_WHO_AM_I] = build_who_am_i,
		[STAGE_PRIVILEGE] = build_privilege,
		[STAGE_READ] = build_read,
		[STAGE_DELETE] = build_delete,
	};

	start_request(dynamics, task, request);
	builders[task->stage](dynamics, task, request);
}
