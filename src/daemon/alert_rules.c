/* When a condition is raised, told anew and cleared; and the conditions there are. */
#include "alerts.h"

#include "leadrelay/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_MS ((int64_t)1000)
#define MINUTE_MS (60 * SECOND_MS)
#define HOUR_MS (60 * MINUTE_MS)
#define DAY_MS (24 * HOUR_MS)

#define GROUP_MS (5 * MINUTE_MS)
/* What depends on the time of day waits this long for a clock that jumped to come back,
 * and for a backlog that is on its way out already. */
#define HOLD_MS (10 * SECOND_MS)
#define BACKLOG_MS (1 * HOUR_MS)

/* ---- the memory ---- */

struct alert_known *alert_remember(struct alert_memory *memory, const char *key)
{
	struct alert_known *known = memory->known;

	while (known && strcmp(known->key, key) != 0)
		known = known->next;
	if (known)
		return known;
	known = calloc(1, sizeof(*known));
	if (!known)
		return NULL;
	snprintf(known->key, sizeof(known->key), "%s", key);
	known->told_at = INT64_MIN;
	known->so_since = INT64_MIN;
	known->next = memory->known;
	memory->known = known;
	return known;
}

void alert_forget_all(struct alert_memory *memory)
{
	while (memory->known) {
		struct alert_known *known = memory->known;

		memory->known = known->next;
		free(known);
	}
}

/* ---- the decision ---- */

static bool told_lately(const struct alert_known *known, int64_t group_ms, int64_t mono)
{
	return known->told_at != INT64_MIN && mono - known->told_at < group_ms;
}

enum alert_turn alert_consider(
	struct alert_known *known, const struct alert_condition *now, int64_t mono)
{
	known->seen = true;
	if (known->busy)
		return ALERT_SAME;
	if (known->raised && !now->is_so && !now->was_so) {
		known->so_since = INT64_MIN;
		return ALERT_CLEAR;
	}
	if (known->raised && now->told < known->told)
		return ALERT_NOTE;
	if (known->raised && (!now->is_so || now->told == known->told))
		return ALERT_SAME;
	if (!now->is_so) {
		known->so_since = INT64_MIN;
		return ALERT_SAME;
	}
	if (known->so_since == INT64_MIN)
		known->so_since = mono;
	if (!known->raised && mono - known->so_since < now->hold_ms)
		return ALERT_SAME;
	return told_lately(known, now->group_ms, mono) ? ALERT_SAME : ALERT_RAISE;
}

struct looking {
	struct alert_memory *memory;
	const struct alert_look *look;
};

/* The turn of one condition, *known_out with it; ALERT_SAME: no words are needed. */
static enum alert_turn consider(const struct looking *in,
	const struct alert_condition *now, struct alert_known **known_out)
{
	const struct alert_look *look = in->look;
	struct alert_known *known = alert_remember(in->memory, now->key);
	enum alert_turn turn;

	*known_out = known;
	if (!known)
		return ALERT_SAME;
	turn = alert_consider(known, now, look->mono);
	if (turn != ALERT_NOTE)
		return turn;
	look->turn(look->ctx, known, turn, now->told, NULL, false);
	return ALERT_SAME;
}

static void tell(const struct looking *in, struct alert_known *known,
	enum alert_turn turn, int64_t told, const struct alert_words *words, bool log)
{
	in->look->turn(in->look->ctx, known, turn, told, words, log);
}

#define PUT(member, ...) snprintf((member), sizeof(member), __VA_ARGS__)

static const char *plural(int64_t count)
{
	return count == 1 ? "" : "s";
}

/* ---- destinations ---- */

static void parked_words(struct alert_words *words, const struct looking *in,
	const struct destination_vitals *one)
{
	const char *reason = reason_name(one->reason);
	char waiting[96];

	PUT(words->title, "%s parked: %s", one->name, reason);
	PUT(words->what, "Destination %s is parked: nothing is sent to it.", one->name);
	PUT(words->cause, "%s", *one->error ? one->error : reason);
	PUT(words->consequence, "%s", leads_waiting(one->pending, waiting));
	PUT(words->remedy, "%s", in->look->remedy(in->look->ctx, one->name));
	if (one->reason == REASON_REMOVED)
		PUT(words->remedy,
			"put it back into the configuration, or give its leads to another one "
			"(leadctl replay --to) and discard them here");
	else
		PUT(words->command, "leadctl destinations resume %s", one->name);
}

