#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A socket of the service manager in the abstract namespace, and its name for the
 * variable. */
static int manager(char name[64])
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int len;

	len = snprintf(name, 64, "@leadrelay-notify-test-%d", (int)getpid());
	memcpy(address.sun_path + 1, name + 1, (size_t)len - 1);
	assert_int_equal(bind(fd, (struct sockaddr *)&address,
				 (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
					     (size_t)len)),
		0);
	return fd;
}

static void one_datagram_reaches_the_service_manager(void **state)
{
	char name[64], text[256] = "";
	int fd = manager(name);

	(void)state;
	setenv("NOTIFY_SOCKET", name, 1);
	notify("READY=1\nSTATUS=%s", "accepting");
	assert_int_equal(recv(fd, text, sizeof(text) - 1, 0), 24);
	assert_string_equal(text, "READY=1\nSTATUS=accepting");
	unsetenv("NOTIFY_SOCKET");
	notify("READY=1");
	assert_int_equal(recv(fd, text, sizeof(text), 0), -1);
	close(fd);
}

static void the_watchdog_is_wanted_only_of_this_process(void **state)
{
	char pid[32];

	(void)state;
	assert_int_equal(notify_watchdog_ms(), 0);
	setenv("NOTIFY_SOCKET", "@x", 1);
	setenv("WATCHDOG_USEC", "30000000", 1);
	assert_int_equal(notify_watchdog_ms(), 30000);
	setenv("WATCHDOG_PID", "1", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	assert_int_equal(notify_watchdog_ms(), 30000);
	setenv("WATCHDOG_USEC", "soon", 1);
	assert_int_equal(notify_watchdog_ms(), 0);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	unsetenv("NOTIFY_SOCKET");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_datagram_reaches_the_service_manager),
		cmocka_unit_test(the_watchdog_is_wanted_only_of_this_process),
	};

	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
