/*
 * control: the operator's requests, executed the same way by the daemon (for the control
 * socket) and by leadctl itself when the daemon is down.
 *
 * A request is one JSON object {"command":"list",...}; answers are JSON objects handed to
 * emit, one per line: {"item":{...}} any number of times, {"progress":{...}}, and last
 * {"done":{...}} or {"error":{"code":N,"text":"..."}} where code is leadctl's exit
 * status. Field names are the contract's. Blocking: in the daemon on the control thread,
 * never on the loop.
 *
 * Writes go through store_call in batches of at most 500 rows; a request that writes many
 * rows asks between batches whether to go on (keep_going): leadctl gives the lock up
 * there when a daemon starts, and repeats the request (with the cursor answered in
 * {"paused":{"after":N,...totals}} as its member "go_on") over the socket.
 */
#ifndef LEADRELAY_CONTROL_H
#define LEADRELAY_CONTROL_H

#include "leadrelay/err.h"
#include "leadrelay/reader.h"
#include "leadrelay/relay.h"
#include "leadrelay/store.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* Something that happened: ids, names and words, never a person. */
struct control_event {
	int64_t number;    /* grows; 0: read from the outbox, which numbers none */
	int64_t at;        /* wall; 0 in what is added: now */
	const char *event; /* one word, static: accepted duplicate quarantined attempt
			      delivered dead parked resumed backing_off throttled open
			      held released discarded replayed */
	struct uuid lead;
	bool has_lead;
	char source[128];      /* "": none */
	char destination[128]; /* "": none */
	enum outcome_kind outcome;
	enum reason reason;
	int64_t count; /* how many deliveries, or leads; 0: it is about one */
};

/* What only a running daemon knows. All NULL offline. Called on the control thread; the
 * daemon crosses to its loop thread and waits. */
struct control_live {
	bool (*status)(void *ctx, const char *destination, struct relay_status *out);
	void (*changed)(void *ctx, int64_t destination); /* rows changed: relay_refresh */
	void (*came)(
		void *ctx, int64_t destination); /* rows came: relay_fresh, delivery 0 */
	void (*park)(void *ctx, const char *destination, const char *why,
		struct err *err_out); /* why NULL: resume */
	void (*resume_delivery)(
		void *ctx, struct err *err_out); /* leave intake-only mode */
	int64_t (*uptime_ms)(void *ctx);
	bool (*intake_only)(void *ctx);
	/* an attempt on that delivery began and is not settled yet */
	bool (*under_way)(void *ctx, const char *destination, int64_t delivery);
	/* The events behind number after (0: the newest), oldest first, at most max;
	 * waits up to wait_ms for one. gap_out: others between them and after are
	 * forgotten, or after is of another life. known_from_out: wall, from when on
	 * all are known. */
	size_t (*events)(void *ctx, int64_t after, int64_t wait_ms,
		struct control_event *out, size_t max, bool *gap_out,
		int64_t *known_from_out);
	int64_t (*last_event)(void *ctx); /* its number */
	void (*happened)(void *ctx, const struct control_event *event);
	void *ctx;
};

struct control_options {
	struct store *store;
	struct reader *reader;
	const struct clock *clock;
	const struct control_live *live; /* NULL: the daemon is down */
	const struct config
		*config; /* NULL: unusable or not needed; sources' destinations for
			    replaying quarantined leads, credential dates */
	const char *version;
};

/* What a request can be refused for without looking at the outbox: an unknown command,
 * state, reason or field, an unreadable time, a filter that is missing. ERR_INVALID with
 * a sentence. control_execute does the same first. Pure; now is wall. */
enum err_code control_check_request(const cJSON *request, int64_t now, struct err *err);

/* A failure as leadctl's exit status (contract 8). */
int control_exit_status(enum err_code code);

typedef bool (*control_emit)(
	void *ctx, cJSON *answer); /* takes answer; false: the other side is gone */

/* Executes one request. keep_going may be NULL. */
void control_execute(const struct control_options *control, const cJSON *request,
	control_emit emit, bool (*keep_going)(void *ctx), void *ctx);

#endif
