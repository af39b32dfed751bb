#include "framing.h"

#include <string.h>
#include <strings.h>

static bool is_token(const char *text)
{
	static const char extra[] = "!#$%&'*+-.^_`|~";
	const char *c = text;

	for (; *c; c++) {
		bool alnum = (*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') ||
			     (*c >= 'A' && *c <= 'Z');

		if (!alnum && !strchr(extra, *c))
			return false;
	}
	return c > text;
}

static bool has_control(const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

/* CR LF, or what libmicrohttpd made of them. */
static bool is_line_end(const char *at)
{
	return (at[0] == '\0' || at[0] == '\r') && (at[1] == '\0' || at[1] == '\n');
}

/* Each header begins two bytes behind the end of the one before: libmicrohttpd made
 * NULs of CR and LF. Where it does not, a NUL, a folded line or a lone CR or LF was in
 * between, and somebody else may read what was sent in another way. */
static bool lies_in_one_piece(const struct head *head)
{
	const char *end = head->method + head->size;
	const char *expected;

	if (head->version != head->target_end)
		return false;
	expected = head->version + strlen(head->version) + 2;
	for (size_t i = 0; i < head->count; i++) {
		const struct head_field *field = &head->fields[i];

		if (field->name != expected || field->value < expected ||
			field->value >= end)
			return false;
		expected = field->value + strlen(field->value) + 2;
	}
	return expected + 2 == end && is_line_end(expected);
}

static int line_check(const struct head *head, const char **detail)
{
	size_t line = strlen(head->method) + 1 + head->target_len + 1 + 8 + 2;

	if (line > HEAD_LINE_MAX) {
		*detail = "the request line is longer than 8 KiB";
		return 414;
	}
	if (head->count > HEAD_FIELDS_MAX || head->size - line > HEAD_HEADERS_MAX) {
		*detail = "more than 32 KiB or 100 lines of headers";
		return 431;
	}
	if (!lies_in_one_piece(head)) {
		*detail = "a NUL, a folded line or a line that does not end in CR LF";
		return 400;
	}
	if (!is_token(head->method) || strlen(head->method) > 32) {
		*detail = "the method is not a word";
		return 400;
	}
	if (has_control(head->version)) {
		*detail = "the version of HTTP is not one";
		return 400;
	}
	return 0;
}

static bool read_length(const char *text, uint64_t *out)
{
	size_t digits = strspn(text, "0123456789");

	/* blanks behind the number are the field's padding */
	if (digits == 0 || digits > 18 || text[digits + strspn(text + digits, " \t")])
		return false;
	*out = 0;
	for (size_t i = 0; i < digits; i++)
		*out = *out * 10 + (uint64_t)(text[i] - '0');
	return true;
}

struct seen {
	int hosts, lengths, codings;
	const char *length, *coding;
};

static int look_at(const struct head *head, struct seen *seen, struct framing *out,
	const char **detail)
{
	for (size_t i = 0; i < head->count; i++) {
		const struct head_field *field = &head->fields[i];

		if (!is_token(field->name) || has_control(field->value)) {
			*detail = "a header that is none";
			return 400;
		}
		if (strcasecmp(field->name, "Host") == 0)
			seen->hosts++;
		if (strcasecmp(field->name, "Expect") == 0 &&
			strcasecmp(field->value, "100-continue") == 0)
			out->expects = true;
		if (strcasecmp(field->name, "Content-Length") == 0) {
			seen->lengths++;
			seen->length = field->value;
		}
		if (strcasecmp(field->name, "Transfer-Encoding") == 0) {
			seen->codings++;
			seen->coding = field->value;
		}
	}
	return 0;
}

static const char *ambiguity(
	const struct head *head, const struct seen *seen, struct framing *out)
{
	bool old = strcmp(head->version, "HTTP/1.0") == 0;

	if (seen->hosts > 1)
		return "more than one Host";
	if (seen->hosts == 0 && !old)
		return "no Host";
	if (seen->lengths > 1)
		return "more than one Content-Length";
	if (seen->codings > 0 && seen->lengths > 0)
		return "Content-Length together with Transfer-Encoding";
	if (seen->codings > 1 || (seen->codings == 1 && old))
		return "an unusable Transfer-Encoding";
	if (seen->codings == 1 && strcasecmp(seen->coding, "chunked") != 0)
		return "a Transfer-Encoding that is not \"chunked\"";
	if (seen->lengths == 1 && !read_length(seen->length, &out->length))
		return "a Content-Length that is not a number";
	return NULL;
}

int framing_check(const struct head *head, struct framing *out, const char **detail)
{
	struct seen seen = {0};
	int status;

	*out = (struct framing){0};
	status = line_check(head, detail);
	if (status == 0)
		status = look_at(head, &seen, out, detail);
	if (status != 0)
		return status;
	*detail = ambiguity(head, &seen, out);
	if (*detail)
		return 400;
	out->chunked = seen.codings > 0;
	out->has_length = seen.lengths > 0;
	out->has_body = out->chunked || out->length > 0;
	return 0;
}
