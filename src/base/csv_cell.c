#include "leadrelay/buf.h"
#include "leadrelay/text.h"

#include <string.h>

/* The first characters by which a spreadsheet knows a formula; the last four are their
 * full-width forms, which some take for the same. */
static const char *const formula_starts[] = {"=", "+", "-", "@", "\t", "\r", "\n",
	"\xef\xbc\x9d", "\xef\xbc\x8b", "\xef\xbc\x8d", "\xef\xbc\xa0"};

#define GUARD '\''

static bool needs_guard(const char *text)
{
	if (*text == GUARD) /* else taking the guard away would take this one, too */
		return true;
	for (size_t i = 0; i < sizeof(formula_starts) / sizeof(*formula_starts); i++)
		if (strncmp(text, formula_starts[i], strlen(formula_starts[i])) == 0)
			return true;
	return false;
}

static bool needs_quotes(const char *text)
{
	size_t len = strlen(text);

	return strpbrk(text, ",;\t\"\r\n") ||
	       (len > 0 && (text[0] == ' ' || text[len - 1] == ' '));
}

static void add_cell(struct buf *out, const char *guard, const char *text)
{
	if (!needs_quotes(text)) {
		buf_adds(out, guard);
		buf_adds(out, text);
		return;
	}
	buf_addc(out, '"');
	buf_adds(out, guard);
	for (const char *quote; (quote = strchr(text, '"')); text = quote + 1) {
		buf_add(out, text, (size_t)(quote - text));
		buf_adds(out, "\"\"");
	}
	buf_adds(out, text);
	buf_addc(out, '"');
}

void csv_add(struct buf *out, const char *text)
{
	add_cell(out, "", text);
}

void csv_add_guarded(struct buf *out, const char *text)
{
	add_cell(out, needs_guard(text) ? "'" : "", text);
}

const char *csv_unguard(const char *cell)
{
	return *cell == GUARD && needs_guard(cell + 1) ? cell + 1 : cell;
}
