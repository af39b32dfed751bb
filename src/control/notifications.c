/* notifications: the mails about new leads: listed, and sent again; and prune. */
#include "room.h"

#include "leadrelay/config.h"
#include "leadrelay/json.h"
#include "leadrelay/mails.h"

#include <string.h>

#define LIST_LIMIT 50
#define PRUNE_BATCH 500

/* ---- words: what is delivered elsewhere is sent here ---- */

static const char *mail_state_name(enum delivery_state state)
{
	return state == DELIVERY_DELIVERED ? "sent" : delivery_state_name(state);
}

/* 0: there is no such state of a mail. */
static unsigned state_bit(const char *name)
{
	static const enum delivery_state states[] = {
		DELIVERY_HELD, DELIVERY_PENDING, DELIVERY_DELIVERED, DELIVERY_DEAD};

	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++)
		if (strcmp(mail_state_name(states[i]), name) == 0)
			return 1u << states[i];
	return 0;
}

cJSON *notification_json(const struct mail_row *row)
{
	cJSON *object = cJSON_CreateObject();

	json_add_text(object, "to", row->to);
	json_add_text(object, "state", mail_state_name(row->state));
	json_add_int(object, "attempts", row->attempts);
	json_add_time(object, "next_attempt_at", row->next_attempt_at);
	json_add_time(object, "sent_at", row->sent_at);
	json_add_text(object, "error", row->error);
	return object;
}

enum err_code check_notifications(const cJSON *request, int64_t now, struct err *err)
{
	const char *action = json_string(request, "action");
	const char *state = json_string(request, "state");
	const cJSON *id;

	(void)now;
	if (action && strcmp(action, "list") != 0 && strcmp(action, "retry") != 0)
		return err_set(err, ERR_INVALID,
			"notifications: \"%s\" is not something to do; list or retry",
			action);
	if (state && !state_bit(state))
		return err_set(err, ERR_INVALID,
			"state: there is no state \"%s\" of a notification; pending, held, sent or "
			"dead",
			state);
	cJSON_ArrayForEach (id, cJSON_GetObjectItemCaseSensitive(request, "ids")) {
		if (!cJSON_IsString(id))
			return err_set(
				err, ERR_INVALID, "notifications retry: an id is a text");
	}
	return ERR_OK;
}

/* ---- list ---- */

struct listing {
	struct run *run;
	int64_t limit;  /* 0: all */
	int64_t before; /* go on behind this mail; 0: from the newest */
	int64_t listed;
	int64_t last;
	bool paused;
};

static bool list_one(void *ctx, const struct mail_row *row)
{
	struct listing *listing = ctx;
	char id[UUID_TEXT_SIZE];
	cJSON *item;

	if (listing->before && row->id >= listing->before)
		return run_goes_on(listing->run);
	item = notification_json(row);
	if (wants_mask(listing->run))
		mask_notification(item, NULL);
	json_add_item(item, "lead_id",
		row->has_lead ? cJSON_CreateString(uuid_text(&row->lead_id, id))
			      : cJSON_CreateNull());
	if (!answer_item(listing->run, item))
		return false;
	listing->last = row->id;
	if (++listing->listed == listing->limit)
		return false;
	listing->paused = !run_goes_on(listing->run);
	return !listing->paused;
}

static cJSON *listing_json(const struct listing *listing)
{
	cJSON *object = cJSON_CreateObject();

	json_add_int(object, "listed", listing->listed);
	if (listing->paused)
		json_add_int(object, "after", listing->last);
	return object;
}

static void list_notifications(struct run *run)
{
	const cJSON *before = cJSON_GetObjectItemCaseSensitive(run->request, "go_on");
	const char *state = json_string(run->request, "state");
	struct listing listing = {.run = run,
		.limit = json_integer(run->request, "limit", LIST_LIMIT),
		.before = json_integer(before, "after", 0),
		.last = json_integer(before, "after", 0),
		.listed = json_integer(before, "listed", 0)};
	enum err_code code;
	struct err err;

	run_read_long(run);
	code = reader_notifications(run->control->reader, state ? state_bit(state) : 0,
		listing.before ? 0 : listing.limit, list_one, &listing, &err);
	listing.paused |= run_was_stopped(run, code);
	if (code != ERR_OK && !listing.paused)
		answer_error(run, &err);
	else if (listing.paused)
		answer_paused(run, listing_json(&listing));
	else
		answer_done(run, listing_json(&listing));
}

/* ---- retry ---- */

void mails_changed(struct run *run)
{
	const struct control_live *live = run->control->live;

	if (live)
		live->changed(live->ctx,
			reader_destination(run->control->reader, MAIL_DESTINATION));
}

