/* The report as plain text: short lines, a block per destination, nothing that needs
 * columns of equal letters. */
#include "words.h"

#include "leadrelay/clock.h"

static void add_head(
	struct buf *out, const struct report *report, const struct zone *zone)
{
	char from[WORD_SIZE], to[WORD_SIZE], offset[WORD_SIZE];

	buf_adds(out, "leadrelay ");
	word_title(out, report);
	buf_addf(out, "\n%s to %s (%s)\n\n", word_moment(report->since, zone, from),
		word_moment(report->until, zone, to),
		word_offset(report->until, zone, offset));
}

static void add_sums(struct buf *out, const struct report *report)
{
	struct sums sums = sums_of(report);
	char text[WORD_SIZE];

	buf_addf(out, "Leads: %s came in.\n", word_count(sums.leads, text));
	buf_addf(out, "Deliveries: %s accepted,", word_count(sums.accepted, text));
	buf_addf(out, " %s delivered,", word_count(sums.delivered, text));
	buf_addf(out, " %s became dead;", word_count(sums.died, text));
	buf_addf(out, " %s are waiting.\n", word_count(sums.pending, text));
}

static void add_times(struct buf *out, const struct report_destination *destination)
{
	char p50[WORD_SIZE], p95[WORD_SIZE], max[WORD_SIZE];

	if (destination->delivered)
		buf_addf(out,
			"  from acceptance to delivery: half within %s, 95 %% within %s, "
			"the slowest %s\n",
			word_seconds(destination->p50_s, p50),
			word_seconds(destination->p95_s, p95),
			word_seconds(destination->max_s, max));
}

static void add_now(struct buf *out, const struct report_destination *destination)
{
	char text[WORD_SIZE], oldest[DURATION_TEXT_SIZE];

	buf_addf(out, "  at the end: %s pending", word_count(destination->pending, text));
	if (destination->pending)
		buf_addf(out, " (the oldest for %s)",
			duration_human(destination->oldest_pending_s * 1000, oldest));
	buf_addf(out, ", %s held", word_count(destination->held, text));
	buf_addf(out, ", %s dead", word_count(destination->dead, text));
	buf_addf(out, ", %s discarded\n", word_count(destination->discarded, text));
}

static void add_dead(struct buf *out, const struct report *report,
	const struct report_destination *destination)
{
	for (int i = 0; i < destination->dead_reason_count; i++) {
		const char *reason = reason_name(destination->dead_by_reason[i].reason);
		char text[WORD_SIZE];

		buf_addf(out, "  %s died: %s\n    ",
			word_count(destination->dead_by_reason[i].count, text),
			*reason ? reason : "without a reason");
		word_command(out, "list", report, destination, i);
		buf_adds(out, "\n    ");
		word_command(out, "replay", report, destination, i);
		buf_addc(out, '\n');
	}
}

static void add_destination(struct buf *out, const struct report *report,
	const struct report_destination *destination)
{
	char text[WORD_SIZE];

	buf_addf(out, "\nDestination %s\n  %s accepted", destination->name,
		word_count(destination->accepted, text));
	buf_addf(out, ", %s delivered", word_count(destination->delivered, text));
	buf_addf(out, ", %s became dead\n", word_count(destination->died, text));
	buf_addf(out, "  %s attempts", word_count(destination->attempts, text));
	buf_addf(out, ", %s of them retries\n", word_count(destination->retries, text));
	add_times(out, destination);
	add_now(out, destination);
	add_dead(out, report, destination);
}

static void add_source(struct buf *out, const struct report_source *source)
{
	char text[WORD_SIZE];

	buf_addf(out, "\nSource %s\n  %s accepted", source->name,
		word_count(source->accepted, text));
	if (source->test)
		buf_addf(out, " (%s of them test leads)", word_count(source->test, text));
	buf_addf(out, ", %s duplicates", word_count(source->duplicates, text));
	buf_addf(out, ", %s quarantined\n", word_count(source->quarantined, text));
	buf_addf(out, "  %s requests rejected since the relay's first start\n",
		word_count(source->rejected, text));
}

void render_text(struct buf *out, const struct report *report, const struct zone *zone)
{
	char text[WORD_SIZE];

	add_head(out, report, zone);
	add_sums(out, report);
	for (size_t i = 0; i < report->destination_count; i++)
		add_destination(out, report, &report->destinations[i]);
	for (size_t i = 0; i < report->source_count; i++)
		add_source(out, &report->sources[i]);
	buf_addf(out, "\nNotifications: %s sent",
		word_count(report->notifications_sent, text));
	buf_addf(out, ", %s failed", word_count(report->notifications_dead, text));
	if (report->notifications_dead)
		buf_adds(out, "; leadctl notifications list --state dead");
	buf_adds(out, "\n\nAll deliveries since the first start: ");
	word_accounting(out, &report->accounting);
	buf_adds(out, ".\n");
}
