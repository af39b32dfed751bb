/* mail, reports, retention, silence_alert. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "folder.h"

#include "leadrelay/compose.h"
#include "leadrelay/config.h"
#include "leadrelay/report.h"
#include "leadrelay/schedule.h"

#define DAY ((int64_t)24 * 3600 * 1000)

/* 9 lines; what follows begins at line 10 */
static const char head[] =
	"state_dir: state\n"
	"intake: { listen: \"127.0.0.1:0\" }\n"
	"sources:\n"
	"  - { name: json, kind: json, token_file: token, destinations: archive }\n"
	"destinations:\n"
	"  - name: archive\n"
	"    kind: file\n"
	"    path: a\n"
	"    contacts: \"Owner <owner@contoso.com>; sales@contoso.com\"\n";

#define MAIL "mail: { smtp: { url: \"smtp://mail.contoso.com\" }, from: a@contoso.com }\n"

static const char whole[] =
	"mail:\n"
	"  smtp: { url: \"smtps://mail.contoso.com:465/relay\", auth: login,\n"
	"          username: relay, password_file: smtp.password, timeout: 5s }\n"
	"  from: \"Lead relay <relay@contoso.com>\"\n"
	"  alerts_to: [\"ops@contoso.com; Ops@Contoso.com\", night@contoso.com]\n"
	"  detail: none\n"
	"  digest: 15m\n"
	"reports:\n"
	"  - { name: daily, every: day, at: \"07:00\", timezone: Europe/Paris,\n"
	"      to: boss@contoso.com, formats: [html, csv] }\n"
	"  - { name: weekly, every: monday, directory: out, formats: json }\n"
	"retention: { delivered: 30d, dead: 0s }\n"
	"silence_alert: 6h\n";

struct loaded {
	struct config *config;
	struct buf problems;
	enum err_code code;
};

static int make_folder(void **state)
{
	(void)state;
	folder_make();
	put_file("token", "0123456789abcdef", 16, 0600);
	put_file("smtp.password", "secret\n", 7, 0600);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	folder_remove();
	return 0;
}

static struct loaded load(const char *tail)
{
	struct loaded loaded = {0};
	struct buf text = BUF_INIT;
	char path[256];
	struct err err;

	buf_addf(&text, "%s%s", head, tail);
	put_file("leadrelay.yaml", buf_str(&text), text.len, 0600);
	loaded.code = config_load(&loaded.config, in_folder("leadrelay.yaml", path),
		&loaded.problems, &err);
	buf_finish(&text);
	return loaded;
}

static void finish(struct loaded *loaded)
{
	if (loaded->code == ERR_OK)
		config_destroy(loaded->config);
	buf_finish(&loaded->problems);
}

static void refused(const char *tail, const char *expected)
{
	struct loaded loaded = load(tail);

	if (loaded.code != ERR_CONFIG)
		fail_msg("accepted: %s", tail);
	if (!strstr(buf_str(&loaded.problems), expected))
		fail_msg("expected \"%s\" in:\n%s", expected, buf_str(&loaded.problems));
	finish(&loaded);
}

static void accepted(const char *tail)
{
	struct loaded loaded = load(tail);

	if (loaded.code != ERR_OK)
		fail_msg("%s: %s", tail, buf_str(&loaded.problems));
	finish(&loaded);
}

