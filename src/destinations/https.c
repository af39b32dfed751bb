/*
 * https: leads to any endpoint that takes JSON.
 *
 * An attempt is one request: the canonical document in the body, the lead's id as
 * Idempotency-Key and, where there is a secret, signed by the Standard Webhooks scheme
 * with the time of this attempt. Any 2xx is success: the status has said all, whatever
 * becomes of the body behind it.
 *
 * There is no cheap question to an endpoint nobody knows: a parked one is asked with one
 * waiting lead. What an answer says is stored with the attempt; what goes further (the
 * state of the destination, the log, an alert) never quotes the lead.
 */
#include "answer.h"
#include "document.h"
#include "kinds.h"
#include "webhook_signature.h"
#include "words.h"

#include "leadrelay/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define STEP "posting the lead"
#define WAIT "nothing to do: it is asked again by itself"
#define KNOWN \
	"check secret, headers and client_certificate: the endpoint does not take what " \
	"they say; a changed one is tried at once"
#define CERTIFICATE \
	"give client_certificate and client_key that the endpoint's authority signed; a " \
	"changed one is tried at once"
#define ADDRESS \
	"correct url or method, then leadctl replay --destination @ --reason environment"
#define CORRECT \
	"correct the lead (leadctl replay ID --set FIELD=VALUE), or map and set in the " \
	"configuration, then leadctl replay"

struct https {
	struct destination_base base;
	const char *method;
	struct webhook_keys keys;
};

static struct https *of(struct destination *destination)
{
	return (struct https *)destination;
}

/* ---- what an answer means ---- */

struct rule {
	int status;
	enum outcome_kind kind;
	enum reason reason;
	bool destination; /* the destination's trouble rather than this lead's */
	const char *remedy;
};

static const struct rule rules[] = {
	{401, OUTCOME_UNAUTHORIZED, REASON_UNAUTHORIZED, false, KNOWN},
	{403, OUTCOME_UNAUTHORIZED, REASON_FORBIDDEN, false, KNOWN},
	{404, OUTCOME_REFUSED, REASON_ENVIRONMENT, false, ADDRESS},
	{405, OUTCOME_REFUSED, REASON_ENVIRONMENT, false, ADDRESS},
	{407, OUTCOME_ENVIRONMENT, REASON_ENVIRONMENT, false,
		"check proxy: it asks for a sign-in"},
	{408, OUTCOME_RETRY, REASON_TIMEOUT, true, WAIT},
	{410, OUTCOME_ENVIRONMENT, REASON_GONE, false,
		"the endpoint wants no more leads at this address: correct url, or take "
		"the destination out of the configuration"},
	{413, OUTCOME_REFUSED, REASON_TOO_LARGE, false, CORRECT},
	{425, OUTCOME_RETRY, REASON_SERVER_ERROR, false, WAIT},
	{429, OUTCOME_RETRY, REASON_THROTTLED, true, WAIT},
	{495, OUTCOME_UNAUTHORIZED, REASON_TLS, false, CERTIFICATE},
	{496, OUTCOME_UNAUTHORIZED, REASON_TLS, false, CERTIFICATE},
	{504, OUTCOME_RETRY, REASON_TIMEOUT, true, WAIT},
};

/* nginx shakes hands with whoever comes, and says in a page of its own that it did not
 * like the certificate: not about the lead, although the status is 400. */
static bool certificate_refused(const struct http_answer *answer)
{
	const char *body = buf_str(&answer->body);

	return answer->status == 400 &&
	       (strstr(body, "<title>400 The SSL certificate error</title>") ||
		       strstr(body,
			       "<title>400 No required SSL certificate was sent</title>"));
}

static struct rule rule_of(const struct http_answer *answer, int64_t now)
{
	long status = certificate_refused(answer) ? 495 : answer->status;

