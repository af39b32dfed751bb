/*
 * linger: closing a socket while the other side still sends would reset the connection
 * and destroy the answer on its way. A lingering socket is read and forgotten until the
 * other side ends, a little time or some bytes; there are never many. Loop thread.
 */
#ifndef LEADRELAY_NET_LINGER_H
#define LEADRELAY_NET_LINGER_H

#include <stdbool.h>
#include <uv.h>

struct lingerer;

struct lingering {
	uv_loop_t *loop;
	struct lingerer *list;
	int count;
	int handles;              /* that the loop still holds */
	void (*ended)(void *ctx); /* the last handle is gone, after linger_stop */
	void *ctx;
	bool stopped;
};

/* Takes fd: a socket whose answer was written and its side shut down, or a duplicate of
 * one whose owner does that. */
void linger(struct lingering *lingering, int fd);
/* Closes all; ended() comes from the loop, at once when there was none. */
void linger_stop(struct lingering *lingering, void (*ended)(void *ctx), void *ctx);

#endif
