#include "leadrelay/compose.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID "019b7a1e-0000-7000-8000-000000000001"
#define NOON 1795348800000LL /* 2026-11-22T12:00:00Z */

static struct lead make_lead(void)
{
	struct lead lead = LEAD_INIT;

	assert_true(uuid_parse(ID, &lead.id));
	lead.source = strdup("marketplace");
	lead.received_at = NOON;
	return lead;
}

static void set(struct lead *lead, enum lead_field field, const char *text)
{
	assert_int_equal(lead_set(lead, field, text, NULL), ERR_OK);
}

static struct lead make_person(void)
{
	struct lead lead = make_lead();

	set(&lead, FIELD_FIRST_NAME, "Zoë");
	set(&lead, FIELD_LAST_NAME, "Ångström");
	set(&lead, FIELD_EMAIL, "zoe@example.com");
	set(&lead, FIELD_PHONE, "+33 1 23 45 67 89");
	set(&lead, FIELD_COMPANY, "東京 & Sons");
	set(&lead, FIELD_OFFER_TITLE, "Contoso Backup");
	set(&lead, FIELD_ACTION_CODE, "INS");
	set(&lead, FIELD_DESCRIPTION, "First line\r\nsecond\nLead: 1");
	lead.extra = cJSON_Parse("{\"Seats\":12,\"Note\":\"<b>\",\"List\":[1,\"a\"]}");
	return lead;
}

static struct composed composed;

static void compose(
	const struct lead *leads, size_t count, int64_t left_out, enum mail_detail detail)
{
	composed_finish(&composed);
	memset(&composed, 0, sizeof(composed));
	compose_notification(&composed, leads, count, left_out, detail);
	assert_true(buf_ok(&composed.subject) && buf_ok(&composed.text) &&
		    buf_ok(&composed.html));
}

static int tear_down(void **state)
{
	(void)state;
	composed_finish(&composed);
	memset(&composed, 0, sizeof(composed));
	return 0;
}

static void has(const char *text)
{
	if (!strstr(buf_str(&composed.text), text))
		fail_msg("the text lacks \"%s\":\n%s", text, buf_str(&composed.text));
}

static void html_has(const char *text)
{
	if (!strstr(buf_str(&composed.html), text))
		fail_msg("the html lacks \"%s\":\n%s", text, buf_str(&composed.html));
}

static void lacks(const char *text)
{
	if (strstr(buf_str(&composed.text), text) ||
		strstr(buf_str(&composed.html), text) ||
		strstr(buf_str(&composed.subject), text))
		fail_msg(
			"\"%s\" should not be there:\n%s", text, buf_str(&composed.text));
}

static void subject_is(const char *subject)
{
	assert_string_equal(buf_str(&composed.subject), subject);
}

/* ---- what is shown ---- */

static void every_level_shows_its_own(void **state)
{
	struct lead lead = make_person();

	(void)state;
	compose(&lead, 1, 0, MAIL_DETAIL_NONE);
	subject_is("New lead: Contoso Backup (INS)");
	has("Offer: Contoso Backup\n");
	has("Action: INS (");
	has("Source: marketplace\n");
	has("Received: 2026-11-22 12:00:00 UTC\n");
	has("leadctl show " ID "\n");
	html_has("leadctl show " ID);
	lacks("Sons");
	lacks("example.com");
	lacks("Z.");

	compose(&lead, 1, 0, MAIL_DETAIL_MASKED);
	has("Company: 東京 & Sons\n");
	has("Name: Z. Å.\n");
	has("E-mail: z***@example.com\n");
	html_has("東京 &amp; Sons");
	lacks("zoe");
	lacks("Ångström");
	lacks("+33");
	lacks("Seats");
	lacks("second");

	compose(&lead, 1, 0, MAIL_DETAIL_FULL);
	has("First name: Zoë\n");
	has("Last name: Ångström\n");
	has("E-mail: zoe@example.com\n");
	has("Phone: +33 1 23 45 67 89\n");
	has("Seats: 12\n");
	has("List: [1,\"a\"]\n");
	html_has("First line<br>\nsecond<br>\n");
	lead_finish(&lead);
}

static void every_field_is_in_a_full_mail(void **state)
{
	struct lead lead = make_lead();
	char value[32];

	(void)state;
	for (int i = 0; i < FIELD_COUNT; i++) {
		snprintf(value, sizeof(value), "value-of-%d-", i);
		set(&lead, (enum lead_field)i, value);
	}
	compose(&lead, 1, 0, MAIL_DETAIL_FULL);
	for (int i = 0; i < FIELD_COUNT; i++) {
		snprintf(value, sizeof(value), "value-of-%d-", i);
		has(value);
		html_has(value);
	}
	lead_finish(&lead);
}

