#include "leadrelay/json.h"

#include "leadrelay/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define UNTOUCHED ((cJSON *)(uintptr_t)8)

/* A copy of exactly len bytes, so that reading beyond them is seen by the sanitizer. */
static enum err_code read_exactly(
	const char *bytes, size_t len, cJSON **out, struct err *err)
{
	char *copy = malloc(len ? len : 1);
	enum err_code code;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	code = json_read(copy, len, out, err);
	free(copy);
	return code;
}

static cJSON *read_good(const char *text)
{
	cJSON *root = NULL;
	struct err err = {.code = ERR_OK, .text = "untouched"};

	if (read_exactly(text, strlen(text), &root, &err) != ERR_OK)
		fail_msg("refused: %s: %s", text, err.text);
	assert_int_equal(err.code, ERR_OK);
	assert_string_equal(err.text, "untouched");
	assert_non_null(root);
	return root;
}

static void assert_refused(const char *bytes, size_t len)
{
	cJSON *root = UNTOUCHED;
	struct err err = {0};

	if (read_exactly(bytes, len, &root, &err) != ERR_INVALID)
		fail_msg("not refused as invalid: %s", bytes);
	assert_int_equal(err.code, ERR_INVALID);
	assert_ptr_equal(root, UNTOUCHED);
	assert_int_equal(json_read(bytes, len, &root, NULL), ERR_INVALID);
}

static void assert_prints_as(const char *text, const char *expected)
{
	cJSON *root = read_good(text);
	char *printed = cJSON_PrintUnformatted(root);

	assert_string_equal(printed, expected);
	cJSON_free(printed);
	cJSON_Delete(root);
}

static void good_documents_print_as_they_were(void **state)
{
	static const char *const same[] = {"{}", "[]", "null", "true", "false", "\"\"",
		"0", "-0", "[[],{},[[]]]", "{\"\":0}",
		"{\"a\":{\"b\":[1,2,{\"c\":null}]},\"d\":\"e\"}",
		"[true,false,null,\"x\",1]", "\"\x7f\"",
		"\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"", "\"\xef\xbf\xbf\"",
		"{\"a\":1,\"A\":2}", "\"\\\"\\\\\\b\\f\\n\\r\\t\"",
		"{\"a\":[{\"a\":1},{\"a\":2}],\"b\":{\"a\":3}}"};

	(void)state;
	for (size_t i = 0; i < COUNT(same); i++)
		assert_prints_as(same[i], same[i]);
	assert_prints_as(" \t\r\n{ \"a\" :\n[ 1 , 2 ]\t} \n", "{\"a\":[1,2]}");
	assert_prints_as("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\\/\"",
		"\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80/\"");
	assert_prints_as("\"\\u0001\\u001f\"", "\"\\u0001\\u001f\"");
	assert_prints_as("\"\\uFFFE\\uffff\"", "\"\xef\xbf\xbe\xef\xbf\xbf\"");
	assert_prints_as("\"\\uDBFF\\uDFFF\"", "\"\xf4\x8f\xbf\xbf\"");
}

static void numbers_keep_their_text(void **state)
{
	static const char *const numbers[] = {"0", "-0", "-0.0", "1", "-1", "10", "0.1",
		"1.0", "1e400", "-1E+400", "1e-400", "1E5", "0e0", "0E+0",
		"123456789012345678901234567890", "9223372036854775807",
		"9223372036854775808", "-9223372036854775808", "18446744073709551616",
		"0.1000000000000000055511151231257827021181583404541015625",
		"100000000000000000000000000.00000000000000000000000001",
		"1.7976931348623157e309"};

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		char text[512];
		cJSON *root = read_good(numbers[i]);

		assert_true(json_is_number(root));
		assert_string_equal(json_number(root), numbers[i]);
		cJSON_Delete(root);
		snprintf(text, sizeof(text), "{\"a\":%s,\"b\":[%s,\"%s\"]}", numbers[i],
			numbers[i], numbers[i]);
		assert_prints_as(text, text);
	}
}

