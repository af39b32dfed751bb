/*
 * route: which of a source's destinations a lead goes to (`when:` on a destination).
 * Pure.
 */
#ifndef LEADRELAY_ROUTE_H
#define LEADRELAY_ROUTE_H

#include "leadrelay/lead.h"

#include <stdbool.h>
#include <stddef.h>

struct route_rule { /* one key of `when`: the field must match one of the patterns (* and
		       ?, any case) */
	enum lead_field field;
	char **patterns;
	size_t count;
};

/* All rules must match; a rule on an absent field does not. No rules: every lead. */
bool route_matches(const struct route_rule *rules, size_t count, const struct lead *lead);

#endif