static void parked_rule(
	const struct looking *in, const struct destination_vitals *one, const char *key)
{
	bool parked = one->state == HEALTH_PARKED;
	struct alert_condition now = {.key = key, .is_so = parked, .told = 1};
	struct alert_words words = {0};
	struct alert_known *known;
	enum alert_turn turn;
	char waiting[96];

	if (parked && one->reason == REASON_REMOVED && one->pending + one->held == 0)
		return; /* gone, and nothing waits for it: not even an all-clear */
	turn = consider(in, &now, &known);
	if (turn == ALERT_SAME)
		return;
	if (turn == ALERT_RAISE) {
		parked_words(&words, in, one);
	} else {
		PUT(words.title, "%s resumed", one->name);
		PUT(words.what, "Destination %s takes leads again.", one->name);
		PUT(words.consequence, "%s", leads_waiting(one->pending, waiting));
	}
	tell(in, known, turn, now.told, &words, false);
}

static void dead_rule(
	const struct looking *in, const struct destination_vitals *one, const char *key)
{
	struct alert_condition now = {.key = key,
		.is_so = one->dead > 0,
		.told = one->died,
		.group_ms = GROUP_MS};
	struct alert_words words = {0};
	struct alert_known *known;
	enum alert_turn turn = consider(in, &now, &known);
	int64_t fresh;

	if (turn == ALERT_SAME)
		return;
	if (turn == ALERT_RAISE) {
		fresh = known->raised ? one->died - known->told : one->dead;
		PUT(words.title, "%" PRId64 " lead%s dead at %s", fresh, plural(fresh),
			one->name);
		PUT(words.what,
			"Destination %s refused %" PRId64
			" lead%s for good, or the time to deliver was over.",
			one->name, fresh, plural(fresh));
		PUT(words.consequence,
			"%" PRId64
			" in all are dead there; they are kept with the reason in words and "
			"can be replayed, none is lost",
			one->dead);
		PUT(words.remedy,
			"look at the reasons, mend what they name, then "
			"leadctl replay ID (--set field=value corrects a lead)");
		PUT(words.command, "leadctl list --state dead --destination %s",
			one->name);
	} else {
		PUT(words.title, "no dead lead left at %s", one->name);
		PUT(words.what,
			"The dead leads of destination %s were replayed, discarded, or "
			"removed by retention.",
			one->name);
	}
	tell(in, known, turn, now.told, &words, false);
}

static void backlog_rule(
	const struct looking *in, const struct destination_vitals *one, const char *key)
{
	int64_t age =
		one->oldest_pending_at ? in->look->wall - one->oldest_pending_at : 0;
	struct alert_condition now = {.key = key,
		.is_so = age > BACKLOG_MS,
		.was_so = age > BACKLOG_MS / 2,
		.told = 1,
		.hold_ms = HOLD_MS};
	struct alert_words words = {0};
	struct alert_known *known;
	enum alert_turn turn = consider(in, &now, &known);
	char text[DURATION_TEXT_SIZE];
	char waiting[96];

	if (turn == ALERT_SAME)
		return;
	PUT(words.consequence, "%s", leads_waiting(one->pending, waiting));
	if (turn == ALERT_RAISE) {
		PUT(words.title, "%s: leads wait for more than an hour", one->name);
		PUT(words.what, "The oldest lead for destination %s has waited for %s.",
			one->name, duration_human(age, text));
		PUT(words.cause, "the destination is %s%s%s",
			health_state_name(one->state), one->reason ? ": " : "",
			reason_name(one->reason));
		PUT(words.command, "leadctl status");
	} else {
		PUT(words.title, "%s: the backlog is gone", one->name);
		PUT(words.what, "No lead for destination %s has waited long.", one->name);
	}
	tell(in, known, turn, now.told, &words, true);
}

