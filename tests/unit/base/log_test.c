#include "leadrelay/log.h"

#include "leadrelay/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t fixed_wall(void *ctx)
{
	(void)ctx;
	return INT64_C(1795353268000);
}

static const struct clock fixed_clock = {.wall = fixed_wall};

#define AT "2026-11-22T13:14:28.000Z"

static int saved_stderr;
static int capture[2];

/* From here to captured(), standard error is a pipe. */
static void start_capture(void)
{
	assert_int_equal(pipe(capture), 0);
	saved_stderr = dup(STDERR_FILENO);
	dup2(capture[1], STDERR_FILENO);
}

/* What was written; one read is one write as long as nothing else was. */
static const char *captured(void)
{
	static char text[65536];
	size_t len = 0;
	ssize_t got;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(capture[1]);
	while ((got = read(capture[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)got;
	close(capture[0]);
	text[len] = '\0';
	return text;
}

static void setup(enum log_level level, enum log_format format)
{
	unsetenv("JOURNAL_STREAM");
	log_setup(level, format, &fixed_clock);
}

static void a_text_line_has_time_level_event_and_pairs(void **state)
{
	(void)state;
	setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	start_capture();
	log_info("destination parked", "destination", "crm", "reason", "unauthorized",
		NULL);
	assert_string_equal(captured(),
		AT " info destination parked destination=crm reason=unauthorized\n");
}

static void a_json_line_is_one_object(void **state)
{
	(void)state;
	setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	start_capture();
	log_warn("destination parked", "destination", "crm", "left out", NULL, "n",
		log_num(-7, (char[LOG_NUMBER_SIZE]){0}), NULL);
	assert_string_equal(captured(),
		"{\"at\":\"" AT "\",\"level\":\"warn\",\"event\":\"destination parked\","
		"\"destination\":\"crm\",\"n\":\"-7\"}\n");
}

static void lines_below_the_level_are_left_out(void **state)
{
	(void)state;
	setup(LOG_LEVEL_WARN, LOG_FORMAT_TEXT);
	assert_false(log_enabled(LOG_LEVEL_DEBUG));
	assert_false(log_enabled(LOG_LEVEL_INFO));
	assert_true(log_enabled(LOG_LEVEL_WARN));
	assert_true(log_enabled(LOG_LEVEL_ERROR));
	start_capture();
	log_debug("a", NULL);
	log_info("b", NULL);
	log_warn("c", NULL);
	log_error("d", NULL);
	assert_string_equal(captured(), AT " warn c\n" AT " error d\n");
	setup(LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
	start_capture();
	log_debug("a", NULL);
	assert_string_equal(captured(), AT " debug a\n");
}

static void no_value_can_forge_a_line_or_a_pair(void **state)
{
	(void)state;
	setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	start_capture();
	log_info("e", "a", "x\n" AT " error forged", "b", "1 c=2", "d", "say \"hi\" \\",
		"e", "", "f", "\x1b[2J\x7f\t\r\xc2\x85\xff\xc3", "g", "\xc3\xa9t\xc3\xa9",
		"h", "i=j", NULL);
	assert_string_equal(captured(),
		AT " info e a=\"x\\n" AT " error forged\" b=\"1 c=2\" d=\"say \\\"hi\\\" "
		   "\\\\\" e=\"\" f=\"\\x1b[2J\\x7f\\t\\x0d\\x85\\xff\\xc3\" "
		   "g=\xc3\xa9t\xc3\xa9 h=\"i=j\"\n");
}

static void json_values_read_back_as_they_were(void **state)
{
	static const char value[] =
		"q\" b\\ n\n t\t e\x1b d\x7f \xc3\xa9 \xf0\x9f\x98\x80 c\xc2\x85";
	const char *line;
	cJSON *root;

	(void)state;
	setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	start_capture();
	log_info("e", "v", value, "bad", "x\xff\xc3y", NULL);
	line = captured();
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	root = cJSON_Parse(line);
	assert_non_null(root);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(root, "v")), value);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(root, "bad")),
		"x\xef\xbf\xbd\xef\xbf\xbdy");
	cJSON_Delete(root);
}

static void write_long_line(const char *unit)
{
	static char value[20001];

	value[0] = '\0';
	for (size_t i = 0; i + strlen(unit) < sizeof(value); i += strlen(unit))
		memcpy(value + i, unit, strlen(unit) + 1);
	start_capture();
	log_info("e", "long", value, "after", "x", NULL);
}

static void a_long_line_is_cut_at_a_pipes_atomic_size(void **state)
{
	static const char *const units[] = {
		"a", "\xc3\xa9", "\"", "\x01", "\xf0\x9f\x98\x80", " "};

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		const char *line;
		cJSON *root;

		setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
		write_long_line(units[i]);
		line = captured();
		assert_in_range(strlen(line), 4000, 4096);
		assert_non_null(strstr(line, "..."));
		assert_null(strstr(line, "after"));
		assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);

		setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
		write_long_line(units[i]);
		line = captured();
		assert_in_range(strlen(line), 4000, 4096);
		root = cJSON_Parse(line);
		assert_non_null(root);
		assert_int_equal(cJSON_GetArraySize(root), 4);
		cJSON_Delete(root);
	}
}

