#include "fixture.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void files_are_private_whatever_the_umask(void **state)
{
	struct fixture *f = *state;
	char path[128];

	fixture_close(f);
	unlink(f->path);
	umask(0);
	fixture_open(f);
	fixture_names(f);
	umask(022);
	assert_int_equal(mode_of(f->path), 0600);
	snprintf(path, sizeof(path), "%s-wal", f->path);
	assert_int_equal(mode_of(path), 0600);
	snprintf(path, sizeof(path), "%s-shm", f->path);
	assert_int_equal(mode_of(path), 0600);
	fixture_close(f);
	chmod(f->path, 0644);
	fixture_open(f);
	assert_int_equal(mode_of(f->path), 0600);
}

static void what_was_accepted_is_there_after_reopening(void **state)
{
	struct fixture *f = *state;
	struct job_claim job = {
		.kind = CLAIM_UNTRIED, .destination = f->crm, .now = NOW, .max = 5};

	add_lead(f, "1");
	fixture_close(f);
	fixture_open(f);
	job_claim_prepare(&job);
	call(f, &job.job);
	assert_int_equal(job.count, 1);
	job_claim_finish(&job);
	expect_counts(f, f->crm, 1, 0, 0, 0, 0);
}

static void the_pragmas_are_what_the_promises_need(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		query(f, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
	assert_int_equal(query(f, "PRAGMA application_id"), 0x4c525031);
	assert_true(query(f, "PRAGMA user_version") >= 1);
}

static void closing_leaves_no_wal(void **state)
{
	struct fixture *f = *state;
	char path[128];

	add_lead(f, "1");
	fixture_close(f);
	snprintf(path, sizeof(path), "%s-wal", f->path);
	assert_int_not_equal(access(path, F_OK), 0);
	fixture_open(f);
}

static long contents(const char *path, char *out, size_t size)
{
	FILE *file = fopen(path, "r");
	size_t len;

	assert_non_null(file);
	len = fread(out, 1, size, file);
	fclose(file);
	return (long)len;
}

/* Opening fails with this code and these words, and leaves every byte as it was. */
static void copy_file(const struct fixture *f, const char *to, const char *suffix)
{
	char command[512];

	snprintf(command, sizeof(command), "cp %s%s %s/outbox.db%s", f->path, suffix, to,
		suffix);
	assert_int_equal(system(command), 0);
}

/* What the last run's WAL holds may be in the kernel's memory only, after a sync that
 * failed. */
static void a_start_after_a_crash_adds_nothing_to_the_old_wal(void **state)
{
	struct fixture *f = *state, other = *f;
	char path[160];
	struct stat st;

	strcpy(other.dir, "/tmp/store_open_XXXXXX");
	assert_non_null(mkdtemp(other.dir));
	snprintf(other.path, sizeof(other.path), "%s/outbox.db", other.dir);
	add_lead(f, "1");
	copy_file(f, other.dir, ""); /* as a crash leaves it */
	copy_file(f, other.dir, "-wal");
	other.options.state_dir = other.dir;
	other.store = NULL;
	fixture_open(&other);
	snprintf(path, sizeof(path), "%s-wal", other.path);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, 0);
	expect_counts(&other, f->crm, 1, 0, 0, 0, 0);
	fixture_close(&other);
	unlink(other.path);
	assert_int_equal(rmdir(other.dir), 0);
}

static void expect_refused(struct fixture *f, enum err_code code, const char *words)
{
	static char before[1 << 20];
	static char after[1 << 20];
	long len = contents(f->path, before, sizeof(before));
	struct err err = {0};

	assert_int_equal(fixture_try_open(f, &err), code);
	if (!strstr(err.text, words))
		fail_msg("%s", err.text);
	assert_int_equal(contents(f->path, after, sizeof(after)), len);
	assert_memory_equal(before, after, len);
	f->store = NULL;
}

static void a_newer_schema_is_refused_unchanged(void **state)
{
	struct fixture *f = *state;

	fixture_close(f);
	execute(f, "PRAGMA user_version = 999");
	expect_refused(f, ERR_INVALID, "newer leadrelay");
}

