/*
 * disk: when it says no, and how the store comes back; checkpoints.
 *
 * A storage error fails the batch and all that waits; then the store refuses, closes the
 * connection, and opens it anew every 100 ms to 1 s. After a failed sync the kernel may
 * call pages clean that never reached the disk: so the WAL must be copied into the
 * database file and cut to nothing, and a marker row committed, before a job is taken.
 */
#include "inside.h"
#include "leadrelay/fault.h"
#include "leadrelay/log.h"

#define WAL_PAGE_BYTES (4096 + 24)
#define PAGES_IDLE 1000 /* a checkpoint when nothing waits */
#define PAGES_BUSY 4000 /* a checkpoint even so */
#define REOPEN_FIRST_MS 100
#define REOPEN_LONGEST_MS 1000
#define STEADY_MS 10000 /* working for so long: the next failure is a new one */

/* ---- failing, and coming back ---- */

static void wait_longer(struct store *store)
{
	store->reopen_ms *= 2;
	if (store->reopen_ms > REOPEN_LONGEST_MS)
		store->reopen_ms = REOPEN_LONGEST_MS;
}

/* A full disk has room for a marker, then for nothing: that comes and goes slowly. */
static void set_wait(struct store *store)
{
	int64_t now = clock_mono(store->options.clock);

	if (store->reopen_ms > 0 && now - store->reopened_at < STEADY_MS)
		wait_longer(store);
	else
		store->reopen_ms = REOPEN_FIRST_MS;
}

void disk_failed(struct store *store, const struct err *err)
{
	if (store->db)
		store->db->broken = true;
	db_close(store->db);
	store->db = NULL;
	store->failed_with = err->code;
	store->failed_again_with = err->code;
	set_wait(store);
	log_error("store failing: leads are refused until it can be written again",
		"error", err->text, NULL);
	uv_mutex_lock(&store->mutex);
	err_set(&store->failure, err->code,
		"the store cannot be written: %s; see to the disk under %s, it is tried again"
		" every second",
		err->text, store->options.state_dir);
	atomic_store(&store->working, false);
	uv_mutex_unlock(&store->mutex);
}

static enum err_code put_marker(struct store *store, struct db *db, struct err *err)
{
	sqlite3_stmt *stmt;
	enum err_code code = db_begin(db, err);

	if (code != ERR_OK)
		return code;
	stmt = db_stmt(db, SQL_META_PUT);
	db_bind_text(stmt, 1, "marker");
	sqlite3_bind_int64(stmt, 2, clock_wall(store->options.clock));
	code = db_run(db, stmt, err);
	if (code == ERR_OK)
		code = db_commit(db, err);
	if (code != ERR_OK)
		db_rollback(db);
	return code;
}

/* After a full disk the WAL holds nothing that was called written and is not. */
static enum err_code trust_again(struct store *store, struct db *db, struct err *err)
{
	enum err_code code = db_checkpoint(db, DB_CHECKPOINT_TRUNCATE, NULL, err);

	if (code != ERR_OK && (store->failed_with != ERR_FULL || db->broken))
		return code;
	return put_marker(store, db, err);
}

void disk_options(const struct store *store, bool create, struct db_options *out)
{
	*out = (struct db_options){.path = store->path,
		.vfs = store->options.vfs,
		.clock = store->options.clock,
		.create = create,
		.wal_limit = store->options.wal_ceiling};
}

/* Once per cause, not once per try. */
static void note_still_failing(struct store *store, const struct err *err)
{
	if (err->code == store->failed_again_with)
		return;
	store->failed_again_with = err->code;
	log_warn("store still failing", "error", err->text, NULL);
}

bool disk_reopen(struct store *store)
{
	struct db_options options;
	struct db *db = NULL;
	enum err_code code;
	struct err err;

	disk_options(store, false, &options);
	code = db_open(&db, &options, &err);
	if (code == ERR_OK)
		code = trust_again(store, db, &err);
	if (code != ERR_OK) {
		if (db)
			db->broken = true;
		db_close(db);
		note_still_failing(store, &err);
		wait_longer(store);
		return false;
	}
	store->db = db;
	store->reopened_at = clock_mono(store->options.clock);
	store->checkpointed = 0;
	store->left_out = false;
	log_info("store working again", NULL);
	uv_mutex_lock(&store->mutex);
	atomic_store(&store->working, true);
	uv_mutex_unlock(&store->mutex);
	return true;
}

/* ---- checkpoints ---- */

static int pages_to_copy(const struct store *store)
{
	return store->db->wal_pages - store->checkpointed;
}

static void warn_of_size(struct store *store)
{
	int64_t bytes = (int64_t)store->db->wal_pages * WAL_PAGE_BYTES;
	int64_t limit = store->warned_bytes ? 2 * store->warned_bytes
					    : store->options.wal_ceiling;
	char number[LOG_NUMBER_SIZE];

	if (!store->left_out) {
		store->warned_bytes = 0;
	} else if (bytes > limit) {
		log_warn(
			"the WAL grows: another program reads the store and does not end",
			"bytes", log_num(bytes, number), NULL);
		store->warned_bytes = bytes;
	}
}

void disk_checkpoint(struct store *store)
{
	int left_out = 0;
	enum err_code code;
	struct err err;

	FAULT_POINT("ckpt.start");
	code = db_checkpoint(store->db, DB_CHECKPOINT_PASSIVE, &left_out, &err);
	store->checkpointed = store->db->wal_pages;
	store->left_out = code != ERR_OK || left_out > 0;
	if (code != ERR_OK && store->db->broken)
		disk_failed(store, &err);
	else
		warn_of_size(store);
}

bool disk_checkpoint_due(const struct store *store, bool idle)
{
	int64_t ceiling = store->options.wal_ceiling / WAL_PAGE_BYTES;
	int busy = ceiling < PAGES_BUSY ? (int)ceiling : PAGES_BUSY;

	return store->db && pages_to_copy(store) >= (idle ? PAGES_IDLE : busy);
}
