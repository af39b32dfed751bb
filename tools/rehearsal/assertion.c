/*
 * A JWT is header.claims.signature. It is refused unless: the header names an algorithm
 * Azure takes and a registered certificate by x5t (or x5t#S256); the signature is that
 * certificate's; aud names this tenant; iss and sub are the client; now lies between nbf
 * and exp, which are at most a day apart; and jti was not used before.
 */
#include "assertion.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <uthash.h>

#include "text.h"

struct used { /* one jti, until the assertion has run out by itself */
	char *jti;
	int64_t until_s;
	UT_hash_handle hh;
};

struct assertions {
	pthread_mutex_t lock;
	struct used *used;
};

struct jwt {
	cJSON *header, *claims;
	struct text signature;
	size_t signed_len;
};

struct assertions *assertions_create(void)
{
	struct assertions *assertions = need(sizeof(*assertions));

	pthread_mutex_init(&assertions->lock, NULL);
	return assertions;
}

static void forget(struct assertions *assertions, struct used *used)
{
	HASH_DEL(assertions->used, used);
	free(used->jti);
	free(used);
}

void assertions_destroy(struct assertions *assertions)
{
	struct used *used, *next;

	HASH_ITER (hh, assertions->used, used, next) {
		forget(assertions, used);
	}
	pthread_mutex_destroy(&assertions->lock);
	free(assertions);
}

/* True when jti is new; remembers it. */
static bool first_use(
	struct assertions *assertions, const char *jti, int64_t until_s, int64_t now_s)
{
	struct used *used, *next, *known = NULL;

	pthread_mutex_lock(&assertions->lock);
	HASH_ITER (hh, assertions->used, used, next) {
		if (used->until_s < now_s)
			forget(assertions, used);
	}
	HASH_FIND_STR(assertions->used, jti, known);
	if (!known) {
		used = need(sizeof(*used));
		used->jti = need_copy(jti);
		used->until_s = until_s;
		HASH_ADD_KEYPTR(hh, assertions->used, used->jti, strlen(used->jti), used);
	}
	pthread_mutex_unlock(&assertions->lock);
	return !known;
}

static cJSON *decode_part(const char *part, size_t len)
{
	struct text json = {0};
	cJSON *out = NULL;

	if (base64url_decode(&json, part, len) && json.data)
		out = cJSON_Parse(json.data);
	text_free(&json);
	return out;
}

static bool jwt_parse(struct jwt *jwt, const char *words)
{
	const char *first = strchr(words, '.');
	const char *second = first ? strchr(first + 1, '.') : NULL;

	*jwt = (struct jwt){0};
	if (!second || strchr(second + 1, '.'))
		return false;
	jwt->header = decode_part(words, (size_t)(first - words));
	jwt->claims = decode_part(first + 1, (size_t)(second - first - 1));
	jwt->signed_len = (size_t)(second - words);
	return base64url_decode(&jwt->signature, second + 1, strlen(second + 1)) &&
	       jwt->signature.len && cJSON_IsObject(jwt->header) &&
	       cJSON_IsObject(jwt->claims);
}

static void jwt_free(struct jwt *jwt)
{
	cJSON_Delete(jwt->header);
	cJSON_Delete(jwt->claims);
	text_free(&jwt->signature);
}

static const char *word(const cJSON *object, const char *name)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsString(value) ? value->valuestring : "";
}

static int64_t seconds(const cJSON *object, const char *name)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsNumber(value) && value->valuedouble < 1e12
		       ? (int64_t)value->valuedouble
		       : -1;
}

static bool same_thumbprint(const char *given, const char *ours)
{
	size_t len = strlen(given);

	while (len && given[len - 1] == '=')
		len--;
	return len && len == strlen(ours) && strncmp(given, ours, len) == 0;
}

static const struct certificate *named_certificate(
	const struct settings *settings, const cJSON *header)
{
	for (int i = 0; i < settings->certificate_count; i++) {
		const struct certificate *certificate = &settings->certificates[i];

		if (same_thumbprint(word(header, "x5t"), certificate->x5t) ||
			same_thumbprint(word(header, "x5t#S256"), certificate->x5t_s256))
			return certificate;
	}
	return NULL;
}

