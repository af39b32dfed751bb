#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "folder.h"

#include "../../../src/daemon/config_read.h"

static const char good[] =
	"state_dir: state\n"                                                  /* 1 */
	"intake:\n"                                                           /* 2 */
	"  listen: [\"127.0.0.1:8080\", \"[::1]:0\"]\n"                       /* 3 */
	"  max_body: 64KiB\n"                                                 /* 4 */
	"sources:\n"                                                          /* 5 */
	"  - name: market\n"                                                  /* 6 */
	"    kind: marketplace\n"                                             /* 7 */
	"    token_file: market.token\n"                                      /* 8 */
	"    destinations: [crm, archive]\n"                                  /* 9 */
	"  - name: website\n"                                                 /* 10 */
	"    kind: form\n"                                                    /* 11 */
	"    token_file: market.token\n"                                      /* 12 */
	"    destinations: crm\n"                                             /* 13 */
	"    redirect: https://www.contoso.com/thanks?a=b\n"                  /* 14 */
	"    map: { surname: last_name, firm: company }\n"                    /* 15 */
	"    set: { campaign: \"spring-2027\" }\n"                            /* 16 */
	"destinations:\n"                                                     /* 17 */
	"  - name: crm\n"                                                     /* 18 */
	"    kind: dynamics365\n"                                             /* 19 */
	"    url: https://contoso.crm4.dynamics.com\n"                        /* 20 */
	"    auth:\n"                                                         /* 21 */
	"      method: azure_ad\n"                                            /* 22 */
	"      directory_id: 12345678-0000-0000-0000-000000000000\n"          /* 23 */
	"      client_id: 23456052-0000-0000-0000-000000000000\n"             /* 24 */
	"      client_secret_file: crm.secret\n"                              /* 25 */
	"      expires: 2099-11-01\n"                                         /* 26 */
	"    contacts: \"owner@contoso.com; Owner@Contoso.com ;b@c.d\"\n"     /* 27 */
	"    set: { leadsourcecode: 8, text: \"8\", yes: true, zip: 0123 }\n" /* 28 */
	"    when: { offer_id: \"contoso.*\", action_code: [INS, PLT] }\n"    /* 29 */
	"    http_version: \"2\"\n"                                           /* 30 */
	"  - name: archive\n"                                                 /* 31 */
	"    kind: file\n"                                                    /* 32 */
	"    path: archive.jsonl\n"                                           /* 33 */
	"retry: { first: 50ms, factor: 1.5 }\n"                               /* 34 */
	"log: { level: warn, format: json }\n";                               /* 35 */

struct loaded {
	struct config *config;
	struct buf problems;
	struct err err;
	enum err_code code;
};

static int make_folder(void **state)
{
	(void)state;
	folder_make();
	put_file("market.token", "0123456789abcdef\r\n\nfedcba9876543210\n", 36, 0600);
	put_file("crm.secret", "first\nsecond\n", 13, 0600);
	setenv("LEADRELAY_TEST_HEADER", "Bearer t", 1);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	folder_remove();
	return 0;
}

static struct loaded load_bytes(const char *text, size_t len, mode_t mode)
{
	struct loaded loaded = {0};
	char path[256];

	put_file("leadrelay.yaml", text, len, mode);
	loaded.code = config_load(&loaded.config, in_folder("leadrelay.yaml", path),
		&loaded.problems, &loaded.err);
	return loaded;
}

static struct loaded load(const char *text)
{
	return load_bytes(text, strlen(text), 0644);
}

static void finish(struct loaded *loaded)
{
	if (loaded->code == ERR_OK)
		config_destroy(loaded->config);
	buf_finish(&loaded->problems);
}

/* good with the line (from 1) replaced; NULL: left out. */
static struct loaded load_with(int line, const char *replacement)
{
	struct buf text = BUF_INIT;
	struct loaded loaded;
	const char *at = good;

	for (int i = 1; *at; i++) {
		size_t len = strcspn(at, "\n") + 1;

		if (i != line)
			buf_add(&text, at, len);
		else if (replacement)
			buf_addf(&text, "%s\n", replacement);
		at += len;
	}
	loaded = load(buf_str(&text));
	buf_finish(&text);
	return loaded;
}

/* The second destination, archive, is what section says (from line 32 on). */
static struct loaded load_with_https(const char *section)
{
	struct buf text = BUF_INIT;
	const char *from = strstr(good, "    kind: file\n");
	const char *to = strstr(good, "retry:");
	struct loaded loaded;

