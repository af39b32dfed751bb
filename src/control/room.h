/*
 * What the files of this room share: one request being executed, its answers, its
 * filters.
 *
 * Requests (all members but command may be absent):
 *
 *   {"command":"status"}
 *   {"command":"list", FILTERS, "limit":50, "before":"ID"}    0: all
 *   {"command":"export", FILTERS, "limit":0, "story":true}    0: all; oldest first
 *   {"command":"show", "id":"...", "raw":false}   {"command":"reasons"}
 *   {"command":"replay|hold|release|discard", "ids":["..."] and "destination", or
 * FILTERS, "dry_run":false, "again":false, "set":{"field":"text"}, "to":"name"}
 *   {"command":"destinations", "action":"park|resume", "name":"...", "why":"..."}
 *   {"command":"tail", "after":N, "limit":10, "wait_ms":0, "since_at":N}    after: the
 * number of an event, 0: the newest ones; since_at: wall, how far back when numbers say
 * nothing
 *   {"command":"resume"}   {"command":"check"}   {"command":"shape"}
 *   {"command":"activity", "hours":24}    1 to 840
 *   {"command":"report", "name":"..." or "since" and "until", "format":"text",
 * "send":false}
 *   {"command":"notifications", "action":"list|retry", "state":"...", "limit":50,
 * "ids":["..."]}
 *   {"command":"prune"}   {"command":"forget", "email":"..."}
 *   {"command":"prune"}   {"command":"import", ...}: import.h
 *   {"command":"reconcile", "rows":[{"email":"...", "offer_title":"...", "at":N}]}    at:
 * milliseconds
 *
 * "masked":true, in list, show, reasons and notifications: persons are not shown.
 *
 * FILTERS: "state" "destination" "source" "since" "until" "reason" "email", texts as
 * leadctl takes them. "go_on": what {"paused":{...}} answered, to go on from there.
 *
 * Items: list: a lead. export: a lead as in show, without history; without "story" only
 * what a CSV has. notifications: a mail. show: with raw, {"raw":"<base64>"} pieces in
 * order. replay, hold ...: {"id":"...","refused":"sentence"}. check:
 * {"problem":"sentence"}. reasons: a destination and what its leads died of. reconcile:
 * {"row":N, "status":"missing|unknown|erased| dead|held|pending|quarantined", "id":"..."}
 * for each row that is not simply here.
 */
#ifndef CONTROL_ROOM_H
#define CONTROL_ROOM_H

#include "leadrelay/control.h"

#include <stddef.h>
#include <stdint.h>

#define CONTROL_BATCH 500

struct run { /* one request being executed */
	const struct control_options *control;
	const cJSON *request;
	control_emit emit;
	bool (*keep_going)(void *ctx);
	void *ctx;
	int64_t now;
	bool gone; /* the other side does not listen any more */
};

/* ---- answers: each takes its document; false: nobody listens any more ---- */

bool answer_item(struct run *run, cJSON *item);
void answer_done(struct run *run, cJSON *done);
void answer_paused(struct run *run, cJSON *paused);
bool answer_progress(struct run *run, cJSON *progress);
void answer_error(struct run *run, const struct err *err);
/* The last answer of what goes through many rows: err where code says so, else totals,
 * which it takes, as where to go on (paused) or as the end. */
void answer_end(struct run *run, enum err_code code, const struct err *err, cJSON *totals,
	bool paused);
bool run_goes_on(struct run *run); /* neither gone nor asked to pause */
/* Around a call of the reader that may take long and changes nothing: it is cut short
 * when the run does not go on, and then run_was_stopped. */
void run_read_long(struct run *run);
bool run_was_stopped(struct run *run, enum err_code code);

/* ---- JSON in the contract's manner ---- */

/* They take item; what cannot be added for want of memory is deleted, and the request
 * answers nothing at all instead of half. object and array may be NULL. */
bool json_add_item(cJSON *object, const char *name, cJSON *item);
void json_add_to(cJSON *array, cJSON *item);
cJSON *json_add_object(cJSON *object, const char *name); /* NULL: could not */
cJSON *json_add_array(cJSON *object, const char *name);  /* NULL: could not */
void json_add_bool(cJSON *object, const char *name, bool value);
void json_add_text(cJSON *object, const char *name, const char *text); /* NULL: null */
void json_add_time(cJSON *object, const char *name, int64_t at);       /* 0: null */
void json_add_int(cJSON *object, const char *name, int64_t value);
cJSON *json_accounting(const struct accounting *sum);

/* ---- filters ---- */

struct filter {
	struct selection selection;
	const char *destination; /* names, borrowed from the request; NULL: any */
	const char *source;
	bool given; /* at least one part restricts */
};

/* Pure: everything but the names of destination and source. */
enum err_code filter_parse(
	const cJSON *request, int64_t now, struct filter *out, struct err *err);
