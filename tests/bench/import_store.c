/*
 * import_store [-n ROWS] [-b BATCH] [-d DIRECTORY]: how much slower the store imports
 * rows than bare SQLite inserts them.
 *
 * In one run, piece by piece in turn, so that what else the machine does meets all alike:
 *
 *   bare    the rows an import leaves in lead and delivery, inserted into the same
 * schema, with the same pragmas, in transactions of 1,000 store   the same rows through
 * job_import_rows, BATCH in a job again   the rows once more: all of them duplicates
 *
 * Making the rows is not timed. Prints rates by wall time and by processor time, and the
 * medians of the pieces' ratios.
 */
#include "leadrelay/batches.h"
#include "leadrelay/clock.h"
#include "leadrelay/store.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PIECES 5
#define CHUNK 1000 /* rows in a transaction of bare */
#define PATH_SIZE 4096

struct taken { /* time */
	double wall;
	double cpu;
};

struct side { /* one outbox */
	char dir[PATH_SIZE + 8];
	int64_t source;
	int64_t destination;
	struct taken pieces[PIECES];
};

struct row {
	struct lead lead;
	char *fields;
	char raw[512];
};

static size_t batch_rows = 500;
static struct row rows[CHUNK];
static struct uuid last_id;

static void fail(const char *what)
{
	fprintf(stderr, "import_store: %s\n", what);
	exit(1);
}

static struct taken now_taken(void)
{
	struct timespec wall;
	struct rusage use;

	clock_gettime(CLOCK_MONOTONIC, &wall);
	getrusage(RUSAGE_SELF, &use);
	return (struct taken){.wall = (double)wall.tv_sec + (double)wall.tv_nsec / 1e9,
		.cpu = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
		       (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6};
}

static void add_since(struct taken *sum, const struct taken *since)
{
	struct taken now = now_taken();

	sum->wall += now.wall - since->wall;
	sum->cpu += now.cpu - since->cpu;
}

/* ---- rows: as a trade fair's list has them ---- */

static void set(struct lead *lead, enum lead_field field, const char *text)
{
	if (lead_set(lead, field, text, NULL) != ERR_OK)
		fail("out of memory");
}

static void make_row(struct row *row, int64_t n)
{
	static const char *const firms[] = {"Contoso", "Fabrikam", "Northwind",
		"Adventure Works", "Litware", "Tailspin Toys", "Wingtip"};
	char text[128];
	cJSON *json;

	lead_finish(&row->lead);
	cJSON_free(row->fields);
	row->lead.id = uuid_v7(clock_wall(&clock_system), &entropy_system, &last_id);
	row->lead.received_at = clock_wall(&clock_system);
	snprintf(text, sizeof(text), "jane.doe%" PRId64 "@example%" PRId64 ".com", n,
		n % 977);
	set(&row->lead, FIELD_EMAIL, text);
	set(&row->lead, FIELD_FIRST_NAME, "Jane");
	set(&row->lead, FIELD_LAST_NAME, "Doe");
	snprintf(text, sizeof(text), "+33 1 %08" PRId64, n);
	set(&row->lead, FIELD_PHONE, text);
	snprintf(text, sizeof(text), "%s %" PRId64, firms[n % 7], n % 5000);
	set(&row->lead, FIELD_COMPANY, text);
	set(&row->lead, FIELD_TITLE, "Head of procurement");
	set(&row->lead, FIELD_COUNTRY, "FR");
	set(&row->lead, FIELD_CITY, "Lyon");
	set(&row->lead, FIELD_OFFER_TITLE, "Contoso Cloud Suite");
	set(&row->lead, FIELD_CAMPAIGN, "Fair 2026, hall 3");
	set(&row->lead, FIELD_DESCRIPTION,
		"Asked for a call \"next week\", has 120 seats");
	snprintf(row->raw, sizeof(row->raw),
		"%s,Jane,Doe,%s,%s,Head of procurement,FR,Lyon,Contoso Cloud Suite,"
		"\"Fair 2026, hall 3\",\"Asked for a call \"\"next week\"\", has 120 seats\"",
		row->lead.fields[FIELD_EMAIL], row->lead.fields[FIELD_PHONE],
		row->lead.fields[FIELD_COMPANY]);
	json = lead_fields_json(&row->lead);
	row->fields = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
}

static void make_rows(int64_t first)
{
	for (size_t i = 0; i < CHUNK; i++)
		make_row(&rows[i], first + (int64_t)i);
}

/* ---- the store ---- */

static struct store *open_store(struct side *side)
{
	struct store_options options = {.state_dir = side->dir,
		.clock = &clock_system,
		.entropy = &entropy_system};
	struct store_name sources[] = {{.name = "fair"}};
	struct store_name destinations[] = {{.name = "crm", .kind = "https"}};
	struct job_names names = {.sources = sources,
		.source_count = 1,
		.destinations = destinations,
		.destination_count = 1,
		.now = clock_wall(&clock_system)};
	struct store *store;
	struct err err;

