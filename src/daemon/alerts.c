/*
 * Looks, and what comes of them: a notice to the store with the mails in it, and a line
 * in the log where no other has told it. Loop thread.
 *
 * One look at a time; each change of a condition is one job, and its condition is left
 * alone until the store has it. What the store does not take is still different at the
 * next look. What happens at a moment (wrong tokens, a store that failed, a mail that is
 * dead) has no condition: it is told once, and again when the store did not take it.
 */
#include "daemon.h"

#include "alerts.h"

#include "leadrelay/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define LOOK_EVERY_MS 2000
#define GROUP_MS (5 * 60 * 1000LL)
#define AGAIN_MAX 64

struct notice {
	struct job_notice job;
	struct daemon *daemon;
	struct generation *generation; /* held: whose the recipients are */
	struct alert_mail mail;
	struct alert_words words; /* log: the line to write when the store has it */
	bool log;
	struct alert_known *known; /* NULL: of a moment */
	enum alert_turn turn;
	struct notice *next; /* in again */
};

struct remedy {
	char destination[128];
	char text[256];
	struct remedy *next;
};

struct alerts {
	struct daemon *daemon;
	struct alert_memory memory;
	struct job_alerts stored;
	bool ready; /* stored has been read */
	struct job_vitals vitals;
	bool looking;
	int under_way;   /* jobs at the store */
	int64_t look_at; /* mono */
	struct remedy *remedies;
	struct notice *again; /* the store did not take them */
	int again_count;
	int64_t mails_dead;    /* not told yet */
	int64_t mails_told_at; /* mono */
	int64_t failing_since; /* mono: the store fails; 0: it works */
	char failure[256];
	char host[65];
};

/* ---- jobs ---- */

static bool submit(struct daemon *daemon, struct store_job *job)
{
	if (store_submit(daemon->store, job, NULL) != ERR_OK)
		return false;
	daemon->alerts->under_way++;
	daemon->unfinished |= UNFINISHED_ALERTS;
	return true;
}

static void came_back(struct daemon *daemon)
{
	if (--daemon->alerts->under_way == 0)
		daemon_stopped(daemon, UNFINISHED_ALERTS);
}

static void notice_free(struct notice *notice)
{
	alert_mail_finish(&notice->mail);
	generation_release(notice->generation);
	free(notice);
}

/* Of a moment: kept for the next tick. */
static void keep(struct notice *notice)
{
	struct alerts *alerts = notice->daemon->alerts;

	if (alerts->again_count == AGAIN_MAX) {
		notice_free(notice);
		return;
	}
	notice->next = alerts->again;
	alerts->again = notice;
	alerts->again_count++;
}

static const char *said(const char *text)
{
	return *text ? text : NULL;
}

static void log_alert(enum alert_turn turn, const struct alert_words *words)
{
	bool raised = turn == ALERT_RAISE;

	log_write(raised ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO,
		raised ? "alert" : "all-clear", "subject", words->title, "what",
		said(words->what), "cause", said(words->cause), "consequence",
		said(words->consequence), "remedy", said(words->remedy), "command",
		said(words->command), NULL);
}

static void settle(struct notice *notice)
{
	struct alert_known *known = notice->known;
	struct daemon *daemon = notice->daemon;

	known->busy = false;
	known->raised = notice->job.raise;
	known->told = notice->job.raise ? notice->job.told : 0;
	known->so_since = INT64_MIN;
	if (notice->turn == ALERT_RAISE)
		known->told_at = clock_mono(daemon->clock);
	if (notice->log)
		log_alert(notice->turn, &notice->words);
}

static void noticed(struct store_job *job)
{
	struct notice *notice = (struct notice *)job;
	struct daemon *daemon = notice->daemon;
	bool stored = job->code == ERR_OK;
	int64_t mail = notice->generation->mail_id;

	if (stored && notice->job.first_mail && mail && daemon->phase == PHASE_RUNNING)
		relay_fresh(daemon->relay, mail, 0);
	if (notice->known && stored)
		settle(notice);
	else if (notice->known)
		notice->known->busy = false;
	if (!stored && !notice->known && daemon->phase == PHASE_RUNNING)
		keep(notice);
	else
		notice_free(notice);
	came_back(daemon);
}

