#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"
#include "text.h"

static const char default_secret[] = "rehearsal~secret+has/odd=characters&all%";

static const char usage[] =
	"usage: leadrelay-rehearsal [OPTION]...\n"
	"\n"
	"Plays Azure AD (the token endpoints) and Dataverse (the lead table of its Web API) on this\n"
	"machine, strictly, and with faults on demand, so that a relay can be rehearsed against it.\n"
	"\n"
	"  --listen ADDRESS:PORT   where to listen (127.0.0.1:8181); port 0: any free one\n"
	"  --control ADDRESS:PORT  a second address, open even while the first refuses connections\n"
	"  --port-file FILE        write the port there (and the control port on a second line)\n"
	"  --allow-remote          permit an address that is not loopback\n"
	"  --environment URL       another name clients may use for it (repeatable)\n"
	"  --tls-cert FILE --tls-key FILE   serve HTTPS\n"
	"  --threads N             connections served at once (512); further ones wait\n"
	"  --journal FILE          append every exchange, a JSON line each\n"
	"  --seed N                of the faults' probabilities (from the clock)\n"
	"\n"
	"  --directory ID          the tenant (12345678-0000-0000-0000-000000000000)\n"
	"  --domain NAME           its other name (contoso.onmicrosoft.com)\n"
	"  --client-id ID          the application (23456052-0000-0000-0000-000000000000)\n"
	"  --secret S              a valid client secret (repeatable); --secret-file FILE reads one\n"
	"                          per line. Without either and without a certificate it is\n"
	"                          rehearsal~secret+has/odd=characters&all%\n"
	"  --expired-secret S      one that was valid once\n"
	"  --certificate PEM       a certificate of the application (repeatable)\n"
	"  --public-client ID      the application of the password grant\n"
	"                          (51f81489-12ee-4a9e-aaae-a2591f45987d)\n"
	"  --username U --password P   the user of the password grant\n"
	"  --token-life 3600s      how long a token is good\n"
	"  --column NAME:TYPE[:LIMIT]   a column of your own, or another limit of a standard one:\n"
	"                          new_campaigncode:string:100, leadsourcecode:choice:1-10,100000000\n"
	"  --help\n"
	"\n"
	"It prints one line with its URL when it is ready, and ends with 0 on SIGTERM. Everything is\n"
	"in memory. A token, a lead, and the lead as the CRM has it:\n"
	"\n"
	"  U=http://127.0.0.1:8181 T=12345678-0000-0000-0000-000000000000\n"
	"  TOKEN=$(curl -s $U/$T/oauth2/v2.0/token -d grant_type=client_credentials \\\n"
	"    -d client_id=23456052-0000-0000-0000-000000000000 -d scope=$U/.default \\\n"
	"    --data-urlencode 'client_secret=rehearsal~secret+has/odd=characters&all%' |\n"
	"    jq -r .access_token)\n"
	"  curl -i $U/api/data/v9.2/leads -H \"Authorization: Bearer $TOKEN\" \\\n"
	"    -H 'Accept: application/json' -H 'Content-Type: application/json' \\\n"
	"    -H 'OData-Version: 4.0' -H 'OData-MaxVersion: 4.0' \\\n"
	"    -d '{\"subject\":\"Contoso (INS)\",\"lastname\":\"Bl\xc3\xa9riot\"}'\n"
	"  curl -s $U/_rehearsal/records | jq .\n"
	"\n"
	"Two creates are throttled for 3 s each, then the CRM is cut off, then all is well again:\n"
	"\n"
	"  curl $U/_rehearsal/faults -d '{\"fault\":\"throttle\",\"where\":\"create\",\"times\":2,\n"
	"    \"retry_after\":3}'\n"
	"  curl $U/_rehearsal/settings -d '{\"online\":false}'\n"
	"  curl $U/_rehearsal/reset -d '{\"only\":[\"faults\",\"settings\"]}'\n"
	"\n"
	"GET /_rehearsal lists the control API. A fault is {\"fault\": NAME, \"where\": one or more of\n"
	"any, api, token, create, read, update, delete, whoami, privilege, other, \"times\": N or -1,\n"
	"\"probability\": 0 to 1, \"match\": {COLUMN: VALUE}} and its own parameters:\n"
	"\n";

static void help(void)
{
	fputs(usage, stdout);
	for (const struct fault_kind *kind = fault_kinds; kind->name; kind++)
		printf("  %-22s %-16s %s\n", kind->name, kind->where, kind->help);
	printf("  %-22s %-16s %s\n", "refuse_connections", "",
		"the address is closed for ms (1000); takes effect at once");
}

static void replace(char **value, const char *with)
{
	free(*value);
	*value = need_copy(with);
}

/* "3600", "90s", "5m", "1h" */
static bool parse_span(const char *words, int64_t *seconds_out)
{
	char *end;
	long long number = strtoll(words, &end, 10);
	int64_t unit = strcmp(end, "h") == 0                             ? 3600
		       : strcmp(end, "m") == 0                           ? 60
		       : (strcmp(end, "s") == 0 || strcmp(end, "") == 0) ? 1
									 : 0;

	if (end == words || number < 1 || number > 1000000 || !unit)
		return false;
	*seconds_out = number * unit;
	return true;
}

static bool parse_int(const char *words, int least, int most, int *out)
{
	char *end;
	long number = strtol(words, &end, 10);

	if (end == words || *end || number < least || number > most)
		return false;
	*out = (int)number;
	return true;
}

