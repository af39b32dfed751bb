#include "mail_watch.h"

#include "leadrelay/text.h"
#include "mime_words.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const struct {
	const char *verb;
	enum mail_stage stage;
} verbs[] = {
	{"EHLO ", MAIL_HELLO},
	{"HELO ", MAIL_HELLO},
	{"STARTTLS", MAIL_TLS},
	{"AUTH ", MAIL_AUTH},
	{"MAIL ", MAIL_SENDER},
	{"RCPT ", MAIL_RECIPIENT},
	{"DATA", MAIL_DATA},
	{"NOOP", MAIL_CHECK},
};

static bool begins(const char *line, size_t len, const char *verb)
{
	size_t n = strlen(verb);

	return len >= n && strncasecmp(line, verb, n) == 0;
}

static void forget_reply(struct mail_watch *watch)
{
	watch->complete = false;
	watch->code = 0;
	watch->enhanced[0] = watch->words[0] = '\0';
}

/* Is it the next step of AUTH and no command? Those have a blank, or cannot follow. */
static bool is_credential(const struct mail_watch *watch, const char *line, size_t len)
{
	return watch->stage == MAIL_AUTH && !begins(line, len, "AUTH ") &&
	       !begins(line, len, "MAIL ") && !begins(line, len, "NOOP\r") &&
	       !begins(line, len, "QUIT\r");
}

void mail_watch_command(struct mail_watch *watch, const char *line, size_t len)
{
	if (watch->over)
		return;
	if (is_credential(watch, line, len)) {
		forget_reply(watch);
		watch->credentials = watch->credentials || !begins(line, len, "*\r");
		return;
	}
	if (begins(line, len, "QUIT")) {
		watch->over = true;
		return;
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (begins(line, len, verbs[i].verb)) {
			forget_reply(watch);
			watch->stage = verbs[i].stage;
			watch->auth = watch->auth || verbs[i].stage == MAIL_AUTH;
			return;
		}
	}
}

/* ---- replies ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Bytes of "5.1.1" at text, 0 when there is none of the reply's class. */
static size_t enhanced_length(const char *text, size_t len, char class)
{
	size_t i = 1;

	if (len < 5 || text[0] != class || !strchr("245", class))
		return 0;
	for (int part = 0; part < 2; part++) {
		size_t digits = 0;

		if (i >= len || text[i++] != '.')
			return 0;
		for (; i < len && is_digit(text[i]); i++)
			digits++;
		if (digits < 1 || digits > 3)
			return 0;
	}
	return i == len || text[i] == ' ' ? i : 0;
}

/* Whole characters, as many as fit. */
static void add_words(struct mail_watch *watch, const char *text, size_t len)
{
	size_t used = strlen(watch->words), at = 0;
	struct buf shown = BUF_INIT;

	if (used > 0)
		buf_addc(&shown, ' ');
	text_escape(&shown, text, len);
	while (at < shown.len) {
		size_t n = mime_character(shown.data + at, shown.len - at);

		if (n == 0 || used + n >= sizeof(watch->words))
			break;
		memcpy(watch->words + used, shown.data + at, n);
		used += n;
		at += n;
	}
	watch->words[used] = '\0';
	buf_finish(&shown);
}

static void trim(const char **text, size_t *len)
{
	while (*len > 0 && strchr("\r\n \t", (*text)[*len - 1]))
		(*len)--;
	while (*len > 0 && strchr(" \t", **text)) {
		(*text)++;
		(*len)--;
	}
}

static void take_text(struct mail_watch *watch, const char *text, size_t len)
{
	size_t n;

	trim(&text, &len);
	n = enhanced_length(text, len, (char)('0' + watch->code / 100));
	if (n > 0 && n < sizeof(watch->enhanced)) {
		snprintf(watch->enhanced, sizeof(watch->enhanced), "%.*s", (int)n, text);
		text += n;
		len -= n;
		trim(&text, &len);
	}
	if (len > 0)
		add_words(watch, text, len);
}

void mail_watch_reply(struct mail_watch *watch, const char *line, size_t len)
{
	if (watch->over || len < 3 || !is_digit(line[0]) || !is_digit(line[1]) ||
		!is_digit(line[2]))
		return;
	if (watch->stage == MAIL_CONNECT) {
		watch->stage = MAIL_GREETING;
		watch->greeted = true;
	}
	if (watch->stage == MAIL_DATA && watch->complete && watch->code / 100 == 3)
		watch->stage = MAIL_END;
	if (watch->complete)
		forget_reply(watch);
	watch->code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
	take_text(watch, line + 3 + (len > 3 && strchr("- ", line[3])),
		len - 3 - (len > 3 && strchr("- ", line[3])));
	watch->complete = len == 3 || line[3] != '-';
}
