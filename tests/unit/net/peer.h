/*
 * peer: a server on loopback that does exactly what its script says to each connection,
 * on a thread of its own with blocking sockets; for tests of the HTTP client.
 */
#ifndef LEADRELAY_TEST_PEER_H
#define LEADRELAY_TEST_PEER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct peer {
	int listener;
	int port;
	pthread_t thread;
	void (*serve)(struct peer *peer, int fd); /* one connection; peer closes fd */
	int connections;                          /* how many it serves, then it ends */
	void *arg;
	char request[65536]; /* what the last connection sent */
};

static inline void *peer_main(void *arg)
{
	struct peer *peer = arg;

	for (int i = 0; i < peer->connections; i++) {
		int fd = accept(peer->listener, NULL, NULL);

		if (fd < 0)
			break;
		peer->serve(peer, fd);
		close(fd);
	}
	return NULL;
}

static inline int peer_listen(int *port)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&in, sizeof(in)) != 0 ||
		listen(fd, 64) != 0 || getsockname(fd, (struct sockaddr *)&in, &len) != 0)
		abort();
	*port = ntohs(in.sin_port);
	return fd;
}

static inline void peer_start(
	struct peer *peer, void (*serve)(struct peer *, int), int connections)
{
	memset(peer, 0, sizeof(*peer));
	peer->serve = serve;
	peer->connections = connections;
	peer->listener = peer_listen(&peer->port);
	if (pthread_create(&peer->thread, NULL, peer_main, peer) != 0)
		abort();
}

static inline void peer_stop(struct peer *peer)
{
	shutdown(peer->listener, SHUT_RDWR);
	pthread_join(peer->thread, NULL);
	close(peer->listener);
}

/* Reads one request, head and as much body as its Content-Length says, into
 * peer->request; its length, 0 at the end (and the last request stays). */
static inline size_t peer_read_request(struct peer *peer, int fd)
{
	char *text = calloc(1, sizeof(peer->request));
	size_t len = 0, need = 0;
	ssize_t got;

	while ((got = read(fd, text + len, sizeof(peer->request) - 1 - len)) > 0) {
		char *end, *length;

		len += (size_t)got;
		end = strstr(text, "\r\n\r\n");
		length = strcasestr(text, "\r\nContent-Length:");
		if (!end)
			continue;
		need = (size_t)(end - text) + 4;
		if (length && length < end)
			need += strtoul(length + 17, NULL, 10);
		if (len >= need)
			break;
	}
	if (len > 0)
		memcpy(peer->request, text, sizeof(peer->request));
	free(text);
	return got > 0 ? len : 0;
}

static inline void peer_say(int fd, const char *text)
{
	if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		return;
}

/* Closing now sends RST instead of FIN. */
static inline void peer_reset_on_close(int fd)
{
	struct linger linger = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
}

#endif
