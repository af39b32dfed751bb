/* What a batch promises, without a thread: store_step is the thread's one turn. */
#include "fixture.h"
#include "shim.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int setup(void **state)
{
	struct fixture *f;

	shim_register();
	atomic_store(&shim_fault, SHIM_NONE);
	fixture_setup(state);
	f = *state;
	fixture_close(f);
	f->options.vfs = SHIM_VFS;
	fixture_open(f);
	return 0;
}

static int done_count;

static void count_done(struct store_job *job)
{
	(void)job;
	done_count++;
}

static void submit(struct fixture *f, struct store_job *job)
{
	struct err err = {0};

	job->done = count_done;
	if (store_submit(f->store, job, &err) != ERR_OK)
		fail_msg("%s", err.text);
}

static void jobs_of_a_batch_share_one_sync(void **state)
{
	struct fixture *f = *state;
	struct accept accepts[20];
	int before;

	add_lead(f, "1"); /* the first commit of a WAL syncs its header, too */
	for (int i = 0; i < 20; i++) {
		accept_init(f, &accepts[i], "x");
		submit(f, &accepts[i].job.job);
	}
	assert_int_equal(store_waiting(f->store), 20);
	before = atomic_load(&shim_wal_syncs);
	done_count = 0;
	assert_int_equal(store_step(f->store), 20);
	assert_int_equal(done_count, 20);
	assert_int_equal(atomic_load(&shim_wal_syncs) - before, 1);
	assert_int_equal(store_waiting(f->store), 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(accepts[i].job.job.code, ERR_OK);
		accept_finish(&accepts[i]);
	}
	expect_counts(f, f->crm, 21, 0, 0, 0, 0);
}

static void a_claim_alone_needs_no_sync(void **state)
{
	struct fixture *f = *state;
	struct job_claim job = {
		.kind = CLAIM_UNTRIED, .destination = f->crm, .now = NOW, .max = 5};
	int before;

	add_lead(f, "1");
	before = atomic_load(&shim_wal_syncs);
	job_claim_prepare(&job);
	call(f, &job.job);
	assert_int_equal(job.count, 1);
	assert_int_equal(atomic_load(&shim_wal_syncs), before);
	job_claim_finish(&job);
}

static void a_job_that_fails_halfway_fails_alone(void **state)
{
	struct fixture *f = *state;
	struct accept accepts[5];
	int64_t seq;

	for (int i = 0; i < 5; i++) {
		accept_init(f, &accepts[i], i == 2 ? "bad" : "good");
		if (i == 2)
			accept_to(&accepts[i], 2, f->crm, INT64_C(99));
		submit(f, &accepts[i].job.job);
	}
	store_step(f->store);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(
			accepts[i].job.job.code, i == 2 ? ERR_NOT_FOUND : ERR_OK);
		if (i != 2)
			assert_int_equal(accepts[i].job.result, ACCEPT_NEW);
		accept_finish(&accepts[i]);
	}
	expect_counts(f, f->crm, 4, 0, 0, 0, 0);
	assert_int_equal(query(f, "SELECT accepted FROM source WHERE name = 'web'"), 4);
	assert_int_equal(query(f, "SELECT count(*) FROM lead"), 4);
	seq = query(f, "SELECT max(seq) FROM lead");
	add_lead(f, "after");
	assert_int_equal(query(f, "SELECT max(seq) FROM lead"), seq + 1);
	assert_true(store_working(f->store));
}

static void a_cursor_moves_only_with_its_commit(void **state)
{
	struct fixture *f = *state;
	struct job_transition job = {.selection = {.states = 1u << DELIVERY_PENDING},
		.event = DELIVERY_HOLD,
		.now = NOW,
		.max = 1};
	struct accept bad;

	add_lead(f, "1");
	add_lead(f, "2");
	job_transition_prepare(&job);
	submit(f, &job.job);
	accept_init(f, &bad, "bad");
	accept_to(&bad, 2, f->crm, INT64_C(99));
	submit(f, &bad.job.job);
	store_step(f->store); /* runs the transition twice */
	accept_finish(&bad);
	assert_int_equal(job.changed, 1);
	assert_int_equal(job.after, 1);
	expect_counts(f, f->crm, 1, 1, 0, 0, 0);
	atomic_store(&shim_fault, SHIM_FULL);
	submit(f, &job.job);
	store_step(f->store);
	assert_int_equal(job.job.code, ERR_FULL);
	assert_int_equal(job.after, 1);
	atomic_store(&shim_fault, SHIM_NONE);
	job_transition_finish(&job);
}

