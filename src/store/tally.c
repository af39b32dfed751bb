#include "tally.h"

#include <stdlib.h>

static int64_t *find_line(struct tally_list *list, bool source, int64_t id)
{
	for (size_t i = list->count; i > 0; i--)
		if (list->lines[i - 1].id == id && list->lines[i - 1].source == source)
			return list->lines[i - 1].value;
	return NULL;
}

static int64_t *line(struct tally_list *list, bool source, int64_t id)
{
	int64_t *found = find_line(list, source, id);

	if (found)
		return found;
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 8;
		struct tally_line *lines = realloc(list->lines, room * sizeof(lines[0]));

		if (!lines)
			return NULL;
		list->lines = lines;
		list->room = room;
	}
	list->lines[list->count] = (struct tally_line){.source = source, .id = id};
	return list->lines[list->count++].value;
}

static void add(int64_t *value, bool source, size_t column, int64_t n)
{
	if (source && column == TALLY_LAST_AT)
		value[column] = n > value[column] ? n : value[column];
	else
		value[column] += n;
}

static void count(struct tally *tally, bool source, int64_t id, size_t column, int64_t n)
{
	int64_t *value = line(&tally->job, source, id);

	if (value)
		add(value, source, column, n);
	else
		tally->failed = true;
}

void tally_count(struct tally *tally, int64_t source, enum tally_source what, int64_t n)
{
	count(tally, true, source, (size_t)what, n);
}

void tally_new(struct tally *tally, int64_t destination)
{
	count(tally, false, destination, 0, 1);
	count(tally, false, destination, DELIVERY_PENDING, 1);
}

void tally_move(struct tally *tally, int64_t destination, enum delivery_state from,
	enum delivery_state to)
{
	count(tally, false, destination, (size_t)from, -1);
	count(tally, false, destination, (size_t)to, 1);
}

bool tally_keep(struct tally *tally)
{
	for (size_t i = 0; i < tally->job.count && !tally->failed; i++) {
		const struct tally_line *from = &tally->job.lines[i];
		int64_t *to = line(&tally->batch, from->source, from->id);

		if (!to)
			tally->failed = true;
		else
			for (size_t column = 0; column < TALLY_COLUMNS; column++)
				add(to, from->source, column, from->value[column]);
	}
	tally->job.count = 0;
	return !tally->failed;
}

void tally_drop(struct tally *tally)
{
	tally->job.count = 0;
	tally->failed = false;
}

void tally_clear(struct tally *tally)
{
	tally_drop(tally);
	tally->batch.count = 0;
}

void tally_finish(struct tally *tally)
{
	free(tally->job.lines);
	free(tally->batch.lines);
	*tally = (struct tally){0};
}
