/* json_bytes: what both readers of JSON ask of its bytes. Pure. */
#ifndef LEADRELAY_BASE_JSON_BYTES_H
#define LEADRELAY_BASE_JSON_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JSON_EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

static inline bool json_is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Are all of these eight bytes plain? (A byte is zero where w - 1 borrows and w does not
 * have its high bit; likewise below 0x20.) */
static inline bool json_all_plain(const char *bytes)
{
	uint64_t w, quote, backslash;

	memcpy(&w, bytes, sizeof(w));
	quote = w ^ JSON_EACH_BYTE('"');
	backslash = w ^ JSON_EACH_BYTE('\\');
	return !((w | ((w - JSON_EACH_BYTE(0x20)) & ~w) |
			 ((quote - JSON_EACH_BYTE(1)) & ~quote) |
			 ((backslash - JSON_EACH_BYTE(1)) & ~backslash)) &
		 JSON_EACH_BYTE(0x80));
}

/* How many bytes from the first are ASCII that stands in a string as it is: most of a
 * string, so they are looked at by eights. */
static inline size_t json_plain_run(const char *bytes, size_t len)
{
	size_t run = 0;

	while (len - run >= 8 && json_all_plain(bytes + run))
		run += 8;
	while (run < len && json_is_plain((unsigned char)bytes[run]))
		run++;
	return run;
}

#endif
