/*
 * person: an address in texts, and whether its owner asked to be forgotten. Internal to
 * the store.
 */
#ifndef STORE_PERSON_H
#define STORE_PERSON_H

#include "db.h"
#include "leadrelay/lead.h"

/* Whether the bytes name the address, in any case: not as part of a longer one. */
bool person_named(const char *bytes, size_t len, const char *email);
/* Every text of the lead (not its keys' names) without the address. */
enum err_code person_blank(struct lead *lead, const char *email, struct err *err);

/* When the owner of the address asked to be forgotten; 0: never. email may be NULL. */
enum err_code person_forgotten_at(
	struct db *db, const char *email, int64_t *out, struct err *err);
enum err_code person_bury(struct db *db, const char *email, int64_t now, struct err *err);
/* forget.c: erases a lead whoever it names, with all that hangs on it. */
enum err_code person_erase_lead(
	struct db *db, int64_t seq, int64_t *notifications, struct err *err);

#endif
