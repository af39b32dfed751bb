/* Keyed hashes: alike for what is alike, by kind, by outbox; and lists of leads against
 * every lead that ever came. */
#include "fixture.h"
#include "leadrelay/batches.h"
#include "leadrelay/mails.h"
#include "leadrelay/reader.h"
#include "match.h"

#include <stdio.h>
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

/* ---- lists ---- */

#define DAY (24 * 60 * MINUTE)

/* Accepted at `at`; its seq. */
static int64_t came(struct fixture *f, const char *email, const char *offer, int64_t at)
{
	struct accept accept;
	struct err err;

	accept_init(f, &accept, "{}");
	accept.lead.lead.received_at = at;
	assert_int_equal(lead_set(&accept.lead.lead, FIELD_EMAIL, email, &err), ERR_OK);
	assert_int_equal(
		lead_set(&accept.lead.lead, FIELD_OFFER_TITLE, offer, &err), ERR_OK);
	call(f, &accept.job.job);
	accept_finish(&accept);
	return query(f, "SELECT max(seq) FROM match_hash");
}

static int64_t match(struct fixture *f, struct match_row *rows, size_t count)
{
	struct reader *reader;
	struct err err = {0};
	int64_t first_at = -1;

	assert_int_equal(reader_open(&reader, f->dir, &f->clock, &err), ERR_OK);
	if (reader_match(reader, rows, count, &first_at, &err) != ERR_OK)
		fail_msg("%s", err.text);
	reader_close(reader);
	return first_at;
}

static int64_t match_one(
	struct fixture *f, const char *email, const char *offer, int64_t at)
{
	struct match_row row = {.email = email, .offer_title = offer, .at = at, .seq = 9};

	match(f, &row, 1);
	assert_false(row.erased);
	return row.seq;
}

static void a_row_agrees_in_address_offer_and_time(void **state)
{
	struct fixture *f = *state;
	int64_t lead = came(f, "Jane@Example.com", "Contoso  Suite", NOW);

	assert_int_equal(match_one(f, "jane@example.com", "contoso suite", NOW), lead);
	assert_int_equal(match_one(f, " JANE@example.com ", NULL, 0), lead);
	assert_int_equal(match_one(f, "jane@example.com", " ", NOW + 7 * DAY), lead);
	assert_int_equal(match_one(f, "jane@example.com", "", NOW - 7 * DAY), lead);
	assert_int_equal(match_one(f, "jane@example.com", NULL, NOW + 7 * DAY + 1), 0);
	assert_int_equal(match_one(f, "jane@example.com", NULL, NOW - 7 * DAY - 1), 0);
	assert_int_equal(match_one(f, "jane@example.com", "Contoso", NOW), 0);
	assert_int_equal(match_one(f, "jan@example.com", "contoso suite", NOW), 0);
	assert_int_equal(match_one(f, NULL, "contoso suite", NOW), 0);
	assert_int_equal(match_one(f, "", "contoso suite", NOW), 0);
}

static void a_lead_without_an_offer_agrees_with_any(void **state)
{
	struct fixture *f = *state;
	int64_t lead = came(f, "jane@example.com", NULL, NOW);

	came(f, NULL, "Suite", NOW);
	assert_int_equal(match_one(f, "jane@example.com", "Suite", NOW), lead);
	assert_int_equal(match_one(f, "", "Suite", NOW), 0);
}

static void of_several_the_nearest_in_time_agrees(void **state)
{
	struct fixture *f = *state;
	int64_t early = came(f, "jane@example.com", "Suite", NOW - 3 * DAY);
	int64_t late = came(f, "jane@example.com", "Suite", NOW + 2 * DAY);
	struct match_row rows[] = {{.email = "jane@example.com", .at = NOW},
		{.email = "other@example.com", .at = NOW},
		{.email = "jane@example.com", .at = NOW - DAY},
		{.email = "jane@example.com"}};

	assert_int_equal(match(f, rows, 4), NOW - 3 * DAY);
	assert_int_equal(rows[0].seq, late);
	assert_int_equal(rows[1].seq, 0);
	assert_int_equal(rows[2].seq, early);
	assert_int_equal(rows[3].seq, early);
}