static bool submit_notice(struct notice *notice)
{
	job_notice_prepare(&notice->job);
	notice->job.job.done = noticed;
	return submit(notice->daemon, &notice->job.job);
}

/* To everybody in alerts_to; words NULL: nobody is told. */
static struct notice *notice_create(
	struct daemon *daemon, const struct alert_words *words)
{
	struct notice *notice = calloc(1, sizeof(*notice));
	const struct mail_settings *mail = &daemon->generation->config->mail;

	if (!notice)
		return NULL;
	notice->daemon = daemon;
	notice->generation = generation_hold(daemon->generation);
	notice->job.kind = MAIL_ALERT;
	notice->job.now = clock_wall(daemon->clock);
	if (!words || !mail->configured)
		return notice;
	alert_compose(&notice->mail, words, daemon->alerts->host, notice->job.now);
	notice->job.recipients = (const char *const *)mail->alerts_to.items;
	notice->job.recipient_count = mail->alerts_to.count;
	notice->job.subject = buf_str(&notice->mail.subject);
	notice->job.text = buf_str(&notice->mail.text);
	notice->job.html = buf_str(&notice->mail.html);
	return notice;
}

/* Without a condition. */
static void tell_moment(struct daemon *daemon, const struct alert_words *words)
{
	struct notice *notice = notice_create(daemon, words);

	if (!notice)
		return;
	if (notice->job.recipient_count == 0)
		notice_free(notice);
	else if (!submit_notice(notice))
		keep(notice);
}

static void tell_again(struct daemon *daemon)
{
	struct notice *list = daemon->alerts->again;

	daemon->alerts->again = NULL;
	daemon->alerts->again_count = 0;
	while (list) {
		struct notice *next = list->next;

		if (!submit_notice(list))
			keep(list);
		list = next;
	}
}

/* ---- a look ---- */

static void take_turn(void *ctx, struct alert_known *known, enum alert_turn turn,
	int64_t told, const struct alert_words *words, bool log)
{
	struct daemon *daemon = ctx;
	struct notice *notice = notice_create(daemon, words);

	if (!notice)
		return;
	notice->known = known;
	notice->turn = turn;
	notice->job.key = known->key;
	notice->job.raise = turn == ALERT_RAISE || turn == ALERT_NOTE;
	notice->job.told = told;
	notice->log = log;
	if (log)
		notice->words = *words;
	known->busy = true;
	if (submit_notice(notice))
		return;
	known->busy = false;
	notice_free(notice);
}

static struct remedy *find_remedy(const struct alerts *alerts, const char *destination)
{
	struct remedy *remedy = alerts->remedies;

	while (remedy && strcmp(remedy->destination, destination) != 0)
		remedy = remedy->next;
	return remedy;
}

static const char *remedy_of(void *ctx, const char *destination)
{
	const struct daemon *daemon = ctx;
	const struct remedy *remedy = find_remedy(daemon->alerts, destination);

	return remedy ? remedy->text : "";
}

static const char *failure_of(void *ctx, const char *report)
{
	return reports_failure(ctx, report);
}

static void compare(struct daemon *daemon)
{
	struct alerts *alerts = daemon->alerts;
	const struct alert_look look = {
		.config = daemon->generation->config,
		.vitals = &alerts->vitals,
		.wall = clock_wall(daemon->clock),
		.mono = clock_mono(daemon->clock),
		.running_ms = clock_mono(daemon->clock) - daemon->started_at,
		.certificate_expires_at =
			http_server_certificate_expires_at(daemon->server),
		.admin_expires_at = admin_certificate_expires_at(daemon->admin),
		.disk_free = daemon->disk_free,
		.disk_size = daemon->disk_size,
		.intake_only = daemon->intake_only,
		.remedy = remedy_of,
		.report_failure = failure_of,
		.turn = take_turn,
		.ctx = daemon,
	};

	alerts_look(&alerts->memory, &look);
}

