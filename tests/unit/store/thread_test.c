/* The store thread, its queue and the loop; made for -fsanitize=thread, too. */
#include "fixture.h"
#include "leadrelay/reader.h"
#include "shim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct running {
	struct fixture *f;
	uv_loop_t loop;
	int done;
	int failed;
	bool stopped;
};

static void on_stopped(void *ctx)
{
	((struct running *)ctx)->stopped = true;
}

static int setup(void **state)
{
	struct running *r = calloc(1, sizeof(*r));
	void *fixture;
	struct err err;

	shim_register();
	atomic_store(&shim_fault, SHIM_NONE);
	fixture_setup(&fixture);
	r->f = fixture;
	fixture_close(r->f);
	r->f->options.vfs = SHIM_VFS;
	fixture_open(r->f);
	uv_loop_init(&r->loop);
	assert_int_equal(store_start(r->f->store, &r->loop, &err), ERR_OK);
	*state = r;
	return 0;
}

static void stop(struct running *r)
{
	if (r->stopped)
		return;
	store_stop(r->f->store, on_stopped, r);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_true(r->stopped);
}

static int teardown(void **state)
{
	struct running *r = *state;
	void *fixture = r->f;

	stop(r);
	assert_int_equal(uv_loop_close(&r->loop), 0);
	fixture_teardown(&fixture);
	free(r);
	return 0;
}

struct request { /* as intake does it: the job lives in the request */
	struct accept accept;
	struct running *running;
};

static void on_done(struct store_job *job)
{
	struct request *request = (struct request *)(void *)job;

	request->running->done++;
	request->running->failed += job->code != ERR_OK;
	accept_finish(&request->accept);
	free(request);
}

static enum err_code submit(struct running *r)
{
	struct request *request = calloc(1, sizeof(*request));
	struct err err;
	enum err_code code;

	accept_init(r->f, &request->accept, "body");
	request->running = r;
	request->accept.job.job.done = on_done;
	code = store_submit(r->f->store, &request->accept.job.job, &err);
	if (code != ERR_OK) {
		accept_finish(&request->accept);
		free(request);
	}
	return code;
}

static void wait_done(struct running *r, int count)
{
	while (r->done < count)
		uv_run(&r->loop, UV_RUN_ONCE);
}

static void done_comes_on_the_loop_after_the_commit(void **state)
{
	struct running *r = *state;

	for (int i = 0; i < 300; i++)
		assert_int_equal(submit(r), ERR_OK);
	wait_done(r, 300);
	assert_int_equal(r->failed, 0);
	assert_int_equal(query(r->f, "SELECT count(*) FROM lead"), 300);
	expect_counts(r->f, r->f->crm, 300, 0, 0, 0, 0);
}

static void jobs_that_wait_share_commits(void **state)
{
	struct running *r = *state;
	int before = atomic_load(&shim_wal_syncs);

	for (int i = 0; i < 300; i++)
		submit(r);
	wait_done(r, 300);
	assert_true(atomic_load(&shim_wal_syncs) - before < 300);
}

static void commits_and_what_they_hold_are_counted(void **state)
{
	struct running *r = *state;
	struct store_figures figures;
	struct job_destinations look = {0};
	struct err err;
	uint64_t commits;

	for (int i = 0; i < 300; i++)
		submit(r);
	wait_done(r, 300);
	store_figures(r->f->store, &figures);
	commits = histogram_count(&figures.commit_s);
	assert_true(commits > 0 && commits <= 301);
	assert_true(figures.commit_s.sum > 0);
	assert_true(figures.batch_leads.sum == 300);
	assert_true(histogram_count(&figures.batch_leads) <= commits);
	job_destinations_prepare(&look); /* one that writes nothing is none */
	assert_int_equal(store_call(r->f->store, &look.job, &err), ERR_OK);
	job_destinations_finish(&look);
	store_figures(r->f->store, &figures);
	assert_int_equal(histogram_count(&figures.commit_s), commits);
}

static void stopping_finishes_what_is_queued_and_refuses_more(void **state)
{
	struct running *r = *state;

	for (int i = 0; i < 100; i++)
		submit(r);
	store_stop(r->f->store, on_stopped, r);
	assert_int_equal(submit(r), ERR_BUSY);
	uv_run(&r->loop, UV_RUN_DEFAULT);
	assert_true(r->stopped);
	assert_int_equal(r->done, 100);
	assert_int_equal(r->failed, 0);
	expect_counts(r->f, r->f->crm, 100, 0, 0, 0, 0);
}

#define CALLERS 4
#define CALLS 25

struct caller {
	struct running *running;
	uv_thread_t thread;
	int ok;
};

