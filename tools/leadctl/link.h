/*
 * link: many requests after one another, through one connection to the daemon, or on the
 * outbox opened once. When a daemon starts it gets the lock within a moment, and the rest
 * goes through its socket; when it ends or is killed, the rest is done here. Only for
 * requests that may be executed again when their answer was lost.
 *
 * One thread.
 */
#ifndef LEADCTL_LINK_H
#define LEADCTL_LINK_H

#include "client.h"

struct link {
	struct cli *cli;
	int fd;            /* -1: not connected */
	struct here *here; /* NULL: not open */
};

void link_init(struct link *link, struct cli *cli);
void link_finish(struct link *link);
/* Takes request. On EXIT_DONE *done_out is the caller's to cJSON_Delete; else err says
 * why. */
int link_ask(struct link *link, cJSON *request, cJSON **done_out, struct err *err);
/* Every so often while there is nothing to ask: lets go of the lock when it is wanted. */
void link_idle(struct link *link);

#endif