static void only_numbers_are_numbers(void **state)
{
	cJSON *root = read_good("[\"1\",true,null,[1],{\"a\":1},1]");

	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_false(json_is_number(cJSON_GetArrayItem(root, i)));
		assert_null(json_number(cJSON_GetArrayItem(root, i)));
	}
	assert_string_equal(json_number(cJSON_GetArrayItem(root, 5)), "1");
	assert_true(cJSON_IsString(cJSON_GetArrayItem(root, 0)));
	assert_null(json_number(NULL));
	assert_false(json_is_number(NULL));
	cJSON_Delete(root);
}

/* After the names of the n_ cases of the public JSON parsing test suites. */
static void what_rfc_8259_does_not_allow_is_refused(void **state)
{
	static const char *const texts[] = {"", " ", "\n\t", "nul", "nulll", "tru",
		"fals", "True", "NULL", "undefined", "NaN", "-NaN", "Infinity",
		"-Infinity", "Inf", "nan",
		/* numbers */
		"-", "+1", "01", "-01", "00", "1.", ".1", "-.1", "1.e1", "1e", "1e+",
		"1E-", "1ee2", "1e1.5", "0x10", "0x", "1_000", "1 000", "1,000", "--1",
		"-+1", "++1", "1+2", "1-", "2.e3", "0.e1", "0.3e", "0.3e+", "1.0e",
		"1.0e+", "-2.", "1eE2", "- 1", "1a", "-foo", "-1x", "1.2a-3",
		"1.8011670033376514H-308", "0e", "0e+", "0E", "\xef\xbc\x91",
		/* strings */
		"\"", "\"a", "\"\\\"", "\"\\", "\"\\a\"", "\"\\x00\"", "\"\\u\"",
		"\"\\u1\"", "\"\\u12\"", "\"\\u123\"", "\"\\u00g0\"", "\"\\U0041\"",
		"\"\\u-041\"", "\"\\u+041\"", "\"\\u 041\"", "\"\\v\"", "\"\\'\"",
		"\"\\\n\"", "\"\\\xc3\xa9\"", "\"a\nb\"", "\"a\tb\"", "\"\x01\"",
		"\"\x1f\"", "'a'", "a", "\\u0041", "\"a\"b", "\"a\"\"b\"", "`a`",
		"\"\\\\\\\"", "\"\\u00A\"", "\xe2\x80\234a\xe2\x80\x9d",
		/* arrays */
		"[", "]", "[1", "[1,", "[,", "[,1]", "[1,]", "[1,,2]", "[1,,]", "[,]",
		"[1 2]", "[1:2]", "[1}", "[\"a\"", "[\"a\",", "[]]", "[][]", "[1]x",
		"[1],", "[[1]", "[1 true]", "[\"a\" \"b\"]", "[-]", "[a", "[\"\"],",
		"[*]", "[\"a\",\n4\n,1,", "x[]", "[(1)]",
		/* objects */
		"{", "}", "{]", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\"}",
		"{\"a\" 1}", "{:1}", "{1:1}", "{a:1}", "{'a':1}", "{null:1}", "{\"a\":}",
		"{\"a\":1,}", "{,}", "{,\"a\":1}", "{\"a\":1,,\"b\":2}", "{\"a\"::1}",
		"{\"a\",1}", "{\"a\":1 \"b\":2}", "{\"a\":1]", "{\"a\":1}}", "{\"a\":1}#",
		"{\"a\":1}{\"b\":2}", "{[:1}", "{\"a\":a}", "{\"a\":1:2}",
		"{\"a\" \"b\"}", "{{}:1}", "{\"a\":\"b\",c:1}", "{\"a\":true]",
		/* comments and other extensions */
		"/**/1", "1//x", "[1]/**/", "{\"a\":/*x*/1}", "#1", "1;", "(1)", "<1>",
		"1,2", "true false", "\0141", "\0131", "\xc2\2401", "1\xe2\x80\xa8",
		"\xe2\x81\xa0[]", "*", "@"};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_refused(texts[i], strlen(texts[i]));
}

