/*
 * apart: work on the outbox as the owner of state_dir, beside files of the user's.
 *
 * Run as root, leadctl becomes that owner for good. So the work is done by a child: the
 * parent keeps its rights, and gives the finished file its name where only root may.
 */
#ifndef LEADCTL_APART_H
#define LEADCTL_APART_H

#include "leadctl.h"

#include <stddef.h>

/* Runs work in a child that is the owner of cli->state_dir; its exit_status. result is
 * size bytes of plain values, as work left them. Both tell failures on standard error. */
int run_apart(struct cli *cli, int (*work)(struct cli *cli, void *ctx, void *result),
	void *ctx, void *result, size_t size);

/* What restore and salvage answer as JSON: the file, what was counted, and where the old
 * outbox is kept ("": there was none). */
struct named_count {
	const char *name;
	int64_t value;
};
void print_kept(struct cli *cli, const char *file, const struct named_count *counts,
	size_t count, const char *aside);

#endif
