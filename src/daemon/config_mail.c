/* What goes out by itself: mail, reports, retention: their keys, their kinds of values,
 * and the rules between them. */
#include "config_read.h"

#include "leadrelay/compose.h"
#include "leadrelay/mail.h"
#include "leadrelay/mailbox.h"
#include "leadrelay/report.h"
#include "leadrelay/schedule.h"
#include "leadrelay/zone.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SECOND ((int64_t)1000)
#define MINUTE (60 * SECOND)
#define DAY (24 * 60 * MINUTE)

#define END \
	{ \
		.name = NULL \
	}

/* ---- values ---- */

/* "Lead relay <relay@contoso.com>": kept as it is written. */
static void take_mailbox(struct reading *in, const struct key *key, int line,
	const char *text, void *target)
{
	struct mailbox mailbox;
	struct err err;

	if (mailbox_parse(&mailbox, text, &err) != ERR_OK) {
		problem_of(in, line, key->allowed, &err);
		return;
	}
	mailbox_finish(&mailbox);
	*(char **)target = memory_text(in->memory, text, strlen(text));
}

static void take_at(struct reading *in, const struct key *key, int line, const char *text,
	void *target)
{
	char shown[QUOTED_SIZE];
	int minute = schedule_at_parse(text);

	if (minute < 0)
		problem(in, line, key->allowed, "%s is not a time of day",
			quoted(text, shown));
	else
		*(int *)target = minute;
}

static void take_timezone(struct reading *in, const struct key *key, int line,
	const char *text, void *target)
{
	struct zone *zone;
	struct err err;

	if (zone_load(&zone, NULL, text, &err) != ERR_OK) {
		problem_of(in, line, key->allowed, &err);
		return;
	}
	zone_destroy(zone);
	*(char **)target = memory_text(in->memory, text, strlen(text));
}

static const struct {
	const char *name;
	enum report_format format;
} formats[] = {
	{"text", REPORT_TEXT},
	{"html", REPORT_HTML},
	{"csv", REPORT_CSV},
	{"json", REPORT_JSON},
};

static void take_formats(struct reading *in, const struct key *key, int line,
	yaml_node_t *node, void *target)
{
	struct text_list names = {0};
	unsigned bits = 0;

	take_names(in, key, line, node, &names);
	for (size_t i = 0; i < names.count; i++) {
		char shown[QUOTED_SIZE];
		unsigned bit = 0;

		for (size_t j = 0; j < sizeof(formats) / sizeof(formats[0]); j++)
			if (strcmp(formats[j].name, names.items[i]) == 0)
				bit = 1u << formats[j].format;
		if (!bit)
			problem(in, line, key->allowed, "%s is not a format",
				quoted(names.items[i], shown));
		bits |= bit;
	}
	*(unsigned *)target = bits;
}

/* ---- mail ---- */

static const struct choice smtp_tls_choices[] = {{"required", SMTP_TLS_REQUIRED, false},
	{"none", SMTP_TLS_NONE, false}, {NULL, 0, false}};

static const struct choice smtp_auth_choices[] = {
	{"plain", SMTP_AUTH_PLAIN, false},
	{"login", SMTP_AUTH_LOGIN, false},
	{"xoauth2", SMTP_AUTH_XOAUTH2, false},
	{"none", SMTP_AUTH_NONE, false},
	{NULL, 0, false},
};

static const struct choice detail_choices[] = {
	{"none", MAIL_DETAIL_NONE, false},
	{"masked", MAIL_DETAIL_MASKED, false},
	{"full", MAIL_DETAIL_FULL, false},
	{NULL, 0, false},
};

