/*
 * Files: leads of a fair, imported a few rows at a time as leadctl does it, interrupted
 * by whatever happens and begun again; and backups, read while the relay stands still.
 *
 * A row that was called taken is in the outbox, once, whatever came in between.
 */
#include "sim.h"

#include "leadrelay/import.h"
#include "leadrelay/json.h"
#include "leadrelay/keep.h"
#include "leadrelay/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SOURCE 1 /* website: any source will do */

struct list { /* of a file; its rows are the parts of a posting of its own */
	int body;
	int64_t taken; /* so many rows, as it was told */
	bool finished;
	bool done[PARTS_MAX]; /* told as taken, ever */
};

struct ledger { /* what the relay says of it */
	int64_t import, run, taken, counted;
	bool finished;
	bool stale;
};

/* ---- asking ---- */

static bool ask(struct sim *sim, struct ledger *out, cJSON *request)
{
	cJSON *answer = operate_ask(sim, request);
	const cJSON *done = cJSON_GetObjectItemCaseSensitive(answer, "done");

	if (done)
		*out = (struct ledger){.import = json_integer(done, "import", 0),
			.run = json_integer(done, "run", 0),
			.taken = json_integer(done, "taken", 0),
			.counted = json_integer(done, "accepted", 0) +
				   json_integer(done, "duplicate", 0),
			.finished = json_bool(done, "finished", false),
			.stale = json_bool(done, "stale", false)};
	cJSON_Delete(answer);
	return done != NULL;
}

static cJSON *request_of(const char *action)
{
	cJSON *request = cJSON_CreateObject();

	cJSON_AddStringToObject(request, "command", "import");
	cJSON_AddStringToObject(request, "action", action);
	cJSON_AddStringToObject(request, "source", "website");
	return request;
}

static bool begin(struct sim *sim, const struct list *list, struct ledger *out)
{
	cJSON *request = request_of("begin");
	char digest[65];

	snprintf(digest, sizeof(digest), "%064x", (unsigned)list->body);
	cJSON_AddStringToObject(request, "file", digest);
	return ask(sim, out, request);
}

static void pack_row(struct sim *sim, const struct list *list, int part, struct buf *out)
{
	struct import_row row = {.row = part + 1};
	struct uuid last = {0};
	char text[48];
	struct err err;

	row.item.lead.id = uuid_v7(sim_wall(sim), &sim->entropy, &last);
	snprintf(text, sizeof(text), "L%d", list->body);
	lead_set(&row.item.lead, FIELD_LAST_NAME, text, &err);
	snprintf(text, sizeof(text), "u%d.%d@example.com", list->body, part);
	lead_set(&row.item.lead, FIELD_EMAIL, text, &err);
	import_pack(out, &row);
	lead_finish(&row.item.lead);
}

static bool send_rows(struct sim *sim, const struct list *list, int64_t first,
	int64_t count, struct ledger *ledger)
{
	cJSON *request = request_of("rows");
	struct buf packed = BUF_INIT;
	struct buf text = BUF_INIT;
	bool done;

	for (int64_t i = 0; i < count; i++)
		pack_row(sim, list, (int)(first - 1 + i), &packed);
	base64_add(&text, packed.data, packed.len);
	cJSON_AddNumberToObject(request, "import", (double)ledger->import);
	cJSON_AddNumberToObject(request, "run", (double)ledger->run);
	cJSON_AddNumberToObject(request, "first", (double)first);
	cJSON_AddNumberToObject(request, "count", (double)count);
	cJSON_AddStringToObject(request, "rows", buf_str(&text));
	buf_finish(&packed);
	buf_finish(&text);
	sim->bodies[list->body].unanswered = 1; /* it may be there from now on */
	done = ask(sim, ledger, request);
	if (!done)
		sim->unheard += count;
	return done;
}

/* ---- a file ---- */

static struct list *some_list(struct sim *sim)
{
	struct chance *chance = &sim->order_chance;
	int at = (int)chance_below(chance, sim->list_count + 2);
	struct list *list;

	if (at < sim->list_count)
		return &sim->lists[at];
	sim->lists =
		realloc(sim->lists, (size_t)(sim->list_count + 1) * sizeof(*sim->lists));
	if (!sim->lists)
		abort();
	list = &sim->lists[sim->list_count++];
	*list = (struct list){.body = post_file(sim, SOURCE,
				      (int)chance_between(chance, 1, PARTS_MAX))};
	return list;
}

