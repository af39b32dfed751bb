/*
 * health: whether a destination is asked at all, how often, and how many at once. One
 * state machine, driven by outcomes; pure (time and chance come in as arguments), so that
 * the daemon and a simulation run the same rules.
 *
 *   from                 what happens                                to
 *   OPEN                 3 transport errors or 5xx in a row          BACKING_OFF
 *   BACKING_OFF          its one probe is answered                   OPEN (limit from 1)
 *   OPEN, BACKING_OFF    429 or Retry-After                          THROTTLED
 *   THROTTLED            its time is over                            OPEN (limit halved)
 *   any                  unauthorized, environment, forbidden twice  PARKED
 *                        in a row, operator, removed
 *   PARKED               cheap read answers, and then one waiting    OPEN (limit from 1)
 *                        lead is delivered (or none is waiting)
 *
 * PARKED for a refused password, by the operator or because it was removed asks nothing
 * by itself: it waits for a changed secret, `destinations resume`, or the configuration.
 * The cheap read failing in whatever way, or the waiting lead not getting through, keeps
 * it parked for another probe_interval.
 *
 * Wall-clock times are stored (they survive a restart); a jump of the wall clock is the
 * caller's to report through health_clock_jumped.
 */
#ifndef LEADRELAY_HEALTH_H
#define LEADRELAY_HEALTH_H

#include "leadrelay/delivery.h"

#include <stdbool.h>
#include <stdint.h>

enum health_state { /* stored in the database: never renumber */
	HEALTH_OPEN = 1,
	HEALTH_BACKING_OFF = 2,
	HEALTH_THROTTLED = 3,
	HEALTH_PARKED = 4,
};
/* "open" "backing_off" "throttled" "parked" */
const char *health_state_name(enum health_state state);

struct health {
	enum health_state state;
	enum reason reason;
	int64_t since;     /* wall */
	int64_t next_at;   /* wall: when it may be asked again; 0: now; INT64_MAX: not by
			      itself */
	int failures;      /* consecutive transport errors and 5xx */
	int64_t open_ms;   /* total time open until since-of-current-state: what
			      give_up_after counts */
	bool probe_passed; /* parked: the cheap read answered, one waiting lead may try */
	bool asks_itself;  /* parked: probed every probe_interval; false: waits for a
			      person */
	int64_t forbidden_delivery; /* the delivery that met `forbidden` last, in a row;
				       0: none */
	char error[1024];           /* the sentence beside the reason */
	/* memory only: */
	int limit; /* how many at once now */
	int max;   /* max_concurrency, lowered by x-ms-dop-hint */
	int configured_max;
	int successes;  /* since limit last changed */
	int throttles;  /* in a row, each without a usable Retry-After */
	unsigned epoch; /* counts changes of state: what began in an earlier one is old
			   news */
};

struct health_rule {
	struct retry_rule retry;
	int64_t probe_interval_ms;
	int max_concurrency;
};

/* What the caller must do after an outcome; bits. */
enum health_change {
	HEALTH_SAME = 0,
	HEALTH_CHANGED = 1 << 0, /* state, reason or next_at: store it */
	HEALTH_OPENED = 1 << 1,  /* now open: wake waiting deliveries, tell the operator
				    all is clear when it was parked */
	HEALTH_PARKED_NOW = 1 << 2,   /* tell the operator */
	HEALTH_REVIVE_FIRST = 1 << 3, /* second forbidden in a row: the lead of
					 forbidden_delivery is put back */
};

void health_init(struct health *health, const struct health_rule *rule, int64_t now);
/* New settings (reload), or what the store kept: keeps the state, completes what is in
 * memory only. */
void health_configure(struct health *health, const struct health_rule *rule);

/* An outcome of delivery (0: a probe or a token request) that began in epoch. now is
 * wall. An answer to what began in an earlier state opens nothing that was parked since,
 * counts no failure and parks nothing again. */
int health_outcome(struct health *health, const struct health_rule *rule,
	const struct outcome *outcome, int64_t delivery, unsigned epoch, int64_t now,
	const struct entropy *entropy);
/* For `forbidden`: what becomes of the delivery itself, decided before health_outcome is
 * called: true when it is the destination's fault, not the lead's: the second lead in a
 * row, or parked already. */
bool health_forbidden_is_destination(
	const struct health *health, int64_t delivery, unsigned epoch);

/* unauthorized, forbidden, environment: probed every probe_interval; operator, removed:
 * not by itself. why may be NULL. */
int health_park(struct health *health, const struct health_rule *rule, enum reason reason,
	const char *why, int64_t now);
/* Operator's resume, a changed secret, or a returned configuration entry. */
int health_resume(struct health *health, int64_t now);
/* The cheap read of a parked destination answered, and no lead is waiting to be tried:
 * opens. */
int health_nothing_waiting(struct health *health, int64_t now);
/* How many may be in flight at now (0 while gated; 1 while backing off, or parked with a
 * passed probe: of those only what began in this epoch counts). */
int health_allowance(const struct health *health, int64_t now);
/* True when the cheap read of a parked destination is due at now. */
bool health_probe_due(const struct health *health, int64_t now);
/* Throttling whose time is over opens; returns a health_change. Call at each tick. */
int health_tick(struct health *health, int64_t now);
/* When health_tick, health_allowance or health_probe_due next changes by time alone;
 * INT64_MAX: never. */
int64_t health_next_at(const struct health *health, int64_t now);
/* Total time the destination was open until now: what give_up_after is measured in. */
int64_t health_open_ms(const struct health *health, int64_t now);
/* The wall clock moved by delta against the monotonic one: shifts next_at, since so that
 * waits keep their length. */
void health_clock_jumped(struct health *health, int64_t delta);

#endif
