/* The ring of the last events: numbers that grow, what is forgotten, and other lives. */
#include "daemon.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BORN_AT 1000000

static int64_t now = BORN_AT;

static int64_t fixed(void *ctx)
{
	(void)ctx;
	return now;
}

static const struct clock test_clock = {.wall = fixed, .mono = fixed};

static int setup(void **state)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));

	now = BORN_AT;
	daemon->clock = &test_clock;
	feed_start(daemon);
	*state = daemon;
	return 0;
}

static int teardown(void **state)
{
	feed_finish(*state);
	free(*state);
	return 0;
}

static void add(struct daemon *daemon, int count)
{
	for (int i = 0; i < count; i++) {
		const struct control_event event = {.event = "accepted", .count = i};

		now++;
		feed_add(daemon->feed, &event);
	}
}

struct got {
	struct control_event events[1200];
	size_t count;
	bool gap;
	int64_t known_from;
};

static const struct got *get(struct daemon *daemon, int64_t after, size_t max)
{
	static struct got got;

	got.count = feed_read(
		daemon->feed, after, 0, got.events, max, &got.gap, &got.known_from);
	return &got;
}

static void nothing_happened_yet(void **state)
{
	const struct got *got = get(*state, 0, 10);

	assert_int_equal(got->count, 0);
	assert_int_equal(got->known_from, BORN_AT);
	got = get(*state, feed_last(((struct daemon *)*state)->feed), 10);
	assert_int_equal(got->count, 0);
	assert_false(got->gap);
}

static void the_newest_and_those_behind(void **state)
{
	const struct got *got;
	int64_t last;

	add(*state, 5);
	got = get(*state, 0, 2);
	assert_int_equal(got->count, 2);
	assert_int_equal(got->events[1].count, 4);
	assert_int_equal(got->events[1].at, BORN_AT + 5);
	assert_int_equal(got->events[1].number, got->events[0].number + 1);
	last = got->events[1].number;
	add(*state, 3);
	got = get(*state, last, 10);
	assert_int_equal(got->count, 3);
	assert_false(got->gap);
	assert_int_equal(got->events[0].number, last + 1);
	got = get(*state, last, 2); /* the others come with the next request */
	assert_int_equal(got->count, 2);
	assert_int_equal(got->events[0].number, last + 1);
}

static void what_is_forgotten_is_a_gap(void **state)
{
	const struct got *got;
	int64_t first;

	add(*state, 1);
	first = get(*state, 0, 1)->events[0].number;
	add(*state, 1000);
	got = get(*state, first, 1200);
	assert_false(got->gap);
	assert_int_equal(got->count, 1000);
	add(*state, 1);
	got = get(*state, first, 1200);
	assert_true(got->gap);
	assert_int_equal(got->count, 1000);
	assert_int_equal(got->known_from, got->events[0].at);
}

static void numbers_of_another_life_are_a_gap(void **state)
{
	struct daemon *daemon = *state;
	int64_t last;

	add(daemon, 4);
	last = feed_last(daemon->feed);
	feed_finish(daemon);
	now += 1000;
	feed_start(daemon);
	assert_true(get(daemon, last, 10)->gap);
	assert_int_equal(get(daemon, last, 10)->known_from, now);
	add(daemon, 1);
	assert_int_equal(get(daemon, last, 10)->count, 1);
	assert_true(get(daemon, last, 10)->events[0].number > last);
	assert_true(
		get(daemon, feed_last(daemon->feed) + 1, 10)->gap); /* a clock set back */
}

static void a_duplicate_and_a_conflict(void **state)
{
	const struct uuid lead = {{1}};

	feed_took(*state, "website", &lead, ACCEPT_DUPLICATE);
	feed_took(*state, "website", &lead, ACCEPT_CONFLICT);
	assert_int_equal(get(*state, 0, 10)->count, 1);
	assert_string_equal(get(*state, 0, 10)->events[0].event, "duplicate");
	assert_string_equal(get(*state, 0, 10)->events[0].source, "website");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_happened_yet, setup, teardown),
		cmocka_unit_test_setup_teardown(
			the_newest_and_those_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(
			what_is_forgotten_is_a_gap, setup, teardown),
		cmocka_unit_test_setup_teardown(
			numbers_of_another_life_are_a_gap, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_duplicate_and_a_conflict, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
