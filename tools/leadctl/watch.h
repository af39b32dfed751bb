/*
 * watch: a view shown again and again. On a terminal each takes the place of the one
 * before, line by line, so that nothing flickers, cut to the window; elsewhere they
 * follow one another.
 */
#ifndef LEADCTL_WATCH_H
#define LEADCTL_WATCH_H

#include "leadctl.h"

/* show fills cli->out with one view and returns an exit_status; EXIT_DONE and
 * EXIT_ATTENTION go on. times 0: until a signal ends it, which is EXIT_DONE. */
int watch(struct cli *cli, int64_t every_ms, int64_t times, int (*show)(struct cli *cli));

#endif
