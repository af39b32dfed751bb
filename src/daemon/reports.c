/*
 * Reports, one at a time: a worker reads the figures with a reader of its own, renders
 * them and writes the files; then the store takes the mails and remembers that they were
 * made, in one transaction. A crash between files and store writes the same files again;
 * what fails is tried again every minute.
 */
#include "daemon.h"

#include "reports.h"

#include "leadrelay/fault.h"
#include "leadrelay/log.h"
#include "leadrelay/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_MS (60 * 1000LL)

struct report_state {
	char name[128];
	struct report_made made;
	int64_t again_at;  /* mono: not before this */
	char failure[512]; /* "": none */
	struct report_state *next;
};

struct making {
	struct job_notice job;
	uv_work_t work;
	struct daemon *daemon;
	struct generation *generation; /* held */
	const struct report_settings *settings;
	const struct zone *zone;
	struct report_state *state;
	struct report_due due;
	unsigned left; /* outlets the store does not know of yet */
	enum report_outlet storing;
	struct report_mail mail;
	char outlet_name[128];
	struct err err;      /* figures; nothing was made */
	struct err file_err; /* the folder */
};

struct reports {
	struct report_state *states;
	struct making *making; /* NULL: none */
};

/* ---- on the worker ---- */

static bool stopping(void *daemon)
{
	return daemon_stopping(daemon);
}

static void write_files(struct making *making, const struct report *report)
{
	for (int i = 0; i < REPORT_FORMATS; i++) {
		struct buf bytes = BUF_INIT;
		char name[160];

		if (!(making->settings->formats & 1u << i))
			continue;
		report_render(&bytes, report, (enum report_format)i, making->zone);
		report_file_name(name, sizeof(name), making->settings->name,
			making->due.at, making->zone,
			report_format_extension((enum report_format)i));
		if (!buf_ok(&bytes))
			err_set(&making->file_err, ERR_NOMEM, "out of memory");
		else
			report_file_write(making->settings->directory, name, &bytes,
				&making->file_err);
		buf_finish(&bytes);
		if (making->file_err.code != ERR_OK)
			return;
	}
}

static void make(uv_work_t *work)
{
	struct making *making = work->data;
	struct daemon *daemon = making->daemon;
	struct reader *reader;
	struct report report;

	if (reader_open(&reader, making->generation->config->state_dir, daemon->clock,
		    &making->err) != ERR_OK)
		return;
	reader_stop_when(reader, stopping, daemon);
	if (report_read(&report, reader, making->settings->name, making->due.since,
		    making->due.at, &making->err) == ERR_OK) {
		if (making->due.outlets & 1u << REPORT_INTO_FOLDER)
			write_files(making, &report);
		if (making->due.outlets & 1u << REPORT_BY_MAIL)
			report_mail_make(&making->mail, &report,
				making->settings->formats, making->zone, &making->err);
		report_finish(&report);
	}
	reader_close(reader);
}

/* ---- on the loop ---- */

static void fail(struct making *making, const struct err *err)
{
	struct report_state *state = making->state;

	if (strcmp(state->failure, err->text) != 0)
		log_error("report failed", "report", making->settings->name, "cause",
			err->text, "consequence", "it is tried again every minute",
			"directory", making->settings->directory, NULL);
	snprintf(state->failure, sizeof(state->failure), "%s", err->text);
	state->again_at = clock_mono(making->daemon->clock) + AGAIN_MS;
	alerts_soon(making->daemon);
}

static void making_end(struct making *making)
{
	struct daemon *daemon = making->daemon;

	daemon->reports->making = NULL;
	report_mail_finish(&making->mail);
	generation_release(making->generation);
	free(making);
	daemon_stopped(daemon, UNFINISHED_REPORT);
}

static void store_next(struct making *making);

static void stored(struct store_job *job)
{
	struct making *making = (struct making *)job;
	struct daemon *daemon = making->daemon;
	int64_t mail = making->generation->mail_id;

	if (job->code != ERR_OK) {
		fail(making, &job->err);
		making_end(making);
		return;
	}
	making->state->made.at[making->storing] = making->due.at;
	making->left &= ~(1u << making->storing);
	if (making->job.first_mail && mail && daemon->phase == PHASE_RUNNING)
		relay_fresh(daemon->relay, mail, 0);
	store_next(making);
}

static void fill_mail(struct making *making)
{
	struct job_notice *job = &making->job;
	const struct report_mail *mail = &making->mail;

	job->recipients = (const char *const *)making->settings->to.items;
	job->recipient_count = making->settings->to.count;
	job->subject = buf_str(&mail->subject);
	job->text = buf_str(&mail->text);
	job->html = mail->html.len ? buf_str(&mail->html) : NULL;
	job->attachments = mail->attachments;
	job->attachment_count = mail->attachment_count;
}

/* One outlet after the other; an outlet that only begins has no mail. */
static void store_next(struct making *making)
{
	struct job_notice *job = &making->job;
	struct daemon *daemon = making->daemon;
	struct err err;

	if (!making->left || daemon->phase != PHASE_RUNNING) {
		making_end(making);
		return;
	}
	making->storing =
		making->left & 1u << REPORT_BY_MAIL ? REPORT_BY_MAIL : REPORT_INTO_FOLDER;
	report_outlet_name(making->outlet_name, making->settings->name, making->storing);
	*job = (struct job_notice){.kind = MAIL_REPORT,
		.now = clock_wall(daemon->clock),
		.report = making->outlet_name,
		.due_at = making->due.at};
	if (making->storing == REPORT_BY_MAIL && making->mail.subject.len > 0)
		fill_mail(making);
	job_notice_prepare(job);
	job->job.done = stored;
	if (store_submit(daemon->store, &job->job, &err) == ERR_OK)
		return;
	fail(making, &err);
	making_end(making);
}

