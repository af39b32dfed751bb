#include "wal.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_SIZE 4096 /* every outbox has it */
#define HEAD 32        /* of the log */
#define FRAME_HEAD 24
#define FRAME (FRAME_HEAD + PAGE_SIZE)
#define SUMMED_HEAD 8 /* of a frame's head: page and commit; not the salts */
#define BIG_ENDIAN_HERE (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
#define MAGIC 0x377f0682u /* its last bit: the words of a checksum are big-endian */

struct sum {
	uint32_t a, b;
};

struct look { /* at a frame, or at the log's head as what the first frame follows */
	uint8_t bytes[FRAME];
	int64_t at;
	bool there;
	bool linked; /* its checksum follows from what stands before it */
	bool by_computed;
	bool salted; /* of the generation that the log's head names */
	bool seed_sure;
	struct sum seed;             /* what its checksum begins with */
	struct sum stored, computed; /* either may be what the next one begins with */
	struct wal_frame frame;
};

struct walk {
	const struct wal_source *source;
	void (*take)(void *ctx, const struct wal_frame *frame);
	void *ctx;
	struct wal_found *out;
	bool big_endian;
	uint8_t salts[8];
	bool head_only; /* nothing but the log's head was found damaged so far */
	struct look *before, *now;
};

static uint32_t be32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
	       at[3];
}

