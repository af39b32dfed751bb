/*
 * intake: HTTP requests to leads: sources marketplace, json and form (contract 5).
 *
 * Parsing is pure (intake_parse_*), the HTTP part runs on the loop thread. 202 leaves
 * after the commit that holds the lead.
 */
#ifndef LEADRELAY_INTAKE_H
#define LEADRELAY_INTAKE_H

#include "leadrelay/err.h"
#include "leadrelay/http_server.h"
#include "leadrelay/lead.h"
#include "leadrelay/settings.h"
#include "leadrelay/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock;
struct entropy;
struct intake;

/* ---- parsing: bytes to leads, pure ---- */

struct parsed {
	struct lead *leads; /* id, source, received_at not set yet */
	size_t count;
	bool array;        /* the body was an array */
	bool honeypot;     /* form: the trap field was filled */
	int status;        /* 0: fine. Else 400, 413, 415, 422 or 503 (no memory): */
	char problem[256]; /* in words that help the sender; quotes no values */
};
/* content_type may be NULL. A problem leaves in leads what was understood (at most one
 * lead), for quarantine. */
void intake_parse(const struct source_settings *source, const char *content_type,
	const char *body, size_t len, struct parsed *out);
void parsed_finish(struct parsed *parsed);

/* ---- the sources over HTTP ---- */

struct intake_source { /* a configured source and the ids the store gave it */
	const struct source_settings
		*settings; /* borrowed until intake_configure replaces the set and
			      released() was called */
	int64_t id;
	struct intake_destination {
		int64_t id;
		const struct route_rule *when; /* borrowed likewise */
		size_t when_count;
		const struct text_list *contacts; /* borrowed likewise; NULL: none */
	} * destinations;
	size_t destination_count;
};

/* The ids of the destinations whose rules the lead meets; out has room for all of the
 * source's. Pure. */
size_t intake_route(
	const struct intake_source *source, const struct lead *lead, int64_t *out);
/* Who is told of the lead: the contacts of the destinations it goes to, each once; nobody
 * of one that must not be contacted. out has room for intake_contacts_most. Pure. */
size_t intake_contacts(
	const struct intake_source *source, const struct lead *lead, const char **out);
size_t intake_contacts_most(const struct intake_source *source);

struct intake_options {
	struct store *store;
	const struct clock *clock;
	const struct entropy *entropy;
	/* each new delivery, after the commit; and each notification, with the id of
	 * MAIL_DESTINATION (0 in place of its own: one that is due later). claimed: what
	 * a claim of it would bring, of which the callee may take the lead (and leaves
	 * LEAD_INIT); NULL: of a notification, or out of memory */
	void (*accepted)(void *ctx, int64_t destination, int64_t delivery,
		struct claimed *claimed);
	/* each lead of a body whose commit succeeded; of a duplicate the first lead's id.
	 * May be NULL */
	void (*took)(void *ctx, const char *source, const struct uuid *lead,
		enum accept_result result);
	/* wrong tokens at a known source: at once, then grouped per 5 minutes. source
	 * name; how many since the last call */
	void (*wrong_token)(void *ctx, const char *source, int64_t count);
	void (*quarantined)(void *ctx, const char *source, const struct uuid *lead,
		const char *problem);
	/* a request was answered, refusals by the server included. source: its name,
	 * NULL: none that is known. duration_us: since its body was complete; 0: it never
	 * was. May be NULL. */
	void (*answered)(void *ctx, const char *source, int status, int64_t duration_us);
	void *ctx;
};

enum err_code intake_create(
	struct intake **out, const struct intake_options *options, struct err *err);
struct intake_mail {         /* mail is configured: contacts are told of each lead */
	int64_t destination; /* id of MAIL_DESTINATION */
	int64_t digest_ms;   /* mail.digest; 0: at once */
};
/* Replaces the sources; deep-copies nothing but the array and mail (NULL: nobody is
 * told). released(ctx): nothing uses the previous set; it may come before this returns.
 */
void intake_configure(struct intake *intake, const struct intake_source *sources,
	size_t count, const struct intake_mail *mail, void (*released)(void *ctx),
	void *ctx);
/* For http_server_options.handler: the caller routes /in/... here. */
struct http_server_handler intake_handler(struct intake *intake);
int intake_waiting(const struct intake *intake); /* requests that wait for their commit */
/* Every so often (loop): writes counted rejections to the store, groups wrong-token
 * alerts. now: wall. */
void intake_tick(struct intake *intake, int64_t now);
void intake_destroy(struct intake *intake); /* when nothing waits */

#endif
