/* The four formats: whole, well formed, in the contract's words. */
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

static char *render(enum sample sample, enum report_format format)
{
	struct report report = sample_report(sample);
	struct buf out = BUF_INIT;

	report_render(&out, &report, format, NULL);
	report_finish(&report);
	assert_true(buf_ok(&out));
	return buf_take(&out);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" is missing", part);
}

/* ---- HTML ---- */

static bool is_void(const char *name, size_t len)
{
	return (len == 4 && strncmp(name, "meta", 4) == 0) ||
	       (len == 2 && strncmp(name, "br", 2) == 0);
}

/* Every element that is opened is closed, in order; every attribute is quoted. */
static void assert_well_formed(const char *html)
{
	struct {
		const char *name;
		size_t len;
	} open[64];
	int depth = 0;
	const char *at = html + strlen("<!DOCTYPE html>");

	while ((at = strchr(at, '<'))) {
		bool closes = at[1] == '/';
		const char *name = at + 1 + closes, *end = strchr(at, '>');
		size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789");
		int quotes = 0;

		assert_non_null(end);
		assert_true(len > 0);
		for (const char *c = at; c < end; c++)
			quotes += *c == '"';
		assert_int_equal(quotes % 2, 0);
		at = end;
		if (is_void(name, len))
			continue;
		if (!closes) {
			assert_true(depth < 64);
			open[depth].name = name;
			open[depth++].len = len;
			continue;
		}
		assert_true(depth-- > 0);
		if (open[depth].len != len || strncmp(open[depth].name, name, len) != 0)
			fail_msg("</%.*s> closes <%.*s>", (int)len, name,
				(int)open[depth].len, open[depth].name);
	}
	assert_int_equal(depth, 0);
}

static void html_is_well_formed_and_stands_alone(void **state)
{
	(void)state;
	for (int sample = 0; sample < SAMPLES; sample++) {
		char *html = render((enum sample)sample, REPORT_HTML);

		assert_int_equal(strncmp(html, "<!DOCTYPE html>", 15), 0);
		assert_well_formed(html);
		assert_has(html, "<meta name=\"viewport\"");
		assert_null(strstr(html, "<script"));
		assert_null(strstr(html, "http:"));
		assert_null(strstr(html, "https:"));
		assert_null(strstr(html, "src="));
		assert_null(strstr(html, "url("));
		free(html);
	}
}

static void html_has_the_picture_and_the_commands(void **state)
{
	char *html = render(SAMPLE_DAY, REPORT_HTML);

	(void)state;
	assert_has(html, "height:72px;line-height:72px"); /* the tallest bar */
	assert_has(html, "leadctl list --destination crm --state dead --reason invalid "
			 "--since 2026-11-21T");
	assert_has(html, "leadctl replay --destination crm --state dead --reason invalid "
			 "--since 2026-11-21T");
	assert_has(html,
		"4,711 accepted = 8 pending + 2 held + 4,683 delivered + 6 dead + "
		"12 discarded; nothing is missing");
	free(html);
}

/* Mail services cut what is longer than about 100 KB. */
static void html_of_a_day_is_small(void **state)
{
	char *html = render(SAMPLE_DAY, REPORT_HTML);

	(void)state;
	assert_true(strlen(html) < 64 * 1024);
	free(html);
}

/* ---- text ---- */

static void text_says_it_in_sentences(void **state)
{
	char *text = render(SAMPLE_DAY, REPORT_TEXT);

	(void)state;
	assert_has(text, "leadrelay daily report\n");
	assert_has(text, "(UTC)\n");
	assert_has(
		text, "Destination crm\n  120 accepted, 118 delivered, 2 became dead\n");
	assert_has(text, "131 attempts, 11 of them retries");
	assert_has(text, "half within 0.82 s, 95 % within 12.4 s, the slowest 2h 14m");
	assert_has(
		text, "4 pending (the oldest for 2h 03m), 1 held, 3 dead, 6 discarded");
	assert_has(text, "2 died: invalid\n    leadctl list --destination crm");
	assert_has(text, "Notifications: 236 sent, 0 failed");
	free(text);
}

static void a_difference_is_shouted(void **state)
{
	char *text = render(SAMPLE_EXTREME, REPORT_TEXT);

	(void)state;
	assert_has(text, "80 NOT accounted for: leadctl check");
	free(text);
}

/* ---- CSV ---- */