	buf_add(&text, good, (size_t)(from - good));
	buf_adds(&text, section);
	buf_adds(&text, to);
	loaded = load(buf_str(&text));
	buf_finish(&text);
	return loaded;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("expected \"%s\" in:\n%s", part, text);
}

/* What the line says is told with its line and key. */
static void refused(int line, const char *replacement, const char *expected)
{
	struct loaded loaded = load_with(line, replacement);

	if (loaded.code != ERR_CONFIG)
		fail_msg("accepted: %s", replacement ? replacement : "(line left out)");
	assert_has(buf_str(&loaded.problems), expected);
	finish(&loaded);
}

static void accepted(int line, const char *replacement)
{
	struct loaded loaded = load_with(line, replacement);

	if (loaded.code != ERR_OK)
		fail_msg("%s: %s", replacement, buf_str(&loaded.problems));
	finish(&loaded);
}

static void every_key_reaches_its_place(void **state)
{
	struct loaded loaded = load(good);
	struct config *c = loaded.config;
	char path[256];

	(void)state;
	if (loaded.code != ERR_OK)
		fail_msg("%s", buf_str(&loaded.problems));
	assert_string_equal(c->file, in_folder("leadrelay.yaml", path));
	assert_string_equal(c->state_dir, in_folder("state", path));
	assert_int_equal(c->intake.listen.count, 2);
	assert_string_equal(c->intake.listen.items[1], "[::1]:0");
	assert_int_equal(c->intake.max_body, 65536);
	assert_int_equal(c->source_count, 2);
	assert_int_equal(c->sources[0].tokens.count, 2);
	assert_string_equal(c->sources[0].tokens.values[0], "0123456789abcdef");
	assert_string_equal(c->sources[0].tokens.values[1], "fedcba9876543210");
	assert_string_equal(c->sources[1].destinations.items[0], "crm");
	assert_string_equal(c->sources[1].map.items[0].name, "surname");
	assert_string_equal(c->sources[1].map.items[0].value, "last_name");
	assert_string_equal(c->sources[1].redirect, "https://www.contoso.com/thanks?a=b");
	assert_string_equal(c->destinations[0].auth.client_secret.values[1], "second");
	assert_string_equal(c->destinations[0].auth.client_secret.file,
		in_folder("crm.secret", path));
	assert_true(c->destinations[0].auth.client_secret.changed_at > 0);
	assert_true(c->destinations[0].auth.expires_at == 4097174400000);
	assert_int_equal(c->destinations[0].contacts.count, 2);
	assert_true(c->destinations[0].set.items[0].literal);
	assert_string_equal(c->destinations[0].set.items[0].value, "8");
	assert_false(c->destinations[0].set.items[1].literal);
	assert_true(c->destinations[0].set.items[2].literal);
	assert_false(c->destinations[0].set.items[3].literal);
	assert_int_equal(c->destinations[0].when_count, 2);
	assert_int_equal(c->destinations[0].when[1].field, FIELD_ACTION_CODE);
	assert_string_equal(c->destinations[0].when[1].patterns[1], "PLT");
	assert_true(c->destinations[0].route.http2);
	assert_string_equal(c->destinations[1].path, in_folder("archive.jsonl", path));
	assert_int_equal(c->retry.first_ms, 50);
	assert_true(c->retry.factor == 1.5);
	assert_int_equal(c->log_level, LOG_LEVEL_WARN);
	assert_int_equal(c->log_format, LOG_FORMAT_JSON);
	assert_int_equal(c->warnings.count, 1); /* contacts */
	finish(&loaded);
}

