/* Retention: rows go, the sums stay. */
#include "fixture.h"
#include "leadrelay/mails.h"
#include "leadrelay/reader.h"

#include <stdlib.h>
#include <string.h>

#define DAY (24 * 60 * MINUTE)

static const struct retention usual = {.delivered_ms = 90 * DAY,
	.dead_ms = 365 * DAY,
	.discarded_ms = 90 * DAY,
	.quarantined_ms = 90 * DAY,
	.attempts_ms = 90 * DAY};

static struct job_prune prune_some(
	struct fixture *f, const struct retention *retention, int max)
{
	struct job_prune job = {.retention = *retention, .now = f->wall, .max = max};

	job_prune_prepare(&job);
	call(f, &job.job);
	return job;
}

static struct job_prune prune(struct fixture *f)
{
	struct job_prune job = prune_some(f, &usual, 1000);

	assert_false(job.more);
	return job;
}

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

/* A notified lead at crm; its mail's id. */
static int64_t add_told(struct fixture *f, int64_t *delivery)
{
	const char *const contacts[] = {"a@contoso.com"};
	struct accept accept;
	int64_t mail;

	accept_init(f, &accept, "body");
	accept.lead.contacts = contacts;
	accept.lead.contact_count = 1;
	call(f, &accept.job.job);
	mail = accept.lead.mails[0];
	*delivery = accept.lead.deliveries[0];
	accept_finish(&accept);
	return mail;
}

static void end_mail(struct fixture *f, int64_t mail, enum delivery_event event)
{
	struct settled_exchange exchange = {.at = f->wall, .outcome = OUTCOME_RETRY};
	struct job_settle job = {.delivery = mail,
		.destination =
			query(f, "SELECT id FROM destination WHERE name = '(mail)'"),
		.event = event,
		.now = f->wall,
		.due_at = f->wall,
		.exchanges = &exchange,
		.exchange_count = 1};

	job_settle_prepare(&job);
	call(f, &job.job);
}

static void what_is_past_its_age_becomes_a_counter(void **state)
{
	struct fixture *f = *state;
	struct job_prune job;
	int64_t waiting;

	settle(f, add_lead(f, "1"), DELIVERY_ACCEPT, 0);
	settle(f, add_lead(f, "2"), DELIVERY_REFUSE, 0);
	waiting = add_lead(f, "3");
	settle(f, waiting, DELIVERY_RETRY, NOW);
	f->wall += 90 * DAY - 1;
	job = prune(f);
	assert_int_equal(job.deliveries + job.leads + job.attempts, 0);
	f->wall += 1;
	job = prune(f);
	assert_int_equal(job.deliveries, 1);
	assert_int_equal(job.leads, 1);
	assert_int_equal(job.attempts, 3); /* its own, and the old ones of what stays */
	assert_int_equal(query(f, "SELECT count(*) FROM lead"), 2);
	expect_counts(f, f->crm, 1, 0, 1, 1, 0);
	expect_sound(f);
	f->wall += 275 * DAY;
	job = prune(f);
	assert_int_equal(job.deliveries, 1);
	assert_int_equal(query(f, "SELECT count(*) FROM lead"), 1);
	expect_counts(f, f->crm, 1, 0, 1, 1, 0);
	settle(f, waiting, DELIVERY_ACCEPT, 0);
	expect_sound(f);
}

static void a_lead_stays_for_its_last_delivery_and_its_mail(void **state)
{
	struct fixture *f = *state;
	struct accept accept;
	int64_t delivery;
	int64_t mail;

	accept_init(f, &accept, "two");
	accept_to(&accept, 2, f->crm, f->archive);
	call(f, &accept.job.job);
	settle(f, accept.lead.deliveries[0], DELIVERY_ACCEPT, 0);
	accept_finish(&accept);
	mail = add_told(f, &delivery);
	settle(f, delivery, DELIVERY_ACCEPT, 0);
	f->wall += 91 * DAY;
	assert_int_equal(prune(f).leads, 0);
	assert_int_equal(query(f, "SELECT count(*) FROM delivery"), 1);
	expect_sound(f);
	end_mail(f, mail, DELIVERY_REFUSE);
	assert_int_equal(prune(f).leads, 1);
	assert_int_equal(query(f, "SELECT count(*) FROM mail"), 0);
	assert_int_equal(query(f, "SELECT count(*) FROM mail_attempt"), 0);
	assert_int_equal(query(f, "SELECT dead FROM mail_kind WHERE id = 1"), 1);
	assert_int_equal(query(f, "SELECT count(*) FROM idle"), 0);
	expect_sound(f);
}

