/* The table of commands: each has its help, and what is not in this version says so. */
#include "leadctl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void every_command_explains_itself(void **state)
{
	(void)state;
	for (const struct command *command = commands; command->name; command++) {
		struct cli cli = {0};

		help_print(&cli, command);
		assert_non_null(strstr(buf_str(&cli.out), "\nExample:\n  leadctl "));
		assert_non_null(strstr(buf_str(&cli.out), command->usage));
		buf_finish(&cli.out);
	}
}

static void the_overview_lists_what_there_is(void **state)
{
	struct cli cli = {0};

	(void)state;
	help_print(&cli, NULL);
	assert_non_null(strstr(buf_str(&cli.out), "  config "));
	for (const struct command *command = commands; command->name; command++)
		assert_non_null(strstr(buf_str(&cli.out), command->name));
	buf_finish(&cli.out);
}

static void commands_are_found_by_their_whole_name(void **state)
{
	(void)state;
	assert_non_null(command_find("replay"));
	assert_null(command_find("repl"));
	assert_null(command_find("fly"));
}

/* Widest line of help: it has to fit a terminal. */
static void help_fits_a_terminal(void **state)
{
	(void)state;
	for (const struct command *command = commands; command->name; command++) {
		struct cli cli = {0};
		const char *line;

		help_print(&cli, command);
		for (line = buf_str(&cli.out); *line; line += strcspn(line, "\n") + 1)
			if (strcspn(line, "\n") > 79)
				fail_msg("%.100s", line);
		buf_finish(&cli.out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_explains_itself),
		cmocka_unit_test(the_overview_lists_what_there_is),
		cmocka_unit_test(commands_are_found_by_their_whole_name),
		cmocka_unit_test(help_fits_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
