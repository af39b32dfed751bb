#include "carve.h"

#include "wal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_SIZE 4096 /* every outbox has it */
#define DEPTH_MAX 20
#define PAYLOAD_MAX (64 << 20)

enum page_type {
	INDEX_INTERIOR = 2,
	TABLE_INTERIOR = 5,
	INDEX_LEAF = 10,
	TABLE_LEAF = 13
};

enum { OWNER_NONE = -1, OWNER_OTHER = -2 }; /* else: the number of a table */

struct frames { /* of the WAL, in its order */
	struct wal_frame *all;
	size_t count, room;
	size_t committed; /* so many up to the last commit */
	bool failed;
};

struct carver {
	const struct carve_options *options;
	struct carved out;
	struct frames frames;
	int64_t pages;
	int *owner;        /* by page number */
	uint32_t *newest;  /* the frame that holds it, from 1; 0: the file does */
	uint32_t *damaged; /* a newer frame that is damaged, from 1; 0: none */
	uint8_t *payload;  /* of the row at hand */
	size_t payload_size;
};

static uint32_t be32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
	       at[3];
}

static unsigned be16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

/* Returns the bytes used, 0: it goes beyond end. */
static int varint(const uint8_t *at, const uint8_t *end, uint64_t *out)
{
	*out = 0;
	for (int i = 0; i < 9 && at + i < end; i++) {
		if (i == 8) {
			*out = *out << 8 | at[i];
			return 9;
		}
		*out = *out << 7 | (at[i] & 0x7f);
		if (!(at[i] & 0x80))
			return i + 1;
	}
	return 0;
}

/* ---- pages ---- */

/* The newest version that is whole, or a frame's. */
static bool read_version(
	const struct carver *carver, int64_t number, uint32_t frame, uint8_t *out)
{
	const struct wal_frame *from = frame ? &carver->frames.all[frame - 1] : NULL;
	int fd = from ? carver->options->wal_fd : carver->options->fd;
	int64_t at = from ? from->at : (number - 1) * PAGE_SIZE;

	if (pread(fd, out, PAGE_SIZE, at) != PAGE_SIZE)
		return false;
	if (from && from->sound == WAL_MENDED && from->mended_at >= at)
		out[from->mended_at - at] = from->mended_with;
	return true;
}

static bool is_page(const struct carver *carver, int64_t number)
{
	return number >= 1 && number <= carver->pages;
}

struct page {
	uint8_t bytes[PAGE_SIZE];
	int64_t number;
	size_t head; /* where the header starts: page 1 has the file's before it */
	int type, cells;
	size_t pointers;
};

static bool load_version(
	const struct carver *carver, int64_t number, uint32_t frame, struct page *page)
{
	if (!is_page(carver, number) || !read_version(carver, number, frame, page->bytes))
		return false;
	page->number = number;
	page->head = number == 1 ? 100 : 0;
	page->type = page->bytes[page->head];
	page->cells = (int)be16(page->bytes + page->head + 3);
	page->pointers =
		page->head +
		(page->type == INDEX_INTERIOR || page->type == TABLE_INTERIOR ? 12 : 8);
	if (page->type != INDEX_INTERIOR && page->type != TABLE_INTERIOR &&
		page->type != INDEX_LEAF && page->type != TABLE_LEAF)
		return false;
	return page->pointers + 2 * (size_t)page->cells <= PAGE_SIZE;
}

/* A damaged version is better than none. */
static bool load(const struct carver *carver, int64_t number, struct page *page)
{
	if (!is_page(carver, number))
		return false;
	if (load_version(carver, number, carver->newest[number], page))
		return true;
	return carver->damaged[number] != 0 &&
	       load_version(carver, number, carver->damaged[number], page);
}

/* Of a payload that does not fit its page: bytes without a head. */
static bool read_overflow(const struct carver *carver, int64_t number, uint8_t *out)
{
	if (!is_page(carver, number))
		return false;
	if (read_version(carver, number, carver->newest[number], out))
		return true;
	return carver->damaged[number] != 0 &&
	       read_version(carver, number, carver->damaged[number], out);
}

static const uint8_t *cell_at(const struct page *page, int i)
{
	size_t at = be16(page->bytes + page->pointers + 2 * (size_t)i);

	return at >= page->pointers && at + 4 <= PAGE_SIZE ? page->bytes + at : NULL;
}

/* ---- the WAL ---- */

