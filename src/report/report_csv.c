/*
 * The report as CSV (RFC 4180: CRLF, one heading, every row as wide): a row per
 * destination and source, one for the notifications, one for the accounting. What does
 * not apply to a row is empty.
 */
#include "words.h"

#include "leadrelay/clock.h"
#include "leadrelay/text.h"

#include <inttypes.h>

enum column {
	KIND,
	NAME,
	SINCE,
	UNTIL,
	ACCEPTED,
	DELIVERED,
	PENDING,
	HELD,
	DEAD,
	DISCARDED,
	ATTEMPTS,
	RETRIES,
	P50_S,
	P95_S,
	MAX_S,
	OLDEST_PENDING_S,
	DEAD_BY_REASON,
	DUPLICATES,
	QUARANTINED,
	REJECTED,
	TEST,
	SENT,
	DIFFERENCE,
	COLUMNS
};
static const char *const titles[COLUMNS] = {[KIND] = "kind",
	[NAME] = "name",
	[SINCE] = "since",
	[UNTIL] = "until",
	[ACCEPTED] = "accepted",
	[DELIVERED] = "delivered",
	[PENDING] = "pending",
	[HELD] = "held",
	[DEAD] = "dead",
	[DISCARDED] = "discarded",
	[ATTEMPTS] = "attempts",
	[RETRIES] = "retries",
	[P50_S] = "p50_s",
	[P95_S] = "p95_s",
	[MAX_S] = "max_s",
	[OLDEST_PENDING_S] = "oldest_pending_s",
	[DEAD_BY_REASON] = "dead_by_reason",
	[DUPLICATES] = "duplicates",
	[QUARANTINED] = "quarantined",
	[REJECTED] = "rejected",
	[TEST] = "test",
	[SENT] = "sent",
	[DIFFERENCE] = "difference"};

struct row {
	struct buf fields[COLUMNS];
};

static void put_text(struct row *row, enum column column, const char *text)
{
	buf_adds(&row->fields[column], text);
}

static void put(struct row *row, enum column column, int64_t value)
{
	buf_addf(&row->fields[column], "%" PRId64, value);
}

static void put_seconds(struct row *row, enum column column, double value)
{
	buf_addf(&row->fields[column], "%.3f", value);
}

static void begin_row(
	struct row *row, const struct report *report, const char *kind, const char *name)
{
	char time[TIME_TEXT_SIZE];

	*row = (struct row){0};
	put_text(row, KIND, kind);
	put_text(row, NAME, name);
	put_text(row, SINCE, time_text(report->since, time));
	put_text(row, UNTIL, time_text(report->until, time));
}

static void end_row(struct buf *out, struct row *row)
{
	for (int i = 0; i < COLUMNS; i++) {
		if (i)
			buf_addc(out, ',');
		csv_add(out, buf_str(&row->fields[i]));
		out->failed |= row->fields[i].failed;
		buf_finish(&row->fields[i]);
	}
	buf_adds(out, "\r\n");
}

static void add_destination(struct buf *out, const struct report *report,
	const struct report_destination *one)
{
	struct row row;

	begin_row(&row, report, "destination", one->name);
	put(&row, ACCEPTED, one->accepted);
	put(&row, DELIVERED, one->delivered);
	put(&row, PENDING, one->pending);
	put(&row, HELD, one->held);
	put(&row, DEAD, one->dead);
	put(&row, DISCARDED, one->discarded);
	put(&row, ATTEMPTS, one->attempts);
	put(&row, RETRIES, one->retries);
	put_seconds(&row, P50_S, one->p50_s);
	put_seconds(&row, P95_S, one->p95_s);
	put_seconds(&row, MAX_S, one->max_s);
	put(&row, OLDEST_PENDING_S, one->oldest_pending_s);
	for (int i = 0; i < one->dead_reason_count; i++) {
		const char *reason = reason_name(one->dead_by_reason[i].reason);

		buf_addf(&row.fields[DEAD_BY_REASON], "%s%s:%" PRId64, i ? " " : "",
			*reason ? reason : "none", one->dead_by_reason[i].count);
	}
	end_row(out, &row);
}

static void add_source(
	struct buf *out, const struct report *report, const struct report_source *one)
{
	struct row row;

	begin_row(&row, report, "source", one->name);
	put(&row, ACCEPTED, one->accepted);
	put(&row, DUPLICATES, one->duplicates);
	put(&row, QUARANTINED, one->quarantined);
	put(&row, REJECTED, one->rejected);
	put(&row, TEST, one->test);
	end_row(out, &row);
}

static void add_rest(struct buf *out, const struct report *report)
{
	const struct accounting *sum = &report->accounting;
	struct row row;

	begin_row(&row, report, "notifications", "");
	put(&row, SENT, report->notifications_sent);
	put(&row, DEAD, report->notifications_dead);
	end_row(out, &row);
	begin_row(&row, report, "accounting", "");
	put(&row, ACCEPTED, sum->accepted);
	put(&row, PENDING, sum->pending);
	put(&row, HELD, sum->held);
	put(&row, DELIVERED, sum->delivered);
	put(&row, DEAD, sum->dead);
	put(&row, DISCARDED, sum->discarded);
	put(&row, DIFFERENCE, sum->difference);
	end_row(out, &row);
}

void render_csv(struct buf *out, const struct report *report)
{
	for (int i = 0; i < COLUMNS; i++)
		buf_addf(out, "%s%s", i ? "," : "", titles[i]);
	buf_adds(out, "\r\n");
	for (size_t i = 0; i < report->destination_count; i++)
		add_destination(out, report, &report->destinations[i]);
	for (size_t i = 0; i < report->source_count; i++)
		add_source(out, report, &report->sources[i]);
	add_rest(out, report);
}
