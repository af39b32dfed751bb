#include "leadrelay/buf.h"
#include "leadrelay/text.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A digest that is not there would be compared, signed with or stored as if it were. */
static void require(bool done)
{
	if (done)
		return;
	fputs("OpenSSL cannot compute SHA-256: out of memory, or no provider has it\n",
		stderr);
	abort();
}

/* Looked up once: finding it costs more than hashing a lead's fields. */
static const EVP_MD *sha256_method;

static void find_sha256(void)
{
	sha256_method = EVP_MD_fetch(NULL, "SHA256", NULL);
	require(sha256_method != NULL);
}

static EVP_MD_CTX *begin(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	pthread_once(&once, find_sha256);
	require(context && EVP_DigestInit_ex(context, sha256_method, NULL));
	return context;
}

void sha256_parts(const struct sha256_part *parts, size_t count, uint8_t out[SHA256_SIZE])
{
	EVP_MD_CTX *context = begin();

	for (size_t i = 0; i < count; i++)
		require(EVP_DigestUpdate(context, parts[i].bytes, parts[i].len));
	require(EVP_DigestFinal_ex(context, out, NULL));
	EVP_MD_CTX_free(context);
}

void sha256(const void *bytes, size_t len, uint8_t out[SHA256_SIZE])
{
	sha256_parts(&(struct sha256_part){bytes, len}, 1, out);
}

/* An EVP_MD_CTX by another name. */
struct sha256_running *sha256_begin(void)
{
	return (struct sha256_running *)begin();
}

void sha256_add(struct sha256_running *running, const void *bytes, size_t len)
{
	require(EVP_DigestUpdate((EVP_MD_CTX *)running, bytes, len));
}

void sha256_end(struct sha256_running *running, uint8_t out[SHA256_SIZE])
{
	require(EVP_DigestFinal_ex((EVP_MD_CTX *)running, out, NULL));
	EVP_MD_CTX_free((EVP_MD_CTX *)running);
}

void hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len,
	uint8_t out[SHA256_SIZE])
{
	require(key_len <= INT_MAX && HMAC(EVP_sha256(), key_len ? key : "", (int)key_len,
					      bytes, len, out, NULL));
}

bool equal_constant_time(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

#define BASE64_CHUNK (3 * 16384) /* whole triples: only the last chunk is padded */

void base64_add(struct buf *out, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	while (len > 0) {
		size_t chunk = len < BASE64_CHUNK ? len : BASE64_CHUNK;

		if (!buf_reserve(out, (chunk + 2) / 3 * 4))
			return;
		out->len += (size_t)EVP_EncodeBlock(
			(unsigned char *)out->data + out->len, at, (int)chunk);
		at += chunk;
		len -= chunk;
	}
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* How many characters of text are not padding; SIZE_MAX: the padding is wrong. */
static size_t without_padding(const char *text, size_t len)
{
	size_t padding = 0;

	while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
		padding++;
	if (padding > 0 && len % 4 != 0)
		return SIZE_MAX;
	return (len - padding) % 4 == 1 ? SIZE_MAX : len - padding;
}

bool base64_decode(struct buf *out, const char *text, size_t len)
{
	size_t before = out->len, count = without_padding(text, len);
	unsigned bits = 0, held = 0;

	if (count != SIZE_MAX && !buf_reserve(out, count))
		return true; /* it has failed, which buf_ok says */
	for (size_t i = 0; count != SIZE_MAX && i < count; i++) {
		int value = base64_value(text[i]);

		if (value < 0)
			goto fail;
		bits = bits << 6 | (unsigned)value;
		held += 6;
		if (held >= 8) {
			held -= 8;
			out->data[out->len++] = (char)(bits >> held & 0xff);
		}
	}
	if (count != SIZE_MAX)
		out->data[out->len] = '\0';
	/* what is left over of the last character must be zero: one text, one meaning */
	if (count != SIZE_MAX && (bits & ((1u << held) - 1)) == 0)
		return true;
fail:
	if (out->data && out->len > before) {
		out->len = before;
		out->data[before] = '\0';
	}
	return false;
}

void base64url_add(struct buf *out, const void *bytes, size_t len)
{
	size_t at = out->len;

	base64_add(out, bytes, len);
	for (; at < out->len; at++) {
		if (out->data[at] == '+')
			out->data[at] = '-';
		else if (out->data[at] == '/')
			out->data[at] = '_';
		else if (out->data[at] == '=')
			break;
	}
	if (at < out->len) {
		out->len = at;
		out->data[at] = '\0';
	}
}

void hex_add(struct buf *out, const void *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *at = bytes;

	for (size_t i = 0; i < len; i++)
		buf_add(out, (const char[]){digits[at[i] >> 4], digits[at[i] & 15]}, 2);
}
