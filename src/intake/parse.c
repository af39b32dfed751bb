/* What the parsers share, and the choice between them. */
#include "parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool parse_fail(struct parsed *out, int status, const char *format, ...)
{
	va_list args;

	if (out->status != 0)
		return false;
	out->status = status;
	va_start(args, format);
	vsnprintf(out->problem, sizeof(out->problem), format, args);
	va_end(args);
	return false;
}

bool parse_no_memory(struct parsed *out)
{
	return parse_fail(out, 503, "out of memory; try again");
}

bool parse_unreadable(struct parsed *out, const struct err *err)
{
	if (err->code == ERR_NOMEM)
		return parse_no_memory(out);
	return parse_fail(out, 400, "not readable: %s", err->text);
}

bool parse_leads(struct parsed *out, size_t count)
{
	out->leads = calloc(count, sizeof(*out->leads));
	if (!out->leads)
		return parse_no_memory(out);
	out->count = count;
	return true;
}

void media_type(const char *content_type, char *out, size_t size)
{
	size_t len = content_type ? strcspn(content_type, "; \t") : 0;

	out[0] = 0;
	if (len >= size)
		return;
	for (size_t i = 0; i < len; i++) {
		char c = content_type[i];

		out[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	out[len] = 0;
}

/* A value up to ';', or a quoted string, in which a backslash takes the next as it is.
 * Returns where it ended, NULL when malformed or too long. */
static const char *copy_value(const char *at, char *out, size_t size)
{
	bool quoted = *at == '"';
	size_t len = 0;

	at += quoted;
	while (*at && (quoted ? *at != '"' : !strchr("; \t", *at))) {
		if (quoted && *at == '\\' && (at[1] == '"' || at[1] == '\\'))
			at++;
		if (len + 1 >= size)
			return NULL;
		out[len++] = *at++;
	}
	out[len] = 0;
	if (quoted)
		return *at == '"' ? at + 1 : NULL;
	return at;
}

bool media_parameter(const char *header, const char *name, char *out, size_t size)
{
	const char *at = header + strcspn(header, ";");
	char value[1024];

	while (at && *at == ';') {
		size_t len;

		at += 1 + strspn(at + 1, " \t");
		len = strcspn(at, "=; \t");
		if (at[len] != '=') {
			at += len + strspn(at + len, " \t");
			continue;
		}
		if (len == strlen(name) && strncasecmp(at, name, len) == 0)
			return copy_value(at + len + 1, out, size) != NULL;
		at = copy_value(at + len + 1, value, sizeof(value));
		if (at)
			at += strspn(at, " \t");
	}
	return false;
}

static bool is_blank(const char *body, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!strchr(" \t\r\n", body[i]) || body[i] == 0)
			return false;
	}
	return true;
}

void intake_parse(const struct source_settings *source, const char *content_type,
	const char *body, size_t len, struct parsed *out)
{
	*out = (struct parsed){0};
	if (is_blank(body, len)) {
		parse_fail(out, 400, "the body is empty");
		return;
	}
	switch (source->kind) {
	case SOURCE_MARKETPLACE:
		parse_marketplace(source, body, len, out);
		break;
	case SOURCE_JSON:
		parse_json(source, content_type, body, len, out);
		break;
	case SOURCE_FORM:
		parse_form(source, content_type, body, len, out);
		break;
	case SOURCE_CSV:
		parse_fail(out, 415, "this source takes no requests");
		break;
	}
	if (out->status != 0 && out->array)
		while (out->count > 0)
			lead_finish(&out->leads[--out->count]);
}

void parsed_finish(struct parsed *parsed)
{
	for (size_t i = 0; i < parsed->count; i++)
		lead_finish(&parsed->leads[i]);
	free(parsed->leads);
	*parsed = (struct parsed){0};
}