static void many_pairs_are_cut_between_pairs(void **state)
{
	char value[64];
	cJSON *root;

	(void)state;
	memset(value, 'v', sizeof(value) - 1);
	value[63] = '\0';
	setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
	for (size_t len = 0; len < 63; len++) { /* every place where the line can end */
		const char *line;

		value[len] = '\0';
		start_capture();
#define FOUR(k) k, value, k, value, k, value, k, value
#define SIXTEEN(k) FOUR(k), FOUR(k), FOUR(k), FOUR(k)
		log_info("e",
			SIXTEEN("a_key_of_some_length_____________________________"),
			SIXTEEN("b_key_of_some_length_____________________________"),
			SIXTEEN("c_key_of_some_length_____________________________"),
			SIXTEEN("d_key_of_some_length_____________________________"),
			SIXTEEN("e_key_of_some_length_____________________________"),
			NULL);
		line = captured();
		assert_in_range(strlen(line), 4000, 4096);
		root = cJSON_Parse(line);
		assert_non_null(root);
		cJSON_Delete(root);
		value[len] = 'v';
	}
}

/* A journal of our own: standard error is a pipe that JOURNAL_STREAM names. */
static void name_stderr_as_journal(int inode_offset)
{
	char stream[64];
	struct stat st;

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev,
		(uintmax_t)st.st_ino + (uintmax_t)inode_offset);
	setenv("JOURNAL_STREAM", stream, 1);
}

static void write_all_levels(enum log_format format)
{
	log_setup(LOG_LEVEL_DEBUG, format, &fixed_clock);
	log_debug("a", NULL);
	log_info("b", "k", "v", NULL);
	log_warn("c", NULL);
	log_error("d", NULL);
}

static void the_journal_gets_priorities(void **state)
{
	(void)state;
	start_capture();
	name_stderr_as_journal(0);
	write_all_levels(LOG_FORMAT_TEXT);
	assert_string_equal(captured(), "<7>a\n<6>b k=v\n<4>c\n<3>d\n");
	start_capture();
	name_stderr_as_journal(0);
	write_all_levels(LOG_FORMAT_JSON);
	assert_int_equal(captured()[0], '{');
}

static void another_stream_than_the_journal_gets_the_time(void **state)
{
	static const char *const streams[] = {"", "1", "x:y", ":"};

	(void)state;
	start_capture();
	name_stderr_as_journal(1);
	write_all_levels(LOG_FORMAT_TEXT);
	assert_memory_equal(captured(), AT " debug a\n", strlen(AT " debug a\n"));
	for (size_t i = 0; i < 4; i++) {
		start_capture();
		setenv("JOURNAL_STREAM", streams[i], 1);
		write_all_levels(LOG_FORMAT_TEXT);
		assert_memory_equal(captured(), AT, strlen(AT));
	}
	unsetenv("JOURNAL_STREAM");
}

static void errno_survives_a_line(void **state)
{
	(void)state;
	setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	start_capture();
	close(STDERR_FILENO);
	errno = ENOENT;
	log_info("e", NULL);
	assert_int_equal(errno, ENOENT);
	assert_string_equal(captured(), "");
}

#define THREADS 4
#define LINES 40

static void *write_lines(void *arg)
{
	for (int i = 0; i < LINES; i++)
		log_info("event", "thread", (const char *)arg, "again", (const char *)arg,
			NULL);
	return NULL;
}

static void lines_of_threads_do_not_mix(void **state)
{
	static const char *const names[THREADS] = {
		"aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc", "dddddddddd"};
	pthread_t threads[THREADS];
	const char *line;
	int lines = 0;

	(void)state;
	setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	start_capture();
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines,
					 (void *)(uintptr_t)names[i]),
			0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (line = captured(); *line; line = strchr(line, '\n') + 1, lines++) {
		char expected[128];
		const char *name = strstr(line, "thread=") + strlen("thread=");

		snprintf(expected, sizeof(expected),
			AT " info event thread=%.10s again=%.10s\n", name, name);
		assert_memory_equal(line, expected, strlen(expected));
	}
	assert_int_equal(lines, THREADS * LINES);
}

static void numbers_are_written_in_full(void **state)
{
	char text[LOG_NUMBER_SIZE];

	(void)state;
	assert_ptr_equal(log_num(0, text), text);
	assert_string_equal(text, "0");
	assert_string_equal(log_num(INT64_MIN, text), "-9223372036854775808");
	assert_string_equal(log_num(INT64_MAX, text), "9223372036854775807");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_text_line_has_time_level_event_and_pairs),
		cmocka_unit_test(a_json_line_is_one_object),
		cmocka_unit_test(lines_below_the_level_are_left_out),
		cmocka_unit_test(no_value_can_forge_a_line_or_a_pair),
		cmocka_unit_test(json_values_read_back_as_they_were),
		cmocka_unit_test(a_long_line_is_cut_at_a_pipes_atomic_size),
		cmocka_unit_test(many_pairs_are_cut_between_pairs),
		cmocka_unit_test(the_journal_gets_priorities),
		cmocka_unit_test(another_stream_than_the_journal_gets_the_time),
		cmocka_unit_test(errno_survives_a_line),
		cmocka_unit_test(lines_of_threads_do_not_mix),
		cmocka_unit_test(numbers_are_written_in_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