	if ((status == 429 || status == 503) && answer_retry_after(answer, now) >= 0)
		return (struct rule){0, OUTCOME_THROTTLED, REASON_THROTTLED, false, WAIT};
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].status == status)
			return rules[i];
	if (status >= 300 && status < 400)
		return (struct rule){
			0, OUTCOME_REFUSED, REASON_ENVIRONMENT, false, ADDRESS};
	if (status >= 500 && status < 600)
		return (struct rule){0, OUTCOME_RETRY, REASON_SERVER_ERROR, true, WAIT};
	return (struct rule){0, OUTCOME_REFUSED,
		status >= 400 && status < 500 ? REASON_INVALID : REASON_PROTOCOL, false,
		CORRECT};
}

/* ---- the endpoint's words ---- */

static bool is_tame(const char *header)
{
	static const char *const tame[] = {"Accept", "Content-Type", "User-Agent"};

	for (size_t i = 0; i < sizeof(tame) / sizeof(tame[0]); i++)
		if (strcasecmp(tame[i], header) == 0)
			return true;
	return false;
}

/* Every value between = and & of the query: one of them may be the key. */
static void hide_query(struct buf *words, const char *url)
{
	const char *at = strchr(url, '?');

	while (at && *at) {
		struct buf value = BUF_INIT;
		size_t len = strcspn(++at, "&");
		const char *equals = memchr(at, '=', len);

		if (equals)
			buf_add(&value, equals + 1, len - (size_t)(equals + 1 - at));
		words_hide(words, buf_str(&value));
		buf_wipe(&value);
		at += len;
	}
}

/* An endpoint may say back what we sent to identify ourselves. */
static void hide_secrets(struct buf *words, const struct destination_settings *settings)
{
	for (size_t i = 0; i < settings->headers.count; i++) {
		const struct pair *header = &settings->headers.items[i];
		const char *scheme = strchr(header->value, ' ');

		if (is_tame(header->name))
			continue;
		words_hide(words, header->value);
		words_hide(words, scheme ? scheme + 1 : NULL); /* "Bearer ..." */
	}
	hide_query(words, settings->url);
}

/* What the usual error documents call their sentence. */
static const char *message_of(const cJSON *json)
{
	static const char *const names[] = {
		"detail", "message", "error_description", "error", "title"};
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(json, "error");
	const char *message = json_string(error, "message");

	for (size_t i = 0; !message && i < sizeof(names) / sizeof(names[0]); i++)
		message = json_string(json, names[i]);
	return message;
}

static void add_words(struct buf *out, const struct destination_settings *settings,
	const struct http_answer *answer)
{
	struct buf body = BUF_INIT;
	const char *message = NULL;
	cJSON *json = NULL;

	buf_add(&body, buf_str(&answer->body), answer->body.len);
	hide_secrets(&body, settings);
	if (json_read(buf_str(&body), body.len, &json, NULL) == ERR_OK)
		message = message_of(json);
	if (message)
		words_add(out, message, strlen(message), WORDS_MAX);
	else
		words_of_body(out, buf_str(&body), body.len);
	cJSON_Delete(json);
	buf_finish(&body);
}

static bool says(const char *words, const char *value)
{
	return value && strlen(value) > 1 && words_find(words, value);
}

static bool quotes_lead(const char *words, const struct lead *lead)
{
	static const enum lead_field personal[] = {FIELD_FIRST_NAME, FIELD_LAST_NAME,
		FIELD_FULL_NAME, FIELD_EMAIL, FIELD_PHONE, FIELD_MOBILE, FIELD_COMPANY,
		FIELD_STREET, FIELD_WEBSITE, FIELD_DESCRIPTION};
	const cJSON *extra = lead->extra ? lead->extra->child : NULL;
	bool found = false;

	for (size_t i = 0; i < sizeof(personal) / sizeof(personal[0]); i++)
		found = found || says(words, lead->fields[personal[i]]);
	for (; extra; extra = extra->next)
		found = found || says(words, cJSON_GetStringValue(extra));
	return found;
}

static void describe(
	struct buf *out, const struct https *https, const struct http_answer *answer)
{
	char location[256];

