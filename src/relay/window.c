/*
 * The window: deliveries claimed from the outbox that wait their turn in memory.
 *
 * Three streams feed it: what was accepted a moment ago (it comes by relay_fresh_lead as
 * it was stored, or, when the window was full, its id in a ring that is claimed later),
 * what was never tried (oldest first), and what is due again. The first has room of its
 * own; the other two share theirs in halves, and one gets all of it while the other has
 * nothing. They are served by turns, so that two of three sendings go to leads never
 * tried when there are some, and a fresh lead waits neither for a backlog nor for
 * retries.
 *
 * A stream is read by a cursor; at its end the cursor goes back to the beginning, and
 * what is in memory already is recognised by lane->known. This rests on the store
 * answering jobs in the order they were given: a claim that ran before a settlement is
 * heard before it.
 */
#include "room.h"

#include "leadrelay/fault.h"
#include "leadrelay/mails.h"

#include <stdlib.h>
#include <string.h>

/* Claims share a commit with everything else and wait for it: enough to bridge that. */
static int window_size(const struct lane *lane)
{
	return lane->health.limit * 4 > 64 ? lane->health.limit * 4 : 64;
}

int window_count(const struct lane *lane)
{
	int count = lane->candidate ? 1 : 0;

	for (int i = 0; i < STREAMS; i++)
		count += lane->streams[i].count;
	return count;
}

/* ---- entries ---- */

static size_t json_bytes(const cJSON *item)
{
	size_t bytes = 0;

	for (; item; item = item->next) {
		bytes += sizeof(*item) + (item->string ? strlen(item->string) : 0) +
			 (item->valuestring ? strlen(item->valuestring) : 0);
		bytes += json_bytes(item->child);
	}
	return bytes;
}

static size_t lead_bytes(const struct lead *lead)
{
	size_t bytes = json_bytes(lead->extra);

	for (int i = 0; i < FIELD_COUNT; i++)
		if (lead->fields[i])
			bytes += strlen(lead->fields[i]);
	return bytes;
}

static size_t mail_bytes(const struct mail_item *mail)
{
	size_t bytes = sizeof(*mail);

	bytes += mail->text ? strlen(mail->text) : 0;
	bytes += mail->html ? strlen(mail->html) : 0;
	for (size_t i = 0; i < mail->lead_count; i++)
		bytes += sizeof(mail->leads[i]) + lead_bytes(&mail->leads[i]);
	for (size_t i = 0; i < mail->attachment_count; i++)
		bytes += mail->attachments[i].len;
	return bytes;
}

static size_t claimed_bytes(const struct claimed *claimed)
{
	return lead_bytes(&claimed->lead) +
	       (claimed->mail ? mail_bytes(claimed->mail) : 0);
}

static struct entry *entry_find(const struct lane *lane, int64_t delivery)
{
	struct entry *entry = NULL;

	HASH_FIND(hh, lane->known, &delivery, sizeof(delivery), entry);
	return entry;
}

/* Moves *claimed into a new entry; NULL when out of memory (it stays due). */
static struct entry *entry_add(struct lane *lane, struct claimed *claimed)
{
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry)
		return NULL;
	entry->claimed = *claimed;
	HASH_ADD(hh, lane->known, claimed.delivery, sizeof(entry->claimed.delivery),
		entry);
	if (!entry->hh.tbl) {
		free(entry);
		return NULL;
	}
	*claimed = (struct claimed){0};
	entry->bytes = claimed_bytes(&entry->claimed);
	lane->bytes += entry->bytes;
	return entry;
}

void entry_forget(struct lane *lane, struct entry *entry)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): entry is in it */
	HASH_DELETE(hh, lane->known, entry);
	lane->bytes -= entry->bytes;
	claimed_finish(&entry->claimed);
	free(entry);
}

/* ---- emptying, and what makes a stream worth reading ---- */

