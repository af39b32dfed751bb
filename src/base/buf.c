#include "leadrelay/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUF_FIRST 64

/* Moves to new memory of cap bytes. Not realloc: it would leave a copy of a secret
 * behind. */
static bool move_to(struct buf *buf, size_t cap)
{
	char *data = malloc(cap);

	if (!data) {
		buf->failed = true;
		return false;
	}
	if (buf->data) {
		memcpy(data, buf->data, buf->len);
		explicit_bzero(buf->data, buf->cap);
		free(buf->data);
	}
	data[buf->len] = '\0';
	buf->data = data;
	buf->cap = cap;
	return true;
}

bool buf_reserve(struct buf *buf, size_t len)
{
	size_t cap = buf->cap ? buf->cap : BUF_FIRST;

	if (!buf->failed && buf->cap > buf->len && len < buf->cap - buf->len)
		return true;
	if (buf->failed)
		return false;
	if (len > SIZE_MAX / 4 - buf->len) { /* never true of a buf that fits in memory */
		buf->failed = true;
		return false;
	}
	while (cap < buf->len + len + 1)
		cap *= 2;
	return cap == buf->cap || move_to(buf, cap);
}

void buf_add(struct buf *buf, const void *bytes, size_t len)
{
	if (len == 0 || !buf_reserve(buf, len))
		return;
	memcpy(buf->data + buf->len, bytes, len);
	buf->len += len;
	buf->data[buf->len] = '\0';
}

void buf_adds(struct buf *buf, const char *text)
{
	buf_add(buf, text, strlen(text));
}

void buf_addc(struct buf *buf, char c)
{
	if (!buf_reserve(buf, 1))
		return;
	buf->data[buf->len++] = c;
	buf->data[buf->len] = '\0';
}

/* Written where it belongs; a second time when there was not room enough. */
void buf_addf(struct buf *buf, const char *fmt, ...)
{
	va_list args;
	va_list again;
	size_t room;
	int len;

	if (!buf_reserve(buf, 0))
		return;
	room = buf->cap - buf->len;
	va_start(args, fmt);
	va_copy(again, args);
	len = vsnprintf(buf->data + buf->len, room, fmt, args);
	if (len < 0 || (size_t)len >= room)
		buf->data[buf->len] = '\0';
	if (len < 0)
		buf->failed = true;
	else if ((size_t)len < room)
		buf->len += (size_t)len;
	else if (buf_reserve(buf, (size_t)len)) {
		vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, again);
		buf->len += (size_t)len;
	}
	va_end(again);
	va_end(args);
}

bool buf_ok(const struct buf *buf)
{
	return !buf->failed;
}

const char *buf_str(const struct buf *buf)
{
	return buf->data ? buf->data : "";
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->failed = false;
	if (buf->data)
		buf->data[0] = '\0';
}

void buf_cut(struct buf *buf, size_t len)
{
	if (len >= buf->len)
		return;
	buf->len = len;
	buf->data[len] = '\0';
}

char *buf_take(struct buf *buf)
{
	char *text = NULL;

	if (buf_reserve(buf, 0)) { /* an empty one still yields "" */
		text = buf->data;
		*buf = BUF_INIT;
	}
	buf_finish(buf);
	return text;
}

void buf_finish(struct buf *buf)
{
	free(buf->data);
	*buf = BUF_INIT;
}

void buf_wipe(struct buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	buf_finish(buf);
}
