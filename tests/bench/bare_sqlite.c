/*
 * bare_sqlite -l LEAD [-b ROWS] [-n LEADS] [-d FOLDER]: how many leads a second SQLite
 * alone makes durable, in transactions of ROWS leads. The other side of accepting.
 *
 * Fair, because it writes the same rows (lead, match hash, fingerprint, delivery, the
 * counters once a transaction) into the same schema (schema/, made by the store), with
 * the store's own pragmas: WAL, synchronous = FULL, a checkpoint each 4,000 pages. Beyond
 * that it does nothing: nobody sends, no body is read, no hash is computed, nobody is
 * answered.
 */
#include "bare_outbox.h"
#include "bench.h"
#include "leadrelay/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void remove_outbox(const char *dir)
{
	static const char *const names[] = {
		"outbox.db", "outbox.db-wal", "outbox.db-shm"};
	char path[4200];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

static double transaction(struct bare_outbox *outbox, int64_t rows)
{
	struct bare_lead lead = {
		.received_at = clock_wall(&clock_system), .fingerprint = true};
	double since = bench_now();

	bare_begin(outbox);
	for (int64_t i = 0; i < rows; i++)
		bare_add(outbox, &lead);
	bare_commit(outbox);
	return bench_now() - since;
}

static void measure(struct bare_outbox *outbox, int64_t rows, int64_t leads)
{
	size_t count = (size_t)((leads + rows - 1) / rows);
	double *times = calloc(count, sizeof(times[0]));
	double sum = 0, median, late;

	if (!times)
		bench_fail("out of memory");
	for (size_t i = 0; i < count; i++)
		sum += times[i] = transaction(outbox, rows);
	median = bench_quantile(times, count, 0.5);
	late = bench_quantile(times, count, 0.99);
	printf("{\"leads\":%zu,\"rows\":%" PRId64 ",\"seconds\":%.6f,\"rate\":%.1f,"
	       "\"median_ms\":%.4f,\"p99_ms\":%.4f}\n",
		count * (size_t)rows, rows, sum, (double)(count * (size_t)rows) / sum,
		1000 * median, 1000 * late);
	free(times);
}

int main(int argc, char **argv)
{
	int64_t rows = 32, leads = 64000;
	char dir[4096] = "/var/tmp";
	const char *path = NULL;
	struct bare_outbox outbox;
	int option;

	while ((option = getopt(argc, argv, "l:b:n:d:")) != -1) {
		if (option == 'l')
			path = optarg;
		else if (option == 'b')
			rows = bench_number('b', optarg, 1, 100000);
		else if (option == 'n')
			leads = bench_number('n', optarg, 1, 100000000);
		else if (option == 'd')
			snprintf(dir, sizeof(dir), "%s", optarg);
		else
			return 2;
	}
	if (!path)
		bench_fail("-l LEAD is needed");
	strncat(dir, "/bare_sqlite.XXXXXX", sizeof(dir) - strlen(dir) - 1);
	if (!mkdtemp(dir))
		bench_fail("%s: %s", dir, strerror(errno));
	bare_open(&outbox, dir, path, 1);
	measure(&outbox, rows, leads);
	bare_close(&outbox);
	remove_outbox(dir);
	return 0;
}
