/* Samples of the counters, and the shape of what is not delivered. */
#include "fixture.h"
#include "leadrelay/batches.h"
#include "leadrelay/counters.h"
#include "leadrelay/samples.h"

#include <stdio.h>

#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static struct job_sample take_sample(struct fixture *f, int64_t now, int64_t remove_until)
{
	struct job_sample job = {.now = now, .remove_until = remove_until};

	job_sample_prepare(&job);
	call(f, &job.job);
	return job;
}

struct told {
	struct sample samples[64];
	size_t count;
};

static bool note(void *ctx, const struct sample *sample)
{
	struct told *told = ctx;

	told->samples[told->count++] = *sample;
	return told->count < 64;
}

static struct reader *open_reader(struct fixture *f)
{
	struct reader *reader;
	struct err err;

	if (reader_open(&reader, f->dir, &f->clock, &err) != ERR_OK)
		fail_msg("%s", err.text);
	return reader;
}

static void ask(struct fixture *f, int64_t since, int64_t until, struct told *told)
{
	struct reader *reader = open_reader(f);
	struct err err;

	told->count = 0;
	if (reader_samples(reader, since, until, note, told, &err) != ERR_OK)
		fail_msg("%s", err.text);
	reader_close(reader);
}

static void a_sample_is_the_counters_as_they_stand(void **state)
{
	struct fixture *f = *state;
	struct told told;
	int64_t delivery = add_lead(f, "one");

	add_lead(f, "two");
	assert_int_equal(take_sample(f, NOW, 0).written, 2);
	settle(f, delivery, DELIVERY_ACCEPT, 0);
	take_sample(f, NOW + SAMPLE_EVERY_MS, 0);
	ask(f, NOW, NOW + DAY, &told);
	assert_int_equal(told.count, 4);
	assert_int_equal(told.samples[0].at, NOW);
	assert_int_equal(told.samples[0].destination, f->crm);
	assert_int_equal(told.samples[0].accepted, 2);
	assert_int_equal(told.samples[0].pending, 2);
	assert_int_equal(told.samples[1].destination, f->archive);
	assert_int_equal(told.samples[1].accepted, 0);
	assert_int_equal(told.samples[2].at, NOW + SAMPLE_EVERY_MS);
	assert_int_equal(told.samples[2].pending, 1);
	assert_int_equal(told.samples[2].delivered, 1);
}

static void a_period_is_both_its_ends(void **state)
{
	struct fixture *f = *state;
	struct told told;

	for (int i = 0; i < 4; i++)
		take_sample(f, NOW + i * MINUTE, 0);
	ask(f, NOW + MINUTE, NOW + 2 * MINUTE, &told);
	assert_int_equal(told.count, 4);
	assert_int_equal(told.samples[0].at, NOW + MINUTE);
	assert_int_equal(told.samples[3].at, NOW + 2 * MINUTE);
	ask(f, NOW + 4 * MINUTE, NOW + DAY, &told);
	assert_int_equal(told.count, 0);
}

static void the_same_instant_is_written_anew(void **state)
{
	struct fixture *f = *state;
	struct told told;

	take_sample(f, NOW, 0);
	add_lead(f, "one");
	take_sample(f, NOW, 0);
	ask(f, NOW, NOW, &told);
	assert_int_equal(told.count, 2);
	assert_int_equal(told.samples[0].accepted, 1);
}

static void old_samples_go_when_the_clock_is_trusted(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 3; i++)
		take_sample(f, NOW + i * DAY, 0);
	assert_int_equal(take_sample(f, NOW + 3 * DAY, 0).removed, 0);
	assert_int_equal(take_sample(f, NOW + 3 * DAY, NOW + DAY).removed, 4);
	assert_int_equal(query(f, "SELECT min(at) FROM sample"), NOW + 2 * DAY);
	assert_int_equal(query(f, "SELECT count(*) FROM sample"), 4);
}

static void a_destination_nobody_waits_for_is_not_sampled(void **state)
{
	struct fixture *f = *state;
	struct told told;

	add_lead(f, "one");
	execute(f, "UPDATE destination SET configured = 0");
	assert_int_equal(take_sample(f, NOW, 0).written, 1); /* crm has a lead waiting */
	ask(f, NOW, NOW, &told);
	assert_int_equal(told.samples[0].destination, f->crm);
}

/* ---- shape ---- */

static struct shape shape_of(struct fixture *f, int64_t destination, int64_t now)
{
	struct reader *reader = open_reader(f);
	struct shape shape;
	struct err err;

	if (reader_shape(reader, destination, now, &shape, &err) != ERR_OK)
		fail_msg("%s", err.text);
	reader_close(reader);
	return shape;
}

static int64_t add_lead_at(struct fixture *f, int64_t at)
{
	static int n;
	struct accept accept;
	int64_t delivery;
	char body[32];

	snprintf(body, sizeof(body), "body %d", ++n);
	accept_init(f, &accept, body);
	accept.job.now = at;
	accept.lead.lead.received_at = at;
	call(f, &accept.job.job);
	delivery = accept.lead.deliveries[0];
	accept_finish(&accept);
	return delivery;
}

