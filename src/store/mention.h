/*
 * mention: what an outbox from before says of persons who asked to be forgotten since:
 * others' leads, and the words of remotes. Internal to the store.
 *
 * Of such a person only a keyed hash is left. So every text is searched for what looks
 * like an address, each of those is hashed, and the ones that match are erased as
 * `forget` would have erased them.
 */
#ifndef STORE_MENTION_H
#define STORE_MENTION_H

#include "db.h"
#include "match.h"

struct mention_key { /* a tombstone */
	uint8_t hash[MATCH_LONG];
};

struct mentioned {
	int64_t erased; /* leads that were the person's own, or bodies nobody could read
			 */
	int64_t others; /* leads that lost the address */
};

/* In transactions of its own; on a connection that nobody else has. Sorts keys. */
enum err_code mention_erase(struct db *db, struct mention_key *keys, size_t count,
	struct mentioned *out, struct err *err);

#endif
