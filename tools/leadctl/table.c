#include "table.h"

#include "leadrelay/text.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

struct cell {
	char *text; /* NULL: empty */
	enum colour colour;
};

void table_init(struct table *table, const struct column *columns, const char *indent)
{
	*table = (struct table){.columns = columns, .indent = indent};
	while (columns[table->count].title)
		table->count++;
}

static void forget_rows(struct table *table)
{
	for (size_t i = 0; i < table->used; i++)
		free(table->cells[i].text);
	table->used = 0;
}

void table_finish(struct table *table)
{
	forget_rows(table);
	free(table->cells);
	table->cells = NULL;
}

/* One character: its bytes to *len_out, its columns back. Needs an UTF-8 locale (main
 * sets one); what it does not know counts as one byte, one column. */
static int next_columns(const char *text, size_t *len_out)
{
	mbstate_t state = {0};
	wchar_t wide;
	size_t len = mbrtowc(&wide, text, MB_CUR_MAX, &state);
	int columns;

	if (len == 0 || len == (size_t)-1 || len == (size_t)-2) {
		*len_out = 1;
		return 1;
	}
	*len_out = len;
	columns = wcwidth(wide);
	return columns < 0 ? 1 : columns;
}

int text_columns(const char *text)
{
	int columns = 0;
	size_t len;

	for (; *text; text += len)
		columns += next_columns(text, &len);
	return columns;
}

size_t text_prefix(const char *text, int columns)
{
	size_t used = 0, len;

	while (text[used]) {
		columns -= next_columns(text + used, &len);
		if (columns < 0)
			break;
		used += len;
	}
	return used;
}

static char *cut_to(const char *text, int max)
{
	struct buf out = BUF_INIT;

	if (max == 0 || text_columns(text) <= max) {
		buf_adds(&out, text);
	} else {
		buf_add(&out, text, text_prefix(text, max - 1));
		buf_adds(&out, "\u2026");
	}
	return buf_take(&out);
}

static struct cell *next_cell(struct table *table)
{
	if (table->used == table->room) {
		size_t room = table->room ? 2 * table->room : 64;
		struct cell *grown = realloc(table->cells, room * sizeof(*grown));

		if (!grown)
			return NULL;
		table->cells = grown;
		table->room = room;
	}
	return &table->cells[table->used++];
}

void table_add(struct table *table, const char *text, enum colour colour)
{
	int column = (int)(table->used % (size_t)table->count);
	struct cell *cell = next_cell(table);
	struct buf clean = BUF_INIT;
	int width;

	if (!cell)
		return;
	if (text)
		text_escape(&clean, text, strlen(text));
	*cell = (struct cell){.text = cut_to(buf_str(&clean), table->columns[column].max),
		.colour = colour};
	buf_finish(&clean);
	width = cell->text ? text_columns(cell->text) : 0;
	if (width > table->widths[column])
		table->widths[column] = width;
}

void table_add_count(struct table *table, int64_t count, enum colour colour)
{
	char text[COUNT_TEXT_SIZE];

	table_add(table, count_text(count, text), colour);
}

size_t table_rows(const struct table *table)
{
	return table->used / (size_t)table->count;
}

static void print_cell(const struct table *table, struct cli *cli, int column,
	const char *text, enum colour colour)
{
	int pad = table->widths[column] - text_columns(text);
	bool right = table->columns[column].right;
	bool last = column == table->count - (table->folded ? 2 : 1);

	if (column > 0)
		buf_adds(&cli->out, "  ");
	if (right && pad > 0)
		buf_addf(&cli->out, "%*s", pad, "");
	buf_addf(&cli->out, "%s%s%s", colour_start(cli, colour), text,
		colour == PLAIN ? "" : colour_end(cli));
	if (!right && !last && pad > 0)
		buf_addf(&cli->out, "%*s", pad, "");
}

static void end_line(struct cli *cli)
{
	struct buf *out = &cli->out;

	while (out->len > 0 && out->data[out->len - 1] == ' ')
		out->len--;
	buf_addc(out, '\n');
}

static void print_titles(struct table *table, struct cli *cli)
{
	buf_adds(&cli->out, table->indent);
	for (int column = 0; column < table->count - table->folded; column++)
		print_cell(table, cli, column, table->columns[column].title, DIM);
	end_line(cli);
	table->titled = true;
}

static void widen_for_titles(struct table *table)
{
	for (int column = 0; column < table->count; column++) {
		int width = text_columns(table->columns[column].title);

		if (width > table->widths[column])
			table->widths[column] = width;
	}
}

static bool is_too_wide(const struct table *table, const struct cli *cli)
{
	int width = text_columns(table->indent) + 2 * (table->count - 1);

	for (int column = 0; column < table->count; column++)
		width += table->widths[column];
	return cli->width > 0 && table->count > 1 && width > cli->width;
}

static void print_below(
	const struct table *table, struct cli *cli, const struct cell *cell)
{
	if (!cell->text || !*cell->text)
		return;
	end_line(cli);
	buf_addf(&cli->out, "%s    %s%s%s", table->indent,
		colour_start(cli, cell->colour), cell->text,
		cell->colour == PLAIN ? "" : colour_end(cli));
}

void table_flush(struct table *table, struct cli *cli)
{
	if (table->used && !table->titled) {
		widen_for_titles(table);
		table->folded = is_too_wide(table, cli);
		print_titles(table, cli);
	}
	for (size_t i = 0; i + (size_t)table->count <= table->used;
		i += (size_t)table->count) {
		buf_adds(&cli->out, table->indent);
		for (int column = 0; column < table->count; column++) {
			const struct cell *cell = &table->cells[i + (size_t)column];

			if (table->folded && column == table->count - 1) {
				print_below(table, cli, cell);
				continue;
			}
			print_cell(table, cli, column, cell->text ? cell->text : "",
				cell->colour);
		}
		end_line(cli);
	}
	forget_rows(table);
}
