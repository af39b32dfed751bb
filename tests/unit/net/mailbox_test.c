#include "leadrelay/mailbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void reads_a_mailbox(void **state)
{
	static const struct {
		const char *text, *name, *address;
	} good[] = {
		{"relay@contoso.com", NULL, "relay@contoso.com"},
		{"  <relay@contoso.com>\t", NULL, "relay@contoso.com"},
		{"Lead relay <relay@contoso.com>", "Lead relay", "relay@contoso.com"},
		{"\"Relay, \\\"Lead\\\" \\\\\" <r@c.de>", "Relay, \"Lead\" \\", "r@c.de"},
		{"Zo\xc3\xab \xe6\x9d\xb1 <Z.O+x=1@Sub.Contoso.com>",
			"Zo\xc3\xab \xe6\x9d\xb1", "Z.O+x=1@Sub.Contoso.com"},
		{"J. R. <a@xn--bcher-kva.example>", "J. R.", "a@xn--bcher-kva.example"},
		{"\"\" <a@b.cc>", NULL, "a@b.cc"},
		{"\"<x@y.zz>\" <a@b.cc>", "<x@y.zz>", "a@b.cc"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct mailbox mailbox;
		struct err err;

		assert_int_equal(mailbox_parse(&mailbox, good[i].text, &err), ERR_OK);
		assert_string_equal(mailbox.address, good[i].address);
		if (good[i].name)
			assert_string_equal(mailbox.name, good[i].name);
		else
			assert_null(mailbox.name);
		mailbox_finish(&mailbox);
	}
}

static void refuses_what_is_none(void **state)
{
	static const char *const bad[] = {"", " ", "contoso.com", "a@", "@b.cc", "a@b",
		"a@b.cc.", "a@.b.cc", "a@b..cc", "a b@c.de", "a..b@c.de", ".a@b.cc",
		"a.@b.cc", "a@b_c.de", "a@-b.cc", "a@b-.cc", "a@b.cc\r\n",
		"a@b.cc\nBcc: x@y.zz", "Relay, Lead <a@b.cc>", "Relay <a@b.cc> x",
		"\"x <a@b.cc>", "\"x\"y <a@b.cc>", "\"x\\n\" <a@b.cc>", "x\x01y <a@b.cc>",
		"x\xc2\x85y <a@b.cc>", "x\xe2\x80\xa8y <a@b.cc>", "\xff <a@b.cc>",
		"<<a@b.cc>>", "<a@b.cc", "a@b.cc>", "a@b@c.de", "\"a\"@b.cc",
		"a@[127.0.0.1]", "\xc3\xbc@b.cc", "a@b\xc3\xbc.cc", "a@b.cc (comment)",
		"a@b.cc, c@d.ee",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.cc"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mailbox mailbox = {0};
		struct err err = {0};

		assert_int_equal(mailbox_parse(&mailbox, bad[i], &err), ERR_INVALID);
		assert_non_null(err.text);
		assert_null(mailbox.address);
	}
}

static void reads_a_list(void **state)
{
	struct mailbox_list list;
	struct err err;

	(void)state;
	assert_int_equal(mailbox_list_parse(&list,
				 "owner@contoso.com; \"a;b\" <Sales@contoso.com>;"
				 "OWNER@Contoso.COM;  ",
				 &err),
		ERR_OK);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.items[0].address, "owner@contoso.com");
	assert_string_equal(list.items[1].address, "Sales@contoso.com");
	assert_string_equal(list.items[1].name, "a;b");
	mailbox_list_finish(&list);
	assert_int_equal(list.count, 0);
}

static void refuses_a_list_with_a_hole(void **state)
{
	static const char *const bad[] = {"", " ", ";", "a@b.cc;;c@d.ee", ";a@b.cc",
		"a@b.cc; x", "a@b.cc, c@d.ee", "a@b.cc;;", "\"a;b <c@d.ee>"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mailbox_list list = {0};
		struct err err;

		assert_int_equal(mailbox_list_parse(&list, bad[i], &err), ERR_INVALID);
		assert_int_equal(list.count, 0);
	}
}

static void compares_without_case(void **state)
{
	(void)state;
	assert_true(mail_address_equal("Owner@Contoso.com", "owner@contoso.COM"));
	assert_false(mail_address_equal("owner@contoso.com", "owner@contoso.co"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_mailbox),
		cmocka_unit_test(refuses_what_is_none),
		cmocka_unit_test(reads_a_list),
		cmocka_unit_test(refuses_a_list_with_a_hole),
		cmocka_unit_test(compares_without_case),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
