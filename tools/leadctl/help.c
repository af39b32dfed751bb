/* leadctl --help, leadctl COMMAND --help. */
#include "leadctl.h"

#include <string.h>

#define OPTION_WIDTH 24

static void print_option(struct cli *cli, const struct option_rule *rule)
{
	struct buf left = BUF_INIT;

	if (rule->letter)
		buf_addf(&left, "-%c, ", rule->letter);
	buf_addf(&left, "--%s%s%s", rule->name, rule->value ? " " : "",
		rule->value ? rule->value : "");
	buf_addf(&cli->out, "  %-*s %s\n", OPTION_WIDTH, buf_str(&left), rule->text);
	buf_finish(&left);
}

static void print_options(struct cli *cli, const struct option_rule *rules)
{
	for (; rules->name; rules++)
		print_option(cli, rules);
}

static void print_overview(struct cli *cli)
{
	buf_adds(&cli->out, "leadctl looks into a lead relay and steers it.\n\n"
			    "  leadctl [-c FILE] [--json] COMMAND\n\nCommands:\n");
	for (const struct command *command = commands; command->name; command++)
		buf_addf(&cli->out, "  %-*s %s\n", OPTION_WIDTH, command->name,
			command->summary);
	buf_adds(&cli->out, "\nOptions:\n");
	print_options(cli, global_options);
	buf_adds(&cli->out,
		"\nExit status: 0 done; 1 failed; 2 usage or configuration; 3 something "
		"needs attention;\n4 no such lead, destination or report; 5 another process holds "
		"the outbox.\n\n`leadctl COMMAND --help` says more, with an example.\n");
}

static void print_command(struct cli *cli, const struct command *command)
{
	buf_addf(&cli->out, "leadctl %s\n\n%s\n\n", command->usage, command->summary);
	if (*command->text)
		buf_addf(&cli->out, "%s", command->text);
	if (command->options->name) {
		buf_adds(&cli->out, "\nOptions:\n");
		print_options(cli, command->options);
	}
	buf_addf(&cli->out, "\nExample:\n  %s\n", command->example);
}

void help_print(struct cli *cli, const struct command *command)
{
	if (command)
		print_command(cli, command);
	else
		print_overview(cli);
}