static void absent_keys_have_their_documented_defaults(void **state)
{
	struct loaded loaded = load_with(34, NULL);
	struct config *c = loaded.config;

	(void)state;
	assert_int_equal(loaded.code, ERR_OK);
	assert_int_equal(c->intake.max_memory, 32 << 20);
	assert_int_equal(c->intake.max_connections, 1000);
	assert_int_equal(c->intake.rate_per_address, 100);
	assert_int_equal(c->intake.request_timeout_ms, 10000);
	assert_int_equal(c->sources[0].on_invalid, ON_INVALID_QUARANTINE);
	assert_int_equal(c->sources[1].on_invalid, ON_INVALID_REJECT);
	assert_int_equal(c->sources[0].dedupe_window_ms, 600000);
	assert_string_equal(c->destinations[0].api_version, "v9.2");
	assert_string_equal(
		c->destinations[0].auth.authority, "https://login.microsoftonline.com");
	assert_int_equal(c->destinations[0].auth.token_version, 2);
	assert_int_equal(c->destinations[0].duplicates, DUPLICATES_CREATE);
	assert_int_equal(c->destinations[0].route.timeout_ms, 60000);
	assert_int_equal(c->destinations[1].max_concurrency, 16);
	assert_int_equal(c->destinations[1].probe_interval_ms, 900000);
	assert_int_equal(c->retry.first_ms, 5000);
	assert_int_equal(c->retry.longest_ms, 3600000);
	assert_int_equal(c->retry.give_up_after_ms, 14LL * 86400000);
	assert_true(c->retry.factor == 2);
	finish(&loaded);
}

static void a_problem_names_file_line_key_and_what_is_allowed(void **state)
{
	char expected[512], path[256];

	(void)state;
	snprintf(expected, sizeof(expected),
		"%s:4: intake.max_body: \"64KB\" is not a size; a size from 64B to 64MiB, "
		"such as 64KiB or 10MiB\n",
		in_folder("leadrelay.yaml", path));
	refused(4, "  max_body: 64KB", expected);
}

static void bad_values_are_refused(void **state)
{
	(void)state;
	refused(3, "  listen: [\"0.0.0.0:8080\"]", ":3: intake.listen: plain HTTP");
	refused(3, "  listen: example.com:80", "is not an address to listen on");
	refused(3, "  listen: []", ":3: intake.listen: an empty list");
	refused(4, "  max_body: 1GiB", "is too large");
	refused(4, "  max_memory: 100KiB", "smaller than max_body");
	refused(4, "  max_connections: many",
		"is not a whole number; a whole number from 1");
	refused(4, "  rate_per_address: 100", "is not a rate");
	refused(4, "  request_timeout: 10", "is not a duration");
	refused(4, "  request_timeout: 1ms", "is too short");
	refused(4, "  trusted_proxies: [10.0.0.0/33]", "is not an address or network");
	refused(4, "  allow_plain: yes", "is not true or false");
	refused(4, "  max_body:", ":4: intake.max_body: no value");
	refused(6, "  - name: a/b", "cannot be a name");
	refused(14, "    redirect: /thanks", "is not a web address");
	refused(15, "    map: { surname: lastname }", "is not a canonical field");
	refused(16, "    set: { campain: x }", ":16: sources.website.set.campain:");
	refused(20, "    url: http://contoso.crm4.dynamics.com", "in the clear");
	refused(20, "    url: contoso.crm4.dynamics.com", "is not a web address");
	refused(20, "    url: https://a:b@contoso.com", "a user name or password");
	refused(20, "    url: https://crm.contoso.com/?appid=1", "a query or fragment");
	refused(23, "      directory_id: nobody",
		":23: destinations.crm.auth.directory_id");
	refused(24, "      client_id: 42",
		":24: destinations.crm.auth.client_id: not an");
	refused(26, "      expires: 2027-13-01", "is not a date");
	refused(28, "    map: { email: x, phone: y, mobile: x }",
		":28: destinations.crm.map: email and mobile are both to be x");
	refused(27, "    contacts: nobody", "\"nobody\" is not an e-mail address");
	refused(29, "    when: { offer: x }", "destinations.crm.when.offer:");
	refused(30, "    http_version: \"3\"", "one of 1.1, 2");
	refused(30, "    max_concurrency: 0", "is too small");
	refused(30, "    ca_file: absent.pem", "cannot open");
	refused(30, "    ca_file: crm.secret", "holds no certificate");
	refused(30, "    probe_interval: 25h", "from 1s to 1d");
	refused(34, "retry: { first: 2h }", "is too long");
	refused(34, "retry: { first: 2m, longest: 1m }", ":34: retry.longest: shorter");
	refused(35, "log: { level: loud }", "one of debug, info, warn, error");
	refused(35, "log: loud", "not a block of keys");
}

static void short_and_plain_values_are_accepted(void **state)
{
	(void)state;
	accepted(4, "  request_timeout: 1s");
	accepted(4, "  trusted_proxies: [10.0.0.0/8, \"::1\"]");
	accepted(14, "    dedupe_window: 0s");
	accepted(20, "    url: http://127.0.0.1:8181");
	accepted(20, "    url: https://contoso.crm4.dynamics.com/main.aspx?appid=1#top");
	accepted(20, "    url: http://crm.contoso.com\n    allow_plain: true");
	accepted(30, "    probe_interval: 1s\n    timeout: 1s");
	accepted(30, "    proxy: http://proxy.contoso.com:3128");
	accepted(35, NULL);
}

