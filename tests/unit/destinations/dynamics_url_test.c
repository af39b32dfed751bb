#include "support.h"

#include "dynamics_url.h"

#include <stdlib.h>

static void what_people_paste_becomes_an_address(void **state)
{
	static const struct {
		const char *url, *origin, *base;
	} examples[] = {
		{"https://contoso.crm4.dynamics.com", "https://contoso.crm4.dynamics.com",
			"https://contoso.crm4.dynamics.com"},
		{"https://Contoso.CRM4.dynamics.com/main.aspx?appid=1#x",
			"https://contoso.crm4.dynamics.com",
			"https://contoso.crm4.dynamics.com"},
		{"  https://c.api.crm.dynamics.com/api/data/v9.1/ ",
			"https://c.api.crm.dynamics.com",
			"https://c.api.crm.dynamics.com"},
		{"contoso.crm.dynamics.com/apps/x", "https://contoso.crm.dynamics.com",
			"https://contoso.crm.dynamics.com"},
		{"https://crm.contoso.com:443/org/main.aspx", "https://crm.contoso.com",
			"https://crm.contoso.com/org"},
		{"https://crm.contoso.com/org/api/data/v9.1/", "https://crm.contoso.com",
			"https://crm.contoso.com/org"},
		{"https://crm.contoso.com:5555/org/", "https://crm.contoso.com:5555",
			"https://crm.contoso.com:5555/org"},
		{"http://127.0.0.1:8081/", "http://127.0.0.1:8081",
			"http://127.0.0.1:8081"},
		{"http://[::1]:8081/x?y", "http://[::1]:8081", "http://[::1]:8081/x"},
		{"http://localhost", "http://localhost", "http://localhost"},
		{"https://evil.com/.dynamics.com/x", "https://evil.com",
			"https://evil.com/.dynamics.com/x"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		char *origin;
		char *base;

		assert_int_equal(
			dynamics_url_parse(examples[i].url, false, &origin, &base, NULL),
			ERR_OK);
		assert_string_equal(origin, examples[i].origin);
		assert_string_equal(base, examples[i].base);
		free(origin);
		free(base);
	}
}

static void what_is_no_address_is_refused(void **state)
{
	static const char *const examples[] = {"", "https://", "https:///x",
		"ftp://x.com", "https://user:pass@contoso.com",
		"https://con toso.com/\x01", "https://crm.contoso.com/caf\xc3\xa9",
		"http://crm.contoso.com", "http://127.evil.com", "https://:443",
		"[::", "https://[::/x?y]:80"};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		char *origin = NULL;
		char *base = NULL;
		struct err err;

		assert_int_equal(
			dynamics_url_parse(examples[i], false, &origin, &base, &err),
			ERR_CONFIG);
		assert_memory_equal(err.text, "url: ", 5);
		assert_null(origin);
	}
}

static void plain_http_may_be_allowed(void **state)
{
	char *origin;
	char *base;

	(void)state;
	assert_int_equal(
		dynamics_url_parse("http://crm.lan/org", true, &origin, &base, NULL),
		ERR_OK);
	assert_string_equal(base, "http://crm.lan/org");
	free(origin);
	free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_people_paste_becomes_an_address),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(plain_http_may_be_allowed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
