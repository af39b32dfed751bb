#include "azure_account.h"

#include "leadrelay/buf.h"
#include "leadrelay/clock.h"
#include "leadrelay/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SUFFIX "core.windows.net"
#define FORM \
	"DefaultEndpointsProtocol=https;AccountName=...;AccountKey=...;" \
	"EndpointSuffix=" SUFFIX

/* What every emulator of the service answers to; public by its makers' word. */
#define EMULATOR_NAME "devstoreaccount1"
#define EMULATOR_KEY \
	"Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/" \
	"KBHBeksoGMGw=="
#define EMULATOR_ENDPOINT "http://127.0.0.1:10002/" EMULATOR_NAME

void azure_account_finish(struct azure_account *account)
{
	explicit_bzero(account->key, sizeof(account->key));
	if (account->sas)
		explicit_bzero(account->sas, strlen(account->sas));
	free(account->sas);
	free(account->endpoint);
	free(account->name);
	*account = (struct azure_account){0};
}

bool azure_table_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len < 3 || len > 63 || !isalpha((unsigned char)*name) ||
		strcasecmp(name, "tables") == 0)
		return false;
	for (; *name; name++)
		if (!isalnum((unsigned char)*name))
			return false;
	return true;
}

/* Whole, padded base64. Returns the length, or 0. */
static size_t decode_key(const char *text, uint8_t out[AZURE_KEY_MAX])
{
	struct buf key = BUF_INIT;
	size_t len = 0;

	if (strlen(text) % 4 == 0 && base64_decode(&key, text, strlen(text)) &&
		key.len <= AZURE_KEY_MAX)
		len = key.len;
	if (len > 0)
		memcpy(out, key.data, len);
	buf_wipe(&key);
	return len;
}

/* ---- endpoints ---- */

static bool is_loopback(const char *host, size_t len)
{
	return (len == 9 && strncasecmp(host, "localhost", 9) == 0) ||
	       (len == 5 && strncmp(host, "[::1]", 5) == 0) ||
	       (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") >= len);
}

/* "host", "host:80", "[::1]:80" of len bytes; name_len_out: without the port. */
static bool authority_valid(const char *host, size_t len, size_t *name_len_out)
{
	const char *end = *host == '[' ? memchr(host, ']', len) : NULL;
	const char *colon = memchr(host, ':', len);
	size_t name =
		end ? (size_t)(end - host) + 1 : (colon ? (size_t)(colon - host) : len);

	for (size_t i = 0; i < name; i++)
		if (!isalnum((unsigned char)host[i]) && !strchr(".-_:[]", host[i]))
			return false;
	*name_len_out = name;
	if (name == 0 || name == len)
		return name > 0;
	return host[name] == ':' && name + 1 < len &&
	       name + 1 + strspn(host + name + 1, "0123456789") >= len;
}

/* Copies text without the slashes at its end. key: for errors. */
static enum err_code take_endpoint(struct azure_account *account, const char *key,
	const char *text, bool allow_plain, struct err *err)
{
	bool https = strncasecmp(text, "https://", 8) == 0;
	bool http = strncasecmp(text, "http://", 7) == 0;
	const char *host = text + (https ? 8 : 7);
	size_t len = strlen(text), name_len = 0;
	size_t host_len = https || http ? strcspn(host, "/?#") : 0;

	while (len > 0 && text[len - 1] == '/')
		len--;
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr("\"<>\\^`{|}%?#", text[i]))
			host_len = 0;
	if (host_len == 0 || !authority_valid(host, host_len, &name_len))
		return err_set(err, ERR_CONFIG,
			"%s: not the address of a table service, such as "
			"https://contoso.table." SUFFIX ", without a query",
			key);
	if (http && !allow_plain && !is_loopback(host, name_len))
		return err_set(err, ERR_CONFIG,
			"%s: http:// would send secrets and leads in the clear; use "
			"https://, or set allow_plain: true",
			key);
	account->endpoint = strndup(text, len);
	if (!account->endpoint)
		return err_set(err, ERR_NOMEM, "out of memory");
	memcpy(account->endpoint, https ? "https" : "http", https ? 5 : 4); /* HTTPS:// */
	return ERR_OK;
}

/* ---- shared access signatures ---- */

/* The decoded value of a parameter, the caller's to free(); NULL when it is not there. */
static char *sas_value(const char *sas, const char *name)
{
	size_t name_len = strlen(name);

	while (*sas) {
		size_t len = strcspn(sas, "&");

		if (len > name_len && strncmp(sas, name, name_len) == 0 &&
			sas[name_len] == '=') {
			char *value = strndup(sas + name_len + 1, len - name_len - 1);

			if (value && url_decode(value, strlen(value), false) < 0)
				*value = '\0';
			return value;
		}
		sas += len + (sas[len] == '&');
	}
	return NULL;
}

