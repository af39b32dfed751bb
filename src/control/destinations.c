/*
 * destinations (the list, park, resume) and resume.
 *
 * While the daemon runs, its relay parks and resumes: it holds the health that counts.
 * When it does not, the stored health is changed by the same rules and the relay finds it
 * so.
 */
#include "room.h"

#include "leadrelay/config.h"
#include "leadrelay/json.h"
#include "leadrelay/mails.h"

#include <stdlib.h>
#include <string.h>

static void list_destinations(struct run *run)
{
	cJSON *list, *object;
	struct err err;

	if (destinations_json(run, &list, &err) != ERR_OK) {
		answer_error(run, &err);
		return;
	}
	object = cJSON_CreateObject();
	json_add_item(object, "destinations", list);
	answer_done(run, object);
}

/* What mails go to is no destination of leads, but parked and resumed like one; readers
 * leave it out. */
static enum err_code find_mail(
	struct run *run, struct destination_row *out, struct err *err)
{
	struct job_destinations job = {.count = 0};
	enum err_code code;
	size_t i = 0;

	job_destinations_prepare(&job);
	code = store_call(run->control->store, &job.job, err);
	if (code != ERR_OK)
		return code;
	while (i < job.count && strcmp(job.rows[i].name, MAIL_DESTINATION) != 0)
		i++;
	if (i < job.count)
		*out = job.rows[i];
	else
		code = err_set(err, ERR_NOT_FOUND,
			"there is no mail here: the configuration never had a mail: block");
	job_destinations_finish(&job);
	return code;
}

static enum err_code find_row(
	struct run *run, const char *name, struct destination_row *out, struct err *err)
{
	struct destination_row *rows;
	size_t count, i = 0;

	if (strcmp(name, MAIL_DESTINATION) == 0)
		return find_mail(run, out, err);
	if (reader_destinations(run->control->reader, &rows, &count, err) != ERR_OK)
		return err_wrap(err, "reading the destinations");
	while (i < count && strcmp(rows[i].name, name) != 0)
		i++;
	if (i < count)
		*out = rows[i];
	free(rows);
	if (i == count)
		return err_set(err, ERR_NOT_FOUND,
			"there is no destination \"%s\"; `leadctl destinations` lists them",
			name);
	return ERR_OK;
}

/* The relay's own rules for such an order. */
static enum err_code check_order(
	const struct destination_row *row, const char *why, struct err *err)
{
	const struct health *health = &row->health;

	if (!row->configured)
		return err_set(err, ERR_NOT_FOUND,
			"%s is not in the configuration any more; put it back there, or give "
			"its leads up with `leadctl discard --destination %s`",
			row->name, row->name);
	if (why && health->state == HEALTH_PARKED && health->reason == REASON_OPERATOR)
		return err_set(
			err, ERR_STALE, "destination %s is parked already", row->name);
	if (!why && health->state == HEALTH_OPEN)
		return err_set(
			err, ERR_STALE, "destination %s is open already", row->name);
	if (!why && health->state == HEALTH_THROTTLED)
		return err_set(err, ERR_STALE,
			"destination %s asked for a pause: it opens by itself when that is over",
			row->name);
	return ERR_OK;
}

/* why NULL: resume. */
static enum err_code change_stored(
	struct run *run, const char *name, const char *why, struct err *err)
{
	struct destination_row row = {0};
	struct job_health job = {.now = run->now};
	const struct health_rule rule = {0}; /* what an operator parked is not probed */

	if (find_row(run, name, &row, err) != ERR_OK ||
		check_order(&row, why, err) != ERR_OK)
		return err->code;
	if (why)
		health_park(&row.health, &rule, REASON_OPERATOR, why, run->now);
	else
		health_resume(&row.health, run->now);
	job.destination = row.id;
	job.health = row.health;
	job.wake = !why;
	job_health_prepare(&job);
	return store_call(run->control->store, &job.job, err);
}

static enum err_code change_live(
	struct run *run, const char *name, const char *why, struct err *err)
{
	const struct control_live *live = run->control->live;
	struct err answer = {.code = ERR_OK};

	live->park(live->ctx, name, why, &answer);
	if (answer.code != ERR_OK)
		*err = answer;
	return answer.code;
}

enum err_code mail_resume(struct run *run, bool *resumed_out, struct err *err)
{
	struct destination_row row;
	enum err_code code = find_mail(run, &row, err);

	*resumed_out = false;
	if (code == ERR_NOT_FOUND)
		return ERR_OK; /* no mail, nothing parked */
	if (code != ERR_OK || row.health.state != HEALTH_PARKED || !row.configured)
		return code;
	if (row.health.reason == REASON_UNAUTHORIZED ||
		row.health.reason == REASON_OPERATOR)
		return ERR_OK; /* a lock-out, or another person's decision */
	code = run->control->live ? change_live(run, MAIL_DESTINATION, NULL, err)
				  : change_stored(run, MAIL_DESTINATION, NULL, err);
	if (code == ERR_STALE)
		return ERR_OK; /* it resumed by itself just now */
	*resumed_out = code == ERR_OK;
	return code;
}

void run_destinations(struct run *run)
{
	const char *action = json_string(run->request, "action");
	const char *name = json_string(run->request, "name");
	const char *why = NULL;
	struct err err;
	cJSON *done;

	if (!action) {
		list_destinations(run);
		return;
	}
	if (strcmp(action, "park") == 0)
		why = json_string(run->request, "why");
	if ((run->control->live ? change_live(run, name, why, &err)
				: change_stored(run, name, why, &err)) != ERR_OK) {
		answer_error(run, &err);
		return;
	}
	done = cJSON_CreateObject();
	json_add_text(done, "name", name);
	json_add_text(done, "state", why ? "parked" : "open");
	answer_done(run, done);
}

/* ---- resume: deliver again after three unclean exits ---- */

static enum err_code resume_delivery(struct run *run, struct err *err)
{
	const struct control_live *live = run->control->live;
	struct job_boot_end job = {.resume = true, .now = run->now};
	struct err answer = {.code = ERR_OK};

	if (!live) {
		job_boot_end_prepare(&job);
		return store_call(run->control->store, &job.job, err);
	}
	live->resume_delivery(live->ctx, &answer);
	if (answer.code != ERR_OK)
		*err = answer;
	return answer.code;
}

void run_resume(struct run *run)
{
	struct err err;
	cJSON *done;

	if (resume_delivery(run, &err) != ERR_OK) {
		answer_error(run, &err);
		return;
	}
	done = cJSON_CreateObject();
	json_add_text(done, "state", run->control->live ? "running" : "stopped");
	json_add_bool(done, "intake_only", false);
	answer_done(run, done);
}
