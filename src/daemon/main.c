/* leadrelayd: options, the configuration, exit codes. Everything else is the daemon's. */
#include "daemon.h"

#include "leadrelay/log.h"

#include <curl/curl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char help[] =
	"leadrelayd takes leads over HTTP, keeps them on disk and delivers each to its\n"
	"destinations, however long those are away.\n"
	"\n"
	"Usage: leadrelayd [-c FILE]\n"
	"       leadrelayd --help | --version\n"
	"\n"
	"  -c, --config FILE   the configuration; without it $LEADRELAY_CONFIG, and without\n"
	"                      that /etc/leadrelay/leadrelay.yaml\n"
	"  -h, --help          this text\n"
	"  -V, --version       which version this is\n"
	"\n"
	"It runs in the foreground and logs to standard error, as systemd (Type=notify) and\n"
	"containers expect. The line \"started\" names the addresses it listens on.\n"
	"\n"
	"  TERM, INT   finish what is under way and exit, within 10 s\n"
	"  HUP         read the configuration, secrets and certificates again; a bad file is\n"
	"              refused, with its errors in the log, and the running one stays\n"
	"A changed secret or certificate file is noticed without a signal.\n"
	"\n"
	"Exit status: 0 told to stop; 1 failed; 2 usage or configuration; 5 another\n"
	"process holds the store.\n"
	"\n"
	"Before the first start:  leadctl -c FILE config check\n"
	"While it runs:           leadctl -c FILE status\n"
	"A first lead:            curl -H 'Authorization: Bearer TOKEN' \\\n"
	"                           -d '{\"last_name\":\"Doe\",\"email\":\"j@example.com\"}' \\\n"
	"                           http://127.0.0.1:8080/in/NAME-OF-A-JSON-SOURCE\n"
	"\n"
	"leadrelayd(8) says all of it, leadrelay.yaml(5) what may stand in FILE.\n";

struct options {
	const char *file;
	int exit_code; /* -1: run */
};

static struct options read_options(int argc, char **argv)
{
	static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0}};
	struct options options = {config_default_file(), -1};
	int option;

	while (options.exit_code < 0 &&
		(option = getopt_long(argc, argv, "c:hV", longs, NULL)) != -1) {
		if (option == 'c') {
			options.file = optarg;
		} else if (option == 'h') {
			fputs(help, stdout);
			options.exit_code = 0;
		} else if (option == 'V') {
			puts("leadrelayd " LEADRELAY_VERSION);
			options.exit_code = 0;
		} else {
			fputs("leadrelayd --help explains\n", stderr);
			options.exit_code = EXIT_USAGE;
		}
	}
	if (options.exit_code < 0 && optind < argc) {
		fprintf(stderr,
			"leadrelayd: %s is not an option; leadrelayd --help explains\n",
			argv[optind]);
		options.exit_code = EXIT_USAGE;
	}
	return options;
}

static struct config *load(const char *file, int *exit_code)
{
	struct buf problems = BUF_INIT;
	struct config *config = NULL;
	struct err err;
	enum err_code code = config_load(&config, file, &problems, &err);

	if (code != ERR_OK) {
		fputs(buf_str(&problems), stderr);
		fprintf(stderr, "leadrelayd: cannot start: %s\n", err.text);
		*exit_code = code == ERR_CONFIG ? EXIT_USAGE : EXIT_FAILED;
		config = NULL;
	}
	buf_finish(&problems);
	return config;
}

int main(int argc, char **argv)
{
	struct options options = read_options(argc, argv);
	struct config *config;
	int exit_code;

	if (options.exit_code >= 0)
		return options.exit_code;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		fputs("leadrelayd: cannot start: libcurl does not initialise\n", stderr);
		return EXIT_FAILED;
	}
	config = load(options.file, &exit_code);
	if (config) {
		log_setup(config->log_level, config->log_format, &clock_system);
		process_prepare(config->intake.max_connections +
				config->admin.server.max_connections);
		exit_code = daemon_run(config);
	}
	curl_global_cleanup();
	return exit_code;
}
