/*
 * address: IP addresses as values, for both sides of the network: which ones a
 * destination may not reach, which ones a limit counts together. IPv4-mapped IPv6
 * addresses are the IPv4 addresses they mean. Pure; any thread.
 */
#ifndef LEADRELAY_NET_ADDRESS_H
#define LEADRELAY_NET_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;

struct address {
	bool v6;
	uint8_t bytes[16]; /* IPv4: the first 4, the rest zero */
};

struct address_range {
	struct address base;
	unsigned bits;
};

#define ADDRESS_TEXT_SIZE 48

/* Other families than IPv4 and IPv6: false, out untouched. */
bool address_from_sockaddr(const struct sockaddr *from, struct address *out);
/* "192.0.2.1" "2001:db8::1" "[2001:db8::1]"; a %zone is dropped. */
bool address_parse(const char *text, struct address *out);
char *address_text(const struct address *address, char out[ADDRESS_TEXT_SIZE]);
bool address_equal(const struct address *a, const struct address *b);
/* Not a public host: private, loopback, link-local, metadata, multicast, documentation
 * and the IPv6 forms that wrap such an IPv4 address. */
bool address_is_private(const struct address *address);
bool address_is_loopback(const struct address *address);
/* "10.0.0.0/8" "fd00::/8" "192.0.2.1" (itself only). */
bool address_range_parse(const char *text, struct address_range *out);
bool address_in_range(const struct address *address, const struct address_range *range);
/* What a limit per address counts as one: the IPv4 address, the /64 of an IPv6 one. */
struct address address_for_limits(const struct address *address);

#endif
