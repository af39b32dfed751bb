#include "azure_errors.h"

#include "answer.h"
#include "words.h"

#include "leadrelay/clock.h"
#include "leadrelay/json.h"
#include "leadrelay/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SKEW_MS \
	(5 * 60 * 1000) /* a clock further off is named; beyond 15 it is refused */

#define WAIT "nothing to do: it is asked again by itself"
#define CREDENTIAL \
	"check the account's name and key (portal > the storage account > Access keys), or " \
	"get a new SAS; a changed file is noticed within 10 seconds"
#define NEW_SAS \
	"put a new SAS in place of the old one; a changed file is noticed within 10 seconds"
#define CLOCK "set this machine's clock right (timedatectl set-ntp true)"
#define PERMISSION \
	"use a SAS with permission Add (sp=a) for this table's entities, or the account's key"
#define NETWORK \
	"check the account's key or SAS (a SAS ends at its se=), and that the account lets this " \
	"machine in (portal > the storage account > Networking)"
#define KEYS_OFF \
	"allow storage account key access in the account's configuration: a SAS by the " \
	"account's key needs it as well"
#define ENABLE "enable the account or its subscription in the portal"
#define URL "check the connection string or url: the table service's own address"
#define HTTPS "use https:// in the connection string or url"
#define SHORTER "shorten it: leadctl replay ID --set FIELD=VALUE"
#define CORRECT \
	"correct the lead (leadctl replay ID --set FIELD=VALUE), or map and set in the " \
	"configuration, then leadctl replay"

struct rule {
	const char *code;
	enum azure_verdict verdict;
	enum reason reason;
	const char *remedy;
};

static const struct rule rules[] = {
	{"EntityAlreadyExists", AZURE_EXISTS, REASON_NONE, ""},
	{"TableAlreadyExists", AZURE_TABLE_EXISTS, REASON_NONE, ""},
	{"TableNotFound", AZURE_NO_TABLE, REASON_ENVIRONMENT, ""},
	{"ResourceNotFound", AZURE_NOT_FOUND, REASON_ENVIRONMENT, URL},
	/* passes */
	{"TableBeingDeleted", AZURE_RETRY, REASON_SERVER_ERROR, WAIT},
	{"ServerBusy", AZURE_RETRY, REASON_SERVER_ERROR, WAIT},
	{"OperationTimedOut", AZURE_RETRY, REASON_TIMEOUT, WAIT},
	{"InternalError", AZURE_RETRY, REASON_SERVER_ERROR, WAIT},
	/* who */
	{"AuthenticationFailed", AZURE_UNAUTHORIZED, REASON_UNAUTHORIZED, CREDENTIAL},
	{"InvalidAuthenticationInfo", AZURE_UNAUTHORIZED, REASON_UNAUTHORIZED,
		CREDENTIAL},
	{"NoAuthenticationInformation", AZURE_UNAUTHORIZED, REASON_UNAUTHORIZED,
		CREDENTIAL},
	{"AuthorizationFailure", AZURE_UNAUTHORIZED, REASON_UNAUTHORIZED, NETWORK},
	{"KeyBasedAuthenticationNotPermitted", AZURE_UNAUTHORIZED, REASON_UNAUTHORIZED,
		KEYS_OFF},
	/* may */
	{"AuthorizationPermissionMismatch", AZURE_FORBIDDEN, REASON_FORBIDDEN,
		PERMISSION},
	{"AuthorizationServiceMismatch", AZURE_FORBIDDEN, REASON_FORBIDDEN, PERMISSION},
	{"AuthorizationResourceTypeMismatch", AZURE_FORBIDDEN, REASON_FORBIDDEN,
		PERMISSION},
	{"AuthorizationProtocolMismatch", AZURE_FORBIDDEN, REASON_FORBIDDEN, HTTPS},
	{"AuthorizationSourceIPMismatch", AZURE_FORBIDDEN, REASON_FORBIDDEN, NETWORK},
	{"InsufficientAccountPermissions", AZURE_FORBIDDEN, REASON_FORBIDDEN, PERMISSION},
	/* where */
	{"AccountIsDisabled", AZURE_ENVIRONMENT, REASON_ENVIRONMENT, ENABLE},
	{"AccountRequiresHttps", AZURE_ENVIRONMENT, REASON_ENVIRONMENT, HTTPS},
	{"InvalidUri", AZURE_ENVIRONMENT, REASON_ENVIRONMENT, URL},
	{"InvalidHeaderValue", AZURE_ENVIRONMENT, REASON_ENVIRONMENT, URL},
	/* mendable */
	{"PropertyValueTooLarge", AZURE_TOO_LARGE, REASON_TOO_LARGE, SHORTER},
	{"EntityTooLarge", AZURE_TOO_LARGE, REASON_TOO_LARGE, SHORTER},
	{"RequestBodyTooLarge", AZURE_TOO_LARGE, REASON_TOO_LARGE, SHORTER},
	/* no */
	{"InvalidInput", AZURE_REFUSED, REASON_INVALID, CORRECT},
	{"OutOfRangeInput", AZURE_REFUSED, REASON_INVALID, CORRECT},
	{"PropertyNameInvalid", AZURE_REFUSED, REASON_INVALID, CORRECT},
	{"PropertyNameTooLong", AZURE_REFUSED, REASON_INVALID, CORRECT},
	{"TooManyProperties", AZURE_REFUSED, REASON_INVALID, CORRECT},
	{"DuplicatePropertiesSpecified", AZURE_REFUSED, REASON_INVALID, CORRECT},
	{"InvalidValueType", AZURE_REFUSED, REASON_INVALID, CORRECT},
	{"PropertiesNeedValue", AZURE_REFUSED, REASON_INVALID, CORRECT},
	{"InvalidResourceName", AZURE_REFUSED, REASON_INVALID, CORRECT},
	{"JsonFormatNotSupported", AZURE_REFUSED, REASON_PROTOCOL, URL},
	{"AtomFormatNotSupported", AZURE_REFUSED, REASON_PROTOCOL, URL},
	{"NotImplemented", AZURE_REFUSED, REASON_PROTOCOL, URL},
};

