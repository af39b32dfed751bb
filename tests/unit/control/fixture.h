/*
 * A store in a directory of its own, two sources, two destinations, and requests executed
 * as leadctl does while the daemon is down.
 */
#ifndef CONTROL_FIXTURE_H
#define CONTROL_FIXTURE_H

#include "leadrelay/clock.h"
#include "leadrelay/config.h"
#include "leadrelay/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define START 1795000000000 /* when the fixture's clock starts: November 2026 */

enum { CRM, ARCHIVE, DESTINATIONS };

struct fixture {
	char state_dir[64];
	int64_t now;
	struct clock clock;
	struct store *store;
	struct reader *reader;
	struct config config;
	struct source_settings sources[2]; /* marketplace to both, website to crm */
	struct destination_settings destinations[DESTINATIONS];
	char *routes[DESTINATIONS];
	struct report_settings reports[2]; /* daily by mail, filed into a directory */
	int64_t mail_id;                   /* the internal destination's */
	int64_t last_mail;
	int64_t source_ids[2];
	int64_t ids[DESTINATIONS];
	struct control_options options;
	unsigned next_id;
	/* the last request's answers */
	cJSON *items; /* array */
	cJSON *done, *paused, *error;
	int answers;
	int pause_after; /* keep_going says no after so many answers; -1: never */
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

struct accepted {
	struct uuid id;
	char text[UUID_TEXT_SIZE];
	int64_t deliveries[DESTINATIONS];
};
/* A lead of the marketplace at now, to crm and archive; now moves on by a second. */
struct accepted accept_lead(struct fixture *f, const char *email);
/* The same, and a notification to contact. */
struct accepted accept_notified(
	struct fixture *f, const char *email, const char *contact, int64_t *mail_out);
/* An array of them, to crm only. */
void accept_many(struct fixture *f, size_t count);
/* A body that is not a lead yet: all that it names is a city. */
struct accepted accept_quarantined(struct fixture *f, const char *city);
/* The outcome of an attempt: REFUSE makes it dead, ACCEPT delivered. */
void settle(struct fixture *f, int64_t destination, int64_t delivery,
	enum delivery_event event, enum reason reason);

/* Executes request (JSON text); the answers are in f until the next one. */
void ask(struct fixture *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void assert_failed(
	struct fixture *f, int status); /* with that exit status, and a sentence */
long long done_number(struct fixture *f, const char *name);
const char *delivery_state(struct fixture *f, const char *lead, const char *destination);

#endif
