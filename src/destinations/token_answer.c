/*
 * What the token endpoint's answer means: a token, the next secret, or an outcome for the
 * whole destination with Microsoft's words, trace_id and correlation_id. Secrets are
 * hidden in every text, whatever the other side echoes.
 */
#include "leadrelay/token.h"

#include "aad_errors.h"
#include "answer.h"
#include "token_state.h"
#include "words.h"

#include "leadrelay/json.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LIFE_MIN_S 60          /* shorter would be fetched for ever and never used */
#define LIFE_MAX_S (24 * 3600) /* longer would outlive a secret that was withdrawn */
#define LIFE_UNKNOWN_S 600     /* no expires_in */
#define SLOW_DOWN_MS (5 * 60 * 1000LL) /* AADSTS90055 and 50196 without Retry-After */
#define TOKEN_SIZE_MAX (32 * 1024)     /* servers take no longer header */

static const struct secret *secret_of(const struct token *token)
{
	switch (token->auth->method) {
	case AUTH_AZURE_AD:
		return &token->auth->client_secret;
	case AUTH_OFFICE365:
		return &token->auth->password;
	case AUTH_AZURE_AD_CERTIFICATE:
	case AUTH_NONE:
		break;
	}
	return NULL;
}

/* What an access token may be made of: printable, no blanks. A CR or LF would write
 * headers of its own. */
static bool safe_token(const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return len > 0 && len <= TOKEN_SIZE_MAX;
}

/* v1 answers numbers as texts. */
static long long number_of(const cJSON *json, const char *name)
{
	const char *text = json_string(json, name);
	char *end;
	long long number;

	if (!text)
		return json_integer(json, name, 0);
	number = strtoll(text, &end, 10);
	return *end == '\0' ? number : 0;
}

static int64_t life_ms(const cJSON *json)
{
	long long seconds = number_of(json, "expires_in");

	if (seconds == 0)
		seconds = LIFE_UNKNOWN_S;
	if (seconds < LIFE_MIN_S)
		seconds = LIFE_MIN_S;
	if (seconds > LIFE_MAX_S)
		seconds = LIFE_MAX_S;
	return seconds * 1000;
}

/* What is wrong with a success; NULL: nothing. */
static const char *fault_of(const cJSON *json)
{
	const char *type = json_string(json, "token_type");
	const char *text = json_string(json, "access_token");

	if (!json)
		return "the answer is no JSON object";
	if (!text || !*text)
		return "the answer holds no access_token";
	if (type && strcasecmp(type, "Bearer") != 0)
		return "the token is not of type Bearer";
	return safe_token(text) ? NULL : "the token has characters no header may hold";
}

static bool keep(struct token *token, const cJSON *json, int64_t now)
{
	struct buf authorization = BUF_INIT;

	buf_adds(&authorization, "Bearer ");
	buf_adds(&authorization, json_string(json, "access_token"));
	if (!buf_ok(&authorization)) {
		buf_wipe(&authorization);
		return false;
	}
	buf_wipe(&token->authorization);
	token->authorization = authorization;
	token->got_at = now;
	token->expires_at = now + life_ms(json);
	token->generation++;
	token->refused = 0;
	return true;
}

static cJSON *read_object(const struct http_answer *answer)
{
	cJSON *json = NULL;

	if (json_read(buf_str(&answer->body), answer->body.len, &json, NULL) != ERR_OK)
		return NULL;
	if (cJSON_IsObject(json))
		return json;
	cJSON_Delete(json);
	return NULL;
}

/* cJSON_Delete leaves the token in freed memory. */
static void delete_wiped(cJSON *json)
{
	char *text = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(json, "access_token"));

	if (text)
		explicit_bzero(text, strlen(text));
	cJSON_Delete(json);
}

/* "asking login.microsoftonline.com for a token" */
static void add_step(const struct token *token, struct buf *text)
{
	const char *host = strstr(token->url, "://");

	host = host ? host + 3 : token->url;
	buf_addf(text, "asking %.*s for a token", (int)strcspn(host, "/?#"), host);
}

static void put_error(struct outcome *outcome, struct buf *text)
{
	words_put(outcome->error, sizeof(outcome->error), buf_str(text));
	buf_wipe(text);
}

static const char *text_or(const char *text, const char *otherwise)
{
	return text && *text ? text : otherwise;
}

