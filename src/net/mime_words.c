/*
 * Header lines (RFC 5322 2.2.3, RFC 2047, RFC 2231): plain where that is safe, otherwise
 * encoded words of at most 75 characters that never split a character, each on a line of
 * at most 76.
 */
#include "mime_words.h"

#include "leadrelay/buf.h"
#include "leadrelay/mailbox.h"
#include "leadrelay/mime.h"
#include "leadrelay/text.h"

#include <stdbool.h>
#include <string.h>

#define WORD_MAX 75
#define WORD_FRAME 12     /* =?UTF-8?B?...?= */
#define WORD_PAYLOAD 24   /* room below which a new line is begun first */
#define PLAIN_WORD_MAX 60 /* a longer plain word might not fit a line */
#define QUOTED_MAX 60

struct line { /* a header line being written */
	struct buf *out;
	size_t column;
};

static void put(struct line *line, const char *text, size_t len)
{
	buf_add(line->out, text, len);
	line->column += len;
}

static void fold(struct line *line)
{
	buf_adds(line->out, "\r\n ");
	line->column = 1;
}

static struct line begin(struct buf *out, const char *name)
{
	struct line line = {.out = out};

	put(&line, name, strlen(name));
	put(&line, ": ", 2);
	return line;
}

/* ---- characters ---- */

size_t mime_character(const char *text, size_t len)
{
	if (len > 0 && (unsigned char)*text < 0x80)
		return 1;
	for (size_t n = 2; n <= 4 && n <= len; n++) {
		if (utf8_valid(text, n))
			return n;
	}
	return 0;
}

static bool is_control(const char *text, size_t len)
{
	const unsigned char *c = (const unsigned char *)text;

	if (len == 1)
		return c[0] < 0x20 || c[0] == 0x7f;
	if (len == 2)
		return c[0] == 0xc2 && c[1] < 0xa0;
	return len == 3 && c[0] == 0xe2 && c[1] == 0x80 && (c[2] & 0xfe) == 0xa8;
}

void mime_clean(struct buf *out, const char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		size_t n = mime_character(text, len);

		if (n == 0)
			buf_adds(out, "\xef\xbf\xbd");
		else if (is_control(text, n))
			buf_addc(out, ' ');
		else
			buf_add(out, text, n);
		n = n > 0 ? n : 1;
		text += n;
		len -= n;
	}
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* ---- plain words ---- */

static bool is_ascii(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text >= 0x80)
			return false;
	}
	return true;
}

/* May it stand as it is and be folded at any blank? */
static bool is_plain(const char *text)
{
	size_t word = 0;

	if (!is_ascii(text) || strstr(text, "=?") || *text == ' ')
		return false;
	for (const char *c = text; *c; c++) {
		if (*c == ' ' && (c[1] == ' ' || !c[1]))
			return false;
		word = *c == ' ' ? 0 : word + 1;
		if (word > PLAIN_WORD_MAX)
			return false;
	}
	return true;
}

static void put_plain(struct line *line, const char *text)
{
	bool first = true;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (line->column + !first + len > MIME_LINE_MAX)
			fold(line);
		else if (!first)
			put(line, " ", 1);
		put(line, text, len);
		text += len;
		text += *text == ' ';
		first = false;
	}
}

/* ---- encoded words ---- */

/* RFC 2047 5 (3): safe in a phrase, and so everywhere. */
static bool q_safe(char c)
{
	return is_alnum(c) || (c && strchr("!*+-/", c));
}

static size_t q_cost(const char *text, size_t len)
{
	size_t cost = 0;

	for (size_t i = 0; i < len; i++)
		cost += q_safe(text[i]) || text[i] == ' ' ? 1 : 3;
	return cost;
}

static size_t b_cost(size_t len)
{
	return (len + 2) / 3 * 4;
}

static size_t word_cost(bool q, const char *text, size_t len)
{
	return WORD_FRAME + (q ? q_cost(text, len) : b_cost(len));
}

/* Bytes of the longest run of whole characters whose word fits in room. */
static size_t word_length(bool q, const char *text, size_t room)
{
	size_t left = strlen(text), len = 0;

	while (left > len) {
		size_t n = mime_character(text + len, left - len);

		n = n > 0 ? n : 1;
		if (word_cost(q, text, len + n) > room)
			break;
		len += n;
	}
	return len;
}

static void put_q(struct buf *out, const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] == ' ')
			buf_addc(out, '_');
		else if (q_safe(text[i]))
			buf_addc(out, text[i]);
		else
			buf_addf(out, "=%02X", (unsigned)(unsigned char)text[i]);
	}
}

