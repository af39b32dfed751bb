/*
 * token: the access token of one destination (or mailbox), by OAuth 2.0 client secret,
 * client certificate or password: a small machine that says what to ask and understands
 * the answer; the relay does the asking, once at a time.
 *
 *   ABSENT --token_request--> FETCHING --token_answer ok--> FRESH --near its end-->
 * (still FRESH; wants refresh) --> FETCHING
 *                               \--refused / failed--> ABSENT (outcome says what it means
 * for the destination)
 *
 * Facts: Microsoft identity platform, OAuth 2.0 client credentials, certificate
 * credentials, resource owner password credentials; error codes by "error", refined by
 * AADSTS number. v1 answers numbers as texts. Loop thread.
 */
#ifndef LEADRELAY_TOKEN_H
#define LEADRELAY_TOKEN_H

#include "leadrelay/delivery.h"
#include "leadrelay/err.h"
#include "leadrelay/http_client.h"
#include "leadrelay/settings.h"

#include <stdbool.h>
#include <stdint.h>

struct entropy;
struct token;

/* Borrows auth, resource ("https://contoso.crm4.dynamics.com") for its life. Reads the
 * PEM files (certificate). */
enum err_code token_create(struct token **out, const struct auth_settings *auth,
	const char *resource, const struct entropy *entropy, struct err *err);
void token_destroy(struct token *token); /* wipes */

/* Usable at now (wall), with at least 30 s left. */
bool token_fresh(const struct token *token, int64_t now);
/* Should be fetched now: absent, or in the last tenth (at least 5 minutes, at most half)
 * of its life; false while fetching. */
bool token_wanted(const struct token *token, int64_t now);
bool token_fetching(const struct token *token);
/* "Bearer ..." while fresh or not; NULL when absent. Valid until the next call that
 * changes the token. */
const char *token_authorization(const struct token *token);

/* Fills request; the machine is FETCHING until token_answer. */
enum err_code token_request(
	struct token *token, struct http_request *request, int64_t now, struct err *err);
enum token_result {
	TOKEN_GOT,
	TOKEN_AGAIN, /* the first secret was refused and there is a second: ask again at
			once with token_request */
	TOKEN_FAILED /* outcome filled: retry (token service down), throttled,
			unauthorized, environment; error carries AADSTS text with trace
			and correlation id */
};
enum token_result token_answer(struct token *token, const struct http_answer *answer,
	int64_t now, struct outcome *outcome);
/* Counts the tokens got: says which one a request was sent with. */
unsigned token_generation(const struct token *token);
/* The destination answered 401 to the token of that generation: absent again, unless it
 * was renewed since. */
void token_refused(struct token *token, unsigned generation);
/* Secrets changed (reload): absent again; asks with the first secret. */
void token_forget(struct token *token);

#endif