static void unknown_keys_are_refused_with_the_nearest(void **state)
{
	(void)state;
	refused(4, "  max_bdy: 1KiB",
		":4: intake.max_bdy: unknown key, did you mean max_body?");
	refused(8, "    token_fle: x", "did you mean token_file?");
	refused(33, "    path: x\n    url: https://a.b",
		"not a key of kind file; remove it");
	refused(8, "    token_file: market.token\n    honeypot: x",
		":9: sources.market.honeypot: not a key of kind marketplace");
	refused(35, "speed: fast", ":35: speed: unknown key; known here: state_dir,");
}

/* A kind's file and the vocabulary must not drift apart: a key that is in one of them
 * only would never be read. */
static void the_vocabulary_has_every_key_of_every_kind(void **state)
{
	(void)state;
	for (int i = 0; i < destination_kind_count; i++) {
		const struct destination_key *own = destination_kinds[i]->keys;

		for (; own && own->name; own++) {
			const struct key *key = destination_keys;

			while (key->name && strcmp(key->name, own->name) != 0)
				key++;
			if (!key->name || !key->own)
				fail_msg("%s: %s", destination_kinds[i]->name, own->name);
		}
	}
	for (const struct key *key = destination_keys; key->name; key++) {
		bool named = !key->own;

		for (int i = 0; i < destination_kind_count; i++)
			named = named ||
				destination_key_find(destination_kinds[i], key->name);
		if (!named)
			fail_msg("no kind has %s", key->name);
	}
}

static void missing_keys_are_told_at_their_entry(void **state)
{
	(void)state;
	refused(1, NULL, "leadrelay.yaml:1: state_dir: missing");
	refused(8, NULL, ":6: sources.market.token: missing, and so is token_file");
	refused(20, NULL, ":18: destinations.crm.url: missing");
	refused(25, NULL, ":21: destinations.crm.auth.client_secret: missing");
	refused(23, NULL, ":21: destinations.crm.auth.directory_id: missing");
	refused(33, NULL, ":31: destinations.archive.path: missing");
	refused(19, NULL, ":18: destinations.crm.kind: missing; one of dynamics365, ");
	refused(10, "  - honeypot: x", ":10: sources[1].name: missing");
}

#define TABLE \
	"    path: archive.jsonl\n  - name: table\n    kind: azure_table\n" \
	"    url: https://contoso.table.core.windows.net\n"

static void what_a_kind_finds_wrong_is_told_at_its_key(void **state)
{
	static const char reads[] = "sv=1&sp=r&sig=x";
	static const char adds[] = "sv=1&sp=a&sig=x&se=2099-11-01";
	struct loaded loaded;

	(void)state;
	put_file("table.sas", reads, sizeof(reads) - 1, 0600);
	refused(33, TABLE, ":34: destinations.table.sas: missing beside url");
	refused(33, TABLE "    sas_file: table.sas",
		":37: destinations.table.sas: its permissions (sp=) lack");
	put_file("table.sas", adds, sizeof(adds) - 1, 0600);
	refused(33, TABLE "    sas_file: table.sas\n    table: a-b",
		":38: destinations.table.table: not a table's name; 3 to 63 letters");
	refused(33, TABLE "    sas_file: table.sas\n    set: { RowKey: x }",
		":38: destinations.table.set: RowKey is the entity's own");
	loaded = load_with(33, TABLE "    sas_file: table.sas");
	assert_int_equal(loaded.code, ERR_OK);
	assert_string_equal(loaded.config->destinations[2].table, "MarketplaceLeads");
	assert_true(loaded.config->destinations[2].auth.expires_at > 0); /* its se= */
	finish(&loaded);
}

static void names_and_keys_stand_once(void **state)
{
	(void)state;
	refused(10, "  - name: market", ":10: sources.market.name: another source");
	refused(31, "  - name: crm", ":31: destinations.crm.name: another destination");
	refused(4, "  listen: \"127.0.0.1:1\"",
		":4: intake.listen: \"listen\" stands twice, first in line 3");
	refused(9, "    destinations: [crm, crm]", "\"crm\" stands twice");
	refused(9, "    destinations: [crm, cmr]",
		":9: sources.market.destinations: \"cmr\" is not a destination; one of crm archive");
}

