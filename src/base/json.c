/*
 * In three steps: scan, over the bytes, refuses what the header says and writes a copy in
 * which every number is a string that starts with NUMBER_MARK; cJSON reads the copy;
 * check_value, over the tree, turns those strings into cJSON_Raw and looks for keys given
 * twice.
 */
#include "leadrelay/json.h"

#include "leadrelay/buf.h"
#include "utf8.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))
#define NUMBER_MARK '\xff' /* in no UTF-8 text, so in no string of the document */

static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Are all of these eight bytes plain? (A byte is zero where w - 1 borrows and w does not
 * have its high bit; likewise below 0x20.) */
static bool all_plain(const char *bytes)
{
	uint64_t w, quote, backslash;

	memcpy(&w, bytes, sizeof(w));
	quote = w ^ EACH_BYTE('"');
	backslash = w ^ EACH_BYTE('\\');
	return !((w | ((w - EACH_BYTE(0x20)) & ~w) | ((quote - EACH_BYTE(1)) & ~quote) |
			 ((backslash - EACH_BYTE(1)) & ~backslash)) &
		 EACH_BYTE(0x80));
}

/* How many bytes from the first are ASCII that stands in a string as it is: most of a
 * string, so they are looked at by eights. */
static size_t plain_run(const char *bytes, size_t len)
{
	size_t run = 0;

	while (len - run >= 8 && all_plain(bytes + run))
		run += 8;
	while (run < len && is_plain((unsigned char)bytes[run]))
		run++;
	return run;
}

struct scan {
	const char *bytes;
	size_t len;
	size_t at;
	const char *expected; /* what was not there at `at`, once the scan failed */
	char closers[JSON_DEPTH_WRAPPED]; /* of the arrays and objects that are open */
	int depth;
	int depth_max;
	size_t copied; /* the bytes before it are in copy */
	struct buf copy;
	struct buf key_offsets; /* size_t each, in the order of the document */
};

static bool fail_at(struct scan *scan, size_t at, const char *expected)
{
	scan->at = at;
	scan->expected = expected;
	return false;
}

/* The byte at the cursor; at the end '\0', which is allowed nowhere. */
static char peek(const struct scan *scan)
{
	return scan->at < scan->len ? scan->bytes[scan->at] : '\0';
}

static bool take(struct scan *scan, char c)
{
	if (scan->at >= scan->len || scan->bytes[scan->at] != c)
		return false;
	scan->at++;
	return true;
}

static void skip_space(struct scan *scan)
{
	while (take(scan, ' ') || take(scan, '\n') || take(scan, '\t') ||
		take(scan, '\r'))
		;
}

static bool take_digits(struct scan *scan)
{
	size_t start = scan->at;

	while (peek(scan) >= '0' && peek(scan) <= '9')
		scan->at++;
	return scan->at > start || fail_at(scan, scan->at, "a digit");
}

static bool scan_number(struct scan *scan)
{
	take(scan, '-');
	if (!take(scan, '0') && !take_digits(scan))
		return false;
	if (take(scan, '.') && !take_digits(scan))
		return false;
	if (take(scan, 'e') || take(scan, 'E')) {
		if (!take(scan, '+'))
			take(scan, '-');
		return take_digits(scan);
	}
	return true;
}

