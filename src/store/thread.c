/*
 * thread: the queue, the store's one thread, and what the loop hears of it.
 *
 *   1. submitted jobs gather in the queue while the last commit is syncing
 *   2. all of them (up to BATCH_JOBS, and what batch.c takes) run in one transaction
 *   3. COMMIT, synced; then each job hears how it went, on the loop
 *   4. when nothing waits: a checkpoint, if the WAL has grown
 *
 * Without a thread the same batches run inside store_call and store_step.
 */
#include "inside.h"

#include "leadrelay/fault.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>

#define BATCH_JOBS 512
#define CHECKPOINT_AGAIN_MS 1000
#define ANSWERS_PER_TURN 16 /* to senders, before the loop looks at its sockets again */

/* ---- batches ---- */

/* Whoever blocks in store_call wakes; the others are told on the loop. */
static void hand_back(struct store *store, struct job_list *batch)
{
	struct store_job *next;
	int64_t count = 0;

	uv_mutex_lock(&store->mutex);
	for (struct store_job *job = batch->head; job; job = next) {
		next = job->next;
		count++;
		if (job->waiter)
			job->waiter->answered = true;
		else
			job_list_append(&store->done, job);
	}
	atomic_fetch_sub(&store->waiting, count);
	uv_cond_broadcast(&store->answered);
	uv_mutex_unlock(&store->mutex);
	if (store->threaded)
		uv_async_send(&store->async);
}

static void put_back(struct store *store, struct job_list *rest)
{
	if (!rest->head)
		return;
	uv_mutex_lock(&store->mutex);
	job_list_append_all(rest, &store->queue);
	store->queue = *rest;
	uv_mutex_unlock(&store->mutex);
}

static void fail_batch(struct store *store, struct job_list *batch, const struct err *err)
{
	disk_failed(store, err); /* from here on nothing more is queued */
	uv_mutex_lock(&store->mutex);
	job_list_append_all(batch, &store->queue);
	uv_mutex_unlock(&store->mutex);
	job_list_fail(batch, err);
}

static void note_committed(const struct job_list *batch)
{
	for (struct store_job *job = batch->head; job; job = job->next)
		if (job->code == ERR_OK && job->committed)
			job->committed(job);
}

static void count_batch(struct store *store)
{
	const struct db *db = store->db;

	uv_mutex_lock(&store->mutex);
	if (db->commit_ns > 0)
		histogram_add(&store->figures.commit_s, (double)db->commit_ns / 1e9);
	if (db->leads > 0)
		histogram_add(&store->figures.batch_leads, db->leads);
	uv_mutex_unlock(&store->mutex);
}

static void run_batch(struct store *store, struct job_list *batch)
{
	struct job_list rest = {0};
	struct err err;

	if (!store->db) {
		job_list_fail(batch, &store->failure);
	} else if (run_in_one_transaction(store->db, batch, &rest, &err) != ERR_OK) {
		job_list_append_all(batch, &rest);
		fail_batch(store, batch, &err);
	} else {
		put_back(store, &rest);
		note_committed(batch);
		count_batch(store);
		if (store->db->wal_pages < store->checkpointed)
			store->checkpointed = 0; /* the WAL started over */
	}
	hand_back(store, batch);
	if (disk_checkpoint_due(store, false))
		disk_checkpoint(store);
}

static void take_batch(struct store *store, struct job_list *out)
{
	struct store_job *job = store->queue.head;

	*out = (struct job_list){0};
	for (int i = 0; job && i < BATCH_JOBS; i++)
		job = job->next;
	job_list_append_all(out, &store->queue);
	if (job)
		job_list_cut(out, job, &store->queue);
}

/* ---- the thread ---- */

enum work { WORK_JOBS, WORK_REOPEN, WORK_CHECKPOINT, WORK_END };

/* Under the mutex. What to do now, or WORK_END with *wait_ms set: nothing, for so long
 * (-1: until somebody comes). */
