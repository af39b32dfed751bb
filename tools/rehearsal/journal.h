/*
 * journal: what was exchanged, as a ring of the latest and, when asked for, a file of all
 * (one JSON line each, written as the exchange ends); and the counters. Thread-safe.
 */
#ifndef REHEARSAL_JOURNAL_H
#define REHEARSAL_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "text.h"

struct journal;
struct exchange;

/* file NULL: none. NULL when the file cannot be written. */
struct journal *journal_create(const char *file);
void journal_destroy(struct journal *journal);
void journal_clear(struct journal *journal); /* ring and counters, not the file */

void journal_begin(struct journal *journal, struct exchange *exchange);
/* Counts what the exchange wrote, as soon as it is written. */
void journal_committed(struct journal *journal, const struct exchange *exchange);
/* status 0: nothing was answered. */
void journal_end(struct journal *journal, struct exchange *exchange, int status);

void journal_token_issued(struct journal *journal);
void journal_duplicate_refused(struct journal *journal);

/* Adds {"exchanges":[...],"last":N}: those after id, the oldest limit of them. */
void journal_list(struct journal *journal, uint64_t after, int limit, struct text *out);
/* Adds the counters' object; rows is how many records there are. */
void journal_counters(struct journal *journal, size_t rows, struct text *out);

#endif
