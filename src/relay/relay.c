#include "room.h"

#include "leadrelay/fault.h"
#include "leadrelay/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum err_code relay_create(
	struct relay **out, const struct relay_options *options, struct err *err)
{
	struct relay *relay = calloc(1, sizeof(*relay));

	if (!relay)
		return err_set(err, ERR_NOMEM, "relay: out of memory");
	relay->options = *options;
	relay->wall_offset = clock_wall(options->clock) - clock_mono(options->clock);
	relay->running = true;
	*out = relay;
	return ERR_OK;
}

void relay_destroy(struct relay *relay)
{
	struct lane *lane, *next;

	if (!relay)
		return;
	for (lane = relay->lanes; lane; lane = next) {
		next = lane->next;
		DL_DELETE(relay->lanes, lane);
		lane_destroy(lane);
	}
	set_drop(relay->set);
	attempt_free_spares(relay);
	free(relay);
}

void relay_wake(struct relay *relay)
{
	relay->options.wake(relay->options.ctx);
}

void relay_run(struct relay *relay, bool run)
{
	relay->running = run;
	relay_wake(relay);
}

bool lane_may_start(const struct lane *lane)
{
	/* mails go out in any case: one of them says that nothing is delivered */
	return lane->edition && (lane->relay->running || lane->edition->mail) &&
	       !lane->relay->draining;
}

/* ---- the store, which may say no ---- */

bool relay_store_ready(const struct relay *relay)
{
	return relay->store_retry_at == 0;
}

static void store_failed(struct relay *relay, const char *text)
{
	if (relay->store_retry_ms == 0)
		log_warn("relay waits for the store", "error", text, NULL);
	relay->store_retry_ms *= 2;
	if (relay->store_retry_ms < STORE_RETRY_MIN_MS)
		relay->store_retry_ms = STORE_RETRY_MIN_MS;
	if (relay->store_retry_ms > STORE_RETRY_MAX_MS)
		relay->store_retry_ms = STORE_RETRY_MAX_MS;
	relay->store_retry_at = relay_mono(relay) + relay->store_retry_ms;
	relay_wake(relay);
}

bool relay_submit(struct relay *relay, struct store_job *job)
{
	struct err err;

	relay->jobs++;
	if (store_submit(relay->options.store, job, &err) == ERR_OK)
		return true;
	relay->jobs--;
	store_failed(relay, err.text);
	return false;
}

bool relay_answered(enum err_code code)
{
	return code == ERR_OK || code == ERR_STALE || code == ERR_NOT_FOUND;
}

void relay_heard(struct relay *relay, const struct store_job *job)
{
	relay->jobs--;
	if (!relay_answered(job->code)) {
		store_failed(relay, job->err.text);
		return;
	}
	relay->store_retry_ms = 0;
	relay->store_retry_at = 0;
	if (relay->stalled)
		relay_wake(relay);
}

/* ---- the tick ---- */

/* Counts of the present state start anew with it. */
static void follow_epoch(struct lane *lane)
{
	if (lane->epoch_seen == lane->health.epoch)
		return;
	lane->epoch_seen = lane->health.epoch;
	lane->in_epoch = 0;
}

static bool has_room(const struct lane *lane, int64_t now)
{
	return lane->in_epoch < health_allowance(&lane->health, now) &&
	       lane->in_flight < lane->health.configured_max &&
	       lane->settling < 4 * lane->health.configured_max + 64;
}

static void start_open(struct lane *lane, int64_t now)
{
	while (has_room(lane, now)) {
		struct entry *entry = window_next(lane);

		if (!entry)
			return;
		attempt_start(lane, entry, now);
		follow_epoch(lane);
	}
}

/* Backing off, or parked with a probe that passed: one waiting lead, each time another.
 * With none waiting the cheap read has to do. */
