/*
 * Flights through libcurl's multi socket interface on a libuv loop.
 *
 * 1. send() queues a flight and starts the idle handle.
 * 2. A turn (the idle handle, once a loop iteration while there is work) gives waiting
 *    flights to libcurl, kicks it when it asked for that, and hands finished exchanges
 *    back, a bounded number of each, so that sockets and other timers get their share.
 * 3. libcurl says which sockets and which time-out it waits for; their callbacks drive
 *    it. done() is called from turns only: never from send(), cancel() or libcurl.
 *
 * The connections live in a pool (one multi handle). Forgetting connections retires the
 * pool: what runs in it goes on, new flights get a new one, and it closes when empty.
 */
#include "flight.h"
#include "leadrelay/clock.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>
#include <uv.h>

#define PER_TURN 64
#define SPARE_MAX 256        /* easy handles kept for the next exchanges */
#define CONNECTIONS_MAX 256L /* kept alive per pool */

struct pool {
	struct http_client *client;
	CURLM *multi;
	uv_timer_t timer;
	struct watch *watches;
	int running; /* flights libcurl has */
	bool kick;   /* libcurl wants to be called without waiting */
	bool retired;
	struct pool *prev, *next;
};

/*
 * One socket libcurl looks at. That of a connection is kept from its opening to its
 * closing, and goes on being polled while the connection waits for its next request:
 * taking it out of epoll and back in for every request costs a dozen system calls.
 */
struct watch {
	uv_poll_t poll;
	struct pool *pool; /* may be gone when the poll handle's close callback comes */
	struct http_client *client;
	curl_socket_t fd;
	int events; /* what libcurl wants to hear of; 0: nothing now */
	int polled; /* what libuv looks for; 0: it does not look */
	bool kept;  /* until close_socket */
	struct watch *prev, *next;
};

struct http_client {
	uv_loop_t *loop;
	const struct clock *clock;
	uv_idle_t turn;
	struct pool *pools;  /* the first is the current one, the others are retired */
	struct watch **kept; /* by descriptor */
	size_t kept_room;
	struct flight *waiting, *running, *finished, *spare;
	int spare_count;
	struct http_exchange *unstarted; /* no memory for a flight; linked by state */
	int handles;                     /* of ours that the loop still holds */
	bool closing;
	void (*closed)(void *ctx);
	void *closed_ctx;
};

static void on_turn(uv_idle_t *idle);

static void want_turn(struct http_client *client)
{
	uv_idle_start(&client->turn, on_turn);
}

static void handle_gone(struct http_client *client)
{
	void (*closed)(void *ctx) = client->closed;
	void *ctx = client->closed_ctx;

	if (--client->handles > 0 || !client->closing)
		return;
	curl_global_cleanup();
	free(client->kept);
	free(client);
	if (closed)
		closed(ctx);
}

/* ---- sockets and time ---- */

static void watch_closed(uv_handle_t *handle)
{
	struct watch *watch = handle->data;
	struct http_client *client = watch->client;

	free(watch);
	handle_gone(client);
}

static void on_socket(uv_poll_t *poll, int status, int events);

static int poll_for(struct watch *watch, int events)
{
	watch->events = events;
	uv_ref((uv_handle_t *)&watch->poll);
	if (watch->polled == events)
		return 0;
	watch->polled = events;
	return uv_poll_start(&watch->poll, events, on_socket) == 0 ? 0 : -1;
}

static void on_socket(uv_poll_t *poll, int status, int events)
{
	struct watch *watch = poll->data;
	struct pool *pool = watch->pool;
	int flags = 0, running;

	if (watch->events == 0) { /* the other side closed a connection nobody uses now:
				   * libcurl sees it when it wants to */
		uv_poll_stop(poll);
		watch->polled = 0;
		return;
	}
	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	if (status < 0) {
		flags |= CURL_CSELECT_ERR;
		watch->polled = 0; /* libuv has stopped */
	}
	curl_multi_socket_action(pool->multi, watch->fd, flags, &running);
	/* libuv stopped watching a socket in error; libcurl may still have data to read
	 */
	if (status < 0 && watch->events && !uv_is_closing((uv_handle_t *)poll))
		poll_for(watch, watch->events);
	want_turn(watch->client);
}

static struct watch *watch_create(struct pool *pool, curl_socket_t fd)
{
	struct watch *watch = malloc(sizeof(*watch));

