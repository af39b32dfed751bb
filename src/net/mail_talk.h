/*
 * mail_talk: one conversation with an SMTP server, by a libcurl easy handle that keeps
 * its connection for the next one. Blocking: a mail thread's. For the files of this room
 * only.
 */
#ifndef LEADRELAY_NET_MAIL_TALK_H
#define LEADRELAY_NET_MAIL_TALK_H

#include "leadrelay/mail.h"
#include "mail_watch.h"

#include <curl/curl.h>

struct mail_talk {
	CURL *easy; /* NULL: none yet */
	struct mail_exchange *exchange;
	struct mail_watch watch;
	size_t uploaded;
	bool all_uploaded; /* libcurl has taken the whole mail */
	bool unencrypted;  /* refused by us: plain text beyond loopback */
	bool no_auth;      /* the connection is up without the AUTH that was asked for */
	char words[CURL_ERROR_SIZE];
};

/* Fills exchange->answer but for duration_ms. */
void mail_talk_run(struct mail_talk *talk, struct mail_exchange *exchange);
/* Says QUIT without waiting for the reply, and frees. */
void mail_talk_close(struct mail_talk *talk);

#endif