static enum wal_read read_fd(void *ctx, void *out, size_t len, int64_t at)
{
	const int *fd = ctx;
	ssize_t got = pread(*fd, out, len, at);

	if (got == (ssize_t)len)
		return WAL_READ;
	return WAL_END; /* where the disk does not read on, the log has to end */
}

static void add_frame(void *ctx, const struct wal_frame *frame)
{
	struct frames *frames = ctx;
	struct wal_frame *more;

	if (frames->count == frames->room && !frames->failed) {
		frames->room = frames->room ? 2 * frames->room : 1024;
		more = realloc(frames->all, frames->room * sizeof(*more));
		frames->failed = !more;
		frames->all = more ? more : frames->all;
	}
	if (frames->failed)
		return;
	frames->all[frames->count++] = *frame;
	if (frame->commit != 0)
		frames->committed = frames->count;
}

/* What committed transactions left, damaged frames among them; what a torn one left at
 * the end, where its commit is there. */
static enum err_code read_wal(struct carver *carver, struct err *err)
{
	struct frames *frames = &carver->frames;
	int fd = carver->options->wal_fd;
	const struct wal_source source = {.read = read_fd, .ctx = &fd};
	struct wal_found found;
	enum err_code code = ERR_OK;

	if (fd >= 0)
		code = wal_walk(&source, add_frame, frames, &found, err);
	if (code == ERR_OK && frames->failed)
		code = err_set(err, ERR_NOMEM, "reading the WAL: out of memory");
	frames->count = frames->committed;
	return code;
}

/* The file may end before pages that are only in the WAL. A number that may be wrong is
 * not believed far beyond. */
static void count_pages(struct carver *carver)
{
	const struct frames *frames = &carver->frames;
	int64_t most;

	for (size_t i = 0; i < frames->count; i++)
		if (frames->all[i].head_sure && frames->all[i].page < 1u << 30 &&
			frames->all[i].page > carver->pages)
			carver->pages = frames->all[i].page;
	most = carver->pages + (int64_t)frames->count;
	for (size_t i = 0; i < frames->count; i++)
		if (!frames->all[i].head_sure && frames->all[i].page <= most &&
			frames->all[i].page > carver->pages)
			carver->pages = frames->all[i].page;
}

static void note_frames(struct carver *carver)
{
	for (size_t i = 0; i < carver->frames.count; i++) {
		const struct wal_frame *frame = &carver->frames.all[i];

		carver->out.mended += frame->sound == WAL_MENDED;
		if (!is_page(carver, frame->page))
			continue;
		if (frame->sound == WAL_DAMAGED) {
			carver->damaged[frame->page] = (uint32_t)i + 1;
		} else {
			carver->newest[frame->page] = (uint32_t)i + 1;
			carver->damaged[frame->page] = 0;
		}
	}
	for (int64_t number = 1; number <= carver->pages; number++)
		carver->out.uncertain += carver->damaged[number] != 0;
}

/* ---- rows ---- */

static bool grow(struct carver *carver, size_t size)
{
	uint8_t *more;

	if (size <= carver->payload_size)
		return true;
	more = realloc(carver->payload, size);
	if (!more)
		return false;
	carver->payload = more;
	carver->payload_size = size;
	return true;
}

/* How much of a payload stands in the page itself. */
static size_t local_size(size_t payload, bool table)
{
	size_t most = table ? PAGE_SIZE - 35 : (PAGE_SIZE - 12) * 64 / 255 - 23;
	size_t least = (PAGE_SIZE - 12) * 32 / 255 - 23;
	size_t local;

	if (payload <= most)
		return payload;
	local = least + (payload - least) % (PAGE_SIZE - 4);
	return local <= most ? local : least;
}

static bool gather(struct carver *carver, const struct page *page, const uint8_t *at,
	size_t size, bool table)
{
	size_t done = local_size(size, table);
	const uint8_t *end = page->bytes + PAGE_SIZE;
	uint8_t more[PAGE_SIZE];
	uint32_t next;

	if (size > PAYLOAD_MAX || done > (size_t)(end - at) || !grow(carver, size + 1))
		return false;
	memcpy(carver->payload, at, done);
	if (done == size)
		return true;
	if ((size_t)(end - at) < done + 4)
		return false;
	next = be32(at + done);
	while (done < size) {
		size_t part = size - done < PAGE_SIZE - 4 ? size - done : PAGE_SIZE - 4;

		if (!read_overflow(carver, next, more))
			return false;
		memcpy(carver->payload + done, more + 4, part);
		done += part;
		next = be32(more);
	}
	return true;
}

