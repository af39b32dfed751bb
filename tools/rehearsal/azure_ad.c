/*
 * A token request is refused at the first of: method and form; tenant; grant; client; its
 * proof (secret, assertion, or password); what the token is for. Then a token is issued.
 */
#include "azure_ad.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>

#include "assertion.h"
#include "crm.h"
#include "journal.h"
#include "moment.h"
#include "tokens.h"

static const char assertion_type[] =
	"urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

enum { FAILURES_TO_LOCK = 10 };

enum field {
	GRANT_TYPE,
	CLIENT_ID,
	CLIENT_SECRET,
	CLIENT_ASSERTION_TYPE,
	CLIENT_ASSERTION,
	RESOURCE,
	SCOPE,
	USERNAME,
	PASSWORD,
	FIELDS
};
static const char *const field_names[FIELDS] = {"grant_type", "client_id",
	"client_secret", "client_assertion_type", "client_assertion", "resource", "scope",
	"username", "password"};

struct token_request {
	struct exchange *x;
	struct settings *settings; /* read-locked */
	char *tenant;
	bool v2;
	char *fields[FIELDS]; /* NULL: absent or empty */
	char *audience;       /* the environment the token will be for */
};

bool azure_ad_is_token_path(const char *path)
{
	const char *rest = *path == '/' ? strchr(path + 1, '/') : NULL;

	return rest && rest > path + 1 &&
	       (strcmp(rest, "/oauth2/token") == 0 ||
		       strcmp(rest, "/oauth2/v2.0/token") == 0);
}

void azure_ad_error(struct exchange *exchange, int status, const char *error, int number,
	const char *fmt, ...)
{
	char trace[GUID_SIZE], correlation[GUID_SIZE], at[MOMENT_SIZE];
	struct text words = {0}, body = {0};
	va_list args;

	guid_random(trace);
	guid_random(correlation);
	moment_azure(at, exchange->at);
	text_printf(&words, "AADSTS%d: ", number);
	va_start(args, fmt);
	text_vprintf(&words, fmt, args);
	va_end(args);
	text_printf(&words, " Trace ID: %s Correlation ID: %s Timestamp: %s", trace,
		correlation, at);
	text_puts(&body, "{\"error\":");
	text_json(&body, error);
	text_puts(&body, ",\"error_description\":");
	text_json(&body, words.data);
	text_printf(&body,
		",\"error_codes\":[%d],\"timestamp\":\"%s\",\"trace_id\":\"%s\","
		"\"correlation_id\":\"%s\",\"error_uri\":\"https://login.microsoftonline.com/error"
		"?code=%d\"}",
		number, at, trace, correlation, number);
	reply_text(
		&exchange->reply, status, "application/json; charset=utf-8", body.data);
	reply_header(&exchange->reply, "Cache-Control", "no-store, no-cache");
	reply_header(&exchange->reply, "Pragma", "no-cache");
	reply_header(&exchange->reply, "x-ms-request-id", "%s", trace);
	snprintf(exchange->reply.code, sizeof(exchange->reply.code), "AADSTS%d", number);
	text_free(&words);
	text_free(&body);
}

#define REFUSE(r, ...) (azure_ad_error((r)->x, __VA_ARGS__), false)

/* A form holds only unreserved characters, escapes and + for a space: a raw blank, quote
 * or UTF-8 byte means that somebody pasted a value without encoding it. */
static bool form_encoded(const char *form)
{
	for (; *form; form++)
		if ((unsigned char)*form <= ' ' || (unsigned char)*form >= 0x7f ||
			strchr("\"<>\\^`{|}#[]", *form))
			return false;
	return true;
}

static bool take_form(struct token_request *r)
{
	struct request *req = r->x->req;

	if (strcmp(req->method, "POST") != 0)
		return REFUSE(r, 400, "invalid_request", 900561,
			"The endpoint only accepts POST requests. Received a %s request.",
			req->method);
	if (!request_is(req, "application/x-www-form-urlencoded"))
		return REFUSE(r, 400, "invalid_request", 900144,
			"The request body must contain the following parameter: 'grant_type'.");
	if (!form_encoded(req->body) || strlen(req->body) != req->body_len)
		return REFUSE(r, 400, "invalid_request", 9002313,
			"Invalid request. Request is malformed or invalid.");
	for (int i = 0; i < FIELDS; i++) {
		r->fields[i] = form_value(req->body, field_names[i]);
		if (r->fields[i] && !*r->fields[i]) {
			free(r->fields[i]);
			r->fields[i] = NULL;
		}
	}
	return true;
}

