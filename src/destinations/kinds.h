/*
 * kinds: the rows of destination_kinds[], each in a file of its own. For the files of
 * this room only.
 */
#ifndef DESTINATIONS_KINDS_H
#define DESTINATIONS_KINDS_H

#include "leadrelay/destination.h"

extern const struct destination_kind destination_azure_table;
extern const struct destination_kind destination_dynamics365;
extern const struct destination_kind destination_file;
extern const struct destination_kind destination_https;

/* Ends the task: STEP_DONE with that outcome. */
enum step_kind task_done(struct task *task, const struct outcome *outcome);
/* Ends the task for want of memory: a retry. */
enum step_kind task_out_of_memory(struct task *task);
/* One exchange for the history; beyond TASK_EXCHANGES_MAX it is forgotten. */
void task_record(struct task *task, const struct outcome *outcome, int64_t started_at,
	int64_t duration_ms);

#endif
