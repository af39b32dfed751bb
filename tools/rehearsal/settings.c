#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "text.h"

const char *const privilege_names[PRIVILEGES] = {
	"prvCreateLead", "prvReadLead", "prvWriteLead", "prvDeleteLead"};

static const char *const user_state_names[] = {
	"ok", "mfa", "expired", "disabled", "locked"};

void settings_calm(struct settings *settings)
{
	pthread_rwlock_wrlock(&settings->lock);
	settings->user_state = USER_OK;
	settings->password_failures = 0;
	settings->online = true;
	settings->application_user = true;
	settings->duplicate_rule = false;
	settings->strict_headers = true;
	settings->name_primary_key = true;
	for (int i = 0; i < PRIVILEGES; i++)
		settings->privileges[i] = true;
	settings->latency_ms = 0;
	settings->dop_hint = 0;
	settings->max_records = -1;
	settings->max_concurrent = -1;
	settings->max_requests = -1;
	settings->window_s = 300;
	pthread_rwlock_unlock(&settings->lock);
}

void settings_init(struct settings *settings)
{
	*settings = (struct settings){.token_life_s = 3600};
	pthread_rwlock_init(&settings->lock, NULL);
	settings->directory = need_copy("12345678-0000-0000-0000-000000000000");
	settings->domain = need_copy("contoso.onmicrosoft.com");
	settings->client_id = need_copy("23456052-0000-0000-0000-000000000000");
	settings->public_client_id = need_copy("51f81489-12ee-4a9e-aaae-a2591f45987d");
	settings_calm(settings);
}

static void free_list(char **list, int *count)
{
	for (int i = 0; i < *count; i++)
		free(list[i]);
	*count = 0;
}

void settings_finish(struct settings *settings)
{
	free(settings->directory);
	free(settings->domain);
	free(settings->client_id);
	free(settings->public_client_id);
	free(settings->username);
	free(settings->password);
	free_list(settings->urls, &settings->url_count);
	free_list(settings->secrets, &settings->secret_count);
	free_list(settings->expired_secrets, &settings->expired_secret_count);
	for (int i = 0; i < settings->certificate_count; i++) {
		EVP_PKEY_free(settings->certificates[i].key);
		free(settings->certificates[i].x5t);
		free(settings->certificates[i].x5t_s256);
	}
	columns_free(settings->columns);
	pthread_rwlock_destroy(&settings->lock);
}

static bool add_to(char **list, int *count, int max, const char *item)
{
	if (*count == max)
		return false;
	list[(*count)++] = need_copy(item);
	return true;
}

bool settings_add_secret(struct settings *settings, const char *secret, bool expired)
{
	if (expired)
		return add_to(settings->expired_secrets, &settings->expired_secret_count,
			SECRETS_MAX, secret);
	return add_to(settings->secrets, &settings->secret_count, SECRETS_MAX, secret);
}

bool settings_add_url(struct settings *settings, const char *url)
{
	return add_to(settings->urls, &settings->url_count, URLS_MAX, url);
}

static char *thumbprint(const X509 *certificate, const EVP_MD *digest)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned int len = 0;

	return X509_digest(certificate, digest, hash, &len) == 1 ? base64url(hash, len)
								 : NULL;
}

bool settings_add_certificate(struct settings *settings, const char *file)
{
	struct certificate *certificate =
		&settings->certificates[settings->certificate_count];
	FILE *stream = fopen(file, "re");
	X509 *x509;

	if (!stream)
		return false;
	x509 = PEM_read_X509(stream, NULL, NULL, NULL);
	fclose(stream);
	if (!x509 || settings->certificate_count == CERTIFICATES_MAX) {
		X509_free(x509);
		return false;
	}
	certificate->key = X509_get_pubkey(x509);
	certificate->x5t = thumbprint(x509, EVP_sha1());
	certificate->x5t_s256 = thumbprint(x509, EVP_sha256());
	settings->certificate_count++;
	X509_free(x509);
	return certificate->key && certificate->x5t && certificate->x5t_s256;
}

