/* fault_kinds: every fault there is, and the replies of those that answer in good HTTP.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "azure_ad.h"
#include "faults.h"
#include "moment.h"
#include "odata.h"
#include "records.h"

static const char html_type[] = "text/html; charset=utf-8";

/* "date:30" is an HTTP date 30 s from now, "absent" no header, any other text goes as it
 * is. */
static void add_retry_after(
	const struct fault *fault, struct exchange *x, const char *otherwise)
{
	const cJSON *value =
		cJSON_GetObjectItemCaseSensitive(fault->params, "retry_after");
	const char *words = cJSON_IsString(value) ? value->valuestring : otherwise;
	char date[MOMENT_SIZE];

	if (cJSON_IsNumber(value)) {
		reply_header(&x->reply, "Retry-After", "%.0f", value->valuedouble);
	} else if (words && strncmp(words, "date:", 5) == 0) {
		moment_http(date, x->at + strtoll(words + 5, NULL, 10) * 1000);
		reply_header(&x->reply, "Retry-After", "%s", date);
	} else if (words && strcmp(words, "absent") != 0) {
		reply_header(&x->reply, "Retry-After", "%s", words);
	}
}

static void add_headers(const struct fault *fault, struct exchange *x)
{
	const cJSON *headers = cJSON_GetObjectItemCaseSensitive(fault->params, "headers");
	const char *location = fault_string(fault, "location", NULL);
	const cJSON *one;

	cJSON_ArrayForEach (one, headers)
		if (cJSON_IsString(one))
			reply_header(&x->reply, one->string, "%s", one->valuestring);
	if (location)
		reply_header(&x->reply, "Location", "%s", location);
}

static int status_of(const struct fault *fault)
{
	return (int)fault_number(fault, "status", fault->kind->status);
}

static void say_html(const struct fault *fault, struct exchange *x)
{
	int status = status_of(fault);
	struct text page = {0};

	text_printf(&page,
		"<!DOCTYPE html>\r\n<html><head><title>%d %s</title></head>\r\n<body><h2>Our "
		"services aren't available right now</h2><p>We're working to restore all services "
		"as soon as possible. Please check back soon.</p></body></html>\r\n",
		status, http_reason(status));
	reply_text(&x->reply, status, html_type, page.data);
	text_free(&page);
}

static void say_azure(const struct fault *fault, struct exchange *x)
{
	azure_ad_error(x, status_of(fault),
		fault_string(fault, "error", "temporarily_unavailable"),
		(int)fault_number(fault, "number", 90033), "%s",
		fault_string(fault, "message",
			"A transient error has occurred. Please try again."));
}

static void say_odata(const struct fault *fault, struct exchange *x)
{
	odata_headers(x);
	odata_error_reply(&x->reply, status_of(fault),
		fault_string(fault, "code", fault->kind->code),
		fault_string(fault, "message", fault->kind->message));
}

/* "body": odata, azure, html, empty, or text with "text"; by default what the endpoint
 * would. */
static void shape_status(const struct fault *fault, struct exchange *x)
{
	const char *body =
		fault_string(fault, "body", x->kind == KIND_TOKEN ? "azure" : "odata");

	if (strcmp(body, "html") == 0)
		say_html(fault, x);
	else if (strcmp(body, "azure") == 0)
		say_azure(fault, x);
	else if (strcmp(body, "odata") == 0)
		say_odata(fault, x);
	else
		reply_text(&x->reply, status_of(fault),
			strcmp(body, "empty") == 0 ? NULL
						   : "application/json; charset=utf-8",
			strcmp(body, "empty") == 0 ? ""
						   : fault_string(fault, "text", ""));
	x->reply.bare = x->reply.status == 204 || x->reply.status == 304;
	add_retry_after(fault, x, NULL);
	add_headers(fault, x);
}

static void shape_throttle(const struct fault *fault, struct exchange *x)
{
	static const struct {
		const char *limit, *code, *message;
	} limits[] = {
		{"requests", "0x80072322",
			"Number of requests exceeded the limit of 6000 over time window of 300 seconds."},
		{"time", "0x80072321",
			"Combined execution time of incoming requests exceeded limit of 1200000 "
			"milliseconds over time window of 300 seconds. Decrease number of concurrent "
			"requests or reduce the duration of requests and try again later."},
		{"concurrency", "0x80072326",
			"Number of concurrent requests exceeded the limit of 52."},
	};
	const char *limit = fault_string(fault, "limit", "requests");
	size_t i = 2;

	while (i > 0 && strcmp(limits[i].limit, limit) != 0)
		i--;
	odata_headers(x);
	odata_error_reply(&x->reply, status_of(fault),
		fault_string(fault, "code", limits[i].code),
		fault_string(fault, "message", limits[i].message));
	add_retry_after(fault, x, "5");
}