static void look_at_destination(
	const struct looking *in, const struct destination_vitals *one)
{
	static const struct {
		const char *name;
		void (*rule)(const struct looking *in,
			const struct destination_vitals *one, const char *key);
	} rules[] = {
		{"parked", parked_rule}, {"dead", dead_rule}, {"backlog", backlog_rule}};
	char key[160];

	if (strcmp(one->name, MAIL_DESTINATION) == 0)
		return; /* no mail about mail: the log and `leadctl status` tell */
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		snprintf(key, sizeof(key), "%s:%s", rules[i].name, one->name);
		rules[i].rule(in, one, key);
	}
}

/* ---- intake ---- */

static void quarantined_rule(const struct looking *in)
{
	int64_t count = in->look->vitals->quarantined;
	struct alert_condition now = {.key = "quarantined",
		.is_so = count > 0,
		.was_so = true, /* nothing tells that all are looked after */
		.told = count,
		.group_ms = GROUP_MS};
	struct alert_words words = {0};
	struct alert_known *known;
	enum alert_turn turn = consider(in, &now, &known);
	int64_t fresh;

	if (turn != ALERT_RAISE)
		return;
	fresh = known->raised ? count - known->told : count;
	PUT(words.title, "%" PRId64 " lead%s quarantined", fresh, plural(fresh));
	PUT(words.what,
		"%" PRId64
		" bod%s could not be read as a lead, or a trap field was filled.",
		fresh, fresh == 1 ? "y" : "ies");
	PUT(words.consequence, "kept as received, and sent nowhere until replayed");
	PUT(words.remedy, "leadctl show ID --raw shows one; leadctl replay ID --set "
			  "field=value makes it a lead, leadctl discard ID ends it");
	PUT(words.command, "leadctl list --state quarantined");
	tell(in, known, turn, now.told, &words, false);
}

static void silence_rule(const struct looking *in)
{
	const struct alert_look *look = in->look;
	int64_t limit = look->config->silence_alert_ms;
	int64_t quiet = look->wall - look->vitals->last_lead_at;
	struct alert_condition now = {.key = "silence", .told = 1, .hold_ms = HOLD_MS};
	struct alert_words words = {0};
	struct alert_known *known;
	enum alert_turn turn;
	char text[DURATION_TEXT_SIZE];

	if (limit == 0)
		return;
	now.was_so = quiet > limit;
	/* while no daemon ran no lead could arrive */
	now.is_so = now.was_so && look->running_ms > limit;
	turn = consider(in, &now, &known);
	if (turn == ALERT_SAME)
		return;
	if (turn == ALERT_RAISE) {
		PUT(words.title, "no lead for %s", duration_human(limit, text));
		PUT(words.what, "No lead has arrived for longer than silence_alert, %s.",
			duration_human(limit, text));
		PUT(words.consequence, "nothing here is broken; a sender may be");
		PUT(words.remedy, "send a test lead; look whether the senders still use "
				  "this address and token");
		PUT(words.command, "leadctl status");
	} else {
		PUT(words.title, "leads arrive again");
		PUT(words.what, "The silence is over.");
	}
	tell(in, known, turn, now.told, &words, true);
}

/* ---- the machine and the store ---- */

bool disk_is_low(int64_t free, int64_t size)
{
	const int64_t mib = 1 << 20;

	return size > 0 && (free < 256 * mib || (free < size / 20 && free < 5120 * mib));
}

static void disk_rule(const struct looking *in)
{
	const struct alert_look *look = in->look;
	struct alert_condition now = {.key = "disk",
		.is_so = disk_is_low(look->disk_free, look->disk_size),
		.was_so = disk_is_low(
			look->disk_free - look->disk_free / 5, look->disk_size),
		.told = 1};
	struct alert_words words = {0};
	struct alert_known *known;
	enum alert_turn turn;

	if (look->disk_size == 0) {
		known = alert_remember(in->memory, now.key);
		if (known)
			known->seen = true;
		return;
	}
	turn = consider(in, &now, &known);
	if (turn == ALERT_SAME)
		return;
	if (turn == ALERT_RAISE) {
		PUT(words.title, "disk low");
		PUT(words.what, "%" PRId64 " MiB are left on the disk of %s.",
			look->disk_free >> 20, look->config->state_dir);
		PUT(words.consequence, "leads are still accepted; when it is full, "
				       "senders are answered 503 and repeat, and nothing "
				       "accepted is lost");
		PUT(words.remedy, "make room, or move state_dir to a larger disk");
		PUT(words.command, "df -h %.*s", 300, look->config->state_dir);
	} else {
		PUT(words.title, "disk has room again");
		PUT(words.what, "%" PRId64 " MiB are left on the disk of %s.",
			look->disk_free >> 20, look->config->state_dir);
	}
	tell(in, known, turn, now.told, &words, true);
}

