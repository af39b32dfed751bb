#include "link.h"

#include "leadrelay/clock.h"
#include "leadrelay/control.h"

#include <time.h>
#include <unistd.h>

#define AGAIN_MS 50
/* A daemon that restarts takes 10 s to end at most, and as long to begin. */
#define PATIENCE_MS 30000
#define LOST_MAX 5 /* daemons that ended while they had the same request */

void link_init(struct link *link, struct cli *cli)
{
	*link = (struct link){.cli = cli, .fd = -1};
}

void link_finish(struct link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	if (link->here)
		here_close(link->here);
	link->fd = -1;
	link->here = NULL;
}

void link_idle(struct link *link)
{
	if (link->here && here_wanted(link->here))
		link_finish(link);
}

static enum reach link_open(struct link *link, struct err *err)
{
	enum reach reach;

	if (link->fd >= 0 || link->here)
		return REACH_FINISHED;
	reach = socket_connect(link->cli->state_dir, &link->fd, err);
	if (reach == REACH_NOBODY)
		reach = here_open(&link->here, link->cli->state_dir, err);
	return reach;
}

static enum reach try_once(struct link *link, struct ask *ask, struct err *err)
{
	enum reach reach;

	link_idle(link);
	reach = link_open(link, err);
	if (reach != REACH_FINISHED)
		return reach;
	reach = link->here ? here_ask(link->here, ask, err)
			   : socket_ask(ask, link->fd, err);
	if (reach != REACH_FINISHED)
		link_finish(link);
	return reach;
}

static void nap(void)
{
	const struct timespec moment = {.tv_nsec = AGAIN_MS * 1000000L};

	nanosleep(&moment, NULL);
}

static int link_until_finished(struct link *link, struct ask *ask, struct err *err)
{
	int64_t since = clock_mono(&clock_system);

	for (;;) {
		enum reach reach = try_once(link, ask, err);
		bool late = clock_mono(&clock_system) - since > PATIENCE_MS;

		switch (reach) {
		case REACH_FINISHED:
			return ask->status;
		case REACH_FAILED:
			return control_exit_status(err->code);
		case REACH_LOST:
			if (++ask->lost > LOST_MAX)
				return EXIT_FAILED;
			break;
		case REACH_PAUSED: /* ask whoever is next */
			cJSON_Delete(ask->paused);
			ask->paused = NULL;
			err_set(err, ERR_BUSY, "leadrelayd does not take it");
			if (late)
				return EXIT_FAILED;
			break;
		case REACH_NOBODY:
		case REACH_LOCKED:
			if (late)
				return EXIT_HELD;
			break;
		}
		nap();
	}
}

int link_ask(struct link *link, cJSON *request, cJSON **done_out, struct err *err)
{
	struct answers answers = {0};
	struct err told = {0};
	struct ask ask = {
		.cli = link->cli, .request = request, .answers = &answers, .told = &told};
	int status = link_until_finished(link, &ask, err);

	cJSON_Delete(request);
	cJSON_Delete(ask.paused);
	if (status == EXIT_DONE)
		*done_out = answers.done;
	else if (ask.finished)
		*err = told;
	return status;
}
