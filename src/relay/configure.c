/*
 * A (re)load: every destination gets a new edition; what is under way keeps the old one,
 * and with its last user the old set of settings is released.
 */
#include "room.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- sets and editions ---- */

void set_drop(struct set *set)
{
	if (!set || --set->users > 0)
		return;
	if (set->released)
		set->released(set->ctx);
	free(set);
}

void edition_use(struct edition *edition)
{
	edition->users++;
}

void edition_drop(struct edition *edition)
{
	if (!edition || --edition->users > 0)
		return;
	destination_destroy(edition->destination);
	set_drop(edition->set);
	free(edition);
}

static struct edition *edition_create(struct relay *relay, struct set *set,
	const struct destination_settings *settings, struct err *err)
{
	struct edition *edition = calloc(1, sizeof(*edition));

	if (!edition) {
		err_set(err, ERR_NOMEM, "destination %s: out of memory", settings->name);
		return NULL;
	}
	if (destination_create(&edition->destination, settings, relay->options.entropy,
		    err) != ERR_OK) {
		free(edition);
		return NULL;
	}
	edition->settings = settings;
	edition->set = set;
	edition->users = 1;
	edition->rule = (struct health_rule){.retry = set->retry,
		.probe_interval_ms = settings->probe_interval_ms,
		.max_concurrency = settings->max_concurrency};
	set->users++;
	return edition;
}

/* ---- lanes ---- */

struct lane *lane_find(const struct relay *relay, const char *name)
{
	struct lane *lane;

	LL_FOREACH (relay->lanes, lane)
		if (strcmp(lane->name, name) == 0)
			return lane;
	return NULL;
}

struct lane *lane_find_id(const struct relay *relay, int64_t id)
{
	struct lane *lane;

	LL_FOREACH (relay->lanes, lane)
		if (lane->id == id)
			return lane;
	return NULL;
}

static struct lane *lane_create(struct relay *relay, const struct destination_row *row)
{
	struct lane *lane = calloc(1, sizeof(*lane));

	if (!lane)
		return NULL;
	lane->relay = relay;
	lane->id = row->id;
	snprintf(lane->name, sizeof(lane->name), "%s", row->name);
	lane->health = row->health;
	for (int i = 0; i <= STREAMS; i++) {
		lane->claims[i].lane = lane;
		lane->claims[i].stream = i;
	}
	return lane;
}

/* Everything of it under way is over. */
void lane_destroy(struct lane *lane)
{
	window_clear(lane);
	edition_drop(lane->edition);
	free(lane);
}

static bool lane_is_busy(const struct lane *lane)
{
	for (int i = 0; i <= STREAMS; i++)
		if (lane->claims[i].busy)
			return true;
	return lane->health_busy || lane->known || lane->in_flight > 0 ||
	       lane->settling > 0 || lane->probe || lane->fetches > 0;
}

void lane_reap(struct lane *lane)
{
	if (lane->edition || lane_is_busy(lane))
		return;
	DL_DELETE(lane->relay->lanes, lane);
	lane_destroy(lane);
}

/* ---- the swap ---- */

struct swap { /* everything that can fail, made before anything is changed */
	struct set *set;
	struct edition **editions;
	struct lane **lanes; /* new ones where there is none yet */
	size_t count;
};

static void swap_undo(struct relay *relay, struct swap *swap)
{
	for (size_t i = 0; i < swap->count; i++) {
		if (swap->editions && swap->editions[i])
			edition_drop(swap->editions[i]);
		if (swap->lanes && swap->lanes[i] &&
			!lane_find_id(relay, swap->lanes[i]->id))
			lane_destroy(swap->lanes[i]);
	}
	free(swap->editions);
	free(swap->lanes);
	set_drop(swap->set);
}

