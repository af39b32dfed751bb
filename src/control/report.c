/*
 * report: the figures of a configured report's last full period, or of any period; shown
 * in one of its formats, or queued as mails to those the report goes to.
 */
#include "room.h"

#include "leadrelay/config.h"
#include "leadrelay/json.h"
#include "leadrelay/mails.h"
#include "leadrelay/report.h"
#include "leadrelay/schedule.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_SPAN_MS (24 * 3600 * 1000LL)

struct wanted {                                 /* a request, understood */
	const struct report_settings *settings; /* NULL: any period */
	struct zone *zone;                      /* NULL: UTC */
	int64_t since, until;
	enum report_format format;
	bool send;
};

/* ---- the request ---- */

enum err_code check_report(const cJSON *request, int64_t now, struct err *err)
{
	const char *format = json_string(request, "format");
	const char *name = json_string(request, "name");
	bool send = json_bool(request, "send", false);
	struct filter filter;

	if (filter_parse(request, now, &filter, err) != ERR_OK)
		return err->code;
	if (format && report_format_find(format) < 0)
		return err_set(err, ERR_INVALID,
			"format: there is no format \"%s\"; text, html, csv or json",
			format);
	if (name && (filter.selection.since || filter.selection.until))
		return err_set(err, ERR_INVALID,
			"report: a configured report has its own period; give its name, or "
			"--since and --until");
	if (send && !name)
		return err_set(err, ERR_INVALID,
			"report --send: which one? a configured report's `to` says who gets "
			"it");
	if (send && format)
		return err_set(err, ERR_INVALID,
			"report --send: the report's own `formats` say what is sent; leave "
			"--format out");
	return ERR_OK;
}

static const struct report_settings *find_report(
	const struct config *config, const char *name)
{
	for (size_t i = 0; config && i < config->report_count; i++)
		if (strcasecmp(config->reports[i].name, name) == 0)
			return &config->reports[i];
	return NULL;
}

/* The last period that is over. */
static enum err_code want_configured(
	struct run *run, const char *name, struct wanted *out, struct err *err)
{
	struct schedule schedule;
	struct period period;

	if (!run->control->config)
		return err_set(err, ERR_CONFIG,
			"report %s: the configuration is bad, so nobody knows its period; "
			"`leadctl config check`",
			name);
	out->settings = find_report(run->control->config, name);
	if (!out->settings)
		return err_set(err, ERR_NOT_FOUND,
			"there is no report \"%s\" in the configuration (reports:)",
			name);
	if (out->send && out->settings->to.count == 0)
		return err_set(err, ERR_INVALID,
			"report %s goes into a directory only: there is no `to` to send it to",
			name);
	if (zone_load(&out->zone, NULL, out->settings->timezone, err) != ERR_OK)
		return err_wrap(err, "report %s", name);
	schedule = (struct schedule){.every = (enum schedule_every)out->settings->every,
		.at_minute = out->settings->at_minute,
		.zone = out->zone};
	period = schedule_period(&schedule, schedule_last(&schedule, run->now));
	out->since = period.since;
	out->until = period.until;
	return ERR_OK;
}

static enum err_code want_period(struct run *run, struct wanted *out, struct err *err)
{
	struct filter filter;

	if (filter_parse(run->request, run->now, &filter, err) != ERR_OK)
		return err->code;
	out->until = filter.selection.until ? filter.selection.until : run->now;
	out->since = filter.selection.since ? filter.selection.since
					    : out->until - DEFAULT_SPAN_MS;
	if (out->since >= out->until)
		return err_set(err, ERR_INVALID,
			"report: --since must lie before --until (now, when it is not "
			"given)");
	return ERR_OK;
}

static enum err_code understand(struct run *run, struct wanted *out, struct err *err)
{
	const char *name = json_string(run->request, "name");
	const char *format = json_string(run->request, "format");

	*out = (struct wanted){.send = json_bool(run->request, "send", false)};
	if (format)
		out->format = (enum report_format)report_format_find(format);
	return name ? want_configured(run, name, out, err) : want_period(run, out, err);
}

/* ---- showing it ---- */

static void show_report(
	struct run *run, const struct wanted *wanted, const struct report *report)
{
	struct buf text = BUF_INIT;
	cJSON *done = NULL;
	struct err err;

	report_render(&text, report, wanted->format, wanted->zone);
	if (wanted->format == REPORT_JSON) {
		done = cJSON_Parse(buf_str(&text));
	} else if (buf_ok(&text)) {
		done = cJSON_CreateObject();
		json_add_text(done, "text", buf_str(&text));
	}
	if (done) {
		answer_done(run, done);
	} else {
		err_set(&err, ERR_NOMEM, "writing the report: out of memory");
		answer_error(run, &err);
	}
	buf_finish(&text);
}

/* ---- sending it ---- */

/* Besides those that are due: nothing is remembered of it. */
static enum err_code queue_report(struct run *run, const struct report_settings *settings,
	const struct report_mail *mail, struct err *err)
{
	struct job_notice job = {.kind = MAIL_REPORT,
		.recipients = (const char *const *)settings->to.items,
		.recipient_count = settings->to.count,
		.subject = buf_str(&mail->subject),
		.text = buf_str(&mail->text),
		.html = mail->html.len ? buf_str(&mail->html) : NULL,
		.attachments = mail->attachments,
		.attachment_count = mail->attachment_count,
		.now = run->now};

	job_notice_prepare(&job);
	return store_call(run->control->store, &job.job, err);
}

static void send_report(
	struct run *run, const struct wanted *wanted, const struct report *report)
{
	const struct report_settings *settings = wanted->settings;
	struct report_mail mail;
	enum err_code code;
	struct err err;
	cJSON *done;

	code = report_mail_make(&mail, report, settings->formats, wanted->zone, &err);
	if (code == ERR_OK)
		code = queue_report(run, settings, &mail, &err);
	if (code == ERR_OK) {
		mails_changed(run);
		done = cJSON_CreateObject();
		json_add_text(done, "name", settings->name);
		json_add_text(done, "subject", buf_str(&mail.subject));
		json_add_int(done, "queued", (int64_t)settings->to.count);
		answer_done(run, done);
	} else {
		answer_error(run, &err);
	}
	report_mail_finish(&mail);
}

void run_report(struct run *run)
{
	struct report report;
	struct wanted wanted;
	enum err_code code;
	struct err err;
	bool stopped;

	code = understand(run, &wanted, &err);
	if (code == ERR_OK) {
		run_read_long(run);
		code = report_read(&report, run->control->reader,
			wanted.settings ? wanted.settings->name : NULL, wanted.since,
			wanted.until, &err);
		stopped = run_was_stopped(run, code);
		if (stopped)
			answer_paused(run, cJSON_CreateObject()); /* it begins anew */
		else if (code != ERR_OK)
			answer_error(run, &err);
	} else {
		answer_error(run, &err);
	}
	if (code == ERR_OK) {
		if (wanted.send && wanted.settings)
			send_report(run, &wanted, &report);
		else
			show_report(run, &wanted, &report);
		report_finish(&report);
	}
	zone_destroy(wanted.zone);
}
