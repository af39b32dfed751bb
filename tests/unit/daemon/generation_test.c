#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "folder.h"

#include "daemon.h"

static const char text[] =
	"state_dir: state\n"
	"intake: { listen: \"127.0.0.1:0\" }\n"
	"sources:\n"
	"  - { name: a, kind: json, token_file: token, destinations: [archive, crm] }\n"
	"  - { name: b, kind: json, token_file: token, destinations: crm }\n"
	"destinations:\n"
	"  - name: crm\n"
	"    kind: dynamics365\n"
	"    url: https://contoso.crm4.dynamics.com\n"
	"    auth:\n"
	"      method: azure_ad\n"
	"      directory_id: 12345678-0000-0000-0000-000000000000\n"
	"      client_id: 23456052-0000-0000-0000-000000000000\n"
	"      client_secret_file: secret\n"
	"    when: { action_code: [INS, PLT] }\n"
	"  - { name: archive, kind: file, path: a }\n";

static int set_up(void **state)
{
	(void)state;
	folder_make();
	put_file("token", "0123456789abcdef", 16, 0600);
	put_file("secret", "one", 3, 0600);
	put_file("leadrelay.yaml", text, sizeof(text) - 1, 0600);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	folder_remove();
	return 0;
}

static struct config *load(void)
{
	struct buf problems = BUF_INIT;
	struct config *config = NULL;
	struct err err;
	char path[256];

	if (config_load(&config, in_folder("leadrelay.yaml", path), &problems, &err) !=
		ERR_OK)
		fail_msg("%s", buf_str(&problems));
	buf_finish(&problems);
	return config;
}

static void a_source_knows_the_rules_of_its_destinations(void **state)
{
	struct generation *generation;
	struct err err;

	(void)state;
	assert_int_equal(generation_create(&generation, load(), &err), ERR_OK);
	assert_string_equal(generation->sources[0].settings->name, "a");
	assert_int_equal(generation->sources[0].destination_count, 2);
	assert_int_equal(generation->sources[0].destinations[0].when_count, 0);
	assert_int_equal(generation->sources[0].destinations[1].when_count, 1);
	assert_int_equal(generation->sources[1].destination_count, 1);
	assert_int_equal(generation->sources[1].destinations[0].when_count, 1);
	generation_release(generation);
}

static void the_last_holder_frees_a_generation(void **state)
{
	struct generation *generation;
	struct err err;

	(void)state;
	assert_int_equal(generation_create(&generation, load(), &err), ERR_OK);
	assert_ptr_equal(generation_hold(generation), generation);
	generation_release(generation);
	assert_string_equal(generation->config->sources[1].name, "b"); /* still there */
	generation_release(generation);
	generation_release(NULL);
}

static void a_new_secret_is_seen_and_nothing_else(void **state)
{
	struct config *before = load();
	struct config *same = load();
	struct config *after;

	(void)state;
	put_file("secret", "two", 3, 0600);
	after = load();
	assert_false(config_credentials_changed(before, same, "crm"));
	assert_true(config_credentials_changed(before, after, "crm"));
	assert_false(config_credentials_changed(before, after, "archive"));
	assert_false(config_credentials_changed(before, after, "nowhere"));
	config_destroy(before);
	config_destroy(same);
	config_destroy(after);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_source_knows_the_rules_of_its_destinations, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			the_last_holder_frees_a_generation, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_new_secret_is_seen_and_nothing_else, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
