/*
 * What the files of leadctl share: the run of one command, its output, its requests.
 *
 * A command builds a request, cli_ask has it executed (by the daemon over control.sock,
 * or here under the lock), and what comes back is JSON either way: printed as it is with
 * --json, else as words.
 */
#ifndef LEADCTL_H
#define LEADCTL_H

#include "arguments.h"

#include "leadrelay/buf.h"
#include "leadrelay/config.h"
#include "leadrelay/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

enum exit_status { /* contract 8 */
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_ATTENTION = 3,
	EXIT_NONE = 4, /* no such lead, destination, source */
	EXIT_HELD = 5, /* another process holds the store */
};

struct cli {
	const char *config_file;
	bool json;
	bool terminal; /* standard output is one */
	int width;     /* its columns; 0: it is none, lines may be of any length */
	bool colour;   /* and may be coloured */
	bool whole;    /* a part of the output is no use: it is told when it ends early */
	bool progress; /* standard error is a terminal */
	bool asks;     /* somebody sits there to answer */
	bool progress_shown; /* a line of progress stands on the terminal */
	int64_t now;         /* wall, at start */
	struct buf out;      /* standard output, not yet written */
	/* Not NULL: somebody waits for the lock, do not block on standard output now. */
	bool (*hurried)(void *ctx);
	void *hurried_ctx;
	char *state_dir;
	struct config *config; /* NULL: bad, or not needed */
	const char *command;   /* its name, for messages */
};

/* ---- commands ---- */

enum need { NEED_NOTHING, NEED_STATE_DIR, NEED_CONFIG };

struct command {
	const char *name;
	int (*run)(struct cli *cli, const struct arguments *args); /* an exit_status */
	enum need need;
	const struct option_rule *options;
	const char *usage; /* behind "leadctl " */
	const char *summary;
	const char *text; /* help: what there is to know; lines end in \n */
	const char *example;
};

extern const struct command commands[]; /* ends with a NULL name */
extern const struct option_rule global_options[];
extern const struct option_rule list_options[], export_options[], import_options[],
	reconcile_options[], show_options[], replay_options[], change_options[],
	validate_options[], destinations_options[], report_options[],
	notifications_options[], backup_options[], init_options[], tail_options[],
	status_options[], no_options[];
const struct command *command_find(const char *name); /* NULL: none */
const struct option_rule *command_options(const char *name);

/* What `config keys` prints: the keys whose path begins with wanted. */
int config_keys_print(struct cli *cli, const char *wanted);
void help_print(struct cli *cli, const struct command *command); /* NULL: of all */

/* The whole program: what main returns. */
int cli_main(int argc, char **argv);

int cmd_status(struct cli *cli, const struct arguments *args);
int cmd_import(struct cli *cli, const struct arguments *args);
int cmd_list(struct cli *cli, const struct arguments *args);
int cmd_export(struct cli *cli, const struct arguments *args);
int cmd_reconcile(struct cli *cli, const struct arguments *args);
int cmd_show(struct cli *cli, const struct arguments *args);
int cmd_change(struct cli *cli, const struct arguments *args);
int cmd_destinations(struct cli *cli, const struct arguments *args);
int cmd_report(struct cli *cli, const struct arguments *args);
int cmd_notifications(struct cli *cli, const struct arguments *args);
int cmd_prune(struct cli *cli, const struct arguments *args);
int cmd_resume(struct cli *cli, const struct arguments *args);
int cmd_check(struct cli *cli, const struct arguments *args);
int cmd_restore(struct cli *cli, const struct arguments *args);
int cmd_salvage(struct cli *cli, const struct arguments *args);
int cmd_doctor(struct cli *cli, const struct arguments *args);
int cmd_tail(struct cli *cli, const struct arguments *args);
int cmd_shape(struct cli *cli, const struct arguments *args);
int cmd_init(struct cli *cli, const struct arguments *args);
int cmd_forget(struct cli *cli, const struct arguments *args);
int cmd_backup(struct cli *cli, const struct arguments *args);
int cmd_validate(struct cli *cli, const struct arguments *args);
int cmd_config(struct cli *cli, const struct arguments *args);
int cmd_version(struct cli *cli, const struct arguments *args);
const char *version_text(void);