static void every_key_reaches_its_place(void **state)
{
	struct loaded loaded = load(whole);
	struct config *c = loaded.config;
	char path[256];

	(void)state;
	if (loaded.code != ERR_OK)
		fail_msg("%s", buf_str(&loaded.problems));
	assert_true(c->mail.configured);
	assert_string_equal(c->mail.smtp.url, "smtps://mail.contoso.com:465/relay");
	assert_int_equal(c->mail.smtp.auth, SMTP_AUTH_LOGIN);
	assert_int_equal(c->mail.smtp.tls, SMTP_TLS_REQUIRED);
	assert_string_equal(c->mail.smtp.password.values[0], "secret");
	assert_int_equal(c->mail.smtp.timeout_ms, 5000);
	assert_string_equal(c->mail.from, "Lead relay <relay@contoso.com>");
	assert_int_equal(c->mail.alerts_to.count, 2);
	assert_string_equal(c->mail.alerts_to.items[0], "ops@contoso.com");
	assert_string_equal(c->mail.alerts_to.items[1], "night@contoso.com");
	assert_int_equal(c->mail.detail, MAIL_DETAIL_NONE);
	assert_int_equal(c->mail.digest_ms, 900000);
	assert_string_equal(c->destinations[0].contacts.items[0], "owner@contoso.com");
	assert_int_equal(c->report_count, 2);
	assert_int_equal(c->reports[0].every, EVERY_DAY);
	assert_int_equal(c->reports[0].at_minute, 420);
	assert_string_equal(c->reports[0].timezone, "Europe/Paris");
	assert_int_equal(c->reports[0].formats, 1u << REPORT_HTML | 1u << REPORT_CSV);
	assert_int_equal(c->reports[1].every, EVERY_MONDAY);
	assert_string_equal(c->reports[1].directory, in_folder("out", path));
	assert_string_equal(c->reports[1].timezone, "UTC");
	assert_true(c->retention.delivered_ms == 30 * DAY);
	assert_true(c->retention.dead_ms == 0);
	assert_true(c->retention.attempts_ms == 90 * DAY);
	assert_true(c->silence_alert_ms == DAY / 4);
	assert_int_equal(c->warnings.count, 0);
	finish(&loaded);
}

static void absent_keys_have_their_documented_defaults(void **state)
{
	struct loaded loaded = load(MAIL);
	struct config *c = loaded.config;

	(void)state;
	assert_int_equal(loaded.code, ERR_OK);
	assert_int_equal(c->mail.detail, MAIL_DETAIL_MASKED);
	assert_int_equal(c->mail.digest_ms, 0);
	assert_int_equal(c->mail.alerts_to.count, 0);
	assert_int_equal(c->mail.smtp.auth, SMTP_AUTH_NONE);
	assert_int_equal(c->mail.smtp.timeout_ms, 60000);
	assert_int_equal(c->report_count, 0);
	assert_true(c->retention.delivered_ms == 90 * DAY);
	assert_true(c->retention.dead_ms == 365 * DAY);
	assert_true(c->retention.discarded_ms == 90 * DAY);
	assert_true(c->retention.quarantined_ms == 90 * DAY);
	assert_true(c->silence_alert_ms == 0);
	finish(&loaded);
}

static void contacts_without_mail_are_warned_about_once(void **state)
{
	struct loaded loaded = load("");

	(void)state;
	assert_int_equal(loaded.code, ERR_OK);
	assert_false(loaded.config->mail.configured);
	assert_int_equal(loaded.config->warnings.count, 1);
	assert_non_null(strstr(loaded.config->warnings.items[0], "nobody is notified"));
	finish(&loaded);
}

#define SMTP(keys) "mail: { from: a@contoso.com, smtp: { " keys " } }\n"
#define URL "url: \"smtp://mail.contoso.com\""

static void bad_mail_is_refused(void **state)
{
	(void)state;
	refused("mail: yes\n", ":10: mail: not a block of keys");
	refused("mail: { from: a@contoso.com }\n", ":10: mail.smtp: missing");
	refused("mail: { smtp: { " URL " } }\n", ":10: mail.from: missing");
	refused("mail: { smtp: { " URL " }, from: nobody }\n",
		"mail.from: \"nobody\" is not an e-mail address");
	refused(MAIL "mail: {}\n", "");
	refused(SMTP("tls: none"), "mail.smtp.url: missing");
	refused(SMTP("url: mail.contoso.com"), "mail.smtp.url: not a mail server");
	refused(SMTP(URL ", tls: none"), "mail.smtp.tls: none beyond this machine");
	refused(SMTP(URL ", tls: maybe"), "one of required, none");
	refused(SMTP(URL ", auth: plain"), "mail.smtp.username: missing");
	refused(SMTP(URL ", auth: plain, username: u"), "mail.smtp.password: missing");
	refused(SMTP(URL ", username: u"), "mail.smtp.auth: none, but");
	refused(SMTP(URL ", auth: xoauth2, username: u"), "mail.smtp.oauth: missing");
	refused(SMTP(URL ", oauth: { method: azure_ad, client_id: 4, client_secret: s }"),
		"mail.smtp.oauth.directory_id: missing");
	refused(SMTP(URL ", oauth: { method: azure_ad, client_secret: s,"
			 " directory_id: contoso.com,"
			 " client_id: 23456052-0000-0000-0000-000000000000 }"),
		"mail.smtp.oauth: used by auth: xoauth2 only");
	refused(SMTP(URL ", timeout: 11m"), "is too long");
	refused(SMTP(URL ", pasword_file: x"), "did you mean password_file?");
	refused("mail: { smtp: { " URL " }, from: a@contoso.com, alerts_to: ops }\n",
		"mail.alerts_to: \"ops\" is not an e-mail address");
	refused("mail: { smtp: { " URL " }, from: a@contoso.com, detail: some }\n",
		"one of none, masked, full");
	refused("mail: { smtp: { " URL " }, from: a@contoso.com, digest: 8d }\n",
		"a duration from 0s to 7d");
}

