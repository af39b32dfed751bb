/*
 * person: an address in texts, and whether its owner asked to be forgotten. Internal to
 * the store.
 */
#ifndef STORE_PERSON_H
#define STORE_PERSON_H

#include "db.h"
#include "leadrelay/forget.h"
#include "leadrelay/lead.h"

/* Whether the bytes name the address, in any case: not as part of a longer one. */
bool person_named(const char *bytes, size_t len, const char *email);
/* What in the bytes (a text, or JSON with its escapes) may be an address that
 * person_named would find, each way to cut it out; ends when each() returns false. */
void person_addresses(const char *bytes, size_t len,
	bool (*each)(void *ctx, const char *address), void *ctx);
/* Every text of the lead (not its keys' names) without the address. */
enum err_code person_blank(struct lead *lead, const char *email, struct err *err);

/* When the owner of the address asked to be forgotten; 0: never. email may be NULL. */
enum err_code person_forgotten_at(
	struct db *db, const char *email, int64_t *out, struct err *err);
enum err_code person_bury(struct db *db, const char *email, int64_t now, struct err *err);
/* forget.c: erases a lead whoever it names, with all that hangs on it. */
enum err_code person_erase_lead(
	struct db *db, int64_t seq, int64_t *notifications, struct err *err);
/* One of the leads of job->email: erased, or the address in it; counts. */
enum err_code person_erase_from(
	struct db *db, struct job_forget *job, int64_t seq, struct err *err);
/* The slice at job->place; the next is job->next, while there is job->more. */
#define PERSON_FINGERPRINTS 6 /* the table that needs no address */
enum err_code person_erase_from_texts(
	struct db *db, struct job_forget_texts *job, struct err *err);

#endif
