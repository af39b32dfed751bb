#include "leadrelay/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void set_returns_the_code_and_formats_the_text(void **state)
{
	struct err err = {0};

	(void)state;
	assert_int_equal(err_set(&err, ERR_STALE, "row %d of %s", 7, "x"), ERR_STALE);
	assert_int_equal(err.code, ERR_STALE);
	assert_string_equal(err.text, "row 7 of x");
}

static void wrap_puts_the_outer_context_first(void **state)
{
	struct err err;

	(void)state;
	err_set(&err, ERR_IO, "disk I/O error");
	assert_int_equal(err_wrap(&err, "opening %s", "outbox.db"), ERR_IO);
	assert_int_equal(err_wrap(&err, "starting"), ERR_IO);
	assert_int_equal(err.code, ERR_IO);
	assert_string_equal(err.text, "starting: opening outbox.db: disk I/O error");
}

static void arguments_may_be_the_old_text(void **state)
{
	struct err err;

	(void)state;
	err_set(&err, ERR_IO, "inner");
	err_set(&err, ERR_BUSY, "outer (%s)", err.text);
	assert_string_equal(err.text, "outer (inner)");
	err_wrap(&err, "again %s", err.text);
	assert_string_equal(err.text, "again outer (inner): outer (inner)");
	err_errno(&err, ENOENT, "%s", err.text);
	assert_string_equal(err.text,
		"again outer (inner): outer (inner): No such file or directory");
}

static void errno_appends_the_reason(void **state)
{
	struct err err;

	(void)state;
	assert_int_equal(err_errno(&err, EISDIR, "reading %s", "x"), ERR_IO);
	assert_string_equal(err.text, "reading x: Is a directory");
}

static void errno_chooses_the_code(void **state)
{
	static const struct {
		int errnum;
		enum err_code code;
	} cases[] = {{ENOSPC, ERR_FULL}, {EDQUOT, ERR_FULL}, {ENOMEM, ERR_NOMEM},
		{ENOENT, ERR_NOT_FOUND}, {EACCES, ERR_DENIED}, {EPERM, ERR_DENIED},
		{ETIMEDOUT, ERR_TIMEOUT}, {EIO, ERR_IO}, {EROFS, ERR_IO},
		{99999, ERR_IO}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct err err = {0};

		assert_int_equal(err_errno(&err, cases[i].errnum, "x"), cases[i].code);
		assert_int_equal(err.code, cases[i].code);
	}
}

static void no_err_is_fine(void **state)
{
	(void)state;
	assert_int_equal(err_set(NULL, ERR_FULL, "x"), ERR_FULL);
	assert_int_equal(err_wrap(NULL, "x"), ERR_BUG);
	assert_int_equal(err_errno(NULL, ENOSPC, "x"), ERR_FULL);
}

static void a_long_text_is_cut_between_characters(void **state)
{
	char long_text[2 * ERR_TEXT_SIZE];
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(long_text) - 2; i += 2)
		memcpy(long_text + i, "\xc3\xa9", 3); /* e acute: two bytes */
	err_set(&err, ERR_IO, "%s", long_text);
	assert_int_equal(strlen(err.text), 510); /* not half of a character at 511 */
	assert_memory_equal(err.text + 508, "\xc3\xa9", 3);
	err_set(&err, ERR_IO, "1%s", long_text);
	assert_int_equal(strlen(err.text), 511);
	err_wrap(&err, "%s", "ab");
	assert_int_equal(strlen(err.text), 511);
	assert_memory_equal(err.text, "ab: 1\xc3\xa9", 7);
	err_wrap(&err, "x");
	assert_int_equal(strlen(err.text), 510);
	err_wrap(&err, "%s", long_text); /* no room for anything behind it */
	assert_int_equal(strlen(err.text), 511);
	assert_string_equal(err.text + 508, "\xc3\xa9:");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_returns_the_code_and_formats_the_text),
		cmocka_unit_test(wrap_puts_the_outer_context_first),
		cmocka_unit_test(arguments_may_be_the_old_text),
		cmocka_unit_test(errno_appends_the_reason),
		cmocka_unit_test(errno_chooses_the_code),
		cmocka_unit_test(no_err_is_fine),
		cmocka_unit_test(a_long_text_is_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
