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

#endif