static void a_lead_of_few_words_has_a_subject(void **state)
{
	struct lead lead = make_lead();

	(void)state;
	compose(&lead, 1, 0, MAIL_DETAIL_MASKED);
	subject_is("New lead from marketplace");
	set(&lead, FIELD_OFFER_ID, "contoso.backup-pro");
	compose(&lead, 1, 0, MAIL_DETAIL_MASKED);
	subject_is("New lead: contoso.backup-pro");
	has("Offer: contoso.backup-pro\n");
	lead_finish(&lead);
}

static void a_test_lead_is_marked(void **state)
{
	struct lead lead = make_person();

	(void)state;
	lead.test = true;
	compose(&lead, 1, 0, MAIL_DETAIL_MASKED);
	subject_is("[Test] New lead: Contoso Backup (INS)");
	has("A test lead came in");
	html_has(">Test lead<");
	lead_finish(&lead);
}

static void a_digest_names_all_and_counts_the_rest(void **state)
{
	struct lead leads[3] = {make_person(), make_person(), make_person()};

	(void)state;
	set(&leads[1], FIELD_COMPANY, "Fabrikam");
	set(&leads[2], FIELD_COMPANY, "Litware");
	compose(leads, 3, 0, MAIL_DETAIL_MASKED);
	subject_is("3 new leads: Contoso Backup");
	has("Company: Fabrikam\n");
	has("Company: Litware\n");
	lacks("more:");

	leads[1].test = true;
	set(&leads[2], FIELD_OFFER_TITLE, "Another");
	compose(leads, 3, 0, MAIL_DETAIL_MASKED);
	subject_is("3 new leads (1 of them a test)");
	has("\nTest lead\n");

	compose(leads, 3, 1500, MAIL_DETAIL_NONE);
	subject_is("1503 new leads (1 of them a test)");
	has("And 1500 more");
	html_has("And 1500 more");
	for (int i = 0; i < 3; i++)
		lead_finish(&leads[i]);
}

static void the_same_leads_make_the_same_mail(void **state)
{
	struct lead lead = make_person();
	char *html, *text;

	(void)state;
	compose(&lead, 1, 0, MAIL_DETAIL_FULL);
	html = strdup(buf_str(&composed.html));
	text = strdup(buf_str(&composed.text));
	compose(&lead, 1, 0, MAIL_DETAIL_FULL);
	assert_string_equal(buf_str(&composed.html), html);
	assert_string_equal(buf_str(&composed.text), text);
	free(html);
	free(text);
	lead_finish(&lead);
}

/* ---- hostile leads ---- */

static size_t count_of(const char *text, const char *needle)
{
	size_t count = 0;

	for (text = strstr(text, needle); text; text = strstr(text + 1, needle))
		count++;
	return count;
}

static void html_is_escaped_everywhere(void **state)
{
	static const char attack[] =
		"<script>x</script><img src=http://evil/x>\"' onload=a &amp;";
	struct lead lead = make_lead();
	size_t tags;

	(void)state;
	for (int i = 0; i < FIELD_COUNT; i++)
		set(&lead, (enum lead_field)i, "a");
	lead.extra = cJSON_Parse("{\"k\":\"a\"}");
	compose(&lead, 1, 0, MAIL_DETAIL_FULL);
	tags = count_of(buf_str(&composed.html), "<");
	for (int i = 0; i < FIELD_COUNT; i++)
		set(&lead, (enum lead_field)i, attack);
	free(lead.source);
	lead.source = strdup(attack);
	cJSON_Delete(lead.extra);
	lead.extra = cJSON_CreateObject();
	cJSON_AddStringToObject(lead.extra, attack, attack);
	compose(&lead, 1, 0, MAIL_DETAIL_FULL);
	assert_int_equal(count_of(buf_str(&composed.html), "<"), tags);
	assert_null(strstr(buf_str(&composed.html), "<script"));
	assert_null(strstr(buf_str(&composed.html), "<img"));
	html_has("&lt;script&gt;");
	html_has("&amp;amp;");
	lead_finish(&lead);
}

static void no_field_makes_a_line_of_ours(void **state)
{
	static const char attack[] = "Nice\r\nBcc: victim@example.com\n\nLead: 7\rx";
	struct lead lead = make_lead();

	(void)state;
	for (int i = 0; i < FIELD_COUNT; i++)
		set(&lead, (enum lead_field)i, attack);
	lead.extra = cJSON_CreateObject();
	cJSON_AddStringToObject(lead.extra, attack, attack);
	compose(&lead, 1, 0, MAIL_DETAIL_FULL);
	assert_null(strpbrk(buf_str(&composed.subject), "\r\n"));
	assert_null(strchr(buf_str(&composed.text), '\r'));
	assert_null(strstr(buf_str(&composed.text), "\nBcc:"));
	assert_null(strstr(buf_str(&composed.text), "\nx"));
	assert_int_equal(count_of(buf_str(&composed.text), "\nLead: "), 1);
	has("\n    Bcc: victim@example.com\n"); /* of the description */
	lead_finish(&lead);
}

