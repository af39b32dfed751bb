#include "leadrelay/clock.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	int64_t size;
};

/* Largest first: duration_text takes the first that divides. */
static const struct unit duration_units[] = {
	{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};

static const struct unit size_units[] = {{"GiB", 1 << 30}, {"MiB", 1 << 20},
	{"KiB", 1 << 10}, {"B", 1}, {"", 1}, {NULL, 0}};

/* Digits and one of units, nothing else; 0, or -1 when it is not that or does not fit. */
static int parse_quantity(const char *text, const struct unit *units, int64_t *out)
{
	const char *at = text;
	int64_t value = 0;

	for (; *at >= '0' && *at <= '9'; at++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, *at - '0', &value))
			return -1;
	if (at == text)
		return -1;
	for (; units->name; units++)
		if (strcmp(at, units->name) == 0) {
			if (__builtin_mul_overflow(value, units->size, &value))
				return -1;
			*out = value;
			return 0;
		}
	return -1;
}

int duration_parse(const char *text, int64_t *ms_out)
{
	return parse_quantity(text, duration_units, ms_out);
}

int size_parse(const char *text, int64_t *bytes_out)
{
	return parse_quantity(text, size_units, bytes_out);
}

char *duration_text(int64_t ms, char out[DURATION_TEXT_SIZE])
{
	const struct unit *unit = duration_units;

	if (ms == 0)
		return memcpy(out, "0s", sizeof("0s"));
	while (ms % unit->size != 0)
		unit++;
	snprintf(out, DURATION_TEXT_SIZE, "%" PRId64 "%s", ms / unit->size, unit->name);
	return out;
}

/* The largest unit that fits, and the rest in the next smaller one unless that is 0. */
static const struct {
	int64_t size;
	char name;
	int64_t rest_size;
	char rest_name;
	int rest_digits;
} human_forms[] = {
	{86400000, 'd', 3600000, 'h', 1},
	{3600000, 'h', 60000, 'm', 2},
	{60000, 'm', 1000, 's', 2},
};

char *duration_human(int64_t ms, char out[DURATION_TEXT_SIZE])
{
	int64_t rest;

	for (size_t i = 0; i < sizeof(human_forms) / sizeof(human_forms[0]); i++) {
		int64_t whole = ms / human_forms[i].size;

		if (whole == 0)
			continue;
		rest = ms % human_forms[i].size / human_forms[i].rest_size;
		if (rest == 0)
			snprintf(out, DURATION_TEXT_SIZE, "%" PRId64 "%c", whole,
				human_forms[i].name);
		else
			snprintf(out, DURATION_TEXT_SIZE, "%" PRId64 "%c %0*" PRId64 "%c",
				whole, human_forms[i].name, human_forms[i].rest_digits,
				rest < 0 ? -rest : rest, human_forms[i].rest_name);
		return out;
	}
	if (ms % 1000 != 0 && ms / 1000 == 0)
		snprintf(out, DURATION_TEXT_SIZE, "%" PRId64 "ms", ms);
	else
		snprintf(out, DURATION_TEXT_SIZE, "%" PRId64 "s", ms / 1000);
	return out;
}
