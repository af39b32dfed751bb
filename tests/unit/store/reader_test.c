#include "fixture.h"
#include "leadrelay/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reading {
	struct fixture *f;
	struct reader *reader;
};

static int setup(void **state)
{
	struct reading *r = calloc(1, sizeof(*r));
	void *fixture;
	struct err err = {0};

	fixture_setup(&fixture);
	r->f = fixture;
	if (reader_open(&r->reader, r->f->dir, &r->f->clock, &err) != ERR_OK)
		fail_msg("%s", err.text);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct reading *r = *state;
	void *fixture = r->f;

	reader_close(r->reader);
	fixture_teardown(&fixture);
	free(r);
	return 0;
}

struct listed {
	int64_t seqs[100];
	int count;
	int stop_after;
};

static bool note(void *ctx, const struct lead_row *row)
{
	struct listed *listed = ctx;

	listed->seqs[listed->count++] = row->seq;
	return listed->count != listed->stop_after;
}

static int list(struct reading *r, const struct selection *selection, int64_t limit,
	struct listed *out)
{
	struct err err = {0};

	*out = (struct listed){0};
	if (reader_list(r->reader, selection, limit, note, out, &err) != ERR_OK)
		fail_msg("%s", err.text);
	return out->count;
}

static void names_lead_to_ids(void **state)
{
	struct reading *r = *state;

	assert_int_equal(reader_destination(r->reader, "archive"), r->f->archive);
	assert_int_equal(reader_destination(r->reader, "nowhere"), 0);
	assert_int_equal(reader_source(r->reader, "shop"), r->f->shop);
	assert_int_equal(reader_source(r->reader, "crm"), 0);
}

static void destinations_come_with_their_counters_and_oldest_pending(void **state)
{
	struct reading *r = *state;
	struct destination_row *rows;
	size_t count;
	struct err err;

	settle(r->f, add_lead(r->f, "1"), DELIVERY_ACCEPT, 0);
	r->f->wall += 10;
	add_lead(r->f, "2");
	r->f->wall += 10;
	add_lead(r->f, "3");
	assert_int_equal(reader_destinations(r->reader, &rows, &count, &err), ERR_OK);
	assert_int_equal(count, 2);
	assert_string_equal(rows[0].name, "crm");
	assert_string_equal(rows[0].kind, "dynamics365");
	assert_int_equal(rows[0].pending, 2);
	assert_int_equal(rows[0].delivered, 1);
	assert_int_equal(rows[0].oldest_pending_at, NOW + 10);
	assert_int_equal(rows[1].oldest_pending_at, 0);
	free(rows);
}

static void sources_come_with_their_counters(void **state)
{
	struct reading *r = *state;
	struct source_row *rows;
	size_t count;
	int64_t waiting;
	struct err err;

	add_lead(r->f, "1");
	assert_int_equal(reader_sources(r->reader, &rows, &count, &err), ERR_OK);
	assert_int_equal(count, 2);
	assert_string_equal(rows[0].name, "web");
	assert_true(rows[0].configured);
	assert_int_equal(rows[0].accepted, 1);
	assert_int_equal(rows[0].requests, 1);
	assert_int_equal(rows[0].last_at, NOW);
	free(rows);
	assert_int_equal(reader_quarantined(r->reader, &waiting, &err), ERR_OK);
	assert_int_equal(waiting, 0);
}

static void a_list_is_newest_first_and_stops_at_its_limit(void **state)
{
	struct reading *r = *state;
	struct selection all = {0};
	struct listed listed;
	struct err err;

	for (int i = 0; i < 10; i++)
		add_lead(r->f, "x");
	assert_int_equal(list(r, &all, 0, &listed), 10);
	for (int i = 0; i < 10; i++)
		assert_int_equal(listed.seqs[i], 10 - i);
	assert_int_equal(list(r, &all, 3, &listed), 3);
	assert_int_equal(listed.seqs[2], 8);
	listed = (struct listed){.stop_after = 4};
	assert_int_equal(reader_list(r->reader, &all, 0, note, &listed, &err), ERR_OK);
	assert_int_equal(listed.count, 4);
}

static int walk(struct reading *r, const struct selection *selection, int64_t after,
	struct listed *out)
{
	struct err err = {0};

	*out = (struct listed){0};
	if (reader_walk(r->reader, selection, after, note, out, &err) != ERR_OK)
		fail_msg("%s", err.text);
	return out->count;
}

