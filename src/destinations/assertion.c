#include "assertion.h"

#include "leadrelay/clock.h"
#include "leadrelay/text.h"
#include "leadrelay/uuid.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIFE_S 600

struct assertion {
	EVP_PKEY *key;
	struct buf thumbprint;
};

/* OpenSSL's reason, and its queue empty again. */
static const char *ssl_reason(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = code ? ERR_reason_error_string(code) : NULL;

	ERR_clear_error();
	return reason ? reason : "unknown error";
}

/* A key that wants a passphrase is refused instead of asked for on the terminal. */
static int no_passphrase(char *buffer, int size, int writing, void *ctx)
{
	(void)buffer;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

static enum err_code read_certificate(X509 **out, const char *path, struct err *err)
{
	FILE *file = fopen(path, "re");
	X509 *certificate;

	if (!file)
		return err_errno(err, errno, "certificate: opening %s", path);
	certificate = PEM_read_X509(file, NULL, no_passphrase, NULL);
	fclose(file);
	if (!certificate)
		return err_set(err, ERR_CONFIG,
			"certificate: %s holds no PEM certificate: %s", path,
			ssl_reason());
	*out = certificate;
	return ERR_OK;
}

static enum err_code read_key(EVP_PKEY **out, const char *path, struct err *err)
{
	FILE *file = fopen(path, "re");
	EVP_PKEY *key;

	if (!file)
		return err_errno(err, errno, "key: opening %s", path);
	key = PEM_read_PrivateKey(file, NULL, no_passphrase, NULL);
	fclose(file);
	if (!key)
		return err_set(err, ERR_CONFIG,
			"key: %s holds no PEM private key without a passphrase: %s", path,
			ssl_reason());
	if (EVP_PKEY_base_id(key) != EVP_PKEY_RSA) {
		EVP_PKEY_free(key);
		return err_set(err, ERR_CONFIG,
			"key: %s is not an RSA key, and Entra ID takes no other", path);
	}
	*out = key;
	return ERR_OK;
}

void assertion_thumbprint(struct buf *out, const uint8_t *sha1, size_t len)
{
	base64url_add(out, sha1, len);
}

static enum err_code take_thumbprint(
	struct assertion *assertion, const X509 *certificate, struct err *err)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	if (!X509_digest(certificate, EVP_sha1(), digest, &len))
		return err_set(err, ERR_BUG, "certificate: SHA-1: %s", ssl_reason());
	assertion_thumbprint(&assertion->thumbprint, digest, len);
	if (!buf_ok(&assertion->thumbprint))
		return err_set(err, ERR_NOMEM, "certificate: out of memory");
	return ERR_OK;
}

enum err_code assertion_create(
	struct assertion **out, const char *certificate, const char *key, struct err *err)
{
	struct assertion *assertion = calloc(1, sizeof(*assertion));
	X509 *read = NULL;
	enum err_code code;

	if (!assertion)
		return err_set(err, ERR_NOMEM, "certificate: out of memory");
	code = read_certificate(&read, certificate, err);
	if (code == ERR_OK)
		code = read_key(&assertion->key, key, err);
	if (code != ERR_OK)
		goto fail;
	if (X509_check_private_key(read, assertion->key) != 1) {
		ERR_clear_error();
		code = err_set(err, ERR_CONFIG, "key: %s does not belong to %s", key,
			certificate);
		goto fail;
	}
	code = take_thumbprint(assertion, read, err);
	if (code != ERR_OK)
		goto fail;
	X509_free(read);
	*out = assertion;
	return ERR_OK;
fail:
	X509_free(read);
	assertion_destroy(assertion);
	return code;
}

void assertion_destroy(struct assertion *assertion)
{
	if (!assertion)
		return;
	EVP_PKEY_free(assertion->key);
	buf_finish(&assertion->thumbprint);
	free(assertion);
}

/* Prints object, base64url, and frees it. */
static void add_part(struct buf *out, cJSON *object)
{
	char *text = cJSON_PrintUnformatted(object);

	if (text)
		base64url_add(out, text, strlen(text));
	else
		out->failed = true;
	cJSON_free(text);
	cJSON_Delete(object);
}

static cJSON *make_header(const struct assertion *assertion)
{
	cJSON *header = cJSON_CreateObject();

	cJSON_AddStringToObject(header, "alg", "RS256");
	cJSON_AddStringToObject(header, "typ", "JWT");
	cJSON_AddStringToObject(header, "x5t", buf_str(&assertion->thumbprint));
	return header;
}

static cJSON *make_claims(const char *client_id, const char *audience, int64_t now,
	const struct entropy *entropy)
{
	cJSON *claims = cJSON_CreateObject();
	struct uuid id = uuid_v4(entropy);
	int64_t now_s = now / 1000;
	char text[UUID_TEXT_SIZE];

	cJSON_AddStringToObject(claims, "aud", audience);
	cJSON_AddStringToObject(claims, "iss", client_id);
	cJSON_AddStringToObject(claims, "sub", client_id);
	cJSON_AddStringToObject(claims, "jti", uuid_text(&id, text));
	cJSON_AddNumberToObject(claims, "nbf", (double)now_s);
	cJSON_AddNumberToObject(claims, "exp", (double)(now_s + LIFE_S));
	return claims;
}

/* RSA PKCS#1 v1.5 with SHA-256, what JWA calls RS256, of text. */
static enum err_code add_signature(
	struct buf *out, EVP_PKEY *key, const struct buf *text, struct err *err)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	struct buf signature = BUF_INIT;
	size_t size = (size_t)EVP_PKEY_get_size(key);
	enum err_code code = ERR_OK;

	if (!context || !buf_reserve(&signature, size) ||
		EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
		EVP_DigestSign(context, (unsigned char *)signature.data, &size,
			(const unsigned char *)text->data, text->len) != 1)
		code = err_set(err, ERR_CONFIG, "key: signing the client assertion: %s",
			ssl_reason());
	else
		base64url_add(out, signature.data, size);
	EVP_MD_CTX_free(context);
	buf_finish(&signature);
	return code;
}

enum err_code assertion_sign(const struct assertion *assertion, struct buf *out,
	const char *client_id, const char *audience, int64_t now,
	const struct entropy *entropy, struct err *err)
{
	struct buf jwt = BUF_INIT;
	struct buf signature = BUF_INIT;
	enum err_code code = ERR_OK;

	add_part(&jwt, make_header(assertion));
	buf_addc(&jwt, '.');
	add_part(&jwt, make_claims(client_id, audience, now, entropy));
	if (buf_ok(&jwt))
		code = add_signature(&signature, assertion->key, &jwt, err);
	else
		code = err_set(err, ERR_NOMEM, "client assertion: out of memory");
	if (code == ERR_OK) {
		buf_add(out, jwt.data, jwt.len);
		buf_addc(out, '.');
		buf_add(out, buf_str(&signature), signature.len);
	}
	buf_wipe(&jwt);
	buf_wipe(&signature);
	return code;
}
