#include "leadrelay/text.h"

#include "leadrelay/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define E_ACUTE "\xc3\xa9"
#define EURO "\xe2\x82\xac"
#define SMILE "\xf0\x9f\x98\x80" /* beyond the basic plane: two UTF-16 units */

static void valid_utf8_is_what_rfc_3629_says(void **state)
{
	static const char *const good[] = {"", "a", E_ACUTE EURO SMILE, "\x01\x7f",
		"\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
		"\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3",
		"\xc3z", "a\xc3", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
		"\xe2\x82", "\xe2\x82z", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80", "\xf0\x9f\x98", "\xff", "\xfe",
		"\xf8\x88\x80\x80\x80", E_ACUTE "\xa9"};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(utf8_valid(good[i], strlen(good[i])));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(utf8_valid(bad[i], strlen(bad[i])));
	assert_true(utf8_valid("a\0b", 3)); /* U+0000 is a character */
	assert_true(utf8_valid(E_ACUTE EURO, 2));
	assert_false(utf8_valid(E_ACUTE EURO, 3)); /* len ends inside a character */
	assert_true(utf8_valid(NULL, 0));
}

static void utf16_length_counts_units(void **state)
{
	(void)state;
	assert_int_equal(utf16_length(""), 0);
	assert_int_equal(utf16_length("abc"), 3);
	assert_int_equal(utf16_length(E_ACUTE EURO), 2);
	assert_int_equal(utf16_length("\xef\xbf\xbf"), 1);
	assert_int_equal(utf16_length("\xf0\x90\x80\x80"), 2);
	assert_int_equal(utf16_length("a" SMILE "b"), 4);
	assert_int_equal(utf16_length("12345678"), 8);
	assert_int_equal(
		utf16_length("12345678" E_ACUTE "2345678" SMILE "12345678x"), 27);
	assert_int_equal(utf16_length("1234567\x80"
				      "12345678\xff"),
		17);
}

static void utf16_prefix_never_cuts_a_character(void **state)
{
	static const char text[] =
		"a" E_ACUTE SMILE EURO; /* units: 1 1 2 1; bytes: 1 2 4 3 */
	static const size_t bytes[] = {0, 1, 3, 3, 7, 10, 10, 10};

	(void)state;
	for (size_t units = 0; units < COUNT(bytes); units++)
		assert_int_equal(utf16_prefix(text, units), bytes[units]);
	assert_int_equal(utf16_prefix("", 5), 0);
	assert_int_equal(utf16_prefix("1234567890" E_ACUTE, 10), 10);
	assert_int_equal(utf16_prefix("1234567890" E_ACUTE, 11), 12);
	assert_int_equal(utf16_prefix(text, SIZE_MAX), 10);
}

static void globs_match_whole_texts(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool match;
	} cases[] = {{"", "", true}, {"", "a", false}, {"*", "", true},
		{"*", "abc", true}, {"**", "", true}, {"?", "", false}, {"?", "a", true},
		{"?", "ab", false}, {"abc", "abc", true}, {"abc", "ab", false},
		{"ab", "abc", false}, {"abc", "ABC", true}, {"ABC", "abc", true},
		{"contoso.*", "contoso.offer", true}, {"contoso.*", "Contoso.", true},
		{"contoso.*", "contoso", false}, {"contoso.*", "contosoXoffer", false},
		{"*.plan", "a.b.plan", true}, {"*.plan", "a.b.plans", false},
		{"a*b*c", "a-b-b-c", true}, {"a*b*c", "a-c-b", false},
		{"a*b*c", "abc", true}, {"*a*", "bbb", false}, {"a*a", "a", false},
		{"a**?b", "axb", true}, {"a**?b", "ab", false}, {"*ab", "aab", true},
		{"*aab*", "aaaab", true},
		{"?"
		 "?",
			E_ACUTE EURO, true},
		{"?", SMILE, true},
		{"?"
		 "?",
			SMILE, false},
		{"*?", E_ACUTE, true},
		{"*?"
		 "?",
			E_ACUTE, false},
		{E_ACUTE "*", E_ACUTE "x", true}, {"[a]", "a", false},
		{"[a]", "[A]", true}, {"\\*", "*", false}, {"\\*", "\\x", true},
		{"@", "`", false}, {"[", "{", false}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		if (glob_match(cases[i].pattern, cases[i].text) != cases[i].match)
			fail_msg("%s on %s: %d expected", cases[i].pattern, cases[i].text,
				cases[i].match);
}

