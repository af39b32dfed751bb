/*
 * forget: what is known of the person elsewhere is told first (the ids of the CRM's
 * records), then the person is erased here.
 *
 *   {"command":"forget", "email":"..."}
 *
 * Items: {"destination":"...","remote_id":"..."}; without an id of its own (a file) or
 * when nobody knows whether it arrived, remote_id is null and "certain" false or true.
 * Done: {"leads","notifications","others","blocked"}.
 */
#include "room.h"

#include "leadrelay/clock.h"
#include "leadrelay/forget.h"
#include "leadrelay/json.h"
#include "leadrelay/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define FORGET_BATCH 50
#define DISCARD_BATCH 200
#define AGAIN_MS 100
#define WAIT_FOR_READER_MS 3000
#define WAIT_FOR_ATTEMPTS_MS 10000

struct forgetting {
	struct run *run;
	const char *email;
	int64_t *seqs;
	size_t count, room;
	size_t own;
	int64_t leads, notifications, others; /* done so far */
	bool out_of_memory;
	int64_t patience_until; /* mono: attempts under way are waited for */
	bool stopped;           /* while looking: nothing was done yet */
};

enum err_code check_forget(const cJSON *request, int64_t now, struct err *err)
{
	const char *email = json_string(request, "email");
	const char *at = email ? strchr(email, '@') : NULL;

	(void)now;
	if (text_blank(email))
		return err_set(err, ERR_INVALID, "forget: whom? give an e-mail address");
	if (!at || at == email || !at[1] || strpbrk(email, " \t\r\n"))
		return err_set(err, ERR_INVALID, "forget: this is not an e-mail address");
	return ERR_OK;
}

static void nap(void)
{
	const struct timespec moment = {.tv_nsec = AGAIN_MS * 1000000L};

	nanosleep(&moment, NULL);
}

/* ---- whose ---- */

static bool take_seq(void *ctx, int64_t seq, bool own)
{
	struct forgetting *forgetting = ctx;

	if (forgetting->count == forgetting->room) {
		size_t room = forgetting->room ? 2 * forgetting->room : 64;
		int64_t *more = realloc(forgetting->seqs, room * sizeof(*more));

		forgetting->out_of_memory = !more;
		if (!more)
			return false;
		forgetting->seqs = more;
		forgetting->room = room;
	}
	forgetting->seqs[forgetting->count++] = seq;
	forgetting->own += own;
	return run_goes_on(forgetting->run);
}

static enum err_code find_person(struct forgetting *forgetting, struct err *err)
{
	struct reader *reader = forgetting->run->control->reader;
	enum err_code code;

	run_read_long(forgetting->run);
	code = reader_person(reader, forgetting->email, take_seq, forgetting, err);
	forgetting->stopped =
		run_was_stopped(forgetting->run, code) || !run_goes_on(forgetting->run);
	if (code == ERR_TIMEOUT && forgetting->stopped)
		return ERR_OK;
	if (code == ERR_OK && forgetting->out_of_memory)
		code = err_set(err, ERR_NOMEM, "out of memory");
	return code;
}

/* ---- nothing more is sent ---- */

static enum err_code discard_part(
	struct forgetting *forgetting, const int64_t *seqs, size_t count, struct err *err)
{
	struct job_transition job = {.selection = {.leads = seqs, .lead_count = count},
		.event = DELIVERY_DISCARD,
		.now = forgetting->run->now,
		.max = DISCARD_BATCH};
	enum err_code code = ERR_OK;

	job.selection.states = 1u << DELIVERY_PENDING | 1u << DELIVERY_HELD;
	while (job.after >= 0 && code == ERR_OK) {
		job_transition_prepare(&job);
		code = store_call(forgetting->run->control->store, &job.job, err);
	}
	job_transition_finish(&job);
	return code;
}

/* Only the person's own: what names the address besides is somebody else's lead. */
static enum err_code keep_own(
	struct forgetting *forgetting, int64_t seq, bool *own, struct err *err)
{
	struct lead_row row;
	enum err_code code =
		reader_show(forgetting->run->control->reader, seq, &row, err);
	const char *email;

