#include "fixture.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t fixture_wall(void *ctx)
{
	return ((struct fixture *)ctx)->wall;
}

static int64_t fixture_mono(void *ctx)
{
	return ((struct fixture *)ctx)->mono;
}

static void on_health(void *ctx, bool working, const char *text)
{
	struct fixture *f = ctx;

	assert_true(strlen(text) > 10);
	f->health_calls++;
	f->healthy = working;
}

enum err_code fixture_try_open(struct fixture *f, struct err *err)
{
	return store_open(&f->store, &f->options, err);
}

void fixture_open(struct fixture *f)
{
	struct err err = {0};

	if (fixture_try_open(f, &err) != ERR_OK)
		fail_msg("%s", err.text);
}

void fixture_close(struct fixture *f)
{
	store_close(f->store);
	f->store = NULL;
}

void call(struct fixture *f, struct store_job *job)
{
	struct err err = {0};

	if (store_call(f->store, job, &err) != ERR_OK)
		fail_msg("%s", err.text);
}

void fixture_names(struct fixture *f)
{
	struct store_name sources[] = {{.name = "web"}, {.name = "shop"}};
	struct store_name destinations[] = {
		{.name = "crm", .kind = "dynamics365", .keeps_key = true},
		{.name = "archive", .kind = "file"}};
	struct job_names job = {.sources = sources,
		.source_count = 2,
		.destinations = destinations,
		.destination_count = 2,
		.now = f->wall};

	job_names_prepare(&job);
	call(f, &job.job);
	f->web = sources[0].id;
	f->shop = sources[1].id;
	f->crm = destinations[0].id;
	f->archive = destinations[1].id;
	job_names_finish(&job);
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->dir, "/tmp/store_test_XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/outbox.db", f->dir);
	f->wall = NOW;
	f->mono = 1000;
	f->healthy = true;
	f->clock = (struct clock){.wall = fixture_wall, .mono = fixture_mono, .ctx = f};
	f->options = (struct store_options){.state_dir = f->dir,
		.clock = &f->clock,
		.entropy = &entropy_system,
		.on_health = on_health,
		.ctx = f};
	fixture_open(f);
	fixture_names(f);
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;
	DIR *dir;
	struct dirent *entry;

	fixture_close(f);
	chmod(f->dir, 0700);
	dir = opendir(f->dir);
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", f->dir, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(path);
	}
	closedir(dir);
	rmdir(f->dir);
	free(f);
	return 0;
}

void accept_init(struct fixture *f, struct accept *accept, const char *body)
{
	struct err err;

	memset(accept, 0, sizeof(*accept));
	accept->lead.lead.id = uuid_v7(f->wall, &entropy_system, &f->last_id);
	accept->lead.lead.received_at = f->wall;
	assert_int_equal(
		lead_set(&accept->lead.lead, FIELD_EMAIL, "jane@example.com", &err),
		ERR_OK);
	accept->lead.destinations = accept->destinations;
	accept_to(accept, 1, f->crm);
	accept->job = (struct job_accept){.source = f->web,
		.leads = &accept->lead,
		.count = 1,
		.raw = body,
		.raw_len = strlen(body),
		.now = f->wall};
	job_accept_prepare(&accept->job);
}

void accept_to(struct accept *accept, size_t count, ...)
{
	va_list args;

	va_start(args, count);
	for (size_t i = 0; i < count; i++)
		accept->destinations[i] = va_arg(args, int64_t);
	va_end(args);
	accept->lead.destination_count = count;
}

void accept_finish(struct accept *accept)
{
	job_accept_finish(&accept->job);
	lead_finish(&accept->lead.lead);
}

int64_t add_lead(struct fixture *f, const char *body)
{
	struct accept accept;
	int64_t delivery;

	accept_init(f, &accept, body);
	call(f, &accept.job.job);
	assert_int_equal(accept.job.result, ACCEPT_NEW);
	delivery = accept.lead.deliveries[0];
	accept_finish(&accept);
	return delivery;
}

enum delivery_state settle_with(struct fixture *f, int64_t delivery,
	enum delivery_event event, enum outcome_kind outcome, enum reason reason,
	int64_t due_at)
{
	struct job_settle job = {.delivery = delivery,
		.destination = f->crm,
		.event = event,
		.counts = outcome_counts(outcome),
		.outcome = outcome,
		.reason = reason,
		.due_at = due_at,
		.now = f->wall,
		.exchange_count = 1};

	job.exchanges = calloc(1, sizeof(job.exchanges[0]));
	assert_non_null(job.exchanges);
	job.exchanges[0] = (struct settled_exchange){.at = f->wall,
		.duration_ms = 12,
		.outcome = outcome,
		.reason = reason,
		.http_status = 500};
	job_settle_prepare(&job);
	call(f, &job.job);
	job_settle_finish(&job);
	return job.state;
}

enum delivery_state settle(
	struct fixture *f, int64_t delivery, enum delivery_event event, int64_t due_at)
{
	enum outcome_kind outcome = event == DELIVERY_ACCEPT  ? OUTCOME_DELIVERED
				    : event == DELIVERY_RETRY ? OUTCOME_RETRY
							      : OUTCOME_REFUSED;
	enum reason reason = event == DELIVERY_ACCEPT ? REASON_NONE : REASON_PLUGIN;

	return settle_with(f, delivery, event, outcome, reason, due_at);
}

void destination_get(struct fixture *f, int64_t destination, struct destination_row *out)
{
	struct job_destinations job = {0};

	memset(out, 0, sizeof(*out));
	job_destinations_prepare(&job);
	call(f, &job.job);
	for (size_t i = 0; i < job.count; i++)
		if (job.rows[i].id == destination)
			*out = job.rows[i];
	job_destinations_finish(&job);
	assert_int_equal(out->id, destination);
}

void expect_counts(struct fixture *f, int64_t destination, int64_t pending, int64_t held,
	int64_t delivered, int64_t dead, int64_t discarded)
{
	struct destination_row row;

	destination_get(f, destination, &row);
	assert_int_equal(row.pending, pending);
	assert_int_equal(row.held, held);
	assert_int_equal(row.delivered, delivered);
	assert_int_equal(row.dead, dead);
	assert_int_equal(row.discarded, discarded);
	assert_int_equal(row.accepted, pending + held + delivered + dead + discarded);
}

int64_t query(struct fixture *f, const char *sql)
{
	sqlite3 *sqlite;
	sqlite3_stmt *stmt;
	int64_t value;

	assert_int_equal(
		sqlite3_open_v2(f->path, &sqlite, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	sqlite3_db_config(sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	assert_int_equal(sqlite3_prepare_v2(sqlite, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	value = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(sqlite);
	return value;
}

void execute(struct fixture *f, const char *sql)
{
	sqlite3 *sqlite;
	char *text = NULL;

	assert_int_equal(sqlite3_open(f->path, &sqlite), SQLITE_OK);
	if (sqlite3_exec(sqlite, sql, NULL, NULL, &text) != SQLITE_OK)
		fail_msg("%s", text);
	sqlite3_close(sqlite);
}
