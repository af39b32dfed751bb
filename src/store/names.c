/*
 * names: the sources and destinations of the configuration, and all that were once in it.
 * Rows are never removed: leads and counters refer to them.
 */
#include "leadrelay/reader.h"
#include "mailing.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum err_code put_source(struct db *db, struct store_name *name, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_SOURCE_PUT);

	db_bind_text(stmt, 1, name->name);
	return db_int(db, stmt, 0, &name->id, err);
}

static enum err_code put_destination(
	struct db *db, struct store_name *name, int64_t now, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_DESTINATION_PUT);

	db_bind_text(stmt, 1, name->name);
	db_bind_text(stmt, 2, name->kind ? name->kind : "");
	sqlite3_bind_int(stmt, 3, name->keeps_key);
	sqlite3_bind_int64(stmt, 4, now);
	return db_int(db, stmt, 0, &name->id, err);
}

static enum err_code put_names(struct db *db, struct job_names *job, struct err *err)
{
	enum err_code code = db_run(db, db_stmt(db, SQL_SOURCES_UNSET), err);

	if (code == ERR_OK)
		code = db_run(db, db_stmt(db, SQL_DESTINATIONS_UNSET), err);
	for (size_t i = 0; i < job->source_count && code == ERR_OK; i++)
		code = put_source(db, &job->sources[i], err);
	for (size_t i = 0; i < job->destination_count && code == ERR_OK; i++)
		code = put_destination(db, &job->destinations[i], job->now, err);
	return code;
}

static enum err_code configure_mail(struct db *db, struct job_names *job, struct err *err)
{
	sqlite3_stmt *stmt;
	enum err_code code;

	if (!job->mail)
		return mail_destination(db, &job->mail_destination, err);
	code = mail_destination_made(db, job->now, &job->mail_destination, err);
	if (code != ERR_OK)
		return code;
	stmt = db_stmt(db, SQL_MAIL_CONFIGURE);
	sqlite3_bind_int64(stmt, 1, job->mail_destination);
	return db_run_one(db, stmt, err);
}

/* ---- all rows ---- */

bool destination_is_mail(const struct destination_row *row)
{
	return strcmp(row->name, MAIL_DESTINATION) == 0;
}

int64_t destination_difference(const struct destination_row *row)
{
	return row->accepted - row->pending - row->held - row->delivered - row->dead -
	       row->discarded;
}

static void read_destination(sqlite3_stmt *stmt, struct destination_row *row)
{
	row->id = sqlite3_column_int64(stmt, 0);
	db_copy_text(stmt, 1, row->name, sizeof(row->name));
	db_copy_text(stmt, 2, row->kind, sizeof(row->kind));
	row->configured = sqlite3_column_int(stmt, 3) != 0;
	row->keeps_key = sqlite3_column_int(stmt, 4) != 0;
	row->accepted = sqlite3_column_int64(stmt, 5);
	row->pending = sqlite3_column_int64(stmt, 6);
	row->held = sqlite3_column_int64(stmt, 7);
	row->delivered = sqlite3_column_int64(stmt, 8);
	row->dead = sqlite3_column_int64(stmt, 9);
	row->discarded = sqlite3_column_int64(stmt, 10);
	db_read_health(stmt, 11, &row->health);
}

static enum err_code oldest_pending(
	struct db *db, struct destination_row *row, struct err *err)
{
	bool mail = destination_is_mail(row);
	sqlite3_stmt *stmt = db_stmt(db, mail ? SQL_MAIL_OLDEST : SQL_OLDEST_PENDING);

	if (!mail)
		sqlite3_bind_int64(stmt, 1, row->id);
	return db_int(db, stmt, 0, &row->oldest_pending_at, err);
}

enum err_code read_destinations(
	struct db *db, struct destination_row **out, size_t *count_out, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_DESTINATIONS);
	struct destination_row *rows = NULL;
	size_t count = 0;
	enum err_code code = ERR_OK;
	enum db_row row;

	while ((row = db_next(db, stmt, err)) == DB_ROW) {
		struct destination_row *more =
			realloc(rows, (count + 1) * sizeof(rows[0]));

		if (!more) {
			sqlite3_reset(stmt);
			code = err_set(err, ERR_NOMEM, "reading rows: out of memory");
			goto fail;
		}
		rows = more;
		memset(&rows[count], 0, sizeof(rows[count]));
		read_destination(stmt, &rows[count++]);
	}
	if (row == DB_ERROR)
		code = err->code;
	for (size_t i = 0; i < count && code == ERR_OK; i++)
		code = oldest_pending(db, &rows[i], err);
	if (code != ERR_OK)
		goto fail;
	*out = rows;
	*count_out = count;
	return ERR_OK;
fail:
	free(rows);
	return code;
}

