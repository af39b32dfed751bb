/*
 * azure_sign: the signatures of the table service. For the files of this room only. Pure.
 */
#ifndef DESTINATIONS_AZURE_SIGN_H
#define DESTINATIONS_AZURE_SIGN_H

#include "azure_account.h"

#include "leadrelay/buf.h"

#define AZURE_DATE_SIZE 64
/* "Fri, 15 Nov 2024 12:00:00 GMT". Returns out. */
char *azure_date(int64_t at, char out[AZURE_DATE_SIZE]);

/* Appends "SharedKey <account>:<signature>", which covers the method and the content
 * type ("" for none). path: of the URL as it is sent, encoded, from its first slash on,
 * without the query. */
void azure_sign(struct buf *out, const struct azure_account *account, const char *method,
	const char *content_type, const char *date, const char *path);
/* Appends "SharedKeyLite <account>:<signature>": date and path alone. */
void azure_sign_lite(struct buf *out, const struct azure_account *account,
	const char *date, const char *path);

#endif
