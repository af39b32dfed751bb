#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* What no destination on the public Internet has (RFC 6890 and its successors, and the
 * address at which Azure answers its own machines). */
static const char *const private_ranges[] = {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10",
	"127.0.0.0/8", "168.63.129.16", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"::/96", /* unspecified, loopback, IPv4-compatible */
	"64:ff9b:1::/48", "100::/64", "2001::/32", /* Teredo wraps any IPv4 address */
	"2001:db8::/32", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"};

static void set_v4(struct address *out, const void *bytes)
{
	*out = (struct address){.v6 = false};
	memcpy(out->bytes, bytes, 4);
}

static void set_v6(struct address *out, const struct in6_addr *from)
{
	if (IN6_IS_ADDR_V4MAPPED(from)) {
		set_v4(out, from->s6_addr + 12);
		return;
	}
	*out = (struct address){.v6 = true};
	memcpy(out->bytes, from->s6_addr, 16);
}

bool address_from_sockaddr(const struct sockaddr *from, struct address *out)
{
	if (from->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)from;

		set_v4(out, &in->sin_addr);
		return true;
	}
	if (from->sa_family == AF_INET6) {
		const struct sockaddr_in6 *in = (const void *)from;

		set_v6(out, &in->sin6_addr);
		return true;
	}
	return false;
}

bool address_parse(const char *text, struct address *out)
{
	char plain[ADDRESS_TEXT_SIZE + 32];
	size_t len = strlen(text);
	struct in6_addr v6;
	struct in_addr v4;

	if (len >= 2 && text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	if (len >= sizeof(plain))
		return false;
	memcpy(plain, text, len);
	plain[len] = 0;
	if (strchr(plain, ':') && strchr(plain, '%'))
		*strchr(plain, '%') = 0;
	if (inet_pton(AF_INET, plain, &v4) == 1) {
		set_v4(out, &v4);
		return true;
	}
	if (inet_pton(AF_INET6, plain, &v6) == 1) {
		set_v6(out, &v6);
		return true;
	}
	return false;
}

char *address_text(const struct address *address, char out[ADDRESS_TEXT_SIZE])
{
	if (!inet_ntop(address->v6 ? AF_INET6 : AF_INET, address->bytes, out,
		    ADDRESS_TEXT_SIZE))
		out[0] = 0;
	return out;
}

bool address_equal(const struct address *a, const struct address *b)
{
	return a->v6 == b->v6 && memcmp(a->bytes, b->bytes, 16) == 0;
}

bool address_range_parse(const char *text, struct address_range *out)
{
	const char *slash = strchr(text, '/');
	struct address_range range;
	char base[ADDRESS_TEXT_SIZE];
	char *end;

	if (!slash) {
		if (!address_parse(text, &range.base))
			return false;
		range.bits = range.base.v6 ? 128 : 32;
		*out = range;
		return true;
	}
	if ((size_t)(slash - text) >= sizeof(base))
		return false;
	memcpy(base, text, (size_t)(slash - text));
	base[slash - text] = 0;
	if (!address_parse(base, &range.base) || slash[1] < '0' || slash[1] > '9')
		return false;
	range.bits = (unsigned)strtoul(slash + 1, &end, 10);
	if (*end || range.bits > (range.base.v6 ? 128u : 32u))
		return false;
	*out = range;
	return true;
}

bool address_in_range(const struct address *address, const struct address_range *range)
{
	size_t whole = range->bits / 8;
	unsigned rest = range->bits % 8;
	uint8_t mask = (uint8_t)(0xff << (8 - rest));

	if (address->v6 != range->base.v6 ||
		memcmp(address->bytes, range->base.bytes, whole) != 0)
		return false;
	return rest == 0 ||
	       ((address->bytes[whole] ^ range->base.bytes[whole]) & mask) == 0;
}

/* The IPv4 address inside a NAT64 or 6to4 one. */
static bool wrapped_v4(const struct address *address, struct address *out)
{
	static const uint8_t nat64[12] = {0x00, 0x64, 0xff, 0x9b};
	static const uint8_t six_to_four[2] = {0x20, 0x02};

	if (!address->v6)
		return false;
	if (memcmp(address->bytes, nat64, 12) == 0) {
		set_v4(out, address->bytes + 12);
		return true;
	}
	if (memcmp(address->bytes, six_to_four, 2) == 0) {
		set_v4(out, address->bytes + 2);
		return true;
	}
	return false;
}

bool address_is_private(const struct address *address)
{
	struct address inner;
	struct address_range range;

	if (wrapped_v4(address, &inner))
		address = &inner;
	for (size_t i = 0; i < sizeof(private_ranges) / sizeof(private_ranges[0]); i++) {
		if (address_range_parse(private_ranges[i], &range) &&
			address_in_range(address, &range))
			return true;
	}
	return false;
}

bool address_is_loopback(const struct address *address)
{
	static const uint8_t v6[16] = {[15] = 1};

	if (address->v6)
		return memcmp(address->bytes, v6, 16) == 0;
	return address->bytes[0] == 127;
}

struct address address_for_limits(const struct address *address)
{
	struct address whole = *address;

	if (whole.v6)
		memset(whole.bytes + 8, 0, 8);
	return whole;
}