static void invalid_utf8_is_refused(void **state)
{
	static const char *const texts[] = {"\"\x80\"", "\"\xbf\"", "\"\xc3\"",
		"\"\xc3(\"", "\"\xc0\x80\"", "\"\xc1\xbf\"", "\"\xe0\x80\xaf\"",
		"\"\xe0\x9f\xbf\"", "\"\xed\xa0\x80\"", "\"\xed\xbf\xbf\"",
		"\"\xf0\x80\x80\xaf\"", "\"\xf0\x8f\xbf\xbf\"", "\"\xf4\x90\x80\x80\"",
		"\"\xf5\x80\x80\x80\"", "\"\xfe\"", "\"\xff\"", "\"\3771\"",
		"\"\xe2\x82\"", "\"\xf0\x9f\x98\"", "\"\xf8\x88\x80\x80\x80\"",
		"\"\xed\xa0\xbd\xed\xb8\x80\"", "{\"\xff\":1}", "[\xff]", "\xff",
		"\xc3\xa9", "\"\xe9t\xe9\"", "\"a\xc3"};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_refused(texts[i], strlen(texts[i]));
	/* UTF-16, with and without a mark */
	assert_refused("\xff\xfe[\0]\0", 6);
	assert_refused("[\0]\0", 4);
	assert_refused("\0[\0]", 4);
}

static void lone_surrogates_are_refused(void **state)
{
	static const char *const texts[] = {"\"\\ud800\"", "\"\\uDBFF\"", "\"\\udc00\"",
		"\"\\uDFFF\"", "\"\\ud800x\"", "\"\\ud800\\n\"", "\"\\ud800\\u0041\"",
		"\"\\ud800\\ud800\"", "\"\\ud83d\\ude00\\ud83d\"", "\"\\ude00\\ud83d\"",
		"\"\\udc00\\udc00\"", "\"\\ud800\\u\"", "\"\\ud800\\udc0\"",
		"\"\\ud800\\\"", "\"\\ud800", "{\"\\ud800\":1}"};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_refused(texts[i], strlen(texts[i]));
}

static void the_character_zero_is_refused(void **state)
{
	(void)state;
	assert_refused("\"a\\u0000b\"", 10);
	assert_refused("{\"a\\u0000\":1}", 13);
	assert_refused("\"a\0b\"", 5);
	assert_refused("{\"a\0\":1}", 8);
	assert_refused("1\0", 2);
	assert_refused("\0", 1);
	assert_refused("\0"
		       "1",
		2);
	assert_refused("[1,\0]", 5);
	assert_refused("[\0]", 3);
	assert_refused("{\0}", 3);
	assert_refused("\"\\\0\"", 4);
	assert_refused("\"\\u00\0 0\"", 9);
	assert_prints_as(
		"\"\\\\u0000\"", "\"\\\\u0000\""); /* a backslash, not the character */
}

static void a_mark_at_the_start_is_skipped_once(void **state)
{
	(void)state;
	assert_prints_as("\xef\xbb\xbf{\"a\":1}", "{\"a\":1}");
	assert_prints_as("\xef\xbb\xbf 12", "12");
	assert_refused("\xef\xbb\xbf", 3);
	assert_refused("\xef\xbb\xbf\xef\xbb\xbf[]", 8);
	assert_refused("\xef\xbb[]", 4);
	assert_refused(" \xef\xbb\xbf[]", 6);
	assert_prints_as("\"\xef\xbb\xbf\"", "\"\xef\xbb\xbf\"");
}

static char *nested(int depth, const char *open, const char *inside, const char *close)
{
	struct buf buf = BUF_INIT;

	for (int i = 0; i < depth; i++)
		buf_adds(&buf, open);
	buf_adds(&buf, inside);
	for (int i = 0; i < depth; i++)
		buf_adds(&buf, close);
	return buf_take(&buf);
}