static void mail_servers_that_make_sense_are_accepted(void **state)
{
	(void)state;
	accepted(SMTP("url: \"smtp://127.0.0.1:25\", tls: none"));
	accepted(SMTP(URL ", tls: none, allow_plain: true"));
	accepted(SMTP(URL ", auth: plain, username: u, password: p"));
	accepted(SMTP(URL ", auth: xoauth2, username: u@contoso.com, oauth: { method: "
			  "azure_ad, client_secret: s, directory_id: contoso.com,"
			  " client_id: 23456052-0000-0000-0000-000000000000 }"));
}

#define REPORT(keys) MAIL "reports: [{ name: r, every: day, " keys " }]\n"

static void bad_reports_are_refused(void **state)
{
	(void)state;
	refused(MAIL "reports: daily\n", ":11: reports: not a list");
	refused(REPORT("at: \"07:00\""), "reports.r: it goes nowhere");
	refused(REPORT("at: \"7:00\", directory: x"), "\"7:00\" is not a time of day");
	refused(REPORT("at: \"24:00\", directory: x"), "is not a time of day");
	refused(REPORT("timezone: Europe/Atlantis, directory: x"), "reports.r.timezone:");
	refused(REPORT("timezone: ../etc/passwd, directory: x"), "reports.r.timezone:");
	refused(REPORT("formats: [html, pdf], directory: x"), "\"pdf\" is not a format");
	refused(REPORT("formats: [], directory: x"), "an empty list");
	refused(REPORT("to: nobody"), "reports.r.to: \"nobody\" is not");
	refused("reports: [{ name: r, every: day, to: a@contoso.com }]\n",
		"reports.r.to: there is no mail: block");
	refused("reports: [{ name: r, every: year, directory: x }]\n",
		"one of hour, day, monday");
	refused("reports: [{ name: r, every: day, directory: x },"
		" { name: R, every: day, directory: x }]\n",
		"another report has this name");
	accepted("reports: []\n");
	accepted("reports: [{ name: r, every: hour, at: \"00:30\", directory: x }]\n");
}

static void bad_ages_are_refused(void **state)
{
	(void)state;
	refused("retention: { delivered: 90 }\n", "retention.delivered: \"90\" is not");
	refused("retention: { dead: 3651d }\n", "0s: kept for ever");
	refused("retention: { deleted: 1d }\n", "did you mean delivered?");
	refused("silence_alert: 366d\n", ":10: silence_alert: \"366d\" is too long");
}

static void a_changed_password_is_noticed(void **state)
{
	struct loaded before = load(whole), after;

	(void)state;
	put_file("smtp.password", "other\n", 6, 0600);
	after = load(whole);
	assert_false(config_credentials_changed(
		before.config, before.config, MAIL_DESTINATION));
	assert_true(config_credentials_changed(
		before.config, after.config, MAIL_DESTINATION));
	finish(&before);
	finish(&after);
	put_file("smtp.password", "secret\n", 7, 0600);
}

static void a_password_is_never_shown(void **state)
{
	struct loaded loaded = load(SMTP(URL ", auth: plain, password: hidden~word"));

	(void)state;
	assert_int_equal(loaded.code, ERR_CONFIG);
	assert_null(strstr(buf_str(&loaded.problems), "hidden~word"));
	finish(&loaded);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_reaches_its_place),
		cmocka_unit_test(absent_keys_have_their_documented_defaults),
		cmocka_unit_test(contacts_without_mail_are_warned_about_once),
		cmocka_unit_test(bad_mail_is_refused),
		cmocka_unit_test(mail_servers_that_make_sense_are_accepted),
		cmocka_unit_test(bad_reports_are_refused),
		cmocka_unit_test(bad_ages_are_refused),
		cmocka_unit_test(a_changed_password_is_noticed),
		cmocka_unit_test(a_password_is_never_shown),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