struct status_rule {
	long status;
	struct rule rule;
};

/* Where the code is unknown or there is none. */
static const struct status_rule status_rules[] = {
	{401, {NULL, AZURE_UNAUTHORIZED, REASON_UNAUTHORIZED, CREDENTIAL}},
	{403, {NULL, AZURE_UNAUTHORIZED, REASON_UNAUTHORIZED, CREDENTIAL}},
	{404, {NULL, AZURE_NOT_FOUND, REASON_ENVIRONMENT, URL}},
	{407, {NULL, AZURE_ENVIRONMENT, REASON_ENVIRONMENT,
		      "check proxy: it asks for a sign-in"}},
	{408, {NULL, AZURE_RETRY, REASON_TIMEOUT, WAIT}},
	{410, {NULL, AZURE_ENVIRONMENT, REASON_GONE, URL}},
	{413, {NULL, AZURE_TOO_LARGE, REASON_TOO_LARGE, SHORTER}},
	{421, {NULL, AZURE_RETRY, REASON_PROTOCOL, WAIT}},
	{425, {NULL, AZURE_RETRY, REASON_SERVER_ERROR, WAIT}},
	{501, {NULL, AZURE_REFUSED, REASON_PROTOCOL, URL}},
	{504, {NULL, AZURE_RETRY, REASON_TIMEOUT, WAIT}},
};

static struct rule rule_of_status(long status)
{
	for (size_t i = 0; i < sizeof(status_rules) / sizeof(status_rules[0]); i++)
		if (status_rules[i].status == status)
			return status_rules[i].rule;
	if (status >= 500 && status < 600)
		return (struct rule){NULL, AZURE_RETRY, REASON_SERVER_ERROR, WAIT};
	if (status >= 400 && status < 500)
		return (struct rule){NULL, AZURE_REFUSED, REASON_INVALID, CORRECT};
	return (struct rule){NULL, AZURE_ENVIRONMENT, REASON_ENVIRONMENT, URL};
}

static struct rule choose(const struct http_answer *answer, const char *code, int64_t now)
{
	if (answer->status == 429 ||
		(answer->status == 503 && answer_retry_after(answer, now) >= 0))
		return (struct rule){code, AZURE_THROTTLED, REASON_THROTTLED, WAIT};
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (strcmp(rules[i].code, code) == 0)
			return rules[i];
	return rule_of_status(answer->status);
}

/* ---- what it says ---- */

static const cJSON *member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static void keep_message(struct azure_reading *reading, const char *text, size_t len)
{
	words_add(&reading->message, text, len, HTTP_BODY_MAX);
}

/* Whole and one word, or none: what is cut, or mended, could be part of a secret that is
 * not recognised any more. */
static void take_code(struct azure_reading *reading, const char *code, size_t len)
{
	if (len == 0 || len >= sizeof(reading->code))
		return;
	for (size_t i = 0; i < len; i++)
		if (code[i] <= ' ' || code[i] > '~')
			return;
	memcpy(reading->code, code, len);
	reading->code[len] = '\0';
}

