#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "folder.h"

#include "leadrelay/config.h"

static const char text[] = "state_dir: state\n"
			   "intake: { listen: \"127.0.0.1:0\" }\n"
			   "sources:\n"
			   "  - name: json\n"
			   "    kind: json\n"
			   "    token_file: json.token\n"
			   "    destinations: archive\n"
			   "destinations: [{ name: archive, kind: file, path: a }]\n";

struct fixture {
	struct config *config;
	struct secret_watch *watch;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct buf problems = BUF_INIT;
	struct err err;
	char path[256];

	folder_make();
	put_file("json.token", "0123456789abcdef", 16, 0600);
	put_file("leadrelay.yaml", text, sizeof(text) - 1, 0600);
	if (config_load(&f->config, in_folder("leadrelay.yaml", path), &problems, &err) !=
			ERR_OK ||
		secret_watch_create(&f->watch, f->config, &err) != ERR_OK)
		return -1;
	buf_finish(&problems);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	secret_watch_destroy(f->watch);
	config_destroy(f->config);
	free(f);
	folder_remove();
	return 0;
}

static void a_change_counts_once_read_the_same_twice(void **state)
{
	struct fixture *f = *state;

	assert_false(secret_watch_changed(f->watch));
	put_file("json.token", "aaaaaaaaaaaaaaaa", 16, 0600);
	assert_false(secret_watch_changed(f->watch));
	put_file(
		"json.token", "aaaaaaaaaaaaaaaabbbb", 20, 0600); /* still being written */
	assert_false(secret_watch_changed(f->watch));
	assert_true(secret_watch_changed(f->watch));
	assert_false(secret_watch_changed(f->watch)); /* told once */
}

static void empty_and_absent_files_are_no_change(void **state)
{
	struct fixture *f = *state;
	char path[256];

	put_file("json.token", "", 0, 0600);
	assert_false(secret_watch_changed(f->watch));
	assert_false(secret_watch_changed(f->watch));
	unlink(in_folder("json.token", path));
	assert_false(secret_watch_changed(f->watch));
	assert_false(secret_watch_changed(f->watch));
}

static void a_change_taken_back_can_come_again(void **state)
{
	struct fixture *f = *state;

	put_file("json.token", "aaaaaaaaaaaaaaaa", 16, 0600);
	assert_false(secret_watch_changed(f->watch));
	assert_true(secret_watch_changed(f->watch));
	put_file("json.token", "0123456789abcdef", 16, 0600);
	assert_false(secret_watch_changed(f->watch));
	assert_false(secret_watch_changed(f->watch));
	put_file("json.token", "aaaaaaaaaaaaaaaa", 16, 0600);
	assert_false(secret_watch_changed(f->watch));
	assert_true(secret_watch_changed(f->watch));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_change_counts_once_read_the_same_twice, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			empty_and_absent_files_are_no_change, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_change_taken_back_can_come_again, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
