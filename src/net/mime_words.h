/*
 * mime_words: what stands in a header line: folding, encoded words, parameters. For the
 * files of this room only.
 */
#ifndef LEADRELAY_NET_MIME_WORDS_H
#define LEADRELAY_NET_MIME_WORDS_H

#include <stddef.h>

struct buf;
struct mailbox;

#define MIME_LINE_MAX 76

/* Bytes of the valid UTF-8 character at text, 0 when there is none. */
size_t mime_character(const char *text, size_t len);
/* Appends text without what could end a header: control characters (C0, C1, DEL, U+2028,
 * U+2029) as blanks, invalid bytes as U+FFFD. */
void mime_clean(struct buf *out, const char *text);
/* "Name: Display name <address>" CRLF. */
void mime_address_header(
	struct buf *out, const char *name, const struct mailbox *mailbox);
/* "; name=..." on lines of its own (RFC 2231 when it has to be), without the last CRLF.
 */
void mime_parameter(struct buf *out, const char *name, const char *value);

#endif
