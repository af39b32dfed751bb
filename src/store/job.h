/*
 * job: what the jobs of the store have in common. Internal to the store.
 */
#ifndef STORE_JOB_H
#define STORE_JOB_H

#include "db.h"
#include "leadrelay/store.h"

#include <stddef.h>

/* The job a store_job is embedded in, first member. */
#define JOB_OF(type, store_job) \
	((struct type *)(void *)((char *)(store_job)-offsetof(struct type, job)))

/* One lead as a row; deliveries to destinations, each in ids_out (may be NULL). */
enum lead_state { /* stored in the database: never renumber */
	LEAD_KEPT = 1,
	LEAD_QUARANTINED = 2,
	LEAD_DISCARDED = 3, /* while it was quarantined */
};
enum err_code delivery_add(struct db *db, int64_t lead, int64_t destination, int64_t now,
	int64_t *id_out, struct err *err);
/* A kept lead has no delivery (any more): retention takes it when it is older than the
 * age of delivered ones since then (0: at once). And: it has one again. */
enum err_code idle_add(struct db *db, int64_t lead, int64_t since, struct err *err);
enum err_code idle_end(struct db *db, int64_t lead, struct err *err);

/* fingerprint.c */
enum fingerprint_kind { /* stored in the database: never renumber */
	FINGERPRINT_CONTENT = 1,
	FINGERPRINT_KEY = 2,
};
struct fingerprint {
	enum fingerprint_kind kind;
	int64_t source;
	uint8_t hash[32];
	uint8_t body_hash[32];
	int64_t lead; /* seq of the first lead of the request */
	int64_t leads;
	int64_t expires_at;
};
enum fingerprint_found {
	FINGERPRINT_NEW,   /* taken for `lead` of *mine: nobody had it, or it was past its
			      time or its leads are gone */
	FINGERPRINT_SAME,  /* *mine holds the first one's lead and leads */
	FINGERPRINT_OTHER, /* the same key, another body */
};
/* Inserts or finds. A content one counts only while one of its leads is pending, held or
 * delivered. */
enum err_code fingerprint_take(struct db *db, struct fingerprint *mine, int64_t now,
	enum fingerprint_found *out, struct err *err);
/* Writes it over whatever is there. */
enum err_code fingerprint_put(
	struct db *db, const struct fingerprint *mine, struct err *err);

/* import.c: counts of imports that are finished or begun anew go, up to max of them. */
#define IMPORT_SWEEP_MAX 2000
enum err_code import_sweep(struct db *db, int max, int *count, struct err *err);

/* lead.c's fields as the store keeps them: JSON texts, *fields the caller's to free,
 * *extra to cJSON_free; it is NULL when there is none. */
enum err_code lead_texts(
	const struct lead *lead, char **fields, char **extra, struct err *err);

/* claim.c: a lead from the columns id, source's name, received_at, test, fields, extra,
 * from first on. ERR_CORRUPT: unreadable; nothing to finish then. */
enum err_code lead_read(sqlite3_stmt *stmt, int first, struct lead *out, struct err *err);

/* names.c: every destination (the one for mails among them) with its counters as
 * committed (and what the transaction under way wrote of them). *out is the caller's to
 * free. */
enum err_code read_destinations(
	struct db *db, struct destination_row **out, size_t *count_out, struct err *err);
/* Every source, likewise. */
struct source_row;
enum err_code read_sources(
	struct db *db, struct source_row **out, size_t *count_out, struct err *err);
/* The internal one: no lead goes there. */
bool destination_is_mail(const struct destination_row *row);
/* 0, or the books are wrong. */
int64_t destination_difference(const struct destination_row *row);

#endif
