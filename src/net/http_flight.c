/* One exchange as a libcurl easy handle: options in, callbacks, results out. */
#include "address.h"
#include "flight.h"
#include "leadrelay/clock.h"
#include "leadrelay/fault.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_HEADERS_MAX (64 * 1024)
#define USER_AGENT "leadrelay"

/* ---- while it runs ---- */

static size_t take_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct flight *flight = arg;
	struct buf *body = &flight->exchange->answer.body;
	size_t len = size * count;

	if (body->len + len > HTTP_BODY_MAX) {
		flight->too_large = true;
		return 0;
	}
	buf_add(body, bytes, len);
	return buf_ok(body) ? len : 0;
}

/* Every status line starts the headers anew: what is left at the end is the last answer,
 * not the "100 Continue" before it. */
static size_t take_header(char *bytes, size_t size, size_t count, void *arg)
{
	struct flight *flight = arg;
	struct buf *headers = &flight->exchange->answer.headers;
	size_t len = size * count, text = len;

	if (len >= 5 && strncmp(bytes, "HTTP/", 5) == 0) {
		FAULT_POINT("send.reply_headers");
		buf_clear(headers);
		return len;
	}
	while (text > 0 && (bytes[text - 1] == '\n' || bytes[text - 1] == '\r'))
		text--;
	if (headers->len + text + 1 > ANSWER_HEADERS_MAX) {
		flight->too_large = true;
		return 0;
	}
	if (text > 0) {
		buf_add(headers, bytes, text);
		buf_addc(headers, '\n');
	}
	return buf_ok(headers) ? len : 0;
}

/* Does the route forbid to talk to this address? With a proxy it is the proxy's, which
 * the operator chose; what lies behind it is the proxy's to judge. */
static bool forbidden(const struct flight *flight, const struct address *address)
{
	const struct route_settings *route = flight->exchange->route;

	return !route->allow_private && !route->proxy && address_is_private(address);
}

static curl_socket_t open_socket(
	void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct flight *flight = arg;
	struct address address;
	curl_socket_t fd;

	if (purpose != CURLSOCKTYPE_IPCXN || !address_from_sockaddr(&to->addr, &address))
		return CURL_SOCKET_BAD;
	if (forbidden(flight, &address)) {
		flight->refused_private = true;
		return CURL_SOCKET_BAD;
	}
	fd = socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
	if (fd >= 0)
		flight_opened(flight, fd);
	return fd;
}

/* The connection is up (a new or a kept one, which another route may have opened) and the
 * request is about to leave on it. */
static int before_request(
	void *arg, char *peer, char *local, int peer_port, int local_port)
{
	struct flight *flight = arg;
	struct address address;

	(void)local;
	(void)peer_port;
	(void)local_port;
	if (!peer || !address_parse(peer, &address) || forbidden(flight, &address)) {
		flight->refused_private = true;
		return CURL_PREREQFUNC_ABORT;
	}
	flight->requests++;
	FAULT_POINT("send.connected");
	return CURL_PREREQFUNC_OK;
}

#ifdef LEADRELAY_FAULT_POINTS
/* libcurl tells of the bytes after they were written. */
static int trace(CURL *easy, curl_infotype type, char *bytes, size_t len, void *arg)
{
	(void)easy;
	(void)bytes;
	(void)len;
	(void)arg;
	if (type == CURLINFO_HEADER_OUT)
		FAULT_POINT("send.headers_out");
	if (type == CURLINFO_DATA_OUT)
		FAULT_POINT("send.body_out_no_reply");
	return 0;
}
#endif

/* ---- options ---- */

/* All calls in one place: the first that fails is remembered. */
#define SET(option, value) \
	do { \
		if (code == CURLE_OK) \
			code = curl_easy_setopt(flight->easy, option, value); \
	} while (0)

