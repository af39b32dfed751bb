/*
 * dynamics_url: the environment's address out of what people paste. For the files of this
 * room only. Pure.
 */
#ifndef DESTINATIONS_DYNAMICS_URL_H
#define DESTINATIONS_DYNAMICS_URL_H

#include "leadrelay/err.h"

#include <stdbool.h>

/* origin: "https://contoso.crm4.dynamics.com", what a token is asked for. base: where the
 * Web API's path is appended: the origin for hosts under dynamics.com; elsewhere with the
 * path that was given, as on-premises servers have the organisation's name there. Both
 * are the caller's to free(). Plain http is taken for this machine, or with allow_plain.
 */
enum err_code dynamics_url_parse(
	const char *url, bool allow_plain, char **origin, char **base, struct err *err);

#endif
