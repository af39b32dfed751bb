/*
 * One conversation:
 *
 * 1. libcurl connects, or takes the connection it kept; greeting, EHLO, STARTTLS, AUTH.
 * 2. Before the first command of the mail itself, before_mail looks whether AUTH really
 *    happened: libcurl goes on without it when the server does not offer any.
 * 3. MAIL FROM, RCPT TO, DATA, the mail, its end. A watch follows every line.
 * 4. The watch and libcurl's code together are the answer: a 4xx or 5xx is the server's
 *    word, whatever libcurl makes of it; without one libcurl's code is the truth.
 */
#include "mail_talk.h"

#include "address.h"
#include "flight.h"
#include "leadrelay/clock.h"
#include "leadrelay/fault.h"
#include "leadrelay/mailbox.h"
#include "leadrelay/text.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT_MS 60000

/* ---- while it runs ---- */

static int trace(CURL *easy, curl_infotype type, char *bytes, size_t len, void *arg)
{
	struct mail_talk *talk = arg;

	(void)easy;
	if (type == CURLINFO_HEADER_OUT)
		mail_watch_command(&talk->watch, bytes, len);
	else if (type == CURLINFO_DATA_OUT && talk->all_uploaded)
		FAULT_POINT("mail.data_out_no_end");
	return 0;
}

static size_t take_reply(char *bytes, size_t size, size_t count, void *arg)
{
	struct mail_talk *talk = arg;

	mail_watch_reply(&talk->watch, bytes, size * count);
	if (talk->watch.stage == MAIL_END && talk->watch.complete)
		FAULT_POINT("mail.reply");
	return size * count;
}

/* The text of the reply to NOOP comes here again. */
static size_t ignore_body(char *bytes, size_t size, size_t count, void *arg)
{
	(void)bytes;
	(void)arg;
	return size * count;
}

static size_t give_mail(char *out, size_t size, size_t count, void *arg)
{
	struct mail_talk *talk = arg;
	const struct buf *message = &talk->exchange->message;
	size_t left = message->len - talk->uploaded, room = size * count;
	size_t len = left < room ? left : room;

	if (len == 0) {
		talk->all_uploaded = true;
		return 0;
	}
	memcpy(out, message->data + talk->uploaded, len);
	talk->uploaded += len;
	if (talk->uploaded == message->len)
		talk->all_uploaded = true;
	return len;
}

static int look_for_cancel(
	void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct mail_talk *talk = arg;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return __atomic_load_n(&talk->exchange->own.cancelled, __ATOMIC_RELAXED);
}

static curl_socket_t open_socket(
	void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct mail_talk *talk = arg;
	const struct smtp_settings *server = talk->exchange->server;
	struct address address;

	if (purpose != CURLSOCKTYPE_IPCXN || !address_from_sockaddr(&to->addr, &address))
		return CURL_SOCKET_BAD;
	if (server->tls == SMTP_TLS_NONE && !server->allow_plain &&
		!address_is_loopback(&address)) {
		talk->unencrypted = true;
		return CURL_SOCKET_BAD;
	}
	return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static int before_mail(void *arg, char *peer, char *local, int peer_port, int local_port)
{
	struct mail_talk *talk = arg;

	(void)peer;
	(void)local;
	(void)peer_port;
	(void)local_port;
	if (talk->exchange->server->auth == SMTP_AUTH_NONE || !talk->watch.greeted ||
		talk->watch.auth)
		return CURL_PREREQFUNC_OK;
	talk->no_auth = true;
	return CURL_PREREQFUNC_ABORT;
}

/* ---- options ---- */

#define SET(option, value) \
	do { \
		if (code == CURLE_OK) \
			code = curl_easy_setopt(talk->easy, option, value); \
	} while (0)

static CURLcode set_always(struct mail_talk *talk)
{
	CURLcode code = CURLE_OK;

	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_ERRORBUFFER, talk->words);
	SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_MAXCONNECTS, 1L);
	SET(CURLOPT_VERBOSE, 1L); /* the debug function hears the commands */
	SET(CURLOPT_DEBUGFUNCTION, trace);
	SET(CURLOPT_DEBUGDATA, talk);
	SET(CURLOPT_HEADERFUNCTION, take_reply);
	SET(CURLOPT_HEADERDATA, talk);
	SET(CURLOPT_WRITEFUNCTION, ignore_body);
	SET(CURLOPT_NOPROGRESS, 0L);
	SET(CURLOPT_XFERINFOFUNCTION, look_for_cancel);
	SET(CURLOPT_XFERINFODATA, talk);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, talk);
	SET(CURLOPT_PREREQFUNCTION, before_mail);
	SET(CURLOPT_PREREQDATA, talk);
	return code;
}

