/* Records: what a file's bytes are, line by line. */
#include "leadrelay/buf.h"
#include "leadrelay/csv.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct source { /* a file in memory */
	const char *bytes;
	size_t len, at;
	size_t piece; /* bytes per read; 0: as many as asked for */
	size_t fails_at;
};

static ssize_t read_source(void *ctx, char *out, size_t size)
{
	struct source *source = ctx;
	size_t len = source->len - source->at;

	if (source->fails_at && source->at >= source->fails_at) {
		errno = EIO;
		return -1;
	}
	if (len > size)
		len = size;
	if (source->piece && len > source->piece)
		len = source->piece;
	memcpy(out, source->bytes + source->at, len);
	source->at += len;
	return (ssize_t)len;
}

static struct csv_reader *open_source(
	struct source *source, char delimiter, const char *encoding)
{
	const struct csv_options options = {delimiter, encoding};
	struct csv_reader *reader;
	struct err err;

	if (csv_open(&reader, read_source, source, &options, &err) != ERR_OK)
		fail_msg("%s", err.text);
	return reader;
}

/* All records: "1:[a][b]" per record, "1!2 problem:[a]" of one with a problem, a line
 * each. */
static char *records_of(struct source *source, char delimiter, const char *encoding)
{
	struct csv_reader *reader = open_source(source, delimiter, encoding);
	struct csv_record record;
	struct buf out = BUF_INIT;
	struct err err;
	int found;

	while ((found = csv_next(reader, &record, &err)) == 1) {
		buf_addf(&out, "%d", (int)record.line);
		if (record.problem)
			buf_addf(&out, "!%zu %s", record.column, record.problem);
		buf_addc(&out, ':');
		for (size_t i = 0; i < record.count; i++)
			buf_addf(&out, "[%s]", record.cells[i]);
		if (record.count == 0)
			buf_addf(&out, "{%s}", record.cells[0]);
		buf_addc(&out, '\n');
	}
	if (found < 0)
		buf_addf(&out, "error: %s\n", err.text);
	csv_close(reader);
	return buf_take(&out);
}

/* The same records, whether the file comes at once or byte by byte. */
static void expect_bytes(const char *bytes, size_t len, const char *expected)
{
	for (size_t piece = 0; piece < 4; piece++) {
		struct source source = {.bytes = bytes, .len = len, .piece = piece};
		char *got = records_of(&source, '\0', NULL);

		assert_string_equal(got, expected);
		free(got);
	}
}

static void expect(const char *text, const char *expected)
{
	expect_bytes(text, strlen(text), expected);
}

static void plain_records(void **state)
{
	(void)state;
	expect("", "");
	expect("a,b\n1,2\n", "1:[a][b]\n2:[1][2]\n");
	expect("a,b\r\n1,2", "1:[a][b]\n2:[1][2]\n");
	expect("a,b\r1,2\r\r3,4", "1:[a][b]\n2:[1][2]\n4:[3][4]\n");
	expect("a,b\n\n  \n,\n1,\n", "1:[a][b]\n4:[][]\n5:[1][]\n");
	expect("a\n1", "1:[a]\n2:[1]\n");
	expect("a\n  ", "1:[a]\n");
	expect("a\n 1 \n\" 2 \"\n", "1:[a]\n2:[1]\n3:[ 2 ]\n");
}

static void quoted_cells(void **state)
{
	(void)state;
	expect("a,b\n\"x,\"\"y\"\"\",\"1\n2\r\n3\"\n4,5\n",
		"1:[a][b]\n2:[x,\"y\"][1\n2\r\n3]\n5:[4][5]\n");
	expect("a,b\n5\" disk,the \"\"big\"\" one\n",
		"1:[a][b]\n2:[5\" disk][the \"\"big\"\" one]\n");
	expect("a,b\n  \"x\"  ,\"\"\n", "1:[a][b]\n2:[x][]\n");
}

