/* Every statement against EXPLAIN QUERY PLAN: none may read a growing table through. */
#include "fixture.h"
#include "sql.h"

#include <sqlite3.h>
#include <string.h>

static const char *const growing[] = {"lead", "delivery", "attempt", "fingerprint", "d",
	"l", "a", "mail", "m", "mail_attempt", "notice", "attachment", "idle", "i", "x",
	"match_hash", "h", "imported", "import_repeat", "r", "tombstone", "p", "sample"};

/* "SCAN lead", "SCAN delivery USING INDEX ..." */
static bool scans_growing_table(const char *detail)
{
	for (size_t i = 0; i < sizeof(growing) / sizeof(growing[0]); i++) {
		size_t len = strlen(growing[i]);

		if (strncmp(detail, "SCAN ", 5) == 0 &&
			strncmp(detail + 5, growing[i], len) == 0 &&
			(detail[5 + len] == '\0' || detail[5 + len] == ' '))
			return true;
	}
	return false;
}

static void no_statement_scans_a_growing_table(void **state)
{
	struct fixture *f = *state;
	sqlite3 *sqlite;

	assert_int_equal(sqlite3_open(f->path, &sqlite), SQLITE_OK);
	for (int id = 0; id < SQL_COUNT; id++) {
		char text[2000] = "EXPLAIN QUERY PLAN ";
		sqlite3_stmt *stmt = NULL;

		assert_non_null(sql_text[id]);
		strcat(text, sql_text[id]);
		assert_int_equal(
			sqlite3_prepare_v2(sqlite, text, -1, &stmt, NULL), SQLITE_OK);
		while (sqlite3_step(stmt) == SQLITE_ROW) {
			const char *detail = (const char *)sqlite3_column_text(stmt, 3);

			if (scans_growing_table(detail))
				fail_msg("%s: %s", detail, sql_text[id]);
			if (strstr(detail, "AUTOMATIC"))
				fail_msg("%s: %s", detail, sql_text[id]);
		}
		sqlite3_finalize(stmt);
	}
	sqlite3_close(sqlite);
}

static void expect_plan(sqlite3 *sqlite, enum sql id, const char *needed)
{
	char text[2000] = "EXPLAIN QUERY PLAN ";
	char plan[2000] = "";
	sqlite3_stmt *stmt = NULL;

	strcat(text, sql_text[id]);
	sqlite3_prepare_v2(sqlite, text, -1, &stmt, NULL);
	while (sqlite3_step(stmt) == SQLITE_ROW)
		strcat(strcat(plan, (const char *)sqlite3_column_text(stmt, 3)), "\n");
	sqlite3_finalize(stmt);
	if (!strstr(plan, needed))
		fail_msg("%s: %s", sql_text[id], plan);
	if (strstr(plan, "TEMP B-TREE"))
		fail_msg("%s: %s", sql_text[id], plan);
}

static void claims_and_pages_come_from_the_partial_indexes(void **state)
{
	struct fixture *f = *state;
	sqlite3 *sqlite;

	assert_int_equal(sqlite3_open(f->path, &sqlite), SQLITE_OK);
	expect_plan(sqlite, SQL_CLAIM_SAME, "COVERING INDEX delivery_due");
	expect_plan(sqlite, SQL_CLAIM_LATER, "COVERING INDEX delivery_due");
	expect_plan(sqlite, SQL_CLAIM_NEXT_DUE, "COVERING INDEX delivery_due");
	expect_plan(sqlite, SQL_WAKE, "INDEX delivery_due");
	expect_plan(sqlite, SQL_OLDEST_PENDING, "COVERING INDEX delivery_unsettled");
	expect_plan(sqlite, SQL_PICK_UNSETTLED_UP, "COVERING INDEX delivery_unsettled");
	expect_plan(sqlite, SQL_PICK_UNSETTLED_DOWN, "COVERING INDEX delivery_unsettled");
	expect_plan(sqlite, SQL_PICK_QUARANTINED_DOWN, "COVERING INDEX lead_quarantined");
	expect_plan(sqlite, SQL_LEAD_BOUNDS, "COVERING INDEX lead_received");
	expect_plan(sqlite, SQL_EXPIRED, "INDEX fingerprint_expiry");
	sqlite3_close(sqlite);
}

static void mails_and_retention_come_from_indexes_too(void **state)
{
	struct fixture *f = *state;
	sqlite3 *sqlite;

	assert_int_equal(sqlite3_open(f->path, &sqlite), SQLITE_OK);
	expect_plan(sqlite, SQL_MAIL_SAME, "COVERING INDEX mail_due");
	expect_plan(sqlite, SQL_MAIL_LATER, "COVERING INDEX mail_due");
	expect_plan(sqlite, SQL_MAIL_NEXT_DUE, "COVERING INDEX mail_due");
	expect_plan(sqlite, SQL_MAIL_WAKE, "INDEX mail_due");
	expect_plan(sqlite, SQL_MAIL_OLDEST, "COVERING INDEX mail_unsettled");
	expect_plan(sqlite, SQL_MAIL_FREEZE, "INDEX mail_digest");
	expect_plan(sqlite, SQL_MAIL_LEADS, "INDEX mail_carrier");
	expect_plan(sqlite, SQL_MAIL_COUNT, "COVERING INDEX mail_carrier");
	expect_plan(sqlite, SQL_MAIL_FOLLOW, "INDEX mail_carrier");
	expect_plan(sqlite, SQL_MAIL_DEAD, "COVERING INDEX mail_unsettled");
	expect_plan(sqlite, SQL_MAIL_DEAD_OF, "INDEX mail_lead");
	expect_plan(sqlite, SQL_MAILS_OF, "INDEX mail_lead");
	expect_plan(sqlite, SQL_MAILS_UNSETTLED, "INDEX mail_unsettled");
	expect_plan(sqlite, SQL_PRUNE_DELIVERIES, "COVERING INDEX delivery_settled");
	expect_plan(sqlite, SQL_PRUNE_MAILS, "COVERING INDEX mail_settled");
	expect_plan(sqlite, SQL_PRUNE_IDLE, "INDEX idle_since");
	expect_plan(sqlite, SQL_PRUNE_IDLE, "COVERING INDEX lead_raw_of");
	expect_plan(sqlite, SQL_PRUNE_IDLE, "INDEX mail_lead");
	expect_plan(sqlite, SQL_PRUNE_QUARANTINED, "INDEX lead_quarantined");
	expect_plan(sqlite, SQL_PRUNE_ATTEMPTS, "COVERING INDEX attempt_at");
	expect_plan(sqlite, SQL_PRUNE_MAIL_ATTEMPTS, "COVERING INDEX mail_attempt_at");
	expect_plan(sqlite, SQL_PRUNE_NOTICE, "COVERING INDEX mail_notice");
	expect_plan(sqlite, SQL_LAST_LEAD_AT, "COVERING INDEX lead_received");
	expect_plan(sqlite, SQL_SAMPLES, "PRIMARY KEY (at>? AND at<?)");
	expect_plan(sqlite, SQL_SAMPLE_REMOVE, "PRIMARY KEY (at<?)");
	expect_plan(sqlite, SQL_SHAPE_LEAD, "INTEGER PRIMARY KEY (rowid>?)");
	expect_plan(sqlite, SQL_SHAPE_COUNT, "COVERING INDEX delivery_unsettled");
	sqlite3_close(sqlite);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_statement_scans_a_growing_table),
		TEST(claims_and_pages_come_from_the_partial_indexes),
		TEST(mails_and_retention_come_from_indexes_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
