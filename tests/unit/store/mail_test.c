/* Mails from the accepting transaction to their end. */
#include "fixture.h"
#include "leadrelay/mails.h"
#include "leadrelay/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW (15 * MINUTE)

static int64_t mails; /* the internal destination */

static void names(struct fixture *f, bool mail)
{
	struct store_name source = {.name = "web"};
	struct store_name destination = {.name = "crm", .kind = "dynamics365"};
	struct job_names job = {.sources = &source,
		.source_count = 1,
		.destinations = &destination,
		.destination_count = 1,
		.mail = mail,
		.now = f->wall};

	job_names_prepare(&job);
	call(f, &job.job);
	mails = job.mail_destination;
	assert_int_equal(job.removed_count, 0);
	job_names_finish(&job);
}

static int setup(void **state)
{
	fixture_setup(state);
	names(*state, true);
	assert_true(mails > 0);
	return 0;
}

/* A lead with these contacts; the ids of what is due at once in ids. */
static size_t tell(struct fixture *f, int64_t digest_ms, const char *first,
	const char *second, int64_t ids[2])
{
	const char *const contacts[] = {first, second};
	struct accept accept;
	size_t count;

	accept_init(f, &accept, "body");
	accept.lead.contacts = contacts;
	accept.lead.contact_count = second ? 2 : 1;
	accept.job.digest_ms = digest_ms;
	call(f, &accept.job.job);
	count = accept.lead.mail_count;
	for (size_t i = 0; i < count; i++)
		ids[i] = accept.lead.mails[i];
	accept_finish(&accept);
	return count;
}

static void claim(struct fixture *f, struct job_claim *job, enum claim_kind kind)
{
	job->kind = kind;
	job->destination = mails;
	job->now = f->wall;
	job->max = 10;
	job_claim_prepare(job);
	call(f, &job->job);
}

static enum delivery_state end(
	struct fixture *f, int64_t mail, enum delivery_event event, int64_t due_at)
{
	struct settled_exchange exchange = {
		.at = f->wall, .outcome = OUTCOME_RETRY, .http_status = 451};
	struct job_settle job = {.delivery = mail,
		.destination = mails,
		.event = event,
		.counts = true,
		.outcome = event == DELIVERY_ACCEPT  ? OUTCOME_DELIVERED
			   : event == DELIVERY_RETRY ? OUTCOME_RETRY
						     : OUTCOME_REFUSED,
		.reason = event == DELIVERY_ACCEPT ? REASON_NONE : REASON_INVALID,
		.due_at = due_at,
		.now = f->wall,
		.exchanges = &exchange,
		.exchange_count = 1};

