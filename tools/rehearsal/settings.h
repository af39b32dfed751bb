/*
 * settings: what the played Azure AD and Dataverse are like: identities, roles, limits,
 * columns. Set by the command line, changed at run time through the control API.
 *
 * Readers hold the read lock while they answer a request, never while they wait or send.
 */
#ifndef REHEARSAL_SETTINGS_H
#define REHEARSAL_SETTINGS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <openssl/evp.h>

#include "columns.h"

enum { SECRETS_MAX = 8, URLS_MAX = 16, PRIVILEGES = 4, CERTIFICATES_MAX = 4 };

enum user_state { USER_OK, USER_MFA, USER_EXPIRED, USER_DISABLED, USER_LOCKED };

struct certificate {
	EVP_PKEY *key;
	char *x5t, *x5t_s256; /* base64url of the SHA-1 and SHA-256 of the DER */
};

struct settings {
	pthread_rwlock_t lock;

	/* who is known; set once */
	char *directory, *domain, *client_id, *public_client_id;
	char *username;
	char *urls[URLS_MAX]; /* the environment's: what a resource or scope may name */
	int url_count;
	struct certificate certificates[CERTIFICATES_MAX];
	int certificate_count;

	/* changeable */
	char *password;
	enum user_state user_state;
	int password_failures; /* in a row: ten lock the account */
	char *secrets[SECRETS_MAX], *expired_secrets[SECRETS_MAX];
	int secret_count, expired_secret_count;
	int64_t token_life_s;
	bool online;           /* false: every connection is closed without an answer */
	bool application_user; /* false: the token's user is no member of the organisation
				*/
	bool duplicate_rule;   /* on emailaddress1, for those who ask for detection */
	bool strict_headers;
	bool name_primary_key; /* a repeated leadid's refusal names the key it hit */
	bool privileges[PRIVILEGES];    /* in the order of privilege_names */
	int64_t latency_ms, dop_hint;   /* dop_hint 0: the header is not sent */
	int64_t max_records;            /* then storage is full; -1: never */
	int64_t max_concurrent;         /* then 429; -1: never */
	int64_t max_requests, window_s; /* per window, then 429; -1: never */
	struct declared_column *columns;
};

extern const char *const privilege_names[PRIVILEGES]; /* prvCreateLead first */
enum { PRIVILEGE_CREATE, PRIVILEGE_READ, PRIVILEGE_WRITE, PRIVILEGE_DELETE };

void settings_init(struct settings *settings); /* the contract's sample; no secret yet */
void settings_finish(struct settings *settings);

/* Back to "nothing was changed at run time": secrets, users and lists stay as started. */
void settings_calm(struct settings *settings);

/* Takes what PATCH /_rehearsal/settings sends, all of it or nothing. False: *why is a
 * static sentence and *key the property it is about. Takes the lock. */
bool settings_patch(struct settings *settings, const cJSON *patch, const char **key,
	const char **why);

/* The changeable ones, secrets as their number only. The caller's. Takes the lock. */
cJSON *settings_show(struct settings *settings);

bool settings_add_secret(struct settings *settings, const char *secret, bool expired);
bool settings_add_url(struct settings *settings, const char *url);
/* Reads a PEM certificate. */
bool settings_add_certificate(struct settings *settings, const char *file);

#endif
