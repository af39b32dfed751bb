#include "key.h"

#include "assertion.h"

#include "leadrelay/text.h"

/* A part of a JWT. The caller's to free; its length in *len. */
static char *decode(const char *part, size_t size, int *len)
{
	char *padded = calloc(1, size + 4);
	char *out = calloc(1, size + 4);
	size_t full = (size + 3) / 4 * 4;

	memcpy(padded, part, size);
	for (size_t i = 0; i < size; i++)
		padded[i] = padded[i] == '-' ? '+' : padded[i] == '_' ? '/' : padded[i];
	memset(padded + size, '=', full - size);
	*len = EVP_DecodeBlock((unsigned char *)out, (unsigned char *)padded, (int)full);
	assert_true(*len > 0);
	*len -= (int)(full - size);
	out[*len] = '\0';
	free(padded);
	return out;
}

static void the_thumbprint_of_the_reference_is_known(void **state)
{
	static const uint8_t sha1[] = {0x84, 0xe0, 0x5c, 0x1d, 0x98, 0xbc, 0xe3, 0xa5,
		0x42, 0x1d, 0x22, 0x5b, 0x14, 0x0b, 0x36, 0xe8, 0x6a, 0x3d, 0x55, 0x34};
	struct buf out = BUF_INIT;

	(void)state;
	assertion_thumbprint(&out, sha1, sizeof(sha1));
	assert_string_equal(buf_str(&out), "hOBcHZi846VCHSJbFAs26Go9VTQ");
	buf_finish(&out);
}

static void check_signature(const struct key_files *files, const char *jwt)
{
	const char *dot = strrchr(jwt, '.');
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	int len;
	char *signature = decode(dot + 1, strlen(dot + 1), &len);

	assert_int_equal(
		EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, files->key), 1);
	assert_int_equal(
		EVP_DigestVerify(context, (unsigned char *)signature, (size_t)len,
			(const unsigned char *)jwt, (size_t)(dot - jwt)),
		1);
	EVP_MD_CTX_free(context);
	free(signature);
}

static cJSON *read_part(const char *part)
{
	int len;
	char *text = decode(part, strcspn(part, "."), &len);
	cJSON *json = cJSON_Parse(text);

	assert_non_null(json);
	free(text);
	return json;
}

static const char *text_of(const cJSON *json, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItem(json, name));
}

static void check_header(const struct key_files *files, const char *jwt)
{
	cJSON *header = read_part(jwt);
	struct buf expected = BUF_INIT;
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned len;

	X509_digest(files->certificate, EVP_sha1(), digest, &len);
	base64url_add(&expected, digest, len);
	assert_string_equal(text_of(header, "alg"), "RS256");
	assert_string_equal(text_of(header, "typ"), "JWT");
	assert_string_equal(text_of(header, "x5t"), buf_str(&expected));
	buf_finish(&expected);
	cJSON_Delete(header);
}

static void check_claims(const char *jwt)
{
	cJSON *claims = read_part(strchr(jwt, '.') + 1);

	assert_string_equal(text_of(claims, "aud"), "https://login/t/oauth2/v2.0/token");
	assert_string_equal(text_of(claims, "iss"), "the-client");
	assert_string_equal(text_of(claims, "sub"), "the-client");
	assert_int_equal(strlen(text_of(claims, "jti")), 36);
	assert_true(cJSON_GetObjectItem(claims, "nbf")->valuedouble == NOW / 1000);
	assert_true(cJSON_GetObjectItem(claims, "exp")->valuedouble == NOW / 1000 + 600);
	cJSON_Delete(claims);
}

static void an_assertion_is_a_signed_jwt(void **state)
{
	struct key_files files = make_key_files();
	struct assertion *assertion;
	struct buf jwt = BUF_INIT;

	(void)state;
	assert_int_equal(assertion_create(&assertion, files.certificate_path,
				 files.key_path, NULL),
		ERR_OK);
	assert_int_equal(assertion_sign(assertion, &jwt, "the-client",
				 "https://login/t/oauth2/v2.0/token", NOW, &sevens, NULL),
		ERR_OK);
	check_signature(&files, buf_str(&jwt));
	check_header(&files, buf_str(&jwt));
	check_claims(buf_str(&jwt));
	buf_finish(&jwt);
	assertion_destroy(assertion);
	remove_key_files(&files);
}

static void unusable_files_are_named(void **state)
{
	struct key_files files = make_key_files();
	struct key_files other = make_key_files();
	struct assertion *assertion = NULL;
	struct err err;

	(void)state;
	assert_int_equal(assertion_create(&assertion, "/nowhere", files.key_path, &err),
		ERR_NOT_FOUND);
	assert_non_null(strstr(err.text, "certificate: opening /nowhere"));
	assert_int_equal(
		assertion_create(&assertion, files.key_path, files.key_path, &err),
		ERR_CONFIG);
	assert_non_null(strstr(err.text, "holds no PEM certificate"));
	assert_int_equal(assertion_create(&assertion, files.certificate_path,
				 files.certificate_path, &err),
		ERR_CONFIG);
	assert_non_null(strstr(err.text, "holds no PEM private key"));
	assert_int_equal(assertion_create(&assertion, files.certificate_path,
				 other.key_path, &err),
		ERR_CONFIG);
	assert_non_null(strstr(err.text, "does not belong to"));
	assert_null(assertion);
	remove_key_files(&files);
	remove_key_files(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_thumbprint_of_the_reference_is_known),
		cmocka_unit_test(an_assertion_is_a_signed_jwt),
		cmocka_unit_test(unusable_files_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
