#include "linger.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#define LINGER_MS 2000
#define LINGER_BYTES (1024 * 1024)
#define LINGER_MAX 64

struct lingerer {
	struct lingering *all;
	uv_poll_t poll;
	uv_timer_t timer;
	int fd;
	size_t left; /* bytes it may still send */
	int handles;
	bool closing;
	struct lingerer *prev, *next;
};

static void on_closed(uv_handle_t *handle)
{
	struct lingerer *one = handle->data;
	struct lingering *all = one->all;

	if (--one->handles == 0)
		free(one);
	if (--all->handles == 0 && all->stopped)
		all->ended(all->ctx);
}

static void end(struct lingerer *one)
{
	if (one->closing)
		return;
	one->closing = true;
	DL_DELETE(one->all->list, one);
	one->all->count--;
	uv_poll_stop(&one->poll);
	close(one->fd);
	uv_close((uv_handle_t *)&one->poll, on_closed);
	uv_close((uv_handle_t *)&one->timer, on_closed);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct lingerer *one = poll->data;
	char bytes[16384];
	ssize_t got = recv(one->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	(void)status;
	(void)events;
	if (got <= 0 || (size_t)got > one->left) {
		end(one);
		return;
	}
	one->left -= (size_t)got;
}

static void on_time(uv_timer_t *timer)
{
	end(timer->data);
}

static struct lingerer *begin(struct lingering *lingering, int fd)
{
	struct lingerer *one = malloc(sizeof(*one));

	if (!one)
		return NULL;
	*one = (struct lingerer){
		.all = lingering, .fd = fd, .left = LINGER_BYTES, .handles = 2};
	if (uv_poll_init_socket(lingering->loop, &one->poll, fd) != 0) {
		free(one);
		return NULL;
	}
	uv_timer_init(lingering->loop, &one->timer);
	one->poll.data = one->timer.data = one;
	return one;
}

void linger(struct lingering *lingering, int fd)
{
	struct lingerer *one = NULL;

	if (lingering->count < LINGER_MAX && !lingering->stopped)
		one = begin(lingering, fd);
	if (!one) {
		close(fd);
		return;
	}
	lingering->handles += 2;
	lingering->count++;
	DL_APPEND(lingering->list, one);
	uv_poll_start(&one->poll, UV_READABLE, on_readable);
	uv_timer_start(&one->timer, on_time, LINGER_MS, 0);
}

void linger_stop(struct lingering *lingering, void (*ended)(void *ctx), void *ctx)
{
	struct lingerer *one, *next;

	lingering->ended = ended;
	lingering->ctx = ctx;
	lingering->stopped = true;
	if (lingering->handles == 0) {
		ended(ctx);
		return;
	}
	for (one = lingering->list; one; one = next) {
		next = one->next;
		end(one);
	}
}