/* "2027-11-01T00:00:00Z", "2027-11-01T00:00Z" or "2027-11-01". */
static int64_t sas_end(const char *sas)
{
	char *end = sas_value(sas, "se");
	struct buf full = BUF_INIT;
	int64_t at = 0;

	if (end && time_parse(end, &at) != 0 && date_parse(end, &at) != 0) {
		size_t len = strlen(end);

		if (len == strlen("2027-11-01T00:00Z"))
			buf_addf(&full, "%.16s:00%s", end, end + 16);
		if (time_parse(buf_str(&full), &at) != 0)
			at = 0;
	}
	buf_finish(&full);
	free(end);
	return at;
}

static bool has_value(const char *sas, const char *name)
{
	char *value = sas_value(sas, name);
	bool has = value && *value;

	free(value);
	return has;
}

/* key: for errors. */
static enum err_code take_sas(
	struct azure_account *account, const char *key, const char *text, struct err *err)
{
	const char *query = strchr(text, '?');

	query = query ? query + 1 : text;
	for (const char *at = query; *at; at++)
		if (*at <= ' ' || *at > '~' || strchr("\"<>#?", *at))
			return err_set(err, ERR_CONFIG,
				"%s: holds a character that no signature has", key);
	if (!has_value(query, "sig") || !has_value(query, "sv"))
		return err_set(err, ERR_CONFIG,
			"%s: not a shared access signature: it has no sig= or no sv=; the "
			"portal shows it as \"SAS token\"",
			key);
	account->sas = strdup(query);
	account->sas_expires_at = sas_end(query);
	return account->sas ? ERR_OK : err_set(err, ERR_NOMEM, "out of memory");
}

enum err_code azure_sas_check(
	const struct azure_account *account, const char *table, struct err *err)
{
	char *of = account->sas ? sas_value(account->sas, "tn") : NULL;
	char *may = account->sas ? sas_value(account->sas, "sp") : NULL;
	enum err_code code = ERR_OK;

	if (of && strcasecmp(of, table) != 0)
		code = err_set(err, ERR_CONFIG,
			"table: the shared access signature is for another table (its tn=)");
	else if (may && !strchr(may, 'a'))
		code = err_set(err, ERR_CONFIG,
			"sas: its permissions (sp=) lack \"a\", add; ask for one with Add");
	free(of);
	free(may);
	return code;
}

static bool ends_in_table(const char *url, size_t len, const char *table)
{
	size_t size = strlen(table);

	return len > size + 1 && url[len - size - 1] == '/' &&
	       strncasecmp(url + len - size, table, size) == 0;
}

enum err_code azure_account_from_sas(struct azure_account *out, const char *url,
	const char *sas, const char *table, bool allow_plain, struct err *err)
{
	struct azure_account account = {0};
	enum err_code code = take_endpoint(&account, "url", url, allow_plain, err);

	if (code == ERR_OK)
		code = take_sas(&account, "sas", sas, err);
	if (code != ERR_OK) {
		azure_account_finish(&account);
		return code;
	}
	if (ends_in_table(account.endpoint, strlen(account.endpoint), table))
		account.endpoint[strlen(account.endpoint) - strlen(table) - 1] = '\0';
	*out = account;
	return ERR_OK;
}

/* ---- connection strings ---- */

enum part {
	PART_PROTOCOL,
	PART_NAME,
	PART_KEY,
	PART_SUFFIX,
	PART_ENDPOINT,
	PART_SAS,
	PART_EMULATOR,
	PARTS,
};

static const char *const part_names[PARTS] = {
	[PART_PROTOCOL] = "DefaultEndpointsProtocol",
	[PART_NAME] = "AccountName",
	[PART_KEY] = "AccountKey",
	[PART_SUFFIX] = "EndpointSuffix",
	[PART_ENDPOINT] = "TableEndpoint",
	[PART_SAS] = "SharedAccessSignature",
	[PART_EMULATOR] = "UseDevelopmentStorage",
};

/* The account's other services stand in the same text. */
static const char *const other_names[] = {"BlobEndpoint", "QueueEndpoint", "FileEndpoint",
	"DfsEndpoint", "WebEndpoint", "BlobSecondaryEndpoint", "QueueSecondaryEndpoint",
	"FileSecondaryEndpoint", "TableSecondaryEndpoint"};

struct parts {
	char *text; /* owned: a copy that is cut up, wiped at the end */
	size_t len;
	const char *values[PARTS];
};