static size_t size_of(uint64_t serial)
{
	static const size_t sizes[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0};

	return serial < 10 ? sizes[serial] : (size_t)(serial - 12) / 2;
}

static bool value_of(uint64_t serial, const uint8_t *at, struct carve_value *out)
{
	uint64_t number = 0;
	size_t size = size_of(serial);

	*out = (struct carve_value){.bytes = at, .len = size};
	if (serial == 10 || serial == 11)
		return false;
	if (serial >= 12) {
		out->type = serial & 1 ? CARVE_TEXT : CARVE_BLOB;
		return true;
	}
	out->type = serial == 0 ? CARVE_NULL : serial == 7 ? CARVE_REAL : CARVE_INT;
	if (size > 0 && (at[0] & 0x80) && serial != 7)
		number = UINT64_MAX;
	for (size_t i = 0; i < size; i++)
		number = number << 8 | at[i];
	if (serial == 9)
		number = 1;
	out->number = (int64_t)number;
	return true;
}

static bool parse(const uint8_t *record, size_t size, struct carve_row *row)
{
	const uint8_t *end = record + size;
	const uint8_t *at = record;
	const uint8_t *body;
	uint64_t head = 0;
	int used = varint(at, end, &head);

	row->count = 0;
	if (used == 0 || head > size || head < (uint64_t)used)
		return false;
	body = record + head;
	for (at += used; at < record + head;) {
		uint64_t serial;

		used = varint(at, record + head, &serial);
		if (used == 0 || row->count == CARVE_COLUMNS ||
			size_of(serial) > (size_t)(end - body) ||
			!value_of(serial, body, &row->values[row->count]))
			return false;
		row->count++;
		body += size_of(serial);
		at += used;
	}
	return body == end && row->count > 0;
}

static bool read_row(
	struct carver *carver, const struct page *page, int i, struct carve_row *row)
{
	const uint8_t *end = page->bytes + PAGE_SIZE;
	const uint8_t *at = cell_at(page, i);
	bool table = page->type == TABLE_LEAF;
	uint64_t size;
	uint64_t rowid = 0;
	int used;

	if (!at)
		return false;
	if (page->type == INDEX_INTERIOR)
		at += 4;
	used = varint(at, end, &size);
	if (used == 0)
		return false;
	at += used;
	if (table && (used = varint(at, end, &rowid)) == 0)
		return false;
	at += table ? used : 0;
	row->has_rowid = table;
	row->rowid = (int64_t)rowid;
	return gather(carver, page, at, (size_t)size, table) &&
	       parse(carver->payload, (size_t)size, row);
}

/* ---- what belongs to what ---- */

static void walk(struct carver *carver, int64_t number, int owner, int depth)
{
	struct page *page;

	if (number < 1 || number > carver->pages || depth > DEPTH_MAX ||
		carver->owner[number] != OWNER_NONE)
		return;
	page = malloc(sizeof(*page));
	if (page && load(carver, number, page)) {
		carver->owner[number] = owner;
		if (page->type == INDEX_INTERIOR || page->type == TABLE_INTERIOR) {
			for (int i = 0; i < page->cells; i++) {
				const uint8_t *cell = cell_at(page, i);

				if (cell)
					walk(carver, be32(cell), owner, depth + 1);
			}
			walk(carver, be32(page->bytes + page->head + 8), owner,
				depth + 1);
		}
	}
	free(page);
}

static bool text_is(const struct carve_value *value, const char *text)
{
	return value->type == CARVE_TEXT && value->len == strlen(text) &&
	       memcmp(value->bytes, text, value->len) == 0;
}

/* A row of sqlite_schema: type, name, tbl_name, rootpage, sql. */
static void take_schema_row(struct carver *carver, const struct carve_row *row)
{
	int owner = OWNER_OTHER;

	if (row->count != 5 || row->values[3].type != CARVE_INT)
		return;
	for (int i = 0;
		text_is(&row->values[0], "table") && i < carver->options->table_count;
		i++)
		if (text_is(&row->values[1], carver->options->tables[i].name))
			owner = i;
	walk(carver, row->values[3].number, owner, 0);
}

