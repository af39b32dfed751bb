/*
 * TZif files. Layout (RFC 8536 3): a version 1 block, which is skipped by its counts,
 * then the same with 64-bit times, then the footer: a POSIX TZ rule between two newlines.
 *
 * Inside everything is seconds.
 */
#include "leadrelay/zone.h"

#include "leadrelay/buf.h"
#include "zone_rule.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (1024 * 1024)
#define HEADER_SIZE 44
#define OFFSET_MAX (26 * 3600) /* RFC 8536 3.2: -25 to +26 h */
#define WINDOW OFFSET_MAX

struct change { /* of the clock */
	int64_t at;
	int32_t offset; /* from then on */
};

struct zone {
	struct change *changes; /* ascending */
	size_t count;
	int32_t first_offset; /* before the first change */
	struct zone_rule rule;
};

/* ---- names and files ---- */

bool zone_name_valid(const char *name)
{
	size_t part = 0, len = strlen(name);

	if (len == 0 || len > 100)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = name[i];
		bool letter = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			      (c >= 'A' && c <= 'Z');

		if (c == '/' ? part == 0 : !letter && !strchr("+-_", c))
			return false;
		part = c == '/' ? 0 : part + 1;
	}
	return part > 0;
}

static enum err_code read_all(struct buf *out, int fd, struct err *err)
{
	struct stat about;
	ssize_t got = 1;

	if (fstat(fd, &about) != 0)
		return err_errno(err, errno, "reading it");
	if (!S_ISREG(about.st_mode) || about.st_size > FILE_MAX)
		return err_set(err, ERR_INVALID, "not a time zone");
	while (got > 0 && out->len <= FILE_MAX) {
		if (!buf_reserve(out, 4096))
			return err_set(err, ERR_NOMEM, "out of memory");
		got = read(fd, out->data + out->len, 4096);
		if (got < 0)
			return err_errno(err, errno, "reading it");
		out->len += (size_t)got;
	}
	return ERR_OK;
}

static enum err_code load(struct zone **out, const char *path, struct err *err)
{
	struct buf bytes = BUF_INIT;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum err_code code;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return err_set(err, ERR_NOT_FOUND,
			"there is no %s; allowed: a name such as Europe/Paris (the "
			"package tzdata holds them)",
			path);
	if (fd < 0)
		return err_errno(err, errno, "opening %s", path);
	code = read_all(&bytes, fd, err);
	if (code == ERR_OK)
		code = zone_parse(out, buf_str(&bytes), bytes.len, err);
	close(fd);
	buf_finish(&bytes);
	return code == ERR_OK ? ERR_OK : err_wrap(err, "%s", path);
}

enum err_code zone_load(
	struct zone **out, const char *directory, const char *name, struct err *err)
{
	struct buf path = BUF_INIT;
	enum err_code code;

	if (!zone_name_valid(name))
		return err_set(err, ERR_INVALID,
			"not the name of a time zone; allowed: a name such as "
			"Europe/Paris");
	buf_addf(&path, "%s/%s", directory ? directory : ZONE_DIRECTORY, name);
	code = buf_ok(&path) ? load(out, buf_str(&path), err)
			     : err_set(err, ERR_NOMEM, "out of memory");
	buf_finish(&path);
	return code;
}

/* ---- the format ---- */

struct header {
	int version; /* '2' and up have the 64-bit block */
	size_t isut, isstd, leap, time, type, chars;
};

static int64_t be(const unsigned char *at, int bytes)
{
	uint64_t value = bytes > 0 && at[0] & 0x80 ? UINT64_MAX : 0;

	for (int i = 0; i < bytes; i++)
		value = value << 8 | at[i];
	return (int64_t)value;
}

static bool read_header(const unsigned char *at, size_t len, struct header *out)
{
	size_t *counts[] = {
		&out->isut, &out->isstd, &out->leap, &out->time, &out->type, &out->chars};

	if (len < HEADER_SIZE || memcmp(at, "TZif", 4) != 0)
		return false;
	out->version = at[4];
	for (size_t i = 0; i < 6; i++) {
		int64_t count = be(at + 20 + 4 * i, 4);

		if (count < 0 || count > FILE_MAX)
			return false;
		*counts[i] = (size_t)count;
	}
	return true;
}

static size_t block_size(const struct header *h, size_t time_size)
{
	return h->time * (time_size + 1) + h->type * 6 + h->chars +
	       h->leap * (time_size + 4) + h->isstd + h->isut;
}

/* The block's times, the index of a type for each, then the types. */
static bool read_changes(
	struct zone *zone, const unsigned char *at, const struct header *h)
{
	const unsigned char *indexes = at + 8 * h->time;
	const unsigned char *types = indexes + h->time;