static void nesting_ends_at_the_limit(void **state)
{
	static const struct {
		int depth;
		const char *open, *inside, *close;
		bool good;
	} cases[] = {{JSON_DEPTH_MAX, "[", "", "]", true},
		{JSON_DEPTH_MAX, "[", "1", "]", true},
		{JSON_DEPTH_MAX, "{\"a\":", "1", "}", true},
		{JSON_DEPTH_MAX + 1, "[", "", "]", false},
		{JSON_DEPTH_MAX + 1, "{\"a\":", "1", "}", false},
		{JSON_DEPTH_MAX, "[", "{}", "]", false},
		{JSON_DEPTH_MAX, "{\"a\":", "[]", "}", false},
		{100000, "[", "", "]", false}, {100000, "[", "", "", false},
		{100000, "{\"a\":", "1", "}", false},
		{JSON_DEPTH_MAX / 2, "[{\"a\":", "1", "}]", true},
		{50000, "[{\"a\":", "1", "}]", false},
		{JSON_DEPTH_MAX - 1, "[", "[],[],{}", "]", true}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char *text = nested(
			cases[i].depth, cases[i].open, cases[i].inside, cases[i].close);

		if (cases[i].good)
			cJSON_Delete(read_good(text));
		else
			assert_refused(text, strlen(text));
		free(text);
	}
}

static void what_the_relay_wrapped_may_be_deeper(void **state)
{
	static const char *const open = "{\"a\":";
	char *deepest = nested(JSON_DEPTH_WRAPPED, open, "1.10", "}");
	char *deeper = nested(JSON_DEPTH_WRAPPED + 1, open, "1", "}");
	struct err err;
	cJSON *root;
	char *text;

	(void)state;
	assert_int_equal(
		json_read_wrapped(deepest, strlen(deepest), &root, &err), ERR_OK);
	text = cJSON_PrintUnformatted(root);
	assert_string_equal(text, deepest);
	cJSON_free(text);
	cJSON_Delete(root);
	assert_int_equal(
		json_read_wrapped(deeper, strlen(deeper), &root, &err), ERR_INVALID);
	free(deepest);
	free(deeper);
}

static void a_key_twice_in_one_object_is_refused(void **state)
{
	static const char *const texts[] = {"{\"a\":1,\"a\":1}",
		"{\"a\":1,\"b\":2,\"a\":3}", "{\"\":1,\"\":2}", "{\"a\":1,\"\\u0061\":2}",
		"[{\"x\":{\"a\":1,\"a\":2}}]", "{\"\xc3\xa9\":1,\"\\u00e9\":2}",
		"{\"a\":{\"a\":1},\"b\":0,\"a\":1}",
		"{\"a\":{},\"b\":{\"c\":[{},{\"d\":1,\"e\":2,\"d\":3}]}}",
		"{\"/\":1,\"\\/\":2}"};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_refused(texts[i], strlen(texts[i]));
}

/* {"k0":0,"k1":1,...} and then one more member. */
static char *many_keys(int count, const char *last)
{
	struct buf buf = BUF_INIT;

	buf_addc(&buf, '{');
	for (int i = 0; i < count; i++)
		buf_addf(&buf, "\"%x\":%d,", i, i % 10);
	buf_addf(&buf, "%s}", last);
	return buf_take(&buf);
}

/* Were it quadratic, 40,000 keys would be 800 million comparisons: far beyond the test's
 * time. */
static void tens_of_thousands_of_keys_are_checked_in_no_time(void **state)
{
	char *text = many_keys(40000, "\"x\":0");
	cJSON *root = read_good(text);

	(void)state;
	assert_int_equal(cJSON_GetArraySize(root), 40001);
	cJSON_Delete(root);
	free(text);
	text = many_keys(40000, "\"7d0\":0");
	assert_refused(text, strlen(text));
	free(text);
}