#define AT(member) .offset = offsetof(struct smtp_settings, member)
static const struct key smtp_keys[] = {
	{.name = "url",
		.scalar = take_text,
		.required = true,
		AT(url),
		.max = 400,
		.allowed = "smtp://host:587 (STARTTLS) or smtps://host:465"},
	{.name = "tls",
		.scalar = take_choice,
		.fallback = "required",
		AT(tls),
		.choices = smtp_tls_choices},
	{.name = "auth",
		.scalar = take_choice,
		.fallback = "none",
		AT(auth),
		.choices = smtp_auth_choices},
	{.name = "username",
		.scalar = take_text,
		AT(username),
		.max = 254,
		.allowed = "the account's name at the mail server"},
	{.name = "password",
		.secret = true,
		AT(password),
		.min = 1,
		.max = 1,
		.allowed = "one line"},
	{.name = "oauth",
		.node = take_auth,
		AT(oauth),
		.keys = auth_keys,
		.allowed = "a block with method, client_id and what the method needs"},
	{.name = "ca_file",
		.scalar = take_pem,
		AT(ca_file),
		.allowed = "a PEM file with the certificates to trust"},
	{.name = "allow_plain",
		.scalar = take_bool,
		.fallback = "false",
		AT(allow_plain)},
	{.name = "timeout",
		.scalar = take_duration,
		.fallback = "60s",
		AT(timeout_ms),
		.min = 100,
		.max = 10 * MINUTE},
	END,
};
#undef AT

/* err.text of smtp_settings_check begins with the key it is about. */
static void tell_key(
	struct reading *in, const yaml_node_t *node, int line, const char *text)
{
	size_t len = strcspn(text, ":");
	char name[32];

	snprintf(name, sizeof(name), "%.*s", (int)len, text);
	key_problem(in, node, line, name, NULL,
		text[len] ? text + len + 1 + strspn(text + len + 1, " ") : text);
}

static void check_smtp(struct reading *in, int line, yaml_node_t *node, void *target)
{
	const struct smtp_settings *smtp = target;
	int oauth_line = line;
	const yaml_node_t *oauth = mapping_find(in, node, "oauth", &oauth_line);
	size_t before;
	struct err err;

	if (!memory_ok(in->memory)) /* what is missing is not the file's fault */
		return;
	if (smtp_settings_check(smtp, &err) != ERR_OK)
		tell_key(in, node, line, err.text);
	if (smtp->ca_file && certificate_bundle_check(smtp->ca_file, &err) != ERR_OK)
		key_problem(in, node, line, "ca_file",
			"a PEM file with the certificates to trust", err.text);
	if (smtp->auth == SMTP_AUTH_XOAUTH2 && smtp->password.count > 0)
		key_problem(in, node, line, "password", "remove it",
			"auth: xoauth2 takes its password, if any, from oauth");
	if (!oauth)
		return;
	if (smtp->auth != SMTP_AUTH_XOAUTH2)
		key_problem(in, node, line, "oauth", "remove it, or set auth: xoauth2",
			"used by auth: xoauth2 only");
	before = path_push(in, "oauth");
	check_auth_urls(in, oauth, oauth_line, &smtp->oauth, smtp->allow_plain);
	path_pop(in, before);
}

#define AT(member) .offset = offsetof(struct mail_settings, member)
const struct key mail_keys[] = {
	{.name = "smtp",
		.node = take_inner,
		.required = true,
		AT(smtp),
		.keys = smtp_keys,
		.check = check_smtp,
		.allowed = "a block with at least url"},
	{.name = "from",
		.scalar = take_mailbox,
		.required = true,
		AT(from),
		.allowed = "an address such as \"Lead relay <relay@contoso.com>\""},
	{.name = "alerts_to",
		.node = take_contacts,
		AT(alerts_to),
		.allowed = "e-mail addresses, separated by semicolons or as a list"},
	{.name = "detail",
		.scalar = take_choice,
		.fallback = "masked",
		AT(detail),
		.choices = detail_choices},
	{.name = "digest",
		.scalar = take_duration,
		.fallback = "0s",
		AT(digest_ms),
		.min = 0,
		.max = 7 * DAY},
	END,
};
#undef AT

void take_mail(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target)
{
	struct mail_settings *mail = target;

	mail->configured = true;
	take_section(in, key->keys, line, node, mail, NULL);
}

/* ---- reports ---- */

