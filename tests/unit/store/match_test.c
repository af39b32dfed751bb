/* Keyed hashes: alike for what is alike, by kind, by outbox. */
#include "fixture.h"
#include "match.h"

#include <string.h>

/* On a connection of its own, the store being closed. */
static void hash(struct fixture *f, enum match_kind kind, const char *text, uint8_t *out,
	size_t len)
{
	struct db_options options = {.path = f->path, .clock = &f->clock};
	struct db *db;
	struct err err = {0};

	fixture_close(f);
	if (db_open(&db, &options, &err) != ERR_OK ||
		match_hash_of(db, kind, text, out, len, &err) != ERR_OK)
		fail_msg("%s", err.text);
	db_close(db);
	fixture_open(f);
}

static void an_address_is_the_same_in_any_case_and_at_any_time(void **state)
{
	uint8_t one[MATCH_LONG], two[MATCH_LONG], other[MATCH_LONG];

	hash(*state, MATCH_TOMBSTONE, "jane@example.com", one, sizeof(one));
	hash(*state, MATCH_TOMBSTONE, " Jane@Example.COM ", two, sizeof(two));
	hash(*state, MATCH_TOMBSTONE, "jan@example.com", other, sizeof(other));
	assert_memory_equal(one, two, sizeof(one));
	assert_memory_not_equal(one, other, sizeof(one));
}

static void a_hash_of_one_kind_says_nothing_of_another(void **state)
{
	uint8_t hashes[5][MATCH_SHORT];

	for (enum match_kind kind = MATCH_EMAIL; kind <= MATCH_TOMBSTONE; kind++)
		hash(*state, kind, "same", hashes[kind], MATCH_SHORT);
	for (int i = MATCH_EMAIL; i <= MATCH_TOMBSTONE; i++)
		for (int k = MATCH_EMAIL; k < i; k++)
			assert_memory_not_equal(hashes[i], hashes[k], MATCH_SHORT);
}

static void another_outbox_has_another_key(void **state)
{
	uint8_t mine[MATCH_LONG], theirs[MATCH_LONG];

	hash(*state, MATCH_TOMBSTONE, "jane@example.com", mine, sizeof(mine));
	execute(*state, "UPDATE meta SET value = randomblob(32) WHERE key = 'match_key'");
	hash(*state, MATCH_TOMBSTONE, "jane@example.com", theirs, sizeof(theirs));
	assert_memory_not_equal(mine, theirs, sizeof(mine));
}

static void without_its_key_the_outbox_says_so(void **state)
{
	struct fixture *f = *state;
	struct db_options options = {.path = f->path, .clock = &f->clock};
	uint8_t out[MATCH_SHORT];
	struct db *db;
	struct err err = {0};

	execute(f, "DELETE FROM meta WHERE key = 'match_key'");
	fixture_close(f);
	assert_int_equal(db_open(&db, &options, &err), ERR_OK);
	assert_int_equal(match_hash_of(db, MATCH_EMAIL, "a@b.c", out, sizeof(out), &err),
		ERR_CORRUPT);
	assert_non_null(strstr(err.text, "match_key"));
	db_close(db);
	fixture_open(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_address_is_the_same_in_any_case_and_at_any_time, fixture_setup,
			fixture_teardown),
		cmocka_unit_test_setup_teardown(
			a_hash_of_one_kind_says_nothing_of_another, fixture_setup,
			fixture_teardown),
		cmocka_unit_test_setup_teardown(
			another_outbox_has_another_key, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(without_its_key_the_outbox_says_so,
			fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