static void the_error_says_where_and_what_but_quotes_nothing(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"", "JSON: at byte 0: expected a value"},
		{"[1,]", "JSON: at byte 3: expected a value"},
		{"[secret]", "JSON: at byte 1: expected a value"},
		{"[1 2]", "JSON: at byte 3: expected a comma or ]"},
		{"{\"a\":1 2}", "JSON: at byte 7: expected a comma or }"},
		{"{\"a\":1,}", "JSON: at byte 7: expected a key in quotes"},
		{"{\"a\" 1}", "JSON: at byte 5: expected a colon"},
		{"[1]x", "JSON: at byte 3: expected nothing behind the value"},
		{"-x", "JSON: at byte 1: expected a digit"},
		{"\"a", "JSON: at byte 2: expected the end of the string"},
		{"\"a\\q\"", "JSON: at byte 2: expected a valid escape"},
		{"\"\\u12x4\"", "JSON: at byte 5: expected four hexadecimal digits"},
		{"\"a\xff\"", "JSON: at byte 2: expected valid UTF-8"},
		{"\"a\n\"",
			"JSON: at byte 2: expected an escape, not a bare control character"},
		{"\"a\\ud800\"",
			"JSON: at byte 2: expected a pair of surrogates, not a lone one"},
		{"\"a\\u0000\"", "JSON: at byte 2: expected no character U+0000"},
		{"{\"secret\":1,\"b\":{\"b\":2},\"secret\":[]}",
			"JSON: at byte 24: expected a key that its object does not have yet"},
		{"\xef\xbb\xbf[1,]", "JSON: at byte 6: expected a value"},
		{"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
			"JSON: at byte 32: expected no nesting this deep"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		cJSON *root = NULL;
		struct err err;

		assert_int_equal(
			json_read(cases[i].text, strlen(cases[i].text), &root, &err),
			ERR_INVALID);
		assert_string_equal(err.text, cases[i].error);
	}
}

/* No cut of a good document is one, and no byte put in place of another makes the reader
 * misbehave. */
static void cut_and_damaged_documents_do_no_harm(void **state)
{
	static const char text[] =
		"{\"a\":[1.5e3,true,null,\"x\\ud83d\\ude00\\n\xc3\xa9\"],\"b\":{\"c\":-0}}";
	static const char bytes[] =
		"\"\\/{}[]:,09-+.eEunatf \n\x1f\x7f\x80\xc3\xe2\xf0\xff";
	char damaged[sizeof(text)];

	(void)state;
	for (size_t len = 0; len < sizeof(text) - 1; len++)
		assert_refused(text, len);
	for (size_t i = 0; i < sizeof(text) - 1; i++)
		for (size_t j = 0; j < sizeof(bytes); j++) {
			cJSON *root = NULL;

			memcpy(damaged, text, sizeof(text));
			damaged[i] = bytes[j];
			if (read_exactly(damaged, sizeof(text) - 1, &root, NULL) ==
				ERR_OK)
				cJSON_Delete(root);
			else
				assert_null(root);
		}
}

static void members_are_found_by_name(void **state)
{
	cJSON *root = read_good(
		"{\"UserDetails\":\"x\",\"n\":12,\"userdetails\":\"y\",\"s\":null}");

	(void)state;
	assert_string_equal(json_string(root, "userdetails"), "y");
	assert_string_equal(json_string(root, "UserDetails"), "x");
	assert_null(json_string(root, "USERDETAILS"));
	assert_null(json_string(root, "n")); /* a number's text is not a string */
	assert_null(json_string(root, "s"));
	assert_null(json_string(NULL, "s"));
	assert_string_equal(
		cJSON_GetStringValue(json_get_nocase(root, "USERDETAILS")), "x");
	assert_string_equal(json_number(json_get_nocase(root, "N")), "12");
	assert_null(json_get_nocase(root, "userdetail"));
	assert_null(json_get_nocase(NULL, "n"));
	assert_null(json_get_nocase(cJSON_GetObjectItem(root, "n"), "n"));
	cJSON_Delete(root);
}