/* The dead mails of one lead, or of all (0), from *after on. */
static enum err_code retry_batches(
	struct run *run, int64_t lead, int64_t *after, int64_t *retried, struct err *err)
{
	do {
		struct job_mails_retry job = {.lead = lead,
			.now = run->now,
			.max = CONTROL_BATCH,
			.after = *after};

		job_mails_retry_prepare(&job);
		if (store_call(run->control->store, &job.job, err) != ERR_OK)
			return err->code;
		*retried += job.changed;
		*after = job.after;
	} while (*after >= 0 && run_goes_on(run));
	return ERR_OK;
}

static enum err_code retry_ids(
	struct run *run, const cJSON *ids, int64_t *retried, struct err *err)
{
	enum err_code code = ERR_OK;
	const cJSON *id;
	int64_t seq;

	cJSON_ArrayForEach (id, ids) { /* all are known, before anything changes */
		code = lead_find(run, id->valuestring, &seq, err);
		if (code != ERR_OK)
			return code;
	}
	cJSON_ArrayForEach (id, ids) {
		int64_t after = 0;

		code = lead_find(run, id->valuestring, &seq, err);
		while (code == ERR_OK && after >= 0)
			code = retry_batches(run, seq, &after, retried, err);
		if (code != ERR_OK)
			return code;
	}
	return ERR_OK;
}

static void retry_notifications(struct run *run)
{
	const cJSON *ids = cJSON_GetObjectItemCaseSensitive(run->request, "ids");
	const cJSON *go_on = cJSON_GetObjectItemCaseSensitive(run->request, "go_on");
	int64_t after = json_integer(go_on, "after", 0);
	int64_t retried = json_integer(go_on, "retried", 0);
	bool resumed = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(go_on, "resumed"));
	enum err_code code = ERR_OK;
	struct err err;
	cJSON *object;

	if (ids) {
		code = retry_ids(run, ids, &retried, &err);
		after = -1;
	} else {
		if (!go_on)
			code = mail_resume(run, &resumed, &err);
		if (code == ERR_OK)
			code = retry_batches(run, 0, &after, &retried, &err);
	}
	if (retried)
		mails_changed(run);
	if (code != ERR_OK) {
		answer_error(run, &err);
		return;
	}
	object = cJSON_CreateObject();
	json_add_int(object, "retried", retried);
	json_add_bool(object, "resumed", resumed);
	if (after >= 0) {
		json_add_int(object, "after", after);
		answer_paused(run, object);
	} else {
		answer_done(run, object);
	}
}

void run_notifications(struct run *run)
{
	const char *action = json_string(run->request, "action");

	if (action && strcmp(action, "retry") == 0)
		retry_notifications(run);
	else
		list_notifications(run);
}

/* ---- prune ---- */

static cJSON *pruned_json(const struct job_prune *sum)
{
	cJSON *object = cJSON_CreateObject();

	json_add_int(object, "deliveries", sum->deliveries);
	json_add_int(object, "leads", sum->leads);
	json_add_int(object, "attempts", sum->attempts);
	json_add_int(object, "mails", sum->mails);
	return object;
}

static void tell_progress(struct run *run, const struct job_prune *sum)
{
	cJSON *progress = cJSON_CreateObject();

	json_add_int(progress, "changed", sum->leads);
	answer_progress(run, progress);
}

static enum err_code prune_batch(struct run *run, const struct retention *retention,
	struct job_prune *sum, struct err *err)
{
	struct job_prune job = {
		.retention = *retention, .now = run->now, .max = PRUNE_BATCH};

	job_prune_prepare(&job);
	if (store_call(run->control->store, &job.job, err) != ERR_OK)
		return err->code;
	sum->deliveries += job.deliveries;
	sum->leads += job.leads;
	sum->attempts += job.attempts;
	sum->mails += job.mails;
	sum->more = job.more;
	return ERR_OK;
}

static enum err_code prune_batches(
	struct run *run, struct job_prune *sum, struct err *err)
{
	const struct config *config = run->control->config;

	if (!config)
		return err_set(err, ERR_CONFIG,
			"prune: the configuration is bad, so nobody knows what retention it "
			"asks for; `leadctl config check`");
	do {
		if (prune_batch(run, &config->retention, sum, err) != ERR_OK)
			return err->code;
		if (sum->more)
			tell_progress(run, sum);
	} while (sum->more && run_goes_on(run));
	return ERR_OK;
}

void run_prune(struct run *run)
{
	const cJSON *go_on = cJSON_GetObjectItemCaseSensitive(run->request, "go_on");
	struct job_prune sum = {.deliveries = json_integer(go_on, "deliveries", 0),
		.leads = json_integer(go_on, "leads", 0),
		.attempts = json_integer(go_on, "attempts", 0),
		.mails = json_integer(go_on, "mails", 0)};
	struct err err;

	if (prune_batches(run, &sum, &err) != ERR_OK)
		answer_error(run, &err);
	else if (sum.more)
		answer_paused(run, pruned_json(&sum));
	else
		answer_done(run, pruned_json(&sum));
}