static bool copy_number(struct scan *scan)
{
	size_t start = scan->at;

	if (!scan_number(scan))
		return false;
	buf_add(&scan->copy, scan->bytes + scan->copied, start - scan->copied);
	buf_add(&scan->copy, (const char[]){'"', NUMBER_MARK}, 2);
	buf_add(&scan->copy, scan->bytes + start, scan->at - start);
	buf_addc(&scan->copy, '"');
	scan->copied = scan->at;
	return true;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The four digits of \uXXXX. */
static bool take_hex(struct scan *scan, unsigned *out)
{
	*out = 0;
	for (int i = 0; i < 4; i++) {
		int digit = hex_value(peek(scan));

		if (digit < 0)
			return fail_at(scan, scan->at, "four hexadecimal digits");
		*out = *out << 4 | (unsigned)digit;
		scan->at++;
	}
	return true;
}

static bool scan_unicode_escape(struct scan *scan, size_t start)
{
	unsigned unit;
	unsigned second;

	if (!take_hex(scan, &unit))
		return false;
	if (unit == 0)
		return fail_at(scan, start, "no character U+0000");
	if (unit < 0xd800 || unit > 0xdfff)
		return true;
	if (unit >= 0xdc00 || !take(scan, '\\') || !take(scan, 'u'))
		return fail_at(scan, start, "a pair of surrogates, not a lone one");
	if (!take_hex(scan, &second))
		return false;
	if (second < 0xdc00 || second > 0xdfff)
		return fail_at(scan, start, "a pair of surrogates, not a lone one");
	return true;
}

static bool scan_escape(struct scan *scan)
{
	size_t start = scan->at++;
	char c = peek(scan);

	if (c == '\0' || !strchr("\"\\/bfnrtu", c))
		return fail_at(scan, start, "a valid escape");
	scan->at++;
	return c != 'u' || scan_unicode_escape(scan, start);
}

static bool scan_plain_char(struct scan *scan)
{
	uint32_t code;
	size_t size = utf8_decode(scan->bytes + scan->at, scan->len - scan->at, &code);

	if (size == 0)
		return fail_at(scan, scan->at, "valid UTF-8");
	if (code < 0x20)
		return fail_at(scan, scan->at, "an escape, not a bare control character");
	scan->at += size;
	return true;
}

static bool scan_string(struct scan *scan)
{
	if (!take(scan, '"'))
		return fail_at(scan, scan->at, "a string");
	for (;;) {
		scan->at += plain_run(scan->bytes + scan->at, scan->len - scan->at);
		if (take(scan, '"'))
			return true;
		if (scan->at >= scan->len)
			return fail_at(scan, scan->at, "the end of the string");
		if (!(peek(scan) == '\\' ? scan_escape(scan) : scan_plain_char(scan)))
			return false;
	}
}

static bool scan_word(struct scan *scan)
{
	static const char *const words[] = {"true", "false", "null"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t len = strlen(words[i]);

		if (scan->len - scan->at >= len &&
			memcmp(scan->bytes + scan->at, words[i], len) == 0) {
			scan->at += len;
			return true;
		}
	}
	return fail_at(scan, scan->at, "a value");
}

static bool scan_scalar(struct scan *scan)
{
	char c = peek(scan);

	if (c == '"')
		return scan_string(scan);
	if (c == '-' || (c >= '0' && c <= '9'))
		return copy_number(scan);
	return scan_word(scan);
}

/* A member's key and colon. */
static bool scan_key(struct scan *scan)
{
	skip_space(scan);
	if (peek(scan) != '"')
		return fail_at(scan, scan->at, "a key in quotes");
	buf_add(&scan->key_offsets, &scan->at, sizeof(scan->at));
	if (!scan_string(scan))
		return false;
	skip_space(scan);
	return take(scan, ':') || fail_at(scan, scan->at, "a colon");
}

static bool in_object(const struct scan *scan)
{
	return scan->depth > 0 && scan->closers[scan->depth - 1] == '}';
}

static bool take_closer(struct scan *scan)
{
	if (scan->depth == 0 || !take(scan, scan->closers[scan->depth - 1]))
		return false;
	scan->depth--;
	return true;
}

/* Everything that opens before the next scalar or empty array or object, and that. */
static bool scan_value(struct scan *scan)
{
	for (;;) {
		char c;

		skip_space(scan);
		c = peek(scan);
		if (c != '[' && c != '{')
			return scan_scalar(scan);
		if (scan->depth == scan->depth_max)
			return fail_at(scan, scan->at, "no nesting this deep");
		scan->at++;
		scan->closers[scan->depth++] = c == '[' ? ']' : '}';
		skip_space(scan);
		if (take_closer(scan))
			return true;
		if (in_object(scan) && !scan_key(scan))
			return false;
	}
}

/* What closes behind a value, up to the comma before the next one or the end of the
 * document; *more says which. */
static bool scan_after_value(struct scan *scan, bool *more)
{
	do
		skip_space(scan);
	while (take_closer(scan));
	*more = scan->depth > 0;
	if (!*more)
		return scan->at == scan->len ||
		       fail_at(scan, scan->at, "nothing behind the value");
	if (!take(scan, ','))
		return fail_at(scan, scan->at,
			in_object(scan) ? "a comma or }" : "a comma or ]");
	return !in_object(scan) || scan_key(scan);
}

static bool scan_document(struct scan *scan)
{
	bool more = true;

	if (scan->len >= 3 && memcmp(scan->bytes, "\xef\xbb\xbf", 3) == 0)
		scan->copied = scan->at = 3;
	while (more)
		if (!scan_value(scan) || !scan_after_value(scan, &more))
			return false;
	buf_add(&scan->copy, scan->bytes + scan->copied, scan->len - scan->copied);
	return true;
}

struct key { /* of one object, to be sorted */
	const char *name;
	size_t offset;
};

static int compare_keys(const void *a, const void *b)
{
	const struct key *left = a;
	const struct key *right = b;
	int order = strcmp(left->name, right->name);

	return order ? order
		     : (left->offset > right->offset) - (left->offset < right->offset);
}

/* Sorting, as a hash would let a stranger choose keys that all collide. */
static const struct key *find_duplicate(struct key *keys, size_t count)
{
	qsort(keys, count, sizeof(keys[0]), compare_keys);
	for (size_t i = 1; i < count; i++)
		if (strcmp(keys[i - 1].name, keys[i].name) == 0)
			return &keys[i];
	return NULL;
}

struct check {
	const size_t *key_offsets; /* of the keys not seen yet */
	struct err *err;
};

static enum err_code check_value(struct check *check, cJSON *item);

static enum err_code check_object(struct check *check, cJSON *object)
{
	size_t count = 0;
	struct key *keys =
		calloc((size_t)cJSON_GetArraySize(object) + 1, sizeof(keys[0]));
	const struct key *duplicate;
	enum err_code code = ERR_OK;
	cJSON *member;

	if (!keys)
		return err_set(check->err, ERR_NOMEM, "reading JSON: out of memory");
	cJSON_ArrayForEach (member, object) {
		keys[count++] = (struct key){member->string, *check->key_offsets++};
		code = check_value(check, member);
		if (code != ERR_OK)
			goto done;
	}
	duplicate = find_duplicate(keys, count);
	if (duplicate)
		code = err_set(check->err, ERR_INVALID,
			"JSON: at byte %zu: expected a key that its object does not have yet",
			duplicate->offset);
done:
	free(keys);
	return code;
}

static bool is_marked_number(const cJSON *item)
{
	return cJSON_IsString(item) && item->valuestring[0] == NUMBER_MARK;
}

/* Recursive, depth_max deep at most: the scan saw to that. */
static enum err_code check_value(struct check *check, cJSON *item)
{
	cJSON *element;
	enum err_code code = ERR_OK;

	if (cJSON_IsObject(item))
		return check_object(check, item);
	if (is_marked_number(item)) {
		memmove(item->valuestring, item->valuestring + 1,
			strlen(item->valuestring));
		item->type = cJSON_Raw;
	}
	cJSON_ArrayForEach (element, item) {
		code = check_value(check, element);
		if (code != ERR_OK)
			break;
	}
	return code;
}

static enum err_code read_copy(const struct scan *scan, cJSON **out, struct err *err)
{
	struct check check = {
		.key_offsets = (const size_t *)(const void *)scan->key_offsets.data,
		.err = err};
	enum err_code code;
	cJSON *root = NULL;

	if (buf_ok(&scan->copy) && buf_ok(&scan->key_offsets))
		root = cJSON_ParseWithLength(scan->copy.data, scan->copy.len);
	if (!root) /* after the scan there is nothing else that cJSON could object to */
		return err_set(err, ERR_NOMEM, "reading JSON: out of memory");
	code = check_value(&check, root);
	if (code != ERR_OK)
		cJSON_Delete(root);
	else
		*out = root;
	return code;
}

static enum err_code read_document(
	const char *bytes, size_t len, int depth_max, cJSON **out, struct err *err)
{
	struct scan scan = {.bytes = bytes, .len = len, .depth_max = depth_max};
	enum err_code code;

	if (scan_document(&scan))
		code = read_copy(&scan, out, err);
	else
		code = err_set(err, ERR_INVALID, "JSON: at byte %zu: expected %s",
			scan.at, scan.expected);
	buf_finish(&scan.copy);
	buf_finish(&scan.key_offsets);
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

bool json_is_number(const cJSON *item)
{
	return cJSON_IsRaw(item) && item->valuestring;
}

const char *json_number(const cJSON *item)
{
	return json_is_number(item) ? item->valuestring : NULL;
}

cJSON *json_get_nocase(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItem(object, name);
}

const char *json_string(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

#define EXACT_MAX 9007199254740992.0 /* 2^53: doubles below it hold every integer */

static long long integer_of_double(double value, long long fallback)
{
	if (!(value > -EXACT_MAX && value < EXACT_MAX) || trunc(value) != value)
		return fallback;
	return (long long)value;
}

long long json_integer(const cJSON *object, const char *name, long long fallback)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
	const char *text = json_number(item);
	long long value;
	char *end;

	if (cJSON_IsNumber(item))
		return integer_of_double(item->valuedouble, fallback);
	if (!text)
		return fallback;
	errno = 0;
	value = strtoll(text, &end, 10);
	if (*end == '\0')
		return errno == 0 ? value : fallback;
	return integer_of_double(strtod(text, NULL), fallback);
}

bool json_bool(const cJSON *object, const char *name, bool fallback)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsBool(item) ? cJSON_IsTrue(item) : fallback;
}

/* ---- our own objects of strings ---- */

/* The character that c stands for behind a backslash; '\0': none of ours. */
static char unescaped(char c)
{
	static const char from[] = "\"\\bfnrt", to[] = "\"\\\b\f\n\r\t";
	const char *found = c ? strchr(from, c) : NULL;

	return found ? to[found - from] : '\0';
}

/* "u001f" */
static size_t take_control(const char *at, char *out)
{
	int high, low;

	if (strncmp(at, "u00", 3) != 0)
		return 0;
	high = hex_value(at[3]);
	low = high < 0 ? -1 : hex_value(at[4]);
	if (low < 0 || high > 1 || (high == 0 && low == 0))
		return 0;
	*out = (char)(high << 4 | low);
	return 5;
}

/* Bytes of what stands at text, up to end, as it is; 0: an escape, or not one of ours. */
static size_t literal(const char *text, const char *end)
{
	uint32_t code;

	if ((unsigned char)*text >= 0x80)
		return utf8_decode(text, (size_t)(end - text), &code);
	return plain_run(text, (size_t)(end - text));
}

/* A string in place: *at is behind its opening quote, and goes behind its closing one.
 * NULL: not one of ours. */
static char *take_text(char **at, const char *end)
{
	char *start = *at, *to = start, *from = start;

	while (*from && *from != '"') {
		size_t size = literal(from, end);

		if (size > 0) {
			if (to != from)
				memmove(to, from, size);
			to += size;
			from += size;
		} else if (*from == '\\') {
			char c = unescaped(from[1]);

			size = c ? 1 : take_control(from + 1, &c);
			if (size == 0)
				return NULL;
			*to++ = c;
			from += 1 + size;
		} else {
			return NULL;
		}
	}
	if (*from != '"')
		return NULL;
	*to = '\0';
	*at = from + 1;
	return start;
}

bool json_texts_read(
	char *text, void (*each)(void *ctx, const char *name, char *value), void *ctx)
{
	const char *end = text + strlen(text);

	if (strcmp(text, "{}") == 0)
		return true;
	if (*text++ != '{')
		return false;
	for (;;) {
		char *name, *value;

		if (*text++ != '"')
			return false;
		name = take_text(&text, end);
		if (!name || strncmp(text, ":\"", 2) != 0)
			return false;
		text += 2;
		value = take_text(&text, end);
		if (!value)
			return false;
		each(ctx, name, value);
		if (*text == '}')
			return text[1] == '\0';
		if (*text++ != ',')
			return false;
	}
}

/* ---- writing ---- */

static void add_escape(struct buf *out, unsigned char c)
{
	static const char letters[][2] = {['"'] = "\"",
		['\\'] = "\\",
		['\b'] = "b",
		['\f'] = "f",
		['\n'] = "n",
		['\r'] = "r",
		['\t'] = "t"};

	if (letters[c][0] != '\0')
		buf_add(out, (const char[]){'\\', letters[c][0]}, 2);
	else
		buf_addf(out, "\\u%04x", c);
}

void json_part_add(struct buf *out, const char *text, size_t len)
{
	const char *end = text + len, *from = text, *at = text;

	buf_addc(out, '"');
	for (; (at += plain_run(at, (size_t)(end - at))) < end; at++) {
		unsigned char c = (unsigned char)*at;

		if (c >= 0x80)
			continue;
		buf_add(out, from, (size_t)(at - from));
		add_escape(out, c);
		from = at + 1;
	}
	buf_add(out, from, (size_t)(end - from));
	buf_addc(out, '"');
}

void json_text_add(struct buf *out, const char *text)
{
	json_part_add(out, text, strlen(text));
}
