/*
 * The happy path: token_wanted says yes; token_request fills a form for the token
 * endpoint; token_answer keeps the access token until the last tenth of its life.
 *
 * Failures: a refused secret is followed at once by the other one, if there is one, and
 * the one that works is remembered; everything else ends in an outcome for the whole
 * destination. An old token stays usable while a new one cannot be had.
 */
#include "leadrelay/token.h"

#include "assertion.h"
#include "token_state.h"

#include "leadrelay/clock.h"
#include "leadrelay/text.h"

#include <stdlib.h>
#include <string.h>

#define AUTHORITY "https://login.microsoftonline.com"
#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

#define USABLE_MS (30 * 1000LL) /* what an exchange may take until the token arrives */
#define REFRESH_MS (5 * 60 * 1000LL)

static char *make_url(const struct auth_settings *auth)
{
	const char *authority = auth->authority ? auth->authority : AUTHORITY;
	const char *directory = auth->directory_id ? auth->directory_id : "organizations";
	size_t len = strlen(authority);
	struct buf url = BUF_INIT;

	if (auth->token_url)
		return strdup(auth->token_url);
	while (len > 0 && authority[len - 1] == '/')
		len--;
	buf_add(&url, authority, len);
	buf_addc(&url, '/');
	url_encode(&url, directory, strlen(directory));
	buf_adds(&url, auth->token_version == 1 ? "/oauth2/token" : "/oauth2/v2.0/token");
	return buf_take(&url);
}

static enum err_code check_auth(const struct auth_settings *auth, struct err *err)
{
	if (!auth->client_id || !*auth->client_id)
		return err_set(err, ERR_CONFIG, "auth.client_id is missing");
	if (auth->method == AUTH_AZURE_AD && auth->client_secret.count == 0)
		return err_set(err, ERR_CONFIG, "auth.client_secret is missing");
	if (auth->method == AUTH_OFFICE365 && (!auth->username || !*auth->username))
		return err_set(err, ERR_CONFIG, "auth.username is missing");
	if (auth->method == AUTH_OFFICE365 && auth->password.count == 0)
		return err_set(err, ERR_CONFIG, "auth.password is missing");
	if (auth->method == AUTH_AZURE_AD_CERTIFICATE &&
		(!auth->certificate || !auth->key))
		return err_set(
			err, ERR_CONFIG, "auth.certificate and auth.key are needed");
	if (auth->method != AUTH_OFFICE365 && !auth->directory_id && !auth->token_url)
		return err_set(err, ERR_CONFIG, "auth.directory_id is missing");
	return ERR_OK;
}

enum err_code token_create(struct token **out, const struct auth_settings *auth,
	const char *resource, const struct entropy *entropy, struct err *err)
{
	struct token *token;
	enum err_code code = check_auth(auth, err);

	if (code != ERR_OK)
		return code;
	token = calloc(1, sizeof(*token));
	if (!token)
		return err_set(err, ERR_NOMEM, "auth: out of memory");
	*token = (struct token){.auth = auth, .resource = resource, .entropy = entropy};
	token->url = make_url(auth);
	if (!token->url)
		code = err_set(err, ERR_NOMEM, "auth: out of memory");
	if (code == ERR_OK && auth->method == AUTH_AZURE_AD_CERTIFICATE) {
		code = assertion_create(
			&token->assertion, auth->certificate, auth->key, err);
		if (code != ERR_OK)
			err_wrap(err, "auth");
	}
	if (code != ERR_OK) {
		token_destroy(token);
		return code;
	}
	*out = token;
	return ERR_OK;
}

void token_destroy(struct token *token)
{
	if (!token)
		return;
	buf_wipe(&token->authorization);
	assertion_destroy(token->assertion);
	free(token->url);
	free(token);
}

static bool present(const struct token *token)
{
	return token->authorization.len > 0;
}

bool token_fresh(const struct token *token, int64_t now)
{
	return present(token) && now + USABLE_MS < token->expires_at;
}

