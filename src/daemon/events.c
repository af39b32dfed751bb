/*
 * What happens, in words: cause, consequence and the command that helps. Names, ids,
 * reasons and counts only; texts of remotes speak of accounts, never of leads. Loop
 * thread only.
 */
#include "daemon.h"

#include "leadrelay/log.h"
#include "leadrelay/uuid.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_MS (5 * 60 * 1000LL)
#define DAY_MS (24 * 3600 * 1000LL)

/* Dead leads of one destination: the first is told at once, the others together. */
struct dead_group {
	char destination[128];
	int64_t count; /* not told yet */
	int64_t until; /* mono: when they are told */
	struct dead_group *next;
};

static struct dead_group *dead_groups;

static const char *waiting_text(int64_t waiting, char out[96])
{
	if (waiting < 0) /* the store did not say */
		snprintf(out, 96, "its leads wait, none is lost");
	else if (waiting == 0)
		snprintf(out, 96, "no lead is waiting");
	else if (waiting == 1)
		snprintf(out, 96, "1 lead is waiting, none is lost");
	else
		snprintf(out, 96, "%" PRId64 " leads are waiting, none is lost", waiting);
	return out;
}

static const char *mails_waiting_text(int64_t waiting, char out[96])
{
	if (waiting < 0)
		snprintf(out, 96, "mails wait, none is lost");
	else
		snprintf(out, 96, "%" PRId64 " mail%s waiting, none is lost", waiting,
			waiting == 1 ? " is" : "s are");
	return out;
}

/* A text that says something, or none. */
static const char *said(const char *text)
{
	return text && *text ? text : NULL;
}

/* ---- destinations ---- */

static void parked(const struct relay_event *event)
{
	bool removed = event->reason == REASON_REMOVED;
	bool operator_did = event->reason == REASON_OPERATOR;
	char consequence[96];
	char command[256];

	snprintf(command, sizeof(command),
		operator_did
			? "leadctl destinations resume %s, when it may go on"
			: "leadctl destinations resume %s, when it is mended, asks at once",
		event->destination);
	log_write(operator_did ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR, "destination parked",
		"destination", event->destination, "reason", reason_name(event->reason),
		"cause", said(event->error), "remedy", said(event->remedy), "consequence",
		waiting_text(event->waiting, consequence), "command",
		removed ? NULL : command, NULL);
}

static void resumed(const struct relay_event *event)
{
	char consequence[96];

	log_info("destination resumed", "destination", event->destination, "consequence",
		waiting_text(event->waiting, consequence), NULL);
}

static struct dead_group *dead_group_of(const char *destination)
{
	struct dead_group *group = dead_groups;

	while (group && strcmp(group->destination, destination) != 0)
		group = group->next;
	if (group)
		return group;
	group = calloc(1, sizeof(*group));
	if (!group)
		return NULL;
	snprintf(group->destination, sizeof(group->destination), "%s", destination);
	group->next = dead_groups;
	dead_groups = group;
	return group;
}

/* False: it is told with the others, later. */
static bool dead_is_first(const struct daemon *daemon, const char *destination)
{
	struct dead_group *group = dead_group_of(destination);
	int64_t now = clock_mono(daemon->clock);

	if (group && group->until > now) {
		group->count++;
		return false;
	}
	if (group)
		group->until = now + GROUP_MS;
	return true;
}

static void mail_dead(const struct daemon *daemon, const struct relay_event *event)
{
	char id[UUID_TEXT_SIZE] = "";

	if (!dead_is_first(daemon, MAIL_DESTINATION))
		return;
	if (event->lead)
		uuid_text(event->lead, id);
	log_warn("mail dead", "lead", said(id), "reason", reason_name(event->reason),
		"consequence",
		"it is kept and can be sent again; others of the next 5 minutes are told together",
		"command", "leadctl notifications list", NULL);
}