static void shape_html(const struct fault *fault, struct exchange *x)
{
	say_html(fault, x);
	add_retry_after(fault, x, NULL);
}

static void shape_unauthorized(const struct fault *fault, struct exchange *x)
{
	reply_text(&x->reply, status_of(fault), NULL, "");
	reply_header(&x->reply, "WWW-Authenticate",
		"Bearer error=\"invalid_token\", error_description=\"The token is refused\"");
}

static void shape_secret_expired(const struct fault *fault, struct exchange *x)
{
	azure_ad_error(x, status_of(fault), "invalid_client", 7000222,
		"The provided client secret keys for app '%s' are expired. Visit the Azure portal to "
		"create new keys for your app: https://aka.ms/NewClientSecret, or consider using "
		"certificate credentials for added security.",
		x->crm->settings.client_id);
}

static void shape_azure(const struct fault *fault, struct exchange *x)
{
	say_azure(fault, x);
	add_retry_after(fault, x, NULL);
}

static void shape_role_missing(const struct fault *fault, struct exchange *x)
{
	if (x->kind != KIND_PRIVILEGE) {
		say_odata(fault, x);
		return;
	}
	odata_headers(x);
	reply_text(&x->reply, 200, "application/json; odata.metadata=minimal",
		"{\"@odata.context\":\"$metadata#Microsoft.Dynamics.CRM."
		"RetrieveUserPrivilegeByPrivilegeNameResponse\",\"RolePrivileges\":[]}");
}

static void shape_redirect(const struct fault *fault, struct exchange *x)
{
	reply_text(
		&x->reply, status_of(fault), html_type, "<html>Object moved</html>\r\n");
	reply_header(&x->reply, "Location", "%s",
		fault_string(fault, "location", "http://127.0.0.1:9/elsewhere"));
}

static void shape_error_with_200(const struct fault *fault, struct exchange *x)
{
	say_odata(fault, x);
	x->reply.status = 200;
}

static void shape_empty_200(const struct fault *fault, struct exchange *x)
{
	odata_headers(x);
	reply_text(&x->reply, status_of(fault), NULL, "");
}

/* 201 with the row, as for Prefer: return=representation, though nobody asked. */
static void shape_representation(const struct fault *fault, struct exchange *x)
{
	char *row = *x->leadid ? records_copy(x->crm->records, x->leadid) : NULL;

	odata_headers(x);
	reply_text(&x->reply, status_of(fault),
		"application/json; odata.metadata=minimal", row ? row : "{}");
	free(row);
}

#define ANSWER(fault, places, status, code, message, help) \
	{ \
		fault, places, false, false, false, shape_status, NULL, status, code, \
			message, help \
	}
#define SHAPE(fault, places, shape, status, code, message, help) \
	{ \
		fault, places, false, false, false, shape, NULL, status, code, message, \
			help \
	}
#define WIRE(fault, places, commits, send, help) \
	{ \
		fault, places, false, commits, false, NULL, send, 200, "", "", help \
	}