static void several_problems_are_told_together_by_line(void **state)
{
	struct loaded loaded = load("state_dir: 1\nintake: {}\nsources: 3\nlog: 4\n");
	const char *text = buf_str(&loaded.problems);

	(void)state;
	assert_int_equal(loaded.code, ERR_CONFIG);
	assert_has(text, ":1: destinations: missing");
	assert_has(text, ":2: intake.listen: missing");
	assert_has(text, ":3: sources: not a list");
	assert_has(text, ":4: log: not a block of keys");
	assert_true(strstr(text, ":2:") < strstr(text, ":3:"));
	finish(&loaded);
}

static void surprising_yaml_is_refused(void **state)
{
	struct loaded loaded;

	(void)state;
	refused(4, "  max_body: &size 64KiB", ":4: yaml: anchors and aliases");
	refused(4, "  <<: {max_body: 1KiB}", "merge keys are not used here");
	refused(4, "  max_body: !!str 64KiB", "tags are not used here");
	refused(4, "\tmax_body: 64KiB", ":4: yaml: a tab in the indentation");
	refused(4, "  max_body: \"64KiB", "not YAML");
	refused(35, "---\nlog: {}", "a second document");
	refused(4, "  max_body: \xff", ":4: yaml: text that is not UTF-8");
	refused(4, "  ? [a]\n  : b", "a key that is not a text");
	loaded = load("");
	assert_has(buf_str(&loaded.problems), ":1: yaml: the file is empty");
	finish(&loaded);
	loaded = load_bytes("a: b\0c\n", 7, 0600);
	assert_int_equal(loaded.code, ERR_CONFIG);
	finish(&loaded);
}

static void deep_nesting_is_refused(void **state)
{
	struct buf text = BUF_INIT;
	struct loaded loaded;

	(void)state;
	for (int i = 0; i < 20000; i++)
		buf_addc(&text, '[');
	loaded = load(buf_str(&text));
	assert_has(buf_str(&loaded.problems), "nested too deeply");
	finish(&loaded);
	buf_finish(&text);
}

static void a_variable_expands_in_values_only(void **state)
{
	struct loaded loaded;

	(void)state;
	setenv("LEADRELAY_TEST_DIR", "/var/tmp", 1);
	loaded = load_with(1, "state_dir: ${LEADRELAY_TEST_DIR}/$${x}");
	assert_int_equal(loaded.code, ERR_OK);
	assert_string_equal(loaded.config->state_dir, "/var/tmp/${x}");
	finish(&loaded);
	refused(1, "state_dir: ${LEADRELAY_TEST_UNSET}",
		":1: state_dir: the environment variable LEADRELAY_TEST_UNSET is not set");
	refused(1, "state_dir: ${", "${ without the name");
	refused(1, "${LEADRELAY_TEST_DIR}: x", "unknown key");
	unsetenv("LEADRELAY_TEST_DIR");
}

static void an_inline_secret_needs_a_private_file(void **state)
{
	char text[sizeof(good) + 64];
	const char *line = strstr(good, "    token_file");
	struct loaded loaded;

	(void)state;
	snprintf(text, sizeof(text), "%.*s    token: 0123456789abcdefXYZ%s",
		(int)(line - good), good, strchr(line, '\n'));
	loaded = load_bytes(text, strlen(text), 0644);
	assert_has(buf_str(&loaded.problems), "its mode is 0644; chmod 0600");
	assert_has(buf_str(&loaded.problems), ".token: a secret stands in this file");
	assert_null(strstr(buf_str(&loaded.problems), "XYZ"));
	finish(&loaded);
	loaded = load_bytes(text, strlen(text), 0640);
	assert_int_equal(loaded.code, ERR_OK);
	finish(&loaded);
	setenv("LEADRELAY_TEST_TOKEN", "0123456789abcdef", 1);
	accepted(
		8, "    token: ${LEADRELAY_TEST_TOKEN}"); /* does not stand in the file */
	unsetenv("LEADRELAY_TEST_TOKEN");
}

