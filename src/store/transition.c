/*
 * transition: what the operator does to deliveries, in batches of a selection.
 *
 * Each batch is one transaction: a crash between two leaves the first done and the rest
 * as it was; asked again, the rest follows (what moved is not in the selection any more,
 * or moves to where it is).
 */
#include "leadrelay/fault.h"
#include "person.h"
#include "pick.h"
#include "queue.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_ROWS 5000

static bool is_replay(enum delivery_event event)
{
	return event == DELIVERY_REPLAY || event == DELIVERY_REPLAY_AGAIN;
}

/* ---- one delivery ---- */

static enum err_code move_back(struct db *db, const struct job_transition *job,
	const struct delivery_facts *delivery, struct err *err)
{
	sqlite3_stmt *stmt;
	int64_t open_ms;
	enum err_code code =
		db_open_ms(db, delivery->destination, job->now, &open_ms, err);

	if (code != ERR_OK)
		return code;
	stmt = db_stmt(db, SQL_MOVE_BACK);
	sqlite3_bind_int64(stmt, 1, delivery->id);
	sqlite3_bind_int(stmt, 2, (int)delivery->state);
	sqlite3_bind_int64(stmt, 3, job->now);
	sqlite3_bind_int64(stmt, 4, open_ms);
	sqlite3_bind_int(stmt, 5, job->set != NULL);
	return db_run_one(db, stmt, err);
}

static enum err_code move_away(struct db *db, const struct job_transition *job,
	const struct delivery_facts *delivery, enum delivery_state to, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_MOVE_AWAY);

	sqlite3_bind_int64(stmt, 1, delivery->id);
	sqlite3_bind_int(stmt, 2, (int)delivery->state);
	sqlite3_bind_int(stmt, 3, (int)to);
	if (to == DELIVERY_DISCARDED)
		sqlite3_bind_int64(stmt, 4, job->now);
	return db_run_one(db, stmt, err);
}

static void note_pending(
	struct job_transition *job, int64_t delivery, int64_t destination)
{
	if (job->pending_count >= (size_t)job->max)
		return;
	job->pending[job->pending_count].delivery = delivery;
	job->pending[job->pending_count++].destination = destination;
}

static enum err_code apply(struct db *db, struct job_transition *job,
	const struct delivery_facts *delivery, struct err *err)
{
	enum delivery_state to = delivery_next(delivery->state, job->event);
	enum err_code code;

	job->matched++;
	job->by_reason[delivery->reason]++;
	if (to == DELIVERY_NONE)
		job->refused++;
	else
		job->changed++;
	if (to == DELIVERY_NONE || job->dry_run)
		return ERR_OK;
	code = to == DELIVERY_PENDING ? move_back(db, job, delivery, err)
				      : move_away(db, job, delivery, to, err);
	if (code != ERR_OK)
		return err_wrap(err, "moving delivery %" PRId64, delivery->id);
	tally_move(&db->tally, delivery->destination, delivery->state, to);
	if (to == DELIVERY_PENDING)
		note_pending(job, delivery->id, delivery->destination);
	if (is_replay(job->event))
		FAULT_POINT("replay.mid_batch");
	return ERR_OK;
}

static enum err_code create(struct db *db, struct job_transition *job, int64_t lead,
	int64_t destination, struct err *err)
{
	int64_t id;
	enum err_code code;

	if (job->dry_run)
		return ERR_OK;
	code = delivery_add(db, lead, destination, job->now, &id, err);
	if (code == ERR_OK)
		code = idle_end(db, lead, err);
	if (code == ERR_OK)
		note_pending(job, id, destination);
	return code;
}

/* ---- replay --set ---- */

static enum err_code check_set(const struct job_transition *job, struct err *err)
{
	const cJSON *item;

	if (!job->set)
		return ERR_OK;
	if (!cJSON_IsObject(job->set) || !is_replay(job->event) || !job->selection.leads)
		return err_set(err, ERR_INVALID,
			"--set goes with replay and the ids of leads only");
	cJSON_ArrayForEach (item, job->set) {
		if (lead_field_find(item->string) < 0)
			return err_set(err, ERR_INVALID,
				"--set: %s is not a canonical field (first_name, email, company, ...)",
				item->string);
		if (!cJSON_IsString(item) && !cJSON_IsNull(item))
			return err_set(
				err, ERR_INVALID, "--set: %s needs a text", item->string);
	}
	return ERR_OK;
}