/* Microsoft's sentence. Behind it stand ids and time, on lines of their own or not; the
 * ids are members too. */
static size_t sentence_length(const char *said, bool has_ids)
{
	const char *ids = has_ids ? strstr(said, " Trace ID:") : NULL;
	size_t line = strcspn(said, "\r\n");

	return ids && (size_t)(ids - said) < line ? (size_t)(ids - said) : line;
}

static void add_description(struct buf *text, const cJSON *json)
{
	const char *said = text_or(json_string(json, "error_description"),
		text_or(json_string(json, "error"), "no description"));
	const char *trace = json_string(json, "trace_id");
	const char *correlation = json_string(json, "correlation_id");

	words_add(text, said, sentence_length(said, trace || correlation), WORDS_MAX);
	if (!trace && !correlation)
		return;
	buf_adds(text, " (trace_id ");
	words_add(text, text_or(trace, "-"), strlen(text_or(trace, "-")), 64);
	buf_adds(text, ", correlation_id ");
	words_add(text, text_or(correlation, "-"), strlen(text_or(correlation, "-")), 64);
	buf_addc(text, ')');
}

static void hide_secrets(const struct token *token, struct buf *text)
{
	const struct secret *secret = secret_of(token);

	for (size_t i = 0; secret && i < secret->count; i++)
		words_hide(text, secret->values[i]);
}

static void describe(const struct token *token, const struct http_answer *answer,
	const cJSON *json, struct outcome *outcome)
{
	struct buf text = BUF_INIT;
	struct buf body = BUF_INIT;

	add_step(token, &text);
	buf_addf(&text, ": HTTP %ld: ", answer->status);
	if (json) {
		add_description(&text, json);
	} else {
		buf_add(&body, buf_str(&answer->body), answer->body.len);
		hide_secrets(token, &body); /* before it is cut */
		words_of_body(&text, buf_str(&body), body.len);
	}
	if (token->refused > 1)
		buf_addf(&text, "; none of the %zu secrets is accepted", token->refused);
	hide_secrets(token, &text);
	buf_wipe(&body);
	put_error(outcome, &text);
}

static long number_of_refusal(const cJSON *json)
{
	const cJSON *codes = cJSON_GetObjectItemCaseSensitive(json, "error_codes");
	const char *first = json_number(cJSON_GetArrayItem(codes, 0));

	return first ? strtol(first, NULL, 10)
		     : aad_number(json_string(json, "error_description"));
}

static enum outcome_kind kind_of(enum aad_class class)
{
	switch (class) {
	case AAD_TRANSIENT:
		return OUTCOME_RETRY;
	case AAD_SLOW:
		return OUTCOME_THROTTLED;
	case AAD_SECRET:
	case AAD_IDENTITY:
	case AAD_PASSWORD:
	case AAD_POLICY:
		return OUTCOME_UNAUTHORIZED;
	case AAD_TARGET:
		return OUTCOME_ENVIRONMENT;
	}
	return OUTCOME_RETRY;
}

static enum reason reason_of(enum outcome_kind kind)
{
	if (kind == OUTCOME_UNAUTHORIZED)
		return REASON_UNAUTHORIZED;
	if (kind == OUTCOME_ENVIRONMENT)
		return REASON_ENVIRONMENT;
	return kind == OUTCOME_THROTTLED ? REASON_THROTTLED : REASON_SERVER_ERROR;
}

/* Where the operator finds what is refused. */
static const char *place_of(const struct token *token)
{
	const struct secret *secret = secret_of(token);

	if (secret && secret->file)
		return secret->file;
	return token->auth->method == AUTH_OFFICE365 ? "auth.password"
						     : "auth.client_secret";
}