static void a_lead_that_was_pruned_still_agrees(void **state)
{
	struct fixture *f = *state;
	int64_t lead = came(f, "jane@example.com", NULL, NOW);
	struct job_prune prune = {
		.retention = {.delivered_ms = 1}, .now = NOW + DAY, .max = 100};
	int64_t delivery = query(f, "SELECT max(id) FROM delivery");

	settle(f, delivery, DELIVERY_ACCEPT, 0);
	job_prune_prepare(&prune);
	call(f, &prune.job);
	assert_int_equal(query(f, "SELECT count(*) FROM lead"), 0);
	assert_int_equal(match_one(f, "jane@example.com", NULL, NOW), lead);
}

static void who_was_erased_is_told_apart(void **state)
{
	struct fixture *f = *state;
	struct match_row rows[] = {
		{.email = "jane@example.com"}, {.email = "Gone@x.com"}};
	uint8_t bytes[MATCH_LONG];
	char sql[160] = "INSERT INTO tombstone VALUES (x'";

	hash(f, MATCH_TOMBSTONE, "gone@x.com", bytes, sizeof(bytes));
	for (size_t i = 0; i < sizeof(bytes); i++)
		sprintf(sql + strlen(sql), "%02x", bytes[i]);
	strcat(sql, "', 1)");
	execute(f, sql);
	match(f, rows, 2);
	assert_false(rows[0].erased);
	assert_true(rows[1].erased);
}

static void what_came_behind_many_others_is_found(void **state)
{
	struct fixture *f = *state;
	int64_t first = came(f, "first@example.com", NULL, NOW);
	int64_t last;

	execute(f, "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n"
		   " WHERE i < 110000) INSERT INTO match_hash (seq, at, origin, email)"
		   " SELECT i, 1, 0, randomblob(8) FROM n;"
		   "UPDATE sqlite_sequence SET seq = 110000 WHERE name = 'lead'");
	fixture_close(f);
	fixture_open(f);
	last = came(f, "last@example.com", NULL, NOW);
	assert_int_equal(last, 110001);
	assert_int_equal(match_one(f, "last@example.com", NULL, NOW), last);
	assert_int_equal(match_one(f, "first@example.com", NULL, NOW), first);
}

static void the_relay_remembers_since_its_first_start(void **state)
{
	struct fixture *f = *state;
	struct job_boot boot = {.now = NOW - DAY};

	assert_int_equal(match(f, NULL, 0), 0);
	came(f, "jane@example.com", NULL, NOW);
	assert_int_equal(match(f, NULL, 0), NOW);
	job_boot_prepare(&boot);
	call(f, &boot.job);
	assert_int_equal(match(f, NULL, 0), NOW - DAY);
	boot.now = NOW + DAY;
	call(f, &boot.job);
	assert_int_equal(match(f, NULL, 0), NOW - DAY);
}

static void how_a_lead_came_in_is_known(void **state)
{
	struct fixture *f = *state;
	struct reader *reader;
	struct err err;

	execute(f, "INSERT INTO match_hash (seq, at, origin) VALUES (1, 1, 0), (2, 1, 1),"
		   " (3, 1, 2)");
	assert_int_equal(reader_open(&reader, f->dir, &f->clock, &err), ERR_OK);
	assert_int_equal(reader_origin(reader, 1), ORIGIN_REQUEST);
	assert_int_equal(reader_origin(reader, 2), ORIGIN_IMPORT);
	assert_int_equal(reader_origin(reader, 3), ORIGIN_RECOVERED);
	assert_int_equal(reader_origin(reader, 4), ORIGIN_REQUEST);
	reader_close(reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_row_agrees_in_address_offer_and_time),
		TEST(a_lead_without_an_offer_agrees_with_any),
		TEST(of_several_the_nearest_in_time_agrees),
		TEST(a_lead_that_was_pruned_still_agrees),
		TEST(who_was_erased_is_told_apart),
		TEST(what_came_behind_many_others_is_found),
		TEST(the_relay_remembers_since_its_first_start),
		TEST(how_a_lead_came_in_is_known),
		TEST(an_address_is_the_same_in_any_case_and_at_any_time),
		TEST(a_hash_of_one_kind_says_nothing_of_another),
		TEST(another_outbox_has_another_key),
		TEST(without_its_key_the_outbox_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
