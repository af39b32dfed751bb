#include "leadrelay/buf.h"
#include "leadrelay/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void url_encoding_keeps_the_unreserved_only(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	buf_adds(&out, "x/");
	url_encode(&out, "AZaz09-._~", 10);
	url_encode(&out, " !\"#$%&'()*+,/:;<=>?@[\\]^`{|}\x7f\0\xc3\xa9", 33);
	assert_string_equal(buf_str(&out),
		"x/AZaz09-._~%20%21%22%23%24%25%26%27%28%29%2A%2B%2C%2F%3A%3B%3C%3D%3E%3F%40"
		"%5B%5C%5D%5E%60%7B%7C%7D%7F%00%C3%A9");
	buf_finish(&out);
}

static void a_form_is_pairs_joined(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	form_add(&out, "grant_type", "client_credentials");
	form_add(&out, "scope", "https://x/.default y");
	form_add(&out, "a&b=c", "1+1=2&%~\xc3\xa9*-._");
	form_add(&out, "empty", "");
	form_add(&out, "none", NULL);
	form_add(&out, " ", "  ");
	assert_string_equal(buf_str(&out),
		"grant_type=client_credentials&scope=https%3A%2F%2Fx%2F.default+y"
		"&a%26b%3Dc=1%2B1%3D2%26%25%7E%C3%A9*-._&empty=&none=&+=++");
	buf_finish(&out);
}

static void decoding_undoes_it_in_place(void **state)
{
	static const struct {
		const char *text;
		bool plus;
		const char *expected;
		long len;
	} cases[] = {{"", true, "", 0}, {"abc", false, "abc", 3}, {"a+b", true, "a b", 3},
		{"a+b", false, "a+b", 3}, {"a%20b", false, "a b", 3},
		{"%2B+", true, "+ ", 2}, {"%C3%a9", false, "\xc3\xa9", 2},
		{"%2525", false, "%25", 3}, {"a%00b", false, "a\0b", 3},
		{"%41%42%43", false, "ABC", 3}, {"100%25", true, "100%", 4}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = strdup(cases[i].text);

		assert_int_equal(
			url_decode(text, strlen(text), cases[i].plus), cases[i].len);
		assert_memory_equal(text, cases[i].expected, (size_t)cases[i].len + 1);
		free(text);
	}
}

static void malformed_escapes_change_nothing(void **state)
{
	static const char *const texts[] = {"%", "a%", "%4", "%4x", "%x4", "%%41", "%41%",
		"+%4", "% 41", "%-1", "%+1", "%0x41", "a+b%2"};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		char *text = strdup(texts[i]);

		assert_int_equal(url_decode(text, strlen(text), true), -1);
		assert_string_equal(text, texts[i]);
		free(text);
	}
}

static void decoding_stays_within_its_bytes(void **state)
{
	char text[] = "a%4142";
	char *tight = malloc(3);

	(void)state;
	assert_int_equal(
		url_decode(text, 4, false), 2); /* "a%41": what is behind it stays */
	assert_memory_equal(text,
		"aA\0"
		"142",
		7);
	memcpy(tight, "%41", 3);
	assert_int_equal(url_decode(tight, 2, false), -1);
	assert_int_equal(url_decode(tight, 3, false), 1);
	free(tight);
}

static void every_byte_survives_both_ways(void **state)
{
	char bytes[256];
	struct buf url = BUF_INIT;

	(void)state;
	for (int i = 0; i < 256; i++)
		bytes[i] = (char)i;
	url_encode(&url, bytes, sizeof(bytes));
	assert_int_equal(url_decode(url.data, url.len, true), 256);
	assert_memory_equal(url.data, bytes, 256);
	buf_finish(&url);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(url_encoding_keeps_the_unreserved_only),
		cmocka_unit_test(a_form_is_pairs_joined),
		cmocka_unit_test(decoding_undoes_it_in_place),
		cmocka_unit_test(malformed_escapes_change_nothing),
		cmocka_unit_test(decoding_stays_within_its_bytes),
		cmocka_unit_test(every_byte_survives_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
