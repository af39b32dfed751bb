/* What is raised, told anew and cleared, look by look, on a virtual clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alerts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE ((int64_t)60 * 1000)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

struct told {
	char key[160];
	enum alert_turn turn;
	struct alert_words words;
};

struct world {
	struct alert_memory memory;
	struct config config;
	struct destination_settings settings;
	struct destination_vitals crm[2];
	struct job_vitals vitals;
	struct alert_look look;
	const char *report_failure;
	struct told told[16];
	int count;
};

static struct world world;

static const char *remedy(void *ctx, const char *destination)
{
	(void)ctx;
	(void)destination;
	return "put a new secret into crm.secret";
}

static const char *report_failure(void *ctx, const char *report)
{
	(void)ctx;
	(void)report;
	return world.report_failure;
}

/* As alerts.c does when the store has taken it. */
static void turn(void *ctx, struct alert_known *known, enum alert_turn what, int64_t told,
	const struct alert_words *words, bool log)
{
	struct told *next = &world.told[world.count++];

	(void)ctx;
	(void)log;
	snprintf(next->key, sizeof(next->key), "%s", known->key);
	next->turn = what;
	if (words)
		next->words = *words;
	known->raised = what == ALERT_RAISE || what == ALERT_NOTE;
	known->told = told;
	known->so_since = INT64_MIN;
	if (what == ALERT_RAISE)
		known->told_at = world.look.mono;
}

static char crm_name[] = "crm", state_dir[] = "/var/lib/leadrelay";

static int begin(void **state)
{
	(void)state;
	memset(&world, 0, sizeof(world));
	world.settings.name = crm_name;
	world.config.state_dir = state_dir;
	world.config.destinations = &world.settings;
	world.config.destination_count = 1;
	snprintf(world.crm[0].name, sizeof(world.crm[0].name), "crm");
	snprintf(world.crm[1].name, sizeof(world.crm[1].name), MAIL_DESTINATION);
	world.crm[0].state = world.crm[1].state = HEALTH_OPEN;
	world.vitals.destinations = world.crm;
	world.vitals.destination_count = 2;
	world.look = (struct alert_look){.config = &world.config,
		.vitals = &world.vitals,
		.wall = 1000 * DAY,
		.mono = 5000,
		.disk_free = (int64_t)100 << 30,
		.disk_size = (int64_t)200 << 30,
		.remedy = remedy,
		.report_failure = report_failure,
		.turn = turn};
	world.vitals.last_lead_at = world.look.wall;
	return 0;
}

static int end(void **state)
{
	(void)state;
	alert_forget_all(&world.memory);
	return 0;
}

/* One look after some time; how many things were told. */
static int look_after(int64_t ms)
{
	world.count = 0;
	world.look.wall += ms;
	world.look.mono += ms;
	world.look.running_ms += ms;
	alerts_look(&world.memory, &world.look);
	return world.count;
}

static void expect(enum alert_turn what, const char *key, const char *title)
{
	assert_int_equal(world.count, 1);
	assert_int_equal(world.told[0].turn, what);
	assert_string_equal(world.told[0].key, key);
	if (title)
		assert_string_equal(world.told[0].words.title, title);
}

/* A new daemon: what the store keeps, and nothing else. */
static void restart(void)
{
	struct alert_memory before = world.memory;

	world.memory = (struct alert_memory){0};
	for (struct alert_known *old = before.known; old; old = old->next) {
		struct alert_known *known;

		if (!old->raised)
			continue;
		known = alert_remember(&world.memory, old->key);
		known->raised = true;
		known->told = old->told;
	}
	alert_forget_all(&before);
	world.look.running_ms = 0;
}

static void all_is_well_and_nothing_is_told(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(look_after(HOUR), 0);
}

