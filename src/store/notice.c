/*
 * notice: alerts and reports: their words once, a mail per recipient, and the row that
 * makes each happen once, in one transaction.
 *
 * A crash before the commit leaves neither row nor mail: the daemon sees the same
 * condition, or the same report due, and asks again. One after it leaves both: asked
 * again, it is no news.
 */
#include "mailing.h"

#include <stdlib.h>
#include <string.h>

/* ---- what makes it once ---- */

static enum err_code read_alert(
	struct db *db, const char *key, bool *raised, int64_t *told, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_ALERT_GET);
	enum db_row row;

	db_bind_text(stmt, 1, key);
	row = db_next(db, stmt, err);
	*raised = row == DB_ROW;
	*told = row == DB_ROW ? sqlite3_column_int64(stmt, 0) : 0;
	if (row == DB_ROW)
		sqlite3_reset(stmt);
	return row == DB_ERROR ? err->code : ERR_OK;
}

static enum err_code note_alert(
	struct db *db, const struct job_notice *job, bool *news, struct err *err)
{
	sqlite3_stmt *stmt;
	bool raised;
	int64_t told;
	enum err_code code = read_alert(db, job->key, &raised, &told, err);

	if (code != ERR_OK)
		return code;
	*news = job->raise ? !raised || told != job->told : raised;
	if (!*news)
		return ERR_OK;
	stmt = db_stmt(db, job->raise ? SQL_ALERT_PUT : SQL_ALERT_END);
	db_bind_text(stmt, 1, job->key);
	if (job->raise) {
		sqlite3_bind_int64(stmt, 2, job->now);
		sqlite3_bind_int64(stmt, 3, job->told);
	}
	return db_run(db, stmt, err);
}

static enum err_code note_report(
	struct db *db, const struct job_notice *job, bool *news, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_REPORT_PUT);
	enum err_code code;

	db_bind_text(stmt, 1, job->report);
	sqlite3_bind_int64(stmt, 2, job->due_at);
	code = db_run(db, stmt, err);
	*news = code == ERR_OK && sqlite3_changes(db->sqlite) == 1;
	return code;
}

/* ---- its words ---- */

static enum err_code add_attachment(struct db *db, int64_t notice, int n,
	const struct mail_attachment *attachment, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_ATTACHMENT_ADD);

	sqlite3_bind_int64(stmt, 1, notice);
	sqlite3_bind_int(stmt, 2, n);
	db_bind_text(stmt, 3, attachment->type);
	db_bind_text(stmt, 4, attachment->name);
	db_bind_text(stmt, 5, attachment->content_id);
	db_bind_blob(stmt, 6, attachment->bytes, attachment->len);
	db->bytes += attachment->len;
	return db_run(db, stmt, err);
}

static enum err_code add_words(
	struct db *db, const struct job_notice *job, int64_t *notice, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_NOTICE_ADD);
	enum err_code code;

	sqlite3_bind_int64(stmt, 1, job->now);
	db_bind_text(stmt, 2, job->subject);
	db_bind_text(stmt, 3, job->text);
	db_bind_text(stmt, 4, job->html);
	code = db_run(db, stmt, err);
	if (code == ERR_OK)
		*notice = sqlite3_last_insert_rowid(db->sqlite);
	for (size_t i = 0; i < job->attachment_count && code == ERR_OK; i++)
		code = add_attachment(db, *notice, (int)i + 1, &job->attachments[i], err);
	return code;
}

static enum err_code add_mails(struct db *db, struct job_notice *job, struct err *err)
{
	struct new_mail mail = {.kind = job->kind, .now = job->now};
	enum err_code code;

	if (job->recipient_count == 0)
		return ERR_OK;
	code = add_words(db, job, &mail.notice, err);
	for (size_t i = 0; i < job->recipient_count && code == ERR_OK; i++) {
		int64_t id = 0;

		mail.contact = job->recipients[i];
		code = mail_add(db, &mail, &id, err);
		if (i == 0)
			job->first_mail = id;
	}
	return code == ERR_OK ? ERR_OK : err_wrap(err, "storing a notice");
}

/* ---- the job ---- */

static bool unusable(const struct job_notice *job)
{
	if (job->kind != MAIL_ALERT && job->kind != MAIL_REPORT)
		return true;
	if (job->recipient_count > 0 && (!job->recipients || !job->subject || !job->text))
		return true;
	for (size_t i = 0; i < job->attachment_count; i++)
		if (!job->attachments[i].type)
			return true;
	return job->key && strlen(job->key) >= sizeof(((struct alert_row *)0)->key);
}

static enum err_code notice_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_notice *job = JOB_OF(job_notice, base);
	bool news = true;
	enum err_code code = ERR_OK;

	job->sent = false;
	job->first_mail = 0;
	if (unusable(job))
		return err_set(err, ERR_INVALID, "storing a notice: incomplete job");
	if (job->key)
		code = note_alert(db, job, &news, err);
	if (code == ERR_OK && news && job->report)
		code = note_report(db, job, &news, err);
	if (code == ERR_OK && news)
		code = add_mails(db, job, err);
	job->sent = code == ERR_OK && news;
	return code;
}

void job_notice_prepare(struct job_notice *job)
{
	job->job.run = notice_run;
	job->job.committed = NULL;
}

/* ---- all that is raised, all that was made ---- */

static enum err_code read_alerts(struct db *db, struct job_alerts *job, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_ALERTS);
	enum db_row row;

	while ((row = db_next(db, stmt, err)) == DB_ROW) {
		struct alert_row *more =
			realloc(job->alerts, (job->alert_count + 1) * sizeof(more[0]));

		if (!more) {
			sqlite3_reset(stmt);
			return err_set(err, ERR_NOMEM, "reading alerts: out of memory");
		}
		job->alerts = more;
		more += job->alert_count++;
		*more = (struct alert_row){.since = sqlite3_column_int64(stmt, 1),
			.told = sqlite3_column_int64(stmt, 2)};
		db_copy_text(stmt, 0, more->key, sizeof(more->key));
	}
	return row == DB_ERROR ? err->code : ERR_OK;
}

static enum err_code read_reports(struct db *db, struct job_alerts *job, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_REPORTS);
	enum db_row row;

	while ((row = db_next(db, stmt, err)) == DB_ROW) {
		struct report_row *more =
			realloc(job->reports, (job->report_count + 1) * sizeof(more[0]));

		if (!more) {
			sqlite3_reset(stmt);
			return err_set(err, ERR_NOMEM, "reading reports: out of memory");
		}
		job->reports = more;
		more += job->report_count++;
		*more = (struct report_row){.due_at = sqlite3_column_int64(stmt, 1)};
		db_copy_text(stmt, 0, more->name, sizeof(more->name));
	}
	return row == DB_ERROR ? err->code : ERR_OK;
}

static enum err_code alerts_run(struct store_job *base, struct db *db, struct err *err)
{
	struct job_alerts *job = JOB_OF(job_alerts, base);
	enum err_code code;

	job_alerts_finish(job);
	code = read_alerts(db, job, err);
	return code == ERR_OK ? read_reports(db, job, err) : code;
}

void job_alerts_prepare(struct job_alerts *job)
{
	job->job.run = alerts_run;
	job->job.committed = NULL;
}

void job_alerts_finish(struct job_alerts *job)
{
	free(job->alerts);
	free(job->reports);
	job->alerts = NULL;
	job->reports = NULL;
	job->alert_count = job->report_count = 0;
}
