#include "utf8.h"

#include <stdbool.h>

/* First byte ranges by length, the bits of the number they hold, and the least number
 * that needs this many bytes (below it: overlong). */
static const struct {
	uint8_t mask, lead;
	uint32_t least;
} forms[] = {
	[1] = {0x80, 0x00, 0},
	[2] = {0xe0, 0xc0, 0x80},
	[3] = {0xf0, 0xe0, 0x800},
	[4] = {0xf8, 0xf0, 0x10000},
};

static size_t form_of(uint8_t first)
{
	for (size_t size = 1; size <= 4; size++)
		if ((first & forms[size].mask) == forms[size].lead)
			return size;
	return 0;
}

static bool is_continuation(char byte)
{
	return ((uint8_t)byte & 0xc0) == 0x80;
}

size_t utf8_decode(const char *bytes, size_t len, uint32_t *code_out)
{
	size_t size;
	uint32_t code;

	if (len > 0 && (uint8_t)bytes[0] < 0x80) { /* most text is */
		*code_out = (uint8_t)bytes[0];
		return 1;
	}
	size = len ? form_of((uint8_t)bytes[0]) : 0;
	if (size == 0 || size > len)
		return 0;
	code = (uint8_t)bytes[0] & (uint8_t)~forms[size].mask;
	for (size_t i = 1; i < size; i++) {
		if (!is_continuation(bytes[i]))
			return 0;
		code = code << 6 | ((uint8_t)bytes[i] & 0x3f);
	}
	if (code < forms[size].least || code > 0x10ffff ||
		(code >= 0xd800 && code <= 0xdfff))
		return 0;
	*code_out = code;
	return size;
}

size_t utf8_whole(const char *bytes, size_t len)
{
	size_t start = len;
	size_t back = 0;

	while (start > 0 && back < 3 && is_continuation(bytes[start - 1])) {
		start--;
		back++;
	}
	if (start == 0 || form_of((uint8_t)bytes[start - 1]) <= back + 1)
		return len; /* whole, or not UTF-8 at all: nothing to mend */
	return start - 1;
}
