/*
 * The reading of strangers' JSON in one pass: each byte is looked at once, refused or
 * made part of the tree, whose items are cJSON's own. A number becomes a cJSON_Raw item
 * of its exact text. An object's keys are compared when it closes.
 */
#include "leadrelay/json.h"

#include "hex.h"
#include "json_bytes.h"
#include "leadrelay/buf.h"
#include "utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_AT_FIRST 32
#define KEYS_IN_PAIRS 16 /* up to so many each is compared with each */

struct key {              /* of an object that is open */
	const char *name; /* its member's */
	size_t len;
	size_t offset;
};

struct level { /* an array or object that is open */
	cJSON *item;
	char closer;
	size_t first_key;
};

struct reading {
	const char *bytes;
	size_t len;
	size_t at;
	const char *expected; /* what was not there at `at`, once reading failed */
	bool no_memory;
	struct level open[JSON_DEPTH_WRAPPED];
	int depth;
	int depth_max;
	cJSON *root;
	char *name;      /* of the member whose value comes next; NULL: none */
	struct buf keys; /* struct key each; of all open objects, the inmost one's last */
};

static bool fail_at(struct reading *reading, size_t at, const char *expected)
{
	reading->at = at;
	reading->expected = expected;
	return false;
}

static bool fail_memory(struct reading *reading)
{
	reading->no_memory = true;
	return false;
}

/* The byte at the cursor; at the end '\0', which is allowed nowhere. */
static char peek(const struct reading *reading)
{
	return reading->at < reading->len ? reading->bytes[reading->at] : '\0';
}

static bool take(struct reading *reading, char c)
{
	if (reading->at >= reading->len || reading->bytes[reading->at] != c)
		return false;
	reading->at++;
	return true;
}

static void skip_space(struct reading *reading)
{
	while (reading->at < reading->len && reading->bytes[reading->at] <= ' ' &&
		(take(reading, ' ') || take(reading, '\n') || take(reading, '\t') ||
			take(reading, '\r')))
		;
}

/* ---- the tree ---- */

/* Puts item into what is open, or makes it the root. Takes it and the name. */
static bool add_item(struct reading *reading, cJSON *item)
{
	cJSON *parent, *first;

	if (!item)
		return fail_memory(reading);
	item->string = reading->name;
	reading->name = NULL;
	if (reading->depth == 0) {
		reading->root = item;
		return true;
	}
	parent = reading->open[reading->depth - 1].item;
	first = parent->child;
	if (!first) {
		parent->child = first = item;
	} else {
		first->prev->next = item;
		item->prev = first->prev;
	}
	first->prev = item; /* as cJSON has it: the first one's is the last */
	return true;
}

/* text is the item's, from cJSON_malloc. */
static bool add_text(struct reading *reading, int type, char *text)
{
	cJSON *item = text ? cJSON_CreateNull() : NULL;

	if (!item) {
		cJSON_free(text);
		return fail_memory(reading);
	}
	item->type = type;
	item->valuestring = text;
	return add_item(reading, item);
}

static char *copy_bytes(const char *bytes, size_t len)
{
	char *copy = cJSON_malloc(len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, bytes, len);
	copy[len] = '\0';
	return copy;
}

/* ---- numbers ---- */

static bool take_digits(struct reading *reading)
{
	size_t start = reading->at;

	while (peek(reading) >= '0' && peek(reading) <= '9')
		reading->at++;
	return reading->at > start || fail_at(reading, reading->at, "a digit");
}

static bool take_number(struct reading *reading)
{
	take(reading, '-');
	if (!take(reading, '0') && !take_digits(reading))
		return false;
	if (take(reading, '.') && !take_digits(reading))
		return false;
	if (take(reading, 'e') || take(reading, 'E')) {
		if (!take(reading, '+'))
			take(reading, '-');
		return take_digits(reading);
	}
	return true;
}

static bool read_number(struct reading *reading)
{
	size_t start = reading->at;

	return take_number(reading) &&
	       add_text(reading, cJSON_Raw,
		       copy_bytes(reading->bytes + start, reading->at - start));
}

/* ---- strings ---- */

/* The four digits of \uXXXX. */
static bool take_hex(struct reading *reading, uint32_t *out)
{
	*out = 0;
	for (int i = 0; i < 4; i++) {
		int digit = hex_value(peek(reading));

		if (digit < 0)
			return fail_at(reading, reading->at, "four hexadecimal digits");
		*out = *out << 4 | (uint32_t)digit;
		reading->at++;
	}
	return true;
}

static bool take_unicode_escape(struct reading *reading, size_t start, uint32_t *out)
{
	uint32_t unit, second;

	if (!take_hex(reading, &unit))
		return false;
	*out = unit;
	if (unit == 0)
		return fail_at(reading, start, "no character U+0000");
	if (unit < 0xd800 || unit > 0xdfff)
		return true;
	if (unit >= 0xdc00 || !take(reading, '\\') || !take(reading, 'u'))
		return fail_at(reading, start, "a pair of surrogates, not a lone one");
	if (!take_hex(reading, &second))
		return false;
	if (second < 0xdc00 || second > 0xdfff)
		return fail_at(reading, start, "a pair of surrogates, not a lone one");
	*out = 0x10000 + ((unit & 0x3ff) << 10 | (second & 0x3ff));
	return true;
}

