/*
 * mails: what goes out by mail, kept in the outbox: notifications (one per accepted lead
 * and distinct contact), alerts and reports. Each is a row with one recipient, its own
 * state, attempts and history, and is moved by the relay like a delivery: the store shows
 * the mails as the waiting work of one internal destination (kind "email", name
 * MAIL_DESTINATION, which no configuration can use). job_claim, job_settle, job_health
 * with its id work on mails; its counters keep the accounting of mails and are no part of
 * the leads' accounting.
 *
 * A digest: notifications of one contact with the same due_at (the end of their window)
 * are claimed as one mail: its carrier is the first of them. The claim writes the
 * carrier's id to all of them, so that the mail is frozen from its first sending: every
 * further attempt carries the same leads under the same Message-ID, and settling the
 * carrier settles all.
 *
 * Store room; jobs as in store.h.
 */
#ifndef LEADRELAY_MAILS_H
#define LEADRELAY_MAILS_H

#include "leadrelay/store.h"

#define MAIL_DESTINATION "(mail)"

enum mail_kind { /* stored in the database: never renumber */
	MAIL_NOTIFICATION = 1,
	MAIL_ALERT = 2,
	MAIL_REPORT = 3,
};

struct mail_attachment {
	char *type; /* "text/csv; charset=utf-8" */
	char *name;
	char *content_id; /* NULL: an attachment */
	char *bytes;
	size_t len;
};

struct mail_item { /* of a claim (struct claimed.mail): owned by it */
	enum mail_kind kind;
	char *contact;    /* recipient, as configured: "owner@contoso.com" */
	char *message_id; /* fixed: "<uuid of the row>@<relay id>.leadrelay" without <> */
	int64_t created_at;
	struct lead *leads; /* notification: 1, digest: several, by received_at */
	size_t lead_count;
	int64_t left_out; /* digest: leads beyond MAIL_DIGEST_MAX, counted only */
	char *subject;    /* alert, report */
	char *text;
	char *html; /* NULL: none */
	struct mail_attachment *attachments;
	size_t attachment_count;
};
#define MAIL_DIGEST_MAX 200
void mail_item_free(struct mail_item *item); /* NULL is fine */

/* An alert or a report to each of recipients, in one transaction; with what makes it
 * happen once. */
struct job_notice {
	struct store_job job;
	enum mail_kind kind;
	const char *const *recipients; /* borrowed until done, as all texts */
	size_t recipient_count;        /* 0: only what stands below is stored */
	const char *subject, *text, *html;
	const struct mail_attachment *attachments;
	size_t attachment_count;
	int64_t now;
	/* alert: a condition that is raised or cleared. The row (key) makes it once per
	 * transition: raising what is raised with the same told, or clearing what is not,
	 * changes nothing and sends nothing (sent is false). NULL: no condition */
	const char *key; /* "parked:crm" "expiry:crm" "dead:crm" */
	bool raise;
	int64_t told; /* kept with it: how far it was told (a counter, a day, a level) */
	/* report: due_at is remembered per name; the same or an earlier one sends nothing
	 */
	const char *report;
	int64_t due_at;
	bool sent;          /* out: it was news; the mails (if any) are stored */
	int64_t first_mail; /* out: id of the first mail, the others' follow in a row; 0:
			       none */
};
void job_notice_prepare(struct job_notice *job);

struct alert_row { /* a raised condition */
	char key[160];
	int64_t since;
	int64_t told;
};
struct job_alerts { /* all raised conditions, and when each report was last made; for the
		       daemon's start */
	struct store_job job;
	struct alert_row *alerts; /* finish frees */
	size_t alert_count;
	struct report_row {
		char name[128];
		int64_t due_at;
	} * reports;
	size_t report_count;
};
void job_alerts_prepare(struct job_alerts *job);
void job_alerts_finish(struct job_alerts *job);

/* What alerts are about, cheap to ask every few seconds (counters and index ends only).
 * The counters only ever grow. */
struct job_vitals {
	struct store_job job;
	struct destination_vitals {
		int64_t id;
		char name[128];
		enum health_state state;
		enum reason reason;
		char error[1024];
		int64_t since;
		int64_t pending, held, dead;
		int64_t died; /* deliveries that ever became dead */
		int64_t oldest_pending_at;
	} * destinations; /* finish frees; the internal one for mails is among them (name
			     MAIL_DESTINATION) */
	size_t destination_count;
	int64_t quarantined;  /* bodies ever quarantined */
	int64_t last_lead_at; /* received_at of the newest lead; 0: none */
	int64_t difference;   /* of the leads' accounting, all destinations */
};
void job_vitals_prepare(struct job_vitals *job);
void job_vitals_finish(struct job_vitals *job);

/* notifications retry: dead mails (all, or of one lead) pending again; in batches like
 * job_transition. */
struct job_mails_retry {
	struct store_job job;
	int64_t lead; /* seq; 0: all */
	int64_t now;
	int max;
	int64_t after;   /* in: 0 first; out: -1 finished */
	int64_t next;    /* the job's own */
	int64_t changed; /* out */
};
void job_mails_retry_prepare(struct job_mails_retry *job);

/* Retention: settled rows past their age become counters; at most max rows looked at, in
 * one short transaction. */
struct retention { /* ms; 0: keep for ever */
	int64_t delivered_ms, dead_ms, discarded_ms, quarantined_ms, attempts_ms;
};
struct job_prune {
	struct store_job job;
	struct retention retention;
	int64_t now;
	int max;
	int64_t deliveries, leads, attempts, mails; /* out: removed by this batch */
	bool more;                                  /* out */
};
void job_prune_prepare(struct job_prune *job);

#endif
