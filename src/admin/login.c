/*
 * Logging in: a token for a cookie. Tokens come as a form (a browser without scripts) or
 * as JSON; each wrong one counts against the address it came from.
 */
#include "parts.h"

#include "leadrelay/clock.h"
#include "leadrelay/json.h"
#include "leadrelay/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TELL_EVERY_MS 60000

static int64_t now_of(const struct admin *admin)
{
	return clock_mono(admin->options.clock) + 1; /* 0 is no instant */
}

/* At once, then what came meanwhile once a minute. */
static void tell_wrong(struct admin *admin, int64_t now)
{
	admin->wrong_untold++;
	if (admin->wrong_told_at && now - admin->wrong_told_at < TELL_EVERY_MS)
		return;
	log_warn("wrong tokens at the admin page", "count",
		log_num(admin->wrong_untold, (char[LOG_NUMBER_SIZE]){0}), "remedy",
		"who logs in needs a line of admin.token_file", NULL);
	admin->wrong_untold = 0;
	admin->wrong_told_at = now;
}

/* Whether the token is one; a client that guesses is not heard for a while. */
static bool judge(struct admin *admin, const struct inbound *in, const char *token)
{
	const char *client = inbound_client(in);
	int64_t now = now_of(admin);

	if (guard_locked(&admin->guard, client, now))
		return false;
	if (guard_knows(&admin->guard, token))
		return true;
	guard_wrong(&admin->guard, client, now);
	tell_wrong(admin, now);
	return false;
}

bool admin_may(struct admin *admin, struct inbound *in)
{
	const char *token;
	char id[SESSION_ID_SIZE];

	if (admin->guard.token_count == 0)
		return true;
	if (session_cookie(inbound_header(in, "Cookie"), id) &&
		session_known(&admin->sessions, id, now_of(admin)))
		return true;
	token = guard_bearer(inbound_header(in, "Authorization"));
	return token && judge(admin, in, token);
}

void admin_refuse_locked(struct admin *admin, struct inbound *in)
{
	char seconds[16];

	snprintf(seconds, sizeof(seconds), "%d",
		guard_locked(&admin->guard, inbound_client(in), now_of(admin)));
	inbound_header_add(in, "Retry-After", seconds);
	inbound_problem(in, 429, "too many wrong tokens from this address; wait");
}

/* ---- in ---- */

/* The value of token= in a form, decoded in place; NULL: none. */
static char *form_token(char *body)
{
	char *part = body;

	while (part) {
		char *next = strchr(part, '&');

		if (next)
			*next++ = '\0';
		if (strncmp(part, "token=", 6) == 0)
			return url_decode(part + 6, strlen(part + 6), true) < 0
				       ? NULL
				       : part + 6;
		part = next;
	}
	return NULL;
}

/* The caller's to free. */
static char *sent_token(struct inbound *in, bool json)
{
	size_t len;
	char *body = inbound_body(in, &len), *token = NULL;
	const char *text;
	cJSON *document;

	if (!json) {
		text = form_token(body);
		return text ? strdup(text) : NULL;
	}
	if (json_read(body, len, &document, NULL) != ERR_OK)
		return NULL;
	text = json_string(document, "token");
	if (text)
		token = strdup(text);
	cJSON_Delete(document);
	return token;
}

static void refuse_login(struct admin *admin, struct inbound *in, bool json, bool sent)
{
	const struct page *page = page_find("/login");

	if (guard_locked(&admin->guard, inbound_client(in), now_of(admin)))
		admin_refuse_locked(admin, in);
	else if (!sent)
		inbound_problem(
			in, 400, "no token: send token=... or {\"token\":\"...\"}");
	else if (json)
		inbound_problem(in, 401, "the token is wrong");
	else
		inbound_reply(in, 401, page->type, (const char *)page->bytes, page->len);
}

static void set_cookie(struct admin *admin, struct inbound *in, const char *id)
{
	char cookie[256];

	snprintf(cookie, sizeof(cookie),
		SESSION_COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict%s%s", id,
		*id ? "" : "; Max-Age=0", admin->tls ? "; Secure" : "");
	inbound_header_add(in, "Set-Cookie", cookie);
	explicit_bzero(cookie, sizeof(cookie));
}

static void let_in(struct admin *admin, struct inbound *in, bool json)
{
	char id[SESSION_ID_SIZE];

	if (admin->guard.token_count > 0) { /* else nobody needs a cookie */
		session_begin(
			&admin->sessions, admin->options.entropy, now_of(admin), id);
		set_cookie(admin, in, id);
		explicit_bzero(id, sizeof(id));
	}
	if (json) {
		inbound_reply(in, 204, NULL, "", 0);
	} else {
		inbound_header_add(in, "Location", "/");
		inbound_reply(in, 303, NULL, "", 0);
	}
}

void admin_login(struct admin *admin, struct inbound *in)
{
	bool json = guard_is_json(inbound_header(in, "Content-Type"));
	char *token = sent_token(in, json);

	if (admin->guard.token_count == 0 || (token && judge(admin, in, token)))
		let_in(admin, in, json);
	else
		refuse_login(admin, in, json, token != NULL);
	if (token)
		explicit_bzero(token, strlen(token));
	free(token);
}

void admin_logout(struct admin *admin, struct inbound *in)
{
	char id[SESSION_ID_SIZE];

	if (session_cookie(inbound_header(in, "Cookie"), id))
		session_end(&admin->sessions, id);
	set_cookie(admin, in, "");
	inbound_reply(in, 204, NULL, "", 0);
}
