/*
 * faults: the list of what shall go wrong, and which request meets which of it.
 *
 * The first fault in the list that fits a request and has times left is met; faults that
 * only delay add up and let the next be looked at. Thread-safe.
 */
#ifndef REHEARSAL_FAULTS_H
#define REHEARSAL_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "crm.h"

struct faults;
struct fault_kind;

struct fault { /* as one request met it: a copy, untouched by what becomes of the list */
	const struct fault_kind *kind;
	cJSON *params;
};

typedef void fault_shape(const struct fault *fault, struct exchange *exchange);

/* Sends bytes (head of them the reply's head), or part, or something else. *status
 * becomes 0 when no status line was sent. */
typedef enum ending fault_send(const struct fault *fault, struct exchange *exchange,
	const struct text *bytes, size_t head, int *status);

struct fault_kind {
	const char *name;
	const char
		*where; /* unless the fault says: words of kind_names, "api" or "any" */
	bool early;     /* met before the body is read */
	bool commits;   /* the request is carried out first, unless "commit" says else */
	bool delays;    /* only that */
	fault_shape *shape; /* makes the reply; NULL: the one the request earned */
	fault_send *send;   /* NULL: as it is */
	int status;         /* what shape starts from */
	const char *code, *message;
	const char *help;
};

extern const struct fault_kind fault_kinds[]; /* ends with a row without name */

struct faults *faults_create(uint64_t seed);
void faults_destroy(struct faults *faults);
void faults_clear(struct faults *faults);
bool faults_remove(struct faults *faults, uint64_t id);

/* False: *why is the caller's to free. */
bool faults_add(struct faults *faults, const cJSON *json, uint64_t *id_out, char **why);
cJSON *faults_show(struct faults *faults); /* a list; the caller's */

/* NULL: none. Adds delays to *delay_ms. The caller's, to fault_free. */
struct fault *faults_pick(
	struct faults *faults, struct exchange *exchange, bool early, int64_t *delay_ms);
void fault_free(struct fault *fault);

const char *fault_name(const struct fault *fault);
bool fault_commits(const struct fault *fault);
double fault_number(const struct fault *fault, const char *name, double otherwise);
const char *fault_string(
	const struct fault *fault, const char *name, const char *otherwise);

/* fault_wire.c */
fault_send send_nothing, send_hang, send_mid_headers, send_mid_body, send_truncated_body,
	send_slowly, send_truncated_chunks, send_garbage_after, send_bad_status_line,
	send_endless_headers, send_endless_body, send_gzip_bomb, send_stale;

#endif
