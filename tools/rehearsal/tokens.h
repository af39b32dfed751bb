/*
 * tokens: access tokens, signed by a key of this process and otherwise stateless, so that
 * a million of them take no memory. To the relay they are as opaque as Azure's, and as
 * long.
 */
#ifndef REHEARSAL_TOKENS_H
#define REHEARSAL_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

struct tokens;

enum token_state { TOKEN_GOOD, TOKEN_ABSENT, TOKEN_BAD, TOKEN_EXPIRED };

struct tokens *tokens_create(void);
void tokens_destroy(struct tokens *tokens);

/* The caller's to free. from, until: seconds since 1970. */
char *token_issue(struct tokens *tokens, const char *audience, const char *tenant,
	const char *client, const char *version, int64_t from, int64_t until);

/* authorization is the header's value or NULL; *audience_out, when good, the caller's. */
enum token_state token_check(struct tokens *tokens, const char *authorization,
	int64_t now_s, char **audience_out);

void tokens_revoke(struct tokens *tokens); /* all issued so far are bad from now on */

#endif