static void a_walk_is_oldest_first_from_anywhere(void **state)
{
	struct reading *r = *state;
	struct selection all = {0}, since = {.since = NOW + 3},
			 until = {.until = NOW + 3};
	struct selection both = {.since = NOW + 2, .until = NOW + 5};
	struct selection never = {.since = NOW + 100};
	struct selection waiting = {.states = 1u << DELIVERY_PENDING};
	struct listed listed;

	assert_int_equal(walk(r, &all, 0, &listed), 0);
	for (int i = 0; i < 10; i++, r->f->wall++)
		add_lead(r->f, "x");
	assert_int_equal(walk(r, &all, 0, &listed), 10);
	for (int i = 0; i < 10; i++)
		assert_int_equal(listed.seqs[i], i + 1);
	assert_int_equal(walk(r, &all, 7, &listed), 3);
	assert_int_equal(listed.seqs[0], 8);
	assert_int_equal(walk(r, &all, 10, &listed), 0);
	assert_int_equal(walk(r, &since, 0, &listed), 7);
	assert_int_equal(listed.seqs[0], 4);
	assert_int_equal(walk(r, &since, 8, &listed), 2);
	assert_int_equal(walk(r, &until, 0, &listed), 3);
	assert_int_equal(walk(r, &until, 5, &listed), 0);
	assert_int_equal(walk(r, &both, 0, &listed), 3);
	assert_int_equal(listed.seqs[2], 5);
	assert_int_equal(walk(r, &never, 0, &listed), 0);
	assert_int_equal(walk(r, &waiting, 6, &listed), 4);
	assert_int_equal(listed.seqs[0], 7);
}

static void a_list_obeys_its_filters(void **state)
{
	struct reading *r = *state;
	struct listed listed;
	int64_t named[] = {2, 1};
	struct {
		struct selection selection;
		int count;
	} cases[] = {
		{{.states = 1u << DELIVERY_DEAD}, 1},
		{{.states = 1u << DELIVERY_DEAD | 1u << DELIVERY_PENDING}, 2},
		{{.states = 1u << DELIVERY_DELIVERED}, 1},
		{{.states = 1u << DELIVERY_DELIVERED | 1u << DELIVERY_DEAD}, 2},
		{{.states = SELECT_QUARANTINED}, 0},
		{{.destination = 2}, 0},
		{{.destination = 1, .states = 1u << DELIVERY_PENDING}, 1},
		{{.reason = REASON_PLUGIN}, 1},
		{{.since = NOW + 1}, 2},
		{{.since = NOW + 1, .until = NOW + 2}, 1},
		{{.since = NOW + 99}, 0},
		{{.email = "Jane@Example.com"}, 3},
		{{.email = "x@example.com"}, 0},
		{{.source = 2}, 0},
		{{.leads = named, .lead_count = 2}, 2},
	};

	settle(r->f, add_lead(r->f, "1"), DELIVERY_ACCEPT, 0);
	r->f->wall++;
	settle(r->f, add_lead(r->f, "2"), DELIVERY_REFUSE, 0);
	r->f->wall++;
	add_lead(r->f, "3");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(
			list(r, &cases[i].selection, 0, &listed), cases[i].count);
}

static void a_lead_at_two_destinations_is_listed_once(void **state)
{
	struct reading *r = *state;
	struct selection pending = {.states = 1u << DELIVERY_PENDING};
	struct accept accept;
	struct listed listed;

	accept_init(r->f, &accept, "body");
	accept_to(&accept, 2, r->f->crm, r->f->archive);
	call(r->f, &accept.job.job);
	accept_finish(&accept);
	assert_int_equal(list(r, &pending, 0, &listed), 1);
}

static void a_lead_is_found_by_its_id_or_an_end_of_it(void **state)
{
	struct reading *r = *state;
	char text[UUID_TEXT_SIZE];
	char upper[UUID_TEXT_SIZE];
	char other[16] = "";
	struct err err;
	int64_t seq;

	add_lead(r->f, "1");
	uuid_text(&r->f->last_id, text);
	for (int i = 0; i < UUID_TEXT_SIZE; i++)
		upper[i] =
			text[i] >= 'a' && text[i] <= 'f' ? (char)(text[i] - 32) : text[i];
	assert_int_equal(reader_find(r->reader, text, &seq, &err), ERR_OK);
	assert_int_equal(seq, 1);
	assert_int_equal(reader_find(r->reader, upper, &seq, &err), ERR_OK);
	assert_int_equal(reader_find(r->reader, text + 28, &seq, &err), ERR_OK);
	snprintf(other, sizeof(other), "%.6s", text);
	assert_int_equal(reader_find(r->reader, other, &seq, &err), ERR_OK);
	add_lead(r->f, "2");
	assert_int_equal(reader_find(r->reader, text + 28, &seq, &err), ERR_OK);
	assert_int_equal(seq, 1);
	assert_int_equal(reader_find(r->reader, other, &seq, &err), ERR_AMBIGUOUS);
	assert_non_null(strstr(err.text, text));
	assert_int_equal(reader_find(r->reader, "12345", &seq, &err), ERR_INVALID);
	assert_int_equal(reader_find(r->reader, "nothex", &seq, &err), ERR_INVALID);
	other[0] = (char)(other[0] == 'f' ? 'e' : 'f');
	assert_int_equal(reader_find(r->reader, other, &seq, &err), ERR_NOT_FOUND);
}

