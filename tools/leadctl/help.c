/* leadctl --help, leadctl COMMAND --help: for a terminal of 80 columns. */
#include "leadctl.h"

#include <string.h>

#define OPTION_WIDTH 24
#define LINE_WIDTH 79

/* Words up to LINE_WIDTH, further lines indented; an empty line stays one. column is
 * where the first word goes. */
static void print_words(struct cli *cli, const char *text, int indent, int column)
{
	bool first = true;

	for (;;) {
		size_t breaks = 0;
		size_t len;

		for (; *text == ' ' || *text == '\n'; text++)
			breaks += *text == '\n';
		if (!*text)
			break;
		len = strcspn(text, " \n");
		if (breaks > 1) {
			buf_addf(&cli->out, "\n\n%*s", indent, "");
			column = indent;
		} else if (!first && column + 1 + (int)len > LINE_WIDTH) {
			buf_addf(&cli->out, "\n%*s", indent, "");
			column = indent;
		} else if (!first) {
			buf_addc(&cli->out, ' ');
			column++;
		}
		buf_add(&cli->out, text, len);
		column += (int)len;
		text += len;
		first = false;
	}
	buf_addc(&cli->out, '\n');
}

/* "  left                     text" */
static void print_row(struct cli *cli, const char *left, const char *text)
{
	const int indent = OPTION_WIDTH + 3;

	if (strlen(left) > OPTION_WIDTH)
		buf_addf(&cli->out, "  %s\n%*s", left, indent, "");
	else
		buf_addf(&cli->out, "  %-*s ", OPTION_WIDTH, left);
	print_words(cli, text, indent, indent);
}

static void print_options(struct cli *cli, const struct option_rule *rules)
{
	for (; rules->name; rules++) {
		struct buf left = BUF_INIT;

		if (rules->letter)
			buf_addf(&left, "-%c, ", rules->letter);
		buf_addf(&left, "--%s%s%s", rules->name,
			rules->value && *rules->value != '[' ? " " : "",
			rules->value ? rules->value : "");
		print_row(cli, buf_str(&left), rules->text);
		buf_finish(&left);
	}
}

static void print_overview(struct cli *cli)
{
	buf_adds(&cli->out, "leadctl looks into a lead relay and steers it.\n\n"
			    "  leadctl [-c FILE] [--json] COMMAND\n\nCommands:\n");
	for (const struct command *command = commands; command->name; command++)
		print_row(cli, command->name, command->summary);
	buf_adds(&cli->out, "\nOptions:\n");
	print_options(cli, global_options);
	buf_adds(&cli->out,
		"\nExit status: 0 done; 1 failed; 2 usage or configuration; 3 something\n"
		"needs attention; 4 no such lead, destination or report; 5 another process\n"
		"holds the store.\n\n`leadctl COMMAND --help` says more, with an example; "
		"leadctl(1) says all.\n");
}

static void print_command(struct cli *cli, const struct command *command)
{
	buf_addf(&cli->out, "leadctl %s\n\n%s\n\n", command->usage, command->summary);
	if (*command->text)
		print_words(cli, command->text, 0, 0);
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