static bool tenant_is_ours(const struct token_request *r)
{
	return strcasecmp(r->tenant, r->settings->directory) == 0 ||
	       strcasecmp(r->tenant, r->settings->domain) == 0;
}

static bool check_tenant(struct token_request *r)
{
	const char *grant = r->fields[GRANT_TYPE];
	bool password = grant && strcmp(grant, "password") == 0;
	char guid[GUID_SIZE];

	if (tenant_is_ours(r) || (password && strcmp(r->tenant, "organizations") == 0))
		return true;
	if (password &&
		(strcmp(r->tenant, "common") == 0 || strcmp(r->tenant, "consumers") == 0))
		return REFUSE(r, 400, "invalid_request", 9001023,
			"The grant type is not supported over the /common or /consumers endpoints. "
			"Please use the /organizations or tenant-specific endpoint.");
	if (!guid_parse(guid, r->tenant) && !strchr(r->tenant, '.'))
		return REFUSE(r, 400, "invalid_request", 900023,
			"Specified tenant identifier '%s' is neither a valid DNS name, nor a valid "
			"external domain.",
			r->tenant);
	return REFUSE(r, 400, "invalid_request", 90002,
		"Tenant '%s' not found. Check to make sure you have the correct tenant ID and are "
		"signing into the correct cloud. Check with your subscription administrator, this "
		"may happen if there are no active subscriptions for the tenant.",
		r->tenant);
}

static bool require(struct token_request *r, enum field field)
{
	if (r->fields[field])
		return true;
	return REFUSE(r, 400, "invalid_request", 900144,
		"The request body must contain the following parameter: '%s'.",
		field_names[field]);
}

static bool check_client(struct token_request *r)
{
	const char *client = r->fields[CLIENT_ID];
	bool public_client = strcasecmp(client, r->settings->public_client_id) == 0;

	if (strcasecmp(client, r->settings->client_id) == 0 || public_client)
		return true;
	return REFUSE(r, 400, "unauthorized_client", 700016,
		"Application with identifier '%s' was not found in the directory '%s'. This can "
		"happen if the application has not been installed by the administrator of the "
		"tenant or consented to by any user in the tenant. You may have sent your "
		"authentication request to the wrong tenant.",
		client, r->settings->directory);
}

static bool is_public(const struct token_request *r)
{
	return strcasecmp(r->fields[CLIENT_ID], r->settings->public_client_id) == 0;
}

static bool among(char *const *list, int count, const char *secret)
{
	for (int i = 0; i < count; i++)
		if (strlen(list[i]) == strlen(secret) &&
			CRYPTO_memcmp(list[i], secret, strlen(secret)) == 0)
			return true;
	return false;
}

static bool check_secret(struct token_request *r)
{
	const struct settings *s = r->settings;
	const char *secret = r->fields[CLIENT_SECRET];

	if (among(s->secrets, s->secret_count, secret))
		return true;
	if (among(s->expired_secrets, s->expired_secret_count, secret))
		return REFUSE(r, 401, "invalid_client", 7000222,
			"The provided client secret keys for app '%s' are expired. Visit the Azure "
			"portal to create new keys for your app: https://aka.ms/NewClientSecret, or "
			"consider using certificate credentials for added security.",
			s->client_id);
	return REFUSE(r, 401, "invalid_client", 7000215,
		"Invalid client secret provided. Ensure the secret being sent in the request is the "
		"client secret value, not the client secret ID, for a secret added to app '%s'.",
		s->client_id);
}

/* aud may be the tenant's issuer or the token endpoint, under the name the client used
 * for this server or under Azure's own. */
static bool check_assertion(struct token_request *r)
{
	const char *type = r->fields[CLIENT_ASSERTION_TYPE];
	struct assertion_refusal refusal;
	struct text names = {0};
	const char *audiences[(URLS_MAX + 1) * 4 + 1];
	int count = 0;
	bool good;

	if (!type || strcmp(type, assertion_type) != 0)
		return REFUSE(r, 401, "invalid_client", 700030,
			"The 'client_assertion_type' must be '%s'.", assertion_type);
	for (int i = -1; i < r->settings->url_count; i++) {
		static const char *const paths[] = {
			"v2.0", "oauth2/token", "oauth2/v2.0/token", ""};
		const char *base = i < 0 ? "https://login.microsoftonline.com"
					 : r->settings->urls[i];

		for (int p = 0; p < 4; p++) {
			text_printf(&names, "%s/%s/%s", base, r->tenant, paths[p]);
			text_add(&names, "", 1);
		}
	}
	for (const char *at = names.data; at < names.data + names.len;
		at += strlen(at) + 1)
		audiences[count++] = at;
	audiences[count] = NULL;
	good = assertion_check(r->x->crm->assertions, r->settings,
		r->fields[CLIENT_ASSERTION], r->settings->client_id, audiences,
		r->x->at / 1000, &refusal);
	text_free(&names);
	return good ||
	       REFUSE(r, 401, "invalid_client", refusal.number, "%s", refusal.words);
}

