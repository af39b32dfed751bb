#include "support.h"

#include "aad_errors.h"

struct example {
	long number;
	enum aad_class class;
};

static void every_known_number_has_its_class(void **state)
{
	static const struct example examples[] = {{50033, AAD_TRANSIENT},
		{50087, AAD_TRANSIENT}, {90006, AAD_TRANSIENT}, {90012, AAD_TRANSIENT},
		{90024, AAD_TRANSIENT}, {90033, AAD_TRANSIENT}, {90090, AAD_TRANSIENT},
		{80002, AAD_TRANSIENT}, {80005, AAD_TRANSIENT}, {90055, AAD_SLOW},
		{50196, AAD_SLOW}, {7000222, AAD_SECRET}, {7000215, AAD_SECRET},
		{70002, AAD_SECRET}, {50012, AAD_SECRET}, {700027, AAD_SECRET},
		{700024, AAD_SECRET}, {700016, AAD_IDENTITY}, {70001, AAD_IDENTITY},
		{7000112, AAD_IDENTITY}, {90002, AAD_IDENTITY}, {900023, AAD_IDENTITY},
		{50034, AAD_IDENTITY}, {50057, AAD_IDENTITY}, {7000218, AAD_IDENTITY},
		{700025, AAD_IDENTITY}, {50126, AAD_PASSWORD}, {50055, AAD_PASSWORD},
		{50144, AAD_PASSWORD}, {50056, AAD_PASSWORD}, {50053, AAD_PASSWORD},
		{50076, AAD_POLICY}, {50079, AAD_POLICY}, {50072, AAD_POLICY},
		{50074, AAD_POLICY}, {53000, AAD_POLICY}, {53001, AAD_POLICY},
		{53002, AAD_POLICY}, {53003, AAD_POLICY}, {53004, AAD_POLICY},
		{530032, AAD_POLICY}, {50131, AAD_POLICY}, {50105, AAD_POLICY},
		{65001, AAD_POLICY}, {90094, AAD_POLICY}, {50158, AAD_POLICY},
		{50001, AAD_TARGET}, {500011, AAD_TARGET}, {70011, AAD_TARGET},
		{650052, AAD_TARGET}, {901002, AAD_TARGET}};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct aad_rule rule = aad_classify(
			"interaction_required", examples[i].number, 400, false);

		assert_int_equal(rule.class, examples[i].class);
		assert_true(strlen(rule.remedy) > 10);
	}
}

static void an_unknown_number_falls_back_on_error(void **state)
{
	static const struct {
		const char *error;
		enum aad_class class;
	} examples[] = {{"temporarily_unavailable", AAD_TRANSIENT},
		{"server_error", AAD_TRANSIENT}, {"invalid_client", AAD_SECRET},
		{"invalid_grant", AAD_PASSWORD}, {"unauthorized_client", AAD_IDENTITY},
		{"interaction_required", AAD_POLICY}, {"consent_required", AAD_POLICY},
		{"login_required", AAD_POLICY}, {"access_denied", AAD_POLICY},
		{"invalid_resource", AAD_TARGET}, {"invalid_target", AAD_TARGET},
		{"invalid_scope", AAD_TARGET}, {"invalid_request", AAD_TARGET},
		{"unsupported_grant_type", AAD_TARGET}, {"something_new", AAD_TARGET}};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++)
		assert_int_equal(
			aad_classify(examples[i].error, 123456, 400, false).class,
			examples[i].class);
	assert_int_equal(aad_classify(NULL, 0, 401, false).class, AAD_IDENTITY);
	assert_int_equal(aad_classify(NULL, 0, 404, false).class, AAD_TARGET);
}

static void a_certificate_gets_a_certificates_remedy(void **state)
{
	(void)state;
	assert_non_null(strstr(
		aad_classify("invalid_client", 0, 401, true).remedy, "certificate"));
	assert_non_null(strstr(
		aad_classify("invalid_client", 700024, 401, true).remedy, "clock"));
	assert_non_null(
		strstr(aad_classify("invalid_client", 0, 401, false).remedy, "secret"));
}

static void the_number_is_read_from_the_description(void **state)
{
	(void)state;
	assert_int_equal(aad_number("AADSTS7000222: expired"), 7000222);
	assert_int_equal(aad_number("MSIS9659: bad"), 0);
	assert_int_equal(aad_number(NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_known_number_has_its_class),
		cmocka_unit_test(an_unknown_number_falls_back_on_error),
		cmocka_unit_test(a_certificate_gets_a_certificates_remedy),
		cmocka_unit_test(the_number_is_read_from_the_description),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
