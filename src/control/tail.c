/*
 * tail: the last events, or those behind a number. A running daemon knows them; what is
 * older than its memory, or happened in an earlier life, is read from the outbox: the
 * latest leads with the attempts on them.
 */
#include "room.h"

#include "leadrelay/clock.h"
#include "leadrelay/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAIL_LIMIT 10
#define TAIL_MOST 1000
#define WAIT_MOST_MS 10000
#define SLICE_MS 200 /* between looks at whether somebody still waits */
#define US_PER_MS 1000

enum err_code check_tail(const cJSON *request, int64_t now, struct err *err)
{
	int64_t limit = json_integer(request, "limit", TAIL_LIMIT);
	int64_t wait_ms = json_integer(request, "wait_ms", 0);

	(void)now;
	if (limit < 0 || limit > TAIL_MOST)
		return err_set(
			err, ERR_INVALID, "tail: at most %d events at a time", TAIL_MOST);
	if (wait_ms < 0 || wait_ms > WAIT_MOST_MS ||
		json_integer(request, "after", 0) < 0)
		return err_set(err, ERR_INVALID,
			"tail: after is the number of an event, wait_ms at most %d",
			WAIT_MOST_MS);
	return ERR_OK;
}

/* ---- the outbox's events ---- */

struct events { /* of the outbox, as they were found */
	struct run *run;
	struct control_event *items;
	size_t count, room;
	int64_t from, until; /* at is within: from <= at < until */
	enum err_code code;
	struct err err;
};

static void add_event(struct events *events, const struct control_event *event)
{
	if (event->at < events->from || event->at >= events->until ||
		events->code != ERR_OK)
		return;
	if (events->count == events->room) {
		size_t room = events->room ? 2 * events->room : 64;
		struct control_event *grown =
			realloc(events->items, room * sizeof(*grown));

		if (!grown) {
			events->code = err_set(&events->err, ERR_NOMEM, "out of memory");
			return;
		}
		events->items = grown;
		events->room = room;
	}
	events->items[events->count] = *event;
	events->items[events->count].number = 0;
	events->count++;
}

static const char *word_of(
	const struct delivery_row *delivery, const struct attempt_row *attempt, bool last)
{
	if (outcome_is_success(attempt->outcome))
		return "delivered";
	return last && delivery->state == DELIVERY_DEAD ? "dead" : "attempt";
}

static void add_attempts(struct events *events, const struct lead_row *row,
	const struct delivery_row *delivery)
{
	struct attempt_row *attempts = NULL;
	size_t count = 0;

	if (events->code != ERR_OK)
		return;
	events->code = reader_attempts(events->run->control->reader, delivery->id,
		&attempts, &count, &events->err);
	for (size_t i = 0; events->code == ERR_OK && i < count; i++) {
		struct control_event event = {.at = attempts[i].at,
			.event = word_of(delivery, &attempts[i], i + 1 == count),
			.lead = row->lead.id,
			.has_lead = true,
			.outcome = attempts[i].outcome,
			.reason = attempts[i].reason};

		memcpy(event.destination, delivery->destination,
			sizeof(event.destination));
		add_event(events, &event);
	}
	if (attempts)
		attempts_free(attempts, count);
}

static bool take_lead(void *ctx, const struct lead_row *row)
{
	struct events *events = ctx;
	struct control_event event = {.at = row->lead.received_at,
		.event = row->quarantined ? "quarantined" : "accepted",
		.lead = row->lead.id,
		.has_lead = true};

	snprintf(event.source, sizeof(event.source), "%s",
		row->lead.source ? row->lead.source : "");
	add_event(events, &event);
	for (size_t i = 0; i < row->delivery_count; i++)
		add_attempts(events, row, &row->deliveries[i]);
	return events->code == ERR_OK && run_goes_on(events->run);
}

static int by_time(const void *a, const void *b)
{
	const struct control_event *left = a, *right = b;

	return (left->at > right->at) - (left->at < right->at);
}

/* The latest limit leads' events within [from, until), oldest first. */
static enum err_code read_outbox(struct events *events, int64_t limit, struct err *err)
{
	const struct selection all = {0};
	enum err_code code;

	if (limit <= 0)
		return ERR_OK;
	run_read_long(events->run);
	code = reader_list(
		events->run->control->reader, &all, limit, take_lead, events, err);
	if (run_was_stopped(events->run, code))
		code = ERR_OK; /* what was read until then */
	if (events->code != ERR_OK) {
		*err = events->err;
		code = events->code;
	}
	if (code == ERR_OK && events->count > 0)
		qsort(events->items, events->count, sizeof(*events->items), by_time);
	return code;
}

