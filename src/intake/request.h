/*
 * request: one posting between its body and its answer. It belongs to the inbound until
 * the job is submitted, then to the store until done. Loop thread.
 */
#ifndef LEADRELAY_INTAKE_REQUEST_H
#define LEADRELAY_INTAKE_REQUEST_H

#include "sources.h"

struct request {
	struct job_accept job; /* first: done() finds the request by it */
	struct intake *intake;
	struct inbound *in;
	struct source_set *set;
	struct source_entry *entry;
	struct parsed parsed;
	struct accept_lead *leads;
	int64_t *routes;       /* all leads' destination ids, one after another */
	const char **contacts; /* likewise; the texts are the set's */
	char *key;             /* Idempotency-Key */
	bool redirect;         /* a browser's form post: 303 instead of a document */
};

/* contacts.c: the contacts of each lead; nobody is told of what is in quarantine. False:
 * out of memory. */
bool fill_contacts(struct request *request);

/* answer.c: the answer to a stored request (job.code is ERR_OK). */
void answer_stored(struct request *request);
/* Access-Control headers, when the request has an allowed Origin; false: it has not. */
bool answer_cors(struct inbound *in, const struct source_settings *source);
void answer_preflight(struct inbound *in, const struct source_settings *source);
/* 405 with Allow. */
void answer_method(struct inbound *in, const struct source_settings *source);
void answer_unauthorized(struct inbound *in, bool missing);
void answer_unavailable(struct inbound *in);

#endif
