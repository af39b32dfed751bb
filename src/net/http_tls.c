/* The server's certificate and key: read and checked before they are used. */
#include "leadrelay/clock.h"
#include "leadrelay/text.h"
#include "server.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FILE_MAX (1024 * 1024)

static enum err_code read_file(const char *path, struct buf *out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = 0;

	if (fd < 0)
		return err_errno(err, errno, "%s", path);
	while (out->len < FILE_MAX && buf_reserve(out, 4096)) {
		got = read(fd, out->data + out->len, 4096);
		if (got <= 0)
			break;
		out->len += (size_t)got;
		out->data[out->len] = 0;
	}
	close(fd);
	if (got < 0)
		return err_errno(err, errno, "%s", path);
	if (!buf_ok(out))
		return err_set(err, ERR_NOMEM, "%s: out of memory", path);
	return ERR_OK;
}

static int64_t end_of(const X509 *certificate)
{
	struct tm tm = {0};

	if (!ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm))
		return 0;
	return (int64_t)timegm(&tm) * 1000;
}

/* Passwords are not asked for on a daemon's terminal. */
static int no_password(char *out, int size, int writing, void *arg)
{
	(void)out;
	(void)size;
	(void)writing;
	(void)arg;
	return -1;
}

static enum err_code check_pair(struct tls_files *files, const char *certificate_path,
	const char *key_path, const struct clock *clock, struct err *err)
{
	BIO *certificate_bio =
		BIO_new_mem_buf(files->certificate.data, (int)files->certificate.len);
	BIO *key_bio = BIO_new_mem_buf(files->key.data, (int)files->key.len);
	X509 *certificate = certificate_bio ? PEM_read_bio_X509(certificate_bio, NULL,
						      no_password, NULL)
					    : NULL;
	EVP_PKEY *key =
		key_bio ? PEM_read_bio_PrivateKey(key_bio, NULL, no_password, NULL)
			: NULL;
	enum err_code code = ERR_OK;

	if (!certificate)
		code = err_set(err, ERR_CONFIG,
			"%s: not a certificate in PEM form (it starts with "
			"-----BEGIN CERTIFICATE-----)",
			certificate_path);
	else if (!key)
		code = err_set(err, ERR_CONFIG,
			"%s: not an unencrypted private key in PEM form", key_path);
	else if (X509_check_private_key(certificate, key) != 1)
		code = err_set(err, ERR_CONFIG, "%s: the key does not belong to %s",
			key_path, certificate_path);
	else
		files->expires_at = end_of(certificate);
	if (code == ERR_OK && files->expires_at <= clock_wall(clock))
		code = err_set(err, ERR_CONFIG,
			"%s: the certificate has expired; renew it", certificate_path);
	ERR_clear_error();
	X509_free(certificate);
	EVP_PKEY_free(key);
	BIO_free(certificate_bio);
	BIO_free(key_bio);
	return code;
}

enum err_code tls_files_read(struct tls_files *out, const char *certificate,
	const char *key, const struct clock *clock, struct err *err)
{
	struct tls_files files = {0};
	enum err_code code = read_file(certificate, &files.certificate, err);

	if (code == ERR_OK)
		code = read_file(key, &files.key, err);
	if (code == ERR_OK)
		code = check_pair(&files, certificate, key, clock, err);
	if (code != ERR_OK) {
		tls_files_finish(&files);
		return code;
	}
	sha256_parts(
		(struct sha256_part[]){{files.certificate.data, files.certificate.len},
			{files.key.data, files.key.len}},
		2, files.digest);
	*out = files;
	return ERR_OK;
}

void tls_files_finish(struct tls_files *files)
{
	buf_finish(&files->certificate);
	buf_wipe(&files->key);
}
