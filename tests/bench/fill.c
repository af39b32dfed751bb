/*
 * fill -l LEAD -d STATE_DIR [-r RETAINED] [-w WAITING] [-D DESTINATIONS]: makes an outbox
 * as months of work leave it: RETAINED leads that were delivered in the last 30 days, and
 * behind them WAITING ones that were accepted in the last hour, dealt out to
 * DESTINATIONS.
 *
 * The rows are those of real leads, so `leadctl check` calls the outbox sound. They are
 * written without syncs, as nobody measures this; the file is synced at the end.
 */
#include "bare_outbox.h"
#include "bench.h"
#include "leadrelay/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT_ONCE 20000
#define DAY_MS (24 * 3600 * INT64_C(1000))
#define HOUR_MS (3600 * INT64_C(1000))

/* count leads, evenly between two instants. */
static void add(struct bare_outbox *outbox, int64_t count, bool delivered, int64_t from,
	int64_t until)
{
	struct bare_lead lead = {.delivered = delivered};

	for (int64_t i = 0; i < count; i++) {
		if (i % AT_ONCE == 0)
			bare_begin(outbox);
		lead.received_at = from + (int64_t)((double)(until - from) * (double)i /
						    (double)count);
		lead.destination = (size_t)i % outbox->destination_count;
		bare_add(outbox, &lead);
		if (i % AT_ONCE == AT_ONCE - 1 || i == count - 1)
			bare_commit(outbox);
	}
}

static void sync_file(const char *dir)
{
	char path[4200];
	int fd;

	snprintf(path, sizeof(path), "%s/outbox.db", dir);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		bench_fail("%s: %s", path, strerror(errno));
	close(fd);
}

int main(int argc, char **argv)
{
	int64_t retained = 0, waiting = 0, now = clock_wall(&clock_system);
	const char *lead = NULL, *dir = NULL;
	size_t destinations = 1;
	struct bare_outbox outbox;
	int option;

	while ((option = getopt(argc, argv, "l:d:r:w:D:")) != -1) {
		if (option == 'l')
			lead = optarg;
		else if (option == 'd')
			dir = optarg;
		else if (option == 'r')
			retained = bench_number('r', optarg, 0, 1000000000);
		else if (option == 'w')
			waiting = bench_number('w', optarg, 0, 1000000000);
		else if (option == 'D')
			destinations = (size_t)bench_number(
				'D', optarg, 1, BARE_DESTINATIONS_MAX);
		else
			return 2;
	}
	if (!lead || !dir)
		bench_fail("-l LEAD and -d STATE_DIR are needed");
	if (mkdir(dir, 0700) != 0)
		bench_fail("%s: %s", dir, strerror(errno));
	bare_open(&outbox, dir, lead, destinations);
	bare_exec(&outbox, "PRAGMA foreign_keys = OFF; PRAGMA cache_size = -65536;"
			   "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;");
	add(&outbox, retained, true, now - 30 * DAY_MS, now - HOUR_MS);
	add(&outbox, waiting, false, now - HOUR_MS, now);
	bare_exec(&outbox, "PRAGMA journal_mode = WAL");
	bare_close(&outbox);
	sync_file(dir);
	printf("{\"retained\":%" PRId64 ",\"waiting\":%" PRId64 "}\n", retained, waiting);
	return 0;
}