static void start_single(struct lane *lane, int64_t now)
{
	struct entry *entry = lane->candidate;

	if (!has_room(lane, now) || lane->probe)
		return;
	if (entry) {
		lane->candidate = NULL;
		attempt_start(lane, entry, now);
	} else if (!lane->none_waiting) {
		window_seek_candidate(lane, now);
	} else if (lane->health.state == HEALTH_PARKED) {
		const struct was was = lane_was(lane);

		lane_changed(lane, was, health_nothing_waiting(&lane->health, now), NULL,
			false);
	} else {
		probe_start(lane, now);
	}
}

static void lane_tick(struct lane *lane, int64_t now)
{
	const struct was was = lane_was(lane);

	lane_changed(lane, was, health_tick(&lane->health, now), NULL, false);
	follow_epoch(lane);
	lane_store_health(lane);
	if (!lane_may_start(lane))
		return;
	if (lane->health.state == HEALTH_OPEN) {
		start_open(lane, now);
		window_refill(lane, now);
		return;
	}
	if (health_probe_due(&lane->health, now) && !lane->probe)
		probe_start(lane, now);
	else
		start_single(lane, now);
}

static int64_t earlier_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* A look that found nothing usable, or took no memory, is taken again. */
static int64_t closed_next_at(const struct lane *lane, int64_t now)
{
	bool wants_one =
		!lane->candidate && lane->in_epoch < health_allowance(&lane->health, now);

	if (lane->probe || !(wants_one || health_probe_due(&lane->health, now)))
		return INT64_MAX;
	return lane->candidate_at > now ? lane->candidate_at : now + SOON_MS;
}

static int64_t lane_next_at(const struct lane *lane, int64_t now)
{
	int64_t at = health_next_at(&lane->health, now);

	if (!lane_may_start(lane))
		return INT64_MAX;
	if (lane->health.state == HEALTH_OPEN)
		return window_next_at(lane, now);
	return earlier_of(at, closed_next_at(lane, now));
}

static int64_t relay_next_mono(const struct relay *relay, int64_t now, int64_t mono)
{
	int64_t at = INT64_MAX, next = INT64_MAX;
	struct lane *lane;

	for (lane = relay->lanes; lane; lane = lane->next)
		at = earlier_of(at, lane_next_at(lane, now));
	if (at != INT64_MAX)
		next = mono + (at > now ? at - now : 1);
	if (relay->store_retry_at)
		next = earlier_of(next, relay->store_retry_at);
	if (relay->draining && !relay->cancelled && relay->idle)
		next = earlier_of(next, relay->drain_deadline);
	return next;
}

static void cancel_all(struct relay *relay);

int64_t relay_tick(struct relay *relay)
{
	int64_t now = relay_now(relay), mono = relay_mono(relay);
	struct lane *lane;

	if (mono >= relay->store_retry_at)
		relay->store_retry_at = 0;
	if (relay->stalled && relay->store_retry_at == 0)
		settle_stalled(relay);
	for (lane = relay->lanes; lane; lane = lane->next)
		lane_tick(lane, now);
	if (relay->draining && relay->idle && mono >= relay->drain_deadline)
		cancel_all(relay);
	return relay_next_mono(relay, now, mono);
}

/* ---- what others tell the relay ---- */

void relay_fresh(struct relay *relay, int64_t destination, int64_t delivery)
{
	struct lane *lane = lane_find_id(relay, destination);

	if (!lane)
		return;
	if (delivery > 0)
		window_fresh(lane, delivery);
	else
		window_news(lane);
	relay_wake(relay);
}

void relay_fresh_lead(struct relay *relay, int64_t destination, struct claimed *claimed)
{
	struct lane *lane = lane_find_id(relay, destination);

	if (!lane)
		return;
	if (!window_take(lane, claimed))
		window_fresh(lane, claimed->delivery);
	relay_wake(relay);
}

void relay_refresh(struct relay *relay, int64_t destination)
{
	struct lane *lane;

	for (lane = relay->lanes; lane; lane = lane->next)
		if (destination == 0 || lane->id == destination)
			window_clear(lane);
	relay_wake(relay);
}

