/* A store on real files in a directory of its own, without a thread unless a test starts
 * one. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include "leadrelay/clock.h"
#include "leadrelay/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define NOW INT64_C(1790000000000)
#define MINUTE INT64_C(60000)

struct fixture {
	char dir[64];
	char path[96]; /* of outbox.db */
	struct store *store;
	struct store_options options;
	struct clock clock;
	int64_t wall, mono;
	int health_calls;
	bool healthy;
	int64_t web, shop;    /* sources */
	int64_t crm, archive; /* destinations */
	struct uuid last_id;
};

int fixture_setup(void **state);    /* an open store, with the names above */
int fixture_teardown(void **state); /* closes it, removes the directory */
void fixture_open(struct fixture *f);
enum err_code fixture_try_open(struct fixture *f, struct err *err);
void fixture_close(struct fixture *f);
void fixture_names(struct fixture *f);

/* Runs a job to its commit and expects ERR_OK. */
void call(struct fixture *f, struct store_job *job);

/* An accept job of one lead with this body, e-mail jane@example.com, to crm. Fill in
 * more, then call it. */
struct accept {
	struct job_accept job;
	struct accept_lead lead;
	int64_t destinations[4];
};
void accept_init(struct fixture *f, struct accept *accept, const char *body);
void accept_to(struct accept *accept, size_t count, ...); /* int64_t destinations */
void accept_finish(struct accept *accept);
/* A lead accepted, to its delivery at crm. */
int64_t add_lead(struct fixture *f, const char *body);

enum delivery_state settle(
	struct fixture *f, int64_t delivery, enum delivery_event event, int64_t due_at);
enum delivery_state settle_with(struct fixture *f, int64_t delivery,
	enum delivery_event event, enum outcome_kind outcome, enum reason reason,
	int64_t due_at);

void destination_get(struct fixture *f, int64_t destination, struct destination_row *out);
/* accepted = pending + held + delivered + dead + discarded, and these are their values.
 */
void expect_counts(struct fixture *f, int64_t destination, int64_t pending, int64_t held,
	int64_t delivered, int64_t dead, int64_t discarded);
/* The first column of the first row, by a connection of its own. */
int64_t query(struct fixture *f, const char *sql);
void execute(struct fixture *f, const char *sql);

#endif
