#include "webhook_signature.h"

#include "leadrelay/text.h"

#include <inttypes.h>
#include <string.h>

static const char prefix[] = "whsec_";

static bool decode(struct buf *key, const char *secret)
{
	size_t skip = sizeof(prefix) - 1;

	if (strncmp(secret, prefix, skip) == 0)
		return base64_decode(key, secret + skip, strlen(secret + skip));
	buf_adds(key, secret);
	return true;
}

enum err_code webhook_keys_add(
	struct webhook_keys *keys, const char *secret, struct err *err)
{
	struct buf key = BUF_INIT;
	enum err_code code = ERR_OK;

	if (keys->count == WEBHOOK_KEYS_MAX)
		return err_set(err, ERR_CONFIG, "more than %d secrets", WEBHOOK_KEYS_MAX);
	if (!decode(&key, secret))
		code = err_set(err, ERR_CONFIG,
			"what follows whsec_ is not base64; paste the secret whole");
	else if (!buf_ok(&key))
		code = err_set(err, ERR_NOMEM, "out of memory");
	else if (key.len < WEBHOOK_KEY_MIN || key.len > WEBHOOK_KEY_MAX)
		code = err_set(err, ERR_CONFIG,
			"a key of %zu bytes; %d to %d are allowed, 24 to 64 usual",
			key.len, WEBHOOK_KEY_MIN, WEBHOOK_KEY_MAX);
	if (code != ERR_OK) {
		buf_wipe(&key);
		return code;
	}
	keys->keys[keys->count++] = key;
	return ERR_OK;
}

void webhook_keys_finish(struct webhook_keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		buf_wipe(&keys->keys[i]);
	keys->count = 0;
}

void webhook_signature_add(struct buf *out, const struct webhook_keys *keys,
	const char *id, int64_t timestamp_s, const struct buf *body)
{
	struct buf content = BUF_INIT;
	uint8_t digest[SHA256_SIZE];

	buf_addf(&content, "%s.%" PRId64 ".", id, timestamp_s);
	buf_add(&content, buf_str(body), body->len);
	out->failed = out->failed || !buf_ok(&content) || !buf_ok(body);
	for (size_t i = 0; buf_ok(out) && i < keys->count; i++) {
		hmac_sha256(keys->keys[i].data, keys->keys[i].len, content.data,
			content.len, digest);
		buf_adds(out, i > 0 ? " v1," : "v1,");
		base64_add(out, digest, sizeof(digest));
	}
	buf_finish(&content);
}
