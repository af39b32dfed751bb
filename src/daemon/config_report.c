/* What the person who wrote the file is told, and where. */
#include "config_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *format_text(const char *fmt, va_list args)
	__attribute__((format(printf, 1, 0)));

static char *format_text(const char *fmt, va_list args)
{
	char *text;

	return vasprintf(&text, fmt, args) < 0 ? NULL : text;
}

void problem(struct reading *in, int line, const char *allowed, const char *fmt, ...)
{
	struct buf text = BUF_INIT;
	va_list args;
	char *wrong;

	if (in->problem_count == CONFIG_PROBLEMS_MAX)
		return;
	va_start(args, fmt);
	wrong = format_text(fmt, args);
	va_end(args);
	buf_addf(&text, "%s:%d: %s: ", in->file, line, *in->path ? in->path : "yaml");
	buf_adds(&text, wrong ? wrong : "out of memory");
	if (allowed)
		buf_addf(&text, "; %s", allowed);
	free(wrong);
	if (!wrong || !buf_ok(&text))
		memory_fail(in->memory);
	in->problems[in->problem_count].line = line;
	in->problems[in->problem_count++].text = buf_take(&text);
}

void problem_of(struct reading *in, int line, const char *allowed, const struct err *err)
{
	if (err->code == ERR_NOMEM)
		memory_fail(in->memory);
	else
		problem(in, line, allowed, "%s", err->text);
}

void warning(struct reading *in, const char *fmt, ...)
{
	struct text_list *list = &in->config->warnings;
	char **items = memory_alloc(in->memory, (list->count + 1) * sizeof(*items));
	va_list args;
	char *text;

	va_start(args, fmt);
	text = format_text(fmt, args);
	va_end(args);
	if (items && text) {
		if (list->count > 0)
			memcpy(items, list->items, list->count * sizeof(*items));
		items[list->count] = memory_text(in->memory, text, strlen(text));
		list->items = items;
		if (items[list->count])
			list->count++;
	}
	free(text);
}

void want_private(struct reading *in, int line)
{
	if (in->wants_private)
		return;
	in->wants_private = true;
	in->private_line = line;
	memcpy(in->private_path, in->path, sizeof(in->private_path));
}

size_t path_push(struct reading *in, const char *name)
{
	size_t before = strlen(in->path);

	snprintf(in->path + before, sizeof(in->path) - before, "%s%s",
		before && *name != '[' ? "." : "", name);
	return before;
}

void path_pop(struct reading *in, size_t before)
{
	in->path[before] = '\0';
}

const char *quoted(const char *text, char out[QUOTED_SIZE])
{
	struct buf escaped = BUF_INIT;
	size_t len = strlen(text);

	text_escape(&escaped, text, len);
	snprintf(out, QUOTED_SIZE, escaped.len > 80 ? "\"%.77s...\"" : "\"%s\"",
		buf_str(&escaped));
	buf_finish(&escaped);
	return out;
}
