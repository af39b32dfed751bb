#include "leadrelay/json.h"

#include "hex.h"
#include "json_bytes.h"
#include "leadrelay/buf.h"
#include "utf8.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool json_is_number(const cJSON *item)
{
	return cJSON_IsRaw(item) && item->valuestring;
}

const char *json_number(const cJSON *item)
{
	return json_is_number(item) ? item->valuestring : NULL;
}

cJSON *json_get_nocase(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItem(object, name);
}

const char *json_string(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

#define EXACT_MAX 9007199254740992.0 /* 2^53: doubles below it hold every integer */

static long long integer_of_double(double value, long long fallback)
{
	if (!(value > -EXACT_MAX && value < EXACT_MAX) || trunc(value) != value)
		return fallback;
	return (long long)value;
}

long long json_integer(const cJSON *object, const char *name, long long fallback)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
	const char *text = json_number(item);
	long long value;
	char *end;

	if (cJSON_IsNumber(item))
		return integer_of_double(item->valuedouble, fallback);
	if (!text)
		return fallback;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (*end == '\0')
		return errno == 0 ? value : fallback;
	return integer_of_double(strtod(text, NULL), fallback);
}

bool json_bool(const cJSON *object, const char *name, bool fallback)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsBool(item) ? cJSON_IsTrue(item) : fallback;
}

/* ---- our own objects of strings ---- */

/* The character that c stands for behind a backslash; '\0': none of ours. */
static char unescaped(char c)
{
	static const char from[] = "\"\\bfnrt", to[] = "\"\\\b\f\n\r\t";
	const char *found = c ? strchr(from, c) : NULL;

	return found ? to[found - from] : '\0';
}

/* "u001f" */
static size_t take_control(const char *at, char *out)
{
	int high, low;

	if (strncmp(at, "u00", 3) != 0)
		return 0;
	high = hex_value(at[3]);
	low = high < 0 ? -1 : hex_value(at[4]);
	if (low < 0 || high > 1 || (high == 0 && low == 0))
		return 0;
	*out = (char)(high << 4 | low);
	return 5;
}

/* Bytes of what stands at text, up to end, as it is; 0: an escape, or not one of ours. */
static size_t literal(const char *text, const char *end)
{
	uint32_t code;

	if ((unsigned char)*text >= 0x80)
		return utf8_decode(text, (size_t)(end - text), &code);
	return json_plain_run(text, (size_t)(end - text));
}

/* A string in place: *at is behind its opening quote, and goes behind its closing one.
 * NULL: not one of ours. */
static char *take_text(char **at, const char *end)
{
	char *start = *at, *to = start, *from = start;

	while (*from && *from != '"') {
		size_t size = literal(from, end);

		if (size > 0) {
			if (to != from)
				memmove(to, from, size);
			to += size;
			from += size;
		} else if (*from == '\\') {
			char c = unescaped(from[1]);

			size = c ? 1 : take_control(from + 1, &c);
			if (size == 0)
				return NULL;
			*to++ = c;
			from += 1 + size;
		} else {
			return NULL;
		}
	}
	if (*from != '"')
		return NULL;
	*to = '\0';
	*at = from + 1;
	return start;
}

bool json_texts_read(
	char *text, void (*each)(void *ctx, const char *name, char *value), void *ctx)
{
	const char *end = text + strlen(text);

	if (strcmp(text, "{}") == 0)
		return true;
	if (*text++ != '{')
		return false;
	for (;;) {
		char *name, *value;

		if (*text++ != '"')
			return false;
		name = take_text(&text, end);
		if (!name || strncmp(text, ":\"", 2) != 0)
			return false;
		text += 2;
		value = take_text(&text, end);
		if (!value)
			return false;
		each(ctx, name, value);
		if (*text == '}')
			return text[1] == '\0';
		if (*text++ != ',')
			return false;
	}
}

/* ---- writing ---- */

static void add_escape(struct buf *out, unsigned char c)
{
	static const char letters[][2] = {['"'] = "\"",
		['\\'] = "\\",
		['\b'] = "b",
		['\f'] = "f",
		['\n'] = "n",
		['\r'] = "r",
		['\t'] = "t"};

	if (letters[c][0] != '\0')
		buf_add(out, (const char[]){'\\', letters[c][0]}, 2);
	else
		buf_addf(out, "\\u%04x", c);
}

void json_part_add(struct buf *out, const char *text, size_t len)
{
	const char *end = text + len, *from = text, *at = text;

	buf_addc(out, '"');
	for (; (at += json_plain_run(at, (size_t)(end - at))) < end; at++) {
		unsigned char c = (unsigned char)*at;

		if (c >= 0x80)
			continue;
		buf_add(out, from, (size_t)(at - from));
		add_escape(out, c);
		from = at + 1;
	}
	buf_add(out, from, (size_t)(end - from));
	buf_addc(out, '"');
}

void json_text_add(struct buf *out, const char *text)
{
	json_part_add(out, text, strlen(text));
}
