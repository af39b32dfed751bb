/*
 * What a CURLcode means for the relay, and a sentence about it: the host, the step, the
 * cause in libcurl's or the system's words, never the URL's query or a header.
 */
#include "flight.h"
#include "leadrelay/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <string.h>

static const struct {
	CURLcode code;
	enum http_failure failure;
} failures[] = {
	{CURLE_OK, HTTP_FINE},
	{CURLE_COULDNT_RESOLVE_HOST, HTTP_DNS},
	{CURLE_COULDNT_RESOLVE_PROXY, HTTP_DNS},
	{CURLE_COULDNT_CONNECT, HTTP_CONNECT},
	{CURLE_PROXY, HTTP_CONNECT},
	{CURLE_INTERFACE_FAILED, HTTP_CONNECT},
	{CURLE_SSL_CONNECT_ERROR, HTTP_TLS},
	{CURLE_PEER_FAILED_VERIFICATION, HTTP_TLS},
	{CURLE_SSL_ISSUER_ERROR, HTTP_TLS},
	{CURLE_SSL_INVALIDCERTSTATUS, HTTP_TLS},
	{CURLE_SSL_PINNEDPUBKEYNOTMATCH, HTTP_TLS},
	{CURLE_SSL_CIPHER, HTTP_TLS},
	{CURLE_SSL_CLIENTCERT, HTTP_TLS},
	{CURLE_USE_SSL_FAILED, HTTP_TLS},
	{CURLE_OPERATION_TIMEDOUT, HTTP_TIMEOUT},
	{CURLE_SEND_ERROR, HTTP_RESET},
	{CURLE_RECV_ERROR, HTTP_RESET},
	{CURLE_GOT_NOTHING, HTTP_RESET},
	{CURLE_PARTIAL_FILE, HTTP_RESET},
	{CURLE_HTTP2, HTTP_RESET},
	{CURLE_HTTP2_STREAM, HTTP_RESET},
	{CURLE_NO_CONNECTION_AVAILABLE, HTTP_RESET},
	{CURLE_SEND_FAIL_REWIND, HTTP_RESET},
	{CURLE_WEIRD_SERVER_REPLY, HTTP_PROTOCOL},
	{CURLE_UNSUPPORTED_PROTOCOL, HTTP_PROTOCOL}, /* also an answer in HTTP/0.9 */
	{CURLE_BAD_CONTENT_ENCODING, HTTP_PROTOCOL},
	{CURLE_WRITE_ERROR, HTTP_PROTOCOL}, /* our limits */
	{CURLE_FILESIZE_EXCEEDED, HTTP_PROTOCOL},
	{CURLE_OUT_OF_MEMORY, HTTP_LOCAL},
	{CURLE_SSL_CERTPROBLEM, HTTP_LOCAL},
	{CURLE_SSL_CACERT_BADFILE, HTTP_LOCAL},
	{CURLE_SSL_CRL_BADFILE, HTTP_LOCAL},
	{CURLE_URL_MALFORMAT, HTTP_LOCAL},
	{CURLE_BAD_FUNCTION_ARGUMENT, HTTP_LOCAL},
	{CURLE_UNKNOWN_OPTION, HTTP_LOCAL},
	{CURLE_FAILED_INIT, HTTP_LOCAL},
	{CURLE_NOT_BUILT_IN, HTTP_LOCAL},
	{CURLE_SSL_ENGINE_INITFAILED, HTTP_LOCAL},
};

int failure_of_code(CURLcode code)
{
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		if (failures[i].code == code)
			return (int)failures[i].failure;
	}
	return -1;
}

/* What the other side says of our certificate, in OpenSSL's names for TLS alerts. Under
 * TLS 1.3 it says so after we have begun to send. */
static const struct {
	const char *alert, *text;
} alerts[] = {
	{"alert certificate required", "it asks for a client certificate"},
	{"alert handshake failure",
		"it broke off: no cipher in common, or it asks for a client certificate"},
	{"alert unknown ca", "it does not know the authority of our client certificate"},
	{"alert certificate expired", "our client certificate has expired"},
	{"alert certificate revoked", "our client certificate was revoked"},
	{"alert certificate unknown", "it does not take our client certificate"},
	{"alert bad certificate", "it does not take our client certificate"},
	{"alert unsupported certificate", "it does not take our client certificate"},
	{"alert access denied", "our client certificate has no access"},
};

static const char *find_alert(const char *words)
{
	for (size_t i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++)
		if (strstr(words, alerts[i].alert))
			return alerts[i].text;
	return NULL;
}

