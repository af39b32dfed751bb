/*
 * libmicrohttpd inside the loop.
 *
 * Its epoll descriptor is watched by a poll handle; when that is readable, when a
 * connection was added and when a request was resumed, MHD_run is called, in the same
 * turn of the loop (a check handle; an idle handle keeps the loop from sleeping before
 * it), and again while there is more to do at once. libmicrohttpd's own time-out counts
 * from the last byte, so a trickle would never end: here every connection has a phase
 * with a deadline from its beginning, and a sweep ends those that are late by shutting
 * their socket down, which libmicrohttpd then notices.
 */
#include "leadrelay/clock.h"
#include "received.h"
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

/* Per connection: the largest head and what indexes it (46 KiB). No more than that: it is
 * filled with zeros after each request, and half of it before each answer. */
#define POOL_BYTES ((size_t)48 * 1024)
#define RUNS_PER_TURN 8
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* ---- engines ---- */

static void on_busy(uv_idle_t *idle)
{
	(void)idle;
}

void engine_wake(struct engine *engine)
{
	engine->wake = true;
	uv_idle_start(&engine->server->busy, on_busy);
}

static bool has_more(struct engine *engine)
{
	MHD_UNSIGNED_LONG_LONG timeout;

	return MHD_get_timeout(engine->daemon, &timeout) == MHD_YES && timeout == 0;
}

static void engine_run(struct engine *engine)
{
	int runs = 0;

	do {
		engine->wake = false;
		MHD_run(engine->daemon);
		inbound_park(engine);
	} while (++runs < RUNS_PER_TURN && (engine->wake || has_more(engine)));
	if (engine->wake || has_more(engine))
		engine_wake(engine);
}

static void on_engine(uv_poll_t *poll, int status, int events)
{
	(void)status;
	(void)events;
	engine_run(poll->data);
}

static void engine_closed(uv_handle_t *handle)
{
	struct engine *engine = handle->data;
	struct http_server *server = engine->server;

	free(engine);
	server_handle_gone(server);
}

static void engine_stop(struct engine *engine)
{
	DL_DELETE(engine->server->engines, engine);
	uv_poll_stop(&engine->poll);
	MHD_stop_daemon(engine->daemon);
	uv_close((uv_handle_t *)&engine->poll, engine_closed);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct engine *engine = cls;
	struct http_server *server = engine->server;
	struct connection *connection = *context;

	(void)mhd;
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = connection = server->accepting;
		server->accepting = NULL;
		connection_enter(connection, PHASE_FRESH);
		DL_APPEND(server->connections, connection);
		server->connection_count++;
		engine->connections++;
		return;
	}
	if (!connection)
		return;
	DL_DELETE(server->connections, connection);
	server->connection_count--;
	engine->connections--;
	free(connection);
	*context = NULL;
}

/* Nothing of a request is logged: libmicrohttpd's words could quote it. */
static void no_log(void *cls, const char *format, va_list args)
{
	(void)cls;
	(void)format;
	(void)args;
}

static struct MHD_Daemon *start_daemon(struct engine *engine, const struct tls_files *tls)
{
	unsigned flags =
		MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET;
	struct MHD_OptionItem tls_options[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, tls ? tls->certificate.data : NULL},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, tls ? tls->key.data : NULL},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES},
		{MHD_OPTION_END, 0, NULL}};
	struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};

	if (tls)
		flags |= MHD_USE_TLS;
	return MHD_start_daemon(flags, 0, NULL, NULL, inbound_continue, engine,
		MHD_OPTION_EXTERNAL_LOGGER, no_log, NULL, MHD_OPTION_CONNECTION_LIMIT,
		1000000u, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, POOL_BYTES,
		MHD_OPTION_URI_LOG_CALLBACK, inbound_begin, engine,
		MHD_OPTION_NOTIFY_COMPLETED, inbound_completed, engine,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, engine, MHD_OPTION_ARRAY,
		tls ? tls_options : none, MHD_OPTION_END);
}

static enum err_code engine_start(
	struct http_server *server, const struct tls_files *tls, struct err *err)
{
	struct engine *engine = calloc(1, sizeof(*engine));
	const union MHD_DaemonInfo *info;

	if (!engine)
		return err_set(err, ERR_NOMEM, "HTTP server: out of memory");
	engine->server = server;
	engine->daemon = start_daemon(engine, tls);
	info = engine->daemon
		       ? MHD_get_daemon_info(engine->daemon, MHD_DAEMON_INFO_EPOLL_FD)
		       : NULL;
	if (!info) {
		if (engine->daemon)
			MHD_stop_daemon(engine->daemon);
		free(engine);
		return err_set(err, ERR_CONFIG,
			tls ? "HTTP server: the TLS library refuses certificate or key"
			    : "HTTP server: libmicrohttpd does not start");
	}
	uv_poll_init(server->loop, &engine->poll, info->epoll_fd);
	engine->poll.data = engine;
	uv_poll_start(&engine->poll, UV_READABLE, on_engine);
	server->handles++;
	DL_PREPEND(server->engines, engine);
	engine_wake(engine);
	return ERR_OK;
}