	job_names_prepare(&names);
	if (store_open(&store, &options, &err) != ERR_OK ||
		store_call(store, &names.job, &err) != ERR_OK)
		fail(err.text);
	side->source = sources[0].id;
	side->destination = destinations[0].id;
	job_names_finish(&names);
	return store;
}

struct importer {
	struct side *side;
	struct store *store;
	struct import_state ledger;
};

static void begin_import(struct importer *importer, const char *file)
{
	struct job_import_begin job = {
		.source = importer->side->source, .now = clock_wall(&clock_system)};
	struct err err;

	snprintf((char *)job.file, sizeof(job.file), "%s", file);
	job_import_begin_prepare(&job);
	if (store_call(importer->store, &job.job, &err) != ERR_OK)
		fail(err.text);
	importer->ledger = job.state;
}

/* rows[from ...], behind what the ledger has. */
static void import_batch(struct importer *importer, size_t from, size_t count,
	enum import_result expected, struct taken *sum)
{
	static struct import_row items[CHUNK];
	struct side *side = importer->side;
	struct job_import_rows job = {.import = importer->ledger.id,
		.run = importer->ledger.run,
		.source = side->source,
		.origin = ORIGIN_IMPORT,
		.rows = items,
		.count = count,
		.now = clock_wall(&clock_system)};
	struct taken since;
	struct err err;

