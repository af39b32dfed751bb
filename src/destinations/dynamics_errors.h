/*
 * dynamics_errors: what an answer of the Dataverse Web API means, by code first where the
 * code is known, else by status. For the files of this room only. Pure.
 */
#ifndef DESTINATIONS_DYNAMICS_ERRORS_H
#define DESTINATIONS_DYNAMICS_ERRORS_H

#include "leadrelay/buf.h"
#include "leadrelay/delivery.h"
#include "leadrelay/http_client.h"

#include <stdbool.h>
#include <stdint.h>

enum verdict {
	VERDICT_DONE,           /* 2xx */
	VERDICT_FAILED,         /* no status: outcome retry or unknown */
	VERDICT_THROTTLED,      /* wait as long as it says */
	VERDICT_RETRY,          /* by the retry rule */
	VERDICT_FEW,            /* by the retry rule, five times */
	VERDICT_TOKEN,          /* another token may help, once; else unauthorized */
	VERDICT_UNAUTHORIZED,   /* park */
	VERDICT_FORBIDDEN,      /* park, when it is not this lead's */
	VERDICT_ENVIRONMENT,    /* park */
	VERDICT_TOO_LONG,       /* cut the column and try once more */
	VERDICT_BAD_CHOICE,     /* leave the choice out and try once more */
	VERDICT_BAD_EMAIL,      /* move the e-mail to description, try once more */
	VERDICT_DUPLICATE_KEY,  /* our id is there, if what is meant is our id */
	VERDICT_DUPLICATE_RULE, /* another record is like it: the policy decides */
	VERDICT_NOT_FOUND,      /* a record is not there: ours, or one it refers to */
	VERDICT_REFUSED,        /* dead */
};

struct dynamics_reading {
	enum verdict verdict;
	struct outcome outcome; /* what it means when nothing more is asked */
	uint32_t code;          /* 0: none */
	struct buf message;     /* the remote's, whole, one line */
};

/* step: "creating the lead"; writes: as answer_failed; secret (the access token, or NULL)
 * is hidden in all texts. reading is the caller's to dynamics_reading_finish. */
void dynamics_read(struct dynamics_reading *reading, const struct http_answer *answer,
	const char *step, bool writes, const char *secret, int64_t now);
void dynamics_reading_finish(struct dynamics_reading *reading);
/* Appends words_of_body without the secret (NULL: none). */
void dynamics_add_body(struct buf *text, const struct buf *body, const char *secret);

/* "0x80040237" (any case), "80040237", "-2147220937", "2147746359"; 0: not a code. */
uint32_t dynamics_code_parse(const char *text);
/* Known code to verdict; false when it is unknown. */
bool dynamics_code_known(uint32_t code, enum verdict *verdict_out);

#endif
