/* admin: where the page, the API and the metrics are, and who may see them. */
#include "config_read.h"

#include <stddef.h>

#define END \
	{ \
		.name = NULL \
	}
#define MIB ((int64_t)1024 * 1024)

#define AT(member) .offset = offsetof(struct admin_settings, member)
const struct key admin_keys[] = {
	{.name = "listen",
		.node = take_listen,
		.required = true,
		AT(server.listen),
		.min = 1,
		.allowed =
			"IP addresses with a port, such as \"127.0.0.1:8090\" or \"[::1]:8090\""},
	/* required beyond loopback */
	{.name = "token",
		.secret = true,
		AT(tokens),
		.min = 16,
		.max = 8,
		.allowed = "1 to 8 tokens, one per line, each of at least 16 characters"},
	{.name = "tls", .node = take_inner, .keys = tls_keys, AT(server)},
	{.name = "hosts",
		.node = take_hosts,
		AT(hosts),
		.allowed =
			"names without a port that a proxy in front passes on, such as relay.contoso.com"},
	END,
};
#undef AT

/* What a handful of operators and a scraper need, and no more. */
static void set_limits(struct intake_settings *server)
{
	server->allow_plain = true;
	server->max_body = 1 * MIB;
	server->max_memory = 8 * MIB;
	server->max_connections = 200;
	server->max_connections_per_address = 64;
	server->rate_per_address = 200;
	server->request_timeout_ms = 30 * 1000;
}

void check_admin(struct reading *in, int line, yaml_node_t *node, void *target)
{
	struct admin_settings *admin = target;
	bool here = all_loopback(&admin->server.listen);
	bool tls = check_tls(in, line, node, &admin->server);

	admin->configured = true;
	set_limits(&admin->server);
	if (here)
		return;
	if (admin->tokens.count == 0)
		key_problem(in, node, line, "listen",
			"give token_file: a file with a token of at least 16 characters, or listen on 127.0.0.1",
			"an address other machines reach, and no token_file");
	else if (!tls)
		warning(in,
			"admin listens beyond this machine without TLS: the token and leads can be read on the way; give admin.tls: { certificate, key }, or listen on 127.0.0.1 behind a proxy");
}