static void somebody_elses_database_is_refused_unchanged(void **state)
{
	struct fixture *f = *state;

	fixture_close(f);
	unlink(f->path);
	execute(f, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
	expect_refused(f, ERR_INVALID, "not an outbox");
	execute(f, "PRAGMA application_id = 77");
	expect_refused(f, ERR_INVALID, "not an outbox");
}

static void a_file_that_is_no_database_is_refused_unchanged(void **state)
{
	struct fixture *f = *state;
	FILE *file;

	fixture_close(f);
	file = fopen(f->path, "w");
	for (int i = 0; i < 1000; i++)
		fputs("this is a letter, not a database\n", file);
	fclose(file);
	expect_refused(f, ERR_CORRUPT, "leadctl restore BACKUP");
}

static void a_damaged_header_is_refused_unchanged(void **state)
{
	struct fixture *f = *state;
	int fd;

	add_lead(f, "1");
	fixture_close(f);
	fd = open(f->path, O_WRONLY);
	assert_int_equal(pwrite(fd, "\xff\xff\xff\xff", 4, 0), 4);
	close(fd);
	expect_refused(f, ERR_CORRUPT, "leadctl salvage /");
}

/* ---- names ---- */

static void names_with(struct fixture *f, struct job_names *job, bool archive)
{
	static struct store_name sources[] = {{.name = "web"}};
	static struct store_name destinations[] = {
		{.name = "crm", .kind = "https", .keeps_key = true},
		{.name = "archive", .kind = "file"}};

	*job = (struct job_names){.sources = sources,
		.source_count = 1,
		.destinations = destinations,
		.destination_count = archive ? 2 : 1,
		.now = f->wall};
	job_names_prepare(job);
	call(f, &job->job);
}

static void names_keep_their_ids(void **state)
{
	struct fixture *f = *state;
	struct job_names job;
	struct destination_row row;

	names_with(f, &job, true);
	assert_int_equal(job.sources[0].id, f->web);
	assert_int_equal(job.destinations[1].id, f->archive);
	assert_int_equal(job.removed_count, 0);
	job_names_finish(&job);
	destination_get(f, f->crm, &row);
	assert_string_equal(row.kind, "https");
	assert_int_equal(
		query(f, "SELECT configured FROM source WHERE name = 'shop'"), 0);
}

static void a_removed_destination_with_leads_is_parked_until_it_returns(void **state)
{
	struct fixture *f = *state;
	struct destination_row row;
	struct job_names job;
	struct accept accept;

	names_with(f, &job, false); /* nothing waits there: not worth a word */
	assert_int_equal(job.removed_count, 0);
	job_names_finish(&job);
	names_with(f, &job, true);
	job_names_finish(&job);
	accept_init(f, &accept, "body");
	accept_to(&accept, 1, f->archive);
	call(f, &accept.job.job);
	accept_finish(&accept);
	for (int i = 0; i < 2; i++) { /* told at every start */
		names_with(f, &job, false);
		assert_int_equal(job.removed_count, 1);
		assert_string_equal(job.removed[0], "archive");
		job_names_finish(&job);
	}
	destination_get(f, f->archive, &row);
	assert_false(row.configured);
	assert_int_equal(row.health.state, HEALTH_PARKED);
	assert_int_equal(row.health.reason, REASON_REMOVED);
	names_with(f, &job, true);
	job_names_finish(&job);
	destination_get(f, f->archive, &row);
	assert_true(row.configured);
	assert_int_equal(row.health.state, HEALTH_OPEN);
	assert_int_equal(row.health.reason, REASON_NONE);
}

/* ---- boots ---- */

static struct job_boot boot(struct fixture *f)
{
	struct job_boot job = {.now = f->wall};

	job_boot_prepare(&job);
	call(f, &job.job);
	return job;
}

static void end_boot(struct fixture *f, int64_t id, bool resume)
{
	struct job_boot_end job = {.boot_id = id, .resume = resume, .now = f->wall};

	job_boot_end_prepare(&job);
	call(f, &job.job);
}

static void three_unclean_ends_in_10_minutes_mean_intake_only_until_resume(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(boot(f).unclean_recently, 0);
	f->wall += MINUTE;
	assert_int_equal(boot(f).unclean_recently, 1);
	f->wall += MINUTE;
	assert_false(boot(f).intake_only);
	f->wall += MINUTE;
	assert_true(boot(f).intake_only);
	f->wall += 60 * MINUTE;
	end_boot(f, 4, false);
	assert_true(boot(f).intake_only); /* a clean end is no resume */
	end_boot(f, 0, true);
	f->wall += MINUTE;
	assert_false(boot(f).intake_only);
}

static void no_lead_ages_while_no_daemon_runs(void **state)
{
	struct fixture *f = *state;
	struct destination_row row;
	int64_t open_ms;
	int64_t id = boot(f).boot_id;

	destination_get(f, f->crm, &row);
	open_ms = health_open_ms(&row.health, f->wall);
	f->wall += 7 * MINUTE;
	end_boot(f, id, false);
	f->wall += 60 * 24 * 60 * MINUTE; /* two months in a drawer */
	boot(f);
	destination_get(f, f->crm, &row);
	assert_int_equal(health_open_ms(&row.health, f->wall), open_ms + 7 * MINUTE);
	f->wall += 60 * 24 * 60 * MINUTE; /* and an end without a goodbye */
	boot(f);
	destination_get(f, f->crm, &row);
	assert_int_equal(health_open_ms(&row.health, f->wall), open_ms + 7 * MINUTE);
}

static void clean_ends_and_old_ones_do_not_count(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 5; i++) {
		struct job_boot job = boot(f);

		assert_int_equal(job.unclean_recently, 0);
		end_boot(f, job.boot_id, false);
	}
	for (int i = 0; i < 5; i++) {
		f->wall += 6 * MINUTE;
		assert_false(boot(f).intake_only);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(files_are_private_whatever_the_umask),
		TEST(what_was_accepted_is_there_after_reopening),
		TEST(the_pragmas_are_what_the_promises_need),
		TEST(closing_leaves_no_wal),
		TEST(a_start_after_a_crash_adds_nothing_to_the_old_wal),
		TEST(a_newer_schema_is_refused_unchanged),
		TEST(somebody_elses_database_is_refused_unchanged),
		TEST(a_file_that_is_no_database_is_refused_unchanged),
		TEST(a_damaged_header_is_refused_unchanged),
		TEST(names_keep_their_ids),
		TEST(a_removed_destination_with_leads_is_parked_until_it_returns),
		TEST(three_unclean_ends_in_10_minutes_mean_intake_only_until_resume),
		TEST(clean_ends_and_old_ones_do_not_count),
		TEST(no_lead_ages_while_no_daemon_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
