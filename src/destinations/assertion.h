/*
 * assertion: a client's proof of identity by its certificate: a JWT signed RS256, as
 * Microsoft's "certificate credentials" page and RFC 7523 ask. For the files of this room
 * only.
 */
#ifndef DESTINATIONS_ASSERTION_H
#define DESTINATIONS_ASSERTION_H

#include "leadrelay/buf.h"
#include "leadrelay/err.h"

#include <stddef.h>
#include <stdint.h>

struct entropy;
struct assertion;

/* Reads both PEM files (blocking, small) and checks that they belong together. */
enum err_code assertion_create(struct assertion **out, const char *certificate,
	const char *key, struct err *err);
void assertion_destroy(struct assertion *assertion); /* NULL is fine */
/* Appends a JWT for audience (the token endpoint), valid from now for ten minutes. */
enum err_code assertion_sign(const struct assertion *assertion, struct buf *out,
	const char *client_id, const char *audience, int64_t now,
	const struct entropy *entropy, struct err *err);
/* The header's x5t: base64url, unpadded (RFC 7515), of the DER certificate's SHA-1. */
void assertion_thumbprint(struct buf *out, const uint8_t *sha1, size_t len);

#endif
