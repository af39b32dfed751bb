#include "leadrelay/clock.h"
#include "leadrelay/delivery.h"

#include <string.h>

/* first * factor^(failures-1), stopped at longest before it can overflow. */
static int64_t retry_ceiling(const struct retry_rule *rule, int failures)
{
	double ceiling = (double)rule->first_ms;

	if (rule->factor <= 1)
		failures = 1; /* does not grow: no need to count */
	for (int i = 1; i < failures && ceiling < (double)rule->longest_ms; i++)
		ceiling *= rule->factor;
	return ceiling < (double)rule->longest_ms ? (int64_t)ceiling : rule->longest_ms;
}

int64_t retry_delay(
	const struct retry_rule *rule, int failures, const struct entropy *entropy)
{
	int64_t ceiling = retry_ceiling(rule, failures);
	int64_t delay;

	if (ceiling < 1)
		return 1;
	delay = (int64_t)entropy_below(entropy, (uint64_t)ceiling + 1);
	return delay > 0 ? delay : 1;
}

/* Digits and surrounding blanks only; stops growing once beyond the maximum. -1: it is
 * not that.
 */
static int64_t seconds_parse(const char *value)
{
	int64_t seconds = 0;
	size_t digits;

	value += strspn(value, " \t");
	digits = strspn(value, "0123456789");
	if (digits == 0 || value[digits + strspn(value + digits, " \t\r\n")] != '\0')
		return -1;
	for (size_t i = 0; i < digits && seconds <= RETRY_AFTER_MAX_MS / 1000; i++)
		seconds = seconds * 10 + (value[i] - '0');
	return seconds;
}

int64_t retry_after_parse(const char *value, int64_t now)
{
	int64_t seconds, at, wait_ms;

	if (!value)
		return -1;
	seconds = seconds_parse(value);
	if (seconds >= 0)
		wait_ms = seconds * 1000;
	else if (http_date_parse(value + strspn(value, " \t"), &at) == 0)
		wait_ms = at - now;
	else
		return -1;
	if (wait_ms < 0)
		return -1;
	return wait_ms < RETRY_AFTER_MAX_MS ? wait_ms : RETRY_AFTER_MAX_MS;
}
