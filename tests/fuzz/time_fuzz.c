/*
 * Instants, dates, spans and sizes as people write them, one a line: what is printed of a
 * value is read as that value.
 */
#include "fuzz.h"

#include "leadrelay/schedule.h"

#define DAY_MS (24 * 3600 * 1000LL)
#define FIRST (-62167219200000LL) /* 0000-01-01 */
#define LAST 253402300799999LL    /* 9999-12-31T23:59:59.999 */

/* An offset may lead out of the years that can be written: then the nearest is. */
static void require_instant(int64_t at)
{
	char text[TIME_TEXT_SIZE];
	int64_t again;

	REQUIRE(time_parse(time_text(at, text), &again) == 0);
	REQUIRE(again == (at < FIRST ? FIRST : at > LAST ? LAST : at));
}

static void require_span(int64_t ms)
{
	char text[DURATION_TEXT_SIZE], human[DURATION_TEXT_SIZE];
	int64_t again;

	REQUIRE(ms >= 0);
	REQUIRE(duration_parse(duration_text(ms, text), &again) == 0 && again == ms);
	require_sentence(duration_human(ms, human));
}

static void parse(const char *line)
{
	int64_t value;
	int minute = schedule_at_parse(line);

	if (time_parse(line, &value) == 0)
		require_instant(value);
	if (date_parse(line, &value) == 0) {
		REQUIRE(value % DAY_MS == 0);
		require_instant(value);
	}
	if (http_date_parse(line, &value) == 0) {
		REQUIRE(value % 1000 == 0);
		require_instant(value);
	}
	if (duration_parse(line, &value) == 0)
		require_span(value);
	if (size_parse(line, &value) == 0)
		REQUIRE(value >= 0);
	REQUIRE(minute >= -1 && minute < 24 * 60);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = input_of(data, size);
	char text[TIME_TEXT_SIZE];
	int64_t raw = 0;

	memcpy(&raw, data, size < sizeof(raw) ? size : sizeof(raw));
	require_sentence(time_text(raw, text)); /* any number at all */
	while (input.at < input.end) {
		char *line = input_line(&input);

		parse(line);
		free(line);
	}
	return 0;
}