static void stream_rewind(struct stream *stream)
{
	stream->after_due = 0;
	stream->after_id = 0;
	stream->scan_at = 0;
}

void window_rescan(struct lane *lane)
{
	for (int i = 0; i < STREAMS; i++)
		stream_rewind(&lane->streams[i]);
	lane->none_waiting = false;
	lane->candidate_at = 0;
}

/* The ring keeps the newest; who falls out is found among the never tried. */
void window_fresh(struct lane *lane, int64_t delivery)
{
	if (lane->fresh_count == FRESH_RING) {
		lane->fresh_head = (lane->fresh_head + 1) % FRESH_RING;
		lane->fresh_count--;
		lane->streams[STREAM_UNTRIED].scan_at = 0;
	}
	lane->fresh[(lane->fresh_head + lane->fresh_count++) % FRESH_RING] = delivery;
	lane->none_waiting = false;
}

/* Moves *claimed behind those that wait; false: out of memory. */
static bool stream_add(struct lane *lane, struct stream *stream, struct claimed *claimed)
{
	struct entry *entry = entry_add(lane, claimed);

	if (!entry)
		return false;
	DL_APPEND(stream->waiting, entry);
	stream->count++;
	return true;
}

/* Who was accepted before it and waits to be claimed goes first; half of the memory is
 * for retries and the backlog. */
bool window_take(struct lane *lane, struct claimed *claimed)
{
	struct stream *stream = &lane->streams[STREAM_FRESH];

	if (!lane_may_start(lane) || lane->health.state != HEALTH_OPEN ||
		lane->fresh_count > 0 || lane->claims[STREAM_FRESH].busy ||
		stream->count >= FRESH_ROOM || lane->bytes >= WINDOW_BYTES / 2 ||
		entry_find(lane, claimed->delivery) || !stream_add(lane, stream, claimed))
		return false;
	lane->none_waiting = false;
	return true;
}

/* What waits is claimed anew; who was fresh is still so. */
void window_clear(struct lane *lane)
{
	struct entry *entry, *next;

	for (int i = 0; i < STREAMS; i++) {
		for (entry = lane->streams[i].waiting; entry; entry = next) {
			next = entry->next;
			DL_DELETE(lane->streams[i].waiting, entry);
			if (i == STREAM_FRESH)
				window_fresh(lane, entry->claimed.delivery);
			entry_forget(lane, entry);
		}
		lane->streams[i].count = 0;
	}
	if (lane->candidate)
		entry_forget(lane, lane->candidate);
	lane->candidate = NULL;
	lane->window_epoch++;
	window_rescan(lane);
}

/* A digest's window ends by the clock, as a retry does: both are looked through. */
void window_news(struct lane *lane)
{
	lane->streams[STREAM_UNTRIED].scan_at = 0;
	lane->streams[STREAM_TRIED].scan_at = 0;
	lane->none_waiting = false;
}

void window_due(struct lane *lane, int64_t due_at)
{
	struct stream *stream = &lane->streams[STREAM_TRIED];

	if (due_at < stream->scan_at)
		stream->scan_at = due_at;
	lane->none_waiting = false;
}

/* ---- serving ---- */

struct entry *window_next(struct lane *lane)
{
	for (int i = 0; i < STREAMS; i++) {
		struct stream *stream = &lane->streams[lane->turn];
		struct entry *entry = stream->waiting;

		lane->turn = (lane->turn + 1) % STREAMS;
		if (entry) {
			DL_DELETE(stream->waiting, entry);
			stream->count--;
			return entry;
		}
	}
	return NULL;
}

/* ---- claiming ---- */

static bool has_more(const struct lane *lane, int kind, int64_t now)
{
	if (kind == STREAM_FRESH)
		return lane->fresh_count > 0;
	return lane->streams[kind].scan_at <= now;
}

static bool is_empty(const struct lane *lane, int kind, int64_t now)
{
	return lane->streams[kind].count == 0 && !lane->claims[kind].busy &&
	       !has_more(lane, kind, now);
}

