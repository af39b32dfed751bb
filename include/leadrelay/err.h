/*
 * err: one failure, as a code for the program and a sentence for the operator.
 *
 * A function that fails sets *err and leaves its outputs alone; one that succeeds leaves
 * *err alone. Every function here accepts err == NULL. Text never holds a secret or lead
 * data.
 */
#ifndef LEADRELAY_ERR_H
#define LEADRELAY_ERR_H

enum err_code {
	ERR_OK = 0,
	ERR_NOMEM,   /* an allocation failed */
	ERR_IO,      /* the disk or a file said no */
	ERR_FULL,    /* no space left */
	ERR_CORRUPT, /* the store is damaged */
	ERR_BUSY,    /* too much is waiting already; try again */
	ERR_STALE,   /* the row moved on meanwhile: a transition not allowed from here */
	ERR_NOT_FOUND, /* no such lead, destination, source, report or file */
	ERR_AMBIGUOUS, /* an abbreviation that names more than one */
	ERR_INVALID,   /* unusable input: usage */
	ERR_CONFIG,    /* unusable configuration */
	ERR_LOCKED,    /* another process holds the store */
	ERR_DENIED,    /* permissions */
	ERR_TIMEOUT,
	ERR_REMOTE, /* the other side failed or refused */
	ERR_BUG,    /* cannot happen; reported rather than crashed on */
};

#define ERR_TEXT_SIZE 512

struct err {
	enum err_code code;
	/* Outermost context first: "opening outbox.db: disk I/O error". */
	char text[ERR_TEXT_SIZE];
};

/* Sets *err and returns code, so that a failing path is one statement. */
enum err_code err_set(struct err *err, enum err_code code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Prefixes err->text with "<fmt>: " and returns err->code; err must hold a failure.
 * (Without an err to hold one the code is lost too: ERR_BUG.) A text that grows too long
 * loses its end. */
enum err_code err_wrap(struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* err_set with ": " and the text of errnum appended. ENOSPC and EDQUOT are ERR_FULL,
 * ENOMEM ERR_NOMEM, ENOENT ERR_NOT_FOUND, EACCES and EPERM ERR_DENIED, ETIMEDOUT
 * ERR_TIMEOUT, others ERR_IO. */
enum err_code err_errno(struct err *err, int errnum, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
