/*
 * What follows from a change of a destination's health: the window, the store, and one
 * word to the operator per transition. The word waits for the store to say how many leads
 * wait.
 */
#include "room.h"

#include "leadrelay/mails.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct news {
	struct job_destinations job;
	struct relay *relay;
	struct relay_event event;
	int64_t lane_id;
	char destination[128];
	char error[1024];
	char remedy[256];
};

static void tell(struct relay *relay, const struct relay_event *event)
{
	if (relay->options.event)
		relay->options.event(relay->options.ctx, event);
}

static void news_ready(struct store_job *job)
{
	struct news *news = (struct news *)job;
	struct relay *relay = news->relay;

	relay_heard(relay, job);
	for (size_t i = 0; job->code == ERR_OK && i < news->job.count; i++)
		if (news->job.rows[i].id == news->lane_id)
			news->event.waiting = news->job.rows[i].pending;
	tell(relay, &news->event);
	job_destinations_finish(&news->job);
	free(news);
	relay_ended(relay);
}

/* The words of an answer to a lead may quote it: only what concerns the account as a
 * whole, or came from no server at all, goes further than the store. */
static const char *speakable(const struct lane *lane, const struct outcome *outcome)
{
	if (lane->health.state == HEALTH_PARKED)
		return lane->health.error;
	return outcome && outcome->http_status == 0 ? outcome->error : "";
}

static void publish(struct lane *lane, int kind, const struct outcome *outcome)
{
	struct relay *relay = lane->relay;
	struct relay_event event = {.destination = lane->name,
		.reason = lane->health.reason,
		.error = speakable(lane, outcome),
		.remedy = outcome ? outcome->remedy : "",
		.waiting = -1};
	struct news *news = calloc(1, sizeof(*news));

	event.kind = kind;
	if (!news) {
		tell(relay, &event);
		return;
	}
	job_destinations_prepare(&news->job);
	news->job.job.done = news_ready;
	news->relay = relay;
	news->lane_id = lane->id;
	snprintf(news->destination, sizeof(news->destination), "%s", lane->name);
	snprintf(news->error, sizeof(news->error), "%s", event.error);
	snprintf(news->remedy, sizeof(news->remedy), "%s", event.remedy);
	news->event = event;
	news->event.destination = news->destination;
	news->event.error = news->error;
	news->event.remedy = news->remedy;
	if (!relay_submit(relay, &news->job.job)) {
		tell(relay, &news->event);
		free(news);
	}
}

/* NULL: a mail that is about no lead, or about several. */
static const struct uuid *lead_of(const struct claimed *claimed)
{
	if (!claimed->mail)
		return &claimed->lead.id;
	return claimed->mail->lead_count == 1 ? &claimed->mail->leads[0].id : NULL;
}

void news_dead(struct lane *lane, const struct attempt *attempt)
{
	const struct relay_event event = {.kind = RELAY_DEAD,
		.destination = lane->name,
		.reason = attempt->settle.reason,
		.remedy = attempt->remedy,
		.lead = lead_of(&attempt->entry->claimed),
		.waiting = -1};

	tell(lane->relay, &event);
}

static int64_t notifications_of(const struct mail_item *mail)
{
	return mail->kind == MAIL_NOTIFICATION
		       ? (int64_t)mail->lead_count + mail->left_out
		       : 0;
}

void news_settled(struct lane *lane, const struct attempt *attempt)
{
	const struct relay_options *options = &lane->relay->options;
	const struct claimed *claimed = &attempt->entry->claimed;
	const struct job_settle *settle = &attempt->settle;
	const struct relay_settled settled = {.destination = lane->name,
		.exchanges = settle->exchanges,
		.exchange_count = settle->exchange_count,
		.lead = lead_of(claimed),
		.accepted_at = claimed->mail ? 0 : uuid_time(&claimed->lead.id),
		.notifications = claimed->mail ? notifications_of(claimed->mail) : 0,
		.outcome = settle->outcome,
		.reason = settle->reason,
		.state = settle->state,
		.now = settle->now};

	if (options->settled)
		options->settled(options->ctx, &settled);
}

static void announce(
	struct lane *lane, struct was was, int change, const struct outcome *outcome)
{
	enum health_state now = lane->health.state;

	if (change & HEALTH_PARKED_NOW)
		publish(lane, RELAY_PARKED, outcome);
	else if (now == HEALTH_OPEN && was.state == HEALTH_PARKED)
		publish(lane, RELAY_RESUMED, NULL);
	else if (now == HEALTH_OPEN && was.state != HEALTH_OPEN)
		publish(lane, RELAY_OPEN, NULL);
	else if (now == HEALTH_BACKING_OFF && was.state != now)
		publish(lane, RELAY_BACKING_OFF, outcome);
	else if (now == HEALTH_THROTTLED && was.state != now)
		publish(lane, RELAY_THROTTLED, outcome);
}

void lane_changed(struct lane *lane, struct was was, int change,
	const struct outcome *outcome, bool stored_elsewhere)
{
	if (change == HEALTH_SAME)
		return;
	if (lane->health.state != was.state)
		window_clear(lane);
	if (change &
		HEALTH_OPENED) /* put off for its sake: due now, the ramp bounds it */
		lane->health_wake = lane->health_wake || was.state != HEALTH_THROTTLED;
	lane->health_dirty = lane->health_dirty || lane->health_wake || !stored_elsewhere;
	announce(lane, was, change, outcome);
	lane_store_health(lane);
	relay_wake(lane->relay);
}

/* ---- storing it ---- */

static void health_stored(struct store_job *job)
{
	struct lane *lane =
		(struct lane *)((char *)job - offsetof(struct lane, store_health));
	struct relay *relay = lane->relay;

	relay_heard(relay, job);
	lane->health_busy = false;
	if (!relay_answered(job->code)) {
		lane->health_dirty = true;
		lane->health_wake = lane->health_wake || lane->store_health.wake;
	} else if (lane->store_health.wake) {
		window_rescan(lane);
		lane->health_dirty = lane->health_dirty || lane->store_health.more;
		lane->health_wake = lane->health_wake || lane->store_health.more;
	}
	lane_store_health(lane);
	lane_reap(lane);
	relay_wake(relay);
	relay_ended(relay);
}

void lane_store_health(struct lane *lane)
{
	struct job_health *job = &lane->store_health;

	if (!lane->edition) /* its state is the configuration's now: removed */
		lane->health_dirty = false;
	if (!lane->health_dirty || lane->health_busy || !relay_store_ready(lane->relay))
		return;
	memset(job, 0, sizeof(*job));
	job_health_prepare(job);
	job->job.done = health_stored;
	job->destination = lane->id;
	job->health = lane->health;
	job->wake = lane->health_wake;
	job->now = relay_now(lane->relay);
	lane->health_busy = relay_submit(lane->relay, &job->job);
	if (lane->health_busy) {
		lane->health_dirty = false;
		lane->health_wake = false;
	}
}
