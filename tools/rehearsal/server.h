/*
 * server: listens, gives every connection a thread, and cuts them all when told to.
 *
 * Up to two addresses: the CRM's own, which a fault may close for a while, and one for
 * the control API, which stays open. Both answer everything.
 */
#ifndef REHEARSAL_SERVER_H
#define REHEARSAL_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

struct crm;
struct server;

/* tls NULL: plain; borrowed. max_connections: further ones wait in the backlog. */
struct server *server_create(struct crm *crm, SSL_CTX *tls, int max_connections);
void server_destroy(struct server *server); /* after server_stop */

/* address: "127.0.0.1:8080", "[::1]:0". control: it is never closed. False: *why is a
 * static sentence, errno may say more. */
bool server_listen(struct server *server, const char *address, bool control,
	bool allow_remote, const char **why);
int server_port(const struct server *server, bool control); /* 0: none */

/* Starts accepting. False: no thread could be made. */
bool server_start(struct server *server);
void server_stop(struct server *server); /* returns when every connection is gone */

/* The CRM's address refuses connections for ms (0: stops refusing), and all that are open
 * there are cut. */
void server_refuse(struct server *server, int64_t ms);

/* Closes every connection that did not last speak to the control API. */
void server_cut(struct server *server);

#endif
