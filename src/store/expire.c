/* expire: what ages out, a batch at a time: fingerprints past their time and the counts
 * of imports that are over go; what imports left in memory goes into its index. */
#include "contents.h"
#include "job.h"

#include <stdlib.h>
#include <string.h>

struct key {
	int kind;
	int64_t source;
	uint8_t hash[32];
};

static enum err_code read_expired(struct db *db, const struct job_expire *job,
	struct key *keys, int *count, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_EXPIRED);
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, job->now);
	sqlite3_bind_int(stmt, 2, job->max);
	while ((row = db_next(db, stmt, err)) == DB_ROW) {
		struct key *key = &keys[(*count)++];

		key->kind = sqlite3_column_int(stmt, 0);
		key->source = sqlite3_column_int64(stmt, 1);
		if (sqlite3_column_bytes(stmt, 2) == sizeof(key->hash))
			memcpy(key->hash, sqlite3_column_blob(stmt, 2),
				sizeof(key->hash));
	}
	return row == DB_DONE ? ERR_OK : err->code;
}

static enum err_code remove_key(struct db *db, const struct key *key, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_EXPIRE);

	sqlite3_bind_int(stmt, 1, key->kind);
	sqlite3_bind_int64(stmt, 2, key->source);
	db_bind_blob(stmt, 3, key->hash, sizeof(key->hash));
	return db_run(db, stmt, err);
}

static enum err_code expire_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_expire *job = JOB_OF(job_expire, base);
	struct key *keys;
	int count = 0;
	int swept = 0;
	bool unsettled = false;
	enum err_code code;

	if (job->max <= 0 || job->max > 100000)
		return err_set(err, ERR_INVALID, "expiring: max is %d", job->max);
	keys = calloc((size_t)job->max, sizeof(keys[0]));
	if (!keys)
		return err_set(err, ERR_NOMEM, "expiring: out of memory");
	code = read_expired(db, job, keys, &count, err);
	for (int i = 0; i < count && code == ERR_OK; i++)
		code = remove_key(db, &keys[i], err);
	if (code == ERR_OK)
		code = import_sweep(db, job->max, &swept, err);
	if (code == ERR_OK)
		code = contents_settle_all(db, job->max, &unsettled, err);
	job->more = count == job->max || swept == job->max || unsettled;
	free(keys);
	return code;
}

void job_expire_prepare(struct job_expire *job)
{
	job->job.run = expire_run;
	job->job.committed = NULL;
}
