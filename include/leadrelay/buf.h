/*
 * buf: a growing byte buffer. An allocation that fails makes it "failed": what follows is
 * ignored and buf_ok() says so once at the end, so that writers need no check per call.
 * The bytes are always followed by a NUL that is not counted. What is added must not lie
 * in the buf itself. Not thread-safe.
 */
#ifndef LEADRELAY_BUF_H
#define LEADRELAY_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data; /* NULL while empty and unallocated */
	size_t len;
	size_t cap;
	bool failed;
};

#define BUF_INIT ((struct buf){0})

void buf_add(struct buf *buf, const void *bytes, size_t len);
void buf_adds(struct buf *buf, const char *text);
void buf_addc(struct buf *buf, char c);
void buf_addf(struct buf *buf, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Makes room for len more bytes; the caller writes at data + len and then adds to len
 * itself. */
bool buf_reserve(struct buf *buf, size_t len);
bool buf_ok(const struct buf *buf);
/* Never NULL: "" when empty. Valid until the next call. */
const char *buf_str(const struct buf *buf);
void buf_clear(struct buf *buf); /* empty and no longer failed; keeps the memory */
void buf_cut(struct buf *buf, size_t len); /* keeps the first len bytes */
/* The bytes, the caller's to free(); NULL when failed. buf is empty again either way. */
char *buf_take(struct buf *buf);
void buf_finish(struct buf *buf);
/* Overwrites the bytes, then finishes: for secrets. (Growing leaves no copy behind
 * either.) */
void buf_wipe(struct buf *buf);

#endif
