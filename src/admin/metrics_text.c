/*
 * Families, one after the other, each with its HELP and TYPE; a sample is a line. Labels
 * are escaped, numbers are written so that reading them gives the same number.
 */
#include "leadrelay/metrics.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MS_PER_S 1000.0

struct label { /* a pair; name NULL: none */
	const char *name;
	const char *value;
};

/* ---- a line ---- */

static void add_value(struct buf *out, double value)
{
	char text[40];

	if (value == floor(value) && fabs(value) < 1e15) {
		buf_addf(out, "%.0f", value);
		return;
	}
	for (int digits = 6; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value)
			break;
	}
	buf_adds(out, text);
}

static void add_escaped(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			buf_addc(out, '\\');
		if (*text == '\n')
			buf_adds(out, "\\n");
		else
			buf_addc(out, *text);
	}
}

static void add_label(struct buf *out, struct label label, char *before)
{
	if (!label.name)
		return;
	buf_addf(out, "%c%s=\"", *before, label.name);
	add_escaped(out, label.value);
	buf_addc(out, '"');
	*before = ',';
}

static void add_line(struct buf *out, const char *name, struct label one,
	struct label two, double value)
{
	char before = '{';

	buf_adds(out, name);
	add_label(out, one, &before);
	add_label(out, two, &before);
	buf_adds(out, before == ',' ? "} " : " ");
	add_value(out, value);
	buf_addc(out, '\n');
}

static const struct label none;

