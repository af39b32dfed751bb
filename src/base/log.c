#include "leadrelay/log.h"

#include "leadrelay/clock.h"
#include "utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_SIZE \
	4096        /* PIPE_BUF: a write of no more than this is never split or mixed */
#define LINE_TAIL 8 /* kept free for what ends a cut line: ..."} and the newline */

/* Each is read and written by itself: a line that races with a reload may mix old and
 * new. */
static _Atomic int current_level = LOG_LEVEL_INFO;
static _Atomic int current_format = LOG_FORMAT_TEXT;
static _Atomic(const struct clock *) current_clock = &clock_system;
static atomic_bool to_journal;

static const struct {
	const char *name;
	const char *priority; /* sd-daemon(3) */
} levels[] = {
	[LOG_LEVEL_DEBUG] = {"debug", "<7>"},
	[LOG_LEVEL_INFO] = {"info", "<6>"},
	[LOG_LEVEL_WARN] = {"warn", "<4>"},
	[LOG_LEVEL_ERROR] = {"error", "<3>"},
};

struct line { /* on the stack: a line about a lack of memory needs none */
	size_t len;
	bool cut; /* something did not fit; what comes after is dropped */
	char data[LINE_SIZE];
};

/* What ends a value may already stand in the tail. */
static size_t room(const struct line *line)
{
	return line->len < LINE_SIZE - LINE_TAIL ? LINE_SIZE - LINE_TAIL - line->len : 0;
}

/* Appends all of text or, from the first time it does not fit, "..." once and then
 * nothing. */
static void put(struct line *line, const char *text, size_t len)
{
	if (line->cut)
		return;
	if (len > room(line)) {
		line->cut = true;
		len = 3;
		text = "...";
	}
	memcpy(line->data + line->len, text, len);
	line->len += len;
}

static void puts_raw(struct line *line, const char *text)
{
	put(line, text, strlen(text));
}

/* What ends a quoted value or the line: there is always room for it. */
static void put_end(struct line *line, char c)
{
	line->data[line->len++] = c;
}

static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}

/* One character as the inside of a JSON string. */
static void put_json_char(struct line *line, const char *at, size_t size, uint32_t code)
{
	char escape[8];

	if (size == 0) {
		puts_raw(line, "\xef\xbf\xbd"); /* U+FFFD for a byte that is not UTF-8 */
	} else if (code == '"' || code == '\\') {
		put(line, (const char[]){'\\', (char)code}, 2);
	} else if (is_control(code)) {
		snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)code & 0xffff);
		puts_raw(line, escape);
	} else {
		put(line, at, size);
	}
}

/* One character as the inside of a quoted text value. */
static void put_text_char(struct line *line, const char *at, size_t size, uint32_t code)
{
	char escape[8];

	if (size == 0 || (is_control(code) && code != '\n' && code != '\t')) {
		snprintf(escape, sizeof(escape), "\\x%02x",
			size ? code & 0xff : (uint8_t)*at);
		puts_raw(line, escape);
	} else if (code == '\n' || code == '\t') {
		puts_raw(line, code == '\n' ? "\\n" : "\\t");
	} else if (code == '"' || code == '\\') {
		put(line, (const char[]){'\\', (char)code}, 2);
	} else {
		put(line, at, size);
	}
}

static void put_chars(struct line *line, const char *text,
	void (*put_char)(struct line *line, const char *at, size_t size, uint32_t code))
{
	size_t left = strlen(text);

	while (left > 0) {
		uint32_t code = 0;
		size_t size = utf8_decode(text, left, &code);

		put_char(line, text, size, code);
		text += size ? size : 1;
		left -= size ? size : 1;
	}
}

/* Whether a pair with this key can start; its value may still be cut. */
static bool pair_fits(struct line *line, const char *key)
{
	if (strlen(key) + sizeof(",\"\":\"") > room(line))
		line->cut = true;
	return !line->cut;
}

static void put_json_pair(struct line *line, const char *key, const char *value)
{
	if (!pair_fits(line, key))
		return;
	puts_raw(line, line->len == 0 ? "{\"" : ",\"");
	puts_raw(line, key);
	puts_raw(line, "\":\"");
	put_chars(line, value, put_json_char);
	put_end(line, '"');
}

static bool needs_quotes(const char *value)
{
	if (*value == '\0')
		return true;
	for (const char *c = value; *c; c++)
		if (*c == ' ' || *c == '"' || *c == '=' || *c == '\\' ||
			is_control((uint8_t)*c))
			return true;
	return false;
}

static void put_text_pair(struct line *line, const char *key, const char *value)
{
	bool quotes = needs_quotes(value);

	if (!pair_fits(line, key))
		return;
	puts_raw(line, " ");
	puts_raw(line, key);
	puts_raw(line, quotes ? "=\"" : "=");
	put_chars(line, value, put_text_char);
	if (quotes)
		put_end(line, '"');
}

static void put_json_head(
	struct line *line, enum log_level level, const char *at, const char *event)
{
	put_json_pair(line, "at", at);
	put_json_pair(line, "level", levels[level].name);
	put_json_pair(line, "event", event);
}

static void put_text_head(
	struct line *line, enum log_level level, const char *at, const char *event)
{
	if (to_journal) {
		puts_raw(line, levels[level].priority);
	} else {
		puts_raw(line, at);
		puts_raw(line, " ");
		puts_raw(line, levels[level].name);
		puts_raw(line, " ");
	}
	put_chars(line, event, put_text_char);
}

/* One write; only a signal or a full disk makes it more or less. A line that cannot be
 * written is lost: there is no other place to say so. */
static void write_line(const char *data, size_t len)
{
	while (len > 0) {
		ssize_t done = write(STDERR_FILENO, data, len);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		data += done;
		len -= (size_t)done;
	}
}

void log_write(enum log_level level, const char *event, ...)
{
	void (*put_pair)(struct line * line, const char *key, const char *value) =
		put_text_pair;
	char at[TIME_TEXT_SIZE];
	struct line line;
	const char *key;
	int saved = errno;
	va_list args;

	if (!log_enabled(level))
		return;
	line.len = 0;
	line.cut = false;
	time_text(clock_wall(current_clock), at);
	if (current_format == LOG_FORMAT_JSON) {
		put_pair = put_json_pair;
		put_json_head(&line, level, at, event);
	} else {
		put_text_head(&line, level, at, event);
	}
	va_start(args, event);
	while ((key = va_arg(args, const char *)) != NULL) {
		const char *value = va_arg(args, const char *);

		if (value)
			put_pair(&line, key, value);
	}
	va_end(args);
	if (put_pair == put_json_pair)
		put_end(&line, '}');
	put_end(&line, '\n');
	write_line(line.data, line.len);
	errno = saved;
}

/* Whether standard error is what systemd connected to the journal; the variable alone is
 * also inherited by programs whose standard error is a terminal or a file. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t device;
	uintmax_t inode;
	struct stat st;

	if (!stream || sscanf(stream, "%" SCNuMAX ":%" SCNuMAX, &device, &inode) != 2)
		return false;
	return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device &&
	       st.st_ino == inode;
}

void log_setup(enum log_level level, enum log_format format, const struct clock *clock)
{
	current_level = (int)level;
	current_format = (int)format;
	current_clock = clock;
	to_journal = stderr_is_journal();
}

bool log_enabled(enum log_level level)
{
	return (int)level >= current_level;
}

const char *log_num(int64_t number, char out[LOG_NUMBER_SIZE])
{
	snprintf(out, LOG_NUMBER_SIZE, "%" PRId64, number);
	return out;
}
