/* Connection strings and shared access signatures, as people paste them. */
#include "support.h"

#include "azure_account.h"

#include <stdio.h>

#define KEY "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define ACCOUNT "AccountName=myaccount;AccountKey=" KEY
#define SAS \
	"sv=2019-02-02&tn=marketplaceleads&sp=a&se=2027-11-01T00%3A00%3A00Z&sig=abc%2Fdef%3D"

static void good(const char *text, const char *endpoint)
{
	struct azure_account account;
	struct err err = {.code = ERR_OK};

	if (azure_account_parse(&account, text, false, &err) != ERR_OK)
		fail_msg("%s: %s", text, err.text);
	assert_string_equal(account.endpoint, endpoint);
	azure_account_finish(&account);
	assert_int_equal(account.key_len, 0);
}

static void bad(const char *text, const char *words)
{
	struct azure_account account = {0};
	struct err err = {.code = ERR_OK};

	assert_int_equal(azure_account_parse(&account, text, false, &err), ERR_CONFIG);
	assert_null(account.endpoint);
	assert_int_equal(strncmp(err.text, "connection_string: ", 19), 0);
	if (!strstr(err.text, words))
		fail_msg("%s: %s", text, err.text);
	assert_null(strstr(err.text, "MDEy")); /* quotes no secret */
	assert_null(strstr(err.text, "sig=abc"));
}

static void the_usual_form_names_the_account(void **state)
{
	struct azure_account account;

	(void)state;
	assert_int_equal(azure_account_parse(&account,
				 "DefaultEndpointsProtocol=https;" ACCOUNT
				 ";EndpointSuffix=core.windows.net",
				 false, NULL),
		ERR_OK);
	assert_string_equal(account.endpoint, "https://myaccount.table.core.windows.net");
	assert_string_equal(account.name, "myaccount");
	assert_int_equal(account.key_len, 32);
	assert_memory_equal(account.key, "0123456789abcdef0123456789abcdef", 32);
	assert_null(account.sas);
	azure_account_finish(&account);
}

static void the_first_equals_sign_divides_a_part(void **state)
{
	(void)state;
	good(ACCOUNT, "https://myaccount.table.core.windows.net");
	good(" AccountName = myaccount ; AccountKey = " KEY " ; ;\t",
		"https://myaccount.table.core.windows.net");
	good("accountkey=" KEY
	     ";ACCOUNTNAME=myaccount;endpointsuffix=core.chinacloudapi.cn",
		"https://myaccount.table.core.chinacloudapi.cn");
	good(ACCOUNT ";BlobEndpoint=https://x/;QueueEndpoint=https://y/"
		     ";TableEndpoint=https://tables.contoso.com/myaccount//",
		"https://tables.contoso.com/myaccount");
	good("TableEndpoint=https://tables.contoso.com;SharedAccessSignature=?" SAS,
		"https://tables.contoso.com");
	good("AccountName=myaccount;SharedAccessSignature=" SAS,
		"https://myaccount.table.core.windows.net");
}

static void the_emulator_has_a_name_and_a_key_of_its_own(void **state)
{
	struct azure_account account;

	(void)state;
	assert_int_equal(
		azure_account_parse(&account, "UseDevelopmentStorage=true;", false, NULL),
		ERR_OK);
	assert_string_equal(account.endpoint, "http://127.0.0.1:10002/devstoreaccount1");
	assert_string_equal(account.name, "devstoreaccount1");
	assert_int_equal(account.key_len, 64);
	azure_account_finish(&account);
	bad("UseDevelopmentStorage=perhaps", "is not true");
}

static void what_is_not_one_is_refused_in_words(void **state)
{
	(void)state;
	bad("", "neither");
	bad(KEY, "not known"); /* the key alone: its '=' divides, nothing of it is quoted
				*/
	bad("nonsense", "without '='");
	bad(ACCOUNT ";nonsense", "without '='");
	bad("AccountName=myaccount", "neither AccountKey nor");
	bad("AccountKey=" KEY, "AccountName is missing");
	bad(ACCOUNT ";AccountKey=" KEY, "AccountKey stands twice");
	bad(ACCOUNT ";SharedAccessSignature=" SAS, "both");
	bad("AccountName=;AccountKey=" KEY, "AccountName is empty");
	bad("AccountName=My_Account;AccountKey=" KEY, "3 to 24");
	bad("AccountName=myaccount;AccountKey=" KEY "x", "base64");
	bad("AccountName=myaccount;AccountKey=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY",
		"base64"); /* without its last '=' */
	bad("AccountName=myaccount;AccountKey=MD Ey", "base64");
	bad("DefaultEndpointsProtocol=ftp;" ACCOUNT, "neither https nor http");
	bad("DefaultEndpointsProtocol=http;" ACCOUNT, "in the clear");
	bad(ACCOUNT ";EndpointSuffix=core windows", "EndpointSuffix: not the address");
	bad(ACCOUNT ";EndpointSuffix=evil.example/x?", "EndpointSuffix: not the address");
	bad(ACCOUNT ";TableEndpoint=tables.contoso.com",
		"TableEndpoint: not the address");
	bad(ACCOUNT ";TableEndpoint=https://u@contoso.com", "not the address");
	bad(ACCOUNT ";TableEndpoint=https://contoso.com:8x", "not the address");
	bad(ACCOUNT ";TableEndpoint=https://", "not the address");
	bad(ACCOUNT ";TableEndpoint=https://[::1", "not the address");
	bad(ACCOUNT ";TableEndpoint=http://127.0.0.1.contoso.com", "in the clear");
	bad("AccountName=myaccount;SharedAccessSignature=sv=1&sp=a", "no sig=");
	bad("AccountName=myaccount;SharedAccessSignature=" SAS " x", "no signature has");
}

