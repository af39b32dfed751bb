/* options: the command line. */
#ifndef REHEARSAL_OPTIONS_H
#define REHEARSAL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "settings.h"

struct options {
	const char *listen, *control; /* control NULL: none apart */
	const char *port_file;
	const char *journal;
	const char *tls_certificate, *tls_key;
	int threads;
	uint64_t seed;
	bool allow_remote;
};

enum options_result { OPTIONS_RUN, OPTIONS_HELPED, OPTIONS_WRONG };

/* Fills options and what of settings the command line tells; complains on standard error.
 */
enum options_result options_parse(
	struct options *options, struct settings *settings, int argc, char **argv);

#endif
