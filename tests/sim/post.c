/*
 * Senders, and the HTTP server they speak to: the functions of http_server.h that intake
 * calls, answered from memory (the executable brings them in place of libmicrohttpd's).
 *
 * A sender that gets no answer, or a 503, sends the same bytes again a few times. What it
 * was told goes into the oracle's books.
 */
#include "sim.h"

#include "leadrelay/http_server.h"
#include "leadrelay/json.h"
#include "leadrelay/uuid.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct inbound {
	struct sim *sim;
	int body; /* index */
	char *bytes;
	char key[64];
	bool answered;
	bool gone; /* nobody waits for the answer */
	unsigned promised;
	int64_t wall_max;
	struct inbound *next;
};

/* ---- what the sender makes of the answer ---- */

static void send_body(struct sim *sim, int64_t index);

static void try_again(struct sim *sim, int index)
{
	struct body *body = &sim->bodies[index];

	body->unanswered++;
	sim->unheard += body->parts;
	if (body->tries-- <= 0)
		return;
	sim_later(sim,
		chance_percent(&sim->post_chance, 70)
			? chance_between(&sim->post_chance, 500, 60 * SECOND)
			: chance_between(&sim->post_chance, MINUTE, 3 * HOUR),
		send_body, index);
}

static void note_new(
	struct inbound *in, const struct uuid *id, int part, bool quarantined)
{
	struct sim *sim = in->sim;
	struct known *known = known_find(sim, id);

	if (known && known->acked) {
		violation(sim, "two postings were told of the same new lead");
		return;
	}
	if (!known)
		known = known_add(sim, id, in->body, part);
	known->acked = true;
	known->quarantined = quarantined;
	for (int d = 0; d < DESTINATIONS && !quarantined; d++)
		known->to[d].expected |= (in->promised >> d) & 1;
	if (sim->bodies[in->body].first < 0)
		sim->bodies[in->body].first = (int)(known - sim->known);
}

static bool is_forgotten(const struct inbound *in)
{
	const struct sim *sim = in->sim;

	for (int i = 0; i < sim->known_count; i++)
		if (sim->known[i].body == in->body && sim->known[i].forgotten)
			return true;
	return false;
}

/* Retention and the dedupe window leave room for a second one; a short while does not. */
static void check_repeat(struct inbound *in)
{
	struct sim *sim = in->sim;
	const struct body *body = &sim->bodies[in->body];
	int64_t age = sim->wall_max - body->acked_wall;

	if (body->accepted > 0 && body->keyed && age < 6 * DAY && !is_forgotten(in))
		violation(sim,
			"posting %d: a repeat with the same Idempotency-Key became a new lead",
			in->body);
}

static void check_duplicate(struct inbound *in, const struct uuid *id, int part)
{
	struct sim *sim = in->sim;
	struct known *known = known_find(sim, id);
	struct body *body = &sim->bodies[in->body];

	if (known && known->body != in->body)
		violation(sim, "posting %d is called a repeat of posting %d", in->body,
			known->body);
	if (!known && body->unanswered == 0)
		violation(sim, "posting %d is called a repeat of a lead nobody sent",
			in->body);
	if (!known) { /* it was taken, and the answer was lost */
		known = known_add(sim, id, in->body, part);
		for (int d = 0; d < DESTINATIONS; d++)
			known->to[d].expected |= (in->promised >> d) & 1;
	}
	known->acked = true;
}

static void take_ids(
	struct inbound *in, const char *text, bool duplicate, bool quarantined)
{
	int part = 0;

	for (const char *at = strstr(text, "\"id"); at && *at; at++) {
		char id_text[UUID_TEXT_SIZE];
		struct uuid id;

		snprintf(id_text, sizeof(id_text), "%.36s", at);
		if (strlen(id_text) < 36 || !uuid_parse(id_text, &id))
			continue;
		if (duplicate)
			check_duplicate(in, &id, part);
		else
			note_new(in, &id, part, quarantined);
		in->sim->acks++;
		part++;
		at += 35;
	}
}

static void understand(struct inbound *in, int status, const char *text)
{
	struct sim *sim = in->sim;
	struct body *body = &sim->bodies[in->body];
	bool quarantined = strstr(text, "\"quarantined\"") != NULL;

	tell(sim, "posting %d: %d%s", in->body, status,
		quarantined ? " quarantined" : "");
	if (status == 202) {
		check_repeat(in);
		if (body->accepted++ == 0)
			body->acked_wall = in->wall_max;
		take_ids(in, text, false, quarantined);
	} else if (status == 200) {
		take_ids(in, text, true, false);
	} else if (status == 503) {
		try_again(sim, in->body);
	} else {
		violation(sim, "posting %d was answered %d: %s", in->body, status, text);
	}
}

/* ---- http_server.h ---- */

const char *inbound_method(const struct inbound *in)
{
	(void)in;
	return "POST";
}

const char *inbound_path(const struct inbound *in)
{
	return in->sim->bodies[in->body].source == 0 ? "/in/marketplace" : "/in/website";
}

const char *inbound_query(const struct inbound *in, const char *name)
{
	(void)in;
	return strcmp(name, "token") == 0 ? "0123456789abcdef" : NULL;
}

const char *inbound_header(const struct inbound *in, const char *name)
{
	if (strcmp(name, "Content-Type") == 0)
		return "application/json";
	if (strcmp(name, "Idempotency-Key") == 0 && in->key[0])
		return in->key;
	return NULL;
}

char *inbound_body(struct inbound *in, size_t *len_out)
{
	*len_out = strlen(in->bytes);
	return in->bytes;
}

void inbound_exempt_rate(struct inbound *in)
{
	(void)in;
}

