#include "tally.h"

#include <stdlib.h>

static int64_t *find_line(struct tally_list *list, enum tally_of of, int64_t id)
{
	for (size_t i = list->count; i > 0; i--)
		if (list->lines[i - 1].id == id && list->lines[i - 1].of == of)
			return list->lines[i - 1].value;
	return NULL;
}

static int64_t *line(struct tally_list *list, enum tally_of of, int64_t id)
{
	int64_t *found = find_line(list, of, id);

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
	list->lines[list->count] = (struct tally_line){.of = of, .id = id};
	return list->lines[list->count++].value;
}

static void add(int64_t *value, enum tally_of of, size_t column, int64_t n)
{
	if (of == TALLY_SOURCE && column == TALLY_LAST_AT)
		value[column] = n > value[column] ? n : value[column];
	else
		value[column] += n;
}

static void count(
	struct tally *tally, enum tally_of of, int64_t id, size_t column, int64_t n)
{
	int64_t *value = line(&tally->job, of, id);

	if (value)
		add(value, of, column, n);
	else
		tally->failed = true;
}

void tally_count(struct tally *tally, int64_t source, enum tally_source what, int64_t n)
{
	count(tally, TALLY_SOURCE, source, (size_t)what, n);
}

static void move(struct tally *tally, enum tally_of of, int64_t id,
	enum delivery_state from, enum delivery_state to, int64_t n)
{
	count(tally, of, id, (size_t)from, -n);
	count(tally, of, id, (size_t)to, n);
	if (to == DELIVERY_DEAD)
		count(tally, of, id, TALLY_DIED, n);
}

static void prune(
	struct tally *tally, enum tally_of of, int64_t id, enum delivery_state state)
{
	if (state == DELIVERY_DELIVERED)
		count(tally, of, id, TALLY_PRUNED_DELIVERED, 1);
	else if (state == DELIVERY_DEAD)
		count(tally, of, id, TALLY_PRUNED_DEAD, 1);
	else
		count(tally, of, id, TALLY_PRUNED_DISCARDED, 1);
}

void tally_new(struct tally *tally, int64_t destination)
{
	count(tally, TALLY_DESTINATION, destination, TALLY_NEW, 1);
	count(tally, TALLY_DESTINATION, destination, DELIVERY_PENDING, 1);
}

void tally_move(struct tally *tally, int64_t destination, enum delivery_state from,
	enum delivery_state to)
{
	move(tally, TALLY_DESTINATION, destination, from, to, 1);
}

void tally_prune(struct tally *tally, int64_t destination, enum delivery_state state)
{
	prune(tally, TALLY_DESTINATION, destination, state);
}

void tally_mail_new(struct tally *tally, int64_t destination, int kind)
{
	tally_new(tally, destination);
	count(tally, TALLY_MAIL_KIND, kind, TALLY_NEW, 1);
	count(tally, TALLY_MAIL_KIND, kind, DELIVERY_PENDING, 1);
}

void tally_mail_move(struct tally *tally, int64_t destination, int kind,
	enum delivery_state from, enum delivery_state to, int64_t n)
{
	move(tally, TALLY_DESTINATION, destination, from, to, n);
	move(tally, TALLY_MAIL_KIND, kind, from, to, n);
}

void tally_mail_prune(
	struct tally *tally, int64_t destination, int kind, enum delivery_state state)
{
	prune(tally, TALLY_DESTINATION, destination, state);
	prune(tally, TALLY_MAIL_KIND, kind, state);
}

bool tally_keep(struct tally *tally)
{
	for (size_t i = 0; i < tally->job.count && !tally->failed; i++) {
		const struct tally_line *from = &tally->job.lines[i];
		int64_t *to = line(&tally->batch, from->of, from->id);

		if (!to)
			tally->failed = true;
		else
			for (size_t column = 0; column < TALLY_COLUMNS; column++)
				add(to, from->of, column, from->value[column]);
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