static void stop_empty_engines(struct http_server *server)
{
	struct engine *engine, *next;

	for (engine = server->engines; engine; engine = next) {
		next = engine->next;
		if (engine->retired && engine->connections == 0)
			engine_stop(engine);
	}
}

/* The check handle: once a turn, after the sockets. */
static void on_check(uv_check_t *check)
{
	struct http_server *server = check->data;
	struct engine *engine;
	bool more = false;

	for (engine = server->engines; engine; engine = engine->next) {
		if (engine->wake)
			engine_run(engine);
	}
	stop_empty_engines(server);
	for (engine = server->engines; engine; engine = engine->next)
		more = more || engine->wake;
	if (!more)
		uv_idle_stop(&server->busy);
}

/* ---- deadlines ---- */

void connection_enter(struct connection *connection, enum phase phase)
{
	connection->phase = phase;
	connection->since = clock_mono(connection->engine->server->clock);
	if (phase == PHASE_IDLE)
		connection->received = bytes_received(connection->fd);
	if (phase == PHASE_IDLE && connection->engine->server->draining)
		connection_end(connection);
}

void connection_end(struct connection *connection)
{
	connection->phase = PHASE_ENDING;
	shutdown(connection->fd, SHUT_RDWR);
	engine_wake(connection->engine);
}

static int64_t allowed_ms(const struct http_server *server, enum phase phase)
{
	switch (phase) {
	case PHASE_FRESH:
	case PHASE_READING:
	case PHASE_WRITING:
		return server->limits.request_timeout_ms;
	case PHASE_IDLE:
		return IDLE_MS;
	case PHASE_WORKING:
	case PHASE_ENDING:
		break;
	}
	return INT64_MAX;
}

/* A first byte is not announced by anybody; the kernel's count tells. */
static void notice_first_byte(struct connection *connection)
{
	if ((connection->phase == PHASE_FRESH || connection->phase == PHASE_IDLE) &&
		bytes_received(connection->fd) > connection->received)
		connection_enter(connection, PHASE_READING);
}

static void end_late(struct connection *connection)
{
	struct http_server *server = connection->engine->server;
	const char *path = connection->in ? connection->in->path : NULL;

	if (connection->phase == PHASE_READING) {
		if (!connection->tls)
			reply_raw(connection->fd, 408,
				"the request did not arrive in time");
		if (server->handler.answered)
			server->handler.answered(server->handler.ctx, path, 408, 0);
	}
	connection_end(connection);
}

static void finish_drain(struct http_server *server, int64_t now)
{
	void (*idle)(void *ctx) = server->idle;
	const struct connection *connection;
	bool active = false;

	if (!idle)
		return;
	for (connection = server->connections; connection;
		connection = connection->next) {
		active = active || connection->phase == PHASE_READING ||
			 connection->phase == PHASE_WORKING ||
			 connection->phase == PHASE_WRITING;
	}
	if (active && now < server->drain_until)
		return;
	server->idle = NULL;
	idle(server->idle_ctx);
}

static void on_sweep(uv_timer_t *timer)
{
	struct http_server *server = timer->data;
	int64_t now = clock_mono(server->clock);
	struct connection *connection, *next;

	for (connection = server->connections; connection; connection = next) {
		next = connection->next;
		notice_first_byte(connection);
		if (now - connection->since >= allowed_ms(server, connection->phase))
			end_late(connection);
	}
	finish_drain(server, now);
}

/* Late by an eighth of the deadline at most. */
static void start_sweeping(struct http_server *server)
{
	int64_t every = server->limits.request_timeout_ms / 8;

	every = every < 10 ? 10 : every > 500 ? 500 : every;
	uv_timer_start(&server->sweep, on_sweep, (uint64_t)every, (uint64_t)every);
}

/* ---- life ---- */

void server_handle_gone(struct http_server *server)
{
	if (--server->handles > 0 || !server->closing)
		return;
	limits_finish(&server->limits);
	if (server->spare_fd >= 0)
		close(server->spare_fd);
	if (server->closed)
		server->closed(server->closed_ctx);
	free(server);
}

static void on_handle_closed(uv_handle_t *handle)
{
	server_handle_gone(handle->data);
}

static void init_handles(struct http_server *server)
{
	uv_timer_init(server->loop, &server->sweep);
	uv_timer_init(server->loop, &server->pause);
	uv_check_init(server->loop, &server->check);
	uv_idle_init(server->loop, &server->busy);
	server->sweep.data = server->pause.data = server;
	server->check.data = server->busy.data = server;
	server->handles = 4;
	uv_check_start(&server->check, on_check);
}