	buf_addf(out, STEP ": HTTP %ld: ", answer->status);
	if (answer->status >= 300 && answer->status < 400) {
		buf_adds(out, "redirected to ");
		answer_location(answer, location, sizeof(location));
		words_add(out, location, strlen(location), 200);
		buf_adds(out, ", and redirects are not followed");
	} else {
		add_words(out, https->base.settings, answer);
	}
}

/* The record the endpoint made of it, where it says so. */
static void read_remote_id(struct outcome *out, const struct http_answer *answer)
{
	cJSON *json = NULL;
	const char *id;

	if (json_read(buf_str(&answer->body), answer->body.len, &json, NULL) != ERR_OK)
		return;
	id = json_number(cJSON_GetObjectItemCaseSensitive(json, "id"));
	if (!id)
		id = json_string(json, "id");
	if (id && strlen(id) < sizeof(out->remote_id))
		words_put(out->remote_id, sizeof(out->remote_id), id);
	cJSON_Delete(json);
}

static void read_status(const struct https *https, const struct http_answer *answer,
	struct outcome *out, int64_t now)
{
	struct buf words = BUF_INIT;
	struct rule rule;

	out->http_status = (int)answer->status;
	if (answer->status >= 200 && answer->status < 300) {
		out->kind = OUTCOME_DELIVERED;
		read_remote_id(out, answer);
		return;
	}
	rule = rule_of(answer, now);
	out->kind = rule.kind;
	out->reason = rule.reason;
	out->destination = rule.destination;
	if (out->kind == OUTCOME_THROTTLED || out->kind == OUTCOME_RETRY)
		out->wait_ms = answer_retry_after(answer, now);
	describe(&words, https, answer);
	words_put(out->error, sizeof(out->error), buf_str(&words));
	words_expand(out->remedy, sizeof(out->remedy), rule.remedy,
		https->base.settings->name);
	buf_finish(&words);
}

static enum step_kind next(struct destination *destination, struct task *task,
	const struct http_answer *answer, int64_t now)
{
	struct outcome outcome = OUTCOME_INIT;

	if (answer->status == 0)
		answer_failed(&outcome, answer, STEP, true);
	else
		read_status(of(destination), answer, &outcome, now);
	task_record(task, &outcome, now - answer->duration_ms, answer->duration_ms);
	/* a refusal is this lead's own affair; the rest is told to the operator */
	if (outcome.kind != OUTCOME_REFUSED && quotes_lead(outcome.error, task->lead))
		snprintf(outcome.error, sizeof(outcome.error),
			STEP ": HTTP %ld; its words quote the lead and stand in the "
			     "lead's history (leadctl show)",
			answer->status);
	return task_done(task, &outcome);
}

/* ---- the request ---- */

static void add_signature(const struct https *https, struct http_request *request,
	const char *id, int64_t now)
{
	struct buf text = BUF_INIT;

	http_request_header(request, "webhook-id", id);
	buf_addf(&text, "%lld", (long long)(now / 1000));
	http_request_header(request, "webhook-timestamp", buf_str(&text));
	buf_clear(&text);
	webhook_signature_add(&text, &https->keys, id, now / 1000, &request->body);
	http_request_header(request, "webhook-signature", buf_str(&text));
	request->headers.failed = request->headers.failed || !buf_ok(&text);
	buf_finish(&text);
}

static bool build(const struct https *https, const struct lead *lead,
	struct http_request *request, int64_t now)
{
	const struct destination_settings *settings = https->base.settings;
	char id[UUID_TEXT_SIZE];
	bool typed = false;

	uuid_text(&lead->id, id);
	request->method = https->method;
	request->has_body = true;
	buf_adds(&request->url, settings->url);
	if (!document_add(&request->body, lead, &settings->map, &settings->set))
		return false;
	for (size_t i = 0; i < settings->headers.count; i++) {
		const struct pair *header = &settings->headers.items[i];

		http_request_header(request, header->name, header->value);
		typed = typed || strcasecmp(header->name, "Content-Type") == 0;
	}
	if (!typed)
		http_request_header(request, "Content-Type", "application/json");
	http_request_header(request, "Idempotency-Key", id);
	if (https->keys.count > 0)
		add_signature(https, request, id, now);
	return buf_ok(&request->url) && buf_ok(&request->headers);
}

