/*
 * zone: a time zone of the system's tz database (RFC 8536 TZif, version 2 and later, with
 * the POSIX TZ rule for the years after its table). A value: no TZ variable, no tzset, no
 * global state. Any thread; only zone_load reads a file (at configuration time).
 *
 * Instants are milliseconds UTC. Local times are written as the milliseconds UTC at which
 * a clock in UTC would show them.
 */
#ifndef LEADRELAY_ZONE_H
#define LEADRELAY_ZONE_H

#include "leadrelay/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zone;

#define ZONE_DIRECTORY "/usr/share/zoneinfo"

/* "Europe/Paris", "UTC", "America/Argentina/Ushuaia": letters, digits, + - _ between
 * single slashes; so it names a file below the directory and no other. */
bool zone_name_valid(const char *name);
/* directory: NULL is ZONE_DIRECTORY. *out is the caller's to destroy. ERR_NOT_FOUND: no
 * such zone; ERR_INVALID: not a zone's name, or a file that is none (the "right/" ones
 * with leap seconds included). */
enum err_code zone_load(
	struct zone **out, const char *directory, const char *name, struct err *err);
/* The same from the bytes of a file. */
enum err_code zone_parse(
	struct zone **out, const void *bytes, size_t len, struct err *err);
void zone_destroy(struct zone *zone); /* NULL is fine */

/* A span without a change of the clock: [start, end). INT64_MIN and INT64_MAX: no end. */
struct zone_span {
	int64_t start, end;
	int64_t offset_ms; /* ahead of UTC */
};
struct zone_span zone_span_at(const struct zone *zone, int64_t at);

/* What clocks show at an instant. */
int64_t zone_local(const struct zone *zone, int64_t at);
/* The first instant at which clocks show local; when none does (the clock was put
 * forward over it), the first instant after that gap. */
int64_t zone_instant(const struct zone *zone, int64_t local);

#endif
