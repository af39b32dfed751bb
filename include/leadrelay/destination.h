/*
 * destination: how one kind of destination is talked to. Adding a kind is adding one file
 * in src/destinations/ and one row of destination_kinds[]: its keys, what it can do and
 * what answers mean stand in that file.
 *
 * A destination never does I/O. It turns (lead, settings, token, answers so far) into the
 * next step of a task: send this request, get me a token, run this on a worker thread, or
 * done with this outcome. The relay carries the steps out, and so does `leadctl
 * validate`: one production path. Loop thread only; pure but for the token kept in the
 * instance.
 */
#ifndef LEADRELAY_DESTINATION_H
#define LEADRELAY_DESTINATION_H

#include "leadrelay/delivery.h"
#include "leadrelay/err.h"
#include "leadrelay/http_client.h"
#include "leadrelay/lead.h"
#include "leadrelay/mail.h"
#include "leadrelay/settings.h"

#include <stdbool.h>
#include <stdint.h>

struct clock;
struct entropy;
struct destination;
struct mail_item;

enum task_purpose {
	TASK_DELIVER,   /* deliver task->lead */
	TASK_PROBE,     /* the cheap read of a parked destination (WhoAmI; file: open and
			   close) */
	TASK_PRIVILEGE, /* may it create leads? outcome forbidden when not */
	TASK_READ,      /* the record of task->lead is there, with its columns */
	TASK_DELETE,    /* remove the test lead again */
	TASK_PURPOSES
};

enum step_kind {
	STEP_SEND,  /* task->request is filled: send it, then call task_next with the
		       answer */
	STEP_TOKEN, /* wait until the destination has a fresh token, then call task_next
		       with NULL */
	STEP_MAIL,  /* task->mail_exchange is filled: send it, then call task_mailed with
		       the answer */
	STEP_WORK,  /* call task_work on a worker thread, then task_next with NULL */
	STEP_DONE,  /* task->outcome is final */
};

#define TASK_EXCHANGES_MAX 8

struct exchange_record { /* one exchange, for the history */
	int64_t at;      /* wall */
	int64_t duration_ms;
	enum outcome_kind outcome; /* what it meant by itself */
	enum reason reason;
	int http_status;
	char error[1024];
};

struct task { /* one attempt, or one probe; zero-initialise up to records, fill the first
		 part, then task_begin */
	enum task_purpose purpose;
	const struct lead *lead;      /* borrowed until done */
	const struct mail_item *mail; /* kind email: what to send; borrowed until done */
	bool ask_first; /* the last outcome was unknown and the lead was edited: read
			   before writing */
	/* out */
	struct mail_exchange *mail_exchange; /* STEP_MAIL; taken by the caller (who
						finishes and frees it), NULL again after
					      */
	struct http_request request; /* STEP_SEND; taken by the caller (moved), empty
					again at task_next */
	struct outcome outcome;      /* STEP_DONE */
	int record_count;            /* of records */
	/* the kind's own */
	int stage;
	unsigned repairs; /* bits: what was already repaired */
	bool token_renewed;
	int64_t dropped; /* bits: columns left out or cut by a repair */
	char remote_id[64];
	struct buf work; /* STEP_WORK: what to write */
	struct err work_error;
	void *extra; /* freed by task_finish with free() */

	struct exchange_record records[TASK_EXCHANGES_MAX]; /* the exchanges so far,
							       filled by task_next */
};

struct destination_key {  /* of the configuration */
	const char *name; /* as the vocabulary of src/daemon/config_keys.c has it */
	bool required;
};

struct destination_kind {
	const char *name; /* "dynamics365" */
	/* The keys that not every destination has; ends with a NULL name. */
	const struct destination_key *keys;
	bool url_query; /* url may have a query, which may hold a secret */
	bool keeps_key; /* recognises a repeat by our id: restore need not hold its
			   deliveries */
	/* Checks what the configuration parser cannot know; errors name the key. Borrows
	 * settings and entropy for the instance's life. */
	enum err_code (*create)(struct destination **out,
		const struct destination_settings *settings,
		const struct entropy *entropy, struct err *err);
	void (*destroy)(struct destination *destination);
	enum step_kind (*begin)(
		struct destination *destination, struct task *task, int64_t now);
	enum step_kind (*next)(struct destination *destination, struct task *task,
		const struct http_answer *answer, int64_t now);
	void (*work)(struct destination *destination,
		struct task *task); /* worker thread; NULL when no STEP_WORK */
	enum step_kind (*mailed)(struct destination *destination, struct task *task,
		const struct mail_answer *answer,
		int64_t now); /* NULL when no STEP_MAIL */
	unsigned purposes;    /* bits 1 << enum task_purpose that it supports */
};

extern const struct destination_kind *const destination_kinds[];
extern const int destination_kind_count;
const struct destination_kind *destination_kind_find(const char *name); /* NULL: none */
/* NULL: not a key of its own. */
const struct destination_key *destination_key_find(
	const struct destination_kind *kind, const char *name);

struct destination_base { /* first member of every instance */
	const struct destination_kind *kind;
	const struct destination_settings *settings; /* borrowed */
	struct token *token;                         /* owned; NULL: no token needed */
	const char *url;    /* of the kind's own making; NULL: settings->url */
	int64_t expires_at; /* wall: when the credential says that it ends; 0: it does
			       not say */
};
struct destination {
	struct destination_base base;
};

enum err_code destination_create(struct destination **out,
	const struct destination_settings *settings, const struct entropy *entropy,
	struct err *err);
/* The internal destination that mails go to (mails.h): kind "email", name
 * MAIL_DESTINATION, which no configuration can name; its base.settings are its own, made
 * of mail. Borrows mail and entropy for its life. */
#define MAIL_CONCURRENCY 6 /* conversations with the mail server at a time */
enum err_code destination_email_create(struct destination **out,
	const struct mail_settings *mail, const struct entropy *entropy, struct err *err);
void destination_destroy(struct destination *destination);
/* Where it connects to; NULL: nowhere. Valid as long as the destination. */
static inline const char *destination_url(const struct destination *destination)
{
	return destination->base.url ? destination->base.url
				     : destination->base.settings->url;
}
struct token *destination_token(struct destination *destination); /* NULL: needs none */
enum step_kind task_begin(
	struct destination *destination, struct task *task, int64_t now);
/* answer: of the request sent (NULL after STEP_TOKEN and STEP_WORK). Adds to records. */
enum step_kind task_next(struct destination *destination, struct task *task,
	const struct http_answer *answer, int64_t now);
/* answer: of the mail exchange sent after STEP_MAIL. */
enum step_kind task_mailed(struct destination *destination, struct task *task,
	const struct mail_answer *answer, int64_t now);
void task_finish(struct task *task);

#endif
