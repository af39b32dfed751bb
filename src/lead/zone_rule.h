/*
 * zone_rule: the POSIX TZ rule at the end of a TZif file, "CET-1CEST,M3.5.0,M10.5.0/3",
 * with RFC 8536's extensions: names in <>, times of day from -167 to 167 hours. For the
 * files of this room only; seconds throughout.
 */
#ifndef LEADRELAY_LEAD_ZONE_RULE_H
#define LEADRELAY_LEAD_ZONE_RULE_H

#include "leadrelay/zone.h"

#include <stdbool.h>
#include <stdint.h>

enum zone_day { DAY_JULIAN, DAY_OF_YEAR, DAY_WEEKDAY }; /* Jn, n, Mm.w.d */

struct zone_date {
	enum zone_day kind;
	int day; /* 1-365 without leap days; 0-365; 0-6 */
	int month, week;
	int32_t time; /* of the day, in the offset that ends there */
};

struct zone_rule {
	bool present;
	bool has_dst;
	int32_t standard, dst; /* ahead of UTC */
	struct zone_date begin, end;
};

bool zone_rule_parse(struct zone_rule *out, const char *text);
/* In seconds; offset_ms holds seconds too. */
struct zone_span zone_rule_span(const struct zone_rule *rule, int64_t seconds);

#endif
