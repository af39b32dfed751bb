/* reply: the writing half of http.h. */
#include "http.h"

#include "moment.h"

const char *http_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{200, "OK"},
		{201, "Created"},
		{202, "Accepted"},
		{204, "No Content"},
		{301, "Moved Permanently"},
		{302, "Found"},
		{303, "See Other"},
		{304, "Not Modified"},
		{307, "Temporary Redirect"},
		{308, "Permanent Redirect"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{406, "Not Acceptable"},
		{408, "Request Timeout"},
		{409, "Conflict"},
		{410, "Gone"},
		{412, "Precondition Failed"},
		{413, "Payload Too Large"},
		{415, "Unsupported Media Type"},
		{422, "Unprocessable Entity"},
		{428, "Precondition Required"},
		{429, "Too Many Requests"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{501, "Not Implemented"},
		{502, "Bad Gateway"},
		{503, "Service Unavailable"},
		{504, "Gateway Timeout"},
		{505, "HTTP Version Not Supported"},
		{507, "Insufficient Storage"},
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Unknown";
}

void reply_header(struct reply *reply, const char *name, const char *fmt, ...)
{
	va_list args;

	text_printf(&reply->headers, "%s: ", name);
	va_start(args, fmt);
	text_vprintf(&reply->headers, fmt, args);
	va_end(args);
	text_puts(&reply->headers, "\r\n");
}

void reply_text(struct reply *reply, int status, const char *type, const char *body)
{
	reply->status = status;
	reply->type = type;
	text_clear(&reply->body);
	text_puts(&reply->body, body);
}

void reply_clear(struct reply *reply)
{
	text_free(&reply->headers);
	text_free(&reply->body);
	*reply = (struct reply){0};
}

size_t reply_render(const struct reply *reply, bool keep_alive, struct text *out)
{
	char date[MOMENT_SIZE];
	size_t head;

	moment_http(date, wall_now());
	text_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\nServer: leadrelay-rehearsal\r\n",
		reply->status, http_reason(reply->status), date);
	if (reply->type)
		text_printf(out, "Content-Type: %s\r\n", reply->type);
	if (!reply->bare)
		text_printf(out, "Content-Length: %zu\r\n", reply->body.len);
	if (!keep_alive)
		text_puts(out, "Connection: close\r\n");
	text_add(out, reply->headers.data, reply->headers.len);
	text_puts(out, "\r\n");
	head = out->len;
	if (!reply->bare)
		text_add(out, reply->body.data, reply->body.len);
	return head;
}