static CURLcode set_always(struct flight *flight)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_PRIVATE, flight);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L); /* giving up must not wait for the resolver */
	SET(CURLOPT_ERRORBUFFER, flight->words);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_USERAGENT, USER_AGENT);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, flight);
	SET(CURLOPT_HEADERFUNCTION, take_header);
	SET(CURLOPT_HEADERDATA, flight);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, flight);
	SET(CURLOPT_CLOSESOCKETFUNCTION, flight_close_socket);
	SET(CURLOPT_CLOSESOCKETDATA, flight->client);
	SET(CURLOPT_PREREQFUNCTION, before_request);
	SET(CURLOPT_PREREQDATA, flight);
#ifdef LEADRELAY_FAULT_POINTS
	SET(CURLOPT_VERBOSE, 1L);
	SET(CURLOPT_DEBUGFUNCTION, trace);
#endif
	return code;
}

/* libcurl keeps the authorities it has read for the next connections, but only without a
 * folder of them beside the file: reading the usual bundle anew holds the loop up for
 * 30 to 70 ms a connection. */
static bool has_bundle(void)
{
	return curl_version_info(CURLVERSION_NOW)->cainfo != NULL;
}

static CURLcode set_route(struct flight *flight)
{
	const struct route_settings *route = flight->exchange->route;
	CURLcode code = CURLE_OK;

	SET(CURLOPT_TIMEOUT_MS,
		(long)(route->timeout_ms > 0 ? route->timeout_ms : 60000));
	SET(CURLOPT_HTTP_VERSION,
		(long)(route->http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
	SET(CURLOPT_PIPEWAIT, route->http2 ? 1L : 0L);
	SET(CURLOPT_PROXY, route->proxy ? route->proxy : "");
	SET(CURLOPT_NOPROXY, route->proxy ? "" : "*");
	if (route->ca_file) { /* this authority and no other */
		SET(CURLOPT_CAINFO, route->ca_file);
		SET(CURLOPT_PROXY_CAINFO, route->ca_file);
	}
	if (route->ca_file || has_bundle()) {
		SET(CURLOPT_CAPATH, NULL);
		SET(CURLOPT_PROXY_CAPATH, NULL);
	}
	if (route->client_certificate)
		SET(CURLOPT_SSLCERT, route->client_certificate);
	if (route->client_key)
		SET(CURLOPT_SSLKEY, route->client_key);
	/* A resumed session is who its first connection was: a renewed certificate, or
	 * another one on a handle that is used again, must introduce itself anew. */
	if (route->client_certificate)
		SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
	return code;
}

static void name_text(struct buf *out, const char *text)
{
	buf_addc(out, text ? '=' : '-');
	buf_add(out, text ? text : "", text ? strlen(text) + 1 : 0);
}

/* All that set_lasting looks at, as bytes: the address of settings says nothing, as
 * others may lie there after a reload. */
static void name_lasting(struct buf *out, const struct http_exchange *exchange)
{
	const struct route_settings *route = exchange->route;

	buf_clear(out);
	buf_add(out, &route->timeout_ms, sizeof(route->timeout_ms));
	buf_addc(out, route->http2 ? '2' : '1');
	name_text(out, route->proxy);
	name_text(out, route->ca_file);
	name_text(out, route->client_certificate);
	name_text(out, route->client_key);
	name_text(out, exchange->request.method);
	buf_addc(out, exchange->request.has_body ? 'b' : '-');
	buf_addc(out, exchange->connect_only ? 'c' : '-');
}

static CURLcode set_method(struct flight *flight)
{
	const struct http_request *request = &flight->exchange->request;
	CURLcode code = CURLE_OK;

	if (request->has_body) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_CUSTOMREQUEST, request->method);
	} else if (strcmp(request->method, "HEAD") == 0) {
		SET(CURLOPT_NOBODY, 1L);
	} else {
		SET(CURLOPT_HTTPGET, 1L);
		SET(CURLOPT_CUSTOMREQUEST, request->method);
	}
	return code;
}

/* What the handle keeps from one exchange to the next of the same kind: two thirds of the
 * work of setting it up. */
