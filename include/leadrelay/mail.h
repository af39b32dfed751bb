/*
 * mail: handing mails to an SMTP server (RFC 5321, 6409), one recipient a mail, by
 * libcurl.
 *
 * The seam is the loop's, as the HTTP client's: send, cancel and done on the loop thread.
 * The conversations run on threads of their own, a few at most, each with its own
 * libcurl handle and kept connection: libcurl 7.88 blocks in the end-of-data reply and in
 * QUIT even under its multi interface (curl's TODO, "more non-blocking"), and a mail
 * server that looks at a mail for three seconds would stop the loop for as long.
 *
 * TLS 1.2+ with verification always on; STARTTLS is required, never only tried; a server
 * that does not offer the wanted AUTH gets no mail. No proxy; the environment is not
 * read. A kept connection that turns out to be closed (or answers 421) before the mail's
 * text was sent is replaced once, unnoticed.
 */
#ifndef LEADRELAY_MAIL_H
#define LEADRELAY_MAIL_H

#include "leadrelay/buf.h"
#include "leadrelay/delivery.h"
#include "leadrelay/err.h"
#include "leadrelay/http_client.h"
#include "leadrelay/settings.h"

#include <stdbool.h>
#include <stdint.h>

struct clock;

enum mail_stage { /* where a conversation ended */
	MAIL_CONNECT,
	MAIL_GREETING,
	MAIL_HELLO, /* EHLO */
	MAIL_TLS,   /* STARTTLS, and the handshake of either kind */
	MAIL_AUTH,
	MAIL_SENDER,    /* MAIL FROM */
	MAIL_RECIPIENT, /* RCPT TO */
	MAIL_DATA,
	MAIL_END,   /* end of data: the server's word on the mail itself */
	MAIL_CHECK, /* NOOP, of an exchange that only checks */
	MAIL_STAGES
};
const char *mail_stage_name(enum mail_stage stage); /* "RCPT TO" */

struct mail_answer {
	enum http_failure failure; /* HTTP_FINE: the server had the last word, in code;
				      or it lacks what was asked for */
	enum mail_stage stage;
	bool accepted;     /* 2xx to the end of data (or to the check) */
	bool sent;         /* the mail was sent completely and no reply came: the
			      server may have it */
	bool lacking;      /* it offers no STARTTLS (stage TLS) or not the wanted AUTH
			      (stage AUTH); code is 0 */
	bool denied;       /* XOAUTH2: the token was refused by a 334 with an error
			      document (in words), after which libcurl hangs up;
			      code is 0 */
	bool credentials;  /* they had been sent when it ended */
	int code;          /* of the reply that ended it, 0: none */
	char enhanced[12]; /* "5.1.1" (RFC 3463), "": none */
	char words[512];   /* the reply's text in one printable line; may name persons:
			      stored, never logged */
	char error[960];   /* one sentence: server, stage, cause with those words; ""
			      when accepted */
	int64_t duration_ms;
};

struct mail_exchange {
	const struct smtp_settings *server; /* in; borrowed until done */
	struct buf bearer;  /* in: xoauth2: the access token alone; wiped by
			       mail_exchange_finish */
	struct buf from;    /* in: the envelope's addresses, without <> */
	struct buf to;      /* in */
	struct buf message; /* in: mime_build's bytes */
	bool check_only;    /* in: greeting, TLS and AUTH on a new connection, then NOOP;
			       from, to and message are not needed */
	struct mail_answer answer;                    /* out */
	void (*done)(struct mail_exchange *exchange); /* loop thread; may send others; may
							 free the exchange */
	void *owner;                                  /* the caller's */
	struct {                                      /* the transport's */
		struct mail_exchange *prev, *next;
		int64_t started_at;
		int place;
		int cancelled;
	} own;
};
void mail_exchange_finish(struct mail_exchange *exchange);

/* The seam between the relay and the mail server; a simulation brings its own. */
struct mail_transport {
	void (*send)(void *ctx,
		struct mail_exchange
			*exchange); /* done() always comes, never from inside send() */
	void (*cancel)(void *ctx,
		struct mail_exchange
			*exchange); /* done() comes within about a second, with
				       HTTP_CANCELLED (sent says whether the mail had gone
				       out), or with the answer that was there already */
	void *ctx;
};

/* What an answer means for the mail. 5xx to RCPT TO, DATA and the end of data: refused,
 * this mail is dead. 5xx before them: the server's or the account's affair, all mail
 * waits (unauthorized: needs_person when a password was refused; else environment), and
 * so for 530 "authentication required" wherever it comes. 4xx and broken connections:
 * retry; sent without a reply: unknown. */
struct outcome mail_outcome(
	const struct mail_answer *answer, const struct smtp_settings *server);

/* What goes together and what does not: the error begins with the key it is about. */
enum err_code smtp_settings_check(const struct smtp_settings *server, struct err *err);

struct mail_client;
struct uv_loop_s;

/* connections: conversations at a time, 1 to MAIL_CONNECTIONS_MAX. Threads are started
 * when needed and end after 15 s without work. */
#define MAIL_CONNECTIONS_MAX 16
enum err_code mail_client_create(struct mail_client **out, struct uv_loop_s *loop,
	const struct clock *clock, int connections, struct err *err);
struct mail_transport mail_client_transport(struct mail_client *client);
/* Kept connections are not used again (reload, changed CA file). */
void mail_client_forget_connections(struct mail_client *client);
/* All exchanges must be done. closed() comes when the threads have ended and the loop
 * holds nothing of it any more. */
void mail_client_close(struct mail_client *client, void (*closed)(void *ctx), void *ctx);

#endif
