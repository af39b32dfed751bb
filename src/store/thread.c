/*
 * thread: the store's life, and its one thread.
 *
 *   1. submitted jobs gather in the queue while the last commit is syncing
 *   2. all of them (up to BATCH_JOBS, BATCH_BYTES) run in one transaction
 *   3. COMMIT, synced; then each job hears how it went, on the loop
 *   4. when nothing waits: a checkpoint, if the WAL has grown
 *
 * A job that fails before it wrote anything fails alone. One that fails later has the
 * whole transaction rolled back and run again with a savepoint per job: savepoints cost
 * every job a copy of each page it touches, and such a job is a rare thing.
 *
 * A storage error fails the batch and all that waits; then the store refuses, closes the
 * connection, and opens it anew every 100 ms to 1 s. After a failed sync the kernel may
 * call pages clean that never reached the disk: so the WAL must be copied into the
 * database file and cut to nothing, and a marker row committed, before a job is taken.
 */
#include "job.h"
#include "leadrelay/fault.h"
#include "leadrelay/log.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define BATCH_JOBS 512
#define BATCH_BYTES ((size_t)8 << 20)
#define WAITING_MAX 20000
#define WAL_CEILING (INT64_C(64) << 20)
#define WAL_PAGE_BYTES (4096 + 24)
#define PAGES_IDLE 1000 /* a checkpoint when nothing waits */
#define PAGES_BUSY 4000 /* a checkpoint even so */
#define REOPEN_FIRST_MS 100
#define REOPEN_LONGEST_MS 1000
#define CHECKPOINT_AGAIN_MS 1000

struct job_list {
	struct store_job *head;
	struct store_job *tail;
};

struct store_waiter { /* on the stack of a store_call, under store->mutex */
	bool answered;
};

struct store {
	struct store_options options; /* texts are ours */
	char *path;

	uv_mutex_t mutex; /* over what follows, up to the next comment */
	uv_cond_t arrived;
	uv_cond_t answered;
	struct job_list queue;
	struct job_list done;
	bool stopping;
	bool ended; /* the thread has nothing more to do */
	struct err failure;

	atomic_bool working;
	atomic_int_fast64_t waiting;

	/* the store thread's, or the owner's without one */
	struct db *db; /* NULL while it cannot be opened */
	enum err_code failed_with;
	enum err_code failed_again_with; /* at the last try to come back */
	int64_t reopen_ms;
	int checkpointed; /* pages of the WAL that need no checkpoint, at the last one */
	bool left_out;    /* the last checkpoint could not take all */
	int64_t warned_bytes;

	/* the loop's */
	bool threaded;
	uv_thread_t thread;
	uv_async_t async;
	bool told_working;
	void (*stopped)(void *ctx);
	void *stopped_ctx;
};

/* ---- lists ---- */

static void append(struct job_list *list, struct store_job *job)
{
	job->next = NULL;
	if (list->tail)
		list->tail->next = job;
	else
		list->head = job;
	list->tail = job;
}

static void append_all(struct job_list *list, struct job_list *more)
{
	if (!more->head)
		return;
	if (list->tail)
		list->tail->next = more->head;
	else
		list->head = more->head;
	list->tail = more->tail;
	*more = (struct job_list){0};
}

/* Cuts list before job; what follows goes to rest. */
static void cut(struct job_list *list, struct store_job *job, struct job_list *rest)
{
	struct store_job *last = NULL;

	for (struct store_job *it = list->head; it != job; it = it->next)
		last = it;
	*rest = (struct job_list){.head = job, .tail = list->tail};
	list->tail = last;
	if (last)
		last->next = NULL;
	else
		list->head = NULL;
}

/* ---- one transaction ---- */

static enum err_code end_job(
	struct db *db, struct store_job *job, enum err_code code, struct err *err)
{
	job->code = code;
	if (code != ERR_OK)
		tally_drop(&db->tally);
	else if (!tally_keep(&db->tally))
		return err_set(err, ERR_NOMEM, "counting: out of memory");
	if (!db->broken)
		return ERR_OK;
	*err = db->why_broken;
	return err->code;
}

/* *dirty: a job failed after it had written. rest: what did not fit. */
static enum err_code run_plain(struct db *db, struct job_list *batch,
	struct job_list *rest, bool *dirty, struct err *err)
{
	for (struct store_job *job = batch->head; job; job = job->next) {
		int64_t before = sqlite3_total_changes64(db->sqlite);
		enum err_code code;

		if (db->bytes >= BATCH_BYTES) {
			cut(batch, job, rest);
			break;
		}
		job->err = (struct err){0};
		code = job->run(job, db, &job->err);
		*dirty = code != ERR_OK && !db->broken &&
			 sqlite3_total_changes64(db->sqlite) != before;
		if (*dirty)
			return ERR_OK;
		code = end_job(db, job, code, err);
		if (code != ERR_OK)
			return code;
	}
	return ERR_OK;
}