static void parked_is_told_once_with_what_to_do_and_an_all_clear(void **state)
{
	struct destination_vitals *crm = &world.crm[0];

	(void)state;
	crm->state = HEALTH_PARKED;
	crm->reason = REASON_UNAUTHORIZED;
	crm->pending = 12;
	snprintf(crm->error, sizeof(crm->error), "AADSTS7000222: it has expired");
	look_after(2000);
	expect(ALERT_RAISE, "parked:crm", "crm parked: unauthorized");
	assert_string_equal(world.told[0].words.cause, crm->error);
	assert_string_equal(
		world.told[0].words.consequence, "12 leads are waiting, none is lost");
	assert_string_equal(
		world.told[0].words.command, "leadctl destinations resume crm");
	crm->reason = REASON_ENVIRONMENT;
	assert_int_equal(look_after(2000), 0);
	restart();
	assert_int_equal(look_after(2000), 0);
	crm->state = HEALTH_BACKING_OFF;
	look_after(2000);
	expect(ALERT_CLEAR, "parked:crm", "crm resumed");
	assert_int_equal(look_after(2000), 0);
}

static void a_removed_destination_goes_quietly(void **state)
{
	struct destination_vitals *crm = &world.crm[0];

	(void)state;
	crm->state = HEALTH_PARKED;
	crm->reason = REASON_REMOVED;
	assert_int_equal(look_after(2000), 0); /* nothing waits for it */
	crm->pending = 1;
	look_after(2000);
	expect(ALERT_RAISE, "parked:crm", "crm parked: removed");
	crm->pending = 0;
	look_after(2000);
	expect(ALERT_FORGET, "parked:crm", NULL);
}

static void mail_itself_is_never_told_about_by_mail(void **state)
{
	(void)state;
	world.crm[1].state = HEALTH_PARKED;
	world.crm[1].dead = world.crm[1].died = 4;
	world.crm[1].oldest_pending_at = world.look.wall - DAY;
	for (int i = 0; i < 10; i++)
		assert_int_equal(look_after(MINUTE), 0);
}

static void dead_leads_are_grouped_per_five_minutes(void **state)
{
	struct destination_vitals *crm = &world.crm[0];

	(void)state;
	crm->dead = crm->died = 1;
	look_after(2000);
	expect(ALERT_RAISE, "dead:crm", "1 lead dead at crm");
	for (int i = 0; i < 100; i++) {
		crm->dead = ++crm->died;
		assert_int_equal(look_after(2000), 0);
	}
	look_after(5 * MINUTE);
	expect(ALERT_RAISE, "dead:crm", "100 leads dead at crm");
	restart();
	assert_int_equal(look_after(2000), 0);
	crm->dead = 0; /* all were replayed; one dies again at once */
	look_after(2000);
	expect(ALERT_CLEAR, "dead:crm", "no dead lead left at crm");
	crm->dead = 1;
	crm->died++;
	look_after(2000);
	expect(ALERT_RAISE, "dead:crm", "1 lead dead at crm");
}

static void a_backlog_is_told_after_an_hour_and_not_while_it_drains(void **state)
{
	struct destination_vitals *crm = &world.crm[0];

	(void)state;
	crm->pending = 3;
	crm->oldest_pending_at = world.look.wall - 2 * HOUR;
	assert_int_equal(look_after(0), 0); /* a start after a downtime */
	crm->oldest_pending_at = 0;
	assert_int_equal(look_after(2000), 0);
	crm->oldest_pending_at = world.look.wall - HOUR + 2000;
	assert_int_equal(look_after(2000), 0);
	assert_int_equal(look_after(2000), 0);
	look_after(10000);
	expect(ALERT_RAISE, "backlog:crm", "crm: leads wait for more than an hour");
	crm->oldest_pending_at = world.look.wall - 40 * MINUTE;
	assert_int_equal(look_after(2000), 0); /* it does not flap */
	crm->oldest_pending_at = world.look.wall - 10 * MINUTE;
	look_after(2000);
	expect(ALERT_CLEAR, "backlog:crm", "crm: the backlog is gone");
}

