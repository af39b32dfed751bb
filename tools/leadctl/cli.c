/* One run of leadctl: from the command line to the exit status. */
#include "leadctl.h"

#include "leadrelay/clock.h"
#include "leadrelay/log.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void look_around(struct cli *cli)
{
	const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");
	bool dumb = terminal && strcmp(terminal, "dumb") == 0;

	cli->now = clock_wall(&clock_system);
	cli->terminal = isatty(STDOUT_FILENO);
	cli->width = terminal_width();
	cli->colour = cli->terminal && !dumb && !(no_colour && *no_colour);
	cli->progress = isatty(STDERR_FILENO) && !dumb;
	cli->asks = isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static void apply_globals(struct cli *cli, const struct arguments *args)
{
	const char *file = arguments_value(args, "config");

	cli->config_file = file ? file : config_default_file();
	cli->json = arguments_has(args, "json");
}

static int run(struct cli *cli, const struct arguments *args)
{
	const char *name = args->word_count ? args->words[0] : NULL;
	const struct command *command = name ? command_find(name) : NULL;
	bool help = arguments_has(args, "help") || (name && strcmp(name, "help") == 0);
	int status;

	if (name && strcmp(name, "help") == 0 && args->word_count > 1)
		command = command_find(args->words[1]);
	if (name && !command && strcmp(name, "help") != 0)
		return cli_usage(cli, "there is no command \"%s\"", name);
	if (help) {
		help_print(cli, command);
		return EXIT_DONE;
	}
	if (!command && arguments_has(args, "version"))
		return cmd_version(cli, args);
	if (!command)
		return cli_usage(cli, "which command?");
	cli->command = command->name;
	status = cli_prepare(cli, command->need);
	return status == EXIT_DONE ? command->run(cli, args) : status;
}

int cli_main(int argc, char **argv)
{
	struct cli cli = {0};
	struct arguments args = {0};
	struct err err;
	int status;

	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		setlocale(LC_CTYPE, "");
	log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, &clock_system);
	look_around(&cli);
	if (arguments_parse(&args, argc, argv, global_options, command_options, &err) ==
		ERR_OK) {
		apply_globals(&cli, &args);
		status = run(&cli, &args);
	} else {
		status = cli_usage(&cli, "%s", err.text);
	}
	cli_flush(&cli);
	arguments_finish(&args);
	config_destroy(cli.config);
	free(cli.state_dir);
	buf_finish(&cli.out);
	return status;
}