static void accounting_rule(const struct looking *in)
{
	int64_t difference = in->look->vitals->difference;
	struct alert_condition now = {.key = "accounting",
		.is_so = difference != 0,
		.told = difference < 0 ? -difference : difference,
		.group_ms = GROUP_MS};
	struct alert_words words = {0};
	struct alert_known *known;
	enum alert_turn turn = consider(in, &now, &known);

	if (turn == ALERT_SAME)
		return;
	if (turn == ALERT_RAISE) {
		PUT(words.title, "accounting difference of %" PRId64, difference);
		PUT(words.what, "The counters do not add up: accepted differs from "
				"pending + held + delivered + dead + discarded.");
		PUT(words.consequence, "%" PRId64 " deliver%s not accounted for",
			now.told, now.told == 1 ? "y is" : "ies are");
		PUT(words.remedy, "keep a backup of the outbox as it is and compare the "
				  "counters with the rows");
		PUT(words.command, "leadctl check");
	} else {
		PUT(words.title, "accounting is in order");
		PUT(words.what, "The counters add up again.");
	}
	tell(in, known, turn, now.told, &words, true);
}

static void suspended_rule(const struct looking *in)
{
	struct alert_condition now = {
		.key = "suspended", .is_so = in->look->intake_only, .told = 1};
	struct alert_words words = {0};
	struct alert_known *known;
	enum alert_turn turn = consider(in, &now, &known);

	if (turn == ALERT_SAME)
		return;
	if (turn == ALERT_RAISE) {
		PUT(words.title, "delivering is suspended");
		PUT(words.what, "leadrelayd accepts leads and delivers none.");
		PUT(words.cause, "three unclean ends within 10 minutes");
		PUT(words.consequence, "leads are accepted and kept, none is lost");
		PUT(words.remedy, "find the cause in the log of leadrelayd, then resume");
		PUT(words.command, "leadctl resume");
	} else {
		PUT(words.title, "delivering again");
		PUT(words.what, "leadrelayd accepts and delivers.");
	}
	tell(in, known, turn, now.told, &words, false);
}

/* ---- what expires ---- */

static const int warn_days[] = {0, 1, 7, 14, 30};
#define WARN_LEVELS ((int)(sizeof(warn_days) / sizeof(warn_days[0])))

/* Which warning at has reached: the nearer, the higher; 0: none yet. */
static int warning_level(int64_t at, int64_t now)
{
	for (int i = 0; at && i < WARN_LEVELS; i++)
		if (at - now <= warn_days[i] * DAY_MS)
			return WARN_LEVELS - i;
	return 0;
}

static void expiry_rule(const struct looking *in, const char *key, const char *what,
	int64_t at, const char *remedy)
{
	int level = warning_level(at, in->look->wall);
	struct alert_condition now = {
		.key = key, .is_so = level > 0, .told = level, .hold_ms = HOLD_MS};
	struct alert_words words = {0};
	struct alert_known *known;
	enum alert_turn turn = consider(in, &now, &known);
	int64_t left = (at - in->look->wall + DAY_MS - 1) / DAY_MS;
	char date[TIME_TEXT_SIZE];

	if (turn == ALERT_SAME)
		return;
	time_text(at, date);
	date[10] = '\0'; /* a day is all that is known of most */
	if (turn == ALERT_CLEAR) {
		PUT(words.title, "%s renewed", what);
		PUT(words.what, "The %s was renewed.", what);
	} else if (at <= in->look->wall) {
		PUT(words.title, "%s has expired", what);
		PUT(words.what, "The %s expired on %s.", what, date);
		PUT(words.consequence, "what needs it stops; leads are kept");
	} else {
		PUT(words.title, "%s expires in %" PRId64 " day%s", what, left,
			plural(left));
		PUT(words.what, "The %s expires on %s.", what, date);
		PUT(words.consequence, "what needs it stops then; leads are kept");
	}
	if (turn == ALERT_RAISE) {
		PUT(words.remedy, "%s", remedy);
		PUT(words.command, "leadctl status");
	}
	tell(in, known, turn, now.told, &words, false);
}

