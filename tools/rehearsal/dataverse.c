/*
 * A request is refused at the first of: bearer token; application user; service
 * protection limits; OData headers; resource; method; what the resource itself asks.
 */
#include "dataverse.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "leads.h"
#include "moment.h"
#include "odata.h"
#include "tokens.h"

const char dataverse_user_id[] = "5eed0000-0000-4000-8000-000000000001";
const char dataverse_business_unit_id[] = "5eed0000-0000-4000-8000-000000000002";
const char dataverse_organization_id[] = "5eed0000-0000-4000-8000-000000000003";

const char *dataverse_resource(const char *path)
{
	static const char *const roots[] = {
		"/api/data/v9.0/", "/api/data/v9.1/", "/api/data/v9.2/"};
	size_t len = strlen(roots[0]);

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		if (strncmp(path, roots[i], len) == 0)
			return path + len;
		if (strncmp(path, roots[i], len - 1) == 0 && !path[len - 1])
			return path + len - 1; /* the service document */
	}
	return NULL;
}

enum kind dataverse_kind(const struct request *req, const char *resource)
{
	const char *condition = request_header(req, "If-None-Match");

	if (strcmp(resource, "WhoAmI") == 0 || strcmp(resource, "WhoAmI()") == 0)
		return KIND_WHOAMI;
	if (strncmp(resource, "systemusers(", 12) == 0)
		return KIND_PRIVILEGE;
	if (strcmp(resource, "leads") != 0 && strncmp(resource, "leads(", 6) != 0)
		return KIND_OTHER;
	if (strcmp(req->method, "POST") == 0)
		return KIND_CREATE;
	if (strcmp(req->method, "PATCH") == 0) /* upsert that must not update */
		return condition && strcmp(condition, "*") == 0 ? KIND_CREATE
								: KIND_UPDATE;
	if (strcmp(req->method, "DELETE") == 0)
		return KIND_DELETE;
	return strcmp(req->method, "GET") == 0 ? KIND_READ : KIND_OTHER;
}

static bool challenge(struct exchange *x, const char *error)
{
	const struct settings *s = &x->crm->settings;
	const char *url = s->url_count ? s->urls[0] : "";

	reply_text(&x->reply, 401, NULL, "");
	reply_header(&x->reply, "WWW-Authenticate",
		"Bearer %sauthorization_uri=%s/%s/oauth2/authorize, resource_id=%s/",
		error, url, s->directory, url);
	return false;
}

static bool check_token(struct exchange *x)
{
	char *audience = NULL;
	enum token_state state = token_check(x->crm->tokens,
		request_header(x->req, "Authorization"), x->at / 1000, &audience);

	free(audience); /* only ours are ever issued */
	switch (state) {
	case TOKEN_GOOD:
		return true;
	case TOKEN_ABSENT:
		return challenge(x, "");
	case TOKEN_BAD:
		break;
	case TOKEN_EXPIRED:
		return challenge(x,
			"error=\"invalid_token\", error_description=\"The token expired\", ");
	}
	return challenge(x,
		"error=\"invalid_token\", error_description=\"The signature is invalid\", ");
}

/* Counts one request; false when the window's are used up. Two threads at the window's
 * turn may both turn it: nobody measures that finely. */
static bool within_window(struct crm *crm, int64_t steady)
{
	if (steady - atomic_load(&crm->window_at) >= crm->settings.window_s * 1000) {
		atomic_store(&crm->window_at, steady);
		atomic_store(&crm->window_requests, 0);
	}
	return atomic_fetch_add(&crm->window_requests, 1) < crm->settings.max_requests;
}

static int64_t window_left_s(const struct exchange *x)
{
	int64_t until =
		atomic_load(&x->crm->window_at) + x->crm->settings.window_s * 1000;

	return until > x->started ? (until - x->started + 999) / 1000 : 1;
}

static bool check_limits(struct exchange *x)
{
	const struct settings *s = &x->crm->settings;

	if (s->max_concurrent >= 0 && x->concurrent > s->max_concurrent) {
		reply_header(&x->reply, "Retry-After", "1");
		return odata_error(x, 429, "0x80072326",
			"Number of concurrent requests exceeded the limit of %" PRId64
			".",
			s->max_concurrent);
	}
	if (s->max_requests >= 0 && !within_window(x->crm, x->started)) {
		reply_header(&x->reply, "Retry-After", "%" PRId64, window_left_s(x));
		return odata_error(x, 429, "0x80072322",
			"Number of requests exceeded the limit of %" PRId64
			" over time window of %" PRId64 " seconds.",
			s->max_requests, s->window_s);
	}
	return true;
}

static bool check_headers(struct exchange *x)
{
	const struct request *req = x->req;
	const char *accept = request_header(req, "Accept");
	const char *version = request_header(req, "OData-Version");
	const char *most = request_header(req, "OData-MaxVersion");
	bool writes =
		strcmp(req->method, "POST") == 0 || strcmp(req->method, "PATCH") == 0;

	if (writes && !request_is(req, "application/json"))
		return odata_error(x, 415, "0x80060888",
			"The payload's Content-Type is not supported: application/json is needed.");
	if (!x->crm->settings.strict_headers)
		return true;
	if (!accept || !strstr(accept, "application/json"))
		return odata_error(x, 406, "0x80060888",
			"The Accept header must name application/json.");
	if (!version || strcmp(version, "4.0") != 0 || !most ||
		strncmp(most, "4.0", 3) != 0)
		return odata_error(x, 400, "0x80060888",
			"The OData-Version and OData-MaxVersion headers must both be 4.0.");
	return true;
}