static void looked(struct store_job *job)
{
	struct alerts *alerts =
		(struct alerts *)((char *)job - offsetof(struct alerts, vitals));
	struct daemon *daemon = alerts->daemon;

	alerts->looking = false;
	if (job->code == ERR_OK && daemon->phase == PHASE_RUNNING)
		compare(daemon);
	job_vitals_finish(&alerts->vitals);
	came_back(daemon);
}

static void look(struct alerts *alerts)
{
	memset(&alerts->vitals, 0, sizeof(alerts->vitals));
	job_vitals_prepare(&alerts->vitals);
	alerts->vitals.job.done = looked;
	alerts->looking = submit(alerts->daemon, &alerts->vitals.job);
}

/* ---- what was told before this start ---- */

static void remember_all(struct alerts *alerts)
{
	for (size_t i = 0; i < alerts->stored.alert_count; i++) {
		const struct alert_row *row = &alerts->stored.alerts[i];
		struct alert_known *known = alert_remember(&alerts->memory, row->key);

		if (!known)
			continue;
		known->raised = true;
		known->told = row->told;
		known->told_at = clock_mono(alerts->daemon->clock); /* a group goes on */
	}
}

static void stored_known(struct store_job *job)
{
	struct alerts *alerts =
		(struct alerts *)((char *)job - offsetof(struct alerts, stored));
	struct daemon *daemon = alerts->daemon;

	if (job->code == ERR_OK) {
		alerts->ready = true;
		remember_all(alerts);
		reports_start(
			daemon, alerts->stored.reports, alerts->stored.report_count);
	}
	alerts->looking = false;
	job_alerts_finish(&alerts->stored);
	came_back(daemon);
}

static void ask_stored(struct alerts *alerts)
{
	memset(&alerts->stored, 0, sizeof(alerts->stored));
	job_alerts_prepare(&alerts->stored);
	alerts->stored.job.done = stored_known;
	alerts->looking = submit(alerts->daemon, &alerts->stored.job);
}

/* ---- what happens at a moment ---- */

static void keep_remedy(struct alerts *alerts, const struct relay_event *event)
{
	struct remedy *remedy = find_remedy(alerts, event->destination);

	if (!remedy) {
		remedy = calloc(1, sizeof(*remedy));
		if (!remedy)
			return;
		snprintf(remedy->destination, sizeof(remedy->destination), "%s",
			event->destination);
		remedy->next = alerts->remedies;
		alerts->remedies = remedy;
	}
	snprintf(remedy->text, sizeof(remedy->text), "%s",
		event->remedy ? event->remedy : "");
}

void alerts_event(struct daemon *daemon, const struct relay_event *event)
{
	struct alerts *alerts = daemon->alerts;
	bool of_mail = strcmp(event->destination, MAIL_DESTINATION) == 0;

	if (!alerts)
		return;
	if (event->kind == RELAY_PARKED)
		keep_remedy(alerts, event);
	if (event->kind == RELAY_DEAD && of_mail && event->lead)
		alerts->mails_dead++; /* an alert that dies is no reason for another */
	alerts_soon(daemon);
}

static void tell_dead_mails(struct alerts *alerts, int64_t mono)
{
	struct alert_words words = {0};
	int64_t count = alerts->mails_dead;

	if (count == 0 ||
		(alerts->mails_told_at && mono - alerts->mails_told_at < GROUP_MS))
		return;
	alerts->mails_dead = 0;
	alerts->mails_told_at = mono;
	snprintf(words.title, sizeof(words.title), "%" PRId64 " notification%s dead",
		count, count == 1 ? "" : "s");
	snprintf(words.what, sizeof(words.what),
		"The mail server refused %" PRId64 " notification%s for good.", count,
		count == 1 ? "" : "s");
	snprintf(words.consequence, sizeof(words.consequence),
		"a contact was not told of a lead; the lead itself goes on");
	snprintf(words.remedy, sizeof(words.remedy),
		"look at the error of each, correct the contact in the configuration; "
		"leadctl notifications retry sends them again");
	snprintf(words.command, sizeof(words.command), "leadctl notifications list");
	tell_moment(alerts->daemon, &words);
}

