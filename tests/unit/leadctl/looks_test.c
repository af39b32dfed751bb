/* Numbers, times, columns and what to do, as people see them. */
#include "table.h"

#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void numbers_have_their_commas(void **state)
{
	char text[COUNT_TEXT_SIZE];

	(void)state;
	assert_string_equal(count_text(0, text), "0");
	assert_string_equal(count_text(999, text), "999");
	assert_string_equal(count_text(1000, text), "1,000");
	assert_string_equal(count_text(1234567, text), "1,234,567");
	assert_string_equal(count_text(-1000, text), "-1,000");
	assert_string_equal(count_text(-100, text), "-100");
}

static void moments_are_short(void **state)
{
	char text[AGE_TEXT_SIZE];

	(void)state;
	assert_string_equal(
		moment_text("2026-11-22T13:14:28.123Z", text), "2026-11-22 13:14:28Z");
	assert_string_equal(moment_text(NULL, text), "");
}

static void ages_count_from_the_start_of_the_command(void **state)
{
	struct cli cli = {.now = 1795000000000};
	char text[AGE_TEXT_SIZE];

	(void)state;
	assert_string_equal(
		age_text(&cli, "1970-01-01T00:00:00.000Z", text), "20775d 11h");
	assert_string_equal(age_text(&cli, NULL, text), "");
	assert_string_equal(age_text(&cli, "3000-01-01T00:00:00.000Z", text), "0s");
}

static void columns_are_those_of_the_terminal(void **state)
{
	(void)state;
	assert_int_equal(text_columns("abc"), 3);
	assert_int_equal(text_columns("Zo\u00eb"), 3);
	assert_int_equal(text_columns("\u5317\u4eac"), 4);
	assert_int_equal(text_columns("e\u0301"), 1);
	assert_int_equal(text_prefix("\u5317\u4eac", 3), 3);
	assert_int_equal(text_prefix("abc", 10), 3);
}

static void a_table_is_aligned_and_escaped(void **state)
{
	static const struct column columns[] = {
		{"NAME", 6, false}, {"N", 0, true}, {NULL, 0, false}};
	struct cli cli = {0};
	struct table table;

	(void)state;
	table_init(&table, columns, "");
	table_add(&table, "Zo\u00eb", PLAIN);
	table_add_count(&table, 1, PLAIN);
	table_add(&table, "a\033[2Jb", PLAIN);
	table_add_count(&table, 1000, RED);
	table_add(&table, NULL, PLAIN);
	table_add_count(&table, 2, PLAIN);
	table_flush(&table, &cli);
	assert_string_equal(buf_str(&cli.out), "NAME        N\n"
					       "Zo\u00eb         1\n"
					       "a\\x1b\u2026  1,000\n"
					       "            2\n");
	table_finish(&table);
	buf_finish(&cli.out);
}

static void colour_is_for_terminals(void **state)
{
	struct cli cli = {0};

	(void)state;
	assert_string_equal(colour_start(&cli, RED), "");
	assert_string_equal(colour_end(&cli), "");
	cli.colour = true;
	assert_string_equal(colour_start(&cli, RED), "\033[31m");
	assert_int_equal(state_colour("parked"), RED);
	assert_int_equal(state_colour("pending"), PLAIN);
}

static void a_remedy_holds_the_command_to_run(void **state)
{
	cJSON *parked = cJSON_Parse("{\"name\":\"crm\",\"state\":\"parked\","
				    "\"reason\":\"operator\"}");
	cJSON *open =
		cJSON_Parse("{\"name\":\"crm\",\"state\":\"open\",\"reason\":null}");
	cJSON *dead = cJSON_Parse("{\"destination\":\"crm\",\"state\":\"dead\","
				  "\"reason\":\"invalid\"}");
	struct buf out = BUF_INIT;

	(void)state;
	remedy_destination(&out, parked);
	assert_non_null(strstr(buf_str(&out), "`leadctl destinations resume crm`"));
	buf_clear(&out);
	remedy_destination(&out, open);
	assert_int_equal(out.len, 0);
	remedy_delivery(&out, "0199", dead);
	assert_non_null(strstr(buf_str(&out), "`leadctl replay 0199 --set field=value`"));
	buf_finish(&out);
	cJSON_Delete(parked);
	cJSON_Delete(open);
	cJSON_Delete(dead);
}

static void json_on_a_terminal_moves_no_cursor(void **state)
{
	struct cli terminal = {.terminal = true}, file = {0};
	cJSON *text = cJSON_CreateString("a\033\177\xc2\x9b\u00e9");

	(void)state;
	cli_print_json(&terminal, text);
	assert_string_equal(buf_str(&terminal.out), "\"a\\u001b\\u007f\\u009b\u00e9\"\n");
	cli_print_json(&file, text);
	assert_string_equal(buf_str(&file.out), "\"a\\u001b\177\xc2\x9b\u00e9\"\n");
	cJSON_Delete(text);
	buf_finish(&terminal.out);
	buf_finish(&file.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_have_their_commas),
		cmocka_unit_test(moments_are_short),
		cmocka_unit_test(ages_count_from_the_start_of_the_command),
		cmocka_unit_test(columns_are_those_of_the_terminal),
		cmocka_unit_test(a_table_is_aligned_and_escaped),
		cmocka_unit_test(colour_is_for_terminals),
		cmocka_unit_test(a_remedy_holds_the_command_to_run),
		cmocka_unit_test(json_on_a_terminal_moves_no_cursor),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
