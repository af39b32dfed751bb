#include "watch.h"

#include "leadrelay/clock.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stopped;

static void on_stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static void catch_stop(void)
{
	struct sigaction action = {.sa_handler = on_stop}; /* no restart: sleeping ends */

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int window_lines(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0)
		return 24;
	return size.ws_row;
}

/* Over the view before: each line to its end, then all below it; no line wraps. */
static void draw(struct cli *cli, bool first)
{
	struct buf view = cli->out;
	const char *at = buf_str(&view);
	int lines = window_lines() - 1;

	cli->out = BUF_INIT;
	buf_adds(&cli->out, first ? "\033[?7l\033[2J\033[H" : "\033[?7l\033[H");
	for (; *at && lines > 0; lines--) {
		size_t len = strcspn(at, "\n");

		buf_add(&cli->out, at, len);
		buf_adds(&cli->out, "\033[K\n");
		at += len + (at[len] == '\n');
	}
	buf_addf(&cli->out, "%s\033[J\033[?7h", colour_end(cli));
	buf_finish(&view);
}

static void add_head(struct cli *cli, int64_t every_ms, bool first)
{
	char now[TIME_TEXT_SIZE], moment[AGE_TEXT_SIZE], every[DURATION_TEXT_SIZE];

	if (cli->json)
		return;
	if (!first && !cli->terminal)
		buf_addc(&cli->out, '\n');
	buf_addf(&cli->out, "%s%s, every %s%s%s\n", colour_start(cli, DIM),
		moment_text(time_text(cli->now, now), moment),
		duration_human(every_ms, every), cli->terminal ? "; Ctrl-C ends" : "",
		colour_end(cli));
}

/* Ends early when stopped, or when nobody reads any more. */
static void sleep_until_next(int64_t ms)
{
	struct pollfd out = {.fd = STDOUT_FILENO};
	int64_t until = clock_mono(&clock_system) + ms, left;

	while (!stopped && (left = until - clock_mono(&clock_system)) > 0)
		if (poll(&out, 1, left > 1000 ? 1000 : (int)left) > 0 &&
			out.revents & (POLLERR | POLLNVAL))
			stopped = 1;
}

int watch(struct cli *cli, int64_t every_ms, int64_t times, int (*show)(struct cli *cli))
{
	int status = EXIT_DONE;

	catch_stop();
	for (int64_t i = 0; !stopped; i++) {
		cli->now = clock_wall(&clock_system);
		cli->width = terminal_width();
		add_head(cli, every_ms, i == 0);
		status = show(cli);
		if (cli->terminal && !cli->json && status != EXIT_USAGE)
			draw(cli, i == 0);
		cli_flush(cli);
		if (status != EXIT_DONE && status != EXIT_ATTENTION)
			return status;
		if (times && i + 1 == times)
			return status;
		sleep_until_next(every_ms);
	}
	if (cli->terminal)
		buf_addc(&cli->out, '\n'); /* behind the ^C */
	return EXIT_DONE;
}