static void integers_are_whole_and_exact(void **state)
{
	static const struct {
		const char *text;
		long long expected;
	} cases[] = {{"0", 0}, {"-0", 0}, {"12", 12}, {"-7", -7}, {"12.0", 12},
		{"1.2e1", 12}, {"1E3", 1000}, {"9223372036854775807", INT64_MAX},
		{"-9223372036854775808", INT64_MIN}, {"9223372036854775808", -1},
		{"1e400", -1}, {"1e18", -1}, {"1.5", -1}, {"1e-1", -1},
		{"123456789012345678901234567890", -1}, {"\"12\"", -1}, {"null", -1},
		{"true", -1}, {"[12]", -1}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[128];
		cJSON *root;
		long long value;

		snprintf(text, sizeof(text), "{\"n\":%s}", cases[i].text);
		root = read_good(text);
		value = json_integer(root, "n", -1);
		if (value != cases[i].expected)
			fail_msg("%s: got %lld", cases[i].text, value);
		assert_int_equal(json_integer(root, "N", 5), 5);
		cJSON_Delete(root);
	}
	assert_int_equal(json_integer(NULL, "n", 5), 5);
}

static void integers_of_cjsons_own_numbers_are_read_too(void **state)
{
	cJSON *root =
		cJSON_Parse("{\"a\":12,\"b\":1.5,\"c\":9007199254740993,\"d\":-3e2}");

	(void)state;
	assert_int_equal(json_integer(root, "a", -1), 12);
	assert_int_equal(json_integer(root, "b", -1), -1);
	assert_int_equal(
		json_integer(root, "c", -1), -1); /* a double no longer knows it */
	assert_int_equal(json_integer(root, "d", -1), -300);
	cJSON_Delete(root);
}

static void booleans_are_true_or_false_only(void **state)
{
	cJSON *root =
		read_good("{\"t\":true,\"f\":false,\"n\":1,\"s\":\"true\",\"z\":null}");

	(void)state;
	assert_true(json_bool(root, "t", false));
	assert_false(json_bool(root, "f", true));
	for (const char *name = "nszx"; *name; name++) {
		assert_true(json_bool(root, (const char[]){*name, '\0'}, true));
		assert_false(json_bool(root, (const char[]){*name, '\0'}, false));
	}
	cJSON_Delete(root);
}

struct told {
	struct buf text;
	int count;
};

static void tell(void *ctx, const char *name, char *value)
{
	struct told *told = ctx;

	buf_addf(&told->text, "%s=%s;", name, value);
	told->count++;
}

static bool texts_of(const char *text, struct told *told)
{
	char *copy = strdup(text);
	bool ours;

	*told = (struct told){.text = BUF_INIT};
	assert_non_null(copy);
	ours = json_texts_read(copy, tell, told);
	free(copy);
	return ours;
}

static void assert_texts(const char *text, const char *expected)
{
	struct told told;

	assert_true(texts_of(text, &told));
	assert_string_equal(buf_str(&told.text), expected);
	buf_finish(&told.text);
}

static void texts_are_read_as_they_were_written(void **state)
{
	char one[2] = {0};

	(void)state;
	assert_texts("{}", "");
	assert_texts("{\"a\":\"\"}", "a=;");
	assert_texts("{\"a\":\"x\",\"b\":\"\xc3\xa9 \xf0\x9f\x98\x80\"}",
		"a=x;b=\xc3\xa9 \xf0\x9f\x98\x80;");
	for (int c = 1; c < 0x80; c++) { /* every escape there is */
		struct buf text = BUF_INIT;
		struct told told;

		one[0] = (char)c;
		buf_adds(&text, "{\"k\":");
		json_text_add(&text, one);
		buf_addc(&text, '}');
		assert_true(texts_of(buf_str(&text), &told));
		assert_int_equal(told.text.data[2], c);
		assert_int_equal(told.text.len, 4);
		buf_finish(&told.text);
		buf_finish(&text);
	}
}

