/*
 * rows: what one kept lead is on disk: its row, its match hash, its deliveries, its
 * notifications. Internal to the store; accept.c and import.c share it.
 */
#ifndef STORE_ROWS_H
#define STORE_ROWS_H

#include "job.h"
#include "leadrelay/batches.h"

struct keeping { /* what the leads of one job have in common */
	int64_t source;
	enum lead_origin origin;
	const char *quarantine; /* why they are not leads yet; NULL: they are */
	int64_t digest_ms;
	int64_t now;
};
struct lead_raw { /* the bytes as received: here, or with the lead `of`; all 0: none */
	const char *bytes;
	size_t len;
	int64_t of;
	const uint8_t
		*content; /* MATCH_LONG bytes: the hash of a file's row; NULL: none */
};

/* Asks for db->last_seq, where it is not known. */
enum err_code last_seq_ask(struct db *db, struct err *err);
/* All rows of one lead, under the seq db->last_seq + 1, which is the last then. Fills the
 * outputs of item. Counts deliveries and mails; the source's counters are the job's. */
enum err_code lead_keep(struct db *db, const struct keeping *keeping,
	struct accept_lead *item, const struct lead_raw *raw, struct err *err);

bool item_unusable(const struct accept_lead *item, bool quarantine);
/* Frees what lead_keep added, also in a run that was rolled back since. */
void item_reset(struct accept_lead *item);

#endif
