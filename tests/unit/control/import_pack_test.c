/* Rows on their way from leadctl to the store. */
#include "leadrelay/import.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void pack_some(struct buf *out)
{
	static const char raw[] = "Ada;\0\"x\"";
	struct import_row full = {.id_given = true,
		.time_given = true,
		.raw = raw,
		.raw_len = sizeof(raw) - 1};
	struct import_row plain = {.raw = "", .raw_len = 0};
	struct import_row rejected = {.rejected = true};

	memset(full.item.lead.id.bytes, 7, 16);
	full.item.lead.received_at = -5;
	full.item.lead.test = true;
	full.item.lead.fields[FIELD_FIRST_NAME] = (char *)"Ada";
	full.item.lead.fields[FIELD_COUNT - 1] = (char *)"\xc3\xa9";
	full.item.lead.extra = cJSON_Parse("{\"a\":[\"b\"]}");
	plain.item.lead.fields[FIELD_EMAIL] = (char *)"e@example.com";
	import_pack(out, &full);
	import_pack(out, &rejected);
	import_pack(out, &plain);
	cJSON_Delete(full.item.lead.extra);
	assert_true(buf_ok(out));
}

static void rows_come_out_as_they_went_in(void **state)
{
	struct buf packed = BUF_INIT;
	struct import_row *rows;
	struct err err;

	(void)state;
	pack_some(&packed);
	assert_int_equal(
		import_unpack(packed.data, packed.len, 41, 3, &rows, &err), ERR_OK);
	assert_int_equal(rows[0].row, 41);
	assert_true(rows[0].id_given && rows[0].time_given && rows[0].item.lead.test);
	assert_int_equal(rows[0].item.lead.id.bytes[15], 7);
	assert_int_equal(rows[0].item.lead.received_at, -5);
	assert_string_equal(rows[0].item.lead.fields[FIELD_FIRST_NAME], "Ada");
	assert_string_equal(rows[0].item.lead.fields[FIELD_COUNT - 1], "\xc3\xa9");
	assert_null(rows[0].item.lead.fields[FIELD_EMAIL]);
	assert_string_equal(
		cJSON_GetObjectItem(rows[0].item.lead.extra, "a")->child->valuestring,
		"b");
	assert_int_equal(rows[0].raw_len, 8);
	assert_memory_equal(rows[0].raw, "Ada;\0\"x\"", 8);
	assert_true(rows[1].rejected);
	assert_int_equal(rows[1].row, 42);
	assert_false(rows[2].rejected || rows[2].id_given || rows[2].time_given);
	assert_null(rows[2].item.lead.extra);
	assert_string_equal(rows[2].item.lead.fields[FIELD_EMAIL], "e@example.com");
	import_rows_free(rows, 3);
	buf_finish(&packed);
}

/* A copy of its own for each, so that a sanitizer sees a step too far. */
static bool unpacks(const struct buf *packed, size_t len, size_t at, char flip)
{
	char *bytes = malloc(len ? len : 1);
	struct import_row *rows;
	struct err err;
	bool fine;

	memcpy(bytes, packed->data, len);
	if (at < len)
		bytes[at] = (char)(bytes[at] ^ flip);
	fine = import_unpack(bytes, len, 1, 3, &rows, &err) == ERR_OK;
	if (fine)
		import_rows_free(rows, 3);
	free(bytes);
	return fine;
}

static void what_was_not_packed_is_refused(void **state)
{
	struct buf packed = BUF_INIT;
	struct import_row *rows;
	struct err err;

	(void)state;
	pack_some(&packed);
	for (size_t len = 0; len < packed.len; len++)
		assert_false(unpacks(&packed, len, len, 0));
	for (size_t at = 0; at < packed.len; at++)
		for (int bit = 0; bit < 8; bit++) /* whatever it says, it stays inside */
			unpacks(&packed, packed.len, at, (char)(1 << bit));
	assert_int_equal(import_unpack(packed.data, packed.len, 1, IMPORT_BATCH_ROWS + 1,
				 &rows, &err),
		ERR_INVALID);
	assert_int_equal(
		import_unpack(packed.data, packed.len, 1, 2, &rows, &err), ERR_INVALID);
	buf_finish(&packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_come_out_as_they_went_in),
		cmocka_unit_test(what_was_not_packed_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