static enum token_result refuse(struct token *token, const struct http_answer *answer,
	const cJSON *json, int64_t now, struct outcome *outcome)
{
	struct aad_rule rule = aad_classify(json_string(json, "error"),
		number_of_refusal(json), (int)answer->status,
		token->auth->method == AUTH_AZURE_AD_CERTIFICATE);

	outcome->kind = kind_of(rule.class);
	outcome->reason = reason_of(outcome->kind);
	outcome->destination = rule.class == AAD_TRANSIENT;
	outcome->needs_person = outcome->kind == OUTCOME_UNAUTHORIZED &&
				token->auth->method == AUTH_OFFICE365;
	outcome->wait_ms = answer_retry_after(answer, now);
	if (rule.class == AAD_SLOW && outcome->wait_ms < 0)
		outcome->wait_ms = SLOW_DOWN_MS;
	if (rule.class == AAD_SECRET && token->auth->method == AUTH_AZURE_AD) {
		size_t count = token->auth->client_secret.count;

		token->secret = (token->secret + 1) % count;
		if (++token->refused < count)
			return TOKEN_AGAIN;
	}
	describe(token, answer, json, outcome);
	words_expand(
		outcome->remedy, sizeof(outcome->remedy), rule.remedy, place_of(token));
	token->refused = 0;
	return TOKEN_FAILED;
}

static enum token_result fail_on_garbage(struct token *token,
	const struct http_answer *answer, const char *fault, struct outcome *outcome)
{
	struct buf text = BUF_INIT;

	outcome->kind = OUTCOME_RETRY;
	outcome->reason = REASON_PROTOCOL;
	outcome->destination = true;
	add_step(token, &text);
	buf_addf(&text, ": HTTP %ld, but %s", answer->status, fault);
	put_error(outcome, &text);
	words_put(outcome->remedy, sizeof(outcome->remedy),
		"check authority, token_url and proxy: something else answers there");
	return TOKEN_FAILED;
}

static enum token_result succeed(struct token *token, const struct http_answer *answer,
	int64_t now, struct outcome *outcome)
{
	cJSON *json = read_object(answer);
	const char *fault = fault_of(json);

	if (!fault && !keep(token, json, now))
		fault = "memory ran out";
	delete_wiped(json);
	return fault ? fail_on_garbage(token, answer, fault, outcome) : TOKEN_GOT;
}

/* The service's own trouble, whatever its body says. */
static enum token_result fail_on_service(struct token *token,
	const struct http_answer *answer, int64_t now, struct outcome *outcome)
{
	cJSON *json = read_object(answer);

	outcome->wait_ms = answer_retry_after(answer, now);
	if (answer->status == 429 || (answer->status == 503 && outcome->wait_ms >= 0)) {
		outcome->kind = OUTCOME_THROTTLED;
		outcome->reason = REASON_THROTTLED;
	} else {
		outcome->kind = OUTCOME_RETRY;
		outcome->reason = REASON_SERVER_ERROR;
		outcome->destination = true;
	}
	describe(token, answer, json, outcome);
	cJSON_Delete(json);
	return TOKEN_FAILED;
}

static enum token_result fail_on_redirect(
	struct token *token, const struct http_answer *answer, struct outcome *outcome)
{
	struct buf text = BUF_INIT;
	char location[256];

	outcome->kind = OUTCOME_ENVIRONMENT;
	outcome->reason = REASON_ENVIRONMENT;
	add_step(token, &text);
	buf_addf(&text, ": HTTP %ld: redirected to ", answer->status);
	answer_location(answer, location, sizeof(location));
	words_add(&text, location, strlen(location), 200);
	hide_secrets(token, &text);
	put_error(outcome, &text);
	words_put(outcome->remedy, sizeof(outcome->remedy),
		"check authority and token_url: redirects are not followed");
	return TOKEN_FAILED;
}

static enum token_result fail_on_transport(
	struct token *token, const struct http_answer *answer, struct outcome *outcome)
{
	struct buf step = BUF_INIT;

	add_step(token, &step);
	answer_failed(outcome, answer, buf_str(&step), false);
	buf_finish(&step);
	return TOKEN_FAILED;
}

enum token_result token_answer(struct token *token, const struct http_answer *answer,
	int64_t now, struct outcome *outcome)
{
	enum token_result result;
	cJSON *json;

	token->fetching = false;
	*outcome = OUTCOME_INIT;
	outcome->http_status = (int)answer->status;
	if (answer_missing(answer))
		return fail_on_transport(token, answer, outcome);
	if (answer->status >= 200 && answer->status < 300)
		return succeed(token, answer, now, outcome);
	if (answer->status >= 300 && answer->status < 400)
		return fail_on_redirect(token, answer, outcome);
	if (answer->status >= 500 || answer->status == 429 || answer->status == 408)
		return fail_on_service(token, answer, now, outcome);
	json = read_object(answer);
	result = refuse(token, answer, json, now, outcome);
	cJSON_Delete(json);
	return result;
}