static void more_than_fits_in_a_batch_waits_for_the_next(void **state)
{
	struct fixture *f = *state;
	size_t len = 5 << 20;
	char *body = malloc(len + 1);
	struct accept accepts[3];

	memset(body, 'x', len);
	body[len] = '\0';
	for (int i = 0; i < 3; i++) {
		accept_init(f, &accepts[i], body);
		submit(f, &accepts[i].job.job);
	}
	done_count = 0;
	store_step(f->store);
	assert_int_equal(done_count, 2);
	assert_int_equal(store_waiting(f->store), 1);
	store_step(f->store);
	assert_int_equal(done_count, 3);
	for (int i = 0; i < 3; i++)
		accept_finish(&accepts[i]);
	free(body);
	expect_counts(f, f->crm, 3, 0, 0, 0, 0);
}

static void too_many_waiting_are_refused(void **state)
{
	struct fixture *f = *state;
	struct accept accepts[3];
	struct err err;

	fixture_close(f);
	f->options.max_waiting = 2;
	fixture_open(f);
	for (int i = 0; i < 3; i++)
		accept_init(f, &accepts[i], "x");
	submit(f, &accepts[0].job.job);
	submit(f, &accepts[1].job.job);
	assert_int_equal(store_submit(f->store, &accepts[2].job.job, &err), ERR_BUSY);
	store_step(f->store);
	for (int i = 0; i < 3; i++)
		accept_finish(&accepts[i]);
}

/* ---- a disk that says no ---- */

static enum err_code try_lead(struct fixture *f, const char *body)
{
	struct accept accept;
	struct err err;
	enum err_code code;

	accept_init(f, &accept, body);
	code = store_call(f->store, &accept.job.job, &err);
	accept_finish(&accept);
	return code;
}

static void nothing_is_kept_on_a_full_disk_and_it_goes_on_when_there_is_room(void **state)
{
	struct fixture *f = *state;

	add_lead(f, "1");
	atomic_store(&shim_fault, SHIM_FULL);
	assert_int_equal(try_lead(f, "2"), ERR_FULL);
	assert_false(store_working(f->store));
	assert_false(f->healthy);
	assert_int_equal(f->health_calls, 1);
	assert_int_equal(try_lead(f, "3"), ERR_FULL);
	assert_int_equal(f->health_calls, 1);
	atomic_store(&shim_fault, SHIM_NONE);
	assert_int_equal(try_lead(f, "4"), ERR_OK);
	assert_true(store_working(f->store));
	assert_true(f->healthy);
	assert_int_equal(f->health_calls, 2);
	expect_counts(f, f->crm, 2, 0, 0, 0, 0);
	assert_int_equal(query(f, "SELECT count(*) FROM lead"), 2);
}

static void after_a_failed_sync_nothing_is_trusted_before_a_marker_is_committed(
	void **state)
{
	struct fixture *f = *state;
	int64_t count;

	add_lead(f, "1");
	f->wall += 1234;
	atomic_store(&shim_fault, SHIM_SYNC);
	assert_int_equal(try_lead(f, "2"), ERR_IO);
	for (int i = 0; i < 3; i++)
		assert_int_equal(try_lead(f, "3"), ERR_IO);
	atomic_store(&shim_fault, SHIM_NONE);
	assert_int_equal(try_lead(f, "4"), ERR_OK);
	assert_int_equal(
		query(f, "SELECT value FROM meta WHERE key = 'marker'"), f->wall);
	/* the second one may have survived; it is then counted like any other */
	count = query(f, "SELECT count(*) FROM lead");
	assert_in_range(count, 2, 3);
	expect_counts(f, f->crm, count, 0, 0, 0, 0);
	assert_int_equal(
		query(f, "SELECT accepted FROM source WHERE name = 'web'"), count);
}