static void bad_secrets_are_refused_and_never_shown(void **state)
{
	(void)state;
	put_file("bad", "tooshort", 8, 0600);
	refused(8, "    token_file: bad",
		":8: sources.market.token_file: a secret of 8 characters is too short");
	put_file("bad", "\n \n", 3, 0600);
	refused(8, "    token_file: bad", "the secret is empty");
	put_file("bad", "0123456789\1abcdef", 17, 0600);
	refused(8, "    token_file: bad", "a control character");
	put_file("bad", "a\nb\nc\n", 6, 0600);
	refused(25, "      client_secret_file: bad", "more than 2 lines");
	refused(8, "    token_file: absent", "cannot open");
	refused(8, "    token_file: market.token\n    token: 0123456789abcdef",
		"both token and token_file are given");
}

static void a_secret_file_open_to_all_is_warned_about(void **state)
{
	struct loaded loaded;

	(void)state;
	put_file("open", "0123456789abcdef", 16, 0644);
	loaded = load_with(8, "    token_file: open");
	assert_int_equal(loaded.code, ERR_OK);
	assert_int_equal(loaded.config->warnings.count, 2);
	assert_has(loaded.config->warnings.items[0], "can be read by everybody");
	finish(&loaded);
}

/* ---- kind https ---- */

#define HOOK(more) "    kind: https\n    url: https://partner.example/leads?sig=1\n" more

static void an_https_destination_reaches_its_place(void **state)
{
	struct loaded loaded;
	const struct destination_settings *d;
	struct config *changed;

	(void)state;
	put_file("hook.secret", "0123456789abcdef0\n0123456789abcdef1\n", 36, 0600);
	put_file("key", "api key\n", 8, 0600);
	loaded = load_with_https(
		HOOK("    secret_file: hook.secret\n"
		     "    method: PUT\n    allow_private: true\n"
		     "    headers: { X-Tenant: contoso, X-Api-Key_file: key,"
		     " Authorization: \"${LEADRELAY_TEST_HEADER}\" }\n"));
	if (loaded.code != ERR_OK)
		fail_msg("%s", buf_str(&loaded.problems));
	d = &loaded.config->destinations[1];
	assert_string_equal(d->url, "https://partner.example/leads?sig=1");
	assert_string_equal(d->method, "PUT");
	assert_true(d->route.allow_private);
	assert_int_equal(d->secret.count, 2);
	assert_string_equal(d->secret.values[1], "0123456789abcdef1");
	assert_int_equal(d->headers.count, 3);
	assert_string_equal(d->headers.items[1].name, "X-Api-Key");
	assert_string_equal(d->headers.items[1].value, "api key");
	assert_string_equal(d->headers.items[2].value, "Bearer t");
	changed = loaded.config;
	loaded = load_with_https(HOOK(""));
	assert_int_equal(loaded.code, ERR_OK);
	d = &loaded.config->destinations[1];
	assert_string_equal(d->method, "POST");
	assert_false(d->route.allow_private);
	assert_true(loaded.config->destinations[0].route.allow_private);
	assert_int_equal(loaded.config->warnings.count, 2);
	assert_has(loaded.config->warnings.items[0], "has a query, which may hold");
	assert_true(config_credentials_changed(changed, loaded.config, "archive"));
	assert_false(config_credentials_changed(changed, loaded.config, "crm"));
	config_destroy(changed);
	finish(&loaded);
}

static void https_refused(const char *section, const char *expected)
{
	struct loaded loaded = load_with_https(section);

	if (loaded.code != ERR_CONFIG)
		fail_msg("accepted: %s", section);
	assert_has(buf_str(&loaded.problems), expected);
	finish(&loaded);
}

