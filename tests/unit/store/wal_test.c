/*
 * The WAL of a killed store, with bytes that flip and with tails as power cuts leave
 * them: the first is told, the second never, and what stands behind is not lost.
 */
#include "fixture.h"
#include "leadrelay/keep.h"
#include "wal.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEAD 32
#define FRAME (24 + 4096)
#define LEADS 12
#define FRAMES_MAX 4000

struct bytes {
	uint8_t *data;
	size_t len;
};

struct log {
	struct bytes wal;
	struct wal_frame frames[FRAMES_MAX]; /* of the whole one */
	int count;
	struct wal_found found;
};

/* ---- reading ---- */

static enum wal_read read_bytes(void *ctx, void *out, size_t len, int64_t at)
{
	const struct bytes *bytes = ctx;

	if ((size_t)at + len > bytes->len)
		return WAL_END;
	memcpy(out, bytes->data + at, len);
	return WAL_READ;
}

static void add(void *ctx, const struct wal_frame *frame)
{
	struct log *log = ctx;

	assert_true(log->count < FRAMES_MAX);
	log->frames[log->count++] = *frame;
}

static void walk(struct log *out, struct bytes *bytes)
{
	const struct wal_source source = {.read = read_bytes, .ctx = bytes};
	struct err err = {0};

	out->count = 0;
	assert_int_equal(wal_walk(&source, add, out, &out->found, &err), ERR_OK);
}

static struct bytes read_file(const char *path)
{
	struct bytes out = {0};
	struct stat st;
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	out.len = (size_t)st.st_size;
	out.data = malloc(out.len + 1);
	assert_non_null(out.data);
	assert_int_equal(read(fd, out.data, out.len), st.st_size);
	close(fd);
	return out;
}

static void write_file(const char *path, const struct bytes *bytes)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes->data, bytes->len), (ssize_t)bytes->len);
	close(fd);
}

static struct bytes wal_of(const struct fixture *f)
{
	char path[128];

	snprintf(path, sizeof(path), "%s-wal", f->path);
	return read_file(path);
}

static struct bytes copy_of(const struct bytes *bytes)
{
	struct bytes out = {.data = malloc(bytes->len), .len = bytes->len};

	assert_non_null(out.data);
	memcpy(out.data, bytes->data, bytes->len);
	return out;
}

/* As a kill leaves it, with so many leads, each a transaction. */
static void make_log(struct fixture *f, struct log *out, int leads)
{
	for (int i = 0; i < leads; i++) {
		char body[32];

		snprintf(body, sizeof(body), "%d", i);
		add_lead(f, body);
	}
	out->wal = wal_of(f);
	walk(out, &out->wal);
	assert_int_equal(out->wal.len, HEAD + (size_t)out->count * FRAME);
	assert_int_equal(out->found.stops_at, -1);
	assert_false(out->found.damaged);
}

/* The frame (from 0) that commits what the frame is part of. */
static int commit_of(const struct log *log, int frame)
{
	while (log->frames[frame].commit == 0)
		frame++;
	return frame;
}

/* The first frame of the last transaction. */
static int last_begin(const struct log *log)
{
	int frame = log->count - 1;

	while (frame > 0 && log->frames[frame - 1].commit == 0)
		frame--;
	return frame;
}

static unsigned chance;

static unsigned below(unsigned n)
{
	chance = chance * 1664525u + 1013904223u;
	return (chance >> 8) % n;
}

/* ---- flips ---- */

static const size_t places[] = {0, 3, 4, 7, 8, 11, 12, 15, 16, 19, 20, 23, /* the head */
	24, 25, 26, 27, 28, 31, 124, 125, 1000, 1001, 1002, 1003, 2050, 3000, 4000, 4001,
	4095, 4112, 4115, 4116, 4117, 4118, 4119};
#define PLACES (sizeof(places) / sizeof(places[0]))

static void the_end_of_a_whole_log_is_its_end(void **state)
{
	struct log log = {0};

	make_log(*state, &log, LEADS);
	assert_true(log.count > LEADS);
	for (int i = 0; i < log.count; i++)
		assert_int_equal(log.frames[i].sound, WAL_WHOLE);
	assert_int_not_equal(log.frames[log.count - 1].commit, 0);
	free(log.wal.data);
}

/* A mended frame is what it was; a whole one never was anything else. */
static void expect_content(
	const struct log *log, const struct bytes *flipped, const struct log *seen)
{
	uint8_t page[4096];

	for (int i = 0; i < seen->count; i++) {
		const struct wal_frame *frame = &seen->frames[i];

		if (frame->sound == WAL_DAMAGED)
			continue;
		memcpy(page, flipped->data + frame->at, sizeof(page));
		if (frame->sound == WAL_MENDED && frame->mended_at >= frame->at)
			page[frame->mended_at - frame->at] = frame->mended_with;
		assert_memory_equal(page, log->wal.data + frame->at, sizeof(page));
		assert_int_equal(frame->page, log->frames[i].page);
		assert_int_equal(frame->commit, log->frames[i].commit);
	}
}

