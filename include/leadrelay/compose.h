/*
 * compose: the words of notification mails: subject, text and HTML for one lead or a
 * digest. Pure; any thread. No field of a lead can end a header, a line of text stays
 * text, HTML is escaped.
 */
#ifndef LEADRELAY_COMPOSE_H
#define LEADRELAY_COMPOSE_H

#include "leadrelay/buf.h"
#include "leadrelay/lead.h"

enum mail_detail {          /* how much of the person a mail shows */
	MAIL_DETAIL_NONE,   /* offer, source and action */
	MAIL_DETAIL_MASKED, /* and company, initials, a***@example.com */
	MAIL_DETAIL_FULL,   /* all fields */
};

struct composed {
	struct buf subject, text, html;
};
/* out: zeroed, or used before: adds to it. leads: 1, or the leads of a digest; left_out:
 * how many more are only counted. */
void compose_notification(struct composed *out, const struct lead *leads, size_t count,
	int64_t left_out, enum mail_detail detail);
void composed_finish(struct composed *composed);
/* "a***@example.com"; "" for what is no address. */
void compose_mask_email(struct buf *out, const char *email);
/* "A. S." of "Ana Silva". */
void compose_mask_name(struct buf *out, const char *name);

#endif
