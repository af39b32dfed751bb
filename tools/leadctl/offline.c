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

#include <string.h>

struct here {
	struct ask *ask;
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

static enum err_code open_outbox(struct here *here, struct err *err)
{
	const char *state_dir = here->ask->cli->state_dir;
	const struct store_options options = {.state_dir = state_dir,
		.clock = &clock_system,
		.entropy = &entropy_system};

	if (store_open(&here->store, &options, err) != ERR_OK)
		return err->code;
	return reader_open(&here->reader, state_dir, &clock_system, err);
}

static void execute(struct here *here)
{
	const struct control_options control = {.store = here->store,
		.reader = here->reader,
		.clock = &clock_system,
		.config = here->ask->cli->config,
		.version = version_text()};
	struct cli *cli = here->ask->cli;

	cli->hurried = lock_wanted;
	cli->hurried_ctx = here;
	control_execute(&control, here->ask->request, emit, keep_going, here);
	cli->hurried = NULL;
}

/* The reader goes first: the store's last connection truncates the WAL. */
static void close_outbox(struct here *here)
{
	if (here->reader)
		reader_close(here->reader);
	if (here->store)
		store_close(here->store);
	store_lock_release(here->lock);
}

enum reach ask_here(struct ask *ask, struct err *err)
{
	struct here here = {.ask = ask};
	enum err_code code;

	code = store_lock_take(&here.lock, ask->cli->state_dir, LOCK_TOOL, 0, err);
	if (code == ERR_LOCKED)
		return REACH_LOCKED;
	if (code != ERR_OK) {
		if (code == ERR_NOT_FOUND) /* of a directory, not of a lead */
			err->code = ERR_IO;
		return REACH_FAILED;
	}
	code = open_outbox(&here, err);
	if (code == ERR_OK)
		execute(&here);
	close_outbox(&here);
	if (code != ERR_OK)
		return REACH_FAILED;
	if (!ask->finished && !ask->paused) {
		err_set(err, ERR_NOMEM, "out of memory");
		return REACH_FAILED;
	}
	return ask->finished ? REACH_FINISHED : REACH_PAUSED;
}
