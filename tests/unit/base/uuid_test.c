#include "leadrelay/uuid.h"

#include "leadrelay/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void fill_with(void *ctx, void *out, size_t len)
{
	memset(out, *(const uint8_t *)ctx, len);
}

static uint8_t all_zero = 0x00;
static uint8_t all_ones = 0xff;
static const struct entropy zeros = {.fill = fill_with, .ctx = &all_zero};
static const struct entropy ones = {.fill = fill_with, .ctx = &all_ones};

static int compare(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static int64_t ms_of(const struct uuid *uuid)
{
	int64_t ms = 0;

	for (int i = 0; i < 6; i++)
		ms = ms << 8 | uuid->bytes[i];
	return ms;
}

static void assert_fields(const struct uuid *uuid, int version)
{
	assert_int_equal(uuid->bytes[6] >> 4, version);
	assert_int_equal(uuid->bytes[8] >> 6, 2);
}

static void version_7_is_laid_out_as_rfc_9562(void **state)
{
	struct uuid last = {0};
	struct uuid uuid =
		uuid_v7(INT64_C(0x017f22e279b0), &zeros, &last); /* RFC 9562 A.6 */
	char text[UUID_TEXT_SIZE];

	(void)state;
	assert_string_equal(
		uuid_text(&uuid, text), "017f22e2-79b0-7000-8000-000000000000");
	last = (struct uuid){0};
	uuid = uuid_v7(INT64_C(0x017f22e279b0), &ones, &last);
	/* all random, but the counter's highest bit */
	assert_string_equal(
		uuid_text(&uuid, text), "017f22e2-79b0-77ff-bfff-ffffffffffff");
	assert_true(uuid_equal(&uuid, &last));
}

static void version_4_is_random_but_for_version_and_variant(void **state)
{
	struct uuid a = uuid_v4(&zeros);
	struct uuid b = uuid_v4(&ones);
	char text[UUID_TEXT_SIZE];

	(void)state;
	assert_string_equal(uuid_text(&a, text), "00000000-0000-4000-8000-000000000000");
	assert_string_equal(uuid_text(&b, text), "ffffffff-ffff-4fff-bfff-ffffffffffff");
	a = uuid_v4(&entropy_system);
	b = uuid_v4(&entropy_system);
	assert_false(uuid_equal(&a, &b));
	assert_fields(&a, 4);
}

static void ids_only_grow(void **state)
{
	/* The wall clock stands still, goes back by an hour, below 1970, and forth again.
	 */
	static const int64_t times[] = {1000000, 1000000, 999999, 5, -7, 1000000, 1000001,
		1000001, 1000000, 9000000};
	struct uuid last = {0};
	struct uuid before = {0};

	(void)state;
	for (int round = 0; round < 100; round++)
		for (size_t i = 0; i < COUNT(times); i++) {
			struct uuid uuid = uuid_v7(times[i], &entropy_system, &last);

			assert_true(compare(&uuid, &before) > 0);
			assert_fields(&uuid, 7);
			before = uuid;
		}
	assert_int_equal(ms_of(&before), 9000000);
}

static void ids_of_one_millisecond_stay_in_it(void **state)
{
	struct uuid last = {0};
	struct uuid before = uuid_v7(123456789, &entropy_system, &last);

	(void)state;
	for (int i = 0; i < 10000; i++) {
		struct uuid uuid = uuid_v7(123456789, &entropy_system, &last);

		assert_true(compare(&uuid, &before) > 0);
		assert_int_equal(ms_of(&uuid), 123456789);
		before = uuid;
	}
}

static void the_counter_carries_from_rand_b_to_rand_a(void **state)
{
	struct uuid last;
	struct uuid uuid;
	char text[UUID_TEXT_SIZE];

	(void)state;
	assert_true(uuid_parse("00000000-0064-7123-bfff-ffffffffffff", &last));
	uuid = uuid_v7(100, &zeros, &last);
	assert_string_equal(
		uuid_text(&uuid, text), "00000000-0064-7124-8000-000000000000");
}

static void a_full_counter_borrows_the_next_millisecond(void **state)
{
	struct uuid last;
	struct uuid uuid;
	char text[UUID_TEXT_SIZE];

	(void)state;
	assert_true(uuid_parse("00000000-0064-7fff-bfff-ffffffffffff", &last));
	uuid = uuid_v7(100, &zeros, &last);
	assert_string_equal(
		uuid_text(&uuid, text), "00000000-0065-7000-8000-000000000000");
}

static void the_first_id_may_be_at_time_zero_and_beyond_48_bits(void **state)
{
	struct uuid last = {0};
	struct uuid uuid = uuid_v7(0, &ones, &last);

	(void)state;
	assert_int_equal(ms_of(&uuid), 0);
	assert_int_equal(uuid.bytes[6], 0x77); /* random, not counted up from nothing */
	last = (struct uuid){0};
	uuid = uuid_v7(INT64_MAX, &zeros, &last);
	assert_int_equal(ms_of(&uuid), INT64_C(0xffffffffffff));
}

static void the_text_form_reads_back(void **state)
{
	struct uuid uuid;
	struct uuid upper;
	char text[UUID_TEXT_SIZE];

	(void)state;
	assert_true(uuid_parse("01234567-89ab-cdef-0123-456789abcdef", &uuid));
	assert_memory_equal(uuid.bytes,
		"\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef", 16);
	assert_ptr_equal(uuid_text(&uuid, text), text);
	assert_string_equal(text, "01234567-89ab-cdef-0123-456789abcdef");
	assert_true(uuid_parse("01234567-89AB-CdEF-0123-456789aBCDEF", &upper));
	assert_true(uuid_equal(&uuid, &upper));
	upper.bytes[15] ^= 1;
	assert_false(uuid_equal(&uuid, &upper));
}

static void what_is_not_36_characters_of_a_uuid_is_refused(void **state)
{
	static const char *const texts[] = {"", "0", "-",
		"01234567-89ab-cdef-0123-456789abcde",
		"01234567-89ab-cdef-0123-456789abcdef0",
		"01234567-89ab-cdef-0123-456789abcdef ",
		" 01234567-89ab-cdef-0123-456789abcde",
		"0123456789abcdef0123456789abcdef",
		"{01234567-89ab-cdef-0123-456789abcdef}",
		"0123456-789ab-cdef-0123-456789abcdef",
		"01234567-89ab-cdef-0123-456789abcdeg",
		"01234567 89ab cdef 0123 456789abcdef",
		"0x234567-89ab-cdef-0123-456789abcdef",
		"01234567-89ab-cdef-0123-4567-9abcdef",
		"01234567-89ab-cdef-0123-45678\xc3\251bcdef", "01234567-", "01234567"};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct uuid uuid = {{1, 2, 3}};
		struct uuid same = uuid;

		if (uuid_parse(texts[i], &uuid) || !uuid_equal(&uuid, &same))
			fail_msg("accepted: %s", texts[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_7_is_laid_out_as_rfc_9562),
		cmocka_unit_test(version_4_is_random_but_for_version_and_variant),
		cmocka_unit_test(ids_only_grow),
		cmocka_unit_test(ids_of_one_millisecond_stay_in_it),
		cmocka_unit_test(the_counter_carries_from_rand_b_to_rand_a),
		cmocka_unit_test(a_full_counter_borrows_the_next_millisecond),
		cmocka_unit_test(the_first_id_may_be_at_time_zero_and_beyond_48_bits),
		cmocka_unit_test(the_text_form_reads_back),
		cmocka_unit_test(what_is_not_36_characters_of_a_uuid_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
