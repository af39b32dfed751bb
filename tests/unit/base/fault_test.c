#include "leadrelay/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Runs body in a process of its own, as the variable is read once in a life; its exit
 * status is what body returns. Returns what waitpid says, a stopped child being continued
 * afterwards. */
static int run(const char *variable, int (*body)(void))
{
	int status;
	int last;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		if (variable)
			setenv("LEADRELAY_FAULT", variable, 1);
		else
			unsetenv("LEADRELAY_FAULT");
		_exit(body());
	}
	assert_int_equal(waitpid(child, &status, WUNTRACED), child);
	if (WIFSTOPPED(status)) {
		kill(child, SIGCONT);
		assert_int_equal(waitpid(child, &last, 0), child);
		assert_true(WIFEXITED(last));
	}
	return status;
}

/* Passes a.point five times, b.point once at the end; bit n of the status: the n-th
 * failed. */
static int pass_points(void)
{
	int failed = 0;

	for (int i = 0; i < 5; i++)
		if (FAULT_FAILS("a.point"))
			failed |= 1 << i;
	if (FAULT_FAILS("b.point"))
		failed |= 1 << 5;
	return failed;
}

static int pass_point(void)
{
	FAULT_POINT("a.point");
	return 1;
}

static void nothing_happens_without_the_variable(void **state)
{
	static const char *const variables[] = {NULL, "", ",", "other:kill",
		"a.poin:kill", "a.point.x:exit,A.POINT:kill", "a.point:kill:6",
		"a.point:fail:6+"};

	(void)state;
	for (size_t i = 0; i < COUNT(variables); i++) {
		int status = run(variables[i], pass_points);

		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
}

static void a_failure_is_reported_at_its_passing(void **state)
{
	static const struct {
		const char *variable;
		int failed;
	} cases[] = {{"a.point:fail", 0x01}, {"a.point:fail:1", 0x01},
		{"a.point:fail:3", 0x04}, {"a.point:fail:5", 0x10},
		{"a.point:fail:1+", 0x1f}, {"a.point:fail:4+", 0x18},
		{"b.point:fail", 0x20}, {"a.point:fail:2,b.point:fail:1+", 0x22},
		{"a.point:fail:2,a.point:fail:4", 0x0a},
		{"a.point:fail:2,,a.point:kill:9", 0x02}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		int status = run(cases[i].variable, pass_points);

		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), cases[i].failed);
	}
}

static void a_kill_ends_the_process_at_its_passing(void **state)
{
	static const char *const variables[] = {"a.point:kill", "a.point:kill:5",
		"b.point:kill:1", "a.point:fail:2,b.point:kill", "a.point:kill:2+"};

	(void)state;
	for (size_t i = 0; i < COUNT(variables); i++) {
		int status = run(variables[i], pass_points);

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGKILL);
	}
	assert_true(WIFSIGNALED(run("a.point:kill", pass_point)));
	assert_true(WIFEXITED(run("a.point:kill:2", pass_point)));
}

static void an_exit_has_status_70(void **state)
{
	int status = run("a.point:exit:5", pass_points);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 70);
}

static void a_stop_stops_until_continued(void **state)
{
	int status = run("a.point:stop:3", pass_points);

	(void)state;
	assert_true(WIFSTOPPED(status));
	assert_int_equal(WSTOPSIG(status), SIGSTOP);
}

static void *pass_once(void *arg)
{
	FAULT_POINT("b.point");
	return arg;
}

/* The thread that passes never comes back; whoever does not pass ends the program. */
static int hang_in_a_thread(void)
{
	pthread_t thread;
	int passed = 1;

	if (pthread_create(&thread, NULL, pass_once, &passed) != 0)
		return 2;
	FAULT_POINT("a.point");
	usleep(1000); /* more would prove no more: a thread that went on ends the test */
	return pthread_tryjoin_np(thread, NULL) == 0 ? 3 : passed;
}

static void a_hang_stops_one_thread(void **state)
{
	int status = run("b.point:hang", hang_in_a_thread);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

static void a_failing_point_that_only_crashes_goes_on(void **state)
{
	int status = run("a.point:fail:1+", pass_point);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

static void a_variable_that_is_not_understood_ends_the_program(void **state)
{
	static const char *const variables[] = {"a.point", "a.point:", ":kill",
		"a.point:die", "a.point:kill:", "a.point:kill:0", "a.point:kill:-1",
		"a.point:kill:x", "a.point:kill:1x", "a.point:fail:+", "a.point:fail:1++",
		"a.point:kill:1:2", "a.point:fail:2,b.point",
		"a.point:kill:99999999999999999999",
		("a:exit,a:exit,a:exit,a:exit,a:exit,a:exit,a:exit,a:exit,a:exit,"
		 "a:exit,a:exit,a:exit,a:exit,a:exit,a:exit,a:exit,a:exit"),
		"a_name_of_more_than_63_characters_that_fits_no_entry_of_the_table:kill"};

	(void)state;
	for (size_t i = 0; i < COUNT(variables); i++) {
		int status = run(variables[i], pass_points);

		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) != 70)
			fail_msg("accepted: %s", variables[i]);
	}
}

static void *pass_often(void *arg)
{
	(void)arg;
	for (int i = 0; i < 1000; i++)
		FAULT_POINT("a.point");
	return NULL;
}

static int pass_in_threads(void)
{
	pthread_t threads[4];

	for (size_t i = 0; i < COUNT(threads); i++)
		if (pthread_create(&threads[i], NULL, pass_often, NULL) != 0)
			return 2;
	for (size_t i = 0; i < COUNT(threads); i++)
		pthread_join(threads[i], NULL);
	return FAULT_FAILS("a.point") ? 1 : 0;
}

static void passings_of_all_threads_count(void **state)
{
	int status = run("a.point:fail:4001", pass_in_threads);

	(void)state;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_happens_without_the_variable),
		cmocka_unit_test(a_failure_is_reported_at_its_passing),
		cmocka_unit_test(a_kill_ends_the_process_at_its_passing),
		cmocka_unit_test(an_exit_has_status_70),
		cmocka_unit_test(a_stop_stops_until_continued),
		cmocka_unit_test(a_hang_stops_one_thread),
		cmocka_unit_test(a_failing_point_that_only_crashes_goes_on),
		cmocka_unit_test(a_variable_that_is_not_understood_ends_the_program),
		cmocka_unit_test(passings_of_all_threads_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
