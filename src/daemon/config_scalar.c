/* Values of one line: each reader checks one, says what is wrong with it, or stores it.
 */
#include "config_read.h"

#include "leadrelay/clock.h"
#include "leadrelay/destination.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALLOWED_SIZE 256

/* "64KiB": the largest unit that is exact. Returns out. */
static const char *size_text(int64_t bytes, char *out, size_t size)
{
	static const struct {
		int64_t unit;
		const char *name;
	} units[] = {{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}, {1, "B"}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (bytes % units[i].unit != 0)
			continue;
		snprintf(
			out, size, "%" PRId64 "%s", bytes / units[i].unit, units[i].name);
		break;
	}
	return out;
}

static void choices_text(const struct choice *choices, char *out, size_t size)
{
	size_t len = (size_t)snprintf(out, size, "one of ");
	const char *separator = "";

	for (; choices->name && len < size; choices++) {
		if (choices->later)
			continue;
		len += (size_t)snprintf(
			out + len, size - len, "%s%s", separator, choices->name);
		separator = ", ";
	}
}

/* The kind of the internal destination for mails is nobody's to choose. */
bool kind_can_be_chosen(const char *name)
{
	return strcmp(name, "email") != 0 && destination_kind_find(name);
}

static void kinds_text(char *out, size_t size)
{
	size_t len = (size_t)snprintf(out, size, "one of ");
	const char *separator = "";

	for (int i = 0; i < destination_kind_count && len < size; i++) {
		if (!kind_can_be_chosen(destination_kinds[i]->name))
			continue;
		len += (size_t)snprintf(out + len, size - len, "%s%s", separator,
			destination_kinds[i]->name);
		separator = ", ";
	}
}

const char *key_allowed(const struct key *key, char *out, size_t size)
{
	char low[DURATION_TEXT_SIZE], high[DURATION_TEXT_SIZE];

	*out = '\0';
	if (key->allowed)
		snprintf(out, size, "%s", key->allowed);
	else if (key->choices)
		choices_text(key->choices, out, size);
	else if (key->scalar == take_duration)
		snprintf(out, size,
			"a duration from %s to %s, such as 500ms, 30s, 5m, 2h or 7d",
			duration_text(key->min, low), duration_text(key->max, high));
	else if (key->scalar == take_size)
		snprintf(out, size, "a size from %s to %s, such as 64KiB or 10MiB",
			size_text(key->min, low, sizeof(low)),
			size_text(key->max, high, sizeof(high)));
	else if (key->scalar == take_int)
		snprintf(out, size, "a whole number from %" PRId64 " to %" PRId64,
			key->min, key->max);
	else if (key->scalar == take_factor)
		snprintf(out, size,
			"a number from %" PRId64 " to %" PRId64 ", such as 2 or 1.5",
			key->min, key->max);
	else if (key->scalar == take_rate)
		snprintf(out, size, "from %" PRId64 "/s to %" PRId64 "/s", key->min,
			key->max);
	else if (key->scalar == take_bool)
		snprintf(out, size, "true or false");
	else if (key->scalar == take_kind)
		kinds_text(out, size);
	return out;
}

/* The problem every reader here ends in. */
static void refuse(struct reading *in, const struct key *key, int line, const char *text,
	const char *wrong)
{
	char allowed[ALLOWED_SIZE];
	char shown[QUOTED_SIZE];

	problem(in, line, key_allowed(key, allowed, sizeof(allowed)), "%s %s",
		quoted(text, shown), wrong);
}

static void store_text(struct reading *in, const char *text, void *target)
{
	*(char **)target = memory_text(in->memory, text, strlen(text));
}

void take_text(struct reading *in, const struct key *key, int line, const char *text,
	void *target)
{
	if (key->max && (int64_t)strlen(text) > key->max)
		refuse(in, key, line, text, "is too long");
	else
		store_text(in, text, target);
}

void take_name(struct reading *in, const struct key *key, int line, const char *text,
	void *target)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789_-.";

	if (strlen(text) > 64 || text[strspn(text, allowed)] || strchr("-.", *text))
		refuse(in, key, line, text, "cannot be a name");
	else
		store_text(in, text, target);
}

/* Relative paths start from the file's folder. */
void take_path(struct reading *in, const struct key *key, int line, const char *text,
	void *target)
{
	struct buf path = BUF_INIT;

	if (strlen(text) > 4000) {
		refuse(in, key, line, text, "is too long for a path");
		return;
	}
	if (*text != '/')
		buf_addf(&path, "%s/", strcmp(in->folder, "/") == 0 ? "" : in->folder);
	buf_adds(&path, text);
	if (buf_ok(&path))
		store_text(in, buf_str(&path), target);
	else
		memory_fail(in->memory);
	buf_finish(&path);
}

void take_duration(struct reading *in, const struct key *key, int line, const char *text,
	void *target)
{
	int64_t ms;

	if (duration_parse(text, &ms) != 0)
		refuse(in, key, line, text, "is not a duration");
	else if (ms < key->min || ms > key->max)
		refuse(in, key, line, text,
			ms < key->min ? "is too short" : "is too long");
	else
		*(int64_t *)target = ms;
}

void take_size(struct reading *in, const struct key *key, int line, const char *text,
	void *target)
{
	int64_t bytes;

	if (size_parse(text, &bytes) != 0)
		refuse(in, key, line, text, "is not a size");
	else if (bytes < key->min || bytes > key->max)
		refuse(in, key, line, text,
			bytes < key->min ? "is too small" : "is too large");
	else
		*(int64_t *)target = bytes;
}

