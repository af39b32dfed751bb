/*
 * report_read: from a period's rows to its figures.
 *
 * What happened in the period comes from its rows. What is there at its end (pending,
 * held, dead, discarded, the accounting) comes from the counters, so it is what is there
 * now: a report made when it is due says what is at its end, one of long ago cannot.
 */
#include "spread.h"

#include "leadrelay/figures.h"
#include "leadrelay/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tally { /* of one destination, while reading */
	int64_t id;
	int64_t died[REASON_COUNT];
	int64_t died_first_at[REASON_COUNT];
	bool keep; /* worth a place in the report whatever happened */
	struct spread took;
};

struct reading {
	struct report *report;
	struct tally *tallies; /* parallel to report->destinations */
	int64_t *source_ids;   /* parallel to report->sources */
	bool *source_keep;
};

/* ---- rows ---- */

static int find_destination(const struct reading *reading, int64_t id)
{
	for (size_t i = 0; i < reading->report->destination_count; i++)
		if (reading->tallies[i].id == id)
			return (int)i;
	return -1; /* it came while we read */
}

static int bar_of(const struct report *report, int64_t at)
{
	int64_t span = report->until - report->since;

	return (int)((at - report->since) * REPORT_BARS / span);
}

static void count_accepted(struct reading *reading, const struct figure_lead *lead)
{
	struct report *report = reading->report;

	for (size_t i = 0; i < lead->destination_count; i++) {
		int at = find_destination(reading, lead->destinations[i]);

		if (at < 0)
			continue;
		report->destinations[at].accepted++;
		report->destinations[at]
			.bars_accepted[bar_of(report, lead->received_at)]++;
	}
}

static void take_lead(void *ctx, const struct figure_lead *lead)
{
	struct reading *reading = ctx;

	count_accepted(reading, lead);
	for (size_t i = 0; i < reading->report->source_count; i++) {
		struct report_source *source = &reading->report->sources[i];

		if (reading->source_ids[i] != lead->source)
			continue;
		if (lead->quarantined) {
			source->quarantined++;
		} else {
			source->accepted++;
			source->test += lead->test;
			source->duplicates += lead->duplicates;
		}
	}
}

static void take_dead(struct tally *tally, const struct figure_ended *ended)
{
	unsigned reason = (unsigned)ended->reason;

	if (reason >= REASON_COUNT)
		reason = REASON_NONE;
	if (!tally->died[reason]++ || ended->received_at < tally->died_first_at[reason])
		tally->died_first_at[reason] = ended->received_at;
}

static void take_ended(void *ctx, const struct figure_ended *ended)
{
	struct reading *reading = ctx;
	int at = find_destination(reading, ended->destination);
	struct report_destination *destination;

	if (at < 0)
		return;
	destination = &reading->report->destinations[at];
	if (ended->state == DELIVERY_DEAD) {
		destination->died++;
		take_dead(&reading->tallies[at], ended);
		return;
	}
	destination->delivered++;
	destination->bars_delivered[bar_of(reading->report, ended->settled_at)]++;
	spread_add(&reading->tallies[at].took, ended->settled_at - ended->received_at);
}

static void take_attempt(void *ctx, const struct figure_attempt *attempt)
{
	struct reading *reading = ctx;
	int at = find_destination(reading, attempt->destination);

	if (at < 0)
		return;
	reading->report->destinations[at].attempts++;
	reading->report->destinations[at].retries += attempt->again;
}

/* ---- names and counters ---- */

static enum err_code out_of_memory(struct err *err)
{
	return err_set(err, ERR_NOMEM, "making the report: out of memory");
}

static void enter_destination(
	struct reading *reading, const struct destination_row *row, int64_t until)
{
	struct report *report = reading->report;
	struct report_destination *out = &report->destinations[report->destination_count];
	struct tally *tally = &reading->tallies[report->destination_count];
	int64_t waited_ms = row->oldest_pending_at && row->oldest_pending_at < until
				    ? until - row->oldest_pending_at
				    : 0;

	*out = (struct report_destination){.pending = row->pending,
		.held = row->held,
		.dead = row->dead,
		.discarded = row->discarded,
		.oldest_pending_s = waited_ms / 1000};
	snprintf(out->name, sizeof(out->name), "%s", row->name);
	tally->id = row->id;
	tally->keep = row->configured || row->pending || row->held || row->dead;
	report->destination_count++;
}

static enum err_code enter_destinations(
	struct reading *reading, struct reader *reader, struct err *err)
{
	struct report *report = reading->report;
	struct destination_row *rows;
	size_t count;

	if (reader_destinations(reader, &rows, &count, err) != ERR_OK)
		return err->code;
	report->destinations = calloc(count + 1, sizeof(*report->destinations));
	reading->tallies = calloc(count + 1, sizeof(*reading->tallies));
	for (size_t i = 0; i < count && report->destinations && reading->tallies; i++)
		if (strcmp(rows[i].name, MAIL_DESTINATION) != 0)
			enter_destination(reading, &rows[i], report->until);
	free(rows);
	return report->destinations && reading->tallies ? ERR_OK : out_of_memory(err);
}

