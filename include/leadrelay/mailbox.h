/*
 * mailbox: an e-mail address with the name beside it, as people write it in the
 * configuration: "Lead relay <relay@contoso.com>", "relay@contoso.com", and lists of
 * them separated by semicolons. Pure; any thread.
 *
 * Strict (RFC 5321 4.1.2 without what nobody has): the address is ASCII, its local part a
 * dot-string of at most 64 bytes, its domain a name with at least two labels (an
 * international one in its xn-- form), at most 254 bytes in all. So it can stand in an
 * SMTP command and in a header as it is.
 */
#ifndef LEADRELAY_MAILBOX_H
#define LEADRELAY_MAILBOX_H

#include "leadrelay/err.h"

#include <stdbool.h>
#include <stddef.h>

struct mailbox {
	char *name;    /* valid UTF-8 without control characters, unquoted; NULL: none */
	char *address; /* "relay@contoso.com", as written */
};

struct mailbox_list {
	struct mailbox *items;
	size_t count;
};

bool mail_address_valid(const char *text);

/* A bare address, <address>, or a name before <address>: plain text without any of
 * ()<>[]:;@\," or a "quoted string" with \" and \\. ERR_INVALID says what is wrong. */
enum err_code mailbox_parse(struct mailbox *out, const char *text, struct err *err);
void mailbox_finish(struct mailbox *mailbox);

/* Semicolons inside a quoted name do not separate; one after the last entry is fine, an
 * empty entry is not. An address that stands there twice (in any case) is kept once, as
 * first written. An empty or blank text is an error. */
enum err_code mailbox_list_parse(
	struct mailbox_list *out, const char *text, struct err *err);
void mailbox_list_finish(struct mailbox_list *list);

/* Addresses are compared without case. */
bool mail_address_equal(const char *a, const char *b);

#endif