/* ---- the answer ---- */

static void add_name(cJSON *object, const char *name, const char *text)
{
	json_add_text(object, name, *text ? text : NULL);
}

static bool tell(struct run *run, const struct control_event *event)
{
	cJSON *object = cJSON_CreateObject();
	char id[UUID_TEXT_SIZE];

	json_add_time(object, "at", event->at);
	json_add_text(object, "event", event->event);
	json_add_text(
		object, "lead_id", event->has_lead ? uuid_text(&event->lead, id) : NULL);
	add_name(object, "destination", event->destination);
	add_name(object, "outcome",
		event->outcome == OUTCOME_NONE ? "" : outcome_name(event->outcome));
	add_name(object, "reason", reason_name(event->reason));
	add_name(object, "source", event->source);
	if (event->count)
		json_add_int(object, "count", event->count);
	if (event->number)
		json_add_int(object, "number", event->number);
	return answer_item(run, object);
}

struct tail {
	struct run *run;
	int64_t limit, after, wait_ms;
	int64_t since; /* from then on, where numbers say nothing; 0: open */
	struct control_event *live;
	size_t live_count;
	int64_t last;       /* the number to go on behind, when none of them came */
	bool gap;           /* the outbox is asked for what is before them */
	int64_t known_from; /* wall: from then on none is missing */
};

/* Waits in slices: the asker may be gone, or the daemon about to end. */
static void read_live(struct tail *tail)
{
	const struct control_live *live = tail->run->control->live;
	int64_t waited_ms = 0;

	tail->gap = true;
	tail->known_from = INT64_MAX;
	if (!live || !live->events)
		return;
	tail->last = live->last_event(live->ctx);
	do {
		int64_t slice = tail->wait_ms - waited_ms;

		slice = slice > SLICE_MS ? SLICE_MS : slice;
		tail->live_count = live->events(live->ctx, tail->after, slice, tail->live,
			(size_t)tail->limit, &tail->gap, &tail->known_from);
		waited_ms += SLICE_MS;
	} while (tail->live_count == 0 && !tail->gap && waited_ms < tail->wait_ms &&
		 run_goes_on(tail->run));
}

/* Numbers begin at the clock's microseconds: what starts later has larger ones. */
static int64_t last_number(const struct tail *tail)
{
	if (tail->live_count)
		return tail->live[tail->live_count - 1].number;
	if (tail->after && !tail->gap)
		return tail->after;
	return tail->last ? tail->last : tail->run->now * US_PER_MS;
}

static void answer_tail(struct tail *tail, const struct events *events)
{
	size_t room = (size_t)tail->limit - tail->live_count;
	size_t from = events->count > room ? events->count - room : 0;
	cJSON *done = cJSON_CreateObject();

	for (size_t i = from; i < events->count; i++)
		if (!tell(tail->run, &events->items[i]))
			break;
	for (size_t i = 0; i < tail->live_count; i++)
		if (!tell(tail->run, &tail->live[i]))
			break;
	json_add_int(done, "last", last_number(tail));
	json_add_int(done, "events", (int64_t)(events->count - from + tail->live_count));
	answer_done(tail->run, done);
}

void run_tail(struct run *run)
{
	struct tail tail = {.run = run,
		.limit = json_integer(run->request, "limit", TAIL_LIMIT),
		.after = json_integer(run->request, "after", 0),
		.since = json_integer(run->request, "since_at", 0),
		.wait_ms = json_integer(run->request, "wait_ms", 0)};
	struct events events = {.run = run, .from = tail.since, .until = INT64_MAX};
	struct err err;

	tail.live = calloc((size_t)tail.limit + 1, sizeof(*tail.live));
	if (!tail.live) {
		err_set(&err, ERR_NOMEM, "out of memory");
		answer_error(run, &err);
		return;
	}
	read_live(&tail);
	events.until = tail.known_from;
	if ((tail.gap || tail.after == 0) && (tail.since || tail.after == 0) &&
		read_outbox(&events, tail.limit - (int64_t)tail.live_count, &err) !=
			ERR_OK)
		answer_error(run, &err);
	else
		answer_tail(&tail, &events);
	free(events.items);
	free(tail.live);
}
