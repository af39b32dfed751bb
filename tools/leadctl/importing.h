/*
 * What the files of import share.
 *
 *   this thread    file --csv--> rows --checked--> a batch, full --+
 *   sender thread  daemon or outbox <--link--- one batch <---------+
 *
 * One batch is under way while the next is read, so that reading and storing use a core
 * each. The ledger (batches.h) says which rows are taken: a batch whose answer was lost
 * is sent again, a run that was killed reads the file again from its begin and sends what
 * is missing.
 */
#ifndef LEADCTL_IMPORTING_H
#define LEADCTL_IMPORTING_H

#include "leadctl.h"
#include "new_file.h"

#include "leadrelay/csv.h"
#include "leadrelay/import.h"
#include "leadrelay/text.h"

#include <pthread.h>

/* ---- the file: import_file.c ---- */

struct import_file {
	const char *name; /* as given */
	int fd;
	int64_t size; /* 0: not known */
	bool regular;
	uint8_t digest[SHA256_SIZE]; /* of its bytes; random when it is no regular file */
	int64_t changed_at;          /* its mtime, in nanoseconds */
};
/* Opens name, or standard input for "-". An exit_status; what is wrong was told. */
int import_file_open(struct import_file *out, const char *name, struct cli *cli);
/* Reads a regular file once: its digest is who it is. */
int import_file_identify(struct import_file *file, struct cli *cli);
void import_file_close(struct import_file *file);
/* csv_read; ends early, as if there were no more, once import_interrupted. */
ssize_t import_file_read(void *ctx, char *out, size_t size);
/* Is it another one than when it was opened? */
bool import_file_changed(const struct import_file *file);

/* SIGINT and SIGTERM end an import behind the batch at hand. */
void import_catch_interrupt(void);
bool import_interrupted(void);

/* ---- problems: import_problems.c ---- */

#define IMPORT_SHOWN_MAX 100

struct import_problem {
	int64_t line;
	char *column; /* its heading; NULL: none of its own */
	char *reason;
};
struct import_problems {
	struct import_problem shown[IMPORT_SHOWN_MAX]; /* the first */
	size_t shown_count;
	int64_t count;
	bool to_file;
	struct new_file file; /* --rejects */
	const char *file_name;
	char delimiter;                    /* of both files */
	struct buf text;                   /* not yet written */
	const struct csv_columns *columns; /* borrowed */
	struct err err;                    /* of writing; told at the end */
};
/* The heading of the rejects file. */
void problems_begin(struct import_problems *problems, const struct csv_columns *columns,
	char delimiter);
/* column: from 1; 0: none. */
void problems_add(struct import_problems *problems, const struct csv_record *record,
	size_t column, const char *reason);
/* The rejects file gets its name. An exit_status. */
int problems_end(struct import_problems *problems, struct cli *cli);
void problems_finish(struct import_problems *problems);

/* ---- sending: import_send.c ---- */

struct import_place { /* where a row of a batch stands */
	int64_t line;
	size_t raw_at, raw_len; /* in packed */
};
struct import_batch {
	struct buf packed;
	int64_t first; /* number of its first row */
	size_t count;
	struct import_place places[IMPORT_BATCH_ROWS];
};

struct sender;
/* The thread that asks. *out is the caller's to sender_destroy. */
enum err_code sender_create(struct sender **out, struct cli *cli, struct err *err);
/* Asks and waits. An exit_status; on EXIT_DONE *done_out is the caller's. */
int sender_call(struct sender *sender, cJSON *request, cJSON **done_out, struct err *err);
/* Begins to ask; sender_wait (which must follow) waits for the answer. */
void sender_start(struct sender *sender, cJSON *request);
int sender_wait(struct sender *sender, cJSON **done_out, struct err *err);
void sender_destroy(struct sender *sender); /* NULL is fine */

/* ---- one import: cmd_import.c and import_rows.c ---- */

#define IMPORT_PREVIEW 5

struct importing {
	struct cli *cli;
	const struct source_settings *source;
	struct pair_list map; /* --map; texts owned */
	struct csv_options options;
	bool dry_run, notify;
	struct import_file file;
	struct csv_reader *reader;
	struct csv_columns *columns;
	struct import_problems problems;
	struct sender *sender;
	struct uuid last_id;
	/* the ledger */
	int64_t import, run, taken, accepted, duplicate, refused;
	bool resumed;
	int64_t resumed_at_line; /* 0: no */
	/* on the way */
	int64_t rows;                                      /* read */
	int64_t sent;                                      /* of them, in this run */
	int64_t valid;                                     /* dry run: would be taken */
	int64_t begun_at, shown_at;                        /* mono */
	struct import_batch batches[2], *filling, *flying; /* flying NULL: none */
	size_t batch_rows; /* how many it takes just now */
	struct buf preview;
};

/* Rows to the outbox until the file ends or somebody interrupts. An exit_status. */
int import_rows(struct importing *importing);
/* dry run: reads all, stores nothing. */
int import_rehearse(struct importing *importing);
/* What came of it, in words or JSON. */
void import_tell(struct importing *importing);

#endif
