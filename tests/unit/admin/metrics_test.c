/* Metrics as text: the format, what is in it, and what must not be. */
#include "leadrelay/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const double bounds[] = {0.005, 1, 2.5};

static const struct metrics_source sources[] = {
	{"marketplace", 1204}, {"odd\"na\\me\nhere", 1}};
static const struct metrics_rejected rejected[] = {
	{"", 404, 3}, {"marketplace", 401, 7}, {"marketplace", 503, 2}};

static struct metrics_destination destination(void)
{
	struct metrics_destination one = {.name = "crm",
		.deliveries = {[DELIVERY_PENDING] = 1000000,
			[DELIVERY_HELD] = 2,
			[DELIVERY_DELIVERED] = 40,
			[DELIVERY_DEAD] = 5,
			[DELIVERY_DISCARDED] = 6},
		.oldest_pending_s = 12.345,
		.state = HEALTH_THROTTLED,
		.concurrency = 8,
		.credential_expires_at = INT64_C(1827360000000),
		.attempts = {[OUTCOME_DELIVERED] = 40, [OUTCOME_UNKNOWN] = 1},
		.delivery_age_s = HISTOGRAM_INIT(bounds)};

	histogram_add(&one.delivery_age_s, 0.004);
	histogram_add(&one.delivery_age_s, 2);
	histogram_add(&one.delivery_age_s, 90000);
	return one;
}

static struct buf text;

static void write_all(const struct metrics_destination *one)
{
	struct metrics metrics = {.version = "9.9",
		.started_at = INT64_C(1790000000500),
		.store_working = true,
		.sources = sources,
		.source_count = 2,
		.destinations = one,
		.destination_count = 1,
		.notifications_pending = 4,
		.quarantined = 3,
		.difference = -1,
		.file_bytes = INT64_C(123456789012),
		.wal_bytes = 4096,
		.rejected = rejected,
		.rejected_count = 3,
		.notifications = {[OUTCOME_REFUSED] = 2},
		.intake_s = HISTOGRAM_INIT(bounds),
		.commit_s = HISTOGRAM_INIT(bounds),
		.batch_leads = HISTOGRAM_INIT(bounds)};

	histogram_add(&metrics.commit_s, 0.00123456789);
	buf_clear(&text);
	metrics_text(&metrics, &text);
	assert_true(buf_ok(&text));
}

static void expect_line(const char *line)
{
	const char *found = strstr(buf_str(&text), line);

	if (!found || (found != text.data && found[-1] != '\n') ||
		found[strlen(line)] != '\n')
		fail_msg("there is no line %s", line);
}

static void every_family_of_the_contract_is_there(void **state)
{
	static const char *const lines[] = {
		"leadrelay_leads_accepted_total{source=\"marketplace\"} 1204",
		"leadrelay_intake_rejected_total{source=\"marketplace\",status=\"401\"} 7",
		"leadrelay_intake_rejected_total{source=\"\",status=\"404\"} 3",
		"# TYPE leadrelay_intake_duration_seconds histogram",
		"leadrelay_attempts_total{destination=\"crm\",outcome=\"delivered\"} 40",
		"leadrelay_attempts_total{destination=\"crm\",outcome=\"unknown\"} 1",
		"leadrelay_attempts_total{destination=\"crm\",outcome=\"refused\"} 0",
		"leadrelay_deliveries{destination=\"crm\",state=\"pending\"} 1000000",
		"leadrelay_deliveries{destination=\"crm\",state=\"discarded\"} 6",
		"leadrelay_oldest_pending_seconds{destination=\"crm\"} 12.345",
		"leadrelay_destination_state{destination=\"crm\",state=\"open\"} 0",
		"leadrelay_destination_state{destination=\"crm\",state=\"backing_off\"} 0",
		"leadrelay_destination_state{destination=\"crm\",state=\"throttled\"} 1",
		"leadrelay_destination_state{destination=\"crm\",state=\"parked\"} 0",
		"leadrelay_destination_concurrency{destination=\"crm\"} 8",
		"leadrelay_notifications_total{outcome=\"refused\"} 2",
		"leadrelay_credential_expiry_timestamp_seconds{destination=\"crm\"} 1827360000",
		"# TYPE leadrelay_store_commit_seconds histogram",
		"# TYPE leadrelay_store_batch_leads histogram",
		"leadrelay_store_bytes{file=\"outbox.db\"} 123456789012",
		"leadrelay_store_bytes{file=\"outbox.db-wal\"} 4096",
		"leadrelay_accounting_difference -1",
		"leadrelay_build_info{version=\"9.9\"} 1",
		"leadrelay_start_time_seconds 1790000000.5",
	};
	const struct metrics_destination one = destination();

	(void)state;
	write_all(&one);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		expect_line(lines[i]);
}

static void a_histogram_adds_up_to_its_count(void **state)
{
	const struct metrics_destination one = destination();

	(void)state;
	write_all(&one);
	expect_line(
		"leadrelay_delivery_age_seconds_bucket{destination=\"crm\",le=\"0.005\"} 1");
	expect_line(
		"leadrelay_delivery_age_seconds_bucket{destination=\"crm\",le=\"1\"} 1");
	expect_line(
		"leadrelay_delivery_age_seconds_bucket{destination=\"crm\",le=\"2.5\"} 2");
	expect_line(
		"leadrelay_delivery_age_seconds_bucket{destination=\"crm\",le=\"+Inf\"} 3");
	expect_line("leadrelay_delivery_age_seconds_sum{destination=\"crm\"} 90002.004");
	expect_line("leadrelay_delivery_age_seconds_count{destination=\"crm\"} 3");
	expect_line("leadrelay_store_commit_seconds_sum 0.00123456789");
	expect_line("leadrelay_intake_duration_seconds_bucket{le=\"+Inf\"} 0");
}

static void a_name_cannot_break_out_of_its_label(void **state)
{
	const struct metrics_destination one = destination();

	(void)state;
	write_all(&one);
	expect_line(
		"leadrelay_leads_accepted_total{source=\"odd\\\"na\\\\me\\nhere\"} 1");
}

static void an_expiry_nobody_knows_is_not_told(void **state)
{
	struct metrics_destination one = destination();

	(void)state;
	one.credential_expires_at = 0;
	write_all(&one);
	assert_null(strstr(buf_str(&text), "expiry_timestamp_seconds{"));
	assert_non_null(strstr(buf_str(&text), "# TYPE leadrelay_credential_expiry"));
}

/* Each family once, with HELP and TYPE before its samples. */
static void families_are_announced_once(void **state)
{
	const struct metrics_destination one = destination();
	const char *at;

	(void)state;
	write_all(&one);
	for (at = buf_str(&text); (at = strstr(at, "# TYPE ")); at++) {
		char line[128];

		snprintf(line, sizeof(line), "# TYPE %.*s ", (int)strcspn(at + 7, " "),
			at + 7);
		assert_null(strstr(at + 1, line));
		memcpy(line, "# HELP ", 7);
		assert_non_null(strstr(buf_str(&text), line));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_family_of_the_contract_is_there),
		cmocka_unit_test(a_histogram_adds_up_to_its_count),
		cmocka_unit_test(a_name_cannot_break_out_of_its_label),
		cmocka_unit_test(an_expiry_nobody_knows_is_not_told),
		cmocka_unit_test(families_are_announced_once),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	buf_finish(&text);
	return failed;
}
