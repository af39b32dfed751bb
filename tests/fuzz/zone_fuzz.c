/*
 * TZif files. Whatever a file says, every instant lies in one span, spans join, and the
 * times of reports go on.
 */
#include "fuzz.h"

#include "leadrelay/schedule.h"
#include "leadrelay/zone.h"

#define HOUR_MS (3600 * 1000LL)
#define DAY_MS (24 * HOUR_MS)

static const int64_t instants[] = {0, NOW, NOW + 183 * DAY_MS, -4000000000LL * 1000,
	4102444800000LL, 253402300799000LL};

static void require_spans(const struct zone *zone, int64_t at)
{
	struct zone_span span = zone_span_at(zone, at);

	REQUIRE(span.start <= at && at < span.end);
	REQUIRE(span.offset_ms >= -26 * 3600 * 1000LL &&
		span.offset_ms <= 26 * 3600 * 1000LL);
	REQUIRE(zone_local(zone, at) == at + span.offset_ms);
	if (span.end < INT64_MAX / 2) {
		struct zone_span next = zone_span_at(zone, span.end);

		REQUIRE(next.start == span.end);
	}
}

static bool is_long(const struct zone_span *span)
{
	return span->start < INT64_MIN / 2 || span->end > INT64_MAX / 2 ||
	       span->end - span->start > 53 * HOUR_MS;
}

/* The first instant at which clocks show what they show at this one; not where a file has
 * them put back and forth within two days. */
static void require_instant(const struct zone *zone, int64_t at)
{
	struct zone_span span = zone_span_at(zone, at);
	int64_t local = zone_local(zone, at);
	int64_t first = zone_instant(zone, local);

	if (span.start > INT64_MIN) {
		struct zone_span before = zone_span_at(zone, span.start - 1);

		if (!is_long(&before))
			return;
	}
	if (is_long(&span))
		REQUIRE(first <= at && zone_local(zone, first) == local);
}

static void require_schedule(const struct zone *zone, int64_t at)
{
	for (int every = 0; every < EVERY_COUNT; every++) {
		const struct schedule schedule = {
			.every = every, .at_minute = 150, .zone = zone};
		int64_t next = schedule_next(&schedule, at);
		int64_t last = schedule_last(&schedule, at);

		REQUIRE(last <= at && at < next);
		REQUIRE(next - last <= 63 * DAY_MS);
		REQUIRE(schedule_last(&schedule, next) == next);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {0};
	struct zone *zone = NULL;

	if (zone_parse(&zone, data, size, &err) != ERR_OK) {
		REQUIRE(err.code == ERR_INVALID && !zone);
		return 0;
	}
	for (size_t i = 0; i < sizeof(instants) / sizeof(instants[0]); i++) {
		require_spans(zone, instants[i]);
		require_instant(zone, instants[i]);
	}
	require_schedule(zone, NOW);
	zone_destroy(zone);
	return 0;
}
