/*
 * import: batches of a file's rows, on their way into the outbox like any lead: routed by
 * their source, its contacts told of them if that is wanted. import.h has the requests.
 */
#include "room.h"

#include "leadrelay/clock.h"
#include "leadrelay/config.h"
#include "leadrelay/destination.h"
#include "leadrelay/import.h"
#include "leadrelay/intake.h"
#include "leadrelay/json.h"
#include "leadrelay/mails.h"
#include "leadrelay/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- the request ---- */

static const char *const actions[] = {"begin", "rows", "end"};

static bool is_action(const cJSON *request, const char *name)
{
	const char *action = json_string(request, "action");

	return action && strcmp(action, name) == 0;
}

static bool read_digest(const char *hex, uint8_t out[SHA256_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	if (!hex || strlen(hex) != (size_t)2 * SHA256_SIZE)
		return false;
	for (size_t i = 0; i < (size_t)2 * SHA256_SIZE; i++) {
		const char *digit = strchr(digits, hex[i]);

		if (!digit)
			return false;
		out[i / 2] = (uint8_t)(out[i / 2] << 4 | (digit - digits));
	}
	return true;
}

enum err_code check_import(const cJSON *request, int64_t now, struct err *err)
{
	uint8_t file[SHA256_SIZE];
	bool known = false;

	(void)now;
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		known |= is_action(request, actions[i]);
	if (!known || !json_string(request, "source"))
		return err_set(
			err, ERR_INVALID, "import: begin, rows or end, of a source");
	if (is_action(request, "begin") &&
		!read_digest(json_string(request, "file"), file))
		return err_set(err, ERR_INVALID, "import: which file? its SHA-256 is");
	if (is_action(request, "rows") && !json_string(request, "rows"))
		return err_set(err, ERR_INVALID, "import: no rows");
	return ERR_OK;
}

/* ---- the source, and where its leads go ---- */

struct target {
	const struct source_settings *settings;
	struct intake_source source;
	const char **contacts; /* room for those of one batch */
	size_t contacts_most;  /* of one lead */
	int64_t *routes;       /* likewise */
};

static void target_finish(struct target *target)
{
	free(target->source.destinations);
	free(target->contacts);
	free(target->routes);
}

/* What the daemon does at its start: the outbox learns the names of the configuration. */
static enum err_code name_names(struct run *run, struct err *err)
{
	const struct config *config = run->control->config;
	struct job_names job = {.source_count = config->source_count,
		.destination_count = config->destination_count,
		.mail = config->mail.configured,
		.now = run->now};
	enum err_code code;

	job.sources = calloc(job.source_count + 1, sizeof(*job.sources));
	job.destinations = calloc(job.destination_count + 1, sizeof(*job.destinations));
	if (!job.sources || !job.destinations) {
		code = err_set(err, ERR_NOMEM, "out of memory");
		goto end;
	}
	for (size_t i = 0; i < job.source_count; i++)
		job.sources[i].name = config->sources[i].name;
	for (size_t i = 0; i < job.destination_count; i++) {
		const struct destination_settings *settings = &config->destinations[i];

		job.destinations[i].name = settings->name;
		job.destinations[i].kind = settings->kind;
		job.destinations[i].keeps_key =
			destination_kind_find(settings->kind)->keeps_key;
	}
	job_names_prepare(&job);
	code = store_call(run->control->store, &job.job, err);
	job_names_finish(&job);
end:
	free(job.sources);
	free(job.destinations);
	return code;
}

/* ERR_CONFIG: one of the names is not in the outbox yet. */
static enum err_code find_ids(struct run *run, struct target *target, struct err *err)
{
	struct reader *reader = run->control->reader;
	const struct config *config = run->control->config;
	const struct source_settings *settings = target->settings;

	target->source.id = reader_source(reader, settings->name);
	target->source.destination_count = settings->destinations.count;
	for (size_t i = 0; i < settings->destinations.count; i++) {
		const char *name = settings->destinations.items[i];
		const struct destination_settings *to = config_destination(config, name);
		struct intake_destination *out = &target->source.destinations[i];

		out->id = reader_destination(reader, name);
		out->when = to ? to->when : NULL;
		out->when_count = to ? to->when_count : 0;
		out->contacts = to ? &to->contacts : NULL;
		if (!out->id)
			target->source.id = 0;
	}
	if (target->source.id)
		return ERR_OK;
	return err_set(err, ERR_CONFIG,
		"source %s or one of its destinations is new in the configuration: let "
		"leadrelayd reload first",
		settings->name);
}

static enum err_code find_source(struct run *run, struct target *target, struct err *err)
{
	const char *name = json_string(run->request, "source");
	const struct config *config = run->control->config;

	target->settings = config_source(config, name);
	if (!target->settings && run->control->live)
		return err_set(err, ERR_NOT_FOUND,
			"leadrelayd has no source \"%s\" yet: let it reload its configuration "
			"first",
			name);
	if (!target->settings)
		return err_set(err, ERR_NOT_FOUND, "there is no source \"%s\"", name);
	target->source.settings = target->settings;
	return ERR_OK;
}

static enum err_code target_init(
	struct run *run, struct target *target, size_t rows, struct err *err)
{
	size_t count;
	enum err_code code = find_source(run, target, err);

	if (code != ERR_OK)
		return code;
	count = target->settings->destinations.count;
	target->source.destinations =
		calloc(count + 1, sizeof(*target->source.destinations));
	target->routes = calloc(count * rows + 1, sizeof(*target->routes));
	if (!target->source.destinations || !target->routes)
		return err_set(err, ERR_NOMEM, "out of memory");
	code = find_ids(run, target, err);
	if (code == ERR_CONFIG && !run->control->live &&
		(code = name_names(run, err)) == ERR_OK)
		code = find_ids(run, target, err);
	if (code != ERR_OK || !run->control->config->mail.configured ||
		!json_bool(run->request, "notify", false))
		return code;
	target->contacts_most = intake_contacts_most(&target->source);
	target->contacts =
		calloc(target->contacts_most * rows + 1, sizeof(*target->contacts));
	return target->contacts ? ERR_OK : err_set(err, ERR_NOMEM, "out of memory");
}

/* ---- answers ---- */

static cJSON *state_json(const struct import_state *state)
{
	cJSON *object = cJSON_CreateObject();

	json_add_int(object, "import", state->id);
	json_add_int(object, "run", state->run);
	json_add_bool(object, "finished", state->finished);
	json_add_int(object, "taken", state->taken);
	json_add_int(object, "accepted", state->accepted);
	json_add_int(object, "duplicate", state->duplicates);
	json_add_int(object, "erased", state->erased);
	json_add_int(object, "rejected", state->rejected);
	return object;
}

/* A daemon that stops, and a store with too much to do, are asked again. */
static void answer_failure(struct run *run, enum err_code code, const struct err *err)
{
	if (code == ERR_BUSY || !run_goes_on(run))
		answer_paused(run, cJSON_CreateObject());
	else
		answer_error(run, err);
}

/* ---- rows ---- */

struct batch {
	struct job_import_rows job; /* first */
	enum err_code (*run)(struct store_job *job, struct db *db, struct err *err);
	const struct clock *clock;
	int64_t took_ms;
};

/* Store thread: how long the rows themselves take, not the commit they share. */
static enum err_code timed_run(struct store_job *job, struct db *db, struct err *err)
{
	struct batch *batch = (struct batch *)job;
	int64_t begin = clock_mono(batch->clock);
	enum err_code code = batch->run(job, db, err);

	batch->took_ms = clock_mono(batch->clock) - begin;
	return code;
}

static void address_rows(struct run *run, struct target *target, struct batch *batch)
{
	int64_t *routes = target->routes;
	const char **contacts = target->contacts;

	for (size_t i = 0; i < batch->job.count; i++) {
		struct import_row *row = &batch->job.rows[i];
		struct accept_lead *item = &row->item;

		if (row->rejected)
			continue;
		if (!row->time_given)
			item->lead.received_at = run->now;
		item->lead.source = target->settings->name;
		item->destinations = routes;
		item->destination_count =
			intake_route(&target->source, &item->lead, routes);
		routes += item->destination_count;
		if (!contacts)
			continue;
		item->contacts = contacts;
		item->contact_count =
			intake_contacts(&target->source, &item->lead, contacts);
		contacts += item->contact_count;
	}
}

static bool goes_to(const struct import_row *row, int64_t destination)
{
	for (size_t i = 0; i < row->item.destination_count; i++)
		if (row->item.destinations[i] == destination)
			return true;
	return false;
}

/* destination 0: was anybody told? */
static bool has_new(const struct batch *batch, int64_t destination)
{
	for (size_t i = 0; i < batch->job.count; i++) {
		const struct import_row *row = &batch->job.rows[i];

		if (!row->rejected && row->result == IMPORT_ACCEPTED &&
			(destination ? goes_to(row, destination)
				     : row->item.contact_count > 0))
			return true;
	}
	return false;
}

static void tell_relay(
	struct run *run, const struct target *target, const struct batch *batch)
{
	const struct control_live *live = run->control->live;

	for (size_t i = 0; live && i < target->source.destination_count; i++) {
		int64_t id = target->source.destinations[i].id;

		if (has_new(batch, id))
			live->came(live->ctx, id);
	}
	if (has_new(batch, 0))
		mails_changed(run);
}

/* The numbers of the rows that ended as one of results (bits). */
static void add_numbers(
	cJSON *object, const char *name, const struct batch *batch, unsigned results)
{
	cJSON *list = json_add_array(object, name);

	for (size_t i = 0; i < batch->job.count; i++) {
		const struct import_row *row = &batch->job.rows[i];

		if (!row->rejected && (results & 1u << row->result))
			json_add_to(list, cJSON_CreateNumber((double)row->row));
	}
}

static cJSON *batch_json(const struct batch *batch)
{
	cJSON *object = state_json(&batch->job.state);

	json_add_bool(object, "stale", batch->job.stale);
	json_add_int(object, "took_ms", batch->took_ms);
	add_numbers(object, "refused", batch, 1u << IMPORT_ERASED);
	if (batch->job.origin == ORIGIN_RECOVERED)
		add_numbers(object, "known", batch,
			1u << IMPORT_DUPLICATE | 1u << IMPORT_SKIPPED);
	return object;
}

static enum err_code take_rows(struct run *run, struct batch *batch, struct err *err)
{
	struct target target = {0};
	enum err_code code = target_init(run, &target, batch->job.count, err);

	if (code != ERR_OK)
		goto end;
	address_rows(run, &target, batch);
	batch->job.source = target.source.id;
	batch->job.digest_ms = run->control->config->mail.digest_ms;
	job_import_rows_prepare(&batch->job);
	if (run->control->live) { /* else nobody waits behind it: as many as may be */
		batch->run = batch->job.job.run;
		batch->job.job.run = timed_run;
	}
	code = store_call(run->control->store, &batch->job.job, err);
	if (code == ERR_OK)
		tell_relay(run, &target, batch);
end:
	target_finish(&target);
	return code;
}

static void run_rows(struct run *run)
{
	const char *packed = json_string(run->request, "rows");
	int64_t first = json_integer(run->request, "first", 1);
	int64_t count = json_integer(run->request, "count", 0);
	struct batch batch = {.clock = run->control->clock,
		.job = {.import = json_integer(run->request, "import", 0),
			.run = json_integer(run->request, "run", 0),
			.origin = json_bool(run->request, "recovered", false)
					  ? ORIGIN_RECOVERED
					  : ORIGIN_IMPORT,
			.now = run->now}};
	struct buf bytes = BUF_INIT;
	enum err_code code;
	struct err err;

	if (!base64_decode(&bytes, packed, strlen(packed)) || !buf_ok(&bytes))
		code = err_set(&err, ERR_INVALID, "import: rows that are not base64");
	else
		code = import_unpack(bytes.data, bytes.len, first, (size_t)count,
			&batch.job.rows, &err);
	if (code == ERR_OK) {
		batch.job.count = (size_t)count;
		code = take_rows(run, &batch, &err);
	}
	if (code == ERR_OK)
		answer_done(run, batch_json(&batch));
	else
		answer_failure(run, code, &err);
	job_import_rows_finish(&batch.job);
	import_rows_free(batch.job.rows, batch.job.count);
	buf_finish(&bytes);
}

/* ---- begin and end ---- */

static void run_begin(struct run *run)
{
	struct job_import_begin job = {.now = run->now};
	struct target target = {0};
	enum err_code code;
	struct err err;

	read_digest(json_string(run->request, "file"), job.file);
	code = target_init(run, &target, 0, &err);
	if (code == ERR_OK) {
		job.source = target.source.id;
		job_import_begin_prepare(&job);
		code = store_call(run->control->store, &job.job, &err);
	}
	if (code == ERR_OK)
		answer_done(run, state_json(&job.state));
	else
		answer_failure(run, code, &err);
	target_finish(&target);
}

static void run_end(struct run *run)
{
	struct job_import_end job = {.import = json_integer(run->request, "import", 0),
		.run = json_integer(run->request, "run", 0),
		.now = run->now};
	enum err_code code;
	struct err err;

	job_import_end_prepare(&job);
	code = store_call(run->control->store, &job.job, &err);
	if (code == ERR_OK)
		answer_done(run, state_json(&job.state));
	else
		answer_failure(run, code, &err);
}

void run_import(struct run *run)
{
	if (is_action(run->request, "begin"))
		run_begin(run);
	else if (is_action(run->request, "rows"))
		run_rows(run);
	else
		run_end(run);
}
