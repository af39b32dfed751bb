#include "leadrelay/counters.h"

#include "job.h"

#include <stdlib.h>
#include <sys/stat.h>

static int64_t size_of(const char *path)
{
	struct stat status;

	return path && *path && stat(path, &status) == 0 ? status.st_size : 0;
}

static void measure_files(struct db *db, struct job_counters *job)
{
	const char *path = sqlite3_db_filename(db->sqlite, "main");

	job->file_bytes = size_of(path);
	job->wal_bytes = path && *path ? size_of(sqlite3_filename_wal(path)) : 0;
}

static enum err_code read_notifications(
	struct db *db, struct job_counters *job, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_NOTIFICATION_COUNTS);
	enum db_row row = db_next(db, stmt, err);

	if (row == DB_ROW) {
		job->notifications_pending = sqlite3_column_int64(stmt, 0);
		job->notifications_sent = sqlite3_column_int64(stmt, 1);
		job->notifications_dead = sqlite3_column_int64(stmt, 2);
		sqlite3_reset(stmt);
	}
	return row == DB_ERROR ? err->code : ERR_OK;
}

static void add_up(struct job_counters *job)
{
	for (size_t i = 0; i < job->destination_count; i++) {
		const struct destination_row *row = &job->destinations[i];

		if (!destination_is_mail(row))
			job->difference += destination_difference(row);
	}
}

static enum err_code counters_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_counters *job = JOB_OF(job_counters, base);
	enum err_code code;

	job_counters_finish(job);
	code = db_write_tally(db, err);
	if (code == ERR_OK)
		code = read_destinations(
			db, &job->destinations, &job->destination_count, err);
	if (code == ERR_OK)
		code = read_sources(db, &job->sources, &job->source_count, err);
	if (code == ERR_OK)
		code = read_notifications(db, job, err);
	if (code == ERR_OK)
		code = db_int(
			db, db_stmt(db, SQL_QUARANTINED), 0, &job->quarantined, err);
	if (code != ERR_OK)
		return code;
	add_up(job);
	measure_files(db, job);
	return ERR_OK;
}

void job_counters_prepare(struct job_counters *job)
{
	job->job.run = counters_run;
	job->job.committed = NULL;
}

void job_counters_finish(struct job_counters *job)
{
	free(job->destinations);
	free(job->sources);
	job->destinations = NULL;
	job->sources = NULL;
	job->destination_count = job->source_count = 0;
	job->difference = 0;
}
