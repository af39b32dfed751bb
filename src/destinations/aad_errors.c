#include "aad_errors.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define WAIT "nothing to do: it is asked again by itself"
#define SLOW "nothing to do: it is asked again later"
#define ADMIN "ask an administrator of the tenant to "
#define APP "Entra ID > App registrations > (the app) > "
#define NEW_SECRET APP "Certificates & secrets and put its value in @"
#define EXPIRED "the secret expired: create a new client secret in " NEW_SECRET
#define WRONG \
	"put the secret's value (not its id) in @, or create a new client secret in " APP \
	"Certificates & secrets"
#define CERTIFICATE \
	"upload the certificate to " APP \
	"Certificates & secrets, and check that key belongs to certificate"
#define CLOCK "set this machine's clock: the client assertion is dated by it"
#define PUBLIC_CLIENT \
	"office365 needs a public client: switch on " APP \
	"Authentication > Allow public client flows"
#define CONFIDENTIAL \
	"client_id names a public client, which may not send a secret: switch off " APP \
	"Authentication > Allow public client flows"
#define NEW_PASSWORD "put the right password in @, then: leadctl destinations resume NAME"
#define CHANGE_PASSWORD \
	"sign in once as the user, change the password, and put the new one in @"
#define LOCKED \
	"unlock the account or wait until its lock ends, check the password in @, " \
	"then: leadctl destinations resume NAME"
#define CLIENT_ID \
	"check client_id and directory_id: the application must be registered in that " \
	"tenant"
#define ENABLE_APP \
	ADMIN "enable the application, under Entra ID > Enterprise applications"
#define DIRECTORY "check directory_id: the tenant's id or a domain of it"
#define USERNAME "check username: a work account of that tenant"
#define ENABLE_USER ADMIN "enable the user account"
#define MFA \
	"a password alone cannot pass multi-factor authentication: use auth method " \
	"azure_ad with an application user"
#define CONDITIONAL ADMIN "exempt the relay from the conditional access policy"
#define ASSIGN ADMIN "assign the user to the application"
#define CONSENT ADMIN "grant consent, under " APP "API permissions"
#define INSTANCE "check url: the environment's own address, as a browser shows it"
#define SCOPE "check url and token_version"
#define LICENCE ADMIN "check that the tenant has a subscription for this environment"
#define VERSION "check token_version, authority and token_url"

struct number_rule {
	long number;
	struct aad_rule rule;
};

static const struct number_rule number_rules[] = {
	{50033, {AAD_TRANSIENT, WAIT}},
	{50087, {AAD_TRANSIENT, WAIT}},
	{90006, {AAD_TRANSIENT, WAIT}},
	{90012, {AAD_TRANSIENT, WAIT}},
	{90024, {AAD_TRANSIENT, WAIT}},
	{90033, {AAD_TRANSIENT, WAIT}},
	{90090, {AAD_TRANSIENT, WAIT}},
	{80002, {AAD_TRANSIENT, WAIT}},
	{80005, {AAD_TRANSIENT, WAIT}},
	{90055, {AAD_SLOW, SLOW}},
	{50196, {AAD_SLOW, SLOW}},
	{7000222, {AAD_SECRET, EXPIRED}},
	{7000215, {AAD_SECRET, WRONG}},
	{70002, {AAD_SECRET, WRONG}},
	{50012, {AAD_SECRET, CERTIFICATE}},
	{700027, {AAD_SECRET, CERTIFICATE}},
	{700024, {AAD_SECRET, CLOCK}},
	{700016, {AAD_IDENTITY, CLIENT_ID}},
	{70001, {AAD_IDENTITY, CLIENT_ID}},
	{7000112, {AAD_IDENTITY, ENABLE_APP}},
	{7000218, {AAD_IDENTITY, PUBLIC_CLIENT}},
	{700025, {AAD_IDENTITY, CONFIDENTIAL}},
	{90002, {AAD_IDENTITY, DIRECTORY}},
	{900023, {AAD_IDENTITY, DIRECTORY}},
	{50034, {AAD_IDENTITY, USERNAME}},
	{50057, {AAD_IDENTITY, ENABLE_USER}},
	{50126, {AAD_PASSWORD, NEW_PASSWORD}},
	{50055, {AAD_PASSWORD, CHANGE_PASSWORD}},
	{50144, {AAD_PASSWORD, CHANGE_PASSWORD}},
	{50056, {AAD_PASSWORD, CHANGE_PASSWORD}},
	{50053, {AAD_PASSWORD, LOCKED}},
	{50072, {AAD_POLICY, MFA}},
	{50074, {AAD_POLICY, MFA}},
	{50076, {AAD_POLICY, MFA}},
	{50079, {AAD_POLICY, MFA}},
	{50158, {AAD_POLICY, MFA}},
	{53000, {AAD_POLICY, CONDITIONAL}},
	{53001, {AAD_POLICY, CONDITIONAL}},
	{53002, {AAD_POLICY, CONDITIONAL}},
	{53003, {AAD_POLICY, CONDITIONAL}},
	{53004, {AAD_POLICY, CONDITIONAL}},
	{530032, {AAD_POLICY, CONDITIONAL}},
	{50131, {AAD_POLICY, CONDITIONAL}},
	{50105, {AAD_POLICY, ASSIGN}},
	{65001, {AAD_POLICY, CONSENT}},
	{90094, {AAD_POLICY, CONSENT}},
	{50001, {AAD_TARGET, INSTANCE}},
	{500011, {AAD_TARGET, INSTANCE}},
	{70011, {AAD_TARGET, SCOPE}},
	{901002, {AAD_TARGET, SCOPE}}, /* v2 refuses "resource" */
	{650052, {AAD_TARGET, LICENCE}},
};

