#include "leadrelay/delivery.h"

#include <stddef.h>
#include <string.h>

static const enum delivery_state next_state[DELIVERY_STATES][DELIVERY_EVENTS] = {
	[DELIVERY_PENDING][DELIVERY_ACCEPT] = DELIVERY_DELIVERED,
	[DELIVERY_HELD][DELIVERY_ACCEPT] = DELIVERY_DELIVERED,
	[DELIVERY_DEAD][DELIVERY_ACCEPT] = DELIVERY_DELIVERED,
	[DELIVERY_DISCARDED][DELIVERY_ACCEPT] = DELIVERY_DELIVERED,
	[DELIVERY_PENDING][DELIVERY_RETRY] = DELIVERY_PENDING,
	[DELIVERY_PENDING][DELIVERY_REFUSE] = DELIVERY_DEAD,
	[DELIVERY_PENDING][DELIVERY_HOLD] = DELIVERY_HELD,
	[DELIVERY_HELD][DELIVERY_RELEASE] = DELIVERY_PENDING,
	[DELIVERY_PENDING][DELIVERY_DISCARD] = DELIVERY_DISCARDED,
	[DELIVERY_HELD][DELIVERY_DISCARD] = DELIVERY_DISCARDED,
	[DELIVERY_DEAD][DELIVERY_DISCARD] = DELIVERY_DISCARDED,
	[DELIVERY_DEAD][DELIVERY_REPLAY] = DELIVERY_PENDING,
	[DELIVERY_DEAD][DELIVERY_REPLAY_AGAIN] = DELIVERY_PENDING,
	[DELIVERY_DELIVERED][DELIVERY_REPLAY_AGAIN] = DELIVERY_PENDING,
};

static const char *const state_names[DELIVERY_STATES] = {
	[DELIVERY_NONE] = "",
	[DELIVERY_PENDING] = "pending",
	[DELIVERY_HELD] = "held",
	[DELIVERY_DELIVERED] = "delivered",
	[DELIVERY_DEAD] = "dead",
	[DELIVERY_DISCARDED] = "discarded",
};

static const char *const event_names[DELIVERY_EVENTS] = {
	[DELIVERY_ACCEPT] = "accept",
	[DELIVERY_RETRY] = "retry",
	[DELIVERY_REFUSE] = "refuse",
	[DELIVERY_HOLD] = "hold",
	[DELIVERY_RELEASE] = "release",
	[DELIVERY_DISCARD] = "discard",
	[DELIVERY_REPLAY] = "replay",
	[DELIVERY_REPLAY_AGAIN] = "replay_again",
};

static const char *const outcome_names[OUTCOME_COUNT] = {
	[OUTCOME_NONE] = "",
	[OUTCOME_DELIVERED] = "delivered",
	[OUTCOME_ALREADY_THERE] = "already_there",
	[OUTCOME_PRESUMED] = "presumed",
	[OUTCOME_SKIPPED] = "skipped",
	[OUTCOME_RETRY] = "retry",
	[OUTCOME_THROTTLED] = "throttled",
	[OUTCOME_UNAUTHORIZED] = "unauthorized",
	[OUTCOME_FORBIDDEN] = "forbidden",
	[OUTCOME_ENVIRONMENT] = "environment",
	[OUTCOME_REFUSED] = "refused",
	[OUTCOME_UNKNOWN] = "unknown",
};

static const char *const reason_names[REASON_COUNT] = {
	[REASON_NONE] = "",
	[REASON_DNS] = "dns",
	[REASON_CONNECT] = "connect",
	[REASON_TLS] = "tls",
	[REASON_TIMEOUT] = "timeout",
	[REASON_RESET] = "reset",
	[REASON_PROTOCOL] = "protocol",
	[REASON_SERVER_ERROR] = "server_error",
	[REASON_THROTTLED] = "throttled",
	[REASON_UNAUTHORIZED] = "unauthorized",
	[REASON_FORBIDDEN] = "forbidden",
	[REASON_ENVIRONMENT] = "environment",
	[REASON_PLUGIN] = "plugin",
	[REASON_DUPLICATE_RULE] = "duplicate_rule",
	[REASON_INVALID] = "invalid",
	[REASON_TOO_LARGE] = "too_large",
	[REASON_GONE] = "gone",
	[REASON_EXPIRED] = "expired",
	[REASON_REMOVED] = "removed",
	[REASON_OPERATOR] = "operator",
};

/* A number out of its range can come from a damaged or newer store: "" rather than a
 * crash. */
static const char *name_at(const char *const *names, int count, int index)
{
	return index >= 0 && index < count ? names[index] : "";
}

/* From 1: the name of 0 is "", which names nothing. */
static int name_find(const char *const *names, int count, const char *name)
{
	for (int i = 1; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

enum delivery_state delivery_next(enum delivery_state from, enum delivery_event event)
{
	if ((unsigned)from >= DELIVERY_STATES || (unsigned)event >= DELIVERY_EVENTS)
		return DELIVERY_NONE;
	return next_state[from][event];
}

const char *delivery_state_name(enum delivery_state state)
{
	return name_at(state_names, DELIVERY_STATES, (int)state);
}

int delivery_state_find(const char *name)
{
	return name_find(state_names, DELIVERY_STATES, name);
}

const char *delivery_event_name(enum delivery_event event)
{
	return name_at(event_names, DELIVERY_EVENTS, (int)event);
}

const char *outcome_name(enum outcome_kind kind)
{
	return name_at(outcome_names, OUTCOME_COUNT, (int)kind);
}

bool outcome_is_success(enum outcome_kind kind)
{
	return kind == OUTCOME_DELIVERED || kind == OUTCOME_ALREADY_THERE ||
	       kind == OUTCOME_PRESUMED || kind == OUTCOME_SKIPPED;
}

bool outcome_counts(enum outcome_kind kind)
{
	return outcome_is_success(kind) || kind == OUTCOME_RETRY ||
	       kind == OUTCOME_UNKNOWN || kind == OUTCOME_REFUSED;
}

const char *reason_name(enum reason reason)
{
	return name_at(reason_names, REASON_COUNT, (int)reason);
}

int reason_find(const char *name)
{
	return name_find(reason_names, REASON_COUNT, name);
}