static void a_bad_https_destination_is_told_at_the_line_of_its_key(void **state)
{
	(void)state;
	put_file("short.secret", "short\n", 6, 0600);
	https_refused("    kind: https\n", ":31: destinations.archive.url: missing");
	https_refused("    kind: https\n    url: http://partner.example/\n",
		":33: destinations.archive.url: http:// would send");
	https_refused("    kind: https\n    url: https://partner.example/#x\n",
		":33: destinations.archive.url: end it before #");
	https_refused(HOOK("    method: GET\n"),
		":34: destinations.archive.method: \"GET\" is not known here; one of POST, PUT");
	https_refused(HOOK("    path: x\n"),
		":34: destinations.archive.path: not a key of kind https; remove it");
	https_refused(HOOK("    metod: PUT\n"),
		":34: destinations.archive.metod: unknown key, did you mean method?");
	https_refused(HOOK("    headers: { \"X Y\": a }\n"),
		":34: destinations.archive.headers.X Y: \"X Y\" cannot be the name");
	https_refused(HOOK("    headers:\n      A: b\n      a: b\n"),
		":36: destinations.archive.headers: a stands twice");
	https_refused(HOOK("    headers: [a]\n"),
		":34: destinations.archive.headers: not a block of keys; header name");
	https_refused(HOOK("    headers: { Host: x.example }\n"),
		":34: destinations.archive.headers: Host is set by leadrelay");
	https_refused(HOOK("    headers: { X-Api-Key: in-the-open }\n"),
		":34: destinations.archive.headers.X-Api-Key: a secret stands in this");
	https_refused(HOOK("    headers: { A_file: nowhere }\n"),
		":34: destinations.archive.headers.A_file: cannot open");
	https_refused(HOOK("    secret_file: short.secret\n"),
		":34: destinations.archive.secret: line 1: a key of 5 bytes; 16 to 256");
	https_refused(HOOK("    client_key: short.secret\n"),
		":31: destinations.archive.client_certificate: missing; both");
	https_refused(
		HOOK("    client_certificate: short.secret\n    client_key: short.secret\n"),
		":34: destinations.archive.client_certificate: ");
	refused(20, "    url: https://crm.contoso.com/?a=b", "end the address before ?");
	refused(30, "    allow_private: true", "not a key of kind dynamics365");
}

static void a_kind_that_does_not_exist_is_told_with_those_that_do(void **state)
{
	(void)state;
	refused(32, "    kind: ftp",
		"\"ftp\" is not a kind of destination; one of dynamics365, ");
}

static void admin_reaches_its_place(void **state)
{
	struct loaded loaded = load_with(35, "admin:\n"
					     "  listen: [\"[::1]:0\", localhost:8090]\n"
					     "  token_file: market.token\n"
					     "  hosts: relay.contoso.com\n");
	const struct admin_settings *admin;

	(void)state;
	assert_int_equal(loaded.code, ERR_OK);
	admin = &loaded.config->admin;
	assert_true(admin->configured);
	assert_int_equal(admin->server.listen.count, 2);
	assert_string_equal(admin->server.listen.items[1], "127.0.0.1:8090");
	assert_int_equal(admin->tokens.count, 2);
	assert_string_equal(admin->hosts.items[0], "relay.contoso.com");
	assert_null(admin->server.tls_certificate);
	assert_true(admin->server.max_body > 0 && admin->server.request_timeout_ms > 0);
	for (size_t i = 0; i < loaded.config->warnings.count; i++)
		assert_null(strstr(loaded.config->warnings.items[i], "admin"));
	finish(&loaded);
	loaded = load(good);
	assert_false(loaded.config->admin.configured);
	finish(&loaded);
}

static void admin_beyond_this_machine_needs_a_token_and_is_warned_about_without_tls(
	void **state)
{
	struct loaded loaded = load_with(
		35, "admin: { listen: \"0.0.0.0:8090\", token_file: market.token }");

	(void)state;
	assert_int_equal(loaded.code, ERR_OK);
	assert_has(loaded.config->warnings.items[0],
		"admin listens beyond this machine without TLS");
	finish(&loaded);
	refused(35, "admin: { listen: \"10.0.0.1:8090\" }",
		":35: admin.listen: an address other machines reach, and no token_file; give "
		"token_file: a file with a token of at least 16 characters, or listen on "
		"127.0.0.1");
	refused(35, "admin: { listen: [\"127.0.0.1:1\", \"[::]:8090\"] }",
		":35: admin.listen: an address other machines reach");
	refused(35, "admin: { token_file: market.token }", ":35: admin.listen: missing");
	refused(35, "admin: { listen: \"127.0.0.1:8090\", token_file: crm.secret }",
		":35: admin.token_file: a secret of 5 characters is too short");
	refused(35, "admin: { listen: \"127.0.0.1:8090\", hosts: [\"a:80\"] }",
		":35: admin.hosts: \"a:80\" is not the name of a host");
	refused(35,
		"admin: { listen: \"127.0.0.1:8090\", tls: { certificate: crm.secret } }",
		":35: admin.tls.key: missing");
	refused(35, "admin: { listn: \"127.0.0.1:8090\" }",
		":35: admin.listn: unknown key, did you mean listen?");
}

