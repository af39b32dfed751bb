#include "odata.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crm.h"

void odata_error_reply(
	struct reply *reply, int status, const char *code, const char *message)
{
	struct text body = {0};

	text_puts(&body, "{\"error\":{\"code\":");
	text_json(&body, code);
	text_puts(&body, ",\"message\":");
	text_json(&body, message);
	text_puts(&body, "}}");
	reply_text(reply, status, "application/json; odata.metadata=minimal", body.data);
	reply->bare = false;
	snprintf(reply->code, sizeof(reply->code), "%s", code);
	text_free(&body);
}

bool odata_error(
	struct exchange *exchange, int status, const char *code, const char *fmt, ...)
{
	struct text message = {0};
	va_list args;

	va_start(args, fmt);
	text_vprintf(&message, fmt, args);
	va_end(args);
	odata_error_reply(&exchange->reply, status, code, message.data);
	text_free(&message);
	return false;
}

char *odata_root(const struct exchange *exchange)
{
	const char *host = request_header(exchange->req, "Host");
	size_t version = strlen("/api/data/v9.2");
	struct text root = {0};

	text_printf(&root, "%s://%s%.*s", exchange->wire->ssl ? "https" : "http",
		host ? host : "localhost", (int)version, exchange->path);
	return root.data;
}

void odata_headers(struct exchange *exchange)
{
	struct reply *reply = &exchange->reply;
	char id[GUID_SIZE];

	guid_random(id);
	reply_header(reply, "OData-Version", "4.0");
	reply_header(reply, "Cache-Control", "no-cache");
	reply_header(reply, "x-ms-service-request-id", "%s", id);
	reply_header(reply, "REQ_ID", "%s", id);
	reply_header(reply, "x-ms-ratelimit-burst-remaining-xrm-requests", "5999");
	reply_header(reply, "x-ms-ratelimit-time-remaining-xrm-requests", "1,200.00");
	reply_header(reply, "Set-Cookie", "ARRAffinity=rehearsal; path=/; HttpOnly");
	if (exchange->crm->settings.dop_hint > 0)
		reply_header(reply, "x-ms-dop-hint", "%" PRId64,
			exchange->crm->settings.dop_hint);
}
