#include "server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utlist.h>

#include "crm.h"
#include "moment.h"

enum { LISTENERS = 2, STACK = 512 << 10 };

struct listener {
	struct server *server;
	pthread_t thread;
	bool started, control;
	int fd, wake; /* fd -1: closed for now */
	struct sockaddr_storage address;
	socklen_t address_len;
	atomic_int_least64_t refuse_until; /* steady */
};

struct connection {
	struct server *server;
	struct wire wire;
	uint64_t id;
	bool control; /* its last request was one; guarded by the server's lock */
	struct connection *prev, *next;
};

struct server {
	struct crm *crm;
	SSL_CTX *tls; /* borrowed */
	int max_connections;
	struct listener listeners[LISTENERS];
	int listener_count;
	pthread_mutex_t lock;
	pthread_cond_t fewer; /* connections than before */
	struct connection *connections;
	int connection_count;
	uint64_t last_id;
};

struct server *server_create(struct crm *crm, SSL_CTX *tls, int max_connections)
{
	struct server *server = need(sizeof(*server));

	*server = (struct server){
		.crm = crm, .tls = tls, .max_connections = max_connections};
	pthread_mutex_init(&server->lock, NULL);
	pthread_cond_init(&server->fewer, NULL);
	return server;
}

void server_destroy(struct server *server)
{
	for (int i = 0; i < server->listener_count; i++) {
		if (server->listeners[i].fd >= 0)
			close(server->listeners[i].fd);
		close(server->listeners[i].wake);
	}
	pthread_cond_destroy(&server->fewer);
	pthread_mutex_destroy(&server->lock);
	free(server);
}

static bool open_listener(struct listener *listener)
{
	int yes = 1;
	int fd = socket(listener->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&listener->address, listener->address_len) != 0 ||
		listen(fd, 1024) != 0) {
		close(fd);
		return false;
	}
	listener->fd = fd;
	return true;
}

static bool is_loopback(const struct sockaddr_storage *address)
{
	const struct sockaddr_in *four = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;

	if (address->ss_family == AF_INET)
		return ntohl(four->sin_addr.s_addr) >> 24 == 127;
	return address->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
}

static bool resolve(struct listener *listener, const char *address)
{
	struct addrinfo hints = {
		.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_PASSIVE};
	struct addrinfo *found = NULL;
	const char *colon = strrchr(address, ':');
	bool bracket = *address == '[' && colon && colon > address && colon[-1] == ']';
	char *host;

	if (!colon)
		return false;
	host = need_copy_of(
		address + bracket, (size_t)(colon - address) - (bracket ? 2 : 0));
	if (getaddrinfo(*host ? host : NULL, colon + 1, &hints, &found) == 0) {
		memcpy(&listener->address, found->ai_addr, found->ai_addrlen);
		listener->address_len = found->ai_addrlen;
		freeaddrinfo(found);
	}
	free(host);
	return listener->address_len > 0;
}

bool server_listen(struct server *server, const char *address, bool control,
	bool allow_remote, const char **why)
{
	struct listener *listener = &server->listeners[server->listener_count];

	*listener = (struct listener){.server = server, .fd = -1, .control = control};
	*why = "is not ADDRESS:PORT";
	if (server->listener_count == LISTENERS || !resolve(listener, address))
		return false;
	*why = "is not a loopback address; --allow-remote permits it";
	if (!allow_remote && !is_loopback(&listener->address))
		return false;
	*why = "cannot be listened on";
	if (!open_listener(listener))
		return false;
	getsockname(listener->fd, (struct sockaddr *)&listener->address,
		&listener->address_len); /* the port, when any was asked for */
	listener->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	server->listener_count++;
	return listener->wake >= 0;
}

int server_port(const struct server *server, bool control)
{
	for (int i = 0; i < server->listener_count; i++) {
		const struct listener *listener = &server->listeners[i];
		const struct sockaddr_in *four =
			(const struct sockaddr_in *)&listener->address;

		if (listener->control == control)
			return ntohs(four->sin_port); /* IPv6 has it at the same place */
	}
	return 0;
}

static enum ending refuse_request(struct wire *wire, int status, const char *why)
{
	struct reply reply = {0};
	struct text bytes = {0};

	reply_text(&reply, status, "text/plain; charset=utf-8", why);
	reply_render(&reply, false, &bytes);
	wire_write(wire, bytes.data, bytes.len);
	text_free(&bytes);
	reply_clear(&reply);
	return END_CLOSE;
}

static void note_control(struct connection *c, bool control)
{
	pthread_mutex_lock(&c->server->lock);
	c->control = control;
	pthread_mutex_unlock(&c->server->lock);
}

/* With the head read: the rest of the request, and its answer. */
static enum ending go_on(struct connection *c, struct request *req, struct text *input)
{
	struct crm *crm = c->server->crm;
	const char *why = "";
	int status = 400;

	note_control(c, exchange_is_control(req)); /* before it cuts all others */
	if (exchange_cut_early(crm, &c->wire, req, c->id))
		return END_RESET;
	switch (request_read_body(req, &c->wire, input, &status, &why)) {
	case HTTP_READ:
		return exchange_run(crm, &c->wire, req, c->id);
	case HTTP_BAD:
		return refuse_request(&c->wire, status, why);
	case HTTP_GONE:
		break;
	}
	return END_RESET;
}

static enum ending one_request(struct connection *c, struct text *input, bool stale)
{
	struct request req;
	enum ending end = END_RESET;
	const char *why = "";
	int status = 400;

	switch (request_read_head(&req, &c->wire, input, &status, &why)) {
	case HTTP_READ:
		if (!stale)
			end = go_on(c, &req, input);
		break;
	case HTTP_BAD:
		end = refuse_request(&c->wire, status, why);
		break;
	case HTTP_GONE:
		break;
	}
	request_free(&req);
	return end;
}

