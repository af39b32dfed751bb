#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "leadrelay/clock.h"
#include "room.h"

#include <string.h>

static void known_until_it_ends(void **state)
{
	static struct sessions sessions;
	char id[SESSION_ID_SIZE], other[SESSION_ID_SIZE];

	(void)state;
	session_begin(&sessions, &entropy_system, 1, id);
	session_begin(&sessions, &entropy_system, 1, other);
	assert_int_equal(strlen(id), 64);
	assert_string_not_equal(id, other);
	assert_true(session_known(&sessions, id, 2));
	assert_false(session_known(&sessions, "", 2));
	assert_false(session_known(&sessions,
		"0000000000000000000000000000000000000000000000000000000000000000", 2));
	session_end(&sessions, id);
	assert_false(session_known(&sessions, id, 3));
	assert_true(session_known(&sessions, other, 3));
	session_end_all(&sessions);
	assert_false(session_known(&sessions, other, 3));
}

static void idle_for_too_long(void **state)
{
	static struct sessions sessions;
	char id[SESSION_ID_SIZE];
	int64_t now = 5;

	(void)state;
	session_begin(&sessions, &entropy_system, now, id);
	for (int i = 0; i < 4; i++) { /* each use begins the time anew */
		now += SESSION_IDLE_MS - 1;
		assert_true(session_known(&sessions, id, now));
	}
	now += SESSION_IDLE_MS;
	assert_false(session_known(&sessions, id, now));
	assert_false(session_known(&sessions, id, now - 1));
}

static void one_too_many_ends_the_one_that_was_idle_for_longest(void **state)
{
	static struct sessions sessions;
	char ids[SESSIONS_MAX + 1][SESSION_ID_SIZE];

	(void)state;
	for (int i = 0; i < SESSIONS_MAX; i++)
		session_begin(&sessions, &entropy_system, 10 + i, ids[i]);
	assert_true(session_known(&sessions, ids[0], 1000));
	session_begin(&sessions, &entropy_system, 1001, ids[SESSIONS_MAX]);
	assert_true(session_known(&sessions, ids[0], 1002));
	assert_false(session_known(&sessions, ids[1], 1002));
	assert_true(session_known(&sessions, ids[2], 1002));
	assert_true(session_known(&sessions, ids[SESSIONS_MAX], 1002));
}

static void its_cookie_is_found_among_others(void **state)
{
	char header[400], id[SESSION_ID_SIZE],
		value[] =
			"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

	(void)state;
	assert_false(session_cookie(NULL, id));
	assert_false(session_cookie("", id));
	assert_false(session_cookie("leadrelay_session=", id));
	assert_false(session_cookie("leadrelay_session=short; a=b", id));
	strcat(strcpy(header, "a=b; leadrelay_session="), value);
	assert_true(session_cookie(header, id));
	assert_string_equal(id, value);
	strcat(header, ";c=d");
	assert_true(session_cookie(header, id));
	strcat(header, "0");
	strcat(strcpy(header, "xleadrelay_session="), value);
	assert_false(session_cookie(header, id));
	strcat(strcat(strcpy(header, "leadrelay_session="), value), "0");
	assert_false(session_cookie(header, id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_until_it_ends),
		cmocka_unit_test(idle_for_too_long),
		cmocka_unit_test(one_too_many_ends_the_one_that_was_idle_for_longest),
		cmocka_unit_test(its_cookie_is_found_among_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