static void a_credential_is_told_of_at_30_14_7_and_1_days_and_when_it_ends(void **state)
{
	int told = 0;

	(void)state;
	world.settings.auth.expires_at = world.look.wall + 40 * DAY;
	for (int i = 0; i < 45 * 24; i++) {
		told += look_after(HOUR);
		if (i % 100 == 0)
			restart();
	}
	assert_int_equal(told, 5);
	world.settings.auth.expires_at = world.look.wall + 10 * DAY;
	assert_int_equal(look_after(20000), 1);
	assert_int_equal(world.told[0].turn, ALERT_NOTE); /* better, not well */
	world.settings.auth.expires_at = world.look.wall + 300 * DAY;
	look_after(20000);
	expect(ALERT_CLEAR, "expiry:crm", "credential of crm renewed");
}

static void each_listener_has_a_certificate_of_its_own(void **state)
{
	(void)state;
	world.look.certificate_expires_at = world.look.wall + 300 * DAY;
	world.look.admin_expires_at = world.look.wall + 20 * DAY;
	look_after(2000);
	look_after(20000);
	expect(ALERT_RAISE, "expiry:(admin)", "certificate of admin expires in 20 days");
	world.look.certificate_expires_at = world.look.wall + 5 * DAY;
	look_after(2000);
	look_after(20000);
	expect(ALERT_RAISE, "expiry:(intake)",
		"certificate of the intake expires in 5 days");
}

static void a_clock_that_jumps_and_comes_back_tells_nothing(void **state)
{
	(void)state;
	world.settings.auth.expires_at = world.look.wall + 40 * DAY;
	world.config.silence_alert_ms = DAY;
	world.crm[0].pending = 1;
	world.crm[0].oldest_pending_at = world.look.wall;
	assert_int_equal(look_after(2000), 0);
	world.look.running_ms = 2 * DAY;
	world.look.wall += 100 * DAY;
	assert_int_equal(look_after(2000), 0);
	assert_int_equal(look_after(2000), 0);
	world.look.wall -= 100 * DAY;
	for (int i = 0; i < 10; i++)
		assert_int_equal(look_after(2000), 0);
}

static void silence_is_told_when_the_relay_could_have_heard(void **state)
{
	(void)state;
	world.config.silence_alert_ms = HOUR;
	world.vitals.last_lead_at = world.look.wall - DAY; /* it was down */
	assert_int_equal(look_after(HOUR - 2000), 0);
	assert_int_equal(look_after(4000), 0);
	look_after(20000);
	expect(ALERT_RAISE, "silence", "no lead for 1h");
	restart();
	assert_int_equal(look_after(2000), 0);
	world.vitals.last_lead_at = world.look.wall;
	look_after(2000);
	expect(ALERT_CLEAR, "silence", "leads arrive again");
	world.vitals.last_lead_at = world.look.wall - 2 * DAY;
	world.look.running_ms = DAY;
	look_after(2000);
	look_after(20000);
	world.config.silence_alert_ms = 0; /* switched off: nothing to say about it */
	look_after(2000);
	expect(ALERT_FORGET, "silence", NULL);
}