static void note_taken(
	struct sim *sim, struct list *list, int64_t before, const struct ledger *ledger)
{
	const struct body *body = &sim->bodies[list->body];

	if (ledger->taken > body->parts)
		violation(sim, "file %d has %d rows, and %lld are taken", list->body,
			body->parts, (long long)ledger->taken);
	for (int64_t i = before; i < ledger->taken && i < body->parts; i++)
		list->done[i] = true;
	list->taken = ledger->taken;
}

void import_some(struct sim *sim)
{
	struct list *list = some_list(sim);
	struct body *body = &sim->bodies[list->body];
	struct ledger ledger;
	bool going = begin(sim, list, &ledger);

	if (going && !list->finished && ledger.taken < list->taken)
		violation(sim, "file %d: %lld rows were taken, now it is %lld",
			list->body, (long long)list->taken, (long long)ledger.taken);
	if (going)
		note_taken(sim, list, 0, &ledger);
	list->finished &= !going;
	while (going && node_alive(sim) && ledger.taken < body->parts) {
		int64_t first = ledger.taken + 1, counted = ledger.counted;
		int64_t count =
			chance_between(&sim->order_chance, 1, body->parts - ledger.taken);

		going = send_rows(sim, list, first, count, &ledger) && !ledger.stale;
		if (!going)
			break;
		sim->acks += ledger.counted - counted;
		note_taken(sim, list, first - 1, &ledger);
		going = chance_percent(&sim->order_chance, 80); /* Ctrl-C */
	}
	if (going && node_alive(sim)) {
		cJSON *request = request_of("end");

		cJSON_AddNumberToObject(request, "import", (double)ledger.import);
		cJSON_AddNumberToObject(request, "run", (double)ledger.run);
		list->finished = ask(sim, &ledger, request) && ledger.finished;
	}
	tell(sim, "import of file %d: %lld of %d rows taken%s", list->body,
		(long long)list->taken, body->parts, list->finished ? ", ended" : "");
	if (node_alive(sim))
		oracle_sweep(sim, false);
}

/* ---- what must be true ---- */

static bool is_forgotten(const struct sim *sim, int body)
{
	for (int i = 0; i < sim->known_count; i++)
		if (sim->known[i].body == body && sim->known[i].forgotten)
			return true;
	return false;
}

void import_judge(struct sim *sim)
{
	for (int n = 0; n < sim->list_count && !sim->failed; n++) {
		const struct list *list = &sim->lists[n];
		int leads[PARTS_MAX] = {0};

		if (is_forgotten(sim, list->body))
			continue;
		for (int i = 0; i < sim->known_count; i++)
			if (sim->known[i].body == list->body)
				leads[sim->known[i].part]++;
		for (int part = 0; part < sim->bodies[list->body].parts; part++) {
			if (list->done[part] && leads[part] == 0)
				violation(sim, "LOST: row %d of file %d was taken",
					part + 1, list->body);
			if (leads[part] > 1)
				violation(sim, "row %d of file %d became %d leads",
					part + 1, list->body, leads[part]);
		}
	}
}

/* ---- a backup ---- */

/* Nothing else happens meanwhile: it holds exactly what the outbox does. */
void import_backup(struct sim *sim)
{
	int fd = memfd_create("backup", MFD_CLOEXEC);
	struct kept_file kept = {0};
	struct err err = {.text = ""};
	enum err_code code;
	int64_t there = 0;

	if (fd < 0)
		abort();
	while (store_step(sim->node.store) > 0)
		;
	code = store_backup(STATE_DIR, &sim->clock, fd, NULL, &kept, &err);
	close(fd);
	tell(sim, "backup: %s", code == ERR_OK ? "done" : err.text);
	if (code == ERR_CORRUPT && node_alive(sim))
		violation(sim, "a backup is damaged: %s", err.text);
	if (code != ERR_OK || !node_alive(sim))
		return;
	if (*kept.difference)
		violation(sim, "the sums of a backup differ: %s", kept.difference);
	oracle_sweep(sim, false);
	for (int i = 0; i < sim->known_count; i++)
		there += sim->known[i].seen;
	if (kept.leads != there && node_alive(sim) && sim->node.store_well)
		violation(sim, "a backup holds %lld leads of %lld", (long long)kept.leads,
			(long long)there);
}
