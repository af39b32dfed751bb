/* Standard output, standard error, and how numbers, times and texts look there. */
#include "leadctl.h"

#include "leadrelay/clock.h"
#include "leadrelay/control.h"
#include "leadrelay/text.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define FLUSH_AT (16 * 1024)
#define PIECE 4096 /* a pipe that polls writable takes this much without blocking */
#define POLL_MS 100

static bool hurried(const struct cli *cli)
{
	return cli->hurried && cli->hurried(cli->hurried_ctx);
}

/* Standard output is gone: nobody reads what there is to say. */
static void give_up_output(struct cli *cli, int errnum)
{
	if (errnum != EPIPE || cli->whole) {
		progress_clear(cli);
		fprintf(stderr, "leadctl: writing the output: %s%s\n", strerror(errnum),
			cli->whole ? "; it is not complete" : "");
	}
	exit(EXIT_FAILED);
}

static size_t write_some(struct cli *cli, const char *bytes, size_t len)
{
	struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
	ssize_t written;

	if (poll(&out, 1, POLL_MS) == 0)
		return 0;
	written = write(STDOUT_FILENO, bytes, len < PIECE ? len : PIECE);
	if (written < 0 && errno != EINTR && errno != EAGAIN)
		give_up_output(cli, errno);
	return written > 0 ? (size_t)written : 0;
}

void cli_flush(struct cli *cli)
{
	size_t done = 0;

	if (!buf_ok(&cli->out))
		give_up_output(cli, ENOMEM);
	while (done < cli->out.len && !hurried(cli))
		done += write_some(cli, cli->out.data + done, cli->out.len - done);
	if (done == cli->out.len) {
		buf_clear(&cli->out);
		return;
	}
	memmove(cli->out.data, cli->out.data + done, cli->out.len - done);
	cli->out.len -= done;
}

void cli_flush_full(struct cli *cli)
{
	if (cli->out.len >= FLUSH_AT)
		cli_flush(cli);
}

/* What JSON may hold as it is and a terminal obeys: DEL, and C1 (0xc2 and one byte). */
static void add_json(struct cli *cli, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)text[0], next = (unsigned char)text[1];

		if (cli->terminal && c == 0x7f)
			buf_adds(&cli->out, "\\u007f");
		else if (cli->terminal && c == 0xc2 && next >= 0x80 && next < 0xa0)
			buf_addf(&cli->out, "\\u%04x", (unsigned)(unsigned char)*++text);
		else
			buf_addc(&cli->out, *text);
	}
	buf_addc(&cli->out, '\n');
}

void cli_print_json(struct cli *cli, const cJSON *document)
{
	char *text = cJSON_PrintUnformatted(document);

	if (!text)
		give_up_output(cli, ENOMEM);
	add_json(cli, text);
	free(text);
	cli_flush_full(cli);
}

/* ---- standard error ---- */

static void say(struct cli *cli, const char *fmt, va_list list)
	__attribute__((format(printf, 2, 0)));
static void say(struct cli *cli, const char *fmt, va_list list)
{
	char text[2048];
	struct buf clean = BUF_INIT;

	vsnprintf(text, sizeof(text), fmt, list);
	text_escape(&clean, text, strlen(text));
	progress_clear(cli);
	fprintf(stderr, "leadctl: %s\n", buf_str(&clean));
	buf_finish(&clean);
}

void cli_warn(struct cli *cli, const char *fmt, ...)
{
	va_list list;

	va_start(list, fmt);
	say(cli, fmt, list);
	va_end(list);
}

/* The configuration's own lines: FILE:LINE: key: ..., as an editor finds them. */
void cli_complain(struct cli *cli, const char *lines, const char *otherwise)
{
	if (!*lines) {
		cli_warn(cli, "%s", otherwise);
		return;
	}
	while (*lines) {
		size_t len = strcspn(lines, "\n");
		struct buf clean = BUF_INIT;

		text_escape(&clean, lines, len);
		fprintf(stderr, "%s\n", buf_str(&clean));
		buf_finish(&clean);
		lines += len + (lines[len] == '\n');
	}
}