long failure_proxy_status(const struct flight *flight)
{
	long status = 0;

	if (flight->easy && flight->exchange->route && flight->exchange->route->proxy &&
		flight->requests == 0)
		curl_easy_getinfo(flight->easy, CURLINFO_HTTP_CONNECTCODE, &status);
	return status >= 300 ? status : 0;
}

bool failure_certificate_refused(const struct flight *flight, CURLcode code)
{
	return (code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR ||
		       code == CURLE_SSL_CONNECT_ERROR) &&
	       find_alert(flight->words) != NULL;
}

enum http_failure failure_of(const struct flight *flight, CURLcode code, bool sent)
{
	int failure = failure_of_code(code);

	if (failure_certificate_refused(flight, code))
		return HTTP_TLS;

	if (flight->refused_private &&
		(code == CURLE_COULDNT_CONNECT || code == CURLE_ABORTED_BY_CALLBACK))
		return HTTP_PRIVATE;
	if (code != CURLE_OK && failure_proxy_status(flight) > 0)
		return HTTP_CONNECT;
	if (code == CURLE_RECV_ERROR && strstr(flight->words, "chunk"))
		return HTTP_PROTOCOL;
	if (failure >= 0)
		return (enum http_failure)failure;
	return sent ? HTTP_PROTOCOL : HTTP_LOCAL;
}

/* ---- the sentence ---- */

struct place { /* where the exchange was going */
	char host[256];
	char port[8];
	bool https;
};

static void read_place(const struct flight *flight, struct place *place)
{
	CURLU *url = curl_url();
	char *part = NULL;

	*place = (struct place){.host = "the destination"};
	if (!url || curl_url_set(url, CURLUPART_URL,
			    buf_str(&flight->exchange->request.url), 0) != CURLUE_OK)
		goto out;
	if (curl_url_get(url, CURLUPART_HOST, &part, 0) == CURLUE_OK)
		snprintf(place->host, sizeof(place->host), "%s", part);
	curl_free(part);
	part = NULL;
	if (curl_url_get(url, CURLUPART_PORT, &part, CURLU_DEFAULT_PORT) == CURLUE_OK)
		snprintf(place->port, sizeof(place->port), "%s", part);
	curl_free(part);
	part = NULL;
	if (curl_url_get(url, CURLUPART_SCHEME, &part, 0) == CURLUE_OK)
		place->https = strcmp(part, "https") == 0;
	curl_free(part);
out:
	curl_url_cleanup(url);
}

static const char *words_of(const struct flight *flight, CURLcode code)
{
	return flight->words[0] ? flight->words : curl_easy_strerror(code);
}

static const struct {
	long verify;
	const char *text;
} verify_words[] = {
	{X509_V_ERR_CERT_HAS_EXPIRED, "its certificate has expired"},
	{X509_V_ERR_CERT_NOT_YET_VALID,
		"its certificate is not valid yet (or this machine's clock is wrong)"},
	{X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "its certificate is self-signed"},
	{X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
		"its certificate comes from an authority that is not trusted here"},
	{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
		"its certificate comes from an authority that is not known here"},
	{X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
		"its certificate comes from an authority that is not known here"},
	{X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
		"it sends its certificate without the intermediate one"},
	{X509_V_ERR_HOSTNAME_MISMATCH, "its certificate is for another host"},
	{X509_V_ERR_IP_ADDRESS_MISMATCH, "its certificate is for another address"},
	{X509_V_ERR_CERT_REVOKED, "its certificate was revoked"},
	{X509_V_ERR_CA_KEY_TOO_SMALL, "its authority's key is too short"},
	{X509_V_ERR_EE_KEY_TOO_SMALL, "its certificate's key is too short"},
};

const char *failure_tls_cause(CURL *easy, const char *words)
{
	long verify = X509_V_OK;

	curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verify);
	for (size_t i = 0; i < sizeof(verify_words) / sizeof(verify_words[0]); i++) {
		if (verify_words[i].verify == verify)
			return verify_words[i].text;
	}
	if (strstr(words, "does not match target host name") ||
		strstr(words, "no alternative certificate subject name"))
		return "its certificate is for another host";
	return find_alert(words);
}

static void describe_tls(const struct flight *flight, CURLcode code,
	const struct place *place, char *out, size_t size)
{
	const char *cause = failure_tls_cause(flight->easy, flight->words);

	if (cause)
		snprintf(out, size, "TLS with %s:%s: %s (%s)", place->host, place->port,
			cause, words_of(flight, code));
	else
		snprintf(out, size, "TLS with %s:%s: %s", place->host, place->port,
			words_of(flight, code));
}