static CURLcode set_auth(struct mail_talk *talk)
{
	static const char *const options[] = {
		[SMTP_AUTH_PLAIN] = "AUTH=PLAIN",
		[SMTP_AUTH_LOGIN] = "AUTH=LOGIN",
		[SMTP_AUTH_XOAUTH2] = "AUTH=XOAUTH2",
	};
	const struct smtp_settings *server = talk->exchange->server;
	CURLcode code = CURLE_OK;

	if (server->auth == SMTP_AUTH_NONE)
		return CURLE_OK;
	SET(CURLOPT_LOGIN_OPTIONS, options[server->auth]);
	SET(CURLOPT_USERNAME, server->username);
	if (server->auth == SMTP_AUTH_XOAUTH2)
		SET(CURLOPT_XOAUTH2_BEARER, buf_str(&talk->exchange->bearer));
	else
		SET(CURLOPT_PASSWORD,
			server->password.count > 0 ? server->password.values[0] : "");
	return code;
}

static CURLcode set_server(struct mail_talk *talk)
{
	const struct smtp_settings *server = talk->exchange->server;
	int64_t timeout_ms =
		server->timeout_ms > 0 ? server->timeout_ms : TIMEOUT_DEFAULT_MS;
	CURLcode code = CURLE_OK;

	SET(CURLOPT_URL, server->url);
	SET(CURLOPT_USE_SSL,
		(long)(server->tls == SMTP_TLS_NONE ? CURLUSESSL_NONE : CURLUSESSL_ALL));
	SET(CURLOPT_TIMEOUT_MS, (long)timeout_ms);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)timeout_ms);
	/* Also bounds what libcurl says to a connection it drops. */
	SET(CURLOPT_SERVER_RESPONSE_TIMEOUT, (long)(timeout_ms / 1000 + 1));
	if (server->ca_file) { /* this authority and no other */
		SET(CURLOPT_CAINFO, server->ca_file);
		SET(CURLOPT_CAPATH, NULL);
	}
	return code;
}

static CURLcode set_mail(struct mail_talk *talk, struct curl_slist *recipient)
{
	struct mail_exchange *exchange = talk->exchange;
	CURLcode code = CURLE_OK;

	if (exchange->check_only) {
		SET(CURLOPT_CUSTOMREQUEST, "NOOP");
		SET(CURLOPT_NOBODY, 1L);
		SET(CURLOPT_FRESH_CONNECT, 1L);
		return code;
	}
	SET(CURLOPT_MAIL_FROM, buf_str(&exchange->from));
	SET(CURLOPT_MAIL_RCPT, recipient);
	SET(CURLOPT_UPLOAD, 1L);
	SET(CURLOPT_READFUNCTION, give_mail);
	SET(CURLOPT_READDATA, talk);
	SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)exchange->message.len);
	return code;
}

/* libcurl writes the addresses into its commands as they are. */
static bool envelope_valid(const struct mail_exchange *exchange)
{
	return exchange->check_only ||
	       (mail_address_valid(buf_str(&exchange->from)) &&
		       mail_address_valid(buf_str(&exchange->to)));
}

/* Memory that was not there when the caller filled them. */
static bool buffers_ok(const struct mail_exchange *exchange)
{
	return buf_ok(&exchange->from) && buf_ok(&exchange->to) &&
	       buf_ok(&exchange->bearer) && buf_ok(&exchange->message);
}

static CURLcode prepare(struct mail_talk *talk, struct curl_slist *recipient)
{
	CURLcode code;

	talk->watch = (struct mail_watch){.stage = MAIL_CONNECT};
	talk->uploaded = 0;
	talk->all_uploaded = talk->unencrypted = talk->no_auth = false;
	talk->words[0] = '\0';
	if (!talk->easy)
		talk->easy = curl_easy_init();
	if (!talk->easy || !buffers_ok(talk->exchange))
		return CURLE_OUT_OF_MEMORY;
	curl_easy_reset(talk->easy); /* the connection is kept */
	code = set_always(talk);
	if (code == CURLE_OK)
		code = set_server(talk);
	if (code == CURLE_OK)
		code = set_auth(talk);
	return code == CURLE_OK ? set_mail(talk, recipient) : code;
}