static void plain_http_is_for_loopback_or_by_permission(void **state)
{
	struct azure_account account;

	(void)state;
	good(ACCOUNT ";TableEndpoint=http://127.0.0.1:10002/myaccount",
		"http://127.0.0.1:10002/myaccount");
	good(ACCOUNT ";TableEndpoint=http://[::1]:10002/myaccount",
		"http://[::1]:10002/myaccount");
	good(ACCOUNT ";TableEndpoint=http://localhost", "http://localhost");
	assert_int_equal(azure_account_parse(&account,
				 "DefaultEndpointsProtocol=http;" ACCOUNT, true, NULL),
		ERR_OK);
	assert_string_equal(account.endpoint, "http://myaccount.table.core.windows.net");
	azure_account_finish(&account);
}

static void from_sas(const char *url, const char *sas, const char *endpoint)
{
	struct azure_account account;

	assert_int_equal(azure_account_from_sas(
				 &account, url, sas, "MarketplaceLeads", false, NULL),
		ERR_OK);
	assert_string_equal(account.endpoint, endpoint);
	assert_string_equal(account.sas, SAS);
	assert_int_equal(account.sas_expires_at, 1825027200000LL); /* 2027-11-01 */
	azure_account_finish(&account);
	assert_null(account.sas);
}

static void a_sas_is_taken_as_the_portal_shows_it(void **state)
{
	static const char url[] = "https://contoso.table.core.windows.net";

	(void)state;
	from_sas(url, SAS, url);
	from_sas("https://contoso.table.core.windows.net/", "?" SAS, url);
	from_sas("https://contoso.table.core.windows.net/marketplaceleads", SAS, url);
	from_sas(url, "https://contoso.table.core.windows.net/?" SAS, url);
}

static void sas_bad(const char *sas, const char *words)
{
	struct azure_account account = {0};
	struct err err = {.code = ERR_OK};
	enum err_code code = azure_account_from_sas(
		&account, "https://contoso.com", sas, "MarketplaceLeads", false, &err);

	if (code == ERR_OK)
		code = azure_sas_check(&account, "MarketplaceLeads", &err);
	assert_int_equal(code, ERR_CONFIG);
	assert_non_null(strstr(err.text, words));
	azure_account_finish(&account);
}

static void a_sas_that_cannot_do_is_refused(void **state)
{
	struct azure_account account;

	(void)state;
	sas_bad("sv=1&sig=x&tn=Others", "another table");
	sas_bad("sv=1&sig=x&sp=r", "Add");
	sas_bad("sv=1&sig=", "sas: not a shared access signature");
	sas_bad("abc", "sas: not a shared access signature");
	assert_int_equal(
		azure_account_from_sas(&account, "https://contoso.com",
			"si=policy&sv=1&sig=x&se=soon", "MarketplaceLeads", false, NULL),
		ERR_OK);
	assert_int_equal(account.sas_expires_at, 0);
	assert_int_equal(azure_sas_check(&account, "MarketplaceLeads", NULL), ERR_OK);
	azure_account_finish(&account);
}

static void the_end_of_a_sas_is_read_in_its_three_forms(void **state)
{
	static const char *const ends[] = {"2027-11-01", "2027-11-01T00:00Z",
		"2027-11-01T00:00:00Z", "2027-11-01T02%3A00%3A00%2B02:00"};

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct azure_account account;
		char sas[128];

		snprintf(sas, sizeof(sas), "sv=1&sig=x&se=%s", ends[i]);
		assert_int_equal(azure_account_from_sas(&account, "https://contoso.com",
					 sas, "Leads", false, NULL),
			ERR_OK);
		assert_int_equal(account.sas_expires_at, 1825027200000LL);
		azure_account_finish(&account);
	}
}

static void table_names_are_letters_and_digits(void **state)
{
	static const char *const fine[] = {"abc", "MarketplaceLeads", "A1234567890",
		"a23456789012345678901234567890123456789012345678901234567890123"};
	static const char *const wrong[] = {"", "ab", "1abc", "a-b-c", "a_b_c", "tables",
		"Tables", "täglich",
		"a234567890123456789012345678901234567890123456789012345678901234"};

	(void)state;
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
		assert_true(azure_table_name_valid(fine[i]));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(azure_table_name_valid(wrong[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_usual_form_names_the_account),
		cmocka_unit_test(the_first_equals_sign_divides_a_part),
		cmocka_unit_test(the_emulator_has_a_name_and_a_key_of_its_own),
		cmocka_unit_test(what_is_not_one_is_refused_in_words),
		cmocka_unit_test(plain_http_is_for_loopback_or_by_permission),
		cmocka_unit_test(a_sas_is_taken_as_the_portal_shows_it),
		cmocka_unit_test(a_sas_that_cannot_do_is_refused),
		cmocka_unit_test(the_end_of_a_sas_is_read_in_its_three_forms),
		cmocka_unit_test(table_names_are_letters_and_digits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