/* A lone quote costs its own line, not those behind it. */
static void lone_quotes(void **state)
{
	static const char behind[] =
		"behind the quote that ends a cell stands something else than the "
		"delimiter; \"\" is a quote within a cell";
	char expected[512];

	(void)state;
	snprintf(expected, sizeof(expected), "1:[a][b]\n2!1 %s:{\"x\"y,2}\n3:[3][4]\n",
		behind);
	expect("a,b\n\"x\"y,2\n3,4\n", expected);
	snprintf(expected, sizeof(expected),
		"1:[a][b]\n2!2 %s:{1,\"open}\n3:[3][4]\n4:[5][6]\n", behind);
	expect("a,b\n1,\"open\n3,4\n\"5\",6\n", expected);
	expect("a,b\n1,\"open\n3,4\n5,6",
		"1:[a][b]\n2!2 the quote that opens in line 2 or behind it is never closed; "
		"\"\" is a quote within a cell:{1,\"open}\n3:[3][4]\n4:[5][6]\n");
	expect("\"",
		"1!1 the quote that opens in line 1 or behind it is never closed; \"\" is "
		"a quote within a cell:{\"}\n");
}

static void delimiters(void **state)
{
	struct source source = {.bytes = "a|b\n1|2\n", .len = 8};
	char *got;

	(void)state;
	expect("a;b,c;d\n1;2;3\n", "1:[a][b,c][d]\n2:[1][2][3]\n");
	expect("\"a;b;c\",d\n1,2\n", "1:[a;b;c][d]\n2:[1][2]\n");
	expect("a\tb\n1\t\n", "1:[a][b]\n2:[1][]\n");
	expect("sep=;\r\na,b;c\n", "2:[a,b][c]\n");
	expect("one\ntwo\n", "1:[one]\n2:[two]\n");
	got = records_of(&source, '|', NULL);
	assert_string_equal(got, "1:[a][b]\n2:[1][2]\n");
	free(got);
}

static void unusable_options_are_refused(void **state)
{
	static const struct csv_options bad[] = {{'"', NULL}, {'a', NULL}, {'\n', NULL},
		{'\0', "no-such"}, {'\0', "UTF-8//IGNORE"}};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct source source = {.bytes = "a", .len = 1};
		struct csv_reader *reader = NULL;
		struct err err;

		assert_int_equal(csv_open(&reader, read_source, &source, &bad[i], &err),
			ERR_INVALID);
		assert_null(reader);
	}
}

static void encodings(void **state)
{
	struct source latin = {.bytes = "a\n\xe9\x80\n", .len = 5};
	struct source kanji = {.bytes = "a\n\x93\xfa\x96{\n", .len = 7};
	char *got;

	(void)state;
	expect("\xef\xbb\xbfname\nJos\xc3\xa9\n", "1:[name]\n2:[Jos\xc3\xa9]\n");
	expect("nom\nJos\xe9 \x80\n", "1:[nom]\n2:[Jos\xc3\xa9 \xe2\x82\xac]\n");
	expect_bytes("\xff\xfe"
		     "a\0,\0b\0\r\0\n\0\xe9\0,\0\xac\x20",
		18, "1:[a][b]\n2:[\xc3\xa9][\xe2\x82\xac]\n");
	expect_bytes("\xfe\xff\0a\0;\0b\0\n\0"
		     "1\0;\0"
		     "2",
		16, "1:[a][b]\n2:[1][2]\n");
	got = records_of(&latin, '\0', "ISO-8859-15");
	assert_string_equal(got, "1:[a]\n2:[\xc3\xa9\xc2\x80]\n");
	free(got);
	got = records_of(&kanji, '\0', "SHIFT_JIS");
	assert_string_equal(got, "1:[a]\n2:[\xe6\x97\xa5\xe6\x9c\xac]\n");
	free(got);
}

