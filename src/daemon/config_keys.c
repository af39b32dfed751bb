/*
 * Every key of leadrelay.yaml with its kind of value, range and default: the one place
 * they stand in. What is told about a bad value is made from the same rows.
 */
#include "config_read.h"

#include <stddef.h>

#define SECOND ((int64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define KIB ((int64_t)1024)
#define MIB (1024 * KIB)

#define END \
	{ \
		.name = NULL \
	}

/* The kinds of sources, and which of their keys belong to which. */
#define MARKETPLACE (1u << SOURCE_MARKETPLACE)
#define JSON (1u << SOURCE_JSON)
#define FORM (1u << SOURCE_FORM)
#define OVER_HTTP (MARKETPLACE | JSON | FORM)

/* The methods of auth. */
#define AZURE (1u << AUTH_AZURE_AD)
#define CERTIFICATE (1u << AUTH_AZURE_AD_CERTIFICATE)
#define OFFICE (1u << AUTH_OFFICE365)

const struct choice source_kinds[] = {
	{"marketplace", SOURCE_MARKETPLACE, false},
	{"json", SOURCE_JSON, false},
	{"form", SOURCE_FORM, false},
	{"csv", SOURCE_CSV, false},
	{NULL, 0, false},
};

const struct choice auth_methods[] = {
	{"azure_ad", AUTH_AZURE_AD, false},
	{"azure_ad_certificate", AUTH_AZURE_AD_CERTIFICATE, false},
	{"office365", AUTH_OFFICE365, false},
	{NULL, 0, false},
};

static const struct choice on_invalid_choices[] = {
	{"quarantine", ON_INVALID_QUARANTINE, false},
	{"reject", ON_INVALID_REJECT, false},
	{NULL, 0, false},
};

static const struct choice duplicates_choices[] = {
	{"create", DUPLICATES_CREATE, false},
	{"skip", DUPLICATES_SKIP, false},
	{"update", DUPLICATES_UPDATE, false},
	{NULL, 0, false},
};

static const struct choice token_versions[] = {
	{"v1", 1, false}, {"v2", 2, false}, {NULL, 0, false}};
static const struct choice http_methods[] = {
	{"POST", 0, false}, {"PUT", 0, false}, {"PATCH", 0, false}, {NULL, 0, false}};
static const struct choice http_versions[] = {
	{"1.1", 0, false}, {"2", 1, false}, {NULL, 0, false}};

static const struct choice log_levels[] = {
	{"debug", LOG_LEVEL_DEBUG, false},
	{"info", LOG_LEVEL_INFO, false},
	{"warn", LOG_LEVEL_WARN, false},
	{"error", LOG_LEVEL_ERROR, false},
	{NULL, 0, false},
};

static const struct choice log_formats[] = {{"text", LOG_FORMAT_TEXT, false},
	{"json", LOG_FORMAT_JSON, false}, {NULL, 0, false}};

/* ---- intake ---- */

#define AT(member) .offset = offsetof(struct intake_settings, member)
const struct key tls_keys[] = {
	{.name = "certificate",
		.scalar = take_pem,
		.required = true,
		AT(tls_certificate),
		.allowed = "a PEM file: the certificate, then those that signed it"},
	{.name = "key",
		.scalar = take_pem,
		.required = true,
		AT(tls_key),
		.allowed =
			"a PEM file with the certificate's private key, without a passphrase"},
	END,
};

static const struct key intake_keys[] = {
	{.name = "listen",
		.node = take_listen,
		.required = true,
		AT(listen),
		.min = 1,
		.allowed =
			"IP addresses with a port, such as \"0.0.0.0:8443\" or \"[::1]:8080\""},
	{.name = "tls", .node = take_inner, .keys = tls_keys},
	{.name = "allow_plain",
		.scalar = take_bool,
		.fallback = "false",
		AT(allow_plain)},
	{.name = "max_body",
		.scalar = take_size,
		.fallback = "256KiB",
		AT(max_body),
		.min = 64,
		.max = 64 * MIB},
	{.name = "max_memory",
		.scalar = take_size,
		.fallback = "32MiB",
		AT(max_memory),
		.min = 64 * KIB,
		.max = 16 * 1024 * MIB},
	{.name = "max_connections",
		.scalar = take_int,
		.fallback = "1000",
		AT(max_connections),
		.min = 1,
		.max = 60000},
	{.name = "max_connections_per_address",
		.scalar = take_int,
		.fallback = "100",
		AT(max_connections_per_address),
		.min = 1,
		.max = 60000},
	{.name = "rate_per_address",
		.scalar = take_rate,
		.fallback = "100/s",
		AT(rate_per_address),
		.min = 1,
		.max = 1000000},
	{.name = "trusted_proxies",
		.node = take_networks,
		AT(trusted_proxies),
		.allowed = "IP addresses or networks, such as \"10.0.0.0/8\""},
	{.name = "request_timeout",
		.scalar = take_duration,
		.fallback = "10s",
		AT(request_timeout_ms),
		.min = 100,
		.max = 10 * MINUTE},
	END,
};
#undef AT