static enum ending converse(struct connection *c)
{
	struct text input = {0};
	enum ending end;
	bool stale = false;

	do {
		end = one_request(c, &input, stale);
		stale = end == END_STALE;
	} while (end == END_KEEP || end == END_STALE);
	text_free(&input);
	return end;
}

static void *serve_connection(void *arg)
{
	struct connection *c = arg;
	struct server *server = c->server;
	enum ending end = END_CLOSE;

	if (wire_open(&c->wire, server->tls))
		end = converse(c);
	pthread_mutex_lock(&server->lock);
	DL_DELETE(server->connections, c);
	pthread_mutex_unlock(&server->lock);
	if (end == END_CLOSE)
		wire_close(&c->wire);
	else
		wire_reset(&c->wire);
	free(c);
	pthread_mutex_lock(&server->lock);
	server->connection_count--;
	pthread_cond_broadcast(&server->fewer);
	pthread_mutex_unlock(&server->lock);
	return NULL;
}

static void start_connection(struct listener *listener, int fd)
{
	struct server *server = listener->server;
	struct connection *c = need(sizeof(*c));
	pthread_attr_t attributes;
	pthread_t thread;

	*c = (struct connection){
		.server = server, .wire = {.fd = fd}, .control = listener->control};
	pthread_mutex_lock(&server->lock);
	c->id = ++server->last_id;
	DL_APPEND(server->connections, c);
	server->connection_count++;
	pthread_mutex_unlock(&server->lock);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK);
	if (pthread_create(&thread, &attributes, serve_connection, c) != 0) {
		pthread_mutex_lock(&server->lock);
		DL_DELETE(server->connections, c);
		server->connection_count--;
		pthread_mutex_unlock(&server->lock);
		close(fd);
		free(c);
	}
	pthread_attr_destroy(&attributes);
}

static bool stopping(const struct server *server)
{
	return atomic_load(&server->crm->stopping);
}

/* Waits for a place, so that no more than max_connections threads exist. */
static void wait_for_place(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	while (server->connection_count >= server->max_connections && !stopping(server))
		pthread_cond_wait(&server->fewer, &server->lock);
	pthread_mutex_unlock(&server->lock);
}

/* Closed until the fault's time is over; then the same port is opened again. */
static void stay_closed(struct listener *listener)
{
	int64_t left;

	close(listener->fd);
	listener->fd = -1;
	while ((left = atomic_load(&listener->refuse_until) - steady_now()) > 0 &&
		!stopping(listener->server)) {
		struct pollfd wake = {.fd = listener->wake, .events = POLLIN};
		uint64_t drained;

		if (poll(&wake, 1, left > 1000 ? 1000 : (int)left) > 0 &&
			read(listener->wake, &drained, sizeof(drained)) < 0 &&
			errno != EAGAIN)
			return;
	}
	while (!stopping(listener->server) && !open_listener(listener))
		crm_sleep(listener->server->crm,
			20); /* somebody else took the port meanwhile */
}

static void *accept_connections(void *arg)
{
	struct listener *listener = arg;
	struct server *server = listener->server;

	while (!stopping(server)) {
		struct pollfd waits[2] = {{.fd = listener->fd, .events = POLLIN},
			{.fd = listener->wake, .events = POLLIN}};
		uint64_t drained;
		int fd;

		if (atomic_load(&listener->refuse_until) > steady_now()) {
			stay_closed(listener);
			continue;
		}
		if (poll(waits, 2, -1) < 0)
			continue;
		if (waits[1].revents &&
			read(listener->wake, &drained, sizeof(drained)) > 0)
			continue;
		fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0) {
			crm_sleep(server->crm, 5); /* out of descriptors: it passes */
			continue;
		}
		wait_for_place(server);
		start_connection(listener, fd);
	}
	return NULL;
}

bool server_start(struct server *server)
{
	for (int i = 0; i < server->listener_count; i++) {
		struct listener *listener = &server->listeners[i];

		listener->started = pthread_create(&listener->thread, NULL,
					    accept_connections, listener) == 0;
		if (!listener->started)
			return false;
	}
	return true;
}

static void wake(struct listener *listener)
{
	uint64_t one = 1;

	if (write(listener->wake, &one, sizeof(one)) < 0)
		return; /* it is awake already */
}

static void cut(struct server *server, bool control_too)
{
	struct connection *c;

	pthread_mutex_lock(&server->lock);
	DL_FOREACH (server->connections, c)
		if (control_too || !c->control)
			wire_cut(&c->wire);
	pthread_mutex_unlock(&server->lock);
}

void server_stop(struct server *server)
{
	atomic_store(&server->crm->stopping, true);
	pthread_mutex_lock(&server->lock);
	pthread_cond_broadcast(&server->fewer);
	pthread_mutex_unlock(&server->lock);
	for (int i = 0; i < server->listener_count; i++) {
		wake(&server->listeners[i]);
		if (server->listeners[i].started)
			pthread_join(server->listeners[i].thread, NULL);
	}
	cut(server, true);
	pthread_mutex_lock(&server->lock);
	while (server->connection_count > 0)
		pthread_cond_wait(&server->fewer, &server->lock);
	pthread_mutex_unlock(&server->lock);
}

void server_cut(struct server *server)
{
	cut(server, false);
}

void server_refuse(struct server *server, int64_t ms)
{
	for (int i = 0; i < server->listener_count; i++) {
		struct listener *listener = &server->listeners[i];

		if (listener->control)
			continue;
		atomic_store(&listener->refuse_until, ms > 0 ? steady_now() + ms : 0);
		wake(listener);
	}
	if (ms > 0)
		cut(server, false);
}