static uint32_t le32(const uint8_t *at)
{
	return (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 |
	       at[0];
}

/* ---- checksums ---- */

static struct sum sum_at(const uint8_t *at)
{
	return (struct sum){be32(at), be32(at + 4)};
}

static bool equal(struct sum x, struct sum y)
{
	return x.a == y.a && x.b == y.b;
}

static struct sum sum_of(
	const struct walk *walk, struct sum sum, const uint8_t *bytes, size_t len)
{
	for (const uint8_t *at = bytes; at < bytes + len; at += 8) {
		sum.a += (walk->big_endian ? be32(at) : le32(at)) + sum.b;
		sum.b += (walk->big_endian ? be32(at + 4) : le32(at + 4)) + sum.a;
	}
	return sum;
}

static struct sum frame_sum(
	const struct walk *walk, struct sum seed, const uint8_t *frame)
{
	seed = sum_of(walk, seed, frame, SUMMED_HEAD);
	return sum_of(walk, seed, frame + FRAME_HEAD, PAGE_SIZE);
}

/* ---- mending ----
 *
 * A word that changed by d changes the sums by d times a pair of Fibonacci numbers, which
 * depend on how many words follow it. So for every word there is one d that would explain
 * the difference; seldom is it a change of one byte. */

static uint32_t inverse(uint32_t odd)
{
	uint32_t x = odd;

	for (int i = 0; i < 4; i++)
		x *= 2 - odd * x;
	return x;
}

/* Which byte of the word (its number, from the lowest) changes with it, and no other; -1.
 */
static int one_byte(uint32_t word, uint32_t d)
{
	uint32_t changed = word ^ (word + d);

	for (int i = 0; i < 4; i++)
		if (changed != 0 && (changed & ~(UINT32_C(0xff) << (8 * i))) == 0)
			return i;
	return -1;
}

struct mending {
	int candidates;
	bool in_head;
	size_t at; /* in the frame */
	uint8_t with;
};

static void try_word(const struct walk *walk, const struct look *look, size_t at,
	struct sum effect, struct sum off, struct mending *out)
{
	uint32_t d = effect.a & 1 ? off.a * inverse(effect.a) : off.b * inverse(effect.b);
	uint32_t word =
		walk->big_endian ? be32(look->bytes + at) : le32(look->bytes + at);
	int byte = one_byte(word, d);

	if (byte < 0 || effect.a * d != off.a || effect.b * d != off.b)
		return;
	out->candidates++;
	out->in_head |= at < SUMMED_HEAD;
	out->at = at + (size_t)(walk->big_endian ? 3 - byte : byte);
	out->with = (uint8_t)((word + d) >> (8 * byte));
}

/* The stored checksum itself may have changed, if nothing proves that it has not. */
static bool checksum_may_be_wrong(const struct look *look, struct sum off)
{
	uint32_t d = off.a ? off.a : off.b;

	if (off.a && off.b)
		return false;
	return one_byte(off.a ? look->computed.a : look->computed.b, d) >= 0;
}

static struct mending find_mending(
	const struct walk *walk, const struct look *look, bool checksum_sure)
{
	const struct sum computed = frame_sum(walk, look->seed, look->bytes);
	const struct sum off = {look->stored.a - computed.a, look->stored.b - computed.b};
	struct sum even = {1, 1}; /* of the first word of a pair */
	struct sum odd = {0, 1};
	struct mending out = {0};

	if (!checksum_sure && checksum_may_be_wrong(look, off))
		return out;
	for (size_t pair = (SUMMED_HEAD + PAGE_SIZE) / 8; pair-- > 0;) {
		size_t at = pair == 0 ? 0 : FRAME_HEAD + (pair - 1) * 8;

		try_word(walk, look, at, even, off, &out);
		try_word(walk, look, at + 4, odd, off, &out);
		even = (struct sum){even.a + even.b, even.a + 2 * even.b};
		odd = (struct sum){odd.a + odd.b, odd.a + 2 * odd.b};
	}
	return out;
}

/* ---- one frame after the other ---- */

/* What follows it, or does not, is known now. */
static void judge(const struct walk *walk, struct look *look, const struct look *next)
{
	struct wal_frame *frame = &look->frame;
	struct mending mending = {0};
	bool whole = look->linked || (next && next->by_computed);

	if (!whole && look->seed_sure)
		mending = find_mending(walk, look, next && next->linked);
	frame->sound = whole ? WAL_WHOLE : WAL_DAMAGED;
	frame->head_sure = whole || (mending.candidates > 0 && !mending.in_head);
	if (mending.candidates == 1) {
		frame->sound = WAL_MENDED;
		frame->head_sure = true;
		frame->mended_at = look->at + (int64_t)mending.at;
		frame->mended_with = mending.with;
		look->bytes[mending.at] = mending.with;
	}
	frame->at = look->at + FRAME_HEAD;
	frame->page = be32(look->bytes);
	frame->commit = be32(look->bytes + 4);
}

/* The frame before is finished: told, and held against the one that follows it. */
static void finish(struct walk *walk, const struct look *next)
{
	struct look *look = walk->before;
	const struct wal_frame *frame = &look->frame;
	bool committed;

	if (!look->there || look->at == 0)
		return;
	judge(walk, look, next);
	if (walk->take && (look->salted || look->linked))
		walk->take(walk->ctx, frame);
	committed = frame->head_sure && frame->commit != 0;
	walk->head_only = walk->head_only && look->linked;
	if (walk->out->stops_at >= 0 && committed &&
		((next && next->linked && next->salted) || walk->head_only))
		walk->out->damaged = true;
}

static void link_to(const struct walk *walk, struct look *now, const struct look *before)
{
	now->computed = frame_sum(walk, before->stored, now->bytes);
	now->seed = before->stored;
	now->linked = equal(now->computed, now->stored);
	now->by_computed = false;
	if (!now->linked && !equal(before->stored, before->computed))
		now->by_computed =
			equal(frame_sum(walk, before->computed, now->bytes), now->stored);
	if (now->by_computed) {
		now->linked = true;
		now->computed = now->stored;
	}
}

static bool sqlite_reads_on(const struct look *now)
{
	return now->linked && !now->by_computed && now->salted && be32(now->bytes) != 0;
}

/* Past what is not of this generation only heads are read. */
static enum wal_read look_at(struct walk *walk, struct look *now, int64_t at)
{
	const struct wal_source *source = walk->source;
	enum wal_read got = source->read(source->ctx, now->bytes, FRAME_HEAD, at);

	now->at = at;
	now->there = false;
	if (got != WAL_READ)
		return got;
	now->salted = memcmp(now->bytes + 8, walk->salts, sizeof(walk->salts)) == 0;
	if (!now->salted && !walk->before->there)
		return WAL_READ;
	now->stored = sum_at(now->bytes + 16);
	got = source->read(
		source->ctx, now->bytes + FRAME_HEAD, PAGE_SIZE, at + FRAME_HEAD);
	now->there = got == WAL_READ;
	return got;
}

static void advance(struct walk *walk)
{
	struct look *now = walk->now;
	struct look *before = walk->before;

	now->linked = now->by_computed = now->seed_sure = false;
	if (now->there && before->there)
		link_to(walk, now, before);
	else if (now->there)
		now->computed = now->stored; /* nobody can tell */
	finish(walk, now->there ? now : NULL);
	now->there = now->there && (now->salted || now->linked);
	now->seed_sure = before->there && before->frame.sound != WAL_DAMAGED;
	if (walk->out->stops_at < 0 && !(now->there && sqlite_reads_on(now)))
		walk->out->stops_at = now->at;
	walk->before = now;
	walk->now = before;
}

/* ---- the whole log ---- */

/* The log's head, as the frame before the first; what it says. */
static bool read_head(struct walk *walk, const uint8_t head[HEAD])
{
	struct look *before = walk->before;
	uint32_t magic = be32(head);

	walk->big_endian = magic & 1;
	memcpy(walk->salts, head + 16, sizeof(walk->salts));
	before->there = true;
	before->stored = sum_at(head + 24);
	before->computed = sum_of(walk, (struct sum){0, 0}, head, 24);
	return (magic & ~1u) == MAGIC && equal(before->stored, before->computed);
}

/* Then the first frame says whose the log is, and this machine in which order it sums. */
static void doubt_head(
	struct walk *walk, const uint8_t head[HEAD], const uint8_t first[FRAME_HEAD])
{
	walk->big_endian = BIG_ENDIAN_HERE;
	walk->before->computed = sum_of(walk, (struct sum){0, 0}, head, 24);
	memcpy(walk->salts, first + 8, sizeof(walk->salts));
	walk->out->stops_at = 0;
	walk->head_only = true;
}

static enum wal_read walk_through(struct walk *walk)
{
	const struct wal_source *source = walk->source;
	uint8_t head[HEAD], first[FRAME_HEAD];
	enum wal_read got = source->read(source->ctx, head, HEAD, 0);
	bool sound;

	if (got == WAL_READ)
		got = source->read(source->ctx, first, FRAME_HEAD, HEAD);
	if (got != WAL_READ)
		return got;
	sound = read_head(walk, head);
	if (sound && be32(head + 8) != PAGE_SIZE) /* no outbox's: nothing to judge */
		return WAL_END;
	if (!sound)
		doubt_head(walk, head, first);
	walk->before->frame.sound = sound ? WAL_WHOLE : WAL_DAMAGED;
	for (int64_t at = HEAD; got == WAL_READ; at += FRAME) {
		got = look_at(walk, walk->now, at);
		if (got == WAL_READ)
			advance(walk);
	}
	finish(walk, NULL);
	return got;
}

enum err_code wal_walk(const struct wal_source *source,
	void (*take)(void *ctx, const struct wal_frame *frame), void *ctx,
	struct wal_found *out, struct err *err)
{
	struct look *looks = calloc(2, sizeof(*looks));
	struct wal_found found = {.stops_at = -1};
	struct walk walk = {.source = source, .take = take, .ctx = ctx, .out = &found};
	enum wal_read got;

	if (!looks)
		return err_set(err, ERR_NOMEM, "reading the WAL: out of memory");
	walk.before = &looks[0];
	walk.now = &looks[1];
	got = walk_through(&walk);
	free(looks);
	if (got == WAL_FAILED)
		return err_set(err, ERR_IO, "reading the WAL: disk I/O error");
	*out = found;
	return ERR_OK;
}

/* ---- through a VFS ---- */

static enum wal_read read_vfs(void *ctx, void *out, size_t len, int64_t at)
{
	sqlite3_file *file = ctx;

	switch (file->pMethods->xRead(file, out, (int)len, at)) {
	case SQLITE_OK:
		return WAL_READ;
	case SQLITE_IOERR_SHORT_READ:
		return WAL_END;
	}
	return WAL_FAILED;
}

static enum err_code check_file(sqlite3_file *file, const char *name, struct err *err)
{
	const struct wal_source source = {.read = read_vfs, .ctx = file};
	struct wal_found found;
	enum err_code code = wal_walk(&source, NULL, NULL, &found, err);

	if (code == ERR_OK && found.damaged)
		code = err_set(err, ERR_CORRUPT,
			"%s is damaged at byte %" PRId64
			", and committed leads stand behind that: SQLite would drop them",
			name, found.stops_at);
	return code;
}

enum err_code wal_check(
	const char *path, const char *shown, const char *vfs_name, struct err *err)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(vfs_name);
	sqlite3_file *file = vfs ? calloc(1, (size_t)vfs->szOsFile) : NULL;
	char name[4300];
	char shown_name[4300];
	enum err_code code = ERR_OK;
	int there = 0;
	int flags = 0;

	if (!file)
		return err_set(err, ERR_NOMEM, "reading the WAL: out of memory");
	sqlite3_snprintf(sizeof(name), name, "%s-wal", path);
	sqlite3_snprintf(sizeof(shown_name), shown_name, "%s-wal", shown ? shown : path);
	if (vfs->xAccess(vfs, name, SQLITE_ACCESS_EXISTS, &there) != SQLITE_OK)
		there = 1; /* opening it says why */
	if (there && vfs->xOpen(vfs, name, file, SQLITE_OPEN_WAL | SQLITE_OPEN_READONLY,
			     &flags) != SQLITE_OK)
		code = err_set(err, ERR_IO, "opening %s: disk I/O error", shown_name);
	else if (there)
		code = check_file(file, shown_name, err);
	if (file->pMethods)
		file->pMethods->xClose(file);
	free(file);
	return code;
}