static void put_word(struct line *line, bool q, const char *text, size_t len)
{
	buf_adds(line->out, q ? "=?UTF-8?Q?" : "=?UTF-8?B?");
	if (q)
		put_q(line->out, text, len);
	else
		base64_add(line->out, text, len);
	buf_adds(line->out, "?=");
	line->column += word_cost(q, text, len);
}

/* The blank between two words is not part of the text (RFC 2047 6.2). */
static void put_encoded(struct line *line, const char *text)
{
	bool q = q_cost(text, strlen(text)) <= b_cost(strlen(text));

	while (*text) {
		size_t room, len;

		if (line->column + WORD_FRAME + WORD_PAYLOAD > MIME_LINE_MAX)
			fold(line);
		room = MIME_LINE_MAX - line->column;
		len = word_length(q, text, room < WORD_MAX ? room : WORD_MAX);
		put_word(line, q, text, len);
		text += len;
		if (*text)
			fold(line);
	}
}

void mime_header(struct buf *out, const char *name, const char *text)
{
	struct line line = begin(out, name);
	struct buf clean = BUF_INIT;

	mime_clean(&clean, text);
	if (is_plain(buf_str(&clean)))
		put_plain(&line, buf_str(&clean));
	else
		put_encoded(&line, buf_str(&clean));
	if (!buf_ok(&clean))
		out->failed = true;
	buf_finish(&clean);
	buf_adds(out, "\r\n");
}

/* ---- addresses ---- */

static bool is_phrase(const char *text)
{
	for (; *text; text++) {
		if (!is_alnum(*text) && !strchr(" !#$%&'*+-/=?^_`{|}~", *text))
			return false;
	}
	return true;
}

static void put_quoted(struct line *line, const char *text)
{
	if (line->column + 2 * strlen(text) + 2 > MIME_LINE_MAX)
		fold(line);
	put(line, "\"", 1);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			put(line, "\\", 1);
		put(line, text, 1);
	}
	put(line, "\"", 1);
}

static void put_phrase(struct line *line, const char *text)
{
	if (is_plain(text) && is_phrase(text))
		put_plain(line, text);
	else if (is_ascii(text) && !strstr(text, "=?") && strlen(text) <= QUOTED_MAX / 2)
		put_quoted(line, text);
	else
		put_encoded(line, text);
}

void mime_address_header(struct buf *out, const char *name, const struct mailbox *mailbox)
{
	struct line line = begin(out, name);
	size_t len = strlen(mailbox->address);
	struct buf clean = BUF_INIT;

	mime_clean(&clean, mailbox->name ? mailbox->name : "");
	if (!buf_ok(&clean))
		out->failed = true;
	if (text_blank(buf_str(&clean))) {
		put(&line, mailbox->address, len);
	} else {
		put_phrase(&line, buf_str(&clean));
		if (line.column + len + 3 > MIME_LINE_MAX)
			fold(&line);
		else
			put(&line, " ", 1);
		buf_addf(out, "<%s>", mailbox->address);
	}
	buf_finish(&clean);
	buf_adds(out, "\r\n");
}

/* ---- parameters ---- */

static bool is_quotable(const char *value)
{
	return is_ascii(value) && !strpbrk(value, "\"\\%") && strlen(value) <= QUOTED_MAX;
}

/* RFC 2231 3: name*0*=UTF-8''..., name*1*=...; the pieces may split a character. */
static void put_extended(struct buf *out, const char *name, const char *value)
{
	struct buf encoded = BUF_INIT;
	const char *at;
	size_t left;

	url_encode(&encoded, value, strlen(value));
	if (!buf_ok(&encoded))
		out->failed = true;
	at = buf_str(&encoded);
	left = strlen(at);
	for (int i = 0; left > 0; i++) {
		size_t len = left < 48 ? left : 48;

		while (len < left && len > 2 &&
			(at[len - 1] == '%' || at[len - 2] == '%'))
			len--; /* not inside %XX */
		buf_addf(out, ";\r\n %s*%d*=%s%.*s", name, i, i == 0 ? "UTF-8''" : "",
			(int)len, at);
		at += len;
		left -= len;
	}
	buf_finish(&encoded);
}

void mime_parameter(struct buf *out, const char *name, const char *value)
{
	if (is_quotable(value))
		buf_addf(out, ";\r\n %s=\"%s\"", name, value);
	else
		put_extended(out, name, value);
}