/* A file whose first 64 KiB are UTF-8. */
static void expect_utf8_and(const char *row, const char *expected)
{
	struct buf file = BUF_INIT;
	struct source source;
	char *got;

	buf_adds(&file, "n\xc3\xa9,b\n");
	for (int i = 0; i < 7000; i++)
		buf_adds(&file, "\xc3\xa9tienne,1\n");
	buf_adds(&file, row);
	source = (struct source){.bytes = file.data, .len = file.len};
	got = records_of(&source, '\0', NULL);
	if (!strstr(got, expected))
		fail_msg("%s", got + strlen(got) - 300);
	free(got);
	buf_finish(&file);
}

static void bytes_that_do_not_fit_are_a_problem(void **state)
{
	(void)state;
	expect_utf8_and("1,\xe9t\xe9\n2,3\n",
		"\n7002!2 \"\\xe9t\\xe9\" is not UTF-8, as which the file is read; save all of "
		"it as UTF-8, or say --encoding windows-1252:"
		"[1][\xef\xbf\xbdt\xef\xbf\xbd]\n7003:[2][3]\n");
	expect("n\xe9\nx\x81\n",
		"1:[n\xc3\xa9]\n2!1 \"x\\x81\" is not windows-1252, as which "
		"the file is read; save it as UTF-8, or say --encoding:"
		"[x\xef\xbf\xbd]\n");
	/* half of a pair in UTF-16 costs its own character only */
	expect_bytes("\xff\xfe"
		     "a\0\n\0\0\xd8"
		     "b\0\n\0"
		     "c\0",
		14,
		"1:[a]\n2!1 \"\\xffb\" is not UTF-16LE, as which the file is read; save it as "
		"UTF-8, or say --encoding:[\xef\xbf\xbd"
		"b]\n3:[c]\n");
}

static void nuls_are_a_problem(void **state)
{
	(void)state;
	expect_bytes("a,b\n1,x\0y\n2,3\n", 14,
		"1:[a][b]\n2!2 \"x\\x00y\" holds a NUL, which no text has; a file in UTF-16 without "
		"a byte order mark needs --encoding UTF-16LE:[1][x y]\n3:[2][3]\n");
}

/* The first 64 KiB are ASCII: the first record beyond it decides. */
static void late_encoding(void **state)
{
	struct buf file = BUF_INIT;
	struct source source;
	char *got;

	(void)state;
	buf_adds(&file, "nom\n");
	for (int i = 0; i < 20000; i++)
		buf_adds(&file, "Martin\n");
	buf_adds(&file, "Andr\xe9\nRen\xc3\xa9\n");
	source = (struct source){.bytes = file.data, .len = file.len};
	got = records_of(&source, '\0', NULL);
	assert_non_null(
		strstr(got, "20002:[Andr\xc3\xa9]\n20003:[Ren\xc3\x83\xc2\xa9]\n"));
	free(got);
	buf_finish(&file);
}

static void add_many(struct buf *file, char c, size_t count)
{
	assert_true(buf_reserve(file, count));
	memset(file->data + file->len, c, count);
	file->len += count;
}

static void long_cells_and_lines(void **state)
{
	struct buf file = BUF_INIT;
	struct source source;
	char *got;

	(void)state;
	buf_adds(&file, "a,b\n1,");
	add_many(&file, 'x', 300 * 1024);
	buf_adds(&file, "\n");
	add_many(&file, 'y', 3 * 1024 * 1024);
	buf_adds(&file, "\n4,5\n\"");
	for (int i = 0; i < 300000; i++)
		buf_adds(&file, "lines\n");
	buf_adds(&file, "\"\n6,7\n");
	source = (struct source){.bytes = file.data, .len = file.len};
	got = records_of(&source, '\0', NULL);
	assert_non_null(strstr(got, "\n2!2 a cell of more than 256 KiB; a lead's text is "
				    "shorter:[1][xxx"));
	assert_non_null(
		strstr(got, "\n3!0 a line of more than 1 MiB; a lead's row is shorter:"
			    "{yyy"));
	assert_non_null(
		strstr(got, "\n4:[4][5]\n5!1 a quote that is not closed within 1 MiB; "
			    "\"\" is a quote within a cell:{\"lines}\n6:[lines]\n"));
	assert_non_null(strstr(got, "\n300004:[lines]\n300005!1 "));
	assert_non_null(strstr(got, "\n300006:[6][7]\n"));
	free(got);
	buf_finish(&file);
}