int cli_usage(struct cli *cli, const char *fmt, ...)
{
	va_list list;

	va_start(list, fmt);
	say(cli, fmt, list);
	va_end(list);
	if (cli->command)
		fprintf(stderr, "`leadctl %s --help` says more\n", cli->command);
	else
		fprintf(stderr, "`leadctl --help` lists the commands\n");
	return EXIT_USAGE;
}

int cli_fail(struct cli *cli, const struct err *err)
{
	cli_warn(cli, "%s", err->text);
	return control_exit_status(err->code);
}

int terminal_width(void)
{
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

void progress_show(struct cli *cli, const char *fmt, ...)
{
	va_list list;

	if (!cli->progress)
		return;
	fputs("\r\033[K", stderr);
	va_start(list, fmt);
	vfprintf(stderr, fmt, list);
	va_end(list);
	fflush(stderr);
	cli->progress_shown = true;
}

void progress_clear(struct cli *cli)
{
	if (cli->progress_shown)
		fputs("\r\033[K", stderr);
	cli->progress_shown = false;
}

/* ---- looks ---- */

const char *colour_start(const struct cli *cli, enum colour colour)
{
	static const char *const codes[] = {[PLAIN] = "",
		[BOLD] = "\033[1m",
		[RED] = "\033[31m",
		[GREEN] = "\033[32m",
		[YELLOW] = "\033[33m",
		[DIM] = "\033[2m"};

	return cli->colour ? codes[colour] : "";
}

const char *colour_end(const struct cli *cli)
{
	return cli->colour ? "\033[0m" : "";
}

enum colour state_colour(const char *state)
{
	static const struct {
		const char *state;
		enum colour colour;
	} colours[] = {{"open", GREEN}, {"delivered", GREEN}, {"running", GREEN},
		{"parked", RED}, {"dead", RED}, {"stopped", RED}, {"quarantined", RED},
		{"backing_off", YELLOW}, {"throttled", YELLOW}, {"held", YELLOW},
		{"discarded", DIM}};

	for (size_t i = 0; state && i < sizeof(colours) / sizeof(*colours); i++)
		if (strcmp(colours[i].state, state) == 0)
			return colours[i].colour;
	return PLAIN;
}

void out_text(struct cli *cli, const char *text)
{
	if (text)
		text_escape(&cli->out, text, strlen(text));
}

const char *count_text(int64_t count, char out[COUNT_TEXT_SIZE])
{
	char digits[COUNT_TEXT_SIZE];
	int len = snprintf(digits, sizeof(digits), "%" PRId64, count);
	char *to = out;

	for (int i = 0; i < len; i++) {
		*to++ = digits[i];
		if (digits[i] != '-' && (len - i) % 3 == 1 && i < len - 1)
			*to++ = ',';
	}
	*to = '\0';
	return out;
}

void out_count(struct cli *cli, int64_t count, const char *one, const char *many)
{
	char text[COUNT_TEXT_SIZE];

	buf_addf(&cli->out, "%s %s", count_text(count, text), count == 1 ? one : many);
}

const char *age_text(const struct cli *cli, const char *time, char out[AGE_TEXT_SIZE])
{
	int64_t at;

	*out = '\0';
	if (time && time_parse(time, &at) == 0)
		duration_human(cli->now > at ? cli->now - at : 0, out);
	return out;
}

const char *moment_text(const char *time, char out[AGE_TEXT_SIZE])
{
	const char *point = time ? strchr(time, '.') : NULL;
	size_t len = point ? (size_t)(point - time) : 0;

	*out = '\0';
	if (len == 0 || len + 2 > AGE_TEXT_SIZE)
		return out;
	memcpy(out, time, len);
	out[strlen("2026-11-22")] = ' ';
	memcpy(out + len, "Z", 2);
	return out;
}
