/*
 * pick: the leads of a selection, a page at a time, by seq upwards or downwards.
 *
 * Where the states asked for are in a partial index, pages come from there; else the
 * leads are walked through, a bounded stretch of seqs per call. A page holds candidates:
 * lead_facts_read and lead_matches decide. Internal to the store.
 */
#ifndef STORE_PICK_H
#define STORE_PICK_H

#include "db.h"
#include "job.h"
#include "leadrelay/store.h"

struct picker {
	const struct selection *selection; /* borrowed */
	bool down;
	int64_t at;    /* where it stands: the seq before (or, for a list of leads, how
			  many were taken) */
	int64_t until; /* the last seq of interest; 0: to the end */
	bool finished;
};

void picker_init(struct picker *picker, const struct selection *selection, bool down);
/* The next candidates, at most max; *count may be 0 before it is finished. */
enum err_code picker_next(struct picker *picker, struct db *db, int64_t *seqs, size_t max,
	size_t *count, struct err *err);

struct delivery_facts {
	int64_t id;
	int64_t destination;
	enum delivery_state state;
	enum reason reason;
};
struct lead_facts {
	int64_t seq;
	enum lead_state state; /* 0: there is no such lead */
	int64_t source;
	int64_t received_at;
	bool test;
	char *email;
	struct delivery_facts *deliveries;
	size_t count;
};
enum err_code lead_facts_read(
	struct db *db, int64_t seq, struct lead_facts *out, struct err *err);
void lead_facts_finish(struct lead_facts *facts);

bool delivery_matches(
	const struct selection *selection, const struct delivery_facts *delivery);
bool lead_matches(const struct selection *selection, const struct lead_facts *facts);

#endif
