/* status, destinations (the list) and check: what the outbox looks like as a whole. */
#include "room.h"

#include "leadrelay/clock.h"
#include "leadrelay/config.h"
#include "leadrelay/mails.h"

#include <stdlib.h>
#include <string.h>

struct view { /* what status says of one destination */
	const struct destination_row *row;
	struct relay_status live; /* health: the live one, or the stored */
};

/* A name that left the configuration matters as long as something of it is unfinished. */
bool destination_worth_showing(const struct destination_row *row)
{
	if (strcmp(row->name, MAIL_DESTINATION) == 0)
		return false; /* told apart: its work is mails */
	return row->configured || row->pending || row->held || row->dead;
}

static void look(struct run *run, const struct destination_row *row, struct view *out)
{
	const struct control_live *live = run->control->live;
	const struct destination_settings *settings;

	*out = (struct view){.row = row};
	if (live && live->status(live->ctx, row->name, &out->live))
		return;
	out->live = (struct relay_status){.health = row->health};
	settings = config_destination(run->control->config, row->name);
	if (settings)
		out->live.credential_expires_at = settings->auth.expires_at;
}

static void add_date(cJSON *object, const char *name, int64_t at)
{
	char text[TIME_TEXT_SIZE];

	if (!at) {
		json_add_text(object, name, NULL);
		return;
	}
	time_text(at, text)[strlen("2027-11-01")] = '\0';
	json_add_text(object, name, text);
}

static void add_health(cJSON *object, const struct health *health)
{
	const char *reason = reason_name(health->reason);
	bool timed = health->next_at > 0 && health->next_at != INT64_MAX;

	json_add_text(object, "state", health_state_name(health->state));
	json_add_text(object, "reason", *reason ? reason : NULL);
	json_add_text(object, "error", *health->error ? health->error : NULL);
	json_add_time(object, "since", health->since);
	json_add_time(object, "next_attempt_at", timed ? health->next_at : 0);
}

static cJSON *destination_json(struct run *run, const struct destination_row *row)
{
	cJSON *object = cJSON_CreateObject();
	int64_t oldest_ms =
		row->oldest_pending_at ? run->now - row->oldest_pending_at : 0;
	struct view view;

	look(run, row, &view);
	json_add_text(object, "name", row->name);
	json_add_text(object, "kind", row->kind);
	add_health(object, &view.live.health);
	json_add_int(object, "pending", row->pending);
	json_add_int(object, "held", row->held);
	json_add_int(object, "delivered", row->delivered);
	json_add_int(object, "dead", row->dead);
	json_add_int(object, "discarded", row->discarded);
	json_add_int(object, "accepted", row->accepted);
	json_add_int(object, "oldest_pending_s", oldest_ms > 0 ? oldest_ms / 1000 : 0);
	json_add_int(object, "in_flight", view.live.in_flight);
	add_date(object, "credential_expires", view.live.credential_expires_at);
	return object;
}

enum err_code destinations_json(struct run *run, cJSON **out, struct err *err)
{
	struct destination_row *rows;
	size_t count;
	cJSON *list;

	if (reader_destinations(run->control->reader, &rows, &count, err) != ERR_OK)
		return err_wrap(err, "reading the destinations");
	list = cJSON_CreateArray();
	for (size_t i = 0; i < count; i++)
		if (destination_worth_showing(&rows[i]))
			json_add_to(list, destination_json(run, &rows[i]));
	free(rows);
	*out = list;
	return ERR_OK;
}

static cJSON *source_json(const struct source_row *row)
{
	cJSON *object = cJSON_CreateObject();

	json_add_text(object, "name", row->name);
	json_add_int(object, "accepted", row->accepted);
	json_add_int(object, "duplicates", row->duplicates);
	json_add_int(object, "quarantined", row->quarantined);
	json_add_int(object, "rejected", row->rejected);
	json_add_int(object, "test", row->test);
	json_add_time(object, "last_received_at", row->last_at);
	return object;
}

static enum err_code sources_json(struct run *run, cJSON **out, struct err *err)
{
	struct source_row *rows;
	size_t count;
	cJSON *list;

