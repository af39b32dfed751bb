/*
 * uuid: RFC 9562 version 7 identifiers: a lead's id, fixed at acceptance, and the key a
 * destination recognises it by. Ordered by time, so that they insert at an index's right
 * edge.
 */
#ifndef LEADRELAY_UUID_H
#define LEADRELAY_UUID_H

#include <stdbool.h>
#include <stdint.h>

struct clock;
struct entropy;

struct uuid {
	uint8_t bytes[16];
};

#define UUID_TEXT_SIZE 37

/* A new id for the wall time now. Within one process ids never go back: last (borrowed,
 * zeroed before first use) remembers the previous one; same or earlier millisecond counts
 * up. */
struct uuid uuid_v7(int64_t now, const struct entropy *entropy, struct uuid *last);
/* The wall time a version 7 one was made at. */
int64_t uuid_time(const struct uuid *uuid);
struct uuid uuid_v4(const struct entropy *entropy);
/* Lower case. Returns out. */
char *uuid_text(const struct uuid *uuid, char out[UUID_TEXT_SIZE]);
bool uuid_parse(const char *text, struct uuid *out); /* any case, exactly 36 characters */
bool uuid_equal(const struct uuid *a, const struct uuid *b);

#endif