static enum err_code run_in_savepoint(
	struct db *db, struct store_job *job, struct err *err)
{
	enum err_code code = db_exec(db, "SAVEPOINT job", err);
	enum err_code own;

	if (code != ERR_OK)
		return code;
	job->err = (struct err){0};
	own = job->run(job, db, &job->err);
	if (own != ERR_OK && !db->broken) {
		code = db_exec(db, "ROLLBACK TO job", err);
		db_forget(db);
	}
	if (code == ERR_OK)
		code = end_job(db, job, own, err);
	if (code == ERR_OK)
		code = db_write_tally(db, err);
	return code == ERR_OK ? db_exec(db, "RELEASE job", err) : code;
}

static enum err_code run_carefully(struct db *db, struct job_list *batch, struct err *err)
{
	enum err_code code = ERR_OK;

	for (struct store_job *job = batch->head; job && code == ERR_OK; job = job->next)
		code = run_in_savepoint(db, job, err);
	return code;
}

static enum err_code commit(struct db *db, struct err *err)
{
	enum err_code code;

	if (db->marks & DB_ACCEPTED)
		FAULT_POINT("intake.before_commit");
	if (db->marks & DB_SETTLED)
		FAULT_POINT("mark.before_commit");
	if (FAULT_FAILS("store.commit"))
		return err_set(err, ERR_IO, "disk I/O error (injected)");
	code = db_commit(db, err);
	if (code != ERR_OK)
		return code;
	if (db->marks & DB_SETTLED)
		FAULT_POINT("mark.after_commit");
	if (db->marks & DB_DIED)
		FAULT_POINT("dead.marked_before_mail");
	return ERR_OK;
}

static enum err_code run_in_one_transaction(
	struct db *db, struct job_list *batch, struct job_list *rest, struct err *err)
{
	bool dirty = false;
	enum err_code code = db_begin(db, err);

	if (code == ERR_OK)
		code = run_plain(db, batch, rest, &dirty, err);
	if (code == ERR_OK && dirty) {
		db_rollback(db);
		code = db_begin(db, err);
		if (code == ERR_OK)
			code = run_carefully(db, batch, err);
	}
	if (code == ERR_OK)
		code = commit(db, err);
	if (code != ERR_OK)
		db_rollback(db);
	return code;
}

/* ---- failing, and coming back ---- */

static void fail_all(struct job_list *list, const struct err *err)
{
	for (struct store_job *job = list->head; job; job = job->next) {
		job->code = err->code;
		job->err = *err;
	}
}

static void close_broken(struct store *store, const struct err *err)
{
	if (store->db)
		store->db->broken = true;
	db_close(store->db);
	store->db = NULL;
	store->failed_with = err->code;
	store->failed_again_with = err->code;
	store->reopen_ms = REOPEN_FIRST_MS;
	log_error("store failing: leads are refused until it can be written again",
		"error", err->text, NULL);
	uv_mutex_lock(&store->mutex);
	err_set(&store->failure, err->code,
		"the store cannot be written: %s; see to the disk under %s, it is tried again"
		" every second",
		err->text, store->options.state_dir);
	atomic_store(&store->working, false);
	uv_mutex_unlock(&store->mutex);
}

static enum err_code put_marker(struct store *store, struct db *db, struct err *err)
{
	sqlite3_stmt *stmt;
	enum err_code code = db_begin(db, err);

	if (code != ERR_OK)
		return code;
	stmt = db_stmt(db, SQL_META_PUT);
	db_bind_text(stmt, 1, "marker");
	sqlite3_bind_int64(stmt, 2, clock_wall(store->options.clock));
	code = db_run(db, stmt, err);
	if (code == ERR_OK && FAULT_FAILS("store.commit"))
		code = err_set(err, ERR_IO, "disk I/O error (injected)");
	if (code == ERR_OK)
		code = db_commit(db, err);
	if (code != ERR_OK)
		db_rollback(db);
	return code;
}

/* After a full disk the WAL holds nothing that was called written and is not. */
static enum err_code trust_again(struct store *store, struct db *db, struct err *err)
{
	enum err_code code = db_checkpoint(db, DB_CHECKPOINT_TRUNCATE, NULL, err);

	if (code != ERR_OK && (store->failed_with != ERR_FULL || db->broken))
		return code;
	return put_marker(store, db, err);
}

