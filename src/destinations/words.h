/*
 * words: sentences for the operator, made of our words and the remote's. For the files of
 * this room only. Pure.
 */
#ifndef DESTINATIONS_WORDS_H
#define DESTINATIONS_WORDS_H

#include "leadrelay/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define WORDS_MAX 700 /* bytes of the remote's own words that a sentence takes */

/* Appends text as one line: white space and control characters as single blanks, invalid
 * UTF-8 as \xNN, "..." in place of what is beyond max bytes. */
void words_add(struct buf *out, const char *text, size_t len, size_t max);
/* Appends what a body that is no JSON says: an HTML page's title, else its first words.
 */
void words_of_body(struct buf *out, const char *body, size_t len);
/* Copies text, whole characters only. */
void words_put(char *out, size_t size, const char *text);
/* Copies pattern with each @ replaced by name. */
void words_expand(char *out, size_t size, const char *pattern, const char *name);
/* Replaces every occurrence of secret, bare or form-encoded, by ***. NULL and texts too
 * short to be a secret are left alone. */
void words_hide(struct buf *text, const char *secret);
/* needle as a word of its own in text, any case; the place behind it, or NULL. */
const char *words_find(const char *text, const char *needle);

#endif
