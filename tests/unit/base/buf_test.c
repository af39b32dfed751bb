#include "leadrelay/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

static void an_empty_one_reads_as_an_empty_text(void **state)
{
	struct buf buf = BUF_INIT;
	char *taken;

	(void)state;
	assert_string_equal(buf_str(&buf), "");
	assert_true(buf_ok(&buf));
	taken = buf_take(&buf);
	assert_non_null(taken);
	assert_string_equal(taken, "");
	free(taken);
	buf_finish(&buf);
}

static void all_ways_of_adding_append(void **state)
{
	struct buf buf = BUF_INIT;

	(void)state;
	buf_add(&buf, "a\0b", 3);
	buf_adds(&buf, "cd");
	buf_addc(&buf, 'e');
	buf_addf(&buf, "%d%s", 12, "x");
	buf_add(&buf, NULL, 0);
	assert_int_equal(buf.len, 9);
	assert_memory_equal(buf.data, "a\0bcde12x", 10);
	assert_ptr_equal(buf_str(&buf), buf.data);
	buf_finish(&buf);
	assert_null(buf.data);
	assert_int_equal(buf.len, 0);
}

static void it_grows_and_keeps_what_it_holds(void **state)
{
	struct buf buf = BUF_INIT;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		buf_addf(&buf, "%04d", i);
		assert_int_equal(buf.data[buf.len], '\0');
		assert_true(buf.cap > buf.len);
	}
	assert_int_equal(buf.len, 4000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(
			strtol((char[]){buf.data[4 * i], buf.data[4 * i + 1],
				       buf.data[4 * i + 2], buf.data[4 * i + 3], 0},
				NULL, 10),
			i);
	buf_finish(&buf);
}

static void a_format_longer_than_the_memory_fits(void **state)
{
	struct buf buf = BUF_INIT;

	(void)state;
	buf_addf(&buf, "%500d", 7);
	assert_int_equal(buf.len, 500);
	assert_int_equal(buf.data[499], '7');
	buf_finish(&buf);
}

static void reserved_bytes_are_the_callers_to_write(void **state)
{
	struct buf buf = BUF_INIT;

	(void)state;
	buf_adds(&buf, "x");
	assert_true(buf_reserve(&buf, 100));
	assert_true(buf.cap >= 102);
	memset(buf.data + buf.len, 'y', 100);
	buf.len += 100;
	buf_addc(&buf, 'z');
	assert_int_equal(strspn(buf_str(&buf) + 1, "y"), 100);
	assert_string_equal(buf_str(&buf) + 101, "z");
	buf_finish(&buf);
}

static void a_failed_one_ignores_what_follows(void **state)
{
	struct buf buf = BUF_INIT;

	(void)state;
	buf_adds(&buf, "kept");
	assert_false(buf_reserve(&buf, SIZE_MAX / 2));
	assert_false(buf_ok(&buf));
	buf_adds(&buf, "x");
	buf_addc(&buf, 'x');
	buf_addf(&buf, "x");
	assert_false(buf_reserve(&buf, 1));
	assert_string_equal(buf_str(&buf), "kept");
	assert_null(buf_take(&buf));
	assert_true(buf_ok(&buf)); /* empty again */
	assert_null(buf.data);
}

static void clearing_keeps_the_memory_and_forgets_the_failure(void **state)
{
	struct buf buf = BUF_INIT;
	char *data;

	(void)state;
	buf_adds(&buf, "some");
	data = buf.data;
	buf_reserve(&buf, SIZE_MAX / 2);
	buf_clear(&buf);
	assert_true(buf_ok(&buf));
	assert_int_equal(buf.len, 0);
	assert_string_equal(buf_str(&buf), "");
	buf_adds(&buf, "else");
	assert_ptr_equal(buf.data, data);
	buf_finish(&buf);
}

static void cutting_keeps_the_first_bytes(void **state)
{
	struct buf buf = BUF_INIT;

	(void)state;
	buf_cut(&buf, 0);
	assert_string_equal(buf_str(&buf), "");
	buf_adds(&buf, "some");
	buf_cut(&buf, 5);
	assert_string_equal(buf_str(&buf), "some");
	buf_cut(&buf, 2);
	assert_string_equal(buf_str(&buf), "so");
	assert_int_equal(buf.len, 2);
	buf_finish(&buf);
}

static void taking_hands_the_bytes_over(void **state)
{
	struct buf buf = BUF_INIT;
	char *taken;

	(void)state;
	buf_adds(&buf, "mine");
	taken = buf_take(&buf);
	assert_string_equal(taken, "mine");
	assert_null(buf.data);
	buf_adds(&buf, "next");
	assert_string_equal(taken, "mine");
	free(taken);
	buf_finish(&buf);
}

static void wiping_leaves_an_empty_one(void **state)
{
	struct buf buf = BUF_INIT;

	(void)state;
	buf_adds(&buf, "secret");
	buf_wipe(&buf);
	assert_null(buf.data);
	assert_int_equal(buf.len, 0);
	buf_wipe(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_one_reads_as_an_empty_text),
		cmocka_unit_test(all_ways_of_adding_append),
		cmocka_unit_test(it_grows_and_keeps_what_it_holds),
		cmocka_unit_test(a_format_longer_than_the_memory_fits),
		cmocka_unit_test(reserved_bytes_are_the_callers_to_write),
		cmocka_unit_test(a_failed_one_ignores_what_follows),
		cmocka_unit_test(cutting_keeps_the_first_bytes),
		cmocka_unit_test(clearing_keeps_the_memory_and_forgets_the_failure),
		cmocka_unit_test(taking_hands_the_bytes_over),
		cmocka_unit_test(wiping_leaves_an_empty_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
