/*
 * settings: the configuration as plain values, read by daemon from the YAML file and
 * handed down. Rooms borrow it and change nothing; it lives in one arena-like owner,
 * `struct config` (config.h), which stays alive until the last user of a reloaded
 * configuration is gone.
 *
 * All texts are valid UTF-8; times are milliseconds; absent texts are NULL, absent lists
 * have count 0.
 */
#ifndef LEADRELAY_SETTINGS_H
#define LEADRELAY_SETTINGS_H

#include "leadrelay/delivery.h"
#include "leadrelay/health.h"
#include "leadrelay/lead.h"
#include "leadrelay/route.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text_list {
	char **items;
	size_t count;
};

struct pair { /* map: incoming name -> canonical name (source), canonical name -> column
		 (destination); set: name -> value */
	char *name;
	char *value;
	bool literal; /* set: value is JSON (a number, true, false), not a text */
};
struct pair_list {
	struct pair *items;
	size_t count;
};

/* A secret given inline or as X_file. value[1] is the second line where the contract
 * allows two. */
struct secret {
	char *values[8];
	size_t count;
	char *file;         /* NULL: inline */
	int64_t changed_at; /* the file's mtime (wall), 0 when inline */
};

struct intake_settings {
	struct text_list listen; /* "0.0.0.0:8443", "[::1]:8080" */
	char *tls_certificate;   /* absolute paths; NULL: plain */
	char *tls_key;
	bool allow_plain;
	int64_t max_body;
	int64_t max_memory;
	int max_connections;
	int max_connections_per_address;
	int rate_per_address;             /* per second */
	struct text_list trusted_proxies; /* addresses or CIDR */
	int64_t request_timeout_ms;
};

enum source_kind { SOURCE_MARKETPLACE, SOURCE_JSON, SOURCE_FORM, SOURCE_CSV };
enum on_invalid { ON_INVALID_QUARANTINE, ON_INVALID_REJECT };

struct source_settings {
	char *name;
	enum source_kind kind;
	struct secret tokens;          /* all lines valid */
	struct text_list destinations; /* names */
	int64_t dedupe_window_ms;
	enum on_invalid on_invalid;
	struct text_list allowed_origins;
	char *redirect;
	char *honeypot;
	struct pair_list map;
	struct pair_list set;
};

enum auth_method { AUTH_NONE, AUTH_AZURE_AD, AUTH_AZURE_AD_CERTIFICATE, AUTH_OFFICE365 };

struct auth_settings {
	enum auth_method method;
	char *directory_id;
	char *client_id;
	struct secret client_secret;
	char *certificate; /* PEM paths */
	char *key;
	char *username;
	struct secret password;
	char *authority;    /* https://login.microsoftonline.com */
	int token_version;  /* 1 or 2 */
	char *token_url;    /* overrides authority and version */
	int64_t expires_at; /* 0: not given. A date at 00:00 UTC */
};

enum duplicates_policy { DUPLICATES_CREATE, DUPLICATES_SKIP, DUPLICATES_UPDATE };

/* How an outgoing connection is made. */
struct route_settings {
	int64_t timeout_ms; /* the whole exchange */
	bool http2;
	char *proxy;
	char *ca_file;
	bool allow_plain;
	bool allow_private; /* for https destinations; true for the others */
	char *client_certificate;
	char *client_key;
};

struct destination_settings {
	char *name;
	char *kind; /* a name of destination_kinds[] */
	char *url;
	char *api_version;
	struct auth_settings auth;
	struct text_list contacts;
	enum duplicates_policy duplicates;
	struct pair_list map;
	struct pair_list set;
	struct route_rule *when;
	size_t when_count;
	struct route_settings route;
	int max_concurrency;
	int64_t probe_interval_ms;
	char *path;                      /* file */
	char *method;                    /* https: "POST" */
	struct pair_list headers;        /* https */
	struct secret secret;            /* https: what signs, one or two */
	struct secret connection_string; /* azure_table: this, or url and sas */
	struct secret sas;
	char *table;
};

enum smtp_tls { SMTP_TLS_REQUIRED, SMTP_TLS_NONE };
enum smtp_auth { SMTP_AUTH_NONE, SMTP_AUTH_PLAIN, SMTP_AUTH_LOGIN, SMTP_AUTH_XOAUTH2 };

/* mail.smtp: where mails are handed in. mail.h's smtp_settings_check says what goes
 * together. */
struct smtp_settings {
	char *url; /* "smtp://mail.contoso.com:587" (STARTTLS) or "smtps://..."; a path is
		      the name given with EHLO, else this machine's */
	enum smtp_tls tls;
	enum smtp_auth auth;
	char *username;
	struct secret password;     /* plain, login */
	struct auth_settings oauth; /* xoauth2 */
	char *ca_file;              /* absolute path */
	bool allow_plain;           /* tls: none beyond loopback */
	int64_t timeout_ms;         /* one mail, connecting included */
};

/* mail: */
struct mail_settings {
	bool configured;
	struct smtp_settings smtp;
	char *from;                 /* "Lead relay <relay@contoso.com>", checked */
	struct text_list alerts_to; /* bare addresses */
	int detail;                 /* enum mail_detail (compose.h) */
	int64_t digest_ms;
};

/* admin: the page, the API and the metrics. */
struct admin_settings {
	bool configured;
	struct intake_settings server; /* listen and tls; the limits are fixed */
	struct secret tokens;          /* all valid; none: everybody on this machine */
	struct text_list hosts; /* names a proxy in front passes on, besides our own */
};

struct report_settings {
	char *name;
	int every;      /* enum schedule_every */
	int at_minute;  /* of the day */
	char *timezone; /* of the system's database; checked */
	struct text_list to;
	char *directory;  /* NULL: none */
	unsigned formats; /* bits 1 << enum report_format */
};

#endif