static void the_rest_is_told_once_each(void **state)
{
	static char name[] = "daily";
	struct report_settings report = {.name = name};

	(void)state;
	world.look.disk_free = 100 << 20;
	look_after(2000);
	expect(ALERT_RAISE, "disk", "disk low");
	world.look.disk_free = 280 << 20;
	assert_int_equal(look_after(2000), 0); /* it does not flap */
	world.look.disk_size = 0;
	assert_int_equal(look_after(2000), 0); /* nor end because nobody looked */
	world.look.disk_size = (int64_t)200 << 30;
	world.look.disk_free = (int64_t)20 << 30;
	look_after(2000);
	expect(ALERT_CLEAR, "disk", "disk has room again");
	world.vitals.difference = -2;
	look_after(2000);
	expect(ALERT_RAISE, "accounting", "accounting difference of -2");
	world.vitals.difference = 0;
	look_after(2000);
	expect(ALERT_CLEAR, "accounting", NULL);
	world.look.intake_only = true;
	look_after(2000);
	expect(ALERT_RAISE, "suspended", "delivering is suspended");
	world.look.intake_only = false;
	look_after(2000);
	expect(ALERT_CLEAR, "suspended", "delivering again");
	world.vitals.quarantined = 3;
	look_after(2000);
	expect(ALERT_RAISE, "quarantined", "3 leads quarantined");
	assert_int_equal(look_after(HOUR), 0);
	world.config.reports = &report;
	world.config.report_count = 1;
	world.report_failure = "cannot write into /srv/reports";
	look_after(2000);
	expect(ALERT_RAISE, "report:daily", "report daily failed");
	world.report_failure = NULL;
	look_after(2000);
	expect(ALERT_CLEAR, "report:daily", "report daily made");
}

static void what_the_store_has_not_taken_is_left_alone(void **state)
{
	struct alert_known *known = alert_remember(&world.memory, "parked:crm");

	(void)state;
	known->busy = true;
	world.crm[0].state = HEALTH_PARKED;
	assert_int_equal(look_after(2000), 0);
	known->busy = false; /* it refused: the next look says it again */
	look_after(2000);
	expect(ALERT_RAISE, "parked:crm", NULL);
}

static void a_disk_is_low_by_what_is_left(void **state)
{
	const int64_t gib = 1 << 30;

	(void)state;
	assert_false(disk_is_low(0, 0)); /* not known */
	assert_true(disk_is_low(200 << 20, 400 << 20));
	assert_true(disk_is_low(4 * gib, 100 * gib));
	assert_false(disk_is_low(6 * gib, 100 * gib));
	assert_false(disk_is_low(40 * gib, 1000 * gib));
	assert_false(disk_is_low(300 << 20, 2 * gib));
}

static void an_alert_is_one_subject_line_text_and_escaped_html(void **state)
{
	struct alert_words words = {.title = "crm parked: forbidden",
		.what = "It is parked.",
		.cause = "<b>no</b> & \"never\"",
		.command = "leadctl destinations resume crm"};
	struct alert_mail mail;

	(void)state;
	alert_compose(&mail, &words, "relay1", 0);
	assert_string_equal(
		buf_str(&mail.subject), "[leadrelay relay1] crm parked: forbidden");
	assert_non_null(strstr(buf_str(&mail.text), "<b>no</b> & \"never\""));
	assert_non_null(strstr(
		buf_str(&mail.html), "&lt;b&gt;no&lt;/b&gt; &amp; &quot;never&quot;"));
	assert_null(strstr(buf_str(&mail.html), "<b>"));
	assert_null(strstr(buf_str(&mail.text), "Consequence"));
	alert_mail_finish(&mail);
}

#define ONE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		ONE(all_is_well_and_nothing_is_told),
		ONE(parked_is_told_once_with_what_to_do_and_an_all_clear),
		ONE(a_removed_destination_goes_quietly),
		ONE(mail_itself_is_never_told_about_by_mail),
		ONE(dead_leads_are_grouped_per_five_minutes),
		ONE(a_backlog_is_told_after_an_hour_and_not_while_it_drains),
		ONE(a_credential_is_told_of_at_30_14_7_and_1_days_and_when_it_ends),
		ONE(each_listener_has_a_certificate_of_its_own),
		ONE(a_clock_that_jumps_and_comes_back_tells_nothing),
		ONE(silence_is_told_when_the_relay_could_have_heard),
		ONE(the_rest_is_told_once_each),
		ONE(what_the_store_has_not_taken_is_left_alone),
		ONE(a_disk_is_low_by_what_is_left),
		ONE(an_alert_is_one_subject_line_text_and_escaped_html),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
