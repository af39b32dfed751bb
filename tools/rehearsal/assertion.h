/* assertion: a client assertion (RFC 7523) checked against the registered certificates.
 */
#ifndef REHEARSAL_ASSERTION_H
#define REHEARSAL_ASSERTION_H

#include <stdbool.h>
#include <stdint.h>

#include "settings.h"

struct assertions; /* the jti already used */

struct assertions *assertions_create(void);
void assertions_destroy(struct assertions *assertions);

struct assertion_refusal {
	int number; /* AADSTS */
	const char *words;
};

/* audiences: the NULL-terminated values aud may have. The settings' read lock is held. */
bool assertion_check(struct assertions *assertions, const struct settings *settings,
	const char *assertion, const char *client_id, const char *const *audiences,
	int64_t now_s, struct assertion_refusal *refusal);

#endif