	if (reader_sources(run->control->reader, &rows, &count, err) != ERR_OK)
		return err_wrap(err, "reading the sources");
	list = cJSON_CreateArray();
	for (size_t i = 0; i < count; i++)
		if (rows[i].configured || rows[i].accepted || rows[i].quarantined)
			json_add_to(list, source_json(&rows[i]));
	free(rows);
	*out = list;
	return ERR_OK;
}

static void add_program(struct run *run, cJSON *object)
{
	const struct control_live *live = run->control->live;

	json_add_text(object, "state", live ? "running" : "stopped");
	json_add_text(object, "version", run->control->version);
	if (live)
		json_add_int(object, "uptime_s", live->uptime_ms(live->ctx) / 1000);
	else
		json_add_text(object, "uptime_s", NULL);
	json_add_bool(object, "intake_only", live && live->intake_only(live->ctx));
}

/* How mail as a whole is; nothing when none is configured. */
static void add_mail(struct run *run, cJSON *object, const struct health *stored)
{
	const struct control_live *live = run->control->live;
	struct relay_status status = {.health = *stored};
	cJSON *mail = cJSON_CreateObject();

	if (live && !live->status(live->ctx, MAIL_DESTINATION, &status))
		status = (struct relay_status){.health = *stored};
	add_health(mail, &status.health);
	json_add_item(object, "mail", mail);
}

static void add_notifications(
	struct run *run, cJSON *object, const struct notification_counts *counts)
{
	cJSON *part = json_add_object(object, "notifications");

	json_add_int(part, "pending", counts->pending);
	json_add_int(part, "sent", counts->sent);
	json_add_int(part, "dead", counts->dead);
	if (counts->configured)
		add_mail(run, object, &counts->health);
	else
		json_add_text(object, "mail", NULL);
}

void run_status(struct run *run)
{
	struct reader *reader = run->control->reader;
	cJSON *object = cJSON_CreateObject(), *sources = NULL, *destinations = NULL;
	struct notification_counts mails;
	struct accounting sum;
	int64_t quarantined;
	struct err err;

	add_program(run, object);
	if (sources_json(run, &sources, &err) != ERR_OK ||
		destinations_json(run, &destinations, &err) != ERR_OK ||
		reader_quarantined(reader, &quarantined, &err) != ERR_OK ||
		reader_accounting(reader, 0, &sum, &err) != ERR_OK ||
		reader_notification_counts(reader, &mails, &err) != ERR_OK)
		goto fail;
	json_add_item(object, "sources", sources);
	json_add_int(object, "quarantined", quarantined);
	json_add_item(object, "destinations", destinations);
	json_add_item(object, "accounting", json_accounting(&sum));
	add_notifications(run, object, &mails);
	answer_done(run, object);
	return;
fail:
	cJSON_Delete(sources);
	cJSON_Delete(destinations);
	cJSON_Delete(object);
	answer_error(run, &err);
}

/* ---- check ---- */

struct check {
	struct run *run;
	cJSON *problems;
};

static void check_problem(void *ctx, const char *text)
{
	struct check *check = ctx;

	json_add_to(check->problems, cJSON_CreateString(text));
}

void run_check(struct run *run)
{
	struct reader *reader = run->control->reader;
	struct check check = {.run = run, .problems = cJSON_CreateArray()};
	cJSON *object = cJSON_CreateObject();
	struct accounting sum;
	enum err_code code;
	struct err err;
	bool ok, stopped;

	run_read_long(run);
	code = reader_check(reader, check_problem, &check, &err);
	stopped = run_was_stopped(run, code);
	if (code == ERR_OK)
		code = reader_accounting(reader, 0, &sum, &err);
	if (stopped) {
		cJSON_Delete(check.problems);
		answer_paused(run, object); /* it begins anew */
		return;
	}
	if (code != ERR_OK) {
		cJSON_Delete(check.problems);
		cJSON_Delete(object);
		answer_error(run, &err);
		return;
	}
	ok = cJSON_GetArraySize(check.problems) == 0 && sum.difference == 0;
	json_add_bool(object, "ok", ok);
	json_add_text(object, "integrity", ok ? "ok" : "problems");
	json_add_item(object, "accounting", json_accounting(&sum));
	json_add_item(object, "problems", check.problems);
	answer_done(run, object);
}
