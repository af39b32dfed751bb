#include "dynamics_errors.h"

#include "answer.h"
#include "words.h"

#include "leadrelay/json.h"

#include <stdlib.h>
#include <string.h>

#define WAIT "nothing to do: it is asked again by itself"
#define PLUGIN_SLOW \
	"a plug-in of the CRM takes too long: look at the synchronous plug-ins on lead"
#define SIGN_IN \
	"check that the application user exists in this environment and is enabled: " \
	"Power Platform admin centre > Environments > Settings > Application users"
#define ROLE \
	"give the application user a security role that may create leads (prvCreateLead) " \
	"and write the columns that map and set name"
#define NO_LICENCE "give the user a Dynamics 365 licence, or use an application user"
#define ENABLE_ORGANISATION "enable the environment, in the Power Platform admin centre"
#define STORAGE \
	"free or buy Dataverse storage, in the Power Platform admin centre > Resources > " \
	"Capacity"
#define URL "check url and api_version: the environment's own address"
#define SHORTER "shorten it: leadctl replay ID --set FIELD=VALUE"
#define CHOICE "correct set or map in the configuration, then leadctl replay"
#define EMAIL "correct it: leadctl replay ID --set email=ADDRESS"
#define CORRECT \
	"correct the lead (leadctl replay ID --set FIELD=VALUE), or map and set in the " \
	"configuration, then leadctl replay"
#define ASK_CRM "ask the CRM's administrator about that rule, then leadctl replay ID"
#define DUPLICATE \
	"merge it in the CRM, or choose duplicates: skip or update, then leadctl replay"

struct rule {
	uint32_t code;
	enum verdict verdict;
	enum reason reason;
	const char *remedy;
};

