#include "options.h"

#include <errno.h>
#include <getopt.h>
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

enum option_code {
	LISTEN = 256,
	CONTROL,
	PORT_FILE,
	ALLOW_REMOTE,
	ENVIRONMENT,
	TLS_CERT,
	TLS_KEY,
	THREADS,
	JOURNAL,
	SEED,
	DIRECTORY,
	DOMAIN,
	CLIENT_ID,
	SECRET,
	SECRET_FILE,
	EXPIRED_SECRET,
	CERTIFICATE,
	PUBLIC_CLIENT,
	USERNAME_OPTION,
	PASSWORD_OPTION,
	TOKEN_LIFE,
	COLUMN,
	HELP,
};

static const struct option long_options[] = {
	{"listen", required_argument, NULL, LISTEN},
	{"control", required_argument, NULL, CONTROL},
	{"port-file", required_argument, NULL, PORT_FILE},
	{"allow-remote", no_argument, NULL, ALLOW_REMOTE},
	{"environment", required_argument, NULL, ENVIRONMENT},
	{"tls-cert", required_argument, NULL, TLS_CERT},
	{"tls-key", required_argument, NULL, TLS_KEY},
	{"threads", required_argument, NULL, THREADS},
	{"journal", required_argument, NULL, JOURNAL},
	{"seed", required_argument, NULL, SEED},
	{"directory", required_argument, NULL, DIRECTORY},
	{"domain", required_argument, NULL, DOMAIN},
	{"client-id", required_argument, NULL, CLIENT_ID},
	{"secret", required_argument, NULL, SECRET},
	{"secret-file", required_argument, NULL, SECRET_FILE},
	{"expired-secret", required_argument, NULL, EXPIRED_SECRET},
	{"certificate", required_argument, NULL, CERTIFICATE},
	{"public-client", required_argument, NULL, PUBLIC_CLIENT},
	{"username", required_argument, NULL, USERNAME_OPTION},
	{"password", required_argument, NULL, PASSWORD_OPTION},
	{"token-life", required_argument, NULL, TOKEN_LIFE},
	{"column", required_argument, NULL, COLUMN},
	{"help", no_argument, NULL, HELP},
	{0},
};

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

static bool take(struct options *o, struct settings *s, int option, const char *value)
{
	switch ((enum option_code)option) {
	case LISTEN:
		o->listen = value;
		return true;
	case CONTROL:
		o->control = value;
		return true;
	case PORT_FILE:
		o->port_file = value;
		return true;
	case ALLOW_REMOTE:
		o->allow_remote = true;
		return true;
	case ENVIRONMENT:
		return settings_add_url(s, value);
	case TLS_CERT:
		o->tls_certificate = value;
		return true;
	case TLS_KEY:
		o->tls_key = value;
		return true;
	case THREADS:
		return parse_int(value, 1, 10000, &o->threads);
	case JOURNAL:
		o->journal = value;
		return true;
	case SEED:
		o->seed = strtoull(value, NULL, 10);
		return o->seed != 0;
	case DIRECTORY:
		replace(&s->directory, value);
		return true;
	case DOMAIN:
		replace(&s->domain, value);
		return true;
	case CLIENT_ID:
		replace(&s->client_id, value);
		return true;
	case SECRET:
		return settings_add_secret(s, value, false);
	case SECRET_FILE:
		return read_secrets(s, value);
	case EXPIRED_SECRET:
		return settings_add_secret(s, value, true);
	case CERTIFICATE:
		return settings_add_certificate(s, value);
	case PUBLIC_CLIENT:
		replace(&s->public_client_id, value);
		return true;
	case USERNAME_OPTION:
		replace(&s->username, value);
		return true;
	case PASSWORD_OPTION:
		replace(&s->password, value);
		return true;
	case TOKEN_LIFE:
		return parse_span(value, &s->token_life_s);
	case COLUMN:
		return columns_declare(&s->columns, value);
	case HELP:
		return true;
	}
	return false;
}

static enum options_result wrong(const char *words, const char *value)
{
	fprintf(stderr, "leadrelay-rehearsal: %s%s; --help tells more\n", words, value);
	return OPTIONS_WRONG;
}

enum options_result options_parse(
	struct options *options, struct settings *settings, int argc, char **argv)
{
	int option, index;

	*options = (struct options){.listen = "127.0.0.1:8181", .threads = 512};
	while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1) {
		if (option == '?')
			return wrong("bad command line", "");
		if (option == HELP) {
			help();
			return OPTIONS_HELPED;
		}
		errno = 0;
		if (!take(options, settings, option, optarg)) {
			fprintf(stderr, "leadrelay-rehearsal: --%s %s: %s\n",
				long_options[index].name, optarg,
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