static void the_wal_is_cut_to_nothing_after_a_failed_sync(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char path[128];

	for (int i = 0; i < 50; i++)
		add_lead(f, "x");
	atomic_store(&shim_fault, SHIM_SYNC);
	assert_int_equal(try_lead(f, "y"), ERR_IO);
	atomic_store(&shim_fault, SHIM_NONE);
	assert_int_equal(try_lead(f, "z"), ERR_OK);
	snprintf(path, sizeof(path), "%s-wal", f->path);
	stat(path, &st);
	assert_in_range(st.st_size, 1, 200000); /* the marker and one lead, not fifty */
}

static void every_job_of_a_failed_batch_and_all_that_wait_hear_of_it(void **state)
{
	struct fixture *f = *state;
	struct accept accepts[3];

	for (int i = 0; i < 3; i++) {
		accept_init(f, &accepts[i], "x");
		submit(f, &accepts[i].job.job);
	}
	atomic_store(&shim_fault, SHIM_WRITE);
	done_count = 0;
	store_step(f->store);
	assert_int_equal(done_count, 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(accepts[i].job.job.code, ERR_IO);
		assert_true(strlen(accepts[i].job.job.err.text) > 0);
	}
	atomic_store(&shim_fault, SHIM_NONE);
	for (int i = 0; i < 3; i++) {
		submit(f, &accepts[i].job.job); /* the same jobs once more */
		store_step(f->store);
		assert_int_equal(accepts[i].job.job.code, ERR_OK);
		accept_finish(&accepts[i]);
	}
	expect_counts(f, f->crm, 3, 0, 0, 0, 0);
}

static void a_store_whose_file_vanished_is_not_made_anew(void **state)
{
	struct fixture *f = *state;
	char aside[96];

	snprintf(aside, sizeof(aside), "%s/aside", f->dir);
	atomic_store(&shim_fault, SHIM_FULL);
	assert_int_equal(try_lead(f, "1"), ERR_FULL);
	atomic_store(&shim_fault, SHIM_NONE);
	rename(f->path, aside);
	assert_int_not_equal(try_lead(f, "2"), ERR_OK);
	rename(aside, f->path);
	assert_int_equal(try_lead(f, "3"), ERR_OK);
}

static void the_wal_is_checkpointed_when_it_has_grown(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char path[128];

	for (int i = 0; i < 1500; i++)
		add_lead(f, "x");
	snprintf(path, sizeof(path), "%s-wal", f->path);
	stat(path, &st);
	assert_in_range(st.st_size, 1000 * 4120, 1200 * 4120);
}

static int64_t wal_size(struct fixture *f)
{
	struct stat st;
	char path[128];

	snprintf(path, sizeof(path), "%s-wal", f->path);
	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void a_reader_that_does_not_end_only_makes_the_wal_longer(void **state)
{
	struct fixture *f = *state;
	sqlite3 *reader;

	fixture_close(f);
	f->options.wal_ceiling = 1 << 20;
	fixture_open(f);
	add_lead(f, "x");
	assert_int_equal(sqlite3_open(f->path, &reader), SQLITE_OK);
	assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM lead", NULL,
				 NULL, NULL),
		SQLITE_OK);
	for (int i = 0; i < 400; i++)
		add_lead(f, "x");
	assert_true(wal_size(f) > 2 << 20);
	assert_true(store_working(f->store));
	sqlite3_close(reader);
	store_step(f->store); /* the thread does so every second */
	add_lead(f, "x");
	assert_in_range(wal_size(f), 1, (1 << 20) + 4096);
	expect_counts(f, f->crm, 402, 0, 0, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(jobs_of_a_batch_share_one_sync),
		TEST(a_claim_alone_needs_no_sync),
		TEST(a_job_that_fails_halfway_fails_alone),
		TEST(a_cursor_moves_only_with_its_commit),
		TEST(more_than_fits_in_a_batch_waits_for_the_next),
		TEST(too_many_waiting_are_refused),
		TEST(nothing_is_kept_on_a_full_disk_and_it_goes_on_when_there_is_room),
		TEST(after_a_failed_sync_nothing_is_trusted_before_a_marker_is_committed),
		TEST(the_wal_is_cut_to_nothing_after_a_failed_sync),
		TEST(every_job_of_a_failed_batch_and_all_that_wait_hear_of_it),
		TEST(a_store_whose_file_vanished_is_not_made_anew),
		TEST(the_wal_is_checkpointed_when_it_has_grown),
		TEST(a_reader_that_does_not_end_only_makes_the_wal_longer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
