/*
 * tail: the last events, and with -f those that come. Following, it waits for a daemon
 * that ends to come back; what happened meanwhile is read from the outbox.
 */
#include "client.h"
#include "table.h"

#include "leadrelay/clock.h"
#include "leadrelay/control.h"
#include "leadrelay/json.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WAIT_MS 1000
#define AGAIN_MS 300
#define MOST 1000
#define TEN 10

struct following {
	struct cli *cli;
	int fd;        /* -1: not connected */
	int64_t after; /* number of the last event told */
	int64_t at;    /* when that was */
	bool missed;   /* told that the daemon is away */
};

/* ---- one event ---- */

static enum colour event_colour(const char *event, const char *outcome)
{
	static const struct {
		const char *word;
		enum colour colour;
	} colours[] = {{"delivered", GREEN}, {"resumed", GREEN}, {"open", GREEN},
		{"dead", RED}, {"quarantined", RED}, {"parked", RED}, {"attempt", YELLOW},
		{"backing_off", YELLOW}, {"throttled", YELLOW}, {"duplicate", DIM}};

	for (size_t i = 0; i < sizeof(colours) / sizeof(*colours); i++)
		if (strcmp(colours[i].word, event) == 0)
			return colours[i].colour;
	return outcome ? YELLOW : PLAIN;
}

/* What the outcome does not say already. */
static void add_detail(struct buf *out, const cJSON *event)
{
	const char *outcome = json_string(event, "outcome");
	const char *reason = json_string(event, "reason");
	const char *source = json_string(event, "source");
	long long count = json_integer(event, "count", 0);

	if (outcome)
		buf_adds(out, outcome);
	if (reason && (!outcome || strcmp(reason, outcome) != 0))
		buf_addf(out, "%s%s", out->len ? " " : "", reason);
	if (source)
		buf_addf(out, "%sfrom %s", out->len ? " " : "", source);
	if (count > 1)
		buf_addf(out, "%s%lld deliveries", out->len ? " " : "", count);
}

static void add_cell(struct cli *cli, const char *text, int width, enum colour colour)
{
	int columns = text ? text_columns(text) : 0;

	buf_addf(&cli->out, "%s", colour_start(cli, colour));
	out_text(cli, text);
	buf_addf(&cli->out, "%s%*s ", colour == PLAIN ? "" : colour_end(cli),
		columns < width ? width - columns : 0, "");
}

static void print_event(struct cli *cli, const cJSON *event)
{
	const char *word = json_string(event, "event");
	const char *id = json_string(event, "lead_id");
	enum colour colour =
		event_colour(word ? word : "", json_string(event, "outcome"));
	char moment[AGE_TEXT_SIZE];
	struct buf detail = BUF_INIT;
	size_t len = id ? strlen(id) : 0;

	add_detail(&detail, event);
	add_cell(cli, moment_text(json_string(event, "at"), moment), 20, DIM);
	add_cell(cli, word, 11, colour);
	add_cell(cli, len > 12 ? id + len - 12 : id, 12, PLAIN);
	add_cell(cli, json_string(event, "destination"), 12, PLAIN);
	out_text(cli, buf_str(&detail));
	while (cli->out.len > 0 && cli->out.data[cli->out.len - 1] == ' ')
		cli->out.len--;
	buf_addc(&cli->out, '\n');
	buf_finish(&detail);
}

static void take_event(void *ctx, const cJSON *event)
{
	struct following *following = ctx;
	const char *at = json_string(event, "at");

	if (at)
		time_parse(at, &following->at);
	if (following->cli->json)
		cli_print_json(following->cli, event);
	else
		print_event(following->cli, event);
}

/* ---- Ctrl-C ---- */

static volatile sig_atomic_t stopped, is_writing, on_terminal;

static void on_stop(int signal_number)
{
	(void)signal_number;
	if (on_terminal)
		(void)!write(STDOUT_FILENO, "\n", 1); /* behind the ^C */
	if (!is_writing)
		_exit(EXIT_DONE);
	stopped = 1; /* the line is written to its end first */
}

static void write_out(struct cli *cli)
{
	is_writing = 1;
	cli_flush(cli);
	is_writing = 0;
	if (stopped)
		exit(EXIT_DONE);
}

