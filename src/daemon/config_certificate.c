/* Certificates as the configuration names them: readable, PEM, and a pair. */
#include "config_read.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <time.h>

/* A key with a passphrase is refused rather than asked for on a terminal. */
static int no_passphrase(char *buf, int size, int writing, void *ctx)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

static X509 *read_certificate(const char *file)
{
	BIO *bio = BIO_new_file(file, "r");
	X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;

	BIO_free(bio);
	return certificate;
}

static EVP_PKEY *read_private_key(const char *file)
{
	BIO *bio = BIO_new_file(file, "r");
	EVP_PKEY *key =
		bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;

	BIO_free(bio);
	return key;
}

static int64_t expiry_of(const X509 *certificate)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
		return 0;
	return (int64_t)timegm(&tm) * 1000;
}

enum err_code certificate_pair_check(
	const char *certificate, const char *key, int64_t *expires_out, struct err *err)
{
	X509 *x509 = read_certificate(certificate);
	EVP_PKEY *pkey = read_private_key(key);
	enum err_code code = ERR_OK;

	if (!x509)
		code = err_set(err, ERR_CONFIG, "%s holds no certificate in PEM form",
			certificate);
	else if (!pkey)
		code = err_set(err, ERR_CONFIG,
			"%s holds no private key in PEM form without a passphrase", key);
	else if (X509_check_private_key(x509, pkey) != 1)
		code = err_set(err, ERR_CONFIG, "the key in %s does not belong to %s",
			key, certificate);
	else
		*expires_out = expiry_of(x509);
	X509_free(x509);
	EVP_PKEY_free(pkey);
	return code;
}

enum err_code certificate_bundle_check(const char *file, struct err *err)
{
	X509 *x509 = read_certificate(file);

	if (!x509)
		return err_set(
			err, ERR_CONFIG, "%s holds no certificate in PEM form", file);
	X509_free(x509);
	return ERR_OK;
}