/* One changeable setting: how it is named, what it may be, how it is shown. */
struct row {
	const char *key;
	const char *must; /* what a refusal says */
	bool (*fits)(const cJSON *value);
	void (*set)(struct settings *settings, const cJSON *value, void *at);
	void (*show)(cJSON *out, const char *key, const struct settings *settings,
		const void *at);
	size_t offset;
};

static void *at_of(struct settings *settings, const struct row *row)
{
	return (char *)settings + row->offset;
}

static bool fits_bool(const cJSON *value)
{
	return cJSON_IsBool(value);
}

static void set_bool(struct settings *settings, const cJSON *value, void *at)
{
	(void)settings;
	*(bool *)at = cJSON_IsTrue(value);
}

static void show_bool(
	cJSON *out, const char *key, const struct settings *settings, const void *at)
{
	(void)settings;
	cJSON_AddBoolToObject(out, key, *(const bool *)at);
}

static bool fits_number(const cJSON *value)
{
	return cJSON_IsNumber(value) && value->valuedouble >= -1 &&
	       value->valuedouble < 1e15;
}

static void set_number(struct settings *settings, const cJSON *value, void *at)
{
	(void)settings;
	*(int64_t *)at = (int64_t)value->valuedouble;
}

static void show_number(
	cJSON *out, const char *key, const struct settings *settings, const void *at)
{
	(void)settings;
	cJSON_AddNumberToObject(out, key, (double)*(const int64_t *)at);
}

static bool fits_secrets(const cJSON *value)
{
	const cJSON *one;

	if (!cJSON_IsArray(value) || cJSON_GetArraySize(value) > SECRETS_MAX)
		return false;
	cJSON_ArrayForEach (one, value)
		if (!cJSON_IsString(one))
			return false;
	return true;
}

static void set_secrets(struct settings *settings, const cJSON *value, void *at)
{
	const cJSON *one;
	bool expired = at == (void *)settings->expired_secrets;

	free_list(
		at, expired ? &settings->expired_secret_count : &settings->secret_count);
	cJSON_ArrayForEach (one, value)
		settings_add_secret(settings, one->valuestring, expired);
}

static void show_secrets(
	cJSON *out, const char *key, const struct settings *settings, const void *at)
{
	bool expired = at == (const void *)settings->expired_secrets;

	cJSON_AddNumberToObject(out, key,
		expired ? settings->expired_secret_count : settings->secret_count);
}

static bool fits_privileges(const cJSON *value)
{
	const cJSON *one;

	if (!cJSON_IsArray(value))
		return false;
	cJSON_ArrayForEach (one, value) {
		bool known = false;

		for (int i = 0; i < PRIVILEGES && cJSON_IsString(one); i++)
			known = known ||
				strcmp(one->valuestring, privilege_names[i]) == 0;
		if (!known)
			return false;
	}
	return true;
}

static void set_privileges(struct settings *settings, const cJSON *value, void *at)
{
	const cJSON *one;

	(void)at;
	for (int i = 0; i < PRIVILEGES; i++) {
		settings->privileges[i] = false;
		cJSON_ArrayForEach (one, value)
			if (strcmp(one->valuestring, privilege_names[i]) == 0)
				settings->privileges[i] = true;
	}
}

static void show_privileges(
	cJSON *out, const char *key, const struct settings *settings, const void *at)
{
	cJSON *list = cJSON_AddArrayToObject(out, key);

	(void)at;
	for (int i = 0; i < PRIVILEGES; i++)
		if (settings->privileges[i])
			cJSON_AddItemToArray(
				list, cJSON_CreateString(privilege_names[i]));
}

static bool fits_user_state(const cJSON *value)
{
	for (size_t i = 0; cJSON_IsString(value) && i <= USER_LOCKED; i++)
		if (strcmp(value->valuestring, user_state_names[i]) == 0)
			return true;
	return false;
}

static void set_user_state(struct settings *settings, const cJSON *value, void *at)
{
	(void)at;
	settings->password_failures = 0;
	for (int i = 0; i <= USER_LOCKED; i++)
		if (strcmp(value->valuestring, user_state_names[i]) == 0)
			settings->user_state = (enum user_state)i;
}