/* Backtracking over every star would take 2000 to the 30th power steps here. */
static void many_stars_take_no_longer(void **state)
{
	char pattern[64] = "";
	char text[2001];

	(void)state;
	for (int i = 0; i < 30; i++)
		memcpy(pattern + 2 * i, "a*", 3);
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_true(glob_match(pattern, text));
	pattern[60] = 'b';
	pattern[61] = '\0';
	assert_false(glob_match(pattern, text));
}

static void blank_is_nothing_but_white_space(void **state)
{
	static const char *const blank[] = {"", " ", " \t\r\n\v\f", "\xc2\xa0",
		"\xc2\x85", "\xe3\x80\x80 ", "\xe2\x80\x80\xe2\x80\x8a", "\xe2\x80\xa8",
		"\xe2\x80\xaf", "\xe1\x9a\x80", "\xe2\x81\x9f"};
	static const char *const not_blank[] = {"a", " a ", "0", "\x01", E_ACUTE, "\xa0",
		" \xc2", "-", "\xe2\x80\x8b", "\x1c"};

	(void)state;
	assert_true(text_blank(NULL));
	for (size_t i = 0; i < COUNT(blank); i++)
		assert_true(text_blank(blank[i]));
	for (size_t i = 0; i < COUNT(not_blank); i++)
		assert_false(text_blank(not_blank[i]));
}

static void escaping_leaves_nothing_a_terminal_obeys(void **state)
{
	static const char text[] =
		"a" E_ACUTE SMILE "\n\t\r\0\x1b[m\x7f\xc2\x9b\xff\xc3(\xe2\x82";
	struct buf out = BUF_INIT;

	(void)state;
	buf_adds(&out, "> ");
	text_escape(&out, text, sizeof(text) - 1);
	assert_string_equal(buf_str(&out),
		"> a" E_ACUTE SMILE
		"\\n\\t\\x0d\\x00\\x1b[m\\x7f\\x9b\\xff\\xc3(\\xe2\\x82");
	buf_clear(&out);
	text_escape(&out, "", 0);
	assert_int_equal(out.len, 0);
	buf_finish(&out);
}

static void html_is_escaped_and_line_ends_break(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	html_escape(&out, "<b>\"R&D\"</b>\n'Zo\xc3\xab'");
	assert_string_equal(buf_str(&out),
		"&lt;b&gt;&quot;R&amp;D&quot;&lt;/b&gt;<br>\n&#39;Zo\xc3\xab&#39;");
	buf_finish(&out);
}

static void expect_folded(const char *text, const char *want)
{
	struct buf out = BUF_INIT;

	text_fold(&out, text);
	assert_string_equal(buf_str(&out), want);
	buf_finish(&out);
}

static void what_is_compared_has_no_case_and_no_stray_blanks(void **state)
{
	(void)state;
	expect_folded("  Jane.Doe@Example.COM\r\n", "jane.doe@example.com");
	expect_folded("Contoso \t\n Cloud\xc2\xa0\xc2\xa0Suite", "contoso cloud suite");
	expect_folded("\xc3\x89T\xc3\x89 \xc3\x80\xc3\x9e",
		E_ACUTE "t" E_ACUTE " \xc3\xa0\xc3\xbe");
	expect_folded("3 \xc3\x97 \xc3\x9f \xc3\xbf " SMILE,
		"3 \xc3\x97 \xc3\x9f \xc3\xbf " SMILE);
	expect_folded("A\xffZ\xc3", "a\xffz\xc3");
	expect_folded(" \t", "");
	expect_folded("", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(html_is_escaped_and_line_ends_break),
		cmocka_unit_test(valid_utf8_is_what_rfc_3629_says),
		cmocka_unit_test(utf16_length_counts_units),
		cmocka_unit_test(utf16_prefix_never_cuts_a_character),
		cmocka_unit_test(globs_match_whole_texts),
		cmocka_unit_test(many_stars_take_no_longer),
		cmocka_unit_test(blank_is_nothing_but_white_space),
		cmocka_unit_test(what_is_compared_has_no_case_and_no_stray_blanks),
		cmocka_unit_test(escaping_leaves_nothing_a_terminal_obeys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
