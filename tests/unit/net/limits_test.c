/* The rate of an address, and who a request comes from. */
#include "../../../src/net/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct address address(const char *text)
{
	struct address out;

	assert_true(address_parse(text, &out));
	return out;
}

static struct limits limits_of(int rate, char *trusted)
{
	struct intake_settings settings = {
		.rate_per_address = rate, .trusted_proxies = {&trusted, trusted ? 1 : 0}};
	struct limits limits = {.salt = 7};

	assert_true(limits_set(&limits, &settings));
	return limits;
}

static void a_second_s_allowance_may_come_at_once_and_refills(void **state)
{
	struct limits limits = limits_of(3, NULL);
	struct address a = address("192.0.2.1"), b = address("192.0.2.2");

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_true(limits_take(&limits, &a, 1000));
	assert_false(limits_take(&limits, &a, 1000));
	assert_true(limits_take(&limits, &b, 1000));
	assert_false(limits_take(&limits, &a, 1333));
	assert_true(limits_take(&limits, &a, 1334));
	assert_false(limits_take(&limits, &a, 1335));
	for (int i = 0; i < 3; i++)
		assert_true(limits_take(&limits, &a, 9000));
	assert_false(limits_take(&limits, &a, 9000));
	limits_finish(&limits);
}

static void a_flood_of_addresses_only_forgets(void **state)
{
	struct limits limits = limits_of(1, NULL);
	struct address a = address("10.0.0.0");

	(void)state;
	for (int i = 0; i < 100000; i++) {
		a.bytes[1] = (uint8_t)(i >> 16);
		a.bytes[2] = (uint8_t)(i >> 8);
		a.bytes[3] = (uint8_t)i;
		limits_take(&limits, &a, 1000 + i / 1000);
	}
	assert_false(limits_take(&limits, &a, 1100));
	limits_finish(&limits);
}

static void only_a_trusted_peer_may_name_another_client(void **state)
{
	struct limits limits = limits_of(1, (char[]){"10.0.0.0/8"});
	struct address proxy = address("10.0.0.1"), stranger = address("192.0.2.9");
	char text[ADDRESS_TEXT_SIZE];
	struct address client;
	static const struct {
		const char *forwarded, *client;
	} cases[] = {{NULL, "10.0.0.1"}, {"", "10.0.0.1"}, {"192.0.2.7", "192.0.2.7"},
		{"1.1.1.1, 192.0.2.7 , 10.2.3.4", "192.0.2.7"},
		{"1.1.1.1, unknown", "10.0.0.1"},
		{"1.1.1.1, unknown, 10.9.9.9", "10.9.9.9"},
		{" ,, 2001:db9::1 ,", "2001:db9::1"}, {"10.0.0.2, 10.0.0.3", "10.0.0.2"}};

	(void)state;
	client = limits_client(&limits, &stranger, "192.0.2.7");
	assert_string_equal(address_text(&client, text), "192.0.2.9");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		client = limits_client(&limits, &proxy, cases[i].forwarded);
		assert_string_equal(address_text(&client, text), cases[i].client);
	}
	limits_finish(&limits);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_s_allowance_may_come_at_once_and_refills),
		cmocka_unit_test(a_flood_of_addresses_only_forgets),
		cmocka_unit_test(only_a_trusted_peer_may_name_another_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
