#include "leadrelay/text.h"

#include "leadrelay/buf.h"
#include "utf8.h"

#include <string.h>

bool utf8_valid(const char *bytes, size_t len)
{
	while (len > 0) {
		uint32_t code;
		size_t size = utf8_decode(bytes, len, &code);

		if (size == 0)
			return false;
		bytes += size;
		len -= size;
	}
	return true;
}

/* Bytes of the character at text, which is not empty; a byte that is not UTF-8 counts as
 * one. */
static size_t step(const char *text, uint32_t *code_out)
{
	size_t size;

	if ((uint8_t)*text < 0x80) {
		*code_out = (uint8_t)*text;
		return 1;
	}
	size = utf8_decode(text, strnlen(text, 4), code_out);
	if (size == 0)
		*code_out = (uint8_t)*text;
	return size ? size : 1;
}

/* Characters beyond the basic plane are a pair of units. */
static size_t units_of(uint32_t code)
{
	return code > 0xffff ? 2 : 1;
}

/* The bytes before the first that is no ASCII, rounded down to eights. */
static size_t ascii_run(const char *text, size_t len)
{
	size_t run = 0;

	while (len - run >= 8) {
		uint64_t eight;

		memcpy(&eight, text + run, 8);
		if (eight & UINT64_C(0x8080808080808080))
			break;
		run += 8;
	}
	return run;
}

size_t utf16_length(const char *text)
{
	const char *end = text + strlen(text);
	size_t units = 0;

	while (text < end) {
		size_t run = ascii_run(text, (size_t)(end - text));
		uint32_t code = 0;

		text += run;
		units += run;
		if (text < end) {
			text += step(text, &code);
			units += units_of(code);
		}
	}
	return units;
}

size_t utf16_prefix(const char *text, size_t units)
{
	const char *at = text;
	size_t len = strlen(text);

	if (len <= units) /* a unit is a byte or more */
		return len;
	while (*at) {
		uint32_t code;
		size_t size = step(at, &code);

		if (units_of(code) > units)
			break;
		units -= units_of(code);
		at += size;
	}
	return (size_t)(at - text);
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/*
 * Only the last star is ever widened: if the text between two stars fits somewhere, its
 * first fit is as good as any other. So the time is at most pattern times text.
 */
bool glob_match(const char *pattern, const char *text)
{
	const char *after_star =
		NULL;             /* where to go on in pattern, and in text, when what */
	const char *retry = NULL; /* follows the last star does not fit here */
	uint32_t code;

	while (*text) {
		if (*pattern == '*') {
			after_star = ++pattern;
			retry = text;
		} else if (*pattern == '?') {
			pattern++;
			text += step(text, &code);
		} else if (*pattern && lower(*pattern) == lower(*text)) {
			pattern++;
			text++;
		} else if (after_star) {
			retry += step(retry, &code);
			text = retry;
			pattern = after_star;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

/* Unicode's White_Space, in ranges. */
static bool is_space(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} spaces[] = {{0x09, 0x0d}, {0x20, 0x20}, {0x85, 0x85}, {0xa0, 0xa0},
		{0x1680, 0x1680}, {0x2000, 0x200a}, {0x2028, 0x2029}, {0x202f, 0x202f},
		{0x205f, 0x205f}, {0x3000, 0x3000}};

	if (code > 0x20 && code < 0x85)
		return false;
	for (size_t i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
		if (code >= spaces[i].first && code <= spaces[i].last)
			return true;
	return false;
}

static bool is_plain(char c)
{
	return c > ' ' && c < 0x7f;
}

bool text_blank(const char *text)
{
	while (text && *text) {
		uint32_t code;
		size_t size;

		if (is_plain(*text)) /* what most texts begin with */
			return false;
		size = utf8_decode(text, strnlen(text, 4), &code);
		if (size == 0 || !is_space(code))
			return false;
		text += size;
	}
	return true;
}

/* The folded character at out, at most as long as it was; where it ends. */
static char *fold_char(char *out, const char *at, size_t size, uint32_t code)
{
	if (code >= 'A' && code <= 'Z') {
		*out = (char)(code + 0x20);
		return out + 1;
	}
	memcpy(out, at, size);
	if (code >= 0xc0 && code <= 0xde && code != 0xd7) /* 0xd7 is the times sign */
		out[1] = (char)(out[1] + 0x20);
	return out + size;
}

static size_t next_char(const char *text, uint32_t *code)
{
	size_t size;

	*code = (unsigned char)*text;
	if (*code < 0x80)
		return 1;
	size = utf8_decode(text, strnlen(text, 4), code);
	if (size == 0)
		*code = 0; /* a byte of nothing: as it is */
	return size > 0 ? size : 1;
}

void text_fold(struct buf *out, const char *text)
{
	size_t len = strlen(text);
	bool blank = false;
	char *first;
	char *at;

	if (!buf_reserve(out, len))
		return;
	first = at = out->data + out->len;
	while (*text) {
		uint32_t code;
		size_t size = next_char(text, &code);

		if (is_space(code)) {
			blank = at > first;
		} else {
			if (blank)
				*at++ = ' ';
			at = fold_char(at, text, size, code);
			blank = false;
		}
		text += size;
	}
	out->len += (size_t)(at - first);
	*at = '\0';
}

static void escape_char(struct buf *out, const char *at, size_t size, uint32_t code)
{
	if (size == 0)
		buf_addf(out, "\\x%02x", (unsigned)(uint8_t)*at);
	else if (code == '\n' || code == '\t')
		buf_adds(out, code == '\n' ? "\\n" : "\\t");
	else if (code < 0x20 || (code >= 0x7f && code <= 0x9f))
		buf_addf(out, "\\x%02x", (unsigned)code);
	else
		buf_add(out, at, size);
}

void text_escape(struct buf *out, const char *text, size_t len)
{
	while (len > 0) {
		uint32_t code = 0;
		size_t size = utf8_decode(text, len, &code);

		escape_char(out, text, size, code);
		text += size ? size : 1;
		len -= size ? size : 1;
	}
}

void html_escape(struct buf *out, const char *text)
{
	static const char *const escapes[] = {['&'] = "&amp;",
		['<'] = "&lt;",
		['>'] = "&gt;",
		['"'] = "&quot;",
		['\''] = "&#39;",
		['\n'] = "<br>\n"};

	while (*text) {
		size_t plain = strcspn(text, "&<>\"'\n");

		buf_add(out, text, plain);
		text += plain;
		if (*text)
			buf_adds(out, escapes[(unsigned char)*text++]);
	}
}