static void open_options(const struct store *store, bool create, struct db_options *out)
{
	*out = (struct db_options){.path = store->path,
		.vfs = store->options.vfs,
		.clock = store->options.clock,
		.create = create,
		.wal_limit = store->options.wal_ceiling};
}

/* Once per cause, not once per try. */
static void note_still_failing(struct store *store, const struct err *err)
{
	if (err->code == store->failed_again_with)
		return;
	store->failed_again_with = err->code;
	log_warn("store still failing", "error", err->text, NULL);
}

/* Whether the store works again. */
static bool reopen(struct store *store)
{
	struct db_options options;
	struct db *db = NULL;
	enum err_code code;
	struct err err;

	open_options(store, false, &options);
	code = db_open(&db, &options, &err);
	if (code == ERR_OK)
		code = trust_again(store, db, &err);
	if (code != ERR_OK) {
		if (db)
			db->broken = true;
		db_close(db);
		note_still_failing(store, &err);
		store->reopen_ms *= 2;
		if (store->reopen_ms > REOPEN_LONGEST_MS)
			store->reopen_ms = REOPEN_LONGEST_MS;
		return false;
	}
	store->db = db;
	store->checkpointed = 0;
	store->left_out = false;
	log_info("store working again", NULL);
	uv_mutex_lock(&store->mutex);
	atomic_store(&store->working, true);
	uv_mutex_unlock(&store->mutex);
	return true;
}

/* ---- checkpoints ---- */

static int pages_to_copy(const struct store *store)
{
	return store->db->wal_pages - store->checkpointed;
}

static void warn_of_size(struct store *store)
{
	int64_t bytes = (int64_t)store->db->wal_pages * WAL_PAGE_BYTES;
	int64_t limit = store->warned_bytes ? 2 * store->warned_bytes
					    : store->options.wal_ceiling;
	char number[LOG_NUMBER_SIZE];

	if (!store->left_out) {
		store->warned_bytes = 0;
	} else if (bytes > limit) {
		log_warn(
			"the WAL grows: another program reads the store and does not end",
			"bytes", log_num(bytes, number), NULL);
		store->warned_bytes = bytes;
	}
}

static void checkpoint(struct store *store)
{
	int left_out = 0;
	enum err_code code;
	struct err err;

	FAULT_POINT("ckpt.start");
	code = db_checkpoint(store->db, DB_CHECKPOINT_PASSIVE, &left_out, &err);
	store->checkpointed = store->db->wal_pages;
	store->left_out = code != ERR_OK || left_out > 0;
	if (code != ERR_OK && store->db->broken)
		close_broken(store, &err);
	else
		warn_of_size(store);
}

static bool checkpoint_due(const struct store *store, bool idle)
{
	int64_t ceiling = store->options.wal_ceiling / WAL_PAGE_BYTES;
	int busy = ceiling < PAGES_BUSY ? (int)ceiling : PAGES_BUSY;

	return store->db && pages_to_copy(store) >= (idle ? PAGES_IDLE : busy);
}

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
			append(&store->done, job);
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
	append_all(rest, &store->queue);
	store->queue = *rest;
	uv_mutex_unlock(&store->mutex);
}

static void fail_batch(struct store *store, struct job_list *batch, const struct err *err)
{
	close_broken(store, err); /* from here on nothing more is queued */
	uv_mutex_lock(&store->mutex);
	append_all(batch, &store->queue);
	uv_mutex_unlock(&store->mutex);
	fail_all(batch, err);
}

static void note_committed(const struct job_list *batch)
{
	for (struct store_job *job = batch->head; job; job = job->next)
		if (job->code == ERR_OK && job->committed)
			job->committed(job);
}

static void run_batch(struct store *store, struct job_list *batch)
{
	struct job_list rest = {0};
	struct err err;

	if (!store->db) {
		fail_all(batch, &store->failure);
	} else if (run_in_one_transaction(store->db, batch, &rest, &err) != ERR_OK) {
		append_all(batch, &rest);
		fail_batch(store, batch, &err);
	} else {
		put_back(store, &rest);
		note_committed(batch);
		if (store->db->wal_pages < store->checkpointed)
			store->checkpointed = 0; /* the WAL started over */
	}
	hand_back(store, batch);
	if (checkpoint_due(store, false))
		checkpoint(store);
}

