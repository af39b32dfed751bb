/* Known answers, computed by another implementation from the service's rules. */
#include "support.h"

#include "azure_sign.h"

#define DATE "Fri, 15 Nov 2024 12:00:00 GMT"

static struct azure_account account = {.name = (char *)"myaccount", .key_len = 32};

static int set_key(void **state)
{
	(void)state;
	memcpy(account.key, "0123456789abcdef0123456789abcdef", 32);
	return 0;
}

static void expect(struct buf *signature, const char *expected)
{
	assert_string_equal(buf_str(signature), expected);
	buf_finish(signature);
}

static void lite_signs_date_and_path(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	azure_sign_lite(&out, &account, DATE, "/MarketplaceLeads");
	expect(&out, "SharedKeyLite myaccount:"
		     "lEbzzYKKGGj/S9fOIwYLmT7ltxRAV4T2jHM0+e7ozMs=");
	azure_sign_lite(&out, &account, DATE, "/$batch");
	expect(&out, "SharedKeyLite myaccount:"
		     "Z4kBcwKVIk1O72E6FqyktzsnlgVxn7/Aj6jpqqiCHN8=");
}

static void shared_key_signs_method_and_type_too(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	azure_sign(&out, &account, "POST", "application/json", DATE, "/MarketplaceLeads");
	expect(&out, "SharedKey myaccount:kMzwDPZ+Ol2kOxAYycXq+81iXG3CN9BNxaQzlco0xFI=");
}

static void dates_are_those_of_http(void **state)
{
	char out[AZURE_DATE_SIZE];

	(void)state;
	assert_string_equal(azure_date(1731672000000LL, out), DATE);
	assert_string_equal(azure_date(0, out), "Thu, 01 Jan 1970 00:00:00 GMT");
	assert_string_equal(
		azure_date(951782399999LL, out), "Mon, 28 Feb 2000 23:59:59 GMT");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lite_signs_date_and_path),
		cmocka_unit_test(shared_key_signs_method_and_type_too),
		cmocka_unit_test(dates_are_those_of_http),
	};

	return cmocka_run_group_tests(tests, set_key, NULL);
}
