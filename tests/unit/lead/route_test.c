#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "leadrelay/route.h"

static char *offers[] = {(char *)"contoso.*"};
static char *actions[] = {(char *)"INS", (char *)"PLT"};
static const struct route_rule rules[] = {
	{.field = FIELD_OFFER_ID, .patterns = offers, .count = 1},
	{.field = FIELD_ACTION_CODE, .patterns = actions, .count = 2},
};

static bool goes(const char *offer, const char *action)
{
	struct lead lead = LEAD_INIT;
	bool matches;

	assert_int_equal(lead_set(&lead, FIELD_OFFER_ID, offer, NULL), ERR_OK);
	assert_int_equal(lead_set(&lead, FIELD_ACTION_CODE, action, NULL), ERR_OK);
	matches = route_matches(rules, 2, &lead);
	lead_finish(&lead);
	return matches;
}

static void all_rules_and_any_pattern_must_match(void **state)
{
	(void)state;
	assert_true(goes("contoso.backup", "PLT"));
	assert_true(goes("Contoso.Backup", "ins"));
	assert_false(goes("fabrikam.backup", "PLT"));
	assert_false(goes("contoso.backup", "DNC"));
}

static void an_absent_field_matches_nothing(void **state)
{
	(void)state;
	assert_false(goes("contoso.backup", NULL));
}

static void no_rules_take_every_lead(void **state)
{
	struct lead lead = LEAD_INIT;

	(void)state;
	assert_true(route_matches(NULL, 0, &lead));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_rules_and_any_pattern_must_match),
		cmocka_unit_test(an_absent_field_matches_nothing),
		cmocka_unit_test(no_rules_take_every_lead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
