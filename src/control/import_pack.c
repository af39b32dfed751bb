/*
 * Rows of an import, packed: flags, id, time, and each text with its length in front and
 * a NUL behind, so that a row is unpacked where it stands.
 */
#include "leadrelay/import.h"

#include "leadrelay/json.h"
#include "leadrelay/text.h"

#include <stdlib.h>
#include <string.h>

enum flag {
	FLAG_REJECTED = 1,
	FLAG_ID = 2,
	FLAG_TIME = 4,
	FLAG_TEST = 8,
	FLAG_EXTRA = 16,
	FLAGS = 31,
};

/* ---- packing ---- */

static void pack_text(struct buf *out, const char *text, size_t len)
{
	uint32_t size = (uint32_t)len;

	buf_add(out, &size, sizeof(size));
	buf_add(out, text, len);
	buf_addc(out, '\0');
}

static void pack_fields(struct buf *out, const struct lead *lead)
{
	uint32_t present = 0;

	for (int i = 0; i < FIELD_COUNT; i++)
		present |= lead->fields[i] ? 1u << i : 0;
	buf_add(out, &present, sizeof(present));
	for (int i = 0; i < FIELD_COUNT; i++)
		if (lead->fields[i])
			pack_text(out, lead->fields[i], strlen(lead->fields[i]));
}

void import_pack(struct buf *out, const struct import_row *row)
{
	const struct lead *lead = &row->item.lead;
	unsigned flags = row->rejected ? FLAG_REJECTED
				       : (row->id_given ? FLAG_ID : 0u) |
						 (row->time_given ? FLAG_TIME : 0u) |
						 (lead->test ? FLAG_TEST : 0u) |
						 (lead->extra ? FLAG_EXTRA : 0u);

	buf_addc(out, (char)flags);
	if (row->rejected)
		return;
	buf_add(out, lead->id.bytes, sizeof(lead->id.bytes));
	if (row->time_given)
		buf_add(out, &lead->received_at, sizeof(lead->received_at));
	pack_fields(out, lead);
	if (lead->extra) {
		char *text = cJSON_PrintUnformatted(lead->extra);

		out->failed |= !text;
		pack_text(out, text ? text : "", text ? strlen(text) : 0);
		cJSON_free(text);
	}
	pack_text(out, row->raw, row->raw_len);
}

/* ---- unpacking ---- */

struct unpack {
	char *at, *end;
};

static bool take(struct unpack *unpack, void *out, size_t len)
{
	if ((size_t)(unpack->end - unpack->at) < len)
		return false;
	memcpy(out, unpack->at, len);
	unpack->at += len;
	return true;
}

static bool take_text(struct unpack *unpack, char **out, size_t *len_out)
{
	uint32_t len;

	if (!take(unpack, &len, sizeof(len)) ||
		(size_t)(unpack->end - unpack->at) <= len || unpack->at[len])
		return false;
	*out = unpack->at;
	*len_out = len;
	unpack->at += len + (size_t)1;
	return true;
}

static bool take_fields(struct unpack *unpack, struct lead *lead)
{
	uint32_t present;
	size_t len;

	if (!take(unpack, &present, sizeof(present)) || present >> FIELD_COUNT)
		return false;
	for (int i = 0; i < FIELD_COUNT; i++) {
		if (!(present & 1u << i))
			continue;
		if (!take_text(unpack, &lead->fields[i], &len) || len == 0 ||
			strlen(lead->fields[i]) != len ||
			!utf8_valid(lead->fields[i], len))
			return false;
	}
	return true;
}

static bool take_extra(struct unpack *unpack, struct lead *lead)
{
	char *text;
	size_t len;
	struct err err;

	return take_text(unpack, &text, &len) &&
	       json_read_wrapped(text, len, &lead->extra, &err) == ERR_OK &&
	       cJSON_IsObject(lead->extra);
}

static bool take_row(struct unpack *unpack, struct import_row *row)
{
	struct lead *lead = &row->item.lead;
	unsigned char flags;
	char *raw;

	if (!take(unpack, &flags, 1) || flags > FLAGS)
		return false;
	row->rejected = flags & FLAG_REJECTED;
	row->id_given = flags & FLAG_ID;
	row->time_given = flags & FLAG_TIME;
	lead->test = flags & FLAG_TEST;
	if (row->rejected)
		return true;
	if (!take(unpack, lead->id.bytes, sizeof(lead->id.bytes)) ||
		(row->time_given &&
			!take(unpack, &lead->received_at, sizeof(lead->received_at))) ||
		!take_fields(unpack, lead) ||
		((flags & FLAG_EXTRA) && !take_extra(unpack, lead)) ||
		!take_text(unpack, &raw, &row->raw_len))
		return false;
	row->raw = raw;
	return true;
}

enum err_code import_unpack(char *bytes, size_t len, int64_t first, size_t count,
	struct import_row **rows_out, struct err *err)
{
	struct unpack unpack = {.at = bytes, .end = bytes + len};
	struct import_row *rows;
	bool fine = count <= IMPORT_BATCH_ROWS;

	if (!fine)
		return err_set(err, ERR_INVALID, "import: more than %d rows at once",
			IMPORT_BATCH_ROWS);
	rows = calloc(count + 1, sizeof(*rows));
	if (!rows)
		return err_set(err, ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < count && fine; i++) {
		rows[i].row = first + (int64_t)i;
		fine = take_row(&unpack, &rows[i]);
	}
	if (!fine || unpack.at != unpack.end) {
		import_rows_free(rows, count);
		return err_set(err, ERR_INVALID,
			"import: rows that leadctl did not pack; are leadctl and leadrelayd the "
			"same version?");
	}
	*rows_out = rows;
	return ERR_OK;
}

void import_rows_free(struct import_row *rows, size_t count)
{
	for (size_t i = 0; rows && i < count; i++)
		cJSON_Delete(rows[i].item.lead.extra);
	free(rows);
}