static void read_json(struct azure_reading *reading, const struct http_answer *answer)
{
	cJSON *json = NULL;
	const cJSON *error;
	const char *code, *message;

	if (json_read(buf_str(&answer->body), answer->body.len, &json, NULL) != ERR_OK)
		return;
	error = member(json, "odata.error");
	error = error ? error : member(json, "error");
	code = json_string(error, "code");
	message = json_string(member(error, "message"), "value");
	if (!message)
		message = json_string(error, "message");
	if (code)
		take_code(reading, code, strlen(code));
	if (message)
		keep_message(reading, message, strlen(message));
	cJSON_Delete(json);
}

/* The text between <code> and </code>, whatever its prefix and case. */
static const char *element(const char *body, const char *name, size_t *len_out)
{
	size_t size = strlen(name);

	for (const char *at = strchr(body, '<'); at; at = strchr(at + 1, '<')) {
		const char *local = at + 1 + strcspn(at + 1, ":> /");
		const char *end;

		local = *local == ':' ? local + 1 : at + 1;
		if (strncasecmp(local, name, size) != 0 || !strchr("> ", local[size]))
			continue;
		local = strchr(local, '>');
		end = local ? strchr(local, '<') : NULL;
		if (!end)
			return NULL;
		*len_out = (size_t)(end - local - 1);
		return local + 1;
	}
	return NULL;
}

static void read_xml(struct azure_reading *reading, const struct http_answer *answer)
{
	const char *body = buf_str(&answer->body);
	size_t len = 0;
	const char *found = element(body, "code", &len);

	if (found)
		take_code(reading, found, len);
	found = element(body, "message", &len);
	if (found)
		keep_message(reading, found, len);
}

/* A proxy's page is no error of the service. */
static bool is_page(const struct http_answer *answer)
{
	return strcasestr(buf_str(&answer->body), "<html") != NULL;
}

static void read_error(struct azure_reading *reading, const struct http_answer *answer)
{
	char code[sizeof(reading->code) + 1];

	read_json(reading, answer);
	if (!*reading->code && !is_page(answer))
		read_xml(reading, answer);
	if (!*reading->code &&
		http_answer_header(answer, "x-ms-error-code", code, sizeof(code)))
		take_code(reading, code, strlen(code));
}

/* ---- into words ---- */

void azure_hide(struct buf *text, const struct azure_account *account)
{
	const char *sig = account->sas ? strstr(account->sas, "sig=") : NULL;
	size_t len = sig ? strcspn(sig + 4, "&") : 0;
	char *alone = sig ? strndup(sig + 4, len) : NULL;

	words_hide(text, account->sas);
	words_hide(text, alone);
	if (alone && url_decode(alone, len, false) >= 0)
		words_hide(text, alone);
	if (alone)
		explicit_bzero(alone, len);
	free(alone);
}

void azure_add_body(
	struct buf *text, const struct buf *body, const struct azure_account *account)
{
	struct buf copy = BUF_INIT;

	buf_add(&copy, buf_str(body), body->len);
	azure_hide(&copy, account);
	words_of_body(text, buf_str(&copy), copy.len);
	buf_finish(&copy);
}

static void add_code(
	struct buf *text, const char *code, const struct azure_account *account)
{
	struct buf shown = BUF_INIT;

	buf_adds(&shown, code);
	azure_hide(&shown, account);
	buf_addf(text, " (%s)", buf_str(&shown));
	buf_finish(&shown);
}

static void describe(struct azure_reading *reading, const struct http_answer *answer,
	const char *step, const struct azure_account *account)
{
	struct buf text = BUF_INIT;
	char location[256];

	buf_addf(&text, "%s: HTTP %ld: ", step, answer->status);
	if (answer->status >= 300 && answer->status < 400) {
		buf_adds(&text, "redirected to ");
		answer_location(answer, location, sizeof(location));
		words_add(&text, location, strlen(location), 200);
	} else if (reading->message.len > 0) {
		azure_hide(&reading->message, account); /* whole, before it is cut */
		words_add(&text, buf_str(&reading->message), reading->message.len,
			WORDS_MAX);
	} else {
		azure_add_body(&text, &answer->body, account);
	}
	if (*reading->code)
		add_code(&text, reading->code, account);
	words_put(reading->outcome.error, sizeof(reading->outcome.error), buf_str(&text));
	buf_finish(&text);
}

