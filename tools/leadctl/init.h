/*
 * init: what the files of the first-run help share: the answers, where each comes from
 * (a flag, a terminal, its default), the configuration they make.
 *
 *   answers --draft (memory only)--> config_load --> validation.c, mail --> files
 *
 * Nothing is on disk before every answer was accepted; the files then get their names
 * together, secrets first, the configuration last.
 */
#ifndef LEADCTL_INIT_H
#define LEADCTL_INIT_H

#include "leadctl.h"

#include "leadrelay/config.h"

#include <stdbool.h>
#include <sys/types.h>

#define ADMIN_TOKEN "admin.token" /* beside the configuration */

enum answer {
	/* never asked for: flags with a default */
	A_DESTINATION,
	A_SOURCE,
	A_TOKEN,
	A_STATE_DIR,
	A_AUTHORITY,
	A_TOKEN_URL,
	A_CA_FILE,
	A_PROXY,
	A_MAIL_CA,
	A_ADMIN,
	/* asked for, in this order; a certificate stands before its key */
	A_URL,
	A_AUTH,
	A_DIRECTORY,
	A_CLIENT,
	A_USERNAME,
	A_CERTIFICATE,
	A_KEY,
	A_SECRET, /* the client secret, or the password */
	A_EXPIRES,
	A_CONTACTS,
	A_MAIL_SERVER,
	A_MAIL_USER,
	A_MAIL_PASSWORD,
	A_MAIL_FROM,
	A_ALERTS,
	A_LISTEN,
	A_TLS_CERTIFICATE,
	A_TLS_KEY,
	A_PUBLIC_URL,
	ANSWERS
};

enum answer_kind {
	ANSWER_TEXT,
	ANSWER_PATH,   /* made absolute; read by the daemon */
	ANSWER_HIDDEN, /* typed unseen; the flag names a file with it */
};

enum stage { STAGE_SERVICE, STAGE_LOGIN, STAGE_PEOPLE, STAGE_MAIL, STAGE_INTAKE, STAGES };

struct init {
	struct cli *cli;
	const struct arguments *args;
	char *values[ANSWERS]; /* owned; NULL: none */
	bool settled[ANSWERS]; /* given and accepted, or left out on purpose */
	enum answer checking;  /* about to be; ANSWERS: none */
	bool skip[STAGES];     /* the live check is left out: so wanted on a terminal */
	bool connected;        /* what comes before the token was shown */
	bool token_stays;      /* its file is there already */
	char *admin_token;     /* owned; NULL: no page, or its file is there already */
	char *folder;          /* of the configuration, absolute; owned */
	char *file;            /* its name in there; owned */
	uid_t uid;             /* whom the files belong to */
	gid_t gid;
	char *owner; /* that account's name; NULL: who runs this. Owned */
};

struct question {
	const char *flag;
	const char *ask;       /* NULL: never asked */
	const char *hint;      /* printed before it, once; or NULL */
	const char *otherwise; /* default; NULL: none */
	enum stage stage;
	enum answer_kind kind;
	bool needed;
};
extern const struct question questions[ANSWERS];

/* ---- init_questions.c: which there are, what goes for this one ---- */

/* Whether this question arises, the others being answered as they are. */
bool question_arises(const struct init *init, enum answer which);
/* Valid as long as init's answers. NULL: none. */
const char *question_default(const struct init *init, enum answer which);
bool auth_is(const struct init *init, const char *method);
bool listens_elsewhere(const struct init *init); /* beyond loopback */
bool has_page(const struct init *init);

/* ---- init_answers.c: where answers come from ---- */

void answer_set(struct init *init, enum answer which, char *text); /* takes text */
int answers_from_flags(struct init *init);                         /* an exit_status */
void answers_from_defaults(struct init *init); /* of what is never asked */
/* Those that were not given: what is there, or new ones. Once the folder is known. */
void answer_find_tokens(struct init *init);
/* Until this answer is acceptable; an exit_status. again: it is asked for though there is
 * one. */
int answer_settle(struct init *init, enum answer which, bool again);

/* ---- init_ask.c: the terminal ---- */

/* One line, trimmed, the caller's to free; NULL: the input ended. */
char *ask_line(const char *prompt, bool hidden);
/* From now on a signal that ends the program leaves the terminal as it was and says that
 * nothing was written. */
void ask_begin(void);
void ask_end(void);

/* ---- init_draft.c: the configuration they make ---- */

/* The file's text. draft: of the answers settled and the one being checked, with places
 * for those to come, and secrets in it; else they are in files beside it. False: out of
 * memory. */
bool draft_text(const struct init *init, bool draft, struct buf *out);
/* *out is the caller's to config_destroy. ERR_CONFIG: problems has a line each. */
enum err_code draft_load(const struct init *init, struct config **out,
	struct buf *problems, struct err *err);

/* ---- init_check.c: the live services ---- */

struct verdict {
	bool fine;
	unsigned long doubtful; /* bits 1 << enum answer: what its remedy speaks of */
};
struct verdict check_stage(struct init *init, enum stage stage);

/* ---- init_write.c: the files ---- */

/* Where they go and whose they are; an exit_status. Before anything is asked. */
int place_find(struct init *init);
/* Whether the account the daemon runs as may read path. */
bool owner_reads(const struct init *init, const char *path);
/* All of them or none. written: an array that takes their paths, and where old ones were
 * put. An exit_status. */
int place_write(struct init *init, cJSON *written, cJSON *aside);

/* ---- init_end.c ---- */

/* Writes, validates, says what to do next; an exit_status. */
int init_end(struct init *init);

#endif
