#include "support.h"

#include "words.h"

static void check_words(const char *text, size_t max, const char *expected)
{
	struct buf out = BUF_INIT;

	words_add(&out, text, strlen(text), max);
	assert_string_equal(buf_str(&out), expected);
	buf_finish(&out);
}

static void words_are_one_line_of_bounded_length(void **state)
{
	(void)state;
	check_words("  two\r\n\twords \n", 100, "two words");
	check_words("caf\xc3\xa9 \xff", 100, "caf\xc3\xa9 \\xff");
	check_words("\x1b[31mred", 100, "[31mred");
	check_words("0123456789", 10, "012345...");
	check_words("", 10, "");
}

static void check_body(const char *body, const char *expected)
{
	struct buf out = BUF_INIT;

	words_of_body(&out, body, strlen(body));
	assert_string_equal(buf_str(&out), expected);
	buf_finish(&out);
}

static void a_page_is_told_by_its_title(void **state)
{
	(void)state;
	check_body("<html><head><TITLE>Sign in</TITLE>", "an HTML page, \"Sign in\"");
	check_body("\n<!DOCTYPE html><p>x", "an HTML page");
	check_body("<title>never closed", "an HTML page");
	check_body("upstream timed out\n", "upstream timed out");
	check_body(" \n", "no words");
}

static void a_text_is_cut_between_characters(void **state)
{
	char out[6];

	(void)state;
	words_put(out, sizeof(out), "abcd\xc3\xa9");
	assert_string_equal(out, "abcd");
	words_put(out, sizeof(out), "abc\xc3\xa9");
	assert_string_equal(out, "abc\xc3\xa9");
	words_expand(out, sizeof(out), "<@>", "abc");
	assert_string_equal(out, "<abc>");
}

static void secrets_are_hidden_bare_and_encoded(void **state)
{
	struct buf text = BUF_INIT;

	(void)state;
	buf_adds(&text, "got s~cr/t+= and s%7Ecr%2Ft%2B%3D!");
	words_hide(&text, "s~cr/t+=");
	assert_string_equal(buf_str(&text), "got *** and ***!");
	words_hide(&text, NULL);
	words_hide(&text, "and"); /* too short to be one */
	assert_string_equal(buf_str(&text), "got *** and ***!");
	buf_finish(&text);
}

static void a_nul_hides_no_secret(void **state)
{
	struct buf text = BUF_INIT;

	(void)state;
	buf_add(&text, "a\0s~cr/t+= s%7Ecr%2Ft%2B%3D", 27);
	words_hide(&text, "s~cr/t+=");
	assert_int_equal(text.len, 9);
	assert_memory_equal(text.data, "a\0*** ***", 10);
	buf_finish(&text);
}

static void a_column_is_found_as_a_word(void **state)
{
	const char *text = "the nickname_x and Name of it";

	(void)state;
	assert_ptr_equal(words_find(text, "name"), strstr(text, " of"));
	assert_null(words_find(text, "nick"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_one_line_of_bounded_length),
		cmocka_unit_test(a_page_is_told_by_its_title),
		cmocka_unit_test(a_text_is_cut_between_characters),
		cmocka_unit_test(secrets_are_hidden_bare_and_encoded),
		cmocka_unit_test(a_nul_hides_no_secret),
		cmocka_unit_test(a_column_is_found_as_a_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