static void marks_that_turn_the_text_are_left_out(void **state)
{
	struct lead lead = make_lead();

	(void)state;
	set(&lead, FIELD_COMPANY,
		"A\xe2\x80\xae"
		"B\xe2\x81\xa6"
		"C\xe2\x80\xa8"
		"D\xc2\x85"
		"E\x1b[31m\x7f"
		"F");
	compose(&lead, 1, 0, MAIL_DETAIL_MASKED);
	has("Company: ABCDE [31m F\n");
	lead_finish(&lead);
}

static void a_huge_value_is_cut_between_characters(void **state)
{
	struct lead lead = make_lead();
	struct buf huge = BUF_INIT;

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_adds(&huge, "é");
	set(&lead, FIELD_DESCRIPTION, buf_str(&huge));
	set(&lead, FIELD_OFFER_TITLE, buf_str(&huge));
	compose(&lead, 1, 0, MAIL_DETAIL_FULL);
	assert_true(composed.subject.len < 1300);
	assert_true(composed.text.len < 30000);
	has("é...\n");
	buf_finish(&huge);
	lead_finish(&lead);
}

static void a_subject_holds_300_characters_of_any_script(void **state)
{
	struct lead lead = make_lead();
	struct buf title = BUF_INIT, subject = BUF_INIT;

	(void)state;
	for (int i = 0; i < 300; i++)
		buf_adds(&title, "東");
	set(&lead, FIELD_OFFER_TITLE, buf_str(&title));
	compose(&lead, 1, 0, MAIL_DETAIL_MASKED);
	buf_addf(&subject, "New lead: %s", buf_str(&title));
	subject_is(buf_str(&subject));
	buf_finish(&subject);
	buf_finish(&title);
	lead_finish(&lead);
}

static void many_extras_fit(void **state)
{
	struct lead lead = make_lead();
	char name[16];

	(void)state;
	lead.extra = cJSON_CreateObject();
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		cJSON_AddStringToObject(lead.extra, name, "v");
	}
	for (int i = 0; i < FIELD_COUNT; i++)
		set(&lead, (enum lead_field)i, "a");
	compose(&lead, 1, 0, MAIL_DETAIL_FULL);
	has("k0: v\n");
	lacks("k499");
	lead_finish(&lead);
}

/* ---- masks ---- */

static void addresses_are_masked_or_left_out(void **state)
{
	static const struct {
		const char *email, *masked;
	} table[] = {
		{"alice@example.com", "a***@example.com"},
		{"a@example.com", "a***@example.com"},
		{"élise@exemple.fr", "é***@exemple.fr"},
		{"@example.com", ""},
		{"alice@", ""},
		{"alice", ""},
		{"a@b@c", ""},
		{"Alice Smith <alice@example.com>", ""},
		{"alice@example.com\nBcc: b@c.d", ""},
		{"", ""},
	};
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		buf_clear(&out);
		compose_mask_email(&out, table[i].email);
		assert_string_equal(buf_str(&out), table[i].masked);
	}
	buf_clear(&out);
	compose_mask_email(&out, NULL);
	assert_string_equal(buf_str(&out), "");
	buf_finish(&out);
}

static void names_become_initials(void **state)
{
	struct lead lead = make_lead();

	(void)state;
	set(&lead, FIELD_FULL_NAME, "Maria da Silva");
	compose(&lead, 1, 0, MAIL_DETAIL_MASKED);
	has("Name: M. S.\n");
	set(&lead, FIELD_FULL_NAME, "山田太郎");
	compose(&lead, 1, 0, MAIL_DETAIL_MASKED);
	has("Name: 山.\n");
	set(&lead, FIELD_LAST_NAME, "(unknown)");
	compose(&lead, 1, 0, MAIL_DETAIL_MASKED);
	has("Name: (.\n");
	lead_finish(&lead);
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_level_shows_its_own),
		TEST(every_field_is_in_a_full_mail),
		TEST(a_lead_of_few_words_has_a_subject),
		TEST(a_test_lead_is_marked),
		TEST(a_digest_names_all_and_counts_the_rest),
		TEST(the_same_leads_make_the_same_mail),
		TEST(html_is_escaped_everywhere),
		TEST(no_field_makes_a_line_of_ours),
		TEST(marks_that_turn_the_text_are_left_out),
		TEST(a_huge_value_is_cut_between_characters),
		TEST(a_subject_holds_300_characters_of_any_script),
		TEST(many_extras_fit),
		TEST(addresses_are_masked_or_left_out),
		TEST(names_become_initials),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