static void take_batch(struct store *store, struct job_list *out)
{
	struct store_job *job = store->queue.head;

	*out = (struct job_list){0};
	for (int i = 0; job && i < BATCH_JOBS; i++)
		job = job->next;
	append_all(out, &store->queue);
	if (job)
		cut(out, job, &store->queue);
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
	if (store->db && checkpoint_due(store, true))
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
		if (work == WORK_JOBS)
			run_batch(store, &batch);
		else if (work == WORK_CHECKPOINT)
			checkpoint(store);
		else
			reopen(store);
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

static void call_done(struct store *store)
{
	struct job_list done;
	struct store_job *next;

	uv_mutex_lock(&store->mutex);
	done = store->done;
	store->done = (struct job_list){0};
	uv_mutex_unlock(&store->mutex);
	for (struct store_job *job = done.head; job; job = next) {
		next = job->next;
		if (job->done)
			job->done(job); /* job may be gone now */
	}
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
	call_done(store);
	if (!ended || !store->threaded)
		return;
	uv_thread_join(&store->thread);
	store->threaded = false;
	uv_close((uv_handle_t *)async, on_closed);
}

/* ---- life ---- */

static void warn_of_difference(struct store *store, struct err *err)
{
	struct destination_row *rows = NULL;
	size_t count = 0;

	if (read_destinations(store->db, &rows, &count, err) != ERR_OK)
		return;
	for (size_t i = 0; i < count; i++)
		if (rows[i].accepted != rows[i].pending + rows[i].held +
						rows[i].delivered + rows[i].dead +
						rows[i].discarded)
			log_error("the accounting has a difference; see leadctl check",
				"destination", rows[i].name, NULL);
	free(rows);
}

static void store_free(struct store *store)
{
	db_close(store->db);
	uv_cond_destroy(&store->answered);
	uv_cond_destroy(&store->arrived);
	uv_mutex_destroy(&store->mutex);
	free(store->path);
	free((char *)store->options.state_dir);
	free((char *)store->options.vfs);
	free(store);
}

static struct store *store_new(const struct store_options *options)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	store->options = *options;
	store->options.state_dir = strdup(options->state_dir);
	store->options.vfs = options->vfs ? strdup(options->vfs) : NULL;
	if (store->options.wal_ceiling <= 0)
		store->options.wal_ceiling = WAL_CEILING;
	if (store->options.max_waiting <= 0)
		store->options.max_waiting = WAITING_MAX;
	if (!store->options.state_dir ||
		asprintf(&store->path, "%s/outbox.db", options->state_dir) < 0)
		store->path = NULL;
	atomic_init(&store->working, true);
	atomic_init(&store->waiting, 0);
	store->told_working = true;
	if (uv_mutex_init(&store->mutex) != 0 || uv_cond_init(&store->arrived) != 0 ||
		uv_cond_init(&store->answered) != 0)
		abort(); /* only without memory or with a broken libc */
	return store;
}

enum err_code store_open(
	struct store **out, const struct store_options *options, struct err *err)
{
	struct store *store = store_new(options);
	struct db_options db_options;
	enum err_code code;
	struct err mine;

	if (!store)
		return err_set(err, ERR_NOMEM, "opening the store: out of memory");
	if (!store->path || (options->vfs && !store->options.vfs)) {
		store_free(store);
		return err_set(err, ERR_NOMEM, "opening the store: out of memory");
	}
	open_options(store, true, &db_options);
	code = db_open(&store->db, &db_options, &mine);
	if (code == ERR_OK)
		warn_of_difference(store, &mine);
	if (code == ERR_OK && store->db->broken)
		code = mine.code;
	if (code != ERR_OK) {
		store_free(store);
		return err_set(err, code, "%s", mine.text);
	}
	*out = store;
	return ERR_OK;
}

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

void store_close(struct store *store)
{
	struct err err;

	if (!store)
		return;
	if (store->db)
		db_checkpoint(store->db, DB_CHECKPOINT_TRUNCATE, NULL, &err);
	store_free(store);
}

bool store_working(const struct store *store)
{
	return atomic_load(&store->working);
}

int64_t store_waiting(const struct store *store)
{
	return atomic_load(&store->waiting);
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
		append(&store->queue, job);
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
		reopen(store);
	return enqueue(store, job, NULL, err);
}

static void call_inline(struct store *store, struct store_job *job)
{
	struct store_waiter waiter = {0};
	struct job_list batch = {0};

	if (!store->db)
		reopen(store);
	job->waiter = &waiter;
	append(&batch, job);
	atomic_fetch_add(&store->waiting, 1);
	run_batch(store, &batch);
	if (checkpoint_due(store, true))
		checkpoint(store);
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
		reopen(store);
	take_batch(store, &batch);
	for (struct store_job *job = batch.head; job; job = job->next)
		count++;
	if (count > 0)
		run_batch(store, &batch);
	if (checkpoint_due(store, true) || (store->db && store->left_out))
		checkpoint(store);
	tell_health(store);
	call_done(store);
	return count;
}