static void mails_and_their_words_go_when_they_are_old(void **state)
{
	struct fixture *f = *state;
	const char *const people[] = {"ops@contoso.com", "boss@contoso.com"};
	struct mail_attachment picture = {
		.type = (char *)"image/png", .bytes = (char *)"x", .len = 1};
	struct job_notice job = {.kind = MAIL_ALERT,
		.recipients = people,
		.recipient_count = 2,
		.subject = "s",
		.text = "t",
		.attachments = &picture,
		.attachment_count = 1,
		.now = NOW};

	job_notice_prepare(&job);
	call(f, &job.job);
	end_mail(f, job.first_mail, DELIVERY_ACCEPT);
	f->wall += 91 * DAY;
	assert_int_equal(prune(f).mails, 1);
	assert_int_equal(query(f, "SELECT count(*) FROM notice"), 1);
	end_mail(f, job.first_mail + 1, DELIVERY_ACCEPT);
	f->wall += 91 * DAY;
	assert_int_equal(prune(f).mails, 1);
	assert_int_equal(query(f, "SELECT count(*) FROM notice"), 0);
	assert_int_equal(query(f, "SELECT count(*) FROM attachment"), 0);
	expect_sound(f);
}

static void accept_array(struct fixture *f, size_t count, int64_t destination)
{
	struct accept_lead leads[8];
	struct job_accept job = {.source = f->web,
		.leads = leads,
		.count = count,
		.raw = "[]",
		.raw_len = 2,
		.now = f->wall};

	memset(leads, 0, sizeof(leads));
	for (size_t i = 0; i < count; i++) {
		leads[i].lead.id = uuid_v7(f->wall, &entropy_system, &f->last_id);
		leads[i].destinations = &destination;
		leads[i].destination_count = destination != 0;
	}
	job_accept_prepare(&job);
	call(f, &job.job);
	job_accept_finish(&job);
}

static void raw_bytes_of_an_array_stay_for_its_last_lead(void **state)
{
	struct fixture *f = *state;
	struct reader *reader;
	struct buf raw = BUF_INIT;
	struct err err;

	accept_array(f, 3, f->crm);
	settle(f, 1, DELIVERY_ACCEPT, 0);
	settle(f, 2, DELIVERY_ACCEPT, 0);
	f->wall += 91 * DAY;
	assert_int_equal(prune(f).leads, 1); /* the second: the first has the bytes */
	assert_int_equal(reader_open(&reader, f->dir, &f->clock, &err), ERR_OK);
	assert_int_equal(reader_raw(reader, 3, &raw, &err), ERR_OK);
	assert_string_equal(buf_str(&raw), "[]");
	buf_finish(&raw);
	reader_close(reader);
	settle(f, 3, DELIVERY_ACCEPT, 0);
	f->wall += 91 * DAY;
	assert_int_equal(prune(f).leads + prune(f).leads, 2);
	assert_int_equal(query(f, "SELECT count(*) FROM lead"), 0);
	expect_sound(f);
}

static void leads_without_a_destination_age_from_their_coming(void **state)
{
	struct fixture *f = *state;
	int64_t seq = 1;
	struct job_transition job = {.selection = {.leads = &seq, .lead_count = 1},
		.event = DELIVERY_REPLAY,
		.to = f->archive,
		.now = NOW,
		.max = 10};

	accept_array(f, 1, 0);
	accept_array(f, 1, 0);
	assert_int_equal(query(f, "SELECT count(*) FROM idle"), 2);
	job_transition_prepare(&job);
	call(f, &job.job);
	assert_int_equal(job.changed, 1);
	job_transition_finish(&job);
	f->wall += 90 * DAY;
	assert_int_equal(prune(f).leads, 1);
	assert_int_equal(query(f, "SELECT seq FROM lead"), 1);
	expect_sound(f);
}

static void quarantined_bodies_go_waiting_or_discarded(void **state)
{
	struct fixture *f = *state;
	int64_t seq = 1;
	struct job_transition job = {.selection = {.leads = &seq, .lead_count = 1},
		.event = DELIVERY_DISCARD,
		.now = NOW,
		.max = 10};

	for (int i = 0; i < 3; i++) {
		struct accept accept;

		accept_init(f, &accept, "odd");
		accept.job.quarantine = "why";
		call(f, &accept.job.job);
		accept_finish(&accept);
		f->wall += DAY;
	}
	job_transition_prepare(&job);
	call(f, &job.job);
	job_transition_finish(&job);
	f->wall = NOW + 91 * DAY;
	assert_int_equal(prune(f).leads, 2);
	assert_int_equal(query(f, "SELECT quarantined FROM source WHERE name='web'"), 3);
	assert_int_equal(query(f, "SELECT waiting FROM source WHERE name='web'"), 1);
	expect_sound(f);
}

static void zero_keeps_for_ever(void **state)
{
	struct fixture *f = *state;
	struct retention forever = {0};

	settle(f, add_lead(f, "1"), DELIVERY_ACCEPT, 0);
	accept_array(f, 1, 0);
	f->wall += 10000 * DAY;
	assert_int_equal(prune_some(f, &forever, 100).deliveries, 0);
	assert_int_equal(query(f, "SELECT count(*) FROM lead"), 2);
	assert_int_equal(query(f, "SELECT count(*) FROM attempt"), 1);
}

