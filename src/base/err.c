#include "leadrelay/err.h"

#include "utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Formats into text, cut between characters when it is too long. */
static __attribute__((format(printf, 2, 0))) void format_text(
	char text[ERR_TEXT_SIZE], const char *fmt, va_list args)
{
	int len = vsnprintf(text, ERR_TEXT_SIZE, fmt, args);

	if (len < 0)
		text[0] = '\0';
	else if (len >= ERR_TEXT_SIZE)
		text[utf8_whole(text, ERR_TEXT_SIZE - 1)] = '\0';
}

/* The arguments of a caller may point into err->text, so text is made beside it and then
 * moved. */
static void store_text(struct err *err, enum err_code code, const char *text)
{
	err->code = code;
	memcpy(err->text, text, strlen(text) + 1);
}

/* "head: tail", cut between characters; head and text may be anywhere but in text_out. */
static void join_text(char text_out[ERR_TEXT_SIZE], const char *head, const char *tail)
{
	size_t at = strlen(head);
	size_t len = strlen(tail);

	memcpy(text_out, head, at);
	for (const char *c = ": "; *c && at < ERR_TEXT_SIZE - 1; c++)
		text_out[at++] = *c;
	if (len > ERR_TEXT_SIZE - 1 - at)
		len = utf8_whole(tail, ERR_TEXT_SIZE - 1 - at);
	memcpy(text_out + at, tail, len);
	text_out[at + len] = '\0';
}

enum err_code err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	char text[ERR_TEXT_SIZE];
	va_list args;

	if (!err)
		return code;
	va_start(args, fmt);
	format_text(text, fmt, args);
	va_end(args);
	store_text(err, code, text);
	return code;
}

enum err_code err_wrap(struct err *err, const char *fmt, ...)
{
	char head[ERR_TEXT_SIZE];
	char text[ERR_TEXT_SIZE];
	va_list args;

	if (!err)
		return ERR_BUG;
	va_start(args, fmt);
	format_text(head, fmt, args);
	va_end(args);
	join_text(text, head, err->text);
	store_text(err, err->code, text);
	return err->code;
}

static const struct {
	int errnum;
	enum err_code code;
} errno_codes[] = {
	{ENOSPC, ERR_FULL},
	{EDQUOT, ERR_FULL},
	{ENOMEM, ERR_NOMEM},
	{ENOENT, ERR_NOT_FOUND},
	{EACCES, ERR_DENIED},
	{EPERM, ERR_DENIED},
	{ETIMEDOUT, ERR_TIMEOUT},
};

static enum err_code code_of_errno(int errnum)
{
	for (size_t i = 0; i < sizeof(errno_codes) / sizeof(errno_codes[0]); i++)
		if (errno_codes[i].errnum == errnum)
			return errno_codes[i].code;
	return ERR_IO;
}

enum err_code err_errno(struct err *err, int errnum, const char *fmt, ...)
{
	enum err_code code = code_of_errno(errnum);
	char reason[128];
	char head[ERR_TEXT_SIZE];
	char text[ERR_TEXT_SIZE];
	va_list args;

	if (!err)
		return code;
	va_start(args, fmt);
	format_text(head, fmt, args);
	va_end(args);
	join_text(text, head, strerror_r(errnum, reason, sizeof(reason)));
	store_text(err, code, text);
	return code;
}
