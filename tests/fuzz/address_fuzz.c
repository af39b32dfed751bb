/*
 * IP addresses, ranges and X-Forwarded-For, a line each: what is printed of an address is
 * that address; a client's word counts only behind a proxy that is trusted.
 */
#include "fuzz.h"

#include "address.h"
#include "limits.h"

static void require_address(const struct address *address)
{
	char text[ADDRESS_TEXT_SIZE];
	struct address again, wide;
	struct address_range itself;

	address_text(address, text);
	REQUIRE(address_parse(text, &again) && address_equal(address, &again));
	REQUIRE(address_range_parse(text, &itself) && address_in_range(address, &itself));
	wide = address_for_limits(address);
	again = address_for_limits(&wide);
	REQUIRE(address_equal(&wide, &again));
	if (address_is_loopback(address))
		REQUIRE(address_is_private(address));
}

static void require_client(const struct limits *limits, const char *line)
{
	struct address trusted, other, client;

	REQUIRE(address_parse("10.1.2.3", &trusted) &&
		address_parse("192.0.2.7", &other));
	client = limits_client(limits, &other, line);
	REQUIRE(address_equal(&client, &other));
	client = limits_client(limits, &trusted, line);
	require_address(&client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char network[] = "10.0.0.0/8";
	static char *networks[] = {network};
	const struct intake_settings settings = {.trusted_proxies = {networks, 1}};
	struct input input = input_of(data, size);
	struct limits limits = {0};

	REQUIRE(limits_set(&limits, &settings));
	while (input.at < input.end) {
		char *line = input_line(&input);
		struct address address;
		struct address_range range;

		if (address_parse(line, &address))
			require_address(&address);
		if (address_range_parse(line, &range))
			REQUIRE(address_in_range(&range.base, &range));
		require_client(&limits, line);
		free(line);
	}
	limits_finish(&limits);
	return 0;
}