static enum err_code set_fields(
	const struct job_transition *job, struct lead *lead, struct err *err)
{
	enum err_code code = ERR_OK;
	const cJSON *item;

	cJSON_ArrayForEach (item, job->set) {
		code = lead_set(lead, (enum lead_field)lead_field_find(item->string),
			cJSON_GetStringValue(item), err);
		if (code != ERR_OK)
			break;
	}
	return code;
}

/* Nobody who asked to be forgotten comes back by an operator's hand: neither by --set nor
 * as a body from before. What such a person sent since then is the person's own wish. */
static enum err_code check_forgotten(struct db *db, const struct lead *lead,
	const char *email_before, int64_t received_at, struct err *err)
{
	const char *email = lead->fields[FIELD_EMAIL];
	bool own = email && email_before && strcasecmp(email, email_before) == 0;
	int64_t forgotten_at = 0;
	enum err_code code = person_forgotten_at(db, email, &forgotten_at, err);

	if (code != ERR_OK || forgotten_at == 0 || (own && received_at >= forgotten_at))
		return code;
	return err_set(err, ERR_STALE,
		"this person asked to be forgotten (leadctl forget): only a new lead of the"
		" person's own brings the address back");
}

static enum err_code read_lead(
	struct db *db, int64_t seq, struct lead *out, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_LEAD_GET);
	enum err_code code = ERR_OK;
	enum db_row row;

	sqlite3_bind_int64(stmt, 1, seq);
	row = db_next(db, stmt, err);
	if (row != DB_ROW)
		return row == DB_ERROR ? err->code
				       : err_set(err, ERR_STALE, "the lead is gone");
	code = lead_from_json(out, (const char *)sqlite3_column_text(stmt, 0),
		(const char *)sqlite3_column_text(stmt, 1), err);
	sqlite3_reset(stmt);
	return code == ERR_OK ? ERR_OK : err_wrap(err, "reading lead %" PRId64, seq);
}

static enum err_code write_lead(
	struct db *db, int64_t seq, const struct lead *lead, struct err *err)
{
	sqlite3_stmt *stmt;
	char *fields;
	char *extra;
	enum err_code code = lead_texts(lead, &fields, &extra, err);

	if (code != ERR_OK)
		return code;
	stmt = db_stmt(db, SQL_LEAD_EDIT);
	sqlite3_bind_int64(stmt, 1, seq);
	db_bind_text(stmt, 2, fields);
	db_bind_text(stmt, 3, lead->fields[FIELD_EMAIL]);
	db_bind_text(stmt, 4, lead->fields[FIELD_COMPANY]);
	code = db_run_one(db, stmt, err);
	free(fields);
	cJSON_free(extra);
	return code;
}

/* The lead as it will be, with what --set changes; written unless it is a dry run. */
static enum err_code edit(struct db *db, const struct job_transition *job,
	const struct lead_facts *facts, struct lead *lead, struct err *err)
{
	int64_t seq = facts->seq;
	enum err_code code = read_lead(db, seq, lead, err);

	if (code != ERR_OK)
		return code;
	code = set_fields(job, lead, err);
	if (code == ERR_OK)
		code = check_forgotten(db, lead, facts->email, facts->received_at, err);
	if (code == ERR_OK && job->set && !job->dry_run)
		code = write_lead(db, seq, lead, err);
	if (code != ERR_OK)
		lead_finish(lead);
	return code;
}

static enum err_code edit_only(struct db *db, const struct job_transition *job,
	const struct lead_facts *facts, struct err *err)
{
	struct lead lead = LEAD_INIT;
	enum err_code code;

	if (!job->set)
		return ERR_OK;
	code = edit(db, job, facts, &lead, err);
	if (code == ERR_OK)
		lead_finish(&lead);
	return code;
}

/* ---- a lead that was kept ---- */

static bool allowed(
	const struct job_transition *job, const struct delivery_facts *delivery)
{
	return delivery_next(delivery->state, job->event) != DELIVERY_NONE;
}

static size_t count_allowed(
	const struct job_transition *job, const struct lead_facts *facts)
{
	size_t count = 0;

	for (size_t i = 0; i < facts->count; i++)
		count += delivery_matches(&job->selection, &facts->deliveries[i]) &&
			 allowed(job, &facts->deliveries[i]);
	return count;
}

/* Without states asked for, those deliveries are meant that can be moved; a lead named by
 * its id of which none can is refused. */
