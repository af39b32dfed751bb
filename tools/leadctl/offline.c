/*
 * The daemon is down: the request is executed here, under the lock, by the daemon's own
 * code. The lock goes back as soon as a daemon wants it: after the batch at hand, and
 * never while standard output is stuck in a pager.
 */
#include "client.h"

#include "leadrelay/clock.h"
#include "leadrelay/control.h"
#include "leadrelay/reader.h"
#include "leadrelay/store.h"

#include <stdlib.h>
#include <string.h>

struct here {
	struct ask *ask; /* the one being executed */
	struct store_lock *lock;
	struct store *store;
	struct reader *reader;
};

static bool emit(void *ctx, cJSON *answer)
{
	struct here *here = ctx;

	ask_take(here->ask, answer);
	return true;
}

static bool lock_wanted(void *ctx)
{
	const struct here *here = ctx;

	return store_lock_wanted(here->lock);
}

static bool keep_going(void *ctx)
{
	return !lock_wanted(ctx);
}

static enum err_code open_outbox(
	struct here *here, const char *state_dir, struct err *err)
{
	const struct store_options options = {.state_dir = state_dir,
		.clock = &clock_system,
		.entropy = &entropy_system};

	if (store_open(&here->store, &options, err) != ERR_OK)
		return err->code;
	return reader_open(&here->reader, state_dir, &clock_system, err);
}

enum reach here_open(struct here **out, const char *state_dir, struct err *err)
{
	struct here *here = calloc(1, sizeof(*here));
	enum err_code code;

	if (!here) {
		err_set(err, ERR_NOMEM, "out of memory");
		return REACH_FAILED;
	}
	code = store_lock_take(&here->lock, state_dir, LOCK_TOOL, 0, err);
	if (code != ERR_OK) {
		free(here);
		if (code == ERR_NOT_FOUND) /* of a directory, not of a lead */
			err->code = ERR_IO;
		return code == ERR_LOCKED ? REACH_LOCKED : REACH_FAILED;
	}
	if (open_outbox(here, state_dir, err) != ERR_OK) {
		if (err->code == ERR_INVALID) /* a newer schema: nobody's usage */
			err->code = ERR_IO;
		here_close(here);
		return REACH_FAILED;
	}
	*out = here;
	return REACH_FINISHED;
}

/* The reader goes first: the store's last connection truncates the WAL. */
void here_close(struct here *here)
{
	if (here->reader)
		reader_close(here->reader);
	if (here->store)
		store_close(here->store);
	store_lock_release(here->lock);
	free(here);
}

bool here_wanted(const struct here *here)
{
	return store_lock_wanted(here->lock);
}

enum reach here_ask(struct here *here, struct ask *ask, struct err *err)
{
	struct cli *cli = ask->cli;
	const struct control_options control = {.store = here->store,
		.reader = here->reader,
		.clock = &clock_system,
		.config = cli->config,
		.version = version_text()};

	here->ask = ask;
	cli->hurried = lock_wanted;
	cli->hurried_ctx = here;
	control_execute(&control, ask->request, emit, keep_going, here);
	cli->hurried = NULL;
	if (ask->finished)
		return REACH_FINISHED;
	if (ask->paused)
		return REACH_PAUSED;
	err_set(err, ERR_NOMEM, "out of memory");
	return REACH_FAILED;
}

enum reach ask_here(struct ask *ask, struct err *err)
{
	struct here *here;
	enum reach reach = here_open(&here, ask->cli->state_dir, err);

	if (reach != REACH_FINISHED)
		return reach;
	reach = here_ask(here, ask, err);
	here_close(here);
	return reach;
}
