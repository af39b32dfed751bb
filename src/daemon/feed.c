/*
 * The last events, for `leadctl tail`: a ring in memory, each with a number. Ids, names
 * and words only, never a person.
 *
 * The numbers grow over the daemon's lives: they begin at the wall clock's microseconds.
 * Any thread adds and reads.
 */
#include "daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FEED_ROOM 1000
#define US_PER_MS 1000
#define NS_PER_MS 1000000

struct feed {
	uv_mutex_t mutex;
	uv_cond_t more;
	const struct clock *clock;
	int64_t first; /* the number of the first event of this life */
	int64_t next;  /* of the next event */
	struct control_event ring[FEED_ROOM];
};

void feed_start(struct daemon *daemon)
{
	struct feed *feed = calloc(1, sizeof(*feed));

	if (!feed) /* tail then knows what the outbox knows */
		return;
	feed->clock = daemon->clock;
	feed->first = feed->next = clock_wall(daemon->clock) * US_PER_MS;
	uv_mutex_init(&feed->mutex);
	uv_cond_init(&feed->more);
	daemon->feed = feed;
}

void feed_finish(struct daemon *daemon)
{
	if (!daemon->feed)
		return;
	uv_cond_destroy(&daemon->feed->more);
	uv_mutex_destroy(&daemon->feed->mutex);
	free(daemon->feed);
	daemon->feed = NULL;
}

void feed_add(struct feed *feed, const struct control_event *event)
{
	struct control_event *place;

	if (!feed)
		return;
	uv_mutex_lock(&feed->mutex);
	place = &feed->ring[feed->next % FEED_ROOM];
	*place = *event;
	place->number = feed->next++;
	if (!place->at)
		place->at = clock_wall(feed->clock);
	uv_cond_broadcast(&feed->more);
	uv_mutex_unlock(&feed->mutex);
}

static int64_t oldest(const struct feed *feed)
{
	int64_t count = feed->next - feed->first;

	return feed->next - (count < FEED_ROOM ? count : FEED_ROOM);
}

size_t feed_read(struct feed *feed, int64_t after, int64_t wait_ms,
	struct control_event *out, size_t max, bool *gap_out, int64_t *known_from_out)
{
	size_t count = 0;
	int64_t from;

	uv_mutex_lock(&feed->mutex);
	if (wait_ms > 0 && after == feed->next - 1)
		uv_cond_timedwait(
			&feed->more, &feed->mutex, (uint64_t)wait_ms * NS_PER_MS);
	from = oldest(feed);
	*known_from_out = from == feed->first ? feed->first / US_PER_MS
					      : feed->ring[from % FEED_ROOM].at;
	*gap_out = after + 1 < from || after >= feed->next;
	if (after == 0 && feed->next - from > (int64_t)max) /* the newest */
		from = feed->next - (int64_t)max;
	else if (after + 1 > from && after < feed->next)
		from = after + 1;
	for (; from < feed->next && count < max; from++)
		out[count++] = feed->ring[from % FEED_ROOM];
	uv_mutex_unlock(&feed->mutex);
	return count;
}

int64_t feed_last(struct feed *feed)
{
	int64_t last;

	uv_mutex_lock(&feed->mutex);
	last = feed->next - 1;
	uv_mutex_unlock(&feed->mutex);
	return last;
}

/* ---- what is told ---- */

static void copy_name(char *out, size_t size, const char *name)
{
	snprintf(out, size, "%s", name ? name : "");
}

void feed_settled(struct daemon *daemon, const struct relay_settled *settled)
{
	struct control_event event = {.outcome = settled->outcome,
		.reason = settled->reason,
		.has_lead = settled->lead,
		.at = settled->now,
		.event = settled->state == DELIVERY_DELIVERED ? "delivered"
			 : settled->state == DELIVERY_DEAD    ? "dead"
							      : "attempt"};

	if (settled->lead)
		event.lead = *settled->lead;
	if (settled->state == DELIVERY_DELIVERED)
		event.reason = REASON_NONE;
	copy_name(event.destination, sizeof(event.destination), settled->destination);
	feed_add(daemon->feed, &event);
}

void feed_took(
	void *ctx, const char *source, const struct uuid *lead, enum accept_result result)
{
	static const char *const words[] = {[ACCEPT_NEW] = "accepted",
		[ACCEPT_DUPLICATE] = "duplicate",
		[ACCEPT_QUARANTINED] = "quarantined"};
	struct daemon *daemon = ctx;
	struct control_event event = {.lead = *lead, .has_lead = true};

	if (result == ACCEPT_CONFLICT) /* it was refused */
		return;
	event.event = words[result];
	copy_name(event.source, sizeof(event.source), source);
	feed_add(daemon->feed, &event);
}

void feed_relay(struct daemon *daemon, const struct relay_event *event)
{
	static const char *const words[] = {[RELAY_PARKED] = "parked",
		[RELAY_RESUMED] = "resumed",
		[RELAY_BACKING_OFF] = "backing_off",
		[RELAY_OPEN] = "open",
		[RELAY_THROTTLED] = "throttled"};
	struct control_event told = {.reason = event->reason};

	if (event->kind == RELAY_DEAD) /* told when it was settled */
		return;
	told.event = words[event->kind];
	copy_name(told.destination, sizeof(told.destination), event->destination);
	feed_add(daemon->feed, &told);
}