static void look_at_expiry(const struct looking *in)
{
	static const char credential[] =
		"renew it and put the new one into its file, which is noticed by itself; "
		"set expires: to its new date";
	static const char certificate[] = "renew it and put it in place of the old file, "
					  "which is noticed by itself";
	const struct config *config = in->look->config;
	char key[160], what[120];

	for (size_t i = 0; i < config->destination_count; i++) {
		const struct destination_settings *one = &config->destinations[i];

		if (!one->auth.expires_at)
			continue;
		snprintf(key, sizeof(key), "expiry:%s", one->name);
		snprintf(what, sizeof(what), "%s of %s",
			one->auth.method == AUTH_OFFICE365 ? "password" : "credential",
			one->name);
		expiry_rule(in, key, what, one->auth.expires_at, credential);
	}
	if (config->mail.smtp.oauth.expires_at)
		expiry_rule(in, "expiry:" MAIL_DESTINATION, "credential of mail",
			config->mail.smtp.oauth.expires_at, credential);
	if (in->look->certificate_expires_at)
		expiry_rule(in, "expiry:(intake)", "certificate of the intake",
			in->look->certificate_expires_at, certificate);
	if (in->look->admin_expires_at)
		expiry_rule(in, "expiry:(admin)", "certificate of admin",
			in->look->admin_expires_at, certificate);
}

/* ---- reports ---- */

static void report_rule(const struct looking *in, const struct report_settings *report)
{
	const char *failure = in->look->report_failure(in->look->ctx, report->name);
	struct alert_condition now = {.is_so = failure != NULL, .told = 1};
	struct alert_words words = {0};
	struct alert_known *known;
	enum alert_turn turn;
	char key[160];

	snprintf(key, sizeof(key), "report:%s", report->name);
	now.key = key;
	turn = consider(in, &now, &known);
	if (turn == ALERT_SAME)
		return;
	if (turn == ALERT_RAISE) {
		PUT(words.title, "report %s failed", report->name);
		PUT(words.what, "The report %s could not be made.", report->name);
		PUT(words.cause, "%s", failure);
		PUT(words.consequence, "it is tried again every minute; leads go on");
		if (report->directory)
			PUT(words.command, "ls -ld %.*s", 300, report->directory);
	} else {
		PUT(words.title, "report %s made", report->name);
		PUT(words.what, "The report %s could be made again.", report->name);
	}
	tell(in, known, turn, now.told, &words, false);
}

/* ---- the whole look ---- */

/* What a reload or a removal took away: there is nothing to tell about it. */
static void sweep(struct alert_memory *memory, const struct alert_look *look)
{
	struct alert_known **at = &memory->known;

	while (*at) {
		struct alert_known *known = *at;

		if (known->seen || known->busy || known->raised) {
			if (known->raised && !known->seen && !known->busy)
				look->turn(
					look->ctx, known, ALERT_FORGET, 0, NULL, false);
			at = &known->next;
			continue;
		}
		*at = known->next;
		free(known);
	}
}

void alerts_look(struct alert_memory *memory, const struct alert_look *look)
{
	const struct looking in = {memory, look};

	for (struct alert_known *known = memory->known; known; known = known->next)
		known->seen = false;
	for (size_t i = 0; i < look->vitals->destination_count; i++)
		look_at_destination(&in, &look->vitals->destinations[i]);
	quarantined_rule(&in);
	silence_rule(&in);
	disk_rule(&in);
	accounting_rule(&in);
	suspended_rule(&in);
	look_at_expiry(&in);
	for (size_t i = 0; i < look->config->report_count; i++)
		report_rule(&in, &look->config->reports[i]);
	sweep(memory, look);
}