static enum err_code apply_kept(struct db *db, struct job_transition *job,
	const struct lead_facts *facts, struct err *err)
{
	size_t movable = count_allowed(job, facts);
	bool every = job->selection.states != 0 || (job->selection.leads && movable == 0);
	enum err_code code = ERR_OK;

	if (movable > 0)
		code = edit_only(db, job, facts, err);
	for (size_t i = 0; i < facts->count && code == ERR_OK; i++)
		if (delivery_matches(&job->selection, &facts->deliveries[i]) &&
			(every || allowed(job, &facts->deliveries[i])))
			code = apply(db, job, &facts->deliveries[i], err);
	return code;
}

/* There is one already: replayed where that can be. A filter means the others; a lead
 * named by its id is refused. */
static enum err_code apply_there(struct db *db, struct job_transition *job,
	const struct lead_facts *facts, const struct delivery_facts *delivery,
	struct err *err)
{
	enum err_code code = ERR_OK;

	if (allowed(job, delivery))
		code = edit_only(db, job, facts, err);
	else if (!job->selection.leads)
		return ERR_OK;
	return code == ERR_OK ? apply(db, job, delivery, err) : code;
}

/* replay --to: the delivery there is made, or replayed when there is one. */
static enum err_code apply_to(struct db *db, struct job_transition *job,
	const struct lead_facts *facts, struct err *err)
{
	enum err_code code;

	for (size_t i = 0; i < facts->count; i++)
		if (facts->deliveries[i].destination == job->to)
			return apply_there(db, job, facts, &facts->deliveries[i], err);
	job->matched++;
	job->changed++;
	job->by_reason[REASON_NONE]++;
	code = edit_only(db, job, facts, err);
	return code == ERR_OK ? create(db, job, facts->seq, job->to, err) : code;
}

/* ---- a quarantined body ---- */

static enum err_code put_state(
	struct db *db, int64_t seq, enum lead_state to, struct err *err)
{
	sqlite3_stmt *stmt = db_stmt(db, SQL_LEAD_STATE);

	sqlite3_bind_int64(stmt, 1, seq);
	sqlite3_bind_int(stmt, 2, LEAD_QUARANTINED);
	sqlite3_bind_int(stmt, 3, (int)to);
	return db_run_one(db, stmt, err);
}

static enum err_code create_route(
	struct db *db, struct job_transition *job, int64_t seq, struct err *err)
{
	bool to_done = job->to == 0;
	enum err_code code = ERR_OK;

	for (size_t i = 0; i < job->route_count && code == ERR_OK; i++) {
		code = create(db, job, seq, job->route[i], err);
		to_done |= job->route[i] == job->to;
	}
	if (code == ERR_OK && !to_done)
		code = create(db, job, seq, job->to, err);
	return code;
}

static enum err_code become_lead(struct db *db, struct job_transition *job,
	const struct lead_facts *facts, struct err *err)
{
	enum err_code code = create_route(db, job, facts->seq, err);

	job->changed++;
	if (code != ERR_OK || job->dry_run)
		return code;
	tally_count(&db->tally, facts->source, TALLY_QUARANTINED, -1);
	tally_count(&db->tally, facts->source, TALLY_WAITING, -1);
	tally_count(&db->tally, facts->source, TALLY_ACCEPTED, 1);
	tally_count(&db->tally, facts->source, TALLY_TEST, facts->test);
	code = put_state(db, facts->seq, LEAD_KEPT, err);
	if (code == ERR_OK && job->to == 0 && job->route_count == 0)
		code = idle_add(db, facts->seq, facts->received_at, err);
	return code;
}

static enum err_code replay_quarantined(struct db *db, struct job_transition *job,
	const struct lead_facts *facts, struct err *err)
{
	struct lead lead = LEAD_INIT;
	enum err_code code = edit(db, job, facts, &lead, err);
	bool usable;

	if (code != ERR_OK)
		return code;
	usable = lead_identifies(&lead) || lead_has_interest(&lead);
	lead_finish(&lead);
	if (usable)
		return become_lead(db, job, facts, err);
	if (job->selection.leads)
		return err_set(err, ERR_INVALID,
			"nothing in it says who the lead is: give a name, an e-mail, a phone or a"
			" company (--set email=...)");
	job->refused++;
	return ERR_OK;
}

static enum err_code discard_quarantined(struct db *db, struct job_transition *job,
	const struct lead_facts *facts, struct err *err)
{
	job->changed++;
	if (job->dry_run)
		return ERR_OK;
	tally_count(&db->tally, facts->source, TALLY_WAITING, -1);
	return put_state(db, facts->seq, LEAD_DISCARDED, err);
}