	job_settle_prepare(&job);
	call(f, &job.job);
	return job.state;
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

/* ---- one mail ---- */

static void a_notification_comes_with_its_lead(void **state)
{
	struct fixture *f = *state;
	struct job_claim job = {0};
	int64_t ids[2];
	char id[40];

	assert_int_equal(tell(f, 0, "a@contoso.com", "b@contoso.com", ids), 2);
	expect_counts(f, mails, 2, 0, 0, 0, 0);
	expect_counts(f, f->crm, 1, 0, 0, 0, 0);
	claim(f, &job, CLAIM_UNTRIED);
	assert_int_equal(job.count, 2);
	assert_true(job.exhausted);
	assert_int_equal(job.items[0].delivery, ids[0]);
	assert_non_null(job.items[0].mail);
	assert_int_equal(job.items[0].mail->kind, MAIL_NOTIFICATION);
	assert_string_equal(job.items[0].mail->contact, "a@contoso.com");
	assert_string_equal(job.items[1].mail->contact, "b@contoso.com");
	assert_int_equal(job.items[0].mail->lead_count, 1);
	assert_string_equal(
		job.items[0].mail->leads[0].fields[FIELD_EMAIL], "jane@example.com");
	assert_string_equal(job.items[0].mail->leads[0].source, "web");
	assert_true(uuid_equal(&job.items[0].mail->leads[0].id, &f->last_id));
	assert_non_null(strstr(job.items[0].mail->message_id, ".leadrelay"));
	assert_string_not_equal(
		job.items[0].mail->message_id, job.items[1].mail->message_id);
	snprintf(id, sizeof(id), "%.36s", job.items[0].mail->message_id);
	end(f, ids[0], DELIVERY_RETRY, f->wall);
	claim(f, &job, CLAIM_TRIED);
	assert_int_equal(job.count, 1);
	assert_memory_equal(job.items[0].mail->message_id, id, 36);
	assert_int_equal(job.items[0].attempts, 1);
	job_claim_finish(&job);
	expect_sound(f);
}

static void leads_and_mails_have_queues_of_their_own(void **state)
{
	struct fixture *f = *state;
	struct job_claim job = {
		.destination = f->crm, .kind = CLAIM_UNTRIED, .now = f->wall, .max = 10};
	int64_t ids[2];

	tell(f, 0, "a@contoso.com", NULL, ids);
	job_claim_prepare(&job);
	call(f, &job.job);
	assert_int_equal(job.count, 1);
	assert_null(job.items[0].mail);
	job_claim_finish(&job);
}

static void what_was_sent_or_refused_is_counted_and_has_its_history(void **state)
{
	struct fixture *f = *state;
	int64_t ids[2];

	tell(f, 0, "a@contoso.com", "b@contoso.com", ids);
	assert_int_equal(end(f, ids[0], DELIVERY_RETRY, f->wall + 9), DELIVERY_PENDING);
	assert_int_equal(end(f, ids[0], DELIVERY_ACCEPT, 0), DELIVERY_DELIVERED);
	assert_int_equal(end(f, ids[1], DELIVERY_REFUSE, 0), DELIVERY_DEAD);
	assert_int_equal(end(f, ids[1], DELIVERY_RETRY, 0), DELIVERY_DEAD);
	expect_counts(f, mails, 0, 0, 1, 1, 0);
	assert_int_equal(query(f, "SELECT count(*) FROM mail_attempt"), 4);
	assert_int_equal(query(f, "SELECT count(*) FROM attempt"), 0);
	assert_int_equal(query(f, "SELECT status FROM mail_attempt WHERE mail = 2"), 451);
	assert_int_equal(
		query(f, "SELECT died FROM destination WHERE name = '(mail)'"), 1);
	expect_sound(f);
}

static void quarantined_ones_tell_nobody(void **state)
{
	struct fixture *f = *state;
	const char *const contacts[] = {"a@contoso.com"};
	struct accept accept;

	accept_init(f, &accept, "body");
	accept.lead.contacts = contacts;
	accept.lead.contact_count = 1;
	accept.job.quarantine = "why";
	call(f, &accept.job.job);
	assert_int_equal(accept.lead.mail_count, 0);
	accept_finish(&accept);
	assert_int_equal(query(f, "SELECT count(*) FROM mail"), 0);
}

static void opening_wakes_mails(void **state)
{
	struct fixture *f = *state;
	struct job_health job = {.destination = mails,
		.health = {.state = HEALTH_OPEN},
		.wake = true,
		.now = f->wall};
	int64_t ids[2];

	tell(f, 0, "a@contoso.com", NULL, ids);
	end(f, ids[0], DELIVERY_RETRY, f->wall + 5000);
	execute(f, "UPDATE mail SET queue = 3");
	job_health_prepare(&job);
	call(f, &job.job);
	assert_int_equal(job.woken, 1);
	assert_int_equal(query(f, "SELECT due_at FROM mail"), f->wall);
}

/* ---- digests ---- */

static void a_digest_waits_for_the_end_of_its_window(void **state)
{
	struct fixture *f = *state;
	struct job_claim job = {0};
	int64_t end_at = (NOW / WINDOW + 1) * WINDOW;
	int64_t ids[2];

	assert_int_equal(tell(f, WINDOW, "a@contoso.com", NULL, ids), 0);
	claim(f, &job, CLAIM_UNTRIED);
	assert_int_equal(job.count, 0);
	claim(f, &job, CLAIM_WAITING);
	assert_int_equal(job.count, 0);
	claim(f, &job, CLAIM_TRIED);
	assert_int_equal(job.count, 0);
	assert_int_equal(job.next_due_at, end_at);
	f->wall = end_at;
	claim(f, &job, CLAIM_WAITING);
	assert_int_equal(job.count, 1);
	job_claim_finish(&job);
}

static void a_digest_is_one_mail_per_contact_frozen_when_claimed(void **state)
{
	struct fixture *f = *state;
	struct job_claim job = {0};
	int64_t ids[2];
	int64_t carrier;
	char id[40];

	tell(f, WINDOW, "a@contoso.com", "b@contoso.com", ids);
	f->wall++;
	tell(f, WINDOW, "A@Contoso.com", NULL, ids);
	tell(f, WINDOW, "a@contoso.com", NULL, ids);
	f->wall = (NOW / WINDOW + 1) * WINDOW;
	claim(f, &job, CLAIM_TRIED);
	assert_int_equal(job.count, 2);
	assert_int_equal(job.items[0].mail->lead_count, 3);
	assert_true(job.items[0].mail->leads[0].received_at <=
		    job.items[0].mail->leads[1].received_at);
	assert_int_equal(job.items[1].mail->lead_count, 1);
	carrier = job.items[0].delivery;
	snprintf(id, sizeof(id), "%.36s", job.items[0].mail->message_id);

	/* whatever comes later is another mail; this one stays what it is */
	execute(f, "UPDATE mail SET digest_at = digest_at - 1 WHERE carrier IS NULL");
	tell(f, WINDOW, "a@contoso.com", NULL, ids);
	end(f, carrier, DELIVERY_RETRY, f->wall);
	claim(f, &job, CLAIM_TRIED);
	assert_int_equal(job.count, 2);
	assert_int_equal(job.items[0].delivery, carrier);
	assert_int_equal(job.items[0].mail->lead_count, 3);
	assert_memory_equal(job.items[0].mail->message_id, id, 36);
	end(f, carrier, DELIVERY_ACCEPT, 0);
	expect_counts(f, mails, 2, 0, 3, 0, 0);
	assert_int_equal(query(f, "SELECT delivered FROM mail_kind WHERE id = 1"), 3);
	job_claim_finish(&job);
	expect_sound(f);
}

static void a_long_digest_counts_what_it_leaves_out(void **state)
{
	struct fixture *f = *state;
	struct job_claim job = {0};
	int64_t ids[2];

	for (int i = 0; i < MAIL_DIGEST_MAX + 7; i++)
		tell(f, WINDOW, "a@contoso.com", NULL, ids);
	f->wall = (NOW / WINDOW + 1) * WINDOW;
	claim(f, &job, CLAIM_TRIED);
	assert_int_equal(job.count, 1);
	assert_int_equal(job.items[0].mail->lead_count, MAIL_DIGEST_MAX);
	assert_int_equal(job.items[0].mail->left_out, 7);
	end(f, job.items[0].delivery, DELIVERY_REFUSE, 0);
	expect_counts(f, mails, 0, 0, 0, MAIL_DIGEST_MAX + 7, 0);
	job_claim_finish(&job);
}

static void mails_of_one_instant_are_no_digest(void **state)
{
	struct fixture *f = *state;
	struct job_claim job = {0};
	int64_t ids[2];

	tell(f, 0, "a@contoso.com", NULL, ids);
	tell(f, 0, "a@contoso.com", NULL, ids);
	claim(f, &job, CLAIM_UNTRIED);
	assert_int_equal(job.count, 2);
	job_claim_finish(&job);
}

/* ---- again ---- */

static void retry(struct fixture *f, int64_t lead, int64_t changed)
{
	struct job_mails_retry job = {.lead = lead, .now = f->wall, .max = 2};
	int64_t sum = 0;

	job_mails_retry_prepare(&job);
	while (job.after >= 0) {
		call(f, &job.job);
		sum += job.changed;
	}
	assert_int_equal(sum, changed);
}

static void dead_mails_go_again_a_digest_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct job_claim job = {0};
	int64_t ids[2];
	char id[40];