const struct fault_kind fault_kinds[] = {
	ANSWER("status", "api", 500, "0x80040216", "An unexpected error occurred.",
		"status N; body odata|azure|html|empty|text, code, message, text, retry_after, headers"),
	SHAPE("throttle", "api", shape_throttle, 429, "", "",
		"429; limit requests|time|concurrency; retry_after N, \"date:N\", \"absent\", any text"),
	SHAPE("unavailable", "any", shape_html, 503, "", "",
		"503 with an HTML page; retry_after"),
	SHAPE("unauthorized", "api", shape_unauthorized, 401, "", "",
		"401 for a good token"),
	ANSWER("forbidden", "create", 403, "0x80040220",
		"Principal user is missing a privilege on OTC=4 for entity 'lead'.",
		"403; with match for one lead only"),
	SHAPE("secret_expired", "token", shape_secret_expired, 401, "", "",
		"AADSTS7000222"),
	SHAPE("azure_error", "token", shape_azure, 400, "", "",
		"any Azure AD error: status, error, number, message, retry_after"),
	SHAPE("token_down", "token", shape_html, 503, "", "",
		"the token endpoint answers 503"),
	SHAPE("role_missing", "create,privilege", shape_role_missing, 403, "0x80040220",
		"Principal user is missing prvCreateLead privilege on OTC=4 for entity 'lead'.",
		"the privilege list is empty and a create forbidden"),
	ANSWER("no_application_user", "api", 403, "0x80072560",
		"The user is not a member of the organization.",
		"the token is good, its user unknown"),
	ANSWER("storage_full", "create", 400, "0x80072325",
		"The organization's storage capacity is used up: records can't be created.",
		"code 0x80072325, or set code 0x8004B057"),
	ANSWER("organization_disabled", "api", 403, "0x8004A104",
		"The organization is disabled.", "an administrator switched it off"),
	ANSWER("plugin_refuses", "create", 400, "0x80040265",
		"Fabrikam.LeadGuard: leads from this campaign are not accepted.",
		"a plug-in says no; message is its own"),
	ANSWER("plugin_timeout", "create", 500, "0x80044171",
		"The plug-in execution failed because the operation has timed-out at the Sandbox "
		"Host.",
		"a plug-in is too slow"),
	ANSWER("plugin_duplicate", "create", 412, "0x80040237",
		"Fabrikam.LeadGuard: a similar lead is known.",
		"a plug-in borrows DuplicateRecord; nothing is stored"),
	ANSWER("duplicate_rule", "create", 500, "0x80040333",
		"A record was not created or updated because a duplicate of the current record "
		"already exists.",
		"a duplicate rule objects, whether asked or not"),
	SHAPE("redirect", "api", shape_redirect, 302, "", "",
		"status 301|302|307|308, location"),
	SHAPE("ok_error_body", "create", shape_error_with_200, 200, "0x80040216",
		"An unexpected error occurred.",
		"200 whose body is an error; nothing is stored"),
	SHAPE("ok_empty", "create", shape_empty_200, 200, "", "",
		"200 with nothing in it"),
	{"created_representation", "create", false, true, false, shape_representation,
		NULL, 201, "", "", "stored, but answered 201 with the row"},
	{"latency", "any", false, false, true, NULL, NULL, 0, "", "",
		"waits ms (1000) before anything else; adds to other faults"},
	{"reset_before_body", "api", true, false, false, NULL, send_nothing, 0, "", "",
		"RST once the request's head is in"},
	WIRE("reset", "any", false, send_nothing,
		"RST once the request is in; nothing is stored"),
	WIRE("reset_mid_headers", "any", true, send_mid_headers,
		"RST within the answer's head"),
	WIRE("reset_mid_body", "any", true, send_mid_body,
		"RST within the answer's body"),
	WIRE("truncated_body", "any", true, send_truncated_body,
		"closes before Content-Length is reached"),
	WIRE("commit_then_reset", "create", true, send_nothing, "stored, then RST"),
	WIRE("commit_then_hang", "create", true, send_hang,
		"stored, then silence for ms (600000)"),
	WIRE("hang", "any", false, send_hang,
		"silence for ms (600000); nothing is stored"),
	WIRE("trickle", "any", true, send_slowly, "the answer at bytes_per_second (10)"),
	WIRE("truncated_chunked", "any", true, send_truncated_chunks,
		"a chunked answer without its last chunk"),
	WIRE("trailing_garbage", "any", true, send_garbage_after,
		"a good answer and bytes behind it"),
	WIRE("invalid_status_line", "any", true, send_bad_status_line, "no HTTP at all"),
	WIRE("endless_headers", "any", true, send_endless_headers,
		"headers until bytes (256 MiB) or the client has had enough"),
	WIRE("endless_body", "any", true, send_endless_body,
		"a chunked body until bytes (256 MiB) or the client has had enough"),
	WIRE("gzip_bomb", "any", true, send_gzip_bomb,
		"a gzip body of bytes (256 MiB) zeros, asked for or not"),
	WIRE("stale_keepalive", "any", true, send_stale,
		"answers, and resets the connection when it is used again"),
	{0},
};
