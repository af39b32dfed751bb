#include "wire.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "moment.h"

bool wire_open(struct wire *wire, SSL_CTX *tls)
{
	int yes = 1;

	setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (!tls)
		return true;
	wire->ssl = SSL_new(tls);
	return wire->ssl && SSL_set_fd(wire->ssl, wire->fd) == 1 &&
	       SSL_accept(wire->ssl) == 1;
}

ssize_t wire_read(struct wire *wire, void *data, size_t len)
{
	ssize_t got;

	if (wire->ssl) {
		int n = SSL_read(wire->ssl, data, len > 1 << 20 ? 1 << 20 : (int)len);

		return n > 0                                                  ? n
		       : SSL_get_error(wire->ssl, n) == SSL_ERROR_ZERO_RETURN ? 0
									      : -1;
	}
	do
		got = recv(wire->fd, data, len, 0);
	while (got < 0 && errno == EINTR);
	return got;
}

static ssize_t write_some(struct wire *wire, const char *data, size_t len)
{
	if (wire->ssl)
		return SSL_write(wire->ssl, data, len > 1 << 20 ? 1 << 20 : (int)len);
	return send(wire->fd, data, len, MSG_NOSIGNAL);
}

bool wire_write(struct wire *wire, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t sent = write_some(wire, at, len);

		if (sent < 0 && errno == EINTR && !wire->ssl)
			continue;
		if (sent <= 0)
			return false;
		at += sent;
		len -= (size_t)sent;
	}
	return true;
}

void wire_wait_gone(struct wire *wire, int64_t ms)
{
	int64_t until = steady_now() + ms;
	char waste[4096];

	for (int64_t left = ms; left > 0; left = until - steady_now()) {
		struct pollfd poll_fd = {.fd = wire->fd, .events = POLLIN | POLLRDHUP};
		int ready = poll(&poll_fd, 1, left > 1000 ? 1000 : (int)left);

		if (ready < 0 && errno != EINTR)
			return;
		if (ready > 0 && (poll_fd.revents & (POLLRDHUP | POLLHUP | POLLERR)))
			return;
		if (ready > 0 && recv(wire->fd, waste, sizeof(waste), MSG_DONTWAIT) <= 0)
			return;
	}
}

void wire_cut(struct wire *wire)
{
	shutdown(wire->fd, SHUT_RDWR);
}

void wire_close(struct wire *wire)
{
	if (wire->ssl)
		SSL_shutdown(wire->ssl);
	shutdown(wire->fd, SHUT_WR);
	wire_wait_gone(
		wire, 200); /* closing over unread data would reset the connection */
	SSL_free(wire->ssl);
	close(wire->fd);
	*wire = (struct wire){.fd = -1};
}

void wire_reset(struct wire *wire)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(wire->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	SSL_free(wire->ssl);
	close(wire->fd);
	*wire = (struct wire){.fd = -1};
}