static enum step_kind begin(
	struct destination *destination, struct task *task, int64_t now)
{
	if (build(of(destination), task->lead, &task->request, now))
		return STEP_SEND;
	return task_out_of_memory(task);
}

/* ---- life ---- */

static enum err_code check_url(const char *url, struct err *err)
{
	for (const char *at = url; *at; at++)
		if (*at <= ' ' || *at > '~')
			return err_set(err, ERR_CONFIG,
				"url: a blank or a character that has to be written as "
				"%%XX");
	if (strchr(url, '#'))
		return err_set(err, ERR_CONFIG,
			"url: end it before #; what follows is never sent");
	return ERR_OK;
}

static enum err_code check_headers(const struct pair_list *headers, struct err *err)
{
	static const char *const ours[] = {"Connection", "Content-Length", "Expect",
		"Host", "Idempotency-Key", "Keep-Alive", "Proxy-Connection", "TE",
		"Trailer", "Transfer-Encoding", "Upgrade", "webhook-id",
		"webhook-signature", "webhook-timestamp"};

	for (size_t i = 0; i < headers->count; i++)
		for (size_t j = 0; j < sizeof(ours) / sizeof(ours[0]); j++)
			if (strcasecmp(headers->items[i].name, ours[j]) == 0)
				return err_set(err, ERR_CONFIG,
					"headers: %s is set by leadrelay; remove it",
					ours[j]);
	return ERR_OK;
}

static enum err_code take_method(struct https *https, struct err *err)
{
	static const char *const methods[] = {"POST", "PUT", "PATCH"};
	const char *method = https->base.settings->method;

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (!method || strcmp(method, methods[i]) == 0) {
			https->method = methods[i];
			return ERR_OK;
		}
	return err_set(err, ERR_CONFIG, "method: one of POST, PUT, PATCH");
}

static enum err_code take_secrets(struct https *https, struct err *err)
{
	const struct secret *secret = &https->base.settings->secret;

	for (size_t i = 0; i < secret->count; i++)
		if (webhook_keys_add(&https->keys, secret->values[i], err) != ERR_OK)
			return err_wrap(err, "secret: line %zu", i + 1);
	return ERR_OK;
}

static void destroy(struct destination *destination)
{
	struct https *https = of(destination);

	webhook_keys_finish(&https->keys);
	free(https);
}

static enum err_code create(struct destination **out,
	const struct destination_settings *settings, const struct entropy *entropy,
	struct err *err)
{
	struct https *https = calloc(1, sizeof(*https));
	enum err_code code;

	(void)entropy;
	if (!https)
		return err_set(err, ERR_NOMEM, "out of memory");
	https->base = (struct destination_base){
		.kind = &destination_https, .settings = settings};
	code = settings->url ? check_url(settings->url, err)
			     : err_set(err, ERR_CONFIG, "url: missing");
	if (code == ERR_OK)
		code = check_headers(&settings->headers, err);
	if (code == ERR_OK)
		code = take_method(https, err);
	if (code == ERR_OK)
		code = take_secrets(https, err);
	if (code == ERR_OK)
		*out = (struct destination *)https;
	else
		destroy((struct destination *)https);
	return code;
}

static const struct destination_key keys[] = {
	{"url", true},
	{"method", false},
	{"headers", false},
	{"secret", false},
	{"client_certificate", false},
	{"client_key", false},
	{"allow_private", false},
	{NULL, false},
};

const struct destination_kind destination_https = {
	.name = "https",
	.keys = keys,
	.url_query = true,
	.keeps_key = false, /* it may honour Idempotency-Key: nobody can know */
	.create = create,
	.destroy = destroy,
	.begin = begin,
	.next = next,
	.purposes = 1u << TASK_DELIVER,
};
