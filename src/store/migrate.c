/*
 * Each step runs in a transaction of its own together with the version it reaches: a
 * crash leaves the schema before or after it, and the next start goes on from there.
 */
#include "migrate.h"

#include "db.h"
#include "leadrelay/fault.h"
#include "leadrelay/log.h"
#include "leadrelay/store.h"

#include <inttypes.h>
#include <stdio.h>

int store_schema_newest(void)
{
	return migrations[migration_count - 1].version;
}

static enum err_code read_version(struct db *db, int64_t *out, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	enum err_code code;

	sqlite3_prepare_v2(db->sqlite, "PRAGMA user_version", -1, &stmt, NULL);
	code = db_int(db, stmt, 0, out, err);
	sqlite3_finalize(stmt);
	return code;
}

static enum err_code run_step(
	struct db *db, const struct migration *migration, struct err *err)
{
	char stamp[128];
	enum err_code code;

	snprintf(stamp, sizeof(stamp),
		"PRAGMA user_version = %d; PRAGMA application_id = %d",
		migration->version, DB_APPLICATION_ID);
	code = db_begin(db, err);
	if (code != ERR_OK)
		return code;
	code = db_exec(db, migration->sql, err);
	if (code == ERR_OK)
		code = db_exec(db, stamp, err);
	FAULT_POINT("migrate.step_n");
	if (code == ERR_OK)
		code = db_exec(db, "COMMIT", err);
	if (code != ERR_OK)
		db_rollback(db);
	return code;
}

/* A schema from the future is nobody's to touch, nor to misread. */
static enum err_code known_version(struct db *db, int64_t *version_out, struct err *err)
{
	int newest = migrations[migration_count - 1].version;
	int64_t version;
	enum err_code code = read_version(db, &version, err);

	if (code != ERR_OK)
		return code;
	*version_out = version;
	if (version > newest)
		return err_set(err, ERR_INVALID,
			"its schema is %" PRId64
			" and this leadrelay knows no more than %d; nothing was"
			" changed. Run the newer leadrelay again, or restore a backup made before it",
			version, newest);
	return ERR_OK;
}

enum err_code migrate_check(struct db *db, struct err *err)
{
	int64_t version;
	enum err_code code = known_version(db, &version, err);

	if (code == ERR_OK && version < migrations[migration_count - 1].version)
		code = err_set(err, ERR_INVALID,
			"its schema is older than this leadrelay: restart leadrelayd first");
	return code;
}

enum err_code migrate(struct db *db, struct err *err)
{
	int64_t version;
	enum err_code code = known_version(db, &version, err);

	if (code != ERR_OK)
		return code;
	if (version == 0) /* before the first table, or it costs a rewrite */
		code = db_exec(db, "PRAGMA journal_mode = WAL", err);
	for (size_t i = 0; i < migration_count && code == ERR_OK; i++) {
		if (migrations[i].version <= version)
			continue;
		code = run_step(db, &migrations[i], err);
		if (code != ERR_OK)
			return err_wrap(err, "migrating with %s", migrations[i].name);
		log_info("schema migrated", "step", migrations[i].name, NULL);
	}
	return code;
}
