/* Which addresses are private, and which belong together. */
#include "../../../src/net/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

static bool is_private(const char *text)
{
	struct address address;

	assert_true(address_parse(text, &address));
	return address_is_private(&address);
}

static void private_addresses_are_known_in_every_form(void **state)
{
	static const char *const texts[] = {"10.1.2.3", "172.16.0.1", "172.31.255.255",
		"192.168.1.1", "127.0.0.1", "127.9.9.9", "0.0.0.0", "169.254.169.254",
		"168.63.129.16", "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1",
		"::", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "fe80::1",
		"fe80::1%lo", "[fd00::1]", "fd00:ec2::254", "fc00::1", "ff02::1",
		"64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2001::1"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (!is_private(texts[i]))
			fail_msg("%s is taken for public", texts[i]);
	}
}

static void public_addresses_are_not_private(void **state)
{
	static const char *const texts[] = {"8.8.8.8", "172.32.0.1", "172.15.255.255",
		"100.128.0.1", "168.63.129.17", "223.255.255.255", "2606:4700::1111",
		"64:ff9b::808:808", "::ffff:8.8.8.8", "2002:808:808::"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (is_private(texts[i]))
			fail_msg("%s is taken for private", texts[i]);
	}
}

static void ranges_hold_what_they_say(void **state)
{
	struct address_range range;
	struct address address;

	(void)state;
	assert_true(address_range_parse("10.32.0.0/11", &range));
	assert_true(address_parse("10.63.255.255", &address));
	assert_true(address_in_range(&address, &range));
	assert_true(address_parse("10.64.0.0", &address));
	assert_false(address_in_range(&address, &range));
	assert_true(address_parse("::ffff:10.33.0.1", &address));
	assert_true(address_in_range(&address, &range));
	assert_true(address_range_parse("0.0.0.0/0", &range));
	assert_true(address_in_range(&address, &range));
	assert_true(address_range_parse("2001:db8::1", &range));
	assert_int_equal(range.bits, 128);
	assert_false(address_range_parse("10.0.0.0/33", &range));
	assert_false(address_range_parse("10.0.0.0/", &range));
	assert_false(address_range_parse("10.0.0.0/-1", &range));
	assert_false(address_range_parse("10.0.0.0/8x", &range));
	assert_false(address_range_parse("ten/8", &range));
	assert_false(address_parse("1.2.3", &address));
	assert_false(address_parse("", &address));
}

static void limits_count_a_v6_network_as_one(void **state)
{
	struct address a, b;
	char text[ADDRESS_TEXT_SIZE];

	(void)state;
	assert_true(address_parse("2001:db9:1:2:3::4", &a));
	assert_true(address_parse("2001:db9:1:2:ffff::9", &b));
	a = address_for_limits(&a);
	b = address_for_limits(&b);
	assert_true(address_equal(&a, &b));
	assert_string_equal(address_text(&a, text), "2001:db9:1:2::");
	assert_true(address_parse("::ffff:192.0.2.1", &a));
	assert_string_equal(address_text(&a, text), "192.0.2.1");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(private_addresses_are_known_in_every_form),
		cmocka_unit_test(public_addresses_are_not_private),
		cmocka_unit_test(ranges_hold_what_they_say),
		cmocka_unit_test(limits_count_a_v6_network_as_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
