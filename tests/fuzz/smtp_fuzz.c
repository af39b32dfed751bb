/*
 * An SMTP conversation: lines "C: ..." left, all others arrived. Whatever a server says,
 * the mail has a legal outcome, and its words are one printable line.
 */
#include "fuzz.h"

#include "leadrelay/mail.h"
#include "mail_watch.h"

static void require_watch(const struct mail_watch *watch)
{
	REQUIRE(watch->stage < MAIL_STAGES && mail_stage_name(watch->stage));
	REQUIRE(watch->code >= 0 && watch->code <= 999);
	REQUIRE(memchr(watch->words, 0, sizeof(watch->words)));
	REQUIRE(memchr(watch->enhanced, 0, sizeof(watch->enhanced)));
	if (*watch->words)
		require_sentence(watch->words);
	if (*watch->enhanced) {
		REQUIRE(strchr("245", watch->enhanced[0]));
		REQUIRE(watch->enhanced[1] == '.');
	}
}

static void require_outcomes(const struct mail_watch *watch)
{
	static const enum smtp_auth auths[] = {SMTP_AUTH_PLAIN, SMTP_AUTH_XOAUTH2};
	struct mail_answer answer = {.stage = watch->stage,
		.code = watch->code,
		.credentials = watch->credentials};

	memcpy(answer.enhanced, watch->enhanced, sizeof(answer.enhanced));
	memcpy(answer.words, watch->words, sizeof(answer.words));
	answer.accepted = watch->stage == MAIL_END && watch->code / 100 == 2;
	if (watch->code < 400)
		answer.failure = HTTP_RESET;
	answer.sent = !answer.accepted && watch->stage == MAIL_END && watch->code < 400;
	snprintf(answer.error, sizeof(answer.error), "mail.contoso.com: %d %s",
		answer.code, answer.words);
	for (size_t i = 0; i < 2; i++) {
		const struct smtp_settings server = {.auth = auths[i]};
		struct outcome outcome = mail_outcome(&answer, &server);

		require_outcome(&outcome);
		REQUIRE(outcome_is_success(outcome.kind) == answer.accepted);
		REQUIRE((outcome.kind == OUTCOME_UNKNOWN) == answer.sent);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = input_of(data, size);
	struct mail_watch watch = {0};

	while (input.at < input.end) {
		char *line = input_line(&input);

		if (strncmp(line, "C: ", 3) == 0)
			mail_watch_command(&watch, line + 3, strlen(line + 3));
		else
			mail_watch_reply(&watch, line, strlen(line));
		free(line);
		require_watch(&watch);
	}
	require_outcomes(&watch);
	return 0;
}