static bool signature_holds(
	EVP_PKEY *key, bool pss, const char *words, const struct jwt *jwt)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	EVP_PKEY_CTX *options = NULL;
	bool holds =
		context && EVP_PKEY_base_id(key) == EVP_PKEY_RSA &&
		EVP_DigestVerifyInit(context, &options, EVP_sha256(), NULL, key) == 1;

	if (holds && pss)
		holds = EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) ==
				1 &&
			EVP_PKEY_CTX_set_rsa_pss_saltlen(
				options, RSA_PSS_SALTLEN_DIGEST) == 1;
	holds = holds &&
		EVP_DigestVerify(context, (const unsigned char *)jwt->signature.data,
			jwt->signature.len, (const unsigned char *)words,
			jwt->signed_len) == 1;
	EVP_MD_CTX_free(context);
	return holds;
}

static bool refuse(struct assertion_refusal *refusal, int number, const char *words)
{
	*refusal = (struct assertion_refusal){number, words};
	return false;
}

static bool check_signature(const struct settings *settings, const char *words,
	const struct jwt *jwt, struct assertion_refusal *refusal)
{
	const char *algorithm = word(jwt->header, "alg");
	const struct certificate *certificate;

	if (strcmp(algorithm, "RS256") != 0 && strcmp(algorithm, "PS256") != 0)
		return refuse(refusal, 5002738,
			"Invalid JWT token. The 'alg' of a client assertion must be RS256 or PS256.");
	if (strcmp(word(jwt->header, "typ"), "JWT") != 0)
		return refuse(refusal, 50027,
			"Invalid JWT token. The header's 'typ' is not JWT.");
	certificate = named_certificate(settings, jwt->header);
	if (!certificate)
		return refuse(refusal, 700027,
			"The certificate with identifier used to sign the client assertion is not "
			"registered on application.");
	if (!signature_holds(certificate->key, *algorithm == 'P', words, jwt))
		return refuse(
			refusal, 700027, "Client assertion failed signature validation.");
	return true;
}

static bool check_claims(const cJSON *claims, const char *client_id,
	const char *const *audiences, int64_t now_s, struct assertion_refusal *refusal)
{
	int64_t from = seconds(claims, "nbf"), until = seconds(claims, "exp");
	bool ours = false;

	for (; *audiences; audiences++)
		ours = ours || strcmp(word(claims, "aud"), *audiences) == 0;
	if (!ours)
		return refuse(refusal, 700023,
			"Client assertion audience claim does not match Realm issuer.");
	if (strcmp(word(claims, "iss"), client_id) != 0 ||
		strcmp(word(claims, "sub"), client_id) != 0)
		return refuse(refusal, 700021,
			"Client assertion application identifier doesn't match 'client_id' parameter.");
	if (from < 0 || until < 0 || from > now_s + 300 || until <= now_s - 300)
		return refuse(refusal, 700024,
			"Client assertion is not within its valid time range.");
	if (until - from > 86400)
		return refuse(refusal, 700024,
			"Client assertion is not within its valid time range: its life is over a day.");
	if (!*word(claims, "jti"))
		return refuse(
			refusal, 50027, "Invalid JWT token. The 'jti' claim is missing.");
	return true;
}

bool assertion_check(struct assertions *assertions, const struct settings *settings,
	const char *assertion, const char *client_id, const char *const *audiences,
	int64_t now_s, struct assertion_refusal *refusal)
{
	struct jwt jwt;
	bool good;

	if (!jwt_parse(&jwt, assertion))
		good = refuse(
			refusal, 50027, "Invalid JWT token. Token format not valid.");
	else
		good = check_signature(settings, assertion, &jwt, refusal) &&
		       check_claims(jwt.claims, client_id, audiences, now_s, refusal);
	if (good && !first_use(assertions, word(jwt.claims, "jti"),
			    seconds(jwt.claims, "exp") + 300, now_s))
		good = refuse(refusal, 50012,
			"Authentication failed. The client assertion was used before ('jti').");
	jwt_free(&jwt);
	return good;
}