static void call_often(void *arg)
{
	struct caller *caller = arg;

	for (int i = 0; i < CALLS; i++) {
		struct job_rejected job = {.source = caller->running->f->web, .count = 1};
		struct err err;

		job_rejected_prepare(&job);
		caller->ok +=
			store_call(caller->running->f->store, &job.job, &err) == ERR_OK;
	}
}

static void other_threads_wait_for_their_commits(void **state)
{
	struct running *r = *state;
	struct caller callers[CALLERS];

	for (int i = 0; i < CALLERS; i++) {
		callers[i] = (struct caller){.running = r};
		uv_thread_create(&callers[i].thread, call_often, &callers[i]);
	}
	for (int i = 0; i < 100; i++)
		submit(r);
	wait_done(r, 100);
	for (int i = 0; i < CALLERS; i++) {
		uv_thread_join(&callers[i].thread);
		assert_int_equal(callers[i].ok, CALLS);
	}
	stop(r);
	assert_int_equal(query(r->f, "SELECT rejected FROM source WHERE name = 'web'"),
		CALLERS * CALLS);
}

struct watcher {
	struct running *running;
	uv_thread_t thread;
	atomic_bool end;
	int rounds;
	int problems;
};

static void count_problem(void *ctx, const char *text)
{
	struct watcher *watcher = ctx;

	fprintf(stderr, "%s\n", text);
	watcher->problems++;
}

static bool note(void *ctx, const struct lead_row *row)
{
	struct watcher *watcher = ctx;

	watcher->problems += row->delivery_count != 1;
	return true;
}

static void watch(void *arg)
{
	struct watcher *watcher = arg;
	struct selection all = {0};
	struct reader *reader;
	struct err err;

	if (reader_open(&reader, watcher->running->f->dir, &clock_system, &err) != ERR_OK)
		return;
	do {
		struct accounting sum = {0};

		reader_accounting(reader, 0, &sum, &err);
		watcher->problems += sum.difference != 0;
		reader_list(reader, &all, 20, note, watcher, &err);
		if (reader_check(reader, count_problem, watcher, &err) == ERR_OK)
			watcher->rounds++;
	} while (!atomic_load(&watcher->end));
	reader_close(reader);
}

static void a_reader_sees_nothing_wrong_while_the_store_works(void **state)
{
	struct running *r = *state;
	struct watcher watcher = {.running = r};

	uv_thread_create(&watcher.thread, watch, &watcher);
	for (int i = 1; i <= 30; i++) {
		for (int k = 0; k < 10; k++)
			submit(r);
		wait_done(r, 10 * i);
	}
	atomic_store(&watcher.end, true);
	uv_thread_join(&watcher.thread);
	assert_true(watcher.rounds > 0);
	assert_int_equal(watcher.problems, 0);
	assert_int_equal(r->failed, 0);
}

static void a_full_disk_is_told_once_each_way_and_left_by_itself(void **state)
{
	struct running *r = *state;

	submit(r);
	wait_done(r, 1);
	atomic_store(&shim_fault, SHIM_FULL);
	submit(r);
	wait_done(r, 2);
	assert_int_equal(r->failed, 1);
	assert_false(store_working(r->f->store));
	while (r->f->health_calls < 1)
		uv_run(&r->loop, UV_RUN_ONCE);
	assert_false(r->f->healthy);
	assert_int_equal(submit(r), ERR_FULL);
	atomic_store(&shim_fault, SHIM_NONE);
	while (!store_working(r->f->store)) /* 100 ms, the first try */
		uv_run(&r->loop, UV_RUN_ONCE);
	assert_int_equal(submit(r), ERR_OK);
	wait_done(r, 3);
	assert_int_equal(r->failed, 1);
	assert_int_equal(r->f->health_calls, 2);
	assert_true(r->f->healthy);
	expect_counts(r->f, r->f->crm, 2, 0, 0, 0, 0);
}

static void a_failing_store_can_be_stopped(void **state)
{
	struct running *r = *state;

	atomic_store(&shim_fault, SHIM_SYNC);
	submit(r);
	wait_done(r, 1);
	assert_int_equal(r->failed, 1);
	stop(r);
	atomic_store(&shim_fault, SHIM_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(done_comes_on_the_loop_after_the_commit),
		TEST(jobs_that_wait_share_commits),
		TEST(commits_and_what_they_hold_are_counted),
		TEST(stopping_finishes_what_is_queued_and_refuses_more),
		TEST(other_threads_wait_for_their_commits),
		TEST(a_reader_sees_nothing_wrong_while_the_store_works),
		TEST(a_full_disk_is_told_once_each_way_and_left_by_itself),
		TEST(a_failing_store_can_be_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