static void each_delivery_is_in_the_bucket_of_its_age(void **state)
{
	struct fixture *f = *state;
	static const int64_t ages[] = {40 * DAY, 8 * DAY, 7 * DAY + 1, 7 * DAY, 25 * HOUR,
		2 * HOUR, 5 * MINUTE + 1, 5 * MINUTE, MINUTE, 0};
	static const int64_t expected[SHAPE_BUCKETS] = {3, 1, 1, 0, 2, 2, 1};
	struct shape shape;

	for (size_t i = 0; i < sizeof(ages) / sizeof(ages[0]); i++)
		add_lead_at(f, NOW - ages[i]);
	shape = shape_of(f, f->crm, NOW);
	for (int i = 0; i < SHAPE_BUCKETS; i++)
		assert_int_equal(shape.buckets[i].pending, expected[i]);
	shape = shape_of(f, f->archive, NOW);
	for (int i = 0; i < SHAPE_BUCKETS; i++)
		assert_int_equal(shape.buckets[i].pending, 0);
}

static void states_are_told_apart_and_delivered_is_not_told(void **state)
{
	struct fixture *f = *state;
	int64_t deliveries[4];
	struct shape shape;

	for (int i = 0; i < 4; i++)
		deliveries[i] = add_lead_at(f, NOW - 2 * HOUR + i);
	settle(f, deliveries[0], DELIVERY_ACCEPT, 0);
	settle(f, deliveries[1], DELIVERY_REFUSE, 0);
	execute(f, "UPDATE delivery SET state = 2 WHERE id ="
		   " (SELECT max(id) FROM delivery)");
	shape = shape_of(f, f->crm, NOW);
	assert_int_equal(shape.buckets[2].pending, 1);
	assert_int_equal(shape.buckets[2].held, 1);
	assert_int_equal(shape.buckets[2].dead, 1);
	assert_int_equal(shape.buckets[0].pending + shape.buckets[1].pending, 0);
}

/* Its own time may be years ago. */
static void an_imported_lead_is_as_old_as_its_import(void **state)
{
	struct fixture *f = *state;
	struct shape shape;

	add_lead_at(f, NOW - 2 * DAY);
	add_lead_at(f, NOW - 900 * DAY);
	execute(f, "UPDATE match_hash SET came_at = 1790000000000 - 3600000"
		   " WHERE seq = (SELECT max(seq) FROM lead)");
	shape = shape_of(f, f->crm, NOW);
	assert_int_equal(shape.buckets[1].pending, 1);
	assert_int_equal(shape.buckets[4].pending, 1);
}

static void gaps_and_an_empty_outbox_have_a_shape(void **state)
{
	struct fixture *f = *state;
	struct shape shape = shape_of(f, f->crm, NOW);

	for (int i = 0; i < SHAPE_BUCKETS; i++)
		assert_int_equal(shape.buckets[i].pending, 0);
	for (int i = 0; i < 40; i++)
		add_lead_at(f, NOW - (40 - i) * HOUR);
	execute(f, "DELETE FROM attempt; DELETE FROM delivery WHERE lead % 3 <> 0;"
		   "DELETE FROM lead WHERE seq % 3 <> 0");
	shape = shape_of(f, f->crm, NOW);
	/* seqs 3 to 39, ages 38 h to 2 h in steps of 3 */
	assert_int_equal(shape.buckets[1].pending, 0);
	assert_int_equal(shape.buckets[2].pending, 2);
	assert_int_equal(shape.buckets[3].pending, 6);
	assert_int_equal(shape.buckets[4].pending, 5);
}

/* ---- counters ---- */

static void counters_are_those_of_the_readers_and_the_files(void **state)
{
	struct fixture *f = *state;
	struct job_counters job = {0};
	int64_t delivery = add_lead(f, "one");

	add_lead(f, "two");
	settle(f, delivery, DELIVERY_REFUSE, 0);
	job_counters_prepare(&job);
	call(f, &job.job);
	assert_int_equal(job.source_count, 2);
	assert_int_equal(job.sources[0].accepted, 2);
	assert_int_equal(job.destinations[0].accepted, 2);
	assert_int_equal(job.destinations[0].dead, 1);
	assert_true(job.destinations[0].oldest_pending_at > 0);
	assert_int_equal(job.difference, 0);
	assert_int_equal(job.quarantined, 0);
	assert_true(job.file_bytes > 0 && job.wal_bytes > 0);
	execute(f, "UPDATE destination SET delivered = 3 WHERE name = 'crm'");
	call(f, &job.job);
	assert_int_equal(job.difference, -3);
	job_counters_finish(&job);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sample_is_the_counters_as_they_stand),
		TEST(a_period_is_both_its_ends),
		TEST(the_same_instant_is_written_anew),
		TEST(old_samples_go_when_the_clock_is_trusted),
		TEST(a_destination_nobody_waits_for_is_not_sampled),
		TEST(each_delivery_is_in_the_bucket_of_its_age),
		TEST(states_are_told_apart_and_delivered_is_not_told),
		TEST(an_imported_lead_is_as_old_as_its_import),
		TEST(gaps_and_an_empty_outbox_have_a_shape),
		TEST(counters_are_those_of_the_readers_and_the_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