/* The names to ids; ERR_NOT_FOUND. A name that is configured but has no row yet matches
 * nothing. */
enum err_code filter_resolve(struct run *run, struct filter *filter, struct err *err);
/* Both, of the request. */
enum err_code filter_take(struct run *run, struct filter *out, struct err *err);
enum err_code destination_resolve(
	struct run *run, const char *name, int64_t *id_out, struct err *err);
const struct source_settings *config_source(
	const struct config *config, const char *name);
const struct destination_settings *config_destination(
	const struct config *config, const char *name);

/* ---- one lead as JSON ---- */

/* An id, or an abbreviation of one, to its seq. What names no lead, or is too short to,
 * is ERR_NOT_FOUND; more than one ERR_AMBIGUOUS. */
enum err_code lead_find(
	struct run *run, const char *id, int64_t *seq_out, struct err *err);
/* As an item of `list`. */
cJSON *lead_json(const struct lead_row *row);
/* Adds its fields and extra. */
void lead_add_content(cJSON *object, const struct lead *lead);
/* As `show` has it; without history as `export`. *out is the caller's to cJSON_Delete. */
enum err_code lead_story_json(struct run *run, const struct lead_row *row, bool history,
	cJSON **out, struct err *err);

/* ---- mask.c: persons, shown to those who need not know them ---- */

bool wants_mask(const struct run *run); /* the request says "masked" */
/* An answer as lead_json and lead_story_json make it. */
void mask_lead(cJSON *object, const struct lead *lead);
/* lead NULL: not known. */
void mask_notification(cJSON *item, const struct lead *lead);
/* Appends text without the addresses in it, and without what it quotes of lead (NULL:
 * not known). */
void mask_text(struct buf *out, const char *text, const struct lead *lead);

/* As an item of `show`; `notifications list` adds lead_id. */
cJSON *notification_json(const struct mail_row *row);
/* Parked mail is asked again at once; *resumed_out: it was. A refused password and an
 * operator's decision are left to `destinations resume`. */
enum err_code mail_resume(struct run *run, bool *resumed_out, struct err *err);
/* Mails are waiting that the relay does not know of. */
void mails_changed(struct run *run);

/* Configured, or something of it is unfinished; never the one for mails. */
bool destination_worth_showing(const struct destination_row *row);
/* The list of status and destinations. *out is the caller's to cJSON_Delete. */
enum err_code destinations_json(struct run *run, cJSON **out, struct err *err);

/* ---- the transitions ---- */

struct totals { /* what a replay, hold, release or discard did */
	int64_t matched, changed, refused;
	int64_t by_reason[REASON_COUNT];
};
struct change {
	struct run *run;
	enum delivery_event event;
	bool dry_run;
	const cJSON *set;
	int64_t to;          /* id; 0: no */
	const char *to_name; /* NULL: no */
	struct uuid lead;    /* the one that is meant ... */
	bool one_lead;       /* ... if it is one */
	struct totals totals;
};

/* Runs one job for a selection, batch after batch from *after on, and adds up. Returns
 * with *after -1 at the end, or where to go on when the run does not go on. */
enum err_code change_batches(struct change *change, const struct selection *selection,
	const int64_t *route, size_t route_count, int64_t *after, struct err *err);
/* Counts a lead that stays as it is, and says why. */
void change_refuse(struct change *change, const struct lead *lead, int64_t deliveries,
	const char *why);
/* Replays or discards one quarantined lead. ERR_INVALID: what makes it a lead is missing.
 */
enum err_code change_quarantined(
	struct change *change, const struct lead_row *row, struct err *err);
/* The parts of a request that `set` can be wrong in. */
enum err_code change_check_set(const cJSON *set, struct err *err);

/* ---- the commands ---- */

void run_status(struct run *run);
void run_list(struct run *run);
void run_show(struct run *run);
void run_export(struct run *run);
void run_reasons(struct run *run);
void run_reconcile(struct run *run);
void run_change(struct run *run);
void run_destinations(struct run *run);
void run_resume(struct run *run);
void run_check(struct run *run);
void run_report(struct run *run);
void run_notifications(struct run *run);
void run_prune(struct run *run);
void run_forget(struct run *run);
void run_import(struct run *run);
void run_activity(struct run *run);
void run_shape(struct run *run);
void run_tail(struct run *run);

enum err_code change_check_request(const cJSON *request, int64_t now, struct err *err);
enum err_code check_forget(const cJSON *request, int64_t now, struct err *err);
enum err_code check_notifications(const cJSON *request, int64_t now, struct err *err);
enum err_code check_import(const cJSON *request, int64_t now, struct err *err);
enum err_code check_reconcile(const cJSON *request, int64_t now, struct err *err);
enum err_code check_tail(const cJSON *request, int64_t now, struct err *err);
enum err_code check_activity(const cJSON *request, int64_t now, struct err *err);
enum err_code check_report(const cJSON *request, int64_t now, struct err *err);

#endif
