/*
 * reader: what people ask of the outbox: status, list, show, check. A read-only
 * connection of its own, short transactions, never a checkpoint; each call is cut off
 * after 5 s (ERR_TIMEOUT) so that it never pins the WAL.
 *
 * Blocking; one thread at a time: in the daemon the control thread, in leadctl its only
 * thread. The store (whoever holds the lock) must have the database open: the reader
 * relies on its recovery.
 */
#ifndef LEADRELAY_READER_H
#define LEADRELAY_READER_H

#include "leadrelay/buf.h"
#include "leadrelay/store.h"

struct reader;

enum err_code reader_open(struct reader **out, const char *state_dir,
	const struct clock *clock, struct err *err);
void reader_close(struct reader *reader);
/* Asked every few milliseconds while a call runs: true ends the call, with ERR_TIMEOUT,
 * also where it has no limit of time of its own. NULL: never asked. ctx is borrowed. */
void reader_stop_when(struct reader *reader, bool (*stop)(void *ctx), void *ctx);

/* 0: none of that name. */
int64_t reader_destination(struct reader *reader, const char *name);
int64_t reader_source(struct reader *reader, const char *name);

struct source_row {
	int64_t id;
	char name[128];
	bool configured;
	int64_t accepted, duplicates, quarantined, rejected,
		test;     /* leads; repeats; bodies; requests; of accepted */
	int64_t requests; /* answered 2xx: leads kept + duplicates + quarantined */
	int64_t last_at;  /* received_at of the last one */
};
enum err_code reader_destinations(struct reader *reader, struct destination_row **out,
	size_t *count_out, struct err *err);
enum err_code reader_sources(struct reader *reader, struct source_row **out,
	size_t *count_out, struct err *err);
enum err_code reader_quarantined(struct reader *reader, int64_t *waiting_out,
	struct err *err); /* not yet replayed or discarded */

/* A lead's id, or an unambiguous beginning or end of it of at least 6 characters (dashes
 * optional), to its seq. ERR_NOT_FOUND, ERR_AMBIGUOUS (text lists up to 5), ERR_INVALID
 * (too short, not hex). */
enum err_code reader_find(
	struct reader *reader, const char *id, int64_t *seq_out, struct err *err);

struct delivery_row {
	int64_t id;
	char destination[128];
	enum delivery_state state;
	int attempts;
	int64_t next_attempt_at; /* pending: due_at; 0 else */
	enum reason reason;
	char *error; /* NULL: none */
	int64_t delivered_at;
	char *remote_id;
	enum outcome_kind outcome;
};
struct attempt_row {
	int64_t at;
	enum outcome_kind outcome;
	enum reason reason;
	int http_status;
	int64_t duration_ms;
	char *error;
};
struct lead_row {
	int64_t seq;
	struct lead lead;
	int64_t duplicates;
	bool quarantined;
	bool discarded; /* a quarantined lead that was discarded */
	char *problem;  /* why quarantined */
	struct delivery_row *deliveries;
	size_t delivery_count;
};
void lead_row_finish(struct lead_row *row);

/* Newest first, up to limit (0: all): each lead once with all its deliveries. Stops early
 * when each() returns false. Reads in pages, each a short transaction. */
enum err_code reader_list(struct reader *reader, const struct selection *selection,
	int64_t limit, bool (*each)(void *ctx, const struct lead_row *row), void *ctx,
	struct err *err);
/* All of them oldest first, those behind seq after (0: from the first). Some of those
 * that come meanwhile may be among them. */
enum err_code reader_walk(struct reader *reader, const struct selection *selection,
	int64_t after, bool (*each)(void *ctx, const struct lead_row *row), void *ctx,
	struct err *err);
enum err_code reader_show(
	struct reader *reader, int64_t seq, struct lead_row *out, struct err *err);
/* *out the caller's to free with attempts_free. Oldest first. */
enum err_code reader_attempts(struct reader *reader, int64_t delivery,
	struct attempt_row **out, size_t *count_out, struct err *err);
void attempts_free(struct attempt_row *rows, size_t count);
/* The bytes as received (for an array: the whole array). ERR_NOT_FOUND when erased or
 * pruned. */
enum err_code reader_raw(
	struct reader *reader, int64_t seq, struct buf *out, struct err *err);

struct reason_row { /* dead deliveries of one destination that died of the same */
	int64_t destination;
	enum reason reason;
	int64_t count;
	int64_t newest_at; /* when the last of them died */
	int64_t lead;      /* its seq */
	char *error;       /* its words; NULL: none */
};
/* *out the caller's to free with reasons_free. */
enum err_code reader_reasons(struct reader *reader, int64_t destination,
	struct reason_row **out, size_t *count_out, struct err *err);
void reasons_free(struct reason_row *rows, size_t count);

struct mail_row {
	int64_t id;
	int kind;            /* enum mail_kind */
	struct uuid lead_id; /* notification */
	bool has_lead;
	char *to;
	enum delivery_state state; /* DELIVERED reads as "sent" */
	int attempts;
	int64_t next_attempt_at; /* pending; 0 else */
	int64_t sent_at;         /* 0: not */
	enum reason reason;
	char *error;
};
void mail_rows_free(struct mail_row *rows, size_t count);
/* The notifications of one lead, in order of creation. */
enum err_code reader_notifications_of(struct reader *reader, int64_t seq,
	struct mail_row **out, size_t *count_out, struct err *err);
/* All notifications, newest first, limit 0: all; states: bits 1 << enum delivery_state,
 * 0: any. Paged like reader_list. */
enum err_code reader_notifications(struct reader *reader, unsigned states, int64_t limit,
	bool (*each)(void *ctx, const struct mail_row *row), void *ctx, struct err *err);
/* Pending, sent, dead notifications (not alerts, not reports), from counters; and the
 * state of the internal destination for mails. */
struct notification_counts {
	int64_t pending, sent, dead;
	bool configured; /* there is a row for mails */
	struct health health;
};
enum err_code reader_notification_counts(
	struct reader *reader, struct notification_counts *out, struct err *err);

struct accounting {
	int64_t accepted, pending, held, delivered, dead, discarded;
	int64_t difference; /* accepted - the rest */
};
/* From the counters: cheap. destination 0: all together. */
enum err_code reader_accounting(struct reader *reader, int64_t destination,
	struct accounting *out, struct err *err);
/* Everything counted anew against the counters, integrity_check, orphans. Each problem is
 * told as a sentence. Runs in slices so that no single read transaction lasts over 5 s
 * where it can be sliced. */
enum err_code reader_check(struct reader *reader,
	void (*problem)(void *ctx, const char *text), void *ctx, struct err *err);

#endif
