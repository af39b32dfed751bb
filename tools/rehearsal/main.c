/* leadrelay-rehearsal: a CRM to rehearse with. Starts, waits for SIGTERM or SIGINT, ends.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <openssl/ssl.h>

#include "assertion.h"
#include "crm.h"
#include "faults.h"
#include "journal.h"
#include "moment.h"
#include "options.h"
#include "records.h"
#include "server.h"
#include "tokens.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static SSL_CTX *open_tls(const struct options *options)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

	if (tls && SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION) == 1 &&
		SSL_CTX_use_certificate_chain_file(tls, options->tls_certificate) == 1 &&
		SSL_CTX_use_PrivateKey_file(tls, options->tls_key, SSL_FILETYPE_PEM) == 1)
		return tls;
	SSL_CTX_free(tls);
	fprintf(stderr,
		"leadrelay-rehearsal: %s, %s: no certificate and its key in PEM\n",
		options->tls_certificate, options->tls_key);
	return NULL;
}

static bool listen_at(struct crm *crm, const struct options *options)
{
	const char *why, *address = options->listen;

	errno = 0;
	if (server_listen(crm->server, address, false, options->allow_remote, &why)) {
		address = options->control;
		if (!address || server_listen(crm->server, address, true,
					options->allow_remote, &why))
			return true;
	}
	fprintf(stderr, "leadrelay-rehearsal: %s %s%s%s\n", address, why,
		errno ? ": " : "", errno ? strerror(errno) : "");
	return false;
}

/* The names clients may use for this environment, now that the port is known. */
static void name_environment(struct crm *crm, const struct options *options)
{
	const char *scheme = options->tls_certificate ? "https" : "http";
	const char *colon = strrchr(options->listen, ':');
	int port = server_port(crm->server, false);
	struct text url = {0};

	text_printf(&url, "%s://%.*s:%d", scheme, (int)(colon - options->listen),
		options->listen, port);
	settings_add_url(&crm->settings, url.data);
	text_clear(&url);
	text_printf(&url, "%s://localhost:%d", scheme, port);
	settings_add_url(&crm->settings, url.data);
	text_free(&url);
}

static bool write_port(const struct crm *crm, const char *file)
{
	int control = server_port(crm->server, true);
	FILE *stream;

	if (!file)
		return true;
	stream = fopen(file, "we");
	if (!stream) {
		fprintf(stderr, "leadrelay-rehearsal: %s: %s\n", file, strerror(errno));
		return false;
	}
	fprintf(stream, "%d\n", server_port(crm->server, false));
	if (control)
		fprintf(stream, "%d\n", control);
	return fclose(stream) == 0;
}

static void wait_for_end(void)
{
	sigset_t ends;
	int which;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigwait(&ends, &which);
}

static int run(struct crm *crm, const struct options *options)
{
	int code = EXIT_FAILED;

	if (!listen_at(crm, options))
		return EXIT_FAILED;
	name_environment(crm, options);
	if (server_start(crm->server) && write_port(crm, options->port_file)) {
		printf("leadrelay-rehearsal: ready at %s://%.*s:%d\n",
			options->tls_certificate ? "https" : "http",
			(int)(strrchr(options->listen, ':') - options->listen),
			options->listen, server_port(crm->server, false));
		fflush(stdout);
		wait_for_end();
		code = EXIT_DONE;
	}
	server_stop(crm->server);
	return code;
}

static int start(struct crm *crm, const struct options *options)
{
	SSL_CTX *tls = options->tls_certificate ? open_tls(options) : NULL;
	int code = EXIT_FAILED;

	if (options->tls_certificate && !tls)
		return EXIT_USAGE;
	crm->journal = journal_create(options->journal);
	if (crm->journal) {
		crm->records = records_create();
		crm->faults = faults_create(
			options->seed ? options->seed : (uint64_t)wall_now());
		crm->tokens = tokens_create();
		crm->assertions = assertions_create();
		crm->server = server_create(crm, tls, options->threads);
		code = run(crm, options);
		server_destroy(crm->server);
		assertions_destroy(crm->assertions);
		tokens_destroy(crm->tokens);
		faults_destroy(crm->faults);
		records_destroy(crm->records);
		journal_destroy(crm->journal);
	} else {
		fprintf(stderr, "leadrelay-rehearsal: %s: %s\n", options->journal,
			strerror(errno));
	}
	SSL_CTX_free(tls);
	return code;
}

/* All threads inherit the mask: only wait_for_end hears the signals. */
static void quiet_signals(void)
{
	struct rlimit files;
	sigset_t ends;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

int main(int argc, char **argv)
{
	struct crm crm = {0};
	struct options options;
	int code = EXIT_DONE;

	quiet_signals();
	settings_init(&crm.settings);
	switch (options_parse(&options, &crm.settings, argc, argv)) {
	case OPTIONS_RUN:
		code = start(&crm, &options);
		break;
	case OPTIONS_HELPED:
		break;
	case OPTIONS_WRONG:
		code = EXIT_USAGE;
		break;
	}
	settings_finish(&crm.settings);
	return code;
}