static void read_source(sqlite3_stmt *stmt, struct source_row *row)
{
	*row = (struct source_row){.id = sqlite3_column_int64(stmt, 0),
		.configured = sqlite3_column_int(stmt, 2) != 0,
		.accepted = sqlite3_column_int64(stmt, 3),
		.duplicates = sqlite3_column_int64(stmt, 4),
		.quarantined = sqlite3_column_int64(stmt, 5),
		.rejected = sqlite3_column_int64(stmt, 6),
		.test = sqlite3_column_int64(stmt, 7),
		.requests = sqlite3_column_int64(stmt, 8),
		.last_at = sqlite3_column_int64(stmt, 9)};
	db_copy_text(stmt, 1, row->name, sizeof(row->name));
}

enum err_code read_sources(
	struct db *db, struct source_row **out, size_t *count_out, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_SOURCES);
	struct source_row *rows = NULL;
	size_t count = 0;
	enum db_row row;

	while ((row = db_next(db, stmt, err)) == DB_ROW) {
		struct source_row *more = realloc(rows, (count + 1) * sizeof(rows[0]));

		if (!more) {
			sqlite3_reset(stmt);
			free(rows);
			return err_set(err, ERR_NOMEM, "reading rows: out of memory");
		}
		rows = more;
		read_source(stmt, &rows[count++]);
	}
	if (row == DB_ERROR) {
		free(rows);
		return err->code;
	}
	*out = rows;
	*count_out = count;
	return ERR_OK;
}

/* ---- those that went, and those that came back ---- */

static bool parked_as_removed(const struct health *health)
{
	return health->state == HEALTH_PARKED && health->reason == REASON_REMOVED;
}

static void park_as_removed(struct health *health, const char *what, int64_t now)
{
	health->open_ms = health_open_ms(health, now);
	health->state = HEALTH_PARKED;
	health->reason = REASON_REMOVED;
	health->since = now;
	health->next_at = INT64_MAX;
	health->probe_passed = false;
	health->asks_itself = false;
	health->forbidden_delivery = 0;
	snprintf(health->error, sizeof(health->error),
		"it is no longer in the configuration and has %s waiting", what);
}

static void bring_back(struct health *health, int64_t now)
{
	*health = (struct health){.state = HEALTH_OPEN,
		.since = now,
		.open_ms = health_open_ms(health, now)};
}

static enum err_code note_removed(
	struct job_names *job, const char *name, struct err *err)
{
	char(*removed)[128] =
		realloc(job->removed, (job->removed_count + 1) * sizeof(removed[0]));

	if (!removed)
		return err_set(err, ERR_NOMEM, "names: out of memory");
	job->removed = removed;
	snprintf(removed[job->removed_count++], sizeof(removed[0]), "%s", name);
	return ERR_OK;
}

static enum err_code review(struct db *db, struct job_names *job,
	struct destination_row *row, struct err *err)
{
	bool removed = !row->configured && row->pending + row->held > 0;
	bool mail = destination_is_mail(row);
	enum err_code code = ERR_OK;

	if (removed && !mail)
		code = note_removed(job, row->name, err);
	if (code != ERR_OK || removed == parked_as_removed(&row->health))
		return code;
	if (removed)
		park_as_removed(&row->health, mail ? "mails" : "leads", job->now);
	else if (row->configured)
		bring_back(&row->health, job->now);
	else
		return ERR_OK;
	return db_put_health(db, row->id, &row->health, err);
}

static bool unusable(const struct store_name *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!names || !names[i].name || strlen(names[i].name) == 0 ||
			strlen(names[i].name) >= 128 ||
			strcmp(names[i].name, MAIL_DESTINATION) == 0)
			return true;
	return false;
}

static enum err_code names_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_names *job = JOB_OF(job_names, base);
	struct destination_row *rows = NULL;
	size_t count = 0;
	enum err_code code;

	job_names_finish(job);
	if (unusable(job->sources, job->source_count) ||
		unusable(job->destinations, job->destination_count))
		return err_set(err, ERR_INVALID,
			"names: a source or destination needs a name of 1 to 127 bytes");
	db->known_count = 0;
	code = db_write_tally(db, err);
	if (code == ERR_OK)
		code = put_names(db, job, err);
	if (code == ERR_OK)
		code = configure_mail(db, job, err);
	if (code == ERR_OK)
		code = read_destinations(db, &rows, &count, err);
	for (size_t i = 0; i < count && code == ERR_OK; i++)
		code = review(db, job, &rows[i], err);
	free(rows);
	return code;
}

void job_names_prepare(struct job_names *job)
{
	job->job.run = names_run;
	job->job.committed = NULL;
}

void job_names_finish(struct job_names *job)
{
	free(job->removed);
	job->removed = NULL;
	job->removed_count = 0;
}

static enum err_code destinations_run(
	struct store_job *base, struct db *db, struct err *err)
{
	struct job_destinations *job = JOB_OF(job_destinations, base);
	enum err_code code;

	job_destinations_finish(job);
	code = db_write_tally(db, err);
	if (code == ERR_OK)
		code = read_destinations(db, &job->rows, &job->count, err);
	return code;
}

void job_destinations_prepare(struct job_destinations *job)
{
	job->job.run = destinations_run;
	job->job.committed = NULL;
}

void job_destinations_finish(struct job_destinations *job)
{
	free(job->rows);
	job->rows = NULL;
	job->count = 0;
}