static const struct rule rules[] = {
	/* service protection */
	{0x80072321, VERDICT_THROTTLED, REASON_THROTTLED, WAIT},
	{0x80072322, VERDICT_THROTTLED, REASON_THROTTLED, WAIT},
	{0x80072326, VERDICT_THROTTLED, REASON_THROTTLED, WAIT},
	{0x8005F103, VERDICT_THROTTLED, REASON_THROTTLED, WAIT},
	/* passes */
	{0x80044150, VERDICT_RETRY, REASON_SERVER_ERROR, WAIT}, /* generic SQL */
	{0x80044151, VERDICT_RETRY, REASON_TIMEOUT, WAIT},      /* SQL timeout */
	{0x8004A001, VERDICT_RETRY, REASON_SERVER_ERROR, WAIT}, /* server busy */
	{0x8004ED47, VERDICT_RETRY, REASON_TIMEOUT, WAIT},      /* app lock timeout */
	{0x80044339, VERDICT_RETRY, REASON_SERVER_ERROR, WAIT}, /* lock */
	{0x80048543, VERDICT_RETRY, REASON_SERVER_ERROR, WAIT}, /* solution import */
	{0x80040216, VERDICT_FEW, REASON_SERVER_ERROR, WAIT},   /* unexpected */
	{0x80044171, VERDICT_FEW, REASON_PLUGIN, PLUGIN_SLOW},
	{0x80044172, VERDICT_FEW, REASON_PLUGIN, PLUGIN_SLOW},
	{0x80044173, VERDICT_FEW, REASON_PLUGIN, PLUGIN_SLOW},
	{0x80081111, VERDICT_FEW, REASON_PLUGIN, PLUGIN_SLOW},
	{0x80081116, VERDICT_FEW, REASON_PLUGIN, PLUGIN_SLOW},
	/* who */
	{0x80072560, VERDICT_UNAUTHORIZED, REASON_UNAUTHORIZED, SIGN_IN}, /* no member */
	{0x80040225, VERDICT_UNAUTHORIZED, REASON_UNAUTHORIZED, SIGN_IN}, /* disabled */
	{0x8004A112, VERDICT_UNAUTHORIZED, REASON_UNAUTHORIZED, SIGN_IN},
	{0x8004A100, VERDICT_TOKEN, REASON_UNAUTHORIZED, SIGN_IN}, /* tickets */
	{0x8004A101, VERDICT_TOKEN, REASON_UNAUTHORIZED, SIGN_IN},
	{0x8004A102, VERDICT_TOKEN, REASON_UNAUTHORIZED, SIGN_IN},
	{0x8004A103, VERDICT_TOKEN, REASON_UNAUTHORIZED, SIGN_IN},
	{0x80044302, VERDICT_TOKEN, REASON_UNAUTHORIZED, SIGN_IN}, /* not signed in */
	/* may */
	{0x80040220, VERDICT_FORBIDDEN, REASON_FORBIDDEN, ROLE}, /* privilege denied */
	{0x80042F09, VERDICT_FORBIDDEN, REASON_FORBIDDEN, ROLE}, /* no roles */
	{0x8004F502, VERDICT_FORBIDDEN, REASON_FORBIDDEN, ROLE}, /* field security */
	{0x80048306, VERDICT_FORBIDDEN, REASON_FORBIDDEN, ROLE},
	{0x80040256, VERDICT_FORBIDDEN, REASON_FORBIDDEN, ROLE},
	{0x80040231, VERDICT_FORBIDDEN, REASON_FORBIDDEN, ROLE},
	{0x8004020D, VERDICT_FORBIDDEN, REASON_FORBIDDEN, ROLE},
	{0x80040277, VERDICT_FORBIDDEN, REASON_FORBIDDEN, ROLE},
	{0x8004D24B, VERDICT_FORBIDDEN, REASON_FORBIDDEN, NO_LICENCE},
	/* where */
	{0x8004A104, VERDICT_ENVIRONMENT, REASON_ENVIRONMENT, ENABLE_ORGANISATION},
	{0x80072325, VERDICT_ENVIRONMENT, REASON_ENVIRONMENT, STORAGE},
	{0x8004B057, VERDICT_ENVIRONMENT, REASON_ENVIRONMENT, STORAGE},
	/* mendable */
	{0x80044331, VERDICT_TOO_LONG, REASON_INVALID, SHORTER},
	{0x80073001, VERDICT_TOO_LONG, REASON_INVALID, SHORTER},
	{0x8004431A, VERDICT_BAD_CHOICE, REASON_INVALID, CHOICE},
	{0x80044192, VERDICT_BAD_EMAIL, REASON_INVALID, EMAIL},
	/* another record */
	{0x80040237, VERDICT_DUPLICATE_KEY, REASON_PLUGIN, ASK_CRM},
	{0x80040333, VERDICT_DUPLICATE_RULE, REASON_DUPLICATE_RULE, DUPLICATE},
	{0x80060892, VERDICT_DUPLICATE_RULE, REASON_DUPLICATE_RULE, DUPLICATE},
	{0x80040217, VERDICT_NOT_FOUND, REASON_INVALID, CORRECT},
	/* no */
	{0x80040203, VERDICT_REFUSED, REASON_INVALID, CORRECT},
	{0x80040200, VERDICT_REFUSED, REASON_INVALID, CORRECT},
	{0x8004432F, VERDICT_REFUSED, REASON_INVALID, CORRECT},
	{0x8006088A, VERDICT_REFUSED, REASON_INVALID, CORRECT},
	{0x80040265, VERDICT_REFUSED, REASON_PLUGIN, ASK_CRM},
	{0x8004418A, VERDICT_REFUSED, REASON_TOO_LARGE, SHORTER},
};

static const struct rule *find_rule(uint32_t code)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (code != 0 && rules[i].code == code)
			return &rules[i];
	return NULL;
}

bool dynamics_code_known(uint32_t code, enum verdict *verdict_out)
{
	const struct rule *rule = find_rule(code);

	if (rule)
		*verdict_out = rule->verdict;
	return rule != NULL;
}

static uint32_t parse_hex(const char *digits)
{
	char *end;
	unsigned long long value = strtoull(digits, &end, 16);

	return *end == '\0' && value <= UINT32_MAX ? (uint32_t)value : 0;
}

uint32_t dynamics_code_parse(const char *text)
{
	char *end;
	long long value;

	if (!text || !*text)
		return 0;
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return parse_hex(text + 2);
	if (strlen(text) == 8 && text[0] == '8') /* all of them are 0x8....... */
		return parse_hex(text);
	value = strtoll(text, &end, 10);
	if (*end != '\0' || value < INT32_MIN || value > UINT32_MAX)
		return 0;
	return (uint32_t)value;
}

struct status_rule {
	int status;
	struct rule rule;
};