static void add_cause(struct outcome *outcome, const char *cause, const char *remedy)
{
	struct buf text = BUF_INIT;
	char before[sizeof(outcome->error)];

	words_put(before, sizeof(before) - strlen(cause) - 2, outcome->error);
	buf_addf(&text, "%s; %s", before, cause);
	words_put(outcome->error, sizeof(outcome->error), buf_str(&text));
	words_put(outcome->remedy, sizeof(outcome->remedy), remedy);
	buf_finish(&text);
}

/* A signature holds for a few minutes around its date: a clock that is off and a SAS that
 * is over look like a wrong key. */
static void explain_refusal(struct outcome *outcome, const struct http_answer *answer,
	const struct azure_account *account, int64_t now)
{
	char date[64], span[DURATION_TEXT_SIZE], cause[160], at[TIME_TEXT_SIZE];
	int64_t theirs;

	if (account->sas_expires_at && account->sas_expires_at <= now) {
		snprintf(cause, sizeof(cause), "the SAS expired at %s (its se=)",
			time_text(account->sas_expires_at, at));
		add_cause(outcome, cause, NEW_SAS);
		return;
	}
	if (!http_answer_header(answer, "Date", date, sizeof(date)) ||
		http_date_parse(date, &theirs) != 0)
		return;
	if (now - theirs < SKEW_MS && theirs - now < SKEW_MS)
		return;
	snprintf(cause, sizeof(cause),
		"this machine's clock is %s %s the service's, which makes any signature "
		"wrong",
		duration_human(now > theirs ? now - theirs : theirs - now, span),
		now > theirs ? "ahead of" : "behind");
	add_cause(outcome, cause, CLOCK);
}

static enum outcome_kind kind_of(enum azure_verdict verdict)
{
	static const enum outcome_kind kinds[AZURE_VERDICTS] = {
		[AZURE_DONE] = OUTCOME_DELIVERED,
		[AZURE_FAILED] = OUTCOME_RETRY,
		[AZURE_THROTTLED] = OUTCOME_THROTTLED,
		[AZURE_RETRY] = OUTCOME_RETRY,
		[AZURE_EXISTS] = OUTCOME_ALREADY_THERE,
		[AZURE_NO_TABLE] = OUTCOME_ENVIRONMENT,
		[AZURE_TABLE_EXISTS] = OUTCOME_ALREADY_THERE,
		[AZURE_NOT_FOUND] = OUTCOME_ENVIRONMENT,
		[AZURE_TOO_LARGE] = OUTCOME_REFUSED,
		[AZURE_UNAUTHORIZED] = OUTCOME_UNAUTHORIZED,
		[AZURE_FORBIDDEN] = OUTCOME_UNAUTHORIZED, /* no lead's own fault */
		[AZURE_ENVIRONMENT] = OUTCOME_ENVIRONMENT,
		[AZURE_REFUSED] = OUTCOME_REFUSED,
	};

	return kinds[verdict];
}

static void judge(struct azure_reading *reading, const struct http_answer *answer,
	const char *step, const struct azure_account *account, int64_t now)
{
	struct outcome *outcome = &reading->outcome;
	struct rule rule;

	read_error(reading, answer);
	rule = choose(answer, reading->code, now);
	reading->verdict = rule.verdict;
	outcome->kind = kind_of(rule.verdict);
	outcome->reason = rule.reason;
	outcome->destination = outcome->kind == OUTCOME_RETRY;
	if (outcome->kind == OUTCOME_THROTTLED || outcome->kind == OUTCOME_RETRY)
		outcome->wait_ms = answer_retry_after(answer, now);
	if (rule.verdict == AZURE_EXISTS || rule.verdict == AZURE_TABLE_EXISTS)
		return; /* nothing is wrong */
	describe(reading, answer, step, account);
	words_put(outcome->remedy, sizeof(outcome->remedy), rule.remedy);
	if (rule.verdict == AZURE_UNAUTHORIZED)
		explain_refusal(outcome, answer, account, now);
}

void azure_read(struct azure_reading *reading, const struct http_answer *answer,
	const char *step, bool writes, const struct azure_account *account, int64_t now)
{
	*reading = (struct azure_reading){.outcome = OUTCOME_INIT};
	reading->outcome.http_status = (int)answer->status;
	if (answer_missing(answer)) {
		reading->verdict = AZURE_FAILED;
		answer_failed(&reading->outcome, answer, step, writes);
	} else if (answer->status >= 200 && answer->status < 300) {
		reading->verdict = AZURE_DONE;
		reading->outcome.kind = OUTCOME_DELIVERED;
	} else {
		judge(reading, answer, step, account, now);
	}
}

void azure_reading_finish(struct azure_reading *reading)
{
	buf_finish(&reading->message);
}
