/*
 * mailing: mails as rows: the internal destination they are the work of, how they are
 * made, claimed and settled. Internal to the store.
 */
#ifndef STORE_MAILING_H
#define STORE_MAILING_H

#include "job.h"
#include "leadrelay/mails.h"

/* The id of MAIL_DESTINATION; 0: there is none. Remembered with the connection. */
enum err_code mail_destination(struct db *db, int64_t *out, struct err *err);
/* The same, made (not configured) when there is none. */
enum err_code mail_destination_made(
	struct db *db, int64_t now, int64_t *out, struct err *err);
/* Whether this destination's work are mails. */
enum err_code mail_is_destination(
	struct db *db, int64_t destination, bool *out, struct err *err);

struct new_mail {
	enum mail_kind kind;
	int64_t lead;   /* notification */
	int64_t notice; /* alert, report */
	const char *contact;
	int64_t digest_at; /* end of its window; 0: due now */
	int64_t now;
};
enum err_code mail_add(
	struct db *db, const struct new_mail *mail, int64_t *id_out, struct err *err);

struct mail_brief {
	int kind; /* enum mail_kind */
	enum delivery_state state;
	int64_t carrier; /* the mail it goes out with, or itself; 0: a mail of its own */
	int64_t notice;  /* 0: a notification */
};
/* ERR_STALE: it is gone. */
enum err_code mail_get(
	struct db *db, int64_t id, struct mail_brief *out, struct err *err);

/* mail_claim.c: what is needed to send; of a digest whose window is over the first claim
 * freezes it. *bytes_out stays 0 when there is nothing (more) to send: not pending, not
 * due, carried by another, unreadable. */
enum err_code mail_load(struct db *db, int64_t id, int64_t now, struct claimed *item,
	int64_t *bytes_out, struct err *err);

/* mail_settle.c: the job's delivery is a mail. */
enum err_code mail_settle(
	struct db *db, struct job_settle *job, int queue, struct err *err);

#endif
