/*
 * tally: the counters a batch changes, collected in memory and written once.
 *
 * What a job counts is set aside until the job stands (tally_keep) and dropped when it
 * does not (tally_drop). Written inside the batch's own transaction, so that the
 * committed counters always agree with the committed rows.
 */
#ifndef STORE_TALLY_H
#define STORE_TALLY_H

#include "leadrelay/delivery.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum tally_source {
	TALLY_REQUESTS,
	TALLY_ACCEPTED,
	TALLY_DUPLICATES,
	TALLY_QUARANTINED,
	TALLY_WAITING,
	TALLY_REJECTED,
	TALLY_TEST,
	TALLY_LAST_AT, /* the latest, not a sum */
	TALLY_QUARANTINES,
	TALLY_PRUNED_ACCEPTED,
	TALLY_PRUNED_QUARANTINED,
	TALLY_PRUNED_TEST,
	TALLY_SOURCE_COUNT
};

enum tally_of { TALLY_SOURCE, TALLY_DESTINATION, TALLY_MAIL_KIND };

enum tally_column { /* of a destination or a kind of mail */
	TALLY_NEW,  /* accepted; then those of enum delivery_state */
	TALLY_DIED = DELIVERY_STATES,
	TALLY_PRUNED_DELIVERED,
	TALLY_PRUNED_DEAD,
	TALLY_PRUNED_DISCARDED,
	TALLY_COLUMN_COUNT
};

#define TALLY_COLUMNS 12

struct tally_line {
	enum tally_of of;
	int64_t id;
	int64_t value[TALLY_COLUMNS]; /* enum tally_source; or enum tally_column */
};
struct tally_list {
	struct tally_line *lines;
	size_t count;
	size_t room;
};
struct tally {
	struct tally_list job;   /* of the job that runs */
	struct tally_list batch; /* of those before it */
	bool failed;             /* out of memory since the job began */
};

void tally_count(struct tally *tally, int64_t source, enum tally_source what, int64_t n);
void tally_new(struct tally *tally, int64_t destination); /* a delivery, pending */
void tally_move(struct tally *tally, int64_t destination, enum delivery_state from,
	enum delivery_state to);
/* A row in that state is removed and goes on being counted. */
void tally_prune(struct tally *tally, int64_t destination, enum delivery_state state);
/* The same for n mails: of the destination for mails and of their kind (enum mail_kind).
 */
void tally_mail_new(struct tally *tally, int64_t destination, int kind);
void tally_mail_move(struct tally *tally, int64_t destination, int kind,
	enum delivery_state from, enum delivery_state to, int64_t n);
void tally_mail_prune(
	struct tally *tally, int64_t destination, int kind, enum delivery_state state);

bool tally_keep(struct tally *tally); /* false: out of memory, the job must fail */
void tally_drop(struct tally *tally); /* what the job counted */
void tally_clear(struct tally *tally);
void tally_finish(struct tally *tally);

#endif
