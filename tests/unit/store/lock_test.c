#include "leadrelay/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/store_lock_XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/lock", dir);
	unlink(path);
	return rmdir(dir);
}

static struct store_lock *take(enum lock_role role)
{
	struct store_lock *lock = NULL;
	struct err err = {0};

	if (store_lock_take(&lock, dir, role, 0, &err) != ERR_OK)
		fail_msg("%s", err.text);
	return lock;
}

static void a_second_daemon_is_refused_at_once(void **state)
{
	struct store_lock *first = take(LOCK_DAEMON);
	struct store_lock *second;
	struct err err;

	(void)state;
	assert_int_equal(
		store_lock_take(&second, dir, LOCK_DAEMON, 10000, &err), ERR_LOCKED);
	assert_non_null(strstr(err.text, "daemon"));
	store_lock_release(first);
	store_lock_release(take(LOCK_DAEMON));
}

static void a_tool_is_refused_while_a_daemon_runs(void **state)
{
	struct store_lock *daemon = take(LOCK_DAEMON);
	struct store_lock *tool;
	struct err err;

	(void)state;
	assert_int_equal(store_lock_take(&tool, dir, LOCK_TOOL, 0, &err), ERR_LOCKED);
	assert_non_null(strstr(err.text, "daemon"));
	store_lock_release(daemon);
}

static void a_second_tool_is_refused(void **state)
{
	struct store_lock *first = take(LOCK_TOOL);
	struct store_lock *second;
	struct err err;

	(void)state;
	assert_int_equal(store_lock_take(&second, dir, LOCK_TOOL, 0, &err), ERR_LOCKED);
	assert_non_null(strstr(err.text, "tool"));
	store_lock_release(first);
}

/* In a child: waits for the lock as a daemon. */
static pid_t start_daemon(int64_t wait_ms)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct store_lock *lock;
		struct err err;
		enum err_code code =
			store_lock_take(&lock, dir, LOCK_DAEMON, wait_ms, &err);

		_exit(code == ERR_OK ? 0 : code == ERR_LOCKED ? 5 : 1);
	}
	return pid;
}

static int end_of(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_tool_sees_that_a_daemon_waits_and_hands_over(void **state)
{
	struct store_lock *tool = take(LOCK_TOOL);
	struct store_lock *other;
	struct err err;
	pid_t pid;

	(void)state;
	assert_false(store_lock_wanted(tool));
	pid = start_daemon(10000);
	while (!store_lock_wanted(tool))
		usleep(1000);
	assert_int_equal(store_lock_take(&other, dir, LOCK_TOOL, 0, &err), ERR_LOCKED);
	store_lock_release(tool);
	assert_int_equal(end_of(pid), 0);
}

static void a_daemon_gives_up_when_a_tool_does_not_make_way(void **state)
{
	struct store_lock *tool = take(LOCK_TOOL);

	(void)state;
	assert_int_equal(end_of(start_daemon(40)), 5);
	store_lock_release(tool);
}

static void a_killed_daemon_leaves_no_lock(void **state)
{
	(void)state;
	assert_int_equal(end_of(start_daemon(0)), 0); /* ends without releasing */
	store_lock_release(take(LOCK_TOOL));
}

static void a_state_dir_that_others_can_read_is_closed(void **state)
{
	struct stat st;
	char path[128];

	(void)state;
	chmod(dir, 0755);
	umask(0);
	store_lock_release(take(LOCK_DAEMON));
	umask(022);
	stat(dir, &st);
	assert_int_equal(st.st_mode & 07777, 0700);
	snprintf(path, sizeof(path), "%s/lock", dir);
	stat(path, &st);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void a_daemon_makes_its_state_dir_and_a_tool_does_not(void **state)
{
	struct store_lock *lock;
	struct stat st;
	struct err err;
	char parent[64];

	(void)state;
	memcpy(parent, dir, sizeof(parent));
	strcat(dir, "/state");
	assert_int_equal(store_lock_take(&lock, dir, LOCK_TOOL, 0, &err), ERR_NOT_FOUND);
	lock = take(LOCK_DAEMON);
	store_lock_release(lock);
	stat(dir, &st);
	assert_int_equal(st.st_mode & 07777, 0700);
	teardown(NULL);
	memcpy(dir, parent, sizeof(dir));
}

static void somebody_elses_state_dir_is_refused(void **state)
{
	struct store_lock *lock;
	struct err err;

	(void)state;
	if (geteuid() == 0)
		assert_int_equal(chown(dir, 12345, 12345), 0);
	assert_int_equal(
		store_lock_take(&lock, geteuid() == 0 ? dir : "/", LOCK_TOOL, 0, &err),
		ERR_DENIED);
	assert_non_null(strstr(err.text, "chown"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_second_daemon_is_refused_at_once),
		TEST(a_tool_is_refused_while_a_daemon_runs),
		TEST(a_second_tool_is_refused),
		TEST(a_tool_sees_that_a_daemon_waits_and_hands_over),
		TEST(a_daemon_gives_up_when_a_tool_does_not_make_way),
		TEST(a_killed_daemon_leaves_no_lock),
		TEST(a_state_dir_that_others_can_read_is_closed),
		TEST(a_daemon_makes_its_state_dir_and_a_tool_does_not),
		TEST(somebody_elses_state_dir_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
