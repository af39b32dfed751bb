/*
 * delivery: one lead to one destination: its states, the outcomes of an attempt, the
 * reasons for them, and the retry rule. Pure; any thread.
 */
#ifndef LEADRELAY_DELIVERY_H
#define LEADRELAY_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

struct entropy;

enum delivery_state {      /* stored in the database: never renumber */
	DELIVERY_NONE = 0, /* "not allowed here", in the table of transitions */
	DELIVERY_PENDING = 1,
	DELIVERY_HELD = 2,
	DELIVERY_DELIVERED = 3,
	DELIVERY_DEAD = 4,
	DELIVERY_DISCARDED = 5,
	DELIVERY_STATES
};

enum delivery_event {
	DELIVERY_ACCEPT, /* the destination took it, or already had it */
	DELIVERY_RETRY,  /* later: retry, unknown, throttled, destination parked */
	DELIVERY_REFUSE, /* refused, or gave up */
	DELIVERY_HOLD,
	DELIVERY_RELEASE,
	DELIVERY_DISCARD,
	DELIVERY_REPLAY,
	DELIVERY_REPLAY_AGAIN, /* replay --again: also of a delivered one */
	DELIVERY_EVENTS
};

/*
 *                release              accept
 *      HELD ---------------> PENDING ---------> DELIVERED
 *        ^------------------- |  ^ <--------------' replay again
 *               hold          |  | replay
 *                      refuse v  |
 *                            DEAD
 *   discard: from PENDING, HELD and DEAD to DISCARDED.
 *   An attempt under way when hold or discard came is let finish; if it delivered,
 * delivered it is: ACCEPT is allowed from HELD and DISCARDED (and DEAD) too; RETRY and
 * REFUSE leave those as they are (NONE).
 */
enum delivery_state delivery_next(enum delivery_state from, enum delivery_event event);
const char *delivery_state_name(enum delivery_state state); /* "pending" ... */
int delivery_state_find(const char *name);                  /* -1: no such state */
const char *delivery_event_name(enum delivery_event event);

enum outcome_kind { /* stored in the database: never renumber */
	OUTCOME_NONE = 0,
	OUTCOME_DELIVERED = 1,
	OUTCOME_ALREADY_THERE = 2, /* found under our id */
	OUTCOME_PRESUMED = 3, /* already there by its words, reading back not allowed */
	OUTCOME_SKIPPED = 4,  /* duplicate policy: the CRM has this person */
	OUTCOME_RETRY = 5,
	OUTCOME_THROTTLED = 6,
	OUTCOME_UNAUTHORIZED = 7,
	OUTCOME_FORBIDDEN = 8,
	OUTCOME_ENVIRONMENT = 9,
	OUTCOME_REFUSED = 10,
	OUTCOME_UNKNOWN = 11, /* sent, no answer */
	OUTCOME_COUNT
};
const char *outcome_name(enum outcome_kind kind); /* "already_there" ... */
bool outcome_is_success(enum outcome_kind kind);
/* What "attempts" counts: successes, retry, unknown, refused; not what was the
 * destination's fault. */
bool outcome_counts(enum outcome_kind kind);

enum reason { /* contract 6: one word, stable; stored in the database: never renumber */
	REASON_NONE = 0,
	REASON_DNS = 1,
	REASON_CONNECT = 2,
	REASON_TLS = 3,
	REASON_TIMEOUT = 4,
	REASON_RESET = 5,
	REASON_PROTOCOL = 6,
	REASON_SERVER_ERROR = 7,
	REASON_THROTTLED = 8,
	REASON_UNAUTHORIZED = 9,
	REASON_FORBIDDEN = 10,
	REASON_ENVIRONMENT = 11,
	REASON_PLUGIN = 12,
	REASON_DUPLICATE_RULE = 13,
	REASON_INVALID = 14,
	REASON_TOO_LARGE = 15,
	REASON_GONE = 16,
	REASON_EXPIRED = 17,
	REASON_REMOVED = 18,
	REASON_OPERATOR = 19,
	REASON_COUNT
};
const char *reason_name(enum reason reason); /* "dns" ...; "" for none */
int reason_find(const char *name);           /* -1: no such reason */

struct outcome { /* what one exchange with a destination meant */
	enum outcome_kind kind;
	enum reason reason;
	bool few;           /* retry: "retry few", 5 of them, then dead */
	bool destination;   /* retry: the destination's trouble (transport, 5xx), not this
			       lead's: drives backing off */
	bool needs_person;  /* unauthorized by a password: never asked again by itself */
	int64_t wait_ms;    /* throttled or retry: what Retry-After asked for; -1: nothing
			       usable */
	int http_status;    /* 0: none */
	int dop_hint;       /* x-ms-dop-hint, 0: none */
	char error[1024];   /* one sentence with the remote's own words; may hold personal
			       data: stored, never logged */
	char remedy[256];   /* what the operator does about it; no personal data; may be
			       empty */
	char remote_id[64]; /* the record's id where it was created or found */
};

struct retry_rule { /* configuration: retry */
	int64_t first_ms;
	int64_t longest_ms;
	int64_t give_up_after_ms;
	double factor;
};

#define RETRY_FEW_MAX 5
/* Full jitter: uniform in [0, min(longest, first * factor^(failures-1))], at least 1 ms.
 * failures counts from 1. */
int64_t retry_delay(
	const struct retry_rule *rule, int failures, const struct entropy *entropy);

/* Retry-After: seconds, or an HTTP date (needs the wall clock). At most 24 h. -1 when
 * unreadable, negative or absent (NULL). */
int64_t retry_after_parse(const char *value, int64_t now);
#define RETRY_AFTER_MAX_MS (24 * 3600 * 1000LL)

#endif