/* How many more of a kind the window takes. */
static int room_for(const struct lane *lane, int kind, int64_t now)
{
	const struct stream *streams = lane->streams;
	int other = kind == STREAM_TRIED ? STREAM_UNTRIED : STREAM_TRIED;
	int size = window_size(lane);

	if (kind == STREAM_FRESH)
		return FRESH_ROOM - streams[kind].count;
	if (!is_empty(lane, other, now))
		return size / 2 - streams[kind].count;
	return size - streams[kind].count - streams[other].count;
}

static int take_fresh_ids(struct lane *lane, int64_t *ids, int max)
{
	int count = 0;

	while (count < max && lane->fresh_count > 0) {
		ids[count++] = lane->fresh[lane->fresh_head];
		lane->fresh_head = (lane->fresh_head + 1) % FRESH_RING;
		lane->fresh_count--;
	}
	return count;
}

static void claim_done(struct store_job *job);

/* What is known already comes too and must not crowd out the rest. */
static void fill_claim(struct lane *lane, struct claim *claim, int room, int64_t now)
{
	static const enum claim_kind kinds[STREAMS + 1] = {
		CLAIM_IDS, CLAIM_UNTRIED, CLAIM_TRIED, CLAIM_WAITING};
	struct job_claim *job = &claim->job;

	memset(job, 0, sizeof(*job));
	job_claim_prepare(job);
	job->job.done = claim_done;
	job->kind = kinds[claim->stream];
	job->destination = lane->id;
	job->now = now;
	job->max = room + (int)HASH_COUNT(lane->known);
	if (lane->bytes < WINDOW_BYTES)
		job->max_bytes = WINDOW_BYTES - (int64_t)lane->bytes;
	else
		job->max_bytes = 1;
	if (claim->stream == STREAM_FRESH) {
		job->ids = claim->ids;
		job->id_count = (size_t)take_fresh_ids(lane, claim->ids, room);
		job->max = (int)job->id_count;
	} else if (claim->stream == STREAMS) {
		job->after_due = lane->candidate_after_due;
		job->after_id = lane->candidate_after_id;
	} else {
		if (claim->stream == STREAM_TRIED && lane->sweep_until > now)
			job->now = lane->sweep_until;
		job->after_due = lane->streams[claim->stream].after_due;
		job->after_id = lane->streams[claim->stream].after_id;
		/* what becomes due while it runs is not lost: window_due may lower it */
		lane->streams[claim->stream].scan_at = INT64_MAX;
	}
}

static void claim_failed(struct claim *claim)
{
	struct lane *lane = claim->lane;

	claim->busy = false;
	if (claim->stream == STREAM_FRESH) /* they are never tried: found there */
		lane->streams[STREAM_UNTRIED].scan_at = 0;
	else if (claim->stream < STREAMS)
		lane->streams[claim->stream].scan_at = 0;
}

static void claim_start(struct lane *lane, int kind, int room, int64_t now)
{
	struct claim *claim = &lane->claims[kind];

	fill_claim(lane, claim, room, now);
	claim->busy = true;
	claim->window_epoch = lane->window_epoch;
	FAULT_POINT("claim.before_commit");
	if (!relay_submit(lane->relay, &claim->job.job))
		claim_failed(claim);
}

void window_refill(struct lane *lane, int64_t now)
{
	for (int kind = 0; kind < STREAMS; kind++) {
		int room = room_for(lane, kind, now);
		int full = window_size(lane) / (kind == STREAM_FRESH ? 4 : 2);

		if (!relay_store_ready(lane->relay) || lane->bytes >= WINDOW_BYTES)
			return;
		if (lane->claims[kind].busy || !has_more(lane, kind, now))
			continue;
		if (room >= full / 2 && room > 0)
			claim_start(lane, kind, room, now);
	}
}