	if (!watch)
		return NULL;
	*watch = (struct watch){.pool = pool, .client = pool->client, .fd = fd};
	if (uv_poll_init_socket(pool->client->loop, &watch->poll, fd) != 0) {
		free(watch);
		return NULL;
	}
	watch->poll.data = watch;
	pool->client->handles++;
	DL_APPEND(pool->watches, watch);
	return watch;
}

static void watch_close(struct watch *watch)
{
	DL_DELETE(watch->pool->watches, watch);
	uv_poll_stop(&watch->poll);
	uv_close((uv_handle_t *)&watch->poll, watch_closed);
}

static bool have_room(struct http_client *client, size_t count)
{
	struct watch **kept;

	if (count <= client->kept_room)
		return true;
	kept = realloc(client->kept, count * 2 * sizeof(kept[0]));
	if (!kept)
		return false;
	memset(kept + client->kept_room, 0,
		(count * 2 - client->kept_room) * sizeof(kept[0]));
	client->kept = kept;
	client->kept_room = count * 2;
	return true;
}

/* Without memory it is watched as any other. */
void flight_opened(struct flight *flight, curl_socket_t fd)
{
	struct http_client *client = flight->client;
	struct watch *watch;

	if (!flight->pool || !have_room(client, (size_t)fd + 1))
		return;
	watch = watch_create(flight->pool, fd);
	if (!watch)
		return;
	watch->kept = true;
	client->kept[fd] = watch;
}

/* Of a connection, whatever flight opened it. */
int flight_close_socket(void *arg, curl_socket_t fd)
{
	struct http_client *client = arg;

	if ((size_t)fd < client->kept_room && client->kept[fd]) {
		watch_close(client->kept[fd]);
		client->kept[fd] = NULL;
	}
	return close(fd);
}

/* Until the connection's next request; nobody waits for it meanwhile. */
static void rest(struct watch *watch)
{
	watch->events = 0;
	uv_unref((uv_handle_t *)&watch->poll);
}

static struct watch *kept_watch(const struct http_client *client, curl_socket_t fd)
{
	return (size_t)fd < client->kept_room ? client->kept[fd] : NULL;
}

static int on_interest(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
	struct pool *pool = arg;
	struct watch *watch = known ? known : kept_watch(pool->client, fd);
	int events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (watch && watch->kept)
			rest(watch);
		else if (watch)
			watch_close(watch);
		curl_multi_assign(pool->multi, fd, NULL);
		return 0;
	}
	if (!watch) {
		watch = watch_create(pool, fd);
		if (!watch)
			return -1;
	}
	if (!known)
		curl_multi_assign(pool->multi, fd, watch);
	if (what != CURL_POLL_OUT)
		events |= UV_READABLE;
	if (what != CURL_POLL_IN)
		events |= UV_WRITABLE;
	return poll_for(watch, events);
}

static void kick(struct pool *pool)
{
	int running;

	pool->kick = false;
	curl_multi_socket_action(pool->multi, CURL_SOCKET_TIMEOUT, 0, &running);
}

static void on_timer(uv_timer_t *timer)
{
	struct pool *pool = timer->data;

	kick(pool);
	want_turn(pool->client);
}

static int on_timeout_wanted(CURLM *multi, long timeout_ms, void *arg)
{
	struct pool *pool = arg;

	(void)multi;
	uv_timer_stop(&pool->timer);
	pool->kick = timeout_ms == 0;
	if (timeout_ms == 0)
		want_turn(pool->client);
	else if (timeout_ms > 0)
		uv_timer_start(&pool->timer, on_timer, (uint64_t)timeout_ms, 0);
	return 0;
}

/* ---- pools ---- */

static struct pool *pool_create(struct http_client *client)
{
	struct pool *pool = malloc(sizeof(*pool));

	if (!pool)
		return NULL;
	*pool = (struct pool){.client = client, .multi = curl_multi_init()};
	if (!pool->multi) {
		free(pool);
		return NULL;
	}
	curl_multi_setopt(pool->multi, CURLMOPT_SOCKETFUNCTION, on_interest);
	curl_multi_setopt(pool->multi, CURLMOPT_SOCKETDATA, pool);
	curl_multi_setopt(pool->multi, CURLMOPT_TIMERFUNCTION, on_timeout_wanted);
	curl_multi_setopt(pool->multi, CURLMOPT_TIMERDATA, pool);
	curl_multi_setopt(pool->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX);
	uv_timer_init(client->loop, &pool->timer);
	pool->timer.data = pool;
	client->handles++;
	return pool;
}