/* ---- the sentence ---- */

/* "mail.contoso.com:587" */
static void read_place(const struct smtp_settings *server, char *out, size_t size)
{
	CURLU *url = curl_url();
	char *host = NULL, *port = NULL;

	snprintf(out, size, "the mail server");
	if (url && curl_url_set(url, CURLUPART_URL, server->url, 0) == CURLUE_OK &&
		curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK)
		snprintf(out, size, "%s:%s", host, port);
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(url);
}

static const char *words_of(const struct mail_talk *talk, CURLcode code)
{
	return talk->words[0] ? talk->words : curl_easy_strerror(code);
}

static void describe_reply(struct mail_answer *answer, const char *place)
{
	snprintf(answer->error, sizeof(answer->error), "%s answered %s with %d%s%s%s%s",
		place, mail_stage_name(answer->stage), answer->code,
		answer->enhanced[0] ? " " : "", answer->enhanced,
		answer->words[0] ? ": " : "", answer->words);
}

static void describe_lacking(
	const struct mail_talk *talk, struct mail_answer *answer, const char *place)
{
	static const char *const names[] = {
		[SMTP_AUTH_NONE] = "",
		[SMTP_AUTH_PLAIN] = " PLAIN",
		[SMTP_AUTH_LOGIN] = " LOGIN",
		[SMTP_AUTH_XOAUTH2] = " XOAUTH2",
	};

	if (answer->stage == MAIL_TLS)
		snprintf(answer->error, sizeof(answer->error),
			"%s offers no STARTTLS, and tls is required", place);
	else
		snprintf(answer->error, sizeof(answer->error),
			"%s does not offer AUTH%s on this connection", place,
			names[talk->exchange->server->auth]);
}

static void describe_failure(const struct mail_talk *talk, CURLcode code,
	struct mail_answer *answer, const char *place)
{
	const char *cause = answer->failure == HTTP_TLS
				    ? failure_tls_cause(talk->easy, talk->words)
				    : NULL;
	char span[DURATION_TEXT_SIZE];

	if (talk->unencrypted)
		snprintf(answer->error, sizeof(answer->error),
			"%s is not on this machine, and tls: none would send mails "
			"readable by others",
			place);
	else if (answer->failure == HTTP_TIMEOUT)
		snprintf(answer->error, sizeof(answer->error),
			"%s: timed out after %s at %s", place,
			duration_human(talk->exchange->server->timeout_ms > 0
					       ? talk->exchange->server->timeout_ms
					       : TIMEOUT_DEFAULT_MS,
				span),
			mail_stage_name(answer->stage));
	else if (answer->failure == HTTP_CANCELLED)
		snprintf(answer->error, sizeof(answer->error), "%s: cancelled at %s",
			place, mail_stage_name(answer->stage));
	else
		snprintf(answer->error, sizeof(answer->error), "%s: %s failed: %s%s%s%s",
			place, mail_stage_name(answer->stage), cause ? cause : "",
			cause ? " (" : "", words_of(talk, code), cause ? ")" : "");
	for (char *c = answer->error; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = ' ';
	}
}

/* ---- results ---- */

static bool refused(const struct mail_watch *watch)
{
	return watch->complete && watch->code >= 400;
}

/* What the server lacks is seen before any command of the mail. */
static bool lacks(const struct mail_talk *talk, CURLcode code, enum mail_stage *stage_out)
{
	const struct mail_watch *watch = &talk->watch;

	if (watch->stage == MAIL_HELLO && watch->complete &&
		code == CURLE_USE_SSL_FAILED) {
		*stage_out = MAIL_TLS;
		return true;
	}
	if (talk->no_auth || (watch->stage == MAIL_HELLO && watch->complete &&
				     code == CURLE_LOGIN_DENIED)) {
		*stage_out = MAIL_AUTH;
		return true;
	}
	return false;
}

/* Instead of refusing a token, XOAUTH2 servers continue with 334 and a JSON document in
 * base64; the refusal would follow the client's next line. */
static bool denied(const struct mail_talk *talk, CURLcode code)
{
	const struct mail_watch *watch = &talk->watch;

	return code == CURLE_LOGIN_DENIED && watch->stage == MAIL_AUTH &&
	       watch->credentials && watch->complete && watch->code == 334;
}

