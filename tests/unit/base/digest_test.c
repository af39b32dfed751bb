#include "leadrelay/buf.h"
#include "leadrelay/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void assert_hex(const uint8_t digest[SHA256_SIZE], const char *expected)
{
	struct buf hex = BUF_INIT;

	hex_add(&hex, digest, SHA256_SIZE);
	assert_string_equal(buf_str(&hex), expected);
	buf_finish(&hex);
}

static void sha256_knows_the_vectors_of_fips_180(void **state)
{
	char *million = malloc(1000000);
	uint8_t digest[SHA256_SIZE];

	(void)state;
	sha256("", 0, digest);
	assert_hex(digest,
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256(NULL, 0, digest);
	assert_hex(digest,
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	sha256("abc", 3, digest);
	assert_hex(digest,
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, digest);
	assert_hex(digest,
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	memset(million, 'a', 1000000);
	sha256(million, 1000000, digest);
	assert_hex(digest,
		"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	free(million);
}

static void parts_digest_as_one(void **state)
{
	static const struct sha256_part parts[] = {
		{"a", 1}, {NULL, 0}, {"", 0}, {"bc", 2}};
	uint8_t digest[SHA256_SIZE];

	(void)state;
	sha256_parts(parts, COUNT(parts), digest);
	assert_hex(digest,
		"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	sha256_parts(NULL, 0, digest);
	assert_hex(digest,
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void hmac_knows_the_vectors_of_rfc_4231(void **state)
{
	uint8_t key[131];
	uint8_t data[50];
	uint8_t counting[25];
	uint8_t digest[SHA256_SIZE];
	static const char larger_key[] =
		"Test Using Larger Than Block-Size Key - Hash Key First";
	static const char larger_both[] =
		"This is a test using a larger than block-size key and a larger than block-size"
		" data. The key needs to be hashed before being used by the HMAC algorithm.";

	(void)state;
	memset(key, 0x0b, sizeof(key));
	hmac_sha256(key, 20, "Hi There", 8, digest); /* case 1 */
	assert_hex(digest,
		"b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, digest); /* case 2 */
	assert_hex(digest,
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, sizeof(key));
	memset(data, 0xdd, sizeof(data));
	hmac_sha256(key, 20, data, 50, digest); /* case 3 */
	assert_hex(digest,
		"773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
	for (int i = 0; i < 25; i++)
		counting[i] = (uint8_t)(i + 1);
	memset(data, 0xcd, sizeof(data));
	hmac_sha256(counting, 25, data, 50, digest); /* case 4 */
	assert_hex(digest,
		"82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
	hmac_sha256(key, 131, larger_key, strlen(larger_key), digest); /* case 6 */
	assert_hex(digest,
		"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
	hmac_sha256(key, 131, larger_both, strlen(larger_both), digest); /* case 7 */
	assert_hex(digest,
		"9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

static void hmac_takes_an_empty_key_and_text(void **state)
{
	uint8_t digest[SHA256_SIZE];

	(void)state;
	hmac_sha256(NULL, 0, "", 0, digest);
	assert_hex(digest,
		"b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void equal_sees_every_byte(void **state)
{
	uint8_t a[32] = {0};
	uint8_t b[32] = {0};

	(void)state;
	assert_true(equal_constant_time(a, b, sizeof(a)));
	assert_true(equal_constant_time("x", "y", 0));
	for (size_t i = 0; i < sizeof(a); i++) {
		b[i] = 0x80;
		assert_false(equal_constant_time(a, b, sizeof(a)));
		assert_true(equal_constant_time(a, b, i));
		b[i] = 0;
	}
}

static void base64_knows_the_vectors_of_rfc_4648(void **state)
{
	static const struct {
		const char *text, *base64, *url;
	} cases[] = {{"", "", ""}, {"f", "Zg==", "Zg"}, {"fo", "Zm8=", "Zm8"},
		{"foo", "Zm9v", "Zm9v"}, {"foob", "Zm9vYg==", "Zm9vYg"},
		{"fooba", "Zm9vYmE=", "Zm9vYmE"}, {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
		{"\xfb\xff\xbf\xfe", "+/+//g==", "-_-__g"}};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct buf out = BUF_INIT;

		buf_adds(&out, "+/="); /* what was there stays as it is */
		base64_add(&out, cases[i].text, strlen(cases[i].text));
		assert_string_equal(buf_str(&out) + 3, cases[i].base64);
		buf_clear(&out);
		buf_adds(&out, "+/=");
		base64url_add(&out, cases[i].text, strlen(cases[i].text));
		assert_memory_equal(buf_str(&out), "+/=", 3);
		assert_string_equal(buf_str(&out) + 3, cases[i].url);
		assert_int_equal(out.len, 3 + strlen(cases[i].url));
		buf_finish(&out);
	}
}

static void base64_is_read_back_and_nothing_else_is(void **state)
{
	static const struct {
		const char *base64, *text;
	} good[] = {{"", ""}, {"Zg==", "f"}, {"Zg", "f"}, {"Zm8=", "fo"}, {"Zm8", "fo"},
		{"Zm9v", "foo"}, {"Zm9vYmFy", "foobar"},
		{"+/+//g==", "\xfb\xff\xbf\xfe"}};
	static const char *const bad[] = {"Z", "Zg=", "Zg===", "=",
		"====", "Zm9v=", "Zm9v Zm9v", "Zm9v\n",
		"Zh==", "Zm9=", "-_-__g==", "Zm=v", "Zm9v\xc3"};
	struct buf out = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		buf_clear(&out);
		buf_adds(&out, "x");
		assert_true(base64_decode(&out, good[i].base64, strlen(good[i].base64)));
		assert_string_equal(buf_str(&out) + 1, good[i].text);
	}
	for (size_t i = 0; i < COUNT(bad); i++) {
		buf_clear(&out);
		buf_adds(&out, "x");
		if (base64_decode(&out, bad[i], strlen(bad[i])))
			fail_msg("%s is taken for base64", bad[i]);
		assert_string_equal(buf_str(&out), "x");
	}
	assert_false(base64_decode(&out, "Zm\0v", 4));
	buf_finish(&out);
}

static void long_base64_is_padded_only_at_the_end(void **state)
{
	const size_t size = 100001; /* more than two chunks, and 2 more than triples */
	char *zeros = calloc(1, size);
	struct buf out = BUF_INIT;

	(void)state;
	base64_add(&out, zeros, size);
	assert_int_equal(out.len, (size + 2) / 3 * 4);
	assert_int_equal(strspn(buf_str(&out), "A"), out.len - 1);
	assert_int_equal(out.data[out.len - 1], '=');
	assert_int_equal(out.data[out.len], '\0');
	buf_finish(&out);
	free(zeros);
}

/* Every length around the places where the memory has to grow. */
static void base64_makes_room_for_all_of_it(void **state)
{
	static const char bytes[200];

	(void)state;
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		struct buf out = BUF_INIT;

		base64_add(&out, bytes, len);
		assert_int_equal(out.len, (len + 2) / 3 * 4);
		assert_int_equal(strlen(buf_str(&out)), out.len);
		assert_true(out.len == 0 || out.cap > out.len);
		buf_finish(&out);
	}
}

static void hex_is_lower_case_and_appended(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	buf_adds(&out, "0x");
	hex_add(&out, "\x00\x0f\xf0\xff\xa5", 5);
	assert_string_equal(buf_str(&out), "0x000ff0ffa5");
	buf_finish(&out);
}

static void a_digest_grows_piece_by_piece(void **state)
{
	struct sha256_running *running = sha256_begin();
	uint8_t at_once[SHA256_SIZE], in_pieces[SHA256_SIZE];

	(void)state;
	sha256("one two", 7, at_once);
	sha256_add(running, "one", 3);
	sha256_add(running, "", 0);
	sha256_add(running, " two", 4);
	sha256_end(running, in_pieces);
	assert_memory_equal(in_pieces, at_once, SHA256_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_digest_grows_piece_by_piece),
		cmocka_unit_test(sha256_knows_the_vectors_of_fips_180),
		cmocka_unit_test(parts_digest_as_one),
		cmocka_unit_test(hmac_knows_the_vectors_of_rfc_4231),
		cmocka_unit_test(hmac_takes_an_empty_key_and_text),
		cmocka_unit_test(equal_sees_every_byte),
		cmocka_unit_test(base64_knows_the_vectors_of_rfc_4648),
		cmocka_unit_test(base64_is_read_back_and_nothing_else_is),
		cmocka_unit_test(long_base64_is_padded_only_at_the_end),
		cmocka_unit_test(base64_makes_room_for_all_of_it),
		cmocka_unit_test(hex_is_lower_case_and_appended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
