#include "sim.h"

#include "leadrelay/uuid.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REST_MS (4 * HOUR) /* longer than any put-off lasts */

const char *destination_name(int destination)
{
	static const char *const names[DESTINATIONS] = {"crm", "second", "archive"};

	return names[destination];
}

int64_t sim_wall(const struct sim *sim)
{
	return sim->mono + sim->wall_offset;
}

bool node_alive(const struct sim *sim)
{
	return sim->node.up && !disk_is_cut(sim->disk);
}

/* ---- the story ---- */

static void digest(struct sim *sim, const char *text)
{
	for (; *text; text++)
		sim->digest = (sim->digest ^ (unsigned char)*text) * 0x100000001b3u;
}

void tell(struct sim *sim, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	digest(sim, text);
	sim->digest += (uint64_t)sim->mono;
	if (!sim->story)
		return;
	printf("day %2" PRId64 " %02d:%02d:%02d.%03d  %s\n", sim->mono / DAY,
		(int)(sim->mono % DAY / HOUR), (int)(sim->mono % HOUR / MINUTE),
		(int)(sim->mono % MINUTE / SECOND), (int)(sim->mono % SECOND), text);
}

void violation(struct sim *sim, const char *fmt, ...)
{
	va_list args;

	if (sim->failed)
		return;
	sim->failed = true;
	va_start(args, fmt);
	vsnprintf(sim->problem, sizeof(sim->problem), fmt, args);
	va_end(args);
	tell(sim, "VIOLATION: %s", sim->problem);
}

/* ---- things to come: a heap ---- */

static bool before(const struct happening *a, const struct happening *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void swap(struct happening *a, struct happening *b)
{
	struct happening c = *a;

	*a = *b;
	*b = c;
}

void sim_later(
	struct sim *sim, int64_t in_ms, void (*run)(struct sim *, int64_t), int64_t arg)
{
	size_t i = sim->heap_count++;

	if (i == sim->heap_room) {
		sim->heap_room = sim->heap_room ? 2 * sim->heap_room : 256;
		sim->heap = realloc(sim->heap, sim->heap_room * sizeof(*sim->heap));
		if (!sim->heap)
			abort();
	}
	sim->heap[i] = (struct happening){.at = sim->mono + (in_ms > 0 ? in_ms : 0),
		.order = sim->heap_order++,
		.run = run,
		.arg = arg};
	for (; i > 0 && before(&sim->heap[i], &sim->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&sim->heap[i], &sim->heap[(i - 1) / 2]);
}

/* ---- leads ---- */

struct known *known_find(struct sim *sim, const struct uuid *id)
{
	for (int i = sim->known_count - 1; i >= 0; i--)
		if (uuid_equal(&sim->known[i].id, id))
			return &sim->known[i];
	return NULL;
}

struct known *known_add(struct sim *sim, const struct uuid *id, int body, int part)
{
	struct known *known;

	if (sim->known_count == sim->known_room) {
		sim->known_room = sim->known_room ? 2 * sim->known_room : 256;
		sim->known = realloc(
			sim->known, (size_t)sim->known_room * sizeof(*sim->known));
		if (!sim->known)
			abort();
	}
	known = &sim->known[sim->known_count++];
	*known = (struct known){.id = *id,
		.body = body,
		.part = part,
		.at = sim->mono,
		.at_rest = sim->mono - sim->disturbed_at > REST_MS,
		.wall = sim->bodies[body].sent_wall};
	return known;
}
