/* report_read over a real store: what happened in a period, and nothing else. */
#include "fixture.h"

#include "leadrelay/report.h"

#include <string.h>

#define HOUR_MS (3600 * 1000LL)

static struct report read_report(struct fixture *f, int64_t since, int64_t until)
{
	struct report report;
	struct err err;

	if (report_read(&report, f->reader, "daily", since, until, &err) != ERR_OK)
		fail_msg("%s", err.text);
	return report;
}

static const struct report_destination *destination(
	const struct report *report, const char *name)
{
	for (size_t i = 0; i < report->destination_count; i++)
		if (strcmp(report->destinations[i].name, name) == 0)
			return &report->destinations[i];
	fail_msg("there is no destination %s", name);
	return NULL;
}

static const struct report_source *source(const struct report *report, const char *name)
{
	for (size_t i = 0; i < report->source_count; i++)
		if (strcmp(report->sources[i].name, name) == 0)
			return &report->sources[i];
	fail_msg("there is no source %s", name);
	return NULL;
}

static int64_t sum(const int64_t *bars)
{
	int64_t all = 0;

	for (int i = 0; i < REPORT_BARS; i++)
		all += bars[i];
	return all;
}

static void a_day_adds_up(void **state)
{
	struct fixture *f = *state;
	int64_t since = f->now;
	struct accepted leads[4];
	struct report report;
	const struct report_destination *crm, *archive;

	for (int i = 0; i < 4; i++)
		leads[i] = accept_lead(f, "ada@example.com");
	accept_quarantined(f, "Paris");
	f->now = since + HOUR_MS; /* the first took an hour, the next a second less */
	settle(f, f->ids[CRM], leads[0].deliveries[CRM], DELIVERY_ACCEPT, REASON_NONE);
	settle(f, f->ids[CRM], leads[1].deliveries[CRM], DELIVERY_ACCEPT, REASON_NONE);
	settle(f, f->ids[CRM], leads[2].deliveries[CRM], DELIVERY_REFUSE, REASON_INVALID);
	f->now = since + 2 * HOUR_MS;
	report = read_report(f, since, f->now);
	crm = destination(&report, "crm");
	assert_int_equal(crm->accepted, 4);
	assert_int_equal(crm->delivered, 2);
	assert_int_equal(crm->died, 1);
	assert_int_equal(crm->dead, 1);
	assert_int_equal(crm->pending, 1);
	assert_int_equal(crm->attempts, 3);
	assert_int_equal(crm->retries, 0);
	assert_true(crm->p50_s >= 3590 && crm->p50_s <= 3600);
	assert_true(crm->p95_s >= crm->p50_s && crm->p95_s <= crm->max_s);
	assert_true(crm->max_s == 3600);
	assert_int_equal(crm->oldest_pending_s, 2 * 3600 - 3);
	assert_int_equal(crm->dead_reason_count, 1);
	assert_int_equal(crm->dead_by_reason[0].reason, REASON_INVALID);
	assert_int_equal(crm->dead_by_reason[0].count, 1);
	assert_int_equal(crm->dead_by_reason[0].first_at, since + 2000);
	assert_int_equal(crm->bars_accepted[0], 4);
	assert_int_equal(crm->bars_delivered[REPORT_BARS / 2], 2);
	archive = destination(&report, "archive");
	assert_int_equal(archive->accepted, 4);
	assert_int_equal(archive->delivered, 0);
	assert_int_equal(archive->pending, 4);
	assert_true(archive->p50_s == 0);
	assert_int_equal(source(&report, "marketplace")->accepted, 4);
	assert_int_equal(source(&report, "marketplace")->quarantined, 1);
	assert_int_equal(source(&report, "website")->accepted, 0);
	assert_int_equal(report.accounting.accepted, 8);
	assert_int_equal(report.accounting.difference, 0);
	report_finish(&report);
}

/* The next period begins where this one ends: nothing twice, nothing left out. */
static void periods_neither_overlap_nor_leave_gaps(void **state)
{
	struct fixture *f = *state;
	int64_t since = f->now;
	struct report first, second;
	struct accepted lead;

	accept_lead(f, "one@example.com");        /* at since */
	lead = accept_lead(f, "two@example.com"); /* a second later */
	settle(f, f->ids[CRM], lead.deliveries[CRM], DELIVERY_ACCEPT, REASON_NONE);
	first = read_report(f, since, since + 1000);
	second = read_report(f, since + 1000, since + 2001);
	assert_int_equal(destination(&first, "crm")->accepted, 1);
	assert_int_equal(destination(&first, "crm")->delivered, 0);
	assert_int_equal(destination(&first, "crm")->attempts, 0);
	assert_int_equal(destination(&second, "crm")->accepted, 1);
	assert_int_equal(destination(&second, "crm")->delivered, 1);
	assert_int_equal(destination(&second, "crm")->attempts, 1);
	report_finish(&first);
	report_finish(&second);
}

/* More rows at one instant than a page holds. */
static void pages_count_every_row_once(void **state)
{
	struct fixture *f = *state;
	int64_t since = f->now;
	struct report report;

	accept_many(f, 1000);
	accept_many(f, 1000);
	f->now += 5000;
	accept_many(f, 500);
	f->now += 5000;
	report = read_report(f, since, f->now);
	assert_int_equal(source(&report, "marketplace")->accepted, 2500);
	assert_int_equal(destination(&report, "crm")->accepted, 2500);
	assert_int_equal(sum(destination(&report, "crm")->bars_accepted), 2500);
	report_finish(&report);
}

static void a_period_that_ends_first_is_refused(void **state)
{
	struct fixture *f = *state;
	struct report report;
	struct err err;

	assert_int_equal(
		report_read(&report, f->reader, NULL, f->now, f->now, &err), ERR_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_day_adds_up),
		TEST(periods_neither_overlap_nor_leave_gaps),
		TEST(pages_count_every_row_once),
		TEST(a_period_that_ends_first_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
