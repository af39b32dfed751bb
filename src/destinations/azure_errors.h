/*
 * azure_errors: what an answer of the table service means, by its error code where that
 * is known, else by status. For the files of this room only. Pure.
 */
#ifndef DESTINATIONS_AZURE_ERRORS_H
#define DESTINATIONS_AZURE_ERRORS_H

#include "azure_account.h"

#include "leadrelay/buf.h"
#include "leadrelay/delivery.h"
#include "leadrelay/http_client.h"

enum azure_verdict {
	AZURE_DONE,         /* 2xx */
	AZURE_FAILED,       /* no status: outcome retry or unknown */
	AZURE_THROTTLED,    /* wait as long as it says */
	AZURE_RETRY,        /* by the retry rule; the service's trouble */
	AZURE_EXISTS,       /* an entity is there under our keys: our own */
	AZURE_NO_TABLE,     /* to be created */
	AZURE_TABLE_EXISTS, /* somebody else created it meanwhile */
	AZURE_NOT_FOUND,    /* no such entity, or no such account */
	AZURE_TOO_LARGE,    /* cut and try once more */
	AZURE_UNAUTHORIZED, /* park */
	AZURE_FORBIDDEN,    /* known, but this is not allowed: park, too */
	AZURE_ENVIRONMENT,  /* park */
	AZURE_REFUSED,      /* dead */
	AZURE_VERDICTS
};

struct azure_reading {
	enum azure_verdict verdict;
	struct outcome outcome; /* what it means when nothing more is asked */
	char code[64];          /* "EntityAlreadyExists"; "": none */
	struct buf message;     /* the remote's, whole, one line */
};

/* step: "adding the lead to the table"; writes: as answer_failed. What is secret in
 * account is hidden in all texts. reading is the caller's to azure_reading_finish. */
void azure_read(struct azure_reading *reading, const struct http_answer *answer,
	const char *step, bool writes, const struct azure_account *account, int64_t now);
void azure_reading_finish(struct azure_reading *reading);

/* What is secret in account, however it is written, becomes ***. */
void azure_hide(struct buf *text, const struct azure_account *account);
/* Appends what a body says (words_of_body), without what is secret. */
void azure_add_body(
	struct buf *text, const struct buf *body, const struct azure_account *account);

#endif
