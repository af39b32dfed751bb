#include "hex.h"
#include "leadrelay/buf.h"
#include "leadrelay/text.h"

#include <string.h>

static bool is_alphanumeric(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Alphanumerics and the characters of kept stay as they are, the rest is %XX. */
static void percent_encode(
	struct buf *out, const char *text, size_t len, const char *kept)
{
	static const char digits[] = "0123456789ABCDEF";

	for (size_t i = 0; i < len; i++) {
		uint8_t byte = (uint8_t)text[i];

		if (is_alphanumeric(text[i]) || (byte && strchr(kept, byte)))
			buf_addc(out, text[i]);
		else
			buf_add(out,
				(const char[]){'%', digits[byte >> 4], digits[byte & 15]},
				3);
	}
}

void url_encode(struct buf *out, const char *text, size_t len)
{
	percent_encode(out, text, len, "-._~");
}

static void form_encode(struct buf *out, const char *text)
{
	for (;;) {
		size_t word = strcspn(text, " ");

		percent_encode(out, text, word, "*-._");
		if (text[word] == '\0')
			return;
		buf_addc(out, '+');
		text += word + 1;
	}
}

void form_add(struct buf *out, const char *name, const char *value)
{
	if (out->len > 0)
		buf_addc(out, '&');
	form_encode(out, name);
	buf_addc(out, '=');
	form_encode(out, value ? value : "");
}

static bool well_formed(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] == '%' && (len - i < 3 || hex_value(text[i + 1]) < 0 ||
					      hex_value(text[i + 2]) < 0))
			return false;
	return true;
}

long url_decode(char *text, size_t len, bool plus)
{
	char *out = text;

	if (!well_formed(text, len))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '%') {
			*out++ = (char)(hex_value(text[i + 1]) << 4 |
					hex_value(text[i + 2]));
			i += 2;
		} else {
			*out++ = plus && text[i] == '+' ? ' ' : text[i];
		}
	}
	if (out < text + len)
		*out = '\0';
	return (long)(out - text);
}