static bool read_secrets(struct settings *settings, const char *file)
{
	FILE *stream = fopen(file, "re");
	char line[1024];
	bool good = stream != NULL;

	while (good && fgets(line, sizeof(line), stream)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (*line)
			good = settings_add_secret(settings, line, false);
	}
	if (stream)
		fclose(stream);
	return good;
}

static bool take_remote(struct options *o, struct settings *s, const char *value)
{
	(void)s;
	(void)value;
	o->allow_remote = true;
	return true;
}

static bool take_environment(struct options *o, struct settings *s, const char *value)
{
	(void)o;
	return settings_add_url(s, value);
}

static bool take_threads(struct options *o, struct settings *s, const char *value)
{
	(void)s;
	return parse_int(value, 1, 10000, &o->threads);
}

static bool take_seed(struct options *o, struct settings *s, const char *value)
{
	(void)s;
	o->seed = strtoull(value, NULL, 10);
	return o->seed != 0;
}

static bool take_secret(struct options *o, struct settings *s, const char *value)
{
	(void)o;
	return settings_add_secret(s, value, false);
}

static bool take_secret_file(struct options *o, struct settings *s, const char *value)
{
	(void)o;
	return read_secrets(s, value);
}

static bool take_expired_secret(struct options *o, struct settings *s, const char *value)
{
	(void)o;
	return settings_add_secret(s, value, true);
}

static bool take_certificate(struct options *o, struct settings *s, const char *value)
{
	(void)o;
	return settings_add_certificate(s, value);
}

static bool take_token_life(struct options *o, struct settings *s, const char *value)
{
	(void)o;
	return parse_span(value, &s->token_life_s);
}

static bool take_column(struct options *o, struct settings *s, const char *value)
{
	(void)o;
	return columns_declare(&s->columns, value);
}

/* One option: a call, or a text kept in options (borrowed) or in settings (copied). */
static const struct row {
	const char *name;
	bool (*take)(struct options *, struct settings *, const char *);
	size_t in_options, in_settings; /* offsets plus one; 0: not there */
} rows[] = {
	{"listen", NULL, 1 + offsetof(struct options, listen), 0},
	{"control", NULL, 1 + offsetof(struct options, control), 0},
	{"port-file", NULL, 1 + offsetof(struct options, port_file), 0},
	{"tls-cert", NULL, 1 + offsetof(struct options, tls_certificate), 0},
	{"tls-key", NULL, 1 + offsetof(struct options, tls_key), 0},
	{"journal", NULL, 1 + offsetof(struct options, journal), 0},
	{"directory", NULL, 0, 1 + offsetof(struct settings, directory)},
	{"domain", NULL, 0, 1 + offsetof(struct settings, domain)},
	{"client-id", NULL, 0, 1 + offsetof(struct settings, client_id)},
	{"public-client", NULL, 0, 1 + offsetof(struct settings, public_client_id)},
	{"username", NULL, 0, 1 + offsetof(struct settings, username)},
	{"password", NULL, 0, 1 + offsetof(struct settings, password)},
	{"allow-remote", take_remote, 0, 0},
	{"environment", take_environment, 0, 0},
	{"threads", take_threads, 0, 0},
	{"seed", take_seed, 0, 0},
	{"secret", take_secret, 0, 0},
	{"secret-file", take_secret_file, 0, 0},
	{"expired-secret", take_expired_secret, 0, 0},
	{"certificate", take_certificate, 0, 0},
	{"token-life", take_token_life, 0, 0},
	{"column", take_column, 0, 0},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]), HELP = ROWS };

static void list_options(struct option *list)
{
	for (int i = 0; i < ROWS; i++)
		list[i] = (struct option){rows[i].name,
			rows[i].take == take_remote ? no_argument : required_argument,
			NULL, i};
	list[HELP] = (struct option){"help", no_argument, NULL, HELP};
	list[HELP + 1] = (struct option){0};
}

static bool take(
	struct options *o, struct settings *s, const struct row *row, char *value)
{
	if (row->take)
		return row->take(o, s, value);
	if (row->in_options)
		*(const char **)((char *)o + row->in_options - 1) = value;
	else
		replace((char **)((char *)s + row->in_settings - 1), value);
	return true;
}

static enum options_result wrong(const char *words, const char *value)
{
	fprintf(stderr, "leadrelay-rehearsal: %s%s; --help tells more\n", words, value);
	return OPTIONS_WRONG;
}

enum options_result options_parse(
	struct options *options, struct settings *settings, int argc, char **argv)
{
	struct option list[HELP + 2];
	int option;

	list_options(list);
	*options = (struct options){.listen = "127.0.0.1:8181", .threads = 512};
	while ((option = getopt_long(argc, argv, "", list, NULL)) != -1) {
		if (option == '?')
			return wrong("bad command line", "");
		if (option == HELP) {
			help();
			return OPTIONS_HELPED;
		}
		errno = 0;
		if (!take(options, settings, &rows[option], optarg)) {
			fprintf(stderr, "leadrelay-rehearsal: --%s %s: %s\n",
				rows[option].name, optarg,
				errno ? strerror(errno)
				      : "not allowed; --help tells more");
			return OPTIONS_WRONG;
		}
	}
	if (optind < argc)
		return wrong("no argument is taken: ", argv[optind]);
	if (!options->tls_certificate != !options->tls_key)
		return wrong("--tls-cert and --tls-key go together", "");
	if (!settings->secret_count && !settings->certificate_count)
		settings_add_secret(settings, default_secret, false);
	return OPTIONS_RUN;
}
