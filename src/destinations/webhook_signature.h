/*
 * webhook_signature: the signature of the Standard Webhooks scheme, version v1:
 * HMAC-SHA256 over "id.timestamp.body", in base64. For the files of this room only. Pure.
 */
#ifndef DESTINATIONS_WEBHOOK_SIGNATURE_H
#define DESTINATIONS_WEBHOOK_SIGNATURE_H

#include "leadrelay/buf.h"
#include "leadrelay/err.h"

#include <stddef.h>
#include <stdint.h>

#define WEBHOOK_KEYS_MAX 2 /* the current one, and the one it replaces */
#define WEBHOOK_KEY_MIN 16 /* bytes; the scheme recommends 24 to 64 */
#define WEBHOOK_KEY_MAX 256

struct webhook_keys {
	struct buf keys[WEBHOOK_KEYS_MAX];
	size_t count;
};

/* secret: "whsec_" and the key in base64, or the key itself. The error never quotes it.
 */
enum err_code webhook_keys_add(
	struct webhook_keys *keys, const char *secret, struct err *err);
void webhook_keys_finish(struct webhook_keys *keys); /* wipes them */
/* Appends "v1,BASE64", one per key, with blanks between them. */
void webhook_signature_add(struct buf *out, const struct webhook_keys *keys,
	const char *id, int64_t timestamp_s, const struct buf *body);

#endif
