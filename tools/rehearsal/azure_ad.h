/* azure_ad: the token endpoints, /<tenant>/oauth2/token (v1) and
 * /<tenant>/oauth2/v2.0/token. */
#ifndef REHEARSAL_AZURE_AD_H
#define REHEARSAL_AZURE_AD_H

#include <stdbool.h>

struct exchange;

bool azure_ad_is_token_path(const char *path);

/* Fills the exchange's reply. */
void azure_ad_answer(struct exchange *exchange);

/* Fills the reply with an error as Azure AD words it; trace and correlation ids are new.
 */
void azure_ad_error(struct exchange *exchange, int status, const char *error, int number,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));

#endif
