/* The questions of init: their flags, their words, and when they arise. */
#include "init.h"

#include <stdio.h>
#include <string.h>

const struct question questions[ANSWERS] = {
	[A_URL] = {"url", "Environment URL",
		"Power Platform admin centre > Environments > yours: Environment URL",
		NULL, STAGE_SERVICE, ANSWER_TEXT, true},
	[A_AUTH] = {"auth", "Authentication",
		"azure_ad: an app registration and its secret; azure_ad_certificate: and its "
		"certificate;\n  office365: a licensed user's name and password",
		"azure_ad", STAGE_LOGIN, ANSWER_TEXT, true},
	[A_DIRECTORY] = {"directory-id", "Directory (tenant) ID",
		"Entra admin centre > Overview > Tenant ID", NULL, STAGE_LOGIN,
		ANSWER_TEXT, true},
	[A_CLIENT] = {"client-id", "Application (client) ID",
		"Entra admin centre > App registrations > the app", NULL, STAGE_LOGIN,
		ANSWER_TEXT, true},
	[A_USERNAME] = {"username", "User name", NULL, NULL, STAGE_LOGIN, ANSWER_TEXT,
		true},
	[A_CERTIFICATE] = {"certificate", "Certificate (PEM file)",
		"the one registered for the app", NULL, STAGE_LOGIN, ANSWER_PATH, true},
	[A_KEY] = {"key", "Its private key (PEM file)", NULL, NULL, STAGE_LOGIN,
		ANSWER_PATH, true},
	[A_SECRET] = {"secret-file", "Client secret", NULL, NULL, STAGE_LOGIN,
		ANSWER_HIDDEN, true},
	[A_EXPIRES] = {"expires", "It expires on",
		"the date shown beside it, such as 2027-11-01: you are warned ahead; Enter: "
		"not known",
		NULL, STAGE_PEOPLE, ANSWER_TEXT, false},
	[A_CONTACTS] = {"contacts", "Contacts",
		"who is told of each new lead: e-mail addresses with ; between them; Enter: "
		"nobody",
		NULL, STAGE_PEOPLE, ANSWER_TEXT, false},
	[A_MAIL_SERVER] = {"mail-server", "Mail server",
		"it sends notifications and alerts: smtp://mail.contoso.com:587 (STARTTLS) or "
		"smtps://...;\n  Enter: no mail",
		NULL, STAGE_MAIL, ANSWER_TEXT, false},
	[A_MAIL_USER] = {"mail-user", "Mail user", "Enter: it takes mail without one",
		NULL, STAGE_MAIL, ANSWER_TEXT, false},
	[A_MAIL_PASSWORD] = {"mail-password-file", "Mail password", NULL, NULL,
		STAGE_MAIL, ANSWER_HIDDEN, true},
	[A_MAIL_FROM] = {"mail-from", "Mails come from",
		"such as \"Lead relay <relay@contoso.com>\"", NULL, STAGE_MAIL,
		ANSWER_TEXT, true},
	[A_ALERTS] = {"alerts-to", "Alerts go to",
		"when the relay itself needs somebody: e-mail addresses", NULL,
		STAGE_MAIL, ANSWER_TEXT, false},
	[A_LISTEN] = {"listen", "Intake listens on",
		"127.0.0.1:8080 behind a proxy that speaks TLS; 0.0.0.0:8443 with a "
		"certificate of its own",
		"127.0.0.1:8080", STAGE_INTAKE, ANSWER_TEXT, true},
	[A_TLS_CERTIFICATE] = {"tls-certificate", "TLS certificate (PEM file)",
		"one that the public trusts, with its chain", NULL, STAGE_INTAKE,
		ANSWER_PATH, true},
	[A_TLS_KEY] = {"tls-key", "Its private key (PEM file)", NULL, NULL, STAGE_INTAKE,
		ANSWER_PATH, true},
	[A_PUBLIC_URL] = {"public-url", "Address from outside",
		"what Microsoft reaches this machine by", NULL, STAGE_INTAKE, ANSWER_TEXT,
		true},
	[A_AUTHORITY] = {"authority", NULL, NULL, NULL, STAGE_SERVICE, ANSWER_TEXT,
		false},
	[A_TOKEN_URL] = {"token-url", NULL, NULL, NULL, STAGE_SERVICE, ANSWER_TEXT,
		false},
	[A_CA_FILE] = {"ca-file", NULL, NULL, NULL, STAGE_SERVICE, ANSWER_PATH, false},
	[A_PROXY] = {"proxy", NULL, NULL, NULL, STAGE_SERVICE, ANSWER_TEXT, false},
	[A_MAIL_CA] = {"mail-ca-file", NULL, NULL, NULL, STAGE_SERVICE, ANSWER_PATH,
		false},
	[A_DESTINATION] = {"destination", NULL, NULL, "crm", STAGE_SERVICE, ANSWER_TEXT,
		true},
	[A_SOURCE] = {"source", NULL, NULL, "marketplace", STAGE_SERVICE, ANSWER_TEXT,
		true},
	[A_TOKEN] = {"token-file", NULL, NULL, NULL, STAGE_SERVICE, ANSWER_HIDDEN, false},
	[A_STATE_DIR] = {"state-dir", NULL, NULL, NULL, STAGE_SERVICE, ANSWER_PATH,
		false},
	[A_ADMIN] = {"admin", NULL, NULL, "127.0.0.1:8090", STAGE_INTAKE, ANSWER_TEXT,
		false},
};