static void pool_closed(uv_handle_t *handle)
{
	struct pool *pool = handle->data;
	struct http_client *client = pool->client;

	free(pool);
	handle_gone(client);
}

static void pool_close(struct pool *pool)
{
	struct watch *watch, *next;

	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a list has a last one */
	DL_DELETE(pool->client->pools, pool);
	curl_multi_cleanup(pool->multi);
	for (watch = pool->watches; watch; watch = next) {
		next = watch->next;
		watch_close(watch);
	}
	uv_timer_stop(&pool->timer);
	uv_close((uv_handle_t *)&pool->timer, pool_closed);
}

static void close_empty_pools(struct http_client *client)
{
	struct pool *pool, *next;

	for (pool = client->pools; pool; pool = next) {
		next = pool->next;
		if (pool->retired && pool->running == 0)
			pool_close(pool);
	}
}

/* The multi handle is made when it is first needed again, so that forgetting cannot
 * fail. */
static struct pool *current_pool(struct http_client *client)
{
	struct pool *pool = client->pools;

	if (pool && !pool->retired)
		return pool;
	pool = pool_create(client);
	if (pool)
		DL_PREPEND(client->pools, pool);
	return pool;
}

/* ---- flights ---- */

static void finish_flight(struct http_client *client, struct flight *flight)
{
	struct http_answer *answer = &flight->exchange->answer;

	answer->duration_ms = clock_mono(client->clock) - flight->started_at;
	flight->stage = FLIGHT_FINISHED;
	DL_APPEND(client->finished, flight);
	want_turn(client);
}

static void leave_libcurl(struct http_client *client, struct flight *flight)
{
	curl_multi_remove_handle(flight->pool->multi, flight->easy);
	flight->pool->running--;
	DL_DELETE(client->running, flight);
}

static void start_flight(struct http_client *client, struct flight *flight)
{
	struct http_answer *answer = &flight->exchange->answer;
	struct pool *pool = current_pool(client);

	DL_DELETE(client->waiting, flight);
	if (!flight_prepare(flight)) {
		finish_flight(client, flight);
		return;
	}
	if (!pool || curl_multi_add_handle(pool->multi, flight->easy) != CURLM_OK) {
		answer->failure = HTTP_LOCAL;
		failure_describe(flight, CURLE_OUT_OF_MEMORY, HTTP_LOCAL, false,
			answer->error, sizeof(answer->error));
		finish_flight(client, flight);
		return;
	}
	flight->stage = FLIGHT_RUNNING;
	flight->pool = pool;
	pool->running++;
	DL_APPEND(client->running, flight);
}

static void start_waiting(struct http_client *client)
{
	for (int i = 0; i < PER_TURN && client->waiting; i++)
		start_flight(client, client->waiting);
}

/* Reads out every message: libcurl forgets them when a handle is removed. */
static void collect(struct http_client *client, struct pool *pool)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(pool->multi, &left))) {
		struct flight *flight = NULL;
		CURLcode code = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &flight);
		flight_conclude(flight, code);
		leave_libcurl(client, flight);
		finish_flight(client, flight);
	}
}

static void spare_flight(struct http_client *client, struct flight *flight)
{
	flight_reset(flight);
	flight->stage = FLIGHT_FREE;
	if (client->spare_count >= SPARE_MAX) {
		flight_free(flight);
		return;
	}
	client->spare_count++;
	DL_PREPEND(client->spare, flight); /* the next one finds it in the cache */
}

static void hand_back(struct http_client *client)
{
	for (int i = 0; i < PER_TURN && client->finished; i++) {
		struct flight *flight = client->finished;
		struct http_exchange *exchange = flight->exchange;

		DL_DELETE(client->finished, flight);
		spare_flight(client, flight);
		exchange->state = NULL;
		exchange->done(exchange);
	}
	while (client->unstarted) {
		struct http_exchange *exchange = client->unstarted;

		client->unstarted = exchange->state;
		exchange->state = NULL;
		exchange->done(exchange);
	}
}

static bool kick_wanted(const struct http_client *client)
{
	const struct pool *pool;

	for (pool = client->pools; pool; pool = pool->next) {
		if (pool->kick)
			return true;
	}
	return false;
}

