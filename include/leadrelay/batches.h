/*
 * batches: leads that come as files, and what recognises a lead after its row is gone.
 *
 * Promise: every row of a file is decided once: accepted, a duplicate, or refused. An
 * import is a ledger (table import): its progress is committed with the leads it made, so
 * that a kill at any moment repeats nothing and skips nothing, and two imports of one
 * file at the same time share its rows.
 *
 * What makes a row a duplicate: a row with the same content (source, fields, extra, and
 * the time when the file gives one) was imported before; rows that name no person count
 * as often as the file has them. Or its id, when the file gives one (an export of ours),
 * is in the outbox.
 *
 * Hashes are keyed with the outbox's own key and cut; they hold no person.
 *
 * Jobs as in store.h: run on the store thread, done on the loop.
 */
#ifndef LEADRELAY_BATCHES_H
#define LEADRELAY_BATCHES_H

#include "leadrelay/store.h"

enum lead_origin {        /* how it came in; stored */
	ORIGIN_REQUEST,   /* over HTTP */
	ORIGIN_IMPORT,    /* leadctl import */
	ORIGIN_RECOVERED, /* leadctl reconcile --import: Microsoft had it, we did not */
};

struct import_state { /* the ledger's row */
	int64_t id;
	int64_t run;
	bool finished;
	int64_t taken; /* rows decided, from the file's begin: the next one is taken + 1
			*/
	int64_t accepted, duplicates, erased, rejected; /* they add up to taken */
};

struct job_import_begin { /* finds the ledger of this file, or begins it */
	struct store_job job;
	int64_t source;
	uint8_t file[32]; /* SHA-256 of the file's bytes and of how it is read */
	int64_t now;
	struct import_state
		state; /* out; of a file that was finished before: begun anew */
};
void job_import_begin_prepare(struct job_import_begin *job);

enum import_result {
	IMPORT_ACCEPTED,
	IMPORT_DUPLICATE,
	IMPORT_ERASED,  /* the person asked to be forgotten */
	IMPORT_SKIPPED, /* taken already: by this file's other import, or before a kill */
};
struct import_row {
	int64_t row;     /* its number in the file, from 1, rejected ones counted */
	bool rejected;   /* in: refused by its reader, only counted */
	bool id_given;   /* in: the file gives item.lead.id (else the caller made it) */
	bool time_given; /* in: the file gives item.lead.received_at */
	struct accept_lead item; /* in and out as in job_accept; result says less than
				    `result` below */
	const char
		*raw; /* in, borrowed: the record as it stands in the file; NULL: none */
	size_t raw_len;
	enum import_result result; /* out; not of rejected ones */
};
struct job_import_rows { /* one transaction: all of them, their ledger, their counters */
	struct store_job job;
	int64_t import, run;
	int64_t source;
	enum lead_origin origin;
	struct import_row *rows; /* in a row: row numbers go up by one */
	size_t count;
	int64_t digest_ms; /* as in job_accept */
	int64_t now;
	bool stale; /* out: another run of the same file is under way; nothing was taken
		     */
	struct import_state state; /* out: after these rows */
};
void job_import_rows_prepare(struct job_import_rows *job);
void job_import_rows_finish(struct job_import_rows *job);

struct job_import_end { /* all rows are decided */
	struct store_job job;
	int64_t import, run;
	int64_t now;
	struct import_state state; /* out */
};
void job_import_end_prepare(struct job_import_end *job);

/* ---- matching: what the relay ever saw ---- */

struct match_row {               /* one row of somebody else's list of leads */
	const char *email;       /* borrowed; NULL: none, never matches */
	const char *offer_title; /* borrowed; NULL: none, any agrees */
	int64_t at;              /* 0: none, any agrees */
	int64_t seq; /* out: the lead that agrees (the nearest in time), 0: none */
	bool erased; /* out: the person asked to be forgotten */
};
#define MATCH_WINDOW_MS (7 * 24 * 3600 * INT64_C(1000))
struct reader;
/* Fills seq and erased of rows. A row agrees with a lead when the e-mails do (without
 * case), the offer titles do where both have one, and the times lie within
 * MATCH_WINDOW_MS where both have one. Reads the hashes once from end to end, in slices;
 * memory: 64 bytes per row. *first_at: the time since which the relay remembers (its
 * first start with match hashes, else the first request since), 0: it remembers nothing.
 */
enum err_code reader_match(struct reader *reader, struct match_row *rows, size_t count,
	int64_t *first_at, struct err *err);
/* How a lead came in; ORIGIN_REQUEST when nothing is known. seq may be a lead that is
 * gone. */
enum lead_origin reader_origin(struct reader *reader, int64_t seq);

#endif
