/*
 * Listening and accepting. Connections are accepted here and given to libmicrohttpd,
 * which would stop listening at its limits, or spin when descriptors run out: here the
 * surplus is answered 503 and closed, connections leave descriptors for everything else,
 * and one kept in reserve lets them be refused even when there are none.
 */
#include "leadrelay/clock.h"
#include "leadrelay/log.h"
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#define ACCEPTS_PER_TURN 64
#define PAUSE_MS 100
#define DESCRIPTORS_KEPT 256 /* half of all, when that is less */
#define TELL_MS 60000

/* ---- addresses ---- */

/* "host:port", "[v6]:port" */
static bool split(const char *text, char *host, size_t size, const char **port)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (!colon || !colon[1])
		return false;
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	} else if (memchr(text, ':', len)) {
		return false;
	}
	if (len >= size)
		return false;
	memcpy(host, text, len);
	host[len] = 0;
	*port = colon + 1;
	return true;
}

static int bind_to(const struct addrinfo *info)
{
	int on = 1, error;
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (info->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static void name_bound(struct listener *listener)
{
	struct sockaddr_storage at = {0};
	socklen_t len = sizeof(at);
	char host[ADDRESS_TEXT_SIZE], port[8];

	if (getsockname(listener->fd, (struct sockaddr *)&at, &len) != 0 ||
		getnameinfo((struct sockaddr *)&at, len, host, sizeof(host), port,
			sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return;
	snprintf(listener->bound, sizeof(listener->bound),
		at.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static enum err_code open_socket(const char *wanted, int *out, struct err *err)
{
	static const struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	char host[256];
	const char *port;
	int code;

	if (!split(wanted, host, sizeof(host), &port))
		return err_set(err, ERR_CONFIG,
			"listening on %s: not HOST:PORT (IPv6 as [ADDRESS]:PORT)",
			wanted);
	code = getaddrinfo(*host ? host : NULL, port, &hints, &found);
	if (code != 0)
		return err_set(err, ERR_CONFIG, "listening on %s: %s", wanted,
			gai_strerror(code));
	*out = bind_to(found);
	code = errno;
	freeaddrinfo(found);
	if (*out < 0)
		return err_errno(err, code, "listening on %s", wanted);
	return ERR_OK;
}

/* ---- accepting ---- */

static int connections_of(const struct http_server *server, const struct address *peer)
{
	struct address key = address_for_limits(peer), other;
	const struct connection *connection;
	int count = 0;

	for (connection = server->connections; connection;
		connection = connection->next) {
		other = address_for_limits(&connection->peer);
		count += address_equal(&other, &key);
	}
	return count;
}

/* A place is made by ending the connection that idles longest. */
static bool end_an_idle_one(struct http_server *server)
{
	struct connection *connection, *oldest = NULL;

	for (connection = server->connections; connection;
		connection = connection->next) {
		if (connection->phase == PHASE_IDLE &&
			(!oldest || connection->since < oldest->since))
			oldest = connection;
	}
	if (!oldest)
		return false;
	connection_end(oldest);
	return true;
}

static void refuse(struct http_server *server, int fd, const char *why)
{
	if (!server->tls)
		reply_raw(fd, 503, why);
	shutdown(fd, SHUT_WR);
	linger(&server->lingering, fd);
}

static bool has_place(struct http_server *server, int fd, const struct address *peer)
{
	const struct limits *limits = &server->limits;

	if (!limits_trusts(limits, peer) &&
		connections_of(server, peer) >= limits->max_connections_per_address) {
		refuse(server, fd, "too many connections from this address");
		return false;
	}
	if (server->connection_count >= limits->max_connections &&
		!end_an_idle_one(server)) {
		refuse(server, fd, "too many connections");
		return false;
	}
	return true;
}

static void tell_descriptors(struct http_server *server)
{
	int64_t now = clock_mono(server->clock);

	if (server->told_descriptors_at && now - server->told_descriptors_at < TELL_MS)
		return;
	server->told_descriptors_at = now;
	log_warn("no file descriptors left for a connection", "consequence",
		"connections are refused, deliveries go on", "remedy",
		"raise LimitNOFILE or lower intake.max_connections", NULL);
}

/* Descriptors are given out lowest first: one this high tells that the rest is for the
 * store, the destinations and leadctl. */
static bool is_kept(int fd)
{
	struct rlimit limit;
	rlim_t kept = DESCRIPTORS_KEPT;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return false;
	kept = limit.rlim_cur / 2 < kept ? limit.rlim_cur / 2 : kept;
	return (rlim_t)fd >= limit.rlim_cur - kept;
}

/* Without lingering: that would keep the descriptor. */
static void refuse_kept(struct http_server *server, int fd)
{
	end_an_idle_one(server);
	if (!server->tls)
		reply_raw(fd, 503, "too many connections");
	close(fd);
	tell_descriptors(server);
}

static void take(
	struct http_server *server, int fd, const struct sockaddr *from, socklen_t len)
{
	struct engine *engine = server->engines;
	struct connection *connection = calloc(1, sizeof(*connection));
	struct address peer = {0};

	address_from_sockaddr(from, &peer);
	if (!connection || !engine || !has_place(server, fd, &peer)) {
		if (!connection || !engine)
			close(fd);
		free(connection);
		return;
	}
	*connection = (struct connection){
		.engine = engine, .fd = fd, .peer = peer, .tls = server->tls};
	server->accepting = connection;
	if (MHD_add_connection(engine->daemon, fd, from, len) != MHD_YES &&
		server->accepting) /* else its closing callback freed it */
		free(connection);
	server->accepting = NULL;
	engine_wake(engine);
}

/* No descriptors left: the reserve is spent on refusing one connection, then accepting
 * rests a little, for the listening socket stays readable. */
static void out_of_descriptors(struct http_server *server)
{
	if (server->spare_fd >= 0) {
		close(server->spare_fd);
		for (size_t i = 0; i < server->listener_count; i++) {
			int fd = accept4(
				server->listeners[i]->fd, NULL, NULL, SOCK_CLOEXEC);

			if (fd >= 0)
				close(fd);
		}
		server->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	}
	tell_descriptors(server);
	for (size_t i = 0; i < server->listener_count; i++)
		uv_poll_stop(&server->listeners[i]->poll);
	listeners_resume(server);
}

static void on_acceptable(uv_poll_t *poll, int status, int events)
{
	struct listener *listener = poll->data;
	struct http_server *server = listener->server;

	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		int fd = accept4(listener->fd, (struct sockaddr *)&from, &len,
			SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
				      errno == ENOMEM)) {
			out_of_descriptors(server);
			return;
		}
		if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
			continue;
		if (fd < 0)
			return;
		if (is_kept(fd))
			refuse_kept(server, fd);
		else
			take(server, fd, (struct sockaddr *)&from, len);
	}
}

static void on_rested(uv_timer_t *timer)
{
	struct http_server *server = timer->data;

	for (size_t i = 0; i < server->listener_count; i++)
		uv_poll_start(&server->listeners[i]->poll, UV_READABLE, on_acceptable);
}

void listeners_resume(struct http_server *server)
{
	uv_timer_start(&server->pause, on_rested, PAUSE_MS, 0);
}

/* ---- opening and closing ---- */

static void listener_closed(uv_handle_t *handle)
{
	struct listener *listener = handle->data;
	struct http_server *server = listener->server;

	free(listener->wanted);
	free(listener);
	server_handle_gone(server);
}

static void listener_close(struct listener *listener)
{
	uv_poll_stop(&listener->poll);
	close(listener->fd);
	uv_close((uv_handle_t *)&listener->poll, listener_closed);
}

static enum err_code listener_open(struct listener **out, struct http_server *server,
	const char *wanted, struct err *err)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	enum err_code code;

	if (!listener || !(listener->wanted = strdup(wanted))) {
		free(listener);
		return err_set(err, ERR_NOMEM, "listening on %s: out of memory", wanted);
	}
	code = open_socket(wanted, &listener->fd, err);
	if (code != ERR_OK) {
		free(listener->wanted);
		free(listener);
		return code;
	}
	listener->server = server;
	name_bound(listener);
	uv_poll_init_socket(server->loop, &listener->poll, listener->fd);
	listener->poll.data = listener;
	server->handles++;
	*out = listener;
	return ERR_OK;
}

static struct listener *find(struct http_server *server, const char *wanted)
{
	for (size_t i = 0; i < server->listener_count; i++) {
		if (strcmp(server->listeners[i]->wanted, wanted) == 0)
			return server->listeners[i];
	}
	return NULL;
}

static void install(struct http_server *server, struct listener **fresh, size_t count)
{
	struct listener *old[LISTEN_MAX];
	size_t old_count = server->listener_count;

	memcpy(old, server->listeners, sizeof(old));
	for (size_t i = 0; i < count; i++) {
		server->listeners[i] = fresh[i];
		fresh[i]->listed = true;
	}
	server->listener_count = count;
	for (size_t i = 0; i < old_count; i++) {
		if (!old[i]->listed)
			listener_close(old[i]);
	}
	for (size_t i = 0; i < count; i++) {
		fresh[i]->listed = false;
		uv_poll_start(&fresh[i]->poll, UV_READABLE, on_acceptable);
	}
}

/* Those that are open already stay; nothing changes when one of the new ones fails. */
enum err_code listeners_open(
	struct http_server *server, const struct text_list *listen, struct err *err)
{
	struct listener *fresh[LISTEN_MAX];
	size_t count = 0;

	if (listen->count == 0 || listen->count > LISTEN_MAX)
		return err_set(err, ERR_CONFIG, "listen: 1 to %d addresses", LISTEN_MAX);
	for (; count < listen->count; count++) {
		fresh[count] = find(server, listen->items[count]);
		if (!fresh[count] && listener_open(&fresh[count], server,
					     listen->items[count], err) != ERR_OK)
			goto fail;
	}
	install(server, fresh, count);
	return ERR_OK;
fail:
	while (count-- > 0) {
		if (!find(server, fresh[count]->wanted))
			listener_close(fresh[count]);
	}
	return err->code;
}

void listeners_close(struct http_server *server)
{
	uv_timer_stop(&server->pause);
	for (size_t i = 0; i < server->listener_count; i++)
		listener_close(server->listeners[i]);
	server->listener_count = 0;
}