static int fields_of(const char *line, const char *end)
{
	int fields = 1;
	bool quoted = false;

	for (; line < end; line++) {
		quoted ^= *line == '"';
		fields += *line == ',' && !quoted;
	}
	return fields;
}

static void csv_rows_are_equally_wide(void **state)
{
	(void)state;
	for (int sample = 0; sample < SAMPLES; sample++) {
		char *csv = render((enum sample)sample, REPORT_CSV), *line = csv;

		assert_has(csv, "kind,name,since,until,accepted,delivered,");
		while (*line) {
			char *end = strstr(line, "\r\n");

			assert_non_null(end);
			assert_null(memchr(line, '\n', (size_t)(end - line)));
			assert_int_equal(fields_of(line, end), 23);
			line = end + 2;
		}
		free(csv);
	}
}

static void csv_has_the_figures(void **state)
{
	char *csv = render(SAMPLE_DAY, REPORT_CSV);

	(void)state;
	assert_has(csv, "\r\ndestination,crm,2026-11-21T");
	assert_has(csv, "Z,120,118,4,1,3,6,131,11,0.820,12.400,8040.000,7380,invalid:2,");
	assert_has(csv, "\r\nnotifications,,");
	assert_has(csv, "\r\naccounting,,");
	free(csv);
}

/* ---- JSON ---- */

static void assert_members(const cJSON *object, const char *names)
{
	char all[512] = "";
	const cJSON *member;

	cJSON_ArrayForEach (member, object) {
		strcat(strcat(all, *all ? " " : ""), member->string);
	}
	assert_string_equal(all, names);
}

static void json_has_the_contracts_fields(void **state)
{
	char *text = render(SAMPLE_DAY, REPORT_JSON);
	cJSON *report = cJSON_Parse(text), *crm;

	(void)state;
	assert_non_null(report);
	assert_members(
		report, "name since until destinations sources notifications accounting");
	crm = cJSON_GetArrayItem(cJSON_GetObjectItem(report, "destinations"), 0);
	assert_members(crm,
		"name accepted delivered pending held dead discarded attempts retries p50_s "
		"p95_s max_s oldest_pending_s dead_by_reason");
	assert_members(cJSON_GetObjectItem(crm, "dead_by_reason"), "invalid");
	assert_members(cJSON_GetArrayItem(cJSON_GetObjectItem(report, "sources"), 0),
		"name accepted duplicates quarantined rejected test");
	assert_members(cJSON_GetObjectItem(report, "notifications"), "sent dead");
	assert_members(cJSON_GetObjectItem(report, "accounting"),
		"accepted pending held delivered dead discarded difference");
	assert_has(text, "\"p50_s\":0.82,\"p95_s\":12.4,");
	cJSON_Delete(report);
	free(text);
}

/* ---- the mail ---- */

static void the_mail_has_what_the_formats_say(void **state)
{
	struct report report = sample_report(SAMPLE_DAY);
	unsigned formats = 1u << REPORT_HTML | 1u << REPORT_CSV | 1u << REPORT_JSON;
	struct report_mail mail;
	struct err err;

	(void)state;
	assert_int_equal(report_mail_make(&mail, &report, formats, NULL, &err), ERR_OK);
	assert_string_equal(buf_str(&mail.subject),
		"leadrelay daily: 240 accepted, 236 delivered, 2 dead");
	assert_true(mail.text.len > 0 && mail.html.len > 0);
	assert_int_equal(mail.attachment_count, 2);
	assert_string_equal(mail.attachments[0].name, "leadrelay-daily-2026-11-22.csv");
	assert_string_equal(mail.attachments[0].type, "text/csv; charset=utf-8");
	assert_string_equal(mail.attachments[1].type, "application/json");
	report_mail_finish(&mail);
	assert_int_equal(
		report_mail_make(&mail, &report, 1u << REPORT_TEXT, NULL, &err), ERR_OK);
	assert_int_equal(mail.html.len, 0);
	assert_int_equal(mail.attachment_count, 0);
	report_mail_finish(&mail);
	report_finish(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(html_is_well_formed_and_stands_alone),
		cmocka_unit_test(html_has_the_picture_and_the_commands),
		cmocka_unit_test(html_of_a_day_is_small),
		cmocka_unit_test(text_says_it_in_sentences),
		cmocka_unit_test(a_difference_is_shouted),
		cmocka_unit_test(csv_rows_are_equally_wide),
		cmocka_unit_test(csv_has_the_figures),
		cmocka_unit_test(json_has_the_contracts_fields),
		cmocka_unit_test(the_mail_has_what_the_formats_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