static enum err_code swap_prepare(struct relay *relay, struct swap *swap,
	const struct retry_rule *retry, const struct relay_destination *destinations,
	size_t count, struct err *err)
{
	*swap = (struct swap){.set = calloc(1, sizeof(*swap->set)),
		.editions = calloc(count + 1, sizeof(*swap->editions)),
		.lanes = calloc(count + 1, sizeof(*swap->lanes))};
	if (!swap->set || !swap->editions || !swap->lanes)
		return err_set(err, ERR_NOMEM, "relay: out of memory");
	swap->set->retry = *retry;
	swap->set->users = 1;
	swap->count = count;
	for (size_t i = 0; i < count; i++) {
		const struct relay_destination *one = &destinations[i];

		swap->editions[i] = edition_create(relay, swap->set, one->settings, err);
		if (!swap->editions[i])
			return err->code;
		swap->lanes[i] = lane_find_id(relay, one->row->id);
		if (!swap->lanes[i])
			swap->lanes[i] = lane_create(relay, one->row);
		if (!swap->lanes[i])
			return err_set(err, ERR_NOMEM, "relay: out of memory");
	}
	return ERR_OK;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* What the operator changed mends what it was parked for. */
static bool mended(const struct lane *lane, const struct relay_destination *one)
{
	const struct destination_settings *old =
		lane->edition ? lane->edition->settings : NULL;
	bool moved = old && !same_text(old->url, one->settings->url);

	if (lane->health.state != HEALTH_PARKED)
		return false;
	switch (lane->health.reason) {
	case REASON_REMOVED:
		return true;
	case REASON_UNAUTHORIZED:
	case REASON_FORBIDDEN:
		return one->secret_changed || moved;
	case REASON_ENVIRONMENT:
		return moved;
	default: /* the operator's own, or no reason to park */
		return false;
	}
}

static void lane_configure(
	struct lane *lane, struct edition *edition, const struct relay_destination *one)
{
	struct edition *old = lane->edition;
	struct was was;
	bool resume;

	if (!old) { /* new, or back: the store knows better than we do */
		lane->health = one->row->health;
		window_rescan(lane);
	}
	was = lane_was(lane);
	resume = mended(lane, one);
	lane->edition = edition;
	health_configure(&lane->health, &edition->rule);
	if (resume)
		lane_changed(lane, was,
			health_resume(&lane->health, relay_now(lane->relay)), NULL,
			false);
	edition_drop(old);
}

/* No longer configured: what is under way finishes, nothing more is started. */
static void lane_retire(struct lane *lane)
{
	struct edition *old = lane->edition;

	lane->edition = NULL;
	window_clear(lane);
	edition_drop(old);
	lane_reap(lane);
}

static bool among(const struct lane *lane, const struct swap *swap)
{
	for (size_t i = 0; i < swap->count; i++)
		if (swap->lanes[i] == lane)
			return true;
	return false;
}

enum err_code relay_configure(struct relay *relay, const struct retry_rule *retry,
	const struct relay_destination *destinations, size_t count,
	void (*released)(void *ctx), void *ctx, struct err *err)
{
	struct err local;
	struct swap swap;
	struct lane *lane, *next;
	struct set *old = relay->set;

	if (!err)
		err = &local;
	if (swap_prepare(relay, &swap, retry, destinations, count, err) != ERR_OK) {
		swap_undo(relay, &swap);
		return err->code;
	}
	LL_FOREACH_SAFE(relay->lanes, lane, next)
	if (!among(lane, &swap))
		lane_retire(lane);
	relay->set = swap.set;
	for (size_t i = 0; i < count; i++) {
		if (!lane_find_id(relay, swap.lanes[i]->id))
			DL_APPEND(relay->lanes, swap.lanes[i]);
		lane_configure(swap.lanes[i], swap.editions[i], &destinations[i]);
	}
	free(swap.editions);
	free(swap.lanes);
	if (old) {
		old->released = released;
		old->ctx = ctx;
		set_drop(old);
	} else if (released) {
		released(ctx);
	}
	relay_wake(relay);
	return ERR_OK;
}