/* The character that an escape at the cursor stands for. */
static bool take_escape(struct reading *reading, uint32_t *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	size_t start = reading->at++;
	char c = peek(reading);
	const char *found = c ? strchr(from, c) : NULL;

	if (!found && c != 'u')
		return fail_at(reading, start, "a valid escape");
	reading->at++;
	if (!found)
		return take_unicode_escape(reading, start, out);
	*out = (uint32_t)(unsigned char)to[found - from];
	return true;
}

static bool take_plain_char(struct reading *reading)
{
	uint32_t code;
	size_t size = utf8_decode(
		reading->bytes + reading->at, reading->len - reading->at, &code);

	if (size == 0)
		return fail_at(reading, reading->at, "valid UTF-8");
	if (code < 0x20)
		return fail_at(
			reading, reading->at, "an escape, not a bare control character");
	reading->at += size;
	return true;
}

static size_t put_utf8(char *out, uint32_t code)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

/* An escape is never shorter than what it stands for: raw bytes have room for the text.
 * They were taken once: nothing fails. */
static char *unescape(const struct reading *string, size_t start, size_t *len_out)
{
	struct reading again = {
		.bytes = string->bytes, .len = string->at - 1, .at = start};
	char *text = cJSON_malloc(again.len - start + 1);
	size_t len = 0, from;
	uint32_t code = 0;

	while (text && again.at < again.len) {
		from = again.at;
		while (again.at < again.len && again.bytes[again.at] != '\\')
			again.at++;
		memcpy(text + len, again.bytes + from, again.at - from);
		len += again.at - from;
		if (again.at < again.len && take_escape(&again, &code))
			len += put_utf8(text + len, code);
	}
	if (text)
		text[len] = '\0';
	*len_out = len;
	return text;
}

/* The string at the cursor, in memory of cJSON's; NULL: reading failed. */
static char *read_text(struct reading *reading, size_t *len_out)
{
	size_t start = reading->at + 1;
	bool escaped = false;
	uint32_t code;
	char *text;

	reading->at = start;
	for (;;) {
		reading->at += json_plain_run(
			reading->bytes + reading->at, reading->len - reading->at);
		if (take(reading, '"'))
			break;
		if (reading->at >= reading->len) {
			fail_at(reading, reading->at, "the end of the string");
			return NULL;
		}
		if (peek(reading) == '\\') {
			escaped = true;
			if (!take_escape(reading, &code))
				return NULL;
		} else if (!take_plain_char(reading)) {
			return NULL;
		}
	}
	*len_out = reading->at - 1 - start;
	text = escaped ? unescape(reading, start, len_out)
		       : copy_bytes(reading->bytes + start, *len_out);
	if (!text)
		fail_memory(reading);
	return text;
}

static bool read_string(struct reading *reading)
{
	size_t len;
	char *text = read_text(reading, &len);

	return text && add_text(reading, cJSON_String, text);
}

/* ---- arrays and objects ---- */

static bool read_word(struct reading *reading)
{
	static const struct {
		const char *word;
		size_t len;
		int type;
	} words[] = {{"true", 4, cJSON_True}, {"false", 5, cJSON_False},
		{"null", 4, cJSON_NULL}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (reading->len - reading->at >= words[i].len &&
			memcmp(reading->bytes + reading->at, words[i].word,
				words[i].len) == 0) {
			cJSON *item = cJSON_CreateNull();

			if (item)
				item->type = words[i].type;
			reading->at += words[i].len;
			return add_item(reading, item);
		}
	}
	return fail_at(reading, reading->at, "a value");
}

static bool read_scalar(struct reading *reading)
{
	char c = peek(reading);

	if (c == '"')
		return read_string(reading);
	if (c == '-' || (c >= '0' && c <= '9'))
		return read_number(reading);
	return read_word(reading);
}

/* A member's key and colon. */
static bool read_key(struct reading *reading)
{
	struct key key;

	skip_space(reading);
	if (peek(reading) != '"')
		return fail_at(reading, reading->at, "a key in quotes");
	key.offset = reading->at;
	key.name = reading->name = read_text(reading, &key.len);
	if (!key.name)
		return false;
	if (reading->keys.cap == 0)
		buf_reserve(&reading->keys, KEYS_AT_FIRST * sizeof(key));
	buf_add(&reading->keys, &key, sizeof(key));
	if (!buf_ok(&reading->keys))
		return fail_memory(reading);
	skip_space(reading);
	return take(reading, ':') || fail_at(reading, reading->at, "a colon");
}