static void lead_dead(const struct daemon *daemon, const struct relay_event *event)
{
	char id[UUID_TEXT_SIZE] = "";
	char command[128];

	if (!dead_is_first(daemon, event->destination))
		return;
	if (event->lead)
		uuid_text(event->lead, id);
	snprintf(command, sizeof(command), "leadctl show %s", id);
	log_warn("lead dead", "destination", event->destination, "lead", id, "reason",
		reason_name(event->reason), "consequence",
		"it is kept and can be replayed; others of the next 5 minutes are told together",
		"command", command, NULL);
}

static void tell_group(const struct dead_group *group)
{
	char command[256];

	snprintf(command, sizeof(command), "leadctl list --state dead --destination %s",
		group->destination);
	if (group->count > 0 && strcmp(group->destination, MAIL_DESTINATION) == 0)
		log_warn("mails dead", "count",
			log_num(group->count, (char[LOG_NUMBER_SIZE]){0}), "command",
			"leadctl notifications list", NULL);
	else if (group->count > 0)
		log_warn("leads dead", "destination", group->destination, "count",
			log_num(group->count, (char[LOG_NUMBER_SIZE]){0}), "command",
			command, NULL);
}

void events_tick(int64_t now_mono)
{
	struct dead_group **at = &dead_groups;

	while (*at) {
		struct dead_group *group = *at;

		if (group->until > now_mono) {
			at = &group->next;
			continue;
		}
		tell_group(group);
		*at = group->next;
		free(group);
	}
}

/* Of mail the log and the status tell, never a mail. */
static void mail_event(const struct daemon *daemon, const struct relay_event *event)
{
	char consequence[96];

	mails_waiting_text(event->waiting, consequence);
	switch (event->kind) {
	case RELAY_PARKED:
		log_error("mail parked", "reason", reason_name(event->reason), "cause",
			said(event->error), "remedy", said(event->remedy), "consequence",
			consequence, "command",
			"leadctl destinations resume \"" MAIL_DESTINATION
			"\", when it is mended, asks at once",
			NULL);
		break;
	case RELAY_RESUMED:
		log_info("mail resumed", "consequence", consequence, NULL);
		break;
	case RELAY_DEAD:
		mail_dead(daemon, event);
		break;
	case RELAY_BACKING_OFF:
		log_warn("mail server does not answer", "reason",
			reason_name(event->reason), "cause", said(event->error),
			"consequence", consequence, "then", "it is asked again by itself",
			NULL);
		break;
	case RELAY_THROTTLED:
		log_info("mail server asks for time", "cause", said(event->error),
			"consequence", consequence, NULL);
		break;
	case RELAY_OPEN:
		log_info("mail server answers", "consequence", consequence, NULL);
		break;
	}
}

void event_relay(void *ctx, const struct relay_event *event)
{
	char consequence[96];

	feed_relay(ctx, event);
	alerts_event(ctx, event);
	if (strcmp(event->destination, MAIL_DESTINATION) == 0) {
		mail_event(ctx, event);
		return;
	}
	waiting_text(event->waiting, consequence);
	switch (event->kind) {
	case RELAY_PARKED:
		parked(event);
		break;
	case RELAY_RESUMED:
		resumed(event);
		break;
	case RELAY_DEAD:
		lead_dead(ctx, event);
		break;
	case RELAY_BACKING_OFF:
		log_warn("destination does not answer", "destination", event->destination,
			"reason", reason_name(event->reason), "cause", said(event->error),
			"consequence", consequence, "then", "it is asked again by itself",
			NULL);
		break;
	case RELAY_THROTTLED:
		log_info("destination asks for time", "destination", event->destination,
			"cause", said(event->error), "consequence", consequence, NULL);
		break;
	case RELAY_OPEN:
		log_info("destination open", "destination", event->destination,
			"consequence", consequence, NULL);
		break;
	}
}

/* ---- intake, store ---- */