static const struct choice every_choices[] = {
	{"hour", EVERY_HOUR, false},
	{"day", EVERY_DAY, false},
	{"monday", EVERY_MONDAY, false},
	{"tuesday", EVERY_TUESDAY, false},
	{"wednesday", EVERY_WEDNESDAY, false},
	{"thursday", EVERY_THURSDAY, false},
	{"friday", EVERY_FRIDAY, false},
	{"saturday", EVERY_SATURDAY, false},
	{"sunday", EVERY_SUNDAY, false},
	{"month", EVERY_MONTH, false},
	{NULL, 0, false},
};

#define AT(member) .offset = offsetof(struct report_settings, member)
const struct key report_keys[] = {
	{.name = "name",
		.scalar = take_name,
		.required = true,
		AT(name),
		.allowed =
			"1 to 64 letters, digits, - _ and ., beginning with a letter, a "
			"digit or _"},
	{.name = "every",
		.scalar = take_choice,
		.required = true,
		AT(every),
		.choices = every_choices},
	{.name = "at",
		.scalar = take_at,
		.fallback = "00:00",
		AT(at_minute),
		.allowed = "hours and minutes from \"00:00\" to \"23:59\", in quotes"},
	{.name = "timezone",
		.scalar = take_timezone,
		.fallback = "UTC",
		AT(timezone),
		.allowed =
			"a zone of the system's database, such as Europe/Paris or UTC"},
	{.name = "to",
		.node = take_contacts,
		AT(to),
		.allowed = "e-mail addresses, separated by semicolons or as a list"},
	{.name = "directory",
		.scalar = take_path,
		AT(directory),
		.allowed = "the folder that the report's files are put into"},
	{.name = "formats",
		.node = take_formats,
		AT(formats),
		.otherwise = "[html]",
		.min = 1,
		.allowed = "a list of text, html, csv and json"},
	END,
};
#undef AT

static void check_report(
	struct reading *in, int line, yaml_node_t *node, struct report_settings *report)
{
	const struct report_settings *other = in->config->reports;

	if (!memory_ok(in->memory)) /* what is missing is not the file's fault */
		return;
	if (!report->formats)
		report->formats = 1u << REPORT_HTML;
	if (!report->directory && report->to.count == 0)
		problem(in, line, "to: addresses, directory: a folder, or both",
			"it goes nowhere");
	if (report->to.count > 0 && !in->config->mail.configured)
		key_problem(in, node, line, "to",
			"add a mail: block, or give only a directory",
			"there is no mail: block to send it with");
	for (; report->name && other < report; other++)
		if (other->name && strcasecmp(other->name, report->name) == 0) {
			key_problem(in, node, line, "name", "a name of its own",
				"another report has this name");
			break;
		}
}

void take_reports(struct reading *in, const struct key *key, int line, yaml_node_t *node,
	void *target)
{
	struct config *config = target;
	size_t count;

	if (node->type != YAML_SEQUENCE_NODE) {
		problem(in, line, key->allowed, "not a list");
		return;
	}
	count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
	config->reports =
		memory_alloc(in->memory, (count + 1) * sizeof(*config->reports));
	for (size_t i = 0; config->reports && i < count; i++) {
		yaml_node_t *entry = node_at(in, node->data.sequence.items.start[i]);
		struct report_settings *report = &config->reports[config->report_count++];
		size_t before = entry_push(in, entry, (int)i);
		size_t problems = in->problem_count;

		take_section(in, key->keys, node_line(entry), entry, report, NULL);
		if (in->problem_count == problems)
			check_report(in, node_line(entry), entry, report);
		path_pop(in, before);
	}
}

/* ---- retention ---- */

#define AGE(key, days) \
	{ \
		.name = #key, .scalar = take_duration, .fallback = (days), \
		.offset = offsetof(struct retention, key##_ms), .min = 0, \
		.max = 3650 * DAY, \
		.allowed = "a duration up to 3650d, such as 90d; 0s: kept for ever" \
	}
const struct key retention_keys[] = {
	AGE(delivered, "90d"),
	AGE(dead, "365d"),
	AGE(discarded, "90d"),
	AGE(quarantined, "90d"),
	AGE(attempts, "90d"),
	END,
};
