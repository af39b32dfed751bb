/*
 * The queue between the loop and the mail threads.
 *
 * 1. send() (loop) puts an exchange in the queue and wakes a thread, or starts one when
 *    all are busy and there may be more.
 * 2. A thread takes the first, has the conversation, puts it among the finished and wakes
 *    the loop.
 * 3. The loop hands the finished back, done() by done().
 *
 * A thread without work for IDLE_NS says QUIT and ends; the loop joins it. Fields below
 * the lock are guarded by it; an exchange is its thread's alone while it is running.
 */
#include "leadrelay/clock.h"
#include "leadrelay/mail.h"
#include "mail_talk.h"

#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>
#include <uv.h>

#define IDLE_NS (UINT64_C(15) * 1000000000)

enum place { PLACE_NONE, PLACE_WAITING, PLACE_RUNNING, PLACE_FINISHED };

enum worker_state { WORKER_NONE, WORKER_ALIVE, WORKER_ENDED /* to be joined */ };

struct worker {
	struct mail_client *client;
	uv_thread_t thread;
	enum worker_state state;
	unsigned generation; /* of its connection */
	struct mail_talk talk;
};

struct mail_client {
	const struct clock *clock;
	uv_async_t wake;
	int worker_max;
	struct worker workers[MAIL_CONNECTIONS_MAX];
	void (*closed)(void *ctx);
	void *closed_ctx;
	bool closing;

	uv_mutex_t lock;
	uv_cond_t work;
	struct mail_exchange *waiting, *finished; /* own.prev, own.next */
	int waiting_count, idle;
	unsigned generation;
	bool stopping;
};

/* ---- mail threads ---- */

/* Waits for an exchange; NULL: none came for a while, or it is over. Holds the lock. */
static struct mail_exchange *next_exchange(struct mail_client *client)
{
	struct mail_exchange *exchange;
	int timed_out = 0;

	client->idle++;
	while (!client->waiting && !client->stopping && !timed_out)
		timed_out = uv_cond_timedwait(&client->work, &client->lock, IDLE_NS);
	client->idle--;
	exchange = client->waiting;
	if (exchange) {
		DL_DELETE2(client->waiting, exchange, own.prev, own.next);
		client->waiting_count--;
		exchange->own.place = PLACE_RUNNING;
	}
	return exchange;
}

static void finish(struct mail_client *client, struct mail_exchange *exchange)
{
	exchange->own.place = PLACE_FINISHED;
	DL_APPEND2(client->finished, exchange, own.prev, own.next);
	uv_async_send(&client->wake);
}

static void run_worker(void *arg)
{
	struct worker *worker = arg;
	struct mail_client *client = worker->client;
	struct mail_exchange *exchange;
	bool stale;

	uv_mutex_lock(&client->lock);
	while ((exchange = next_exchange(client))) {
		stale = worker->generation != client->generation;
		worker->generation = client->generation;
		uv_mutex_unlock(&client->lock);
		if (stale)
			mail_talk_close(&worker->talk);
		mail_talk_run(&worker->talk, exchange);
		exchange->answer.duration_ms =
			clock_mono(client->clock) - exchange->own.started_at;
		uv_mutex_lock(&client->lock);
		finish(client, exchange);
	}
	uv_mutex_unlock(&client->lock);
	mail_talk_close(&worker->talk);
	uv_mutex_lock(&client->lock);
	worker->state = WORKER_ENDED;
	uv_async_send(&client->wake);
	uv_mutex_unlock(&client->lock);
}

/* ---- the loop ---- */

/* Holds the lock. */
static void start_worker(struct mail_client *client)
{
	for (int i = 0; i < client->worker_max; i++) {
		struct worker *worker = &client->workers[i];

		if (worker->state != WORKER_NONE)
			continue;
		worker->client = client;
		worker->generation = client->generation;
		if (uv_thread_create(&worker->thread, run_worker, worker) == 0)
			worker->state = WORKER_ALIVE;
		return;
	}
}

static bool has_worker(const struct mail_client *client)
{
	for (int i = 0; i < client->worker_max; i++) {
		if (client->workers[i].state == WORKER_ALIVE)
			return true;
	}
	return false;
}

/* Returns whether none is left. An ended one is past its last line: joining does not
 * wait. */
static bool join_ended(struct mail_client *client)
{
	bool none = true;

	for (int i = 0; i < client->worker_max; i++) {
		struct worker *worker = &client->workers[i];
		enum worker_state state;

		uv_mutex_lock(&client->lock);
		state = worker->state;
		uv_mutex_unlock(&client->lock);
		if (state == WORKER_ENDED) {
			uv_thread_join(&worker->thread);
			uv_mutex_lock(&client->lock);
			worker->state = WORKER_NONE;
			uv_mutex_unlock(&client->lock);
		}
		none = none && state != WORKER_ALIVE;
	}
	return none;
}

/* Without a thread to be had the mails come back unsent: HTTP_LOCAL. */
static void give_up_waiting(struct mail_client *client)
{
	while (client->waiting) {
		struct mail_exchange *exchange = client->waiting;

		DL_DELETE2(client->waiting, exchange, own.prev, own.next);
		client->waiting_count--;
		exchange->answer.failure = HTTP_LOCAL;
		snprintf(exchange->answer.error, sizeof(exchange->answer.error),
			"sending a mail: the system gives no thread");
		finish(client, exchange);
	}
}

