#include "person.h"

#include "leadrelay/buf.h"
#include "match.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BLANK "(erased)"

static bool in_address(unsigned char c)
{
	return isalnum(c) || c >= 0x80 || strchr("._%+-", c) != NULL;
}

/* "ana@example.com." ends a sentence, "ana@example.com.au" is another. */
static bool goes_on(const char *behind, size_t len)
{
	if (len == 0)
		return false;
	if (*behind == '.' || *behind == '-')
		return len > 1 && isalnum((unsigned char)behind[1]);
	return *behind != '\0' &&
	       (isalnum((unsigned char)*behind) || (unsigned char)*behind >= 0x80);
}

/* As in JSON: \n, \u001f. */
static bool escape_ends(const char *bytes, size_t at)
{
	if (at >= 2 && bytes[at - 2] == '\\')
		return strchr("nrtbf", bytes[at - 1]) != NULL;
	if (at < 6 || bytes[at - 6] != '\\' || bytes[at - 5] != 'u')
		return false;
	for (size_t i = at - 4; i < at; i++)
		if (!isxdigit((unsigned char)bytes[i]))
			return false;
	return true;
}

static bool begins(const char *bytes, size_t at)
{
	return at == 0 || bytes[at - 1] == '\0' ||
	       !in_address((unsigned char)bytes[at - 1]) || escape_ends(bytes, at);
}

static const char *find(const char *bytes, size_t len, const char *email)
{
	size_t size = strlen(email);

	for (size_t at = 0; size > 0 && at + size <= len; at++)
		if (strncasecmp(bytes + at, email, size) == 0 && begins(bytes, at) &&
			!goes_on(bytes + at + size, len - at - size))
			return bytes + at;
	return NULL;
}

/* ---- what looks like an address ---- */

#define LOCAL_MAX 64
#define DOMAIN_MAX 255

static bool in_local(unsigned char c)
{
	return c > ' ' && c != 0x7f && strchr("\"(),:;<>@[]\\", c) == NULL;
}

static bool in_domain(unsigned char c)
{
	return isalnum(c) || c >= 0x80 || c == '.' || c == '-' || c == '_';
}

struct cut {
	const char *bytes;
	size_t first, sign; /* of the longest local part; the at sign */
	bool (*each)(void *ctx, const char *address);
	void *ctx;
};

/* With every beginning that a whole address may have. */
static bool cut_at(const struct cut *cut, size_t end)
{
	char address[LOCAL_MAX + 1 + DOMAIN_MAX + 1];

	for (size_t at = cut->first; at < cut->sign; at++) {
		if (!begins(cut->bytes, at))
			continue;
		memcpy(address, cut->bytes + at, end - at);
		address[end - at] = '\0';
		if (!cut->each(cut->ctx, address))
			return false;
	}
	return true;
}

static bool cut_out(struct cut *cut, size_t len)
{
	const char *bytes = cut->bytes;
	size_t end = cut->sign + 1;

	cut->first = cut->sign;
	while (cut->first > 0 && cut->sign - cut->first < LOCAL_MAX &&
		in_local((unsigned char)bytes[cut->first - 1]))
		cut->first--;
	while (end < len && end - cut->sign <= DOMAIN_MAX &&
		in_domain((unsigned char)bytes[end])) {
		end++;
		if (!goes_on(bytes + end, len - end) && !cut_at(cut, end))
			return false;
	}
	return true;
}

void person_addresses(const char *bytes, size_t len,
	bool (*each)(void *ctx, const char *address), void *ctx)
{
	struct cut cut = {.bytes = bytes, .each = each, .ctx = ctx};
	const char *sign = bytes;

	while (bytes && (sign = memchr(sign, '@', len - (size_t)(sign - bytes)))) {
		cut.sign = (size_t)(sign - bytes);
		if (!cut_out(&cut, len))
			return;
		sign++;
	}
}

bool person_named(const char *bytes, size_t len, const char *email)
{
	return bytes && find(bytes, len, email) != NULL;
}

/* NULL when it is not named, or (with err) without memory. */
static char *blanked(const char *text, const char *email, struct err *err)
{
	const char *at = find(text, strlen(text), email);
	struct buf out = BUF_INIT;
	char *taken;

	if (!at)
		return NULL;
	for (; at; at = find(text, strlen(text), email)) {
		buf_add(&out, text, (size_t)(at - text));
		buf_adds(&out, BLANK);
		text = at + strlen(email);
	}
	buf_adds(&out, text);
	taken = buf_take(&out);
	if (!taken)
		err_set(err, ERR_NOMEM, "erasing: out of memory");
	return taken;
}

static void blank_json(cJSON *item, const char *email, struct err *err)
{
	for (; item && err->code == ERR_OK; item = item->next) {
		char *text = cJSON_IsString(item) ? blanked(item->valuestring, email, err)
						  : NULL;

		if (text && !cJSON_SetValuestring(item, text))
			err_set(err, ERR_NOMEM, "erasing: out of memory");
		free(text);
		blank_json(item->child, email, err);
	}
}

enum err_code person_blank(struct lead *lead, const char *email, struct err *err)
{
	struct err mine = {0};

	for (int i = 0; i < FIELD_COUNT && mine.code == ERR_OK; i++) {
		char *text =
			lead->fields[i] ? blanked(lead->fields[i], email, &mine) : NULL;

		if (text) {
			free(lead->fields[i]);
			lead->fields[i] = text;
		}
	}
	blank_json(lead->extra, email, &mine);
	return mine.code == ERR_OK ? ERR_OK : err_set(err, mine.code, "%s", mine.text);
}

/* ---- tombstones ---- */

enum err_code person_forgotten_at(
	struct db *db, const char *email, int64_t *out, struct err *err)
{
	uint8_t hash[MATCH_LONG];
	sqlite3_stmt *stmt;
	enum err_code code;

	*out = 0;
	if (!email)
		return ERR_OK;
	code = match_hash_of(db, MATCH_TOMBSTONE, email, hash, sizeof(hash), err);
	if (code != ERR_OK)
		return code;
	stmt = db_stmt(db, SQL_TOMBSTONE_AT);
	db_bind_blob(stmt, 1, hash, sizeof(hash));
	return db_int(db, stmt, 0, out, err);
}

enum err_code person_bury(struct db *db, const char *email, int64_t now, struct err *err)
{
	uint8_t hash[MATCH_LONG];
	sqlite3_stmt *stmt;
	enum err_code code =
		match_hash_of(db, MATCH_TOMBSTONE, email, hash, sizeof(hash), err);

	if (code != ERR_OK)
		return code;
	stmt = db_stmt(db, SQL_TOMBSTONE_ADD);
	db_bind_blob(stmt, 1, hash, sizeof(hash));
	sqlite3_bind_int64(stmt, 2, now);
	return db_run(db, stmt, err);
}