	for (int i = 0; i < 3; i++)
		tell(f, WINDOW, "a@contoso.com", NULL, ids);
	f->wall = (NOW / WINDOW + 1) * WINDOW;
	claim(f, &job, CLAIM_TRIED);
	snprintf(id, sizeof(id), "%.36s", job.items[0].mail->message_id);
	end(f, job.items[0].delivery, DELIVERY_REFUSE, 0);
	tell(f, 0, "b@contoso.com", NULL, ids);
	end(f, ids[0], DELIVERY_REFUSE, 0);
	expect_counts(f, mails, 0, 0, 0, 4, 0);
	retry(f, 2, 3); /* the lead's mail is a digest */
	expect_counts(f, mails, 3, 0, 0, 1, 0);
	claim(f, &job, CLAIM_TRIED);
	assert_int_equal(job.count, 1);
	assert_int_equal(job.items[0].mail->lead_count, 3);
	assert_memory_equal(job.items[0].mail->message_id, id, 36);
	end(f, job.items[0].delivery, DELIVERY_REFUSE, 0);
	retry(f, 0, 4);
	retry(f, 0, 0);
	expect_counts(f, mails, 4, 0, 0, 0, 0);
	job_claim_finish(&job);
	expect_sound(f);
}

/* ---- names ---- */

