/*
 * Addresses of CRMs, mail servers and listeners as people paste them, and what is
 * percent-encoded: one a line.
 */
#include "fuzz.h"

#include "config_read.h"
#include "dynamics_url.h"

#include "leadrelay/mail.h"

/* Of what the configuration takes for an address. */
static void require_dynamics(const char *line)
{
	char *origin = NULL, *base = NULL, *origin_again = NULL, *base_again = NULL;

	if (dynamics_url_parse(line, false, &origin, &base, NULL) != ERR_OK)
		return;
	for (const char *c = base; *c; c++)
		REQUIRE(*c > ' ' && *c <= '~');
	REQUIRE(strncmp(base, origin, strlen(origin)) == 0 && !strpbrk(base, "?#"));
	REQUIRE(dynamics_url_parse(base, false, &origin_again, &base_again, NULL) ==
		ERR_OK);
	REQUIRE(strcmp(origin, origin_again) == 0 && strcmp(base, base_again) == 0);
	free(origin);
	free(base);
	free(origin_again);
	free(base_again);
}

static void require_coding(const char *line)
{
	size_t len = strlen(line);
	struct buf encoded = BUF_INIT;
	char *copy = copy_text(line, len);
	long decoded = url_decode(copy, len, true);

	REQUIRE(decoded >= -1 && decoded <= (long)len);
	REQUIRE(decoded >= 0 || strcmp(copy, line) == 0);
	url_encode(&encoded, line, len);
	for (const char *c = buf_str(&encoded); *c; c++)
		REQUIRE(*c > ' ' && *c < 0x7f && !strchr("&=+?#/\"<>", *c));
	if (len > 0) {
		REQUIRE(url_decode(encoded.data, encoded.len, false) == (long)len);
		REQUIRE(memcmp(encoded.data, line, len) == 0);
	}
	buf_finish(&encoded);
	free(copy);
}

static void parse(char *line)
{
	struct smtp_settings server = {.url = line, .tls = SMTP_TLS_NONE};
	struct url_parts parts;
	char host[64];
	int port;

	require_coding(line);
	if (url_split(line, &parts)) {
		REQUIRE(parts.host[0] && parts.port >= 0 && parts.port <= 65535);
		if (!parts.has_user)
			require_dynamics(line);
	}
	if (listen_split(line, host, &port)) {
		REQUIRE(port >= 0 && port <= 65535);
		require_sentence(host);
	}
	(void)network_valid(line);
	(void)guid_valid(line);
	(void)smtp_settings_check(&server, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = input_of(data, size);

	while (input.at < input.end) {
		char *line = input_line(&input);

		parse(line);
		free(line);
	}
	return 0;
}
