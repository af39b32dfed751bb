/*
 * multipart/form-data (RFC 7578), read strictly: CR LF line ends, the boundary as
 * announced, the closing boundary present. Files are refused; the empty part that a
 * browser sends for a file input nobody used is skipped.
 */
#include "parse.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define BOUNDARY_MAX 70
#define NAME_MAX_BYTES 256

struct multipart {
	struct parsed *out;
	char delimiter[BOUNDARY_MAX + 8]; /* CR LF, two dashes, boundary */
	size_t delimiter_len;
	const char *at, *end;
};

struct part {
	char name[NAME_MAX_BYTES];
	bool named, file;
	const char *bytes;
	size_t len;
};

static bool malformed(struct multipart *reader, const char *what)
{
	return parse_fail(
		reader->out, 400, "not readable as multipart/form-data: %s", what);
}

static bool read_boundary(struct multipart *reader, const char *content_type)
{
	char boundary[BOUNDARY_MAX + 1];
	int len;

	if (!media_parameter(content_type, "boundary", boundary, sizeof(boundary)) ||
		boundary[0] == 0)
		return malformed(reader, "no usable boundary");
	len = snprintf(
		reader->delimiter, sizeof(reader->delimiter), "\r\n--%s", boundary);
	reader->delimiter_len = (size_t)len;
	return true;
}

static const char *find_delimiter(const struct multipart *reader, const char *from)
{
	return memmem(from, (size_t)(reader->end - from), reader->delimiter,
		reader->delimiter_len);
}

/* To behind the first boundary, which may stand at the very beginning. */
static bool skip_preamble(struct multipart *reader)
{
	size_t len = reader->delimiter_len - 2;
	const char *found;

	if ((size_t)(reader->end - reader->at) >= len &&
		memcmp(reader->at, reader->delimiter + 2, len) == 0) {
		reader->at += len;
		return true;
	}
	found = find_delimiter(reader, reader->at);
	if (!found)
		return malformed(reader, "the boundary does not occur");
	reader->at = found + reader->delimiter_len;
	return true;
}

/* "--": the end. Else the line ends here. */
static bool behind_boundary(struct multipart *reader, bool *last)
{
	*last = reader->end - reader->at >= 2 && memcmp(reader->at, "--", 2) == 0;
	if (*last)
		return true;
	while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\t'))
		reader->at++;
	if (reader->end - reader->at < 2 || memcmp(reader->at, "\r\n", 2) != 0)
		return malformed(reader, "a boundary's line does not end");
	return true;
}

/* Browsers write a quote or line break in a name as %22, %0D, %0A. */
static void unescape(char *name)
{
	static const char *const escapes[] = {"%22", "%0D", "%0A"};
	static const char plain[] = {'"', '\r', '\n'};
	char *out = name;

	while (*name) {
		size_t found = 3;

		for (size_t i = 0; i < 3; i++) {
			if (strncasecmp(name, escapes[i], 3) == 0)
				found = i;
		}
		*out++ = found < 3 ? plain[found] : *name;
		name += found < 3 ? 3 : 1;
	}
	*out = 0;
}

static bool read_disposition(
	struct multipart *reader, struct part *part, const char *value)
{
	char type[32], ignored[1024];

	media_type(value, type, sizeof(type));
	if (strcmp(type, "form-data") != 0)
		return malformed(reader, "a part that is not form-data");
	part->named = media_parameter(value, "name", part->name, sizeof(part->name));
	part->file = media_parameter(value, "filename", ignored, sizeof(ignored)) ||
		     media_parameter(value, "filename*", ignored, sizeof(ignored));
	unescape(part->name);
	return true;
}

static const char *header_value(const char *line, const char *name)
{
	size_t len = strlen(name);

	if (strncasecmp(line, name, len) != 0 || line[len] != ':')
		return NULL;
	line += len + 1;
	return line + strspn(line, " \t");
}

static bool is_plain_coding(const char *value)
{
	return strcasecmp(value, "7bit") == 0 || strcasecmp(value, "8bit") == 0 ||
	       strcasecmp(value, "binary") == 0;
}

static bool take_header(struct multipart *reader, struct part *part, const char *line)
{
	const char *value = header_value(line, "Content-Disposition");

	if (value)
		return read_disposition(reader, part, value);
	value = header_value(line, "Content-Transfer-Encoding");
	if (value && !is_plain_coding(value))
		return parse_fail(reader->out, 415, "an encoded part of a form");
	return true;
}

/* Lines up to the empty one; reader stands at the CR LF before the first. */
static bool read_headers(struct multipart *reader, struct part *part)
{
	char line[2048];

	for (;;) {
		const char *start = reader->at + 2;
		const char *stop =
			memmem(start, (size_t)(reader->end - start), "\r\n", 2);
		size_t len = stop ? (size_t)(stop - start) : 0;

		if (!stop || len >= sizeof(line) || memchr(start, 0, len))
			return malformed(reader, "a part's headers do not end");
		reader->at = stop;
		if (len == 0)
			return true;
		memcpy(line, start, len);
		line[len] = 0;
		if (!take_header(reader, part, line))
			return false;
	}
}

/* reader stands at the CR LF that ends the headers, which an empty part shares with its
 * boundary only when it is written twice: the content begins behind it. */
static bool read_content(struct multipart *reader, struct part *part)
{
	const char *stop = find_delimiter(reader, reader->at + 2);

	if (!stop)
		return malformed(reader, "the closing boundary is missing");
	part->bytes = reader->at + 2;
	part->len = (size_t)(stop - part->bytes);
	reader->at = stop + reader->delimiter_len;
	return true;
}

static bool check_part(struct multipart *reader, const struct part *part)
{
	if (part->file && part->len > 0)
		return parse_fail(reader->out, 415, "files are not taken");
	if (!part->named)
		return malformed(reader, "a part without a name");
	return true;
}

bool multipart_each(struct parsed *out, const char *content_type, const char *body,
	size_t len,
	bool (*take)(void *ctx, const char *name, const char *bytes, size_t count),
	void *ctx)
{
	struct multipart reader = {.out = out, .at = body, .end = body + len};
	bool last;

	if (!read_boundary(&reader, content_type) || !skip_preamble(&reader))
		return false;
	for (;;) {
		struct part part = {0};

		if (!behind_boundary(&reader, &last))
			return false;
		if (last)
			return true;
		if (!read_headers(&reader, &part) || !read_content(&reader, &part) ||
			!check_part(&reader, &part))
			return false;
		if (!part.file && !take(ctx, part.name, part.bytes, part.len))
			return false;
	}
}
