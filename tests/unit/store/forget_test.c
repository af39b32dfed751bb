/* A person is erased: the rows go, the sums and what is others' stay. */
#include "fixture.h"
#include "leadrelay/forget.h"
#include "leadrelay/mails.h"
#include "person.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

static struct job_forget forget(
	struct fixture *f, const char *email, const int64_t *leads, size_t count)
{
	struct job_forget job = {
		.email = email, .leads = leads, .count = count, .now = f->wall};
	struct job_forget_texts texts = {.email = email, .more = true};

	job_forget_prepare(&job);
	call(f, &job.job);
	while (texts.more) {
		job_forget_texts_prepare(&texts);
		call(f, &texts.job);
	}
	return job;
}

/* A lead of that address, told to one contact in a digest; its delivery. */
static int64_t add(struct fixture *f, const char *email, const char *body)
{
	const char *const contacts[] = {"a@contoso.com"};
	struct accept accept;
	struct err err;
	int64_t delivery;

	accept_init(f, &accept, body);
	lead_set(&accept.lead.lead, FIELD_EMAIL, email, &err);
	accept.lead.contacts = contacts;
	accept.lead.contact_count = 1;
	accept.job.digest_ms = MINUTE;
	accept.job.check_content = true;
	accept.job.dedupe_window_ms = MINUTE;
	call(f, &accept.job.job);
	delivery = accept.lead.deliveries[0];
	accept_finish(&accept);
	return delivery;
}

