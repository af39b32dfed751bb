/*
 * activity and shape: what pictures are drawn from: the counters of each destination over
 * time, and what is not delivered by its age.
 */
#include "room.h"

#include "leadrelay/clock.h"
#include "leadrelay/json.h"
#include "leadrelay/samples.h"

#include <inttypes.h>
#include <stdlib.h>

#define HOUR_MS (3600 * 1000LL)
#define DEFAULT_HOURS 24
#define MOST_HOURS (SAMPLE_KEEP_MS / HOUR_MS)

/* ---- activity ---- */

struct activity {
	struct run *run;
	cJSON *samples;
	const struct destination_row *rows;
	size_t count;
	int64_t *told; /* parallel to rows: the step it was told of last; -1: none */
	int64_t step_ms;
};

enum err_code check_activity(const cJSON *request, int64_t now, struct err *err)
{
	int64_t hours = json_integer(request, "hours", DEFAULT_HOURS);

	(void)now;
	if (hours >= 1 && hours <= MOST_HOURS)
		return ERR_OK;
	return err_set(err, ERR_INVALID,
		"activity: hours: 1 to %lld, samples are kept for so long", MOST_HOURS);
}

/* As many as a picture has room for: some 600 of each destination. */
static int64_t step_of(int64_t hours)
{
	if (hours <= 48)
		return SAMPLE_EVERY_MS;
	return hours <= 8 * 24 ? HOUR_MS / 2 : 2 * HOUR_MS;
}

static cJSON *sample_json(const char *name, const struct sample *sample)
{
	cJSON *object = cJSON_CreateObject();

	json_add_time(object, "at", sample->at);
	json_add_text(object, "destination", name);
	json_add_int(object, "accepted", sample->accepted);
	json_add_int(object, "delivered", sample->delivered);
	json_add_int(object, "dead", sample->dead);
	json_add_int(object, "pending", sample->pending);
	json_add_int(object, "held", sample->held);
	json_add_int(object, "discarded", sample->discarded);
	return object;
}

/* The first of each step of a destination; counters only add up, so none is missed. */
static bool tell_sample(void *ctx, const struct sample *sample)
{
	struct activity *activity = ctx;
	int64_t step = sample->at / activity->step_ms;
	size_t i = 0;

	while (i < activity->count && activity->rows[i].id != sample->destination)
		i++;
	if (i == activity->count || activity->told[i] == step)
		return true;
	activity->told[i] = step;
	json_add_to(activity->samples, sample_json(activity->rows[i].name, sample));
	return true;
}

/* And how it is at present, of those that a sample would be kept of now. */
static void tell_present(const struct activity *activity)
{
	for (size_t i = 0; i < activity->count; i++) {
		const struct destination_row *row = &activity->rows[i];
		const struct sample sample = {.at = activity->run->now,
			.accepted = row->accepted,
			.delivered = row->delivered,
			.dead = row->dead,
			.pending = row->pending,
			.held = row->held,
			.discarded = row->discarded};

		if (row->configured || row->pending + row->held > 0)
			json_add_to(activity->samples, sample_json(row->name, &sample));
	}
}

static enum err_code tell_samples(
	struct activity *activity, int64_t hours, struct err *err)
{
	struct run *run = activity->run;

	activity->told = calloc(activity->count + 1, sizeof(activity->told[0]));
	if (!activity->told)
		return err_set(err, ERR_NOMEM, "activity: out of memory");
	for (size_t i = 0; i < activity->count; i++)
		activity->told[i] = -1;
	return reader_samples(run->control->reader, run->now - hours * HOUR_MS, run->now,
		tell_sample, activity, err);
}

void run_activity(struct run *run)
{
	int64_t hours = json_integer(run->request, "hours", DEFAULT_HOURS);
	struct activity activity = {.run = run, .step_ms = step_of(hours)};
	struct destination_row *rows = NULL;
	cJSON *object = cJSON_CreateObject();
	struct err err;

	activity.samples = json_add_array(object, "samples");
	if (reader_destinations(run->control->reader, &rows, &activity.count, &err) ==
		ERR_OK) {
		activity.rows = rows;
		json_add_int(object, "step_s", activity.step_ms / 1000);
		if (tell_samples(&activity, hours, &err) == ERR_OK) {
			tell_present(&activity);
			answer_done(run, object);
			object = NULL;
		}
	}
	if (object)
		answer_error(run, &err);
	cJSON_Delete(object);
	free(activity.told);
	free(rows);
}

/* ---- shape ---- */

static cJSON *shape_json(const char *name, const struct shape *shape)
{
	cJSON *object = cJSON_CreateObject();
	cJSON *buckets;

	json_add_text(object, "name", name);
	buckets = json_add_array(object, "buckets");
	for (int i = 0; i < SHAPE_BUCKETS; i++) {
		cJSON *bucket = cJSON_CreateObject();

		if (shape_up_to_ms[i] == INT64_MAX)
			json_add_text(bucket, "up_to_s", NULL);
		else
			json_add_int(bucket, "up_to_s", shape_up_to_ms[i] / 1000);
		json_add_int(bucket, "pending", shape->buckets[i].pending);
		json_add_int(bucket, "held", shape->buckets[i].held);
		json_add_int(bucket, "dead", shape->buckets[i].dead);
		json_add_to(buckets, bucket);
	}
	return object;
}

/* Nothing of what is told is left to count when all is delivered. */
static enum err_code read_shape_of(struct run *run, const struct destination_row *row,
	struct shape *out, struct err *err)
{
	*out = (struct shape){0};
	if (row->pending + row->held + row->dead == 0)
		return ERR_OK;
	return reader_shape(run->control->reader, row->id, run->now, out, err);
}

void run_shape(struct run *run)
{
	struct destination_row *rows = NULL;
	cJSON *object = cJSON_CreateObject();
	cJSON *list = json_add_array(object, "destinations");
	enum err_code code;
	size_t count = 0;
	struct err err;
	bool stopped;

	run_read_long(run);
	code = reader_destinations(run->control->reader, &rows, &count, &err);
	for (size_t i = 0; i < count && code == ERR_OK; i++) {
		struct shape shape;

		if (!destination_worth_showing(&rows[i]))
			continue;
		code = read_shape_of(run, &rows[i], &shape, &err);
		if (code == ERR_OK)
			json_add_to(list, shape_json(rows[i].name, &shape));
	}
	stopped = run_was_stopped(run, code);
	free(rows);
	if (code == ERR_OK) {
		answer_done(run, object);
		return;
	}
	cJSON_Delete(object);
	if (stopped)
		answer_paused(run, cJSON_CreateObject()); /* it begins anew */
	else
		answer_error(run, &err);
}
