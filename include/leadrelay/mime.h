/*
 * mime: one mail as the bytes that travel: RFC 5322 headers, RFC 2047 and 2231 encoding,
 * RFC 2045/2046 parts. Pure; any thread. The same input gives the same bytes (boundaries
 * come from the Message-ID), so a mail that is sent again is the same mail.
 *
 * 7-bit lines of at most 76 characters ending in CRLF. Texts may hold anything but U+0000
 * (they are C strings): in headers, control characters and line ends become blanks, so
 * that no field can end its header; invalid UTF-8 becomes U+FFFD. Line ends of text and
 * html (LF, CR, CRLF) all become CRLF. Dots at the beginning of a line are SMTP's affair,
 * not ours.
 *
 * Shape: multipart/alternative of text and html (one of them may be missing), html and
 * inline parts in a multipart/related, the whole and the attachments in a
 * multipart/mixed; a level with a single part is left out.
 *
 * libcurl's MIME API is not used: it encodes no header, its boundaries are random, and
 * its output cannot be kept or compared without sending it.
 */
#ifndef LEADRELAY_MIME_H
#define LEADRELAY_MIME_H

#include "leadrelay/err.h"

#include <stddef.h>
#include <stdint.h>

struct buf;
struct mailbox;

struct mime_part {
	const char *type;       /* "text/csv; charset=utf-8", static text of ours */
	const char *name;       /* file name; NULL: none */
	const char *content_id; /* shown inside the html as cid:...; NULL: an attachment.
				   Letters, digits, . - _ @ */
	const void *bytes;
	size_t len;
};

struct mime_mail {
	const struct mailbox *from;
	const struct mailbox *to;
	const char *subject;
	const char *message_id; /* without <>; letters, digits and .-_+ around one @ */
	int64_t date;           /* wall; written in UTC */
	const char *text;       /* NULL: html only */
	const char *html;       /* NULL: text only */
	const struct mime_part *parts;
	size_t part_count;
};

/* Appends the mail to out. Always says Auto-Submitted: auto-generated (RFC 3834) and
 * X-Auto-Response-Suppress: All, so that no holiday notice answers. ERR_INVALID: an
 * address, message_id, type or content_id that cannot stand in a header; nothing to send.
 * out is unchanged on failure. */
enum err_code mime_build(struct buf *out, const struct mime_mail *mail, struct err *err);

/* What mime_build writes for one header with free text, "Name: value" CRLF, folded and
 * encoded. For known-answer tests, and for headers of other mails. */
void mime_header(struct buf *out, const char *name, const char *text);

#endif