/* Whoever read our output is gone, and we would notice at the next event only. */
static bool reader_gone(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	return poll(&out, 1, 0) > 0 && out.revents & (POLLERR | POLLNVAL);
}

/* ---- following ---- */

static cJSON *tail_request(const struct following *following, int64_t limit)
{
	cJSON *request = request_create("tail");

	cJSON_AddNumberToObject(request, "limit", (double)limit);
	if (following->after)
		cJSON_AddNumberToObject(request, "after", (double)following->after);
	if (following->after && following->at)
		cJSON_AddNumberToObject(request, "since_at", (double)(following->at + 1));
	return request;
}

static void nap(void)
{
	const struct timespec moment = {.tv_nsec = AGAIN_MS * 1000000L};

	nanosleep(&moment, NULL);
}

static void tell_away(struct following *following)
{
	if (!following->missed)
		cli_warn(following->cli,
			"leadrelayd does not run; waiting for it (Ctrl-C ends this)");
	following->missed = true;
}

static void tell_back(struct following *following)
{
	if (following->missed)
		cli_warn(following->cli, "leadrelayd runs; going on");
	following->missed = false;
}

static void disconnect(struct following *following)
{
	if (following->fd >= 0)
		close(following->fd);
	following->fd = -1;
}

/* One request to the daemon; EXIT_DONE also when it is away. */
static int ask_once(struct following *following)
{
	struct answers answers = {.item = take_event, .ctx = following};
	struct ask ask = {.cli = following->cli,
		.request = tail_request(following, MOST),
		.answers = &answers};
	enum reach reach = REACH_FINISHED;
	int status = EXIT_DONE;
	struct err err;

	cJSON_AddNumberToObject(ask.request, "wait_ms", WAIT_MS);
	if (following->fd < 0)
		reach = socket_connect(following->cli->state_dir, &following->fd, &err);
	if (reach == REACH_FINISHED)
		reach = socket_ask(&ask, following->fd, &err);
	if (reach == REACH_FINISHED && answers.done) {
		following->after = json_integer(answers.done, "last", following->after);
		tell_back(following);
	} else if (reach == REACH_FINISHED) {
		status = ask.status; /* it was told */
	} else {
		disconnect(following);
		tell_away(following);
		nap();
	}
	cJSON_Delete(answers.done);
	cJSON_Delete(ask.request);
	cJSON_Delete(ask.paused);
	return status;
}

static int follow(struct following *following)
{
	int status = EXIT_DONE;

	while (status == EXIT_DONE && !reader_gone()) {
		status = ask_once(following);
		write_out(following->cli);
	}
	disconnect(following);
	return status;
}

/* ---- the command ---- */

/* -1: it is none, which was told. */
static int64_t wanted(struct cli *cli, const struct arguments *args)
{
	const char *text = arguments_value(args, "limit");
	char *end = NULL;
	long long limit = text ? strtoll(text, &end, 10) : TEN;

	if (!text || (*text && !*end && limit >= 0 && limit <= MOST))
		return limit;
	cli_usage(cli, "--limit: \"%s\" is not a number of events, 0 to %d", text, MOST);
	return -1;
}

int cmd_tail(struct cli *cli, const struct arguments *args)
{
	struct following following = {.cli = cli, .fd = -1};
	struct answers answers = {.item = take_event, .ctx = &following};
	int64_t limit;
	int status;

	if (args->word_count > 1)
		return cli_usage(cli, "tail takes no words; -f goes on");
	limit = wanted(cli, args);
	if (limit < 0)
		return EXIT_USAGE;
	signal(SIGPIPE, SIG_IGN);
	if (arguments_has(args, "follow")) {
		on_terminal = cli->terminal;
		signal(SIGINT, on_stop);
		signal(SIGTERM, on_stop);
	}
	status = cli_ask(cli, tail_request(&following, limit), &answers);
	if (status == EXIT_DONE)
		following.after = json_integer(answers.done, "last", 0);
	cJSON_Delete(answers.done);
	if (status != EXIT_DONE || !arguments_has(args, "follow"))
		return status;
	if (!following.at)
		following.at = cli->now;
	write_out(cli);
	return follow(&following);
}
