/*
 * inside: the store as its own files see it. disk.c keeps the connection alive, thread.c
 * runs the batches, store.c opens and closes.
 */
#ifndef STORE_INSIDE_H
#define STORE_INSIDE_H

#include "batch.h"

#include <stdatomic.h>
#include <uv.h>

struct store_waiter { /* on the stack of a store_call, under store->mutex */
	bool answered;
};

struct store {
	struct store_options options; /* texts are ours */
	char *path;

	uv_mutex_t mutex; /* over what follows, up to the next comment */
	uv_cond_t arrived;
	uv_cond_t answered;
	struct job_list queue;
	struct job_list done;
	bool stopping;
	bool ended; /* the thread has nothing more to do */
	struct err failure;
	struct store_figures figures;

	atomic_bool working;
	atomic_int_fast64_t waiting;
	atomic_int_fast64_t turns;

	/* the store thread's, or the owner's without one */
	struct db *db; /* NULL while it cannot be opened */
	enum err_code failed_with;
	enum err_code failed_again_with; /* at the last try to come back */
	int64_t reopen_ms;
	int64_t reopened_at;
	int checkpointed; /* pages of the WAL that need no checkpoint, at the last one */
	bool left_out;    /* the last checkpoint could not take all */
	int64_t warned_bytes;

	/* the loop's */
	atomic_bool threaded;
	uv_thread_t thread;
	uv_async_t async;
	bool told_working;
	void (*stopped)(void *ctx);
	void *stopped_ctx;
};

/* disk.c; on the thread that owns the connection */
void disk_options(const struct store *store, bool create, struct db_options *out);
/* A storage error: closes the connection, refuses jobs from here on. */
void disk_failed(struct store *store, const struct err *err);
/* Whether the store works again. */
bool disk_reopen(struct store *store);
bool disk_checkpoint_due(const struct store *store, bool idle);
void disk_checkpoint(struct store *store);

#endif
