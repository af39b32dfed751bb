/*
 * json: reading JSON from strangers on top of cJSON, without its surprises.
 *
 * cJSON turns long numbers into doubles, cuts strings at \u0000, makes 1e400 null, keeps
 * duplicate keys and accepts deep nesting. json_read checks the bytes first and hands
 * every number over as a cJSON_Raw item holding its exact text, so that printing the tree
 * again gives the same numbers. Pure; any thread.
 */
#ifndef LEADRELAY_JSON_H
#define LEADRELAY_JSON_H

#include "leadrelay/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

struct buf;

#define JSON_DEPTH_MAX 32
#define JSON_DEPTH_WRAPPED 40 /* of a stranger's document in one of ours */

/* Refuses (ERR_INVALID, with the byte offset and what was expected): anything RFC 8259
 * does not allow, invalid UTF-8, lone surrogates, U+0000 anywhere, a key twice in one
 * object, nesting deeper than JSON_DEPTH_MAX, anything but white space behind the value.
 * A leading UTF-8 BOM is skipped. On success *out is the caller's to cJSON_Delete. The
 * error quotes no content. */
enum err_code json_read(const char *bytes, size_t len, cJSON **out, struct err *err);
/* The same up to JSON_DEPTH_WRAPPED: for what another part of the relay wrote. */
enum err_code json_read_wrapped(
	const char *bytes, size_t len, cJSON **out, struct err *err);

/* Appends text (valid UTF-8) as a JSON string, quotes and all, byte for byte as cJSON
 * prints it. */
void json_text_add(struct buf *out, const char *text);
void json_part_add(struct buf *out, const char *text, size_t len); /* its first bytes */

/* Reads an object whose members are all strings, in compact form and without other
 * escapes than json_text_add writes, in one pass over text, which it changes: each() gets
 * them in order; name and value point into text. False: text is something else (some
 * members may have been told), and json_read may know better. Keys are not compared. */
bool json_texts_read(
	char *text, void (*each)(void *ctx, const char *name, char *value), void *ctx);

/* The text of a number item of json_read, else NULL. Valid as long as item. */
const char *json_number(const cJSON *item);
bool json_is_number(const cJSON *item);
/* Member of object by name, any case; NULL when absent. First match. */
cJSON *json_get_nocase(const cJSON *object, const char *name);
/* Exact member's string, or NULL when absent or not a string. */
const char *json_string(const cJSON *object, const char *name);
/* Exact member's number (cJSON_Number or Raw) as integer: 12, 12.0 and 1.2e1 are.
 * fallback when absent, not a number, not whole, or too large to be known exactly. */
long long json_integer(const cJSON *object, const char *name, long long fallback);
bool json_bool(const cJSON *object, const char *name, bool fallback);

#endif