static bool is_text(const struct init *init, enum answer which, const char *text)
{
	return init->values[which] && strcmp(init->values[which], text) == 0;
}

bool auth_is(const struct init *init, const char *method)
{
	return is_text(init, A_AUTH, method);
}

bool listens_elsewhere(const struct init *init)
{
	const char *listen = init->values[A_LISTEN];

	return listen && strncmp(listen, "127.", 4) != 0 &&
	       strncmp(listen, "[::1]", 5) != 0 && strncmp(listen, "localhost:", 10) != 0;
}

bool has_page(const struct init *init)
{
	return init->values[A_ADMIN] && strcmp(init->values[A_ADMIN], "none") != 0;
}

bool question_arises(const struct init *init, enum answer which)
{
	switch (which) {
	case A_DIRECTORY: /* a token service of one's own knows none */
		return !init->values[A_TOKEN_URL];
	case A_CERTIFICATE:
	case A_KEY:
		return auth_is(init, "azure_ad_certificate");
	case A_SECRET:
		return !auth_is(init, "azure_ad_certificate");
	case A_EXPIRES: /* a certificate says it itself */
		return !auth_is(init, "azure_ad_certificate");
	case A_USERNAME:
		return auth_is(init, "office365");
	case A_MAIL_USER:
	case A_MAIL_FROM:
	case A_ALERTS:
		return init->values[A_MAIL_SERVER];
	case A_MAIL_PASSWORD:
		return init->values[A_MAIL_SERVER] && init->values[A_MAIL_USER];
	case A_TLS_CERTIFICATE:
	case A_TLS_KEY:
		return listens_elsewhere(init) || init->values[which];
	case A_URL:
	case A_AUTH:
	case A_CLIENT:
	case A_CONTACTS:
	case A_MAIL_SERVER:
	case A_LISTEN:
	case A_PUBLIC_URL:
	case A_AUTHORITY:
	case A_TOKEN_URL:
	case A_CA_FILE:
	case A_PROXY:
	case A_MAIL_CA:
	case A_DESTINATION:
	case A_SOURCE:
	case A_TOKEN:
	case A_STATE_DIR:
	case A_ADMIN:
	case ANSWERS:
		break;
	}
	return true;
}

const char *question_default(const struct init *init, enum answer which)
{
	if (which == A_DIRECTORY && auth_is(init, "office365"))
		return "organizations";
	if (which == A_AUTH && init->values[A_CERTIFICATE])
		return "azure_ad_certificate";
	if (which == A_AUTH && init->values[A_USERNAME])
		return "office365";
	if (which == A_ALERTS)
		return init->values[A_CONTACTS];
	return questions[which].otherwise;
}
