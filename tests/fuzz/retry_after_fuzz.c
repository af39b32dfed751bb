/* Retry-After: seconds or one of three forms of a date; never more than a day. */
#include "fuzz.h"

#include <time.h>

static void require_date(const char *printed, int64_t seconds)
{
	int64_t at = -1;

	REQUIRE(http_date_parse(printed, &at) == 0);
	REQUIRE(at == seconds * 1000);
}

/* The three forms of RFC 9110 5.6.7 of one instant mean that instant. */
static void require_dates(const uint8_t *bytes, size_t len)
{
	uint32_t seconds = 0; /* to 2038; two digits of a year go to 2069 */
	char printed[64];
	time_t at;
	struct tm tm;
	size_t used;

	memcpy(&seconds, bytes, len < sizeof(seconds) ? len : sizeof(seconds));
	at = seconds & INT32_MAX;
	REQUIRE(gmtime_r(&at, &tm));
	strftime(printed, sizeof(printed), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	require_date(printed, at);
	used = strftime(printed, sizeof(printed), "%A, %d-%b-", &tm);
	snprintf(printed + used, sizeof(printed) - used, "%02d %02d:%02d:%02d GMT",
		tm.tm_year % 100, tm.tm_hour, tm.tm_min, tm.tm_sec);
	require_date(printed, at);
	strftime(printed, sizeof(printed), "%a %b %e %H:%M:%S %Y", &tm);
	require_date(printed, at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = copy_text((const char *)data, size);
	int64_t wait_ms = retry_after_parse(text, NOW);
	size_t digits = strspn(text, "0123456789");

	REQUIRE(wait_ms >= -1 && wait_ms <= RETRY_AFTER_MAX_MS);
	if (digits > 0 && digits < 10 && !text[digits]) {
		int64_t asked = strtoll(text, NULL, 10) * 1000;

		REQUIRE(wait_ms ==
			(asked < RETRY_AFTER_MAX_MS ? asked : RETRY_AFTER_MAX_MS));
	}
	require_dates(data, size);
	free(text);
	return 0;
}
