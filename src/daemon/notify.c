/* sd_notify(3) without its library: one datagram, and silence where nobody listens. */
#include "daemon.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify(const char *fmt, ...)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char text[1024];
	size_t len;
	va_list args;
	int fd;

	if (!path || (*path != '/' && *path != '@') ||
		strlen(path) >= sizeof(address.sun_path))
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	len = strlen(path);
	memcpy(address.sun_path, path, len);
	if (*path == '@')
		address.sun_path[0] = '\0'; /* the abstract namespace */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

int64_t notify_watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	char *end;
	long long value;

	if (!usec || !getenv("NOTIFY_SOCKET"))
		return 0;
	if (pid && strtoll(pid, NULL, 10) != getpid())
		return 0;
	value = strtoll(usec, &end, 10);
	return *end || value <= 0 ? 0 : value / 1000 + (value < 1000);
}
