/*
 * utf8: decoding one character at a time; for the files of this room only.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at bytes (1 to 4), its number in *code_out; 0 when len is 0 or
 * there is no valid one: overlong, surrogate, beyond U+10FFFF, cut off. */
size_t utf8_decode(const char *bytes, size_t len, uint32_t *code_out);

/* len, less the bytes of a character that is cut off at the end. */
size_t utf8_whole(const char *bytes, size_t len);

#endif