static void enter_source(struct reading *reading, const struct source_row *row)
{
	struct report *report = reading->report;
	struct report_source *out = &report->sources[report->source_count];

	*out = (struct report_source){.rejected = row->rejected};
	snprintf(out->name, sizeof(out->name), "%s", row->name);
	reading->source_ids[report->source_count] = row->id;
	reading->source_keep[report->source_count] = row->configured;
	report->source_count++;
}

static enum err_code enter_sources(
	struct reading *reading, struct reader *reader, struct err *err)
{
	struct report *report = reading->report;
	struct source_row *rows;
	size_t count;
	bool fine;

	if (reader_sources(reader, &rows, &count, err) != ERR_OK)
		return err->code;
	report->sources = calloc(count + 1, sizeof(*report->sources));
	reading->source_ids = calloc(count + 1, sizeof(*reading->source_ids));
	reading->source_keep = calloc(count + 1, sizeof(*reading->source_keep));
	fine = report->sources && reading->source_ids && reading->source_keep;
	for (size_t i = 0; i < count && fine; i++)
		enter_source(reading, &rows[i]);
	free(rows);
	return fine ? ERR_OK : out_of_memory(err);
}

/* ---- the sums ---- */

static int more_frequent(const void *a, const void *b)
{
	const int64_t *one = a, *two = b;

	return (*two > *one) - (*two < *one);
}

static void sum_dead(struct report_destination *out, const struct tally *tally)
{
	struct {
		int64_t count; /* first: what they are sorted by */
		int reason;
	} order[REASON_COUNT];
	int count = 0;

	for (int reason = 0; reason < REASON_COUNT; reason++) {
		if (!tally->died[reason])
			continue;
		order[count].count = tally->died[reason];
		order[count++].reason = reason;
	}
	qsort(order, (size_t)count, sizeof(*order), more_frequent);
	for (int i = 0; i < count; i++) {
		out->dead_by_reason[i].reason = (enum reason)order[i].reason;
		out->dead_by_reason[i].count = order[i].count;
		out->dead_by_reason[i].first_at = tally->died_first_at[order[i].reason];
	}
	out->dead_reason_count = count;
}

static void sum_up(struct report_destination *out, const struct tally *tally)
{
	sum_dead(out, tally);
	out->p50_s = (double)spread_ms(&tally->took, 50) / 1000;
	out->p95_s = (double)spread_ms(&tally->took, 95) / 1000;
	out->max_s = (double)tally->took.max_ms / 1000;
}

/* What left the configuration stays in the report as long as there is something to say.
 */
static void sum_destinations(struct reading *reading)
{
	struct report *report = reading->report;
	size_t kept = 0;

	for (size_t i = 0; i < report->destination_count; i++) {
		struct report_destination *one = &report->destinations[i];

		sum_up(one, &reading->tallies[i]);
		if (reading->tallies[i].keep || one->accepted || one->delivered ||
			one->died || one->attempts)
			report->destinations[kept++] = *one;
	}
	report->destination_count = kept;
}

static void sum_sources(struct reading *reading)
{
	struct report *report = reading->report;
	size_t kept = 0;

	for (size_t i = 0; i < report->source_count; i++) {
		const struct report_source *one = &report->sources[i];

		if (reading->source_keep[i] || one->accepted || one->quarantined)
			report->sources[kept++] = *one;
	}
	report->source_count = kept;
}

static enum err_code read_all(
	struct reading *reading, struct reader *reader, struct err *err)
{
	struct report *report = reading->report;
	const struct figures_sink sink = {.lead = take_lead,
		.ended = take_ended,
		.attempt = take_attempt,
		.ctx = reading};
	struct figure_mails mails;

	if (enter_destinations(reading, reader, err) != ERR_OK ||
		enter_sources(reading, reader, err) != ERR_OK ||
		reader_figures(reader, report->since, report->until, &sink, err) !=
			ERR_OK ||
		reader_figures_mails(reader, report->since, report->until, &mails, err) !=
			ERR_OK ||
		reader_accounting(reader, 0, &report->accounting, err) != ERR_OK)
		return err->code;
	report->notifications_sent = mails.sent;
	report->notifications_dead = mails.dead;
	sum_destinations(reading);
	sum_sources(reading);
	return ERR_OK;
}

enum err_code report_read(struct report *out, struct reader *reader, const char *name,
	int64_t since, int64_t until, struct err *err)
{
	struct report report = {.since = since, .until = until};
	struct reading reading = {.report = &report};
	struct err mine;
	enum err_code code;

	if (since >= until)
		return err_set(err, ERR_INVALID,
			"the report's period ends before it begins: since must lie before "
			"until");
	snprintf(report.name, sizeof(report.name), "%s", name ? name : "");
	code = read_all(&reading, reader, &mine);
	free(reading.tallies);
	free(reading.source_ids);
	free(reading.source_keep);
	if (code != ERR_OK) {
		report_finish(&report);
		return err_set(err, code, "making the report: %s", mine.text);
	}
	*out = report;
	return ERR_OK;
}

void report_finish(struct report *report)
{
	free(report->destinations);
	free(report->sources);
	*report = (struct report){0};
}
