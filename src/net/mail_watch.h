/*
 * mail_watch: where an SMTP conversation is, read from the lines that pass: libcurl tells
 * of a refused sender and a refused recipient by the same code. Pure. For the files of
 * this room only.
 */
#ifndef LEADRELAY_NET_MAIL_WATCH_H
#define LEADRELAY_NET_MAIL_WATCH_H

#include "leadrelay/mail.h"

struct mail_watch {
	enum mail_stage stage;
	bool greeted; /* this conversation opened the connection */
	bool auth;    /* AUTH was sent */
	bool credentials;
	bool over; /* QUIT: what follows is not about the mail */
	/* The last reply; code 0: none since the last command. */
	bool complete;
	int code;
	char enhanced[12];
	char words[512];
};

/* A command as it leaves; only its first word is looked at. */
void mail_watch_command(struct mail_watch *watch, const char *line, size_t len);
/* One line of a reply. */
void mail_watch_reply(struct mail_watch *watch, const char *line, size_t len);

#endif
