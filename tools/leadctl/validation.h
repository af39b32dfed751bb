/*
 * validation: one destination tried step by step, on the code that delivers: its tasks,
 * its token, the http client, on a loop of its own. Blocking.
 *
 * The test lead never enters the outbox. It is removed again where that is allowed, also
 * when a later step fails; where it stays, the report says so.
 */
#ifndef LEADCTL_VALIDATION_H
#define LEADCTL_VALIDATION_H

#include "leadrelay/delivery.h"
#include "leadrelay/err.h"
#include "leadrelay/settings.h"
#include "leadrelay/uuid.h"

#include <stdbool.h>
#include <stdint.h>

#define VALIDATE_NAME "leadrelay validate"

struct validation_step {
	const char *step; /* resolve connect tls token whoami open table privilege create
			     read delete */
	bool ok;
	char detail[512]; /* what was found; may be empty */
	char error[1024]; /* not ok: the cause, the remote's own words */
	char remedy[512]; /* not ok: what to do */
	int64_t duration_ms;
};

struct validation {
	const struct destination_settings *settings; /* in; borrowed */
	bool lead;                                   /* in: create a test lead */
	bool connection_only; /* in: resolve, connect and tls are all there is to try */
	/* in: each step as it ends; the step is valid during the call only */
	void (*step)(void *ctx, const struct validation_step *step);
	void (*trying)(void *ctx, const char *step); /* it begins */
	void *ctx;
	/* out */
	bool ok;
	bool created;        /* a test lead was made ... */
	bool removed;        /* ... and is gone again */
	struct uuid lead_id; /* its key */
	bool untried; /* nothing but a test lead would have told, and none was wanted */
};

/* Fails only when nothing could be tried: settings its kind refuses, no memory. */
enum err_code validate_destination(struct validation *validation, struct err *err);

#endif