	*own = false;
	if (code == ERR_NOT_FOUND)
		return ERR_OK;
	if (code != ERR_OK)
		return code;
	email = row.lead.fields[FIELD_EMAIL];
	*own = email && strcasecmp(email, forgetting->email) == 0;
	lead_row_finish(&row);
	return ERR_OK;
}

static void tell_relay(struct forgetting *forgetting)
{
	const struct control_live *live = forgetting->run->control->live;

	if (live)
		live->changed(live->ctx, 0);
}

static enum err_code discard(struct forgetting *forgetting, struct err *err)
{
	int64_t *own = calloc(forgetting->count + 1, sizeof(*own));
	enum err_code code = ERR_OK;
	size_t count = 0;

	if (!own)
		return err_set(err, ERR_NOMEM, "out of memory");
	for (size_t i = 0; i < forgetting->count && code == ERR_OK; i++) {
		bool is_own;

		code = keep_own(forgetting, forgetting->seqs[i], &is_own, err);
		if (code == ERR_OK && is_own)
			own[count++] = forgetting->seqs[i];
	}
	if (code == ERR_OK && count > 0)
		code = discard_part(forgetting, own, count, err);
	free(own);
	tell_relay(forgetting);
	return code;
}

/* ---- where else the person is ---- */

static bool under_way(
	const struct forgetting *forgetting, const struct delivery_row *delivery)
{
	const struct control_live *live = forgetting->run->control->live;

	return live && live->under_way &&
	       live->under_way(live->ctx, delivery->destination, delivery->id);
}

static bool any_under_way(const struct forgetting *forgetting, const struct lead_row *row)
{
	for (size_t i = 0; i < row->delivery_count; i++)
		if (under_way(forgetting, &row->deliveries[i]))
			return true;
	return false;
}

static void tell_remote(const struct forgetting *forgetting, const struct lead_row *row,
	const struct delivery_row *delivery)
{
	bool there = delivery->state == DELIVERY_DELIVERED;
	bool perhaps = !there && (delivery->outcome == OUTCOME_UNKNOWN ||
					 under_way(forgetting, delivery));
	const char *remote_id = delivery->remote_id;
	char id[UUID_TEXT_SIZE];
	cJSON *item;

	if (!there && !perhaps && !remote_id)
		return;
	if (perhaps && !remote_id) /* what a CRM's record would be called */
		remote_id = uuid_text(&row->lead.id, id);
	item = cJSON_CreateObject();
	json_add_text(item, "destination", delivery->destination);
	json_add_text(item, "remote_id", remote_id);
	cJSON_AddBoolToObject(item, "certain", !perhaps);
	answer_item(forgetting->run, item);
}

/* What is on its way now is let arrive, so that its id is known. */
static enum err_code show_settled(
	struct forgetting *forgetting, int64_t seq, struct lead_row *row, struct err *err)
{
	const struct control_options *control = forgetting->run->control;
	enum err_code code;

	for (;;) {
		code = reader_show(control->reader, seq, row, err);
		if (code != ERR_OK || !any_under_way(forgetting, row) ||
			clock_mono(control->clock) >= forgetting->patience_until)
			return code;
		lead_row_finish(row);
		nap();
	}
}

static enum err_code tell_remotes(struct forgetting *forgetting, struct err *err)
{
	enum err_code code = ERR_OK;

	forgetting->patience_until =
		clock_mono(forgetting->run->control->clock) + WAIT_FOR_ATTEMPTS_MS;
	for (size_t i = 0; i < forgetting->count && code == ERR_OK; i++) {
		struct lead_row row;
		bool own;

		code = keep_own(forgetting, forgetting->seqs[i], &own, err);
		if (code != ERR_OK || !own)
			continue;
		code = show_settled(forgetting, forgetting->seqs[i], &row, err);
		if (code != ERR_OK)
			return code;
		for (size_t k = 0; k < row.delivery_count; k++)
			tell_remote(forgetting, &row, &row.deliveries[k]);
		lead_row_finish(&row);
	}
	return code;
}

/* ---- erasing ---- */

static enum err_code erase_leads(
	struct forgetting *forgetting, bool *all, struct err *err)
{
	size_t at = 0;

