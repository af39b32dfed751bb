/*
 * answer: what every kind of destination reads out of an HTTP answer in the same way. For
 * the files of this room only. Pure.
 */
#ifndef DESTINATIONS_ANSWER_H
#define DESTINATIONS_ANSWER_H

#include "leadrelay/delivery.h"
#include "leadrelay/http_client.h"

#include <stdbool.h>
#include <stdint.h>

#define OUTCOME_INIT ((struct outcome){.wait_ms = -1})

/* No status, or a 200 whose body, which is what it says, broke off. (201 and 204 have
 * said all with the status.) */
bool answer_missing(const struct http_answer *answer);
/* The answer is missing: what that means. step: "creating the lead"; writes: the other
 * side may have acted on it, so that sent without an answer is `unknown`. */
void answer_failed(struct outcome *out, const struct http_answer *answer,
	const char *step, bool writes);
/* The exchange was answered, and this is what the answer means: it concerns the lead, not
 * the destination. The texts are copied and made one line each. */
void outcome_mean(struct outcome *out, enum outcome_kind kind, enum reason reason,
	const char *error, const char *remedy);
/* Milliseconds, -1 without a usable Retry-After. */
int64_t answer_retry_after(const struct http_answer *answer, int64_t now);
int answer_dop_hint(const struct http_answer *answer); /* 0: none */
/* The scheme and host of Location, or "": its user and query may hold anything. */
const char *answer_location(const struct http_answer *answer, char *out, size_t size);

#endif
