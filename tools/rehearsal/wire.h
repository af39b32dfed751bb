/*
 * wire: one accepted connection, plain or TLS, as blocking reads and writes. One thread
 * owns it; only wire_cut may come from another, and only while the owner has not yet
 * closed it.
 */
#ifndef REHEARSAL_WIRE_H
#define REHEARSAL_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <openssl/ssl.h>

struct wire {
	int fd;
	SSL *ssl; /* NULL: plain */
};

/* wire holds an accepted fd already. False when the TLS handshake failed; the wire is to
 * be closed either way. */
bool wire_open(struct wire *wire, SSL_CTX *tls);

ssize_t wire_read(struct wire *wire, void *data, size_t len); /* 0 end, -1 broken */
bool wire_write(struct wire *wire, const void *data, size_t len);

/* Waits until the peer goes away or ms pass; what the peer sends meanwhile is thrown
 * away. */
void wire_wait_gone(struct wire *wire, int64_t ms);

void wire_cut(struct wire *wire);   /* wakes whoever reads or writes it */
void wire_close(struct wire *wire); /* says goodbye, lets the peer read what was sent */
void wire_reset(struct wire *wire); /* RST: what was sent may be lost to the peer */

#endif