void window_seek_candidate(struct lane *lane, int64_t now)
{
	if (relay_store_ready(lane->relay) && !lane->claims[STREAMS].busy &&
		now >= lane->candidate_at)
		claim_start(lane, STREAMS, 1, now);
}

/* ---- what a claim brought ---- */

/* False: out of memory. */
static bool take_item(struct lane *lane, int kind, struct claimed *item)
{
	struct stream *stream = &lane->streams[kind];

	if (kind != STREAM_FRESH) {
		stream->after_due = item->due_at;
		stream->after_id = item->delivery;
	}
	return entry_find(lane, item->delivery) || stream_add(lane, stream, item);
}

static void stream_read(struct lane *lane, struct claim *claim)
{
	struct job_claim *job = &claim->job;
	struct stream *stream = &lane->streams[claim->stream];
	int64_t now = relay_now(lane->relay), next_at = now + RESCAN_MS;
	bool all = true;

	for (size_t i = 0; i < job->count && all; i++)
		all = take_item(lane, claim->stream, &job->items[i]);
	if (claim->stream == STREAM_FRESH) {
		if (!all || !job->exhausted)
			lane->streams[STREAM_UNTRIED].scan_at = 0;
		return;
	}
	if (!all || !job->exhausted) {
		stream->scan_at = all ? 0 : now + SOON_MS;
		return;
	}
	stream->after_due = 0;
	stream->after_id = 0;
	if (claim->stream == STREAM_TRIED && lane->sweep_until &&
		job->now >= lane->sweep_until) {
		lane->sweep_until = 0; /* once; then as usual */
		next_at = 0;
	} else if (job->next_due_at > 0 && job->next_due_at < next_at) {
		next_at = job->next_due_at;
	}
	if (next_at < stream->scan_at)
		stream->scan_at = next_at;
}

static void candidate_read(struct lane *lane, struct claim *claim)
{
	struct job_claim *job = &claim->job;

	lane->none_waiting = job->count == 0;
	for (size_t i = 0; i < job->count && !lane->candidate; i++) {
		int64_t due_at = job->items[i].due_at, delivery = job->items[i].delivery;

		if (entry_find(lane, delivery))
			continue;
		lane->candidate = entry_add(lane, &job->items[i]);
		lane->candidate_after_due = due_at;
		lane->candidate_after_id = delivery;
	}
	lane->candidate_at = lane->candidate ? 0 : relay_now(lane->relay) + SOON_MS;
}

/* It was asked before the window was emptied. */
static void claim_outdated(struct claim *claim)
{
	for (size_t i = 0; claim->stream == STREAM_FRESH && i < claim->job.id_count; i++)
		window_fresh(claim->lane, claim->ids[i]);
	window_rescan(claim->lane);
}

static void claim_done(struct store_job *job)
{
	struct claim *claim = (struct claim *)job;
	struct lane *lane = claim->lane;
	struct relay *relay = lane->relay;
	bool single = claim->stream == STREAMS;
	bool current = claim->window_epoch == lane->window_epoch &&
		       lane_may_start(lane) &&
		       (single || lane->health.state == HEALTH_OPEN);

	FAULT_POINT("claim.after_commit");
	relay_heard(relay, job);
	claim->busy = false;
	if (job->code != ERR_OK)
		claim_failed(claim);
	else if (!current)
		claim_outdated(claim);
	else if (single)
		candidate_read(lane, claim);
	else
		stream_read(lane, claim);
	job_claim_finish(&claim->job);
	lane_reap(lane);
	relay_wake(relay);
	relay_ended(relay);
}

/* When time alone makes claiming worthwhile: the wall-clock instant, INT64_MAX never. */
int64_t window_next_at(const struct lane *lane, int64_t now)
{
	int64_t at = INT64_MAX;

	for (int kind = STREAM_UNTRIED; kind < STREAMS; kind++) {
		int64_t scan_at = lane->streams[kind].scan_at;

		if (scan_at > now && scan_at < at)
			at = scan_at;
	}
	return at;
}