/* ---- sources ---- */

#define AT(member) .offset = offsetof(struct source_settings, member)
#define NAME_ALLOWED \
	"1 to 64 letters, digits, - _ and ., beginning with a letter, a digit or _"
static const struct key source_keys[] = {
	{.name = "name",
		.scalar = take_name,
		.required = true,
		AT(name),
		.allowed = NAME_ALLOWED},
	{.name = "kind",
		.scalar = take_choice,
		.required = true,
		AT(kind),
		.choices = source_kinds},
	{.name = "token",
		.secret = true,
		.required = true,
		AT(tokens),
		.kinds = OVER_HTTP,
		.min = 16,
		.max = 8,
		.allowed = "1 to 8 tokens, one per line, each of at least 16 characters"},
	{.name = "destinations",
		.node = take_names,
		.required = true,
		AT(destinations),
		.min = 1,
		.allowed = "names of entries under destinations"},
	{.name = "dedupe_window",
		.scalar = take_duration,
		.fallback = "10m",
		AT(dedupe_window_ms),
		.min = 0,
		.max = 30 * DAY},
	{.name = "on_invalid",
		.scalar = take_choice,
		.otherwise = "quarantine for marketplace, reject for the others",
		AT(on_invalid),
		.choices = on_invalid_choices},
	{.name = "allowed_origins",
		.node = take_origins,
		AT(allowed_origins),
		.kinds = FORM,
		.allowed =
			"origins without a path, such as https://www.contoso.com; \"*\": any"},
	{.name = "redirect",
		.scalar = take_url,
		AT(redirect),
		.kinds = FORM,
		.allowed =
			"a page's whole address, such as https://www.contoso.com/thanks"},
	{.name = "honeypot",
		.scalar = take_text,
		AT(honeypot),
		.kinds = FORM,
		.max = 128,
		.allowed = "the name of a form field, at most 128 bytes"},
	{.name = "map",
		.node = take_source_map,
		AT(map),
		.allowed = "incoming name: canonical name"},
	{.name = "set",
		.node = take_source_set,
		AT(set),
		.allowed = "canonical name: text"},
	END,
};
#undef AT

/* ---- destinations ----
 *
 * The vocabulary of all kinds. A key marked `own` is known to, and perhaps required by,
 * the kinds that name it (destination_kind.keys); the others every destination has. */

#define AT(member) .offset = offsetof(struct auth_settings, member)
const struct key auth_keys[] = {
	{.name = "method",
		.scalar = take_choice,
		.required = true,
		AT(method),
		.choices = auth_methods},
	/* office365 also takes "organizations" */
	{.name = "directory_id",
		.scalar = take_text,
		.otherwise = "organizations for office365; else required, unless "
			     "token_url is given",
		AT(directory_id),
		.max = 253,
		.allowed = "the directory (tenant) id, a GUID, or one of its domains"},
	{.name = "client_id",
		.scalar = take_text,
		.required = true,
		AT(client_id),
		.max = 253,
		.allowed = "the application (client) id, a GUID"},
	{.name = "client_secret",
		.secret = true,
		.required = true,
		AT(client_secret),
		.kinds = AZURE,
		.min = 1,
		.max = 2,
		.allowed = "the secret's value; a second line is the next secret"},
	{.name = "certificate",
		.scalar = take_pem,
		.required = true,
		AT(certificate),
		.kinds = CERTIFICATE,
		.allowed = "a PEM file: the certificate registered for the application"},
	{.name = "key",
		.scalar = take_pem,
		.required = true,
		AT(key),
		.kinds = CERTIFICATE,
		.allowed =
			"a PEM file with the certificate's private key, without a passphrase"},
	{.name = "username",
		.scalar = take_text,
		.required = true,
		AT(username),
		.kinds = OFFICE,
		.max = 254,
		.allowed = "the account's sign-in name, such as relay@contoso.com"},
	{.name = "password",
		.secret = true,
		.required = true,
		AT(password),
		.kinds = OFFICE,
		.min = 1,
		.max = 1,
		.allowed = "one line"},
	{.name = "authority",
		.scalar = take_url,
		AT(authority),
		.fallback = "https://login.microsoftonline.com",
		.allowed = "an https address, such as https://login.microsoftonline.com"},
	{.name = "token_version",
		.scalar = take_choice,
		.fallback = "v2",
		AT(token_version),
		.choices = token_versions},
	{.name = "token_url",
		.scalar = take_url,
		AT(token_url),
		.allowed = "the token service's whole https address"},
	{.name = "expires",
		.scalar = take_date,
		AT(expires_at),
		.allowed = "a date, such as 2027-11-01"},
	END,
};
#undef AT