static void an_address_is_found_as_a_whole_only(void **state)
{
	static const struct {
		const char *text;
		bool named;
	} cases[] = {{"ana@example.com", true}, {"ANA@Example.com.", true},
		{"mailto:ana@example.com?x", true}, {"<ana@example.com>", true},
		{"xana@example.com", false}, {"x.ana@example.com", false},
		{"ana@example.com.au", false}, {"ana@example.communism", false},
		{"ana@example.com-x", false}, {"ana@example.com- x", true},
		{"bob@example.com, ana@example.com", true}, {"ana@example.co", false},
		/* as JSON writes a line's end before it */
		{"hello\\nana@example.com", true}, {"\\tana@example.com", true},
		{"\\u001fana@example.com", true}, {"\\u001fxana@example.com", false},
		{"", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (person_named(cases[i].text, strlen(cases[i].text),
			    "ana@example.com") != cases[i].named)
			fail_msg("%s", cases[i].text);
}

struct seen {
	const char *address;
	int times, others;
};

static bool note_address(void *ctx, const char *address)
{
	struct seen *seen = ctx;
	bool same = strcasecmp(address, seen->address) == 0;

	seen->times += same;
	seen->others += !same;
	return true;
}

/* Whatever names an address, as erasing it sees that, is found without knowing it. */
static void every_named_address_is_found_without_knowing_it(void **state)
{
	static const char *const addresses[] = {"ana@example.com", "o'brien@example.com",
		"a+b_c%d.e-f@sub.example-x.co.uk", "x@xn--bcher-kva.example", "1@2.de",
		"m\xc3\xbcller@m\xc3\xbcller.de"};
	static const char *const before[] = {"", " ", "<", "mailto:", "\\n", "\\u001f",
		"'", "bob@example.com,", "x@y@", "\"", "="};
	static const char *const behind[] = {"", ".", ">", "?x", " at home", "-", "--x",
		",ann@example.com", "\"", "'"};
	char text[200];

	(void)state;
	for (size_t a = 0; a < 6; a++)
		for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
			for (size_t k = 0; k < sizeof(behind) / sizeof(behind[0]); k++) {
				struct seen seen = {.address = addresses[a]};

				snprintf(text, sizeof(text), "%s%s%s", before[i],
					addresses[a], behind[k]);
				person_addresses(text, strlen(text), note_address, &seen);
				if (person_named(text, strlen(text), addresses[a]) !=
					(seen.times > 0))
					fail_msg("%s", text);
				assert_true(seen.times > 0 || before[i][0] == 'x');
				assert_true(seen.others < 12);
			}
}

static void deliveries_of_every_state_move_into_the_counters(void **state)
{
	struct fixture *f = *state;
	int64_t leads[4];

	add(f, "ana@example.com", "1");
	settle(f, add(f, "Ana@example.com", "2"), DELIVERY_ACCEPT, 0);
	settle(f, add(f, "ana@Example.com", "3"), DELIVERY_REFUSE, 0);
	add(f, "bob@example.com", "4");
	for (int i = 0; i < 4; i++)
		leads[i] = i + 1;
	assert_int_equal(forget(f, "ana@example.com", leads, 4).erased, 3);
	assert_int_equal(query(f, "SELECT seq FROM lead"), 4);
	assert_int_equal(query(f, "SELECT count(*) FROM delivery"), 1);
	assert_int_equal(query(f, "SELECT count(*) FROM attempt"), 0);
	assert_int_equal(query(f, "SELECT count(*) FROM mail"), 1);
	assert_int_equal(query(f, "SELECT lead FROM fingerprint"), 4);
	expect_counts(f, f->crm, 1, 0, 1, 0, 2);
	expect_sound(f);
	assert_int_equal(forget(f, "ana@example.com", leads, 4).erased, 0);
	assert_int_equal(query(f, "SELECT count(*) FROM tombstone"), 1);
}

static void an_attempt_under_way_brings_nothing_back(void **state)
{
	struct fixture *f = *state;
	int64_t delivery = add(f, "ana@example.com", "1");
	struct settled_exchange exchange = {.at = f->wall,
		.outcome = OUTCOME_REFUSED,
		.error = (char *)(uintptr_t) "ana"};
	struct job_settle job = {.delivery = delivery,
		.destination = f->crm,
		.event = DELIVERY_REFUSE,
		.now = f->wall,
		.exchanges = &exchange,
		.exchange_count = 1};
	int64_t lead = 1;
	struct err err;

	forget(f, "ana@example.com", &lead, 1);
	job_settle_prepare(&job);
	assert_int_equal(store_call(f->store, &job.job, &err), ERR_STALE);
	assert_int_equal(query(f, "SELECT count(*) FROM attempt"), 0);
	expect_counts(f, f->crm, 0, 0, 0, 0, 1);
	expect_sound(f);
}

static void a_digest_goes_on_without_its_carrier(void **state)
{
	struct fixture *f = *state;
	int64_t mails = 0;
	int64_t lead = 1;
	struct job_claim claim = {
		.kind = CLAIM_TRIED, .now = f->wall + 2 * MINUTE, .max = 5};

	add(f, "ana@example.com", "1");
	add(f, "bob@example.com", "2");
	add(f, "bea@example.com", "3");
	mails = query(f, "SELECT id FROM destination WHERE name = '(mail)'");
	claim.destination = mails;
	job_claim_prepare(&claim);
	call(f, &claim.job);
	assert_int_equal(claim.count, 1);
	assert_int_equal(claim.items[0].mail->lead_count, 3);
	assert_int_equal(query(f, "SELECT min(carrier) FROM mail"), 1);
	job_claim_finish(&claim);
	assert_int_equal(forget(f, "ana@example.com", &lead, 1).notifications, 1);
	assert_int_equal(query(f, "SELECT count(*) FROM mail WHERE carrier = 2"), 2);
	job_claim_prepare(&claim);
	call(f, &claim.job);
	assert_int_equal(claim.count, 1);
	assert_int_equal(claim.items[0].mail->lead_count, 2);
	job_claim_finish(&claim);
	expect_sound(f);
}

static void an_erasure_is_begun_until_the_wal_is_cut(void **state)
{
	struct fixture *f = *state;
	struct job_forget_end end = {.email = "ana@example.com"};
	struct reader *reader;
	struct err err;
	bool begun = false;
	int64_t lead = 1;

	add(f, "ana@example.com", "1");
	forget(f, "ana@example.com", &lead, 1);
	assert_int_equal(reader_open(&reader, f->dir, &f->clock, &err), ERR_OK);
	reader_forgetting(reader, "Ana@example.com", &begun, &err);
	assert_true(begun);
	job_forget_end_prepare(&end);
	call(f, &end.job);
	assert_false(end.blocked);
	end.ended = true;
	job_forget_end_prepare(&end);
	call(f, &end.job);
	reader_forgetting(reader, "ana@example.com", &begun, &err);
	assert_false(begun);
	reader_close(reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_address_is_found_as_a_whole_only),
		TEST(every_named_address_is_found_without_knowing_it),
		TEST(deliveries_of_every_state_move_into_the_counters),
		TEST(an_attempt_under_way_brings_nothing_back),
		TEST(a_digest_goes_on_without_its_carrier),
		TEST(an_erasure_is_begun_until_the_wal_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