/* Set back: what was put off by the old clock would wait for the difference as well; it
 * is tried once, early rather than late. */
static void look_ahead(struct lane *lane, int64_t back_ms)
{
	const struct set *set = lane->relay->set;
	int64_t until = relay_now(lane->relay) + back_ms + RETRY_AFTER_MAX_MS;

	if (set)
		until += set->retry.longest_ms;
	if (until > lane->sweep_until)
		lane->sweep_until = until;
}

void relay_clock_slewed(struct relay *relay, int64_t delta)
{
	relay->wall_offset += delta;
}

void relay_clock_jumped(struct relay *relay, int64_t delta)
{
	struct lane *lane;

	relay->wall_offset += delta;
	for (lane = relay->lanes; lane; lane = lane->next) {
		health_clock_jumped(&lane->health, delta);
		lane->health_dirty = true;
		if (delta < 0)
			look_ahead(lane, -delta);
		window_rescan(lane);
	}
	relay_wake(relay);
}

static int64_t credential_expires_at(const struct auth_settings *auth)
{
	const int64_t password_life_ms = 90 * 24 * 3600 * 1000LL;

	if (auth->expires_at == 0 && auth->method == AUTH_OFFICE365 &&
		auth->password.changed_at)
		return auth->password.changed_at + password_life_ms;
	return auth->expires_at;
}

bool relay_status(
	const struct relay *relay, const char *destination, struct relay_status *out)
{
	const struct lane *lane = lane_find(relay, destination);

	if (!lane || !lane->edition)
		return false;
	*out = (struct relay_status){.health = lane->health,
		.in_flight = lane->in_flight,
		.window = window_count(lane),
		.credential_expires_at =
			credential_expires_at(&lane->edition->settings->auth)};
	return true;
}

bool relay_under_way(const struct relay *relay, const char *destination, int64_t delivery)
{
	const struct attempt *attempt;

	DL_FOREACH (relay->attempts, attempt)
		if (attempt->entry && attempt->entry->claimed.delivery == delivery &&
			strcmp(attempt->lane->name, destination) == 0)
			return true;
	return false;
}

/* ---- the operator's orders ---- */

struct order { /* stored first, then done in memory, then answered */
	struct job_health job;
	struct relay *relay;
	char destination[128];
	enum reason reason; /* REASON_NONE: resume */
	char why[1024];
	void (*done)(void *ctx, const struct err *err);
	void *ctx;
};

static int obey(
	struct lane *lane, struct health *health, const struct order *order, int64_t now)
{
	if (order->reason == REASON_NONE)
		return health_resume(health, now);
	return health_park(health, &lane->edition->rule, order->reason, order->why, now);
}

static void order_stored(struct store_job *job)
{
	struct order *order = (struct order *)job;
	struct relay *relay = order->relay;
	struct lane *lane = lane_find(relay, order->destination);

	relay_heard(relay, job);
	if (job->code == ERR_OK && lane && lane->edition) {
		const struct was was = lane_was(lane);

		lane_changed(lane, was,
			obey(lane, &lane->health, order, relay_now(relay)), NULL, false);
	}
	order->done(order->ctx, &job->err);
	free(order);
	relay_wake(relay);
	relay_ended(relay);
}

static enum err_code check_order(
	const struct lane *lane, const struct order *order, struct err *err)
{
	if (!lane || !lane->edition)
		return err_set(
			err, ERR_NOT_FOUND, "no destination %s", order->destination);
	if (order->reason == REASON_NONE && lane->health.state == HEALTH_OPEN)
		return err_set(
			err, ERR_STALE, "destination %s is open already", lane->name);
	if (order->reason == REASON_NONE && lane->health.state == HEALTH_THROTTLED)
		return err_set(err, ERR_STALE,
			"destination %s asked for a pause: it opens by itself when that is over",
			lane->name);
	if (order->reason != REASON_NONE && lane->health.state == HEALTH_PARKED &&
		lane->health.reason == order->reason)
		return err_set(
			err, ERR_STALE, "destination %s is parked already", lane->name);
	return ERR_OK;
}