static CURLcode set_lasting(struct flight *flight)
{
	struct buf name = flight->name;
	CURLcode code;

	name_lasting(&name, flight->exchange);
	flight->name = flight->lasting;
	flight->lasting = name;
	if (buf_ok(&name) && buf_ok(&flight->name) && name.len == flight->name.len &&
		memcmp(name.data, flight->name.data, name.len) == 0)
		return CURLE_OK;
	curl_easy_reset(flight->easy);
	code = set_always(flight);
	if (code == CURLE_OK)
		code = set_route(flight);
	if (code == CURLE_OK)
		code = set_method(flight);
	if (flight->exchange->connect_only) {
		SET(CURLOPT_CONNECT_ONLY, 1L);
		SET(CURLOPT_CERTINFO, 1L);
		SET(CURLOPT_FRESH_CONNECT, 1L);
	}
	return code;
}

/* "Name:" means "leave it out" to libcurl, an empty value is written "Name;". */
static void end_line(char *line, char *end)
{
	while (end > line && end[-1] == ' ')
		end--;
	*end = '\0';
	if (end > line && end[-1] == ':')
		end[-1] = ';';
}

static bool add_line(struct flight *flight, char *text)
{
	if (flight->line_count == flight->line_max) {
		size_t max = flight->line_max * 2 + 16;
		struct curl_slist *lines =
			realloc(flight->lines, max * sizeof(flight->lines[0]));

		if (!lines)
			return false;
		flight->lines = lines;
		flight->line_max = max;
	}
	flight->lines[flight->line_count++].data = text;
	return true;
}

static bool is_type(const char *line)
{
	return strncasecmp(line, "Content-Type", 12) == 0;
}

/* The header lines as a list that points into one copy: no allocation a line, and one
 * place to wipe. */
static bool cut_lines(struct flight *flight, const struct buf *headers)
{
	static char no_expect[] = "Expect:", no_type[] = "Content-Type:";
	bool typed = false, ok = true;
	char *line, *end;

	buf_clear(&flight->head);
	buf_add(&flight->head, buf_str(headers), headers->len);
	flight->line_count = 0;
	if (!buf_ok(&flight->head))
		return false;
	for (line = flight->head.data; line && (end = strchr(line, '\n'));
		line = end + 1) {
		end_line(line, end);
		typed = typed || is_type(line);
		if (*line)
			ok = ok && add_line(flight, line);
	}
	ok = ok && add_line(flight, no_expect);
	if (!typed) /* libcurl would call any body a form */
		ok = ok && add_line(flight, no_type);
	return ok;
}

static CURLcode set_headers(struct flight *flight)
{
	if (!cut_lines(flight, &flight->exchange->request.headers))
		return CURLE_OUT_OF_MEMORY;
	for (size_t i = 0; i < flight->line_count; i++)
		flight->lines[i].next =
			i + 1 < flight->line_count ? &flight->lines[i + 1] : NULL;
	return curl_easy_setopt(flight->easy, CURLOPT_HTTPHEADER, flight->lines);
}

static CURLcode set_all(struct flight *flight)
{
	const struct http_request *request = &flight->exchange->request;
	CURLcode code = set_lasting(flight);

	if (code == CURLE_OK)
		code = set_headers(flight);
	SET(CURLOPT_URL, buf_str(&request->url));
	if (request->has_body) {
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len);
		SET(CURLOPT_POSTFIELDS, buf_str(&request->body));
	}
	return code;
}

bool flight_prepare(struct flight *flight)
{
	const struct http_request *request = &flight->exchange->request;
	CURLcode code;

	flight->requests = 0;
	flight->refused_private = flight->too_large = false;
	flight->words[0] = 0;
	if (!flight->easy)
		flight->easy = curl_easy_init();
	if (!flight->easy || !buf_ok(&request->url) || !buf_ok(&request->headers) ||
		!buf_ok(&request->body))
		code = CURLE_OUT_OF_MEMORY;
	else
		code = set_all(flight);
	if (code == CURLE_OK)
		return true;
	flight->exchange->answer.failure = HTTP_LOCAL;
	failure_describe(flight, code, HTTP_LOCAL, false, flight->exchange->answer.error,
		sizeof(flight->exchange->answer.error));
	return false;
}

/* ---- results ---- */

