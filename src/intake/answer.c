/* The answers of intake, as the contract words them. */
#include "leadrelay/buf.h"
#include "request.h"

#include <string.h>

#define JSON_TYPE "application/json"
#define ANSWER_ROOM 100 /* for most of them */

/* ---- success ---- */

static void reply_json(struct inbound *in, int status, const struct buf *body)
{
	if (!buf_ok(body)) {
		answer_unavailable(in);
		return;
	}
	inbound_reply(in, status, JSON_TYPE, buf_str(body), body->len);
}

static void answer_one(struct request *request)
{
	const struct accept_lead *lead = &request->leads[0];
	char id[UUID_TEXT_SIZE];
	struct buf body = BUF_INIT;
	const char *word = "accepted";
	int status = 202;

	if (lead->result == ACCEPT_DUPLICATE) {
		word = "duplicate";
		status = 200;
	} else if (lead->result == ACCEPT_QUARANTINED) {
		word = "quarantined";
	}
	buf_reserve(&body, ANSWER_ROOM);
	buf_addf(&body, "{\"id\":\"%s\",\"status\":\"%s\"}\n", uuid_text(&lead->id, id),
		word);
	reply_json(request->in, status, &body);
	buf_finish(&body);
}

static void answer_many(struct request *request)
{
	size_t accepted = 0;
	struct buf body = BUF_INIT;
	char id[UUID_TEXT_SIZE];

	for (size_t i = 0; i < request->job.count; i++)
		accepted += request->leads[i].result == ACCEPT_NEW;
	buf_addf(&body, "{\"accepted\":%zu,", accepted);
	if (accepted < request->job.count)
		buf_addf(&body, "\"duplicates\":%zu,", request->job.count - accepted);
	buf_adds(&body, "\"ids\":[");
	for (size_t i = 0; i < request->job.count; i++)
		buf_addf(&body, "%s\"%s\"", i > 0 ? "," : "",
			uuid_text(&request->leads[i].id, id));
	buf_adds(&body, "]}\n");
	reply_json(request->in, accepted > 0 ? 202 : 200, &body);
	buf_finish(&body);
}

void answer_stored(struct request *request)
{
	const struct source_settings *source = request->entry->source.settings;

	if (request->job.result == ACCEPT_CONFLICT) {
		inbound_problem(request->in, 422,
			"this Idempotency-Key came with another body before");
		return;
	}
	if (request->redirect) {
		inbound_header_add(request->in, "Location", source->redirect);
		inbound_reply(request->in, 303, NULL, "", 0);
		return;
	}
	if (request->parsed.array && !request->job.quarantine)
		answer_many(request);
	else
		answer_one(request);
}

/* ---- CORS ---- */

bool answer_cors(struct inbound *in, const struct source_settings *source)
{
	const char *origin = inbound_header(in, "Origin");

	if (source->allowed_origins.count == 0)
		return false;
	inbound_header_add(in, "Vary", "Origin");
	for (size_t i = 0; origin && i < source->allowed_origins.count; i++) {
		const char *allowed = source->allowed_origins.items[i];

		if (strcmp(allowed, origin) == 0 || strcmp(allowed, "*") == 0) {
			inbound_header_add(in, "Access-Control-Allow-Origin", origin);
			return true;
		}
	}
	return false;
}

void answer_preflight(struct inbound *in, const struct source_settings *source)
{
	if (answer_cors(in, source)) {
		inbound_header_add(in, "Access-Control-Allow-Methods", "POST");
		inbound_header_add(in, "Access-Control-Allow-Headers",
			"Authorization, Content-Type, Idempotency-Key");
		inbound_header_add(in, "Access-Control-Max-Age", "600");
	}
	inbound_reply(in, 204, NULL, "", 0);
}

/* ---- refusals ---- */

void answer_method(struct inbound *in, const struct source_settings *source)
{
	inbound_header_add(in, "Allow",
		source->allowed_origins.count > 0 ? "POST, OPTIONS" : "POST");
	inbound_problem(in, 405, "leads are sent with POST");
}

void answer_unauthorized(struct inbound *in, bool missing)
{
	inbound_header_add(in, "WWW-Authenticate", "Bearer");
	inbound_problem(in, 401,
		missing ? "the token is missing: send it as Authorization: Bearer, as "
			  "?token= or at the end of the path"
			: "the token is wrong");
}

void answer_unavailable(struct inbound *in)
{
	inbound_problem(in, 503,
		"the lead cannot be stored now: it is not accepted; send it again later");
}