/* The last tenth of its life, at least five minutes, at most half. */
static int64_t refresh_at(const struct token *token)
{
	int64_t life = token->expires_at - token->got_at;
	int64_t tail = life / 10 > REFRESH_MS ? life / 10 : REFRESH_MS;

	return token->expires_at - (tail < life / 2 ? tail : life / 2);
}

bool token_wanted(const struct token *token, int64_t now)
{
	return !token->fetching && (!present(token) || now >= refresh_at(token));
}

bool token_fetching(const struct token *token)
{
	return token->fetching;
}

const char *token_authorization(const struct token *token)
{
	return present(token) ? token->authorization.data : NULL;
}

unsigned token_generation(const struct token *token)
{
	return token->generation;
}

static void add_target(const struct token *token, struct buf *form)
{
	struct buf scope = BUF_INIT;

	if (token->auth->token_version == 1) {
		form_add(form, "resource", token->resource);
		return;
	}
	buf_addf(&scope, "%s/%s", token->resource,
		token->auth->method == AUTH_OFFICE365 ? "user_impersonation"
						      : ".default");
	form_add(form, "scope", buf_str(&scope));
	buf_finish(&scope);
}

static enum err_code add_assertion(
	struct token *token, struct buf *form, int64_t now, struct err *err)
{
	const struct auth_settings *auth = token->auth;
	struct buf jwt = BUF_INIT;
	enum err_code code = ERR_OK;

	if (!token->assertion)
		code = assertion_create(
			&token->assertion, auth->certificate, auth->key, err);
	if (code == ERR_OK)
		code = assertion_sign(token->assertion, &jwt, auth->client_id, token->url,
			now, token->entropy, err);
	if (code == ERR_OK) {
		form_add(form, "client_assertion_type", ASSERTION_TYPE);
		form_add(form, "client_assertion", buf_str(&jwt));
	}
	buf_wipe(&jwt);
	return code;
}

static enum err_code add_credentials(
	struct token *token, struct buf *form, int64_t now, struct err *err)
{
	const struct auth_settings *auth = token->auth;

	switch (auth->method) {
	case AUTH_AZURE_AD:
		form_add(
			form, "client_secret", auth->client_secret.values[token->secret]);
		return ERR_OK;
	case AUTH_AZURE_AD_CERTIFICATE:
		return add_assertion(token, form, now, err);
	case AUTH_OFFICE365:
		form_add(form, "username", auth->username);
		form_add(form, "password", auth->password.values[0]);
		return ERR_OK;
	case AUTH_NONE:
		break;
	}
	return err_set(err, ERR_BUG, "auth: no method");
}

enum err_code token_request(
	struct token *token, struct http_request *request, int64_t now, struct err *err)
{
	bool password = token->auth->method == AUTH_OFFICE365;
	struct http_request asked = {.method = "POST", .has_body = true, .secret = true};
	enum err_code code;

	buf_adds(&asked.url, token->url);
	http_request_header(&asked, "Content-Type", "application/x-www-form-urlencoded");
	http_request_header(&asked, "Accept", "application/json");
	form_add(&asked.body, "grant_type", password ? "password" : "client_credentials");
	form_add(&asked.body, "client_id", token->auth->client_id);
	code = add_credentials(token, &asked.body, now, err);
	if (code == ERR_OK)
		add_target(token, &asked.body);
	if (code == ERR_OK && !(buf_ok(&asked.url) && buf_ok(&asked.body)))
		code = err_set(err, ERR_NOMEM, "asking for a token: out of memory");
	if (code != ERR_OK) {
		http_request_finish(&asked);
		return code;
	}
	*request = asked;
	token->fetching = true;
	return ERR_OK;
}

void token_refused(struct token *token, unsigned generation)
{
	if (token->generation == generation)
		buf_wipe(&token->authorization);
}

void token_forget(struct token *token)
{
	buf_wipe(&token->authorization);
	assertion_destroy(token->assertion);
	token->assertion = NULL;
	token->secret = 0;
	token->refused = 0;
}
