/*
 * text: growing buffers and the encodings this server speaks (JSON strings, percent,
 * base64url, GUIDs, UTF-16 lengths).
 *
 * The rehearsal keeps nothing that must survive it: out of memory it says so and ends,
 * which is why nothing here returns an error for that.
 */
#ifndef REHEARSAL_TEXT_H
#define REHEARSAL_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

enum { GUID_SIZE = 37 }; /* 8-4-4-4-12 and the end */

struct text { /* data is always terminated once anything was added; all zero is empty */
	char *data;
	size_t len, size;
};

void *need(size_t size); /* zeroed; never NULL */
char *need_copy(const char *text);
char *need_copy_of(const char *text, size_t len);

void text_add(struct text *text, const void *data, size_t len);
void text_puts(struct text *text, const char *words);
void text_printf(struct text *text, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void text_vprintf(struct text *text, const char *fmt, va_list args)
	__attribute__((format(printf, 2, 0)));
void text_json(struct text *text, const char *words); /* quoted; NULL adds null */
void text_clear(struct text *text);                   /* keeps the memory */
void text_free(struct text *text);

bool guid_parse(
	char out[GUID_SIZE], const char *words); /* lower case; false when not one */
void guid_random(char out[GUID_SIZE]);

bool utf8_valid(const char *data, size_t len);
size_t utf16_units(const char *utf8); /* what Dataverse counts lengths in */

/* The caller's to free. A malformed escape stays as it is, as .NET leaves it. */
char *percent_decode(const char *data, size_t len, bool plus_is_space);

/* Value of name in an application/x-www-form-urlencoded text: the caller's to free; NULL
 * when absent. */
char *form_value(const char *form, const char *name);

char *base64url(const void *data, size_t len); /* unpadded; the caller's */
bool base64url_decode(struct text *out, const char *data, size_t len);

#endif