/* Strings are read and written by eights: the byte that needs a look may stand anywhere.
 */
static void each_byte_is_seen_wherever_it_stands(void **state)
{
	(void)state;
	for (int c = 1; c < 0x80; c++)
		for (size_t at = 0; at < 19; at++) {
			char one[] = "ABCDEFGHIJKLMNOPQRS";
			struct buf text = BUF_INIT, raw = BUF_INIT;
			cJSON *value, *read = NULL;
			struct told told;
			char *printed;

			one[at] = (char)c;
			value = cJSON_CreateString(one);
			printed = cJSON_PrintUnformatted(value);
			json_text_add(&text, one);
			assert_string_equal(buf_str(&text), printed);
			buf_addf(&raw, "%s\"%s", one, one);
			buf_clear(&text);
			json_part_add(&text, raw.data, strlen(one));
			assert_string_equal(buf_str(&text), printed);
			buf_clear(&raw);
			buf_addf(&raw, "{\"k\":%s}", printed);
			assert_true(texts_of(buf_str(&raw), &told));
			assert_memory_equal(told.text.data + 2, one, strlen(one));
			buf_clear(&raw);
			buf_addf(&raw, "\"%s\"", one);
			assert_int_equal(
				json_read(raw.data, raw.len, &read, NULL) == ERR_OK,
				c >= 0x20 && c != '"' && c != '\\');
			cJSON_Delete(read);
			cJSON_free(printed);
			cJSON_Delete(value);
			buf_finish(&told.text);
			buf_finish(&text);
			buf_finish(&raw);
		}
}

static void other_documents_are_left_to_json_read(void **state)
{
	static const char *const others[] = {"", "[]", "{", "{\"a\"}", "{\"a\":1}",
		"{\"a\":null}", "{\"a\":\"b\"", "{\"a\":\"b\",}", "{\"a\":\"b\"} ",
		"{\"a\":\"b\"}{}", "{ \"a\":\"b\"}", "{\"a\": \"b\"}", "{\"a\":\"b",
		"{\"a\":\"b\\", "{\"a\":\"\\u0000\"}", "{\"a\":\"\\u00e9\"}",
		"{\"a\":\"\\u12\"}", "{\"a\":\"\\/\"}", "{\"a\":\"\n\"}",
		"{\"a\":\"\xff\"}", "{\"a\":\"\xc3\"}", "{\"a\":{\"b\":\"c\"}}"};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct told told;

		if (texts_of(others[i], &told))
			fail_msg("taken for one of ours: %s", others[i]);
		buf_finish(&told.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_read_as_they_were_written),
		cmocka_unit_test(each_byte_is_seen_wherever_it_stands),
		cmocka_unit_test(other_documents_are_left_to_json_read),
		cmocka_unit_test(good_documents_print_as_they_were),
		cmocka_unit_test(numbers_keep_their_text),
		cmocka_unit_test(only_numbers_are_numbers),
		cmocka_unit_test(what_rfc_8259_does_not_allow_is_refused),
		cmocka_unit_test(invalid_utf8_is_refused),
		cmocka_unit_test(lone_surrogates_are_refused),
		cmocka_unit_test(the_character_zero_is_refused),
		cmocka_unit_test(a_mark_at_the_start_is_skipped_once),
		cmocka_unit_test(nesting_ends_at_the_limit),
		cmocka_unit_test(what_the_relay_wrapped_may_be_deeper),
		cmocka_unit_test(a_key_twice_in_one_object_is_refused),
		cmocka_unit_test(tens_of_thousands_of_keys_are_checked_in_no_time),
		cmocka_unit_test(the_error_says_where_and_what_but_quotes_nothing),
		cmocka_unit_test(cut_and_damaged_documents_do_no_harm),
		cmocka_unit_test(members_are_found_by_name),
		cmocka_unit_test(integers_are_whole_and_exact),
		cmocka_unit_test(integers_of_cjsons_own_numbers_are_read_too),
		cmocka_unit_test(booleans_are_true_or_false_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
