/* Known answers: the reference libraries' own test vectors of the scheme. */
#include "webhook_signature.h"

#include "support.h"

#define REFERENCE_SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define REFERENCE_ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define REFERENCE_BODY "{\"test\": 2432232314}"
#define REFERENCE_SIGNATURE "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

static void sign(struct buf *out, const char *const *secrets, size_t count,
	const char *id, int64_t at, const char *text)
{
	struct webhook_keys keys = {0};
	struct buf body = BUF_INIT;

	buf_adds(&body, text);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(webhook_keys_add(&keys, secrets[i], NULL), ERR_OK);
	webhook_signature_add(out, &keys, id, at, &body);
	assert_true(buf_ok(out));
	webhook_keys_finish(&keys);
	buf_finish(&body);
}

static void expect(const char *secret, const char *id, int64_t at, const char *body,
	const char *signature)
{
	struct buf out = BUF_INIT;

	sign(&out, &secret, 1, id, at, body);
	assert_string_equal(buf_str(&out), signature);
	buf_finish(&out);
}

static void the_published_vectors_come_out(void **state)
{
	(void)state;
	expect(REFERENCE_SECRET, REFERENCE_ID, 1614265330, REFERENCE_BODY,
		REFERENCE_SIGNATURE);
	expect("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
		"msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", 1649367553,
		"{\"email\":\"test@example.com\",\"username\":\"test_user\"}",
		"v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=");
}

/* Computed with OpenSSL's command line:
 * printf '%s' 'id.1.{}' | openssl dgst -sha256 -hmac 0123456789abcdef -binary | base64 */
static void a_secret_without_the_prefix_is_the_key_itself(void **state)
{
	(void)state;
	expect("0123456789abcdef", "id", 1, "{}",
		"v1,yeZaAZsMj+p9HYOuD1F+F/7d48vEptDLSKbEg9Q37pk=");
}

static void two_secrets_make_two_signatures(void **state)
{
	static const char *const secrets[] = {"0123456789abcdef", REFERENCE_SECRET};
	struct buf out = BUF_INIT;
	char *second;

	(void)state;
	sign(&out, secrets, 2, REFERENCE_ID, 1614265330, REFERENCE_BODY);
	second = strchr(out.data, ' ');
	assert_non_null(second);
	assert_string_equal(second + 1, REFERENCE_SIGNATURE);
	*second = '\0';
	assert_int_equal(strlen(out.data), strlen(REFERENCE_SIGNATURE));
	assert_memory_equal(out.data, "v1,", 3);
	assert_string_not_equal(out.data, REFERENCE_SIGNATURE);
	buf_finish(&out);
}

static void what_cannot_be_a_secret_is_refused_unquoted(void **state)
{
	static const char *const bad[] = {"whsec_", "whsec_not base64 at all!!",
		"whsec_AAAAAAAAAAAAAAAA", "fifteen bytes..", ""};
	struct webhook_keys keys = {0};
	struct err err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(webhook_keys_add(&keys, bad[i], &err), ERR_CONFIG);
		assert_null(strstr(err.text, "base64 at all"));
		assert_null(strstr(err.text, "fifteen"));
	}
	assert_int_equal(keys.count, 0);
	assert_int_equal(webhook_keys_add(&keys, REFERENCE_SECRET, NULL), ERR_OK);
	assert_int_equal(webhook_keys_add(&keys, REFERENCE_SECRET, NULL), ERR_OK);
	assert_int_equal(webhook_keys_add(&keys, REFERENCE_SECRET, &err), ERR_CONFIG);
	webhook_keys_finish(&keys);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_vectors_come_out),
		cmocka_unit_test(a_secret_without_the_prefix_is_the_key_itself),
		cmocka_unit_test(two_secrets_make_two_signatures),
		cmocka_unit_test(what_cannot_be_a_secret_is_refused_unquoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
