/*
 * forget: one person's erasure, by e-mail address (without case).
 *
 * Promise: what was erased is overwritten where it stood, in the file's free pages too
 * (secure_delete); once job_forget_end was not blocked, it is in no file of state_dir.
 * Rows move into counters. A keyed hash stays (tombstone), so that nothing brings the
 * person back but a fresh lead over HTTP.
 *
 *   1. reader_person: the leads that are the person's, or name the address
 *   2. job_transition, DELIVERY_DISCARD, on them: nothing more is sent
 *   3. job_forget, some leads at a time; the first batch also writes the tombstone
 *   4. job_forget_texts until nothing is left: error texts of others, fingerprints
 *   5. job_forget_end: the WAL is copied and cut
 *
 * A crash in between leaves the first of them done; asked again, the rest follows
 * (reader_forgetting tells that there is a rest).
 */
#ifndef LEADRELAY_FORGET_H
#define LEADRELAY_FORGET_H

#include "leadrelay/reader.h"
#include "leadrelay/store.h"

/* The seqs of leads that are the person's or whose texts may name the address, upwards.
 * Reads every lead, in slices. Stops early when each() returns false. */
enum err_code reader_person(struct reader *reader, const char *email,
	bool (*each)(void *ctx, int64_t seq, bool own), void *ctx, struct err *err);
/* Whether an erasure of that address was begun and not ended. */
enum err_code reader_forgetting(
	struct reader *reader, const char *email, bool *out, struct err *err);

struct job_forget {
	struct store_job job;
	const char *email;    /* borrowed, as leads */
	const int64_t *leads; /* a lead of another's that names the address loses the
				 address and its raw bytes, and stays */
	size_t count;
	int64_t now;
	int64_t erased, blanked, notifications; /* out */
};
void job_forget_prepare(struct job_forget *job);

struct job_forget_texts {
	struct store_job job;
	const char *email;
	struct forget_place { /* in: zeroed at first; out: where the next batch goes on */
		int table;
		int64_t at;
		int64_t source;
		uint8_t hash[32];
	} place, next;
	bool more; /* out */
};
void job_forget_texts_prepare(struct job_forget_texts *job);

struct job_forget_end {
	struct store_job job;
	const char *email;
	bool ended;    /* in: the WAL is cut, the erasure is over */
	bool blocked;  /* out: a reader keeps the WAL; ask again */
	struct db *db; /* the job's own */
};
void job_forget_end_prepare(struct job_forget_end *job);

#endif
