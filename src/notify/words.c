/* A lead's texts, made fit to stand in a mail. */
#include "room.h"

#include <string.h>

static bool in(unsigned char c, unsigned first, unsigned last)
{
	return c >= first && c <= last;
}

/* Bytes of the character at text that must not be shown: controls (C0, DEL, C1), line and
 * paragraph separators, marks of writing direction, byte order marks. 0: it may. */
static size_t unfit(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;

	if (c[0] < 0x20 || c[0] == 0x7f)
		return 1;
	if (c[0] == 0xc2 && in(c[1], 0x80, 0x9f))
		return 2;
	if (c[0] == 0xe2 && c[1] == 0x80 &&
		(in(c[2], 0xa8, 0xae) || c[2] == 0x8e || c[2] == 0x8f))
		return 3;
	if (c[0] == 0xe2 && c[1] == 0x81 && in(c[2], 0xa6, 0xa9))
		return 3;
	return c[0] == 0xef && c[1] == 0xbb && c[2] == 0xbf ? 3 : 0;
}

size_t words_width(const char *text)
{
	unsigned char c = (unsigned char)*text;

	return strnlen(text, c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4);
}

static bool ends_line(const char *text)
{
	return *text == '\n' || (*text == '\r' && text[1] != '\n');
}

static void add(struct buf *out, const char *text, size_t max, bool lines)
{
	size_t start = out->len;

	while (*text) {
		size_t bad = unfit(text), size = bad ? bad : words_width(text);

		if (out->len - start + size > max) {
			buf_adds(out, "...");
			return;
		}
		if (!bad)
			buf_add(out, text, size);
		else if (lines && ends_line(text))
			buf_addc(out, '\n');
		else if (bad == 1 && !(lines && *text == '\r'))
			buf_addc(out, ' ');
		text += size;
	}
}

void words_line(struct buf *out, const char *text, size_t max)
{
	add(out, text, max, false);
}

void words_lines(struct buf *out, const char *text, size_t max)
{
	add(out, text, max, true);
}
