/*
 * fdatasync_loop [-d FOLDER] [-b BYTES] [-s SECONDS]: how often a second the disk takes
 * BYTES and says that it has them, one after the other. The other side of one client that
 * sends one lead at a time: the relay cannot answer before one such sync.
 *
 * Fair, because BYTES is what the WAL gets for one lead (measured by the caller), and
 * because the file is written as SQLite writes its WAL: from the start again, over what
 * is there, each time it has reached the size at which the relay checkpoints.
 */
#include "bench.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIZE_MAX_BYTES (4000 * (4096 + 24)) /* the store's: 4,000 pages of WAL */

int main(int argc, char **argv)
{
	char path[4096] = "/var/tmp";
	int64_t bytes = 4 * (4096 + 24), seconds = 3, count = 0, at = 0;
	double since, until, now;
	char *block;
	int option, fd;

	while ((option = getopt(argc, argv, "d:b:s:")) != -1) {
		if (option == 'd')
			snprintf(path, sizeof(path), "%s", optarg);
		else if (option == 'b')
			bytes = bench_number('b', optarg, 1, SIZE_MAX_BYTES);
		else if (option == 's')
			seconds = bench_number('s', optarg, 1, 3600);
		else
			return 2;
	}
	strncat(path, "/fdatasync_loop.XXXXXX", sizeof(path) - strlen(path) - 1);
	fd = mkstemp(path);
	if (fd < 0)
		bench_fail("%s: %s", path, strerror(errno));
	unlink(path);
	block = calloc(1, (size_t)bytes);
	if (!block)
		bench_fail("out of memory");
	since = now = bench_now();
	until = since + (double)seconds;
	for (; now < until; now = bench_now()) {
		memset(block, (int)count, (size_t)bytes);
		if (pwrite(fd, block, (size_t)bytes, at) != bytes || fdatasync(fd) != 0)
			bench_fail("writing: %s", strerror(errno));
		at = at + 2 * bytes > SIZE_MAX_BYTES ? 0 : at + bytes;
		count++;
	}
	printf("{\"syncs\":%" PRId64 ",\"bytes\":%" PRId64
	       ",\"seconds\":%.6f,\"rate\":%.1f}\n",
		count, bytes, now - since, (double)count / (now - since));
	free(block);
	close(fd);
	return 0;
}