static enum err_code submit_order(
	struct relay *relay, struct order *order, struct err *err)
{
	struct lane *lane = lane_find(relay, order->destination);
	int64_t now = relay_now(relay);

	if (check_order(lane, order, err) != ERR_OK)
		return err->code;
	job_health_prepare(&order->job);
	order->job.job.done = order_stored;
	order->job.destination = lane->id;
	order->job.health = lane->health;
	order->job.wake = obey(lane, &order->job.health, order, now) & HEALTH_OPENED;
	order->job.now = now;
	if (!relay_submit(relay, &order->job.job))
		return err_set(err, ERR_BUSY,
			"the store takes no more at the moment: try again");
	return ERR_OK;
}

static void give_order(struct relay *relay, const char *destination, enum reason reason,
	const char *why, void (*done)(void *ctx, const struct err *err), void *ctx)
{
	struct order *order = calloc(1, sizeof(*order));
	struct err err = {.code = ERR_OK};

	if (!order) {
		err_set(&err, ERR_NOMEM, "out of memory");
		done(ctx, &err);
		return;
	}
	*order = (struct order){
		.relay = relay, .reason = reason, .done = done, .ctx = ctx};
	snprintf(order->destination, sizeof(order->destination), "%s", destination);
	snprintf(order->why, sizeof(order->why), "%s", why);
	if (submit_order(relay, order, &err) != ERR_OK) {
		done(ctx, &err);
		free(order);
	}
}

void relay_park(struct relay *relay, const char *destination, const char *why,
	void (*done)(void *ctx, const struct err *err), void *ctx)
{
	give_order(relay, destination, REASON_OPERATOR, why ? why : "", done, ctx);
}

void relay_resume(struct relay *relay, const char *destination,
	void (*done)(void *ctx, const struct err *err), void *ctx)
{
	give_order(relay, destination, REASON_NONE, "", done, ctx);
}

/* ---- drain ---- */

static bool is_idle(const struct relay *relay)
{
	const struct lane *lane;

	if (relay->attempts || relay->fetches || relay->jobs > 0)
		return false;
	for (lane = relay->lanes; lane; lane = lane->next)
		if (lane->health_dirty && !relay->cancelled)
			return false;
	return true;
}

void relay_ended(struct relay *relay)
{
	void (*idle)(void *ctx) = relay->idle;

	if (!relay->draining || !idle || !is_idle(relay))
		return;
	relay->idle = NULL;
	idle(relay->idle_ctx);
}

/* What is on the wire comes back as cancelled; what waits for a store that does not
 * answer is given up: it is due again at the next start. */
static void cancel_all(struct relay *relay)
{
	const struct transport *transport = &relay->options.transport;
	struct attempt *attempt, *next;
	struct fetch *fetch;

	if (relay->cancelled)
		return;
	relay->cancelled = true;
	for (attempt = relay->attempts; attempt; attempt = next) {
		next = attempt->next;
		if (!attempt_cancel(attempt) && !attempt->task && !attempt->submitted)
			attempt_abandon(attempt);
	}
	for (fetch = relay->fetches; fetch; fetch = fetch->next)
		transport->cancel(transport->ctx, &fetch->exchange);
	relay_ended(relay);
}

void relay_drain(
	struct relay *relay, int64_t deadline_ms, void (*idle)(void *ctx), void *ctx)
{
	struct lane *lane;

	FAULT_POINT("shutdown.drain");
	relay->draining = true;
	relay->drain_deadline = relay_mono(relay) + deadline_ms;
	relay->idle = idle;
	relay->idle_ctx = ctx;
	for (lane = relay->lanes; lane; lane = lane->next)
		window_clear(lane);
	relay_wake(relay);
	relay_ended(relay);
}