static void show_user_state(
	cJSON *out, const char *key, const struct settings *settings, const void *at)
{
	(void)at;
	cJSON_AddStringToObject(out, key, user_state_names[settings->user_state]);
}

static bool fits_password(const cJSON *value)
{
	return cJSON_IsString(value);
}

static void set_password(struct settings *settings, const cJSON *value, void *at)
{
	(void)at;
	free(settings->password);
	settings->password = need_copy(value->valuestring);
}

static void show_nothing(
	cJSON *out, const char *key, const struct settings *settings, const void *at)
{
	(void)at;
	cJSON_AddBoolToObject(out, key, settings->password != NULL);
}

static bool fits_columns(const cJSON *value)
{
	struct declared_column *probe = NULL;
	const cJSON *one;
	bool fits = cJSON_IsArray(value);

	cJSON_ArrayForEach (one, value)
		fits = fits && cJSON_IsString(one) &&
		       columns_declare(&probe, one->valuestring);
	columns_free(probe);
	return fits;
}

static void set_columns(struct settings *settings, const cJSON *value, void *at)
{
	const cJSON *one;

	(void)at;
	cJSON_ArrayForEach (one, value)
		columns_declare(&settings->columns, one->valuestring);
}

static void show_columns(
	cJSON *out, const char *key, const struct settings *settings, const void *at)
{
	cJSON *list = cJSON_AddArrayToObject(out, key);

	(void)at;
	for (struct declared_column *one = settings->columns; one; one = one->next)
		cJSON_AddItemToArray(list, cJSON_CreateString(one->name));
}

#define AT(member) offsetof(struct settings, member)
#define FLAG(key) \
	{ \
#key, "must be true or false", fits_bool, set_bool, show_bool, AT(key) \
	}
#define NUMBER(key) \
	{ \
#key, "must be a number, -1 or more", fits_number, set_number, \
			show_number, AT(key) \
	}

static const struct row rows[] = {
	FLAG(online),
	FLAG(application_user),
	FLAG(duplicate_rule),
	FLAG(strict_headers),
	FLAG(name_primary_key),
	NUMBER(latency_ms),
	NUMBER(dop_hint),
	NUMBER(max_records),
	NUMBER(max_concurrent),
	NUMBER(max_requests),
	NUMBER(window_s),
	NUMBER(token_life_s),
	{"secrets", "must be a list of at most 8 strings", fits_secrets, set_secrets,
		show_secrets, AT(secrets)},
	{"expired_secrets", "must be a list of at most 8 strings", fits_secrets,
		set_secrets, show_secrets, AT(expired_secrets)},
	{"privileges",
		"must be a list of prvCreateLead, prvReadLead, prvWriteLead, prvDeleteLead",
		fits_privileges, set_privileges, show_privileges, 0},
	{"user_state", "must be ok, mfa, expired, disabled or locked", fits_user_state,
		set_user_state, show_user_state, 0},
	{"password", "must be a string", fits_password, set_password, show_nothing, 0},
	{"columns", "must be a list of \"name:type[:limit]\"", fits_columns, set_columns,
		show_columns, 0},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const struct row *row_of(const char *key)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strcmp(rows[i].key, key) == 0)
			return &rows[i];
	return NULL;
}

bool settings_patch(
	struct settings *settings, const cJSON *patch, const char **key, const char **why)
{
	const cJSON *value;

	cJSON_ArrayForEach (value, patch) {
		const struct row *row = row_of(value->string);

		*key = value->string;
		*why = row ? row->must : "is no setting";
		if (!row || !row->fits(value))
			return false;
	}
	pthread_rwlock_wrlock(&settings->lock);
	cJSON_ArrayForEach (value, patch) {
		const struct row *row = row_of(value->string);

		row->set(settings, value, at_of(settings, row));
	}
	pthread_rwlock_unlock(&settings->lock);
	return true;
}

cJSON *settings_show(struct settings *settings)
{
	cJSON *out = cJSON_CreateObject();

	pthread_rwlock_rdlock(&settings->lock);
	for (size_t i = 0; i < ROWS; i++)
		rows[i].show(out, rows[i].key, settings, at_of(settings, &rows[i]));
	pthread_rwlock_unlock(&settings->lock);
	return out;
}