static void many_columns(void **state)
{
	struct buf file = BUF_INIT;
	struct csv_reader *reader;
	struct csv_record record;
	struct source source;
	struct err err;

	(void)state;
	for (int i = 0; i < CSV_COLUMNS_MAX; i++)
		buf_addf(&file, "%sc%d", i ? "," : "", i);
	buf_adds(&file, "\n");
	add_many(&file, ',', CSV_COLUMNS_MAX);
	source = (struct source){.bytes = file.data, .len = file.len};
	reader = open_source(&source, '\0', NULL);
	assert_int_equal(csv_next(reader, &record, &err), 1);
	assert_int_equal(record.count, CSV_COLUMNS_MAX);
	assert_null(record.problem);
	assert_int_equal(csv_next(reader, &record, &err), 1);
	assert_int_equal(record.count, CSV_COLUMNS_MAX + 1);
	assert_string_equal(
		record.problem, "more than 16,384 cells, which is all Excel has");
	csv_close(reader);
	buf_finish(&file);
}

static void raw_bytes_are_those_of_the_file(void **state)
{
	static const char bytes[] = "nom;x\r\n \"Andr\xe9\r\n\" ; 2\r\n\r\n3;4";
	struct source source = {.bytes = bytes, .len = sizeof(bytes) - 1};
	struct csv_reader *reader = open_source(&source, '\0', NULL);
	struct csv_record record;
	struct err err;

	(void)state;
	assert_int_equal(csv_next(reader, &record, &err), 1);
	assert_int_equal(csv_next(reader, &record, &err), 1);
	assert_string_equal(csv_encoding(reader), "windows-1252");
	assert_int_equal(csv_delimiter(reader), ';');
	assert_int_equal(record.raw_len, 14);
	assert_memory_equal(record.raw, " \"Andr\xe9\r\n\" ; 2", 14);
	assert_int_equal(csv_bytes(reader), 23);
	assert_int_equal(csv_next(reader, &record, &err), 1);
	assert_int_equal(record.raw_len, 3);
	assert_memory_equal(record.raw, "3;4", 3);
	assert_int_equal(csv_next(reader, &record, &err), 0);
	csv_close(reader);
}

static void a_failing_disk_is_told_with_its_line(void **state)
{
	struct buf file = BUF_INIT;
	struct source source;
	char *got;

	(void)state;
	for (int i = 0; i < 20000; i++)
		buf_adds(&file, "a,b,c,d,e\n");
	source = (struct source){.bytes = file.data, .len = file.len, .fails_at = 150000};
	got = records_of(&source, '\0', NULL);
	assert_non_null(strstr(got, "error: reading on from line "));
	free(got);
	buf_finish(&file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_records),
		cmocka_unit_test(quoted_cells),
		cmocka_unit_test(lone_quotes),
		cmocka_unit_test(delimiters),
		cmocka_unit_test(unusable_options_are_refused),
		cmocka_unit_test(encodings),
		cmocka_unit_test(bytes_that_do_not_fit_are_a_problem),
		cmocka_unit_test(nuls_are_a_problem),
		cmocka_unit_test(late_encoding),
		cmocka_unit_test(long_cells_and_lines),
		cmocka_unit_test(many_columns),
		cmocka_unit_test(raw_bytes_are_those_of_the_file),
		cmocka_unit_test(a_failing_disk_is_told_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
