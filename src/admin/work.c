/*
 * Two threads that execute what the API is asked. The second takes only what is quick:
 * somebody's check of a million rows leaves the page of everybody else alive.
 */
#include "leadrelay/log.h"
#include "room.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define THREADS 2
#define QUEUE_MAX 64 /* waiting, not counting those being executed */
#define SLOW_MAX 4
#define STACK_SIZE (1024 * 1024)

struct work_thread {
	struct work *work;
	pthread_t thread;
	bool quick_only;
};

struct work {
	uv_mutex_t mutex;
	uv_cond_t changed;
	uv_async_t async;
	struct work_thread threads[THREADS];
	bool started;
	/* under mutex */
	struct work_job *queue; /* first come, first served */
	struct work_job *finished;
	int queued, slow_queued, running;
	bool stopping, quit;
	/* loop */
	void (*idle)(void *ctx);
	void *idle_ctx;
	void (*closed)(void *ctx);
	void *closed_ctx;
};

/* ---- on a thread ---- */

static struct work_job *take(struct work *work, bool quick_only)
{
	struct work_job **at = &work->queue, *job;

	while (quick_only && *at && (*at)->slow)
		at = &(*at)->next;
	job = *at;
	if (!job)
		return NULL;
	*at = job->next;
	work->queued--;
	work->slow_queued -= job->slow;
	work->running++;
	return job;
}

static void give_back(struct work *work, struct work_job *job)
{
	work->running--;
	job->next = work->finished;
	work->finished = job;
	uv_async_send(&work->async);
}

static void *thread_main(void *arg)
{
	struct work_thread *thread = arg;
	struct work *work = thread->work;

	uv_mutex_lock(&work->mutex);
	while (!work->quit) {
		struct work_job *job = take(work, thread->quick_only);

		if (!job) {
			uv_cond_wait(&work->changed, &work->mutex);
			continue;
		}
		uv_mutex_unlock(&work->mutex);
		job->run(job);
		uv_mutex_lock(&work->mutex);
		give_back(work, job);
	}
	uv_mutex_unlock(&work->mutex);
	return NULL;
}

/* ---- on the loop ---- */

static void tell_idle(struct work *work)
{
	void (*idle)(void *ctx) = work->idle;
	bool busy;

	uv_mutex_lock(&work->mutex);
	busy = work->queue || work->running || work->finished;
	uv_mutex_unlock(&work->mutex);
	if (busy || !idle)
		return;
	work->idle = NULL;
	idle(work->idle_ctx);
}

static void on_finished(uv_async_t *async)
{
	struct work *work = async->data;
	struct work_job *job;

	uv_mutex_lock(&work->mutex);
	job = work->finished;
	work->finished = NULL;
	uv_mutex_unlock(&work->mutex);
	while (job) {
		struct work_job *next = job->next;

		job->done(job);
		job = next;
	}
	tell_idle(work);
}

enum err_code work_create(struct work **out, struct uv_loop_s *loop, struct err *err)
{
	struct work *work = calloc(1, sizeof(*work));
	int status;

	if (!work)
		return err_set(err, ERR_NOMEM, "out of memory");
	status = uv_async_init(loop, &work->async, on_finished);
	if (status != 0) {
		free(work);
		return err_set(err, ERR_IO, "the loop: %s", uv_strerror(status));
	}
	work->async.data = work;
	uv_mutex_init(&work->mutex);
	uv_cond_init(&work->changed);
	*out = work;
	return ERR_OK;
}

static bool start_thread(struct work *work, int index)
{
	struct work_thread *thread = &work->threads[index];
	pthread_attr_t attributes;
	bool started;

	*thread = (struct work_thread){.work = work, .quick_only = index > 0};
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_SIZE);
	started = pthread_create(&thread->thread, &attributes, thread_main, thread) == 0;
	pthread_attr_destroy(&attributes);
	return started;
}

static void join_threads(struct work *work, int count)
{
	uv_mutex_lock(&work->mutex);
	work->quit = true;
	uv_cond_broadcast(&work->changed);
	uv_mutex_unlock(&work->mutex);
	for (int i = 0; i < count; i++)
		pthread_join(work->threads[i].thread, NULL);
	work->quit = false;
}

/* Both or none. */
static bool start_threads(struct work *work)
{
	int count = 0;

	while (count < THREADS && start_thread(work, count))
		count++;
	work->started = count == THREADS;
	if (!work->started) {
		join_threads(work, count);
		log_warn("API has no threads", "consequence",
			"it answers 503; leads are taken and delivered as ever", NULL);
	}
	return work->started;
}

bool work_submit(struct work *work, struct work_job *job)
{
	struct work_job **end;
	bool taken;

	if (!work->started && !start_threads(work))
		return false;
	uv_mutex_lock(&work->mutex);
	taken = !work->stopping && work->queued < QUEUE_MAX &&
		!(job->slow && work->slow_queued >= SLOW_MAX);
	if (taken) {
		for (end = &work->queue; *end;)
			end = &(*end)->next;
		job->next = NULL;
		*end = job;
		work->queued++;
		work->slow_queued += job->slow;
		uv_cond_broadcast(&work->changed);
	}
	uv_mutex_unlock(&work->mutex);
	return taken;
}

bool work_stopping(struct work *work)
{
	bool stopping;

	uv_mutex_lock(&work->mutex);
	stopping = work->stopping;
	uv_mutex_unlock(&work->mutex);
	return stopping;
}

void work_stop(struct work *work, void (*idle)(void *ctx), void *ctx)
{
	uv_mutex_lock(&work->mutex);
	work->stopping = true;
	uv_mutex_unlock(&work->mutex);
	work->idle = idle;
	work->idle_ctx = ctx;
	tell_idle(work);
}

static void on_closed(uv_handle_t *handle)
{
	struct work *work = handle->data;
	void (*closed)(void *ctx) = work->closed;
	void *ctx = work->closed_ctx;

	uv_cond_destroy(&work->changed);
	uv_mutex_destroy(&work->mutex);
	free(work);
	if (closed)
		closed(ctx);
}

void work_close(struct work *work, void (*closed)(void *ctx), void *ctx)
{
	if (work->started)
		join_threads(work, THREADS);
	work->closed = closed;
	work->closed_ctx = ctx;
	uv_close((uv_handle_t *)&work->async, on_closed);
}