static void the_internal_destination_is_no_place_for_leads(void **state)
{
	struct fixture *f = *state;
	struct store_name name = {.name = MAIL_DESTINATION, .kind = "file"};
	struct job_names job = {
		.destinations = &name, .destination_count = 1, .now = f->wall};
	struct destination_row row;
	struct destination_row *rows;
	struct accounting sum;
	struct reader *reader;
	size_t count;
	int64_t ids[2];
	struct err err;

	tell(f, 0, "a@contoso.com", "b@contoso.com", ids);
	job_names_prepare(&job);
	assert_int_equal(store_call(f->store, &job.job, &err), ERR_INVALID);
	destination_get(f, mails, &row);
	assert_string_equal(row.kind, "email");
	assert_true(row.configured);
	assert_int_equal(row.oldest_pending_at, NOW);
	assert_int_equal(reader_open(&reader, f->dir, &f->clock, &err), ERR_OK);
	assert_int_equal(reader_destinations(reader, &rows, &count, &err), ERR_OK);
	for (size_t i = 0; i < count; i++)
		assert_int_not_equal(rows[i].id, mails);
	free(rows);
	assert_int_equal(reader_accounting(reader, 0, &sum, &err), ERR_OK);
	assert_int_equal(sum.accepted, 1);
	assert_int_equal(reader_destination(reader, MAIL_DESTINATION), 0);
	reader_close(reader);
}

static void without_mail_what_waits_is_kept_parked(void **state)
{
	struct fixture *f = *state;
	struct destination_row row;
	int64_t id = mails;
	int64_t ids[2];

	tell(f, 0, "a@contoso.com", NULL, ids);
	names(f, false);
	assert_int_equal(mails, id);
	destination_get(f, mails, &row);
	assert_false(row.configured);
	assert_int_equal(row.health.state, HEALTH_PARKED);
	assert_int_equal(row.health.reason, REASON_REMOVED);
	assert_non_null(strstr(row.health.error, "mails"));
	names(f, true);
	destination_get(f, mails, &row);
	assert_int_equal(row.health.state, HEALTH_OPEN);
	expect_counts(f, mails, 1, 0, 0, 0, 0);
}

/* ---- readers ---- */

struct listed {
	int64_t ids[20];
	int count;
};

static bool note(void *ctx, const struct mail_row *row)
{
	struct listed *listed = ctx;

	assert_true(row->has_lead);
	listed->ids[listed->count++] = row->id;
	return true;
}

static int list(struct reader *reader, unsigned states, int64_t limit)
{
	struct listed listed = {0};
	struct err err = {0};

	if (reader_notifications(reader, states, limit, note, &listed, &err) != ERR_OK)
		fail_msg("%s", err.text);
	for (int i = 1; i < listed.count; i++)
		assert_true(listed.ids[i] < listed.ids[i - 1]);
	return listed.count;
}

