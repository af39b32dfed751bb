#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon.h"

#include "leadrelay/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DAY ((int64_t)24 * 3600 * 1000)

static int64_t wall_now, mono_now;

static int64_t wall(void *ctx)
{
	(void)ctx;
	return wall_now;
}

static int64_t mono(void *ctx)
{
	(void)ctx;
	return mono_now;
}

static const struct clock test_clock = {wall, mono, NULL};

/* Standard error goes into a pipe while call() runs; what was logged stands in text. */
static char text[8192];

static void capture(void (*call)(void *ctx), void *ctx)
{
	int saved = dup(STDERR_FILENO);
	int ends[2];
	ssize_t len;

	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	dup2(ends[1], STDERR_FILENO);
	call(ctx);
	dup2(saved, STDERR_FILENO);
	len = read(ends[0], text, sizeof(text) - 1);
	text[len > 0 ? len : 0] = '\0';
	close(saved);
	close(ends[0]);
	close(ends[1]);
}

static struct daemon daemon_with(struct generation *generation)
{
	return (struct daemon){.clock = &test_clock, .generation = generation};
}

struct told {
	struct daemon *daemon;
	struct relay_event event;
	int times;
};

static void tell(void *ctx)
{
	struct told *told = ctx;

	for (int i = 0; i < told->times; i++)
		event_relay(told->daemon, &told->event);
}

static void a_parked_destination_is_told_with_cause_consequence_and_command(void **state)
{
	struct daemon daemon = daemon_with(NULL);
	struct told told = {&daemon,
		{.kind = RELAY_PARKED,
			.destination = "crm",
			.reason = REASON_UNAUTHORIZED,
			.error = "AADSTS7000222: the secret has expired",
			.remedy = "put a new secret into crm.secret",
			.waiting = 12},
		1};

	(void)state;
	capture(tell, &told);
	assert_non_null(strstr(text, "error destination parked destination=crm "
				     "reason=unauthorized"));
	assert_non_null(strstr(text, "AADSTS7000222"));
	assert_non_null(strstr(text, "put a new secret into crm.secret"));
	assert_non_null(strstr(text, "12 leads are waiting, none is lost"));
	assert_non_null(strstr(text, "leadctl destinations resume crm"));
}

static void tick(void *ctx)
{
	(void)ctx;
	events_tick(mono_now);
}

static void dead_leads_are_told_once_and_then_together(void **state)
{
	struct daemon daemon = daemon_with(NULL);
	struct uuid id = {{1}};
	struct told told = {&daemon,
		{.kind = RELAY_DEAD,
			.destination = "crm",
			.reason = REASON_INVALID,
			.lead = &id},
		5};

	(void)state;
	capture(tell, &told);
	assert_non_null(strstr(text, "warn lead dead destination=crm"));
	assert_ptr_equal(strchr(text, '\n') + 1, strchr(text, '\0'));
	mono_now += 299999;
	capture(tick, NULL);
	assert_string_equal(text, "");
	mono_now += 1;
	capture(tick, NULL);
	assert_non_null(strstr(text, "leads dead destination=crm count=4"));
	assert_non_null(strstr(text, "leadctl list --state dead --destination crm"));
	mono_now += 300000;
	capture(tick, NULL);
	assert_string_equal(text, "");
}

static void look(void *ctx)
{
	event_expiry(ctx, false);
}

static void a_credential_is_warned_about_at_30_14_7_and_1_days_and_when_it_ends(
	void **state)
{
	static const int64_t days[] = {40, 30, 29, 14, 13, 7, 2, 1, 0, -1};
	static const bool told[] = {0, 1, 0, 1, 0, 1, 0, 1, 1, 0};
	char name[] = "crm";
	struct destination_settings crm = {.name = name, .auth.expires_at = 100 * DAY};
	struct config config = {.destinations = &crm, .destination_count = 1};
	struct generation generation = {.config = &config};
	struct daemon daemon = daemon_with(&generation);

	(void)state;
	for (size_t i = 0; i < sizeof(days) / sizeof(days[0]); i++) {
		wall_now = (100 - days[i]) * DAY;
		capture(look, &daemon);
		assert_int_equal(
			strstr(text, "credential of destination crm") != NULL, told[i]);
	}
	crm.auth.expires_at = 500 * DAY; /* renewed: and warned about anew */
	capture(look, &daemon);
	assert_string_equal(text, "");
	wall_now = 480 * DAY;
	capture(look, &daemon);
	assert_non_null(strstr(text, "expires soon"));
}

static int silence(void **state)
{
	(void)state;
	events_finish();
	return 0;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(
			a_parked_destination_is_told_with_cause_consequence_and_command,
			silence),
		cmocka_unit_test_teardown(
			dead_leads_are_told_once_and_then_together, silence),
		cmocka_unit_test_teardown(
			a_credential_is_warned_about_at_30_14_7_and_1_days_and_when_it_ends,
			silence),
	};

	log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT, &test_clock);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