static void only_get(struct exchange *x, const char *body)
{
	if (strcmp(x->req->method, "GET") != 0) {
		odata_error(x, 405, "0x80060888",
			"The requested resource does not support http method '%s'.",
			x->req->method);
		reply_header(&x->reply, "Allow", "GET");
		return;
	}
	reply_text(&x->reply, 200, "application/json; odata.metadata=minimal", body);
}

static void who_am_i(struct exchange *x)
{
	char *root = odata_root(x);
	struct text body = {0};

	text_printf(&body,
		"{\"@odata.context\":\"%s/$metadata#Microsoft.Dynamics.CRM.WhoAmIResponse\","
		"\"BusinessUnitId\":\"%s\",\"UserId\":\"%s\",\"OrganizationId\":\"%s\"}",
		root, dataverse_business_unit_id, dataverse_user_id,
		dataverse_organization_id);
	only_get(x, body.data);
	text_free(&body);
	free(root);
}

/* The privilege's name from (PrivilegeName='x') or (PrivilegeName=@p)?@p='x'; NULL:
 * neither. The caller's. */
static char *asked_privilege(const struct exchange *x, const char *arguments)
{
	const char *start;
	size_t len;
	char *alias, *value, *out = NULL;

	if (strncmp(arguments, "(PrivilegeName='", 16) == 0) {
		start = arguments + 16;
		len = strcspn(start, "'");
		return strcmp(start + len, "')") == 0 ? need_copy_of(start, len) : NULL;
	}
	if (strncmp(arguments, "(PrivilegeName=@", 16) != 0)
		return NULL;
	alias = need_copy_of(arguments + 15, strcspn(arguments + 15, ")"));
	value = form_value(x->req->query, alias);
	if (value && value[0] == '\'' && strlen(value) > 2 &&
		value[strlen(value) - 1] == '\'')
		out = need_copy_of(value + 1, strlen(value) - 2);
	free(alias);
	free(value);
	return out;
}

static void answer_privilege(struct exchange *x, const char *name)
{
	char *root = odata_root(x);
	struct text body = {0};
	int which = 0;

	while (which < PRIVILEGES && strcasecmp(privilege_names[which], name) != 0)
		which++;
	text_printf(&body,
		"{\"@odata.context\":\"%s/$metadata#Microsoft.Dynamics.CRM."
		"RetrieveUserPrivilegeByPrivilegeNameResponse\",\"RolePrivileges\":[",
		root);
	if (which < PRIVILEGES && x->crm->settings.privileges[which])
		text_printf(&body,
			"{\"Depth\":\"Global\",\"PrivilegeId\":\"5eed0000-0000-4000-8000-00000000001%d\","
			"\"BusinessUnitId\":\"%s\",\"PrivilegeName\":\"%s\"}",
			which, dataverse_business_unit_id, privilege_names[which]);
	text_puts(&body, "]}");
	only_get(x, body.data);
	text_free(&body);
	free(root);
}

static void user_function(struct exchange *x)
{
	static const char function[] =
		"/Microsoft.Dynamics.CRM.RetrieveUserPrivilegeByPrivilegeName";
	const char *id = x->resource + strlen("systemusers("), *close = strchr(id, ')');
	char *user = need_copy_of(id, close ? (size_t)(close - id) : 0), *name = NULL;
	char guid[GUID_SIZE];

	if (!close || !guid_parse(guid, user))
		odata_error(x, 400, "0x80060888", "Bad Request - Error in query syntax.");
	else if (strncmp(close + 1, function, sizeof(function) - 1) != 0)
		odata_error(x, 404, "0x80060888",
			"Resource not found for the segment '%s'.",
			close[1] ? close + 2 : "systemusers");
	else if (strcmp(guid, dataverse_user_id) != 0)
		odata_error(x, 404, "0x80040217",
			"systemuser With Id = %s Does Not Exist", guid);
	else if (!(name = asked_privilege(x, close + sizeof(function))))
		odata_error(x, 400, "0x80060888", "Bad Request - Error in query syntax.");
	else
		answer_privilege(x, name);
	free(name);
	free(user);
}

static void service_document(struct exchange *x)
{
	char *root = odata_root(x);
	struct text body = {0};

	text_printf(&body,
		"{\"@odata.context\":\"%s/$metadata\",\"value\":["
		"{\"name\":\"leads\",\"kind\":\"EntitySet\",\"url\":\"leads\"},"
		"{\"name\":\"systemusers\",\"kind\":\"EntitySet\",\"url\":\"systemusers\"}]}",
		root);
	only_get(x, body.data);
	text_free(&body);
	free(root);
}

static void route(struct exchange *x)
{
	const char *resource = x->resource;

	if (x->kind == KIND_WHOAMI)
		who_am_i(x);
	else if (x->kind == KIND_PRIVILEGE)
		user_function(x);
	else if (strcmp(resource, "leads") == 0)
		leads_set(x);
	else if (strncmp(resource, "leads(", 6) == 0)
		leads_row(x);
	else if (strncmp(resource, "EntityDefinitions(LogicalName='lead')/Attributes",
			 48) == 0)
		leads_definition(x);
	else if (!*resource)
		service_document(x);
	else
		odata_error(x, 404, "0x80060888",
			"Resource not found for the segment '%.*s'.",
			(int)strcspn(resource, "(/"), resource);
}

void dataverse_answer(struct exchange *x)
{
	pthread_rwlock_rdlock(&x->crm->settings.lock);
	if (check_token(x)) {
		odata_headers(x);
		if (!x->crm->settings.application_user)
			odata_error(x, 403, "0x80072560",
				"The user is not a member of the organization.");
		else if (check_limits(x) && check_headers(x))
			route(x);
	}
	pthread_rwlock_unlock(&x->crm->settings.lock);
}
