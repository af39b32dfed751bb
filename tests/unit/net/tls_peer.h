/* tls_peer: certificates made on the spot, and a peer that speaks TLS with them. */
#ifndef LEADRELAY_TEST_TLS_PEER_H
#define LEADRELAY_TEST_TLS_PEER_H

#include "peer.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <time.h>

struct authority {
	EVP_PKEY *key;
	X509 *certificate;
};

static inline void add_extension(X509 *to, int nid, const char *value)
{
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	X509_add_ext(to, extension, -1);
	X509_EXTENSION_free(extension);
}

/* by == NULL: self-signed. names: "IP:127.0.0.1" or "DNS:x", NULL for an authority. */
static inline struct authority make_certificate(
	const struct authority *by, const char *names, long from_s, long until_s)
{
	struct authority made = {EVP_EC_gen("P-256"), X509_new()};
	const char *cn = names ? "leaf" : "test authority";
	X509_NAME *subject = X509_get_subject_name(made.certificate);

	X509_set_version(made.certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(made.certificate), names ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(made.certificate), from_s);
	X509_gmtime_adj(X509_getm_notAfter(made.certificate), until_s);
	X509_NAME_add_entry_by_txt(
		subject, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
	X509_set_issuer_name(
		made.certificate, by ? X509_get_subject_name(by->certificate) : subject);
	X509_set_pubkey(made.certificate, made.key);
	if (names)
		add_extension(made.certificate, NID_subject_alt_name, names);
	else
		add_extension(
			made.certificate, NID_basic_constraints, "critical,CA:TRUE");
	X509_sign(made.certificate, by ? by->key : made.key, EVP_sha256());
	return made;
}

static inline void authority_free(struct authority *authority)
{
	EVP_PKEY_free(authority->key);
	X509_free(authority->certificate);
}

/* Writes PEM files; key_path may be NULL. */
static inline void write_pem(
	const struct authority *from, const char *certificate_path, const char *key_path)
{
	FILE *file = fopen(certificate_path, "w");

	PEM_write_X509(file, from->certificate);
	fclose(file);
	if (!key_path)
		return;
	file = fopen(key_path, "w");
	PEM_write_PrivateKey(file, from->key, NULL, NULL, 0, NULL, NULL);
	fclose(file);
}

/* peer->arg: the struct authority it shows. Answers one request with 200. */
static inline void serve_tls(struct peer *peer, int fd)
{
	const struct authority *shown = peer->arg;
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	SSL *ssl = SSL_new(ctx);
	char byte[4096];

	SSL_use_certificate(ssl, shown->certificate);
	SSL_use_PrivateKey(ssl, shown->key);
	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1 && SSL_read(ssl, byte, sizeof(byte)) > 0)
		SSL_write(ssl, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 38);
	SSL_shutdown(ssl);
	SSL_free(ssl);
	SSL_CTX_free(ctx);
}

/* ---- a peer that wants to know who it talks to ---- */

#define GUESTS_MAX 16

struct host {         /* peer->arg; the test's */
	SSL_CTX *ctx; /* one for all connections: sessions may be resumed */
	const struct authority *guests[2];
	pthread_t threads[GUESTS_MAX];
	int count;
};

struct visit {
	struct host *host;
	int fd;
};

static inline void host_open(
	struct host *host, const struct authority *shown, const struct authority *trusted)
{
	X509_STORE *store;

	*host = (struct host){.ctx = SSL_CTX_new(TLS_server_method())};
	SSL_CTX_use_certificate(host->ctx, shown->certificate);
	SSL_CTX_use_PrivateKey(host->ctx, shown->key);
	store = SSL_CTX_get_cert_store(host->ctx);
	X509_STORE_add_cert(store, trusted->certificate);
	SSL_CTX_set_session_id_context(host->ctx, (const unsigned char *)"host", 4);
	SSL_CTX_set_verify(
		host->ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

/* Once all clients have closed their connections. */
static inline void host_close(struct host *host)
{
	for (int i = 0; i < host->count; i++)
		pthread_join(host->threads[i], NULL);
	SSL_CTX_free(host->ctx);
}

static inline char guest_name(const struct host *host, const SSL *ssl)
{
	X509 *certificate = SSL_get1_peer_certificate(ssl);
	char name = '?';

	for (int i = 0; i < 2; i++)
		if (certificate && host->guests[i] &&
			X509_cmp(certificate, host->guests[i]->certificate) == 0)
			name = (char)('A' + i);
	X509_free(certificate);
	return name;
}

/* Every request of the connection is answered with the guest's letter. A handshake that
 * failed is read to its end, so that our alert arrives before a reset could. */
static inline void *host_visit(void *arg)
{
	struct visit *visit = arg;
	SSL *ssl = SSL_new(visit->host->ctx);
	char bytes[4096], answer[64];

	SSL_set_fd(ssl, visit->fd);
	if (SSL_accept(ssl) == 1) {
		snprintf(answer, sizeof(answer),
			"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%c",
			guest_name(visit->host, ssl));
		while (SSL_read(ssl, bytes, sizeof(bytes)) > 0)
			SSL_write(ssl, answer, (int)strlen(answer));
	} else {
		shutdown(visit->fd, SHUT_WR);
		while (read(visit->fd, bytes, sizeof(bytes)) > 0)
			;
	}
	SSL_free(ssl);
	close(visit->fd);
	free(visit);
	return NULL;
}

static inline void serve_guest(struct peer *peer, int fd)
{
	struct host *host = peer->arg;
	struct visit *visit = malloc(sizeof(*visit));

	if (!visit || host->count == GUESTS_MAX)
		abort();
	*visit = (struct visit){host, dup(fd)};
	if (pthread_create(&host->threads[host->count++], NULL, host_visit, visit) != 0)
		abort();
}

#endif