static int64_t next_attempt(struct reading *r, enum health_state state, int64_t next_at)
{
	struct job_health job = {.destination = r->f->crm,
		.health = {.state = state, .next_at = next_at, .since = NOW},
		.now = NOW};
	struct lead_row row;
	struct err err;
	int64_t at;

	job_health_prepare(&job);
	call(r->f, &job.job);
	assert_int_equal(reader_show(r->reader, 1, &row, &err), ERR_OK);
	at = row.deliveries[0].next_attempt_at;
	lead_row_finish(&row);
	return at;
}

static void a_lead_waits_at_least_as_long_as_its_destination(void **state)
{
	struct reading *r = *state;

	settle(r->f, add_lead(r->f, "1"), DELIVERY_RETRY, NOW + 77);
	assert_int_equal(next_attempt(r, HEALTH_OPEN, 0), NOW + 77);
	assert_int_equal(next_attempt(r, HEALTH_THROTTLED, NOW + 300000), NOW + 300000);
	assert_int_equal(next_attempt(r, HEALTH_BACKING_OFF, NOW + 5), NOW + 77);
	assert_int_equal(next_attempt(r, HEALTH_PARKED, INT64_MAX), 0);
}

static void show_tells_all_of_a_lead(void **state)
{
	struct reading *r = *state;
	struct lead_row row;
	struct attempt_row *attempts;
	size_t count;
	struct buf raw = BUF_INIT;
	struct err err;
	int64_t id = add_lead(r->f, "{\"raw\":1}");

	settle(r->f, id, DELIVERY_RETRY, NOW + 77);
	assert_int_equal(reader_show(r->reader, 1, &row, &err), ERR_OK);
	assert_string_equal(row.lead.fields[FIELD_EMAIL], "jane@example.com");
	assert_string_equal(row.lead.source, "web");
	assert_int_equal(row.delivery_count, 1);
	assert_string_equal(row.deliveries[0].destination, "crm");
	assert_int_equal(row.deliveries[0].state, DELIVERY_PENDING);
	assert_int_equal(row.deliveries[0].next_attempt_at, NOW + 77);
	assert_int_equal(row.deliveries[0].attempts, 1);
	assert_int_equal(row.deliveries[0].reason, REASON_PLUGIN);
	lead_row_finish(&row);
	assert_int_equal(reader_attempts(r->reader, id, &attempts, &count, &err), ERR_OK);
	assert_int_equal(count, 1);
	assert_int_equal(attempts[0].outcome, OUTCOME_RETRY);
	assert_int_equal(attempts[0].http_status, 500);
	attempts_free(attempts, count);
	assert_int_equal(reader_raw(r->reader, 1, &raw, &err), ERR_OK);
	assert_string_equal(buf_str(&raw), "{\"raw\":1}");
	buf_finish(&raw);
	assert_int_equal(reader_show(r->reader, 2, &row, &err), ERR_NOT_FOUND);
}

static void the_accounting_has_no_difference(void **state)
{
	struct reading *r = *state;
	struct accounting sum;
	struct err err;

	settle(r->f, add_lead(r->f, "1"), DELIVERY_ACCEPT, 0);
	settle(r->f, add_lead(r->f, "2"), DELIVERY_REFUSE, 0);
	add_lead(r->f, "3");
	assert_int_equal(reader_accounting(r->reader, 0, &sum, &err), ERR_OK);
	assert_int_equal(sum.accepted, 3);
	assert_int_equal(sum.delivered, 1);
	assert_int_equal(sum.difference, 0);
	assert_int_equal(reader_accounting(r->reader, r->f->archive, &sum, &err), ERR_OK);
	assert_int_equal(sum.accepted, 0);
}

struct problems {
	int count;
	char all[2000];
};

static void note_problem(void *ctx, const char *text)
{
	struct problems *problems = ctx;

	problems->count++;
	strncat(problems->all, text, sizeof(problems->all) - strlen(problems->all) - 1);
	strncat(problems->all, "\n", sizeof(problems->all) - strlen(problems->all) - 1);
}

static void check(struct reading *r, struct problems *problems)
{
	struct err err = {0};

	*problems = (struct problems){0};
	if (reader_check(r->reader, note_problem, problems, &err) != ERR_OK)
		fail_msg("%s", err.text);
}

static void check_finds_nothing_in_a_sound_store(void **state)
{
	struct reading *r = *state;
	struct problems problems;
	enum delivery_event events[] = {DELIVERY_ACCEPT, DELIVERY_RETRY, DELIVERY_REFUSE};

	for (int i = 0; i < 9; i++)
		settle(r->f, add_lead(r->f, "x"), events[i % 3], NOW + 5);
	check(r, &problems);
	assert_string_equal(problems.all, "");
}