/* Threads enough for what waits, as far as allowed. Also called when one has ended, which
 * may have left as a mail came in. Holds the lock. */
static void serve_waiting(struct mail_client *client)
{
	if (client->waiting_count > client->idle && !client->stopping)
		start_worker(client);
	if (!has_worker(client))
		give_up_waiting(client);
	uv_cond_signal(&client->work);
}

static struct mail_exchange *take_finished(struct mail_client *client)
{
	struct mail_exchange *exchange;

	uv_mutex_lock(&client->lock);
	exchange = client->finished;
	if (exchange)
		DL_DELETE2(client->finished, exchange, own.prev, own.next);
	uv_mutex_unlock(&client->lock);
	return exchange;
}

static void wake_closed(uv_handle_t *handle)
{
	struct mail_client *client = handle->data;
	void (*closed)(void *ctx) = client->closed;
	void *ctx = client->closed_ctx;

	uv_cond_destroy(&client->work);
	uv_mutex_destroy(&client->lock);
	free(client);
	curl_global_cleanup();
	if (closed)
		closed(ctx);
}

static void on_wake(uv_async_t *wake)
{
	struct mail_client *client = wake->data;
	struct mail_exchange *exchange;
	bool none = join_ended(client);

	while ((exchange = take_finished(client))) {
		exchange->own.place = PLACE_NONE;
		exchange->done(exchange);
	}
	uv_mutex_lock(&client->lock);
	serve_waiting(client);
	uv_mutex_unlock(&client->lock);
	if (client->closing && none && !uv_is_closing((uv_handle_t *)wake))
		uv_close((uv_handle_t *)wake, wake_closed);
}

/* ---- the transport ---- */

static void client_send(void *ctx, struct mail_exchange *exchange)
{
	struct mail_client *client = ctx;

	exchange->answer = (struct mail_answer){0};
	exchange->own.started_at = clock_mono(client->clock);
	exchange->own.cancelled = 0;
	uv_mutex_lock(&client->lock);
	exchange->own.place = PLACE_WAITING;
	DL_APPEND2(client->waiting, exchange, own.prev, own.next);
	client->waiting_count++;
	serve_waiting(client);
	uv_mutex_unlock(&client->lock);
}

static void client_cancel(void *ctx, struct mail_exchange *exchange)
{
	struct mail_client *client = ctx;

	__atomic_store_n(&exchange->own.cancelled, 1, __ATOMIC_RELAXED);
	uv_mutex_lock(&client->lock);
	if (exchange->own.place == PLACE_WAITING) {
		DL_DELETE2(client->waiting, exchange, own.prev, own.next);
		client->waiting_count--;
		exchange->answer.failure = HTTP_CANCELLED;
		snprintf(exchange->answer.error, sizeof(exchange->answer.error),
			"cancelled before it was sent");
		finish(client, exchange);
	}
	uv_mutex_unlock(&client->lock);
}

struct mail_transport mail_client_transport(struct mail_client *client)
{
	return (struct mail_transport){
		.send = client_send, .cancel = client_cancel, .ctx = client};
}

/* ---- life ---- */

static bool init_handles(struct mail_client *client, struct uv_loop_s *loop)
{
	if (uv_mutex_init(&client->lock) != 0)
		return false;
	if (uv_cond_init(&client->work) != 0)
		goto fail_cond;
	if (uv_async_init(loop, &client->wake, on_wake) != 0)
		goto fail_async;
	client->wake.data = client;
	return true;
fail_async:
	uv_cond_destroy(&client->work);
fail_cond:
	uv_mutex_destroy(&client->lock);
	return false;
}

enum err_code mail_client_create(struct mail_client **out, struct uv_loop_s *loop,
	const struct clock *clock, int connections, struct err *err)
{
	struct mail_client *client;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, ERR_NOMEM, "mail client: libcurl does not start");
	client = calloc(1, sizeof(*client));
	if (!client)
		goto fail;
	client->clock = clock;
	client->worker_max = connections < 1                      ? 1
			     : connections > MAIL_CONNECTIONS_MAX ? MAIL_CONNECTIONS_MAX
								  : connections;
	if (!init_handles(client, loop))
		goto fail;
	*out = client;
	return ERR_OK;
fail:
	free(client);
	curl_global_cleanup();
	return err_set(err, ERR_NOMEM, "mail client: out of memory");
}

void mail_client_forget_connections(struct mail_client *client)
{
	uv_mutex_lock(&client->lock);
	client->generation++;
	uv_mutex_unlock(&client->lock);
}

void mail_client_close(struct mail_client *client, void (*closed)(void *ctx), void *ctx)
{
	client->closing = true;
	client->closed = closed;
	client->closed_ctx = ctx;
	uv_mutex_lock(&client->lock);
	client->stopping = true;
	uv_cond_broadcast(&client->work);
	uv_async_send(&client->wake);
	uv_mutex_unlock(&client->lock);
}

void mail_exchange_finish(struct mail_exchange *exchange)
{
	buf_wipe(&exchange->bearer);
	buf_finish(&exchange->from);
	buf_finish(&exchange->to);
	buf_finish(&exchange->message);
}