#define AT(member) .offset = offsetof(struct destination_settings, member)
const struct key destination_keys[] = {
	{.name = "name",
		.scalar = take_name,
		.required = true,
		AT(name),
		.allowed = NAME_ALLOWED},
	{.name = "kind", .scalar = take_kind, .required = true, AT(kind)},
	{.name = "url",
		.scalar = take_url,
		.own = true,
		AT(url),
		.allowed = "an https address, such as https://contoso.crm4.dynamics.com "
			   "(dynamics365) or https://hooks.example.com/leads (https)"},
	{.name = "api_version",
		.scalar = take_api_version,
		.fallback = "v9.2",
		AT(api_version),
		.own = true,
		.allowed = "v9.0, v9.1, v9.2 and so on"},
	{.name = "auth",
		.node = take_auth,
		.own = true,
		AT(auth),
		.keys = auth_keys,
		.allowed = "a block with method, client_id and what the method needs"},
	{.name = "path",
		.scalar = take_path,
		.own = true,
		AT(path),
		.allowed = "the file that leads are added to"},
	{.name = "method",
		.scalar = take_word,
		.fallback = "POST",
		AT(method),
		.own = true,
		.choices = http_methods},
	{.name = "headers",
		.node = take_headers,
		AT(headers),
		.own = true,
		.max = 16,
		.allowed =
			"header name: value (or NAME_file: a file with the value), at most 16"},
	{.name = "secret",
		.secret = true,
		AT(secret),
		.own = true,
		.min = 1,
		.max = 2,
		.allowed =
			"whsec_ and base64, or a text of 16 to 256 bytes; a second line signs too"},
	{.name = "client_certificate",
		.scalar = take_pem,
		.own = true,
		AT(route.client_certificate),
		.allowed = "a PEM file: our certificate, then those that signed it"},
	{.name = "client_key",
		.scalar = take_pem,
		.own = true,
		AT(route.client_key),
		.allowed =
			"a PEM file with client_certificate's private key, without a passphrase"},
	{.name = "allow_private",
		.scalar = take_bool,
		.fallback = "false",
		.own = true,
		AT(route.allow_private)},
	{.name = "connection_string",
		.secret = true,
		.own = true,
		AT(connection_string),
		.min = 1,
		.max = 1,
		.allowed = "a storage account's connection string, on one line"},
	{.name = "sas",
		.secret = true,
		.own = true,
		AT(sas),
		.min = 1,
		.max = 1,
		.allowed = "a shared access signature, on one line"},
	{.name = "table",
		.scalar = take_text,
		.fallback = "MarketplaceLeads",
		.own = true,
		AT(table),
		.max = 63,
		.allowed = "3 to 63 letters and digits, the first a letter"},
	{.name = "contacts",
		.node = take_contacts,
		AT(contacts),
		.allowed = "e-mail addresses, separated by semicolons or as a list"},
	{.name = "duplicates",
		.scalar = take_choice,
		.fallback = "create",
		AT(duplicates),
		.own = true,
		.choices = duplicates_choices},
	{.name = "map",
		.node = take_destination_map,
		AT(map),
		.allowed = "canonical name: column"},
	{.name = "set",
		.node = take_destination_set,
		AT(set),
		.allowed = "column: a text, a number, true or false"},
	{.name = "when",
		.node = take_when,
		.offset = 0,
		.allowed = "canonical name: a pattern (* and ?), or a list of them",
		.min = 1},
	{.name = "timeout",
		.scalar = take_duration,
		.fallback = "60s",
		AT(route.timeout_ms),
		.min = 100,
		.max = 10 * MINUTE},
	{.name = "max_concurrency",
		.scalar = take_int,
		.fallback = "16",
		AT(max_concurrency),
		.min = 1,
		.max = 256},
	{.name = "probe_interval",
		.scalar = take_duration,
		.fallback = "15m",
		AT(probe_interval_ms),
		.min = 1 * SECOND,
		.max = 24 * HOUR},
	{.name = "http_version",
		.scalar = take_flag_choice,
		.fallback = "1.1",
		AT(route.http2),
		.choices = http_versions},
	{.name = "proxy",
		.scalar = take_proxy,
		AT(route.proxy),
		.allowed =
			"http://, https://, socks5:// or socks5h:// with host and port"},
	{.name = "ca_file",
		.scalar = take_pem,
		AT(route.ca_file),
		.allowed = "a PEM file with the certificates to trust"},
	{.name = "allow_plain",
		.scalar = take_bool,
		.fallback = "false",
		AT(route.allow_plain)},
	END,
};
#undef AT

