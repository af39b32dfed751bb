/* init's draft: what config_load reads is what was answered, whatever characters it has;
 * and which questions arise. */
#include "init.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ID "12345678-0000-0000-0000-000000000000"

static void answer(struct init *init, enum answer which, const char *text)
{
	answer_set(init, which, text ? strdup(text) : NULL);
	init->settled[which] = true;
}

static void start(struct init *init, struct cli *cli)
{
	*cli = (struct cli){.now = 1790000000000};
	*init = (struct init){.cli = cli, .checking = ANSWERS};
	answer(init, A_STATE_DIR, "/var/lib/leadrelay");
	answer(init, A_URL, "https://contoso.crm4.dynamics.com");
	answer(init, A_AUTH, "azure_ad");
	answer(init, A_DIRECTORY, ID);
	answer(init, A_CLIENT, ID);
}

static void finish(struct init *init)
{
	for (enum answer i = 0; i < ANSWERS; i++)
		answer_set(init, i, NULL);
}

static struct config *load(const struct init *init)
{
	struct buf problems = BUF_INIT;
	struct config *config = NULL;
	struct err err;

	if (draft_load(init, &config, &problems, &err) != ERR_OK)
		fail_msg("%s%s", buf_str(&problems), err.text);
	buf_finish(&problems);
	return config;
}

static void every_secret_is_read_as_it_was_typed(void **state)
{
	static const char *const secrets[] = {"plain", "${HOME}", "$${x}", "a\"b\\c",
		"#x: y", "- [x, {y}]", "'", "\xc3\xa9 \xe2\x82\xac", "~", "null", "12e3",
		"a: b", "%&*!|>@`", " inner  blanks ", "first\nsecond"};

	(void)state;
	for (size_t i = 0; i < sizeof(secrets) / sizeof(*secrets); i++) {
		struct init init;
		struct cli cli;
		struct config *config;
		const struct secret *secret;
		size_t first = strcspn(secrets[i], "\n");

		start(&init, &cli);
		answer(&init, A_SECRET, secrets[i]);
		config = load(&init);
		secret = &config->destinations[0].auth.client_secret;
		assert_int_equal(strlen(secret->values[0]), first);
		assert_memory_equal(secret->values[0], secrets[i], first);
		assert_int_equal(secret->count, secrets[i][first] ? 2 : 1);
		config_destroy(config);
		finish(&init);
	}
}

static void an_answer_not_settled_spoils_no_other(void **state)
{
	struct init init;
	struct cli cli;

	(void)state;
	start(&init, &cli);
	answer_set(&init, A_EXPIRES, strdup("soon"));
	config_destroy(load(&init));
	finish(&init);
}

static void a_problem_names_no_file(void **state)
{
	struct buf problems = BUF_INIT;
	struct config *config;
	struct init init;
	struct cli cli;
	struct err err;

	(void)state;
	start(&init, &cli);
	answer(&init, A_CLIENT, "nonsense");
	assert_int_equal(draft_load(&init, &config, &problems, &err), ERR_CONFIG);
	assert_null(strstr(buf_str(&problems), "/proc/"));
	assert_memory_equal(buf_str(&problems), "destinations.crm.auth.client_id: ", 33);
	buf_finish(&problems);
	finish(&init);
}

static void the_file_holds_no_secret(void **state)
{
	struct buf text = BUF_INIT;
	struct init init;
	struct cli cli;

	(void)state;
	start(&init, &cli);
	answer(&init, A_DESTINATION, "crm");
	answer(&init, A_SOURCE, "marketplace");
	answer(&init, A_SECRET, "sesame");
	answer(&init, A_TOKEN, "token-0123456789abcdef");
	answer(&init, A_LISTEN, "127.0.0.1:8080");
	assert_true(draft_text(&init, false, &text));
	assert_null(strstr(buf_str(&text), "sesame"));
	assert_null(strstr(buf_str(&text), "token-0123"));
	assert_non_null(strstr(buf_str(&text), "client_secret_file: crm.secret"));
	assert_non_null(strstr(buf_str(&text), "token_file: marketplace.token"));
	buf_finish(&text);
	finish(&init);
}

static void questions_follow_from_answers(void **state)
{
	struct init init;
	struct cli cli;

	(void)state;
	start(&init, &cli);
	assert_true(question_arises(&init, A_SECRET));
	assert_false(question_arises(&init, A_USERNAME));
	assert_false(question_arises(&init, A_MAIL_FROM));
	assert_false(question_arises(&init, A_TLS_KEY));
	answer(&init, A_AUTH, "azure_ad_certificate");
	assert_false(question_arises(&init, A_SECRET));
	assert_true(question_arises(&init, A_KEY));
	answer(&init, A_AUTH, "office365");
	assert_true(question_arises(&init, A_USERNAME));
	assert_string_equal(question_default(&init, A_DIRECTORY), "organizations");
	answer(&init, A_LISTEN, "0.0.0.0:8443");
	assert_true(question_arises(&init, A_TLS_CERTIFICATE));
	answer(&init, A_LISTEN, "[::1]:8080");
	assert_false(question_arises(&init, A_TLS_CERTIFICATE));
	answer(&init, A_MAIL_SERVER, "smtp://mail.contoso.com:587");
	answer(&init, A_CONTACTS, "a@b.example");
	assert_false(question_arises(&init, A_MAIL_PASSWORD));
	assert_string_equal(question_default(&init, A_ALERTS), "a@b.example");
	finish(&init);
}

/* Each has a flag of the command's own, and each of those a question. */
static void every_question_has_its_flag(void **state)
{
	(void)state;
	for (enum answer i = 0; i < ANSWERS; i++) {
		const struct option_rule *rule = init_options;

		assert_non_null(questions[i].flag);
		while (rule->name && strcmp(rule->name, questions[i].flag) != 0)
			rule++;
		if (!rule->name || !rule->value)
			fail_msg("--%s", questions[i].flag);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_secret_is_read_as_it_was_typed),
		cmocka_unit_test(an_answer_not_settled_spoils_no_other),
		cmocka_unit_test(a_problem_names_no_file),
		cmocka_unit_test(the_file_holds_no_secret),
		cmocka_unit_test(questions_follow_from_answers),
		cmocka_unit_test(every_question_has_its_flag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
