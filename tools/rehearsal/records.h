/*
 * records: the lead rows of the played Dataverse, and how often a create was tried for
 * each id.
 *
 * Each row is one JSON text. Thread-safe: every call takes the lock itself. Memory grows
 * with the number of rows and ids, not with the number of requests.
 */
#ifndef REHEARSAL_RECORDS_H
#define REHEARSAL_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct records;

struct records *records_create(void);
void records_destroy(struct records *records);
void records_clear(struct records *records); /* rows and attempts */

/* Takes json. False, and nothing stored, when id is there already. email may be NULL. */
bool records_insert(
	struct records *records, const char *id, char *json, const char *email);

char *records_copy(
	struct records *records, const char *id); /* the caller's; NULL: none */
bool records_delete(struct records *records, const char *id);
size_t records_count(struct records *records);

/* Whether another row than except has this e-mail address, case aside. */
bool records_has_email(struct records *records, const char *email, const char *except);

/* Replaces a row's text by what edit makes of it, under the lock; *email is the new
 * address (the caller's, may be NULL). edit returning NULL changes nothing. False: no
 * such row. */
typedef char *record_edit(const char *json, char **email, void *arg);
bool records_update(
	struct records *records, const char *id, record_edit *edit, void *arg);

/* Visits rows in the order of their creation, or only those with this e-mail address,
 * until visit returns false. visit runs under the lock and must not call back. */
typedef bool record_visit(const char *id, const char *json, int64_t attempts, void *arg);
void records_each(struct records *records, record_visit *visit, void *arg);
void records_each_email(
	struct records *records, const char *email, record_visit *visit, void *arg);

/* Counts one more create received for id, whatever became of it. */
void records_attempted(struct records *records, const char *id);
void records_each_attempt(struct records *records, record_visit *visit, void *arg);

#endif