static void a_batch_is_small_and_says_that_there_is_more(void **state)
{
	struct fixture *f = *state;
	int batches = 0;

	for (int i = 0; i < 20; i++)
		settle(f, add_lead(f, "x"), DELIVERY_ACCEPT, 0);
	f->wall += 91 * DAY;
	for (bool more = true; more; batches++) {
		struct job_prune job = prune_some(f, &usual, 7);

		assert_true(job.deliveries + job.leads + job.attempts <= 8);
		more = job.more;
	}
	assert_true(batches >= 7);
	assert_int_equal(query(f, "SELECT count(*) FROM lead"), 0);
	expect_counts(f, f->crm, 0, 0, 20, 0, 0);
	expect_sound(f);
}

/* ---- whatever happens, the sums stay ---- */

static void act(struct fixture *f, enum delivery_event event, unsigned states)
{
	struct job_transition job = {.selection = {.states = states},
		.event = event,
		.now = f->wall,
		.max = 3};

	job_transition_prepare(&job);
	call(f, &job.job);
	job_transition_finish(&job);
}

static void add_something(struct fixture *f)
{
	int64_t delivery;
	struct accept accept;

	switch (random() % 5) {
	case 0:
		add_told(f, &delivery);
		return;
	case 1:
		accept_array(f, 1 + (size_t)(random() % 5), f->archive);
		return;
	case 2:
		accept_array(f, 2, 0);
		return;
	case 3:
		accept_init(f, &accept, "odd");
		accept.job.quarantine = "why";
		call(f, &accept.job.job);
		accept_finish(&accept);
		return;
	default:
		accept_init(f, &accept, "two");
		accept_to(&accept, 2, f->crm, f->archive);
		accept.lead.lead.test = true;
		call(f, &accept.job.job);
		accept_finish(&accept);
	}
}

static void settle_something(struct fixture *f)
{
	static const enum delivery_event events[] = {
		DELIVERY_ACCEPT, DELIVERY_RETRY, DELIVERY_REFUSE};
	int64_t delivery = query(f, "SELECT coalesce(max(id), 0) FROM delivery WHERE"
				    " state = 1 AND destination = 1");
	int64_t mail = query(f, "SELECT coalesce(min(id), 0) FROM mail WHERE state = 1");

	if (delivery)
		settle(f, delivery, events[random() % 3], f->wall);
	if (mail && random() % 2)
		end_mail(f, mail, events[random() % 3]);
}

static void step(struct fixture *f)
{
	static const struct retention short_one = {.delivered_ms = 2 * DAY,
		.dead_ms = 4 * DAY,
		.discarded_ms = DAY,
		.quarantined_ms = 3 * DAY,
		.attempts_ms = DAY};

	switch (random() % 8) {
	case 0:
		act(f, DELIVERY_DISCARD, 1u << DELIVERY_DEAD);
		return;
	case 1:
		act(f, DELIVERY_REPLAY, 1u << DELIVERY_DEAD);
		return;
	case 2:
		act(f, DELIVERY_REPLAY_AGAIN, 1u << DELIVERY_DELIVERED);
		return;
	case 3:
		act(f, DELIVERY_DISCARD, SELECT_QUARANTINED);
		return;
	case 4:
		act(f, random() % 2 ? DELIVERY_HOLD : DELIVERY_RELEASE, 0);
		return;
	case 5:
		prune_some(f, &short_one, 1 + (int)(random() % 20));
		return;
	default:
		add_something(f);
		settle_something(f);
		f->wall += DAY / 8;
	}
}

static void the_identity_holds_whatever_happens(void **state)
{
	struct fixture *f = *state;

	srandom(20261122);
	for (int i = 0; i < 600; i++) {
		step(f);
		if (i % 25 == 0)
			expect_sound(f);
	}
	assert_true(query(f, "SELECT sum(pruned_delivered) FROM destination") > 5);
	assert_true(query(f, "SELECT sum(pruned_discarded) FROM destination") > 0);
	assert_true(query(f, "SELECT sum(pruned_accepted) FROM source") > 5);
	assert_true(query(f, "SELECT sum(pruned_quarantined) FROM source") > 0);
	expect_sound(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_past_its_age_becomes_a_counter),
		TEST(a_lead_stays_for_its_last_delivery_and_its_mail),
		TEST(mails_and_their_words_go_when_they_are_old),
		TEST(raw_bytes_of_an_array_stay_for_its_last_lead),
		TEST(leads_without_a_destination_age_from_their_coming),
		TEST(quarantined_bodies_go_waiting_or_discarded),
		TEST(zero_keeps_for_ever),
		TEST(a_batch_is_small_and_says_that_there_is_more),
		TEST(the_identity_holds_whatever_happens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