static void on_turn(uv_idle_t *idle)
{
	struct http_client *client = idle->data;
	struct pool *pool;

	start_waiting(client);
	for (pool = client->pools; pool; pool = pool->next) {
		if (pool->kick)
			kick(pool);
		collect(client, pool);
	}
	close_empty_pools(client);
	hand_back(client);
	if (!client->waiting && !client->finished && !client->unstarted &&
		!kick_wanted(client))
		uv_idle_stop(idle);
}

/* ---- the transport ---- */

static struct flight *spare_or_new(struct http_client *client)
{
	struct flight *flight = client->spare;

	if (!flight)
		return calloc(1, sizeof(*flight));
	DL_DELETE(client->spare, flight);
	client->spare_count--;
	return flight;
}

static void client_send(void *ctx, struct http_exchange *exchange)
{
	struct http_client *client = ctx;
	struct flight *flight = spare_or_new(client);

	exchange->answer = (struct http_answer){0};
	want_turn(client);
	if (!flight) {
		exchange->answer.failure = HTTP_LOCAL;
		snprintf(exchange->answer.error, sizeof(exchange->answer.error),
			"preparing the request: out of memory");
		exchange->state = client->unstarted;
		client->unstarted = exchange;
		return;
	}
	flight->client = client;
	flight->exchange = exchange;
	flight->started_at = clock_mono(client->clock);
	flight->stage = FLIGHT_WAITING;
	exchange->state = flight;
	DL_APPEND(client->waiting, flight);
}

static bool is_unstarted(
	const struct http_client *client, const struct http_exchange *exchange)
{
	const struct http_exchange *other = client->unstarted;

	while (other && other != exchange)
		other = other->state;
	return other != NULL;
}

static void cancel_flight(struct http_client *client, struct flight *flight)
{
	struct http_answer *answer = &flight->exchange->answer;

	switch (flight->stage) {
	case FLIGHT_FREE:
	case FLIGHT_FINISHED: /* its answer is there already: that is the truth */
		return;
	case FLIGHT_WAITING:
		DL_DELETE(client->waiting, flight);
		break;
	case FLIGHT_RUNNING:
		flight_conclude(flight, CURLE_ABORTED_BY_CALLBACK);
		leave_libcurl(client, flight);
		break;
	}
	answer->failure = HTTP_CANCELLED;
	failure_describe(flight, CURLE_ABORTED_BY_CALLBACK, HTTP_CANCELLED, answer->sent,
		answer->error, sizeof(answer->error));
	finish_flight(client, flight);
}

static void client_cancel(void *ctx, struct http_exchange *exchange)
{
	struct http_client *client = ctx;

	if (exchange->state && !is_unstarted(client, exchange))
		cancel_flight(client, exchange->state);
}

struct transport http_client_transport(struct http_client *client)
{
	return (struct transport){
		.send = client_send, .cancel = client_cancel, .ctx = client};
}

/* ---- life ---- */

enum err_code http_client_create(struct http_client **out, struct uv_loop_s *loop,
	const struct clock *clock, struct err *err)
{
	struct http_client *client;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, ERR_NOMEM, "HTTP client: libcurl does not start");
	client = malloc(sizeof(*client));
	if (!client) {
		curl_global_cleanup();
		return err_set(err, ERR_NOMEM, "HTTP client: out of memory");
	}
	*client = (struct http_client){.loop = loop, .clock = clock, .handles = 1};
	uv_idle_init(loop, &client->turn);
	client->turn.data = client;
	*out = client;
	return ERR_OK;
}

void http_client_forget_connections(struct http_client *client)
{
	struct pool *pool;

	for (pool = client->pools; pool; pool = pool->next)
		pool->retired = true;
	close_empty_pools(client);
}

static void turn_closed(uv_handle_t *handle)
{
	handle_gone(handle->data);
}

void http_client_close(struct http_client *client, void (*closed)(void *ctx), void *ctx)
{
	struct flight *flight, *next;

	client->closing = true;
	client->closed = closed;
	client->closed_ctx = ctx;
	http_client_forget_connections(client);
	for (flight = client->spare; flight; flight = next) {
		next = flight->next;
		flight_free(flight);
	}
	uv_idle_stop(&client->turn);
	uv_close((uv_handle_t *)&client->turn, turn_closed);
}