static bool find_work(struct store *store, enum work *work, int64_t *wait_ms)
{
	*wait_ms = -1;
	*work = WORK_JOBS;
	if (store->queue.head)
		return true;
	*work = WORK_END;
	if (store->stopping)
		return true;
	*work = store->db ? WORK_CHECKPOINT : WORK_REOPEN;
	if (store->db && disk_checkpoint_due(store, true))
		return true;
	if (!store->db)
		*wait_ms = store->reopen_ms;
	else if (store->left_out)
		*wait_ms = CHECKPOINT_AGAIN_MS;
	return false;
}

static enum work wait_for_work(struct store *store, struct job_list *batch)
{
	enum work work;
	int64_t wait_ms;

	uv_mutex_lock(&store->mutex);
	while (!find_work(store, &work, &wait_ms)) {
		if (wait_ms < 0)
			uv_cond_wait(&store->arrived, &store->mutex);
		else if (uv_cond_timedwait(&store->arrived, &store->mutex,
				 (uint64_t)wait_ms * 1000000) != 0)
			break;
	}
	if (work == WORK_JOBS)
		take_batch(store, batch);
	uv_mutex_unlock(&store->mutex);
	return work;
}

static void tell_loop(struct store *store)
{
	if (store->threaded)
		uv_async_send(&store->async);
}

static void run_thread(void *arg)
{
	struct store *store = arg;
	struct job_list batch;
	enum work work;
	struct err err;

	while ((work = wait_for_work(store, &batch)) != WORK_END) {
		if (work == WORK_JOBS) {
			FAULT_POINT("store.batch");
			run_batch(store, &batch);
		} else if (work == WORK_CHECKPOINT) {
			disk_checkpoint(store);
		} else {
			disk_reopen(store);
		}
		atomic_fetch_add(&store->turns, 1);
		tell_loop(store);
	}
	if (store->db)
		db_checkpoint(store->db, DB_CHECKPOINT_PASSIVE, NULL, &err);
	uv_mutex_lock(&store->mutex);
	store->ended = true;
	uv_mutex_unlock(&store->mutex);
	tell_loop(store);
}

/* ---- the loop's side ---- */

static void tell_health(struct store *store)
{
	struct err failure = {0};
	bool working;

	uv_mutex_lock(&store->mutex);
	working = atomic_load(&store->working);
	if (!working)
		failure = store->failure;
	uv_mutex_unlock(&store->mutex);
	if (working == store->told_working)
		return;
	store->told_working = working;
	if (store->options.on_health)
		store->options.on_health(store->options.ctx, working,
			working ? "the store can be written again" : failure.text);
}

/* Takes jobs off the done ones up to the max-th that brings more; whether some are left.
 * The others cost little, and behind them somebody waits for an answer. */
static bool take_answers(struct job_list *out, struct job_list *from, int max)
{
	struct store_job *rest = from->head;

	*out = (struct job_list){0};
	for (; rest && max > 0; rest = rest->next)
		max -= rest->brings_more;
	job_list_append_all(out, from);
	if (rest)
		job_list_cut(out, rest, from);
	return rest != NULL;
}

/* Whether more are to be called. */
static bool call_done(struct store *store, int max)
{
	struct job_list done;
	struct store_job *next;
	bool more;

	uv_mutex_lock(&store->mutex);
	more = take_answers(&done, &store->done, max);
	uv_mutex_unlock(&store->mutex);
	for (struct store_job *job = done.head; job; job = next) {
		next = job->next;
		if (job->done)
			job->done(job); /* job may be gone now */
	}
	return more;
}

static void on_closed(uv_handle_t *handle)
{
	struct store *store = handle->data;
	void (*stopped)(void *ctx) = store->stopped;

	if (stopped)
		stopped(store->stopped_ctx); /* may close the store */
}

static void on_async(uv_async_t *async)
{
	struct store *store = async->data;
	bool ended;

	uv_mutex_lock(&store->mutex);
	ended = store->ended;
	uv_mutex_unlock(&store->mutex);
	tell_health(store);
	if (call_done(store, ended ? INT_MAX : ANSWERS_PER_TURN))
		tell_loop(store);
	if (!ended || !store->threaded)
		return;
	uv_thread_join(&store->thread);
	store->threaded = false;
	uv_close((uv_handle_t *)async, on_closed);
}

