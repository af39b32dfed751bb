/* What an SMTP answer means for a mail, and what a mail server's settings must be. Pure.
 */
#include "leadrelay/mail.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const stage_names[MAIL_STAGES] = {
	[MAIL_CONNECT] = "connecting",
	[MAIL_GREETING] = "the greeting",
	[MAIL_HELLO] = "EHLO",
	[MAIL_TLS] = "TLS",
	[MAIL_AUTH] = "AUTH",
	[MAIL_SENDER] = "MAIL FROM",
	[MAIL_RECIPIENT] = "RCPT TO",
	[MAIL_DATA] = "DATA",
	[MAIL_END] = "the mail",
	[MAIL_CHECK] = "NOOP",
};

const char *mail_stage_name(enum mail_stage stage)
{
	return stage_names[stage];
}

/* ---- a reply ---- */

#define PASSWORD_REMEDY \
	"check mail.smtp's username and password; after a change it is tried again by " \
	"itself, with the same password only on request"

static const char *const refusal_remedy[MAIL_STAGES] = {
	[MAIL_GREETING] = "the server turns this machine away: ask its operator whether "
			  "it may hand in mail here",
	[MAIL_HELLO] = "the server does not like this machine's name: give one it knows "
		       "at the end of mail.smtp.url",
	[MAIL_TLS] = "ask the server's operator for STARTTLS, or use smtps://",
	[MAIL_AUTH] = "check mail.smtp.auth, username and what the server offers",
	[MAIL_SENDER] = "check mail.from: the account may not send as this address, or "
			"the server wants mail.smtp.auth",
	[MAIL_RECIPIENT] = "correct the address where it is configured, or ask the "
			   "server's operator",
	[MAIL_DATA] = "ask the server's operator; then send it again",
	[MAIL_END] = "ask the server's operator what it dislikes; then send it again",
};

static void put_remedy(struct outcome *out, const char *remedy)
{
	snprintf(out->remedy, sizeof(out->remedy), "%s", remedy ? remedy : "");
}

/* "5.1.1" has the subject 1. */
static bool about(const struct mail_answer *answer, char subject)
{
	return answer->enhanced[0] && answer->enhanced[2] == subject &&
	       answer->enhanced[3] == '.';
}

static bool is_too_large(const struct mail_answer *answer)
{
	const char *detail = answer->enhanced[0] ? answer->enhanced + 1 : "";

	if (strcmp(detail, ".3.4") == 0 || strcmp(detail, ".2.3") == 0)
		return true;
	return answer->code == 552 && !answer->enhanced[0];
}

static void refuse_credentials(struct outcome *out, const struct smtp_settings *server)
{
	out->kind = OUTCOME_UNAUTHORIZED;
	out->reason = REASON_UNAUTHORIZED;
	out->needs_person = server->auth != SMTP_AUTH_XOAUTH2;
	put_remedy(out, out->needs_person
				? PASSWORD_REMEDY
				: "check that the mailbox admits SMTP AUTH and the "
				  "application may send as mail.smtp.username");
}

/* 5xx */
static void map_refusal(struct outcome *out, const struct mail_answer *answer,
	const struct smtp_settings *server)
{
	put_remedy(out, refusal_remedy[answer->stage]);
	if (answer->stage == MAIL_AUTH && (answer->credentials || answer->code == 535)) {
		refuse_credentials(out, server);
	} else if (answer->stage < MAIL_RECIPIENT || answer->stage == MAIL_CHECK) {
		out->kind = OUTCOME_ENVIRONMENT;
		out->reason = REASON_ENVIRONMENT;
	} else if (answer->code == 530) {
		out->kind = OUTCOME_ENVIRONMENT;
		out->reason = REASON_ENVIRONMENT;
		put_remedy(out, "the server wants mail.smtp.auth and username");
	} else {
		out->kind = OUTCOME_REFUSED;
		out->reason = is_too_large(answer) ? REASON_TOO_LARGE
			      : about(answer, '7') ? REASON_FORBIDDEN
						   : REASON_INVALID;
	}
}

/* 4xx: greylisting and a full mailbox are this mail's affair, the rest the server's. */
static void map_delay(struct outcome *out, const struct mail_answer *answer)
{
	out->kind = OUTCOME_RETRY;
	out->reason = REASON_SERVER_ERROR;
	out->destination = answer->code == 421 || answer->stage < MAIL_RECIPIENT ||
			   answer->stage == MAIL_CHECK || about(answer, '3');
}

/* ---- no reply ---- */

static const char *const failure_remedy[] = {
	[HTTP_DNS] = "check the host in mail.smtp.url, and this machine's DNS",
	[HTTP_CONNECT] = "check mail.smtp.url and the firewall; it is tried again by "
			 "itself",
	[HTTP_TLS] = "check the server's certificate, mail.smtp.ca_file, and this "
		     "machine's clock",
	[HTTP_TIMEOUT] = "check mail.smtp.url and the firewall; it is tried again by "
			 "itself",
	[HTTP_PRIVATE] = "use tls: required, or set mail.smtp.allow_plain: true",
	[HTTP_LOCAL] = "check that mail.smtp.ca_file exists and may be read",
};