static void check_finds_what_does_not_agree(void **state)
{
	struct reading *r = *state;
	struct problems problems;

	settle(r->f, add_lead(r->f, "1"), DELIVERY_RETRY, NOW);
	add_lead(r->f, "2");
	execute(r->f, "UPDATE destination SET delivered = 1 WHERE name = 'crm'");
	execute(r->f, "UPDATE source SET accepted = 7 WHERE name = 'web'");
	execute(r->f, "PRAGMA foreign_keys = OFF; DELETE FROM lead WHERE seq = 2;"
		      "INSERT INTO attempt VALUES (99, 1, 0, 0, 1, 0, 0, NULL)");
	check(r, &problems);
	assert_non_null(strstr(problems.all, "delivered is counted 1 and there are 0"));
	assert_non_null(strstr(problems.all, "accepted is counted 7 and there are 1"));
	assert_non_null(strstr(problems.all, "accepted 2 is not pending 2"));
	assert_non_null(strstr(problems.all, "answered 2 is not accepted 7"));
	assert_non_null(strstr(problems.all, "1 deliveries belong to no lead"));
	assert_non_null(strstr(problems.all, "1 attempts belong to no delivery"));
}

/* Every look at the clock is a second later. */
static int64_t racing_mono(void *ctx)
{
	return *(int64_t *)ctx += 1000;
}

static void a_reader_is_cut_off_after_5_s(void **state)
{
	struct reading *r = *state;
	struct clock racing = {.mono = racing_mono, .ctx = &r->f->mono};
	struct reader *reader;
	struct selection nobody = {.email = "nobody@example.com"};
	struct listed listed = {0};
	struct err err;
	enum err_code code;

	execute(r->f,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE"
		" i < 5000) INSERT INTO lead (id, source, received_at, state, test,"
		" fields) SELECT randomblob(16), 1, 0, 1, 0, '{}' FROM n");
	assert_int_equal(reader_open(&reader, r->f->dir, &racing, &err), ERR_OK);
	code = reader_list(reader, &nobody, 0, note, &listed, &err);
	assert_int_equal(code, ERR_TIMEOUT);
	assert_non_null(strstr(err.text, "5 s"));
	reader_close(reader);
	add_lead(r->f, "1"); /* and nothing is left pinned or locked */
}

/* 200,000 leads do not come from a slow disk within 5 s: fewer at a time do. */
static void check_counts_what_a_slow_disk_gives(void **state)
{
	struct reading *r = *state;
	struct clock racing = {.mono = racing_mono, .ctx = &r->f->mono};
	struct problems problems = {0};
	struct reader *reader;
	struct err err;

	execute(r->f,
		"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE"
		" i < 5000) INSERT INTO lead (id, source, received_at, state, test,"
		" fields) SELECT randomblob(16), 1, 0, 1, 0, '{}' FROM n");
	assert_int_equal(reader_open(&reader, r->f->dir, &racing, &err), ERR_OK);
	if (reader_check(reader, note_problem, &problems, &err) != ERR_OK)
		fail_msg("%s", err.text);
	assert_string_equal(
		problems.all, "source web: accepted is counted 0 and there are 5000\n");
	reader_close(reader);
}

static void a_reader_changes_nothing_and_never_checkpoints(void **state)
{
	struct reading *r = *state;
	struct reader *reader;
	struct err err;
	char wal[128];
	FILE *file;

	add_lead(r->f, "1");
	assert_int_equal(reader_open(&reader, r->f->dir, &r->f->clock, &err), ERR_OK);
	reader_close(reader);
	snprintf(wal, sizeof(wal), "%s-wal", r->f->path);
	file = fopen(wal, "r");
	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	assert_true(ftell(file) > 0);
	fclose(file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_lead_to_ids),
		TEST(destinations_come_with_their_counters_and_oldest_pending),
		TEST(sources_come_with_their_counters),
		TEST(a_list_is_newest_first_and_stops_at_its_limit),
		TEST(a_walk_is_oldest_first_from_anywhere),
		TEST(a_list_obeys_its_filters),
		TEST(a_lead_at_two_destinations_is_listed_once),
		TEST(a_lead_is_found_by_its_id_or_an_end_of_it),
		TEST(show_tells_all_of_a_lead),
		TEST(a_lead_waits_at_least_as_long_as_its_destination),
		TEST(the_accounting_has_no_difference),
		TEST(check_finds_nothing_in_a_sound_store),
		TEST(check_finds_what_does_not_agree),
		TEST(check_counts_what_a_slow_disk_gives),
		TEST(a_reader_is_cut_off_after_5_s),
		TEST(a_reader_changes_nothing_and_never_checkpoints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