	for (size_t i = 0; i < count; i++)
		items[i] = (struct import_row){
			.row = importer->ledger.taken + 1 + (int64_t)i,
			.item = {.lead = rows[from + i].lead,
				.destinations = &side->destination,
				.destination_count = 1},
			.raw = rows[from + i].raw,
			.raw_len = strlen(rows[from + i].raw)};
	job_import_rows_prepare(&job);
	since = now_taken();
	if (store_call(importer->store, &job.job, &err) != ERR_OK)
		fail(err.text);
	add_since(sum, &since);
	importer->ledger = job.state;
	for (size_t i = 0; i < count; i++)
		if (items[i].result != expected)
			fail("a row was decided otherwise than expected");
	job_import_rows_finish(&job);
}

static void import_chunk(
	struct importer *importer, enum import_result expected, struct taken *sum)
{
	for (size_t from = 0; from < CHUNK; from += batch_rows)
		import_batch(importer, from,
			CHUNK - from < batch_rows ? CHUNK - from : batch_rows, expected,
			sum);
}

/* ---- bare SQLite ---- */

static const char pragmas[] = "PRAGMA secure_delete = ON; PRAGMA foreign_keys = ON;"
			      "PRAGMA cache_size = -8192; PRAGMA mmap_size = 0;"
			      "PRAGMA synchronous = FULL;";
static const char insert_lead[] =
	"INSERT INTO lead (seq, id, source, received_at, state, test, email, company,"
	" fields, raw) VALUES (?1, ?2, ?3, ?4, 1, 0, ?5, ?6, ?7, ?8)";
static const char insert_delivery[] =
	"INSERT INTO delivery (lead, destination, state, queue, due_at, age_from)"
	" VALUES (?1, ?2, 1, 1, ?3, 0)";

struct bare {
	struct side *side;
	sqlite3 *sqlite;
	sqlite3_stmt *lead;
	sqlite3_stmt *delivery;
	int64_t seq;
};

static void check(struct bare *bare, int rc)
{
	if (rc != SQLITE_OK && rc != SQLITE_DONE)
		fail(sqlite3_errmsg(bare->sqlite));
}

static void open_bare(struct bare *bare)
{
	char path[PATH_SIZE + 32];

	store_close(open_store(bare->side)); /* makes the schema */
	snprintf(path, sizeof(path), "%s/outbox.db", bare->side->dir);
	check(bare, sqlite3_open(path, &bare->sqlite));
	check(bare, sqlite3_exec(bare->sqlite, pragmas, NULL, NULL, NULL));
	check(bare, sqlite3_prepare_v3(bare->sqlite, insert_lead, -1,
			    SQLITE_PREPARE_PERSISTENT, &bare->lead, NULL));
	check(bare, sqlite3_prepare_v3(bare->sqlite, insert_delivery, -1,
			    SQLITE_PREPARE_PERSISTENT, &bare->delivery, NULL));
}

static void close_bare(struct bare *bare)
{
	sqlite3_finalize(bare->lead);
	sqlite3_finalize(bare->delivery);
	sqlite3_close(bare->sqlite);
}

static void insert_row(struct bare *bare, const struct row *row)
{
	const struct lead *lead = &row->lead;

	bare->seq++;
	sqlite3_reset(bare->lead);
	sqlite3_bind_int64(bare->lead, 1, bare->seq);
	sqlite3_bind_blob(bare->lead, 2, lead->id.bytes, 16, SQLITE_STATIC);
	sqlite3_bind_int64(bare->lead, 3, bare->side->source);
	sqlite3_bind_int64(bare->lead, 4, lead->received_at);
	sqlite3_bind_text(bare->lead, 5, lead->fields[FIELD_EMAIL], -1, SQLITE_STATIC);
	sqlite3_bind_text(bare->lead, 6, lead->fields[FIELD_COMPANY], -1, SQLITE_STATIC);
	sqlite3_bind_text(bare->lead, 7, row->fields, -1, SQLITE_STATIC);
	sqlite3_bind_blob(bare->lead, 8, row->raw, (int)strlen(row->raw), SQLITE_STATIC);
	check(bare, sqlite3_step(bare->lead));
	sqlite3_reset(bare->delivery);
	sqlite3_bind_int64(bare->delivery, 1, bare->seq);
	sqlite3_bind_int64(bare->delivery, 2, bare->side->destination);
	sqlite3_bind_int64(bare->delivery, 3, lead->received_at);
	check(bare, sqlite3_step(bare->delivery));
}

static void insert_chunk(struct bare *bare, struct taken *sum)
{
	struct taken since = now_taken();

	check(bare, sqlite3_exec(bare->sqlite, "BEGIN IMMEDIATE", NULL, NULL, NULL));
	for (size_t i = 0; i < CHUNK; i++)
		insert_row(bare, &rows[i]);
	check(bare, sqlite3_exec(bare->sqlite, "COMMIT", NULL, NULL, NULL));
	add_since(sum, &since);
}

/* ---- the figures ---- */

static int by_size(const void *a, const void *b)
{
	double one = *(const double *)a;
	double two = *(const double *)b;

	return (one > two) - (one < two);
}

static double median(double *values)
{
	qsort(values, PIECES, sizeof(values[0]), by_size);
	return values[PIECES / 2];
}

static void tell(const char *what, const struct side *side, const struct side *bare,
	int64_t piece_rows)
{
	double rate[PIECES], cpu_rate[PIECES], ratio[PIECES], cpu_ratio[PIECES];

	for (int i = 0; i < PIECES; i++) {
		rate[i] = (double)piece_rows / side->pieces[i].wall;
		cpu_rate[i] = (double)piece_rows / side->pieces[i].cpu;
		ratio[i] = bare->pieces[i].wall / side->pieces[i].wall;
		cpu_ratio[i] = bare->pieces[i].cpu / side->pieces[i].cpu;
	}
	printf("%-6s %8.0f rows/s (processor %8.0f), of bare:", what, median(rate),
		median(cpu_rate));
	for (int i = 0; i < PIECES; i++)
		printf(" %.2f", ratio[i]);
	printf(", median %.2f (processor %.2f)\n", median(ratio), median(cpu_ratio));
}

static void make_side(struct side *side, const char *dir, const char *name)
{
	snprintf(side->dir, sizeof(side->dir), "%s/%s", dir, name);
	if (mkdir(side->dir, 0700) != 0)
		fail("cannot make a folder");
}

static void remove_side(const struct side *side)
{
	static const char *const names[] = {
		"outbox.db", "outbox.db-wal", "outbox.db-shm"};
	char path[PATH_SIZE + 32];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", side->dir, names[i]);
		unlink(path);
	}
	rmdir(side->dir);
}

