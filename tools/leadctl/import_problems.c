/*
 * Rejected rows: the first are shown, all of them stand in the rejects file, as they are
 * in the file, with their line and the reason behind them, to be corrected and imported.
 */
#include "importing.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WRITE_AT (64 * 1024)

/* ---- the file ---- */

static void write_out(struct import_problems *problems)
{
	size_t done = 0;

	if (!buf_ok(&problems->text) && problems->err.code == ERR_OK)
		err_set(&problems->err, ERR_NOMEM, "out of memory");
	while (done < problems->text.len && problems->err.code == ERR_OK) {
		ssize_t written = write(problems->file.fd, problems->text.data + done,
			problems->text.len - done);

		if (written < 0 && errno != EINTR)
			err_errno(
				&problems->err, errno, "writing %s", problems->file_name);
		done += written > 0 ? (size_t)written : 0;
	}
	buf_clear(&problems->text);
}

static bool is_ours(const struct csv_column *column)
{
	return strcmp(column->heading, "_line") == 0 ||
	       strcmp(column->heading, "_reason") == 0;
}

static void add_cell(struct import_problems *problems, const char *text)
{
	csv_add(&problems->text, text);
	buf_addc(&problems->text, problems->delimiter);
}

void problems_begin(struct import_problems *problems, const struct csv_columns *columns,
	char delimiter)
{
	/* what csv_add puts into quotes */
	problems->delimiter = delimiter == ';' || delimiter == '\t' ? delimiter : ',';
	problems->columns = columns;
	if (!problems->to_file)
		return;
	for (size_t i = 0; i < columns->count; i++)
		if (!is_ours(&columns->items[i]))
			add_cell(problems, columns->items[i].heading);
	add_cell(problems, "_line");
	buf_adds(&problems->text, "_reason\r\n");
}

/* Cells behind the last column stay behind the last column. */
static void add_row(struct import_problems *problems, const struct csv_record *record,
	const char *reason)
{
	const struct csv_columns *columns = problems->columns;
	/* a line that could not be told apart is the first cell */
	size_t count = record->count ? record->count : 1;

	for (size_t i = 0; i < columns->count; i++)
		if (!is_ours(&columns->items[i]))
			add_cell(problems, i < count ? record->cells[i] : "");
	buf_addf(&problems->text, "%" PRId64 "%c", record->line, problems->delimiter);
	csv_reason_add(&problems->text, columns, record, reason);
	for (size_t i = columns->count; i < count; i++) {
		buf_addc(&problems->text, problems->delimiter);
		csv_add(&problems->text, record->cells[i]);
	}
	buf_adds(&problems->text, "\r\n");
	if (problems->text.len >= WRITE_AT)
		write_out(problems);
}

int problems_end(struct import_problems *problems, struct cli *cli)
{
	if (!problems->to_file)
		return EXIT_DONE;
	write_out(problems);
	if (problems->err.code == ERR_OK)
		new_file_keep(&problems->file, &problems->err);
	if (problems->err.code == ERR_OK)
		return EXIT_DONE;
	cli_warn(cli, "the rejects file: %s; import the file again to have it written",
		problems->err.text);
	return EXIT_FAILED;
}

void problems_finish(struct import_problems *problems)
{
	for (size_t i = 0; i < problems->shown_count; i++) {
		free(problems->shown[i].column);
		free(problems->shown[i].reason);
	}
	if (problems->to_file)
		new_file_end(&problems->file);
	buf_finish(&problems->text);
}

/* ---- what is shown ---- */

static void show(
	struct import_problems *problems, int64_t line, size_t column, const char *reason)
{
	const struct csv_columns *columns = problems->columns;
	struct import_problem problem = {.line = line};

	if (column > 0 && column <= columns->count)
		problem.column = strdup(columns->items[column - 1].heading);
	problem.reason = strdup(reason);
	if (!problem.reason) {
		free(problem.column);
		return;
	}
	problems->shown[problems->shown_count++] = problem;
}

void problems_add(struct import_problems *problems, const struct csv_record *record,
	size_t column, const char *reason)
{
	problems->count++;
	if (problems->shown_count < IMPORT_SHOWN_MAX)
		show(problems, record->line, column, reason);
	if (problems->to_file && problems->err.code == ERR_OK)
		add_row(problems, record, reason);
}