static void say_made(const struct making *making)
{
	char at[TIME_TEXT_SIZE];

	log_info("report made", "report", making->settings->name, "due",
		time_text(making->due.at, at), "directory",
		making->left & 1u << REPORT_INTO_FOLDER ? making->settings->directory
							: NULL,
		"mails",
		making->left & 1u << REPORT_BY_MAIL
			? log_num((int64_t)making->settings->to.count,
				  (char[LOG_NUMBER_SIZE]){0})
			: NULL,
		NULL);
}

static void made(uv_work_t *work, int status)
{
	struct making *making = work->data;
	struct daemon *daemon = making->daemon;

	if (status != 0 || daemon->phase != PHASE_RUNNING) {
		making_end(making);
		return;
	}
	if (making->err.code != ERR_OK) {
		fail(making, &making->err);
		making_end(making);
		return;
	}
	if (making->file_err.code != ERR_OK) {
		making->left &= ~(1u << REPORT_INTO_FOLDER);
		fail(making, &making->file_err);
	} else {
		making->state->failure[0] = '\0';
		alerts_soon(daemon);
	}
	FAULT_POINT("report.sent_before_mark");
	if (making->left)
		say_made(making);
	store_next(making);
}

static struct report_state *find_state(const struct reports *reports, const char *name)
{
	struct report_state *state = reports->states;

	while (state && strcmp(state->name, name) != 0)
		state = state->next;
	return state;
}

static struct report_state *state_of(struct reports *reports, const char *name)
{
	struct report_state *state = find_state(reports, name);

	if (state)
		return state;
	state = calloc(1, sizeof(*state));
	if (!state)
		return NULL;
	snprintf(state->name, sizeof(state->name), "%s", name);
	for (int i = 0; i < REPORT_OUTLETS; i++)
		state->made.at[i] = REPORT_NEVER;
	state->next = reports->states;
	reports->states = state;
	return state;
}

static void begin(struct daemon *daemon, const struct report_settings *settings,
	const struct zone *zone, struct report_state *state, const struct report_due *due)
{
	struct making *making = calloc(1, sizeof(*making));

	if (!making)
		return;
	making->work.data = making;
	making->daemon = daemon;
	making->generation = generation_hold(daemon->generation);
	making->settings = settings;
	making->zone = zone;
	making->state = state;
	making->due = *due;
	daemon->reports->making = making;
	daemon->unfinished |= UNFINISHED_REPORT;
	if (due->begin) { /* what is due besides waits for the next tick */
		making->left = due->begin;
		store_next(making);
	} else {
		making->left = due->outlets;
		uv_queue_work(&daemon->loop, &making->work, make, made);
	}
}

void reports_tick(struct daemon *daemon)
{
	const struct config *config = daemon->generation->config;
	struct reports *reports = daemon->reports;
	int64_t mono = clock_mono(daemon->clock);
	int64_t now = clock_wall(daemon->clock);

	for (size_t i = 0; reports && !reports->making && i < config->report_count; i++) {
		const struct report_settings *settings = &config->reports[i];
		const struct zone *zone = daemon->generation->zones[i];
		struct report_state *state = state_of(reports, settings->name);
		struct report_due due;

		if (!state || mono < state->again_at)
			continue;
		due = report_due(settings, zone, &state->made, now);
		if (due.begin || due.outlets)
			begin(daemon, settings, zone, state, &due);
	}
}

const char *reports_failure(const struct daemon *daemon, const char *report)
{
	const struct report_state *state =
		daemon->reports ? find_state(daemon->reports, report) : NULL;

	return state && *state->failure ? state->failure : NULL;
}

/* ---- life ---- */

static void remember(struct reports *reports, const struct report_row *row)
{
	static const char suffix[] = " (directory)";
	size_t len = strlen(row->name), tail = sizeof(suffix) - 1;
	bool folder = len > tail && strcmp(row->name + len - tail, suffix) == 0;
	struct report_state *state;
	char name[128];

	snprintf(name, sizeof(name), "%.*s", (int)(folder ? len - tail : len), row->name);
	state = state_of(reports, name);
	if (state)
		state->made.at[folder ? REPORT_INTO_FOLDER : REPORT_BY_MAIL] =
			row->due_at;
}

void reports_start(struct daemon *daemon, const struct report_row *rows, size_t count)
{
	struct reports *reports = calloc(1, sizeof(*reports));

	if (!reports) {
		log_error("no reports", "cause", "out of memory", NULL);
		return;
	}
	for (size_t i = 0; i < count; i++)
		remember(reports, &rows[i]);
	daemon->reports = reports;
}

void reports_finish(struct daemon *daemon)
{
	struct reports *reports = daemon->reports;

	if (!reports)
		return;
	while (reports->states) {
		struct report_state *state = reports->states;

		reports->states = state->next;
		free(state);
	}
	free(reports);
	daemon->reports = NULL;
}
