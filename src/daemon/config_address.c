/* Addresses as people write them: URLs, listen addresses, networks, hosts. */
#include "config_read.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* 0 to max, digits only; -1 when it is not. */
static int number(const char *text, size_t len, int max)
{
	int value = 0;

	if (len == 0 || len > 6)
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return value <= max ? value : -1;
}

static bool label_valid(const char *label, size_t len)
{
	if (len == 0 || len > 63 || label[0] == '-' || label[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)label[i]) && label[i] != '-' &&
			label[i] != '_')
			return false;
	return true;
}

bool hostname_valid(const char *text)
{
	if (strlen(text) > 253)
		return false;
	for (;;) {
		size_t len = strcspn(text, ".");

		if (!label_valid(text, len))
			return false;
		if (!text[len] || !text[len + 1]) /* a last dot is fine */
			return true;
		text += len + 1;
	}
}

static bool is_ip(const char *text)
{
	unsigned char address[16];

	return inet_pton(AF_INET, text, address) == 1 ||
	       inet_pton(AF_INET6, text, address) == 1;
}

/* "host", "host:80", "[::1]:80" of len bytes. */
static bool authority_split(const char *text, size_t len, struct url_parts *out)
{
	const char *end = text + len;
	bool bracket = *text == '[';
	const char *host = text + bracket;
	const char *host_end = memchr(host, bracket ? ']' : ':', (size_t)(end - host));
	const char *after;
	size_t host_len;

	if (!host_end && bracket)
		return false;
	host_end = host_end ? host_end : end;
	after = host_end + bracket;
	host_len = (size_t)(host_end - host);
	if (host_len == 0 || host_len >= sizeof(out->host))
		return false;
	memcpy(out->host, host, host_len);
	out->host[host_len] = '\0';
	if (bracket ? !strchr(out->host, ':') || !is_ip(out->host)
		    : !hostname_valid(out->host))
		return false;
	if (after == end)
		return true;
	out->port = number(after + 1, (size_t)(end - after - 1), 65535);
	return *after == ':' && out->port > 0;
}

bool url_split(const char *text, struct url_parts *out)
{
	const char *colon = strstr(text, "://");
	const char *authority;
	const char *at;
	size_t len;

	*out = (struct url_parts){.path = ""};
	if (!colon || colon == text || (size_t)(colon - text) >= sizeof(out->scheme))
		return false;
	for (size_t i = 0; i < (size_t)(colon - text); i++)
		out->scheme[i] = (char)tolower((unsigned char)text[i]);
	authority = colon + 3;
	len = strcspn(authority, "/?#");
	out->path = authority + len;
	out->has_query = strpbrk(authority + len, "?#") != NULL;
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f ||
			strchr("\"<>\\^`{|}", *c))
			return false;
	at = memrchr(authority, '@', len);
	if (at) {
		out->has_user = true;
		len -= (size_t)(at + 1 - authority);
		authority = at + 1;
	}
	return len > 0 && authority_split(authority, len, out);
}

bool host_is_loopback(const char *host)
{
	unsigned char address[16];
	static const unsigned char six[16] = {[15] = 1};
	size_t len = strlen(host);

	if (inet_pton(AF_INET, host, address) == 1)
		return address[0] == 127;
	if (inet_pton(AF_INET6, host, address) == 1)
		return memcmp(address, six, 16) == 0;
	return strcasecmp(host, "localhost") == 0 ||
	       (len > 10 && strcasecmp(host + len - 10, ".localhost") == 0);
}

bool listen_split(const char *text, char host[64], int *port_out)
{
	const char *colon = strrchr(text, ':');
	bool bracket = *text == '[';
	size_t len;

	if (!colon)
		return false;
	len = (size_t)(colon - text) - (bracket ? 2 : 0);
	if ((bracket && (colon - text < 3 || colon[-1] != ']')) || len == 0 || len >= 64)
		return false;
	memcpy(host, text + bracket, len);
	host[len] = '\0';
	if (bracket != (strchr(host, ':') != NULL))
		return false;
	*port_out = number(colon + 1, strlen(colon + 1), 65535);
	return *port_out >= 0 && (is_ip(host) || strcasecmp(host, "localhost") == 0);
}

bool network_valid(const char *text)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	char host[64];

	if (len >= sizeof(host))
		return false;
	memcpy(host, text, len);
	host[len] = '\0';
	if (!is_ip(host))
		return false;
	return !slash ||
	       number(slash + 1, strlen(slash + 1), strchr(host, ':') ? 128 : 32) >= 0;
}

bool guid_valid(const char *text)
{
	struct uuid ignored;

	return uuid_parse(text, &ignored);
}