static void state_dir_is_found_in_a_bad_file(void **state)
{
	char path[256], expected[256];
	struct err err;
	char *dir;

	(void)state;
	put_file("leadrelay.yaml", "nonsense: [\nstate_dir: there # here\n", 36, 0600);
	assert_int_equal(
		config_state_dir(&dir, in_folder("leadrelay.yaml", path), &err), ERR_OK);
	assert_string_equal(dir, in_folder("there", expected));
	free(dir);
	put_file("leadrelay.yaml", "state_dir: /a\nsources: 4\n", 25, 0600);
	assert_int_equal(config_state_dir(&dir, path, &err), ERR_OK);
	assert_string_equal(dir, "/a");
	free(dir);
	put_file("leadrelay.yaml", "sources: 4\n", 11, 0600);
	assert_int_equal(config_state_dir(&dir, path, &err), ERR_CONFIG);
}

static void an_absent_file_is_told(void **state)
{
	struct buf problems = BUF_INIT;
	struct config *config;
	char *state_dir;
	struct err err;

	(void)state;
	assert_int_equal(
		config_load(&config, "/nonexistent/x.yaml", &problems, &err), ERR_CONFIG);
	assert_has(buf_str(&problems), "cannot open /nonexistent/x.yaml");
	assert_has(buf_str(&problems), "`leadctl init` writes one");
	assert_int_equal(
		config_state_dir(&state_dir, "/nonexistent/x.yaml", &err), ERR_NOT_FOUND);
	assert_has(err.text, "`leadctl init` writes one");
	buf_finish(&problems);
}

struct told {
	size_t count;
	bool form_only, url_by_kind, oauth;
};

static void note_key(void *ctx, const struct config_key *key)
{
	struct told *told = ctx;

	told->count++;
	assert_true(*key->allowed);
	assert_false(key->required && key->fallback);
	if (strcmp(key->path, "sources[].honeypot") == 0)
		told->form_only = key->kind_count == 1 &&
				  strcmp(key->kinds[0].name, "form") == 0 &&
				  !key->required;
	if (strcmp(key->path, "mail.smtp.oauth.token_version") == 0)
		told->oauth = strcmp(key->fallback, "v2") == 0;
	if (strcmp(key->path, "destinations[].url") != 0)
		return;
	told->url_by_kind = !key->required && key->kind_count == 3;
	for (size_t i = 0; i < key->kind_count; i++)
		if (key->kinds[i].required ==
			(strcmp(key->kinds[i].name, "azure_table") == 0))
			told->url_by_kind = false;
}

static void every_key_can_be_told(void **state)
{
	struct told told = {0};

	(void)state;
	config_keys_tell(note_key, &told);
	assert_true(told.count > 90);
	assert_true(told.form_only);
	assert_true(told.url_by_kind);
	assert_true(told.oauth);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_reaches_its_place),
		cmocka_unit_test(absent_keys_have_their_documented_defaults),
		cmocka_unit_test(a_problem_names_file_line_key_and_what_is_allowed),
		cmocka_unit_test(bad_values_are_refused),
		cmocka_unit_test(short_and_plain_values_are_accepted),
		cmocka_unit_test(unknown_keys_are_refused_with_the_nearest),
		cmocka_unit_test(the_vocabulary_has_every_key_of_every_kind),
		cmocka_unit_test(missing_keys_are_told_at_their_entry),
		cmocka_unit_test(what_a_kind_finds_wrong_is_told_at_its_key),
		cmocka_unit_test(names_and_keys_stand_once),
		cmocka_unit_test(several_problems_are_told_together_by_line),
		cmocka_unit_test(surprising_yaml_is_refused),
		cmocka_unit_test(deep_nesting_is_refused),
		cmocka_unit_test(a_variable_expands_in_values_only),
		cmocka_unit_test(an_inline_secret_needs_a_private_file),
		cmocka_unit_test(bad_secrets_are_refused_and_never_shown),
		cmocka_unit_test(a_secret_file_open_to_all_is_warned_about),
		cmocka_unit_test(an_https_destination_reaches_its_place),
		cmocka_unit_test(a_bad_https_destination_is_told_at_the_line_of_its_key),
		cmocka_unit_test(a_kind_that_does_not_exist_is_told_with_those_that_do),
		cmocka_unit_test(admin_reaches_its_place),
		cmocka_unit_test(
			admin_beyond_this_machine_needs_a_token_and_is_warned_about_without_tls),
		cmocka_unit_test(state_dir_is_found_in_a_bad_file),
		cmocka_unit_test(an_absent_file_is_told),
		cmocka_unit_test(every_key_can_be_told),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