/* Did the other side get something to act on? A second request on one exchange is
 * libcurl's own repeat on a new connection after a kept one had died under the first. */
static bool was_sent(const struct flight *flight)
{
	const struct http_request *request = &flight->exchange->request;
	curl_off_t uploaded = 0;
	long head = 0;

	if (flight->requests != 1 || flight->exchange->connect_only)
		return flight->requests > 1 && !flight->exchange->connect_only;
	if (request->has_body && request->body.len > 0) {
		curl_easy_getinfo(flight->easy, CURLINFO_SIZE_UPLOAD_T, &uploaded);
		return uploaded > 0;
	}
	curl_easy_getinfo(flight->easy, CURLINFO_REQUEST_SIZE, &head);
	return head > 0;
}

/* "Nov 22 13:14:28 2026 GMT" */
static int64_t certificate_end(CURL *easy)
{
	static const char key[] = "Expire date:";
	struct curl_certinfo *chain = NULL;
	struct tm tm = {0};

	if (curl_easy_getinfo(easy, CURLINFO_CERTINFO, &chain) != CURLE_OK || !chain ||
		chain->num_of_certs < 1)
		return 0;
	for (struct curl_slist *item = chain->certinfo[0]; item; item = item->next) {
		if (strncmp(item->data, key, sizeof(key) - 1) == 0 &&
			strptime(item->data + sizeof(key) - 1, " %b %d %H:%M:%S %Y", &tm))
			return (int64_t)timegm(&tm) * 1000;
	}
	return 0;
}

void flight_conclude(struct flight *flight, CURLcode code)
{
	struct http_answer *answer = &flight->exchange->answer;
	char *peer = NULL;
	long status = 0;

	curl_easy_getinfo(flight->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(flight->easy, CURLINFO_PRIMARY_IP, &peer);
	answer->status = status >= 200 && flight->requests > 0 ? status : 0;
	answer->sent = answer->status > 0 ||
		       (was_sent(flight) && !failure_certificate_refused(flight, code));
	answer->failure = failure_of(flight, code, answer->sent);
	if (answer->failure == HTTP_FINE && answer->status == 0 &&
		!flight->exchange->connect_only)
		answer->failure = HTTP_PROTOCOL;
	if (answer->failure != HTTP_FINE)
		answer->proxy_status = failure_proxy_status(flight);
	if (peer)
		snprintf(answer->address, sizeof(answer->address), "%s", peer);
	if (flight->exchange->connect_only)
		answer->certificate_expires_at = certificate_end(flight->easy);
	if (answer->failure != HTTP_FINE)
		failure_describe(flight, code, answer->failure, answer->sent,
			answer->error, sizeof(answer->error));
}

/* Only after an exchange as they mostly are: what is rare begins and ends with a handle
 * that has nothing set, and what went wrong leaves no numbers behind for the next. */
static bool keeps_options(const struct http_exchange *exchange)
{
	return exchange->answer.failure == HTTP_FINE && exchange->request.has_body &&
	       !exchange->connect_only;
}

static void forget_exchange(struct flight *flight)
{
	if (!flight->easy)
		return;
	if (keeps_options(flight->exchange)) {
		curl_easy_setopt(flight->easy, CURLOPT_URL, NULL);
		curl_easy_setopt(flight->easy, CURLOPT_HTTPHEADER, NULL);
		curl_easy_setopt(flight->easy, CURLOPT_POSTFIELDS, NULL);
		return;
	}
	curl_easy_reset(flight->easy);
	buf_clear(&flight->lasting);
}

void flight_reset(struct flight *flight)
{
	forget_exchange(flight);
	if (flight->head.cap > 0)
		explicit_bzero(flight->head.data, flight->head.cap);
	buf_clear(&flight->head);
	flight->exchange = NULL;
	flight->pool = NULL;
}

void flight_free(struct flight *flight)
{
	curl_easy_cleanup(flight->easy);
	buf_wipe(&flight->head);
	buf_finish(&flight->lasting);
	buf_finish(&flight->name);
	free(flight->lines);
	free(flight);
}
