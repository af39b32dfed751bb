#include "text.h"

#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/rand.h>

static void *alive(void *memory)
{
	if (!memory) {
		fputs("leadrelay-rehearsal: out of memory\n", stderr);
		abort();
	}
	return memory;
}

void *need(size_t size)
{
	return alive(calloc(1, size ? size : 1));
}

char *need_copy_of(const char *text, size_t len)
{
	char *copy = need(len + 1);

	memcpy(copy, text, len);
	return copy;
}

char *need_copy(const char *text)
{
	return need_copy_of(text, strlen(text));
}

static void make_room(struct text *text, size_t more)
{
	size_t size = text->size ? text->size : 128;

	while (size < text->len + more + 1)
		size *= 2;
	if (size == text->size)
		return;
	text->data = alive(realloc(text->data, size));
	text->size = size;
}

void text_add(struct text *text, const void *data, size_t len)
{
	make_room(text, len);
	if (len)
		memcpy(text->data + text->len, data, len);
	text->len += len;
	text->data[text->len] = '\0';
}

void text_puts(struct text *text, const char *words)
{
	text_add(text, words, strlen(words));
}

void text_vprintf(struct text *text, const char *fmt, va_list args)
{
	va_list again;
	int len;

	va_copy(again, args);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (len < 0)
		return;
	make_room(text, (size_t)len);
	vsnprintf(text->data + text->len, (size_t)len + 1, fmt, args);
	text->len += (size_t)len;
}

void text_printf(struct text *text, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	text_vprintf(text, fmt, args);
	va_end(args);
}

void text_json(struct text *text, const char *words)
{
	if (!words) {
		text_puts(text, "null");
		return;
	}
	text_add(text, "\"", 1);
	for (const char *at = words; *at; at++) {
		unsigned char c = (unsigned char)*at;

		if (c == '"' || c == '\\')
			text_printf(text, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			text_printf(text, "\\u%04x", c);
		else
			text_add(text, at, 1);
	}
	text_add(text, "\"", 1);
}

void text_clear(struct text *text)
{
	text->len = 0;
	if (text->data)
		text->data[0] = '\0';
}

void text_free(struct text *text)
{
	free(text->data);
	*text = (struct text){0};
}

bool guid_parse(char out[GUID_SIZE], const char *words)
{
	char guid[GUID_SIZE] = "";

	if (strlen(words) != GUID_SIZE - 1)
		return false;
	for (int i = 0; i < GUID_SIZE - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? words[i] != '-' : !isxdigit((unsigned char)words[i]))
			return false;
		guid[i] = (char)tolower((unsigned char)words[i]);
	}
	memcpy(out, guid, GUID_SIZE);
	return true;
}

void guid_random(char out[GUID_SIZE])
{
	unsigned char b[16];

	if (RAND_bytes(b, sizeof(b)) != 1)
		abort(); /* without randomness two tokens could be the same */
	b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
	b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
	snprintf(out, GUID_SIZE,
		"%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11],
		b[12], b[13], b[14], b[15]);
}

/* Length of the well-formed UTF-8 sequence at p (left bytes remain), or 0. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t point = p[0];

	if (len == 1)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4 || len > left)
		return 0;
	point &= 0x7fu >> len;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		point = point << 6 | (p[i] & 0x3f);
	}
	if (point < smallest[len] || point > 0x10ffff ||
		(point >= 0xd800 && point < 0xe000))
		return 0;
	return len;
}

bool utf8_valid(const char *data, size_t len)
{
	const unsigned char *p = (const unsigned char *)data;

	while (len) {
		size_t step = utf8_sequence(p, len);

		if (!step)
			return false;
		p += step;
		len -= step;
	}
	return true;
}

size_t utf16_units(const char *utf8)
{
	size_t units = 0;

	for (; *utf8; utf8++) {
		unsigned char c = (unsigned char)*utf8;

		if ((c & 0xc0) != 0x80)
			units += c >= 0xf0 ? 2 : 1;
	}
	return units;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

char *percent_decode(const char *data, size_t len, bool plus_is_space)
{
	char *out = need(len + 1), *at = out;

	for (size_t i = 0; i < len; i++) {
		if (data[i] == '%' && i + 2 < len && hex_digit(data[i + 1]) >= 0 &&
			hex_digit(data[i + 2]) >= 0) {
			*at++ = (char)(hex_digit(data[i + 1]) * 16 +
				       hex_digit(data[i + 2]));
			i += 2;
		} else {
			*at++ = plus_is_space && data[i] == '+' ? ' ' : data[i];
		}
	}
	*at = '\0';
	return out;
}

char *form_value(const char *form, const char *name)
{
	while (form && *form) {
		size_t len = strcspn(form, "&");
		size_t key_len = strcspn(form, "=&");
		char *key = percent_decode(form, key_len, true);
		bool found = strcmp(key, name) == 0;

		free(key);
		if (found && key_len < len)
			return percent_decode(
				form + key_len + 1, len - key_len - 1, true);
		if (found)
			return need_copy("");
		form += len;
		form += *form == '&';
	}
	return NULL;
}

static const char alphabet[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

char *base64url(const void *data, size_t len)
{
	const unsigned char *p = data;
	char *out = need(len * 4 / 3 + 4), *at = out;

	for (size_t i = 0; i < len; i += 3) {
		uint32_t three = (uint32_t)p[i] << 16;

		three |= i + 1 < len ? (uint32_t)p[i + 1] << 8 : 0;
		three |= i + 2 < len ? p[i + 2] : 0;
		*at++ = alphabet[three >> 18];
		*at++ = alphabet[three >> 12 & 63];
		if (i + 1 < len)
			*at++ = alphabet[three >> 6 & 63];
		if (i + 2 < len)
			*at++ = alphabet[three & 63];
	}
	return out;
}

bool base64url_decode(struct text *out, const char *data, size_t len)
{
	uint32_t bits = 0;
	int held = 0;

	while (len &&
		data[len - 1] == '=') /* x5t is written with padding by some clients */
		len--;
	for (size_t i = 0; i < len; i++) {
		const char *at = data[i] ? strchr(alphabet, data[i]) : NULL;

		if (!at)
			return false;
		bits = bits << 6 | (uint32_t)(at - alphabet);
		held += 6;
		if (held >= 8) {
			unsigned char byte = (unsigned char)(bits >> (held - 8));

			held -= 8;
			text_add(out, &byte, 1);
		}
	}
	return true;
}
