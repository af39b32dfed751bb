/*
 * What is on its way: exchanges with the peers, lines for the archive. It comes to an end
 * at its time; a crash of the relay ends it unheard.
 */
#include "sim.h"

#include "leadrelay/uuid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

struct wire {
	struct http_exchange *exchange; /* or: */
	void (*work)(void *ctx);        /* NULL again when it is done */
	void (*done)(void *ctx);
	void *ctx;
	struct reply reply;
	int destination;
	int known; /* index; -1: about no lead */
	bool creates;
	bool cancelled;
	int64_t at;
	struct wire *prev, *next;
};

static struct wire *wire_add(struct sim *sim, int64_t latency_ms)
{
	struct wire *wire = calloc(1, sizeof(*wire));

	if (!wire)
		abort();
	wire->at = sim->mono + latency_ms;
	wire->known = -1;
	DL_APPEND(sim->wire, wire);
	sim->node.idle_ticks = 0;
	return wire;
}

static void on_send(void *ctx, struct http_exchange *exchange)
{
	struct sim *sim = ctx;
	struct wire *wire = wire_add(sim, 0);
	struct known *known = NULL;

	wire->exchange = exchange;
	if (!node_alive(sim)) {
		wire->cancelled = true;
		return;
	}
	peer_answer(sim, exchange, &wire->reply, &wire->destination, &known);
	wire->at = sim->mono + wire->reply.latency_ms;
	wire->known = known ? (int)(known - sim->known) : -1;
	wire->creates = known && strcmp(exchange->request.method, "POST") == 0;
	if (exchange->route->timeout_ms > 0 &&
		wire->reply.latency_ms > exchange->route->timeout_ms)
		abort(); /* the peers know how long they may take */
	tell(sim, "> %s %s %s", destination_name(wire->destination),
		exchange->request.method, buf_str(&exchange->request.url));
}

static void on_cancel(void *ctx, struct http_exchange *exchange)
{
	struct sim *sim = ctx;
	struct wire *wire;

	DL_FOREACH (sim->wire, wire)
		if (wire->exchange == exchange) {
			wire->cancelled = true;
			wire->at = sim->mono;
		}
}

static void on_work(
	void *worker, void (*work)(void *ctx), void (*done)(void *ctx), void *ctx)
{
	struct sim *sim = worker;
	struct wire *wire = wire_add(sim, chance_between(&sim->net, 1, 30));

	wire->work = work;
	wire->done = done;
	wire->ctx = ctx;
}

struct transport wire_transport(struct sim *sim)
{
	return (struct transport){.send = on_send, .cancel = on_cancel, .ctx = sim};
}

struct worker wire_worker(struct sim *sim)
{
	return (struct worker){.run = on_work, .worker = sim};
}

/* ---- arriving ---- */

static void fill(const struct wire *wire, struct http_answer *answer)
{
	const struct reply *reply = &wire->reply;
	char id[UUID_TEXT_SIZE];

	if (wire->cancelled) {
		answer->failure = HTTP_CANCELLED;
		return;
	}
	answer->duration_ms = reply->latency_ms;
	answer->failure = reply->failure;
	answer->sent = reply->sent;
	answer->status = reply->status;
	if (reply->status == 0)
		snprintf(answer->error, sizeof(answer->error), "%s", reply->word);
	if (reply->retry_after >= 0)
		buf_addf(&answer->headers, "Retry-After: %d\n", reply->retry_after);
	if (reply->status == 204)
		buf_addf(&answer->headers, "OData-EntityId: https://x/leads(%s)\n",
			uuid_text(&reply->created, id));
	buf_adds(&answer->body, reply->body);
}

static void arrive(struct sim *sim, struct wire *wire)
{
	struct http_exchange *exchange = wire->exchange;
	struct known *known = wire->known >= 0 ? &sim->known[wire->known] : NULL;

	DL_DELETE(sim->wire, wire);
	if (wire->creates)
		oracle_created(known, wire->destination);
	if (!wire->cancelled) {
		tell(sim, "< %s %s: %d", destination_name(wire->destination),
			wire->reply.word, wire->reply.status);
		peer_heard(sim, wire->destination, known, &wire->reply);
	}
	fill(wire, &exchange->answer);
	free(wire);
	exchange->done(exchange);
}

/* A file is written at one moment and heard of at another. */
static void work(struct sim *sim, struct wire *wire)
{
	if (wire->work) {
		if (node_alive(sim))
			wire->work(wire->ctx);
		wire->work = NULL;
		wire->at = sim->mono + chance_between(&sim->net, 0, 30);
		return;
	}
	DL_DELETE(sim->wire, wire);
	wire->done(wire->ctx);
	free(wire);
}

static struct wire *first(const struct sim *sim)
{
	struct wire *wire, *found = NULL;

	DL_FOREACH (sim->wire, wire)
		if (!found || wire->at < found->at)
			found = wire;
	return found;
}

int64_t wire_next_at(const struct sim *sim)
{
	const struct wire *wire = first(sim);

	return wire ? wire->at : INT64_MAX;
}

bool wire_due(const struct sim *sim)
{
	return wire_next_at(sim) <= sim->mono;
}

bool wire_empty(const struct sim *sim)
{
	return sim->wire == NULL;
}

void wire_step(struct sim *sim)
{
	struct wire *wire = first(sim);

	if (wire->exchange)
		arrive(sim, wire);
	else
		work(sim, wire);
	sim->node.woken = true;
}

void wire_drop(struct sim *sim)
{
	struct wire *wire;

	DL_FOREACH (sim->wire, wire) {
		wire->cancelled = true;
		wire->at = sim->mono;
	}
}