static bool check_proof(struct token_request *r)
{
	if (is_public(r) && (r->fields[CLIENT_SECRET] || r->fields[CLIENT_ASSERTION]))
		return REFUSE(r, 401, "invalid_client", 700025,
			"Client is public so neither 'client_assertion' nor 'client_secret' should be "
			"presented.");
	if (is_public(r))
		return true;
	if (r->fields[CLIENT_ASSERTION])
		return check_assertion(r);
	if (r->fields[CLIENT_SECRET])
		return check_secret(r);
	return REFUSE(r, 401, "invalid_client", 7000218,
		"The request body must contain the following parameter: 'client_assertion' or "
		"'client_secret'.");
}

static bool check_user_state(struct token_request *r)
{
	switch (r->settings->user_state) {
	case USER_OK:
		return true;
	case USER_MFA:
		return REFUSE(r, 400, "invalid_grant", 50076,
			"Due to a configuration change made by your administrator, or because you "
			"moved to a new location, you must use multi-factor authentication.");
	case USER_EXPIRED:
		return REFUSE(r, 400, "invalid_grant", 50055, "The password is expired.");
	case USER_DISABLED:
		return REFUSE(
			r, 400, "invalid_grant", 50057, "The user account is disabled.");
	case USER_LOCKED:
		break;
	}
	return REFUSE(r, 400, "invalid_grant", 50053,
		"The account is locked, you've tried to sign in too many times with an incorrect "
		"user ID or password.");
}

static bool check_password(struct token_request *r)
{
	struct settings *s = r->settings;

	if (!require(r, USERNAME) || !require(r, PASSWORD))
		return false;
	if (!s->username || strcasecmp(r->fields[USERNAME], s->username) != 0)
		return REFUSE(r, 400, "invalid_grant", 50034,
			"The user account %s does not exist in the %s directory.",
			r->fields[USERNAME], s->directory);
	if (s->user_state == USER_LOCKED)
		return check_user_state(r);
	if (!s->password || strcmp(r->fields[PASSWORD], s->password) != 0) {
		if (++s->password_failures >= FAILURES_TO_LOCK)
			s->user_state = USER_LOCKED;
		return REFUSE(r, 400, "invalid_grant", 50126,
			"Error validating credentials due to invalid username or password.");
	}
	s->password_failures = 0;
	return check_user_state(r);
}

static bool names_environment(struct token_request *r, const char *words, size_t len)
{
	for (int i = 0; i < r->settings->url_count; i++) {
		const char *url = r->settings->urls[i];
		size_t bare = len && words[len - 1] == '/' ? len - 1 : len;

		if (bare != strlen(url) || strncasecmp(url, words, bare) != 0)
			continue;
		free(r->audience);
		r->audience = need_copy(url);
		return true;
	}
	return false;
}

static bool no_such_resource(struct token_request *r, const char *words, int len)
{
	return REFUSE(r, 400, "invalid_resource", 500011,
		"The resource principal named %.*s was not found in the tenant named %s. This can "
		"happen if the application has not been installed by the administrator of the "
		"tenant or consented to by any user in the tenant.",
		len, words, r->settings->directory);
}

static bool check_one_scope(
	struct token_request *r, const char *scope, size_t len, bool password)
{
	static const char *const plain[] = {
		"offline_access", "openid", "profile", "email"};
	const char *slash;