/* Nothing to read without TLS. */
static enum err_code read_tls(struct tls_files *out, const struct http_server *server,
	const struct intake_settings *settings, struct err *err)
{
	*out = (struct tls_files){0};
	if (!settings->tls_certificate)
		return ERR_OK;
	if (tls_files_read(out, settings->tls_certificate,
		    settings->tls_key ? settings->tls_key : "", server->clock,
		    err) != ERR_OK)
		return err_wrap(err, "TLS");
	return ERR_OK;
}

/* A new engine when there is none yet, or another certificate; the old one ends with its
 * connections. */
static enum err_code use_tls(
	struct http_server *server, const struct tls_files *files, struct err *err)
{
	struct engine *old = server->engines;
	bool tls = files->certificate.len > 0;

	if (old && tls == server->tls &&
		memcmp(files->digest, server->tls_digest, sizeof(files->digest)) == 0)
		return ERR_OK;
	if (engine_start(server, tls ? files : NULL, err) != ERR_OK)
		return err->code;
	if (old)
		old->retired = true;
	server->tls = tls;
	memcpy(server->tls_digest, files->digest, sizeof(files->digest));
	server->certificate_expires_at = files->expires_at;
	return ERR_OK;
}

/* What can be refused comes first, so that a refusal changes nothing. */
static enum err_code apply(struct http_server *server,
	const struct intake_settings *settings, struct err *err)
{
	struct tls_files files;
	enum err_code code = read_tls(&files, server, settings, err);

	if (code == ERR_OK && !server->draining)
		code = listeners_open(server, &settings->listen, err);
	if (code == ERR_OK)
		code = use_tls(server, &files, err);
	if (code == ERR_OK && !limits_set(&server->limits, settings))
		code = err_set(err, ERR_NOMEM, "HTTP server: out of memory");
	tls_files_finish(&files);
	if (code == ERR_OK)
		start_sweeping(server);
	return code;
}

enum err_code http_server_create(struct http_server **out,
	const struct http_server_options *options, struct err *err)
{
	struct http_server *server = calloc(1, sizeof(*server));
	struct err unused;

	if (!err)
		err = &unused;
	if (!server)
		return err_set(err, ERR_NOMEM, "HTTP server: out of memory");
	server->loop = options->loop;
	server->clock = options->clock;
	server->handler = options->handler;
	server->lingering.loop = options->loop;
	server->limits.salt = (uint64_t)clock_mono(options->clock) * 0x9e3779b97f4a7c15u ^
			      (uint64_t)(uintptr_t)server;
	server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	init_handles(server);
	if (apply(server, options->settings, err) == ERR_OK) {
		*out = server;
		return ERR_OK;
	}
	http_server_close(server, NULL, NULL);
	return err->code;
}

enum err_code http_server_reload(struct http_server *server,
	const struct intake_settings *settings, struct err *err)
{
	struct err unused;

	return apply(server, settings, err ? err : &unused);
}

void http_server_drain(struct http_server *server, int64_t deadline_ms,
	void (*idle)(void *ctx), void *ctx)
{
	struct connection *connection, *next;

	server->draining = true;
	server->idle = idle;
	server->idle_ctx = ctx;
	server->drain_until = clock_mono(server->clock) + deadline_ms;
	listeners_close(server);
	for (connection = server->connections; connection; connection = next) {
		next = connection->next;
		notice_first_byte(connection);
		if (connection->phase == PHASE_IDLE || connection->phase == PHASE_FRESH)
			connection_end(connection);
	}
	uv_timer_start(&server->sweep, on_sweep, 0, 20);
}

/* libmicrohttpd may not be stopped with suspended requests: they are resumed, and find
 * the server closing. */
static void let_go(struct http_server *server)
{
	struct connection *connection, *next;

	for (connection = server->connections; connection; connection = next) {
		next = connection->next;
		if (connection->in && connection->in->suspended) {
			connection->in->suspended = false;
			MHD_resume_connection(connection->in->mhd);
		}
	}
}

static void on_lingered(void *ctx)
{
	server_handle_gone(ctx);
}

void http_server_close(struct http_server *server, void (*closed)(void *ctx), void *ctx)
{
	struct engine *engine, *next;

	server->closing = true;
	server->closed = closed;
	server->closed_ctx = ctx;
	listeners_close(server);
	let_go(server);
	for (engine = server->engines; engine; engine = next) {
		next = engine->next;
		MHD_run(engine->daemon);
		engine_stop(engine);
	}
	server->handles++;
	linger_stop(&server->lingering, on_lingered, server);
	uv_close((uv_handle_t *)&server->sweep, on_handle_closed);
	uv_close((uv_handle_t *)&server->pause, on_handle_closed);
	uv_close((uv_handle_t *)&server->check, on_handle_closed);
	uv_close((uv_handle_t *)&server->busy, on_handle_closed);
}

const char *http_server_address(const struct http_server *server, size_t index)
{
	return index < server->listener_count ? server->listeners[index]->bound : NULL;
}

int64_t http_server_certificate_expires_at(const struct http_server *server)
{
	return server->certificate_expires_at;
}
