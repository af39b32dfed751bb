#include "csv_encoding.h"

#include "leadrelay/text.h"

#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define INVALID '\xff'

bool all_ascii(const char *bytes, size_t len)
{
	uint64_t eight;

	for (; len >= sizeof(eight); bytes += sizeof(eight), len -= sizeof(eight)) {
		memcpy(&eight, bytes, sizeof(eight));
		if (eight & UINT64_C(0x8080808080808080))
			return false;
	}
	for (; len > 0; bytes++, len--)
		if (*bytes & 0x80)
			return false;
	return true;
}

/* The first byte of a character and some of the others. */
static bool is_cut(const char *bytes, size_t len)
{
	if ((bytes[0] & 0xc0) != 0xc0)
		return false;
	for (size_t i = 1; i < len; i++)
		if ((bytes[i] & 0xc0) != 0x80)
			return false;
	return true;
}

bool utf8_begins(const char *bytes, size_t len)
{
	for (size_t cut = 0; cut < 4 && cut <= len; cut++)
		if (utf8_valid(bytes, len - cut))
			return cut == 0 || is_cut(bytes + len - cut, cut);
	return false;
}

/* ---- which way ---- */

/* One byte by itself; false: it is the beginning of something longer. */
static bool fill_entry(struct encoding *encoding, iconv_t iconv_cd, unsigned byte)
{
	char in = (char)byte, *from = &in, text[8], *to = text;
	size_t in_left = 1, out_left = sizeof(text);

	iconv(iconv_cd, NULL, NULL, NULL, NULL);
	if (iconv(iconv_cd, &from, &in_left, &to, &out_left) == (size_t)-1)
		return errno != EINVAL;
	if (to == text || to - text > 4)
		return false;
	encoding->table[byte].len = (unsigned char)(to - text);
	memcpy(encoding->table[byte].text, text, encoding->table[byte].len);
	return true;
}

/* Single bytes, ASCII among them. */
static bool fill_table(struct encoding *encoding, iconv_t iconv_cd)
{
	for (unsigned byte = 0; byte < 256; byte++)
		if (!fill_entry(encoding, iconv_cd, byte))
			return false;
	for (unsigned byte = 1; byte < 128; byte++)
		if (encoding->table[byte].len != 1 ||
			encoding->table[byte].text[0] != (char)byte)
			return false;
	return true;
}

/* What is skipped of what is not valid. */
static size_t unit_of(const char *name)
{
	if (strncasecmp(name, "utf-16", 6) == 0 || strncasecmp(name, "ucs-2", 5) == 0)
		return 2;
	if (strncasecmp(name, "utf-32", 6) == 0 || strncasecmp(name, "ucs-4", 5) == 0)
		return 4;
	return 1;
}

static bool is_utf8(const char *name)
{
	return strcasecmp(name, "utf-8") == 0 || strcasecmp(name, "utf8") == 0 ||
	       strcasecmp(name, "utf-8-sig") == 0;
}

enum err_code encoding_init(struct encoding *out, const char *name, struct err *err)
{
	iconv_t iconv_cd;

	memset(out, 0, sizeof(*out));
	snprintf(out->name, sizeof(out->name), "%s", is_utf8(name) ? "UTF-8" : name);
	out->way = ENCODING_UTF8;
	if (is_utf8(name))
		return ERR_OK;
	/* iconv takes suffixes such as //IGNORE, which would lose text */
	iconv_cd = strlen(name) < sizeof(out->name) && !strchr(name, '/')
			   ? iconv_open("UTF-8", name)
			   : (iconv_t)-1;
	if (iconv_cd == (iconv_t)-1)
		return err_set(err, ERR_INVALID,
			"\"%.40s\" is not an encoding this machine knows; UTF-8, windows-1252, "
			"ISO-8859-15, UTF-16LE and what else `iconv -l` lists are",
			name);
	if (fill_table(out, iconv_cd)) {
		out->way = ENCODING_BYTES;
		iconv_close(iconv_cd);
		return ERR_OK;
	}
	iconv(iconv_cd, NULL, NULL, NULL, NULL);
	out->way = ENCODING_STREAM;
	out->iconv = iconv_cd;
	out->unit = unit_of(name);
	return ERR_OK;
}

void encoding_finish(struct encoding *encoding)
{
	if (encoding->iconv)
		iconv_close(encoding->iconv);
	encoding->iconv = NULL;
}

/* ---- cells ---- */

static size_t utf8_valid_prefix(const char *bytes, size_t len)
{
	size_t good = 0;

	while (good < len) {
		size_t size = 1;

		while (size <= 4 && good + size <= len && !utf8_valid(bytes + good, size))
			size++;
		if (size > 4 || good + size > len)
			return good;
		good += size;
	}
	return good;
}

static long utf8_cell(struct buf *out, const char *bytes, size_t len)
{
	long wrong = -1;
	size_t at = 0;

	if (utf8_valid(bytes, len)) {
		buf_add(out, bytes, len);
		return -1;
	}
	while (at < len) {
		size_t good = utf8_valid_prefix(bytes + at, len - at);

		buf_add(out, bytes + at, good);
		at += good;
		if (at == len)
			break;
		wrong = wrong < 0 ? (long)at : wrong;
		buf_adds(out, REPLACEMENT);
		at++;
	}
	return wrong;
}

static long table_cell(
	const struct encoding *encoding, struct buf *out, const char *bytes, size_t len)
{
	long wrong = -1;

	if (all_ascii(bytes, len)) {
		buf_add(out, bytes, len);
		return -1;
	}
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)bytes[i];

		if (encoding->table[byte].len > 0) {
			buf_add(out, encoding->table[byte].text,
				encoding->table[byte].len);
			continue;
		}
		wrong = wrong < 0 ? (long)i : wrong;
		buf_adds(out, REPLACEMENT);
	}
	return wrong;
}

long encoding_cell(
	const struct encoding *encoding, struct buf *out, const char *bytes, size_t len)
{
	return encoding->way == ENCODING_BYTES ? table_cell(encoding, out, bytes, len)
					       : utf8_cell(out, bytes, len);
}

/* ---- streams ---- */

/* Converts what it can of in; returns how many bytes it left. */
static size_t convert(struct encoding *encoding, struct buf *out, char *in, size_t len)
{
	while (len > 0) {
		char *to;
		size_t room;

		if (!buf_reserve(out, 4 * len + 16))
			return 0;
		to = out->data + out->len;
		room = 4 * len + 16;
		if (iconv(encoding->iconv, &in, &len, &to, &room) != (size_t)-1)
			errno = 0;
		out->len = (size_t)(to - out->data);
		if (errno == EINVAL)
			break;
		if (errno == EILSEQ) {
			size_t skipped = len < encoding->unit ? len : encoding->unit;

			buf_addc(out, INVALID);
			in += skipped;
			len -= skipped;
		}
	}
	return len;
}

void encoding_stream(struct encoding *encoding, struct buf *out, const char *bytes,
	size_t len, bool end)
{
	struct buf in = BUF_INIT;
	size_t left;

	buf_add(&in, encoding->rest, encoding->rest_len);
	buf_add(&in, bytes, len);
	left = buf_ok(&in) ? convert(encoding, out, in.data, in.len) : 0;
	if (left > sizeof(encoding->rest) || (end && left > 0)) {
		buf_addc(out, INVALID);
		left = 0;
	}
	if (left > 0)
		memcpy(encoding->rest, in.data + in.len - left, left);
	encoding->rest_len = left;
	out->failed |= in.failed;
	buf_finish(&in);
}