static char *trim(char *text)
{
	size_t len;

	while (isspace((unsigned char)*text))
		text++;
	len = strlen(text);
	while (len > 0 && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	return text;
}

static int find_part(const char *name)
{
	for (int i = 0; i < PARTS; i++)
		if (strcasecmp(part_names[i], name) == 0)
			return i;
	return -1;
}

static bool is_other(const char *name)
{
	for (size_t i = 0; i < sizeof(other_names) / sizeof(other_names[0]); i++)
		if (strcasecmp(other_names[i], name) == 0)
			return true;
	return false;
}

/* "Name=value": the first '=' divides, as a key ends in some. */
static enum err_code take_part(struct parts *parts, char *piece, struct err *err)
{
	char *equals = strchr(piece, '=');
	const char *value;
	int part;

	if (!equals)
		return err_set(err, ERR_CONFIG,
			"connection_string: a part without '='; its form is " FORM);
	*equals = '\0';
	value = trim(equals + 1);
	piece = trim(piece);
	part = find_part(piece);
	if (part < 0 && is_other(piece))
		return ERR_OK;
	if (part < 0)
		return err_set(err, ERR_CONFIG,
			"connection_string: a part that is not known; its form is " FORM
			", or with TableEndpoint or SharedAccessSignature");
	if (parts->values[part])
		return err_set(err, ERR_CONFIG, "connection_string: %s stands twice",
			part_names[part]);
	if (!*value)
		return err_set(err, ERR_CONFIG, "connection_string: %s is empty",
			part_names[part]);
	parts->values[part] = value;
	return ERR_OK;
}

static enum err_code split(struct parts *parts, const char *text, struct err *err)
{
	char *piece, *rest;

	parts->text = rest = strdup(text);
	if (!rest)
		return err_set(err, ERR_NOMEM, "out of memory");
	parts->len = strlen(rest);
	while ((piece = strsep(&rest, ";")) != NULL)
		if (*trim(piece) && take_part(parts, piece, err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

static enum err_code check_parts(struct parts *parts, struct err *err)
{
	const char **values = parts->values;
	const char *protocol = values[PART_PROTOCOL];

	if (values[PART_EMULATOR]) {
		if (strcasecmp(values[PART_EMULATOR], "true") != 0)
			return err_set(err, ERR_CONFIG,
				"connection_string: UseDevelopmentStorage is not true");
		values[PART_NAME] = EMULATOR_NAME;
		values[PART_KEY] = EMULATOR_KEY;
		values[PART_ENDPOINT] = EMULATOR_ENDPOINT;
	}
	if (protocol && strcasecmp(protocol, "https") != 0 &&
		strcasecmp(protocol, "http") != 0)
		return err_set(err, ERR_CONFIG,
			"connection_string: DefaultEndpointsProtocol is neither https nor "
			"http");
	if (!values[PART_KEY] == !values[PART_SAS])
		return err_set(err, ERR_CONFIG,
			"connection_string: %s SharedAccessSignature; one of the two says by "
			"what right",
			values[PART_KEY] ? "both AccountKey and"
					 : "neither AccountKey nor");
	if (!values[PART_NAME] && (values[PART_KEY] || !values[PART_ENDPOINT]))
		return err_set(err, ERR_CONFIG,
			"connection_string: AccountName is missing; its form is " FORM);
	return ERR_OK;
}

static bool name_valid(const char *name)
{
	size_t len = strlen(name);

	return len >= 3 && len <= 24 &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789") == len;
}

static enum err_code make_endpoint(struct azure_account *account,
	const struct parts *parts, bool allow_plain, struct err *err)
{
	const char *suffix = parts->values[PART_SUFFIX];
	const char *protocol = parts->values[PART_PROTOCOL];
	struct buf url = BUF_INIT;
	enum err_code code;

	if (parts->values[PART_ENDPOINT])
		return take_endpoint(account, "connection_string: TableEndpoint",
			parts->values[PART_ENDPOINT], allow_plain, err);
	buf_addf(&url, "%s://%s.table.%s", protocol ? protocol : "https",
		parts->values[PART_NAME], suffix ? suffix : SUFFIX);
	code = take_endpoint(account, "connection_string: EndpointSuffix", buf_str(&url),
		allow_plain, err);
	buf_finish(&url);
	return code;
}

static enum err_code fill(struct azure_account *account, const struct parts *parts,
	bool allow_plain, struct err *err)
{
	const char *const *values = parts->values;
	enum err_code code;

	if (values[PART_NAME] && !name_valid(values[PART_NAME]))
		return err_set(err, ERR_CONFIG,
			"connection_string: AccountName is not 3 to 24 small letters and "
			"digits");
	code = make_endpoint(account, parts, allow_plain, err);
	if (code != ERR_OK)
		return code;
	if (values[PART_NAME])
		account->name = strdup(values[PART_NAME]);
	if (values[PART_NAME] && !account->name)
		return err_set(err, ERR_NOMEM, "out of memory");
	if (values[PART_SAS])
		return take_sas(account, "connection_string: SharedAccessSignature",
			values[PART_SAS], err);
	account->key_len = decode_key(values[PART_KEY], account->key);
	if (account->key_len == 0)
		return err_set(err, ERR_CONFIG,
			"connection_string: AccountKey is not whole base64: copy it anew, "
			"with the '=' at its end");
	return ERR_OK;
}

enum err_code azure_account_parse(
	struct azure_account *out, const char *text, bool allow_plain, struct err *err)
{
	struct azure_account account = {0};
	struct parts parts = {0};
	struct err local;
	enum err_code code;

	err = err ? err : &local;
	code = split(&parts, text, err);
	if (code == ERR_OK)
		code = check_parts(&parts, err);
	if (code == ERR_OK)
		code = fill(&account, &parts, allow_plain, err);
	if (parts.text)
		explicit_bzero(parts.text, parts.len);
	free(parts.text);
	if (code == ERR_OK)
		*out = account;
	else
		azure_account_finish(&account);
	return code;
}