static void notifications_are_listed_and_counted(void **state)
{
	struct fixture *f = *state;
	struct notification_counts counts;
	struct reader *reader;
	struct mail_row *rows;
	size_t count;
	int64_t ids[2];
	struct err err;

	tell(f, 0, "a@contoso.com", "b@contoso.com", ids);
	end(f, ids[0], DELIVERY_ACCEPT, 0);
	end(f, ids[1], DELIVERY_RETRY, NOW + 5);
	tell(f, 0, "a@contoso.com", NULL, ids);
	end(f, ids[0], DELIVERY_REFUSE, 0);
	tell(f, 0, "a@contoso.com", NULL, ids);
	assert_int_equal(reader_open(&reader, f->dir, &f->clock, &err), ERR_OK);
	assert_int_equal(reader_notifications_of(reader, 1, &rows, &count, &err), ERR_OK);
	assert_int_equal(count, 2);
	assert_string_equal(rows[0].to, "a@contoso.com");
	assert_int_equal(rows[0].state, DELIVERY_DELIVERED);
	assert_int_equal(rows[0].sent_at, NOW);
	assert_int_equal(rows[1].next_attempt_at, NOW + 5);
	assert_int_equal(rows[1].attempts, 1);
	assert_int_equal(rows[1].reason, REASON_INVALID);
	mail_rows_free(rows, count);
	assert_int_equal(list(reader, 0, 0), 4);
	assert_int_equal(list(reader, 0, 3), 3);
	assert_int_equal(list(reader, 1u << DELIVERY_PENDING, 0), 2);
	assert_int_equal(list(reader, 1u << DELIVERY_DEAD, 0), 1);
	assert_int_equal(
		list(reader, 1u << DELIVERY_DEAD | 1u << DELIVERY_PENDING, 0), 3);
	assert_int_equal(
		list(reader, 1u << DELIVERY_DEAD | 1u << DELIVERY_DELIVERED, 0), 2);
	assert_int_equal(reader_notification_counts(reader, &counts, &err), ERR_OK);
	assert_int_equal(counts.pending, 2);
	assert_int_equal(counts.sent, 1);
	assert_int_equal(counts.dead, 1);
	assert_true(counts.configured);
	assert_int_equal(counts.health.state, HEALTH_OPEN);
	reader_close(reader);
}

static void those_carried_have_the_carriers_troubles(void **state)
{
	struct fixture *f = *state;
	struct job_claim job = {0};
	struct reader *reader;
	struct mail_row *rows;
	size_t count;
	int64_t ids[2];
	struct err err;

	tell(f, WINDOW, "a@contoso.com", NULL, ids);
	tell(f, WINDOW, "a@contoso.com", NULL, ids);
	f->wall = (NOW / WINDOW + 1) * WINDOW;
	claim(f, &job, CLAIM_TRIED);
	end(f, job.items[0].delivery, DELIVERY_RETRY, f->wall + 77);
	job_claim_finish(&job);
	assert_int_equal(reader_open(&reader, f->dir, &f->clock, &err), ERR_OK);
	assert_int_equal(reader_notifications_of(reader, 2, &rows, &count, &err), ERR_OK);
	assert_int_equal(count, 1);
	assert_int_equal(rows[0].attempts, 1);
	assert_int_equal(rows[0].next_attempt_at, f->wall + 77);
	mail_rows_free(rows, count);
	reader_close(reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_notification_comes_with_its_lead),
		TEST(leads_and_mails_have_queues_of_their_own),
		TEST(what_was_sent_or_refused_is_counted_and_has_its_history),
		TEST(quarantined_ones_tell_nobody),
		TEST(opening_wakes_mails),
		TEST(a_digest_waits_for_the_end_of_its_window),
		TEST(a_digest_is_one_mail_per_contact_frozen_when_claimed),
		TEST(a_long_digest_counts_what_it_leaves_out),
		TEST(mails_of_one_instant_are_no_digest),
		TEST(dead_mails_go_again_a_digest_as_it_was),
		TEST(the_internal_destination_is_no_place_for_leads),
		TEST(without_mail_what_waits_is_kept_parked),
		TEST(notifications_are_listed_and_counted),
		TEST(those_carried_have_the_carriers_troubles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