static void one_flip(const struct log *log, int frame, size_t place, unsigned mask,
	struct log *seen, int *mended)
{
	struct bytes flipped = copy_of(&log->wal);
	int commit = commit_of(log, frame);
	bool behind = commit + 1 < log->count;
	/* the commit itself, and one transaction behind it: sometimes told */
	bool maybe =
		behind && frame == commit && commit_of(log, commit + 1) + 1 == log->count;
	int bad = 0;

	flipped.data[HEAD + (size_t)frame * FRAME + place] ^= (uint8_t)mask;
	walk(seen, &flipped);
	if (seen->found.damaged != behind && !maybe)
		fail_msg("frame %d of %d, byte %zu: %s", frame, log->count, place,
			behind ? "not told" : "a torn tail is told as damage");
	assert_true(seen->found.stops_at >= 0);
	assert_true(seen->found.stops_at <= HEAD + (int64_t)frame * FRAME);
	if (behind) {
		assert_int_equal(seen->count, log->count);
		expect_content(log, &flipped, seen);
	}
	for (int i = 0; i < seen->count; i++) {
		bad += seen->frames[i].sound == WAL_DAMAGED;
		*mended += seen->frames[i].sound == WAL_MENDED;
	}
	assert_true(bad <= 1);
	free(flipped.data);
}

static void a_flip_anywhere_is_told_while_something_was_committed_behind_it(void **state)
{
	struct log *log = calloc(1, sizeof(*log));
	struct log *seen = calloc(1, sizeof(*seen));
	int mended = 0;
	int flips = 0;

	make_log(*state, log, LEADS);
	for (int frame = 0; frame < log->count; frame++)
		for (size_t i = below(6); i < PLACES; i += 1 + below(9), flips++)
			one_flip(log, frame, places[i], 1u << below(8), seen, &mended);
	/* of the rest some had whole content: their salts or checksum flipped */
	assert_true(mended * 100 > flips * 30);
	free(log->wal.data);
	free(log);
	free(seen);
}

static void a_flip_in_the_head_of_the_log_is_told(void **state)
{
	struct log *log = calloc(1, sizeof(*log));
	struct log *seen = calloc(1, sizeof(*seen));

	make_log(*state, log, 1);
	for (size_t at = 0; at < HEAD; at++) {
		struct bytes flipped = copy_of(&log->wal);

		flipped.data[at] ^= (uint8_t)(1u << below(8));
		walk(seen, &flipped);
		if (!seen->found.damaged)
			fail_msg("byte %zu is not told", at);
		assert_int_equal(seen->found.stops_at, 0);
		assert_int_equal(seen->count, log->count);
		free(flipped.data);
	}
	free(log->wal.data);
	free(log);
	free(seen);
}

/* A sector of zeros or of anything, which may take the heads of two frames with it. */
static void a_sector_that_is_gone_is_told(void **state)
{
	struct log *log = calloc(1, sizeof(*log));
	struct log *seen = calloc(1, sizeof(*seen));

	make_log(*state, log, LEADS);
	for (int round = 0; round < 200; round++) {
		size_t grain = round & 1 ? 512 : 4096;
		/* two whole transactions behind it */
		size_t end = (size_t)last_begin(log) * FRAME + HEAD - 8 * FRAME;
		size_t at = (1 + below((unsigned)(end / grain - 1))) * grain;
		struct bytes wiped = copy_of(&log->wal);

		for (size_t i = 0; i < grain; i++)
			wiped.data[at + i] = round & 2 ? 0 : (uint8_t)below(256);
		walk(seen, &wiped);
		if (!seen->found.damaged && memcmp(wiped.data, log->wal.data, wiped.len))
			fail_msg("%zu bytes at %zu are not told", grain, at);
		free(wiped.data);
	}
	free(log->wal.data);
	free(log);
	free(seen);
}

/* ---- power cuts ---- */

/* Each piece of the last transaction arrived or not; what did not is what was there. */
static void tear(const struct log *log, const struct bytes *before, struct bytes *out)
{
	size_t begin = HEAD + (size_t)last_begin(log) * FRAME;
	size_t grain = below(2) ? 512 : 4096;
	unsigned percent = below(101);

	for (size_t at = begin; at < log->wal.len;) {
		size_t next = (at / grain + 1) * grain;

		if (next > log->wal.len)
			next = log->wal.len;
		if (below(100) < percent && next <= before->len)
			memcpy(out->data + at, before->data + at, next - at);
		else if (below(100) < percent)
			memset(out->data + at, 0, next - at);
		at = next;
	}
}

/* Over what an older generation left in the same file. */
static void a_torn_end_is_never_told(void **state)
{
	struct fixture *f = *state;
	struct log *older = calloc(1, sizeof(*older));
	struct log *log = calloc(1, sizeof(*log));
	struct log *seen = calloc(1, sizeof(*seen));

	make_log(f, older, 3 * LEADS);
	fixture_close(f);
	fixture_open(f);
	make_log(f, log, LEADS);
	assert_true(log->wal.len < older->wal.len);
	for (int round = 0; round < 800; round++) {
		struct bytes torn = copy_of(&older->wal);

		memcpy(torn.data, log->wal.data, log->wal.len);
		tear(log, &older->wal, &torn);
		walk(seen, &torn);
		if (seen->found.damaged)
			fail_msg("round %d: told as damaged at %lld", round,
				(long long)seen->found.stops_at);
		free(torn.data);
	}
	free(older->wal.data);
	free(log->wal.data);
	free(older);
	free(log);
	free(seen);
}

