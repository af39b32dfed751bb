/* A backup that comes back brings nobody back who asked to be forgotten. */
#include "fixture.h"
#include "leadrelay/forget.h"
#include "leadrelay/keep.h"
#include "leadrelay/reader.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fail_problem(void *ctx, const char *text)
{
	(void)ctx;
	fail_msg("%s", text);
}

static void expect_sound(struct fixture *f)
{
	struct reader *reader;
	struct err err = {0};

	assert_int_equal(reader_open(&reader, f->dir, &f->clock, &err), ERR_OK);
	assert_int_equal(reader_check(reader, fail_problem, NULL, &err), ERR_OK);
	reader_close(reader);
}

/* Its delivery. */
static int64_t add(struct fixture *f, const char *email, const char *description)
{
	struct accept accept;
	struct err err;
	int64_t delivery;
	char body[300];

	snprintf(body, sizeof(body), "{\"email\":\"%s\",\"description\":\"%s\"}", email,
		description);
	accept_init(f, &accept, body);
	lead_set(&accept.lead.lead, FIELD_EMAIL, email, &err);
	lead_set(&accept.lead.lead, FIELD_DESCRIPTION, description, &err);
	accept.job.check_content = true;
	accept.job.dedupe_window_ms = MINUTE;
	call(f, &accept.job.job);
	delivery = accept.lead.deliveries[0];
	accept_finish(&accept);
	return delivery;
}

static void refuse_with(struct fixture *f, int64_t delivery, const char *words)
{
	struct settled_exchange exchange = {.at = f->wall,
		.outcome = OUTCOME_REFUSED,
		.error = (char *)(uintptr_t)words};
	struct job_settle job = {.delivery = delivery,
		.destination = f->crm,
		.event = DELIVERY_REFUSE,
		.outcome = OUTCOME_REFUSED,
		.now = f->wall,
		.exchanges = &exchange,
		.exchange_count = 1};

	job_settle_prepare(&job);
	call(f, &job.job);
}

static void forget(struct fixture *f, const char *email, const int64_t *leads, size_t n)
{
	struct job_forget job = {
		.email = email, .leads = leads, .count = n, .now = f->wall};

	job_forget_prepare(&job);
	call(f, &job.job);
}

static void copy_outbox(struct fixture *f, const char *to)
{
	char command[400];

	fixture_close(f); /* no WAL stays behind */
	snprintf(command, sizeof(command), "cp %s %s/%s", f->path, f->dir, to);
	assert_int_equal(system(command), 0);
	fixture_open(f);
}

static struct restored restore(struct fixture *f, const char *from)
{
	struct restored done = {0};
	struct err err = {0};
	char path[200];
	int fd;

	fixture_close(f);
	snprintf(path, sizeof(path), "%s/%s", f->dir, from);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	if (store_restore(f->dir, &f->clock, from, fd, -1, NULL, &done, &err) != ERR_OK)
		fail_msg("%s", err.text);
	close(fd);
	fixture_open(f);
	return done;
}

#define NAMED(address) \
	"SELECT (SELECT count(*) FROM lead WHERE instr(lower(fields || ifnull(extra, '')" \
	" || ifnull(raw, '') || ifnull(email, '')), '" address "'))" \
	" + (SELECT count(*) FROM delivery WHERE instr(ifnull(error, ''), '" address \
	"')) + (SELECT count(*) FROM attempt WHERE instr(ifnull(error, ''), '" address \
	"'))"

static void others_lose_the_address_of_who_was_forgotten_since(void **state)
{
	struct fixture *f = *state;
	const int64_t own = 1;
	struct restored done;

	add(f, "o'hara@example.com", "my own");
	add(f, "bob@example.com", "with\nO'Hara@Example.com.");
	add(f, "bea@example.com", "xo'hara@example.com and o'hara@example.com.au");
	refuse_with(f, add(f, "cy@example.com", "none"), "known: o'hara@example.com (1)");
	copy_outbox(f, "backup.db");
	f->wall += MINUTE;
	forget(f, "o'hara@example.com", &own, 1);
	done = restore(f, "backup.db");
	assert_int_equal(done.tombstones, 1);
	assert_int_equal(done.forgotten, 1);
	assert_int_equal(done.others, 1);
	assert_int_equal(query(f, NAMED("o''hara@example.com")), 1);
	assert_int_equal(query(f, NAMED("xo''hara@example.com")), 1);
	assert_int_equal(query(f, NAMED("(erased)")), 2);
	assert_int_equal(query(f, "SELECT count(*) FROM lead"), 3);
	assert_int_equal(query(f, "SELECT count(*) FROM fingerprint"), 3);
	assert_int_equal(query(f, "SELECT raw IS NULL FROM lead WHERE seq = 2"), 1);
	assert_int_equal(query(f, "SELECT raw IS NULL FROM lead WHERE seq = 3"), 0);
	expect_sound(f);
}

/* Who was forgotten before the backup, and named again since, is named with reason. */
static void what_came_after_the_erasure_stays(void **state)
{
	struct fixture *f = *state;
	const int64_t own = 1;
	struct restored done;

	add(f, "ana@example.com", "my own");
	f->wall += MINUTE;
	forget(f, "ana@example.com", &own, 1);
	f->wall += MINUTE;
	add(f, "bob@example.com", "ana@example.com asked me to");
	copy_outbox(f, "backup.db");
	done = restore(f, "backup.db");
	assert_int_equal(done.others, 0);
	assert_int_equal(done.forgotten, 0);
	assert_int_equal(query(f, NAMED("ana@example.com")), 1);
}

static void many_mentions_are_erased_in_steps(void **state)
{
	struct fixture *f = *state;
	const int64_t own = 1;

	add(f, "ana@example.com", "my own");
	for (int i = 0; i < 450; i++) {
		char email[40];

		snprintf(email, sizeof(email), "p%d@example.com", i);
		add(f, email, i % 2 ? "ana@example.com" : "bob@example.com");
	}
	copy_outbox(f, "backup.db");
	f->wall += MINUTE;
	forget(f, "ana@example.com", &own, 1);
	assert_int_equal(restore(f, "backup.db").others, 225);
	assert_int_equal(query(f, NAMED("ana@example.com")), 0);
	assert_int_equal(query(f, NAMED("bob@example.com")), 225);
	expect_sound(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(others_lose_the_address_of_who_was_forgotten_since),
		TEST(what_came_after_the_erasure_stays),
		TEST(many_mentions_are_erased_in_steps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
