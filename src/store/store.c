#include "inside.h"
#include "install.h"
#include "leadrelay/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double commit_bounds[] = {
	0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5};
static const double leads_bounds[] = {
	1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096};

#define WAITING_MAX 20000
#define WAL_CEILING (INT64_C(64) << 20)

static void warn_of_difference(struct store *store, struct err *err)
{
	struct destination_row *rows = NULL;
	size_t count = 0;

	if (read_destinations(store->db, &rows, &count, err) != ERR_OK)
		return;
	for (size_t i = 0; i < count; i++)
		if (destination_difference(&rows[i]) != 0)
			log_error("the accounting has a difference; see leadctl check",
				"destination", rows[i].name, NULL);
	free(rows);
}

/* Who ran before may have died after a sync that failed: then the kernel shows a WAL
 * that the disk has not got, and what is added to it would be lost with it. So it is
 * copied into the file, synced and cut before a job is taken. A full disk or another
 * reader does not keep the relay from starting. */
static enum err_code settle_wal(struct store *store, struct err *err)
{
	enum err_code code = db_checkpoint(store->db, DB_CHECKPOINT_TRUNCATE, NULL, err);

	if (code != ERR_BUSY && (code != ERR_FULL || store->db->broken))
		return code;
	log_warn("the WAL of the last run stays", "cause", err->text, NULL);
	return ERR_OK;
}

static void store_free(struct store *store)
{
	db_close(store->db);
	uv_cond_destroy(&store->answered);
	uv_cond_destroy(&store->arrived);
	uv_mutex_destroy(&store->mutex);
	free(store->path);
	free((char *)store->options.state_dir);
	free((char *)store->options.vfs);
	free(store);
}

static struct store *store_new(const struct store_options *options)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return NULL;
	store->options = *options;
	store->options.state_dir = strdup(options->state_dir);
	store->options.vfs = options->vfs ? strdup(options->vfs) : NULL;
	if (store->options.wal_ceiling <= 0)
		store->options.wal_ceiling = WAL_CEILING;
	if (store->options.max_waiting <= 0)
		store->options.max_waiting = WAITING_MAX;
	if (!store->options.state_dir ||
		asprintf(&store->path, "%s/outbox.db", options->state_dir) < 0)
		store->path = NULL;
	atomic_init(&store->working, true);
	atomic_init(&store->waiting, 0);
	atomic_init(&store->turns, 0);
	store->told_working = true;
	store->figures = (struct store_figures){.commit_s = HISTOGRAM_INIT(commit_bounds),
		.batch_leads = HISTOGRAM_INIT(leads_bounds)};
	if (uv_mutex_init(&store->mutex) != 0 || uv_cond_init(&store->arrived) != 0 ||
		uv_cond_init(&store->answered) != 0)
		abort(); /* only without memory or with a broken libc */
	return store;
}

enum err_code store_open(
	struct store **out, const struct store_options *options, struct err *err)
{
	struct store *store = store_new(options);
	struct db_options db_options;
	char aside[128];
	enum err_code code = ERR_OK;
	struct err mine;

	if (!store)
		return err_set(err, ERR_NOMEM, "opening the store: out of memory");
	if (!store->path || (options->vfs && !store->options.vfs)) {
		store_free(store);
		return err_set(err, ERR_NOMEM, "opening the store: out of memory");
	}
	disk_options(store, true, &db_options);
	if (!options->vfs) /* a VFS has files of its own kind */
		code = install_finish(options->state_dir, aside, sizeof(aside), &mine);
	if (code == ERR_OK)
		code = db_open(&store->db, &db_options, &mine);
	if (code == ERR_OK)
		code = settle_wal(store, &mine);
	if (code == ERR_OK)
		warn_of_difference(store, &mine);
	if (code == ERR_OK && store->db->broken)
		code = mine.code;
	if (code != ERR_OK) {
		store_free(store);
		return err_set(err, code, "%s", mine.text);
	}
	*out = store;
	return ERR_OK;
}

void store_close(struct store *store)
{
	struct err err;

	if (!store)
		return;
	if (store->db)
		db_checkpoint(store->db, DB_CHECKPOINT_TRUNCATE, NULL, &err);
	store_free(store);
}

const char *store_sqlite_version(void)
{
	return sqlite3_libversion();
}

int store_sqlite_number(void)
{
	return sqlite3_libversion_number();
}

bool store_working(const struct store *store)
{
	return atomic_load(&store->working);
}

void store_figures(struct store *store, struct store_figures *out)
{
	uv_mutex_lock(&store->mutex);
	*out = store->figures;
	uv_mutex_unlock(&store->mutex);
}

int64_t store_turns(const struct store *store)
{
	return atomic_load(&store->turns);
}

int64_t store_waiting(const struct store *store)
{
	return atomic_load(&store->waiting);
}
