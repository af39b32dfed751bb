#include "leadrelay/buf.h"
#include "leadrelay/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void assert_cell(
	void (*add)(struct buf *, const char *), const char *text, const char *expected)
{
	struct buf out = BUF_INIT;

	add(&out, text);
	assert_string_equal(buf_str(&out), expected);
	buf_finish(&out);
}

static void cells_are_quoted_where_a_reader_needs_it(void **state)
{
	(void)state;
	assert_cell(csv_add, "", "");
	assert_cell(csv_add, "Zo\xc3\xab", "Zo\xc3\xab");
	assert_cell(csv_add, "a b'c", "a b'c");
	assert_cell(csv_add, "a,b", "\"a,b\"");
	assert_cell(csv_add, "a;b", "\"a;b\"");
	assert_cell(csv_add, "a\tb", "\"a\tb\"");
	assert_cell(csv_add, "a\r\nb", "\"a\r\nb\"");
	assert_cell(csv_add, "\"", "\"\"\"\"");
	assert_cell(csv_add, "say \"hi\"", "\"say \"\"hi\"\"\"");
	assert_cell(csv_add, " a", "\" a\"");
	assert_cell(csv_add, "a ", "\"a \"");
	assert_cell(csv_add, "=1", "=1");
}

static void what_a_spreadsheet_would_compute_is_guarded(void **state)
{
	(void)state;
	assert_cell(csv_add_guarded, "", "");
	assert_cell(csv_add_guarded, "Ada", "Ada");
	assert_cell(csv_add_guarded, "a=b", "a=b");
	assert_cell(csv_add_guarded, "+46 8 123", "'+46 8 123");
	assert_cell(csv_add_guarded, "=HYPERLINK(\"x\",\"y\")",
		"\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"");
	assert_cell(csv_add_guarded, "-1", "'-1");
	assert_cell(csv_add_guarded, "@SUM(A1)", "'@SUM(A1)");
	assert_cell(csv_add_guarded, "\tx", "\"'\tx\"");
	assert_cell(csv_add_guarded, "\r=1", "\"'\r=1\"");
	assert_cell(csv_add_guarded,
		"\xef\xbc\x9d"
		"1",
		"'\xef\xbc\x9d"
		"1");
	assert_cell(csv_add_guarded, "'s-Hertogenbosch", "''s-Hertogenbosch");
}

/* What a reader of CSV makes of one cell. */
static void read_cell(struct buf *out, const char *cell)
{
	if (*cell != '"') {
		buf_adds(out, cell);
		return;
	}
	for (cell++; *cell; cell++) {
		if (*cell == '"' && *++cell != '"')
			break;
		buf_addc(out, *cell);
	}
}

static void unguarding_gives_every_text_back(void **state)
{
	static const char alphabet[] = "='+-@\t\r\n\"a, ;";
	char text[5];

	(void)state;
	for (unsigned n = 0; n < 13 * 13 * 13 * 13; n++) {
		struct buf cell = BUF_INIT, read = BUF_INIT;
		unsigned rest = n;

		for (int i = 0; i < 4; i++, rest /= 13)
			text[i] = alphabet[rest % 13];
		text[4] = '\0';
		csv_add_guarded(&cell, text);
		read_cell(&read, buf_str(&cell));
		assert_null(strchr("=+-@\t\r\n", *buf_str(&read)));
		assert_string_equal(csv_unguard(buf_str(&read)), text);
		buf_finish(&cell);
		buf_finish(&read);
	}
	assert_string_equal(csv_unguard(""), "");
	assert_string_equal(csv_unguard("'"), "'");
	assert_string_equal(csv_unguard("'tis"), "'tis");
	assert_string_equal(csv_unguard("''tis"), "'tis");
	assert_string_equal(csv_unguard("'\xef\xbc\x8b"
					"46"),
		"\xef\xbc\x8b"
		"46");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_are_quoted_where_a_reader_needs_it),
		cmocka_unit_test(what_a_spreadsheet_would_compute_is_guarded),
		cmocka_unit_test(unguarding_gives_every_text_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