static void run(const char *dir, int64_t count)
{
	static struct side bare_side, store_side, again_side;
	int64_t piece_rows = count / PIECES / CHUNK * CHUNK;
	struct bare bare = {.side = &bare_side};
	struct importer importer = {.side = &store_side};
	struct rusage use;

	make_side(&bare_side, dir, "bare");
	make_side(&store_side, dir, "store");
	open_bare(&bare);
	importer.store = open_store(&store_side);
	begin_import(&importer, "first");
	for (int64_t n = 0; n < PIECES * piece_rows; n += CHUNK) {
		make_rows(n);
		insert_chunk(&bare, &bare_side.pieces[n / piece_rows]);
		import_chunk(
			&importer, IMPORT_ACCEPTED, &store_side.pieces[n / piece_rows]);
	}
	begin_import(&importer, "second");
	for (int64_t n = 0; n < PIECES * piece_rows; n += CHUNK) {
		make_rows(n);
		import_chunk(
			&importer, IMPORT_DUPLICATE, &again_side.pieces[n / piece_rows]);
	}
	store_close(importer.store);
	close_bare(&bare);
	getrusage(RUSAGE_SELF, &use);
	printf("%" PRId64 " rows, %zu in a job; memory at most %ld KiB\n",
		PIECES * piece_rows, batch_rows, use.ru_maxrss);
	tell("bare", &bare_side, &bare_side, piece_rows);
	tell("store", &store_side, &bare_side, piece_rows);
	tell("again", &again_side, &bare_side, piece_rows);
	remove_side(&bare_side);
	remove_side(&store_side);
}

int main(int argc, char **argv)
{
	char dir[PATH_SIZE] = "/var/tmp";
	int64_t count = 100000;
	int option;

	while ((option = getopt(argc, argv, "n:b:d:")) != -1) {
		if (option == 'n')
			count = strtoll(optarg, NULL, 10);
		else if (option == 'b')
			batch_rows = strtoul(optarg, NULL, 10);
		else if (option == 'd')
			snprintf(dir, sizeof(dir), "%s", optarg);
		else
			return 2;
	}
	if (count < PIECES * CHUNK || batch_rows < 1 || batch_rows > CHUNK)
		fail("-n at least 5000, -b from 1 to 1000");
	strncat(dir, "/import_store.XXXXXX", sizeof(dir) - strlen(dir) - 1);
	if (!mkdtemp(dir))
		fail("cannot make a folder; -d names another place");
	run(dir, count);
	rmdir(dir);
	for (size_t i = 0; i < CHUNK; i++) {
		lead_finish(&rows[i].lead);
		cJSON_free(rows[i].fields);
	}
	return 0;
}