/* Its commit is there, of this generation, and what stands before it is not. */
static void a_transaction_with_a_hole_is_no_damage(void **state)
{
	struct log *log = calloc(1, sizeof(*log));
	struct log *seen = calloc(1, sizeof(*seen));
	int begin;

	make_log(*state, log, LEADS);
	begin = last_begin(log);
	assert_true(log->count - begin > 2);
	for (int hole = begin; hole < log->count; hole++) {
		struct bytes torn = copy_of(&log->wal);

		memset(torn.data + HEAD + (size_t)hole * FRAME, 0, FRAME);
		walk(seen, &torn);
		assert_false(seen->found.damaged);
		free(torn.data);
	}
	free(log->wal.data);
	free(log);
	free(seen);
}

/* ---- the store ---- */

static int64_t leads_in(const char *path)
{
	sqlite3 *sqlite;
	sqlite3_stmt *stmt;
	int64_t out;

	assert_int_equal(sqlite3_open_v2(path, &sqlite, SQLITE_OPEN_READONLY, NULL), 0);
	assert_int_equal(
		sqlite3_prepare_v2(sqlite, "SELECT count(*) FROM lead", -1, &stmt, NULL),
		0);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	out = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(sqlite);
	return out;
}

static struct salvaged salvage(const char *dir, const char *out)
{
	struct salvaged done = {0};
	struct err err = {0};
	char path[128];
	int fd, wal_fd, out_fd;

	snprintf(path, sizeof(path), "%s/outbox.db", dir);
	fd = open(path, O_RDONLY);
	snprintf(path, sizeof(path), "%s/outbox.db-wal", dir);
	wal_fd = open(path, O_RDONLY);
	out_fd = open(out, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (store_salvage(dir, &clock_system, fd, wal_fd, out_fd, NULL, &done, &err) !=
		ERR_OK)
		fail_msg("%s", err.text);
	close(fd);
	close(wal_fd);
	close(out_fd);
	return done;
}

static void remove_dir(const char *dir)
{
	static const char *const names[] = {
		"outbox.db", "outbox.db-wal", "outbox.db-shm", "rescued.db"};
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
}

/* A copy of what a kill leaves, with a byte flipped: refused as it is, and salvage has
 * every lead. */
static void refused_and_salvaged(
	struct fixture *f, const struct bytes *file, const struct log *log, size_t at)
{
	struct fixture other = *f;
	struct bytes wal = copy_of(&log->wal);
	struct bytes after;
	struct salvaged done;
	struct err err = {0};
	char path[128];

	strcpy(other.dir, "/tmp/store_wal_XXXXXX");
	assert_non_null(mkdtemp(other.dir));
	snprintf(other.path, sizeof(other.path), "%s/outbox.db", other.dir);
	wal.data[at] ^= 0x10;
	write_file(other.path, file);
	snprintf(path, sizeof(path), "%s-wal", other.path);
	write_file(path, &wal);
	other.options.state_dir = other.dir;
	other.store = NULL;
	assert_int_equal(fixture_try_open(&other, &err), ERR_CORRUPT);
	assert_non_null(strstr(err.text, "outbox.db-wal is damaged at byte"));
	assert_non_null(strstr(err.text, "leadctl salvage /"));
	after = wal_of(&other);
	assert_int_equal(after.len, wal.len);
	assert_memory_equal(after.data, wal.data, wal.len);
	free(after.data);
	snprintf(path, sizeof(path), "%s/rescued.db", other.dir);
	done = salvage(other.dir, path);
	assert_int_equal(done.leads, LEADS);
	assert_int_equal(done.leads_lost, 0);
	assert_int_equal(leads_in(path), LEADS);
	assert_string_equal(done.difference, "");
	free(wal.data);
	remove_dir(other.dir);
}

static void a_damaged_log_is_refused_and_salvage_has_all_of_it(void **state)
{
	struct fixture *f = *state;
	struct log *log = calloc(1, sizeof(*log));
	struct bytes file;

	make_log(f, log, LEADS);
	file = read_file(f->path);
	for (int round = 0; round < 6; round++) {
		size_t frame = below((unsigned)commit_of(log, 0) + 20);

		refused_and_salvaged(f, &file, log, HEAD + frame * FRAME + below(FRAME));
	}
	refused_and_salvaged(f, &file, log, 2);
	free(file.data);
	free(log->wal.data);
	free(log);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_end_of_a_whole_log_is_its_end),
		TEST(a_flip_anywhere_is_told_while_something_was_committed_behind_it),
		TEST(a_flip_in_the_head_of_the_log_is_told),
		TEST(a_sector_that_is_gone_is_told),
		TEST(a_torn_end_is_never_told),
		TEST(a_transaction_with_a_hole_is_no_damage),
		TEST(a_damaged_log_is_refused_and_salvage_has_all_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
