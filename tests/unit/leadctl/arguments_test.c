/* The command line: options anywhere sensible, and each mistake named. */
#include "arguments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct option_rule global[] = {{"config", "FILE", "", false, 'c'},
	{"json", NULL, "", false, '\0'}, {NULL, NULL, NULL, false, '\0'}};
static const struct option_rule of_list[] = {{"limit", "N", "", false, '\0'},
	{"set", "F=V", "", true, '\0'}, {"watch", "[=N]", "", false, '\0'},
	{NULL, NULL, NULL, false, '\0'}};

static const struct option_rule *own(const char *command)
{
	return strcmp(command, "list") == 0 ? of_list : NULL;
}

/* The arguments are the words of line. */
static enum err_code parse(struct arguments *out, const char *line, struct err *err)
{
	static char text[256];
	char *argv[16] = {(char[]){"leadctl"}}, *word;
	int argc = 1;

	strcpy(text, line);
	for (word = strtok(text, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	return arguments_parse(out, argc, argv, global, own, err);
}

static void options_stand_anywhere(void **state)
{
	struct arguments args;
	struct err err;

	(void)state;
	assert_int_equal(
		parse(&args, "-c a.yaml list --limit 5 --json word", &err), ERR_OK);
	assert_int_equal(args.word_count, 2);
	assert_string_equal(args.words[0], "list");
	assert_string_equal(args.words[1], "word");
	assert_string_equal(arguments_value(&args, "config"), "a.yaml");
	assert_string_equal(arguments_value(&args, "limit"), "5");
	assert_true(arguments_has(&args, "json"));
	arguments_finish(&args);
}

static void values_are_joined_or_apart(void **state)
{
	struct arguments args;
	struct err err;

	(void)state;
	assert_int_equal(parse(&args, "list --limit=7 -cb.yaml", &err), ERR_OK);
	assert_string_equal(arguments_value(&args, "limit"), "7");
	assert_string_equal(arguments_value(&args, "config"), "b.yaml");
	assert_null(arguments_value(&args, "set"));
	arguments_finish(&args);
}

static void a_value_may_be_left_out_where_the_rule_says_so(void **state)
{
	struct arguments args;
	struct err err;

	(void)state;
	assert_int_equal(parse(&args, "list --watch 5", &err), ERR_OK);
	assert_true(arguments_has(&args, "watch"));
	assert_null(arguments_value(&args, "watch"));
	assert_string_equal(args.words[1], "5");
	arguments_finish(&args);
	assert_int_equal(parse(&args, "list --watch=7", &err), ERR_OK);
	assert_string_equal(arguments_value(&args, "watch"), "7");
	arguments_finish(&args);
}

static void a_dash_is_a_word_and_two_end_the_options(void **state)
{
	struct arguments args;
	struct err err;

	(void)state;
	assert_int_equal(parse(&args, "list - -- --limit", &err), ERR_OK);
	assert_int_equal(args.word_count, 3);
	assert_string_equal(args.words[1], "-");
	assert_string_equal(args.words[2], "--limit");
	arguments_finish(&args);
}

static void an_option_may_repeat_when_it_says_so(void **state)
{
	struct arguments args;
	struct err err;

	(void)state;
	assert_int_equal(parse(&args, "list --set a=1 --set b=2", &err), ERR_OK);
	assert_int_equal(args.given_count, 2);
	assert_string_equal(args.given[1].value, "b=2");
	arguments_finish(&args);
	assert_int_equal(parse(&args, "list --limit 1 --limit 2", &err), ERR_INVALID);
	assert_non_null(strstr(err.text, "twice"));
}

static void mistakes_are_named(void **state)
{
	static const char *const lines[] = {"list --limt 5", "list --limit",
		"--limit 5 list", "list --json=yes", "list -x", "status --limit 5"};
	struct arguments args;
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		assert_int_equal(parse(&args, lines[i], &err), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_stand_anywhere),
		cmocka_unit_test(values_are_joined_or_apart),
		cmocka_unit_test(a_value_may_be_left_out_where_the_rule_says_so),
		cmocka_unit_test(a_dash_is_a_word_and_two_end_the_options),
		cmocka_unit_test(an_option_may_repeat_when_it_says_so),
		cmocka_unit_test(mistakes_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