static void map_failure(struct outcome *out, const struct mail_answer *answer)
{
	size_t known = sizeof(failure_remedy) / sizeof(failure_remedy[0]);

	out->kind = answer->sent ? OUTCOME_UNKNOWN : OUTCOME_RETRY;
	out->reason = http_failure_reason(answer->failure);
	out->destination = answer->failure != HTTP_CANCELLED;
	put_remedy(out,
		(size_t)answer->failure < known ? failure_remedy[answer->failure] : NULL);
	if (answer->failure == HTTP_PRIVATE) {
		out->kind = OUTCOME_ENVIRONMENT;
		out->reason = REASON_ENVIRONMENT;
	} else if (answer->failure == HTTP_LOCAL && answer->stage == MAIL_SENDER) {
		out->kind = OUTCOME_REFUSED; /* not an address: never sent */
		out->reason = REASON_INVALID;
		out->destination = false;
		put_remedy(out, refusal_remedy[MAIL_RECIPIENT]);
	}
}

struct outcome mail_outcome(
	const struct mail_answer *answer, const struct smtp_settings *server)
{
	struct outcome out = {.wait_ms = -1};

	snprintf(out.error, sizeof(out.error), "%s%s", answer->error,
		answer->sent ? "; it was sent, no reply came: it may have arrived" : "");
	if (answer->accepted) {
		out.kind = OUTCOME_DELIVERED;
		if (strlen(answer->words) < sizeof(out.remote_id))
			memcpy(out.remote_id, answer->words, strlen(answer->words) + 1);
	} else if (answer->lacking) {
		out.kind = OUTCOME_ENVIRONMENT;
		out.reason = REASON_ENVIRONMENT;
		put_remedy(&out, refusal_remedy[answer->stage]);
	} else if (answer->denied) {
		refuse_credentials(&out, server);
	} else if (answer->code >= 500) {
		map_refusal(&out, answer, server);
	} else if (answer->code >= 400) {
		map_delay(&out, answer);
	} else {
		map_failure(&out, answer);
	}
	return out;
}

/* ---- settings ---- */

static bool is_loopback(const char *host)
{
	static const unsigned char six[16] = {[15] = 1};
	unsigned char address[16];
	char bare[64];
	size_t len = strlen(host);

	if (host[0] == '[' && len < sizeof(bare)) {
		snprintf(bare, sizeof(bare), "%.*s", (int)len - 2, host + 1);
		return inet_pton(AF_INET6, bare, address) == 1 &&
		       memcmp(address, six, 16) == 0;
	}
	if (inet_pton(AF_INET, host, address) == 1)
		return address[0] == 127;
	return strcasecmp(host, "localhost") == 0;
}

/* ":587", ":587/name", "/name" or nothing. */
static bool port_fits(const char *text)
{
	size_t digits;
	long port;

	if (*text != ':')
		return !*text || *text == '/';
	digits = strspn(text + 1, "0123456789");
	if (digits == 0 || digits > 5 || (text[1 + digits] && text[1 + digits] != '/'))
		return false;
	port = strtol(text + 1, NULL, 10);
	return port > 0 && port <= 65535;
}

/* The host of "smtp://host:port/name", in out; false when the url is not of that form. */
static bool read_host(const char *url, bool *implicit_out, char *out, size_t size)
{
	const char *at;
	size_t len;

	*implicit_out = strncasecmp(url, "smtps://", 8) == 0;
	if (!*implicit_out && strncasecmp(url, "smtp://", 7) != 0)
		return false;
	at = url + (*implicit_out ? 8 : 7);
	len = strcspn(at, *at == '[' ? "]" : ":/?#@");
	len += at[len] == ']';
	if (len == 0 || (*at == '[' && at[len - 1] != ']') || len >= size ||
		strpbrk(at, "@?# \t\r\n") || !port_fits(at + len))
		return false;
	snprintf(out, size, "%.*s", (int)len, at);
	return true;
}

static enum err_code check_auth(const struct smtp_settings *server, struct err *err)
{
	bool password =
		server->auth == SMTP_AUTH_PLAIN || server->auth == SMTP_AUTH_LOGIN;

	if (server->auth == SMTP_AUTH_NONE) {
		if (server->username || server->password.count > 0)
			return err_set(err, ERR_CONFIG,
				"auth: none, but there is a username or password; allowed: "
				"plain, login, xoauth2");
		return ERR_OK;
	}
	if (!server->username || !*server->username)
		return err_set(err, ERR_CONFIG, "username: missing; auth needs one");
	if (password && server->password.count == 0)
		return err_set(err, ERR_CONFIG,
			"password: missing; auth plain and login need one (or "
			"password_file)");
	if (!password && server->oauth.method == AUTH_NONE)
		return err_set(err, ERR_CONFIG, "oauth: missing; auth xoauth2 needs it");
	return ERR_OK;
}

enum err_code smtp_settings_check(const struct smtp_settings *server, struct err *err)
{
	char host[256];
	bool implicit;

	if (!server->url || !read_host(server->url, &implicit, host, sizeof(host)))
		return err_set(err, ERR_CONFIG,
			"url: not a mail server; allowed: smtp://host:587 or "
			"smtps://host:465, without user and password");
	if (server->tls == SMTP_TLS_NONE && implicit)
		return err_set(err, ERR_CONFIG,
			"tls: none does not go with smtps://; allowed: required");
	if (server->tls == SMTP_TLS_NONE && !server->allow_plain && !is_loopback(host))
		return err_set(err, ERR_CONFIG,
			"tls: none beyond this machine would send mails and passwords "
			"readable by others; allowed: required, or allow_plain: true");
	return check_auth(server, err);
}
