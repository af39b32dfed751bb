/*
 * Answers of a token endpoint, one after another (fuzz.h, input_answer). A token that is
 * taken can stand in a header and ends; a refusal has a legal outcome that holds no
 * secret.
 */
#include "fuzz.h"

#include "leadrelay/token.h"

static char first[] = "first~secret+0123", second[] = "second/secret=4567",
	    password[] = "password of a person";

static struct auth_settings auth_for(const char *words)
{
	static char id[] = "12345678-0000-0000-0000-000000000000",
		    authority[] = "https://login.microsoftonline.com",
		    user[] = "relay@contoso.com";
	struct auth_settings auth = {.method = AUTH_AZURE_AD,
		.directory_id = id,
		.client_id = id,
		.client_secret = {.values = {first, second}, .count = 2},
		.authority = authority,
		.token_version = strstr(words, "v1") ? 1 : 2};

	if (strstr(words, "office")) {
		auth.method = AUTH_OFFICE365;
		auth.username = user;
		auth.password = (struct secret){.values = {password}, .count = 1};
	}
	return auth;
}

static void require_no_secret(const struct auth_settings *auth, const char *text)
{
	if (auth->method == AUTH_OFFICE365)
		REQUIRE(!strstr(text, password));
	else
		REQUIRE(!strstr(text, first) && !strstr(text, second));
}

static void require_token(const struct token *token)
{
	const char *text = token_authorization(token);

	REQUIRE(text && strncmp(text, "Bearer ", 7) == 0 && text[7]);
	for (text += 7; *text; text++)
		REQUIRE(*text > ' ' && *text <= '~');
	REQUIRE(token_fresh(token, NOW));
	REQUIRE(!token_fresh(token, NOW + 24 * 3600 * 1000LL));
}

static void ask(
	struct token *token, const struct auth_settings *auth, struct input section)
{
	struct http_request request = {0};
	struct http_answer answer = input_answer(section);
	struct outcome outcome = {0};

	REQUIRE(token_request(token, &request, NOW, NULL) == ERR_OK);
	switch (token_answer(token, &answer, NOW, &outcome)) {
	case TOKEN_GOT:
		require_token(token);
		break;
	case TOKEN_AGAIN:
		break;
	case TOKEN_FAILED:
		require_outcome(&outcome);
		REQUIRE(!outcome_is_success(outcome.kind) &&
			outcome.kind != OUTCOME_UNKNOWN);
		require_no_secret(auth, outcome.error);
		require_no_secret(auth, outcome.remedy);
		break;
	}
	REQUIRE(!token_fetching(token));
	http_request_finish(&request);
	answer_finish(&answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = input_of(data, size);
	char *words = input_line(&input);
	const struct auth_settings auth = auth_for(words);
	struct token *token = NULL;

	REQUIRE(token_create(&token, &auth, "https://contoso.crm4.dynamics.com", &sevens,
			NULL) == ERR_OK);
	for (int i = 0; i < 4 && input.at < input.end; i++)
		ask(token, &auth, input_section(&input));
	token_destroy(token);
	free(words);
	return 0;
}
