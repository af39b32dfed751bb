#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "room.h"

#include <stdio.h>

static struct guard make(const char *listen, const char *host, const char *token)
{
	struct admin_settings settings = {
		.configured = true,
		.server = {.listen = {.items = (char **)&listen, .count = 1}},
		.hosts = {.items = (char **)&host, .count = host ? 1 : 0},
		.tokens = {.values = {(char *)token}, .count = token ? 1 : 0},
	};
	struct guard guard;

	assert_int_equal(guard_make(&guard, &settings, NULL), ERR_OK);
	return guard;
}

static void on_loopback_only_its_own_names_are_answered(void **state)
{
	static const char *const mine[] = {"localhost", "localhost:8090", "LocalHost",
		"127.0.0.1", "127.0.0.1:1", "127.255.0.1", "[::1]", "[::1]:8090",
		"relay.contoso.com", "RELAY.contoso.com:443"};
	static const char *const others[] = {"evil.example", "evil.example:8090", "",
		"localhost.evil.example", "127.0.0.1.evil.example",
		"127.0.0.1@evil.example", "10.0.0.1", "[::2]", "[::1", "[::1]x",
		"::1:8090:1", "relay.contoso.com.evil.example"};
	struct guard guard = make("127.0.0.1:8090", "relay.contoso.com", NULL);

	(void)state;
	assert_true(guard_host(&guard, NULL)); /* no browser leaves it out */
	for (size_t i = 0; i < sizeof(mine) / sizeof(*mine); i++)
		if (!guard_host(&guard, mine[i]))
			fail_msg("%s is not answered", mine[i]);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (guard_host(&guard, others[i]))
			fail_msg("%s is answered", others[i]);
	guard_finish(&guard);
	guard = make("0.0.0.0:8090", NULL, "0123456789abcdef");
	assert_true(guard_host(&guard, "any.example"));
	guard_finish(&guard);
	guard = make("[::1]:8090", NULL, NULL);
	assert_false(guard_host(&guard, "any.example"));
	guard_finish(&guard);
}

static void a_change_is_asked_for_by_the_page_itself_or_by_no_page(void **state)
{
	(void)state;
	assert_true(guard_origin(NULL, "a.example"));
	assert_true(guard_origin("https://a.example", "a.example"));
	assert_true(guard_origin("https://A.example", "a.EXAMPLE"));
	assert_true(guard_origin("https://a.example", "a.example:443"));
	assert_true(guard_origin("http://127.0.0.1:8090", "127.0.0.1:8090"));
	assert_true(guard_origin("http://[::1]:8090", "[::1]:8090"));
	assert_false(guard_origin("null", "a.example"));
	assert_false(guard_origin("", "a.example"));
	assert_false(guard_origin("https://", "a.example"));
	assert_false(guard_origin("https://b.example", "a.example"));
	assert_false(guard_origin("https://a.example:8090", "a.example"));
	assert_false(guard_origin("https://a.example.evil", "a.example"));
	assert_false(guard_origin("https://a.example", NULL));
	assert_true(guard_is_json("application/json"));
	assert_true(guard_is_json("Application/JSON ; charset=utf-8"));
	assert_false(guard_is_json(NULL));
	assert_false(guard_is_json("application/json-patch"));
	assert_false(guard_is_json("text/plain; application/json"));
}

static void tokens_are_known_by_their_digest(void **state)
{
	struct guard guard = make("0.0.0.0:1", NULL, "0123456789abcdef");
	struct guard same = make("0.0.0.0:2", NULL, "0123456789abcdef");
	struct guard other = make("0.0.0.0:2", NULL, "fedcba9876543210");

	(void)state;
	assert_true(guard_knows(&guard, "0123456789abcdef"));
	assert_false(guard_knows(&guard, "0123456789abcde"));
	assert_false(guard_knows(&guard, ""));
	assert_true(guard_same_tokens(&guard, &same));
	assert_false(guard_same_tokens(&guard, &other));
	assert_string_equal(guard_bearer("Bearer t"), "t");
	assert_string_equal(guard_bearer("bearer   t"), "t");
	assert_null(guard_bearer("Basic t"));
	assert_null(guard_bearer("Bearer"));
	assert_null(guard_bearer(NULL));
	guard_finish(&guard);
	guard_finish(&same);
	guard_finish(&other);
}

static void who_guesses_is_not_heard_for_a_minute(void **state)
{
	struct guard guard = make("0.0.0.0:1", NULL, "0123456789abcdef");
	char name[16];

	(void)state;
	for (int i = 0; i < 9; i++)
		guard_wrong(&guard, "192.0.2.1", 1000 + i);
	assert_int_equal(guard_locked(&guard, "192.0.2.1", 2000), 0);
	guard_wrong(&guard, "192.0.2.1", 2000);
	assert_int_equal(guard_locked(&guard, "192.0.2.1", 2000), 59);
	assert_int_equal(guard_locked(&guard, "192.0.2.2", 2000), 0);
	assert_int_equal(guard_locked(&guard, "192.0.2.1", 60999), 1);
	assert_int_equal(guard_locked(&guard, "192.0.2.1", 61000), 0);
	guard_wrong(&guard, "192.0.2.1", 61000); /* counted anew */
	assert_int_equal(guard_locked(&guard, "192.0.2.1", 61000), 0);
	for (int i = 0; i < 3 * GUARD_CLIENTS; i++) { /* many are not too many */
		snprintf(name, sizeof(name), "10.0.0.%d", i);
		guard_wrong(&guard, name, 70000 + i);
	}
	assert_int_equal(guard_locked(&guard, name, 71000), 0);
	guard_finish(&guard);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(on_loopback_only_its_own_names_are_answered),
		cmocka_unit_test(a_change_is_asked_for_by_the_page_itself_or_by_no_page),
		cmocka_unit_test(tokens_are_known_by_their_digest),
		cmocka_unit_test(who_guesses_is_not_heard_for_a_minute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
