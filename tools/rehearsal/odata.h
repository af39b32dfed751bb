/* odata: the errors and small answers of the Dataverse Web API, in its words. */
#ifndef REHEARSAL_ODATA_H
#define REHEARSAL_ODATA_H

#include <stdbool.h>

#include "text.h"

struct exchange;
struct reply;

/* Always false, so that a check can end with it. */
bool odata_error(struct exchange *exchange, int status, const char *code, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));

/* Fills only status, body and code: for faults, which have no room of their own to say
 * it. */
void odata_error_reply(
	struct reply *reply, int status, const char *code, const char *message);

/* "http://host/api/data/v9.2" as the client called it. The caller's to free. */
char *odata_root(const struct exchange *exchange);

/* The headers every answer of the Web API carries. */
void odata_headers(struct exchange *exchange);

#endif
