#include "words.h"

#include "leadrelay/text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define SECRET_MIN 6 /* a shorter one would blot out ordinary words */

static bool is_gap(unsigned char c)
{
	return c <= ' ' || c == 0x7f;
}

/* The bytes of the character at text, or 1 where there is none. */
static size_t step(const char *text, size_t len)
{
	for (size_t size = 1; size <= 4 && size <= len; size++)
		if (utf8_valid(text, size))
			return size;
	return 1;
}

void words_add(struct buf *out, const char *text, size_t len, size_t max)
{
	size_t start = out->len;
	bool gap = false;

	while (len > 0) {
		size_t size = step(text, len);

		if (is_gap((unsigned char)*text)) {
			gap = out->len > start;
		} else {
			if (out->len - start + size + 4 > max) {
				buf_adds(out, "...");
				return;
			}
			if (gap)
				buf_addc(out, ' ');
			gap = false;
			text_escape(out, text, size);
		}
		text += size;
		len -= size;
	}
}

static const char *find_nocase(const char *text, size_t len, const char *needle)
{
	size_t size = strlen(needle);

	for (size_t i = 0; i + size <= len; i++)
		if (strncasecmp(text + i, needle, size) == 0)
			return text + i;
	return NULL;
}

static void add_title(struct buf *out, const char *page, size_t len)
{
	const char *end = page + len;
	const char *title = find_nocase(page, len, "<title");
	const char *close;

	buf_adds(out, "an HTML page");
	title = title ? memchr(title, '>', (size_t)(end - title)) : NULL;
	if (!title)
		return;
	title++;
	close = find_nocase(title, (size_t)(end - title), "</title");
	if (!close || close == title)
		return;
	buf_adds(out, ", \"");
	words_add(out, title, (size_t)(close - title), 200);
	buf_addc(out, '"');
}

void words_of_body(struct buf *out, const char *body, size_t len)
{
	while (len > 0 && is_gap((unsigned char)*body)) {
		body++;
		len--;
	}
	if (len == 0)
		buf_adds(out, "no words");
	else if (*body == '<')
		add_title(out, body, len);
	else
		words_add(out, body, len, 300);
}

void words_put(char *out, size_t size, const char *text)
{
	size_t len = strlen(text);

	if (len >= size) {
		len = size - 1;
		while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(out, text, len);
	out[len] = '\0';
}

void words_expand(char *out, size_t size, const char *pattern, const char *name)
{
	struct buf text = BUF_INIT;

	for (; *pattern; pattern++) {
		if (*pattern == '@')
			buf_adds(&text, name);
		else
			buf_addc(&text, *pattern);
	}
	words_put(out, size, buf_str(&text));
	buf_finish(&text);
}

/* A body may hold NULs: what stands behind one counts too. */
static void hide_exact(struct buf *text, const char *secret)
{
	struct buf clean = BUF_INIT;
	const char *at = buf_str(text);
	const char *end = at + text->len;
	size_t size = strlen(secret);
	const char *found = memmem(at, text->len, secret, size);

	if (!found)
		return;
	for (; found; found = memmem(at, (size_t)(end - at), secret, size)) {
		buf_add(&clean, at, (size_t)(found - at));
		buf_adds(&clean, "***");
		at = found + size;
	}
	buf_add(&clean, at, (size_t)(end - at));
	buf_wipe(text);
	*text = clean;
}

void words_hide(struct buf *text, const char *secret)
{
	struct buf encoded = BUF_INIT;

	if (!secret || strlen(secret) < SECRET_MIN)
		return;
	hide_exact(text, secret);
	form_add(&encoded, "", secret);
	if (encoded.len > 1)
		hide_exact(text, encoded.data + 1); /* behind the '=' */
	buf_wipe(&encoded);
}

static bool is_word_char(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

const char *words_find(const char *text, const char *needle)
{
	size_t size = strlen(needle);

	for (const char *at = text; *at; at++) {
		if (strncasecmp(at, needle, size) != 0 || is_word_char(at[size]))
			continue;
		if (at == text || !is_word_char(at[-1]))
			return at + size;
	}
	return NULL;
}
