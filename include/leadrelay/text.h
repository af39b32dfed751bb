/*
 * text: small pure functions on UTF-8 text, and the cryptographic digests, by OpenSSL.
 */
#ifndef LEADRELAY_TEXT_H
#define LEADRELAY_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* RFC 3629: no surrogates, no overlong forms. */
bool utf8_valid(const char *bytes, size_t len);
/* Length in UTF-16 units, as Dataverse counts (reference: column lengths). text must be
 * valid. */
size_t utf16_length(const char *text);
/* Bytes of the longest prefix of text that is at most units UTF-16 units, never inside a
 * character. */
size_t utf16_prefix(const char *text, size_t units);

/* Shell-style pattern with * and ? (one character) only, case-insensitive for ASCII,
 * whole text. */
bool glob_match(const char *pattern, const char *text);
bool text_blank(const char *text); /* NULL, empty, or only white space (Unicode's too) */
/* Appends text as it is compared with others: no white space around it, one blank for
 * each run of white space inside, A to Z and U+00C0 to U+00DE in lower case. Hashes that
 * are stored are made of this: never changed. */
void text_fold(struct buf *out, const char *text);
/* Appends text with C0, DEL and C1 control characters as \xNN, \n, \t, invalid UTF-8 as
 * \xNN. */
void text_escape(struct buf *out, const char *text, size_t len);
/* Appends text as HTML text or attribute value: & < > " ' escaped, a line end as <br>. */
void html_escape(struct buf *out, const char *text);
/* Appends text as one cell of CSV (RFC 4180): in quotes where that is needed for a reader
 * of commas, semicolons or tabs to give the same text back. */
void csv_add(struct buf *out, const char *text);
/* The same for a stranger's text, which a spreadsheet might take for a formula: what
 * begins with = + - @, a tab or a line end gets a ' before it, and so does what begins
 * with ' itself; csv_unguard gives exactly the text back. */
void csv_add_guarded(struct buf *out, const char *text);
/* Behind the ' that csv_add_guarded wrote, else cell itself. */
const char *csv_unguard(const char *cell);
/* Appends text as part of a URL component: RFC 3986 unreserved kept, the rest %XX. */
void url_encode(struct buf *out, const char *text, size_t len);
/* Appends application/x-www-form-urlencoded name=value (with '&' when out is not empty);
 * a NULL value is empty. */
void form_add(struct buf *out, const char *name, const char *value);
/* Decodes %XX and, when plus is set, '+', in place; returns the new length, or -1 when
 * malformed and then changes nothing. Text that got shorter is followed by a NUL; %00
 * makes one too, so a length that is not strlen of the text tells of a hidden one. */
long url_decode(char *text, size_t len, bool plus);

/* The digests abort when OpenSSL cannot (no memory, no provider): no wrong one is ever
 * returned. */
#define SHA256_SIZE 32
void sha256(const void *bytes, size_t len, uint8_t out[SHA256_SIZE]);
struct sha256_part {
	const void *bytes;
	size_t len;
};
void sha256_parts(
	const struct sha256_part *parts, size_t count, uint8_t out[SHA256_SIZE]);
/* The same of bytes that come one after another: begin, any number of add, and end, which
 * frees it. */
struct sha256_running;
struct sha256_running *sha256_begin(void);
void sha256_add(struct sha256_running *running, const void *bytes, size_t len);
void sha256_end(struct sha256_running *running, uint8_t out[SHA256_SIZE]);
void hmac_sha256(const void *key, size_t key_len, const void *bytes, size_t len,
	uint8_t out[SHA256_SIZE]);
/* Compares in time that depends on len only. */
bool equal_constant_time(const void *a, const void *b, size_t len);
void base64_add(struct buf *out, const void *bytes, size_t len);
/* Appends the bytes; false (and out as it was) when text is not base64. Padding may be
 * missing; anything else that no encoder writes is refused, blanks too. */
bool base64_decode(struct buf *out, const char *text, size_t len);
void base64url_add(struct buf *out, const void *bytes, size_t len); /* no padding */
void hex_add(struct buf *out, const void *bytes, size_t len);

#endif
