#include "sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS (24 * 3600 * 1000LL)
#define UNTIL 1795327200000 /* 2026-11-22 06:00 UTC */

const char *sample_name(enum sample sample)
{
	static const char *const names[SAMPLES] = {"day", "nothing", "extreme"};

	return names[sample];
}

static void fill_bars(struct report_destination *one, int64_t scale)
{
	static const int64_t shape[REPORT_BARS] = {0, 1, 0, 2, 5, 9, 14, 12, 10, 11, 13,
		9, 7, 8, 6, 4, 3, 2, 0, 0, 1, 2, 1, 0};

	for (int i = 0; i < REPORT_BARS; i++) {
		one->bars_accepted[i] = shape[i] * scale;
		one->bars_delivered[i] = shape[(i + REPORT_BARS - 1) % REPORT_BARS];
		one->bars_delivered[i] *= scale;
	}
}

static void fill_destination(struct report_destination *one, int64_t scale)
{
	one->accepted = 120 * scale;
	one->delivered = 118 * scale;
	one->died = 2 * scale;
	one->pending = 4 * scale;
	one->held = scale;
	one->dead = 3 * scale;
	one->discarded = 6 * scale;
	one->attempts = 131 * scale;
	one->retries = 11 * scale;
	one->p50_s = 0.82;
	one->p95_s = 12.4;
	one->max_s = 8040;
	one->oldest_pending_s = 7380;
	one->dead_by_reason[0].reason = REASON_INVALID;
	one->dead_by_reason[0].count = 2 * scale;
	one->dead_by_reason[0].first_at = UNTIL - DAY_MS;
	one->dead_reason_count = 1;
	fill_bars(one, scale);
}

static void fill_day(struct report *report)
{
	static const char *const names[] = {"crm", "archive"};

	report->destination_count = 2;
	for (size_t i = 0; i < 2; i++) {
		fill_destination(&report->destinations[i], 1);
		strcpy(report->destinations[i].name, names[i]);
	}
	report->destinations[1].died = 0;
	report->destinations[1].dead_reason_count = 0;
	report->source_count = 1;
	report->sources[0] = (struct report_source){
		.name = "marketplace", .accepted = 120, .duplicates = 3, .test = 1};
	report->notifications_sent = 236;
	report->accounting = (struct accounting){.accepted = 4711,
		.pending = 8,
		.held = 2,
		.delivered = 4683,
		.dead = 6,
		.discarded = 12};
}

/* The longest names and the largest numbers that can come, and every reason. */
static void fill_extreme(struct report *report)
{
	report->destination_count = 6;
	for (size_t i = 0; i < 6; i++) {
		struct report_destination *one = &report->destinations[i];

		fill_destination(one, 123456789);
		memset(one->name, 'W', 64);
		one->name[0] = (char)('A' + i);
		for (int reason = 0; reason < REASON_COUNT; reason++) {
			one->dead_by_reason[reason].reason = (enum reason)reason;
			one->dead_by_reason[reason].count = 1;
			one->dead_by_reason[reason].first_at = report->since;
		}
		one->dead_reason_count = REASON_COUNT;
	}
	report->source_count = 2;
	for (size_t i = 0; i < 2; i++) {
		report->sources[i] = (struct report_source){.accepted = 14814814680,
			.duplicates = 1234567,
			.quarantined = 7654321,
			.rejected = 99999999};
		memset(report->sources[i].name, 'M', 64);
	}
	report->notifications_sent = 29629629360;
	report->notifications_dead = 17;
	report->accounting = (struct accounting){
		.accepted = 88888888080, .delivered = 88888888000, .difference = 80};
}

struct report sample_report(enum sample sample)
{
	struct report report = {.since = UNTIL - DAY_MS, .until = UNTIL};

	report.destinations = calloc(8, sizeof(*report.destinations));
	report.sources = calloc(8, sizeof(*report.sources));
	if (!report.destinations || !report.sources)
		abort();
	snprintf(report.name, sizeof(report.name), "%s",
		sample == SAMPLE_EXTREME ? "a-report-with-quite-a-long-name-for-a-report"
					 : "daily");
	if (sample == SAMPLE_DAY)
		fill_day(&report);
	else if (sample == SAMPLE_EXTREME)
		fill_extreme(&report);
	return report;
}