/* Digits only. -1: not a number that small. */
static int64_t digits(const char *text, size_t len)
{
	int64_t value = 0;

	if (len == 0 || len > 12)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value;
}

static void store_int(struct reading *in, const struct key *key, int line,
	const char *text, int64_t value, void *target)
{
	if (value < 0)
		refuse(in, key, line, text,
			key->scalar == take_rate ? "is not a rate"
						 : "is not a whole number");
	else if (value < key->min || value > key->max)
		refuse(in, key, line, text,
			value < key->min ? "is too small" : "is too large");
	else
		*(int *)target = (int)value;
}

void take_int(struct reading *in, const struct key *key, int line, const char *text,
	void *target)
{
	store_int(in, key, line, text, digits(text, strlen(text)), target);
}

void take_rate(struct reading *in, const struct key *key, int line, const char *text,
	void *target)
{
	size_t len = strlen(text);
	int64_t value = -1;

	if (len > 2 && strcmp(text + len - 2, "/s") == 0)
		value = digits(text, len - 2);
	store_int(in, key, line, text, value, target);
}

void take_factor(struct reading *in, const struct key *key, int line, const char *text,
	void *target)
{
	bool shaped = strspn(text, "0123456789.") == strlen(text) && *text != '.';
	char *end = NULL;
	double value = shaped ? strtod(text, &end) : 0;

	if (!shaped || !end || *end)
		refuse(in, key, line, text, "is not a number");
	else if (value < (double)key->min || value > (double)key->max)
		refuse(in, key, line, text,
			value < (double)key->min ? "is too small" : "is too large");
	else
		*(double *)target = value;
}

void take_bool(struct reading *in, const struct key *key, int line, const char *text,
	void *target)
{
	if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
		*(bool *)target = *text == 't';
	else
		refuse(in, key, line, text, "is not true or false");
}

static const struct choice *find_choice(
	struct reading *in, const struct key *key, int line, const char *text)
{
	char allowed[ALLOWED_SIZE];

	for (const struct choice *choice = key->choices; choice->name; choice++) {
		if (strcmp(choice->name, text) != 0)
			continue;
		if (!choice->later)
			return choice;
		problem(in, line, key_allowed(key, allowed, sizeof(allowed)),
			"%s is not in this version of leadrelay", text);
		return NULL;
	}
	refuse(in, key, line, text, "is not known here");
	return NULL;
}

void take_choice(struct reading *in, const struct key *key, int line, const char *text,
	void *target)
{
	const struct choice *choice = find_choice(in, key, line, text);

	if (choice)
		*(int *)target = choice->value;
}

void take_word(struct reading *in, const struct key *key, int line, const char *text,
	void *target)
{
	const struct choice *choice = find_choice(in, key, line, text);

	if (choice)
		store_text(in, choice->name, target);
}

void take_flag_choice(struct reading *in, const struct key *key, int line,
	const char *text, void *target)
{
	const struct choice *choice = find_choice(in, key, line, text);

	if (choice)
		*(bool *)target = choice->value != 0;
}

void take_url(struct reading *in, const struct key *key, int line, const char *text,
	void *target)
{
	struct url_parts url;

	if (!url_split(text, &url) ||
		(strcmp(url.scheme, "https") != 0 && strcmp(url.scheme, "http") != 0))
		refuse(in, key, line, text, "is not a web address");
	else if (url.has_user)
		problem(in, line, key->allowed, "a user name or password in the address");
	else
		store_text(in, text, target);
}

void take_proxy(struct reading *in, const struct key *key, int line, const char *text,
	void *target)
{
	static const char *const schemes[] = {"http", "https", "socks5", "socks5h"};
	struct url_parts url;
	bool known = false;

	if (url_split(text, &url))
		for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
			known = known || strcmp(schemes[i], url.scheme) == 0;
	if (!known || url.has_query) {
		problem(in, line, key->allowed, "not the address of a proxy");
		return;
	}
	if (url.has_user)
		want_private(in, line);
	store_text(in, text, target);
}

void take_date(struct reading *in, const struct key *key, int line, const char *text,
	void *target)
{
	if (date_parse(text, target) != 0)
		refuse(in, key, line, text, "is not a date");
}

void take_api_version(struct reading *in, const struct key *key, int line,
	const char *text, void *target)
{
	size_t major = *text == 'v' ? strspn(text + 1, "0123456789") : 0;
	const char *minor = text + 1 + major;

	if (major == 0 || major > 3 || *minor != '.' || !minor[1] || strlen(minor) > 4 ||
		minor[1 + strspn(minor + 1, "0123456789")])
		refuse(in, key, line, text, "is not a version of the Web API");
	else
		store_text(in, text, target);
}

void take_kind(struct reading *in, const struct key *key, int line, const char *text,
	void *target)
{
	if (kind_can_be_chosen(text))
		store_text(in, text, target);
	else
		refuse(in, key, line, text, "is not a kind of destination");
}

/* A PEM file: kept as a path, watched for changes. */
void take_pem(struct reading *in, const struct key *key, int line, const char *text,
	void *target)
{
	struct err err;
	char *bytes;
	size_t len;

	take_path(in, key, line, text, target);
	if (!*(char **)target)
		return;
	if (file_read(*(char **)target, 1024 * 1024, &bytes, &len, NULL, &err) !=
		ERR_OK) {
		problem_of(in, line, key->allowed, &err);
		return;
	}
	memory_watch(in->memory, *(char **)target, bytes, len);
	explicit_bzero(bytes, len);
	free(bytes);
}