void inbound_header_add(struct inbound *in, const char *name, const char *value)
{
	(void)in;
	(void)name;
	(void)value;
}

void inbound_reply(struct inbound *in, int status, const char *content_type,
	const char *body, size_t len)
{
	struct sim *sim = in->sim;

	(void)content_type;
	(void)len;
	in->answered = true;
	if (!node_alive(sim) || in->gone) {
		tell(sim, "posting %d: no answer", in->body);
		try_again(sim, in->body);
	} else {
		understand(in, status, body);
	}
}

void inbound_problem(struct inbound *in, int status, const char *detail)
{
	inbound_reply(in, status, "application/problem+json", detail, strlen(detail));
}

/* ---- sending ---- */

static unsigned promised(const struct sim *sim, const struct body *body)
{
	unsigned wanted = body->source == 0 ? 1u << CRM | 1u << ARCHIVE
					    : 1u << CRM | 1u << SECOND_CRM;

	return body->broken ? 0 : wanted & sim->node.configured;
}

static void send_body(struct sim *sim, int64_t index)
{
	struct body *body = &sim->bodies[index];
	struct http_server_handler handler;
	struct inbound *in;

	if (body->sent_wall == 0)
		body->sent_wall = sim->wall_max;
	body->last_wall = sim->wall_max;
	sim->tallies.posts++;
	if (!node_alive(sim) || sim->node.stopping) {
		tell(sim, "posting %d: nobody listens", (int)index);
		try_again(sim, (int)index);
		return;
	}
	in = calloc(1, sizeof(*in));
	if (!in)
		abort();
	in->sim = sim;
	in->body = (int)index;
	in->bytes = strdup(body->text);
	in->promised = promised(sim, body);
	in->gone = chance_percent(&sim->post_chance, 3);
	in->wall_max = sim->wall_max;
	in->next = sim->inbounds; /* its bytes stay to the end, whoever borrows them */
	sim->inbounds = in;
	if (body->keyed)
		snprintf(in->key, sizeof(in->key), "key-%d", (int)index);
	tell(sim, "posting %d to %s", (int)index, inbound_path(in));
	handler = intake_handler(sim->node.intake);
	handler.head(handler.ctx, in);
	if (!in->answered)
		handler.body(handler.ctx, in);
}

/* ---- new postings ---- */

static void write_one(struct sim *sim, int index, const struct body *body, FILE *out)
{
	if (body->broken)
		fprintf(out, "{\"UserDetails\":{\"Email\":\"u%d.0@example.com\"", index);
	else if (body->source == 0)
		fprintf(out,
			"{\"UserDetails\":{\"FirstName\":\"Ann\",\"LastName\":\"L%d\",\"Email\":"
			"\"u%d.0@example.com\",\"Company\":\"Firm %d\"},\"LeadSource\":\"S-INS|"
			"contoso.x\",\"ActionCode\":\"INS\",\"OfferTitle\":\"Offer\"}",
			index, index, index);
	else
		fprintf(out,
			"{\"last_name\":\"L%d\",\"email\":\"u%d.0@example.com\",\"company\":\"Firm "
			"%d\",\"x\":%d}",
			index, index, index, (int)chance_below(&sim->post_chance, 10));
}

static void write_many(int index, const struct body *body, FILE *out)
{
	for (int i = 0; i < body->parts; i++)
		fprintf(out, "%c{\"last_name\":\"L%d\",\"email\":\"u%d.%d@example.com\"}",
			i == 0 ? '[' : ',', index, index, i);
	fprintf(out, "]");
}

static void write_body(struct sim *sim, int index, struct body *body)
{
	size_t size;
	FILE *out = open_memstream(&body->text, &size);

	if (!out)
		abort();
	if (body->parts > 1)
		write_many(index, body, out);
	else
		write_one(sim, index, body, out);
	fclose(out);
}

static struct body *add_body(struct sim *sim, int *index_out)
{
	int index = sim->body_count++;

	if (index == sim->body_room) {
		sim->body_room = sim->body_room ? 2 * sim->body_room : 64;
		sim->bodies = realloc(
			sim->bodies, (size_t)sim->body_room * sizeof(*sim->bodies));
		if (!sim->bodies)
			abort();
	}
	*index_out = index;
	return &sim->bodies[index];
}

int post_file(struct sim *sim, int source, int rows)
{
	int index;
	struct body *body = add_body(sim, &index);

	*body = (struct body){.source = source,
		.parts = rows,
		.first = -1,
		.sent_wall = sim->wall_max,
		.last_wall = sim->wall_max};
	return index;
}

void post_plan(struct sim *sim, int64_t in_ms)
{
	struct chance *chance = &sim->post_chance;
	int index;
	struct body *body = add_body(sim, &index);

	*body = (struct body){.source = (int)chance_below(chance, SOURCES),
		.keyed = chance_percent(chance, 40),
		.parts = 1,
		.tries = (int)chance_between(chance, 1, 6),
		.first = -1};
	body->broken = body->source == 0 && chance_percent(chance, 6);
	if (body->source == 1 && chance_percent(chance, 10))
		body->parts = (int)chance_between(chance, 2, PARTS_MAX);
	write_body(sim, index, body);
	sim_later(sim, in_ms, send_body, index);
	if (chance_percent(chance, 12)) /* the same again, for no reason */
		sim_later(sim, in_ms + chance_between(chance, 1, 5 * MINUTE), send_body,
			index);
}

void post_finish(struct sim *sim)
{
	struct inbound *in, *next;

	for (in = sim->inbounds; in; in = next) {
		next = in->next;
		free(in->bytes);
		free(in);
	}
	for (int i = 0; i < sim->body_count; i++)
		free(sim->bodies[i].text);
	free(sim->bodies);
	free(sim->lists);
}
