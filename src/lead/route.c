#include "leadrelay/route.h"

#include "leadrelay/text.h"

static bool rule_matches(const struct route_rule *rule, const struct lead *lead)
{
	const char *value = lead->fields[rule->field];

	if (!value)
		return false;
	for (size_t i = 0; i < rule->count; i++)
		if (glob_match(rule->patterns[i], value))
			return true;
	return false;
}

bool route_matches(const struct route_rule *rules, size_t count, const struct lead *lead)
{
	for (size_t i = 0; i < count; i++)
		if (!rule_matches(&rules[i], lead))
			return false;
	return true;
}