void alerts_wrong_token(struct daemon *daemon, const char *source, int64_t count)
{
	struct alert_words words = {0};

	if (!daemon->alerts)
		return;
	snprintf(words.title, sizeof(words.title), "wrong token at %s", source);
	snprintf(words.what, sizeof(words.what),
		"%" PRId64 " request%s to source %s had a wrong or no token.", count,
		count == 1 ? "" : "s", source);
	snprintf(words.consequence, sizeof(words.consequence),
		"refused with 401; what they carried was not taken");
	snprintf(words.remedy, sizeof(words.remedy),
		"compare the sender's token with the source's; a new one may be a second "
		"line of token_file");
	snprintf(words.command, sizeof(words.command), "leadctl status");
	tell_moment(daemon, &words);
}

/* While the store fails it cannot take a notice: it is told when that is over. */
void alerts_store(struct daemon *daemon, bool working, const char *cause)
{
	struct alerts *alerts = daemon->alerts;
	struct alert_words words = {0};
	char text[DURATION_TEXT_SIZE];
	int64_t mono = clock_mono(daemon->clock);

	if (!alerts)
		return;
	if (!working) {
		if (!alerts->failing_since)
			alerts->failing_since = mono;
		snprintf(alerts->failure, sizeof(alerts->failure), "%s",
			cause ? cause : "");
		return;
	}
	if (!alerts->failing_since)
		return;
	snprintf(words.title, sizeof(words.title), "the store failed, and works again");
	snprintf(words.what, sizeof(words.what),
		"The outbox could not be written for %s.",
		duration_human(mono - alerts->failing_since, text));
	snprintf(words.cause, sizeof(words.cause), "%s", alerts->failure);
	snprintf(words.consequence, sizeof(words.consequence),
		"senders were answered 503 and repeat; nothing accepted is lost");
	snprintf(words.remedy, sizeof(words.remedy),
		"look at the disk and its folder, and at the log of leadrelayd");
	snprintf(words.command, sizeof(words.command), "leadctl check");
	alerts->failing_since = 0;
	tell_moment(daemon, &words);
}

/* ---- life ---- */

void alerts_start(struct daemon *daemon)
{
	struct alerts *alerts = calloc(1, sizeof(*alerts));
	struct utsname name;

	if (!alerts) {
		log_error("no alerts", "cause", "out of memory", NULL);
		return;
	}
	alerts->daemon = daemon;
	snprintf(alerts->host, sizeof(alerts->host), "%.64s",
		uname(&name) == 0 ? name.nodename : "?");
	daemon->alerts = alerts;
	ask_stored(alerts);
}

void alerts_soon(struct daemon *daemon)
{
	if (daemon->alerts)
		daemon->alerts->look_at = 0;
}

void alerts_tick(struct daemon *daemon)
{
	struct alerts *alerts = daemon->alerts;
	int64_t mono = clock_mono(daemon->clock);

	if (!alerts || alerts->looking)
		return;
	if (!alerts->ready) {
		ask_stored(alerts);
		return;
	}
	if (alerts->again)
		tell_again(daemon);
	tell_dead_mails(alerts, mono);
	if (mono < alerts->look_at)
		return;
	alerts->look_at = mono + LOOK_EVERY_MS;
	look(alerts);
}

void alerts_finish(struct daemon *daemon)
{
	struct alerts *alerts = daemon->alerts;

	if (!alerts)
		return;
	while (alerts->again) {
		struct notice *notice = alerts->again;

		alerts->again = notice->next;
		notice_free(notice);
	}
	while (alerts->remedies) {
		struct remedy *remedy = alerts->remedies;

		alerts->remedies = remedy->next;
		free(remedy);
	}
	alert_forget_all(&alerts->memory);
	free(alerts);
	daemon->alerts = NULL;
}
