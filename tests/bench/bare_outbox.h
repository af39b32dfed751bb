/*
 * bare_outbox: an outbox of ours (schema/, made by the store) that is written with SQLite
 * alone: the rows that a lead of tests/bench/lead.json makes, all values at hand, no job,
 * no thread, no answer.
 */
#ifndef BARE_OUTBOX_H
#define BARE_OUTBOX_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BARE_DESTINATIONS_MAX 64

enum bare_statement {
	BARE_LEAD,
	BARE_MATCH,
	BARE_FINGERPRINT,
	BARE_WAITING,   /* a delivery that waits */
	BARE_DELIVERED, /* one that was delivered */
	BARE_ATTEMPT,
	BARE_TALLY_SOURCE,
	BARE_TALLY_DESTINATION,
	BARE_STATEMENTS
};

struct bare_outbox {
	sqlite3 *sqlite;
	sqlite3_stmt *statements[BARE_STATEMENTS];
	int64_t source;
	int64_t destinations[BARE_DESTINATIONS_MAX];
	size_t destination_count;
	int64_t seq; /* of the last lead */
	uint64_t random;
	/* the lead */
	char *raw;
	size_t raw_len;
	char *number;
	char *fields; /* as the store writes them */
	char *field_number;
	char *email;
	char *email_number;
	const char *company;
	/* of the open transaction, per destination */
	int64_t waiting[BARE_DESTINATIONS_MAX];
	int64_t delivered[BARE_DESTINATIONS_MAX];
};

struct bare_lead {
	int64_t received_at;
	size_t destination; /* index */
	bool delivered;     /* with its attempt, a little later; else it waits */
	bool fingerprint;   /* of a dedupe window that is not over */
};

/* The state folder must exist and be empty. Destinations are called crm, or crm1, crm2
 * ...; the source marketplace, as tests/bench/lab.py configures them. */
void bare_open(struct bare_outbox *outbox, const char *dir, const char *lead,
	size_t destinations);
void bare_exec(struct bare_outbox *outbox, const char *sql);
void bare_begin(struct bare_outbox *outbox);
void bare_add(struct bare_outbox *outbox, const struct bare_lead *lead);
void bare_commit(struct bare_outbox *outbox); /* counters, as the store: once */
void bare_close(struct bare_outbox *outbox);

#endif