/* Where the code is unknown or there is none. */
static const struct status_rule status_rules[] = {
	{400, {0, VERDICT_REFUSED, REASON_INVALID, CORRECT}},
	{401, {0, VERDICT_TOKEN, REASON_UNAUTHORIZED, SIGN_IN}},
	{403, {0, VERDICT_FORBIDDEN, REASON_FORBIDDEN, ROLE}},
	{404, {0, VERDICT_ENVIRONMENT, REASON_ENVIRONMENT, URL}},
	{407, {0, VERDICT_ENVIRONMENT, REASON_ENVIRONMENT,
		      "check proxy: it asks for a sign-in"}},
	{408, {0, VERDICT_RETRY, REASON_TIMEOUT, WAIT}},
	{410, {0, VERDICT_ENVIRONMENT, REASON_GONE, URL}},
	{412, {0, VERDICT_DUPLICATE_KEY, REASON_DUPLICATE_RULE, ASK_CRM}},
	{413, {0, VERDICT_REFUSED, REASON_TOO_LARGE, SHORTER}},
	{421, {0, VERDICT_RETRY, REASON_PROTOCOL, WAIT}},
	{425, {0, VERDICT_RETRY, REASON_SERVER_ERROR, WAIT}},
	{429, {0, VERDICT_THROTTLED, REASON_THROTTLED, WAIT}},
	{451, {0, VERDICT_ENVIRONMENT, REASON_ENVIRONMENT, URL}},
	{501, {0, VERDICT_REFUSED, REASON_PROTOCOL, URL}},
	{502, {0, VERDICT_RETRY, REASON_SERVER_ERROR, WAIT}},
	{503, {0, VERDICT_RETRY, REASON_SERVER_ERROR, WAIT}},
	{504, {0, VERDICT_RETRY, REASON_TIMEOUT, WAIT}},
	{507, {0, VERDICT_ENVIRONMENT, REASON_ENVIRONMENT, STORAGE}},
};

/* An error of the API itself is bounded, as one lead may cause it; a 5xx without one
 * comes from a gateway and says nothing about the lead. */
static struct rule rule_of_range(long status, bool has_error)
{
	if (status >= 300 && status < 400)
		return (struct rule){0, VERDICT_ENVIRONMENT, REASON_ENVIRONMENT, URL};
	if (status >= 400 && status < 500)
		return (struct rule){0, VERDICT_REFUSED, REASON_INVALID, CORRECT};
	if (status >= 500 && status < 600)
		return (struct rule){0, has_error ? VERDICT_FEW : VERDICT_RETRY,
			REASON_SERVER_ERROR, WAIT};
	return (struct rule){0, VERDICT_FEW, REASON_PROTOCOL, URL};
}

static struct rule rule_of_status(long status, bool has_error)
{
	for (size_t i = 0; i < sizeof(status_rules) / sizeof(status_rules[0]); i++)
		if (status_rules[i].status == status)
			return status_rules[i].rule;
	return rule_of_range(status, has_error);
}

/* Azure SQL fails over (40613) or picked it as a deadlock's victim (1205). */
static bool sql_passes(const char *message)
{
	return strstr(message, "40613") || strstr(message, "Sql Number: 1205");
}

static struct rule choose(const struct http_answer *answer,
	const struct dynamics_reading *reading, int64_t now)
{
	const struct rule *known = find_rule(reading->code);
	const char *message = buf_str(&reading->message);

	if (answer->status == 429 || answer->status == 401)
		return rule_of_status(answer->status, false);
	if (answer->status == 503 && answer_retry_after(answer, now) >= 0)
		return (struct rule){0, VERDICT_THROTTLED, REASON_THROTTLED, WAIT};
	if (known)
		return *known;
	if (answer->status >= 400 && sql_passes(message))
		return (struct rule){0, VERDICT_RETRY, REASON_SERVER_ERROR, WAIT};
	return rule_of_status(answer->status, message[0] != '\0');
}

static const cJSON *member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static uint32_t code_of(const cJSON *error)
{
	const char *number = json_number(member(error, "code"));

	return dynamics_code_parse(number ? number : json_string(error, "code"));
}

/* Code and message of an OData error, where the body is one. */
static void read_error(struct dynamics_reading *reading, const struct http_answer *answer)
{
	cJSON *json = NULL;
	const cJSON *error;
	const char *message;

	if (json_read(buf_str(&answer->body), answer->body.len, &json, NULL) != ERR_OK)
		return;
	error = member(json, "error");
	reading->code = code_of(error);
	message = json_string(error, "message");
	if (!message) /* as the old on-premises servers and Azure's front do */
		message = json_string(member(error, "message"), "value");
	if (!message)
		message = json_string(json, "Message");
	if (message)
		words_add(&reading->message, message, strlen(message), 4096);
	cJSON_Delete(json);
}

