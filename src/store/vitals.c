/* vitals: what alerts are about: counters and the ends of indexes, a few rows in all. */
#include "job.h"
#include "leadrelay/mails.h"

#include <stdlib.h>
#include <string.h>

static void take(struct destination_vitals *out, const struct destination_row *row)
{
	*out = (struct destination_vitals){.id = row->id,
		.state = row->health.state,
		.reason = row->health.reason,
		.since = row->health.since,
		.pending = row->pending,
		.held = row->held,
		.dead = row->dead,
		.oldest_pending_at = row->oldest_pending_at};
	memcpy(out->name, row->name, sizeof(out->name));
	memcpy(out->error, row->health.error, sizeof(out->error));
}

static enum err_code read_died(
	struct db *db, struct destination_vitals *vitals, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_DIED);

	sqlite3_bind_int64(stmt, 1, vitals->id);
	return db_int(db, stmt, 0, &vitals->died, err);
}

static enum err_code take_all(struct db *db, struct job_vitals *job,
	const struct destination_row *rows, size_t count, struct err *err)
{
	enum err_code code = ERR_OK;

	job->destinations = calloc(count + 1, sizeof(job->destinations[0]));
	if (!job->destinations)
		return err_set(err, ERR_NOMEM, "reading vitals: out of memory");
	for (size_t i = 0; i < count && code == ERR_OK; i++) {
		const struct destination_row *row = &rows[i];

		take(&job->destinations[job->destination_count], row);
		code = read_died(db, &job->destinations[job->destination_count++], err);
		if (!destination_is_mail(row))
			job->difference += destination_difference(row);
	}
	return code;
}

static enum err_code vitals_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_vitals *job = JOB_OF(job_vitals, base);
	struct destination_row *rows = NULL;
	size_t count = 0;
	enum err_code code;

	job_vitals_finish(job);
	code = db_write_tally(db, err);
	if (code == ERR_OK)
		code = read_destinations(db, &rows, &count, err);
	if (code == ERR_OK)
		code = take_all(db, job, rows, count, err);
	free(rows);
	if (code == ERR_OK)
		code = db_int(
			db, db_stmt(db, SQL_QUARANTINES), 0, &job->quarantined, err);
	if (code == ERR_OK)
		code = db_int(
			db, db_stmt(db, SQL_LAST_LEAD_AT), 0, &job->last_lead_at, err);
	return code;
}

void job_vitals_prepare(struct job_vitals *job)
{
	job->job.run = vitals_run;
	job->job.committed = NULL;
}

void job_vitals_finish(struct job_vitals *job)
{
	free(job->destinations);
	job->destinations = NULL;
	job->destination_count = 0;
	job->difference = 0;
}
