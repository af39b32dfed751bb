#include "leadrelay/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
	struct timespec now;

	if (clock_gettime(id, &now) != 0)
		abort(); /* both clocks exist on every Linux */
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t system_wall(void *ctx)
{
	(void)ctx;
	return read_clock(CLOCK_REALTIME);
}

static int64_t system_mono(void *ctx)
{
	(void)ctx;
	return read_clock(CLOCK_MONOTONIC);
}

static void system_fill(void *ctx, void *out, size_t len)
{
	uint8_t *bytes = out;

	(void)ctx;
	while (len > 0) {
		ssize_t got = getrandom(bytes, len, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <=
			0) { /* going on with predictable ids and keys would be worse */
			fputs("getrandom failed: this kernel gives no random bytes\n",
				stderr);
			abort();
		}
		bytes += got;
		len -= (size_t)got;
	}
}

const struct clock clock_system = {.wall = system_wall, .mono = system_mono};
const struct entropy entropy_system = {.fill = system_fill};

int64_t clock_wall(const struct clock *clock)
{
	return clock->wall(clock->ctx);
}

int64_t clock_mono(const struct clock *clock)
{
	return clock->mono(clock->ctx);
}

uint64_t entropy_u64(const struct entropy *entropy)
{
	uint64_t value;

	entropy->fill(entropy->ctx, &value, sizeof(value));
	return value;
}

uint64_t entropy_below(const struct entropy *entropy, uint64_t below)
{
	uint64_t skip;
	uint64_t value;

	if (below == 0)
		return 0;
	skip = -below %
	       below; /* 2^64 mod below: the first values would come once too often */
	do
		value = entropy_u64(entropy);
	while (value < skip);
	return value % below;
}
