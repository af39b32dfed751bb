#include "dynamics_url.h"

#include "leadrelay/buf.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct parts {
	bool https;
	const char *host; /* with the port */
	size_t host_len;
	const char *path;
	size_t path_len;
};

static bool starts(const char *text, const char *prefix)
{
	return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

/* What a browser's address bar or a manual adds to an environment's address. */
static size_t path_length(const char *path)
{
	static const char *const tails[] = {"/main.aspx", "/api/data", "/XRMServices"};
	size_t len = strcspn(path, "?#");

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		const char *tail = strcasestr(path, tails[i]);

		if (tail && (size_t)(tail - path) < len)
			len = (size_t)(tail - path);
	}
	while (len > 0 && (path[len - 1] == '/' || isspace((unsigned char)path[len - 1])))
		len--;
	return len;
}

static struct parts split(const char *url)
{
	struct parts parts = {.https = true};

	while (isspace((unsigned char)*url))
		url++;
	if (starts(url, "http://"))
		parts.https = false;
	if (starts(url, "http://") || starts(url, "https://"))
		url = strstr(url, "://") + 3;
	parts.host = url;
	parts.host_len = strcspn(url, "/?# \t\r\n");
	parts.path = url + parts.host_len;
	parts.path_len = path_length(parts.path);
	if (parts.https && parts.host_len > 4 &&
		strncmp(url + parts.host_len - 4, ":443", 4) == 0)
		parts.host_len -= 4;
	return parts;
}

static size_t name_length(const struct parts *parts)
{
	const char *end;
	size_t len;

	if (parts->host[0] == '[') { /* 0: it has no end, and is no name */
		end = memchr(parts->host, ']', parts->host_len);
		return end ? (size_t)(end - parts->host) + 1 : 0;
	}
	len = strcspn(parts->host, ":");
	return len < parts->host_len ? len : parts->host_len;
}

/* Nothing behind the name, or a port. */
static bool valid_port(const struct parts *parts)
{
	size_t name = name_length(parts);
	size_t digits;

	if (name == parts->host_len)
		return true;
	digits = parts->host[name] == ':' ? strspn(parts->host + name + 1, "0123456789")
					  : 0;
	return digits > 0 && name + 1 + digits == parts->host_len;
}

static bool valid(const struct parts *parts)
{
	for (size_t i = 0; i < parts->host_len; i++)
		if (!isalnum((unsigned char)parts->host[i]) &&
			!strchr(".-_:[]", parts->host[i]))
			return false;
	for (size_t i = 0; i < parts->path_len; i++)
		if (parts->path[i] <= ' ' || parts->path[i] > '~')
			return false;
	return name_length(parts) > 0 && valid_port(parts);
}

static bool is_loopback(const struct parts *parts)
{
	size_t len = name_length(parts);

	return (len == 9 && starts(parts->host, "localhost")) ||
	       (len == 5 && starts(parts->host, "[::1]")) ||
	       (starts(parts->host, "127.") && strspn(parts->host, "0123456789.") >= len);
}

static bool is_cloud(const struct parts *parts)
{
	static const char domain[] = ".dynamics.com";
	size_t len = name_length(parts);
	size_t size = sizeof(domain) - 1;

	return len > size && strncasecmp(parts->host + len - size, domain, size) == 0;
}

static void add_origin(struct buf *out, const struct parts *parts)
{
	buf_adds(out, parts->https ? "https://" : "http://");
	for (size_t i = 0; i < parts->host_len; i++)
		buf_addc(out, (char)tolower((unsigned char)parts->host[i]));
}

enum err_code dynamics_url_parse(
	const char *url, bool allow_plain, char **origin, char **base, struct err *err)
{
	struct parts parts = split(url ? url : "");
	struct buf first = BUF_INIT;
	struct buf second = BUF_INIT;
	char *origin_text;
	char *base_text;

	if (!valid(&parts))
		return err_set(err, ERR_CONFIG,
			"url: not the address of an environment, such as "
			"https://contoso.crm4.dynamics.com");
	if (!parts.https && !allow_plain && !is_loopback(&parts))
		return err_set(err, ERR_CONFIG,
			"url: http:// would send the token and the lead unprotected; use "
			"https://, or set allow_plain: true");
	add_origin(&first, &parts);
	buf_adds(&second, buf_str(&first));
	if (!is_cloud(&parts))
		buf_add(&second, parts.path, parts.path_len);
	origin_text = buf_take(&first);
	base_text = buf_take(&second);
	if (!origin_text || !base_text) {
		free(origin_text);
		free(base_text);
		return err_set(err, ERR_NOMEM, "url: out of memory");
	}
	*origin = origin_text;
	*base = base_text;
	return ERR_OK;
}