	for (size_t i = 0; password && i < sizeof(plain) / sizeof(plain[0]); i++)
		if (len == strlen(plain[i]) && strncmp(scope, plain[i], len) == 0)
			return true;
	slash = memrchr(scope, '/', len);
	if (!slash || !memmem(scope, len, "://", 3))
		return REFUSE(r, 400, "invalid_scope", 70011,
			"The provided request must include a 'scope' input parameter. The provided "
			"value for the input parameter 'scope' is not valid. The scope %.*s is not "
			"valid.",
			(int)len, scope);
	if (len - (size_t)(slash - scope) == 9 && memcmp(slash, "/.default", 9) == 0)
		return names_environment(r, scope, (size_t)(slash - scope)) ||
		       no_such_resource(r, scope, (int)(slash - scope));
	if (password && len - (size_t)(slash - scope) == 19 &&
		memcmp(slash, "/user_impersonation", 19) == 0)
		return names_environment(r, scope, (size_t)(slash - scope)) ||
		       no_such_resource(r, scope, (int)(slash - scope));
	return REFUSE(r, 400, "invalid_scope", password ? 70011 : 1002012,
		"The provided value for scope %.*s is not valid. Client credential flows must have "
		"a scope value with /.default suffixed to the resource identifier (application ID "
		"URI).",
		(int)len, scope);
}

static bool check_target(struct token_request *r)
{
	bool password = strcmp(r->fields[GRANT_TYPE], "password") == 0;
	const char *scope = r->fields[SCOPE], *resource = r->fields[RESOURCE];

	if (!require(r, r->v2 ? SCOPE : RESOURCE))
		return false;
	if (!r->v2)
		return names_environment(r, resource, strlen(resource)) ||
		       no_such_resource(r, resource, (int)strlen(resource));
	while (*scope) {
		size_t len = strcspn(scope, " ");

		if (len && !check_one_scope(r, scope, len, password))
			return false;
		scope += len + (scope[len] == ' ');
	}
	return r->audience || no_such_resource(r, "", 0);
}

static bool check_grant(struct token_request *r)
{
	const char *grant = r->fields[GRANT_TYPE];

	if (!require(r, GRANT_TYPE) || !check_tenant(r) || !require(r, CLIENT_ID))
		return false;
	if (strcmp(grant, "client_credentials") == 0) {
		if (!check_client(r))
			return false;
		if (is_public(r))
			return REFUSE(r, 401, "invalid_client", 7000218,
				"The request body must contain the following parameter: "
				"'client_assertion' or 'client_secret'.");
		return check_proof(r);
	}
	if (strcmp(grant, "password") == 0)
		return check_client(r) && check_proof(r) && check_password(r);
	return REFUSE(r, 400, "unsupported_grant_type", 70003,
		"The app requested an unsupported grant type '%s'.", grant);
}

static void issue(struct token_request *r)
{
	struct exchange *x = r->x;
	int64_t life = r->settings->token_life_s, now = x->at / 1000;
	char *token = token_issue(x->crm->tokens, r->audience, r->settings->directory,
		r->fields[CLIENT_ID], r->v2 ? "2.0" : "1.0", now, now + life);
	struct text body = {0};

	if (r->v2)
		text_printf(&body,
			"{\"token_type\":\"Bearer\",\"expires_in\":%" PRId64
			",\"ext_expires_in\":%" PRId64,
			life, life);
	else
		text_printf(&body,
			"{\"token_type\":\"Bearer\",\"expires_in\":\"%" PRId64
			"\",\"ext_expires_in\":\"%" PRId64 "\",\"expires_on\":\"%" PRId64
			"\",\"not_before\":\"%" PRId64 "\",\"resource\":\"%s\"",
			life, life, now + life, now - 300, r->audience);
	if (r->v2 && strcmp(r->fields[GRANT_TYPE], "password") == 0)
		text_printf(&body, ",\"scope\":\"%s/user_impersonation\"", r->audience);
	text_printf(&body, ",\"access_token\":\"%s\"}", token);
	reply_text(&x->reply, 200, "application/json; charset=utf-8", body.data);
	reply_header(&x->reply, "Cache-Control", "no-store, no-cache");
	reply_header(&x->reply, "Pragma", "no-cache");
	journal_token_issued(x->crm->journal);
	text_free(&body);
	free(token);
}

void azure_ad_answer(struct exchange *x)
{
	const char *rest = strchr(x->path + 1, '/');
	struct token_request r = {.x = x, .settings = &x->crm->settings};

	r.tenant = need_copy_of(x->path + 1, (size_t)(rest - x->path - 1));
	r.v2 = strcmp(rest, "/oauth2/v2.0/token") == 0;
	pthread_rwlock_wrlock(&r.settings->lock); /* a wrong password is counted there */
	if (take_form(&r) && check_grant(&r) && check_target(&r))
		issue(&r);
	pthread_rwlock_unlock(&r.settings->lock);
	for (int i = 0; i < FIELDS; i++)
		free(r.fields[i]);
	free(r.tenant);
	free(r.audience);
}