	do { /* also without any: the tombstone is written */
		size_t left = forgetting->count - at;
		struct job_forget job = {.email = forgetting->email,
			.leads = forgetting->seqs + at,
			.count = left < FORGET_BATCH ? left : FORGET_BATCH,
			.now = forgetting->run->now};

		job_forget_prepare(&job);
		if (store_call(forgetting->run->control->store, &job.job, err) != ERR_OK)
			return err->code;
		forgetting->leads += job.erased;
		forgetting->others += job.blanked;
		forgetting->notifications += job.notifications;
		at += job.count;
	} while (at < forgetting->count && run_goes_on(forgetting->run));
	*all = at >= forgetting->count;
	return ERR_OK;
}

static enum err_code erase_texts(
	struct forgetting *forgetting, bool *all, struct err *err)
{
	struct job_forget_texts job = {.email = forgetting->email, .more = true};

	while (job.more && run_goes_on(forgetting->run)) {
		job_forget_texts_prepare(&job);
		if (store_call(forgetting->run->control->store, &job.job, err) != ERR_OK)
			return err->code;
	}
	*all = !job.more;
	return ERR_OK;
}

/* *blocked: somebody reads an old state; that this ends is not ours to wait for long. */
static enum err_code cut_wal(
	struct forgetting *forgetting, bool *blocked, struct err *err)
{
	struct run *run = forgetting->run;
	struct job_forget_end job = {.email = forgetting->email};
	int64_t since = clock_mono(run->control->clock);
	enum err_code code;

	for (;;) {
		job_forget_end_prepare(&job);
		code = store_call(run->control->store, &job.job, err);
		*blocked = job.blocked;
		if (code != ERR_OK || !job.blocked ||
			clock_mono(run->control->clock) - since > WAIT_FOR_READER_MS)
			break;
		nap();
	}
	if (code != ERR_OK || job.blocked)
		return code;
	job.ended = true;
	job_forget_end_prepare(&job);
	return store_call(run->control->store, &job.job, err);
}

/* ---- the request ---- */

static cJSON *totals_json(const struct forgetting *forgetting, bool blocked)
{
	cJSON *object = cJSON_CreateObject();

	json_add_int(object, "leads", forgetting->leads);
	json_add_int(object, "notifications", forgetting->notifications);
	json_add_int(object, "others", forgetting->others);
	cJSON_AddBoolToObject(object, "blocked", blocked);
	return object;
}

/* Somebody to forget, or an erasure to end. */
static enum err_code check_known(
	struct forgetting *forgetting, bool going_on, struct err *err)
{
	bool begun = false;
	enum err_code code = reader_forgetting(
		forgetting->run->control->reader, forgetting->email, &begun, err);

	if (code == ERR_OK && forgetting->count == 0 && !begun && !going_on)
		code = err_set(err, ERR_NOT_FOUND,
			"no lead is this person's, and none names the address; nothing was "
			"done");
	return code;
}

static enum err_code forget(struct forgetting *forgetting, bool going_on, bool *all,
	bool *blocked, struct err *err)
{
	enum err_code code = find_person(forgetting, err);

	*all = false;
	if (code != ERR_OK || forgetting->stopped)
		return code;
	code = check_known(forgetting, going_on, err);
	if (code == ERR_OK)
		code = discard(forgetting, err);
	if (code == ERR_OK)
		code = tell_remotes(forgetting, err);
	if (code == ERR_OK)
		code = erase_leads(forgetting, all, err);
	tell_relay(forgetting);
	if (code == ERR_OK && *all)
		code = erase_texts(forgetting, all, err);
	if (code == ERR_OK && *all)
		code = cut_wal(forgetting, blocked, err);
	return code;
}

void run_forget(struct run *run)
{
	const cJSON *go_on = cJSON_GetObjectItemCaseSensitive(run->request, "go_on");
	struct forgetting forgetting = {.run = run,
		.email = json_string(run->request, "email"),
		.leads = json_integer(go_on, "leads", 0),
		.notifications = json_integer(go_on, "notifications", 0),
		.others = json_integer(go_on, "others", 0)};
	bool all = false;
	bool blocked = false;
	struct err err;
	enum err_code code = forget(&forgetting, go_on != NULL, &all, &blocked, &err);

	free(forgetting.seqs);
	if (code != ERR_OK)
		answer_error(run, &err);
	else if (!all)
		answer_paused(run, totals_json(&forgetting, false));
	else
		answer_done(run, totals_json(&forgetting, blocked));
}