static void add_family(
	struct buf *out, const char *name, const char *type, const char *help)
{
	buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void add_single(struct buf *out, const char *name, const char *type,
	const char *help, double value)
{
	add_family(out, name, type, help);
	add_line(out, name, none, none, value);
}

static void add_histogram(struct buf *out, const char *name, struct label label,
	const struct histogram *histogram)
{
	char bucket[80], other[80], bound[40];
	uint64_t count = 0;

	snprintf(bucket, sizeof(bucket), "%s_bucket", name);
	for (size_t i = 0; i <= histogram->bound_count; i++) {
		count += histogram->counts[i];
		if (i == histogram->bound_count)
			snprintf(bound, sizeof(bound), "+Inf");
		else
			snprintf(bound, sizeof(bound), "%g", histogram->bounds[i]);
		add_line(out, bucket, label, (struct label){"le", bound}, (double)count);
	}
	snprintf(other, sizeof(other), "%s_sum", name);
	add_line(out, other, label, none, histogram->sum);
	snprintf(other, sizeof(other), "%s_count", name);
	add_line(out, other, label, none, (double)count);
}

/* ---- families ---- */

static void add_intake(const struct metrics *metrics, struct buf *out)
{
	const char *name = "leadrelay_leads_accepted_total";

	add_family(out, name, "counter",
		"Leads kept, by source, since the outbox was made.");
	for (size_t i = 0; i < metrics->source_count; i++)
		add_line(out, name, (struct label){"source", metrics->sources[i].name},
			none, (double)metrics->sources[i].accepted);
	name = "leadrelay_intake_rejected_total";
	add_family(out, name, "counter",
		"Requests answered 4xx or 5xx; an empty source: none that is known.");
	for (size_t i = 0; i < metrics->rejected_count; i++) {
		const struct metrics_rejected *rejected = &metrics->rejected[i];
		char status[16];

		snprintf(status, sizeof(status), "%d", rejected->status);
		add_line(out, name, (struct label){"source", rejected->source},
			(struct label){"status", status}, (double)rejected->count);
	}
	name = "leadrelay_intake_duration_seconds";
	add_family(out, name, "histogram",
		"From a request that was read to its response, commit included.");
	add_histogram(out, name, none, &metrics->intake_s);
}

/* One line of each destination. */
static void add_each(const struct metrics *metrics, struct buf *out, const char *name,
	void (*add)(const struct metrics_destination *one, struct label label,
		const char *name, struct buf *out))
{
	for (size_t i = 0; i < metrics->destination_count; i++) {
		const struct metrics_destination *one = &metrics->destinations[i];

		add(one, (struct label){"destination", one->name}, name, out);
	}
}

static void add_attempts(const struct metrics_destination *one, struct label label,
	const char *name, struct buf *out)
{
	for (int i = OUTCOME_NONE + 1; i < OUTCOME_COUNT; i++)
		add_line(out, name, label,
			(struct label){"outcome", outcome_name((enum outcome_kind)i)},
			(double)one->attempts[i]);
}

static void add_deliveries(const struct metrics_destination *one, struct label label,
	const char *name, struct buf *out)
{
	for (int i = DELIVERY_NONE + 1; i < DELIVERY_STATES; i++)
		add_line(out, name, label,
			(struct label){
				"state", delivery_state_name((enum delivery_state)i)},
			(double)one->deliveries[i]);
}

static void add_age(const struct metrics_destination *one, struct label label,
	const char *name, struct buf *out)
{
	add_histogram(out, name, label, &one->delivery_age_s);
}

static void add_oldest(const struct metrics_destination *one, struct label label,
	const char *name, struct buf *out)
{
	add_line(out, name, label, none, one->oldest_pending_s);
}

static void add_state(const struct metrics_destination *one, struct label label,
	const char *name, struct buf *out)
{
	for (int i = HEALTH_OPEN; i <= HEALTH_PARKED; i++)
		add_line(out, name, label,
			(struct label){"state", health_state_name((enum health_state)i)},
			one->state == (enum health_state)i);
}

static void add_concurrency(const struct metrics_destination *one, struct label label,
	const char *name, struct buf *out)
{
	add_line(out, name, label, none, one->concurrency);
}

static void add_expiry(const struct metrics_destination *one, struct label label,
	const char *name, struct buf *out)
{
	if (one->credential_expires_at)
		add_line(out, name, label, none,
			(double)one->credential_expires_at / MS_PER_S);
}

static const struct {
	const char *name, *type, *help;
	void (*add)(const struct metrics_destination *one, struct label label,
		const char *name, struct buf *out);
} of_destinations[] = {
	{"leadrelay_attempts_total", "counter",
		"Exchanges with a destination about a lead, by what came of them.",
		add_attempts},
	{"leadrelay_deliveries", "gauge",
		"Deliveries ever created, by the state they are in.", add_deliveries},
	{"leadrelay_delivery_age_seconds", "histogram",
		"From a lead's acceptance to its delivery.", add_age},
	{"leadrelay_oldest_pending_seconds", "gauge",
		"Age of the oldest lead that waits; 0: none does.", add_oldest},
	{"leadrelay_destination_state", "gauge",
		"1 for the state a destination is in, 0 for the others.", add_state},
	{"leadrelay_destination_concurrency", "gauge",
		"How many leads a destination is sent at once, at present.",
		add_concurrency},
	{"leadrelay_credential_expiry_timestamp_seconds", "gauge",
		"When a destination's credential expires, where that is known.",
		add_expiry},
};

static void add_destinations(const struct metrics *metrics, struct buf *out)
{
	for (size_t i = 0; i < sizeof(of_destinations) / sizeof(of_destinations[0]);
		i++) {
		add_family(out, of_destinations[i].name, of_destinations[i].type,
			of_destinations[i].help);
		add_each(metrics, out, of_destinations[i].name, of_destinations[i].add);
	}
}

static void add_notifications(const struct metrics *metrics, struct buf *out)
{
	const char *name = "leadrelay_notifications_total";

	add_family(out, name, "counter",
		"Notifications tried, by what the mail server made of them.");
	for (int i = OUTCOME_NONE + 1; i < OUTCOME_COUNT; i++)
		add_line(out, name,
			(struct label){"outcome", outcome_name((enum outcome_kind)i)},
			none, (double)metrics->notifications[i]);
	name = "leadrelay_notifications";
	add_family(out, name, "gauge", "Notifications that are not sent, by state.");
	add_line(out, name, (struct label){"state", "pending"}, none,
		(double)metrics->notifications_pending);
	add_line(out, name, (struct label){"state", "dead"}, none,
		(double)metrics->notifications_dead);
}

static void add_store(const struct metrics *metrics, struct buf *out)
{
	const char *name = "leadrelay_store_commit_seconds";

	add_family(out, name, "histogram", "How long a commit took, its sync included.");
	add_histogram(out, name, none, &metrics->commit_s);
	name = "leadrelay_store_batch_leads";
	add_family(out, name, "histogram", "Leads that shared a commit.");
	add_histogram(out, name, none, &metrics->batch_leads);
	name = "leadrelay_store_bytes";
	add_family(out, name, "gauge", "Sizes of the outbox's files.");
	add_line(out, name, (struct label){"file", "outbox.db"}, none,
		(double)metrics->file_bytes);
	add_line(out, name, (struct label){"file", "outbox.db-wal"}, none,
		(double)metrics->wal_bytes);
	add_single(out, "leadrelay_store_working", "gauge",
		"0: the store fails, senders are answered 503, and what is counted in it is as it was last read.",
		metrics->store_working);
	add_single(out, "leadrelay_accounting_difference", "gauge",
		"accepted - (pending + held + delivered + dead + discarded) of all destinations: always 0.",
		(double)metrics->difference);
}

static void add_program(const struct metrics *metrics, struct buf *out)
{
	const char *name = "leadrelay_build_info";

	add_single(out, "leadrelay_quarantined", "gauge",
		"Bodies that are not leads yet, neither replayed nor discarded.",
		(double)metrics->quarantined);
	add_single(out, "leadrelay_intake_only", "gauge",
		"1: after unclean ends nothing is delivered until leadctl resume.",
		metrics->intake_only);
	add_single(out, "leadrelay_start_time_seconds", "gauge",
		"When leadrelayd started.", (double)metrics->started_at / MS_PER_S);
	add_family(out, name, "gauge", "1; the version is the label.");
	add_line(out, name, (struct label){"version", metrics->version}, none, 1);
}

void metrics_text(const struct metrics *metrics, struct buf *out)
{
	add_intake(metrics, out);
	add_destinations(metrics, out);
	add_notifications(metrics, out);
	add_store(metrics, out);
	add_program(metrics, out);
}