/* ---- preparing: configuration, state_dir, who we are ---- */

/* Sets state_dir and config as far as needed. As root becomes the owner of state_dir. An
 * exit_status; EXIT_DONE: go on. */
int cli_prepare(struct cli *cli, enum need need);
/* When run as root: becomes the owner of dir, for good, before anything in it is opened.
 */
enum err_code owner_become(const char *dir, struct err *err);

/* ---- asking ---- */

struct answers {                                    /* what comes back of a request */
	void (*item)(void *ctx, const cJSON *item); /* NULL: ignored */
	void *ctx;
	const char
		*progress; /* the word behind a count: "replayed"; NULL: none is shown */
	cJSON *done;       /* out: the caller's to cJSON_Delete */
	bool quiet;        /* a failure is nobody's news */
};
/* Takes request. EXIT_DONE: answers->done is set; else the failure was told on standard
 * error. */
int cli_ask(struct cli *cli, cJSON *request, struct answers *answers);
/* Takes request; tried once. The caller's to cJSON_Delete; NULL when nobody can answer
 * now, without a word. */
cJSON *cli_ask_quietly(struct cli *cli, cJSON *request);
cJSON *request_create(const char *command);
/* The filters of the command line (`--email -` is read from standard input); an
 * exit_status. */
int request_add_filters(struct cli *cli, cJSON *request, const struct arguments *args);
/* --limit N, where it was given; an exit_status. */
int request_add_limit(struct cli *cli, cJSON *request, const struct arguments *args);

/* ---- saying ---- */

int cli_usage(struct cli *cli, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
int cli_fail(struct cli *cli, const struct err *err); /* tells it; its exit_status */
void cli_warn(struct cli *cli, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Problems of the configuration, a line each; none: otherwise. */
void cli_complain(struct cli *cli, const char *lines, const char *otherwise);
/* One document, or one line of several. */
void cli_print_json(struct cli *cli, const cJSON *document);
/* Writes what is waiting in cli->out; stops early when hurried. */
void cli_flush(struct cli *cli);
void cli_flush_full(struct cli *cli); /* only once a good deal is waiting */
/* The columns of the terminal that standard output is, now; 0: it is none. */
int terminal_width(void);
void progress_show(struct cli *cli, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void progress_clear(struct cli *cli);

enum colour { PLAIN, BOLD, RED, GREEN, YELLOW, DIM };
const char *colour_start(const struct cli *cli, enum colour colour); /* "" when not */
const char *colour_end(const struct cli *cli);
enum colour state_colour(const char *state);

/* Text of leads and remotes for people: control characters escaped. */
void out_text(struct cli *cli, const char *text);
/* 12,345 */
#define COUNT_TEXT_SIZE 32
const char *count_text(int64_t count, char out[COUNT_TEXT_SIZE]);
/* "1 lead", "12,345 leads" */
void out_count(struct cli *cli, int64_t count, const char *one, const char *many);
/* "2h 05m" since a time as JSON has it; "" when there is none. */
#define AGE_TEXT_SIZE 48
const char *age_text(const struct cli *cli, const char *time, char out[AGE_TEXT_SIZE]);
/* 2026-11-22 13:14:28Z */
const char *moment_text(const char *time, char out[AGE_TEXT_SIZE]);

/* ---- words: what to do about it ---- */

/* Adds a sentence with the command to run; nothing when there is nothing to do. */
void remedy_destination(struct buf *out, const cJSON *destination);
void remedy_delivery(struct buf *out, const char *id, const cJSON *delivery);

#endif
