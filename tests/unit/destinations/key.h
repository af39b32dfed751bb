/*
 * key: an RSA key (small, so made fast) and its self-signed certificate in PEM files,
 * made once per test program.
 */
#ifndef TESTS_DESTINATIONS_KEY_H
#define TESTS_DESTINATIONS_KEY_H

#include "support.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct key_files {
	EVP_PKEY *key;
	X509 *certificate;
	char folder[32];
	char certificate_path[64];
	char key_path[64];
};

static inline void write_pem(struct key_files *files)
{
	FILE *file = fopen(files->certificate_path, "w");

	assert_non_null(file);
	assert_int_equal(PEM_write_X509(file, files->certificate), 1);
	fclose(file);
	file = fopen(files->key_path, "w");
	assert_non_null(file);
	assert_int_equal(
		PEM_write_PrivateKey(file, files->key, NULL, NULL, 0, NULL, NULL), 1);
	fclose(file);
}

static inline struct key_files make_key_files(void)
{
	struct key_files files = {.folder = "/tmp/leadrelay-key-XXXXXX"};

	assert_non_null(mkdtemp(files.folder));
	snprintf(files.certificate_path, sizeof(files.certificate_path), "%s/crt",
		files.folder);
	snprintf(files.key_path, sizeof(files.key_path), "%s/key", files.folder);
	files.key = EVP_RSA_gen(1024);
	files.certificate = X509_new();
	X509_set_version(files.certificate, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(files.certificate), 1);
	X509_gmtime_adj(X509_getm_notBefore(files.certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(files.certificate), 3600);
	X509_set_pubkey(files.certificate, files.key);
	assert_true(X509_sign(files.certificate, files.key, EVP_sha256()) > 0);
	write_pem(&files);
	return files;
}

static inline void remove_key_files(struct key_files *files)
{
	unlink(files->certificate_path);
	unlink(files->key_path);
	rmdir(files->folder);
	EVP_PKEY_free(files->key);
	X509_free(files->certificate);
}

#endif
