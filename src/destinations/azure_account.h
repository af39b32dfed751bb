/*
 * azure_account: which storage account's table service is talked to, and by what right:
 * its key, or a shared access signature (SAS). For the files of this room only. Pure.
 */
#ifndef DESTINATIONS_AZURE_ACCOUNT_H
#define DESTINATIONS_AZURE_ACCOUNT_H

#include "leadrelay/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AZURE_KEY_MAX 128 /* bytes; they are 64 in practice */

struct azure_account {
	char *endpoint; /* "https://contoso.table.core.windows.net", no slash at its end
			 */
	char *name;     /* NULL where only the SAS knows it */
	uint8_t key[AZURE_KEY_MAX];
	size_t key_len;         /* 0: by SAS */
	char *sas;              /* a query without '?'; NULL: by key */
	int64_t sas_expires_at; /* 0: it does not say (a stored access policy does) */
};

/* "AccountName=...;AccountKey=...;EndpointSuffix=..." and its other forms:
 * TableEndpoint, SharedAccessSignature, UseDevelopmentStorage=true. On success *out is
 * the caller's to azure_account_finish. Errors begin with "connection_string: " and quote
 * nothing of it. */
enum err_code azure_account_parse(
	struct azure_account *out, const char *text, bool allow_plain, struct err *err);
/* An endpoint, and a SAS as the portal shows it: with or without "?", or a whole address.
 * table is cut off the endpoint's end when it stands there. Errors begin with "url: " or
 * "sas: ". */
enum err_code azure_account_from_sas(struct azure_account *out, const char *url,
	const char *sas, const char *table, bool allow_plain, struct err *err);
/* Wipes what is secret. */
void azure_account_finish(struct azure_account *account);

/* The SAS, if there is one, lets entities be added to this table as far as it says. */
enum err_code azure_sas_check(
	const struct azure_account *account, const char *table, struct err *err);

/* Three to 63 letters and digits, the first a letter; "tables" is the service's own. */
bool azure_table_name_valid(const char *name);

#endif
