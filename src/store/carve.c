#include "carve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_SIZE 4096 /* every outbox has it */
#define DEPTH_MAX 20
#define PAYLOAD_MAX (64 << 20)
#define FRAME_HEAD 24
#define WAL_HEAD 32

enum page_type {
	INDEX_INTERIOR = 2,
	TABLE_INTERIOR = 5,
	INDEX_LEAF = 10,
	TABLE_LEAF = 13
};

enum { OWNER_NONE = -1, OWNER_OTHER = -2 }; /* else: the number of a table */

struct carver {
	const struct carve_options *options;
	struct carved out;
	int64_t pages;
	int *owner;       /* by page number */
	int64_t *in_wal;  /* offset of the newest version; 0: in the file */
	uint8_t *payload; /* of the row at hand */
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

static bool read_page(const struct carver *carver, int64_t number, uint8_t *out)
{
	bool wal;
	int64_t at;

	if (number < 1 || number > carver->pages)
		return false;
	wal = carver->in_wal[number] != 0;
	at = wal ? carver->in_wal[number] : (number - 1) * PAGE_SIZE;
	return pread(wal ? carver->options->wal_fd : carver->options->fd, out, PAGE_SIZE,
		       at) == PAGE_SIZE;
}

struct page {
	uint8_t bytes[PAGE_SIZE];
	int64_t number;
	size_t head; /* where the header starts: page 1 has the file's before it */
	int type, cells;
	size_t pointers;
};

static bool load(const struct carver *carver, int64_t number, struct page *page)
{
	if (!read_page(carver, number, page->bytes))
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

static const uint8_t *cell_at(const struct page *page, int i)
{
	size_t at = be16(page->bytes + page->pointers + 2 * (size_t)i);

	return at >= page->pointers && at + 4 <= PAGE_SIZE ? page->bytes + at : NULL;
}

/* ---- the WAL ---- */

static void note_frames(
	struct carver *carver, const int64_t *at, const uint32_t *page, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (page[i] <= carver->pages)
			carver->in_wal[page[i]] = at[i];
}

struct frames {
	int64_t *at;
	uint32_t *page;
	size_t count, room;
	uint32_t last_page;
};

static bool add_frame(struct frames *frames, int64_t at, uint32_t page)
{
	if (frames->count == frames->room) {
		size_t room = frames->room ? 2 * frames->room : 1024;
		int64_t *more_at = realloc(frames->at, room * sizeof(*more_at));
		uint32_t *more_page;

		if (more_at)
			frames->at = more_at;
		more_page = realloc(frames->page, room * sizeof(*more_page));
		if (more_page)
			frames->page = more_page;
		if (!more_at || !more_page)
			return false;
		frames->room = room;
	}
	frames->at[frames->count] = at + FRAME_HEAD;
	frames->page[frames->count++] = page;
	if (page > frames->last_page)
		frames->last_page = page;
	return true;
}

/* Frames of this WAL's own time, up to the last commit; a page that was damaged in one of
 * them is still newer than the one before. */
static bool read_wal(int fd, struct frames *frames)
{
	uint8_t head[WAL_HEAD], frame[FRAME_HEAD], salts[8];
	size_t committed = 0;
	int64_t at = WAL_HEAD;

	if (fd < 0 || pread(fd, head, sizeof(head), 0) != sizeof(head))
		return true;
	memcpy(salts, head + 16, sizeof(salts));
	if (pread(fd, frame, sizeof(frame), at) == sizeof(frame) &&
		(be32(head) & ~1u) != 0x377f0682u) /* the damage is there */
		memcpy(salts, frame + 8, sizeof(salts));
	while (pread(fd, frame, sizeof(frame), at) == sizeof(frame) &&
		memcmp(frame + 8, salts, sizeof(salts)) == 0) {
		if (!add_frame(frames, at, be32(frame)))
			return false;
		if (be32(frame + 4) != 0)
			committed = frames->count;
		at += FRAME_HEAD + PAGE_SIZE;
	}
	frames->count = committed;
	return true;
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

		if (!read_page(carver, next, more))
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
	struct frames frames = {0};
	struct stat st;
	enum err_code code = ERR_OK;

	if (fstat(carver->options->fd, &st) != 0)
		return err_errno(err, errno, "reading the damaged file");
	carver->pages = st.st_size / PAGE_SIZE;
	if (!read_wal(carver->options->wal_fd, &frames))
		code = err_set(err, ERR_NOMEM, "reading the WAL: out of memory");
	if (frames.last_page > carver->pages && frames.last_page < 1u << 30)
		carver->pages = frames.last_page;
	carver->owner = malloc(sizeof(int) * (size_t)(carver->pages + 1));
	carver->in_wal = calloc((size_t)carver->pages + 1, sizeof(int64_t));
	if (!carver->owner || !carver->in_wal)
		code = err_set(err, ERR_NOMEM, "reading the file: out of memory");
	for (int64_t i = 0; code == ERR_OK && i <= carver->pages; i++)
		carver->owner[i] = OWNER_NONE;
	if (code == ERR_OK)
		note_frames(carver, frames.at, frames.page, frames.count);
	free(frames.at);
	free(frames.page);
	carver->out.pages = carver->pages;
	return code;
}

enum err_code carve(
	const struct carve_options *options, struct carved *out, struct err *err)
{
	struct carver carver = {.options = options};
	struct page *page = malloc(sizeof(*page));
	enum err_code code =
		page ? prepare(&carver, err) : err_set(err, ERR_NOMEM, "out of memory");

	if (code == ERR_OK)
		read_schema(&carver);
	for (int64_t number = 1; code == ERR_OK && number <= carver.pages; number++) {
		if (!options->go_on(options->ctx, number, carver.pages))
			code = err_set(err, ERR_TIMEOUT, "reading: stopped");
		else if (load(&carver, number, page))
			take_page(&carver, page);
		else if (carver.owner[number] >= 0)
			carver.out.lost++;
	}
	if (code == ERR_OK)
		*out = carver.out;
	free(page);
	free(carver.owner);
	free(carver.in_wal);
	free(carver.payload);
	return code;
}