struct error_rule {
	const char *error;
	struct aad_rule rule;
};

static const struct error_rule error_rules[] = {
	{"temporarily_unavailable", {AAD_TRANSIENT, WAIT}},
	{"server_error", {AAD_TRANSIENT, WAIT}},
	{"invalid_client", {AAD_SECRET, WRONG}},
	{"invalid_grant", {AAD_PASSWORD, NEW_PASSWORD}},
	{"unauthorized_client", {AAD_IDENTITY, CLIENT_ID}},
	{"interaction_required", {AAD_POLICY, MFA}},
	{"login_required", {AAD_POLICY, MFA}},
	{"consent_required", {AAD_POLICY, CONSENT}},
	{"access_denied", {AAD_POLICY, CONSENT}},
	{"invalid_resource", {AAD_TARGET, INSTANCE}},
	{"invalid_target", {AAD_TARGET, INSTANCE}},
	{"invalid_scope", {AAD_TARGET, SCOPE}},
	{"invalid_request", {AAD_TARGET, VERSION}},
	{"unsupported_grant_type", {AAD_TARGET, VERSION}},
	{"unsupported_response_type", {AAD_TARGET, VERSION}},
};

/* No JSON, or nothing in it that says what: a proxy's page, another kind of server. */
static struct aad_rule rule_of_status(int status)
{
	if (status == 401)
		return (struct aad_rule){AAD_IDENTITY, CLIENT_ID};
	return (struct aad_rule){AAD_TARGET, VERSION};
}

static struct aad_rule rule_of(const char *error, long number, int status)
{
	for (size_t i = 0; i < sizeof(number_rules) / sizeof(number_rules[0]); i++)
		if (number != 0 && number_rules[i].number == number)
			return number_rules[i].rule;
	for (size_t i = 0; i < sizeof(error_rules) / sizeof(error_rules[0]); i++)
		if (error && strcmp(error_rules[i].error, error) == 0)
			return error_rules[i].rule;
	return rule_of_status(status);
}

struct aad_rule aad_classify(const char *error, long number, int status, bool certificate)
{
	struct aad_rule rule = rule_of(error, number, status);

	if (certificate && rule.class == AAD_SECRET && strcmp(rule.remedy, CLOCK) != 0)
		rule.remedy = CERTIFICATE;
	return rule;
}

long aad_number(const char *text)
{
	if (!text || strncmp(text, "AADSTS", 6) != 0)
		return 0;
	return strtol(text + 6, NULL, 10);
}