static void read_schema(struct carver *carver)
{
	struct page *page = malloc(sizeof(*page));
	struct carve_row row;
	enum { SCHEMA = OWNER_OTHER - 1 };

	walk(carver, 1, SCHEMA, 0);
	for (int64_t number = 1; page && number <= carver->pages; number++)
		if (carver->owner[number] == SCHEMA && load(carver, number, page) &&
			page->type == TABLE_LEAF)
			for (int i = 0; i < page->cells; i++)
				if (read_row(carver, page, i, &row))
					take_schema_row(carver, &row);
	free(page);
}

/* ---- all pages ---- */

static void take_page(struct carver *carver, const struct page *page)
{
	const struct carve_options *options = carver->options;
	int owner = carver->owner[page->number];
	bool orphan = owner == OWNER_NONE;
	bool any = false;
	struct carve_row row;

	if (page->type == TABLE_INTERIOR || owner <= OWNER_OTHER)
		return;
	for (int i = 0; i < page->cells; i++) {
		bool read = read_row(carver, page, i, &row);
		int table = orphan && read ? options->guess(options->ctx, &row) : owner;
		bool taken =
			read && table >= 0 && options->take(options->ctx, table, &row);

		if (read && !taken && !orphan) { /* a damaged tree led here */
			table = options->guess(options->ctx, &row);
			taken = table >= 0 && options->take(options->ctx, table, &row);
		}
		any = any || taken;
		carver->out.lost += !taken && !orphan;
	}
	carver->out.orphans += orphan && any;
}

static enum err_code prepare(struct carver *carver, struct err *err)
{
	struct stat st;
	enum err_code code;
	size_t count;

	if (fstat(carver->options->fd, &st) != 0)
		return err_errno(err, errno, "reading the damaged file");
	carver->pages = st.st_size / PAGE_SIZE;
	code = read_wal(carver, err);
	if (code != ERR_OK)
		return code;
	count_pages(carver);
	count = (size_t)carver->pages + 1;
	carver->owner = malloc(sizeof(*carver->owner) * count);
	carver->newest = calloc(count, sizeof(*carver->newest));
	carver->damaged = calloc(count, sizeof(*carver->damaged));
	if (!carver->owner || !carver->newest || !carver->damaged)
		return err_set(err, ERR_NOMEM, "reading the file: out of memory");
	for (size_t i = 0; i < count; i++)
		carver->owner[i] = OWNER_NONE;
	note_frames(carver);
	carver->out.pages = carver->pages;
	return ERR_OK;
}

/* Rows that are there already stay, so the surest come first: of pages that nothing
 * newer replaced, of pages that a damaged frame would replace, of those frames. */
enum pass { PASS_SURE, PASS_OLDER, PASS_DAMAGED, PASSES };

static void take_number(
	struct carver *carver, enum pass pass, int64_t number, struct page *page)
{
	uint32_t damaged = carver->damaged[number];
	bool loaded;

	if ((damaged != 0) != (pass != PASS_SURE))
		return;
	loaded = pass == PASS_SURE
			 ? load(carver, number, page)
			 : load_version(carver, number,
				   pass == PASS_OLDER ? carver->newest[number] : damaged,
				   page);
	if (loaded)
		take_page(carver, page);
	else if (pass != PASS_OLDER && carver->owner[number] >= 0)
		carver->out.lost++;
}

static enum err_code take_all(struct carver *carver, enum pass pass, struct err *err)
{
	const struct carve_options *options = carver->options;
	struct page *page = malloc(sizeof(*page));
	enum err_code code =
		page ? ERR_OK : err_set(err, ERR_NOMEM, "reading: out of memory");

	for (int64_t number = 1; code == ERR_OK && number <= carver->pages; number++) {
		if (pass == PASS_SURE &&
			!options->go_on(options->ctx, number, carver->pages))
			code = err_set(err, ERR_TIMEOUT, "reading: stopped");
		else
			take_number(carver, pass, number, page);
	}
	free(page);
	return code;
}

enum err_code carve(
	const struct carve_options *options, struct carved *out, struct err *err)
{
	struct carver carver = {.options = options};
	enum err_code code = prepare(&carver, err);

	if (code == ERR_OK)
		read_schema(&carver);
	for (enum pass pass = PASS_SURE; pass < PASSES && code == ERR_OK; pass++)
		code = take_all(&carver, pass, err);
	if (code == ERR_OK)
		*out = carver.out;
	free(carver.frames.all);
	free(carver.owner);
	free(carver.newest);
	free(carver.damaged);
	free(carver.payload);
	return code;
}