static enum err_code apply_quarantined(struct db *db, struct job_transition *job,
	const struct lead_facts *facts, struct err *err)
{
	job->matched++;
	job->by_reason[REASON_NONE]++;
	if (facts->state == LEAD_QUARANTINED && is_replay(job->event))
		return replay_quarantined(db, job, facts, err);
	if (facts->state == LEAD_QUARANTINED && job->event == DELIVERY_DISCARD)
		return discard_quarantined(db, job, facts, err);
	job->refused++;
	return ERR_OK;
}

/* ---- the job ---- */

/* Without states, a filter means deliveries; a quarantined body must be named or asked
 * for. */
static bool quarantined_meant(
	const struct job_transition *job, const struct lead_facts *facts)
{
	if (job->selection.states & SELECT_QUARANTINED)
		return facts->state == LEAD_QUARANTINED;
	return job->selection.leads && job->selection.states == 0;
}

static enum err_code apply_lead(
	struct db *db, struct job_transition *job, int64_t seq, struct err *err)
{
	struct lead_facts facts;
	enum err_code code = lead_facts_read(db, seq, &facts, err);

	if (code != ERR_OK)
		return code;
	if (!lead_matches(&job->selection, &facts))
		code = ERR_OK;
	else if (facts.state != LEAD_KEPT)
		code = quarantined_meant(job, &facts)
			       ? apply_quarantined(db, job, &facts, err)
			       : ERR_OK;
	else
		code = job->to ? apply_to(db, job, &facts, err)
			       : apply_kept(db, job, &facts, err);
	lead_facts_finish(&facts);
	return code;
}

static enum err_code check(
	struct db *db, const struct job_transition *job, struct err *err)
{
	int64_t open_ms;

	if (job->max <= 0 || job->max > MAX_ROWS)
		return err_set(err, ERR_INVALID, "a batch of %d rows", job->max);
	if (job->event < DELIVERY_HOLD || job->event >= DELIVERY_EVENTS || job->after < 0)
		return err_set(err, ERR_INVALID, "not a transition of the operator's");
	if (job->to != 0 && !is_replay(job->event))
		return err_set(err, ERR_INVALID, "--to goes with replay only");
	if (job->to != 0 && db_open_ms(db, job->to, job->now, &open_ms, err) != ERR_OK)
		return err->code;
	return check_set(job, err);
}

static void reset(struct job_transition *job)
{
	job_transition_finish(job);
	job->matched = job->changed = job->refused = 0;
	memset(job->by_reason, 0, sizeof(job->by_reason));
}

/* A filter without states means what the event can move: often little, and indexed. */
static struct selection meant_by(const struct job_transition *job)
{
	struct selection meant = job->selection;

	if (meant.states != 0 || meant.leads || job->to != 0)
		return meant;
	for (int state = DELIVERY_PENDING; state < DELIVERY_STATES; state++)
		if (delivery_next((enum delivery_state)state, job->event) !=
			DELIVERY_NONE)
			meant.states |= 1u << state;
	return meant;
}

static enum err_code run_page(
	struct db *db, struct job_transition *job, int64_t *seqs, struct err *err)
{
	struct selection meant = meant_by(job);
	struct picker picker;
	size_t count;
	enum err_code code;

	picker_init(&picker, &meant, false);
	picker.at = job->after;
	code = picker_next(&picker, db, seqs, (size_t)job->max, &count, err);
	for (size_t i = 0; i < count && code == ERR_OK; i++)
		code = apply_lead(db, job, seqs[i], err);
	if (code == ERR_OK)
		job->next = picker.finished ? -1 : picker.at;
	return code;
}

static enum err_code transition_run(
	struct store_job *base, struct db *db, struct err *err)
{
	struct job_transition *job = JOB_OF(job_transition, base);
	int64_t *seqs = NULL;
	enum err_code code = check(db, job, err);

	if (code != ERR_OK)
		return code;
	reset(job);
	job->pending = calloc((size_t)job->max, sizeof(job->pending[0]));
	seqs = calloc((size_t)job->max, sizeof(seqs[0]));
	if (!job->pending || !seqs)
		code = err_set(err, ERR_NOMEM, "moving deliveries: out of memory");
	if (code == ERR_OK)
		code = run_page(db, job, seqs, err);
	free(seqs);
	return code;
}

/* Not before: a batch that failed, or is run again, starts where it started. */
static void move_on(struct store_job *base)
{
	struct job_transition *job = JOB_OF(job_transition, base);

	job->after = job->next;
}

void job_transition_prepare(struct job_transition *job)
{
	job->job.run = transition_run;
	job->job.committed = move_on;
}

void job_transition_finish(struct job_transition *job)
{
	free(job->pending);
	job->pending = NULL;
	job->pending_count = 0;
}
