/*
 * alerts: what is wrong with the relay, told once per change. Private to the daemon.
 *
 * Level-triggered: every few seconds what is so now (a look) is compared with what has
 * been told (the memory, which the store keeps too), and only the difference is told. So
 * a crash, a restart and a lost event change nothing: the next look sees the same. The
 * rules are pure; alerts.c asks, stores and mails.
 */
#ifndef LEADRELAY_DAEMON_ALERTS_H
#define LEADRELAY_DAEMON_ALERTS_H

#include "leadrelay/buf.h"
#include "leadrelay/config.h"
#include "leadrelay/mails.h"

#include <stdbool.h>
#include <stdint.h>

/* ---- alert_words.c: pure ---- */

struct alert_words {     /* each may be empty but the first two; no personal data */
	char title[200]; /* "crm parked: unauthorized": the end of the subject */
	char what[320];  /* a sentence */
	char cause[1200];
	char consequence[240];
	char remedy[400];
	char command[320];
};
struct alert_mail {
	struct buf subject, text, html;
};
/* The mail: "[leadrelay HOST] title". */
void alert_compose(struct alert_mail *out, const struct alert_words *words,
	const char *host, int64_t now);
void alert_mail_finish(struct alert_mail *mail);
/* "12 leads are waiting, none is lost". Returns out. */
const char *leads_waiting(int64_t count, char out[96]);

/* ---- alert_rules.c: pure ---- */

struct alert_known { /* a condition that is raised, or about to be */
	char key[160];
	bool raised;
	int64_t told;
	/* memory only; mono */
	int64_t told_at;  /* when it was last told since the start; INT64_MIN: not yet */
	int64_t so_since; /* not raised: since when it is so; INT64_MIN: it is not */
	bool seen;        /* by the look under way */
	bool busy;        /* a change is on its way to the store */
	struct alert_known *next;
};
struct alert_memory {
	struct alert_known *known; /* a few dozen at most: a list */
};
/* NULL: out of memory. */
struct alert_known *alert_remember(struct alert_memory *memory, const char *key);
void alert_forget_all(struct alert_memory *memory);

enum alert_turn {
	ALERT_SAME,
	ALERT_RAISE,
	ALERT_NOTE, /* how far it has come is kept, nobody is told */
	ALERT_CLEAR,
	ALERT_FORGET /* cleared, and nobody is told: what it was about is gone */
};

struct alert_condition {
	const char *key;
	bool is_so;
	bool was_so;      /* raised, it stays so until this is false too (hysteresis) */
	int64_t told;     /* how far it has come; further is told anew */
	int64_t hold_ms;  /* it must have been so for this long */
	int64_t group_ms; /* and not have been told for this long */
};
/* Decides; changes known->so_since and known->seen only. */
enum alert_turn alert_consider(
	struct alert_known *known, const struct alert_condition *now, int64_t mono);

struct alert_look { /* what is so now */
	const struct config *config;
	const struct job_vitals *vitals;
	int64_t wall, mono;
	int64_t running_ms;             /* since the start */
	int64_t certificate_expires_at; /* the intake's; 0: none */
	int64_t admin_expires_at;       /* likewise the certificate of admin */
	int64_t disk_free, disk_size;   /* of state_dir; size 0: not known */
	bool intake_only;
	/* the relay's advice at the last parking of a destination; "" */
	const char *(*remedy)(void *ctx, const char *destination);
	/* why a report cannot be made now; NULL: it can */
	const char *(*report_failure)(void *ctx, const char *report);
	/* The difference: known is raised, noted, cleared. words: NULL for NOTE and
	 * FORGET. log: no other line of the log tells it. */
	void (*turn)(void *ctx, struct alert_known *known, enum alert_turn turn,
		int64_t told, const struct alert_words *words, bool log);
	void *ctx;
};
void alerts_look(struct alert_memory *memory, const struct alert_look *look);

/* Less than 256 MiB, or less than a twentieth and 5 GiB. */
bool disk_is_low(int64_t free, int64_t size);

#endif
