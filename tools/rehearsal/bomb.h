/* bomb: a gzip stream of very many zeros, made piece by piece. */
#ifndef REHEARSAL_BOMB_H
#define REHEARSAL_BOMB_H

#include <stdbool.h>
#include <stdint.h>

/* Hands pieces of a valid gzip stream of about zeros bytes to put, until that returns
 * false. About 1 byte in 159 is sent. */
bool bomb_write(
	int64_t zeros, bool (*put)(const void *data, int len, void *arg), void *arg);

#endif
