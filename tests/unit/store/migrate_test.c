/*
 * A store of the first schema, with rows in every state, becomes one of the newest:
 * killed at a step, it is what it was before, and the next start goes on.
 */
#include "fixture.h"
#include "leadrelay/samples.h"
#include "migrate.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Leads 1 to 5 with a delivery in each state, 6 kept without one, 7 quarantined, 8
 * discarded as such. */
static const char rows[] =
	"PRAGMA user_version = 1; PRAGMA application_id = 1280462897;"
	"INSERT INTO source (name, configured, requests, accepted, quarantined, waiting,"
	" test, last_at) VALUES ('web', 1, 8, 6, 2, 1, 0, 80);"
	"INSERT INTO destination (name, kind, configured, keeps_key, health, since,"
	" accepted, pending, held, delivered, dead, discarded)"
	" VALUES ('crm', 'https', 1, 1, 1, 5, 5, 1, 1, 1, 1, 1);"
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 8)"
	" INSERT INTO lead (seq, id, source, received_at, state, test, fields, raw)"
	" SELECT i, randomblob(16), 1, 10 * i, CASE WHEN i <= 6 THEN 1 ELSE i - 5 END, 0,"
	" '{}', x'726177' FROM n;"
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5)"
	" INSERT INTO delivery (id, lead, destination, state, queue, due_at, age_from,"
	" settled_at) SELECT i, i, 1, i, 1, 10 * i, 0, CASE WHEN i > 2 THEN 10 * i END"
	" FROM n;"
	"INSERT INTO attempt VALUES (3, 1, 30, 5, 1, 0, 201, NULL),"
	" (4, 1, 40, 5, 10, 12, 400, 'no');";

static void make_old(struct fixture *f)
{
	sqlite3 *sqlite;
	char *text = NULL;

	fixture_close(f);
	unlink(f->path);
	assert_int_equal(sqlite3_open(f->path, &sqlite), SQLITE_OK);
	sqlite3_exec(sqlite, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
	if (sqlite3_exec(sqlite, migrations[0].sql, NULL, NULL, &text) != SQLITE_OK ||
		sqlite3_exec(sqlite, rows, NULL, NULL, &text) != SQLITE_OK)
		fail_msg("%s", text);
	sqlite3_close(sqlite);
}

/* As that version left it. */
static void take_steps(struct fixture *f, int version)
{
	char stamp[48];
	sqlite3 *sqlite;
	char *text = NULL;

	assert_int_equal(sqlite3_open(f->path, &sqlite), SQLITE_OK);
	for (size_t i = 1; migrations[i].version <= version; i++)
		if (sqlite3_exec(sqlite, migrations[i].sql, NULL, NULL, &text) !=
			SQLITE_OK)
			fail_msg("%s", text);
	snprintf(stamp, sizeof(stamp), "PRAGMA user_version = %d", version);
	sqlite3_exec(sqlite, stamp, NULL, NULL, NULL);
	sqlite3_close(sqlite);
}

static void fail_problem(void *ctx, const char *text)
{
	(void)ctx;
	fail_msg("%s", text);
}

static void expect_new(struct fixture *f)
{
	struct reader *reader;
	struct err err = {0};

	assert_int_equal(query(f, "PRAGMA user_version"), (int64_t)migration_count);
	assert_int_equal(query(f, "SELECT died FROM destination"), 1);
	assert_int_equal(query(f, "SELECT quarantines FROM source"), 2);
	assert_int_equal(query(f, "SELECT lead FROM idle"), 6);
	assert_int_equal(query(f, "SELECT since FROM idle"), 60);
	assert_int_equal(query(f, "SELECT count(*) FROM attempt"), 2);
	assert_int_equal(
		query(f, "SELECT length(value) FROM meta WHERE key = 'relay'"), 16);
	assert_int_equal(reader_open(&reader, f->dir, &f->clock, &err), ERR_OK);
	assert_int_equal(reader_check(reader, fail_problem, NULL, &err), ERR_OK);
	reader_close(reader);
	expect_counts(f, 1, 1, 1, 1, 1, 1);
}

static void an_old_store_is_taken_over_with_all_its_rows(void **state)
{
	struct fixture *f = *state;

	make_old(f);
	fixture_open(f);
	expect_new(f);
	fixture_close(f);
	fixture_open(f); /* and once only */
	expect_new(f);
}

/* The step of this version alone: what 003 left stays as it is, byte for byte. */
static void a_store_of_003_keeps_what_it_has(void **state)
{
	static const char fingerprint[] =
		"SELECT sum(length(quote(id)) + seq * received_at + state) FROM lead";
	static const char deliveries[] =
		"SELECT sum(id * state * due_at + lead) FROM delivery";
	struct fixture *f = *state;
	struct store_name destinations[] = {{.name = "crm", .kind = "https"}};
	struct job_names names = {
		.destinations = destinations, .destination_count = 1, .now = NOW};
	struct job_sample sample = {.now = NOW};
	int64_t leads, sum;

	make_old(f);
	take_steps(f, 3);
	execute(f, "INSERT INTO import (source, file, run, started_at, taken, accepted,"
		   " duplicates, erased, rejected)"
		   " VALUES (1, randomblob(32), 1, 1, 2, 1, 1, 0, 0)");
	leads = query(f, fingerprint);
	sum = query(f, deliveries);
	fixture_open(f);
	assert_int_equal(query(f, "PRAGMA user_version"), (int64_t)migration_count);
	assert_int_equal(query(f, fingerprint), leads);
	assert_int_equal(query(f, deliveries), sum);
	assert_int_equal(query(f, "SELECT taken FROM import"), 2);
	assert_int_equal(query(f, "SELECT count(*) FROM sample"), 0);
	job_names_prepare(&names);
	call(f, &names.job);
	job_names_finish(&names);
	job_sample_prepare(&sample);
	call(f, &sample.job);
	assert_int_equal(query(f, "SELECT accepted FROM sample"), 5);
	expect_new(f);
}

static void a_reader_does_not_migrate(void **state)
{
	struct fixture *f = *state;
	struct reader *reader;
	struct err err;

	make_old(f);
	assert_int_equal(reader_open(&reader, f->dir, &f->clock, &err), ERR_INVALID);
	assert_non_null(strstr(err.text, "older"));
	fixture_open(f);
}

#ifdef LEADRELAY_FAULT_POINTS
static void killed_at_the_step_it_is_the_old_one(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t pid;

	make_old(f);
	pid = fork();
	if (pid == 0) {
		setenv("LEADRELAY_FAULT", "migrate.step_n:kill", 1);
		execl("/proc/self/exe", "store_migrate_test", f->dir, (char *)NULL);
		_exit(9);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	execute(f, "PRAGMA integrity_check");
	assert_int_equal(query(f, "PRAGMA user_version"), 1);
	assert_int_equal(
		query(f, "SELECT count(*) FROM sqlite_schema WHERE name = 'mail'"), 0);
	fixture_open(f);
	expect_new(f);
}
#endif

static int child(const char *dir)
{
	struct store_options options = {
		.state_dir = dir, .clock = &clock_system, .entropy = &entropy_system};
	struct store *store;
	struct err err;

	return store_open(&store, &options, &err) == ERR_OK ? 0 : 1;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(an_old_store_is_taken_over_with_all_its_rows),
		TEST(a_store_of_003_keeps_what_it_has),
		TEST(a_reader_does_not_migrate),
#ifdef LEADRELAY_FAULT_POINTS
		TEST(killed_at_the_step_it_is_the_old_one),
#endif
	};

	if (argc > 1)
		return child(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