static int compare_keys(const void *a, const void *b)
{
	const struct key *left = a;
	const struct key *right = b;
	int order = strcmp(left->name, right->name);

	return order ? order
		     : (left->offset > right->offset) - (left->offset < right->offset);
}

static bool same_key(const struct key *a, const struct key *b)
{
	return a->len == b->len && memcmp(a->name, b->name, a->len) == 0;
}

static const struct key *find_in_pairs(const struct key *keys, size_t count)
{
	for (size_t i = 1; i < count; i++)
		for (size_t before = 0; before < i; before++)
			if (same_key(&keys[i], &keys[before]))
				return &keys[i];
	return NULL;
}

/* Many are sorted, as a hash would let a stranger choose keys that all collide. */
static const struct key *find_duplicate(struct key *keys, size_t count)
{
	if (count <= KEYS_IN_PAIRS)
		return find_in_pairs(keys, count);
	qsort(keys, count, sizeof(keys[0]), compare_keys);
	for (size_t i = 1; i < count; i++)
		if (same_key(&keys[i - 1], &keys[i]))
			return &keys[i];
	return NULL;
}

static bool close_level(struct reading *reading)
{
	const struct level *level = &reading->open[--reading->depth];
	struct key *keys = (struct key *)(void *)reading->keys.data;
	size_t count = reading->keys.len / sizeof(*keys) - level->first_key;
	const struct key *duplicate;

	if (count == 0)
		return true;
	duplicate = find_duplicate(keys + level->first_key, count);
	if (duplicate)
		return fail_at(reading, duplicate->offset,
			"a key that its object does not have yet");
	reading->keys.len = level->first_key * sizeof(*keys);
	return true;
}

static bool in_object(const struct reading *reading)
{
	return reading->depth > 0 && reading->open[reading->depth - 1].closer == '}';
}

static bool take_closer(struct reading *reading)
{
	return reading->depth > 0 &&
	       take(reading, reading->open[reading->depth - 1].closer);
}

static bool open_level(struct reading *reading, bool object)
{
	struct level *level = &reading->open[reading->depth];

	if (reading->depth == reading->depth_max)
		return fail_at(reading, reading->at, "no nesting this deep");
	*level = (struct level){
		.item = object ? cJSON_CreateObject() : cJSON_CreateArray(),
		.closer = object ? '}' : ']',
		.first_key = reading->keys.len / sizeof(struct key)};
	if (!add_item(reading, level->item))
		return false;
	reading->at++;
	reading->depth++;
	return true;
}

/* Everything that opens before the next scalar or empty array or object, and that. */
static bool read_value(struct reading *reading)
{
	for (;;) {
		char c;

		skip_space(reading);
		c = peek(reading);
		if (c != '[' && c != '{')
			return read_scalar(reading);
		if (!open_level(reading, c == '{'))
			return false;
		skip_space(reading);
		if (take_closer(reading))
			return close_level(reading);
		if (in_object(reading) && !read_key(reading))
			return false;
	}
}

/* What closes behind a value, up to the comma before the next one or the end of the
 * document; *more says which. */
static bool read_after_value(struct reading *reading, bool *more)
{
	skip_space(reading);
	while (take_closer(reading)) {
		if (!close_level(reading))
			return false;
		skip_space(reading);
	}
	*more = reading->depth > 0;
	if (!*more)
		return reading->at == reading->len ||
		       fail_at(reading, reading->at, "nothing behind the value");
	if (!take(reading, ','))
		return fail_at(reading, reading->at,
			in_object(reading) ? "a comma or }" : "a comma or ]");
	return !in_object(reading) || read_key(reading);
}

static bool read_all(struct reading *reading)
{
	bool more = true;

	if (reading->len >= 3 && memcmp(reading->bytes, "\xef\xbb\xbf", 3) == 0)
		reading->at = 3;
	while (more)
		if (!read_value(reading) || !read_after_value(reading, &more))
			return false;
	return true;
}

static enum err_code read_document(
	const char *bytes, size_t len, int depth_max, cJSON **out, struct err *err)
{
	struct reading reading = {.bytes = bytes, .len = len, .depth_max = depth_max};
	enum err_code code = ERR_OK;

	if (read_all(&reading)) {
		*out = reading.root;
	} else {
		code = reading.no_memory
			       ? err_set(err, ERR_NOMEM, "reading JSON: out of memory")
			       : err_set(err, ERR_INVALID,
					 "JSON: at byte %zu: expected %s", reading.at,
					 reading.expected);
		cJSON_Delete(reading.root);
		cJSON_free(reading.name);
	}
	buf_finish(&reading.keys);
	return code;
}

enum err_code json_read(const char *bytes, size_t len, cJSON **out, struct err *err)
{
	return read_document(bytes, len, JSON_DEPTH_MAX, out, err);
}

enum err_code json_read_wrapped(
	const char *bytes, size_t len, cJSON **out, struct err *err)
{
	return read_document(bytes, len, JSON_DEPTH_WRAPPED, out, err);
}
