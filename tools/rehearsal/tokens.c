#include "tokens.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "text.h"

struct tokens {
	unsigned char key[32];
	atomic_int_least64_t generation;
};

struct tokens *tokens_create(void)
{
	struct tokens *tokens = need(sizeof(*tokens));

	if (RAND_bytes(tokens->key, sizeof(tokens->key)) != 1)
		abort(); /* no randomness, no secret */
	return tokens;
}

void tokens_destroy(struct tokens *tokens)
{
	free(tokens);
}

static char *signature(const struct tokens *tokens, const char *data, size_t len)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned int mac_len = 0;

	HMAC(EVP_sha256(), tokens->key, sizeof(tokens->key), (const unsigned char *)data,
		len, mac, &mac_len);
	return base64url(mac, mac_len);
}

static void add_part(struct text *token, const char *json)
{
	char *part = base64url(json, strlen(json));

	text_puts(token, part);
	text_puts(token, ".");
	free(part);
}

/* Azure's tokens are between one and two kilobytes: so are these. */
static void add_padding(struct text *claims)
{
	for (int i = 0; i < 24; i++) {
		char guid[GUID_SIZE];

		guid_random(guid);
		text_puts(claims, guid);
	}
}

char *token_issue(struct tokens *tokens, const char *audience, const char *tenant,
	const char *client, const char *version, int64_t from, int64_t until)
{
	struct text claims = {0}, token = {0};
	char *sum;

	text_puts(&claims, "{\"aud\":");
	text_json(&claims, audience);
	text_puts(&claims, ",\"tid\":");
	text_json(&claims, tenant);
	text_puts(&claims, ",\"appid\":");
	text_json(&claims, client);
	text_printf(&claims,
		",\"iat\":%" PRId64 ",\"nbf\":%" PRId64 ",\"exp\":%" PRId64
		",\"gen\":%" PRId64 ",\"ver\":\"%s\",\"xms_pad\":\"",
		from, from, until, (int64_t)atomic_load(&tokens->generation), version);
	add_padding(&claims);
	text_puts(&claims, "\"}");
	add_part(&token, "{\"typ\":\"JWT\",\"alg\":\"HS256\",\"kid\":\"rehearsal\"}");
	add_part(&token, claims.data);
	sum = signature(tokens, token.data, token.len - 1);
	text_puts(&token, sum);
	free(sum);
	text_free(&claims);
	return token.data;
}

static double claim(const cJSON *claims, const char *name)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(claims, name);

	return cJSON_IsNumber(value) ? value->valuedouble : -1;
}

static cJSON *signed_claims(const struct tokens *tokens, const char *token)
{
	const char *dot = strchr(token, '.'), *last = strrchr(token, '.');
	struct text text = {0};
	cJSON *claims = NULL;
	char *sum;

	if (!dot || dot == last)
		return NULL;
	sum = signature(tokens, token, (size_t)(last - token));
	if (strlen(sum) == strlen(last + 1) &&
		CRYPTO_memcmp(sum, last + 1, strlen(sum)) == 0 &&
		base64url_decode(&text, dot + 1, (size_t)(last - dot - 1)) && text.data)
		claims = cJSON_Parse(text.data);
	free(sum);
	text_free(&text);
	return claims;
}

enum token_state token_check(struct tokens *tokens, const char *authorization,
	int64_t now_s, char **audience_out)
{
	enum token_state state = TOKEN_BAD;
	cJSON *claims;

	if (!authorization || strncmp(authorization, "Bearer ", 7) != 0)
		return TOKEN_ABSENT;
	claims = signed_claims(tokens, authorization + 7);
	if (claims && claim(claims, "gen") == (double)atomic_load(&tokens->generation))
		state = claim(claims, "exp") > (double)now_s ? TOKEN_GOOD : TOKEN_EXPIRED;
	if (state == TOKEN_GOOD)
		*audience_out = need_copy(
			cJSON_GetObjectItemCaseSensitive(claims, "aud")->valuestring);
	cJSON_Delete(claims);
	return state;
}

void tokens_revoke(struct tokens *tokens)
{
	atomic_fetch_add(&tokens->generation, 1);
}