void event_wrong_token(void *ctx, const char *source, int64_t count)
{
	alerts_wrong_token(ctx, source, count);
	log_warn("wrong token", "source", source, "requests",
		log_num(count, (char[LOG_NUMBER_SIZE]){0}), "consequence",
		"they were refused with 401", "remedy",
		"compare the sender's token with the source's; a new one may be a second line of token_file",
		NULL);
}

void event_quarantined(
	void *ctx, const char *source, const struct uuid *lead, const char *problem)
{
	char id[UUID_TEXT_SIZE];
	char command[128];

	alerts_soon(ctx);
	uuid_text(lead, id);
	snprintf(command, sizeof(command), "leadctl show %s --raw", id);
	log_warn("lead quarantined", "source", source, "lead", id, "cause", problem,
		"consequence", "it is kept and goes nowhere", "command", command, NULL);
}

/* The store's own line says what failed; this one what follows from it. */
void event_store(void *ctx, bool working, const char *text)
{
	alerts_store(ctx, working, text);
	if (working)
		log_info("intake accepts again", "cause", "the store works again", NULL);
	else
		log_error("intake refuses", "cause", text, "consequence",
			"senders are answered 503 and repeat; nothing accepted is lost",
			NULL);
	notify("STATUS=%s", working ? "accepting and delivering"
				    : "the store is failing: senders are answered 503");
}

void event_intake_only(void)
{
	log_error("delivering is suspended", "cause",
		"three unclean ends within 10 minutes", "consequence",
		"leads are accepted and kept, none is delivered", "command",
		"leadctl resume, when the cause is found in this log", NULL);
}

/* ---- what expires ---- */

static const int warn_days[] = {0, 1, 7, 14, 30};
#define WARN_LEVELS ((int)(sizeof(warn_days) / sizeof(warn_days[0])))

/* Which warning at (wall) has reached: the nearer, the higher; 0: none yet. */
static int warning_level(int64_t at, int64_t now)
{
	for (int i = 0; at && i < WARN_LEVELS; i++)
		if (at - now <= warn_days[i] * DAY_MS)
			return WARN_LEVELS - i;
	return 0;
}

struct expiry {
	char what[160]; /* "credential of crm" */
	int level;
	struct expiry *next;
};

static struct expiry *expiries;

static void check_expiry(const char *what, int64_t at, int64_t now, bool silently)
{
	int level = warning_level(at, now);
	struct expiry *known = expiries;
	char date[TIME_TEXT_SIZE];

	while (known && strcmp(known->what, what) != 0)
		known = known->next;
	if (!known) {
		known = calloc(1, sizeof(*known));
		if (!known)
			return;
		snprintf(known->what, sizeof(known->what), "%s", what);
		known->next = expiries;
		expiries = known;
	}
	if (level > known->level && !silently)
		log_write(at <= now ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
			at <= now ? "expired" : "expires soon", "what", what, "on",
			time_text(at, date), "consequence",
			"what needs it stops then; leads are kept", "remedy",
			"renew it and put the new one in its file: it is noticed by itself",
			NULL);
	known->level = level;
}

void event_expiry(const struct daemon *daemon, bool silently)
{
	int64_t now = clock_wall(daemon->clock);
	const struct config *config = daemon->generation->config;
	char what[160];

	for (size_t i = 0; i < config->destination_count; i++) {
		const struct destination_settings *destination = &config->destinations[i];

		snprintf(what, sizeof(what), "credential of destination %s",
			destination->name);
		check_expiry(what, destination->auth.expires_at, now, silently);
	}
	check_expiry(
		"credential of mail", config->mail.smtp.oauth.expires_at, now, silently);
	if (daemon->server)
		check_expiry("certificate of the intake",
			http_server_certificate_expires_at(daemon->server), now,
			silently);
	if (daemon->admin)
		check_expiry("certificate of admin",
			admin_certificate_expires_at(daemon->admin), now, silently);
}

void events_finish(void)
{
	events_tick(INT64_MAX);
	while (expiries) {
		struct expiry *known = expiries;

		expiries = known->next;
		free(known);
	}
}
