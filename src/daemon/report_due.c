/* When a report is due, and for what time. */
#include "reports.h"

#include <stdio.h>

/* A report that nobody made for so long was away from the configuration: it begins with
 * its own period again. */
#define MISSED_MAX_MS (100 * 24 * 3600 * INT64_C(1000))

static unsigned outlets_of(const struct report_settings *report)
{
	return (report->to.count > 0 ? 1u << REPORT_BY_MAIL : 0) |
	       (report->directory ? 1u << REPORT_INTO_FOLDER : 0);
}

struct report_due report_due(const struct report_settings *report,
	const struct zone *zone, const struct report_made *made, int64_t now)
{
	const struct schedule schedule = {
		(enum schedule_every)report->every, report->at_minute, zone};
	struct report_due due = {.at = schedule_last(&schedule, now)};
	unsigned outlets = outlets_of(report);

	due.since = schedule_period(&schedule, due.at).since;
	for (int i = 0; i < REPORT_OUTLETS; i++) {
		int64_t last = made->at[i];

		if (!(outlets & 1u << i))
			continue;
		if (last == REPORT_NEVER) {
			due.begin |= 1u << i;
		} else if (due.at > last) {
			due.outlets |= 1u << i;
			if (due.at - last < MISSED_MAX_MS)
				due.since = last;
		}
	}
	return due;
}

void report_outlet_name(char out[128], const char *report, enum report_outlet outlet)
{
	snprintf(out, 128, "%s%s", report,
		outlet == REPORT_INTO_FOLDER ? " (directory)" : "");
}