static void read_denial(struct mail_answer *answer, const char *base64)
{
	struct buf shown = BUF_INIT;
	unsigned char text[512];
	size_t len = strlen(base64);
	int got = -1;

	if (len <= sizeof(text))
		got = EVP_DecodeBlock(text, (const unsigned char *)base64, (int)len);
	while (got > 0 && text[got - 1] == '\0') /* what = stood for */
		got--;
	if (got > 0)
		text_escape(&shown, (const char *)text, (size_t)got);
	snprintf(answer->words, sizeof(answer->words), "%s", buf_str(&shown));
	buf_finish(&shown);
}

static enum http_failure failure_of_talk(const struct mail_talk *talk, CURLcode code)
{
	int failure = failure_of_code(code);

	if (talk->unencrypted)
		return HTTP_PRIVATE;
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return HTTP_CANCELLED;
	return failure > 0 ? (enum http_failure)failure : HTTP_PROTOCOL;
}

static void conclude(struct mail_talk *talk, CURLcode code)
{
	struct mail_answer *answer = &talk->exchange->answer;
	const struct mail_watch *watch = &talk->watch;
	char place[300];

	*answer = (struct mail_answer){.stage = watch->stage,
		.accepted = code == CURLE_OK,
		.credentials = watch->credentials};
	if (code == CURLE_OK || refused(watch)) {
		answer->code = watch->code;
		memcpy(answer->enhanced, watch->enhanced, sizeof(answer->enhanced));
		memcpy(answer->words, watch->words, sizeof(answer->words));
	}
	read_place(talk->exchange->server, place, sizeof(place));
	if (code == CURLE_OK)
		return;
	if (refused(watch)) {
		describe_reply(answer, place);
		return;
	}
	if (lacks(talk, code, &answer->stage)) {
		answer->lacking = true;
		describe_lacking(talk, answer, place);
		return;
	}
	if (denied(talk, code)) {
		answer->denied = true;
		read_denial(answer, watch->words);
		snprintf(answer->error, sizeof(answer->error), "%s refused the token%s%s",
			place, answer->words[0] ? ": " : "", answer->words);
		return;
	}
	answer->failure = failure_of_talk(talk, code);
	if (answer->failure == HTTP_TLS)
		answer->stage = MAIL_TLS;
	else if (talk->all_uploaded)
		answer->stage = MAIL_END;
	answer->sent = talk->all_uploaded;
	describe_failure(talk, code, answer, place);
}

static void refuse_envelope(struct mail_answer *answer)
{
	*answer = (struct mail_answer){.failure = HTTP_LOCAL, .stage = MAIL_SENDER};
	snprintf(answer->error, sizeof(answer->error),
		"the sender or the recipient is not an e-mail address; nothing was sent");
}

/* A kept connection had been closed meanwhile, or has carried enough mails (421). */
static bool went_stale(const struct mail_talk *talk, CURLcode code)
{
	const struct mail_watch *watch = &talk->watch;
	long opened = 1;

	curl_easy_getinfo(talk->easy, CURLINFO_NUM_CONNECTS, &opened);
	if (code == CURLE_OK || opened > 0 || talk->uploaded > 0)
		return false;
	if (refused(watch))
		return watch->code == 421;
	return failure_of_talk(talk, code) == HTTP_RESET;
}

void mail_talk_run(struct mail_talk *talk, struct mail_exchange *exchange)
{
	struct curl_slist recipient = {.data = NULL};
	CURLcode code;

	talk->exchange = exchange;
	if (!envelope_valid(exchange)) {
		refuse_envelope(&exchange->answer);
		return;
	}
	recipient.data = exchange->check_only ? NULL : exchange->to.data;
	code = prepare(talk, &recipient);
	if (code == CURLE_OK) {
		code = curl_easy_perform(talk->easy);
		if (went_stale(talk, code) && prepare(talk, &recipient) == CURLE_OK) {
			curl_easy_setopt(talk->easy, CURLOPT_FRESH_CONNECT, 1L);
			code = curl_easy_perform(talk->easy);
		}
	}
	conclude(talk, code);
	if (talk->easy)
		curl_easy_reset(talk->easy); /* no pointer to the exchange stays */
	talk->exchange = NULL;
}

/* libcurl would wait up to two minutes for the reply to QUIT; reading the end instead
 * ends that. */
void mail_talk_close(struct mail_talk *talk)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	if (!talk->easy)
		return;
	curl_easy_getinfo(talk->easy, CURLINFO_ACTIVESOCKET, &fd);
	if (fd != CURL_SOCKET_BAD)
		shutdown(fd, SHUT_RD);
	curl_easy_cleanup(talk->easy);
	talk->easy = NULL;
}