static enum outcome_kind kind_of(enum verdict verdict)
{
	static const enum outcome_kind kinds[] = {
		[VERDICT_DONE] = OUTCOME_DELIVERED,
		[VERDICT_FAILED] = OUTCOME_RETRY,
		[VERDICT_THROTTLED] = OUTCOME_THROTTLED,
		[VERDICT_RETRY] = OUTCOME_RETRY,
		[VERDICT_FEW] = OUTCOME_RETRY,
		[VERDICT_TOKEN] = OUTCOME_UNAUTHORIZED,
		[VERDICT_UNAUTHORIZED] = OUTCOME_UNAUTHORIZED,
		[VERDICT_FORBIDDEN] = OUTCOME_FORBIDDEN,
		[VERDICT_ENVIRONMENT] = OUTCOME_ENVIRONMENT,
		[VERDICT_TOO_LONG] = OUTCOME_REFUSED,
		[VERDICT_BAD_CHOICE] = OUTCOME_REFUSED,
		[VERDICT_BAD_EMAIL] = OUTCOME_REFUSED,
		[VERDICT_DUPLICATE_KEY] = OUTCOME_REFUSED,
		[VERDICT_DUPLICATE_RULE] = OUTCOME_REFUSED,
		[VERDICT_NOT_FOUND] = OUTCOME_REFUSED,
		[VERDICT_REFUSED] = OUTCOME_REFUSED,
	};

	return kinds[verdict];
}

void dynamics_add_body(struct buf *text, const struct buf *body, const char *secret)
{
	struct buf copy = BUF_INIT;

	buf_add(&copy, buf_str(body), body->len);
	words_hide(&copy, secret);
	words_of_body(text, buf_str(&copy), copy.len);
	buf_finish(&copy);
}

static void describe(struct dynamics_reading *reading, const struct http_answer *answer,
	const char *step, const char *secret)
{
	struct buf text = BUF_INIT;
	char location[256];

	buf_addf(&text, "%s: HTTP %ld: ", step, answer->status);
	if (answer->status >= 300 && answer->status < 400) {
		buf_adds(&text, "redirected to ");
		answer_location(answer, location, sizeof(location));
		words_add(&text, location, strlen(location), 200);
	} else if (reading->message.len > 0) {
		words_hide(&reading->message, secret);
		words_add(&text, buf_str(&reading->message), reading->message.len,
			WORDS_MAX);
	} else {
		dynamics_add_body(&text, &answer->body, secret);
	}
	if (reading->code != 0)
		buf_addf(&text, " (0x%08X)", (unsigned)reading->code);
	words_hide(&text, secret);
	words_put(reading->outcome.error, sizeof(reading->outcome.error), buf_str(&text));
	buf_finish(&text);
}

static void judge(struct dynamics_reading *reading, const struct http_answer *answer,
	const char *step, const char *secret, int64_t now)
{
	struct outcome *outcome = &reading->outcome;
	struct rule rule;

	read_error(reading, answer);
	rule = choose(answer, reading, now);
	reading->verdict = rule.verdict;
	outcome->kind = kind_of(rule.verdict);
	outcome->reason = rule.reason;
	outcome->few = rule.verdict == VERDICT_FEW;
	outcome->destination = outcome->kind == OUTCOME_RETRY &&
			       rule.reason != REASON_PLUGIN && /* one lead's, perhaps */
			       (answer->status >= 500 || answer->status == 408);
	if (outcome->kind == OUTCOME_THROTTLED || outcome->kind == OUTCOME_RETRY)
		outcome->wait_ms = answer_retry_after(answer, now);
	describe(reading, answer, step, secret);
	words_put(outcome->remedy, sizeof(outcome->remedy), rule.remedy);
}

void dynamics_read(struct dynamics_reading *reading, const struct http_answer *answer,
	const char *step, bool writes, const char *secret, int64_t now)
{
	*reading = (struct dynamics_reading){.outcome = OUTCOME_INIT};
	reading->outcome.http_status = (int)answer->status;
	reading->outcome.dop_hint = answer_dop_hint(answer);
	if (answer_missing(answer)) {
		reading->verdict = VERDICT_FAILED;
		answer_failed(&reading->outcome, answer, step, writes);
	} else if (answer->status >= 200 && answer->status < 300) {
		reading->verdict = VERDICT_DONE;
		reading->outcome.kind = OUTCOME_DELIVERED;
	} else {
		judge(reading, answer, step, secret, now);
	}
}

void dynamics_reading_finish(struct dynamics_reading *reading)
{
	buf_finish(&reading->message);
}