static void describe_connect(const struct flight *flight, CURLcode code,
	const struct place *place, char *out, size_t size)
{
	long proxy = failure_proxy_status(flight), cause = 0;

	curl_easy_getinfo(flight->easy, CURLINFO_OS_ERRNO, &cause);
	if (proxy > 0)
		snprintf(out, size,
			"connecting to %s:%s: the proxy refused the connection with "
			"status %ld",
			place->host, place->port, proxy);
	else if (cause > 0 && cause != EINPROGRESS && code == CURLE_COULDNT_CONNECT)
		snprintf(out, size, "connecting to %s%s:%s: %s",
			flight->exchange->route->proxy ? "the proxy for " : "",
			place->host, place->port, strerror((int)cause));
	else
		snprintf(out, size, "connecting to %s:%s: %s", place->host, place->port,
			words_of(flight, code));
}

static const char *timeout_step(
	const struct flight *flight, const struct place *place, bool sent)
{
	curl_off_t resolved = 0, connected = 0, secured = 0;

	curl_easy_getinfo(flight->easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
	curl_easy_getinfo(flight->easy, CURLINFO_CONNECT_TIME_T, &connected);
	curl_easy_getinfo(flight->easy, CURLINFO_APPCONNECT_TIME_T, &secured);
	if (flight->exchange->answer.status > 0)
		return "while the answer was arriving";
	if (sent)
		return "waiting for the answer";
	if (flight->requests > 0)
		return "while sending the request";
	if (connected > 0 && place->https && secured == 0)
		return "in the TLS handshake";
	if (connected > 0)
		return "before the request could be sent";
	return resolved > 0 ? "while connecting" : "while resolving the name";
}

static void describe_timeout(const struct flight *flight, const struct place *place,
	bool sent, char *out, size_t size)
{
	char span[DURATION_TEXT_SIZE];

	snprintf(out, size, "%s:%s: timed out after %s %s", place->host, place->port,
		duration_human(flight->exchange->route->timeout_ms, span),
		timeout_step(flight, place, sent));
}

static void describe_protocol(const struct flight *flight, CURLcode code,
	const struct place *place, char *out, size_t size)
{
	if (flight->too_large)
		snprintf(out, size,
			"%s:%s: the answer is larger than allowed (%d KiB of body, 64 of "
			"headers)",
			place->host, place->port, HTTP_BODY_MAX / 1024);
	else if (code == CURLE_OK)
		snprintf(out, size, "%s:%s: the answer has no usable status", place->host,
			place->port);
	else
		snprintf(out, size, "%s:%s: not a proper HTTP answer: %s", place->host,
			place->port, words_of(flight, code));
}

/* Words from outside in one printable line. */
static void make_printable(char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f)
			*text = ' ';
	}
}

void failure_describe(const struct flight *flight, CURLcode code,
	enum http_failure failure, bool sent, char *out, size_t size)
{
	struct place place;

	read_place(flight, &place);
	switch (failure) {
	case HTTP_FINE:
		out[0] = 0;
		break;
	case HTTP_DNS:
		snprintf(out, size, "resolving %s: %s", place.host,
			words_of(flight, code));
		break;
	case HTTP_CONNECT:
		describe_connect(flight, code, &place, out, size);
		break;
	case HTTP_TLS:
		describe_tls(flight, code, &place, out, size);
		break;
	case HTTP_TIMEOUT:
		describe_timeout(flight, &place, sent, out, size);
		break;
	case HTTP_RESET:
		snprintf(out, size, "%s:%s: the connection broke %s: %s", place.host,
			place.port,
			sent ? "after the request was sent"
			     : "before the request was sent",
			words_of(flight, code));
		break;
	case HTTP_PROTOCOL:
		describe_protocol(flight, code, &place, out, size);
		break;
	case HTTP_PRIVATE:
		snprintf(out, size,
			"connecting to %s:%s: refused, its address is private, loopback, "
			"link-local or reserved (allow_private would permit it)",
			place.host, place.port);
		break;
	case HTTP_CANCELLED:
		snprintf(out, size, "%s:%s: cancelled", place.host, place.port);
		break;
	case HTTP_LOCAL:
		snprintf(out, size, "preparing the request to %s: %s", place.host,
			words_of(flight, code));
		break;
	}
	make_printable(out);
}