	zone->changes = calloc(h->time > 0 ? h->time : 1, sizeof(*zone->changes));
	if (!zone->changes)
		return true; /* seen by the caller */
	for (size_t i = 0; i < h->type; i++) {
		if (be(types + 6 * i, 4) < -OFFSET_MAX ||
			be(types + 6 * i, 4) > OFFSET_MAX)
			return false;
	}
	zone->first_offset = (int32_t)be(types, 4); /* RFC 8536 3.2: type 0 */
	zone->count = h->time;
	for (size_t i = 0; i < h->time; i++) {
		if (indexes[i] >= h->type)
			return false;
		zone->changes[i].at = be(at + 8 * i, 8);
		zone->changes[i].offset = (int32_t)be(types + 6 * indexes[i], 4);
		if (i > 0 && zone->changes[i].at <= zone->changes[i - 1].at)
			return false;
	}
	return true;
}

static bool read_footer(struct zone *zone, const unsigned char *at, size_t len)
{
	const unsigned char *end;
	char text[80] = "";

	if (len < 2 || at[0] != '\n' || !(end = memchr(at + 1, '\n', len - 1)) ||
		(size_t)(end - at) > sizeof(text))
		return false;
	memcpy(text, at + 1, (size_t)(end - at - 1));
	if (strlen(text) != (size_t)(end - at - 1))
		return false;
	return text[0] == '\0' || zone_rule_parse(&zone->rule, text);
}

static bool read_zone(struct zone *zone, const unsigned char *at, size_t len)
{
	struct header h;
	size_t skip;

	if (!read_header(at, len, &h) || h.version < '2')
		return false;
	skip = HEADER_SIZE + block_size(&h, 4);
	if (skip > len || !read_header(at + skip, len - skip, &h) || h.type == 0 ||
		h.leap > 0)
		return false;
	at += skip + HEADER_SIZE;
	len -= skip + HEADER_SIZE;
	skip = block_size(&h, 8);
	return skip <= len && read_changes(zone, at, &h) &&
	       read_footer(zone, at + skip, len - skip);
}

enum err_code zone_parse(
	struct zone **out, const void *bytes, size_t len, struct err *err)
{
	struct zone *zone = calloc(1, sizeof(*zone));
	bool ok;

	if (!zone)
		return err_set(err, ERR_NOMEM, "out of memory");
	ok = read_zone(zone, bytes, len);
	if (ok && zone->changes) {
		*out = zone;
		return ERR_OK;
	}
	zone_destroy(zone);
	return ok ? err_set(err, ERR_NOMEM, "out of memory")
		  : err_set(err, ERR_INVALID,
			    "not a time zone that can be used (a TZif file of version 2 "
			    "or later, without leap seconds)");
}

void zone_destroy(struct zone *zone)
{
	if (!zone)
		return;
	free(zone->changes);
	free(zone);
}

/* ---- questions ---- */

/* How many changes came at or before. */
static size_t changes_until(const struct zone *zone, int64_t seconds)
{
	size_t low = 0, high = zone->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (zone->changes[middle].at <= seconds)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* After the table: the rule, which begins where the table ends. */
static struct zone_span span_of_rule(const struct zone *zone, int64_t seconds)
{
	int64_t begin = zone->count > 0 ? zone->changes[zone->count - 1].at : INT64_MIN;
	struct zone_span span = zone_rule_span(&zone->rule, seconds);

	if (span.start < begin)
		span.start = begin;
	return span;
}

/* In seconds, as everything here. */
static struct zone_span span_at(const struct zone *zone, int64_t seconds)
{
	size_t i = changes_until(zone, seconds);
	struct zone_span span = {.start = INT64_MIN, .end = INT64_MAX};

	if (i == zone->count && zone->rule.present)
		return span_of_rule(zone, seconds);
	span.offset_ms = i > 0 ? zone->changes[i - 1].offset : zone->first_offset;
	if (i > 0)
		span.start = zone->changes[i - 1].at;
	if (i < zone->count)
		span.end = zone->changes[i].at;
	return span;
}

static int64_t floor_seconds(int64_t ms)
{
	return ms / 1000 - (ms % 1000 < 0);
}

static int64_t to_ms(int64_t seconds)
{
	if (seconds > INT64_MAX / 1000)
		return INT64_MAX;
	return seconds < INT64_MIN / 1000 ? INT64_MIN : seconds * 1000;
}

struct zone_span zone_span_at(const struct zone *zone, int64_t at)
{
	struct zone_span span = span_at(zone, floor_seconds(at));

	return (struct zone_span){.start = to_ms(span.start),
		.end = to_ms(span.end),
		.offset_ms = span.offset_ms * 1000};
}

int64_t zone_local(const struct zone *zone, int64_t at)
{
	return at + zone_span_at(zone, at).offset_ms;
}

/* Through the spans around local, from the earliest that could show it. */
int64_t zone_instant(const struct zone *zone, int64_t local)
{
	int64_t at = local - INT64_C(1000) * WINDOW;

	for (;;) {
		struct zone_span span = zone_span_at(zone, at);
		int64_t instant = local - span.offset_ms;

		if (instant < span.start)
			return span.start; /* in the gap before this span */
		if (instant < span.end)
			return instant;
		at = span.end;
	}
}