/* ---- the rest ---- */

#define AT(member) .offset = offsetof(struct retry_rule, member)
static const struct key retry_keys[] = {
	{.name = "first",
		.scalar = take_duration,
		.fallback = "5s",
		AT(first_ms),
		.min = 1,
		.max = 1 * HOUR},
	{.name = "factor",
		.scalar = take_factor,
		.fallback = "2",
		AT(factor),
		.min = 1,
		.max = 100},
	{.name = "longest",
		.scalar = take_duration,
		.fallback = "1h",
		AT(longest_ms),
		.min = 1,
		.max = 7 * DAY},
	{.name = "give_up_after",
		.scalar = take_duration,
		.fallback = "14d",
		AT(give_up_after_ms),
		.min = 1 * SECOND,
		.max = 3650 * DAY},
	END,
};
#undef AT

#define AT(member) .offset = offsetof(struct config, member)
static const struct key log_keys[] = {
	{.name = "level",
		.scalar = take_choice,
		.fallback = "info",
		AT(log_level),
		.choices = log_levels},
	{.name = "format",
		.scalar = take_choice,
		.fallback = "text",
		AT(log_format),
		.choices = log_formats},
	END,
};

const struct key config_keys[] = {
	{.name = "state_dir",
		.scalar = take_path,
		.required = true,
		AT(state_dir),
		.allowed = "the folder of the outbox, such as /var/lib/leadrelay"},
	{.name = "intake",
		.node = take_inner,
		.required = true,
		AT(intake),
		.keys = intake_keys,
		.check = check_intake,
		.allowed = "a block with at least listen"},
	{.name = "sources",
		.node = take_sources,
		.required = true,
		.keys = source_keys,
		.is_list = true,
		.allowed = "a list with at least one source"},
	{.name = "destinations",
		.node = take_destinations,
		.required = true,
		.keys = destination_keys,
		.is_list = true,
		.allowed = "a list with at least one destination"},
	{.name = "retry",
		.node = take_inner,
		AT(retry),
		.keys = retry_keys,
		.check = check_retry},
	{.name = "mail",
		.node = take_mail,
		.keys = mail_keys,
		AT(mail),
		.allowed = "a block with at least smtp and from"},
	{.name = "reports",
		.node = take_reports,
		.keys = report_keys,
		.is_list = true,
		.allowed =
			"a list of reports, each with name, every, at and to or directory"},
	{.name = "retention", .node = take_inner, AT(retention), .keys = retention_keys},
	{.name = "silence_alert",
		.scalar = take_duration,
		.fallback = "0s",
		AT(silence_alert_ms),
		.min = 0,
		.max = 365 * DAY},
	{.name = "log", .node = take_inner, .keys = log_keys},
	{.name = "admin",
		.node = take_inner,
		AT(admin),
		.keys = admin_keys,
		.check = check_admin,
		.allowed = "a block with at least listen"},
	END,
};
#undef AT
