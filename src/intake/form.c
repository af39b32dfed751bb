/* The form kind: what a browser or a Web-to-Lead client posts. */
#include "leadrelay/text.h"
#include "parse.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct form {
	struct parsing parsing;
	size_t fields;
};

static bool is_text(const char *bytes, size_t len)
{
	return !memchr(bytes, 0, len) && utf8_valid(bytes, len);
}

/* name is a text of its own; bytes need not end in a NUL. */
static bool take_field(void *ctx, const char *name, const char *bytes, size_t len)
{
	struct form *form = ctx;
	struct parsed *out = form->parsing.out;
	const char *honeypot = form->parsing.source->honeypot;
	char *text;
	bool fine;

	if (++form->fields > FORM_FIELDS_MAX)
		return parse_fail(out, 413, "more than 1,000 fields");
	if (!is_text(name, strlen(name)) || !is_text(bytes, len))
		return parse_fail(out, 400, "a field is not UTF-8 text");
	if (*name == 0)
		return true;
	text = strndup(bytes, len);
	if (!text)
		return parse_no_memory(out);
	if (honeypot && strcmp(name, honeypot) == 0 && !text_blank(text))
		out->honeypot = true;
	fine = normalise_text(&form->parsing, name, text);
	free(text);
	return fine;
}

/* Decodes in place: one name=value of a copy. */
static bool take_pair(struct form *form, char *pair, size_t len)
{
	char *equals = memchr(pair, '=', len);
	size_t name_len = equals ? (size_t)(equals - pair) : len;
	char *value = equals ? equals + 1 : pair + len;
	long name_now = url_decode(pair, name_len, true);
	long value_now = url_decode(value, (size_t)(pair + len - value), true);

	if (name_now < 0 || value_now < 0)
		return parse_fail(form->parsing.out, 400,
			"a %% that is not followed by two hexadecimal digits");
	if (memchr(pair, 0, (size_t)name_now))
		return parse_fail(form->parsing.out, 400, "a NUL in a field's name");
	pair[name_now] = 0;
	return take_field(form, pair, value, (size_t)value_now);
}

static bool take_urlencoded(struct form *form, const char *body, size_t len)
{
	char *copy = malloc(len + 1);
	char *at = copy, *end;
	bool fine = true;

	if (!copy)
		return parse_no_memory(form->parsing.out);
	end = copy + len;
	memcpy(copy, body, len);
	copy[len] = 0;
	while (at < end && fine) {
		char *stop = memchr(at, '&', (size_t)(end - at));

		if (!stop)
			stop = end;
		*stop = 0;
		if (stop > at)
			fine = take_pair(form, at, (size_t)(stop - at));
		at = stop + 1;
	}
	free(copy);
	return fine;
}

static bool is_unicode(const char *content_type)
{
	char charset[32];

	if (!media_parameter(content_type, "charset", charset, sizeof(charset)))
		return true;
	return strcasecmp(charset, "utf-8") == 0 || strcasecmp(charset, "utf8") == 0 ||
	       strcasecmp(charset, "us-ascii") == 0;
}

void parse_form(const struct source_settings *source, const char *content_type,
	const char *body, size_t len, struct parsed *out)
{
	struct form form = {.parsing = {.source = source, .out = out}};
	char type[64];
	bool fine;

	media_type(content_type, type, sizeof(type));
	if (strcmp(type, "application/x-www-form-urlencoded") != 0 &&
		strcmp(type, "multipart/form-data") != 0) {
		parse_fail(out, 415,
			"this source takes application/x-www-form-urlencoded and "
			"multipart/form-data");
		return;
	}
	if (!is_unicode(content_type)) {
		parse_fail(out, 415, "this source takes forms in UTF-8");
		return;
	}
	if (!parse_leads(out, 1))
		return;
	form.parsing.lead = &out->leads[0];
	fine = type[0] == 'a'
		       ? take_urlencoded(&form, body, len)
		       : multipart_each(out, content_type, body, len, take_field, &form);
	if (fine)
		normalise_finish(&form.parsing);
}
