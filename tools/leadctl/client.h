/*
 * client: how one request is executed, wherever that is possible just now.
 *
 *   control.sock answers            the daemon executes it
 *   nobody listens, lock is free    here, on the store, under the lock; a daemon that
 * starts meanwhile gets the lock after the batch at hand, and the request goes on over
 * its socket from where it was somebody else holds the lock    again in a moment, for up
 * to 10 s
 */
#ifndef LEADCTL_CLIENT_H
#define LEADCTL_CLIENT_H

#include "leadctl.h"

#define CLIENT_PATIENCE_MS 10000

struct ask { /* one request under way */
	struct cli *cli;
	cJSON *request; /* owned */
	struct answers *answers;
	bool answered;    /* something came back */
	bool finished;    /* done or error came back */
	cJSON *paused;    /* owned; where to go on */
	int status;       /* an exit_status, once finished */
	int lost;         /* how often a daemon ended under it */
	struct err *told; /* takes an error's text, which else is said at once; or NULL */
};

enum reach {
	REACH_FINISHED, /* ask->finished */
	REACH_PAUSED,   /* ask->paused */
	REACH_NOBODY,   /* the daemon does not listen */
	REACH_LOCKED,   /* somebody else holds the lock */
	REACH_LOST,     /* the daemon ended before it answered anything */
	REACH_FAILED,   /* told in err */
};

/* Takes one answer; false when nothing more is wanted. */
bool ask_take(struct ask *ask, cJSON *answer);

/* The parts of both, for who asks many times: a connection to the daemon; the outbox
 * under the lock, REACH_FINISHED when it is open, and whether a daemon wants it. */
enum reach socket_connect(const char *state_dir, int *fd_out, struct err *err);
enum reach socket_ask(struct ask *ask, int fd, struct err *err);
struct here;
enum reach here_open(struct here **out, const char *state_dir, struct err *err);
enum reach here_ask(struct here *here, struct ask *ask, struct err *err);
bool here_wanted(const struct here *here);
void here_close(struct here *here);

enum reach ask_daemon(struct ask *ask, struct err *err);
enum reach ask_here(struct ask *ask, struct err *err);

#endif