/* ---- starting, stopping ---- */

enum err_code store_start(struct store *store, struct uv_loop_s *loop, struct err *err)
{
	int rc = uv_async_init(loop, &store->async, on_async);

	if (rc != 0)
		return err_set(err, ERR_NOMEM, "starting the store: %s", uv_strerror(rc));
	store->async.data = store;
	store->threaded = true;
	rc = uv_thread_create(&store->thread, run_thread, store);
	if (rc == 0)
		return ERR_OK;
	store->threaded = false;
	store->stopped = NULL;
	uv_close((uv_handle_t *)&store->async, on_closed);
	return err_set(err, ERR_NOMEM,
		"starting the store's thread: %s; raise the limit"
		" of processes (ulimit -u)",
		uv_strerror(rc));
}

void store_stop(struct store *store, void (*stopped)(void *ctx), void *ctx)
{
	bool threaded = store->threaded;

	store->stopped = stopped;
	store->stopped_ctx = ctx;
	uv_mutex_lock(&store->mutex);
	store->stopping = true;
	uv_cond_signal(&store->arrived);
	uv_mutex_unlock(&store->mutex);
	if (!threaded && stopped)
		stopped(ctx);
}

/* ---- submitting ---- */

/* Under the mutex. */
static enum err_code refuse(struct store *store, struct err *err)
{
	if (store->stopping)
		return err_set(err, ERR_BUSY, "the store is being closed");
	if (!atomic_load(&store->working))
		return err_set(err, store->failure.code, "%s", store->failure.text);
	if (atomic_load(&store->waiting) >= store->options.max_waiting)
		return err_set(err, ERR_BUSY,
			"%" PRId64 " jobs wait for the disk already; try again later",
			store->options.max_waiting);
	return ERR_OK;
}

static enum err_code enqueue(struct store *store, struct store_job *job,
	struct store_waiter *waiter, struct err *err)
{
	enum err_code code;

	uv_mutex_lock(&store->mutex);
	code = refuse(store, err);
	if (code == ERR_OK) {
		job->waiter = waiter;
		job_list_append(&store->queue, job);
		atomic_fetch_add(&store->waiting, 1);
		uv_cond_signal(&store->arrived);
	}
	while (code == ERR_OK && waiter && !waiter->answered)
		uv_cond_wait(&store->answered, &store->mutex);
	uv_mutex_unlock(&store->mutex);
	return code;
}

enum err_code store_submit(struct store *store, struct store_job *job, struct err *err)
{
	if (!store->threaded && !store->db)
		disk_reopen(store);
	return enqueue(store, job, NULL, err);
}

static void call_inline(struct store *store, struct store_job *job)
{
	struct store_waiter waiter = {0};
	struct job_list batch = {0};

	if (!store->db)
		disk_reopen(store);
	job->waiter = &waiter;
	job_list_append(&batch, job);
	atomic_fetch_add(&store->waiting, 1);
	run_batch(store, &batch);
	if (disk_checkpoint_due(store, true))
		disk_checkpoint(store);
	tell_health(store);
}

enum err_code store_call(struct store *store, struct store_job *job, struct err *err)
{
	struct store_waiter waiter = {0};
	enum err_code code;

	if (store->threaded) {
		code = enqueue(store, job, &waiter, err);
		if (code != ERR_OK)
			return code;
	} else {
		call_inline(store, job);
	}
	if (job->code != ERR_OK)
		err_set(err, job->code, "%s", job->err.text);
	return job->code;
}

size_t store_step(struct store *store)
{
	struct job_list batch;
	size_t count = 0;

	if (store->threaded)
		return 0;
	if (!store->db)
		disk_reopen(store);
	take_batch(store, &batch);
	for (struct store_job *job = batch.head; job; job = job->next)
		count++;
	if (count > 0)
		run_batch(store, &batch);
	if (disk_checkpoint_due(store, true) || (store->db && store->left_out))
		disk_checkpoint(store);
	tell_health(store);
	call_done(store, INT_MAX);
	return count;
}
